/* Tests of the fleet: message registries are fetched from BMCs. */
#ifndef GN_TESTS_BMCS_REGISTRIES_H
#define GN_TESTS_BMCS_REGISTRIES_H

#include "bmc_bed.h"

#define REGISTRY(prefix)                                                                           \
    "{\"@odata.type\":\"#MessageRegistry.v1_2_0.MessageRegistry\",\"Id\":\"" prefix ".1.0.0\","    \
    "\"Language\":\"en\",\"RegistryPrefix\":\"" prefix "\",\"RegistryVersion\":\"1.0.0\","         \
    "\"OwningEntity\":\"x\",\"Messages\":{\"Key\":{\"Message\":\"m\",\"NumberOfArgs\":0,"          \
    "\"Severity\":\"OK\",\"Resolution\":\"none\"}}}"
#define LOOKED ONE_WITH("\"prove\":false")
#define SECOND ",{\"name\":\"b2\",\"address\":\"%1\",\"prove\":false}"

static void publish(struct fake *fake, size_t index, const char *member, const char *name,
                    const char *body)
{
    fake->registries[index] =
        (struct fake_registry){.member = member, .name = name, .body = body, .etag = "\"e1\""};
}

static void miss(struct bed *bed, const char *bmc, const char *id)
{
    gn_bmcs_on_miss(bed->fleet, gn_str_of(bmc), gn_str_of(id));
    quiet(bed);
}

static void a_missing_one_is_fetched_once_for_two_bmcs_of_a_model(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake *second = add_fake(bed);

    publish(fake, 0, "Acme.1.0.0", "Acme.1.0.0", REGISTRY("Acme"));
    publish(fake, 1, "Base.1.0.0", "Base.1.0.0", REGISTRY("Base"));
    publish(second, 0, "Acme.1.0.0", "Acme.1.0.0", REGISTRY("Acme"));
    apply(bed, LOOKED SECOND);
    miss(bed, "b1", "Acme.1.0.Key");
    miss(bed, "b1", "Acme.1.0.Other");
    miss(bed, "b2", "Acme.1.0.Key");
    for (int i = 0; i < 400 && bed->fleet->metrics.registries_ok->value < 1; i++)
        turn(bed);
    clock_skew_ms += 300;
    wait_for(bed, &bed->loads, 1);
    assert_int_equal(fake->registries[0].asked, 1);
    assert_int_equal(fake->registries[1].asked, 0);
    assert_int_equal(second->registries[0].asked, 0);
    assert_true(bed->fleet->metrics.registries_ok->value == 1);
}

static void one_that_is_had_is_asked_after_with_its_etag(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    publish(fake, 0, "Acme.1.0.0", "Acme.1.0.0", REGISTRY("Acme"));
    apply(bed, LOOKED);
    miss(bed, "b1", "Acme.1.0.Key");
    for (int i = 0; i < 400 && bed->fleet->metrics.registries_ok->value < 1; i++)
        turn(bed);
    quiet(bed);
    pass(bed, 7200000); /* within a week it is not asked after */
    miss(bed, "b1", "Acme.1.0.New");
    assert_int_equal(fake->registries[0].asked, 1);
    pass(bed, 8U * 24 * 3600 * 1000);
    miss(bed, "b1", "Acme.1.0.New");
    assert_int_equal(fake->registries[0].asked, 2);
    assert_int_equal(fake->registries[0].unchanged, 1);
}

static void where_no_member_is_named_like_it_all_are_looked_into(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    publish(fake, 0, "Base.1.0.0", "Base.1.0.0", REGISTRY("Base"));
    publish(fake, 1, "EventingMessages", "Alert.1.0.0", REGISTRY("Alert"));
    publish(fake, 2, "BiosAttributeRegistry.1.0.0", "BiosAttributeRegistry.1.0.0", "{}");
    apply(bed, LOOKED);
    miss(bed, "b1", "Alert.1.0.Key");
    for (int i = 0; i < 400 && bed->fleet->metrics.registries_ok->value < 1; i++)
        turn(bed);
    assert_int_equal(fake->registries[0].asked, 0);
    assert_int_equal(fake->registries[1].asked, 1);
    assert_int_equal(fake_seen(fake, "GET /redfish/v1/Registries/Bios"), 0);
}

static void one_that_fails_is_not_asked_for_with_each_event(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];

    publish(fake, 0, "Acme.1.0.0", "Acme.1.0.0", REGISTRY("Acme"));
    fake->registries[0].status = 500;
    apply(bed, LOOKED);
    for (int i = 0; i < 20; i++)
        miss(bed, "b1", "Acme.1.0.Key");
    assert_int_equal(fake->registries[0].asked, 1);
    assert_true(bed->fleet->metrics.registries_failed->value == 1);
    fake->registries[0].status = 0;
    pass(bed, 3700000);
    miss(bed, "b1", "Acme.1.0.Key");
    assert_int_equal(fake->registries[0].asked, 2);
}

static void without_an_answer_it_is_asked_for_again_soon_also_of_another_bmc(void **state)
{
    struct bed *bed = *state;
    struct fake *fake = bed->fakes[0];
    struct fake *second = add_fake(bed);

    publish(second, 0, "Acme.1.0.0", "Acme.1.0.0", REGISTRY("Acme"));
    apply(bed, LOOKED SECOND);
    fake->is_down = true;
    miss(bed, "b1", "Acme.1.0.Key");
    fake_forget_seen(fake);
    miss(bed, "b1", "Acme.1.0.Key");
    assert_int_equal(fake->seen_count, 0);
    pass(bed, 61000);
    miss(bed, "b2", "Acme.1.0.Key");
    assert_int_equal(second->registries[0].asked, 1);
}

static void before_the_first_look_nothing_is_fetched(void **state)
{
    struct bed *bed = *state;

    apply_only(bed, LOOKED);
    gn_bmcs_on_miss(bed->fleet, GN_STR("b1"), GN_STR("Acme.1.0.Key"));
    gn_bmcs_on_miss(bed->fleet, GN_STR("b9"), GN_STR("Acme.1.0.Key"));
    quiet(bed);
    assert_int_equal(fake_seen(bed->fakes[0], "GET /redfish/v1/Registries"), 0);
}

static void who_makes_up_registries_is_not_followed(void **state)
{
    struct bed *bed = *state;
    char id[64];

    apply(bed, LOOKED);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "Made%d.1.0.Up", i);
        gn_bmcs_on_miss(bed->fleet, GN_STR("b1"), gn_str_of(id));
    }
    quiet(bed);
    assert_int_equal(fake_seen(bed->fakes[0], "GET /redfish/v1/Registries"), 1);
}

#endif
