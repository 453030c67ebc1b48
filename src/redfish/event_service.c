/* What an EventService says of itself, and the URIs that BMCs give. */
#include "gurnard/redfish/event_service.h"

#include <string.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/json.h"

#include "resource_priv.h"

#define LIST_MAX 256 /* elements of a list that are looked at */

/* ---- URIs ---- */

/* What is behind scheme and authority of an absolute URI; text itself when it is a path; absent for
 * anything else. */
static struct gn_str behind_authority(struct gn_str text)
{
    static const struct gn_str schemes[] = {GN_STR_INIT("https://"), GN_STR_INIT("http://")};

    for (size_t i = 0; i < GN_LEN(schemes); i++) {
        const size_t len = schemes[i].len;
        size_t at = len;

        if (text.len <= len || !gn_str_eq_nocase((struct gn_str){text.p, len}, schemes[i]))
            continue;
        while (at < text.len && text.p[at] != '/' && text.p[at] != '?' && text.p[at] != '#')
            at++;
        if (at == len)
            return GN_STR_NONE;
        while (at + 1 < text.len && text.p[at] == '/' && text.p[at + 1] == '/')
            at++; /* base and path put together carelessly; alone "//" would begin a host */
        return (struct gn_str){text.p + at, text.len - at};
    }
    if (text.len == 0 || text.p[0] != '/' || (text.len > 1 && text.p[1] == '/'))
        return GN_STR_NONE;
    return text;
}

/* Bytes that a request line may hold. */
static bool is_printable(struct gn_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7F)
            return false;
    }
    return true;
}

bool gn_service_uri(struct gn_str uri, char path[GN_SERVICE_URI_MAX])
{
    struct gn_str rest, query, bare;
    size_t len;

    path[0] = '\0';
    uri = behind_authority(gn_str_trim(uri));
    if (uri.p == NULL || !is_printable(uri))
        return false;
    bare = gn_str_cut(gn_str_cut(uri, '#', &rest), '?', &query);
    while (bare.len > 0 && bare.p[bare.len - 1] == '/')
        bare.len--;
    if (bare.len == 0)
        bare = GN_STR("/");
    len = bare.len + (query.len > 0 ? query.len + 1 : 0);
    if (len >= GN_SERVICE_URI_MAX)
        return false;
    memcpy(path, bare.p, bare.len);
    if (query.len > 0) {
        path[bare.len] = '?';
        memcpy(path + bare.len + 1, query.p, query.len);
    }
    path[len] = '\0';
    return true;
}

struct gn_str gn_service_last_part(struct gn_str uri)
{
    const char *slash;

    while (uri.len > 0 && uri.p[uri.len - 1] == '/')
        uri.len--;
    slash = uri.len == 0 ? NULL : memrchr(uri.p, '/', uri.len);
    if (slash == NULL)
        return uri;
    return (struct gn_str){slash + 1, (size_t)(uri.p + uri.len - (slash + 1))};
}

bool gn_service_link(const json_t *obj, const char *member, char path[GN_SERVICE_URI_MAX])
{
    static const char *const names[] = {"@odata.id", "href", "extref"};
    const json_t *link = gn_json_get_nocase(obj, member);

    if (json_is_string(link))
        return gn_service_uri(gn_resource_text(obj, member), path);
    for (size_t i = 0; i < GN_LEN(names); i++) {
        if (gn_service_uri(gn_resource_text(link, names[i]), path))
            return true;
    }
    path[0] = '\0';
    return false;
}

/* ---- lists ---- */

/* The text at index, or the absent view. */
static struct gn_str text_at(const json_t *list, size_t index)
{
    const json_t *item = json_array_get(list, index);

    if (!json_is_string(item))
        return GN_STR_NONE;
    return (struct gn_str){json_string_value(item), json_string_length(item)};
}

/* Whether the list has a text of that beginning, in any case; a whole one unless is_prefix. */
static bool list_has(const json_t *list, struct gn_str word, bool is_prefix)
{
    for (size_t i = 0; i < json_array_size(list) && i < LIST_MAX; i++) {
        struct gn_str text = text_at(list, i);

        if (is_prefix && text.len > word.len)
            text.len = word.len;
        if (gn_str_eq_nocase(text, word))
            return true;
    }
    return false;
}

/* Whether the list has any text: an empty one offers nothing. */
static bool list_offers(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list) && i < LIST_MAX; i++) {
        if (text_at(list, i).len > 0)
            return true;
    }
    return false;
}

/* ---- the resource ---- */

static bool take_number(struct gn_str *s, uint16_t *value)
{
    size_t len = 0;
    unsigned long long number;

    while (len < s->len && s->p[len] >= '0' && s->p[len] <= '9')
        len++;
    if (!gn_str_to_u64((struct gn_str){s->p, len}, UINT16_MAX, &number))
        return false;
    *value = (uint16_t)number;
    *s = (struct gn_str){s->p + len, s->len - len};
    return true;
}

