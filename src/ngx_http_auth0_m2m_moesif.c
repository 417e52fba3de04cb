
#include "ngx_http_auth0_m2m_moesif.h"

#include <openssl/rand.h>

#include "a0_event.h"


#define NGX_HTTP_AUTH0_M2M_EVENT_SIZE     8192
#define NGX_HTTP_AUTH0_M2M_EVENT_HEADERS  32     /* of either side */


/* What an event borrows while it is written. */

typedef struct {
    a0_event_t                     event;
    a0_event_header_t              request[NGX_HTTP_AUTH0_M2M_EVENT_HEADERS];
    a0_event_header_t              response[NGX_HTTP_AUTH0_M2M_EVENT_HEADERS];
    u_char                         random[16];
    u_char                         length[NGX_OFF_T_LEN];
} ngx_http_auth0_m2m_event_t;


static ngx_int_t ngx_http_auth0_m2m_moesif_fill(ngx_http_request_t *r,
    ngx_http_auth0_m2m_event_t *e);
static void ngx_http_auth0_m2m_moesif_target(ngx_http_request_t *r,
    a0_event_t *event);
static unsigned ngx_http_auth0_m2m_moesif_port(ngx_http_request_t *r);
static unsigned ngx_http_auth0_m2m_moesif_status(ngx_http_request_t *r);
static void ngx_http_auth0_m2m_moesif_upstream(ngx_http_request_t *r,
    a0_event_t *event);
static ngx_int_t ngx_http_auth0_m2m_moesif_ids(ngx_http_request_t *r,
    ngx_http_auth0_m2m_moesif_conf_t *conf, a0_event_t *event);
static size_t ngx_http_auth0_m2m_moesif_headers(ngx_list_t *list,
    const a0_str_t *usual, size_t n, ngx_array_t *more,
    a0_event_header_t *headers);
static void ngx_http_auth0_m2m_moesif_content(ngx_http_request_t *r,
    ngx_http_auth0_m2m_event_t *e);


static const a0_str_t  ngx_http_auth0_m2m_request_headers[] = {
    a0_string("Host"),
    a0_string("User-Agent"),
    a0_string("Content-Type"),
    a0_string("Content-Length")
};


/* These two lie beside the list of the response's headers. */

static const a0_str_t  ngx_http_auth0_m2m_response_headers[] = {
    a0_string("Content-Type"),
    a0_string("Content-Length")
};


