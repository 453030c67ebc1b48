/* The settings table at run time: rows, values from texts, names. */
#include "gurnard/app/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"
#include "gurnard/base/log.h"
#include "gurnard/app/tree.h"
#include "settings_priv.h"

#define ROW(kind, field, path, fallback, low, high, flags, environment, help)                      \
    {SETTING_##kind,                                                                               \
     offsetof(struct gn_settings, field),                                                          \
     path,                                                                                         \
     fallback,                                                                                     \
     low,                                                                                          \
     high,                                                                                         \
     flags,                                                                                        \
     environment,                                                                                  \
     help},

const struct setting_row gn_setting_rows[SETTING_COUNT] = {GN_SETTINGS_TABLE(ROW)};

const struct setting_row *gn_setting_by_path(struct gn_str path)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (gn_str_eq(path, gn_str_of(gn_setting_rows[i].path)))
            return &gn_setting_rows[i];
    return NULL;
}

bool gn_setting_is_text(const struct setting_row *row)
{
    return row->kind == SETTING_TEXT || row->kind == SETTING_CHOICE || row->kind == SETTING_TREE;
}

static void spell(const char *prefix, const char *path, char joint, bool is_upper,
                  char name[SETTING_NAME_MAX])
{
    size_t at = strlen(prefix);

    GN_ASSERT(at + strlen(path) < SETTING_NAME_MAX);
    memcpy(name, prefix, at);
    for (const char *c = path; *c != '\0'; c++) {
        int out = *c == '.' || *c == '_' ? joint : *c;

        name[at++] = (char)(is_upper ? toupper(out) : out);
    }
    name[at] = '\0';
}

void gn_setting_flag(const struct setting_row *row, char name[SETTING_NAME_MAX])
{
    spell("", row->path, '-', false, name);
}

void gn_setting_variable(const struct setting_row *row, char name[SETTING_NAME_MAX])
{
    spell("GURNARD_", row->path, '_', true, name);
}

bool gn_setting_in_list(const char *list, struct gn_str name)
{
    struct gn_str rest = gn_str_of(list);

    while (rest.len > 0)
        if (gn_str_eq(gn_str_cut(rest, ',', &rest), name) && name.len > 0)
            return true;
    return false;
}

/* ---- numbers ---- */

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit no_units[] = {{"", 1}};
static const struct unit size_units[] = {
    {"", 1}, {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}};

static const struct unit *units_of(enum setting_kind kind, size_t *count)
{
    if (kind == SETTING_SIZE) {
        *count = GN_LEN(size_units);
        return size_units;
    }
    *count = GN_LEN(no_units);
    return no_units;
}

bool gn_setting_parse_number(enum setting_kind kind, struct gn_str text, uint64_t *value)
{
    size_t digits = 0;
    size_t count;
    const struct unit *units = units_of(kind, &count);
    unsigned long long number;

    if (kind == SETTING_DURATION)
        return gn_duration_parse(text, value) == GN_OK;
    while (digits < text.len && isdigit((unsigned char)text.p[digits]))
        digits++;
    if (!gn_str_to_u64((struct gn_str){text.p, digits}, 1ULL << 40, &number))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct gn_str unit = {text.p + digits, text.len - digits};

        if (gn_str_eq(unit, gn_str_of(units[i].name)) && number <= UINT64_MAX / units[i].factor) {
            *value = number * units[i].factor;
            return true;
        }
    }
    return false;
}

static const char *form_of(enum setting_kind kind)
{
    if (kind == SETTING_SIZE)
        return "a size like 512, 64KiB or 4MiB";
    return kind == SETTING_DURATION ? "a duration like 250ms, 10s, 5m or 24h" : "a number";
}

static enum gn_err set_number(uint64_t *field, const struct setting_row *row, struct gn_str text,
                              struct gn_buf *what)
{
    uint64_t value;
    uint64_t bound;

