/* The index of dead letters: an array of pointers in order of number. Letters come at its end and
 * mostly go from its front, so that both are cheap; one from the middle costs a move of the shorter
 * half. */
#include "deadletter_priv.h"

#include <stdlib.h>
#include <string.h>

#include "gurnard/base/assert.h"

#define SLOTS_MIN 64U

struct gn_letter *gn_letter_new(struct gn_str subscription)
{
    struct gn_letter *letter = calloc(1, sizeof *letter + subscription.len + 1);

    if (letter != NULL && subscription.len > 0)
        memcpy(letter->subscription, subscription.p, subscription.len);
    return letter;
}

static size_t count_of(const struct gn_letter_index *index)
{
    return index->end - index->first;
}

/* Closes the gap before first. */
static void move_down(struct gn_letter_index *index)
{
    const size_t count = count_of(index);

    memmove(index->slots, index->slots + index->first, count * sizeof(struct gn_letter *));
    index->first = 0;
    index->end = count;
}

enum gn_err gn_letter_index_reserve(struct gn_letter_index *index)
{
    const size_t cap = index->cap == 0 ? SLOTS_MIN : index->cap * 2;
    struct gn_letter **slots;

    if (index->end < index->cap)
        return GN_OK;
    if (index->first > 0 && index->first >= index->cap / 2) {
        move_down(index);
        return GN_OK;
    }
    slots = reallocarray(index->slots, cap, sizeof(struct gn_letter *));
    if (slots == NULL)
        return GN_ENOMEM;
    index->slots = slots;
    index->cap = cap;
    return GN_OK;
}

void gn_letter_index_add(struct gn_letter_index *index, struct gn_letter *letter)
{
    GN_ASSERT(index->end < index->cap);
    GN_ASSERT(count_of(index) == 0 || index->slots[index->end - 1]->number < letter->number);
    index->slots[index->end++] = letter;
}

size_t gn_letter_index_place(const struct gn_letter_index *index, uint64_t number)
{
    size_t low = index->first;
    size_t high = index->end;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (index->slots[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct gn_letter *gn_letter_index_find(const struct gn_letter_index *index, uint64_t number)
{
    const size_t place = gn_letter_index_place(index, number);

    if (place == index->end || index->slots[place]->number != number)
        return NULL;
    return index->slots[place];
}

struct gn_letter *gn_letter_index_take(struct gn_letter_index *index, uint64_t number)
{
    const size_t place = gn_letter_index_place(index, number);
    struct gn_letter **slot = index->slots + place;
    struct gn_letter *letter;

    if (place == index->end || (*slot)->number != number)
        return NULL;
    letter = *slot;
    if (place - index->first < index->end - place) {
        memmove(index->slots + index->first + 1, index->slots + index->first,
                (place - index->first) * sizeof(struct gn_letter *));
        index->first++;
    } else {
        memmove(slot, slot + 1, (index->end - place - 1) * sizeof(struct gn_letter *));
        index->end--;
    }
    return letter;
}

uint64_t gn_letter_index_take_all(struct gn_letter_index *index, struct gn_str subscription,
                                  struct gn_letters *list)
{
    const size_t before = count_of(index);
    size_t end = index->first;

    for (size_t i = index->first; i < index->end; i++) {
        struct gn_letter *letter = index->slots[i];

        if (gn_str_eq(gn_str_of(letter->subscription), subscription))
            STAILQ_INSERT_TAIL(list, letter, link);
        else
            index->slots[end++] = letter;
    }
    index->end = end;
    return before - count_of(index);
}

uint64_t gn_letter_index_drop_below(struct gn_letter_index *index, uint64_t number)
{
    const size_t before = count_of(index);

    while (index->first < index->end && index->slots[index->first]->number < number)
        free(index->slots[index->first++]);
    return before - count_of(index);
}

void gn_letter_index_fini(struct gn_letter_index *index)
{
    (void)gn_letter_index_drop_below(index, UINT64_MAX); /* how many does not matter now */
    free(index->slots);
    *index = (struct gn_letter_index){0};
}
