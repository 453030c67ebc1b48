/* How a subscription is asked for: the shapes of the request, their ladder, and the body. */
#include "gurnard/redfish/destination.h"

#include <string.h>

#include "gurnard/base/text.h"
#include "gurnard/redfish/message_id.h"

#define HEARTBEAT_MINUTES_MAX 65535U

/* The names of the members that a bit leaves out, and the bit. Those behind the first of a bit are
 * only found in refusals. */
static const struct {
    const char *name;
    unsigned bit;
} members[] = {
    {"SubscriptionType", GN_OMIT_SUBSCRIPTION_TYPE},
    {"EventFormatType", GN_OMIT_FORMAT},
    {"RegistryPrefixes", GN_OMIT_PREFIXES},
    {"MessageIds", GN_OMIT_MESSAGE_IDS},
    {"Severities", GN_OMIT_SEVERITIES},
    {"ResourceTypes", GN_OMIT_RESOURCE_TYPES},
    {"DeliveryRetryPolicy", GN_OMIT_POLICY},
    {"HeartbeatIntervalMinutes", GN_OMIT_HEARTBEAT},
    {"SendHeartbeat", GN_OMIT_HEARTBEAT},
    {"VerifyCertificate", GN_OMIT_VERIFY},
    {"HttpHeaders", GN_OMIT_HEADERS},
    {"Context", GN_OMIT_CONTEXT},
};

/* ---- what want has to say ---- */

static bool is_https(const char *url)
{
    const struct gn_str scheme = GN_STR("https://");
    struct gn_str text = gn_str_of(url);

    if (text.len > scheme.len)
        text.len = scheme.len;
    return gn_str_eq_nocase(text, scheme);
}

static unsigned bit_if(bool is_wanted, unsigned bit)
{
    return is_wanted ? bit : 0;
}

/* Bits of the members that want would have said by a shape that leaves nothing out. */
static unsigned wanted_bits(const struct gn_destination_want *want)
{
    const bool is_filtered = !want->metric_reports;
    const bool has_context = want->context != NULL && want->context[0] != '\0';

    return GN_OMIT_SUBSCRIPTION_TYPE | GN_OMIT_FORMAT |
           bit_if(is_filtered && want->prefixes.count > 0, GN_OMIT_PREFIXES) |
           bit_if(is_filtered && want->message_ids.count > 0, GN_OMIT_MESSAGE_IDS) |
           bit_if(is_filtered && want->severities.count > 0, GN_OMIT_SEVERITIES) |
           bit_if(is_filtered && want->resource_types.count > 0, GN_OMIT_RESOURCE_TYPES) |
           bit_if(want->policy != GN_POLICY_NONE, GN_OMIT_POLICY) |
           bit_if(want->heartbeat_minutes > 0, GN_OMIT_HEARTBEAT) |
           bit_if(is_https(want->url), GN_OMIT_VERIFY) |
           bit_if(want->header_count > 0, GN_OMIT_HEADERS) | bit_if(has_context, GN_OMIT_CONTEXT);
}

/* Bits of the members that a body in this shape has. */
static unsigned said_bits(const struct gn_destination_shape *shape,
                          const struct gn_destination_want *want)
{
    return wanted_bits(want) & ~shape->omit;
}

/* ---- shapes ---- */

/* EventDestination 1.4 and later are recognised by what the service lists for them. */
static bool is_modern(const struct gn_event_service *service)
{
    return service->has_formats || service->has_prefixes || service->has_resource_types;
}

/* MessageIds came with version 1.1 and are not listed by any service. */
static bool takes_message_ids(const struct gn_event_service *service)
{
    return is_modern(service) || service->version_major > 1 ||
           (service->version_major == 1 && service->version_minor >= 1);
}

