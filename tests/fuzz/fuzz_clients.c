/* fuzz folder: store   the text of a client's file: whatever is read is written so that it reads
 * the same. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/store/clients.h"

#include "clients_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gn_id client_id = {"a31e8e45-5c86-3f28-ba1b-09f5084ca515"};

static enum gn_err insert(void *ctx, const struct gn_pubsub_record *record)
{
    struct gn_client_sub *sub;
    enum gn_err err = GN_OK;

    if (record->problem == NULL)
        err = gn_client_insert_sub(ctx, record, &sub);
    GN_ASSERT(err != GN_ENOMEM);
    return GN_OK; /* the others are left out, as at start */
}

/* As at a load. NULL: the text holds no client. */
static struct gn_client *read_client(struct gn_clients *clients, struct gn_str text)
{
    struct gn_client_entry *entry = NULL;
    struct gn_client_text head;
    enum gn_err err = gn_clients_parse(text, &head);
    const struct gn_str end_point = gn_buf_str(&head.end_point);

    if (err == GN_OK && end_point.len > 0 && end_point.len <= GN_CLIENTS_URI_MAX) {
        err = gn_client_insert(clients, head.kind, &client_id, end_point, &entry);
        GN_ASSERT(err == GN_OK);
        err = gn_clients_parse_subs(&head, insert, entry);
        GN_ASSERT(err == GN_OK);
    }
    gn_buf_free(&head.end_point);
    return entry != NULL && entry->client.sub_count > 0 ? &entry->client : NULL;
}

static void check_rewrite(struct gn_str first, const struct gn_client *client)
{
    struct gn_clients *clients = gn_clients_new("", NULL, NULL);
    struct gn_buf second = GN_BUF_INIT;
    const struct gn_client *again = read_client(clients, first);

    GN_ASSERT(again != NULL && again->kind == client->kind);
    GN_ASSERT(again->sub_count == client->sub_count);
    gn_client_write_file(again, &second);
    GN_ASSERT(gn_buf_err(&second) == GN_OK);
    GN_ASSERT(gn_str_eq(gn_buf_str(&second), first));
    gn_buf_free(&second);
    gn_clients_free(clients);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_clients *clients = gn_clients_new("", NULL, NULL);
    const struct gn_client *client =
        read_client(clients, (struct gn_str){(const char *)data, size});
    struct gn_buf out = GN_BUF_INIT;

    if (client != NULL) {
        gn_client_write_file(client, &out);
        GN_ASSERT(gn_buf_err(&out) == GN_OK && out.len <= GN_CLIENTS_FILE_MAX);
        check_rewrite(gn_buf_str(&out), client);
    }
    gn_buf_free(&out);
    gn_clients_free(clients);
    return 0;
}
