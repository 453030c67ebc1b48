/* Reads a message registry's JSON text into tables. One pass of the pull scanner: texts go straight
 * from the input into one growing block, which is cut to its size at the end. */
#include <stdio.h>
#include <stdlib.h>

#include "gurnard/base/json_scan.h"
#include "gurnard/redfish/severity.h"
#include "registry_priv.h"

#define FIRST_ENTRIES 64U

/* The members of a message that are kept. */
enum field {
    FIELD_MESSAGE,
    FIELD_RESOLUTION,
    FIELD_SEVERITY,
    FIELD_MESSAGE_SEVERITY,
    FIELD_NUMBER_OF_ARGS,
    FIELD_CLEARING_LOGIC,
    FIELD_REPLACED_BY,
    FIELD_COUNT,
};

static const struct gn_str field_names[FIELD_COUNT] = {
    [FIELD_MESSAGE] = {"Message", 7},
    [FIELD_RESOLUTION] = {"Resolution", 10},
    [FIELD_SEVERITY] = {"Severity", 8},
    [FIELD_MESSAGE_SEVERITY] = {"MessageSeverity", 15},
    [FIELD_NUMBER_OF_ARGS] = {"NumberOfArgs", 12},
    [FIELD_CLEARING_LOGIC] = {"ClearingLogic", 13},
    [FIELD_REPLACED_BY] = {"ReplacedBy", 10},
};

/* The members of a registry that are kept, besides Messages. */
enum header {
    HEADER_TYPE,
    HEADER_PREFIX,
    HEADER_VERSION,
    HEADER_ID,
    HEADER_MESSAGES,
    HEADER_COUNT,
};

static const struct gn_str header_names[HEADER_COUNT] = {
    [HEADER_TYPE] = {"@odata.type", 11},        [HEADER_PREFIX] = {"RegistryPrefix", 14},
    [HEADER_VERSION] = {"RegistryVersion", 15}, [HEADER_ID] = {"Id", 2},
    [HEADER_MESSAGES] = {"Messages", 8},
};

struct loader {
    struct gn_json_scan scan;
    struct gn_registry *reg;
    uint32_t entries_cap;
    struct gn_buf texts;
    struct gn_json_token headers[HEADER_COUNT]; /* absent ones have type GN_JSON_END */
    const char *why;                            /* of an error that is not the scanner's */
};

static const struct gn_json_limits limits = {
    .max_bytes = GN_REGISTRY_FILE_MAX,
    .max_depth = GN_REGISTRY_DEPTH_MAX,
    .max_tokens = (uint32_t)GN_REGISTRY_FILE_MAX, /* each has a byte at least */
    .repair_utf8 = true, /* one text in Latin-1 must not cost the whole registry */
};

static enum gn_err fail(struct loader *ld, enum gn_err err, const char *why)
{
    ld->why = why;
    return err;
}

/* Appends what the token means. A token that is no string gives the absent span. */
static struct gn_registry_span add_text(struct loader *ld, const struct gn_json_token *token)
{
    size_t at = ld->texts.len;

    if (token->type != GN_JSON_STRING)
        return (struct gn_registry_span){0, 0};
    if (token->has_escape)
        gn_json_unescape(token->text, &ld->texts);
    else
        gn_buf_add_str(&ld->texts, token->text);
    return (struct gn_registry_span){(uint32_t)at, (uint32_t)(ld->texts.len - at)};
}

/* Registries say "None." where nothing is to be done. */
static bool says_none(const struct gn_json_token *token)
{
    struct gn_str text = gn_str_trim(token->text);

    return text.len == 0 || gn_str_eq_nocase(text, GN_STR("None")) ||
           gn_str_eq_nocase(text, GN_STR("None."));
}

static struct gn_registry_span add_clears(struct loader *ld, const struct gn_json_token *token)
{
    size_t at = ld->texts.len;

    if (token->type != GN_JSON_OBJECT)
        return (struct gn_registry_span){0, 0};
    gn_json_add_compact(&ld->texts, token->raw);
    return (struct gn_registry_span){(uint32_t)at, (uint32_t)(ld->texts.len - at)};
}

/* A word with escapes is none of those that name a severity, so the bytes will do. */
static uint8_t severity_of(const struct gn_json_token *fields)
{
    enum gn_severity severity = gn_severity_parse(fields[FIELD_MESSAGE_SEVERITY].text);

    if (severity == GN_SEVERITY_NONE)
        severity = gn_severity_parse(fields[FIELD_SEVERITY].text);
    return (uint8_t)severity;
}

/* NumberOfArgs is a hint only; some BMCs send it as a string. */
static uint8_t number_of_args(const struct gn_json_token *token)
{
    unsigned long long number;

    if (!gn_str_to_u64(token->type == GN_JSON_STRING ? token->text : token->raw, UINT8_MAX,
                       &number))
        return 0;
    return (uint8_t)number;
}

