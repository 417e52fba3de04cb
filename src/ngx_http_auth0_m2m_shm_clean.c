
#include "ngx_http_auth0_m2m_shm_tables.h"


/* The worker's copy of the revoked clients, taken at `seen` and sorted.  Pages
 * that are not used are never there. */

typedef struct {
    ngx_atomic_uint_t              seen;
    ngx_uint_t                     n;
    ngx_http_auth0_m2m_revoked_t   elts[NGX_HTTP_AUTH0_M2M_TABLE_MAX];
} ngx_http_auth0_m2m_revoked_copy_t;


static int ngx_libc_cdecl ngx_http_auth0_m2m_revoked_compare(const void *one,
    const void *two);
static void ngx_http_auth0_m2m_revoked_sync(ngx_http_auth0_m2m_tables_t *t,
    int64_t seconds);
static ngx_http_auth0_m2m_ring_t *ngx_http_auth0_m2m_orphan_find_locked(
    ngx_http_auth0_m2m_tables_t *t, a0_ring_e kind, a0_str_t id);
static ngx_http_auth0_m2m_ring_t *ngx_http_auth0_m2m_orphan_room_locked(
    ngx_http_auth0_m2m_tables_t *t, int64_t delay);
static ngx_uint_t ngx_http_auth0_m2m_orphan_lives(
    ngx_http_auth0_m2m_ring_t *e, int64_t seconds);


static ngx_http_auth0_m2m_revoked_copy_t  ngx_http_auth0_m2m_revoked_copy;


ngx_int_t
ngx_http_auth0_m2m_revoke(ngx_http_auth0_m2m_tables_t *t, a0_str_t client_id,
    int64_t seconds, int64_t until)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_auth0_m2m_revoked_t  *e, *spare;

    if (client_id.len == 0 || client_id.len > NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX)
    {
        return NGX_OK;
    }

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    spare = &t->revoked[0];

    for (i = 0; i < t->n; i++) {
        e = &t->revoked[i];

        if (e->len == client_id.len
            && ngx_memcmp(e->client_id, client_id.data, e->len) == 0)
        {
            spare = e;
            break;
        }

        if (e->until < spare->until) {
            spare = e;
        }
    }

    rc = (i == t->n && spare->until > seconds) ? NGX_DECLINED : NGX_OK;

    spare->until = 0;
    ngx_memory_barrier();

    ngx_memcpy(spare->client_id, client_id.data, client_id.len);
    spare->len = client_id.len;

    ngx_memory_barrier();
    spare->until = until;

    (void) ngx_atomic_fetch_add(&t->revocations, 1);

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return rc;
}


/* Asked by every request: no lock, and a few comparisons. */

ngx_uint_t
ngx_http_auth0_m2m_revoked(ngx_http_auth0_m2m_tables_t *t, a0_str_t client_id,
    int64_t seconds)
{
    ngx_http_auth0_m2m_revoked_t        key, *found;
    ngx_http_auth0_m2m_revoked_copy_t  *copy;

    copy = &ngx_http_auth0_m2m_revoked_copy;

    if (copy->seen != t->revocations) {
        ngx_http_auth0_m2m_revoked_sync(t, seconds);
    }

    if (copy->n == 0 || client_id.len > NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX) {
        return 0;
    }

    ngx_memcpy(key.client_id, client_id.data, client_id.len);
    key.len = client_id.len;
    key.until = 0;

    found = bsearch(&key, copy->elts, copy->n,
                    sizeof(ngx_http_auth0_m2m_revoked_t),
                    ngx_http_auth0_m2m_revoked_compare);

    return found && seconds < found->until;
}


static int ngx_libc_cdecl
ngx_http_auth0_m2m_revoked_compare(const void *one, const void *two)
{
    const ngx_http_auth0_m2m_revoked_t  *a, *b;

    a = one;
    b = two;

    if (a->len != b->len) {
        return (a->len > b->len) ? 1 : -1;
    }

    return ngx_memcmp(a->client_id, b->client_id, a->len);
}


static void
ngx_http_auth0_m2m_revoked_sync(ngx_http_auth0_m2m_tables_t *t,
    int64_t seconds)
{
    ngx_uint_t                          i, n;
    ngx_http_auth0_m2m_revoked_copy_t  *copy;

    copy = &ngx_http_auth0_m2m_revoked_copy;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    n = 0;

    for (i = 0; i < t->n; i++) {
        if (seconds < t->revoked[i].until) {
            copy->elts[n++] = t->revoked[i];
        }
    }

    copy->n = n;
    copy->seen = t->revocations;

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    ngx_qsort(copy->elts, n, sizeof(ngx_http_auth0_m2m_revoked_t),
              ngx_http_auth0_m2m_revoked_compare);
}


ngx_uint_t
ngx_http_auth0_m2m_revoked_count(ngx_http_auth0_m2m_tables_t *t,
    int64_t seconds)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < t->n; i++) {
        n += (seconds < t->revoked[i].until);
    }

    return n;
}


