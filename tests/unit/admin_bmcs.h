/* The admin API's part on BMCs and alarms: a fleet whose BMCs cannot be reached, and an inventory
 * that the test plays. Included by test_admin.c behind its helpers. */
#ifndef GN_TESTS_ADMIN_BMCS_H
#define GN_TESTS_ADMIN_BMCS_H

#include "gurnard/bmc/health.h"

/* What the inventory was asked for last, and how it is to answer. */
struct played {
    struct gn_loop *loop;
    struct gn_bmc_list list;
    enum gn_err at_once;    /* what put and remove return */
    enum gn_err in_the_end; /* how the edit ends */
    bool holds;             /* the edit does not end by itself */
    struct gn_defer end;
    gn_admin_edited_fn done;
    void *done_ctx;
    unsigned edits;
    bool may_replace;
    char name[64];    /* of the entry */
    char address[64]; /* likewise; "" for a removal */
};

struct fleet_bed {
    struct bed *bed;
    struct gn_bmcs *bmcs;
    struct gn_alarms *alarms;
    struct played played;
};

/* ---- the inventory ---- */

static const struct gn_bmc_list *played_list(void *ctx)
{
    const struct played *played = ctx;

    return &played->list;
}

static size_t played_wrong(void *ctx)
{
    (void)ctx;
    return 7;
}

static void end_played(void *ctx)
{
    struct played *played = ctx;

    played->done(played->done_ctx, played->in_the_end);
}

static enum gn_err begin_played(struct played *played, gn_admin_edited_fn done, void *done_ctx)
{
    played->edits++;
    if (played->at_once != GN_OK)
        return played->at_once;
    played->done = done;
    played->done_ctx = done_ctx;
    if (!played->holds)
        gn_defer_call(played->loop, &played->end, end_played, played);
    return GN_OK;
}

static enum gn_err played_put(void *ctx, const json_t *entry, bool may_replace,
                              gn_admin_edited_fn done, void *done_ctx, struct gn_buf *why)
{
    struct played *played = ctx;
    const char *name = json_string_value(json_object_get(entry, "name"));
    const char *address = json_string_value(json_object_get(entry, "address"));

    played->may_replace = may_replace;
    (void)snprintf(played->name, sizeof played->name, "%s", name == NULL ? "" : name);
    (void)snprintf(played->address, sizeof played->address, "%s", address == NULL ? "" : address);
    if (played->at_once == GN_EINVAL)
        gn_buf_puts(why, "address: is \"missing\"");
    return begin_played(played, done, done_ctx);
}

static enum gn_err played_remove(void *ctx, struct gn_str name, gn_admin_edited_fn done,
                                 void *done_ctx)
{
    struct played *played = ctx;

    (void)snprintf(played->name, sizeof played->name, "%.*s", (int)name.len, name.p);
    played->address[0] = '\0';
    return begin_played(played, done, done_ctx);
}

/* ---- the fleet ---- */

static enum gn_bmcs_taken fleet_take(void *ctx, const char *bmc, enum gn_bmcs_way way,
                                     struct gn_str body)
{
    (void)ctx;
    (void)bmc;
    (void)way;
    (void)body;
    return GN_BMCS_TAKEN;
}

static bool fleet_settle(void *ctx, gn_bmcs_settled_fn fn, void *fn_ctx)
{
    (void)ctx;
    (void)fn;
    (void)fn_ctx;
    return false;
}

static void fleet_tell(void *ctx, const struct gn_bmcs_news *news)
{
    (void)ctx;
    (void)news;
}

static void fleet_registries(void *ctx)
{
    (void)ctx;
}

static void complain(void *ctx, const char *where, const char *what)
{
    (void)ctx;
    fail_msg("%s: %s", where, what);
}

static void read_list(struct gn_bmc_list *list, const char *text, enum gn_bmc_origin origin)
{
    const struct gn_bmc_defaults defaults = {.proves = true};
    json_t *value = json_loads(text, 0, NULL);

    assert_non_null(value);
    assert_int_equal(gn_bmc_list_read(list, value, &defaults, origin, NULL, "test", complain, NULL),
                     GN_OK);
    json_decref(value);
}

