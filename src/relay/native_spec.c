/* Subscription objects of the native API: one reader for each level, tables for words and bounds.
 */
#include "gurnard/relay/native_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "gurnard/base/url.h"

#define QUOTE_MAX 64 /* bytes of a name that an error repeats */

#define MS_PER_S UINT64_C(1000)
#define MS_PER_H (3600 * MS_PER_S)

struct reader {
    struct gn_native_spec *spec;
    char *error;
};

/* A member of an object and who reads it. read: NULL for those that are passed over. */
struct member {
    const char *name;
    enum gn_err (*read)(struct reader *rd, json_t *value);
};

/* A word and what it stands for. */
struct word {
    const char *text;
    int value;
};

/* ---- errors ---- */

/* How much of a text from outside an error may repeat. */
static int quote_len(const char *text)
{
    return (int)gn_text_clip(gn_str_of(text), QUOTE_MAX).len;
}

static enum gn_err refuse(const struct reader *rd, const char *where, const char *what)
{
    (void)snprintf(rd->error, GN_NATIVE_ERROR_MAX, "%s: %s", where, what);
    return GN_EINVAL;
}

/* Refuses a member by its name, which comes from outside. */
static enum gn_err refuse_member(const struct reader *rd, const char *where, const char *name,
                                 const char *what)
{
    (void)snprintf(rd->error, GN_NATIVE_ERROR_MAX, "%s%s%.*s: %s", where,
                   where[0] == '\0' ? "" : ".", quote_len(name), name, what);
    return GN_EINVAL;
}

/* ---- values ---- */

/* Reads the members of an object. null counts as absent where the member is known. */
static enum gn_err read_members(struct reader *rd, const char *where, json_t *object,
                                const struct member *members, size_t count)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return refuse(rd, where[0] == '\0' ? "subscription" : where, "must be an object");
    json_object_foreach (object, name, value) {
        size_t at = 0;
        enum gn_err err;

        while (at < count && strcmp(name, members[at].name) != 0)
            at++;
        if (at == count)
            return refuse_member(rd, where, name, "is not known here");
        if (members[at].read == NULL || json_is_null(value))
            continue;
        err = members[at].read(rd, value);
        if (err != GN_OK)
            return err;
    }
    return GN_OK;
}

/* Copies a text that is not empty. */
static enum gn_err read_text(struct reader *rd, const char *where, const json_t *value, char **text)
{
    const struct gn_str given = {json_string_value(value), json_string_length(value)};

    if (given.p == NULL || given.len == 0)
        return refuse(rd, where, "must be a text that is not empty");
    if (given.len > GN_NATIVE_TEXT_MAX)
        return refuse(rd, where, "too long");
    *text = gn_str_dup(given);
    return *text == NULL ? GN_ENOMEM : GN_OK;
}

/* choices: what the error says. */
static enum gn_err read_word(struct reader *rd, const char *where, const json_t *value,
                             const struct word words[3], const char *choices, int *word)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; text != NULL && i < 3; i++) {
        if (words[i].text != NULL && strcmp(text, words[i].text) == 0) {
            *word = words[i].value;
            return GN_OK;
        }
    }
    return refuse(rd, where, choices);
}

static enum gn_err read_duration(struct reader *rd, const char *where, const json_t *value,
                                 uint64_t low_ms, uint64_t high_ms, uint64_t *ms)
{
    const struct gn_str text = {json_string_value(value), json_string_length(value)};

    if (text.p == NULL || gn_duration_parse(text, ms) != GN_OK)
        return refuse(rd, where, "must be a duration like \"500ms\", \"10s\", \"5m\" or \"24h\"");
    if (*ms < low_ms || *ms > high_ms)
        return refuse(rd, where,
                      high_ms > MS_PER_H ? "must be from 1s to 720h" : "must be from 1ms to 1h");
    return GN_OK;
}

/* ---- sink, protocol, source, types, filters ---- */

static enum gn_err read_sink(struct reader *rd, json_t *value)
{
    struct gn_url url;
    enum gn_err err = read_text(rd, "sink", value, &rd->spec->sink);

