/* What the settings say of BMCs, as src/bmc takes it. */
#include <jansson.h>
#include <string.h>

#include "gurnard/app/settings.h"
#include "gurnard/base/assert.h"
#include "gurnard/bmc/spec.h"
#include "settings_priv.h"

static bool is_yes(const char *choice)
{
    return strcmp(choice, "yes") == 0;
}

void gn_settings_bmc_defaults(const struct gn_settings *settings, struct gn_bmc_defaults *defaults)
{
    const struct {
        const char *member, *word;
    } words[] = {
        {"tls", settings->bmc_tls},
        {"auth", settings->bmc_auth},
        {"way", settings->bmc_way},
        {"recover", settings->bmc_recover},
        {"retry_policy", settings->bmc_retry_policy},
    };

    *defaults = (struct gn_bmc_defaults){
        .username_file = settings->bmc_username_file,
        .password_file = settings->bmc_password_file,
        .ca_file = settings->bmc_ca_file,
        .headers_file = settings->bmc_headers_file,
        .heartbeat_minutes = (uint32_t)settings->bmc_heartbeat,
        .verify_certificate = is_yes(settings->bmc_verify_certificate),
        .metric_reports = is_yes(settings->bmc_metric_reports),
        .keeps_subscription = is_yes(settings->bmc_keep),
        .proves = is_yes(settings->bmc_prove),
    };
    for (size_t i = 0; i < GN_LEN(words); i++) {
        const enum gn_err err = gn_bmc_defaults_word(defaults, words[i].member, words[i].word);

        GN_ASSERT(err == GN_OK); /* the table's words are those of an entry */
    }
}

struct checking {
    gn_settings_complain_fn complain;
    void *ctx;
    bool was_wrong;
};

static void on_wrong(void *ctx, const char *where, const char *what)
{
    struct checking *checking = ctx;

    checking->was_wrong = true;
    checking->complain(checking->ctx, where, what);
}

enum gn_err gn_settings_check_bmcs(const struct gn_settings *settings,
                                   gn_settings_complain_fn complain, void *ctx)
{
    struct checking checking = {.complain = complain, .ctx = ctx};
    struct gn_bmc_defaults defaults;
    struct gn_bmc_list list = {0};
    json_t *value = json_loads(settings->bmcs, JSON_DECODE_ANY, NULL);
    enum gn_err err = GN_ENOMEM;

    if (value == NULL) /* it is well-formed since it was read */
        return err;
    gn_settings_bmc_defaults(settings, &defaults);
    err = gn_bmc_list_read(&list, value, &defaults, GN_BMC_FROM_SETTINGS,
                           settings->bmc_secrets_folder, "bmcs", on_wrong, &checking);
    gn_bmc_list_settle(&list, on_wrong, &checking);
    gn_bmc_list_free(&list);
    json_decref(value);
    if (err == GN_ENOMEM)
        return err;
    return checking.was_wrong ? GN_EINVAL : GN_OK;
}
