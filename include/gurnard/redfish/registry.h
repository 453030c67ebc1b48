/* Message registries: a set of them is loaded from files into compact tables and then only read.
 *
 * A set is built off the loop by one thread and handed to the loop whole; a reload builds a new
 * set. The texts of a registry lie in one block, look-ups allocate nothing. Bytes that are no UTF-8
 * are kept as they are: whoever writes a text out repairs it. */
#ifndef GURNARD_REDFISH_REGISTRY_H
#define GURNARD_REDFISH_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/str.h"
#include "gurnard/redfish/severity.h"

#define GN_REGISTRY_FILE_MAX     ((size_t)16 << 20)  /* bytes of a file, also when unpacked */
#define GN_REGISTRY_MESSAGES_MAX 20000               /* messages in one registry */
#define GN_REGISTRY_DEPTH_MAX    16                  /* nesting of a file */
#define GN_REGISTRY_SET_MAX      ((size_t)256 << 20) /* bytes of texts in a set */

struct gn_registry_set;

/* One message of a registry. Views live as long as the set. */
struct gn_message {
    struct gn_str text;        /* with %1 ... */
    struct gn_str resolution;  /* absent when the registry has none or says None. */
    enum gn_severity severity; /* MessageSeverity, else Severity */
    uint8_t number_of_args;
    struct gn_str clears;  /* ClearingLogic as received (compact JSON), absent when there is none */
    struct gn_str prefix;  /* of the registry it was found in */
    uint16_t major, minor; /* of that registry */
};

/* How well a MessageId was met, best first. */
enum gn_registry_match {
    GN_MATCH_EXACT,       /* this registry, this version (major.minor) */
    GN_MATCH_OLDER_MINOR, /* same major, highest minor below the one wanted */
    GN_MATCH_NEWER_MINOR, /* same major, lowest minor above */
    GN_MATCH_OTHER_MAJOR, /* same registry, another major: the nearest, older first */
    GN_MATCH_ANY_VERSION, /* the MessageId named no version: the newest */
    GN_MATCH_BARE_KEY, /* no registry named, or an unknown one: a key met in only one registry, or
                        * in one of the registries for bare keys (Messages, BaseMessages, IDRAC),
                        * which also stand in for each other; its newest version */
    GN_MATCH_NONE,
};

/* An empty set; NULL when there is no memory. */
struct gn_registry_set *gn_registry_set_new(void);
void gn_registry_set_free(struct gn_registry_set *set);

/* Loads one registry from its JSON text (any MessageRegistry schema version, or gzip of it). name
 * stands for it in messages. A registry of the same prefix and version replaces the earlier one. On
 * an error the set is unchanged and *reason (may be NULL) says in one line what is wrong, static or
 * inside the set. GN_EUNSUPPORTED: JSON, but no MessageRegistry (attribute and privilege
 * registries, MessageRegistryFile): to be skipped silently. GN_EPARSE, GN_ELIMIT, GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_registry_set_load(struct gn_registry_set *set, struct gn_str text,
                                               const char *name, const char **reason);

struct gn_registry_report {
    uint32_t loaded;  /* registries */
    uint32_t skipped; /* files that are no message registries */
    uint32_t failed;  /* files that could not be used; each gave one warning in the log */
};

/* Loads all *.json and *.json.gz of folder and its sub-folders (two levels), in byte order of their
 * names. Blocks. A broken file is logged (registry.bad file= reason=) and counted, the rest is
 * loaded. GN_ENOTFOUND: no such folder. GN_EIO: it cannot be read. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_registry_set_load_folder(struct gn_registry_set *set,
                                                      const char *folder,
                                                      struct gn_registry_report *report);

/* Finishes loading: builds the indices. Call it once after the last load, before the first find.
 * GN_ENOMEM: the set is as before and may be sealed again. */
GN_MUST_CHECK enum gn_err gn_registry_set_seal(struct gn_registry_set *set);

/* Looks message_id (plain text, any form) up. *message is filled unless GN_MATCH_NONE. Registry
 * names and keys are compared in their case first, then without. A message that is ReplacedBy
 * another and has no text is followed once. */
enum gn_registry_match gn_registry_find(const struct gn_registry_set *set, struct gn_str message_id,
                                        struct gn_message *message);

/* Figures: registries, messages, bytes held. */
struct gn_registry_stats {
    uint32_t registries, messages;
    size_t bytes;
};
struct gn_registry_stats gn_registry_set_stats(const struct gn_registry_set *set);

/* Calls fn for every registry of the set, in order of loading. name is what it was loaded from. */
typedef void (*gn_registry_each_fn)(void *ctx, struct gn_str prefix, uint16_t major, uint16_t minor,
                                    struct gn_str name, uint32_t messages);
void gn_registry_set_each(const struct gn_registry_set *set, gn_registry_each_fn fn, void *ctx);

#endif
