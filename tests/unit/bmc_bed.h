/* The fleet of BMCs for tests: a loop whose clock the test drives, fakes of BMCs (bmc_fake.h), and
 * what is above the fleet as functions that record what they were told. */
#ifndef GN_TESTS_BMC_BED_H
#define GN_TESTS_BMC_BED_H

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bmc_fake.h"
#include "bmcs_priv.h"
#include "driven_clock.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/file.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"
#include "logs_priv.h"

#define FAKES_MAX  4
#define TAKEN_MAX  400
#define TOLD_MAX   128
#define WAIT_MS    8000
#define RESYNC_MS  300000U
#define SIGN_MS    12500U /* by then a sign has led to a round */
#define PROOF_MS   5000U
#define SECRET_HDR "geheimes-wort-77"
#define PASSWORD   "hunter2-geheim"

/* ---- the bed ---- */

enum settle_how { SETTLE_DURABLE, SETTLE_LOST, SETTLE_HELD, SETTLE_NO_MEMORY };

struct settle_one {
    gn_bmcs_settled_fn fn;
    void *ctx;
    bool is_durable;
    struct gn_defer defer;
    struct bed *bed;
    TAILQ_ENTRY(settle_one) link;
};

struct told {
    char bmc[64], key[40], arg[300];
    const char *severity;
};

struct taken {
    char bmc[64], text[200];
    enum gn_bmcs_way way;
};

struct bed {
    struct gn_loop *loop;
    struct gn_http_client *http;
    struct gn_bmcs *fleet;
    struct gn_metrics *metrics;
    struct fake *fakes[FAKES_MAX];
    size_t fake_count;
    char folder[64];
    json_t *registry; /* gurnard's own */

    struct gn_bmcs_config config;
    bool has_secret_headers;
    const char *problem;

    enum settle_how settles;
    TAILQ_HEAD(, settle_one) settlings;
    unsigned settled;
    const char *never_came; /* what of the logs is not known otherwise; NULL: all of them are */
    unsigned later;         /* how many takes are refused for want of room */
    struct taken taken[TAKEN_MAX];
    unsigned taken_count, known_count;
    struct told told[TOLD_MAX];
    unsigned told_count;
    unsigned pushed;  /* events by push that went further */
    unsigned answers; /* events by push that were ours */
    unsigned loads;   /* of registries */
    unsigned stopped, proofs;
    struct gn_bmcs_proof proof;
    char proof_reason[300];
};

/* ---- hooks ---- */

static void add_part(struct gn_str body, const char *name, char *out, size_t size)
{
    const char *at = memmem(body.p, body.len, name, strlen(name));

    if (at != NULL)
        snprintf(out, size, "%.*s", (int)strcspn(at + strlen(name), "\""), at + strlen(name));
}

static bool on_knows(void *ctx, const char *bmc, struct gn_str body)
{
    const struct bed *bed = ctx;

    (void)bmc;
    return bed->never_came == NULL ||
           memmem(body.p, body.len, bed->never_came, strlen(bed->never_came)) == NULL;
}

static enum gn_bmcs_taken on_take(void *ctx, const char *bmc, enum gn_bmcs_way way,
                                  struct gn_str body)
{
    struct bed *bed = ctx;
    struct taken taken = {.way = way};

    if (bed->later > 0) {
        bed->later--;
        return GN_BMCS_LATER;
    }
    snprintf(taken.bmc, sizeof(taken.bmc), "%s", bmc);
    add_part(body, "\"Message\":\"", taken.text, sizeof(taken.text));
    for (unsigned i = 0; i < bed->taken_count; i++)
        if (strcmp(bed->taken[i].text, taken.text) == 0 &&
            strcmp(bed->taken[i].bmc, taken.bmc) == 0) {
            bed->known_count++;
            return GN_BMCS_KNOWN;
        }
    assert_true(bed->taken_count < TAKEN_MAX);
    bed->taken[bed->taken_count++] = taken;
    return GN_BMCS_TAKEN;
}

