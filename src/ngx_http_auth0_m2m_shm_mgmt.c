
#include "ngx_http_auth0_m2m_shm_tables.h"


#define NGX_HTTP_AUTH0_M2M_MGMT_RETRY  1000    /* ms after a failure */
#define NGX_HTTP_AUTH0_M2M_MGMT_DROP   5000    /* ms between two drops */


static ngx_http_auth0_m2m_mgmt_t *ngx_http_auth0_m2m_mgmt_spare(
    ngx_http_auth0_m2m_tables_t *t, const u_char **in_use, ngx_uint_t n);
static ngx_uint_t ngx_http_auth0_m2m_mgmt_of(ngx_http_auth0_m2m_mgmt_t *m,
    const u_char *id);
static ngx_http_auth0_m2m_mgmt_t *ngx_http_auth0_m2m_mgmt_lock(
    ngx_http_auth0_m2m_tables_t *t, ngx_uint_t slot, const u_char *id);
static ngx_uint_t ngx_http_auth0_m2m_mgmt_lease_locked(
    ngx_http_auth0_m2m_mgmt_t *m, ngx_msec_t now, ngx_msec_t timeout);


ngx_uint_t
ngx_http_auth0_m2m_mgmt_slots(ngx_http_auth0_m2m_tables_t *t)
{
    return t->nmgmt;
}


ngx_uint_t
ngx_http_auth0_m2m_mgmt_slot(ngx_http_auth0_m2m_tables_t *t,
    const u_char *id, const u_char **in_use, ngx_uint_t n)
{
    uint64_t                    generation;
    ngx_uint_t                  i;
    ngx_http_auth0_m2m_mgmt_t  *m;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    for (i = 0; i < t->nmgmt; i++) {
        if (ngx_http_auth0_m2m_mgmt_of(&t->mgmt[i], id)) {
            break;
        }
    }

    if (i == t->nmgmt) {
        m = ngx_http_auth0_m2m_mgmt_spare(t, in_use, n);
        generation = m->generation;

        m->used = 0;
        ngx_memory_barrier();

        ngx_explicit_memzero(m, sizeof(ngx_http_auth0_m2m_mgmt_t));
        ngx_memcpy(m->id, id, NGX_HTTP_AUTH0_M2M_ID);
        m->generation = generation;

        ngx_memory_barrier();
        m->used = 1;

        i = m - t->mgmt;
    }

    t->mgmt[i].claim = ++t->claims;

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return i;
}


/* There is one: the n ids, one of which has no slot, are no more than slots.
 * What was claimed of late may still be in use by workers that are leaving. */

static ngx_http_auth0_m2m_mgmt_t *
ngx_http_auth0_m2m_mgmt_spare(ngx_http_auth0_m2m_tables_t *t,
    const u_char **in_use, ngx_uint_t n)
{
    ngx_uint_t                  i, j, found;
    ngx_http_auth0_m2m_mgmt_t  *m, *spare;

    found = 0;
    spare = &t->mgmt[0];

    for (i = 0; i < t->nmgmt; i++) {
        m = &t->mgmt[i];

        if (!m->used) {
            return m;
        }

        for (j = 0; j < n; j++) {
            if (ngx_http_auth0_m2m_mgmt_of(m, in_use[j])) {
                break;
            }
        }

        if (j == n && (!found || m->claim < spare->claim)) {
            found = 1;
            spare = m;
        }
    }

    return spare;
}


static ngx_uint_t
ngx_http_auth0_m2m_mgmt_of(ngx_http_auth0_m2m_mgmt_t *m, const u_char *id)
{
    return m->used && ngx_http_auth0_m2m_same(m->id, id);
}


/* NULL, and no lock: a worker of before a reload may find its slot given
 * away. */

static ngx_http_auth0_m2m_mgmt_t *
ngx_http_auth0_m2m_mgmt_lock(ngx_http_auth0_m2m_tables_t *t, ngx_uint_t slot,
    const u_char *id)
{
    ngx_http_auth0_m2m_shm_lock(t->shpool);

    if (ngx_http_auth0_m2m_mgmt_of(&t->mgmt[slot], id)) {
        return &t->mgmt[slot];
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return NULL;
}


ngx_int_t
ngx_http_auth0_m2m_mgmt_get(ngx_http_auth0_m2m_tables_t *t, ngx_uint_t slot,
    const u_char *id, ngx_msec_t now, int64_t seconds, ngx_msec_t timeout,
    u_char *token, size_t *len, uint64_t *generation)
{
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = ngx_http_auth0_m2m_mgmt_lock(t, slot, id);
    if (m == NULL) {
        return NGX_BUSY;
    }

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

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return rc;
}


ngx_int_t
ngx_http_auth0_m2m_mgmt_refresh(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now, int64_t seconds,
    ngx_msec_t timeout)
{
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = ngx_http_auth0_m2m_mgmt_lock(t, slot, id);
    if (m == NULL) {
        return NGX_OK;
    }

    rc = NGX_OK;

    /* a token that nobody asked for is not renewed */

    if (m->len && seconds >= m->refresh_at && seconds < m->usable_until
        && ngx_http_auth0_m2m_mgmt_lease_locked(m, now, timeout))
    {
        rc = NGX_DECLINED;
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

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
    const u_char *id, int64_t seconds, const a0_mgmt_token_t *token,
    uint32_t random)
{
    int64_t                     refresh_after, usable_for;
    ngx_http_auth0_m2m_mgmt_t  *m;

    a0_mgmt_token_times(token->expires_in, random, &refresh_after,
                        &usable_for);

    m = ngx_http_auth0_m2m_mgmt_lock(t, slot, id);
    if (m == NULL) {
        return;
    }

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

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}


void
ngx_http_auth0_m2m_mgmt_failed(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now)
{
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = ngx_http_auth0_m2m_mgmt_lock(t, slot, id);
    if (m == NULL) {
        return;
    }

    m->lease_end = 0;
    m->retry_at = now + NGX_HTTP_AUTH0_M2M_MGMT_RETRY;

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}


void
ngx_http_auth0_m2m_mgmt_drop(ngx_http_auth0_m2m_tables_t *t, ngx_uint_t slot,
    const u_char *id, ngx_msec_t now, uint64_t generation,
    ngx_http_auth0_m2m_drop_e why)
{
    ngx_msec_t                 *last;
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = ngx_http_auth0_m2m_mgmt_lock(t, slot, id);
    if (m == NULL) {
        return;
    }

    last = &m->dropped[why];

    if (m->len && m->generation == generation
        && (*last == 0
            || (ngx_msec_int_t) (now - *last)
               >= NGX_HTTP_AUTH0_M2M_MGMT_DROP))
    {
        m->len = 0;
        ngx_explicit_memzero(m->token, A0_MGMT_TOKEN_MAX);
        *last = now;
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}


uint32_t
ngx_http_auth0_m2m_mgmt_pace_take(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now, uint64_t *call)
{
    uint32_t                    ms;
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = ngx_http_auth0_m2m_mgmt_lock(t, slot, id);
    if (m == NULL) {
        return 0;
    }

    ms = a0_pace_take(&m->pace, now, call);

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return ms;
}


void
ngx_http_auth0_m2m_mgmt_pace_feed(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, uint64_t call,
    const a0_provision_now_t *now, const a0_reply_t *reply)
{
    ngx_http_auth0_m2m_mgmt_t  *m;

    m = ngx_http_auth0_m2m_mgmt_lock(t, slot, id);
    if (m == NULL) {
        return;
    }

    a0_pace_feed(&m->pace, call, now, reply);

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}
