
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_status.h"


char *
ngx_http_auth0_m2m_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_str_t                       *value;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    if (lcf->status) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 1 || ngx_strcmp(value[1].data, "json") == 0) {
        lcf->status = NGX_HTTP_AUTH0_M2M_STATUS_JSON;

    } else if (ngx_strcmp(value[1].data, "prometheus") == 0) {
        lcf->status = NGX_HTTP_AUTH0_M2M_STATUS_PROMETHEUS;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\" directive, it must "
                           "be json or prometheus", &value[1], &cmd->name);
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);
    mcf->status = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_auth0_m2m_status_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_auth0_m2m_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth0_m2m_main_conf_t *mcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, s;

    if (mcf->zone_name.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        goto invalid;
    }

    name.data = value[1].data + 5;
    p = (u_char *) ngx_strchr(name.data, ':');

    if (p == NULL || p == name.data) {
        goto invalid;
    }

    name.len = p - name.data;
    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);
    if (size == NGX_ERROR) {
        goto invalid;
    }

    if (size < NGX_HTTP_AUTH0_M2M_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, give it at least 256k",
                           &name);
        return NGX_CONF_ERROR;
    }

    mcf->zone_name = name;
    mcf->zone_size = size;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"%V\" directive, "
                       "it must be zone=name:size", &value[1], &cmd->name);

    return NGX_CONF_ERROR;
}
