
#include "ngx_http_auth0_m2m_verdict.h"
#include "ngx_http_auth0_m2m_cache.h"
#include "ngx_http_auth0_m2m_jwks.h"
#include "ngx_http_auth0_m2m_shm_provision.h"
#include "ngx_http_auth0_m2m_token.h"


static ngx_http_auth0_m2m_ctx_t *ngx_http_auth0_m2m_verdict_ctx(
    ngx_http_request_t *r);
static void ngx_http_auth0_m2m_verdict_cleanup(void *data);
static ngx_int_t ngx_http_auth0_m2m_verdict_authenticate(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, void (*wake)(ngx_http_request_t *r));
static a0_err_t ngx_http_auth0_m2m_verdict_authorize(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);
static a0_err_t ngx_http_auth0_m2m_verdict_require(ngx_http_request_t *r,
    ngx_http_auth0_m2m_loc_conf_t *lcf);


ngx_int_t
ngx_http_auth0_m2m_verdict_judge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t **pctx, void (*wake)(ngx_http_request_t *r))
{
    ngx_int_t                       rc;
    ngx_table_elt_t                *told;
    ngx_http_auth0_m2m_ctx_t       *ctx;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);
    ctx = *pctx;

    if (ctx == NULL) {
        ctx = ngx_http_auth0_m2m_verdict_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        *pctx = ctx;
    }

    /* a verdict is another location's: an internal redirect came here */

    if (ctx->done || ctx->conf != lcf) {
        ngx_http_auth0_m2m_jwks_forget(&ctx->waiter);

        ngx_http_auth0_m2m_verdict_untell(r, ctx);
        told = ctx->told;

        ngx_memzero(ctx, sizeof(ngx_http_auth0_m2m_ctx_t));
        ctx->conf = lcf;
        ctx->told = told;
        ctx->subrequest = (r != r->main);
    }

    rc = ngx_http_auth0_m2m_verdict_authenticate(r, ctx, wake);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        ctx->err = A0_ERR_INTERNAL;
    }

    ctx->done = 1;

    if (ctx->err == A0_OK) {
        ctx->err = ngx_http_auth0_m2m_verdict_authorize(r, ctx);
    }

    ctx->verified = (ctx->err == A0_OK);
    ngx_http_auth0_m2m_token_count(r, ctx->err);

    return NGX_OK;
}


/* Found again by ngx_http_auth0_m2m_get_ctx() through its cleanup. */

static ngx_http_auth0_m2m_ctx_t *
ngx_http_auth0_m2m_verdict_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_auth0_m2m_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_auth0_m2m_ctx_t));

    cln->handler = ngx_http_auth0_m2m_verdict_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_auth0_m2m_module);

    return ctx;
}


static void
ngx_http_auth0_m2m_verdict_cleanup(void *data)
{
    ngx_http_auth0_m2m_ctx_t *ctx = data;

    ngx_http_auth0_m2m_jwks_forget(&ctx->waiter);
}


ngx_http_auth0_m2m_ctx_t *
ngx_http_auth0_m2m_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_auth0_m2m_module);

    if (ctx || (!r->internal && r == r->main && !r->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect wiped the contexts; a subrequest has its own */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler != ngx_http_auth0_m2m_verdict_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (!ctx->subrequest) {
            return ctx;
        }
    }

    return NULL;
}


/* Is the token authentic?  Sets ctx->err, and ctx->claims when it is. */

static ngx_int_t
ngx_http_auth0_m2m_verdict_authenticate(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, void (*wake)(ngx_http_request_t *r))
{
    ngx_int_t  rc;

    ctx->err = ngx_http_auth0_m2m_token_find(r, ctx->conf, &ctx->token);

    if (ctx->err != A0_OK) {
        return NGX_OK;
    }

    rc = ngx_http_auth0_m2m_cache_get(r, ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ctx->waiter.wake = wake;
    ctx->waiter.request = r;

    return ngx_http_auth0_m2m_token_verify(r, ctx);
}


/* May it do this here?  The same way whether the token was cached or not. */

static a0_err_t
ngx_http_auth0_m2m_verdict_authorize(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    size_t                           i;
    a0_err_t                         err;
    a0_str_t                         client_id;
    ngx_http_auth0_m2m_loc_conf_t   *lcf;
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    lcf = ctx->conf;

    err = a0_policy_select(&lcf->policy, ctx->claims, &i);
    if (err != A0_OK) {
        return err;
    }

    err = a0_policy_check(&lcf->policy, ctx->claims, ngx_time());
    if (err != A0_OK) {
        return err;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_auth0_m2m_module);
    client_id = a0_claims_str(ctx->claims, ctx->claims->client_id);

    if (ngx_http_auth0_m2m_revoked(ngx_http_auth0_m2m_shm_tables(mcf->shared),
                                   client_id, ngx_time()))
    {
        return A0_ERR_REVOKED;
    }

    if (lcf->require == NULL) {
        return A0_OK;
    }

    /* the variables may be asked for, from here on */

    ctx->verified = 1;

    return ngx_http_auth0_m2m_verdict_require(r, lcf);
}


static a0_err_t
ngx_http_auth0_m2m_verdict_require(ngx_http_request_t *r,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    ngx_str_t                      value;
    ngx_uint_t                     i, j;
    ngx_http_complex_value_t      *cv;
    ngx_http_auth0_m2m_require_t  *req;

    req = lcf->require->elts;

    for (i = 0; i < lcf->require->nelts; i++) {
        cv = req[i].values.elts;

        for (j = 0; j < req[i].values.nelts; j++) {

            if (ngx_http_complex_value(r, &cv[j], &value) != NGX_OK) {
                return A0_ERR_INTERNAL;
            }

            if (value.len == 0 || (value.len == 1 && value.data[0] == '0')) {
                return req[i].error;
            }
        }
    }

    return A0_OK;
}
