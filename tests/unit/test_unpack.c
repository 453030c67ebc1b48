#include "gurnard/redfish/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define GZIP (MAX_WBITS + 16)
#define ZLIB MAX_WBITS
#define RAW  (-MAX_WBITS)

#define PLAIN_MAX ((size_t)1 << 20)

/* Appends plain, packed in the way that window says. */
static void add_packed(struct gn_buf *out, struct gn_str plain, int window)
{
    uLong room = compressBound((uLong)plain.len) + 64;
    unsigned char *packed = malloc(room);
    z_stream z = {.avail_in = (uInt)plain.len, .next_out = packed, .avail_out = (uInt)room};
    char *copy = gn_str_dup(plain);

    assert_non_null(packed);
    assert_non_null(copy);
    z.next_in = (unsigned char *)copy;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    gn_buf_add(out, packed, room - z.avail_out);
    assert_int_equal(deflateEnd(&z), Z_OK);
    free(copy);
    free(packed);
}

/* A member of an archive being built. Values of 0 are filled in rightly. */
struct item {
    const char *name;
    const char *text;
    unsigned method; /* 8: deflated */
    unsigned flags;
    unsigned sum, plain, packed; /* instead of the true ones */
};

static void add_u16(struct gn_buf *out, size_t value)
{
    gn_buf_putc(out, (char)(unsigned char)(value & 0xff));
    gn_buf_putc(out, (char)(unsigned char)(value >> 8 & 0xff));
}

static void add_u32(struct gn_buf *out, size_t value)
{
    add_u16(out, value & 0xffff);
    add_u16(out, value >> 16);
}

static void add_sizes(struct gn_buf *out, const struct item *item, size_t packed)
{
    const size_t len = strlen(item->text);
    uLong sum = crc32(crc32(0, NULL, 0), (const unsigned char *)item->text, (uInt)len);

    add_u16(out, 20);
    add_u16(out, item->flags);
    add_u16(out, item->method);
    add_u32(out, 0); /* time, date */
    add_u32(out, item->sum != 0 ? item->sum : sum);
    add_u32(out, item->packed != 0 ? item->packed : packed);
    add_u32(out, item->plain != 0 ? item->plain : len);
    add_u16(out, strlen(item->name));
    add_u16(out, 0); /* extra */
}

static void add_end(struct gn_buf *zip, size_t count, size_t at, const char *comment)
{
    const size_t bytes = zip->len - at;

    gn_buf_add(zip, "PK\5\6\0\0\0\0", 8);
    add_u16(zip, count);
    add_u16(zip, count);
    add_u32(zip, bytes);
    add_u32(zip, at);
    add_u16(zip, strlen(comment));
    gn_buf_puts(zip, comment);
}

/* Makes an archive of up to 8 members. */
static void make_zip(struct gn_buf *zip, const struct item *items, size_t count,
                     const char *comment)
{
    struct gn_buf folder = GN_BUF_INIT;

    gn_buf_reset(zip);
    for (size_t i = 0; i < count; i++) {
        struct gn_buf body = GN_BUF_INIT;
        const size_t at = zip->len;

        if (items[i].method == 8)
            add_packed(&body, gn_str_of(items[i].text), RAW);
        else
            gn_buf_puts(&body, items[i].text);
        gn_buf_add(zip, "PK\3\4", 4);
        add_sizes(zip, &items[i], body.len);
        gn_buf_puts(zip, items[i].name);
        gn_buf_add_str(zip, gn_buf_str(&body));
        gn_buf_add(&folder, "PK\1\2\24\0", 6);
        add_sizes(&folder, &items[i], body.len);
        add_u16(&folder, 0); /* comment */
        add_u32(&folder, 0); /* disk, attributes inside */
        add_u32(&folder, 0);
        add_u32(&folder, at);
        gn_buf_puts(&folder, items[i].name);
        gn_buf_free(&body);
    }
    const size_t at = zip->len;
    gn_buf_add_str(zip, gn_buf_str(&folder));
    add_end(zip, count, at, comment);
    assert_int_equal(gn_buf_err(zip), GN_OK);
    gn_buf_free(&folder);
}

static void assert_buf(const struct gn_buf *have, const char *want)
{
    assert_int_equal(have->len, strlen(want));
    assert_memory_equal(have->data, want, have->len);
}

