
/*
 * For the tests of the token table: claims made from the digest, so that each
 * hit can be checked byte by byte.  MAP_ANONYMOUS asks for _DEFAULT_SOURCE.
 */

#ifndef UNIT_TCACHE_H
#define UNIT_TCACHE_H

#include <sys/mman.h>

#include "a0_tcache.h"
#include "unit.h"


#define NOW   1000000
#define EXP   (NOW + 3600)
#define SET   (64 + A0_TCACHE_WAYS * A0_TCACHE_ENTRY)
#define ME    1000u


typedef struct {
    unsigned char  bytes[A0_TCACHE_DIGEST];
} digest_t;


typedef union {
    a0_claims_t    head;
    unsigned char  bytes[A0_TCACHE_ENTRY];
} claims_t;


__attribute__((unused)) static int
nobody(uint32_t pid)
{
    (void) pid;
    return 0;
}


/* splitmix64 */

__attribute__((unused)) static uint64_t
mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}


__attribute__((unused)) static digest_t
digest_of(uint64_t n)
{
    size_t    i;
    uint64_t  x;
    digest_t  d;

    for (i = 0; i < A0_TCACHE_DIGEST / 8; i++) {
        x = mix(n * 4 + i);
        memcpy(d.bytes + i * 8, &x, 8);
    }

    return d;
}


/* Between a header and a full entry, full of bytes of the digest. */

__attribute__((unused)) static void
claims_of(const digest_t *d, int64_t exp, claims_t *c)
{
    size_t  i, room;

    room = A0_TCACHE_CLAIMS - sizeof(a0_claims_t);
    memset(c, 0, sizeof(*c));
    c->head.size = (uint16_t) (sizeof(a0_claims_t)
                               + (d->bytes[30] * 256u + d->bytes[31])
                                 % (room + 1));
    c->head.exp = exp;

    for (i = sizeof(a0_claims_t); i < c->head.size; i++) {
        c->bytes[i] = (unsigned char) (d->bytes[i % 32] + i);
    }
}


__attribute__((unused)) static a0_tcache_put_e
put_at(a0_tcache_t *t, uint64_t n, int64_t exp, int64_t now,
    uint64_t generation)
{
    claims_t            c;
    digest_t            d;
    a0_tcache_origin_t  origin = { generation, 7, 0 };

    d = digest_of(n);
    claims_of(&d, exp, &c);

    return a0_tcache_put(t, d.bytes, now, &c.head, &origin, ME, nobody);
}


__attribute__((unused)) static a0_tcache_put_e
put(a0_tcache_t *t, uint64_t n)
{
    return put_at(t, n, EXP, NOW, 1);
}


/* 1: a hit with the right claims, 0: a miss, -1: wrong claims */

__attribute__((unused)) static int
get_at(a0_tcache_t *t, uint64_t n, int64_t exp, int64_t now)
{
    claims_t            want, got;
    digest_t            d;
    a0_tcache_origin_t  origin;

    d = digest_of(n);

    if (!a0_tcache_get(t, d.bytes, now, &got.head, &origin)) {
        return 0;
    }

    claims_of(&d, exp, &want);

    return (origin.key_set == 7 && got.head.size == want.head.size
            && memcmp(got.bytes, want.bytes, want.head.size) == 0) ? 1 : -1;
}


__attribute__((unused)) static int
get(a0_tcache_t *t, uint64_t n)
{
    return get_at(t, n, EXP, NOW);
}


/* A table in shared memory of its own. */

__attribute__((unused)) static a0_tcache_t *
table(size_t sets)
{
    void         *mem;
    size_t        size;
    a0_tcache_t  *t;

    size = 64 + sets * SET;
    mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (mem == MAP_FAILED) {
        printf("Bail out! mmap\n");
        exit(2);
    }

    t = a0_tcache_init(mem, size);
    CHECK(t == mem);

    return t;
}


__attribute__((unused)) static void
drop(a0_tcache_t *t)
{
    munmap(t, 64 + a0_tcache_capacity(t) / A0_TCACHE_WAYS * SET);
}

#endif /* UNIT_TCACHE_H */
