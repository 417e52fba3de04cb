
/*
 * The worker's own memory of verified tokens, in front of the shared one: a
 * client sends the same token again, and comparing its bytes is cheaper than
 * hashing them.  Like the shared one it remembers "these bytes were authentic
 * under key set K, generation G, and said these claims", never a verdict.
 *
 * A set-associative table in process memory.  An entry is allocated when it is
 * first needed and takes what its token and claims need, at most 8 KiB; all of
 * them together take at most 16 MiB, the table another 256 KiB.  What does not
 * fit is not remembered here.
 */

#ifndef NGX_HTTP_AUTH0_M2M_MEMO_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_MEMO_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include "a0_jwt.h"
#include "a0_tcache.h"


/* The token's bytes stand behind the claims. */

typedef struct {
    size_t                         size;      /* bytes allocated */
    size_t                         len;       /* of the token */
    a0_tcache_origin_t             origin;
    a0_claims_t                    claims;
} ngx_http_auth0_m2m_memo_t;


#pragma GCC visibility push(hidden)


/* NGX_ERROR: OpenSSL has no random numbers. */

ngx_int_t ngx_http_auth0_m2m_memo_init(void);
void ngx_http_auth0_m2m_memo_free(void);

/* The entry of exactly these bytes or NULL; in force until the next call of
 * _put().  The caller compares origin with the keys now in force. */

const ngx_http_auth0_m2m_memo_t *ngx_http_auth0_m2m_memo_get(a0_str_t token);

/* Remembers a token that was verified, or not: where all places are taken, one
 * is given up only to a token that comes a second time. */

void ngx_http_auth0_m2m_memo_put(a0_str_t token, const a0_claims_t *claims,
    const a0_tcache_origin_t *origin);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_MEMO_H_INCLUDED */
