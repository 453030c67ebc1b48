/* Extended information of refusals: every message of an answer is classified by the key of its
 * MessageId, and the most telling one decides. */
#include "gurnard/redfish/service_error.h"

#include <string.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/json.h"
#include "gurnard/redfish/message_id.h"

#include "resource_priv.h"

#define INFO "@Message.ExtendedInfo"

#define RANK_OTHER   100
#define RANK_SUCCESS 101
#define RANK_NOTHING 102 /* no message yet */

/* Registries do not agree on which argument names the property: in Base those that tell of a value
 * begin with the value. */
struct key_row {
    const char *key;
    enum gn_service_fault fault;
    uint8_t name_at; /* index in MessageArgs of the property or parameter */
};

static const struct key_row key_rows[] = {
    {"Success", GN_FAULT_NONE, 0},
    {"Created", GN_FAULT_NONE, 0},
    {"NoOperation", GN_FAULT_NONE, 0},
    {"PropertyModified", GN_FAULT_NONE, 0},
    {"PropertyDeprecated", GN_FAULT_NONE, 0},
    {"PropertyValueDeprecated", GN_FAULT_NONE, 0},
    {"ActionDeprecated", GN_FAULT_NONE, 0},
    {"ResourceDeprecated", GN_FAULT_NONE, 0},

    {"PropertyValueNotInList", GN_FAULT_PROPERTY, 1},
    {"PropertyValueFormatError", GN_FAULT_PROPERTY, 1},
    {"PropertyValueTypeError", GN_FAULT_PROPERTY, 1},
    {"PropertyValueOutOfRange", GN_FAULT_PROPERTY, 1},
    {"ActionParameterUnknown", GN_FAULT_PROPERTY, 1},
    {"ActionParameterDuplicate", GN_FAULT_PROPERTY, 1},
    {"ActionParameterValueNotInList", GN_FAULT_PROPERTY, 1},
    {"ActionParameterValueFormatError", GN_FAULT_PROPERTY, 1},
    {"ActionParameterValueTypeError", GN_FAULT_PROPERTY, 1},
    {"ActionParameterValueOutOfRange", GN_FAULT_PROPERTY, 1},
    {"ArraySizeTooLong", GN_FAULT_PROPERTY, 0},
    {"ArraySizeTooShort", GN_FAULT_PROPERTY, 0},
    {"ArrayPropertyOutOfBound", GN_FAULT_PROPERTY, 0},
    {"StringValueTooLong", GN_FAULT_PROPERTY, 0},
    {"StringValueTooShort", GN_FAULT_PROPERTY, 0},

    {"PropertyMissing", GN_FAULT_MISSING, 0},
    {"RequiredPropertyMissing", GN_FAULT_MISSING, 0},
    {"CreateFailedMissingReqProperties", GN_FAULT_MISSING, 0},
    {"ActionParameterMissing", GN_FAULT_MISSING, 1},

    {"EventSubscriptionLimitExceeded", GN_FAULT_LIMIT, 0},
    {"CreateLimitReachedForResource", GN_FAULT_LIMIT, 0},
    {"ResourceExhaustion", GN_FAULT_LIMIT, 0},
    {"InsufficientStorage", GN_FAULT_LIMIT, 0},

    {"ResourceAlreadyExists", GN_FAULT_EXISTS, 0},

    {"ServiceTemporarilyUnavailable", GN_FAULT_BUSY, 0},
    {"RateLimited", GN_FAULT_BUSY, 0},
    {"ServiceShuttingDown", GN_FAULT_BUSY, 0},
    {"ServiceInUnknownState", GN_FAULT_BUSY, 0},
    {"SessionLimitExceeded", GN_FAULT_BUSY, 0},
    {"ResourceInUse", GN_FAULT_BUSY, 0},
    {"ResourceInStandby", GN_FAULT_BUSY, 0},
    {"OperationTimeout", GN_FAULT_BUSY, 0},
    {"iLOResetInProgress", GN_FAULT_BUSY, 0},

    {"ServiceDisabled", GN_FAULT_DISABLED, 0},

    {"InsufficientPrivilege", GN_FAULT_AUTH, 0},
    {"NoValidSession", GN_FAULT_AUTH, 0},
    {"AccessDenied", GN_FAULT_AUTH, 0},
    {"SessionTerminated", GN_FAULT_AUTH, 0},
    {"AccountForSessionNoLongerExists", GN_FAULT_AUTH, 0},
    {"AuthenticationTokenRequired", GN_FAULT_AUTH, 0},
    {"PasswordChangeRequired", GN_FAULT_AUTH, 0},
    {"UnauthorizedLoginAttempt", GN_FAULT_AUTH, 0},

    {"ResourceMissingAtURI", GN_FAULT_ABSENT, 0},
    {"ResourceNotFound", GN_FAULT_ABSENT, 0},
    {"InvalidURI", GN_FAULT_ABSENT, 0},

    {"ActionNotSupported", GN_FAULT_ACTION, 0},
    {"OperationNotAllowed", GN_FAULT_ACTION, 0},
    {"UnsupportedOperation", GN_FAULT_ACTION, 0},
};

