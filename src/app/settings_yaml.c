/* Settings from a YAML file: two levels of mappings, scalars, lists of scalars, and trees of
 * any shape where a row asks for one. Everything that is wrong is told with its line and column. */
#include <string.h>
#include <yaml.h>

#include "gurnard/app/settings.h"
#include "settings_priv.h"
#include "tree_priv.h"

/* One reading of a file. */
struct reading {
    struct gn_settings *settings;
    yaml_document_t *document;
    const char *name;
    gn_settings_complain_fn complain;
    void *ctx;
    bool seen[SETTING_COUNT];   /* by row */
    bool opened[SETTING_COUNT]; /* sections, by the row they begin with */
    enum gn_err err;
};

/* Tells about what stands at mark (counted from 0) and remembers that something was wrong. */
static void tell(struct reading *reading, yaml_mark_t mark, const char *what)
{
    char where[1024];

    (void)snprintf(where, sizeof where, "%s:%zu:%zu", reading->name, mark.line + 1,
                   mark.column + 1);
    reading->complain(reading->ctx, where, what);
    if (reading->err == GN_OK)
        reading->err = GN_EINVAL;
}

static void tell_fault(struct reading *reading, const struct gn_tree_fault *fault)
{
    tell(reading, (yaml_mark_t){.line = fault->line - 1, .column = fault->column - 1}, fault->what);
}

static struct gn_str scalar(const yaml_node_t *node)
{
    return (struct gn_str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

/* `key:` and `key: ~` are YAML's way to say nothing. */
static bool is_nothing(const yaml_node_t *node)
{
    struct gn_str text = scalar(node);

    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.len == 0 || gn_str_eq(text, GN_STR("~")) || gn_str_eq(text, GN_STR("null")));
}

static bool is_list_entry(const yaml_node_t *entry)
{
    return entry->type == YAML_SCALAR_NODE && entry->data.scalar.length > 0 && !is_nothing(entry) &&
           memchr(entry->data.scalar.value, '\0', entry->data.scalar.length) == NULL;
}

static void set_sequence(struct reading *reading, const struct setting_row *row,
                         const yaml_node_t *node)
{
    struct gn_str items[GN_SETTINGS_LIST_MAX];
    size_t count = 0;
    enum gn_err err;

    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(reading->document, *item);

        if (!is_list_entry(entry) || count == GN_LEN(items)) {
            tell(reading, entry->start_mark,
                 count == GN_LEN(items) ? "too many entries" : "an entry must be a text");
            return;
        }
        items[count++] = scalar(entry);
    }
    err = gn_setting_set_list(reading->settings, row, items, count);
    if (err == GN_ENOMEM)
        reading->err = err;
}

static void set_scalar(struct reading *reading, const struct setting_row *row,
                       const yaml_node_t *node)
{
    struct gn_buf what = gn_buf_with_limit(4096);
    struct gn_str text = is_nothing(node) ? GN_STR("") : scalar(node);
    enum gn_err err;

    err = gn_setting_set(reading->settings, row, text, &what);
    if (err == GN_ENOMEM)
        reading->err = err;
    else if (err != GN_OK)
        tell(reading, node->start_mark, gn_buf_err(&what) == GN_OK ? what.data : "bad value");
    gn_buf_free(&what);
}

/* Nothing at all is the default, as elsewhere. */
static void set_tree(struct reading *reading, const struct setting_row *row,
                     const yaml_node_t *node)
{
    struct gn_buf json = gn_buf_with_limit(GN_SETTINGS_TREE_MAX);
    struct gn_tree_fault fault;
    enum gn_err err;

    err = gn_tree_add_node(reading->document, node, GN_SETTINGS_TREE_DEPTH, &json, &fault);
    if (err == GN_OK)
        err = gn_setting_set_tree(reading->settings, row, gn_buf_str(&json));
    if (err == GN_EINVAL)
        tell_fault(reading, &fault);
    else if (err != GN_OK)
        reading->err = err;
    gn_buf_free(&json);
}

static void set_row(struct reading *reading, const struct setting_row *row, const yaml_node_t *key,
                    const yaml_node_t *value)
{
    size_t index = (size_t)(row - gn_setting_rows);

    if (reading->seen[index]) {
        tell(reading, key->start_mark, "given twice");
        return;
    }
    reading->seen[index] = true;
    if (row->kind == SETTING_TREE)
        set_tree(reading, row, value);
    else if (value->type == YAML_SCALAR_NODE)
        set_scalar(reading, row, value);
    else if (value->type == YAML_SEQUENCE_NODE && row->kind == SETTING_LIST)
        set_sequence(reading, row, value);
    else
        tell(reading, value->start_mark,
             row->kind == SETTING_LIST ? "must be a list of texts" : "must be a single value");
}

