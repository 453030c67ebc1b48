/* What the files of the log reading share: logs.c runs it and hands events on, logs_find.c looks
 * for the logs of a BMC, logs_page.c reads one log page by page. */
#ifndef GN_BMC_LOGS_PRIV_H
#define GN_BMC_LOGS_PRIV_H

#include "bmcs_priv.h"
#include "gurnard/redfish/log_entry.h"

#define LOGS_VISITS_MAX 160   /* resources visited while logs are looked for */
#define LOGS_PAGES_MAX  400   /* pages of one log */
#define LOGS_FOUND_MAX  5000  /* entries recovered at once; the oldest beyond are missed */
#define LOGS_LOOKS_MAX  256   /* entries of a log that are compared with what came, in a round */
#define LOGS_EVENT_MAX  65536 /* bytes of an entry as an event */

/* What a URI that is to be visited is. */
enum logs_visit_kind {
    VISIT_COLLECTION,   /* Systems, Managers, Chassis */
    VISIT_RESOURCE,     /* a member of it */
    VISIT_LOG_SERVICES, /* its LogServices */
    VISIT_LOG_SERVICE,  /* a member of them */
};

struct logs_visit {
    enum logs_visit_kind kind;
    char *uri; /* owned */
};

/* An entry that is news. */
struct logs_found {
    struct gn_log_mark mark;
    char *event; /* owned JSON text */
    size_t len;
};

struct bmc_logs {
    struct gn_bmc *bmc;
    struct gn_bmc_call *call;
    bool emits;          /* what is behind the marks becomes events */
    uint64_t gap_number; /* of the BMC when this began */
    bool has_failed;     /* a log could not be read: the gap stays */
    bool is_log_spoilt;  /* an entry of the one that is read was lost: its mark stays */
    bool lost_log;       /* one has gone: they are looked for anew */
    bool is_settling;    /* all was handed on; the disk is awaited */

    struct logs_visit *visits;
    size_t visit_count, next_visit;

    size_t log; /* index of the one that is read */
    /* reading it: */
    unsigned pages;
    bool has_jumped;   /* to the end, by $skip */
    bool may_not_jump; /* $skip does not do what it should */
    bool is_cleared;   /* the log was emptied since: all that is in it is news */
    bool has_seen_mark;
    bool has_seen_older; /* an entry that is not behind the mark */
    bool has_reused_id;  /* the mark's id is that of a later entry: ids began anew */
    bool has_newest;
    struct gn_log_mark newest;
    int64_t newest_updated_ns;   /* the latest update of any entry; 0: none */
    uint32_t known, unknown;     /* of the entries that a round ago were the latest */
    uint64_t count;              /* Members@odata.count, 0: not told */
    uint64_t position;           /* behind the last entry seen, from the log's beginning */
    bool has_no_order;           /* one entry has been seen: it may be the oldest or the newest */
    bool has_guessed;            /* the page asked for is named by no nextLink */
    struct gn_log_mark landmark; /* the first entry of an earlier page, to see a loop */
    char page_uri[GN_SERVICE_URI_MAX + 64];

    struct logs_found *found;
    size_t found_count, found_room, first_found; /* first_found: of the log that is read */
    uint64_t dropped;                            /* oldest ones beyond LOGS_FOUND_MAX */
    size_t next_found;
    uint64_t taken;
    struct gn_timer again; /* there was no room for an event */
};

/* ---- logs.c ---- */

/* Goes on with the next step: a visit, a log, or handing on. */
void gn_logs_next(struct bmc_logs *logs);
/* Asks for uri; on failure the whole reading ends (tried again in the next round). */
void gn_logs_get(struct bmc_logs *logs, const char *uri, gn_bmc_answer_fn fn);
/* An answer that says nothing of this log but of the BMC: ends the reading. true: it has ended. */
bool gn_logs_is_over(struct bmc_logs *logs, const struct gn_bmc_answer *answer);

/* ---- logs_find.c ---- */

/* Fills visits with where to begin. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_logs_find_begin(struct bmc_logs *logs);
/* Visits the next resource. */
void gn_logs_find_next(struct bmc_logs *logs);
void gn_logs_find_free(struct bmc_logs *logs);

/* ---- logs_page.c ---- */

/* Reads log number logs->log, then gn_logs_next(). */
void gn_logs_read(struct bmc_logs *logs);
/* The mark goes to what was last seen. */
void gn_logs_move_mark(struct gn_kept_log *log);
/* Writes entry of the log that is read as an event. */
void gn_logs_write_event(const struct bmc_logs *logs, const json_t *entry,
                         const struct gn_log_mark *mark, struct gn_buf *event);

/* ---- logs_agree.c ---- */

/* A calm round has met entry (news by the mark): compares what is a round old with what has come.
 */
void gn_logs_compare(struct bmc_logs *logs, const json_t *entry, const struct gn_log_mark *mark);
/* The log has been read in a calm round. true: something in it never came, though what is in it
 * comes as a rule: the mark must not move. */
bool gn_logs_has_missed(struct bmc_logs *logs);

#endif
