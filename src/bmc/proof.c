/* The proof of the path: a test event is asked for, and must come back by the webhook (or the
 * stream) within its time. */
#include "bmcs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gurnard/base/clock.h"
#include "gurnard/base/id.h"
#include "gurnard/base/log.h"

#define AGAIN_MS     16000U /* ZT refuses a second test event within 5 to 15 s */
#define AGAIN_MAX    2
#define US_PER_MS    1000.0
#define KEY_PROOF_MS 30000U /* an event with the message asked for is ours so soon after asking */

/* Messages of the DMTF that nearly every service has, for services that name none. */
#define DEFAULT_MESSAGE_ID "ResourceEvent.1.0.TestMessage"

static void submit(struct gn_bmc *bmc);

/* ---- the end ---- */

static void on_ended(void *ctx)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_proof *proof = &bmc->proof;
    TAILQ_HEAD(, bmc_asker) askers = TAILQ_HEAD_INITIALIZER(askers);

    TAILQ_CONCAT(&askers, &proof->askers, link);
    proof->asker_count = 0;
    while (!TAILQ_EMPTY(&askers)) {
        struct bmc_asker *asker = TAILQ_FIRST(&askers);

        TAILQ_REMOVE(&askers, asker, link);
        asker->done(asker->ctx, &proof->result);
        free(asker);
    }
}

static void tell_askers(struct gn_bmc *bmc)
{
    struct bmc_proof *proof = &bmc->proof;

    proof->result = (struct gn_bmcs_proof){.is_proven = proof->is_proven,
                                           .latency_ms = proof->latency_ms,
                                           .way = proof->came_by_stream ? "sse" : "push",
                                           .reason = proof->is_proven ? "" : proof->reason};
    gn_defer_call(bmc->fleet->loop, &proof->ended, on_ended, bmc);
}

static void end_proof(struct gn_bmc *bmc)
{
    struct bmc_proof *proof = &bmc->proof;

    gn_timer_stop(&proof->timeout);
    gn_timer_stop(&proof->again);
    if (proof->call != NULL)
        gn_bmc_cancel(proof->call);
    proof->call = NULL;
    proof->is_running = false;
    proof->is_known = true;
    proof->at_ns = gn_clock_real_ns();
}

static void tell_proven(struct gn_bmc *bmc)
{
    char latency[32];

    (void)snprintf(latency, sizeof latency, "%.1f", bmc->proof.latency_ms);
    gn_bmc_tell(bmc, "PathProven", "OK", latency, NULL);
}

static void succeed(struct gn_bmc *bmc, uint64_t came_us)
{
    struct bmc_proof *proof = &bmc->proof;
    bool was_proven = proof->is_proven;
    bool is_push = !proof->came_by_stream;

    end_proof(bmc);
    proof->latency_ms =
        came_us > proof->asked_us ? (double)(came_us - proof->asked_us) / US_PER_MS : 0;
    proof->is_proven = true;
    proof->reason[0] = '\0';
    if (is_push || bmc->spec.way == GN_BMC_WAY_SSE)
        bmc->push_fails = false;
    gn_log_info("bmc.proven bmc=%s way=%s ms=%.1f", bmc->spec.name, is_push ? "push" : "sse",
                proof->latency_ms);
    gn_bmc_count(bmc->fleet->metrics.proofs_ok);
    if (bmc->fleet->metrics.proof_seconds != NULL)
        gn_histogram_observe(bmc->fleet->metrics.proof_seconds, proof->latency_ms / 1e3);
    if (!was_proven)
        tell_proven(bmc);
    gn_bmc_stream_update(bmc);
    gn_bmc_settle_state(bmc);
    tell_askers(bmc);
}

/* The path by push did not prove itself: told, and the stream is the other way. */
static void fail(struct gn_bmc *bmc, const char *why)
{
    struct bmc_proof *proof = &bmc->proof;
    char seconds[32];

    end_proof(bmc);
    proof->is_proven = false;
    (void)snprintf(proof->reason, sizeof proof->reason, "%s", why);
    gn_log_warn("bmc.unproven bmc=%s reason=\"%s\"", bmc->spec.name, why);
    gn_bmc_count(bmc->fleet->metrics.proofs_failed);
    (void)snprintf(seconds, sizeof seconds, "%ju",
                   (uintmax_t)(bmc->fleet->config.proof_timeout_ms / 1000));
    if (!bmc->push_fails)
        gn_bmc_tell(bmc, "PathUnproven", "Warning", seconds, NULL);
    bmc->push_fails = bmc->spec.way != GN_BMC_WAY_SSE;
    if (!gn_bmc_stream_is_open(bmc)) /* else they come by it */
        gn_bmc_note_gap(bmc, why);
    gn_bmc_stream_update(bmc);
    gn_bmc_settle_state(bmc);
    tell_askers(bmc);
}

