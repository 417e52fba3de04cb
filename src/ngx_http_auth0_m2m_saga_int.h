
/*
 * A running saga; for the files that are named *_saga* only.
 */

#ifndef NGX_HTTP_AUTH0_M2M_SAGA_INT_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_SAGA_INT_H_INCLUDED


#include "ngx_http_auth0_m2m_saga.h"


/* Holds a token, and lies with the engine in pages of its own. */

struct ngx_http_auth0_m2m_saga_s {
    a0_provision_t                   *engine;    /* behind this, and */
    size_t                            size;      /* of both together */
    ngx_http_auth0_m2m_manager_t     *manager;
    ngx_http_auth0_m2m_answer_pt      answer;    /* NULL: no caller */
    void                             *data;
    ngx_event_t                       timer;
    ngx_connection_t                  dummy;
    ngx_msec_t                        token_end; /* waiting for a token */
    uint64_t                          paced;     /* number of the call */
    a0_todo_t                         todo;
    ngx_http_auth0_m2m_held_token_t   token;

    u_char                            lease[NGX_HTTP_AUTH0_M2M_ID];
    uint64_t                          serial;
    u_char                            record[NGX_HTTP_AUTH0_M2M_ID];
    ngx_int_t                         ttl;
    u_char                            req[NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX];
    size_t                            req_len;   /* written to the ring */
    ngx_uint_t                        slot;      /* of the ring's entry */
    uint64_t                          put;       /* and its serial */
    ngx_uint_t                       *counts;    /* the worker's, of callers'
                                                    sagas; NULL: none */

    unsigned                          has_lease:1;
    unsigned                          has_record:1;
    unsigned                          clean:1;   /* the janitor's */
    unsigned                          confirm:1; /* waits for delivered() */
};


#pragma GCC visibility push(hidden)


/* Goes on until the saga has to wait, or is no more. */

void ngx_http_auth0_m2m_saga_run(ngx_http_auth0_m2m_saga_t *s);

/* Acts of the engine.  1: go on at once; 0: something will call run(). */

ngx_uint_t ngx_http_auth0_m2m_saga_step(ngx_http_auth0_m2m_saga_t *s);
ngx_uint_t ngx_http_auth0_m2m_saga_send(ngx_http_auth0_m2m_saga_t *s);
ngx_uint_t ngx_http_auth0_m2m_saga_token(ngx_http_auth0_m2m_saga_t *s);
ngx_uint_t ngx_http_auth0_m2m_saga_answer(ngx_http_auth0_m2m_saga_t *s);

/* DONE: records what is to be recorded and gives back what was taken; the
 * memory is the caller's to free. */

void ngx_http_auth0_m2m_saga_done(ngx_http_auth0_m2m_saga_t *s);

/* Puts a client on the list of revoked ones; an empty id is none. */

void ngx_http_auth0_m2m_saga_deny(ngx_http_auth0_m2m_saga_t *s,
    a0_str_t client_id);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_SAGA_INT_H_INCLUDED */
