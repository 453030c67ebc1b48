/* Which alarms a message clears, by its registry. The JSON is as somebody wrote it. Pure. */
#include "alarms_priv.h"

#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/redfish/message_id.h"

static const struct gn_json_limits limits = {
    .max_bytes = GN_ALARMS_LOGIC_MAX,
    .max_depth = 8,
    .max_tokens = 1024,
    .repair_utf8 = true,
};

static void add_lower(struct gn_alarm_name *name, struct gn_str part)
{
    size_t len = part.len < GN_ALARMS_NAME_MAX ? part.len : GN_ALARMS_NAME_MAX;

    for (size_t i = 0; i < len; i++) {
        char c = part.p[i];

        name->text[name->len++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
}

void gn_alarm_name_of(struct gn_str registry, struct gn_str key, struct gn_alarm_name *name)
{
    name->len = 0;
    add_lower(name, registry);
    name->text[name->len++] = '\n';
    add_lower(name, key);
    name->hash = gn_text_hash((struct gn_str){name->text, name->len});
}

/* A key, or by those who take it for a MessageId the whole of it. */
static void add_cleared(struct gn_alarm_logic *logic, struct gn_str registry,
                        const struct gn_json_token *token)
{
    struct gn_alarm_name name;
    struct gn_message_id id;

    if (token->type != GN_JSON_STRING || token->has_escape ||
        logic->name_count == GN_ALARMS_CLEARS_MAX || gn_message_id_parse(token->text, &id) != GN_OK)
        return;
    gn_alarm_name_of(id.prefix.len > 0 ? id.prefix : registry, id.key, &name);
    logic->names[logic->name_count++] = name.hash;
}

/* token is the value of ClearsMessage: keys, or one. */
static enum gn_err read_cleared(struct gn_alarm_logic *logic, struct gn_str registry,
                                struct gn_json_scan *scan, const struct gn_json_token *token)
{
    struct gn_json_token element;
    struct gn_str raw;
    enum gn_err err;

    if (token->type != GN_JSON_ARRAY) {
        add_cleared(logic, registry, token);
        return gn_json_skip(scan, token, &raw);
    }
    for (;;) {
        err = gn_json_next(scan, &element);
        if (err != GN_OK || element.type == GN_JSON_ARRAY_END)
            return err;
        add_cleared(logic, registry, &element);
        err = gn_json_skip(scan, &element, &raw);
        if (err != GN_OK)
            return err;
    }
}

static bool is_named(const struct gn_json_token *key, const char *name)
{
    return gn_json_text_eq(key->text, key->has_escape, gn_str_of(name), true);
}

static enum gn_err read_member(struct gn_alarm_logic *logic, struct gn_str registry,
                               struct gn_json_scan *scan, const struct gn_json_token *key)
{
    struct gn_json_token value;
    struct gn_str raw;
    enum gn_err err = gn_json_next(scan, &value);

    if (err != GN_OK)
        return err;
    if (is_named(key, "ClearsMessage") || is_named(key, "ClearsMessages"))
        return read_cleared(logic, registry, scan, &value);
    if (is_named(key, "ClearsAll"))
        logic->clears_all = value.type == GN_JSON_TRUE;
    else if (is_named(key, "ClearsIf"))
        logic->any_origin = value.type == GN_JSON_NULL;
    return gn_json_skip(scan, &value, &raw);
}

void gn_alarm_logic_read(struct gn_str json, struct gn_str registry, struct gn_alarm_logic *logic)
{
    struct gn_json_scan scan;
    struct gn_json_token token;
    enum gn_err err;

    logic->name_count = 0;
    logic->clears_all = false;
    logic->any_origin = true;
    if (json.len == 0)
        return;
    gn_json_scan_init(&scan, json, &limits);
    err = gn_json_next(&scan, &token);
    if (err == GN_OK && token.type != GN_JSON_OBJECT)
        return;
    while (err == GN_OK) {
        err = gn_json_next(&scan, &token);
        if (err != GN_OK || token.type != GN_JSON_KEY)
            break;
        err = read_member(logic, registry, &scan, &token);
    }
    if (err != GN_OK) {
        logic->name_count = 0;
        logic->clears_all = false;
    }
    logic->any_origin = logic->any_origin && logic->clears_all;
}
