
/* The token table in one process; between processes: test_tcache_shared.c. */

#define _DEFAULT_SOURCE

#include "unit_tcache.h"


static void
test_sizes(void)
{
    size_t        i;
    digest_t      d;
    claims_t      c;
    a0_tcache_t  *t;
    _Alignas(64) static unsigned char  mem[64 + 2 * SET + 2];

    static const struct {
        size_t  size, capacity;
    } sizes[] = {
        { 0, 0 }, { 63, 0 }, { 64, 0 }, { 63 + SET, 0 }, { 64 + SET, 8 },
        { 63 + 2 * SET, 8 }, { 64 + 2 * SET, 16 }, { 65 + 2 * SET, 16 }
    };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unit_case("a table in %zu bytes", sizes[i].size);
        memset(mem, 0xff, sizeof(mem));
        t = a0_tcache_init(mem, sizes[i].size);
        CHECK_EQ_INT(a0_tcache_capacity(t), sizes[i].capacity);
        CHECK_EQ_INT(a0_tcache_entries(t, NOW), 0);
        CHECK_EQ_INT(get(t, 1), 0);
        CHECK_EQ_INT(put(t, 1), sizes[i].capacity ? A0_TCACHE_STORED
                                                  : A0_TCACHE_SKIPPED);
        CHECK_EQ_INT(get(t, 1), sizes[i].capacity != 0);
        CHECK(mem[sizes[i].size] == 0xff);
    }

    unit_case("claims fill the entry, and no more");
    t = table(1);
    d = digest_of(1);
    claims_of(&d, EXP, &c);
    c.head.size = A0_TCACHE_CLAIMS;
    CHECK_EQ_INT(a0_tcache_put(t, d.bytes, NOW, &c.head,
                               &(a0_tcache_origin_t) { 1, 7, 0 }, ME,
                               nobody), A0_TCACHE_STORED);
    c.head.size = A0_TCACHE_CLAIMS + 1;
    CHECK_EQ_INT(a0_tcache_put(t, d.bytes, NOW, &c.head,
                               &(a0_tcache_origin_t) { 1, 7, 0 }, ME,
                               nobody), A0_TCACHE_SKIPPED);
    drop(t);
}


static void
test_hits(void)
{
    size_t              i;
    digest_t            d;
    claims_t            c;
    a0_tcache_t        *t;
    a0_tcache_origin_t  origin;

    unit_case("what was put is found, and nothing else");
    t = table(64);

    for (i = 0; i < 100; i++) {
        CHECK_EQ_INT(get(t, i), 0);
        CHECK_EQ_INT(put(t, i), A0_TCACHE_STORED);
        CHECK_EQ_INT(get(t, i), 1);
        CHECK_EQ_INT(get(t, i + 1000), 0);
    }

    CHECK_EQ_INT(a0_tcache_entries(t, NOW), 100);

    unit_case("the whole digest counts");

    for (i = 0; i < A0_TCACHE_DIGEST * 8; i++) {
        d = digest_of(5);
        d.bytes[i / 8] ^= (unsigned char) (1u << (i % 8));
        CHECK(!a0_tcache_get(t, d.bytes, NOW, &c.head, &origin));
    }

    unit_case("the same digest again: replaced, with its origin");
    CHECK_EQ_INT(put_at(t, 5, EXP + 1, NOW, 2), A0_TCACHE_STORED);
    CHECK_EQ_INT(get_at(t, 5, EXP + 1, NOW), 1);
    CHECK_EQ_INT(a0_tcache_entries(t, NOW), 100);
    d = digest_of(5);
    CHECK(a0_tcache_get(t, d.bytes, NOW, &c.head, &origin));
    CHECK_EQ_INT(origin.generation, 2);
    CHECK_EQ_INT(origin.key_set, 7);
    drop(t);
}


