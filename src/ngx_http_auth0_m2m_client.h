
/*
 * The only way out: one HTTP request to the tenant on nginx's own upstream
 * machinery.
 *
 * A call is detached: it runs on a client-less request of its own and ends on
 * its own, whatever happens to the request that wanted it.  Requests are built
 * from scratch, nothing of a caller's request travels along.  Under https the
 * peer is always verified (chain, host name, SNI = the domain) and no TLS
 * session is shared with proxy locations.
 */

#ifndef NGX_HTTP_AUTH0_M2M_CLIENT_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_CLIENT_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_HTTP_AUTH0_M2M_BODY_MAX         262144  /* bytes of a reply */
#define NGX_HTTP_AUTH0_M2M_HEAD_MAX         16384   /* of its headers */
#define NGX_HTTP_AUTH0_M2M_CONNECT_TIMEOUT  2000    /* ms, each address */
#define NGX_HTTP_AUTH0_M2M_READ_TIMEOUT     4000    /* ms, the whole reply */
#define NGX_HTTP_AUTH0_M2M_VERIFY_DEPTH     5


/* How one tenant is reached.  Made while the configuration is read (conf
 * files fill it in), constant afterwards, owned by the cycle's pool. */

typedef struct {
    ngx_str_t                      domain;    /* Host header, SNI, issuer */
    ngx_str_t                      issuer;    /* "https://<domain>/" */
    ngx_str_t                      host;      /* where it is really reached;
                                                 a name if by resolver */
    in_port_t                      port;
    ngx_http_upstream_conf_t       upstream;  /* .upstream NULL: by resolver */
    ngx_http_conf_ctx_t            ctx;       /* of the location: resolver */
    unsigned                       ssl:1;
} ngx_http_auth0_m2m_tenant_t;


/* All strings are copied by client_send(). */

typedef struct {
    ngx_uint_t                     method;         /* NGX_HTTP_GET ... */
    ngx_str_t                      uri;           /* path and query, coded */
    ngx_str_t                      authorization; /* value, or empty */
    ngx_str_t                      content_type;  /* empty: no body */
    ngx_str_t                      body;
    ngx_msec_t                     timeout;        /* total, all included */
    const char                    *what;           /* for logs: "fetching
                                                      keys", static text */
    unsigned                       secret:1;       /* cleanse all buffers
                                                      that held request and
                                                      reply afterwards */
    unsigned                       quiet:1;        /* who asks logs .text */
} ngx_http_auth0_m2m_call_t;


typedef enum {
    NGX_HTTP_AUTH0_M2M_REPLY_OK = 0,     /* complete answer of any status */
    NGX_HTTP_AUTH0_M2M_REPLY_UNREACHED,  /* refused, DNS, TLS: not sent */
    NGX_HTTP_AUTH0_M2M_REPLY_TIMEOUT,
    NGX_HTTP_AUTH0_M2M_REPLY_RESET,      /* closed or reset before the end,
                                            truncated bodies included */
    NGX_HTTP_AUTH0_M2M_REPLY_TOO_LARGE,
    NGX_HTTP_AUTH0_M2M_REPLY_INVALID,    /* not HTTP, or coded content */
    NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL    /* no memory or connection to ask
                                            with, or none for the answer */
} ngx_http_auth0_m2m_result_e;


/* Valid during the handler's call only.  Header values are -1 when absent. */

typedef struct {
    ngx_http_auth0_m2m_result_e    result;
    ngx_uint_t                     status;         /* 0 without an answer */
    ngx_str_t                      content_type;   /* without parameters,
                                                      lower case */
    ngx_str_t                      body;
    int64_t                        ratelimit_limit;      /* x-ratelimit-* */
    int64_t                        ratelimit_remaining;
    int64_t                        ratelimit_reset;      /* epoch seconds */
    int64_t                        retry_after;          /* seconds */
    const char                    *text;           /* what the tenant did, such
                                                      as "sent coded content",
                                                      unless OK; NULL: see
                                                      nginx's own line */
    unsigned                       sent:1;         /* some of the request may
                                                      have reached the peer */
} ngx_http_auth0_m2m_reply_t;


typedef void (*ngx_http_auth0_m2m_done_pt)(void *data,
    const ngx_http_auth0_m2m_reply_t *reply);


#pragma GCC visibility push(hidden)

/*
 * Sets what a call needs in tenant->upstream, which must be zeroed: all but
 * the address (.upstream, or NULL), and for https .ssl and .ssl_name.
 */
void ngx_http_auth0_m2m_client_conf(ngx_http_upstream_conf_t *conf);

/*
 * Starts a call.  NGX_OK: done(data, reply) will be called exactly once, never
 * from inside client_send(), at the latest when call->timeout has passed, also
 * while the worker is exiting.  NGX_ERROR: nothing was started (logged).
 * data must stay valid until then.
 */
ngx_int_t ngx_http_auth0_m2m_client_send(ngx_http_auth0_m2m_tenant_t *tenant,
    const ngx_http_auth0_m2m_call_t *call, ngx_http_auth0_m2m_done_pt done,
    void *data);


/* Text of a result for logs and metrics, such as "timeout". */

const char *ngx_http_auth0_m2m_result_text(ngx_http_auth0_m2m_result_e result);

#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_CLIENT_H_INCLUDED */
