#include "gurnard/sim/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"

static void every_profile_is_found_by_its_name(void **state)
{
    static const char *const names[] = {"idrac9", "idrac10", "ilo5", "ilo4",      "openbmc",
                                        "ami",    "zt",      "xcc",  "supermicro"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(names); i++) {
        assert_string_equal(gn_sim_profile_at(i)->name, names[i]);
        assert_ptr_equal(gn_sim_profile_find(gn_str_of(names[i])), gn_sim_profile_at(i));
    }
    assert_null(gn_sim_profile_at(GN_LEN(names)));
    assert_null(gn_sim_profile_find(GN_STR("toaster")));
    assert_null(gn_sim_profile_find(GN_STR("")));
}

/* Whether each of words is one of others. */
static bool are_among(const char *words, const char *others)
{
    struct gn_str word;

    while ((word = gn_sim_next_word(&words)).p != NULL)
        if (!gn_sim_word_in(others, word))
            return false;
    return true;
}

static void every_profile_is_whole(void **state)
{
    const struct gn_sim_profile *p;

    (void)state;
    for (size_t i = 0; (p = gn_sim_profile_at(i)) != NULL; i++) {
        assert_non_null(p->vendor);
        assert_non_null(p->product);
        assert_non_null(p->model);
        assert_non_null(p->firmware);
        assert_non_null(p->event_type);
        assert_non_null(p->ok_word);
        assert_true(strncmp(p->registry_uri, "/redfish/v1/", 12) == 0);
        assert_true(p->logs[0].owner != NULL && p->page > 0);
        assert_true(p->max_subscriptions > 0 && p->max_sessions > 0 && p->retry_attempts > 0);
        assert_true((p->sse != NULL) == (p->max_sse > 0));
        assert_non_null(strchr(strchr(p->version, '.') + 1, '.'));
    }
}

static void what_is_required_or_patched_is_also_accepted(void **state)
{
    const struct gn_sim_profile *p;

    (void)state;
    for (size_t i = 0; (p = gn_sim_profile_at(i)) != NULL; i++) {
        assert_true(are_among(p->required, p->accepted));
        assert_true(are_among(p->patchable, p->accepted));
        assert_true(are_among(p->test_required, p->test_known));
        assert_true(are_among("Destination Protocol Context", p->accepted));
        assert_true((p->policies[0] != '\0') ==
                    gn_sim_word_in(p->accepted, GN_STR("DeliveryRetryPolicy")));
    }
}

static void words_are_taken_one_by_one(void **state)
{
    const char *words = "Alert Other";

    (void)state;
    assert_true(gn_str_eq(gn_sim_next_word(&words), GN_STR("Alert")));
    assert_true(gn_str_eq(gn_sim_next_word(&words), GN_STR("Other")));
    assert_null(gn_sim_next_word(&words).p);
    words = "";
    assert_null(gn_sim_next_word(&words).p);
}

static void a_word_is_compared_whole(void **state)
{
    (void)state;
    assert_true(gn_sim_word_in("Alert Other", GN_STR("Other")));
    assert_false(gn_sim_word_in("Alert Other", GN_STR("Oth")));
    assert_false(gn_sim_word_in("Alert Other", GN_STR("Others")));
    assert_false(gn_sim_word_in("Alert Other", GN_STR("")));
    assert_false(gn_sim_word_in("", GN_STR("Alert")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_is_found_by_its_name),
        cmocka_unit_test(every_profile_is_whole),
        cmocka_unit_test(what_is_required_or_patched_is_also_accepted),
        cmocka_unit_test(words_are_taken_one_by_one),
        cmocka_unit_test(a_word_is_compared_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
