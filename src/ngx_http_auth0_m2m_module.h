
/*
 * Types that the glue shares: configuration, the state of a request.
 *
 * Configuration is constant once nginx has read it; what changes lives in the
 * request's context, in one struct a worker, or in the shared zone.
 */

#ifndef NGX_HTTP_AUTH0_M2M_MODULE_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_MODULE_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "a0.h"
#include "a0_jwks_plan.h"
#include "a0_jwt.h"
#include "a0_policy.h"
#include "a0_provision.h"

#include "ngx_http_auth0_m2m_client.h"
#include "ngx_http_auth0_m2m_shm.h"


#define NGX_HTTP_AUTH0_M2M_ZONE_SIZE   2097152
#define NGX_HTTP_AUTH0_M2M_LEEWAY_MAX  300     /* seconds */
#define NGX_HTTP_AUTH0_M2M_FETCH_MIN   100     /* ms, of valid and timeout */

#define NGX_HTTP_AUTH0_M2M_OFF       0
#define NGX_HTTP_AUTH0_M2M_ON        1
#define NGX_HTTP_AUTH0_M2M_OPTIONAL  2


/* Where a directive stands, for messages. */

typedef struct {
    ngx_str_t                      file;
    ngx_uint_t                     line;      /* 0: not given */
} ngx_http_auth0_m2m_place_t;


/* auth0_m2m_upstream.  An empty domain: every domain without its own. */

typedef struct {
    ngx_str_t                      url;
    ngx_str_t                      domain;
    ngx_http_auth0_m2m_place_t     place;
} ngx_http_auth0_m2m_route_t;


/* auth0_m2m_require. */

typedef struct {
    ngx_array_t                    values;    /* ngx_http_complex_value_t */
    a0_err_t                       error;
} ngx_http_auth0_m2m_require_t;


/*
 * One source of keys: a tenant, the way to it, and how it is cached.  Locations
 * that agree in all of these share it.  Written while the configuration is
 * read; `state` is the worker's own, see jwks.c.
 */

typedef struct ngx_http_auth0_m2m_jwks_state_s
    ngx_http_auth0_m2m_jwks_state_t;

typedef struct {
    u_char                            id[NGX_HTTP_AUTH0_M2M_ID];  /* digest
                                                    of what distinguishes it */
    u_char                            source[NGX_HTTP_AUTH0_M2M_ID];
                                                 /* but for its times */
    ngx_http_auth0_m2m_tenant_t      *tenant;
    a0_jwks_times_t                   times;
    ngx_str_t                         file;      /* auth0_m2m_jwks_file */
    a0_str_t                          file_keys; /* its keys, normalised */
    ngx_uint_t                        slot;      /* in the zone */
    ngx_uint_t                        fetch;     /* 0: the tenant's address
                                                    is not known, file only */
    ngx_http_auth0_m2m_jwks_state_t  *state;
} ngx_http_auth0_m2m_keyset_t;


typedef struct ngx_http_auth0_m2m_manager_s  ngx_http_auth0_m2m_manager_t;
typedef struct ngx_http_auth0_m2m_moesif_conf_s
    ngx_http_auth0_m2m_moesif_conf_t;


typedef struct {
    ngx_shm_zone_t                *zone;
    ngx_str_t                      zone_name;
    size_t                         zone_size;
    ngx_http_auth0_m2m_place_t     zone_place; /* line 0: not given */
    ngx_http_auth0_m2m_shared_t   *shared;     /* set when the zone is born */
    ngx_array_t                    keysets;    /* ..._keyset_t * */
    const u_char                 **ids;        /* of keysets */
    ngx_array_t                    ssl;        /* one context a CA bundle */
    ngx_array_t                    managers;   /* ..._manager_t * */
    const u_char                 **clients;    /* ids of managers, each once */
    ngx_uint_t                     nclients;
    ngx_array_t                    env;        /* ngx_str_t: secrets where the
                                                  environment has them */
    ngx_uint_t                     status;     /* some location reports */
} ngx_http_auth0_m2m_main_conf_t;


