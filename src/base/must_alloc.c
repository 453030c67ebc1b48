/* The end of a process whose libraries are refused memory. */
#include "gurnard/base/must_alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/log.h"

/* The log puts its line together on the stack: it needs no memory either. */
void gn_must_give_up(const char *library, size_t bytes)
{
    gn_log_error("memory.exhausted in=%s bytes=%zu", library, bytes);
    abort();
}

void *gn_must_malloc(const char *library, size_t bytes)
{
    void *data = malloc(bytes);

    if (data == NULL && bytes > 0)
        gn_must_give_up(library, bytes);
    return data;
}

void *gn_must_calloc(const char *library, size_t count, size_t bytes)
{
    void *data = calloc(count, bytes);
    size_t total;

    if (data != NULL)
        return data;
    if (__builtin_mul_overflow(count, bytes, &total))
        total = SIZE_MAX;
    if (total > 0)
        gn_must_give_up(library, total);
    return NULL;
}

void *gn_must_realloc(const char *library, void *old, size_t bytes)
{
    void *data = realloc(old, bytes);

    if (data == NULL && bytes > 0)
        gn_must_give_up(library, bytes);
    return data;
}

char *gn_must_strdup(const char *library, const char *text)
{
    size_t bytes = strlen(text) + 1;

    return memcpy(gn_must_malloc(library, bytes), text, bytes);
}
