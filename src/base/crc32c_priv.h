/* The ways to reckon a CRC-32C, so that tests can compare them. */
#ifndef GURNARD_BASE_CRC32C_PRIV_H
#define GURNARD_BASE_CRC32C_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As gn_crc32c(), by tables: works everywhere. */
uint32_t gn_crc32c_by_table(uint32_t crc, const void *data, size_t len);

/* Whether this processor has an instruction for it; only then may the other be called. */
bool gn_crc32c_has_instruction(void);
uint32_t gn_crc32c_by_instruction(uint32_t crc, const void *data, size_t len);

#endif
