
/*
 * What the workers share for provisioning: Management tokens, leases of users,
 * idempotency records, the limiter, revoked clients, the ring of orphans.
 *
 * Tables of fixed size in the zone, searched under its mutex: provisioning is
 * rare.  Only the revoked clients are looked at by every request, through a
 * worker's own copy that is renewed when the sequence number moves.  All of
 * them survive a reload.  An entry is in use when its time says so; that field
 * is written last, so that a writer killed half way leaves nothing behind.
 *
 * Times: ms are monotonic (ngx_current_msec), seconds are since the epoch.
 */

#ifndef NGX_HTTP_AUTH0_M2M_SHM_PROVISION_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_SHM_PROVISION_H_INCLUDED


#include "ngx_http_auth0_m2m_shm.h"

#include "a0_provision.h"
#include "a0_provision_pace.h"
#include "a0_provision_token.h"


#define NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX  64


/* An entry of the ring. */

typedef struct {
    a0_ring_e                      kind;
    u_char                         id[NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX];
    size_t                         len;
    int64_t                        due;        /* seconds */
    ngx_uint_t                     deny;
    ngx_uint_t                     tries;
    uint64_t                       serial;     /* of the last put() */
    u_char                         tenant[NGX_HTTP_AUTH0_M2M_ID];
} ngx_http_auth0_m2m_orphan_t;


typedef enum {
    NGX_HTTP_AUTH0_M2M_IDEMPOTENT_NEW = 0,   /* recorded as in flight */
    NGX_HTTP_AUTH0_M2M_IDEMPOTENT_RUNNING,
    NGX_HTTP_AUTH0_M2M_IDEMPOTENT_DONE,      /* *client_id made before */
    NGX_HTTP_AUTH0_M2M_IDEMPOTENT_OTHER,     /* same key, other payload */
    NGX_HTTP_AUTH0_M2M_IDEMPOTENT_FULL
} ngx_http_auth0_m2m_idempotent_e;


/* Why a Management token is given up. */

typedef enum {
    NGX_HTTP_AUTH0_M2M_DROP_REFUSED = 0,     /* 401 */
    NGX_HTTP_AUTH0_M2M_DROP_NARROW,          /* 403: it lacks a scope */
    NGX_HTTP_AUTH0_M2M_DROPS
} ngx_http_auth0_m2m_drop_e;


#pragma GCC visibility push(hidden)


/* Bytes that the tables take in a zone of size bytes, and their birth. */

size_t ngx_http_auth0_m2m_tables_size(size_t size);

ngx_int_t ngx_http_auth0_m2m_tables_init(ngx_http_auth0_m2m_tables_t *t,
    size_t size, ngx_slab_pool_t *shpool);


/* Keyed digest (HMAC-SHA-256 under the zone's random key) of n strings: what
 * names users and idempotency keys in the zone.  NGX_ERROR: no memory. */

ngx_int_t ngx_http_auth0_m2m_tables_name(ngx_http_auth0_m2m_tables_t *t,
    const a0_str_t *parts, ngx_uint_t n, u_char *name);


/*
 * Management tokens, one slot for each Management client (id: digest of
 * domain and client id).
 *
 * slots: how many there are.  slot: the one of that id, given it anew if need
 * be: one that none of the n ids in use has, the one claimed longest ago; n
 * is no more than there are.  The rest sees by the id that a slot is
 * another's, and then does nothing.
 *
 * get: NGX_OK: token copied (A0_MGMT_TOKEN_MAX bytes), *generation set;
 * NGX_DECLINED: none, and the caller has the lease to fetch one: it must
 * call put() or failed(); NGX_AGAIN: somebody else is fetching, look again;
 * NGX_BUSY: the last attempt failed less than 1 s ago, or the slot is
 * another's.
 * refresh: NGX_DECLINED when a refresh is due and the caller has the lease.
 * drop: that generation was refused; forgets it once, and allows a new one at
 * most every 5 s for each reason.
 */
ngx_uint_t ngx_http_auth0_m2m_mgmt_slots(ngx_http_auth0_m2m_tables_t *t);
ngx_uint_t ngx_http_auth0_m2m_mgmt_slot(ngx_http_auth0_m2m_tables_t *t,
    const u_char *id, const u_char **in_use, ngx_uint_t n);
ngx_int_t ngx_http_auth0_m2m_mgmt_get(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now, int64_t seconds,
    ngx_msec_t timeout, u_char *token, size_t *len, uint64_t *generation);
ngx_int_t ngx_http_auth0_m2m_mgmt_refresh(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now, int64_t seconds,
    ngx_msec_t timeout);
void ngx_http_auth0_m2m_mgmt_put(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, int64_t seconds,
    const a0_mgmt_token_t *token, uint32_t random);
