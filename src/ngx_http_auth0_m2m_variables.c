
#include "ngx_http_auth0_m2m_moesif.h"
#include "ngx_http_auth0_m2m_token.h"
#include "ngx_http_auth0_m2m_variables.h"


static ngx_int_t ngx_http_auth0_m2m_variable_span(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_auth0_m2m_variable_claim(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_auth0_m2m_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_auth0_m2m_variable_cache_status(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_auth0_m2m_variable_set(ngx_http_variable_value_t *v,
    const u_char *data, size_t len);


/* Never cached: asked before the access phase they are empty, later not.  An
 * event is made once, so that two logs of it carry one transaction id. */

ngx_http_variable_t  ngx_http_auth0_m2m_variables[] = {

    { ngx_string("jwt_org_id"), NULL,
      ngx_http_auth0_m2m_variable_span,
      offsetof(a0_claims_t, org_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("jwt_claim_"), NULL,
      ngx_http_auth0_m2m_variable_claim, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_CHANGEABLE|NGX_HTTP_VAR_PREFIX,
      0 },

    { ngx_string("auth0_m2m_client_id"), NULL,
      ngx_http_auth0_m2m_variable_span,
      offsetof(a0_claims_t, client_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("auth0_m2m_status"), NULL,
      ngx_http_auth0_m2m_variable_status, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("auth0_m2m_cache_status"), NULL,
      ngx_http_auth0_m2m_variable_cache_status, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("auth0_m2m_moesif_event"), NULL,
      ngx_http_auth0_m2m_moesif_event, 0, 0, 0 },

    { ngx_string("auth0_m2m_moesif_slot"), NULL,
      ngx_http_auth0_m2m_moesif_slot, 0, 0, 0 },

      ngx_http_null_variable
};


/* A claim that the flat block holds. */

static ngx_int_t
ngx_http_auth0_m2m_variable_span(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    a0_str_t                   s;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    if (ctx == NULL || !ctx->verified) {
        v->not_found = 1;
        return NGX_OK;
    }

    s = a0_claims_str(ctx->claims,
                      *(const a0_span_t *) ((const char *) ctx->claims + data));

    /* it may become a header or a line of a log */

    if (a0_jwt_text_has_controls(s)) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_auth0_m2m_variable_set(v, s.data, s.len);

    return NGX_OK;
}


/* Any other claim: read again from the token, which was verified. */

static ngx_int_t
ngx_http_auth0_m2m_variable_claim(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *variable = (ngx_str_t *) data;

    u_char                    *out;
    size_t                     len;
    a0_str_t                   name, payload;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    if (ctx == NULL || !ctx->verified) {
        return NGX_OK;
    }

    name.len = variable->len - (sizeof("jwt_claim_") - 1);
    name.data = variable->data + sizeof("jwt_claim_") - 1;

    payload = ngx_http_auth0_m2m_token_payload(ctx->token);

    out = ngx_pnalloc(r->pool, payload.len);
    if (out == NULL) {
        return NGX_ERROR;
    }

    if (a0_jwt_claim_text(payload, name, out, &len) == A0_OK) {
        ngx_http_auth0_m2m_variable_set(v, out, len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const a0_err_info_t       *info;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    if (ctx == NULL || !ctx->done) {
        v->not_found = 1;
        return NGX_OK;
    }

    info = a0_err_info(ctx->err);
    ngx_http_auth0_m2m_variable_set(v, info->token.data, info->token.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_variable_cache_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_auth0_m2m_ctx_t  *ctx;

    /* by NGX_HTTP_AUTH0_M2M_CACHE_... */

    static ngx_str_t  names[] = {
        ngx_null_string,
        ngx_string("HIT"),
        ngx_string("MISS"),
        ngx_string("BYPASS")
    };

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    if (ctx == NULL || !ctx->done) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_auth0_m2m_variable_set(v, names[ctx->cache].data,
                                    names[ctx->cache].len);

    return NGX_OK;
}


static void
ngx_http_auth0_m2m_variable_set(ngx_http_variable_value_t *v,
    const u_char *data, size_t len)
{
    v->not_found = (len == 0);
    v->valid = (len != 0);
    v->no_cacheable = 0;
    v->len = len;
    v->data = (u_char *) data;
}
