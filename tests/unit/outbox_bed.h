/* What the tests of the outbox share: a loop, a journal, a fake transport and an outbox on them. */
#ifndef GURNARD_TESTS_OUTBOX_BED_H
#define GURNARD_TESTS_OUTBOX_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/log.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/relay/outbox.h"
#include "gurnard/relay/record.h"
#include "gurnard/store/journal.h"

#include "fake_transport.h"

#define TURN_MS   20   /* longest wait of one turn */
#define TURNS_MAX 2000 /* bound of any wait; never reached when the code is right */

struct rig {
    struct gn_metrics *metrics;
    struct gn_loop *loop;
    struct fake_transport *fake;
    struct gn_journal *journal;
    struct gn_deadletters *letters;
    struct gn_outbox *outbox;
    char folder[64]; /* of the journal; "": in memory */
    unsigned event_number;
};

static const struct gn_outbox_config quick = {
    .backoff = {.min_ms = 1, .max_ms = 4},
    .attempt_timeout_ms = 2000,
    .expire_ms = 60000,
    .refused_tries = 3,
    .gone_pause_ms = 60000,
    .sink_concurrency = 4,
    .max_in_flight = 100,
    .quota_events = 100000,
    .quota_bytes = 64 << 20,
    .memory_bytes = 16 << 20,
};

/* ---- the journal's owner, as the relay is ---- */

static inline bool bed_begin(void *ctx)
{
    struct rig *rig = ctx;

    return gn_outbox_checkpoint(rig->outbox);
}

/* The open sinks of a resource. */
struct bed_sinks {
    struct gn_str resource;
    struct gn_sink *all[16];
    size_t count;
};

static inline void bed_add_sink(void *ctx, const struct gn_sink *sink)
{
    struct bed_sinks *sinks = ctx;
    struct gn_sink_status status;

    gn_sink_status(sink, &status);
    if (!gn_str_eq(gn_str_of(status.resource), sinks->resource))
        return;
    assert_true(sinks->count < GN_LEN(sinks->all));
    sinks->all[sinks->count++] = (struct gn_sink *)(uintptr_t)sink;
}

static inline void bed_event(struct rig *rig, uint64_t sequence, struct gn_str resource)
{
    struct bed_sinks sinks = {.resource = resource};

    gn_outbox_each_sink(rig->outbox, bed_add_sink, &sinks);
    gn_outbox_recover_event(rig->outbox, sequence, sinks.all, sinks.count);
}

static inline enum gn_err bed_record(void *ctx, const struct gn_record *record, bool is_index)
{
    struct rig *rig = ctx;
    struct gn_str payload = record->payload;
    struct gn_packed_event packed;

    assert_false(is_index);
    if (record->type == GN_RECORD_PROGRESS)
        gn_outbox_recover_progress(rig->outbox, record);
    if (record->type != GN_RECORD_EVENTS)
        return GN_OK;
    for (uint32_t i = 0; i < record->count; i++) {
        assert_int_equal(gn_event_peek(&payload, &packed), GN_OK);
        bed_event(rig, record->sequence + i, packed.resource);
    }
    return GN_OK;
}

static inline void bed_recover(struct rig *rig)
{
    const struct gn_journal_owner owner = {.begin = bed_begin, .record = bed_record, .ctx = rig};

    assert_int_equal(gn_journal_recover(rig->journal, &owner, 60000), GN_OK);
}

/* ---- parts ---- */

static inline void open_journal(struct rig *rig)
{
    const struct gn_journal_config config = {
        .name = "events",
        .folder = rig->folder,
        .max_bytes = 64 << 20,
        .segment_bytes = 1 << 20,
        .pending_bytes = 16 << 20,
        .keep_ms = 60000,
    };

    assert_int_equal(gn_journal_open(rig->loop, &config, rig->metrics, &rig->journal), GN_OK);
}

/* An outbox that is not started yet. */
static inline void new_outbox(struct rig *rig, const struct gn_outbox_config *config)
{
    struct gn_transport *transports[] = {&rig->fake->base, NULL};
    const struct gn_outbox_parts parts = {.loop = rig->loop,
                                          .journal = rig->journal,
                                          .letters = rig->letters,
                                          .transports = transports,
                                          .metrics = rig->metrics};

    rig->outbox = gn_outbox_new(config, &parts);
    assert_non_null(rig->outbox);
}

/* Another outbox on a new journal in memory. */
static inline void open_outbox(struct rig *rig, const struct gn_outbox_config *config)
{
    gn_outbox_free(rig->outbox);
    gn_journal_close(rig->journal);
    open_journal(rig);
    new_outbox(rig, config);
    bed_recover(rig);
    gn_outbox_start(rig->outbox);
}

