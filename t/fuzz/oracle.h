/*
 * Verification that shares no code with the core: jansson alone for JSON, the
 * old RSA and ECDSA interfaces of OpenSSL, its decoder of base64.  It is
 * lenient: any key of the token's kid (any key, if it has none) that holds is
 * enough.  Only signatures: claims are not looked at.
 */

#ifndef ORACLE_H
#define ORACLE_H

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "fuzz.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"


typedef struct {
    const char     *name;
    const EVP_MD  *(*md)(void);
    int             pss;
    const char     *crv;
} oracle_alg_t;

typedef struct {
    const oracle_alg_t  *alg;
    unsigned char        hash[EVP_MAX_MD_SIZE];
    unsigned             hash_len;
    unsigned char       *sig;
    size_t               sig_len;
} oracle_t;


/* -1: not base64url. */

static long
oracle_decode(const char *text, size_t len, unsigned char *out)
{
    int      n;
    char    *copy;
    size_t   i, pad;

    pad = (4 - len % 4) % 4;
    copy = fuzz_alloc(len + 4);

    for (i = 0; i < len; i++) {
        copy[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    }

    memset(copy + len, '=', pad);
    n = pad == 3 || (len && memchr(text, '=', len))
        ? -1 : EVP_DecodeBlock(out, (unsigned char *) copy,
                               (int) (len + pad));
    free(copy);

    return n < 0 ? -1 : (long) n - (long) pad;
}


static BIGNUM *
oracle_number(json_t *jwk, const char *name)
{
    long            n;
    BIGNUM         *bn;
    const char     *text;
    unsigned char  *buf;

    text = json_string_value(json_object_get(jwk, name));

    if (text == NULL || text[0] == '\0') {
        return NULL;
    }

    buf = fuzz_alloc(strlen(text) + 8);
    n = oracle_decode(text, strlen(text), buf);
    bn = n > 0 ? BN_bin2bn(buf, (int) n, NULL) : NULL;
    free(buf);

    return bn;
}


static int
oracle_rsa(json_t *jwk, const oracle_t *o)
{
    int             good, nid;
    RSA            *rsa;
    BIGNUM         *n, *e;
    unsigned char  *em;
    const EVP_MD   *md;

    n = oracle_number(jwk, "n");
    e = oracle_number(jwk, "e");
    rsa = RSA_new();

    if (n == NULL || e == NULL || RSA_set0_key(rsa, n, e, NULL) != 1) {
        BN_free(n);
        BN_free(e);
        RSA_free(rsa);
        return 0;
    }

    md = o->alg->md();
    nid = EVP_MD_type(md);

    if (!o->alg->pss) {
        good = RSA_verify(nid, o->hash, o->hash_len, o->sig,
                          (unsigned) o->sig_len, rsa) == 1;

    } else {
        em = fuzz_alloc((size_t) RSA_size(rsa));
        good = o->sig_len == (size_t) RSA_size(rsa)
               && RSA_public_decrypt((int) o->sig_len, o->sig, em, rsa,
                                     RSA_NO_PADDING) == RSA_size(rsa)
               && RSA_verify_PKCS1_PSS_mgf1(rsa, o->hash, md, md, em,
                                            (int) o->hash_len) == 1;
        free(em);
    }

    RSA_free(rsa);

    return good;
}


static int
oracle_ec(json_t *jwk, const oracle_t *o)
{
    int         good;
    EC_KEY     *ec;
    BIGNUM     *x, *y;
    ECDSA_SIG  *sig;

    x = oracle_number(jwk, "x");
    y = oracle_number(jwk, "y");
    ec = EC_KEY_new_by_curve_name(o->sig_len == 64 ? NID_X9_62_prime256v1
                                                   : NID_secp384r1);
    sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(o->sig, (int) o->sig_len / 2, NULL),
                   BN_bin2bn(o->sig + o->sig_len / 2, (int) o->sig_len / 2,
                             NULL));
    good = x && y
           && o->sig_len == (strcmp(o->alg->crv, "P-256") ? 96 : 64)
           && EC_KEY_set_public_key_affine_coordinates(ec, x, y) == 1
           && ECDSA_do_verify(o->hash, (int) o->hash_len, sig, ec) == 1;
    ECDSA_SIG_free(sig);
    EC_KEY_free(ec);
    BN_free(x);
    BN_free(y);

    return good;
}


