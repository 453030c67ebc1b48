/* Writing CloudNativeEvents, and the CloudEvent 0.3 that CurrentState shows. */
#include "gurnard/ce/cne.h"

#include "gurnard/base/clock.h"
#include "gurnard/base/text.h"

void gn_cne_body(const struct gn_event *event, struct gn_str subscription_id,
                 struct gn_str parts[GN_CNE_BODY_PARTS])
{
    parts[0] = GN_STR("{\"id\":\"");
    parts[1] = subscription_id;
    parts[2] = event->cne_tail;
}

bool gn_cne_id_is_plain(struct gn_str id)
{
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.p[i] < 0x20 || id.p[i] == '"' || id.p[i] == '\\')
            return false;
    return gn_text_is_utf8(id);
}

void gn_cne_redfish_data(struct gn_str resource, struct gn_str value, struct gn_buf *out)
{
    gn_buf_puts(out, "{\"version\":\"v1\",\"values\":[{\"resource\":");
    gn_text_add_json(out, resource);
    gn_buf_puts(out, ",\"dataType\":\"notification\",\"valueType\":\"redfish-event\",\"value\":");
    gn_buf_add_str(out, value);
    gn_buf_puts(out, "}]}");
}

void gn_cne_structured(const struct gn_event *event, struct gn_buf *out)
{
    char time[GN_TIME_TEXT_MAX];

    gn_time_format(event->time_ns, time);
    gn_buf_puts(out, "{\"specversion\":\"0.3\",\"id\":\"");
    gn_buf_puts(out, event->id.text);
    gn_buf_puts(out, "\",\"source\":");
    gn_text_add_json(out, event->resource);
    gn_buf_puts(out, ",\"type\":");
    gn_text_add_json(out, event->type);
    if (event->source.len > 0) { /* an empty subject is against the specification */
        gn_buf_puts(out, ",\"subject\":");
        gn_text_add_json(out, event->source);
    }
    gn_buf_puts(out, ",\"datacontenttype\":\"" GN_CNE_CONTENT_TYPE "\",\"time\":\"");
    gn_buf_puts(out, time);
    gn_buf_putc(out, '"');
    if (event->data.len > 0) {
        gn_buf_puts(out, ",\"data\":");
        gn_buf_add_str(out, event->data);
    }
    gn_buf_putc(out, '}');
}
