/*
 * What the fuzz targets share.  A target is one t/fuzz/fuzz_NAME.c that defines
 * fuzz_one(); it runs under libFuzzer (`make fuzz T=NAME`) and under
 * replay.c, which any compiler builds.
 *
 * fuzz_one() reads its input through a cursor; what the input lacks is zero.
 * A property that does not hold is a FUZZ_ASSERT and ends the program.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "a0.h"


#define FUZZ_ASSERT(cond)                                                     \
    ((cond) ? (void) 0 : fuzz_broken(__FILE__, __LINE__, #cond))


typedef struct {
    const unsigned char  *pos;
    const unsigned char  *end;
} fuzz_t;


/* The target's; and how often it got as far as it can (an acceptance, say), so
 * that a test sees whether anything was tested. */

void fuzz_one(fuzz_t *in);
extern unsigned long  fuzz_deep;


__attribute__((unused, noreturn)) static void
fuzz_broken(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}


__attribute__((unused)) static size_t
fuzz_left(const fuzz_t *in)
{
    return (size_t) (in->end - in->pos);
}


__attribute__((unused)) static unsigned
fuzz_byte(fuzz_t *in)
{
    return in->pos < in->end ? *in->pos++ : 0;
}


__attribute__((unused)) static uint64_t
fuzz_int(fuzz_t *in, unsigned bytes)
{
    uint64_t  n;

    for (n = 0; bytes; bytes--) {
        n = n << 8 | fuzz_byte(in);
    }

    return n;
}


__attribute__((unused)) static void *
fuzz_alloc(size_t size)
{
    void  *p;

    p = malloc(size ? size : 1);
    if (p == NULL) {
        abort();
    }

    return p;
}


/* A block of exactly these bytes, so that ASan sees its end; freed with
 * fuzz_free(). */

__attribute__((unused)) static a0_str_t
fuzz_copy(const void *data, size_t len)
{
    a0_str_t        s;
    unsigned char  *p;

    p = fuzz_alloc(len);

    if (len) {
        memcpy(p, data, len);
    }

    s.data = p;
    s.len = len;

    return s;
}


__attribute__((unused)) static a0_str_t
fuzz_bytes(fuzz_t *in, size_t len)
{
    a0_str_t  s;

    if (len > fuzz_left(in)) {
        len = fuzz_left(in);
    }

    s = fuzz_copy(in->pos, len);
    in->pos += len;

    return s;
}


/* Texts end with a newline, so that a corpus can be written by hand; the last
 * one may be the rest. */

__attribute__((unused)) static a0_str_t
fuzz_line(fuzz_t *in)
{
    size_t                len;
    a0_str_t              s;
    const unsigned char  *end;

    if (fuzz_left(in) == 0) {
        return fuzz_copy(NULL, 0);
    }

    end = memchr(in->pos, '\n', fuzz_left(in));
    len = end ? (size_t) (end - in->pos) : fuzz_left(in);
    s = fuzz_bytes(in, len);
    in->pos += (end != NULL);

    return s;
}


__attribute__((unused)) static a0_str_t
fuzz_rest(fuzz_t *in)
{
    return fuzz_bytes(in, fuzz_left(in));
}


__attribute__((unused)) static void
fuzz_free(a0_str_t s)
{
    free((void *) (uintptr_t) s.data);
}


__attribute__((unused)) static a0_str_t
fuzz_str(const char *text)
{
    a0_str_t  s;

    s.data = (const unsigned char *) text;
    s.len = strlen(text);

    return s;
}


__attribute__((unused)) static int
fuzz_same(a0_str_t a, a0_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


/* 1 when a lies in b, ends included. */

__attribute__((unused)) static int
fuzz_inside(a0_str_t a, const unsigned char *b, size_t len)
{
    return a.data >= b && a.len <= len && a.data <= b + (len - a.len);
}


/* 1 for bytes of min..max only. */

__attribute__((unused)) static int
fuzz_within(a0_str_t s, unsigned min, unsigned max)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < min || s.data[i] > max) {
            return 0;
        }
    }

    return 1;
}

#endif /* FUZZ_H */
