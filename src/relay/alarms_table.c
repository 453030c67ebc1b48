/* The table of alarms: by id, by BMC, and in order of their last word. */
#include "gurnard/base/text.h"

/* Names come from outside: the hash is keyed. Set before uthash.h is included. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = (unsigned)gn_text_hash((struct gn_str){(const char *)(key), (length)}))
/* Without memory an element is not added; hh.tbl is NULL then. */
#define HASH_NONFATAL_OOM 1

#include "alarms_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- texts ---- */

struct gn_str gn_alarm_name_part(struct gn_str text)
{
    return gn_text_clip(text, GN_ALARMS_NAME_MAX);
}

struct gn_str gn_alarm_long_part(struct gn_str text)
{
    return gn_text_clip(text, GN_ALARMS_TEXT_MAX);
}

/* iLO 5 writes the same path with and without a slash at its end. */
struct gn_str gn_alarm_origin_part(struct gn_str origin)
{
    origin = gn_alarm_long_part(origin);
    while (origin.len > 1 && origin.p[origin.len - 1] == '/')
        origin.len--;
    return origin;
}

static struct gn_str store_text(struct gn_alarm *alarm, struct gn_str part)
{
    char *at = alarm->text + alarm->text_len;

    if (part.len > 0)
        memcpy(at, part.p, part.len);
    alarm->text_len += part.len;
    return (struct gn_str){at, part.len};
}

static void set_message(struct gn_alarm_table *table, struct gn_alarm *alarm, struct gn_str message)
{
    char *copy;

    message = gn_alarm_long_part(message);
    if (gn_str_eq((struct gn_str){alarm->message, alarm->message_len}, message))
        return;
    copy = gn_str_dup(message);
    if (copy == NULL)
        return; /* the earlier one will do */
    free(alarm->message);
    table->bytes += message.len - alarm->message_len;
    alarm->message = copy;
    alarm->message_len = message.len;
}

static void set_event(struct gn_alarm *alarm, struct gn_str event_id)
{
    event_id = gn_alarm_name_part(event_id);
    if (event_id.len > 0)
        memcpy(alarm->event_id, event_id.p, event_id.len);
    alarm->event_id[event_id.len] = '\0';
}

/* ---- BMCs ---- */

struct gn_alarm_bmc *gn_alarm_find_bmc(const struct gn_alarm_table *table, struct gn_str name)
{
    const char *key = name.p == NULL ? "" : name.p;
    struct gn_alarm_bmc *bmc;

    HASH_FIND(hh, table->bmcs, key, name.len, bmc);
    return bmc;
}

static struct gn_alarm_bmc *need_bmc(struct gn_alarm_table *table, struct gn_str name)
{
    struct gn_alarm_bmc *bmc = gn_alarm_find_bmc(table, name);

    if (bmc != NULL)
        return bmc;
    bmc = calloc(1, sizeof(*bmc) + name.len + 1);
    if (bmc == NULL)
        return NULL;
    bmc->name_len = name.len;
    if (name.len > 0)
        memcpy(bmc->name, name.p, name.len);
    for (int i = 0; i < GN_ALARM_LEVELS; i++)
        TAILQ_INIT(&bmc->lists[i]);
    HASH_ADD_KEYPTR(hh, table->bmcs, bmc->name, bmc->name_len, bmc);
    if (bmc->hh.tbl == NULL) {
        free(bmc);
        return NULL;
    }
    table->bytes += name.len;
    return bmc;
}

void gn_alarm_tidy_bmc(struct gn_alarm_table *table, struct gn_alarm_bmc *bmc)
{
    if (bmc->counts[GN_ALARM_WARNING] + bmc->counts[GN_ALARM_CRITICAL] > 0)
        return;
    HASH_DELETE(hh, table->bmcs, bmc); /* NOLINT(clang-analyzer-core.NullDereference) */
    table->bytes -= bmc->name_len;
    free(bmc);
}

/* ---- alarms ---- */

static void link_last(struct gn_alarm_table *table, struct gn_alarm *alarm)
{
    TAILQ_INSERT_TAIL(&alarm->bmc->lists[alarm->level], alarm, of_bmc);
    TAILQ_INSERT_TAIL(&table->lists[alarm->level], alarm, of_all);
    alarm->bmc->counts[alarm->level]++;
    table->counts[alarm->level]++;
}