static void on_settle_now(void *ctx)
{
    struct settle_one *one = ctx;

    TAILQ_REMOVE(&one->bed->settlings, one, link);
    one->bed->settled++;
    one->fn(one->ctx, one->is_durable);
    free(one);
}

static bool on_settle(void *ctx, gn_bmcs_settled_fn fn, void *fn_ctx)
{
    struct bed *bed = ctx;
    struct settle_one *one;

    if (bed->settles == SETTLE_NO_MEMORY)
        return false;
    one = calloc(1, sizeof(*one));
    assert_non_null(one);
    *one = (struct settle_one){
        .fn = fn, .ctx = fn_ctx, .bed = bed, .is_durable = bed->settles == SETTLE_DURABLE};
    TAILQ_INSERT_TAIL(&bed->settlings, one, link);
    if (bed->settles != SETTLE_HELD)
        gn_defer_call(bed->loop, &one->defer, on_settle_now, one);
    return true;
}

static void release_first_settling(struct bed *bed, bool is_durable)
{
    struct settle_one *one = TAILQ_FIRST(&bed->settlings);

    assert_non_null(one);
    one->is_durable = is_durable;
    gn_defer_call(bed->loop, &one->defer, on_settle_now, one);
}

/* Ends all that was held back. */
static void release_settlings(struct bed *bed, bool is_durable)
{
    struct settle_one *one;

    TAILQ_FOREACH (one, &bed->settlings, link) {
        one->is_durable = is_durable;
        gn_defer_call(bed->loop, &one->defer, on_settle_now, one);
    }
}

static void on_tell(void *ctx, const struct gn_bmcs_news *news)
{
    struct bed *bed = ctx;
    const json_t *message = json_object_get(json_object_get(bed->registry, "Messages"), news->key);
    struct told *told = &bed->told[bed->told_count++];
    int args = 0;

    assert_true(bed->told_count < TOLD_MAX);
    while (args < 3 && news->args[args] != NULL)
        args++;
    if (message == NULL)
        fail_msg("told %s, which is in no registry", news->key);
    if (json_integer_value(json_object_get(message, "NumberOfArgs")) != args)
        fail_msg("told %s with %d arguments", news->key, args);
    assert_string_equal(news->severity,
                        json_string_value(json_object_get(message, "MessageSeverity")));
    assert_string_equal(news->args[0], news->bmc);
    snprintf(told->bmc, sizeof(told->bmc), "%s", news->bmc);
    snprintf(told->key, sizeof(told->key), "%s", news->key);
    snprintf(told->arg, sizeof(told->arg), "%s", args > 1 ? news->args[1] : "");
    told->severity = news->severity;
}

static void on_registries(void *ctx)
{
    ((struct bed *)ctx)->loads++;
}

static unsigned count_told(const struct bed *bed, const char *key)
{
    unsigned count = 0;

    for (unsigned i = 0; i < bed->told_count; i++)
        count += strcmp(bed->told[i].key, key) == 0;
    return count;
}

/* ---- time ---- */

static void turn(struct bed *bed)
{
    assert_int_equal(gn_loop_turn(bed->loop, 1), GN_OK);
}

static bool is_idle(const struct bed *bed)
{
    return bed->fleet == NULL || (gn_bmc_client_active(bed->fleet->client) == 0 &&
                                  gn_bmc_client_waiting(bed->fleet->client) == 0);
}

/* Until nothing is under way that would still come by itself. */
static void quiet(struct bed *bed)
{
    unsigned idle = 0;
    uint64_t until_ms = gn_clock_mono_ms() + WAIT_MS;

    while (idle < 12) {
        turn(bed);
        idle = is_idle(bed) ? idle + 1 : 0;
        assert_true(gn_clock_mono_ms() < until_ms);
    }
}

/* Until something that a helper thread does has come about. */
static void wait_for(struct bed *bed, const unsigned *value, unsigned want)
{
    uint64_t until_ms = gn_clock_mono_ms() + WAIT_MS;

    while (*value < want) {
        turn(bed);
        assert_true(gn_clock_mono_ms() < until_ms);
    }
}

