/* Resource addresses: the forms that mean the same. */
#include "gurnard/relay/address.h"

#define NODE_PREFIX "/cluster/node/"

/* The part behind /cluster/node/NODE, with its '/'; absent when address is not of that form. *head
 * gets what is before it. */
static struct gn_str suffix_of(struct gn_str address, struct gn_str *head)
{
    const struct gn_str prefix = GN_STR(NODE_PREFIX);
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

void gn_address_canonical(struct gn_str address, struct gn_buf *out)
{
    struct gn_str head;
    struct gn_str suffix = suffix_of(address, &head);

    if (suffix.p == NULL || !gn_str_eq(suffix, GN_STR(GN_ADDRESS_REDFISH_OLD))) {
        gn_buf_add_str(out, address);
        return;
    }
    gn_buf_add_str(out, head);
    gn_buf_puts(out, GN_ADDRESS_REDFISH);
}

void gn_address_of_node(struct gn_str node, struct gn_str suffix, struct gn_buf *out)
{
    gn_buf_puts(out, NODE_PREFIX);
    gn_buf_add_str(out, node);
    gn_buf_add_str(out, suffix);
}
