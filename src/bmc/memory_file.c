/* The files of the memory: JSON, written by hand, read with jansson. What is of a wrong type is as
 * if it were not there; a file that is no object is refused. */
#include "memory_priv.h"
#include "spec_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "gurnard/bmc/health.h"

#define TROUBLES_ALL ((1U << GN_BMC_STATES) - 1)

static const struct gn_json_limits limits = {.max_bytes = MEMORY_FILE_MAX,
                                             .max_depth = 8,
                                             .max_tokens = 65536};

/* ---- texts of a fixed room ---- */

static void take_text(const json_t *obj, const char *key, char *out, size_t size)
{
    struct gn_str text = gn_json_str(obj, key);

    if (text.len >= size)
        text.len = 0;
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    out[text.len] = '\0';
}

static void add_text(struct gn_buf *out, const char *key, const char *text)
{
    if (text[0] == '\0')
        return;
    gn_buf_printf(out, ",\n \"%s\":", key);
    gn_text_add_json(out, gn_str_of(text));
}

/* ---- pins ---- */

static void add_pin(struct gn_buf *out, const uint8_t pin[32])
{
    gn_buf_puts(out, ",\n \"pin\":\"");
    for (size_t i = 0; i < 32; i++)
        gn_buf_printf(out, "%02x", pin[i]);
    gn_buf_putc(out, '"');
}

/* ---- logs ---- */

static uint32_t take_count(const json_t *value, const char *key)
{
    long long count = gn_json_int(value, key, 0);

    return count < 0 || count > GN_KEPT_AGREEMENT_MAX ? 0 : (uint32_t)count;
}

static enum gn_err take_log(struct gn_kept *kept, const json_t *value)
{
    char uri[GN_SERVICE_URI_MAX];
    struct gn_kept_log *log;

    take_text(value, "uri", uri, sizeof uri);
    if (uri[0] == '\0' || kept->log_count == GN_KEPT_LOGS_MAX)
        return GN_OK;
    log = gn_kept_log(kept, uri);
    if (log == NULL)
        return GN_ENOMEM;
    take_text(value, "id", log->mark.id, sizeof log->mark.id);
    log->has_mark = log->mark.id[0] != '\0' || json_is_true(json_object_get(value, "empty"));
    log->mark.created_ns = gn_json_int(value, "created_ns", INT64_MIN);
    log->mark.hash = (uint64_t)gn_json_int(value, "hash", 0);
    log->count = (uint64_t)gn_json_int(value, "count", 0);
    log->updated_ns = gn_json_int(value, "updated_ns", 0);
    log->known = take_count(value, "known");
    log->unknown = take_count(value, "unknown");
    log->is_oldest_first = json_is_true(json_object_get(value, "oldest_first"));
    return GN_OK;
}

static void add_log(struct gn_buf *out, const struct gn_kept_log *log)
{
    gn_buf_puts(out, "\n  {\"uri\":");
    gn_text_add_json(out, gn_str_of(log->uri));
    if (log->has_mark && log->mark.id[0] == '\0') {
        gn_buf_puts(out, ",\"empty\":true");
    } else if (log->has_mark) {
        gn_buf_puts(out, ",\"id\":");
        gn_text_add_json(out, gn_str_of(log->mark.id));
        if (log->mark.created_ns != INT64_MIN)
            gn_buf_printf(out, ",\"created_ns\":%" PRId64, log->mark.created_ns);
        gn_buf_printf(out, ",\"hash\":%" PRId64 ",\"count\":%" PRId64, (int64_t)log->mark.hash,
                      (int64_t)log->count);
    }
    if (log->known > 0 || log->unknown > 0)
        gn_buf_printf(out, ",\"known\":%u,\"unknown\":%u", log->known, log->unknown);
    if (log->updated_ns != 0)
        gn_buf_printf(out, ",\"updated_ns\":%" PRId64, log->updated_ns);
    gn_buf_printf(out, ",\"oldest_first\":%s}", log->is_oldest_first ? "true" : "false");
}

/* ---- a BMC ---- */

enum gn_err gn_kept_parse(struct gn_kept *kept, struct gn_str text)
{
    json_t *root = NULL;
    const char *pin;
    json_t *value;
    size_t i;
    enum gn_err err = gn_json_parse(text, &limits, &root);

