
/*
 * What a0_assertion.c asks of libjwt, whose API changed with 3.0: of
 * a0_assertion_jwt1.c and a0_assertion_jwt3.c one has content.
 */

#ifndef A0_ASSERTION_INT_H_INCLUDED
#define A0_ASSERTION_INT_H_INCLUDED


#include <jwt.h>

#include <openssl/evp.h>

#include "a0.h"
#include "a0_jws.h"


/*
 * The header tells no version; this macro came with the new API.  Before it,
 * PS256 is unknown (1.10) or wants a key that is marked for PSS (1.17).
 */

#ifdef jwt_set_SET_STR
#define A0_ASSERTION_JWT3      1
#define A0_ASSERTION_RSA_ALGS  (A0_ALG_RS256 | A0_ALG_PS256)
#else
#define A0_ASSERTION_JWT3      0
#define A0_ASSERTION_RSA_ALGS  A0_ALG_RS256
#endif


typedef struct {
    const char  *client;    /* iss and sub */
    const char  *audience;
    const char  *jti;
    int64_t      iat;
    int64_t      exp;
} a0_assertion_claims_t;


/* The key of a PEM, or NULL: not an unencrypted private key. */

EVP_PKEY *a0_assertion_key(a0_str_t pem);


/*
 * The token, in memory of malloc(), or NULL.  The OpenSSL error queue may be
 * left filled.
 */

char *a0_assertion_encode(const a0_assertion_claims_t *claims, a0_str_t pem,
    jwt_alg_t alg);


#endif /* A0_ASSERTION_INT_H_INCLUDED */
