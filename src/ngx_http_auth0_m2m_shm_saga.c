
#include "ngx_http_auth0_m2m_shm_tables.h"


static ngx_uint_t ngx_http_auth0_m2m_lease_held(
    ngx_http_auth0_m2m_lease_t *lease, ngx_msec_t now);
static ngx_uint_t ngx_http_auth0_m2m_idempotent_held(
    ngx_http_auth0_m2m_idempotent_t *record, int64_t seconds);
static void ngx_http_auth0_m2m_idempotent_new(
    ngx_http_auth0_m2m_idempotent_t *record, const u_char *name,
    const u_char *fingerprint, int64_t expires);
static ngx_http_auth0_m2m_bucket_t *ngx_http_auth0_m2m_limit_bucket(
    ngx_http_auth0_m2m_tables_t *t, const u_char *name);


static ngx_uint_t
ngx_http_auth0_m2m_lease_held(ngx_http_auth0_m2m_lease_t *lease,
    ngx_msec_t now)
{
    return now < lease->end && ngx_http_auth0_m2m_shm_alive(lease->pid);
}


ngx_int_t
ngx_http_auth0_m2m_lease_take(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, uint64_t serial, ngx_msec_t now, ngx_msec_t ms)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_auth0_m2m_lease_t  *lease, *spare;

    spare = NULL;
    rc = NGX_ABORT;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    for (i = 0; i < t->n; i++) {
        lease = &t->leases[i];

        if (!ngx_http_auth0_m2m_same(lease->name, name)) {

            if (spare == NULL && now >= lease->end) {
                spare = lease;
            }

            continue;
        }

        if (ngx_http_auth0_m2m_lease_held(lease, now)) {
            rc = NGX_BUSY;
            goto done;
        }

        spare = lease;
        break;
    }

    if (spare) {
        spare->end = 0;
        ngx_memory_barrier();

        ngx_memcpy(spare->name, name, NGX_HTTP_AUTH0_M2M_ID);
        spare->serial = serial;
        spare->pid = (uint32_t) ngx_pid;

        ngx_memory_barrier();
        spare->end = now + ms;
        rc = NGX_OK;
    }

done:

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return rc;
}


void
ngx_http_auth0_m2m_lease_release(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, uint64_t serial)
{
    ngx_uint_t                   i;
    ngx_http_auth0_m2m_lease_t  *lease;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    for (i = 0; i < t->n; i++) {
        lease = &t->leases[i];

        if (lease->serial == serial && lease->pid == (uint32_t) ngx_pid
            && ngx_http_auth0_m2m_same(lease->name, name))
        {
            lease->end = 0;
            break;
        }
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}


ngx_uint_t
ngx_http_auth0_m2m_lease_count(ngx_http_auth0_m2m_tables_t *t, ngx_msec_t now)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < t->n; i++) {
        n += ngx_http_auth0_m2m_lease_held(&t->leases[i], now);
    }

    return n;
}


/* A record in flight whose worker died tells nothing: its key is free. */

static ngx_uint_t
ngx_http_auth0_m2m_idempotent_held(ngx_http_auth0_m2m_idempotent_t *record,
    int64_t seconds)
{
    return seconds < record->expires
           && (record->len || ngx_http_auth0_m2m_shm_alive(record->pid));
}


static void
ngx_http_auth0_m2m_idempotent_new(ngx_http_auth0_m2m_idempotent_t *record,
    const u_char *name, const u_char *fingerprint, int64_t expires)
{
    record->expires = 0;
    ngx_memory_barrier();

    ngx_memcpy(record->name, name, NGX_HTTP_AUTH0_M2M_ID);
    ngx_memcpy(record->fingerprint, fingerprint, NGX_HTTP_AUTH0_M2M_ID);
    record->len = 0;
    record->pid = (uint32_t) ngx_pid;

    ngx_memory_barrier();
    record->expires = expires;
}


