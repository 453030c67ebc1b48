/* The forms of --transport-host. */
#include "gurnard/app/transport_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "gurnard/base/id.h"

static void every_form_of_the_replaced_programs_is_understood(void **state)
{
    static const struct {
        const char *text;
        enum gn_transport_kind kind;
        const char *url, *host;
        uint16_t port;
    } rows[] = {
        {"", GN_TRANSPORT_HTTP, "", "localhost", 0},
        {"http://localhost:9043", GN_TRANSPORT_HTTP, "http://localhost:9043", "localhost", 9043},
        {"http://localhost:9043/", GN_TRANSPORT_HTTP, "http://localhost:9043/", "localhost", 9043},
        {"https://svc.ns:9043", GN_TRANSPORT_HTTP, "https://svc.ns:9043", "svc.ns", 9043},
        {"svc.ns:9043", GN_TRANSPORT_HTTP, "http://svc.ns:9043", "svc.ns", 9043},
        {"http://svc", GN_TRANSPORT_HTTP, "http://svc", "svc", 0},
        {"http://[2001:db8::1]:9043", GN_TRANSPORT_HTTP, "http://[2001:db8::1]:9043", "2001:db8::1",
         9043},
        {"amqp:localhost:5672", GN_TRANSPORT_AMQP, "amqp://localhost:5672", "localhost", 5672},
        {"amqp://router:5673", GN_TRANSPORT_AMQP, "amqp://router:5673", "router", 5673},
        {"amqp://router:", GN_TRANSPORT_AMQP, "amqp://router", "router", 5672},
        {"amqp://router", GN_TRANSPORT_AMQP, "amqp://router", "router", 5672},
        {"amqps://router", GN_TRANSPORT_AMQP, "amqps://router", "router", 5671},
        {"AMQP://router", GN_TRANSPORT_AMQP, "amqp://router", "router", 5672},
        {"amqp://nohup", GN_TRANSPORT_NONE, "", "localhost", 0},
        {"amqp:nohup", GN_TRANSPORT_NONE, "", "localhost", 0},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_transport_host host;

        assert_int_equal(gn_transport_host_parse(gn_str_of(rows[i].text), GN_STR("n"), GN_STR(""),
                                                 &host),
                         GN_OK);
        assert_int_equal(host.kind, rows[i].kind);
        assert_string_equal(host.url, rows[i].url);
        assert_string_equal(host.host, rows[i].host);
        assert_int_equal(host.port, rows[i].port);
        gn_transport_host_free(&host);
    }
}

static void what_has_no_form_is_refused(void **state)
{
    static const char *const rows[] = {"ftp://h:1", "http://",        "amqp://", "http://h:0",
                                       "h:p:q",     "http://u:p@h:1", "a b"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_transport_host host;

        assert_int_equal(
            gn_transport_host_parse(gn_str_of(rows[i]), GN_STR("n"), GN_STR(""), &host), GN_EINVAL);
        gn_transport_host_free(&host);
    }
}

static void the_node_is_put_in_by_address_or_by_name_up_to_the_dot(void **state)
{
    static const struct {
        const char *text, *name, *ip, *want;
    } rows[] = {
        {"http://svc-NODE_NAME.ns:9043", "n1.lab", "", "http://svc-n1.ns:9043"},
        {"http://NODE_IP:9043", "n1", "192.0.2.1", "http://192.0.2.1:9043"},
        {"http://NODE_IP:9043", "n1", "", "http://NODE_IP:9043"},
        {"http://NODE_NAME:9043", "n1", "192.0.2.1", "http://NODE_NAME:9043"},
        {"http://NODE_NAME/NODE_NAME", "n1", "", "http://n1/NODE_NAME"},
        {"http://h", "n1", "192.0.2.1", "http://h"},
        {"", "n1", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        struct gn_buf out = GN_BUF_INIT;

        gn_buf_puts(&out, "");
        gn_transport_host_expand(gn_str_of(rows[i].text), gn_str_of(rows[i].name),
                                 gn_str_of(rows[i].ip), &out);
        assert_true(gn_str_eq(gn_buf_str(&out), gn_str_of(rows[i].want)));
        gn_buf_free(&out);
    }
}

/* The original makes a client's id of this very text. */
static void the_url_gives_the_client_ids_of_the_original(void **state)
{
    struct gn_transport_host host;

    (void)state;
    assert_int_equal(
        gn_transport_host_parse(GN_STR("localhost:9044"), GN_STR("n"), GN_STR(""), &host), GN_OK);
    assert_string_equal(gn_id_v3_url(gn_str_of(host.url)).text,
                        "a31e8e45-5c86-3f28-ba1b-09f5084ca515");
    gn_transport_host_free(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_the_replaced_programs_is_understood),
        cmocka_unit_test(what_has_no_form_is_refused),
        cmocka_unit_test(the_node_is_put_in_by_address_or_by_name_up_to_the_dot),
        cmocka_unit_test(the_url_gives_the_client_ids_of_the_original),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
