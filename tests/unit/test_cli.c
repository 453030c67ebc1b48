/* The verbs of the gurnard command that ask a daemon, against a made-up one: another process that
 * answers from a table and tells which requests it got. */
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli_priv.h"
#include "gurnard/cli/cli.h"
#include "gurnard/loop/loop.h"
#include "gurnard/net/http_server.h"
#include "gurnard/net/listen.h"

#define ID       "6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b11"
#define WORDS    16
#define TEXT_MAX ((size_t)1 << 18)

/* ---- the made-up daemon ---- */

struct row {
    const char *target; /* "GET /path?query" */
    int status;
    const char *answer;
};

struct fake {
    const struct row *rows; /* ended by a target NULL */
    int log_fd;             /* gets a line for each request */
    pid_t pid;
    char url[64];
};

static void on_request(void *ctx, struct gn_http_request *request)
{
    const struct fake *fake = ctx;
    const struct row *row = fake->rows;
    const struct gn_str query = gn_http_query(request), body = gn_http_body(request);
    struct gn_http_reply reply = {.status = 404, .content_type = "text/plain"};
    struct gn_buf line = GN_BUF_INIT;
    size_t target_len;

    gn_buf_add_str(&line, gn_http_method(request));
    gn_buf_putc(&line, ' ');
    gn_buf_add_str(&line, gn_http_path(request));
    gn_buf_puts(&line, query.p != NULL ? "?" : "");
    gn_buf_add_str(&line, query);
    target_len = line.len;
    gn_buf_puts(&line, body.len > 0 ? " " : "");
    gn_buf_add_str(&line, body);
    gn_buf_putc(&line, '\n');
    if (write(fake->log_fd, line.data, line.len) != (ssize_t)line.len)
        _exit(1);
    while (row->target != NULL &&
           !gn_str_eq(gn_str_of(row->target), (struct gn_str){line.data, target_len}))
        row++;
    if (row->target != NULL)
        reply = (struct gn_http_reply){.status = row->status,
                                       .content_type = "application/json",
                                       .body = gn_str_of(row->answer)};
    gn_http_reply(request, &reply);
    gn_buf_free(&line);
}

static void serve(struct fake *fake, int listen_fd)
{
    const struct gn_http_server_config config = {.name = "fake",
                                                 .listen_fd = listen_fd,
                                                 .max_connections = 8,
                                                 .max_body_bytes = 65536,
                                                 .idle_timeout_ms = 60000,
                                                 .header_deadline_ms = 10000,
                                                 .body_deadline_ms = 10000,
                                                 .on_request = on_request,
                                                 .ctx = fake};
    struct gn_http_server *server;
    struct gn_loop *loop = gn_loop_new(NULL);

    if (loop == NULL || gn_http_server_new(loop, &config, &server) != GN_OK ||
        gn_loop_run(loop) != GN_OK)
        _exit(1);
}

static void fake_start(struct fake *fake, const struct row *rows)
{
    uint16_t port = 0;
    int listen_fd;

    *fake = (struct fake){.rows = rows, .log_fd = memfd_create("requests", 0)};
    assert_true(fake->log_fd >= 0);
    assert_int_equal(gn_listen_tcp("127.0.0.1", 0, &listen_fd, &port), GN_OK);
    (void)snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%u", port);
    assert_int_equal(setenv("GURNARD_ADMIN", fake->url, 1), 0);
    fake->pid = fork();
    assert_true(fake->pid >= 0);
    if (fake->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not end us */
        serve(fake, listen_fd);
        _exit(0);
    }
    close(listen_fd);
}

static void read_all(int fd, char text[TEXT_MAX])
{
    ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);

    assert_true(n >= 0);
    text[n] = '\0';
}

/* Ends it and returns the requests it got. */
static const char *fake_end(struct fake *fake)
{
    static char text[TEXT_MAX];

    assert_int_equal(kill(fake->pid, SIGKILL), 0);
    assert_int_equal(waitpid(fake->pid, NULL, 0), fake->pid);
    read_all(fake->log_fd, text);
    close(fake->log_fd);
    assert_int_equal(unsetenv("GURNARD_ADMIN"), 0);
    return text;
}