static enum gn_err make_room(struct loader *ld)
{
    struct gn_registry *reg = ld->reg;
    struct gn_registry_entry *grown;
    uint32_t cap = ld->entries_cap == 0 ? FIRST_ENTRIES : ld->entries_cap * 2;

    if (reg->count >= GN_REGISTRY_MESSAGES_MAX)
        return fail(ld, GN_ELIMIT, "too many messages");
    if (reg->count < ld->entries_cap)
        return GN_OK;
    grown = reallocarray(reg->entries, cap, sizeof(*grown));
    if (grown == NULL)
        return GN_ENOMEM;
    reg->entries = grown;
    ld->entries_cap = cap;
    return GN_OK;
}

static enum gn_err add_entry(struct loader *ld, const struct gn_json_token *key,
                             const struct gn_json_token *fields)
{
    const size_t texts_len = ld->texts.len;
    struct gn_json_token name = *key;
    struct gn_registry_span key_span;
    enum gn_err err = make_room(ld);

    if (err != GN_OK)
        return err;
    name.type = GN_JSON_STRING;
    key_span = add_text(ld, &name);
    if (key_span.len == 0 || key_span.len > GN_MESSAGE_ID_MAX) {
        gn_buf_truncate(&ld->texts, texts_len); /* no MessageId can name it */
        return gn_buf_err(&ld->texts);
    }
    ld->reg->entries[ld->reg->count++] = (struct gn_registry_entry){
        .key = key_span,
        .text = add_text(ld, &fields[FIELD_MESSAGE]),
        .resolution = says_none(&fields[FIELD_RESOLUTION])
                          ? (struct gn_registry_span){0, 0}
                          : add_text(ld, &fields[FIELD_RESOLUTION]),
        .clears = add_clears(ld, &fields[FIELD_CLEARING_LOGIC]),
        .replaced_by = add_text(ld, &fields[FIELD_REPLACED_BY]),
        .severity = severity_of(fields),
        .number_of_args = number_of_args(&fields[FIELD_NUMBER_OF_ARGS]),
    };
    return gn_buf_err(&ld->texts);
}

/* The next member of the object being read; key is GN_JSON_OBJECT_END behind the last. */
static enum gn_err next_member(struct loader *ld, struct gn_json_token *key,
                               struct gn_json_token *value)
{
    enum gn_err err = gn_json_next(&ld->scan, key);

    if (err != GN_OK || key->type != GN_JSON_KEY)
        return err;
    return gn_json_next(&ld->scan, value);
}

/* Place of key in names; count when it is another. */
static size_t name_of(const struct gn_json_token *key, const struct gn_str *names, size_t count)
{
    size_t i = 0;

    while (i < count && !gn_json_text_eq(key->text, key->has_escape, names[i], false))
        i++;
    return i;
}

/* Reads one message, whose opening bracket was just met. */
static enum gn_err read_message(struct loader *ld, const struct gn_json_token *name)
{
    struct gn_json_token fields[FIELD_COUNT] = {0};
    struct gn_json_token key;
    struct gn_json_token value;
    enum gn_err err;

    while ((err = next_member(ld, &key, &value)) == GN_OK && key.type == GN_JSON_KEY) {
        size_t field = name_of(&key, field_names, FIELD_COUNT);

        err = gn_json_skip(&ld->scan, &value, &value.raw);
        if (err != GN_OK)
            return err;
        if (field < FIELD_COUNT)
            fields[field] = value;
    }
    return err == GN_OK ? add_entry(ld, name, fields) : err;
}

/* Reads Messages. Members that are no objects are annotations. */
static enum gn_err read_messages(struct loader *ld)
{
    struct gn_json_token key;
    struct gn_json_token value;
    struct gn_str raw;
    enum gn_err err;

    while ((err = next_member(ld, &key, &value)) == GN_OK && key.type == GN_JSON_KEY) {
        if (value.type == GN_JSON_OBJECT)
            err = read_message(ld, &key);
        else
            err = gn_json_skip(&ld->scan, &value, &raw);
        if (err != GN_OK)
            return err;
    }
    return err;
}

/* By suffix, since versions are written `v1_2_0` and `1.0.0`. */
static bool is_registry_type(const struct gn_json_token *type)
{
    return type->type != GN_JSON_STRING ||
           gn_str_has_suffix(type->text, GN_STR(".MessageRegistry"));
}

static enum gn_err read_header(struct loader *ld, const struct gn_json_token *key,
                               struct gn_json_token *value)
{
    size_t header = name_of(key, header_names, HEADER_COUNT);
    enum gn_err err;

    if (header == HEADER_MESSAGES && value->type == GN_JSON_OBJECT) {
        ld->headers[header] = *value;
        return read_messages(ld);
    }
    err = gn_json_skip(&ld->scan, value, &value->raw);
    if (err != GN_OK || header == HEADER_COUNT)
        return err;
    ld->headers[header] = *value;
    if (header == HEADER_TYPE && !is_registry_type(value))
        return fail(ld, GN_EUNSUPPORTED, "no message registry");
    return GN_OK;
}

