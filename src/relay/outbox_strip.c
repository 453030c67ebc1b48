/* A segment is rewritten on the journal's reading thread, which decides by a copy of what each
 * victim had to get at the start. What they need can only have become less when it is done, and
 * what they have read meanwhile was read before the segment changed: that thread does one thing at
 * a time. */
#include "outbox_strip.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/relay/record.h"

struct victim {
    struct gn_sink *sink;   /* NULL: closed meanwhile. Of the loop's thread alone */
    struct gn_keep needs;   /* below next_sequence */
    uint64_t next_sequence; /* from here on it needs all that are its */
    SLIST_ENTRY(victim) link;
};

/* The victims that get the same events. */
struct group {
    struct gn_interest *interest; /* a reference */
    SLIST_HEAD(, victim) victims;
    struct gn_keep dropped; /* its events in the records that went */
    SLIST_ENTRY(group) link;
};

struct gn_strip {
    struct gn_outbox *outbox;
    struct gn_shed_plan plan;
    SLIST_HEAD(, group) groups;
    struct gn_keep busy; /* events that must stay: under way, or not settled */
    bool is_bare;
    void (*done)(void *ctx, const struct gn_strip_result *result);
    void *ctx;
};

/* ---- what goes; on the reading thread ---- */

static bool victim_needs(const struct group *group, uint64_t sequence)
{
    const struct victim *victim;

    SLIST_FOREACH (victim, &group->victims, link)
        if (sequence >= victim->next_sequence || gn_keep_has(&victim->needs, sequence))
            return true;
    return false;
}

static bool is_needed(const struct gn_strip *strip, const struct gn_packed_event *packed,
                      uint64_t sequence)
{
    const struct group *group;

    SLIST_FOREACH (group, &strip->groups, link)
        if (gn_interest_wants_packed(group->interest, packed) && victim_needs(group, sequence))
            return true;
    return false;
}

/* Whether the record holds nothing that must stay. One that cannot be read stays. */
static bool may_go(const struct gn_strip *strip, const struct gn_record *record)
{
    struct gn_str payload = record->payload;
    struct gn_packed_event packed;

    for (uint32_t i = 0; i < record->count; i++) {
        uint64_t sequence = record->sequence + i;

        if (gn_event_peek(&payload, &packed) != GN_OK || gn_keep_has(&strip->busy, sequence))
            return false;
        if (packed.rank > strip->plan.rank && is_needed(strip, &packed, sequence))
            return false;
    }
    return true;
}

static void forget_record(struct gn_strip *strip, const struct gn_record *record)
{
    struct group *group;

    SLIST_FOREACH (group, &strip->groups, link)
        gn_keep_cut(&group->dropped, record->sequence - 1);
}

static enum gn_err note_event(struct gn_strip *strip, const struct gn_packed_event *packed,
                              uint64_t sequence)
{
    enum gn_err err = GN_OK;
    struct group *group;

    SLIST_FOREACH (group, &strip->groups, link)
        if (err == GN_OK && gn_interest_wants_packed(group->interest, packed))
            err = gn_keep_add(&group->dropped, sequence);
    return err;
}

/* Notes the events of a record that goes. GN_ENOMEM: it must stay. */
static enum gn_err note_record(struct gn_strip *strip, const struct gn_record *record)
{
    struct gn_str payload = record->payload;
    struct gn_packed_event packed;

    for (uint32_t i = 0; i < record->count && gn_event_peek(&payload, &packed) == GN_OK; i++) {
        if (note_event(strip, &packed, record->sequence + i) == GN_OK)
            continue;
        forget_record(strip, record);
        return GN_ENOMEM;
    }
    return GN_OK;
}

/* Progress and states were overtaken by the checkpoint of a later segment: else the journal would
 * not let this one be rewritten. */
static bool keeps(void *ctx, const struct gn_record *record)
{
    struct gn_strip *strip = ctx;

    if (record->type != GN_RECORD_EVENTS)
        return record->type == GN_RECORD_IDS;
    if (may_go(strip, record) && note_record(strip, record) == GN_OK)
        return false;
    strip->is_bare = false;
    return true;
}

/* ---- what follows from it ---- */

