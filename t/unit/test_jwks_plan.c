
/* A key set's life: one table of states, then the life itself, stepwise. */

#include "a0_jwks_plan.h"
#include "unit.h"


#define MIN    60000
#define HOUR   (60 * MIN)
#define VALID  (10 * MIN)
#define STALE  (24 * HOUR)
#define END    (VALID + STALE)
#define T0     1000000000
#define NEVER  UINT64_MAX


static const a0_jwks_times_t  times = { VALID, STALE, 30000, 5000 };


/* All times of a state are relative to its `now`: past ones are written as
 * ages, future ones as distances. */

typedef struct {
    int       keys, is_static, tried;
    uint64_t  age;          /* of the last success */
    uint64_t  attempt_age;
    int64_t   next;         /* distance, negative: passed */
    int64_t   lease;        /* distance of its end; 0: none */
    uint32_t  failures;
} state_t;

#define USE      A0_JWKS_USE
#define USE_REF  A0_JWKS_USE_AND_REFRESH
#define REFRESH  A0_JWKS_REFRESH
#define WAIT     A0_JWKS_WAIT
#define FAIL     A0_JWKS_FAIL


/* what it says for a known kid, for an unknown one, to the timer, and
 * whether the keys may serve */

static const struct {
    const char  *name;
    state_t      state;
    int          known, unknown, due, usable;
} states[] = {
    { "cold", { .next = -T0 }, REFRESH, REFRESH, 1, 0 },
    { "cold, first fetch runs",
      { .tried = 1, .next = -T0, .lease = 6000 }, WAIT, WAIT, 0, 0 },
    { "cold, last millisecond of the lease",
      { .tried = 1, .attempt_age = 5999, .next = -T0, .lease = 1 },
      WAIT, WAIT, 0, 0 },
    { "cold, the owner died",
      { .tried = 1, .attempt_age = 6001, .next = -T0, .lease = -1 },
      REFRESH, REFRESH, 1, 0 },
    { "cold, first fetch failed",
      { .tried = 1, .attempt_age = 10, .next = 990, .failures = 1 },
      FAIL, FAIL, 0, 0 },
    { "cold, backoff over",
      { .tried = 1, .attempt_age = 1000, .next = -1, .failures = 1 },
      REFRESH, REFRESH, 1, 0 },

    { "warm",
      { .keys = 1, .tried = 1, .age = 1000, .attempt_age = 1100,
        .next = 500000 }, USE, FAIL, 0, 1 },
    { "warm, one millisecond before the cooldown ends",
      { .keys = 1, .tried = 1, .age = 29000, .attempt_age = 29999,
        .next = 500000 }, USE, FAIL, 0, 1 },
    { "warm, cooldown over",
      { .keys = 1, .tried = 1, .age = 29000, .attempt_age = 30000,
        .next = 500000 }, USE, REFRESH, 0, 1 },
    { "warm, a fetch runs",
      { .keys = 1, .tried = 1, .age = 60000, .attempt_age = 10,
        .next = 400000, .lease = 5990 }, USE, WAIT, 0, 1 },
    { "warm, the owner of a fetch died",
      { .keys = 1, .tried = 1, .age = 60000, .attempt_age = 6000,
        .next = 400000, .lease = -1 }, USE_REF, REFRESH, 1, 1 },
    { "warm, published by somebody who read the clock later",
      { .keys = 1, .tried = 1, .age = -7, .attempt_age = -7,
        .next = 500000 }, USE, FAIL, 0, 1 },
    { "warm, refresh is due",
      { .keys = 1, .tried = 1, .age = 500000, .attempt_age = 500001,
        .next = -1 }, USE_REF, REFRESH, 1, 1 },
    { "warm, refresh runs",
      { .keys = 1, .tried = 1, .age = 500000, .attempt_age = 10,
        .next = -10, .lease = 5990 }, USE, WAIT, 0, 1 },
    { "warm, refresh failed, backoff",
      { .keys = 1, .tried = 1, .age = 500000, .attempt_age = 10,
        .next = 990, .failures = 1 }, USE, FAIL, 0, 1 },
    { "warm, refresh failed, backoff over, cooldown not",
      { .keys = 1, .tried = 1, .age = 500000, .attempt_age = 1010,
        .next = -10, .failures = 1 }, USE_REF, FAIL, 1, 1 },
    { "a failed attempt counts for the cooldown no longer than a good one",
      { .keys = 1, .tried = 1, .age = 500000, .attempt_age = 30000,
        .next = 20000, .failures = 7 }, USE, REFRESH, 0, 1 },

    { "stale, backoff",
      { .keys = 1, .tried = 1, .age = VALID + 1, .attempt_age = 10,
        .next = 50000, .failures = 9 }, USE, FAIL, 0, 1 },
    { "stale, backoff over",
      { .keys = 1, .tried = 1, .age = END - 1, .attempt_age = 60000,
        .next = 0, .failures = 9 }, USE_REF, REFRESH, 1, 1 },
    { "the last millisecond of the stale window",
      { .keys = 1, .tried = 1, .age = END, .attempt_age = 10,
        .next = 990, .failures = 9 }, USE, FAIL, 0, 1 },
    { "stale window over, backoff",
      { .keys = 1, .tried = 1, .age = END + 1, .attempt_age = 10,
        .next = 990, .failures = 9 }, FAIL, FAIL, 0, 0 },
    { "stale window over, a fetch runs",
      { .keys = 1, .tried = 1, .age = END + 1, .attempt_age = 10,
        .next = -1, .failures = 9, .lease = 5990 }, WAIT, WAIT, 0, 0 },
    { "stale window over, backoff over",
      { .keys = 1, .tried = 1, .age = END + 1, .attempt_age = 60000,
        .next = -1, .failures = 9 }, REFRESH, REFRESH, 1, 0 },
    { "stale window over, never tried again, old plan in the future",
      { .keys = 1, .tried = 1, .age = END + 1, .attempt_age = END + 9,
        .next = 500000 }, REFRESH, REFRESH, 0, 0 },
    { "refresh period shortened by a reload",
      { .keys = 1, .tried = 1, .age = VALID, .attempt_age = VALID,
        .next = 500000 }, USE_REF, REFRESH, 0, 1 },

    { "static, nothing tried",
      { .keys = 1, .is_static = 1, .next = -T0 }, USE_REF, REFRESH, 1, 1 },
    { "static, old beyond the stale window, tenant away",
      { .keys = 1, .is_static = 1, .tried = 1, .age = END * 2,
        .attempt_age = 10, .next = 59990, .failures = 30 },
      USE, FAIL, 0, 1 },
    { "static, the next fetch is planned",
      { .keys = 1, .is_static = 1, .tried = 1, .age = END, .attempt_age = 10,
        .next = 500000 }, USE, FAIL, 0, 1 },
    { "static, a fetch runs",
      { .keys = 1, .is_static = 1, .tried = 1, .attempt_age = 10,
        .next = -1, .lease = 5990 }, USE, WAIT, 0, 1 },
};


