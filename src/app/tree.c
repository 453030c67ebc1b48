/* YAML and JSON into compact JSON. */
#include "gurnard/app/tree.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/json.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/text.h"
#include "tree_priv.h"

#define NUMBER_MAX 400 /* bytes of a number that is read at all */

struct adding {
    yaml_document_t *document;
    struct gn_buf *out;
    struct gn_tree_fault *fault;
};

static enum gn_err refuse(struct gn_tree_fault *fault, yaml_mark_t mark, const char *what)
{
    fault->line = mark.line + 1;
    fault->column = mark.column + 1;
    (void)snprintf(fault->what, sizeof fault->what, "%s", what);
    return GN_EINVAL;
}

/* ---- scalars of the core schema ---- */

static struct gn_str scalar(const yaml_node_t *node)
{
    return (struct gn_str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static bool is_one_of(struct gn_str text, const char *const words[3])
{
    for (size_t i = 0; i < 3; i++)
        if (gn_str_eq(text, gn_str_of(words[i])))
            return true;
    return false;
}

/* null, true or false in the three spellings that the schema knows; NULL: none of them. */
static const char *word_of(struct gn_str text)
{
    static const char *const nulls[] = {"null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};

    if (text.len == 0 || gn_str_eq(text, GN_STR("~")) || is_one_of(text, nulls))
        return "null";
    if (is_one_of(text, trues))
        return "true";
    return is_one_of(text, falses) ? "false" : NULL;
}

static size_t span(const char *text, const char *set)
{
    return strspn(text, set);
}

/* [-+]? ( \. digits | digits ( \. digits? )? ) ( [eE] [-+]? digits )? */
static bool is_decimal(const char *text, bool *is_integer)
{
    size_t whole, fraction = 0;

    text += *text == '-' || *text == '+';
    whole = span(text, "0123456789");
    text += whole;
    *is_integer = *text == '\0';
    if (*text == '.') {
        fraction = span(++text, "0123456789");
        text += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        if (span(text, "0123456789") == 0)
            return false;
        text += span(text, "0123456789");
    }
    return *text == '\0';
}

/* 8 or 16 for 0o and 0x, else 0. */
static int other_base(const char *text)
{
    const bool is_octal = strncmp(text, "0o", 2) == 0;
    const bool is_hex = strncmp(text, "0x", 2) == 0;
    const char *digits = is_octal ? "01234567" : "0123456789abcdefABCDEF";

    if ((!is_octal && !is_hex) || text[2] == '\0' || text[2 + span(text + 2, digits)] != '\0')
        return 0;
    return is_octal ? 8 : 16;
}

static bool is_no_json_number(const char *text)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF"};
    static const char *const nan_words[] = {".nan", ".NaN", ".NAN"};

    if (is_one_of(gn_str_of(text), nan_words))
        return true;
    text += *text == '-' || *text == '+';
    return is_one_of(gn_str_of(text), infinite);
}

static bool add_integer(struct gn_buf *out, const char *text, int base)
{
    long long value;

    errno = 0;
    value = strtoll(text + (base != 10 ? 2 : 0), NULL, base);
    if (errno == 0)
        gn_buf_printf(out, "%lld", value);
    return errno == 0;
}

/* 17 digits tell every double from its neighbours; ".0" keeps it a number with a fraction. */
static bool add_double(struct gn_buf *out, const char *text)
{
    const double value = strtod(text, NULL);
    char number[64];

    if (!isfinite(value))
        return false;
    (void)snprintf(number, sizeof number, "%.17g", value);
    gn_buf_puts(out, number);
    if (strpbrk(number, ".e") == NULL)
        gn_buf_puts(out, ".0");
    return true;
}

enum plain { PLAIN_DONE, PLAIN_TEXT, PLAIN_UNFIT };

/* Appends a plain scalar when it is a number. */
static enum plain add_number(struct gn_buf *out, struct gn_str text)
{
    char number[NUMBER_MAX];
    bool is_integer = false;
    bool fits;
    int base;

    if (text.len >= sizeof number || memchr(text.p, '\0', text.len) != NULL)
        return PLAIN_TEXT;
    memcpy(number, text.p, text.len);
    number[text.len] = '\0';
    if (is_no_json_number(number))
        return PLAIN_UNFIT;
    base = other_base(number);
    if (base == 0 && !is_decimal(number, &is_integer))
        return PLAIN_TEXT;
    if (base != 0 || is_integer)
        fits = add_integer(out, number, base != 0 ? base : 10);
    else
        fits = add_double(out, number);
    return fits ? PLAIN_DONE : PLAIN_UNFIT;
}

static enum gn_err add_scalar(struct adding *adding, const yaml_node_t *node)
{
    const struct gn_str text = scalar(node);
    const bool is_plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const char *word = is_plain ? word_of(text) : NULL;
    enum plain plain = PLAIN_TEXT;

    if (word != NULL) {
        gn_buf_puts(adding->out, word);
        return GN_OK;
    }
    if (is_plain)
        plain = add_number(adding->out, text);
    if (plain == PLAIN_UNFIT)
        return refuse(adding->fault, node->start_mark,
                      "a number that does not fit; a text is put in quotes");
    if (plain == PLAIN_DONE)
        return GN_OK;
    if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL)
        return refuse(adding->fault, node->start_mark, "a NUL character");
    gn_text_add_json(adding->out, text);
    return GN_OK;
}

/* ---- lists and mappings ---- */

static enum gn_err add_node(struct adding *adding, const yaml_node_t *node, uint32_t depth);

static const yaml_node_t *node_at(const struct adding *adding, int index)
{
    return yaml_document_get_node(adding->document, index);
}

/* Whether the key at pair stands before it in the mapping, too. */
static bool is_again(const struct adding *adding, const yaml_node_t *mapping,
                     const yaml_node_pair_t *pair)
{
    const struct gn_str key = scalar(node_at(adding, pair->key));

    for (const yaml_node_pair_t *other = mapping->data.mapping.pairs.start; other < pair; other++)
        if (gn_str_eq(key, scalar(node_at(adding, other->key))))
            return true;
    return false;
}

static enum gn_err add_key(struct adding *adding, const yaml_node_t *mapping,
                           const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = node_at(adding, pair->key);
    struct gn_str text;

    if (key->type != YAML_SCALAR_NODE)
        return refuse(adding->fault, key->start_mark, "a name must be a text");
    if (pair - mapping->data.mapping.pairs.start >= GN_TREE_KEYS_MAX)
        return refuse(adding->fault, key->start_mark, "too many names in one mapping");
    if (is_again(adding, mapping, pair))
        return refuse(adding->fault, key->start_mark, "given twice");
    text = scalar(key);
    if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL)
        return refuse(adding->fault, key->start_mark, "a NUL character");
    gn_text_add_json(adding->out, text);
    gn_buf_putc(adding->out, ':');
    return GN_OK;
}

