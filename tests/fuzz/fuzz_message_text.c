/* fuzz folder: redfish   message texts and their arguments.
 *
 * The first line is the text, each further line an argument. Properties: the limit holds; a text
 * without percent sign passes unchanged; well-formed UTF-8 stays well-formed. */
#include "gurnard/redfish/message_text.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "gurnard/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 32

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str input = {(const char *)data, size};
    struct gn_str args[ARGS_MAX];
    struct gn_buf out = GN_BUF_INIT;
    struct gn_str rest = input;
    struct gn_str text = gn_str_cut(rest, '\n', &rest);
    size_t count = 0;

    while (count < ARGS_MAX && rest.p != NULL)
        args[count++] = gn_str_cut(rest, '\n', &rest);
    gn_message_text(text, args, count, &out);
    require(gn_buf_err(&out) == GN_OK && out.len <= GN_MESSAGE_TEXT_MAX);
    if (text.len <= GN_MESSAGE_TEXT_MAX && (text.len == 0 || memchr(text.p, '%', text.len) == NULL))
        require(gn_str_eq(gn_buf_str(&out), text));
    if (gn_text_is_utf8(input))
        require(gn_text_is_utf8(gn_buf_str(&out)));
    gn_buf_free(&out);
    return 0;
}
