/* The registry cache: models and what is known of their registries. The index in memory is
 * regcache_index.c, claims and puts are regcache_put.c, what goes when it is full is
 * regcache_room.c, files are regcache_file.c. */
#include "gurnard/bmc/regcache.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "regcache_priv.h"

#define NS_PER_MS      INT64_C(1000000)
#define CHECK_NS       ((int64_t)GN_REGCACHE_CHECK_MS * NS_PER_MS)
#define RETRY_NS       ((int64_t)GN_REGCACHE_RETRY_MS * NS_PER_MS)
#define USED_STEP_NS   (INT64_C(3600000) * NS_PER_MS) /* how fine a model's last use is kept */
#define MODEL_TEXT_MAX 256 /* bytes of a model or firmware that are kept */

/* Whether so much time has passed; a clock that was set back counts as that. */
static bool has_passed(int64_t since_ns, int64_t now_ns, int64_t length_ns)
{
    int64_t age_ns;

    if (__builtin_sub_overflow(now_ns, since_ns, &age_ns))
        return true;
    return age_ns < 0 || age_ns >= length_ns;
}

/* ---- models ---- */

enum gn_err gn_regcache_open(const struct gn_regcache_config *config, struct gn_regcache **out)
{
    struct gn_regcache *cache = calloc(1, sizeof *cache);
    enum gn_err err = GN_ENOMEM;

    *out = NULL;
    if (cache == NULL)
        return GN_ENOMEM;
    TAILQ_INIT(&cache->models);
    LIST_INIT(&cache->puttings);
    cache->worker = config->worker;
    cache->limit_bytes = config->limit_bytes == 0 ? GN_REGCACHE_LIMIT_BYTES : config->limit_bytes;
    cache->folder = gn_str_dup(gn_str_of(config->folder));
    if (cache->folder != NULL)
        err = gn_regcache_load(cache);
    if (err != GN_OK) {
        gn_regcache_free(cache);
        return err;
    }
    (void)gn_regcache_make_room(cache, 0); /* without memory the next put tries again */
    *out = cache;
    return GN_OK;
}

void gn_regcache_free(struct gn_regcache *cache)
{
    if (cache == NULL)
        return;
    GN_ASSERT(LIST_EMPTY(&cache->puttings));
    while (!TAILQ_EMPTY(&cache->models)) {
        GN_ASSERT(TAILQ_FIRST(&cache->models)->pending == 0);
        gn_regcache_model_drop(TAILQ_FIRST(&cache->models));
    }
    free(cache->folder);
    free(cache);
}

struct gn_regcache_stats gn_regcache_stats(const struct gn_regcache *cache)
{
    struct gn_regcache_stats stats = {.models = cache->model_count, .bytes = cache->bytes};
    const struct gn_regcache_model *model;
    const struct gn_regcache_slot *slot;

    TAILQ_FOREACH (model, &cache->models, link) {
        TAILQ_FOREACH (slot, &model->slots, link) {
            if (slot->entry.state == GN_REGCACHE_HAVE)
                stats.registries++;
        }
    }
    return stats;
}

static struct gn_regcache_model *find_model(const struct gn_regcache *cache, const char *folder)
{
    struct gn_regcache_model *model;

    TAILQ_FOREACH (model, &cache->models, link) {
        if (strcmp(model->folder, folder) == 0)
            return model;
    }
    return NULL;
}

static struct gn_str clip(struct gn_str text)
{
    return text.len > MODEL_TEXT_MAX ? (struct gn_str){text.p, MODEL_TEXT_MAX} : text;
}

/* Gives a model its names that lost them with its index. Without memory it stays nameless. */
static void name_model(struct gn_regcache_model *model, struct gn_str name, struct gn_str firmware)
{
    char *name_copy, *firmware_copy;

    if (model->name[0] != '\0' || model->firmware[0] != '\0')
        return;
    name_copy = gn_str_dup(clip(name));
    firmware_copy = gn_str_dup(clip(firmware));
    if (name_copy == NULL || firmware_copy == NULL) {
        free(name_copy);
        free(firmware_copy);
        return;
    }
    free(model->name);
    free(model->firmware);
    model->name = name_copy;
    model->firmware = firmware_copy;
}

struct gn_regcache_model *gn_regcache_use(struct gn_regcache *cache, struct gn_str name,
                                          struct gn_str firmware, int64_t now_ns)
{
    char folder[GN_REGCACHE_NAME_MAX];
    struct gn_regcache_model *model;

    gn_regcache_folder_name(name, firmware, folder);
    model = find_model(cache, folder);
    if (model == NULL) {
        (void)gn_regcache_make_room(cache, 1); /* too many bytes alone do not matter here */
        if (cache->model_count >= GN_REGCACHE_MODELS_MAX)
            return NULL;
        model = gn_regcache_model_add(cache, folder, clip(name), clip(firmware));
        if (model == NULL)
            return NULL;
    }
    name_model(model, name, firmware);
    model->refs++;
    if (has_passed(model->used_ns, now_ns, USED_STEP_NS)) {
        model->used_ns = now_ns;
        if (!TAILQ_EMPTY(&model->slots))
            gn_regcache_save(model);
    }
    return model;
}

void gn_regcache_release(struct gn_regcache_model *model)
{
    if (model == NULL)
        return;
    GN_ASSERT(model->refs > 0);
    model->refs--;
    gn_regcache_settle(model);
}

/* ---- entries ---- */

const struct gn_regcache_entry *gn_regcache_find(const struct gn_regcache_model *model,
                                                 struct gn_str uri)
{
    const struct gn_regcache_slot *slot = gn_regcache_slot_at(model, uri);

    return slot == NULL || slot->entry.state == GN_REGCACHE_NONE ? NULL : &slot->entry;
}

void gn_regcache_each(const struct gn_regcache_model *model, gn_regcache_each_fn fn, void *ctx)
{
    const struct gn_regcache_slot *slot;

    TAILQ_FOREACH (slot, &model->slots, link) {
        if (slot->entry.state != GN_REGCACHE_NONE)
            fn(ctx, &slot->entry);
    }
}

enum gn_regcache_need gn_regcache_need(const struct gn_regcache_entry *entry, struct gn_str source,
                                       int64_t now_ns)
{
    if (entry == NULL || entry->state == GN_REGCACHE_NONE)
        return GN_REGCACHE_FETCH;
    if (source.len > 0 && !gn_str_eq(gn_str_of(entry->source), source))
        return GN_REGCACHE_FETCH;
    if (entry->state == GN_REGCACHE_SKIP)
        return GN_REGCACHE_LEAVE;
    if (entry->state == GN_REGCACHE_FAILED)
        return has_passed(entry->checked_ns, now_ns, RETRY_NS) ? GN_REGCACHE_FETCH
                                                               : GN_REGCACHE_LEAVE;
    if (entry->reason[0] != '\0') /* the last attempt failed */
        return has_passed(entry->checked_ns, now_ns, RETRY_NS) ? GN_REGCACHE_FETCH
                                                               : GN_REGCACHE_LEAVE;
    return entry->etag[0] != '\0' && has_passed(entry->checked_ns, now_ns, CHECK_NS)
               ? GN_REGCACHE_CHECK
               : GN_REGCACHE_LEAVE;
}
