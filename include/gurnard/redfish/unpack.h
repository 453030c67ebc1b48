/* Unpacks what BMCs pack registries in: gzip (Content-Encoding, files) and zip archives. Pure;
 * everything is bounded, whatever the packed bytes say of themselves. */
#ifndef GURNARD_REDFISH_UNPACK_H
#define GURNARD_REDFISH_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

#define GN_UNPACK_RATIO_MAX 200  /* unpacked to packed bytes, beyond the first MiB */
#define GN_UNPACK_FILES_MAX 4096 /* members of an archive looked at */

/* Whether bytes begin as gzip, as a zip archive. */
bool gn_unpack_is_gzip(struct gn_str bytes);
bool gn_unpack_is_zip(struct gn_str bytes);

/* Appends what gzip (or zlib, of a "deflate" encoding) holds, at most max_bytes. GN_EPARSE: broken
 * or cut off. GN_ELIMIT: max_bytes or the ratio. GN_ENOMEM. On an error out is as before. */
GN_MUST_CHECK enum gn_err gn_unpack_gzip(struct gn_str bytes, size_t max_bytes, struct gn_buf *out);

/* Appends the member name of a zip archive (stored or deflated; no encryption, no zip64), found by
 * the central directory; name empty: the first *.json. Names are compared whole, else by what is
 * behind their last '/'. The check sum must be right. GN_ENOTFOUND, GN_EPARSE, GN_EUNSUPPORTED,
 * GN_ELIMIT, GN_ENOMEM. On an error out is as before. */
GN_MUST_CHECK enum gn_err gn_unpack_zip(struct gn_str archive, struct gn_str name, size_t max_bytes,
                                        struct gn_buf *out);

#endif
