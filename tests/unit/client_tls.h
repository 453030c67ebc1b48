/* Tests of the Redfish client: certificates. They are made anew for each run. */
#ifndef GN_TESTS_CLIENT_TLS_H
#define GN_TESTS_CLIENT_TLS_H

#include "client_bed.h"
#include "gurnard/base/file.h"

static char tls_dir[] = "/tmp/gurnard-test-client-XXXXXX";

static const char *tls_file(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", tls_dir, name);
    return path;
}

/* Two that sign themselves. */
static int make_certificates(void **state)
{
    char command[1024];

    (void)state;
    if (mkdtemp(tls_dir) == NULL)
        return -1;
    snprintf(command, sizeof(command),
             "cd %s && for n in one two; do openssl req -x509 -nodes -newkey ec -pkeyopt "
             "ec_paramgen_curve:P-256 -keyout $n.key -out $n.pem -days 2 -subj /CN=bmc -addext "
             "subjectAltName=IP:127.0.0.1 2>/dev/null || exit 1; done",
             tls_dir);
    return system(command);
}

static int remove_certificates(void **state)
{
    (void)state;
    unlink(tls_file("one.key"));
    unlink(tls_file("one.pem"));
    unlink(tls_file("two.key"));
    unlink(tls_file("two.pem"));
    return rmdir(tls_dir);
}

/* From now on the BMC speaks TLS and shows NAME.pem, on the same port as before. */
static void show_certificate(struct bed *bed, const char *certificate, const char *key)
{
    struct gn_buf pem = GN_BUF_INIT;
    struct gn_buf key_text = GN_BUF_INIT;
    struct gn_http_server_tls tls;

    gn_http_server_free(bed->server);
    turns(bed, 3);
    assert_int_equal(gn_file_read(tls_file(certificate), 65536, &pem), GN_OK);
    assert_int_equal(gn_file_read(tls_file(key), 65536, &key_text), GN_OK);
    tls = (struct gn_http_server_tls){gn_buf_str(&pem), gn_buf_str(&key_text)};
    start_server(bed, &tls);
    gn_buf_free(&pem);
    gn_buf_free(&key_text);
}

static const struct row tls_rows[] = {{"GET", "/a", BASIC, 0, 200, {NULL}, "{}"},
                                      {"GET", "/held", BASIC, 0, HOLD, {NULL}, NULL},
                                      LAST_ROW};

struct pinned {
    unsigned count;
    uint8_t pin[32];
};

static void keep_pin(void *ctx, const uint8_t pin[32])
{
    struct pinned *pinned = ctx;

    pinned->count++;
    memcpy(pinned->pin, pin, 32);
}

static void use_tls(struct bed *bed, enum gn_bmc_tls tls, const char *ca_file, const uint8_t *pin,
                    struct pinned *pinned)
{
    const struct gn_bmc_link_config config = {.name = "b1",
                                              .base = bed->base,
                                              .auth = GN_BMC_AUTH_BASIC,
                                              .tls = tls,
                                              .ca_file = ca_file,
                                              .pin = pin};

    gn_bmc_link_free(bed->link);
    bed->rows = tls_rows;
    bed->link = gn_bmc_link_new(bed->client, &config, pinned != NULL ? keep_pin : NULL, pinned);
    assert_non_null(bed->link);
    log_in_as(bed->link, USER, PASSWORD);
}

static void a_certificate_of_an_unknown_ca_is_refused_and_nothing_is_sent(void **state)
{
    struct bed *bed = *state;
    struct got got;

    show_certificate(bed, "one.pem", "one.key");
    use_tls(bed, GN_BMC_TLS_VERIFY, NULL, NULL, NULL);
    got = ask_now(bed, "GET", "/a");
    assert_int_equal(got.end, GN_BMC_END_TLS);
    assert_string_equal(got.reason, "the certificate is self-signed or of an unknown CA");
    use_tls(bed, GN_BMC_TLS_VERIFY, tls_file("two.pem"), NULL, NULL);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_TLS);
    assert_int_equal(bed->seen_count, 0);
    assert_true(prints(bed, "gurnard_bmc_requests_total{result=\"tls\"} 2\n"));
    use_tls(bed, GN_BMC_TLS_OFF, NULL, NULL, NULL);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
}

