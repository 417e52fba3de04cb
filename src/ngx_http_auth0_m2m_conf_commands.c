
#include "ngx_http_auth0_m2m_conf.h"


#define NGX_HTTP_AUTH0_M2M_ANY                                                \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)


/* Marks directives whose value must not be in the configuration's text. */

static ngx_uint_t  ngx_http_auth0_m2m_is_secret = 1;


ngx_command_t  ngx_http_auth0_m2m_commands[] = {

    { ngx_string("auth0_m2m"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_HTTP_LMT_CONF|NGX_CONF_TAKE123,
      ngx_http_auth0_m2m_conf_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_domain"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_domain,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, domains),
      NULL },

    { ngx_string("auth0_m2m_upstream"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE12,
      ngx_http_auth0_m2m_conf_upstream,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, routes),
      NULL },

    { ngx_string("auth0_m2m_ssl_trusted_certificate"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, ca_file),
      NULL },

    { ngx_string("auth0_m2m_audience"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, audiences),
      NULL },

    { ngx_string("auth0_m2m_scope"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_group,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, scopes),
      NULL },

    { ngx_string("auth0_m2m_permission"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_group,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, permissions),
      NULL },

    { ngx_string("auth0_m2m_organization"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_organization,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, orgs),
      NULL },

    { ngx_string("auth0_m2m_client"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, clients),
      NULL },

    { ngx_string("auth0_m2m_require"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, require),
      NULL },

    { ngx_string("auth0_m2m_algorithms"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_algorithms,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_token_type"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_token_type,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_leeway"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_leeway,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_jwks_file"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, jwks_file),
      NULL },

    { ngx_string("auth0_m2m_jwks_cache"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_jwks_cache,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_token_cache"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, token_cache),
      NULL },

    { ngx_string("auth0_m2m_client_id"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_secret,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, client_id),
      NULL },

    { ngx_string("auth0_m2m_client_secret"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_secret,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, client_secret),
      &ngx_http_auth0_m2m_is_secret },

    { ngx_string("auth0_m2m_client_assertion_key"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_secret,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, assertion_key),
      &ngx_http_auth0_m2m_is_secret },

    { ngx_string("auth0_m2m_api_audience"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, api_audience),
      NULL },

    { ngx_string("auth0_m2m_api_scope"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, api_scope),
      NULL },

    { ngx_string("auth0_m2m_authorizer"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_auth0_m2m_conf_authorizer,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_provision"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_provision,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_provision_options"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_provision_options,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_allow_origin"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, origins),
      NULL },

    { ngx_string("auth0_m2m_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_moesif"),
      NGX_HTTP_AUTH0_M2M_ANY|NGX_CONF_1MORE,
      ngx_http_auth0_m2m_conf_moesif,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("auth0_m2m_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_auth0_m2m_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};
