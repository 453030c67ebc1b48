/* The v2 face. Data is converted by splicing: one pass over the source, of which all is copied but
 * the spans that change. */
#include "gurnard/ce/oran.h"

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cne.h"

/* A name or value and what stands for it, both without quotes. */
struct exchange {
    struct gn_str from, to;
};

/* One direction. */
struct dialect {
    struct exchange version;
    struct exchange names[3]; /* of a value's members */
};

static const struct dialect to_oran = {
    .version = {GN_STR_INIT("v1"), GN_STR_INIT("1.0")},
    .names = {{GN_STR_INIT("resource"), GN_STR_INIT("ResourceAddress")},
              {GN_STR_INIT("dataType"), GN_STR_INIT("data_type")},
              {GN_STR_INIT("valueType"), GN_STR_INIT("value_type")}},
};
static const struct dialect to_cne = {
    .version = {GN_STR_INIT("1.0"), GN_STR_INIT("v1")},
    .names = {{GN_STR_INIT("ResourceAddress"), GN_STR_INIT("resource")},
              {GN_STR_INIT("data_type"), GN_STR_INIT("dataType")},
              {GN_STR_INIT("value_type"), GN_STR_INIT("valueType")}},
};

/* The data has been bounded by whoever let it in. */
static const struct gn_json_limits no_limits = {.max_bytes = SIZE_MAX,
                                                .max_depth = GN_JSON_DEPTH_MAX,
                                                .max_tokens = UINT32_MAX};

/* One conversion. */
struct splicer {
    struct gn_json_scan scan;
    const struct dialect *dialect;
    struct gn_buf *out;
    const char *copied; /* what is before it has been copied */
};

static enum gn_err next(struct splicer *s, struct gn_json_token *token)
{
    return gn_json_next(&s->scan, token) == GN_OK ? GN_OK : GN_EPARSE;
}

static enum gn_err skip(struct splicer *s, const struct gn_json_token *token)
{
    struct gn_str raw;

    return gn_json_skip(&s->scan, token, &raw) == GN_OK ? GN_OK : GN_EPARSE;
}

/* Copies up to at. */
static void copy_to(struct splicer *s, const char *at)
{
    gn_buf_add(s->out, s->copied, (size_t)(at - s->copied));
    s->copied = at;
}

/* Writes the other text for the string or key, if it is the one to be exchanged. */
static void exchange(struct splicer *s, const struct gn_json_token *token,
                     const struct exchange *pair)
{
    if (!gn_json_text_eq(token->text, token->has_escape, pair->from, false))
        return;
    copy_to(s, token->text.p);
    gn_buf_add_str(s->out, pair->to);
    s->copied = token->text.p + token->text.len;
}

/* One element of `values`, whose first token is given. */
static enum gn_err splice_value(struct splicer *s, const struct gn_json_token *first)
{
    struct gn_json_token token;
    enum gn_err err = first->type == GN_JSON_OBJECT ? next(s, &token) : GN_EPARSE;

    while (err == GN_OK && token.type == GN_JSON_KEY) {
        for (size_t i = 0; i < GN_LEN(s->dialect->names); i++)
            exchange(s, &token, &s->dialect->names[i]);
        err = next(s, &token);
        if (err == GN_OK)
            err = skip(s, &token);
        if (err == GN_OK)
            err = next(s, &token);
    }
    return err;
}

static enum gn_err splice_values(struct splicer *s)
{
    struct gn_json_token token;
    enum gn_err err = next(s, &token);

    if (err != GN_OK || token.type != GN_JSON_ARRAY)
        return GN_EPARSE;
    err = next(s, &token);
    while (err == GN_OK && token.type != GN_JSON_ARRAY_END) {
        err = splice_value(s, &token);
        if (err == GN_OK)
            err = next(s, &token);
    }
    return err;
}

static enum gn_err splice_version(struct splicer *s)
{
    struct gn_json_token token;
    enum gn_err err = next(s, &token);

    if (err != GN_OK || token.type != GN_JSON_STRING)
        return GN_EPARSE;
    exchange(s, &token, &s->dialect->version);
    return GN_OK;
}

static enum gn_err skip_member(struct splicer *s)
{
    struct gn_json_token token;
    enum gn_err err = next(s, &token);

    return err == GN_OK ? skip(s, &token) : err;
}

