/* Messages as bytes, checked against qpid-proton's own encoder and decoder. */
#include "gurnard/net/amqp_message.h"

#include <proton/codec.h>
#include <proton/message.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct gn_arena arena;
    struct gn_buf buf;
    struct gn_amqp_message out;
};

static int set_up(void **state)
{
    struct fixture *fx = calloc(1, sizeof *fx);

    assert_non_null(fx);
    gn_arena_init(&fx->arena, (size_t)128 << 20);
    fx->buf = GN_BUF_INIT;
    *state = fx;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    gn_arena_fini(&fx->arena);
    gn_buf_free(&fx->buf);
    free(fx);
    return 0;
}

/* From a copy of its exact size, so that reading beyond it is noticed. */
static enum gn_err decode(struct fixture *fx, struct gn_str bytes)
{
    char *copy = malloc(bytes.len);
    enum gn_err err;

    assert_true(copy != NULL || bytes.len == 0);
    if (bytes.len > 0)
        memcpy(copy, bytes.p, bytes.len);
    err = gn_amqp_message_decode((struct gn_str){copy, bytes.len}, &fx->arena, &fx->out);
    free(copy);
    return err;
}

static void assert_text(struct gn_str text, const char *want)
{
    assert_true(gn_str_eq(text, gn_str_of(want)));
    assert_int_equal(text.p == NULL, want == NULL);
}

static const struct gn_amqp_property properties[] = {
    {GN_STR_INIT("cloudEvents:id"), GN_AMQP_STRING, GN_STR_INIT("A-1"), 0},
    {GN_STR_INIT("cloudEvents:time"), GN_AMQP_TIMESTAMP, {NULL, 0}, 1700000000123},
    {GN_STR_INIT("small"), GN_AMQP_INTEGER, {NULL, 0}, -5},
    {GN_STR_INIT("middle"), GN_AMQP_INTEGER, {NULL, 0}, 70000},
    {GN_STR_INIT("large"), GN_AMQP_INTEGER, {NULL, 0}, INT64_MIN},
    {GN_STR_INIT("yes"), GN_AMQP_BOOLEAN, {NULL, 0}, 1},
    {GN_STR_INIT("no"), GN_AMQP_BOOLEAN, {NULL, 0}, 0},
    {GN_STR_INIT("raw"), GN_AMQP_BINARY, GN_STR_INIT("\0\xff"), 0},
    {GN_STR_INIT("empty"), GN_AMQP_STRING, GN_STR_INIT(""), 0},
    {GN_STR_INIT("void"), GN_AMQP_OTHER, {NULL, 0}, 0},
};

static const struct gn_amqp_message whole = {
    .content_type = GN_STR_INIT("application/json"),
    .subject = GN_STR_INIT("s"),
    .to = GN_STR_INIT("/cluster/node/n1"),
    .reply_to = GN_STR_INIT("back"),
    .is_durable = true,
    .properties = properties,
    .property_count = GN_LEN(properties),
    .body = GN_STR_INIT("{\"a\":1}"),
    .has_body = true,
};

static void assert_same(const struct gn_amqp_message *a, const struct gn_amqp_message *b)
{
    assert_true(gn_str_eq(a->content_type, b->content_type));
    assert_true(gn_str_eq(a->subject, b->subject) && gn_str_eq(a->to, b->to));
    assert_true(gn_str_eq(a->reply_to, b->reply_to) && gn_str_eq(a->body, b->body));
    assert_int_equal(a->is_durable, b->is_durable);
    assert_int_equal(a->has_body, b->has_body);
    assert_int_equal(a->property_count, b->property_count);
    for (size_t i = 0; i < a->property_count; i++) {
        assert_true(gn_str_eq(a->properties[i].name, b->properties[i].name));
        assert_int_equal(a->properties[i].type, b->properties[i].type);
        assert_true(gn_str_eq(a->properties[i].text, b->properties[i].text));
        assert_int_equal(a->properties[i].number, b->properties[i].number);
    }
}

static void what_is_written_is_read_back(void **state)
{
    struct fixture *fx = *state;

    assert_int_equal(gn_amqp_message_encode(&whole, &fx->buf), GN_OK);
    assert_int_equal(decode(fx, gn_buf_str(&fx->buf)), GN_OK);
    assert_same(&fx->out, &whole);
}