struct reading {
    struct gn_service_error *error;
    int rank;    /* of the message that decides so far; less is more telling */
    size_t seen; /* messages looked at */
};

static int rank_of(enum gn_service_fault fault)
{
    if (fault == GN_FAULT_NONE)
        return RANK_SUCCESS;
    return fault == GN_FAULT_OTHER ? RANK_OTHER : (int)fault;
}

static struct key_row classify(struct gn_str key)
{
    for (size_t i = 0; i < GN_LEN(key_rows); i++) {
        if (gn_str_eq_nocase(key, gn_str_of(key_rows[i].key)))
            return key_rows[i];
    }
    /* PropertyUnknown, PropertyNotWritable, iLO's PropertyNotWritableOrUnknown, ... */
    if (gn_str_has_prefix(key, GN_STR("Property")) ||
        gn_str_has_prefix(key, GN_STR("ActionParameter")))
        return (struct key_row){"", GN_FAULT_PROPERTY, 0};
    return (struct key_row){"", GN_FAULT_OTHER, 0};
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '@' ||
           c == '.' || c == '_' || c == '-';
}

/* Notes the property that text names: "EventTypes", "#/EventTypes/0", "/EventTypes". A value that
 * stands where a name belongs (URLs, sentences) is passed over. */
static void add_property(struct gn_service_error *error, struct gn_str text)
{
    struct gn_str rest;

    if (text.len > 0 && text.p[0] == '#')
        text = (struct gn_str){text.p + 1, text.len - 1};
    if (text.len > 0 && text.p[0] == '/')
        text = (struct gn_str){text.p + 1, text.len - 1};
    text = gn_str_cut(text, '/', &rest);
    if (text.len == 0 || text.len >= sizeof error->properties[0] ||
        error->property_count == GN_SERVICE_ERROR_PROPERTIES)
        return;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_name_char(text.p[i]))
            return;
    }
    for (size_t i = 0; i < error->property_count; i++) {
        if (gn_str_eq(gn_str_of(error->properties[i]), text))
            return;
    }
    gn_resource_copy(error->properties[error->property_count++], sizeof error->properties[0], text);
}

/* The text at index of an array of texts; a single text counts as the first. */
static struct gn_str text_at(const json_t *list, size_t index)
{
    const json_t *item = json_is_array(list) ? json_array_get(list, index) : list;

    if ((index > 0 && !json_is_array(list)) || !json_is_string(item))
        return GN_STR_NONE;
    return (struct gn_str){json_string_value(item), json_string_length(item)};
}

static void add_properties(struct gn_service_error *error, const json_t *message, size_t name_at,
                           struct gn_str annotated)
{
    const json_t *args = gn_json_get_nocase(message, "MessageArgs");
    const json_t *related = gn_json_get_nocase(message, "RelatedProperties");
    struct gn_str name = text_at(args, name_at);

    add_property(error, name.p != NULL ? name : text_at(args, 0));
    for (size_t i = 0; i < GN_SERVICE_ERROR_PROPERTIES; i++)
        add_property(error, text_at(related, i));
    add_property(error, annotated);
}

/* iDRAC refuses a second subscription for one destination by saying that it modified the value, and
 * names the URL. */
static bool is_about_destination(struct gn_str key, const json_t *message)
{
    const json_t *args = gn_json_get_nocase(message, "MessageArgs");

    if (!gn_str_eq_nocase(key, GN_STR("PropertyValueModified")))
        return false;
    for (size_t i = 0; i < 3; i++) {
        const struct gn_str arg = text_at(args, i);

        if (gn_str_eq_nocase(arg, GN_STR("Destination")) ||
            gn_str_has_prefix(arg, GN_STR("http://")) || gn_str_has_prefix(arg, GN_STR("https://")))
            return true;
    }
    return false;
}

static struct gn_str key_of(struct gn_str message_id)
{
    struct gn_message_id id;

    return gn_message_id_parse(message_id, &id) == GN_OK ? id.key : GN_STR_NONE;
}

static void take(struct reading *r, const json_t *message, struct gn_str message_id,
                 struct gn_str text, struct gn_str annotated)
{
    struct gn_service_error *error = r->error;
    const struct gn_str key = key_of(message_id);
    struct key_row row = classify(key);