/* --- streams --- */

static void a_packed_text_comes_out_as_it_was(void **state)
{
    static const int windows[] = {GZIP, ZLIB};

    (void)state;
    for (size_t i = 0; i < GN_LEN(windows); i++) {
        struct gn_buf packed = GN_BUF_INIT, out = GN_BUF_INIT;

        add_packed(&packed, GN_STR("{\"a\": \"registry\"}"), windows[i]);
        assert_int_equal(gn_unpack_is_gzip(gn_buf_str(&packed)), windows[i] == GZIP);
        gn_buf_puts(&out, "before ");
        assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), PLAIN_MAX, &out), GN_OK);
        assert_buf(&out, "before {\"a\": \"registry\"}");
        gn_buf_free(&packed);
        gn_buf_free(&out);
    }
}

static void members_of_a_gzip_file_follow_each_other_and_padding_is_left(void **state)
{
    struct gn_buf packed = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    add_packed(&packed, GN_STR("one "), GZIP);
    add_packed(&packed, GN_STR("two"), GZIP);
    gn_buf_add(&packed, "\0\0\0\0", 4);
    assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), PLAIN_MAX, &out), GN_OK);
    assert_buf(&out, "one two");
    gn_buf_free(&packed);
    gn_buf_free(&out);
}

static void every_cut_of_a_gzip_file_is_broken_and_leaves_the_buffer_alone(void **state)
{
    struct gn_buf packed = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    add_packed(&packed, GN_STR("a text of some length, a text of some length"), GZIP);
    gn_buf_puts(&out, "old");
    for (size_t len = 0; len < packed.len; len++) {
        assert_int_equal(gn_unpack_gzip((struct gn_str){packed.data, len}, PLAIN_MAX, &out),
                         GN_EPARSE);
        assert_buf(&out, "old");
        assert_int_equal(gn_buf_err(&out), GN_OK);
    }
    gn_buf_free(&packed);
    gn_buf_free(&out);
}

static void what_is_no_packed_text_is_refused(void **state)
{
    static const char *const rows[] = {"", "x", "{\"a\":1}", "\x1f\x8b", "PK\3\4"};
    struct gn_buf out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_unpack_gzip(gn_str_of(rows[i]), PLAIN_MAX, &out), GN_EPARSE);
    assert_int_equal(gn_unpack_gzip(GN_STR_NONE, PLAIN_MAX, &out), GN_EPARSE);
    gn_buf_free(&out);
}

static void max_bytes_is_the_last_length_that_passes(void **state)
{
    struct gn_buf packed = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    add_packed(&packed, GN_STR("0123456789"), GZIP);
    assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), 9, &out), GN_ELIMIT);
    assert_int_equal(out.len, 0);
    assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), 10, &out), GN_OK);
    assert_buf(&out, "0123456789");
    gn_buf_free(&packed);
    gn_buf_free(&out);
}

static void the_limit_of_the_buffer_holds_too_and_its_failure_does_not_stay(void **state)
{
    struct gn_buf packed = GN_BUF_INIT, out = gn_buf_with_limit(12);

    (void)state;
    add_packed(&packed, GN_STR("0123456789"), GZIP);
    gn_buf_puts(&out, "abc");
    assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), PLAIN_MAX, &out), GN_ELIMIT);
    assert_buf(&out, "abc");
    assert_int_equal(gn_buf_err(&out), GN_OK);
    gn_buf_free(&packed);
    gn_buf_free(&out);
}

static void a_bomb_ends_at_the_ratio_long_before_the_limit(void **state)
{
    const size_t len = (size_t)64 << 20;
    struct gn_buf packed = GN_BUF_INIT, out = GN_BUF_INIT;
    char *plain = calloc(1, len);

    (void)state;
    assert_non_null(plain);
    add_packed(&packed, (struct gn_str){plain, len}, GZIP);
    assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), SIZE_MAX, &out), GN_ELIMIT);
    assert_int_equal(out.len, 0);
    assert_true(out.cap <= packed.len * GN_UNPACK_RATIO_MAX * 2);
    gn_buf_free(&packed);
    add_packed(&packed, (struct gn_str){plain, (size_t)1 << 20}, GZIP);
    assert_int_equal(gn_unpack_gzip(gn_buf_str(&packed), SIZE_MAX, &out),
                     GN_OK); /* a MiB is free */
    gn_buf_free(&packed);
    gn_buf_free(&out);
    free(plain);
}

