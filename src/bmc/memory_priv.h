/* What the parts of the memory share: memory.c keeps it, memory_file.c turns it into JSON and back.
 */
#ifndef GN_BMC_MEMORY_PRIV_H
#define GN_BMC_MEMORY_PRIV_H

#include "gurnard/base/buf.h"
#include "gurnard/bmc/memory.h"
#include "gurnard/loop/worker.h"

#define MEMORY_FILE_MAX   ((size_t)1 << 20) /* bytes of a file */
#define MEMORY_SECRET_LEN 32

/* Fills kept (its name is set) from the text of its file. GN_EPARSE: nothing was taken. GN_ENOMEM.
 */
GN_MUST_CHECK enum gn_err gn_kept_parse(struct gn_kept *kept, struct gn_str text);
void gn_kept_print(const struct gn_kept *kept, struct gn_buf *out);

/* Calls fn with each model of the file; its texts are borrowed. */
typedef void (*gn_model_fn)(void *ctx, const struct gn_kept_model *model);
GN_MUST_CHECK enum gn_err gn_models_parse(struct gn_str text, gn_model_fn fn, void *ctx);
void gn_models_print(const struct gn_kept_model *models, struct gn_buf *out);

#endif
