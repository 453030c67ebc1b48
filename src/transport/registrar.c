/* Life of the registrar, the resources that are wanted, and its calls. */
#include "registrar_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#define RENEW_SPREAD                                                                               \
    8U /* the part of renew_ms by which a renewal may come sooner, so that not all                 \
        * daemons of a cluster renew at once */

/* ---- calls ---- */

static void call_free(struct gn_registrar_call *call)
{
    gn_buf_free(&call->body);
    free(call);
}

static void on_call(void *ctx, const struct gn_http_result *result)
{
    struct gn_registrar_call *call = ctx;
    struct gn_publisher *publisher = call->publisher;
    struct gn_registrar *registrar = publisher->registrar;
    struct gn_bond *bond = call->bond;
    enum gn_post kind = call->kind;

    TAILQ_REMOVE(&registrar->calls, call, link);
    registrar->call_count--;
    call_free(call);
    if (registrar->is_stopped)
        return;
    if (kind == GN_PROBE)
        gn_health_on_probe(publisher, result);
    else
        gn_publisher_on_post(publisher, kind, bond, result);
}

/* Makes the request out of the call and sends it. */
static enum gn_err send_call(struct gn_registrar_call *call)
{
    struct gn_publisher *publisher = call->publisher;
    struct gn_resource *resource = call->bond != NULL ? call->bond->resource : NULL;
    struct gn_str text = resource != NULL ? gn_str_of(resource->text) : GN_STR_NONE;
    struct gn_wire_headers headers = {.text = GN_BUF_INIT};
    struct gn_buf url = GN_BUF_INIT;
    struct gn_http_out out = {.timeout_ms = GN_REGISTRAR_POST_MS};
    enum gn_err err = GN_OK;

    gn_buf_puts(&url, publisher->url);
    gn_buf_puts(&url, call->kind == GN_PROBE ? "/health" : "/subscription");
    if (call->kind == GN_PROBE) {
        out.method = "GET";
    } else {
        err = gn_wire_headers(&headers, call->kind, text);
        gn_wire_body(&call->body, publisher->registrar, call->kind, text,
                     resource != NULL ? gn_str_of(resource->id) : GN_STR_NONE);
        out.method = "POST";
        out.headers = headers.lines;
        out.body[0] = gn_buf_str(&call->body);
    }
    if (err == GN_OK)
        err = gn_buf_err(&call->body);
    if (err == GN_OK)
        err = gn_buf_err(&url);
    out.url = url.data;
    if (err == GN_OK)
        err = gn_http_send(publisher->registrar->client, &out, on_call, call, &call->http);
    gn_buf_free(&headers.text);
    gn_buf_free(&url);
    return err;
}

enum gn_err gn_registrar_call(struct gn_publisher *publisher, enum gn_post kind,
                              struct gn_bond *bond)
{
    struct gn_registrar *registrar = publisher->registrar;
    struct gn_registrar_call *call = calloc(1, sizeof(*call));
    enum gn_err err;

    if (call == NULL)
        return GN_ENOMEM;
    call->publisher = publisher;
    call->bond = bond;
    call->kind = kind;
    call->body = GN_BUF_INIT;
    err = send_call(call);
    if (err != GN_OK) {
        call_free(call);
        return err;
    }
    TAILQ_INSERT_TAIL(&registrar->calls, call, link);
    registrar->call_count++;
    return GN_OK;
}

/* ---- pauses ---- */

/* xorshift32: it only spreads retries. */
static uint32_t random_32(struct gn_registrar *registrar)
{
    registrar->random ^= registrar->random << 13;
    registrar->random ^= registrar->random >> 17;
    registrar->random ^= registrar->random << 5;
    return registrar->random;
}

