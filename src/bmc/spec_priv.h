/* What the parts of spec share: the words and the texts of an entry. */
#ifndef GURNARD_BMC_SPEC_PRIV_H
#define GURNARD_BMC_SPEC_PRIV_H

#include "gurnard/bmc/spec.h"

/* The words of an enumeration, in its order. */
struct spec_words {
    const char *const *items;
    size_t count;
};

extern const struct spec_words gn_spec_tls_words, gn_spec_auth_words, gn_spec_way_words,
    gn_spec_recover_words, gn_spec_policy_words;

/* The word that text is in any case; its number in *value. */
bool gn_spec_word_find(const struct spec_words *words, struct gn_str text, unsigned *value);

/* Reads 32 bytes from pairs of hexadecimal digits, with or without colons between them. */
bool gn_spec_pin_read(const char *text, uint8_t pin[32]);

/* Whether text consists of what a name may. */
bool gn_spec_is_name(struct gn_str text);

/* A member of an entry that is a text or a list of texts. */
struct spec_text {
    const char *name;
    size_t offset;    /* of char * or struct gn_bmc_texts in struct gn_bmc_spec */
    size_t max_bytes; /* of a text */
};

#define SPEC_TEXTS 8
#define SPEC_LISTS 5
extern const struct spec_text gn_spec_texts[SPEC_TEXTS];
extern const struct spec_text gn_spec_lists[SPEC_LISTS];

/* A member of an entry that is a word. */
struct spec_word {
    const char *name;
    const struct spec_words *words;
    size_t offset;         /* of the enumeration in struct gn_bmc_spec */
    size_t default_offset; /* and in struct gn_bmc_defaults */
};

/* A member of an entry that is a boolean. */
struct spec_flag {
    const char *name;
    size_t offset, default_offset; /* of the bool */
};

#define SPEC_WORDS 5 /* with tls, which comes first and has more forms */
#define SPEC_FLAGS 4
extern const struct spec_word gn_spec_words[SPEC_WORDS];
extern const struct spec_flag gn_spec_flags[SPEC_FLAGS];

static inline char **gn_spec_text_at(const struct gn_bmc_spec *spec, const struct spec_text *row)
{
    return (char **)(void *)((uintptr_t)spec + row->offset);
}

static inline struct gn_bmc_texts *gn_spec_list_at(const struct gn_bmc_spec *spec,
                                                   const struct spec_text *row)
{
    return (struct gn_bmc_texts *)(void *)((uintptr_t)spec + row->offset);
}

#endif
