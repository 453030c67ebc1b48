/* fuzz folder: ce   POST bodies of /create/event: what is accepted is written as valid JSON, what
 * is refused as not JSON is explained in UTF-8. */
#include <stdint.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/ce/cne.h"

static const struct gn_json_limits limits = {.max_bytes = 1 << 20,
                                             .max_depth = 16,
                                             .max_tokens = 4096};
/* "100." becomes "100": texts only get shorter, but for numbers without quotes and empty members.
 */
static const struct gn_json_limits out_limits = {.max_bytes = 1 << 24,
                                                 .max_depth = 20,
                                                 .max_tokens = 65536};

static void check_event(const struct gn_cne_request *request)
{
    const struct gn_event_parts parts = {
        .id = {"id"},
        .type = request->type,
        .source = request->source,
        .resource = request->source,
        .data_schema = request->data_schema,
        .data = gn_buf_str(&request->data),
        .time_ns = request->time_ns,
    };
    struct gn_event *event = gn_event_new(&parts);
    struct gn_str body[GN_CNE_BODY_PARTS];
    struct gn_buf out = GN_BUF_INIT;
    enum gn_err err;

    GN_ASSERT(event != NULL);
    gn_cne_body(event, GN_STR("id"), body);
    for (size_t i = 0; i < GN_CNE_BODY_PARTS; i++)
        gn_buf_add_str(&out, body[i]);
    err = gn_json_check(gn_buf_str(&out), &out_limits);
    GN_ASSERT(err == GN_OK);
    gn_buf_reset(&out);
    gn_cne_structured(event, &out);
    err = gn_json_check(gn_buf_str(&out), &out_limits);
    GN_ASSERT(err == GN_OK);
    gn_buf_free(&out);
    gn_event_unref(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str body = {(const char *)data, size};
    struct gn_cne_request request;
    char error[GN_CNE_ERROR_MAX];
    enum gn_err err = gn_cne_parse(body, &limits, &request, error);

    GN_ASSERT(strlen(error) < GN_CNE_ERROR_MAX);
    GN_ASSERT(gn_text_is_utf8(gn_str_of(error)));
    GN_ASSERT((err == GN_EPARSE || err == GN_EINVAL) == (error[0] != '\0'));
    if (err == GN_OK) {
        check_event(&request);
        gn_cne_request_fini(&request);
    }
    return 0;
}
