/* Texts of a BMC's resources, copied into rooms of fixed size. */
#include "resource_priv.h"

#include "gurnard/base/json.h"
#include "gurnard/base/text.h"

void gn_resource_copy(char *out, size_t size, struct gn_str s)
{
    if (s.len > 0)
        s = gn_text_clip(s, size - 1);
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.p[i];

        out[i] = c < 0x20 || c == 0x7F ? ' ' : s.p[i];
    }
    out[s.len] = '\0';
}

void gn_resource_copy_whole(char *out, size_t size, struct gn_str s)
{
    gn_resource_copy(out, size, s.len < size ? s : GN_STR_NONE);
}

struct gn_str gn_resource_text(const json_t *obj, const char *key)
{
    const json_t *value = gn_json_get_nocase(obj, key);

    if (!json_is_string(value))
        return GN_STR_NONE;
    return (struct gn_str){json_string_value(value), json_string_length(value)};
}