/* The BMC could not be asked: that says nothing of the path. */
static void give_up(struct gn_bmc *bmc, const char *why)
{
    struct bmc_proof *proof = &bmc->proof;
    bool was_proven = proof->is_proven;

    end_proof(bmc);
    proof->is_known = false; /* asked again after the next round */
    proof->is_proven = false;
    gn_bmc_copy(proof->reason, sizeof proof->reason, why);
    tell_askers(bmc);
    proof->is_proven = was_proven;
}

void gn_bmc_proof_stop(struct gn_bmc *bmc, const char *reason)
{
    if (bmc->proof.is_running)
        give_up(bmc, reason);
}

void gn_bmc_proof_by_event(struct gn_bmc *bmc)
{
    struct bmc_proof *proof = &bmc->proof;

    if (!bmc->is_looked_at || bmc->current[0].uri[0] == '\0' || proof->is_running ||
        (proof->is_proven && !bmc->push_fails))
        return;
    gn_log_info("bmc.proven bmc=%s way=push by=event", bmc->spec.name);
    if (bmc->push_fails)
        gn_bmc_tell(bmc, "PathProven", "OK", "0", NULL);
    proof->is_proven = true;
    proof->is_known = true;
    proof->latency_ms = 0;
    proof->at_ns = gn_clock_real_ns();
    proof->reason[0] = '\0';
    bmc->push_fails = false;
    gn_bmc_stream_update(bmc);
    gn_bmc_settle_state(bmc);
}

/* ---- why it did not come ---- */

static void explain(struct gn_bmc *bmc, bool is_gone, bool is_suspended)
{
    struct bmc_proof *proof = &bmc->proof;
    struct gn_buf why = gn_buf_with_limit(1024);
    const struct gn_proof_facts facts = {
        .service = &bmc->service,
        .url = bmc->url[0],
        .local = gn_bmc_link_local(bmc->link),
        .verifies =
            bmc->spec.verify_certificate || strstr(bmc->missing, "VerifyCertificate") != NULL,
        .is_gone = is_gone,
        .is_suspended = is_suspended,
        .is_refused = proof->is_refused,
        .came_by_stream = proof->came_by_stream,
    };

    gn_proof_reason(&facts, &why);
    fail(bmc, gn_buf_err(&why) == GN_OK && why.len > 0 ? why.data : "no test event came");
    gn_buf_free(&why);
}

/* Our subscription, read again: some BMCs drop or suspend it over the first failure. */
static void on_looked(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct gn_destination now = {0};
    bool is_gone = answer->end == GN_BMC_END_ANSWER && answer->status == 404;
    bool is_read = gn_bmc_is_done(answer) &&
                   gn_destination_read(answer->body, gn_str_of(bmc->current[0].uri), &now);

    bmc->proof.call = NULL;
    if (bmc->proof.came_us != 0) {
        succeed(bmc, bmc->proof.came_us); /* late, but there */
        return;
    }
    explain(bmc, is_gone, is_read && now.is_suspended);
    if (is_gone || (is_read && now.is_suspended))
        gn_bmc_sign(bmc, "the proof failed");
}

static void look_why(struct gn_bmc *bmc)
{
    const struct gn_bmc_request request = {.method = "GET", .uri = bmc->current[0].uri};

    if (request.uri[0] == '\0' ||
        gn_bmc_send(bmc->link, &request, on_looked, bmc, &bmc->proof.call) != GN_OK) {
        bmc->proof.call = NULL;
        explain(bmc, false, false);
    }
}

static void on_timeout(void *ctx)
{
    struct gn_bmc *bmc = ctx;

    gn_timer_stop(&bmc->proof.again);
    if (bmc->proof.call != NULL)
        gn_bmc_cancel(bmc->proof.call);
    bmc->proof.call = NULL;
    if (bmc->proof.came_us != 0)
        succeed(bmc, bmc->proof.came_us); /* the BMC has not answered yet */
    else
        look_why(bmc);
}

/* ---- asking ---- */

static void want_of(struct gn_bmc *bmc, struct gn_test_want *want)
{
    const struct bmc_proof *proof = &bmc->proof;

    *want = (struct gn_test_want){.nonce = proof->nonce,
                                  .message_id = proof->message_id,
                                  .origin = bmc->facts.manager != NULL ? bmc->facts.manager
                                                                       : "/redfish/v1/Managers",
                                  .timestamp = proof->timestamp,
                                  .url = bmc->url[0],
                                  .context = bmc->context[0]};
}

