
#include "ngx_http_auth0_m2m_conf.h"


/* One TLS context a CA bundle, shared by the tenants that use it and by
 * nobody else. */

typedef struct {
    ngx_str_t              ca_file;
    ngx_ssl_t              ssl;
} ngx_http_auth0_m2m_ssl_t;


static ngx_ssl_t *ngx_http_auth0_m2m_conf_ssl(ngx_conf_t *cf,
    ngx_str_t *ca_file);
static ngx_int_t ngx_http_auth0_m2m_conf_trust(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_str_t *ca_file);


ngx_int_t
ngx_http_auth0_m2m_conf_tls(ngx_conf_t *cf,
    ngx_http_auth0_m2m_tenant_t *tenant, ngx_str_t *ca_file)
{
    ngx_http_upstream_conf_t          *u;
    ngx_http_compile_complex_value_t   ccv;

    u = &tenant->upstream;

    ngx_http_auth0_m2m_client_conf(u);

    if (!tenant->ssl) {
        return NGX_OK;
    }

    u->ssl = ngx_http_auth0_m2m_conf_ssl(cf, ca_file);
    if (u->ssl == NULL) {
        return NGX_ERROR;
    }

    u->ssl_name = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (u->ssl_name == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &tenant->domain;
    ccv.complex_value = u->ssl_name;

    return ngx_http_compile_complex_value(&ccv);
}


static ngx_ssl_t *
ngx_http_auth0_m2m_conf_ssl(ngx_conf_t *cf, ngx_str_t *ca_file)
{
    ngx_uint_t                        i;
    ngx_pool_cleanup_t               *cln;
    ngx_http_auth0_m2m_ssl_t         *ctx, **ctxs;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);
    ctxs = mcf->ssl.elts;

    for (i = 0; i < mcf->ssl.nelts; i++) {
        if (ctxs[i]->ca_file.len == ca_file->len
            && ngx_strncmp(ctxs[i]->ca_file.data, ca_file->data, ca_file->len)
               == 0)
        {
            return &ctxs[i]->ssl;
        }
    }

    ctx = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_ssl_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->ca_file = *ca_file;
    ctx->ssl.log = cf->log;

    if (ngx_ssl_create(&ctx->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(&ctx->ssl);
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = &ctx->ssl;

    if (ngx_http_auth0_m2m_conf_trust(cf, &ctx->ssl, ca_file) != NGX_OK) {
        return NULL;
    }

    ctxs = ngx_array_push(&mcf->ssl);
    if (ctxs == NULL) {
        return NULL;
    }

    *ctxs = ctx;

    return &ctx->ssl;
}


/* OpenSSL itself ends a handshake that does not verify. */

static ngx_int_t
ngx_http_auth0_m2m_conf_trust(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_str_t *ca_file)
{
    int  rc;

    SSL_CTX_set_security_level(ssl->ctx, 2);
    SSL_CTX_set_verify(ssl->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(ssl->ctx, NGX_HTTP_AUTH0_M2M_VERIFY_DEPTH);
    SSL_CTX_set_session_cache_mode(ssl->ctx, SSL_SESS_CACHE_OFF);

    if (ca_file->len == 0) {
        rc = SSL_CTX_set_default_verify_paths(ssl->ctx);

    } else {
        rc = SSL_CTX_load_verify_locations(ssl->ctx, (char *) ca_file->data,
                                           NULL);
    }

    if (rc != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "cannot load the CA certificates \"%s\" of "
                      "\"auth0_m2m_ssl_trusted_certificate\" in %V:%ui",
                      ca_file->len ? (char *) ca_file->data
                                   : "of the system",
                      &cf->conf_file->file.name, cf->conf_file->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}
