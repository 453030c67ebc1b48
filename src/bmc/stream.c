/* Server-sent events as a way in: opened where it is wanted or where push has failed its proof,
 * kept open, resumed behind the last id that is on our disk. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"

#define AGAIN_MIN_MS     2000U
#define AGAIN_MAX_MS     300000U
#define AGAIN_DELL_MS    20000U  /* iDRAC wants 20 to 30 s between two streams of one client */
#define AGAIN_BLOCKED_MS 5000U   /* there was no room for an event */
#define CALM_MS          60000U  /* a stream that lived so long was a good one */
#define WATCHDOG_MS      900000U /* a stream without a byte for so long is opened anew */
#define FILTER_MAX       1024

static void open_stream(struct gn_bmc *bmc);
static void close_stream(struct gn_bmc *bmc);

bool gn_bmc_stream_is_open(const struct gn_bmc *bmc)
{
    return bmc->stream.state == BMC_STREAM_OPEN;
}

/* ---- the last id ---- */

static void settle_id(struct gn_bmc *bmc);

static void on_settled(struct gn_bmc *bmc, bool is_durable)
{
    struct bmc_stream *stream = &bmc->stream;

    stream->is_settling = false;
    if (!is_durable)
        return; /* what was taken may be lost: after a restart it is asked for again */
    (void)snprintf(bmc->kept->last_id, sizeof bmc->kept->last_id, "%s", stream->settling_id);
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
    if (strcmp(stream->settling_id, stream->pending_id) != 0)
        settle_id(bmc);
}

static void settle_id(struct gn_bmc *bmc)
{
    struct bmc_stream *stream = &bmc->stream;

    if (stream->is_settling)
        return;
    memcpy(stream->settling_id, stream->pending_id, sizeof stream->settling_id);
    stream->is_settling = gn_bmc_settle(bmc, on_settled);
}

/* Services count from one again after a restart (bmcweb): behind the old id there would be nothing
 * for long. What came meanwhile is in the log. */
void gn_bmc_stream_forget(struct gn_bmc *bmc)
{
    bmc->kept->last_id[0] = '\0';
    bmc->stream.pending_id[0] = '\0';
    bmc->stream.settling_id[0] = '\0';
    gn_memory_changed(bmc->fleet->memory, bmc->kept);
}

static void note_id(struct gn_bmc *bmc, struct gn_str id)
{
    struct bmc_stream *stream = &bmc->stream;

    if (id.len == 0 || id.len >= sizeof stream->pending_id)
        return;
    memcpy(stream->pending_id, id.p, id.len);
    stream->pending_id[id.len] = '\0';
    settle_id(bmc);
}

/* ---- what comes ---- */

static bool mentions(struct gn_str body, const char *word)
{
    return memmem(body.p, body.len, word, strlen(word)) != NULL;
}

static void on_event(void *ctx, const struct gn_sse_event *event)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_stream *stream = &bmc->stream;

    if (stream->is_blocked)
        return; /* it comes again, with all behind it */
    gn_bmc_heard(bmc);
    stream->events++;
    if (mentions(event->data, "EventBufferExceeded")) /* bmcweb: the id asked for has gone */
        gn_bmc_note_gap(bmc, "the BMC no longer has all events of its stream");
    if (!gn_bmc_proof_take(bmc, event->data, true) && !gn_bmc_heartbeat_take(bmc, event->data)) {
        if (bmc->fleet->hooks.take(bmc->fleet->hooks.ctx, bmc->spec.name, GN_BMCS_STREAM,
                                   event->data) == GN_BMCS_LATER) {
            stream->is_blocked = true;
            return;
        }
        bmc->events++;
    }
    note_id(bmc, event->id);
}

static void note_open(struct gn_bmc *bmc)
{
    struct bmc_stream *stream = &bmc->stream;

    stream->state = BMC_STREAM_OPEN;
    stream->opened_ms = gn_loop_now_ms(bmc->fleet->loop);
    stream->opened_count++;
    gn_log_info("bmc.stream_open bmc=%s", bmc->spec.name);
    if (bmc->fleet->metrics.streams != NULL)
        gn_metric_add(bmc->fleet->metrics.streams, 1);
    if (!stream->is_quietly_closed)
        gn_bmc_tell(bmc, "StreamOpened", "OK", NULL, NULL);
    stream->is_quietly_closed = false;
    if (bmc->failures > 0)
        gn_bmc_sign(bmc, "the event stream is open");
    gn_bmc_settle_state(bmc);
    gn_bmc_logs_start(bmc);
    if (bmc->spec.way == GN_BMC_WAY_SSE && bmc->spec.proves && !bmc->proof.is_known)
        gn_bmc_proof_start(bmc, NULL);
}

