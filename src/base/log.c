/* The logger: reads the format, fetches each argument, and hands fields to log_line.c. */
#include "gurnard/base/log.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gurnard/base/str.h"
#include "log_priv.h"

#define HOLD_MS       1000 /* between two lines of one gn_log_limit */
#define TIME_TEXT_MAX 64   /* as snprintf() reckons it; 25 are used */
#define NUMBER_MAX    400  /* the longest %f of a double with the default precision */
#define PRECISION_MAX 17   /* digits of %g and %f that mean something */

static struct {
    enum gn_log_level level;
    enum gn_log_format format;
    int fd;
} logger = {GN_LOG_INFO, GN_LOG_TEXT, STDERR_FILENO};

/* The reading of one format. args is a reference: every helper moves the same list. */
struct reader {
    const char *at;
    va_list *args;
    bool is_lost; /* an unknown conversion: what args holds next cannot be told */
};

/* One conversion, e.g. %.*s: what stands between '%' and its letter. */
struct conversion {
    int precision; /* -1 when not given */
    int size;      /* -2 hh, -1 h, 0, 1 l, 2 ll; 'z', 'j' and 't' as they are */
    char letter;
};

void gn_log_init(enum gn_log_level level, enum gn_log_format format, int fd)
{
    logger.level = level;
    logger.format = format;
    logger.fd = fd;
}

enum gn_log_level gn_log_level(void)
{
    return logger.level;
}

enum gn_err gn_log_level_parse(const char *name, enum gn_log_level *level)
{
    static const struct {
        const char *name;
        enum gn_log_level level;
    } rows[] = {
        {"trace", GN_LOG_DEBUG}, {"debug", GN_LOG_DEBUG},  {"info", GN_LOG_INFO},
        {"warn", GN_LOG_WARN},   {"warning", GN_LOG_WARN}, {"error", GN_LOG_ERROR},
        {"fatal", GN_LOG_ERROR}, {"panic", GN_LOG_ERROR},
    };

    for (size_t i = 0; i < GN_LEN(rows); i++) {
        if (!gn_str_eq_nocase(gn_str_of(name), gn_str_of(rows[i].name)))
            continue;
        *level = rows[i].level;
        return GN_OK;
    }
    return GN_EINVAL;
}

static int read_precision(struct reader *in)
{
    int precision = 0;

    if (*in->at != '.')
        return -1;
    in->at++;
    if (*in->at == '*') {
        in->at++;
        return va_arg(*in->args, int);
    }
    for (; *in->at >= '0' && *in->at <= '9'; in->at++)
        if (precision < GN_LOG_FIELD_MAX)
            precision = precision * 10 + (*in->at - '0');
    return precision;
}

static int read_size(struct reader *in)
{
    const char first = *in->at;

    if (first == 'z' || first == 'j' || first == 't') {
        in->at++;
        return first;
    }
    if (first != 'h' && first != 'l')
        return 0;
    in->at++;
    if (*in->at != first)
        return first == 'h' ? -1 : 1;
    in->at++;
    return first == 'h' ? -2 : 2;
}

static struct conversion read_conversion(struct reader *in)
{
    struct conversion c;

    c.precision = read_precision(in);
    c.size = read_size(in);
    c.letter = *in->at;
    if (c.letter != '\0')
        in->at++;
    return c;
}

/* Some of these types are the same here, not everywhere; and the analyzer loses sight of
 * va_start(). NOLINTBEGIN(bugprone-branch-clone,clang-analyzer-valist.Uninitialized) */
static long long fetch_signed(struct reader *in, int size)
{
    switch (size) {
    case -2:
        return (signed char)va_arg(*in->args, int);
    case -1:
        return (short)va_arg(*in->args, int);
    case 1:
        return va_arg(*in->args, long);
    case 2:
        return va_arg(*in->args, long long);
    case 'z':
        return va_arg(*in->args, ssize_t);
    case 'j':
        return va_arg(*in->args, intmax_t);
    case 't':
        return va_arg(*in->args, ptrdiff_t);
    default:
        return va_arg(*in->args, int);
    }
}

static unsigned long long fetch_unsigned(struct reader *in, int size)
{
    switch (size) {
    case -2:
        return (unsigned char)va_arg(*in->args, unsigned);
    case -1:
        return (unsigned short)va_arg(*in->args, unsigned);
    case 1:
        return va_arg(*in->args, unsigned long);
    case 2:
        return va_arg(*in->args, unsigned long long);
    case 'z':
        return va_arg(*in->args, size_t);
    case 'j':
        return va_arg(*in->args, uintmax_t);
    case 't':
        return (size_t)va_arg(*in->args, ptrdiff_t);
    default:
        return va_arg(*in->args, unsigned);
    }
}

static void add_text(struct gn_log_value *out, const char *text)
{
    gn_log_value_add(out, gn_str_of(text));
}

static void add_string(struct reader *in, struct conversion c, struct gn_log_value *out)
{
    const char *s = va_arg(*in->args, const char *);
    size_t most = GN_LOG_FIELD_MAX + 1; /* one more shows that something was cut */

    if (c.precision >= 0 && (size_t)c.precision < most)
        most = (size_t)c.precision;
    if (s != NULL)
        gn_log_value_add(out, (struct gn_str){s, strnlen(s, most)});
}

