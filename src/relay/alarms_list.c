/* The alarms as somebody asked for them. */
#include "gurnard/relay/alarms.h"

#include "gurnard/base/clock.h"

#include "alarms_priv.h"

static json_t *time_value(int64_t ns)
{
    char text[GN_TIME_TEXT_MAX];

    gn_time_format(ns, text);
    return json_string(text);
}

static json_t *alarm_value(const struct gn_alarm *alarm)
{
    json_t *value = json_object();

    if (value != NULL &&
        (json_object_set_new(value, "id", json_string(alarm->id.text)) |
         json_object_set_new(value, "bmc", json_stringn(alarm->bmc->name, alarm->bmc->name_len)) |
         json_object_set_new(value, "severity",
                             json_string(alarm->level == GN_ALARM_CRITICAL ? "Critical"
                                                                           : "Warning")) |
         json_object_set_new(value, "message_id",
                             json_sprintf("%.*s%s%.*s", (int)alarm->registry.len, alarm->registry.p,
                                          alarm->registry.len > 0 ? "." : "", (int)alarm->key.len,
                                          alarm->key.p)) |
         json_object_set_new(value, "message",
                             json_stringn(alarm->message == NULL ? "" : alarm->message,
                                          alarm->message_len)) |
         json_object_set_new(value, "origin", json_stringn(alarm->origin.p, alarm->origin.len)) |
         json_object_set_new(value, "raised", time_value(alarm->raised_ns)) |
         json_object_set_new(value, "last", time_value(alarm->last_ns)) |
         json_object_set_new(value, "count", json_integer((json_int_t)alarm->count)) |
         json_object_set_new(value, "event", json_string(alarm->event_id))) != 0) {
        json_decref(value);
        return NULL;
    }
    return value;
}

static bool list_level(const struct gn_alarm_table *table, const struct gn_alarm_bmc *bmc,
                       int level, json_t *list)
{
    const struct gn_alarm *alarm;

    if (bmc != NULL) {
        TAILQ_FOREACH_REVERSE(alarm, &bmc->lists[level], gn_alarm_list, of_bmc)
        if (json_array_append_new(list, alarm_value(alarm)) != 0)
            return false;
        return true;
    }
    TAILQ_FOREACH_REVERSE(alarm, &table->lists[level], gn_alarm_list, of_all)
    if (json_array_append_new(list, alarm_value(alarm)) != 0)
        return false;
    return true;
}

json_t *gn_alarms_list(const struct gn_alarms *alarms, struct gn_str name)
{
    const struct gn_alarm_table *table = &alarms->table;
    const struct gn_alarm_bmc *bmc =
        name.p == NULL ? NULL : gn_alarm_find_bmc(table, gn_alarm_long_part(name));
    json_t *list = json_array();
    bool is_whole = list != NULL;

    if (name.p == NULL || bmc != NULL)
        is_whole = is_whole && list_level(table, bmc, GN_ALARM_CRITICAL, list) &&
                   list_level(table, bmc, GN_ALARM_WARNING, list);
    if (!is_whole) {
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:o}", "alarms", list);
}