static bool on_bytes(void *ctx, struct gn_str bytes)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_stream *stream = &bmc->stream;

    enum gn_err err = GN_OK;

    stream->is_feeding = true;
    if (stream->state == BMC_STREAM_OPENING)
        note_open(bmc);
    gn_timer_start(&stream->watchdog, WATCHDOG_MS);
    if (bytes.len > 0)
        err = gn_sse_feed(stream->sse, bytes);
    stream->is_feeding = false;
    if (err != GN_OK)
        gn_log_warn("bmc.stream_hostile bmc=%s", bmc->spec.name);
    return err == GN_OK && !stream->is_blocked && !stream->is_unwanted;
}

/* ---- its end ---- */

static uint64_t again_ms(const struct gn_bmc *bmc)
{
    const struct bmc_stream *stream = &bmc->stream;
    uint64_t delay_ms = stream->sse->retry_ms > AGAIN_MIN_MS ? stream->sse->retry_ms : AGAIN_MIN_MS;
    unsigned doublings = stream->failures < 8 ? stream->failures : 8;

    if (stream->is_blocked)
        return AGAIN_BLOCKED_MS;
    if (strncasecmp(bmc->facts.vendor, "Dell", 4) == 0 && delay_ms < AGAIN_DELL_MS)
        delay_ms = AGAIN_DELL_MS;
    delay_ms <<= doublings;
    return (uint64_t)gn_bmc_jitter(bmc->fleet,
                                   (double)(delay_ms < AGAIN_MAX_MS ? delay_ms : AGAIN_MAX_MS),
                                   0.2);
}

/* is_quiet: streams without events end so (iDRAC after an hour, ours by the watchdog). That is told
 * only when it cannot be opened again. */
static void note_closed(struct gn_bmc *bmc, const char *why, bool is_quiet)
{
    struct bmc_stream *stream = &bmc->stream;
    bool was_open = stream->state == BMC_STREAM_OPEN;
    bool was_calm = was_open && gn_loop_now_ms(bmc->fleet->loop) - stream->opened_ms >= CALM_MS;

    gn_timer_stop(&stream->watchdog);
    is_quiet = is_quiet && was_calm;
    stream->failures = was_calm ? 0 : stream->failures + 1;
    stream->state = BMC_STREAM_WAITING;
    gn_log_info("bmc.stream_closed bmc=%s was_open=%s reason=\"%s\"", bmc->spec.name,
                was_open ? "yes" : "no", why);
    if (was_open && bmc->fleet->metrics.streams != NULL)
        gn_metric_add(bmc->fleet->metrics.streams, -1);
    gn_bmc_count(bmc->fleet->metrics.stream_breaks);
    if ((was_open || stream->is_quietly_closed) && !is_quiet)
        gn_bmc_tell(bmc, "StreamLost", "Warning", why, NULL);
    if (was_open)
        gn_bmc_note_gap(bmc, "the event stream broke");
    stream->is_quietly_closed = is_quiet;
    gn_timer_start(&stream->again, again_ms(bmc));
    if (!is_quiet)
        gn_bmc_settle_state(bmc);
}

static void on_done(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_stream *stream = &bmc->stream;

    stream->call = NULL;
    if (stream->is_unwanted) {
        close_stream(bmc);
        gn_bmc_settle_state(bmc);
        return;
    }
    if (answer->end == GN_BMC_END_ANSWER && answer->status == 400 && !stream->has_no_filter) {
        stream->has_no_filter = true; /* it advertised filters, and refuses ours */
        stream->state = BMC_STREAM_OFF;
        open_stream(bmc);
        return;
    }
    note_closed(bmc,
                stream->is_blocked          ? "no room for its events"
                : answer->reason[0] != '\0' ? answer->reason
                                            : "the BMC closed it",
                answer->end == GN_BMC_END_ANSWER && answer->status == 200);
    stream->is_blocked = false;
}

static void on_watchdog(void *ctx)
{
    struct gn_bmc *bmc = ctx;

    if (bmc->stream.call != NULL)
        gn_bmc_cancel(bmc->stream.call);
    bmc->stream.call = NULL;
    note_closed(bmc, "nothing came for long", true);
}

/* ---- opening ---- */

static void add_encoded(struct gn_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '\'' || *text == '%' || *text == '&' || *text == '#' ||
            *text == '+')
            gn_buf_printf(out, "%%%02X", (unsigned char)*text);
        else
            gn_buf_putc(out, *text);
    }
}

static void add_terms(struct gn_buf *filter, const char *property, const struct gn_bmc_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        struct gn_buf term = gn_buf_with_limit(512);

        gn_buf_printf(&term, "%s%s eq '%s'", filter->len > 0 ? " or " : "", property,
                      texts->items[i]);
        if (gn_buf_err(&term) == GN_OK)
            gn_buf_puts(filter, term.data);
        gn_buf_free(&term);
    }
}

