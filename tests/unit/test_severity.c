#include "gurnard/redfish/severity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"

static void every_vendor_word_has_a_severity(void **state)
{
    static const struct {
        const char *word;
        enum gn_severity want;
    } rows[] = {
        {"OK", GN_SEVERITY_OK},
        {"Informational", GN_SEVERITY_OK},
        {"Information", GN_SEVERITY_OK},
        {"Info", GN_SEVERITY_OK},
        {"Notification", GN_SEVERITY_OK},
        {"Warning", GN_SEVERITY_WARNING},
        {"Degraded", GN_SEVERITY_WARNING},
        {"Caution", GN_SEVERITY_WARNING},
        {"Minor", GN_SEVERITY_WARNING},
        {"Major", GN_SEVERITY_WARNING},
        {"Critical", GN_SEVERITY_CRITICAL},
        {"Fatal", GN_SEVERITY_CRITICAL},
        {"Emergency", GN_SEVERITY_CRITICAL},
        {"Non-recoverable", GN_SEVERITY_CRITICAL},
        {"NonRecoverable", GN_SEVERITY_CRITICAL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_severity_parse(gn_str_of(rows[i].word)), rows[i].want);
}

static void letters_may_be_of_any_case(void **state)
{
    static const struct {
        const char *word;
        enum gn_severity want;
    } rows[] = {
        {"Ok", GN_SEVERITY_OK},
        {"ok", GN_SEVERITY_OK},
        {"WARNING", GN_SEVERITY_WARNING},
        {"critical", GN_SEVERITY_CRITICAL},
        {"non-Recoverable", GN_SEVERITY_CRITICAL},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_severity_parse(gn_str_of(rows[i].word)), rows[i].want);
}

static void other_words_have_no_severity(void **state)
{
    static const char *const rows[] = {"",          "O",      "OKAY",     " OK",
                                       "Criticall", "Unkown", "Warning ", "Non_recoverable",
                                       "\xff\xfe"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++)
        assert_int_equal(gn_severity_parse(gn_str_of(rows[i])), GN_SEVERITY_NONE);
    assert_int_equal(gn_severity_parse(GN_STR_NONE), GN_SEVERITY_NONE);
}

static void only_the_length_given_is_read(void **state)
{
    (void)state;
    assert_int_equal(gn_severity_parse((struct gn_str){"OKAY", 2}), GN_SEVERITY_OK);
    assert_int_equal(gn_severity_parse((struct gn_str){"Information", 4}), GN_SEVERITY_OK);
}

static void texts_are_those_of_the_schema(void **state)
{
    (void)state;
    assert_string_equal(gn_severity_text(GN_SEVERITY_OK), "OK");
    assert_string_equal(gn_severity_text(GN_SEVERITY_WARNING), "Warning");
    assert_string_equal(gn_severity_text(GN_SEVERITY_CRITICAL), "Critical");
    assert_string_equal(gn_severity_text(GN_SEVERITY_NONE), "");
}

static void a_text_reads_back_as_its_severity(void **state)
{
    (void)state;
    for (int i = GN_SEVERITY_NONE; i <= GN_SEVERITY_CRITICAL; i++) {
        const enum gn_severity severity = (enum gn_severity)i;

        assert_int_equal(gn_severity_parse(gn_str_of(gn_severity_text(severity))), severity);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vendor_word_has_a_severity),
        cmocka_unit_test(letters_may_be_of_any_case),
        cmocka_unit_test(other_words_have_no_severity),
        cmocka_unit_test(only_the_length_given_is_read),
        cmocka_unit_test(texts_are_those_of_the_schema),
        cmocka_unit_test(a_text_reads_back_as_its_severity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
