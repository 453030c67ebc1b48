/* Allocation for libraries that do not survive a refusal: libcurl lets transfers hang or crashes,
 * jansson breaks its heap. Where memory is refused these write `memory.exhausted in=LIBRARY
 * bytes=N` to the log and abort; nothing acknowledged is lost by that, and a supervisor starts the
 * process again. Our own code calls malloc() and reports GN_ENOMEM instead; only what has no way to
 * refuse, and asks for little, comes here too: metrics and timers.
 *
 * For any thread. What they return is given back with free(). library: a static name. */
#ifndef GURNARD_BASE_MUST_ALLOC_H
#define GURNARD_BASE_MUST_ALLOC_H

#include <stddef.h>

#include "gurnard/base/defs.h"

/* As malloc(). NULL only when the C library gives that for 0 bytes. */
GN_MUST_CHECK void *gn_must_malloc(const char *library, size_t bytes);

/* As calloc(); a product beyond size_t is refused memory too. */
GN_MUST_CHECK void *gn_must_calloc(const char *library, size_t count, size_t bytes);

/* As realloc(): takes old. NULL only when bytes is 0: old is freed then. */
GN_MUST_CHECK void *gn_must_realloc(const char *library, void *old, size_t bytes);

/* As strdup(). */
GN_MUST_CHECK char *gn_must_strdup(const char *library, const char *text);

/* The end itself, for who was refused bytes by the C library. */
__attribute__((noreturn, cold)) void gn_must_give_up(const char *library, size_t bytes);

#endif
