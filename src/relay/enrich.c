/* What a registry adds to a record: the message's text when the BMC sent none, severity and
 * resolution when they are missing. Pure. */
#include "relay_priv.h"

#include "gurnard/redfish/message_id.h"
#include "gurnard/redfish/message_text.h"

/* Absent, null or the empty string. */
static bool is_missing(const struct gn_redfish_value *value)
{
    return value->raw.p == NULL || (value->type == GN_JSON_STRING && value->raw.len == 2);
}

static enum gn_lookup lookup_of(enum gn_registry_match match)
{
    switch (match) {
    case GN_MATCH_EXACT:
        return GN_LOOKUP_EXACT;
    case GN_MATCH_OLDER_MINOR:
    case GN_MATCH_NEWER_MINOR:
    case GN_MATCH_OTHER_MAJOR:
    case GN_MATCH_ANY_VERSION:
        return GN_LOOKUP_NEAREST;
    case GN_MATCH_BARE_KEY:
        return GN_LOOKUP_BARE;
    case GN_MATCH_NONE:
        break;
    }
    return GN_LOOKUP_MISS;
}

static struct gn_str message_text(const struct gn_redfish_record *record,
                                  const struct gn_message *message, struct gn_arena *arena)
{
    struct gn_buf text = GN_BUF_INIT;
    struct gn_str copy = GN_STR_NONE;
    struct gn_str *args = NULL;
    size_t count = gn_redfish_args(record, arena, &args);

    gn_message_text(message->text, args, count, &text);
    if (gn_buf_err(&text) == GN_OK && text.len > 0) {
        copy.p = gn_arena_strdup(arena, gn_buf_str(&text));
        copy.len = copy.p == NULL ? 0 : text.len;
    }
    gn_buf_free(&text);
    return copy;
}

static struct gn_str severity_text(enum gn_severity severity)
{
    return severity == GN_SEVERITY_NONE ? GN_STR_NONE : gn_str_of(gn_severity_text(severity));
}

bool gn_enrich_lacks_registry(enum gn_lookup lookup, struct gn_str id)
{
    struct gn_message_id parts;

    if (lookup == GN_LOOKUP_BARE)
        return gn_message_id_parse(id, &parts) == GN_OK && parts.prefix.len > 0;
    return lookup == GN_LOOKUP_MISS || lookup == GN_LOOKUP_NEEDLESS_MISS;
}

enum gn_lookup gn_enrich_record(const struct gn_registry_set *set, bool overwrite_severity,
                                const struct gn_redfish_record *record, struct gn_arena *arena,
                                struct gn_redfish_fill *fill, struct gn_message *found)
{
    const struct gn_redfish_value *known = record->known;
    bool needs_message = is_missing(&known[GN_REC_MESSAGE]);
    bool needs_severity = is_missing(&known[GN_REC_SEVERITY]);
    enum gn_lookup lookup = GN_LOOKUP_MISS;
    struct gn_message message;
    struct gn_str id;

    if (needs_severity && !is_missing(&known[GN_REC_MESSAGE_SEVERITY])) {
        fill->severity = gn_redfish_text(&known[GN_REC_MESSAGE_SEVERITY], arena);
        needs_severity = false;
    }
    if ((!needs_message && !needs_severity && found == NULL) ||
        is_missing(&known[GN_REC_MESSAGE_ID]))
        return GN_LOOKUP_NONE;
    id = gn_redfish_text(&known[GN_REC_MESSAGE_ID], arena);
    if (set != NULL && id.len > 0)
        lookup = lookup_of(gn_registry_find(set, id, &message));
    if (lookup == GN_LOOKUP_MISS)
        return needs_message || needs_severity ? lookup : GN_LOOKUP_NEEDLESS_MISS;
    if (found != NULL)
        *found = message;
    if (!needs_message && !needs_severity)
        return gn_enrich_lacks_registry(lookup, id) ? GN_LOOKUP_NEEDLESS_MISS : GN_LOOKUP_NONE;
    if (needs_message)
        fill->message = message_text(record, &message, arena);
    if ((needs_severity || (needs_message && overwrite_severity)) &&
        message.severity != GN_SEVERITY_NONE)
        fill->severity = severity_text(message.severity);
    if (needs_message && is_missing(&known[GN_REC_RESOLUTION]))
        fill->resolution = message.resolution;
    return lookup;
}

enum gn_severity gn_enrich_severity(const struct gn_redfish_record *record,
                                    const struct gn_redfish_fill *fill, struct gn_arena *arena)
{
    const struct gn_redfish_value *known = record->known;
    struct gn_str word = fill->severity;

    if (word.len == 0)
        word = gn_redfish_text(is_missing(&known[GN_REC_SEVERITY]) ? &known[GN_REC_MESSAGE_SEVERITY]
                                                                   : &known[GN_REC_SEVERITY],
                               arena);
    return gn_severity_parse(word);
}

struct gn_str gn_enrich_message(const struct gn_redfish_record *record,
                                const struct gn_redfish_fill *fill, struct gn_arena *arena)
{
    return fill->message.len > 0 ? fill->message
                                 : gn_redfish_text(&record->known[GN_REC_MESSAGE], arena);
}

enum gn_rank gn_enrich_rank(enum gn_severity severity)
{
    switch (severity) {
    case GN_SEVERITY_OK:
        return GN_RANK_LOW;
    case GN_SEVERITY_WARNING:
        return GN_RANK_MIDDLE;
    case GN_SEVERITY_CRITICAL:
    case GN_SEVERITY_NONE:
        break;
    }
    return GN_RANK_HIGH;
}
