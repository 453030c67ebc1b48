/* The admin API: dead letters are delivered once more. One by its number; or all, or those of a
 * subscription, as a bulk: at most GN_AGAIN_MAX are with the outbox, the others wait for their turn
 * as dead letters and are read then. A letter is forgotten when it was taken. */
#include <stdlib.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/log.h"
#include "admin_priv.h"

/* A letter on its way. */
struct gn_admin_again {
    struct gn_admin *admin; /* NULL: is gone */
    struct gn_deadletters *letters;
    uint64_t number;
    TAILQ_ENTRY(gn_admin_again) link;
};

/* One bulk under way. */
struct gn_admin_bulk {
    struct gn_admin *admin; /* NULL: is gone */
    char *subscription;     /* NULL: of all */
    uint64_t at;            /* the letters up to this one had their turn */
    uint64_t last;          /* newer ones are not of this bulk */
    uint64_t sent, failed;
    bool is_reading;
};

/* A single letter that is being read. */
struct single {
    struct gn_admin_task task;
    uint64_t number;
};

/* ---- one delivery ---- */

static void on_again(void *ctx, enum gn_err err)
{
    struct gn_admin_again *again = ctx;
    struct gn_admin *admin = again->admin;

    gn_log_debug("deadletter.sent_again number=%llu result=\"%s\"",
                 (unsigned long long)again->number, gn_err_text(err));
    if (err == GN_OK && gn_deadletters_remove(again->letters, again->number) != GN_OK)
        gn_log_debug("deadletter.gone number=%llu", (unsigned long long)again->number);
    if (admin != NULL) {
        TAILQ_REMOVE(&admin->again, again, link);
        admin->again_count--;
    }
    free(again);
    if (admin != NULL)
        gn_admin_again_step(admin);
}

static bool is_under_way(const struct gn_admin *admin, uint64_t number)
{
    const struct gn_admin_again *again;

    TAILQ_FOREACH (again, &admin->again, link)
        if (again->number == number)
            return true;
    return false;
}

/* GN_ENOTFOUND: its subscription is gone. GN_EEXIST: it is under way. GN_EFULL, GN_ENOMEM. */
static enum gn_err send_letter(struct gn_admin *admin, const struct gn_deadletter *letter)
{
    struct gn_sink *sink = gn_outbox_find_sink(admin->parts.outbox, letter->subscription);
    struct gn_admin_again *again;
    enum gn_err err;

    if (sink == NULL)
        return GN_ENOTFOUND;
    if (is_under_way(admin, letter->number))
        return GN_EEXIST;
    again = calloc(1, sizeof *again);
    if (again == NULL)
        return GN_ENOMEM;
    *again = (struct gn_admin_again){.admin = admin,
                                     .letters = admin->parts.letters,
                                     .number = letter->number};
    err = gn_outbox_send_again(sink, letter->event, on_again, again);
    if (err != GN_OK) {
        free(again);
        return err;
    }
    TAILQ_INSERT_TAIL(&admin->again, again, link);
    admin->again_count++;
    return GN_OK;
}

/* ---- one letter ---- */

static void answer_single(struct gn_http_request *request, enum gn_err err)
{
    if (err == GN_OK)
        gn_admin_reply_count(request, 202, "queued", 1);
    else if (err == GN_ENOTFOUND)
        gn_reply_error(request, 404, GN_STR("its subscription is gone"));
    else if (err == GN_EEXIST)
        gn_reply_error(request, 409, GN_STR("it is under way"));
    else
        gn_reply_later(request);
}

static void on_single(void *ctx, enum gn_err err, const struct gn_deadletter *letter)
{
    struct single *single = ctx;

    if (gn_admin_task_end(&single->task)) {
        if (letter == NULL)
            gn_admin_answer_no_letter(single->task.request, err);
        else
            answer_single(single->task.request, send_letter(single->task.admin, letter));
    }
    free(single);
}

static void begin_single(struct gn_admin *admin, const struct gn_admin_call *call)
{
    struct single *single = calloc(1, sizeof *single);
    unsigned long long number = 0;
    enum gn_err err;

    if (single == NULL) {
        gn_reply_later(call->request);
        return;
    }
    (void)gn_str_to_u64(call->arg, UINT64_MAX, &number); /* the route has seen to it */
    err = gn_deadletters_get(admin->parts.letters, number, on_single, single);
    if (err != GN_OK) {
        gn_admin_answer_no_letter(call->request, err);
        free(single);
        return;
    }
    gn_admin_task_begin(&single->task, admin, call->request);
}

void gn_admin_letter_again(struct gn_admin *admin, const struct gn_admin_call *call)
{
    json_t *body;

    if (!gn_admin_read_body(call->request, NULL, 0, NULL, &body))
        return;
    begin_single(admin, call);
    json_decref(body);
}

/* ---- many ---- */

static void bulk_free(struct gn_admin_bulk *bulk)
{
    free(bulk->subscription);
    free(bulk);
}