static a0_jwks_meta_t
meta_of(const state_t *s, uint64_t now)
{
    a0_jwks_meta_t  m;

    memset(&m, 0, sizeof(m));
    m.has_keys = (uint8_t) s->keys;
    m.is_static = (uint8_t) s->is_static;
    m.tried = (uint8_t) s->tried;
    m.fetched = s->keys ? now - s->age : 0;
    m.attempted = s->tried ? now - s->attempt_age : 0;
    m.next = now + (uint64_t) s->next;
    m.lease_end = s->lease ? now + (uint64_t) s->lease : 0;
    m.failures = s->failures;

    return m;
}


static void
test_states(void)
{
    size_t          i;
    a0_jwks_meta_t  m;

    for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        unit_case("%s", states[i].name);
        m = meta_of(&states[i].state, T0);
        CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, T0, 0),
                     states[i].known);
        CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, T0, 1),
                     states[i].unknown);
        CHECK_EQ_INT(a0_jwks_plan_due(&m, T0), states[i].due);
        CHECK_EQ_INT(a0_jwks_plan_usable(&m, &times, T0), states[i].usable);
    }
}


/* xorshift: the same numbers in every run */

static uint32_t
random_next(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;

    return *x;
}


static void
test_refresh_bounds(void)
{
    size_t                 i, v;
    uint32_t               x, r;
    uint64_t               wait, low, high, valid;
    a0_jwks_meta_t         m;
    a0_jwks_times_t        t;
    static const uint64_t  valids[] = {
        1000, 9999, VALID, HOUR, UINT64_C(1) << 40, UINT64_MAX / 4
    };

    for (v = 0; v < sizeof(valids) / sizeof(valids[0]); v++) {
        valid = valids[v];
        unit_case("refresh at 80-90 %% of %llu", (unsigned long long) valid);
        t = times;
        t.valid = valid;
        low = UINT64_MAX;
        high = 0;
        x = 2463534242u;

        for (i = 0; i < 100000; i++) {
            r = (i == 0) ? 0 : (i == 1) ? UINT32_MAX : random_next(&x);
            memset(&m, 0, sizeof(m));
            a0_jwks_plan_succeeded(&m, &t, 77, r);
            wait = m.next - 77;
            low = wait < low ? wait : low;
            high = wait > high ? wait : high;
        }

        CHECK(low >= valid / 5 * 4);
        CHECK(high <= valid / 10 * 9 + 9);
        CHECK(low < valid / 100 * 81);
        CHECK(high > valid / 100 * 89);
    }
}


