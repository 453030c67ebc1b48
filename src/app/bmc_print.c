/* Whether files are others than before: a number of what stat() says of each, links followed, so
 * that the swapped links of a mounted Secret count as a change. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bmc_inventory_priv.h"
#include "gurnard/base/file.h"
#include "gurnard/base/text.h"

static uint64_t add_file(uint64_t print, const char *path)
{
    struct stat st;
    uint64_t facts[9] = {print};

    if (stat(path, &st) == 0) {
        facts[1] = st.st_dev;
        facts[2] = st.st_ino;
        facts[3] = (uint64_t)st.st_size;
        facts[4] = (uint64_t)st.st_mtim.tv_sec;
        facts[5] = (uint64_t)st.st_mtim.tv_nsec;
        facts[6] = (uint64_t)st.st_ctim.tv_sec; /* a file that was given an old time is seen, too */
        facts[7] = (uint64_t)st.st_ctim.tv_nsec;
    } else {
        facts[8] = (uint64_t)errno;
    }
    return gn_text_hash((struct gn_str){(const char *)facts, sizeof facts});
}

static uint64_t add_text(uint64_t print, const char *text)
{
    return print * 31 + gn_text_hash(gn_str_of(text));
}

struct printing {
    const char *folder;
    uint64_t print;
};

static enum gn_err on_entry(void *ctx, const char *name)
{
    struct printing *printing = ctx;
    char path[INVENTORY_PATH_MAX];

    if (!gn_inventory_is_list_file(name))
        return GN_OK;
    printing->print = add_text(printing->print, name);
    if (snprintf(path, sizeof path, "%s/%s", printing->folder, name) < (int)sizeof path)
        printing->print = add_file(printing->print, path);
    return GN_OK;
}

uint64_t gn_inventory_print_sources(const struct gn_settings *settings)
{
    struct printing printing = {.folder = settings->bmc_folder};
    char path[INVENTORY_PATH_MAX];
    enum gn_err err = GN_OK;

    if (gn_inventory_api_path(settings, path))
        printing.print = add_file(0, path);
    if (printing.folder[0] != '\0')
        err = gn_file_each(printing.folder, on_entry, &printing);
    return printing.print + (uint64_t)err; /* a folder that comes or goes is a change */
}

uint64_t gn_inventory_print_credentials(const struct gn_bmc_list *list)
{
    uint64_t print = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct gn_bmc_spec *spec = &list->items[i];
        const char *const paths[] = {spec->username_file, spec->password_file, spec->headers_file};

        for (size_t j = 0; j < GN_LEN(paths); j++)
            if (paths[j] != NULL)
                print = add_file(print, paths[j]);
    }
    return print;
}
