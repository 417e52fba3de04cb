
/*
 * From the members of a JWK that hold the public key to OpenSSL's key.
 */

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "a0_base64url.h"
#include "a0_json.h"
#include "a0_jwk.h"


#define A0_RSA_SIZE_MAX   (A0_RSA_BITS_MAX / 8)
#define A0_RSA_E_BITS     32
#define A0_EC_SIZE_MAX    48

typedef struct {
    const char  *crv;     /* OpenSSL knows them by the same names */
    a0_kty_e     kty;
    size_t       size;    /* bytes of a coordinate */
} a0_jwk_curve_t;


static const a0_jwk_curve_t  a0_jwk_curves[] = {
    { "P-256", A0_KTY_EC_P256, 32 },
    { "P-384", A0_KTY_EC_P384, 48 }
};


/* A base64url member; MALFORMED also when it is above cap bytes. */

static a0_err_t
a0_jwk_bytes(const a0_json_t *jwk, const char *name, unsigned char *buf,
    size_t cap, a0_str_t *bytes)
{
    size_t    len;
    a0_str_t  text;

    if (!a0_json_string(a0_json_get(jwk, name), &text)
        || a0_base64url_decode(text, buf, cap, &len) != A0_OK)
    {
        return A0_ERR_MALFORMED;
    }

    bytes->data = buf;
    bytes->len = len;

    return A0_OK;
}


/* A Base64urlUInt; leading zero octets are a common mistake and dropped. */

static a0_err_t
a0_jwk_uint(const a0_json_t *jwk, const char *name, unsigned char *buf,
    size_t cap, a0_str_t *value)
{
    a0_str_t  v;

    if (a0_jwk_bytes(jwk, name, buf, cap, &v) != A0_OK) {
        return A0_ERR_MALFORMED;
    }

    while (v.len != 0 && v.data[0] == 0) {
        v.data++;
        v.len--;
    }

    *value = v;
    return A0_OK;
}


static size_t
a0_jwk_bits(a0_str_t uint)
{
    size_t    bits;
    unsigned  top;

    if (uint.len == 0) {
        return 0;
    }

    bits = (uint.len - 1) * 8;

    for (top = uint.data[0]; top != 0; top >>= 1) {
        bits++;
    }

    return bits;
}


static int
a0_jwk_is_odd(a0_str_t uint)
{
    return uint.len != 0 && (uint.data[uint.len - 1] & 1);
}


/* What OpenSSL does not look at when it makes a key of n and e. */

static int
a0_jwk_rsa_ok(a0_str_t n, a0_str_t e)
{
    size_t  bits;

    bits = a0_jwk_bits(n);

    if (bits < A0_RSA_BITS_MIN || bits > A0_RSA_BITS_MAX
        || !a0_jwk_is_odd(n))
    {
        return 0;
    }

    bits = a0_jwk_bits(e);

    /* an odd number of two bits is 3 */

    return bits >= 2 && bits <= A0_RSA_E_BITS && a0_jwk_is_odd(e);
}


/* MALFORMED when the library refuses the values.  It tells why then; what
 * fails without a reason ran out of memory. */

static a0_err_t
a0_jwk_pkey(const char *type, OSSL_PARAM *params, EVP_PKEY **pkey)
{
    a0_err_t       err;
    EVP_PKEY_CTX  *ctx;

    err = A0_OK;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1) {
        err = A0_ERR_INTERNAL;

    } else if (EVP_PKEY_fromdata(ctx, pkey, EVP_PKEY_PUBLIC_KEY, params)
               != 1)
    {
        err = a0_jws_failed(ERR_peek_error() != 0 ? A0_ERR_MALFORMED
                                                  : A0_ERR_INTERNAL);
    }

    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();

    return err;
}


static a0_err_t
a0_jwk_rsa_pkey(a0_str_t n, a0_str_t e, EVP_PKEY **pkey)
{
    BIGNUM          *bn_n, *bn_e;
    a0_err_t         err;
    OSSL_PARAM      *params;
    OSSL_PARAM_BLD  *bld;

    params = NULL;
    bld = OSSL_PARAM_BLD_new();
    bn_n = BN_bin2bn(n.data, (int) n.len, NULL);
    bn_e = BN_bin2bn(e.data, (int) e.len, NULL);

    if (bld != NULL && bn_n != NULL && bn_e != NULL
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) == 1
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) == 1)
    {
        params = OSSL_PARAM_BLD_to_param(bld);
    }

    err = params != NULL ? a0_jwk_pkey("RSA", params, pkey)
                         : a0_jws_failed(A0_ERR_INTERNAL);

    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(bn_n);
    BN_free(bn_e);

    return err;
}


