
#include <openssl/sha.h>

#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_manager.h"
#include "ngx_http_auth0_m2m_provision.h"

#include "a0_assertion.h"


static ngx_int_t ngx_http_auth0_m2m_conf_rate(ngx_str_t *value,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static char *ngx_http_auth0_m2m_provision_option(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *value);
static ngx_int_t ngx_http_auth0_m2m_provision_env(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_provision_env_secret(ngx_conf_t *cf,
    const char *name, ngx_str_t *field);
static ngx_int_t ngx_http_auth0_m2m_provision_env_scope(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static const char *ngx_http_auth0_m2m_provision_check(
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_provision_engine(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_http_auth0_m2m_manager_t *ngx_http_auth0_m2m_provision_manager(
    ngx_conf_t *cf, ngx_http_auth0_m2m_loc_conf_t *lcf);
static ngx_int_t ngx_http_auth0_m2m_provision_key(ngx_conf_t *cf,
    ngx_http_auth0_m2m_manager_t *manager);


char *
ngx_http_auth0_m2m_conf_provision(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    /* by a0_handler_e */

    static const char  *handlers[] = { "create_key", "keys", "user", NULL };

    if (lcf->provision) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; handlers[i]; i++) {
        if (ngx_strcmp(value[1].data, handlers[i]) == 0) {
            break;
        }
    }

    if (handlers[i] == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\" directive, it must "
                           "be create_key, keys or user", &value[1],
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    lcf->provision = 1;
    lcf->handler = i;
    lcf->provision_file = cf->conf_file->file.name;
    lcf->provision_line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_auth0_m2m_provision_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_auth0_m2m_conf_provision_options(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (lcf->options_line) {
        return "is duplicate";
    }

    lcf->options_line = cf->conf_file->line;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_auth0_m2m_provision_option(cf, lcf, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_auth0_m2m_provision_option(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *value)
{
    u_char     *p;
    ngx_int_t   n;
    ngx_str_t   v;

    p = (u_char *) ngx_strchr(value->data, '=');

    if (p == NULL || p[1] == '\0') {
        goto invalid;
    }

    v.data = p + 1;
    v.len = value->data + value->len - v.data;

    if (ngx_strncmp(value->data, "max_keys=", 9) == 0
        && lcf->max_keys == NGX_CONF_UNSET_UINT)
    {
        n = ngx_atoi(v.data, v.len);
        lcf->max_keys = n;

        if (n != NGX_ERROR && n <= 100) {
            return NGX_CONF_OK;
        }

    } else if (ngx_strncmp(value->data, "create_user=", 12) == 0
               && lcf->connection.len == 0)
    {
        lcf->connection = v;
        return NGX_CONF_OK;

    } else if (ngx_strncmp(value->data, "deadline=", 9) == 0
               && lcf->deadline == NGX_CONF_UNSET_MSEC)
    {
        n = ngx_parse_time(&v, 0);
        lcf->deadline = n;

        if (n != NGX_ERROR && n >= 1000 && n <= 60000) {
            return NGX_CONF_OK;
        }

    } else if (ngx_strncmp(value->data, "rate=", 5) == 0
               && lcf->rate == NGX_CONF_UNSET_UINT)
    {
        if (ngx_http_auth0_m2m_conf_rate(&v, lcf) == NGX_OK) {
            return NGX_CONF_OK;
        }
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid or duplicate option \"%V\", known are "
                       "max_keys=0..100, create_user=connection, "
                       "deadline=1s..60s, rate=Nr/s, rate=Nr/m and rate=off",
                       value);

    return NGX_CONF_ERROR;
}


/* In requests per 1000 s, and as many at once as the number says. */

static ngx_int_t
ngx_http_auth0_m2m_conf_rate(ngx_str_t *value,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    ngx_int_t  n;

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        lcf->rate = 0;
        return NGX_OK;
    }

    if (value->len < 4) {
        return NGX_ERROR;
    }

    n = ngx_atoi(value->data, value->len - 3);

    if (n == NGX_ERROR || n == 0 || n > 1000000) {
        return NGX_ERROR;
    }

    lcf->burst = n;

    if (ngx_strncmp(value->data + value->len - 3, "r/s", 3) == 0) {
        lcf->rate = n * 1000;
        return NGX_OK;
    }

    if (ngx_strncmp(value->data + value->len - 3, "r/m", 3) == 0) {
        lcf->rate = ngx_max(n * 1000 / 60, 1);
        return NGX_OK;
    }

    return NGX_ERROR;
}


/* Origins as browsers write them (RFC 6454 section 6.2). */

char *
ngx_http_auth0_m2m_conf_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char      *p, *last;
    ngx_str_t   *value;
    ngx_uint_t   i, skip;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        skip = (ngx_strncmp(value[i].data, "https://", 8) == 0) ? 8
               : (ngx_strncmp(value[i].data, "http://", 7) == 0) ? 7 : 0;

        last = value[i].data + value[i].len;

        for (p = value[i].data + skip; p < last; p++) {
            if (*p <= 0x20 || *p >= 0x7f || *p == '/' || *p == '*'
                || (*p >= 'A' && *p <= 'Z'))
            {
                break;
            }
        }

        if (skip == 0 || p < last || value[i].len == skip) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\" in \"%V\" directive, "
                               "write it as browsers do, such as "
                               "https://portal.acme.example", &value[i],
                               &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_auth0_m2m_conf_names(cf, cmd, conf);
}


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
    const char  *why;

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
                  &lcf->provision_file, lcf->provision_line);

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

    if (lcf->api_scope == NULL) {
        return "add \"auth0_m2m_api_scope\" or set "
               "PLUGIN_AUTH0_M2M_API_SCOPE";
    }

    return NULL;
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
    char       *env;
    ngx_str_t   value;

    env = ngx_http_auth0_m2m_conf_env(name);
    if (env == NULL) {
        return NGX_OK;
    }

    value.len = ngx_strlen(env);
    value.data = (u_char *) env;

    return (ngx_http_auth0_m2m_conf_secret_set(cf, &value, field)
            == NGX_CONF_OK)
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


/* Locations with the same client at the same tenant share one. */

static ngx_http_auth0_m2m_manager_t *
ngx_http_auth0_m2m_provision_manager(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    u_char                            id[NGX_HTTP_AUTH0_M2M_ID];
    u_char                           *buf;
    ngx_uint_t                        i;
    ngx_http_auth0_m2m_manager_t     *manager, **managers;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);

    buf = ngx_pnalloc(cf->temp_pool,
                      NGX_HTTP_AUTH0_M2M_ID + lcf->client_id.len);
    if (buf == NULL) {
        return NULL;
    }

    ngx_memcpy(buf, lcf->keysets[0]->id, NGX_HTTP_AUTH0_M2M_ID);
    ngx_memcpy(buf + NGX_HTTP_AUTH0_M2M_ID, lcf->client_id.data,
               lcf->client_id.len);

    (void) SHA256(buf, NGX_HTTP_AUTH0_M2M_ID + lcf->client_id.len, id);

    managers = mcf->managers.elts;

    for (i = 0; i < mcf->managers.nelts; i++) {
        if (ngx_memcmp(managers[i]->id, id, NGX_HTTP_AUTH0_M2M_ID) == 0) {
            return managers[i];
        }
    }

    manager = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_manager_t));
    if (manager == NULL) {
        return NULL;
    }

    ngx_memcpy(manager->id, id, NGX_HTTP_AUTH0_M2M_ID);
    manager->tenant = lcf->keysets[0]->tenant;
    manager->client_id = lcf->client_id;
    manager->secret = lcf->client_secret;
    manager->key = lcf->assertion_key;
    manager->conf = lcf->engine;

    if (ngx_http_auth0_m2m_provision_key(cf, manager) != NGX_OK) {
        return NULL;
    }

    managers = ngx_array_push(&mcf->managers);
    if (managers == NULL) {
        return NULL;
    }

    *managers = manager;

    return manager;
}


static ngx_int_t
ngx_http_auth0_m2m_provision_key(ngx_conf_t *cf,
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
                  "PEM private key, RSA of 2048 to 8192 bits or P-256");

    return NGX_ERROR;
}
