/* Dead letters in a journal of their own. Each letter is one record with one event, so that its
 * sequence is its number; forgetting is a record without events. Nothing in this journal is ever
 * needed, as the journal sees it: it drops its oldest segments when it wants room, and with them
 * the letters go. What was forgotten keeps its bytes until its segment goes, even when older
 * letters that somebody may still want go first. There is no checkpoint and no index on disk: all
 * segments are read at the start. */
#include "gurnard/store/deadletter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"

#include "deadletter_priv.h"

#define SEGMENTS          8U /* that max_bytes is divided into, within: */
#define SEGMENT_MIN_BYTES ((uint64_t)64 << 10)
#define SEGMENT_MAX_BYTES ((uint64_t)1 << 20)
#define PENDING_BYTES     ((uint64_t)16 << 20)
#define KEEP_MS           (UINT64_MAX / 2) /* for ever; a sum with the clock does not overflow */
#define FORGET_MAX        4096U            /* numbers in one record */
#define SHED_PART         10U

/* ---- what has gone ---- */

static void count_dropped(struct gn_deadletters *l, uint64_t count)
{
    l->dropped += count;
    gn_metric_add(l->dropped_metric, (double)count);
}

static struct gn_journal_status journal_status(const struct gn_deadletters *l)
{
    struct gn_journal_status status;

    gn_journal_status(l->journal, &status);
    return status;
}

void gn_deadletters_reap(struct gn_deadletters *l)
{
    count_dropped(l, gn_letter_index_drop_below(&l->index, journal_status(l).first_sequence));
}

static uint64_t count_letters(const struct gn_deadletters *l)
{
    return l->index.end - l->index.first;
}

static void on_collect(void *ctx)
{
    struct gn_deadletters *l = ctx;

    gn_deadletters_reap(l);
    gn_metric_set(l->count_metric, (double)count_letters(l));
    gn_metric_set(l->bytes_metric, (double)journal_status(l).bytes);
}

/* ---- recovery ---- */

static void log_unreadable(struct gn_deadletters *l, const struct gn_record *record)
{
    uint64_t held;

    if (gn_log_allow(&l->unreadable_log, gn_clock_mono_ms(), &held))
        gn_log_warn("deadletter.unreadable number=%" PRIu64 " type=%u held=%" PRIu64,
                    record->sequence, (unsigned)record->type, held);
}

/* An entry but for its number. NULL: no memory. */
static struct gn_letter *entry_new(const struct gn_deadletter *letter, size_t payload_bytes)
{
    struct gn_letter *entry = gn_letter_new(letter->subscription);

    if (entry == NULL)
        return NULL;
    entry->last_ns = letter->last_ns;
    entry->status = letter->status;
    entry->attempts = letter->attempts;
    entry->bytes = (uint32_t)gn_frame_size(payload_bytes); /* bounded by the journal */
    return entry;
}

static enum gn_err recover_letter(struct gn_deadletters *l, const struct gn_record *record)
{
    struct gn_packed_event event;
    struct gn_deadletter letter;
    struct gn_letter *entry;

    if (record->count != 1 || gn_letter_unpack(record->payload, &letter, &event) != GN_OK ||
        gn_letter_index_place(&l->index, record->sequence) != l->index.end) {
        log_unreadable(l, record);
        return GN_OK;
    }
    if (gn_letter_index_reserve(&l->index) != GN_OK)
        return GN_ENOMEM;
    entry = entry_new(&letter, record->payload.len);
    if (entry == NULL)
        return GN_ENOMEM;
    entry->number = record->sequence;
    memcpy(entry->event_id, event.id, sizeof entry->event_id);
    gn_letter_index_add(&l->index, entry);
    return GN_OK;
}

static enum gn_err on_record(void *ctx, const struct gn_record *record, bool is_index)
{
    struct gn_deadletters *l = ctx;

