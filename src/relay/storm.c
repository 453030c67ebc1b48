/* Buckets of the BMCs, in order of their last word; those in a storm also in a list of their own,
 * each with the kinds of records that came since its bucket ran empty. */
#include "gurnard/base/text.h"

/* Names come from outside: the hash is keyed. Set before uthash.h is included. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = (unsigned)gn_text_hash((struct gn_str){(const char *)(key), (length)}))
/* Without memory an element is not added; hh.tbl is NULL then. */
#define HASH_NONFATAL_OOM 1

#include "gurnard/relay/storm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#define TOKEN 1000U /* parts of a token: a rate of one a second gives one part each millisecond */

/* What a record tells, and the fold of those that told it again. */
struct kind {
    uint64_t hash;
    uint64_t seen_ms;           /* when it last went on, or came */
    uint64_t began_ms, last_ms; /* of the fold */
    uint64_t count;             /* folded; 0: no fold */
    char *body;                 /* of the last one folded */
    size_t body_len;
    TAILQ_ENTRY(kind) link;
    UT_hash_handle hh;
};
TAILQ_HEAD(kind_list, kind);

struct bmc {
    uint64_t parts; /* of tokens in the bucket */
    uint64_t filled_ms, last_ms;
    uint64_t total;       /* folded in this storm */
    bool is_empty;        /* the bucket ran empty, and has not filled up since */
    struct kind *kinds;   /* by hash; only while is_empty */
    struct kind_list old; /* the same, the longest unheard of first */
    uint32_t kind_count;
    TAILQ_ENTRY(bmc) of_all, of_storm;
    UT_hash_handle hh;
    size_t name_len;
    char name[];
};
TAILQ_HEAD(bmc_list, bmc);

struct gn_storm {
    uint64_t rate, burst;
    struct bmc *bmcs; /* by name */
    uint32_t bmc_count;
    size_t body_bytes;       /* of all folds */
    struct bmc_list by_last; /* longest silent first */
    struct bmc_list stormy;  /* those that are empty */
};

/* ---- kinds ---- */

static struct kind *find_kind(const struct bmc *bmc, uint64_t hash)
{
    struct kind *kind;

    HASH_FIND(hh, bmc->kinds, &hash, sizeof hash, kind);
    return kind;
}

static void drop_body(struct gn_storm *storm, struct kind *kind)
{
    storm->body_bytes -= kind->body_len;
    free(kind->body);
    kind->body = NULL;
    kind->body_len = 0;
    kind->count = 0;
}

static void free_kind(struct gn_storm *storm, struct bmc *bmc, struct kind *kind)
{
    drop_body(storm, kind);
    HASH_DELETE(hh, bmc->kinds, kind); /* NOLINT(clang-analyzer-core.NullDereference) */
    TAILQ_REMOVE(&bmc->old, kind, link);
    bmc->kind_count--;
    free(kind);
}

static void touch_kind(struct bmc *bmc, struct kind *kind, uint64_t now_ms)
{
    kind->seen_ms = now_ms;
    TAILQ_REMOVE(&bmc->old, kind, link);
    TAILQ_INSERT_TAIL(&bmc->old, kind, link);
}

/* The one that was not heard of for longest, and has no fold. */
static struct kind *spare_kind(const struct bmc *bmc)
{
    struct kind *kind;

    TAILQ_FOREACH (kind, &bmc->old, link)
        if (kind->count == 0)
            return kind;
    return NULL;
}

/* Remembers what went on. Without memory, or while all places have folds, it is not remembered:
 * its repeats go on. */
static void remember_kind(struct gn_storm *storm, struct bmc *bmc, uint64_t hash, uint64_t now_ms)
{
    struct kind *kind = find_kind(bmc, hash);

    if (kind != NULL) {
        touch_kind(bmc, kind, now_ms);
        return;
    }
    if (bmc->kind_count >= GN_STORM_KINDS) {
        kind = spare_kind(bmc);
        if (kind == NULL)
            return;
        free_kind(storm, bmc, kind);
    }
    kind = calloc(1, sizeof(*kind));
    if (kind == NULL)
        return;
    kind->hash = hash;
    kind->seen_ms = now_ms;
    HASH_ADD(hh, bmc->kinds, hash, sizeof(kind->hash), kind);
    if (kind->hh.tbl == NULL) {
        free(kind);
        return;
    }
    TAILQ_INSERT_TAIL(&bmc->old, kind, link);
    bmc->kind_count++;
}

/* ---- BMCs ---- */

static struct bmc *find_bmc(const struct gn_storm *storm, struct gn_str name)
{
    const char *key = name.p == NULL ? "" : name.p;
    struct bmc *bmc;

    HASH_FIND(hh, storm->bmcs, key, name.len, bmc);
    return bmc;
}

