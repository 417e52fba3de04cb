
/*
 * Locations that answer requests by themselves: one directive each, and
 * nothing beside it.  Their access rules are theirs, and another handler in
 * their place would work without.
 */

#include "ngx_http_auth0_m2m_authorizer.h"
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_status.h"


char *
ngx_http_auth0_m2m_conf_authorizer(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    return ngx_http_auth0_m2m_conf_answer(cf, cmd, conf,
                                        ngx_http_auth0_m2m_authorizer_handler);
}


char *
ngx_http_auth0_m2m_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_int_t                        format;
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    static ngx_conf_enum_t  formats[] = {
        { ngx_string("json"), NGX_HTTP_AUTH0_M2M_STATUS_JSON },
        { ngx_string("prometheus"), NGX_HTTP_AUTH0_M2M_STATUS_PROMETHEUS },
        { ngx_null_string, 0 }
    };

    format = NGX_HTTP_AUTH0_M2M_STATUS_JSON;

    if (cf->args->nelts == 2) {
        format = ngx_http_auth0_m2m_conf_choice(cf, cmd, formats,
                                                "json or prometheus");
    }

    if (format == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    lcf->status = format;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);
    mcf->status = 1;

    return ngx_http_auth0_m2m_conf_answer(cf, cmd, lcf,
                                          ngx_http_auth0_m2m_status_handler);
}


char *
ngx_http_auth0_m2m_conf_answer(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (lcf->answer && lcf->answer == handler) {
        return "is duplicate";
    }

    if (clcf->handler) {
        return "cannot stand where another directive answers, such as "
               "\"proxy_pass\": give it a location of its own,";
    }

    clcf->handler = handler;

    lcf->answer = handler;
    lcf->answer_name = cmd->name;
    ngx_http_auth0_m2m_conf_place(cf, &lcf->answer_place);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_auth0_m2m_conf_answers(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (lcf->answer == NULL || lcf->answer == clcf->handler) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%V\" cannot stand where another directive answers, such "
                  "as \"proxy_pass\": give it a location of its own, in %V:%ui",
                  &lcf->answer_name, &lcf->answer_place.file,
                  lcf->answer_place.line);

    return NGX_ERROR;
}
