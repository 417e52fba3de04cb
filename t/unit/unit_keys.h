/*
 * Keys and signatures made in the test's own process.
 */

#ifndef UNIT_KEYS_H
#define UNIT_KEYS_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "a0_base64url.h"
#include "a0_jwk.h"
#include "a0_jws.h"
#include "unit.h"

#define UNIT_SIG_MAX  2048


__attribute__((unused)) static void
unit_need(int ok, const char *what)
{
    if (!ok) {
        printf("Bail out! %s failed\n", what);
        ERR_print_errors_fp(stdout);
        exit(2);
    }
}


__attribute__((unused)) static a0_str_t
unit_str(const char *text)
{
    a0_str_t  s;

    s.len = strlen(text);
    s.data = (const unsigned char *) text;

    return s;
}


__attribute__((unused)) static a0_str_t
unit_bytes(const void *data, size_t len)
{
    a0_str_t  s;

    s.len = len;
    s.data = data;

    return s;
}


__attribute__((unused)) static EVP_PKEY *
unit_rsa(unsigned bits)
{
    EVP_PKEY  *pkey;

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) bits);
    unit_need(pkey != NULL, "making an RSA key");

    return pkey;
}


__attribute__((unused)) static EVP_PKEY *
unit_ec(const char *curve)
{
    EVP_PKEY  *pkey;

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
    unit_need(pkey != NULL, "making an EC key");

    return pkey;
}


/* The key as the core holds it.  Takes pkey over; a0_jwk_clear() frees. */

__attribute__((unused)) static a0_jwk_t
unit_jwk(a0_kty_e kty, EVP_PKEY *pkey)
{
    a0_jwk_t  key;

    memset(&key, 0, sizeof(a0_jwk_t));
    key.kty = kty;
    key.pkey = pkey;
    key.size = kty == A0_KTY_RSA ? (size_t) EVP_PKEY_get_size(pkey) : 0;

    return key;
}


/* How to sign; mgf1 NULL means as the digest, salt only counts under PSS. */

typedef struct {
    const char  *digest;
    int          pss;
    int          salt;
    const char  *mgf1;
} unit_sign_t;


/* Returns the length of what is put into sig (DER for EC). */

__attribute__((unused)) static size_t
unit_sign(EVP_PKEY *pkey, const unit_sign_t *how, a0_str_t input,
    unsigned char *sig)
{
    size_t         len;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;

    len = UNIT_SIG_MAX;
    ctx = EVP_MD_CTX_new();

    unit_need(EVP_DigestSignInit_ex(ctx, &pctx, how->digest, NULL, NULL, pkey,
                                    NULL) == 1, "starting to sign");

    if (how->pss) {
        unit_need(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING)
                  == 1
                  && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, how->salt) == 1
                  && (how->mgf1 == NULL
                      || EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, how->mgf1,
                                                           NULL) == 1),
                  "setting PSS");
    }

    unit_need(EVP_DigestSign(ctx, sig, &len, input.data, input.len) == 1,
              "signing");
    EVP_MD_CTX_free(ctx);

    return len;
}


/* DER to R || S of size bytes each. */

__attribute__((unused)) static void
unit_raw(const unsigned char *der, size_t len, size_t size,
    unsigned char *raw)
{
    ECDSA_SIG  *sig;

    sig = d2i_ECDSA_SIG(NULL, &der, (long) len);

    unit_need(sig != NULL
              && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int) size) > 0
              && BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + size, (int) size)
                 > 0, "reading a signature");

    ECDSA_SIG_free(sig);
}


/* As RFC 7518 wants it for alg; returns the length. */

__attribute__((unused)) static size_t
unit_sign_jws(EVP_PKEY *pkey, const a0_jws_alg_t *alg, a0_str_t input,
    unsigned char *sig)
{
    size_t         len;
    unit_sign_t    how;
    unsigned char  der[UNIT_SIG_MAX];

    how.digest = alg->digest;
    how.pss = (int) alg->pss;
    how.salt = RSA_PSS_SALTLEN_DIGEST;
    how.mgf1 = NULL;

    if (alg->kty == A0_KTY_RSA) {
        return unit_sign(pkey, &how, input, sig);
    }

    len = unit_sign(pkey, &how, input, der);
    unit_raw(der, len, alg->ec_size, sig);

    return 2 * alg->ec_size;
}


/* A big number of the key, base64url, in a block of the caller's. */

__attribute__((unused)) static char *
unit_number(EVP_PKEY *pkey, const char *name, int size, char *text)
{
    int             n;
    size_t          len;
    BIGNUM         *bn;
    unsigned char   bytes[UNIT_SIG_MAX];

    bn = NULL;
    len = 0;
    unit_need(EVP_PKEY_get_bn_param(pkey, name, &bn) == 1, "reading a key");

    n = size ? BN_bn2binpad(bn, bytes, size) : BN_bn2bin(bn, bytes);
    BN_free(bn);

    unit_need(n > 0
              && a0_base64url_encode(unit_bytes(bytes, (size_t) n),
                                     (unsigned char *) text,
                                     UNIT_SIG_MAX * 2, &len) == A0_OK,
              "coding a number");
    text[len] = '\0';

    return text;
}


#endif /* UNIT_KEYS_H */
