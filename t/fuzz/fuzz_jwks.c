/*
 * A key set: what is written is read again and is the same; keys are within
 * the limits.
 */

#include <openssl/err.h>

#include "a0_jwk.h"
#include "fuzz.h"

#define ROOM  (2 * A0_JWKS_MAX)


static void
key(const a0_jwk_t *k, const a0_jws_alg_t *alg)
{
    int  bits;

    FUZZ_ASSERT(k->kty == alg->kty && k->pkey != NULL);
    FUZZ_ASSERT(k->alg == NULL || k->alg == alg);
    FUZZ_ASSERT(k->kid.data == NULL
                || (k->kid.len && k->kid.len <= A0_KID_MAX));

    bits = EVP_PKEY_get_bits(k->pkey);

    if (k->kty == A0_KTY_RSA) {
        FUZZ_ASSERT(EVP_PKEY_is_a(k->pkey, "RSA"));
        FUZZ_ASSERT(bits >= A0_RSA_BITS_MIN && bits <= A0_RSA_BITS_MAX);
        FUZZ_ASSERT(k->size == (size_t) (bits + 7) / 8);
        return;
    }

    FUZZ_ASSERT(EVP_PKEY_is_a(k->pkey, "EC") && k->size == 0);
    FUZZ_ASSERT(bits == (k->kty == A0_KTY_EC_P256 ? 256 : 384));
}


/* Any signature is refused, and leaves nothing behind. */

static void
use(a0_jwk_set_t *set, a0_str_t kid)
{
    unsigned             bit;
    a0_jwk_t            *k;
    a0_str_t             none;
    unsigned char        sig[A0_RSA_BITS_MAX / 8];
    const a0_jws_alg_t  *alg;

    none.data = NULL;
    none.len = 0;
    memset(sig, 0x41, sizeof(sig));

    for (bit = 0; bit < A0_ALG_N; bit++) {
        alg = a0_jws_alg_by_bit(1u << bit);

        if (a0_jwk_set_find(set, kid, alg, &k) == A0_OK) {
            key(k, alg);
        }

        if (a0_jwk_set_find(set, none, alg, &k) != A0_OK) {
            continue;
        }

        key(k, alg);
        FUZZ_ASSERT(a0_jws_verify(alg, k, fuzz_str("x"), fuzz_str("y"))
                    == A0_ERR_BAD_SIGNATURE);
        kid.data = sig;
        kid.len = alg->ec_size ? 2 * alg->ec_size : k->size;
        FUZZ_ASSERT(a0_jws_verify(alg, k, fuzz_str("x"), kid)
                    == A0_ERR_BAD_SIGNATURE);
        kid = none;
    }
}


static void
again(a0_jwk_set_t *set)
{
    size_t          len, n;
    a0_str_t        text;
    a0_jwk_set_t   *two;
    unsigned char  *buf, *copy;

    buf = fuzz_alloc(ROOM);
    copy = fuzz_alloc(ROOM);
    FUZZ_ASSERT(a0_jwk_set_write(set, buf, ROOM, &len) == A0_OK);
    FUZZ_ASSERT(a0_jwk_set_write(set, buf, len - 1, &n) == A0_ERR_NO_SPACE);
    FUZZ_ASSERT(a0_jwk_set_write(set, buf, len, &n) == A0_OK && n == len);
    text.data = buf;
    text.len = len;
    FUZZ_ASSERT(a0_jwk_set_parse(text, &two) == A0_OK);
    FUZZ_ASSERT(a0_jwk_set_size(two) == a0_jwk_set_size(set));
    FUZZ_ASSERT(a0_jwk_set_write(two, copy, ROOM, &n) == A0_OK);
    FUZZ_ASSERT(n == len && memcmp(buf, copy, n) == 0);
    a0_jwk_set_free(two);
    free(copy);
    free(buf);
}


void
fuzz_one(fuzz_t *in)
{
    a0_str_t       kid, text;
    a0_jwk_set_t  *set;

    kid = fuzz_line(in);
    text = fuzz_rest(in);

    if (a0_jwk_set_parse(text, &set) == A0_OK) {
        fuzz_deep++;
        FUZZ_ASSERT(a0_jwk_set_size(set) >= 1
                    && a0_jwk_set_size(set) <= A0_JWKS_KEYS_MAX);
        use(set, kid);
        again(set);
        a0_jwk_set_free(set);
    }

    FUZZ_ASSERT(ERR_peek_error() == 0);
    fuzz_free(text);
    fuzz_free(kid);
}
