
#include "ngx_http_auth0_m2m_shm_tables.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>


#define NGX_HTTP_AUTH0_M2M_TABLE_MIN   128
#define NGX_HTTP_AUTH0_M2M_TABLE_PER   2048       /* bytes of zone an entry */
#define NGX_HTTP_AUTH0_M2M_TABLE_FEW   1024       /* when there are as many, */
#define NGX_HTTP_AUTH0_M2M_TABLE_MORE  8192       /* each more takes that */

#define NGX_HTTP_AUTH0_M2M_MGMT_MIN    2
#define NGX_HTTP_AUTH0_M2M_MGMT_MAX    16
#define NGX_HTTP_AUTH0_M2M_MGMT_PER    524288


static ngx_uint_t ngx_http_auth0_m2m_tables_entries(size_t size);
static ngx_uint_t ngx_http_auth0_m2m_tables_mgmt(size_t size);


static ngx_uint_t
ngx_http_auth0_m2m_tables_entries(size_t size)
{
    ngx_uint_t  n;

    n = ngx_min(size / NGX_HTTP_AUTH0_M2M_TABLE_PER,
                NGX_HTTP_AUTH0_M2M_TABLE_FEW);
    n = ngx_max(n, size / NGX_HTTP_AUTH0_M2M_TABLE_MORE);

    return ngx_min(ngx_max(n, NGX_HTTP_AUTH0_M2M_TABLE_MIN),
                   NGX_HTTP_AUTH0_M2M_TABLE_MAX);
}


static ngx_uint_t
ngx_http_auth0_m2m_tables_mgmt(size_t size)
{
    ngx_uint_t  n;

    n = size / NGX_HTTP_AUTH0_M2M_MGMT_PER;

    return ngx_min(ngx_max(n, NGX_HTTP_AUTH0_M2M_MGMT_MIN),
                   NGX_HTTP_AUTH0_M2M_MGMT_MAX);
}


size_t
ngx_http_auth0_m2m_tables_size(size_t size)
{
    return sizeof(ngx_http_auth0_m2m_tables_t)
           + ngx_http_auth0_m2m_tables_mgmt(size)
             * sizeof(ngx_http_auth0_m2m_mgmt_t)
           + ngx_http_auth0_m2m_tables_entries(size)
             * (sizeof(ngx_http_auth0_m2m_lease_t)
                + sizeof(ngx_http_auth0_m2m_idempotent_t)
                + sizeof(ngx_http_auth0_m2m_bucket_t)
                + sizeof(ngx_http_auth0_m2m_revoked_t)
                + sizeof(ngx_http_auth0_m2m_ring_t));
}


/* The memory is zeroed; every process maps the zone at one address. */

ngx_int_t
ngx_http_auth0_m2m_tables_init(ngx_http_auth0_m2m_tables_t *t, size_t size,
    ngx_slab_pool_t *shpool)
{
    t->shpool = shpool;
    t->n = ngx_http_auth0_m2m_tables_entries(size);
    t->nmgmt = ngx_http_auth0_m2m_tables_mgmt(size);

    t->mgmt = (ngx_http_auth0_m2m_mgmt_t *) (t + 1);
    t->leases = (ngx_http_auth0_m2m_lease_t *) (t->mgmt + t->nmgmt);
    t->records = (ngx_http_auth0_m2m_idempotent_t *) (t->leases + t->n);
    t->buckets = (ngx_http_auth0_m2m_bucket_t *) (t->records + t->n);
    t->revoked = (ngx_http_auth0_m2m_revoked_t *) (t->buckets + t->n);
    t->ring = (ngx_http_auth0_m2m_ring_t *) (t->revoked + t->n);

    return (RAND_bytes(t->key, sizeof(t->key)) == 1) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_auth0_m2m_tables_name(ngx_http_auth0_m2m_tables_t *t,
    const a0_str_t *parts, ngx_uint_t n, u_char *name)
{
    ngx_uint_t  i;
    uint64_t    len;
    u_char      digest[NGX_HTTP_AUTH0_M2M_ID];

    /* a chain of digests: where one part ends and the next begins counts */

    ngx_memzero(digest, sizeof(digest));

    for (i = 0; i < n; i++) {
        u_char        key[sizeof(t->key) + sizeof(digest) + sizeof(len)];

        len = parts[i].len;

        ngx_memcpy(key, t->key, sizeof(t->key));
        ngx_memcpy(key + sizeof(t->key), digest, sizeof(digest));
        ngx_memcpy(key + sizeof(t->key) + sizeof(digest), &len, sizeof(len));

        /* without memory: a chain that lacks a part is somebody else's */

        if (HMAC(EVP_sha256(), key, sizeof(key), parts[i].data, parts[i].len,
                 digest, NULL)
            == NULL)
        {
            ERR_clear_error();
            return NGX_ERROR;
        }
    }

    ngx_memcpy(name, digest, NGX_HTTP_AUTH0_M2M_ID);

    return NGX_OK;
}
