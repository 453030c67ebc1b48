/* Events as bytes and back: nothing lost, nothing read beyond, nothing believed. */
#include "gurnard/ce/event_pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/pack.h"

#define TIME_NS INT64_C(1795232970136201331)

/* Where things stand in a packed event. */
#define AT_VERSION  4U
#define AT_FLAGS    5U
#define AT_ID       6U
#define AT_RESOURCE 46U

static struct gn_event_parts redfish_parts(void)
{
    return (struct gn_event_parts){
        .id = {"0d7a3c5e-0000-4000-8000-000000000001"},
        .type = GN_STR("event.redfish.alert"),
        .source = GN_STR("/cluster/node/n1/redfish/v1/Systems"),
        .resource = GN_STR("/cluster/node/n1/redfish/v1/Systems/x"),
        .data = GN_STR("{\"version\":\"v1\",\"values\":[]}"),
        .origin = GN_STR("bmc-7"),
        .time_ns = TIME_NS,
        .received_ns = TIME_NS + 5,
        .received_us = 77,
        .lane = 0x8000000000000005,
        .rank = GN_RANK_HIGH,
        .is_named = true,
    };
}

static struct gn_buf packed_of(const struct gn_event_parts *parts)
{
    struct gn_event *event = gn_event_new(parts);
    struct gn_buf out = GN_BUF_INIT;

    assert_non_null(event);
    gn_event_pack(event, &out);
    assert_int_equal(gn_buf_err(&out), GN_OK);
    gn_event_unref(event);
    return out;
}

static struct gn_event *unpacked(struct gn_str bytes)
{
    struct gn_packed_event packed;
    struct gn_event *event = NULL;

    assert_int_equal(gn_event_peek(&bytes, &packed), GN_OK);
    assert_int_equal(gn_event_unpack(&packed, &event), GN_OK);
    return event;
}

static void assert_same(const struct gn_event *got, const struct gn_event *want)
{
    assert_int_equal(got->refs, 1);
    assert_string_equal(got->id.text, want->id.text);
    assert_true(got->time_ns == want->time_ns);
    assert_true(got->received_ns == want->received_ns);
    assert_int_equal(got->received_us, 0);
    assert_true(got->lane == want->lane);
    assert_int_equal(got->rank, want->rank);
    assert_int_equal(got->is_named, want->is_named);
    assert_true(gn_str_eq(got->origin, want->origin));
    assert_true(gn_str_eq(got->type, want->type));
    assert_true(gn_str_eq(got->source, want->source));
    assert_true(gn_str_eq(got->resource, want->resource));
    assert_true(gn_str_eq(got->data, want->data));
    assert_true(gn_str_eq(got->cne_tail, want->cne_tail));
    assert_true(gn_str_eq(got->attributes, want->attributes));
    assert_int_equal(got->flags, want->flags);
    assert_int_equal(got->data.p - got->cne_tail.p, want->data.p - want->cne_tail.p);
}

static void attributes_and_flags_come_back(void **state)
{
    static const struct gn_str attributes[] = {GN_STR_INIT(""),
                                               GN_STR_INIT("{\"subject\":\"s\",\"n\":1}")};

    (void)state;
    for (unsigned flags = 0; flags < 8; flags++)
        for (size_t i = 0; i < GN_LEN(attributes); i++) {
            struct gn_event_parts parts = redfish_parts();
            struct gn_event *event, *got;
            struct gn_buf out;

            parts.flags = flags;
            parts.attributes = attributes[i];
            event = gn_event_new(&parts);
            out = packed_of(&parts);
            assert_int_equal(out.data[AT_VERSION], flags == 0 && i == 0 ? 1 : 2);
            got = unpacked(gn_buf_str(&out));
            assert_same(got, event);
            assert_int_equal(got->attributes.p == NULL, i == 0);
            gn_event_unref(got);
            gn_event_unref(event);
            gn_buf_free(&out);
        }
}

