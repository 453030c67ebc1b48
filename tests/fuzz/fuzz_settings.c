/* fuzz folder: app   settings files: gn_settings_yaml().
 *
 * Properties: GN_OK exactly when nothing was complained about; each complaint has file, line and
 * column; whatever the file says, every setting stays within its row's bounds and words;
 * trees are JSON within their limits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/app/settings.h"
#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"
#include "settings_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t skip_digits(const char *text)
{
    return strspn(text, "0123456789");
}

static void on_complaint(void *ctx, const char *where, const char *what)
{
    size_t *complaints = ctx;
    size_t at = strlen("f:");

    GN_ASSERT(strncmp(where, "f:", at) == 0);
    GN_ASSERT(where[at] >= '1' && where[at] <= '9');
    at += skip_digits(where + at);
    GN_ASSERT(where[at] == ':' && where[at + 1] >= '1' && where[at + 1] <= '9');
    GN_ASSERT(where[at + 1 + skip_digits(where + at + 1)] == '\0');
    GN_ASSERT(what[0] != '\0');
    ++*complaints;
}

static void check_number(const struct setting_row *row, uint64_t value)
{
    uint64_t bound;

    if (gn_setting_parse_number(row->kind, gn_str_of(row->low), &bound))
        GN_ASSERT(value >= bound);
    if (gn_setting_parse_number(row->kind, gn_str_of(row->high), &bound))
        GN_ASSERT(value <= bound);
}

static void check_choice(const struct setting_row *row, const char *value)
{
    struct gn_str rest = gn_str_of(row->high);

    while (rest.p != NULL)
        if (gn_str_eq(gn_str_cut(rest, '|', &rest), gn_str_of(value)))
            return;
    abort();
}

static void check_tree(const char *json)
{
    const struct gn_json_limits limits = {GN_SETTINGS_TREE_MAX, GN_SETTINGS_TREE_DEPTH,
                                          GN_SETTINGS_TREE_MAX, false};

    GN_ASSERT(gn_json_check(gn_str_of(json), &limits) == GN_OK);
}

static void check_list(const struct gn_setting_list *list)
{
    GN_ASSERT(list->count <= GN_SETTINGS_LIST_MAX);
    for (size_t i = 0; i < list->count; i++)
        GN_ASSERT(list->items[i] != NULL && list->items[i][0] != '\0');
}

static void check_row(const struct gn_settings *settings, const struct setting_row *row)
{
    const void *field = (const char *)settings + row->offset;
    const char *text;
    uint64_t number;

    if (row->kind == SETTING_LIST) {
        check_list(field);
    } else if (gn_setting_is_text(row)) {
        memcpy(&text, field, sizeof text);
        GN_ASSERT(text != NULL);
        if (row->kind == SETTING_CHOICE)
            check_choice(row, text);
        if (row->kind == SETTING_TREE)
            check_tree(text);
    } else {
        memcpy(&number, field, sizeof number);
        check_number(row, number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_settings settings = {0};
    size_t complaints = 0;
    enum gn_err err;

    if (gn_settings_defaults(&settings) != GN_OK)
        abort();
    err = gn_settings_yaml(&settings, (struct gn_str){(const char *)data, size}, "f", on_complaint,
                           &complaints);
    GN_ASSERT(err == GN_OK || err == GN_EINVAL);
    GN_ASSERT((err == GN_OK) == (complaints == 0));
    for (size_t i = 0; i < SETTING_COUNT; i++)
        check_row(&settings, &gn_setting_rows[i]);
    gn_settings_free(&settings);
    return 0;
}
