/* What is remembered of BMCs over restarts. */
#define HASH_NONFATAL_OOM 1 /* what cannot be kept is told by NULL; the daemon goes on */
#include "gurnard/bmc/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "gurnard/base/secret.h"
#include "memory_priv.h"

#define WRITE_AFTER_MS 1000U
#define RETRY_AFTER_MS 10000U /* after a write that failed */
#define FILE_PREFIX    "b-"   /* a BMC may be named "." */
#define FILE_SUFFIX    ".json"
#define MODELS_FILE    "models.json"
#define SECRET_FILE    "secret"

/* One file on its way to the disk. */
struct writing {
    struct gn_job job;
    char *path;
    struct gn_buf text;   /* empty: the file goes */
    struct gn_kept *kept; /* whose file it is; NULL: nobody's, or it was forgotten meanwhile */
    bool is_of_models;
    enum gn_err err;
};

struct gn_memory {
    struct gn_loop *loop;
    struct gn_worker *worker;
    char *folder;
    struct gn_secret secret;
    char fleet_id[9];
    struct gn_kept *kept; /* by name */
    struct gn_kept_model *models;
    TAILQ_HEAD(, gn_kept) dirty;
    TAILQ_HEAD(, gone) gone; /* names whose files are to go */
    bool are_models_dirty;
    bool is_writing;
    struct writing writing;
    struct gn_timer timer;
};

struct gone {
    TAILQ_ENTRY(gone) link;
    char name[]; /* with NUL */
};

static char *path_of(const struct gn_memory *memory, const char *prefix, const char *name,
                     const char *suffix)
{
    struct gn_buf path = gn_buf_with_limit(8192);

    gn_buf_printf(&path, "%s/%s%s%s", memory->folder, prefix, name, suffix);
    if (gn_buf_err(&path) != GN_OK)
        gn_buf_free(&path);
    return path.data;
}

/* ---- writing ---- */

static void write_next(struct gn_memory *memory);

static void on_due(void *ctx)
{
    write_next(ctx);
}

static void write_soon(struct gn_memory *memory)
{
    if (!memory->is_writing && !gn_timer_is_running(&memory->timer))
        gn_timer_start(&memory->timer, WRITE_AFTER_MS);
}

static void mark_dirty(struct gn_memory *memory, struct gn_kept *kept)
{
    if (!kept->is_dirty)
        TAILQ_INSERT_TAIL(&memory->dirty, kept, link);
    kept->is_dirty = true;
}

/* On the helper thread, or at the end on the loop's. */
static void write_file(void *ctx)
{
    struct writing *writing = ctx;

    if (writing->text.len > 0)
        writing->err = gn_file_replace(writing->path, gn_buf_str(&writing->text));
    else
        writing->err = unlink(writing->path) == 0 ? GN_OK : GN_ENOTFOUND;
}

static bool finish_write(struct gn_memory *memory)
{
    struct writing *writing = &memory->writing;
    bool is_written = writing->err == GN_OK || writing->err == GN_ENOTFOUND;

    if (!is_written) {
        gn_log_warn("bmc.memory_unwritten file=%s reason=\"%s\"", writing->path,
                    gn_err_text(writing->err));
        if (writing->kept != NULL)
            mark_dirty(memory, writing->kept);
        memory->are_models_dirty = memory->are_models_dirty || writing->is_of_models;
    }
    free(writing->path);
    writing->path = NULL;
    gn_buf_free(&writing->text);
    memory->is_writing = false;
    return is_written;
}

static void on_written(void *ctx)
{
    struct gn_memory *memory = GN_CONTAINER_OF(ctx, struct gn_memory, writing);

    if (finish_write(memory))
        write_next(memory);
    else
        gn_timer_start(&memory->timer, RETRY_AFTER_MS);
}

/* Fills memory->writing with the next file. false: nothing is left, or no memory. */
static bool prepare_write(struct gn_memory *memory)
{
    struct writing *writing = &memory->writing;
    struct gone *gone = TAILQ_FIRST(&memory->gone);
    struct gn_kept *kept = TAILQ_FIRST(&memory->dirty);

    *writing = (struct writing){.text = gn_buf_with_limit(MEMORY_FILE_MAX)};
    if (gone != NULL) {
        writing->path = path_of(memory, FILE_PREFIX, gone->name, FILE_SUFFIX);
        TAILQ_REMOVE(&memory->gone, gone, link);
        free(gone);
        return writing->path != NULL;
    }
    if (kept != NULL) {
        TAILQ_REMOVE(&memory->dirty, kept, link);
        kept->is_dirty = false;
        writing->kept = kept;
        writing->path = path_of(memory, FILE_PREFIX, kept->name, FILE_SUFFIX);
        gn_kept_print(kept, &writing->text);
    } else if (memory->are_models_dirty) {
        memory->are_models_dirty = false;
        writing->is_of_models = true;
        writing->path = path_of(memory, "", MODELS_FILE, "");
        gn_models_print(memory->models, &writing->text);
    }
    if (writing->path != NULL && gn_buf_err(&writing->text) == GN_OK)
        return true;
    free(writing->path);
    writing->path = NULL;
    gn_buf_free(&writing->text);
    return false;
}

