/* fuzz folder: cli   delivered events, as `gurnard tap` prints them.
 *
 * Properties: as many lines as were promised, at least one; nothing in them that a terminal would
 * act on; well-formed UTF-8. */
#include "gurnard/cli/show.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "gurnard/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_buf out = GN_BUF_INIT;
    unsigned promised = gn_show_event((struct gn_str){(const char *)data, size}, false, &out);
    unsigned lines = 0;

    require(gn_buf_err(&out) == GN_OK && out.len > 0 && out.data[out.len - 1] == '\n');
    for (size_t i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char)out.data[i];

        lines += c == '\n';
        require((c >= 0x20 || c == '\n') && c != 0x7f);
        require(c != 0xc2 || (unsigned char)out.data[i + 1] >= 0xa0);
    }
    require(lines == promised && lines > 0);
    require(gn_text_is_utf8(gn_buf_str(&out)));
    gn_buf_free(&out);
    return 0;
}
