
#include <openssl/err.h>
#include <openssl/rand.h>

#include "ngx_http_auth0_m2m_memo.h"


#define NGX_HTTP_AUTH0_M2M_MEMO_BITS   10
#define NGX_HTTP_AUTH0_M2M_MEMO_SLOTS  (1 << NGX_HTTP_AUTH0_M2M_MEMO_BITS)
#define NGX_HTTP_AUTH0_M2M_MEMO_MAX    4096   /* bytes of an entry */

#define NGX_HTTP_AUTH0_M2M_MEMO_TAIL   4      /* words that are hashed */


/* The hashes are here so that a miss touches no entry. */

typedef struct {
    uint64_t                       hash;      /* of the entry */
    uint64_t                       suitor;    /* of who wanted its place */
    ngx_http_auth0_m2m_memo_t     *entry;
} ngx_http_auth0_m2m_memo_slot_t;


typedef struct {
    uint64_t                        key[NGX_HTTP_AUTH0_M2M_MEMO_TAIL];
    ngx_http_auth0_m2m_memo_slot_t  slots[NGX_HTTP_AUTH0_M2M_MEMO_SLOTS];
} ngx_http_auth0_m2m_memo_table_t;


static ngx_http_auth0_m2m_memo_slot_t *ngx_http_auth0_m2m_memo_slot(
    a0_str_t token, uint64_t *hash);
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
    ngx_uint_t                       i;
    ngx_http_auth0_m2m_memo_slot_t  *slot;

    for (i = 0; i < NGX_HTTP_AUTH0_M2M_MEMO_SLOTS; i++) {
        slot = &ngx_http_auth0_m2m_memo.slots[i];

        if (slot->entry) {
            ngx_free(slot->entry);
            slot->entry = NULL;
        }
    }
}


/*
 * By the last bytes, which are the signature's: those of a verified token are
 * as good as random, and a client cannot choose them.  Multiply-shift with a
 * random odd key; whatever collides is told apart by its bytes.
 */

static ngx_http_auth0_m2m_memo_slot_t *
ngx_http_auth0_m2m_memo_slot(a0_str_t token, uint64_t *hash)
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

    *hash = h;

    return &ngx_http_auth0_m2m_memo.slots[
               h >> (64 - NGX_HTTP_AUTH0_M2M_MEMO_BITS)];
}


/* memcmp() may end early: it is asked only about a token that ends as ours
 * does, and who knows that end knows the token. */

const ngx_http_auth0_m2m_memo_t *
ngx_http_auth0_m2m_memo_get(a0_str_t token)
{
    uint64_t                         hash;
    ngx_http_auth0_m2m_memo_t       *e;
    ngx_http_auth0_m2m_memo_slot_t  *slot;

    slot = ngx_http_auth0_m2m_memo_slot(token, &hash);

    if (slot == NULL || slot->entry == NULL || slot->hash != hash) {
        return NULL;
    }

    e = slot->entry;

    if (e->len != token.len
        || ngx_memcmp((u_char *) &e->claims + e->claims.size, token.data,
                      token.len)
           != 0)
    {
        return NULL;
    }

    return e;
}


void
ngx_http_auth0_m2m_memo_put(a0_str_t token, const a0_claims_t *claims,
    const a0_tcache_origin_t *origin)
{
    size_t                           size;
    uint64_t                         hash;
    ngx_http_auth0_m2m_memo_t       *e;
    ngx_http_auth0_m2m_memo_slot_t  *slot;

    size = offsetof(ngx_http_auth0_m2m_memo_t, claims) + claims->size
           + token.len;

    slot = ngx_http_auth0_m2m_memo_slot(token, &hash);

    if (slot == NULL || size > NGX_HTTP_AUTH0_M2M_MEMO_MAX) {
        return;
    }

    /* many tokens in turn would replace each other before they are of use */

    if (slot->entry && slot->hash != hash && slot->suitor != hash) {
        slot->suitor = hash;
        return;
    }

    e = ngx_http_auth0_m2m_memo_room(slot->entry, size);
    slot->entry = e;

    if (e == NULL) {
        return;
    }

    slot->hash = hash;

    e->len = token.len;
    e->origin = *origin;
    ngx_memcpy(&e->claims, claims, claims->size);
    ngx_memcpy((u_char *) &e->claims + claims->size, token.data, token.len);
}


static ngx_http_auth0_m2m_memo_t *
ngx_http_auth0_m2m_memo_room(ngx_http_auth0_m2m_memo_t *old, size_t size)
{
    ngx_http_auth0_m2m_memo_t  *e;

    if (old && old->room >= size) {
        return old;
    }

    if (old) {
        ngx_free(old);
    }

    e = ngx_alloc(ngx_max(size, sizeof(ngx_http_auth0_m2m_memo_t)),
                  ngx_cycle->log);
    if (e) {
        e->room = size;
    }

    return e;
}
