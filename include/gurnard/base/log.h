/* Logging to stderr, as text (logfmt) or JSON lines.
 *
 * A line is `noun.verb key=value ...`. The format string is written in that form and read by the
 * logger itself: each `key=%conversion` becomes one field, so a value from outside can never start
 * a new field or line. Values are cut at GN_LOG_FIELD_MAX bytes, control characters and invalid
 * UTF-8 are escaped, quotes are added where a value needs them. Conversions known: %s %.*s %c %d %i
 * %u %x with h, hh, l, ll, z, j, t, and %g %f (with precision). Literal text in a value is allowed
 * (`size=%zuKiB`, `why=none`); quotes in the format only hold blanks together (`why="%s at %d"`). A
 * cut value ends in "...", a cut line in cut=true. Words without a key are put under note. In JSON
 * a value that is one %d %i %u %f %g alone is a number, all others are strings. errno is kept.
 *
 * One process-wide logger: the only global of the program. gn_log_init() is called before threads
 * start; after that any thread may log. */
#ifndef GURNARD_BASE_LOG_H
#define GURNARD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"

#define GN_LOG_FIELD_MAX 256  /* bytes of one value */
#define GN_LOG_LINE_MAX  2048 /* bytes of one line; longer ones are cut between fields */

enum gn_log_level { GN_LOG_DEBUG, GN_LOG_INFO, GN_LOG_WARN, GN_LOG_ERROR };
enum gn_log_format { GN_LOG_TEXT, GN_LOG_JSON };

/* Sets level and form. fd: borrowed, 2 at start of the program. */
void gn_log_init(enum gn_log_level level, enum gn_log_format format, int fd);

/* The level below which nothing is written. */
enum gn_log_level gn_log_level(void);

/* Reads a level's name in any case: debug, info, warn, error, and the names of the replaced
 * programs (trace = debug, warning = warn, fatal and panic = error). GN_EINVAL for another. */
GN_MUST_CHECK enum gn_err gn_log_level_parse(const char *name, enum gn_log_level *level);

/* Writes one line if level is high enough. Use the macros. */
void gn_log_write(enum gn_log_level level, const char *format, ...) GN_PRINTF(2, 3);

#define gn_log_debug(...)                                                                          \
    do {                                                                                           \
        if (gn_log_level() <= GN_LOG_DEBUG)                                                        \
            gn_log_write(GN_LOG_DEBUG, __VA_ARGS__);                                               \
    } while (0)
#define gn_log_info(...)  gn_log_write(GN_LOG_INFO, __VA_ARGS__)
#define gn_log_warn(...)  gn_log_write(GN_LOG_WARN, __VA_ARGS__)
#define gn_log_error(...) gn_log_write(GN_LOG_ERROR, __VA_ARGS__)

/* Holds back repeated lines that outsiders can cause. Zero-initialised, one per place. */
struct gn_log_limit {
    uint64_t next_at_ms; /* monotonic clock: nothing before this */
    uint64_t held;       /* lines held back since the last one */
};

/* At most one line per second and place: true when this one may be written. *held gets the number
 * of lines held back before it (print it as `held=%`). now_ms: monotonic. */
bool gn_log_allow(struct gn_log_limit *limit, uint64_t now_ms, uint64_t *held);

#endif
