
/*
 * A request to the tenant: the same few headers whoever asks.  It is made
 * from the call alone, so that nothing of a caller's request can travel along.
 */

#include "ngx_http_auth0_m2m_client_exchange.h"


typedef struct {
    ngx_uint_t                     method;
    ngx_str_t                      name;
    unsigned                       length:1;   /* says so when it has no
                                                  body, RFC 9110 s8.6 */
} ngx_http_auth0_m2m_method_t;


static const ngx_http_auth0_m2m_method_t *ngx_http_auth0_m2m_method(
    ngx_uint_t method);
static ngx_int_t ngx_http_auth0_m2m_request_valid(ngx_log_t *log,
    const ngx_http_auth0_m2m_call_t *call);
static ngx_int_t ngx_http_auth0_m2m_text_valid(const ngx_str_t *text,
    u_char least);
static u_char *ngx_http_auth0_m2m_request_write(u_char *p, u_char *last,
    const ngx_http_auth0_m2m_method_t *method, const ngx_str_t *domain,
    const ngx_http_auth0_m2m_call_t *call);


static const ngx_http_auth0_m2m_method_t  ngx_http_auth0_m2m_methods[] = {
    { NGX_HTTP_GET,    ngx_string("GET"),    0 },
    { NGX_HTTP_POST,   ngx_string("POST"),   1 },
    { NGX_HTTP_PATCH,  ngx_string("PATCH"),  1 },
    { NGX_HTTP_PUT,    ngx_string("PUT"),    1 },
    { NGX_HTTP_DELETE, ngx_string("DELETE"), 0 },
    { 0,               ngx_null_string,      0 }
};


ngx_buf_t *
ngx_http_auth0_m2m_request_create(ngx_pool_t *pool, const ngx_str_t *domain,
    const ngx_http_auth0_m2m_call_t *call, ngx_str_t *path)
{
    u_char                             *p;
    size_t                              len;
    ngx_buf_t                          *b;
    const ngx_http_auth0_m2m_method_t  *method;

    method = ngx_http_auth0_m2m_method(call->method);

    if (method == NULL
        || ngx_http_auth0_m2m_request_valid(pool->log, call) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, pool->log, 0,
                      "auth0_m2m: a request for %s cannot be sent", call->what);
        return NULL;
    }

    len = 512 + call->uri.len + domain->len + call->authorization.len
          + call->content_type.len + call->body.len;

    b = ngx_create_temp_buf(pool, len);
    if (b == NULL) {
        return NULL;
    }

    b->last = ngx_http_auth0_m2m_request_write(b->pos, b->end, method, domain,
                                               call);

    path->data = b->pos + method->name.len + 1;

    p = ngx_strlchr(path->data, path->data + call->uri.len, '?');
    path->len = p ? (size_t) (p - path->data) : call->uri.len;

    return b;
}


static const ngx_http_auth0_m2m_method_t *
ngx_http_auth0_m2m_method(ngx_uint_t method)
{
    const ngx_http_auth0_m2m_method_t  *m;

    for (m = ngx_http_auth0_m2m_methods; m->method; m++) {
        if (m->method == method) {
            return m;
        }
    }

    return NULL;
}


/* Whatever a caller put together, it stays one request. */

static ngx_int_t
ngx_http_auth0_m2m_request_valid(ngx_log_t *log,
    const ngx_http_auth0_m2m_call_t *call)
{
    if (call->uri.len == 0 || call->uri.data[0] != '/') {
        return NGX_ERROR;
    }

    if (ngx_http_auth0_m2m_text_valid(&call->uri, '!') != NGX_OK
        || ngx_http_auth0_m2m_text_valid(&call->authorization, ' ') != NGX_OK
        || ngx_http_auth0_m2m_text_valid(&call->content_type, ' ') != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_text_valid(const ngx_str_t *text, u_char least)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < least || text->data[i] > '~') {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static u_char *
ngx_http_auth0_m2m_request_write(u_char *p, u_char *last,
    const ngx_http_auth0_m2m_method_t *method, const ngx_str_t *domain,
    const ngx_http_auth0_m2m_call_t *call)
{
    p = ngx_slprintf(p, last, "%V %V HTTP/1.1" CRLF
                     "Host: %V" CRLF
                     "Connection: close" CRLF
                     "Accept: application/json" CRLF
                     "Accept-Encoding: identity" CRLF
                     "User-Agent: auth0-m2m-nginx" CRLF,
                     &method->name, &call->uri, domain);

    if (call->authorization.len) {
        p = ngx_slprintf(p, last, "Authorization: %V" CRLF,
                         &call->authorization);
    }

    if (call->content_type.len) {
        p = ngx_slprintf(p, last, "Content-Type: %V" CRLF,
                         &call->content_type);
    }

    if (call->body.len || method->length) {
        p = ngx_slprintf(p, last, "Content-Length: %uz" CRLF, call->body.len);
    }

    p = ngx_slprintf(p, last, CRLF);

    return call->body.len ? ngx_cpymem(p, call->body.data, call->body.len) : p;
}
