/* The admin API: BMCs are listed, shown, added, taken out, tested and looked at anew. An answer
 * holds names of files with credentials, never what is in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/api/reply.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"
#include "gurnard/bmc/health.h"
#include "admin_priv.h"

#define WHY_MAX 1024U /* bytes of a reason */

static void answer_no_bmc(struct gn_http_request *request)
{
    gn_reply_error(request, 404, GN_STR("no such BMC"));
}

/* ---- looking ---- */

void gn_admin_bmcs(struct gn_admin *admin, const struct gn_admin_call *call)
{
    if (admin->parts.bmcs == NULL)
        gn_reply_json(call->request, 200, GN_STR("{\"bmcs\":[]}"));
    else
        gn_admin_reply_value(call->request, 200, gn_bmcs_list(admin->parts.bmcs));
}

void gn_admin_bmc(struct gn_admin *admin, const struct gn_admin_call *call)
{
    if (admin->parts.bmcs == NULL || !gn_bmcs_has(admin->parts.bmcs, call->arg))
        answer_no_bmc(call->request);
    else
        gn_admin_reply_value(call->request, 200, gn_bmcs_show(admin->parts.bmcs, call->arg));
}

/* How many of list are in each state. */
void gn_admin_add_bmcs(const struct gn_admin *admin, struct gn_buf *out)
{
    const struct gn_admin_inventory *inventory = &admin->parts.inventory;
    struct gn_bmcs *bmcs = admin->parts.bmcs;
    uint32_t counts[GN_BMC_STATES] = {0};

    if (bmcs != NULL)
        gn_bmcs_count_states(bmcs, counts);
    gn_admin_add_name(out, "bmcs");
    gn_buf_putc(out, '{');
    gn_admin_add_u64(out, "count", bmcs == NULL ? 0 : gn_bmcs_count(bmcs));
    gn_admin_add_u64(out, "wrong", inventory->wrong == NULL ? 0 : inventory->wrong(inventory->ctx));
    gn_admin_add_name(out, "states");
    gn_buf_putc(out, '{');
    for (int at = 0; at < GN_BMC_STATES; at++)
        gn_admin_add_u64(out, gn_bmc_state_name((enum gn_bmc_state)at), counts[at]);
    gn_buf_puts(out, "}}");
}

/* ---- edits ---- */

/* An edit that is being written. */
struct edit {
    struct gn_admin_task task;
    int status; /* of the answer when it went well */
    char name[GN_BMC_NAME_MAX + 1];
};

static struct edit *edit_new(struct gn_str name, int status)
{
    struct edit *edit = calloc(1, sizeof *edit);

    if (edit == NULL)
        return NULL;
    edit->status = status;
    (void)snprintf(edit->name, sizeof edit->name, "%.*s", (int)name.len,
                   name.p == NULL ? "" : name.p);
    return edit;
}

static const struct gn_bmc_spec *find(const struct gn_admin *admin, struct gn_str name)
{
    const struct gn_admin_inventory *inventory = &admin->parts.inventory;

    return inventory->list == NULL || name.p == NULL
               ? NULL
               : gn_bmc_list_find(inventory->list(inventory->ctx), name);
}

static const char *origin_text(enum gn_bmc_origin origin)
{
    switch (origin) {
    case GN_BMC_FROM_ENVIRONMENT:
        return "the environment (REDFISH_HOSTADDR)";
    case GN_BMC_FROM_FOLDER:
        return "a file in the folder of BMCs (bmc.folder)";
    case GN_BMC_FROM_SETTINGS:
        return "the settings (bmcs)";
    case GN_BMC_FROM_API:
        break;
    }
    return "the admin API";
}

