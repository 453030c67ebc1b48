/* Profiles of the simulated BMC: how the controllers of one vendor differ from the others, as a row
 * of data. The code that plays a BMC asks its profile and knows no vendor. What the rows say comes
 * from observation of such machines (docs/redfish.md); names, models and texts are made up.
 * Everything here is static and only read. */
#ifndef GURNARD_SIM_PROFILE_H
#define GURNARD_SIM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/str.h"

/* How a POST to the collection of subscriptions is answered. */
enum gn_sim_answer {
    GN_SIM_ANSWER_RESOURCE,   /* 201, Location, the new resource */
    GN_SIM_ANSWER_CREATED,    /* 201, Location, only a Created message (OpenBMC) */
    GN_SIM_ANSWER_ERROR,      /* 201, Location, Created inside an "error" object (iLO 5) */
    GN_SIM_ANSWER_ABSOLUTE,   /* the same with an absolute URL as Location (iLO 4) */
    GN_SIM_ANSWER_COLLECTION, /* 201, no Location, @odata.id of the collection, Id a number (ZT) */
    GN_SIM_ANSWER_BODY,       /* 200, no Location, the new resource (XCC) */
    GN_SIM_ANSWER_EMPTY,      /* 204, Location (DMTF's mockup server) */
    GN_SIM_ANSWER_PATH,       /* 201, no Location, {"code":201,"message":PATH} */
    GN_SIM_ANSWER_TASK,       /* 202, Location of a task that tells the URI */
    GN_SIM_ANSWERS
};

/* What ids of subscriptions look like. */
enum gn_sim_ids { GN_SIM_IDS_UUID, GN_SIM_IDS_SMALL, GN_SIM_IDS_RANDOM };

/* What becomes of a subscription whose event was given up. */
enum gn_sim_policy {
    GN_SIM_TERMINATE, /* deleted */
    GN_SIM_SUSPEND,   /* Disabled until its ResumeSubscription action, there only then */
    GN_SIM_RETRY,     /* lives on, the event is lost */
};

/* How MessageIds are written. */
enum gn_sim_message_id {
    GN_SIM_ID_PREFIX,  /* REGISTRY.KEY */
    GN_SIM_ID_VERSION, /* REGISTRY.MAJOR.MINOR.KEY */
};

/* How times are written. */
enum gn_sim_time {
    GN_SIM_TIME_Z,        /* 2026-03-01T12:00:00Z */
    GN_SIM_TIME_ZERO,     /* ...+00:00 */
    GN_SIM_TIME_OFFSET,   /* ...-06:00 */
    GN_SIM_TIME_NO_COLON, /* ...-0500 */
};

/* Bits: what an event and its record have. */
enum gn_sim_event_has {
    GN_SIM_EV_ID = 1,            /* Id of the envelope */
    GN_SIM_EV_CONTEXT = 2,       /* Context of the envelope */
    GN_SIM_EV_TYPE = 4,          /* EventType */
    GN_SIM_EV_MESSAGE = 8,       /* Message */
    GN_SIM_EV_ARGS = 16,         /* MessageArgs */
    GN_SIM_EV_ARGS_NULL = 32,    /* MessageArgs, but null */
    GN_SIM_EV_ARGS_COUNT = 64,   /* MessageArgs@odata.count */
    GN_SIM_EV_SEVERITY = 128,    /* Severity */
    GN_SIM_EV_MSG_SEV = 256,     /* MessageSeverity */
    GN_SIM_EV_MEMBER_ID = 512,   /* MemberId, a running number */
    GN_SIM_EV_MEMBER_0 = 1024,   /* MemberId "0" */
    GN_SIM_EV_ORIGIN = 2048,     /* OriginOfCondition, an object */
    GN_SIM_EV_ORIGIN_S = 4096,   /* OriginOfCondition, a string */
    GN_SIM_EV_REC_CTX = 8192,    /* Context of the record */
    GN_SIM_EV_LOG_ENTRY = 16384, /* LogEntry, a link */
    GN_SIM_EV_HOSTNAME = 32768,  /* hostname and Events@odata.count (AMI) */
    GN_SIM_EV_GROUP = 65536,     /* EventGroupId */
    GN_SIM_EV_OEM_DELL = 131072, /* Oem.Dell.ServerHostname */
    GN_SIM_EV_OEM_HPE = 262144,  /* Oem.Hpe.Resource */
};

/* What EventId of a record is. */
enum gn_sim_event_id {
    GN_SIM_EVENT_ID_COUNTER, /* the running number */
    GN_SIM_EVENT_ID_TYPE,    /* the number of the kind of alert, always the same (Dell) */
    GN_SIM_EVENT_ID_UUID,
    GN_SIM_EVENT_ID_LOG, /* the log entry's path with colons, and seconds (ZT) */
};

