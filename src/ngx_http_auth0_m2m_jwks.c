
#include "ngx_http_auth0_m2m_jwks_state.h"


#define NGX_HTTP_AUTH0_M2M_TICK_MIN   20      /* ms */
#define NGX_HTTP_AUTH0_M2M_TICK_MAX   1000
#define NGX_HTTP_AUTH0_M2M_POLL       20      /* while requests wait */
#define NGX_HTTP_AUTH0_M2M_SOON       1000


static void ngx_http_auth0_m2m_jwks_tick(ngx_event_t *ev);
static void ngx_http_auth0_m2m_jwks_poll(ngx_event_t *ev);
static uint64_t ngx_http_auth0_m2m_jwks_sync(
    ngx_http_auth0_m2m_jwks_state_t *st);
static ngx_uint_t ngx_http_auth0_m2m_jwks_pending(
    ngx_http_auth0_m2m_jwks_state_t *st);
static void ngx_http_auth0_m2m_jwks_join(ngx_http_auth0_m2m_jwks_state_t *st,
    ngx_http_auth0_m2m_waiter_t *waiter);
static void ngx_http_auth0_m2m_jwks_wake(ngx_http_auth0_m2m_jwks_state_t *st,
    ngx_uint_t all);


ngx_int_t
ngx_http_auth0_m2m_jwks_init_worker(ngx_cycle_t *cycle,
    ngx_http_auth0_m2m_main_conf_t *mcf)
{
    ngx_uint_t                        i;
    ngx_http_auth0_m2m_keyset_t     **ks;
    ngx_http_auth0_m2m_jwks_state_t  *st;

    ks = mcf->keysets.elts;

    for (i = 0; i < mcf->keysets.nelts; i++) {
        st = ngx_pcalloc(cycle->pool, sizeof(ngx_http_auth0_m2m_jwks_state_t));
        if (st == NULL) {
            return NGX_ERROR;
        }

        st->keyset = ks[i];
        st->shared = mcf->shared;
        st->dummy.fd = (ngx_socket_t) -1;
        ngx_queue_init(&st->waiters);

        st->timer.handler = ngx_http_auth0_m2m_jwks_tick;
        st->timer.data = &st->dummy;
        st->timer.log = cycle->log;
        st->timer.cancelable = 1;

        st->poll.handler = ngx_http_auth0_m2m_jwks_poll;
        st->poll.data = &st->dummy;
        st->poll.log = cycle->log;

        st->dummy.data = st;
        ks[i]->state = st;

        if (ks[i]->fetch) {
            ngx_add_timer(&st->timer, 1);
        }
    }

    return NGX_OK;
}


void
ngx_http_auth0_m2m_jwks_exit_worker(ngx_http_auth0_m2m_main_conf_t *mcf)
{
    ngx_uint_t                     i;
    ngx_http_auth0_m2m_keyset_t  **ks;

    ks = mcf->keysets.elts;

    for (i = 0; i < mcf->keysets.nelts; i++) {
        if (ks[i]->state) {
            a0_jwk_set_free(ks[i]->state->set);
            ks[i]->state = NULL;
        }
    }
}


/* Every worker looks; the lease in the zone lets one of them fetch. */

static void
ngx_http_auth0_m2m_jwks_tick(ngx_event_t *ev)
{
    uint64_t                          delay;
    ngx_connection_t                 *c;
    a0_jwks_action_e                  action;
    ngx_http_auth0_m2m_keyset_t      *ks;
    ngx_http_auth0_m2m_keys_info_t    info;
    ngx_http_auth0_m2m_jwks_state_t  *st;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    c = ev->data;
    st = c->data;
    ks = st->keyset;

    action = ngx_http_auth0_m2m_shm_keys_decide(st->shared, ks->slot,
                                                ks->id, &ks->times,
                                                ngx_current_msec, -1);

    if (action == A0_JWKS_REFRESH) {
        ngx_http_auth0_m2m_jwks_fetch(st);
    }

    delay = NGX_HTTP_AUTH0_M2M_TICK_MAX;

    if (ngx_http_auth0_m2m_shm_keys_read(st->shared, ks->slot, ks->id, &info,
                                         NULL)
        == NGX_OK
        && info.meta.next < ngx_current_msec + delay)
    {
        delay = (info.meta.next > ngx_current_msec)
                ? info.meta.next - ngx_current_msec : 0;
        delay = ngx_max(delay, NGX_HTTP_AUTH0_M2M_TICK_MIN);
    }

    ngx_add_timer(ev, (ngx_msec_t) delay);
}


