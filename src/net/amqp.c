/* The life of an AMQP connection: started, made, broken, made again after a pause, stopped. And the
 * end of each turn, when the owner is told what has happened. */
#include "gurnard/net/amqp.h"

#include <proton/condition.h>
#include <proton/connection.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/text.h"

#include "amqp_priv.h"

#define REPORTS_MAX 1000 /* ends of messages, and links, told in one turn */

/* ---- texts ---- */

/* One line, whatever a peer or a library has written; UTF-8, cut to size. */
static void make_line(char *text, size_t size, const char *raw)
{
    struct gn_str clean = gn_text_clip(gn_str_of(raw), size - 1);

    if (clean.len > 0)
        memcpy(text, clean.p, clean.len);
    text[clean.len] = '\0';
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == '\x7f')
            *p = ' ';
}

void gn_amqp_condition_text(pn_condition_t *condition, const char *otherwise, char *text,
                            size_t size)
{
    char raw[2 * GN_AMQP_REASON_MAX];
    const char *name, *description;

    if (condition == NULL || !pn_condition_is_set(condition)) {
        make_line(text, size, otherwise);
        return;
    }
    name = pn_condition_get_name(condition);
    description = pn_condition_get_description(condition);
    if (description == NULL || *description == '\0')
        (void)snprintf(raw, sizeof raw, "%s", name);
    else
        (void)snprintf(raw, sizeof raw, "%s: %s", name, description); /* cut is fine */
    make_line(text, size, raw);
}

/* ---- pauses ---- */

uint32_t gn_amqp_pause_max_ms(const struct gn_amqp *amqp, uint32_t count)
{
    uint64_t ceiling = amqp->config.retry_min_ms;

    if (count > 1)
        ceiling = count > 32 ? UINT64_MAX : ceiling << (count - 1);
    return ceiling > amqp->config.retry_max_ms ? amqp->config.retry_max_ms : (uint32_t)ceiling;
}

uint32_t gn_amqp_pause_ms(struct gn_amqp *amqp, uint32_t count)
{
    uint32_t most = gn_amqp_pause_max_ms(amqp, count);
    uint32_t least = most - most / 2;
    uint64_t number;

    amqp->random_state++;
    number =
        gn_text_hash((struct gn_str){(const char *)&amqp->random_state, sizeof amqp->random_state});
    return least + (uint32_t)(number % (most / 2 + 1));
}

/* ---- states ---- */

static void set_state(struct gn_amqp *amqp, enum gn_amqp_state state)
{
    amqp->state = state;
    gn_timer_stop(&amqp->timer);
}

void gn_amqp_break(struct gn_amqp *amqp, const char *format, ...)
{
    char raw[2 * GN_AMQP_REASON_MAX];
    va_list args;

    if (amqp->is_broken)
        return;
    va_start(args, format);
    (void)vsnprintf(raw, sizeof raw, format, args); /* cut is fine */
    va_end(args);
    make_line(amqp->reason, sizeof amqp->reason, raw);
    amqp->is_broken = true;
    gn_amqp_turn_later(amqp);
}

void gn_amqp_opened(struct gn_amqp *amqp)
{
    const char *container = pn_connection_remote_container(amqp->driver.connection);

    if (amqp->state != GN_AMQP_OPENING)
        return; /* stopped meanwhile */
    set_state(amqp, GN_AMQP_UP);
    amqp->connects++;
    amqp->up_at_ms = gn_loop_now_ms(amqp->loop);
    amqp->logged_error[0] = '\0';
    gn_log_info("amqp.up connection=%s peer=%s", amqp->config.name,
                container == NULL ? "" : container);
    gn_amqp_links_up(amqp);
}

/* A broken connection is a fact each time, an attempt that fails only when the reason is new. */
static void log_down(struct gn_amqp *amqp, bool was_up)
{
    if (!was_up && strcmp(amqp->last_error, amqp->logged_error) == 0)
        return;
    memcpy(amqp->logged_error, amqp->last_error, sizeof amqp->logged_error);
    if (amqp->is_denied)
        gn_log_error("amqp.denied connection=%s reason=\"%s\"", amqp->config.name,
                     amqp->last_error);
    else
        gn_log_warn("amqp.down connection=%s reason=\"%s\"", amqp->config.name, amqp->last_error);
}

/* A connection that broke sooner than the pause before it was no success. */
static void plan_next(struct gn_amqp *amqp, bool was_up)
{
    uint32_t pause_ms;

    if (was_up && gn_loop_now_ms(amqp->loop) - amqp->up_at_ms >= amqp->pause_ms)
        amqp->failures_in_a_row = 0;
    if (amqp->failures_in_a_row < UINT32_MAX)
        amqp->failures_in_a_row++;
    amqp->pause_ms = gn_amqp_pause_max_ms(amqp, amqp->failures_in_a_row);
    pause_ms = gn_amqp_pause_ms(amqp, amqp->failures_in_a_row);
    if (amqp->is_denied && pause_ms < amqp->config.denied_ms)
        pause_ms = amqp->config.denied_ms;
    set_state(amqp, GN_AMQP_WAITING);
    gn_timer_start(&amqp->timer, pause_ms);
}

