
#include "ngx_http_auth0_m2m_memo.h"

#include <openssl/err.h>
#include <openssl/rand.h>


#define NGX_HTTP_AUTH0_M2M_MEMO_WAYS   4
#define NGX_HTTP_AUTH0_M2M_MEMO_BITS   12
#define NGX_HTTP_AUTH0_M2M_MEMO_SETS   (1 << NGX_HTTP_AUTH0_M2M_MEMO_BITS)

#define NGX_HTTP_AUTH0_M2M_MEMO_MAX    8192   /* bytes of an entry */
#define NGX_HTTP_AUTH0_M2M_MEMO_ALL    16777216   /* of all */

#define NGX_HTTP_AUTH0_M2M_MEMO_TAIL   4      /* words that are hashed */


/* One line of the processor's cache; tags are here so that a miss touches no
 * entry. */

typedef struct {
    ngx_http_auth0_m2m_memo_t     *entries[NGX_HTTP_AUTH0_M2M_MEMO_WAYS];
    uint32_t                       tags[NGX_HTTP_AUTH0_M2M_MEMO_WAYS];
    uint32_t                       suitor;    /* tag of who found no place */
    uint32_t                       turn;      /* whose place is given up */
    uint64_t                       pad;
} ngx_http_auth0_m2m_memo_set_t;


typedef struct {
    size_t                         size;      /* of all entries */
    uint64_t                       key[NGX_HTTP_AUTH0_M2M_MEMO_TAIL];
    ngx_http_auth0_m2m_memo_set_t  sets[NGX_HTTP_AUTH0_M2M_MEMO_SETS]
                                       __attribute__((aligned(64)));
} ngx_http_auth0_m2m_memo_table_t;


static ngx_http_auth0_m2m_memo_set_t *ngx_http_auth0_m2m_memo_set(
    a0_str_t token, uint32_t *tag);
static ngx_uint_t ngx_http_auth0_m2m_memo_place(
    ngx_http_auth0_m2m_memo_set_t *set, uint32_t tag);
static ngx_http_auth0_m2m_memo_t *ngx_http_auth0_m2m_memo_room(
    ngx_http_auth0_m2m_memo_t *old, size_t size);


static ngx_http_auth0_m2m_memo_table_t  ngx_http_auth0_m2m_memo;


ngx_int_t
ngx_http_auth0_m2m_memo_init(void)
{
    ngx_uint_t  i;
    u_char     *key;

    key = (u_char *) ngx_http_auth0_m2m_memo.key;

    if (RAND_bytes(key, sizeof(ngx_http_auth0_m2m_memo.key)) != 1) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_AUTH0_M2M_MEMO_TAIL; i++) {
        ngx_http_auth0_m2m_memo.key[i] |= 1;
    }

    return NGX_OK;
}


void
ngx_http_auth0_m2m_memo_free(void)
{
    ngx_uint_t                      i, j;
    ngx_http_auth0_m2m_memo_set_t  *set;

    for (i = 0; i < NGX_HTTP_AUTH0_M2M_MEMO_SETS; i++) {
        set = &ngx_http_auth0_m2m_memo.sets[i];

        for (j = 0; j < NGX_HTTP_AUTH0_M2M_MEMO_WAYS; j++) {
            if (set->entries[j]) {
                ngx_free(set->entries[j]);
                set->entries[j] = NULL;
            }
        }
    }

    ngx_http_auth0_m2m_memo.size = 0;
}


/*
 * By the last bytes, which are the signature's: those of a verified token are
 * as good as random, and a client cannot choose them.  Multiply-shift with a
 * random odd key; whatever collides is told apart by its bytes.
 */

static ngx_http_auth0_m2m_memo_set_t *
ngx_http_auth0_m2m_memo_set(a0_str_t token, uint32_t *tag)
{
    uint64_t    h, tail[NGX_HTTP_AUTH0_M2M_MEMO_TAIL];
    ngx_uint_t  i;

    if (token.len < sizeof(tail)) {
        return NULL;
    }

    ngx_memcpy(tail, token.data + token.len - sizeof(tail), sizeof(tail));

    h = 0;

    for (i = 0; i < NGX_HTTP_AUTH0_M2M_MEMO_TAIL; i++) {
        h += tail[i] * ngx_http_auth0_m2m_memo.key[i];
    }

    *tag = (uint32_t) (h >> 20);

    return &ngx_http_auth0_m2m_memo.sets[
               h >> (64 - NGX_HTTP_AUTH0_M2M_MEMO_BITS)];
}


