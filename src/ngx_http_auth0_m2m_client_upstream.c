
/*
 * The upstream of an exchange: where it goes, and what nginx's machinery asks
 * for on the way.
 *
 * The reply is complete in process_header(), which then returns an error on
 * purpose: nginx closes the connection and finishes the subrequest without
 * passing the reply through header and body filters.
 */

#include "ngx_http_auth0_m2m_client_exchange.h"


static void ngx_http_auth0_m2m_exchange_upstream(
    ngx_http_auth0_m2m_exchange_t *x, ngx_http_upstream_t *u);
static ngx_int_t ngx_http_auth0_m2m_exchange_address(
    ngx_http_auth0_m2m_exchange_t *x, ngx_http_upstream_t *u);

static ngx_int_t ngx_http_auth0_m2m_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_auth0_m2m_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_auth0_m2m_free_peer(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
static ngx_int_t ngx_http_auth0_m2m_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_auth0_m2m_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_auth0_m2m_output(void *data, ngx_chain_t *in);
static ngx_int_t ngx_http_auth0_m2m_process_header(ngx_http_request_t *r);
static void ngx_http_auth0_m2m_exchange_to_close(
    ngx_http_auth0_m2m_exchange_t *x);
static void ngx_http_auth0_m2m_abort_request(ngx_http_request_t *r);
static void ngx_http_auth0_m2m_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


void
ngx_http_auth0_m2m_client_conf(ngx_http_upstream_conf_t *conf)
{
    conf->connect_timeout = NGX_HTTP_AUTH0_M2M_CONNECT_TIMEOUT;
    conf->send_timeout = NGX_HTTP_AUTH0_M2M_READ_TIMEOUT;
    conf->read_timeout = NGX_HTTP_AUTH0_M2M_READ_TIMEOUT;
    conf->buffer_size = NGX_HTTP_AUTH0_M2M_HEAD_MAX;

    /* on to the next address, but never twice with a POST */

    conf->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                          |NGX_HTTP_UPSTREAM_FT_TIMEOUT;

    conf->ignore_client_abort = 1;
    conf->ssl_verify = 1;
    conf->ssl_server_name = 1;
    conf->ssl_session_reuse = 0;

    ngx_str_set(&conf->module, "auth0_m2m");
}


void
ngx_http_auth0_m2m_exchange_begin(ngx_http_request_t *r)
{
    ngx_http_auth0_m2m_exchange_t  *x;

    x = ngx_http_auth0_m2m_exchange(r->connection);

    r->write_event_handler = ngx_http_request_empty_handler;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_auth0_m2m_exchange_upstream(x, r->upstream);

    if (ngx_http_auth0_m2m_exchange_address(x, r->upstream) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_auth0_m2m_reader_reset(&x->reader, r);

    ngx_http_upstream_init(r);
}


static void
ngx_http_auth0_m2m_exchange_upstream(ngx_http_auth0_m2m_exchange_t *x,
    ngx_http_upstream_t *u)
{
    x->conf = x->tenant->upstream;
    u->conf = &x->conf;

    /* a deadline longer than usual is for a tenant that is slow to answer */

    if (x->timeout > NGX_HTTP_AUTH0_M2M_READ_TIMEOUT + 1000) {
        x->conf.send_timeout = x->timeout - 1000;
        x->conf.read_timeout = x->timeout - 1000;
    }

#if (NGX_HTTP_SSL)
    u->ssl = x->tenant->ssl;
#endif

    u->create_request = ngx_http_auth0_m2m_create_request;
    u->reinit_request = ngx_http_auth0_m2m_reinit_request;
    u->process_header = ngx_http_auth0_m2m_process_header;
    u->abort_request = ngx_http_auth0_m2m_abort_request;
    u->finalize_request = ngx_http_auth0_m2m_finalize_request;

    u->output.output_filter = ngx_http_auth0_m2m_output;
    u->output.filter_ctx = u;
}


/*
 * A name is given to the resolver with its final dot: without it nginx would
 * take what some proxy_pass to the same host has looked up once, at start.
 */

static ngx_int_t
ngx_http_auth0_m2m_exchange_address(ngx_http_auth0_m2m_exchange_t *x,
    ngx_http_upstream_t *u)
{
    ngx_str_t                     *host;
    ngx_pool_t                    *pool;
    ngx_http_upstream_resolved_t  *resolved;

    if (x->conf.upstream) {
        x->upstream = *x->conf.upstream;
        x->upstream.peer.init = ngx_http_auth0_m2m_init_peer;
        x->conf.upstream = &x->upstream;
        return NGX_OK;
    }

    pool = x->connection.pool;
    host = &x->tenant->host;

    resolved = ngx_pcalloc(pool, sizeof(ngx_http_upstream_resolved_t));
    if (resolved == NULL) {
        return NGX_ERROR;
    }

    resolved->host.data = ngx_pnalloc(pool, host->len + 1);
    if (resolved->host.data == NULL) {
        return NGX_ERROR;
    }

    resolved->host.len = ngx_sprintf(resolved->host.data, "%V.", host)
                         - resolved->host.data;
    resolved->port = x->tenant->port;

    u->resolved = resolved;

    return NGX_OK;
}


/*
 * An upstream block with keepalive may hold connections that another location
 * opened without verifying the peer, or that the peer just closed: ours are
 * always new.
 */

static ngx_int_t
ngx_http_auth0_m2m_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t            *u;
    ngx_http_auth0_m2m_exchange_t  *x;

    x = ngx_http_auth0_m2m_exchange(r->connection);
    us = x->tenant->upstream.upstream;
    u = r->upstream;

    if (us->peer.init(r, us) != NGX_OK) {
        return NGX_ERROR;
    }

    x->get_peer = u->peer.get;
    u->peer.get = ngx_http_auth0_m2m_get_peer;

    if (!(us->flags & NGX_HTTP_UPSTREAM_CREATE)) {
        x->free_peer = u->peer.free;
        u->peer.free = ngx_http_auth0_m2m_free_peer;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_int_t                       rc;
    ngx_connection_t               *c;
    ngx_http_auth0_m2m_exchange_t  *x;

    x = pc->log->data;

    rc = x->get_peer(pc, data);

    if (rc != NGX_DONE) {
        return rc;
    }

    c = pc->connection;
    pc->connection = NULL;
    pc->cached = 0;

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }
#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);

    return NGX_OK;
}


/*
 * Only who writes an upstream block asks for max_fails.  Without one, nothing
 * is held against an address: a tenant that is back is reached at once.
 */

static void
ngx_http_auth0_m2m_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_auth0_m2m_exchange_t  *x;

    x = pc->log->data;

    x->free_peer(pc, data, 0);
}


