/* CloudEvents as attributes and data, and their encodings: the JSON format (structured and batch)
 * and the HTTP binding (binary), specversion 0.3 and 1.0 (CloudEvents 1.0.2 and 0.3). Pure.
 *
 * 0.3 differs: `schemaurl` for `dataschema`, `datacontentencoding: base64` with data as a string
 * for `data_base64`. Both are the same here: either spelling is taken with either version, and
 * written as the event's version has it. */
#ifndef GURNARD_CE_CLOUDEVENT_H
#define GURNARD_CE_CLOUDEVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "gurnard/base/arena.h"
#include "gurnard/base/buf.h"
#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"
#include "gurnard/base/json_scan.h"
#include "gurnard/base/str.h"

#define GN_CE_EXTENSIONS_MAX 32   /* of one event; more are GN_ELIMIT */
#define GN_CE_NAME_MAX       64   /* bytes of an attribute's name */
#define GN_CE_VALUE_MAX      8192 /* bytes of an attribute's value */
#define GN_CE_BATCH_MAX      1024 /* events of one batch */
#define GN_CE_ERROR_MAX      256

enum gn_ce_version { GN_CE_0_3, GN_CE_1_0 };

/* How an event travels. */
enum gn_ce_mode { GN_CE_BINARY, GN_CE_STRUCTURED, GN_CE_BATCH };

/* What the bytes of data are. */
enum gn_ce_data {
    GN_CE_NO_DATA,
    GN_CE_JSON,  /* JSON text */
    GN_CE_BYTES, /* anything else, as it is */
};

/* An extension attribute. */
struct gn_ce_extension {
    struct gn_str name;  /* letters a-z and digits */
    struct gn_str value; /* plain text; numbers and booleans in their JSON form */
    bool is_literal;     /* a number or a Boolean: stands in JSON without quotes */
};

/* One event. All are views; texts are plain UTF-8. */
struct gn_cloudevent {
    enum gn_ce_version version;
    struct gn_str id, source, type; /* never empty in one that was decoded */
    struct gn_str subject, time, datacontenttype, dataschema; /* absent when not given */
    const struct gn_ce_extension *extensions;
    size_t extension_count;
    enum gn_ce_data kind;
    struct gn_str data;
};

/* ---- decoding ---- */

/* A header of an HTTP request. */
struct gn_ce_header {
    struct gn_str name, value;
};

/* What came by HTTP. headers: all, or those that begin with "ce-" in any case. */
struct gn_ce_http {
    struct gn_str content_type; /* absent when not sent */
    const struct gn_ce_header *headers;
    size_t header_count;
    struct gn_str body;
};

/* The events of a request. In the arena, and views into the request. */
struct gn_ce_events {
    enum gn_ce_mode mode;
    struct gn_cloudevent *events;
    size_t count;
};

/* Whether the request carries a CloudEvent in some mode: by its media type, or by the header
 * ce-specversion. */
bool gn_ce_is_http(const struct gn_ce_http *http);

/* Decodes it. Mode by the media type: application/cloudevents-batch..., application/cloudevents...,
 * else binary; with +json, or without a suffix, as JSON. Header values are percent-decoded once,
 * after their quotes if they have any; what holds a broken code, of a sender that does not encode,
 * stays as it is. In binary mode data is JSON if its media type is
 * application/json or ends in +json, or if there is none; then it must be JSON; an empty body is no
 * data. In JSON an attribute that is null is absent; so is an optional one that is empty, in either
 * mode, as the Go SDK has it. Of what is given twice the last counts. Names of extensions may hold
 * capitals, and get lower-case.
 *
 * In the JSON format data is JSON if its media type says so or there is none (also the value null);
 * a string of another media type is bytes, its text (a NUL in it becomes U+FFFD); any other value
 * is JSON all the same. What comes in base64 is bytes, or JSON if the media type and the bytes say
 * so; also a body with ce-datacontentencoding. JSON data is a view of the value alone.
 *
 * limits: of the body; invalid UTF-8 is never let through. GN_EUNSUPPORTED: neither mode, another
 * format than JSON, or another specversion. GN_EPARSE: not JSON, or not an object (array of
 * objects). GN_ELIMIT: also of the names above. GN_ENOMEM: also when the arena is full. GN_EINVAL:
 * an attribute is missing, empty or wrong; error says so as the Go SDK words it: the attribute's
 * name, a colon, what is wrong, in printable ASCII. The attributes are judged in the order of the
 * first rows, the rest as it comes:
 *
 * - `specversion: REQUIRED` (structured; in binary mode there is no event without it)
 * - `id: MUST be a non-empty string`
 * - `source: REQUIRED`
 * - `type: MUST be a non-empty string`
 * - `subject: if present, MUST be a non-empty string`: it is blank
 * - `time: cannot convert "garbage" to time.Time: not in RFC3339 format`
 * - `datacontenttype: if present, MUST adhere to the format specified in RFC 2046`
 * - `datacontentencoding: if present, MUST adhere to RFC 2045 Section 6.1`: it is not base64
 * - `subject: MUST NOT hold control characters`, or another attribute
 * - `id: MUST be a string`; of an extension `MUST be a string, a number or a boolean`
 * - `my_ext: MUST be the name of an attribute: lower-case letters and digits`
 * - `subject: MUST be percent-encoded UTF-8`: a header
 * - `datacontenttype: MUST NOT have a header but Content-Type`
 * - `data_base64: MUST NOT be given together with data`, `... MUST be base64`, `... MUST be a
 * string in base64`; the latter two also of `data`
 *
 * GN_EUNSUPPORTED in JSON has the text `specversion: unknown value: 2.0`. error is "" for those
 * without a text, and events then holds none. */
