
/*
 * Layout of the zone; for the files that are named *_shm_* only.
 */

#ifndef NGX_HTTP_AUTH0_M2M_SHM_INT_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_SHM_INT_H_INCLUDED


#include "ngx_http_auth0_m2m_shm_provision.h"


#if (NGX_PTR_SIZE < 8)
#error the millisecond clock of a 32-bit nginx wraps in 49 days: 64 bits needed
#endif


/*
 * Writer: who holds the mutex.  Readers: anybody; `generation` and
 * `usable_until` without the mutex, the rest under it.  The lowest bit of a
 * generation says which buffer is in force, so that both change in one store
 * and a writer that dies before it has changed nothing.
 */

typedef struct {
    u_char                id[NGX_HTTP_AUTH0_M2M_ID];
    u_char                source[NGX_HTTP_AUTH0_M2M_ID];  /* id, but for the
                                                     times it is kept by */
    ngx_atomic_t          used;
    ngx_atomic_t          generation;
    ngx_atomic_t          usable_until;       /* ms, monotonic */
    a0_jwks_meta_t        meta;
    size_t                len[2];
    u_char                text[2][NGX_HTTP_AUTH0_M2M_KEYS_MAX];
} ngx_http_auth0_m2m_keys_t;


struct ngx_http_auth0_m2m_shared_s {
    uint32_t              version;
    uint32_t              nkeys;
    ngx_slab_pool_t      *shpool;     /* every process maps it at one place */
    ngx_atomic_t          generations;
    size_t                size;
    a0_tcache_t          *tcache;
    ngx_http_auth0_m2m_tables_t  *tables;
    volatile uint64_t     counters[A0_METRIC_N];
    ngx_http_auth0_m2m_keys_t  keys[1];
};


#endif /* NGX_HTTP_AUTH0_M2M_SHM_INT_H_INCLUDED */