static ngx_int_t
ngx_http_auth0_m2m_create_request(ngx_http_request_t *r)
{
    ngx_http_auth0_m2m_exchange_t  *x;

    x = ngx_http_auth0_m2m_exchange(r->connection);

    x->chain.buf = x->out;
    x->chain.next = NULL;

    r->upstream->request_bufs = &x->chain;

    return NGX_OK;
}


/* Before the next address, when something had been sent to the last one. */

static ngx_int_t
ngx_http_auth0_m2m_reinit_request(ngx_http_request_t *r)
{
    ngx_http_auth0_m2m_exchange_t  *x;

    x = ngx_http_auth0_m2m_exchange(r->connection);

    ngx_http_auth0_m2m_exchange_hush(x, 0);
    ngx_http_auth0_m2m_reader_reset(&x->reader, r);

    return NGX_OK;
}


/* Secrets leave no copy in the buffers of nginx's TLS layer and OpenSSL's. */

static ngx_int_t
ngx_http_auth0_m2m_output(void *data, ngx_chain_t *in)
{
    ngx_http_upstream_t *u = data;

    ngx_connection_t               *c;
    ngx_http_auth0_m2m_exchange_t  *x;

    c = u->peer.connection;
    x = ngx_http_auth0_m2m_exchange(c);

    /*
     * Why no peer is reached (name, connection, certificate), only nginx can
     * say.  Once there is one, the reply tells all, and who asked quietly logs
     * it: a second line for an answer cut short would say nothing more.
     */

    ngx_http_auth0_m2m_exchange_hush(x, x->reader.quiet);

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        c->ssl->buffer = 0;

#ifdef SSL_OP_CLEANSE_PLAINTEXT
        SSL_set_options(c->ssl->connection, SSL_OP_CLEANSE_PLAINTEXT);
#endif
    }
#endif

    return ngx_chain_writer(&u->writer, in);
}


static ngx_int_t
ngx_http_auth0_m2m_process_header(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_connection_t               *c;
    ngx_http_upstream_t            *u;
    ngx_http_auth0_m2m_exchange_t  *x;

    x = ngx_http_auth0_m2m_exchange(r->connection);
    u = r->upstream;
    c = u->peer.connection;

    c->log->action = "reading the answer";

    /* in the clear, ahead of the handshake, anyone can have sent it */

    if (!u->request_sent
#if (NGX_HTTP_SSL)
        || (u->ssl && (c->ssl == NULL || !c->ssl->handshaked))
#endif
       )
    {
        (void) ngx_http_auth0_m2m_reader_fail(&x->reader, r,
                                     NGX_HTTP_AUTH0_M2M_REPLY_UNREACHED,
                                     "answered before it was asked");
        return NGX_ERROR;
    }

    rc = ngx_http_auth0_m2m_reader_read(&x->reader, r, &u->buffer);

    if (rc != NGX_AGAIN) {
        return NGX_ERROR;
    }

    if (x->reader.to_close) {
        ngx_http_auth0_m2m_exchange_to_close(x);
    }

    return NGX_AGAIN;
}


/*
 * nginx will take the end of the body for an error, since for it the header
 * still comes in: no other address is asked then, and the log is not told.
 */

static void
ngx_http_auth0_m2m_exchange_to_close(ngx_http_auth0_m2m_exchange_t *x)
{
    x->conf.next_upstream = 0;
    ngx_http_auth0_m2m_exchange_hush(x, 1);
}


static void
ngx_http_auth0_m2m_abort_request(ngx_http_request_t *r)
{
}


static void
ngx_http_auth0_m2m_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
}
