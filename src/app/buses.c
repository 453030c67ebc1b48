/* The AMQP connections: their life, and what is to be sent on them. */
#define HASH_NONFATAL_OOM 1 /* a resource without memory is not sent to; it is logged */
#include "gurnard/app/buses.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/log.h"
#include "gurnard/base/url.h"

#include "buses_priv.h"

#define IDLE_TIMEOUT_MS    30000U /* as the original */
#define MAX_FRAME_BYTES    65536U /* likewise */
#define CONNECT_TIMEOUT_MS 10000U
#define DENIED_MS          120000U /* wrong passwords lock accounts */
#define NAME_MAX_BYTES     64

/* ---- counted resources ---- */

struct counted *gn_counted_find(struct counted *list, struct gn_str resource)
{
    struct counted *one;

    HASH_FIND(hh, list, resource.p, resource.len, one);
    return one;
}

struct counted *gn_counted_add(struct counted **list, struct gn_str resource)
{
    struct counted *one = gn_counted_find(*list, resource);

    if (one != NULL) {
        one->count++;
        return NULL;
    }
    one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    one->count = 1;
    one->resource = gn_str_dup(resource);
    if (one->resource != NULL)
        HASH_ADD_KEYPTR(hh, *list, one->resource, resource.len, one);
    if (one->resource != NULL && one->hh.tbl != NULL)
        return one;
    free(one->resource);
    free(one);
    return NULL;
}

struct counted *gn_counted_remove(struct counted **list, struct gn_str resource)
{
    struct counted *one = gn_counted_find(*list, resource);

    if (one == NULL || --one->count > 0)
        return NULL;
    HASH_DELETE(hh, *list, one);
    return one;
}

void gn_counted_free(struct counted *one)
{
    free(one->resource);
    free(one);
}

/* ---- routes ---- */

bool gn_bus_serves(const struct bus *bus, struct gn_str resource)
{
    for (size_t i = 0; i < bus->prefix_count; i++)
        if (gn_str_has_prefix(resource, gn_str_of(bus->prefixes[i])))
            return true;
    return bus->prefix_count == 0;
}

/* ---- publishing ---- */

static void open_sink(struct bus *bus, struct counted *published, size_t place)
{
    struct gn_buf id = GN_BUF_INIT, address = GN_BUF_INIT;

    gn_buf_printf(&id, "amqp:%s:%s", bus->name, published->resource);
    gn_transport_amqp_sink(bus->transport, gn_str_of(published->resource), &address);
    if (gn_buf_err(&id) == GN_OK && gn_buf_err(&address) == GN_OK) {
        const struct gn_relay_bus way = {.id = id.data,
                                         .address = address.data,
                                         .resource = published->resource,
                                         .window = bus->buses->window,
                                         .is_native = bus->buses->is_native,
                                         .mode = bus->buses->mode};

        published->sinks[place] = gn_relay_open_bus(bus->buses->relay, &way);
    }
    if (gn_bus_answer(bus->transport, gn_str_of(published->resource)) != GN_OK)
        gn_log_warn("bus.no_status connection=%s resource=%s reason=\"no memory\"", bus->name,
                    published->resource);
    gn_buf_free(&id);
    gn_buf_free(&address);
}

void gn_buses_publish(struct gn_buses *buses, struct gn_str resource)
{
    struct counted *published;

    if (buses->count == 0 || resource.len == 0)
        return;
    published = gn_counted_add(&buses->published, resource);
    for (size_t i = 0; published != NULL && i < buses->count; i++)
        if (gn_bus_serves(&buses->all[i], resource))
            open_sink(&buses->all[i], published, i);
}

void gn_buses_unpublish(struct gn_buses *buses, struct gn_str resource)
{
    struct counted *published;

    if (buses->count == 0 || resource.len == 0)
        return;
    published = gn_counted_remove(&buses->published, resource);
    if (published == NULL)
        return;
    for (size_t i = 0; i < buses->count; i++) {
        if (published->sinks[i] != NULL)
            gn_relay_close_bus(buses->relay, published->sinks[i]);
        if (gn_bus_serves(&buses->all[i], resource))
            gn_bus_answer_no_more(buses->all[i].transport, resource);
    }
    gn_counted_free(published);
}

