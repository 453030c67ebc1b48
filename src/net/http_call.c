/* One HTTP request as an easy handle of libcurl, and its end as a result. The handle and all memory
 * are used again for the next request; what never changes is set once. Knows nothing of the loop.
 */
#include "http_client_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/url.h"

#define REDIRECTS_MAX       10L
#define DNS_CACHE_S         15L   /* a service's address may move; kept connections hide the cost */
#define READ_BUFFER_BYTES   4096L /* answers are short; libcurl's 16 KiB a call add up */
#define UPLOAD_BUFFER_BYTES 16384L /* libcurl's least */
#define STATUS_FINAL_MIN    200    /* what is below goes before an answer */
#define STATUS_GOOD_MAX     299
#define STREAM_PROBE_AFTER_S                                                                       \
    30L                          /* a peer that is silent for so long is asked for a sign of life  \
                                  */
#define STREAM_PROBE_EVERY_S 15L /* and then again; the kernel gives up after nine in vain */

/* ---- callbacks of libcurl ---- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct gn_http_call *call = ctx;
    size_t len = addr->addrlen < sizeof(call->tried) ? addr->addrlen : sizeof(call->tried);

    (void)purpose;
    /* struct curl_sockaddr ends in room for the whole address, declared as the short type. */
    memcpy(&call->tried, (const char *)addr + offsetof(struct curl_sockaddr, addr), len);
    return gn_http_sockets_open(call->sockets, addr);
}

static int on_close(void *ctx, curl_socket_t fd)
{
    return gn_http_sockets_close(ctx, fd);
}

/* The next bytes of the body, over the borders of its parts. */
static size_t on_read(char *data, size_t size, size_t count, void *ctx)
{
    struct gn_http_call *call = ctx;
    size_t room = size * count;
    size_t skip = call->read_bytes;
    size_t given = 0;

    for (size_t i = 0; i < GN_HTTP_BODY_PARTS && given < room; i++) {
        struct gn_str part = call->parts[i];
        size_t len;

        if (skip >= part.len) {
            skip -= part.len;
            continue;
        }
        len = part.len - skip < room - given ? part.len - skip : room - given;
        memcpy(data + given, part.p + skip, len);
        given += len;
        skip = 0;
    }
    call->read_bytes += given;
    return given;
}

/* Called with offset 0 when the body is to be sent again: redirect, or a kept connection that had
 * died. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct gn_http_call *call = ctx;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    call->read_bytes = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Whether the answer's media type is the one that may be a stream. */
static bool is_stream_type(const struct gn_http_call *call)
{
    const char *given = NULL;
    struct gn_str rest;

    if (call->stream_type == NULL)
        return true;
    if (curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &given) != CURLE_OK)
        return false;
    return gn_str_eq_nocase(gn_str_trim(gn_str_cut(gn_str_of(given), ';', &rest)),
                            gn_str_of(call->stream_type));
}

static bool on_header_end(struct gn_http_call *call)
{
    long status = 0;

    if (call->is_answered || /* the end of a trailer */
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return true;
    call->is_answered = status >= STATUS_FINAL_MIN;
    call->is_stream = call->on_data != NULL && call->is_answered && status <= STATUS_GOOD_MAX &&
                      is_stream_type(call);
    if (!call->is_stream || call->is_refused)
        return true;
    call->is_refused = !call->on_data(call->ctx, GN_STR_NONE);
    return !call->is_refused;
}

/* Called with each whole line of a header, the empty one too, and of a trailer. libcurl alone takes
 * a connection closed within the header for the answer's end. Behind a 1xx or a redirect another
 * header follows. */
static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    static const char version[] = "HTTP/";
    struct gn_http_call *call = ctx;
    size_t len = size * count;

    if (len >= sizeof(version) - 1 && strncasecmp(line, version, sizeof(version) - 1) == 0) {
        call->is_answered = false;
        gn_http_headers_begin(call);
    } else if (len > 0 && (line[0] == '\r' || line[0] == '\n')) {
        return on_header_end(call) ? len : 0;
    } else if (!call->is_answered && !gn_http_headers_note(call, line, len)) {
        return 0;
    }
    return len;
}

static size_t on_stream(struct gn_http_call *call, const char *data, size_t len)
{
    if (!call->is_refused && !call->on_data(call->ctx, (struct gn_str){data, len}))
        call->is_refused = true;
    return call->is_refused ? 0 : len;
}

