/* Recovery: what the owner must know, read from the segments that are there. Damage costs the
 * records that it hit, nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/pack.h"

#include "journal_priv.h"

struct recovery {
    struct gn_journal *journal;
    struct gn_journal_seg *seg; /* the one that is read */
    uint64_t limit;             /* where the next one begins */
    uint64_t expected;          /* the next event, if nothing is missing */
    bool is_hit;                /* something unreadable has come since the event before it */
    bool is_damaged;            /* something unreadable is in seg, before its torn tail */
    uint64_t next;              /* the highest number that any record names */
    uint64_t clock_ms;
    uint64_t records;
    uint64_t seal_end;  /* place behind the last SEAL */
    uint64_t copies_at; /* of the first event from limit on; 0: there is none */
};

static void raise(uint64_t *value, uint64_t least)
{
    if (*value < least)
        *value = least;
}

/* The next event is the one with this number; tells of what is missing before it. */
static void expect(struct recovery *r, uint64_t sequence)
{
    if (sequence > r->expected) {
        if (r->is_hit)
            gn_journal_tell_lost(r->journal, r->expected, sequence - r->expected);
        r->expected = sequence;
    }
    r->is_hit = false;
}

/* ---- what the ends of segments say ---- */

static void take_seal(struct gn_journal_seg *seg, uint64_t clock_ms, struct gn_str payload)
{
    struct gn_unpack in = gn_unpack_of(payload);

    seg->end_sequence = gn_unpack_u64(&in);
    seg->index_offset = gn_unpack_u64(&in);
    seg->sealed_ns = (int64_t)gn_unpack_u64(&in);
    seg->end_clock_ms = clock_ms;
    seg->is_sealed = true;
}

/* A segment ends where the next one begins, whatever it says itself: what it has beyond was left by
 * a failed sync and stands in the next one. Then its SEAL is of no worth either. */
static void bound_end(struct gn_journal_seg *seg, uint64_t limit)
{
    if (seg->end_sequence <= limit)
        return;
    seg->end_sequence = limit;
    seg->index_offset = 0;
    seg->is_sealed = false;
}

static uint64_t limit_of(const struct gn_journal_seg *seg)
{
    const struct gn_journal_seg *next = TAILQ_NEXT(seg, link);

    return next != NULL ? next->header.first_sequence : UINT64_MAX;
}

static enum gn_err find_seal(struct gn_journal *j, struct gn_journal_seg *seg)
{
    const int fd = gn_journal_seg_open(j, seg->header.number, O_RDONLY);
    struct gn_buf payload = GN_BUF_INIT;
    struct gn_record record;
    enum gn_err err;

    if (fd < 0)
        return GN_EIO;
    err = gn_segment_find_seal(fd, seg->header.salt, seg->bytes, &record, &payload);
    if (err == GN_OK)
        take_seal(seg, record.clock_ms, record.payload);
    gn_buf_free(&payload);
    (void)close(fd); /* only read */
    return err == GN_ENOTFOUND ? GN_OK : err;
}

/* A segment that was not sealed ended when the next one began. */
static enum gn_err find_ends(struct gn_journal *j)
{
    struct gn_journal_seg *seg;
    enum gn_err err = GN_OK;

    TAILQ_FOREACH (seg, &j->segs, link) {
        const struct gn_journal_seg *next = TAILQ_NEXT(seg, link);

        seg->is_ended = true;
        seg->end_sequence = next != NULL ? next->header.first_sequence : seg->header.first_sequence;
        seg->end_clock_ms = next != NULL ? next->header.clock_ms : seg->header.clock_ms;
        seg->fill = seg->durable_end = seg->bytes;
        err = find_seal(j, seg);
        if (err != GN_OK)
            return err;
        bound_end(seg, limit_of(seg));
    }
    return GN_OK;
}

/* ---- the checkpoint ---- */

struct search {
    bool is_hit, is_found;
};

static enum gn_err search_record(void *ctx, const struct gn_record *record, uint64_t offset)
{
    struct search *search = ctx;

    (void)offset;
    if (record->type != GN_RECORD_MARK)
        return GN_OK;
    search->is_found = !search->is_hit;
    return GN_EEXIST; /* the search is over */
}

static void search_damage(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes)
{
    struct search *search = ctx;

    (void)damage;
    (void)bytes;
    search->is_hit = true;
}