    if (err != GN_OK)
        return err;
    if (gn_url_parse(gn_str_of(rd->spec->sink), &url) != GN_OK || !gn_url_is_web(&url))
        return refuse(rd, "sink", "must be an http or https URL without user information");
    return GN_OK;
}

static enum gn_err read_protocol(struct reader *rd, json_t *value)
{
    const struct gn_str text = {json_string_value(value), json_string_length(value)};

    return gn_str_eq_nocase(text, GN_STR("HTTP")) ? GN_OK : refuse(rd, "protocol", "must be HTTP");
}

static enum gn_err read_source(struct reader *rd, json_t *value)
{
    return read_text(rd, "source", value, &rd->spec->source);
}

static enum gn_err read_types(struct reader *rd, json_t *value)
{
    struct gn_native_spec *spec = rd->spec;
    const size_t count = json_array_size(value);
    enum gn_err err = GN_OK;

    if (!json_is_array(value))
        return refuse(rd, "types", "must be an array");
    if (count > GN_NATIVE_TYPES_MAX)
        return refuse(rd, "types", "too many");
    if (count == 0)
        return GN_OK;
    spec->types = calloc(count, sizeof *spec->types);
    if (spec->types == NULL)
        return GN_ENOMEM;
    for (size_t i = 0; i < count && err == GN_OK; i++) {
        char where[32];

        (void)snprintf(where, sizeof where, "types[%zu]", i);
        err = read_text(rd, where, json_array_get(value, i), &spec->types[i]);
        spec->type_count = i + 1;
    }
    return err;
}

/* The address that one of the filters demands, all of which must hold. */
static enum gn_err note_resource(struct gn_native_spec *spec, const json_t *filters)
{
    const json_t *filter;
    size_t at;

    json_array_foreach (filters, at, filter) {
        struct gn_str resource = gn_json_str(json_object_get(filter, "exact"), "resource");

        if (resource.len == 0)
            continue;
        spec->resource = gn_str_dup(resource);
        return spec->resource == NULL ? GN_ENOMEM : GN_OK;
    }
    return GN_OK;
}

static enum gn_err read_filters(struct reader *rd, json_t *value)
{
    char error[GN_FILTER_ERROR_MAX];
    enum gn_err err = gn_filter_parse(value, &rd->spec->filter, error);

    if (err == GN_OK)
        err = note_resource(rd->spec, value);
    if (err == GN_OK || err == GN_ENOMEM)
        return err;
    (void)snprintf(rd->error, GN_NATIVE_ERROR_MAX, "%s", error);
    return GN_EINVAL;
}

/* ---- config ---- */

static enum gn_err read_mode(struct reader *rd, json_t *value)
{
    static const struct word words[3] = {{"structured", GN_CE_STRUCTURED},
                                         {"binary", GN_CE_BINARY},
                                         {"batch", GN_CE_BATCH}};
    int mode = 0;
    enum gn_err err =
        read_word(rd, "config.mode", value, words, "must be structured, binary or batch", &mode);

    if (err == GN_OK)
        rd->spec->mode = (enum gn_ce_mode)mode;
    return err;
}

static enum gn_err read_split(struct reader *rd, json_t *value)
{
    static const struct word words[3] = {{"record", GN_SPLIT_RECORD}, {"whole", GN_SPLIT_WHOLE}};
    int split = 0;
    enum gn_err err =
        read_word(rd, "config.split", value, words, "must be record or whole", &split);

    if (err == GN_OK)
        rd->spec->split = (enum gn_native_split)split;
    return err;
}

static enum gn_err read_handshake(struct reader *rd, json_t *value)
{
    static const struct word words[3] = {{"off", GN_HANDSHAKE_OFF},
                                         {"try", GN_HANDSHAKE_TRY},
                                         {"required", GN_HANDSHAKE_REQUIRED}};
    int handshake = 0;
    enum gn_err err =
        read_word(rd, "config.handshake", value, words, "must be off, try or required", &handshake);

