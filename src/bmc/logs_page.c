/* Reads one log from its mark on. Logs stand with the newest entry first (iDRAC, iLO, AMI) or last
 * (OpenBMC): the first page tells. Of a long one with the newest last only the end is asked for, by
 * $skip, as far as the service takes it at its word. */
#include "logs_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/log.h"

#define END_ENTRIES 20U /* of a log without a mark: enough to see its newest */

static void ask_page(struct bmc_logs *logs);

static struct gn_kept_log *log_of(const struct bmc_logs *logs)
{
    return &logs->bmc->kept->logs[logs->log];
}

/* ---- entries ---- */

/* iLO counts an incident up in the entry that it has, instead of writing another. */
static bool is_updated_since(const struct gn_kept_log *log, const struct gn_log_mark *mark)
{
    return mark->updated_ns > log->updated_ns && mark->updated_ns > log->mark.created_ns;
}

static bool is_news(const struct bmc_logs *logs, const struct gn_log_mark *mark)
{
    const struct gn_kept_log *log = log_of(logs);

    if (!log->has_mark)
        return false; /* seen for the first time: what is old is not told */
    if (log->mark.id[0] == '\0')
        return true; /* it was empty */
    if (!logs->is_cleared)
        return gn_log_mark_is_after(&log->mark, mark) || is_updated_since(log, mark);
    return mark->created_ns == INT64_MIN || log->mark.created_ns == INT64_MIN ||
           mark->created_ns > log->mark.created_ns;
}

static void drop_oldest(struct bmc_logs *logs)
{
    size_t oldest = 0;

    for (size_t i = 1; i < logs->found_count; i++)
        if (logs->found[i].mark.created_ns < logs->found[oldest].mark.created_ns)
            oldest = i;
    free(logs->found[oldest].event);
    logs->found[oldest] = logs->found[--logs->found_count];
    logs->dropped++;
}

static bool grow(struct bmc_logs *logs)
{
    size_t room = logs->found_room == 0 ? 64 : logs->found_room * 2;
    struct logs_found *found;

    if (logs->found_count < logs->found_room)
        return true;
    found = reallocarray(logs->found, room, sizeof *found);
    if (found == NULL)
        return false;
    logs->found = found;
    logs->found_room = room;
    return true;
}

void gn_logs_write_event(const struct bmc_logs *logs, const json_t *entry,
                         const struct gn_log_mark *mark, struct gn_buf *event)
{
    struct gn_buf uri = gn_buf_with_limit(2048);
    struct gn_str own = gn_json_str(entry, "@odata.id");

    if (own.len > 0)
        gn_buf_add_str(&uri, own);
    else
        gn_buf_printf(&uri, "%s/%s", log_of(logs)->uri, mark->id);
    gn_log_entry_event(entry, gn_buf_str(&uri), event);
    gn_buf_free(&uri);
}

static void add_found(struct bmc_logs *logs, const json_t *entry, const struct gn_log_mark *mark)
{
    struct gn_buf event = gn_buf_with_limit(LOGS_EVENT_MAX);

    gn_logs_write_event(logs, entry, mark, &event);
    if (logs->found_count == LOGS_FOUND_MAX)
        drop_oldest(logs);
    if (gn_buf_err(&event) != GN_OK || !grow(logs)) {
        logs->is_log_spoilt = logs->is_log_spoilt || gn_buf_err(&event) != GN_ELIMIT;
        gn_buf_free(&event);
        return;
    }
    logs->found[logs->found_count].mark = *mark;
    logs->found[logs->found_count].len = event.len;
    logs->found[logs->found_count++].event = gn_buf_take(&event);
}

static void take_entry(struct bmc_logs *logs, const json_t *entry)
{
    const struct gn_kept_log *log = log_of(logs);
    struct gn_log_mark mark;

    if (!gn_log_mark_read(entry, &mark))
        return;
    if (!logs->has_newest || gn_log_mark_is_after(&logs->newest, &mark))
        logs->newest = mark;
    logs->has_newest = true;
    if (mark.updated_ns > logs->newest_updated_ns)
        logs->newest_updated_ns = mark.updated_ns;
    if (log->has_mark && mark.hash == log->mark.hash && strcmp(mark.id, log->mark.id) == 0)
        logs->has_seen_mark = true;
    if (log->has_mark && strcmp(mark.id, log->mark.id) == 0 && log->mark.created_ns != INT64_MIN &&
        mark.created_ns > log->mark.created_ns)
        logs->has_reused_id = true; /* one updated in place keeps its time */
    if (!is_news(logs, &mark))
        logs->has_seen_older = true;
    else if (logs->emits)
        add_found(logs, entry, &mark);
    else
        gn_logs_compare(logs, entry, &mark);
}

/* ---- pages ---- */

static bool is_oldest_first(const json_t *members, bool before)
{
    struct gn_log_mark first;
    struct gn_log_mark last;
    size_t count = json_array_size(members);

    if (count < 2 || !gn_log_mark_read(json_array_get(members, 0), &first) ||
        !gn_log_mark_read(json_array_get(members, count - 1), &last))
        return before;
    return gn_log_mark_is_after(&first, &last);
}

