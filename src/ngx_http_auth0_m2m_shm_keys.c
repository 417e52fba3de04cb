
#include "ngx_http_auth0_m2m_shm_int.h"


#define ngx_http_auth0_m2m_buffer(k)  ((k)->generation & 1)


static ngx_http_auth0_m2m_keys_t *ngx_http_auth0_m2m_shm_keys_claim(
    ngx_http_auth0_m2m_shared_t *sh, const u_char *id, const u_char *source,
    const u_char **in_use, ngx_uint_t n);
static ngx_http_auth0_m2m_keys_t *ngx_http_auth0_m2m_shm_keys_spare(
    ngx_http_auth0_m2m_shared_t *sh, const u_char *source,
    const u_char **in_use, ngx_uint_t n);
static ngx_http_auth0_m2m_keys_t *ngx_http_auth0_m2m_shm_keys_newest(
    ngx_http_auth0_m2m_shared_t *sh, ngx_http_auth0_m2m_keys_t *k);
static void ngx_http_auth0_m2m_shm_keys_adopt(ngx_http_auth0_m2m_shared_t *sh,
    ngx_http_auth0_m2m_keys_t *k, ngx_http_auth0_m2m_keys_t *newest,
    const a0_jwks_times_t *times);
static void ngx_http_auth0_m2m_shm_keys_swap(ngx_http_auth0_m2m_shared_t *sh,
    ngx_http_auth0_m2m_keys_t *k, a0_str_t keys);
static ngx_uint_t ngx_http_auth0_m2m_shm_keys_same(
    ngx_http_auth0_m2m_keys_t *k, a0_str_t keys);
static ngx_uint_t ngx_http_auth0_m2m_shm_keys_of(
    ngx_http_auth0_m2m_keys_t *k, const u_char *id);
static ngx_uint_t ngx_http_auth0_m2m_shm_keys_from(
    ngx_http_auth0_m2m_keys_t *k, const u_char *source);


ngx_uint_t
ngx_http_auth0_m2m_shm_keys_slots(ngx_http_auth0_m2m_shared_t *sh)
{
    return sh->nkeys;
}


ngx_uint_t
ngx_http_auth0_m2m_shm_keys_slot(ngx_http_auth0_m2m_shared_t *sh,
    const u_char *id, const u_char *source, const a0_jwks_times_t *times,
    const u_char **in_use, ngx_uint_t n)
{
    ngx_uint_t                  i;
    ngx_http_auth0_m2m_keys_t  *k, *newest;

    ngx_http_auth0_m2m_shm_lock(sh->shpool);

    for (i = 0; i < sh->nkeys; i++) {
        if (ngx_http_auth0_m2m_shm_keys_of(&sh->keys[i], id)) {
            break;
        }
    }

    k = (i < sh->nkeys) ? &sh->keys[i]
                        : ngx_http_auth0_m2m_shm_keys_claim(sh, id, source,
                                                            in_use, n);

    newest = ngx_http_auth0_m2m_shm_keys_newest(sh, k);

    if (newest != k || i == sh->nkeys) {
        ngx_http_auth0_m2m_shm_keys_adopt(sh, k, newest, times);
    }

    ngx_http_auth0_m2m_shm_unlock(sh->shpool);

    return k - sh->keys;
}


/* A slot that changes owners within its source keeps its keys. */

static ngx_http_auth0_m2m_keys_t *
ngx_http_auth0_m2m_shm_keys_claim(ngx_http_auth0_m2m_shared_t *sh,
    const u_char *id, const u_char *source, const u_char **in_use,
    ngx_uint_t n)
{
    ngx_http_auth0_m2m_keys_t  *k;

    k = ngx_http_auth0_m2m_shm_keys_spare(sh, source, in_use, n);

    if (!ngx_http_auth0_m2m_shm_keys_from(k, source)) {
        k->used = 0;
        k->usable_until = 0;
        k->generation = (++sh->generations) << 1;
        ngx_memzero(&k->meta, sizeof(a0_jwks_meta_t));
        ngx_memzero(k->len, sizeof(k->len));
        ngx_memcpy(k->source, source, NGX_HTTP_AUTH0_M2M_ID);
    }

    k->meta.lease_end = 0;
    ngx_memcpy(k->id, id, NGX_HTTP_AUTH0_M2M_ID);
    k->used = 1;

    return k;
}