void ngx_http_auth0_m2m_mgmt_failed(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now);
void ngx_http_auth0_m2m_mgmt_drop(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now, uint64_t generation,
    ngx_http_auth0_m2m_drop_e why);

/* The tenant's rate limit as that client meets it, under the lock. */

uint32_t ngx_http_auth0_m2m_mgmt_pace_take(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, ngx_msec_t now, uint64_t *call);
void ngx_http_auth0_m2m_mgmt_pace_feed(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, const u_char *id, uint64_t call,
    const a0_provision_now_t *now, const a0_reply_t *reply);


/* One saga a user: NGX_OK: taken for ms; NGX_BUSY: somebody has it;
 * NGX_ABORT: no room.  A lease whose owner died or whose time is up is free. */

ngx_int_t ngx_http_auth0_m2m_lease_take(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, uint64_t serial, ngx_msec_t now, ngx_msec_t ms);
void ngx_http_auth0_m2m_lease_release(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, uint64_t serial);
ngx_uint_t ngx_http_auth0_m2m_lease_count(ngx_http_auth0_m2m_tables_t *t,
    ngx_msec_t now);


/*
 * Idempotency-Keys.  *client_id has CLIENT_ID_MAX bytes.  An attempt is in
 * flight for some minutes at most.
 */

ngx_http_auth0_m2m_idempotent_e ngx_http_auth0_m2m_idempotent_begin(
    ngx_http_auth0_m2m_tables_t *t, const u_char *name,
    const u_char *fingerprint, int64_t seconds, u_char *client_id,
    size_t *len);

/* The attempt ended: with a credential, which is remembered for ttl seconds,
 * or (len 0) without, then the key may be used again. */

void ngx_http_auth0_m2m_idempotent_end(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, int64_t seconds, ngx_int_t ttl,
    const u_char *client_id, size_t len);


/* Leaky bucket: 0 when the request may pass, else ms until it may.  rate in
 * requests per 1000 s; burst in requests. */

ngx_msec_t ngx_http_auth0_m2m_limit(ngx_http_auth0_m2m_tables_t *t,
    const u_char *name, ngx_msec_t now, ngx_uint_t rate, ngx_uint_t burst);


/*
 * Revoked clients.  add: NGX_DECLINED: the table is full and the entry that
 * ends first made room.  revoked: 1 while tokens of that client are refused;
 * lock-free while nothing changes.
 */
ngx_int_t ngx_http_auth0_m2m_revoke(ngx_http_auth0_m2m_tables_t *t,
    a0_str_t client_id, int64_t seconds, int64_t until);
ngx_uint_t ngx_http_auth0_m2m_revoked(ngx_http_auth0_m2m_tables_t *t,
    a0_str_t client_id, int64_t seconds);
ngx_uint_t ngx_http_auth0_m2m_revoked_count(ngx_http_auth0_m2m_tables_t *t,
    int64_t seconds);


/*
 * The ring; any Management client of a tenant (id: digest of its domain)
 * cleans what is that tenant's.
 * put: NGX_ERROR when full, which it is for what is due in more than some
 * minutes while a quarter is still left to what is not; `mine`: taken only
 * when this process is dead.  An entry that is in it already (same kind and
 * id) is renewed; of a client the earlier date counts.
 * take: the next entry that is due and that nobody holds, held for ms;
 * NGX_DECLINED: none.  done: the entry of that slot and serial was cleaned
 * (forget it), or not: again after retry seconds.  count: those that should be
 * gone; not what is to go later, nor what a saga still works on.
 */
ngx_int_t ngx_http_auth0_m2m_orphan_put(ngx_http_auth0_m2m_tables_t *t,
    const u_char *tenant, const a0_ring_entry_t *entry, int64_t seconds,
    ngx_uint_t mine);
ngx_int_t ngx_http_auth0_m2m_orphan_take(ngx_http_auth0_m2m_tables_t *t,
    const u_char *tenant, int64_t seconds, ngx_msec_t now, ngx_msec_t ms,
    ngx_uint_t *slot, ngx_http_auth0_m2m_orphan_t *orphan);
void ngx_http_auth0_m2m_orphan_done(ngx_http_auth0_m2m_tables_t *t,
    ngx_uint_t slot, uint64_t serial, ngx_uint_t cleaned, int64_t seconds,
    ngx_int_t retry);
void ngx_http_auth0_m2m_orphan_forget(ngx_http_auth0_m2m_tables_t *t,
    a0_ring_e kind, a0_str_t id);
ngx_uint_t ngx_http_auth0_m2m_orphan_count(ngx_http_auth0_m2m_tables_t *t,
    int64_t seconds);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_SHM_PROVISION_H_INCLUDED */
