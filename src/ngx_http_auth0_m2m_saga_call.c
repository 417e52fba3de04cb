
#include "ngx_http_auth0_m2m_saga_int.h"

#include <openssl/crypto.h>


#define NGX_HTTP_AUTH0_M2M_TOKEN_POLL     20    /* ms */
#define NGX_HTTP_AUTH0_M2M_REQ_DUE        20    /* seconds: what a worker
                                                   that died has sent is done
                                                   by then, or never */


static ngx_uint_t ngx_http_auth0_m2m_saga_held(ngx_http_auth0_m2m_saga_t *s);
static ngx_str_t ngx_http_auth0_m2m_saga_str(a0_str_t s);
static void ngx_http_auth0_m2m_saga_mark(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_sent(void *data,
    const ngx_http_auth0_m2m_reply_t *reply);
static void ngx_http_auth0_m2m_saga_failed(ngx_http_auth0_m2m_saga_t *s,
    a0_reply_e result);
static void ngx_http_auth0_m2m_saga_token_done(void *data,
    const a0_reply_t *reply);
static void ngx_http_auth0_m2m_saga_feed(ngx_http_auth0_m2m_saga_t *s,
    const a0_reply_t *reply);


/* When the tenant throttles, the engine is told how long. */

static ngx_uint_t
ngx_http_auth0_m2m_saga_held(ngx_http_auth0_m2m_saga_t *s)
{
    a0_provision_now_t  now;

    ngx_http_auth0_m2m_manager_now(&now);

    now.hold = ngx_http_auth0_m2m_mgmt_pace_take(s->manager->tables,
                                                 s->manager->slot,
                                                 s->manager->id,
                                                 ngx_current_msec,
                                                 &s->paced);
    if (now.hold == 0) {
        return 0;
    }

    a0_provision_next(s->engine, &now, &s->todo);

    return 1;
}


ngx_uint_t
ngx_http_auth0_m2m_saga_send(ngx_http_auth0_m2m_saga_t *s)
{
    u_char                      authorization[A0_MGMT_TOKEN_MAX + 8];
    ngx_int_t                   rc;
    ngx_http_auth0_m2m_call_t   call;

    /* by a0_method_e */

    static const ngx_uint_t  methods[] = {
        NGX_HTTP_GET, NGX_HTTP_POST, NGX_HTTP_PATCH, NGX_HTTP_DELETE
    };

    if (ngx_http_auth0_m2m_saga_held(s)) {
        return ngx_http_auth0_m2m_saga_step(s);
    }

    if (s->todo.send.creates) {
        ngx_http_auth0_m2m_saga_mark(s);
    }

    ngx_memzero(&call, sizeof(ngx_http_auth0_m2m_call_t));

    call.method = methods[s->todo.send.method];
    call.uri = ngx_http_auth0_m2m_saga_str(s->todo.send.uri);
    call.content_type = ngx_http_auth0_m2m_saga_str(s->todo.send.content_type);
    call.body = ngx_http_auth0_m2m_saga_str(s->todo.send.body);
    call.timeout = s->todo.send.timeout;
    call.what = "provisioning";
    call.secret = 1;

    if (s->todo.send.token) {
        call.authorization.data = authorization;
        call.authorization.len = ngx_sprintf(authorization, "Bearer %*s",
                                             s->token.len, s->token.data)
                                 - authorization;
    }

    rc = ngx_http_auth0_m2m_client_send(s->manager->tenant, &call,
                                        ngx_http_auth0_m2m_saga_sent, s);

    OPENSSL_cleanse(authorization, sizeof(authorization));

    if (rc == NGX_OK) {
        return 0;
    }

    ngx_http_auth0_m2m_saga_failed(s, A0_REPLY_INTERNAL);

    return 1;
}


static ngx_str_t
ngx_http_auth0_m2m_saga_str(a0_str_t s)
{
    ngx_str_t  str;

    str.len = s.len;
    str.data = (u_char *) s.data;

    return str;
}


/* A call that was not made. */

static void
ngx_http_auth0_m2m_saga_failed(ngx_http_auth0_m2m_saga_t *s,
    a0_reply_e result)
{
    a0_reply_t  reply;

    ngx_memzero(&reply, sizeof(a0_reply_t));

    reply.result = result;
    reply.ratelimit_limit = -1;
    reply.ratelimit_remaining = -1;
    reply.ratelimit_reset = -1;
    reply.retry_after = -1;

    ngx_http_auth0_m2m_saga_feed(s, &reply);
}


/* Should this worker die now, the janitor will look for what was made. */

static void
ngx_http_auth0_m2m_saga_mark(ngx_http_auth0_m2m_saga_t *s)
{
    a0_str_t         req;
    a0_ring_entry_t  entry;

    req = a0_provision_req(s->engine);

    if (req.len == 0 || req.len > sizeof(s->req)) {
        return;
    }

    ngx_memcpy(s->req, req.data, req.len);
    s->req_len = req.len;

    ngx_memzero(&entry, sizeof(a0_ring_entry_t));
    entry.kind = A0_RING_REQ;
    entry.id = req;
    entry.due = ngx_time() + NGX_HTTP_AUTH0_M2M_REQ_DUE;

    (void) ngx_http_auth0_m2m_orphan_put(s->manager->tables,
                                         s->manager->domain, &entry,
                                         ngx_time(), 1);
}


static void
ngx_http_auth0_m2m_saga_sent(void *data,
    const ngx_http_auth0_m2m_reply_t *reply)
{
    ngx_http_auth0_m2m_saga_t *s = data;

    a0_reply_t  r;

    ngx_http_auth0_m2m_manager_reply(reply, &r);
    ngx_http_auth0_m2m_saga_feed(s, &r);
    ngx_http_auth0_m2m_saga_run(s);
}


static void
ngx_http_auth0_m2m_saga_feed(ngx_http_auth0_m2m_saga_t *s,
    const a0_reply_t *reply)
{
    ngx_uint_t          level;
    a0_provision_now_t  now;
    a0_provision_log_t  log;

    ngx_http_auth0_m2m_manager_now(&now);

    if (s->todo.act == A0_ACT_SEND) {
        ngx_http_auth0_m2m_mgmt_pace_feed(s->manager->tables,
                                          s->manager->slot, s->manager->id,
                                          s->paced, &now, reply);
    }

    ngx_memzero(&log, sizeof(a0_provision_log_t));
    a0_provision_feed(s->engine, &now, reply, &log);

    if (log.step == NULL) {
        return;
    }

    if (log.narrow) {
        ngx_http_auth0_m2m_manager_refused(s->manager, s->token.generation,
                                           NGX_HTTP_AUTH0_M2M_DROP_NARROW);
    }

    ngx_http_auth0_m2m_shm_count(s->manager->shared,
                                 a0_metric_step(log.step, log.outcome));

    level = (log.outcome == A0_OUTCOME_DONE) ? NGX_LOG_INFO : NGX_LOG_WARN;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "auth0_m2m: provisioning step %s: %s, status %ui, "
                  "attempt %ui \"%*s\"",
                  log.step, a0_outcome_text(log.outcome),
                  (ngx_uint_t) log.status, (ngx_uint_t) log.attempt,
                  log.message.len, log.message.data);
}


