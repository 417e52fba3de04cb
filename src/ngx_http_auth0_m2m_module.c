
#include "ngx_http_auth0_m2m_access.h"
#include "ngx_http_auth0_m2m_cache.h"
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_jwks.h"
#include "ngx_http_auth0_m2m_manager.h"
#include "ngx_http_auth0_m2m_variables.h"


#define NGX_HTTP_AUTH0_M2M_ANY                                                \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)


static ngx_int_t ngx_http_auth0_m2m_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_auth0_m2m_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_auth0_m2m_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_http_auth0_m2m_zone_managers(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_main_conf_t *mcf);
static ngx_int_t ngx_http_auth0_m2m_init_worker(ngx_cycle_t *cycle);
static void ngx_http_auth0_m2m_exit_worker(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_auth0_m2m_token_types[] = {
    { ngx_string("any"), 0 },
    { ngx_string("at+jwt"), 1 },
    { ngx_null_string, 0 }
};


/* Marks directives whose value must not be in the configuration's text. */

static ngx_uint_t  ngx_http_auth0_m2m_is_secret = 1;


static ngx_command_t  ngx_http_auth0_m2m_commands[] = {

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
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_auth0_m2m_loc_conf_t, at_jwt),
      &ngx_http_auth0_m2m_token_types },

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


static ngx_http_module_t  ngx_http_auth0_m2m_module_ctx = {
    ngx_http_auth0_m2m_preconfiguration,   /* preconfiguration */
    ngx_http_auth0_m2m_postconfiguration,  /* postconfiguration */

    ngx_http_auth0_m2m_conf_create_main,   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_auth0_m2m_conf_create_loc,    /* create location configuration */
    ngx_http_auth0_m2m_conf_merge_loc      /* merge location configuration */
};


ngx_module_t  ngx_http_auth0_m2m_module = {
    NGX_MODULE_V1,
    &ngx_http_auth0_m2m_module_ctx,        /* module context */
    ngx_http_auth0_m2m_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_auth0_m2m_init_worker,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_auth0_m2m_exit_worker,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_auth0_m2m_preconfiguration(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_auth0_m2m_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt             *h, *first;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    static ngx_str_t  name = ngx_string("auth0_m2m");

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);

    if (mcf->keysets.nelts == 0 && !mcf->status) {
        return NGX_OK;
    }

    if (mcf->zone_name.len == 0) {
        mcf->zone_name = name;
        mcf->zone_size = NGX_HTTP_AUTH0_M2M_ZONE_SIZE;
    }

    mcf->zone = ngx_shared_memory_add(cf, &mcf->zone_name, mcf->zone_size,
                                      &ngx_http_auth0_m2m_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }

    mcf->zone->init = ngx_http_auth0_m2m_zone_init;
    mcf->zone->data = mcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_auth0_m2m_access_handler;

    /* handlers run in reverse order: what comes first here runs last */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    first = cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers.elts;
    ngx_memmove(first + 1, first, (h - first) * sizeof(ngx_http_handler_pt));
    *first = ngx_http_auth0_m2m_access_last_handler;

    return NGX_OK;
}


/* Also on reload: the block of the previous configuration is taken over. */

static ngx_int_t
ngx_http_auth0_m2m_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_auth0_m2m_main_conf_t *old = data;

    ngx_uint_t                        i, j;
    const u_char                    **ids;
    ngx_http_auth0_m2m_keyset_t     **ks;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = zone->data;

    if (ngx_http_auth0_m2m_shm_init(zone, old ? old->shared : NULL,
                                    &mcf->shared)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ks = mcf->keysets.elts;

    ids = ngx_alloc(mcf->keysets.nelts * sizeof(u_char *), zone->shm.log);
    if (ids == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < mcf->keysets.nelts; i++) {
        ids[i] = ks[i]->id;
    }

    for (i = 0; i < mcf->keysets.nelts; i++) {

        if (ngx_http_auth0_m2m_shm_keys_slot(mcf->shared, ks[i]->id, ids,
                                             mcf->keysets.nelts, &j)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "zone \"%V\" is too small: it holds the keys of "
                          "%ui tenants, %ui are configured",
                          &zone->shm.name,
                          ngx_http_auth0_m2m_shm_keys_slots(mcf->shared),
                          mcf->keysets.nelts);
            ngx_free(ids);
            return NGX_ERROR;
        }

        ks[i]->slot = j;

        if (ks[i]->file_keys.len) {
            ngx_http_auth0_m2m_shm_keys_static(mcf->shared, j,
                                               ks[i]->file_keys);
        }
    }

    ngx_free(ids);

    return ngx_http_auth0_m2m_zone_managers(zone, mcf);
}


static ngx_int_t
ngx_http_auth0_m2m_zone_managers(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_main_conf_t *mcf)
{
    ngx_uint_t                      i;
    ngx_http_auth0_m2m_manager_t  **managers;

    managers = mcf->managers.elts;

    for (i = 0; i < mcf->managers.nelts; i++) {
        managers[i]->shared = mcf->shared;
        managers[i]->tables = ngx_http_auth0_m2m_shm_tables(mcf->shared);

        if (ngx_http_auth0_m2m_mgmt_slot(managers[i]->tables, managers[i]->id,
                                         &managers[i]->slot)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "zone \"%V\" is too small for %ui Management "
                          "clients", &zone->shm.name, mcf->managers.nelts);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_init_worker(ngx_cycle_t *cycle)
{
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_auth0_m2m_module);

    if (mcf == NULL || mcf->shared == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    if (ngx_http_auth0_m2m_cache_init_worker(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_auth0_m2m_jwks_init_worker(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_auth0_m2m_manager_init_worker(cycle, mcf);
}


static void
ngx_http_auth0_m2m_exit_worker(ngx_cycle_t *cycle)
{
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_auth0_m2m_module);

    if (mcf == NULL || mcf->shared == NULL) {
        return;
    }

    ngx_http_auth0_m2m_jwks_exit_worker(mcf);
    ngx_http_auth0_m2m_cache_exit_worker();
}