/* --- archives --- */

static const struct item items[] = {
    {.name = "readme.txt", .text = "hello"},
    {.name = "en/iLOEvents.json", .text = "{\"en\":\"a text a text a text\"}", .method = 8},
    {.name = "de/iLOEvents.json", .text = "{\"de\":1}", .method = 8},
    {.name = "Base.json", .text = "{\"base\":1}"},
    {.name = "empty", .text = ""},
};

static void a_member_is_found_by_its_name_or_by_the_end_of_it(void **state)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"readme.txt", "hello"},
        {"de/iLOEvents.json", "{\"de\":1}"},
        {"en/iLOEvents.json", "{\"en\":\"a text a text a text\"}"},
        {"iLOEvents.json", "{\"en\":\"a text a text a text\"}"}, /* the first of that name */
        {"/redfish/v1/x/Base.json", "{\"base\":1}"},
        {"", "{\"en\":\"a text a text a text\"}"}, /* the first *.json */
        {"empty", ""},
    };
    static const char *const comments[] = {"", "a comment",
                                           "PK\5\6 in it, and long enough to look"};
    struct gn_buf zip = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    for (size_t c = 0; c < GN_LEN(comments); c++) {
        make_zip(&zip, items, GN_LEN(items), comments[c]);
        assert_true(gn_unpack_is_zip(gn_buf_str(&zip)));
        assert_false(gn_unpack_is_gzip(gn_buf_str(&zip)));
        for (size_t i = 0; i < GN_LEN(rows); i++) {
            gn_buf_reset(&out);
            assert_int_equal(
                gn_unpack_zip(gn_buf_str(&zip), gn_str_of(rows[i].name), PLAIN_MAX, &out), GN_OK);
            assert_buf(&out, rows[i].want);
        }
    }
    gn_buf_free(&zip);
    gn_buf_free(&out);
}

static void a_member_that_is_not_there_is_told(void **state)
{
    static const char *const names[] = {"x", "README.TXT", "en/", "other/readme", "."};
    struct gn_buf zip = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    make_zip(&zip, items, GN_LEN(items), "");
    for (size_t i = 0; i < GN_LEN(names); i++)
        assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), gn_str_of(names[i]), PLAIN_MAX, &out),
                         GN_ENOTFOUND);
    make_zip(&zip, items, 1, "");
    assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), GN_STR_NONE, PLAIN_MAX, &out), GN_ENOTFOUND);
    make_zip(&zip, items, 0, "");
    assert_true(gn_unpack_is_zip(gn_buf_str(&zip)));
    assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), GN_STR_NONE, PLAIN_MAX, &out), GN_ENOTFOUND);
    gn_buf_free(&zip);
    gn_buf_free(&out);
}

static void what_an_archive_says_of_a_member_must_be_true(void **state)
{
    static const struct {
        struct item item;
        enum gn_err want;
    } rows[] = {
        {{.name = "a", .text = "text", .sum = 1}, GN_EPARSE},
        {{.name = "a", .text = "text", .method = 8, .sum = 1}, GN_EPARSE},
        {{.name = "a", .text = "text", .plain = 5}, GN_EPARSE},
        {{.name = "a", .text = "text", .method = 8, .plain = 3}, GN_EPARSE},
        {{.name = "a", .text = "text", .packed = 3}, GN_EPARSE},
        {{.name = "a", .text = "text", .method = 8, .packed = 2}, GN_EPARSE},
        {{.name = "a", .text = "text", .packed = 0x7fffffff}, GN_EPARSE},
        {{.name = "a", .text = "text", .plain = 101}, GN_ELIMIT},
        {{.name = "a", .text = "text", .flags = 1}, GN_EUNSUPPORTED},
        {{.name = "a", .text = "text", .method = 9}, GN_EUNSUPPORTED},
        {{.name = "a", .text = "text", .plain = UINT32_MAX}, GN_EUNSUPPORTED},
        {{.name = "a", .text = "text", .packed = UINT32_MAX}, GN_EUNSUPPORTED},
        {{.name = "a", .text = "text", .flags = 8}, GN_OK}, /* sizes behind the bytes too */
    };
    struct gn_buf zip = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        gn_buf_reset(&out);
        make_zip(&zip, &rows[i].item, 1, "");
        assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), GN_STR("a"), 100, &out), rows[i].want);
        assert_int_equal(out.len, rows[i].want == GN_OK ? 4 : 0);
        assert_int_equal(gn_buf_err(&out), GN_OK);
    }
    gn_buf_free(&zip);
    gn_buf_free(&out);
}