void gn_amqp_down(struct gn_amqp *amqp)
{
    bool was_up = amqp->state == GN_AMQP_UP;

    gn_amqp_links_down(amqp);
    gn_amqp_disconnect(amqp);
    if (amqp->state == GN_AMQP_CLOSING) {
        set_state(amqp, GN_AMQP_ENDING);
    } else {
        amqp->failures++;
        memcpy(amqp->last_error, amqp->reason, sizeof amqp->last_error);
        log_down(amqp, was_up);
        plan_next(amqp, was_up);
    }
    amqp->is_broken = false;
    amqp->is_denied = false;
    amqp->reason[0] = '\0';
}

static void on_timer(void *ctx)
{
    struct gn_amqp *amqp = ctx;

    switch (amqp->state) {
    case GN_AMQP_WAITING:
        gn_amqp_connect(amqp);
        break;
    case GN_AMQP_CONNECTING:
        gn_amqp_connect_next(amqp);
        break;
    case GN_AMQP_LOOKING_UP:
        gn_amqp_break(amqp, "look-up of %s: no answer in time", amqp->config.host);
        break;
    case GN_AMQP_OPENING:
        gn_amqp_break(amqp, "the peer did not open the connection in time");
        break;
    case GN_AMQP_CLOSING:
        gn_amqp_break(amqp, "the peer did not close the connection in time");
        break;
    case GN_AMQP_IDLE:
    case GN_AMQP_UP:
    case GN_AMQP_ENDING:
    case GN_AMQP_STOPPED:
        return;
    }
    gn_amqp_turn(amqp);
}

static void on_tick(void *ctx)
{
    gn_amqp_turn(ctx);
}

/* ---- telling the owner ---- */

void gn_amqp_note(struct gn_amqp_link *link)
{
    struct gn_amqp *amqp = link->amqp;

    if (link->is_noted || link->is_freed)
        return;
    link->is_noted = true;
    TAILQ_INSERT_TAIL(&amqp->noted, link, note);
    gn_amqp_turn_later(amqp);
}

static void report_state(struct gn_amqp *amqp)
{
    bool is_up = amqp->state == GN_AMQP_UP;

    if (amqp->was_told_up == is_up || amqp->state == GN_AMQP_CLOSING)
        return;
    amqp->was_told_up = is_up;
    if (amqp->config.on_state != NULL)
        amqp->config.on_state(amqp->config.ctx, is_up,
                              is_up                            ? ""
                              : amqp->state == GN_AMQP_STOPPED ? "stopped"
                                                               : amqp->last_error);
}

static void report_link(struct gn_amqp_link *link)
{
    if (!link->is_sender)
        gn_amqp_receiver_report(gn_amqp_receiver_of(link));
    if (link->is_refused && !link->is_freed) {
        link->is_refused = false;
        if (link->on_refused != NULL)
            link->on_refused(link->ctx, link->reason);
    }
    if (link->is_sender && !link->is_freed)
        gn_amqp_sender_report(gn_amqp_sender_of(link));
}

static void report_links(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;

    for (size_t i = 0; i < REPORTS_MAX && (link = TAILQ_FIRST(&amqp->noted)) != NULL; i++) {
        TAILQ_REMOVE(&amqp->noted, link, note);
        link->is_noted = false;
        report_link(link); /* its memory stays, even if it is freed, until the end of the turn */
    }
    if (!TAILQ_EMPTY(&amqp->noted))
        gn_amqp_turn_later(amqp);
}

static void report_sendings(struct gn_amqp *amqp)
{
    struct gn_amqp_sending *sending;

    for (size_t i = 0; i < REPORTS_MAX && (sending = TAILQ_FIRST(&amqp->ended)) != NULL; i++) {
        TAILQ_REMOVE(&amqp->ended, sending, link);
        amqp->sending_count--;
        sending->done(sending->ctx, sending->outcome, sending->reason);
        free(sending);
    }
    if (!TAILQ_EMPTY(&amqp->ended))
        gn_amqp_turn_later(amqp);
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text); /* copied by us */
}

static void destroy(struct gn_amqp *amqp)
{
    gn_amqp_reap(amqp);
    gn_defer_cancel(&amqp->turn);
    gn_timer_fini(&amqp->timer);
    gn_timer_fini(&amqp->tick);
    free_text(amqp->config.name);
    free_text(amqp->config.host);
    free_text(amqp->config.container_id);
    free_text(amqp->config.user);
    free_text(amqp->config.ca_file);
    free_text(amqp->config.cert_file);
    free_text(amqp->config.key_file);
    gn_secret_free(&amqp->password);
    free(amqp);
}

/* The owner may free the connection in the last of what it is told. */
static void report(struct gn_amqp *amqp)
{
    amqp->is_reporting = true;
    report_links(amqp);
    report_sendings(amqp);
    gn_amqp_reap(amqp);
    if (amqp->state == GN_AMQP_ENDING)
        set_state(amqp, GN_AMQP_STOPPED);
    if (!amqp->is_freed)
        report_state(amqp);
    amqp->is_reporting = false;
    if (amqp->is_freed)
        destroy(amqp);
}