static void a_packed_event_has_its_bytes_in_the_documented_places(void **state)
{
    const struct gn_event_parts parts = {
        .id = {"00010203-0405-0607-0809-0a0b0c0d0e0f"},
        .type = GN_STR("t"),
        .source = GN_STR("so"),
        .resource = GN_STR("/r"),
        .origin = GN_STR("b"),
        .data = GN_STR("{}"),
        .time_ns = 1,
        .received_ns = -2,
        .lane = 0x1122334455667788,
        .rank = GN_RANK_MIDDLE,
        .is_named = true,
    };
    const struct gn_str want =
        GN_STR("\xa8\0\0\0\x01\x05"
               "\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
               "\x88\x77\x66\x55\x44\x33\x22\x11"
               "\x01\0\0\0\0\0\0\0"
               "\xfe\xff\xff\xff\xff\xff\xff\xff"
               "\x02/r\x01t\x02so\x01"
               "b\x6f\x72"
               "\",\"type\":\"t\",\"source\":\"so\",\"dataContentType\":"
               "\"application/json\",\"time\":"
               "\"1970-01-01T00:00:00.000000001Z\",\"data\":{}}");
    struct gn_buf out = packed_of(&parts);

    (void)state;
    assert_int_equal(out.len, want.len);
    assert_memory_equal(out.data, want.p, want.len);
    gn_buf_free(&out);
}

static void an_event_comes_back_equal(void **state)
{
    static char large[70000];
    struct gn_event_parts rows[8];

    (void)state;
    memset(large, 'x', sizeof large);
    for (size_t i = 0; i < GN_LEN(rows); i++)
        rows[i] = redfish_parts();
    rows[1].data = GN_STR_NONE;
    rows[2].origin = rows[2].type = rows[2].source = rows[2].resource = GN_STR_NONE;
    rows[3].data_schema = GN_STR("http://example.com/\"schema\"");
    rows[4].type = rows[4].source = GN_STR("\n\"\\ n\xC3\xB6 \xFF");
    rows[5].resource = rows[5].origin = rows[5].data = (struct gn_str){large, sizeof large};
    rows[6].rank = GN_RANK_LOW;
    rows[6].is_named = false;
    rows[6].time_ns = rows[6].received_ns = INT64_MIN;
    rows[7].rank = GN_RANK_MIDDLE;
    rows[7].time_ns = rows[7].received_ns = INT64_MAX;
    rows[7].lane = UINT64_MAX;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_event *want = gn_event_new(&rows[i]), *got;
        struct gn_buf out = GN_BUF_INIT;

        gn_event_pack(want, &out);
        got = unpacked(gn_buf_str(&out));
        gn_buf_free(&out); /* the event owns its bytes */
        assert_same(got, want);
        gn_event_unref(want);
        gn_event_unref(got);
    }
}

static void an_unpacked_event_holds_no_more_than_it_needs(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_buf out = packed_of(&parts);
    struct gn_event *ev = unpacked(gn_buf_str(&out));

    (void)state;
    assert_int_equal(ev->bytes_held, sizeof *ev + ev->cne_tail.len + ev->type.len + ev->source.len +
                                         ev->resource.len + ev->origin.len + 1);
    gn_event_unref(ev);
    gn_buf_free(&out);
}

static void a_glance_tells_what_routing_needs(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_buf out = packed_of(&parts);
    struct gn_str bytes = gn_buf_str(&out);
    struct gn_packed_event packed;
    struct gn_id id;

    (void)state;
    assert_int_equal(gn_event_peek(&bytes, &packed), GN_OK);
    id = gn_id_unpack(packed.id);
    assert_string_equal(id.text, parts.id.text);
    assert_true(packed.lane == parts.lane);
    assert_true(packed.received_ns == parts.received_ns);
    assert_int_equal(packed.rank, GN_RANK_HIGH);
    assert_true(packed.is_named);
    assert_true(gn_str_eq(packed.resource, parts.resource));
    assert_ptr_equal(packed.resource.p, out.data + AT_RESOURCE + 1);
    assert_ptr_equal(packed.bytes.p, out.data);
    assert_int_equal(packed.bytes.len, out.len);
    assert_int_equal(bytes.len, 0);
    gn_buf_free(&out);
}

