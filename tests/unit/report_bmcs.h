/* Reports on BMCs and alarms. Included by test_report.c behind its helpers. */
#ifndef GN_TESTS_REPORT_BMCS_H
#define GN_TESTS_REPORT_BMCS_H

#define BMC_WELL                                                                                   \
    "{\"name\":\"node-1\",\"state\":\"proven\",\"way\":\"push\",\"model\":\"PowerEdge\","          \
    "\"firmware\":\"6.10\",\"last_event\":\"2026-11-21T09:00:00Z\",\"subscriptions_used\":1,"      \
    "\"proof\":{\"result\":\"proven\",\"latency_ms\":81.7}}"
#define BMC_ILL                                                                                    \
    "{\"name\":\"node-22\",\"state\":\"unreachable\",\"reason\":\"Connection refused\","           \
    "\"subscriptions_used\":0,\"proof\":{\"result\":\"failed\"}}"
#define HUNDRED                                                                                    \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "12345678"

typedef void (*table_fn)(const json_t *list, int64_t now_ns, bool wide, struct gn_buf *out);

static void shows_table(table_fn report, const char *text, bool wide, const char *want)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *list = json(text);

    report(list, now_ns(), wide, &out);
    is_harmless(&out, wide ? SIZE_MAX : GN_REPORT_BMC_COLUMNS);
    is_text(&out, want);
    json_decref(list);
}

static void bmcs_whose_certificates_are_not_looked_at_are_counted(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *list = json("{\"bmcs\":[{\"name\":\"a\",\"state\":\"proven\",\"tls\":\"off\"},"
                        "{\"name\":\"b\",\"state\":\"proven\",\"tls\":\"verify\"}]}");

    (void)state;
    gn_report_bmcs(list, now_ns(), false, &out);
    assert_true(gn_str_has_suffix(
        gn_buf_str(&out),
        GN_STR("2 BMCs: 2 proven\n1 with tls: off, whoever answers there is believed\n")));
    gn_buf_free(&out);
    json_decref(list);
}

static void bmcs_are_a_table_as_wide_as_what_is_in_it(void **state)
{
    (void)state;
    shows_table(
        gn_report_bmcs, "{\"bmcs\":[" BMC_WELL "," BMC_ILL "," BMC_WELL "]}", false,
        "NAME     STATE        WAY   MODEL      FIRMWARE  LAST EVENT   PROOF  SUBS  REASON\n"
        "node-1   proven       push  PowerEdge  6.10             42s   82 ms     1  -\n"
        "node-22  unreachable  -     -          -                  -  failed     0  "
        "Connection refused\n"
        "node-1   proven       push  PowerEdge  6.10             42s   82 ms     1  -\n"
        "3 BMCs: 2 proven, 1 unreachable\n");
    shows_table(gn_report_bmcs, "{\"bmcs\":[" BMC_ILL "]}", false,
                "NAME     STATE        WAY  MODEL  FIRMWARE  LAST EVENT   PROOF  SUBS  REASON\n"
                "node-22  unreachable  -    -      -                  -  failed     0  "
                "Connection refused\n"
                "1 BMC: 1 unreachable\n");
    shows_table(gn_report_bmcs, "{\"bmcs\":[]}", false, "no BMCs\n");
    shows_table(gn_report_bmcs, "7", true, "no BMCs\n");
    shows_table(gn_report_bmcs, "{\"bmcs\":[7]}", false,
                "NAME  STATE  WAY  MODEL  FIRMWARE  LAST EVENT  PROOF  SUBS  REASON\n"
                "-     -      -    -      -                  -      -     -  -\n"
                "1 BMC\n");
}

static void long_texts_of_bmcs_are_cut_unless_wide(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *list = json("{\"bmcs\":[{\"name\":\"n\",\"state\":\"auth\",\"model\":\"" HUNDRED
                        "\",\"firmware\":\"" HUNDRED "\",\"reason\":\"" HUNDRED "\"}]}");

    (void)state;
    gn_report_bmcs(list, now_ns(), false, &out);
    is_harmless(&out, GN_REPORT_BMC_COLUMNS);
    assert_non_null(strstr(out.data, "  01234567890123456...  0123456789012...  "));
    gn_buf_reset(&out);
    gn_report_bmcs(list, now_ns(), true, &out);
    assert_non_null(strstr(out.data, "  " HUNDRED "  " HUNDRED "  "));
    assert_non_null(strstr(out.data, "  " HUNDRED "\n"));
    json_decref(list);
    gn_buf_free(&out);
}

