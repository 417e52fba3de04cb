
/*
 * From a request to a verdict.
 */

#ifndef NGX_HTTP_AUTH0_M2M_ACCESS_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_ACCESS_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/* First in the access phase: lets in, or refuses. */

ngx_int_t ngx_http_auth0_m2m_access_handler(ngx_http_request_t *r);

/*
 * Last in the access phase: with "satisfy any", refuses what neither the token
 * nor anything else has let in.  Nothing is told to those that were.
 */
ngx_int_t ngx_http_auth0_m2m_access_last_handler(ngx_http_request_t *r);

/*
 * Judges the request's token by its location's rules and leaves the verdict
 * in *ctx, which is made when NULL.  NGX_OK: ctx->err is the verdict;
 * NGX_AGAIN: keys are being fetched, wake(r) will be called and the function
 * is to be called again from there; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_auth0_m2m_access_judge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t **ctx, void (*wake)(ngx_http_request_t *r));

/* Prepares the answer to a refused request: counter, log line, challenge.
 * Returns its HTTP status. */

ngx_int_t ngx_http_auth0_m2m_access_deny(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_ACCESS_H_INCLUDED */
