
#include "ngx_http_auth0_m2m_verdict.h"
#include "ngx_http_auth0_m2m_token.h"


static ngx_int_t ngx_http_auth0_m2m_verdict_challenge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);
static ngx_int_t ngx_http_auth0_m2m_verdict_text(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, const a0_err_info_t *info,
    ngx_str_t *text);
static ngx_table_elt_t *ngx_http_auth0_m2m_verdict_header(
    ngx_http_request_t *r, ngx_str_t *name);


ngx_int_t
ngx_http_auth0_m2m_verdict_deny(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    const a0_err_info_t  *info;

    info = a0_err_info(ctx->err);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "auth0_m2m: refused: %*s, kid \"%*s\"",
                  info->token.len, info->token.data,
                  ctx->kid.len, ctx->kid.data);

    if (ngx_http_auth0_m2m_verdict_challenge(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return info->status;
}


void
ngx_http_auth0_m2m_verdict_untell(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    if (ctx && ctx->told && r->err_status < NGX_HTTP_BAD_REQUEST) {
        ctx->told->hash = 0;
        ctx->told = NULL;
    }
}


static ngx_int_t
ngx_http_auth0_m2m_verdict_challenge(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    ngx_table_elt_t      *h;
    const a0_err_info_t  *info;

    static ngx_str_t  www_authenticate = ngx_string("WWW-Authenticate");
    static ngx_str_t  retry_after = ngx_string("Retry-After");

    info = a0_err_info(ctx->err);

    /* of a refusal whose error page is refused too */

    if (ctx->told) {
        ctx->told->hash = 0;
        ctx->told = NULL;
    }

    if (info->challenge != A0_CHALLENGE_NONE) {
        h = ngx_http_auth0_m2m_verdict_header(r, &www_authenticate);
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_out.www_authenticate = h;
        ctx->told = h;

        return ngx_http_auth0_m2m_verdict_text(r, ctx, info, &h->value);
    }

    if (info->status != NGX_HTTP_SERVICE_UNAVAILABLE) {
        return NGX_OK;
    }

    h = ngx_http_auth0_m2m_verdict_header(r, &retry_after);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ctx->told = h;

    return ngx_http_auth0_m2m_token_retry_after(r, ctx, &h->value);
}


/* RFC 6750 section 3; nothing in it comes from the token. */

static ngx_int_t
ngx_http_auth0_m2m_verdict_text(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx, const a0_err_info_t *info,
    ngx_str_t *text)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *realm, *scope;
    const char  *error;

    /* by a0_challenge_e */

    static const char  *errors[] = {
        NULL, NULL, "invalid_request", "invalid_token", "insufficient_scope"
    };

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

    text->data = p;
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

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_auth0_m2m_verdict_header(ngx_http_request_t *r, ngx_str_t *name)
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
