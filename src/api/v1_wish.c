/* The v1 API: what the body of a POST asks for. Pure. */
#include "gurnard/base/json.h"
#include "gurnard/base/url.h"
#include "v1_priv.h"

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Whether Go's url.Parse would refuse text: the original then stores no endpoint at all. */
static bool go_refuses(struct gn_str text)
{
    if (text.len > 0 && text.p[0] == ':')
        return true;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == '%' && (text.len - i < 3 || !is_hex(text.p[i + 1]) || !is_hex(text.p[i + 2])))
            return true;
    }
    return false;
}

/* Whether an URL is a link of some v1 API, ours or another proxy's, and so no callback. */
static bool is_link(const struct gn_url *url)
{
    struct gn_str prefix;
    struct gn_str rest;

    return gn_v1_split(url->path, &prefix, &rest) &&
           (gn_str_has_prefix(rest, GN_STR("/subscriptions")) ||
            gn_str_has_prefix(rest, GN_STR("/publishers")));
}

/* Members as strings; absent when missing or null. false: of another type. */
static bool string_member(const json_t *body, const char *key, struct gn_str *value)
{
    json_t *member = gn_json_get_nocase(body, key);

    *value = GN_STR_NONE;
    if (member == NULL)
        return true;
    if (!json_is_string(member))
        return false;
    *value = (struct gn_str){json_string_value(member), json_string_length(member)};
    return true;
}

enum gn_err gn_v1_wish_read(struct gn_str text, struct gn_v1_wish *wish)
{
    struct gn_str location;
    struct gn_url url;
    enum gn_err err;

    *wish = (struct gn_v1_wish){0};
    err = gn_json_parse(text, &gn_v1_limits, &wish->body);
    if (err != GN_OK)
        return err;
    if (!json_is_object(wish->body) || !string_member(wish->body, "resource", &wish->resource) ||
        !string_member(wish->body, "endpointUri", &wish->endpoint) ||
        !string_member(wish->body, "uriLocation", &location))
        return GN_EINVAL;
    if (wish->resource.p == NULL && !string_member(wish->body, "ResourceAddress", &wish->resource))
        return GN_EINVAL;
    /* Old examples have the two URIs the other way round. */
    if (wish->endpoint.len == 0 && gn_url_parse(location, &url) == GN_OK && gn_url_is_web(&url) &&
        !is_link(&url))
        wish->endpoint = location;
    if (wish->endpoint.len == 0 || go_refuses(wish->endpoint))
        wish->endpoint = GN_STR_NONE;
    return GN_OK;
}

/* What stands before the first ':', if Go would take it for a scheme. */
static struct gn_str scheme_of(struct gn_str text)
{
    struct gn_str rest;
    struct gn_str scheme = gn_str_cut(text, ':', &rest);

    for (size_t i = 0; i < scheme.len; i++) {
        char c = (char)(scheme.p[i] | 0x20);
        bool is_letter = c >= 'a' && c <= 'z';

        if (!is_letter && (i == 0 || strchr("0123456789+-.", scheme.p[i]) == NULL))
            return GN_STR("");
    }
    return rest.p == NULL ? GN_STR("") : scheme;
}

bool gn_v1_wish_is_usable(const struct gn_v1_wish *wish, struct gn_buf *problem)
{
    struct gn_str scheme = scheme_of(wish->endpoint);
    struct gn_url url = {0};
    enum gn_err err = gn_url_parse(wish->endpoint, &url);

    if (wish->endpoint.p == NULL || (err == GN_OK && gn_url_is_web(&url)))
        return true;
    if (err == GN_ELIMIT)
        gn_buf_printf(problem, "endpointUri is longer than %d bytes", GN_URL_MAX);
    else if (!gn_str_eq_nocase(scheme, GN_STR("http")) &&
             !gn_str_eq_nocase(scheme, GN_STR("https")))
        gn_buf_printf(problem, "Post \"%.*s\": unsupported protocol scheme \"%.*s\"",
                      (int)wish->endpoint.len, wish->endpoint.p, (int)scheme.len, scheme.p);
    else if (err == GN_OK)
        gn_buf_puts(problem, "endpointUri must not hold user information");
    else
        gn_buf_puts(problem, "endpointUri is no URL that can be posted to");
    return false;
}

void gn_v1_wish_fini(struct gn_v1_wish *wish)
{
    json_decref(wish->body);
    *wish = (struct gn_v1_wish){0};
}
