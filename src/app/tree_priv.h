/* What the readers of YAML share. */
#ifndef GURNARD_APP_TREE_PRIV_H
#define GURNARD_APP_TREE_PRIV_H

#include <yaml.h>

#include "gurnard/app/tree.h"

/* Appends node of document as JSON to out, whose limit bounds what aliases can make of it. Errors
 * as of gn_tree_from_yaml(). */
GN_MUST_CHECK enum gn_err gn_tree_add_node(yaml_document_t *document, const yaml_node_t *node,
                                           uint32_t max_depth, struct gn_buf *out,
                                           struct gn_tree_fault *fault);

/* Where and why the parser stopped. GN_EINVAL, or GN_ENOMEM when that was the reason. */
GN_MUST_CHECK enum gn_err gn_tree_syntax_fault(const yaml_parser_t *parser, struct gn_str text,
                                               struct gn_tree_fault *fault);

#endif