static void a_message_of_nothing_is_one(void **state)
{
    struct fixture *fx = *state;
    static const struct gn_amqp_message none = {0};

    assert_int_equal(gn_amqp_message_encode(&none, &fx->buf), GN_OK);
    assert_true(fx->buf.len > 0);
    assert_int_equal(decode(fx, gn_buf_str(&fx->buf)), GN_OK);
    assert_text(fx->out.content_type, NULL);
    assert_false(fx->out.has_body);
    assert_false(fx->out.is_durable);
}

static void long_texts_and_bodies_are_read_back(void **state)
{
    struct fixture *fx = *state;
    size_t len = (size_t)1 << 20;
    char *body = calloc(1, len);
    char name[GN_AMQP_TEXT_MAX];
    struct gn_amqp_property property = {.type = GN_AMQP_STRING};
    struct gn_amqp_message message = {.properties = &property, .property_count = 1};

    assert_non_null(body);
    memset(name, 'n', sizeof name);
    property.name = property.text = (struct gn_str){name, sizeof name};
    message.body = (struct gn_str){body, len};
    message.has_body = true;
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_OK);
    assert_int_equal(decode(fx, gn_buf_str(&fx->buf)), GN_OK);
    assert_same(&fx->out, &message);
    free(body);
}

static void what_is_written_proton_reads(void **state)
{
    struct fixture *fx = *state;
    pn_message_t *message = pn_message();
    pn_data_t *data;

    assert_int_equal(gn_amqp_message_encode(&whole, &fx->buf), GN_OK);
    assert_int_equal(pn_message_decode(message, fx->buf.data, fx->buf.len), 0);
    assert_true(pn_message_is_durable(message));
    assert_string_equal(pn_message_get_content_type(message), "application/json");
    assert_string_equal(pn_message_get_address(message), "/cluster/node/n1");
    assert_string_equal(pn_message_get_subject(message), "s");
    assert_string_equal(pn_message_get_reply_to(message), "back");
    data = pn_message_properties(message);
    assert_true(pn_data_next(data));
    assert_int_equal(pn_data_get_map(data), 2 * GN_LEN(properties));
    assert_true(pn_data_enter(data) && pn_data_next(data) && pn_data_next(data));
    assert_memory_equal(pn_data_get_string(data).start, "A-1", 3);
    assert_true(pn_data_next(data) && pn_data_next(data));
    assert_int_equal(pn_data_type(data), PN_TIMESTAMP);
    assert_int_equal(pn_data_get_timestamp(data), 1700000000123);
    data = pn_message_body(message);
    assert_true(pn_data_next(data));
    assert_int_equal(pn_data_type(data), PN_BINARY);
    assert_memory_equal(pn_data_get_binary(data).start, "{\"a\":1}", 7);
    pn_message_free(message);
}

static void what_proton_writes_is_read(void **state)
{
    struct fixture *fx = *state;
    pn_message_t *message = pn_message();
    char bytes[1024];
    size_t len = sizeof bytes;
    pn_data_t *data = pn_message_properties(message);
    static const struct {
        enum gn_amqp_type type;
        int64_t number;
    } rows[] = {
        {GN_AMQP_INTEGER, 7},       {GN_AMQP_INTEGER, -7},   {GN_AMQP_INTEGER, 40000},
        {GN_AMQP_INTEGER, -300000}, {GN_AMQP_OTHER, 0},      {GN_AMQP_INTEGER, INT64_MIN},
        {GN_AMQP_BOOLEAN, 1},       {GN_AMQP_TIMESTAMP, -1}, {GN_AMQP_OTHER, 0},
        {GN_AMQP_OTHER, 0},         {GN_AMQP_INTEGER, 0},    {GN_AMQP_STRING, 0},
    };

    (void)pn_message_set_durable(message, true);
    (void)pn_message_set_inferred(message, true);
    (void)pn_message_set_content_type(message, "text/plain");
    (void)pn_data_put_map(data);
    (void)pn_data_enter(data);
    assert_int_equal(pn_data_fill(data, "SBSbSHSiSLSlSoStSdSnSISs", "a", 7, "b", -7, "c", 40000,
                                  "d", -300000, "e", UINT64_MAX, "f", INT64_MIN, "g", true, "h",
                                  (pn_timestamp_t)-1, "i", 1.5, "j", "k", 0, "l", "symbol"),
                     0);
    (void)pn_data_put_binary(pn_message_body(message), pn_bytes(4, "body"));
    assert_int_equal(pn_message_encode(message, bytes, &len), 0);
    assert_int_equal(decode(fx, (struct gn_str){bytes, len}), GN_OK);
    assert_true(fx->out.is_durable);
    assert_text(fx->out.content_type, "text/plain");
    assert_text(fx->out.body, "body");
    assert_int_equal(fx->out.property_count, GN_LEN(rows));
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(fx->out.properties[i].type, rows[i].type);
        assert_int_equal(fx->out.properties[i].number, rows[i].number);
    }
    assert_text(fx->out.properties[GN_LEN(rows) - 1].text, "symbol");
    pn_message_free(message);
}

