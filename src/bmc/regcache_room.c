/* The registry cache: who goes when it is full, and writing a model's index. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/log.h"
#include "regcache_priv.h"

/* What is to be removed from the disk. */
struct removal {
    struct gn_job job;
    char *path;
    bool is_folder;
};

/* ---- eviction ---- */

static void run_removal(void *ctx)
{
    const struct removal *removal = ctx;

    if (removal->is_folder)
        gn_regcache_remove_folder(removal->path);
    else if (unlink(removal->path) != 0)
        gn_log_warn("regcache.remove_failed file=%s reason=\"%s\"", removal->path, strerror(errno));
}

static void on_removed(void *ctx)
{
    struct removal *removal = ctx;

    free(removal->path);
    free(removal);
}

bool gn_regcache_remove(const struct gn_regcache_model *model, const char *name)
{
    struct removal *removal = calloc(1, sizeof *removal);
    struct gn_buf path = GN_BUF_INIT;

    gn_buf_puts(&path, model->path);
    if (name != NULL)
        gn_buf_printf(&path, "/%s", name);
    if (removal == NULL || gn_buf_err(&path) != GN_OK) {
        free(removal);
        gn_buf_free(&path);
        return false;
    }
    removal->path = gn_buf_take(&path);
    removal->is_folder = name == NULL;
    removal->job = (struct gn_job){.run = run_removal, .done = on_removed, .ctx = removal};
    gn_worker_submit(model->cache->worker, &removal->job);
    return true;
}

/* Forgets a model and its files. false: no memory for that, all is as before. */
static bool evict(struct gn_regcache_model *model)
{
    if (!gn_regcache_remove(model, NULL))
        return false;
    gn_log_info("regcache.evicted model=%s firmware=%s registries=%u", model->name, model->firmware,
                model->slot_count);
    gn_regcache_model_drop(model);
    return true;
}

/* The model not used for longest of those that nobody holds. */
static struct gn_regcache_model *oldest(const struct gn_regcache *cache)
{
    struct gn_regcache_model *model, *found = NULL;

    TAILQ_FOREACH (model, &cache->models, link) {
        if (model->refs > 0 || model->pending > 0)
            continue;
        if (found == NULL || model->used_ns < found->used_ns)
            found = model;
    }
    return found;
}

bool gn_regcache_make_room(struct gn_regcache *cache, uint32_t more)
{
    while (cache->bytes > cache->limit_bytes ||
           cache->model_count + more > GN_REGCACHE_MODELS_MAX) {
        struct gn_regcache_model *model = oldest(cache);

        if (model == NULL || !evict(model))
            return false;
    }
    return true;
}

/* ---- the index on disk ---- */

static void run_save(void *ctx)
{
    struct gn_regcache_model *model = ctx;

    model->job_result = gn_regcache_write(model->path, GN_REGCACHE_INDEX, gn_buf_str(&model->text));
}

void gn_regcache_settle(struct gn_regcache_model *model)
{
    if (model->refs == 0 && model->pending == 0 && TAILQ_EMPTY(&model->slots))
        gn_regcache_model_drop(model);
}

static void on_saved(void *ctx)
{
    struct gn_regcache_model *model = ctx;

    model->is_saving = false;
    model->pending--;
    gn_buf_free(&model->text);
    if (model->job_result != GN_OK) {
        model->is_dirty = true; /* goes with the next change */
        gn_log_warn("regcache.write_failed folder=%s reason=\"%s\"", model->path,
                    gn_err_text(model->job_result));
    } else if (model->is_dirty) {
        gn_regcache_save(model);
    }
    gn_regcache_settle(model);
}

void gn_regcache_save(struct gn_regcache_model *model)
{
    model->is_dirty = true;
    if (model->is_saving)
        return;
    gn_buf_reset(&model->text);
    gn_regcache_index_write(model, &model->text);
    if (gn_buf_err(&model->text) != GN_OK) {
        gn_log_warn("regcache.write_failed folder=%s reason=\"%s\"", model->path,
                    gn_err_text(gn_buf_err(&model->text)));
        gn_buf_free(&model->text);
        return;
    }
    model->is_dirty = false;
    model->is_saving = true;
    model->pending++;
    model->job = (struct gn_job){.run = run_save, .done = on_saved, .ctx = model};
    gn_worker_submit(model->cache->worker, &model->job);
}