typedef struct {

    /* as written; NGX_CONF_UNSET... until merged */

    ngx_uint_t                     enable;
    ngx_str_t                      realm;          /* escaped */
    ngx_int_t                      token_index;    /* token=$variable */
    ngx_array_t                   *domains;        /* ngx_str_t */
    ngx_array_t                   *routes;
    ngx_str_t                      ca_file;
    ngx_array_t                   *audiences;      /* a0_str_t */
    ngx_array_t                   *scopes;         /* a0_policy_group_t */
    ngx_array_t                   *permissions;    /* a0_policy_group_t */
    ngx_uint_t                     org;            /* a0_policy_org_e */
    ngx_array_t                   *orgs;           /* a0_str_t */
    ngx_array_t                   *clients;        /* a0_str_t */
    ngx_array_t                   *require;        /* ..._require_t */
    ngx_uint_t                     algorithms;
    ngx_uint_t                     at_jwt;
    time_t                         leeway;
    ngx_str_t                      jwks_file;
    ngx_uint_t                     jwks_cache_line; /* 0: not given */
    ngx_msec_t                     valid;
    ngx_msec_t                     stale;
    ngx_msec_t                     cooldown;
    ngx_msec_t                     timeout;
    ngx_flag_t                     token_cache;

    ngx_http_auth0_m2m_place_t     place;           /* of `auth0_m2m` */
    ngx_http_auth0_m2m_place_t     ca_place;
    ngx_http_auth0_m2m_place_t     jwks_place;

    ngx_str_t                      client_id;
    ngx_str_t                      client_secret;
    ngx_str_t                      assertion_key;
    ngx_str_t                      api_audience;
    ngx_array_t                   *api_scope;       /* a0_str_t */
    ngx_array_t                   *origins;         /* a0_str_t */
    ngx_uint_t                     options_line;    /* 0: not given */
    ngx_uint_t                     max_keys;
    ngx_str_t                      connection;
    ngx_msec_t                     deadline;
    ngx_uint_t                     rate;            /* per 1000 s, 0: off */
    ngx_uint_t                     burst;
    ngx_uint_t                     provision;       /* this location does */
    ngx_uint_t                     handler;         /* a0_handler_e */

    ngx_uint_t                     status;          /* format, 0: none */
    ngx_http_handler_pt            answer;          /* of this location */
    ngx_str_t                      answer_name;     /* its directive */
    ngx_http_auth0_m2m_place_t     answer_place;
    ngx_http_auth0_m2m_moesif_conf_t  *moesif;      /* NULL: defaults */

    /* made while merging */

    a0_policy_t                    policy;
    ngx_http_auth0_m2m_keyset_t  **keysets;        /* as policy.issuers */
    ngx_http_auth0_m2m_manager_t  *manager;         /* of provision */
    a0_provision_conf_t           *engine;
    ngx_str_t                      scope_text;      /* what is required, */
    ngx_str_t                      permission_text; /* for the challenge */
} ngx_http_auth0_m2m_loc_conf_t;


#define NGX_HTTP_AUTH0_M2M_CACHE_NONE    0
#define NGX_HTTP_AUTH0_M2M_CACHE_HIT     1
#define NGX_HTTP_AUTH0_M2M_CACHE_MISS    2
#define NGX_HTTP_AUTH0_M2M_CACHE_BYPASS  3


/* A request that waits for keys; lives in its context. */

typedef struct {
    ngx_queue_t                    queue;
    void                         (*wake)(ngx_http_request_t *r);
    ngx_http_request_t            *request;
    ngx_msec_t                     deadline;
    unsigned                       queued:1;
} ngx_http_auth0_m2m_waiter_t;


/*
 * State of a request, made by the access handler in the request's pool and
 * found again after internal redirects, see ngx_http_auth0_m2m_get_ctx().
 */

typedef struct {
    ngx_http_auth0_m2m_loc_conf_t *conf;       /* whose verdict this is */
    a0_err_t                       err;
    ngx_uint_t                     cache;      /* ..._CACHE_... */
    a0_str_t                       token;
    a0_str_t                       kid;        /* for the log */
    ngx_http_auth0_m2m_keyset_t   *keyset;     /* of the token's issuer; set
                                                  when it is authentic */
    const a0_claims_t             *claims;     /* NULL until authentic */
    ngx_table_elt_t               *told;       /* the refusal's header */
    ngx_http_auth0_m2m_waiter_t    waiter;
    unsigned                       done:1;     /* the verdict is made */
    unsigned                       verified:1; /* and it is: accepted */
    unsigned                       waited:1;   /* for keys, once */
    unsigned                       subrequest:1; /* seen by it alone */
} ngx_http_auth0_m2m_ctx_t;


#pragma GCC visibility push(hidden)


extern ngx_module_t  ngx_http_auth0_m2m_module;


/* The context of a request, of its main request for subrequests; NULL where
 * no access handler of ours has run. */

ngx_http_auth0_m2m_ctx_t *ngx_http_auth0_m2m_get_ctx(ngx_http_request_t *r);


/* a0_str_t from ngx_str_t and back: same shape, other types. */

static ngx_inline a0_str_t
ngx_http_auth0_m2m_a0(ngx_str_t *s)
{
    a0_str_t  a;

    a.len = s->len;
    a.data = s->data;

    return a;
}


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_MODULE_H_INCLUDED */
