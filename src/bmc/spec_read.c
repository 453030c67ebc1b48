/* One BMC's entry from JSON. What is wrong is said in words that hold nothing of what might be a
 * secret: names of members, never their values. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/url.h"
#include "gurnard/bmc/spec.h"
#include "spec_priv.h"

#define HEARTBEAT_MAX 65535 /* minutes, as HeartbeatIntervalMinutes has it */

struct reading {
    const json_t *entry;
    const struct gn_bmc_defaults *defaults;
    struct gn_bmc_spec *spec;
    struct gn_buf *why;
};

static enum gn_err refuse(struct reading *reading, const char *member, const char *what)
{
    gn_buf_printf(reading->why, "%s: %s", member, what);
    return GN_EINVAL;
}

static const json_t *member_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_null(value) ? NULL : value;
}

static bool has(const struct reading *reading, const char *name)
{
    return member_of(reading->entry, name) != NULL;
}

/* ---- texts ---- */

static const char *text_fault(const json_t *value, size_t max_bytes)
{
    const char *text = json_string_value(value);

    if (text == NULL)
        return json_is_number(value) ? "must be a text; put it in quotes" : "must be a text";
    if (json_string_length(value) > max_bytes)
        return "is too long";
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return "holds a control character";
    return NULL;
}

static enum gn_err keep_text(char **field, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        return GN_ENOMEM;
    free(*field);
    *field = copy;
    return GN_OK;
}

/* Sets *field to the text value, when there is one that is not empty. */
static enum gn_err read_text(struct reading *reading, const json_t *value,
                             const struct spec_text *row)
{
    const char *fault;

    if (value == NULL)
        return GN_OK;
    fault = text_fault(value, row->max_bytes);
    if (fault != NULL)
        return refuse(reading, row->name, fault);
    if (json_string_length(value) == 0)
        return GN_OK;
    return keep_text(gn_spec_text_at(reading->spec, row), json_string_value(value));
}

static enum gn_err read_list(struct reading *reading, const struct spec_text *row)
{
    const json_t *value = member_of(reading->entry, row->name);
    struct gn_bmc_texts *texts = gn_spec_list_at(reading->spec, row);
    const size_t count = json_array_size(value);

    if (value == NULL)
        return GN_OK;
    if (!json_is_array(value))
        return refuse(reading, row->name, "must be a list of texts");
    if (count > GN_DESTINATION_FILTERS_MAX)
        return refuse(reading, row->name, "has too many texts");
    if (count == 0)
        return GN_OK;
    texts->items = calloc(count, sizeof *texts->items);
    if (texts->items == NULL)
        return GN_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);

        if (text_fault(item, row->max_bytes) != NULL || json_string_length(item) == 0)
            return refuse(reading, row->name, "must be a list of texts");
        texts->items[i] = strdup(json_string_value(item));
        if (texts->items[i] == NULL)
            return GN_ENOMEM;
        texts->count = i + 1;
    }
    return GN_OK;
}

static enum gn_err read_texts(struct reading *reading)
{
    enum gn_err err = GN_OK;

    for (size_t i = 0; i < SPEC_TEXTS && err == GN_OK; i++)
        if (strcmp(gn_spec_texts[i].name, "ca_file") != 0)
            err = read_text(reading, member_of(reading->entry, gn_spec_texts[i].name),
                            &gn_spec_texts[i]);
    for (size_t i = 0; i < SPEC_LISTS && err == GN_OK; i++)
        err = read_list(reading, &gn_spec_lists[i]);
    return err;
}

/* ---- words, booleans, numbers ---- */

/* YAML 1.1 turns no and off into false. */
static struct gn_str word_text(const json_t *value, const struct spec_words *words)
{
    unsigned ignored;

    if (json_is_string(value))
        return (struct gn_str){json_string_value(value), json_string_length(value)};
    if (!json_is_false(value))
        return GN_STR_NONE;
    return gn_spec_word_find(words, GN_STR("no"), &ignored) ? GN_STR("no") : GN_STR("off");
}

