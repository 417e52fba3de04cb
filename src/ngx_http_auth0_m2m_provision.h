
/*
 * auth0_m2m_provision: customers' credentials over HTTP, see
 * docs/provisioning.md.
 */

#ifndef NGX_HTTP_AUTH0_M2M_PROVISION_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_PROVISION_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/*
 * Content handler.  Answers OPTIONS by itself; everything else needs a token
 * that the location's rules accept, and every refusal is a problem document
 * (RFC 9457).
 */
ngx_int_t ngx_http_auth0_m2m_provision_handler(ngx_http_request_t *r);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_PROVISION_H_INCLUDED */
