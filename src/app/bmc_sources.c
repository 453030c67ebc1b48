/* The sources of the inventory: settings, folder, environment, and the file of the admin API. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bmc_inventory_priv.h"
#include "gurnard/app/tree.h"
#include "gurnard/base/file.h"
#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/log.h"
#include "gurnard/base/url.h"

#define API_FILE "bmcs.json"

static const struct gn_tree_limits file_limits = {GN_BMC_FILE_MAX, GN_BMC_FILE_DEPTH};

/* One reading of the sources. */
struct reading {
    struct inventory_sources *sources;
    struct gn_bmc_defaults defaults;
    struct gn_bmc_list *list; /* that is read into */
    size_t files;
    bool is_whole; /* each file of the source could be read */
    enum gn_err err;
};

static void on_wrong(void *ctx, const char *where, const char *what)
{
    struct reading *reading = ctx;

    reading->sources->wrong++;
    gn_log_warn("inventory.entry_wrong where=\"%s\" reason=\"%s\"", where, what);
}

static void file_failed(struct reading *reading, const char *path, const char *what)
{
    reading->is_whole = false;
    reading->sources->wrong++;
    gn_log_warn("inventory.unreadable file=%s reason=\"%s\"", path, what);
}

/* Entries that are wrong were told and are passed over. */
static void read_value(struct reading *reading, const json_t *value, enum gn_bmc_origin origin,
                       const char *where)
{
    const enum gn_err err =
        gn_bmc_list_read(reading->list, value, &reading->defaults, origin,
                         reading->sources->settings->bmc_secrets_folder, where, on_wrong, reading);

    if (err == GN_ENOMEM)
        reading->err = err;
}

static void read_json(struct reading *reading, const char *json, enum gn_bmc_origin origin,
                      const char *where)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);

    if (value == NULL) /* it is well-formed: it was made by the readers of trees */
        reading->err = GN_ENOMEM;
    else
        read_value(reading, value, origin, where);
    json_decref(value);
}

/* ---- files ---- */

static bool has_suffix(const char *name, const char *suffix)
{
    return gn_str_has_suffix(gn_str_of(name), gn_str_of(suffix));
}

bool gn_inventory_is_list_file(const char *name)
{
    return has_suffix(name, ".yaml") || has_suffix(name, ".yml") || has_suffix(name, ".json");
}

/* The file as JSON, owned. NULL: told. */
static char *file_as_json(struct reading *reading, const char *path)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_tree_fault fault = {0};
    char what[sizeof fault.what + 64];
    char *json = NULL;
    enum gn_err err = gn_file_read(path, GN_BMC_FILE_MAX, &text);

    if (err == GN_OK)
        err = has_suffix(path, ".json")
                  ? gn_tree_from_json(gn_buf_str(&text), &file_limits, &json, &fault)
                  : gn_tree_from_yaml(gn_buf_str(&text), &file_limits, &json, &fault);
    gn_buf_free(&text);
    if (err == GN_ENOMEM)
        reading->err = err;
    else if (err == GN_EINVAL) {
        (void)snprintf(what, sizeof what, "line %zu, column %zu: %s", fault.line, fault.column,
                       fault.what);
        file_failed(reading, path, what);
    } else if (err != GN_OK) {
        file_failed(reading, path, gn_err_text(err));
    }
    return json;
}

static void read_file(struct reading *reading, const char *path, enum gn_bmc_origin origin)
{
    char *json = file_as_json(reading, path);

    if (json != NULL)
        read_json(reading, json, origin, path);
    free(json);
}

static enum gn_err on_folder_entry(void *ctx, const char *name)
{
    struct reading *reading = ctx;
    const char *folder = reading->sources->settings->bmc_folder;
    char path[INVENTORY_PATH_MAX];

    if (!gn_inventory_is_list_file(name))
        return GN_OK;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return GN_ELIMIT;
    if (reading->files == GN_BMC_FOLDER_MAX) {
        file_failed(reading, folder, "too many files");
        return GN_ELIMIT;
    }
    reading->files++;
    read_file(reading, path, GN_BMC_FROM_FOLDER);
    return reading->err;
}

