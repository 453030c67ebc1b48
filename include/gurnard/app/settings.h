/* The settings of gurnardd. One table (settings_table.h) makes the struct, the parser of flags,
 * environment and YAML, --help, --check-config, the sample file and the reference.
 *
 * Order of weight: flag, environment, file, default. */
#ifndef GURNARD_APP_SETTINGS_H
#define GURNARD_APP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gurnard/app/settings_table.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"

#define GN_SETTINGS_FILE_MAX   ((size_t)1 << 20) /* bytes of a settings file */
#define GN_SETTINGS_LIST_MAX   64                /* entries of a list */
#define GN_SETTINGS_TREE_MAX   ((size_t)1 << 20) /* bytes of a tree as JSON */
#define GN_SETTINGS_TREE_DEPTH 8 /* lists and mappings inside each other in a tree */

/* Read when no --config is given, if it is there. */
#define GN_SETTINGS_FILE "/etc/gurnard/gurnard.yaml"

/* Several texts: paths. Owned by the settings. */
struct gn_setting_list {
    char *items[GN_SETTINGS_LIST_MAX];
    size_t count;
};

/* The C types of the table's kinds. TEXT, CHOICE and TREE are owned strings, never NULL; a TREE is
 * compact JSON. */
#define GN_SETTING_TYPE_TEXT     char *
#define GN_SETTING_TYPE_CHOICE   char *
#define GN_SETTING_TYPE_NUMBER   uint64_t
#define GN_SETTING_TYPE_SIZE     uint64_t /* bytes */
#define GN_SETTING_TYPE_DURATION uint64_t /* milliseconds */
#define GN_SETTING_TYPE_LIST     struct gn_setting_list
#define GN_SETTING_TYPE_TREE     char *

#define GN_SETTING_FIELD(kind, field, path, fallback, low, high, flags, environment, help)         \
    GN_SETTING_TYPE_##kind field;

struct gn_settings {
    GN_SETTINGS_TABLE(GN_SETTING_FIELD)
};

/* What the command line asks for besides settings. */
enum gn_settings_action {
    GN_ACTION_RUN,
    GN_ACTION_HELP,            /* --help, -h */
    GN_ACTION_VERSION,         /* --version */
    GN_ACTION_CHECK,           /* --check-config */
    GN_ACTION_PRINT_SAMPLE,    /* --print-sample: the annotated settings file */
    GN_ACTION_PRINT_REFERENCE, /* --print-reference: docs/configuration.md */
};

struct gn_settings_request {
    enum gn_settings_action action;
    char *file; /* --config, owned; NULL: GN_SETTINGS_FILE if it is there */
};

/* One thing that is wrong: `where: what`, where being a flag, a variable's name or
 * file:line:column. */
typedef void (*gn_settings_complain_fn)(void *ctx, const char *where, const char *what);

/* Fills settings from all four sources. complain is called for everything that is wrong: all of it
 * is looked at, not only the first; what must hold between settings is looked at when each is right
 * by itself. The entries of bmcs are looked at for --check-config only: a running daemon passes
 * over those that are wrong. env: as environ; an empty variable counts as not set. Values of legacy
 * variables that cannot be meant for us (Kubernetes injects HW_EVENT_PROXY_SERVICE_..., possibly as
 * tcp://...) are ignored in silence. Flags as Go's: -name v, -name=v, --name v, --name=v.
 * GN_EINVAL: something was wrong; flag errors are told apart by *bad_flag (exit 2, as the
 * original). GN_ENOMEM. In every case free settings and request->file afterwards. */
GN_MUST_CHECK enum gn_err gn_settings_load(struct gn_settings *settings, int argc, char **argv,
                                           char **env, struct gn_settings_request *request,
                                           gn_settings_complain_fn complain, void *ctx,
                                           bool *bad_flag);

/* Parses YAML text alone into settings that hold defaults (for tests and fuzzing). name: of the
 * file. GN_EINVAL: something was wrong, complain was told all of it; what was right is set.
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_settings_yaml(struct gn_settings *settings, struct gn_str text,
                                           const char *name, gn_settings_complain_fn complain,
                                           void *ctx);

/* Sets every setting to its default. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_settings_defaults(struct gn_settings *settings);

/* Frees what the settings hold. Fine on zeroed ones. */
void gn_settings_free(struct gn_settings *settings);

/* What an entry of bmcs leaves unsaid. The texts are borrowed from settings. */
struct gn_bmc_defaults;
void gn_settings_bmc_defaults(const struct gn_settings *settings, struct gn_bmc_defaults *defaults);

/* Texts made from the table. */
void gn_settings_print_help(struct gn_buf *out);
void gn_settings_print_sample(struct gn_buf *out);
void gn_settings_print_reference(struct gn_buf *out);

#endif
