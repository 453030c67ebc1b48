/* The registry cache in memory: models and their slots, and the index as text. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "regcache_priv.h"

/* ---- slots ---- */

#define TEXTS 7

/* The texts of an entry, one after the other. */
static void list_texts(struct gn_regcache_entry *entry, const char **texts[TEXTS])
{
    texts[0] = &entry->uri;
    texts[1] = &entry->source;
    texts[2] = &entry->registry;
    texts[3] = &entry->language;
    texts[4] = &entry->etag;
    texts[5] = &entry->file;
    texts[6] = &entry->reason;
}

bool gn_regcache_slot_set(struct gn_regcache_slot *slot, const struct gn_regcache_entry *entry)
{
    struct gn_regcache_entry copy = *entry;
    const char **texts[TEXTS];
    size_t bytes = 0;
    char *block, *at;

    list_texts(&copy, texts);
    for (size_t i = 0; i < TEXTS; i++)
        bytes += (*texts[i] == NULL ? 0 : strlen(*texts[i])) + 1;
    block = malloc(bytes);
    if (block == NULL)
        return false;
    at = block;
    for (size_t i = 0; i < TEXTS; i++) {
        const struct gn_str text = gn_str_of(*texts[i]);

        if (text.len > 0)
            memcpy(at, text.p, text.len);
        at[text.len] = '\0';
        *texts[i] = at;
        at += text.len + 1;
    }
    free(slot->block);
    slot->block = block;
    slot->entry = copy;
    return true;
}

struct gn_regcache_slot *gn_regcache_slot_add(struct gn_regcache_model *model,
                                              const struct gn_regcache_entry *entry)
{
    struct gn_regcache_slot *slot;

    if (model->slot_count >= GN_REGCACHE_REGISTRIES_MAX)
        return NULL;
    slot = calloc(1, sizeof *slot);
    if (slot == NULL || !gn_regcache_slot_set(slot, entry)) {
        free(slot);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&model->slots, slot, link);
    model->slot_count++;
    model->cache->bytes += entry->bytes;
    return slot;
}

void gn_regcache_slot_drop(struct gn_regcache_model *model, struct gn_regcache_slot *slot)
{
    TAILQ_REMOVE(&model->slots, slot, link);
    model->slot_count--;
    model->cache->bytes -= slot->entry.bytes;
    free(slot->block);
    free(slot);
}

struct gn_regcache_slot *gn_regcache_slot_at(const struct gn_regcache_model *model,
                                             struct gn_str uri)
{
    struct gn_regcache_slot *slot;

    if (uri.len == 0)
        return NULL;
    TAILQ_FOREACH (slot, &model->slots, link) {
        if (gn_str_eq(gn_str_of(slot->entry.uri), uri))
            return slot;
    }
    return NULL;
}

struct gn_regcache_slot *gn_regcache_slot_of_file(const struct gn_regcache_model *model,
                                                  struct gn_str file)
{
    struct gn_regcache_slot *slot;

    TAILQ_FOREACH (slot, &model->slots, link) {
        if (gn_str_eq(gn_str_of(slot->entry.file), file))
            return slot;
    }
    return NULL;
}

/* ---- models ---- */

static void free_model(struct gn_regcache_model *model)
{
    gn_buf_free(&model->text);
    free(model->path);
    free(model->name);
    free(model->firmware);
    free(model);
}

struct gn_regcache_model *gn_regcache_model_add(struct gn_regcache *cache, const char *folder,
                                                struct gn_str name, struct gn_str firmware)
{
    struct gn_regcache_model *model = calloc(1, sizeof *model);
    struct gn_buf path = GN_BUF_INIT;

    if (model == NULL)
        return NULL;
    gn_buf_printf(&path, "%s/%s", cache->folder, folder);
    model->text = gn_buf_with_limit(GN_REGCACHE_INDEX_MAX);
    model->path = gn_buf_take(&path);
    model->name = gn_str_dup(name);
    model->firmware = gn_str_dup(firmware);
    if (model->path == NULL || model->name == NULL || model->firmware == NULL) {
        free_model(model);
        return NULL;
    }
    model->folder = strrchr(model->path, '/') + 1;
    model->cache = cache;
    TAILQ_INIT(&model->slots);
    TAILQ_INSERT_TAIL(&cache->models, model, link);
    cache->model_count++;
    return model;
}

void gn_regcache_model_drop(struct gn_regcache_model *model)
{
    while (!TAILQ_EMPTY(&model->slots))
        gn_regcache_slot_drop(model, TAILQ_FIRST(&model->slots));
    TAILQ_REMOVE(&model->cache->models, model, link);
    model->cache->model_count--;
    free_model(model);
}

/* ---- the index as text ---- */

static const char *const state_names[] = {
    [GN_REGCACHE_NONE] = "none",
    [GN_REGCACHE_HAVE] = "have",
    [GN_REGCACHE_SKIP] = "skip",
    [GN_REGCACHE_FAILED] = "failed",
};

