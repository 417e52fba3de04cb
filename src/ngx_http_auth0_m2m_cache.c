
#include "ngx_http_auth0_m2m_cache.h"
#include "ngx_http_auth0_m2m_jwks.h"
#include "ngx_http_auth0_m2m_memo.h"

#include <openssl/err.h>
#include <openssl/evp.h>


/* The worker's own: OpenSSL looks a digest up by name only once. */

typedef struct {
    EVP_MD                       *md;
    EVP_MD_CTX                   *ctx;
    ngx_http_auth0_m2m_shared_t  *shared;
} ngx_http_auth0_m2m_cache_state_t;


static ngx_int_t ngx_http_auth0_m2m_cache_digest(a0_str_t token,
    u_char *digest);
static ngx_int_t ngx_http_auth0_m2m_cache_hit(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, const a0_claims_t *claims);
static ngx_uint_t ngx_http_auth0_m2m_cache_vouched(
    ngx_http_auth0_m2m_ctx_t *ctx, const a0_tcache_origin_t *origin);


static ngx_http_auth0_m2m_cache_state_t  ngx_http_auth0_m2m_cache;


ngx_int_t
ngx_http_auth0_m2m_cache_init_worker(ngx_cycle_t *cycle,
    ngx_http_auth0_m2m_main_conf_t *mcf)
{
    ngx_http_auth0_m2m_cache.shared = mcf->shared;
    ngx_http_auth0_m2m_cache.md = EVP_MD_fetch(NULL, "SHA256", NULL);
    ngx_http_auth0_m2m_cache.ctx = EVP_MD_CTX_new();

    if (ngx_http_auth0_m2m_cache.md == NULL
        || ngx_http_auth0_m2m_cache.ctx == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "auth0_m2m: OpenSSL has no SHA-256");
        return NGX_ERROR;
    }

    if (ngx_http_auth0_m2m_memo_init() != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "auth0_m2m: OpenSSL has no random numbers");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_auth0_m2m_cache_exit_worker(void)
{
    EVP_MD_CTX_free(ngx_http_auth0_m2m_cache.ctx);
    EVP_MD_free(ngx_http_auth0_m2m_cache.md);
    ngx_http_auth0_m2m_memo_free();
}


ngx_int_t
ngx_http_auth0_m2m_cache_get(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    a0_tcache_t                      *shared;
    a0_tcache_origin_t                origin;
    const ngx_http_auth0_m2m_memo_t  *memo;

    u_char                            digest[A0_TCACHE_DIGEST];
    uint64_t                          words[A0_TCACHE_ENTRY
                                            / sizeof(uint64_t)];
    a0_claims_t                      *claims = (a0_claims_t *) words;

    if (!ctx->conf->token_cache) {
        ctx->cache = NGX_HTTP_AUTH0_M2M_CACHE_BYPASS;
        return NGX_DECLINED;
    }

    memo = ngx_http_auth0_m2m_memo_get(ctx->token);

    if (memo && ngx_http_auth0_m2m_cache_vouched(ctx, &memo->origin)) {
        return ngx_http_auth0_m2m_cache_hit(r, ctx, &memo->claims);
    }

    shared = ngx_http_auth0_m2m_shm_tcache(ngx_http_auth0_m2m_cache.shared);

    if (ngx_http_auth0_m2m_cache_digest(ctx->token, digest) == NGX_OK
        && a0_tcache_get(shared, digest, ngx_time(), claims, &origin)
        && ngx_http_auth0_m2m_cache_vouched(ctx, &origin))
    {
        ngx_http_auth0_m2m_memo_put(ctx->token, claims, &origin);
        return ngx_http_auth0_m2m_cache_hit(r, ctx, claims);
    }

    ctx->cache = NGX_HTTP_AUTH0_M2M_CACHE_MISS;
    ngx_http_auth0_m2m_shm_count(ngx_http_auth0_m2m_cache.shared,
                                 A0_METRIC_CACHE_MISSES);

    return NGX_DECLINED;
}


/* The request has a copy: it may outlive what the memories hold now. */

static ngx_int_t
ngx_http_auth0_m2m_cache_hit(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, const a0_claims_t *claims)
{
    a0_claims_t  *copy;

    copy = ngx_palloc(r->pool, claims->size);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, claims, claims->size);

    ctx->cache = NGX_HTTP_AUTH0_M2M_CACHE_HIT;
    ctx->claims = copy;
    ctx->kid = a0_claims_str(copy, copy->kid);

    ngx_http_auth0_m2m_shm_count(ngx_http_auth0_m2m_cache.shared,
                                 A0_METRIC_CACHE_HITS);

    return NGX_OK;
}


/* The keys that vouched for the token are this location's, and in force. */

static ngx_uint_t
ngx_http_auth0_m2m_cache_vouched(ngx_http_auth0_m2m_ctx_t *ctx,
    const a0_tcache_origin_t *origin)
{
    ngx_uint_t                      i;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ctx->conf;

    for (i = 0; i < lcf->policy.issuers.nelts; i++) {
        if (lcf->keysets[i]->slot == origin->key_set) {
            ctx->keyset = lcf->keysets[i];
            return ngx_http_auth0_m2m_jwks_generation(ctx->keyset)
                   == origin->generation;
        }
    }

    return 0;
}


void
ngx_http_auth0_m2m_cache_put(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, uint64_t generation)
{
    u_char              digest[A0_TCACHE_DIGEST];
    a0_tcache_origin_t  origin;

    if (!ctx->conf->token_cache
        || ngx_http_auth0_m2m_cache_digest(ctx->token, digest) != NGX_OK)
    {
        return;
    }

    ngx_memzero(&origin, sizeof(a0_tcache_origin_t));
    origin.generation = generation;
    origin.key_set = (uint32_t) ctx->keyset->slot;

    ngx_http_auth0_m2m_memo_put(ctx->token, ctx->claims, &origin);

    if (a0_tcache_put(
            ngx_http_auth0_m2m_shm_tcache(ngx_http_auth0_m2m_cache.shared),
            digest, ngx_time(), ctx->claims, &origin, (uint32_t) ngx_pid,
            ngx_http_auth0_m2m_shm_alive)
        == A0_TCACHE_EVICTED)
    {
        ngx_http_auth0_m2m_shm_count(ngx_http_auth0_m2m_cache.shared,
                                     A0_METRIC_CACHE_EVICTIONS);
    }
}


static ngx_int_t
ngx_http_auth0_m2m_cache_digest(a0_str_t token, u_char *digest)
{
    EVP_MD_CTX  *ctx;

    ctx = ngx_http_auth0_m2m_cache.ctx;

    if (EVP_DigestInit_ex(ctx, ngx_http_auth0_m2m_cache.md, NULL) == 1
        && EVP_DigestUpdate(ctx, token.data, token.len) == 1
        && EVP_DigestFinal_ex(ctx, digest, NULL) == 1)
    {
        return NGX_OK;
    }

    ERR_clear_error();

    return NGX_ERROR;
}