uint32_t gn_registrar_pause_ms(struct gn_registrar *registrar, uint32_t failures)
{
    uint64_t pause_ms = registrar->config.retry_min_ms;
    uint64_t half_ms;

    for (uint32_t i = 1; i < failures && pause_ms < registrar->config.retry_max_ms; i++)
        pause_ms *= 2;
    if (pause_ms > registrar->config.retry_max_ms)
        pause_ms = registrar->config.retry_max_ms;
    half_ms = pause_ms / 2;
    return (uint32_t)(half_ms + random_32(registrar) % (pause_ms - half_ms + 1));
}

static void pump_all(void *ctx)
{
    struct gn_registrar *registrar = ctx;

    for (size_t i = 0; i < registrar->publisher_count; i++)
        gn_publisher_pump(&registrar->publishers[i]);
}

void gn_registrar_pump_later(struct gn_registrar *registrar)
{
    if (registrar->is_running)
        gn_defer_call(registrar->loop, &registrar->pump, pump_all, registrar);
}

static void on_probe_due(void *ctx)
{
    gn_health_probe(ctx);
}

static void on_retry_due(void *ctx)
{
    gn_publisher_go_on(ctx);
}

static void start_renewal(struct gn_publisher *publisher)
{
    struct gn_registrar *registrar = publisher->registrar;
    uint32_t spread_ms = registrar->config.renew_ms / RENEW_SPREAD;

    gn_timer_start(&publisher->renew,
                   registrar->config.renew_ms - random_32(registrar) % (spread_ms + 1));
}

static void on_renew_due(void *ctx)
{
    struct gn_publisher *publisher = ctx;

    gn_publisher_all_due(publisher);
    gn_registrar_pump_later(publisher->registrar);
    start_renewal(publisher);
}

/* ---- life ---- */

/* Whether url is one that is there already. */
static bool is_known(const struct gn_registrar *registrar, const char *url)
{
    for (size_t i = 0; i < registrar->publisher_count; i++) {
        if (strcmp(registrar->publishers[i].url, url) == 0)
            return true;
    }
    return false;
}

static void add_publisher(struct gn_registrar *registrar, char *url)
{
    struct gn_publisher *publisher = &registrar->publishers[registrar->publisher_count++];

    publisher->registrar = registrar;
    publisher->url = url;
    TAILQ_INIT(&publisher->due);
    TAILQ_INIT(&publisher->leaving);
    gn_timer_init(&publisher->probe, registrar->loop, on_probe_due, publisher);
    gn_timer_init(&publisher->retry, registrar->loop, on_retry_due, publisher);
    gn_timer_init(&publisher->renew, registrar->loop, on_renew_due, publisher);
}

/* The URL as it is used and compared; NULL: no memory. */
static char *used_url(const char *text)
{
    struct gn_buf url = GN_BUF_INIT;

    gn_wire_url(&url, gn_str_of(text));
    return gn_buf_take(&url);
}

static bool add_publishers(struct gn_registrar *registrar, const struct gn_registrar_config *config)
{
    char *own = used_url(config->own_url);
    bool is_complete = own != NULL;

    for (size_t i = 0; is_complete && i < config->publisher_count; i++) {
        char *url;

        if (config->publishers[i][0] == '\0')
            continue;
        url = used_url(config->publishers[i]);
        is_complete = url != NULL;
        if (url != NULL && strcmp(url, own) != 0 && !is_known(registrar, url))
            add_publisher(registrar, url);
        else
            free(url);
    }
    free(own);
    return is_complete;
}

static void add_metrics(struct gn_registrar *registrar, struct gn_metrics *metrics)
{
    static const char name[] = "gurnard_registrations_total";
    static const char help[] = "Registrations sent to publishers.";
    struct gn_metric *count =
        gn_metrics_gauge(metrics, "gurnard_publishers", NULL, "Publishers configured.");

    gn_metric_set(count, (double)registrar->publisher_count);
    registrar->posts_ok = gn_metrics_counter(metrics, name, "result=\"ok\"", help);
    registrar->posts_failed = gn_metrics_counter(metrics, name, "result=\"failed\"", help);
    registrar->lost = gn_metrics_gauge(metrics, "gurnard_publishers_lost", NULL,
                                       "Publishers that do not answer.");
}

