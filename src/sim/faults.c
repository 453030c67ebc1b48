#include "gurnard/sim/faults.h"

#include <stdio.h>
#include <string.h>

#include "gurnard/base/json.h"

/* Reading stops at the first thing wrong; all readers do nothing after it. */
struct reader {
    const json_t *wish;
    const char *reason;
};

static const json_t *member(struct reader *reader, const char *key)
{
    return reader->reason == NULL ? json_object_get(reader->wish, key) : NULL;
}

static void read_bool(struct reader *reader, const char *key, const char *complaint, bool *value)
{
    const json_t *given = member(reader, key);

    if (given == NULL)
        return;
    if (json_is_boolean(given))
        *value = json_is_true(given);
    else
        reader->reason = complaint;
}

static void read_number(struct reader *reader, const char *key, const char *complaint, uint32_t max,
                        uint32_t *value)
{
    const json_t *given = member(reader, key);

    if (given == NULL)
        return;
    if (json_is_integer(given) && json_integer_value(given) >= 0 &&
        json_integer_value(given) <= (json_int_t)max)
        *value = (uint32_t)json_integer_value(given);
    else
        reader->reason = complaint;
}

static void read_status(struct reader *reader, struct gn_sim_faults *faults)
{
    uint32_t status = 0;

    if (member(reader, "http_status") == NULL)
        return;
    faults->times = GN_SIM_FOREVER;
    faults->retry_after_s = 0;
    read_number(reader, "http_status", "http_status must be 0 or a status from 200 to 599", 599,
                &status);
    if (status > 0 && status < 200)
        reader->reason = "http_status must be 0 or a status from 200 to 599";
    faults->http_status = (int)status;
    read_number(reader, "times", "times must be a number", GN_SIM_FOREVER - 1, &faults->times);
    read_number(reader, "retry_after", "retry_after must be seconds", 86400,
                &faults->retry_after_s);
}

static void read_path(struct reader *reader, struct gn_sim_faults *faults)
{
    struct gn_str path = gn_json_str(reader->wish, "path");

    if (member(reader, "path") == NULL)
        return;
    if (path.p == NULL || path.len >= sizeof faults->path) {
        reader->reason = "path must be the beginning of a path";
        return;
    }
    (void)snprintf(faults->path, sizeof faults->path, "%.*s", (int)path.len, path.p);
}

static void read_drop(struct reader *reader, struct gn_sim_faults *faults)
{
    const json_t *given = member(reader, "drop");

    if (json_is_boolean(given))
        faults->drops = json_is_true(given) ? GN_SIM_FOREVER : 0;
    else
        read_number(reader, "drop", "drop must be a number, true or false", GN_SIM_FOREVER - 1,
                    &faults->drops);
}

/* The index of the word that is key's value, count when the key is not there. */
static size_t read_word(struct reader *reader, const char *key, const char *complaint,
                        const char *const *words, size_t count)
{
    const json_t *given = member(reader, key);

    if (given == NULL)
        return count;
    for (size_t i = 0; i < count; i++)
        if (gn_str_eq(gn_json_str(reader->wish, key), gn_str_of(words[i])) && json_is_string(given))
            return i;
    reader->reason = complaint;
    return count;
}

static void read_words(struct reader *reader, struct gn_sim_faults *faults)
{
    static const char *const hostilities[] = {
        [GN_SIM_TAME] = "",     [GN_SIM_ENDLESS] = "endless", [GN_SIM_REDIRECT] = "redirect",
        [GN_SIM_LOOP] = "loop", [GN_SIM_TYPES] = "types",     [GN_SIM_BOMB] = "bomb",
        [GN_SIM_HALF] = "half", [GN_SIM_GARBAGE] = "garbage",
    };
    static const char *const answers[] = {
        [GN_SIM_ANSWER_RESOURCE] = "resource",
        [GN_SIM_ANSWER_CREATED] = "created",
        [GN_SIM_ANSWER_ERROR] = "error",
        [GN_SIM_ANSWER_ABSOLUTE] = "absolute",
        [GN_SIM_ANSWER_COLLECTION] = "collection",
        [GN_SIM_ANSWER_BODY] = "body",
        [GN_SIM_ANSWER_EMPTY] = "empty",
        [GN_SIM_ANSWER_PATH] = "path",
        [GN_SIM_ANSWER_TASK] = "task",
        [GN_SIM_ANSWERS] = "",
    };
    size_t at =
        read_word(reader, "hostile", "hostile: no such word", hostilities, GN_LEN(hostilities));

    if (at < GN_LEN(hostilities))
        faults->hostile = (enum gn_sim_hostile)at;
    at = read_word(reader, "answer", "answer: no such word", answers, GN_LEN(answers));
    if (at < GN_LEN(answers))
        faults->answer = (enum gn_sim_answer)at;
}

