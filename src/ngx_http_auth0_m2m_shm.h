
/*
 * The shared zone: laid out once, when it is born; a reload finds it as it
 * was.  No pointers inside, no allocation after birth.
 *
 * Every lock lives here.  All of them are the slab pool's mutex, the one that
 * nginx's master unlocks when its owner dies; what is written under it is
 * written so that a writer killed half way leaves the old value in force.
 */

#ifndef NGX_HTTP_AUTH0_M2M_SHM_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_SHM_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include "a0.h"
#include "a0_jwks_plan.h"
#include "a0_metrics.h"
#include "a0_tcache.h"


#define NGX_HTTP_AUTH0_M2M_ID         32          /* a SHA-256 digest */
#define NGX_HTTP_AUTH0_M2M_ZONE_MIN   262144
#define NGX_HTTP_AUTH0_M2M_KEYS_MAX   32768       /* normalised key set */

/* Whether two digests are one, for what is no secret. */

#define ngx_http_auth0_m2m_same(a, b)                                         \
    (ngx_memcmp(a, b, NGX_HTTP_AUTH0_M2M_ID) == 0)


typedef struct ngx_http_auth0_m2m_shared_s  ngx_http_auth0_m2m_shared_t;

/* See ngx_http_auth0_m2m_shm_provision.h. */

typedef struct ngx_http_auth0_m2m_tables_s  ngx_http_auth0_m2m_tables_t;


/* A copy of one key set's state. */

typedef struct {
    a0_jwks_meta_t                 meta;
    uint64_t                       generation;  /* 0: never had keys */
    size_t                         len;         /* of the normalised text */
} ngx_http_auth0_m2m_keys_info_t;


#pragma GCC visibility push(hidden)


/*
 * Birth, or adoption on reload.  old is the shared block of the previous
 * configuration or NULL.  NGX_ERROR: the zone is too small (logged).
 */
ngx_int_t ngx_http_auth0_m2m_shm_init(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_shared_t *old, ngx_http_auth0_m2m_shared_t **shared);

/* For the files that are named *_shm_*: the zone's one lock. */

void ngx_http_auth0_m2m_shm_lock(ngx_slab_pool_t *shpool);
void ngx_http_auth0_m2m_shm_unlock(ngx_slab_pool_t *shpool);

/*
 * Finds the slot of key set id or claims one for it: a fresh one, else one that
 * none of the n ids in use needs, of the same source if there is one, else the
 * one that was fetched longest ago.  n is keys_slots() at most.
 *
 * The newest keys of its source, fetched under whatever times, go on in it:
 * who changes only times loses no keys.
 */
ngx_uint_t ngx_http_auth0_m2m_shm_keys_slot(ngx_http_auth0_m2m_shared_t *sh,
    const u_char *id, const u_char *source, const a0_jwks_times_t *times,
    const u_char **in_use, ngx_uint_t n);

ngx_uint_t ngx_http_auth0_m2m_shm_keys_slots(ngx_http_auth0_m2m_shared_t *sh);


/* Lock-free: the generation in force and whether its keys may serve at now
 * (ms, monotonic).  0 when there are none, or when they are too old. */

uint64_t ngx_http_auth0_m2m_shm_keys_generation(
    ngx_http_auth0_m2m_shared_t *sh, ngx_uint_t slot, ngx_msec_t now);

/* Copies state and, when buf is not NULL, the text (KEYS_MAX bytes are
 * enough).  NGX_DECLINED: the slot now belongs to another key set. */

ngx_int_t ngx_http_auth0_m2m_shm_keys_read(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t slot, const u_char *id, ngx_http_auth0_m2m_keys_info_t *info,
    u_char *buf);

/* a0_jwks_plan_decide() under the lock; REFRESH has begun the attempt already:
 * the caller must fetch.  kid_missing < 0 asks for the timer: REFRESH when a
 * fetch is due, else USE.  FAIL: the slot now belongs to another key set. */

a0_jwks_action_e ngx_http_auth0_m2m_shm_keys_decide(
    ngx_http_auth0_m2m_shared_t *sh, ngx_uint_t slot, const u_char *id,
    const a0_jwks_times_t *times, ngx_msec_t now, int kid_missing);

/*
 * The end of an attempt.  keys: normalised text, or empty when it failed.
 * The generation moves only when the keys differ from those in force.
 * NGX_OK: new keys; NGX_DECLINED: the same; NGX_ERROR: failure recorded;
 * NGX_ABORT: the slot now belongs to another key set, whose keys stay.
 */
ngx_int_t ngx_http_auth0_m2m_shm_keys_publish(
    ngx_http_auth0_m2m_shared_t *sh, ngx_uint_t slot, const u_char *id,
    const a0_jwks_times_t *times, ngx_msec_t now, uint32_t random,
    a0_str_t keys);

/* Keys from a file: in force while none were fetched. */

void ngx_http_auth0_m2m_shm_keys_static(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t slot, a0_str_t keys);


ngx_http_auth0_m2m_tables_t *ngx_http_auth0_m2m_shm_tables(
    ngx_http_auth0_m2m_shared_t *sh);
/* Bytes of the block. */

size_t ngx_http_auth0_m2m_shm_size(ngx_http_auth0_m2m_shared_t *sh);

a0_tcache_t *ngx_http_auth0_m2m_shm_tcache(ngx_http_auth0_m2m_shared_t *sh);

/* Counters, see a0_metrics.h. */

void ngx_http_auth0_m2m_shm_count(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t metric);

const volatile uint64_t *ngx_http_auth0_m2m_shm_counters(
    ngx_http_auth0_m2m_shared_t *sh);

/* 1 while process pid lives, as a0_tcache_put() wants to know. */

int ngx_http_auth0_m2m_shm_alive(uint32_t pid);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_SHM_H_INCLUDED */
