
/*
 * Status line and headers of a reply.  The parsing is nginx's; what makes an
 * answer ambiguous, or unreadable for us, ends it.
 */

#include "ngx_http_auth0_m2m_client_reply.h"


#define NGX_HTTP_AUTH0_M2M_NUMBER_MAX  100000000000


/* NULL: taken; else what is wrong with it. */

typedef const char *(*ngx_http_auth0_m2m_header_pt)(
    ngx_http_auth0_m2m_reader_t *reader, ngx_str_t *value, size_t offset);

typedef struct {
    ngx_str_t                      name;
    ngx_http_auth0_m2m_header_pt   handler;
    size_t                         offset;     /* in reply */
} ngx_http_auth0_m2m_header_t;


static ngx_int_t ngx_http_auth0_m2m_reader_head(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r, ngx_buf_t *b);
static ngx_int_t ngx_http_auth0_m2m_reader_status(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r, ngx_buf_t *b);
static ngx_int_t ngx_http_auth0_m2m_reader_headers(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r, ngx_buf_t *b);
static const char *ngx_http_auth0_m2m_reader_header(
    ngx_http_auth0_m2m_reader_t *reader, ngx_http_request_t *r);

static const char *ngx_http_auth0_m2m_header_length(
    ngx_http_auth0_m2m_reader_t *reader, ngx_str_t *value, size_t offset);
static const char *ngx_http_auth0_m2m_header_transfer(
    ngx_http_auth0_m2m_reader_t *reader, ngx_str_t *value, size_t offset);
static const char *ngx_http_auth0_m2m_header_encoding(
    ngx_http_auth0_m2m_reader_t *reader, ngx_str_t *value, size_t offset);
static const char *ngx_http_auth0_m2m_header_type(
    ngx_http_auth0_m2m_reader_t *reader, ngx_str_t *value, size_t offset);
static const char *ngx_http_auth0_m2m_header_number(
    ngx_http_auth0_m2m_reader_t *reader, ngx_str_t *value, size_t offset);


#define ngx_http_auth0_m2m_reply(field)                                       \
    offsetof(ngx_http_auth0_m2m_reply_t, field)

static const ngx_http_auth0_m2m_header_t  ngx_http_auth0_m2m_headers[] = {

    { ngx_string("Content-Length"), ngx_http_auth0_m2m_header_length, 0 },

    { ngx_string("Transfer-Encoding"), ngx_http_auth0_m2m_header_transfer, 0 },

    { ngx_string("Content-Encoding"), ngx_http_auth0_m2m_header_encoding, 0 },

    { ngx_string("Content-Type"), ngx_http_auth0_m2m_header_type, 0 },

    { ngx_string("X-RateLimit-Limit"), ngx_http_auth0_m2m_header_number,
      ngx_http_auth0_m2m_reply(ratelimit_limit) },

    { ngx_string("X-RateLimit-Remaining"), ngx_http_auth0_m2m_header_number,
      ngx_http_auth0_m2m_reply(ratelimit_remaining) },

    { ngx_string("X-RateLimit-Reset"), ngx_http_auth0_m2m_header_number,
      ngx_http_auth0_m2m_reply(ratelimit_reset) },

    { ngx_string("Retry-After"), ngx_http_auth0_m2m_header_number,
      ngx_http_auth0_m2m_reply(retry_after) },

    { ngx_null_string, NULL, 0 }
};


void
ngx_http_auth0_m2m_reader_reset(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r)
{
    ngx_http_auth0_m2m_reader_drop(reader);
    ngx_http_auth0_m2m_reader_clear(reader);

    ngx_memzero(&reader->chunks, sizeof(ngx_http_chunked_t));

    reader->reply.text = NULL;
    reader->wire = 0;
    reader->interim = 0;
    reader->in_body = 0;
    reader->ended = 0;

    r->state = 0;
}


ngx_int_t
ngx_http_auth0_m2m_reader_read(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t  rc;

    if (!reader->in_body) {
        rc = ngx_http_auth0_m2m_reader_head(reader, r, b);

        if (rc == NGX_AGAIN && b->last == b->end) {
            return ngx_http_auth0_m2m_reader_fail(reader, r,
                                       NGX_HTTP_AUTH0_M2M_REPLY_TOO_LARGE,
                                       "sent too large a header");
        }

        if (rc == NGX_AGAIN || reader->ended) {
            return rc;
        }

        reader->in_body = 1;
    }

    rc = ngx_http_auth0_m2m_reader_body(reader, r, b);

    b->pos = b->start;
    b->last = b->start;

    return rc;
}


/* NGX_OK: `ended`, or the body comes next. */

static ngx_int_t
ngx_http_auth0_m2m_reader_head(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t  rc;

    for ( ;; ) {

        if (!reader->in_headers) {
            rc = ngx_http_auth0_m2m_reader_status(reader, r, b);

            if (rc == NGX_AGAIN || reader->ended) {
                return rc;
            }

            reader->in_headers = 1;
        }

        rc = ngx_http_auth0_m2m_reader_headers(reader, r, b);

        if (rc == NGX_AGAIN || reader->ended) {
            return rc;
        }

        if (reader->status.code >= NGX_HTTP_OK) {
            return ngx_http_auth0_m2m_reader_frame(reader, r);
        }

        /* an interim reply says nothing about the one that counts */

        if (reader->status.code == NGX_HTTP_SWITCHING_PROTOCOLS
            || ++reader->interim > NGX_HTTP_AUTH0_M2M_INTERIM_MAX)
        {
            return ngx_http_auth0_m2m_reader_fail(reader, r,
                                         NGX_HTTP_AUTH0_M2M_REPLY_INVALID,
                                         "sent unexpected 1xx replies");
        }

        ngx_http_auth0_m2m_reader_clear(reader);
    }
}


