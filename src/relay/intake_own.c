/* Events of gurnard's own registry: written as a BMC would, then taken in as what came by their
 * way. */
#include "gurnard/relay/relay.h"

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/text.h"

#include "relay_priv.h"

#define REGISTRY  "Gurnard.1.0."
#define OF_BMC    "/gurnard/bmcs/"
#define OF_NO_BMC "/gurnard"

static void add_origin(const struct gn_relay_own *own, struct gn_buf *out)
{
    struct gn_buf origin = GN_BUF_INIT;

    if (own->origin != NULL) {
        gn_text_add_json(out, gn_str_of(own->origin));
        return;
    }
    gn_buf_puts(&origin, own->bmc.len > 0 ? OF_BMC : OF_NO_BMC);
    gn_buf_add_str(&origin, own->bmc);
    if (gn_buf_err(&origin) == GN_OK)
        gn_text_add_json(out, gn_buf_str(&origin));
    else
        out->err = gn_buf_err(&origin);
    gn_buf_free(&origin);
}

static void add_args(const struct gn_relay_own *own, struct gn_buf *out)
{
    gn_buf_putc(out, '[');
    for (size_t i = 0; i < own->arg_count; i++) {
        if (i > 0)
            gn_buf_putc(out, ',');
        gn_text_add_json(out, own->args[i]);
    }
    gn_buf_putc(out, ']');
}

static void write_event(const struct gn_relay_own *own, struct gn_buf *out)
{
    const struct gn_id id = gn_id_random();
    char time[GN_TIME_TEXT_MAX];

    gn_time_format(gn_clock_real_ns(), time);
    gn_buf_printf(out,
                  "{\"@odata.type\":\"#Event.v1_7_0.Event\",\"Id\":\"%s\",\"Name\":\"gurnard\","
                  "\"Events\":[{\"EventType\":\"Other\",\"EventId\":\"%s\",\"MemberId\":\"0\","
                  "\"EventTimestamp\":\"%s\",\"MessageId\":\"" REGISTRY "%s\",\"MessageArgs\":",
                  id.text, id.text, time, own->key);
    add_args(own, out);
    gn_buf_printf(out,
                  ",\"Severity\":\"%s\",\"MessageSeverity\":\"%s\",\"OriginOfCondition\":"
                  "{\"@odata.id\":",
                  own->severity, own->severity);
    add_origin(own, out);
    gn_buf_putc(out, '}');
    if (own->bmc.len > 0) {
        gn_buf_puts(out, ",\"Oem\":{\"Gurnard\":{\"Bmc\":");
        gn_text_add_json(out, own->bmc);
        gn_buf_puts(out, "}}");
    }
    gn_buf_puts(out, "}]}");
}

enum gn_intake gn_relay_tell(struct gn_relay *relay, const struct gn_relay_own *own)
{
    const struct gn_relay_source source = {.name = own->bmc, .way = GN_WAY_OWN};
    struct gn_buf body = GN_BUF_INIT;
    enum gn_intake outcome = GN_INTAKE_FULL;

    write_event(own, &body);
    if (gn_buf_err(&body) == GN_OK)
        outcome = gn_relay_redfish(relay, &source, gn_buf_str(&body));
    else
        gn_relay_note_refused(relay, own->bmc, gn_buf_err(&body), 1);
    gn_buf_free(&body);
    return outcome;
}