/* 409: begin, where the one that is there is from, end. */
static void answer_origin(struct gn_http_request *request, const char *begin,
                          const struct gn_bmc_spec *spec, const char *end)
{
    struct gn_buf text = gn_buf_with_limit(WHY_MAX);

    gn_buf_printf(&text, "%s%s%s", begin, origin_text(spec->origin), end);
    if (gn_buf_err(&text) == GN_OK)
        gn_reply_error(request, 409, gn_buf_str(&text));
    else
        gn_reply_later(request);
    gn_buf_free(&text);
}

static void answer_failed(struct gn_http_request *request, enum gn_err err)
{
    if (err == GN_ENOTFOUND)
        answer_no_bmc(request);
    else if (err == GN_EEXIST)
        gn_reply_error(request, 409, GN_STR("there is a BMC of that name"));
    else if (err == GN_ELIMIT)
        gn_reply_error(request, 409, GN_STR("the list of BMCs is full"));
    else if (err == GN_EPARSE)
        gn_reply_error(request, 500,
                       GN_STR("the list of BMCs, bmcs.json of the store, is damaged"));
    else if (err == GN_EIO)
        gn_reply_error(request, 500, GN_STR("the list of BMCs could not be written"));
    else
        gn_reply_later(request);
}

static void answer_name(struct gn_http_request *request, int status, struct gn_str name)
{
    struct gn_buf out = GN_BUF_INIT;

    gn_buf_putc(&out, '{');
    gn_admin_add_text(&out, "name", name);
    gn_buf_putc(&out, '}');
    gn_admin_reply(request, status, &out);
}

static void on_put(void *ctx, enum gn_err err)
{
    struct edit *edit = ctx;

    if (err == GN_OK)
        gn_log_info("bmc.listed bmc=%s by=operator", edit->name);
    if (gn_admin_task_end(&edit->task)) {
        if (err == GN_OK)
            answer_name(edit->task.request, edit->status, gn_str_of(edit->name));
        else
            answer_failed(edit->task.request, err);
    }
    free(edit);
}

/* The body as an object, owned by the caller, or NULL: answered. */
static json_t *read_entry(struct gn_http_request *request)
{
    json_t *entry = NULL;
    enum gn_err err = gn_json_parse(gn_http_body(request), NULL, &entry);

    if (err == GN_OK && json_is_object(entry))
        return entry;
    json_decref(entry);
    if (err == GN_ENOMEM)
        gn_reply_later(request);
    else
        gn_reply_error(request, 400, GN_STR("the body is no JSON object"));
    return NULL;
}

static void put(struct gn_admin *admin, struct gn_http_request *request, const json_t *entry,
                bool may_replace)
{
    const struct gn_admin_inventory *inventory = &admin->parts.inventory;
    const struct gn_str name = gn_json_str(entry, "name");
    struct gn_buf why = gn_buf_with_limit(WHY_MAX);
    struct edit *edit = edit_new(name, find(admin, name) == NULL ? 201 : 200);
    enum gn_err err = GN_ENOMEM;

    if (edit != NULL && inventory->put != NULL)
        err = inventory->put(inventory->ctx, entry, may_replace, on_put, edit, &why);
    if (err == GN_OK) {
        gn_admin_task_begin(&edit->task, admin, request);
    } else {
        if (err == GN_EINVAL)
            gn_reply_error(request, 400,
                           gn_buf_err(&why) == GN_OK ? gn_buf_str(&why) : GN_STR("is wrong"));
        else
            gn_reply_later(request);
        free(edit);
    }
    gn_buf_free(&why);
}

void gn_admin_bmc_add(struct gn_admin *admin, const struct gn_admin_call *call)
{
    json_t *entry = read_entry(call->request);
    const struct gn_bmc_spec *there;

    if (entry == NULL)
        return;
    there = find(admin, gn_json_str(entry, "name"));
    if (there != NULL)
        answer_origin(call->request, "there is a BMC of that name, from ", there,
                      "; PUT puts another one into its place");
    else
        put(admin, call->request, entry, false);
    json_decref(entry);
}

