/* Small things that the verbs share: complaints, numbers, URLs, answers of the API. */
#include "gurnard/cli/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"
#include "gurnard/base/json.h"
#include "gurnard/base/url.h"

#define REASON_MAX 300 /* bytes of an API's error shown */

void gn_cli_complain(const char *verb, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "gurnard %s: ", verb);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

bool gn_cli_number(const char *verb, const char *option, const char *text, uint64_t low,
                   uint64_t high, uint64_t *value)
{
    unsigned long long number;

    if (!gn_str_to_u64(gn_str_of(text), high, &number) || number < low) {
        gn_cli_complain(verb, "--%s %s: must be a number from %ju to %ju", option, text,
                        (uintmax_t)low, (uintmax_t)high);
        return false;
    }
    *value = number;
    return true;
}

bool gn_cli_rate(const char *verb, const char *option, const char *text, double high, double *value)
{
    char *end = NULL;
    double number = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(number) || number <= 0 || number > high) {
        gn_cli_complain(verb, "--%s %s: must be a number above 0, at most %.0f", option, text,
                        high);
        return false;
    }
    *value = number;
    return true;
}

bool gn_cli_url(const char *verb, const char *base, const char *path, struct gn_buf *url)
{
    struct gn_str text = gn_str_of(base);
    struct gn_url parts;

    while (text.len > 0 && text.p[text.len - 1] == '/')
        text.len--;
    gn_buf_add_str(url, text);
    gn_buf_puts(url, path);
    if (gn_buf_err(url) == GN_OK && gn_url_parse(gn_buf_str(url), &parts) == GN_OK &&
        gn_url_is_web(&parts))
        return true;
    gn_cli_complain(verb, "%s: must be an URL like http://host:port", base);
    return false;
}

size_t gn_cli_control_len(struct gn_str s)
{
    unsigned char first = s.len > 0 ? (unsigned char)s.p[0] : ' ';

    if (first < 0x20 || first == 0x7f)
        return 1;
    if (first == 0xc2 && s.len > 1 && (unsigned char)s.p[1] >= 0x80 && (unsigned char)s.p[1] < 0xa0)
        return 2;
    return 0;
}

void gn_cli_add_visible(struct gn_buf *out, struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t control = gn_cli_control_len((struct gn_str){text.p + i, text.len - i});

        if (control == 0) {
            gn_buf_putc(out, text.p[i]);
            continue;
        }
        i += control - 1;
        gn_buf_printf(out, "\\x%02x", (unsigned char)text.p[i]);
    }
}

bool gn_cli_is_success(const struct gn_http_result *result)
{
    return result->err == GN_OK && result->status >= 200 && result->status < 300;
}

void gn_cli_explain(const struct gn_http_result *result, struct gn_buf *why)
{
    json_t *answer = NULL;
    struct gn_str error = GN_STR_NONE;

    if (result->err != GN_OK) {
        gn_buf_puts(why, result->reason[0] != '\0' ? result->reason : gn_err_text(result->err));
        return;
    }
    gn_buf_printf(why, "answer %d", result->status);
    if (gn_json_parse(result->body, NULL, &answer) == GN_OK)
        error = gn_json_str(answer, "error");
    if (error.len > 0) {
        if (error.len > REASON_MAX) {
            error.len = REASON_MAX;
            while (((unsigned char)error.p[error.len] & 0xc0) == 0x80)
                error.len--; /* not within a character */
        }
        gn_buf_puts(why, ": ");
        gn_cli_add_visible(why, error);
    }
    json_decref(answer);
}

bool gn_cli_print(struct gn_buf *out)
{
    bool is_taken = gn_buf_err(out) == GN_OK &&
                    fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0;

    gn_buf_reset(out);
    return is_taken;
}
