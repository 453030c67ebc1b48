/* What the parts of store/quarantine share. */
#ifndef GURNARD_STORE_QUARANTINE_PRIV_H
#define GURNARD_STORE_QUARANTINE_PRIV_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gurnard/base/log.h"
#include "gurnard/store/quarantine.h"

#define GN_QUARANTINE_STEM_MAX 48 /* "<19 digits or more>-<n>" with its NUL */
#define GN_QUARANTINE_BODY_END ".body"
#define GN_QUARANTINE_META_END ".meta"

/* One body that is in the folder, or on its way there. */
struct gn_kept {
    char stem[GN_QUARANTINE_STEM_MAX]; /* the file's name without its end */
    uint64_t bytes;
    TAILQ_ENTRY(gn_kept) link;
};
TAILQ_HEAD(gn_kept_list, gn_kept);

struct gn_quarantine {
    struct gn_quarantine_config config;
    char *folder;             /* owned; config.folder is this one; never changes */
    struct gn_worker *worker; /* borrowed */
    struct gn_kept_list kept; /* oldest first */
    uint64_t files, bytes;    /* of kept */
    uint64_t pending_bytes, pending_puts;
    uint64_t pending_others; /* reads and removals that the helper thread still has */
    uint64_t next_number;
    struct gn_log_limit log_limit;
    struct gn_metric *files_metric, *bytes_metric, *dropped_metric;
};

/* Writes the path of a file; false: too long. */
bool gn_quarantine_path(char path[PATH_MAX], const char *folder, const char *stem, const char *end);

/* Unlinks body and meta of each. Blocks. */
void gn_quarantine_unlink(const char *folder, const struct gn_kept_list *doomed);

/* Takes an entry out of the list and the account; it is the caller's then. */
void gn_quarantine_let_go(struct gn_quarantine *q, struct gn_kept *kept);

/* Frees all entries of a list. */
void gn_quarantine_free_list(struct gn_kept_list *list);

/* Brings the gauges up to date. */
void gn_quarantine_show(struct gn_quarantine *q);

#endif
