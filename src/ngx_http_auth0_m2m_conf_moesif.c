
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_moesif.h"

#include "a0_event.h"


#define NGX_HTTP_AUTH0_M2M_MOESIF_HEADERS  16    /* of either side */


static char *ngx_http_auth0_m2m_moesif_value(ngx_conf_t *cf,
    ngx_str_t *value, ngx_http_complex_value_t **cv);
static char *ngx_http_auth0_m2m_moesif_name(ngx_conf_t *cf,
    ngx_str_t *value, ngx_array_t *names);
static char *ngx_http_auth0_m2m_moesif_flag(ngx_str_t *value,
    ngx_flag_t *flag);
static char *ngx_http_auth0_m2m_moesif_parameter(ngx_conf_t *cf,
    ngx_http_auth0_m2m_moesif_conf_t *mcf, ngx_str_t *value);


char *
ngx_http_auth0_m2m_conf_moesif(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    char                              *rv;
    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_auth0_m2m_moesif_conf_t  *mcf;

    if (lcf->moesif != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_auth0_m2m_moesif_conf_t));

    if (mcf == NULL
        || ngx_array_init(&mcf->request, cf->pool, 4, sizeof(a0_str_t))
           != NGX_OK
        || ngx_array_init(&mcf->response, cf->pool, 4, sizeof(a0_str_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf->query = NGX_CONF_UNSET;
    lcf->moesif = mcf;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_auth0_m2m_moesif_parameter(cf, mcf, &value[i]);

        if (rv == NGX_CONF_ERROR) {
            return rv;
        }

        if (rv != NGX_CONF_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"%V\" directive %s", &value[i],
                               &cmd->name, rv);
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_init_value(mcf->query, 0);

    return NGX_CONF_OK;
}


/* NGX_CONF_OK, NGX_CONF_ERROR (logged), or what is wrong. */

static char *
ngx_http_auth0_m2m_moesif_parameter(ngx_conf_t *cf,
    ngx_http_auth0_m2m_moesif_conf_t *mcf, ngx_str_t *value)
{
    u_char     *p;
    ngx_str_t   v;

    static char  known[] = "must be company=value, user=value, "
                           "request_header=name, response_header=name, "
                           "query=on or query=off";

    p = (u_char *) ngx_strchr(value->data, '=');
    if (p == NULL || p[1] == '\0') {
        return known;
    }

    v.data = p + 1;
    v.len = value->data + value->len - v.data;

    if (ngx_strncmp(value->data, "company=", 8) == 0) {
        return ngx_http_auth0_m2m_moesif_value(cf, &v, &mcf->company);
    }

    if (ngx_strncmp(value->data, "user=", 5) == 0) {
        return ngx_http_auth0_m2m_moesif_value(cf, &v, &mcf->user);
    }

    if (ngx_strncmp(value->data, "request_header=", 15) == 0) {
        return ngx_http_auth0_m2m_moesif_name(cf, &v, &mcf->request);
    }

    if (ngx_strncmp(value->data, "response_header=", 16) == 0) {
        return ngx_http_auth0_m2m_moesif_name(cf, &v, &mcf->response);
    }

    if (ngx_strncmp(value->data, "query=", 6) == 0) {
        return ngx_http_auth0_m2m_moesif_flag(&v, &mcf->query);
    }

    return known;
}


static char *
ngx_http_auth0_m2m_moesif_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t **cv)
{
    ngx_http_compile_complex_value_t  ccv;

    if (*cv) {
        return "is duplicate, write it once";
    }

    *cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (*cv == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = *cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_auth0_m2m_moesif_name(ngx_conf_t *cf, ngx_str_t *value,
    ngx_array_t *names)
{
    a0_str_t  *name;

    if (a0_event_header_secret(ngx_http_auth0_m2m_a0(value))) {
        return "would put credentials into events";
    }

    if (names->nelts == NGX_HTTP_AUTH0_M2M_MOESIF_HEADERS) {
        return "is one header too many, 16 are allowed";
    }

    name = ngx_array_push(names);
    if (name == NULL) {
        return NGX_CONF_ERROR;
    }

    *name = ngx_http_auth0_m2m_a0(value);

    return NGX_CONF_OK;
}


static char *
ngx_http_auth0_m2m_moesif_flag(ngx_str_t *value, ngx_flag_t *flag)
{
    if (*flag != NGX_CONF_UNSET) {
        return "is duplicate, write it once";
    }

    if (ngx_strcmp(value->data, "on") == 0) {
        *flag = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "off") == 0) {
        *flag = 0;
        return NGX_CONF_OK;
    }

    return "must be on or off";
}
