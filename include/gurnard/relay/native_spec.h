/* What a subscription of the native API asks for: the object of the CloudEvents Subscriptions API
 * (0.1-wip) as gurnard takes it (docs/api.md, "Native API"), read and checked. Pure. */
#ifndef GURNARD_RELAY_NATIVE_SPEC_H
#define GURNARD_RELAY_NATIVE_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/ce/cloudevent.h"
#include "gurnard/ce/filter.h"

#define GN_NATIVE_TYPES_MAX   64
#define GN_NATIVE_HEADERS_MAX 8    /* of protocolsettings.headers */
#define GN_NATIVE_TEXT_MAX    2048 /* bytes of a text in it */
#define GN_NATIVE_ERROR_MAX   320

/* What an event is told as. */
enum gn_native_split {
    GN_SPLIT_RECORD, /* one CloudEvent for each record of a Redfish event */
    GN_SPLIT_WHOLE,  /* one for the whole payload */
};

enum gn_handshake { GN_HANDSHAKE_OFF, GN_HANDSHAKE_TRY, GN_HANDSHAKE_REQUIRED };

/* Immutable. All texts are owned by the spec and NUL-terminated. */
struct gn_native_spec {
    char *sink;   /* http or https URL, without user information; NULL: of a plain one */
    char *source; /* NULL: any; else only events with exactly this source */
    char **types; /* only these types; none: any */
    size_t type_count;
    struct gn_filter *filter; /* NULL: all */
    char *resource; /* NULL, or the one address that a filter of the list demands exactly: other
                     * proxies can be asked for its events */
    enum gn_ce_mode mode;
    enum gn_native_split split;
    enum gn_handshake handshake;
    uint32_t retry_min_ms, retry_max_ms;      /* 0: the daemon's setting */
    uint64_t expire_ms;                       /* likewise */
    char *headers[GN_NATIVE_HEADERS_MAX + 1]; /* "Name: value" lines, ended by NULL */
};

/* Reads the object of a POST or PUT:
 *   sink (required), protocol (HTTP, the default; others are refused), source, types, filters,
 *   config: { mode: structured (default) | binary | batch, split: record (default) | whole,
 *             retry: { min, max }, expire: durations as "500ms", "10s", "5m", "24h";
 *             handshake: off (default) | try | required },
 *   protocolsettings: { headers: { name: value }, method: "POST" }.
 * `id` and `subscriptionurl` are ignored, as a stored object may be sent back. Every other member
 * is refused, so that nobody relies on what is not done: sinkcredential too. Headers that gurnard
 * sets itself (Content-Type, Content-Length, Host, ce-..., Gurnard-..., Connection,
 * Transfer-Encoding, WebHook-Request-Origin, Expect, Keep-Alive, TE, Trailer, Upgrade) are refused.
 * A known member that is null counts as absent. Retry delays are from 1ms to 1h, expire is from 1s
 * to 720h; of min and max one alone may be given.
 *
 * GN_EINVAL and error: `config.mode: must be structured, binary or batch`. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_native_spec_parse(const json_t *object, struct gn_native_spec **spec,
                                               char error[GN_NATIVE_ERROR_MAX]);
/* One that takes every event, in this mode, with the defaults of all else. NULL: no memory. */
struct gn_native_spec *gn_native_spec_plain(enum gn_ce_mode mode);
/* NULL is fine. */
void gn_native_spec_free(struct gn_native_spec *spec);

#endif
