/* Who we are and whom we trust: TLS, SASL and what the open frame says. All files are read for each
 * connection anew, so that a renewed certificate is taken without a restart. */
#include <errno.h>
#include <fcntl.h>
#include <proton/connection.h>
#include <proton/logger.h>
#include <proton/sasl.h>
#include <proton/ssl.h>
#include <proton/transport.h>
#include <string.h>
#include <unistd.h>

#include "gurnard/base/log.h"

#include "amqp_priv.h"

const char *gn_amqp_check_config(const struct gn_amqp_config *config)
{
    if (config->sasl == GN_AMQP_SASL_PLAIN && (config->user == NULL || *config->user == '\0'))
        return "PLAIN needs a user";
    if (config->sasl == GN_AMQP_SASL_PLAIN && !config->use_tls && !config->allow_insecure)
        return "PLAIN would show the password to everybody on the way: it needs TLS";
    if (config->sasl == GN_AMQP_SASL_EXTERNAL && (!config->use_tls || config->cert_file == NULL))
        return "EXTERNAL needs TLS and a certificate of ours";
    return NULL;
}

/* ---- the library's own log ---- */

/* Its lines say nothing that its conditions do not say, and do not know our format. */
static void drop_line(intptr_t sink_context, pn_log_subsystem_t subsystem, pn_log_level_t severity,
                      const char *message)
{
    (void)sink_context;
    (void)subsystem;
    (void)severity;
    (void)message;
}

void gn_amqp_silence_library(void)
{

    pn_logger_set_log_sink(pn_default_logger(), drop_line, 0);
}

/* ---- TLS ---- */

/* A file that cannot be read is told with its name: the library would only say no. */
static bool can_read(struct gn_amqp *amqp, const char *path)
{
    int fd;

    if (path == NULL)
        return true;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        gn_amqp_break(amqp, "%s: %s", path, strerror(errno));
        return false;
    }
    (void)close(fd); /* nothing was written */
    return true;
}

/* The empty password keeps OpenSSL from asking for one on the terminal. */
static bool set_up_domain(struct gn_amqp *amqp, pn_ssl_domain_t *domain)
{
    const struct gn_amqp_config *config = &amqp->config;
    pn_ssl_verify_mode_t mode = config->verify ? PN_SSL_VERIFY_PEER_NAME : PN_SSL_ANONYMOUS_PEER;
    const char *key_file = config->key_file != NULL ? config->key_file : config->cert_file;

    if (!can_read(amqp, config->ca_file) || !can_read(amqp, config->cert_file) ||
        !can_read(amqp, config->key_file))
        return false;
    if (config->ca_file != NULL && pn_ssl_domain_set_trusted_ca_db(domain, config->ca_file) != 0) {
        gn_amqp_break(amqp, "%s: no certificates in it", config->ca_file);
        return false;
    }
    if (config->cert_file != NULL &&
        pn_ssl_domain_set_credentials(domain, config->cert_file, key_file, "") != 0) {
        gn_amqp_break(amqp, "%s and %s: no certificate with its key", config->cert_file, key_file);
        return false;
    }
    if (pn_ssl_domain_set_protocols(domain, "TLSv1.2 TLSv1.3") != 0 ||
        pn_ssl_domain_set_peer_authentication(domain, mode, NULL) != 0) {
        gn_amqp_break(amqp, "TLS cannot be set up");
        return false;
    }
    return true;
}

/* The domain lives on in the transport. */
static bool set_up_tls(struct gn_amqp *amqp)
{
    pn_ssl_domain_t *domain = pn_ssl_domain(PN_SSL_MODE_CLIENT);
    pn_ssl_t *ssl = NULL;
    bool is_good = false;

    if (domain == NULL) {
        gn_amqp_break(amqp, "no TLS");
        return false;
    }
    if (set_up_domain(amqp, domain)) {
        ssl = pn_ssl(amqp->driver.transport);
        is_good = ssl != NULL && pn_ssl_init(ssl, domain, NULL) == 0 &&
                  pn_ssl_set_peer_hostname(ssl, amqp->config.host) == 0;
        if (!is_good)
            gn_amqp_break(amqp, "TLS cannot be begun");
    }
    pn_ssl_domain_free(domain);
    return is_good;
}

/* With TLS 1.3 the peer's no to our certificate comes after the handshake, as an alert. */
bool gn_amqp_is_tls_denial(const char *text)
{
    static const char *const alerts[] = {
        "alert bad certificate",     "alert certificate required",   "alert certificate revoked",
        "alert certificate expired", "alert certificate unknown",    "alert unknown ca",
        "alert access denied",       "alert unsupported certificate"};

    for (size_t i = 0; i < GN_LEN(alerts); i++)
        if (strstr(text, alerts[i]) != NULL)
            return true;
    return false;
}

/* ---- SASL ---- */

static void set_up_sasl(struct gn_amqp *amqp)
{
    pn_connection_t *connection = amqp->driver.connection;
    const char *mechanism = "ANONYMOUS";
    pn_sasl_t *sasl;

    if (amqp->config.sasl == GN_AMQP_SASL_NONE)
        return;
    if (amqp->config.sasl == GN_AMQP_SASL_EXTERNAL)
        mechanism = "EXTERNAL";
    sasl = pn_sasl(amqp->driver.transport);
    if (amqp->config.sasl == GN_AMQP_SASL_PLAIN) {
        mechanism = "PLAIN";
        pn_connection_set_user(connection, amqp->config.user);
        pn_connection_set_password(connection,
                                   amqp->password.len > 0 ? gn_secret_str(&amqp->password).p : "");
        pn_sasl_set_allow_insecure_mechs(sasl, amqp->config.allow_insecure);
    }
    pn_sasl_allowed_mechs(sasl, mechanism);
}

bool gn_amqp_prepare(struct gn_amqp *amqp)
{
    pn_connection_t *connection = amqp->driver.connection;
    pn_transport_t *transport = amqp->driver.transport;

    pn_logger_set_log_sink(pn_transport_logger(transport), drop_line, 0);
    pn_connection_set_container(connection, amqp->config.container_id);
    pn_connection_set_hostname(connection, amqp->config.host);
    if (amqp->config.use_tls && !set_up_tls(amqp))
        return false;
    set_up_sasl(amqp);
    pn_transport_set_idle_timeout(transport, amqp->config.idle_timeout_ms);
    pn_transport_set_max_frame(transport, amqp->config.max_frame_bytes);
    pn_connection_open(connection);
    if (pn_connection_driver_bind(&amqp->driver) != 0) {
        gn_amqp_break(amqp, "no memory");
        return false;
    }
    pn_connection_set_password(connection, NULL); /* wipes it; the transport has it */
    return true;
}
