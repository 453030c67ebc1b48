/* For tests of stores: a folder of its own, a loop, a real helper thread, and commits that are
 * waited for. */
#ifndef GURNARD_STORE_BED_H
#define GURNARD_STORE_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/file.h"
#include "gurnard/loop/loop.h"
#include "gurnard/loop/worker.h"

#define WAIT_MS 5000 /* bound of any wait; never reached when the code is right */

struct store_bed {
    char folder[64]; /* made by mkdtemp() */
    struct gn_loop *loop;
    struct gn_worker *worker;
};

static inline bool store_bed_init(struct store_bed *bed)
{
    (void)snprintf(bed->folder, sizeof bed->folder, "/tmp/gn_store_XXXXXX");
    if (mkdtemp(bed->folder) == NULL)
        return false;
    bed->loop = gn_loop_new(NULL);
    bed->worker = bed->loop != NULL ? gn_worker_new(bed->loop, "test") : NULL;
    return bed->worker != NULL;
}

/* Ends what is under way; to be called before the store is closed. */
static inline void store_bed_end_worker(struct store_bed *bed)
{
    gn_worker_free(bed->worker);
    bed->worker = NULL;
}

static inline enum gn_err store_bed_unlink(void *ctx, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    return unlink(path) == 0 || rmdir(path) == 0 ? GN_OK : GN_EIO;
}

/* Whether the folder could be removed with what is in it. */
static inline bool store_bed_fini(struct store_bed *bed)
{
    store_bed_end_worker(bed);
    gn_loop_free(bed->loop);
    return gn_file_each(bed->folder, store_bed_unlink, bed->folder) == GN_OK &&
           rmdir(bed->folder) == 0;
}

/* Static storage. */
static inline const char *path_of(struct store_bed *bed, const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", bed->folder, name);
    return path;
}

static inline void write_file(struct store_bed *bed, const char *name, const char *text)
{
    assert_int_equal(gn_file_replace(path_of(bed, name), gn_str_of(text)), GN_OK);
}

static inline void assert_file(struct store_bed *bed, const char *name, const char *want)
{
    struct gn_buf text = GN_BUF_INIT;

    assert_int_equal(gn_file_read(path_of(bed, name), 1 << 20, &text), GN_OK);
    assert_string_equal(text.len > 0 ? text.data : "", want);
    gn_buf_free(&text);
}

/* How commits ended. */
struct ends {
    int count;
    enum gn_err last;
};

static inline void on_done(void *ctx, enum gn_err err)
{
    struct ends *ends = ctx;

    ends->count++;
    ends->last = err;
}

static inline void wait_for(struct store_bed *bed, const struct ends *ends, int count)
{
    while (ends->count < count)
        assert_int_equal(gn_loop_turn(bed->loop, WAIT_MS), GN_OK);
    assert_int_equal(ends->count, count);
}

#endif
