/* TLS of a call: which certificate is accepted, and what is told of the one that was shown.
 *
 * The check is made by OpenSSL's certificate callback, which libcurl lets us set at each new
 * connection. It also sees certificates that are refused, so that an operator can be shown what to
 * trust.
 *
 * A kept connection must not serve a call with other settings. libcurl 7.88 uses one again only
 * when SSL_VERIFYPEER, SSL_VERIFYHOST, CAINFO and CAPATH are the same (among others), and these
 * tell all our settings apart but one pin from another, of which libcurl knows nothing. So a pin is
 * also written into CAPATH. Nothing is ever read there, since the callback decides before any CA is
 * looked for; and were the callback missing, no CA would be found, and the peer refused.
 *
 * Sessions are not resumed by calls with settings of their own: a resumed one shows no certificate,
 * hence asks no callback. */
#include "http_client_priv.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

#define NO_CA_FOLDER     "/nonexistent/pin-" /* a name that belongs to nobody */
#define CA_CACHE_DEFAULT 86400L              /* libcurl's */

static CRYPTO_ONCE index_once = CRYPTO_ONCE_STATIC_INIT;
static int shown_index = -1; /* of the shown in its SSL_CTX */

/* ---- what was shown ---- */

/* Belongs to the call that made the connection, and to the connection: a peer may show a
 * certificate again (renegotiation of TLS 1.2) when the call is long gone. */
struct gn_http_shown {
    unsigned refs;
    enum gn_http_tls_check check;
    uint8_t pin[GN_HTTP_PIN_BYTES];
    bool has_cert;
    uint8_t cert_pin[GN_HTTP_PIN_BYTES];
    enum gn_http_tls_fault fault;
};

static void unref_shown(struct gn_http_shown *shown)
{
    if (shown != NULL && --shown->refs == 0)
        free(shown);
}

/* The connection's SSL_CTX ends. */
static void on_ctx_freed(void *parent, void *data, CRYPTO_EX_DATA *ad, int index, long arg,
                         void *ctx)
{
    (void)parent;
    (void)ad;
    (void)index;
    (void)arg;
    (void)ctx;
    unref_shown(data);
}

static void make_index(void)
{
    shown_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_ctx_freed);
}

bool gn_http_tls_ready(void)
{
    return CRYPTO_THREAD_run_once(&index_once, make_index) == 1 && shown_index >= 0;
}

/* ---- the check ---- */

static enum gn_http_tls_fault fault_of(int verify_error)
{
    switch (verify_error) {
    case X509_V_OK:
        return GN_HTTP_TLS_FAULT_NONE;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return GN_HTTP_TLS_FAULT_TIME;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: /* by a CA of the same name with another key */
    case X509_V_ERR_CERT_UNTRUSTED:
        return GN_HTTP_TLS_FAULT_UNKNOWN_CA;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return GN_HTTP_TLS_FAULT_NAME;
    default:
        return GN_HTTP_TLS_FAULT_OTHER;
    }
}

static bool note_cert(struct gn_http_shown *shown, X509_STORE_CTX *store)
{
    const X509 *cert = X509_STORE_CTX_get0_cert(store);

    shown->has_cert = cert != NULL && X509_digest(cert, EVP_sha256(), shown->cert_pin, NULL) == 1;
    return shown->has_cert;
}

/* Takes the place of OpenSSL's check of the chain. The host's name is compared by libcurl, after
 * the handshake. Returns 1 to accept. */
static int on_cert(X509_STORE_CTX *store, void *ctx)
{
    struct gn_http_shown *shown = ctx;
    bool is_noted = note_cert(shown, store);
    bool is_right = false;

    switch (shown->check) {
    case GN_HTTP_TLS_SYSTEM:
    case GN_HTTP_TLS_CA:
        is_right = X509_verify_cert(store) == 1;
        shown->fault = fault_of(X509_STORE_CTX_get_error(store));
        return is_right ? 1 : 0;
    case GN_HTTP_TLS_PIN:
        is_right = is_noted && memcmp(shown->cert_pin, shown->pin, GN_HTTP_PIN_BYTES) == 0;
        break;
    case GN_HTTP_TLS_OFF:
        is_right = true;
        break;
    }
    shown->fault = is_right ? GN_HTTP_TLS_FAULT_NONE : GN_HTTP_TLS_FAULT_PIN;
    X509_STORE_CTX_set_error(store, is_right ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return is_right ? 1 : 0;
}

/* libcurl makes a TLS connection for the call. */
static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *ctx)
{
    struct gn_http_call *call = ctx;
    struct gn_http_shown *shown = calloc(1, sizeof(*shown));

    (void)easy;
    if (shown == NULL)
        return CURLE_OUT_OF_MEMORY;
    shown->refs = 1;
    shown->check = call->tls_check;
    memcpy(shown->pin, call->tls_pin, sizeof(shown->pin));
    gn_http_tls_forget(call); /* of the connection before a redirect */
    call->shown = shown;
    if (SSL_CTX_set_ex_data(ssl_ctx, shown_index, shown) != 1)
        return CURLE_OUT_OF_MEMORY;
    shown->refs++;
    SSL_CTX_set_cert_verify_callback(ssl_ctx, on_cert, shown);
    return CURLE_OK;
}