static inline struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    rig->metrics = gn_metrics_new();
    rig->loop = gn_loop_new(NULL);
    rig->fake = fake_transport_new(rig->loop);
    return rig;
}

static inline void rig_free(struct rig *rig)
{
    gn_outbox_free(rig->outbox);
    gn_deadletters_close(rig->letters);
    gn_journal_close(rig->journal);
    rig->fake->base.ops->free(&rig->fake->base);
    gn_loop_free(rig->loop);
    gn_metrics_free(rig->metrics);
    free(rig);
}

/* Of the v1 face. */
static inline enum gn_err try_open_sink(struct rig *rig, const char *id, const char *address,
                                        const char *resource, struct gn_sink **sink)
{
    struct gn_interest *interest = gn_interest_new(GN_FACE_V1, gn_str_of(resource), NULL, NULL);
    const struct gn_sink_config config = {.id = id, .address = address, .interest = interest};
    enum gn_err err;

    assert_non_null(interest);
    err = gn_outbox_open_sink(rig->outbox, &config, sink);
    gn_interest_unref(interest);
    return err;
}

static inline struct gn_sink *open_sink_as(struct rig *rig, const char *id, const char *address)
{
    struct gn_sink *sink = NULL;

    assert_int_equal(try_open_sink(rig, id, address, "/r", &sink), GN_OK);
    return sink;
}

static inline struct gn_sink *open_sink(struct rig *rig, const char *address)
{
    return open_sink_as(rig, "sub-1", address);
}

/* An event whose data is its number. */
static inline struct gn_event *make_event_of(struct rig *rig, const char *resource, uint64_t lane,
                                             size_t padding)
{
    struct gn_buf data = GN_BUF_INIT;
    struct gn_event *event;

    gn_buf_printf(&data, "{\"n\":%u", rig->event_number++);
    for (size_t i = 0; i < padding; i++)
        gn_buf_putc(&data, ' ');
    gn_buf_putc(&data, '}');
    event = gn_event_new(&(struct gn_event_parts){.id = gn_id_random(),
                                                  .type = GN_STR("t"),
                                                  .source = GN_STR("/s"),
                                                  .resource = gn_str_of(resource),
                                                  .data = gn_buf_str(&data),
                                                  .received_us = gn_loop_now_us(rig->loop),
                                                  .lane = lane});
    gn_buf_free(&data);
    assert_non_null(event);
    return event;
}

static inline struct gn_event *make_event(struct rig *rig, uint64_t lane, size_t padding)
{
    return make_event_of(rig, "/r", lane, padding);
}

/* Gives the event away. */
static inline enum gn_err push_event(struct rig *rig, struct gn_event *event,
                                     struct gn_sink **sinks, size_t count)
{
    enum gn_err err = gn_outbox_push(rig->outbox, &event, 1, sinks, count);

    gn_event_unref(event);
    return err;
}

static inline void push(struct rig *rig, struct gn_sink *sink, uint64_t lane)
{
    assert_int_equal(push_event(rig, make_event(rig, lane, 0), &sink, 1), GN_OK);
}

/* ---- turning and looking ---- */

static inline void turn(struct rig *rig)
{
    assert_int_equal(gn_loop_turn(rig->loop, TURN_MS), GN_OK);
}

static inline void settle(struct rig *rig)
{
    for (int i = 0; gn_outbox_pending(rig->outbox) > 0; i++) {
        assert_true(i < TURNS_MAX);
        turn(rig);
    }
}

static inline double figure(struct rig *rig, const char *outcome)
{
    char labels[96];

    (void)snprintf(labels, sizeof(labels), "transport=\"fake\",outcome=\"%s\"", outcome);
    return gn_metrics_counter(rig->metrics, "gurnard_deliveries_total", labels, "")->value;
}

static inline double reads(struct rig *rig)
{
    return gn_metrics_counter(rig->metrics, "gurnard_outbox_reads_total", NULL, "")->value;
}

static inline struct gn_sink_status status_of(const struct gn_sink *sink)
{
    struct gn_sink_status status;

    gn_sink_status(sink, &status);
    return status;
}

static inline uint64_t memory_bytes(const struct rig *rig)
{
    struct gn_outbox_status status;

    gn_outbox_status(rig->outbox, &status);
    return status.memory_bytes;
}

static inline unsigned number_in(const struct fake_note *note)
{
    const char *at = strstr(note->body, "{\"n\":");

    assert_non_null(at);
    return (unsigned)strtoul(at + 5, NULL, 10);
}

#endif