    (void)is_index; /* none is written */
    if (record->type == GN_RECORD_LETTER)
        return recover_letter(l, record);
    if (record->type != GN_RECORD_FORGET ||
        gn_letter_unpack_forget(record->payload, &l->index) != GN_OK)
        log_unreadable(l, record);
    return GN_OK;
}

/* ---- forgetting ---- */

static void free_forgotten(struct gn_deadletters *l, size_t count)
{
    struct gn_letter *letter;

    while (count-- > 0 && (letter = STAILQ_FIRST(&l->forgotten)) != NULL) {
        STAILQ_REMOVE_HEAD(&l->forgotten, link);
        free(letter);
    }
}

/* What the journal does not take now is tried again at the end of the next turn. */
static void write_forgotten(void *ctx)
{
    struct gn_deadletters *l = ctx;
    struct gn_buf payload = GN_BUF_INIT;
    enum gn_err err;
    uint64_t sequence;
    size_t count;

    while (l->forget_below > 0 || !STAILQ_EMPTY(&l->forgotten)) {
        gn_buf_reset(&payload);
        count = gn_letter_pack_forget(l->forget_below, &l->forgotten, FORGET_MAX, &payload);
        err = gn_buf_err(&payload);
        if (err == GN_OK)
            err =
                gn_journal_append(l->journal, GN_RECORD_FORGET, 0, gn_buf_str(&payload), &sequence);
        if (err != GN_OK)
            break;
        l->forget_below = 0;
        free_forgotten(l, count);
    }
    gn_buf_free(&payload);
}

enum gn_err gn_deadletters_remove(struct gn_deadletters *l, uint64_t number)
{
    struct gn_letter *letter;

    gn_deadletters_reap(l);
    letter = gn_letter_index_take(&l->index, number);
    if (letter == NULL)
        return GN_ENOTFOUND;
    STAILQ_INSERT_TAIL(&l->forgotten, letter, link);
    return GN_OK;
}

uint64_t gn_deadletters_purge(struct gn_deadletters *l, struct gn_str subscription)
{
    gn_deadletters_reap(l);
    if (subscription.p != NULL)
        return gn_letter_index_take_all(&l->index, subscription, &l->forgotten);
    if (count_letters(l) == 0)
        return 0;
    l->forget_below = gn_journal_next(l->journal);
    return gn_letter_index_drop_below(&l->index, l->forget_below);
}

/* ---- shedding ---- */

/* Forgetting stays: a letter may come back without it when its own segment could not be emptied. */
static bool is_kept(void *ctx, const struct gn_record *record)
{
    (void)ctx;
    return record->type != GN_RECORD_LETTER;
}

static void on_rewritten(void *ctx, enum gn_err err);

/* Goes on with the next segment to be emptied. A file that cannot be is left to the journal. */
static void empty_next(struct gn_deadletters *l)
{
    struct gn_journal_segment segment;
    enum gn_err err;

    l->is_shedding = false;
    for (size_t i = 0; gn_journal_segment_at(l->journal, i, &segment); i++) {
        if (segment.number < l->shed_next)
            continue;
        if (segment.number > l->shed_last || !segment.is_closed)
            return;
        l->shed_next = segment.number + 1;
        err = gn_journal_rewrite(l->journal, segment.number, is_kept, on_rewritten, l);
        if (err == GN_OK) {
            l->is_shedding = true;
            return;
        }
        gn_log_warn("deadletters.shed_failed segment=%" PRIu64 " reason=\"%s\"", segment.number,
                    gn_err_text(err));
    }
}

static void on_rewritten(void *ctx, enum gn_err err)
{
    struct gn_deadletters *l = ctx;

    (void)err; /* the journal has logged it */
    if (!l->is_closing)
        empty_next(l);
}

/* Chooses the oldest closed segments: a tenth of the bytes, and letters in them. Returns the number
 * below which letters go, 0: there is nothing to empty. */
