/* The newest events, kept in memory for sinks that are a little behind and because the disk has not
 * got them yet; and the sorted lists of sequences that say what a sink has still to get. */
#include "outbox_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#define HOT_CAP_MIN  1024U
#define KEEP_CAP_MIN 16U

/* ---- the ring ---- */

/* Moves the items to a ring of at least count places more than are in use. */
static enum gn_err hot_grow(struct gn_hot *hot, size_t count)
{
    size_t need = (size_t)(hot->next - hot->first) + count;
    size_t cap = hot->cap == 0 ? HOT_CAP_MIN : hot->cap;
    struct gn_item **items;

    while (cap < need)
        cap *= 2;
    if (cap == hot->cap)
        return GN_OK;
    items = calloc(cap, sizeof(struct gn_item *));
    if (items == NULL)
        return GN_ENOMEM;
    for (uint64_t at = hot->first; at < hot->next; at++)
        items[at & (cap - 1)] = gn_hot_at(hot, at);
    free(hot->items);
    hot->items = items;
    hot->cap = cap;
    return GN_OK;
}

enum gn_err gn_hot_prepare(struct gn_hot *hot, struct gn_event *const *events, size_t count,
                           uint64_t clock_ms)
{
    enum gn_err err = hot_grow(hot, count);

    if (err != GN_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        struct gn_item *item = gn_item_new(events[i], hot->next + i, clock_ms);

        if (item == NULL) {
            gn_hot_discard(hot, i);
            return GN_ENOMEM;
        }
        hot->items[(hot->next + i) & (hot->cap - 1)] = item;
    }
    return GN_OK;
}

void gn_hot_discard(struct gn_hot *hot, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gn_item_unref(gn_hot_at(hot, hot->next + i));
}

void gn_hot_commit(struct gn_hot *hot, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hot->bytes += gn_hot_at(hot, hot->next + i)->event->bytes_held;
    hot->next += count;
}

static void hot_pop(struct gn_hot *hot)
{
    struct gn_item *item = gn_hot_at(hot, hot->first);

    hot->bytes -= item->event->bytes_held;
    hot->first++;
    gn_item_unref(item);
}

void gn_hot_trim(struct gn_hot *hot, uint64_t durable_next)
{
    while (gn_hot_is_over(hot) && hot->first < durable_next)
        hot_pop(hot);
}

void gn_hot_fini(struct gn_hot *hot)
{
    while (hot->first < hot->next)
        hot_pop(hot);
    GN_ASSERT(hot->bytes == 0);
    free(hot->items);
}

/* ---- lists of sequences ---- */

/* The place of the first one that is not below sequence. */
static size_t keep_find(const struct gn_keep *keep, uint64_t sequence)
{
    size_t low = keep->first, high = keep->first + keep->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (keep->all[middle] < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Moves them to a place with room for count more; there they begin at 0. */
static enum gn_err keep_reserve(struct gn_keep *keep, size_t count)
{
    size_t need = keep->count + count;
    uint64_t *all;

    if (keep->first + need <= keep->cap)
        return GN_OK;
    need += need / 2 + KEEP_CAP_MIN;
    all = malloc(need * sizeof(*all));
    if (all == NULL)
        return GN_ENOMEM;
    if (keep->count > 0)
        memcpy(all, keep->all + keep->first, keep->count * sizeof(*all));
    free(keep->all);
    *keep = (struct gn_keep){.all = all, .count = keep->count, .cap = need};
    return GN_OK;
}

enum gn_err gn_keep_add(struct gn_keep *keep, uint64_t sequence)
{
    enum gn_err err = keep_reserve(keep, 1);
    size_t place, end;

    if (err != GN_OK)
        return err;
    place = keep_find(keep, sequence);
    end = keep->first + keep->count;
    if (place < end && keep->all[place] == sequence)
        return GN_OK;
    memmove(keep->all + place + 1, keep->all + place, (end - place) * sizeof(*keep->all));
    keep->all[place] = sequence;
    keep->count++;
    return GN_OK;
}

enum gn_err gn_keep_merge(struct gn_keep *keep, const uint64_t *more, size_t count)
{
    enum gn_err err = keep_reserve(keep, count);
    size_t left = keep->count, to = keep->count + count;
    uint64_t *start;

    if (err != GN_OK || count == 0)
        return err;
    start = keep->all + keep->first;
    keep->count = to;
    while (count > 0) { /* from the highest down; what is left then is in its place */
        if (left > 0 && start[left - 1] > more[count - 1])
            start[--to] = start[--left];
        else
            start[--to] = more[--count];
    }
    return GN_OK;
}

bool gn_keep_has(const struct gn_keep *keep, uint64_t sequence)
{
    size_t place = keep_find(keep, sequence);

    return place < keep->first + keep->count && keep->all[place] == sequence;
}

bool gn_keep_take(struct gn_keep *keep, uint64_t sequence)
{
    size_t place = keep_find(keep, sequence);
    size_t end = keep->first + keep->count;

    if (place == end || keep->all[place] != sequence)
        return false;
    if (place == keep->first) {
        gn_keep_pop(keep);
        return true;
    }
    memmove(keep->all + place, keep->all + place + 1, (end - place - 1) * sizeof(*keep->all));
    keep->count--;
    return true;
}

void gn_keep_cut(struct gn_keep *keep, uint64_t sequence)
{
    keep->count =
        sequence == UINT64_MAX ? keep->count : keep_find(keep, sequence + 1) - keep->first;
}

void gn_keep_free(struct gn_keep *keep)
{
    free(keep->all);
    *keep = (struct gn_keep){0};
}
