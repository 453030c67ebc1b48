/* Subscribes by the v1 API, prints a line for each event, and deletes its subscription at the end.
 *   cc -o consumer consumer.c $(pkg-config --cflags --libs libcurl libmicrohttpd)
 *   ./consumer http://localhost:8089 /cluster/node/n1/redfish/v1/Systems http://127.0.0.1:9000/e */
#include <curl/curl.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *data;
    size_t len;
    FILE *file; /* what is written here lies there */
};

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *conn, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    const char *id = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Gurnard-Event-Id");
    struct MHD_Response *none;
    struct text *body = *state;
    if (body == NULL) { /* the headers are there: the body follows in parts, at last none */
        *state = body = calloc(1, sizeof *body);
        return body != NULL && (body->file = open_memstream(&body->data, &body->len)) != NULL;
    }
    if (*size > 0) {
        *size -= fwrite(data, 1, *size, body->file);
        return *size == 0; /* else the connection is cut, and the event comes again */
    }
    if (fflush(body->file) == 0 &&
        body->len > 0) /* else it is the probe before the subscription is made */
        printf("%s %s\n", id != NULL ? id : "-", body->data); /* may come twice, with the same id */
    fflush(stdout);
    none = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    MHD_queue_response(conn, MHD_HTTP_NO_CONTENT, none); /* what is answered does not come again */
    MHD_destroy_response(none);
    return MHD_YES;
}

static void on_end(void *ctx, struct MHD_Connection *conn, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct text *body = *state;
    if (body != NULL && body->file != NULL && fclose(body->file) == 0)
        free(body->data);
    free(body);
}

int main(int argc, char **argv)
{
    char url[1024], json[4096], answer[8192] = "", id[64];
    CURL *curl = curl_easy_init();
    unsigned short port;
    sigset_t stop;
    if (argc != 4 || sscanf(argv[3], "http://%*[^:/]:%hu", &port) != 1)
        return fprintf(stderr, "usage: consumer API RESOURCE http://HOST:PORT/PATH\n"), 2;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    if (MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, port, NULL, NULL, on_request, NULL,
                         MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END) == NULL)
        return perror("listening"), 1;
    snprintf(url, sizeof url, "%s/api/ocloudNotifications/v1/subscriptions", argv[1]);
    snprintf(json, sizeof json, "{\"resource\":\"%s\",\"endpointUri\":\"%s\"}", argv[2], argv[3]);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fmemopen(answer, sizeof answer, "w"));
    if (curl_easy_perform(curl) || fflush(NULL) || sscanf(answer, "{\"id\":\"%63[^\"]", id) != 1)
        return fprintf(stderr, "not subscribed: %s\n", answer), 1;
    sigwaitinfo(&stop, NULL);
    snprintf(url + strlen(url), sizeof url - strlen(url), "/%s", id);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L); /* no body */
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    return curl_easy_perform(curl) == CURLE_OK ? 0 : 1;
}