static void
test_backoff(void)
{
    size_t                 i, n;
    uint32_t               x, r;
    uint64_t               wait, full;
    a0_jwks_meta_t         m;
    static const uint64_t  seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };

    for (n = 0; n < sizeof(seconds) / sizeof(seconds[0]); n++) {
        unit_case("failure %zu: %llu s less up to a quarter", n + 1,
                  (unsigned long long) seconds[n]);
        full = seconds[n] * 1000;
        x = 2463534242u;

        for (i = 0; i < 10000; i++) {
            r = (i == 0) ? 0 : (i == 1) ? UINT32_MAX : random_next(&x);
            memset(&m, 0, sizeof(m));
            m.failures = (uint32_t) n;
            m.lease_end = T0 + 1;
            a0_jwks_plan_failed(&m, T0, r);
            wait = m.next - T0;
            CHECK(wait <= full && wait >= full - full / 4);
            CHECK(i != 0 || wait == full);
            CHECK(i != 1 || wait < full - full / 4 + 2);
        }

        CHECK_EQ_INT(m.failures, n + 1);
        CHECK_EQ_INT(m.lease_end, 0);
    }

    unit_case("failures are counted no further than they fit");
    m.failures = UINT32_MAX;
    a0_jwks_plan_failed(&m, T0, 0);
    CHECK(m.failures == UINT32_MAX);
    CHECK_EQ_INT(m.next, T0 + A0_JWKS_BACKOFF_MAX);
}


static void
test_transitions(void)
{
    a0_jwks_meta_t  m;

    unit_case("an attempt takes the lease for timeout and a second");
    memset(&m, 0, sizeof(m));
    a0_jwks_plan_began(&m, &times, T0);
    CHECK_EQ_INT(m.lease_end, T0 + 6000);
    CHECK_EQ_INT(m.attempted, T0);
    CHECK_EQ_INT(m.tried, 1);

    unit_case("success forgets failures, the lease and the file");
    m.failures = 5;
    m.is_static = 1;
    a0_jwks_plan_succeeded(&m, &times, T0 + 9, 0);
    CHECK_EQ_INT(m.failures, 0);
    CHECK_EQ_INT(m.lease_end, 0);
    CHECK_EQ_INT(m.is_static, 0);
    CHECK_EQ_INT(m.has_keys, 1);
    CHECK_EQ_INT(m.fetched, T0 + 9);

    unit_case("failure leaves keys and their age alone");
    a0_jwks_plan_began(&m, &times, T0 + 100);
    a0_jwks_plan_failed(&m, T0 + 200, 0);
    CHECK_EQ_INT(m.has_keys, 1);
    CHECK_EQ_INT(m.fetched, T0 + 9);
    CHECK_EQ_INT(m.failures, 1);
    CHECK_EQ_INT(m.next, T0 + 1200);
}


/* The clock starts at 0 or is about to end. */

