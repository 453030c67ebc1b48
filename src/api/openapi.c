/* The description of the APIs. The build sees to it that this file is compiled anew when the
 * document changes. */
#include "gurnard/api/openapi.h"

#include <stdint.h>
#include <stdio.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/crc32c.h"

#define ETAG_MAX 32

/* The assembler takes the document in as it is, with a NUL behind it. */
__asm__(".pushsection .rodata\n"
        ".hidden gn_openapi_json\n"
        ".hidden gn_openapi_json_end\n"
        ".globl gn_openapi_json\n"
        ".globl gn_openapi_json_end\n"
        "gn_openapi_json:\n"
        ".incbin \"" GN_OPENAPI_JSON "\"\n"
        "gn_openapi_json_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const char gn_openapi_json[] __attribute__((visibility("hidden")));
extern const char gn_openapi_json_end[] __attribute__((visibility("hidden")));

struct gn_str gn_openapi_text(void)
{
    /* As numbers: to C the two are different objects. */
    return (struct gn_str){gn_openapi_json,
                           (size_t)((uintptr_t)gn_openapi_json_end - (uintptr_t)gn_openapi_json)};
}

/* Whether the value of If-None-Match names tag; a weak one is as good. */
static bool names(struct gn_str wanted, struct gn_str tag)
{
    while (wanted.p != NULL) {
        struct gn_str one = gn_str_trim(gn_str_cut(wanted, ',', &wanted));

        if (gn_str_has_prefix(one, GN_STR("W/")))
            one = (struct gn_str){one.p + 2, one.len - 2};
        if (gn_str_eq(one, tag) || gn_str_eq(one, GN_STR("*")))
            return true;
    }
    return false;
}

static void answer(struct gn_http_request *request)
{
    const struct gn_str text = gn_openapi_text();
    char tag[ETAG_MAX];
    const char *headers[] = {"ETag", tag, "Cache-Control", "no-cache", NULL};
    /* With 304 too: its Content-Length is that of 200, and the body stays here. */
    struct gn_http_reply reply = {.status = 200,
                                  .content_type = "application/json",
                                  .body = text,
                                  .body_is_static = true,
                                  .headers = headers};

    (void)snprintf(tag, sizeof tag, "\"%08x-%zx\"", gn_crc32c(0, text.p, text.len), text.len);
    if (names(gn_http_header(request, "If-None-Match"), gn_str_of(tag)))
        reply.status = 304;
    gn_http_reply(request, &reply);
}

bool gn_openapi_handle(struct gn_http_request *request)
{
    struct gn_str method = gn_http_method(request);

    if (!gn_str_eq(gn_http_path(request), GN_STR("/openapi.json")))
        return false;
    if (gn_str_eq(method, GN_STR("GET")) || gn_str_eq(method, GN_STR("HEAD")))
        answer(request);
    else
        gn_reply_bad_method(request);
    return true;
}
