/* The inside of the admin API, shared by its files:
 *   admin.c              life, routes, who may change something
 *   admin_parse.c        what stands in queries, bodies and headers; pure but for the 400s
 *   admin_write.c        JSON out
 *   admin_status.c       GET status
 *   admin_replay.c       stored events once more
 *   admin_deadletters.c  dead letters: list, show, forget
 *   admin_again.c        dead letters once more, one or many
 *   admin_quarantine.c   unreadable bodies
 *   admin_bmcs.c         BMCs: list, show, add, take out, test
 *   admin_alarms.c       what is wrong now
 */
#ifndef GURNARD_API_ADMIN_PRIV_H
#define GURNARD_API_ADMIN_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jansson.h>

#include "gurnard/api/admin.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/str.h"

#define GN_ADMIN_LIST_DEFAULT 100U  /* items of a list that asks for no limit */
#define GN_ADMIN_LIST_MAX     1000U /* and of any list */

struct gn_admin_again;
struct gn_admin_bulk;

/* A request that waits. First member of what its handler keeps, which outlives the admin API when
 * it must: it is freed by the callback it waits for. */
struct gn_admin_task {
    struct gn_admin *admin;
    struct gn_http_request *request; /* NULL: was answered when the admin API stopped, which may be
                                      * gone by now, as all its parts */
    TAILQ_ENTRY(gn_admin_task) link;
};

struct gn_admin {
    struct gn_admin_parts parts;
    uint64_t started_ms;
    TAILQ_HEAD(, gn_admin_task) tasks;
    TAILQ_HEAD(, gn_admin_again) again; /* dead letters on their way once more */
    uint32_t again_count;
    struct gn_admin_bulk *bulk; /* NULL: none is under way */
    bool is_stopped;
};

/* What a query may hold. */
#define GN_ADMIN_SUBSCRIPTION 1U
#define GN_ADMIN_AFTER        2U
#define GN_ADMIN_LIMIT        4U
#define GN_ADMIN_BMC          8U

struct gn_admin_query {
    struct gn_buf subscription;
    bool has_subscription;
    struct gn_buf bmc;
    bool has_bmc;
    unsigned long long after; /* 0 without it */
    unsigned long long limit; /* GN_ADMIN_LIST_DEFAULT without it */
};

/* One request on its way to its handler, which answers now or later. */
struct gn_admin_call {
    struct gn_http_request *request;
    struct gn_str arg; /* what stands in the path for its {}, decoded */
    struct gn_admin_query query;
};

typedef void (*gn_admin_fn)(struct gn_admin *admin, const struct gn_admin_call *call);

/* ---- admin.c ---- */

/* Lets the request wait; it is answered 503 when the admin API stops. */
void gn_admin_task_begin(struct gn_admin_task *task, struct gn_admin *admin,
                         struct gn_http_request *request);
/* The wait is over: true when the request is to be answered now, false when that has been done and
 * only memory is left to be freed. */
bool gn_admin_task_end(struct gn_admin_task *task);

/* ---- admin_parse.c ---- */

/* A point in time: RFC 3339, or an age: digits and one of s, m, h, d. false: neither, or before
 * anything that fits. */
bool gn_admin_parse_point(struct gn_str text, int64_t now_ns, int64_t *ns);

/* Whether a client's address is one of this host's own loopback: 127.0.0.0/8 or ::1. */
bool gn_admin_is_local(struct gn_str peer);
/* Whether origin is a page of this very server, asked by address or as localhost. A name will not
 * do: whoever owns it can make it point here, and then its page is one of "this server". */
bool gn_admin_is_own_origin(struct gn_str origin, struct gn_str host);

/* Reads a query in which those of allowed may stand, each once. NULL: fine; else what is wrong
 * (static). In every case gn_admin_free_query() is to follow. */
const char *gn_admin_parse_query(struct gn_str text, unsigned allowed,
                                 struct gn_admin_query *query);
void gn_admin_free_query(struct gn_admin_query *query);

/* Reads the body: an object with no other members than the count names, all texts; no body at all
 * is an empty object. values: views into *body, absent where there is none. false: the request was
 * answered. On true *body is owned by the caller; may be NULL. */
bool gn_admin_read_body(struct gn_http_request *request, const char *const *names, size_t count,
                        struct gn_str *values, json_t **body);

/* ---- admin_write.c ---- */

/* Each appends one member, with a comma where one must stand before it. */
void gn_admin_add_name(struct gn_buf *out, const char *name);
void gn_admin_add_text(struct gn_buf *out, const char *name, struct gn_str text);
void gn_admin_add_u64(struct gn_buf *out, const char *name, uint64_t value);
void gn_admin_add_number(struct gn_buf *out, const char *name, double value);
void gn_admin_add_bool(struct gn_buf *out, const char *name, bool value);
void gn_admin_add_time(struct gn_buf *out, const char *name, int64_t ns); /* 0: null */
/* With a credential in it as ***. */
void gn_admin_add_url(struct gn_buf *out, const char *name, struct gn_str url);
/* Begins an element of an array. */
void gn_admin_add_element(struct gn_buf *out);

/* Answers with what body holds, and frees it; 503 when it could not be written. */
void gn_admin_reply(struct gn_http_request *request, int status, struct gn_buf *body);
/* Answers with value, and releases it; 503 when it is NULL: there was no memory. */
void gn_admin_reply_value(struct gn_http_request *request, int status, json_t *value);
/* {"name": value}, status 200 or 202. */
void gn_admin_reply_count(struct gn_http_request *request, int status, const char *name,
                          uint64_t value);

/* ---- the handlers ---- */

void gn_admin_status(struct gn_admin *admin, const struct gn_admin_call *call);

void gn_admin_replay(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_replay_stop(struct gn_admin *admin, const struct gn_admin_call *call);

void gn_admin_letters(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_letter(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_letter_remove(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_letters_purge(struct gn_admin *admin, const struct gn_admin_call *call);
/* Answers for a letter that could not be had. */
void gn_admin_answer_no_letter(struct gn_http_request *request, enum gn_err err);

void gn_admin_letter_again(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_letters_again(struct gn_admin *admin, const struct gn_admin_call *call);
/* Goes on with those that wait for their turn, if there are any. */
void gn_admin_again_step(struct gn_admin *admin);
/* Those that wait for their turn stay dead letters; what the outbox has goes on. */
void gn_admin_again_stop(struct gn_admin *admin);

void gn_admin_bmcs(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_bmc(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_bmc_add(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_bmc_put(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_bmc_remove(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_bmc_test(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_bmc_resync(struct gn_admin *admin, const struct gn_admin_call *call);
/* The member bmcs of the status. */
void gn_admin_add_bmcs(const struct gn_admin *admin, struct gn_buf *out);

void gn_admin_alarms(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_alarm_clear(struct gn_admin *admin, const struct gn_admin_call *call);
/* The member alarms of the status. */
void gn_admin_add_alarms(const struct gn_admin *admin, struct gn_buf *out);

void gn_admin_bodies(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_body(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_body_bytes(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_body_again(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_body_remove(struct gn_admin *admin, const struct gn_admin_call *call);
void gn_admin_bodies_purge(struct gn_admin *admin, const struct gn_admin_call *call);

#endif
