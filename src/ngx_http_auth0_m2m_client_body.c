
/*
 * The body of a reply, read into memory of its own: nginx's buffers and body
 * filters never see it, so that a location's sub_filter, charset or SSI cannot
 * touch it, and small answers take little memory.
 */

#include "ngx_http_auth0_m2m_client_reply.h"

#include <openssl/crypto.h>


#define NGX_HTTP_AUTH0_M2M_BODY_STEP   8192    /* above nginx's pool limit:
                                                  such memory can be freed */
#define NGX_HTTP_AUTH0_M2M_WIRE_MAX                                           \
    ((size_t) 2 * NGX_HTTP_AUTH0_M2M_BODY_MAX)


/* Trailers are skipped. */

#if (nginx_version >= 1027002)
#define ngx_http_auth0_m2m_parse_chunked(r, b, chunks)                        \
    ngx_http_parse_chunked(r, b, chunks, 0)
#else
#define ngx_http_auth0_m2m_parse_chunked(r, b, chunks)                        \
    ngx_http_parse_chunked(r, b, chunks)
#endif


static ngx_int_t ngx_http_auth0_m2m_reader_chunks(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r, ngx_buf_t *b);
static ngx_int_t ngx_http_auth0_m2m_reader_rest(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r, ngx_buf_t *b);
static ngx_int_t ngx_http_auth0_m2m_reader_add(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r, ngx_buf_t *b,
    off_t size);
static ngx_int_t ngx_http_auth0_m2m_reader_reserve(
    ngx_http_auth0_m2m_reader_t *reader, size_t size);
static void ngx_http_auth0_m2m_reader_take(
    ngx_http_auth0_m2m_reader_t *reader, ngx_buf_t *b, off_t limit);
static ngx_int_t ngx_http_auth0_m2m_reader_done(
    ngx_http_auth0_m2m_reader_t *reader);