static uint32_t seed(void)
{
    const struct gn_id id = gn_id_random();
    uint8_t bytes[GN_ID_BYTES];
    uint32_t value;

    gn_id_pack(&id, bytes);
    memcpy(&value, bytes, sizeof(value));
    return value | 1; /* never 0 */
}

struct gn_registrar *gn_registrar_new(const struct gn_registrar_config *config,
                                      struct gn_loop *loop, struct gn_http_client *client,
                                      struct gn_metrics *metrics)
{
    struct gn_registrar *registrar = calloc(1, sizeof(*registrar));

    GN_ASSERT(config->publisher_count <= GN_REGISTRAR_PUBLISHERS_MAX);
    if (registrar == NULL)
        return NULL;
    registrar->config = *config;
    registrar->config.own_url = NULL;
    registrar->config.publishers = NULL;
    registrar->loop = loop;
    registrar->client = client;
    registrar->client_id = gn_id_v3_url(gn_str_of(config->own_url));
    registrar->random = seed();
    TAILQ_INIT(&registrar->calls);
    TAILQ_INIT(&registrar->queries);
    registrar->own_url = strdup(config->own_url);
    registrar->publishers = calloc(config->publisher_count + 1, sizeof(*registrar->publishers));
    if (registrar->own_url == NULL || registrar->publishers == NULL ||
        !add_publishers(registrar, config)) {
        gn_registrar_stop(registrar);
        gn_registrar_free(registrar);
        return NULL;
    }
    add_metrics(registrar, metrics);
    return registrar;
}

void gn_registrar_start(struct gn_registrar *registrar)
{
    registrar->is_running = true;
    for (size_t i = 0; i < registrar->publisher_count; i++) {
        gn_health_probe(&registrar->publishers[i]);
        start_renewal(&registrar->publishers[i]);
    }
    gn_registrar_pump_later(registrar);
}

void gn_registrar_stop(struct gn_registrar *registrar)
{
    struct gn_registrar_call *call;

    if (registrar->is_stopped)
        return;
    registrar->is_running = false;
    registrar->is_stopped = true;
    gn_defer_cancel(&registrar->pump);
    for (size_t i = 0; i < registrar->publisher_count; i++) {
        gn_timer_stop(&registrar->publishers[i].probe);
        gn_timer_stop(&registrar->publishers[i].retry);
        gn_timer_stop(&registrar->publishers[i].renew);
    }
    TAILQ_FOREACH (call, &registrar->calls, link)
        gn_http_cancel(call->http);
    gn_queries_stop(registrar);
}

static void resource_free(struct gn_registrar *registrar, struct gn_resource *resource)
{
    HASH_DELETE(hh, registrar->resources, resource);
    free(resource->text);
    free(resource->id);
    free(resource);
}

void gn_registrar_free(struct gn_registrar *registrar)
{
    if (registrar == NULL)
        return;
    GN_ASSERT(registrar->is_stopped && gn_registrar_active(registrar) == 0);
    while (registrar->resources != NULL)
        resource_free(registrar, registrar->resources);
    for (size_t i = 0; i < registrar->publisher_count; i++) {
        gn_timer_fini(&registrar->publishers[i].probe);
        gn_timer_fini(&registrar->publishers[i].retry);
        gn_timer_fini(&registrar->publishers[i].renew);
        free(registrar->publishers[i].url);
    }
    free(registrar->publishers);
    free(registrar->own_url);
    free(registrar);
}

uint32_t gn_registrar_active(const struct gn_registrar *registrar)
{
    return registrar->call_count + registrar->query_count;
}

/* ---- resources ---- */

static struct gn_resource *find_resource(struct gn_registrar *registrar, struct gn_str text)
{
    struct gn_resource *resource;

