/* What an operator says of one BMC, and the list of all of them: read from JSON (the settings
 * file's `bmcs`, files of the inventory's folder, the admin API), merged, compared. No I/O. */
#ifndef GURNARD_BMC_SPEC_H
#define GURNARD_BMC_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/bmc/bmc_address.h"
#include "gurnard/redfish/destination.h"

#define GN_BMC_NAME_MAX                                                                            \
    128                       /* bytes of a name: letters, digits, '.', '_', '-', ':'; the same as \
                               * of a name in the webhook's path */
#define GN_BMC_MAX      20000 /* BMCs of an inventory */
#define GN_BMC_PATH_MAX 1024  /* bytes of a file's path */

enum gn_bmc_tls {
    GN_BMC_TLS_VERIFY, /* CAs of the system, or ca_file */
    GN_BMC_TLS_PIN,    /* the certificate's SHA-256 */
    GN_BMC_TLS_TOFU,   /* what it shows the first time is pinned, and kept over restarts */
    GN_BMC_TLS_OFF,
};

enum gn_bmc_auth { GN_BMC_AUTH_AUTO, GN_BMC_AUTH_BASIC, GN_BMC_AUTH_SESSION, GN_BMC_AUTH_NONE };

/* How events come in. */
enum gn_bmc_way {
    GN_BMC_WAY_AUTO, /* by push; by SSE when push fails its proof */
    GN_BMC_WAY_PUSH,
    GN_BMC_WAY_SSE,
    GN_BMC_WAY_NONE, /* no subscription: somebody else makes it; logs and registries only */
};

enum gn_bmc_recover {
    GN_BMC_RECOVER_OUTAGE, /* logs are read for events after an outage of ours or theirs */
    GN_BMC_RECOVER_ALWAYS, /* at each resync: what never came otherwise is an event */
    GN_BMC_RECOVER_NO,
};

/* Where an entry of the inventory came from; a higher one wins over a lower one of the same name.
 */
enum gn_bmc_origin {
    GN_BMC_FROM_ENVIRONMENT, /* REDFISH_HOSTADDR */
    GN_BMC_FROM_FOLDER,
    GN_BMC_FROM_SETTINGS,
    GN_BMC_FROM_API,
};

/* A list of texts, owned. */
struct gn_bmc_texts {
    char **items;
    size_t count;
};

/* One BMC. Texts are owned, NULL when not given. */
struct gn_bmc_spec {
    char *name;
    char *address_text; /* as given */
    struct gn_bmc_address address;
    enum gn_bmc_origin origin;
    char *username;      /* in clear: it is no secret */
    char *username_file; /* else from here, */
    char *password_file; /* both trimmed at the end; a folder with the files username and password
                          * (a mounted Secret) is written as `credentials` */
    enum gn_bmc_tls tls;
    char *ca_file;
    uint8_t pin[32];
    enum gn_bmc_auth auth;
    enum gn_bmc_way way;
    enum gn_bmc_recover recover;
    char *webhook_url;  /* base of the Destination, over that of the settings */
    char *headers_file; /* HttpHeaders: lines "Name: value" */
    struct gn_bmc_texts registries, messages, severities, resource_types, logs;
    enum gn_destination_policy policy;
    uint32_t heartbeat_minutes;
    bool verify_certificate; /* ask the BMC to check the webhook's certificate */
    bool metric_reports;     /* subscribe to metric reports too */
    bool keeps_subscription; /* at shutdown */
    bool proves;             /* test event after each subscribe */
    uint32_t order;          /* private: its place as the list was read */
};

/* What an entry leaves unsaid; also the fleet's settings. Texts borrowed. */
struct gn_bmc_defaults {
    const char *username_file, *password_file, *ca_file, *headers_file;
    enum gn_bmc_tls tls;
    enum gn_bmc_auth auth;
    enum gn_bmc_way way;
    enum gn_bmc_recover recover;
    enum gn_destination_policy policy;
    uint32_t heartbeat_minutes;
    bool verify_certificate, metric_reports, keeps_subscription, proves;
};

/* Sets a word of defaults: member (tls, auth, way, recover or retry_policy) and word as in an
 * entry; tls: verify, tofu or off. GN_EINVAL: no such member or word. */
GN_MUST_CHECK enum gn_err gn_bmc_defaults_word(struct gn_bmc_defaults *defaults, const char *member,
                                               const char *word);

