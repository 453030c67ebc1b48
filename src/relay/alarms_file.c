/* The table of alarms as JSON text and back: {"version":1,"next":N,"alarms":[{...}]}. */
#include "gurnard/relay/alarms.h"

#include <inttypes.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"

#include "alarms_priv.h"

#define FILE_VERSION 1
#define ROW_ARENA    ((size_t)64 << 10) /* texts of one alarm that had escapes */

static const struct gn_json_limits limits = {
    .max_bytes = (size_t)256 << 20,
    .max_depth = 8,
    .max_tokens = 32 * GN_ALARMS_MAX,
};

/* ---- out ---- */

static void add_text(struct gn_buf *out, const char *name, struct gn_str text)
{
    if (text.len == 0)
        return;
    gn_buf_printf(out, "\"%s\":", name);
    gn_text_add_json(out, text);
    gn_buf_putc(out, ',');
}

static void add_row(void *ctx, const struct gn_id *id, const struct gn_alarm_row *row)
{
    struct gn_buf *out = ctx;

    (void)id; /* follows from the rest */
    gn_buf_puts(out, out->data != NULL && out->data[out->len - 1] == '}' ? ",\n{" : "\n{");
    add_text(out, "bmc", row->bmc);
    add_text(out, "registry", row->registry);
    add_text(out, "key", row->key);
    add_text(out, "origin", row->origin);
    add_text(out, "message", row->message);
    add_text(out, "event", row->event_id);
    gn_buf_printf(out,
                  "\"severity\":\"%s\",\"raised\":%" PRId64 ",\"last\":%" PRId64
                  ",\"count\":%" PRIu64 "}",
                  gn_severity_text(row->severity), row->raised_ns, row->last_ns, row->count);
}

enum gn_err gn_alarms_save(const struct gn_alarms *alarms, struct gn_buf *out)
{
    gn_buf_printf(out, "{\"version\":%d,\"next\":%" PRIu64 ",\"alarms\":[", FILE_VERSION,
                  alarms->next);
    gn_alarm_table_each(&alarms->table, add_row, out);
    gn_buf_puts(out, "\n]}\n");
    return gn_buf_err(out);
}

/* ---- in ---- */

struct reading {
    struct gn_json_scan scan;
    struct gn_arena arena; /* of one row */
    struct gn_alarm_table table;
    uint64_t next;
    bool has_version, has_alarms;
};

static enum gn_err text_of(struct reading *rd, const struct gn_json_token *token,
                           struct gn_str *text)
{
    struct gn_buf plain = GN_BUF_INIT;
    enum gn_err err;

    if (token->type != GN_JSON_STRING)
        return GN_EPARSE;
    *text = token->text;
    if (!token->has_escape)
        return GN_OK;
    gn_json_unescape(token->text, &plain);
    err = gn_buf_err(&plain);
    if (err == GN_OK) {
        text->p = gn_arena_strdup(&rd->arena, gn_buf_str(&plain));
        text->len = plain.len;
        err = text->p == NULL ? GN_EPARSE : GN_OK; /* far longer than what was ever written */
    }
    gn_buf_free(&plain);
    return err;
}

static enum gn_err number_of(const struct gn_json_token *token, unsigned long long max,
                             unsigned long long *number)
{
    if (token->type != GN_JSON_NUMBER || !gn_str_to_u64(token->raw, max, number))
        return GN_EPARSE;
    return GN_OK;
}

static enum gn_err time_of(const struct gn_json_token *token, int64_t *ns)
{
    struct gn_json_token digits = *token;
    bool is_negative = token->raw.len > 0 && token->raw.p[0] == '-';
    unsigned long long number = 0;
    enum gn_err err;

    if (is_negative) {
        digits.raw.p++;
        digits.raw.len--;
    }
    err = number_of(&digits, INT64_MAX, &number);
    *ns = is_negative ? -(int64_t)number : (int64_t)number;
    return err;
}

static bool is_key(const struct gn_json_token *key, const char *name)
{
    return gn_json_text_eq(key->text, key->has_escape, gn_str_of(name), false);
}