static void write_next(struct gn_memory *memory)
{
    if (memory->is_writing || !prepare_write(memory))
        return;
    memory->is_writing = true;
    memory->writing.job =
        (struct gn_job){.run = write_file, .done = on_written, .ctx = &memory->writing};
    gn_worker_submit(memory->worker, &memory->writing.job);
}

void gn_memory_changed(struct gn_memory *memory, struct gn_kept *kept)
{
    mark_dirty(memory, kept);
    write_soon(memory);
}

/* ---- BMCs ---- */

static void free_kept(struct gn_kept *kept)
{
    free(kept->logs);
    free(kept->name);
    free(kept);
}

struct gn_kept *gn_memory_of(struct gn_memory *memory, struct gn_str name)
{
    struct gn_kept *kept = NULL;

    HASH_FIND(hh, memory->kept, name.p, name.len, kept);
    if (kept != NULL)
        return kept;
    kept = calloc(1, sizeof *kept);
    if (kept == NULL)
        return NULL;
    kept->name = gn_str_dup(name);
    if (kept->name != NULL)
        HASH_ADD_KEYPTR(hh, memory->kept, kept->name, name.len, kept);
    if (kept->name == NULL || kept->hh.tbl == NULL) {
        free_kept(kept);
        return NULL;
    }
    return kept;
}

void gn_memory_forget(struct gn_memory *memory, struct gn_kept *kept)
{
    size_t len = strlen(kept->name);
    struct gone *gone = malloc(sizeof *gone + len + 1);

    if (gone != NULL) { /* else its file stays until it is pruned at a start */
        memcpy(gone->name, kept->name, len + 1);
        TAILQ_INSERT_TAIL(&memory->gone, gone, link);
        write_soon(memory);
    }
    if (memory->is_writing && memory->writing.kept == kept)
        memory->writing.kept = NULL;
    if (kept->is_dirty)
        TAILQ_REMOVE(&memory->dirty, kept, link);
    HASH_DEL(memory->kept, kept);
    free_kept(kept);
}

void gn_memory_prune(struct gn_memory *memory, bool (*keep)(void *ctx, const char *name), void *ctx)
{
    struct gn_kept *kept;
    struct gn_kept *next;

    HASH_ITER (hh, memory->kept, kept, next)
        if (!keep(ctx, kept->name))
            gn_memory_forget(memory, kept);
}

struct gn_kept_log *gn_kept_log(struct gn_kept *kept, const char *uri)
{
    struct gn_kept_log *grown;
    size_t len = strlen(uri);

    for (size_t i = 0; i < kept->log_count; i++)
        if (strcmp(kept->logs[i].uri, uri) == 0)
            return &kept->logs[i];
    if (kept->log_count == GN_KEPT_LOGS_MAX || len >= GN_SERVICE_URI_MAX)
        return NULL;
    grown = reallocarray(kept->logs, kept->log_count + 1, sizeof *grown);
    if (grown == NULL)
        return NULL;
    kept->logs = grown;
    grown += kept->log_count++;
    *grown = (struct gn_kept_log){0};
    memcpy(grown->uri, uri, len + 1);
    return grown;
}

void gn_kept_drop_logs(struct gn_kept *kept)
{
    free(kept->logs);
    kept->logs = NULL;
    kept->log_count = 0;
    kept->discovered_ns = 0;
}

void gn_kept_drop_log(struct gn_kept *kept, size_t index)
{
    GN_ASSERT(index < kept->log_count);
    kept->log_count--;
    memmove(&kept->logs[index], &kept->logs[index + 1],
            (kept->log_count - index) * sizeof *kept->logs);
}

/* ---- models ---- */

static struct gn_kept_model *model_of(struct gn_memory *memory, const char *key)
{
    struct gn_kept_model *model = NULL;

    if (key == NULL)
        return NULL;
    HASH_FIND_STR(memory->models, key, model);
    if (model != NULL || HASH_COUNT(memory->models) >= GN_KEPT_MODELS_MAX)
        return model;
    model = calloc(1, sizeof *model);
    if (model == NULL)
        return NULL;
    model->form = GN_TEST_FORMS;
    model->key = gn_str_dup(gn_str_of(key));
    if (model->key != NULL)
        HASH_ADD_KEYPTR(hh, memory->models, model->key, strlen(key), model);
    if (model->key == NULL || model->hh.tbl == NULL) {
        free(model->key);
        free(model);
        return NULL;
    }
    return model;
}