/* "#EventService.v1_8_0.EventService", or "EventService.1.0.0" (iLO 4). */
static void read_version(struct gn_str type, struct gn_event_service *service)
{
    struct gn_str rest;
    uint16_t major, minor;

    (void)gn_str_cut(type, '.', &rest);
    if (rest.len > 0 && rest.p[0] == 'v')
        rest = (struct gn_str){rest.p + 1, rest.len - 1};
    if (!take_number(&rest, &major) || rest.len == 0 || (rest.p[0] != '_' && rest.p[0] != '.'))
        return;
    rest = (struct gn_str){rest.p + 1, rest.len - 1};
    if (!take_number(&rest, &minor))
        return;
    service->version_major = major;
    service->version_minor = minor;
}

const json_t *gn_event_service_test_action(const json_t *resource)
{
    const json_t *actions = gn_json_get_nocase(resource, "Actions");
    const json_t *action = gn_json_get_nocase(actions, "#EventService.SubmitTestEvent");

    if (action == NULL)
        action = gn_json_get_nocase(actions, "EventService.SubmitTestEvent");
    return json_is_object(action) ? action : NULL;
}

static void read_links(const json_t *resource, struct gn_event_service *service)
{
    const json_t *action = gn_event_service_test_action(resource);

    if (!gn_service_link(resource, "Subscriptions", service->subscriptions))
        (void)gn_service_link(gn_json_get_nocase(resource, "links"), "Subscriptions",
                              service->subscriptions);                        /* iLO 4; else "" */
    (void)gn_service_link(resource, "ServerSentEventUri", service->sse);      /* may be absent */
    (void)gn_service_link(action, "target", service->test_target);            /* may be absent */
    (void)gn_service_link(action, "@Redfish.ActionInfo", service->test_info); /* may be absent */
}

static void read_offers(const json_t *resource, struct gn_event_service *service)
{
    const json_t *types = gn_json_get_nocase(resource, "EventTypesForSubscription");
    const json_t *formats = gn_json_get_nocase(resource, "EventFormatTypes");
    const json_t *prefixes = gn_json_get_nocase(resource, "RegistryPrefixes");
    const json_t *kinds = gn_json_get_nocase(resource, "ResourceTypes");

    service->has_event_types = json_is_array(types);
    service->takes_alert =
        json_is_array(types) && (!list_offers(types) || list_has(types, GN_STR("Alert"), false));
    service->has_formats = list_offers(formats);
    service->has_metric_reports = list_has(formats, GN_STR("MetricReport"), false);
    service->has_prefixes = list_offers(prefixes);
    service->has_resource_types = list_offers(kinds);
    service->has_severities = list_offers(gn_json_get_nocase(resource, "Severities"));
    service->takes_heartbeat = list_has(prefixes, GN_STR("HeartbeatEvent"), true) ||
                               list_has(kinds, GN_STR("Heartbeat"), false);
    service->is_openbmc = list_has(prefixes, GN_STR("OpenBMC"), true);
}

static void read_sse_filter(const json_t *resource, struct gn_event_service *service)
{
    json_t *filter = gn_json_get_nocase(resource, "SSEFilterPropertiesSupported");
    void *at;

    for (at = json_object_iter(filter); at != NULL; at = json_object_iter_next(filter, at)) {
        if (json_is_true(json_object_iter_value(at)))
            service->sse_takes_filter = true;
    }
    service->sse_takes_prefix = json_is_true(gn_json_get_nocase(filter, "RegistryPrefix"));
    service->sse_takes_message_id = json_is_true(gn_json_get_nocase(filter, "MessageId"));
    service->sse_takes_format = json_is_true(gn_json_get_nocase(filter, "EventFormatType"));
}

/* A number that is not negative and fits; else 0. */
static uint32_t read_count(const json_t *resource, const char *member)
{
    const json_t *value = gn_json_get_nocase(resource, member);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT32_MAX)
        return 0;
    return (uint32_t)json_integer_value(value);
}

static void read_status(const json_t *resource, struct gn_event_service *service)
{
    const json_t *status = gn_json_get_nocase(resource, "Status");
    const json_t *first = json_array_get(gn_json_get_nocase(status, "Conditions"), 0);
    struct gn_str text = gn_resource_text(first, "Message");

    if (text.len == 0)
        text = gn_resource_text(first, "MessageId");
    gn_resource_copy(service->condition, sizeof service->condition, text);
    gn_resource_copy(service->health, sizeof service->health, gn_resource_text(status, "Health"));
}

bool gn_event_service_read(const json_t *resource, struct gn_event_service *service)
{
    const json_t *enabled = gn_json_get_nocase(resource, "ServiceEnabled");
    struct gn_str type = gn_resource_text(resource, "@odata.type");

    memset(service, 0, sizeof *service);
    if (!json_is_object(resource))
        return false;
    read_version(type.p != NULL ? type : gn_resource_text(resource, "Type"), service);
    read_links(resource, service);
    read_offers(resource, service);
    read_sse_filter(resource, service);
    read_status(resource, service);
    service->is_disabled = json_is_false(enabled);
    service->is_enabled = !service->is_disabled;
    service->retry_attempts = read_count(resource, "DeliveryRetryAttempts");
    service->retry_interval_s = read_count(resource, "DeliveryRetryIntervalSeconds");
    if (service->retry_interval_s == 0)
        service->retry_interval_s = read_count(resource, "DeliveryRetryIntervalInSeconds");
    return true;
}
