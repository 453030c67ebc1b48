/* fuzz folder: redfish   message registries as JSON or gzip, and look-ups in them.
 *
 * What is behind the first NUL byte of a JSON input is looked up as a MessageId. Properties: views
 * can be read; each message that was loaded is found under its own id. */
#include "gurnard/redfish/registry.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "gurnard/redfish/unpack.h"
#include "registry_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NEIGHBOUR                                                                                  \
    "{\"Id\":\"Near.1.0.0\",\"Messages\":{\"Created\":{\"Message\":\"near\"},"                     \
    "\"Old\":{\"ReplacedBy\":\"Created\"}}}"

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Reads every byte of s, so that the sanitizer sees views that lead astray. */
static void touch(struct gn_str s)
{
    volatile char sink = 0;

    for (size_t i = 0; i < s.len; i++)
        sink = s.p[i];
    (void)sink;
}

static enum gn_registry_match look_up(const struct gn_registry_set *set, struct gn_str id)
{
    struct gn_message m;
    enum gn_registry_match match = gn_registry_find(set, id, &m);

    if (match == GN_MATCH_NONE)
        return match;
    touch(m.text);
    touch(m.resolution);
    touch(m.clears);
    touch(m.prefix);
    require(m.prefix.len > 0);
    return match;
}

/* An id made of registry and key may read otherwise (a key with dots); then it proves nothing. */
static void require_found(const struct gn_registry_set *set, const struct gn_registry *reg,
                          const struct gn_registry_entry *entry)
{
    struct gn_str prefix = gn_registry_view(reg, reg->prefix);
    struct gn_str key = gn_registry_view(reg, entry->key);
    struct gn_buf text = GN_BUF_INIT;
    struct gn_message_id id;

    gn_buf_add_str(&text, prefix);
    gn_buf_printf(&text, ".%u.%u.", reg->major, reg->minor);
    gn_buf_add_str(&text, key);
    if (gn_message_id_parse(gn_buf_str(&text), &id) == GN_OK && gn_str_eq(id.prefix, prefix) &&
        gn_str_eq(id.key, key) && id.major == reg->major && id.minor == reg->minor)
        require(look_up(set, gn_buf_str(&text)) == GN_MATCH_EXACT);
    (void)look_up(set, key);
    gn_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str text = {(const char *)data, size};
    struct gn_str id = GN_STR_NONE;
    struct gn_registry_set *set = gn_registry_set_new();
    const char *reason = NULL;

    require(set != NULL);
    if (!gn_unpack_is_gzip(text))
        text = gn_str_cut(text, '\0', &id);
    require(gn_registry_set_load(set, GN_STR(NEIGHBOUR), "near", NULL) == GN_OK);
    if (gn_registry_set_load(set, text, "fuzz", &reason) != GN_OK)
        require(reason != NULL && reason[0] != '\0');
    require(gn_registry_set_seal(set) == GN_OK);
    (void)look_up(set, id);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct gn_registry *reg = set->registries[i];

        for (uint32_t k = 0; k < reg->count; k++)
            require_found(set, reg, &reg->entries[k]);
    }
    gn_registry_set_free(set);
    return 0;
}
