
/*
 * A Management client: the application at the tenant that may create
 * credentials.  Its token, and the janitor that cleans up behind sagas that
 * could not.
 */

#ifndef NGX_HTTP_AUTH0_M2M_MANAGER_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_MANAGER_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"
#include "ngx_http_auth0_m2m_shm_provision.h"


/* One for each tenant, way to it, and client id.  Constant after
 * configuration but for slot, tables and shared (set with the zone), timer. */

struct ngx_http_auth0_m2m_manager_s {
    u_char                         domain[NGX_HTTP_AUTH0_M2M_ID]; /* digest */
    u_char                         id[NGX_HTTP_AUTH0_M2M_ID]; /* with client */
    ngx_http_auth0_m2m_tenant_t   *tenant;
    ngx_str_t                      client_id;
    ngx_str_t                      secret;      /* or */
    ngx_str_t                      key;         /* PEM, private_key_jwt */
    unsigned                       alg;         /* of key: A0_ALG_... */
    const a0_provision_conf_t     *conf;        /* for the janitor */
    ngx_uint_t                     slot;
    ngx_http_auth0_m2m_tables_t   *tables;
    ngx_http_auth0_m2m_shared_t   *shared;
    ngx_event_t                   *timer;       /* the worker's */
};


/* A token as a saga holds it; wiped by its owner. */

typedef struct {
    u_char                         data[A0_MGMT_TOKEN_MAX];
    size_t                         len;
    uint64_t                       generation;
} ngx_http_auth0_m2m_held_token_t;


typedef void (*ngx_http_auth0_m2m_manager_pt)(void *data,
    const a0_reply_t *reply);


#pragma GCC visibility push(hidden)


ngx_int_t ngx_http_auth0_m2m_manager_init_worker(ngx_cycle_t *cycle,
    ngx_http_auth0_m2m_main_conf_t *mcf);


/*
 * Asks for the token once.  NGX_OK: *token is filled.  NGX_AGAIN: another
 * request is fetching it, or an attempt has just failed: ask again in some
 * 20 ms.  NGX_DECLINED: fetching; done(data, reply) will be called, with NULL
 * when there is a token to ask for, else with how the call ended.
 */
ngx_int_t ngx_http_auth0_m2m_manager_token(
    ngx_http_auth0_m2m_manager_t *manager,
    ngx_http_auth0_m2m_held_token_t *token,
    ngx_http_auth0_m2m_manager_pt done, void *data);

void ngx_http_auth0_m2m_manager_refused(
    ngx_http_auth0_m2m_manager_t *manager, uint64_t generation,
    ngx_http_auth0_m2m_drop_e why);


/* What the engine wants to know of a client's reply. */

void ngx_http_auth0_m2m_manager_reply(const ngx_http_auth0_m2m_reply_t *reply,
    a0_reply_t *out);

void ngx_http_auth0_m2m_manager_now(a0_provision_now_t *now);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_MANAGER_H_INCLUDED */