/* The index of the first row below path, or the number of rows: path is no section. */
static size_t section_start(struct gn_str path)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct gn_str row = gn_str_of(gn_setting_rows[i].path);

        if (row.len > path.len && row.p[path.len] == '.' && gn_str_has_prefix(row, path))
            return i;
    }
    return SETTING_COUNT;
}

static void tell_unknown(struct reading *reading, const yaml_node_t *key, struct gn_str path)
{
    struct gn_buf what = gn_buf_with_limit(4096);

    gn_buf_printf(&what, "unknown setting %.*s", (int)path.len, path.p);
    gn_setting_suggest(path, &what);
    tell(reading, key->start_mark,
         gn_buf_err(&what) == GN_OK ? what.data : "unknown setting with a very long name");
    gn_buf_free(&what);
}

static void read_mapping(struct reading *reading, const yaml_node_t *node, struct gn_str prefix);

/* A section that came twice would be read twice: with aliases, work that grows as a square. */
static void read_section(struct reading *reading, size_t start, const yaml_node_t *key,
                         const yaml_node_t *value, struct gn_str path)
{
    bool is_again = reading->opened[start];

    reading->opened[start] = true;
    if (is_again)
        tell(reading, key->start_mark, "given twice");
    else if (value->type == YAML_MAPPING_NODE)
        read_mapping(reading, value, path);
    else if (value->type != YAML_SCALAR_NODE || !is_nothing(value))
        tell(reading, value->start_mark, "must hold settings, one a line, indented");
}

static void read_pair(struct reading *reading, const yaml_node_t *key, const yaml_node_t *value,
                      struct gn_str prefix)
{
    struct gn_buf path = gn_buf_with_limit(GN_SETTINGS_FILE_MAX + 128);
    const struct setting_row *row;
    size_t start;

    if (key->type != YAML_SCALAR_NODE) {
        tell(reading, key->start_mark, "a setting's name must be a text");
        return;
    }
    gn_buf_add_str(&path, prefix);
    if (prefix.len > 0)
        gn_buf_putc(&path, '.');
    gn_buf_add_str(&path, scalar(key));
    row = gn_setting_by_path(gn_buf_str(&path));
    start = section_start(gn_buf_str(&path));
    if (gn_buf_err(&path) != GN_OK)
        reading->err = gn_buf_err(&path);
    else if (row != NULL)
        set_row(reading, row, key, value);
    else if (start < SETTING_COUNT)
        read_section(reading, start, key, value, gn_buf_str(&path));
    else
        tell_unknown(reading, key, gn_buf_str(&path));
    gn_buf_free(&path);
}

/* Recursion ends with the depth of the table's paths: deeper mappings are no sections. */
static void read_mapping(struct reading *reading, const yaml_node_t *node, struct gn_str prefix)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        read_pair(reading, yaml_document_get_node(reading->document, pair->key),
                  yaml_document_get_node(reading->document, pair->value), prefix);
}

static void read_document(struct reading *reading)
{
    const yaml_node_t *root = yaml_document_get_root_node(reading->document);

    if (root == NULL || (root->type == YAML_SCALAR_NODE && is_nothing(root)))
        return; /* nothing but comments */
    if (root->type == YAML_MAPPING_NODE)
        read_mapping(reading, root, GN_STR(""));
    else
        tell(reading, root->start_mark, "must begin with a setting, like `webhook:`");
}

static void tell_syntax(struct reading *reading, const yaml_parser_t *parser, struct gn_str text)
{
    struct gn_tree_fault fault;

    if (gn_tree_syntax_fault(parser, text, &fault) == GN_ENOMEM)
        reading->err = GN_ENOMEM;
    else
        tell_fault(reading, &fault);
}

/* Loads one document of the file and reads the first. Returns whether to look for another. */
static bool read_next(struct reading *reading, yaml_parser_t *parser, struct gn_str text,
                      bool is_first)
{
    yaml_document_t document;
    const yaml_node_t *root;

    if (yaml_parser_load(parser, &document) == 0) {
        tell_syntax(reading, parser, text);
        return false;
    }
    reading->document = &document;
    root = yaml_document_get_root_node(&document);
    if (root != NULL && !is_first)
        tell(reading, root->start_mark, "a second document; only one is read");
    else
        read_document(reading);
    yaml_document_delete(&document);
    reading->document = NULL;
    return root != NULL && is_first;
}

enum gn_err gn_settings_yaml(struct gn_settings *settings, struct gn_str text, const char *name,
                             gn_settings_complain_fn complain, void *ctx)
{
    struct reading reading = {.settings = settings, .name = name, .complain = complain, .ctx = ctx};
    yaml_parser_t parser;

    if (yaml_parser_initialize(&parser) == 0)
        return GN_ENOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len > 0 ? text.p : ""),
                                 text.len);
    if (read_next(&reading, &parser, text, true))
        (void)read_next(&reading, &parser, text, false); /* looks only whether there is one */
    yaml_parser_delete(&parser);
    return reading.err;
}