/* memcmp() may end early: it is asked only about a token that ends as ours
 * does, and who knows that end knows the token. */

const ngx_http_auth0_m2m_memo_t *
ngx_http_auth0_m2m_memo_get(a0_str_t token)
{
    uint32_t                        tag;
    ngx_uint_t                      i;
    ngx_http_auth0_m2m_memo_t      *e;
    ngx_http_auth0_m2m_memo_set_t  *set;

    set = ngx_http_auth0_m2m_memo_set(token, &tag);
    if (set == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_AUTH0_M2M_MEMO_WAYS; i++) {
        e = set->entries[i];

        if (e && set->tags[i] == tag
            && e->len == token.len
            && ngx_memcmp((u_char *) &e->claims + e->claims.size, token.data,
                          token.len)
               == 0)
        {
            return e;
        }
    }

    return NULL;
}


void
ngx_http_auth0_m2m_memo_put(a0_str_t token, const a0_claims_t *claims,
    const a0_tcache_origin_t *origin)
{
    size_t                          size;
    uint32_t                        tag;
    ngx_uint_t                      i;
    ngx_http_auth0_m2m_memo_t      *e;
    ngx_http_auth0_m2m_memo_set_t  *set;

    size = offsetof(ngx_http_auth0_m2m_memo_t, claims) + claims->size
           + token.len;

    set = ngx_http_auth0_m2m_memo_set(token, &tag);

    if (set == NULL || size > NGX_HTTP_AUTH0_M2M_MEMO_MAX) {
        return;
    }

    i = ngx_http_auth0_m2m_memo_place(set, tag);

    if (i == NGX_HTTP_AUTH0_M2M_MEMO_WAYS) {
        return;
    }

    e = ngx_http_auth0_m2m_memo_room(set->entries[i], size);
    set->entries[i] = e;

    if (e == NULL) {
        return;
    }

    set->tags[i] = tag;

    e->len = token.len;
    e->origin = *origin;
    ngx_memcpy(&e->claims, claims, claims->size);
    ngx_memcpy((u_char *) &e->claims + claims->size, token.data, token.len);
}


/* The token's own, a free one, or one to give up, which nobody does for a
 * first sight: many tokens in turn would replace each other before they are
 * of use. */

static ngx_uint_t
ngx_http_auth0_m2m_memo_place(ngx_http_auth0_m2m_memo_set_t *set,
    uint32_t tag)
{
    ngx_uint_t  i, place;

    place = NGX_HTTP_AUTH0_M2M_MEMO_WAYS;

    for (i = 0; i < NGX_HTTP_AUTH0_M2M_MEMO_WAYS; i++) {

        if (set->entries[i] == NULL) {
            place = i;

        } else if (set->tags[i] == tag) {
            return i;
        }
    }

    if (place != NGX_HTTP_AUTH0_M2M_MEMO_WAYS) {
        return place;
    }

    if (set->suitor != tag) {
        set->suitor = tag;
        return NGX_HTTP_AUTH0_M2M_MEMO_WAYS;
    }

    set->suitor = 0;

    return set->turn++ % NGX_HTTP_AUTH0_M2M_MEMO_WAYS;
}


/* Memory for an entry, old's if that will do; NULL: no more for the table. */

static ngx_http_auth0_m2m_memo_t *
ngx_http_auth0_m2m_memo_room(ngx_http_auth0_m2m_memo_t *old, size_t size)
{
    ngx_http_auth0_m2m_memo_t  *e;

    if (old && old->size >= size) {
        return old;
    }

    if (old) {
        ngx_http_auth0_m2m_memo.size -= old->size;
        ngx_free(old);
    }

    if (ngx_http_auth0_m2m_memo.size + size > NGX_HTTP_AUTH0_M2M_MEMO_ALL) {
        return NULL;
    }

    e = ngx_alloc(size, ngx_cycle->log);

    if (e) {
        e->size = size;
        ngx_http_auth0_m2m_memo.size += size;
    }

    return e;
}
