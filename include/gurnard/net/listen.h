/* Listening sockets. */
#ifndef GURNARD_NET_LISTEN_H
#define GURNARD_NET_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include "gurnard/base/defs.h"
#include "gurnard/base/err.h"

/* Opens a non-blocking TCP listening socket. address: "" for all addresses of both families
 * (dual-stack, or IPv4 alone where the kernel has no IPv6), else an IPv4 or IPv6 literal, without
 * brackets, or "localhost". port 0: the kernel chooses. *fd is owned by the caller; *bound_port
 * gets the port (may be NULL). GN_EINVAL: no such address; GN_EEXIST: the port is taken; GN_EIO. */
GN_MUST_CHECK enum gn_err gn_listen_tcp(const char *address, uint16_t port, int *fd,
                                        uint16_t *bound_port);

/* Splits "host:port", ":port", "[v6]:port" or "port" as --metrics-addr takes it. host gets at most
 * host_size - 1 bytes. GN_EINVAL. */
GN_MUST_CHECK enum gn_err gn_listen_parse(const char *text, char *host, size_t host_size,
                                          uint16_t *port);

#endif
