/* Storm control in the intake: what is folded, and the summaries and events that come of it. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"
#include "gurnard/relay/storm.h"

#include "intake_priv.h"

#define NS_PER_MS 1000000

/* In front of what names a bucket. */
#define BY_NAME 'N'
#define BY_PEER 'P' /* the identity: Context, a line's end, address of the sender */

/* ---- taking ---- */

static bool is_watched(const struct gn_intake_work *in)
{
    const struct gn_relay_source *source = in->source;

    return in->relay->storm != NULL && !in->is_summary && !source->is_again &&
           in->payload.kind == GN_REDFISH_EVENT &&
           (source->way == GN_WAY_PUSH || source->way == GN_WAY_STREAM) &&
           gn_intake_who(source).len > 0 && in->repeated < in->count;
}

/* Adds what a record tells. false: it tells nothing, or is Critical. */
static bool add_kind(struct gn_intake_work *in, const struct gn_intake_item *item, uint32_t place,
                     struct gn_buf *out)
{
    const struct gn_redfish_record *record = &item->from->records[place];
    const struct gn_redfish_fill *fill = &item->fills[place];
    enum gn_severity severity = gn_enrich_severity(record, fill, &in->arena);
    struct gn_str text = gn_enrich_message(record, fill, &in->arena);
    struct gn_str id = gn_redfish_text(&record->known[GN_REC_MESSAGE_ID], &in->arena);

    if (severity == GN_SEVERITY_CRITICAL || (text.len == 0 && id.len == 0))
        return false;
    gn_buf_add_u64(out, (uint64_t)severity);
    gn_buf_putc(out, '\n');
    gn_buf_add_str(out, id);
    gn_buf_putc(out, '\n');
    gn_buf_add_str(out, gn_redfish_origin(record, &in->arena));
    gn_buf_putc(out, '\n');
    gn_buf_add_str(out, text);
    gn_buf_putc(out, '\n');
    return true;
}

/* The hash of what the one event of a body tells, all of its records. false: it is not folded. */
static bool find_kind(struct gn_intake_work *in, uint64_t *kind)
{
    const struct gn_intake_item *item = &in->items[0];
    struct gn_buf *text = &in->relay->name;
    bool may_fold = in->count == 1 && item->from->record_count > 0;

    gn_buf_reset(text);
    for (uint32_t i = 0; may_fold && i < item->from->record_count; i++)
        may_fold = add_kind(in, item, i, text);
    if (!may_fold || gn_buf_err(text) != GN_OK)
        return false;
    *kind = gn_text_hash(gn_buf_str(text));
    return true;
}

static uint32_t count_records(const struct gn_intake_work *in)
{
    uint32_t count = 0;

    for (size_t i = 0; i < in->count; i++)
        count += in->items[i].is_repeated ? 0 : in->items[i].from->record_count;
    return count;
}

static void name_bucket(const struct gn_intake_work *in, struct gn_buf *out)
{
    gn_buf_reset(out);
    gn_buf_putc(out, in->source->name.len > 0 ? BY_NAME : BY_PEER);
    gn_buf_add_str(out, in->identity);
}

bool gn_intake_fold(struct gn_intake_work *in, struct gn_str body)
{
    struct gn_relay *relay = in->relay;
    uint64_t now_ms = gn_loop_now_ms(relay->parts.loop);
    enum gn_storm_verdict verdict;
    uint64_t kind = 0;
    bool may_fold;

    if (!is_watched(in))
        return false;
    may_fold = find_kind(in, &kind);
    name_bucket(in, &relay->name);
    if (gn_buf_err(&relay->name) != GN_OK)
        return false;
    verdict = gn_storm_take(relay->storm, gn_buf_str(&relay->name), kind, count_records(in),
                            may_fold, body, now_ms);
    if (gn_storm_is_on(relay->storm) && !gn_timer_is_running(&relay->storm_timer))
        gn_timer_start(&relay->storm_timer, GN_STORM_POLL_MS);
    if (verdict == GN_STORM_PASS)
        return false;
    in->begins_storm = verdict == GN_STORM_BEGINS;
    gn_metric_add(relay->figures.folded, 1);
    if (in->items[0].event->is_named) /* not for the journal: it has no event with this id yet */
        gn_dedup_add(relay->dedup, in->lane, &in->items[0].event->id,
                     gn_journal_clock_ms(relay->parts.journal));
    return true;
}

/* ---- telling ---- */

static void tell(struct gn_relay *relay, struct gn_str bmc, const char *key, const char *severity,
                 uint64_t count)
{
    struct gn_buf number = gn_buf_with_limit(32);
    struct gn_str args[2] = {bmc};

    gn_buf_add_u64(&number, count);
    args[1] = gn_buf_str(&number);
    (void)gn_relay_tell(relay, &(struct gn_relay_own){
                                   .bmc = bmc,
                                   .key = key,
                                   .args = args,
                                   .arg_count = GN_LEN(args),
                                   .severity = severity,
                               }); /* counted and logged when it is refused */
    gn_buf_free(&number);
}

void gn_intake_after_fold(struct gn_intake_work *in)
{
    if (in->begins_storm)
        tell(in->relay, gn_intake_who(in->source), "EventsShed", "Warning", 1);
}