static enum gn_err refuse_word(struct reading *reading, const struct spec_word *row)
{
    gn_buf_printf(reading->why, "%s: must be ", row->name);
    for (size_t i = 0; i < row->words->count; i++) {
        if (row->words == &gn_spec_tls_words && i == GN_BMC_TLS_PIN)
            continue;
        gn_buf_printf(reading->why, "%s, ", row->words->items[i]);
    }
    gn_buf_truncate(reading->why, reading->why->len - 2);
    if (row->words == &gn_spec_tls_words)
        gn_buf_puts(reading->why, " or hold ca_file or sha256");
    return GN_EINVAL;
}

static enum gn_err read_word(struct reading *reading, const struct spec_word *row)
{
    const json_t *value = member_of(reading->entry, row->name);
    unsigned number;

    memcpy(&number, (const char *)reading->defaults + row->default_offset, sizeof number);
    if (value != NULL && (!gn_spec_word_find(row->words, word_text(value, row->words), &number) ||
                          (row->words == &gn_spec_tls_words && number == GN_BMC_TLS_PIN)))
        return refuse_word(reading, row);
    memcpy((char *)reading->spec + row->offset, &number, sizeof number);
    return GN_OK;
}

/* A boolean or the text yes or no. false: none of them. */
static bool read_bool(const json_t *value, bool *is_true)
{
    const struct gn_str text = gn_str_of(json_string_value(value));
    const bool is_yes = json_is_true(value) || gn_str_eq_nocase(text, GN_STR("yes"));

    *is_true = is_yes;
    return is_yes || json_is_false(value) || gn_str_eq_nocase(text, GN_STR("no"));
}

static enum gn_err read_flag(struct reading *reading, const struct spec_flag *row)
{
    const json_t *value = member_of(reading->entry, row->name);
    bool is_true;

    memcpy(&is_true, (const char *)reading->defaults + row->default_offset, sizeof is_true);
    if (value != NULL && !read_bool(value, &is_true))
        return refuse(reading, row->name, "must be true or false");
    memcpy((char *)reading->spec + row->offset, &is_true, sizeof is_true);
    return GN_OK;
}

static enum gn_err read_heartbeat(struct reading *reading)
{
    const json_t *value = member_of(reading->entry, "heartbeat");

    reading->spec->heartbeat_minutes = reading->defaults->heartbeat_minutes;
    if (value == NULL)
        return GN_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > HEARTBEAT_MAX)
        return refuse(reading, "heartbeat", "must be minutes, from 0 to 65535");
    reading->spec->heartbeat_minutes = (uint32_t)json_integer_value(value);
    return GN_OK;
}

