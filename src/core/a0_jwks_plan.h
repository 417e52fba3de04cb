
/*
 * Life of a fetched key set: when to use it, when to fetch, how long to back
 * off.  Pure; all times are milliseconds on one monotonic clock, and the
 * random number is an argument.  A time a little ahead of `now` (another
 * process read the clock later) counts as now; sums end at UINT64_MAX.
 */

#ifndef A0_JWKS_PLAN_H_INCLUDED
#define A0_JWKS_PLAN_H_INCLUDED


#include "a0.h"


#define A0_JWKS_BACKOFF_MIN  1000    /* after the first failure */
#define A0_JWKS_BACKOFF_MAX  60000


/* From auth0_m2m_jwks_cache. */

typedef struct {
    uint64_t  valid;      /* refresh period */
    uint64_t  stale;      /* how long after `valid` old keys still serve */
    uint64_t  cooldown;   /* least distance of fetches for unknown kids */
    uint64_t  timeout;    /* total deadline of one fetch */
} a0_jwks_times_t;


/* Plain data, lives in shared memory; all zero at birth. */

typedef struct {
    uint64_t  fetched;      /* last success */
    uint64_t  attempted;    /* start of the last attempt */
    uint64_t  next;         /* when a fetch is due, or a backoff ends */
    uint64_t  lease_end;    /* an attempt runs until then; 0: none runs */
    uint32_t  failures;     /* since the last success */
    uint8_t   has_keys;     /* some keys are in force */
    uint8_t   is_static;    /* they come from a file: never stale */
    uint8_t   tried;        /* `attempted` holds a time */
    uint8_t   pad;
} a0_jwks_meta_t;


typedef enum {
    A0_JWKS_USE = 0,           /* keys are good: go on */
    A0_JWKS_USE_AND_REFRESH,   /* go on, and start a fetch */
    A0_JWKS_REFRESH,           /* start a fetch and wait for it */
    A0_JWKS_WAIT,              /* a fetch runs: wait for it */
    A0_JWKS_FAIL               /* nothing to be had now */
} a0_jwks_action_e;


/*
 * For a request.  kid_missing: the keys in force do not hold the token's kid
 * (or no keys are in force).  With keys in force and kid_missing, WAIT is
 * given while a fetch runs, else REFRESH once per cooldown counted on attempts
 * of any cause and outcome (one that outlived its lease does not count: its
 * owner died), else FAIL (the caller answers unknown_key); a known kid is
 * never affected.  Without usable keys: WAIT while a fetch runs, REFRESH, or
 * during a backoff FAIL, which means keys_unavailable.  Keys older than valid
 * + stale are not usable, static ones always are.  USE_AND_REFRESH: a fetch is
 * due, and nobody has started it.
 */
a0_jwks_action_e a0_jwks_plan_decide(const a0_jwks_meta_t *meta,
    const a0_jwks_times_t *times, uint64_t now, int kid_missing);

/* For the background timer: 1 when a fetch is due now and none runs. */

int a0_jwks_plan_due(const a0_jwks_meta_t *meta, uint64_t now);

/* For a request after its wait, and for status: 1 while the keys may serve. */

int a0_jwks_plan_usable(const a0_jwks_meta_t *meta,
    const a0_jwks_times_t *times, uint64_t now);

/* The last moment they may, UINT64_MAX when they never grow stale. */

uint64_t a0_jwks_plan_until(const a0_jwks_meta_t *meta,
    const a0_jwks_times_t *times);


/* An attempt starts: takes the lease for timeout and a second. */

void a0_jwks_plan_began(a0_jwks_meta_t *meta, const a0_jwks_times_t *times,
    uint64_t now);

/* It ended well, fetched keys are in force: the next fetch is due at 80-90 %
 * of valid, by random (any 32 bits). */

void a0_jwks_plan_succeeded(a0_jwks_meta_t *meta,
    const a0_jwks_times_t *times, uint64_t now, uint32_t random);

/* It failed: 1 s, 2 s, 4 s ... 60 s, each less up to a quarter by random. */

void a0_jwks_plan_failed(a0_jwks_meta_t *meta, uint64_t now, uint32_t random);

/* Keys that were fetched under other times go on under these: the next fetch
 * is due no later than they ask for; a backoff goes on. */

void a0_jwks_plan_adopted(a0_jwks_meta_t *meta, const a0_jwks_times_t *times);


#endif /* A0_JWKS_PLAN_H_INCLUDED */
