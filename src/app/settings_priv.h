/* The settings table at run time, and what its readers share. */
#ifndef GURNARD_APP_SETTINGS_PRIV_H
#define GURNARD_APP_SETTINGS_PRIV_H

#include "gurnard/app/settings.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_CHOICE,
    SETTING_NUMBER,
    SETTING_SIZE,
    SETTING_DURATION,
    SETTING_LIST,
    SETTING_TREE,
};

struct setting_row {
    enum setting_kind kind;
    size_t offset; /* of the field in struct gn_settings */
    const char *path, *fallback, *low, *high, *flags, *environment, *help;
};

#define SETTING_ONE_MORE(...) +1
enum { SETTING_COUNT = 0 GN_SETTINGS_TABLE(SETTING_ONE_MORE) };

extern const struct setting_row gn_setting_rows[SETTING_COUNT];

#define SETTING_NAME_MAX 128 /* bytes of a path, flag or variable, with NUL */

/* The row of a path, or NULL. */
const struct setting_row *gn_setting_by_path(struct gn_str path);

/* Whether the field is an owned string. */
bool gn_setting_is_text(const struct setting_row *row);

/* --webhook-max-body and GURNARD_WEBHOOK_MAX_BODY of webhook.max_body. */
void gn_setting_flag(const struct setting_row *row, char name[SETTING_NAME_MAX]);
void gn_setting_variable(const struct setting_row *row, char name[SETTING_NAME_MAX]);

/* Whether name is one of a list separated by commas. */
bool gn_setting_in_list(const char *list, struct gn_str name);

/* Sets the field from a text. On GN_EINVAL what says why; the field is unchanged. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_setting_set(struct gn_settings *settings,
                                         const struct setting_row *row, struct gn_str text,
                                         struct gn_buf *what);

/* Sets a LIST from its items. GN_ELIMIT: too many. */
GN_MUST_CHECK enum gn_err gn_setting_set_list(struct gn_settings *settings,
                                              const struct setting_row *row,
                                              const struct gn_str *items, size_t count);

/* Sets a TREE from JSON that is known to be well-formed and compact; null is the default. */
GN_MUST_CHECK enum gn_err gn_setting_set_tree(struct gn_settings *settings,
                                              const struct setting_row *row, struct gn_str json);

/* Tells what is wrong with the entries of bmcs. Returns whether something was. GN_EINVAL: yes.
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_settings_check_bmcs(const struct gn_settings *settings,
                                                 gn_settings_complain_fn complain, void *ctx);

/* Parses a number with the unit of its kind (bytes, milliseconds). false: not one. */
bool gn_setting_parse_number(enum setting_kind kind, struct gn_str text, uint64_t *value);

/* Appends "; did you mean X?" when a name like wrong exists among the paths. */
void gn_setting_suggest(struct gn_str wrong, struct gn_buf *what);

#endif