/* Three that nobody answers for: nothing listens on port 1. */
static void fill_fleet(struct fleet_bed *fleet)
{
    struct gn_bmcs_secret secrets[3];

    read_list(&fleet->played.list,
              "[{\"name\":\"c\",\"address\":\"http://127.0.0.1:1\"},"
              "{\"name\":\"b\",\"address\":\"http://127.0.0.1:1\"}]",
              GN_BMC_FROM_SETTINGS);
    read_list(&fleet->played.list,
              "{\"name\":\"a\",\"address\":\"http://127.0.0.1:1\",\"username\":\"root\"}",
              GN_BMC_FROM_API);
    gn_bmc_list_settle(&fleet->played.list, complain, NULL);
    for (size_t i = 0; i < GN_LEN(secrets); i++)
        secrets[i] = (struct gn_bmcs_secret){.user = GN_STR("root"), .password = GN_STR("hunter2")};
    assert_int_equal(gn_bmcs_apply(fleet->bmcs, &fleet->played.list, secrets), GN_OK);
}

/* The bed's admin API gives way to one that has BMCs. */
static void give_bmcs(struct fleet_bed *fleet)
{
    struct bed *bed = fleet->bed;
    const struct gn_admin_parts parts = {
        .loop = bed->loop,
        .relay = bed->relay,
        .outbox = bed->outbox,
        .journal = bed->journal,
        .letters = bed->letters,
        .quarantine = bed->quarantine,
        .ops = &bed->ops,
        .node = "n1",
        .bmcs = fleet->bmcs,
        .inventory = {.list = played_list,
                      .wrong = played_wrong,
                      .put = played_put,
                      .remove = played_remove,
                      .ctx = &fleet->played},
        .alarms = fleet->alarms,
    };

    gn_admin_free(bed->admin);
    bed->admin = gn_admin_new(&parts);
    assert_non_null(bed->admin);
    bed->ops.further_ctx = bed->admin;
}

static int fleet_setup(void **state)
{
    static const struct gn_bmcs_hooks hooks = {.take = fleet_take,
                                               .settle = fleet_settle,
                                               .tell = fleet_tell,
                                               .registries = fleet_registries};
    struct fleet_bed *fleet = calloc(1, sizeof *fleet);
    char folder[96];
    struct gn_bmcs_config config = {.folder = folder,
                                    .webhook_url = "http://127.0.0.1:9",
                                    .resync_ms = 3600000,
                                    .proof_timeout_ms = 1000,
                                    .concurrency = 4,
                                    .timeout_ms = 2000};

    assert_non_null(fleet);
    fleet->bed = open_bed(&bed_plain);
    fleet->played.loop = fleet->bed->loop;
    (void)snprintf(folder, sizeof folder, "%s/bmcs", fleet->bed->folder);
    fleet->bmcs = gn_bmcs_new(fleet->bed->loop, fleet->bed->client, &config, &hooks);
    fleet->alarms = gn_alarms_new(NULL);
    assert_non_null(fleet->bmcs);
    assert_non_null(fleet->alarms);
    give_bmcs(fleet);
    fill_fleet(fleet);
    *state = fleet;
    return 0;
}

static int fleet_teardown(void **state)
{
    struct fleet_bed *fleet = *state;

    gn_admin_stop(fleet->bed->admin);
    gn_bmcs_free(fleet->bmcs);
    gn_alarms_free(fleet->alarms);
    gn_bmc_list_free(&fleet->played.list);
    bed_free(fleet->bed);
    free(fleet);
    return 0;
}

/* ---- helpers ---- */

