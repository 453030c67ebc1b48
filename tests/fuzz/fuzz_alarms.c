/* fuzz folder: relay   a saved table of alarms: what is taken is saved so that it reads the
 * same; and the same bytes as clearing logic. */
#include <stdint.h>

#include "gurnard/base/assert.h"
#include "gurnard/relay/alarms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(struct gn_alarms *alarms, enum gn_severity severity, struct gn_str clears)
{
    gn_alarms_note(alarms, &(struct gn_alarm_note){
                               .bmc = GN_STR("b"),
                               .registry = GN_STR("R"),
                               .key = GN_STR("A"),
                               .origin = GN_STR("/o"),
                               .clears = clears,
                               .severity = severity,
                           });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gn_str text = {(const char *)data, size};
    struct gn_alarms *alarms = gn_alarms_new(NULL), *again = gn_alarms_new(NULL);
    struct gn_buf first = GN_BUF_INIT, second = GN_BUF_INIT;

    GN_ASSERT(alarms != NULL && again != NULL);
    if (gn_alarms_load(alarms, text) == GN_OK) {
        json_t *list = gn_alarms_list(alarms, GN_STR_NONE);

        GN_ASSERT(list != NULL);
        json_decref(list);
        GN_ASSERT(gn_alarms_save(alarms, &first) == GN_OK);
        GN_ASSERT(gn_alarms_load(again, gn_buf_str(&first)) == GN_OK);
        GN_ASSERT(gn_alarms_save(again, &second) == GN_OK);
        GN_ASSERT(gn_str_eq(gn_buf_str(&first), gn_buf_str(&second)));
    }
    note(alarms, GN_SEVERITY_CRITICAL, GN_STR_NONE);
    note(alarms, GN_SEVERITY_NONE, text);
    note(alarms, GN_SEVERITY_OK, text);
    gn_alarms_free(alarms);
    gn_alarms_free(again);
    gn_buf_free(&first);
    gn_buf_free(&second);
    return 0;
}