struct gn_destination_shape gn_shape_first(const struct gn_event_service *service,
                                           const struct gn_destination_want *want)
{
    struct gn_destination_shape shape = {0};

    if (!is_modern(service))
        shape.omit |= GN_OMIT_SUBSCRIPTION_TYPE | GN_OMIT_FORMAT | GN_OMIT_POLICY | GN_OMIT_VERIFY;
    if (!takes_message_ids(service))
        shape.omit |= GN_OMIT_MESSAGE_IDS;
    if (!service->has_prefixes || (said_bits(&shape, want) & GN_OMIT_MESSAGE_IDS) != 0)
        shape.omit |= GN_OMIT_PREFIXES;
    if (!service->has_severities)
        shape.omit |= GN_OMIT_SEVERITIES;
    if (!service->has_resource_types)
        shape.omit |= GN_OMIT_RESOURCE_TYPES;
    if (!service->takes_heartbeat)
        shape.omit |= GN_OMIT_HEARTBEAT;
    shape.has_event_types = service->has_event_types && service->takes_alert;
    shape.has_bare_keys = service->is_openbmc;
    shape.has_plain_policy = service->is_openbmc;
    return shape;
}

static bool names(const struct gn_service_error *error, const char *property)
{
    for (size_t i = 0; i < error->property_count && i < GN_SERVICE_ERROR_PROPERTIES; i++) {
        if (gn_str_eq_nocase(gn_str_of(error->properties[i]), gn_str_of(property)))
            return true;
    }
    return false;
}

/* Leaves out what was refused, or says it otherwise. Whether the body changes. */
static bool leave_refused(struct gn_destination_shape *shape,
                          const struct gn_destination_want *want,
                          const struct gn_service_error *error)
{
    const unsigned said = said_bits(shape, want);
    unsigned refused = 0;
    bool changes = false;

    for (size_t i = 0; i < GN_LEN(members); i++) {
        if (names(error, members[i].name))
            refused |= members[i].bit & said;
    }
    if ((refused & GN_OMIT_HEADERS) != 0 && !shape->has_object_headers) {
        shape->has_object_headers = true;
        refused &= ~(unsigned)GN_OMIT_HEADERS;
        changes = true;
    }
    if ((refused & GN_OMIT_POLICY) != 0 && want->policy == GN_POLICY_BACKOFF &&
        !shape->has_plain_policy) {
        shape->has_plain_policy = true;
        refused &= ~(unsigned)GN_OMIT_POLICY;
        changes = true;
    }
    shape->omit |= refused;
    return changes || refused != 0;
}

/* Adds or drops EventTypes. Alone, without other change of the body (changes), only once: back and
 * forth would repeat a body. Whether the body changes. */
static bool turn_event_types(struct gn_destination_shape *shape, bool wanted, bool changes)
{
    if (shape->has_event_types == wanted || (!changes && shape->has_turned))
        return changes;
    shape->has_event_types = wanted;
    shape->has_turned = !changes;
    return true;
}

/* The minimal form without, then with EventTypes. */
static bool make_poorer(struct gn_destination_shape *shape, const struct gn_destination_want *want)
{
    if ((said_bits(shape, want) & GN_OMIT_MINIMAL) != 0) {
        shape->omit |= GN_OMIT_MINIMAL;
        shape->has_event_types = false;
        shape->has_turned = false;
        return true;
    }
    return turn_event_types(shape, !shape->has_event_types, false);
}

/* What the refusal itself asks for. Whether the body changes. */
static bool take_hint(struct gn_destination_shape *shape, const struct gn_destination_want *want,
                      const struct gn_service_error *error)
{
    bool changes;

    if (error->fault == GN_FAULT_MISSING)
        return names(error, "EventTypes") && turn_event_types(shape, true, false);
    if (error->fault != GN_FAULT_PROPERTY)
        return false;
    changes = leave_refused(shape, want, error);
    if (changes)
        shape->has_turned = false;
    return names(error, "EventTypes") ? turn_event_types(shape, false, changes) : changes;
}

bool gn_shape_next(struct gn_destination_shape *shape, const struct gn_destination_want *want,
                   const struct gn_service_error *error, unsigned attempt)
{
    const bool helps = error->fault == GN_FAULT_NONE || error->fault == GN_FAULT_PROPERTY ||
                       error->fault == GN_FAULT_MISSING || error->fault == GN_FAULT_OTHER;

    if (!helps || attempt >= GN_SHAPE_ATTEMPTS)
        return false;
    return take_hint(shape, want, error) || make_poorer(shape, want);
}

/* ---- as text ---- */

void gn_shape_format(const struct gn_destination_shape *shape, struct gn_buf *out)
{
    gn_buf_printf(out, "omit=0x%x event_types=%d object_headers=%d bare_keys=%d plain_policy=%d",
                  shape->omit, shape->has_event_types, shape->has_object_headers,
                  shape->has_bare_keys, shape->has_plain_policy);
}