/* The data object behind its opening bracket. */
static enum gn_err splice_members(struct splicer *s)
{
    struct gn_json_token key;
    bool has_version = false, has_values = false;
    enum gn_err err = next(s, &key);

    while (err == GN_OK && key.type == GN_JSON_KEY) {
        if (gn_json_text_eq(key.text, key.has_escape, GN_STR("version"), false)) {
            has_version = true;
            err = splice_version(s);
        } else if (gn_json_text_eq(key.text, key.has_escape, GN_STR("values"), false)) {
            has_values = true;
            err = splice_values(s);
        } else {
            err = skip_member(s);
        }
        if (err == GN_OK)
            err = next(s, &key);
    }
    if (err != GN_OK || !has_version || !has_values)
        return GN_EPARSE;
    copy_to(s, key.raw.p + key.raw.len);
    return next(s, &key); /* nothing behind it */
}

/* Appends data in the other dialect; on any error nothing. */
static enum gn_err splice(struct gn_str data, const struct dialect *dialect, struct gn_buf *out)
{
    struct splicer s = {.dialect = dialect, .out = out};
    const size_t before = out->len;
    struct gn_json_token first;
    enum gn_err err;

    gn_json_scan_init(&s.scan, data, &no_limits);
    err = next(&s, &first);
    if (err == GN_OK && first.type != GN_JSON_OBJECT)
        err = GN_EPARSE;
    if (err == GN_OK) {
        s.copied = first.raw.p;
        err = splice_members(&s);
    }
    if (err == GN_OK)
        err = gn_buf_err(out);
    if (err != GN_OK)
        gn_buf_truncate(out, before);
    return err;
}

enum gn_err gn_oran_data(struct gn_str data, struct gn_buf *out)
{
    if (data.len > 0)
        return splice(data, &to_oran, out);
    gn_buf_puts(out, "{\"version\":\"1.0\",\"values\":[]}"); /* all of it or nothing */
    return gn_buf_err(out);
}

enum gn_err gn_oran_data_to_cne(struct gn_str data, struct gn_buf *out)
{
    return splice(data, &to_cne, out);
}

struct gn_str gn_oran_source(struct gn_str resource)
{
    static const struct gn_str prefix = GN_STR_INIT("/cluster/node/");
    const char *slash;
    size_t skipped;

    if (!gn_str_has_prefix(resource, prefix))
        return resource;
    slash = memchr(resource.p + prefix.len, '/', resource.len - prefix.len);
    if (slash == NULL || slash == resource.p + prefix.len)
        return resource;
    skipped = (size_t)(slash - resource.p);
    return (struct gn_str){slash, resource.len - skipped};
}

/* Appends the event; on any error nothing. */
static enum gn_err write_event(const char *id, struct gn_str resource, struct gn_str type,
                               int64_t time_ns, struct gn_str data, struct gn_buf *out)
{
    const size_t before = out->len;
    char time[GN_TIME_TEXT_MAX];
    enum gn_err err;

    gn_time_format(time_ns, time);
    gn_buf_puts(out, "{\"specversion\":\"1.0\",\"id\":\"");
    gn_buf_puts(out, id);
    gn_buf_puts(out, "\",\"source\":");
    gn_text_add_json(out, gn_oran_source(resource));
    gn_buf_puts(out, ",\"type\":");
    gn_text_add_json(out, type);
    gn_buf_puts(out, ",\"time\":\"");
    gn_buf_puts(out, time);
    gn_buf_puts(out, "\",\"data\":");
    err = gn_oran_data(data, out);
    if (err == GN_OK) {
        gn_buf_putc(out, '}');
        err = gn_buf_err(out);
    }
    if (err != GN_OK)
        gn_buf_truncate(out, before);
    return err;
}

enum gn_err gn_oran_write(const struct gn_event *event, struct gn_buf *out)
{
    if (event->flags & GN_EVENT_PLAIN)
        return GN_EINVAL;
    return write_event(event->id.text, event->resource, event->type, event->time_ns, event->data,
                       out);
}

enum gn_err gn_oran_write_empty(struct gn_str resource, int64_t time_ns, struct gn_buf *out)
{
    const struct gn_id id = gn_id_random();

    return write_event(id.text, resource, GN_STR(GN_CNE_TYPE_REDFISH), time_ns, GN_STR_NONE, out);
}
