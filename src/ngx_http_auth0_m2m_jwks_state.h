
/*
 * What a worker knows of one key set.  Private to the files of jwks.
 */

#ifndef NGX_HTTP_AUTH0_M2M_JWKS_STATE_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_JWKS_STATE_H_INCLUDED


#include "ngx_http_auth0_m2m_jwks.h"


/*
 * `set` was parsed from `generation`; both change together, and only after the
 * zone has confirmed that the slot is ours.
 */

struct ngx_http_auth0_m2m_jwks_state_s {
    ngx_http_auth0_m2m_keyset_t    *keyset;
    ngx_http_auth0_m2m_shared_t    *shared;
    a0_jwk_set_t                   *set;
    uint64_t                        generation;
    ngx_queue_t                     waiters;
    ngx_event_t                     timer;
    ngx_event_t                     poll;
    ngx_connection_t                dummy;       /* for debug logs of events */
};


#pragma GCC visibility push(hidden)

/* jwks_fetch.c: the attempt has begun in the zone; ended() is called when it
 * is over and recorded, never from inside. */

void ngx_http_auth0_m2m_jwks_fetch(ngx_http_auth0_m2m_jwks_state_t *st);

/* jwks.c: who waits need not wait any longer. */

void ngx_http_auth0_m2m_jwks_ended(ngx_http_auth0_m2m_jwks_state_t *st);

#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_JWKS_STATE_H_INCLUDED */