static void
test_edges(void)
{
    a0_jwks_meta_t   m;
    a0_jwks_times_t  huge = { NEVER, NEVER, NEVER, NEVER };

    unit_case("everything happens at 0");
    memset(&m, 0, sizeof(m));
    CHECK_EQ_INT(a0_jwks_plan_usable(&m, &times, 0), 0);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 0, 1), REFRESH);
    a0_jwks_plan_began(&m, &times, 0);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 0, 1), WAIT);
    a0_jwks_plan_succeeded(&m, &times, 0, 0);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 0, 0), USE);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 29999, 1), FAIL);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 30000, 1), REFRESH);

    unit_case("keys from a file at 0, nothing tried yet");
    memset(&m, 0, sizeof(m));
    m.has_keys = m.is_static = 1;
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 0, 1), REFRESH);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 29999, 1), REFRESH);

    unit_case("a lease ends on its millisecond");
    a0_jwks_plan_began(&m, &times, 0);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 5999, 1), WAIT);
    CHECK_EQ_INT(a0_jwks_plan_due(&m, 5999), 0);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, 6000, 1), REFRESH);
    CHECK_EQ_INT(a0_jwks_plan_due(&m, 6000), 1);

    unit_case("the clock is about to end");
    memset(&m, 0, sizeof(m));
    a0_jwks_plan_began(&m, &times, NEVER - 10);
    CHECK(m.lease_end == NEVER);
    a0_jwks_plan_succeeded(&m, &times, NEVER - 10, UINT32_MAX);
    CHECK(m.next == NEVER);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &times, NEVER - 1, 0), USE);
    a0_jwks_plan_failed(&m, NEVER - 10, 0);
    CHECK(m.next == NEVER);

    unit_case("times without end");
    memset(&m, 0, sizeof(m));
    a0_jwks_plan_began(&m, &huge, T0);
    CHECK(m.lease_end == NEVER);
    a0_jwks_plan_succeeded(&m, &huge, T0, UINT32_MAX);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &huge, T0 * 2, 0), USE);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &huge, T0 * 2, 1), FAIL);
    CHECK_EQ_INT(a0_jwks_plan_usable(&m, &huge, NEVER), 1);

    unit_case("times of nothing");
    memset(&huge, 0, sizeof(huge));
    memset(&m, 0, sizeof(m));
    a0_jwks_plan_succeeded(&m, &huge, T0, 0);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &huge, T0, 0), USE_REF);
    CHECK_EQ_INT(a0_jwks_plan_decide(&m, &huge, T0, 1), REFRESH);
    CHECK_EQ_INT(a0_jwks_plan_usable(&m, &huge, T0 + 1), 0);
}


/*
 * A tenant that answers or not, requests every 10 ms for an hour: what a known
 * kid gets, and how many fetches start.  outage: [from, to) in ms.
 */

static void
test_life(const char *name, int flood, uint64_t from, uint64_t to,
    unsigned least, unsigned most)
{
    int               known, unknown;
    uint32_t          x;
    uint64_t          t, done;
    unsigned          fetches, refused, served;
    a0_jwks_meta_t    m;
    a0_jwks_action_e  a;

    unit_case("an hour: %s", name);
    memset(&m, 0, sizeof(m));
    x = 2463534242u;
    fetches = refused = served = 0;
    done = 0;

    for (t = 0; t < HOUR; t += 10) {
        if (done && t >= done) {
            done = 0;
            (t >= from && t < to)
                ? a0_jwks_plan_failed(&m, t, random_next(&x))
                : a0_jwks_plan_succeeded(&m, &times, t, random_next(&x));
        }

        a = a0_jwks_plan_decide(&m, &times, t, 0);
        known = (a == USE || a == USE_REF);
        served += known;
        refused += (m.has_keys && !known);

        a = flood ? a0_jwks_plan_decide(&m, &times, t, 1) : USE;
        unknown = (a == REFRESH);

        if (unknown || a0_jwks_plan_due(&m, t)) {
            CHECK(done == 0);
            a0_jwks_plan_began(&m, &times, t);
            fetches++;
            done = t + 50;
        }
    }

    CHECK_EQ_INT(refused, 0);
    CHECK(served > 0);
    CHECK(fetches >= least && fetches <= most);
}


static void
test_flood_of_an_outage(void)
{
    uint64_t        t;
    unsigned        fetches;
    a0_jwks_meta_t  m;

    unit_case("unknown kids alone: one fetch per cooldown, failed or not");
    memset(&m, 0, sizeof(m));
    a0_jwks_plan_succeeded(&m, &times, T0, 0);
    fetches = 0;

    for (t = T0; t < T0 + MIN; t++) {
        if (a0_jwks_plan_decide(&m, &times, t, 1) == REFRESH) {
            a0_jwks_plan_began(&m, &times, t);
            a0_jwks_plan_failed(&m, t, 0);
            fetches++;
        }
    }

    CHECK_EQ_INT(fetches, 2);
    CHECK_EQ_INT(a0_jwks_plan_usable(&m, &times, t), 1);
}


int
main(void)
{
    test_states();
    test_refresh_bounds();
    test_backoff();
    test_transitions();
    test_edges();
    test_life("quiet", 0, NEVER, NEVER, 7, 8);
    test_life("a flood of unknown kids", 1, NEVER, NEVER, 100, 121);
    test_life("an outage from minute 5 on", 0, 5 * MIN, NEVER, 50, 90);
    test_life("an outage and the flood", 1, 5 * MIN, 30 * MIN, 80, 125);
    test_flood_of_an_outage();

    return unit_done();
}