void gn_admin_bmc_put(struct gn_admin *admin, const struct gn_admin_call *call)
{
    json_t *entry = read_entry(call->request);
    const json_t *name = json_object_get(entry, "name");

    if (entry == NULL)
        return;
    if ((name == NULL || json_is_null(name)) &&
        json_object_set_new(entry, "name", json_stringn(call->arg.p, call->arg.len)) != 0)
        gn_reply_error(call->request, 400, GN_STR("name: must be a text"));
    else if (json_is_string(json_object_get(entry, "name")) &&
             !gn_str_eq(gn_json_str(entry, "name"), call->arg))
        gn_reply_error(call->request, 400, GN_STR("name: is another than in the path"));
    else
        put(admin, call->request, entry, true);
    json_decref(entry);
}

static void on_removed(void *ctx, enum gn_err err)
{
    struct edit *edit = ctx;

    if (err == GN_OK)
        gn_log_info("bmc.unlisted bmc=%s by=operator", edit->name);
    if (gn_admin_task_end(&edit->task)) {
        if (err == GN_OK)
            gn_admin_reply_count(edit->task.request, 200, "removed", 1);
        else
            answer_failed(edit->task.request, err);
    }
    free(edit);
}

void gn_admin_bmc_remove(struct gn_admin *admin, const struct gn_admin_call *call)
{
    const struct gn_admin_inventory *inventory = &admin->parts.inventory;
    const struct gn_bmc_spec *there = find(admin, call->arg);
    struct edit *edit;

    if (inventory->remove == NULL || call->arg.len > GN_BMC_NAME_MAX) {
        answer_no_bmc(call->request);
        return;
    }
    if (there != NULL && there->origin != GN_BMC_FROM_API) {
        answer_origin(call->request, "it comes from ", there, " and is to be removed there");
        return;
    }
    edit = edit_new(call->arg, 200);
    if (edit == NULL || inventory->remove(inventory->ctx, call->arg, on_removed, edit) != GN_OK) {
        gn_reply_later(call->request);
        free(edit);
        return;
    }
    gn_admin_task_begin(&edit->task, admin, call->request);
}

/* ---- testing ---- */

static void on_proof(void *ctx, const struct gn_bmcs_proof *proof)
{
    struct gn_admin_task *task = ctx;
    struct gn_buf out = GN_BUF_INIT;

    if (gn_admin_task_end(task)) {
        gn_buf_putc(&out, '{');
        gn_admin_add_bool(&out, "proven", proof->is_proven);
        if (proof->is_proven) {
            gn_admin_add_number(&out, "latency_ms", proof->latency_ms);
            gn_admin_add_text(&out, "way", gn_str_of(proof->way));
        } else {
            gn_admin_add_text(&out, "reason", gn_str_of(proof->reason));
        }
        gn_buf_putc(&out, '}');
        gn_admin_reply(task->request, 200, &out);
    }
    free(task);
}

void gn_admin_bmc_test(struct gn_admin *admin, const struct gn_admin_call *call)
{
    struct gn_admin_task *task = calloc(1, sizeof *task);
    enum gn_err err = GN_ENOTFOUND;

    if (task == NULL) {
        gn_reply_later(call->request);
        return;
    }
    if (admin->parts.bmcs != NULL)
        err = gn_bmcs_test(admin->parts.bmcs, call->arg, on_proof, task);
    if (err == GN_OK) {
        gn_admin_task_begin(task, admin, call->request);
        return;
    }
    free(task);
    if (err == GN_ENOTFOUND)
        answer_no_bmc(call->request);
    else
        gn_reply_later(call->request);
}

void gn_admin_bmc_resync(struct gn_admin *admin, const struct gn_admin_call *call)
{
    if (admin->parts.bmcs == NULL || gn_bmcs_resync(admin->parts.bmcs, call->arg) != GN_OK)
        answer_no_bmc(call->request);
    else
        answer_name(call->request, 202, call->arg);
}