static void a_long_name_is_whole_and_leaves_room_for_the_reason(void **state)
{
    struct gn_buf out = GN_BUF_INIT;
    json_t *list = json("{\"bmcs\":[{\"name\":\"" HUNDRED "\",\"state\":\"auth\","
                        "\"reason\":\"the login was refused by it\"}]}");

    (void)state;
    gn_report_bmcs(list, now_ns(), false, &out);
    assert_non_null(strstr(out.data, "\n" HUNDRED "  auth  "));
    assert_non_null(strstr(out.data, "  the login was ref...\n"));
    json_decref(list);
    gn_buf_free(&out);
}

static void alarms_are_a_table_with_short_ids(void **state)
{
    static const char alarms[] =
        "{\"alarms\":[{\"id\":\"" ID "\",\"bmc\":\"node-1\",\"severity\":\"Critical\","
        "\"message_id\":\"Base.Hot\",\"message\":\"It is \\u001bhot.\",\"origin\":\"/x\","
        "\"raised\":\"2026-11-21T08:00:42Z\",\"last\":\"2026-11-21T09:00:00Z\",\"count\":2}]}";

    (void)state;
    shows_table(gn_report_alarms, alarms, false,
                "ID        SEVERITY  BMC     MESSAGE ID  RAISED  LAST  COUNT  MESSAGE\n"
                "6c9e7ab0  Critical  node-1  Base.Hot     1h00m   42s      2  It is \\x1bhot.\n"
                "1 alarm: 1 Critical\n");
    shows_table(gn_report_alarms, alarms, true,
                "ID                                    SEVERITY  BMC     MESSAGE ID  ORIGIN  RAISED"
                "  LAST  COUNT  MESSAGE\n" ID
                "  Critical  node-1  Base.Hot    /x       1h00m   42s      2  It is \\x1bhot.\n"
                "1 alarm: 1 Critical\n");
    shows_table(gn_report_alarms, "{}", false, "no alarms\n");
}

static void of_a_bmc_all_is_shown_that_is_known(void **state)
{
    static const char text[] =
        "{\"name\":\"n\",\"address\":\"https://192.0.2.7\",\"state\":\"degraded\","
        "\"since\":\"2026-11-21T09:00:00Z\",\"reason\":\"no \\u001broute\",\"origin\":\"api\","
        "\"events\":3,\"gap\":true,"
        "\"proof\":{\"result\":\"failed\",\"at\":\"2026-11-21T09:00:00Z\",\"reason\":\"lost\"},"
        "\"last_event\":\"2026-11-21T09:00:00Z\",\"logs\":[{\"uri\":\"/l/1\",\"read_to\":\"9\"},"
        "{\"uri\":\"/l/2\"}],\"settings\":{\"name\":\"n\"}}";
    struct gn_buf out = GN_BUF_INIT;
    json_t *bmc = json(text);

    (void)state;
    gn_report_bmc(bmc, now_ns(), &out);
    is_harmless(&out, 100);
    is_text(&out, "name          n\n"
                  "address       https://192.0.2.7\n"
                  "from          api\n"
                  "state         degraded since 2026-11-21T09:00:00Z (42s ago)\n"
                  "reason        no \\x1broute\n"
                  "proof         failed (42s ago): lost\n"
                  "last event    2026-11-21T09:00:00Z (42s ago)\n"
                  "events        3\n"
                  "gap           yes\n"
                  "logs          /l/1, read to entry 9\n"
                  "              /l/2\n"
                  "\n"
                  "settings\n"
                  "{\n"
                  "  \"name\": \"n\"\n"
                  "}\n");
    json_decref(bmc);
}

static void the_status_has_bmcs_and_alarms_where_there_are_any(void **state)
{
    static const struct {
        const char *status, *want;
    } rows[] = {
        {"{\"bmcs\":{\"count\":3,\"wrong\":0,\"states\":{\"new\":0,\"proven\":2,\"auth\":1}}}",
         "\nBMCs          3, 2 proven, 1 auth\n"},
        {"{\"bmcs\":{\"count\":0,\"wrong\":2}}", "\nBMCs          0, 2 wrong in the inventory\n"},
        {"{\"alarms\":{\"critical\":0,\"warning\":2}}", "\nalarms        0 critical, 2 warning\n"},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;
        json_t *status = json(rows[i].status);

        gn_report_status(status, now_ns(), false, &out);
        is_harmless(&out, GN_REPORT_COLUMNS);
        if (strstr(out.data, rows[i].want) == NULL)
            fail_msg("%s is not in:\n%s", rows[i].want, out.data);
        json_decref(status);
        gn_buf_free(&out);
    }
}

#endif
