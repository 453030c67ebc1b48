/* One BMC's entry once it is read: what it consists of, comparing, writing. */
#include "gurnard/bmc/spec.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "spec_priv.h"

#define PIN_TEXT (2 * 32 + 1) /* of a pin in hexadecimal, with NUL */

static const char *const tls_words[] = {
    [GN_BMC_TLS_VERIFY] = "verify",
    [GN_BMC_TLS_PIN] = "pin",
    [GN_BMC_TLS_TOFU] = "tofu",
    [GN_BMC_TLS_OFF] = "off",
};
static const char *const auth_words[] = {
    [GN_BMC_AUTH_AUTO] = "auto",
    [GN_BMC_AUTH_BASIC] = "basic",
    [GN_BMC_AUTH_SESSION] = "session",
    [GN_BMC_AUTH_NONE] = "none",
};
static const char *const way_words[] = {
    [GN_BMC_WAY_AUTO] = "auto",
    [GN_BMC_WAY_PUSH] = "push",
    [GN_BMC_WAY_SSE] = "sse",
    [GN_BMC_WAY_NONE] = "none",
};
static const char *const recover_words[] = {
    [GN_BMC_RECOVER_OUTAGE] = "outage",
    [GN_BMC_RECOVER_ALWAYS] = "always",
    [GN_BMC_RECOVER_NO] = "no",
};
static const char *const policy_words[] = {
    [GN_POLICY_NONE] = "default",    [GN_POLICY_TERMINATE] = "terminate",
    [GN_POLICY_SUSPEND] = "suspend", [GN_POLICY_RETRY_FOREVER] = "forever",
    [GN_POLICY_BACKOFF] = "backoff",
};
static const char *const origin_names[] = {
    [GN_BMC_FROM_ENVIRONMENT] = "environment",
    [GN_BMC_FROM_FOLDER] = "folder",
    [GN_BMC_FROM_SETTINGS] = "settings",
    [GN_BMC_FROM_API] = "api",
};

const struct spec_words gn_spec_tls_words = {tls_words, GN_LEN(tls_words)};
const struct spec_words gn_spec_auth_words = {auth_words, GN_LEN(auth_words)};
const struct spec_words gn_spec_way_words = {way_words, GN_LEN(way_words)};
const struct spec_words gn_spec_recover_words = {recover_words, GN_LEN(recover_words)};
const struct spec_words gn_spec_policy_words = {policy_words, GN_LEN(policy_words)};

#define AT(field)         offsetof(struct gn_bmc_spec, field)
#define DEFAULT_AT(field) offsetof(struct gn_bmc_defaults, field)

const struct spec_text gn_spec_texts[SPEC_TEXTS] = {
    {"name", AT(name), GN_BMC_NAME_MAX},
    {"address", AT(address_text), GN_DESTINATION_URL_MAX},
    {"username", AT(username), 256},
    {"username_file", AT(username_file), GN_BMC_PATH_MAX},
    {"password_file", AT(password_file), GN_BMC_PATH_MAX},
    {"ca_file", AT(ca_file), GN_BMC_PATH_MAX},
    {"webhook_url", AT(webhook_url), GN_DESTINATION_URL_MAX},
    {"headers_file", AT(headers_file), GN_BMC_PATH_MAX},
};

const struct spec_text gn_spec_lists[SPEC_LISTS] = {
    {"registries", AT(registries), 256}, {"messages", AT(messages), 256},
    {"severities", AT(severities), 256}, {"resource_types", AT(resource_types), 256},
    {"logs", AT(logs), GN_BMC_PATH_MAX},
};

const struct spec_word gn_spec_words[SPEC_WORDS] = {
    {"tls", &gn_spec_tls_words, AT(tls), DEFAULT_AT(tls)},
    {"auth", &gn_spec_auth_words, AT(auth), DEFAULT_AT(auth)},
    {"way", &gn_spec_way_words, AT(way), DEFAULT_AT(way)},
    {"recover", &gn_spec_recover_words, AT(recover), DEFAULT_AT(recover)},
    {"retry_policy", &gn_spec_policy_words, AT(policy), DEFAULT_AT(policy)},
};

const struct spec_flag gn_spec_flags[SPEC_FLAGS] = {
    {"verify_certificate", AT(verify_certificate), DEFAULT_AT(verify_certificate)},
    {"metric_reports", AT(metric_reports), DEFAULT_AT(metric_reports)},
    {"keep", AT(keeps_subscription), DEFAULT_AT(keeps_subscription)},
    {"prove", AT(proves), DEFAULT_AT(proves)},
};

static const char *word_name(const struct spec_words *words, unsigned value)
{
    return value < words->count ? words->items[value] : NULL;
}

const char *gn_bmc_tls_name(enum gn_bmc_tls tls)
{
    return word_name(&gn_spec_tls_words, tls);
}

const char *gn_bmc_way_name(enum gn_bmc_way way)
{
    return word_name(&gn_spec_way_words, way);
}

const char *gn_bmc_origin_name(enum gn_bmc_origin origin)
{
    return (size_t)origin < GN_LEN(origin_names) ? origin_names[origin] : NULL;
}

bool gn_spec_word_find(const struct spec_words *words, struct gn_str text, unsigned *value)
{
    for (size_t i = 0; i < words->count; i++) {
        if (!gn_str_eq_nocase(text, gn_str_of(words->items[i])))
            continue;
        *value = (unsigned)i;
        return true;
    }
    return false;
}