/* Whether seg begins with a whole checkpoint, none of whose records is damaged. */
static enum gn_err has_checkpoint(struct gn_journal *j, const struct gn_journal_seg *seg,
                                  bool *is_found)
{
    struct search search = {false, false};
    const struct gn_segment_visitor visitor = {search_record, search_damage, &search};
    const int fd = gn_journal_seg_open(j, seg->header.number, O_RDONLY);
    enum gn_err err;
    uint64_t end;

    if (fd < 0)
        return GN_EIO;
    err = gn_segment_scan(fd, seg->header.salt, GN_SEGMENT_HEADER, seg->bytes, &visitor, &end);
    (void)close(fd); /* only read */
    *is_found = search.is_found;
    return err == GN_EEXIST ? GN_OK : err;
}

/* The segment from which on all is read. Without any checkpoint: the first. */
static enum gn_err find_start(struct gn_journal *j, struct gn_journal_seg **start)
{
    struct gn_journal_seg *seg;
    bool is_found = false;
    enum gn_err err;

    *start = TAILQ_FIRST(&j->segs);
    TAILQ_FOREACH_REVERSE(seg, &j->segs, gn_journal_segs, link)
    {
        err = has_checkpoint(j, seg, &is_found);
        if (err != GN_OK)
            return err;
        if (!is_found)
            continue;
        j->checkpoint_number = seg->header.number;
        *start = seg;
        break;
    }
    return GN_OK;
}

/* ---- reading ---- */

static enum gn_err give(struct recovery *r, const struct gn_record *record, bool is_index)
{
    const struct gn_journal_owner *owner = &r->journal->owner;

    r->records++;
    return owner->record != NULL ? owner->record(owner->ctx, record, is_index) : GN_OK;
}

static enum gn_err on_record(void *ctx, const struct gn_record *record, uint64_t offset)
{
    struct recovery *r = ctx;

    raise(&r->clock_ms, record->clock_ms);
    raise(&r->next, record->sequence + record->count);
    if (record->type == GN_RECORD_SEAL && record->payload.len == GN_SEGMENT_SEAL_PAYLOAD) {
        take_seal(r->seg, record->clock_ms, record->payload);
        r->seal_end = offset + GN_JOURNAL_SEAL_BYTES;
    }
    if (record->type < GN_RECORD_OWNER || offset == r->seg->index_offset)
        return GN_OK;
    if (record->count > 0) {
        if (gn_journal_seg_is_copy(record, r->limit) && r->copies_at == 0)
            r->copies_at = offset;
        if (record->sequence < r->expected || r->copies_at != 0)
            return GN_OK;
        expect(r, record->sequence);
        r->expected += record->count;
    }
    return give(r, record, false);
}

static void tell_torn(struct gn_journal *j, const struct gn_journal_seg *seg,
                      const struct gn_segment_damage *damage)
{
    gn_metric_add(j->metrics.torn, 1);
    j->skipped_bytes += damage->bytes;
    gn_log_warn("journal.torn journal=%s segment=%" PRIu64 " offset=%" PRIu64 " bytes=%" PRIu64,
                j->name, seg->header.number, damage->offset, damage->bytes);
}

static void on_damage(void *ctx, const struct gn_segment_damage *damage, struct gn_str bytes)
{
    struct recovery *r = ctx;

    gn_journal_save_damage(r->journal, r->seg->header.number, damage, bytes);
    if (damage->is_tail && TAILQ_NEXT(r->seg, link) == NULL) {
        tell_torn(r->journal, r->seg, damage);
        return;
    }
    gn_journal_tell_damage(r->journal, r->seg->header.number, damage);
    gn_buf_add(&r->seg->harms, &damage->offset, sizeof damage->offset); /* told of */
    r->is_hit = r->is_damaged = true;
}

/* The file ends behind its last frame from now on. What stands in the last one may have been in
 * memory only when the daemon was killed: it is synced, since repeats of it will be acknowledged.
 */
static enum gn_err cut(struct recovery *r, int fd, uint64_t end)
{
    if (end == r->seg->bytes && TAILQ_NEXT(r->seg, link) != NULL)
        return GN_OK;
    if (gn_segment_cut(fd, end) != GN_OK)
        return GN_EIO;
    gn_journal_seg_set_bytes(r->journal, r->seg, end);
    r->seg->fill = r->seg->durable_end = end;
    return GN_OK;
}

/* Gives all records of seg. The last one may have been left by a crash before its sync, even with
 * its SEAL: where it is damaged the SEAL goes, and with it the index, which would tell a later
 * start of events that never were safe. */