static uint64_t choose_segments(struct gn_deadletters *l)
{
    const uint64_t wanted_bytes = journal_status(l).bytes / SHED_PART;
    struct gn_journal_segment segment;
    uint64_t bytes = 0;
    uint64_t below = 0;

    for (size_t i = 0; gn_journal_segment_at(l->journal, i, &segment) && segment.is_closed; i++) {
        if (segment.number < l->shed_next)
            continue;
        bytes += segment.bytes;
        below = segment.end_sequence;
        l->shed_last = segment.number;
        if (bytes >= wanted_bytes && gn_letter_index_place(&l->index, below) > l->index.first)
            break;
    }
    return below;
}

uint64_t gn_deadletters_shed(struct gn_deadletters *l)
{
    uint64_t below, count;

    if (l->is_shedding)
        return 0;
    gn_deadletters_reap(l);
    below = choose_segments(l);
    if (below == 0)
        return 0;
    count = gn_letter_index_drop_below(&l->index, below);
    count_dropped(l, count);
    empty_next(l);
    return count;
}

/* ---- keeping ---- */

static enum gn_err append(struct gn_deadletters *l, const struct gn_deadletter *letter,
                          struct gn_str payload)
{
    struct gn_letter *entry;
    enum gn_err err;

    if (gn_letter_index_reserve(&l->index) != GN_OK)
        return GN_ENOMEM;
    entry = entry_new(letter, payload.len);
    if (entry == NULL)
        return GN_ENOMEM;
    gn_id_pack(&letter->event->id, entry->event_id);
    err = gn_journal_append(l->journal, GN_RECORD_LETTER, 1, payload, &entry->number);
    if (err != GN_OK) {
        free(entry);
        return err;
    }
    gn_letter_index_add(&l->index, entry);
    gn_journal_set_needed(l->journal, gn_journal_next(l->journal));
    return GN_OK;
}

enum gn_err gn_deadletters_put(struct gn_deadletters *l, const struct gn_deadletter *letter)
{
    struct gn_buf payload = GN_BUF_INIT;
    enum gn_err err;

    gn_letter_pack(letter, &payload);
    err = gn_buf_err(&payload);
    if (err == GN_OK)
        err = append(l, letter, gn_buf_str(&payload));
    if (err == GN_OK)
        gn_metric_add(l->total_metric, 1);
    else
        count_dropped(l, 1);
    gn_deadletters_reap(l); /* room may have been made for it */
    gn_buf_free(&payload);
    return err;
}

bool gn_deadletters_is_durable(const struct gn_deadletters *l)
{
    return gn_journal_is_durable(l->journal);
}

/* ---- looking ---- */

/* fn may remove letters: the place is looked up anew each time. */
void gn_deadletters_each(struct gn_deadletters *l, uint64_t after,
                         bool (*fn)(void *ctx, const struct gn_deadletter_entry *entry), void *ctx)
{
    struct gn_deadletter_entry entry;
    const struct gn_letter *letter;
    size_t place;

    gn_deadletters_reap(l);
    do {
        place = after == UINT64_MAX ? l->index.end : gn_letter_index_place(&l->index, after + 1);
        if (place == l->index.end)
            return;
        letter = l->index.slots[place];
        after = letter->number;
        l->shown = gn_id_unpack(letter->event_id);
        entry = (struct gn_deadletter_entry){.number = letter->number,
                                             .subscription = letter->subscription,
                                             .event_id = gn_str_of(l->shown.text),
                                             .status = letter->status,
                                             .attempts = letter->attempts,
                                             .last_ns = letter->last_ns,
                                             .bytes = letter->bytes};
    } while (fn(ctx, &entry));
}

void gn_deadletters_status(const struct gn_deadletters *l, struct gn_deadletters_status *status)
{
    const struct gn_journal_status journal = journal_status(l);
    const size_t first = gn_letter_index_place(&l->index, journal.first_sequence);

    *status = (struct gn_deadletters_status){.count = l->index.end - first,
                                             .bytes = journal.bytes,
                                             .max_bytes = journal.max_bytes,
                                             .dropped = l->dropped + (first - l->index.first),
                                             .is_failing = journal.is_failing};
}

