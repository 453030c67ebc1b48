/* Resource addresses: the forms that mean the same, and which lie below which. */
#include "gurnard/relay/address.h"

#include "gurnard/base/text.h"

/* The part behind /cluster/node/NODE, with its '/'; absent when address is not of that form. *head
 * gets what is before it. */
static struct gn_str suffix_of(struct gn_str address, struct gn_str *head)
{
    const struct gn_str prefix = GN_STR(GN_ADDRESS_NODE);
    struct gn_str node;
    const char *slash;

    if (!gn_str_has_prefix(address, prefix))
        return GN_STR_NONE;
    node = (struct gn_str){address.p + prefix.len, address.len - prefix.len};
    slash = node.len == 0 ? NULL : memchr(node.p, '/', node.len);
    if (slash == NULL || slash == node.p)
        return GN_STR_NONE;
    head->p = address.p;
    head->len = (size_t)(slash - address.p);
    return (struct gn_str){slash, address.len - head->len};
}

/* Appends what stands behind the node, by its present name. */
static void add_suffix(struct gn_str suffix, struct gn_buf *out)
{
    if (gn_str_eq(suffix, GN_STR(GN_ADDRESS_REDFISH_OLD)))
        gn_buf_puts(out, GN_ADDRESS_REDFISH);
    else
        gn_buf_add_str(out, suffix);
}

void gn_address_canonical(struct gn_str address, struct gn_buf *out)
{
    struct gn_str head = address;
    struct gn_str suffix = suffix_of(address, &head);

    gn_buf_add_str(out, head);
    add_suffix(suffix, out);
}

void gn_address_of_node(struct gn_str node, struct gn_str suffix, struct gn_buf *out)
{
    gn_buf_puts(out, GN_ADDRESS_NODE);
    gn_buf_add_str(out, node);
    gn_buf_add_str(out, suffix);
}

/* If rest begins with "/" and segment, cuts them off. */
static bool skip_segment(struct gn_str *rest, struct gn_str segment)
{
    size_t len = segment.len + 1;

    if (rest->len < len || rest->p[0] != '/' ||
        !gn_str_eq((struct gn_str){rest->p + 1, segment.len}, segment) ||
        (rest->len > len && rest->p[len] != '/'))
        return false;
    rest->p += len;
    rest->len -= len;
    return true;
}

/* Whether the address names its node by place only; *rest gets what is behind the node, *name the
 * node's name or "*". */
static bool is_relative(struct gn_str address, struct gn_str node, struct gn_str *rest,
                        struct gn_str *name)
{
    struct gn_str absolute = address;

    *rest = address;
    *name = node;
    if (skip_segment(&absolute, GN_STR("cluster")) && skip_segment(&absolute, GN_STR("node")) &&
        skip_segment(&absolute, GN_STR("."))) {
        *rest = absolute;
        return true;
    }
    if (!skip_segment(rest, GN_STR(".")))
        return false;
    while (skip_segment(rest, GN_STR("."))) {
    }
    if (skip_segment(rest, GN_STR("*")))
        *name = GN_STR("*");
    else
        (void)skip_segment(rest, node); /* its name may be left out */
    return true;
}

void gn_address_resolve(struct gn_str address, struct gn_str node, struct gn_buf *out)
{
    struct gn_str rest, name;

    /* of two slashes none goes: an empty segment is an error to be seen */
    if (address.len > 1 && address.p[address.len - 1] == '/' && address.p[address.len - 2] != '/')
        address.len--;
    if (!is_relative(address, node, &rest, &name)) {
        gn_address_canonical(address, out);
        return;
    }
    gn_buf_puts(out, GN_ADDRESS_NODE);
    gn_buf_add_str(out, name);
    add_suffix(rest, out);
}

static bool has_control(struct gn_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

bool gn_address_is_valid(struct gn_str resolved)
{
    struct gn_str rest, segment;

    if (resolved.len == 0 || resolved.p[0] != '/' || has_control(resolved) ||
        !gn_text_is_utf8(resolved))
        return false;
    if (resolved.len == 1)
        return true;
    rest = (struct gn_str){resolved.p + 1, resolved.len - 1};
    while (rest.p != NULL) {
        segment = gn_str_cut(rest, '/', &rest);
        if (segment.len == 0 || gn_str_eq(segment, GN_STR(".")) || gn_str_eq(segment, GN_STR("..")))
            return false;
    }
    return true;
}

static bool is_any(struct gn_str segment)
{
    return segment.len == 1 && segment.p[0] == '*';
}

bool gn_address_is_pattern(struct gn_str resolved)
{
    while (resolved.p != NULL) {
        if (is_any(gn_str_cut(resolved, '/', &resolved)))
            return true;
    }
    return false;
}

static bool is_root(struct gn_str address)
{
    return address.len == 1 && address.p[0] == '/';
}

bool gn_address_covers(struct gn_str pattern, struct gn_str address)
{
    struct gn_str want, have;

    if (is_root(pattern))
        return true;
    if (pattern.len == 0)
        return address.len == 0;
    while (pattern.p != NULL) {
        if (address.p == NULL)
            return false;
        want = gn_str_cut(pattern, '/', &pattern);
        have = gn_str_cut(address, '/', &address);
        if (!gn_str_eq(want, have) && !(is_any(want) && have.len > 0))
            return false;
    }
    return true;
}

bool gn_address_overlaps(struct gn_str a, struct gn_str b)
{
    struct gn_str of_a, of_b;

    if (is_root(a) || is_root(b))
        return true;
    if (a.len == 0 || b.len == 0)
        return a.len == b.len;
    while (a.p != NULL && b.p != NULL) {
        of_a = gn_str_cut(a, '/', &a);
        of_b = gn_str_cut(b, '/', &b);
        if (!gn_str_eq(of_a, of_b) && !(is_any(of_a) && of_b.len > 0) &&
            !(is_any(of_b) && of_a.len > 0))
            return false;
    }
    return true;
}
