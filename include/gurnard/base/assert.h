/* GN_ASSERT: an invariant of our own code. Always compiled in; a failure is our mistake, prints
 * file, line and condition to stderr and aborts. Never used on input from outside. */
#ifndef GURNARD_BASE_ASSERT_H
#define GURNARD_BASE_ASSERT_H

/* Prints "assert.failed file=... line=... condition=..." and aborts. */
__attribute__((noreturn, cold)) void gn_assert_failed(const char *file, int line,
                                                      const char *condition);

/* Aborts when cond does not hold. cond must have no side effect. */
#define GN_ASSERT(cond)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            gn_assert_failed(__FILE__, __LINE__, #cond);                                           \
    } while (0)

#endif