static void raise_alarm(struct fleet_bed *fleet, const char *bmc, const char *key,
                        enum gn_severity severity)
{
    gn_alarms_note(fleet->alarms, &(struct gn_alarm_note){
                                      .bmc = gn_str_of(bmc),
                                      .registry = GN_STR("Base"),
                                      .key = gn_str_of(key),
                                      .origin = GN_STR("/redfish/v1/Chassis/1"),
                                      .message = GN_STR("it is hot"),
                                      .event_id = GN_STR("e1"),
                                      .severity = severity,
                                      .time_ns = 1795232970500000000,
                                  });
}

static long long in_state(struct bed *bed, const char *state)
{
    json_t *root = ask(bed, "GET", ADMIN "status", NULL, 200);
    long long count = number_of(json_object_get(json_object_get(root, "bmcs"), "states"), state);

    json_decref(root);
    return count;
}

static void wait_unreachable(struct bed *bed)
{
    uint64_t end_ms = gn_clock_mono_ms() + GIVE_UP_MS;

    while (in_state(bed, "unreachable") != 3)
        assert_true(gn_clock_mono_ms() < end_ms);
}

/* ---- looking ---- */

static void bmcs_are_listed_by_name_and_shown_without_their_secrets(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    struct fleet_bed *fleet = *state;
    json_t *root = ask(fleet->bed, "GET", ADMIN "bmcs", NULL, 200);
    const json_t *list = json_object_get(root, "bmcs");

    assert_int_equal(json_array_size(list), GN_LEN(names));
    for (size_t i = 0; i < GN_LEN(names); i++)
        assert_string_equal(text_of(json_array_get(list, i), "name"), names[i]);
    assert_null(strstr(fleet->bed->asker.body, "hunter2"));
    json_decref(root);
    root = ask(fleet->bed, "GET", ADMIN "bmcs/a", NULL, 200);
    assert_string_equal(text_of(root, "origin"), "api");
    assert_string_equal(text_of(json_object_get(root, "settings"), "username"), "root");
    assert_null(strstr(fleet->bed->asker.body, "hunter2"));
    json_decref(root);
    assert_error(fleet->bed, "GET", ADMIN "bmcs/d", NULL, 404);
}

static void the_status_counts_bmcs_and_alarms(void **state)
{
    struct fleet_bed *fleet = *state;
    json_t *root;
    const json_t *bmcs, *alarms;

    wait_unreachable(fleet->bed);
    raise_alarm(fleet, "a", "Hot", GN_SEVERITY_CRITICAL);
    raise_alarm(fleet, "a", "Warm", GN_SEVERITY_WARNING);
    raise_alarm(fleet, "b", "Warm", GN_SEVERITY_WARNING);
    root = ask(fleet->bed, "GET", ADMIN "status", NULL, 200);
    bmcs = json_object_get(root, "bmcs");
    alarms = json_object_get(root, "alarms");
    assert_int_equal(number_of(bmcs, "count"), 3);
    assert_int_equal(number_of(bmcs, "wrong"), 7);
    assert_int_equal(json_object_size(json_object_get(bmcs, "states")), GN_BMC_STATES);
    assert_int_equal(number_of(json_object_get(bmcs, "states"), "proven"), 0);
    assert_int_equal(number_of(alarms, "critical"), 1);
    assert_int_equal(number_of(alarms, "warning"), 2);
    json_decref(root);
}

static void a_daemon_without_bmcs_has_none(void **state)
{
    static const struct {
        const char *method, *path, *body;
        int status;
    } rows[] = {
        {"GET", "bmcs", NULL, 200},           {"GET", "bmcs/a", NULL, 404},
        {"POST", "bmcs/a/test", NULL, 404},   {"POST", "bmcs/a/resync", NULL, 404},
        {"DELETE", "bmcs/a", NULL, 404},      {"GET", "alarms", NULL, 200},
        {"DELETE", "alarms/x", NULL, 404},    {"GET", "alarms?bmc=a", NULL, 200},
        {"GET", "alarms?bmc=", NULL, 400},    {"GET", "alarms?bmc=a&bmc=b", NULL, 400},
        {"GET", "alarms?bmc=%zz", NULL, 400}, {"GET", "alarms?limit=1", NULL, 400},
        {"DELETE", "bmcs", NULL, 405},        {"GET", "bmcs/a/test", NULL, 405},
        {"PUT", "bmcs", "{}", 405},           {"POST", "bmcs/a", "{}", 405},
        {"DELETE", "alarms", NULL, 405},      {"GET", "bmcs/", NULL, 404},
        {"GET", "bmcs?x", NULL, 400},         {"POST", "bmcs", "{\"name\":\"a\"}", 503},
    };
    char path[64];

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        (void)snprintf(path, sizeof path, ADMIN "%s", rows[i].path);
        json_decref(ask(*state, rows[i].method, path, rows[i].body, rows[i].status));
    }
}

