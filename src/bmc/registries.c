/* Fetches message registries from BMCs: when a message of a registry that nobody knows comes by,
 * that registry only, from that BMC only, once for each model and firmware. */
#define HASH_NONFATAL_OOM 1 /* what cannot be remembered is asked for once more */
#include "bmcs_priv.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"
#include "gurnard/bmc/regcache.h"
#include "gurnard/redfish/message_id.h"
#include "gurnard/redfish/registry.h"
#include "gurnard/redfish/registry_location.h"

#define COLLECTION_URI   "/redfish/v1/Registries"
#define MEMBERS_MAX      GN_REGCACHE_REGISTRIES_MAX
#define WANTED_MAX       16   /* prefixes that wait for one BMC */
#define ASKED_MAX        4096 /* pairs of model and prefix remembered as asked for */
#define ASK_AGAIN_MS     3600000U
#define ASK_SOONER_MS    60000U  /* where there was no answer */
#define TELL_AFTER_MS    200U    /* several registries that come together are loaded together */
#define FETCH_TIMEOUT_MS 180000U /* of a registry: iDRAC takes its time */
#define PREFIX_MAX       64      /* bytes, with NUL */

/* A registry that was asked for lately: it is not asked for again with each event. */
struct asked {
    char *key; /* model key, '|', prefix */
    uint64_t at_ms;
    UT_hash_handle hh;
};

/* The registries of one BMC on their way. */
struct fetch {
    struct gn_bmc *bmc;
    struct fetcher *fetcher;
    struct gn_regcache_model *model;
    struct gn_bmc_call *call;
    char wanted[WANTED_MAX][PREFIX_MAX]; /* "" stands for bare keys */
    size_t wanted_count, next_wanted;

    char (*members)[GN_SERVICE_URI_MAX]; /* MessageRegistryFiles of the BMC */
    size_t member_count, next_member;
    bool scans; /* no member is named like the one wanted: all are looked into */
    bool has_claim;
    struct gn_registry_location location;
    char name[GN_REGISTRY_NAME_MAX];
    TAILQ_ENTRY(fetch) link;
};

struct fetcher {
    struct gn_bmcs *fleet;
    struct gn_worker *worker;
    struct gn_regcache *cache;
    struct asked *asked;
    TAILQ_HEAD(, fetch) fetches;
    struct gn_timer tell;
};

static void next_member(struct fetch *fetch);
static void next_wanted(struct fetch *fetch);

/* ---- the end of one ---- */

static struct gn_str member_of(const struct fetch *fetch)
{
    return gn_str_of(fetch->members[fetch->next_member]);
}

static void end_fetch(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;

    if (fetch->call != NULL)
        gn_bmc_cancel(fetch->call);
    if (fetch->has_claim)
        gn_regcache_unclaim(fetch->model, member_of(fetch));
    gn_regcache_forget(fetcher->cache, fetch);
    gn_regcache_release(fetch->model);
    TAILQ_REMOVE(&fetcher->fetches, fetch, link);
    free(fetch->members);
    free(fetch);
}

static void on_tell(void *ctx)
{
    struct fetcher *fetcher = ctx;

    if (fetcher->fleet->hooks.registries != NULL)
        fetcher->fleet->hooks.registries(fetcher->fleet->hooks.ctx);
}

/* Asks within a fetch; without an answer it ends, to begin again with a later event. */
static void ask(struct fetch *fetch, const struct gn_bmc_request *request, gn_bmc_answer_fn fn)
{
    if (gn_bmc_send(fetch->bmc->link, request, fn, fetch, &fetch->call) == GN_OK)
        return;
    fetch->call = NULL;
    end_fetch(fetch);
}

static struct asked *find_asked(const struct fetcher *fetcher, const struct gn_bmc *bmc,
                                const char *prefix, struct gn_buf *key)
{
    struct asked *asked = NULL;

    gn_buf_printf(key, "%s|%s", bmc->facts.model_key != NULL ? bmc->facts.model_key : "", prefix);
    if (gn_buf_err(key) == GN_OK)
        HASH_FIND(hh, fetcher->asked, key->data, key->len, asked);
    return asked;
}

