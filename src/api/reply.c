/* The answers that every handler of this folder gives in the same form. */
#include "gurnard/api/reply.h"

#include "gurnard/base/text.h"

void gn_reply_json(struct gn_http_request *request, int status, struct gn_str body)
{
    const struct gn_http_reply reply = {.status = status,
                                        .content_type = "application/json",
                                        .body = body};

    gn_http_reply(request, &reply);
}

void gn_reply_error(struct gn_http_request *request, int status, struct gn_str text)
{
    struct gn_buf body = GN_BUF_INIT;

    gn_buf_puts(&body, "{\"error\":");
    gn_text_add_json(&body, text);
    gn_buf_putc(&body, '}');
    if (gn_buf_err(&body) == GN_OK)
        gn_reply_json(request, status, gn_buf_str(&body));
    else
        gn_reply_empty(request, 503);
    gn_buf_free(&body);
}

void gn_reply_later(struct gn_http_request *request)
{
    static const char *const headers[] = {"Retry-After", "5", NULL};
    const struct gn_http_reply reply = {.status = 503,
                                        .content_type = "application/json",
                                        .body = GN_STR("{\"error\":\"try again later\"}"),
                                        .body_is_static = true,
                                        .headers = headers};

    gn_http_reply(request, &reply);
}

void gn_reply_text(struct gn_http_request *request, int status, const char *text)
{
    const struct gn_http_reply reply = {.status = status,
                                        .content_type = "text/plain; charset=utf-8",
                                        .body = gn_str_of(text),
                                        .body_is_static = true};

    gn_http_reply(request, &reply);
}

void gn_reply_empty(struct gn_http_request *request, int status)
{
    const struct gn_http_reply reply = {.status = status};

    gn_http_reply(request, &reply);
}

void gn_reply_not_found(struct gn_http_request *request)
{
    static const char *const headers[] = {"X-Content-Type-Options", "nosniff", NULL};
    const struct gn_http_reply reply = {.status = 404,
                                        .content_type = "text/plain; charset=utf-8",
                                        .body = GN_STR("404 page not found\n"),
                                        .body_is_static = true,
                                        .headers = headers};

    gn_http_reply(request, &reply);
}

void gn_reply_bad_method(struct gn_http_request *request)
{
    gn_reply_empty(request, 405);
}
