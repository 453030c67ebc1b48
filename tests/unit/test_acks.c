/* Acknowledgements to publishers, over a transport that the test answers for. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/log.h"
#include "gurnard/relay/acks.h"

#include "fake_transport.h"

#define TURNS_MAX 20000 /* bound of any wait; never reached when the code is right */
#define TYPE      GN_STR("event.redfish.alert")

struct bed {
    char folder[64];
    struct gn_loop *loop;
    struct gn_worker *worker;
    struct gn_pubsub *pubsub;
    struct fake_transport *fake;
    struct gn_metrics *metrics;
    struct gn_cne_figures *figures;
    struct gn_acks *acks;
};

static int set_up(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);
    struct gn_acks_parts parts;

    assert_non_null(bed);
    (void)snprintf(bed->folder, sizeof bed->folder, "/tmp/gn_acks_XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    bed->loop = gn_loop_new(NULL);
    bed->worker = gn_worker_new(bed->loop, "test");
    assert_int_equal(gn_pubsub_open(bed->folder, bed->worker, NULL, &bed->pubsub), GN_OK);
    bed->fake = fake_transport_new(bed->loop);
    bed->metrics = gn_metrics_new();
    bed->figures = gn_cne_figures_new(bed->metrics);
    parts = (struct gn_acks_parts){bed->loop, bed->pubsub, &bed->fake->base, bed->figures,
                                   bed->metrics};
    bed->acks = gn_acks_new(&parts);
    assert_non_null(bed->acks);
    *state = bed;
    return 0;
}

static void settle(struct bed *bed)
{
    for (int i = 0; i < TURNS_MAX && gn_acks_active(bed->acks) > 0; i++)
        assert_int_equal(gn_loop_turn(bed->loop, 0), GN_OK);
    assert_int_equal(gn_acks_active(bed->acks), 0);
}

static void turns(struct bed *bed, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(gn_loop_turn(bed->loop, 0), GN_OK);
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    char lock[96];

    gn_acks_stop(bed->acks);
    settle(bed);
    gn_acks_free(bed->acks);
    gn_cne_figures_free(bed->figures);
    bed->fake->base.ops->free(&bed->fake->base);
    gn_pubsub_close(bed->pubsub);
    gn_worker_free(bed->worker);
    gn_loop_free(bed->loop);
    gn_metrics_free(bed->metrics);
    (void)snprintf(lock, sizeof lock, "%s/lock", bed->folder);
    (void)unlink(lock);
    (void)rmdir(bed->folder);
    free(bed);
    return 0;
}

/* A publisher whose endpoint is there; "" for none. */
static struct gn_pubsub_item *publisher(struct bed *bed, const char *endpoint)
{
    struct gn_pubsub_item *item = NULL;
    struct gn_str uri = endpoint[0] == '\0' ? GN_STR_NONE : gn_str_of(endpoint);
    char resource[96];

    (void)snprintf(resource, sizeof resource, "/of/%s", endpoint);
    assert_int_equal(gn_pubsub_add(bed->pubsub, GN_PUBLISHER, gn_str_of(resource), uri,
                                   "http://localhost:1/", &item),
                     GN_OK);
    return item;
}

static void tell(struct bed *bed, const struct gn_pubsub_item *item, bool is_success)
{
    gn_acks_tell(bed->acks, gn_str_of(item->id), TYPE, is_success);
}

static bool prints(struct bed *bed, const char *line)
{
    struct gn_buf text = GN_BUF_INIT;
    char whole[256];
    bool has;

    gn_metrics_print(bed->metrics, &text);
    (void)snprintf(whole, sizeof whole, "\n%s\n", line);
    has = strstr(text.data, whole) != NULL;
    gn_buf_free(&text);
    return has;
}

