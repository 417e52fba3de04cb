
#include "ngx_http_auth0_m2m_conf.h"

#include <openssl/sha.h>
#include "a0_jwk.h"


static ngx_http_auth0_m2m_route_t *ngx_http_auth0_m2m_conf_route(
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *domain);
static ngx_int_t ngx_http_auth0_m2m_conf_make(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_http_auth0_m2m_keyset_t *ks,
    ngx_http_auth0_m2m_route_t *route);
static void ngx_http_auth0_m2m_conf_go(ngx_conf_t *cf,
    ngx_http_auth0_m2m_place_t *place);
static ngx_int_t ngx_http_auth0_m2m_conf_source(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *domain, ngx_str_t *url,
    u_char *source);
static void ngx_http_auth0_m2m_conf_id(ngx_http_auth0_m2m_loc_conf_t *lcf,
    const u_char *source, u_char *id);
static ngx_http_auth0_m2m_tenant_t *ngx_http_auth0_m2m_conf_tenant(
    ngx_conf_t *cf, ngx_str_t *domain);
static ngx_int_t ngx_http_auth0_m2m_conf_file(ngx_conf_t *cf,
    ngx_http_auth0_m2m_keyset_t *ks);
static ngx_int_t ngx_http_auth0_m2m_conf_read(ngx_conf_t *cf,
    ngx_str_t *name, a0_str_t *text);


ngx_http_auth0_m2m_keyset_t *
ngx_http_auth0_m2m_conf_keyset(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *domain)
{
    u_char                            id[NGX_HTTP_AUTH0_M2M_ID];
    u_char                            source[NGX_HTTP_AUTH0_M2M_ID];
    ngx_uint_t                        i;
    ngx_http_auth0_m2m_route_t       *route;
    ngx_http_auth0_m2m_keyset_t      *ks, **sets;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);
    route = ngx_http_auth0_m2m_conf_route(lcf, domain);

    if (ngx_http_auth0_m2m_conf_source(cf, lcf, domain, &route->url, source)
        != NGX_OK)
    {
        return NULL;
    }

    ngx_http_auth0_m2m_conf_id(lcf, source, id);

    sets = mcf->keysets.elts;

    for (i = 0; i < mcf->keysets.nelts; i++) {
        if (ngx_http_auth0_m2m_same(sets[i]->id, id)) {
            return sets[i];
        }
    }

    ks = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_keyset_t));
    if (ks == NULL) {
        return NULL;
    }

    ngx_memcpy(ks->id, id, NGX_HTTP_AUTH0_M2M_ID);
    ngx_memcpy(ks->source, source, NGX_HTTP_AUTH0_M2M_ID);
    ks->times.valid = lcf->valid;
    ks->times.stale = lcf->stale;
    ks->times.cooldown = lcf->cooldown;
    ks->times.timeout = lcf->timeout;
    ks->file = lcf->jwks_file;

    ks->tenant = ngx_http_auth0_m2m_conf_tenant(cf, domain);

    if (ks->tenant == NULL
        || ngx_http_auth0_m2m_conf_make(cf, lcf, ks, route) != NGX_OK)
    {
        return NULL;
    }

    sets = ngx_array_push(&mcf->keysets);
    if (sets == NULL) {
        return NULL;
    }

    *sets = ks;

    return ks;
}


/* Messages name the directive that each step reads. */

static ngx_int_t
ngx_http_auth0_m2m_conf_make(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_http_auth0_m2m_keyset_t *ks,
    ngx_http_auth0_m2m_route_t *route)
{
    ngx_int_t         rc;
    ngx_conf_file_t   at, *now;

    now = cf->conf_file;
    at = *now;
    cf->conf_file = &at;

    ngx_http_auth0_m2m_conf_go(cf, &lcf->place);
    ngx_http_auth0_m2m_conf_go(cf, &lcf->jwks_place);
    rc = ngx_http_auth0_m2m_conf_file(cf, ks);

    if (rc == NGX_OK) {
        ngx_http_auth0_m2m_conf_go(cf, &lcf->place);
        ngx_http_auth0_m2m_conf_go(cf, &route->place);
        rc = ngx_http_auth0_m2m_conf_reach(cf, ks, &route->url);
    }

    if (rc == NGX_OK) {
        ngx_http_auth0_m2m_conf_go(cf, &lcf->place);
        ngx_http_auth0_m2m_conf_go(cf, &lcf->ca_place);
        rc = ngx_http_auth0_m2m_conf_tls(cf, ks->tenant, &lcf->ca_file);
    }

    cf->conf_file = now;

    return rc;
}


/* To where a directive stands, if it was given. */

static void
ngx_http_auth0_m2m_conf_go(ngx_conf_t *cf, ngx_http_auth0_m2m_place_t *place)
{
    if (place->line) {
        cf->conf_file->file.name = place->file;
        cf->conf_file->line = place->line;
    }
}


/* Where the domain is reached: its own route, the general one, or itself. */

