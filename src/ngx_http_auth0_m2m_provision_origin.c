
#include "ngx_http_auth0_m2m_provision_answer.h"
#include "ngx_http_auth0_m2m_token.h"


static ngx_uint_t ngx_http_auth0_m2m_provision_same_origin(
    ngx_http_request_t *r, ngx_str_t *origin);
static ngx_uint_t ngx_http_auth0_m2m_provision_listed(ngx_array_t *origins,
    ngx_str_t *origin);


ngx_uint_t
ngx_http_auth0_m2m_provision_headers(ngx_http_request_t *r, const char *name,
    ngx_str_t **value)
{
    size_t            len;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;
    len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0
                && n++ == 0)
            {
                *value = &h[i].value;
            }
        }
    }

    return n;
}


ngx_int_t
ngx_http_auth0_m2m_provision_origin(ngx_http_auth0_m2m_provision_t *pc)
{
    ngx_str_t   *origin, *site;

    ngx_str_null(&pc->origin);

    switch (ngx_http_auth0_m2m_provision_headers(pc->request, "origin",
                                                 &origin))
    {
    case 0:
        return (ngx_http_auth0_m2m_provision_headers(pc->request,
                                                     "sec-fetch-site", &site)
                && site->len == 10
                && ngx_strncasecmp(site->data, (u_char *) "cross-site", 10)
                   == 0)
               ? NGX_DECLINED : NGX_OK;

    case 1:
        break;

    default:
        return NGX_DECLINED;
    }

    if (ngx_http_auth0_m2m_provision_same_origin(pc->request, origin)) {
        return NGX_OK;
    }

    if (ngx_http_auth0_m2m_provision_listed(pc->conf->origins, origin)) {
        pc->origin = *origin;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_auth0_m2m_provision_listed(ngx_array_t *origins, ngx_str_t *origin)
{
    a0_str_t    *allowed;
    ngx_uint_t   i;

    if (origins == NULL) {
        return 0;
    }

    allowed = origins->elts;

    for (i = 0; i < origins->nelts; i++) {
        if (allowed[i].len == origin->len
            && ngx_memcmp(allowed[i].data, origin->data, origin->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_auth0_m2m_provision_same_origin(ngx_http_request_t *r,
    ngx_str_t *origin)
{
    ngx_str_t  scheme, *host;

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_str_set(&scheme, "https://");

    } else
#endif
    {
        ngx_str_set(&scheme, "http://");
    }

    host = r->headers_in.host ? &r->headers_in.host->value
                              : &r->headers_in.server;

    return host->len
           && origin->len == scheme.len + host->len
           && ngx_strncmp(origin->data, scheme.data, scheme.len) == 0
           && ngx_strncasecmp(origin->data + scheme.len, host->data,
                              host->len)
              == 0;
}


/*
 * People and servers are known by what their tenant calls them, so it must be
 * the one that provisions.  Its other names, such as a custom domain, serve the
 * same keys; those of another tenant are others.
 */

a0_problem_e
ngx_http_auth0_m2m_provision_tenant(ngx_http_auth0_m2m_provision_t *pc,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    a0_err_t                      err;
    ngx_http_auth0_m2m_keyset_t  *first;

    first = pc->conf->keysets[0];

    if (ctx->keyset == first) {
        return A0_PROBLEM_NONE;
    }

    err = ngx_http_auth0_m2m_token_vouched(pc->request, ctx, first);

    switch (err) {

    case A0_OK:
        return A0_PROBLEM_NONE;

    case A0_ERR_INTERNAL:
        return A0_PROBLEM_INTERNAL;

    case A0_ERR_KEYS_UNAVAILABLE:
        return A0_PROBLEM_KEYS_UNAVAILABLE;

    default:
        break;
    }

    ngx_log_error(NGX_LOG_WARN, pc->request->connection->log, 0,
                  "auth0_m2m: no key of \"%V\", which provisions, is that of "
                  "a token from \"%V\": \"auth0_m2m_domain\" must list "
                  "names of one tenant here",
                  &first->tenant->domain, &ctx->keyset->tenant->domain);

    return A0_PROBLEM_FORBIDDEN;
}
