
/*
 * auth0-m2m core: types, limits and the closed list of outcomes.
 *
 * Nothing below src/core knows nginx, reads a clock, logs or does I/O: time,
 * memory and limits are arguments.  Every function that can fail returns an
 * a0_err_t and writes its outputs only on A0_OK.
 */

#ifndef A0_H_INCLUDED
#define A0_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


/* Bytes that belong to somebody else; never NUL-terminated by contract. */

typedef struct {
    size_t                len;
    const unsigned char  *data;
} a0_str_t;


#define a0_string(s)  { sizeof(s) - 1, (const unsigned char *) (s) }


/* Limits on hostile input.  Bytes unless named otherwise. */

#define A0_TOKEN_MAX        16384   /* one compact token */
#define A0_KID_MAX          128     /* a key id, in header or key set */
#define A0_ORG_ID_MAX       68      /* "org_" and up to 64 characters */
#define A0_JSON_DEPTH_MAX   16      /* nesting of any JSON text */
#define A0_JWKS_MAX         262144  /* one key-set document */
#define A0_JWKS_KEYS_MAX    64      /* keys in one set */
#define A0_RSA_BITS_MIN     2048    /* RFC 7518 section 3.3 */
#define A0_RSA_BITS_MAX     8192
#define A0_DATE_MAX         INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */


/* What a refusal says in WWW-Authenticate (RFC 6750 section 3). */

typedef enum {
    A0_CHALLENGE_NONE = 0,             /* no header: not the client's fault */
    A0_CHALLENGE_REALM,                /* Bearer realm="..." alone */
    A0_CHALLENGE_INVALID_REQUEST,
    A0_CHALLENGE_INVALID_TOKEN,
    A0_CHALLENGE_INSUFFICIENT_SCOPE    /* with scope="<required>" */
} a0_challenge_e;


/*
 * X(NAME, reason token, HTTP status, challenge, fixed description)
 *
 * The reason tokens are $auth0_m2m_status; the descriptions are sent as
 * error_description and hold only %x20-21 / %x23-5B / %x5D-7E.  "Not valid"
 * (4xx) and "could not tell" (5xx) are different outcomes.
 */

#define A0_ERR_MAP(X)                                                         \
    X(OK, "ok", 200, NONE, "")                                                \
    X(MISSING, "missing", 401, REALM, "")                                     \
    X(INVALID_REQUEST, "invalid_request", 400, INVALID_REQUEST,               \
      "The Authorization header is malformed")                                \
    X(MULTIPLE_TOKENS, "multiple_tokens", 400, INVALID_REQUEST,               \
      "More than one way of sending a token was used")                        \
    X(MALFORMED, "malformed", 401, INVALID_TOKEN,                             \
      "The access token is malformed")                                        \
    X(TOO_LARGE, "too_large", 401, INVALID_TOKEN,                             \
      "The access token is too large")                                        \
    X(UNSUPPORTED_CRITICAL, "unsupported_critical", 401, INVALID_TOKEN,       \
      "The access token requires an extension that is not supported")         \
    X(UNSUPPORTED_ALGORITHM, "unsupported_algorithm", 401, INVALID_TOKEN,     \
      "The signature algorithm is not accepted")                              \
    X(WRONG_TYPE, "wrong_type", 401, INVALID_TOKEN,                           \
      "The token is not an access token")                                     \
    X(WRONG_ISSUER, "wrong_issuer", 401, INVALID_TOKEN,                       \
      "The access token comes from another issuer")                           \
    X(UNKNOWN_KEY, "unknown_key", 401, INVALID_TOKEN,                         \
      "The access token is signed with an unknown key")                       \
    X(AMBIGUOUS_KEY, "ambiguous_key", 401, INVALID_TOKEN,                     \
      "The access token does not name its key")                               \
    X(BAD_SIGNATURE, "bad_signature", 401, INVALID_TOKEN,                     \
      "The signature of the access token is not valid")                       \
    X(INVALID_CLAIM, "invalid_claim", 401, INVALID_TOKEN,                     \
      "The access token lacks a claim or holds one of the wrong type")        \
    X(EXPIRED, "expired", 401, INVALID_TOKEN,                                 \
      "The access token expired")                                             \
    X(NOT_YET_VALID, "not_yet_valid", 401, INVALID_TOKEN,                     \
      "The access token is not valid yet")                                    \
    X(WRONG_AUDIENCE, "wrong_audience", 401, INVALID_TOKEN,                   \
      "The access token is meant for another audience")                       \
    X(SENDER_CONSTRAINED, "sender_constrained", 401, INVALID_TOKEN,           \
      "The access token is bound to a key and cannot be sent as Bearer")      \
    X(INVALID_ORGANIZATION, "invalid_organization", 401, INVALID_TOKEN,       \
      "The organization in the access token is malformed")                    \
    X(REVOKED, "revoked", 401, INVALID_TOKEN,                                 \
      "The access token was revoked")                                         \
    X(REQUIREMENT_401, "requirement_not_met", 401, INVALID_TOKEN,             \
      "The access token does not meet a requirement of this resource")        \
    X(INSUFFICIENT_SCOPE, "insufficient_scope", 403, INSUFFICIENT_SCOPE,      \
      "The access token lacks a required scope")                              \
    X(INSUFFICIENT_PERMISSION, "insufficient_permission", 403,                \
      INSUFFICIENT_SCOPE, "The access token lacks a required permission")     \
    X(ORGANIZATION_NOT_ALLOWED, "organization_not_allowed", 403, REALM, "")   \
    X(CLIENT_NOT_ALLOWED, "client_not_allowed", 403, REALM, "")               \
    X(REQUIREMENT_403, "requirement_not_met", 403, REALM, "")                 \
    X(KEYS_UNAVAILABLE, "keys_unavailable", 503, NONE, "")                    \
    X(BAD_KEY_SET, "bad_key_set", 503, NONE, "")                              \
    X(NO_SPACE, "no_space", 500, NONE, "")                                    \
    X(INTERNAL, "internal_error", 500, NONE, "")


#define A0_ERR_ENUM(name, token, status, challenge, text)  A0_ERR_ ## name,

typedef enum {
    A0_ERR_MAP(A0_ERR_ENUM)
    A0_ERR_N
} a0_err_t;

#undef A0_ERR_ENUM

#define A0_OK  A0_ERR_OK


typedef struct {
    a0_str_t        token;         /* reason token */
    unsigned        status;        /* HTTP status of the answer */
    a0_challenge_e  challenge;
    a0_str_t        description;   /* empty where the answer has none */
} a0_err_info_t;


/* Never NULL; an argument outside the list gives the row of INTERNAL. */

const a0_err_info_t *a0_err_info(a0_err_t err);


#endif /* A0_H_INCLUDED */