/* Bits: habits of the service. */
enum gn_sim_habit {
    GN_SIM_SLASHES = 1,               /* URIs end in a slash; the root without it is redirected */
    GN_SIM_ETAGS = 2,                 /* PATCH wants If-Match: 428 without, 412 for another */
    GN_SIM_HTTPS_ONLY = 4,            /* refuses destinations of http */
    GN_SIM_EVENT_TYPES = 8,           /* EventTypesForSubscription */
    GN_SIM_MODERN = 16,               /* EventFormatTypes, RegistryPrefixes, ResourceTypes */
    GN_SIM_CHECK_VALUES = 32,         /* RegistryPrefixes and ResourceTypes must be ones it lists */
    GN_SIM_IDS_OR_PREFIXES = 64,      /* not MessageIds and RegistryPrefixes together */
    GN_SIM_BARE_KEYS = 128,           /* compares MessageIds with keys, not with Registry.Key */
    GN_SIM_ONE_PER_URL = 256,         /* refuses a second subscription of a destination */
    GN_SIM_HEADERS_OBJECT = 512,      /* HttpHeaders is one object */
    GN_SIM_NO_CONTEXT_BACK = 2048,    /* Context is kept, but neither shown nor sent */
    GN_SIM_TTL = 4096,                /* TTLCount and TTLUnits: subscriptions expire */
    GN_SIM_NEWEST_FIRST = 8192,       /* order of log entries */
    GN_SIM_LOG_NO_MESSAGE_ID = 16384, /* entries without MessageId, severity's numbers in Oem */
    GN_SIM_VERIFIES = 32768,          /* VerifyCertificate is true unless said otherwise */
    GN_SIM_ALERT_SWITCH = 65536,      /* has the attribute that turns all alerts off */
    GN_SIM_TEST_TASK = 131072,        /* SubmitTestEvent is a task to be polled */
    GN_SIM_TEST_TO_URL = 262144,      /* ... is sent to the Destination named in it */
    GN_SIM_SSE_STRANGE_ID = 524288,   /* an unknown Last-Event-ID gets EventBufferExceeded */
    GN_SIM_STATUS = 1048576,          /* subscriptions have Status */
    GN_SIM_ATTRIBUTES = 2097152,      /* lists an attribute and a privilege registry too */
    GN_SIM_ARCHIVE = 4194304,         /* its registry comes as a zip archive */
    GN_SIM_EXTREF = 8388608,          /* Location.Uri is {"extref":URI} (iLO 4) */
    GN_SIM_PUBLICATION = 16777216,    /* Location has PublicationUri too */
    GN_SIM_MULTILINE = 1024,          /* events are written over several lines */
    GN_SIM_ERRORS_BESIDE = 33554432,  /* errors stand beside the property they are about */
    GN_SIM_ERRORS_ILO = 67108864,     /* messages of iLO's registry without texts */
    GN_SIM_SSE_NO_FILTER = 134217728, /* $filter of a stream is taken and forgotten */
    GN_SIM_TEST_OWN_ID = 268435456,   /* a test event gets an EventId of the service's own */
};

/* A place where incidents are logged. */
struct gn_sim_log {
    const char *owner; /* "Managers", "Systems", "Chassis"; NULL: there is no such log */
    const char *id;
};

#define GN_SIM_LOGS_MAX 2

struct gn_sim_profile {
    const char *name, *vendor, *product, *model, *firmware, *redfish_version;
    const char *system, *chassis, *manager; /* ids of the only members */
    unsigned habits;                        /* of enum gn_sim_habit */

    /* Subscriptions. Lists are words with one space between. */
    const char *event_service_type; /* "v1_3_0" */
    const char *destination_type;   /* "v1_4_0" */
    const char *subscriptions;      /* last part of the collection's URI */
    const char *accepted;           /* properties of a POST */
    const char *required;           /* of them, those that must be there */
    const char *patchable;          /* properties of a PATCH */
    const char *unknown_key;        /* message for another property; NULL: it is ignored */
    const char *prefixes;           /* RegistryPrefixes, "" without; the own registry is added */
    const char *resource_types;
    enum gn_sim_answer answer;
    enum gn_sim_ids ids;
    uint32_t max_subscriptions, max_sessions, max_sse;

    /* Delivery. */
    uint32_t retry_attempts, retry_interval_s;
    enum gn_sim_policy policy; /* when a subscription names none */
    const char *policies;      /* values of DeliveryRetryPolicy, "" where it is unknown */

    /* SubmitTestEvent. */
    const char *test_known, *test_required; /* parameters; known "": any */
    uint32_t test_pause_s;                  /* a second one within it is refused */
    int test_status;                        /* of the answer */
    bool has_action_info;

    /* Server-sent events. */
    const char *sse;     /* ServerSentEventUri, NULL without */
    uint32_t sse_idle_s; /* closed after so long without an event; 0: never */

    /* Events. */
    const char *event_type; /* "v1_5_0" */
    const char *event_name; /* Name of the envelope */
    unsigned event_has;     /* of enum gn_sim_event_has */
    enum gn_sim_message_id message_id;
    enum gn_sim_event_id event_id;
    enum gn_sim_time time;
    const char *ok_word;      /* Severity for OK */
    bool has_vendor_keys;     /* keys such as TMP0118 instead of TemperatureAboveUpper... */
    const char *one_key;      /* all events have this key; NULL: each its own */
    const char *registry;     /* its registry's prefix */
    const char *version;      /* and version: "2.8.0" */
    const char *registry_id;  /* Id of the MessageRegistryFile, NULL: registry.version */
    const char *registry_uri; /* of the registry itself */
    uint32_t filler;          /* further made-up messages in it */

    struct gn_sim_log logs[GN_SIM_LOGS_MAX]; /* the second takes what concerns the BMC itself */
    uint32_t page;                           /* entries of a page */
};

/* The profile of that name, NULL: there is none. */
const struct gn_sim_profile *gn_sim_profile_find(struct gn_str name);

/* The profile at index, from 0; NULL behind the last. */
const struct gn_sim_profile *gn_sim_profile_at(size_t index);

/* Whether word is one of words (one space between). */
bool gn_sim_word_in(const char *words, struct gn_str word);

/* The first word of *words, which goes on to the next; absent when none is left. */
struct gn_str gn_sim_next_word(const char **words);

#endif
