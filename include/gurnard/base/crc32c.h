/* CRC-32C (Castagnoli), by the processor's own instruction where it has one. Pure. */
#ifndef GURNARD_BASE_CRC32C_H
#define GURNARD_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of len bytes at data, going on from crc: 0 at first, else the result for the bytes
 * before. gn_crc32c(0, "123456789", 9) is 0xe3069283. */
uint32_t gn_crc32c(uint32_t crc, const void *data, size_t len);

#endif