static void add_float(struct reader *in, struct conversion c, struct gn_log_value *out)
{
    const double value = va_arg(*in->args, double);
    int digits = c.precision >= 0 ? c.precision : 6;
    char text[NUMBER_MAX];

    if (digits > PRECISION_MAX)
        digits = PRECISION_MAX;
    if (c.letter == 'f')
        (void)snprintf(text, sizeof text, "%.*f", digits, value);
    else
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
    add_text(out, text);
    out->is_number = isfinite(value);
}

/* Fetches the argument of c and appends it. false: no such conversion here. */
static bool add_argument(struct reader *in, struct conversion c, struct gn_log_value *out)
{
    char text[NUMBER_MAX];

    switch (c.letter) {
    case 's':
        add_string(in, c, out);
        return true;
    case 'c':
        text[0] = (char)va_arg(*in->args, int);
        gn_log_value_add(out, (struct gn_str){text, 1});
        return true;
    case 'd':
    case 'i':
        (void)snprintf(text, sizeof text, "%lld", fetch_signed(in, c.size));
        break;
    case 'u':
        (void)snprintf(text, sizeof text, "%llu", fetch_unsigned(in, c.size));
        break;
    case 'x':
        (void)snprintf(text, sizeof text, "%llx", fetch_unsigned(in, c.size));
        break;
    case 'f':
    case 'g':
        add_float(in, c, out);
        return true;
    case '%':
        text[0] = '%';
        text[1] = '\0';
        break;
    default:
        return false;
    }
    add_text(out, text);
    out->is_number = c.letter == 'd' || c.letter == 'i' || c.letter == 'u';
    return true;
}
/* NOLINTEND(bugprone-branch-clone,clang-analyzer-valist.Uninitialized) */

/* Reads a value up to the blank behind it. Quotes in the format only hold blanks together: whether
 * the line needs quotes is decided by what the value holds. */
static void read_value(struct reader *in, struct gn_log_value *out)
{
    bool in_quotes = false;
    unsigned parts = 0;

    out->len = 0;
    out->was_cut = out->is_number = false;
    while (*in->at != '\0' && (*in->at != ' ' || in_quotes)) {
        const char *start = in->at++;

        if (*start == '"') {
            in_quotes = !in_quotes;
            continue;
        }
        parts++;
        if (*start != '%') {
            gn_log_value_add(out, (struct gn_str){start, 1});
        } else if (!add_argument(in, read_conversion(in), out)) {
            add_text(out, "?");
            in->is_lost = true;
            return;
        }
    }
    if (parts != 1)
        out->is_number = false;
}

/* Reads the key and its '='. Words without a key are put under "note". */
static struct gn_str read_key(struct reader *in)
{
    const size_t len = strcspn(in->at, "= %\"");
    const struct gn_str key = {in->at, len};

    if (len == 0 || in->at[len] != '=')
        return GN_STR("note");
    in->at += len + 1;
    return key;
}

/* RFC 3339 in UTC. Always three digits of fraction, so that lines stand under each other and sort.
 */
static void time_text(char text[TIME_TEXT_MAX])
{
    struct timespec now = {0};
    struct tm tm = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    (void)gmtime_r(&now.tv_sec, &tm);          /* on overflow the zero date stands */
    (void)snprintf(text, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(now.tv_nsec / 1000000));
}

/* One write per line keeps lines of several threads and processes whole. A line that the reader of
 * the pipe has no room for is lost: logging never holds the daemon up. */
static void write_line(const struct gn_log_line *line)
{
    ssize_t done;

    do {
        done = write(logger.fd, line->bytes, line->len);
    } while (done < 0 && errno == EINTR);
}

static void read_fields(struct reader *in, struct gn_log_line *line)
{
    struct gn_log_value value;

    while (!in->is_lost) {
        struct gn_str key;

        in->at += strspn(in->at, " ");
        if (*in->at == '\0')
            break;
        key = read_key(in);
        read_value(in, &value);
        gn_log_line_field(line, key, &value);
    }
}

void gn_log_write(enum gn_log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const int saved_errno = errno;
    struct reader in = {.at = format};
    struct gn_log_value event;
    struct gn_log_line line;
    char time[TIME_TEXT_MAX];
    va_list args;

    if (level < logger.level)
        return;
    line.format = logger.format;
    line.len = 0;
    line.was_cut = false;
    time_text(time);
    va_start(args, format);
    in.args = &args;
    read_value(&in, &event);
    event.is_number = false;
    gn_log_line_start(&line, time, names[level], &event);
    read_fields(&in, &line);
    va_end(args);
    gn_log_line_end(&line);
    write_line(&line);
    errno = saved_errno;
}

bool gn_log_allow(struct gn_log_limit *limit, uint64_t now_ms, uint64_t *held)
{
    if (now_ms < limit->next_at_ms) {
        limit->held++;
        return false;
    }
    *held = limit->held;
    limit->held = 0;
    limit->next_at_ms = now_ms + HOLD_MS;
    return true;
}