/* Takes "key=" from the front of *text and gives the word behind it. */
static struct gn_str take_word(struct gn_str *text, struct gn_str key)
{
    struct gn_str word = gn_str_cut(*text, ' ', text);

    if (!gn_str_has_prefix(word, key))
        return GN_STR_NONE;
    return (struct gn_str){word.p + key.len, word.len - key.len};
}

static bool parse_flag(struct gn_str *text, struct gn_str key, bool *flag)
{
    const struct gn_str word = take_word(text, key);

    *flag = gn_str_eq(word, GN_STR("1"));
    return *flag || gn_str_eq(word, GN_STR("0"));
}

static bool parse_omit(struct gn_str *text, unsigned *omit)
{
    static const char digits[] = "0123456789abcdef";
    const struct gn_str word = take_word(text, GN_STR("omit=0x"));

    if (word.len == 0 || word.len > 3 || (word.len > 1 && word.p[0] == '0'))
        return false;
    for (size_t i = 0; i < word.len; i++) {
        const char *digit = memchr(digits, word.p[i], sizeof digits - 1);

        if (digit == NULL)
            return false;
        *omit = *omit * 16 + (unsigned)(digit - digits);
    }
    return *omit <= GN_OMIT_ALL;
}

bool gn_shape_parse(struct gn_str text, struct gn_destination_shape *shape)
{
    memset(shape, 0, sizeof *shape);
    if (parse_omit(&text, &shape->omit) &&
        parse_flag(&text, GN_STR("event_types="), &shape->has_event_types) &&
        parse_flag(&text, GN_STR("object_headers="), &shape->has_object_headers) &&
        parse_flag(&text, GN_STR("bare_keys="), &shape->has_bare_keys) &&
        parse_flag(&text, GN_STR("plain_policy="), &shape->has_plain_policy) && text.p == NULL)
        return true;
    memset(shape, 0, sizeof *shape);
    return false;
}

void gn_shape_missing(const struct gn_destination_shape *shape,
                      const struct gn_destination_want *want, struct gn_buf *out)
{
    unsigned missing = wanted_bits(want) & shape->omit;
    const char *comma = "";

    missing &= ~(unsigned)GN_OMIT_SUBSCRIPTION_TYPE;
    if (!want->metric_reports)
        missing &= ~(unsigned)GN_OMIT_FORMAT;
    if (!want->verify_certificate)
        missing &= ~(unsigned)GN_OMIT_VERIFY;
    for (size_t i = 0; i < GN_LEN(members); i++) {
        if ((missing & members[i].bit) == 0)
            continue;
        gn_buf_puts(out, comma);
        gn_buf_puts(out, members[i].name);
        missing &= ~members[i].bit;
        comma = ", ";
    }
}

/* ---- the body ---- */

static void add_key(struct gn_buf *out, const char *key)
{
    gn_buf_printf(out, ",\"%s\":", key);
}

static void add_text(struct gn_buf *out, const char *key, struct gn_str text)
{
    add_key(out, key);
    gn_text_add_json(out, text);
}

/* The key of a MessageId alone: bmcweb compares nothing else. */
static struct gn_str bare_key(struct gn_str text)
{
    struct gn_message_id id;

    return gn_message_id_parse(text, &id) == GN_OK ? id.key : text;
}

static void add_filter(struct gn_buf *out, const char *key,
                       const struct gn_destination_filter *filter, bool is_bare)
{
    add_key(out, key);
    for (size_t i = 0; i < filter->count && i < GN_DESTINATION_FILTERS_MAX; i++) {
        const struct gn_str item = gn_str_of(filter->items[i]);

        gn_buf_putc(out, i == 0 ? '[' : ',');
        gn_text_add_json(out, is_bare ? bare_key(item) : item);
    }
    gn_buf_putc(out, ']');
}

static bool is_said_before(const struct gn_destination_want *want, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (gn_str_eq_nocase(gn_str_of(want->header_names[i]),
                             gn_str_of(want->header_names[index])))
            return true;
    }
    return false;
}

/* [{"A":"1"},{"B":"2"}] by the schema, {"A":"1","B":"2"} for iLO 4 and ZT: there the first of a
 * name counts. */
