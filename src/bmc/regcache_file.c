/* The registry cache on disk: names, loading at start, and what the jobs of the worker do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gurnard/base/file.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"
#include "gurnard/redfish/registry.h"
#include "gurnard/redfish/unpack.h"
#include "regcache_priv.h"

#define NAME_PART_MAX  40 /* bytes of a model, a firmware, a URI in a name */
#define NAME_END       ".json"
#define TEMPORARY_END  ".tmp" /* of a replacement that was cut short */
#define PUT_ASIDE_NAME "index.json.bad"

/* ---- names ---- */

/* Appends text, cut, with '_' for what some file system may not like. */
static size_t put_part(char *name, size_t at, struct gn_str text)
{
    for (size_t i = 0; i < text.len && i < NAME_PART_MAX; i++) {
        const char c = text.p[i];
        const bool is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                              (c >= '0' && c <= '9') || c == '-' || (c == '.' && at > 0);

        name[at++] = is_plain ? c : '_';
    }
    return at;
}

void gn_regcache_folder_name(struct gn_str model, struct gn_str firmware,
                             char name[GN_REGCACHE_NAME_MAX])
{
    char digests[2 * 16 + 1];
    size_t at = put_part(name, 0, model.len > 0 ? model : GN_STR("unknown"));

    name[at++] = '-';
    at = put_part(name, at, firmware);
    (void)snprintf(digests, sizeof digests, "%016" PRIx64 "%016" PRIx64, gn_id_digest(model),
                   gn_id_digest(firmware));
    (void)snprintf(name + at, GN_REGCACHE_NAME_MAX - at, "-%016" PRIx64,
                   gn_id_digest(gn_str_of(digests)));
}

void gn_regcache_file_name(struct gn_str uri, char name[GN_REGCACHE_NAME_MAX])
{
    const char *slash;
    struct gn_str last = uri;
    size_t at;

    while (last.len > 0 && last.p[last.len - 1] == '/')
        last.len--;
    slash = last.len == 0 ? NULL : memrchr(last.p, '/', last.len);
    if (slash != NULL)
        last = (struct gn_str){slash + 1, (size_t)(last.p + last.len - (slash + 1))};
    at = put_part(name, 0, last);
    (void)snprintf(name + at, GN_REGCACHE_NAME_MAX - at, "-%016" PRIx64 NAME_END,
                   gn_id_digest(uri));
}

bool gn_regcache_is_file_name(struct gn_str name)
{
    return name.len < GN_REGCACHE_NAME_MAX && gn_str_has_suffix(name, GN_STR(NAME_END)) &&
           name.p[0] != '.' && memchr(name.p, '/', name.len) == NULL &&
           !gn_str_eq(name, GN_STR(GN_REGCACHE_INDEX));
}

/* folder/name; owned by the caller. NULL: no memory. */
static char *join(const char *folder, const char *name)
{
    struct gn_buf path = GN_BUF_INIT;

    gn_buf_printf(&path, "%s/%s", folder, name);
    return gn_buf_take(&path);
}

/* ---- writing and removing ---- */

enum gn_err gn_regcache_write(const char *folder, const char *name, struct gn_str data)
{
    char *path = join(folder, name);
    enum gn_err err = path == NULL ? GN_ENOMEM : gn_file_mkdirs(folder);

    if (err == GN_OK)
        err = gn_file_replace(path, data);
    free(path);
    return err;
}

/* Removes a file of ours. What cannot be removed is found again at the next start. */
static enum gn_err remove_file(void *ctx, const char *name)
{
    const char *folder = ctx;
    char *path = join(folder, name);

    if (path == NULL)
        return GN_ENOMEM;
    if (unlink(path) != 0 && errno != ENOENT)
        gn_log_warn("regcache.remove_failed file=%s reason=\"%s\"", path, strerror(errno));
    free(path);
    return GN_OK;
}

void gn_regcache_remove_folder(const char *path)
{
    struct gn_buf folder = GN_BUF_INIT;
    enum gn_err err;

    gn_buf_puts(&folder, path);
    err = gn_buf_err(&folder);
    if (err == GN_OK)
        err = gn_file_each(path, remove_file, folder.data);
    if (err == GN_OK && rmdir(path) != 0)
        err = GN_EIO;
    if (err != GN_OK && err != GN_ENOTFOUND)
        gn_log_warn("regcache.remove_failed file=%s reason=\"%s\"", path, gn_err_text(err));
    gn_buf_free(&folder);
}

/* ---- a download ---- */

