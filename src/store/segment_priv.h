/* What segment.c and segment_scan.c share. */
#ifndef GURNARD_STORE_SEGMENT_PRIV_H
#define GURNARD_STORE_SEGMENT_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"

/* What a scan reads beyond what it must, and so the least that it reads at once. */
#define GN_SEGMENT_READ_AHEAD ((size_t)256 << 10)

/* Reads len bytes at offset, fewer only where the file ends; *got: how many. GN_EIO. */
GN_MUST_CHECK enum gn_err gn_segment_read_at(int fd, void *data, size_t len, uint64_t offset,
                                             size_t *got);

#endif