/* ---- settings ---- */

bool gn_http_tls_set_up(struct gn_http_call *call)
{
    CURL *easy = call->easy;

    call->tls_check = GN_HTTP_TLS_SYSTEM;
    return curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call) == CURLE_OK;
}

static void write_pin_folder(char folder[GN_HTTP_PIN_FOLDER_MAX], const uint8_t *pin)
{
    static const char digits[] = "0123456789abcdef";
    char *at = folder + sizeof(NO_CA_FOLDER) - 1;

    memcpy(folder, NO_CA_FOLDER, sizeof(NO_CA_FOLDER) - 1);
    for (size_t i = 0; i < GN_HTTP_PIN_BYTES; i++) {
        *at++ = digits[pin[i] >> 4];
        *at++ = digits[pin[i] & 15];
    }
    *at = '\0';
}

/* What of libcurl's options a setting is made of. */
struct options {
    long verify_peer;
    long verify_host;
    const char *ca_file;
    const char *ca_folder;
    long resume_sessions;
    long ca_cache_s;
};

static enum gn_err set_options(CURL *easy, const struct options *o)
{
    if (curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, o->verify_peer) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, o->verify_host) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CAPATH, o->ca_folder) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, o->resume_sessions) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, o->ca_cache_s) != CURLE_OK)
        return GN_ENOMEM;
    return GN_OK;
}

/* folder: room for a pin's; what o holds is valid as long as that and tls. */
static enum gn_err choose_options(struct gn_http_call *call, const struct gn_http_tls *tls,
                                  char folder[GN_HTTP_PIN_FOLDER_MAX], struct options *o)
{
    const curl_version_info_data *built;

    switch (tls != NULL ? tls->check : GN_HTTP_TLS_SYSTEM) {
    case GN_HTTP_TLS_SYSTEM:
        built = curl_version_info(CURLVERSION_NOW);
        o->verify_host = 2;
        o->ca_file = built->cainfo;
        o->ca_folder = built->capath;
        return GN_OK;
    case GN_HTTP_TLS_CA:
        if (tls->ca_file == NULL || tls->ca_file[0] == '\0')
            return GN_EINVAL;
        o->verify_host = 2;
        o->ca_file = tls->ca_file;
        o->ca_cache_s = 0; /* the file may be another one by now */
        return GN_OK;
    case GN_HTTP_TLS_PIN:
        memcpy(call->tls_pin, tls->pin, sizeof(call->tls_pin));
        write_pin_folder(folder, tls->pin);
        o->ca_folder = folder;
        return GN_OK;
    case GN_HTTP_TLS_OFF:
        o->verify_peer = 0;
        return GN_OK;
    }
    return GN_EINVAL;
}

enum gn_err gn_http_tls_apply(struct gn_http_call *call, const struct gn_http_tls *tls)
{
    struct options o = {.verify_peer = 1,
                        .resume_sessions = tls == NULL ? 1 : 0,
                        .ca_cache_s = CA_CACHE_DEFAULT};
    char folder[GN_HTTP_PIN_FOLDER_MAX];
    enum gn_err err;

    if (tls == NULL && !call->has_tls)
        return GN_OK;
    err = choose_options(call, tls, folder, &o);
    if (err != GN_OK)
        return err;
    call->has_tls = true; /* until all is set: a failure leaves some of it */
    call->tls_check = tls != NULL ? tls->check : GN_HTTP_TLS_SYSTEM;
    err = set_options(call->easy, &o);
    if (err == GN_OK)
        call->has_tls = tls != NULL;
    return err;
}

/* ---- the end ---- */

void gn_http_tls_forget(struct gn_http_call *call)
{
    unref_shown(call->shown);
    call->shown = NULL;
}

void gn_http_tls_cert(const struct gn_http_call *call, struct gn_http_result *result)
{
    const struct gn_http_shown *shown = call->shown;

    if (shown == NULL || !shown->has_cert)
        return;
    result->has_cert = true;
    memcpy(result->cert_pin, shown->cert_pin, sizeof(result->cert_pin));
}

enum gn_http_tls_fault gn_http_tls_fault(const struct gn_http_call *call, CURLcode code)
{
    switch ((int)code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        if (call->shown == NULL)
            return GN_HTTP_TLS_FAULT_OTHER;
        if (call->shown->fault == GN_HTTP_TLS_FAULT_NONE)
            return GN_HTTP_TLS_FAULT_NAME; /* the one check that libcurl makes itself */
        return call->shown->fault;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return GN_HTTP_TLS_FAULT_OTHER;
    default:
        return GN_HTTP_TLS_FAULT_NONE;
    }
}
