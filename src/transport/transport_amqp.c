/* Life of the AMQP transport, its operations, and its figures. */
#include "transport_amqp_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"

#define LABEL_MAX 160 /* bytes of connection="NAME",outcome="..." */

/* ---- shared by the parts ---- */

const char *gn_bus_address(struct gn_bus *bus, struct gn_str resource, struct gn_str suffix)
{
    struct gn_buf full = GN_BUF_INIT;

    gn_buf_add_str(&full, resource);
    gn_buf_add_str(&full, suffix);
    gn_buf_reset(&bus->scratch);
    gn_amqp_address_of(bus->pattern, gn_buf_str(&full), &bus->scratch);
    if (gn_buf_err(&full) != GN_OK || gn_buf_err(&bus->scratch) != GN_OK) {
        gn_buf_free(&full);
        return NULL;
    }
    gn_buf_free(&full);
    return bus->scratch.data;
}

void gn_bus_keep_reason(char kept[GN_BUS_REASON_MAX], const char *reason)
{
    const struct gn_str text = gn_text_clip(gn_str_of(reason), GN_BUS_REASON_MAX - 1);

    for (size_t i = 0; i < text.len; i++)
        kept[i] = (unsigned char)text.p[i] < 0x20 ? ' ' : text.p[i];
    kept[text.len] = '\0';
}

/* ---- a transport ---- */

static const struct gn_bus *bus_of(const struct gn_transport *transport)
{
    return (const struct gn_bus *)(const void *)transport; /* its first member */
}

/* Reads the address of a sink of ours: what is behind the slash that ends the URL, percent-encoded.
 */
static bool read_address(const struct gn_bus *bus, const char *address, struct gn_str *encoded)
{
    struct gn_url url;

    if (gn_url_parse(gn_str_of(address), &url) != GN_OK || url.userinfo.p != NULL ||
        url.query.p != NULL || url.path.len < 2)
        return false;
    *encoded = (struct gn_str){url.path.p + 1, url.path.len - 1};
    return gn_str_eq_nocase(url.scheme, bus->place.scheme) &&
           gn_str_eq_nocase(url.host, bus->place.host) && url.is_ipv6 == bus->place.is_ipv6 &&
           url.port == bus->place.port;
}

static bool amqp_takes(const struct gn_transport *transport, const char *address)
{
    struct gn_str encoded;

    return read_address(bus_of(transport), address, &encoded);
}

/* A broker may end the whole connection over what is no text. */
static bool is_address(struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return false;
    }
    return gn_text_is_utf8(text);
}

static enum gn_err amqp_send(struct gn_transport *transport, const struct gn_message_out *message,
                             gn_sent_fn done, void *ctx, struct gn_sending **sending)
{
    struct gn_bus *bus = gn_bus_of(transport);
    struct gn_bus_out out = {
        .message = message, .timeout_ms = message->timeout_ms, .done = done, .ctx = ctx};
    struct gn_str encoded;
    enum gn_err err;

    if (message->event == NULL || !read_address(bus, message->address, &encoded))
        return GN_EINVAL;
    gn_buf_reset(&bus->scratch);
    err = gn_text_percent_decode(encoded, &bus->scratch);
    out.address = gn_buf_str(&bus->scratch);
    if (err == GN_EPARSE || (err == GN_OK && !is_address(out.address)))
        return GN_EINVAL;
    return err == GN_OK ? gn_link_send(bus, &out, sending) : err;
}

static void amqp_cancel(struct gn_transport *transport, struct gn_sending *sending)
{
    (void)transport;
    gn_link_cancel(sending);
}

