/* Reading one dead letter: its number is its place in the journal, so a reader that begins there
 * finds it in the first blocks, or never. A letter that is not durable yet is waited for. */
#include "deadletter_priv.h"

#include <stdlib.h>

#include "gurnard/base/assert.h"

#define READ_BYTES ((size_t)256 << 10)

struct gn_letter_get {
    struct gn_deadletters *letters;
    uint64_t number;
    gn_deadletter_fn done;
    void *ctx;
    struct gn_journal_reader *reader; /* owned */
    struct gn_journal_wait wait;
    LIST_ENTRY(gn_letter_get) link;
};

/* Calls back and frees get. */
static void finish(struct gn_letter_get *get, enum gn_err err, const struct gn_deadletter *letter)
{
    GN_ASSERT((err == GN_OK) == (letter != NULL));
    LIST_REMOVE(get, link);
    get->done(get->ctx, err, letter);
    gn_journal_reader_free(get->reader);
    free(get);
}

/* Ends get with the letter that stands in payload. */
static void give(struct gn_letter_get *get, struct gn_str payload)
{
    struct gn_deadletter letter;
    struct gn_packed_event packed;
    enum gn_err err = gn_letter_unpack(payload, &letter, &packed);

    if (err == GN_OK)
        err = gn_event_unpack(&packed, &letter.event);
    if (err != GN_OK) {
        finish(get, err, NULL);
        return;
    }
    letter.number = get->number;
    finish(get, GN_OK, &letter);
    gn_event_unref(letter.event);
}

/* The letter's record among frames. */
static bool find_record(struct gn_str frames, uint64_t number, struct gn_record *record)
{
    while (gn_frame_next(&frames, record))
        if (record->type == GN_RECORD_LETTER && record->count == 1 && record->sequence == number)
            return true;
    return false;
}

static void on_read(void *ctx, const struct gn_journal_block *block);

/* In memory all is durable, but the first read only has it made readable. */
static void read_later(struct gn_letter_get *get)
{
    struct gn_journal_status status;

    gn_journal_status(get->letters->journal, &status);
    if (status.is_failing)
        finish(get, GN_EIO, NULL);
    else
        gn_journal_read(get->reader, READ_BYTES, on_read, get);
}

static void on_read(void *ctx, const struct gn_journal_block *block)
{
    struct gn_letter_get *get = ctx;
    const struct gn_journal *journal = get->letters->journal;
    struct gn_record record;

    if (block->err != GN_OK) {
        finish(get, block->err, NULL);
        return;
    }
    if (find_record(block->frames, get->number, &record)) {
        give(get, record.payload);
        return;
    }
    if (block->next <= get->number && !block->is_end) {
        gn_journal_read(get->reader, READ_BYTES, on_read, get);
        return;
    }
    if (get->number >= gn_journal_durable_next(journal)) {
        read_later(get);
        return;
    }
    /* Still known, but not where it was: damaged. */
    gn_deadletters_reap(get->letters);
    finish(get,
           gn_letter_index_find(&get->letters->index, get->number) != NULL ? GN_EPARSE
                                                                           : GN_ENOTFOUND,
           NULL);
}

static void on_written(void *ctx, enum gn_err err)
{
    struct gn_letter_get *get = ctx;

    if (err == GN_OK)
        gn_journal_read(get->reader, READ_BYTES, on_read, get);
    else
        finish(get, err == GN_ECANCELED ? err : GN_EIO, NULL);
}

enum gn_err gn_deadletters_get(struct gn_deadletters *letters, uint64_t number,
                               gn_deadletter_fn done, void *ctx)
{
    struct gn_journal *journal = letters->journal;
    struct gn_letter_get *get;

    gn_deadletters_reap(letters);
    if (gn_letter_index_find(&letters->index, number) == NULL)
        return GN_ENOTFOUND;
    get = calloc(1, sizeof *get);
    if (get == NULL)
        return GN_ENOMEM;
    get->reader = gn_journal_reader_new(journal, number);
    if (get->reader == NULL) {
        free(get);
        return GN_ENOMEM;
    }
    get->letters = letters;
    get->number = number;
    get->done = done;
    get->ctx = ctx;
    LIST_INSERT_HEAD(&letters->gets, get, link);
    if (number < gn_journal_durable_next(journal) || gn_journal_is_durable(journal))
        gn_journal_read(get->reader, READ_BYTES, on_read, get);
    else
        gn_journal_wait(journal, &get->wait, on_written, get);
    return GN_OK;
}

void gn_deadletters_cancel_gets(struct gn_deadletters *letters)
{
    struct gn_letter_get *get;

    while ((get = LIST_FIRST(&letters->gets)) != NULL) {
        gn_journal_wait_cancel(letters->journal, &get->wait);
        gn_journal_reader_free(get->reader);
        get->reader = NULL;
        finish(get, GN_ECANCELED, NULL);
    }
}