ngx_http_auth0_m2m_idempotent_e
ngx_http_auth0_m2m_idempotent_begin(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, const u_char *fingerprint, int64_t seconds,
    u_char *client_id, size_t *len)
{
    ngx_uint_t                        i;
    ngx_http_auth0_m2m_idempotent_t  *record, *spare;
    ngx_http_auth0_m2m_idempotent_e   rc;

    spare = NULL;
    rc = NGX_HTTP_AUTH0_M2M_IDEMPOTENT_FULL;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    for (i = 0; i < t->n; i++) {
        record = &t->records[i];

        if (!ngx_http_auth0_m2m_same(record->name, name)) {

            if (spare == NULL && seconds >= record->expires) {
                spare = record;
            }

            continue;
        }

        if (!ngx_http_auth0_m2m_idempotent_held(record, seconds)) {
            spare = record;
            break;
        }

        if (!ngx_http_auth0_m2m_same(record->fingerprint, fingerprint)) {
            rc = NGX_HTTP_AUTH0_M2M_IDEMPOTENT_OTHER;
            goto done;
        }

        if (record->len == 0) {
            rc = NGX_HTTP_AUTH0_M2M_IDEMPOTENT_RUNNING;
            goto done;
        }

        ngx_memcpy(client_id, record->client_id, record->len);
        *len = record->len;
        rc = NGX_HTTP_AUTH0_M2M_IDEMPOTENT_DONE;
        goto done;
    }

    if (spare) {
        ngx_http_auth0_m2m_idempotent_new(spare, name, fingerprint,
                                          seconds
                                          + NGX_HTTP_AUTH0_M2M_SAGA_LIFE);
        rc = NGX_HTTP_AUTH0_M2M_IDEMPOTENT_NEW;
    }

done:

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return rc;
}


void
ngx_http_auth0_m2m_idempotent_end(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, int64_t seconds, ngx_int_t ttl,
    const u_char *client_id, size_t len)
{
    ngx_uint_t                        i;
    ngx_http_auth0_m2m_idempotent_t  *record;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    for (i = 0; i < t->n; i++) {
        record = &t->records[i];

        if (!ngx_http_auth0_m2m_same(record->name, name)
            || seconds >= record->expires)
        {
            continue;
        }

        if (len == 0 || len > NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX) {
            record->expires = 0;
            break;
        }

        ngx_memcpy(record->client_id, client_id, len);
        record->expires = seconds + ttl;

        ngx_memory_barrier();
        record->len = len;
        break;
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}


ngx_msec_t
ngx_http_auth0_m2m_limit(ngx_http_auth0_m2m_tables_t *t, const u_char *name,
    ngx_msec_t now, ngx_uint_t rate, ngx_uint_t burst)
{
    uint64_t                      drained, excess;
    ngx_msec_t                    wait;
    ngx_http_auth0_m2m_bucket_t  *bucket;

    wait = 0;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    bucket = ngx_http_auth0_m2m_limit_bucket(t, name);

    /*
     * rate per 1000 s is thousandths of a request per second; another
     * worker's clock may have been ahead of ours
     */

    drained = ((ngx_msec_int_t) (now - bucket->last) > 0)
              ? (uint64_t) (now - bucket->last) * rate / 1000 : 0;
    excess = (bucket->excess > drained) ? bucket->excess - drained : 0;

    if (excess + 1000 > burst * 1000) {
        excess += 1000 - burst * 1000;
        wait = (ngx_msec_t) ((excess * 1000 + rate - 1) / rate);

    } else {
        bucket->excess = excess + 1000;
        bucket->last = now;
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return wait;
}


/* The user's own, else the one that was used longest ago. */

static ngx_http_auth0_m2m_bucket_t *
ngx_http_auth0_m2m_limit_bucket(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name)
{
    ngx_uint_t                    i;
    ngx_http_auth0_m2m_bucket_t  *bucket, *oldest;

    oldest = &t->buckets[0];

    for (i = 0; i < t->n; i++) {
        bucket = &t->buckets[i];

        if (ngx_http_auth0_m2m_same(bucket->name, name)) {
            return bucket;
        }

        if (bucket->last < oldest->last) {
            oldest = bucket;
        }
    }

    ngx_memcpy(oldest->name, name, NGX_HTTP_AUTH0_M2M_ID);
    oldest->excess = 0;
    oldest->last = 0;

    return oldest;
}
