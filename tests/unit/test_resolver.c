/* Look-ups, answered by a getaddrinfo() of our own: nothing leaves this machine. */
#include "gurnard/net/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gurnard/base/clock.h"

#define WAIT_MS 5000

/* ---- the system's part ---- */

static sem_t slow; /* posted by who lets the look-up of "slow" go on */
static _Atomic unsigned asked;

static struct addrinfo *entry(int family, struct addrinfo *next)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in6 room;
    } *one = calloc(1, sizeof *one);

    assert_non_null(one);
    one->room.sin6_family = (sa_family_t)family;
    one->info.ai_family = family;
    one->info.ai_addr = (struct sockaddr *)&one->room;
    one->info.ai_addrlen =
        family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    one->info.ai_next = next;
    return &one->info;
}

/* Takes the place of the C library's. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **res)
{
    static const struct {
        const char *name;
        int code;
    } failures[] = {{"none", EAI_NONAME},
                    {"again", EAI_AGAIN},
                    {"memory", EAI_MEMORY},
                    {"fail", EAI_FAIL},
                    {"family", EAI_FAMILY}};

    (void)service;
    (void)hints;
    asked++;
    *res = NULL;
    for (size_t i = 0; i < GN_LEN(failures); i++)
        if (strcmp(node, failures[i].name) == 0)
            return failures[i].code;
    if (strcmp(node, "slow") == 0)
        while (sem_wait(&slow) != 0)
            continue;
    if (strcmp(node, "foreign") == 0)
        *res = entry(AF_UNIX, NULL);
    else if (strcmp(node, "many") == 0)
        for (unsigned i = 0; i < 20; i++)
            *res = entry(AF_INET, *res);
    else
        *res = entry(AF_INET6, entry(AF_INET, NULL));
    return 0;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *res)
{
    while (res != NULL) {
        struct addrinfo *next = res->ai_next;

        free(res);
        res = next;
    }
}

/* ---- what every test needs ---- */

struct fixture {
    struct gn_loop *loop;
    struct gn_resolver *resolver;
    struct gn_lookup *lookup;
    unsigned done;
    struct gn_addresses found;
    char reason[128];
    bool cancels; /* from inside */
};

static void on_found(void *ctx, const struct gn_addresses *addresses)
{
    struct fixture *fx = ctx;

    fx->done++;
    fx->found = *addresses;
    (void)strncpy(fx->reason, addresses->reason, sizeof fx->reason - 1);
    if (fx->cancels)
        gn_lookup_cancel(fx->lookup);
}

static int set_up(void **state)
{
    struct fixture *fx = calloc(1, sizeof *fx);

    assert_non_null(fx);
    assert_int_equal(sem_init(&slow, 0, 0), 0);
    asked = 0;
    fx->loop = gn_loop_new(NULL);
    assert_non_null(fx->loop);
    fx->resolver = gn_resolver_new(fx->loop);
    assert_non_null(fx->resolver);
    *state = fx;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    gn_resolver_free(fx->resolver);
    gn_loop_free(fx->loop);
    free(fx);
    return sem_destroy(&slow);
}

static void look_up(struct fixture *fx, const char *host)
{
    assert_int_equal(gn_resolver_look_up(fx->resolver, host, 5672, on_found, fx, &fx->lookup),
                     GN_OK);
}

static void wait_done(struct fixture *fx, unsigned done)
{
    uint64_t end_ms = gn_clock_mono_ms() + WAIT_MS;

    while (fx->done < done) {
        assert_int_equal(gn_loop_turn(fx->loop, 10), GN_OK);
        assert_true(gn_clock_mono_ms() < end_ms);
    }
}

/* ---- tests ---- */

static void a_literal_is_answered_without_asking_in_a_later_turn(void **state)
{
    struct fixture *fx = *state;

    look_up(fx, "192.0.2.1");
    assert_int_equal(fx->done, 0);
    wait_done(fx, 1);
    assert_int_equal(fx->found.err, GN_OK);
    assert_int_equal(fx->found.count, 1);
    assert_string_equal(fx->reason, "");
    assert_int_equal(fx->found.all[0].len, sizeof(struct sockaddr_in));
    assert_int_equal(fx->found.all[0].name.v4.sin_port, htons(5672));
    assert_int_equal(fx->found.all[0].name.v4.sin_addr.s_addr, htonl(0xc0000201));
    look_up(fx, "2001:db8::1");
    wait_done(fx, 2);
    assert_int_equal(fx->found.all[0].len, sizeof(struct sockaddr_in6));
    assert_int_equal(fx->found.all[0].name.v6.sin6_family, AF_INET6);
    assert_int_equal(fx->found.all[0].name.v6.sin6_port, htons(5672));
    assert_int_equal(asked, 0);
}

