
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "a0_jwk.h"
#include "a0_jws.h"


/* SEQUENCE { INTEGER r, INTEGER s } of P-384 with leading zero bytes. */

#define A0_EC_DER_MAX  (2 + 2 * (2 + 1 + 48))


/* In the order of the bits, so that a row's index is its bit's number. */

static const a0_jws_alg_t  a0_jws_algs[A0_ALG_N] = {
    { a0_string("RS256"), A0_ALG_RS256, A0_KTY_RSA, "SHA256", 0, 0 },
    { a0_string("RS384"), A0_ALG_RS384, A0_KTY_RSA, "SHA384", 0, 0 },
    { a0_string("RS512"), A0_ALG_RS512, A0_KTY_RSA, "SHA512", 0, 0 },
    { a0_string("PS256"), A0_ALG_PS256, A0_KTY_RSA, "SHA256", 1, 0 },
    { a0_string("PS384"), A0_ALG_PS384, A0_KTY_RSA, "SHA384", 1, 0 },
    { a0_string("PS512"), A0_ALG_PS512, A0_KTY_RSA, "SHA512", 1, 0 },
    { a0_string("ES256"), A0_ALG_ES256, A0_KTY_EC_P256, "SHA256", 0, 32 },
    { a0_string("ES384"), A0_ALG_ES384, A0_KTY_EC_P384, "SHA384", 0, 48 }
};


const a0_jws_alg_t *
a0_jws_alg_find(a0_str_t name)
{
    size_t               i;
    const a0_jws_alg_t  *alg;

    for (i = 0; i < A0_ALG_N; i++) {
        alg = &a0_jws_algs[i];

        if (alg->name.len == name.len
            && memcmp(alg->name.data, name.data, name.len) == 0)
        {
            return alg;
        }
    }

    return NULL;
}


const a0_jws_alg_t *
a0_jws_alg_by_bit(unsigned bit)
{
    size_t  i;

    for (i = 0; i < A0_ALG_N; i++) {
        if (a0_jws_algs[i].bit == bit) {
            return &a0_jws_algs[i];
        }
    }

    return NULL;
}


/*
 * A refusal comes from the code of RSA or EC, or with no error at all.  The
 * layers around it are the first to complain when they could not do their own
 * work, and not always with the reason.
 */

a0_err_t
a0_jws_failed(a0_err_t err)
{
    int            lib;
    unsigned long  first;

    first = ERR_peek_error();
    lib = ERR_GET_LIB(first);

    if (ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE
        || lib == ERR_LIB_EVP
        || lib == ERR_LIB_PROV)
    {
        err = A0_ERR_INTERNAL;
    }

    ERR_clear_error();

    return err;
}


/*
 * EVP_PKEY_verify() gave 0.  Since 3.4 OpenSSL then adds an error of its own:
 * alone, it means that the signature does not hold.
 */

static int
a0_jws_no_reason(void)
{
#ifdef EVP_R_PROVIDER_SIGNATURE_FAILURE
    unsigned long  first;

    first = ERR_peek_error();

    return ERR_GET_LIB(first) == ERR_LIB_EVP
           && ERR_GET_REASON(first) == EVP_R_PROVIDER_SIGNATURE_FAILURE;
#else
    return 0;
#endif
}


static int
a0_jws_set_padding(EVP_PKEY_CTX *pkey, const a0_jws_alg_t *alg,
    const EVP_MD *md)
{
    if (alg->kty != A0_KTY_RSA) {
        return 1;
    }

    if (!alg->pss) {
        return EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PADDING) == 1;
    }

    /* by default any salt length would do */

    return EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) == 1
           && EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST)
              == 1
           && EVP_PKEY_CTX_set_rsa_mgf1_md(pkey, md) == 1;
}


/*
 * Fetching the algorithms costs 3 us, so it is done once for a key.  Hashing
 * apart from EVP_PKEY_verify() saves the copy of a context on each signature,
 * which EVP_DigestVerify() needs.
 */

