/* Registries: the collection, the files that tell where a registry lies, and the registries: Base,
 * the vendor's own, and those that are none of messages. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_priv.h"

#define REGISTRIES_URI SIM_ROOT "/Registries"
#define BASE_ID        "BaseMessages"
#define BASE_URI       REGISTRIES_URI "/BaseMessages/Base.1.8.1.json"
#define BIOS_ID        "BiosAttributeRegistry.v1_0_0"
#define BIOS_URI       REGISTRIES_URI "/Bios/BiosAttributes.json"
#define RIGHTS_ID      "Redfish_1.3.0_PrivilegeRegistry"
#define RIGHTS_URI     REGISTRIES_URI "/Rights/Privileges.json"
#define BOMB_BYTES     (UINT64_C(512) << 20)

enum kind { KIND_BASE, KIND_OWN, KIND_BIOS, KIND_RIGHTS, KINDS };

struct place {
    char id[96]; /* "": there is none */
    const char *registry, *uri;
};

static void name_place(const struct gn_sim_profile *p, enum kind kind, struct place *place)
{
    const bool has_more = (p->habits & GN_SIM_ATTRIBUTES) != 0;

    switch (kind) {
    case KIND_BASE:
        *place = (struct place){BASE_ID, "Base.1.8.1", BASE_URI};
        return;
    case KIND_OWN:
        *place = (struct place){.uri = p->registry_uri};
        if (p->registry_id != NULL)
            (void)snprintf(place->id, sizeof place->id, "%s", p->registry_id);
        else
            (void)snprintf(place->id, sizeof place->id, "%s.%s", p->registry, p->version);
        return;
    case KIND_BIOS:
        *place = (struct place){"", "BiosAttributeRegistry.1.0.0", BIOS_URI};
        (void)snprintf(place->id, sizeof place->id, "%s", has_more ? BIOS_ID : "");
        return;
    case KIND_RIGHTS:
    case KINDS:
        *place = (struct place){"", "PrivilegeRegistry.1.3.0", RIGHTS_URI};
        (void)snprintf(place->id, sizeof place->id, "%s", has_more ? RIGHTS_ID : "");
        return;
    }
}

void gn_sim_get_registries(struct sim_visit *visit)
{
    json_t *members = json_array();

    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct place place;

        name_place(visit->bmc->profile, (enum kind)kind, &place);
        if (place.id[0] != '\0')
            (void)json_array_append_new(members, gn_sim_link(REGISTRIES_URI "/%s", place.id));
    }
    gn_sim_ok(visit, gn_sim_collection(REGISTRIES_URI, "MessageRegistryFileCollection",
                                       "Registries", members));
}

static json_t *location_of(const struct gn_sim_profile *p, enum kind kind,
                           const struct place *place)
{
    const bool is_own = kind == KIND_OWN;
    json_t *made = json_pack("{s:s}", "Language", "en");

    if (is_own && (p->habits & GN_SIM_ARCHIVE) != 0) {
        gn_sim_put(made, "ArchiveUri", "%s", place->uri);
        gn_sim_put(made, "ArchiveFile", "%s.%s.json", p->registry, p->version);
    } else if ((p->habits & GN_SIM_EXTREF) != 0) {
        (void)json_object_set_new(made, "Uri", json_pack("{s:s}", "extref", place->uri));
    } else {
        gn_sim_put(made, "Uri", "%s", place->uri);
    }
    if (is_own && (p->habits & GN_SIM_PUBLICATION) != 0)
        gn_sim_put(made, "PublicationUri", "https://registries.example.net/%s.json", p->registry);
    return made;
}

/* ---- contents ---- */

static json_t *message(const char *text, unsigned args, const char *severity,
                       const char *resolution)
{
    json_t *types = json_array();

    for (unsigned i = 0; i < args; i++)
        (void)json_array_append_new(types, json_string("string"));
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:s}", "Description", text, "Message", text,
                     "Severity", severity, "MessageSeverity", severity, "NumberOfArgs", (int)args,
                     "ParamTypes", types, "Resolution", resolution);
}