/* What the test event asked for is called; some forms name one of their own. */
static struct gn_str sent_message_id(struct gn_bmc *bmc)
{
    struct gn_test_want want;

    want_of(bmc, &want);
    return gn_test_message_id(bmc->proof.form, &bmc->proof.info, &want);
}

/* The form to try after a refusal; one that was learnt may be wrong since an update. */
static enum gn_test_form next_form(struct gn_bmc *bmc)
{
    struct bmc_proof *proof = &bmc->proof;
    struct gn_str vendor = gn_str_of(bmc->facts.vendor);

    if (!proof->is_learnt)
        return gn_test_next(proof->form, &proof->info, vendor);
    proof->is_learnt = false;
    return gn_test_first(&proof->info, vendor);
}

/* ZT calls a second test event within some seconds a bad request. */
static bool is_too_soon(const struct bmc_proof *proof, const struct gn_bmc_answer *answer)
{
    if (proof->again_count >= AGAIN_MAX)
        return false;
    return answer->error.fault == GN_FAULT_BUSY ||
           (answer->status == 400 && proof->is_learnt && proof->again_count == 0);
}

static void on_submitted(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;
    struct bmc_proof *proof = &bmc->proof;

    proof->call = NULL;
    if (gn_bmc_is_done(answer)) {
        gn_memory_learn_form(bmc->fleet->memory, bmc->facts.model_key, proof->form);
        if (proof->came_us != 0)
            succeed(bmc, proof->came_us); /* it was faster than the answer */
        return;
    }
    if (proof->came_us != 0) {
        succeed(bmc, proof->came_us);
        return;
    }
    if (answer->end != GN_BMC_END_ANSWER) {
        give_up(bmc, answer->reason);
        return;
    }
    if (is_too_soon(proof, answer)) {
        proof->again_count++;
        gn_timer_start(&proof->again, AGAIN_MS);
        gn_timer_start(&proof->timeout, bmc->fleet->config.proof_timeout_ms + AGAIN_MS);
        return;
    }
    proof->form = next_form(bmc);
    if (proof->form < GN_TEST_FORMS) {
        submit(bmc);
        return;
    }
    proof->is_refused = true;
    look_why(bmc);
}

static void submit(struct gn_bmc *bmc)
{
    struct bmc_proof *proof = &bmc->proof;
    struct gn_test_want want;
    struct gn_bmc_request request = {.method = "POST", .uri = bmc->service.test_target};
    struct gn_buf body = gn_buf_with_limit((size_t)16 << 10);
    enum gn_err err;

    want_of(bmc, &want);
    gn_test_body(proof->form, &proof->info, &want, &body);
    request.body = gn_buf_str(&body);
    proof->asked_us = gn_clock_mono_us();
    err = gn_buf_err(&body) == GN_OK
              ? gn_bmc_send(bmc->link, &request, on_submitted, bmc, &proof->call)
              : gn_buf_err(&body);
    gn_buf_free(&body);
    if (err == GN_OK)
        return;
    proof->call = NULL;
    give_up(bmc, gn_err_text(err));
}

static void on_again(void *ctx)
{
    struct gn_bmc *bmc = ctx;

    if (bmc->proof.is_running && bmc->proof.call == NULL)
        submit(bmc);
}

static void choose_form(struct gn_bmc *bmc)
{
    struct bmc_proof *proof = &bmc->proof;
    const struct gn_kept_model *model = gn_memory_model(bmc->fleet->memory, bmc->facts.model_key);

    proof->form = gn_test_first(&proof->info, gn_str_of(bmc->facts.vendor));
    proof->is_learnt = model != NULL && model->form < GN_TEST_FORMS;
    if (proof->is_learnt)
        proof->form = model->form;
    (void)snprintf(proof->message_id, sizeof proof->message_id, "%s",
                   proof->info.message_id[0] != '\0' ? proof->info.message_id : DEFAULT_MESSAGE_ID);
}

static void on_info(void *ctx, const struct gn_bmc_answer *answer)
{
    struct gn_bmc *bmc = ctx;

    bmc->proof.call = NULL;
    if (gn_bmc_is_done(answer) && answer->body != NULL) {
        gn_test_info_read(answer->body, &bmc->proof.info);
        bmc->proof.info_is_read = true;
    }
    choose_form(bmc);
    submit(bmc);
}

