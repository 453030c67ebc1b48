/* fuzz folder: relay   two addresses, divided by a NUL: resolving, validity, which covers which. */
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/assert.h"
#include "gurnard/relay/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Resolved once is resolved for good, and a valid address is canonical as it stands. */
static void check_resolve(struct gn_str address, struct gn_buf *once)
{
    struct gn_buf twice = GN_BUF_INIT;
    struct gn_buf canonical = GN_BUF_INIT;

    gn_address_resolve(address, GN_STR("n1"), once);
    gn_address_resolve(gn_buf_str(once), GN_STR("n1"), &twice);
    gn_address_canonical(gn_buf_str(once), &canonical);
    GN_ASSERT(gn_buf_err(once) == GN_OK && gn_buf_err(&twice) == GN_OK);
    if (gn_address_is_valid(gn_buf_str(once))) {
        GN_ASSERT(gn_str_eq(gn_buf_str(once), gn_buf_str(&twice)));
        GN_ASSERT(gn_str_eq(gn_buf_str(once), gn_buf_str(&canonical)));
    }
    gn_buf_free(&twice);
    gn_buf_free(&canonical);
}

static bool is_valid_plain(struct gn_str address)
{
    return gn_address_is_valid(address) && !gn_address_is_pattern(address);
}

static void check_pair(struct gn_str a, struct gn_str b)
{
    bool does_cover = gn_address_covers(a, b);
    bool is_covered = gn_address_covers(b, a);

    GN_ASSERT(gn_address_covers(a, a) && gn_address_covers(b, b));
    GN_ASSERT(gn_address_overlaps(a, b) == gn_address_overlaps(b, a));
    GN_ASSERT(!(does_cover || is_covered) || gn_address_overlaps(a, b));
    if (!is_valid_plain(a) || !is_valid_plain(b))
        return;
    /* without "*" addresses overlap only where one lies below the other */
    GN_ASSERT(gn_address_overlaps(a, b) == (does_cover || is_covered));
    GN_ASSERT((does_cover && is_covered) == gn_str_eq(a, b));
    GN_ASSERT(!does_cover || gn_str_has_prefix(b, a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str rest = {(const char *)data, size};
    struct gn_str first = size == 0 ? GN_STR("") : gn_str_cut(rest, '\0', &rest);
    struct gn_buf a = GN_BUF_INIT, b = GN_BUF_INIT;

    check_resolve(first, &a);
    check_resolve(rest, &b);
    check_pair(gn_buf_str(&a), gn_buf_str(&b));
    gn_buf_free(&a);
    gn_buf_free(&b);
    return 0;
}