static void bodies_of_all_kinds_are_read(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        struct gn_str bytes;
        const char *body; /* NULL: none */
    } rows[] = {
        {GN_STR_INIT("\0Su\xa0\2ab"), "ab"},
        {GN_STR_INIT("\0Su\xb0\0\0\0\2ab"), "ab"},
        {GN_STR_INIT("\0Su\xa0\0"), ""},
        {GN_STR_INIT("\0Su\xa0\2ab\0Su\xa0\0\0Su\xa0\1c"), "abc"},
        {GN_STR_INIT("\0Sw\xa1\2ab"), "ab"},
        {GN_STR_INIT("\0Sw\xb1\0\0\0\2ab"), "ab"},
        {GN_STR_INIT("\0Sw\xa0\2ab"), "ab"},
        {GN_STR_INIT("\0Sw@"), NULL},
        {GN_STR_INIT("\0St\xc1\1\0"), NULL},
        {GN_STR_INIT("\0\x80\0\0\0\0\0\0\0\x75\xa0\2ab"), "ab"},
        {GN_STR_INIT("\0\xa3\x10"
                     "amqp:data:binary\xa0\2ab"),
         "ab"},
        {GN_STR_INIT("\0Sp\x45\0Sq\xc1\1\0\0Sr\xd1\0\0\0\4\0\0\0\0\0Ss\x45\0Su\xa0\1x\0Sx\xc1\1\0"),
         "x"},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(decode(fx, rows[i].bytes), GN_OK);
        assert_int_equal(fx->out.has_body, rows[i].body != NULL);
        assert_true(gn_str_eq(fx->out.body, gn_str_of(rows[i].body)));
    }
}

static void bytes_that_are_no_message_are_refused(void **state)
{
    struct fixture *fx = *state;
    static const struct gn_str rows[] = {
        GN_STR_INIT(""),
        GN_STR_INIT("\0"),
        GN_STR_INIT("\0S"),
        GN_STR_INIT("\0Su"),
        GN_STR_INIT("hello"),
        GN_STR_INIT("\0So\x40"),                  /* no such section */
        GN_STR_INIT("\0Sy\x40"),                  /* likewise */
        GN_STR_INIT("\0\xa3\3abc\x40"),           /* likewise */
        GN_STR_INIT("\0@\xa0\1x"),                /* no descriptor */
        GN_STR_INIT("\0Su\xa0\3ab"),              /* cut off */
        GN_STR_INIT("\0Su\xb0\xff\xff\xff\xffx"), /* far beyond the end */
        GN_STR_INIT("\0Su\xa1\1x"),               /* data that is text */
        GN_STR_INIT("\0Su@"),                     /* or nothing */
        GN_STR_INIT("\0Sv\x45"),                  /* a sequence */
        GN_STR_INIT("\0Sw\xa3\1x"),               /* a symbol as body */
        GN_STR_INIT("\0SwT\1"),                   /* a number */
        GN_STR_INIT("\0Sw\xa1\1x\0Su\xa0\1x"),    /* two kinds of body */
        GN_STR_INIT("\0Su\xa0\1x\0Sw\xa1\1x"),
        GN_STR_INIT("\0Sp\x45\0Sp\x45"),         /* a section twice */
        GN_STR_INIT("\0Sp\xa0\1x"),              /* header that is no list */
        GN_STR_INIT("\0Sp\xc0\3\1\xa1\0"),       /* durable that is no boolean */
        GN_STR_INIT("\0Sp\xc0\3\1\x41\x41"),     /* more in the list than it says */
        GN_STR_INIT("\0Sp\xc0\2\2\x41"),         /* less */
        GN_STR_INIT("\0Sp\xc0\0"),               /* no count */
        GN_STR_INIT("\0Ss\xc0\5\3@@T\1"),        /* to that is a number */
        GN_STR_INIT("\0Ss\xc0\6\3@@\xa1\1\xff"), /* not UTF-8 */
        GN_STR_INIT("\0St\x45"),                 /* a list for a map */
        GN_STR_INIT("\0St\xc1\4\1\xa1\1"
                    "a"),                  /* a name without value */
        GN_STR_INIT("\0St\xc1\5\2T\1T\1"), /* a name that is a number */
        GN_STR_INIT("\0St\xc1\6\2\xa1\1\xff@@"),
        GN_STR_INIT("\0Sx\x10"), /* no such constructor */
    };

    for (size_t i = 0; i < GN_LEN(rows); i++)
        if (decode(fx, rows[i]) != GN_EPARSE)
            fail_msg("row %zu was not refused", i);
}

