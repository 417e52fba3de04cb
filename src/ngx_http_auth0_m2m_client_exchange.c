
/*
 * What an exchange is made of: a connection and a request without a client,
 * which is all that nginx's upstream machinery asks for, and a subrequest to
 * carry the upstream, whose end is reported to a handler and sent to no one.
 */

#include "ngx_http_auth0_m2m_client_exchange.h"

#include <openssl/crypto.h>


#define NGX_HTTP_AUTH0_M2M_POOL  4096


static void ngx_http_auth0_m2m_exchange_connection(
    ngx_http_auth0_m2m_exchange_t *x, ngx_pool_t *pool);
static ngx_int_t ngx_http_auth0_m2m_exchange_request(
    ngx_http_auth0_m2m_exchange_t *x, ngx_uint_t method);
static u_char *ngx_http_auth0_m2m_exchange_log(ngx_log_t *log, u_char *buf,
    size_t len);
static void ngx_http_auth0_m2m_exchange_wipe(ngx_http_auth0_m2m_exchange_t *x);


ngx_http_auth0_m2m_exchange_t *
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
    x->reader.quiet = call->quiet;

    ngx_http_auth0_m2m_exchange_connection(x, pool);

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

    /* for balancers that look at the client's address */

    c->sockaddr = &x->address.sockaddr;
    c->sockaddr->sa_family = AF_UNIX;
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


void
ngx_http_auth0_m2m_exchange_event(ngx_http_auth0_m2m_exchange_t *x,
    ngx_event_t *ev, ngx_event_handler_pt handler)
{
    ev->data = &x->connection;
    ev->log = &x->log;
    ev->handler = handler;
}


void
ngx_http_auth0_m2m_exchange_hush(ngx_http_auth0_m2m_exchange_t *x,
    ngx_uint_t hush)
{
    ngx_uint_t  level;

    level = ngx_cycle->log->log_level;

    if (hush && level < NGX_LOG_DEBUG) {
        level = ngx_min(level, NGX_LOG_CRIT);
    }

    x->log.log_level = level;
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
    u_char                         *p, *last;
    ngx_http_upstream_t            *u;
    ngx_http_auth0_m2m_exchange_t  *x;

    x = log->data;
    p = buf;
    last = buf + len;

    if (log->action) {
        p = ngx_slprintf(p, last, " while %s", log->action);
    }

    p = ngx_slprintf(p, last, ", auth0_m2m: %s of \"%V\"", x->what,
                     &x->tenant->domain);

    u = (x->log_ctx.request && x->request) ? x->request->upstream : NULL;

    if (u && u->peer.name) {
        p = ngx_slprintf(p, last, ", upstream: \"%V\"", u->peer.name);
    }

    return p;
}


void
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