/* There is one: the n ids, one of which has no slot, are no more than slots. */

static ngx_http_auth0_m2m_keys_t *
ngx_http_auth0_m2m_shm_keys_spare(ngx_http_auth0_m2m_shared_t *sh,
    const u_char *source, const u_char **in_use, ngx_uint_t n)
{
    ngx_uint_t                  i, j, found;
    ngx_http_auth0_m2m_keys_t  *k, *spare;

    found = 0;
    spare = &sh->keys[0];

    for (i = 0; i < sh->nkeys; i++) {
        k = &sh->keys[i];

        if (!k->used) {
            return k;
        }

        for (j = 0; j < n; j++) {
            if (ngx_http_auth0_m2m_same(k->id, in_use[j])) {
                break;
            }
        }

        if (j < n) {
            continue;
        }

        if (!found || ngx_http_auth0_m2m_shm_keys_from(k, source)
            || (!ngx_http_auth0_m2m_shm_keys_from(spare, source)
                && k->meta.fetched < spare->meta.fetched))
        {
            found = 1;
            spare = k;
        }
    }

    return spare;
}


/* Of fetched keys alone: those of a file come with the configuration. */

static ngx_http_auth0_m2m_keys_t *
ngx_http_auth0_m2m_shm_keys_newest(ngx_http_auth0_m2m_shared_t *sh,
    ngx_http_auth0_m2m_keys_t *k)
{
    ngx_uint_t                  i;
    ngx_http_auth0_m2m_keys_t  *other, *newest;

    newest = k;

    for (i = 0; i < sh->nkeys; i++) {
        other = &sh->keys[i];

        if (ngx_http_auth0_m2m_shm_keys_from(other, k->source)
            && other->meta.has_keys && !other->meta.is_static
            && other->meta.fetched > newest->meta.fetched)
        {
            newest = other;
        }
    }

    return newest;
}


/* What runs for k in an old worker goes on running. */

static void
ngx_http_auth0_m2m_shm_keys_adopt(ngx_http_auth0_m2m_shared_t *sh,
    ngx_http_auth0_m2m_keys_t *k, ngx_http_auth0_m2m_keys_t *newest,
    const a0_jwks_times_t *times)
{
    uint64_t   lease_end;
    a0_str_t   keys;

    keys.len = newest->len[ngx_http_auth0_m2m_buffer(newest)];
    keys.data = newest->text[ngx_http_auth0_m2m_buffer(newest)];

    if (!ngx_http_auth0_m2m_shm_keys_same(k, keys)) {
        ngx_http_auth0_m2m_shm_keys_swap(sh, k, keys);
    }

    lease_end = k->meta.lease_end;
    k->meta = newest->meta;
    k->meta.lease_end = lease_end;

    a0_jwks_plan_adopted(&k->meta, times);

    if (k->meta.has_keys) {
        k->usable_until = a0_jwks_plan_until(&k->meta, times);
    }
}


/* A worker of before a reload may find its slot given away. */

static ngx_uint_t
ngx_http_auth0_m2m_shm_keys_of(ngx_http_auth0_m2m_keys_t *k, const u_char *id)
{
    return k->used && ngx_http_auth0_m2m_same(k->id, id);
}


static ngx_uint_t
ngx_http_auth0_m2m_shm_keys_from(ngx_http_auth0_m2m_keys_t *k,
    const u_char *source)
{
    return k->used && ngx_http_auth0_m2m_same(k->source, source);
}


uint64_t
ngx_http_auth0_m2m_shm_keys_generation(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t slot, ngx_msec_t now)
{
    ngx_http_auth0_m2m_keys_t  *k;

    k = &sh->keys[slot];

    return (now < k->usable_until) ? (uint64_t) k->generation : 0;
}


ngx_int_t
ngx_http_auth0_m2m_shm_keys_read(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t slot, const u_char *id, ngx_http_auth0_m2m_keys_info_t *info,
    u_char *buf)
{
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_keys_t  *k;

    k = &sh->keys[slot];
    rc = NGX_DECLINED;

    ngx_http_auth0_m2m_shm_lock(sh->shpool);

    if (ngx_http_auth0_m2m_shm_keys_of(k, id)) {
        info->meta = k->meta;
        info->generation = k->generation;
        info->len = k->len[ngx_http_auth0_m2m_buffer(k)];

        if (buf) {
            ngx_memcpy(buf, k->text[ngx_http_auth0_m2m_buffer(k)], info->len);
        }

        rc = NGX_OK;
    }

    ngx_http_auth0_m2m_shm_unlock(sh->shpool);

    return rc;
}


