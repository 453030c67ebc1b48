/* What the HTTP server refuses by looking at the head of a request. Pure: values in, a verdict out;
 * neither the library nor a socket is known here. */
#ifndef GN_NET_HTTP_CHECK_H
#define GN_NET_HTTP_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "gurnard/base/str.h"

/* Why a request is refused. Constants only, compared by address. */
struct gn_http_refusal {
    int status;
    const char *text;  /* body of the answer, one line */
    bool is_untrusted; /* where the body ends is not sure: answered at once, connection closed */
    bool closes;       /* closed after the answer */
};

extern const struct gn_http_refusal gn_http_too_large;
extern const struct gn_http_refusal gn_http_no_memory;
extern const struct gn_http_refusal gn_http_stopping;

/* What matters of the headers, collected with gn_http_head_add(). Zero-initialised. */
struct gn_http_head {
    unsigned hosts;
    unsigned lengths;
    unsigned transfer_encodings;
    bool has_bad_name;
    bool has_bad_length;
    bool is_chunked;
    bool is_encoded; /* Content-Encoding other than identity */
    bool expects_continue;
    uint64_t body_bytes; /* from Content-Length */
};

/* Counts one header in. */
void gn_http_head_add(struct gn_http_head *head, struct gn_str name, struct gn_str value);

/* The first reason to refuse, NULL when there is none. version: "HTTP/1.1". target: as sent. */
const struct gn_http_refusal *gn_http_check(const struct gn_http_head *head, struct gn_str version,
                                            struct gn_str target, uint64_t max_body_bytes);

#endif
