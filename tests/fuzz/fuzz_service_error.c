/* fuzz folder: redfish   error bodies with any status: gn_service_error_read().
 *
 * The first line is the status, the rest the body. Properties: texts are terminated, clean and of
 * bounded number; only faults of properties have any; a body that is no JSON is as if plain. */
#include "gurnard/redfish/service_error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/json.h"
#include "gurnard/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
    const size_t len = strnlen(text, room);

    GN_ASSERT(len < room && gn_text_is_utf8((struct gn_str){text, len}));
    for (size_t i = 0; i < len; i++)
        GN_ASSERT((unsigned char)text[i] >= 0x20 && text[i] != 0x7F);
}

static void check(const struct gn_service_error *error, int status)
{
    check_text(error->key, sizeof error->key);
    check_text(error->text, sizeof error->text);
    GN_ASSERT(error->property_count <= GN_SERVICE_ERROR_PROPERTIES);
    GN_ASSERT(error->property_count == 0 || error->fault == GN_FAULT_PROPERTY ||
              error->fault == GN_FAULT_MISSING);
    for (size_t i = 0; i < error->property_count; i++) {
        check_text(error->properties[i], sizeof error->properties[i]);
        GN_ASSERT(error->properties[i][0] != '\0' && strchr(error->properties[i], '/') == NULL);
        for (size_t k = 0; k < i; k++)
            GN_ASSERT(strcmp(error->properties[i], error->properties[k]) != 0);
    }
    GN_ASSERT(status < 400 || error->fault != GN_FAULT_NONE);
    GN_ASSERT(status >= 400 || error->fault != GN_FAULT_OTHER);
    GN_ASSERT((gn_service_fault_name(error->fault)[0] == '\0') == (error->fault == GN_FAULT_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_str body, line = gn_str_cut((struct gn_str){(const char *)data, size}, '\n', &body);
    unsigned long long status = 0;
    struct gn_service_error error;
    json_t *value = NULL;

    if (!gn_str_to_u64(gn_str_trim(line), 999, &status))
        body = (struct gn_str){(const char *)data, size};
    if (gn_json_parse(body, NULL, &value) != GN_OK)
        GN_ASSERT(value == NULL);
    gn_service_error_read((int)status, value, body, &error);
    check(&error, (int)status);
    json_decref(value);
    return 0;
}