static void a_name_gives_its_addresses_in_order_with_the_port(void **state)
{
    struct fixture *fx = *state;

    look_up(fx, "router.example");
    wait_done(fx, 1);
    assert_int_equal(fx->found.err, GN_OK);
    assert_int_equal(fx->found.count, 2);
    assert_int_equal(fx->found.all[0].name.any.sa_family, AF_INET6);
    assert_int_equal(fx->found.all[1].name.any.sa_family, AF_INET);
    assert_int_equal(fx->found.all[0].name.v6.sin6_port, htons(5672));
    assert_int_equal(fx->found.all[1].name.v4.sin_port, htons(5672));
}

static void addresses_beyond_the_limit_are_not_looked_at(void **state)
{
    struct fixture *fx = *state;

    look_up(fx, "many");
    wait_done(fx, 1);
    assert_int_equal(fx->found.count, GN_ADDRESSES_MAX);
}

static void failures_tell_whether_there_is_sense_in_trying_again(void **state)
{
    struct fixture *fx = *state;
    static const struct {
        const char *host;
        enum gn_err err;
    } rows[] = {{"none", GN_ENOTFOUND}, {"again", GN_ETIMEOUT},   {"memory", GN_ENOMEM},
                {"fail", GN_ETIMEOUT},  {"family", GN_ENOTFOUND}, {"foreign", GN_ENOTFOUND}};

    for (unsigned i = 0; i < GN_LEN(rows); i++) {
        look_up(fx, rows[i].host);
        wait_done(fx, i + 1);
        assert_int_equal(fx->found.err, rows[i].err);
        assert_int_equal(fx->found.count, 0);
        assert_true(fx->reason[0] != '\0');
    }
}

static void names_that_cannot_be_are_refused(void **state)
{
    struct fixture *fx = *state;
    char name[255];

    memset(name, 'a', sizeof name);
    name[254] = '\0';
    assert_int_equal(gn_resolver_look_up(fx->resolver, "", 1, on_found, fx, &fx->lookup),
                     GN_EINVAL);
    assert_int_equal(gn_resolver_look_up(fx->resolver, name, 1, on_found, fx, &fx->lookup),
                     GN_EINVAL);
    name[253] = '\0';
    look_up(fx, name);
    wait_done(fx, 1);
}

static void a_canceled_look_up_is_not_answered(void **state)
{
    struct fixture *fx = *state;

    look_up(fx, "192.0.2.1");
    gn_lookup_cancel(fx->lookup);
    look_up(fx, "slow");
    gn_lookup_cancel(fx->lookup);
    look_up(fx, "unasked");
    gn_lookup_cancel(fx->lookup);
    assert_int_equal(sem_post(&slow), 0);
    look_up(fx, "router.example");
    wait_done(fx, 1);
    assert_int_equal(fx->done, 1);
    assert_in_range(asked, 1, 2); /* what had not begun was not begun */
}

static void a_look_up_may_be_canceled_while_it_is_answered(void **state)
{
    struct fixture *fx = *state;

    fx->cancels = true;
    look_up(fx, "192.0.2.1");
    wait_done(fx, 1);
    look_up(fx, "router.example");
    wait_done(fx, 2);
}

static void a_free_answers_nobody(void **state)
{
    struct fixture *fx = *state;

    look_up(fx, "192.0.2.1");
    look_up(fx, "slow");
    look_up(fx, "router.example");
    assert_int_equal(sem_post(&slow), 0);
    gn_resolver_free(fx->resolver);
    fx->resolver = NULL;
    assert_int_equal(gn_loop_turn(fx->loop, 0), GN_OK);
    assert_int_equal(fx->done, 0);
}

#define RESOLVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVER_TEST(a_literal_is_answered_without_asking_in_a_later_turn),
        RESOLVER_TEST(a_name_gives_its_addresses_in_order_with_the_port),
        RESOLVER_TEST(addresses_beyond_the_limit_are_not_looked_at),
        RESOLVER_TEST(failures_tell_whether_there_is_sense_in_trying_again),
        RESOLVER_TEST(names_that_cannot_be_are_refused),
        RESOLVER_TEST(a_canceled_look_up_is_not_answered),
        RESOLVER_TEST(a_look_up_may_be_canceled_while_it_is_answered),
        RESOLVER_TEST(a_free_answers_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