/* Reads one entry. Members (all but name and address may be missing):
 *   name, address, username, username_file, password_file, credentials (a folder),
 *   tls: verify | tofu | off | {"ca_file": PATH} | {"sha256": "AA:BB..." or 64 hex digits};
 *   disableCertificateVerification: true (as BareMetalHost) is tls: off,
 *   auth: auto | basic | session | none,  way: auto | push | sse | none,
 *   recover: outage | always | no,  webhook_url, headers_file,
 *   registries, messages, severities, resource_types, logs: lists of texts,
 *   retry_policy: default | terminate | suspend | forever | backoff,  heartbeat: minutes,
 *   verify_certificate, metric_reports, keep, prove: booleans, or the texts yes and no
 * null is as if not given; so is an empty text. Words may come in any case, and false for the words
 * off and no (YAML 1.1 reads them so). What the entry does not say comes from defaults.
 * A member password is refused with a hint: secrets are in files. GN_EINVAL: why says what (it
 * never holds a secret), e.g. "address: ipmi is no Redfish". GN_ENOMEM. On an error nothing is
 * owned. */
GN_MUST_CHECK enum gn_err gn_bmc_spec_read(const json_t *entry,
                                           const struct gn_bmc_defaults *defaults,
                                           enum gn_bmc_origin origin, struct gn_bmc_spec *spec,
                                           struct gn_buf *why);

/* The entry as JSON again, for the store of the admin API and for answers; owned by the caller.
 * Only names of files, never what is in them. NULL: no memory. */
json_t *gn_bmc_spec_write(const struct gn_bmc_spec *spec);

/* Makes copy, which holds nothing yet, the same as spec. GN_ENOMEM: copy holds nothing. */
GN_MUST_CHECK enum gn_err gn_bmc_spec_copy(const struct gn_bmc_spec *spec,
                                           struct gn_bmc_spec *copy);

void gn_bmc_spec_free(struct gn_bmc_spec *spec); /* the texts, not spec itself */

/* Whether a and b ask for the same in everything but origin. */
bool gn_bmc_spec_eq(const struct gn_bmc_spec *a, const struct gn_bmc_spec *b);

/* The words of the members above; NULL outside. */
const char *gn_bmc_tls_name(enum gn_bmc_tls tls);
const char *gn_bmc_way_name(enum gn_bmc_way way);
const char *gn_bmc_origin_name(enum gn_bmc_origin origin);

/* ---- many ---- */

struct gn_bmc_list {
    struct gn_bmc_spec *items; /* owned, in order of name once sorted */
    size_t count, room;
};

/* Reads what may be one entry, a list of them, {"bmcs": [...]}, or BareMetalHosts as kubectl prints
 * them (kind BareMetalHost, or List of them: name NAMESPACE.NAME, spec.bmc.address and
 * disableCertificateVerification; credentials NAME is the folder of that name below
 * secrets_folder), and adds it to list. where: begins each complaint. Entries that are wrong are
 * told by complain and passed over; the rest counts. GN_EINVAL: at least one was wrong. GN_ELIMIT.
 * GN_ENOMEM. secrets_folder: may be NULL: BareMetalHosts get the credentials of defaults. */
typedef void (*gn_bmc_complain_fn)(void *ctx, const char *where, const char *what);
GN_MUST_CHECK enum gn_err gn_bmc_list_read(struct gn_bmc_list *list, const json_t *value,
                                           const struct gn_bmc_defaults *defaults,
                                           enum gn_bmc_origin origin, const char *secrets_folder,
                                           const char *where, gn_bmc_complain_fn complain,
                                           void *ctx);

/* Moves what from holds behind what list holds; from is empty then. GN_ELIMIT, GN_ENOMEM: both are
 * as they were. */
GN_MUST_CHECK enum gn_err gn_bmc_list_join(struct gn_bmc_list *list, struct gn_bmc_list *from);

/* Adds a copy of each of from's. GN_ELIMIT, GN_ENOMEM: list may have got some of them. */
GN_MUST_CHECK enum gn_err gn_bmc_list_copy(struct gn_bmc_list *list,
                                           const struct gn_bmc_list *from);

/* Sorts by name and keeps of several of one name the one with the highest origin, the first of
 * those; complain is told of the others. */
void gn_bmc_list_settle(struct gn_bmc_list *list, gn_bmc_complain_fn complain, void *ctx);

/* The entry of that name in a settled list, or NULL. */
const struct gn_bmc_spec *gn_bmc_list_find(const struct gn_bmc_list *list, struct gn_str name);

/* Frees the entries and what they hold; list is empty then. */
void gn_bmc_list_free(struct gn_bmc_list *list);

#endif
