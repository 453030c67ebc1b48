/* The inventory on the loop's side: when to read, and what to tell. At most one reading runs; edits
 * are jobs of their own. The worker runs jobs one after another, so that a reading sees each edit
 * whole. While a reading runs it reads the current view, which the loop does not touch until the
 * reading is done. */
#include "gurnard/app/bmc_inventory.h"

#include <stdlib.h>
#include <string.h>

#include "bmc_inventory_priv.h"
#include "gurnard/base/json.h"
#include "gurnard/base/log.h"

struct gn_bmc_inventory {
    const struct gn_settings *settings;
    struct gn_worker *worker;
    gn_bmc_inventory_fn changed;
    void *ctx;
    uint32_t poll_ms;
    struct gn_timer timer;
    struct gn_job job;
    struct inventory_view view;       /* as last told */
    struct inventory_view fresh;      /* of the reading; the helper thread's while it runs */
    struct inventory_sources sources; /* the helper thread's while a reading runs */
    uint64_t print;                   /* of the files as they were read */
    enum gn_err err;                  /* of the reading */
    bool must_read;                   /* read even when no file differs */
    bool has_read;                    /* fresh holds something that differs from view */
    bool is_running;
    bool is_wanted_again;
    bool is_started;
    bool is_stopped;
    bool has_told;
    size_t wrong;      /* of the last reading */
    uint64_t readings; /* begun so far */
    STAILQ_HEAD(, edit) waiting;
};

/* An edit under way, or waiting until a reading has seen it. */
struct edit {
    struct gn_bmc_inventory *inventory;
    struct gn_job job;
    enum gn_bmc_edit kind;
    char *name;
    json_t *entry; /* NULL for a removal */
    enum gn_err err;
    gn_bmc_edited_fn done;
    void *ctx;
    uint64_t seen_by; /* the number of that reading */
    STAILQ_ENTRY(edit) link;
};

/* ---- on the helper thread ---- */

static uint64_t mix(uint64_t sources, uint64_t credentials)
{
    return sources * 31 + credentials;
}

/* What is looked at before it is read may only be newer than its number: then it is read again. */
static enum gn_err read_all(struct gn_bmc_inventory *inventory)
{
    const uint64_t sources = gn_inventory_print_sources(inventory->settings);
    enum gn_err err;

    err = gn_inventory_read_sources(&inventory->sources, &inventory->fresh.list);
    if (err != GN_OK)
        return err;
    inventory->print = mix(sources, gn_inventory_print_credentials(&inventory->fresh.list));
    err = gn_inventory_read_credentials(inventory->settings, &inventory->fresh);
    return err;
}

static void run_reading(void *ctx)
{
    struct gn_bmc_inventory *inventory = ctx;

    inventory->err = GN_OK;
    inventory->has_read = false;
    if (!inventory->must_read &&
        inventory->print == mix(gn_inventory_print_sources(inventory->settings),
                                gn_inventory_print_credentials(&inventory->view.list)))
        return;
    inventory->err = read_all(inventory);
    inventory->has_read =
        inventory->err == GN_OK &&
        (!inventory->has_told || !gn_inventory_view_eq(&inventory->fresh, &inventory->view));
    if (!inventory->has_read)
        gn_inventory_view_free(&inventory->fresh);
    if (inventory->err != GN_OK)
        inventory->print = 0; /* to be tried again at the next look */
}

static void run_edit(void *ctx)
{
    struct edit *edit = ctx;

    edit->err =
        gn_inventory_edit_file(edit->inventory->settings, edit->kind, edit->name, edit->entry);
}

/* ---- readings ---- */

static void start_reading(struct gn_bmc_inventory *inventory, bool must_read)
{
    if (inventory->is_stopped)
        return;
    if (inventory->is_running) {
        inventory->is_wanted_again |= must_read;
        return;
    }
    inventory->is_running = true;
    inventory->readings++;
    inventory->must_read = must_read;
    gn_timer_stop(&inventory->timer);
    gn_worker_submit(inventory->worker, &inventory->job);
}

static void on_look(void *ctx)
{
    start_reading(ctx, false);
}

static void tell(struct gn_bmc_inventory *inventory)
{
    struct inventory_view old = inventory->view;

    inventory->view = inventory->fresh;
    inventory->fresh = (struct inventory_view){0};
    inventory->has_told = true;
    gn_log_info("inventory.changed bmcs=%zu wrong=%zu", inventory->view.list.count,
                inventory->wrong);
    inventory->changed(inventory->ctx, &inventory->view.list, inventory->view.credentials);
    gn_inventory_view_free(&old);
}

static void edit_free(struct edit *edit)
{
    json_decref(edit->entry);
    free(edit->name);
    free(edit);
}

static void end_edit(struct edit *edit)
{
    edit->done(edit->ctx, edit->err);
    edit_free(edit);
}

/* Ends the edits that this reading has seen, in their order. */
static void end_edits(struct gn_bmc_inventory *inventory, uint64_t reading)
{
    struct edit *edit;

    while ((edit = STAILQ_FIRST(&inventory->waiting)) != NULL && edit->seen_by <= reading) {
        STAILQ_REMOVE_HEAD(&inventory->waiting, link);
        end_edit(edit);
    }
}

