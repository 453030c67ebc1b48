/* Clocks and time texts, with calendar arithmetic of its own: mktime() and friends depend on the
 * zone and the locale of the process. */
#include "gurnard/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gurnard/base/assert.h"

#define NS_PER_S   INT64_C(1000000000)
#define S_PER_DAY  86400
#define FRAC_DIGIT 9 /* digits of a fraction that we keep */

#define DURATION_MAX (1ULL << 40) /* of any unit; in milliseconds it fits 64 bits */

struct civil {
    int year, month, day; /* month and day from 1 */
};

/* Where parsing stands, and how much is forgiven. */
struct scanner {
    struct gn_str rest;
    bool is_lax;
};

static struct timespec now(clockid_t clock)
{
    struct timespec ts;

    /* cannot fail for the two clocks that we read */
    GN_ASSERT(clock_gettime(clock, &ts) == 0);
    return ts;
}

uint64_t gn_clock_mono_us(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);

    return (uint64_t)ts.tv_sec * 1000000U + (uint64_t)ts.tv_nsec / 1000U;
}

uint64_t gn_clock_mono_ms(void)
{
    return gn_clock_mono_us() / 1000U;
}

int64_t gn_clock_real_ns(void)
{
    struct timespec ts = now(CLOCK_REALTIME);

    return (int64_t)ts.tv_sec * NS_PER_S + (int64_t)ts.tv_nsec;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that the
 * leap day is the last of its year; 400 years have 146097 days. */
static int64_t days_from_civil(struct civil c)
{
    int year = c.month <= 2 ? c.year - 1 : c.year;
    int era = (year >= 0 ? year : year - 399) / 400;
    int year_of_era = year - era * 400;
    int month = (c.month + 9) % 12; /* 0 is March */
    int day_of_year = (153 * month + 2) / 5 + c.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return (int64_t)era * 146097 + day_of_era - 719468;
}

/* The inverse, for days that fit a 64-bit count of nanoseconds. */
static struct civil civil_from_days(int64_t days)
{
    int shifted = (int)days + 719468; /* from 0000-03-01; positive for all we meet */
    int era = shifted / 146097;
    int day_of_era = shifted % 146097;
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (5 * day_of_year + 2) / 153;
    int year = era * 400 + year_of_era;

    return (struct civil){
        .year = month >= 10 ? year + 1 : year,
        .month = month >= 10 ? month - 9 : month + 3,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Writes '.' and the digits of nanos but for trailing zeros, or nothing. */
static void format_fraction(int64_t nanos, char *text, size_t size)
{
    int digits = FRAC_DIGIT;

    text[0] = '\0';
    if (nanos == 0)
        return;
    while (nanos % 10 == 0) {
        nanos /= 10;
        digits--;
    }
    (void)snprintf(text, size, ".%0*lld", digits, (long long)nanos);
}

void gn_time_format(int64_t ns, char text[GN_TIME_TEXT_MAX])
{
    int64_t s = ns / NS_PER_S, nanos = ns % NS_PER_S, days;
    char fraction[24];
    struct civil c;
    int of_day;

    if (nanos < 0) {
        nanos += NS_PER_S;
        s--;
    }
    of_day = (int)(s % S_PER_DAY);
    if (of_day < 0)
        of_day += S_PER_DAY;
    days = (s - of_day) / S_PER_DAY;
    c = civil_from_days(days);
    format_fraction(nanos, fraction, sizeof fraction);
    (void)snprintf(text, GN_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%.10sZ", c.year, c.month,
                   c.day, of_day / 3600, of_day / 60 % 60, of_day % 60, fraction);
}

static void skip(struct scanner *sc, size_t count)
{
    sc->rest.p += count;
    sc->rest.len -= count;
}

/* Takes one byte when it is a member of set. */
static bool take_one_of(struct scanner *sc, const char *set)
{
    if (sc->rest.len == 0 || sc->rest.p[0] == '\0' || strchr(set, sc->rest.p[0]) == NULL)
        return false;
    skip(sc, 1);
    return true;
}

/* Takes exactly count digits with a value from low to high. */
static bool take_number(struct scanner *sc, size_t count, int low, int high, int *value)
{
    unsigned long long number;

    if (sc->rest.len < count ||
        !gn_str_to_u64((struct gn_str){sc->rest.p, count}, (unsigned)high, &number) ||
        (int)number < low)
        return false;
    skip(sc, count);
    *value = (int)number;
    return true;
}

static bool take_date(struct scanner *sc, struct civil *c)
{
    return take_number(sc, 4, 0, 9999, &c->year) && take_one_of(sc, "-") &&
           take_number(sc, 2, 1, 12, &c->month) && take_one_of(sc, "-") &&
           take_number(sc, 2, 1, days_of_month(c->year, c->month), &c->day);
}

static bool take_time(struct scanner *sc, int *minutes, int *seconds)
{
    int hour, minute;

    if (!take_number(sc, 2, 0, 23, &hour) || !take_one_of(sc, ":") ||
        !take_number(sc, 2, 0, 59, &minute) || !take_one_of(sc, ":") ||
        !take_number(sc, 2, 0, 60, seconds))
        return false;
    *minutes = hour * 60 + minute;
    return true;
}

/* Takes a fraction when there is one; digits behind the ninth are read and dropped. */
static bool take_fraction(struct scanner *sc, int64_t *nanos)
{
    int64_t unit = NS_PER_S;
    int digit;

    *nanos = 0;
    if (!take_one_of(sc, "."))
        return true;
    if (!take_number(sc, 1, 0, 9, &digit))
        return false;
    do {
        unit /= 10;
        *nanos += digit * unit;
    } while (take_number(sc, 1, 0, 9, &digit));
    return true;
}

static bool take_zone(struct scanner *sc, int *offset_minutes)
{
    int hour, minute = 0;
    bool is_west, has_minute;

    *offset_minutes = 0;
    if (take_one_of(sc, sc->is_lax ? "Zz" : "Z"))
        return true;
    if (sc->rest.len == 0)
        return sc->is_lax;
    is_west = sc->rest.p[0] == '-';
    if (!take_one_of(sc, "+-") || !take_number(sc, 2, 0, 23, &hour))
        return false;
    has_minute = take_one_of(sc, ":") || (sc->is_lax && sc->rest.len > 0);
    if (has_minute ? !take_number(sc, 2, 0, 59, &minute) : !sc->is_lax)
        return false;
    *offset_minutes = is_west ? -(hour * 60 + minute) : hour * 60 + minute;
    return true;
}

static enum gn_err parse(struct scanner sc, int64_t *ns)
{
    int minutes, seconds, offset_minutes;
    struct civil date;
    int64_t nanos, s, sum;

    if (!take_date(&sc, &date) || !take_one_of(&sc, sc.is_lax ? "Tt " : "T") ||
        !take_time(&sc, &minutes, &seconds) || !take_fraction(&sc, &nanos) ||
        !take_zone(&sc, &offset_minutes) || sc.rest.len > 0)
        return GN_EPARSE;
    s = days_from_civil(date) * S_PER_DAY + (int64_t)(minutes - offset_minutes) * 60 + seconds;
    if (seconds == 60 && s % S_PER_DAY != 0)
        return GN_EPARSE; /* a leap second ends a UTC day; its time is that of the next second */
    if (__builtin_mul_overflow(s, NS_PER_S, &sum) || __builtin_add_overflow(sum, nanos, &sum))
        return GN_EPARSE;
    *ns = sum;
    return GN_OK;
}

enum gn_err gn_time_parse(struct gn_str text, int64_t *ns)
{
    return parse((struct scanner){text, false}, ns);
}

enum gn_err gn_time_parse_bmc(struct gn_str text, int64_t *ns)
{
    return parse((struct scanner){text, true}, ns);
}

enum gn_err gn_duration_parse(struct gn_str text, uint64_t *ms)
{
    static const struct {
        struct gn_str name;
        uint64_t ms;
    } units[] = {
        {GN_STR_INIT("ms"), 1},
        {GN_STR_INIT("s"), 1000},
        {GN_STR_INIT("m"), 60000},
        {GN_STR_INIT("h"), 3600000},
    };
    size_t digits = 0;
    unsigned long long number;

    while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (!gn_str_to_u64((struct gn_str){text.p, digits}, DURATION_MAX, &number))
        return GN_EPARSE;
    for (size_t i = 0; i < GN_LEN(units); i++) {
        if (gn_str_eq((struct gn_str){text.p + digits, text.len - digits}, units[i].name)) {
            *ms = number * units[i].ms;
            return GN_OK;
        }
    }
    return GN_EPARSE;
}
