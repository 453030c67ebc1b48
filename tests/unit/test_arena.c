/* The arena. */
#include "gurnard/base/arena.h"

#include <stdalign.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"

static void an_arena_that_is_not_used_holds_nothing(void **state)
{
    struct gn_arena arena;

    (void)state;
    gn_arena_init(&arena, 1000);
    assert_int_equal(gn_arena_held_bytes(&arena), 0);
    gn_arena_fini(&arena);
}

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {1, 3, 8, 17, 100, 4000, 5000, 2, 70000, 1};
    char *pieces[GN_LEN(sizes)];
    struct gn_arena arena;

    (void)state;
    gn_arena_init(&arena, (size_t)1 << 20);
    for (size_t i = 0; i < GN_LEN(sizes); i++) {
        pieces[i] = gn_arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i + 1), sizes[i]);
    }
    for (size_t i = 0; i < GN_LEN(sizes); i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], i + 1);
    }
    gn_arena_fini(&arena);
}

static void strings_take_only_their_bytes_and_a_nul(void **state)
{
    struct gn_arena arena;
    const char *first, *second;

    (void)state;
    gn_arena_init(&arena, 1000);
    first = gn_arena_strdup(&arena, GN_STR("abc"));
    second = gn_arena_strdup(&arena, GN_STR("d\0e"));
    assert_string_equal(first, "abc");
    assert_memory_equal(second, "d\0e", 4);
    assert_ptr_equal(second, first + 4);
    assert_int_equal(arena.used, 8);
    assert_string_equal(gn_arena_strdup(&arena, GN_STR_NONE), "");
    gn_arena_fini(&arena);
}

static void the_limit_is_exact(void **state)
{
    struct gn_arena arena;

    (void)state;
    gn_arena_init(&arena, 100);
    assert_non_null(gn_arena_alloc(&arena, 60));
    assert_null(gn_arena_alloc(&arena, 41));
    assert_null(gn_arena_alloc(&arena, SIZE_MAX));
    assert_null(gn_arena_strdup(&arena, (struct gn_str){"", SIZE_MAX}));
    assert_non_null(gn_arena_alloc(&arena, 40));
    assert_null(gn_arena_alloc(&arena, 1));
    gn_arena_fini(&arena);
}

static void a_size_beyond_memory_gives_null(void **state)
{
    struct gn_arena arena;

    (void)state;
    gn_arena_init(&arena, SIZE_MAX);
    assert_null(gn_arena_alloc(&arena, SIZE_MAX));
    assert_null(gn_arena_alloc(&arena, SIZE_MAX - 8));
    assert_int_equal(arena.used, 0);
    gn_arena_fini(&arena);
}

static void an_empty_object_has_an_address_of_its_own(void **state)
{
    struct gn_arena arena;
    const char *first, *second;

    (void)state;
    gn_arena_init(&arena, 100);
    first = gn_arena_alloc(&arena, 0);
    second = gn_arena_alloc(&arena, 0);
    assert_non_null(first);
    assert_ptr_not_equal(first, second);
    gn_arena_fini(&arena);
}

static void a_large_piece_does_not_waste_the_current_block(void **state)
{
    struct gn_arena arena;
    const char *before, *after;

    (void)state;
    gn_arena_init(&arena, (size_t)1 << 20);
    before = gn_arena_strdup(&arena, GN_STR("abc"));
    assert_non_null(gn_arena_alloc(&arena, 100000));
    after = gn_arena_strdup(&arena, GN_STR("def"));
    assert_ptr_equal(after, before + 4);
    gn_arena_fini(&arena);
}

static void held_bytes_stay_near_what_was_handed_out(void **state)
{
    struct gn_arena arena;

    (void)state;
    gn_arena_init(&arena, (size_t)1 << 20);
    for (int i = 0; i < 10000; i++)
        assert_non_null(gn_arena_alloc(&arena, 64));
    assert_int_equal(arena.used, 640000);
    assert_true(gn_arena_held_bytes(&arena) >= 640000);
    assert_true(gn_arena_held_bytes(&arena) < 640000 + 2 * 65536);
    gn_arena_fini(&arena);
}

static void after_fini_the_arena_starts_anew(void **state)
{
    struct gn_arena arena;

    (void)state;
    gn_arena_init(&arena, 10);
    assert_non_null(gn_arena_alloc(&arena, 10));
    gn_arena_fini(&arena);
    assert_int_equal(gn_arena_held_bytes(&arena), 0);
    assert_non_null(gn_arena_alloc(&arena, 10));
    gn_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_that_is_not_used_holds_nothing),
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(strings_take_only_their_bytes_and_a_nul),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(a_size_beyond_memory_gives_null),
        cmocka_unit_test(an_empty_object_has_an_address_of_its_own),
        cmocka_unit_test(a_large_piece_does_not_waste_the_current_block),
        cmocka_unit_test(held_bytes_stay_near_what_was_handed_out),
        cmocka_unit_test(after_fini_the_arena_starts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
