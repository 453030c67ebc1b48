/* Which format of metrics an Accept header asks for. */
#include <stdbool.h>

#include "ops_priv.h"

#define Q_ONE    1000 /* q=1, in thousandths */
#define Q_DIGITS 3

/* 0 ... 1 with up to three digits behind the point, in thousandths; 0 for anything else. */
static int parse_q(struct gn_str text)
{
    int unit = Q_ONE;
    int q;

    if (text.len == 0 || text.len > 2 + Q_DIGITS || (text.p[0] != '0' && text.p[0] != '1'))
        return 0;
    q = text.p[0] == '1' ? Q_ONE : 0;
    if (text.len > 1 && (text.p[1] != '.' || text.len == 2))
        return 0;
    for (size_t i = 2; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return 0;
        unit /= 10;
        q += (text.p[i] - '0') * unit;
    }
    return q > Q_ONE ? 0 : q;
}

static struct gn_str unquoted(struct gn_str text)
{
    if (text.len < 2 || text.p[0] != '"' || text.p[text.len - 1] != '"')
        return text;
    return (struct gn_str){text.p + 1, text.len - 2};
}

/* How much params want what they stand behind; 0 when they ask for another version. */
static int weight(struct gn_str params, struct gn_str version)
{
    int q = Q_ONE;

    while (params.p != NULL) {
        struct gn_str value = GN_STR_NONE;
        struct gn_str name = gn_str_trim(gn_str_cut(params, ';', &params));

        name = gn_str_trim(gn_str_cut(name, '=', &value));
        value = unquoted(gn_str_trim(value));
        if (gn_str_eq_nocase(name, GN_STR("q")))
            q = parse_q(value);
        else if (gn_str_eq_nocase(name, GN_STR("version")) && !gn_str_eq(value, version))
            return 0;
    }
    return q;
}

static void raise_to(int *q, int other)
{
    if (other > *q)
        *q = other;
}

enum gn_metrics_format gn_ops_preferred(struct gn_str accept)
{
    int openmetrics = 0, plain = 0;

    while (accept.p != NULL) {
        struct gn_str params = GN_STR_NONE;
        struct gn_str type = gn_str_cut(accept, ',', &accept);

        type = gn_str_trim(gn_str_cut(type, ';', &params));
        if (gn_str_eq_nocase(type, GN_STR("application/openmetrics-text")))
            raise_to(&openmetrics, weight(params, GN_STR("1.0.0")));
        else if (gn_str_eq_nocase(type, GN_STR("text/plain")) ||
                 gn_str_eq_nocase(type, GN_STR("text/*")) || gn_str_eq_nocase(type, GN_STR("*/*")))
            raise_to(&plain, weight(params, GN_STR("0.0.4")));
    }
    return openmetrics > 0 && openmetrics >= plain ? GN_METRICS_OPENMETRICS : GN_METRICS_PROMETHEUS;
}