static void unlink_alarm(struct gn_alarm_table *table, struct gn_alarm *alarm)
{
    TAILQ_REMOVE(&alarm->bmc->lists[alarm->level], alarm, of_bmc);
    TAILQ_REMOVE(&table->lists[alarm->level], alarm, of_all);
    alarm->bmc->counts[alarm->level]--;
    table->counts[alarm->level]--;
}

/* Its BMC stays, though it may have none left. */
void gn_alarm_drop(struct gn_alarm_table *table, struct gn_alarm *alarm)
{
    unlink_alarm(table, alarm);
    HASH_DELETE(hh, table->by_id, alarm); /* NOLINT(clang-analyzer-core.NullDereference) */
    table->bytes -= alarm->text_len + alarm->message_len;
    free(alarm->message);
    free(alarm);
}

static void end_alarm(struct gn_alarm_table *table, struct gn_alarm *alarm)
{
    struct gn_alarm_bmc *bmc = alarm->bmc;

    gn_alarm_drop(table, alarm);
    gn_alarm_tidy_bmc(table, bmc);
}

struct gn_alarm *gn_alarm_find(const struct gn_alarm_table *table, struct gn_str id)
{
    const char *key = id.p == NULL ? "" : id.p;
    struct gn_alarm *alarm;

    HASH_FIND(hh, table->by_id, key, id.len, alarm);
    return alarm;
}

static enum gn_err id_of(struct gn_str bmc, const struct gn_alarm_name *name, struct gn_str origin,
                         struct gn_id *id)
{
    struct gn_buf text = GN_BUF_INIT;
    enum gn_err err;

    gn_buf_add_str(&text, bmc);
    gn_buf_putc(&text, '\n');
    gn_buf_add(&text, name->text, name->len);
    gn_buf_putc(&text, '\n');
    gn_buf_add_str(&text, origin);
    err = gn_buf_err(&text);
    if (err == GN_OK)
        *id = gn_id_v5(gn_buf_str(&text));
    gn_buf_free(&text);
    return err;
}

static int level_of(enum gn_severity severity)
{
    return severity == GN_SEVERITY_CRITICAL ? GN_ALARM_CRITICAL : GN_ALARM_WARNING;
}

static struct gn_alarm *new_alarm(const struct gn_alarm_row *row, const struct gn_id *id,
                                  uint64_t name_hash)
{
    struct gn_str registry = gn_alarm_name_part(row->registry), key = gn_alarm_name_part(row->key);
    struct gn_str origin = gn_alarm_origin_part(row->origin);
    struct gn_alarm *alarm = calloc(1, sizeof(*alarm) + registry.len + key.len + origin.len + 1);

    if (alarm == NULL)
        return NULL;
    alarm->id = *id;
    alarm->name_hash = name_hash;
    alarm->level = level_of(row->severity);
    alarm->raised_ns = row->raised_ns;
    alarm->last_ns = row->last_ns;
    alarm->count = row->count;
    alarm->registry = store_text(alarm, registry);
    alarm->key = store_text(alarm, key);
    alarm->origin = store_text(alarm, origin);
    set_event(alarm, row->event_id);
    return alarm;
}

/* The alarm of this row; NULL: no memory. */
struct gn_alarm *gn_alarm_need(struct gn_alarm_table *table, const struct gn_alarm_row *row)
{
    struct gn_str name = gn_alarm_long_part(row->bmc);
    struct gn_alarm_name message;
    struct gn_alarm_bmc *bmc;
    struct gn_alarm *alarm;
    struct gn_id id;

    gn_alarm_name_of(gn_alarm_name_part(row->registry), gn_alarm_name_part(row->key), &message);
    if (id_of(name, &message, gn_alarm_origin_part(row->origin), &id) != GN_OK)
        return NULL;
    alarm = gn_alarm_find(table, gn_str_of(id.text));
    if (alarm != NULL)
        return alarm;
    bmc = need_bmc(table, name);
    if (bmc == NULL)
        return NULL;
    alarm = new_alarm(row, &id, message.hash);
    if (alarm != NULL)
        HASH_ADD_KEYPTR(hh, table->by_id, alarm->id.text, GN_ID_LEN, alarm);
    if (alarm == NULL || alarm->hh.tbl == NULL) {
        free(alarm);
        gn_alarm_tidy_bmc(table, bmc);
        return NULL;
    }
    alarm->bmc = bmc;
    table->bytes += alarm->text_len;
    link_last(table, alarm);
    set_message(table, alarm, row->message);
    return alarm;
}

/* ---- table ---- */

void gn_alarm_table_init(struct gn_alarm_table *table)
{
    *table = (struct gn_alarm_table){.by_id = NULL};
    for (int i = 0; i < GN_ALARM_LEVELS; i++)
        TAILQ_INIT(&table->lists[i]);
}