static void events_stand_one_after_another(void **state)
{
    struct gn_event_parts parts = redfish_parts();
    struct gn_buf out = GN_BUF_INIT;
    struct gn_packed_event packed;
    struct gn_str rest;

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        struct gn_event *event;

        parts.lane = i;
        event = gn_event_new(&parts);
        gn_event_pack(event, &out);
        gn_event_unref(event);
    }
    rest = gn_buf_str(&out);
    for (uint64_t i = 0; i < 3; i++) {
        struct gn_event *event = NULL;

        assert_int_equal(gn_event_peek(&rest, &packed), GN_OK);
        assert_int_equal(packed.lane, i);
        assert_int_equal(gn_event_unpack(&packed, &event), GN_OK);
        assert_int_equal(event->lane, i);
        gn_event_unref(event);
    }
    assert_int_equal(rest.len, 0);
    assert_int_equal(gn_event_peek(&rest, &packed), GN_EPARSE);
    gn_buf_free(&out);
}

static void a_full_buffer_makes_packing_fail_for_good(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_event *event = gn_event_new(&parts);
    struct gn_buf whole = packed_of(&parts);

    (void)state;
    for (size_t limit = 0; limit < whole.len; limit++) {
        struct gn_buf out = gn_buf_with_limit(limit);

        gn_event_pack(event, &out);
        assert_int_equal(gn_buf_err(&out), GN_ELIMIT);
        gn_buf_free(&out);
    }
    gn_buf_free(&whole);
    gn_event_unref(event);
}

static void what_is_cut_is_refused_and_not_passed(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_buf out = packed_of(&parts);

    (void)state;
    for (size_t len = 0; len < out.len; len++) {
        char *copy = malloc(len + 1); /* so that the sanitizer sees a read beyond */
        struct gn_str bytes = {copy + 1, len};
        struct gn_packed_event packed;

        assert_non_null(copy);
        memcpy(copy + 1, out.data, len);
        assert_int_equal(gn_event_peek(&bytes, &packed), GN_EPARSE);
        assert_ptr_equal(bytes.p, copy + 1);
        assert_int_equal(bytes.len, len);
        free(copy);
    }
    gn_buf_free(&out);
}

/* Peeks and, if that went well, unpacks. */
static enum gn_err try_both(struct gn_str bytes)
{
    struct gn_packed_event packed;
    struct gn_event *event = NULL;
    enum gn_err err = gn_event_peek(&bytes, &packed);

    if (err == GN_OK)
        err = gn_event_unpack(&packed, &event);
    gn_event_unref(event);
    return err;
}

static enum gn_err try_with_length(struct gn_buf *bytes, uint32_t len)
{
    struct gn_buf number = GN_BUF_INIT;

    gn_pack_u32(&number, len);
    memcpy(bytes->data, number.data, number.len);
    gn_buf_free(&number);
    return try_both(gn_buf_str(bytes));
}

static void a_length_that_ends_elsewhere_is_refused(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_buf out = packed_of(&parts);
    const uint32_t right = (uint32_t)out.len - 4;

    (void)state;
    gn_buf_puts(&out, "more");
    for (uint32_t len = 0; len < right + 10; len++)
        assert_int_equal(try_with_length(&out, len), len == right ? GN_OK : GN_EPARSE);
    assert_int_equal(try_with_length(&out, UINT32_MAX), GN_EPARSE);
    gn_buf_free(&out);
}

static void other_versions_and_flags_are_refused(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_buf out = packed_of(&parts);
    struct gn_packed_event packed;

    (void)state;
    for (unsigned version = 0; version < 256; version++) {
        struct gn_str bytes = gn_buf_str(&out);

        out.data[AT_VERSION] = (char)version;
        /* what version 2 has besides is looked at when the event is built */
        assert_int_equal(gn_event_peek(&bytes, &packed),
                         version == 1 || version == 2 ? GN_OK : GN_EPARSE);
    }
    out.data[AT_VERSION] = 1;
    for (unsigned flags = 0; flags < 256; flags++) {
        struct gn_str bytes = gn_buf_str(&out);
        bool is_known = flags < 8 && (flags & 3) != 3;

        out.data[AT_FLAGS] = (char)flags;
        assert_int_equal(gn_event_peek(&bytes, &packed), is_known ? GN_OK : GN_EPARSE);
        if (is_known) {
            assert_int_equal(packed.rank, flags & 3);
            assert_int_equal(packed.is_named, flags >= 4);
        }
    }
    gn_buf_free(&out);
}

