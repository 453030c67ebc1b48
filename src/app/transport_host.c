/* --transport-host and its forms. */
#include "gurnard/app/transport_host.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/url.h"

#define AMQP_PORT  5672U
#define AMQPS_PORT 5671U

/* Appends text with the first word in it replaced. false: it is not there, nothing was appended. */
static bool replace_first(struct gn_str text, struct gn_str word, struct gn_str by,
                          struct gn_buf *out)
{
    const char *at = text.len == 0 ? NULL : memmem(text.p, text.len, word.p, word.len);
    size_t before;

    if (at == NULL)
        return false;
    before = (size_t)(at - text.p);
    gn_buf_add(out, text.p, before);
    gn_buf_add_str(out, by);
    gn_buf_add(out, at + word.len, text.len - before - word.len);
    return true;
}

void gn_transport_host_expand(struct gn_str text, struct gn_str node_name, struct gn_str node_ip,
                              struct gn_buf *out)
{
    struct gn_str rest;
    bool is_replaced;

    if (node_ip.len > 0)
        is_replaced = replace_first(text, GN_STR("NODE_IP"), node_ip, out);
    else
        is_replaced =
            replace_first(text, GN_STR("NODE_NAME"), gn_str_cut(node_name, '.', &rest), out);
    if (!is_replaced)
        gn_buf_add_str(out, text);
}

/* "amqp:host:port" and the like: the scheme without slashes behind it. */
static bool cut_scheme(struct gn_str *text, struct gn_str scheme)
{
    struct gn_str head = {text->p, scheme.len};

    if (text->len < scheme.len || !gn_str_eq_nocase(head, scheme))
        return false;
    text->p += scheme.len;
    text->len -= scheme.len;
    while (text->len > 0 && text->p[0] == '/') {
        text->p++;
        text->len--;
    }
    return true;
}

/* Behind an AMQP scheme: [user@]host[:[port]][/...]. */
static enum gn_err parse_amqp(struct gn_str text, bool is_secure, struct gn_transport_host *host)
{
    struct gn_buf url = GN_BUF_INIT;
    struct gn_url parsed;
    enum gn_err err;

    if (gn_str_eq(text, GN_STR("nohup"))) {
        host->kind = GN_TRANSPORT_NONE;
        return GN_OK;
    }
    host->kind = GN_TRANSPORT_AMQP;
    if (text.len > 0 && text.p[text.len - 1] == ':')
        text.len--;
    gn_buf_puts(&url, is_secure ? "amqps://" : "amqp://");
    gn_buf_add_str(&url, text);
    err = gn_buf_err(&url);
    if (err == GN_OK && gn_url_parse(gn_buf_str(&url), &parsed) != GN_OK)
        err = GN_EINVAL;
    if (err == GN_OK) {
        host->port = parsed.port != 0 ? parsed.port : is_secure ? AMQPS_PORT : AMQP_PORT;
        host->host = gn_str_dup(parsed.host);
        host->url = gn_buf_take(&url);
    }
    gn_buf_free(&url);
    return err;
}

static enum gn_err parse_http(struct gn_str text, struct gn_transport_host *host)
{
    struct gn_buf url = GN_BUF_INIT;
    struct gn_url parsed;
    enum gn_err err;

    host->kind = GN_TRANSPORT_HTTP;
    if (text.len > 0 && memmem(text.p, text.len, "://", 3) == NULL)
        gn_buf_puts(&url, "http://");
    gn_buf_add_str(&url, text);
    err = gn_buf_err(&url);
    if (err == GN_OK && text.len > 0) {
        if (gn_url_parse(gn_buf_str(&url), &parsed) != GN_OK || !gn_url_is_web(&parsed))
            err = GN_EINVAL;
        else if (parsed.has_port)
            host->port = parsed.port;
        host->host = err == GN_OK ? gn_str_dup(parsed.host) : NULL;
    }
    if (err == GN_OK)
        host->url = gn_str_dup(gn_buf_str(&url));
    gn_buf_free(&url);
    return err;
}

enum gn_err gn_transport_host_parse(struct gn_str text, struct gn_str node_name,
                                    struct gn_str node_ip, struct gn_transport_host *host)
{
    struct gn_buf expanded = GN_BUF_INIT;
    struct gn_str left;
    enum gn_err err;

    *host = (struct gn_transport_host){.kind = GN_TRANSPORT_HTTP};
    gn_transport_host_expand(gn_str_trim(text), node_name, node_ip, &expanded);
    err = gn_buf_err(&expanded);
    left = gn_buf_str(&expanded);
    if (err != GN_OK)
        ;
    else if (cut_scheme(&left, GN_STR("amqps:")))
        err = parse_amqp(left, true, host);
    else if (cut_scheme(&left, GN_STR("amqp:")))
        err = parse_amqp(left, false, host);
    else
        err = parse_http(left, host);
    gn_buf_free(&expanded);
    if (err == GN_OK && host->url == NULL)
        host->url = strdup("");
    if (err == GN_OK && host->host == NULL)
        host->host = strdup("localhost");
    return err == GN_OK && (host->url == NULL || host->host == NULL) ? GN_ENOMEM : err;
}

void gn_transport_host_free(struct gn_transport_host *host)
{
    free(host->url);
    free(host->host);
    *host = (struct gn_transport_host){.kind = GN_TRANSPORT_NONE};
}
