/* The file of webhook tokens. */
#include "gurnard/app/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/gn_test_tokens.XXXXXX";
static char path[64];

static void write_bytes(const char *data, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* A text with its length, for those that hold NUL. */
#define TEXT(literal) literal, sizeof(literal) - 1

static void lines_of_name_and_token_are_read(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        size_t count;
        const char *name, *token; /* of the last */
    } rows[] = {
        {TEXT(""), 0, NULL, NULL},
        {TEXT("\n\n"), 0, NULL, NULL},
        {TEXT("# bmc1 secret\n   # more\n"), 0, NULL, NULL},
        {TEXT("bmc1 secret\n"), 1, "bmc1", "secret"},
        {TEXT("bmc1 secret"), 1, "bmc1", "secret"},
        {TEXT("bmc1 secret\r\n"), 1, "bmc1", "secret"},
        {TEXT("  bmc1 \t  secret  \n"), 1, "bmc1", "secret"},
        {TEXT("bmc1\tsecret\n"), 1, "bmc1", "secret"},
        {TEXT("# all\nbmc1 a\n\nrack-2_u.3:b b\n"), 2, "rack-2_u.3:b", "b"},
        {TEXT("bmc1 -._~!$&'()*+,;=:@\n"), 1, "bmc1", "-._~!$&'()*+,;=:@"},
        {TEXT("bmc1 a\nbmc1 b\n"), 2, "bmc1", "b"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_tokens tokens;
        unsigned line = 99;

        write_bytes(rows[i].text, rows[i].len);
        assert_int_equal(gn_tokens_read(path, &tokens, &line), GN_OK);
        assert_int_equal(line, 0);
        assert_int_equal(tokens.count, rows[i].count);
        if (tokens.count > 0) {
            assert_string_equal(tokens.items[tokens.count - 1].name, rows[i].name);
            assert_string_equal(tokens.items[tokens.count - 1].token, rows[i].token);
        }
        gn_tokens_free(&tokens);
    }
}

static void a_line_that_could_never_be_right_is_refused_with_its_number(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        unsigned line;
    } rows[] = {
        {TEXT("bmc1\n"), 1},
        {TEXT("bmc1 \n"), 1},
        {TEXT("bmc1 a b\n"), 1},
        {TEXT("bmc1 a\tb\n"), 1},
        {TEXT("# one\nbmc1 a\n\nbmc2\n"), 4},
        {TEXT("bmc1 a\r\nbmc2\r\n"), 2},
        {TEXT("bmc/1 a\n"), 1},
        {TEXT("bmc%31 a\n"), 1},
        {TEXT("b\xc3\xa9mc a\n"), 1},
        {TEXT("\xef\xbb\xbf"
              "bmc1 a\n"),
         1},
        {TEXT("bmc1 c2VjcmV0/w==\n"), 1}, /* base64 with a slash: would be two path segments */
        {TEXT("bmc1 a?b\n"), 1},
        {TEXT("bmc1 a#b\n"), 1},
        {TEXT("bmc1 a%2Fb\n"), 1},
        {TEXT("bmc1 a\0b\n"), 1},
        {TEXT("bmc\0 a\n"), 1},
        {TEXT("\0"), 1},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_tokens tokens;
        unsigned line = 99;

        write_bytes(rows[i].text, rows[i].len);
        assert_int_equal(gn_tokens_read(path, &tokens, &line), GN_EPARSE);
        assert_int_equal(line, rows[i].line);
        assert_null(tokens.items);
        assert_int_equal(tokens.count, 0);
        gn_tokens_free(&tokens);
    }
}

/* Writes "<len bytes of n> <len bytes of t>". */
static void write_long(size_t name_len, size_t token_len)
{
    struct gn_buf text = GN_BUF_INIT;

    for (size_t i = 0; i < name_len; i++)
        gn_buf_putc(&text, 'n');
    gn_buf_putc(&text, ' ');
    for (size_t i = 0; i < token_len; i++)
        gn_buf_putc(&text, 't');
    write_bytes(text.data, text.len);
    gn_buf_free(&text);
}

static void names_and_tokens_have_their_longest(void **state)
{
    static const struct {
        size_t name_len, token_len;
        enum gn_err want;
    } rows[] = {
        {GN_WEBHOOK_NAME_MAX, GN_WEBHOOK_TOKEN_MAX, GN_OK},
        {GN_WEBHOOK_NAME_MAX + 1, 1, GN_EPARSE},
        {1, GN_WEBHOOK_TOKEN_MAX + 1, GN_EPARSE},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_tokens tokens;
        unsigned line;

        write_long(rows[i].name_len, rows[i].token_len);
        assert_int_equal(gn_tokens_read(path, &tokens, &line), rows[i].want);
        gn_tokens_free(&tokens);
    }
}

/* Writes count lines, each with a name of its own. */
static void write_lines(unsigned count)
{
    struct gn_buf text = GN_BUF_INIT;

    for (unsigned i = 0; i < count; i++)
        gn_buf_printf(&text, "bmc%u t%u\n", i, i);
    write_bytes(text.data, text.len);
    gn_buf_free(&text);
}

static void as_many_lines_as_the_limit_are_read_and_no_more(void **state)
{
    struct gn_tokens tokens;
    unsigned line;

    (void)state;
    write_lines(GN_TOKENS_MAX);
    assert_int_equal(gn_tokens_read(path, &tokens, &line), GN_OK);
    assert_int_equal(tokens.count, GN_TOKENS_MAX);
    assert_string_equal(tokens.items[GN_TOKENS_MAX - 1].token, "t19999");
    gn_tokens_free(&tokens);
    write_lines(GN_TOKENS_MAX + 1);
    assert_int_equal(gn_tokens_read(path, &tokens, &line), GN_ELIMIT);
    assert_int_equal(line, GN_TOKENS_MAX + 1);
}

static void a_file_as_a_whole_that_cannot_be_read_has_no_line(void **state)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_tokens tokens;
    unsigned line = 99;

    (void)state;
    assert_int_equal(gn_tokens_read("/nonexistent/tokens", &tokens, &line), GN_ENOTFOUND);
    assert_int_equal(line, 0);
    assert_int_equal(gn_tokens_read(folder, &tokens, &line), GN_EIO);
    assert_int_equal(line, 0);
    while (text.len <= GN_TOKENS_FILE_MAX)
        gn_buf_puts(&text, "# a comment that fills the file\n");
    write_bytes(text.data, text.len);
    gn_buf_free(&text);
    assert_int_equal(gn_tokens_read(path, &tokens, &line), GN_ELIMIT);
    assert_int_equal(line, 0);
}

static void no_path_means_no_tokens(void **state)
{
    struct gn_tokens tokens;
    unsigned line = 99;

    (void)state;
    assert_int_equal(gn_tokens_read("", &tokens, &line), GN_OK);
    assert_int_equal(tokens.count, 0);
    assert_int_equal(line, 0);
    gn_tokens_free(&tokens);
    gn_tokens_free(&tokens);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/tokens", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_name_and_token_are_read),
        cmocka_unit_test(a_line_that_could_never_be_right_is_refused_with_its_number),
        cmocka_unit_test(names_and_tokens_have_their_longest),
        cmocka_unit_test(as_many_lines_as_the_limit_are_read_and_no_more),
        cmocka_unit_test(a_file_as_a_whole_that_cannot_be_read_has_no_line),
        cmocka_unit_test(no_path_means_no_tokens),
    };

    return cmocka_run_group_tests_name("tokens", tests, make_folder, remove_folder);
}
