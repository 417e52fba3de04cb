
/*
 * $auth0_m2m_moesif_event and $auth0_m2m_moesif_slot, see docs/moesif.md.
 */

#ifndef NGX_HTTP_AUTH0_M2M_MOESIF_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_MOESIF_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


/* auth0_m2m_moesif; where it is not given, the defaults hold. */

struct ngx_http_auth0_m2m_moesif_conf_s {
    ngx_http_complex_value_t      *company;    /* NULL: $jwt_org_id */
    ngx_http_complex_value_t      *user;       /* NULL: the client id */
    ngx_array_t                    request;    /* a0_str_t: header names, */
    ngx_array_t                    response;   /* beside the usual ones */
    ngx_flag_t                     query;
};


#pragma GCC visibility push(hidden)


/* A whole event as one line of JSON, for the log phase. */

ngx_int_t ngx_http_auth0_m2m_moesif_event(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

/* The UTC hour, such as 2026-01-31T13. */

ngx_int_t ngx_http_auth0_m2m_moesif_slot(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_MOESIF_H_INCLUDED */