static ngx_int_t
ngx_http_auth0_m2m_reader_status(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t  rc;

    rc = ngx_http_parse_status_line(r, b, &reader->status);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != NGX_OK
        || reader->status.http_version / 1000 != 1
        || reader->status.code < NGX_HTTP_CONTINUE
        || reader->status.code > 599)
    {
        return ngx_http_auth0_m2m_reader_fail(reader, r,
                                         NGX_HTTP_AUTH0_M2M_REPLY_INVALID,
                                         "sent no valid HTTP/1 status line");
    }

    reader->reply.status = reader->status.code;

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_reader_headers(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t    rc;
    const char  *wrong;

    for ( ;; ) {
        rc = ngx_http_parse_header_line(r, b, 1);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {
            return NGX_OK;
        }

        wrong = "sent an invalid header";

        if (rc == NGX_OK) {
            wrong = ngx_http_auth0_m2m_reader_header(reader, r);
        }

        if (wrong) {
            return ngx_http_auth0_m2m_reader_fail(reader, r,
                                 NGX_HTTP_AUTH0_M2M_REPLY_INVALID, wrong);
        }
    }
}


static const char *
ngx_http_auth0_m2m_reader_header(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r)
{
    size_t                              len;
    ngx_str_t                           value;
    const ngx_http_auth0_m2m_header_t  *h;

    len = r->header_name_end - r->header_name_start;

    for (h = ngx_http_auth0_m2m_headers; h->name.len; h++) {

        if (h->name.len != len
            || ngx_strncasecmp(h->name.data, r->header_name_start, len) != 0)
        {
            continue;
        }

        value.data = r->header_start;
        value.len = r->header_end - r->header_start;

        return h->handler(reader, &value, h->offset);
    }

    return NULL;
}


void
ngx_http_auth0_m2m_reader_clear(ngx_http_auth0_m2m_reader_t *reader)
{
    ngx_http_auth0_m2m_reply_t  *reply;

    ngx_memzero(&reader->status, sizeof(ngx_http_status_t));

    reader->length = -1;
    reader->chunked = 0;
    reader->to_close = 0;
    reader->in_headers = 0;

    reply = &reader->reply;

    reply->status = 0;
    ngx_str_null(&reply->content_type);
    reply->ratelimit_limit = -1;
    reply->ratelimit_remaining = -1;
    reply->ratelimit_reset = -1;
    reply->retry_after = -1;
}


ngx_int_t
ngx_http_auth0_m2m_reader_fail(ngx_http_auth0_m2m_reader_t *reader,
    ngx_http_request_t *r, ngx_http_auth0_m2m_result_e result,
    const char *text)
{
    if (!reader->quiet) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "tenant %s", text);
    }

    reader->reply.result = result;
    reader->reply.text = text;
    reader->ended = 1;

    return NGX_OK;
}


static const char *
ngx_http_auth0_m2m_header_length(ngx_http_auth0_m2m_reader_t *reader,
    ngx_str_t *value, size_t offset)
{
    off_t  n;

    n = ngx_atoof(value->data, value->len);

    if (n == NGX_ERROR || (reader->length != -1 && reader->length != n)) {
        return "sent an invalid Content-Length";
    }

    reader->length = n;

    return NULL;
}


static const char *
ngx_http_auth0_m2m_header_transfer(ngx_http_auth0_m2m_reader_t *reader,
    ngx_str_t *value, size_t offset)
{
    if (reader->chunked
        || value->len != 7
        || ngx_strncasecmp(value->data, (u_char *) "chunked", 7) != 0)
    {
        return "sent an unknown Transfer-Encoding";
    }

    reader->chunked = 1;

    return NULL;
}


static const char *
ngx_http_auth0_m2m_header_encoding(ngx_http_auth0_m2m_reader_t *reader,
    ngx_str_t *value, size_t offset)
{
    if (value->len != 8
        || ngx_strncasecmp(value->data, (u_char *) "identity", 8) != 0)
    {
        return "sent coded content";
    }

    return NULL;
}


/* The media type alone; one too long to be of use is none. */

static const char *
ngx_http_auth0_m2m_header_type(ngx_http_auth0_m2m_reader_t *reader,
    ngx_str_t *value, size_t offset)
{
    size_t  len;

    for (len = 0; len < value->len; len++) {
        if (value->data[len] == ';' || value->data[len] <= ' ') {
            break;
        }
    }

    if (len > NGX_HTTP_AUTH0_M2M_TYPE_MAX) {
        len = 0;
    }

    ngx_strlow(reader->type, value->data, len);

    reader->reply.content_type.data = reader->type;
    reader->reply.content_type.len = len;

    return NULL;
}


/* Advice only: what is not a number is as if absent. */

static const char *
ngx_http_auth0_m2m_header_number(ngx_http_auth0_m2m_reader_t *reader,
    ngx_str_t *value, size_t offset)
{
    off_t     n;
    int64_t  *field;

    n = ngx_atoof(value->data, value->len);

    field = (int64_t *) ((u_char *) &reader->reply + offset);
    *field = (n < 0 || n > NGX_HTTP_AUTH0_M2M_NUMBER_MAX) ? -1 : n;

    return NULL;
}
