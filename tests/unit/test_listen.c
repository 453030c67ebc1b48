/* Listening sockets and the texts that name them. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gurnard/net/listen.h"

/* Whether a client reaches port through the IPv4 loopback address. */
static bool is_reachable(uint16_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool is_open = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;

    close(fd);
    return is_open;
}

static void a_socket_listens_on_the_port_the_kernel_chose(void **state)
{
    static const char *const addresses[] = {"", "127.0.0.1", "localhost", "0.0.0.0"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(addresses); i++) {
        uint16_t port = 0;
        int fd = -1;

        assert_int_equal(gn_listen_tcp(addresses[i], 0, &fd, &port), GN_OK);
        assert_true(port > 0);
        assert_true(is_reachable(port));
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        close(fd);
        assert_false(is_reachable(port));
    }
}

static void a_taken_port_is_told_from_other_trouble(void **state)
{
    uint16_t port = 0;
    int first = -1, second = -1;

    (void)state;
    assert_int_equal(gn_listen_tcp("127.0.0.1", 0, &first, &port), GN_OK);
    assert_int_equal(gn_listen_tcp("127.0.0.1", port, &second, NULL), GN_EEXIST);
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(gn_listen_tcp("127.0.0.1", port, &second, NULL), GN_OK);
    close(second);
}

static void what_is_no_address_here_is_refused(void **state)
{
    static const char *const addresses[] = {"example.com", "127.1",     "1.2.3.4.5",   "[::1]",
                                            "::g",         "192.0.2.1", "127.0.0.1:80"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(addresses); i++) {
        int fd = -1;

        assert_int_equal(gn_listen_tcp(addresses[i], 0, &fd, NULL), GN_EINVAL);
        assert_int_equal(fd, -1);
    }
}

static void host_and_port_are_split(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        {"9443", "", 9443},
        {":9443", "", 9443},
        {"0", "", 0},
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"localhost:65535", "localhost", 65535},
        {"[::1]:8080", "::1", 8080},
        {"[2001:db8::7]:1", "2001:db8::7", 1},
    };

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        char host[32] = "unset";
        uint16_t port = 1;

        assert_int_equal(gn_listen_parse(rows[i].text, host, sizeof(host), &port), GN_OK);
        assert_string_equal(host, rows[i].host);
        assert_int_equal(port, rows[i].port);
    }
}

static void what_is_no_host_and_port_is_refused(void **state)
{
    static const char *const texts[] = {
        "",           ":",       "host",  "host:",
        "host:65536", "h:-1",    "h:1x",  "::1:80",
        "[::1]",      "[::1]80", "[]:1",  "[::1:80",
        "h: 80",      "a:b:80",  "70000", "this-host-name-is-too-long-for-it:80"};

    (void)state;
    for (size_t i = 0; i < GN_LEN(texts); i++) {
        char host[32];
        uint16_t port;

        assert_int_equal(gn_listen_parse(texts[i], host, sizeof(host), &port), GN_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_listens_on_the_port_the_kernel_chose),
        cmocka_unit_test(a_taken_port_is_told_from_other_trouble),
        cmocka_unit_test(what_is_no_address_here_is_refused),
        cmocka_unit_test(host_and_port_are_split),
        cmocka_unit_test(what_is_no_host_and_port_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
