
/*
 * The worker's parsed keys, kept in step with the shared zone, and the timer
 * that refreshes them in the background.
 */

#ifndef NGX_HTTP_AUTH0_M2M_JWKS_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_JWKS_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"

#include "a0_jwk.h"


#pragma GCC visibility push(hidden)


/* Starts the timers of a worker.  Called once, when it is born. */

ngx_int_t ngx_http_auth0_m2m_jwks_init_worker(ngx_cycle_t *cycle,
    ngx_http_auth0_m2m_main_conf_t *mcf);


/* Frees the parsed keys when the worker ends. */

void ngx_http_auth0_m2m_jwks_exit_worker(ngx_http_auth0_m2m_main_conf_t *mcf);


/* Generation of the keys in force, which this worker holds parsed; 0 when no
 * keys may serve now. */

uint64_t ngx_http_auth0_m2m_jwks_generation(ngx_http_auth0_m2m_keyset_t *ks);


/* How many keys those are. */

ngx_uint_t ngx_http_auth0_m2m_jwks_count(ngx_http_auth0_m2m_keyset_t *ks);


/*
 * The key for a token, from the keys in force; *generation is theirs.
 * OK; UNKNOWN_KEY, AMBIGUOUS_KEY, BAD_SIGNATURE as a0_jwk_set_find();
 * KEYS_UNAVAILABLE; INTERNAL.
 *
 * When a fetch may help (no usable keys, or an unknown kid outside the
 * cooldown) and waiter is not NULL, the fetch is started or joined, *wait is
 * set, and waiter->wake(request) is called when it has ended, at the latest
 * after the fetch timeout.  Without usable keys, one that is due within a
 * second is waited for: a tenant that comes up late costs no answers.
 */
a0_err_t ngx_http_auth0_m2m_jwks_key(ngx_http_auth0_m2m_keyset_t *ks,
    a0_str_t kid, const a0_jws_alg_t *alg,
    ngx_http_auth0_m2m_waiter_t *waiter, a0_jwk_t **key,
    uint64_t *generation, ngx_uint_t *wait);

/* The request goes away: forget it. */

void ngx_http_auth0_m2m_jwks_forget(ngx_http_auth0_m2m_waiter_t *waiter);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_JWKS_H_INCLUDED */
