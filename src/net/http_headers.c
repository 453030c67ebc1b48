/* Header fields: those of a request as libcurl's list, and those of an answer that are told.
 *
 * libcurl keeps the answer's fields and finds them by name. Which of the few we tell have come at
 * all is noted as they pass, so that a call is not charged for looking up those that have not. */
#include "http_client_priv.h"

#include <string.h>
#include <strings.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/defs.h"

#define TOKEN_NAME "X-Auth-Token"

/* ---- of the request ---- */

/* A name, a colon, and no control character. */
static bool is_header(const char *line)
{
    const char *colon = strchr(line, ':');

    if (colon == NULL || colon == line)
        return false;
    for (const char *p = line; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (c < ' ' || c == 0x7f || (p < colon && (c == ' ' || c == ';')))
            return false;
    }
    return true;
}

static bool is_content_type(const char *line)
{
    static const char name[] = "content-type:";

    return strncasecmp(line, name, sizeof(name) - 1) == 0;
}

/* Copies one line into reserved room. libcurl takes "Name:" for the wish not to send the field; to
 * send it empty it wants "Name;". */
static char *copy_header(struct gn_buf *text, const char *line)
{
    size_t start = text->len;
    struct gn_str value;
    struct gn_str name = gn_str_cut(gn_str_of(line), ':', &value);

    if (gn_str_trim(value).len > 0) {
        gn_buf_puts(text, line);
    } else {
        gn_buf_add_str(text, name);
        gn_buf_putc(text, ';');
    }
    gn_buf_putc(text, '\0');
    return gn_buf_err(text) == GN_OK ? text->data + start : NULL;
}

static size_t append_header(struct gn_http_call *call, size_t used, char *line)
{
    call->headers[used] = (struct curl_slist){.data = line, .next = NULL};
    if (used > 0)
        call->headers[used - 1].next = &call->headers[used];
    return used + 1;
}

/* Makes the list in place: libcurl keeps the address of its first node for good. */
enum gn_err gn_http_headers_set(struct gn_http_call *call, const char *const *lines)
{
    static char no_expect[] = "Expect:"; /* not const because libcurl's list is not */
    static char no_content_type[] = "Content-Type:";
    size_t used = append_header(call, 0, no_expect);
    size_t total = 0;
    size_t count = 0;
    bool has_type = false;

    for (; lines != NULL && lines[count] != NULL; count++) {
        if (count == GN_HTTP_HEADERS_MAX || !is_header(lines[count]))
            return GN_EINVAL;
        total += strlen(lines[count]) + 2; /* a ';' may come instead of nothing, and the NUL */
        has_type = has_type || is_content_type(lines[count]);
    }
    if (total > GN_HTTP_HEADER_TEXT_MAX_BYTES)
        return GN_EINVAL;
    gn_buf_reset(&call->header_text);
    gn_buf_reserve(&call->header_text, total); /* so that lines stay where they are */
    for (size_t i = 0; i < count; i++) {
        char *line = copy_header(&call->header_text, lines[i]);

        if (line == NULL)
            return GN_ENOMEM;
        used = append_header(call, used, line);
    }
    if (!has_type)
        (void)append_header(call, used, no_content_type); /* else libcurl calls a POST a form */
    return GN_OK;
}

/* ---- of the answer ---- */

enum field {
    FIELD_RETRY_AFTER,
    FIELD_ALLOWED_ORIGIN,
    FIELD_LOCATION,
    FIELD_ETAG,
    FIELD_ENCODING,
    FIELD_AUTH_TOKEN,
};

static const struct gn_str names[] = {
    [FIELD_RETRY_AFTER] = GN_STR_INIT("Retry-After"),
    [FIELD_ALLOWED_ORIGIN] = GN_STR_INIT("WebHook-Allowed-Origin"),
    [FIELD_LOCATION] = GN_STR_INIT("Location"),
    [FIELD_ETAG] = GN_STR_INIT("ETag"),
    [FIELD_ENCODING] = GN_STR_INIT("Content-Encoding"),
    [FIELD_AUTH_TOKEN] = GN_STR_INIT(TOKEN_NAME),
};

