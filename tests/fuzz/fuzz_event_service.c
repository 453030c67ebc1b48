/* fuzz folder: redfish   an EventService and ActionInfos: gn_event_service_read(),
 * gn_test_info_read().
 *
 * The input is JSON: an EventService, an ActionInfo, or an array of them. Properties: URIs are fit
 * for a request line and stay as they are when read again; the forms of a test event end, and each
 * body is JSON that carries the message that is waited for. */
#include "gurnard/redfish/event_service.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"
#include "gurnard/redfish/destination.h"
#include "gurnard/redfish/message_id.h"
#include "gurnard/redfish/test_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const ids[] = {"Base.1.8.Created"};

static void check_uri(const char uri[GN_SERVICE_URI_MAX])
{
    const size_t len = strnlen(uri, GN_SERVICE_URI_MAX);
    char again[GN_SERVICE_URI_MAX];

    GN_ASSERT(len < GN_SERVICE_URI_MAX);
    if (len == 0)
        return;
    GN_ASSERT(uri[0] == '/' && strpbrk(uri, " \r\n\t#") == NULL);
    GN_ASSERT(gn_service_uri((struct gn_str){uri, len}, again) && strcmp(uri, again) == 0);
}

static void check_json(const struct gn_buf *body)
{
    json_t *value;

    GN_ASSERT(gn_json_parse(gn_buf_str(body), NULL, &value) == GN_OK && json_is_object(value));
    json_decref(value);
}

static void read_service(const json_t *resource)
{
    static const struct gn_destination_want want = {
        .url = "https://h/t", .context = "c", .message_ids = {ids, 1}, .prefixes = {ids, 1}};
    struct gn_event_service service;
    struct gn_destination_shape shape;
    struct gn_buf body = GN_BUF_INIT;

    GN_ASSERT(gn_event_service_read(resource, &service) == json_is_object(resource));
    check_uri(service.subscriptions);
    check_uri(service.test_target);
    check_uri(service.test_info);
    check_uri(service.sse);
    GN_ASSERT(!service.is_enabled || !service.is_disabled);
    GN_ASSERT(!service.takes_alert || service.has_event_types);
    GN_ASSERT(gn_text_is_utf8(gn_str_of(service.condition)));
    shape = gn_shape_first(&service, &want);
    gn_destination_body(&want, &shape, &body);
    check_json(&body);
    gn_buf_free(&body);
}

static void check_form(enum gn_test_form form, const struct gn_test_info *info,
                       const struct gn_test_want *want)
{
    const struct gn_str id = gn_test_message_id(form, info, want);
    struct gn_message_id parsed;
    struct gn_buf body = GN_BUF_INIT;

    gn_test_body(form, info, want, &body);
    check_json(&body);
    if (gn_message_id_parse(id, &parsed) == GN_OK)
        GN_ASSERT(gn_test_has_key(gn_buf_str(&body), id));
    GN_ASSERT(form != GN_TEST_FULL || gn_test_has_nonce(gn_buf_str(&body), gn_str_of(want->nonce)));
    gn_buf_free(&body);
}

static void read_info(const json_t *resource)
{
    static const struct gn_test_want want = {"n0nce42",     "Base.1.8.Created",
                                             "/redfish/v1", "2026-01-02T03:04:05Z",
                                             "https://h/t", "c"};
    const struct gn_str vendor = gn_json_str(resource, "Vendor");
    struct gn_test_info info = {0};
    unsigned forms = 0;

    gn_test_info_read(resource, &info);
    gn_test_info_read(gn_event_service_test_action(resource), &info);
    GN_ASSERT((info.required & ~info.known) == 0 && info.is_there == (info.known != 0));
    for (enum gn_test_form form = gn_test_first(&info, vendor); form != GN_TEST_FORMS;
         form = gn_test_next(form, &info, vendor)) {
        GN_ASSERT(++forms <= GN_TEST_FORMS);
        check_form(form, &info, &want);
    }
}

static void read_one(const json_t *resource)
{
    read_service(resource);
    read_info(resource);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str text = {(const char *)data, size};
    char path[GN_SERVICE_URI_MAX];
    json_t *value;

    (void)gn_service_uri(text, path);
    check_uri(path);
    (void)gn_test_has_key(text, GN_STR("Base.1.8.Created"));
    if (gn_json_parse(text, NULL, &value) != GN_OK)
        return 0;
    read_one(value);
    for (size_t i = 0; i < json_array_size(value) && i < 64; i++)
        read_one(json_array_get(value, i));
    json_decref(value);
    return 0;
}
