/* The growing byte buffer. Room doubles up to the limit; cap counts the NUL, len and limit do not.
 */
#include "gurnard/base/buf.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#define FIRST_CAP_BYTES 64

/* The new cap for need bytes with NUL: doubled, but not above what the limit can ever use. */
static size_t grown_cap(const struct gn_buf *buf, size_t need)
{
    size_t most = buf->limit == SIZE_MAX ? SIZE_MAX : buf->limit + 1;
    size_t cap = buf->cap < FIRST_CAP_BYTES ? FIRST_CAP_BYTES : buf->cap;

    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    return cap < most ? cap : most;
}

/* Whether more bytes and a NUL fit now; notes the failure otherwise. */
static bool make_room(struct gn_buf *buf, size_t more)
{
    size_t cap;
    char *data;

    if (buf->err != GN_OK)
        return false;
    if (buf->len > buf->limit || more > buf->limit - buf->len || buf->len + more == SIZE_MAX) {
        buf->err = GN_ELIMIT;
        return false;
    }
    if (buf->data != NULL && buf->cap - buf->len > more)
        return true;
    cap = grown_cap(buf, buf->len + more + 1);
    data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->err = GN_ENOMEM;
        return false;
    }
    data[buf->len] = '\0';
    buf->data = data;
    buf->cap = cap;
    return true;
}

void gn_buf_free(struct gn_buf *buf)
{
    free(buf->data);
    *buf = gn_buf_with_limit(buf->limit);
}

void gn_buf_reset(struct gn_buf *buf)
{
    buf->len = 0;
    buf->err = GN_OK;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void gn_buf_reserve(struct gn_buf *buf, size_t more)
{
    (void)make_room(buf, more); /* a failure sticks in buf->err */
}

void gn_buf_truncate(struct gn_buf *buf, size_t len)
{
    GN_ASSERT(len <= buf->len);
    buf->len = len;
    if (buf->data != NULL)
        buf->data[len] = '\0';
}

void gn_buf_add(struct gn_buf *buf, const void *data, size_t len)
{
    if (!make_room(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void gn_buf_add_str(struct gn_buf *buf, struct gn_str s)
{
    gn_buf_add(buf, s.p, s.len);
}

void gn_buf_puts(struct gn_buf *buf, const char *s)
{
    gn_buf_add(buf, s, strlen(s));
}

void gn_buf_putc(struct gn_buf *buf, char c)
{
    if (!make_room(buf, 1))
        return;
    buf->data[buf->len++] = c;
    buf->data[buf->len] = '\0';
}

void gn_buf_add_u64(struct gn_buf *buf, uint64_t value)
{
    char digits[20]; /* 2^64 - 1 has twenty */
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    gn_buf_add(buf, digits + at, sizeof digits - at);
}

void gn_buf_vprintf(struct gn_buf *buf, const char *format, va_list args)
{
    va_list again;
    size_t room;
    int wanted;

    if (!make_room(buf, 0))
        return;
    room = buf->cap - buf->len;
    va_copy(again, args);
    wanted = vsnprintf(buf->data + buf->len, room, format, args);
    if (wanted < 0) {
        buf->err = GN_ELIMIT; /* longer than INT_MAX */
    } else if ((size_t)wanted < room) {
        buf->len += (size_t)wanted;
    } else if (make_room(buf, (size_t)wanted)) {
        (void)vsnprintf(buf->data + buf->len, (size_t)wanted + 1, format, again);
        buf->len += (size_t)wanted;
    }
    va_end(again);
    buf->data[buf->len] = '\0'; /* a first try that did not fit has written over it */
}

void gn_buf_printf(struct gn_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    gn_buf_vprintf(buf, format, args);
    va_end(args);
}

char *gn_buf_take(struct gn_buf *buf)
{
    char *data = buf->data;

    if (buf->err != GN_OK) {
        free(data);
        buf->data = NULL;
        buf->len = 0;
        buf->cap = 0;
        return NULL; /* the failure stays, to be asked for */
    }
    *buf = gn_buf_with_limit(buf->limit);
    return data;
}
