
#include "ngx_http_auth0_m2m_token.h"
#include "ngx_http_auth0_m2m_cache.h"
#include "ngx_http_auth0_m2m_jwks.h"


#define NGX_HTTP_AUTH0_M2M_RETRY_MAX  60      /* seconds */


static ngx_http_auth0_m2m_main_conf_t *ngx_http_auth0_m2m_token_mcf(
    ngx_http_request_t *r);
static a0_err_t ngx_http_auth0_m2m_token_header(ngx_http_request_t *r,
    a0_str_t *token);
static ngx_uint_t ngx_http_auth0_m2m_token_in_args(ngx_str_t *args);
static ngx_uint_t ngx_http_auth0_m2m_token_syntax(a0_str_t token);
static ngx_int_t ngx_http_auth0_m2m_token_parse(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, a0_jwt_t *jwt);


a0_err_t
ngx_http_auth0_m2m_token_find(ngx_http_request_t *r,
    ngx_http_auth0_m2m_loc_conf_t *lcf, a0_str_t *token)
{
    ngx_http_variable_value_t  *v;

    if (lcf->token_index == NGX_CONF_UNSET) {
        return ngx_http_auth0_m2m_token_header(r, token);
    }

    v = ngx_http_get_flushed_variable(r, lcf->token_index);

    if (v == NULL || v->not_found || v->len == 0) {
        return A0_ERR_MISSING;
    }

    token->len = v->len;
    token->data = v->data;

    return A0_OK;
}


static a0_err_t
ngx_http_auth0_m2m_token_header(ngx_http_request_t *r, a0_str_t *token)
{
    ngx_str_t        *value;
    ngx_table_elt_t  *h;

    static const u_char  scheme[] = "Bearer";
    static const size_t  len = sizeof("Bearer") - 1;

    h = r->headers_in.authorization;

    if (h == NULL) {
        return A0_ERR_MISSING;
    }

#if (nginx_version >= 1023000)
    /* before, the core itself refuses a second header */

    if (h->next) {
        return A0_ERR_MULTIPLE_TOKENS;
    }
#endif

    value = &h->value;

    if (value->len < len
        || ngx_strncasecmp(value->data, (u_char *) scheme, len) != 0)
    {
        return A0_ERR_MISSING;
    }

    if (value->len == len) {
        return A0_ERR_INVALID_REQUEST;
    }

    if (value->data[len] != ' ') {
        return (value->data[len] == '\t') ? A0_ERR_INVALID_REQUEST
                                          : A0_ERR_MISSING;
    }

    token->len = value->len - len - 1;
    token->data = value->data + len + 1;

    if (token->len == 0 || token->data[0] == ' ') {
        return A0_ERR_INVALID_REQUEST;
    }

    if (r->args.len && ngx_http_auth0_m2m_token_in_args(&r->args)) {
        return A0_ERR_MULTIPLE_TOKENS;
    }

    return A0_OK;
}


static ngx_uint_t
ngx_http_auth0_m2m_token_in_args(ngx_str_t *args)
{
    u_char  *p, *last;

    static const char    name[] = "access_token=";
    static const size_t  len = sizeof("access_token=") - 1;

    p = args->data;
    last = p + args->len;

    while ((size_t) (last - p) >= len) {

        if (ngx_strncmp(p, name, len) == 0) {
            return 1;
        }

        p = ngx_strlchr(p, last, '&');
        if (p == NULL) {
            return 0;
        }

        p++;
    }

    return 0;
}


/*
 * A header of another syntax than one token: white space, a list, or bytes
 * that no header should hold.  Asked only of tokens that were not verified
 * before.
 */

static ngx_uint_t
ngx_http_auth0_m2m_token_syntax(a0_str_t token)
{
    size_t  i;

    for (i = 0; i < token.len; i++) {
        if (token.data[i] <= 0x20 || token.data[i] >= 0x7f
            || token.data[i] == ',')
        {
            return 0;
        }
    }

    return 1;
}


/* Reads the token and picks the key set that may vouch for it. */