static void forget_found(struct bmc_logs *logs, size_t from)
{
    while (logs->found_count > from)
        free(logs->found[--logs->found_count].event);
}

static void begin_log(struct bmc_logs *logs)
{
    logs->newest_updated_ns = 0;
    logs->known = 0;
    logs->unknown = 0;
    logs->pages = 0;
    logs->position = 0;
    logs->has_jumped = false;
    logs->has_seen_mark = false;
    logs->has_seen_older = false;
    logs->has_reused_id = false;
    logs->has_newest = false;
    logs->is_log_spoilt = false;
    logs->has_guessed = false;
    logs->has_no_order = false;
}

/* Begins the log anew, as it is now known to be. */
static void read_again(struct bmc_logs *logs)
{
    begin_log(logs);
    forget_found(logs, logs->first_found);
    (void)snprintf(logs->page_uri, sizeof logs->page_uri, "%s", log_of(logs)->uri);
    ask_page(logs);
}

void gn_logs_move_mark(struct gn_kept_log *log)
{
    if (!log->has_next)
        return;
    log->has_mark = true;
    log->mark = log->next;
    log->count = log->next_count;
    if (log->next_updated_ns > log->updated_ns)
        log->updated_ns = log->next_updated_ns;
}

/* The log is read from its mark again, in the next round. */
static void fail_log(struct bmc_logs *logs)
{
    logs->has_failed = true;
    log_of(logs)->has_next = false;
}

/* In a calm round the mark moves to what the round before saw. */
static void note_newest(struct bmc_logs *logs, struct gn_kept_log *log)
{
    if (!logs->emits && !gn_logs_has_missed(logs))
        gn_logs_move_mark(log);
    log->has_next = true;
    log->next = logs->has_newest ? logs->newest : (struct gn_log_mark){0};
    log->next_count = logs->count;
    log->next_updated_ns = logs->newest_updated_ns;
    if (!log->has_mark)
        gn_logs_move_mark(log);
}

/* Its mark is not in it any more, and what is in it does not follow the mark. */
static bool has_begun_anew(const struct bmc_logs *logs)
{
    const struct gn_kept_log *log = log_of(logs);

    if (!log->has_mark || log->mark.id[0] == '\0' || !logs->has_newest || logs->is_cleared ||
        logs->has_seen_mark)
        return false;
    return logs->has_reused_id || !gn_log_mark_is_after(&log->mark, &logs->newest);
}

static void end_log(struct bmc_logs *logs)
{
    struct gn_kept_log *log = log_of(logs);

    if (has_begun_anew(logs)) {
        gn_log_info("bmc.log_cleared bmc=%s log=%s", logs->bmc->spec.name, log->uri);
        logs->is_cleared = true; /* its ids began anew: all in it is later */
        read_again(logs);
        return;
    }
    if (logs->is_log_spoilt)
        fail_log(logs);
    else
        note_newest(logs, log);
    logs->log++;
    gn_logs_next(logs);
}

static void skip_uri(const struct gn_kept_log *log, uint64_t skip, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%c$skip=%" PRIu64, log->uri,
                   strchr(log->uri, '?') != NULL ? '&' : '?', skip);
}

/* Asks for the end of a log whose newest entry is the last. */
static void jump(struct bmc_logs *logs, uint64_t skip)
{
    const struct gn_kept_log *log = log_of(logs);

    logs->has_jumped = true;
    logs->position = skip;
    skip_uri(log, skip, logs->page_uri, sizeof logs->page_uri);
    ask_page(logs);
}

/* A jump must land on the mark or before it; else entries may lie in between. */
static bool has_jumped_too_far(const struct bmc_logs *logs)
{
    return logs->has_jumped && log_of(logs)->has_mark && !logs->has_seen_older && !logs->is_cleared;
}

/* Whether all that can be news has been seen. */
static bool is_enough(const struct bmc_logs *logs)
{
    const struct gn_kept_log *log = log_of(logs);

    if (log->is_oldest_first || logs->has_no_order)
        return false;
    return !log->has_mark || (logs->has_seen_older && !logs->is_cleared);
}

static void go_on(struct bmc_logs *logs, const char *next, bool is_looping)
{
    struct gn_kept_log *log = log_of(logs);

    if (has_jumped_too_far(logs)) {
        logs->may_not_jump = true;
        read_again(logs);
    } else if (next[0] == '\0' || is_enough(logs)) {
        end_log(logs);
    } else if (log->is_oldest_first && !log->has_mark && !logs->has_jumped &&
               logs->count > END_ENTRIES && !logs->may_not_jump) {
        jump(logs, logs->count - END_ENTRIES);
    } else if (logs->pages >= LOGS_PAGES_MAX || is_looping) {
        gn_log_warn("bmc.log_endless bmc=%s log=%s pages=%u", logs->bmc->spec.name, log->uri,
                    logs->pages);
        end_log(logs);
    } else {
        (void)snprintf(logs->page_uri, sizeof logs->page_uri, "%s", next);
        ask_page(logs);
    }
}

