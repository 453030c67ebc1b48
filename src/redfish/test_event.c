/* The forms of SubmitTestEvent, and recognising the event when it comes back. */
#include "gurnard/redfish/test_event.h"

#include <stdio.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/redfish/message_id.h"

#include "resource_priv.h"

#define PARAMETERS_MAX 64  /* of an ActionInfo that are looked at */
#define VALUES_MAX     256 /* allowable values of one parameter that are looked at */

#define ALLOWABLE "@Redfish.AllowableValues"

/* In the order in which they are written. */
static const struct {
    const char *name;
    unsigned bit;
} members[] = {
    {"Destination", GN_TEST_DESTINATION},
    {"EventTypes", GN_TEST_EVENT_TYPES},
    {"Context", GN_TEST_CONTEXT},
    {"Protocol", GN_TEST_PROTOCOL},
    {"EventType", GN_TEST_EVENT_TYPE},
    {"EventId", GN_TEST_EVENT_ID},
    {"EventTimestamp", GN_TEST_TIMESTAMP},
    {"Severity", GN_TEST_SEVERITY},
    {"MessageSeverity", GN_TEST_MESSAGE_SEVERITY},
    {"Message", GN_TEST_MESSAGE},
    {"MessageId", GN_TEST_MESSAGE_ID},
    {"MessageArgs", GN_TEST_MESSAGE_ARGS},
    {"OriginOfCondition", GN_TEST_ORIGIN},
};

#define MODERN_MEMBERS                                                                             \
    (GN_TEST_EVENT_ID | GN_TEST_TIMESTAMP | GN_TEST_SEVERITY | GN_TEST_MESSAGE |                   \
     GN_TEST_MESSAGE_ID | GN_TEST_MESSAGE_ARGS | GN_TEST_ORIGIN)
#define DELL_MEMBERS                                                                               \
    (GN_TEST_DESTINATION | GN_TEST_EVENT_TYPES | GN_TEST_CONTEXT | GN_TEST_PROTOCOL |              \
     GN_TEST_MESSAGE_ID)

/* What iDRAC 9 takes for a test. */
#define DELL_MESSAGE "TMP0118"

/* ---- ActionInfo ---- */

static unsigned bit_of(struct gn_str name)
{
    for (size_t i = 0; i < GN_LEN(members); i++) {
        if (gn_str_eq_nocase(name, gn_str_of(members[i].name)))
            return members[i].bit;
    }
    return 0;
}

/* The preferred text of the list where it is there, else its first that fits into out. */
static void choose(const json_t *values, struct gn_str preferred, char *out, size_t size)
{
    for (size_t i = 0; i < json_array_size(values) && i < VALUES_MAX; i++) {
        const json_t *item = json_array_get(values, i);
        const struct gn_str text = {json_string_value(item), json_string_length(item)};
        const bool is_preferred = preferred.len > 0 && gn_str_eq_nocase(text, preferred);

        if (text.p != NULL && (out[0] == '\0' || is_preferred))
            gn_resource_copy_whole(out, size, text);
        if (is_preferred)
            return;
    }
}

static void add_parameter(struct gn_test_info *info, struct gn_str name, const json_t *values)
{
    const unsigned bit = bit_of(name);

    if (bit == 0)
        return;
    info->is_there = true;
    info->known |= bit;
    if (bit == GN_TEST_MESSAGE_ID)
        choose(values, GN_STR_NONE, info->message_id, sizeof info->message_id);
    else if (bit == GN_TEST_EVENT_TYPE || bit == GN_TEST_EVENT_TYPES)
        choose(values, GN_STR("Alert"), info->event_type, sizeof info->event_type);
    else if (bit == GN_TEST_SEVERITY || bit == GN_TEST_MESSAGE_SEVERITY)
        choose(values, GN_STR("OK"), info->severity, sizeof info->severity);
}

