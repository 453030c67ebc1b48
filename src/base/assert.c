/* The end of a process whose own invariant is broken. Does not use the log module, which may be the
 * one that is broken. */
#include "gurnard/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void gn_assert_failed(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "assert.failed file=%s line=%d condition=\"%s\"\n", file, line,
                  condition);
    (void)fflush(stderr);
    abort();
}