static void a_certificate_of_a_known_ca_is_taken(void **state)
{
    struct bed *bed = *state;

    show_certificate(bed, "one.pem", "one.key");
    use_tls(bed, GN_BMC_TLS_VERIFY, tls_file("one.pem"), NULL, NULL);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
}

static void the_pinned_certificate_is_taken_and_another_is_not(void **state)
{
    struct bed *bed = *state;
    struct pinned pinned = {0};
    struct got got;

    show_certificate(bed, "one.pem", "one.key");
    use_tls(bed, GN_BMC_TLS_TOFU, NULL, NULL, &pinned); /* tells us the pin */
    ask_now(bed, "GET", "/a");
    wait_for(bed, &pinned.count, 1);
    use_tls(bed, GN_BMC_TLS_PIN, NULL, pinned.pin, NULL);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    pinned.pin[31] ^= 1;
    use_tls(bed, GN_BMC_TLS_PIN, NULL, pinned.pin, NULL);
    got = ask_now(bed, "GET", "/a");
    assert_int_equal(got.end, GN_BMC_END_TLS);
    assert_string_equal(got.reason, "the certificate is not the one that is pinned");
    assert_int_equal(bed->seen_count, 2);
}

static void trust_on_first_use_pins_what_it_sees_and_refuses_a_change(void **state)
{
    struct bed *bed = *state;
    struct pinned pinned = {0};
    struct pinned again = {0};

    show_certificate(bed, "one.pem", "one.key");
    use_tls(bed, GN_BMC_TLS_TOFU, NULL, NULL, &pinned);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    wait_for(bed, &pinned.count, 1);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    show_certificate(bed, "two.pem", "two.key");
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_TLS);
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_TLS);
    assert_int_equal(bed->seen_count, 2);
    assert_int_equal(pinned.count, 1);
    use_tls(bed, GN_BMC_TLS_TOFU, NULL, pinned.pin, &again); /* after a restart */
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_TLS);
    show_certificate(bed, "one.pem", "one.key");
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    assert_int_equal(again.count, 0);
}

static void trust_on_first_use_pins_nothing_without_an_answer(void **state)
{
    static const struct row rows[] = {{"GET", "/a", NULL, 0, DROP, {NULL}, NULL}, LAST_ROW};
    struct bed *bed = *state;
    struct pinned pinned = {0};

    show_certificate(bed, "one.pem", "one.key");
    use_tls(bed, GN_BMC_TLS_TOFU, NULL, NULL, &pinned);
    bed->rows = rows;
    assert_int_equal(ask_now(bed, "GET", "/a").end, GN_BMC_END_UNREACHABLE);
    bed->rows = tls_rows;
    show_certificate(bed, "two.pem", "two.key");
    assert_int_equal(pinned.count, 0);
    assert_int_equal(ask_now(bed, "GET", "/a").status, 200);
    wait_for(bed, &pinned.count, 1);
}

static void trust_on_first_use_makes_one_connection_until_it_knows_the_certificate(void **state)
{
    struct bed *bed = *state;
    struct gn_bmc_request request = {.method = "GET", .uri = "/held", .is_anonymous = true};
    static const struct row rows[] = {{"GET", "/held", NULL, 0, HOLD, {NULL}, NULL}, LAST_ROW};
    struct pinned pinned = {0};
    struct got got = {0};

    show_certificate(bed, "one.pem", "one.key");
    use_tls(bed, GN_BMC_TLS_TOFU, NULL, NULL, &pinned);
    bed->rows = rows;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(gn_bmc_send(bed->link, &request, on_answer, &got, NULL), GN_OK);
    wait_for(bed, &bed->held_count, 1);
    settle(bed);
    assert_int_equal(bed->held_count, 1);
    release(bed, 200, NULL, NULL);
    wait_for(bed, &bed->held_count, 3);
    release(bed, 200, NULL, NULL);
    release(bed, 200, NULL, NULL);
    wait_for(bed, &got.count, 3);
    assert_int_equal(pinned.count, 1);
}

#endif
