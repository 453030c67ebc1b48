/* Listening sockets: addresses as literals only, so that nothing here asks a name server. */
#include "gurnard/net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gurnard/base/str.h"

#define PORT_MAX 65535

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t address_size(const union address *addr)
{
    return addr->any.sa_family == AF_INET6 ? sizeof(addr->v6) : sizeof(addr->v4);
}

static void set_v4(union address *addr, uint16_t port, in_addr_t ip)
{
    *addr = (union address){
        .v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)}};
}

static bool address_parse(const char *text, uint16_t port, union address *addr)
{
    if (strcmp(text, "localhost") == 0) {
        set_v4(addr, port, INADDR_LOOPBACK);
        return true;
    }
    set_v4(addr, port, INADDR_ANY);
    if (inet_pton(AF_INET, text, &addr->v4.sin_addr) == 1)
        return true;
    *addr = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    if (text[0] == '\0')
        return true; /* all zero: any address */
    return inet_pton(AF_INET6, text, &addr->v6.sin6_addr) == 1;
}

static enum gn_err error_of(int os_errno)
{
    switch (os_errno) {
    case EADDRINUSE:
        return GN_EEXIST;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return GN_EINVAL;
    default:
        return GN_EIO;
    }
}

/* is_dual: an IPv6 socket that takes IPv4 too. */
static bool prepare(int sock, const union address *addr, bool is_dual)
{
    const int yes = 1;
    const int v6_only = is_dual ? 0 : 1;

    if (setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0)
        return false;
    if (addr->any.sa_family == AF_INET6 &&
        setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) != 0)
        return false;
    return bind(sock, &addr->any, address_size(addr)) == 0 && listen(sock, SOMAXCONN) == 0;
}

static enum gn_err open_socket(const union address *addr, bool is_dual, int *fd)
{
    int sock = socket(addr->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enum gn_err err;

    if (sock < 0)
        return error_of(errno);
    if (!prepare(sock, addr, is_dual)) {
        err = error_of(errno);
        (void)close(sock); /* never used */
        return err;
    }
    *fd = sock;
    return GN_OK;
}

static enum gn_err port_of(int fd, uint16_t *port)
{
    union address addr = {.any.sa_family = AF_UNSPEC};
    socklen_t size = sizeof(addr);

    if (getsockname(fd, &addr.any, &size) != 0)
        return GN_EIO;
    *port = ntohs(addr.any.sa_family == AF_INET6 ? addr.v6.sin6_port : addr.v4.sin_port);
    return GN_OK;
}

enum gn_err gn_listen_tcp(const char *address, uint16_t port, int *fd, uint16_t *bound_port)
{
    bool is_any = address[0] == '\0';
    uint16_t bound = 0;
    union address addr;
    enum gn_err err;
    int sock = -1;

    if (!address_parse(address, port, &addr))
        return GN_EINVAL;
    err = open_socket(&addr, is_any, &sock);
    if (err == GN_EINVAL && is_any) { /* a kernel without IPv6 */
        set_v4(&addr, port, INADDR_ANY);
        err = open_socket(&addr, false, &sock);
    }
    if (err != GN_OK)
        return err;
    err = port_of(sock, &bound);
    if (err != GN_OK) {
        (void)close(sock); /* never used */
        return err;
    }
    *fd = sock;
    if (bound_port != NULL)
        *bound_port = bound;
    return GN_OK;
}

/* Cuts text into host and port; false when it has none of the known forms. */
static bool split(struct gn_str text, struct gn_str *host, struct gn_str *port)
{
    if (text.len > 0 && text.p[0] == '[') {
        *host = gn_str_cut((struct gn_str){text.p + 1, text.len - 1}, ']', port);
        if (host->len == 0 || port->len == 0 || port->p[0] != ':')
            return false;
        *port = (struct gn_str){port->p + 1, port->len - 1};
        return true;
    }
    *host = gn_str_cut(text, ':', port);
    if (port->p == NULL) { /* a port alone */
        *port = *host;
        *host = GN_STR("");
    }
    return true;
}

enum gn_err gn_listen_parse(const char *text, char *host, size_t host_size, uint16_t *port)
{
    struct gn_str name = GN_STR_NONE;
    struct gn_str number = GN_STR_NONE;
    unsigned long long value;

    if (!split(gn_str_of(text), &name, &number) || !gn_str_to_u64(number, PORT_MAX, &value))
        return GN_EINVAL;
    if (name.len >= host_size)
        return GN_EINVAL;
    memcpy(host, name.p, name.len);
    host[name.len] = '\0';
    *port = (uint16_t)value;
    return GN_OK;
}
