
/*
 * Verified tokens: looked up before a signature is verified, remembered
 * after.  What is found is authentic under keys that are in force now; whether
 * it is accepted is policy's business, on every request.
 */

#ifndef NGX_HTTP_AUTH0_M2M_CACHE_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_CACHE_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


ngx_int_t ngx_http_auth0_m2m_cache_init_worker(ngx_cycle_t *cycle,
    ngx_http_auth0_m2m_main_conf_t *mcf);
void ngx_http_auth0_m2m_cache_exit_worker(void);

/*
 * Looks ctx->token up.  NGX_OK: ctx->claims is set (in the request's pool);
 * NGX_DECLINED: not known, or its keys are not in force any more; NGX_ERROR:
 * no memory.  Sets ctx->cache.
 */
ngx_int_t ngx_http_auth0_m2m_cache_get(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);

/* Remembers ctx->token and ctx->claims, which ctx->keyset vouched for under
 * generation. */

void ngx_http_auth0_m2m_cache_put(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, uint64_t generation);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_CACHE_H_INCLUDED */