static size_t on_answer(char *data, size_t size, size_t count, void *ctx)
{
    struct gn_http_call *call = ctx;
    size_t len = size * count;
    size_t room = call->answer_max_bytes - call->answer.len;
    size_t taken = len < room ? len : room;

    if (call->is_stream)
        return on_stream(call, data, len);
    if (taken > 0)
        gn_buf_add(&call->answer, data, taken);
    if (gn_buf_err(&call->answer) != GN_OK)
        return 0;
    call->dropped_bytes += len - taken;
    if (call->dropped_bytes > GN_HTTP_DRAIN_MAX_BYTES) {
        call->is_cut_off = true;
        return 0;
    }
    return len;
}

/* ---- life ---- */

static bool set_callbacks(struct gn_http_call *call)
{
    CURL *easy = call->easy;

    return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call) == CURLE_OK &&
           /* a connection outlives the call that opened it, hence not the call */
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->sockets) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, &call->headers[0]) == CURLE_OK;
}

static bool set_behaviour(CURL *easy, const struct gn_http_client_config *config)
{
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* a call ended during its name look-up must not wait for the look-up's thread */
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           /* HTTP/2 of libcurl 7.88 fails POSTs on reused connections */
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX) == CURLE_OK &&
           /* both, or the environment decides */
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_BUFFER_BYTES) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)config->connect_timeout_ms) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, config->user_agent) == CURLE_OK;
}

struct gn_http_call *gn_http_call_new(struct gn_http_client *client,
                                      struct gn_http_sockets *sockets,
                                      const struct gn_http_client_config *config)
{
    struct gn_http_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->client = client;
    call->sockets = sockets;
    call->header_text = gn_buf_with_limit(GN_HTTP_HEADER_TEXT_MAX_BYTES);
    call->gathered = gn_buf_with_limit(GN_HTTP_GATHER_MAX_BYTES);
    call->answer = GN_BUF_INIT;
    call->easy = curl_easy_init();
    if (call->easy == NULL || !set_callbacks(call) || !set_behaviour(call->easy, config) ||
        !gn_http_tls_set_up(call)) {
        gn_http_call_free(call);
        return NULL;
    }
    return call;
}

void gn_http_call_free(struct gn_http_call *call)
{
    if (call == NULL)
        return;
    if (call->easy != NULL)
        gn_http_call_release(call);
    curl_easy_cleanup(call->easy);
    gn_buf_free(&call->header_text);
    gn_buf_free(&call->gathered);
    gn_buf_free(&call->answer);
    free(call);
}

void gn_http_call_release(struct gn_http_call *call)
{
    gn_http_headers_release(call);
    gn_http_tls_forget(call);
    gn_buf_reset(&call->answer);
    if (call->answer.cap > GN_HTTP_KEEP_MAX_BYTES)
        gn_buf_free(&call->answer);
}

/* ---- the request ---- */

static bool is_web_url(const char *text)
{
    struct gn_url url;

    return gn_url_parse(gn_str_of(text), &url) == GN_OK && gn_url_is_web(&url);
}

/* Small bodies are given whole, so that libcurl sends them with the header in one write; a body of
 * one part is given as it is; others libcurl reads from us part by part. */
static bool set_body(struct gn_http_call *call, const struct gn_str *parts)
{
    size_t total = 0;
    size_t count = 0;
    const char *whole = "";

    for (size_t i = 0; i < GN_HTTP_BODY_PARTS; i++) {
        total += parts[i].len;
        if (parts[i].len > 0) {
            count++;
            whole = parts[i].p;
        }
    }
    gn_buf_reset(&call->gathered);
    if (count > 1 && total <= GN_HTTP_GATHER_MAX_BYTES) {
        for (size_t i = 0; i < GN_HTTP_BODY_PARTS; i++)
            gn_buf_add_str(&call->gathered, parts[i]);
        if (gn_buf_err(&call->gathered) != GN_OK)
            return false;
        whole = call->gathered.data;
    } else if (count > 1) {
        memcpy(call->parts, parts, sizeof(call->parts));
        call->read_bytes = 0;
        whole = NULL;
    }
    /* both also make the method POST */
    return curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, whole) == CURLE_OK &&
           curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)total) == CURLE_OK;
}

static bool has_body(const struct gn_http_out *out)
{
    for (size_t i = 0; i < GN_HTTP_BODY_PARTS; i++) {
        if (out->body[i].len > 0)
            return true;
    }
    return false;
}

