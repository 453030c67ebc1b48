/* What is wrong now: which records raise and end alarms. */
#include "gurnard/relay/alarms.h"

#include <stdlib.h>

#include "alarms_priv.h"

/* ---- life ---- */

struct gn_alarms *gn_alarms_new(struct gn_metrics *metrics)
{
    static const char *const labels[GN_ALARM_LEVELS] = {
        [GN_ALARM_WARNING] = "severity=\"warning\"",
        [GN_ALARM_CRITICAL] = "severity=\"critical\"",
    };
    struct gn_alarms *alarms = calloc(1, sizeof(*alarms));

    if (alarms == NULL)
        return NULL;
    gn_alarm_table_init(&alarms->table);
    if (metrics == NULL)
        return alarms;
    for (int i = 0; i < GN_ALARM_LEVELS; i++)
        alarms->gauges[i] = gn_metrics_gauge(metrics, "gurnard_alarms", labels[i],
                                             "What is wrong now with the BMCs.");
    alarms->forgotten = gn_metrics_counter(metrics, "gurnard_alarms_forgotten_total", NULL,
                                           "Alarms that there was no room for.");
    return alarms;
}

void gn_alarms_free(struct gn_alarms *alarms)
{
    if (alarms == NULL)
        return;
    gn_alarm_table_fini(&alarms->table);
    free(alarms);
}

void gn_alarms_changed(struct gn_alarms *alarms)
{
    alarms->version++;
    for (int i = 0; i < GN_ALARM_LEVELS; i++)
        if (alarms->gauges[i] != NULL)
            gn_metric_set(alarms->gauges[i], alarms->table.counts[i]);
}

/* ---- what a record does ---- */

static bool is_named_by(const struct gn_alarm_logic *logic, const struct gn_alarm *alarm)
{
    for (size_t i = 0; i < logic->name_count; i++)
        if (logic->names[i] == alarm->name_hash)
            return true;
    return false;
}

/* What the records of one note look for among a BMC's alarms. */
struct ending {
    const struct gn_alarm_note *note;
    struct gn_str registry, origin;
    uint64_t name_hash;
    struct gn_alarm_logic logic;
};

static bool is_ended_by(const struct gn_alarm *alarm, const struct ending *ending)
{
    const struct gn_alarm_note *note = ending->note;
    const struct gn_alarm_logic *logic = &ending->logic;
    bool is_there = gn_str_eq(alarm->origin, ending->origin);

    if (note->is_late && alarm->last_ns > note->time_ns)
        return false;
    if (is_there && note->severity == GN_SEVERITY_OK && alarm->name_hash == ending->name_hash)
        return true;
    if (!is_there && !logic->any_origin)
        return false;
    if (logic->clears_all && gn_str_eq_nocase(alarm->registry, ending->registry))
        return true;
    return is_there && is_named_by(logic, alarm);
}

static bool end_what_is_over(struct gn_alarm_table *table, const struct gn_alarm_note *note)
{
    struct gn_alarm_bmc *bmc = gn_alarm_find_bmc(table, gn_alarm_long_part(note->bmc));
    struct gn_alarm *alarm, *next;
    struct gn_alarm_name name;
    struct ending ending = {.note = note};
    bool has_ended = false;

    if (bmc == NULL || (note->clears.len == 0 && note->severity != GN_SEVERITY_OK))
        return false;
    ending.registry = gn_alarm_name_part(note->registry);
    ending.origin = gn_alarm_origin_part(note->origin);
    gn_alarm_name_of(ending.registry, gn_alarm_name_part(note->key), &name);
    ending.name_hash = name.hash;
    gn_alarm_logic_read(note->clears, ending.registry, &ending.logic);
    for (int i = 0; i < GN_ALARM_LEVELS; i++) {
        for (alarm = TAILQ_FIRST(&bmc->lists[i]); alarm != NULL; alarm = next) {
            next = TAILQ_NEXT(alarm, of_bmc);
            if (!is_ended_by(alarm, &ending))
                continue;
            gn_alarm_drop(table, alarm);
            has_ended = true;
        }
    }
    gn_alarm_tidy_bmc(table, bmc);
    return has_ended;
}

