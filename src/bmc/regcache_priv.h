/* What the parts of the registry cache share: the index in memory, and the work on files. */
#ifndef GURNARD_SRC_REGCACHE_PRIV_H
#define GURNARD_SRC_REGCACHE_PRIV_H

#include <sys/queue.h>

#include "gurnard/base/buf.h"
#include "gurnard/bmc/regcache.h"

#define GN_REGCACHE_NAME_MAX  128               /* bytes of a file's or folder's name, with NUL */
#define GN_REGCACHE_INDEX_MAX ((size_t)4 << 20) /* bytes of an index */
#define GN_REGCACHE_INDEX     "index.json"

/* A registry of a model. */
struct gn_regcache_slot {
    struct gn_regcache_entry entry; /* its texts are in the block */
    char *block;
    bool is_claimed;
    TAILQ_ENTRY(gn_regcache_slot) link;
};
TAILQ_HEAD(gn_regcache_slots, gn_regcache_slot);

struct gn_regcache_model {
    struct gn_regcache *cache;
    char *path;                     /* of its folder */
    const char *folder;             /* its name, in path */
    char *name, *firmware;          /* "" while only the folder is known */
    int64_t used_ns;                /* last use, to the hour */
    uint32_t refs;                  /* uses */
    uint32_t pending;               /* jobs that point to it */
    struct gn_regcache_slots slots; /* in order of arrival */
    uint32_t slot_count;
    bool is_dirty;          /* the index has changed since it was last made into text */
    bool is_saving;         /* job runs */
    struct gn_job job;      /* the job's while is_saving: */
    struct gn_buf text;     /* what is written */
    enum gn_err job_result; /* what became of it */
    TAILQ_ENTRY(gn_regcache_model) link;
};
TAILQ_HEAD(gn_regcache_models, gn_regcache_model);

struct gn_regcache_putting;
LIST_HEAD(gn_regcache_puttings, gn_regcache_putting);

struct gn_regcache {
    char *folder;
    uint64_t limit_bytes, bytes;
    struct gn_worker *worker;
    struct gn_regcache_models models;
    uint32_t model_count;
    struct gn_regcache_puttings puttings; /* under way */
};

/* ---- memory (regcache_index.c) ---- */

/* Adds a model; NULL: no memory. */
struct gn_regcache_model *gn_regcache_model_add(struct gn_regcache *cache, const char *folder,
                                                struct gn_str name, struct gn_str firmware);

/* Takes it and its slots out of the cache and frees them. */
void gn_regcache_model_drop(struct gn_regcache_model *model);

/* Adds a slot of that state; NULL: no memory, or the model is full. */
struct gn_regcache_slot *gn_regcache_slot_add(struct gn_regcache_model *model,
                                              const struct gn_regcache_entry *entry);

/* Makes the slot hold a copy of entry, whose texts may be those of the slot. false: no memory, the
 * slot is as before. */
bool gn_regcache_slot_set(struct gn_regcache_slot *slot, const struct gn_regcache_entry *entry);

void gn_regcache_slot_drop(struct gn_regcache_model *model, struct gn_regcache_slot *slot);

/* The slot of a MessageRegistryFile, of a file. NULL: none. */
struct gn_regcache_slot *gn_regcache_slot_at(const struct gn_regcache_model *model,
                                             struct gn_str uri);
struct gn_regcache_slot *gn_regcache_slot_of_file(const struct gn_regcache_model *model,
                                                  struct gn_str file);

/* The index as text. Failure sticks in out. */
void gn_regcache_index_write(const struct gn_regcache_model *model, struct gn_buf *out);

/* Reads what gn_regcache_index_write() wrote into model, which has no slots yet. GN_EPARSE,
 * GN_ENOMEM; the model may hold a part then. */
GN_MUST_CHECK enum gn_err gn_regcache_index_read(struct gn_regcache_model *model,
                                                 struct gn_str text);

/* ---- room (regcache_room.c) ---- */

/* Evicts until the limits hold with so many more models. Returns whether they do. */
bool gn_regcache_make_room(struct gn_regcache *cache, uint32_t more);

/* Has the model's folder (name NULL), or the file name in it, removed by a job. false: no memory.
 */
bool gn_regcache_remove(const struct gn_regcache_model *model, const char *name);

/* Has the index written, behind the write under way where there is one. */
void gn_regcache_save(struct gn_regcache_model *model);

/* Drops a model that holds nothing and that nobody uses. */
void gn_regcache_settle(struct gn_regcache_model *model);

/* ---- files (regcache_file.c); these block ---- */

/* Names that are safe on any file system and differ where what they are made of differs. */
void gn_regcache_folder_name(struct gn_str model, struct gn_str firmware,
                             char name[GN_REGCACHE_NAME_MAX]);
void gn_regcache_file_name(struct gn_str uri, char name[GN_REGCACHE_NAME_MAX]);

/* Whether name is that of a registry's file in a model's folder. */
bool gn_regcache_is_file_name(struct gn_str name);

/* Reads all models of the cache's folder into it. */
GN_MUST_CHECK enum gn_err gn_regcache_load(struct gn_regcache *cache);

/* Replaces folder/name, making the folder. */
GN_MUST_CHECK enum gn_err gn_regcache_write(const char *folder, const char *name,
                                            struct gn_str data);

/* Removes the folder with what the cache has put there. */
void gn_regcache_remove_folder(const char *path);

/* A download that is to be checked and written, and what became of it. */
struct gn_regcache_check {
    const char *folder;         /* path */
    const char *file;           /* name */
    struct gn_str archive_file; /* "" when none is named */
    struct gn_str bytes;
    enum gn_regcache_state state;        /* HAVE, SKIP, FAILED */
    char registry[GN_REGCACHE_NAME_MAX]; /* prefix and version, of HAVE */
    char reason[GN_REGCACHE_REASON_MAX]; /* of FAILED */
    uint64_t file_bytes;
    bool is_new;
};
void gn_regcache_check_run(struct gn_regcache_check *check);

#endif