/* ---- edits ---- */

static void a_bmc_is_added_replaced_and_removed(void **state)
{
    struct fleet_bed *fleet = *state;
    struct played *played = &fleet->played;

    (void)bed_ask(fleet->bed, "POST", ADMIN "bmcs", "{\"name\":\"new\",\"address\":\"x\"}");
    assert_json_answer(fleet->bed, 201, "{\"name\":\"new\"}");
    assert_false(played->may_replace);
    assert_string_equal(played->name, "new");
    assert_string_equal(played->address, "x");
    (void)bed_ask(fleet->bed, "PUT", ADMIN "bmcs/other", "{\"address\":\"y\"}");
    assert_json_answer(fleet->bed, 201, "{\"name\":\"other\"}");
    assert_true(played->may_replace);
    assert_string_equal(played->name, "other");
    assert_string_equal(played->address, "y");
    (void)bed_ask(fleet->bed, "PUT", ADMIN "bmcs/b", "{\"name\":\"b\",\"address\":\"z\"}");
    assert_json_answer(fleet->bed, 200, "{\"name\":\"b\"}");
    assert_count(fleet->bed, "DELETE", ADMIN "bmcs/a", NULL, 200, "removed", 1);
    assert_string_equal(played->name, "a");
    assert_int_equal(played->edits, 4);
}

static void an_edit_that_makes_no_sense_does_not_reach_the_inventory(void **state)
{
    static const struct {
        const char *method, *path, *body, *said;
        int status;
    } rows[] = {
        {"POST", "bmcs", NULL, "no JSON object", 400},
        {"POST", "bmcs", "[]", "no JSON object", 400},
        {"POST", "bmcs", "{", "no JSON object", 400},
        {"POST", "bmcs", "{\"name\":\"a\"}", "from the admin API", 409},
        {"POST", "bmcs", "{\"name\":\"b\"}", "from the settings", 409},
        {"PUT", "bmcs/a", "7", "no JSON object", 400},
        {"PUT", "bmcs/a", "{\"name\":\"b\"}", "another than in the path", 400},
        {"PUT", "bmcs/%ff", "{\"address\":\"b\"}", "must be a text", 400},
        {"DELETE", "bmcs/b", NULL, "comes from the settings", 409},
    };
    struct fleet_bed *fleet = *state;
    char path[64];

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        json_t *root;

        (void)snprintf(path, sizeof path, ADMIN "%s", rows[i].path);
        root = ask(fleet->bed, rows[i].method, path, rows[i].body, rows[i].status);
        if (strstr(text_of(root, "error"), rows[i].said) == NULL)
            fail_msg("%s %s: %s", rows[i].method, path, fleet->bed->asker.body);
        json_decref(root);
    }
    assert_int_equal(fleet->played.edits, 0);
}

