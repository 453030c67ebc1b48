/* A BMC as the Redfish client knows it: where it is, how its certificate is looked at, its queues.
 * What concerns credentials is in client_auth.c. */
#include "client_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/log.h"

static char *dup_or_null(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

static void free_link(struct gn_bmc_link *link)
{
    free(link->name);
    free(link->base);
    free(link->ca_file);
    free(link->session);
    free(link->sessions);
    gn_secret_free(&link->user);
    gn_secret_free(&link->password);
    gn_secret_free(&link->token);
    free(link);
}

void gn_bmc_link_unref(struct gn_bmc_link *link)
{
    GN_ASSERT(link->refs > 0);
    link->refs--;
    if (link->refs == 0)
        free_link(link);
}

/* ---- certificates ---- */

static bool awaits_pin(const struct gn_bmc_link *link)
{
    return link->is_https && link->tls == GN_BMC_TLS_TOFU && !link->has_pin;
}

const struct gn_http_tls *gn_bmc_link_tls(const struct gn_bmc_link *link, struct gn_http_tls *place)
{
    if (!link->is_https)
        return NULL;
    *place = (struct gn_http_tls){.check = GN_HTTP_TLS_SYSTEM, .ca_file = link->ca_file};
    memcpy(place->pin, link->pin, sizeof(place->pin));
    switch (link->tls) {
    case GN_BMC_TLS_VERIFY:
        if (link->ca_file != NULL)
            place->check = GN_HTTP_TLS_CA;
        break;
    case GN_BMC_TLS_PIN:
        place->check = GN_HTTP_TLS_PIN;
        break;
    case GN_BMC_TLS_TOFU:
        place->check = link->has_pin ? GN_HTTP_TLS_PIN : GN_HTTP_TLS_OFF;
        break;
    case GN_BMC_TLS_OFF:
        place->check = GN_HTTP_TLS_OFF;
        break;
    }
    return place;
}

/* Two connections at once could show two certificates. */
uint32_t gn_bmc_link_room(const struct gn_bmc_link *link)
{
    return awaits_pin(link) ? 1 : GN_BMC_LINK_CALLS;
}

/* In a turn of its own: whoever keeps the pin may free the link there. */
static void on_pin_news(void *ctx)
{
    struct gn_bmc_link *link = ctx;

    link->pinned(link->ctx, link->pin);
}

void gn_bmc_link_note(struct gn_bmc_link *link, const struct gn_http_result *result)
{
    if (result->local[0] != '\0')
        (void)snprintf(link->local, sizeof(link->local), "%s", result->local); /* same size */
    if (!awaits_pin(link) || result->err != GN_OK || !result->has_cert)
        return;
    memcpy(link->pin, result->cert_pin, sizeof(link->pin));
    link->has_pin = true;
    gn_log_info("bmc.pinned bmc=%s", link->name);
    if (link->pinned != NULL)
        gn_defer_call(link->client->loop, &link->pin_news, on_pin_news, link);
}

/* ---- public ---- */

struct gn_bmc_link *gn_bmc_link_new(struct gn_bmc_client *client,
                                    const struct gn_bmc_link_config *config,
                                    gn_bmc_pinned_fn pinned, void *ctx)
{
    struct gn_bmc_link *link = calloc(1, sizeof(*link));

    GN_ASSERT(config->tls != GN_BMC_TLS_PIN || config->pin != NULL);
    if (link == NULL)
        return NULL;
    link->name = strdup(config->name);
    link->base = strdup(config->base);
    link->ca_file = dup_or_null(config->ca_file);
    if (link->name == NULL || link->base == NULL ||
        (link->ca_file == NULL && config->ca_file != NULL)) {
        free_link(link);
        return NULL;
    }
    link->client = client;
    link->refs = 1;
    link->is_https = gn_str_has_prefix(gn_str_of(config->base), GN_STR("https:"));
    link->auth = config->auth;
    link->tls = config->tls;
    link->has_pin = config->pin != NULL;
    if (link->has_pin)
        memcpy(link->pin, config->pin, sizeof(link->pin));
    link->pinned = pinned;
    link->ctx = ctx;
    link->lockout_ms = client->config.lockout_ms;
    TAILQ_INIT(&link->queue);
    TAILQ_INIT(&link->ready);
    TAILQ_INIT(&link->away);
    client->links++;
    return link;
}

static void drop_all(struct gn_bmc_calls *calls)
{
    while (!TAILQ_EMPTY(calls))
        gn_bmc_call_drop(TAILQ_FIRST(calls));
}

void gn_bmc_link_free(struct gn_bmc_link *link)
{
    struct gn_bmc_client *client;

    if (link == NULL)
        return;
    client = link->client;
    drop_all(&link->queue);
    drop_all(&link->ready);
    drop_all(&link->away);
    gn_defer_cancel(&link->pin_news);
    gn_defer_cancel(&link->logout_news);
    if (link->is_listed)
        TAILQ_REMOVE(&client->busy, link, entry);
    link->is_listed = false;
    link->is_closing = true;
    link->login = NULL;
    gn_secret_free(&link->user);
    gn_secret_free(&link->password);
    gn_secret_free(&link->token);
    client->links--;
    gn_bmc_link_unref(link);
}

bool gn_bmc_link_is_locked(const struct gn_bmc_link *link)
{
    return gn_bmc_link_locked_ms(link) > 0;
}

uint64_t gn_bmc_link_locked_ms(const struct gn_bmc_link *link)
{
    uint64_t now_ms = gn_loop_now_ms(link->client->loop);

    return link->locked_until_ms > now_ms ? link->locked_until_ms - now_ms : 0;
}

const char *gn_bmc_link_local(const struct gn_bmc_link *link)
{
    return link->local;
}
