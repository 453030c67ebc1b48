/* A relay with all that it needs for tests of what BMCs send, and a subscriber. */
#ifndef GURNARD_TESTS_RELAY_BED_H
#define GURNARD_TESTS_RELAY_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/log.h"
#include "gurnard/relay/relay.h"

#include "fake_transport.h"

#define BED_NODE      "/cluster/node/n1"
#define BED_TURNS_MAX 2000 /* bound of any wait; never reached when the code is right */

struct relay_bed {
    struct gn_metrics *metrics;
    struct gn_loop *loop;
    struct fake_transport *fake;
    char folder[64]; /* of the journal; "": in memory */
    struct gn_journal *journal;
    struct gn_outbox *outbox;
    struct gn_state *state;
    struct gn_alarms *alarms;
    struct gn_relay *relay;
    struct gn_pubsub_item item;
    char item_texts[3][64];
    struct gn_relay_config config;
    const char *registry; /* JSON text; NULL: none */
};

static inline void bed_load_registry(struct relay_bed *bed)
{
    struct gn_registry_set *set = gn_registry_set_new();

    assert_int_equal(gn_registry_set_load(set, gn_str_of(bed->registry), "own", NULL), GN_OK);
    assert_int_equal(gn_registry_set_seal(set), GN_OK);
    gn_relay_set_registries(bed->relay, set);
}

/* Subscribes fake://all to one address below the node, and to no other any more. */
static inline void bed_subscribe(struct relay_bed *bed, const char *suffix)
{
    struct gn_pubsub_item *item = &bed->item;

    if (item->user != NULL)
        gn_relay_subscription_removed(bed->relay, item);
    item->kind = GN_SUBSCRIPTION;
    (void)snprintf(bed->item_texts[0], 64, "sub-1");
    (void)snprintf(bed->item_texts[1], 64, BED_NODE "%s", suffix);
    (void)snprintf(bed->item_texts[2], 64, "fake://all");
    item->id = bed->item_texts[0];
    item->resource = bed->item_texts[1];
    item->endpoint_uri = bed->item_texts[2];
    item->user = NULL;
    gn_relay_subscription_added(bed->relay, item);
}

/* What a process has, up to what it reads back at its start. */
static inline void bed_open(struct relay_bed *bed)
{
    const struct gn_journal_config journal = {
        .name = "events",
        .folder = bed->folder,
        .max_bytes = 64 << 20,
        .segment_bytes = 1 << 20,
        .pending_bytes = 64 << 20,
        .keep_ms = 60000,
    };
    const struct gn_outbox_config outbox = {
        .backoff = {.min_ms = 1, .max_ms = 4},
        .attempt_timeout_ms = 2000,
        .expire_ms = 60000,
        .refused_tries = 3,
        .sink_concurrency = 4,
        .max_in_flight = 100,
        .quota_events = 1000,
        .quota_bytes = 1 << 20,
        .memory_bytes = 4 << 20,
    };
    struct gn_transport *transports[] = {&bed->fake->base, NULL};
    struct gn_outbox_parts of_outbox = {.loop = bed->loop,
                                        .transports = transports,
                                        .metrics = bed->metrics};
    struct gn_relay_parts parts;

    assert_int_equal(gn_journal_open(bed->loop, &journal, bed->metrics, &bed->journal), GN_OK);
    of_outbox.journal = bed->journal;
    bed->outbox = gn_outbox_new(&outbox, &of_outbox);
    bed->state = gn_state_new();
    bed->alarms = gn_alarms_new(bed->metrics);
    parts = (struct gn_relay_parts){.loop = bed->loop,
                                    .journal = bed->journal,
                                    .outbox = bed->outbox,
                                    .state = bed->state,
                                    .metrics = bed->metrics,
                                    .alarms = bed->alarms};
    bed->relay = gn_relay_new(&bed->config, &parts);
    assert_non_null(bed->relay);
}

static inline void bed_close(struct relay_bed *bed)
{
    gn_outbox_free(bed->outbox);
    gn_journal_close(bed->journal);
    gn_relay_free(bed->relay);
    gn_alarms_free(bed->alarms);
    gn_state_free(bed->state);
    bed->relay = NULL;
    bed->item.user = NULL;
}

/* Opens, with the registry, and reads back. */
static inline void bed_start(struct relay_bed *bed)
{
    bed_open(bed);
    if (bed->registry != NULL)
        bed_load_registry(bed);
    assert_int_equal(gn_relay_recover(bed->relay, true), GN_OK);
}

static inline struct relay_bed *bed_new(void)
{
    struct relay_bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    bed->metrics = gn_metrics_new();
    bed->loop = gn_loop_new(NULL);
    bed->fake = fake_transport_new(bed->loop);
    bed->config = (struct gn_relay_config){.node = "n1", .max_body_bytes = 1 << 20};
    return bed;
}

static inline void bed_remove_folder(const struct relay_bed *bed)
{
    char command[96];

    (void)snprintf(command, sizeof command, "rm -rf %s", bed->folder);
    if (bed->folder[0] != '\0')
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
}

static inline void bed_free(struct relay_bed *bed)
{
    if (bed->relay != NULL)
        bed_close(bed);
    bed->fake->base.ops->free(&bed->fake->base);
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    bed_remove_folder(bed);
    free(bed);
}

/* From the next start on a new store. */
static inline void bed_on_disk(struct relay_bed *bed)
{
    bed_remove_folder(bed);
    (void)snprintf(bed->folder, sizeof bed->folder, "/tmp/gn_bed_XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
}

static inline enum gn_intake bed_take(struct relay_bed *bed, const char *name,
                                      enum gn_relay_way way, const char *body)
{
    const struct gn_relay_source source = {
        .name = gn_str_of(name), .peer = GN_STR("192.0.2.7"), .is_known = name != NULL, .way = way};

    return gn_relay_redfish(bed->relay, &source, gn_str_of(body));
}

/* Until all is delivered. */
static inline void bed_settle(struct relay_bed *bed)
{
    for (int i = 0; gn_outbox_pending(bed->outbox) > 0; i++) {
        assert_true(i < BED_TURNS_MAX);
        assert_int_equal(gn_loop_turn(bed->loop, 20), GN_OK);
    }
}

static inline void bed_mark(void *ctx, enum gn_err err)
{
    *(int *)ctx = err == GN_OK ? 1 : -1;
}

/* Until all is on disk. */
static inline void bed_wait_durable(struct relay_bed *bed)
{
    struct gn_journal_wait wait = {.is_waiting = false};
    int durable = 0;

    gn_journal_wait(bed->journal, &wait, bed_mark, &durable);
    for (int i = 0; durable == 0; i++) {
        assert_true(i < BED_TURNS_MAX);
        assert_int_equal(gn_loop_turn(bed->loop, 20), GN_OK);
    }
    assert_int_equal(durable, 1);
}

static inline double bed_counter(struct relay_bed *bed, const char *name, const char *labels)
{
    return gn_metrics_counter(bed->metrics, name, labels, "")->value;
}

/* What the subscriber got last. */
static inline const char *bed_last(struct relay_bed *bed)
{
    assert_true(bed->fake->note_count > 0);
    return bed->fake->notes[bed->fake->note_count - 1].body;
}

#endif