static void end_storm(struct gn_storm *storm, struct bmc *bmc)
{
    if (!bmc->is_empty)
        return;
    while (!TAILQ_EMPTY(&bmc->old))
        free_kind(storm, bmc, TAILQ_FIRST(&bmc->old));
    TAILQ_REMOVE(&storm->stormy, bmc, of_storm);
    bmc->is_empty = false;
    bmc->total = 0;
}

static void free_bmc(struct gn_storm *storm, struct bmc *bmc)
{
    end_storm(storm, bmc);
    HASH_DELETE(hh, storm->bmcs, bmc); /* NOLINT(clang-analyzer-core.NullDereference) */
    TAILQ_REMOVE(&storm->by_last, bmc, of_all);
    storm->bmc_count--;
    free(bmc);
}

/* A place for one more: that of the longest silent one that is calm. */
static bool make_room(struct gn_storm *storm)
{
    struct bmc *bmc;

    if (storm->bmc_count < GN_STORM_BMCS_MAX)
        return true;
    TAILQ_FOREACH (bmc, &storm->by_last, of_all)
        if (!bmc->is_empty) {
            free_bmc(storm, bmc);
            return true;
        }
    return false;
}

static struct bmc *need_bmc(struct gn_storm *storm, struct gn_str name, uint64_t now_ms)
{
    struct bmc *bmc = find_bmc(storm, name);

    if (bmc != NULL || !make_room(storm))
        return bmc;
    bmc = calloc(1, sizeof(*bmc) + name.len + 1);
    if (bmc == NULL)
        return NULL;
    if (name.len > 0)
        memcpy(bmc->name, name.p, name.len);
    bmc->name_len = name.len;
    bmc->parts = storm->burst * TOKEN;
    bmc->filled_ms = now_ms;
    TAILQ_INIT(&bmc->old);
    HASH_ADD_KEYPTR(hh, storm->bmcs, bmc->name, bmc->name_len, bmc);
    if (bmc->hh.tbl == NULL) {
        free(bmc);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&storm->by_last, bmc, of_all);
    storm->bmc_count++;
    return bmc;
}

static void fill(const struct gn_storm *storm, struct bmc *bmc, uint64_t now_ms)
{
    uint64_t full = storm->burst * TOKEN;
    uint64_t passed_ms = now_ms > bmc->filled_ms ? now_ms - bmc->filled_ms : 0;

    bmc->filled_ms = now_ms;
    if (passed_ms >= full / storm->rate + 1) /* nor can the product below run over */
        bmc->parts = full;
    else
        bmc->parts += passed_ms * storm->rate;
    if (bmc->parts > full)
        bmc->parts = full;
}

/* Never below nothing: what goes on without tokens leaves no debt. */
static void spend(struct bmc *bmc, uint64_t tokens)
{
    bmc->parts = bmc->parts > tokens * TOKEN ? bmc->parts - tokens * TOKEN : 0;
}

/* ---- life ---- */

struct gn_storm *gn_storm_new(uint32_t rate, uint32_t burst)
{
    struct gn_storm *storm = calloc(1, sizeof(*storm));

    if (storm == NULL)
        return NULL;
    storm->rate = rate;
    storm->burst = burst == 0 ? 1 : burst;
    TAILQ_INIT(&storm->by_last);
    TAILQ_INIT(&storm->stormy);
    return storm;
}

void gn_storm_free(struct gn_storm *storm)
{
    if (storm == NULL)
        return;
    while (!TAILQ_EMPTY(&storm->by_last))
        free_bmc(storm, TAILQ_FIRST(&storm->by_last));
    free(storm);
}

/* ---- taking ---- */

static bool join(struct gn_storm *storm, struct bmc *bmc, struct kind *kind, struct gn_str body,
                 uint64_t now_ms)
{
    char *copy;

    if (storm->body_bytes - kind->body_len + body.len > GN_STORM_BYTES_MAX)
        return false;
    copy = gn_str_dup(body);
    if (copy == NULL)
        return false;
    storm->body_bytes += body.len - kind->body_len;
    free(kind->body);
    kind->body = copy;
    kind->body_len = body.len;
    if (kind->count == 0)
        kind->began_ms = now_ms;
    kind->count++;
    kind->last_ms = now_ms;
    touch_kind(bmc, kind, now_ms);
    return true;
}

/* What may be folded has told the same lately, and either has a fold or finds no token. */
static struct kind *fold_for(const struct bmc *bmc, uint64_t hash, uint64_t now_ms)
{
    struct kind *kind = bmc->is_empty ? find_kind(bmc, hash) : NULL;

    if (kind == NULL || kind->count > 0)
        return kind;
    return bmc->parts < TOKEN && now_ms - kind->seen_ms < GN_STORM_FOLD_MS ? kind : NULL;
}