static void on_read(void *ctx)
{
    struct gn_bmc_inventory *inventory = ctx;
    const bool is_wanted_again = inventory->is_wanted_again;
    const uint64_t reading = inventory->readings;

    inventory->is_running = false;
    inventory->is_wanted_again = false;
    if (inventory->is_stopped)
        return;
    if (inventory->err != GN_OK)
        gn_log_error("inventory.read_failed reason=\"%s\"", gn_err_text(inventory->err));
    inventory->wrong = inventory->sources.wrong;
    gn_timer_start(&inventory->timer, inventory->poll_ms);
    if (inventory->has_read)
        tell(inventory);
    if (is_wanted_again)
        start_reading(inventory, true);
    end_edits(inventory, reading);
}

struct gn_bmc_inventory *gn_bmc_inventory_new(const struct gn_settings *settings,
                                              struct gn_loop *loop, struct gn_worker *worker,
                                              uint32_t poll_ms, gn_bmc_inventory_fn changed,
                                              void *ctx)
{
    struct gn_bmc_inventory *inventory = calloc(1, sizeof *inventory);

    if (inventory == NULL)
        return NULL;
    inventory->settings = settings;
    inventory->worker = worker;
    inventory->changed = changed;
    inventory->ctx = ctx;
    inventory->poll_ms = poll_ms != 0 ? poll_ms : GN_BMC_INVENTORY_POLL_MS;
    inventory->sources.settings = settings;
    STAILQ_INIT(&inventory->waiting);
    inventory->job = (struct gn_job){.run = run_reading, .done = on_read, .ctx = inventory};
    gn_timer_init(&inventory->timer, loop, on_look, inventory);
    return inventory;
}

void gn_bmc_inventory_start(struct gn_bmc_inventory *inventory)
{
    inventory->is_started = true;
    start_reading(inventory, true);
}

void gn_bmc_inventory_reload(struct gn_bmc_inventory *inventory)
{
    if (inventory->is_started)
        start_reading(inventory, true);
}

const struct gn_bmc_list *gn_bmc_inventory_list(const struct gn_bmc_inventory *inventory)
{
    return &inventory->view.list;
}

size_t gn_bmc_inventory_wrong(const struct gn_bmc_inventory *inventory)
{
    return inventory->wrong;
}

/* ---- edits ---- */

static void on_edited(void *ctx)
{
    struct edit *edit = ctx;
    struct gn_bmc_inventory *inventory = edit->inventory;

    if (edit->err != GN_OK)
        gn_log_warn("inventory.edit_failed bmc=%s reason=\"%s\"", edit->name,
                    gn_err_text(edit->err));
    if (edit->err != GN_OK || !inventory->is_started || inventory->is_stopped) {
        end_edit(edit);
        return;
    }
    edit->seen_by = inventory->readings + 1; /* the one that runs may have been before it */
    STAILQ_INSERT_TAIL(&inventory->waiting, edit, link);
    start_reading(inventory, true);
}

/* name, entry: copied. */
static enum gn_err submit_edit(struct gn_bmc_inventory *inventory, enum gn_bmc_edit kind,
                               struct gn_str name, const json_t *entry, gn_bmc_edited_fn done,
                               void *ctx)
{
    struct edit *edit = calloc(1, sizeof *edit);

    if (edit == NULL)
        return GN_ENOMEM;
    *edit = (struct edit){.inventory = inventory,
                          .job = {.run = run_edit, .done = on_edited, .ctx = edit},
                          .kind = kind,
                          .name = gn_str_dup(name),
                          .entry = entry != NULL ? json_deep_copy(entry) : NULL,
                          .done = done,
                          .ctx = ctx};
    if (edit->name == NULL || (entry != NULL && edit->entry == NULL)) {
        edit_free(edit);
        return GN_ENOMEM;
    }
    gn_worker_submit(inventory->worker, &edit->job);
    return GN_OK;
}

enum gn_err gn_bmc_inventory_put(struct gn_bmc_inventory *inventory, enum gn_bmc_edit edit,
                                 const json_t *entry, gn_bmc_edited_fn done, void *ctx,
                                 struct gn_buf *why)
{
    struct gn_bmc_defaults defaults;
    struct gn_bmc_spec spec;
    enum gn_err err;

    if (inventory->is_stopped)
        return GN_ECANCELED;
    gn_settings_bmc_defaults(inventory->settings, &defaults);
    err = gn_bmc_spec_read(entry, &defaults, GN_BMC_FROM_API, &spec, why);
    if (err != GN_OK)
        return err;
    err = submit_edit(inventory, edit, gn_str_of(spec.name), entry, done, ctx);
    gn_bmc_spec_free(&spec);
    return err;
}

enum gn_err gn_bmc_inventory_remove(struct gn_bmc_inventory *inventory, struct gn_str name,
                                    gn_bmc_edited_fn done, void *ctx)
{
    if (inventory->is_stopped)
        return GN_ECANCELED;
    return submit_edit(inventory, GN_BMC_REMOVE, name, NULL, done, ctx);
}

/* ---- the end ---- */

void gn_bmc_inventory_stop(struct gn_bmc_inventory *inventory)
{
    inventory->is_stopped = true;
    gn_timer_fini(&inventory->timer);
    end_edits(inventory, UINT64_MAX); /* they are on disk */
}

void gn_bmc_inventory_free(struct gn_bmc_inventory *inventory)
{
    if (inventory == NULL)
        return;
    gn_timer_fini(&inventory->timer);
    gn_inventory_view_free(&inventory->view);
    gn_inventory_view_free(&inventory->fresh);
    gn_inventory_sources_free(&inventory->sources);
    free(inventory);
}
