
/*
 * A request's token: where it is found, and whether it is authentic.
 */

#ifndef NGX_HTTP_AUTH0_M2M_TOKEN_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_TOKEN_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/*
 * The token of the request, in place (RFC 6750 section 2.1; query and form
 * are never read).  MISSING: no Authorization header, another scheme, or an
 * empty token= variable; INVALID_REQUEST; MULTIPLE_TOKENS.
 */
a0_err_t ngx_http_auth0_m2m_token_find(ngx_http_request_t *r,
    ngx_http_auth0_m2m_loc_conf_t *lcf, a0_str_t *token);

/*
 * Parses ctx->token and verifies its signature with keys of its issuer.
 * NGX_OK: ctx->err says whether it is authentic, then ctx->claims is set;
 * NGX_AGAIN: ctx->waiter waits for keys; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_auth0_m2m_token_verify(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);

/*
 * Whether keys of another set vouch, as they are, for ctx->token, which was
 * verified: UNKNOWN_KEY, BAD_SIGNATURE, KEYS_UNAVAILABLE, INTERNAL.
 */
a0_err_t ngx_http_auth0_m2m_token_vouched(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, ngx_http_auth0_m2m_keyset_t *ks);

/* The encoded payload of a token that was verified. */

a0_str_t ngx_http_auth0_m2m_token_payload(a0_str_t token);

/* When to come back while ctx->keyset has no keys, in seconds. */

ngx_int_t ngx_http_auth0_m2m_token_retry_after(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, ngx_str_t *value);

/* Counts a verdict. */

void ngx_http_auth0_m2m_token_count(ngx_http_request_t *r, a0_err_t err);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_TOKEN_H_INCLUDED */
