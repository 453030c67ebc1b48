/* CRC-32C, eight bytes at a step: by the instruction of x86-64 (SSE 4.2) or ARMv8, else by eight
 * tables ("slicing by 8", Kounavis and Berry). */
#include "gurnard/base/crc32c.h"

#include <endian.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "gurnard/base/assert.h"
#include "crc32c_priv.h"

/* A checksum is linear: what a byte does is the sum of what its bits do. So each table follows from
 * eight numbers, and the compiler writes all 256 of them. */
#define ENTRY(n, b0, b1, b2, b3, b4, b5, b6, b7)                                                   \
    (((n)&1 ? b0 : 0U) ^ ((n)&2 ? b1 : 0U) ^ ((n)&4 ? b2 : 0U) ^ ((n)&8 ? b3 : 0U) ^               \
     ((n)&16 ? b4 : 0U) ^ ((n)&32 ? b5 : 0U) ^ ((n)&64 ? b6 : 0U) ^ ((n)&128 ? b7 : 0U))
#define ENTRIES_4(n, ...)                                                                          \
    ENTRY((n), __VA_ARGS__), ENTRY((n) + 1, __VA_ARGS__), ENTRY((n) + 2, __VA_ARGS__),             \
        ENTRY((n) + 3, __VA_ARGS__)
#define ENTRIES_16(n, ...)                                                                         \
    ENTRIES_4((n), __VA_ARGS__), ENTRIES_4((n) + 4, __VA_ARGS__), ENTRIES_4((n) + 8, __VA_ARGS__), \
        ENTRIES_4((n) + 12, __VA_ARGS__)
#define ENTRIES_64(n, ...)                                                                         \
    ENTRIES_16((n), __VA_ARGS__), ENTRIES_16((n) + 16, __VA_ARGS__),                               \
        ENTRIES_16((n) + 32, __VA_ARGS__), ENTRIES_16((n) + 48, __VA_ARGS__)
#define TABLE(...)                                                                                 \
    {                                                                                              \
        ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__), ENTRIES_64(128, __VA_ARGS__),     \
            ENTRIES_64(192, __VA_ARGS__)                                                           \
    }

/* tables[k][b]: what byte b becomes when k more bytes of zero follow it. */
static const uint32_t tables[8][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc,
          0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604,
          0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9,
          0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7,
          0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae,
          0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb,
          0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a,
          0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32,
          0x34019664),
};

static inline uint64_t load_word(const unsigned char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

uint32_t gn_crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
    const unsigned char *at = data;

    crc = ~crc;
    for (; len >= 8; len -= 8, at += 8) {
        uint64_t word = load_word(at) ^ crc;

        crc = 0;
        for (unsigned i = 0; i < 8; i++)
            crc ^= tables[7 - i][(word >> (8 * i)) & 0xff];
    }
    for (; len > 0; len--, at++)
        crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)

bool gn_crc32c_has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) uint32_t gn_crc32c_by_instruction(uint32_t crc, const void *data,
                                                                    size_t len)
{
    const unsigned char *at = data;
    uint64_t sum = ~crc;

    for (; len >= 8; len -= 8, at += 8)
        sum = _mm_crc32_u64(sum, load_word(at));
    crc = (uint32_t)sum;
    for (; len > 0; len--, at++)
        crc = _mm_crc32_u8(crc, *at);
    return ~crc;
}

#elif defined(__aarch64__)

bool gn_crc32c_has_instruction(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

/* In assembler: gcc and clang do not agree on the attribute and on the names of the intrinsics. */
uint32_t gn_crc32c_by_instruction(uint32_t crc, const void *data, size_t len)
{
    const unsigned char *at = data;

    crc = ~crc;
    for (; len >= 8; len -= 8, at += 8)
        __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(load_word(at)));
    for (; len > 0; len--, at++)
        __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)*at));
    return ~crc;
}

#else

bool gn_crc32c_has_instruction(void)
{
    return false;
}

uint32_t gn_crc32c_by_instruction(uint32_t crc, const void *data, size_t len)
{
    GN_ASSERT(gn_crc32c_has_instruction());
    return gn_crc32c_by_table(crc, data, len);
}

#endif

uint32_t gn_crc32c(uint32_t crc, const void *data, size_t len)
{
    if (gn_crc32c_has_instruction())
        return gn_crc32c_by_instruction(crc, data, len);
    return gn_crc32c_by_table(crc, data, len);
}
