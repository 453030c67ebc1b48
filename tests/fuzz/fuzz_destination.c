/* fuzz folder: redfish   EventDestinations, collections of them, and answers to a creation.
 *
 * The input is JSON: one resource, or an array or Members of them, or the answer to a POST; a
 * member Location stands for the header, text that is no JSON is read as a shape. Properties: URIs
 * are fit for a request line; a plan never removes what is not ours, has no URI or is kept; the
 * ladder ends. */
#include "gurnard/redfish/destination.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLLECTION  "/redfish/v1/EventService/Subscriptions"
#define MEMBERS_MAX 96

static const struct gn_destination_owner owner = {"gurnard:", "gurnard:a1b2:rack7",
                                                  "https://192.0.2.10/webhook/rack7/s3cr3t",
                                                  "s3cr3t"};

static void check_uri(const char uri[GN_SERVICE_URI_MAX])
{
    char again[GN_SERVICE_URI_MAX];

    GN_ASSERT(strnlen(uri, GN_SERVICE_URI_MAX) < GN_SERVICE_URI_MAX);
    GN_ASSERT(uri[0] == '\0' || (gn_service_uri(gn_str_of(uri), again) && strcmp(uri, again) == 0));
}

static void check_member(const struct gn_destination *d)
{
    check_uri(d->uri);
    check_uri(d->resume);
    GN_ASSERT(strnlen(d->url, sizeof d->url) <= GN_DESTINATION_URL_MAX);
    GN_ASSERT(strnlen(d->context, sizeof d->context) <= GN_DESTINATION_CONTEXT_MAX);
    GN_ASSERT(gn_text_is_utf8(gn_str_of(d->url)) && gn_text_is_utf8(gn_str_of(d->context)));
    GN_ASSERT(strnlen(d->state, sizeof d->state) < sizeof d->state && d->ttl_s >= -1);
}

static void check_plan(const struct gn_destination *list, size_t count)
{
    struct gn_destination_plan plan;

    gn_destination_plan(list, count, &owner, 600, &plan);
    GN_ASSERT(plan.creates == (plan.keep == SIZE_MAX));
    GN_ASSERT(plan.creates ? !plan.resumes : plan.resumes == list[plan.keep].is_suspended);
    GN_ASSERT(plan.remove_count <= GN_DESTINATION_REMOVE_MAX);
    for (size_t i = 0; i < plan.remove_count; i++) {
        GN_ASSERT(plan.remove[i] < count && list[plan.remove[i]].uri[0] == '/');
        for (size_t k = 0; k < count; k++) {
            if (strcmp(list[k].uri, list[plan.remove[i]].uri) == 0)
                GN_ASSERT(k != plan.keep && gn_destination_owned(&list[k], &owner) != GN_OWN_NONE);
        }
    }
}

static void read_members(const json_t *members)
{
    struct gn_destination *list = calloc(MEMBERS_MAX, sizeof *list);
    size_t count = 0;

    if (list == NULL)
        return;
    for (size_t i = 0; i < json_array_size(members) && count < MEMBERS_MAX; i++) {
        if (!gn_destination_read(json_array_get(members, i), GN_STR_NONE, &list[count]))
            continue;
        check_member(&list[count++]);
    }
    check_plan(list, count);
    free(list);
}

static void read_created(const json_t *body)
{
    char uri[GN_SERVICE_URI_MAX];
    const bool is_found =
        gn_destination_created_uri(gn_json_str(body, "Location"), body, COLLECTION, uri);

    check_uri(uri);
    GN_ASSERT(is_found == (uri[0] != '\0') && strcmp(uri, COLLECTION) != 0);
}

/* The same value as the answer of a BMC that refuses each shape. */
static void climb_down(const json_t *body)
{
    static const char *const texts[] = {"a"};
    static const struct gn_destination_want want = {.url = "https://h/t",
                                                    .context = "c",
                                                    .severities = {texts, 1},
                                                    .header_names = texts,
                                                    .header_values = texts,
                                                    .header_count = 1,
                                                    .policy = GN_POLICY_BACKOFF};
    struct gn_destination_shape shape = {0}, before;
    struct gn_service_error error;
    unsigned attempt = 0;

    gn_service_error_read(400, body, GN_STR_NONE, &error);
    do {
        before = shape;
        GN_ASSERT(++attempt <= GN_SHAPE_ATTEMPTS);
    } while (gn_shape_next(&shape, &want, &error, attempt));
    GN_ASSERT(before.omit == shape.omit && before.has_event_types == shape.has_event_types &&
              before.has_object_headers == shape.has_object_headers);
}

static void read_shape(struct gn_str text)
{
    struct gn_destination_shape shape;
    struct gn_buf again = GN_BUF_INIT;

    if (!gn_shape_parse(text, &shape))
        return;
    gn_shape_format(&shape, &again);
    GN_ASSERT(gn_buf_err(&again) == GN_OK && gn_str_eq(gn_buf_str(&again), text));
    gn_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str text = {(const char *)data, size};
    struct gn_destination one;
    json_t *value;

    read_shape(text);
    if (gn_json_parse(text, NULL, &value) != GN_OK)
        return 0;
    if (gn_destination_read(value, GN_STR(COLLECTION "/1"), &one)) {
        check_member(&one);
        check_plan(&one, 1);
    }
    read_members(json_is_array(value) ? value : json_object_get(value, "Members"));
    read_created(value);
    climb_down(value);
    json_decref(value);
    return 0;
}
