/* What is remembered of BMCs over restarts: a file for each, and one of what was learnt of models.
 * Read whole at start; written a second after a change by a helper thread, one file at a time. A
 * file that cannot be read is put aside (.bad) and begun anew. */
#ifndef GURNARD_BMC_MEMORY_H
#define GURNARD_BMC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/id.h"
#include "gurnard/base/str.h"
#include "gurnard/loop/loop.h"
#include "gurnard/redfish/destination.h"
#include "gurnard/redfish/event_service.h"
#include "gurnard/redfish/log_entry.h"
#include "gurnard/redfish/test_event.h"

#define GN_KEPT_LOGS_MAX      32   /* logs of one BMC */
#define GN_KEPT_AGREEMENT_MAX 1024 /* of gn_kept_log.known and unknown */
#define GN_KEPT_MODELS_MAX    512  /* models learnt; beyond, nothing new is remembered */
#define GN_KEPT_ID_MAX        257  /* bytes of a stream's last id, with NUL */

/* A log, and how far it has been read. */
struct gn_kept_log {
    char uri[GN_SERVICE_URI_MAX]; /* of its entries */
    bool has_mark;
    bool is_oldest_first;    /* entries stand in the order of their writing */
    uint64_t count;          /* entries in it when mark was set */
    struct gn_log_mark mark; /* the latest one read; its id is empty when the log was */
    int64_t updated_ns;      /* the latest update of any entry up to then; 0: there was none */

    /* How far the log and what comes otherwise agree: entries that had come, and that had not, a
     * round after they were written. Halved together from time to time. */
    uint32_t known, unknown;

    /* Not kept: what a calm round saw as the latest. It becomes mark a round later, when what was
     * written then has surely been pushed or failed to be. */
    bool has_next;
    uint64_t next_count;
    int64_t next_updated_ns;
    struct gn_log_mark next;
};

/* One BMC. Whoever changes it calls gn_memory_changed(). */
struct gn_kept {
    char *name;
    bool has_pin;
    uint8_t pin[32];
    bool has_gap;      /* events may have been missed; its logs are to be read */
    unsigned troubles; /* bits of enum gn_bmc_state: told as trouble, and not yet as ended */
    char subscription[2][GN_SERVICE_URI_MAX]; /* of events, of metric reports; "" none */
    char last_id[GN_KEPT_ID_MAX];             /* of its stream */
    char last_reset[48];                      /* of its manager, as it wrote it */
    int64_t discovered_ns;                    /* when logs were looked for; 0: never */
    struct gn_kept_log *logs;
    size_t log_count;
    bool is_dirty; /* private */
    UT_hash_handle hh;
    TAILQ_ENTRY(gn_kept) link;
};

/* What a model with its firmware has taught us. */
struct gn_kept_model {
    char *key; /* vendor, model and firmware, as gn_bmc_model_key() writes them */
    bool has_shape;
    struct gn_destination_shape shape;
    enum gn_test_form form; /* GN_TEST_FORMS: not known */
    UT_hash_handle hh;
};

struct gn_memory;

/* Reads folder (made when missing); blocks. NULL: no memory, or the folder or its secret cannot be
 * made (logged). */
struct gn_memory *gn_memory_new(struct gn_loop *loop, const char *folder);
/* Writes what is not written yet; blocks. NULL is fine. */
void gn_memory_free(struct gn_memory *memory);

/* The BMC of that name, begun when it is new; lives until it is forgotten. NULL: no memory. */
struct gn_kept *gn_memory_of(struct gn_memory *memory, struct gn_str name);
void gn_memory_changed(struct gn_memory *memory, struct gn_kept *kept);
/* It left the inventory; frees kept, its file goes. */
void gn_memory_forget(struct gn_memory *memory, struct gn_kept *kept);
/* Forgets all that keep() says no to: those that left while the daemon was down. */
void gn_memory_prune(struct gn_memory *memory, bool (*keep)(void *ctx, const char *name),
                     void *ctx);

/* The log at uri, begun when it is new. NULL: GN_KEPT_LOGS_MAX, or no memory. */
struct gn_kept_log *gn_kept_log(struct gn_kept *kept, const char *uri);
/* Forgets logs, all or the one at index. */
void gn_kept_drop_logs(struct gn_kept *kept);
void gn_kept_drop_log(struct gn_kept *kept, size_t index);

/* What is known of a model; NULL: nothing. key may be NULL, here and below: nothing is known. */
const struct gn_kept_model *gn_memory_model(const struct gn_memory *memory, const char *key);
/* Remembers; without memory or room it does not. */
void gn_memory_learn_shape(struct gn_memory *memory, const char *key,
                           const struct gn_destination_shape *shape);
void gn_memory_learn_form(struct gn_memory *memory, const char *key, enum gn_test_form form);

/* The public mark of this fleet in Contexts: 8 hexadecimal digits that follow from its secret. */
const char *gn_memory_fleet_id(const struct gn_memory *memory);

/* A text that only we can make: the signature of parts (count of them) under the fleet's secret,
 * for purpose; 32 hexadecimal digits. The secret is made at the first start and kept. */
void gn_memory_sign(const struct gn_memory *memory, const char *purpose, const struct gn_str *parts,
                    size_t count, char out[33]);

#endif