static void add_text(struct gn_buf *out, const char *key, const char *text)
{
    if (text[0] == '\0')
        return;
    gn_buf_printf(out, ",\"%s\":", key);
    gn_text_add_json(out, gn_str_of(text));
}

static void add_entry(struct gn_buf *out, const struct gn_regcache_entry *entry)
{
    char checked[GN_TIME_TEXT_MAX];

    gn_time_format(entry->checked_ns, checked);
    gn_buf_printf(out, "{\"state\":\"%s\",\"checked\":\"%s\"", state_names[entry->state], checked);
    add_text(out, "uri", entry->uri);
    add_text(out, "source", entry->source);
    add_text(out, "registry", entry->registry);
    add_text(out, "language", entry->language);
    add_text(out, "etag", entry->etag);
    add_text(out, "file", entry->file);
    add_text(out, "reason", entry->reason);
    gn_buf_putc(out, '}');
}

void gn_regcache_index_write(const struct gn_regcache_model *model, struct gn_buf *out)
{
    const struct gn_regcache_slot *slot;
    char used[GN_TIME_TEXT_MAX];
    const char *between = "\n";

    gn_time_format(model->used_ns, used);
    gn_buf_puts(out, "{\"model\":");
    gn_text_add_json(out, gn_str_of(model->name));
    gn_buf_puts(out, ",\"firmware\":");
    gn_text_add_json(out, gn_str_of(model->firmware));
    gn_buf_printf(out, ",\"used\":\"%s\",\"registries\":[", used);
    TAILQ_FOREACH (slot, &model->slots, link) {
        if (slot->entry.state == GN_REGCACHE_NONE)
            continue;
        gn_buf_puts(out, between);
        add_entry(out, &slot->entry);
        between = ",\n";
    }
    gn_buf_puts(out, "]}\n");
}

static bool read_state(const json_t *value, enum gn_regcache_state *state)
{
    const struct gn_str text = gn_json_str(value, "state");

    for (int i = GN_REGCACHE_HAVE; i <= GN_REGCACHE_FAILED; i++) {
        if (gn_str_eq(text, gn_str_of(state_names[i]))) {
            *state = (enum gn_regcache_state)i;
            return true;
        }
    }
    return false;
}

/* Reads one registry. One that makes no sense is passed over: it is fetched again. */
static enum gn_err read_entry(struct gn_regcache_model *model, const json_t *value)
{
    struct gn_regcache_entry entry = {
        .uri = gn_json_str(value, "uri").p,
        .source = gn_json_str(value, "source").p,
        .registry = gn_json_str(value, "registry").p,
        .language = gn_json_str(value, "language").p,
        .etag = gn_json_str(value, "etag").p,
        .file = gn_json_str(value, "file").p,
        .reason = gn_json_str(value, "reason").p,
    };
    const struct gn_str uri = gn_str_of(entry.uri), file = gn_str_of(entry.file);

    if (!read_state(value, &entry.state) || gn_regcache_slot_at(model, uri) != NULL ||
        gn_time_parse(gn_json_str(value, "checked"), &entry.checked_ns) != GN_OK)
        return GN_OK;
    if (entry.state == GN_REGCACHE_HAVE) {
        if (!gn_regcache_is_file_name(file) || gn_regcache_slot_of_file(model, file) != NULL)
            return GN_OK;
    } else {
        entry.file = NULL;
        if (uri.len == 0)
            return GN_OK;
    }
    if (gn_regcache_slot_add(model, &entry) == NULL &&
        model->slot_count < GN_REGCACHE_REGISTRIES_MAX)
        return GN_ENOMEM;
    return GN_OK;
}

/* Replaces a text of the model. */
static bool set_text(char **text, struct gn_str value)
{
    char *copy = gn_str_dup(value);

    if (copy == NULL)
        return false;
    free(*text);
    *text = copy;
    return true;
}

enum gn_err gn_regcache_index_read(struct gn_regcache_model *model, struct gn_str text)
{
    static const struct gn_json_limits limits = {
        .max_bytes = GN_REGCACHE_INDEX_MAX,
        .max_depth = 4,
        .max_tokens = 16384,
    };
    json_t *root = NULL;
    const json_t *list;
    enum gn_err err = gn_json_parse(text, &limits, &root);

    if (err != GN_OK)
        return err;
    list = json_object_get(root, "registries");
    if (!json_is_array(list))
        err = GN_EPARSE;
    else if (!set_text(&model->name, gn_json_str(root, "model")) ||
             !set_text(&model->firmware, gn_json_str(root, "firmware")))
        err = GN_ENOMEM;
    else if (gn_time_parse(gn_json_str(root, "used"), &model->used_ns) != GN_OK)
        model->used_ns = 0; /* goes first */
    for (size_t i = 0; err == GN_OK && i < json_array_size(list); i++)
        err = read_entry(model, json_array_get(list, i));
    json_decref(root);
    return err;
}
