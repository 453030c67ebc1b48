/* GN_ASSERT: what a broken invariant does to the process. */
#include "gurnard/base/assert.h"

#include "aborting_child.h"

static int sum;

static void assert_sum(void)
{
    GN_ASSERT(sum == 4);
}

static void a_condition_that_holds_does_nothing(void **state)
{
    char text[CHILD_TEXT_MAX];
    int status;

    (void)state;
    sum = 4;
    status = child_status(assert_sum, text);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(text, "");
}

static void a_broken_condition_is_named_and_aborts(void **state)
{
    (void)state;
    sum = 5;
    assert_aborts(assert_sum, "assert.failed file=");
    assert_aborts(assert_sum, "test_assert.c line=");
    assert_aborts(assert_sum, "condition=\"sum == 4\"\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_that_holds_does_nothing),
        cmocka_unit_test(a_broken_condition_is_named_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
