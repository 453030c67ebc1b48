/* Random bytes of the kernel. */
#ifndef GURNARD_BASE_RANDOM_PRIV_H
#define GURNARD_BASE_RANDOM_PRIV_H

#include <stddef.h>

/* Fills len bytes at data. Waits, early in the boot of a machine, until the kernel has entropy. */
void gn_random_fill(void *data, size_t len);

#endif
