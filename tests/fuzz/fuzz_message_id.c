/* fuzz folder: redfish   MessageIds and names of registries.
 *
 * Properties: views lie inside the text; a key holds no dot; an id put together again from what was
 * read is read the same. */
#include "gurnard/redfish/message_id.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_inside(struct gn_str view, struct gn_str text)
{
    if (view.p == NULL)
        require(view.len == 0);
    else
        require(view.p >= text.p && view.p + view.len <= text.p + text.len);
}

/* A prefix that ends in a number (A.0.v1.Key) would lose it to the version. */
static void require_same_when_read_again(const struct gn_message_id *id)
{
    char text[2 * GN_MESSAGE_ID_MAX];
    struct gn_message_id again;
    int len = snprintf(text, sizeof text, "%.*s%s%u.%u.%u.%.*s", (int)id->prefix.len,
                       id->prefix.len == 0 ? "" : id->prefix.p, id->prefix.len == 0 ? "" : ".",
                       id->major, id->minor, id->patch, (int)id->key.len, id->key.p);

    gn_message_id_split(id->prefix, &again);
    if (again.has_version)
        return;
    if (gn_message_id_parse((struct gn_str){text, (size_t)len}, &again) != GN_OK)
        return; /* longer than an id may be */
    require(gn_str_eq(again.prefix, id->prefix) && gn_str_eq(again.key, id->key));
    require(again.has_version && again.major == id->major);
    require(again.minor == id->minor && again.patch == id->patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str text = {(const char *)data, size};
    struct gn_message_id id;

    gn_message_id_split(text, &id);
    require_inside(id.prefix, text);
    require(id.key.p == NULL && (id.prefix.p == NULL || id.prefix.p == text.p));
    if (gn_message_id_parse(text, &id) != GN_OK)
        return 0;
    require_inside(id.prefix, text);
    require_inside(id.key, text);
    require(id.key.len > 0 && memchr(id.key.p, '.', id.key.len) == NULL);
    if (memchr(text.p, '\0', text.len) == NULL)
        require_same_when_read_again(&id);
    return 0;
}
