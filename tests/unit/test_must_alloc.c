/* Allocation for libraries: as the C library's, but for what a refusal does. */
#include "gurnard/base/must_alloc.h"

#include <stdio.h>
#include <stdlib.h>

#include "gurnard/base/defs.h"

#include "aborting_child.h"

static void malloc_too_much(void)
{
    free(gn_must_malloc("jansson", HUGE_BYTES));
}

static void calloc_too_much(void)
{
    free(gn_must_calloc("libcurl", HUGE_BYTES / 2, 2));
}

static void calloc_beyond_size_t(void)
{
    free(gn_must_calloc("libcurl", HUGE_BYTES, 8));
}

static void realloc_too_much(void)
{
    free(gn_must_realloc("libcurl", gn_must_malloc("libcurl", 10), HUGE_BYTES));
}

static void realloc_of_nothing_too_much(void)
{
    free(gn_must_realloc("jansson", NULL, HUGE_BYTES));
}

static void give_up(void)
{
    gn_must_give_up("metrics", 48);
}

static void memory_refused_is_named_and_aborts(void **state)
{
    static const struct {
        void (*fn)(void);
        const char *library;
        size_t bytes;
    } cases[] = {
        {malloc_too_much, "jansson", HUGE_BYTES},
        {calloc_too_much, "libcurl", HUGE_BYTES / 2 * 2},
        {calloc_beyond_size_t, "libcurl", SIZE_MAX},
        {realloc_too_much, "libcurl", HUGE_BYTES},
        {realloc_of_nothing_too_much, "jansson", HUGE_BYTES},
        {give_up, "metrics", 48},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(cases); i++) {
        char want[128];

        (void)snprintf(want, sizeof want, " error memory.exhausted in=%s bytes=%zu\n",
                       cases[i].library, cases[i].bytes);
        assert_aborts(cases[i].fn, want);
    }
}

static void memory_given_holds_what_is_asked_for(void **state)
{
    static const char zeroes[100];
    char *data = gn_must_malloc("libcurl", 5);
    char *copy;

    (void)state;
    memcpy(data, "four", 5);
    data = gn_must_realloc("libcurl", data, 1000);
    assert_string_equal(data, "four");
    copy = gn_must_strdup("libcurl", data);
    assert_string_equal(copy, "four");
    assert_ptr_not_equal(copy, data);
    free(copy);
    free(data);
    copy = gn_must_strdup("libcurl", "");
    assert_string_equal(copy, "");
    free(copy);
    data = gn_must_realloc("libcurl", NULL, 3);
    memcpy(data, "ab", 3);
    free(data);
    data = gn_must_calloc("libcurl", 10, 10);
    assert_memory_equal(data, zeroes, sizeof zeroes);
    free(data);
}

static void nothing_asked_for_is_no_refusal(void **state)
{
    (void)state;
    free(gn_must_malloc("libcurl", 0));
    free(gn_must_calloc("libcurl", 0, 8));
    free(gn_must_calloc("libcurl", 8, 0));
    free(gn_must_realloc("libcurl", NULL, 0));
    free(gn_must_realloc("libcurl", gn_must_malloc("libcurl", 10), 0));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_refused_is_named_and_aborts),
        cmocka_unit_test(memory_given_holds_what_is_asked_for),
        cmocka_unit_test(nothing_asked_for_is_no_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