static bool set_custom_method(struct gn_http_call *call, const char *name)
{
    if (call->custom_method == name)
        return true;
    call->custom_method = name;
    return curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, name) == CURLE_OK;
}

/* The method that the handle had before must not show through. */
static bool set_no_body(struct gn_http_call *call, bool is_head)
{
    if (call->has_no_body == is_head)
        return true;
    call->has_no_body = is_head;
    return curl_easy_setopt(call->easy, CURLOPT_NOBODY, is_head ? 1L : 0L) == CURLE_OK;
}

enum method_body { BODY_NEVER, BODY_OPTIONAL, BODY_ALWAYS };

static enum gn_err set_method(struct gn_http_call *call, const struct gn_http_out *out)
{
    static const struct {
        const char *name;
        const char *custom; /* what libcurl must be told; NULL: it has a name of its own */
        enum method_body body;
        bool may_redirect; /* libcurl keeps a custom method where Go goes on with GET */
        bool is_head;
    } methods[] = {
        {"POST", NULL, BODY_ALWAYS, true, false},
        {"GET", NULL, BODY_NEVER, true, false},
        {"PATCH", "PATCH", BODY_ALWAYS, false, false},
        {"PUT", "PUT", BODY_ALWAYS, false, false},
        {"DELETE", "DELETE", BODY_OPTIONAL, false, false},
        {"HEAD", NULL, BODY_NEVER, false, true},
        {"OPTIONS", "OPTIONS", BODY_OPTIONAL, false, false},
    };
    bool with_body = has_body(out);
    size_t i = 0;
    bool is_set;

    while (i < GN_LEN(methods) && strcmp(out->method, methods[i].name) != 0)
        i++;
    if (i == GN_LEN(methods) || (with_body && methods[i].body == BODY_NEVER) ||
        (out->follow_redirects && !methods[i].may_redirect))
        return GN_EINVAL;
    if (with_body || methods[i].body == BODY_ALWAYS)
        is_set = set_no_body(call, false) && set_body(call, out->body);
    else
        is_set = curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
                 set_no_body(call, methods[i].is_head);
    return is_set && set_custom_method(call, methods[i].custom) ? GN_OK : GN_ENOMEM;
}

/* A stream may be silent for hours, so the kernel watches the peer. A connection gets that from
 * libcurl when it is made, hence a kept one will not do. */
static bool set_stream(struct gn_http_call *call, const struct gn_http_out *out)
{
    long is_on = out->on_data != NULL ? 1 : 0;

    call->on_data = out->on_data;
    call->stream_type = out->stream_type;
    call->is_stream = false;
    call->is_refused = false;
    if (call->has_stream_options == (out->on_data != NULL))
        return true;
    call->has_stream_options = out->on_data != NULL;
    return curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, is_on) == CURLE_OK &&
           curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPALIVE, is_on) == CURLE_OK &&
           curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPIDLE, STREAM_PROBE_AFTER_S) == CURLE_OK &&
           curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPINTVL, STREAM_PROBE_EVERY_S) == CURLE_OK;
}

static long timeout_of(const struct gn_http_out *out)
{
    if (out->timeout_ms == GN_HTTP_NO_TIMEOUT)
        return 0; /* none, for libcurl */
    return out->timeout_ms > 0 ? (long)out->timeout_ms : (long)GN_HTTP_TIMEOUT_DEFAULT_MS;
}

enum gn_err gn_http_call_prepare(struct gn_http_call *call, const struct gn_http_out *out)
{
    enum gn_err err;

    if (!is_web_url(out->url))
        return GN_EINVAL;
    err = gn_http_headers_set(call, out->headers);
    if (err != GN_OK)
        return err;
    err = set_method(call, out);
    if (err != GN_OK)
        return err;
    err = gn_http_tls_apply(call, out->tls);
    if (err != GN_OK)
        return err;
    call->is_answered = false;
    call->fields = 0;
    call->answer_max_bytes = out->max_answer_bytes;
    call->dropped_bytes = 0;
    call->is_cut_off = false;
    call->tried.sin6_family = AF_UNSPEC;
    call->error[0] = '\0';
    if (!set_stream(call, out) || curl_easy_setopt(call->easy, CURLOPT_URL, out->url) != CURLE_OK ||
        curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, timeout_of(out)) != CURLE_OK ||
        curl_easy_setopt(call->easy, CURLOPT_FOLLOWLOCATION, out->follow_redirects ? 1L : 0L) !=
            CURLE_OK)
        return GN_ENOMEM;
    return GN_OK;
}