ngx_uint_t
ngx_http_auth0_m2m_saga_token(ngx_http_auth0_m2m_saga_t *s)
{
    /* also when each token has ended by the time it comes */

    if ((ngx_msec_int_t) (s->token_end - ngx_current_msec) < 0) {
        ngx_http_auth0_m2m_saga_failed(s, A0_REPLY_TIMEOUT);
        return 1;
    }

    switch (ngx_http_auth0_m2m_manager_token(s->manager, &s->token,
                                       ngx_http_auth0_m2m_saga_token_done, s))
    {
    case NGX_OK:
        ngx_http_auth0_m2m_saga_feed(s, NULL);
        return 1;

    case NGX_DECLINED:
        return 0;

    default: /* NGX_AGAIN */
        ngx_add_timer(&s->timer, NGX_HTTP_AUTH0_M2M_TOKEN_POLL);
        return 0;
    }
}


static void
ngx_http_auth0_m2m_saga_token_done(void *data, const a0_reply_t *reply)
{
    ngx_http_auth0_m2m_saga_t *s = data;

    if (reply) {
        ngx_http_auth0_m2m_saga_feed(s, reply);

    } else if (!ngx_http_auth0_m2m_saga_token(s)) {
        return;
    }

    ngx_http_auth0_m2m_saga_run(s);
}