void gn_test_info_read(const json_t *action_info, struct gn_test_info *info)
{
    const json_t *parameters = gn_json_get_nocase(action_info, "Parameters");

    for (size_t i = 0; i < json_array_size(parameters) && i < PARAMETERS_MAX; i++) {
        const json_t *parameter = json_array_get(parameters, i);
        const struct gn_str name = gn_resource_text(parameter, "Name");

        add_parameter(info, name, gn_json_get_nocase(parameter, "AllowableValues"));
        if (json_is_true(gn_json_get_nocase(parameter, "Required")))
            info->required |= bit_of(name);
    }
    for (size_t i = 0; i < GN_LEN(members); i++) {
        char key[64];
        const json_t *values;

        (void)snprintf(key, sizeof key, "%s" ALLOWABLE, members[i].name); /* names are short */
        values = gn_json_get_nocase(action_info, key);
        if (json_is_array(values))
            add_parameter(info, gn_str_of(members[i].name), values);
    }
}

/* ---- the body ---- */

static unsigned members_of(enum gn_test_form form, const struct gn_test_info *info)
{
    switch (form) {
    case GN_TEST_BY_INFO:
        return info->required | GN_TEST_MESSAGE_ID;
    case GN_TEST_FULL:
        return MODERN_MEMBERS | GN_TEST_EVENT_TYPE;
    case GN_TEST_MODERN:
        return MODERN_MEMBERS;
    case GN_TEST_DELL:
        return DELL_MEMBERS;
    case GN_TEST_ID_ONLY:
    case GN_TEST_FORMS:
        break;
    }
    return GN_TEST_MESSAGE_ID;
}

struct gn_str gn_test_message_id(enum gn_test_form form, const struct gn_test_info *info,
                                 const struct gn_test_want *want)
{
    if (info->message_id[0] != '\0')
        return gn_str_of(info->message_id);
    return form == GN_TEST_DELL ? GN_STR(DELL_MESSAGE) : gn_str_of(want->message_id);
}

static const char *or_else(const char *text, const char *other)
{
    return text != NULL && text[0] != '\0' ? text : other;
}

static void add_args(struct gn_buf *out, const char *nonce)
{
    gn_buf_putc(out, '[');
    gn_text_add_json(out, gn_str_of(nonce));
    gn_buf_putc(out, ']');
}

static void add_message(struct gn_buf *out, const char *nonce)
{
    struct gn_buf text = GN_BUF_INIT;

    gn_buf_printf(&text, "gurnard tests its subscription: %s", nonce);
    gn_text_add_json(out, gn_buf_str(&text));
    gn_buf_free(&text);
}

static const char *text_of(enum gn_test_member member, const struct gn_test_info *info,
                           const struct gn_test_want *want)
{
    switch (member) {
    case GN_TEST_EVENT_TYPE:
    case GN_TEST_EVENT_TYPES: /* iDRAC takes one word here, not a list */
        return or_else(info->event_type, "Alert");
    case GN_TEST_SEVERITY:
    case GN_TEST_MESSAGE_SEVERITY:
        return or_else(info->severity, "OK");
    case GN_TEST_EVENT_ID:
        return want->nonce;
    case GN_TEST_TIMESTAMP:
        return want->timestamp;
    case GN_TEST_ORIGIN:
        return or_else(want->origin, "/redfish/v1");
    case GN_TEST_DESTINATION:
        return want->url;
    case GN_TEST_CONTEXT:
        return want->context;
    case GN_TEST_PROTOCOL:
        return "Redfish";
    case GN_TEST_MESSAGE:
    case GN_TEST_MESSAGE_ID:
    case GN_TEST_MESSAGE_ARGS:
        break; /* not a text of its own: see gn_test_body() */
    }
    return "";
}

void gn_test_body(enum gn_test_form form, const struct gn_test_info *info,
                  const struct gn_test_want *want, struct gn_buf *out)
{
    const unsigned wanted = members_of(form, info);
    char comma = '{';

    for (size_t i = 0; i < GN_LEN(members); i++) {
        if ((wanted & members[i].bit) == 0)
            continue;
        gn_buf_printf(out, "%c\"%s\":", comma, members[i].name);
        comma = ',';
        if (members[i].bit == GN_TEST_MESSAGE)
            add_message(out, want->nonce);
        else if (members[i].bit == GN_TEST_MESSAGE_ARGS)
            add_args(out, want->nonce);
        else if (members[i].bit == GN_TEST_MESSAGE_ID)
            gn_text_add_json(out, gn_test_message_id(form, info, want));
        else
            gn_text_add_json(out,
                             gn_str_of(text_of((enum gn_test_member)members[i].bit, info, want)));
    }
    gn_buf_putc(out, '}');
}