    if (!gn_setting_parse_number(row->kind, text, &value)) {
        gn_buf_printf(what, "%s: \"%.*s\" is not %s", row->path, (int)text.len, text.p,
                      form_of(row->kind));
        return GN_EINVAL;
    }
    if ((gn_setting_parse_number(row->kind, gn_str_of(row->low), &bound) && value < bound) ||
        (gn_setting_parse_number(row->kind, gn_str_of(row->high), &bound) && value > bound)) {
        gn_buf_printf(what, "%s: %.*s is not between %s and %s", row->path, (int)text.len, text.p,
                      row->low, row->high);
        return GN_EINVAL;
    }
    *field = value;
    return GN_OK;
}

/* ---- texts ---- */

/* Wiped, for one of them is a password. */
static void drop_text(char **field)
{
    if (*field != NULL)
        explicit_bzero(*field, strlen(*field));
    free(*field);
    *field = NULL;
}

static enum gn_err set_text(char **field, struct gn_str text)
{
    char *copy = gn_str_dup(text.p == NULL ? GN_STR("") : text);

    if (copy == NULL)
        return GN_ENOMEM;
    drop_text(field);
    *field = copy;
    return GN_OK;
}

/* Finds text among the words of choices in any case. */
static struct gn_str find_choice(const char *choices, struct gn_str text)
{
    struct gn_str rest = gn_str_of(choices);

    while (rest.len > 0) {
        struct gn_str word = gn_str_cut(rest, '|', &rest);

        if (gn_str_eq_nocase(word, text))
            return word;
    }
    return GN_STR_NONE;
}

/* The replaced programs have more names for the levels of the log. */
static struct gn_str find_level(struct gn_str text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    enum gn_log_level level;
    char word[16];

    if (text.len >= sizeof word)
        return GN_STR_NONE;
    memcpy(word, text.p, text.len);
    word[text.len] = '\0';
    return gn_log_level_parse(word, &level) == GN_OK ? gn_str_of(names[level]) : GN_STR_NONE;
}

static enum gn_err set_choice(char **field, const struct setting_row *row, struct gn_str text,
                              struct gn_buf *what)
{
    struct gn_str word = find_choice(row->high, text);

    if (word.p == NULL && text.len > 0 && strcmp(row->path, "log.level") == 0)
        word = find_level(text);
    if (word.p == NULL) {
        gn_buf_printf(what, "%s: \"%.*s\" is none of %s", row->path, (int)text.len, text.p,
                      row->high);
        return GN_EINVAL;
    }
    return set_text(field, word);
}

static void free_list(struct gn_setting_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    *list = (struct gn_setting_list){0};
}

enum gn_err gn_setting_set_list(struct gn_settings *settings, const struct setting_row *row,
                                const struct gn_str *items, size_t count)
{
    struct gn_setting_list *field = (void *)((char *)settings + row->offset);
    struct gn_setting_list fresh = {0};

    GN_ASSERT(row->kind == SETTING_LIST);
    if (count > GN_SETTINGS_LIST_MAX)
        return GN_ELIMIT;
    for (size_t i = 0; i < count; i++) {
        fresh.items[i] = gn_str_dup(items[i]);
        fresh.count = i + 1;
        if (fresh.items[i] == NULL) {
            free_list(&fresh);
            return GN_ENOMEM;
        }
    }
    free_list(field);
    *field = fresh;
    return GN_OK;
}

static enum gn_err set_list_text(struct gn_settings *settings, const struct setting_row *row,
                                 struct gn_str text, struct gn_buf *what)
{
    struct gn_str items[GN_SETTINGS_LIST_MAX + 1];
    struct gn_str rest = text;
    size_t count = 0;
    enum gn_err err;

    while (rest.len > 0 && count < GN_LEN(items)) {
        struct gn_str item = gn_str_trim(gn_str_cut(rest, ',', &rest));

        if (item.len > 0)
            items[count++] = item;
    }
    err = gn_setting_set_list(settings, row, items, count);
    if (err != GN_ELIMIT)
        return err;
    gn_buf_printf(what, "%s: more than %d entries", row->path, GN_SETTINGS_LIST_MAX);
    return GN_EINVAL;
}

