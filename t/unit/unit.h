/*
 * The whole unit-test framework: named cases, checks, TAP.
 *
 *     int
 *     main(void)
 *     {
 *         unit_case("empty input");
 *         CHECK(a0_x(NULL, 0) == A0_OK);
 *
 *         for (i = 0; i < N; i++) {
 *             unit_case(table[i].name);
 *             CHECK_EQ_INT(a0_x(table[i].in), table[i].want);
 *         }
 *
 *         return unit_done();
 *     }
 *
 * A case is one TAP test point and lasts until the next one begins; it fails
 * when any CHECK in it failed.  A failed CHECK prints and goes on.  Cases kept
 * as files: unit_data.h.
 */

#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char  name[256];
    int   cases, failed, bad;
} unit;


__attribute__((unused)) static void
unit_end(void)
{
    if (unit.name[0] == '\0') {
        return;
    }

    unit.cases++;
    unit.failed += unit.bad;
    printf("%sok %d - %s\n", unit.bad ? "not " : "", unit.cases, unit.name);
    fflush(stdout);
    unit.name[0] = '\0';
    unit.bad = 0;
}


/* begins a case; printf style */
__attribute__((unused, format(printf, 1, 2))) static void
unit_case(const char *fmt, ...)
{
    va_list  args;

    unit_end();
    va_start(args, fmt);
    vsnprintf(unit.name, sizeof(unit.name), fmt, args);
    va_end(args);
}


/* prints the plan; returns what main returns */
__attribute__((unused)) static int
unit_done(void)
{
    unit_end();
    printf("1..%d\n", unit.cases);
    return unit.failed || unit.cases == 0;
}


__attribute__((unused, format(printf, 3, 4))) static void
unit_fail(const char *file, int line, const char *fmt, ...)
{
    va_list  args;

    printf("# %s:%d: in \"%s\": ", file, line, unit.name);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    unit.bad = 1;
}


#define CHECK(cond)                                                           \
    ((cond) ? (void) 0 : unit_fail(__FILE__, __LINE__, "%s", #cond))

#define CHECK_EQ_INT(got, want)                                               \
    do {                                                                      \
        long long  g_ = (long long) (got), w_ = (long long) (want);           \
        if (g_ != w_) {                                                       \
            unit_fail(__FILE__, __LINE__, "%s is %lld, want %lld", #got,      \
                      g_, w_);                                                \
        }                                                                     \
    } while (0)

/* bytes with a length against bytes with a length */
#define CHECK_EQ_MEM(got, got_len, want, want_len)                            \
    do {                                                                      \
        size_t  gl_ = (got_len), wl_ = (want_len);                            \
        if (gl_ != wl_ || (gl_ && memcmp((got), (want), gl_) != 0)) {         \
            unit_fail(__FILE__, __LINE__, "%s is \"%.*s\", want \"%.*s\"",    \
                      #got, (int) gl_, (const char *) (got), (int) wl_,       \
                      (const char *) (want));                                 \
        }                                                                     \
    } while (0)

/* an a0_str_t against a C string */
#define CHECK_EQ_STR(got, want)                                               \
    CHECK_EQ_MEM((got).data, (got).len, (want), strlen(want))


#include "unit_data.h"

#endif /* UNIT_H */