a0_jwks_action_e
ngx_http_auth0_m2m_shm_keys_decide(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t slot, const u_char *id, const a0_jwks_times_t *times,
    ngx_msec_t now, int kid_missing)
{
    a0_jwks_action_e            action;
    ngx_http_auth0_m2m_keys_t  *k;

    k = &sh->keys[slot];

    ngx_http_auth0_m2m_shm_lock(sh->shpool);

    if (!ngx_http_auth0_m2m_shm_keys_of(k, id)) {
        action = A0_JWKS_FAIL;

    } else if (kid_missing < 0) {
        action = a0_jwks_plan_due(&k->meta, now) ? A0_JWKS_REFRESH
                                                 : A0_JWKS_USE;
    } else {
        action = a0_jwks_plan_decide(&k->meta, times, now, kid_missing);
    }

    if (action == A0_JWKS_REFRESH || action == A0_JWKS_USE_AND_REFRESH) {
        a0_jwks_plan_began(&k->meta, times, now);
    }

    ngx_http_auth0_m2m_shm_unlock(sh->shpool);

    return action;
}


ngx_int_t
ngx_http_auth0_m2m_shm_keys_publish(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t slot, const u_char *id, const a0_jwks_times_t *times,
    ngx_msec_t now, uint32_t random, a0_str_t keys)
{
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_keys_t  *k;

    k = &sh->keys[slot];

    ngx_http_auth0_m2m_shm_lock(sh->shpool);

    if (!ngx_http_auth0_m2m_shm_keys_of(k, id)) {
        rc = NGX_ABORT;
        goto done;
    }

    if (keys.len == 0 || keys.len > NGX_HTTP_AUTH0_M2M_KEYS_MAX) {
        a0_jwks_plan_failed(&k->meta, now, random);
        rc = NGX_ERROR;
        goto done;
    }

    rc = NGX_DECLINED;

    if (!ngx_http_auth0_m2m_shm_keys_same(k, keys)) {
        ngx_http_auth0_m2m_shm_keys_swap(sh, k, keys);
        rc = NGX_OK;
    }

    a0_jwks_plan_succeeded(&k->meta, times, now, random);
    k->usable_until = a0_jwks_plan_until(&k->meta, times);

done:

    ngx_http_auth0_m2m_shm_unlock(sh->shpool);

    return rc;
}


void
ngx_http_auth0_m2m_shm_keys_static(ngx_http_auth0_m2m_shared_t *sh,
    ngx_uint_t slot, a0_str_t keys)
{
    ngx_http_auth0_m2m_keys_t  *k;

    k = &sh->keys[slot];

    ngx_http_auth0_m2m_shm_lock(sh->shpool);

    if (!k->meta.has_keys || k->meta.is_static) {

        if (!ngx_http_auth0_m2m_shm_keys_same(k, keys)) {
            ngx_http_auth0_m2m_shm_keys_swap(sh, k, keys);
        }

        k->meta.has_keys = 1;
        k->meta.is_static = 1;
        k->usable_until = UINT64_MAX;
    }

    ngx_http_auth0_m2m_shm_unlock(sh->shpool);
}


static ngx_uint_t
ngx_http_auth0_m2m_shm_keys_same(ngx_http_auth0_m2m_keys_t *k, a0_str_t keys)
{
    ngx_uint_t  b;

    b = ngx_http_auth0_m2m_buffer(k);

    return k->len[b] == keys.len
           && ngx_memcmp(k->text[b], keys.data, keys.len) == 0;
}


static void
ngx_http_auth0_m2m_shm_keys_swap(ngx_http_auth0_m2m_shared_t *sh,
    ngx_http_auth0_m2m_keys_t *k, a0_str_t keys)
{
    ngx_uint_t  b;

    b = !ngx_http_auth0_m2m_buffer(k);

    ngx_memcpy(k->text[b], keys.data, keys.len);
    k->len[b] = keys.len;

    ngx_memory_barrier();

    k->generation = ((++sh->generations) << 1) | b;
}