/* An event of these bytes behind the fixed part. */
static struct gn_buf made_of(struct gn_str rest)
{
    struct gn_buf out = GN_BUF_INIT;

    gn_pack_u32(&out, (uint32_t)(AT_RESOURCE - AT_VERSION + rest.len));
    gn_pack_u8(&out, 1);
    gn_pack_u8(&out, 0);
    for (size_t i = AT_ID; i < AT_RESOURCE; i++)
        gn_pack_u8(&out, 7);
    gn_buf_add_str(&out, rest);
    return out;
}

static void offsets_are_never_believed(void **state)
{
    static const struct {
        struct gn_str rest;
        enum gn_err want;
    } rows[] = {
        {GN_STR_INIT("\0\0\0\0\x02\x05[1,}}"), GN_OK},
        {GN_STR_INIT("\x01r\x01t\x01s\x01o\0\x01}"), GN_OK},
        {GN_STR_INIT("\0\0\0\0\x04\x05[1,2}"), GN_OK}, /* no data */
        {GN_STR_INIT("\0\0\0\0\x05\x05[1,2}"), GN_EPARSE},
        {GN_STR_INIT("\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05[1,2}"), GN_EPARSE},
        {GN_STR_INIT("\0\0\0\0\0\0"), GN_EPARSE},            /* no tail */
        {GN_STR_INIT("\0\0\0\0\0\x05[1,2]"), GN_EPARSE},     /* does not end */
        {GN_STR_INIT("\0\0\0\0\0\x06[1,2}"), GN_EPARSE},     /* longer than there is */
        {GN_STR_INIT("\0\0\0\0\0\x04[1,2}"), GN_EPARSE},     /* more behind */
        {GN_STR_INIT("\x7f\0\0\0\0\x05[1,2}"), GN_EPARSE},   /* resource */
        {GN_STR_INIT("\0\x7f\0\0\0\x05[1,2}"), GN_EPARSE},   /* type */
        {GN_STR_INIT("\0\0\x7f\0\0\x05[1,2}"), GN_EPARSE},   /* source */
        {GN_STR_INIT("\0\0\0\x7f\0\x05[1,2}"), GN_EPARSE},   /* origin */
        {GN_STR_INIT("\x80\0\0\0\0\0\x05[1,2}"), GN_EPARSE}, /* 0 in two bytes */
        {GN_STR_INIT(""), GN_EPARSE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = made_of(rows[i].rest);

        assert_int_equal(try_both(gn_buf_str(&out)), rows[i].want);
        gn_buf_free(&out);
    }
}

static void a_changed_byte_does_no_harm(void **state)
{
    const struct gn_event_parts parts = redfish_parts();
    struct gn_buf out = packed_of(&parts);

    (void)state;
    for (size_t i = 0; i < out.len; i++) {
        const char was = out.data[i];

        for (unsigned value = 0; value < 256; value++) {
            out.data[i] = (char)value;
            (void)try_both(gn_buf_str(&out)); /* the sanitizer judges */
        }
        out.data[i] = was;
    }
    assert_int_equal(try_both(gn_buf_str(&out)), GN_OK);
    gn_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_and_flags_come_back),
        cmocka_unit_test(a_packed_event_has_its_bytes_in_the_documented_places),
        cmocka_unit_test(an_event_comes_back_equal),
        cmocka_unit_test(an_unpacked_event_holds_no_more_than_it_needs),
        cmocka_unit_test(a_glance_tells_what_routing_needs),
        cmocka_unit_test(events_stand_one_after_another),
        cmocka_unit_test(a_full_buffer_makes_packing_fail_for_good),
        cmocka_unit_test(what_is_cut_is_refused_and_not_passed),
        cmocka_unit_test(a_length_that_ends_elsewhere_is_refused),
        cmocka_unit_test(other_versions_and_flags_are_refused),
        cmocka_unit_test(offsets_are_never_believed),
        cmocka_unit_test(a_changed_byte_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