/* What was not answered may be asked of another one of the model, or of this one later. */
static void ask_sooner(struct fetch *fetch)
{
    uint64_t now_ms = gn_loop_now_ms(fetch->fetcher->fleet->loop);

    for (size_t i = fetch->next_wanted; i < fetch->wanted_count; i++) {
        struct gn_buf key = gn_buf_with_limit(1024);
        struct asked *asked = find_asked(fetch->fetcher, fetch->bmc, fetch->wanted[i], &key);

        if (asked != NULL)
            asked->at_ms = now_ms - ASK_AGAIN_MS + ASK_SOONER_MS;
        gn_buf_free(&key);
    }
}

static bool is_over(struct fetch *fetch, const struct gn_bmc_answer *answer)
{
    fetch->call = NULL;
    if (answer->end == GN_BMC_END_ANSWER || answer->end == GN_BMC_END_HOSTILE)
        return false;
    ask_sooner(fetch);
    end_fetch(fetch);
    return true;
}

/* ---- a registry ---- */

static struct gn_regcache_item item_of(const struct fetch *fetch)
{
    return (struct gn_regcache_item){.uri = member_of(fetch),
                                     .source = gn_str_of(fetch->location.uri),
                                     .registry = gn_str_of(fetch->name),
                                     .language = gn_str_of(fetch->location.language),
                                     .archive_file = gn_str_of(fetch->location.archive_file)};
}

static void go_on(struct fetch *fetch)
{
    fetch->next_member++;
    next_member(fetch);
}

static void give_up(struct fetch *fetch, const char *reason)
{
    const struct gn_regcache_item item = item_of(fetch);

    gn_log_warn("bmc.registry_failed bmc=%s registry=%s reason=\"%s\"", fetch->bmc->spec.name,
                fetch->name, reason);
    gn_bmc_count(fetch->fetcher->fleet->metrics.registries_failed);
    fetch->has_claim = false;
    gn_regcache_fail(fetch->model, &item, reason, gn_clock_real_ns());
    go_on(fetch);
}

static void on_put(void *ctx, const struct gn_regcache_entry *entry, bool is_new)
{
    struct fetch *fetch = ctx;
    struct fetcher *fetcher = fetch->fetcher;

    if (entry->state == GN_REGCACHE_FAILED || entry->reason[0] != '\0') {
        gn_log_warn("bmc.registry_failed bmc=%s registry=%s reason=\"%s\"", fetch->bmc->spec.name,
                    fetch->name, entry->reason);
        gn_bmc_count(fetcher->fleet->metrics.registries_failed);
    } else if (entry->state == GN_REGCACHE_HAVE) {
        gn_log_info("bmc.registry_fetched bmc=%s registry=%s bytes=%ju", fetch->bmc->spec.name,
                    fetch->name, (uintmax_t)entry->bytes);
        gn_bmc_count(fetcher->fleet->metrics.registries_ok);
    }
    if (is_new && !gn_timer_is_running(&fetcher->tell))
        gn_timer_start(&fetcher->tell, TELL_AFTER_MS);
    go_on(fetch);
}

static void on_registry(void *ctx, const struct gn_bmc_answer *answer)
{
    struct fetch *fetch = ctx;
    struct gn_regcache_item item = item_of(fetch);

    if (is_over(fetch, answer))
        return;
    if (answer->end == GN_BMC_END_ANSWER && answer->status == 304) {
        fetch->has_claim = false;
        gn_regcache_unchanged(fetch->model, item.uri, gn_clock_real_ns());
        go_on(fetch);
        return;
    }
    if (!gn_bmc_is_done(answer)) {
        give_up(fetch, answer->reason);
        return;
    }
    item.etag = answer->etag;
    fetch->has_claim = false;
    if (gn_regcache_put(fetch->model, &item, answer->raw, gn_clock_real_ns(), on_put, fetch) !=
        GN_OK)
        end_fetch(fetch);
}