static void add_headers(struct gn_buf *out, const struct gn_destination_want *want, bool is_object)
{
    const char *comma = "";

    add_key(out, "HttpHeaders");
    gn_buf_putc(out, is_object ? '{' : '[');
    for (size_t i = 0; i < want->header_count && i < GN_DESTINATION_HEADERS_MAX; i++) {
        if (is_object && is_said_before(want, i))
            continue;
        gn_buf_puts(out, comma);
        gn_buf_puts(out, is_object ? "" : "{");
        gn_text_add_json(out, gn_str_of(want->header_names[i]));
        gn_buf_putc(out, ':');
        gn_text_add_json(out, gn_str_of(want->header_values[i]));
        gn_buf_puts(out, is_object ? "" : "}");
        comma = ",";
    }
    gn_buf_putc(out, is_object ? '}' : ']');
}

static const char *policy_name(enum gn_destination_policy policy, bool is_plain)
{
    switch (policy) {
    case GN_POLICY_TERMINATE:
        return "TerminateAfterRetries";
    case GN_POLICY_SUSPEND:
        return "SuspendRetries";
    case GN_POLICY_BACKOFF:
        return is_plain ? "RetryForever" : "RetryForeverWithBackoff";
    case GN_POLICY_NONE:
    case GN_POLICY_RETRY_FOREVER:
        break;
    }
    return "RetryForever";
}

static void add_heartbeat(struct gn_buf *out, uint32_t minutes)
{
    add_key(out, "SendHeartbeat");
    gn_buf_puts(out, "true");
    add_key(out, "HeartbeatIntervalMinutes");
    gn_buf_add_u64(out, minutes < HEARTBEAT_MINUTES_MAX ? minutes : HEARTBEAT_MINUTES_MAX);
}

static void add_filters(struct gn_buf *out, unsigned said, const struct gn_destination_want *want,
                        bool has_bare_keys)
{
    if ((said & GN_OMIT_PREFIXES) != 0)
        add_filter(out, "RegistryPrefixes", &want->prefixes, false);
    if ((said & GN_OMIT_MESSAGE_IDS) != 0)
        add_filter(out, "MessageIds", &want->message_ids, has_bare_keys);
    if ((said & GN_OMIT_SEVERITIES) != 0)
        add_filter(out, "Severities", &want->severities, false);
    if ((said & GN_OMIT_RESOURCE_TYPES) != 0)
        add_filter(out, "ResourceTypes", &want->resource_types, false);
}

void gn_destination_body(const struct gn_destination_want *want,
                         const struct gn_destination_shape *shape, struct gn_buf *out)
{
    const unsigned said = said_bits(shape, want);

    gn_buf_puts(out, "{\"Destination\":");
    gn_text_add_json(out, gn_str_of(want->url));
    add_text(out, "Protocol", GN_STR("Redfish"));
    if ((said & GN_OMIT_CONTEXT) != 0)
        add_text(out, "Context",
                 gn_text_clip(gn_str_of(want->context), GN_DESTINATION_CONTEXT_MAX));
    if ((said & GN_OMIT_SUBSCRIPTION_TYPE) != 0)
        add_text(out, "SubscriptionType", GN_STR("RedfishEvent"));
    if ((said & GN_OMIT_FORMAT) != 0)
        add_text(out, "EventFormatType",
                 gn_str_of(want->metric_reports ? "MetricReport" : "Event"));
    if (shape->has_event_types) {
        add_key(out, "EventTypes");
        gn_buf_puts(out, want->metric_reports ? "[\"MetricReport\"]" : "[\"Alert\"]");
    }
    add_filters(out, said, want, shape->has_bare_keys);
    if ((said & GN_OMIT_HEADERS) != 0)
        add_headers(out, want, shape->has_object_headers);
    if ((said & GN_OMIT_POLICY) != 0)
        add_text(out, "DeliveryRetryPolicy",
                 gn_str_of(policy_name(want->policy, shape->has_plain_policy)));
    if ((said & GN_OMIT_HEARTBEAT) != 0)
        add_heartbeat(out, want->heartbeat_minutes);
    if ((said & GN_OMIT_VERIFY) != 0)
        gn_buf_puts(out, want->verify_certificate ? ",\"VerifyCertificate\":true"
                                                  : ",\"VerifyCertificate\":false");
    gn_buf_putc(out, '}');
}