const struct gn_kept_model *gn_memory_model(const struct gn_memory *memory, const char *key)
{
    struct gn_kept_model *model = NULL;

    if (key != NULL)
        HASH_FIND_STR(memory->models, key, model);
    return model;
}

void gn_memory_learn_shape(struct gn_memory *memory, const char *key,
                           const struct gn_destination_shape *shape)
{
    struct gn_kept_model *model = model_of(memory, key);

    if (model == NULL)
        return;
    model->has_shape = true;
    model->shape = *shape;
    memory->are_models_dirty = true;
    write_soon(memory);
}

void gn_memory_learn_form(struct gn_memory *memory, const char *key, enum gn_test_form form)
{
    struct gn_kept_model *model = model_of(memory, key);

    if (model == NULL || model->form == form)
        return;
    model->form = form;
    memory->are_models_dirty = true;
    write_soon(memory);
}

static void take_model(void *ctx, const struct gn_kept_model *from)
{
    struct gn_kept_model *model = model_of(ctx, from->key);

    if (model == NULL)
        return;
    model->has_shape = from->has_shape;
    model->shape = from->shape;
    model->form = from->form;
}

/* ---- the secret ---- */

const char *gn_memory_fleet_id(const struct gn_memory *memory)
{
    return memory->fleet_id;
}

/* Nested, with the secret in front of both: what is inside of the outer one cannot be lengthened.
 * The lengths in between keep ("ab", "c") and ("a", "bc") apart. */
void gn_memory_sign(const struct gn_memory *memory, const char *purpose, const struct gn_str *parts,
                    size_t count, char out[33])
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_id id;
    size_t at = 0;

    for (int round = 0; round < 2; round++) {
        gn_buf_reset(&text);
        gn_buf_add_str(&text, gn_secret_str(&memory->secret));
        gn_buf_puts(&text, purpose);
        for (size_t i = 0; round == 0 && i < count; i++) {
            gn_buf_printf(&text, "\n%zu:", parts[i].len);
            gn_buf_add_str(&text, parts[i]);
        }
        if (round == 1)
            gn_buf_puts(&text, id.text);
        GN_ASSERT(gn_buf_err(&text) == GN_OK); /* short texts; without memory nothing goes on */
        id = gn_id_v5(gn_buf_str(&text));
        explicit_bzero(text.data, text.len);
    }
    for (const char *c = id.text; *c != '\0'; c++)
        if (*c != '-')
            out[at++] = *c;
    out[at] = '\0';
    gn_buf_free(&text);
}

static enum gn_err make_secret(struct gn_memory *memory, const char *path)
{
    uint8_t bytes[MEMORY_SECRET_LEN];
    char text[2 * sizeof bytes + 1];
    enum gn_err err = GN_OK;

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return GN_EIO;
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    if (!gn_secret_set(&memory->secret, gn_str_of(text)))
        err = GN_ENOMEM;
    if (err == GN_OK)
        err = gn_file_replace(path, gn_secret_str(&memory->secret));
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text, sizeof text);
    return err;
}

static enum gn_err load_secret(struct gn_memory *memory)
{
    struct gn_buf text = GN_BUF_INIT;
    char *path = path_of(memory, "", SECRET_FILE, "");
    char sign[33];
    enum gn_err err;

    if (path == NULL)
        return GN_ENOMEM;
    err = gn_file_read(path, 4096, &text);
    if (err == GN_OK && text.len < MEMORY_SECRET_LEN)
        err = GN_ENOTFOUND; /* emptied: made anew, old subscriptions are known by their token no
                               more */
    if (err == GN_OK && !gn_secret_set(&memory->secret, gn_buf_str(&text)))
        err = GN_ENOMEM;
    if (err == GN_ENOTFOUND)
        err = make_secret(memory, path);
    if (text.data != NULL)
        explicit_bzero(text.data, text.len);
    gn_buf_free(&text);
    free(path);
    if (err != GN_OK)
        return err;
    gn_memory_sign(memory, "fleet", NULL, 0, sign);
    memcpy(memory->fleet_id, sign, sizeof memory->fleet_id - 1);
    return GN_OK;
}

/* ---- loading ---- */