static void add_encoded(struct gn_buf *out, struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.p[i];
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') ||
                              (c != '\0' && strchr("-._~:@", c) != NULL) ||
                              (c == '/' && i > 0); /* two in a row would not last everywhere */

        if (is_plain)
            gn_buf_putc(out, c);
        else
            gn_buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

void gn_transport_amqp_sink(const struct gn_transport *transport, struct gn_str resource,
                            struct gn_buf *out)
{
    const struct gn_bus *bus = bus_of(transport);
    struct gn_buf address = GN_BUF_INIT;

    gn_amqp_address_of(bus->pattern, resource, &address);
    gn_buf_puts(out, bus->url);
    gn_buf_putc(out, '/');
    add_encoded(out, gn_buf_str(&address));
    if (gn_buf_err(out) == GN_OK)
        out->err = gn_buf_err(&address);
    gn_buf_free(&address);
}

/* ---- figures ---- */

static void collect(void *ctx)
{
    struct gn_bus *bus = ctx;
    struct gn_amqp_status status;
    double unsettled = 0, credit = 0;

    gn_amqp_status(bus->amqp, &status);
    gn_metric_set(bus->connected, gn_amqp_is_up(bus->amqp) ? 1 : 0);
    gn_metric_set(bus->connects, (double)status.connects);
    gn_metric_set(bus->failures, (double)status.failures);
    for (const struct gn_bus_link *link = bus->links; link != NULL; link = link->hh.next) {
        if (link->sender == NULL)
            continue;
        unsettled += gn_amqp_sender_unsettled(link->sender);
        credit += gn_amqp_sender_credit(link->sender);
    }
    gn_metric_set(bus->unsettled, unsettled);
    gn_metric_set(bus->credit, credit);
    gn_metric_set(bus->link_count, bus->is_stopped ? 0
                                                   : (double)HASH_CNT(hh, bus->links) +
                                                         HASH_CNT(hh, bus->wanted) +
                                                         HASH_CNT(hh, bus->answered));
}

/* A label's value needs no escapes where the name has none of what would. */
static void make_label(const char *name, const char *outcome, char label[LABEL_MAX])
{
    const struct gn_str text = gn_text_clip(gn_str_of(name), LABEL_MAX / 2);
    struct gn_buf made = gn_buf_with_limit(LABEL_MAX - 1);

    gn_buf_puts(&made, "connection=\"");
    for (size_t i = 0; i < text.len; i++)
        gn_buf_putc(&made, strchr("\"\\\n", text.p[i]) != NULL ? '_' : text.p[i]);
    gn_buf_putc(&made, '"');
    if (outcome != NULL)
        gn_buf_printf(&made, ",outcome=\"%s\"", outcome);
    label[0] = '\0';
    if (gn_buf_err(&made) == GN_OK)
        memcpy(label, made.data, made.len + 1);
    gn_buf_free(&made);
}

static void add_outcomes(struct gn_bus *bus)
{
    static const char *const names[] = {
        [GN_AMQP_ACCEPTED] = "accepted", [GN_AMQP_RELEASED] = "released",
        [GN_AMQP_REJECTED] = "rejected", [GN_AMQP_LOST] = "lost",
        [GN_AMQP_UNKNOWN] = "unknown",
    };
    char label[LABEL_MAX];

    for (size_t i = 0; i < GN_LEN(names); i++) {
        make_label(bus->name, names[i], label);
        bus->outcomes[i] = gn_metrics_counter(bus->metrics, "gurnard_amqp_outcomes_total", label,
                                              "Messages sent, by how they ended.");
    }
}

static void add_metrics(struct gn_bus *bus)
{
    struct gn_metrics *metrics = bus->metrics;
    char label[LABEL_MAX];

    make_label(bus->name, NULL, label);
    bus->connected = gn_metrics_gauge(metrics, "gurnard_amqp_connected", label,
                                      "1 while the AMQP connection is open.");
    bus->connects = gn_metrics_counter(metrics, "gurnard_amqp_connects_total", label,
                                       "AMQP connections that were opened.");
    bus->failures = gn_metrics_counter(metrics, "gurnard_amqp_failures_total", label,
                                       "AMQP connections that failed or broke.");
    bus->unsettled = gn_metrics_gauge(metrics, "gurnard_amqp_unsettled", label,
                                      "Messages sent that have no outcome yet.");
    bus->credit = gn_metrics_gauge(metrics, "gurnard_amqp_credit", label,
                                   "Messages that may be sent now, over all addresses.");
    bus->link_count =
        gn_metrics_gauge(metrics, "gurnard_amqp_links", label, "Links for sending and receiving.");
    bus->received =
        gn_metrics_counter(metrics, "gurnard_amqp_received_total", label, "Messages received.");
    bus->undecodable = gn_metrics_counter(metrics, "gurnard_amqp_undecodable_total", label,
                                          "Messages received that are no CloudEvent.");
    bus->refused_links = gn_metrics_counter(metrics, "gurnard_amqp_refused_links_total", label,
                                            "Links that the broker refused or detached.");
    add_outcomes(bus);
    gn_metrics_on_collect(metrics, collect, bus);
}

/* ---- life ---- */

static void free_texts(struct gn_bus *bus)
{
    free(bus->name);
    free(bus->url);
    free(bus->pattern);
}

static void amqp_free(struct gn_transport *transport)
{
    struct gn_bus *bus = gn_bus_of(transport);

    GN_ASSERT(gn_transport_amqp_is_stopped(transport));
    gn_metrics_off_collect(bus->metrics, collect, bus);
    gn_bus_queries_fini(bus);
    gn_places_fini(bus);
    gn_links_fini(bus);
    free_texts(bus);
    free(bus);
}

static const struct gn_transport_ops ops = {
    .name = "amqp",
    .takes_events = true,
    .takes = amqp_takes,
    .send = amqp_send,
    .cancel = amqp_cancel,
    .free = amqp_free,
};

static void copy_config(struct gn_bus *bus, const struct gn_transport_amqp_config *config)
{
    struct gn_buf pattern = GN_BUF_INIT;
    const bool is_pattern = gn_amqp_pattern_of(config->pattern, &pattern);

    GN_ASSERT(is_pattern); /* settings are checked where they are read */
    bus->config = *config;
    bus->name = strdup(config->name);
    bus->url = strdup(config->url);
    bus->pattern = gn_buf_take(&pattern);
    bus->config.name = bus->name;
    bus->config.url = bus->url;
    bus->config.pattern = bus->pattern;
}

struct gn_transport *gn_transport_amqp_new(struct gn_loop *loop, struct gn_amqp *amqp,
                                           const struct gn_transport_amqp_config *config,
                                           const struct gn_bus_handler *handler,
                                           struct gn_metrics *metrics)
{
    struct gn_bus *bus = calloc(1, sizeof(*bus));
    enum gn_err err;

    if (bus == NULL)
        return NULL;
    copy_config(bus, config);
    if (bus->name == NULL || bus->url == NULL || bus->pattern == NULL) {
        free_texts(bus);
        free(bus);
        return NULL;
    }
    err = gn_url_parse(gn_str_of(bus->url), &bus->place);
    GN_ASSERT(err == GN_OK && bus->place.path.len == 0);
    bus->base.ops = &ops;
    bus->loop = loop;
    bus->amqp = amqp;
    bus->metrics = metrics;
    bus->has_handler = handler != NULL;
    if (handler != NULL)
        bus->handler = *handler;
    gn_links_init(bus);
    gn_places_init(bus);
    gn_bus_queries_init(bus);
    add_metrics(bus);
    return &bus->base;
}

void gn_transport_amqp_stop(struct gn_transport *transport)
{
    struct gn_bus *bus = gn_bus_of(transport);

    if (bus->is_stopped)
        return;
    bus->is_stopped = true;
    gn_bus_queries_stop(bus);
    gn_places_stop(bus);
    gn_links_stop(bus);
}

bool gn_transport_amqp_is_stopped(const struct gn_transport *transport)
{
    const struct gn_bus *bus = bus_of(transport);

    return bus->is_stopped && bus->sendings == 0 && TAILQ_EMPTY(&bus->queries);
}