static void ask_info(struct gn_bmc *bmc)
{
    const struct gn_bmc_request request = {.method = "GET", .uri = bmc->service.test_info};

    if (bmc->service.test_info[0] != '\0' && !bmc->proof.info_is_read &&
        gn_bmc_send(bmc->link, &request, on_info, bmc, &bmc->proof.call) == GN_OK)
        return;
    bmc->proof.call = NULL;
    choose_form(bmc);
    submit(bmc);
}

static void make_nonce(struct bmc_proof *proof)
{
    struct gn_id id = gn_id_random();

    /* digits and letters only; short, for EventId fields of small rooms */
    (void)snprintf(proof->nonce, sizeof proof->nonce, "gurnard%.8s%.4s", id.text, id.text + 9);
}

static void end_impossible(struct gn_bmc *bmc)
{
    gn_timer_stop(&bmc->proof.again);
    if (bmc->service.test_target[0] == '\0' && gn_bmc_state_is_good(bmc->state)) {
        /* nobody can be asked for an event: the subscription stands unproven */
        end_proof(bmc);
        bmc->proof.is_proven = false;
        (void)snprintf(bmc->proof.reason, sizeof bmc->proof.reason, "%s",
                       "the BMC offers no test event");
        gn_bmc_settle_state(bmc);
        tell_askers(bmc);
        return;
    }
    end_proof(bmc);
    bmc->proof.is_known = false;
    bmc->proof.is_proven = false;
    (void)snprintf(bmc->proof.reason, sizeof bmc->proof.reason, "%s",
                   bmc->reason[0] != '\0' ? bmc->reason : "there is no subscription");
    tell_askers(bmc);
}

/* Whether a test event makes sense now. */
static bool is_possible(const struct gn_bmc *bmc)
{
    return bmc->facts.is_known && bmc->service.test_target[0] != '\0' &&
           (bmc->current[0].uri[0] != '\0' || gn_bmc_stream_is_open(bmc));
}

void gn_bmc_proof_start(struct gn_bmc *bmc, struct bmc_asker *asker)
{
    struct bmc_proof *proof = &bmc->proof;

    if (asker != NULL) {
        TAILQ_INSERT_TAIL(&proof->askers, asker, link);
        proof->asker_count++;
    }
    if (proof->is_running)
        return;
    proof->is_running = true;
    proof->is_refused = false;
    proof->came_by_stream = false;
    proof->asked_us = 0;
    proof->came_us = 0;
    proof->again_count = 0;
    make_nonce(proof);
    gn_time_format(gn_clock_real_ns() / 1000000000 * 1000000000, proof->timestamp);
    if (!is_possible(bmc)) {
        end_impossible(bmc);
        return;
    }
    gn_timer_start(&proof->timeout, bmc->fleet->config.proof_timeout_ms);
    ask_info(bmc);
}

/* ---- what comes ---- */

bool gn_bmc_proof_take(struct gn_bmc *bmc, struct gn_str body, bool by_stream)
{
    struct bmc_proof *proof = &bmc->proof;
    uint64_t now_us = gn_clock_mono_us();

    if (!proof->is_running || proof->asked_us == 0)
        return false;
    if (!gn_test_has_nonce(body, gn_str_of(proof->nonce)) &&
        (now_us - proof->asked_us > KEY_PROOF_MS * 1000ULL ||
         !gn_test_has_key(body, sent_message_id(bmc))))
        return false;
    if (by_stream && bmc->spec.way != GN_BMC_WAY_SSE && bmc->current[0].uri[0] != '\0') {
        proof->came_by_stream = true; /* push has its time still */
        return true;
    }
    proof->came_by_stream = by_stream;
    if (proof->call != NULL)
        proof->came_us = now_us; /* the request's own answer is awaited: it may teach a form */
    else
        succeed(bmc, now_us);
    return true;
}

/* ---- life ---- */

void gn_bmc_proof_init(struct gn_bmc *bmc)
{
    TAILQ_INIT(&bmc->proof.askers);
    gn_timer_init(&bmc->proof.timeout, bmc->fleet->loop, on_timeout, bmc);
    gn_timer_init(&bmc->proof.again, bmc->fleet->loop, on_again, bmc);
}

void gn_bmc_proof_fini(struct gn_bmc *bmc)
{
    struct bmc_proof *proof = &bmc->proof;

    if (proof->call != NULL)
        gn_bmc_cancel(proof->call);
    proof->call = NULL;
    gn_timer_fini(&proof->timeout);
    gn_timer_fini(&proof->again);
    gn_defer_cancel(&proof->ended);
    if (proof->is_running) /* else what it ended with is still to be told */
        proof->result =
            (struct gn_bmcs_proof){.way = "push", .reason = "the BMC left the inventory"};
    on_ended(bmc);
}