static void ask_registry(struct fetch *fetch, const struct gn_regcache_entry *entry,
                         enum gn_regcache_need need)
{
    const struct gn_bmc_request request = {.method = "GET",
                                           .uri = fetch->location.uri,
                                           .etag = need == GN_REGCACHE_CHECK ? entry->etag : NULL,
                                           .is_raw = true,
                                           .max_bytes = GN_REGISTRY_FILE_MAX,
                                           .timeout_ms = FETCH_TIMEOUT_MS};

    ask(fetch, &request, on_registry);
}

/* ---- a MessageRegistryFile ---- */

static const char *wanted_of(const struct fetch *fetch)
{
    return fetch->wanted[fetch->next_wanted];
}

/* Dell, Intel and others send bare keys, whose registries have these names. */
static bool is_for_bare_keys(struct gn_str prefix)
{
    static const char *const names[] = {"Messages", "BaseMessages", "IDRAC"};

    for (size_t i = 0; i < GN_LEN(names); i++)
        if (gn_str_eq_nocase(prefix, gn_str_of(names[i])))
            return true;
    return false;
}

static bool is_the_wanted(const struct fetch *fetch, struct gn_str name)
{
    struct gn_str wanted = gn_str_of(wanted_of(fetch));
    struct gn_message_id id;

    gn_message_id_split(name, &id);
    if (wanted.len == 0)
        return fetch->scans || is_for_bare_keys(id.prefix);
    return gn_str_eq_nocase(id.prefix, wanted);
}

/* It says what it describes. Returns whether the registry itself is to be asked for. */
static bool take_file(struct fetch *fetch, const json_t *file, const char **why)
{
    *why = NULL;
    if (!gn_registry_location_name(file, fetch->name)) {
        *why = "its file names no registry";
        return false;
    }
    if (!is_the_wanted(fetch, gn_str_of(fetch->name)))
        return false;
    if (!gn_registry_location_pick(file, gn_str_of(fetch->fetcher->fleet->config.registry_language),
                                   false, &fetch->location)) {
        *why = "its file names no place on the BMC";
        return false;
    }
    return true;
}

static void on_file(void *ctx, const struct gn_bmc_answer *answer)
{
    struct fetch *fetch = ctx;
    const struct gn_regcache_entry *entry;
    enum gn_regcache_need need;
    const char *why;

    if (is_over(fetch, answer))
        return;
    fetch->location = (struct gn_registry_location){0};
    fetch->name[0] = '\0';
    if (!gn_bmc_is_done(answer)) {
        give_up(fetch, answer->reason);
        return;
    }
    if (!take_file(fetch, answer->body, &why)) {
        if (why != NULL) {
            give_up(fetch, why);
            return;
        }
        fetch->has_claim = false;
        gn_regcache_unclaim(fetch->model, member_of(fetch));
        go_on(fetch);
        return;
    }
    entry = gn_regcache_find(fetch->model, member_of(fetch));
    need = gn_regcache_need(entry, gn_str_of(fetch->location.uri), gn_clock_real_ns());
    if (need != GN_REGCACHE_LEAVE) {
        ask_registry(fetch, entry, need);
        return;
    }
    fetch->has_claim = false;
    gn_regcache_unclaim(fetch->model, member_of(fetch));
    go_on(fetch);
}

/* ---- which of them ---- */

/* Whether the member may be the one wanted, as far as its URI tells. */
static bool may_be_wanted(const struct fetch *fetch, struct gn_str uri)
{
    struct gn_str name = gn_service_last_part(uri);

    if (!gn_registry_location_is_wanted(name))
        return false;
    return fetch->scans || is_the_wanted(fetch, name);
}

static bool is_worth_asking(const struct fetch *fetch, struct gn_str uri)
{
    const struct gn_regcache_entry *entry = gn_regcache_find(fetch->model, uri);

    return gn_regcache_need(entry, GN_STR_NONE, gn_clock_real_ns()) != GN_REGCACHE_LEAVE;
}

