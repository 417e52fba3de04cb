
/*
 * Signing with libjwt 3, which takes a JWK only: the PEM's key is written as
 * a private JWK (RFC 7518 sections 6.2.2 and 6.3.2), for the time of a call.
 */

#include "a0_assertion_int.h"

#if A0_ASSERTION_JWT3

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "a0_base64url.h"


#define A0_JWK_TEXT_MAX     8192    /* an 8192-bit key takes 6400 */
#define A0_JWK_NUMBER_MAX   (A0_RSA_BITS_MAX / 8)
#define A0_P256_SIZE        32


typedef struct {
    const char     *name;
    const char     *param;    /* OpenSSL's */
} a0_jwk_member_t;

typedef struct {
    unsigned char   data[A0_JWK_TEXT_MAX];
    size_t          len;
} a0_jwk_text_t;


static const a0_jwk_member_t  a0_jwk_rsa[] = {
    { "n", OSSL_PKEY_PARAM_RSA_N },
    { "e", OSSL_PKEY_PARAM_RSA_E },
    { "d", OSSL_PKEY_PARAM_RSA_D },
    { "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
    { "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },
    { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
    { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
    { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
    { NULL, NULL }
};

static const a0_jwk_member_t  a0_jwk_ec[] = {
    { "x", OSSL_PKEY_PARAM_EC_PUB_X },
    { "y", OSSL_PKEY_PARAM_EC_PUB_Y },
    { "d", OSSL_PKEY_PARAM_PRIV_KEY },
    { NULL, NULL }
};


static int
a0_jwk_add(a0_jwk_text_t *jwk, const char *text)
{
    size_t  n;

    n = strlen(text);

    if (n > sizeof(jwk->data) - jwk->len) {
        return 0;
    }

    memcpy(jwk->data + jwk->len, text, n);
    jwk->len += n;

    return 1;
}


/* Coordinates are as long as the curve's field, numbers as short as can be. */

static int
a0_jwk_add_number(a0_jwk_text_t *jwk, const BIGNUM *number, int size)
{
    size_t         n;
    a0_str_t       bytes;
    a0_err_t       err;
    unsigned char  buf[A0_JWK_NUMBER_MAX];

    size = size ? size : BN_num_bytes(number);

    if (size > (int) sizeof(buf) || BN_bn2binpad(number, buf, size) != size) {
        return 0;
    }

    bytes.data = buf;
    bytes.len = (size_t) size;
    err = a0_base64url_encode(bytes, jwk->data + jwk->len,
                              sizeof(jwk->data) - jwk->len, &n);
    OPENSSL_cleanse(buf, sizeof(buf));

    if (err != A0_OK) {
        return 0;
    }

    jwk->len += n;

    return 1;
}


static int
a0_jwk_add_member(a0_jwk_text_t *jwk, const EVP_PKEY *pkey,
    const a0_jwk_member_t *member, int size)
{
    int      ok;
    BIGNUM  *number;

    number = NULL;

    ok = EVP_PKEY_get_bn_param(pkey, member->param, &number)
         && a0_jwk_add(jwk, ",\"")
         && a0_jwk_add(jwk, member->name)
         && a0_jwk_add(jwk, "\":\"")
         && a0_jwk_add_number(jwk, number, size)
         && a0_jwk_add(jwk, "\"");

    BN_clear_free(number);

    return ok;
}


static int
a0_jwk_write(a0_jwk_text_t *jwk, const EVP_PKEY *pkey, jwt_alg_t alg)
{
    int                     size;
    const char             *head;
    const a0_jwk_member_t  *member;

    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
        head = "{\"kty\":\"RSA\",\"alg\":\"";
        member = a0_jwk_rsa;
        size = 0;

    } else {
        head = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"";
        member = a0_jwk_ec;
        size = A0_P256_SIZE;
    }

    if (!a0_jwk_add(jwk, head) || !a0_jwk_add(jwk, jwt_alg_str(alg))
        || !a0_jwk_add(jwk, "\""))
    {
        return 0;
    }

    for ( /* void */ ; member->name; member++) {
        if (!a0_jwk_add_member(jwk, pkey, member, size)) {
            return 0;
        }
    }

    return a0_jwk_add(jwk, "}");
}


/* A set of one key, or NULL. */

static jwk_set_t *
a0_jwk_load(a0_str_t pem, jwt_alg_t alg)
{
    EVP_PKEY       *pkey;
    jwk_set_t      *set;
    a0_jwk_text_t   jwk;

    pkey = a0_assertion_key(pem);
    if (pkey == NULL) {
        return NULL;
    }

    jwk.len = 0;
    set = NULL;

    if (a0_jwk_write(&jwk, pkey, alg)) {
        set = jwks_create_strn((char *) jwk.data, jwk.len);
    }

    OPENSSL_cleanse(&jwk, sizeof(jwk));
    EVP_PKEY_free(pkey);

    return set;
}


/* libjwt keeps a PEM of its own and would free it as it is. */

static void
a0_jwk_free(jwk_set_t *set)
{
    const char        *pem;
    const jwk_item_t  *item;

    item = jwks_item_get(set, 0);
    pem = item ? jwks_item_pem(item) : NULL;

    if (pem != NULL) {
        OPENSSL_cleanse((char *) pem, strlen(pem));
    }

    jwks_free(set);
}


static int
a0_claim_text(jwt_builder_t *jwt, const char *name, const char *text)
{
    jwt_value_t  value;

    memset(&value, 0, sizeof(value));
    value.type = JWT_VALUE_STR;
    value.name = name;
    value.str_val = text;

    return jwt_builder_claim_set(jwt, &value) == JWT_VALUE_ERR_NONE;
}


static int
a0_claim_time(jwt_builder_t *jwt, const char *name, int64_t time)
{
    jwt_value_t  value;

    memset(&value, 0, sizeof(value));
    value.type = JWT_VALUE_INT;
    value.name = name;
    value.int_val = (jwt_long_t) time;

    return jwt_builder_claim_set(jwt, &value) == JWT_VALUE_ERR_NONE;
}


/* The time is the caller's, not the builder's. */

static int
a0_claims_add(jwt_builder_t *jwt, const a0_assertion_claims_t *claims)
{
    return jwt_builder_enable_iat(jwt, 0) != -1
           && a0_claim_text(jwt, "iss", claims->client)
           && a0_claim_text(jwt, "sub", claims->client)
           && a0_claim_text(jwt, "aud", claims->audience)
           && a0_claim_text(jwt, "jti", claims->jti)
           && a0_claim_time(jwt, "iat", claims->iat)
           && a0_claim_time(jwt, "exp", claims->exp);
}


char *
a0_assertion_encode(const a0_assertion_claims_t *claims, a0_str_t pem,
    jwt_alg_t alg)
{
    char           *text;
    jwk_set_t      *set;
    jwt_builder_t  *jwt;

    set = a0_jwk_load(pem, alg);
    if (set == NULL) {
        return NULL;
    }

    text = NULL;
    jwt = jwt_builder_new();

    if (jwt != NULL && !jwks_error_any(set) && a0_claims_add(jwt, claims)
        && jwt_builder_setkey(jwt, alg, jwks_item_get(set, 0)) == 0)
    {
        text = jwt_builder_generate(jwt);
    }

    jwt_builder_free(jwt);
    a0_jwk_free(set);

    return text;
}


#endif /* A0_ASSERTION_JWT3 */
