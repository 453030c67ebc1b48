/* What a subscription wants: which events, and as what it gets them (its face). Immutable and
 * shared by reference; may be asked from any thread, references are the loop's. */
#ifndef GURNARD_RELAY_INTEREST_H
#define GURNARD_RELAY_INTEREST_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/ce/event.h"
#include "gurnard/ce/event_pack.h"
#include "gurnard/relay/native.h"
#include "gurnard/relay/native_spec.h"

enum gn_face {
    GN_FACE_V1,     /* CloudNativeEvent JSON, to an application */
    GN_FACE_V2,     /* CloudEvents 1.0 JSON in O-RAN's layout, to an application */
    GN_FACE_PEER,   /* binary CloudEvents 0.3, to another proxy */
    GN_FACE_NATIVE, /* CloudEvents 1.0 as the subscription says */
    GN_FACES
};

/* "v1", "v2", "peer", "native". */
const char *gn_face_name(enum gn_face face);

struct gn_interest {
    uint32_t refs; /* private */
    enum gn_face face;
    char *resource; /* canonical. V1, PEER: exactly this address. V2: this and all below it, "*" is
                     * one segment. NATIVE: "", every address; else this
                     * one, and nothing that came from another proxy */
    size_t resource_len;
    char *spelled; /* PEER: the address as the proxy spelled it, NULL: as resource. It is told that
                    * events come from there */
    bool is_pattern;             /* resource has a "*" */
    char *node;                  /* of this daemon; NATIVE only */
    struct gn_native_spec *spec; /* NATIVE only */
};

/* A new one with one reference. resource and node are copied, spec is taken (NULL for the other
 * faces), also on failure. NULL: no memory. */
struct gn_interest *gn_interest_new(enum gn_face face, struct gn_str resource,
                                    struct gn_native_spec *spec, const char *node);
/* Before it is shared: PEER only. false: no memory. */
bool gn_interest_spell(struct gn_interest *interest, struct gn_str address);
struct gn_interest *gn_interest_ref(struct gn_interest *interest);
/* NULL is fine. */
void gn_interest_unref(struct gn_interest *interest);

/* Whether the subscription is to get event. Events of peers are not for peers, GN_EVENT_PLAIN ones
 * only for NATIVE. cache: of this event, for those that ask for several interests; or NULL. What
 * cannot be read for want of memory is wanted: better once too often. */
bool gn_interest_wants(const struct gn_interest *interest, const struct gn_event *event,
                       struct gn_native_cache *cache);

/* The same of an event in the journal; one that cannot be read is not wanted. */
bool gn_interest_wants_packed(const struct gn_interest *interest,
                              const struct gn_packed_event *packed);

/* Whether both want the same events. */
bool gn_interest_is_same(const struct gn_interest *a, const struct gn_interest *b);

#endif
