/* fuzz folder: ce   filters of subscriptions: what is read can be asked, its negation says the
 * opposite; what is refused is explained in UTF-8. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An event in which each attribute's value is its name, but for those that begin with "no". */
static struct gn_str get(const void *ctx, struct gn_str name)
{
    size_t *asked = *(size_t *const *)ctx;

    (*asked)++;
    GN_ASSERT(name.len > 0 && name.len <= GN_FILTER_TEXT_MAX);
    for (size_t i = 0; i < name.len; i++)
        GN_ASSERT(name.p[i] < 'A' || name.p[i] > 'Z');
    return gn_str_has_prefix(name, GN_STR("no")) ? GN_STR_NONE : name;
}

static bool ask(const struct gn_filter *filter)
{
    size_t asked = 0;
    size_t *const ctx = &asked;
    const bool passes = gn_filter_passes(filter, get, &ctx);

    GN_ASSERT(asked <= GN_FILTER_NODES_MAX);
    return passes;
}

/* [{"not":{"all":filters}}]; NULL when that is beyond a limit. */
static struct gn_filter *negated(json_t *filters)
{
    json_t *all = json_pack("[{s:{s:O}}]", "not", "all", filters);
    char error[GN_FILTER_ERROR_MAX];
    struct gn_filter *filter;
    enum gn_err err;

    GN_ASSERT(all != NULL);
    err = gn_filter_parse(all, &filter, error);
    json_decref(all);
    GN_ASSERT(err == GN_OK || err == GN_ELIMIT);
    return filter;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_filter *filter, *opposite;
    char error[GN_FILTER_ERROR_MAX];
    json_t *filters;
    enum gn_err err;

    if (gn_json_parse((struct gn_str){(const char *)data, size}, NULL, &filters) != GN_OK)
        return 0;
    err = gn_filter_parse(filters, &filter, error);
    GN_ASSERT(strlen(error) < GN_FILTER_ERROR_MAX && gn_text_is_utf8(gn_str_of(error)));
    GN_ASSERT((err == GN_OK) == (error[0] == '\0'));
    if (err == GN_OK && filter != NULL) {
        opposite = negated(filters);
        GN_ASSERT(opposite == NULL || ask(opposite) != ask(filter));
        gn_filter_free(opposite);
    }
    gn_filter_free(filter);
    json_decref(filters);
    return 0;
}
