/* The admin API: JSON out. Written straight into a buffer: a status of thousands of subscriptions
 * would be a large tree. */
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"
#include "admin_priv.h"

void gn_admin_add_element(struct gn_buf *out)
{
    if (out->len > 0 && strchr("{[", out->data[out->len - 1]) == NULL)
        gn_buf_putc(out, ',');
}

void gn_admin_add_name(struct gn_buf *out, const char *name)
{
    gn_admin_add_element(out);
    gn_buf_printf(out, "\"%s\":", name);
}

void gn_admin_add_text(struct gn_buf *out, const char *name, struct gn_str text)
{
    gn_admin_add_name(out, name);
    gn_text_add_json(out, text);
}

void gn_admin_add_u64(struct gn_buf *out, const char *name, uint64_t value)
{
    gn_admin_add_name(out, name);
    gn_buf_add_u64(out, value);
}

void gn_admin_add_number(struct gn_buf *out, const char *name, double value)
{
    gn_admin_add_name(out, name);
    gn_buf_printf(out, "%.3f", value);
}

void gn_admin_add_bool(struct gn_buf *out, const char *name, bool value)
{
    gn_admin_add_name(out, name);
    gn_buf_puts(out, value ? "true" : "false");
}

void gn_admin_add_time(struct gn_buf *out, const char *name, int64_t ns)
{
    char text[GN_TIME_TEXT_MAX];

    gn_admin_add_name(out, name);
    if (ns == 0) {
        gn_buf_puts(out, "null");
        return;
    }
    gn_time_format(ns, text);
    gn_buf_printf(out, "\"%s\"", text);
}

void gn_admin_add_url(struct gn_buf *out, const char *name, struct gn_str url)
{
    const char *slashes = url.len == 0 ? NULL : memmem(url.p, url.len, "://", 3);
    size_t begin = slashes == NULL ? 0 : (size_t)(slashes - url.p) + 3;
    size_t end = begin;
    size_t at = 0; /* behind the last '@' of the authority */
    struct gn_buf masked = GN_BUF_INIT;

    for (; end < url.len && strchr("/?#", url.p[end]) == NULL; end++)
        if (url.p[end] == '@')
            at = end + 1;
    if (at == 0) {
        gn_admin_add_text(out, name, url);
        return;
    }
    gn_buf_add(&masked, url.p, begin);
    gn_buf_puts(&masked, "***@");
    gn_buf_add(&masked, url.p + at, url.len - at);
    gn_admin_add_text(out, name,
                      gn_buf_err(&masked) == GN_OK ? gn_buf_str(&masked) : GN_STR("***"));
    gn_buf_free(&masked);
}

void gn_admin_reply(struct gn_http_request *request, int status, struct gn_buf *body)
{
    if (gn_buf_err(body) == GN_OK)
        gn_reply_json(request, status, gn_buf_str(body));
    else
        gn_reply_later(request);
    gn_buf_free(body);
}

void gn_admin_reply_value(struct gn_http_request *request, int status, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);

    if (text != NULL)
        gn_reply_json(request, status, gn_str_of(text));
    else
        gn_reply_later(request);
    free(text);
    json_decref(value);
}

void gn_admin_reply_count(struct gn_http_request *request, int status, const char *name,
                          uint64_t value)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_printf(&body, "{\"%s\":%llu}", name, (unsigned long long)value);
    gn_admin_reply(request, status, &body);
}
