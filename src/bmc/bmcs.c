/* The set of BMCs: follows the inventory, passes on what comes from above, ends in order. */
#define HASH_NONFATAL_OOM 1 /* a BMC without memory is reported; the others go on */
#include "bmcs_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"

/* ---- finding ---- */

static struct gn_bmc *find(const struct gn_bmcs *fleet, struct gn_str name)
{
    struct gn_bmc *bmc = NULL;

    if (name.len > 0)
        HASH_FIND(hh, fleet->bmcs, name.p, name.len, bmc);
    return bmc;
}

bool gn_bmcs_has(const struct gn_bmcs *fleet, struct gn_str bmc)
{
    return find(fleet, bmc) != NULL;
}

struct gn_str gn_bmcs_token(const struct gn_bmcs *fleet, struct gn_str name)
{
    const struct gn_bmc *bmc = find(fleet, name);

    if (bmc == NULL || bmc->spec.way == GN_BMC_WAY_NONE || bmc->spec.way == GN_BMC_WAY_SSE)
        return GN_STR_NONE; /* what it pushes it was told by somebody else */
    return gn_str_of(bmc->token);
}

uint32_t gn_bmcs_count(const struct gn_bmcs *fleet)
{
    return HASH_COUNT(fleet->bmcs);
}

/* ---- coming and going ---- */

/* It comes back before it has left: what it has on the BMC is adopted instead of taken back. */
static void drop_leaving(struct gn_bmcs *fleet, const struct gn_bmc_spec *spec)
{
    struct gn_bmc *bmc;

    TAILQ_FOREACH (bmc, &fleet->leaving, link_leaving)
        if (strcmp(bmc->spec.name, spec->name) == 0 &&
            strcmp(bmc->spec.address.base, spec->address.base) == 0)
            break;
    if (bmc == NULL)
        return;
    TAILQ_REMOVE(&fleet->leaving, bmc, link_leaving);
    gn_bmc_free(bmc);
}

static enum gn_err add(struct gn_bmcs *fleet, const struct gn_bmc_spec *spec,
                       const struct gn_bmcs_secret *secret)
{
    struct gn_bmc *bmc;

    drop_leaving(fleet, spec);
    bmc = gn_bmc_new(fleet, spec);
    if (bmc == NULL)
        return GN_ENOMEM;
    HASH_ADD_KEYPTR(hh, fleet->bmcs, bmc->spec.name, strlen(bmc->spec.name), bmc);
    if (bmc->hh.tbl == NULL) {
        gn_bmc_free(bmc);
        return GN_ENOMEM;
    }
    if (gn_bmc_set_secret(bmc, secret) != GN_OK)
        gn_log_warn("bmc.secret_missing bmc=%s reason=\"%s\"", bmc->spec.name,
                    gn_err_text(GN_ENOMEM));
    gn_timer_stop(&bmc->next); /* a sign may have set it: the first look is spread */
    bmc->next_sign = "start";
    gn_timer_start(&bmc->next, (uint64_t)gn_bmc_jitter(fleet, (double)fleet->spread_ms / 2,
                                                       1)); /* 0 to spread_ms */
    gn_log_debug("bmc.added bmc=%s", bmc->spec.name);
    return GN_OK;
}

/* One that came to a fleet that was there already; the first list needs no such news. */
static void tell_added(struct gn_bmcs *fleet, const struct gn_bmc_spec *spec)
{
    struct gn_bmc *bmc = fleet->has_list ? find(fleet, gn_str_of(spec->name)) : NULL;

    if (bmc != NULL)
        gn_bmc_tell(bmc, "BmcAdded", "OK", NULL, NULL);
}

static void tell_removed(struct gn_bmcs *fleet, struct gn_bmc *bmc)
{
    gn_bmc_tell(bmc, "BmcRemoved", "OK", NULL, NULL);
    if (fleet->hooks.left != NULL)
        fleet->hooks.left(fleet->hooks.ctx, bmc->spec.name);
}

void gn_bmc_left(struct gn_bmc *bmc)
{
    struct gn_bmcs *fleet = bmc->fleet;

    TAILQ_REMOVE(&fleet->leaving, bmc, link_leaving);
    gn_bmc_free(bmc);
    if (fleet->is_stopping && TAILQ_EMPTY(&fleet->leaving))
        gn_timer_start(&fleet->stop_limit, 0);
}

