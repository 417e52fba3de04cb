
/*
 * Counters and gauges, and their two texts.  One table in a0_metrics.c holds
 * every family; JSON and the Prometheus text format (version 0.0.4) are made
 * from it.  Adding a metric: a number here, a row there.
 */

#ifndef A0_METRICS_H_INCLUDED
#define A0_METRICS_H_INCLUDED


#include "a0.h"
#include "a0_jwks_plan.h"
#include "a0_provision.h"


#define A0_METRIC_STEPS_MAX  40    /* room for kinds of provisioning steps */
#define A0_METRIC_OUTCOMES   (A0_OUTCOME_UNKNOWN + 1)


/* Index of a counter in the caller's array, which has A0_METRIC_N of them, 0
 * at birth.  Families with labels take several, see below. */

enum {
    A0_METRIC_TOKENS = 0,
    A0_METRIC_VERIFICATIONS = A0_METRIC_TOKENS + A0_ERR_N,
    A0_METRIC_CACHE_HITS,
    A0_METRIC_CACHE_MISSES,
    A0_METRIC_CACHE_EVICTIONS,
    A0_METRIC_FETCHES,
    A0_METRIC_MGMT_TOKENS = A0_METRIC_FETCHES + 2,
    A0_METRIC_STEPS = A0_METRIC_MGMT_TOKENS + 2,
    A0_METRIC_ORPHANS_GIVEN_UP = A0_METRIC_STEPS
                                 + A0_METRIC_STEPS_MAX * A0_METRIC_OUTCOMES,
    A0_METRIC_N
};


/* One token was judged. */

unsigned a0_metric_token(a0_err_t err);

/* A key set was to be fetched, a Management token was asked for. */

unsigned a0_metric_fetch(int ok);
unsigned a0_metric_mgmt(int ok);

/* A step of a saga ended; step is the text of a0_provision_log_t.  A name that
 * no call has is "token", waiting for a Management token. */

unsigned a0_metric_step(const char *step, a0_outcome_e outcome);


enum {
    A0_GAUGE_CACHE_ENTRIES = 0,
    A0_GAUGE_CACHE_CAPACITY,
    A0_GAUGE_LEASES,
    A0_GAUGE_ORPHANS_PENDING,
    A0_GAUGE_REVOKED_CLIENTS,
    A0_GAUGE_ZONE_SIZE,            /* bytes, as is the next */
    A0_GAUGE_ZONE_USED,
    A0_GAUGE_N
};


typedef struct {
    a0_str_t                 domain;
    uint64_t                 keys;         /* in force */
    uint64_t                 generation;
    const a0_jwks_meta_t    *meta;
    const a0_jwks_times_t   *times;
} a0_metric_key_set_t;


typedef struct {
    const volatile uint64_t    *counters;  /* A0_METRIC_N */
    uint64_t                    gauges[A0_GAUGE_N];
    const a0_metric_key_set_t  *key_sets;
    size_t                      nkey_sets;
    uint64_t                    now;       /* ms, the clock of meta */
} a0_metrics_t;


/* Bytes that are enough for either text, with domains of up to 255 bytes. */

#define a0_metrics_size(nkey_sets)  (16384 + (nkey_sets) * 4096)


/* Each writes its whole text or refuses with NO_SPACE.  Key sets of one domain
 * are told apart by a label (member) "set" from the second on. */

a0_err_t a0_metrics_json(const a0_metrics_t *metrics, unsigned char *buf,
    size_t cap, size_t *len);

a0_err_t a0_metrics_prometheus(const a0_metrics_t *metrics,
    unsigned char *buf, size_t cap, size_t *len);


#endif /* A0_METRICS_H_INCLUDED */