static enum gn_err read_row_member(struct reading *rd, const struct gn_json_token *key,
                                   const struct gn_json_token *value, struct gn_alarm_row *row)
{
    const struct {
        const char *name;
        struct gn_str *text;
    } texts[] = {
        {"bmc", &row->bmc},       {"registry", &row->registry}, {"key", &row->key},
        {"origin", &row->origin}, {"message", &row->message},   {"event", &row->event_id},
    };
    unsigned long long number = 0;
    struct gn_str word = GN_STR_NONE;
    enum gn_err err;

    for (size_t i = 0; i < GN_LEN(texts); i++)
        if (is_key(key, texts[i].name))
            return text_of(rd, value, texts[i].text);
    if (is_key(key, "severity")) {
        err = text_of(rd, value, &word);
        row->severity = gn_severity_parse(word);
        return err;
    }
    if (is_key(key, "raised"))
        return time_of(value, &row->raised_ns);
    if (is_key(key, "last"))
        return time_of(value, &row->last_ns);
    if (is_key(key, "count")) {
        err = number_of(value, INT64_MAX, &number);
        row->count = number;
        return err;
    }
    return gn_json_skip(&rd->scan, value, &word);
}

static enum gn_err read_row(struct reading *rd)
{
    struct gn_alarm_row row = {.severity = GN_SEVERITY_NONE};
    struct gn_json_token key, value;
    enum gn_err err;

    for (;;) {
        err = gn_json_next(&rd->scan, &key);
        if (err != GN_OK || key.type != GN_JSON_KEY)
            break;
        err = gn_json_next(&rd->scan, &value);
        if (err == GN_OK)
            err = read_row_member(rd, &key, &value, &row);
        if (err != GN_OK)
            break;
    }
    if (err == GN_OK &&
        (row.key.len == 0 || row.count == 0 ||
         (row.severity != GN_SEVERITY_WARNING && row.severity != GN_SEVERITY_CRITICAL)))
        err = GN_EPARSE;
    if (err == GN_OK)
        err = gn_alarm_table_add(&rd->table, &row);
    gn_arena_fini(&rd->arena);
    return err;
}

static enum gn_err read_rows(struct reading *rd, const struct gn_json_token *array)
{
    struct gn_json_token token;
    enum gn_err err;

    if (array->type != GN_JSON_ARRAY)
        return GN_EPARSE;
    rd->has_alarms = true;
    for (;;) {
        err = gn_json_next(&rd->scan, &token);
        if (err != GN_OK || token.type == GN_JSON_ARRAY_END)
            return err;
        if (token.type != GN_JSON_OBJECT)
            return GN_EPARSE;
        err = read_row(rd);
        if (err != GN_OK)
            return err;
    }
}

static enum gn_err read_member(struct reading *rd, const struct gn_json_token *key)
{
    struct gn_json_token value;
    unsigned long long number = 0;
    struct gn_str raw;
    enum gn_err err = gn_json_next(&rd->scan, &value);

    if (err != GN_OK)
        return err;
    if (is_key(key, "version")) {
        err = number_of(&value, INT64_MAX, &number);
        rd->has_version = number == FILE_VERSION;
        return err;
    }
    if (is_key(key, "next")) {
        err = number_of(&value, INT64_MAX, &number);
        rd->next = number;
        return err;
    }
    if (is_key(key, "alarms"))
        return read_rows(rd, &value);
    return gn_json_skip(&rd->scan, &value, &raw);
}

static enum gn_err read_all(struct reading *rd)
{
    struct gn_json_token token;
    enum gn_err err = gn_json_next(&rd->scan, &token);

    if (err == GN_OK && token.type != GN_JSON_OBJECT)
        return GN_EPARSE;
    while (err == GN_OK) {
        err = gn_json_next(&rd->scan, &token);
        if (err != GN_OK || token.type != GN_JSON_KEY)
            break;
        err = read_member(rd, &token);
    }
    if (err == GN_OK)
        err = gn_json_next(&rd->scan, &token); /* nothing but white space behind it */
    if (err == GN_OK && (!rd->has_version || !rd->has_alarms))
        err = GN_EPARSE;
    return err == GN_ENOMEM || err == GN_OK ? err : GN_EPARSE;
}

enum gn_err gn_alarms_load(struct gn_alarms *alarms, struct gn_str text)
{
    struct reading rd = {.next = 0};
    enum gn_err err;

    gn_arena_init(&rd.arena, ROW_ARENA);
    gn_alarm_table_init(&rd.table);
    gn_json_scan_init(&rd.scan, text, &limits);
    err = read_all(&rd);
    if (err != GN_OK) {
        gn_alarm_table_fini(&rd.table);
        return err;
    }
    (void)gn_alarm_table_trim(&rd.table); /* what an earlier limit let in */
    gn_alarm_table_fini(&alarms->table);
    gn_alarm_table_move(&rd.table, &alarms->table);
    alarms->next = rd.next;
    gn_alarms_changed(alarms);
    return GN_OK;
}