/* ---- wanting ---- */

void gn_buses_want(struct gn_buses *buses, struct gn_str resource)
{
    for (size_t i = 0; resource.len > 0 && i < buses->count; i++)
        if (gn_bus_serves(&buses->all[i], resource) &&
            gn_bus_want(buses->all[i].transport, resource) != GN_OK)
            gn_log_warn("bus.not_wanted connection=%s resource=%.*s reason=\"no memory\"",
                        buses->all[i].name, (int)resource.len, resource.p);
}

void gn_buses_unwant(struct gn_buses *buses, struct gn_str resource)
{
    for (size_t i = 0; resource.len > 0 && i < buses->count; i++)
        if (gn_bus_serves(&buses->all[i], resource))
            gn_bus_unwant(buses->all[i].transport, resource);
}

/* ---- life ---- */

static enum gn_err copy_prefixes(struct bus *bus, const struct gn_bus_config *config)
{
    for (size_t i = 0; i < config->prefix_count; i++) {
        bus->prefixes[i] = strdup(config->prefixes[i]);
        if (bus->prefixes[i] == NULL)
            return GN_ENOMEM;
        bus->prefix_count = i + 1;
    }
    return GN_OK;
}

static enum gn_amqp_sasl sasl_of(const struct gn_buses_config *config)
{
    if (config->user[0] != '\0')
        return GN_AMQP_SASL_PLAIN;
    return config->cert_file[0] != '\0' ? GN_AMQP_SASL_EXTERNAL : GN_AMQP_SASL_ANONYMOUS;
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static struct gn_amqp *make_connection(struct bus *bus, const struct gn_buses_config *config,
                                       const char *host, uint16_t port, bool use_tls)
{
    const struct gn_amqp_config amqp = {
        .name = bus->name,
        .host = host,
        .port = port,
        .container_id = config->container_id,
        .sasl = use_tls || sasl_of(config) != GN_AMQP_SASL_EXTERNAL ? sasl_of(config)
                                                                    : GN_AMQP_SASL_ANONYMOUS,
        .user = or_null(config->user),
        .password = config->password,
        .allow_insecure = config->allow_insecure,
        .use_tls = use_tls,
        .ca_file = or_null(config->ca_file),
        .cert_file = or_null(config->cert_file),
        .key_file = or_null(config->key_file),
        .verify = config->verify,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .max_frame_bytes = MAX_FRAME_BYTES,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .retry_min_ms = config->retry_min_ms,
        .retry_max_ms = config->retry_max_ms,
        .denied_ms = DENIED_MS,
        .on_state = gn_bus_on_state,
        .ctx = bus,
    };

    return gn_amqp_new(bus->buses->parts.loop, bus->buses->resolver, &amqp);
}

static enum gn_err build_bus(struct bus *bus, const struct gn_buses_config *config,
                             const char *pattern, const char *url)
{
    struct gn_url parsed;
    char *host;

    if (gn_url_parse(gn_str_of(url), &parsed) != GN_OK)
        return GN_EINVAL;
    host = gn_str_dup(parsed.host);
    bus->name = gn_str_dup(gn_str_of(strstr(url, "://") + 3));
    bus->url = strdup(url);
    if (host != NULL && bus->name != NULL && bus->url != NULL)
        bus->amqp = make_connection(bus, config, host, parsed.port,
                                    gn_str_eq_nocase(parsed.scheme, GN_STR("amqps")));
    free(host);
    if (bus->amqp == NULL)
        return GN_ENOMEM;
    bus->transport = gn_bus_make_transport(bus, config, pattern);
    return bus->transport == NULL ? GN_ENOMEM : GN_OK;
}

static enum gn_err build_all(struct gn_buses *buses, const struct gn_buses_config *config,
                             const char *pattern)
{
    enum gn_err err = GN_OK;

    for (size_t i = 0; i < config->count && err == GN_OK; i++) {
        struct bus *bus = &buses->all[i];

        bus->buses = buses;
        buses->count = i + 1;
        err = copy_prefixes(bus, &config->buses[i]);
        if (err == GN_OK)
            err = build_bus(bus, config, pattern, config->buses[i].url);
        if (err == GN_EINVAL)
            gn_log_error("bus.bad url=%s reason=\"not amqp://host:port\"", config->buses[i].url);
    }
    return err;
}

enum gn_err gn_buses_new(const struct gn_buses_config *config, const struct gn_buses_parts *parts,
                         struct gn_buses **made)
{
    struct gn_buses *buses = calloc(1, sizeof *buses);
    struct gn_buf pattern = GN_BUF_INIT;
    enum gn_err err = GN_OK;

