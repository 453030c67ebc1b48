/* The checks of a request's head that libmicrohttpd 0.9.75 leaves out: it takes two Host headers,
 * the first of two Content-Length, Content-Length with chunked, a space before the colon, and
 * decodes %2f. Behind a proxy each of these can make two parties see two different requests. */
#include "http_check.h"

#include <stddef.h>

static const struct gn_http_refusal bad_name = {400, "malformed header name\n", true, true};
static const struct gn_http_refusal bad_host = {400, "exactly one Host is required\n", true, true};
static const struct gn_http_refusal bad_framing = {400, "ambiguous length of the body\n", true,
                                                   true};
static const struct gn_http_refusal bad_target = {400, "malformed request target\n", true, true};
static const struct gn_http_refusal bad_version = {505, "HTTP/1.0 or HTTP/1.1, please\n", true,
                                                   true};
static const struct gn_http_refusal bad_coding = {501, "unknown Transfer-Encoding\n", true, true};
static const struct gn_http_refusal encoded = {415, "no Content-Encoding is supported\n", false,
                                               false};
const struct gn_http_refusal gn_http_too_large = {413, "the body is too large\n", false, true};
const struct gn_http_refusal gn_http_no_memory = {503, "no memory\n", false, true};
const struct gn_http_refusal gn_http_stopping = {503, "the server is stopping\n", true, true};

/* ---- headers ---- */

/* tchar of RFC 9110, 5.6.2. */
static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && memchr("!#$%&'*+-.^_`|~", c, 15) != NULL;
}

static bool is_token(struct gn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char((unsigned char)s.p[i]))
            return false;
    return s.len > 0;
}

void gn_http_head_add(struct gn_http_head *head, struct gn_str name, struct gn_str value)
{
    unsigned long long length = 0;

    if (!is_token(name)) {
        head->has_bad_name = true;
    } else if (gn_str_eq_nocase(name, GN_STR("Host"))) {
        head->hosts++;
    } else if (gn_str_eq_nocase(name, GN_STR("Content-Length"))) {
        head->lengths++;
        head->has_bad_length |= !gn_str_to_u64(value, UINT64_MAX, &length);
        head->body_bytes = length;
    } else if (gn_str_eq_nocase(name, GN_STR("Transfer-Encoding"))) {
        head->transfer_encodings++;
        head->is_chunked = gn_str_eq_nocase(value, GN_STR("chunked"));
    } else if (gn_str_eq_nocase(name, GN_STR("Content-Encoding"))) {
        head->is_encoded |= value.len > 0 && !gn_str_eq_nocase(value, GN_STR("identity"));
    } else if (gn_str_eq_nocase(name, GN_STR("Expect"))) {
        head->expects_continue |= gn_str_eq_nocase(value, GN_STR("100-continue"));
    }
}

/* ---- request target ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that %xy at the start of s stands for, -1 when it is no such thing. */
static int decoded_byte(struct gn_str s)
{
    int high = s.len > 2 ? hex_digit(s.p[1]) : -1;
    int low = s.len > 2 ? hex_digit(s.p[2]) : -1;

    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* Origin form or "*" only. In a query an encoded slash is in order, in a path it makes two
 * resources look like one. */
static bool is_good_target(struct gn_str target)
{
    bool is_in_query = false;

    if (gn_str_eq(target, GN_STR("*")))
        return true;
    if (target.len == 0 || target.p[0] != '/')
        return false;
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.p[i];
        int byte;

        if (c <= ' ' || c == 0x7f)
            return false;
        is_in_query |= c == '?';
        if (c != '%')
            continue;
        byte = decoded_byte((struct gn_str){target.p + i, target.len - i});
        if (byte == 0 || (!is_in_query && (byte == '/' || byte == '\\')))
            return false;
    }
    return true;
}

/* ---- the verdict ---- */

static bool is_framing_ambiguous(const struct gn_http_head *head, bool is_http10)
{
    if (head->lengths > 1 || head->has_bad_length || head->transfer_encodings > 1)
        return true;
    return head->transfer_encodings > 0 && (head->lengths > 0 || is_http10);
}

const struct gn_http_refusal *gn_http_check(const struct gn_http_head *head, struct gn_str version,
                                            struct gn_str target, uint64_t max_body_bytes)
{
    bool is_http11 = gn_str_eq(version, GN_STR("HTTP/1.1"));
    bool is_http10 = gn_str_eq(version, GN_STR("HTTP/1.0"));

    if (!is_http11 && !is_http10)
        return &bad_version;
    if (head->has_bad_name)
        return &bad_name;
    if (head->hosts > 1 || (is_http11 && head->hosts == 0))
        return &bad_host;
    if (is_framing_ambiguous(head, is_http10))
        return &bad_framing;
    if (head->transfer_encodings > 0 && !head->is_chunked)
        return &bad_coding;
    if (!is_good_target(target))
        return &bad_target;
    if (head->body_bytes > max_body_bytes)
        return &gn_http_too_large;
    if (head->is_encoded)
        return &encoded;
    return NULL;
}