    if (err == GN_OK && !json_is_object(root))
        err = GN_EPARSE;
    if (err != GN_OK)
        goto out;
    pin = json_string_value(json_object_get(root, "pin"));
    kept->has_pin = pin != NULL && gn_spec_pin_read(pin, kept->pin);
    kept->has_gap = json_is_true(json_object_get(root, "gap"));
    kept->troubles = (unsigned)gn_json_int(root, "troubles", 0) & TROUBLES_ALL;
    take_text(root, "subscription", kept->subscription[0], sizeof kept->subscription[0]);
    take_text(root, "metrics_subscription", kept->subscription[1], sizeof kept->subscription[1]);
    take_text(root, "last_id", kept->last_id, sizeof kept->last_id);
    take_text(root, "last_reset", kept->last_reset, sizeof kept->last_reset);
    kept->discovered_ns = gn_json_int(root, "discovered_ns", 0);
    json_array_foreach (json_object_get(root, "logs"), i, value)
        if (err == GN_OK)
            err = take_log(kept, value);
out:
    json_decref(root);
    return err;
}

void gn_kept_print(const struct gn_kept *kept, struct gn_buf *out)
{
    gn_buf_puts(out, "{\"name\":");
    gn_text_add_json(out, gn_str_of(kept->name));
    if (kept->has_pin)
        add_pin(out, kept->pin);
    gn_buf_printf(out, ",\n \"gap\":%s", kept->has_gap ? "true" : "false");
    if (kept->troubles != 0)
        gn_buf_printf(out, ",\n \"troubles\":%u", kept->troubles);
    add_text(out, "subscription", kept->subscription[0]);
    add_text(out, "metrics_subscription", kept->subscription[1]);
    add_text(out, "last_id", kept->last_id);
    add_text(out, "last_reset", kept->last_reset);
    gn_buf_printf(out, ",\n \"discovered_ns\":%" PRId64 ",\n \"logs\":[", kept->discovered_ns);
    for (size_t i = 0; i < kept->log_count; i++) {
        if (i > 0)
            gn_buf_putc(out, ',');
        add_log(out, &kept->logs[i]);
    }
    gn_buf_puts(out, "]}\n");
}

/* ---- models ---- */

static void take_model(const char *key, const json_t *value, gn_model_fn fn, void *ctx)
{
    struct gn_str shape = gn_json_str(value, "shape");
    long long form = gn_json_int(value, "test_form", GN_TEST_FORMS);
    struct gn_kept_model model = {.form = GN_TEST_FORMS};
    char *copy = gn_str_dup(gn_str_of(key));

    if (copy == NULL)
        return;
    model.key = copy;
    model.has_shape = shape.len > 0 && gn_shape_parse(shape, &model.shape);
    if (form >= 0 && form < GN_TEST_FORMS)
        model.form = (enum gn_test_form)form;
    fn(ctx, &model);
    free(copy);
}

enum gn_err gn_models_parse(struct gn_str text, gn_model_fn fn, void *ctx)
{
    json_t *root = NULL;
    json_t *value;
    const char *key;
    enum gn_err err = gn_json_parse(text, &limits, &root);

    if (err == GN_OK && !json_is_object(root))
        err = GN_EPARSE;
    if (err == GN_OK) {
        json_object_foreach (root, key, value)
            take_model(key, value, fn, ctx);
    }
    json_decref(root);
    return err;
}

static void add_model(struct gn_buf *out, const struct gn_kept_model *model)
{
    struct gn_buf shape = gn_buf_with_limit(256);

    gn_text_add_json(out, gn_str_of(model->key));
    gn_buf_puts(out, ":{");
    if (model->has_shape) {
        gn_shape_format(&model->shape, &shape);
        gn_buf_puts(out, "\"shape\":");
        gn_text_add_json(out, gn_buf_str(&shape));
    }
    if (model->form != GN_TEST_FORMS)
        gn_buf_printf(out, "%s\"test_form\":%d", model->has_shape ? "," : "", (int)model->form);
    gn_buf_putc(out, '}');
    gn_buf_free(&shape);
}

void gn_models_print(const struct gn_kept_model *models, struct gn_buf *out)
{
    gn_buf_putc(out, '{');
    for (const struct gn_kept_model *model = models; model != NULL; model = model->hh.next) {
        if (model != models)
            gn_buf_putc(out, ',');
        gn_buf_puts(out, "\n ");
        add_model(out, model);
    }
    gn_buf_puts(out, "}\n");
}
