
/*
 * Client authentication with private_key_jwt (OpenID Connect Core section 9,
 * RFC 7523 sections 2.2 and 3): an assertion signed through libjwt.
 */

#ifndef A0_ASSERTION_H_INCLUDED
#define A0_ASSERTION_H_INCLUDED


#include "a0.h"


#define A0_ASSERTION_LIFETIME_MAX  300   /* seconds */
#define A0_ASSERTION_JTI           16    /* random bytes of jti */
#define A0_ASSERTION_SIZE          4096  /* room for any assertion */


typedef struct {
    a0_str_t              client_id;   /* iss and sub */
    a0_str_t              audience;    /* "https://domain/" */
    int64_t               now;         /* seconds since the epoch: iat */
    int64_t               lifetime;    /* 1..A0_ASSERTION_LIFETIME_MAX */
    const unsigned char  *jti;         /* A0_ASSERTION_JTI bytes */
} a0_assertion_t;


/*
 * Which algorithm a PEM private key signs with, at configuration time: *alg is
 * one A0_ALG_... bit.  wanted is 0 (RS256 for RSA, ES256 for P-256) or one
 * bit.  UNSUPPORTED_ALGORITHM: the libjwt at hand cannot (no PS256 below
 * 3.0), or key and algorithm do not fit; MALFORMED: not an unencrypted PEM
 * private key; BAD_KEY_SET: RSA outside A0_RSA_BITS_MIN..MAX, or another curve
 * than P-256.
 */
a0_err_t a0_assertion_key_check(a0_str_t pem, unsigned wanted, unsigned *alg);


/*
 * Writes the signed assertion to out (cap bytes); *len without NUL.
 * INVALID_CLAIM: client id or audience empty or above 512 bytes or with a
 * byte outside %x21-7E, lifetime out of range; NO_SPACE; INTERNAL: signing
 * failed.  libjwt's copy of the text is wiped.
 */
a0_err_t a0_assertion_sign(const a0_assertion_t *claims, a0_str_t pem,
    unsigned alg, unsigned char *out, size_t cap, size_t *len);


#endif /* A0_ASSERTION_H_INCLUDED */