static void
a0_jwk_out_bytes(a0_json_out_t *out, const char *before, a0_str_t bytes)
{
    size_t         len;
    a0_str_t       text;
    unsigned char  buf[a0_base64url_encoded_size(A0_RSA_SIZE_MAX)];

    if (a0_base64url_encode(bytes, buf, sizeof(buf), &len) != A0_OK) {
        out->overflow = 1;
        return;
    }

    text.data = buf;
    text.len = len;

    a0_json_out_lit(out, before);
    a0_json_out_string(out, text);
}


static a0_err_t
a0_jwk_parse_rsa(const a0_json_t *jwk, a0_jwk_t *key, a0_json_out_t *out)
{
    a0_str_t       n, e;
    unsigned char  nbuf[A0_RSA_SIZE_MAX + 1], ebuf[A0_RSA_E_BITS / 8 + 1];

    if (a0_jwk_uint(jwk, "n", nbuf, sizeof(nbuf), &n) != A0_OK
        || a0_jwk_uint(jwk, "e", ebuf, sizeof(ebuf), &e) != A0_OK
        || !a0_jwk_rsa_ok(n, e))
    {
        return A0_ERR_MALFORMED;
    }

    key->kty = A0_KTY_RSA;
    key->size = n.len;

    a0_json_out_lit(out, "{\"kty\":\"RSA\"");
    a0_jwk_out_bytes(out, ",\"n\":", n);
    a0_jwk_out_bytes(out, ",\"e\":", e);

    return a0_jwk_rsa_pkey(n, e, &key->pkey);
}


static const a0_jwk_curve_t *
a0_jwk_curve(const a0_json_t *crv)
{
    size_t  i;

    for (i = 0; i < sizeof(a0_jwk_curves) / sizeof(a0_jwk_curves[0]); i++) {
        if (a0_json_is(crv, a0_jwk_curves[i].crv)) {
            return &a0_jwk_curves[i];
        }
    }

    return NULL;
}


static a0_err_t
a0_jwk_parse_ec(const a0_json_t *jwk, a0_jwk_t *key, a0_json_out_t *out)
{
    size_t                 size;
    a0_str_t               x, y;
    OSSL_PARAM             params[3];
    unsigned char          point[1 + 2 * A0_EC_SIZE_MAX];
    const a0_jwk_curve_t  *curve;

    curve = a0_jwk_curve(a0_json_get(jwk, "crv"));
    if (curve == NULL) {
        return A0_ERR_MALFORMED;
    }

    size = curve->size;

    if (a0_jwk_bytes(jwk, "x", point + 1, size, &x) != A0_OK
        || a0_jwk_bytes(jwk, "y", point + 1 + size, size, &y) != A0_OK
        || x.len != size || y.len != size)
    {
        return A0_ERR_MALFORMED;
    }

    key->kty = curve->kty;

    a0_json_out_lit(out, "{\"kty\":\"EC\",\"crv\":\"");
    a0_json_out_lit(out, curve->crv);
    a0_json_out_lit(out, "\"");
    a0_jwk_out_bytes(out, ",\"x\":", x);
    a0_jwk_out_bytes(out, ",\"y\":", y);

    point[0] = 0x04;    /* uncompressed */

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 (char *) curve->crv, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  point, 1 + 2 * size);
    params[2] = OSSL_PARAM_construct_end();

    return a0_jwk_pkey("EC", params, &key->pkey);
}


static const struct {
    const char  *kty;
    a0_err_t   (*parse)(const a0_json_t *jwk, a0_jwk_t *key,
                        a0_json_out_t *out);
} a0_jwk_types[] = {
    { "RSA", a0_jwk_parse_rsa },
    { "EC", a0_jwk_parse_ec }
};


a0_err_t
a0_jwk_material(const a0_json_t *jwk, a0_jwk_t *key, a0_json_out_t *out)
{
    size_t            i;
    const a0_json_t  *kty;

    kty = a0_json_get(jwk, "kty");

    for (i = 0; i < sizeof(a0_jwk_types) / sizeof(a0_jwk_types[0]); i++) {
        if (a0_json_is(kty, a0_jwk_types[i].kty)) {
            return a0_jwk_types[i].parse(jwk, key, out);
        }
    }

    return A0_ERR_MALFORMED;
}
