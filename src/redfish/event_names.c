/* The member names of envelope and record. Length and first letter tell all names of one kind of
 * object apart, so that a look-up is one switch and one comparison. */
#include "event_priv.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEY(name)                                                                                  \
    {                                                                                              \
        "\"" name "\":", sizeof(name) + 2                                                          \
    }

/* What tells names apart: the length and the first letter in lower case. */
#define SLOT(letter, len) (((uint32_t)(uint8_t)(letter) | 0x20U) << 8 | (uint32_t)(len))

#define NAME_BYTES_MAX 17 /* OriginOfCondition */

const struct gn_str gn_redfish_envelope_keys[GN_ENV_COUNT] = {
    [GN_ENV_ODATA_CONTEXT] = KEY("@odata.context"),
    [GN_ENV_ACTIONS] = KEY("Actions"),
    [GN_ENV_CONTEXT] = KEY("Context"),
    [GN_ENV_DESCRIPTION] = KEY("Description"),
    [GN_ENV_OEM] = KEY("Oem"),
    [GN_ENV_ODATA_TYPE] = KEY("@odata.type"),
    [GN_ENV_EVENTS] = KEY("Events"),
    [GN_ENV_ID] = KEY("Id"),
    [GN_ENV_NAME] = KEY("Name"),
};

const struct gn_str gn_redfish_record_keys[GN_REC_COUNT] = {
    [GN_REC_ACTIONS] = KEY("Actions"),
    [GN_REC_CONTEXT] = KEY("Context"),
    [GN_REC_EVENT_GROUP_ID] = KEY("EventGroupId"),
    [GN_REC_EVENT_ID] = KEY("EventId"),
    [GN_REC_EVENT_TIMESTAMP] = KEY("EventTimestamp"),
    [GN_REC_MESSAGE] = KEY("Message"),
    [GN_REC_MESSAGE_ARGS] = KEY("MessageArgs"),
    [GN_REC_OEM] = KEY("Oem"),
    [GN_REC_ORIGIN_OF_CONDITION] = KEY("OriginOfCondition"),
    [GN_REC_SEVERITY] = KEY("Severity"),
    [GN_REC_RESOLUTION] = KEY("Resolution"),
    [GN_REC_MESSAGE_ID] = KEY("MessageId"),
    [GN_REC_MEMBER_ID] = KEY("MemberId"),
    [GN_REC_EVENT_TYPE] = KEY("EventType"),
    [GN_REC_MESSAGE_SEVERITY] = KEY("MessageSeverity"),
};

const struct gn_json_limits gn_redfish_value_limits = {
    .max_bytes = SIZE_MAX,
    .max_depth = GN_JSON_DEPTH_MAX,
    .max_tokens = UINT32_MAX,
    .repair_utf8 = true,
};

/* The one member that a name of this length and first letter can be. */
static enum gn_redfish_envelope_member envelope_candidate(struct gn_str name)
{
    switch (SLOT(name.p[0], name.len)) {
    case SLOT('@', 14):
        return GN_ENV_ODATA_CONTEXT;
    case SLOT('A', 7):
        return GN_ENV_ACTIONS;
    case SLOT('C', 7):
        return GN_ENV_CONTEXT;
    case SLOT('D', 11):
        return GN_ENV_DESCRIPTION;
    case SLOT('O', 3):
        return GN_ENV_OEM;
    case SLOT('@', 11):
        return GN_ENV_ODATA_TYPE;
    case SLOT('E', 6):
        return GN_ENV_EVENTS;
    case SLOT('I', 2):
        return GN_ENV_ID;
    case SLOT('N', 4):
        return GN_ENV_NAME;
    default:
        return GN_ENV_COUNT;
    }
}

static enum gn_redfish_record_member record_candidate(struct gn_str name)
{
    switch (SLOT(name.p[0], name.len)) {
    case SLOT('A', 7):
        return GN_REC_ACTIONS;
    case SLOT('C', 7):
        return GN_REC_CONTEXT;
    case SLOT('E', 12):
        return GN_REC_EVENT_GROUP_ID;
    case SLOT('E', 7):
        return GN_REC_EVENT_ID;
    case SLOT('E', 14):
        return GN_REC_EVENT_TIMESTAMP;
    case SLOT('M', 7):
        return GN_REC_MESSAGE;
    case SLOT('M', 11):
        return GN_REC_MESSAGE_ARGS;
    case SLOT('O', 3):
        return GN_REC_OEM;
    case SLOT('O', 17):
        return GN_REC_ORIGIN_OF_CONDITION;
    case SLOT('S', 8):
        return GN_REC_SEVERITY;
    case SLOT('R', 10):
        return GN_REC_RESOLUTION;
    case SLOT('M', 9):
        return GN_REC_MESSAGE_ID;
    case SLOT('M', 8):
        return GN_REC_MEMBER_ID;
    case SLOT('E', 9):
        return GN_REC_EVENT_TYPE;
    case SLOT('M', 15):
        return GN_REC_MESSAGE_SEVERITY;
    default:
        return GN_REC_COUNT;
    }
}

/* The name in a key as written. */
static struct gn_str bare_name(struct gn_str key)
{
    return (struct gn_str){key.p + 1, key.len - 3};
}

/* Whether name is that of key, which has the same length. */
static bool is_name_of(struct gn_str key, struct gn_str name)
{
    return memcmp(key.p + 1, name.p, name.len) == 0 || gn_str_eq_nocase(bare_name(key), name);
}

/* A name with escapes says nothing by its length: compare with all. No real BMC sends these. */
static size_t find_escaped(const struct gn_str *keys, size_t count, struct gn_str name)
{
    size_t i = 0;

    while (i < count && !gn_json_text_eq(name, true, bare_name(keys[i]), true))
        i++;
    return i;
}

enum gn_redfish_envelope_member gn_redfish_envelope_member(struct gn_str name, bool has_escape)
{
    enum gn_redfish_envelope_member member;

    if (has_escape)
        return (enum gn_redfish_envelope_member)find_escaped(gn_redfish_envelope_keys, GN_ENV_COUNT,
                                                             name);
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return GN_ENV_COUNT;
    member = envelope_candidate(name);
    if (member == GN_ENV_COUNT || is_name_of(gn_redfish_envelope_keys[member], name))
        return member;
    return GN_ENV_COUNT;
}

enum gn_redfish_record_member gn_redfish_record_member(struct gn_str name, bool has_escape)
{
    enum gn_redfish_record_member member;

    if (has_escape)
        return (enum gn_redfish_record_member)find_escaped(gn_redfish_record_keys, GN_REC_COUNT,
                                                           name);
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return GN_REC_COUNT;
    member = record_candidate(name);
    if (member == GN_REC_COUNT || is_name_of(gn_redfish_record_keys[member], name))
        return member;
    return GN_REC_COUNT;
}
