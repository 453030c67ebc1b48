/* Log entries: what tells one from the others, and the event that one becomes. */
#include "gurnard/redfish/log_entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "gurnard/redfish/incident.h"

/* Nesting of a value that is passed on. In the event it lies at most six levels deep, and the
 * intake takes GN_REDFISH_DEPTH_MAX. */
#define VALUE_DEPTH_MAX 20

#define OWN_OEM "Gurnard"

/* Members of an entry that the event's record has too. */
static const char *const record_members[] = {
    "EventId", "Severity", "MessageSeverity", "Message", "MessageId", "MessageArgs",
};

/* What tells of an IPMI event (SEL) that has no MessageId. */
static const char *const sel_members[] = {
    "EntryType", "EntryCode", "OemRecordFormat", "SensorType", "SensorNumber", "GeneratorId",
};

/* ---- values ---- */

/* A scalar member as text; number: room for that of an integer. */
static struct gn_str scalar(const json_t *obj, const char *name, char number[32])
{
    const json_t *value = json_object_get(obj, name);

    if (!json_is_integer(value))
        return gn_json_str(obj, name);
    (void)snprintf(number, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return gn_str_of(number);
}

/* What vendors put into Oem of an entry that they update in place (iLO): the first of Oem's members
 * that is an object with name. */
static const json_t *oem_with(const json_t *entry, const char *name)
{
    json_t *oem = json_object_get(entry, "Oem");
    const char *vendor;
    json_t *part;

    json_object_foreach (oem, vendor, part) {
        if (json_object_get(part, name) != NULL)
            return part;
    }
    return NULL;
}

/* A time that was set: see GN_INCIDENT_TIME_MIN. */
static bool read_time(struct gn_str text, int64_t *ns)
{
    return gn_time_parse_bmc(gn_str_trim(text), ns) == GN_OK && *ns >= GN_INCIDENT_TIME_MIN;
}

static struct gn_str id_of(const json_t *entry, char number[32])
{
    const struct gn_str id = scalar(entry, "Id", number);

    return id.len > 0 ? id : gn_service_last_part(gn_json_str(entry, "@odata.id"));
}

/* ---- marks ---- */

/* The parts are hashed one by one and then together, so that no text of any length is copied. */
static uint64_t hash_of(const json_t *entry, struct gn_str id)
{
    char count[32], message_id[32];
    const struct gn_str parts[] = {
        id,
        gn_json_str(entry, "Created"),
        gn_json_str(entry, "Message"),
        scalar(entry, "MessageId", message_id),
        scalar(oem_with(entry, "Count"), "Count", count),
        gn_json_str(oem_with(entry, "Updated"), "Updated"),
    };
    char digests[GN_LEN(parts) * 16 + 1];

    for (size_t i = 0; i < GN_LEN(parts); i++)
        (void)snprintf(digests + i * 16, 17, "%016" PRIx64, gn_id_digest(parts[i]));
    return gn_id_digest((struct gn_str){digests, sizeof digests - 1});
}

/* Whether the entry was updated in place: then its time is that of the update. */
static struct gn_str update_time(const json_t *entry)
{
    const struct gn_str updated = gn_json_str(oem_with(entry, "Updated"), "Updated");
    int64_t created_ns = INT64_MIN, updated_ns;

    if (!read_time(updated, &updated_ns))
        return GN_STR_NONE;
    if (read_time(gn_json_str(entry, "Created"), &created_ns) && created_ns >= updated_ns)
        return GN_STR_NONE;
    return updated;
}

bool gn_log_mark_read(const json_t *entry, struct gn_log_mark *mark)
{
    char number[32];
    struct gn_str id;
    struct gn_str kept;

    *mark = (struct gn_log_mark){.created_ns = INT64_MIN, .updated_ns = INT64_MIN};
    if (!json_is_object(entry))
        return false;
    id = id_of(entry, number);
    if (id.len == 0)
        return false;
    kept = gn_text_clip(id, sizeof mark->id - 1);
    memcpy(mark->id, kept.p, kept.len);
    if (gn_time_parse_bmc(gn_str_trim(gn_json_str(entry, "Created")), &mark->created_ns) != GN_OK)
        mark->created_ns = INT64_MIN;
    if (!read_time(update_time(entry), &mark->updated_ns))
        mark->updated_ns = INT64_MIN;
    mark->hash = hash_of(entry, id);
    return true;
}

/* An id around its last run of digits. */
struct numbered {
    struct gn_str before, digits, behind;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct numbered split(const char *id)
{
    size_t len = strlen(id), end = len, begin;

