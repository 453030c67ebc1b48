/* The registry cache: claims, and what they end with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/redfish/registry.h"
#include "gurnard/redfish/registry_location.h"
#include "regcache_priv.h"

#define ETAG_MAX 256 /* bytes of an ETag, with NUL */

/* A put under way. */
struct gn_regcache_putting {
    struct gn_job job;
    struct gn_regcache_model *model;
    struct gn_regcache_slot *slot;  /* claimed, so it stays */
    struct gn_regcache_slot values; /* what the item said, kept as a slot keeps it */
    char file[GN_REGCACHE_NAME_MAX];
    char archive_file[GN_REGISTRY_ARCHIVE_MAX];
    char *bytes;
    struct gn_regcache_check check;
    gn_regcache_put_fn done;
    void *ctx;
    LIST_ENTRY(gn_regcache_putting) link;
};

/* ---- claims ---- */

static bool is_printable(struct gn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return false;
    }
    return true;
}

enum gn_err gn_regcache_claim(struct gn_regcache_model *model, struct gn_str uri)
{
    struct gn_regcache_slot *slot = gn_regcache_slot_at(model, uri);
    char text[GN_SERVICE_URI_MAX];
    const struct gn_regcache_entry fresh = {.uri = text, .state = GN_REGCACHE_NONE};

    if (slot == NULL) {
        if (uri.len == 0 || uri.len >= sizeof text || !is_printable(uri))
            return GN_EINVAL;
        if (model->slot_count >= GN_REGCACHE_REGISTRIES_MAX)
            return GN_ELIMIT;
        (void)snprintf(text, sizeof text, "%.*s", (int)uri.len, uri.p);
        slot = gn_regcache_slot_add(model, &fresh);
        if (slot == NULL)
            return GN_ENOMEM;
    }
    if (slot->is_claimed)
        return GN_EBUSY;
    slot->is_claimed = true;
    return GN_OK;
}

/* The slot that the caller has claimed. */
static struct gn_regcache_slot *claimed(struct gn_regcache_model *model, struct gn_str uri)
{
    struct gn_regcache_slot *slot = gn_regcache_slot_at(model, uri);

    GN_ASSERT(slot != NULL && slot->is_claimed);
    return slot;
}

static void end_claim(struct gn_regcache_model *model, struct gn_regcache_slot *slot)
{
    slot->is_claimed = false;
    if (slot->entry.state == GN_REGCACHE_NONE)
        gn_regcache_slot_drop(model, slot);
}

void gn_regcache_unclaim(struct gn_regcache_model *model, struct gn_str uri)
{
    end_claim(model, claimed(model, uri));
}

/* An item's texts with NULs, cut to what an entry may hold. */
struct texts {
    char source[GN_REGISTRY_PUBLISHED_MAX], registry[GN_REGISTRY_NAME_MAX];
    char language[GN_REGISTRY_LANGUAGE_MAX], etag[ETAG_MAX];
};

static void copy_text(struct gn_str text, char *to, size_t room)
{
    to[0] = '\0';
    if (text.len < room && is_printable(text))
        (void)snprintf(to, room, "%.*s", (int)text.len, text.len == 0 ? "" : text.p);
}

/* Makes slot hold what item says, in that state, checked now. */
static bool set_slot(struct gn_regcache_slot *slot, const struct gn_regcache_item *item,
                     const struct gn_regcache_entry *rest)
{
    struct gn_regcache_entry entry = *rest;
    struct texts texts;

    copy_text(item->source, texts.source, sizeof texts.source);
    copy_text(item->registry, texts.registry, sizeof texts.registry);
    copy_text(item->language, texts.language, sizeof texts.language);
    copy_text(item->etag, texts.etag, sizeof texts.etag);
    entry.source = texts.source;
    entry.registry = texts.registry;
    entry.language = texts.language;
    entry.etag = texts.etag;
    return gn_regcache_slot_set(slot, &entry);
}

