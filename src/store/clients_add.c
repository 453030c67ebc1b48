/* Adding what a client asked for: to a new client, or to one that is there and may have moved. */
#include "gurnard/store/clients.h"

#include <stdlib.h>

#include "gurnard/base/id.h"

#include "clients_priv.h"

/* Gives the subscription an id, unless the wish has one that is free, and a link, and adds it. */
static enum gn_err add_wish(struct gn_client_entry *entry, const struct gn_clients_wish *wish,
                            struct gn_client_sub **sub)
{
    const bool is_ours = wish->id.len == 0 || wish->id.len > GN_CLIENTS_ID_MAX ||
                         gn_client_find_id(entry, wish->id) != NULL;
    const struct gn_id id = gn_id_random();
    struct gn_pubsub_record record = {.id = is_ours ? gn_str_of(id.text) : wish->id,
                                      .resource = wish->resource};
    struct gn_buf link = gn_buf_with_limit(GN_CLIENTS_URI_MAX);
    enum gn_err err;

    if (wish->uri_prefix != NULL) {
        gn_buf_puts(&link, wish->uri_prefix);
        gn_buf_add_str(&link, record.id);
    }
    err = gn_buf_err(&link);
    if (err == GN_OK) {
        record.uri_location = gn_buf_str(&link);
        err = gn_client_add_sub(entry, &record, sub);
    }
    gn_buf_free(&link);
    return err;
}

/* Adds to a client that is there, which may have moved. */
static enum gn_err add_to_known(struct gn_client_entry *entry, const struct gn_clients_wish *wish,
                                struct gn_client_sub **sub)
{
    struct gn_client *client = &entry->client;
    char *end_point = NULL;
    enum gn_err err = GN_EEXIST;

    if (client->kind == GN_CLIENT_PROXY &&
        !gn_str_eq(gn_str_of(client->end_point), wish->end_point)) {
        end_point = gn_str_dup(wish->end_point);
        if (end_point == NULL)
            return GN_ENOMEM;
    }
    *sub = gn_clients_find_resource(client, wish->resource);
    if (*sub == NULL)
        err = add_wish(entry, wish, sub);
    if (*sub != NULL && end_point != NULL) {
        free(client->end_point);
        client->end_point = end_point;
        end_point = NULL; /* the client owns it now */
        gn_client_mark_dirty(entry);
    }
    free(end_point);
    return err;
}

static enum gn_err check_end_point(struct gn_str end_point)
{
    if (end_point.len > GN_CLIENTS_URI_MAX)
        return GN_ELIMIT;
    return end_point.len > 0 && gn_store_is_clean(end_point) ? GN_OK : GN_EINVAL;
}

static enum gn_err check_wish(const struct gn_clients_wish *wish, struct gn_id *id)
{
    if (wish->id.len > GN_CLIENTS_ID_MAX || wish->resource.len > GN_CLIENTS_RESOURCE_MAX)
        return GN_ELIMIT;
    if (!gn_client_read_id(wish->client_id, id) || !gn_store_is_clean(wish->id) ||
        wish->resource.len == 0)
        return GN_EINVAL;
    return check_end_point(wish->end_point);
}

enum gn_err gn_clients_add(struct gn_clients *clients, const struct gn_clients_wish *wish,
                           struct gn_client_sub **sub)
{
    struct gn_client_entry *entry;
    struct gn_client *client;
    struct gn_id id;
    enum gn_err err;

    *sub = NULL;
    err = check_wish(wish, &id);
    if (err != GN_OK)
        return err;
    client = gn_clients_find(clients, wish->client_id);
    if (client != NULL && client->kind != wish->kind)
        return GN_EREFUSED;
    if (client != NULL) {
        entry = gn_client_entry_of(client);
        err = add_to_known(entry, wish, sub);
    } else {
        err = gn_client_insert(clients, wish->kind, &id, wish->end_point, &entry);
        if (err != GN_OK)
            return err;
        err = add_wish(entry, wish, sub);
        if (err != GN_OK)
            gn_client_drop(entry);
    }
    if (err != GN_OK)
        return err;
    gn_client_mark_dirty(entry);
    gn_client_tell_added(clients, *sub);
    return GN_OK;
}
