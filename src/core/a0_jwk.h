
/*
 * JSON Web Keys (RFC 7517, RFC 7518 section 6).  Only n/e and x/y make a key;
 * x5c, x5t, jku and their like are ignored.
 */

#ifndef A0_JWK_H_INCLUDED
#define A0_JWK_H_INCLUDED


#include <openssl/evp.h>

#include "a0.h"
#include "a0_base64url.h"
#include "a0_json.h"
#include "a0_jws.h"


/* Ready to verify with one key under one algorithm; made on first use. */

typedef struct {
    EVP_PKEY_CTX         *pkey;
    EVP_MD               *md;
} a0_jws_ctx_t;


struct a0_jwk_s {
    a0_str_t             kid;    /* data is NULL where the key has none */
    a0_kty_e             kty;
    const a0_jws_alg_t  *alg;    /* NULL where the key names none */
    size_t               size;   /* RSA: modulus in bytes; EC: 0 */
    EVP_PKEY            *pkey;
    a0_jws_ctx_t         ctx[A0_ALG_N];  /* see a0_jws */
};


/*
 * Reads one JWK.  MALFORMED when it is not usable (see a0_jwk_set_parse),
 * INTERNAL when memory ran out.  key->kid lies in jwk.  text receives the
 * key's minimal members in a fixed order, at most A0_JWK_TEXT_MAX bytes.  The
 * caller owns *key on A0_OK and clears it.
 */

#define A0_JWK_TEXT_MAX                                                       \
    (a0_base64url_encoded_size(A0_RSA_BITS_MAX / 8) + 6 * A0_KID_MAX + 128)

a0_err_t a0_jwk_parse(const a0_json_t *jwk, a0_jwk_t *key,
    a0_json_out_t *text);

/* The part of it that looks at the public key alone: sets kty, size, pkey. */

a0_err_t a0_jwk_material(const a0_json_t *jwk, a0_jwk_t *key,
    a0_json_out_t *text);

/* Frees what the key owns, not the key itself. */

void a0_jwk_clear(a0_jwk_t *key);


/* Opaque, immutable but for the contexts above; owns its keys. */

typedef struct a0_jwk_set_s  a0_jwk_set_t;


/*
 * Parses a key-set document of at most A0_JWKS_MAX bytes.  A key that is not
 * usable is skipped and the others kept (RFC 7517 section 5): unknown kty or
 * curve, missing or badly coded members, use other than "sig", key_ops without
 * "verify" or malformed, an unknown or non-matching alg, RSA outside
 * A0_RSA_BITS_MIN..MAX, even modulus, exponent even or below 3 or above 32
 * bits, a point not on its curve, coordinates of the wrong length, oct keys,
 * kid empty or above A0_KID_MAX.  Private members are not read.
 * A key given twice is
 * kept once.  BAD_KEY_SET: not JSON, no "keys" array, above A0_JWKS_KEYS_MAX
 * entries, or no usable key at all.  INTERNAL: out of memory; no key is skipped
 * for that.  The caller owns *set.
 */
a0_err_t a0_jwk_set_parse(a0_str_t text, a0_jwk_set_t **set);

void a0_jwk_set_free(a0_jwk_set_t *set);

size_t a0_jwk_set_size(const a0_jwk_set_t *set);


/*
 * The key for a token.  kid.data NULL means the token names none: then exactly
 * one key must fit alg.  UNKNOWN_KEY: no key of that kid, or without a kid none
 * that fits; BAD_SIGNATURE: the kid exists, but of another type or algorithm;
 * AMBIGUOUS_KEY: several different keys fit.  kids are compared byte by byte.
 */
a0_err_t a0_jwk_set_find(a0_jwk_set_t *set, a0_str_t kid,
    const a0_jws_alg_t *alg, a0_jwk_t **key);


/*
 * Writes the usable keys as a key-set document of minimal members in a fixed
 * order, whatever order they came in: parsing it again gives an equal set, and
 * equal sets give equal bytes.
 * NO_SPACE when buf is too short.
 */
a0_err_t a0_jwk_set_write(const a0_jwk_set_t *set, unsigned char *buf,
    size_t cap, size_t *len);


#endif /* A0_JWK_H_INCLUDED */
