/* gurnard bmc and gurnard alarms against a made-up daemon. Included by test_cli.c behind its
 * helpers. */
#ifndef GN_TESTS_CLI_BMCS_H
#define GN_TESTS_CLI_BMCS_H

#define ALARM_ID "29fe3110-9b0e-5f6c-8a55-1f0c4ad9e0b3"

static void bmcs_are_listed_shown_removed_and_looked_at(void **state)
{
    static const struct row rows[] = {
        {"GET /admin/v1/bmcs", 200, "{\"bmcs\":[]}"},
        {"GET /admin/v1/bmcs/n-1", 200, "{\"name\":\"n-1\",\"state\":\"new\"}"},
        {"DELETE /admin/v1/bmcs/n-1", 200, "{\"removed\":1}"},
        {"DELETE /admin/v1/bmcs/n-2", 409, "{\"error\":\"it comes from the settings\"}"},
        {"POST /admin/v1/bmcs/n%3A1/resync", 202, "{\"name\":\"n:1\"}"},
        {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("bmc list", 0, "no BMCs\n", "");
    runs("bmc list --json", 0, "{\"bmcs\":[]}\n", "");
    runs("bmc show n-1", 0, "name          n-1\nstate         new\n", "");
    runs("bmc remove n-1", 0, "n-1 removed\n", "");
    runs("bmc remove n-2", 1, "", "gurnard bmc: answer 409: it comes from the settings\n");
    runs("bmc resync n:1", 0, "n:1 is looked at now\n", "");
    fake_stop(&fake, "GET /admin/v1/bmcs\n"
                     "GET /admin/v1/bmcs\n"
                     "GET /admin/v1/bmcs/n-1\n"
                     "DELETE /admin/v1/bmcs/n-1\n"
                     "DELETE /admin/v1/bmcs/n-2\n"
                     "POST /admin/v1/bmcs/n%3A1/resync\n");
}

static void a_bmc_is_added_with_what_the_options_say(void **state)
{
    static const struct row rows[] = {{"POST /admin/v1/bmcs", 201, "{\"name\":\"n\"}"},
                                      {"PUT /admin/v1/bmcs/n", 200, "{\"name\":\"n\"}"},
                                      {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("bmc add n 192.0.2.7", 0, "n added\n", "");
    runs("bmc add n h --tls tofu --credentials /c --way sse --webhook-url http://x", 0, "n added\n",
         "");
    runs("bmc add n h --ca-file /ca --tls verify --username root --password-file /p", 0,
         "n added\n", "");
    runs("bmc add n h --sha256 AA --replace", 0, "n replaced\n", "");
    fake_stop(
        &fake,
        "POST /admin/v1/bmcs {\"name\":\"n\",\"address\":\"192.0.2.7\"}\n"
        "POST /admin/v1/bmcs {\"tls\":\"tofu\",\"name\":\"n\",\"address\":\"h\","
        "\"credentials\":\"/c\",\"way\":\"sse\",\"webhook_url\":\"http://x\"}\n"
        "POST /admin/v1/bmcs {\"tls\":{\"ca_file\":\"/ca\"},\"name\":\"n\",\"address\":\"h\","
        "\"username\":\"root\",\"password_file\":\"/p\"}\n"
        "PUT /admin/v1/bmcs/n {\"tls\":{\"sha256\":\"AA\"},\"name\":\"n\",\"address\":\"h\"}\n");
}

static void a_test_that_does_not_prove_the_way_fails(void **state)
{
    static const struct row rows[] = {{"POST /admin/v1/bmcs/a/test", 200,
                                       "{\"proven\":true,\"latency_ms\":81.7,\"way\":\"push\"}"},
                                      {"POST /admin/v1/bmcs/b/test", 200,
                                       "{\"proven\":false,\"reason\":\"no \\u001broute\"}"},
                                      {"POST /admin/v1/bmcs/c/test", 200, "[]"},
                                      {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("bmc test a", 0, "a: proven in 82 ms by push\n", "");
    runs("bmc test b", 1, "b: not proven: no \\x1broute\n", "");
    runs("bmc test a --json", 0, "{\"proven\":true,\"latency_ms\":81.7,\"way\":\"push\"}\n", "");
    runs("bmc test b --json", 1, "{\"proven\":false,\"reason\":\"no \\u001broute\"}\n", "");
    assert_int_equal(run("bmc test c"), 1);
    assert_non_null(strstr(err_text, "cannot be shown"));
    (void)fake_end(&fake);
}

static void an_alarm_is_ended_by_the_beginning_of_its_id(void **state)
{
    static const struct row rows[] = {{"GET /admin/v1/alarms", 200,
                                       "{\"alarms\":[{\"id\":\"" ALARM_ID
                                       "\"},{\"id\":\"29ff\"},{\"id\":7}]}"},
                                      {"GET /admin/v1/alarms?bmc=a%26b", 200, "{\"alarms\":[]}"},
                                      {"DELETE /admin/v1/alarms/" ALARM_ID, 200, "{\"removed\":1}"},
                                      {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("alarms --bmc a&b", 0, "no alarms\n", "");
    runs("alarms clear 29fe", 0, "1 cleared\n", "");
    runs("alarms clear " ALARM_ID, 0, "1 cleared\n", "");
    runs("alarms clear 29", 1, "", "gurnard alarms: 29: more than one alarm begins so\n");
    runs("alarms clear x", 1, "", "gurnard alarms: x: no such alarm\n");
    fake_stop(&fake, "GET /admin/v1/alarms?bmc=a%26b\n"
                     "GET /admin/v1/alarms\n"
                     "DELETE /admin/v1/alarms/" ALARM_ID "\n"
                     "DELETE /admin/v1/alarms/" ALARM_ID "\n"
                     "GET /admin/v1/alarms\n"
                     "GET /admin/v1/alarms\n");
}

static void wrong_usage_of_bmc_and_alarms_is_2_and_nobody_is_asked(void **state)
{
    static const char *const commands[] = {"bmc",
                                           "bmc show",
                                           "bmc show ..",
                                           "bmc show a b",
                                           "bmc add",
                                           "bmc add n",
                                           "bmc add n h x",
                                           "bmc add n h --sha256",
                                           "bmc list a",
                                           "bmc frobnicate",
                                           "bmc test ''",
                                           "bmc remove",
                                           "alarms clear",
                                           "alarms clear ''",
                                           "alarms a",
                                           "alarms clear a b",
                                           "alarms --bmc",
                                           "bmc list --all",
                                           "bmc add .. h",
                                           "bmc add n h --tls off --ca-file f",
                                           "bmc add n h --ca-file f --sha256 AA"};
    static const struct row none[] = {{NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, none);
    for (size_t i = 0; i < GN_LEN(commands); i++) {
        int code = run(commands[i]);

        if (code != 2 || out_text[0] != '\0' || err_text[0] == '\0')
            fail_msg("%s: %d %s%s", commands[i], code, out_text, err_text);
    }
    fake_stop(&fake, "");
}

#endif