/* Lets time pass. */
static void pass(struct bed *bed, uint32_t ms)
{
    clock_skew_ms += ms;
    quiet(bed);
}

/* The next look, with nothing to be remembered of requests before. */
static void resync(struct bed *bed)
{
    for (size_t i = 0; i < bed->fake_count; i++)
        fake_forget_seen(bed->fakes[i]);
    pass(bed, RESYNC_MS * 11 / 10 + 1000);
}

/* ---- pushes ---- */

static void on_push(void *ctx, struct fake *fake, const char *url, struct gn_str body)
{
    struct bed *bed = ctx;
    const char *at = strstr(url, "/webhook/");
    struct gn_str name;
    struct gn_str token;

    (void)fake;
    if (bed->fleet == NULL || at == NULL)
        return;
    at += strlen("/webhook/");
    name = (struct gn_str){at, strcspn(at, "/")};
    token = gn_str_of(at + name.len + 1);
    if (!gn_str_eq(gn_bmcs_token(bed->fleet, name), token))
        return;
    if (gn_bmcs_on_push(bed->fleet, name, body))
        bed->answers++;
    else
        bed->pushed++;
}

/* ---- the fleet ---- */

static struct fake *add_fake(struct bed *bed)
{
    struct fake *fake = fake_new(bed->loop, on_push, bed);

    bed->fakes[bed->fake_count++] = fake;
    return fake;
}

static void start(struct bed *bed)
{
    const struct gn_bmcs_hooks hooks = {.take = on_take,
                                        .knows = on_knows,
                                        .settle = on_settle,
                                        .tell = on_tell,
                                        .registries = on_registries,
                                        .ctx = bed};
    static char registries[96];

    snprintf(registries, sizeof(registries), "%s/registries", bed->folder);
    bed->config.folder = bed->folder;
    bed->config.registry_folder = registries;
    bed->config.metrics = bed->metrics;
    bed->fleet = gn_bmcs_new(bed->loop, bed->http, &bed->config, &hooks);
    assert_non_null(bed->fleet);
}

static void on_stopped(void *ctx)
{
    ((struct bed *)ctx)->stopped++;
}

static void stop(struct bed *bed)
{
    gn_bmcs_free(bed->fleet);
    bed->fleet = NULL;
    while (gn_http_client_active(bed->http) > 0)
        turn(bed);
}

/* As if the daemon were started again. */
static void restart(struct bed *bed)
{
    stop(bed);
    start(bed);
}

static void complain(void *ctx, const char *where, const char *what)
{
    (void)ctx;
    fail_msg("%s: %s", where, what);
}

/* The inventory is entries, the inside of a JSON list; %0 to %3 stand for the bases of the fakes.
 */
static void apply_only(struct bed *bed, const char *entries)
{
    static const char *const names[] = {"X-Secret"};
    static const char *const values[] = {SECRET_HDR};
    const struct gn_bmc_defaults defaults = {.tls = GN_BMC_TLS_OFF};
    struct gn_bmc_list list = {0};
    struct gn_bmcs_secret secrets[FAKES_MAX + 1];
    struct gn_buf text = GN_BUF_INIT;
    json_t *value;

    gn_buf_putc(&text, '[');
    for (const char *c = entries; *c != '\0'; c++) {
        if (*c == '%')
            gn_buf_puts(&text, bed->fakes[*++c - '0']->base);
        else
            gn_buf_putc(&text, *c);
    }
    gn_buf_putc(&text, ']');
    value = json_loadb(text.data, text.len, 0, NULL);
    assert_non_null(value);
    assert_int_equal(gn_bmc_list_read(&list, value, &defaults, GN_BMC_FROM_SETTINGS, NULL, "test",
                                      complain, NULL),
                     GN_OK);
    gn_bmc_list_settle(&list, complain, NULL);
    for (size_t i = 0; i < list.count; i++)
        secrets[i] = (struct gn_bmcs_secret){.user = GN_STR("root"),
                                             .password = GN_STR(PASSWORD),
                                             .problem = bed->problem,
                                             .header_names = names,
                                             .header_values = values,
                                             .header_count = bed->has_secret_headers};
    assert_int_equal(gn_bmcs_apply(bed->fleet, &list, secrets), GN_OK);
    gn_bmc_list_free(&list);
    json_decref(value);
    gn_buf_free(&text);
}