static void bulk_finish(struct gn_admin_bulk *bulk)
{
    GN_ASSERT(!bulk->is_reading && bulk->admin->bulk == bulk);
    gn_log_info("deadletters.sent_again sink=%s count=%llu failed=%llu",
                bulk->subscription == NULL ? "all" : bulk->subscription,
                (unsigned long long)bulk->sent, (unsigned long long)bulk->failed);
    bulk->admin->bulk = NULL;
    bulk_free(bulk);
}

static bool is_of_bulk(const struct gn_admin_bulk *bulk, const struct gn_deadletter_entry *entry)
{
    struct gn_str subscription = gn_str_of(entry->subscription);

    return (bulk->subscription == NULL || gn_str_eq(subscription, gn_str_of(bulk->subscription))) &&
           gn_outbox_find_sink(bulk->admin->parts.outbox, subscription) != NULL &&
           !is_under_way(bulk->admin, entry->number);
}

/* A walk over the letters of a bulk that have not had their turn. */
struct walk {
    const struct gn_admin_bulk *bulk;
    uint64_t next; /* the first of them, 0: there is none */
    uint64_t last; /* the newest letter of all */
    uint64_t count;
};

static bool find_next(void *ctx, const struct gn_deadletter_entry *entry)
{
    struct walk *walk = ctx;

    if (entry->number > walk->bulk->last)
        return false;
    if (entry->number > walk->bulk->at && is_of_bulk(walk->bulk, entry))
        walk->next = entry->number;
    return walk->next == 0;
}

static bool count_entry(void *ctx, const struct gn_deadletter_entry *entry)
{
    struct walk *walk = ctx;

    walk->last = entry->number;
    walk->count += is_of_bulk(walk->bulk, entry);
    return true;
}

static void on_bulk_read(void *ctx, enum gn_err err, const struct gn_deadletter *letter)
{
    struct gn_admin_bulk *bulk = ctx;

    bulk->is_reading = false;
    if (bulk->admin == NULL) {
        bulk_free(bulk);
        return;
    }
    if (letter != NULL)
        err = send_letter(bulk->admin, letter);
    if (letter != NULL && err == GN_EFULL && bulk->admin->again_count > 0) {
        bulk->at = letter->number - 1; /* its turn comes when another one has ended */
        return;
    }
    if (err == GN_OK)
        bulk->sent++;
    else
        bulk->failed++;
    gn_admin_again_step(bulk->admin);
}

void gn_admin_again_step(struct gn_admin *admin)
{
    struct gn_admin_bulk *bulk = admin->bulk;
    struct walk walk = {.bulk = bulk};
    enum gn_err err;

    if (bulk == NULL || bulk->is_reading)
        return;
    gn_deadletters_each(admin->parts.letters, bulk->at, find_next, &walk);
    if (walk.next == 0) {
        bulk_finish(bulk);
        return;
    }
    if (admin->again_count >= GN_AGAIN_MAX)
        return; /* the next one that ends calls */
    bulk->at = walk.next;
    bulk->is_reading = true;
    err = gn_deadletters_get(admin->parts.letters, walk.next, on_bulk_read, bulk);
    if (err != GN_OK) { /* no memory: what is left stays as it is */
        bulk->is_reading = false;
        bulk->failed++;
        bulk_finish(bulk);
    }
}

void gn_admin_again_stop(struct gn_admin *admin)
{
    struct gn_admin_again *again;

    while ((again = TAILQ_FIRST(&admin->again)) != NULL) {
        TAILQ_REMOVE(&admin->again, again, link);
        again->admin = NULL;
    }
    admin->again_count = 0;
    if (admin->bulk != NULL) {
        admin->bulk->admin = NULL;
        if (!admin->bulk->is_reading)
            bulk_free(admin->bulk);
    }
    admin->bulk = NULL;
}

static void begin_bulk(struct gn_admin *admin, struct gn_http_request *request,
                       struct gn_str subscription)
{
    struct gn_admin_bulk *bulk = calloc(1, sizeof *bulk);
    struct walk walk = {.bulk = bulk};

    if (bulk == NULL) {
        gn_reply_later(request);
        return;
    }
    bulk->admin = admin;
    bulk->subscription = subscription.p == NULL ? NULL : gn_str_dup(subscription);
    if (subscription.p != NULL && bulk->subscription == NULL) {
        bulk_free(bulk);
        gn_reply_later(request);
        return;
    }
    gn_deadletters_each(admin->parts.letters, 0, count_entry, &walk);
    bulk->last = walk.last;
    admin->bulk = bulk;
    gn_admin_reply_count(request, 202, "queued", walk.count);
    gn_admin_again_step(admin);
}

void gn_admin_letters_again(struct gn_admin *admin, const struct gn_admin_call *call)
{
    static const char *const names[] = {"subscription"};
    struct gn_str subscription;
    json_t *body;

    if (!gn_admin_read_body(call->request, names, 1, &subscription, &body))
        return;
    if (subscription.p != NULL && gn_outbox_find_sink(admin->parts.outbox, subscription) == NULL)
        gn_reply_error(call->request, 404, GN_STR("no such subscription"));
    else if (admin->bulk != NULL)
        gn_reply_error(call->request, 409, GN_STR("dead letters are being sent again already"));
    else
        begin_bulk(admin, call->request, subscription);
    json_decref(body);
}
