
/*
 * Memory of secrets: pages of their own, which core files leave out and which
 * are wiped before they go back.
 */

#ifndef NGX_HTTP_AUTH0_M2M_PAGES_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_PAGES_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/* Zeroed, aligned to a page; pages that are never touched cost nothing.
 * NULL: no memory (logged). */

void *ngx_http_auth0_m2m_pages_alloc(size_t size, ngx_log_t *log);

/* Wipes the first `used` of size bytes. */

void ngx_http_auth0_m2m_pages_free(void *addr, size_t size, size_t used);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_PAGES_H_INCLUDED */