static ngx_http_auth0_m2m_route_t *
ngx_http_auth0_m2m_conf_route(ngx_http_auth0_m2m_loc_conf_t *lcf,
    ngx_str_t *domain)
{
    ngx_uint_t                   i;
    ngx_http_auth0_m2m_route_t  *route, *general;

    static ngx_http_auth0_m2m_route_t  itself;

    general = &itself;

    if (lcf->routes == NULL) {
        return general;
    }

    route = lcf->routes->elts;

    for (i = 0; i < lcf->routes->nelts; i++) {

        if (route[i].domain.len == domain->len
            && ngx_strncmp(route[i].domain.data, domain->data, domain->len)
               == 0)
        {
            return &route[i];
        }

        if (route[i].domain.len == 0) {
            general = &route[i];
        }
    }

    return general;
}


/* A digest of where keys come from. */

static ngx_int_t
ngx_http_auth0_m2m_conf_source(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *domain, ngx_str_t *url,
    u_char *source)
{
    u_char  *buf, *p;
    size_t   len;

    len = domain->len + url->len + lcf->ca_file.len + lcf->jwks_file.len
          + NGX_INT_T_LEN + 5;

    buf = ngx_pnalloc(cf->temp_pool, len);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(buf, "%V %V %ui %Z%V%Z%V", domain, url,
                    ngx_http_auth0_m2m_conf_resolver(cf), &lcf->ca_file,
                    &lcf->jwks_file);

    (void) SHA256(buf, p - buf, source);

    return NGX_OK;
}


/* With the times, of all that makes one key set another than the next. */

static void
ngx_http_auth0_m2m_conf_id(ngx_http_auth0_m2m_loc_conf_t *lcf,
    const u_char *source, u_char *id)
{
    u_char      buf[NGX_HTTP_AUTH0_M2M_ID + 4 * sizeof(ngx_msec_t)], *p;
    ngx_uint_t  i;

    const ngx_msec_t  times[] = {
        lcf->valid, lcf->stale, lcf->cooldown, lcf->timeout
    };

    p = ngx_cpymem(buf, source, NGX_HTTP_AUTH0_M2M_ID);

    for (i = 0; i < 4; i++) {
        p = ngx_cpymem(p, &times[i], sizeof(ngx_msec_t));
    }

    (void) SHA256(buf, p - buf, id);
}


static ngx_http_auth0_m2m_tenant_t *
ngx_http_auth0_m2m_conf_tenant(ngx_conf_t *cf, ngx_str_t *domain)
{
    u_char                       *p;
    ngx_http_auth0_m2m_tenant_t  *tenant;

    tenant = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_tenant_t));
    if (tenant == NULL) {
        return NULL;
    }

    tenant->domain = *domain;

    tenant->issuer.len = sizeof("https:///") - 1 + domain->len;
    p = ngx_pnalloc(cf->pool, tenant->issuer.len);
    if (p == NULL) {
        return NULL;
    }

    tenant->issuer.data = p;
    ngx_sprintf(p, "https://%V/", domain);

    /* cf->ctx is a scratch of the merge: keep what it points to now */

    tenant->ctx = *(ngx_http_conf_ctx_t *) cf->ctx;

    return tenant;
}


static ngx_int_t
ngx_http_auth0_m2m_conf_file(ngx_conf_t *cf, ngx_http_auth0_m2m_keyset_t *ks)
{
    size_t         len;
    u_char        *buf;
    a0_err_t       err;
    a0_str_t       text;
    a0_jwk_set_t  *set;

    if (ks->file.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_auth0_m2m_conf_read(cf, &ks->file, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (a0_jwk_set_parse(text, &set) != A0_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of \"auth0_m2m_jwks_file\" is not a key set "
                           "(RFC 7517 section 5) with a usable key", &ks->file);
        return NGX_ERROR;
    }

    len = 0;
    buf = ngx_palloc(cf->pool, NGX_HTTP_AUTH0_M2M_KEYS_MAX);
    err = buf ? a0_jwk_set_write(set, buf, NGX_HTTP_AUTH0_M2M_KEYS_MAX, &len)
              : A0_ERR_INTERNAL;

    a0_jwk_set_free(set);

    if (err != A0_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the keys of \"%V\" do not fit", &ks->file);
        return NGX_ERROR;
    }

    ks->file_keys.len = len;
    ks->file_keys.data = buf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_conf_read(ngx_conf_t *cf, ngx_str_t *name, a0_str_t *text)
{
    u_char    *buf;
    ssize_t    n;
    ngx_fd_t   fd;

    buf = ngx_palloc(cf->temp_pool, A0_JWKS_MAX + 1);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" of \"auth0_m2m_jwks_file\" "
                           "failed", name);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, A0_JWKS_MAX + 1);

    if (n == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" of \"auth0_m2m_jwks_file\" "
                           "failed", name);
    }

    (void) ngx_close_file(fd);

    if (n == NGX_FILE_ERROR) {
        return NGX_ERROR;
    }

    text->len = n;
    text->data = buf;

    return NGX_OK;
}