static void fake_stop(struct fake *fake, const char *wants)
{
    assert_string_equal(fake_end(fake), wants);
}

/* ---- running a verb ---- */

static int saved[2], capture[2];

static void capture_begin(void)
{
    assert_int_equal(fflush(NULL), 0);
    for (int fd = 0; fd < 2; fd++) {
        saved[fd] = dup(fd + 1);
        capture[fd] = memfd_create("output", 0);
        assert_true(saved[fd] >= 0 && capture[fd] >= 0);
        assert_int_equal(dup2(capture[fd], fd + 1), fd + 1);
    }
}

static void capture_end(char out[TEXT_MAX], char err[TEXT_MAX])
{
    (void)fflush(NULL);
    for (int fd = 0; fd < 2; fd++) {
        (void)dup2(saved[fd], fd + 1);
        close(saved[fd]);
    }
    read_all(capture[0], out);
    read_all(capture[1], err);
    close(capture[0]);
    close(capture[1]);
}

static int call_verb(int argc, char **argv)
{
    static const struct gn_cli_verb verbs[] = {{"status", "", gn_cli_status},
                                               {"bmc", "", gn_cli_bmc},
                                               {"alarms", "", gn_cli_alarms},
                                               {"replay", "", gn_cli_replay},
                                               {"deadletter", "", gn_cli_deadletter},
                                               {"quarantine", "", gn_cli_quarantine},
                                               {"tap", "", gn_cli_tap},
                                               {"send", "", gn_cli_send}};

    for (size_t i = 0; i < GN_LEN(verbs); i++)
        if (strcmp(argv[0], verbs[i].name) == 0)
            return verbs[i].run(argc, argv);
    return -1;
}

static char out_text[TEXT_MAX], err_text[TEXT_MAX];

/* Runs "verb word word", '' being the empty word; the output is in out_text and err_text then. */
static int run(const char *command)
{
    char words[512];
    char *argv[WORDS + 1] = {NULL}, *rest = words;
    int argc = 0, code;

    (void)snprintf(words, sizeof words, "%s", command);
    while (rest != NULL && argc < WORDS) {
        argv[argc] = strsep(&rest, " ");
        if (strcmp(argv[argc], "''") == 0)
            argv[argc][0] = '\0';
        argc++;
    }
    optind = 0; /* makes getopt forget the last run */
    capture_begin();
    code = call_verb(argc, argv);
    capture_end(out_text, err_text);
    return code;
}

static void runs(const char *command, int want_code, const char *want_out, const char *want_err)
{
    int code = run(command);

    if (code != want_code)
        fail_msg("%s: exit code %d\n%s%s", command, code, out_text, err_text);
    assert_string_equal(out_text, want_out);
    assert_string_equal(err_text, want_err);
}

/* ---- tests ---- */