/* The keys that a topic clears, as the profile spells them. */
static json_t *cleared(const struct gn_sim_profile *p, const char *words)
{
    json_t *keys = json_array();
    struct gn_str word;

    while ((word = gn_sim_next_word(&words)).p != NULL)
        (void)json_array_append_new(keys,
                                    json_string(gn_sim_topic_key(p, gn_sim_topic_find(word))));
    return keys;
}

static void add_topics(const struct gn_sim_profile *p, json_t *messages)
{
    const struct sim_topic *topic;

    for (size_t i = 0; (topic = gn_sim_topic_at(i)) != NULL; i++) {
        json_t *row =
            message(topic->text, topic->args, gn_severity_text(topic->severity), topic->resolution);

        if (topic->clears[0] != '\0')
            (void)json_object_set_new(row, "ClearingLogic",
                                      json_pack("{s:s, s:o}", "ClearsIf", "SameOriginOfCondition",
                                                "ClearsMessage", cleared(p, topic->clears)));
        (void)json_object_set_new(messages, gn_sim_topic_key(p, topic), row);
    }
    if (p->one_key != NULL)
        (void)json_object_set_new(messages, p->one_key,
                                  message("Something was logged.", 0, "Warning", "None."));
    (void)json_object_set_new(messages, "CPU0002",
                              message("CPU %1 was not found where it should be.", 1, "Critical",
                                      "Look for it."));
}

/* Made-up messages, so that the registry has the size of real ones. */
static void add_filler(const struct gn_sim_profile *p, json_t *messages)
{
    static const char *const severities[] = {"OK", "Warning", "Critical"};
    char key[32], text[400];

    for (uint32_t i = 0; i < p->filler; i++) {
        (void)snprintf(key, sizeof key, p->has_vendor_keys ? "SIM%04" PRIu32 : "Sample%" PRIu32, i);
        (void)snprintf(text, sizeof text,
                       "Sample %" PRIu32 " of what %%1 may report of part %%2. It stands in the "
                       "registry so that this is as long as those of real machines; nothing of "
                       "the kind ever happens in a simulation.",
                       i);
        (void)json_object_set_new(messages, key,
                                  message(text, 2, severities[i % GN_LEN(severities)],
                                          "Nothing needs to be done."));
    }
}

static json_t *registry(const char *id, const char *prefix, const char *version, json_t *messages)
{
    json_t *made = json_object();

    gn_sim_put(made, "@odata.type", "#MessageRegistry.v1_4_0.MessageRegistry");
    gn_sim_put(made, "Id", "%s", id);
    gn_sim_put(made, "Name", "Messages of a simulated BMC");
    gn_sim_put(made, "Language", "en");
    gn_sim_put(made, "RegistryPrefix", "%s", prefix);
    gn_sim_put(made, "RegistryVersion", "%s", version);
    gn_sim_put(made, "OwningEntity", "gurnard");
    (void)json_object_set_new(made, "Messages", messages);
    return made;
}

static json_t *own_registry(const struct gn_sim_profile *p)
{
    json_t *messages = json_object();
    char id[96];

    add_topics(p, messages);
    add_filler(p, messages);
    (void)snprintf(id, sizeof id, "%s.%s", p->registry, p->version);
    return registry(id, p->registry, p->version, messages);
}

/* One that is no message registry: whoever reads all must leave it out. */
static json_t *other_registry(const char *type, const char *id)
{
    json_t *made = json_object();

    gn_sim_put(made, "@odata.type", "#%s.v1_3_0.%s", type, type);
    gn_sim_put(made, "Id", "%s", id);
    gn_sim_put(made, "Name", "No messages");
    gn_sim_put(made, "Language", "en");
    (void)json_object_set_new(made, "RegistryEntries", json_pack("{s:[]}", "Attributes"));
    return made;
}