static void put_aside(const char *path, enum gn_err err)
{
    struct gn_buf bad = gn_buf_with_limit(8192);

    gn_buf_printf(&bad, "%s.bad", path);
    gn_log_warn("bmc.memory_bad file=%s reason=\"%s\"", path, gn_err_text(err));
    if (gn_buf_err(&bad) == GN_OK && rename(path, bad.data) != 0)
        gn_log_warn("bmc.memory_stays file=%s", path);
    gn_buf_free(&bad);
}

static enum gn_err load_file(struct gn_memory *memory, struct gn_str name, const char *path)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_kept *kept = NULL;
    enum gn_err err = gn_file_read(path, MEMORY_FILE_MAX, &text);

    if (err == GN_OK && name.len == 0) {
        err = gn_models_parse(gn_buf_str(&text), take_model, memory);
    } else if (err == GN_OK) {
        kept = gn_memory_of(memory, name);
        err = kept == NULL ? GN_ENOMEM : gn_kept_parse(kept, gn_buf_str(&text));
        if (kept != NULL)
            kept->has_gap = true; /* who was down has missed what was sent meanwhile */
    }
    gn_buf_free(&text);
    if (err == GN_OK || err == GN_ENOMEM)
        return err;
    if (kept != NULL) {
        HASH_DEL(memory->kept, kept);
        free_kept(kept);
    }
    put_aside(path, err);
    return GN_OK;
}

static enum gn_err load_entry(void *ctx, const char *entry)
{
    struct gn_memory *memory = ctx;
    struct gn_str name = gn_str_of(entry);
    const size_t around = strlen(FILE_PREFIX) + strlen(FILE_SUFFIX);
    bool is_bmc = gn_str_has_prefix(name, GN_STR(FILE_PREFIX)) &&
                  gn_str_has_suffix(name, GN_STR(FILE_SUFFIX)) && name.len > around;
    char *path;
    enum gn_err err;

    if (!is_bmc && strcmp(entry, MODELS_FILE) != 0)
        return GN_OK;
    path = path_of(memory, "", entry, "");
    if (path == NULL)
        return GN_ENOMEM;
    name = is_bmc ? (struct gn_str){entry + strlen(FILE_PREFIX), name.len - around} : GN_STR_NONE;
    err = load_file(memory, name, path);
    free(path);
    return err;
}

static enum gn_err load(struct gn_memory *memory, const char *folder)
{
    enum gn_err err;

    memory->folder = gn_str_dup(gn_str_of(folder));
    if (memory->folder == NULL)
        return GN_ENOMEM;
    err = gn_file_mkdirs(folder);
    if (err == GN_OK)
        err = load_secret(memory);
    if (err == GN_OK)
        err = gn_file_each(folder, load_entry, memory);
    if (err != GN_OK)
        return err;
    memory->worker = gn_worker_new(memory->loop, "gurnard-bmc");
    return memory->worker == NULL ? GN_ENOMEM : GN_OK;
}

/* ---- life ---- */

struct gn_memory *gn_memory_new(struct gn_loop *loop, const char *folder)
{
    struct gn_memory *memory = calloc(1, sizeof *memory);
    enum gn_err err;

    if (memory == NULL)
        return NULL;
    memory->loop = loop;
    TAILQ_INIT(&memory->dirty);
    TAILQ_INIT(&memory->gone);
    gn_timer_init(&memory->timer, loop, on_due, memory);
    err = load(memory, folder);
    if (err == GN_OK)
        return memory;
    gn_log_error("bmc.memory_failed folder=%s reason=\"%s\"", folder, gn_err_text(err));
    gn_memory_free(memory);
    return NULL;
}

static void write_rest(struct gn_memory *memory)
{
    while (prepare_write(memory)) {
        write_file(&memory->writing);
        memory->writing.kept = NULL; /* written or not: there is no later */
        if (!finish_write(memory))
            return;
    }
}

void gn_memory_free(struct gn_memory *memory)
{
    struct gn_kept *kept;
    struct gn_kept *next;
    struct gn_kept_model *model;
    struct gn_kept_model *next_model;

    if (memory == NULL)
        return;
    gn_worker_free(memory->worker); /* a write under way ends, and may begin the next */
    gn_timer_fini(&memory->timer);
    if (memory->worker != NULL)
        write_rest(memory);
    HASH_ITER (hh, memory->kept, kept, next) {
        HASH_DEL(memory->kept, kept);
        free_kept(kept);
    }
    HASH_ITER (hh, memory->models, model, next_model) {
        HASH_DEL(memory->models, model);
        free(model->key);
        free(model);
    }
    while (!TAILQ_EMPTY(&memory->gone)) {
        struct gone *gone = TAILQ_FIRST(&memory->gone);

        TAILQ_REMOVE(&memory->gone, gone, link);
        free(gone);
    }
    gn_secret_free(&memory->secret);
    free(memory->folder);
    free(memory);
}