/* Moves the token out of libcurl's line buffer, which outlives the call. libcurl may copy the line
 * before or after this, so it is overwritten by what may stand in a field. */
static bool take_token(struct gn_http_call *call, char *value, size_t len)
{
    bool is_taken = true;

    while (len > 0 && (value[len - 1] == '\n' || value[len - 1] == '\r'))
        len--;
    if (call->token.bytes == NULL)
        is_taken = gn_secret_set(&call->token, gn_str_trim((struct gn_str){value, len}));
    memset(value, '*', len);
    return is_taken;
}

bool gn_http_headers_note(struct gn_http_call *call, char *line, size_t len)
{
    for (size_t i = 0; i < GN_LEN(names); i++) {
        size_t name_len = names[i].len;

        if (len <= name_len || line[name_len] != ':' ||
            strncasecmp(line, names[i].p, name_len) != 0)
            continue;
        call->fields |= 1U << i;
        if (i != FIELD_AUTH_TOKEN)
            return true;
        call->is_token_kept = true;
        return take_token(call, line + name_len + 1, len - name_len - 1);
    }
    return true;
}

void gn_http_headers_begin(struct gn_http_call *call)
{
    call->fields = 0;
    gn_secret_free(&call->token);
}

/* The first header of that name in the last answer (a redirect's does not count), absent without
 * one. The text lives as long as the answer, ends in a NUL, and may be empty. */
static struct gn_str value_of(const struct gn_http_call *call, enum field id)
{
    struct curl_header *field = NULL;

    if ((call->fields & (1U << id)) == 0 ||
        curl_easy_header(call->easy, names[id].p, 0, CURLH_HEADER, -1, &field) != CURLHE_OK)
        return GN_STR_NONE;
    return gn_str_of(field->value);
}

void gn_http_headers_tell(const struct gn_http_call *call, struct gn_http_result *result)
{
    struct gn_str retry_after = value_of(call, FIELD_RETRY_AFTER);

    if (retry_after.p != NULL)
        result->retry_after_ms =
            gn_http_retry_after_ms(retry_after.p, (time_t)(gn_clock_real_ns() / 1000000000));
    /* libcurl leaves the line's end in an empty value */
    result->allowed_origin = gn_str_trim(value_of(call, FIELD_ALLOWED_ORIGIN));
    result->location = gn_str_trim(value_of(call, FIELD_LOCATION));
    result->etag = gn_str_trim(value_of(call, FIELD_ETAG));
    result->encoding = gn_str_trim(value_of(call, FIELD_ENCODING));
    result->auth_token = gn_secret_str(&call->token);
}

/* libcurl's copies stay until the handle is used again. */
static void wipe_kept_tokens(struct gn_http_call *call)
{
    struct curl_header *field = NULL;
    CURLHcode code = CURLHE_OK;

    for (int request = 0; code != CURLHE_NOREQUEST && code != CURLHE_NOHEADERS; request++) {
        code = curl_easy_header(call->easy, TOKEN_NAME, 0, CURLH_HEADER, request, &field);
        for (size_t i = 1; code == CURLHE_OK; i++) {
            explicit_bzero(field->value, strlen(field->value));
            code = curl_easy_header(call->easy, TOKEN_NAME, i, CURLH_HEADER, request, &field);
        }
    }
    call->is_token_kept = false;
}

void gn_http_headers_release(struct gn_http_call *call)
{
    gn_secret_free(&call->token);
    if (call->is_token_kept)
        wipe_kept_tokens(call);
    if (call->header_text.len > 0) /* may hold our credentials */
        explicit_bzero(call->header_text.data, call->header_text.len);
}
