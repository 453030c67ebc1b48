/* fuzz folder: ce   Data objects, spliced to v2's layout and back: what is accepted stays JSON, and
 * from then on the two conversions undo each other. */
#include <stdint.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/ce/oran.h"

static const struct gn_json_limits limits = {.max_bytes = 1 << 24,
                                             .max_depth = GN_JSON_DEPTH_MAX,
                                             .max_tokens = UINT32_MAX};

static void assert_same(const struct gn_buf *a, const struct gn_buf *b)
{
    GN_ASSERT(gn_str_eq(gn_buf_str(a), gn_buf_str(b)));
}

/* The source is a view of the resource's end. */
static void check_source(struct gn_str resource)
{
    const struct gn_str source = gn_oran_source(resource);

    GN_ASSERT(source.len <= resource.len);
    GN_ASSERT(source.len > 0 || resource.len == 0);
    GN_ASSERT(gn_str_has_suffix(resource, source));
}

static void check_data(struct gn_str data, enum gn_err want)
{
    struct gn_buf oran = GN_BUF_INIT, cne = GN_BUF_INIT, out = GN_BUF_INIT;
    enum gn_err err = gn_oran_data(data, &oran);

    GN_ASSERT(err == want);
    if (err == GN_OK) {
        GN_ASSERT(gn_json_check(gn_buf_str(&oran), &limits) == GN_OK);
        err = gn_oran_data_to_cne(gn_buf_str(&oran), &cne);
        GN_ASSERT(err == GN_OK);
        GN_ASSERT(gn_json_check(gn_buf_str(&cne), &limits) == GN_OK);
        err = gn_oran_data(gn_buf_str(&cne), &out);
        GN_ASSERT(err == GN_OK);
        assert_same(&out, &oran);
        gn_buf_reset(&out);
        err = gn_oran_data_to_cne(gn_buf_str(&cne), &out);
        GN_ASSERT(err == GN_OK);
        assert_same(&out, &cne);
    } else {
        GN_ASSERT(err == GN_EPARSE && oran.len == 0);
    }
    gn_buf_free(&oran);
    gn_buf_free(&cne);
    gn_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str text = {(const char *)data, size};
    struct gn_buf cne = GN_BUF_INIT;
    enum gn_err err = gn_oran_data_to_cne(text, &cne);

    check_source(text);
    if (size > 0) /* absent data has a v2 layout, but there is nothing to convert back */
        check_data(text, err);
    gn_buf_free(&cne);
    return 0;
}
