/* What a peer's registration asks for. Pure. */
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "peer_priv.h"

static const struct gn_json_limits limits = {
    .max_bytes = (size_t)64 << 20, /* the server's own limit is below */
    .max_depth = 32,
    .max_tokens = 65536,
    .repair_utf8 = false,
};

static const struct gn_str all = GN_STR_INIT(GN_PEER_ALL);

bool gn_peer_read_id(struct gn_str text, struct gn_id *id)
{
    if (!gn_id_is_valid(text))
        return false;
    for (size_t i = 0; i < GN_ID_LEN; i++) {
        char c = text.p[i];

        id->text[i] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
    }
    id->text[GN_ID_LEN] = '\0';
    return true;
}

/* A text member in any spelling; absent when it is missing or something else. */
static struct gn_str text_of(const json_t *object, const char *key)
{
    const json_t *member = gn_json_get_nocase(object, key);

    if (!json_is_string(member))
        return GN_STR_NONE;
    return (struct gn_str){json_string_value(member), json_string_length(member)};
}

static enum gn_peer_action action_of(const json_t *root, struct gn_str subject)
{
    const json_t *member = gn_json_get_nocase(root, "action");

    if (gn_str_eq_nocase(subject, GN_STR("NEW")))
        return GN_PEER_ADD;
    if (gn_str_eq_nocase(subject, GN_STR("DELETE")))
        return GN_PEER_REMOVE;
    if (member == NULL)
        return GN_PEER_ADD; /* what is not sent is 0 in Go */
    if (!json_is_integer(member))
        return GN_PEER_OTHER;
    switch (json_integer_value(member)) {
    case 0:
        return GN_PEER_ADD;
    case 2:
        return GN_PEER_REMOVE;
    default:
        return GN_PEER_OTHER;
    }
}

bool gn_peer_entry_read(const char *key, const json_t *value, struct gn_peer_entry *entry)
{
    entry->id = text_of(value, "id");
    if (entry->id.len == 0)
        entry->id = text_of(value, "SubscriptionId");
    if (entry->id.len == 0)
        entry->id = gn_str_of(key);
    entry->resource = text_of(value, "resource");
    if (entry->resource.len == 0)
        entry->resource = text_of(value, "ResourceAddress");
    return entry->resource.len > 0 && entry->resource.len <= GN_CLIENTS_RESOURCE_MAX &&
           !gn_str_eq(entry->resource, all);
}

static bool has_all(json_t *store)
{
    struct gn_peer_entry entry;
    const char *key;
    json_t *value;

    json_object_foreach (store, key, value) {
        (void)gn_peer_entry_read(key, value, &entry); /* what is unusable has a resource too */
        if (key[0] == '\0' || gn_str_eq(entry.resource, all))
            return true;
    }
    return false;
}

/* Fills wish from its root. Returns what is wrong, or NULL. */
static const char *fill(struct gn_peer_wish *wish, struct gn_str subject)
{
    const json_t *outer = gn_json_get_nocase(wish->root, "subStore");

    if (!json_is_object(wish->root))
        return "no object";
    if (!gn_peer_read_id(text_of(wish->root, "clientID"), &wish->client_id))
        return "clientID is no UUID";
    wish->action = action_of(wish->root, subject);
    wish->end_point = text_of(wish->root, "endPointURI");
    wish->store = gn_json_get_nocase(outer, "store");
    if (wish->store != NULL && !json_is_object(wish->store))
        return "subStore.store is no object";
    if (json_object_size(wish->store) > GN_PEER_ENTRIES_MAX)
        return "too many subscriptions at once";
    wish->names_all = has_all(wish->store);
    return NULL;
}

enum gn_err gn_peer_wish_read(struct gn_str data, struct gn_str subject, struct gn_peer_wish *wish,
                              const char **problem)
{
    enum gn_err err;

    *wish = (struct gn_peer_wish){.action = GN_PEER_OTHER};
    *problem = NULL;
    err = gn_json_parse(data, &limits, &wish->root);
    if (err == GN_ENOMEM)
        return err;
    *problem = err == GN_OK ? fill(wish, subject) : "no JSON, or beyond the limits";
    return *problem == NULL ? GN_OK : GN_EINVAL;
}

void gn_peer_wish_fini(struct gn_peer_wish *wish)
{
    json_decref(wish->root);
    *wish = (struct gn_peer_wish){.action = GN_PEER_OTHER};
}
