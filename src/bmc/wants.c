/* What is wanted of a BMC: its secrets, Destinations and Contexts, and what its subscriptions shall
 * be. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/log.h"

/* ---- secrets ---- */

void gn_bmc_free_headers(struct gn_bmc *bmc)
{
    for (size_t i = 0; i < bmc->header_count; i++) {
        free(bmc->header_names[i]);
        gn_secret_free(&bmc->header_values[i]);
    }
    free(bmc->header_names);
    free(bmc->header_values);
    bmc->header_names = NULL;
    bmc->header_values = NULL;
    bmc->header_count = 0;
}

static enum gn_err set_headers(struct gn_bmc *bmc, const struct gn_bmcs_secret *secret)
{
    struct gn_str parts[2 * GN_DESTINATION_HEADERS_MAX];
    size_t count = secret->header_count < GN_DESTINATION_HEADERS_MAX ? secret->header_count
                                                                     : GN_DESTINATION_HEADERS_MAX;

    gn_bmc_free_headers(bmc);
    for (size_t i = 0; i < count; i++) {
        parts[2 * i] = gn_str_of(secret->header_names[i]);
        parts[2 * i + 1] = gn_str_of(secret->header_values[i]);
    }
    gn_memory_sign(bmc->fleet->memory, "headers", parts, 2 * count, bmc->header_sign);
    if (count == 0)
        return GN_OK;
    bmc->header_names = calloc(count, sizeof *bmc->header_names);
    bmc->header_values = calloc(count, sizeof *bmc->header_values);
    for (size_t i = 0; i < count && bmc->header_names != NULL && bmc->header_values != NULL; i++) {
        bmc->header_count = i + 1;
        bmc->header_names[i] = gn_str_dup(parts[2 * i]);
        if (bmc->header_names[i] == NULL ||
            !gn_secret_set(&bmc->header_values[i], parts[2 * i + 1]))
            break;
        if (i + 1 == count)
            return GN_OK;
    }
    gn_bmc_free_headers(bmc);
    return GN_ENOMEM;
}

enum gn_err gn_bmc_set_secret(struct gn_bmc *bmc, const struct gn_bmcs_secret *secret)
{
    char before[sizeof bmc->header_sign];
    enum gn_err err;

    memcpy(before, bmc->header_sign, sizeof before);
    free(bmc->problem);
    bmc->problem = NULL;
    if (secret->problem != NULL) {
        bmc->problem = gn_str_dup(gn_str_of(secret->problem));
        if (bmc->problem == NULL)
            return GN_ENOMEM;
    }
    err = set_headers(bmc, secret);
    if (err == GN_OK && bmc->problem == NULL)
        err = gn_bmc_link_credentials(bmc->link, secret->user, secret->password);
    if (err == GN_OK && strcmp(before, bmc->header_sign) != 0)
        gn_bmc_changed(bmc, "headers changed");
    return err;
}

/* ---- what is wanted ---- */

unsigned gn_bmc_want_count(const struct gn_bmc *bmc)
{
    if (bmc->spec.way == GN_BMC_WAY_NONE || bmc->spec.way == GN_BMC_WAY_SSE)
        return 0;
    return bmc->spec.metric_reports && bmc->service.has_metric_reports ? 2 : 1;
}

static struct gn_destination_filter filter_of(const struct gn_bmc_texts *texts)
{
    return (struct gn_destination_filter){(const char *const *)texts->items, texts->count};
}