static enum gn_err add_mapping(struct adding *adding, const yaml_node_t *node, uint32_t depth)
{
    const yaml_node_pair_t *first = node->data.mapping.pairs.start;
    enum gn_err err = GN_OK;

    gn_buf_putc(adding->out, '{');
    for (const yaml_node_pair_t *pair = first; pair < node->data.mapping.pairs.top && err == GN_OK;
         pair++) {
        if (pair > first)
            gn_buf_putc(adding->out, ',');
        err = add_key(adding, node, pair);
        if (err == GN_OK)
            err = add_node(adding, node_at(adding, pair->value), depth - 1);
    }
    gn_buf_putc(adding->out, '}');
    return err;
}

static enum gn_err add_sequence(struct adding *adding, const yaml_node_t *node, uint32_t depth)
{
    const yaml_node_item_t *first = node->data.sequence.items.start;
    enum gn_err err = GN_OK;

    gn_buf_putc(adding->out, '[');
    for (const yaml_node_item_t *item = first; item < node->data.sequence.items.top && err == GN_OK;
         item++) {
        if (item > first)
            gn_buf_putc(adding->out, ',');
        err = add_node(adding, node_at(adding, *item), depth - 1);
    }
    gn_buf_putc(adding->out, ']');
    return err;
}

/* libyaml gives each node without a tag the usual one of its kind. */
static bool has_tag(const yaml_node_t *node)
{
    static const char *const usual[] = {
        [YAML_SCALAR_NODE] = YAML_DEFAULT_SCALAR_TAG,
        [YAML_SEQUENCE_NODE] = YAML_DEFAULT_SEQUENCE_TAG,
        [YAML_MAPPING_NODE] = YAML_DEFAULT_MAPPING_TAG,
    };

    return node->tag == NULL || strcmp((const char *)node->tag, usual[node->type]) != 0;
}

/* Every node appends at least a byte, so that the limit of out ends it whatever aliases do; the
 * depth ends those that hold themselves. depth: that may still follow. */
static enum gn_err add_node(struct adding *adding, const yaml_node_t *node, uint32_t depth)
{
    if (gn_buf_err(adding->out) == GN_ELIMIT)
        return refuse(adding->fault, node->start_mark, "all together is too long");
    if (gn_buf_err(adding->out) != GN_OK)
        return gn_buf_err(adding->out);
    if (has_tag(node))
        return refuse(adding->fault, node->start_mark, "tags are not understood");
    if (node->type == YAML_SCALAR_NODE)
        return add_scalar(adding, node);
    if (depth == 0)
        return refuse(adding->fault, node->start_mark, "too deep");
    return node->type == YAML_SEQUENCE_NODE ? add_sequence(adding, node, depth)
                                            : add_mapping(adding, node, depth);
}

enum gn_err gn_tree_add_node(yaml_document_t *document, const yaml_node_t *node, uint32_t max_depth,
                             struct gn_buf *out, struct gn_tree_fault *fault)
{
    struct adding adding = {.document = document, .out = out, .fault = fault};
    enum gn_err err = add_node(&adding, node, max_depth);

    if (err == GN_OK && gn_buf_err(out) == GN_ELIMIT)
        err = refuse(fault, node->start_mark, "all together is too long");
    return err == GN_OK ? gn_buf_err(out) : err;
}

/* ---- whole texts ---- */

