/* The files of each BMC: user, password, headers. What was read is wiped wherever it stood. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bmc_inventory_priv.h"
#include "gurnard/base/file.h"

#define PROBLEM_MAX (GN_BMC_PATH_MAX + 128)

static void wipe(struct gn_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->cap);
    gn_buf_free(buf);
}

/* Keeps the first problem only: the others may follow from it. */
static enum gn_err note(struct gn_bmc_credentials *credentials, const char *member,
                        const char *path, const char *what)
{
    char text[PROBLEM_MAX];

    if (credentials->problem != NULL)
        return GN_OK;
    (void)snprintf(text, sizeof text, "%s%s%s: %s", member, path[0] != '\0' ? " " : "", path, what);
    credentials->problem = strdup(text);
    return credentials->problem != NULL ? GN_OK : GN_ENOMEM;
}

static const char *file_reason(enum gn_err err)
{
    if (err == GN_ENOTFOUND)
        return "no such file";
    return err == GN_ELIMIT ? "too long" : "cannot be read";
}

/* ---- user and password ---- */

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static const char *fault_of(struct gn_str text)
{
    if (text.len == 0)
        return "is empty";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F)
            return "holds a control character";
    return NULL;
}

static enum gn_err keep(struct gn_secret *secret, struct gn_str text)
{
    return gn_secret_set(secret, text) ? GN_OK : GN_ENOMEM;
}

/* Reads the file into secret, without the line ends behind it. */
static enum gn_err read_secret(struct gn_bmc_credentials *credentials, const char *member,
                               const char *path, struct gn_secret *secret)
{
    struct gn_buf file = GN_BUF_INIT;
    const char *fault;
    struct gn_str text;
    enum gn_err err = gn_file_read(path, GN_BMC_CREDENTIAL_MAX, &file);

    if (err == GN_ENOMEM)
        goto out;
    text = gn_buf_str(&file);
    while (text.len > 0 && is_line_end(text.p[text.len - 1]))
        text.len--;
    fault = err != GN_OK ? file_reason(err) : fault_of(text);
    err = fault != NULL ? note(credentials, member, path, fault) : keep(secret, text);
out:
    wipe(&file);
    return err;
}

static enum gn_err read_user(const struct gn_bmc_spec *spec, struct gn_bmc_credentials *credentials)
{
    if (spec->username != NULL)
        return keep(&credentials->user, gn_str_of(spec->username));
    if (spec->username_file != NULL)
        return read_secret(credentials, "username_file", spec->username_file, &credentials->user);
    return GN_OK;
}

static enum gn_err read_password(const struct gn_settings *settings, const struct gn_bmc_spec *spec,
                                 struct gn_bmc_credentials *credentials)
{
    if (spec->origin == GN_BMC_FROM_ENVIRONMENT && settings->bmc_legacy_password[0] != '\0')
        return keep(&credentials->password, gn_str_of(settings->bmc_legacy_password));
    if (spec->password_file != NULL)
        return read_secret(credentials, "password_file", spec->password_file,
                           &credentials->password);
    return GN_OK;
}

/* Half a login is none. */
static enum gn_err check_pair(struct gn_bmc_credentials *credentials)
{
    const bool has_user = credentials->user.len > 0;
    const bool has_password = credentials->password.len > 0;
    enum gn_err err = GN_OK;

    if (has_user && !has_password)
        err = note(credentials, "password", "",
                   "neither password_file nor credentials says where it is");
    else if (has_password && !has_user)
        err = note(credentials, "username", "",
                   "none of username, username_file and credentials says what it is");
    if (!has_user || !has_password) {
        gn_secret_free(&credentials->user);
        gn_secret_free(&credentials->password);
    }
    return err;
}

/* ---- headers ---- */

static bool is_header_name(struct gn_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.p[i]) && strchr("!#$%&'*+-.^_`|~", name.p[i]) == NULL)
            return false;
    return name.len > 0 && memchr(name.p, '\0', name.len) == NULL;
}

static bool is_header_value(struct gn_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7F)
            return false;
    return value.len > 0;
}

/* Appends name and value, each with a NUL. false: no such line. */
static bool add_header(struct gn_buf *out, struct gn_str line)
{
    struct gn_str value;
    const struct gn_str name = gn_str_trim(gn_str_cut(line, ':', &value));

    value = gn_str_trim(value);
    if (!is_header_name(name) || !is_header_value(value))
        return false;
    gn_buf_add_str(out, name);
    gn_buf_putc(out, '\0');
    gn_buf_add_str(out, value);
    gn_buf_putc(out, '\0');
    return true;
}

/* Sets count pairs of pointers into the texts, one behind another. */
static enum gn_err point_at(struct gn_bmc_credentials *credentials, size_t count)
{
    const char *at = gn_secret_str(&credentials->headers).p;

