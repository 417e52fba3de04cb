
#include "ngx_http_auth0_m2m_access.h"
#include "ngx_http_auth0_m2m_cache.h"
#include "ngx_http_auth0_m2m_jwks.h"
#include "ngx_http_auth0_m2m_shm_provision.h"
#include "ngx_http_auth0_m2m_token.h"


static void ngx_http_auth0_m2m_access_wake(ngx_http_request_t *r);
static ngx_http_auth0_m2m_ctx_t *ngx_http_auth0_m2m_access_ctx(
    ngx_http_request_t *r);
static void ngx_http_auth0_m2m_access_cleanup(void *data);
static ngx_int_t ngx_http_auth0_m2m_access_authenticate(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, void (*wake)(ngx_http_request_t *r));
static a0_err_t ngx_http_auth0_m2m_access_authorize(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);
static a0_err_t ngx_http_auth0_m2m_access_require(ngx_http_request_t *r,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_access_challenge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);
static ngx_table_elt_t *ngx_http_auth0_m2m_access_header(
    ngx_http_request_t *r, ngx_str_t *name);


ngx_int_t
ngx_http_auth0_m2m_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_auth0_m2m_ctx_t       *ctx;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);

    if (lcf->enable == NGX_HTTP_AUTH0_M2M_OFF) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    rc = ngx_http_auth0_m2m_access_judge(r, &ctx,
                                         ngx_http_auth0_m2m_access_wake);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_test_reading;
        r->write_event_handler = ngx_http_request_empty_handler;
        return NGX_AGAIN;
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the provisioning handler answers refusals itself */

    if (lcf->enable == NGX_HTTP_AUTH0_M2M_OPTIONAL || lcf->provision) {
        return NGX_DECLINED;
    }

    if (ctx->err == A0_OK) {
        return NGX_OK;
    }

    rc = ngx_http_auth0_m2m_access_deny(r, ctx);

    /*
     * With "satisfy any" others may still let the request in: keep our answer
     * for the end, as the core keeps 401 and 403.
     */

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY
        && rc != NGX_HTTP_UNAUTHORIZED && rc != NGX_HTTP_FORBIDDEN)
    {
        r->access_code = rc;
        return NGX_DECLINED;
    }

    return rc;
}


static void
ngx_http_auth0_m2m_access_wake(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_auth0_m2m_access_judge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t **pctx, void (*wake)(ngx_http_request_t *r))
{
    ngx_int_t                       rc;
    ngx_http_auth0_m2m_ctx_t       *ctx;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);
    ctx = *pctx;

    if (ctx == NULL) {
        ctx = ngx_http_auth0_m2m_access_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        *pctx = ctx;
    }

    /* a verdict is another location's: an internal redirect came here */

    if (ctx->done || ctx->conf != lcf) {
        ngx_http_auth0_m2m_jwks_forget(&ctx->waiter);
        ngx_memzero(ctx, sizeof(ngx_http_auth0_m2m_ctx_t));
        ctx->conf = lcf;
        ctx->subrequest = (r != r->main);
    }

    rc = ngx_http_auth0_m2m_access_authenticate(r, ctx, wake);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        ctx->err = A0_ERR_INTERNAL;
    }

    ctx->done = 1;

    if (ctx->err == A0_OK) {
        ctx->err = ngx_http_auth0_m2m_access_authorize(r, ctx);
    }

    ctx->verified = (ctx->err == A0_OK);
    ngx_http_auth0_m2m_token_count(r, ctx->err);

    return NGX_OK;
}


/* Found again by ngx_http_auth0_m2m_get_ctx() through its cleanup. */

static ngx_http_auth0_m2m_ctx_t *
ngx_http_auth0_m2m_access_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_auth0_m2m_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_auth0_m2m_ctx_t));

    cln->handler = ngx_http_auth0_m2m_access_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_auth0_m2m_module);

    return ctx;
}


static void
ngx_http_auth0_m2m_access_cleanup(void *data)
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
        if (cln->handler != ngx_http_auth0_m2m_access_cleanup) {
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
ngx_http_auth0_m2m_access_authenticate(ngx_http_request_t *r,
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
ngx_http_auth0_m2m_access_authorize(ngx_http_request_t *r,
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

    return ngx_http_auth0_m2m_access_require(r, lcf);
}


static a0_err_t
ngx_http_auth0_m2m_access_require(ngx_http_request_t *r,
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


ngx_int_t
ngx_http_auth0_m2m_access_deny(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    const a0_err_info_t  *info;

    info = a0_err_info(ctx->err);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "auth0_m2m: refused: %*s, kid \"%*s\"",
                  info->token.len, info->token.data,
                  ctx->kid.len, ctx->kid.data);

    if (ngx_http_auth0_m2m_access_challenge(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return info->status;
}


/* RFC 6750 section 3; nothing in it comes from the token. */

static ngx_int_t
ngx_http_auth0_m2m_access_challenge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    u_char               *p;
    size_t                len;
    ngx_str_t            *realm, *scope;
    ngx_table_elt_t      *h;
    const char           *error;
    const a0_err_info_t  *info;

    static const char  *errors[] = {
        NULL, NULL, "invalid_request", "invalid_token", "insufficient_scope"
    };

    static ngx_str_t  www_authenticate = ngx_string("WWW-Authenticate");
    static ngx_str_t  retry_after = ngx_string("Retry-After");

    info = a0_err_info(ctx->err);

    if (info->challenge == A0_CHALLENGE_NONE) {

        if (info->status != NGX_HTTP_SERVICE_UNAVAILABLE) {
            return NGX_OK;
        }

        h = ngx_http_auth0_m2m_access_header(r, &retry_after);
        if (h == NULL) {
            return NGX_ERROR;
        }

        return ngx_http_auth0_m2m_token_retry_after(r, ctx->conf, &h->value);
    }

    realm = &ctx->conf->realm;
    scope = (ctx->err == A0_ERR_INSUFFICIENT_PERMISSION)
            ? &ctx->conf->permission_text : &ctx->conf->scope_text;
    error = errors[info->challenge];

    len = sizeof("Bearer realm=\"\", error=\"insufficient_scope\", "
                 "error_description=\"\", scope=\"\"")
          + realm->len + scope->len + info->description.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h = ngx_http_auth0_m2m_access_header(r, &www_authenticate);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->value.data = p;
    p = ngx_sprintf(p, "Bearer realm=\"%V\"", realm);

    if (error) {
        p = ngx_sprintf(p, ", error=\"%s\"", error);

        if (info->description.len) {
            p = ngx_sprintf(p, ", error_description=\"%*s\"",
                            info->description.len, info->description.data);
        }
    }

    if (info->challenge == A0_CHALLENGE_INSUFFICIENT_SCOPE) {
        p = ngx_sprintf(p, ", scope=\"%V\"", scope);
    }

    h->value.len = p - h->value.data;
    r->headers_out.www_authenticate = h;

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_auth0_m2m_access_header(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = *name;
    ngx_str_null(&h->value);

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}
