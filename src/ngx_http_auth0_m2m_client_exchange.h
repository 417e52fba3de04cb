
/*
 * One call under way.  Private to the client's files.
 */

#ifndef NGX_HTTP_AUTH0_M2M_CLIENT_EXCHANGE_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_CLIENT_EXCHANGE_H_INCLUDED


#include "ngx_http_auth0_m2m_client.h"
#include "ngx_http_auth0_m2m_client_reply.h"


typedef struct {
    ngx_http_log_ctx_t             log_ctx;        /* first: log.data */
    ngx_log_t                      log;

    ngx_http_auth0_m2m_tenant_t   *tenant;
    ngx_http_auth0_m2m_done_pt     done;
    void                          *data;
    const char                    *what;

    ngx_connection_t               connection;     /* owns the pool */
    ngx_event_t                    read;
    ngx_event_t                    write;
    ngx_sockaddr_t                 address;        /* a nameless socket */
    ngx_http_connection_t          http;
    ngx_http_request_t            *main;
    ngx_http_request_t            *request;        /* the subrequest */
    ngx_http_post_subrequest_t     post;

    ngx_event_t                    step;           /* start, then end */
    ngx_event_t                    deadline;
    ngx_msec_t                     timeout;

    ngx_buf_t                     *out;
    ngx_chain_t                    chain;          /* of out */
    ngx_str_t                      path;
    ngx_http_auth0_m2m_reader_t    reader;

    ngx_http_upstream_conf_t       conf;
    ngx_http_upstream_srv_conf_t   upstream;       /* conf.upstream */
    ngx_event_get_peer_pt          get_peer;
    ngx_event_free_peer_pt         free_peer;

    ngx_int_t                      rc;             /* as nginx reports it */
    unsigned                       finished:1;
    unsigned                       secret:1;
} ngx_http_auth0_m2m_exchange_t;


/* Works for both requests and for all events of an exchange. */

#define ngx_http_auth0_m2m_exchange(c)                                        \
    ((ngx_http_auth0_m2m_exchange_t *) (c)->log->data)


#pragma GCC visibility push(hidden)

/* client_exchange.c: ready to go, nothing started; NULL: logged. */

ngx_http_auth0_m2m_exchange_t *ngx_http_auth0_m2m_exchange_create(
    ngx_http_auth0_m2m_tenant_t *tenant, const ngx_http_auth0_m2m_call_t *call);

/* Secrets are overwritten.  The upstream, if any, has been closed. */

void ngx_http_auth0_m2m_exchange_free(ngx_http_auth0_m2m_exchange_t *x);

void ngx_http_auth0_m2m_exchange_event(ngx_http_auth0_m2m_exchange_t *x,
    ngx_event_t *ev, ngx_event_handler_pt handler);

/* Whether nginx's own errors stay out of the log; not at level debug. */

void ngx_http_auth0_m2m_exchange_hush(ngx_http_auth0_m2m_exchange_t *x,
    ngx_uint_t hush);

/*
 * client_request.c: the whole request, of HTTP/1.1, in one buffer of the pool;
 * path is set to the path in it, without the query.  NULL: no memory, or a
 * method, path or header value that cannot be sent as it is (logged).
 */
ngx_buf_t *ngx_http_auth0_m2m_request_create(ngx_pool_t *pool,
    const ngx_str_t *domain, const ngx_http_auth0_m2m_call_t *call,
    ngx_str_t *path);

/* client_upstream.c, called as the subrequest's handler: off it goes. */

void ngx_http_auth0_m2m_exchange_begin(ngx_http_request_t *r);

/* client.c, called as the post-subrequest handler, however it ended. */

ngx_int_t ngx_http_auth0_m2m_exchange_finished(ngx_http_request_t *r,
    void *data, ngx_int_t rc);

#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_CLIENT_EXCHANGE_H_INCLUDED */