static void apply(struct bed *bed, const char *entries)
{
    apply_only(bed, entries);
    quiet(bed);
}

#define ONE            "{\"name\":\"b1\",\"address\":\"%0\"}"
#define ONE_WITH(more) "{\"name\":\"b1\",\"address\":\"%0\"," more "}"

static struct gn_bmc *bmc_of(const struct bed *bed, const char *name)
{
    struct gn_bmc *bmc = NULL;

    HASH_FIND_STR(bed->fleet->bmcs, name, bmc);
    assert_non_null(bmc);
    return bmc;
}

static void expect_state(const struct bed *bed, const char *state)
{
    const struct gn_bmc *bmc = bmc_of(bed, "b1");

    if (strcmp(gn_bmc_state_name(bmc->state), state) != 0)
        fail_msg("state is %s (%s), not %s", gn_bmc_state_name(bmc->state), bmc->reason, state);
}

static void on_proof(void *ctx, const struct gn_bmcs_proof *proof)
{
    struct bed *bed = ctx;

    bed->proofs++;
    bed->proof = *proof;
    snprintf(bed->proof_reason, sizeof(bed->proof_reason), "%s", proof->reason);
}

/* ---- life ---- */

static int remove_path(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int set_up(void **state)
{
    static const struct gn_http_client_config config = {.max_idle_connections = 50,
                                                        .connect_timeout_ms = 3000,
                                                        .user_agent = "gurnard-test/1"};
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    gn_log_init(getenv("BMCS_LOG") != NULL ? GN_LOG_DEBUG : GN_LOG_ERROR, GN_LOG_TEXT, 2);
    TAILQ_INIT(&bed->settlings);
    snprintf(bed->folder, sizeof(bed->folder), "/tmp/gurnard-bmcs-XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    bed->registry = json_load_file(GN_SOURCE_DIR "/registries/Gurnard.1.0.0.json", 0, NULL);
    assert_non_null(bed->registry);
    bed->loop = gn_loop_new(NULL);
    bed->http = gn_http_client_new(bed->loop, &config);
    bed->metrics = gn_metrics_new();
    assert_true(bed->loop != NULL && bed->http != NULL && bed->metrics != NULL);
    bed->config = (struct gn_bmcs_config){.webhook_url = "http://198.51.100.7:9000/",
                                          .webhook_port = 9000,
                                          .resync_ms = RESYNC_MS,
                                          .proof_timeout_ms = PROOF_MS,
                                          .concurrency = 8,
                                          .timeout_ms = 600000,
                                          .lockout_ms = 600000,
                                          .fetches_registries = true,
                                          .registry_language = "en"};
    add_fake(bed);
    start(bed);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    struct settle_one *one;

    if (bed->fleet != NULL)
        stop(bed);
    while ((one = TAILQ_FIRST(&bed->settlings)) != NULL) {
        gn_defer_cancel(&one->defer); /* the fleet is gone: told all the same */
        on_settle_now(one);
    }
    for (size_t i = 0; i < bed->fake_count; i++)
        gn_http_server_free(bed->fakes[i]->server);
    for (int i = 0; i < 4; i++)
        turn(bed);
    for (size_t i = 0; i < bed->fake_count; i++)
        free(bed->fakes[i]);
    gn_http_client_free(bed->http);
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    json_decref(bed->registry);
    nftw(bed->folder, remove_path, 16, FTW_DEPTH | FTW_PHYS);
    free(bed);
    return 0;
}

#endif
