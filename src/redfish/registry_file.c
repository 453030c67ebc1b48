/* Registry files: the walk through a folder. */
#include "gurnard/redfish/registry.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "gurnard/base/file.h"
#include "gurnard/base/log.h"
#include "registry_priv.h"

#define FOLDER_DEPTH_MAX 2    /* sub-folders inside each other */
#define PATH_BYTES_MAX   4096 /* of a path */

struct walk {
    struct gn_registry_set *set;
    struct gn_registry_report *report;
    struct gn_buf path;    /* of the folder being read */
    struct gn_buf content; /* of the file being read */
    unsigned depth;
};

static void warn(struct walk *walk, const char *path, const char *reason)
{
    walk->report->failed++;
    gn_log_warn("registry.bad file=%s reason=%s", path, reason);
}

/* Loads one file. GN_ENOMEM ends the walk, all other trouble is the file's. */
static enum gn_err load_file(struct walk *walk, const char *path)
{
    const char *reason = NULL;
    enum gn_err err = gn_file_read(path, GN_REGISTRY_FILE_MAX, &walk->content);

    if (err == GN_OK)
        err = gn_registry_set_load(walk->set, gn_buf_str(&walk->content), path, &reason);
    if (err == GN_OK)
        walk->report->loaded++;
    else if (err == GN_EUNSUPPORTED)
        walk->report->skipped++;
    else if (err != GN_ENOMEM)
        warn(walk, path, reason == NULL ? gn_err_text(err) : reason);
    return err == GN_ENOMEM ? GN_ENOMEM : GN_OK;
}

static bool is_registry_name(struct gn_str name)
{
    return gn_str_has_suffix(name, GN_STR(".json")) || gn_str_has_suffix(name, GN_STR(".json.gz"));
}

static enum gn_err visit(void *ctx, const char *name);

static enum gn_err visit_folder(struct walk *walk)
{
    enum gn_err err;

    if (walk->depth == FOLDER_DEPTH_MAX)
        return GN_OK;
    walk->depth++;
    err = gn_file_each(walk->path.data, visit, walk);
    walk->depth--;
    if (err == GN_ENOMEM)
        return err;
    if (err != GN_OK)
        warn(walk, walk->path.data, gn_err_text(err));
    return GN_OK;
}

/* Visits what walk->path names now. What is neither folder nor file (a socket, a pipe) is left. */
static enum gn_err visit_path(struct walk *walk, struct gn_str name)
{
    struct stat st;

    if (stat(walk->path.data, &st) != 0) {
        if (is_registry_name(name))
            warn(walk, walk->path.data, strerror(errno));
        return GN_OK;
    }
    if (S_ISDIR(st.st_mode))
        return visit_folder(walk);
    if (S_ISREG(st.st_mode) && is_registry_name(name))
        return load_file(walk, walk->path.data);
    return GN_OK;
}

static enum gn_err visit(void *ctx, const char *name)
{
    struct walk *walk = ctx;
    size_t folder_len = walk->path.len;
    enum gn_err err;

    gn_buf_putc(&walk->path, '/');
    gn_buf_puts(&walk->path, name);
    err = gn_buf_err(&walk->path);
    if (err == GN_OK)
        err = visit_path(walk, gn_str_of(name));
    if (err == GN_ELIMIT) {
        warn(walk, name, "its path is too long");
        walk->path.err = GN_OK;
        err = GN_OK;
    }
    walk->path.len = folder_len; /* back to the folder */
    walk->path.data[folder_len] = '\0';
    return err;
}

enum gn_err gn_registry_set_load_folder(struct gn_registry_set *set, const char *folder,
                                        struct gn_registry_report *report)
{
    struct walk walk = {.set = set,
                        .report = report,
                        .path = gn_buf_with_limit(PATH_BYTES_MAX),
                        .content = gn_buf_with_limit(GN_REGISTRY_FILE_MAX)};
    enum gn_err err;

    *report = (struct gn_registry_report){0};
    gn_buf_puts(&walk.path, folder);
    err = gn_buf_err(&walk.path);
    if (err == GN_OK)
        err = gn_file_each(folder, visit, &walk);
    gn_buf_free(&walk.path);
    gn_buf_free(&walk.content);
    return err;
}