static a0_jws_ctx_t *
a0_jws_ctx(const a0_jws_alg_t *alg, a0_jwk_t *key)
{
    EVP_MD        *md;
    EVP_PKEY_CTX  *pkey;
    a0_jws_ctx_t  *ctx;

    ctx = &key->ctx[alg - a0_jws_algs];

    if (ctx->pkey != NULL) {
        return ctx;
    }

    md = EVP_MD_fetch(NULL, alg->digest, NULL);
    pkey = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);

    if (md == NULL
        || pkey == NULL
        || EVP_PKEY_verify_init(pkey) != 1
        || !a0_jws_set_padding(pkey, alg, md)
        || EVP_PKEY_CTX_set_signature_md(pkey, md) != 1)
    {
        EVP_PKEY_CTX_free(pkey);
        EVP_MD_free(md);
        ERR_clear_error();
        return NULL;
    }

    ctx->md = md;
    ctx->pkey = pkey;

    return ctx;
}


/* R || S as DER; the library judges their values. */

static a0_err_t
a0_jws_ec_der(a0_str_t raw, unsigned char *der, size_t *len)
{
    int         n, size;
    BIGNUM     *r, *s;
    ECDSA_SIG  *sig;

    size = (int) raw.len / 2;
    r = BN_bin2bn(raw.data, size, NULL);
    s = BN_bin2bn(raw.data + size, size, NULL);
    sig = ECDSA_SIG_new();

    if (r == NULL || s == NULL || sig == NULL
        || ECDSA_SIG_set0(sig, r, s) != 1)
    {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        ERR_clear_error();
        return A0_ERR_INTERNAL;
    }

    n = i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);

    if (n <= 0) {
        ERR_clear_error();
        return A0_ERR_INTERNAL;
    }

    *len = (size_t) n;
    return A0_OK;
}


static a0_err_t
a0_jws_verify_digest(const a0_jws_alg_t *alg, a0_jwk_t *key, a0_str_t input,
    a0_str_t signature)
{
    int            rc;
    unsigned       n;
    a0_jws_ctx_t  *ctx;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    ERR_clear_error();    /* what others left there is not this signature's */

    ctx = a0_jws_ctx(alg, key);

    if (ctx == NULL
        || EVP_Digest(input.data, input.len, digest, &n, ctx->md, NULL) != 1)
    {
        ERR_clear_error();
        return A0_ERR_INTERNAL;
    }

    rc = EVP_PKEY_verify(ctx->pkey, signature.data, signature.len, digest, n);

    if (rc == 1) {
        return A0_OK;
    }

    /* errors are 0 and below */

    if (rc == 0 && a0_jws_no_reason()) {
        ERR_clear_error();
        return A0_ERR_BAD_SIGNATURE;
    }

    return a0_jws_failed(A0_ERR_BAD_SIGNATURE);
}


a0_err_t
a0_jws_verify(const a0_jws_alg_t *alg, a0_jwk_t *key, a0_str_t input,
    a0_str_t signature)
{
    size_t         len;
    a0_err_t       err;
    a0_str_t       coded;
    unsigned char  der[A0_EC_DER_MAX];

    if (key->kty != alg->kty || (key->alg != NULL && key->alg != alg)) {
        return A0_ERR_BAD_SIGNATURE;
    }

    if (alg->kty == A0_KTY_RSA) {
        if (signature.len != key->size) {
            return A0_ERR_BAD_SIGNATURE;
        }

        return a0_jws_verify_digest(alg, key, input, signature);
    }

    if (signature.len != 2 * alg->ec_size) {
        return A0_ERR_BAD_SIGNATURE;
    }

    err = a0_jws_ec_der(signature, der, &len);
    if (err != A0_OK) {
        return err;
    }

    coded.len = len;
    coded.data = der;

    return a0_jws_verify_digest(alg, key, input, coded);
}
