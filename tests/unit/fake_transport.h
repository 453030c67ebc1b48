/* A transport for tests of the outbox and the relay: addresses fake://NAME; notes every message it
 * is given and answers as the test has set it for the address. */
#ifndef GURNARD_TESTS_FAKE_TRANSPORT_H
#define GURNARD_TESTS_FAKE_TRANSPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/buf.h"
#include "gurnard/loop/loop.h"
#include "gurnard/transport/transport.h"

#define FAKE_NOTES_MAX 2048
#define FAKE_RULES_MAX 64

/* One message as it was received. */
struct fake_note {
    char address[64];
    char content_type[64];
    char event_id[64];
    bool is_replay; /* Gurnard-Replay: 1 */
    char *body;     /* the parts joined, NUL-terminated */
};

/* How an address answers. */
struct fake_rule {
    char address[64];
    enum gn_err err; /* GN_OK: taken */
    int status;
    uint32_t times; /* answers err so often, then GN_OK; 0: for good */
    uint32_t retry_after_ms;
    const char *answer;   /* body of an answer that is no success; NULL: none */
    bool hangs;           /* no answer until it is cancelled */
    enum gn_err send_err; /* what send() itself returns */
    uint32_t active, most_active;
};

struct fake_transport {
    struct gn_transport base;
    struct gn_loop *loop;
    struct fake_note notes[FAKE_NOTES_MAX];
    size_t note_count;
    struct fake_rule rules[FAKE_RULES_MAX];
    size_t rule_count;
    uint32_t active;
    uint32_t canceled;
};

struct gn_sending {
    struct fake_transport *fake;
    struct fake_rule *rule;
    const struct gn_message_out *message;
    gn_sent_fn done;
    void *ctx;
    struct gn_defer defer;
};

/* The rule of an address, made when missing: answers 200. */
static inline struct fake_rule *fake_rule(struct fake_transport *fake, const char *address)
{
    struct fake_rule *rule;

    for (size_t i = 0; i < fake->rule_count; i++)
        if (strcmp(fake->rules[i].address, address) == 0)
            return &fake->rules[i];
    if (fake->rule_count == FAKE_RULES_MAX)
        abort();
    rule = &fake->rules[fake->rule_count++];
    (void)snprintf(rule->address, sizeof(rule->address), "%s", address);
    return rule;
}

static inline void fake_note(struct fake_transport *fake, const struct gn_message_out *message)
{
    struct fake_note *note = &fake->notes[fake->note_count];
    struct gn_buf body = GN_BUF_INIT;

    if (fake->note_count == FAKE_NOTES_MAX)
        abort();
    fake->note_count++;
    (void)snprintf(note->address, sizeof(note->address), "%s", message->address);
    (void)snprintf(note->content_type, sizeof(note->content_type), "%s", message->headers[0]);
    if (message->headers[1] != NULL)
        (void)snprintf(note->event_id, sizeof(note->event_id), "%s", message->headers[1]);
    for (size_t i = 1; message->headers[i] != NULL; i++)
        note->is_replay |= strcmp(message->headers[i], "Gurnard-Replay: 1") == 0;
    for (size_t i = 0; i < GN_MESSAGE_PARTS; i++)
        gn_buf_add_str(&body, message->body[i]);
    note->body = gn_buf_take(&body);
}

static inline void fake_end(struct gn_sending *sending, const struct gn_sent *sent)
{
    gn_sent_fn done = sending->done;
    void *ctx = sending->ctx;

    sending->rule->active--;
    sending->fake->active--;
    free(sending);
    done(ctx, sent);
}

static inline void fake_answer(void *ctx)
{
    struct gn_sending *sending = ctx;
    struct fake_rule *rule = sending->rule;
    struct gn_sent sent = {.err = GN_OK, .status = 200, .reason = ""};

    if (rule->hangs)
        return;
    if (rule->err != GN_OK) {
        sent.err = rule->err;
        sent.status = rule->status;
        sent.retry_after_ms = rule->retry_after_ms;
        sent.answer = gn_str_of(rule->answer);
        if (rule->times > 0 && --rule->times == 0)
            rule->err = GN_OK;
    }
    fake_end(sending, &sent);
}

static inline void fake_answer_canceled(void *ctx)
{
    struct gn_sending *sending = ctx;
    const struct gn_sent sent = {.err = GN_ECANCELED, .reason = ""};

    sending->fake->canceled++;
    fake_end(sending, &sent);
}

static inline bool fake_takes(const struct gn_transport *transport, const char *address)
{
    (void)transport;
    return strncmp(address, "fake://", 7) == 0;
}

static inline enum gn_err fake_send(struct gn_transport *transport,
                                    const struct gn_message_out *message, gn_sent_fn done,
                                    void *ctx, struct gn_sending **sending)
{
    struct fake_transport *fake = GN_CONTAINER_OF(transport, struct fake_transport, base);
    struct fake_rule *rule = fake_rule(fake, message->address);
    struct gn_sending *made;

    if (rule->send_err != GN_OK)
        return rule->send_err;
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        return GN_ENOMEM;
    *made = (struct gn_sending){fake, rule, message, done, ctx, {0}};
    fake->active++;
    rule->active++;
    if (rule->active > rule->most_active)
        rule->most_active = rule->active;
    fake_note(fake, message);
    gn_defer_call(fake->loop, &made->defer, fake_answer, made);
    *sending = made;
    return GN_OK;
}

static inline void fake_cancel(struct gn_transport *transport, struct gn_sending *sending)
{
    (void)transport;
    gn_defer_cancel(&sending->defer);
    gn_defer_call(sending->fake->loop, &sending->defer, fake_answer_canceled, sending);
}

static inline void fake_free(struct gn_transport *transport)
{
    struct fake_transport *fake = GN_CONTAINER_OF(transport, struct fake_transport, base);

    if (fake->active != 0)
        abort();
    for (size_t i = 0; i < fake->note_count; i++)
        free(fake->notes[i].body);
    free(fake);
}

static inline struct fake_transport *fake_transport_new(struct gn_loop *loop)
{
    static const struct gn_transport_ops ops = {
        .name = "fake",
        .takes = fake_takes,
        .send = fake_send,
        .cancel = fake_cancel,
        .free = fake_free,
    };
    struct fake_transport *fake = calloc(1, sizeof(*fake));

    if (fake == NULL)
        abort();
    fake->base.ops = &ops;
    fake->loop = loop;
    return fake;
}

/* How many messages went to address. */
static inline size_t fake_count(const struct fake_transport *fake, const char *address)
{
    size_t count = 0;

    for (size_t i = 0; i < fake->note_count; i++)
        if (strcmp(fake->notes[i].address, address) == 0)
            count++;
    return count;
}

#endif