enum gn_err gn_bmc_defaults_word(struct gn_bmc_defaults *defaults, const char *member,
                                 const char *word)
{
    for (size_t i = 0; i < SPEC_WORDS; i++) {
        const struct spec_word *row = &gn_spec_words[i];
        unsigned value;

        if (strcmp(row->name, member) != 0)
            continue;
        if (!gn_spec_word_find(row->words, gn_str_of(word), &value) ||
            (row->words == &gn_spec_tls_words && value == GN_BMC_TLS_PIN))
            return GN_EINVAL;
        memcpy((char *)defaults + row->default_offset, &value, sizeof value);
        return GN_OK;
    }
    return GN_EINVAL;
}

/* ---- freeing, comparing ---- */

static void free_texts(struct gn_bmc_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct gn_bmc_texts){0};
}

void gn_bmc_spec_free(struct gn_bmc_spec *spec)
{
    for (size_t i = 0; i < SPEC_TEXTS; i++)
        free(*gn_spec_text_at(spec, &gn_spec_texts[i]));
    for (size_t i = 0; i < SPEC_LISTS; i++)
        free_texts(gn_spec_list_at(spec, &gn_spec_lists[i]));
    *spec = (struct gn_bmc_spec){0};
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_list(const struct gn_bmc_texts *a, const struct gn_bmc_texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

/* Everything that owns no memory. The address follows from its text. */
static bool is_same_plain(const struct gn_bmc_spec *a, const struct gn_bmc_spec *b)
{
    return a->tls == b->tls && memcmp(a->pin, b->pin, sizeof a->pin) == 0 && a->auth == b->auth &&
           a->way == b->way && a->recover == b->recover && a->policy == b->policy &&
           a->heartbeat_minutes == b->heartbeat_minutes &&
           a->verify_certificate == b->verify_certificate &&
           a->metric_reports == b->metric_reports &&
           a->keeps_subscription == b->keeps_subscription && a->proves == b->proves;
}

bool gn_bmc_spec_eq(const struct gn_bmc_spec *a, const struct gn_bmc_spec *b)
{
    if (!is_same_plain(a, b))
        return false;
    for (size_t i = 0; i < SPEC_TEXTS; i++)
        if (!is_same_text(*gn_spec_text_at(a, &gn_spec_texts[i]),
                          *gn_spec_text_at(b, &gn_spec_texts[i])))
            return false;
    for (size_t i = 0; i < SPEC_LISTS; i++)
        if (!is_same_list(gn_spec_list_at(a, &gn_spec_lists[i]),
                          gn_spec_list_at(b, &gn_spec_lists[i])))
            return false;
    return true;
}

/* ---- writing ---- */

/* json_object_set_new() takes NULL as failure and frees value otherwise. */
static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static bool put_list(json_t *object, const struct spec_text *row, const struct gn_bmc_texts *texts)
{
    json_t *list;

    if (texts->count == 0)
        return true;
    list = json_array();
    for (size_t i = 0; i < texts->count; i++) {
        if (json_array_append_new(list, json_string(texts->items[i])) == 0)
            continue;
        json_decref(list);
        return false;
    }
    return put(object, row->name, list);
}

static bool put_tls(json_t *object, const struct gn_bmc_spec *spec)
{
    char text[PIN_TEXT] = "";

    if (spec->tls == GN_BMC_TLS_VERIFY && spec->ca_file != NULL)
        return put(object, "tls", json_pack("{s:s}", "ca_file", spec->ca_file));
    if (spec->tls != GN_BMC_TLS_PIN)
        return put(object, "tls", json_string(gn_bmc_tls_name(spec->tls)));
    for (size_t i = 0; i < sizeof spec->pin; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", spec->pin[i]);
    return put(object, "tls", json_pack("{s:s}", "sha256", text));
}

static bool put_words(json_t *object, const struct gn_bmc_spec *spec)
{
    for (size_t i = 1; i < SPEC_WORDS; i++) {
        const struct spec_word *row = &gn_spec_words[i];
        unsigned value;

        memcpy(&value, (const char *)spec + row->offset, sizeof value);
        if (!put(object, row->name, json_string(word_name(row->words, value))))
            return false;
    }
    for (size_t i = 0; i < SPEC_FLAGS; i++) {
        bool value;

        memcpy(&value, (const char *)spec + gn_spec_flags[i].offset, sizeof value);
        if (!put(object, gn_spec_flags[i].name, json_boolean(value)))
            return false;
    }
    return put(object, "heartbeat", json_integer(spec->heartbeat_minutes));
}

static bool put_all(json_t *object, const struct gn_bmc_spec *spec)
{
    for (size_t i = 0; i < SPEC_TEXTS; i++) {
        const struct spec_text *row = &gn_spec_texts[i];
        const char *text = *gn_spec_text_at(spec, row);

        if (text != NULL && row->offset != AT(ca_file) &&
            !put(object, row->name, json_string(text)))
            return false;
    }
    for (size_t i = 0; i < SPEC_LISTS; i++)
        if (!put_list(object, &gn_spec_lists[i], gn_spec_list_at(spec, &gn_spec_lists[i])))
            return false;
    return put_tls(object, spec) && put_words(object, spec);
}

json_t *gn_bmc_spec_write(const struct gn_bmc_spec *spec)
{
    json_t *object = json_object();

    if (object != NULL && !put_all(object, spec)) {
        json_decref(object);
        return NULL;
    }
    return object;
}
