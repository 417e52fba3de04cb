
/*
 * The life of a call, here named an exchange.
 *
 * A connection and a request without a client are made up, which is all that
 * nginx's upstream machinery asks for.  A subrequest of that request carries
 * the upstream: its end is reported to a handler, and never sent to anyone.
 *
 *     send:      connection, request, subrequest; deadline set, start posted
 *     begin:     the subrequest becomes an upstream
 *     ...        nginx resolves, connects, checks the certificate, sends, reads
 *     finished:  nginx reports the end; posts the last step
 *     end:       the caller is told, everything is freed
 *
 * Only end() frees, and it runs from the event loop alone, when nothing of
 * nginx on the stack knows the request.  The deadline calls it directly; the
 * clean-up of the upstream then closes whatever is under way.
 */

#include "ngx_http_auth0_m2m_client_exchange.h"

#include <openssl/crypto.h>


#define NGX_HTTP_AUTH0_M2M_POOL  4096


static ngx_http_auth0_m2m_exchange_t *ngx_http_auth0_m2m_exchange_create(
    ngx_http_auth0_m2m_tenant_t *tenant, const ngx_http_auth0_m2m_call_t *call);
static void ngx_http_auth0_m2m_exchange_connection(
    ngx_http_auth0_m2m_exchange_t *x, ngx_pool_t *pool);
static void ngx_http_auth0_m2m_exchange_event(ngx_http_auth0_m2m_exchange_t *x,
    ngx_event_t *ev, ngx_event_handler_pt handler);
static ngx_int_t ngx_http_auth0_m2m_exchange_request(
    ngx_http_auth0_m2m_exchange_t *x, ngx_uint_t method);
static u_char *ngx_http_auth0_m2m_exchange_log(ngx_log_t *log, u_char *buf,
    size_t len);
static void ngx_http_auth0_m2m_exchange_start(ngx_event_t *ev);
static ngx_int_t ngx_http_auth0_m2m_exchange_finished(ngx_http_request_t *r,
    void *data, ngx_int_t rc);
static void ngx_http_auth0_m2m_exchange_deadline(ngx_event_t *ev);
static void ngx_http_auth0_m2m_exchange_end(ngx_event_t *ev);
static void ngx_http_auth0_m2m_exchange_close(
    ngx_http_auth0_m2m_exchange_t *x);
static ngx_uint_t ngx_http_auth0_m2m_exchange_sent(
    ngx_http_auth0_m2m_exchange_t *x);
static ngx_http_auth0_m2m_result_e ngx_http_auth0_m2m_exchange_result(
    ngx_http_auth0_m2m_exchange_t *x);
static void ngx_http_auth0_m2m_exchange_free(ngx_http_auth0_m2m_exchange_t *x);
static void ngx_http_auth0_m2m_exchange_wipe(ngx_http_auth0_m2m_exchange_t *x);


static const char *const  ngx_http_auth0_m2m_results[] = {
    "ok",
    "unreached",
    "timeout",
    "reset",
    "too large",
    "invalid",
    "internal error"
};


const char *
ngx_http_auth0_m2m_result_text(ngx_http_auth0_m2m_result_e result)
{
    return ngx_http_auth0_m2m_results[result];
}


ngx_int_t
ngx_http_auth0_m2m_client_send(ngx_http_auth0_m2m_tenant_t *tenant,
    const ngx_http_auth0_m2m_call_t *call, ngx_http_auth0_m2m_done_pt done,
    void *data)
{
    ngx_http_auth0_m2m_exchange_t  *x;

    x = ngx_http_auth0_m2m_exchange_create(tenant, call);
    if (x == NULL) {
        return NGX_ERROR;
    }

    x->done = done;
    x->data = data;

    /* keeps an exiting worker until the call has ended */
    ngx_add_timer(&x->deadline, call->timeout);

    /* the next queue runs at once even when posted before the event loop */
    ngx_post_event(&x->step, &ngx_posted_next_events);

    return NGX_OK;
}


