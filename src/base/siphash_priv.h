/* SipHash-2-4: a keyed hash whose collisions cannot be prepared without the key. */
#ifndef GURNARD_BASE_SIPHASH_PRIV_H
#define GURNARD_BASE_SIPHASH_PRIV_H

#include <stddef.h>
#include <stdint.h>

struct gn_siphash_key {
    uint64_t k0, k1; /* the sixteen key bytes as two little-endian numbers */
};

/* The hash of len bytes at data, as in the paper of Aumasson and Bernstein. */
uint64_t gn_siphash24(struct gn_siphash_key key, const void *data, size_t len);

#endif