static void read_folder(struct reading *reading)
{
    const char *folder = reading->sources->settings->bmc_folder;
    enum gn_err err;

    if (folder[0] == '\0')
        return;
    err = gn_file_each(folder, on_folder_entry, reading);
    if (err == GN_ENOMEM)
        reading->err = err;
    else if (err != GN_OK && err != GN_ELIMIT)
        file_failed(reading, folder, gn_err_text(err));
}

bool gn_inventory_api_path(const struct gn_settings *settings, char path[INVENTORY_PATH_MAX])
{
    return snprintf(path, INVENTORY_PATH_MAX, "%s/%s", settings->store_path, API_FILE) <
           INVENTORY_PATH_MAX;
}

static void read_api(struct reading *reading)
{
    char path[INVENTORY_PATH_MAX];

    if (!gn_inventory_api_path(reading->sources->settings, path))
        return;
    if (access(path, F_OK) == 0 || errno != ENOENT) /* else nothing was ever added */
        read_file(reading, path, GN_BMC_FROM_API);
}

/* ---- what cannot fail to be read ---- */

static void read_settings(struct reading *reading)
{
    read_json(reading, reading->sources->settings->bmcs, GN_BMC_FROM_SETTINGS, "bmcs");
}

/* The BMC of hw-event-proxy is called by its host. */
static struct gn_str host_of(const struct gn_bmc_address *address)
{
    struct gn_url url;

    return gn_url_parse(gn_str_of(address->base), &url) == GN_OK ? url.host : GN_STR_NONE;
}

/* Who swaps gurnard in for hw-event-proxy has subscribed its BMC already, under an address that we
 * do not know: a second subscription would tell each event twice. So one is made only when it is
 * said where BMCs reach us. And hw-event-proxy never looked at certificates: the first one seen
 * counts, unless there are CAs to go by. */
static enum gn_err add_habits(const struct gn_settings *settings, json_t *entry)
{
    bool is_silent = strcmp(settings->bmc_way, "auto") == 0 && settings->bmc_webhook_url[0] == '\0';
    bool is_trusting = strcmp(settings->bmc_tls, "verify") == 0 && settings->bmc_ca_file[0] == '\0';

    if (is_silent && json_object_set_new(entry, "way", json_string("none")) != 0)
        return GN_ENOMEM;
    if (is_trusting && json_object_set_new(entry, "tls", json_string("tofu")) != 0)
        return GN_ENOMEM;
    return GN_OK;
}

static void read_environment(struct reading *reading)
{
    const struct gn_settings *settings = reading->sources->settings;
    const char *host = settings->bmc_legacy_host;
    struct gn_bmc_address address;
    const char *reason;
    struct gn_str name;
    json_t *entry;

    if (host[0] == '\0')
        return;
    if (gn_bmc_address_parse(gn_str_of(host), &address, &reason) != GN_OK) {
        on_wrong(reading, "bmc.legacy_host", reason);
        return;
    }
    name = host_of(&address);
    entry = json_pack("{s:s%, s:s, s:s}", "name", name.p, name.len, "address", host, "username",
                      settings->bmc_legacy_username);
    if (entry == NULL || add_habits(settings, entry) != GN_OK)
        on_wrong(reading, "bmc.legacy_username", "is no text");
    else
        read_value(reading, entry, GN_BMC_FROM_ENVIRONMENT, "bmc.legacy_host");
    json_decref(entry);
}

/* ---- all of them ---- */

/* Reads one source of files into kept, or leaves there what could last be read. */
static void refresh(struct reading *reading, void (*read)(struct reading *reading),
                    struct gn_bmc_list *kept, bool *has_read)
{
    struct gn_bmc_list fresh = {0};

    reading->list = &fresh;
    reading->is_whole = true;
    read(reading);
    if (reading->err == GN_OK && (reading->is_whole || !*has_read)) {
        gn_bmc_list_free(kept);
        *kept = fresh;
        *has_read = *has_read || reading->is_whole;
        return;
    }
    gn_bmc_list_free(&fresh);
}

enum gn_err gn_inventory_read_sources(struct inventory_sources *sources, struct gn_bmc_list *list)
{
    struct reading reading = {.sources = sources};
    enum gn_err err;

