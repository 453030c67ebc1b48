/* The made-up fleet: what it sends is what the scanner reads and the registries know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/clock.h"
#include "gurnard/redfish/event_scan.h"
#include "gurnard/redfish/registry.h"
#include "gurnard/cli/fleet.h"

#define NOW_NS  INT64_C(1795232970136201331) /* 2026-11-21T03:49:30 */
#define MANY    2000
#define MIXTURE GN_FLEET_VENDORS

/* One event, scanned. */
struct sample {
    struct gn_buf body;
    struct gn_arena arena;
    struct gn_redfish_payload payload;
    struct gn_redfish_record *record;
};

static void draw(struct sample *sample, struct gn_fleet *fleet, enum gn_fleet_vendor vendor,
                 int with_message)
{
    sample->body = GN_BUF_INIT;
    gn_arena_init(&sample->arena, 1 << 20);
    (void)gn_fleet_next(fleet, vendor, with_message, NOW_NS, &sample->body);
    assert_int_equal(gn_redfish_scan(gn_buf_str(&sample->body), 1 << 20, &sample->arena,
                                     &sample->payload, NULL),
                     GN_OK);
    assert_int_equal(sample->payload.kind, GN_REDFISH_EVENT);
    assert_int_equal(sample->payload.event_count, 1);
    assert_int_equal(sample->payload.events[0].record_count, 1);
    sample->record = &sample->payload.events[0].records[0];
}

static void drop(struct sample *sample)
{
    gn_arena_fini(&sample->arena);
    gn_buf_free(&sample->body);
}

static struct gn_str text_of(struct sample *sample, enum gn_redfish_record_member member)
{
    return gn_redfish_text(&sample->record->known[member], &sample->arena);
}

static bool has(struct sample *sample, enum gn_redfish_record_member member)
{
    return sample->record->known[member].raw.p != NULL;
}

static void vendor_names_are_known(void **state)
{
    static const struct {
        const char *name;
        enum gn_fleet_vendor want;
    } rows[] = {
        {"idrac", GN_FLEET_IDRAC}, {"ilo", GN_FLEET_ILO},  {"openbmc", GN_FLEET_OPENBMC},
        {"ami", GN_FLEET_AMI},     {"", GN_FLEET_VENDORS}, {"iDRAC", GN_FLEET_VENDORS},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_fleet_vendor_parse(rows[i].name), rows[i].want);
}

static void equal_seeds_give_equal_events(void **state)
{
    struct gn_fleet one, same, other;
    struct gn_buf bodies[3] = {GN_BUF_INIT, GN_BUF_INIT, GN_BUF_INIT};

    (void)state;
    gn_fleet_init(&one, 8, 7);
    gn_fleet_init(&same, 8, 7);
    gn_fleet_init(&other, 8, 8);
    for (int i = 0; i < 100; i++) {
        (void)gn_fleet_next(&one, MIXTURE, -1, NOW_NS, &bodies[0]);
        (void)gn_fleet_next(&same, MIXTURE, -1, NOW_NS, &bodies[1]);
        (void)gn_fleet_next(&other, MIXTURE, -1, NOW_NS, &bodies[2]);
    }
    assert_true(gn_str_eq(gn_buf_str(&bodies[0]), gn_buf_str(&bodies[1])));
    assert_false(gn_str_eq(gn_buf_str(&bodies[0]), gn_buf_str(&bodies[2])));
    for (int i = 0; i < 3; i++)
        gn_buf_free(&bodies[i]);
}

static void every_event_is_read_as_one_record_of_usual_size(void **state)
{
    struct gn_fleet fleet;

    (void)state;
    gn_fleet_init(&fleet, 64, 1);
    for (int i = 0; i < MANY; i++) {
        struct sample sample;

        draw(&sample, &fleet, MIXTURE, i % 3 - 1);
        assert_in_range(sample.body.len, 500, 1100);
        assert_true(text_of(&sample, GN_REC_MESSAGE_ID).len > 0);
        drop(&sample);
    }
}

static void event_ids_are_unique(void **state)
{
    static char seen[MANY][64];
    struct gn_fleet fleet;

    (void)state;
    gn_fleet_init(&fleet, 64, 1);
    for (int i = 0; i < MANY; i++) {
        struct sample sample;
        struct gn_str id;

        draw(&sample, &fleet, (enum gn_fleet_vendor)(i / (MANY / 4)), -1);
        id = text_of(&sample, GN_REC_EVENT_ID);
        assert_in_range(id.len, 1, sizeof seen[i] - 1);
        memcpy(seen[i], id.p, id.len);
        drop(&sample);
    }
    qsort(seen, MANY, sizeof seen[0], (int (*)(const void *, const void *))strcmp);
    for (int i = 1; i < MANY; i++)
        assert_string_not_equal(seen[i - 1], seen[i]);
}

static void the_time_is_the_one_given(void **state)
{
    struct gn_fleet fleet;

    (void)state;
    gn_fleet_init(&fleet, 8, 3);
    for (unsigned vendor = 0; vendor < GN_FLEET_VENDORS; vendor++) {
        struct sample sample;
        int64_t ns = 0;

        draw(&sample, &fleet, (enum gn_fleet_vendor)vendor, -1);
        assert_int_equal(gn_time_parse_bmc(text_of(&sample, GN_REC_EVENT_TIMESTAMP), &ns), GN_OK);
        assert_int_equal(ns, NOW_NS / 1000000000 * 1000000000);
        drop(&sample);
    }
}

