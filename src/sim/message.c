/* JSON of resources and of messages: what many answers have in common. */
#include "sim_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gurnard/base/defs.h"
#include "gurnard/redfish/message_text.h"

#define TEXT_MAX  1024
#define BASE_NAME "Base.1.8"
#define ILO_NAME  "iLO.2.14"
#define ARGS_MAX  3

struct message {
    const char *key, *text, *severity;
    unsigned args;
};

/* clang-format off */
static const struct message messages[] = {
    {"Success", "The request was carried out.", "OK", 0},
    {"Created", "The resource was made.", "OK", 0},
    {"GeneralError", "Something went wrong.", "Critical", 0},
    {"MalformedJSON", "The body is no JSON object.", "Critical", 0},
    {"NoValidSession", "A login is needed.", "Critical", 0},
    {"InsufficientPrivilege", "The login may not do that.", "Critical", 0},
    {"ResourceNotFound", "There is no %1 named %2.", "Critical", 2},
    {"ResourceMissingAtURI", "Nothing is at %1.", "Critical", 1},
    {"ResourceAlreadyExists", "A %1 with %2 of %3 is there already.", "Critical", 3},
    {"ActionNotSupported", "%1 cannot be done here.", "Critical", 1},
    {"ActionParameterMissing", "The action %1 needs the parameter %2.", "Critical", 2},
    {"ActionParameterUnknown", "The action %1 knows no parameter %2.", "Warning", 2},
    {"PropertyMissing", "The property %1 is needed.", "Warning", 1},
    {"PropertyUnknown", "The property %1 is not known here.", "Warning", 1},
    {"PropertyNotWritable", "The property %1 may not be written.", "Warning", 1},
    {"PropertyNotWritableOrUnknown", "The property %1 is unknown or may not be written.",
     "Warning", 1},
    {"PropertyValueTypeError", "The value %1 of %2 is of the wrong type.", "Warning", 2},
    {"PropertyValueNotInList", "The value %1 of %2 is none of those allowed.", "Warning", 2},
    {"PropertyValueFormatError", "The value %1 of %2 has the wrong form.", "Warning", 2},
    {"PropertyValueConflict", "%1 cannot go together with %2.", "Warning", 2},
    {"PropertyValueModified", "The value %1 of %2 is taken already.", "Warning", 2},
    {"EventSubscriptionLimitExceeded", "No further subscription is possible.", "Critical", 0},
    {"SessionLimitExceeded", "No further session is possible.", "Critical", 0},
    {"ServiceDisabled", "The service at %1 is off.", "Warning", 1},
    {"ServiceTemporarilyUnavailable", "Try again in %1 seconds.", "Critical", 1},
    {"EventBufferExceeded", "Events were lost because the buffer was too short.", "Critical", 0},
    {"PreconditionFailed", "The resource is another by now.", "Critical", 0},
    {"PreconditionRequired", "The header If-Match is needed.", "Critical", 0},
};
/* clang-format on */

void gn_sim_put(json_t *object, const char *key, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* What is not UTF-8 is left out; no memory ends the process. */
    (void)json_object_set_new(object, key, json_string(text));
}

void gn_sim_put_link(json_t *object, const char *key, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)json_object_set_new(object, key, gn_sim_link("%s", text));
}

json_t *gn_sim_link(const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return json_pack("{s:s}", "@odata.id", text);
}

json_t *gn_sim_resource(const char *uri, const char *type, const char *id, const char *name)
{
    json_t *made = json_object();

    gn_sim_put(made, "@odata.id", "%s", uri);
    gn_sim_put(made, "@odata.type", "#%s", type);
    if (id != NULL)
        gn_sim_put(made, "Id", "%s", id);
    gn_sim_put(made, "Name", "%s", name);
    return made;
}

json_t *gn_sim_collection(const char *uri, const char *type, const char *name, json_t *members)
{
    char full[80];
    json_t *made;

    (void)snprintf(full, sizeof full, "%s.%s", type, type);
    made = gn_sim_resource(uri, full, NULL, name);
    (void)json_object_set_new(made, "Members@odata.count",
                              json_integer((json_int_t)json_array_size(members)));
    (void)json_object_set_new(made, "Members", members);
    return made;
}

json_t *gn_sim_words(const char *words)
{
    json_t *array = json_array();
    struct gn_str word;

    while ((word = gn_sim_next_word(&words)).p != NULL)
        (void)json_array_append_new(array, json_stringn(word.p, word.len));
    return array;
}

void gn_sim_ok(struct sim_visit *visit, json_t *body)
{
    visit->reply->status = 200;
    visit->reply->body = body;
}

