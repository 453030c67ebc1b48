/* Error codes: their texts and classes. */
#include "gurnard/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/defs.h"

static const enum gn_err all[] = {
    GN_OK,        GN_ENOMEM,    GN_EINVAL, GN_EPARSE,   GN_ELIMIT,
    GN_EFULL,     GN_ENOTFOUND, GN_EEXIST, GN_EIO,      GN_ETIMEOUT,
    GN_ECANCELED, GN_ECONN,     GN_EBUSY,  GN_EREFUSED, GN_EUNSUPPORTED,
};

static void every_error_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(all); i++) {
        assert_string_not_equal(gn_err_text(all[i]), "");
        assert_string_not_equal(gn_err_text(all[i]), gn_err_text((enum gn_err)999));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(gn_err_text(all[i]), gn_err_text(all[k]));
    }
}

static void texts_are_short_and_in_lower_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_LEN(all); i++) {
        const char *text = gn_err_text(all[i]);

        assert_true(strlen(text) <= 24);
        assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz "), strlen(text));
    }
}

static void only_errors_that_time_may_heal_are_transient(void **state)
{
    static const enum gn_err transient[] = {GN_ENOMEM,   GN_EFULL, GN_EIO,
                                            GN_ETIMEOUT, GN_ECONN, GN_EBUSY};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < GN_LEN(transient); i++)
        assert_true(gn_err_is_transient(transient[i]));
    for (size_t i = 0; i < GN_LEN(all); i++)
        count += gn_err_is_transient(all[i]) ? 1 : 0;
    assert_int_equal(count, GN_LEN(transient));
    assert_false(gn_err_is_transient((enum gn_err)999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_text_of_its_own),
        cmocka_unit_test(texts_are_short_and_in_lower_case),
        cmocka_unit_test(only_errors_that_time_may_heal_are_transient),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
