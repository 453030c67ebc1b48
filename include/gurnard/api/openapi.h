/* The description of the APIs, docs/openapi.json (OpenAPI 3.1), as it was when the program was
 * built: /openapi.json on the API port and the admin port. */
#ifndef GURNARD_API_OPENAPI_H
#define GURNARD_API_OPENAPI_H

#include <stdbool.h>

#include "gurnard/base/str.h"
#include "gurnard/net/http_server.h"

/* The document. */
struct gn_str gn_openapi_text(void);

/* If the path is /openapi.json, answers request and returns true: 200 with the document and an
 * ETag, 304 when If-None-Match has that, 405 for methods other than GET and HEAD. */
bool gn_openapi_handle(struct gn_http_request *request);

#endif