enum gn_storm_verdict gn_storm_take(struct gn_storm *storm, struct gn_str name, uint64_t hash,
                                    uint32_t records, bool may_fold, struct gn_str body,
                                    uint64_t now_ms)
{
    struct bmc *bmc = storm->rate == 0 ? NULL : need_bmc(storm, name, now_ms);
    struct kind *kind;

    if (bmc == NULL)
        return GN_STORM_PASS;
    fill(storm, bmc, now_ms);
    TAILQ_REMOVE(&storm->by_last, bmc, of_all);
    TAILQ_INSERT_TAIL(&storm->by_last, bmc, of_all);
    may_fold = may_fold && body.len <= GN_STORM_BODY_MAX;
    kind = may_fold ? fold_for(bmc, hash, now_ms) : NULL;
    if (kind != NULL && join(storm, bmc, kind, body, now_ms))
        return bmc->total++ == 0 ? GN_STORM_BEGINS : GN_STORM_FOLDED;
    spend(bmc, records);
    if (bmc->parts < TOKEN && !bmc->is_empty) {
        bmc->is_empty = true;
        TAILQ_INSERT_TAIL(&storm->stormy, bmc, of_storm);
    }
    if (bmc->is_empty && may_fold)
        remember_kind(storm, bmc, hash, now_ms);
    return GN_STORM_PASS;
}

/* ---- telling ---- */

static void tell_fold(struct gn_storm *storm, const struct bmc *bmc, struct kind *kind,
                      gn_storm_fold_fn fn, void *ctx)
{
    const struct gn_storm_fold fold = {
        .name = {bmc->name, bmc->name_len},
        .body = {kind->body, kind->body_len},
        .count = kind->count,
        .last_ms = kind->last_ms,
        .total = bmc->total,
    };

    fn(ctx, &fold);
    drop_body(storm, kind);
}

static void tell_calm(const struct bmc *bmc, gn_storm_fold_fn fn, void *ctx)
{
    const struct gn_storm_fold fold = {
        .name = {bmc->name, bmc->name_len},
        .is_calm = true,
        .total = bmc->total,
    };

    if (bmc->total > 0)
        fn(ctx, &fold);
}

/* Those that have ended, the longest unheard of first; true: some have not. */
static bool tell_folds(struct gn_storm *storm, struct bmc *bmc, uint64_t now_ms,
                       gn_storm_fold_fn fn, void *ctx)
{
    struct kind *kind;
    bool is_left = false;

    TAILQ_FOREACH (kind, &bmc->old, link) {
        if (kind->count == 0)
            continue;
        if (bmc->parts < TOKEN && now_ms - kind->began_ms < GN_STORM_FOLD_MS) {
            is_left = true;
            continue;
        }
        spend(bmc, 1);
        tell_fold(storm, bmc, kind, fn, ctx);
    }
    return is_left;
}

/* Until its next token, or, when nothing is folded, until its bucket is full. */
static uint64_t wait_ms(const struct gn_storm *storm, const struct bmc *bmc, bool is_folding)
{
    uint64_t wanted = is_folding ? TOKEN : storm->burst * TOKEN;
    uint64_t missing = wanted > bmc->parts ? wanted - bmc->parts : 0;
    uint64_t ms = missing / storm->rate + 1;

    return ms < GN_STORM_POLL_MS ? GN_STORM_POLL_MS : ms;
}

bool gn_storm_is_on(const struct gn_storm *storm)
{
    return !TAILQ_EMPTY(&storm->stormy);
}

uint64_t gn_storm_poll(struct gn_storm *storm, uint64_t now_ms, gn_storm_fold_fn fn, void *ctx)
{
    struct bmc *bmc, *next;
    uint64_t again_ms = 0, ms;

    for (bmc = TAILQ_FIRST(&storm->stormy); bmc != NULL; bmc = next) {
        bool is_folding;

        next = TAILQ_NEXT(bmc, of_storm);
        fill(storm, bmc, now_ms);
        is_folding = tell_folds(storm, bmc, now_ms, fn, ctx);
        if (!is_folding && bmc->parts == storm->burst * TOKEN) {
            tell_calm(bmc, fn, ctx);
            end_storm(storm, bmc);
            continue;
        }
        ms = wait_ms(storm, bmc, is_folding);
        if (again_ms == 0 || ms < again_ms)
            again_ms = ms;
    }
    return again_ms;
}

void gn_storm_flush(struct gn_storm *storm, gn_storm_fold_fn fn, void *ctx)
{
    struct bmc *bmc;
    struct kind *kind;

    TAILQ_FOREACH (bmc, &storm->stormy, of_storm)
        TAILQ_FOREACH (kind, &bmc->old, link)
            if (kind->count > 0)
                tell_fold(storm, bmc, kind, fn, ctx);
}
