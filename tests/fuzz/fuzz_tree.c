/* fuzz folder: app   trees from YAML and JSON: gn_tree_from_yaml() and gn_tree_from_json().
 *
 * Properties: what comes out is JSON within the limits, and reads as itself; what is refused has
 * its place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/app/tree.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gn_tree_limits limits = {65536, 8};

static void check(enum gn_err err, char *json, const struct gn_tree_fault *fault)
{
    const struct gn_json_limits scan = {limits.max_bytes, limits.max_depth, 65536, false};
    struct gn_tree_fault again_fault;
    char *again;

    if (err == GN_EINVAL) {
        GN_ASSERT(json == NULL);
        GN_ASSERT(fault->line > 0 && fault->column > 0 && fault->what[0] != '\0');
        return;
    }
    GN_ASSERT(err == GN_OK);
    GN_ASSERT(gn_json_check(gn_str_of(json), &scan) == GN_OK);
    GN_ASSERT(gn_tree_from_json(gn_str_of(json), &limits, &again, &again_fault) == GN_OK ||
              strcmp(again_fault.what, "all together is too long") == 0);
    free(again);
    free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str text = {(const char *)data, size};
    struct gn_tree_fault fault = {0};
    enum gn_err err;
    char *json;

    err = gn_tree_from_yaml(text, &limits, &json, &fault);
    check(err, json, &fault);
    err = gn_tree_from_json(text, &limits, &json, &fault);
    check(err, json, &fault);
    return 0;
}
