
/*
 * The access phase: a verdict lets a request in or refuses it.
 */

#ifndef NGX_HTTP_AUTH0_M2M_ACCESS_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_ACCESS_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/* First in the access phase: lets in, or refuses. */

ngx_int_t ngx_http_auth0_m2m_access_handler(ngx_http_request_t *r);

/*
 * Last in the access phase: with "satisfy any", refuses what neither the token
 * nor anything else has let in.  Nothing is told to those that were.
 */
ngx_int_t ngx_http_auth0_m2m_access_last_handler(ngx_http_request_t *r);

#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_ACCESS_H_INCLUDED */
