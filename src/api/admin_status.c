/* The admin API: everything that `gurnard status` shows. */
#include <string.h>

#include "admin_priv.h"

static bool is_ready(const struct gn_ops *ops)
{
    for (size_t i = 0; i < ops->check_count; i++)
        if (ops->checks[i].fn(ops->checks[i].ctx) != NULL)
            return false;
    return !ops->is_stopping;
}

/* reason NULL: it holds. */
static void add_check(struct gn_buf *out, const char *name, const char *reason)
{
    gn_admin_add_element(out);
    gn_buf_putc(out, '{');
    gn_admin_add_text(out, "name", gn_str_of(name));
    gn_admin_add_bool(out, "ok", reason == NULL);
    gn_admin_add_text(out, "reason", gn_str_of(reason));
    gn_buf_putc(out, '}');
}

static void add_checks(const struct gn_ops *ops, struct gn_buf *out)
{
    gn_admin_add_bool(out, "ready", is_ready(ops));
    gn_admin_add_name(out, "checks");
    gn_buf_putc(out, '[');
    for (size_t i = 0; i < ops->check_count; i++)
        add_check(out, ops->checks[i].name, ops->checks[i].fn(ops->checks[i].ctx));
    if (ops->is_stopping)
        add_check(out, "shutdown", "stopping");
    gn_buf_putc(out, ']');
}

static void add_in(const struct gn_admin *admin, struct gn_buf *out)
{
    struct gn_relay_status in;

    gn_relay_status(admin->parts.relay, &in);
    gn_admin_add_name(out, "in");
    gn_buf_putc(out, '{');
    gn_admin_add_u64(out, "events", in.received);
    gn_admin_add_number(out, "rate_10s", in.in_10s);
    gn_admin_add_number(out, "rate_60s", in.in_60s);
    gn_admin_add_u64(out, "repeated", in.repeated);
    gn_admin_add_u64(out, "unparsed", in.unparsed);
    gn_admin_add_u64(out, "quarantined", in.quarantined);
    gn_admin_add_u64(out, "refused", in.refused);
    gn_admin_add_u64(out, "unrouted", in.unrouted);
    gn_buf_putc(out, '}');
}

static void add_out(const struct gn_admin *admin, struct gn_buf *out)
{
    struct gn_outbox_status box;

    gn_outbox_status(admin->parts.outbox, &box);
    gn_admin_add_name(out, "out");
    gn_buf_putc(out, '{');
    gn_admin_add_u64(out, "delivered", box.delivered);
    gn_admin_add_number(out, "rate_10s", box.out_10s);
    gn_admin_add_number(out, "rate_60s", box.out_60s);
    gn_admin_add_u64(out, "retries", box.retries);
    gn_admin_add_u64(out, "dead", box.dead);
    gn_admin_add_u64(out, "expired", box.expired);
    gn_admin_add_u64(out, "shed", box.shed);
    gn_admin_add_u64(out, "replayed", box.replayed);
    gn_admin_add_u64(out, "queued", box.queued);
    gn_admin_add_u64(out, "in_flight", box.in_flight);
    gn_admin_add_number(out, "oldest_undelivered_s", (double)box.oldest_age_ms / 1e3);
    gn_admin_add_u64(out, "memory_bytes", box.memory_bytes);
    gn_admin_add_bool(out, "shedding", box.is_shedding);
    gn_buf_putc(out, '}');
}

static void add_journal(const struct gn_admin *admin, struct gn_buf *out)
{
    struct gn_journal_status journal;

    gn_journal_status(admin->parts.journal, &journal);
    gn_admin_add_name(out, "journal");
    gn_buf_putc(out, '{');
    gn_admin_add_text(out, "durability",
                      journal.is_in_memory ? GN_STR("memory") : GN_STR("journal"));
    gn_admin_add_u64(out, "bytes", journal.bytes);
    gn_admin_add_u64(out, "max_bytes", journal.max_bytes);
    gn_admin_add_u64(out, "refuse_at_bytes", journal.refuse_at_bytes);
    gn_admin_add_u64(out, "segments", journal.segments);
    gn_admin_add_u64(out, "pending_bytes", journal.pending_bytes);
    gn_admin_add_u64(out, "next_sequence", journal.next_sequence);
    gn_admin_add_u64(out, "durable_next", journal.durable_next);
    gn_admin_add_time(out, "oldest", journal.oldest_ns);
    gn_admin_add_u64(out, "syncs", journal.syncs);
    gn_admin_add_u64(out, "damaged", journal.damaged);
    gn_admin_add_number(out, "disk_free_pct", journal.disk_free_pct);
    gn_admin_add_bool(out, "disk_short", journal.is_disk_short);
    gn_admin_add_bool(out, "failing", journal.is_failing);
    gn_admin_add_text(out, "error",
                      journal.os_error == 0 ? GN_STR("") : gn_str_of(strerror(journal.os_error)));
    gn_buf_putc(out, '}');
}

