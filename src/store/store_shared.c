/* Small things that the records of store/pubsub and the clients of store/clients both need. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/log.h"
#include "gurnard/base/text.h"

#include "store_priv.h"

bool gn_store_is_clean(struct gn_str s)
{
    return gn_text_is_utf8(s) && (s.len == 0 || memchr(s.p, '\0', s.len) == NULL);
}

char *gn_store_put_text(char **at, struct gn_str s)
{
    char *text = *at;

    if (s.len > 0)
        memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    *at += s.len + 1;
    return text;
}

char *gn_store_join_path(const char *folder, const char *name)
{
    struct gn_buf path = GN_BUF_INIT;

    gn_buf_printf(&path, "%s/%s", folder, name);
    return gn_buf_take(&path);
}

enum gn_err gn_store_put_aside(const char *path, enum gn_err why)
{
    struct gn_buf aside = GN_BUF_INIT;
    enum gn_err err;

    gn_buf_printf(&aside, "%s.bad", path);
    err = gn_buf_err(&aside);
    if (err == GN_OK && rename(path, aside.data) != 0)
        err = GN_EIO;
    if (err == GN_OK)
        gn_log_error("store.file_bad file=%s reason=%s kept_as=%s", path, gn_err_text(why),
                     aside.data);
    gn_buf_free(&aside);
    return err;
}

const char *gn_store_insert_problem(enum gn_err err)
{
    switch ((int)err) {
    case GN_OK:
        return NULL;
    case GN_EEXIST:
        return "id seen before";
    case GN_ELIMIT:
        return "too many or too long";
    default:
        return "odd characters";
    }
}

bool gn_store_waiters_add(struct gn_store_waiters *waiters,
                          void (*done)(void *ctx, enum gn_err err), void *ctx)
{
    struct gn_store_waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter == NULL)
        return false;
    waiter->done = done;
    waiter->ctx = ctx;
    STAILQ_INSERT_TAIL(waiters, waiter, link);
    return true;
}

void gn_store_waiters_tell(struct gn_store_waiters *waiters, enum gn_err result)
{
    struct gn_store_waiter *waiter;

    while ((waiter = STAILQ_FIRST(waiters)) != NULL) {
        const struct gn_store_waiter told = *waiter;

        STAILQ_REMOVE_HEAD(waiters, link);
        free(waiter);
        told.done(told.ctx, result);
    }
}