static void next_member(struct fetch *fetch)
{
    struct gn_bmc_request request = {.method = "GET"};

    for (; fetch->next_member < fetch->member_count; fetch->next_member++) {
        struct gn_str uri = member_of(fetch);

        if (!may_be_wanted(fetch, uri) || !is_worth_asking(fetch, uri) ||
            gn_regcache_claim(fetch->model, uri) != GN_OK)
            continue;
        fetch->has_claim = true;
        request.uri = uri.p;
        ask(fetch, &request, on_file);
        return;
    }
    fetch->next_wanted++;
    next_wanted(fetch);
}

static bool is_any_named_so(const struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->member_count; i++)
        if (may_be_wanted(fetch, gn_str_of(fetch->members[i])))
            return true;
    return false;
}

static void next_wanted(struct fetch *fetch)
{
    if (fetch->next_wanted == fetch->wanted_count) {
        end_fetch(fetch);
        return;
    }
    fetch->next_member = 0;
    fetch->scans = false;
    fetch->scans = !is_any_named_so(fetch); /* Intel: EventingMessages holds Alert.1.0.0 */
    next_member(fetch);
}

/* ---- the collection ---- */

static void on_collection(void *ctx, const struct gn_bmc_answer *answer)
{
    struct fetch *fetch = ctx;
    const json_t *members = NULL;
    size_t count;

    if (is_over(fetch, answer))
        return;
    if (gn_bmc_is_done(answer))
        members = json_object_get(answer->body, "Members");
    count = json_array_size(members) < MEMBERS_MAX ? json_array_size(members) : MEMBERS_MAX;
    fetch->members = calloc(count + 1, sizeof *fetch->members);
    if (fetch->members == NULL) {
        end_fetch(fetch);
        return;
    }
    for (size_t i = 0; i < count; i++)
        fetch->member_count += gn_service_uri(gn_json_str(json_array_get(members, i), "@odata.id"),
                                              fetch->members[fetch->member_count]);
    next_wanted(fetch);
}

/* Vendor and model: the model's key without the firmware behind it. */
static struct gn_str model_of(const struct gn_bmc *bmc)
{
    const char *key = bmc->facts.model_key;
    const char *firmware = strrchr(key, '|');

    return (struct gn_str){key, firmware != NULL ? (size_t)(firmware - key) : strlen(key)};
}

static void begin(struct fetcher *fetcher, struct gn_bmc *bmc, const char *prefix)
{
    struct gn_bmc_request request = {.method = "GET", .uri = COLLECTION_URI};
    struct fetch *fetch = calloc(1, sizeof *fetch);

    if (fetch == NULL)
        return;
    fetch->bmc = bmc;
    fetch->fetcher = fetcher;
    fetch->model = gn_regcache_use(fetcher->cache, model_of(bmc), gn_str_of(bmc->facts.firmware),
                                   gn_clock_real_ns());
    if (fetch->model == NULL) {
        free(fetch);
        return;
    }
    memcpy(fetch->wanted[fetch->wanted_count++], prefix, strlen(prefix) + 1);
    TAILQ_INSERT_TAIL(&fetcher->fetches, fetch, link);
    if (bmc->facts.registries != NULL)
        request.uri = bmc->facts.registries;
    ask(fetch, &request, on_collection);
}

/* ---- what is asked for ---- */

