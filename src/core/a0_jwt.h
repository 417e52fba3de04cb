
/*
 * A JSON Web Token in compact form (RFC 7515 section 7.1, RFC 7519), and the
 * claims that policy needs in a flat form without pointers, so that they can
 * lie in shared memory and be checked again without parsing.
 *
 * Nothing here is trustworthy before a0_jws_verify() has said so.
 */

#ifndef A0_JWT_H_INCLUDED
#define A0_JWT_H_INCLUDED


#include "a0.h"
#include "a0_jws.h"


/* A string inside a flat block: offset from its start, length. */

typedef struct {
    uint16_t  off;
    uint16_t  len;
} a0_span_t;


#define A0_CLAIMS_AT_JWT       0x0001u  /* typ is at+jwt */
#define A0_CLAIMS_SUB          0x0002u  /* claim present, right type */
#define A0_CLAIMS_NBF          0x0004u
#define A0_CLAIMS_IAT          0x0008u
#define A0_CLAIMS_JTI          0x0010u
#define A0_CLAIMS_ORG_ID       0x0020u
#define A0_CLAIMS_SCOPE        0x0040u
#define A0_CLAIMS_PERMISSIONS  0x0080u
#define A0_CLAIMS_CNF          0x0100u
#define A0_CLAIMS_CLIENT_ID    0x0200u  /* the claim client_id itself */
#define A0_CLAIMS_BAD_ORG_ID   0x0400u  /* present, but not "org_" and 1 to 64
                                           letters or digits; excludes ORG_ID */


/*
 * Header of the flat block; the strings follow it.  Dates are seconds since
 * the epoch, fractions rounded up (time is compared in whole seconds, so that
 * is exact), absent ones 0 (see flags).  Lists are non-empty strings each
 * followed by one NUL, which len counts.  An absent string has off 0 and len 0,
 * an empty one only len 0.
 */

typedef struct {
    uint16_t   size;         /* whole block, header included */
    uint16_t   flags;
    uint16_t   alg;          /* A0_ALG_... of the token */
    uint16_t   pad;
    int64_t    exp;
    int64_t    nbf;
    int64_t    iat;
    a0_span_t  kid;          /* header's */
    a0_span_t  iss;
    a0_span_t  sub;
    a0_span_t  aud;          /* list */
    a0_span_t  scope;        /* as sent: names separated by spaces */
    a0_span_t  permissions;  /* list */
    a0_span_t  org_id;       /* empty when absent or bad */
    a0_span_t  client_id;    /* azp, else client_id, else what stands before
                                "@clients" at the end of sub */
} a0_claims_t;


#define A0_CLAIMS_SIZE_MAX  (A0_TOKEN_MAX + 512)


/* The string; empty, with data not NULL, when it is absent. */

a0_str_t a0_claims_str(const a0_claims_t *claims, a0_span_t span);


typedef struct {
    a0_str_t              input;      /* signing input, inside the token */
    a0_str_t              payload;    /* encoded, inside the token */
    a0_str_t              signature;  /* decoded, inside the work area */
    const a0_jws_alg_t   *alg;
    a0_str_t              kid;        /* data NULL when absent */
    a0_claims_t          *claims;     /* inside the work area, aligned */
} a0_jwt_t;


/* Bytes of work area that a token of n bytes needs, alignment included. */

#define a0_jwt_work_size(n)  (2 * (n) + 128)


/*
 * Splits token, decodes and reads header and payload.  work has
 * a0_jwt_work_size(token.len) bytes, belongs to the caller and must outlive
 * *jwt; token must outlive it too.
 *
 * TOO_LARGE above A0_TOKEN_MAX; MALFORMED: not three non-empty canonical
 * base64url parts, header or payload not a JSON object in the sense of
 * a0_json, alg or kid of the wrong type, kid empty, above A0_KID_MAX or with
 * bytes outside %x21-7E, "zip" or "enc" in the header; UNSUPPORTED_CRITICAL:
 * "crit" or "b64" present (RFC 7515 section 4.1.11, RFC 7797 section 7);
 * WRONG_TYPE: typ other than JWT, at+jwt, application/at+jwt (any case), or
 * "cty" present; UNSUPPORTED_ALGORITHM: alg not in the table of a0_jws;
 * INVALID_CLAIM: iss, exp or aud missing or, like nbf, iat, sub, scope,
 * permissions, azp, client_id, jti, of the wrong type (null is one), aud empty,
 * an element of aud or permissions no string or empty, a date that is negative
 * or above A0_DATE_MAX (0 is a date long ago).  INTERNAL: out of memory.  jwk,
 * jku, x5u, x5c and x5t in the header are never used.
 */
a0_err_t a0_jwt_parse(a0_str_t token, unsigned char *work, a0_jwt_t *jwt);


/*
 * Text of a top-level claim, found as a0_json_member_text() does, of an encoded
 * payload that was verified: strings unquoted, arrays of strings, numbers and
 * booleans joined with a space, numbers and booleans as written, objects and
 * all other arrays as compact JSON, null as nothing.  Texts with C0 controls,
 * DEL or U+0080..U+009F are not given out.  out has room for payload.len bytes.
 * OK with *len 0 when there is nothing to give.  MALFORMED: payload is not
 * base64url.  INTERNAL: out of memory.
 */
a0_err_t a0_jwt_claim_text(a0_str_t payload, a0_str_t name,
    unsigned char *out, size_t *len);

/* 1 when text holds C0 controls, DEL or U+0080..U+009F (in UTF-8). */

int a0_jwt_text_has_controls(a0_str_t text);


#endif /* A0_JWT_H_INCLUDED */