    credentials->header_names = calloc(2 * count, sizeof *credentials->header_names);
    if (credentials->header_names == NULL)
        return GN_ENOMEM;
    credentials->header_values = credentials->header_names + count;
    credentials->header_count = count;
    for (size_t i = 0; i < count; i++) {
        credentials->header_names[i] = at;
        at += strlen(at) + 1;
        credentials->header_values[i] = at;
        at += strlen(at) + 1;
    }
    return GN_OK;
}

/* Lines `Name: value`; empty ones and those that begin with # are passed over. */
static enum gn_err take_headers(struct gn_bmc_credentials *credentials, struct gn_str text,
                                struct gn_buf *out, const char **fault)
{
    size_t count = 0;

    while (text.p != NULL && *fault == NULL) {
        const struct gn_str line = gn_str_trim(gn_str_cut(text, '\n', &text));

        if (line.len == 0 || line.p[0] == '#')
            continue;
        if (count == GN_DESTINATION_HEADERS_MAX)
            *fault = "too many headers";
        else if (!add_header(out, line))
            *fault = "a line is not of the form `Name: value`";
        count++;
    }
    if (*fault != NULL || count == 0 || gn_buf_err(out) != GN_OK)
        return gn_buf_err(out);
    if (!gn_secret_set(&credentials->headers, gn_buf_str(out)))
        return GN_ENOMEM;
    return point_at(credentials, count);
}

static enum gn_err read_headers(const struct gn_bmc_spec *spec,
                                struct gn_bmc_credentials *credentials)
{
    struct gn_buf file = GN_BUF_INIT;
    struct gn_buf out = GN_BUF_INIT;
    const char *fault = NULL;
    enum gn_err err;

    if (spec->headers_file == NULL)
        return GN_OK;
    err = gn_file_read(spec->headers_file, GN_BMC_HEADERS_FILE_MAX, &file);
    if (err == GN_OK) {
        gn_buf_reserve(&out, 2 * file.len + 1); /* so that it never moves */
        err = take_headers(credentials, gn_buf_str(&file), &out, &fault);
    } else if (err != GN_ENOMEM) {
        fault = file_reason(err);
        err = GN_OK;
    }
    if (err == GN_OK && fault != NULL)
        err = note(credentials, "headers_file", spec->headers_file, fault);
    wipe(&file);
    wipe(&out);
    return err;
}

/* ---- of one, of all ---- */

static enum gn_err read_one(const struct gn_settings *settings, const struct gn_bmc_spec *spec,
                            struct gn_bmc_credentials *credentials)
{
    enum gn_err err = GN_OK;

    if (spec->auth != GN_BMC_AUTH_NONE) {
        err = read_user(spec, credentials);
        if (err == GN_OK)
            err = read_password(settings, spec, credentials);
        if (err == GN_OK)
            err = check_pair(credentials);
    }
    return err == GN_OK ? read_headers(spec, credentials) : err;
}

enum gn_err gn_inventory_read_credentials(const struct gn_settings *settings,
                                          struct inventory_view *view)
{
    enum gn_err err = GN_OK;

    if (view->list.count == 0)
        return GN_OK;
    view->credentials = calloc(view->list.count, sizeof *view->credentials);
    if (view->credentials == NULL)
        return GN_ENOMEM;
    for (size_t i = 0; i < view->list.count && err == GN_OK; i++)
        err = read_one(settings, &view->list.items[i], &view->credentials[i]);
    return err;
}

void gn_inventory_credentials_free(struct gn_bmc_credentials *credentials)
{
    gn_secret_free(&credentials->user);
    gn_secret_free(&credentials->password);
    gn_secret_free(&credentials->headers);
    free(credentials->header_names); /* with the values behind them */
    free(credentials->problem);
    *credentials = (struct gn_bmc_credentials){0};
}

static bool is_same_secret(const struct gn_secret *a, const struct gn_secret *b)
{
    return (a->len == 0 && b->len == 0) || gn_secret_eq(a, gn_secret_str(b));
}

bool gn_inventory_credentials_eq(const struct gn_bmc_credentials *a,
                                 const struct gn_bmc_credentials *b)
{
    return is_same_secret(&a->user, &b->user) && is_same_secret(&a->password, &b->password) &&
           is_same_secret(&a->headers, &b->headers) &&
           gn_str_eq(gn_str_of(a->problem), gn_str_of(b->problem));
}

void gn_inventory_view_free(struct inventory_view *view)
{
    for (size_t i = 0; view->credentials != NULL && i < view->list.count; i++)
        gn_inventory_credentials_free(&view->credentials[i]);
    free(view->credentials);
    gn_bmc_list_free(&view->list);
    *view = (struct inventory_view){0};
}

bool gn_inventory_view_eq(const struct inventory_view *a, const struct inventory_view *b)
{
    if (a->list.count != b->list.count)
        return false;
    for (size_t i = 0; i < a->list.count; i++)
        if (a->list.items[i].origin != b->list.items[i].origin ||
            !gn_bmc_spec_eq(&a->list.items[i], &b->list.items[i]) ||
            !gn_inventory_credentials_eq(&a->credentials[i], &b->credentials[i]))
            return false;
    return true;
}
