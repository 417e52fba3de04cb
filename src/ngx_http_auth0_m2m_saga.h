
/*
 * Drives the engine of a0_provision.h: carries its calls to the tenant, its
 * waits to the timers, its answer to the caller.  A saga owns itself: it runs
 * to its end whatever happens to the caller, through reloads and while the
 * worker is exiting.
 */

#ifndef NGX_HTTP_AUTH0_M2M_SAGA_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_SAGA_H_INCLUDED


#include "ngx_http_auth0_m2m_manager.h"


#define NGX_HTTP_AUTH0_M2M_SAGAS_MAX       32      /* of callers, a worker */
#define NGX_HTTP_AUTH0_M2M_CLEAN_HOLD      120000  /* ms, one ring entry */
#define NGX_HTTP_AUTH0_M2M_CLEAN_RETRY     60      /* seconds */
#define NGX_HTTP_AUTH0_M2M_REVOKED_FOR     2592000 /* seconds: the longest
                                                      life of a token */
#define NGX_HTTP_AUTH0_M2M_REQUEST_ID      32      /* hexadecimal digits */


typedef struct ngx_http_auth0_m2m_saga_s  ngx_http_auth0_m2m_saga_t;


/* Called at most once; the strings in answer live until it returns. */

typedef void (*ngx_http_auth0_m2m_answer_pt)(void *data,
    const a0_todo_t *answer);


typedef struct {
    ngx_http_auth0_m2m_manager_t  *manager;
    const a0_provision_conf_t     *conf;
    const a0_provision_input_t    *input;
    ngx_http_auth0_m2m_answer_pt   answer;
    void                          *data;
    const u_char                  *lease;     /* user's name, taken already;
                                                 NULL: none */
    uint64_t                       serial;    /* of the lease */
    const u_char                  *record;    /* idempotency key's name, in
                                                 flight already; NULL: none */
    ngx_int_t                      ttl;       /* of the record, seconds */
} ngx_http_auth0_m2m_saga_args_t;


#pragma GCC visibility push(hidden)


/* How many sagas of callers run in this worker. */

ngx_uint_t ngx_http_auth0_m2m_sagas(void);

/*
 * Starts a saga; it takes over lease and record.  answer() may be called
 * before this returns.  NULL: no memory, nothing was taken over.
 */
ngx_http_auth0_m2m_saga_t *ngx_http_auth0_m2m_saga_start(
    const ngx_http_auth0_m2m_saga_args_t *args);

/* The caller has gone: answer() will not be called any more. */

void ngx_http_auth0_m2m_saga_leave(ngx_http_auth0_m2m_saga_t *saga);

/* Whether an answer marked `confirm` has reached the caller.  The saga must
 * not be used after this. */

void ngx_http_auth0_m2m_saga_delivered(ngx_http_auth0_m2m_saga_t *saga,
    ngx_uint_t ok);

/* Cleans up what entry `slot` of the ring names. */

void ngx_http_auth0_m2m_saga_clean(ngx_http_auth0_m2m_manager_t *manager,
    ngx_uint_t slot, const ngx_http_auth0_m2m_orphan_t *orphan);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_SAGA_H_INCLUDED */