static void how_an_edit_ends_decides_the_answer(void **state)
{
    static const struct {
        enum gn_err at_once, in_the_end;
        int status;
    } rows[] = {
        {GN_EINVAL, GN_OK, 400}, {GN_ECANCELED, GN_OK, 503}, {GN_ENOMEM, GN_OK, 503},
        {GN_OK, GN_EEXIST, 409}, {GN_OK, GN_ELIMIT, 409},    {GN_OK, GN_EIO, 500},
        {GN_OK, GN_EPARSE, 500}, {GN_OK, GN_ENOMEM, 503},    {GN_OK, GN_OK, 201},
    };
    struct fleet_bed *fleet = *state;

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        fleet->played.at_once = rows[i].at_once;
        fleet->played.in_the_end = rows[i].in_the_end;
        json_decref(ask(fleet->bed, "POST", ADMIN "bmcs", "{\"name\":\"n\"}", rows[i].status));
        if (rows[i].at_once == GN_EINVAL)
            assert_json_answer(fleet->bed, 400, "{\"error\":\"address: is \\\"missing\\\"\"}");
    }
    fleet->played.in_the_end = GN_ENOTFOUND;
    assert_error(fleet->bed, "DELETE", ADMIN "bmcs/n", NULL, 404);
    fleet->played.at_once = GN_ECANCELED;
    assert_error(fleet->bed, "DELETE", ADMIN "bmcs/a", NULL, 503);
}

static void who_waits_for_an_edit_is_put_off_when_it_stops(void **state)
{
    struct fleet_bed *fleet = *state;

    fleet->played.holds = true;
    asker_start(fleet->bed, &fleet->bed->asker, "POST", ADMIN "bmcs", "",
                GN_STR("{\"name\":\"n\"}"));
    bed_wait_pending(fleet->bed, 1);
    stop_while_waiting(fleet->bed);
    end_played(&fleet->played); /* on disk nevertheless; nobody asks any more */
}

/* ---- testing ---- */

static void a_test_of_a_bmc_says_why_it_failed(void **state)
{
    struct fleet_bed *fleet = *state;
    json_t *root;

    wait_unreachable(fleet->bed);
    root = ask(fleet->bed, "POST", ADMIN "bmcs/a/test", NULL, 200);
    assert_true(json_is_false(json_object_get(root, "proven")));
    assert_true(strlen(text_of(root, "reason")) > 0);
    json_decref(root);
    assert_error(fleet->bed, "POST", ADMIN "bmcs/d/test", NULL, 404);
}

static void a_bmc_is_looked_at_when_asked_for(void **state)
{
    struct fleet_bed *fleet = *state;

    (void)bed_ask(fleet->bed, "POST", ADMIN "bmcs/a/resync", NULL);
    assert_json_answer(fleet->bed, 202, "{\"name\":\"a\"}");
    assert_error(fleet->bed, "POST", ADMIN "bmcs/d/resync", NULL, 404);
}

/* ---- alarms ---- */

static void alarms_are_listed_by_bmc_and_ended_by_hand(void **state)
{
    struct fleet_bed *fleet = *state;
    char path[128];
    json_t *root;
    const json_t *list;

    raise_alarm(fleet, "a", "Warm", GN_SEVERITY_WARNING);
    raise_alarm(fleet, "b", "Hot", GN_SEVERITY_CRITICAL);
    root = ask(fleet->bed, "GET", ADMIN "alarms", NULL, 200);
    list = json_object_get(root, "alarms");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(text_of(json_array_get(list, 0), "bmc"), "b");
    json_decref(root);
    root = ask(fleet->bed, "GET", ADMIN "alarms?bmc=%61", NULL, 200);
    list = json_object_get(root, "alarms");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text_of(json_array_get(list, 0), "message_id"), "Base.Warm");
    (void)snprintf(path, sizeof path, ADMIN "alarms/%s", text_of(json_array_get(list, 0), "id"));
    json_decref(root);
    assert_count(fleet->bed, "DELETE", path, NULL, 200, "removed", 1);
    assert_error(fleet->bed, "DELETE", path, NULL, 404);
    (void)bed_ask(fleet->bed, "GET", ADMIN "alarms?bmc=a", NULL);
    assert_json_answer(fleet->bed, 200, "{\"alarms\":[]}");
    assert_int_equal(gn_alarms_count(fleet->alarms, GN_STR_NONE).critical, 1);
}

#endif