GN_MUST_CHECK enum gn_err gn_ce_decode_http(const struct gn_ce_http *http,
                                            const struct gn_json_limits *limits,
                                            struct gn_arena *arena, struct gn_ce_events *events,
                                            char error[GN_CE_ERROR_MAX]);

/* Decodes one event in the JSON format, or with is_batch an array of them; errors as above. */
GN_MUST_CHECK enum gn_err gn_ce_decode_json(struct gn_str text, bool is_batch,
                                            const struct gn_json_limits *limits,
                                            struct gn_arena *arena, struct gn_ce_events *events,
                                            char error[GN_CE_ERROR_MAX]);

/* The mode that a media type says, as above. GN_EUNSUPPORTED: of a format other than JSON. */
GN_MUST_CHECK enum gn_err gn_ce_mode_of(struct gn_str content_type, enum gn_ce_mode *mode);

/* Decodes the binary mode of bindings other than HTTP. attributes: all there are, of any kind,
 * their names without the binding's prefix, their values plain text, which is neither quoted nor
 * percent-encoded; absent: not given; the media type of body is datacontenttype. Rules and errors
 * as gn_ce_decode_http(), but `subject: MUST be UTF-8`, and an unknown specversion has its text. */
GN_MUST_CHECK enum gn_err
gn_ce_decode_attributes(const struct gn_ce_extension *attributes, size_t count, struct gn_str body,
                        const struct gn_json_limits *limits, struct gn_arena *arena,
                        struct gn_cloudevent *event, char error[GN_CE_ERROR_MAX]);

/* Whether name may be an extension's: a-z and 0-9, not empty, not above GN_CE_NAME_MAX, not `data`,
 * not that of a core attribute of either version. */
bool gn_ce_is_extension_name(struct gn_str name);

/* ---- encoding ---- */

/* Appends event in the JSON format: specversion, id, source, type, subject, datacontenttype,
 * dataschema, time, extensions, then data, or data_base64 for bytes (0.3: datacontentencoding);
 * compact, also the data. */
void gn_ce_write_json(const struct gn_cloudevent *event, struct gn_buf *out);

/* Appends the header lines of the binary mode, each ended by a NUL: `Ce-Id: ...`, `Ce-Source`,
 * `Ce-Specversion`, `Ce-Subject`, `Ce-Time`, `Ce-Type`, `Ce-Dataschema` (0.3: Ce-Schemaurl),
 * extensions, `Content-Type`; values percent-encoded, but for Content-Type. Without datacontenttype
 * that is application/json for JSON, application/octet-stream for bytes, absent without data.
 * Returns how many. The body is event->data. */
size_t gn_ce_write_headers(const struct gn_cloudevent *event, struct gn_buf *out);

/* The media type of event's data in the binary mode: its datacontenttype, else that which the kind
 * implies, as above; absent: none. */
struct gn_str gn_ce_body_type(const struct gn_cloudevent *event);

#define GN_CE_TYPE_STRUCTURED "application/cloudevents+json; charset=utf-8"
#define GN_CE_TYPE_BATCH      "application/cloudevents-batch+json; charset=utf-8"

#endif
