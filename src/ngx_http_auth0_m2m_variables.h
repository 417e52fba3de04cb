
/*
 * Variables of a verified token, see docs/variables.md.
 */

#ifndef NGX_HTTP_AUTH0_M2M_VARIABLES_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_VARIABLES_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/* The table that module.c registers; ends with an empty name. */

extern ngx_http_variable_t  ngx_http_auth0_m2m_variables[];


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_VARIABLES_H_INCLUDED */
