
/*
 * auth0_m2m_authorizer: the answer of an external authorizer for gateways
 * that ask one over HTTP.
 */

#ifndef NGX_HTTP_AUTH0_M2M_AUTHORIZER_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_AUTHORIZER_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/*
 * Content handler.  200, headers X-Auth0-Org-Id, X-Auth0-Client-Id and
 * X-Auth0-Scope, and a JSON body for a token that the location's rules accept;
 * else the answer of the access handler.  It judges by itself where no access
 * phase has run: nginx skips that phase for subrequests, such as those of
 * auth_request.
 */
ngx_int_t ngx_http_auth0_m2m_authorizer_handler(ngx_http_request_t *r);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_AUTHORIZER_H_INCLUDED */