    if (err == GN_OK)
        rd->spec->handshake = (enum gn_handshake)handshake;
    return err;
}

static enum gn_err read_retry_delay(struct reader *rd, const char *where, const json_t *value,
                                    uint32_t *delay_ms)
{
    uint64_t ms = 0;
    enum gn_err err = read_duration(rd, where, value, 1, MS_PER_H, &ms);

    if (err == GN_OK)
        *delay_ms = (uint32_t)ms;
    return err;
}

static enum gn_err read_retry_min(struct reader *rd, json_t *value)
{
    return read_retry_delay(rd, "config.retry.min", value, &rd->spec->retry_min_ms);
}

static enum gn_err read_retry_max(struct reader *rd, json_t *value)
{
    return read_retry_delay(rd, "config.retry.max", value, &rd->spec->retry_max_ms);
}

static enum gn_err read_retry(struct reader *rd, json_t *value)
{
    static const struct member members[] = {{"min", read_retry_min}, {"max", read_retry_max}};
    const struct gn_native_spec *spec = rd->spec;
    enum gn_err err = read_members(rd, "config.retry", value, members, GN_LEN(members));

    if (err == GN_OK && spec->retry_max_ms != 0 && spec->retry_max_ms < spec->retry_min_ms)
        return refuse(rd, "config.retry.max", "must not be below config.retry.min");
    return err;
}

static enum gn_err read_expire(struct reader *rd, json_t *value)
{
    return read_duration(rd, "config.expire", value, MS_PER_S, 720 * MS_PER_H,
                         &rd->spec->expire_ms);
}

static enum gn_err read_config(struct reader *rd, json_t *value)
{
    static const struct member members[] = {
        {"mode", read_mode},     {"split", read_split},         {"retry", read_retry},
        {"expire", read_expire}, {"handshake", read_handshake},
    };

    return read_members(rd, "config", value, members, GN_LEN(members));
}

/* ---- protocolsettings ---- */

#define HEADERS "protocolsettings.headers"

static bool is_token(struct gn_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
            (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return name.len > 0;
}

/* Whether value is printable ASCII, with blanks only inside. libcurl takes an empty one as an order
 * to leave the header off. */
static bool is_header_value(struct gn_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] < ' ' || value.p[i] > '~')
            return false;
    }
    return value.len > 0 && gn_str_trim(value).len == value.len;
}

/* What gurnard, or the connection it keeps, sets itself. */
static bool is_ours(struct gn_str name)
{
    static const struct gn_str names[] = {
        GN_STR_INIT("Content-Type"),
        GN_STR_INIT("Content-Length"),
        GN_STR_INIT("Host"),
        GN_STR_INIT("Connection"),
        GN_STR_INIT("Transfer-Encoding"),
        GN_STR_INIT("WebHook-Request-Origin"),
        GN_STR_INIT("Expect"),
        GN_STR_INIT("Keep-Alive"),
        GN_STR_INIT("TE"),
        GN_STR_INIT("Trailer"),
        GN_STR_INIT("Upgrade"),
    };
    static const struct gn_str beginnings[] = {GN_STR_INIT("ce-"), GN_STR_INIT("Gurnard-")};

    for (size_t i = 0; i < GN_LEN(names); i++) {
        if (gn_str_eq_nocase(name, names[i]))
            return true;
    }
    for (size_t i = 0; i < GN_LEN(beginnings); i++) {
        const size_t len = beginnings[i].len;

        if (name.len >= len && gn_str_eq_nocase((struct gn_str){name.p, len}, beginnings[i]))
            return true;
    }
    return false;
}

static char *header_line(struct gn_str name, struct gn_str value)
{
    char *line = malloc(name.len + value.len + sizeof ": ");

    if (line == NULL)
        return NULL;
    memcpy(line, name.p, name.len);
    memcpy(line + name.len, ": ", 2);
    memcpy(line + name.len + 2, value.p, value.len);
    line[name.len + 2 + value.len] = '\0';
    return line;
}