static void fail(struct gn_regcache_check *check, const char *reason)
{
    check->state = GN_REGCACHE_FAILED;
    (void)snprintf(check->reason, sizeof check->reason, "%s", reason);
}

static void fail_by(struct gn_regcache_check *check, const char *what, enum gn_err err)
{
    check->state = GN_REGCACHE_FAILED;
    (void)snprintf(check->reason, sizeof check->reason, "%s: %s", what, gn_err_text(err));
}

/* Unpacks from into to when it is packed that way, and makes to what is looked at next. */
static enum gn_err unpack(struct gn_regcache_check *check, struct gn_str *text,
                          struct gn_buf *gunzipped, struct gn_buf *unzipped)
{
    enum gn_err err;

    if (gn_unpack_is_gzip(*text)) {
        err = gn_unpack_gzip(*text, GN_REGISTRY_FILE_MAX, gunzipped);
        if (err != GN_OK) {
            fail_by(check, "gzip", err);
            return err;
        }
        *text = gn_buf_str(gunzipped);
    }
    if (!gn_unpack_is_zip(*text))
        return GN_OK;
    err = gn_unpack_zip(*text, check->archive_file, GN_REGISTRY_FILE_MAX, unzipped);
    if (err != GN_OK)
        fail_by(check, "zip archive", err);
    else
        *text = gn_buf_str(unzipped);
    return err;
}

static void note_registry(void *ctx, struct gn_str prefix, uint16_t major, uint16_t minor,
                          struct gn_str name, uint32_t messages)
{
    struct gn_regcache_check *check = ctx;
    char version[16];
    size_t room;

    (void)name;
    (void)messages;
    (void)snprintf(version, sizeof version, ".%u.%u", major, minor);
    room = sizeof check->registry - 1 - strlen(version);
    if (prefix.len > room)
        prefix.len = room;
    (void)snprintf(check->registry, sizeof check->registry, "%.*s%s", (int)prefix.len, prefix.p,
                   version);
}

/* Whether text is a message registry. */
static bool is_registry(struct gn_regcache_check *check, struct gn_str text)
{
    struct gn_registry_set *set = gn_registry_set_new();
    const char *reason = NULL;
    enum gn_err err = GN_ENOMEM;

    if (set != NULL)
        err = gn_registry_set_load(set, text, check->file, &reason);
    if (err == GN_OK)
        gn_registry_set_each(set, note_registry, check);
    else if (err == GN_EUNSUPPORTED)
        check->state = GN_REGCACHE_SKIP;
    else
        fail(check, reason == NULL ? gn_err_text(err) : reason);
    gn_registry_set_free(set);
    return err == GN_OK;
}

/* Whether the file holds text already. */
static bool is_stored(const struct gn_regcache_check *check, struct gn_str text)
{
    char *path = join(check->folder, check->file);
    struct gn_buf old = gn_buf_with_limit(GN_REGISTRY_FILE_MAX);
    bool is_same = path != NULL && gn_file_read(path, GN_REGISTRY_FILE_MAX, &old) == GN_OK &&
                   gn_str_eq(gn_buf_str(&old), text);

    gn_buf_free(&old);
    free(path);
    return is_same;
}

void gn_regcache_check_run(struct gn_regcache_check *check)
{
    struct gn_buf gunzipped = gn_buf_with_limit(GN_REGISTRY_FILE_MAX);
    struct gn_buf unzipped = gn_buf_with_limit(GN_REGISTRY_FILE_MAX);
    struct gn_str text = check->bytes;
    enum gn_err err;

    if (unpack(check, &text, &gunzipped, &unzipped) != GN_OK || !is_registry(check, text))
        goto out;
    check->file_bytes = text.len;
    check->state = GN_REGCACHE_HAVE;
    if (is_stored(check, text))
        goto out;
    err = gn_regcache_write(check->folder, check->file, text);
    if (err == GN_OK)
        check->is_new = true;
    else
        fail_by(check, "write", err);
out:
    gn_buf_free(&gunzipped);
    gn_buf_free(&unzipped);
}

/* ---- loading ---- */

/* Notes the size of a file that a slot names, or takes in one that none names: an index was lost,
 * or never written. */
static enum gn_err take_file(struct gn_regcache_model *model, const char *name, off_t size)
{
    const uint64_t bytes = size < 0 ? 0 : (uint64_t)size;
    struct gn_regcache_slot *slot = gn_regcache_slot_of_file(model, gn_str_of(name));
    const struct gn_regcache_entry stray = {.file = name,
                                            .state = GN_REGCACHE_HAVE,
                                            .bytes = bytes};

