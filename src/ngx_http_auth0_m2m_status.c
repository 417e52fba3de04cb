
#include "ngx_http_auth0_m2m_jwks.h"
#include "ngx_http_auth0_m2m_shm_provision.h"
#include "ngx_http_auth0_m2m_status.h"

#include "a0_metrics.h"


static ngx_int_t ngx_http_auth0_m2m_status_render(ngx_http_request_t *r,
    ngx_uint_t format, ngx_str_t *body);
static void ngx_http_auth0_m2m_status_gauges(
    ngx_http_auth0_m2m_shared_t *shared, uint64_t *gauges);
static size_t ngx_http_auth0_m2m_status_keys(
    ngx_http_auth0_m2m_main_conf_t *mcf,
    ngx_http_auth0_m2m_keys_info_t *info, a0_metric_key_set_t *sets);


ngx_int_t
ngx_http_auth0_m2m_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_str_t                       body;
    ngx_buf_t                      *b;
    ngx_chain_t                     out;
    ngx_http_auth0_m2m_loc_conf_t  *lcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);

    rc = ngx_http_auth0_m2m_status_render(r, lcf->status, &body);
    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->status == NGX_HTTP_AUTH0_M2M_STATUS_PROMETHEUS) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = body.len;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = body.data;
    b->last = body.data + body.len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_auth0_m2m_status_render(ngx_http_request_t *r, ngx_uint_t format,
    ngx_str_t *body)
{
    size_t                            size, n;
    a0_err_t                          err;
    a0_metrics_t                      m;
    a0_metric_key_set_t              *sets;
    ngx_http_auth0_m2m_keys_info_t   *info;
    ngx_http_auth0_m2m_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_auth0_m2m_module);
    n = mcf->keysets.nelts;
    size = a0_metrics_size(n);

    body->data = ngx_palloc(r->pool, size);
    info = ngx_pcalloc(r->pool, n * sizeof(ngx_http_auth0_m2m_keys_info_t));
    sets = ngx_pcalloc(r->pool, n * sizeof(a0_metric_key_set_t));

    if (body->data == NULL || info == NULL || sets == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&m, sizeof(a0_metrics_t));

    m.counters = ngx_http_auth0_m2m_shm_counters(mcf->shared);
    m.key_sets = sets;
    m.nkey_sets = ngx_http_auth0_m2m_status_keys(mcf, info, sets);
    m.now = ngx_current_msec;

    ngx_http_auth0_m2m_status_gauges(mcf->shared, m.gauges);

    if (format == NGX_HTTP_AUTH0_M2M_STATUS_PROMETHEUS) {
        err = a0_metrics_prometheus(&m, body->data, size, &body->len);

    } else {
        err = a0_metrics_json(&m, body->data, size, &body->len);
    }

    return (err == A0_OK) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_auth0_m2m_status_gauges(ngx_http_auth0_m2m_shared_t *shared,
    uint64_t *gauges)
{
    size_t                        entries, capacity;
    a0_tcache_t                  *tcache;
    ngx_http_auth0_m2m_tables_t  *tables;

    tables = ngx_http_auth0_m2m_shm_tables(shared);
    tcache = ngx_http_auth0_m2m_shm_tcache(shared);

    entries = a0_tcache_entries(tcache, ngx_time());
    capacity = a0_tcache_capacity(tcache);

    gauges[A0_GAUGE_CACHE_ENTRIES] = entries;
    gauges[A0_GAUGE_CACHE_CAPACITY] = capacity;
    gauges[A0_GAUGE_LEASES] = ngx_http_auth0_m2m_lease_count(tables,
                                                            ngx_current_msec);
    gauges[A0_GAUGE_ORPHANS_PENDING] =
                           ngx_http_auth0_m2m_orphan_count(tables, ngx_time());
    gauges[A0_GAUGE_REVOKED_CLIENTS] =
                          ngx_http_auth0_m2m_revoked_count(tables, ngx_time());
    gauges[A0_GAUGE_ZONE_SIZE] = ngx_http_auth0_m2m_shm_size(shared);
    gauges[A0_GAUGE_ZONE_USED] = ngx_http_auth0_m2m_shm_size(shared)
                                 - (capacity - entries) * A0_TCACHE_ENTRY;
}


static size_t
ngx_http_auth0_m2m_status_keys(ngx_http_auth0_m2m_main_conf_t *mcf,
    ngx_http_auth0_m2m_keys_info_t *info, a0_metric_key_set_t *sets)
{
    size_t                         n;
    ngx_uint_t                     i;
    ngx_http_auth0_m2m_keyset_t  **ks;

    n = 0;
    ks = mcf->keysets.elts;

    for (i = 0; i < mcf->keysets.nelts; i++) {

        if (ngx_http_auth0_m2m_shm_keys_read(mcf->shared, ks[i]->slot,
                                             ks[i]->id, &info[n], NULL)
            != NGX_OK)
        {
            continue;
        }

        sets[n].domain = ngx_http_auth0_m2m_a0(&ks[i]->tenant->domain);
        sets[n].keys = ngx_http_auth0_m2m_jwks_count(ks[i]);
        sets[n].generation = info[n].generation;
        sets[n].meta = &info[n].meta;
        sets[n].times = &ks[i]->times;
        n++;
    }

    return n;
}