static enum gn_err read_header(struct reader *rd, const char *key, const json_t *value, char **line)
{
    const struct gn_str name = gn_str_of(key);
    const struct gn_str text = {json_string_value(value), json_string_length(value)};

    if (!is_token(name))
        return refuse_member(rd, HEADERS, key, "is no name of a header");
    if (is_ours(name))
        return refuse_member(rd, HEADERS, key, "is set by gurnard itself");
    if (text.p == NULL || !is_header_value(text))
        return refuse_member(rd, HEADERS, key, "must be a text of printable ASCII");
    if (name.len + text.len > GN_NATIVE_TEXT_MAX)
        return refuse_member(rd, HEADERS, key, "too long");
    *line = header_line(name, text);
    return *line == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err read_headers(struct reader *rd, json_t *value)
{
    const char *name;
    json_t *text;
    size_t count = 0;
    enum gn_err err = GN_OK;

    if (!json_is_object(value))
        return refuse(rd, HEADERS, "must be an object");
    if (json_object_size(value) > GN_NATIVE_HEADERS_MAX)
        return refuse(rd, HEADERS, "too many");
    json_object_foreach (value, name, text) {
        err = read_header(rd, name, text, &rd->spec->headers[count++]);
        if (err != GN_OK)
            break;
    }
    return err;
}

static enum gn_err read_method(struct reader *rd, json_t *value)
{
    const struct gn_str text = {json_string_value(value), json_string_length(value)};

    return gn_str_eq(text, GN_STR("POST")) ? GN_OK
                                           : refuse(rd, "protocolsettings.method", "must be POST");
}

static enum gn_err read_protocolsettings(struct reader *rd, json_t *value)
{
    static const struct member members[] = {{"headers", read_headers}, {"method", read_method}};

    return read_members(rd, "protocolsettings", value, members, GN_LEN(members));
}

/* ---- all of it ---- */

static enum gn_err read_subscription(struct reader *rd, json_t *object)
{
    static const struct member members[] = {
        {"sink", read_sink},
        {"protocol", read_protocol},
        {"source", read_source},
        {"types", read_types},
        {"filters", read_filters},
        {"config", read_config},
        {"protocolsettings", read_protocolsettings},
        {"id", NULL},
        {"subscriptionurl", NULL},
    };
    enum gn_err err = read_members(rd, "", object, members, GN_LEN(members));

    if (err == GN_OK && rd->spec->sink == NULL)
        return refuse(rd, "sink", "is required");
    return err;
}

struct gn_native_spec *gn_native_spec_plain(enum gn_ce_mode mode)
{
    struct gn_native_spec *spec = calloc(1, sizeof *spec);

    if (spec != NULL)
        spec->mode = mode;
    return spec;
}

enum gn_err gn_native_spec_parse(const json_t *object, struct gn_native_spec **spec,
                                 char error[GN_NATIVE_ERROR_MAX])
{
    struct reader rd = {.spec = gn_native_spec_plain(GN_CE_STRUCTURED), .error = error};
    enum gn_err err;

    *spec = NULL;
    error[0] = '\0';
    if (rd.spec == NULL)
        return GN_ENOMEM;
    err = read_subscription(&rd, gn_json_mutable(object));
    if (err == GN_OK)
        *spec = rd.spec;
    else
        gn_native_spec_free(rd.spec);
    return err;
}

/* A header may hold a token. */
static void wipe(char *line)
{
    if (line != NULL)
        explicit_bzero(line, strlen(line));
    free(line);
}

void gn_native_spec_free(struct gn_native_spec *spec)
{
    if (spec == NULL)
        return;
    for (size_t i = 0; i < spec->type_count; i++)
        free(spec->types[i]);
    for (size_t i = 0; i < GN_NATIVE_HEADERS_MAX; i++)
        wipe(spec->headers[i]);
    free(spec->types);
    free(spec->source);
    free(spec->resource);
    free(spec->sink);
    gn_filter_free(spec->filter);
    free(spec);
}
