/* The admin API: what stands in queries, bodies and headers. */
#include <arpa/inet.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "admin_priv.h"

#define NS_PER_S INT64_C(1000000000)

/* ---- points in time ---- */

static unsigned seconds_of_unit(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    default:
        return 0;
    }
}

bool gn_admin_parse_point(struct gn_str text, int64_t now_ns, int64_t *ns)
{
    unsigned long long count;
    unsigned seconds = text.len == 0 ? 0 : seconds_of_unit(text.p[text.len - 1]);
    int64_t age_ns;

    if (seconds == 0)
        return gn_time_parse(text, ns) == GN_OK;
    return gn_str_to_u64((struct gn_str){text.p, text.len - 1}, INT64_MAX, &count) &&
           !__builtin_mul_overflow((int64_t)count, (int64_t)seconds * NS_PER_S, &age_ns) &&
           !__builtin_sub_overflow(now_ns, age_ns, ns);
}

/* ---- origins ---- */

/* Whether host (with or without port) is an address or localhost. */
static bool is_plain_host(struct gn_str host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN] = "";
    bool is_ipv6 = host.len > 0 && host.p[0] == '[';
    struct gn_str rest;

    if (is_ipv6)
        host = (struct gn_str){host.p + 1, host.len - 1};
    host = gn_str_cut(host, is_ipv6 ? ']' : ':', &rest);
    if (gn_str_eq_nocase(host, GN_STR("localhost")))
        return !is_ipv6;
    if (host.len == 0 || host.len >= sizeof text)
        return false;
    memcpy(text, host.p, host.len);
    return inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, address) == 1;
}

bool gn_admin_is_local(struct gn_str peer)
{
    return gn_str_has_prefix(peer, GN_STR("127.")) || gn_str_eq(peer, GN_STR("::1"));
}

bool gn_admin_is_own_origin(struct gn_str origin, struct gn_str host)
{
    struct gn_str scheme = GN_STR("http://");

    if (!gn_str_has_prefix(origin, scheme) || !is_plain_host(host))
        return false;
    origin = (struct gn_str){origin.p + scheme.len, origin.len - scheme.len};
    return gn_str_eq_nocase(origin, host);
}

/* ---- queries ---- */

static const char *read_subscription(struct gn_str value, struct gn_admin_query *query)
{
    if (value.len == 0)
        return "subscription is empty";
    query->has_subscription = true;
    return gn_text_percent_decode(value, &query->subscription) == GN_OK
               ? NULL
               : "subscription cannot be decoded";
}

static const char *read_bmc(struct gn_str value, struct gn_admin_query *query)
{
    if (value.len == 0)
        return "bmc is empty";
    query->has_bmc = true;
    return gn_text_percent_decode(value, &query->bmc) == GN_OK ? NULL : "bmc cannot be decoded";
}

static const char *read_param(unsigned param, struct gn_str value, struct gn_admin_query *query)
{
    if (param == GN_ADMIN_SUBSCRIPTION)
        return read_subscription(value, query);
    if (param == GN_ADMIN_BMC)
        return read_bmc(value, query);
    if (param == GN_ADMIN_AFTER)
        return gn_str_to_u64(value, UINT64_MAX, &query->after) ? NULL : "after is no number";
    if (gn_str_to_u64(value, GN_ADMIN_LIST_MAX, &query->limit) && query->limit > 0)
        return NULL;
    return "limit is no number from 1 to 1000";
}

static unsigned param_of(struct gn_str name)
{
    if (gn_str_eq(name, GN_STR("subscription")))
        return GN_ADMIN_SUBSCRIPTION;
    if (gn_str_eq(name, GN_STR("after")))
        return GN_ADMIN_AFTER;
    if (gn_str_eq(name, GN_STR("bmc")))
        return GN_ADMIN_BMC;
    return gn_str_eq(name, GN_STR("limit")) ? GN_ADMIN_LIMIT : 0;
}

const char *gn_admin_parse_query(struct gn_str text, unsigned allowed, struct gn_admin_query *query)
{
    const char *problem = NULL;

    *query = (struct gn_admin_query){.subscription = GN_BUF_INIT,
                                     .bmc = GN_BUF_INIT,
                                     .limit = GN_ADMIN_LIST_DEFAULT};
    while (text.len > 0 && problem == NULL) {
        struct gn_str value = gn_str_cut(text, '&', &text);
        struct gn_str name = gn_str_cut(value, '=', &value);
        unsigned param = param_of(name);

        /* A query that is not understood must not widen a DELETE. */
        if ((param & allowed) == 0)
            return "the query holds an unknown name, or one twice";
        allowed &= ~param;
        problem = read_param(param, value, query);
    }
    return problem;
}

void gn_admin_free_query(struct gn_admin_query *query)
{
    gn_buf_free(&query->subscription);
    gn_buf_free(&query->bmc);
}

/* ---- bodies ---- */

static bool take_member(const char *name, const json_t *value, const char *const *names,
                        size_t count, struct gn_str *values)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        values[i] = (struct gn_str){json_string_value(value), json_string_length(value)};
        return json_is_string(value);
    }
    return false;
}

static void answer_bad_member(struct gn_http_request *request, const char *name)
{
    struct gn_buf text = gn_buf_with_limit(4096);

    gn_buf_printf(&text, "member %s is unknown or no text", name);
    gn_reply_error(request, 400,
                   gn_buf_err(&text) == GN_OK ? gn_buf_str(&text) : GN_STR("unknown member"));
    gn_buf_free(&text);
}

bool gn_admin_read_body(struct gn_http_request *request, const char *const *names, size_t count,
                        struct gn_str *values, json_t **body)
{
    struct gn_str text = gn_http_body(request);
    const char *name;
    json_t *value;
    enum gn_err err;

    *body = NULL;
    for (size_t i = 0; i < count; i++)
        values[i] = GN_STR_NONE;
    if (text.len == 0)
        return true;
    err = gn_json_parse(text, NULL, body);
    if (err == GN_ENOMEM) {
        gn_reply_later(request);
        return false;
    }
    if (err != GN_OK || !json_is_object(*body)) {
        gn_reply_error(request, 400, GN_STR("the body is no JSON object"));
        goto bad;
    }
    json_object_foreach (*body, name, value) {
        if (!take_member(name, value, names, count, values)) {
            answer_bad_member(request, name);
            goto bad;
        }
    }
    return true;
bad:
    json_decref(*body);
    *body = NULL;
    return false;
}