    while (end > 0 && !is_digit(id[end - 1]))
        end--;
    begin = end;
    while (begin > 0 && is_digit(id[begin - 1]))
        begin--;
    return (struct numbered){.before = {id, begin},
                             .digits = {id + begin, end - begin},
                             .behind = {id + end, len - end}};
}

/* Compares numbers of any length: below, at or above 0 as by strcmp(). */
static int compare_digits(struct gn_str a, struct gn_str b)
{
    while (a.len > 0 && a.p[0] == '0')
        a = (struct gn_str){a.p + 1, a.len - 1};
    while (b.len > 0 && b.p[0] == '0')
        b = (struct gn_str){b.p + 1, b.len - 1};
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.p, b.p, a.len);
}

bool gn_log_mark_is_after(const struct gn_log_mark *a, const struct gn_log_mark *b)
{
    const struct numbered x = split(a->id), y = split(b->id);
    int order;

    if (strcmp(a->id, b->id) == 0)
        return a->hash != b->hash;
    if (x.digits.len > 0 && y.digits.len > 0 && gn_str_eq(x.before, y.before) &&
        gn_str_eq(x.behind, y.behind)) {
        order = compare_digits(x.digits, y.digits);
        if (order != 0)
            return order < 0;
    }
    if (a->created_ns != INT64_MIN && b->created_ns != INT64_MIN && a->created_ns != b->created_ns)
        return a->created_ns < b->created_ns;
    return strverscmp(a->id, b->id) < 0; /* OpenBMC: 1700000000 and in the same second ..._1 */
}

/* ---- events ---- */

/* Whether value is nested at most levels deep. */
static bool is_flat(json_t *value, unsigned levels)
{
    const char *key;
    json_t *member;
    size_t i;

    if (!json_is_object(value) && !json_is_array(value))
        return true;
    if (levels == 0)
        return false;
    json_object_foreach (value, key, member) {
        if (!is_flat(member, levels - 1))
            return false;
    }
    json_array_foreach (value, i, member) {
        if (!is_flat(member, levels - 1))
            return false;
    }
    return true;
}

static int add_bytes(const char *bytes, size_t len, void *ctx)
{
    struct gn_buf *out = ctx;

    gn_buf_add(out, bytes, len);
    return gn_buf_err(out) == GN_OK ? 0 : -1;
}

static void add_key(struct gn_buf *out, const char *name)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        gn_buf_putc(out, ',');
    gn_text_add_json(out, gn_str_of(name));
    gn_buf_putc(out, ':');
}

static void add_text(struct gn_buf *out, const char *name, struct gn_str text)
{
    add_key(out, name);
    gn_text_add_json(out, text);
}

