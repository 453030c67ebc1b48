/* Random bytes of the kernel. */
#include "random_priv.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "gurnard/base/assert.h"

void gn_random_fill(void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        /* Without flags the call has no other failure on a kernel that knows it (3.17). */
        GN_ASSERT(got > 0);
        at += got;
        len -= (size_t)got;
    }
}
