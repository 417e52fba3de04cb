
/*
 * A reply, read strictly as its bytes arrive.  Private to the client's files.
 */

#ifndef NGX_HTTP_AUTH0_M2M_CLIENT_REPLY_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_CLIENT_REPLY_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_auth0_m2m_client.h"


#define NGX_HTTP_AUTH0_M2M_INTERIM_MAX   8     /* 1xx before the answer */
#define NGX_HTTP_AUTH0_M2M_TYPE_MAX      64    /* bytes of a media type */


/*
 * What is known of a reply so far.  `result` holds once `ended` is set; the
 * body is the pool's, `size` bytes of it, `reply.body.len` of them filled.
 */

typedef struct {
    ngx_http_auth0_m2m_reply_t     reply;
    ngx_pool_t                    *pool;
    ngx_http_status_t              status;
    ngx_http_chunked_t             chunks;
    off_t                          length;    /* announced; -1: not */
    size_t                         wire;      /* body bytes, framing too */
    size_t                         size;
    ngx_uint_t                     interim;   /* 1xx replies skipped */
    u_char                         type[NGX_HTTP_AUTH0_M2M_TYPE_MAX];
    unsigned                       in_headers:1;
    unsigned                       in_body:1;
    unsigned                       chunked:1;
    unsigned                       to_close:1; /* ends with the connection */
    unsigned                       ended:1;
    unsigned                       secret:1;  /* cleanse what is given up */
    unsigned                       quiet:1;   /* failures are not logged */
} ngx_http_auth0_m2m_reader_t;


#pragma GCC visibility push(hidden)

/*
 * Ready to read a reply, again if need be: what was read is dropped.  r lends
 * nginx's parser its state.
 */
void ngx_http_auth0_m2m_reader_reset(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r);

/*
 * Takes what arrived in b.  While the header is read, b must keep its place
 * and its bytes, and its size is the limit of all headers together; later it
 * is emptied with each call.  NGX_AGAIN: more is needed.  NGX_OK: ended, see
 * reply.result and, unless OK, reply.text (logged unless quiet).
 */
ngx_int_t ngx_http_auth0_m2m_reader_read(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b);

/* Ends reading early with this result, text being what the tenant did. */

ngx_int_t ngx_http_auth0_m2m_reader_fail(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_http_auth0_m2m_result_e result,
    const char *text);

/*
 * Begins the body.  Where it ends, RFC 9112 s6.3.  One that ends with the
 * connection (`to_close`) cannot be told from a truncated one here; who asked
 * finds out, since a part of a JSON array or object is none.
 */
ngx_int_t ngx_http_auth0_m2m_reader_frame(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r);

/* Takes what of the body is in b. */

ngx_int_t ngx_http_auth0_m2m_reader_body(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b);

/* The connection is gone, whatever the reason: that may be the end. */

void ngx_http_auth0_m2m_reader_closed(ngx_http_auth0_m2m_reader_t *reader);

/* Status line and headers as before them. */

void ngx_http_auth0_m2m_reader_clear(ngx_http_auth0_m2m_reader_t *reader);

/* Forgets the body; overwrites it when it is secret. */

void ngx_http_auth0_m2m_reader_drop(ngx_http_auth0_m2m_reader_t *reader);

#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_CLIENT_REPLY_H_INCLUDED */