void gn_alarm_table_fini(struct gn_alarm_table *table)
{
    for (int i = 0; i < GN_ALARM_LEVELS; i++)
        while (!TAILQ_EMPTY(&table->lists[i]))
            end_alarm(table, TAILQ_FIRST(&table->lists[i]));
}

void gn_alarm_table_move(struct gn_alarm_table *from, struct gn_alarm_table *to)
{
    *to = *from;
    for (int i = 0; i < GN_ALARM_LEVELS; i++) {
        TAILQ_INIT(&to->lists[i]);
        TAILQ_CONCAT(&to->lists[i], &from->lists[i], of_all);
    }
    gn_alarm_table_init(from);
}

enum gn_err gn_alarm_table_add(struct gn_alarm_table *table, const struct gn_alarm_row *row)
{
    return gn_alarm_need(table, row) == NULL ? GN_ENOMEM : GN_OK;
}

struct gn_alarm *gn_alarm_least(struct gn_alarm_list lists[GN_ALARM_LEVELS])
{
    struct gn_alarm *warning = TAILQ_FIRST(&lists[GN_ALARM_WARNING]);

    return warning != NULL ? warning : TAILQ_FIRST(&lists[GN_ALARM_CRITICAL]);
}

/* Of one BMC, then of all. */
uint32_t gn_alarm_trim(struct gn_alarm_table *table, struct gn_alarm_bmc *bmc)
{
    uint32_t dropped = 0;

    for (; bmc->counts[GN_ALARM_WARNING] + bmc->counts[GN_ALARM_CRITICAL] > GN_ALARMS_PER_BMC;
         dropped++)
        gn_alarm_drop(table, gn_alarm_least(bmc->lists));
    for (; table->counts[GN_ALARM_WARNING] + table->counts[GN_ALARM_CRITICAL] > GN_ALARMS_MAX ||
           table->bytes > GN_ALARMS_BYTES_MAX;
         dropped++)
        end_alarm(table, gn_alarm_least(table->lists));
    return dropped;
}

uint32_t gn_alarm_table_trim(struct gn_alarm_table *table)
{
    struct gn_alarm_bmc *bmc, *next;
    uint32_t dropped = 0;

    for (bmc = table->bmcs; bmc != NULL; bmc = next) {
        next = bmc->hh.next;
        while (bmc->counts[GN_ALARM_WARNING] + bmc->counts[GN_ALARM_CRITICAL] > GN_ALARMS_PER_BMC) {
            gn_alarm_drop(table, gn_alarm_least(bmc->lists));
            dropped++;
        }
    }
    if (table->bmcs != NULL)
        dropped += gn_alarm_trim(table, table->bmcs);
    return dropped;
}

static struct gn_alarm_row row_of(const struct gn_alarm *alarm)
{
    return (struct gn_alarm_row){
        .bmc = {alarm->bmc->name, alarm->bmc->name_len},
        .registry = alarm->registry,
        .key = alarm->key,
        .origin = alarm->origin,
        .message = {alarm->message, alarm->message_len},
        .event_id = gn_str_of(alarm->event_id),
        .severity = alarm->level == GN_ALARM_CRITICAL ? GN_SEVERITY_CRITICAL : GN_SEVERITY_WARNING,
        .raised_ns = alarm->raised_ns,
        .last_ns = alarm->last_ns,
        .count = alarm->count,
    };
}

void gn_alarm_table_each(const struct gn_alarm_table *table, gn_alarm_each_fn fn, void *ctx)
{
    const struct gn_alarm *alarm;

    for (int i = 0; i < GN_ALARM_LEVELS; i++)
        TAILQ_FOREACH (alarm, &table->lists[i], of_all) {
            const struct gn_alarm_row row = row_of(alarm);

            fn(ctx, &alarm->id, &row);
        }
}

/* It is there already, and came again. */
void gn_alarm_renew(struct gn_alarm_table *table, struct gn_alarm *alarm,
                    const struct gn_alarm_note *note)
{
    alarm->count++;
    if (note->is_late && note->time_ns < alarm->last_ns) {
        if (note->time_ns < alarm->raised_ns)
            alarm->raised_ns = note->time_ns;
        return;
    }
    unlink_alarm(table, alarm);
    alarm->level = level_of(note->severity);
    alarm->last_ns = note->time_ns;
    link_last(table, alarm);
    set_message(table, alarm, note->message);
    set_event(alarm, note->event_id);
}