    if (r->seen >= GN_SERVICE_ERROR_MESSAGES || (key.len == 0 && text.len == 0))
        return;
    r->seen++;
    if (is_about_destination(key, message))
        row.fault = GN_FAULT_EXISTS;
    if (rank_of(row.fault) < r->rank) {
        r->rank = rank_of(row.fault);
        error->fault = row.fault;
        error->property_count = 0;
        gn_resource_copy(error->key, sizeof error->key, key);
        gn_resource_copy(error->text, sizeof error->text, text);
    }
    if (row.fault == error->fault &&
        (row.fault == GN_FAULT_PROPERTY || row.fault == GN_FAULT_MISSING))
        add_properties(error, message, row.name_at, annotated);
}

static void take_message(struct reading *r, const json_t *message, struct gn_str annotated)
{
    if (json_is_string(message))
        take(r, NULL, GN_STR_NONE, text_at(message, 0), annotated);
    else
        take(r, message, gn_resource_text(message, "MessageId"),
             gn_resource_text(message, "Message"), annotated);
}

/* A list of messages, or one that stands alone. */
static void take_messages(struct reading *r, const json_t *list, struct gn_str annotated)
{
    if (!json_is_array(list)) {
        take_message(r, list, annotated);
        return;
    }
    for (size_t i = 0; i < json_array_size(list) && i < GN_SERVICE_ERROR_MESSAGES; i++)
        take_message(r, json_array_get(list, i), annotated);
}

static void take_known_lists(struct reading *r, const json_t *obj)
{
    take_messages(r, gn_json_get_nocase(obj, INFO), GN_STR_NONE);
    take_messages(r, gn_json_get_nocase(obj, "Messages"), GN_STR_NONE);
    take_messages(r, gn_json_get_nocase(obj, "ExtendedInfo"), GN_STR_NONE);
}

/* Code and message of the error object itself say "see the list" in most answers; they count where
 * the list is absent, or when they name a fault. */
static void take_error(struct reading *r, const json_t *error)
{
    struct gn_str code = gn_resource_text(error, "code");

    if (json_is_string(error)) {
        take_message(r, error, GN_STR_NONE);
        return;
    }
    take_known_lists(r, error);
    if (r->seen == 0 || classify(key_of(code)).fault != GN_FAULT_OTHER)
        take(r, error, code, gn_resource_text(error, "message"), GN_STR_NONE);
}

/* Prop@Message.ExtendedInfo, as bmcweb annotates each property that it does not take. */
static void take_annotations(struct reading *r, json_t *body)
{
    const struct gn_str suffix = GN_STR(INFO);
    const char *key;
    json_t *value;

    json_object_foreach (body, key, value) {
        const struct gn_str name = gn_str_of(key);

        if (name.len > suffix.len && gn_str_has_suffix(name, suffix))
            take_messages(r, value, (struct gn_str){name.p, name.len - suffix.len});
    }
}

static void read_body(struct reading *r, const json_t *body)
{
    if (!json_is_object(body)) {
        take_messages(r, body, GN_STR_NONE);
        return;
    }
    take_error(r, gn_json_get_nocase(body, "error"));
    take_known_lists(r, body);
    take_annotations(r, gn_json_mutable(body));
    if (r->seen == 0)
        take_message(r, body, GN_STR_NONE);
}

static enum gn_service_fault fault_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return GN_FAULT_AUTH;
    case 404:
        return GN_FAULT_ABSENT;
    case 405:
        return GN_FAULT_ACTION;
    case 429:
    case 503:
        return GN_FAULT_BUSY;
    default:
        return status >= 400 ? GN_FAULT_OTHER : GN_FAULT_NONE;
    }
}

void gn_service_error_read(int status, const json_t *body, struct gn_str plain,
                           struct gn_service_error *error)
{
    struct reading r = {error, RANK_NOTHING, 0};

    memset(error, 0, sizeof *error);
    if (body != NULL)
        read_body(&r, body);
    else
        gn_resource_copy(error->text, sizeof error->text, gn_str_trim(plain));
    if (error->fault == GN_FAULT_NONE || error->fault == GN_FAULT_OTHER)
        error->fault = fault_of_status(status);
}

const char *gn_service_fault_name(enum gn_service_fault fault)
{
    static const char *const names[] = {
        [GN_FAULT_NONE] = "",
        [GN_FAULT_PROPERTY] = "property",
        [GN_FAULT_MISSING] = "missing",
        [GN_FAULT_LIMIT] = "limit",
        [GN_FAULT_EXISTS] = "exists",
        [GN_FAULT_BUSY] = "busy",
        [GN_FAULT_DISABLED] = "disabled",
        [GN_FAULT_AUTH] = "auth",
        [GN_FAULT_ABSENT] = "absent",
        [GN_FAULT_ACTION] = "action",
        [GN_FAULT_OTHER] = "other",
    };

    return (size_t)fault < GN_LEN(names) ? names[fault] : "";
}