void gn_amqp_turn(struct gn_amqp *amqp)
{
    if (amqp->has_driver)
        gn_amqp_drive(amqp);
    else if (amqp->is_broken)
        gn_amqp_down(amqp);
    report(amqp);
}

static void on_turn(void *ctx)
{
    gn_amqp_turn(ctx);
}

void gn_amqp_turn_later(struct gn_amqp *amqp)
{
    gn_defer_call(amqp->loop, &amqp->turn, on_turn, amqp);
}

/* ---- the owner's calls ---- */

static bool copy_text(const char **text)
{
    if (*text == NULL)
        return true;
    *text = strdup(*text);
    return *text != NULL;
}

/* All are tried, so that none is left borrowed. */
static bool copy_texts(struct gn_amqp_config *config)
{
    const char **const texts[] = {&config->name,    &config->host,    &config->container_id,
                                  &config->user,    &config->ca_file, &config->cert_file,
                                  &config->key_file};
    bool is_good = true;

    for (size_t i = 0; i < GN_LEN(texts); i++)
        is_good = copy_text(texts[i]) && is_good;
    return is_good;
}

struct gn_amqp *gn_amqp_new(struct gn_loop *loop, struct gn_resolver *resolver,
                            const struct gn_amqp_config *config)
{
    struct gn_amqp *amqp = calloc(1, sizeof *amqp);
    bool is_good;

    if (amqp == NULL)
        return NULL;
    gn_amqp_silence_library();
    amqp->loop = loop;
    amqp->resolver = resolver;
    amqp->fd = -1;
    amqp->config = *config;
    amqp->config.password = NULL; /* ours is password */
    amqp->random_state = (uint64_t)(uintptr_t)amqp;
    TAILQ_INIT(&amqp->links);
    TAILQ_INIT(&amqp->queued);
    TAILQ_INIT(&amqp->noted);
    TAILQ_INIT(&amqp->dead);
    TAILQ_INIT(&amqp->presettling);
    TAILQ_INIT(&amqp->ended);
    gn_timer_init(&amqp->timer, loop, on_timer, amqp);
    gn_timer_init(&amqp->tick, loop, on_tick, amqp);
    is_good = copy_texts(&amqp->config);
    if (config->password != NULL && config->password->len > 0)
        is_good = gn_secret_set(&amqp->password, gn_secret_str(config->password)) && is_good;
    if (!is_good) {
        destroy(amqp);
        return NULL;
    }
    return amqp;
}

void gn_amqp_start(struct gn_amqp *amqp)
{
    const char *why = gn_amqp_check_config(&amqp->config);

    GN_ASSERT(amqp->state == GN_AMQP_IDLE);
    if (why != NULL) {
        make_line(amqp->last_error, sizeof amqp->last_error, why);
        gn_log_error("amqp.unusable connection=%s reason=\"%s\"", amqp->config.name, why);
        return;
    }
    gn_amqp_connect(amqp);
}

void gn_amqp_stop(struct gn_amqp *amqp)
{
    struct gn_amqp_link *link;
    bool was_up = amqp->state == GN_AMQP_UP;

    if (amqp->state >= GN_AMQP_CLOSING)
        return;
    TAILQ_FOREACH (link, &amqp->links, link)
        if (link->is_sender)
            gn_amqp_sender_end_all(gn_amqp_sender_of(link), GN_AMQP_CANCELED, "stopped");
    set_state(amqp, GN_AMQP_CLOSING);
    if (was_up) {
        pn_connection_close(amqp->driver.connection);
        gn_timer_start(&amqp->timer, GN_AMQP_CLOSE_MS);
        gn_amqp_turn_later(amqp);
    } else {
        if (!amqp->has_driver)
            gn_amqp_disconnect(amqp); /* else an answer might still come and be taken */
        gn_amqp_break(amqp, "stopped");
        gn_amqp_turn_later(amqp);
    }
}

bool gn_amqp_is_stopped(const struct gn_amqp *amqp)
{
    return amqp->state == GN_AMQP_STOPPED && amqp->sending_count == 0;
}

void gn_amqp_free(struct gn_amqp *amqp)
{
    if (amqp == NULL)
        return;
    GN_ASSERT(amqp->state == GN_AMQP_IDLE || amqp->state == GN_AMQP_STOPPED);
    GN_ASSERT(TAILQ_EMPTY(&amqp->links) && amqp->sending_count == 0);
    amqp->is_freed = true;
    if (!amqp->is_reporting)
        destroy(amqp);
}

bool gn_amqp_is_up(const struct gn_amqp *amqp)
{
    return amqp->state == GN_AMQP_UP;
}

void gn_amqp_status(const struct gn_amqp *amqp, struct gn_amqp_status *status)
{
    *status = (struct gn_amqp_status){
        .connects = amqp->connects,
        .failures = amqp->failures,
        .bytes_in = amqp->bytes_in,
        .bytes_out = amqp->bytes_out,
        .last_error = amqp->last_error,
    };
}