static void
test_expiry(void)
{
    a0_tcache_t  *t;

    unit_case("an entry lives until exp and 300 seconds");
    t = table(1);
    CHECK_EQ_INT(put_at(t, 1, NOW, NOW, 1), A0_TCACHE_STORED);
    CHECK_EQ_INT(get_at(t, 1, NOW, NOW + 299), 1);
    CHECK_EQ_INT(get_at(t, 1, NOW, NOW + 300), 0);
    CHECK_EQ_INT(a0_tcache_entries(t, NOW + 299), 1);
    CHECK_EQ_INT(a0_tcache_entries(t, NOW + 300), 0);

    unit_case("what is expired is not remembered");
    CHECK_EQ_INT(put_at(t, 2, NOW - 299, NOW, 1), A0_TCACHE_STORED);
    CHECK_EQ_INT(put_at(t, 3, NOW - 300, NOW, 1), A0_TCACHE_SKIPPED);
    CHECK_EQ_INT(get_at(t, 3, NOW - 300, NOW), 0);

    unit_case("the last date there is");
    CHECK_EQ_INT(put_at(t, 4, A0_DATE_MAX, NOW, 1), A0_TCACHE_STORED);
    CHECK_EQ_INT(get_at(t, 4, A0_DATE_MAX, A0_DATE_MAX), 1);
    drop(t);
}


static void
test_eviction(void)
{
    uint64_t      i, spared;
    a0_tcache_t  *t;

    for (spared = 0; spared < A0_TCACHE_WAYS - 1; spared++) {
        unit_case("full: entry %u without a hit is given up",
                  (unsigned) spared);
        t = table(1);

        for (i = 0; i < A0_TCACHE_WAYS; i++) {
            CHECK_EQ_INT(put(t, i), A0_TCACHE_STORED);
        }

        CHECK_EQ_INT(put(t, 7), A0_TCACHE_STORED);    /* marks time */

        for (i = 0; i < A0_TCACHE_WAYS; i++) {
            CHECK_EQ_INT(i == spared ? 1 : get(t, i), 1);
        }

        CHECK_EQ_INT(put(t, 100), A0_TCACHE_EVICTED);

        for (i = 0; i < A0_TCACHE_WAYS; i++) {
            CHECK_EQ_INT(get(t, i), i != spared);
        }

        CHECK_EQ_INT(get(t, 100), 1);
        drop(t);
    }

    unit_case("without hits: first in, first out");
    t = table(1);

    for (i = 0; i < 70000; i++) {
        CHECK(put(t, i) == (i < 8 ? A0_TCACHE_STORED : A0_TCACHE_EVICTED));
        CHECK(i < 8 || get(t, i - 8) == 0);
    }

    CHECK_EQ_INT(a0_tcache_entries(t, NOW), 8);
    drop(t);

    unit_case("one entry in use outlives any number of others");
    t = table(1);
    CHECK_EQ_INT(put(t, 0), A0_TCACHE_STORED);

    for (i = 1; i < 70000; i++) {
        put(t, i);
        CHECK(get(t, 0) == 1);
    }

    drop(t);
}


static void
test_useless_first(void)
{
    uint64_t      i;
    a0_tcache_t  *t;

    unit_case("an expired entry goes before a live one");
    t = table(1);

    for (i = 0; i < A0_TCACHE_WAYS; i++) {
        put_at(t, i, i == 5 ? NOW : EXP, NOW, 1);
    }

    CHECK_EQ_INT(put_at(t, 100, EXP, NOW + 299, 1), A0_TCACHE_EVICTED);
    CHECK_EQ_INT(get(t, 0), 0);
    CHECK_EQ_INT(put_at(t, 101, EXP, NOW + 300, 1), A0_TCACHE_STORED);
    CHECK_EQ_INT(get(t, 1), 1);
    CHECK_EQ_INT(get(t, 5), 0);

    unit_case("an entry of older keys goes before one of these keys");
    CHECK_EQ_INT(put_at(t, 1, EXP, NOW, 2), A0_TCACHE_STORED);
    CHECK_EQ_INT(put_at(t, 2, EXP, NOW, 2), A0_TCACHE_STORED);

    for (i = 200; i < 206; i++) {
        CHECK_EQ_INT(put_at(t, i, EXP, NOW, 2), A0_TCACHE_STORED);
    }

    CHECK_EQ_INT(get(t, 1), 1);
    CHECK_EQ_INT(get(t, 2), 1);
    CHECK_EQ_INT(put_at(t, 206, EXP, NOW, 2), A0_TCACHE_EVICTED);

    unit_case("a worker that lags behind takes nothing for older");
    CHECK_EQ_INT(put_at(t, 207, EXP, NOW, 1), A0_TCACHE_EVICTED);
    drop(t);
}


int
main(void)
{
    test_sizes();
    test_hits();
    test_expiry();
    test_eviction();
    test_useless_first();

    return unit_done();
}