/* Reads the whole text. */
static enum gn_err read_registry(struct loader *ld)
{
    struct gn_json_token key;
    struct gn_json_token value;
    enum gn_err err = gn_json_next(&ld->scan, &value);

    if (err != GN_OK)
        return err;
    if (value.type != GN_JSON_OBJECT)
        return fail(ld, GN_EUNSUPPORTED, "no message registry");
    while ((err = next_member(ld, &key, &value)) == GN_OK && key.type == GN_JSON_KEY) {
        err = read_header(ld, &key, &value);
        if (err != GN_OK)
            return err;
    }
    if (err == GN_OK)
        err = gn_json_next(&ld->scan, &value); /* nothing may follow */
    if (err != GN_OK)
        return err;
    if (ld->headers[HEADER_MESSAGES].type == GN_JSON_OBJECT)
        return GN_OK;
    if (ld->headers[HEADER_TYPE].type != GN_JSON_STRING)
        return fail(ld, GN_EUNSUPPORTED, "no message registry");
    return fail(ld, GN_EPARSE, "no object Messages");
}

/* Adds the header's text and splits it. The views in *id end with the next change of the texts. */
static struct gn_registry_span add_name(struct loader *ld, enum header header,
                                        struct gn_message_id *id)
{
    struct gn_registry_span span = add_text(ld, &ld->headers[header]);
    struct gn_str name;

    *id = (struct gn_message_id){0};
    if (span.len == 0)
        return span;
    name = (struct gn_str){ld->texts.data + span.at, span.len};
    if (header == HEADER_ID && gn_str_has_suffix(name, GN_STR(".json")))
        name.len -= sizeof ".json" - 1; /* iLO 5 */
    gn_message_id_split(name, id);
    span.len = (uint32_t)id->prefix.len;
    return span;
}

/* Prefix and version by RegistryPrefix and RegistryVersion, and by Id where these lack. */
static enum gn_err set_identity(struct loader *ld)
{
    struct gn_registry *reg = ld->reg;
    struct gn_message_id by_prefix;
    struct gn_message_id by_id;
    struct gn_message_id version;

    reg->prefix = add_name(ld, HEADER_PREFIX, &by_prefix);
    if (reg->prefix.len == 0)
        reg->prefix = add_name(ld, HEADER_ID, &by_id);
    else
        (void)add_name(ld, HEADER_ID, &by_id); /* for its version only */
    (void)add_name(ld, HEADER_VERSION, &version);
    if (gn_buf_err(&ld->texts) != GN_OK)
        return gn_buf_err(&ld->texts);
    if (reg->prefix.len == 0)
        return fail(ld, GN_EPARSE, "neither RegistryPrefix nor Id");
    if (reg->prefix.len > GN_MESSAGE_ID_MAX)
        return fail(ld, GN_EPARSE, "RegistryPrefix is too long");
    if (!version.has_version)
        version = by_prefix.has_version ? by_prefix : by_id;
    reg->major = version.major;
    reg->minor = version.minor;
    reg->patch = version.patch;
    return GN_OK;
}

/* Hands the tables over to the registry, cut to their size. Where a smaller block cannot be had the
 * larger one stays. */
static void trim(struct loader *ld)
{
    struct gn_registry *reg = ld->reg;
    void *smaller;

    reg->texts_len = ld->texts.len;
    reg->texts = gn_buf_take(&ld->texts);
    smaller = realloc(reg->texts, reg->texts_len);
    if (smaller != NULL)
        reg->texts = smaller;
    if (reg->count == 0)
        return;
    smaller = realloc(reg->entries, reg->count * sizeof *reg->entries);
    if (smaller != NULL)
        reg->entries = smaller;
}

static void explain(const struct loader *ld, enum gn_err err, char *reason)
{
    if (ld->why != NULL)
        (void)snprintf(reason, GN_REGISTRY_REASON_MAX, "%s", ld->why);
    else if (err == GN_ELIMIT)
        (void)snprintf(reason, GN_REGISTRY_REASON_MAX, "too large or too deep at byte %zu",
                       gn_json_offset(&ld->scan));
    else if (err == GN_EPARSE)
        (void)snprintf(reason, GN_REGISTRY_REASON_MAX, "not JSON at byte %zu",
                       gn_json_offset(&ld->scan));
}

enum gn_err gn_registry_parse(struct gn_str text, struct gn_registry **out, char *reason)
{
    struct loader ld = {.texts = GN_BUF_INIT};
    enum gn_err err;

    ld.reg = calloc(1, sizeof *ld.reg);
    if (ld.reg == NULL)
        return GN_ENOMEM;
    gn_json_scan_init(&ld.scan, text, &limits);
    err = read_registry(&ld);
    if (err == GN_OK)
        err = set_identity(&ld);
    if (err == GN_OK) {
        trim(&ld);
        *out = ld.reg;
        ld.reg = NULL;
    } else {
        explain(&ld, err, reason);
    }
    gn_registry_free(ld.reg);
    gn_buf_free(&ld.texts);
    return err;
}