a0_err_t
ngx_http_auth0_m2m_jwks_key(ngx_http_auth0_m2m_keyset_t *ks, a0_str_t kid,
    const a0_jws_alg_t *alg, ngx_http_auth0_m2m_waiter_t *waiter,
    a0_jwk_t **key, uint64_t *generation, ngx_uint_t *wait)
{
    a0_err_t                          err;
    uint64_t                          current;
    a0_jwks_action_e                  action;
    ngx_http_auth0_m2m_jwks_state_t  *st;

    st = ks->state;

    current = ngx_http_auth0_m2m_jwks_generation(ks);
    err = A0_ERR_KEYS_UNAVAILABLE;

    if (current) {
        err = a0_jwk_set_find(st->set, kid, alg, key);

        if (err == A0_OK) {
            *generation = current;
            return A0_OK;
        }

        if (err != A0_ERR_UNKNOWN_KEY) {
            return err;
        }
    }

    if (waiter == NULL || !ks->fetch) {
        return err;
    }

    action = ngx_http_auth0_m2m_shm_keys_decide(st->shared, ks->slot, ks->id,
                                                &ks->times, ngx_current_msec,
                                                1);

    /* or keys came while we looked */

    if (action == A0_JWKS_REFRESH
        || ngx_http_auth0_m2m_jwks_pending(st)
        || (!current && ngx_http_auth0_m2m_jwks_generation(ks)))
    {
        ngx_http_auth0_m2m_jwks_join(st, waiter);
        *wait = 1;
    }

    if (action == A0_JWKS_REFRESH) {
        ngx_http_auth0_m2m_jwks_fetch(st);
    }

    return err;
}


uint64_t
ngx_http_auth0_m2m_jwks_generation(ngx_http_auth0_m2m_keyset_t *ks)
{
    uint64_t                          current;
    ngx_http_auth0_m2m_jwks_state_t  *st;

    st = ks->state;

    if (st == NULL) {
        return 0;
    }

    current = ngx_http_auth0_m2m_shm_keys_generation(st->shared, ks->slot,
                                                     ngx_current_msec);

    if (current && current != st->generation) {
        return ngx_http_auth0_m2m_jwks_sync(st);
    }

    return current;
}


ngx_uint_t
ngx_http_auth0_m2m_jwks_count(ngx_http_auth0_m2m_keyset_t *ks)
{
    return ngx_http_auth0_m2m_jwks_generation(ks)
           ? a0_jwk_set_size(ks->state->set) : 0;
}


/* The generation now parsed, which may be a newer one; 0: none. */

static uint64_t
ngx_http_auth0_m2m_jwks_sync(ngx_http_auth0_m2m_jwks_state_t *st)
{
    u_char                          *buf;
    a0_str_t                         text;
    a0_jwk_set_t                    *set;
    uint64_t                         generation;
    ngx_http_auth0_m2m_keyset_t     *ks;
    ngx_http_auth0_m2m_keys_info_t   info;

    ks = st->keyset;
    generation = 0;

    buf = ngx_alloc(NGX_HTTP_AUTH0_M2M_KEYS_MAX, ngx_cycle->log);
    if (buf == NULL) {
        return 0;
    }

    if (ngx_http_auth0_m2m_shm_keys_read(st->shared, ks->slot, ks->id, &info,
                                         buf)
        == NGX_OK)
    {
        text.len = info.len;
        text.data = buf;

        if (a0_jwk_set_parse(text, &set) == A0_OK) {
            a0_jwk_set_free(st->set);
            st->set = set;
            st->generation = info.generation;
            generation = info.generation;
        }
    }

    ngx_free(buf);

    return generation;
}