/* ---- TLS ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool gn_spec_pin_read(const char *text, uint8_t pin[32])
{
    const bool has_colons = text[0] != '\0' && text[1] != '\0' && text[2] == ':';

    for (size_t i = 0; i < 32; i++) {
        const int high = hex_digit(text[0]);
        const int low = high < 0 ? -1 : hex_digit(text[1]);

        if (low < 0)
            return false;
        pin[i] = (uint8_t)(16 * high + low);
        text += 2;
        if (has_colons && i < 31 && *text++ != ':')
            return false;
    }
    return *text == '\0';
}

static const struct spec_text *ca_row(void)
{
    for (size_t i = 0; i < SPEC_TEXTS; i++)
        if (strcmp(gn_spec_texts[i].name, "ca_file") == 0)
            return &gn_spec_texts[i];
    return NULL;
}

static enum gn_err read_tls_object(struct reading *reading, const json_t *tls)
{
    const json_t *pin = member_of(tls, "sha256");
    const json_t *ca = member_of(tls, "ca_file");

    if (json_object_size(tls) != 1 || (pin == NULL && ca == NULL))
        return refuse_word(reading, &gn_spec_words[0]);
    if (ca != NULL) {
        reading->spec->tls = GN_BMC_TLS_VERIFY;
        return read_text(reading, ca, ca_row());
    }
    reading->spec->tls = GN_BMC_TLS_PIN;
    if (!json_is_string(pin) || !gn_spec_pin_read(json_string_value(pin), reading->spec->pin))
        return refuse(reading, "tls", "sha256 must be 32 bytes in hexadecimal");
    return GN_OK;
}

static enum gn_err read_tls(struct reading *reading)
{
    const json_t *disable = member_of(reading->entry, "disableCertificateVerification");
    const json_t *tls = member_of(reading->entry, "tls");
    bool is_off = false;
    enum gn_err err;

    if (disable != NULL && !read_bool(disable, &is_off))
        return refuse(reading, "disableCertificateVerification", "must be true or false");
    if (disable != NULL && tls != NULL)
        return refuse(reading, "tls", "is given twice, with disableCertificateVerification");
    err =
        json_is_object(tls) ? read_tls_object(reading, tls) : read_word(reading, &gn_spec_words[0]);
    if (is_off)
        reading->spec->tls = GN_BMC_TLS_OFF;
    return err;
}

/* ---- what belongs together ---- */

bool gn_spec_is_name(struct gn_str text)
{
    if (text.len == 0 || text.len > GN_BMC_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.p[i]) && strchr("._-:", text.p[i]) == NULL)
            return false;
    return !gn_str_eq(text, GN_STR(".")) && !gn_str_eq(text, GN_STR(".."));
}

static enum gn_err check_name_and_address(struct reading *reading)
{
    struct gn_bmc_spec *spec = reading->spec;
    const char *reason;
    enum gn_err err;

    if (spec->name == NULL)
        return refuse(reading, "name", "is missing");
    if (!gn_spec_is_name(gn_str_of(spec->name)))
        return refuse(reading, "name", "must consist of letters, digits and . _ - :");
    if (spec->address_text == NULL)
        return refuse(reading, "address", "is missing");
    err = gn_bmc_address_parse(gn_str_of(spec->address_text), &spec->address, &reason);
    return err == GN_OK || err == GN_ENOMEM ? err : refuse(reading, "address", reason);
}

static enum gn_err check_webhook(struct reading *reading)
{
    struct gn_url url;

    if (reading->spec->webhook_url == NULL)
        return GN_OK;
    if (gn_url_parse(gn_str_of(reading->spec->webhook_url), &url) != GN_OK ||
        !gn_url_is_web(&url) || url.query.p != NULL)
        return refuse(reading, "webhook_url", "must be of the form http(s)://host[:port][/path]");
    return GN_OK;
}

/* The folder of a mounted Secret has its two files. Files that are named themselves weigh more. */
static enum gn_err read_folder(struct reading *reading)
{
    const json_t *value = member_of(reading->entry, "credentials");
    const char *fault = value != NULL ? text_fault(value, GN_BMC_PATH_MAX - 16) : NULL;
    char path[GN_BMC_PATH_MAX + 1];
    enum gn_err err = GN_OK;

    if (fault != NULL)
        return refuse(reading, "credentials", fault);
    if (value == NULL || json_string_length(value) == 0)
        return GN_OK;
    if (reading->spec->username == NULL && reading->spec->username_file == NULL) {
        (void)snprintf(path, sizeof path, "%s/username", json_string_value(value));
        err = keep_text(&reading->spec->username_file, path);
    }
    if (err == GN_OK && reading->spec->password_file == NULL) {
        (void)snprintf(path, sizeof path, "%s/password", json_string_value(value));
        err = keep_text(&reading->spec->password_file, path);
    }
    return err;
}

static enum gn_err fill(char **field, const char *fallback)
{
    if (*field != NULL || fallback == NULL || fallback[0] == '\0')
        return GN_OK;
    return keep_text(field, fallback);
}