/* The stream's URI, with a filter where one is wanted and the service takes it. */
static void make_uri(const struct gn_bmc *bmc, struct gn_buf *uri)
{
    struct gn_buf filter = gn_buf_with_limit(FILTER_MAX);

    gn_buf_puts(uri, bmc->service.sse);
    if (!bmc->stream.has_no_filter && bmc->service.sse_takes_message_id)
        add_terms(&filter, "MessageId", &bmc->spec.messages);
    if (!bmc->stream.has_no_filter && bmc->service.sse_takes_prefix)
        add_terms(&filter, "RegistryPrefix", &bmc->spec.registries);
    if (filter.len > 0 && gn_buf_err(&filter) == GN_OK) {
        gn_buf_puts(uri, strchr(bmc->service.sse, '?') != NULL ? "&$filter=" : "?$filter=");
        add_encoded(uri, filter.data);
    }
    gn_buf_free(&filter);
}

static void open_stream(struct gn_bmc *bmc)
{
    struct bmc_stream *stream = &bmc->stream;
    struct gn_buf uri = gn_buf_with_limit(4096);
    enum gn_err err = GN_ENOMEM;

    make_uri(bmc, &uri);
    gn_sse_restart(stream->sse);
    stream->is_blocked = false;
    stream->state = BMC_STREAM_OPENING;
    if (gn_buf_err(&uri) == GN_OK)
        err = gn_bmc_stream(bmc->link, uri.data, gn_str_of(bmc->kept->last_id), on_bytes, on_done,
                            bmc, &stream->call);
    gn_buf_free(&uri);
    if (err == GN_OK)
        return;
    stream->call = NULL;
    note_closed(bmc, gn_err_text(err), false);
}

static void on_again(void *ctx)
{
    open_stream(ctx);
}

/* ---- whether ---- */

static bool is_wanted(const struct gn_bmc *bmc)
{
    if (bmc->is_leaving || bmc->fleet->is_stopping || bmc->service.sse[0] == '\0' ||
        bmc->service.is_disabled)
        return false;
    return bmc->spec.way == GN_BMC_WAY_SSE ||
           (bmc->spec.way == GN_BMC_WAY_AUTO && (bmc->push_fails || bmc->refusal[0] != '\0'));
}

static void close_stream(struct gn_bmc *bmc)
{
    struct bmc_stream *stream = &bmc->stream;

    if (stream->call != NULL)
        gn_bmc_cancel(stream->call);
    stream->call = NULL;
    if (stream->state == BMC_STREAM_OPEN && bmc->fleet->metrics.streams != NULL)
        gn_metric_add(bmc->fleet->metrics.streams, -1);
    stream->state = BMC_STREAM_OFF;
    stream->is_unwanted = false;
    stream->is_quietly_closed = false;
    stream->failures = 0;
    gn_timer_stop(&stream->again);
    gn_timer_stop(&stream->watchdog);
}

static bool make_reader(struct gn_bmc *bmc)
{
    struct bmc_stream *stream = &bmc->stream;

    if (stream->sse != NULL)
        return true;
    stream->sse = calloc(1, sizeof *stream->sse);
    if (stream->sse == NULL)
        return false; /* tried again after the next round */
    gn_sse_init(stream->sse, on_event, bmc);
    return true;
}

void gn_bmc_stream_close(struct gn_bmc *bmc)
{
    if (gn_bmc_stream_is_open(bmc))
        gn_bmc_note_gap(bmc, "the event stream is opened anew");
    close_stream(bmc);
}

void gn_bmc_stream_update(struct gn_bmc *bmc)
{
    bool wanted = is_wanted(bmc);

    bmc->stream.is_unwanted = !wanted && bmc->stream.is_feeding;
    if (bmc->stream.is_unwanted)
        return; /* an event of its own says so: it ends when that has been taken */
    if (!wanted && bmc->stream.state != BMC_STREAM_OFF)
        close_stream(bmc);
    else if (wanted && bmc->stream.state == BMC_STREAM_OFF && make_reader(bmc))
        open_stream(bmc);
}

/* ---- life ---- */

void gn_bmc_stream_init(struct gn_bmc *bmc)
{
    gn_timer_init(&bmc->stream.again, bmc->fleet->loop, on_again, bmc);
    gn_timer_init(&bmc->stream.watchdog, bmc->fleet->loop, on_watchdog, bmc);
}

void gn_bmc_stream_fini(struct gn_bmc *bmc)
{
    close_stream(bmc);
    gn_timer_fini(&bmc->stream.again);
    gn_timer_fini(&bmc->stream.watchdog);
    if (bmc->stream.sse != NULL)
        gn_sse_fini(bmc->stream.sse);
    free(bmc->stream.sse);
    bmc->stream.sse = NULL;
}
