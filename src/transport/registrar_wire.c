/* How a registration looks on the wire: a binary CloudEvent 0.3, in the order of members that
 * cloud-event-proxy writes. */
#include "registrar_priv.h"

#include <string.h>

#include "gurnard/base/assert.h"
#include "gurnard/base/clock.h"

#define DELETE_ALL GN_STR("delete-all-subscriptions")

void gn_wire_url(struct gn_buf *out, struct gn_str url)
{
    bool has_scheme = url.len > 0 && memmem(url.p, url.len, "://", 3) != NULL;

    while (url.len > 0 && url.p[url.len - 1] == '/')
        url.len--;
    if (!has_scheme)
        gn_buf_puts(out, "http://");
    gn_buf_add_str(out, url);
}

/* Whether c stands for itself in a header's value (CloudEvents HTTP binding, 3.1.3.2). */
static bool is_plain_in_header(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '"' && c != '%';
}

/* Whether c stands for itself in a path (RFC 3986, pchar and "/"). */
static bool is_plain_in_path(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@/", c) != NULL);
}

static void add_encoded(struct gn_buf *out, struct gn_str s, bool (*is_plain)(unsigned char c))
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_plain(c))
            gn_buf_putc(out, s.p[i]);
        else
            gn_buf_printf(out, "%%%02X", (unsigned)c);
    }
}

void gn_wire_state_url(struct gn_buf *out, const char *publisher, struct gn_str resource,
                       const char *client_id)
{
    gn_buf_puts(out, publisher);
    if (!gn_str_has_prefix(resource, GN_STR("/")))
        gn_buf_putc(out, '/');
    add_encoded(out, resource, is_plain_in_path);
    gn_buf_printf(out, "/%s/CurrentState", client_id);
}

/* Lets lines point at the texts behind one another, now that they move no more. */
static void point_at_lines(struct gn_wire_headers *headers)
{
    const char *line = headers->text.data;
    const char *end = headers->text.data + headers->text.len;

    for (size_t i = 0; line < end; i++) {
        GN_ASSERT(i < GN_WIRE_HEADERS - 1);
        headers->lines[i] = line;
        line += strlen(line) + 1;
    }
}

enum gn_err gn_wire_headers(struct gn_wire_headers *headers, enum gn_post kind,
                            struct gn_str resource)
{
    const struct gn_id id = gn_id_random();
    struct gn_buf *text = &headers->text;
    char now[GN_TIME_TEXT_MAX];

    *headers = (struct gn_wire_headers){.text = GN_BUF_INIT};
    gn_time_format(gn_clock_real_ns(), now);
    gn_buf_printf(text, "Ce-Id: %s%c", id.text, '\0');
    gn_buf_puts(text, "Ce-Source: ");
    add_encoded(text, kind == GN_POST_DELETE_ALL ? DELETE_ALL : resource, is_plain_in_header);
    gn_buf_putc(text, '\0');
    gn_buf_printf(text, "Ce-Specversion: 0.3%c", '\0');
    gn_buf_printf(text, "Ce-Subject: %s%c", kind == GN_POST_NEW ? "NEW" : "DELETE", '\0');
    gn_buf_printf(text, "Ce-Time: %s%c", now, '\0');
    gn_buf_printf(text, "Ce-Type: SUBSCRIBER%c", '\0');
    gn_buf_printf(text, "Content-Type: application/json%c", '\0');
    if (kind == GN_POST_DELETE)
        gn_buf_printf(text, "Gurnard-Partial: 1%c", '\0');
    if (gn_buf_err(text) == GN_OK)
        point_at_lines(headers);
    return gn_buf_err(text);
}

void gn_wire_body(struct gn_buf *out, const struct gn_registrar *registrar, enum gn_post kind,
                  struct gn_str resource, struct gn_str id)
{
    if (kind == GN_POST_DELETE_ALL) {
        resource = DELETE_ALL;
        id = GN_STR_NONE;
    }
    gn_buf_printf(out, "{\"clientID\":\"%s\",\"subStore\":{\"store\":{", registrar->client_id.text);
    gn_text_add_json(out, id);
    gn_buf_puts(out, ":{\"id\":");
    gn_text_add_json(out, id);
    gn_buf_puts(out, ",\"endpointUri\":null,\"uriLocation\":null,\"resource\":");
    gn_text_add_json(out, resource);
    gn_buf_puts(out, "}}},\"endPointURI\":");
    gn_text_add_json(out, gn_str_of(registrar->own_url));
    gn_buf_printf(out, ",\"status\":0,\"action\":%d}", kind == GN_POST_NEW ? 0 : 2);
}
