/* Lists of BMCs: read in each form that people have them in, joined, settled. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/bmc/spec.h"
#include "spec_priv.h"

#define WHERE_MAX  512
#define FIRST_ROOM 16

struct list_reading {
    struct gn_bmc_list *list;
    const struct gn_bmc_defaults *defaults;
    const char *secrets_folder;
    gn_bmc_complain_fn complain;
    void *ctx;
    enum gn_bmc_origin origin;
    bool was_wrong;
};

/* ---- the list itself ---- */

static enum gn_err make_room(struct gn_bmc_list *list, size_t more)
{
    size_t room = list->room > 0 ? list->room : FIRST_ROOM;
    struct gn_bmc_spec *items;

    if (more > GN_BMC_MAX || list->count > GN_BMC_MAX - more)
        return GN_ELIMIT;
    if (list->count + more <= list->room)
        return GN_OK;
    while (room < list->count + more)
        room *= 2;
    items = reallocarray(list->items, room, sizeof *items);
    if (items == NULL)
        return GN_ENOMEM;
    list->items = items;
    list->room = room;
    return GN_OK;
}

/* Takes what spec holds. There is room. */
static void append(struct gn_bmc_list *list, const struct gn_bmc_spec *spec)
{
    list->items[list->count] = *spec;
    list->items[list->count].order = (uint32_t)list->count;
    list->count++;
}

enum gn_err gn_bmc_list_join(struct gn_bmc_list *list, struct gn_bmc_list *from)
{
    const enum gn_err err = make_room(list, from->count);

    if (err != GN_OK)
        return err;
    for (size_t i = 0; i < from->count; i++)
        append(list, &from->items[i]);
    free(from->items);
    *from = (struct gn_bmc_list){0};
    return GN_OK;
}

enum gn_err gn_bmc_list_copy(struct gn_bmc_list *list, const struct gn_bmc_list *from)
{
    enum gn_err err = make_room(list, from->count);

    for (size_t i = 0; i < from->count && err == GN_OK; i++) {
        struct gn_bmc_spec copy;

        err = gn_bmc_spec_copy(&from->items[i], &copy);
        if (err == GN_OK)
            append(list, &copy);
    }
    return err;
}

void gn_bmc_list_free(struct gn_bmc_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        gn_bmc_spec_free(&list->items[i]);
    free(list->items);
    *list = (struct gn_bmc_list){0};
}

/* ---- reading ---- */

static void tell(struct list_reading *reading, const char *where, const char *what)
{
    reading->was_wrong = true;
    if (reading->complain != NULL)
        reading->complain(reading->ctx, where, what);
}

/* Says which entry it is, by its name where that is a text. */
static void tell_entry(struct list_reading *reading, const char *where, const json_t *entry,
                       const struct gn_buf *why)
{
    const char *reason = gn_buf_err(why) == GN_OK && why->len > 0 ? why->data : "is wrong";
    const char *name = json_string_value(json_object_get(entry, "name"));
    char what[WHERE_MAX];

    if (!gn_spec_is_name(gn_str_of(name))) {
        tell(reading, where, reason);
    } else {
        (void)snprintf(what, sizeof what, "%s: %s", name, reason);
        tell(reading, where, what);
    }
}

static enum gn_err read_entry(struct list_reading *reading, const json_t *entry, const char *where)
{
    struct gn_buf why = gn_buf_with_limit(WHERE_MAX);
    struct gn_bmc_spec spec;
    enum gn_err err = make_room(reading->list, 1);

    if (err == GN_ELIMIT)
        tell(reading, where, "too many BMCs");
    if (err != GN_OK)
        return err;
    err = gn_bmc_spec_read(entry, reading->defaults, reading->origin, &spec, &why);
    if (err == GN_OK)
        append(reading->list, &spec);
    else if (err == GN_EINVAL)
        tell_entry(reading, where, entry, &why);
    gn_buf_free(&why);
    return err == GN_EINVAL ? GN_OK : err; /* told; the others count */
}