    HASH_FIND(hh, registrar->resources, text.p, text.len, resource);
    return resource;
}

static struct gn_resource *add_resource(struct gn_registrar *registrar, struct gn_str text,
                                        struct gn_str id)
{
    size_t count = registrar->publisher_count;
    struct gn_resource *resource =
        calloc(1, sizeof(*resource) + count * sizeof(resource->bonds[0]));

    if (resource == NULL)
        return NULL;
    resource->text = gn_str_dup(text);
    resource->id = gn_str_dup(id);
    resource->text_len = text.len;
    if (resource->text == NULL || resource->id == NULL)
        goto out;
    HASH_ADD_KEYPTR(hh, registrar->resources, resource->text, resource->text_len, resource);
    if (resource->hh.tbl == NULL)
        goto out;
    for (size_t i = 0; i < count; i++) {
        resource->bonds[i].publisher = &registrar->publishers[i];
        resource->bonds[i].resource = resource;
        resource->bonds[i].is_due = true;
    }
    return resource;
out:
    free(resource->text);
    free(resource->id);
    free(resource);
    return NULL;
}

void gn_resource_release(struct gn_registrar *registrar, struct gn_resource *resource)
{
    if (resource->wishes > 0)
        return;
    for (size_t i = 0; i < registrar->publisher_count; i++) {
        if (resource->bonds[i].place != GN_BOND_QUIET)
            return;
    }
    resource_free(registrar, resource);
}

static void settle_all(struct gn_registrar *registrar, struct gn_resource *resource)
{
    for (size_t i = 0; i < registrar->publisher_count; i++) {
        if (resource->bonds[i].place != GN_BOND_FLYING)
            gn_bond_settle(&resource->bonds[i]);
    }
    gn_registrar_pump_later(registrar);
}

enum gn_err gn_registrar_want(struct gn_registrar *registrar, struct gn_str text, struct gn_str id)
{
    struct gn_resource *resource;

    if (text.len == 0 || registrar->publisher_count == 0)
        return GN_OK;
    resource = find_resource(registrar, text);
    if (resource == NULL)
        resource = add_resource(registrar, text, id);
    if (resource == NULL)
        return GN_ENOMEM;
    if (resource->wishes++ > 0)
        return GN_OK;
    registrar->wanted++;
    settle_all(registrar, resource);
    return GN_OK;
}

void gn_registrar_unwant(struct gn_registrar *registrar, struct gn_str text)
{
    struct gn_resource *resource = text.len > 0 ? find_resource(registrar, text) : NULL;

    if (resource == NULL || resource->wishes == 0 || --resource->wishes > 0)
        return;
    registrar->wanted--;
    settle_all(registrar, resource);
    gn_resource_release(registrar, resource);
}

/* ---- what is to be seen ---- */

bool gn_registrar_has_publishers(const struct gn_registrar *registrar)
{
    return registrar->publisher_count > 0;
}

const char *gn_registrar_client_id(const struct gn_registrar *registrar)
{
    return registrar->client_id.text;
}

size_t gn_registrar_publisher_count(const struct gn_registrar *registrar)
{
    return registrar->publisher_count;
}

void gn_registrar_publisher_at(const struct gn_registrar *registrar, size_t place,
                               struct gn_registrar_publisher *seen)
{
    const struct gn_publisher *publisher = &registrar->publishers[place];
    const struct gn_resource *resource;

    GN_ASSERT(place < registrar->publisher_count);
    *seen = (struct gn_registrar_publisher){
        .url = publisher->url,
        .is_reachable = publisher->contact == GN_CONTACT_WELL,
        .wanted = registrar->wanted,
        .last_error = publisher->last_error,
    };
    for (resource = registrar->resources; resource != NULL; resource = resource->hh.next) {
        if (resource->wishes > 0 && resource->bonds[place].is_registered)
            seen->registered++;
    }
}