ngx_int_t
ngx_http_auth0_m2m_orphan_put(ngx_http_auth0_m2m_tables_t *t,
    const u_char *tenant, const a0_ring_entry_t *entry, int64_t seconds,
    ngx_uint_t mine)
{
    int64_t                     due;
    ngx_http_auth0_m2m_ring_t  *e;

    if (entry->id.len == 0
        || entry->id.len > NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX)
    {
        return NGX_ERROR;
    }

    due = entry->due;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    e = ngx_http_auth0_m2m_orphan_find_locked(t, entry->kind, entry->id);

    if (e && e->orphan.kind == A0_RING_CLIENT) {
        due = ngx_min(due, e->orphan.due);
    }

    if (e == NULL) {
        e = ngx_http_auth0_m2m_orphan_room_locked(t, due - seconds);
    }

    if (e) {
        e->used = 0;
        ngx_memory_barrier();

        ngx_memcpy(e->orphan.id, entry->id.data, entry->id.len);
        ngx_memcpy(e->orphan.tenant, tenant, NGX_HTTP_AUTH0_M2M_ID);
        e->orphan.len = entry->id.len;
        e->orphan.kind = entry->kind;
        e->orphan.due = due;
        e->orphan.deny = entry->deny;
        e->orphan.tries = 0;
        e->orphan.serial = ++t->orphans;
        e->held_until = 0;
        e->pid = mine ? (uint32_t) ngx_pid : 0;

        ngx_memory_barrier();
        e->used = 1;
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return e ? NGX_OK : NGX_ERROR;
}


/* Keys that end some day must not crowd out what is to be cleaned up now. */

static ngx_http_auth0_m2m_ring_t *
ngx_http_auth0_m2m_orphan_room_locked(ngx_http_auth0_m2m_tables_t *t,
    int64_t delay)
{
    ngx_uint_t  i;

    i = (delay > NGX_HTTP_AUTH0_M2M_SAGA_LIFE) ? t->n / 4 : 0;

    for ( /* void */ ; i < t->n; i++) {
        if (!t->ring[i].used) {
            return &t->ring[i];
        }
    }

    return NULL;
}


static ngx_http_auth0_m2m_ring_t *
ngx_http_auth0_m2m_orphan_find_locked(ngx_http_auth0_m2m_tables_t *t,
    a0_ring_e kind, a0_str_t id)
{
    ngx_uint_t                  i;
    ngx_http_auth0_m2m_ring_t  *e;

    for (i = 0; i < t->n; i++) {
        e = &t->ring[i];

        if (e->used && e->orphan.kind == kind && e->orphan.len == id.len
            && ngx_memcmp(e->orphan.id, id.data, id.len) == 0)
        {
            return e;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_auth0_m2m_orphan_lives(ngx_http_auth0_m2m_ring_t *e, int64_t seconds)
{
    return e->pid
           && seconds < e->orphan.due + NGX_HTTP_AUTH0_M2M_SAGA_LIFE
           && ngx_http_auth0_m2m_shm_alive(e->pid);
}


ngx_int_t
ngx_http_auth0_m2m_orphan_take(ngx_http_auth0_m2m_tables_t *t,
    const u_char *tenant, int64_t seconds, ngx_msec_t now, ngx_msec_t ms,
    ngx_uint_t *slot, ngx_http_auth0_m2m_orphan_t *orphan)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_auth0_m2m_ring_t  *e;

    rc = NGX_DECLINED;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    for (i = 0; i < t->n; i++) {
        e = &t->ring[i];

        if (e->used && seconds >= e->orphan.due && now >= e->held_until
            && ngx_http_auth0_m2m_same(e->orphan.tenant, tenant)
            && !ngx_http_auth0_m2m_orphan_lives(e, seconds))
        {
            e->held_until = now + ms;
            e->orphan.tries++;
            *orphan = e->orphan;
            *slot = i;
            rc = NGX_OK;
            break;
        }
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);

    return rc;
}


void
ngx_http_auth0_m2m_orphan_done(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, uint64_t serial, ngx_uint_t cleaned, int64_t seconds,
    ngx_int_t retry)
{
    ngx_http_auth0_m2m_ring_t  *e;

    e = &t->ring[slot];

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    if (e->orphan.serial != serial) {

        /* renewed, or another one's by now */

    } else if (cleaned) {
        e->used = 0;

    } else {
        e->orphan.due = seconds + retry;
        e->held_until = 0;
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}


void
ngx_http_auth0_m2m_orphan_forget(ngx_http_auth0_m2m_tables_t *t,
    a0_ring_e kind, a0_str_t id)
{
    ngx_http_auth0_m2m_ring_t  *e;

    ngx_http_auth0_m2m_shm_lock(t->shpool);

    e = ngx_http_auth0_m2m_orphan_find_locked(t, kind, id);

    if (e) {
        e->used = 0;
    }

    ngx_http_auth0_m2m_shm_unlock(t->shpool);
}


/* Without the lock: a number for people, and a reason to take it. */

ngx_uint_t
ngx_http_auth0_m2m_orphan_count(ngx_http_auth0_m2m_tables_t *t,
    int64_t seconds)
{
    ngx_uint_t                  i, n;
    ngx_http_auth0_m2m_ring_t  *e;

    n = 0;

    for (i = 0; i < t->n; i++) {
        e = &t->ring[i];
        n += e->used && (e->orphan.tries || seconds >= e->orphan.due)
             && !ngx_http_auth0_m2m_orphan_lives(e, seconds);
    }

    return n;
}
