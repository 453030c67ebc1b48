/* GN_ASSERT: what a broken invariant does to the process. */
#include "gurnard/base/assert.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Runs GN_ASSERT(sum == 4) in a child; text: what it wrote to stderr. Returns its wait status. */
static int status_of_child(int sum, char *text, size_t size)
{
    ssize_t got;
    int ends[2];
    int status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};

        (void)signal(SIGABRT, SIG_DFL); /* cmocka and the sanitizers have handlers */
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)dup2(ends[1], STDERR_FILENO);
        GN_ASSERT(sum == 4);
        _exit(0);
    }
    assert_true(pid > 0);
    (void)close(ends[1]);
    got = read(ends[0], text, size - 1);
    assert_true(got >= 0);
    text[got] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void a_condition_that_holds_does_nothing(void **state)
{
    char text[256];
    int status = status_of_child(4, text, sizeof text);

    (void)state;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(text, "");
}

static void a_broken_condition_is_named_and_aborts(void **state)
{
    char text[256];
    int status = status_of_child(5, text, sizeof text);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "assert.failed file="));
    assert_non_null(strstr(text, "test_assert.c line="));
    assert_non_null(strstr(text, "condition=\"sum == 4\"\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_that_holds_does_nothing),
        cmocka_unit_test(a_broken_condition_is_named_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
