/* Fills MessageArgs into a message text. One pass over the text, none over the arguments. */
#include "gurnard/redfish/message_text.h"

#include <stdbool.h>
#include <string.h>

/* More arguments than any message has; keeps a placeholder's number from overflowing. */
#define ARG_NUMBER_MAX 1000000U

#define UTF8_TAIL_MAX 3 /* bytes behind the first of the longest UTF-8 character */

struct output {
    struct gn_buf *buf;
    size_t left; /* bytes that may still be written */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The most of s that fits into max bytes without cutting a character. */
static size_t cut_at_character(struct gn_str s, size_t max)
{
    size_t len = max;

    while (len > 0 && max - len < UTF8_TAIL_MAX && ((unsigned char)s.p[len] & 0xC0) == 0x80)
        len--;
    return len;
}

/* Appends s; what does not fit closes the output, so that nothing follows the cut. */
static void put(struct output *out, struct gn_str s)
{
    if (s.len > out->left) {
        gn_buf_add(out->buf, s.p, cut_at_character(s, out->left));
        out->left = 0;
        return;
    }
    gn_buf_add(out->buf, s.p, s.len);
    out->left -= s.len;
}

/* Number behind the % that s begins with, and in *used the bytes of the whole placeholder; 0 when
 * it is none. */
static size_t placeholder(struct gn_str s, size_t *used)
{
    size_t number = 0;
    size_t i = 1;

    for (; i < s.len && is_digit(s.p[i]); i++) {
        if (number < ARG_NUMBER_MAX)
            number = number * 10 + (size_t)(s.p[i] - '0');
    }
    *used = i;
    return number;
}

/* Writes what the % that s begins with stands for and returns how many bytes of s that was. */
static size_t put_percent(struct output *out, struct gn_str s, const struct gn_str *args,
                          size_t count)
{
    size_t used;
    size_t number;

    if (s.len > 1 && s.p[1] == '%') {
        put(out, GN_STR("%"));
        return 2;
    }
    number = placeholder(s, &used);
    if (number > 0 && number <= count && args[number - 1].p != NULL)
        put(out, args[number - 1]);
    else
        put(out, (struct gn_str){s.p, used});
    return used;
}

void gn_message_text(struct gn_str text, const struct gn_str *args, size_t count,
                     struct gn_buf *out)
{
    struct output to = {out, GN_MESSAGE_TEXT_MAX};
    struct gn_str rest = text;

    while (rest.len > 0 && to.left > 0) {
        const char *percent = memchr(rest.p, '%', rest.len);
        size_t used = percent == NULL ? rest.len : (size_t)(percent - rest.p);

        if (used > 0)
            put(&to, (struct gn_str){rest.p, used});
        else
            used = put_percent(&to, rest, args, count);
        rest.p += used;
        rest.len -= used;
    }
}
