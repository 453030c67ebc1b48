/* A growing byte buffer with a limit from birth. Appends return nothing: the first failure sticks,
 * later appends do nothing, and the user asks gn_buf_err() once at the end.
 * The bytes are always followed by a NUL that is not counted, once anything was appended. */
#ifndef GURNARD_BASE_BUF_H
#define GURNARD_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"

struct gn_buf {
    char *data;      /* owned; NULL while nothing was appended */
    size_t len;      /* bytes used */
    size_t cap;      /* bytes held */
    size_t limit;    /* most bytes that len may reach */
    enum gn_err err; /* GN_OK, GN_ENOMEM or GN_ELIMIT: the first failure */
};

/* The limit of a buffer that is not given one. */
#define GN_BUF_DEFAULT_LIMIT ((size_t)64 << 20)

#define GN_BUF_INIT ((struct gn_buf){NULL, 0, 0, GN_BUF_DEFAULT_LIMIT, GN_OK})

/* An empty buffer that may hold up to limit bytes. Allocates nothing. */
static inline struct gn_buf gn_buf_with_limit(size_t limit)
{
    return (struct gn_buf){NULL, 0, 0, limit, GN_OK};
}

/* Frees what the buffer holds and leaves it empty with the same limit. */
void gn_buf_free(struct gn_buf *buf);

/* Forgets the bytes and the failure, keeps the memory. */
void gn_buf_reset(struct gn_buf *buf);

/* Makes room for more bytes, so that appending them cannot fail. May itself fail like an append. */
void gn_buf_reserve(struct gn_buf *buf, size_t more);

/* Shortens the bytes to len, which must not be above the present length. A failure stays. */
void gn_buf_truncate(struct gn_buf *buf, size_t len);

/* Appends len bytes at data. data must not point into the buffer. */
void gn_buf_add(struct gn_buf *buf, const void *data, size_t len);

/* Appends a view, a C string, one byte, a decimal number, a formatted text. */
void gn_buf_add_str(struct gn_buf *buf, struct gn_str s);
void gn_buf_puts(struct gn_buf *buf, const char *s);
void gn_buf_putc(struct gn_buf *buf, char c);
void gn_buf_add_u64(struct gn_buf *buf, uint64_t value);
void gn_buf_printf(struct gn_buf *buf, const char *format, ...) GN_PRINTF(2, 3);
void gn_buf_vprintf(struct gn_buf *buf, const char *format, va_list args) GN_PRINTF(2, 0);

/* Whether every append succeeded. */
static inline enum gn_err gn_buf_err(const struct gn_buf *buf)
{
    return buf->err;
}

/* A view of the bytes, valid until the next change of the buffer. */
static inline struct gn_str gn_buf_str(const struct gn_buf *buf)
{
    return (struct gn_str){buf->data, buf->len};
}

/* Hands the bytes (NUL-terminated) over to the caller and empties the buffer. NULL on a failed or
 * never used buffer; what a failed one held is freed, its failure stays. */
char *gn_buf_take(struct gn_buf *buf);

#endif
