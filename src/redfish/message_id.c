/* MessageId parser. It reads from the right, since the name of a registry may itself hold dots,
 * while a key never does. */
#include "gurnard/redfish/message_id.h"

#include <string.h>

/* What is behind the last dot of s. */
static struct gn_str last_part(struct gn_str s)
{
    const char *dot = s.len == 0 ? NULL : memrchr(s.p, '.', s.len);

    if (dot == NULL)
        return s;
    return (struct gn_str){dot + 1, s.len - (size_t)(dot + 1 - s.p)};
}

/* s without its last part and the dot before that. */
static struct gn_str without_last_part(struct gn_str s, struct gn_str part)
{
    size_t left = s.len - part.len;

    return (struct gn_str){s.p, left == 0 ? 0 : left - 1};
}

static bool is_number(struct gn_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.len > 0;
}

/* Whether s is v1, v1_0 or v1_0_0, as some vendors write versions inside names. */
static bool is_v_form(struct gn_str s)
{
    struct gn_str rest;

    if (s.len < 2 || (s.p[0] != 'v' && s.p[0] != 'V'))
        return false;
    rest = (struct gn_str){s.p + 1, s.len - 1};
    while (rest.p != NULL) {
        if (!is_number(gn_str_cut(rest, '_', &rest)))
            return false;
    }
    return true;
}

static uint16_t number_of(struct gn_str digits)
{
    uint32_t value = 0;

    for (size_t i = 0; i < digits.len; i++) {
        value = value * 10 + (uint32_t)(digits.p[i] - '0');
        if (value > UINT16_MAX)
            return UINT16_MAX;
    }
    return (uint16_t)value;
}

/* Reads up to three numbers; further ones say nothing that anybody compares. */
static void put_version(struct gn_message_id *id, struct gn_str version, char separator)
{
    uint16_t *const parts[] = {&id->major, &id->minor, &id->patch};

    for (size_t i = 0; i < GN_LEN(parts) && version.p != NULL; i++)
        *parts[i] = number_of(gn_str_cut(version, separator, &version));
    id->has_version = true;
}

void gn_message_id_split(struct gn_str name, struct gn_message_id *id)
{
    struct gn_str rest = name;
    struct gn_str part = last_part(rest);

    *id = (struct gn_message_id){0};
    while (rest.len > 0 && is_number(part)) {
        rest = without_last_part(rest, part);
        part = last_part(rest);
    }
    if (rest.len < name.len) {
        size_t at = rest.len == 0 ? 0 : rest.len + 1;

        put_version(id, (struct gn_str){name.p + at, name.len - at}, '.');
    } else if (is_v_form(part)) {
        put_version(id, (struct gn_str){part.p + 1, part.len - 1}, '_');
        rest = without_last_part(rest, part);
    }
    if (rest.len > 0)
        id->prefix = rest;
}

enum gn_err gn_message_id_parse(struct gn_str text, struct gn_message_id *id)
{
    struct gn_str key;

    *id = (struct gn_message_id){0};
    text = gn_str_trim(text);
    if (text.len > GN_MESSAGE_ID_MAX)
        return GN_EPARSE;
    key = last_part(text);
    if (key.len == 0)
        return GN_EPARSE;
    gn_message_id_split(without_last_part(text, key), id);
    id->key = key;
    return GN_OK;
}
