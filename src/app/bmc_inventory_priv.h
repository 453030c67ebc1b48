/* The parts of the inventory. All but bmc_inventory.c runs on the helper thread. */
#ifndef GURNARD_APP_BMC_INVENTORY_PRIV_H
#define GURNARD_APP_BMC_INVENTORY_PRIV_H

#include "gurnard/app/bmc_inventory.h"

/* What one reading found. */
struct inventory_view {
    struct gn_bmc_list list;
    struct gn_bmc_credentials *credentials; /* owned, one for each of list */
};

void gn_inventory_view_free(struct inventory_view *view);
bool gn_inventory_view_eq(const struct inventory_view *a, const struct inventory_view *b);

/* The sources as they could last be read; kept from reading to reading. */
struct inventory_sources {
    const struct gn_settings *settings;
    struct gn_bmc_list folder, api;
    bool has_folder, has_api; /* they could be read once */
    size_t wrong;             /* entries and files passed over */
};

/* Room for <store>/bmcs.json. false: the path is too long. */
#define INVENTORY_PATH_MAX 4096
bool gn_inventory_api_path(const struct gn_settings *settings, char path[INVENTORY_PATH_MAX]);

/* Reads all sources into list, settled. GN_ENOMEM, GN_ELIMIT. */
GN_MUST_CHECK enum gn_err gn_inventory_read_sources(struct inventory_sources *sources,
                                                    struct gn_bmc_list *list);
void gn_inventory_sources_free(struct inventory_sources *sources);

/* Reads the files of all of view's list. GN_ENOMEM. */
GN_MUST_CHECK enum gn_err gn_inventory_read_credentials(const struct gn_settings *settings,
                                                        struct inventory_view *view);
void gn_inventory_credentials_free(struct gn_bmc_credentials *credentials);
bool gn_inventory_credentials_eq(const struct gn_bmc_credentials *a,
                                 const struct gn_bmc_credentials *b);

/* A number that differs when one of the files does: of the sources, of the list's credentials. */
uint64_t gn_inventory_print_sources(const struct gn_settings *settings);
uint64_t gn_inventory_print_credentials(const struct gn_bmc_list *list);

/* Whether a file of the folder is one with BMCs. */
bool gn_inventory_is_list_file(const char *name);

/* Changes <store>/bmcs.json. entry: absent for GN_BMC_REMOVE. Errors as of gn_bmc_edited_fn. */
GN_MUST_CHECK enum gn_err gn_inventory_edit_file(const struct gn_settings *settings,
                                                 enum gn_bmc_edit edit, const char *name,
                                                 const json_t *entry);

#endif