/* ---- the order of forms ---- */

static bool has_word(struct gn_str vendor, struct gn_str word)
{
    for (size_t at = 0; at + word.len <= vendor.len; at++) {
        if (gn_str_eq_nocase((struct gn_str){vendor.p + at, word.len}, word))
            return true;
    }
    return false;
}

/* The vendor's own form, or GN_TEST_FORMS. */
static enum gn_test_form own_form(struct gn_str vendor)
{
    if (has_word(vendor, GN_STR("Dell")))
        return GN_TEST_DELL;
    if (gn_str_eq_nocase(vendor, GN_STR("ZT")) || has_word(vendor, GN_STR("ZT Systems")) ||
        has_word(vendor, GN_STR("ZTSYSTEMS")))
        return GN_TEST_ID_ONLY; /* refuses a second one within 15 s, so no guesses here */
    return has_word(vendor, GN_STR("OpenBMC")) ? GN_TEST_MODERN : GN_TEST_FORMS;
}

/* The first form from on that is neither the vendor's own nor without ground. */
static enum gn_test_form common_form(enum gn_test_form from, const struct gn_test_info *info,
                                     enum gn_test_form own)
{
    while (from < GN_TEST_FORMS &&
           (from == own || (from == GN_TEST_BY_INFO && info->required == 0)))
        from = (enum gn_test_form)(from + 1);
    return from;
}

enum gn_test_form gn_test_first(const struct gn_test_info *info, struct gn_str vendor)
{
    const enum gn_test_form own = own_form(vendor);

    return own != GN_TEST_FORMS ? own : common_form(GN_TEST_BY_INFO, info, own);
}

enum gn_test_form gn_test_next(enum gn_test_form form, const struct gn_test_info *info,
                               struct gn_str vendor)
{
    const enum gn_test_form own = own_form(vendor);

    if (form >= GN_TEST_FORMS)
        return GN_TEST_FORMS;
    if (form == own)
        return common_form(GN_TEST_BY_INFO, info, own);
    return common_form((enum gn_test_form)(form + 1), info, own);
}

/* ---- recognising it ---- */

bool gn_test_has_nonce(struct gn_str body, struct gn_str nonce)
{
    return nonce.len > 0 && body.len >= nonce.len &&
           memmem(body.p, body.len, nonce.p, nonce.len) != NULL;
}

/* Whether the MessageId whose token text is given has that key. */
static bool id_has_key(struct gn_str text, struct gn_str key)
{
    struct gn_buf plain = gn_buf_with_limit(GN_MESSAGE_ID_MAX);
    struct gn_message_id id;
    bool has;

    gn_json_unescape(text, &plain);
    has = gn_buf_err(&plain) == GN_OK && gn_message_id_parse(gn_buf_str(&plain), &id) == GN_OK &&
          gn_str_eq_nocase(id.key, key);
    gn_buf_free(&plain);
    return has;
}

bool gn_test_has_key(struct gn_str body, struct gn_str message_id)
{
    const struct gn_json_limits limits = {SIZE_MAX, GN_JSON_DEPTH_MAX, UINT32_MAX, true};
    struct gn_message_id want;
    struct gn_json_scan scan;
    struct gn_json_token token;
    bool is_id = false;

    if (gn_message_id_parse(message_id, &want) != GN_OK)
        return false;
    gn_json_scan_init(&scan, body, &limits);
    while (gn_json_next(&scan, &token) == GN_OK && token.type != GN_JSON_END) {
        if (is_id && token.type == GN_JSON_STRING && id_has_key(token.text, want.key))
            return true;
        is_id = token.type == GN_JSON_KEY &&
                gn_json_text_eq(token.text, token.has_escape, GN_STR("MessageId"), true);
    }
    return false;
}