static ngx_int_t
ngx_http_auth0_m2m_token_parse(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, a0_jwt_t *jwt)
{
    size_t                          i;
    u_char                         *work;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ctx->conf;

    if (lcf->token_index == NGX_CONF_UNSET
        && !ngx_http_auth0_m2m_token_syntax(ctx->token))
    {
        ctx->err = A0_ERR_INVALID_REQUEST;
        return NGX_OK;
    }

    if (ctx->token.len > A0_TOKEN_MAX) {
        ctx->err = A0_ERR_TOO_LARGE;
        return NGX_OK;
    }

    work = ngx_palloc(r->pool, a0_jwt_work_size(ctx->token.len));
    if (work == NULL) {
        return NGX_ERROR;
    }

    ctx->err = a0_jwt_parse(ctx->token, work, jwt);
    if (ctx->err != A0_OK) {
        return NGX_OK;
    }

    ctx->kid = jwt->kid;

    ctx->err = a0_policy_select(&lcf->policy, jwt->claims, &i);
    if (ctx->err == A0_OK) {
        ctx->keyset = lcf->keysets[i];
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_auth0_m2m_token_verify(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    uint64_t                         generation;
    a0_jwk_t                        *key;
    a0_jwt_t                         jwt;
    ngx_uint_t                       wait;
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    if (ngx_http_auth0_m2m_token_parse(r, ctx, &jwt) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->err != A0_OK) {
        return NGX_OK;
    }

    wait = 0;

    ctx->err = ngx_http_auth0_m2m_jwks_key(ctx->keyset, jwt.kid, jwt.alg,
                                           ctx->waited ? NULL : &ctx->waiter,
                                           &key, &generation, &wait);
    if (wait) {
        ctx->waited = 1;
        return NGX_AGAIN;
    }

    if (ctx->err != A0_OK) {
        return NGX_OK;
    }

    mcf = ngx_http_auth0_m2m_token_mcf(r);
    ngx_http_auth0_m2m_shm_count(mcf->shared, A0_METRIC_VERIFICATIONS);

    ctx->err = a0_jws_verify(jwt.alg, key, jwt.input, jwt.signature);
    if (ctx->err != A0_OK) {
        return NGX_OK;
    }

    ctx->claims = jwt.claims;
    ngx_http_auth0_m2m_cache_put(r, ctx, generation);

    return NGX_OK;
}


a0_err_t
ngx_http_auth0_m2m_token_vouched(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, ngx_http_auth0_m2m_keyset_t *ks)
{
    u_char      *work;
    uint64_t     generation;
    a0_err_t     err;
    a0_jwk_t    *key;
    a0_jwt_t     jwt;
    ngx_uint_t   wait;

    work = ngx_palloc(r->pool, a0_jwt_work_size(ctx->token.len));
    if (work == NULL) {
        return A0_ERR_INTERNAL;
    }

    err = a0_jwt_parse(ctx->token, work, &jwt);
    if (err != A0_OK) {
        return err;
    }

    err = ngx_http_auth0_m2m_jwks_key(ks, jwt.kid, jwt.alg, NULL, &key,
                                      &generation, &wait);

    return (err == A0_OK) ? a0_jws_verify(jwt.alg, key, jwt.input,
                                          jwt.signature)
                          : err;
}


a0_str_t
ngx_http_auth0_m2m_token_payload(a0_str_t token)
{
    a0_str_t  payload;
    u_char   *p, *last;

    last = (u_char *) token.data + token.len;

    p = ngx_strlchr((u_char *) token.data, last, '.') + 1;

    payload.data = p;
    payload.len = ngx_strlchr(p, last, '.') - p;

    return payload;
}


ngx_int_t
ngx_http_auth0_m2m_token_retry_after(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, ngx_str_t *value)
{
    uint64_t                         seconds;
    ngx_http_auth0_m2m_keyset_t     *ks;
    ngx_http_auth0_m2m_keys_info_t   info;
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    mcf = ngx_http_auth0_m2m_token_mcf(r);
    ks = ctx->keyset;
    seconds = 1;

    if (ngx_http_auth0_m2m_shm_keys_read(mcf->shared, ks->slot, ks->id, &info,
                                         NULL)
        == NGX_OK
        && info.meta.next > ngx_current_msec)
    {
        seconds = (info.meta.next - ngx_current_msec + 999) / 1000;
        seconds = ngx_min(seconds, NGX_HTTP_AUTH0_M2M_RETRY_MAX);
    }

    value->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = ngx_sprintf(value->data, "%uL", seconds) - value->data;

    return NGX_OK;
}


void
ngx_http_auth0_m2m_token_count(ngx_http_request_t *r, a0_err_t err)
{
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    mcf = ngx_http_auth0_m2m_token_mcf(r);

    ngx_http_auth0_m2m_shm_count(mcf->shared, a0_metric_token(err));
}


static ngx_http_auth0_m2m_main_conf_t *
ngx_http_auth0_m2m_token_mcf(ngx_http_request_t *r)
{
    return ngx_http_get_module_main_conf(r, ngx_http_auth0_m2m_module);
}