/* Adds the members of an Oem object but for our own; true: there was one. */
static bool add_oem(const struct gn_redfish_value *oem, struct gn_buf *out)
{
    static const struct gn_json_limits limits = {
        .max_bytes = SIZE_MAX,
        .max_depth = GN_REDFISH_DEPTH_MAX,
        .max_tokens = GN_REDFISH_TOKENS_MAX,
        .repair_utf8 = true,
    };
    struct gn_json_scan scan;
    struct gn_json_token key, value;
    struct gn_str raw;
    bool has_members = false;

    if (oem->type != GN_JSON_OBJECT || oem->raw.p == NULL)
        return false;
    gn_json_scan_init(&scan, oem->raw, &limits);
    if (gn_json_next(&scan, &key) != GN_OK)
        return false;
    while (gn_json_next(&scan, &key) == GN_OK && key.type == GN_JSON_KEY &&
           gn_json_next(&scan, &value) == GN_OK && gn_json_skip(&scan, &value, &raw) == GN_OK) {
        if (gn_json_text_eq(key.text, key.has_escape, GN_STR("Gurnard"), false))
            continue;
        if (has_members)
            gn_buf_putc(out, ',');
        gn_buf_add_str(out, key.raw);
        gn_buf_putc(out, ':');
        gn_buf_add_str(out, raw);
        has_members = true;
    }
    return has_members;
}

static enum gn_err mark_record(struct gn_intake_work *in, struct gn_redfish_record *record)
{
    struct gn_redfish_value *oem = &record->known[GN_REC_OEM];
    struct gn_buf text = GN_BUF_INIT;
    char time[GN_TIME_TEXT_MAX];
    enum gn_err err;

    gn_time_format(in->folded_last_ns, time);
    gn_buf_putc(&text, '{');
    if (add_oem(oem, &text))
        gn_buf_putc(&text, ',');
    gn_buf_puts(&text, "\"Gurnard\":{\"Folded\":");
    gn_buf_add_u64(&text, in->folded);
    gn_buf_printf(&text, ",\"LastTime\":\"%s\"}}", time);
    err = gn_buf_err(&text);
    if (err == GN_OK) {
        oem->raw.p = gn_arena_strdup(&in->arena, gn_buf_str(&text));
        oem->raw.len = oem->raw.p == NULL ? 0 : text.len;
        oem->type = GN_JSON_OBJECT;
        err = oem->raw.p == NULL ? GN_ENOMEM : GN_OK;
    }
    gn_buf_free(&text);
    return err;
}

enum gn_err gn_intake_mark_fold(struct gn_intake_work *in, struct gn_redfish_event *event)
{
    enum gn_err err = GN_OK;

    for (uint32_t i = 0; i < event->record_count && err == GN_OK; i++)
        err = mark_record(in, &event->records[i]);
    return err;
}

/* Who a bucket belongs to. */
static struct gn_relay_source source_of(struct gn_str bucket)
{
    struct gn_relay_source source = {.way = GN_WAY_PUSH};
    struct gn_str rest = {bucket.p + 1, bucket.len - 1};

    if (bucket.p[0] == BY_NAME) {
        source.name = rest;
        return source;
    }
    source.peer = rest;
    for (size_t i = rest.len; i > 0; i--)
        if (rest.p[i - 1] == '\n') {
            source.peer = (struct gn_str){rest.p + i, rest.len - i};
            break;
        }
    return source;
}

static void on_fold(void *ctx, const struct gn_storm_fold *fold)
{
    struct gn_relay *relay = ctx;
    const struct gn_relay_source source = source_of(fold->name);
    uint64_t now_ms = gn_loop_now_ms(relay->parts.loop);
    struct gn_intake_work in = {
        .relay = relay, .source = &source, .is_summary = true, .folded = fold->count};

    if (fold->is_calm) {
        tell(relay, gn_intake_who(&source), "EventsSheddingEnded", "OK", fold->total);
        return;
    }
    in.folded_last_ns = gn_clock_real_ns() -
                        (int64_t)(now_ms > fold->last_ms ? now_ms - fold->last_ms : 0) * NS_PER_MS;
    (void)gn_intake_take(&in, fold->body); /* counted and logged when it is refused */
}

static void on_storm_timer(void *ctx)
{
    struct gn_relay *relay = ctx;
    uint64_t again_ms =
        gn_storm_poll(relay->storm, gn_loop_now_ms(relay->parts.loop), on_fold, relay);

    if (again_ms > 0)
        gn_timer_start(&relay->storm_timer, again_ms);
}

enum gn_err gn_relay_storm_init(struct gn_relay *relay, uint32_t rate, uint32_t burst)
{
    if (rate == 0)
        return GN_OK;
    relay->storm = gn_storm_new(rate, burst);
    if (relay->storm == NULL)
        return GN_ENOMEM;
    gn_timer_init(&relay->storm_timer, relay->parts.loop, on_storm_timer, relay);
    return GN_OK;
}

void gn_relay_storm_fini(struct gn_relay *relay)
{
    gn_timer_fini(&relay->storm_timer);
    gn_storm_free(relay->storm);
}

void gn_relay_flush(struct gn_relay *relay)
{
    if (relay->storm != NULL)
        gn_storm_flush(relay->storm, on_fold, relay);
}