/* Whether this model was asked for that prefix within the last hour; remembers it. */
static bool was_asked(struct fetcher *fetcher, const struct gn_bmc *bmc, const char *prefix)
{
    uint64_t now_ms = gn_loop_now_ms(fetcher->fleet->loop);
    struct gn_buf key = gn_buf_with_limit(1024);
    struct asked *asked = find_asked(fetcher, bmc, prefix, &key);
    bool was = false;

    if (gn_buf_err(&key) != GN_OK)
        goto out;
    if (asked != NULL) {
        was = now_ms - asked->at_ms < ASK_AGAIN_MS;
        asked->at_ms = was ? asked->at_ms : now_ms;
        goto out;
    }
    if (HASH_COUNT(fetcher->asked) >= ASKED_MAX) {
        was = true; /* who makes up registries by the thousand is not followed */
        goto out;
    }
    asked = calloc(1, sizeof *asked);
    if (asked == NULL)
        goto out;
    asked->at_ms = now_ms;
    asked->key = key.data;
    HASH_ADD_KEYPTR(hh, fetcher->asked, asked->key, key.len, asked);
    if (asked->hh.tbl == NULL) {
        free(asked);
        goto out;
    }
    (void)gn_buf_take(&key); /* asked has it */
out:
    gn_buf_free(&key);
    return was;
}

static struct fetch *fetch_of(const struct fetcher *fetcher, const struct gn_bmc *bmc)
{
    struct fetch *fetch;

    TAILQ_FOREACH (fetch, &fetcher->fetches, link)
        if (fetch->bmc == bmc)
            return fetch;
    return NULL;
}

void gn_fetcher_want(struct fetcher *fetcher, struct gn_bmc *bmc, struct gn_str message_id)
{
    struct fetch *fetch = fetch_of(fetcher, bmc);
    struct gn_message_id id;
    char prefix[PREFIX_MAX] = "";

    if (!bmc->facts.is_known || gn_message_id_parse(message_id, &id) != GN_OK ||
        id.prefix.len >= sizeof prefix)
        return; /* not looked at yet: a later event asks again */
    if (id.prefix.len > 0)
        memcpy(prefix, id.prefix.p, id.prefix.len);
    prefix[id.prefix.len] = '\0';
    if ((fetch != NULL && fetch->wanted_count == WANTED_MAX) || was_asked(fetcher, bmc, prefix))
        return;
    if (fetch == NULL)
        begin(fetcher, bmc, prefix);
    else
        memcpy(fetch->wanted[fetch->wanted_count++], prefix, sizeof prefix);
}

bool gn_fetcher_is_busy(const struct fetcher *fetcher, const struct gn_bmc *bmc)
{
    return fetch_of(fetcher, bmc) != NULL || gn_timer_is_running(&fetcher->tell);
}

void gn_fetcher_drop(struct fetcher *fetcher, const struct gn_bmc *bmc)
{
    struct fetch *fetch = fetch_of(fetcher, bmc);

    if (fetch != NULL)
        end_fetch(fetch);
}

/* ---- life ---- */

struct fetcher *gn_fetcher_new(struct gn_bmcs *fleet)
{
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    struct gn_regcache_config config = {.folder = fleet->config.registry_folder,
                                        .limit_bytes = fleet->config.registry_bytes};

    if (fetcher == NULL)
        return NULL;
    fetcher->fleet = fleet;
    TAILQ_INIT(&fetcher->fetches);
    gn_timer_init(&fetcher->tell, fleet->loop, on_tell, fetcher);
    fetcher->worker = gn_worker_new(fleet->loop, "gurnard-fetch");
    config.worker = fetcher->worker;
    if (fetcher->worker != NULL && gn_regcache_open(&config, &fetcher->cache) == GN_OK)
        return fetcher;
    gn_log_error("bmc.registry_cache_failed folder=%s", fleet->config.registry_folder);
    gn_fetcher_free(fetcher);
    return NULL;
}

void gn_fetcher_free(struct fetcher *fetcher)
{
    struct asked *asked;
    struct asked *next;

    if (fetcher == NULL)
        return;
    while (!TAILQ_EMPTY(&fetcher->fetches))
        end_fetch(TAILQ_FIRST(&fetcher->fetches));
    gn_worker_free(fetcher->worker);
    gn_regcache_free(fetcher->cache);
    gn_timer_fini(&fetcher->tell);
    HASH_ITER (hh, fetcher->asked, asked, next) {
        HASH_DEL(fetcher->asked, asked);
        free(asked->key);
        free(asked);
    }
    free(fetcher);
}
