
#include "ngx_http_auth0_m2m_authorizer.h"
#include "ngx_http_auth0_m2m_conf.h"


static void ngx_http_auth0_m2m_conf_inherit(
    ngx_http_auth0_m2m_loc_conf_t *prev, ngx_http_auth0_m2m_loc_conf_t *conf);
static char *ngx_http_auth0_m2m_conf_values(
    ngx_http_auth0_m2m_loc_conf_t *prev, ngx_http_auth0_m2m_loc_conf_t *conf);
static ngx_int_t ngx_http_auth0_m2m_conf_make(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *conf);
static ngx_int_t ngx_http_auth0_m2m_conf_env_domain(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_conf_domains(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_conf_audiences(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);


void *
ngx_http_auth0_m2m_conf_create_main(ngx_conf_t *cf)
{
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->keysets, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->ssl, cf->pool, 2, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->managers, cf->pool, 2, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&mcf->env, cf->pool, 2, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


void *
ngx_http_auth0_m2m_conf_create_loc(ngx_conf_t *cf)
{
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->enable = NGX_CONF_UNSET_UINT;
    lcf->token_index = NGX_CONF_UNSET;
    lcf->domains = NGX_CONF_UNSET_PTR;
    lcf->routes = NGX_CONF_UNSET_PTR;
    lcf->audiences = NGX_CONF_UNSET_PTR;
    lcf->scopes = NGX_CONF_UNSET_PTR;
    lcf->permissions = NGX_CONF_UNSET_PTR;
    lcf->org = NGX_CONF_UNSET_UINT;
    lcf->orgs = NGX_CONF_UNSET_PTR;
    lcf->clients = NGX_CONF_UNSET_PTR;
    lcf->require = NGX_CONF_UNSET_PTR;
    lcf->algorithms = NGX_CONF_UNSET_UINT;
    lcf->at_jwt = NGX_CONF_UNSET_UINT;
    lcf->leeway = NGX_CONF_UNSET;
    lcf->valid = NGX_CONF_UNSET_MSEC;
    lcf->stale = NGX_CONF_UNSET_MSEC;
    lcf->cooldown = NGX_CONF_UNSET_MSEC;
    lcf->timeout = NGX_CONF_UNSET_MSEC;
    lcf->token_cache = NGX_CONF_UNSET;
    lcf->moesif = NGX_CONF_UNSET_PTR;
    lcf->api_scope = NGX_CONF_UNSET_PTR;
    lcf->origins = NGX_CONF_UNSET_PTR;
    lcf->max_keys = NGX_CONF_UNSET_UINT;
    lcf->deadline = NGX_CONF_UNSET_MSEC;
    lcf->rate = NGX_CONF_UNSET_UINT;

    return lcf;
}


char *
ngx_http_auth0_m2m_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_auth0_m2m_loc_conf_t *prev = parent;
    ngx_http_auth0_m2m_loc_conf_t *conf = child;

    ngx_http_auth0_m2m_conf_inherit(prev, conf);

    if (ngx_http_auth0_m2m_conf_values(prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->realm.data == NULL) {
        ngx_str_set(&conf->realm, "auth0-m2m");
    }

    ngx_http_auth0_m2m_conf_provision_merge(prev, conf);

    return (ngx_http_auth0_m2m_conf_make(cf, conf) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* What several parameters of one directive, or several directives, make. */

static void
ngx_http_auth0_m2m_conf_inherit(ngx_http_auth0_m2m_loc_conf_t *prev,
    ngx_http_auth0_m2m_loc_conf_t *conf)
{
    if (conf->enable == NGX_CONF_UNSET_UINT) {
        conf->realm = prev->realm;
        conf->token_index = prev->token_index;
        conf->place = prev->place;
    }

    if (conf->org == NGX_CONF_UNSET_UINT) {
        conf->orgs = prev->orgs;
    }

    if (!conf->jwks_cache_line) {
        conf->jwks_cache_line = prev->jwks_cache_line;
        conf->valid = prev->valid;
        conf->stale = prev->stale;
        conf->cooldown = prev->cooldown;
        conf->timeout = prev->timeout;
    }

    if (conf->ca_file.data == NULL) {
        conf->ca_place = prev->ca_place;
    }

    if (conf->jwks_file.data == NULL) {
        conf->jwks_place = prev->jwks_place;
    }
}


/* A directive replaces the ones of its name on the level above as a whole. */

static char *
ngx_http_auth0_m2m_conf_values(ngx_http_auth0_m2m_loc_conf_t *prev,
    ngx_http_auth0_m2m_loc_conf_t *conf)
{
    ngx_conf_merge_uint_value(conf->enable, prev->enable,
                              NGX_HTTP_AUTH0_M2M_OFF);
    ngx_conf_merge_ptr_value(conf->domains, prev->domains, NULL);
    ngx_conf_merge_ptr_value(conf->routes, prev->routes, NULL);
    ngx_conf_merge_str_value(conf->ca_file, prev->ca_file, "");
    ngx_conf_merge_ptr_value(conf->audiences, prev->audiences, NULL);
    ngx_conf_merge_ptr_value(conf->scopes, prev->scopes, NULL);
    ngx_conf_merge_ptr_value(conf->permissions, prev->permissions, NULL);
    ngx_conf_merge_uint_value(conf->org, prev->org, A0_ORG_OFF);
    ngx_conf_merge_ptr_value(conf->orgs, prev->orgs, NULL);
    ngx_conf_merge_ptr_value(conf->clients, prev->clients, NULL);
    ngx_conf_merge_ptr_value(conf->require, prev->require, NULL);
    ngx_conf_merge_uint_value(conf->algorithms, prev->algorithms,
                              A0_ALG_DEFAULT);
    ngx_conf_merge_uint_value(conf->at_jwt, prev->at_jwt, 0);
    ngx_conf_merge_sec_value(conf->leeway, prev->leeway, 5);
    ngx_conf_merge_str_value(conf->jwks_file, prev->jwks_file, "");
    ngx_conf_init_msec_value(conf->valid, 600000);
    ngx_conf_init_msec_value(conf->stale, 86400000);
    ngx_conf_init_msec_value(conf->cooldown, 30000);
    ngx_conf_init_msec_value(conf->timeout, 5000);
    ngx_conf_merge_value(conf->token_cache, prev->token_cache, 1);
    ngx_conf_merge_ptr_value(conf->moesif, prev->moesif, NULL);

    return NGX_CONF_OK;
}


/* What the location needs to work, and whether it can. */

static ngx_int_t
ngx_http_auth0_m2m_conf_make(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *conf)
{
    if (ngx_http_auth0_m2m_conf_answers(cf, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (conf->answer == ngx_http_auth0_m2m_authorizer_handler
        && conf->enable != NGX_HTTP_AUTH0_M2M_ON)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"auth0_m2m_authorizer\" would let everybody pass: "
                      "add \"auth0_m2m on\" to its location in %V:%ui",
                      &conf->answer_place.file, conf->answer_place.line);
        return NGX_ERROR;
    }

    /* without verification it says itself what is missing */

    if (conf->provision && conf->enable != NGX_HTTP_AUTH0_M2M_ON) {
        return ngx_http_auth0_m2m_conf_provision_make(cf, conf);
    }

    if (conf->enable == NGX_HTTP_AUTH0_M2M_OFF) {
        return NGX_OK;
    }

    if (ngx_http_auth0_m2m_conf_domains(cf, conf) != NGX_OK
        || ngx_http_auth0_m2m_conf_audiences(cf, conf) != NGX_OK
        || ngx_http_auth0_m2m_conf_policy(cf, conf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return conf->provision ? ngx_http_auth0_m2m_conf_provision_make(cf, conf)
                           : NGX_OK;
}


char *
ngx_http_auth0_m2m_conf_env(const char *name)
{
    char        *value;
    u_char       buf[64];
    ngx_uint_t   i;

    static const char  *prefixes[] = { "PLUGIN_", "" };

    for (i = 0; i < 2; i++) {
        ngx_snprintf(buf, sizeof(buf), "%sAUTH0_M2M_%s%Z", prefixes[i], name);

        value = getenv((char *) buf);

        if (value && *value) {
            return value;
        }
    }

    return NULL;
}


/* The domain of the environment, where none is given. */

static ngx_int_t
ngx_http_auth0_m2m_conf_env_domain(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    char       *env;
    ngx_str_t  *domain;

    env = ngx_http_auth0_m2m_conf_env("DOMAIN");

    if (env == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"auth0_m2m\" needs a tenant: add "
                      "\"auth0_m2m_domain\" or set "
                      "PLUGIN_AUTH0_M2M_DOMAIN in %V:%ui",
                      &lcf->place.file, lcf->place.line);
        return NGX_ERROR;
    }

    lcf->domains = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
    if (lcf->domains == NULL) {
        return NGX_ERROR;
    }

    domain = ngx_array_push(lcf->domains);
    if (domain == NULL) {
        return NGX_ERROR;
    }

    /* with its end, as names in the configuration have it */

    domain->len = ngx_strlen(env) + 1;
    domain->data = (u_char *) env;
    domain->data = ngx_pstrdup(cf->pool, domain);
    domain->len--;

    if (domain->data == NULL) {
        return NGX_ERROR;
    }

    if (!ngx_http_auth0_m2m_conf_is_domain(domain)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "invalid domain \"%V\" in PLUGIN_AUTH0_M2M_DOMAIN, "
                      "write the host name alone, such as "
                      "acme.us.auth0.com, for \"auth0_m2m\" in %V:%ui",
                      domain, &lcf->place.file, lcf->place.line);
        return NGX_ERROR;
    }

    ngx_strlow(domain->data, domain->data, domain->len);

    return NGX_OK;
}


/* Domains and their key sets. */

static ngx_int_t
ngx_http_auth0_m2m_conf_domains(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    a0_str_t    *issuers;
    ngx_str_t   *domain;
    ngx_uint_t   i, n;

    if (lcf->domains == NULL
        && ngx_http_auth0_m2m_conf_env_domain(cf, lcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    domain = lcf->domains->elts;
    n = lcf->domains->nelts;

    issuers = ngx_palloc(cf->pool, n * sizeof(a0_str_t));
    lcf->keysets = ngx_palloc(cf->pool, n * sizeof(void *));

    if (issuers == NULL || lcf->keysets == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        lcf->keysets[i] = ngx_http_auth0_m2m_conf_keyset(cf, lcf, &domain[i]);
        if (lcf->keysets[i] == NULL) {
            return NGX_ERROR;
        }

        issuers[i] = ngx_http_auth0_m2m_a0(&lcf->keysets[i]->tenant->issuer);
    }

    lcf->policy.issuers.elts = issuers;
    lcf->policy.issuers.nelts = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_conf_audiences(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    char       *env;
    a0_str_t   *audience;
    ngx_str_t   s;

    if (lcf->audiences) {
        return NGX_OK;
    }

    env = ngx_http_auth0_m2m_conf_env("API_AUDIENCE");

    if (env == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"auth0_m2m\" without an audience would accept tokens "
                      "for every API of the tenant: add "
                      "\"auth0_m2m_audience\" or set "
                      "PLUGIN_AUTH0_M2M_API_AUDIENCE in %V:%ui",
                      &lcf->place.file, lcf->place.line);
        return NGX_ERROR;
    }

    lcf->audiences = ngx_array_create(cf->pool, 1, sizeof(a0_str_t));
    if (lcf->audiences == NULL) {
        return NGX_ERROR;
    }

    audience = ngx_array_push(lcf->audiences);
    if (audience == NULL) {
        return NGX_ERROR;
    }

    s.len = ngx_strlen(env);
    s.data = (u_char *) env;

    if (!ngx_http_auth0_m2m_conf_is_name(&s)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "invalid audience \"%V\" in "
                      "PLUGIN_AUTH0_M2M_API_AUDIENCE, use printable ASCII "
                      "without spaces, quotes, backslashes and variables, for "
                      "\"auth0_m2m\" in %V:%ui", &s, &lcf->place.file,
                      lcf->place.line);
        return NGX_ERROR;
    }

    audience->len = s.len;
    audience->data = ngx_pstrdup(cf->pool, &s);

    return audience->data ? NGX_OK : NGX_ERROR;
}
