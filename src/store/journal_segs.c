/* The journal's list of segments and the sum of what they take. */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#include "journal_priv.h"

struct gn_journal_seg *gn_journal_seg_new(const struct gn_journal *journal, uint64_t number,
                                          uint64_t first_sequence)
{
    struct gn_journal_seg *seg = calloc(1, sizeof *seg);

    if (seg == NULL)
        return NULL;
    seg->refs = 1;
    seg->fd = -1;
    seg->harms = GN_BUF_INIT;
    seg->header = (struct gn_segment_header){.number = number,
                                             .first_sequence = first_sequence,
                                             .clock_ms = gn_journal_clock_ms(journal),
                                             .created_ns = gn_clock_real_ns(),
                                             .salt = journal->salt};
    seg->end_sequence = first_sequence;
    seg->durable_next = first_sequence;
    seg->end_clock_ms = seg->header.clock_ms;
    seg->fill = GN_SEGMENT_HEADER;
    seg->begin_end = GN_SEGMENT_HEADER;
    return seg;
}

void gn_journal_seg_unref(struct gn_journal_seg *seg)
{
    GN_ASSERT(seg->refs > 0);
    if (--seg->refs > 0)
        return;
    if (seg->fd >= 0)
        (void)close(seg->fd); /* what had to be durable was synced */
    gn_buf_free(&seg->harms);
    free(seg);
}

void gn_journal_seg_list(struct gn_journal *journal, struct gn_journal_seg *seg,
                         struct gn_journal_seg *other)
{
    GN_ASSERT(!seg->is_listed);
    if (other != NULL)
        TAILQ_INSERT_AFTER(&journal->segs, other, seg, link);
    else
        TAILQ_INSERT_TAIL(&journal->segs, seg, link);
    seg->is_listed = true;
    journal->segments++;
    journal->looked->seg = NULL;
}

void gn_journal_seg_unlist(struct gn_journal *journal, struct gn_journal_seg *seg)
{
    GN_ASSERT(seg->is_listed && seg != journal->current);
    gn_journal_seg_set_bytes(journal, seg, 0);
    TAILQ_REMOVE(&journal->segs, seg, link);
    seg->is_listed = false;
    journal->segments--;
    journal->looked->seg = NULL;
}

void gn_journal_seg_set_bytes(struct gn_journal *journal, struct gn_journal_seg *seg,
                              uint64_t bytes)
{
    journal->bytes += bytes - seg->bytes; /* wraps in between, not in the end */
    seg->bytes = bytes;
}

bool gn_journal_seg_is_closed(const struct gn_journal_seg *seg)
{
    return seg->is_ended && seg->durable_end == seg->fill;
}

bool gn_journal_seg_is_rewritable(const struct gn_journal *journal,
                                  const struct gn_journal_seg *seg)
{
    return gn_journal_seg_is_closed(seg) && seg->header.number < journal->checkpoint_number &&
           seg != journal->batch.abandoned;
}

bool gn_journal_seg_is_copy(const struct gn_record *record, uint64_t end_sequence)
{
    return record->count > 0 && record->sequence >= end_sequence;
}

void gn_journal_seg_add_seal(const struct gn_journal_seg *seg, uint64_t index_offset,
                             struct gn_buf *out)
{
    const uint64_t payload[] = {htole64(seg->end_sequence), htole64(index_offset),
                                htole64((uint64_t)seg->sealed_ns)};
    const struct gn_record record = {.sequence = seg->end_sequence,
                                     .clock_ms = seg->end_clock_ms,
                                     .type = GN_RECORD_SEAL,
                                     .payload = {(const char *)payload, sizeof payload}};

    _Static_assert(sizeof payload == GN_SEGMENT_SEAL_PAYLOAD, "three numbers");
    gn_frame_add(out, seg->header.salt, &record);
}

int gn_journal_seg_open(const struct gn_journal *journal, uint64_t number, int flags)
{
    char name[GN_SEGMENT_NAME_MAX];

    gn_segment_name(number, name);
    return openat(journal->dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}
