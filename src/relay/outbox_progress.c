/* How far each sink is, written to the journal and read back after a restart; and what the journal
 * has to keep for it.
 *
 * A record names the sequence below which all of the sink's events have ended but those that are
 * listed, and how many are pending; both as of the record's own sequence. */
#include "outbox_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/pack.h"
#include "gurnard/relay/record.h"

#define PROGRESS_MAX_BYTES (64U << 20)

/* ---- out ---- */

/* The listed sequences on their way out: each as the distance from the one before. */
struct listing {
    struct gn_buf bytes;
    uint64_t count, last;
};

static void list_add(struct listing *list, uint64_t sequence)
{
    gn_pack_varint(&list->bytes, sequence - list->last);
    list->last = sequence;
    list->count++;
}

static uint64_t keep_at(const struct gn_keep *keep, size_t i)
{
    return i < keep->count ? keep->all[keep->first + i] : UINT64_MAX;
}

static uint64_t window_at(const struct gn_delivery *dv)
{
    return dv == NULL ? UINT64_MAX : dv->item->sequence;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Merges what is not finished, up to top. */
static void list_unfinished(const struct gn_sink *sink, uint64_t top, struct listing *list)
{
    const struct gn_delivery *dv = TAILQ_FIRST(&sink->window);
    size_t kept = 0, unsettled = 0;

    for (;;) {
        uint64_t sequence = least(window_at(dv), least(keep_at(&sink->keep, kept),
                                                       keep_at(&sink->unsettled, unsettled)));

        if (sequence > top)
            return;
        list_add(list, sequence);
        if (window_at(dv) == sequence)
            dv = TAILQ_NEXT(dv, sink_link);
        kept += keep_at(&sink->keep, kept) == sequence;
        unsettled += keep_at(&sink->unsettled, unsettled) == sequence;
    }
}

/* The sequence from which on all of the sink's events are unfinished. Above the last one that was
 * ever started they are, so those in memory need not be listed. */
static uint64_t unfinished_from(const struct gn_sink *sink)
{
    const struct gn_delivery *last = TAILQ_LAST(&sink->window, gn_delivery_list);

    if ((last != NULL && last->item->sequence > sink->top_sequence) ||
        gn_keep_highest(&sink->keep) > sink->top_sequence)
        return gn_window_boundary(sink) + 1;
    return sink->is_live ? gn_journal_next(sink->outbox->journal) : sink->next_sequence;
}

static void settle(struct gn_sink *sink)
{
    const struct gn_deadletters *letters = sink->outbox->letters;

    if (sink->unsettled.count > 0 && (letters == NULL || gn_deadletters_is_durable(letters)))
        gn_keep_free(&sink->unsettled);
}

static enum gn_err append_progress(struct gn_sink *sink)
{
    struct listing list = {.bytes = gn_buf_with_limit(PROGRESS_MAX_BYTES)};
    struct gn_buf record = gn_buf_with_limit(PROGRESS_MAX_BYTES);
    uint64_t from = unfinished_from(sink);
    uint64_t sequence;
    enum gn_err err;

    settle(sink);
    list_unfinished(sink, from - 1, &list);
    gn_pack_str(&record, gn_str_of(sink->id));
    gn_pack_varint(&record, from);
    gn_pack_varint(&record, sink->pending + sink->unsettled.count);
    gn_pack_varint(&record, list.count);
    gn_buf_add_str(&record, gn_buf_str(&list.bytes));
    err = gn_buf_err(&list.bytes) != GN_OK ? gn_buf_err(&list.bytes) : gn_buf_err(&record);
    if (err == GN_OK)
        err = gn_journal_append(sink->outbox->journal, GN_RECORD_PROGRESS, 0, gn_buf_str(&record),
                                &sequence);
    gn_buf_free(&list.bytes);
    gn_buf_free(&record);
    return err;
}

void gn_progress_mark(struct gn_sink *sink)
{
    struct gn_outbox *ob = sink->outbox;

    if (sink->is_dirty || sink->is_closed || !ob->is_lasting || !ob->is_started)
        return;
    sink->is_dirty = true;
    TAILQ_INSERT_TAIL(&ob->dirty, sink, dirty_link);
    if (!gn_timer_is_running(&ob->progress))
        gn_timer_start(&ob->progress, GN_OUTBOX_PROGRESS_MS);
}

void gn_progress_unsettled(struct gn_sink *sink, uint64_t sequence)
{
    struct gn_outbox *ob = sink->outbox;

    if (!ob->is_lasting || gn_deadletters_is_durable(ob->letters))
        return;
    if (gn_keep_add(&sink->unsettled, sequence) != GN_OK)
        gn_log_warn("sink.unsettled sink=%s reason=\"no memory: a crash now loses a dead letter\"",
                    sink->id);
}

/* Writing may begin a segment, and with it gn_outbox_checkpoint(): that leaves the list alone. */
void gn_progress_write(struct gn_outbox *ob)
{
    struct gn_sink_list now = TAILQ_HEAD_INITIALIZER(now);
    struct gn_sink *sink;

    TAILQ_CONCAT(&now, &ob->dirty, dirty_link);
    while ((sink = TAILQ_FIRST(&now)) != NULL) {
        TAILQ_REMOVE(&now, sink, dirty_link);
        sink->is_dirty = false;
        if (append_progress(sink) != GN_OK || sink->unsettled.count > 0)
            gn_progress_mark(sink);
    }
}

void gn_progress_on_timer(void *ctx)
{
    gn_progress_write(ctx);
}

bool gn_outbox_checkpoint(struct gn_outbox *ob)
{
    struct gn_sink *sink;
    bool is_whole = true;

    if (!ob->is_lasting)
        return true;
    TAILQ_FOREACH (sink, &ob->sinks, link) {
        if (sink->is_closed || append_progress(sink) == GN_OK)
            continue;
        gn_progress_mark(sink);
        is_whole = false;
    }
    if (ob->is_started)
        gn_shed_wanted(ob); /* a segment begins: the time to look at the room that is left */
    return is_whole;
}

static void raise_needed(struct gn_outbox *ob)
{
    uint64_t needed = gn_journal_next(ob->journal);
    struct gn_sink *sink;

    TAILQ_FOREACH (sink, &ob->sinks, link) {
        if (sink->is_closed)
            continue;
        needed = least(needed, gn_window_lowest(sink));
        needed = least(needed, gn_keep_lowest(&sink->unsettled));
        needed = least(needed, gn_again_lowest(sink));
    }
    if (needed <= ob->needed)
        return;
    ob->needed = needed;
    gn_journal_set_needed(ob->journal, needed);
}

void gn_progress_set_needed(struct gn_outbox *ob)
{
    gn_progress_write(ob); /* first: what is no longer needed was said to be finished */
    raise_needed(ob);
}

/* ---- in ---- */

static bool read_list(struct gn_unpack *in, uint64_t below, struct gn_keep *keep)
{
    uint64_t count = gn_unpack_varint(in);
    uint64_t sequence = 0;

    if (in->is_bad || count > in->left)
        return false;
    if (count == 0)
        return true;
    keep->all = calloc((size_t)count, sizeof(*keep->all));
    if (keep->all == NULL)
        return false;
    keep->cap = (size_t)count;
    while (keep->count < keep->cap) {
        uint64_t step = gn_unpack_varint(in);

        if (in->is_bad || step == 0 || step >= below - sequence)
            return false;
        sequence += step;
        keep->all[keep->count++] = sequence;
    }
    return true;
}

static void set_pending(struct gn_sink *sink, uint64_t pending)
{
    sink->outbox->pending += pending - sink->pending;
    sink->pending = pending;
}

void gn_outbox_recover_progress(struct gn_outbox *ob, const struct gn_record *record)
{
    struct gn_unpack in = gn_unpack_of(record->payload);
    struct gn_str id = gn_unpack_str(&in);
    struct gn_sink *sink = in.is_bad ? NULL : gn_outbox_find_sink(ob, id);
    struct gn_keep keep = {0};
    uint64_t next, pending;

    GN_ASSERT(!ob->is_started);
    if (sink == NULL)
        return;
    /* A journal that left a failed segment put a checkpoint before what it had in memory. An older
     * record among that tells less, and the events behind it may not be given again. */
    if (sink->has_progress && record->sequence < sink->progress_at)
        return;
    next = gn_unpack_varint(&in);
    pending = gn_unpack_varint(&in);
    if (next == 0 || !read_list(&in, next, &keep)) {
        gn_log_error("sink.progress_bad sink=%s", sink->id);
        gn_keep_free(&keep);
        return;
    }
    gn_keep_free(&sink->keep);
    sink->keep = keep;
    if (sink->is_live)
        gn_window_fall_behind(sink, next);
    sink->next_sequence = next;
    sink->top_sequence = next - 1;
    sink->has_progress = true;
    sink->progress_at = record->sequence;
    set_pending(sink, pending < keep.count ? keep.count : pending);
}

void gn_outbox_recover_event(struct gn_outbox *ob, uint64_t sequence, struct gn_sink *const *sinks,
                             size_t count)
{
    GN_ASSERT(!ob->is_started);
    for (size_t i = 0; i < count; i++)
        if (sinks[i]->has_progress && sequence >= sinks[i]->progress_at)
            set_pending(sinks[i], sinks[i]->pending + 1);
}

static void start_sink(struct gn_sink *sink, uint64_t next)
{
    if (!sink->has_progress) {
        sink->top_sequence = next - 1;
        gn_progress_mark(sink); /* its birth */
        return;
    }
    if (sink->next_sequence > next) {
        sink->next_sequence = next;
        sink->top_sequence = next - 1;
        gn_keep_cut(&sink->keep, next - 1);
    }
    if (sink->pending == 0)
        gn_window_catch_up(sink);
    else
        gn_window_wake(sink);
}

void gn_outbox_start(struct gn_outbox *ob)
{
    uint64_t next = gn_journal_next(ob->journal);
    struct gn_sink *sink;

    GN_ASSERT(!ob->is_started);
    ob->is_started = true;
    ob->hot.first = next;
    ob->hot.next = next;
    TAILQ_FOREACH (sink, &ob->sinks, link)
        if (!sink->is_closed)
            start_sink(sink, next);
    raise_needed(ob); /* a journal full of what was delivered has room at once */
    gn_timer_start(&ob->tick, GN_OUTBOX_TICK_MS);
}