/* Takes it out of the set; its requests go on until it has left. */
static void let_go(struct gn_bmcs *fleet, struct gn_bmc *bmc, bool is_forgotten)
{
    HASH_DEL(fleet->bmcs, bmc);
    TAILQ_INSERT_TAIL(&fleet->leaving, bmc, link_leaving);
    gn_bmc_leave(bmc, is_forgotten);
}

/* ---- changes ---- */

static bool is_same_peer(const struct gn_bmc_spec *a, const struct gn_bmc_spec *b)
{
    return strcmp(a->address.base, b->address.base) == 0 && a->tls == b->tls &&
           a->auth == b->auth && memcmp(a->pin, b->pin, sizeof a->pin) == 0 &&
           gn_str_eq(gn_str_of(a->ca_file), gn_str_of(b->ca_file));
}

static bool is_same_list(const struct gn_bmc_texts *a, const struct gn_bmc_texts *b)
{
    bool is_same = a->count == b->count;

    for (size_t i = 0; is_same && i < a->count; i++)
        is_same = strcmp(a->items[i], b->items[i]) == 0;
    return is_same;
}

/* Other logs are wanted: they are looked for anew. */
static void forget_logs(struct gn_bmc *bmc)
{
    gn_bmc_logs_stop(bmc);
    gn_kept_drop_logs(bmc->kept);
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

/* The same BMC, other wishes: they are put right in a round. */
static enum gn_err change(struct gn_bmc *bmc, const struct gn_bmc_spec *spec)
{
    struct gn_bmc_spec fresh;
    enum gn_err err = gn_bmc_spec_copy(spec, &fresh);

    if (err != GN_OK)
        return err;
    if (!is_same_list(&bmc->spec.logs, &spec->logs))
        forget_logs(bmc);
    if (!is_same_list(&bmc->spec.messages, &spec->messages) ||
        !is_same_list(&bmc->spec.registries, &spec->registries))
        gn_bmc_stream_close(bmc);
    /* The set finds it by its name's bytes, which stay where they are. */
    free(fresh.name);
    fresh.name = bmc->spec.name;
    bmc->spec.name = NULL;
    gn_bmc_spec_free(&bmc->spec);
    bmc->spec = fresh;
    bmc->is_settled = false;
    bmc->proof.is_known = false;
    if (bmc->spec.heartbeat_minutes == 0) {
        bmc->heartbeat_ns = 0;
        bmc->heartbeat_lost = false;
    }
    gn_log_info("bmc.changed bmc=%s", bmc->spec.name);
    gn_bmc_changed(bmc, "changed");
    return GN_OK;
}

/* Another address or certificate: what is known of the one before counts no more. */
static enum gn_err replace(struct gn_bmcs *fleet, struct gn_bmc *bmc,
                           const struct gn_bmc_spec *spec, const struct gn_bmcs_secret *secret)
{
    unsigned troubles = bmc->kept->troubles;
    struct gn_kept *kept;
    enum gn_err err;

    if (strcmp(bmc->spec.address.base, spec->address.base) != 0) {
        let_go(fleet, bmc, true); /* the machine at the old address sends to us no more */
    } else {
        if (bmc->spec.tls != spec->tls)
            bmc->kept->has_pin = false;
        HASH_DEL(fleet->bmcs, bmc);
        gn_bmc_free(bmc);
    }
    err = add(fleet, spec, secret);
    if (err != GN_OK)
        return err;
    kept = find(fleet, gn_str_of(spec->name))->kept;
    kept->troubles = troubles; /* what was told of it before is to be ended */
    gn_memory_changed(fleet->memory, kept);
    return GN_OK;
}

static enum gn_err update(struct gn_bmcs *fleet, const struct gn_bmc_spec *spec,
                          const struct gn_bmcs_secret *secret)
{
    struct gn_bmc *bmc = find(fleet, gn_str_of(spec->name));
    enum gn_err err = GN_OK;

    if (bmc == NULL) {
        err = add(fleet, spec, secret);
        tell_added(fleet, spec);
        return err;
    }
    if (!is_same_peer(&bmc->spec, spec))
        return replace(fleet, bmc, spec, secret);
    if (!gn_bmc_spec_eq(&bmc->spec, spec))
        err = change(bmc, spec);
    if (err == GN_OK)
        err = gn_bmc_set_secret(bmc, secret);
    if (err == GN_OK && bmc->state == GN_BMC_AUTH && bmc->problem == NULL &&
        gn_bmc_link_locked_ms(bmc->link) == 0)
        gn_bmc_changed(bmc, "new credentials");
    return err;
}

static bool is_in_list(void *ctx, const char *name)
{
    return gn_bmc_list_find(ctx, gn_str_of(name)) != NULL;
}

/* Files of BMCs that left while the daemon was down. An empty inventory is more likely a mistake.
 */
static void prune_once(struct gn_bmcs *fleet, const struct gn_bmc_list *list)
{
    union {
        const struct gn_bmc_list *from;
        void *to;
    } ctx = {.from = list};

    if (fleet->is_pruned || list->count == 0)
        return;
    fleet->is_pruned = true;
    gn_memory_prune(fleet->memory, is_in_list, ctx.to);
}

enum gn_err gn_bmcs_apply(struct gn_bmcs *fleet, const struct gn_bmc_list *list,
                          const struct gn_bmcs_secret *secrets)
{
    struct gn_bmc *bmc;
    struct gn_bmc *next;
    enum gn_err err = GN_OK;

    fleet->spread_ms = list->count * GN_BMCS_SPREAD_EACH_MS;
    if (fleet->spread_ms > fleet->config.spread_ms)
        fleet->spread_ms = fleet->config.spread_ms;
    if (fleet->is_stopping)
        return GN_OK;
    HASH_ITER (hh, fleet->bmcs, bmc, next)
        if (gn_bmc_list_find(list, gn_str_of(bmc->spec.name)) == NULL) {
            tell_removed(fleet, bmc);
            let_go(fleet, bmc, true);
        }
    for (size_t i = 0; i < list->count; i++) {
        enum gn_err one = update(fleet, &list->items[i], &secrets[i]);

        err = one != GN_OK ? one : err;
    }
    fleet->has_list = true;
    prune_once(fleet, list);
    gn_log_info("bmcs.applied bmcs=%u", gn_bmcs_count(fleet));
    return err;
}

/* ---- from above ---- */

bool gn_bmcs_on_push(struct gn_bmcs *fleet, struct gn_str name, struct gn_str body)
{
    struct gn_bmc *bmc = find(fleet, name);

    if (bmc == NULL)
        return false;
    gn_bmc_heard(bmc);
    if (gn_bmc_proof_take(bmc, body, false) || gn_bmc_heartbeat_take(bmc, body))
        return true;
    bmc->events++;
    gn_bmc_proof_by_event(bmc);
    return false;
}

void gn_bmcs_on_refused(struct gn_bmcs *fleet, struct gn_str name)
{
    struct gn_bmc *bmc = find(fleet, name);

    if (bmc == NULL)
        return;
    gn_bmc_note_gap(bmc, "an event of it was answered 503");
    gn_bmc_sign(bmc, "answered 503");
}

void gn_bmcs_on_miss(struct gn_bmcs *fleet, struct gn_str name, struct gn_str message_id)
{
    struct gn_bmc *bmc = find(fleet, name);

    if (bmc != NULL && fleet->fetcher != NULL && !fleet->is_stopping)
        gn_fetcher_want(fleet->fetcher, bmc, message_id);
}

bool gn_bmcs_is_fetching(const struct gn_bmcs *fleet, struct gn_str name)
{
    const struct gn_bmc *bmc = find(fleet, name);

    return bmc != NULL && fleet->fetcher != NULL && gn_fetcher_is_busy(fleet->fetcher, bmc);
}

enum gn_err gn_bmcs_resync(struct gn_bmcs *fleet, struct gn_str name)
{
    struct gn_bmc *bmc = find(fleet, name);

    if (bmc == NULL)
        return GN_ENOTFOUND;
    bmc->is_settled = false;
    if (bmc->round.is_running)
        bmc->round.is_wanted_again = true;
    else
        gn_bmc_round_start(bmc, "asked for");
    return GN_OK;
}

enum gn_err gn_bmcs_test(struct gn_bmcs *fleet, struct gn_str name, gn_bmcs_proof_fn done,
                         void *ctx)
{
    struct gn_bmc *bmc = find(fleet, name);
    struct bmc_asker *asker;

    if (bmc == NULL)
        return GN_ENOTFOUND;
    if (bmc->proof.asker_count >= PROOF_ASKERS_MAX)
        return GN_EREFUSED;
    asker = malloc(sizeof *asker);
    if (asker == NULL)
        return GN_ENOMEM;
    *asker = (struct bmc_asker){.done = done, .ctx = ctx};
    gn_bmc_proof_start(bmc, asker);
    return GN_OK;
}

/* ---- the end ---- */

static void on_stop_limit(void *ctx)
{
    struct gn_bmcs *fleet = ctx;
    gn_defer_fn stopped = fleet->stopped;

    fleet->stopped = NULL;
    if (stopped != NULL)
        stopped(fleet->stopped_ctx);
}

void gn_bmcs_stop(struct gn_bmcs *fleet, uint32_t timeout_ms, gn_defer_fn done, void *ctx)
{
    struct gn_bmc *bmc;
    struct gn_bmc *next;

    fleet->is_stopping = true;
    fleet->stopped = done;
    fleet->stopped_ctx = ctx;
    HASH_ITER (hh, fleet->bmcs, bmc, next)
        let_go(fleet, bmc, false);
    gn_timer_start(&fleet->stop_limit, TAILQ_EMPTY(&fleet->leaving) ? 0 : timeout_ms);
}

static void free_config(struct gn_bmcs_config *config)
{
    union {
        const char *from;
        void *to;
    } texts[] = {{config->folder},
                 {config->webhook_url},
                 {config->registry_folder},
                 {config->registry_language}};

    for (size_t i = 0; i < GN_LEN(texts); i++)
        free(texts[i].to);
}

void gn_bmcs_free(struct gn_bmcs *fleet)
{
    struct gn_bmc *bmc;
    struct gn_bmc *next;

    if (fleet == NULL)
        return;
    fleet->is_stopping = true;
    gn_fetcher_free(fleet->fetcher);
    fleet->fetcher = NULL;
    while ((bmc = TAILQ_FIRST(&fleet->leaving)) != NULL) {
        TAILQ_REMOVE(&fleet->leaving, bmc, link_leaving);
        gn_bmc_free(bmc);
    }
    HASH_ITER (hh, fleet->bmcs, bmc, next) {
        HASH_DEL(fleet->bmcs, bmc);
        gn_bmc_free(bmc);
    }
    gn_bmc_client_free(fleet->client);
    gn_memory_free(fleet->memory);
    gn_timer_fini(&fleet->stop_limit);
    free_config(&fleet->config);
    free(fleet);
}

/* ---- life ---- */

/* The texts of config become the fleet's own. */
static bool own_texts(struct gn_bmcs_config *config)
{
    const char **texts[] = {&config->folder, &config->webhook_url, &config->registry_folder,
                            &config->registry_language};
    bool is_whole = true;

    for (size_t i = 0; i < GN_LEN(texts); i++) {
        *texts[i] = gn_str_dup(gn_str_of(*texts[i] != NULL ? *texts[i] : ""));
        is_whole = is_whole && *texts[i] != NULL;
    }
    return is_whole;
}

static bool build(struct gn_bmcs *fleet, struct gn_http_client *http)
{
    const struct gn_bmc_client_config client = {.concurrency = fleet->config.concurrency,
                                                .timeout_ms = fleet->config.timeout_ms,
                                                .lockout_ms = fleet->config.lockout_ms,
                                                .metrics = fleet->config.metrics};

    fleet->memory = gn_memory_new(fleet->loop, fleet->config.folder);
    if (fleet->memory == NULL)
        return false;
    fleet->client = gn_bmc_client_new(fleet->loop, http, &client);
    if (fleet->client == NULL)
        return false;
    if (!fleet->config.fetches_registries)
        return true;
    fleet->fetcher = gn_fetcher_new(fleet);
    return fleet->fetcher != NULL;
}

struct gn_bmcs *gn_bmcs_new(struct gn_loop *loop, struct gn_http_client *http,
                            const struct gn_bmcs_config *config, const struct gn_bmcs_hooks *hooks)
{
    struct gn_bmcs *fleet = calloc(1, sizeof *fleet);

    if (fleet == NULL)
        return NULL;
    fleet->loop = loop;
    fleet->hooks = *hooks;
    fleet->config = *config;
    TAILQ_INIT(&fleet->leaving);
    fleet->dice = gn_clock_mono_us() | 1; /* never zero, or it stays so */
    gn_timer_init(&fleet->stop_limit, loop, on_stop_limit, fleet);
    if (config->metrics != NULL)
        gn_bmcs_make_metrics(fleet, config->metrics);
    if (own_texts(&fleet->config) && build(fleet, http))
        return fleet;
    gn_bmcs_free(fleet);
    return NULL;
}