void gn_regcache_unchanged(struct gn_regcache_model *model, struct gn_str uri, int64_t now_ns)
{
    struct gn_regcache_slot *slot = claimed(model, uri);
    struct gn_regcache_entry entry = slot->entry;

    entry.checked_ns = now_ns;
    entry.reason = "";
    if (!gn_regcache_slot_set(slot, &entry))
        slot->entry.checked_ns = now_ns; /* the old reason has it asked after again */
    end_claim(model, slot);
    gn_regcache_save(model);
}

/* Takes the file of a slot from the account; it is overwritten, or goes with the folder. */
static void forget_file(struct gn_regcache_model *model, struct gn_regcache_slot *slot)
{
    model->cache->bytes -= slot->entry.bytes;
    slot->entry.bytes = 0;
}

static void keep_with_reason(struct gn_regcache_slot *slot, const char *reason, int64_t now_ns)
{
    struct gn_regcache_entry entry = slot->entry;

    entry.reason = reason;
    entry.checked_ns = now_ns;
    if (!gn_regcache_slot_set(slot, &entry))
        slot->entry.checked_ns = now_ns;
}

void gn_regcache_skip(struct gn_regcache_model *model, const struct gn_regcache_item *item,
                      int64_t now_ns)
{
    struct gn_regcache_slot *slot = claimed(model, item->uri);
    const struct gn_regcache_entry rest = {.uri = slot->entry.uri,
                                           .state = GN_REGCACHE_SKIP,
                                           .checked_ns = now_ns};

    if (slot->entry.state == GN_REGCACHE_HAVE)
        keep_with_reason(slot, "is no message registry any more", now_ns);
    else
        (void)set_slot(slot, item, &rest); /* without memory it is met again */
    end_claim(model, slot);
    gn_regcache_save(model);
}

void gn_regcache_fail(struct gn_regcache_model *model, const struct gn_regcache_item *item,
                      const char *reason, int64_t now_ns)
{
    struct gn_regcache_slot *slot = claimed(model, item->uri);
    char text[GN_REGCACHE_REASON_MAX];
    const struct gn_regcache_entry rest = {
        .uri = slot->entry.uri, .state = GN_REGCACHE_FAILED, .checked_ns = now_ns, .reason = text};

    (void)snprintf(text, sizeof text, "%s", reason);
    if (slot->entry.state == GN_REGCACHE_HAVE)
        keep_with_reason(slot, text, now_ns);
    else
        (void)set_slot(slot, item, &rest);
    end_claim(model, slot);
    gn_regcache_save(model);
}

/* ---- puts ---- */

static void free_putting(struct gn_regcache_putting *putting)
{
    free(putting->values.block);
    free(putting->bytes);
    free(putting);
}

static void run_put(void *ctx)
{
    struct gn_regcache_putting *putting = ctx;

    gn_regcache_check_run(&putting->check);
}

/* There is no room for the file, for all models that could go are in use. */
static void refuse_file(struct gn_regcache_putting *putting)
{
    struct gn_regcache_check *check = &putting->check;
    struct gn_regcache_entry entry = putting->values.entry;

    check->state = GN_REGCACHE_FAILED;
    check->is_new = false;
    (void)snprintf(check->reason, sizeof check->reason, "the cache is full");
    forget_file(putting->model, putting->slot);
    entry.state = GN_REGCACHE_FAILED;
    entry.reason = check->reason;
    if (!gn_regcache_slot_set(putting->slot, &entry))
        putting->slot->entry.state = GN_REGCACHE_FAILED;
    (void)gn_regcache_remove(putting->model,
                             putting->file); /* else it is found at the next start */
}

/* The file is written: the slot gets it, in the stead of one that an index had lost. */
static void take_file(struct gn_regcache_putting *putting)
{
    struct gn_regcache_model *model = putting->model;
    struct gn_regcache_entry entry = putting->values.entry;
    struct gn_regcache_slot *stray = gn_regcache_slot_of_file(model, gn_str_of(putting->file));

    if (stray != NULL && stray != putting->slot)
        gn_regcache_slot_drop(model, stray);
    entry.state = GN_REGCACHE_HAVE;
    entry.file = putting->file;
    entry.reason = "";
    entry.bytes = putting->check.file_bytes;
    if (entry.registry[0] == '\0')
        entry.registry = putting->check.registry;
    forget_file(model, putting->slot);
    if (gn_regcache_slot_set(putting->slot, &entry))
        model->cache->bytes += entry.bytes;
    /* Without memory the slot says what it said; the file is found at the next start. */
    if (!gn_regcache_make_room(model->cache, 0) && model->cache->bytes > model->cache->limit_bytes)
        refuse_file(putting);
}