static enum gn_err read_all(struct recovery *r)
{
    const struct gn_segment_visitor visitor = {on_record, on_damage, r};
    struct gn_journal_seg *seg = r->seg;
    const bool is_last = TAILQ_NEXT(seg, link) == NULL;
    const bool is_closed = seg->is_sealed && !is_last;
    const int fd = gn_journal_seg_open(r->journal, seg->header.number, O_RDWR);
    enum gn_err err;
    uint64_t end;

    if (fd < 0)
        return GN_EIO;
    r->seal_end = r->copies_at = 0;
    r->is_damaged = false;
    err = gn_segment_scan(fd, seg->header.salt, GN_SEGMENT_HEADER, seg->bytes, &visitor, &end);
    if (r->copies_at != 0)
        end = r->copies_at; /* should the next segment be empty, they must not come back later */
    if (is_last && r->is_damaged && r->seal_end == end)
        end -= GN_JOURNAL_SEAL_BYTES;
    if (err == GN_OK && !is_closed)
        err = cut(r, fd, end);
    (void)close(fd); /* a cut was synced */
    if (err != GN_OK)
        return err;
    if (!is_closed && r->seal_end != end) { /* a SEAL that others follow is none */
        seg->is_sealed = false;
        seg->index_offset = 0;
        seg->end_sequence = r->expected;
        raise(&seg->end_sequence, seg->header.first_sequence);
    }
    bound_end(seg, r->limit);
    if (is_last)
        raise(&seg->end_clock_ms, r->clock_ms);
    if (seg->is_sealed)
        expect(r, seg->end_sequence);
    return GN_OK;
}

/* Gives the index of seg. GN_ENOTFOUND: it has none that can be read. */
static enum gn_err read_index(struct recovery *r)
{
    const struct gn_segment_visitor visitor = {0};
    struct gn_journal_seg *seg = r->seg;
    const int fd = gn_journal_seg_open(r->journal, seg->header.number, O_RDONLY);
    struct gn_buf out = GN_BUF_INIT;
    uint64_t offset = seg->index_offset;
    struct gn_record record;
    struct gn_str frames;
    enum gn_err err;

    if (fd < 0)
        return GN_EIO;
    err = gn_segment_read(fd, seg->header.salt, &offset, seg->bytes, 1, &visitor, &out);
    (void)close(fd); /* only read */
    frames = gn_buf_str(&out);
    if (err == GN_OK && (!gn_frame_next(&frames, &record) || record.type < GN_RECORD_OWNER ||
                         seg->index_offset + out.len != offset))
        err = GN_ENOTFOUND;
    if (err == GN_OK)
        err = give(r, &record, true);
    gn_buf_free(&out);
    return err;
}

/* Before the checkpoint: the index, if it is young enough to matter. */
static enum gn_err read_old(struct recovery *r, uint64_t index_ms)
{
    struct gn_journal_seg *seg = r->seg;
    enum gn_err err = GN_OK;

    if (r->clock_ms - seg->end_clock_ms > index_ms)
        goto out;
    err = GN_ENOTFOUND;
    if (seg->is_sealed && seg->index_offset >= GN_SEGMENT_HEADER &&
        seg->index_offset % GN_FRAME_ALIGN == 0)
        err = read_index(r);
    if (err == GN_ENOTFOUND)
        return read_all(r);
out:
    expect(r, seg->end_sequence);
    return err;
}

/* The clock, as far as headers and ends tell: a little early, which gives an index too many. */
static uint64_t known_clock_ms(const struct gn_journal *j)
{
    const struct gn_journal_seg *seg;
    uint64_t clock_ms = 0;

    TAILQ_FOREACH (seg, &j->segs, link) {
        raise(&clock_ms, seg->header.clock_ms);
        raise(&clock_ms, seg->end_clock_ms);
    }
    return clock_ms;
}

static void enter(struct recovery *r, struct gn_journal_seg *seg)
{
    const struct gn_journal_seg *before = r->seg;

    if (before == NULL)
        r->expected = seg->header.first_sequence;
    else if (seg->header.number != before->header.number + 1 || !seg->is_rescued)
        r->is_hit = true; /* a segment begins where the one before it ended: see set_end() */
    r->seg = seg;
    r->limit = limit_of(seg);
    expect(r, seg->header.first_sequence);
}

static enum gn_err read_segments(struct recovery *r, uint64_t index_ms)
{
    struct gn_journal_seg *start, *seg;
    bool is_old = true;
    enum gn_err err = find_start(r->journal, &start);

