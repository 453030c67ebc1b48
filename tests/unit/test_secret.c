/* Secrets. */
#include "gurnard/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void a_secret_keeps_a_copy_of_its_value(void **state)
{
    struct gn_secret secret = {0};
    char value[] = "calvin";

    (void)state;
    assert_true(gn_secret_set(&secret, gn_str_of(value)));
    memset(value, 'x', sizeof value - 1);
    assert_true(gn_secret_eq(&secret, GN_STR("calvin")));
    assert_string_equal(gn_secret_str(&secret).p, "calvin");
    assert_int_equal(gn_secret_str(&secret).len, 6);
    gn_secret_free(&secret);
}

static void only_the_whole_value_is_equal(void **state)
{
    struct gn_secret secret = {0};

    (void)state;
    assert_true(gn_secret_set(&secret, GN_STR("abab")));
    assert_false(gn_secret_eq(&secret, GN_STR("abaB")));
    assert_false(gn_secret_eq(&secret, GN_STR("Abab")));
    assert_false(gn_secret_eq(&secret, GN_STR("aba")));
    assert_false(gn_secret_eq(&secret, GN_STR("abab\0")));
    assert_false(gn_secret_eq(&secret, GN_STR("abababab")));
    assert_false(gn_secret_eq(&secret, GN_STR("ab")));
    assert_false(gn_secret_eq(&secret, GN_STR("")));
    assert_false(gn_secret_eq(&secret, GN_STR_NONE));
    gn_secret_free(&secret);
}

static void bytes_of_any_value_count(void **state)
{
    struct gn_secret secret = {0};

    (void)state;
    assert_true(gn_secret_set(&secret, GN_STR("a\0\xFF")));
    assert_true(gn_secret_eq(&secret, GN_STR("a\0\xFF")));
    assert_false(gn_secret_eq(&secret, GN_STR("a\0\xFE")));
    gn_secret_free(&secret);
}

static void an_empty_secret_equals_nothing(void **state)
{
    struct gn_secret secret = {0};

    (void)state;
    assert_false(gn_secret_eq(&secret, GN_STR("")));
    assert_false(gn_secret_eq(&secret, GN_STR_NONE));
    assert_false(gn_secret_eq(&secret, GN_STR("a")));
    assert_true(gn_secret_set(&secret, GN_STR("")));
    assert_false(gn_secret_eq(&secret, GN_STR("")));
    assert_null(gn_secret_str(&secret).p);
    gn_secret_free(&secret);
}

static void a_freed_secret_is_empty_and_may_be_set_again(void **state)
{
    struct gn_secret secret = {0};

    (void)state;
    assert_true(gn_secret_set(&secret, GN_STR("first")));
    gn_secret_free(&secret);
    assert_null(secret.bytes);
    assert_int_equal(secret.len, 0);
    assert_false(gn_secret_eq(&secret, GN_STR("first")));
    assert_true(gn_secret_set(&secret, GN_STR("second")));
    assert_true(gn_secret_eq(&secret, GN_STR("second")));
    gn_secret_free(&secret);
    gn_secret_free(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_keeps_a_copy_of_its_value),
        cmocka_unit_test(only_the_whole_value_is_equal),
        cmocka_unit_test(bytes_of_any_value_count),
        cmocka_unit_test(an_empty_secret_equals_nothing),
        cmocka_unit_test(a_freed_secret_is_empty_and_may_be_set_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