static int
oracle_is(json_t *object, const char *name, const char *want)
{
    const char  *s;

    s = json_string_value(json_object_get(object, name));
    return s != NULL && strcmp(s, want) == 0;
}


static int
oracle_holds(json_t *jwk, const oracle_t *o)
{
    const char  *alg;

    alg = json_string_value(json_object_get(jwk, "alg"));

    if (alg && strcmp(alg, o->alg->name)) {
        return 0;
    }

    if (o->alg->crv == NULL) {
        return oracle_is(jwk, "kty", "RSA") && oracle_rsa(jwk, o);
    }

    return oracle_is(jwk, "kty", "EC") && oracle_is(jwk, "crv", o->alg->crv)
           && oracle_ec(jwk, o);
}


static int
oracle_search(json_t *header, json_t *jwks, oracle_t *o)
{
    size_t       i;
    json_t      *jwk, *kid;

    static const oracle_alg_t  algs[] = {
        { "RS256", EVP_sha256, 0, NULL }, { "RS384", EVP_sha384, 0, NULL },
        { "RS512", EVP_sha512, 0, NULL }, { "PS256", EVP_sha256, 1, NULL },
        { "PS384", EVP_sha384, 1, NULL }, { "PS512", EVP_sha512, 1, NULL },
        { "ES256", EVP_sha256, 0, "P-256" },
        { "ES384", EVP_sha384, 0, "P-384" }
    };

    for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        if (oracle_is(header, "alg", algs[i].name)) {
            o->alg = &algs[i];
        }
    }

    kid = json_object_get(header, "kid");

    json_array_foreach(json_object_get(jwks, "keys"), i, jwk) {
        if (o->alg && (kid == NULL || (json_is_string(kid) && json_equal(kid,
                                           json_object_get(jwk, "kid"))))
            && oracle_holds(jwk, o))
        {
            return 1;
        }
    }

    return 0;
}


/* The parts end at the two dots. */

static int
oracle_check(a0_str_t token, const char *first, const char *second,
    json_t *jwks)
{
    int             good;
    long            n;
    size_t          sig_len;
    json_t         *header;
    oracle_t        o;
    const char     *t, *alg;
    unsigned char  *buf;

    t = (const char *) token.data;
    buf = fuzz_alloc(token.len + 8);
    memset(&o, 0, sizeof(o));
    n = oracle_decode(t, (size_t) (first - t), buf);
    header = n > 0 ? json_loadb((char *) buf, (size_t) n,
                                JSON_REJECT_DUPLICATES, NULL) : NULL;
    alg = json_string_value(json_object_get(header, "alg"));
    sig_len = token.len - (size_t) (second + 1 - t);
    n = oracle_decode(second + 1, sig_len, buf);
    good = 0;

    if (alg && strlen(alg) == 5 && n > 0) {
        o.sig = buf;
        o.sig_len = (size_t) n;
        EVP_Digest(t, (size_t) (second - t), o.hash, &o.hash_len,
                   alg[2] == '2' ? EVP_sha256() : alg[2] == '3' ? EVP_sha384()
                                                                : EVP_sha512(),
                   NULL);
        good = oracle_search(header, jwks, &o);
    }

    json_decref(header);
    free(buf);

    return good;
}


static int
oracle_accepts(a0_str_t token, a0_str_t jwks)
{
    int          good;
    json_t      *set;
    const char  *first, *second;

    set = json_loadb((const char *) jwks.data, jwks.len,
                     JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    first = memchr(token.data, '.', token.len);
    second = first ? memchr(first + 1, '.', token.len
                            - (size_t) (first + 1 - (char *) token.data))
                   : NULL;
    good = set && second && oracle_check(token, first, second, set);
    json_decref(set);

    return good;
}

#endif /* ORACLE_H */
