
/*
 * Life of a fetched key set.  Two clocks never meet here: everything is
 * milliseconds of the monotonic clock, read by several processes at slightly
 * different moments, so that a time of the past may lie a little ahead of
 * `now` and then counts as just now.
 */

#include "a0_jwks_plan.h"


/* What a fetch may take beyond its deadline before its owner is dead. */

#define A0_JWKS_LEASE_GRACE  1000


static uint64_t
a0_jwks_plan_add(uint64_t a, uint64_t b)
{
    return (b > UINT64_MAX - a) ? UINT64_MAX : a + b;
}


static uint64_t
a0_jwks_plan_since(uint64_t then, uint64_t now)
{
    return (now > then) ? now - then : 0;
}


/* random / 2^32 of span, in two halves, because the product has 96 bits. */

static uint64_t
a0_jwks_plan_part(uint64_t span, uint32_t random)
{
    return (span >> 32) * random + (((span & UINT32_MAX) * random) >> 32);
}


static int
a0_jwks_plan_leased(const a0_jwks_meta_t *meta, uint64_t now)
{
    return meta->lease_end != 0 && now < meta->lease_end;
}


/* An attempt that never ended: its owner died. */

static int
a0_jwks_plan_abandoned(const a0_jwks_meta_t *meta, uint64_t now)
{
    return meta->lease_end != 0 && now >= meta->lease_end;
}


static int
a0_jwks_plan_cooled(const a0_jwks_meta_t *meta, const a0_jwks_times_t *times,
    uint64_t now)
{
    return !meta->tried
           || a0_jwks_plan_abandoned(meta, now)
           || a0_jwks_plan_since(meta->attempted, now) >= times->cooldown;
}


/*
 * `next` was made with the times of then; a configuration with a shorter
 * refresh period must not wait for it.  After a failure it is a backoff and
 * holds for everybody.
 */

static int
a0_jwks_plan_overdue(const a0_jwks_meta_t *meta, const a0_jwks_times_t *times,
    uint64_t now)
{
    if (meta->failures || meta->is_static) {
        return 0;
    }

    return a0_jwks_plan_since(meta->fetched, now) >= times->valid;
}


int
a0_jwks_plan_due(const a0_jwks_meta_t *meta, uint64_t now)
{
    if (a0_jwks_plan_leased(meta, now)) {
        return 0;
    }

    return a0_jwks_plan_abandoned(meta, now) || now >= meta->next;
}


int
a0_jwks_plan_usable(const a0_jwks_meta_t *meta, const a0_jwks_times_t *times,
    uint64_t now)
{
    return meta->has_keys && now <= a0_jwks_plan_until(meta, times);
}


uint64_t
a0_jwks_plan_until(const a0_jwks_meta_t *meta, const a0_jwks_times_t *times)
{
    if (meta->is_static) {
        return UINT64_MAX;
    }

    return a0_jwks_plan_add(meta->fetched,
                            a0_jwks_plan_add(times->valid, times->stale));
}


a0_jwks_action_e
a0_jwks_plan_decide(const a0_jwks_meta_t *meta, const a0_jwks_times_t *times,
    uint64_t now, int kid_missing)
{
    int  due, leased, usable;

    usable = a0_jwks_plan_usable(meta, times, now);
    leased = a0_jwks_plan_leased(meta, now);
    due = !leased && (a0_jwks_plan_due(meta, now)
                      || a0_jwks_plan_overdue(meta, times, now));

    if (usable && !kid_missing) {
        return due ? A0_JWKS_USE_AND_REFRESH : A0_JWKS_USE;
    }

    if (leased) {
        return A0_JWKS_WAIT;
    }

    if (usable) {
        due = a0_jwks_plan_cooled(meta, times, now);
    }

    return due ? A0_JWKS_REFRESH : A0_JWKS_FAIL;
}


void
a0_jwks_plan_began(a0_jwks_meta_t *meta, const a0_jwks_times_t *times,
    uint64_t now)
{
    meta->attempted = now;
    meta->tried = 1;
    meta->lease_end = a0_jwks_plan_add(now,
                          a0_jwks_plan_add(times->timeout,
                                           A0_JWKS_LEASE_GRACE));
}


void
a0_jwks_plan_succeeded(a0_jwks_meta_t *meta, const a0_jwks_times_t *times,
    uint64_t now, uint32_t random)
{
    uint64_t  wait;

    wait = times->valid - times->valid / 5
           + a0_jwks_plan_part(times->valid / 10, random);

    meta->fetched = now;
    meta->next = a0_jwks_plan_add(now, wait);
    meta->lease_end = 0;
    meta->failures = 0;
    meta->has_keys = 1;
    meta->is_static = 0;
}


void
a0_jwks_plan_failed(a0_jwks_meta_t *meta, uint64_t now, uint32_t random)
{
    uint64_t  wait;

    wait = A0_JWKS_BACKOFF_MAX;

    /* 2^6 s is already above the cap, and the shift has to stay small */

    if (meta->failures < 6) {
        wait = (uint64_t) A0_JWKS_BACKOFF_MIN << meta->failures;
    }

    if (meta->failures < UINT32_MAX) {
        meta->failures++;
    }

    meta->next = a0_jwks_plan_add(now,
                                  wait - a0_jwks_plan_part(wait / 4, random));
    meta->lease_end = 0;
}


void
a0_jwks_plan_adopted(a0_jwks_meta_t *meta, const a0_jwks_times_t *times)
{
    uint64_t  due;

    if (meta->failures) {
        return;
    }

    due = a0_jwks_plan_add(meta->fetched, times->valid - times->valid / 5);

    if (meta->next > due) {
        meta->next = due;
    }
}