    GN_ASSERT(config->count <= GN_BUSES_MAX);
    *made = buses;
    if (buses == NULL)
        return GN_ENOMEM;
    buses->parts = *parts;
    buses->window = config->window;
    buses->is_native = config->is_native;
    buses->mode = config->mode;
    TAILQ_INIT(&buses->waits);
    gn_timer_init(&buses->retry, parts->loop, gn_buses_on_retry, buses);
    if (config->count == 0)
        return GN_OK;
    buses->resolver = gn_resolver_new(parts->loop);
    if (!gn_amqp_pattern_of(config->pattern, &pattern)) {
        gn_log_error("bus.bad pattern=%s reason=\"neither a name that is known nor a text with "
                     "{resource}, {path} or {key}\"",
                     config->pattern);
        err = GN_EINVAL;
    } else if (buses->resolver == NULL || gn_buf_err(&pattern) != GN_OK) {
        err = GN_ENOMEM;
    } else {
        err = build_all(buses, config, pattern.data);
    }
    gn_buf_free(&pattern);
    return err;
}

size_t gn_buses_transports(const struct gn_buses *buses, struct gn_transport **transports,
                           size_t max)
{
    size_t count = 0;

    while (count < buses->count && count < max) {
        transports[count] = buses->all[count].transport;
        count++;
    }
    return count;
}

void gn_buses_set_relay(struct gn_buses *buses, struct gn_relay *relay)
{
    buses->relay = relay;
    if (buses->count > 0 && relay != NULL)
        gn_relay_expect_echo(relay);
}

void gn_buses_start(struct gn_buses *buses)
{
    for (size_t i = 0; i < buses->count; i++)
        gn_amqp_start(buses->all[i].amqp);
}

void gn_buses_stop(struct gn_buses *buses)
{
    if (buses->is_stopped)
        return;
    buses->is_stopped = true;
    gn_buses_drop_waits(buses);
    for (size_t i = 0; i < buses->count; i++) {
        if (buses->all[i].transport != NULL)
            gn_transport_amqp_stop(buses->all[i].transport);
        if (buses->all[i].amqp != NULL)
            gn_amqp_stop(buses->all[i].amqp);
    }
}

bool gn_buses_is_stopped(const struct gn_buses *buses)
{
    for (size_t i = 0; i < buses->count; i++) {
        const struct bus *bus = &buses->all[i];

        if ((bus->transport != NULL && !gn_transport_amqp_is_stopped(bus->transport)) ||
            (bus->amqp != NULL && !gn_amqp_is_stopped(bus->amqp)))
            return false;
    }
    return buses->is_stopped;
}

static void free_bus(struct bus *bus)
{
    if (bus->transport != NULL)
        bus->transport->ops->free(bus->transport);
    gn_amqp_free(bus->amqp);
    for (size_t i = 0; i < bus->prefix_count; i++)
        free(bus->prefixes[i]);
    free(bus->name);
    free(bus->url);
}

void gn_buses_free(struct gn_buses *buses)
{
    struct counted *one;

    if (buses == NULL)
        return;
    while ((one = buses->published) != NULL) {
        HASH_DELETE(hh, buses->published, one);
        gn_counted_free(one);
    }
    for (size_t i = 0; i < buses->count; i++)
        free_bus(&buses->all[i]);
    gn_timer_fini(&buses->retry);
    gn_resolver_free(buses->resolver);
    free(buses);
}