/* Adds a member as it is; none when it is missing, null or too deep. */
static void add_value(struct gn_buf *out, const char *name, json_t *value)
{
    if (value == NULL || json_is_null(value) || !is_flat(value, VALUE_DEPTH_MAX))
        return;
    add_key(out, name);
    if (json_dump_callback(value, add_bytes, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0 &&
        gn_buf_err(out) == GN_OK)
        out->err = GN_ENOMEM; /* the only other trouble of a value that was parsed */
}

/* The time of the event, as written. */
static struct gn_str time_of(const json_t *entry)
{
    const struct gn_str updated = update_time(entry);
    const struct gn_str times[] = {gn_json_str(entry, "Created"),
                                   gn_json_str(entry, "EventTimestamp")};
    int64_t ns;

    if (updated.len > 0)
        return updated;
    for (size_t i = 0; i < GN_LEN(times); i++) {
        if (read_time(times[i], &ns))
            return times[i];
    }
    for (size_t i = 0; i < GN_LEN(times); i++) {
        if (gn_time_parse_bmc(gn_str_trim(times[i]), &ns) == GN_OK)
            return times[i]; /* of a clock that was never set, but a time */
    }
    return GN_STR_NONE;
}

static json_t *origin_of(const json_t *entry)
{
    json_t *origin = json_object_get(entry, "OriginOfCondition");

    if (origin != NULL && !json_is_null(origin))
        return origin;
    return json_object_get(json_object_get(entry, "Links"), "OriginOfCondition");
}

/* Resolution, or what iLO calls RecommendedAction. */
static void add_resolution(struct gn_buf *out, const json_t *entry)
{
    struct gn_str text = gn_json_str(entry, "Resolution");

    if (text.len == 0)
        text = gn_json_str(oem_with(entry, "RecommendedAction"), "RecommendedAction");
    if (text.len > 0)
        add_text(out, "Resolution", text);
}

/* What gurnard says of the event. Count tells updates of one entry apart. */
static void add_own_oem(struct gn_buf *out, const json_t *entry)
{
    const long long count = gn_json_int(oem_with(entry, "Count"), "Count", 1);

    add_key(out, OWN_OEM);
    gn_buf_puts(out, "{\"Recovered\":true");
    if (count > 1)
        gn_buf_printf(out, ",\"Count\":%lld", count);
    for (size_t i = 0; i < GN_LEN(sel_members); i++) {
        if (gn_json_str(entry, "MessageId").len == 0)
            add_value(out, sel_members[i], json_object_get(entry, sel_members[i]));
    }
    gn_buf_putc(out, '}');
}

static void add_oem(struct gn_buf *out, const json_t *entry)
{
    json_t *oem = json_object_get(entry, "Oem");
    const char *vendor;
    json_t *part;

    add_key(out, "Oem");
    gn_buf_putc(out, '{');
    json_object_foreach (oem, vendor, part) {
        if (strcmp(vendor, OWN_OEM) != 0)
            add_value(out, vendor, part);
    }
    add_own_oem(out, entry);
    gn_buf_putc(out, '}');
}

static void add_record(struct gn_buf *out, const json_t *entry, struct gn_str uri)
{
    const struct gn_str time = time_of(entry);

    gn_buf_putc(out, '{');
    for (size_t i = 0; i < GN_LEN(record_members); i++)
        add_value(out, record_members[i], json_object_get(entry, record_members[i]));
    if (time.len > 0)
        add_text(out, "EventTimestamp", time);
    add_value(out, "OriginOfCondition", origin_of(entry));
    if (uri.len > 0) {
        add_key(out, "LogEntry");
        gn_buf_puts(out, "{\"@odata.id\":");
        gn_text_add_json(out, uri);
        gn_buf_putc(out, '}');
    }
    add_resolution(out, entry);
    add_oem(out, entry);
    gn_buf_putc(out, '}');
}

void gn_log_entry_event(const json_t *entry, struct gn_str uri, struct gn_buf *out)
{
    char number[32];

    gn_buf_puts(out, "{\"@odata.type\":\"#Event.v1_7_0.Event\",\"Id\":");
    gn_text_add_json(out, id_of(entry, number));
    gn_buf_puts(out, ",\"Name\":\"Recovered Log Entry\",\"Events\":[");
    add_record(out, entry, uri);
    gn_buf_puts(out, "]}");
}

/* ---- which logs ---- */

bool gn_log_is_wanted(struct gn_str id)
{
    /* Lower case, without what stands between words. FaultList: iDRAC's, repeats its Lclog. */
    static const char *const noise[] = {
        "journal", "hostlog", "postcode", "dump", "faultlog", "faultlist", "audit", "debug",
    };
    char word[GN_LOG_ID_MAX];
    size_t len = 0;

    id = gn_service_last_part(id);
    for (size_t i = 0; i < id.len && len < sizeof word - 1; i++) {
        const char c = id.p[i];

        if (c >= 'A' && c <= 'Z')
            word[len++] = (char)(c - 'A' + 'a');
        else if ((c >= 'a' && c <= 'z') || is_digit(c))
            word[len++] = c;
    }
    word[len] = '\0';
    for (size_t i = 0; i < GN_LEN(noise); i++) {
        if (strstr(word, noise[i]) != NULL)
            return false;
    }
    return true;
}