/* No file was written. An earlier one stays. */
static void take_failure(struct gn_regcache_putting *putting)
{
    const struct gn_regcache_check *check = &putting->check;
    struct gn_regcache_slot *slot = putting->slot;
    struct gn_regcache_entry entry = putting->values.entry;
    const bool is_skip = check->state == GN_REGCACHE_SKIP;

    if (slot->entry.state == GN_REGCACHE_HAVE) {
        keep_with_reason(slot, is_skip ? "is no message registry any more" : check->reason,
                         entry.checked_ns);
        return;
    }
    entry.state = check->state;
    entry.reason = check->reason;
    (void)gn_regcache_slot_set(slot, &entry); /* without memory it is fetched again */
}

static void on_put(void *ctx)
{
    struct gn_regcache_putting *putting = ctx;
    struct gn_regcache_model *model = putting->model;
    struct gn_regcache_slot *slot = putting->slot;

    LIST_REMOVE(putting, link);
    if (putting->check.state == GN_REGCACHE_HAVE)
        take_file(putting);
    else
        take_failure(putting);
    if (putting->done != NULL)
        putting->done(putting->ctx, &slot->entry, putting->check.is_new);
    end_claim(model, slot);
    gn_regcache_save(model);
    model->pending--;
    free_putting(putting);
    gn_regcache_settle(model);
}

/* Copies what the job needs. Not more than a byte beyond the limit of files: that is refused. */
static bool fill_putting(struct gn_regcache_putting *putting, const struct gn_regcache_item *item,
                         struct gn_str bytes, int64_t now_ns)
{
    const struct gn_regcache_entry rest = {.uri = putting->slot->entry.uri, .checked_ns = now_ns};

    if (bytes.len > GN_REGISTRY_FILE_MAX + 1)
        bytes.len = GN_REGISTRY_FILE_MAX + 1;
    putting->bytes = gn_str_dup(bytes);
    if (putting->bytes == NULL || !set_slot(&putting->values, item, &rest))
        return false;
    copy_text(item->archive_file, putting->archive_file, sizeof putting->archive_file);
    gn_regcache_file_name(item->uri, putting->file);
    putting->check = (struct gn_regcache_check){
        .folder = putting->model->path,
        .file = putting->file,
        .archive_file = gn_str_of(putting->archive_file),
        .bytes = {putting->bytes, bytes.len},
    };
    return true;
}

enum gn_err gn_regcache_put(struct gn_regcache_model *model, const struct gn_regcache_item *item,
                            struct gn_str bytes, int64_t now_ns, gn_regcache_put_fn done, void *ctx)
{
    struct gn_regcache_slot *slot = claimed(model, item->uri);
    struct gn_regcache_putting *putting = calloc(1, sizeof *putting);

    if (putting == NULL) {
        end_claim(model, slot);
        return GN_ENOMEM;
    }
    putting->model = model;
    putting->slot = slot;
    putting->done = done;
    putting->ctx = ctx;
    if (!fill_putting(putting, item, bytes, now_ns)) {
        free_putting(putting);
        end_claim(model, slot);
        return GN_ENOMEM;
    }
    putting->job = (struct gn_job){.run = run_put, .done = on_put, .ctx = putting};
    LIST_INSERT_HEAD(&model->cache->puttings, putting, link);
    model->pending++;
    gn_worker_submit(model->cache->worker, &putting->job);
    return GN_OK;
}

void gn_regcache_forget(struct gn_regcache *cache, const void *ctx)
{
    struct gn_regcache_putting *putting;

    LIST_FOREACH (putting, &cache->puttings, link) {
        if (putting->ctx == ctx)
            putting->done = NULL;
    }
}