    if (slot != NULL) {
        slot->entry.bytes = bytes;
        model->cache->bytes += bytes;
        return GN_OK;
    }
    if (gn_regcache_slot_add(model, &stray) != NULL)
        return GN_OK;
    if (model->slot_count < GN_REGCACHE_REGISTRIES_MAX)
        return GN_ENOMEM;
    return remove_file(model->path, name);
}

static enum gn_err visit_file(void *ctx, const char *name)
{
    struct gn_regcache_model *model = ctx;
    struct stat st;
    enum gn_err err = GN_OK;
    char *path;

    if (gn_str_has_suffix(gn_str_of(name), GN_STR(TEMPORARY_END)))
        return remove_file(model->path, name);
    if (!gn_regcache_is_file_name(gn_str_of(name)))
        return GN_OK;
    path = join(model->path, name);
    if (path == NULL)
        return GN_ENOMEM;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        err = take_file(model, name, st.st_size);
    free(path);
    return err;
}

/* Drops the slots of files that are not there (any more). */
static void drop_missing(struct gn_regcache_model *model)
{
    struct gn_regcache_slot *slot = TAILQ_FIRST(&model->slots);

    while (slot != NULL) {
        struct gn_regcache_slot *next = TAILQ_NEXT(slot, link);

        if (slot->entry.state == GN_REGCACHE_HAVE && slot->entry.bytes == 0)
            gn_regcache_slot_drop(model, slot); /* an empty file is no registry either */
        slot = next;
    }
}

static void put_index_aside(struct gn_regcache_model *model, const char *path, enum gn_err why)
{
    char *aside = join(model->path, PUT_ASIDE_NAME);

    while (!TAILQ_EMPTY(&model->slots)) /* a part that was read */
        gn_regcache_slot_drop(model, TAILQ_FIRST(&model->slots));
    model->used_ns = 0;
    if (aside != NULL && rename(path, aside) == 0)
        gn_log_warn("regcache.index_bad file=%s reason=\"%s\" kept_as=%s", path, gn_err_text(why),
                    aside);
    else
        gn_log_warn("regcache.index_bad file=%s reason=\"%s\" kept_as=none", path,
                    gn_err_text(why));
    free(aside);
}

static enum gn_err load_index(struct gn_regcache_model *model)
{
    struct gn_buf text = gn_buf_with_limit(GN_REGCACHE_INDEX_MAX);
    char *path = join(model->path, GN_REGCACHE_INDEX);
    enum gn_err err;

    if (path == NULL)
        return GN_ENOMEM;
    err = gn_file_read(path, GN_REGCACHE_INDEX_MAX, &text);
    if (err == GN_OK)
        err = gn_regcache_index_read(model, gn_buf_str(&text));
    if (err == GN_ENOTFOUND) {
        err = GN_OK; /* written behind the first registry */
    } else if (err != GN_OK && err != GN_ENOMEM) {
        put_index_aside(model, path, err);
        err = GN_OK;
    }
    free(path);
    gn_buf_free(&text);
    return err;
}

static enum gn_err load_model(struct gn_regcache *cache, const char *folder)
{
    struct gn_regcache_model *model =
        gn_regcache_model_add(cache, folder, GN_STR_NONE, GN_STR_NONE);
    enum gn_err err;

    if (model == NULL)
        return GN_ENOMEM;
    err = load_index(model);
    if (err == GN_OK)
        err = gn_file_each(model->path, visit_file, model);
    drop_missing(model);
    if (err == GN_OK || err == GN_ENOMEM)
        return err;
    gn_log_warn("regcache.folder_unreadable folder=%s reason=\"%s\"", model->path,
                gn_err_text(err));
    gn_regcache_model_drop(model);
    return GN_OK;
}

static enum gn_err visit_folder(void *ctx, const char *name)
{
    struct gn_regcache *cache = ctx;
    char *path = join(cache->folder, name);
    struct stat st;
    bool is_folder;

    if (path == NULL)
        return GN_ENOMEM;
    is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    free(path);
    return is_folder && strlen(name) < GN_REGCACHE_NAME_MAX ? load_model(cache, name) : GN_OK;
}

enum gn_err gn_regcache_load(struct gn_regcache *cache)
{
    enum gn_err err = gn_file_mkdirs(cache->folder);

    return err == GN_OK ? gn_file_each(cache->folder, visit_folder, cache) : err;
}
