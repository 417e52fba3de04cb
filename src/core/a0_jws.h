
/*
 * JSON Web Signature algorithms and verification (RFC 7515, RFC 7518
 * section 3).  Asymmetric algorithms only: there is no code path in which a
 * key could be taken for an HMAC secret, and "none" is not in the table.
 */

#ifndef A0_JWS_H_INCLUDED
#define A0_JWS_H_INCLUDED


#include "a0.h"


typedef struct a0_jwk_s  a0_jwk_t;


typedef enum {
    A0_KTY_RSA = 1,
    A0_KTY_EC_P256,
    A0_KTY_EC_P384
} a0_kty_e;


/* A set of algorithms is the bitwise OR of these. */

#define A0_ALG_RS256    0x01u
#define A0_ALG_RS384    0x02u
#define A0_ALG_RS512    0x04u
#define A0_ALG_PS256    0x08u
#define A0_ALG_PS384    0x10u
#define A0_ALG_PS512    0x20u
#define A0_ALG_ES256    0x40u
#define A0_ALG_ES384    0x80u
#define A0_ALG_N        8

#define A0_ALG_DEFAULT  (A0_ALG_RS256 | A0_ALG_PS256)


typedef struct {
    a0_str_t       name;      /* case-sensitive */
    unsigned       bit;       /* A0_ALG_... */
    a0_kty_e       kty;
    const char    *digest;    /* OpenSSL's name */
    unsigned       pss;       /* RSASSA-PSS, salt as long as the digest */
    size_t         ec_size;   /* bytes of R and of S, 0 for RSA */
} a0_jws_alg_t;


/* The row of that name or NULL; and the row of one bit or NULL. */

const a0_jws_alg_t *a0_jws_alg_find(a0_str_t name);
const a0_jws_alg_t *a0_jws_alg_by_bit(unsigned bit);


/*
 * Verifies signature (decoded) over input with key under alg.  OK; or
 * BAD_SIGNATURE when it does not hold, has the wrong length, or when key is of
 * another kty or bound to another algorithm; or INTERNAL when the library
 * failed.  The OpenSSL error queue is left empty.  The key caches initialised
 * contexts: one thread at a time.
 */
a0_err_t a0_jws_verify(const a0_jws_alg_t *alg, a0_jwk_t *key, a0_str_t input,
    a0_str_t signature);


/* After a failed OpenSSL call: empties its error queue.  INTERNAL when the
 * library failed, for want of memory, say; err when it refused the data. */

a0_err_t a0_jws_failed(a0_err_t err);


#endif /* A0_JWS_H_INCLUDED */