static void message_text_comes_when_asked_for_or_as_the_vendor_does(void **state)
{
    static const struct {
        enum gn_fleet_vendor vendor;
        int with_message;
        bool want;
    } rows[] = {
        {GN_FLEET_IDRAC, -1, true},   {GN_FLEET_IDRAC, 0, false},   {GN_FLEET_IDRAC, 1, true},
        {GN_FLEET_ILO, -1, false},    {GN_FLEET_ILO, 0, false},     {GN_FLEET_ILO, 1, true},
        {GN_FLEET_OPENBMC, -1, true}, {GN_FLEET_OPENBMC, 0, false}, {GN_FLEET_OPENBMC, 1, true},
        {GN_FLEET_AMI, -1, true},     {GN_FLEET_AMI, 0, false},     {GN_FLEET_AMI, 1, true},
    };
    struct gn_fleet fleet;

    (void)state;
    gn_fleet_init(&fleet, 8, 5);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct sample sample;

        draw(&sample, &fleet, rows[i].vendor, rows[i].with_message);
        assert_int_equal(has(&sample, GN_REC_MESSAGE), rows[i].want);
        if (rows[i].want) /* all arguments are in their places */
            assert_null(memchr(text_of(&sample, GN_REC_MESSAGE).p, '%',
                               text_of(&sample, GN_REC_MESSAGE).len));
        drop(&sample);
    }
}

static void vendors_keep_their_habits(void **state)
{
    struct gn_fleet fleet;
    struct sample sample;

    (void)state;
    gn_fleet_init(&fleet, 8, 5);
    draw(&sample, &fleet, GN_FLEET_ILO, -1);
    assert_null(sample.payload.events[0].known[GN_ENV_ID].raw.p);
    assert_int_equal(sample.record->known[GN_REC_ORIGIN_OF_CONDITION].type, GN_JSON_STRING);
    drop(&sample);
    draw(&sample, &fleet, GN_FLEET_OPENBMC, -1);
    assert_false(has(&sample, GN_REC_EVENT_TYPE));
    assert_false(has(&sample, GN_REC_MEMBER_ID));
    drop(&sample);
    draw(&sample, &fleet, GN_FLEET_AMI, -1);
    assert_true(sample.payload.events[0].extra_count >= 3);
    drop(&sample);
    draw(&sample, &fleet, GN_FLEET_IDRAC, -1);
    assert_true(gn_str_has_suffix(text_of(&sample, GN_REC_EVENT_TIMESTAMP), GN_STR("-0600")));
    drop(&sample);
}

static void what_has_no_text_is_in_our_registries(void **state)
{
    struct gn_registry_set *set = gn_registry_set_new();
    struct gn_registry_report report;
    struct gn_fleet fleet;

    (void)state;
    assert_non_null(set);
    assert_int_equal(gn_registry_set_load_folder(set, GN_SOURCE_DIR "/registries", &report), GN_OK);
    assert_int_equal(gn_registry_set_seal(set), GN_OK);
    gn_fleet_init(&fleet, 16, 9);
    for (int i = 0; i < MANY; i++) {
        struct gn_message message = {0};
        struct sample sample;
        struct gn_str *args = NULL;

        draw(&sample, &fleet, MIXTURE, 0);
        assert_int_not_equal(gn_registry_find(set, text_of(&sample, GN_REC_MESSAGE_ID), &message),
                             GN_MATCH_NONE);
        assert_true(message.text.len > 0);
        assert_int_equal(gn_redfish_args(sample.record, &sample.arena, &args),
                         message.number_of_args);
        if (has(&sample, GN_REC_SEVERITY))
            assert_int_equal(gn_severity_parse(text_of(&sample, GN_REC_SEVERITY)),
                             message.severity);
        drop(&sample);
    }
    gn_registry_set_free(set);
}

static void names_are_those_of_the_fleet(void **state)
{
    bool seen[4] = {false};
    struct gn_fleet fleet;
    struct gn_buf body = GN_BUF_INIT;

    (void)state;
    gn_fleet_init(&fleet, 3, 2);
    for (int i = 0; i < 100; i++) {
        struct gn_str name = gn_fleet_next(&fleet, MIXTURE, -1, NOW_NS, &body);
        unsigned long long number = 0;

        assert_true(gn_str_has_prefix(name, GN_STR("bmc-")));
        assert_true(gn_str_to_u64((struct gn_str){name.p + 4, name.len - 4}, 3, &number));
        seen[number] = true;
    }
    assert_false(seen[0]);
    assert_true(seen[1] && seen[2] && seen[3]);
    gn_buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vendor_names_are_known),
        cmocka_unit_test(equal_seeds_give_equal_events),
        cmocka_unit_test(every_event_is_read_as_one_record_of_usual_size),
        cmocka_unit_test(event_ids_are_unique),
        cmocka_unit_test(the_time_is_the_one_given),
        cmocka_unit_test(message_text_comes_when_asked_for_or_as_the_vendor_does),
        cmocka_unit_test(vendors_keep_their_habits),
        cmocka_unit_test(what_has_no_text_is_in_our_registries),
        cmocka_unit_test(names_are_those_of_the_fleet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
