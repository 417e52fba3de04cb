
/* A key set whose times change while it lives. */

#include "a0_jwks_plan.h"
#include "unit.h"


#define MIN    60000
#define HOUR   (60 * MIN)
#define VALID  (10 * MIN)
#define STALE  (24 * HOUR)
#define T0     1000000000


static const a0_jwks_times_t  times = { VALID, STALE, 30000, 5000 };


static void
test_adopted(void)
{
    a0_jwks_meta_t   m;
    a0_jwks_times_t  sooner = { MIN, 2 * MIN, 30000, 5000 };
    a0_jwks_times_t  later = { 2 * VALID, 2 * STALE, 30000, 5000 };

    unit_case("keys go on under shorter times");
    memset(&m, 0, sizeof(m));
    a0_jwks_plan_began(&m, &times, T0 - 50);
    a0_jwks_plan_succeeded(&m, &times, T0, 0);
    CHECK_EQ_INT(m.next, T0 + 8 * MIN);
    a0_jwks_plan_adopted(&m, &sooner);
    CHECK_EQ_INT(m.next, T0 + 48000);
    CHECK_EQ_INT(m.fetched, T0);
    CHECK_EQ_INT(m.has_keys, 1);
    CHECK_EQ_INT(a0_jwks_plan_until(&m, &sooner), T0 + 3 * MIN);
    CHECK_EQ_INT(a0_jwks_plan_usable(&m, &sooner, T0 + 3 * MIN), 1);
    CHECK_EQ_INT(a0_jwks_plan_usable(&m, &sooner, T0 + 3 * MIN + 1), 0);

    unit_case("and under longer ones: the fetch that is due stays due");
    a0_jwks_plan_adopted(&m, &later);
    CHECK_EQ_INT(m.next, T0 + 48000);
    CHECK_EQ_INT(a0_jwks_plan_until(&m, &later), T0 + 2 * (VALID + STALE));

    unit_case("a backoff goes on");
    a0_jwks_plan_failed(&m, T0 + 48000, 0);
    a0_jwks_plan_failed(&m, T0 + 50000, 0);
    a0_jwks_plan_adopted(&m, &sooner);
    CHECK_EQ_INT(m.next, T0 + 52000);
    CHECK_EQ_INT(m.failures, 2);

    unit_case("never fetched: still due at once");
    memset(&m, 0, sizeof(m));
    a0_jwks_plan_adopted(&m, &times);
    CHECK_EQ_INT(a0_jwks_plan_due(&m, T0), 1);
    CHECK_EQ_INT(a0_jwks_plan_usable(&m, &times, T0), 0);

    unit_case("keys of a file have no end");
    m.has_keys = m.is_static = 1;
    CHECK(a0_jwks_plan_until(&m, &sooner) == UINT64_MAX);
}


int
main(void)
{
    test_adopted();

    return unit_done();
}
