/* fuzz folder: bmc   lists of BMCs as JSON: gn_bmc_list_read() and what follows from it.
 *
 * Properties: GN_OK exactly when nothing was complained about; complaints are one line; what was
 * read is within its bounds, equals its copy, and is read as the same when it was written; a
 * settled list is in order and has each name once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "gurnard/bmc/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_complaint(void *ctx, const char *where, const char *what)
{
    size_t *complaints = ctx;

    GN_ASSERT(where[0] != '\0' && what[0] != '\0' && strchr(what, '\n') == NULL);
    ++*complaints;
}

static void check_texts(const struct gn_bmc_texts *texts)
{
    GN_ASSERT(texts->count <= GN_DESTINATION_FILTERS_MAX);
    for (size_t i = 0; i < texts->count; i++)
        GN_ASSERT(texts->items[i] != NULL && texts->items[i][0] != '\0');
}

static void check_again(const struct gn_bmc_spec *spec)
{
    static const struct gn_bmc_defaults none = {0};
    struct gn_buf why = GN_BUF_INIT;
    json_t *written = gn_bmc_spec_write(spec);
    struct gn_bmc_spec other;

    GN_ASSERT(written != NULL);
    GN_ASSERT(gn_bmc_spec_read(written, &none, spec->origin, &other, &why) == GN_OK);
    GN_ASSERT(gn_bmc_spec_eq(spec, &other));
    gn_bmc_spec_free(&other);
    GN_ASSERT(gn_bmc_spec_copy(spec, &other) == GN_OK);
    GN_ASSERT(gn_bmc_spec_eq(spec, &other));
    gn_bmc_spec_free(&other);
    json_decref(written);
    gn_buf_free(&why);
}

static void check(const struct gn_bmc_spec *spec)
{
    GN_ASSERT(spec->name[0] != '\0' && strlen(spec->name) <= GN_BMC_NAME_MAX);
    GN_ASSERT(strpbrk(spec->name, "/ \n\"\\") == NULL && strcmp(spec->name, "..") != 0);
    GN_ASSERT(spec->address.base[0] == 'h');
    GN_ASSERT(spec->heartbeat_minutes <= 65535);
    GN_ASSERT(gn_bmc_tls_name(spec->tls) != NULL && gn_bmc_way_name(spec->way) != NULL);
    check_texts(&spec->registries);
    check_texts(&spec->messages);
    check_texts(&spec->severities);
    check_texts(&spec->resource_types);
    check_texts(&spec->logs);
    check_again(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gn_bmc_defaults none = {0};
    struct gn_bmc_list list = {0};
    size_t complaints = 0;
    json_t *value;
    enum gn_err err;

    if (gn_json_parse((struct gn_str){(const char *)data, size}, NULL, &value) != GN_OK)
        return 0;
    err = gn_bmc_list_read(&list, value, &none, GN_BMC_FROM_FOLDER, "/secrets", "f", on_complaint,
                           &complaints);
    GN_ASSERT(err == GN_OK || err == GN_EINVAL);
    GN_ASSERT((err == GN_OK) == (complaints == 0));
    for (size_t i = 0; i < list.count; i++)
        check(&list.items[i]);
    gn_bmc_list_settle(&list, on_complaint, &complaints);
    for (size_t i = 0; i < list.count; i++) {
        GN_ASSERT(i == 0 || strcmp(list.items[i - 1].name, list.items[i].name) < 0);
        GN_ASSERT(gn_bmc_list_find(&list, gn_str_of(list.items[i].name)) == &list.items[i]);
    }
    gn_bmc_list_free(&list);
    json_decref(value);
    return 0;
}
