/* Takes deliveries out of memory again, for a sink that does not take them. They stay pending. */
#include "outbox_priv.h"

#include <stdlib.h>

/* The delivery behind the first ones; *boundary is raised to the last of them. */
static struct gn_delivery *behind_first(struct gn_sink *sink, uint32_t first, uint64_t *boundary)
{
    struct gn_delivery *dv = TAILQ_FIRST(&sink->window);

    for (; dv != NULL && first > 0; first--) {
        if (*boundary < dv->item->sequence)
            *boundary = dv->item->sequence;
        dv = TAILQ_NEXT(dv, sink_link);
    }
    return dv;
}

/* Notes the sequences of those that are not under way, up to boundary. GN_ENOMEM: nothing
 * happened. */
static enum gn_err keep_window(struct gn_sink *sink, struct gn_delivery *dv, uint64_t boundary)
{
    uint64_t *more = malloc((size_t)sink->window_count * sizeof(*more));
    size_t count = 0;
    enum gn_err err;

    if (more == NULL)
        return GN_ENOMEM;
    for (; dv != NULL && dv->item->sequence <= boundary; dv = TAILQ_NEXT(dv, sink_link))
        if (!gn_delivery_is_in_flight(dv))
            more[count++] = dv->item->sequence;
    err = gn_keep_merge(&sink->keep, more, count);
    if (err == GN_OK)
        gn_keep_cut(&sink->keep, boundary); /* those above are all to be read again */
    free(more);
    return err;
}

/* From the tail, so that what is left of each lane are its oldest. */
static void unload_from(struct gn_sink *sink, const struct gn_delivery *from)
{
    struct gn_delivery *dv = TAILQ_LAST(&sink->window, gn_delivery_list);
    bool is_last = false;

    while (!is_last) {
        struct gn_delivery *before = TAILQ_PREV(dv, gn_delivery_list, sink_link);

        is_last = dv == from;
        if (!gn_delivery_is_in_flight(dv))
            gn_delivery_unload(dv);
        dv = before;
    }
}

void gn_window_unload(struct gn_sink *sink, uint32_t first)
{
    uint64_t boundary = gn_window_boundary(sink);
    struct gn_delivery *from;

    /* Those under way are above what is kept at worst: then there is nothing to unload. */
    if (sink->window_count <= (uint64_t)first + sink->in_flight - sink->again_in_flight)
        return;
    from = behind_first(sink, first, &boundary);
    if (from == NULL || keep_window(sink, from, boundary) != GN_OK)
        return;
    unload_from(sink, from);
    if (sink->is_live)
        gn_window_fall_behind(sink, boundary + 1);
    sink->next_sequence = boundary + 1;
    gn_window_reread(sink);
    gn_window_wake(sink);
}