static ngx_http_auth0_m2m_exchange_t *
ngx_http_auth0_m2m_exchange_create(ngx_http_auth0_m2m_tenant_t *tenant,
    const ngx_http_auth0_m2m_call_t *call)
{
    ngx_pool_t                     *pool;
    ngx_http_auth0_m2m_exchange_t  *x;

    pool = ngx_create_pool(NGX_HTTP_AUTH0_M2M_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    x = ngx_pcalloc(pool, sizeof(ngx_http_auth0_m2m_exchange_t));
    if (x == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    x->tenant = tenant;
    x->what = call->what;
    x->timeout = call->timeout;
    x->secret = call->secret;

    x->reader.pool = pool;
    x->reader.secret = call->secret;

    ngx_http_auth0_m2m_exchange_connection(x, pool);
    ngx_http_auth0_m2m_exchange_event(x, &x->step,
                                      ngx_http_auth0_m2m_exchange_start);
    ngx_http_auth0_m2m_exchange_event(x, &x->deadline,
                                      ngx_http_auth0_m2m_exchange_deadline);

    x->out = ngx_http_auth0_m2m_request_create(pool, &tenant->domain, call,
                                               &x->path);

    if (x->out == NULL
        || ngx_http_auth0_m2m_exchange_request(x, call->method) != NGX_OK)
    {
        ngx_http_auth0_m2m_exchange_free(x);
        return NULL;
    }

    return x;
}


/*
 * Never in the table of connections: nothing is read, written or counted.
 * The events look as if they were registered already and writing possible.
 */

static void
ngx_http_auth0_m2m_exchange_connection(ngx_http_auth0_m2m_exchange_t *x,
    ngx_pool_t *pool)
{
    ngx_log_t         *log;
    ngx_connection_t  *c;

    c = &x->connection;
    log = &x->log;

    *log = *ngx_cycle->log;
    log->connection = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    log->handler = ngx_http_auth0_m2m_exchange_log;
    log->data = &x->log_ctx;
    log->action = NULL;

    x->log_ctx.connection = c;
    x->http.conf_ctx = &x->tenant->ctx;

    c->number = log->connection;
    c->fd = (ngx_socket_t) -1;
    c->data = &x->http;
    c->log = log;
    c->pool = pool;
    pool->log = log;

    /* some balancers look at the client's address */

    c->sockaddr = &x->address.sockaddr;
    c->socklen = sizeof(ngx_sockaddr_t);
    c->local_sockaddr = c->sockaddr;
    c->local_socklen = c->socklen;

    c->read = &x->read;
    c->write = &x->write;
    ngx_http_auth0_m2m_exchange_event(x, c->read, ngx_http_empty_handler);
    ngx_http_auth0_m2m_exchange_event(x, c->write, ngx_http_empty_handler);

    c->write->write = 1;
    c->write->ready = 1;
    c->write->active = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? 1 : 0;
}


static void
ngx_http_auth0_m2m_exchange_event(ngx_http_auth0_m2m_exchange_t *x,
    ngx_event_t *ev, ngx_event_handler_pt handler)
{
    ev->data = &x->connection;
    ev->log = &x->log;
    ev->handler = handler;
}


static ngx_int_t
ngx_http_auth0_m2m_exchange_request(ngx_http_auth0_m2m_exchange_t *x,
    ngx_uint_t method)
{
    ngx_http_request_t  *r, *sr;

    r = ngx_http_create_request(&x->connection);
    if (r == NULL) {
        return NGX_ERROR;
    }

#if (NGX_STAT_STUB)
    /* stub_status counts clients */
    (void) ngx_atomic_fetch_add(ngx_stat_reading, -1);
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
    r->stat_reading = 0;
#endif

    x->main = r;
    x->connection.data = r;

    r->logged = 1;
    r->blocked = 1;        /* freed by nobody but us, errors included */
    r->write_event_handler = ngx_http_request_empty_handler;

    x->post.handler = ngx_http_auth0_m2m_exchange_finished;
    x->post.data = x;

    if (ngx_http_subrequest(r, &x->path, NULL, &sr, &x->post,
                            NGX_HTTP_SUBREQUEST_IN_MEMORY
                            |NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* not the active request: its end leads to no output and no access log */
    x->connection.data = r;

    r->count++;

    sr->loc_conf = x->tenant->ctx.loc_conf;
    sr->method = method;    /* decides whether it may be sent again */
    sr->write_event_handler = ngx_http_auth0_m2m_exchange_begin;

    x->request = sr;

    return NGX_OK;
}


static u_char *
ngx_http_auth0_m2m_exchange_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                         *p;
    ngx_http_upstream_t            *u;
    ngx_http_auth0_m2m_exchange_t  *x;

    x = log->data;
    p = buf;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    p = ngx_snprintf(buf, len, ", auth0_m2m: %s of \"%V\"", x->what,
                     &x->tenant->domain);
    len -= p - buf;
    buf = p;

    u = (x->log_ctx.request && x->request) ? x->request->upstream : NULL;

    if (u && u->peer.name) {
        p = ngx_snprintf(buf, len, ", upstream: \"%V\"", u->peer.name);
    }

    return p;
}


static void
ngx_http_auth0_m2m_exchange_start(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_auth0_m2m_exchange_t  *x;

    c = ev->data;
    x = ngx_http_auth0_m2m_exchange(c);

    x->step.handler = ngx_http_auth0_m2m_exchange_end;

    ngx_http_run_posted_requests(c);
}


/* nginx is told that all is well, lest it looks for an error page. */

static ngx_int_t
ngx_http_auth0_m2m_exchange_finished(ngx_http_request_t *r, void *data,
    ngx_int_t rc)
{
    ngx_http_auth0_m2m_exchange_t  *x = data;

    if (!x->finished) {
        x->finished = 1;
        x->rc = rc;
        ngx_post_event(&x->step, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
ngx_http_auth0_m2m_exchange_deadline(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_auth0_m2m_exchange_t  *x;

    c = ev->data;
    x = ngx_http_auth0_m2m_exchange(c);

    if (!x->finished) {
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "tenant did not answer within %M ms", x->timeout);

        x->finished = 1;
        x->rc = NGX_HTTP_GATEWAY_TIME_OUT;
    }

    ngx_http_auth0_m2m_exchange_end(ev);
}


static void
ngx_http_auth0_m2m_exchange_end(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_auth0_m2m_reply_t     *reply;
    ngx_http_auth0_m2m_exchange_t  *x;

    c = ev->data;
    x = ngx_http_auth0_m2m_exchange(c);

    if (x->deadline.timer_set) {
        ngx_del_timer(&x->deadline);
    }

    if (x->step.posted) {
        ngx_delete_posted_event(&x->step);
    }

    ngx_http_auth0_m2m_exchange_close(x);

    reply = &x->reader.reply;
    reply->sent = ngx_http_auth0_m2m_exchange_sent(x);
    reply->result = ngx_http_auth0_m2m_exchange_result(x);

    if (reply->result != NGX_HTTP_AUTH0_M2M_REPLY_OK) {
        ngx_http_auth0_m2m_reader_clear(&x->reader);
    }

    x->done(x->data, reply);

    ngx_http_auth0_m2m_exchange_free(x);
}


/* As nginx terminates a request: the upstream's clean-up closes it. */

static void
ngx_http_auth0_m2m_exchange_close(ngx_http_auth0_m2m_exchange_t *x)
{
    ngx_http_cleanup_t  *cln;

    cln = x->main->cleanup;
    x->main->cleanup = NULL;

    for ( /* void */ ; cln; cln = cln->next) {
        if (cln->handler) {
            cln->handler(cln->data);
        }
    }
}


/* Bytes of an unfinished handshake do not count, nor those not accepted. */

static ngx_uint_t
ngx_http_auth0_m2m_exchange_sent(ngx_http_auth0_m2m_exchange_t *x)
{
    ngx_uint_t                  i;
    ngx_array_t                *states;
    ngx_http_upstream_state_t  *state;

    states = x->request->upstream_states;

    if (states == NULL) {
        return 0;
    }

    state = states->elts;

    for (i = 0; i < states->nelts; i++) {
        if (state[i].bytes_sent) {
            return 1;
        }
    }

    return 0;
}


static ngx_http_auth0_m2m_result_e
ngx_http_auth0_m2m_exchange_result(ngx_http_auth0_m2m_exchange_t *x)
{
    if (x->reader.ended) {
        return x->reader.reply.result;
    }

    switch (x->rc) {

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return NGX_HTTP_AUTH0_M2M_REPLY_TIMEOUT;

    case NGX_HTTP_BAD_GATEWAY:
        return x->reader.reply.sent ? NGX_HTTP_AUTH0_M2M_REPLY_RESET
                                    : NGX_HTTP_AUTH0_M2M_REPLY_UNREACHED;

    default:
        return NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL;
    }
}


static void
ngx_http_auth0_m2m_exchange_free(ngx_http_auth0_m2m_exchange_t *x)
{
    ngx_pool_t  *pool;

    pool = x->connection.pool;

    if (x->secret) {
        ngx_http_auth0_m2m_exchange_wipe(x);
    }

    if (x->main) {
        ngx_http_free_request(x->main, 0);
    }

    ngx_destroy_pool(pool);
}


static void
ngx_http_auth0_m2m_exchange_wipe(ngx_http_auth0_m2m_exchange_t *x)
{
    ngx_buf_t  *in;

    if (x->out) {
        OPENSSL_cleanse(x->out->start, x->out->end - x->out->start);
    }

    if (x->request && x->request->upstream) {
        in = &x->request->upstream->buffer;

        if (in->start) {
            OPENSSL_cleanse(in->start, in->end - in->start);
        }
    }

    ngx_http_auth0_m2m_reader_drop(&x->reader);
}