static void add_kept(const struct gn_admin *admin, struct gn_buf *out)
{
    struct gn_deadletters_status letters;

    gn_deadletters_status(admin->parts.letters, &letters);
    gn_admin_add_name(out, "deadletters");
    gn_buf_putc(out, '{');
    gn_admin_add_u64(out, "count", letters.count);
    gn_admin_add_u64(out, "bytes", letters.bytes);
    gn_admin_add_u64(out, "max_bytes", letters.max_bytes);
    gn_admin_add_u64(out, "dropped", letters.dropped);
    gn_buf_putc(out, '}');
    gn_admin_add_name(out, "quarantine");
    gn_buf_putc(out, '{');
    gn_admin_add_u64(out, "count", gn_quarantine_count(admin->parts.quarantine));
    gn_admin_add_u64(out, "bytes", gn_quarantine_bytes(admin->parts.quarantine));
    gn_buf_putc(out, '}');
}

static struct gn_str state_of(const struct gn_sink_status *sink)
{
    if (sink->is_paused)
        return GN_STR("paused");
    return sink->is_down ? GN_STR("down") : GN_STR("up");
}

static void add_sink(void *ctx, const struct gn_sink *sink)
{
    struct gn_buf *out = ctx;
    struct gn_sink_status status;

    gn_sink_status(sink, &status);
    gn_admin_add_element(out);
    gn_buf_putc(out, '{');
    gn_admin_add_text(out, "id", gn_str_of(status.id));
    gn_admin_add_text(out, "api", gn_str_of(gn_face_name(status.face)));
    gn_admin_add_text(out, "resource", gn_str_of(status.resource));
    gn_admin_add_url(out, "endpoint", gn_str_of(status.address));
    gn_admin_add_text(out, "state", state_of(&status));
    gn_admin_add_bool(out, "behind", status.is_behind);
    gn_admin_add_u64(out, "queued", status.queued);
    gn_admin_add_u64(out, "in_flight", status.in_flight);
    gn_admin_add_number(out, "oldest_s", (double)status.oldest_age_ms / 1e3);
    gn_admin_add_u64(out, "delivered", status.delivered);
    gn_admin_add_u64(out, "dead", status.dead);
    gn_admin_add_u64(out, "expired", status.expired);
    gn_admin_add_u64(out, "shed", status.shed);
    gn_admin_add_u64(out, "retries", status.retries);
    gn_admin_add_time(out, "last_success", status.last_success_ns);
    gn_admin_add_text(out, "last_error", gn_str_of(status.last_error));
    gn_admin_add_time(out, "last_error_at", status.last_error_ns);
    gn_admin_add_bool(out, "replaying", status.is_replaying);
    gn_admin_add_u64(out, "replayed", status.replayed);
    gn_buf_putc(out, '}');
}

/* The proxies that we are registered with. */
static void add_publishers(const struct gn_registrar *registrar, struct gn_buf *out)
{
    size_t count = registrar == NULL ? 0 : gn_registrar_publisher_count(registrar);

    gn_admin_add_name(out, "publishers");
    gn_buf_putc(out, '[');
    for (size_t i = 0; i < count; i++) {
        struct gn_registrar_publisher publisher;

        gn_registrar_publisher_at(registrar, i, &publisher);
        gn_admin_add_element(out);
        gn_buf_putc(out, '{');
        gn_admin_add_url(out, "url", gn_str_of(publisher.url));
        gn_admin_add_bool(out, "reachable", publisher.is_reachable);
        gn_admin_add_u64(out, "wanted", publisher.wanted);
        gn_admin_add_u64(out, "registered", publisher.registered);
        gn_admin_add_text(out, "last_error", gn_str_of(publisher.last_error));
        gn_buf_putc(out, '}');
    }
    gn_buf_putc(out, ']');
}

void gn_admin_status(struct gn_admin *admin, const struct gn_admin_call *call)
{
    uint64_t uptime_ms = gn_loop_now_ms(admin->parts.loop) - admin->started_ms;
    struct gn_buf out = GN_BUF_INIT;

    gn_buf_putc(&out, '{');
    gn_admin_add_text(&out, "version", GN_STR(GN_VERSION));
    gn_admin_add_text(&out, "node", gn_str_of(admin->parts.node));
    gn_admin_add_number(&out, "uptime_s", (double)uptime_ms / 1e3);
    add_checks(admin->parts.ops, &out);
    add_in(admin, &out);
    add_out(admin, &out);
    add_journal(admin, &out);
    add_kept(admin, &out);
    gn_admin_add_bmcs(admin, &out);
    gn_admin_add_alarms(admin, &out);
    gn_admin_add_name(&out, "subscriptions");
    gn_buf_putc(&out, '[');
    gn_outbox_each_sink(admin->parts.outbox, add_sink, &out);
    gn_buf_putc(&out, ']');
    add_publishers(admin->parts.registrar, &out);
    gn_buf_putc(&out, '}');
    gn_admin_reply(call->request, 200, &out);
}