    sources->wrong = 0;
    gn_settings_bmc_defaults(sources->settings, &reading.defaults);
    refresh(&reading, read_folder, &sources->folder, &sources->has_folder);
    if (reading.err == GN_OK)
        refresh(&reading, read_api, &sources->api, &sources->has_api);
    reading.list = list;
    if (reading.err == GN_OK)
        read_settings(&reading);
    if (reading.err == GN_OK)
        read_environment(&reading);
    err = reading.err;
    if (err == GN_OK)
        err = gn_bmc_list_copy(list, &sources->folder);
    if (err == GN_OK)
        err = gn_bmc_list_copy(list, &sources->api);
    if (err == GN_OK)
        gn_bmc_list_settle(list, on_wrong, &reading);
    return err;
}

void gn_inventory_sources_free(struct inventory_sources *sources)
{
    gn_bmc_list_free(&sources->folder);
    gn_bmc_list_free(&sources->api);
}

/* ---- the admin API's file ---- */

/* The list in the file, owned; an empty one when there is none. */
static enum gn_err load_file(const char *path, json_t **list)
{
    const struct gn_json_limits limits = {GN_BMC_FILE_MAX, GN_BMC_FILE_DEPTH, GN_BMC_FILE_MAX / 2,
                                          false};
    struct gn_buf text = GN_BUF_INIT;
    json_t *root = NULL;
    enum gn_err err = gn_file_read(path, GN_BMC_FILE_MAX, &text);

    *list = NULL;
    if (err == GN_ENOTFOUND) {
        *list = json_array();
        return *list != NULL ? GN_OK : GN_ENOMEM;
    }
    if (err == GN_OK)
        err = gn_json_parse(gn_buf_str(&text), &limits, &root);
    if (err == GN_OK) {
        *list = json_incref(json_object_get(root, "bmcs"));
        err = json_is_array(*list) ? GN_OK : GN_EPARSE;
    }
    if (err != GN_OK) {
        json_decref(*list);
        *list = NULL;
    }
    json_decref(root);
    gn_buf_free(&text);
    return err;
}

static enum gn_err save_file(const char *path, json_t *list)
{
    json_t *root = json_pack("{s:O}", "bmcs", list);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;
    enum gn_err err = GN_ENOMEM;

    if (text != NULL)
        err = strlen(text) <= GN_BMC_FILE_MAX ? gn_file_replace(path, gn_str_of(text)) : GN_ELIMIT;
    free(text);
    json_decref(root);
    return err;
}

/* The place of name in list, or its size. */
static size_t place_of(const json_t *list, const char *name)
{
    const size_t count = json_array_size(list);

    for (size_t i = 0; i < count; i++)
        if (gn_str_eq(gn_json_str(json_array_get(list, i), "name"), gn_str_of(name)))
            return i;
    return count;
}

static enum gn_err apply(json_t *list, enum gn_bmc_edit edit, const char *name, const json_t *entry)
{
    const size_t place = place_of(list, name);
    const bool is_there = place < json_array_size(list);
    json_t *copy;

    if (edit == GN_BMC_REMOVE) {
        if (!is_there)
            return GN_ENOTFOUND;
        return json_array_remove(list, place) == 0 ? GN_OK : GN_ENOMEM;
    }
    if (edit == GN_BMC_ADD && is_there)
        return GN_EEXIST;
    if (!is_there && place >= GN_BMC_MAX)
        return GN_ELIMIT;
    copy = json_deep_copy(entry);
    if (is_there)
        return json_array_set_new(list, place, copy) == 0 ? GN_OK : GN_ENOMEM;
    return json_array_append_new(list, copy) == 0 ? GN_OK : GN_ENOMEM;
}

enum gn_err gn_inventory_edit_file(const struct gn_settings *settings, enum gn_bmc_edit edit,
                                   const char *name, const json_t *entry)
{
    char path[INVENTORY_PATH_MAX];
    json_t *list = NULL;
    enum gn_err err;

    if (!gn_inventory_api_path(settings, path))
        return GN_ELIMIT;
    err = load_file(path, &list);
    if (err == GN_OK)
        err = apply(list, edit, name, entry);
    if (err == GN_OK)
        err = gn_file_mkdirs(settings->store_path);
    if (err == GN_OK)
        err = save_file(path, list);
    json_decref(list);
    return err;
}
