/* How a call ended: libcurl's code, headers and addresses as a gn_http_result. */
#include "http_client_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/defs.h"

uint32_t gn_http_retry_after_ms(const char *text, time_t now)
{
    struct gn_str value = gn_str_trim(gn_str_of(text));
    unsigned long long seconds;
    time_t date;

    if (!gn_str_to_u64(value, UINT64_MAX, &seconds)) {
        date = curl_getdate(text, NULL);
        seconds = date > now ? (unsigned long long)(date - now) : 0;
    }
    return seconds > UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)(seconds * 1000);
}

static void write_peer(char peer[64], const char *ip, unsigned port)
{
    bool is_ipv6 = strchr(ip, ':') != NULL;

    (void)snprintf(peer, 64, is_ipv6 ? "[%s]:%u" : "%s:%u", ip, port); /* the longest ip fits */
}

/* Of a new connection, made or not, whatever address was tried last. */
static bool set_tried_peer(const struct gn_http_call *call, struct gn_http_result *result)
{
    const struct sockaddr_in6 *tried = &call->tried;
    char ip[INET6_ADDRSTRLEN];
    const void *addr = &tried->sin6_addr;

    if (tried->sin6_family == AF_INET)
        addr = &((const struct sockaddr_in *)(const void *)tried)->sin_addr;
    if (tried->sin6_family == AF_UNSPEC ||
        inet_ntop(tried->sin6_family, addr, ip, sizeof(ip)) == NULL)
        return false;
    write_peer(result->peer, ip, ntohs(tried->sin6_port)); /* at the same place in sockaddr_in */
    return true;
}

/* An answer came over the connection that libcurl names. Without one libcurl may name none, or that
 * of a request before a redirect. */
static void set_addresses(struct gn_http_call *call, struct gn_http_result *result)
{
    bool is_tried = result->err != GN_OK && set_tried_peer(call, result);
    char peer[sizeof(result->peer)];
    char *ip = NULL;
    long port = 0;

    if (curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_IP, &ip) != CURLE_OK || ip == NULL ||
        ip[0] == '\0' || curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_PORT, &port) != CURLE_OK)
        return;
    write_peer(peer, ip, (unsigned)port);
    if (is_tried && strcmp(peer, result->peer) != 0)
        return; /* another connection's */
    (void)stpcpy(result->peer, peer);
    if (curl_easy_getinfo(call->easy, CURLINFO_LOCAL_IP, &ip) == CURLE_OK && ip != NULL &&
        strlen(ip) < sizeof(result->local))
        (void)stpcpy(result->local, ip);
}

static enum gn_err err_of(CURLcode code)
{
    static const struct {
        CURLcode code;
        enum gn_err err;
    } rows[] = {
        {CURLE_OK, GN_OK},
        {CURLE_TOO_MANY_REDIRECTS, GN_OK}, /* the last of them is the answer */
        {CURLE_OPERATION_TIMEDOUT, GN_ETIMEOUT},
        {CURLE_OUT_OF_MEMORY, GN_ENOMEM},
        {CURLE_WRITE_ERROR, GN_ENOMEM}, /* our callbacks refuse for nothing else */
        {CURLE_URL_MALFORMAT, GN_EINVAL},
        {CURLE_UNSUPPORTED_PROTOCOL, GN_EPARSE}, /* no status line, or a redirect to elsewhere */
        {CURLE_WEIRD_SERVER_REPLY, GN_EPARSE},
        {CURLE_BAD_CONTENT_ENCODING, GN_EPARSE},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        if (rows[i].code == code)
            return rows[i].err;
    }
    return GN_ECONN;
}

static void set_failure(struct gn_http_call *call, CURLcode code, struct gn_http_result *result)
{
    long number = 0;

    result->tls_fault = gn_http_tls_fault(call, code);
    result->reason = call->error[0] != '\0' ? call->error : curl_easy_strerror(code);
    if (result->tls_fault == GN_HTTP_TLS_FAULT_PIN)
        result->reason = "the peer's certificate is not the one that is pinned";
    result->is_dns_failure = code == CURLE_COULDNT_RESOLVE_HOST;
    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK)
        result->os_errno = (int)number;
}

static void set_answer(struct gn_http_call *call, struct gn_http_result *result)
{
    char *type = NULL;
    long status = 0;

    if (curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
        result->status = (int)status;
    if (curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK)
        result->content_type = gn_str_of(type);
    gn_http_headers_tell(call, result);
    result->body = gn_buf_str(&call->answer);
    result->is_cut = call->dropped_bytes > 0;
}

void gn_http_call_result(struct gn_http_call *call, CURLcode code, struct gn_http_result *result)
{
    *result = (struct gn_http_result){.reason = ""};
    if (call->is_cut_off && code == CURLE_WRITE_ERROR)
        code = CURLE_OK;
    result->err = err_of(code);
    if (call->is_refused && code == CURLE_WRITE_ERROR) {
        result->err = GN_ECANCELED;
        result->reason = gn_err_text(GN_ECANCELED);
    } else if (result->err != GN_OK) {
        set_failure(call, code, result);
    } else if (!call->is_answered) {
        result->err = GN_ECONN;
        result->reason = "the answer broke off within its header";
    } else {
        set_answer(call, result);
    }
    set_addresses(call, result);
    gn_http_tls_cert(call, result);
}

void gn_http_call_given_up(struct gn_http_call *call, struct gn_http_result *result)
{
    *result = (struct gn_http_result){.err = call->end_err, .reason = gn_err_text(call->end_err)};
    set_addresses(call, result);
    gn_http_tls_cert(call, result);
}
