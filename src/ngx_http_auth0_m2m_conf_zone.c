
#include "ngx_http_auth0_m2m_conf.h"


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
                           "zone \"%V\" in \"%V\" directive is too small, give "
                           "it at least 256k", &name, &cmd->name);
        return NGX_CONF_ERROR;
    }

    mcf->zone_name = name;
    mcf->zone_size = size;
    ngx_http_auth0_m2m_conf_place(cf, &mcf->zone_place);

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"%V\" directive, "
                       "it must be zone=name:size", &value[1], &cmd->name);

    return NGX_CONF_ERROR;
}
