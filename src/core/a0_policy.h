
/*
 * What a location demands of a verified token (RFC 7519 section 4.1, RFC 8725,
 * RFC 9068 section 4).  Pure: the clock is an argument, the claims are the
 * flat block of a0_jwt, so that a token found in the cache is judged by the
 * same code as a new one, on every request.
 */

#ifndef A0_POLICY_H_INCLUDED
#define A0_POLICY_H_INCLUDED


#include "a0.h"
#include "a0_jwt.h"


typedef struct {
    const a0_str_t  *elts;
    size_t           nelts;
} a0_list_t;


/* One auth0_m2m_scope or auth0_m2m_permission: all names, or any of them. */

typedef struct {
    a0_list_t  names;
    unsigned   any;
} a0_policy_group_t;


typedef enum {
    A0_ORG_OFF = 0,
    A0_ORG_ANY,
    A0_ORG_LIST
} a0_policy_org_e;


typedef struct {
    a0_list_t                 issuers;      /* "https://domain/" each */
    a0_list_t                 audiences;    /* at least one must be in aud */
    const a0_policy_group_t  *scopes;       /* every group must hold */
    size_t                    nscopes;
    const a0_policy_group_t  *permissions;
    size_t                    npermissions;
    a0_policy_org_e           org;
    a0_list_t                 orgs;         /* for A0_ORG_LIST */
    a0_list_t                 clients;      /* empty: every client */
    unsigned                  algorithms;   /* A0_ALG_... */
    unsigned                  at_jwt;       /* RFC 9068 profile demanded */
    int64_t                   leeway;       /* seconds, for exp, nbf, iat */
} a0_policy_t;


/*
 * What is looked at before the signature, to select the key: the algorithm
 * (UNSUPPORTED_ALGORITHM), under at_jwt the typ (WRONG_TYPE), the issuer
 * (WRONG_ISSUER).  *issuer is its index in policy->issuers.
 */
a0_err_t a0_policy_select(const a0_policy_t *policy,
    const a0_claims_t *claims, size_t *issuer);

/*
 * The verdict on a token whose signature holds, at now (seconds since the
 * epoch), in this order: EXPIRED (now >= exp + leeway), NOT_YET_VALID (nbf or
 * iat beyond now + leeway), WRONG_AUDIENCE, SENDER_CONSTRAINED (cnf present:
 * RFC 9449 section 7.1), INVALID_ORGANIZATION, under at_jwt INVALID_CLAIM (sub,
 * client_id, iat, jti demanded by RFC 9068 section 2.2), then the 403s:
 * ORGANIZATION_NOT_ALLOWED, CLIENT_NOT_ALLOWED, INSUFFICIENT_SCOPE,
 * INSUFFICIENT_PERMISSION.  Names are whole tokens, case-sensitive.
 */
a0_err_t a0_policy_check(const a0_policy_t *policy, const a0_claims_t *claims,
    int64_t now);


#endif /* A0_POLICY_H_INCLUDED */