void gn_bmc_want(const struct gn_bmc *bmc, unsigned index, struct gn_destination_want *want,
                 const char **names, const char **values)
{
    const struct gn_bmc_spec *spec = &bmc->spec;

    for (size_t i = 0; i < bmc->header_count; i++) {
        names[i] = bmc->header_names[i];
        values[i] = gn_secret_str(&bmc->header_values[i]).p;
        if (values[i] == NULL)
            values[i] = "";
    }
    *want = (struct gn_destination_want){.url = bmc->url[index],
                                         .context = bmc->context[index],
                                         .header_names = names,
                                         .header_values = values,
                                         .header_count = bmc->header_count,
                                         .policy = spec->policy,
                                         .verify_certificate = spec->verify_certificate,
                                         .metric_reports = index == 1};
    if (index == 1)
        return; /* filters and heartbeats are for events */
    want->prefixes = filter_of(&spec->registries);
    want->message_ids = filter_of(&spec->messages);
    want->severities = filter_of(&spec->severities);
    want->resource_types = filter_of(&spec->resource_types);
    want->heartbeat_minutes = spec->heartbeat_minutes;
}

/* A text that changes with everything that is asked for. */
static void sign_want(const struct gn_bmc *bmc, unsigned index, char out[33])
{
    const struct gn_bmc_spec *spec = &bmc->spec;
    const struct gn_bmc_texts *lists[] = {&spec->registries, &spec->messages, &spec->severities,
                                          &spec->resource_types};
    struct gn_str parts[4 + GN_LEN(lists) * (GN_DESTINATION_FILTERS_MAX + 1)];
    char numbers[64];
    size_t count = 0;

    (void)snprintf(numbers, sizeof numbers, "%d %u %d", (int)spec->policy, spec->heartbeat_minutes,
                   spec->verify_certificate);
    parts[count++] = gn_str_of(bmc->url[index]);
    parts[count++] = gn_str_of(numbers);
    parts[count++] = gn_str_of(bmc->header_sign);
    for (size_t i = 0; i < GN_LEN(lists) && index == 0; i++) {
        for (size_t k = 0; k < lists[i]->count && k < GN_DESTINATION_FILTERS_MAX; k++)
            parts[count++] = gn_str_of(lists[i]->items[k]);
        parts[count++] = GN_STR("|");
    }
    gn_memory_sign(bmc->fleet->memory, "want", parts, count, out);
}

/* The base of Destinations for this BMC. false: not known yet. */
static bool base_url(const struct gn_bmc *bmc, char *out, size_t size)
{
    const char *given = bmc->spec.webhook_url != NULL && bmc->spec.webhook_url[0] != '\0'
                            ? bmc->spec.webhook_url
                            : bmc->fleet->config.webhook_url;
    const char *local = gn_bmc_link_local(bmc->link);
    size_t len = strlen(given);

    while (len > 0 && given[len - 1] == '/')
        len--;
    if (len > 0)
        return (size_t)snprintf(out, size, "%.*s", (int)len, given) < size;
    if (local[0] == '\0')
        return false;
    return (size_t)snprintf(out, size,
                            strchr(local, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u", local,
                            bmc->fleet->config.webhook_port) < size;
}

bool gn_bmc_make_wants(struct gn_bmc *bmc)
{
    static const char *const tails[BMC_WANTS] = {"", "?metrics"};
    static const char *const marks[BMC_WANTS] = {"", "+m"};
    char base[512];
    char name[GN_BMC_NAME_MAX + 1];
    char sign[33];

    if (!base_url(bmc, base, sizeof base))
        return false;
    gn_bmc_copy(name, sizeof name, bmc->spec.name);
    for (char *c = name; *c != '\0'; c++)
        if (*c == ':')
            *c = '='; /* else the prefix of host would be that of host:443, too */
    for (unsigned i = 0; i < BMC_WANTS; i++) {
        (void)snprintf(bmc->url[i], sizeof bmc->url[i], "%s/webhook/%s/%s%s", base, bmc->spec.name,
                       bmc->token, tails[i]);
        sign_want(bmc, i, sign);
        (void)snprintf(bmc->context_prefix[i], sizeof bmc->context_prefix[i],
                       "gurnard:%s:%s%s:", gn_memory_fleet_id(bmc->fleet->memory), name, marks[i]);
        (void)snprintf(bmc->context[i], sizeof bmc->context[i], "gurnard:%s:%s%s:%.16s",
                       gn_memory_fleet_id(bmc->fleet->memory), name, marks[i], sign);
    }
    return true;
}
