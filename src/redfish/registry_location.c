/* The choice among the locations of a MessageRegistryFile. */
#include "gurnard/redfish/registry_location.h"

#include <string.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/json.h"

/* How a language suits, best first. */
enum rank { RANK_EXACT, RANK_NEAR, RANK_EN, RANK_SOME_EN, RANK_DEFAULT, RANK_ANY };

#define RANKS (RANK_ANY + 1)

/* Copies text with a NUL; leaves "" when it is too long. */
static bool copy(struct gn_str text, char *to, size_t room)
{
    to[0] = '\0';
    if (text.len == 0 || text.len >= room)
        return false;
    memcpy(to, text.p, text.len);
    to[text.len] = '\0';
    return true;
}

/* ---- languages ---- */

/* The tag in lower case, with '-' between its parts. */
static struct gn_str plain_tag(struct gn_str tag, char text[GN_REGISTRY_LANGUAGE_MAX])
{
    tag = gn_str_trim(tag);
    if (!copy(tag, text, GN_REGISTRY_LANGUAGE_MAX))
        return GN_STR_NONE;
    for (size_t i = 0; i < tag.len; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] - 'A' + 'a');
        else if (text[i] == '_')
            text[i] = '-';
    }
    return (struct gn_str){text, tag.len};
}

/* What is in front of the first '-'. */
static struct gn_str main_part(struct gn_str tag)
{
    struct gn_str rest;

    return gn_str_cut(tag, '-', &rest);
}

static enum rank rank_of(struct gn_str language, struct gn_str wanted)
{
    char text[GN_REGISTRY_LANGUAGE_MAX], wanted_text[GN_REGISTRY_LANGUAGE_MAX];
    const struct gn_str tag = plain_tag(language, text);
    const struct gn_str wish = plain_tag(wanted, wanted_text);

    if (tag.len == 0 || gn_str_eq(tag, GN_STR("default")))
        return RANK_DEFAULT;
    if (wish.len > 0 && gn_str_eq(tag, wish))
        return RANK_EXACT;
    if (wish.len > 0 && gn_str_eq(main_part(tag), main_part(wish)))
        return RANK_NEAR;
    if (gn_str_eq(tag, GN_STR("en")))
        return RANK_EN;
    return gn_str_eq(main_part(tag), GN_STR("en")) ? RANK_SOME_EN : RANK_ANY;
}

/* ---- locations ---- */

static bool is_web_url(struct gn_str url)
{
    const struct gn_str http = GN_STR("http://"), https = GN_STR("https://");

    for (size_t i = 0; i < url.len; i++) {
        if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7f)
            return false;
    }
    return (url.len > http.len && gn_str_has_prefix(url, http)) ||
           (url.len > https.len && gn_str_has_prefix(url, https));
}

/* Reads one location; false when nothing can be fetched from it. */
static bool read_location(const json_t *value, bool takes_published,
                          struct gn_registry_location *location)
{
    const struct gn_str published = gn_str_trim(gn_json_str(value, "PublicationUri"));

    *location = (struct gn_registry_location){.place = GN_REGISTRY_AT_URI};
    (void)copy(gn_str_trim(gn_json_str(value, "Language")), location->language,
               sizeof location->language); /* an absurd tag is none */
    if (gn_service_link(value, "Uri", location->uri))
        return true;
    if (gn_service_link(value, "ArchiveUri", location->uri)) {
        location->place = GN_REGISTRY_IN_ARCHIVE;
        (void)copy(gn_json_str(value, "ArchiveFile"), location->archive_file,
                   sizeof location->archive_file); /* without name: the first that fits */
        return true;
    }
    location->uri[0] = '\0';
    location->place = GN_REGISTRY_AT_PUBLISHER;
    return takes_published && is_web_url(published) &&
           copy(published, location->url, sizeof location->url);
}

/* Lower is better: places on the BMC before all publishers. */
static unsigned cost_of(const struct gn_registry_location *location, struct gn_str wanted)
{
    unsigned cost = (unsigned)rank_of(gn_str_of(location->language), wanted);

    return location->place == GN_REGISTRY_AT_PUBLISHER ? cost + RANKS : cost;
}

bool gn_registry_location_pick(const json_t *file, struct gn_str wanted, bool takes_published,
                               struct gn_registry_location *location)
{
    const json_t *list = json_object_get(file, "Location");
    const size_t count = json_is_array(list) ? json_array_size(list) : 1;
    unsigned least = UINT32_MAX;

    *location = (struct gn_registry_location){.place = GN_REGISTRY_AT_URI};
    for (size_t i = 0; i < count && i < GN_REGISTRY_LOCATIONS_MAX; i++) {
        const json_t *value = json_is_array(list) ? json_array_get(list, i) : list;
        struct gn_registry_location next;
        unsigned cost;

        if (!read_location(value, takes_published, &next))
            continue;
        cost = cost_of(&next, wanted);
        if (cost < least) {
            least = cost;
            *location = next;
        }
    }
    return least != UINT32_MAX;
}

/* ---- names ---- */

bool gn_registry_location_name(const json_t *file, char name[GN_REGISTRY_NAME_MAX])
{
    const struct gn_str names[] = {
        gn_json_str(file, "Registry"),
        gn_json_str(file, "Id"),
        gn_service_last_part(gn_json_str(file, "@odata.id")),
    };

    name[0] = '\0';
    for (size_t i = 0; i < GN_LEN(names); i++) {
        struct gn_str text = gn_str_trim(names[i]);

        if (gn_str_has_suffix(text, GN_STR(".json")))
            text.len -= sizeof ".json" - 1;
        if (copy(text, name, GN_REGISTRY_NAME_MAX))
            return true;
    }
    return false;
}

/* Whether text holds part, which is in lower case, in any case. */
static bool holds(struct gn_str text, struct gn_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (gn_str_eq_nocase((struct gn_str){text.p + i, part.len}, part))
            return true;
    }
    return false;
}

bool gn_registry_location_is_wanted(struct gn_str name)
{
    static const struct gn_str others[] = {
        GN_STR_INIT("attributeregistry"),
        GN_STR_INIT("attributesregistry"), /* iDRAC's network ports */
        GN_STR_INIT("privilegeregistry"),
        GN_STR_INIT("privilegemap"),
    };

    for (size_t i = 0; i < GN_LEN(others); i++) {
        if (holds(name, others[i]))
            return false;
    }
    return true;
}