/* ---- life ---- */

static void add_metrics(struct gn_deadletters *l, struct gn_metrics *metrics)
{
    l->metrics = metrics;
    l->count_metric =
        gn_metrics_gauge(metrics, "gurnard_deadletters", NULL, "Dead letters that are kept.");
    l->bytes_metric = gn_metrics_gauge(metrics, "gurnard_deadletters_bytes", NULL,
                                       "Bytes on disk of the dead letters' journal.");
    l->total_metric = gn_metrics_counter(metrics, "gurnard_deadletters_total", NULL,
                                         "Events that became dead letters.");
    l->dropped_metric = gn_metrics_counter(metrics, "gurnard_deadletters_dropped_total", NULL,
                                           "Dead letters that made room, or could not be kept.");
    gn_metrics_on_collect(metrics, on_collect, l);
}

static uint32_t segment_bytes(uint64_t max_bytes)
{
    const uint64_t bytes = max_bytes / SEGMENTS;

    return (uint32_t)(bytes > SEGMENT_MAX_BYTES ? SEGMENT_MAX_BYTES : bytes);
}

static enum gn_err open_journal(struct gn_deadletters *l, const char *folder, uint64_t max_bytes,
                                struct gn_metrics *metrics)
{
    const struct gn_journal_config config = {.name = "deadletters",
                                             .folder = folder,
                                             .max_bytes = max_bytes,
                                             .segment_bytes = segment_bytes(max_bytes),
                                             .pending_bytes = PENDING_BYTES,
                                             .keep_ms = KEEP_MS,
                                             .accept_gaps = true};
    const struct gn_journal_owner owner = {.record = on_record, .ctx = l};
    enum gn_err err = gn_journal_open(l->loop, &config, metrics, &l->journal);

    if (err == GN_OK)
        err = gn_journal_recover(l->journal, &owner, KEEP_MS);
    if (err == GN_OK)
        gn_journal_set_needed(l->journal, gn_journal_next(l->journal));
    return err;
}

enum gn_err gn_deadletters_open(struct gn_loop *loop, const char *folder, uint64_t max_bytes,
                                struct gn_metrics *metrics, struct gn_deadletters **letters)
{
    struct gn_deadletters *l = calloc(1, sizeof *l);
    enum gn_err err;

    *letters = NULL;
    if (l == NULL) {
        gn_log_error("deadletters.open_failed reason=\"no memory\"");
        return GN_ENOMEM;
    }
    l->loop = loop;
    STAILQ_INIT(&l->forgotten);
    LIST_INIT(&l->gets);
    if (max_bytes < SEGMENTS * SEGMENT_MIN_BYTES)
        max_bytes = SEGMENTS * SEGMENT_MIN_BYTES;
    /* before the journal's own hook, so that what is appended here is written in the same turn */
    gn_hook_add(loop, &l->hook, write_forgotten, l);
    err = open_journal(l, folder, max_bytes, metrics);
    if (err != GN_OK) {
        gn_deadletters_close(l);
        return err;
    }
    add_metrics(l, metrics);
    *letters = l;
    return GN_OK;
}

void gn_deadletters_close(struct gn_deadletters *l)
{
    if (l == NULL)
        return;
    l->is_closing = true;
    gn_hook_remove(l->loop, &l->hook);
    gn_deadletters_cancel_gets(l);
    if (l->metrics != NULL) { /* it was open */
        gn_metrics_off_collect(l->metrics, on_collect, l);
        write_forgotten(l);
    }
    gn_journal_close(l->journal);
    free_forgotten(l, SIZE_MAX);
    gn_letter_index_fini(&l->index);
    free(l);
}
