/* Whether a publisher answers. A probe of its /health every now and then; more often, with growing
 * pauses, while it does not. */
#include "registrar_priv.h"

#define STATUS_BROKEN_MIN 500 /* from here on the answer says that the publisher is not there */

bool gn_health_is_answer(const struct gn_http_result *result)
{
    return result->err == GN_OK && result->status < STATUS_BROKEN_MIN;
}

static void lose(struct gn_publisher *publisher)
{
    if (publisher->contact == GN_CONTACT_LOST)
        return;
    publisher->contact = GN_CONTACT_LOST;
    gn_metric_add(publisher->registrar->lost, 1);
    gn_log_warn("registrar.lost publisher=%s reason=%s", publisher->url, publisher->last_error);
}

/* It may have lost its store meanwhile, and says nothing about that. */
static void find_again(struct gn_publisher *publisher)
{
    publisher->contact = GN_CONTACT_WELL;
    publisher->has_news = publisher->registrar->wanted > 0;
    gn_metric_add(publisher->registrar->lost, -1);
    gn_log_info("registrar.back publisher=%s", publisher->url);
    publisher->failures = 0;
    gn_publisher_all_due(publisher);
    gn_publisher_go_on(publisher);
}

void gn_health_answered(struct gn_publisher *publisher)
{
    if (publisher->contact == GN_CONTACT_LOST)
        find_again(publisher);
    publisher->contact = GN_CONTACT_WELL;
}

void gn_health_probe(struct gn_publisher *publisher)
{
    struct gn_http_result result = {.reason = ""};

    if (publisher->is_probing)
        return;
    gn_timer_stop(&publisher->probe);
    publisher->is_probing = true;
    result.err = gn_registrar_call(publisher, GN_PROBE, NULL);
    if (result.err == GN_ENOMEM) { /* says nothing about the publisher */
        publisher->is_probing = false;
        gn_timer_start(&publisher->probe, gn_registrar_pause_ms(publisher->registrar, 1));
    } else if (result.err != GN_OK) {
        gn_health_on_probe(publisher, &result);
    }
}

void gn_health_on_probe(struct gn_publisher *publisher, const struct gn_http_result *result)
{
    struct gn_registrar *registrar = publisher->registrar;

    publisher->is_probing = false;
    if (gn_health_is_answer(result)) {
        publisher->probe_failures = 0;
        if (publisher->failures == 0)
            publisher->last_error[0] = '\0';
        gn_health_answered(publisher);
        gn_timer_start(&publisher->probe, registrar->config.health_ms);
        return;
    }
    publisher->probe_failures++;
    gn_publisher_note_error(publisher, result);
    lose(publisher);
    gn_timer_start(&publisher->probe, gn_registrar_pause_ms(registrar, publisher->probe_failures));
}