static void every_cut_of_an_archive_is_broken(void **state)
{
    struct gn_buf zip = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    make_zip(&zip, items, GN_LEN(items), "c");
    for (size_t len = 0; len < zip.len; len++)
        assert_int_equal(gn_unpack_zip((struct gn_str){zip.data, len}, GN_STR("Base.json"),
                                       PLAIN_MAX, &out),
                         GN_EPARSE);
    assert_int_equal(out.len, 0);
    gn_buf_free(&zip);
    gn_buf_free(&out);
}

static void an_archive_in_zip64_is_not_supported(void **state)
{
    struct gn_buf zip = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    make_zip(&zip, items, GN_LEN(items), "");
    memset(zip.data + zip.len - 6, 0xff, 4); /* the place of the central directory */
    assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), GN_STR_NONE, PLAIN_MAX, &out),
                     GN_EUNSUPPORTED);
    gn_buf_free(&zip);
    gn_buf_free(&out);
}

static void only_so_many_members_are_looked_at(void **state)
{
    const size_t count = GN_UNPACK_FILES_MAX + 1;
    struct gn_buf zip = GN_BUF_INIT, out = GN_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct item item = {.name = i + 1 < count ? "x" : "y", .text = ""};

        gn_buf_add(&zip, "PK\1\2\24\0", 6);
        add_sizes(&zip, &item, 0);
        add_u16(&zip, 0);
        add_u32(&zip, 0);
        add_u32(&zip, 0);
        add_u32(&zip, 0);
        gn_buf_puts(&zip, item.name);
    }
    add_end(&zip, count, 0, "");
    assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), GN_STR("y"), PLAIN_MAX, &out), GN_ELIMIT);
    gn_buf_free(&zip);
    gn_buf_free(&out);
}

static void a_bomb_in_an_archive_ends_at_the_limit(void **state)
{
    const size_t len = (size_t)8 << 20;
    struct gn_buf zip = GN_BUF_INIT, out = GN_BUF_INIT;
    char *text = malloc(len + 1);
    struct item item = {.name = "a.json", .method = 8, .plain = 4};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', len);
    text[len] = '\0';
    item.text = text;
    make_zip(&zip, &item, 1, "");
    assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), GN_STR_NONE, PLAIN_MAX, &out), GN_ELIMIT);
    assert_int_equal(gn_unpack_zip(gn_buf_str(&zip), GN_STR_NONE, SIZE_MAX, &out), GN_ELIMIT);
    assert_int_equal(out.len, 0);
    free(text);
    gn_buf_free(&zip);
    gn_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_text_comes_out_as_it_was),
        cmocka_unit_test(members_of_a_gzip_file_follow_each_other_and_padding_is_left),
        cmocka_unit_test(every_cut_of_a_gzip_file_is_broken_and_leaves_the_buffer_alone),
        cmocka_unit_test(what_is_no_packed_text_is_refused),
        cmocka_unit_test(max_bytes_is_the_last_length_that_passes),
        cmocka_unit_test(the_limit_of_the_buffer_holds_too_and_its_failure_does_not_stay),
        cmocka_unit_test(a_bomb_ends_at_the_ratio_long_before_the_limit),
        cmocka_unit_test(a_member_is_found_by_its_name_or_by_the_end_of_it),
        cmocka_unit_test(a_member_that_is_not_there_is_told),
        cmocka_unit_test(what_an_archive_says_of_a_member_must_be_true),
        cmocka_unit_test(every_cut_of_an_archive_is_broken),
        cmocka_unit_test(an_archive_in_zip64_is_not_supported),
        cmocka_unit_test(only_so_many_members_are_looked_at),
        cmocka_unit_test(a_bomb_in_an_archive_ends_at_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