/* The place of the first one not below sequence, counted from the list's first. */
static size_t place_of(const struct gn_keep *keep, uint64_t sequence)
{
    const uint64_t *all = keep->all + keep->first;
    size_t low = 0, high = keep->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (all[middle] < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of those in memory, what is not under way. */
static uint64_t end_loaded(struct gn_sink *sink, const struct gn_keep *dropped,
                           enum gn_outcome outcome)
{
    uint64_t end = gn_keep_highest(dropped);
    uint64_t count = 0;
    struct gn_delivery *next;

    for (struct gn_delivery *dv = TAILQ_FIRST(&sink->window);
         dv != NULL && dv->item->sequence <= end; dv = next) {
        next = TAILQ_NEXT(dv, sink_link);
        if (gn_delivery_is_in_flight(dv) || !gn_keep_has(dropped, dv->item->sequence))
            continue;
        gn_delivery_end(dv, outcome);
        count++;
    }
    return count;
}

/* Of those below next_sequence that are not in memory: the first ones of the dropped. */
static uint64_t end_listed(struct gn_sink *sink, const struct gn_keep *dropped, size_t first,
                           enum gn_outcome outcome)
{
    uint64_t count = 0;

    for (size_t i = 0; i < first; i++)
        count += gn_window_end_unread(sink, dropped->all[dropped->first + i], outcome);
    return count;
}

/* From next_sequence on there is no list, only the number of those pending. */
static uint64_t end_unlisted(struct gn_sink *sink, uint64_t count, enum gn_outcome outcome)
{
    uint64_t left = sink->pending - sink->window_count - sink->keep.count;

    if (count > left)
        count = left;
    if (count > 0)
        gn_sink_count_ends(sink, outcome, count);
    return count;
}

static uint64_t end_dropped(struct gn_sink *sink, const struct gn_keep *dropped,
                            enum gn_outcome outcome)
{
    size_t first;
    uint64_t count;

    gn_window_reread(sink);
    count = end_loaded(sink, dropped, outcome);
    if (!sink->is_live) {
        first = place_of(dropped, sink->next_sequence);
        count += end_listed(sink, dropped, first, outcome);
        count += end_unlisted(sink, dropped->count - first, outcome);
    }
    gn_window_wake(sink);
    return count;
}

static uint64_t end_all(struct gn_strip *strip)
{
    enum gn_outcome outcome = strip->plan.why == GN_SHED_EXPIRED ? GN_EXPIRED : GN_SHED;
    uint64_t count = 0;
    struct group *group;

    SLIST_FOREACH (group, &strip->groups, link) {
        struct victim *victim;

        SLIST_FOREACH (victim, &group->victims, link)
            if (victim->sink != NULL && group->dropped.count > 0)
                count += end_dropped(victim->sink, &group->dropped, outcome);
    }
    return count;
}

static uint64_t bytes_of(const struct gn_journal *journal, uint64_t number)
{
    struct gn_journal_segment segment;

    for (size_t place = 0; gn_journal_segment_at(journal, place, &segment); place++)
        if (segment.number == number)
            return segment.bytes;
    return 0;
}

static void on_rewritten(void *ctx, enum gn_err err)
{
    struct gn_strip *strip = ctx;
    struct gn_strip_result result = {.err = err};
    uint64_t bytes;

    if (err == GN_OK) {
        bytes = bytes_of(strip->outbox->journal, strip->plan.segment.number);
        if (bytes < strip->plan.segment.bytes)
            result.bytes_freed = strip->plan.segment.bytes - bytes;
        result.is_bare = strip->is_bare;
        result.ended = end_all(strip);
    }
    strip->done(strip->ctx, &result); /* strip is gone */
}

/* ---- before ---- */

struct gn_strip *gn_strip_new(struct gn_outbox *ob, const struct gn_shed_plan *plan)
{
    struct gn_strip *strip = calloc(1, sizeof(*strip));

    if (strip == NULL)
        return NULL;
    strip->outbox = ob;
    strip->plan = *plan;
    strip->is_bare = true;
    SLIST_INIT(&strip->groups);
    return strip;
}

static void free_victim(struct victim *victim)
{
    gn_keep_free(&victim->needs);
    free(victim);
}

static void free_group(struct group *group)
{
    struct victim *victim;

    while ((victim = SLIST_FIRST(&group->victims)) != NULL) {
        SLIST_REMOVE_HEAD(&group->victims, link);
        free_victim(victim);
    }
    gn_keep_free(&group->dropped);
    gn_interest_unref(group->interest);
    free(group);
}

void gn_strip_free(struct gn_strip *strip)
{
    struct group *group;

    if (strip == NULL)
        return;
    while ((group = SLIST_FIRST(&strip->groups)) != NULL) {
        SLIST_REMOVE_HEAD(&strip->groups, link);
        free_group(group);
    }
    gn_keep_free(&strip->busy);
    free(strip);
}

/* The group of this interest, made when missing. NULL: no memory. */
static struct group *get_group(struct gn_strip *strip, struct gn_interest *interest)
{
    struct group *group;

    SLIST_FOREACH (group, &strip->groups, link)
        if (gn_interest_is_same(group->interest, interest))
            return group;
    group = calloc(1, sizeof(*group));
    if (group == NULL)
        return NULL;
    SLIST_INIT(&group->victims);
    group->interest = gn_interest_ref(interest);
    SLIST_INSERT_HEAD(&strip->groups, group, link);
    return group;
}

/* What the victim has in memory: needed, or busy. */
static enum gn_err copy_window(struct gn_strip *strip, const struct gn_sink *sink,
                               struct gn_keep *needs)
{
    uint64_t *waiting = calloc((size_t)sink->window_count + 1, sizeof(*waiting));
    const struct gn_delivery *dv;
    enum gn_err err = waiting == NULL ? GN_ENOMEM : GN_OK;
    size_t count = 0;

    TAILQ_FOREACH (dv, &sink->window, sink_link) {
        if (err != GN_OK || dv->item->sequence >= strip->plan.segment.end_sequence)
            break;
        if (gn_delivery_is_in_flight(dv))
            err = gn_keep_add(&strip->busy, dv->item->sequence);
        else
            waiting[count++] = dv->item->sequence;
    }
    if (err == GN_OK)
        err = gn_keep_merge(needs, waiting, count);
    free(waiting);
    return err;
}

static enum gn_err copy_needs(struct gn_strip *strip, struct victim *victim)
{
    const struct gn_sink *sink = victim->sink;
    const struct gn_keep *unsettled = &sink->unsettled;
    enum gn_err err = GN_OK;

    if (sink->keep.count > 0)
        err = gn_keep_merge(&victim->needs, sink->keep.all + sink->keep.first, sink->keep.count);
    victim->next_sequence = sink->is_live ? UINT64_MAX : sink->next_sequence;
    for (size_t i = 0; i < unsettled->count && err == GN_OK; i++)
        err = gn_keep_add(&strip->busy, unsettled->all[unsettled->first + i]);
    return err == GN_OK ? copy_window(strip, sink, &victim->needs) : err;
}

enum gn_err gn_strip_add(struct gn_strip *strip, struct gn_sink *sink)
{
    struct group *group = get_group(strip, sink->interest);
    struct victim *victim = calloc(1, sizeof(*victim));

    if (group == NULL || victim == NULL) {
        free(victim);
        return GN_ENOMEM;
    }
    victim->sink = sink;
    if (copy_needs(strip, victim) != GN_OK) {
        free_victim(victim);
        return GN_ENOMEM;
    }
    SLIST_INSERT_HEAD(&group->victims, victim, link);
    return GN_OK;
}

/* The sinks must not take from memory what is no longer stored, or it would be counted twice. It is
 * durable: the segment is closed. */
static void forget_hot(struct gn_outbox *ob, uint64_t end)
{
    uint64_t max_bytes = ob->hot.max_bytes;

    ob->hot.max_bytes = 0;
    gn_hot_trim(&ob->hot, end);
    ob->hot.max_bytes = max_bytes;
}

enum gn_err gn_strip_start(struct gn_strip *strip,
                           void (*done)(void *ctx, const struct gn_strip_result *result), void *ctx)
{
    struct gn_outbox *ob = strip->outbox;

    strip->done = done;
    strip->ctx = ctx;
    forget_hot(ob, strip->plan.segment.end_sequence);
    return gn_journal_rewrite(ob->journal, strip->plan.segment.number, keeps, on_rewritten, strip);
}

void gn_strip_forget(struct gn_strip *strip, const struct gn_sink *sink)
{
    struct group *group;

    SLIST_FOREACH (group, &strip->groups, link) {
        struct victim *victim;

        SLIST_FOREACH (victim, &group->victims, link)
            if (victim->sink == sink)
                victim->sink = NULL;
    }
}