    TAILQ_FOREACH (seg, &r->journal->segs, link) {
        if (err != GN_OK)
            return err;
        is_old = is_old && seg != start;
        enter(r, seg);
        err = is_old ? read_old(r, index_ms) : read_all(r);
        seg->durable_next = seg->end_sequence;
        raise(&r->next, seg->end_sequence);
    }
    return err;
}

/* ---- going on ---- */

/* One without any record is left by a crash right after it was made. */
static enum gn_err remove_empty(struct gn_journal *j)
{
    struct gn_journal_seg *last = TAILQ_LAST(&j->segs, gn_journal_segs);

    if (last == NULL || last->fill > GN_SEGMENT_HEADER)
        return GN_OK;
    if (gn_segment_remove(j->dir_fd, last->header.number) != GN_OK)
        return GN_EIO;
    if (j->last_number == last->header.number)
        j->last_number--;
    gn_journal_seg_unlist(j, last);
    gn_journal_seg_unref(last);
    return GN_OK;
}

/* Numbers that stood in what could not be read are not given again: an event takes no less than the
 * header of a frame. Of a torn tail nobody was told that it is safe; a whole segment is a loss. */
static void set_numbers(struct recovery *r)
{
    struct gn_journal *j = r->journal;

    raise(&r->next, 1);
    expect(r, r->next);
    r->is_hit = j->is_last_aside;
    r->next += (j->skipped_bytes + GN_FRAME_HEADER - 1) / GN_FRAME_HEADER;
    expect(r, r->next);
    j->next = r->next;
    j->durable_next = r->next;
    j->clock_base_ms = r->clock_ms;
}

/* Lets the last segment end where the next one will begin. Where numbers are passed over, it is
 * sealed with that, so that a later start knows that nothing is missing between the two: whatever
 * lacks then has been taken away. */
static enum gn_err set_end(struct gn_journal *j)
{
    struct gn_journal_seg *last = TAILQ_LAST(&j->segs, gn_journal_segs);
    struct gn_buf seal = GN_BUF_INIT;
    enum gn_err err = GN_EIO;
    int fd;

    if (last == NULL || last->header.number != j->last_number || last->end_sequence == j->next)
        return GN_OK;
    last->end_sequence = last->durable_next = j->next;
    last->is_sealed = true;
    if (last->sealed_ns == 0)
        last->sealed_ns = gn_clock_real_ns();
    gn_journal_seg_add_seal(last, last->index_offset, &seal);
    fd = gn_journal_seg_open(j, last->header.number, O_RDWR);
    if (fd < 0)
        goto out;
    err = gn_buf_err(&seal);
    if (err == GN_OK)
        err = gn_segment_write(fd, gn_buf_str(&seal), last->fill, true);
    (void)close(fd); /* what was written is synced */
    last->fill = last->durable_end = last->fill + seal.len;
    gn_journal_seg_set_bytes(j, last, last->fill);
out:
    gn_buf_free(&seal);
    return err;
}

static enum gn_err begin_first(struct gn_journal *j)
{
    struct gn_journal_seg *seg = gn_journal_seg_new(j, j->last_number + 1, j->next);

    if (seg == NULL)
        return GN_ENOMEM;
    gn_journal_seg_list(j, seg, NULL);
    j->current = seg;
    if (!j->is_memory)
        gn_journal_seg_set_bytes(j, seg, j->config.segment_bytes);
    j->is_recovered = true;
    gn_journal_begin(j);
    return GN_OK;
}

enum gn_err gn_journal_recover(struct gn_journal *j, const struct gn_journal_owner *owner,
                               uint64_t index_ms)
{
    const uint64_t start_ms = gn_clock_mono_ms();
    struct recovery r = {.journal = j};
    enum gn_err err;

    GN_ASSERT(!j->is_recovered);
    j->owner = *owner;
    err = find_ends(j);
    r.clock_ms = known_clock_ms(j);
    if (err == GN_OK)
        err = read_segments(&r, index_ms);
    if (err == GN_OK)
        err = remove_empty(j);
    if (err == GN_OK) {
        set_numbers(&r);
        err = j->is_memory ? GN_OK : set_end(j);
    }
    if (err == GN_OK)
        err = begin_first(j);
    if (err != GN_OK) {
        gn_log_error("journal.recover_failed journal=%s folder=%s reason=\"%s\"", j->name,
                     j->folder, err == GN_EIO ? strerror(errno) : gn_err_text(err));
        return err;
    }
    gn_log_info("journal.recovered journal=%s took_ms=%" PRIu64 " records=%" PRIu64, j->name,
                gn_clock_mono_ms() - start_ms, r.records);
    return GN_OK;
}