/* ---- BareMetalHosts ---- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* A name of Kubernetes, which may become part of a path. */
static bool is_plain_name(const char *text)
{
    return text != NULL && text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL;
}

/* In a BareMetalHost an address without a scheme is one of IPMI. */
static bool has_scheme(const char *address)
{
    struct gn_str behind;
    const struct gn_str front = gn_str_cut(gn_str_of(address), ':', &behind);
    unsigned long long port;

    return behind.p != NULL && front.len > 0 && front.p[0] != '[' &&
           !gn_str_to_u64(behind, UINT16_MAX, &port);
}

/* The host as an entry of ours; owned. */
static json_t *entry_of_host(const struct list_reading *reading, const json_t *host,
                             const char *address)
{
    const json_t *bmc = json_object_get(json_object_get(host, "spec"), "bmc");
    const json_t *meta = json_object_get(host, "metadata");
    const char *space = text_of(meta, "namespace");
    const char *secret = text_of(bmc, "credentialsName");
    json_t *entry = json_object();

    (void)json_object_set_new(entry, "name",
                              json_sprintf("%s.%s", space != NULL ? space : "default",
                                           text_of(meta, "name")));
    (void)json_object_set_new(entry, "address", json_string(address));
    (void)json_object_set(entry, "disableCertificateVerification",
                          json_object_get(bmc, "disableCertificateVerification"));
    if (is_plain_name(secret) && reading->secrets_folder != NULL &&
        reading->secrets_folder[0] != '\0')
        (void)json_object_set_new(entry, "credentials",
                                  json_sprintf("%s/%s", reading->secrets_folder, secret));
    return entry;
}

static enum gn_err read_host(struct list_reading *reading, const json_t *host, const char *where)
{
    const json_t *bmc = json_object_get(json_object_get(host, "spec"), "bmc");
    const char *name = text_of(json_object_get(host, "metadata"), "name");
    const char *address = text_of(bmc, "address");
    json_t *entry;
    enum gn_err err;

    if (address == NULL || address[0] == '\0')
        return GN_OK; /* a host that nobody manages */
    if (!is_plain_name(name)) {
        tell(reading, where, "metadata.name is missing");
        return GN_OK;
    }
    if (!has_scheme(address)) {
        tell(reading, where, "address: without a scheme it is ipmi, which is no Redfish");
        return GN_OK;
    }
    entry = entry_of_host(reading, host, address);
    if (entry == NULL)
        return GN_ENOMEM;
    err = read_entry(reading, entry, where);
    json_decref(entry);
    return err;
}

/* ---- the forms ---- */

static enum gn_err read_hosts(struct list_reading *reading, const json_t *items, bool is_host_list,
                              const char *where)
{
    enum gn_err err = GN_OK;

    for (size_t i = 0; i < json_array_size(items) && err == GN_OK; i++) {
        const json_t *item = json_array_get(items, i);
        const char *kind = text_of(item, "kind");
        char at[WHERE_MAX];

        (void)snprintf(at, sizeof at, "%s items[%zu]", where, i);
        if (kind == NULL ? is_host_list : strcmp(kind, "BareMetalHost") == 0)
            err = read_host(reading, item, at);
        else
            tell(reading, at, "is no BareMetalHost");
    }
    return err;
}

/* One thing that is not a list: an entry, or what kubectl prints. */
static enum gn_err read_one(struct list_reading *reading, const json_t *value, const char *where)
{
    const char *kind = text_of(value, "kind");

    if (kind == NULL)
        return read_entry(reading, value, where);
    if (strcmp(kind, "BareMetalHost") == 0)
        return read_host(reading, value, where);
    if (strcmp(kind, "List") == 0 || strcmp(kind, "BareMetalHostList") == 0)
        return read_hosts(reading, json_object_get(value, "items"), kind[0] == 'B', where);
    tell(reading, where, "is no BareMetalHost");
    return GN_OK;
}

