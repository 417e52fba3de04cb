
#include "ngx_http_auth0_m2m_shm_tables.h"


#define NGX_HTTP_AUTH0_M2M_MGMT_RETRY  1000    /* ms after a failure */
#define NGX_HTTP_AUTH0_M2M_MGMT_DROP   5000    /* ms between two drops */


static ngx_uint_t ngx_http_auth0_m2m_mgmt_lease_locked(
    ngx_http_auth0_m2m_mgmt_t *m, ngx_msec_t now, ngx_msec_t timeout);


ngx_int_t
ngx_http_auth0_m2m_mgmt_slot(ngx_http_auth0_m2m_tables_t *t,
    const u_char *id, ngx_uint_t *slot)
{
    ngx_uint_t                  i;
    ngx_http_auth0_m2m_mgmt_t  *m, *spare;

    spare = NULL;

    ngx_shmtx_lock(&t->shpool->mutex);

    for (i = 0; i < t->nmgmt; i++) {
        m = &t->mgmt[i];

        if (m->used && ngx_memcmp(m->id, id, NGX_HTTP_AUTH0_M2M_ID) == 0) {
            break;
        }

        if (!m->used && spare == NULL) {
            spare = m;
        }
    }

    if (i == t->nmgmt && spare) {
        ngx_memcpy(spare->id, id, NGX_HTTP_AUTH0_M2M_ID);
        spare->used = 1;
        i = spare - t->mgmt;
    }

    ngx_shmtx_unlock(&t->shpool->mutex);

    *slot = i;

    return (i == t->nmgmt) ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_auth0_m2m_mgmt_get(ngx_http_auth0_m2m_tables_t *t, ngx_uint_t slot,
    ngx_msec_t now, int64_t seconds, ngx_msec_t timeout, u_char *token,
    size_t *len, uint64_t *generation)
{
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = &t->mgmt[slot];

    ngx_shmtx_lock(&t->shpool->mutex);

    if (m->len && seconds < m->usable_until) {
        ngx_memcpy(token, m->token, m->len);
        *len = m->len;
        *generation = m->generation;
        rc = NGX_OK;

    } else if (now < m->lease_end) {
        rc = NGX_AGAIN;

    } else if (now < m->retry_at) {
        rc = NGX_BUSY;

    } else {
        m->lease_end = now + timeout;
        rc = NGX_DECLINED;
    }

    ngx_shmtx_unlock(&t->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_auth0_m2m_mgmt_refresh(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, ngx_msec_t now, int64_t seconds, ngx_msec_t timeout)
{
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = &t->mgmt[slot];
    rc = NGX_OK;

    ngx_shmtx_lock(&t->shpool->mutex);

    /* a token that nobody asked for is not renewed */

    if (m->len && seconds >= m->refresh_at && seconds < m->usable_until
        && ngx_http_auth0_m2m_mgmt_lease_locked(m, now, timeout))
    {
        rc = NGX_DECLINED;
    }

    ngx_shmtx_unlock(&t->shpool->mutex);

    return rc;
}


static ngx_uint_t
ngx_http_auth0_m2m_mgmt_lease_locked(ngx_http_auth0_m2m_mgmt_t *m,
    ngx_msec_t now, ngx_msec_t timeout)
{
    if (now < m->lease_end || now < m->retry_at) {
        return 0;
    }

    m->lease_end = now + timeout;

    return 1;
}


void
ngx_http_auth0_m2m_mgmt_put(ngx_http_auth0_m2m_tables_t *t, ngx_uint_t slot,
    int64_t seconds, const a0_mgmt_token_t *token, uint32_t random)
{
    int64_t                     refresh_after, usable_for;
    ngx_http_auth0_m2m_mgmt_t  *m;

    a0_mgmt_token_times(token->expires_in, random, &refresh_after,
                        &usable_for);

    m = &t->mgmt[slot];

    ngx_shmtx_lock(&t->shpool->mutex);

    m->len = 0;
    ngx_memory_barrier();

    ngx_memcpy(m->token, token->token, token->len);
    m->generation++;
    m->refresh_at = seconds + refresh_after;
    m->usable_until = seconds + usable_for;
    m->lease_end = 0;
    m->retry_at = 0;

    ngx_memory_barrier();
    m->len = token->len;

    ngx_shmtx_unlock(&t->shpool->mutex);
}


void
ngx_http_auth0_m2m_mgmt_failed(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, ngx_msec_t now)
{
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = &t->mgmt[slot];

    ngx_shmtx_lock(&t->shpool->mutex);

    m->lease_end = 0;
    m->retry_at = now + NGX_HTTP_AUTH0_M2M_MGMT_RETRY;

    ngx_shmtx_unlock(&t->shpool->mutex);
}


ngx_int_t
ngx_http_auth0_m2m_mgmt_drop(ngx_http_auth0_m2m_tables_t *t, ngx_uint_t slot,
    ngx_msec_t now, uint64_t generation)
{
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = &t->mgmt[slot];
    rc = NGX_OK;

    ngx_shmtx_lock(&t->shpool->mutex);

    if (m->len && m->generation == generation) {

        if (m->dropped
            && (ngx_msec_int_t) (now - m->dropped)
               < NGX_HTTP_AUTH0_M2M_MGMT_DROP)
        {
            rc = NGX_BUSY;

        } else {
            m->len = 0;
            ngx_explicit_memzero(m->token, A0_MGMT_TOKEN_MAX);
            m->dropped = now;
        }
    }

    ngx_shmtx_unlock(&t->shpool->mutex);

    return rc;
}


uint32_t
ngx_http_auth0_m2m_mgmt_pace_take(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, ngx_msec_t now, uint64_t *call)
{
    uint32_t  ms;

    ngx_shmtx_lock(&t->shpool->mutex);

    ms = a0_pace_take(&t->mgmt[slot].pace, now, call);

    ngx_shmtx_unlock(&t->shpool->mutex);

    return ms;
}


void
ngx_http_auth0_m2m_mgmt_pace_feed(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, uint64_t call, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    ngx_shmtx_lock(&t->shpool->mutex);

    a0_pace_feed(&t->mgmt[slot].pace, call, now, reply);

    ngx_shmtx_unlock(&t->shpool->mutex);
}
