
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_manager.h"

#include <openssl/sha.h>

#include "a0_assertion.h"


static ngx_int_t ngx_http_auth0_m2m_provision_env(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_provision_env_secret(ngx_conf_t *cf,
    const char *name, ngx_str_t *field);
static ngx_int_t ngx_http_auth0_m2m_provision_env_scope(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static const char *ngx_http_auth0_m2m_provision_check(
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_uint_t ngx_http_auth0_m2m_provision_is_audience(
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *audience);
static ngx_int_t ngx_http_auth0_m2m_provision_engine(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_http_auth0_m2m_manager_t *ngx_http_auth0_m2m_provision_manager(
    ngx_conf_t *cf, ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_provision_id(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, u_char *domain, u_char *id);
static ngx_int_t ngx_http_auth0_m2m_provision_key(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf,
    ngx_http_auth0_m2m_manager_t *manager);


void
ngx_http_auth0_m2m_conf_provision_merge(ngx_http_auth0_m2m_loc_conf_t *prev,
    ngx_http_auth0_m2m_loc_conf_t *conf)
{
    if (!conf->options_line) {
        conf->options_line = prev->options_line;
        conf->max_keys = prev->max_keys;
        conf->connection = prev->connection;
        conf->deadline = prev->deadline;
        conf->rate = prev->rate;
        conf->burst = prev->burst;
    }

    if (conf->client_secret.data == NULL && conf->assertion_key.data == NULL) {
        conf->client_secret = prev->client_secret;
        conf->assertion_key = prev->assertion_key;
    }

    ngx_conf_merge_str_value(conf->client_id, prev->client_id, "");
    ngx_conf_merge_str_value(conf->api_audience, prev->api_audience, "");
    ngx_conf_merge_ptr_value(conf->api_scope, prev->api_scope, NULL);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
}


ngx_int_t
ngx_http_auth0_m2m_conf_provision_make(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    const char                *why;
    ngx_http_core_loc_conf_t  *clcf;

    /* the endpoint has a limit, and an answer, of its own */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->client_max_body_size = 0;

    ngx_conf_init_uint_value(lcf->max_keys, 10);
    ngx_conf_init_msec_value(lcf->deadline, 10000);

    if (lcf->rate == NGX_CONF_UNSET_UINT) {
        lcf->rate = 5 * 1000 / 60;
        lcf->burst = 5;
    }

    if (ngx_http_auth0_m2m_provision_env(cf, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    why = ngx_http_auth0_m2m_provision_check(lcf);

    if (why == NULL) {
        if (ngx_http_auth0_m2m_provision_engine(cf, lcf) != NGX_OK) {
            return NGX_ERROR;
        }

        if (a0_provision_conf_check(lcf->engine, &why) == A0_OK) {
            lcf->manager = ngx_http_auth0_m2m_provision_manager(cf, lcf);
            return lcf->manager ? NGX_OK : NGX_ERROR;
        }
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"auth0_m2m_provision\": %s in %V:%ui", why,
                  &lcf->answer_place.file, lcf->answer_place.line);

    return NGX_ERROR;
}


/* What is missing, and the remedy; NULL when nothing is. */

static const char *
ngx_http_auth0_m2m_provision_check(ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    if (lcf->enable != NGX_HTTP_AUTH0_M2M_ON) {
        return "the caller must be verified: add \"auth0_m2m on\"";
    }

    if (lcf->handler == A0_HANDLER_USER
        && lcf->policy.nscopes == 0 && lcf->policy.clients.nelts == 0)
    {
        return "\"user\" is for a trusted server: add \"auth0_m2m_scope\" "
               "or \"auth0_m2m_client\"";
    }

    if (lcf->client_id.len == 0) {
        return "add \"auth0_m2m_client_id\" or set "
               "PLUGIN_AUTH0_M2M_CLIENT_ID";
    }

    if (lcf->client_secret.len == 0 && lcf->assertion_key.len == 0) {
        return "add \"auth0_m2m_client_secret\" or "
               "\"auth0_m2m_client_assertion_key\", or set "
               "PLUGIN_AUTH0_M2M_CLIENT_SECRET";
    }

    if (lcf->client_secret.len && lcf->assertion_key.len) {
        return "give either \"auth0_m2m_client_secret\" or "
               "\"auth0_m2m_client_assertion_key\"";
    }

    if (lcf->api_audience.len == 0) {
        return "add \"auth0_m2m_api_audience\" or set "
               "PLUGIN_AUTH0_M2M_API_AUDIENCE";
    }

    if (!ngx_http_auth0_m2m_conf_is_name(&lcf->api_audience)) {
        return "\"auth0_m2m_api_audience\" must be printable ASCII without "
               "spaces, quotes, backslashes and variables";
    }

    /* the portal's user is known by an ID token, which is for the portal */

    if (lcf->handler != A0_HANDLER_USER
        && ngx_http_auth0_m2m_provision_is_audience(lcf, &lcf->api_audience))
    {
        return "the caller would be one with a token of the API: name the "
               "portal's client id with \"auth0_m2m_audience\"";
    }

    if (lcf->api_scope == NULL) {
        return "add \"auth0_m2m_api_scope\" or set "
               "PLUGIN_AUTH0_M2M_API_SCOPE";
    }

    return NULL;
}


static ngx_uint_t
ngx_http_auth0_m2m_provision_is_audience(ngx_http_auth0_m2m_loc_conf_t *lcf,
    ngx_str_t *audience)
{
    size_t            i;
    const a0_list_t  *list;

    list = &lcf->policy.audiences;

    for (i = 0; i < list->nelts; i++) {
        if (list->elts[i].len == audience->len
            && ngx_memcmp(list->elts[i].data, audience->data, audience->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_auth0_m2m_provision_env(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    if (lcf->client_id.len == 0
        && ngx_http_auth0_m2m_provision_env_secret(cf, "CLIENT_ID",
                                                   &lcf->client_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (lcf->client_secret.len == 0 && lcf->assertion_key.len == 0
        && ngx_http_auth0_m2m_provision_env_secret(cf, "CLIENT_SECRET",
                                                   &lcf->client_secret)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (lcf->api_audience.len == 0
        && ngx_http_auth0_m2m_provision_env_secret(cf, "API_AUDIENCE",
                                                   &lcf->api_audience)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (lcf->api_scope == NULL) {
        return ngx_http_auth0_m2m_provision_env_scope(cf, lcf);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_provision_env_secret(ngx_conf_t *cf, const char *name,
    ngx_str_t *field)
{
    char  *env;

    env = ngx_http_auth0_m2m_conf_env(name);
    if (env == NULL) {
        return NGX_OK;
    }

    return (ngx_http_auth0_m2m_conf_secret_env(cf, env, field) == NGX_CONF_OK)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_auth0_m2m_provision_env_scope(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    char      *env;
    u_char    *p, *name;
    a0_str_t  *scope;
    ngx_str_t  value;

    env = ngx_http_auth0_m2m_conf_env("API_SCOPE");
    if (env == NULL) {
        return NGX_OK;
    }

    value.len = ngx_strlen(env) + 1;
    value.data = (u_char *) env;

    p = ngx_pstrdup(cf->pool, &value);
    lcf->api_scope = ngx_array_create(cf->pool, 4, sizeof(a0_str_t));

    if (p == NULL || lcf->api_scope == NULL) {
        return NGX_ERROR;
    }

    for ( ;; ) {
        p += strspn((char *) p, " ");

        if (*p == '\0') {
            break;
        }

        name = p;
        p += strcspn((char *) p, " ");

        scope = ngx_array_push(lcf->api_scope);
        if (scope == NULL) {
            return NGX_ERROR;
        }

        scope->data = name;
        scope->len = p - name;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_provision_engine(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    a0_provision_conf_t  *engine;

    engine = ngx_pcalloc(cf->pool, sizeof(a0_provision_conf_t));
    if (engine == NULL) {
        return NGX_ERROR;
    }

    engine->api_audience = ngx_http_auth0_m2m_a0(&lcf->api_audience);
    engine->api_scope.elts = lcf->api_scope->elts;
    engine->api_scope.nelts = lcf->api_scope->nelts;
    engine->connection = ngx_http_auth0_m2m_a0(&lcf->connection);
    engine->max_keys = (uint32_t) lcf->max_keys;
    engine->deadline = (uint32_t) lcf->deadline;

    lcf->engine = engine;

    return NGX_OK;
}


/* Locations with the same client and way to the tenant share one. */

static ngx_http_auth0_m2m_manager_t *
ngx_http_auth0_m2m_provision_manager(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    u_char                            id[NGX_HTTP_AUTH0_M2M_ID];
    u_char                            domain[NGX_HTTP_AUTH0_M2M_ID];
    ngx_uint_t                        i;
    ngx_http_auth0_m2m_tenant_t      *tenant;
    ngx_http_auth0_m2m_manager_t     *manager, **managers;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);
    tenant = lcf->keysets[0]->tenant;

    if (ngx_http_auth0_m2m_provision_id(cf, lcf, domain, id) != NGX_OK) {
        return NULL;
    }

    managers = mcf->managers.elts;

    for (i = 0; i < mcf->managers.nelts; i++) {
        if (managers[i]->tenant == tenant
            && ngx_http_auth0_m2m_same(managers[i]->id, id))
        {
            return managers[i];
        }
    }

    manager = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_manager_t));
    if (manager == NULL) {
        return NULL;
    }

    ngx_memcpy(manager->domain, domain, NGX_HTTP_AUTH0_M2M_ID);
    ngx_memcpy(manager->id, id, NGX_HTTP_AUTH0_M2M_ID);
    manager->tenant = tenant;
    manager->client_id = lcf->client_id;
    manager->secret = lcf->client_secret;
    manager->key = lcf->assertion_key;
    manager->conf = lcf->engine;

    if (ngx_http_auth0_m2m_provision_key(cf, lcf, manager) != NGX_OK) {
        return NULL;
    }

    managers = ngx_array_push(&mcf->managers);
    if (managers == NULL) {
        return NULL;
    }

    *managers = manager;

    return manager;
}


/* Neither of the way nor of times: after a change of them the zone still knows
 * the client, and what is to be cleaned up for it. */

static ngx_int_t
ngx_http_auth0_m2m_provision_id(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, u_char *domain, u_char *id)
{
    u_char     *buf, *p;
    ngx_str_t  *name;

    name = &lcf->keysets[0]->tenant->domain;

    buf = ngx_pnalloc(cf->temp_pool,
                      NGX_HTTP_AUTH0_M2M_ID + lcf->client_id.len);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    (void) SHA256(name->data, name->len, domain);

    p = ngx_cpymem(buf, domain, NGX_HTTP_AUTH0_M2M_ID);
    p = ngx_cpymem(p, lcf->client_id.data, lcf->client_id.len);

    (void) SHA256(buf, p - buf, id);

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_provision_key(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf,
    ngx_http_auth0_m2m_manager_t *manager)
{
    if (manager->key.len == 0) {
        return NGX_OK;
    }

    if (a0_assertion_key_check(ngx_http_auth0_m2m_a0(&manager->key), 0,
                               &manager->alg)
        == A0_OK)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"auth0_m2m_client_assertion_key\" must be an unencrypted "
                  "PEM private key, RSA of 2048 to 8192 bits or P-256, for "
                  "\"auth0_m2m_provision\" in %V:%ui",
                  &lcf->answer_place.file, lcf->answer_place.line);

    return NGX_ERROR;
}
