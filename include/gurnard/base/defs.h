/* Small macros that every folder uses. Nothing here holds state. */
#ifndef GURNARD_BASE_DEFS_H
#define GURNARD_BASE_DEFS_H

#include <stddef.h>
#include <stdint.h>

/* The caller must look at the result. */
#define GN_MUST_CHECK __attribute__((warn_unused_result))

/* printf-like: text_arg is the 1-based index of the format, first_arg that of the first value. */
#define GN_PRINTF(text_arg, first_arg) __attribute__((format(printf, text_arg, first_arg)))

/* Number of elements of a true array. */
#define GN_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The object of type that holds *ptr as its member. ptr is a char-compatible pointer. */
#define GN_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
