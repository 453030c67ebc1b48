/* Filters as a small tree: leaves compare one attribute, inner nodes join what their children say.
 * Exact, prefix and suffix with several attributes are an "all" of leaves. */
#include "gurnard/ce/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/text.h"

#define PATH_MAX_BYTES 192 /* `filters[255].any[255]...`, cut when a hostile one is longer */
#define QUOTE_MAX      40  /* bytes of a name that an error repeats */

enum dialect {
    DIALECT_EXACT,
    DIALECT_PREFIX,
    DIALECT_SUFFIX,
    DIALECT_ALL,
    DIALECT_ANY,
    DIALECT_NOT
};

static const char *const dialect_names[] = {"exact", "prefix", "suffix", "all", "any", "not"};

struct gn_filter {
    enum dialect dialect;
    char *name, *value; /* of a leaf; the name in lower case */
    size_t name_len, value_len;
    struct gn_filter *children; /* of an inner node */
    size_t count;
};

/* Reading, and where it stands. */
struct reader {
    char *error;
    char path[PATH_MAX_BYTES];
    size_t path_len;
    size_t nodes;
    unsigned depth;
};

/* ---- errors ---- */

/* Adds to the path; the caller puts path_len back when it leaves. */
GN_PRINTF(2, 3) static void enter(struct reader *rd, const char *format, ...)
{
    const size_t room = sizeof rd->path - rd->path_len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(rd->path + rd->path_len, room, format, args);
    va_end(args);
    if (len > 0)
        rd->path_len += (size_t)len < room ? (size_t)len : room - 1;
}

static void leave(struct reader *rd, size_t path_len)
{
    rd->path_len = path_len;
    rd->path[path_len] = '\0';
}

/* How much of a text from outside an error may repeat. */
static int quote_len(const char *text)
{
    return (int)gn_text_clip(gn_str_of(text), QUOTE_MAX).len;
}

static enum gn_err refuse(const struct reader *rd, enum gn_err err, const char *what)
{
    (void)snprintf(rd->error, GN_FILTER_ERROR_MAX, "%s: %s", rd->path, what);
    return err;
}

/* ---- reading ---- */

static enum gn_err read_filter(struct reader *rd, json_t *object, struct gn_filter *node);

static enum gn_err count_nodes(struct reader *rd, size_t count)
{
    rd->nodes += count;
    return rd->nodes <= GN_FILTER_NODES_MAX ? GN_OK
                                            : refuse(rd, GN_ELIMIT, "too many filters in all");
}

static enum gn_err add_children(struct reader *rd, struct gn_filter *node, size_t count)
{
    enum gn_err err = count_nodes(rd, count);

    if (err != GN_OK)
        return err;
    node->children = calloc(count, sizeof *node->children);
    if (node->children == NULL)
        return GN_ENOMEM;
    node->count = count;
    return GN_OK;
}

static void to_lower(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
    }
}

static enum gn_err read_leaf(struct reader *rd, const char *name, const json_t *value,
                             struct gn_filter *leaf)
{
    const struct gn_str text = {json_string_value(value), json_string_length(value)};
    const size_t path_len = rd->path_len;
    const size_t name_len = strlen(name);

    enter(rd, ".%.*s", quote_len(name), name);
    if (name_len == 0)
        return refuse(rd, GN_EINVAL, "the attribute's name is empty");
    if (text.p == NULL || text.len == 0)
        return refuse(rd, GN_EINVAL, "must be a text that is not empty");
    if (name_len > GN_FILTER_TEXT_MAX || text.len > GN_FILTER_TEXT_MAX)
        return refuse(rd, GN_ELIMIT, "too long");
    leaf->name = gn_str_dup((struct gn_str){name, name_len});
    leaf->value = gn_str_dup(text);
    if (leaf->name == NULL || leaf->value == NULL)
        return GN_ENOMEM;
    to_lower(leaf->name);
    leaf->name_len = name_len;
    leaf->value_len = text.len;
    leave(rd, path_len);
    return GN_OK;
}

/* The attributes of an exact, prefix or suffix; all must hold. */
static enum gn_err read_leaves(struct reader *rd, enum dialect dialect, json_t *attributes,
                               struct gn_filter *node)
{
    const size_t count = json_object_size(attributes);
    struct gn_filter *leaf = node;
    const char *name;
    json_t *value;
    enum gn_err err = GN_OK;

    if (count == 0)
        return refuse(rd, GN_EINVAL, "must be an object with an attribute");
    if (count > 1) {
        node->dialect = DIALECT_ALL;
        err = add_children(rd, node, count);
        leaf = node->children;
    }
    if (err != GN_OK)
        return err;
    json_object_foreach (attributes, name, value) {
        leaf->dialect = dialect;
        err = read_leaf(rd, name, value, leaf++);
        if (err != GN_OK)
            return err;
    }
    return GN_OK;
}

/* The elements of an all, an any, or of the array at the top. */
static enum gn_err read_list(struct reader *rd, const json_t *array, struct gn_filter *node)
{
    const size_t count = json_array_size(array);
    const size_t path_len = rd->path_len;
    enum gn_err err;

