/* Files: whole reads with a limit, replacing writes that survive a power failure, folder listings.
 * Where GN_EIO is returned, errno tells the cause. All of these block: call them at start or from a
 * helper thread, never from a turn of the loop. */
#ifndef GURNARD_BASE_FILE_H
#define GURNARD_BASE_FILE_H

#include <stddef.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"

/* Reads the whole regular file into out (reset first, its limit is raised or lowered to max_bytes).
 * GN_ENOTFOUND, GN_ELIMIT (larger than max_bytes), GN_EIO (also for folders and devices),
 * GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_file_read(const char *path, size_t max_bytes, struct gn_buf *out);

/* Replaces path by data: writes path + ".tmp", syncs it, renames it, syncs the folder. On GN_OK the
 * new content survives a power failure. On GN_EIO the old content stands, unless the very last step
 * failed: then the new one is there, but a power failure may bring the old one back. Mode 0600.
 * Only one writer at a time for a path. */
GN_MUST_CHECK enum gn_err gn_file_replace(const char *path, struct gn_str data);

/* Brings the names in the folder to the disk: what was unlinked or renamed there before stays so
 * after a power failure. GN_EIO. */
GN_MUST_CHECK enum gn_err gn_file_sync_folder(const char *path);

/* Makes the folder (mode 0700) and its parents where they are missing. GN_EIO, also when path is no
 * folder or empty. */
GN_MUST_CHECK enum gn_err gn_file_mkdirs(const char *path);

/* Calls fn with the name (not the path) of each entry of the folder that does not begin with '.',
 * in byte order. Stops at the first error of fn and returns it. GN_ENOTFOUND, GN_EIO, GN_ENOMEM.
 * name: valid during the call of fn. */
typedef enum gn_err (*gn_file_each_fn)(void *ctx, const char *name);
GN_MUST_CHECK enum gn_err gn_file_each(const char *folder, gn_file_each_fn fn, void *ctx);

#endif
