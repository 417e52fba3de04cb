
/*
 * Layout of the provisioning tables; for the files that are named *_shm_*
 * only.
 */

#ifndef NGX_HTTP_AUTH0_M2M_SHM_TABLES_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_SHM_TABLES_H_INCLUDED


#include "ngx_http_auth0_m2m_shm_provision.h"


#define NGX_HTTP_AUTH0_M2M_TABLE_MAX   16384      /* entries of each table */

/* No saga lasts so many seconds: what belongs to its process's number then
 * belongs to another process. */

#define NGX_HTTP_AUTH0_M2M_SAGA_LIFE   300


/* In use while `used` is set; `len` is 0 while there is no token. */

typedef struct {
    ngx_uint_t                     used;
    u_char                         id[NGX_HTTP_AUTH0_M2M_ID];
    uint64_t                       claim;
    uint64_t                       generation;
    int64_t                        refresh_at;     /* seconds */
    int64_t                        usable_until;   /* seconds */
    ngx_msec_t                     lease_end;      /* a fetch runs till then */
    ngx_msec_t                     retry_at;       /* after a failure */
    ngx_msec_t                     dropped[NGX_HTTP_AUTH0_M2M_DROPS]; /* last */
    a0_pace_t                      pace;
    size_t                         len;
    u_char                         token[A0_MGMT_TOKEN_MAX];
} ngx_http_auth0_m2m_mgmt_t;


/* In use until `end`, while pid lives. */

typedef struct {
    u_char                         name[NGX_HTTP_AUTH0_M2M_ID];
    uint64_t                       serial;
    uint32_t                       pid;
    ngx_msec_t                     end;
} ngx_http_auth0_m2m_lease_t;


/* In use until `expires`; `len` 0: in flight. */

typedef struct {
    u_char                         name[NGX_HTTP_AUTH0_M2M_ID];
    u_char                         fingerprint[NGX_HTTP_AUTH0_M2M_ID];
    u_char                         client_id[NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX];
    size_t                         len;
    uint32_t                       pid;
    int64_t                        expires;        /* seconds */
} ngx_http_auth0_m2m_idempotent_t;


typedef struct {
    u_char                         name[NGX_HTTP_AUTH0_M2M_ID];
    uint64_t                       excess;         /* thousandths */
    ngx_msec_t                     last;
} ngx_http_auth0_m2m_bucket_t;


/* In use until `until`. */

typedef struct {
    u_char                         client_id[NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX];
    size_t                         len;
    int64_t                        until;          /* seconds */
} ngx_http_auth0_m2m_revoked_t;


/* In use while `used` is set. */

typedef struct {
    ngx_http_auth0_m2m_orphan_t    orphan;
    ngx_msec_t                     held_until;
    uint32_t                       pid;     /* whose it is, 0: anybody's */
    ngx_uint_t                     used;
} ngx_http_auth0_m2m_ring_t;


struct ngx_http_auth0_m2m_tables_s {
    ngx_slab_pool_t                     *shpool;
    u_char                               key[32];  /* of names */
    ngx_atomic_t                         revocations;  /* sequence number */
    uint64_t                             orphans;      /* ever put in */
    uint64_t                             claims;       /* of slots, ever */
    ngx_uint_t                           nmgmt;
    ngx_uint_t                           n;        /* of each table below */
    ngx_http_auth0_m2m_mgmt_t           *mgmt;
    ngx_http_auth0_m2m_lease_t          *leases;
    ngx_http_auth0_m2m_idempotent_t     *records;
    ngx_http_auth0_m2m_bucket_t         *buckets;
    ngx_http_auth0_m2m_revoked_t        *revoked;
    ngx_http_auth0_m2m_ring_t           *ring;
};


#endif /* NGX_HTTP_AUTH0_M2M_SHM_TABLES_H_INCLUDED */