    if (count == 0)
        return refuse(rd, GN_EINVAL, "must be an array with a filter");
    err = add_children(rd, node, count);
    for (size_t i = 0; i < count && err == GN_OK; i++) {
        enter(rd, "[%zu]", i);
        err = read_filter(rd, json_array_get(array, i), &node->children[i]);
        if (err == GN_OK)
            leave(rd, path_len);
    }
    return err;
}

static enum gn_err read_not(struct reader *rd, json_t *value, struct gn_filter *node)
{
    enum gn_err err = add_children(rd, node, 1);

    return err == GN_OK ? read_filter(rd, value, node->children) : err;
}

static enum gn_err read_dialect(struct reader *rd, const char *name, json_t *value,
                                struct gn_filter *node)
{
    size_t at = 0;

    while (at < GN_LEN(dialect_names) && strcmp(name, dialect_names[at]) != 0)
        at++;
    if (at == GN_LEN(dialect_names)) {
        (void)snprintf(rd->error, GN_FILTER_ERROR_MAX, "%s: unknown dialect \"%.*s\"", rd->path,
                       quote_len(name), name);
        return GN_EUNSUPPORTED;
    }
    node->dialect = (enum dialect)at;
    enter(rd, ".%s", name);
    switch (node->dialect) {
    case DIALECT_ALL:
    case DIALECT_ANY:
        return read_list(rd, value, node);
    case DIALECT_NOT:
        return read_not(rd, value, node);
    case DIALECT_EXACT:
    case DIALECT_PREFIX:
    case DIALECT_SUFFIX:
        break;
    }
    return read_leaves(rd, node->dialect, value, node);
}

static enum gn_err read_filter(struct reader *rd, json_t *object, struct gn_filter *node)
{
    void *only = json_object_iter(object); /* NULL also for what is no object */
    enum gn_err err;

    if (only == NULL)
        return refuse(rd, GN_EINVAL, "must be an object with a dialect");
    if (json_object_size(object) > 1)
        return refuse(rd, GN_EINVAL, "has more than one dialect");
    if (rd->depth == GN_FILTER_DEPTH_MAX)
        return refuse(rd, GN_ELIMIT, "too many filters inside each other");
    rd->depth++;
    err = read_dialect(rd, json_object_iter_key(only), json_object_iter_value(only), node);
    rd->depth--;
    return err;
}

static void free_node(struct gn_filter *node)
{
    for (size_t i = 0; i < node->count; i++)
        free_node(&node->children[i]);
    free(node->children);
    free(node->name);
    free(node->value);
}

void gn_filter_free(struct gn_filter *filter)
{
    if (filter == NULL)
        return;
    free_node(filter);
    free(filter);
}

enum gn_err gn_filter_parse(const json_t *filters, struct gn_filter **filter,
                            char error[GN_FILTER_ERROR_MAX])
{
    struct reader rd = {.error = error};
    struct gn_filter *root;
    enum gn_err err;

    *filter = NULL;
    error[0] = '\0';
    enter(&rd, "filters");
    if (!json_is_array(filters))
        return refuse(&rd, GN_EINVAL, "must be an array");
    if (json_array_size(filters) == 0)
        return GN_OK;
    root = calloc(1, sizeof *root);
    if (root == NULL)
        return GN_ENOMEM;
    root->dialect = DIALECT_ALL;
    err = read_list(&rd, filters, root);
    if (err == GN_OK)
        *filter = root;
    else
        gn_filter_free(root);
    return err;
}

/* ---- asking ---- */

static bool leaf_passes(const struct gn_filter *leaf, struct gn_str got)
{
    const struct gn_str want = {leaf->value, leaf->value_len};

    if (got.p == NULL)
        return false;
    if (leaf->dialect == DIALECT_EXACT)
        return gn_str_eq(got, want);
    return leaf->dialect == DIALECT_PREFIX ? gn_str_has_prefix(got, want)
                                           : gn_str_has_suffix(got, want);
}

/* Whether any child says what is looked for. */
static bool has_child(const struct gn_filter *node, bool passes, gn_filter_get_fn get,
                      const void *ctx)
{
    for (size_t i = 0; i < node->count; i++) {
        if (gn_filter_passes(&node->children[i], get, ctx) == passes)
            return true;
    }
    return false;
}

bool gn_filter_passes(const struct gn_filter *filter, gn_filter_get_fn get, const void *ctx)
{
    if (filter == NULL)
        return true;
    switch (filter->dialect) {
    case DIALECT_ALL:
        return !has_child(filter, false, get, ctx);
    case DIALECT_ANY:
        return has_child(filter, true, get, ctx);
    case DIALECT_NOT:
        return has_child(filter, false, get, ctx);
    case DIALECT_EXACT:
    case DIALECT_PREFIX:
    case DIALECT_SUFFIX:
        break;
    }
    return leaf_passes(filter, get(ctx, (struct gn_str){filter->name, filter->name_len}));
}