/* The point of text that offset bytes lead to. */
static yaml_mark_t mark_of(struct gn_str text, size_t offset)
{
    yaml_mark_t mark = {0};

    for (size_t i = 0; i < text.len && i < offset; i++) {
        const bool is_continued = ((unsigned char)text.p[i] & 0xC0) == 0x80;

        mark.column += is_continued ? 0 : 1;
        if (text.p[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

enum gn_err gn_tree_syntax_fault(const yaml_parser_t *parser, struct gn_str text,
                                 struct gn_tree_fault *fault)
{
    yaml_mark_t mark = parser->problem_mark;
    char what[sizeof fault->what];

    if (parser->error == YAML_MEMORY_ERROR)
        return GN_ENOMEM;
    if (parser->error ==
        YAML_READER_ERROR) /* bytes that are no characters: no mark, only a count */
        mark = mark_of(text, parser->problem_offset);
    (void)snprintf(what, sizeof what, "%s%s%s",
                   parser->problem != NULL ? parser->problem : "not YAML",
                   parser->context != NULL ? " " : "",
                   parser->context != NULL ? parser->context : "");
    return refuse(fault, mark, what);
}

static enum gn_err add_document(yaml_parser_t *parser, struct gn_str text, uint32_t max_depth,
                                struct gn_buf *out, struct gn_tree_fault *fault)
{
    yaml_document_t document;
    const yaml_node_t *root;
    enum gn_err err = GN_OK;

    if (yaml_parser_load(parser, &document) == 0)
        return gn_tree_syntax_fault(parser, text, fault);
    root = yaml_document_get_root_node(&document);
    if (root != NULL && out->len > 0)
        err = refuse(fault, root->start_mark, "a second document; only one is read");
    else if (root != NULL)
        err = gn_tree_add_node(&document, root, max_depth, out, fault);
    else if (out->len == 0)
        gn_buf_puts(out, "null");
    yaml_document_delete(&document);
    return err;
}

static enum gn_err take(struct gn_buf *out, enum gn_err err, char **json)
{
    if (err == GN_OK) {
        err = gn_buf_err(out);
        *json = gn_buf_take(out);
    }
    gn_buf_free(out);
    return err;
}

static enum gn_err check_size(struct gn_str text, const struct gn_tree_limits *limits,
                              struct gn_tree_fault *fault)
{
    return text.len > limits->max_bytes
               ? refuse(fault, (yaml_mark_t){0}, "all together is too long")
               : GN_OK;
}

enum gn_err gn_tree_from_yaml(struct gn_str text, const struct gn_tree_limits *limits, char **json,
                              struct gn_tree_fault *fault)
{
    struct gn_buf out = gn_buf_with_limit(limits->max_bytes);
    yaml_parser_t parser;
    enum gn_err err = check_size(text, limits, fault);

    *json = NULL;
    if (err != GN_OK)
        return err;
    if (yaml_parser_initialize(&parser) == 0)
        return GN_ENOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len > 0 ? text.p : ""),
                                 text.len);
    err = add_document(&parser, text, limits->max_depth, &out, fault);
    if (err == GN_OK && !parser.stream_end_produced) /* is there another one? */
        err = add_document(&parser, text, limits->max_depth, &out, fault);
    yaml_parser_delete(&parser);
    return take(&out, err, json);
}

/* Where the scanner stopped. */
static enum gn_err json_fault(struct gn_str text, const struct gn_json_limits *limits,
                              struct gn_tree_fault *fault)
{
    struct gn_json_token token = {.type = GN_JSON_NULL};
    struct gn_json_scan scan;
    enum gn_err err = GN_OK;

    gn_json_scan_init(&scan, text, limits);
    while (err == GN_OK && token.type != GN_JSON_END)
        err = gn_json_next(&scan, &token);
    if (err == GN_OK) /* the scanner has no objection: \u0000, lone surrogates, huge numbers */
        return refuse(fault, (yaml_mark_t){0}, "a number or a character that does not fit");
    return refuse(fault, mark_of(text, gn_json_offset(&scan)),
                  err == GN_ELIMIT ? "too deep or too long" : "not JSON");
}

enum gn_err gn_tree_from_json(struct gn_str text, const struct gn_tree_limits *limits, char **json,
                              struct gn_tree_fault *fault)
{
    const struct gn_json_limits scan = {.max_bytes = limits->max_bytes,
                                        .max_depth = limits->max_depth,
                                        .max_tokens = (uint32_t)(limits->max_bytes / 2 + 1)};
    json_t *value = NULL;
    enum gn_err err = check_size(text, limits, fault);

    *json = NULL;
    if (err == GN_OK)
        err = gn_json_parse(text, &scan, &value);
    if (err == GN_EPARSE || err == GN_ELIMIT)
        return json_fault(text, &scan, fault);
    if (err != GN_OK)
        return err;
    *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
    if (*json == NULL)
        return GN_ENOMEM;
    if (strlen(*json) <= limits->max_bytes)
        return GN_OK;
    free(*json);
    *json = NULL;
    return refuse(fault, (yaml_mark_t){0}, "all together is too long");
}