static void descriptors_inside_descriptors_are_passed_over(void **state)
{
    struct fixture *fx = *state;
    size_t depth = 1 << 20;
    char *bytes = calloc(1, depth + 16);

    assert_non_null(bytes);
    memcpy(bytes, "\0Sr", 3); /* depth descriptors and nothing behind them */
    assert_int_equal(decode(fx, (struct gn_str){bytes, depth}), GN_EPARSE);
    memset(bytes + 3 + 1000, 0x40, 1001);
    assert_int_equal(decode(fx, (struct gn_str){bytes, 3 + 1000 + 1001}), GN_OK);
    free(bytes);
}

static void limits_are_kept(void **state)
{
    struct fixture *fx = *state;
    static char text[GN_AMQP_TEXT_MAX + 1];
    static struct gn_amqp_property many[GN_AMQP_PROPERTIES_MAX + 1];
    struct gn_amqp_message message = {.properties = many, .property_count = GN_LEN(many)};
    const struct gn_str too_long = {text, sizeof text};

    memset(text, 't', sizeof text);
    for (size_t i = 0; i < GN_LEN(many); i++)
        many[i] = (struct gn_amqp_property){.name = GN_STR("n"), .type = GN_AMQP_OTHER};
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_ELIMIT);
    message.property_count = 1;
    many[0].name = too_long;
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_ELIMIT);
    many[0] = (struct gn_amqp_property){.name = GN_STR("n"), .text = too_long};
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_ELIMIT);
    many[0].type = GN_AMQP_BINARY;
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_ELIMIT);
    message.property_count = 0;
    message.to = too_long;
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_ELIMIT);
    message.to = GN_STR("\xff");
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_EINVAL);
    message.to = GN_STR_NONE;
    message.body = (struct gn_str){text, GN_AMQP_MESSAGE_MAX + 1};
    assert_int_equal(gn_amqp_message_encode(&message, &fx->buf), GN_ELIMIT);
}

static void limits_are_kept_when_reading(void **state)
{
    struct fixture *fx = *state;
    struct gn_buf bytes = GN_BUF_INIT;
    struct gn_arena small;

    gn_buf_add(&bytes, "\0St\xd1\0\0\1\x06\0\0\1\2", 12); /* 129 pairs */
    for (unsigned i = 0; i < 258; i++)
        gn_buf_putc(&bytes, 0x40);
    assert_int_equal(decode(fx, gn_buf_str(&bytes)), GN_ELIMIT);
    gn_buf_reset(&bytes);
    gn_buf_add(&bytes, "\0Ss\xd0\0\0\x20\x0c\0\0\0\3@@\xb1\0\0\x20\1", 19);
    for (unsigned i = 0; i <= GN_AMQP_TEXT_MAX; i++)
        gn_buf_putc(&bytes, 't');
    bytes.data[6] = 0x20;
    bytes.data[7] = 0x0c;
    assert_int_equal(decode(fx, gn_buf_str(&bytes)), GN_ELIMIT);
    gn_arena_init(&small, 8);
    assert_int_equal(gn_amqp_message_decode(GN_STR("\0Su\xa0\x09"
                                                   "123456789"),
                                            &small, &fx->out),
                     GN_ENOMEM);
    gn_arena_fini(&small);
    gn_buf_free(&bytes);
}

#define MESSAGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MESSAGE_TEST(what_is_written_is_read_back),
        MESSAGE_TEST(a_message_of_nothing_is_one),
        MESSAGE_TEST(long_texts_and_bodies_are_read_back),
        MESSAGE_TEST(what_is_written_proton_reads),
        MESSAGE_TEST(what_proton_writes_is_read),
        MESSAGE_TEST(bodies_of_all_kinds_are_read),
        MESSAGE_TEST(bytes_that_are_no_message_are_refused),
        MESSAGE_TEST(descriptors_inside_descriptors_are_passed_over),
        MESSAGE_TEST(limits_are_kept),
        MESSAGE_TEST(limits_are_kept_when_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
