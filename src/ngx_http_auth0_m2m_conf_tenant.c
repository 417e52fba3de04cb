
#include "ngx_http_auth0_m2m_conf.h"


static ngx_int_t ngx_http_auth0_m2m_conf_scheme(ngx_conf_t *cf,
    ngx_http_auth0_m2m_tenant_t *tenant, ngx_str_t *url, ngx_url_t *u);
static ngx_int_t ngx_http_auth0_m2m_conf_plain(ngx_conf_t *cf, ngx_str_t *url);
static ngx_http_upstream_srv_conf_t *ngx_http_auth0_m2m_conf_block(
    ngx_conf_t *cf, ngx_url_t *u);
static ngx_uint_t ngx_http_auth0_m2m_conf_loopback(
    ngx_http_upstream_srv_conf_t *uscf);
static ngx_uint_t ngx_http_auth0_m2m_conf_is_loopback(struct sockaddr *sa);
static ngx_http_upstream_srv_conf_t *ngx_http_auth0_m2m_conf_peer(
    ngx_conf_t *cf, ngx_url_t *u);


/*
 * Where the tenant is reached: an upstream block, an address, a name for the
 * resolver, or a name looked up now.
 */

ngx_int_t
ngx_http_auth0_m2m_conf_reach(ngx_conf_t *cf, ngx_http_auth0_m2m_keyset_t *ks,
    ngx_str_t *url)
{
    ngx_url_t                      u;
    ngx_http_auth0_m2m_tenant_t   *tenant;
    ngx_http_upstream_srv_conf_t  *uscf;

    tenant = ks->tenant;
    ks->fetch = 1;

    if (ngx_http_auth0_m2m_conf_scheme(cf, tenant, url, &u) != NGX_OK) {
        return NGX_ERROR;
    }

    uscf = ngx_http_auth0_m2m_conf_block(cf, &u);

    if (uscf == NULL && u.naddrs == 0 && tenant->ssl
        && ngx_http_auth0_m2m_conf_resolver(cf))
    {
        return NGX_OK;
    }

    if (uscf == NULL) {
        uscf = ngx_http_auth0_m2m_conf_peer(cf, &u);
    }

    if (uscf == NULL && ks->file_keys.len) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the keys of \"%V\" come from \"%V\" only: the "
                           "tenant's address is not known",
                           &tenant->domain, &ks->file);
        ks->fetch = 0;
        return NGX_OK;
    }

    if (uscf == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "host not found: \"%V\" of \"%s\" for the tenant "
                           "\"%V\", %s", &tenant->host,
                           url->len ? "auth0_m2m_upstream"
                                    : "auth0_m2m_domain",
                           &tenant->domain,
                           tenant->ssl ? "add \"resolver\" to look names up "
                                         "at run time"
                                       : "write its loopback address");
        return NGX_ERROR;
    }

    tenant->upstream.upstream = uscf;

    if (!tenant->ssl && !ngx_http_auth0_m2m_conf_loopback(uscf)) {
        return ngx_http_auth0_m2m_conf_plain(cf, url);
    }

    return NGX_OK;
}


size_t
ngx_http_auth0_m2m_conf_url(ngx_str_t *url)
{
    /* neither users nor fragments, and no variables */

    if (strpbrk((char *) url->data, "@#$") != NULL) {
        return 0;
    }

    if (ngx_strncasecmp(url->data, (u_char *) "http://", 7) == 0) {
        return 7;
    }

    return (ngx_strncasecmp(url->data, (u_char *) "https://", 8) == 0) ? 8 : 0;
}


static ngx_int_t
ngx_http_auth0_m2m_conf_scheme(ngx_conf_t *cf,
    ngx_http_auth0_m2m_tenant_t *tenant, ngx_str_t *url, ngx_url_t *u)
{
    size_t  skip;

    ngx_memzero(u, sizeof(ngx_url_t));

    skip = url->len ? ngx_http_auth0_m2m_conf_url(url) : 0;
    tenant->ssl = (skip != 7);

    u->url = url->len ? *url : tenant->domain;
    u->url.len -= skip;
    u->url.data += skip;
    u->default_port = tenant->ssl ? 443 : 80;
    u->uri_part = 1;
    u->no_resolve = 1;

    if (ngx_parse_url(cf->pool, u) != NGX_OK || u->uri.len > 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"%V\" of \"auth0_m2m_upstream\", "
                           "write https://host[:port] alone",
                           u->err ? u->err : "path", url);
        return NGX_ERROR;
    }

    tenant->host = u->host;
    tenant->port = u->port;

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_conf_plain(ngx_conf_t *cf, ngx_str_t *url)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" of \"auth0_m2m_upstream\" would send secrets in "
                       "plain text: http:// is for loopback addresses and unix "
                       "sockets only, use https://", url);

    return NGX_ERROR;
}


ngx_uint_t
ngx_http_auth0_m2m_conf_resolver(ngx_conf_t *cf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    return clcf->resolver && clcf->resolver->connections.nelts;
}


static ngx_http_upstream_srv_conf_t *
ngx_http_auth0_m2m_conf_block(ngx_conf_t *cf, ngx_url_t *u)
{
    ngx_uint_t                       i;
    ngx_http_upstream_srv_conf_t   **uscfp;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if ((uscfp[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            && u->no_port
            && uscfp[i]->host.len == u->host.len
            && ngx_strncasecmp(uscfp[i]->host.data, u->host.data, u->host.len)
               == 0)
        {
            return uscfp[i];
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_auth0_m2m_conf_loopback(ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *peers;

    for (peers = uscf->peer.data; peers; peers = peers->next) {
        for (peer = peers->peer; peer; peer = peer->next) {
            if (!ngx_http_auth0_m2m_conf_is_loopback(peer->sockaddr)) {
                return 0;
            }
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_auth0_m2m_conf_is_loopback(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;

#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

    case AF_UNIX:
        return 1;

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr) ? 1 : 0;
#endif

    default:
        return 0;
    }
}


/* What proxy_pass makes of a URL; merging is too late to ask the core. */

static ngx_http_upstream_srv_conf_t *
ngx_http_auth0_m2m_conf_peer(ngx_conf_t *cf, ngx_url_t *u)
{
    ngx_http_upstream_server_t    *server;
    ngx_http_upstream_srv_conf_t  *uscf;

    if (u->naddrs == 0 && ngx_inet_resolve_host(cf->pool, u) != NGX_OK) {
        return NULL;
    }

    uscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_srv_conf_t));
    if (uscf == NULL) {
        return NULL;
    }

    uscf->host = u->host;
    uscf->port = u->port;
    uscf->file_name = cf->conf_file->file.name.data;
    uscf->line = cf->conf_file->line;

    uscf->servers = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_http_upstream_server_t));
    if (uscf->servers == NULL) {
        return NULL;
    }

    server = ngx_array_push(uscf->servers);
    if (server == NULL) {
        return NULL;
    }

    ngx_memzero(server, sizeof(ngx_http_upstream_server_t));

    server->name = u->url;
    server->addrs = u->addrs;
    server->naddrs = u->naddrs;
    server->weight = 1;
    server->max_fails = 1;
    server->fail_timeout = 10;

    if (ngx_http_upstream_init_round_robin(cf, uscf) != NGX_OK) {
        return NULL;
    }

    return uscf;
}