static void forget(struct gn_alarms *alarms, uint32_t count)
{
    if (alarms->forgotten != NULL)
        gn_metric_add(alarms->forgotten, count);
}

static void raise(struct gn_alarms *alarms, const struct gn_alarm_note *note)
{
    const struct gn_alarm_row row = {
        .bmc = note->bmc,
        .registry = note->registry,
        .key = note->key,
        .origin = note->origin,
        .message = note->message,
        .event_id = note->event_id,
        .severity = note->severity,
        .raised_ns = note->time_ns,
        .last_ns = note->time_ns,
    };
    struct gn_alarm *alarm = gn_alarm_need(&alarms->table, &row);

    if (alarm == NULL) {
        forget(alarms, 1);
        return;
    }
    if (alarm->count == 0)
        alarm->count = 1;
    else
        gn_alarm_renew(&alarms->table, alarm, note);
    forget(alarms, gn_alarm_trim(&alarms->table, alarm->bmc));
}

void gn_alarms_note(struct gn_alarms *alarms, const struct gn_alarm_note *note)
{
    bool is_raised = !note->is_repeated && (note->severity == GN_SEVERITY_WARNING ||
                                            note->severity == GN_SEVERITY_CRITICAL);
    bool has_ended;

    if (note->key.len == 0)
        return;
    has_ended = end_what_is_over(&alarms->table, note);
    if (is_raised)
        raise(alarms, note);
    if (is_raised || has_ended)
        gn_alarms_changed(alarms);
}

/* ---- by hand ---- */

void gn_alarms_forget(struct gn_alarms *alarms, struct gn_str name)
{
    struct gn_alarm_bmc *bmc = gn_alarm_find_bmc(&alarms->table, gn_alarm_long_part(name));

    if (bmc == NULL)
        return;
    while (bmc->counts[GN_ALARM_WARNING] + bmc->counts[GN_ALARM_CRITICAL] > 0)
        gn_alarm_drop(&alarms->table, gn_alarm_least(bmc->lists));
    gn_alarm_tidy_bmc(&alarms->table, bmc);
    gn_alarms_changed(alarms);
}

enum gn_err gn_alarms_clear(struct gn_alarms *alarms, struct gn_str id)
{
    struct gn_alarm *alarm = gn_alarm_find(&alarms->table, id);
    struct gn_alarm_bmc *bmc;

    if (alarm == NULL)
        return GN_ENOTFOUND;
    bmc = alarm->bmc;
    gn_alarm_drop(&alarms->table, alarm);
    gn_alarm_tidy_bmc(&alarms->table, bmc);
    gn_alarms_changed(alarms);
    return GN_OK;
}

/* ---- questions ---- */

struct gn_alarms_count gn_alarms_count(const struct gn_alarms *alarms, struct gn_str name)
{
    const struct gn_alarm_bmc *bmc;

    if (name.p == NULL)
        return (struct gn_alarms_count){.critical = alarms->table.counts[GN_ALARM_CRITICAL],
                                        .warning = alarms->table.counts[GN_ALARM_WARNING]};
    bmc = gn_alarm_find_bmc(&alarms->table, gn_alarm_long_part(name));
    if (bmc == NULL)
        return (struct gn_alarms_count){.critical = 0};
    return (struct gn_alarms_count){.critical = bmc->counts[GN_ALARM_CRITICAL],
                                    .warning = bmc->counts[GN_ALARM_WARNING]};
}

uint64_t gn_alarms_version(const struct gn_alarms *alarms)
{
    return alarms->version;
}

uint64_t gn_alarms_next(const struct gn_alarms *alarms)
{
    return alarms->next;
}

void gn_alarms_set_next(struct gn_alarms *alarms, uint64_t sequence)
{
    alarms->next = sequence;
}
