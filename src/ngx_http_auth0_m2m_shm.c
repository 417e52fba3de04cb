
#include "ngx_http_auth0_m2m_shm_int.h"

#include <signal.h>
#include <sys/mman.h>


#define NGX_HTTP_AUTH0_M2M_SHM_VERSION  3


static ngx_uint_t ngx_http_auth0_m2m_shm_key_slots(size_t size);
static ngx_int_t ngx_http_auth0_m2m_shm_version(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_shared_t *sh);
static void ngx_http_auth0_m2m_shm_crowded(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_shared_t *sh);
static void ngx_http_auth0_m2m_shm_undumped(ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_auth0_m2m_shm_layout(
    ngx_http_auth0_m2m_shared_t *sh, size_t size, ngx_slab_pool_t *shpool);


/* A quarter of the zone holds keys, at least two sets of them. */

static ngx_uint_t
ngx_http_auth0_m2m_shm_key_slots(size_t size)
{
    ngx_uint_t  n;

    n = size / 4 / sizeof(ngx_http_auth0_m2m_keys_t);

    return ngx_min(ngx_max(n, 2), 64);
}


static ngx_int_t
ngx_http_auth0_m2m_shm_version(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_shared_t *sh)
{
    if (sh->version == NGX_HTTP_AUTH0_M2M_SHM_VERSION) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "zone \"%V\" was laid out by another version of the "
                  "module: restart nginx instead of reloading it",
                  &zone->shm.name);

    return NGX_ERROR;
}


/* A few give way in a zone that is large enough, where a set is full. */

static void
ngx_http_auth0_m2m_shm_crowded(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_shared_t *sh)
{
    size_t    capacity;
    uint64_t  evictions;

    capacity = a0_tcache_capacity(sh->tcache);
    evictions = sh->counters[A0_METRIC_CACHE_EVICTIONS];

    if (evictions == 0 || evictions < capacity) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                  "zone \"%V\" remembers %uz tokens, too few for its "
                  "traffic: %uL live ones gave way to others",
                  &zone->shm.name, capacity, evictions);
}


/* It will hold Management tokens: keep it out of core files. */

static void
ngx_http_auth0_m2m_shm_undumped(ngx_shm_zone_t *zone)
{
#ifdef MADV_DONTDUMP
    if (madvise(zone->shm.addr, zone->shm.size, MADV_DONTDUMP) == -1) {
        ngx_log_error(NGX_LOG_WARN, zone->shm.log, ngx_errno,
                      "madvise(MADV_DONTDUMP) failed for zone \"%V\"",
                      &zone->shm.name);
    }
#endif
}


/* Key sets, tables, and what is left remembers tokens. */

static ngx_int_t
ngx_http_auth0_m2m_shm_layout(ngx_http_auth0_m2m_shared_t *sh, size_t size,
    ngx_slab_pool_t *shpool)
{
    size_t   used;
    u_char  *p;

    p = (u_char *) sh;

    sh->version = NGX_HTTP_AUTH0_M2M_SHM_VERSION;
    sh->shpool = shpool;
    sh->size = size;
    sh->nkeys = ngx_http_auth0_m2m_shm_key_slots(size);

    used = offsetof(ngx_http_auth0_m2m_shared_t, keys)
           + sh->nkeys * sizeof(ngx_http_auth0_m2m_keys_t);
    used = ngx_align(used, 64);

    sh->tables = (ngx_http_auth0_m2m_tables_t *) (p + used);

    if (ngx_http_auth0_m2m_tables_init(sh->tables, size, shpool) != NGX_OK) {
        return NGX_ERROR;
    }

    used = ngx_align(used + ngx_http_auth0_m2m_tables_size(size), 64);

    sh->tcache = a0_tcache_init(p + used, size - used);

    return NGX_OK;
}


ngx_int_t
ngx_http_auth0_m2m_shm_init(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_shared_t *old, ngx_http_auth0_m2m_shared_t **shared)
{
    size_t                        size;
    u_char                       *p;
    ngx_slab_pool_t              *shpool;
    ngx_http_auth0_m2m_shared_t  *sh;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (old == NULL && zone->shm.exists) {
        old = shpool->data;
    }

    if (old) {
        if (ngx_http_auth0_m2m_shm_version(zone, old) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_auth0_m2m_shm_crowded(zone, old);
        *shared = old;

        return NGX_OK;
    }

    ngx_http_auth0_m2m_shm_undumped(zone);

    size = shpool->pfree * ngx_pagesize;
    p = ngx_slab_calloc(shpool, size);
    if (p == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small", &zone->shm.name);
        return NGX_ERROR;
    }

    sh = (ngx_http_auth0_m2m_shared_t *) p;

    if (ngx_http_auth0_m2m_shm_layout(sh, size, shpool) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "auth0_m2m: OpenSSL has no random numbers");
        return NGX_ERROR;
    }

    shpool->data = sh;
    *shared = sh;

    return NGX_OK;
}


/*
 * Who finds the mutex taken yields: ngx_shmtx_lock() would sleep on a
 * semaphore.  The master unlocks for a worker that was killed, but it cannot
 * know of a sleeper whom the dead one had counted off and not yet woken: that
 * one would sleep for good.
 */

void
ngx_http_auth0_m2m_shm_lock(ngx_slab_pool_t *shpool)
{
    while (!ngx_shmtx_trylock(&shpool->mutex)) {
        ngx_sched_yield();
    }
}


void
ngx_http_auth0_m2m_shm_unlock(ngx_slab_pool_t *shpool)
{
    ngx_shmtx_unlock(&shpool->mutex);
}


ngx_http_auth0_m2m_tables_t *
ngx_http_auth0_m2m_shm_tables(ngx_http_auth0_m2m_shared_t *sh)
{
    return sh->tables;
}


size_t
ngx_http_auth0_m2m_shm_size(ngx_http_auth0_m2m_shared_t *sh)
{
    return sh->size;
}


a0_tcache_t *
ngx_http_auth0_m2m_shm_tcache(ngx_http_auth0_m2m_shared_t *sh)
{
    return sh->tcache;
}


void
ngx_http_auth0_m2m_shm_count(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t metric)
{
    (void) __atomic_add_fetch(&sh->counters[metric], 1, __ATOMIC_RELAXED);
}


const volatile uint64_t *
ngx_http_auth0_m2m_shm_counters(ngx_http_auth0_m2m_shared_t *sh)
{
    return sh->counters;
}


int
ngx_http_auth0_m2m_shm_alive(uint32_t pid)
{
    return kill((pid_t) pid, 0) == 0 || ngx_errno != ESRCH;
}
