/* Decimal values as the original passes them on: read as a 64-bit float, printed in the shortest
 * form that reads as the same one. The process never leaves the "C" locale, so strtod() and
 * printf() use the decimal point. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cne_priv.h"

#define DIGITS_MAX      17 /* significant digits that always tell two floats apart */
#define EXPONENT_MIN    (-4)
#define EXPONENT_MAX    5
#define NUMBER_TEXT_MAX 40

static size_t digits_len(struct gn_str s, size_t at)
{
    size_t count = 0;

    while (at + count < s.len && s.p[at + count] >= '0' && s.p[at + count] <= '9')
        count++;
    return count;
}

/* Digits with an optional sign, point and exponent: what Go's reader and JSON agree on, and ".5",
 * "5." and "+5", which only Go takes. */
static bool is_decimal(struct gn_str s)
{
    size_t at = s.len > 0 && (s.p[0] == '+' || s.p[0] == '-') ? 1 : 0;
    size_t digits = digits_len(s, at);

    at += digits;
    if (at < s.len && s.p[at] == '.') {
        const size_t fraction = digits_len(s, at + 1);

        digits += fraction;
        at += 1 + fraction;
    }
    if (digits == 0)
        return false;
    if (at < s.len && (s.p[at] | 0x20) == 'e') {
        at++;
        if (at < s.len && (s.p[at] == '+' || s.p[at] == '-'))
            at++;
        digits = digits_len(s, at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == s.len;
}

/* The shortest scientific form: as few digits as tell value from its neighbours. Returns how many
 * stand behind the point. */
static int shortest_scientific(double value, char text[NUMBER_TEXT_MAX])
{
    int behind = 0;

    for (;; behind++) {
        (void)snprintf(text, NUMBER_TEXT_MAX, "%.*e", behind, value);
        if (behind == DIGITS_MAX - 1 || !(strtod(text, NULL) < value || strtod(text, NULL) > value))
            return behind;
    }
}

static void add_shortest(double value, struct gn_buf *out)
{
    char text[NUMBER_TEXT_MAX];
    const int behind = shortest_scientific(value, text);
    const struct gn_str whole = gn_str_of(text);
    struct gn_str exponent_text;
    int exponent;

    (void)gn_str_cut(whole, 'e', &exponent_text);
    exponent = atoi(exponent_text.p);
    if (exponent < EXPONENT_MIN || exponent > EXPONENT_MAX)
        gn_buf_puts(out, text);
    else
        gn_buf_printf(out, "%.*f", behind > exponent ? behind - exponent : 0, value);
}

enum gn_err gn_cne_add_decimal(struct gn_str text, struct gn_buf *out)
{
    double value;
    char *copy;

    if (!is_decimal(text))
        return GN_EPARSE;
    copy = gn_str_dup(text); /* strtod() wants a NUL */
    if (copy == NULL)
        return GN_ENOMEM;
    value = strtod(copy, NULL);
    free(copy);
    if (!isfinite(value))
        return GN_ELIMIT;
    add_shortest(value, out);
    return gn_buf_err(out);
}