static enum gn_err read_value(struct list_reading *reading, const json_t *value, const char *where)
{
    const json_t *inner = json_object_get(value, "bmcs");
    enum gn_err err = GN_OK;

    if (inner != NULL && json_object_size(value) > 1)
        tell(reading, where, "beside bmcs nothing else may stand");
    if (inner != NULL)
        value = inner;
    if (value == NULL || json_is_null(value))
        return GN_OK;
    if (!json_is_array(value))
        return read_one(reading, value, where);
    for (size_t i = 0; i < json_array_size(value) && err == GN_OK; i++) {
        char at[WHERE_MAX];

        (void)snprintf(at, sizeof at, "%s[%zu]", where, i);
        err = read_one(reading, json_array_get(value, i), at);
    }
    return err;
}

enum gn_err gn_bmc_list_read(struct gn_bmc_list *list, const json_t *value,
                             const struct gn_bmc_defaults *defaults, enum gn_bmc_origin origin,
                             const char *secrets_folder, const char *where,
                             gn_bmc_complain_fn complain, void *ctx)
{
    struct list_reading reading = {.list = list,
                                   .defaults = defaults,
                                   .secrets_folder = secrets_folder,
                                   .complain = complain,
                                   .ctx = ctx,
                                   .origin = origin};
    const enum gn_err err = read_value(&reading, value, where);

    if (err != GN_OK)
        return err;
    return reading.was_wrong ? GN_EINVAL : GN_OK;
}

/* ---- settling ---- */

static int by_name_and_weight(const void *left, const void *right)
{
    const struct gn_bmc_spec *a = left, *b = right;
    const int order = strcmp(a->name, b->name);

    if (order != 0)
        return order;
    if (a->origin != b->origin)
        return a->origin > b->origin ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void tell_loser(const struct gn_bmc_spec *winner, const struct gn_bmc_spec *loser,
                       gn_bmc_complain_fn complain, void *ctx)
{
    char what[WHERE_MAX];

    if (complain == NULL)
        return;
    if (winner->origin == loser->origin)
        (void)snprintf(what, sizeof what, "given twice (%s); the first one counts",
                       gn_bmc_origin_name(loser->origin));
    else
        (void)snprintf(what, sizeof what, "given twice; the one of %s counts, not that of %s",
                       gn_bmc_origin_name(winner->origin), gn_bmc_origin_name(loser->origin));
    complain(ctx, loser->name, what);
}

void gn_bmc_list_settle(struct gn_bmc_list *list, gn_bmc_complain_fn complain, void *ctx)
{
    size_t kept = 0;

    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, by_name_and_weight);
    for (size_t i = 0; i < list->count; i++) {
        struct gn_bmc_spec *spec = &list->items[i];

        if (kept > 0 && strcmp(list->items[kept - 1].name, spec->name) == 0) {
            tell_loser(&list->items[kept - 1], spec, complain, ctx);
            gn_bmc_spec_free(spec);
            continue;
        }
        list->items[kept] = *spec; /* may be its own place */
        list->items[kept].order = (uint32_t)kept;
        kept++;
    }
    list->count = kept;
}

static int by_name(const void *key, const void *item)
{
    const struct gn_str *name = key;
    const struct gn_bmc_spec *spec = item;
    const size_t length = strlen(spec->name);
    const int order =
        name->len == 0 ? 0 : memcmp(name->p, spec->name, name->len < length ? name->len : length);

    if (order != 0)
        return order;
    return name->len < length ? -1 : name->len > length;
}

const struct gn_bmc_spec *gn_bmc_list_find(const struct gn_bmc_list *list, struct gn_str name)
{
    if (list->count == 0)
        return NULL;
    return bsearch(&name, list->items, list->count, sizeof *list->items, by_name);
}
