/* The answers that every handler of this folder gives in the same form. */
#ifndef GURNARD_API_REPLY_H
#define GURNARD_API_REPLY_H

#include "gurnard/base/buf.h"
#include "gurnard/net/http_server.h"

/* A JSON body, copied; a static text as JSON; {"error":"<text>"} with text escaped. */
void gn_reply_json(struct gn_http_request *request, int status, struct gn_str body);
void gn_reply_error(struct gn_http_request *request, int status, struct gn_str text);

/* 503 with Retry-After: no room or no memory now, or the daemon is stopping. */
void gn_reply_later(struct gn_http_request *request);

/* A static plain text, without trailing newline added. */
void gn_reply_text(struct gn_http_request *request, int status, const char *text);

/* No body at all. */
void gn_reply_empty(struct gn_http_request *request, int status);

/* Go's net/http 404: "404 page not found\n", text/plain, nosniff. */
void gn_reply_not_found(struct gn_http_request *request);

/* 405 as Go's gorilla/mux gives it: no body, no Allow. */
void gn_reply_bad_method(struct gn_http_request *request);

#endif