static void read_reset(struct reader *reader, struct gn_sim_incidents *incidents)
{
    const json_t *given = member(reader, "reset");
    struct reader inner = {.wish = given};

    if (!json_is_object(given)) {
        read_bool(reader, "reset", "reset must be true or an object", &incidents->resets);
        return;
    }
    incidents->resets = true;
    read_bool(&inner, "lose_subscriptions", "lose_subscriptions must be true or false",
              &incidents->loses_subscriptions);
    read_number(&inner, "boot_ms", "boot_ms must be milliseconds", GN_SIM_DELAY_MAX_MS,
                &incidents->boot_ms);
    reader->reason = inner.reason;
}

void gn_sim_faults_init(struct gn_sim_faults *faults)
{
    *faults = (struct gn_sim_faults){.answer = GN_SIM_ANSWERS};
}

enum gn_err gn_sim_faults_read(const json_t *wish, struct gn_sim_faults *faults,
                               struct gn_sim_incidents *incidents, const char **reason)
{
    struct reader reader = {.wish = wish};
    struct gn_sim_faults made = *faults;
    struct gn_sim_incidents once = {0};
    bool clears = false;

    if (!json_is_object(wish))
        reader.reason = "not a JSON object";
    read_bool(&reader, "clear", "clear must be true or false", &clears);
    if (clears)
        gn_sim_faults_init(&made);
    read_path(&reader, &made);
    read_status(&reader, &made);
    read_number(&reader, "delay_ms", "delay_ms must be at most 600000", GN_SIM_DELAY_MAX_MS,
                &made.delay_ms);
    read_drop(&reader, &made);
    read_words(&reader, &made);
    read_bool(&reader, "full", "full must be true or false", &made.is_full);
    read_bool(&reader, "service_disabled", "service_disabled must be true or false",
              &made.is_disabled);
    read_bool(&reader, "alerts_disabled", "alerts_disabled must be true or false",
              &made.has_alerts_off);
    read_bool(&reader, "mute_push", "mute_push must be true or false", &made.mutes_push);
    read_bool(&reader, "mute_sse", "mute_sse must be true or false", &made.mutes_sse);
    read_reset(&reader, &once);
    read_bool(&reader, "drop_subscriptions", "drop_subscriptions must be true or false",
              &once.drops_subscriptions);
    read_bool(&reader, "suspend", "suspend must be true or false", &once.suspends);
    read_bool(&reader, "end_streams", "end_streams must be true or false", &once.ends_streams);
    if (reader.reason != NULL) {
        *reason = reader.reason;
        return GN_EINVAL;
    }
    *faults = made;
    *incidents = once;
    return GN_OK;
}

static bool is_meant(const struct gn_sim_faults *faults, struct gn_str path)
{
    return gn_str_has_prefix(path, gn_str_of(faults->path));
}

/* Whether there was one left; takes it. */
static bool take_one(uint32_t *left)
{
    if (*left == 0)
        return false;
    if (*left != GN_SIM_FOREVER)
        (*left)--;
    return true;
}

enum gn_sim_verdict gn_sim_faults_meet(struct gn_sim_faults *faults, struct gn_str path)
{
    if (!is_meant(faults, path))
        return GN_SIM_MEETS_NOTHING;
    if (take_one(&faults->drops))
        return GN_SIM_MEETS_DROP;
    if (faults->http_status != 0 && take_one(&faults->times))
        return GN_SIM_MEETS_STATUS;
    return GN_SIM_MEETS_NOTHING;
}

uint32_t gn_sim_faults_delay_ms(const struct gn_sim_faults *faults, struct gn_str path)
{
    return is_meant(faults, path) ? faults->delay_ms : 0;
}

enum gn_sim_hostile gn_sim_faults_hostile(const struct gn_sim_faults *faults, struct gn_str path)
{
    return is_meant(faults, path) ? faults->hostile : GN_SIM_TAME;
}

static json_t *wrong_object(json_t *object)
{
    json_t *made = json_object();
    const char *key;
    json_t *value;

    json_object_foreach (object, key, value) {
        json_t *wrong = json_is_object(value) ? json_pack("[o]", gn_sim_wrong_types(value))
                                              : gn_sim_wrong_types(value);

        (void)json_object_set_new(made, key, wrong); /* what has no room is missing: wrong too */
    }
    return made;
}

json_t *gn_sim_wrong_types(json_t *body)
{
    switch (json_typeof(body)) {
    case JSON_OBJECT:
        return wrong_object(body);
    case JSON_ARRAY:
        return json_pack("{s:i}", "count", (int)json_array_size(body));
    case JSON_STRING:
        return json_integer((json_int_t)json_string_length(body));
    case JSON_INTEGER:
    case JSON_REAL:
        return json_string("many");
    case JSON_TRUE:
    case JSON_FALSE:
        return json_array();
    case JSON_NULL:
        break;
    }
    return json_true();
}
