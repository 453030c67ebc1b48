/* What one publisher is told. NEW goes out for up to GN_REGISTRAR_CALLS_MAX resources at once; a
 * DELETE goes alone, since a publisher that does not know Gurnard-Partial takes it for all
 * resources: from its start on, all others are due again. */
#include "registrar_priv.h"

#include <stdio.h>

#include "gurnard/base/assert.h"

static bool is_wanted(const struct gn_bond *bond)
{
    return bond->resource->wishes > 0;
}

static struct gn_bond *bond_of(struct gn_resource *resource, const struct gn_publisher *publisher)
{
    return &resource->bonds[publisher - publisher->registrar->publishers];
}

/* ---- bonds ---- */

static enum gn_bond_place place_for(const struct gn_bond *bond)
{
    if (!is_wanted(bond))
        return bond->is_told ? GN_BOND_LEAVING : GN_BOND_QUIET;
    return bond->is_due && !bond->is_refused ? GN_BOND_DUE : GN_BOND_QUIET;
}

/* Takes the bond out of its queue. */
static void unlist(struct gn_bond *bond)
{
    if (bond->place == GN_BOND_DUE)
        TAILQ_REMOVE(&bond->publisher->due, bond, link);
    else if (bond->place == GN_BOND_LEAVING)
        TAILQ_REMOVE(&bond->publisher->leaving, bond, link);
    bond->place = GN_BOND_QUIET;
}

static void set_refused(struct gn_bond *bond, bool is_refused)
{
    if (bond->is_refused == is_refused)
        return;
    bond->is_refused = is_refused;
    if (is_refused)
        bond->publisher->refused++;
    else
        bond->publisher->refused--;
}

void gn_bond_settle(struct gn_bond *bond)
{
    enum gn_bond_place place;

    GN_ASSERT(bond->place != GN_BOND_FLYING);
    if (!is_wanted(bond))
        set_refused(bond, false);
    place = place_for(bond);
    if (place == bond->place)
        return;
    unlist(bond);
    bond->place = place;
    if (place == GN_BOND_DUE)
        TAILQ_INSERT_TAIL(&bond->publisher->due, bond, link);
    else if (place == GN_BOND_LEAVING)
        TAILQ_INSERT_TAIL(&bond->publisher->leaving, bond, link);
}

void gn_publisher_all_due(struct gn_publisher *publisher)
{
    struct gn_resource *resource;
    struct gn_resource *next;

    HASH_ITER (hh, publisher->registrar->resources, resource, next) {
        struct gn_bond *bond = bond_of(resource, publisher);

        bond->is_due = true;
        if (bond->place != GN_BOND_FLYING)
            gn_bond_settle(bond);
    }
}

static void forgive_all(struct gn_publisher *publisher)
{
    struct gn_resource *resource;
    struct gn_resource *next;

    HASH_ITER (hh, publisher->registrar->resources, resource, next) {
        struct gn_bond *bond = bond_of(resource, publisher);

        set_refused(bond, false);
        if (bond->place != GN_BOND_FLYING)
            gn_bond_settle(bond);
    }
}

/* After the publisher has forgotten the whole client. */
static void untell_all(struct gn_publisher *publisher)
{
    struct gn_resource *resource;
    struct gn_resource *next;

    HASH_ITER (hh, publisher->registrar->resources, resource, next) {
        struct gn_bond *bond = bond_of(resource, publisher);

        bond->is_told = false;
        gn_bond_settle(bond);
        gn_resource_release(publisher->registrar, resource);
    }
}

/* ---- sending ---- */

static bool is_settled(const struct gn_publisher *publisher)
{
    return TAILQ_EMPTY(&publisher->due) && TAILQ_EMPTY(&publisher->leaving) &&
           publisher->posts == 0 && publisher->refused == 0;
}

static void on_settled(struct gn_publisher *publisher)
{
    uint32_t wanted = publisher->registrar->wanted;

    publisher->failures = 0;
    publisher->is_paused = false;
    gn_timer_stop(&publisher->retry);
    if (!publisher->has_news)
        return;
    publisher->has_news = false;
    publisher->last_error[0] = '\0';
    if (wanted > 0)
        gn_log_info("registrar.registered publisher=%s resources=%u", publisher->url, wanted);
    else
        gn_log_info("registrar.left publisher=%s", publisher->url);
}

static void retry_later(struct gn_publisher *publisher, uint32_t wish_ms)
{
    struct gn_registrar *registrar = publisher->registrar;
    uint32_t pause_ms;

    if (gn_timer_is_running(&publisher->retry))
        return;
    publisher->failures++;
    pause_ms = gn_registrar_pause_ms(registrar, publisher->failures);
    if (wish_ms > registrar->config.retry_max_ms)
        wish_ms = registrar->config.retry_max_ms;
    gn_timer_start(&publisher->retry, wish_ms > pause_ms ? wish_ms : pause_ms);
}

/* The call could not even be started: no memory, or an URL that is none. */
static void on_unstarted(struct gn_publisher *publisher, struct gn_bond *bond, enum gn_post kind,
                         enum gn_err err)
{
    const struct gn_http_result result = {.err = err, .reason = gn_err_text(err)};

    publisher->posts++; /* as if it had been */
    gn_publisher_on_post(publisher, kind, bond, &result);
}

static void send_new(struct gn_publisher *publisher, struct gn_bond *bond)
{
    enum gn_err err;

    unlist(bond);
    bond->place = GN_BOND_FLYING;
    bond->is_due = false;
    bond->is_told = true;
    publisher->has_news |= !bond->is_registered; /* a renewal is none */
    err = gn_registrar_call(publisher, GN_POST_NEW, bond);
    if (err == GN_OK)
        publisher->posts++;
    else
        on_unstarted(publisher, bond, GN_POST_NEW, err);
}