static bool accepts_gzip(struct gn_str encodings)
{
    return encodings.p != NULL && memmem(encodings.p, encodings.len, "gzip", 4) != NULL;
}

/* Sends the text as the request and the profile want it: plain, gzip, or an archive. */
static void send(struct sim_visit *visit, json_t *made, bool is_archive)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    const bool is_bomb =
        gn_sim_faults_hostile(&visit->bmc->faults, visit->request->path) == GN_SIM_BOMB;
    char *text = json_dumps(made, JSON_INDENT(2));
    const struct gn_str data = gn_str_of(text);
    struct sim_reply *reply = visit->reply;
    char name[96];

    (void)snprintf(name, sizeof name, "%s.%s.json", p->registry, p->version);
    reply->type = "application/json";
    if (is_archive) {
        reply->type = "application/zip";
        if (is_bomb)
            gn_sim_zip_bomb(name, BOMB_BYTES, &reply->bytes);
        else
            gn_sim_zip(name, data, &reply->bytes);
    } else if (is_bomb || accepts_gzip(visit->request->accept_encoding)) {
        gn_sim_reply_header(reply, "Content-Encoding", "gzip");
        if (is_bomb)
            gn_sim_gzip_bomb(BOMB_BYTES, &reply->bytes);
        else
            gn_sim_gzip(data, &reply->bytes);
    } else {
        gn_buf_add_str(&reply->bytes, data);
    }
    free(text);
    json_decref(made);
}

bool gn_sim_is_registry(const struct gn_sim_profile *profile, struct gn_str path)
{
    return gn_str_eq(path, gn_str_of(profile->registry_uri));
}

void gn_sim_get_registry(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    char etag[64];

    /* The content never changes: a client that asks again hears so. */
    (void)snprintf(etag, sizeof etag, "\"%s-%s\"", p->name, p->version);
    gn_sim_reply_header(visit->reply, "ETag", "%s", etag);
    if (gn_str_eq(visit->request->if_none_match, gn_str_of(etag))) {
        visit->reply->status = 304;
        return;
    }
    send(visit, own_registry(p), (p->habits & GN_SIM_ARCHIVE) != 0);
}

void gn_sim_get_registry_file(struct sim_visit *visit)
{
    const struct gn_sim_profile *p = visit->bmc->profile;
    const struct gn_str path = visit->request->path;
    const struct gn_str id = visit->segments[1];

    if (gn_str_eq(path, GN_STR(BASE_URI))) {
        send(visit, registry("Base.1.8.1", "Base", "1.8.1", gn_sim_base_messages()), false);
        return;
    }
    if (gn_str_eq(path, GN_STR(BIOS_URI))) {
        send(visit, other_registry("AttributeRegistry", BIOS_ID), false);
        return;
    }
    if (gn_str_eq(path, GN_STR(RIGHTS_URI))) {
        send(visit, other_registry("PrivilegeRegistry", RIGHTS_ID), false);
        return;
    }
    for (unsigned kind = 0; kind < KINDS && visit->count == 2; kind++) {
        struct place place;
        char uri[160];
        json_t *made;

        name_place(p, (enum kind)kind, &place);
        if (place.id[0] == '\0' || !gn_str_eq(id, gn_str_of(place.id)))
            continue;
        (void)snprintf(uri, sizeof uri, REGISTRIES_URI "/%s", place.id);
        made = gn_sim_resource(uri, "MessageRegistryFile.v1_1_0.MessageRegistryFile", place.id,
                               "Where a registry lies");
        if (place.registry != NULL)
            gn_sim_put(made, "Registry", "%s", place.registry);
        else
            gn_sim_put(made, "Registry", "%s.%s", p->registry, p->version);
        (void)json_object_set_new(made, "Languages", json_pack("[s]", "en"));
        (void)json_object_set_new(made, "Location",
                                  json_pack("[o]", location_of(p, (enum kind)kind, &place)));
        gn_sim_ok(visit, made);
        return;
    }
    gn_sim_error(visit, 404, "ResourceMissingAtURI", "this path", NULL);
}
