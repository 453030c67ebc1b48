/* One line of text for each record of a delivered event. A body that is read only in part still
 * gives a line: whoever watches must see that something came. */
#include "gurnard/cli/show.h"

#include <string.h>

#include "cli_priv.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/redfish/severity.h"

#define NS_PER_S      INT64_C(1000000000)
#define SEVERITY_WIDE 8   /* columns of the longest word, Critical */
#define VALUE_MAX     160 /* bytes shown of a value that is no Redfish event */

static const struct gn_json_limits limits = {
    .max_bytes = (size_t)16 << 20,
    .max_depth = GN_JSON_DEPTH_MAX,
    .max_tokens = 1U << 20,
};

static void add_text(struct gn_buf *out, const json_t *value, const char *otherwise)
{
    const struct gn_str text = {json_string_value(value), json_string_length(value)};

    if (text.len > 0)
        gn_cli_add_visible(out, text);
    else
        gn_buf_puts(out, otherwise);
}

/* Seconds are enough to look at; a BMC's zone is turned into UTC so that lines can be compared. */
static void add_time(struct gn_buf *out, const json_t *bmc_time, const json_t *event_time)
{
    char text[GN_TIME_TEXT_MAX];
    struct gn_str when = {json_string_value(bmc_time), json_string_length(bmc_time)};
    int64_t ns;

    if (gn_time_parse_bmc(when, &ns) != GN_OK) {
        when = (struct gn_str){json_string_value(event_time), json_string_length(event_time)};
        if (gn_time_parse_bmc(when, &ns) != GN_OK) {
            add_text(out, event_time, "-");
            return;
        }
    }
    gn_time_format(ns - ns % NS_PER_S, text);
    gn_buf_puts(out, text);
}

static const char *severity_color(enum gn_severity severity)
{
    switch (severity) {
    case GN_SEVERITY_OK:
        return "\033[32m";
    case GN_SEVERITY_WARNING:
        return "\033[33m";
    case GN_SEVERITY_CRITICAL:
        return "\033[1;31m";
    case GN_SEVERITY_NONE:
        break;
    }
    return "";
}

static void add_severity(struct gn_buf *out, const json_t *record, bool color)
{
    const json_t *word = json_object_get(record, "Severity");
    size_t begin;
    enum gn_severity severity;

    if (json_string_length(word) == 0)
        word = json_object_get(record, "MessageSeverity");
    severity =
        gn_severity_parse((struct gn_str){json_string_value(word), json_string_length(word)});
    if (color)
        gn_buf_puts(out, severity_color(severity));
    begin = out->len;
    add_text(out, word, "-");
    while (gn_buf_err(out) == GN_OK && out->len - begin < SEVERITY_WIDE)
        gn_buf_putc(out, ' ');
    if (color && severity != GN_SEVERITY_NONE)
        gn_buf_puts(out, "\033[0m");
}

/* OriginOfCondition is a link, or with some vendors its path. */
static const json_t *origin_of(const json_t *record)
{
    const json_t *origin = json_object_get(record, "OriginOfCondition");

    return json_is_object(origin) ? json_object_get(origin, "@odata.id") : origin;
}

/* It never came by itself: gurnardd read it from the BMC's log. */
static bool was_recovered(const json_t *record)
{
    const json_t *oem = json_object_get(json_object_get(record, "Oem"), "Gurnard");

    return json_is_true(json_object_get(oem, "Recovered"));
}

static void show_record(const json_t *event, const json_t *record, bool color, struct gn_buf *out)
{
    add_time(out, json_object_get(record, "EventTimestamp"), json_object_get(event, "time"));
    gn_buf_puts(out, "  ");
    add_severity(out, record, color);
    gn_buf_puts(out, "  ");
    add_text(out, json_object_get(record, "MessageId"), "-");
    gn_buf_puts(out, "  ");
    add_text(out, origin_of(record), "-");
    gn_buf_puts(out, "  ");
    add_text(out, json_object_get(record, "Message"), "(no text)");
    gn_buf_puts(out, was_recovered(record) ? "  (recovered)\n" : "\n");
}

/* A value that is no Redfish event: its type, its resource, the beginning of its JSON text. */
static void show_plain(const json_t *event, const json_t *item, struct gn_buf *out)
{
    const json_t *value = json_object_get(item, "value");
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t len = text == NULL ? 0 : strlen(text);
    size_t shown = len;

    if (len > VALUE_MAX) {
        shown = VALUE_MAX;
        while (shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80)
            shown--; /* not within a character */
    }
    add_time(out, NULL, json_object_get(event, "time"));
    gn_buf_puts(out, "  ");
    add_text(out, json_object_get(event, "type"), "-");
    gn_buf_puts(out, "  ");
    add_text(out, json_object_get(item, "resource"), "-");
    gn_buf_puts(out, "  ");
    if (shown > 0)
        gn_cli_add_visible(out, (struct gn_str){text, shown});
    gn_buf_puts(out, shown < len ? "...\n" : "\n");
    free(text);
}

/* A record that came without envelope was passed on without one. */
static bool is_record(const json_t *value)
{
    return json_object_get(value, "MessageId") != NULL || json_object_get(value, "Message") != NULL;
}

static unsigned show_item(const json_t *event, const json_t *item, bool color, struct gn_buf *out)
{
    const json_t *value = json_object_get(item, "value");
    const json_t *records = json_object_get(value, "Events");
    size_t count = json_array_size(records);

    for (size_t i = 0; i < count; i++)
        show_record(event, json_array_get(records, i), color, out);
    if (count > 0)
        return (unsigned)count;
    if (is_record(value))
        show_record(event, value, color, out);
    else
        show_plain(event, item, out);
    return 1;
}

/* A CloudEvent whose data is no list of values is one value, of its source. */
static unsigned show_data(const json_t *event, bool color, struct gn_buf *out)
{
    json_t *item;
    unsigned lines = 0;

    if (!json_is_string(json_object_get(event, "specversion")))
        return 0;
    item = json_pack("{s:O*, s:O*}", "value", json_object_get(event, "data"), "resource",
                     json_object_get(event, "source"));
    if (item != NULL)
        lines = show_item(event, item, color, out);
    json_decref(item);
    return lines;
}

unsigned gn_show_event(struct gn_str body, bool color, struct gn_buf *out)
{
    json_t *event = NULL;
    const json_t *items;
    unsigned lines = 0;

    if (gn_json_parse(body, &limits, &event) == GN_OK) {
        items = json_object_get(json_object_get(event, "data"), "values");
        for (size_t i = 0; i < json_array_size(items); i++)
            lines += show_item(event, json_array_get(items, i), color, out);
        if (items == NULL)
            lines = show_data(event, color, out);
    }
    if (lines == 0) {
        gn_buf_printf(out, "%zu bytes that are no event\n", body.len);
        lines = 1;
    }
    json_decref(event);
    return lines;
}
