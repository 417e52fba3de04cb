/*
 * Life of a key set: any sequence of moments, attempts, ends and changes of
 * the times, with what a0_jwks_plan.h promises checked at each of them.
 */

#include "a0_jwks_plan.h"
#include "fuzz.h"


static uint64_t
sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}


static uint64_t
span(fuzz_t *in)
{
    static const uint64_t  spans[] = {
        0, 1, 999, 1000, 5000, 60000, 300000, 3600000, 86400000,
        UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX
    };

    return spans[fuzz_byte(in) % (sizeof(spans) / sizeof(spans[0]))];
}


static void
times(fuzz_t *in, a0_jwks_times_t *t)
{
    t->valid = span(in);
    t->stale = span(in);
    t->cooldown = span(in);
    t->timeout = span(in);
}


static int
usable(const a0_jwks_meta_t *m, const a0_jwks_times_t *t, uint64_t now)
{
    uint64_t  age;

    age = now > m->fetched ? now - m->fetched : 0;

    return m->has_keys && (m->is_static || age <= sum(t->valid, t->stale));
}


static void
decide(const a0_jwks_meta_t *m, const a0_jwks_times_t *t, uint64_t now)
{
    int               leased, good, missing;
    uint64_t          since;
    a0_jwks_action_e  a;

    leased = m->lease_end > now;
    good = usable(m, t, now);
    since = now > m->attempted ? now - m->attempted : 0;
    FUZZ_ASSERT(!a0_jwks_plan_usable(m, t, now) == !good);
    FUZZ_ASSERT(!leased || !a0_jwks_plan_due(m, now));

    for (missing = 0; missing < 2; missing++) {
        a = a0_jwks_plan_decide(m, t, now, missing);

        /* one fetch at a time */
        FUZZ_ASSERT(!leased || a == A0_JWKS_USE || a == A0_JWKS_WAIT);
        FUZZ_ASSERT(a != A0_JWKS_WAIT || leased);

        /* keys that may serve do, others never */
        FUZZ_ASSERT((a <= A0_JWKS_USE_AND_REFRESH) == (good && !missing));

        /* unknown kids: one attempt per cooldown, but for one that died */
        FUZZ_ASSERT(a != A0_JWKS_REFRESH || !good || !m->tried
                    || m->lease_end || since >= t->cooldown);
        FUZZ_ASSERT(!(good && missing && !leased && a == A0_JWKS_FAIL)
                    || since < t->cooldown);

        /* without keys only a backoff keeps from fetching */
        FUZZ_ASSERT(good || a != A0_JWKS_FAIL || m->next > now);
    }

    /* it never waits for ever */
    FUZZ_ASSERT(a0_jwks_plan_due(m, UINT64_MAX)
                || m->lease_end == UINT64_MAX);
    fuzz_deep++;
}


static void
succeeded(a0_jwks_meta_t *m, const a0_jwks_times_t *t, uint64_t now,
    uint32_t random)
{
    a0_jwks_plan_succeeded(m, t, now, random);
    FUZZ_ASSERT(m->has_keys && !m->is_static && !m->failures && !m->lease_end);
    FUZZ_ASSERT(m->fetched == now);
    FUZZ_ASSERT(m->next >= sum(now, t->valid - t->valid / 5)
                && m->next <= sum(now, t->valid - t->valid / 10));
    FUZZ_ASSERT(a0_jwks_plan_usable(m, t, now));
}


static void
failed(a0_jwks_meta_t *m, uint64_t now, uint32_t random)
{
    int       had;
    uint64_t  fetched, wait;

    had = m->has_keys;
    fetched = m->fetched;
    wait = m->failures < 6 ? UINT64_C(1000) << m->failures : 60000;
    wait = wait < 60000 ? wait : 60000;
    a0_jwks_plan_failed(m, now, random);
    FUZZ_ASSERT(m->next <= sum(now, wait)
                && m->next >= sum(now, wait - wait / 4));
    FUZZ_ASSERT(m->has_keys == had && m->fetched == fetched);
    FUZZ_ASSERT(m->failures && !m->lease_end);
}


void
fuzz_one(fuzz_t *in)
{
    uint64_t         now, step;
    unsigned         op;
    a0_jwks_meta_t   m;
    a0_jwks_times_t  t;

    memset(&m, 0, sizeof(m));
    now = span(in);
    times(in, &t);

    if (fuzz_byte(in) & 1) {
        m.has_keys = 1;
        m.is_static = 1;
    }

    while (fuzz_left(in)) {
        op = fuzz_byte(in);
        step = span(in);

        /* time goes on; now and then it is another process's, a bit behind */
        now = op & 0x80 && now > 3 ? now - 3 : sum(now, step);

        switch (op % 6) {
        case 0:
            a0_jwks_plan_began(&m, &t, now);
            FUZZ_ASSERT(m.lease_end >= sum(now, t.timeout));
            break;
        case 1:
            succeeded(&m, &t, now, (uint32_t) fuzz_int(in, 4));
            break;
        case 2:
            failed(&m, now, (uint32_t) fuzz_int(in, 4));
            break;
        case 3:
            times(in, &t);
            break;
        default:
            break;
        }

        decide(&m, &t, now);
    }
}
