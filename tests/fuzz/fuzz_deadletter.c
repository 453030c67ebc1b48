/* fuzz folder: store   payloads of a damaged journal of dead letters: the first byte tells a letter
 * from a FORGET. What is accepted packs to the same again; forgetting never takes what is not
 * named. */
#include <stdint.h>
#include <stdlib.h>

#include "deadletter_priv.h"
#include "gurnard/base/assert.h"

#define LETTERS 200U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_letter(struct gn_str payload)
{
    struct gn_packed_event packed;
    struct gn_deadletter letter;
    struct gn_buf again = GN_BUF_INIT;
    enum gn_err err = gn_letter_unpack(payload, &letter, &packed);

    GN_ASSERT(err == GN_OK || err == GN_EPARSE);
    if (err != GN_OK || gn_event_unpack(&packed, &letter.event) != GN_OK)
        return;
    gn_letter_pack(&letter, &again);
    GN_ASSERT(gn_buf_err(&again) == GN_OK && again.len <= payload.len);
    if (letter.answer.len <= GN_DEADLETTER_ANSWER_MAX)
        GN_ASSERT(gn_str_eq(gn_buf_str(&again), (struct gn_str){payload.p, again.len}));
    gn_buf_free(&again);
    gn_event_unref(letter.event);
}

/* Whether the row is in order, and holds what gn_letter_index_find() finds. */
static void check_index(const struct gn_letter_index *index)
{
    size_t found = 0;

    for (uint64_t number = 0; number <= LETTERS; number++)
        if (gn_letter_index_find(index, number) != NULL)
            found++;
    GN_ASSERT(found == index->end - index->first);
}

static void check_forget(struct gn_str payload)
{
    struct gn_letter_index index = {0};

    for (uint64_t number = 1; number <= LETTERS; number++) {
        struct gn_letter *letter = gn_letter_new(GN_STR("s"));

        GN_ASSERT(letter != NULL && gn_letter_index_reserve(&index) == GN_OK);
        letter->number = number;
        gn_letter_index_add(&index, letter);
    }
    if (gn_letter_unpack_forget(payload, &index) == GN_OK)
        GN_ASSERT(index.end - index.first + payload.len >= 2);
    check_index(&index);
    gn_letter_index_fini(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        check_letter((struct gn_str){(const char *)data + 1, size - 1});
    else
        check_forget((struct gn_str){(const char *)data + 1, size - 1});
    return 0;
}
