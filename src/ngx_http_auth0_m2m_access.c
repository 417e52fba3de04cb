
#include "ngx_http_auth0_m2m_access.h"
#include "ngx_http_auth0_m2m_verdict.h"


static ngx_int_t ngx_http_auth0_m2m_access_answer(ngx_http_request_t *r);
static void ngx_http_auth0_m2m_access_wake(ngx_http_request_t *r);


ngx_int_t
ngx_http_auth0_m2m_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_auth0_m2m_ctx_t       *ctx;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    if (lcf->enable == NGX_HTTP_AUTH0_M2M_OFF) {
        ngx_http_auth0_m2m_verdict_untell(r, ctx);
        return NGX_DECLINED;
    }

    rc = ngx_http_auth0_m2m_verdict_judge(r, &ctx,
                                         ngx_http_auth0_m2m_access_wake);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_test_reading;
        r->write_event_handler = ngx_http_request_empty_handler;
        return NGX_AGAIN;
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->enable == NGX_HTTP_AUTH0_M2M_OPTIONAL) {
        return NGX_DECLINED;
    }

    if (lcf->provision) {
        return (ctx->err == A0_OK) ? NGX_DECLINED
                                   : ngx_http_auth0_m2m_access_answer(r);
    }

    if (ctx->err == A0_OK) {
        return NGX_OK;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        return NGX_DECLINED;
    }

    return ngx_http_auth0_m2m_verdict_deny(r, ctx);
}


ngx_int_t
ngx_http_auth0_m2m_access_last_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_auth0_m2m_ctx_t       *ctx;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (lcf->enable != NGX_HTTP_AUTH0_M2M_ON || lcf->provision
        || clcf->satisfy != NGX_HTTP_SATISFY_ANY)
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    if (ctx == NULL || ctx->conf != lcf || ctx->err == A0_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_auth0_m2m_verdict_deny(r, ctx);

    if (rc == NGX_HTTP_UNAUTHORIZED || rc == NGX_HTTP_FORBIDDEN) {
        return rc;
    }

    /* the core knows of 401 and 403 only, and would end at once with others */

    r->access_code = rc;

    return NGX_DECLINED;
}


/* The provisioning handler words refusals itself.  It is asked now: what comes
 * between the phases, such as try_files, is not for those that are refused. */

static ngx_int_t
ngx_http_auth0_m2m_access_answer(ngx_http_request_t *r)
{
    r->write_event_handler = ngx_http_request_empty_handler;
    ngx_http_finalize_request(r, r->content_handler(r));

    return NGX_DONE;
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
