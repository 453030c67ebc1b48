/* EventDestinations that a BMC has: where a new one is, what one says, whose it is, and what is to
 * be done about them. How one is asked for is in destination_shape.c. */
#include "gurnard/redfish/destination.h"

#include <stdio.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/url.h"

#include "resource_priv.h"

#define TTL_COUNT_MAX 1000000000LL /* of any unit; more is as good as this */

/* ---- the URI of a new one ---- */

static bool is_behind(const char *path, const char *collection)
{
    const size_t len = strlen(collection);

    return strncmp(path, collection, len) == 0 && path[len] == '/' && path[len + 1] != '\0';
}

static bool ends_with_part(const char *path, const char *part)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && strcmp(slash + 1, part) == 0;
}

/* Id as text: a string or a number (ZT). Not what would name another resource than a member. */
static bool read_id(const json_t *body, char id[64])
{
    const json_t *value = gn_json_get_nocase(body, "Id");

    id[0] = '\0';
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        (void)snprintf(id, 64, "%lld", (long long)json_integer_value(value)); /* always fits */
    else
        gn_resource_copy_whole(id, 64, gn_str_trim(gn_resource_text(body, "Id")));
    return id[0] != '\0' && id[0] != '.' && strpbrk(id, "/?#\\") == NULL;
}

static bool join(const char *base, const char *id, char uri[GN_SERVICE_URI_MAX])
{
    char text[GN_SERVICE_URI_MAX + 64];
    const int len = snprintf(text, sizeof text, "%s/%s", base, id);

    return gn_service_uri((struct gn_str){text, (size_t)len}, uri);
}

static bool uri_of_body(const json_t *body, const char *collection, char uri[GN_SERVICE_URI_MAX])
{
    char own[GN_SERVICE_URI_MAX], id[64];
    const bool has_own = gn_service_link(body, "@odata.id", own);
    const bool has_id = read_id(body, id);

    if (has_own && (is_behind(own, collection) || (has_id && ends_with_part(own, id)))) {
        memcpy(uri, own, sizeof own);
        return true;
    }
    if (has_id && (has_own || collection[0] != '\0'))
        return join(has_own ? own : collection, id, uri);
    return gn_service_uri(gn_resource_text(body, "message"), uri) && strcmp(uri, collection) != 0 &&
           strcmp(uri, "/") != 0;
}

bool gn_destination_created_uri(struct gn_str location, const json_t *body, const char *collection,
                                char uri[GN_SERVICE_URI_MAX])
{
    char base[GN_SERVICE_URI_MAX];

    if (!gn_service_uri(gn_str_of(collection), base))
        base[0] = '\0';
    if (gn_service_uri(location, uri) && strcmp(uri, base) != 0 && strcmp(uri, "/") != 0)
        return true;
    if (uri_of_body(body, base, uri))
        return true;
    uri[0] = '\0';
    return false;
}

/* ---- one that is there ---- */

/* Seconds of a TTLUnits word; 0: no such unit. */
static int64_t unit_s(struct gn_str word)
{
    static const struct {
        const char *word;
        int64_t seconds;
    } units[] = {{"seconds", 1}, {"minutes", 60}, {"hours", 3600}, {"days", 86400}};

    for (size_t i = 0; i < GN_LEN(units); i++) {
        const struct gn_str unit = gn_str_of(units[i].word);

        if (gn_str_eq_nocase(word, unit) ||
            gn_str_eq_nocase(word, (struct gn_str){unit.p, unit.len - 1}))
            return units[i].seconds;
    }
    return 0;
}

static int64_t read_ttl(const json_t *resource)
{
    const json_t *count = gn_json_get_nocase(resource, "TTLCount");
    const int64_t unit = unit_s(gn_resource_text(resource, "TTLUnits"));

    if (!json_is_integer(count) || json_integer_value(count) < 0 || unit == 0)
        return -1;
    if (json_integer_value(count) > TTL_COUNT_MAX)
        return TTL_COUNT_MAX * unit;
    return (int64_t)json_integer_value(count) * unit;
}

static bool is_state_suspended(const char *state)
{
    return gn_str_eq_nocase(gn_str_of(state), GN_STR("Disabled")) ||
           gn_str_eq_nocase(gn_str_of(state), GN_STR("StandbyOffline"));
}

/* Supermicro's slots are there also while they are switched off. */
static bool is_oem_suspended(const json_t *resource)
{
    const json_t *oem = gn_json_get_nocase(resource, "Oem");

    return json_is_false(
        gn_json_get_nocase(gn_json_get_nocase(oem, "Supermicro"), "EnableSubscription"));
}

