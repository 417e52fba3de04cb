
/*
 * auth0_m2m_status: counters, keys and ages as JSON or for Prometheus.
 */

#ifndef NGX_HTTP_AUTH0_M2M_STATUS_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_STATUS_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#define NGX_HTTP_AUTH0_M2M_STATUS_NONE        0
#define NGX_HTTP_AUTH0_M2M_STATUS_JSON        1
#define NGX_HTTP_AUTH0_M2M_STATUS_PROMETHEUS  2


#pragma GCC visibility push(hidden)


/* Content handler; GET and HEAD.  Whoever reaches the location may read it. */

ngx_int_t ngx_http_auth0_m2m_status_handler(ngx_http_request_t *r);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_STATUS_H_INCLUDED */