ngx_int_t
ngx_http_auth0_m2m_moesif_event(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                      buf[NGX_HTTP_AUTH0_M2M_EVENT_SIZE];
    size_t                      len;
    ngx_http_auth0_m2m_event_t  e;

    ngx_memzero(&e, sizeof(ngx_http_auth0_m2m_event_t));

    if (ngx_http_auth0_m2m_moesif_fill(r, &e) != NGX_OK
        || a0_event_write(&e.event, buf, sizeof(buf), &len) != A0_OK)
    {
        return NGX_ERROR;
    }

    v->data = ngx_pnalloc(r->pool, len);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(v->data, buf, len);
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_auth0_m2m_moesif_slot(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    v->data = ngx_pnalloc(r->pool, A0_EVENT_SLOT);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    a0_event_slot(ngx_time(), v->data);

    v->len = A0_EVENT_SLOT;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_moesif_fill(ngx_http_request_t *r,
    ngx_http_auth0_m2m_event_t *e)
{
    ngx_time_t                        *tp;
    a0_event_t                        *event;
    ngx_http_auth0_m2m_loc_conf_t     *lcf;
    ngx_http_auth0_m2m_moesif_conf_t  *conf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);
    conf = lcf->moesif;
    event = &e->event;
    tp = ngx_timeofday();

    if (RAND_bytes(e->random, sizeof(e->random)) != 1) {
        return NGX_ERROR;
    }

    event->start = (int64_t) r->start_sec * 1000 + (int64_t) r->start_msec;
    event->end = (int64_t) tp->sec * 1000 + (int64_t) tp->msec;
    event->transaction.data = e->random;
    event->transaction.len = sizeof(e->random);
    event->gateway = ngx_http_auth0_m2m_a0((ngx_str_t *) &ngx_cycle->hostname);
    event->query = (conf && conf->query);
    event->status = ngx_http_auth0_m2m_moesif_status(r);
    event->sent = r->connection->sent;
    event->received = r->request_length;

    ngx_http_auth0_m2m_moesif_target(r, event);
    ngx_http_auth0_m2m_moesif_upstream(r, event);

    event->request_headers = e->request;
    event->nrequest = ngx_http_auth0_m2m_moesif_headers(
                          &r->headers_in.headers,
                          ngx_http_auth0_m2m_request_headers,
                          sizeof(ngx_http_auth0_m2m_request_headers)
                          / sizeof(a0_str_t),
                          conf ? &conf->request : NULL, e->request);

    event->response_headers = e->response;
    event->nresponse = ngx_http_auth0_m2m_moesif_headers(
                           &r->headers_out.headers,
                           ngx_http_auth0_m2m_response_headers,
                           sizeof(ngx_http_auth0_m2m_response_headers)
                           / sizeof(a0_str_t),
                           conf ? &conf->response : NULL, e->response);

    ngx_http_auth0_m2m_moesif_content(r, e);

    return ngx_http_auth0_m2m_moesif_ids(r, conf, event);
}


static void
ngx_http_auth0_m2m_moesif_target(ngx_http_request_t *r, a0_event_t *event)
{
    u_char  *fragment;

    event->method = ngx_http_auth0_m2m_a0(&r->method_name);
    event->uri = ngx_http_auth0_m2m_a0(&r->unparsed_uri);

    /* No part of a request target, nginx leaves it out of the URI as well;
     * tokens travel there. */

    fragment = ngx_strlchr(r->unparsed_uri.data,
                           r->unparsed_uri.data + r->unparsed_uri.len, '#');
    if (fragment) {
        event->uri.len = fragment - r->unparsed_uri.data;
    }

    event->host = ngx_http_auth0_m2m_a0(&r->headers_in.server);
    event->port = ngx_http_auth0_m2m_moesif_port(r);
    event->address = ngx_http_auth0_m2m_a0(&r->connection->addr_text);

#if (NGX_HTTP_SSL)
    event->https = (r->connection->ssl != NULL);
#endif
}


/* As the client wrote it: behind a balancer our own would be another one. */

static unsigned
ngx_http_auth0_m2m_moesif_port(ngx_http_request_t *r)
{
    u_char     *p;
    ngx_int_t   port;
    ngx_str_t  *host;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    host = &r->headers_in.host->value;

    for (p = host->data + host->len; p > host->data; p--) {
        if (p[-1] < '0' || p[-1] > '9') {
            break;
        }
    }

    if (p == host->data || p[-1] != ':') {
        return 0;
    }

    port = ngx_atoi(p, host->data + host->len - p);

    return (port < 1 || port > 65535) ? 0 : (unsigned) port;
}


/* What $status is. */

static unsigned
ngx_http_auth0_m2m_moesif_status(ngx_http_request_t *r)
{
    if (r->err_status) {
        return (unsigned) r->err_status;
    }

    return (unsigned) r->headers_out.status;
}


static void
ngx_http_auth0_m2m_moesif_upstream(ngx_http_request_t *r, a0_event_t *event)
{
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    event->upstream = -1;

#if (NGX_HTTP_CACHE)

    if (r->upstream && r->upstream->cache_status) {
        event->cache = ngx_http_auth0_m2m_a0(
                       &ngx_http_cache_status[r->upstream->cache_status - 1]);
    }

#endif

    /* none were made when the cache answered */

    if (r->upstream_states == NULL) {
        return;
    }

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {

        if (state[i].peer == NULL
            || state[i].response_time == (ngx_msec_t) -1)
        {
            continue;
        }

        event->upstream = ngx_max(event->upstream, 0)
                          + (int64_t) state[i].response_time;
    }
}


static ngx_int_t
ngx_http_auth0_m2m_moesif_ids(ngx_http_request_t *r,
    ngx_http_auth0_m2m_moesif_conf_t *conf, a0_event_t *event)
{
    ngx_str_t                  value;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    ctx = ngx_http_auth0_m2m_get_ctx(r);

    if (ctx && ctx->verified) {
        event->company = a0_claims_str(ctx->claims, ctx->claims->org_id);
        event->user = a0_claims_str(ctx->claims, ctx->claims->client_id);
    }

    if (conf && conf->company) {
        if (ngx_http_complex_value(r, conf->company, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        event->company = ngx_http_auth0_m2m_a0(&value);
    }

    if (conf && conf->user) {
        if (ngx_http_complex_value(r, conf->user, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        event->user = ngx_http_auth0_m2m_a0(&value);
    }

    return NGX_OK;
}


/* Names first, values where the list has them; returns how many names. */

static size_t
ngx_http_auth0_m2m_moesif_headers(ngx_list_t *list, const a0_str_t *usual,
    size_t n, ngx_array_t *more, a0_event_header_t *headers)
{
    size_t            i, j;
    ngx_uint_t        k;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (i = 0; i < n; i++) {
        headers[i].name = usual[i];
    }

    for (j = 0; more && j < more->nelts; j++) {
        headers[n++].name = ((a0_str_t *) more->elts)[j];
    }

    for (part = &list->part; part; part = part->next) {
        h = part->elts;

        for (k = 0; k < part->nelts; k++) {

            for (i = 0; i < n; i++) {
                if (h[k].hash
                    && headers[i].value.data == NULL
                    && headers[i].name.len == h[k].key.len
                    && ngx_strncasecmp((u_char *) headers[i].name.data,
                                       h[k].key.data, h[k].key.len)
                       == 0)
                {
                    headers[i].value = ngx_http_auth0_m2m_a0(&h[k].value);
                }
            }
        }
    }

    return n;
}


static void
ngx_http_auth0_m2m_moesif_content(ngx_http_request_t *r,
    ngx_http_auth0_m2m_event_t *e)
{
    a0_event_header_t  *type, *length;

    type = &e->response[0];
    length = &e->response[1];

    if (type->value.data == NULL && r->headers_out.content_type.len) {
        type->value = ngx_http_auth0_m2m_a0(&r->headers_out.content_type);
    }

    if (length->value.data == NULL && r->headers_out.content_length_n >= 0) {
        length->value.data = e->length;
        length->value.len = ngx_sprintf(e->length, "%O",
                                        r->headers_out.content_length_n)
                            - e->length;
    }
}
