
#include "ngx_http_auth0_m2m_saga_int.h"


static void ngx_http_auth0_m2m_saga_record(ngx_http_auth0_m2m_saga_t *s,
    a0_str_t client_id);
static void ngx_http_auth0_m2m_saga_forget(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_release(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_orphan(ngx_http_auth0_m2m_saga_t *s,
    const a0_ring_entry_t *e);


ngx_uint_t
ngx_http_auth0_m2m_saga_answer(ngx_http_auth0_m2m_saga_t *s)
{
    ngx_uint_t                    confirm;
    ngx_http_auth0_m2m_answer_pt  answer;

    ngx_http_auth0_m2m_saga_deny(s, s->todo.answer.deny);
    ngx_http_auth0_m2m_saga_record(s, s->todo.answer.client_id);

    answer = s->answer;
    s->answer = NULL;

    confirm = s->todo.answer.confirm;
    s->confirm = confirm;

    if (!confirm) {
        ngx_http_auth0_m2m_saga_release(s);
    }

    if (answer) {
        answer(s->data, &s->todo);
    }

    /* delivered() goes on by a timer, also when it was called just now */

    return !confirm;
}


void
ngx_http_auth0_m2m_saga_deny(ngx_http_auth0_m2m_saga_t *s, a0_str_t client_id)
{
    if (client_id.len
        && ngx_http_auth0_m2m_revoke(s->manager->tables, client_id, ngx_time(),
                                     ngx_time()
                                     + NGX_HTTP_AUTH0_M2M_REVOKED_FOR)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "auth0_m2m: the list of revoked clients is full, the "
                      "oldest entry made room: enlarge the zone");
    }
}


/* A recorded key outlives this worker: the next replay hands it out. */

static void
ngx_http_auth0_m2m_saga_record(ngx_http_auth0_m2m_saga_t *s,
    a0_str_t client_id)
{
    if (!s->has_record) {
        return;
    }

    s->has_record = 0;
    ngx_http_auth0_m2m_idempotent_end(s->manager->tables, s->record,
                                      ngx_time(), s->ttl, client_id.data,
                                      client_id.len);

    if (client_id.len) {
        ngx_http_auth0_m2m_saga_forget(s);
    }
}


/* The mark of this saga's creation. */

static void
ngx_http_auth0_m2m_saga_forget(ngx_http_auth0_m2m_saga_t *s)
{
    a0_str_t  req;

    if (s->req_len) {
        req.len = s->req_len;
        req.data = s->req;
        s->req_len = 0;

        ngx_http_auth0_m2m_orphan_forget(s->manager->tables, A0_RING_REQ, req);
    }
}


static void
ngx_http_auth0_m2m_saga_release(ngx_http_auth0_m2m_saga_t *s)
{
    if (s->has_lease) {
        s->has_lease = 0;
        ngx_http_auth0_m2m_lease_release(s->manager->tables, s->lease,
                                         s->serial);
    }
}


void
ngx_http_auth0_m2m_saga_done(ngx_http_auth0_m2m_saga_t *s)
{
    size_t            i;
    a0_ring_entry_t  *e;

    for (i = 0; i < s->todo.done.nring; i++) {
        e = &s->todo.done.ring[i];
        ngx_http_auth0_m2m_saga_orphan(s, e);

        /* this may renew the mark, which is to stay then */

        if (e->kind == A0_RING_REQ && e->id.len == s->req_len
            && ngx_memcmp(e->id.data, s->req, s->req_len) == 0)
        {
            s->req_len = 0;
        }
    }

    ngx_http_auth0_m2m_saga_forget(s);
    ngx_http_auth0_m2m_saga_deny(s, s->todo.done.deny);

    /* a key that was revoked needs no end */

    if (s->todo.done.problem == A0_PROBLEM_NONE && s->todo.done.deny.len) {
        ngx_http_auth0_m2m_orphan_forget(s->manager->tables, A0_RING_CLIENT,
                                         s->todo.done.deny);
    }

    ngx_http_auth0_m2m_saga_record(s, s->todo.done.client_id);
    ngx_http_auth0_m2m_saga_release(s);

    if (s->clean) {
        ngx_http_auth0_m2m_orphan_done(s->manager->tables, s->slot, s->put,
                                       s->todo.done.clean, ngx_time(),
                                       NGX_HTTP_AUTH0_M2M_CLEAN_RETRY);
    }

    if (s->counts) {
        (*s->counts)--;
    }
}


static void
ngx_http_auth0_m2m_saga_orphan(ngx_http_auth0_m2m_saga_t *s,
    const a0_ring_entry_t *e)
{
    ngx_uint_t  level;

    level = (ngx_strcmp(e->why, "orphan") == 0) ? NGX_LOG_ERR
                                                : NGX_LOG_NOTICE;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "auth0_m2m: %s %s=%*s, the janitor takes it", e->why,
                  e->kind == A0_RING_CLIENT ? "client_id" : "req",
                  e->id.len, e->id.data);

    if (ngx_http_auth0_m2m_orphan_put(s->manager->tables,
                                      s->manager->domain, e, ngx_time(), 0)
        == NGX_OK)
    {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "auth0_m2m: the ring of orphans is full: delete %*s "
                  "at the tenant by hand", e->id.len, e->id.data);
    ngx_http_auth0_m2m_shm_count(s->manager->shared,
                                 A0_METRIC_ORPHANS_GIVEN_UP);
}
