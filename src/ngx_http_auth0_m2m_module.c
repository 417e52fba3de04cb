
#include "ngx_http_auth0_m2m_access.h"
#include "ngx_http_auth0_m2m_cache.h"
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_jwks.h"
#include "ngx_http_auth0_m2m_manager.h"
#include "ngx_http_auth0_m2m_variables.h"

#include <openssl/crypto.h>


static ngx_int_t ngx_http_auth0_m2m_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_auth0_m2m_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_auth0_m2m_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_http_auth0_m2m_zone_managers(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_main_conf_t *mcf);
static void ngx_http_auth0_m2m_zone_client(ngx_http_auth0_m2m_main_conf_t *mcf,
    const u_char *id);
static ngx_int_t ngx_http_auth0_m2m_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_auth0_m2m_init_worker(ngx_cycle_t *cycle);
static void ngx_http_auth0_m2m_wipe_env(ngx_http_auth0_m2m_main_conf_t *mcf);
static void ngx_http_auth0_m2m_exit_worker(ngx_cycle_t *cycle);


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
    ngx_http_auth0_m2m_init_module,        /* init module */
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
        ngx_http_auth0_m2m_conf_place(cf, &mcf->zone_place);
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

    ngx_uint_t                        i, slots;
    ngx_http_auth0_m2m_keyset_t     **ks;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = zone->data;

    if (ngx_http_auth0_m2m_shm_init(zone, old ? old->shared : NULL,
                                    &mcf->shared)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    slots = ngx_http_auth0_m2m_shm_keys_slots(mcf->shared);

    if (mcf->keysets.nelts > slots) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small: it holds the keys of "
                      "%ui tenants, %ui are configured, give "
                      "\"auth0_m2m_zone\" more in %V:%ui",
                      &zone->shm.name, slots, mcf->keysets.nelts,
                      &mcf->zone_place.file, mcf->zone_place.line);
        return NGX_ERROR;
    }

    mcf->ids = ngx_palloc(mcf->keysets.pool,
                          mcf->keysets.nelts * sizeof(u_char *));
    if (mcf->ids == NULL) {
        return NGX_ERROR;
    }

    ks = mcf->keysets.elts;

    for (i = 0; i < mcf->keysets.nelts; i++) {
        mcf->ids[i] = ks[i]->id;
    }

    return ngx_http_auth0_m2m_zone_managers(zone, mcf);
}


static ngx_int_t
ngx_http_auth0_m2m_zone_managers(ngx_shm_zone_t *zone,
    ngx_http_auth0_m2m_main_conf_t *mcf)
{
    ngx_uint_t                      i, slots;
    ngx_http_auth0_m2m_manager_t  **managers;

    mcf->clients = ngx_palloc(mcf->managers.pool,
                              mcf->managers.nelts * sizeof(u_char *));
    if (mcf->clients == NULL) {
        return NGX_ERROR;
    }

    managers = mcf->managers.elts;

    for (i = 0; i < mcf->managers.nelts; i++) {
        managers[i]->shared = mcf->shared;
        managers[i]->tables = ngx_http_auth0_m2m_shm_tables(mcf->shared);

        ngx_http_auth0_m2m_zone_client(mcf, managers[i]->id);
    }

    slots = ngx_http_auth0_m2m_mgmt_slots(
                                ngx_http_auth0_m2m_shm_tables(mcf->shared));

    if (mcf->nclients > slots) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small: it holds the tokens of "
                      "%ui Management clients, %ui are configured, give "
                      "\"auth0_m2m_zone\" more in %V:%ui",
                      &zone->shm.name, slots, mcf->nclients,
                      &mcf->zone_place.file, mcf->zone_place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_auth0_m2m_zone_client(ngx_http_auth0_m2m_main_conf_t *mcf,
    const u_char *id)
{
    ngx_uint_t  i;

    for (i = 0; i < mcf->nclients; i++) {
        if (ngx_http_auth0_m2m_same(mcf->clients[i], id)) {
            return;
        }
    }

    mcf->clients[mcf->nclients++] = id;
}


/*
 * Once nothing can go wrong any more with the configuration, sockets included:
 * one that is given up must not touch the keys of the one that stays.
 */

static ngx_int_t
ngx_http_auth0_m2m_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                        i;
    ngx_http_auth0_m2m_keyset_t     **ks;
    ngx_http_auth0_m2m_manager_t    **managers;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_auth0_m2m_module);

    if (mcf == NULL || mcf->shared == NULL) {
        return NGX_OK;
    }

    ks = mcf->keysets.elts;

    for (i = 0; i < mcf->keysets.nelts; i++) {
        ks[i]->slot = ngx_http_auth0_m2m_shm_keys_slot(mcf->shared, ks[i]->id,
                                                  ks[i]->source, &ks[i]->times,
                                                  mcf->ids,
                                                  mcf->keysets.nelts);

        if (ks[i]->file_keys.len) {
            ngx_http_auth0_m2m_shm_keys_static(mcf->shared, ks[i]->slot,
                                               ks[i]->file_keys);
        }
    }

    managers = mcf->managers.elts;

    for (i = 0; i < mcf->managers.nelts; i++) {
        managers[i]->slot = ngx_http_auth0_m2m_mgmt_slot(managers[i]->tables,
                                                         managers[i]->id,
                                                         mcf->clients,
                                                         mcf->nclients);
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

    if (ngx_process == NGX_PROCESS_WORKER) {
        ngx_http_auth0_m2m_wipe_env(mcf);
    }

    if (ngx_http_auth0_m2m_cache_init_worker(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_auth0_m2m_jwks_init_worker(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_auth0_m2m_manager_init_worker(cycle, mcf);
}


/*
 * The strings that the master was started with are no environment of the
 * worker's any more, but for those that "env" hands on, and would show up in
 * its core file.  The master keeps them, for reloads.
 */

static void
ngx_http_auth0_m2m_wipe_env(ngx_http_auth0_m2m_main_conf_t *mcf)
{
    char        **e;
    ngx_str_t    *secret;
    ngx_uint_t    i;

    secret = mcf->env.elts;

    for (i = 0; i < mcf->env.nelts; i++) {

        for (e = environ; *e; e++) {
            if (secret[i].data > (u_char *) *e
                && secret[i].data <= (u_char *) *e + ngx_strlen(*e))
            {
                break;
            }
        }

        if (*e == NULL) {
            OPENSSL_cleanse(secret[i].data, secret[i].len);
        }
    }
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