static void json_is_printed_as_it_came(void **state)
{
    static const struct row rows[] = {
        {"GET /admin/v1/status", 200, "{ \"version\":\"1\" ,\"x\":1e999}"},
        {"POST /admin/v1/replay", 202, "{\"complete\": true}\n"},
        {"GET /admin/v1/deadletters?limit=100", 200, "{\"count\":0}"},
        {"GET /admin/v1/deadletters/7", 200, "{\"number\":7}"},
        {"POST /admin/v1/deadletters/replay", 202, "{\"queued\":3}"},
        {"GET /admin/v1/quarantine?limit=100", 200, "{\"count\":0}"},
        {"GET /admin/v1/quarantine/1-0", 200, "{\"name\":\"1-0\",\"body\":\"\\u0000\"}"},
        {"DELETE /admin/v1/quarantine", 200, "{\"removed\":2}"},
        {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("status --json", 0, "{ \"version\":\"1\" ,\"x\":1e999}\n", "");
    runs("replay --subscription s --since 1h --json", 0, "{\"complete\": true}\n", "");
    runs("deadletter list --json", 0, "{\"count\":0}\n", "");
    runs("deadletter show 7 --json", 0, "{\"number\":7}\n", "");
    runs("deadletter replay --all --json", 0, "{\"queued\":3}\n", "");
    runs("quarantine list --json", 0, "{\"count\":0}\n", "");
    runs("quarantine show 1-0 --json", 0, "{\"name\":\"1-0\",\"body\":\"\\u0000\"}\n", "");
    runs("quarantine purge --all --json", 0, "{\"removed\":2}\n", "");
    fake_stop(&fake, "GET /admin/v1/status\n"
                     "POST /admin/v1/replay {\"subscription\":\"s\",\"since\":\"1h\"}\n"
                     "GET /admin/v1/deadletters?limit=100\n"
                     "GET /admin/v1/deadletters/7\n"
                     "POST /admin/v1/deadletters/replay {}\n"
                     "GET /admin/v1/quarantine?limit=100\n"
                     "GET /admin/v1/quarantine/1-0\n"
                     "DELETE /admin/v1/quarantine\n");
}

static void the_status_is_shown(void **state)
{
    static const struct row rows[] = {{"GET /admin/v1/status", 200,
                                       "{\"version\":\"0.1.0\",\"node\":\"n1\",\"ready\":true}"},
                                      {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    assert_int_equal(run("status --wide"), 0);
    assert_memory_equal(out_text, "gurnardd      0.1.0, node n1, ", 30);
    fake_stop(&fake, "GET /admin/v1/status\n");
}

static void a_replay_is_started_and_stopped(void **state)
{
    static const struct row rows[] = {{"POST /admin/v1/replay", 202,
                                       "{\"subscription\":\"" ID
                                       "\",\"since\":\"A\",\"until\":\"B\",\"complete\":true}"},
                                      {"DELETE /admin/v1/replay/" ID, 204, ""},
                                      {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("replay --subscription " ID " --since 2h --until 1h", 0,
         "replaying to " ID " what came from A until B\n", "");
    runs("replay --stop --subscription " ID, 0, "stopped\n", "");
    fake_stop(&fake, "POST /admin/v1/replay {\"subscription\":\"" ID
                     "\",\"since\":\"2h\",\"until\":\"1h\"}\n"
                     "DELETE /admin/v1/replay/" ID "\n");
}

static void what_stands_in_a_path_or_a_query_is_encoded(void **state)
{
    static const struct row rows[] = {
        {"DELETE /admin/v1/quarantine/a%3F%23%26%25%C3%A9~b", 404, "{\"error\":\"no such body\"}"},
        {"DELETE /admin/v1/deadletters?subscription=a%26limit%3D1%2F", 200, "{\"removed\":0}"},
        {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("quarantine purge a?#&%\xc3\xa9~b", 1, "",
         "gurnard quarantine: answer 404: no such body\n");
    runs("deadletter purge --all --subscription a&limit=1/", 0, "0 removed\n", "");
    fake_stop(&fake, "DELETE /admin/v1/quarantine/a%3F%23%26%25%C3%A9~b\n"
                     "DELETE /admin/v1/deadletters?subscription=a%26limit%3D1%2F\n");
}

static void dead_letters_are_listed_shown_replayed_and_purged(void **state)
{
    static const struct row rows[] = {
        {"GET /admin/v1/deadletters?limit=5&after=6&subscription=" ID, 200, "{\"items\":[]}"},
        {"GET /admin/v1/deadletters/7", 200, "{\"number\":7,\"body\":{\"a\":1}}"},
        {"POST /admin/v1/deadletters/7/replay", 202, "{\"queued\":1}"},
        {"POST /admin/v1/deadletters/replay", 503, "{\"error\":\"too many\"}"},
        {"DELETE /admin/v1/deadletters/7", 200, "{\"removed\":1}"},
        {"DELETE /admin/v1/deadletters", 200, "{\"removed\":4}"},
        {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("deadletter list --limit 5 --after 6 --subscription " ID, 0, "no dead letters\n", "");
    assert_int_equal(run("deadletter show 7"), 0);
    assert_memory_equal(out_text, "number        7\n", 16);
    assert_non_null(strstr(out_text, "\n\n{\n  \"a\": 1\n}\n"));
    runs("deadletter replay 7", 0, "1 queued for delivery\n", "");
    runs("deadletter replay --all --subscription " ID, 1, "",
         "gurnard deadletter: answer 503: too many\n");
    runs("deadletter purge 7", 0, "1 removed\n", "");
    runs("deadletter purge --all", 0, "4 removed\n", "");
    fake_stop(&fake, "GET /admin/v1/deadletters?limit=5&after=6&subscription=" ID "\n"
                     "GET /admin/v1/deadletters/7\n"
                     "POST /admin/v1/deadletters/7/replay {}\n"
                     "POST /admin/v1/deadletters/replay {\"subscription\":\"" ID "\"}\n"
                     "DELETE /admin/v1/deadletters/7\n"
                     "DELETE /admin/v1/deadletters\n");
}

static void a_quarantined_body_is_shown_replayed_and_purged(void **state)
{
    static const struct row rows[] = {
        {"GET /admin/v1/quarantine?limit=3", 200, "{\"count\":0,\"items\":[]}"},
        {"GET /admin/v1/quarantine/1-0", 200,
         "{\"name\":\"1-0\",\"bytes\":3,\"body\":\"\\u0000\"}"},
        {"GET /admin/v1/quarantine/1-0/body", 200, "a\033b"},
        {"GET /admin/v1/quarantine/1-1", 200, "{\"name\":\"1-1\"}"},
        {"GET /admin/v1/quarantine/1-1/body", 200, "{\"plain\""},
        {"POST /admin/v1/quarantine/1-0/replay", 200, "{\"outcome\":\"stored\"}"},
        {"DELETE /admin/v1/quarantine/1-0", 200, "{\"removed\":1}"},
        {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("quarantine list --limit 3", 0, "nothing in quarantine\n", "");
    assert_int_equal(run("quarantine show 1-0"), 0);
    assert_non_null(strstr(out_text, "name          1-0\n"));
    assert_non_null(strstr(out_text, "\n\n00000000  61 1b 62 "));
    assert_int_equal(run("quarantine show 1-1"), 0);
    assert_non_null(strstr(out_text, "\n\n{\"plain\"\n"));
    runs("quarantine replay 1-0", 0, "1-0 stored\n", "");
    runs("quarantine purge 1-0", 0, "1 removed\n", "");
    fake_stop(&fake, "GET /admin/v1/quarantine?limit=3\n"
                     "GET /admin/v1/quarantine/1-0\n"
                     "GET /admin/v1/quarantine/1-0/body\n"
                     "GET /admin/v1/quarantine/1-1\n"
                     "GET /admin/v1/quarantine/1-1/body\n"
                     "POST /admin/v1/quarantine/1-0/replay\n"
                     "DELETE /admin/v1/quarantine/1-0\n");
}

static void replaying_all_of_quarantine_goes_through_the_list(void **state)
{
    static const struct row rows[] = {
        {"GET /admin/v1/quarantine?limit=1000", 200,
         "{\"count\":4,\"items\":[{\"name\":\"1-0\"},{\"name\":\"1-9\"},{\"name\":7},"
         "{\"name\":\"1-10\"},{\"name\":\"2-0\"}]}"},
        {"POST /admin/v1/quarantine/1-0/replay", 200, "{\"outcome\":\"stored\"}"},
        {"POST /admin/v1/quarantine/1-9/replay", 422, "{\"error\":\"not \\u001bJSON\"}"},
        {"POST /admin/v1/quarantine/1-10/replay", 404, "{\"error\":\"no such body\"}"},
        {"POST /admin/v1/quarantine/2-0/replay", 200, "{\"outcome\":\"repeated\"}"},
        {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("quarantine replay --all", 1, "1-0 stored\n2-0 repeated\n2 taken in, 1 not\n",
         "gurnard quarantine: 1-9: answer 422: not \\x1bJSON\n"
         "gurnard quarantine: 1-10: answer 404: no such body\n");
    fake_stop(&fake, "GET /admin/v1/quarantine?limit=1000\n"
                     "POST /admin/v1/quarantine/1-0/replay\n"
                     "POST /admin/v1/quarantine/1-9/replay\n"
                     "POST /admin/v1/quarantine/1-10/replay\n"
                     "POST /admin/v1/quarantine/2-0/replay\n");
}

static void replaying_all_of_quarantine_ends_when_there_is_no_room(void **state)
{
    static const struct row rows[] = {
        {"GET /admin/v1/quarantine?limit=1000", 200,
         "{\"count\":2,\"items\":[{\"name\":\"1-0\"},{\"name\":\"1-1\"}]}"},
        {"POST /admin/v1/quarantine/1-0/replay", 503, "{\"error\":\"try again later\"}"},
        {NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    runs("quarantine replay --all", 1, "0 taken in, 1 not\n",
         "gurnard quarantine: 1-0: answer 503: try again later\n");
    fake_stop(&fake, "GET /admin/v1/quarantine?limit=1000\nPOST /admin/v1/quarantine/1-0/replay\n");
}

/* A full page of bodies that fail hides what is behind it; that is said, and there is an end. */
static void replaying_all_of_quarantine_ends_behind_a_page_that_cannot_be_read(void **state)
{
    struct row rows[] = {{"GET /admin/v1/quarantine?limit=1000", 200, NULL}, {NULL, 0, NULL}};
    struct gn_buf list = GN_BUF_INIT;
    struct fake fake;

    (void)state;
    gn_buf_puts(&list, "{\"count\":1001,\"items\":[");
    for (int i = 0; i < 1000; i++)
        gn_buf_printf(&list, "%s{\"name\":\"1-%d\"}", i > 0 ? "," : "", i);
    gn_buf_puts(&list, "]}");
    rows[0].answer = list.data;
    fake_start(&fake, rows);
    assert_int_equal(run("quarantine replay --all"), 1);
    assert_string_equal(out_text, "0 taken in, 0 not\n"); /* the fake answers 404 */
    assert_non_null(strstr(err_text, "what is behind the first 1000, which cannot be read, was"));
    (void)fake_end(&fake);
    gn_buf_free(&list);
}

static void an_answer_that_is_no_object_is_complained_about(void **state)
{
    static const struct row rows[] = {{"GET /admin/v1/status", 200, "<html>"},
                                      {"GET /admin/v1/deadletters/1", 200, "[]"},
                                      {"GET /admin/v1/deadletters/2", 200, ""},
                                      {NULL, 0, NULL}};
    static const char *const commands[] = {"status", "deadletter show 1", "deadletter show 2"};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    for (size_t i = 0; i < GN_LEN(commands); i++) {
        assert_int_equal(run(commands[i]), 1);
        assert_string_equal(out_text, "");
        assert_non_null(strstr(err_text, "answers cannot be shown; see --json\n"));
    }
    fake_stop(&fake, "GET /admin/v1/status\n"
                     "GET /admin/v1/deadletters/1\n"
                     "GET /admin/v1/deadletters/2\n");
}

static void a_server_without_admin_api_is_told_from_one_that_does_not_find(void **state)
{
    static const struct row rows[] = {{NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    assert_int_equal(run("status"), 1);
    assert_non_null(strstr(err_text, "answer 404: there is no admin API at http://127.0.0.1:"));
    fake_stop(&fake, "GET /admin/v1/status\n");
}

static void nobody_answering_is_said_with_the_url(void **state)
{
    char command[128], want[128];
    uint16_t port = 0;
    int fd;

    (void)state;
    assert_int_equal(gn_listen_tcp("127.0.0.1", 0, &fd, &port), GN_OK);
    close(fd);
    (void)snprintf(command, sizeof command, "status --url http://127.0.0.1:%u/", port);
    (void)snprintf(want, sizeof want,
                   "gurnard status: no gurnardd answers at http://127.0.0.1:%u/: ", port);
    assert_int_equal(run(command), 1);
    assert_string_equal(out_text, "");
    assert_memory_equal(err_text, want, strlen(want));
}

static void wrong_usage_is_2_and_nobody_is_asked(void **state)
{
    static const char *const commands[] = {
        "status --nope",
        "status word",
        "status --watch",
        "status --watch 0",
        "status --url nonsense",
        "status --url ''",
        "replay",
        "replay --subscription " ID,
        "replay --since 1h",
        "replay --stop",
        "replay --stop --subscription " ID " --since 1h",
        "replay --stop --subscription ..",
        "replay --stop --subscription ''",
        "deadletter",
        "deadletter nope",
        "deadletter list 7",
        "deadletter list --limit 1001",
        "deadletter list --all",
        "deadletter show",
        "deadletter show seven",
        "deadletter show -7",
        "deadletter show 7 8",
        "deadletter replay",
        "deadletter replay 7 --all",
        "deadletter replay 7 --subscription " ID,
        "deadletter purge",
        "deadletter purge --subscription " ID,
        "quarantine",
        "quarantine show",
        "quarantine purge .",
        "quarantine purge ..",
        "quarantine purge ''",
        "quarantine purge 1-0 --all",
        "quarantine replay",
        "tap /address",
        "tap --user me",
        "tap --no-verify",
        "tap --amqp amqp://h:1",
        "tap --amqp amqp://h:1 ''",
        "tap --amqp amqp://h:1 /a /b",
        "tap --amqp amqp://h:1 /a --api http://h:1",
        "tap --amqp amqp://h:1 /a --resource /r",
        "tap --amqp http://h:1 /a",
        "tap --amqp amqp://h:1/a /a",
        "tap --amqp amqp://h:0 /a",
        "tap --amqp amqp://h:1 /a --user me",
        "tap --amqp amqp://me:secret@h:1 /a",
        "tap --amqp amqps://h:1 /a --count 0",
        "send",
        "send /a",
        "send --amqp amqp://h:1",
        "send --amqp amqp://h:1 /a f g",
        "send --amqp amqp://h:1 /a --type t",
        "send --amqp amqp://h:1 /a --source s",
        "send --amqp amqp://h:1 /a --data d",
        "send --amqp amqp://h:1 /a --subject s",
        "send --amqp amqp://h:1 /a f --type t --source s",
        "send --amqp amqp://h:1 /a --type t --source s --timeout 0",
        "send --amqp h:1 /a --type t --source s",
        "send --amqp amqp://h:1 /a --type t --source s --user me",
    };
    static const struct row rows[] = {{NULL, 0, NULL}};
    struct fake fake;

    (void)state;
    fake_start(&fake, rows);
    for (size_t i = 0; i < GN_LEN(commands); i++) {
        int code = run(commands[i]);

        if (code != CLI_EXIT_USAGE || out_text[0] != '\0' || err_text[0] == '\0')
            fail_msg("%s: %d\n%s%s", commands[i], code, out_text, err_text);
    }
    fake_stop(&fake, "");
}

/* ---- AMQP ---- */

/* An URL of a port that nobody listens on. */
static void closed_url(char url[64])
{
    uint16_t port = 0;
    int fd;

    assert_int_equal(gn_listen_tcp("127.0.0.1", 0, &fd, &port), GN_OK);
    close(fd);
    (void)snprintf(url, 64, "amqp://127.0.0.1:%u", port);
}

static void an_event_that_no_broker_takes_is_not_sent(void **state)
{
    char url[64], command[256];

    (void)state;
    closed_url(url);
    (void)snprintf(command, sizeof command, "send --amqp %s /a --type t --source s --timeout 0.05",
                   url);
    assert_int_equal(run(command), CLI_EXIT_FAILED);
    assert_string_equal(out_text, "");
    assert_non_null(strstr(err_text, "gurnard send: no connection to 127.0.0.1:"));
}

static void an_event_that_cannot_be_read_is_complained_about_before_anybody_is_called(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ": malformed\n"},
        {"[]", ": malformed\n"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\"}",
         ": type: MUST be a non-empty string\n"},
        {"{\"specversion\":\"2.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}",
         ": specversion: unknown value: 2.0\n"},
    };
    char path[] = "/tmp/gurnard-test-XXXXXX", command[128];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(command, sizeof command, "send --amqp amqp://127.0.0.1:1 /a %s", path);
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, rows[i].text, strlen(rows[i].text), 0), strlen(rows[i].text));
        assert_int_equal(run(command), CLI_EXIT_FAILED);
        assert_string_equal(out_text, "");
        if (strstr(err_text, rows[i].want) == NULL)
            fail_msg("%s: %s", rows[i].text, err_text);
    }
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(run(command), CLI_EXIT_FAILED);
    assert_non_null(strstr(err_text, path));
}

static void a_password_that_cannot_be_read_is_complained_about(void **state)
{
    (void)state;
    runs("tap --amqp amqps://127.0.0.1:1 /a --user me --password-file /nonexistent", 1, "",
         "gurnard tap: /nonexistent: not found\n");
}

static void help_is_printed_to_stdout(void **state)
{
    static const struct {
        const char *command, *option;
    } rows[] = {{"status --help", "--url URL"},     {"replay -h", "--url URL"},
                {"deadletter --help", "--url URL"}, {"deadletter list --help", "--url URL"},
                {"tap --help", "--amqp URL"},       {"quarantine purge --help", "--url URL"},
                {"send --help", "--amqp URL"}};

    (void)state;
    for (size_t i = 0; i < GN_LEN(rows); i++) {
        assert_int_equal(run(rows[i].command), 0);
        assert_memory_equal(out_text, "usage: gurnard ", 15);
        assert_non_null(strstr(out_text, rows[i].option));
        assert_string_equal(err_text, "");
    }
}

#include "cli_bmcs.h"

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_printed_as_it_came),
        cmocka_unit_test(the_status_is_shown),
        cmocka_unit_test(a_replay_is_started_and_stopped),
        cmocka_unit_test(what_stands_in_a_path_or_a_query_is_encoded),
        cmocka_unit_test(dead_letters_are_listed_shown_replayed_and_purged),
        cmocka_unit_test(a_quarantined_body_is_shown_replayed_and_purged),
        cmocka_unit_test(replaying_all_of_quarantine_goes_through_the_list),
        cmocka_unit_test(replaying_all_of_quarantine_ends_when_there_is_no_room),
        cmocka_unit_test(replaying_all_of_quarantine_ends_behind_a_page_that_cannot_be_read),
        cmocka_unit_test(an_answer_that_is_no_object_is_complained_about),
        cmocka_unit_test(a_server_without_admin_api_is_told_from_one_that_does_not_find),
        cmocka_unit_test(nobody_answering_is_said_with_the_url),
        cmocka_unit_test(wrong_usage_is_2_and_nobody_is_asked),
        cmocka_unit_test(an_event_that_no_broker_takes_is_not_sent),
        cmocka_unit_test(an_event_that_cannot_be_read_is_complained_about_before_anybody_is_called),
        cmocka_unit_test(a_password_that_cannot_be_read_is_complained_about),
        cmocka_unit_test(help_is_printed_to_stdout),
        cmocka_unit_test(bmcs_are_listed_shown_removed_and_looked_at),
        cmocka_unit_test(a_bmc_is_added_with_what_the_options_say),
        cmocka_unit_test(a_test_that_does_not_prove_the_way_fails),
        cmocka_unit_test(an_alarm_is_ended_by_the_beginning_of_its_id),
        cmocka_unit_test(wrong_usage_of_bmc_and_alarms_is_2_and_nobody_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