static void set_unregistered(struct gn_publisher *publisher)
{
    struct gn_resource *resource;
    struct gn_resource *next;

    HASH_ITER (hh, publisher->registrar->resources, resource, next)
        bond_of(resource, publisher)->is_registered = false;
}

static void send_delete(struct gn_publisher *publisher)
{
    bool is_all = publisher->registrar->wanted == 0;
    enum gn_post kind = is_all ? GN_POST_DELETE_ALL : GN_POST_DELETE;
    struct gn_bond *bond = is_all ? NULL : TAILQ_FIRST(&publisher->leaving);
    enum gn_err err;

    if (bond != NULL) {
        unlist(bond);
        bond->place = GN_BOND_FLYING;
    }
    publisher->is_leaving = true;
    publisher->has_news = true;
    set_unregistered(publisher);
    gn_publisher_all_due(publisher);
    err = gn_registrar_call(publisher, kind, bond);
    if (err == GN_OK)
        publisher->posts++;
    else
        on_unstarted(publisher, bond, kind, err);
}

void gn_publisher_pump(struct gn_publisher *publisher)
{
    if (!publisher->registrar->is_running || publisher->contact == GN_CONTACT_LOST)
        return;
    while (!publisher->is_paused && !publisher->is_leaving &&
           publisher->posts < GN_REGISTRAR_CALLS_MAX) {
        bool has_due = !TAILQ_EMPTY(&publisher->due);

        if (!TAILQ_EMPTY(&publisher->leaving) && !(publisher->leaves_later && has_due)) {
            if (publisher->posts > 0)
                return;
            send_delete(publisher);
        } else if (has_due) {
            send_new(publisher, TAILQ_FIRST(&publisher->due));
        } else {
            break;
        }
    }
    if (is_settled(publisher))
        on_settled(publisher);
}

void gn_publisher_go_on(struct gn_publisher *publisher)
{
    gn_timer_stop(&publisher->retry);
    publisher->is_paused = false;
    forgive_all(publisher);
    gn_registrar_pump_later(publisher->registrar);
}

/* ---- the answers ---- */

/* Whether the publisher will not take this, but perhaps the next one. */
static bool is_refusal(const struct gn_http_result *result)
{
    return result->err == GN_OK && result->status >= 300 && result->status < 500 &&
           result->status != 408 && result->status != 425 && result->status != 429;
}

void gn_publisher_note_error(struct gn_publisher *publisher, const struct gn_http_result *result)
{
    if (result->err == GN_OK)
        (void)snprintf(publisher->last_error, sizeof(publisher->last_error), "HTTP status %d",
                       result->status);
    else
        (void)snprintf(publisher->last_error, sizeof(publisher->last_error), "%s",
                       result->reason[0] != '\0' ? result->reason : gn_err_text(result->err));
}

static void note_failure(struct gn_publisher *publisher, const struct gn_bond *bond,
                         const struct gn_http_result *result)
{
    struct gn_registrar *registrar = publisher->registrar;
    uint64_t held;

    gn_metric_add(registrar->posts_failed, 1);
    gn_publisher_note_error(publisher, result);
    publisher->has_news = true;
    if (gn_log_allow(&publisher->failed_log, gn_loop_now_ms(registrar->loop), &held))
        gn_log_warn("registrar.failed publisher=%s resource=%s status=%d reason=%s held=%llu",
                    publisher->url, bond == NULL ? "" : bond->resource->text, result->status,
                    publisher->last_error, (unsigned long long)held);
}

static void on_delete_done(struct gn_publisher *publisher, struct gn_bond *bond)
{
    publisher->leaves_later = false;
    if (bond != NULL)
        bond->is_told = false;
    else
        untell_all(publisher);
}

static void on_failed(struct gn_publisher *publisher, enum gn_post kind, struct gn_bond *bond,
                      const struct gn_http_result *result)
{
    bool is_refused = is_refusal(result);

    note_failure(publisher, bond, result);
    if (kind != GN_POST_NEW && is_refused) {
        on_delete_done(publisher, bond); /* it will say so again */
        return;
    }
    if (kind == GN_POST_NEW) {
        bond->is_due = true;
        set_refused(bond, is_refused);
        if (is_refused)
            bond->is_told = bond->is_registered;
    } else {
        publisher->leaves_later = true;
    }
    publisher->is_paused |= !is_refused;
    retry_later(publisher, result->retry_after_ms);
    if (result->err != GN_OK)
        gn_health_probe(publisher);
}

/* bond may be gone afterwards. */
static void land(struct gn_bond *bond)
{
    bond->place = GN_BOND_QUIET;
    gn_bond_settle(bond);
    gn_resource_release(bond->publisher->registrar, bond->resource);
}

void gn_publisher_on_post(struct gn_publisher *publisher, enum gn_post kind, struct gn_bond *bond,
                          const struct gn_http_result *result)
{
    struct gn_registrar *registrar = publisher->registrar;

    publisher->posts--;
    if (kind != GN_POST_NEW)
        publisher->is_leaving = false;
    if (gn_health_is_answer(result))
        gn_health_answered(publisher);
    if (result->err == GN_OK && result->status / 100 == 2) {
        gn_metric_add(registrar->posts_ok, 1);
        if (kind == GN_POST_NEW)
            bond->is_registered = true;
        else
            on_delete_done(publisher, bond);
    } else {
        on_failed(publisher, kind, bond, result);
    }
    if (bond != NULL)
        land(bond);
    gn_registrar_pump_later(registrar);
}