static enum gn_err fill_texts(struct reading *reading)
{
    const struct gn_bmc_defaults *defaults = reading->defaults;
    struct gn_bmc_spec *spec = reading->spec;
    enum gn_err err = GN_OK;

    if (spec->username == NULL)
        err = fill(&spec->username_file, defaults->username_file);
    if (err == GN_OK)
        err = fill(&spec->password_file, defaults->password_file);
    if (err == GN_OK && spec->tls == GN_BMC_TLS_VERIFY)
        err = fill(&spec->ca_file, defaults->ca_file);
    if (err == GN_OK)
        err = fill(&spec->headers_file, defaults->headers_file);
    return err;
}

/* ---- the entry ---- */

static bool is_member(const char *name)
{
    static const char *const more[] = {"tls", "credentials", "heartbeat",
                                       "disableCertificateVerification"};

    for (size_t i = 0; i < SPEC_TEXTS; i++)
        if (strcmp(name, gn_spec_texts[i].name) == 0)
            return strcmp(name, "ca_file") != 0;
    for (size_t i = 0; i < SPEC_LISTS; i++)
        if (strcmp(name, gn_spec_lists[i].name) == 0)
            return true;
    for (size_t i = 0; i < SPEC_WORDS; i++)
        if (strcmp(name, gn_spec_words[i].name) == 0)
            return true;
    for (size_t i = 0; i < SPEC_FLAGS; i++)
        if (strcmp(name, gn_spec_flags[i].name) == 0)
            return true;
    for (size_t i = 0; i < GN_LEN(more); i++)
        if (strcmp(name, more[i]) == 0)
            return true;
    return false;
}

static enum gn_err check_members(struct reading *reading)
{
    json_t *entry = (json_t *)(uintptr_t)reading->entry; /* jansson's iteration changes nothing */

    if (!json_is_object(entry)) {
        gn_buf_puts(reading->why, "an entry must have members: name, address, ...");
        return GN_EINVAL;
    }
    if (has(reading, "password"))
        return refuse(reading, "password",
                      "secrets are kept in files: see password_file and credentials");
    for (void *at = json_object_iter(entry); at != NULL; at = json_object_iter_next(entry, at)) {
        const char *name = json_object_iter_key(at);

        if (is_member(name))
            continue;
        gn_buf_puts(reading->why, "unknown member");
        if (gn_spec_is_name(gn_str_of(name))) /* else it could be anything */
            gn_buf_printf(reading->why, " %s", name);
        return GN_EINVAL;
    }
    return GN_OK;
}

static enum gn_err read_all(struct reading *reading)
{
    enum gn_err err = check_members(reading);

    if (err == GN_OK)
        err = read_texts(reading);
    if (err == GN_OK)
        err = check_name_and_address(reading);
    if (err == GN_OK)
        err = check_webhook(reading);
    if (err == GN_OK)
        err = read_folder(reading);
    if (err == GN_OK)
        err = read_tls(reading);
    for (size_t i = 1; i < SPEC_WORDS && err == GN_OK; i++)
        err = read_word(reading, &gn_spec_words[i]);
    for (size_t i = 0; i < SPEC_FLAGS && err == GN_OK; i++)
        err = read_flag(reading, &gn_spec_flags[i]);
    if (err == GN_OK)
        err = read_heartbeat(reading);
    return err == GN_OK ? fill_texts(reading) : err;
}

enum gn_err gn_bmc_spec_read(const json_t *entry, const struct gn_bmc_defaults *defaults,
                             enum gn_bmc_origin origin, struct gn_bmc_spec *spec,
                             struct gn_buf *why)
{
    struct reading reading = {.entry = entry, .defaults = defaults, .spec = spec, .why = why};
    enum gn_err err;

    *spec = (struct gn_bmc_spec){.origin = origin};
    gn_buf_reset(why);
    err = read_all(&reading);
    if (err != GN_OK)
        gn_bmc_spec_free(spec);
    return err;
}
