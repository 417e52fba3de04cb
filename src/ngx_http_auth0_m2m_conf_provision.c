
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_provision.h"


static ngx_int_t ngx_http_auth0_m2m_provision_place(
    ngx_http_core_loc_conf_t *clcf);
static ngx_int_t ngx_http_auth0_m2m_conf_rate(ngx_str_t *value,
    ngx_http_auth0_m2m_loc_conf_t *lcf);
static char *ngx_http_auth0_m2m_provision_option(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_http_auth0_m2m_loc_conf_t *lcf,
    ngx_str_t *value);
static ngx_uint_t ngx_http_auth0_m2m_provision_set(
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *value, ngx_str_t *v);


char *
ngx_http_auth0_m2m_conf_provision(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_int_t                  what;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_conf_enum_t  handlers[] = {
        { ngx_string("create_key"), A0_HANDLER_CREATE_KEY },
        { ngx_string("keys"), A0_HANDLER_KEYS },
        { ngx_string("user"), A0_HANDLER_USER },
        { ngx_null_string, 0 }
    };

    what = ngx_http_auth0_m2m_conf_choice(cf, cmd, handlers,
                                          "create_key, keys or user");
    if (what == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (ngx_http_auth0_m2m_provision_place(clcf) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in location \"%V\", whose name says "
                           "nothing about the path: use \"location /path\" "
                           "or \"location = /path\"", &cmd->name,
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    lcf->provision = 1;
    lcf->handler = what;

    return ngx_http_auth0_m2m_conf_answer(cf, cmd, lcf,
                                        ngx_http_auth0_m2m_provision_handler);
}


/* What follows the location's name in the path says what is asked for. */

static ngx_int_t
ngx_http_auth0_m2m_provision_place(ngx_http_core_loc_conf_t *clcf)
{
#if (NGX_PCRE)
    if (clcf->regex) {
        return NGX_DECLINED;
    }
#endif

    return (clcf->named || clcf->noname) ? NGX_DECLINED : NGX_OK;
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
        rv = ngx_http_auth0_m2m_provision_option(cf, cmd, lcf, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_auth0_m2m_provision_option(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *value)
{
    u_char     *p;
    ngx_str_t   v;

    p = (u_char *) ngx_strchr(value->data, '=');

    if (p && p[1] != '\0') {
        v.data = p + 1;
        v.len = value->data + value->len - v.data;

        if (ngx_http_auth0_m2m_provision_set(lcf, value, &v)) {
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid or duplicate option \"%V\" in \"%V\" "
                       "directive, known are max_keys=0..100, "
                       "create_user=connection, deadline=1s..60s, "
                       "rate=Nr/s, rate=Nr/m and rate=off", value,
                       &cmd->name);

    return NGX_CONF_ERROR;
}


/* 1: value is an option that was not set before, and v suits it. */

static ngx_uint_t
ngx_http_auth0_m2m_provision_set(ngx_http_auth0_m2m_loc_conf_t *lcf,
    ngx_str_t *value, ngx_str_t *v)
{
    ngx_int_t  n;

    if (ngx_strncmp(value->data, "max_keys=", 9) == 0
        && lcf->max_keys == NGX_CONF_UNSET_UINT)
    {
        n = ngx_atoi(v->data, v->len);
        lcf->max_keys = n;

        return n != NGX_ERROR && n <= 100;
    }

    if (ngx_strncmp(value->data, "create_user=", 12) == 0
        && lcf->connection.len == 0)
    {
        lcf->connection = *v;

        return 1;
    }

    if (ngx_strncmp(value->data, "deadline=", 9) == 0
        && lcf->deadline == NGX_CONF_UNSET_MSEC)
    {
        n = ngx_parse_time(v, 0);
        lcf->deadline = n;

        return n != NGX_ERROR && n >= 1000 && n <= 60000;
    }

    return ngx_strncmp(value->data, "rate=", 5) == 0
           && lcf->rate == NGX_CONF_UNSET_UINT
           && ngx_http_auth0_m2m_conf_rate(v, lcf) == NGX_OK;
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