static const struct message *find(const char *key)
{
    for (size_t i = 0; i < GN_LEN(messages); i++)
        if (strcmp(messages[i].key, key) == 0)
            return &messages[i];
    return &messages[0];
}

json_t *gn_sim_message(const struct sim_bmc *bmc, const char *key, const char *const *args,
                       const char *property)
{
    const struct message *row = find(key);
    const bool is_ilo = (bmc->profile->habits & GN_SIM_ERRORS_ILO) != 0;
    json_t *made = json_object(), *list = json_array();
    struct gn_str views[ARGS_MAX];
    struct gn_buf text = GN_BUF_INIT;
    size_t count = 0;

    for (; count < ARGS_MAX && args != NULL && args[count] != NULL; count++) {
        views[count] = gn_str_of(args[count]);
        (void)json_array_append_new(list, json_string(args[count]));
    }
    gn_message_text(gn_str_of(row->text), views, count, &text);
    gn_sim_put(made, "MessageId", "%s.%s", is_ilo ? ILO_NAME : BASE_NAME, key);
    (void)json_object_set_new(made, "MessageArgs", list);
    if (is_ilo) { /* iLO leaves texts to whoever has the registry */
        gn_buf_free(&text);
        return made;
    }
    gn_sim_put(made, "@odata.type", "#Message.v1_1_1.Message");
    gn_sim_put(made, "Message", "%s", text.data == NULL ? "" : text.data);
    gn_sim_put(made, "MessageSeverity", "%s", row->severity);
    gn_sim_put(made, "Severity", "%s", row->severity);
    gn_sim_put(made, "Resolution", "None.");
    if (property != NULL)
        (void)json_object_set_new(made, "RelatedProperties", json_pack("[s+]", "#/", property));
    gn_buf_free(&text);
    return made;
}

/* {"error":{"code","message","@Message.ExtendedInfo":[message]}}; takes message. */
static json_t *wrap(const struct sim_bmc *bmc, json_t *message)
{
    const bool is_ilo = (bmc->profile->habits & GN_SIM_ERRORS_ILO) != 0;

    return json_pack("{s:{s:s, s:s, s:[o]}}", "error", "code",
                     is_ilo ? "iLO.0.10.ExtendedInfo" : BASE_NAME ".GeneralError", "message",
                     "See @Message.ExtendedInfo for more.", "@Message.ExtendedInfo", message);
}

static void answer(struct sim_visit *visit, int status, const char *key, const char *const *args,
                   const char *property)
{
    const struct sim_bmc *bmc = visit->bmc;
    json_t *message = gn_sim_message(bmc, key, args, property);
    char annotated[128];

    json_decref(visit->reply->body);
    visit->reply->status = status;
    /* bmcweb says what is wrong with a property beside the property. */
    if (property != NULL && (bmc->profile->habits & GN_SIM_ERRORS_BESIDE) != 0) {
        (void)snprintf(annotated, sizeof annotated, "%s@Message.ExtendedInfo", property);
        visit->reply->body = json_pack("{s:[o]}", annotated, message);
        return;
    }
    visit->reply->body = wrap(bmc, message);
}

void gn_sim_error(struct sim_visit *visit, int status, const char *key, const char *arg,
                  const char *property)
{
    const char *const args[] = {arg, NULL};

    answer(visit, status, key, args, property);
}

void gn_sim_error2(struct sim_visit *visit, int status, const char *key, const char *arg1,
                   const char *arg2, const char *property)
{
    const char *const args[] = {arg1, arg2, NULL};

    answer(visit, status, key, args, property);
}

json_t *gn_sim_success(const struct sim_bmc *bmc, const char *key, bool as_error)
{
    json_t *message = gn_sim_message(bmc, key, NULL, NULL);

    return as_error ? wrap(bmc, message) : json_pack("{s:[o]}", "@Message.ExtendedInfo", message);
}

json_t *gn_sim_base_messages(void)
{
    json_t *made = json_object();

    for (size_t i = 0; i < GN_LEN(messages); i++) {
        json_t *types = json_array();
        const struct message *row = &messages[i];

        for (unsigned arg = 0; arg < row->args; arg++)
            (void)json_array_append_new(types, json_string("string"));
        (void)json_object_set_new(
            made, row->key,
            json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:s}", "Description", row->text, "Message",
                      row->text, "Severity", row->severity, "MessageSeverity", row->severity,
                      "NumberOfArgs", (int)row->args, "ParamTypes", types, "Resolution", "None."));
    }
    return made;
}