bool gn_destination_read(const json_t *resource, struct gn_str uri, struct gn_destination *out)
{
    const json_t *actions = gn_json_get_nocase(resource, "Actions");
    const json_t *status = gn_json_get_nocase(resource, "Status");

    memset(out, 0, sizeof *out);
    out->ttl_s = -1;
    if (!json_is_object(resource))
        return false;
    if (!gn_service_uri(uri, out->uri))
        (void)gn_service_link(resource, "@odata.id", out->uri); /* "" without either */
    gn_resource_copy_whole(out->url, sizeof out->url, gn_resource_text(resource, "Destination"));
    gn_resource_copy(out->context, sizeof out->context, gn_resource_text(resource, "Context"));
    gn_resource_copy(out->state, sizeof out->state, gn_resource_text(status, "State"));
    gn_resource_copy(out->policy, sizeof out->policy,
                     gn_resource_text(resource, "DeliveryRetryPolicy"));
    gn_resource_copy(out->type, sizeof out->type, gn_resource_text(resource, "SubscriptionType"));
    (void)gn_service_link(gn_json_get_nocase(actions, "#EventDestination.ResumeSubscription"),
                          "target", out->resume); /* iDRAC offers it only while suspended */
    out->is_suspended = is_state_suspended(out->state) || is_oem_suspended(resource);
    out->ttl_s = read_ttl(resource);
    return true;
}

/* ---- whose it is ---- */

static struct gn_str without_slash(struct gn_str path)
{
    while (path.len > 0 && path.p[path.len - 1] == '/')
        path.len--;
    return path;
}

/* The same place, as BMCs write it back: case of the host, default port, trailing slash. */
static bool is_same_url(const char *a, const char *b)
{
    struct gn_url x, y;

    if (strcmp(a, b) == 0)
        return true;
    if (gn_url_parse(gn_str_of(a), &x) != GN_OK || gn_url_parse(gn_str_of(b), &y) != GN_OK)
        return false;
    return gn_str_eq_nocase(x.scheme, y.scheme) && gn_str_eq(x.userinfo, y.userinfo) &&
           gn_str_eq_nocase(x.host, y.host) && x.port == y.port &&
           gn_str_eq(without_slash(x.path), without_slash(y.path)) && gn_str_eq(x.query, y.query);
}

/* Whether what is behind the authority of url holds token. */
static bool has_token(const char *url, const char *token)
{
    const char *authority = strstr(url, "://");
    const char *path = authority != NULL ? strchr(authority + 3, '/') : NULL;

    return token[0] != '\0' && path != NULL && strstr(path, token) != NULL;
}

static bool has_prefix(const char *context, const char *prefix)
{
    return prefix[0] != '\0' && strncmp(context, prefix, strlen(prefix)) == 0;
}

/* As wanted, not told (iLO), or only the beginning of it. */
static bool is_context_right(const char *context, const char *wanted)
{
    return strncmp(context, wanted, strlen(context)) == 0;
}

enum gn_ownership gn_destination_owned(const struct gn_destination *destination,
                                       const struct gn_destination_owner *owner)
{
    const bool is_there = has_token(destination->url, owner->token);

    if (is_there && is_same_url(destination->url, owner->url) &&
        is_context_right(destination->context, owner->context))
        return GN_OWN_CURRENT;
    if (is_there || has_prefix(destination->context, owner->prefix))
        return GN_OWN_STALE;
    return GN_OWN_NONE;
}

/* ---- what to do ---- */

static bool is_kept(const struct gn_destination *destination,
                    const struct gn_destination_owner *owner, int64_t renew_before_s)
{
    return gn_destination_owned(destination, owner) == GN_OWN_CURRENT &&
           (destination->ttl_s < 0 || destination->ttl_s >= renew_before_s);
}

static size_t find_kept(const struct gn_destination *list, size_t count,
                        const struct gn_destination_owner *owner, int64_t renew_before_s)
{
    size_t keep = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        if (!is_kept(&list[i], owner, renew_before_s))
            continue;
        if (!list[i].is_suspended)
            return i;
        if (keep == SIZE_MAX)
            keep = i;
    }
    return keep;
}

/* Whether the URI at index is also that of the kept one, of somebody else's or of one before: BMCs
 * list members twice, and some give all the same @odata.id. */
static bool is_shared(const struct gn_destination *list, size_t count, size_t index,
                      const struct gn_destination_owner *owner, size_t keep)
{
    for (size_t i = 0; i < count; i++) {
        if (i == index || strcmp(list[i].uri, list[index].uri) != 0)
            continue;
        if (i == keep || i < index || gn_destination_owned(&list[i], owner) == GN_OWN_NONE)
            return true;
    }
    return false;
}

void gn_destination_plan(const struct gn_destination *list, size_t count,
                         const struct gn_destination_owner *owner, int64_t renew_before_s,
                         struct gn_destination_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan->keep = find_kept(list, count, owner, renew_before_s);
    plan->creates = plan->keep == SIZE_MAX;
    plan->resumes = !plan->creates && list[plan->keep].is_suspended;
    for (size_t i = 0; i < count && plan->remove_count < GN_DESTINATION_REMOVE_MAX; i++) {
        if (i == plan->keep || list[i].uri[0] == '\0' ||
            gn_destination_owned(&list[i], owner) == GN_OWN_NONE)
            continue;
        if (!is_shared(list, count, i, owner, plan->keep))
            plan->remove[plan->remove_count++] = i;
    }
}