static void the_publisher_is_told_in_the_words_of_the_original(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *item = publisher(bed, "fake://p");
    char body[128];

    tell(bed, item, true);
    tell(bed, item, false);
    assert_int_equal(bed->fake->note_count, 0); /* in a later turn */
    turns(bed, 10);
    assert_int_equal(bed->fake->note_count, 2);
    (void)snprintf(body, sizeof body, "{eventId:\"%s\",status:\"SUCCESS\"}", item->id);
    assert_string_equal(bed->fake->notes[0].body, body);
    assert_string_equal(bed->fake->notes[0].address, "fake://p");
    assert_string_equal(bed->fake->notes[0].content_type, "Content-Type: application/json");
    (void)snprintf(body, sizeof body, "{eventId:\"%s\",status:\"FAILED\"}", item->id);
    assert_string_equal(bed->fake->notes[1].body, body);
    assert_true(prints(bed, "gurnard_acks_total{status=\"success\"} 1"));
    assert_true(prints(bed, "gurnard_acks_total{status=\"failed\"} 1"));
    assert_true(prints(bed, "cne_events_ack{status=\"success\",type=\"event.redfish.alert\"} 1"));
    assert_true(prints(bed, "cne_events_ack{status=\"failed\",type=\"event.redfish.alert\"} 1"));
}

static void who_is_no_publisher_or_has_no_endpoint_is_not_told(void **state)
{
    struct bed *bed = *state;

    gn_acks_tell(bed->acks, GN_STR("nobody"), TYPE, true);
    gn_acks_tell(bed->acks, GN_STR_NONE, TYPE, true);
    tell(bed, publisher(bed, ""), true);
    turns(bed, 5);
    assert_int_equal(bed->fake->note_count, 0);
}

static void one_at_a_time_and_in_order(void **state)
{
    static const bool verdicts[] = {true, true, false, true, false, false, true};
    struct bed *bed = *state;
    struct gn_pubsub_item *item = publisher(bed, "fake://p");

    for (size_t i = 0; i < GN_LEN(verdicts); i++)
        tell(bed, item, verdicts[i]);
    turns(bed, 40);
    assert_int_equal(bed->fake->note_count, GN_LEN(verdicts));
    for (size_t i = 0; i < GN_LEN(verdicts); i++)
        assert_int_equal(strstr(bed->fake->notes[i].body, "SUCCESS") != NULL, verdicts[i]);
    assert_int_equal(fake_rule(bed->fake, "fake://p")->most_active, 1);
}

static void a_publisher_that_does_not_answer_delays_no_other(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *silent = publisher(bed, "fake://silent");
    struct gn_pubsub_item *well = publisher(bed, "fake://well");

    fake_rule(bed->fake, "fake://silent")->hangs = true;
    for (int i = 0; i < 3; i++) {
        tell(bed, silent, true);
        tell(bed, well, true);
    }
    turns(bed, 20);
    assert_int_equal(fake_count(bed->fake, "fake://silent"), 1);
    assert_int_equal(fake_count(bed->fake, "fake://well"), 3);
    assert_int_equal(gn_acks_active(bed->acks), 1);
}

static void what_a_publisher_did_not_take_is_not_repeated(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *item = publisher(bed, "fake://p");
    struct fake_rule *rule = fake_rule(bed->fake, "fake://p");

    rule->err = GN_ECONN;
    rule->times = 1;
    tell(bed, item, true);
    tell(bed, item, true);
    turns(bed, 20);
    assert_int_equal(bed->fake->note_count, 2);
    assert_true(prints(bed, "gurnard_acks_total{status=\"untold\"} 1"));
    assert_true(prints(bed, "gurnard_acks_total{status=\"success\"} 1"));
    assert_true(prints(bed, "cne_events_ack{status=\"success\",type=\"event.redfish.alert\"} 2"));
}

static void an_endpoint_that_cannot_be_sent_to_holds_nothing_up(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *strange = publisher(bed, "amqp://p");
    struct gn_pubsub_item *poor = publisher(bed, "fake://poor");
    struct gn_pubsub_item *well = publisher(bed, "fake://well");

    fake_rule(bed->fake, "fake://poor")->send_err = GN_ENOMEM;
    for (int i = 0; i < 100; i++) {
        tell(bed, strange, true);
        tell(bed, poor, false);
    }
    tell(bed, well, true);
    turns(bed, 20);
    assert_int_equal(bed->fake->note_count, 1);
    assert_true(prints(bed, "gurnard_acks_total{status=\"untold\"} 200"));
}

