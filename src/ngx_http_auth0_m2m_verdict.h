
/*
 * From a request to a verdict, and the answer to a refused one.
 */

#ifndef NGX_HTTP_AUTH0_M2M_VERDICT_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_VERDICT_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/*
 * Judges the request's token by its location's rules and leaves the verdict
 * in *ctx, which is made when NULL.  NGX_OK: ctx->err is the verdict;
 * NGX_AGAIN: keys are being fetched, wake(r) will be called and the function
 * is to be called again from there; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_auth0_m2m_verdict_judge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t **ctx, void (*wake)(ngx_http_request_t *r));

/* Prepares the answer to a refused request: counter, log line, challenge.
 * Returns its HTTP status. */

ngx_int_t ngx_http_auth0_m2m_verdict_deny(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);

/* An internal redirect: takes the refusal's header out of an answer that is
 * not to be an error's.  ctx may be NULL. */

void ngx_http_auth0_m2m_verdict_untell(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_VERDICT_H_INCLUDED */