ngx_int_t
ngx_http_auth0_m2m_reader_frame(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r)
{
    if (reader->status.code == NGX_HTTP_NO_CONTENT
        || reader->status.code == NGX_HTTP_NOT_MODIFIED)
    {
        reader->chunked = 0;
        reader->length = 0;
        return NGX_OK;
    }

    if (reader->chunked) {

        if (reader->length != -1
            || reader->status.http_version < NGX_HTTP_VERSION_11)
        {
            return ngx_http_auth0_m2m_reader_fail(reader, r,
                                         NGX_HTTP_AUTH0_M2M_REPLY_INVALID,
                                         "framed its answer ambiguously");
        }

        return NGX_OK;
    }

    if (reader->length == -1) {
        reader->to_close = 1;
        return NGX_OK;
    }

    if (reader->length > NGX_HTTP_AUTH0_M2M_BODY_MAX) {
        return ngx_http_auth0_m2m_reader_fail(reader, r,
                                     NGX_HTTP_AUTH0_M2M_REPLY_TOO_LARGE,
                                     "announced too large an answer");
    }

    if (ngx_http_auth0_m2m_reader_reserve(reader, (size_t) reader->length)
        != NGX_OK)
    {
        return ngx_http_auth0_m2m_reader_fail(reader, r,
                                     NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL,
                                     "sent an answer there is no memory for");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_auth0_m2m_reader_body(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b)
{
    if (reader->chunked) {
        return ngx_http_auth0_m2m_reader_chunks(reader, r, b);
    }

    if (reader->to_close) {
        return ngx_http_auth0_m2m_reader_rest(reader, r, b);
    }

    ngx_http_auth0_m2m_reader_take(reader, b,
                               reader->length - (off_t) reader->reply.body.len);

    if ((off_t) reader->reply.body.len < reader->length) {
        return NGX_AGAIN;
    }

    return ngx_http_auth0_m2m_reader_done(reader);
}


static ngx_int_t
ngx_http_auth0_m2m_reader_chunks(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b)
{
    off_t       size;
    ngx_int_t   rc;
    ngx_str_t  *body;

    body = &reader->reply.body;

    /* chunk extensions and trailers count, else they would have no end */

    reader->wire += b->last - b->pos;

    for ( ;; ) {
        rc = ngx_http_auth0_m2m_parse_chunked(r, b, &reader->chunks);

        if (rc == NGX_DONE) {
            return ngx_http_auth0_m2m_reader_done(reader);
        }

        if (rc == NGX_ERROR) {
            return ngx_http_auth0_m2m_reader_fail(reader, r,
                                         NGX_HTTP_AUTH0_M2M_REPLY_INVALID,
                                         "sent an invalid chunked answer");
        }

        if (reader->chunks.size
            > NGX_HTTP_AUTH0_M2M_BODY_MAX - (off_t) body->len
            || reader->wire > NGX_HTTP_AUTH0_M2M_WIRE_MAX)
        {
            return ngx_http_auth0_m2m_reader_fail(reader, r,
                                         NGX_HTTP_AUTH0_M2M_REPLY_TOO_LARGE,
                                         "sent too large an answer");
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        size = ngx_min(reader->chunks.size, b->last - b->pos);

        if (ngx_http_auth0_m2m_reader_add(reader, r, b, size) != NGX_AGAIN) {
            return NGX_OK;
        }

        reader->chunks.size -= size;
    }
}


static ngx_int_t
ngx_http_auth0_m2m_reader_rest(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b)
{
    off_t  size;

    size = b->last - b->pos;

    if (size > NGX_HTTP_AUTH0_M2M_BODY_MAX - (off_t) reader->reply.body.len) {
        return ngx_http_auth0_m2m_reader_fail(reader, r,
                                         NGX_HTTP_AUTH0_M2M_REPLY_TOO_LARGE,
                                         "sent too large an answer");
    }

    return ngx_http_auth0_m2m_reader_add(reader, r, b, size);
}


void
ngx_http_auth0_m2m_reader_closed(ngx_http_auth0_m2m_reader_t *reader)
{
    if (reader->to_close && !reader->ended) {
        (void) ngx_http_auth0_m2m_reader_done(reader);
    }
}


/* NGX_AGAIN: added, more may come. */

static ngx_int_t
ngx_http_auth0_m2m_reader_add(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b, off_t size)
{
    if (ngx_http_auth0_m2m_reader_reserve(reader, reader->reply.body.len + size)
        != NGX_OK)
    {
        return ngx_http_auth0_m2m_reader_fail(reader, r,
                                     NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL,
                                     "sent an answer there is no memory for");
    }

    ngx_http_auth0_m2m_reader_take(reader, b, size);

    return NGX_AGAIN;
}


/* At least size bytes.  A known length is exact, else steps are doubled. */

static ngx_int_t
ngx_http_auth0_m2m_reader_reserve(ngx_http_auth0_m2m_reader_t *reader,
    size_t size)
{
    size_t      len;
    u_char     *p;
    ngx_str_t  *body;

    body = &reader->reply.body;

    if (size <= reader->size) {
        return NGX_OK;
    }

    if (reader->length == -1) {
        size = ngx_max(size, 2 * reader->size);
        size = ngx_max(size, NGX_HTTP_AUTH0_M2M_BODY_STEP);
        size = ngx_min(size, NGX_HTTP_AUTH0_M2M_BODY_MAX);
    }

    p = ngx_pnalloc(reader->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = body->len;

    if (len) {
        ngx_memcpy(p, body->data, len);
    }

    ngx_http_auth0_m2m_reader_drop(reader);

    body->data = p;
    body->len = len;
    reader->size = size;

    return NGX_OK;
}


static void
ngx_http_auth0_m2m_reader_take(ngx_http_auth0_m2m_reader_t *reader,
    ngx_buf_t *b, off_t limit)
{
    size_t      size;
    ngx_str_t  *body;

    body = &reader->reply.body;
    size = (size_t) ngx_min(limit, b->last - b->pos);

    if (size == 0) {
        return;
    }

    ngx_memcpy(body->data + body->len, b->pos, size);

    body->len += size;
    b->pos += size;
}


static ngx_int_t
ngx_http_auth0_m2m_reader_done(ngx_http_auth0_m2m_reader_t *reader)
{
    reader->reply.result = NGX_HTTP_AUTH0_M2M_REPLY_OK;
    reader->ended = 1;

    return NGX_OK;
}


void
ngx_http_auth0_m2m_reader_drop(ngx_http_auth0_m2m_reader_t *reader)
{
    ngx_str_t  *body;

    body = &reader->reply.body;

    if (reader->size) {

        if (reader->secret) {
            OPENSSL_cleanse(body->data, reader->size);
        }

        /* small ones stay in the pool */
        (void) ngx_pfree(reader->pool, body->data);
    }

    ngx_str_null(body);
    reader->size = 0;
}