static void a_publisher_deleted_meanwhile_is_told_no_more(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *item = publisher(bed, "fake://p");

    tell(bed, item, true);
    gn_pubsub_remove(bed->pubsub, item);
    turns(bed, 5);
    assert_int_equal(bed->fake->note_count, 0);
}

static void so_many_posts_are_under_way_and_the_next_waits(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *item = NULL;
    char resource[32];

    fake_rule(bed->fake, "fake://shared")->hangs = true;
    for (uint32_t i = 0; i <= GN_ACKS_PUBLISHERS_MAX; i++) {
        (void)snprintf(resource, sizeof resource, "/%u", i);
        assert_int_equal(gn_pubsub_add(bed->pubsub, GN_PUBLISHER, gn_str_of(resource),
                                       GN_STR("fake://shared"), "http://localhost:1/", &item),
                         GN_OK);
        tell(bed, item, true);
    }
    turns(bed, 5);
    assert_int_equal(gn_acks_active(bed->acks), GN_ACKS_PUBLISHERS_MAX);
    assert_int_equal(bed->fake->note_count, GN_ACKS_PUBLISHERS_MAX);
}

static void beyond_the_limit_acknowledgements_are_dropped_and_counted(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *item = publisher(bed, "fake://p");
    struct gn_pubsub_item *other = publisher(bed, "fake://q");

    fake_rule(bed->fake, "fake://p")->hangs = true;
    for (uint32_t i = 0; i < GN_ACKS_QUEUED_MAX; i++)
        tell(bed, item, i % 2 == 0);
    tell(bed, item, true);
    tell(bed, other, true);
    turns(bed, 5);
    assert_int_equal(fake_count(bed->fake, "fake://q"), 0);
    assert_true(prints(bed, "gurnard_acks_dropped_total 2"));
    gn_pubsub_remove(bed->pubsub, item);
}

static void after_stop_nothing_more_is_told(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *silent = publisher(bed, "fake://silent");
    struct gn_pubsub_item *well = publisher(bed, "fake://well");

    fake_rule(bed->fake, "fake://silent")->hangs = true;
    tell(bed, silent, true);
    tell(bed, silent, false);
    turns(bed, 3);
    tell(bed, well, true);
    gn_acks_stop(bed->acks);
    tell(bed, well, true);
    settle(bed);
    turns(bed, 3);
    assert_int_equal(bed->fake->canceled, 1);
    assert_int_equal(bed->fake->note_count, 1);
    assert_true(prints(bed, "gurnard_acks_total{status=\"untold\"} 0"));
}

static void success_is_logged_in_the_words_that_tests_look_for(void **state)
{
    struct bed *bed = *state;
    struct gn_pubsub_item *item = publisher(bed, "fake://p");
    char text[1024] = "";
    int fds[2];

    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    gn_log_init(GN_LOG_INFO, GN_LOG_TEXT, fds[1]);
    for (int i = 0; i < 50; i++)
        tell(bed, item, true);
    turns(bed, 200);
    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, "SUCCESS to publisher"));
    assert_non_null(strstr(text, item->id));
    assert_null(strchr(strchr(text, '\n') + 1, '\n')); /* one line, however many */
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_publisher_is_told_in_the_words_of_the_original),
        T(who_is_no_publisher_or_has_no_endpoint_is_not_told),
        T(one_at_a_time_and_in_order),
        T(a_publisher_that_does_not_answer_delays_no_other),
        T(what_a_publisher_did_not_take_is_not_repeated),
        T(an_endpoint_that_cannot_be_sent_to_holds_nothing_up),
        T(a_publisher_deleted_meanwhile_is_told_no_more),
        T(so_many_posts_are_under_way_and_the_next_waits),
        T(beyond_the_limit_acknowledgements_are_dropped_and_counted),
        T(after_stop_nothing_more_is_told),
        T(success_is_logged_in_the_words_that_tests_look_for),
    };
#undef T

    gn_log_init(GN_LOG_ERROR, GN_LOG_TEXT, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