enum gn_err gn_setting_set_tree(struct gn_settings *settings, const struct setting_row *row,
                                struct gn_str json)
{
    char **field = (void *)((char *)settings + row->offset);

    GN_ASSERT(row->kind == SETTING_TREE);
    return set_text(field, gn_str_eq(json, GN_STR("null")) ? gn_str_of(row->fallback) : json);
}

static enum gn_err set_tree_text(struct gn_settings *settings, const struct setting_row *row,
                                 struct gn_str text, struct gn_buf *what)
{
    static const struct gn_tree_limits limits = {GN_SETTINGS_TREE_MAX, GN_SETTINGS_TREE_DEPTH};
    struct gn_tree_fault fault;
    char *json = NULL;
    enum gn_err err;

    if (text.len == 0)
        return gn_setting_set_tree(settings, row, GN_STR("null"));
    err = gn_tree_from_json(text, &limits, &json, &fault);
    if (err == GN_EINVAL)
        gn_buf_printf(what, "%s: %s in line %zu, column %zu", row->path, fault.what, fault.line,
                      fault.column);
    if (err == GN_OK)
        err = gn_setting_set_tree(settings, row, gn_str_of(json));
    free(json);
    return err;
}

enum gn_err gn_setting_set(struct gn_settings *settings, const struct setting_row *row,
                           struct gn_str text, struct gn_buf *what)
{
    void *field = (char *)settings + row->offset;

    if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL) {
        gn_buf_printf(what, "%s: a NUL byte", row->path);
        return GN_EINVAL;
    }
    switch (row->kind) {
    case SETTING_TEXT:
        return set_text(field, text);
    case SETTING_CHOICE:
        return set_choice(field, row, text, what);
    case SETTING_LIST:
        return set_list_text(settings, row, text, what);
    case SETTING_TREE:
        return set_tree_text(settings, row, text, what);
    case SETTING_NUMBER:
    case SETTING_SIZE:
    case SETTING_DURATION:
        break;
    }
    return set_number(field, row, text, what);
}

enum gn_err gn_settings_defaults(struct gn_settings *settings)
{
    struct gn_buf what = GN_BUF_INIT;
    enum gn_err err = GN_OK;

    for (size_t i = 0; i < SETTING_COUNT && err == GN_OK; i++)
        err = gn_setting_set(settings, &gn_setting_rows[i], gn_str_of(gn_setting_rows[i].fallback),
                             &what);
    GN_ASSERT(err != GN_EINVAL); /* the table's own defaults are within its bounds */
    gn_buf_free(&what);
    return err;
}

void gn_settings_free(struct gn_settings *settings)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        void *field = (char *)settings + gn_setting_rows[i].offset;

        if (gn_setting_rows[i].kind == SETTING_LIST)
            free_list(field);
        else if (gn_setting_is_text(&gn_setting_rows[i]))
            drop_text(field);
    }
}

/* ---- suggestions ---- */

#define SUGGEST_MAX 40 /* longer names are not compared */

static size_t distance(struct gn_str a, struct gn_str b)
{
    size_t row[SUGGEST_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);

            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[b.len];
}

void gn_setting_suggest(struct gn_str wrong, struct gn_buf *what)
{
    const char *best = NULL;
    size_t best_distance = 4; /* further away is no slip of the pen */

    if (wrong.len > SUGGEST_MAX)
        return;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct gn_str path = gn_str_of(gn_setting_rows[i].path);
        size_t d = path.len > SUGGEST_MAX ? best_distance : distance(wrong, path);

        if (d < best_distance && 2 * d < path.len) { /* of a short name more than half is right */
            best = gn_setting_rows[i].path;
            best_distance = d;
        }
    }
    if (best != NULL)
        gn_buf_printf(what, "; did you mean %s?", best);
}