/* A query stands in a nextLink, so it is kept as it came; only a host in front is cut off. */
static void take_next(const json_t *body, char *out, size_t size)
{
    struct gn_str next = gn_json_str(body, "Members@odata.nextLink");
    const char *scheme;

    out[0] = '\0';
    if (next.len == 0)
        next = gn_json_str(body, "@odata.nextLink");
    scheme = next.len > 0 ? memmem(next.p, next.len, "://", 3) : NULL;
    if (scheme != NULL) {
        size_t skip = (size_t)(scheme - next.p) + 3;

        while (skip < next.len && next.p[skip] != '/')
            skip++;
        next = (struct gn_str){next.p + skip, next.len - skip};
    }
    if (next.len == 0 || next.len >= size || next.p[0] != '/')
        return;
    memcpy(out, next.p, next.len);
    out[next.len] = '\0';
}

/* Whether this page was there already: a nextLink that leads back, a $skip that is not heeded. The
 * landmark goes along at pages 1, 2, 4, 8 and so on, so that a loop of any length meets it. */
static bool has_come_round(struct bmc_logs *logs, const json_t *first)
{
    struct gn_log_mark mark;

    if (!gn_log_mark_read(first, &mark))
        return false;
    if (logs->pages > 1 && mark.hash == logs->landmark.hash &&
        strcmp(mark.id, logs->landmark.id) == 0)
        return true;
    if ((logs->pages & (logs->pages - 1)) == 0)
        logs->landmark = mark;
    return false;
}

/* Of pages with one entry each only the second one tells. */
static void learn_order(struct bmc_logs *logs, const json_t *members)
{
    struct gn_kept_log *log = log_of(logs);
    struct gn_log_mark mark;

    logs->has_no_order = logs->pages == 1 && json_array_size(members) == 1;
    if (logs->pages == 2 && json_array_size(members) == 1 &&
        gn_log_mark_read(json_array_get(members, 0), &mark))
        log->is_oldest_first = gn_log_mark_is_after(&logs->landmark, &mark);
    else
        log->is_oldest_first = is_oldest_first(members, log->is_oldest_first);
}

static void take_page(struct bmc_logs *logs, const json_t *body)
{
    const json_t *members = json_object_get(body, "Members");
    struct gn_kept_log *log = log_of(logs);
    char next[sizeof logs->page_uri];
    size_t i;
    const json_t *entry;
    long long count = gn_json_int(body, "Members@odata.count", 0);

    logs->pages++;
    logs->position += json_array_size(members);
    logs->count = count > 0 ? (uint64_t)count : logs->position;
    if (!logs->has_jumped)
        learn_order(logs, members);
    if (has_come_round(logs, json_array_get(members, 0))) {
        go_on(logs, logs->page_uri, true);
        return;
    }
    json_array_foreach (members, i, entry)
        take_entry(logs, entry);
    take_next(body, next, sizeof next);
    logs->has_guessed =
        next[0] == '\0' && json_array_size(members) > 0 && logs->position < logs->count;
    if (logs->has_guessed)
        skip_uri(log, logs->position, next, sizeof next); /* it tells of more than it shows */
    go_on(logs, next, false);
}

static void on_page(void *ctx, const struct gn_bmc_answer *answer)
{
    struct bmc_logs *logs = ctx;

    logs->call = NULL;
    if (gn_logs_is_over(logs, answer))
        return;
    if (gn_bmc_is_done(answer) && gn_bmc_is_collection(answer->body)) {
        take_page(logs, answer->body);
    } else if (logs->has_jumped && !logs->may_not_jump) {
        logs->may_not_jump = true; /* it does not know $skip */
        read_again(logs);
    } else if (answer->status == 404 && logs->pages == 0) {
        gn_log_info("bmc.log_gone bmc=%s log=%s", logs->bmc->spec.name, log_of(logs)->uri);
        logs->lost_log = true;
        gn_kept_drop_log(logs->bmc->kept, logs->log);
        gn_logs_next(logs);
    } else if (logs->has_guessed && logs->pages > 0) {
        end_log(logs); /* the count was wrong, or $skip is not known */
    } else {
        gn_log_warn("bmc.log_unreadable bmc=%s log=%s reason=\"%s\"", logs->bmc->spec.name,
                    log_of(logs)->uri, answer->reason);
        fail_log(logs);
        logs->log++;
        gn_logs_next(logs);
    }
}

static void ask_page(struct bmc_logs *logs)
{
    gn_logs_get(logs, logs->page_uri, on_page);
}

void gn_logs_read(struct bmc_logs *logs)
{
    const struct gn_kept_log *log = log_of(logs);

    begin_log(logs);
    logs->may_not_jump = false;
    logs->is_cleared = false;
    logs->count = 0;
    logs->first_found = logs->found_count;
    (void)snprintf(logs->page_uri, sizeof logs->page_uri, "%s", log->uri);
    if (log->has_mark && log->is_oldest_first && log->count > END_ENTRIES)
        jump(logs, log->count - 1);
    else
        ask_page(logs);
}