/* An attempt runs or, while there are no keys, is about to. */

static ngx_uint_t
ngx_http_auth0_m2m_jwks_pending(ngx_http_auth0_m2m_jwks_state_t *st)
{
    ngx_msec_t                       now;
    ngx_http_auth0_m2m_keyset_t     *ks;
    ngx_http_auth0_m2m_keys_info_t   info;

    ks = st->keyset;
    now = ngx_current_msec;

    if (ngx_http_auth0_m2m_shm_keys_read(st->shared, ks->slot, ks->id, &info,
                                         NULL)
        != NGX_OK)
    {
        return 0;
    }

    return info.meta.lease_end > now
           || (!a0_jwks_plan_usable(&info.meta, &ks->times, now)
               && info.meta.next <= now + NGX_HTTP_AUTH0_M2M_SOON);
}


static void
ngx_http_auth0_m2m_jwks_join(ngx_http_auth0_m2m_jwks_state_t *st,
    ngx_http_auth0_m2m_waiter_t *waiter)
{
    waiter->deadline = ngx_current_msec
                       + (ngx_msec_t) st->keyset->times.timeout;
    waiter->queued = 1;
    ngx_queue_insert_tail(&st->waiters, &waiter->queue);

    if (!st->poll.timer_set) {
        ngx_add_timer(&st->poll, NGX_HTTP_AUTH0_M2M_POLL);
    }
}


void
ngx_http_auth0_m2m_jwks_forget(ngx_http_auth0_m2m_waiter_t *waiter)
{
    if (waiter->queued) {
        ngx_queue_remove(&waiter->queue);
        waiter->queued = 0;
    }
}


/* The fetch may run in another worker: look whether it has ended. */

static void
ngx_http_auth0_m2m_jwks_poll(ngx_event_t *ev)
{
    ngx_connection_t                 *c;
    ngx_http_auth0_m2m_jwks_state_t  *st;

    c = ev->data;
    st = c->data;

    ngx_http_auth0_m2m_jwks_ended(st);

    if (!ngx_queue_empty(&st->waiters) && !st->poll.timer_set) {
        ngx_add_timer(&st->poll, NGX_HTTP_AUTH0_M2M_POLL);
    }
}


void
ngx_http_auth0_m2m_jwks_ended(ngx_http_auth0_m2m_jwks_state_t *st)
{
    ngx_http_auth0_m2m_jwks_wake(st, !ngx_http_auth0_m2m_jwks_pending(st));
}


/* All that wait now, or those that have waited long enough.  A request that
 * is woken may join again: it goes to the new queue. */

static void
ngx_http_auth0_m2m_jwks_wake(ngx_http_auth0_m2m_jwks_state_t *st,
    ngx_uint_t all)
{
    ngx_queue_t                  *q, woken;
    ngx_http_auth0_m2m_waiter_t  *waiter;

    ngx_queue_init(&woken);

    for (q = ngx_queue_head(&st->waiters);
         q != ngx_queue_sentinel(&st->waiters);
         /* void */ )
    {
        waiter = ngx_queue_data(q, ngx_http_auth0_m2m_waiter_t, queue);
        q = ngx_queue_next(q);

        if (all || (ngx_msec_int_t) (waiter->deadline - ngx_current_msec) <= 0)
        {
            ngx_queue_remove(&waiter->queue);
            ngx_queue_insert_tail(&woken, &waiter->queue);
        }
    }

    while (!ngx_queue_empty(&woken)) {
        q = ngx_queue_head(&woken);
        waiter = ngx_queue_data(q, ngx_http_auth0_m2m_waiter_t, queue);

        ngx_http_auth0_m2m_jwks_forget(waiter);
        waiter->wake(waiter->request);
    }
}
