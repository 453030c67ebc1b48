/* A copy of a BMC's entry in the inventory, with texts of its own. */
#include <stdlib.h>

#include "gurnard/base/str.h"
#include "gurnard/bmc/spec.h"

/* Puts a copy in the place of the borrowed text. false: no memory, and NULL stands there. */
static bool own_text(char **text)
{
    if (*text == NULL)
        return true;
    *text = gn_str_dup(gn_str_of(*text));
    return *text != NULL;
}

static bool own_texts(struct gn_bmc_texts *texts)
{
    const struct gn_bmc_texts from = *texts;

    *texts = (struct gn_bmc_texts){0};
    if (from.count == 0)
        return true;
    texts->items = calloc(from.count, sizeof *texts->items);
    if (texts->items == NULL)
        return false;
    for (; texts->count < from.count; texts->count++) {
        texts->items[texts->count] = gn_str_dup(gn_str_of(from.items[texts->count]));
        if (texts->items[texts->count] == NULL)
            return false;
    }
    return true;
}

enum gn_err gn_bmc_spec_copy(const struct gn_bmc_spec *spec, struct gn_bmc_spec *copy)
{
    char **texts[] = {&copy->name,          &copy->address_text,  &copy->username,
                      &copy->username_file, &copy->password_file, &copy->ca_file,
                      &copy->webhook_url,   &copy->headers_file};
    struct gn_bmc_texts *lists[] = {&copy->registries, &copy->messages, &copy->severities,
                                    &copy->resource_types, &copy->logs};
    bool is_whole = true;

    *copy = *spec;
    for (size_t i = 0; i < GN_LEN(texts); i++) /* all of them: what is left is to be freed */
        is_whole = own_text(texts[i]) && is_whole;
    for (size_t i = 0; i < GN_LEN(lists); i++)
        is_whole = own_texts(lists[i]) && is_whole;
    if (is_whole)
        return GN_OK;
    gn_bmc_spec_free(copy);
    return GN_ENOMEM;
}
