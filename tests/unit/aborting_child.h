/* Runs a function in a child that is expected to abort, and reads what it wrote to stderr. A size
 * beyond all memory is refused by malloc() with NULL here, also under the sanitizer. */
#ifndef GN_TESTS_ABORTING_CHILD_H
#define GN_TESTS_ABORTING_CHILD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CHILD_TEXT_MAX 16384
#define HUGE_BYTES     (SIZE_MAX / 4) /* more than there is */

/* What a test wants of the sanitizer beyond that; begins with ':'. */
#ifndef CHILD_ASAN_OPTIONS
#define CHILD_ASAN_OPTIONS ""
#endif

__attribute__((visibility("default"), used)) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1" CHILD_ASAN_OPTIONS;
}

/* text: CHILD_TEXT_MAX bytes; gets what it wrote. Returns its wait status. */
static int child_status(void (*fn)(void), char *text)
{
    size_t len = 0;
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
        fn();
        _exit(0);
    }
    assert_true(pid > 0);
    (void)close(ends[1]);
    while ((got = read(ends[0], text + len, CHILD_TEXT_MAX - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* fn aborts and says want before. */
static void assert_aborts(void (*fn)(void), const char *want)
{
    char text[CHILD_TEXT_MAX];
    int status = child_status(fn, text);

    if (strstr(text, want) == NULL)
        fail_msg("not said: %s; but: %s", want, text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

#endif
