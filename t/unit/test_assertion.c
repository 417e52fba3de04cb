/*
 * Client assertions: which keys, which claims, and that the signature holds,
 * verified with OpenSSL through the module's own verifier.
 */

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "unit.h"
#include "a0_assertion.h"
#include "a0_base64url.h"
#include "a0_json.h"
#include "a0_jws.h"

#define NOW  INT64_C(1800000000)

static const unsigned char  jti[A0_ASSERTION_JTI] = {
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff
};

static EVP_PKEY  *rsa, *large, *ec;
static char       rsa_pem[4096], large_pem[8192], ec_pem[1024];


static a0_str_t
str(const char *text)
{
    a0_str_t  s;

    s.data = (const unsigned char *) text;
    s.len = strlen(text);
    return s;
}


static void
to_pem(EVP_PKEY *pkey, char *out, size_t cap, const EVP_CIPHER *cipher)
{
    int   n;
    BIO  *bio;

    bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_PrivateKey(bio, pkey, cipher,
                                   (const unsigned char *) "pw", 2, NULL,
                                   NULL));
    n = BIO_read(bio, out, (int) cap - 1);
    out[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
}


static a0_err_t
check_key(EVP_PKEY *pkey, unsigned wanted, unsigned *alg)
{
    char      pem[8192];
    a0_err_t  err;

    to_pem(pkey, pem, sizeof(pem), NULL);
    err = a0_assertion_key_check(str(pem), wanted, alg);
    EVP_PKEY_free(pkey);
    return err;
}


static void
test_keys(void)
{
    unsigned  alg;
    a0_err_t  err;
    char      pem[8192];

    unit_case("keys: RSA signs RS256, P-256 signs ES256");
    CHECK_EQ_INT(a0_assertion_key_check(str(rsa_pem), 0, &alg), A0_OK);
    CHECK_EQ_INT(alg, A0_ALG_RS256);
    CHECK_EQ_INT(a0_assertion_key_check(str(ec_pem), 0, &alg), A0_OK);
    CHECK_EQ_INT(alg, A0_ALG_ES256);
    CHECK_EQ_INT(a0_assertion_key_check(str(rsa_pem), A0_ALG_RS256, &alg),
                 A0_OK);

    unit_case("keys: key and algorithm that do not fit");
    CHECK_EQ_INT(a0_assertion_key_check(str(rsa_pem), A0_ALG_ES256, &alg),
                 A0_ERR_UNSUPPORTED_ALGORITHM);
    CHECK_EQ_INT(a0_assertion_key_check(str(ec_pem), A0_ALG_RS256, &alg),
                 A0_ERR_UNSUPPORTED_ALGORITHM);
    CHECK_EQ_INT(a0_assertion_key_check(str(rsa_pem), A0_ALG_RS512, &alg),
                 A0_ERR_UNSUPPORTED_ALGORITHM);

    unit_case("keys: PS256 as libjwt can, else refused");
    alg = 0;
    err = a0_assertion_key_check(str(rsa_pem), A0_ALG_PS256, &alg);
    CHECK(err == A0_OK || err == A0_ERR_UNSUPPORTED_ALGORITHM);
    CHECK((alg == A0_ALG_PS256) == (err == A0_OK));

    unit_case("keys: too short, another curve, another kind");
    CHECK_EQ_INT(check_key(EVP_RSA_gen(1024), 0, &alg), A0_ERR_BAD_KEY_SET);
    CHECK_EQ_INT(check_key(EVP_EC_gen("P-384"), 0, &alg),
                 A0_ERR_BAD_KEY_SET);
    CHECK_EQ_INT(check_key(EVP_EC_gen("secp256k1"), 0, &alg),
                 A0_ERR_BAD_KEY_SET);
    CHECK_EQ_INT(check_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0,
                           &alg), A0_ERR_BAD_KEY_SET);

    unit_case("keys: encrypted, public, none");
    to_pem(rsa, pem, sizeof(pem), EVP_aes_128_cbc());
    CHECK_EQ_INT(a0_assertion_key_check(str(pem), 0, &alg),
                 A0_ERR_MALFORMED);
    CHECK_EQ_INT(a0_assertion_key_check(str("-----BEGIN PUBLIC KEY-----\n"),
                                        0, &alg), A0_ERR_MALFORMED);
    CHECK_EQ_INT(a0_assertion_key_check(str("secret"), 0, &alg),
                 A0_ERR_MALFORMED);
    CHECK_EQ_INT(a0_assertion_key_check(str(""), 0, &alg), A0_ERR_MALFORMED);
}


static a0_assertion_t
claims(void)
{
    a0_assertion_t  c;

    memset(&c, 0, sizeof(c));
    c.client_id = str("demoManagement000000000000000001");
    c.audience = str("https://acme.auth0.com/");
    c.now = NOW;
    c.lifetime = 60;
    c.jti = jti;
    return c;
}


/* the part of a token up to the next dot, decoded */
static a0_str_t
part(const char **at, unsigned char *out, size_t cap)
{
    a0_str_t  text, bytes = { 0, out };

    text.data = (const unsigned char *) *at;
    text.len = strcspn(*at, ".");
    *at += text.len + 1;
    CHECK_EQ_INT(a0_base64url_decode(text, out, cap, &bytes.len), A0_OK);
    return bytes;
}


static int
verify(EVP_PKEY *pkey, int pss, const char *token, size_t signed_len,
    a0_str_t sig)
{
    int             ok;
    size_t          n;
    ECDSA_SIG      *pair;
    EVP_MD_CTX     *ctx;
    EVP_PKEY_CTX   *how;
    unsigned char   der[128], *p;

    p = (unsigned char *) sig.data;
    n = sig.len;

    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
        CHECK_EQ_INT(sig.len, 64);
        pair = ECDSA_SIG_new();
        ECDSA_SIG_set0(pair, BN_bin2bn(sig.data, 32, NULL),
                       BN_bin2bn(sig.data + 32, 32, NULL));
        p = der;
        n = (size_t) i2d_ECDSA_SIG(pair, &p);
        p = der;
        ECDSA_SIG_free(pair);
    }

    ctx = EVP_MD_CTX_new();
    ok = EVP_DigestVerifyInit(ctx, &how, EVP_sha256(), NULL, pkey) == 1
         && (!pss || (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING)
                      == 1
                      && EVP_PKEY_CTX_set_rsa_pss_saltlen(how,
                                                   RSA_PSS_SALTLEN_DIGEST)
                         == 1))
         && EVP_DigestVerify(ctx, p, n, (const unsigned char *) token,
                             signed_len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}


static void
check_token(EVP_PKEY *pkey, const char *pem, unsigned alg, const char *name)
{
    char             token[A0_ASSERTION_SIZE + 1];
    size_t           len;
    double           number;
    a0_str_t         header, payload, sig;
    const char      *at;
    a0_json_t       *json;
    unsigned char    b1[1024], b2[1024], b3[1024];
    a0_assertion_t   c;

    c = claims();
    CHECK_EQ_INT(a0_assertion_sign(&c, str(pem), alg,
                                   (unsigned char *) token,
                                   A0_ASSERTION_SIZE, &len), A0_OK);
    token[len] = '\0';
    at = token;
    header = part(&at, b1, sizeof(b1));
    payload = part(&at, b2, sizeof(b2));
    len = (size_t) (at - token) - 1;
    sig = part(&at, b3, sizeof(b3));
    CHECK(verify(pkey, alg == A0_ALG_PS256, token, len, sig));

    CHECK_EQ_INT(a0_json_parse(header, 1024, &json), A0_OK);
    CHECK(a0_json_is(a0_json_get(json, "alg"), name));
    a0_json_free(json);

    CHECK_EQ_INT(a0_json_parse(payload, 1024, &json), A0_OK);
    CHECK_EQ_INT(a0_json_size(json), 6);
    CHECK(a0_json_is(a0_json_get(json, "iss"),
                     "demoManagement000000000000000001"));
    CHECK(a0_json_is(a0_json_get(json, "sub"),
                     "demoManagement000000000000000001"));
    CHECK(a0_json_is(a0_json_get(json, "aud"), "https://acme.auth0.com/"));
    CHECK(a0_json_is(a0_json_get(json, "jti"),
                     "00112233445566778899aabbccddeeff"));
    CHECK(a0_json_number(a0_json_get(json, "iat"), &number)
          && number == (double) NOW);
    CHECK(a0_json_number(a0_json_get(json, "exp"), &number)
          && number == (double) NOW + 60);
    a0_json_free(json);
}


static void
test_sign(void)
{
    int       i;
    unsigned  alg;

    unit_case("sign: RS256");
    check_token(rsa, rsa_pem, A0_ALG_RS256, "RS256");

    if (a0_assertion_key_check(str(rsa_pem), A0_ALG_PS256, &alg) == A0_OK) {
        unit_case("sign: PS256");
        check_token(rsa, rsa_pem, A0_ALG_PS256, "PS256");
    }

    unit_case("sign: RS256, a longer key");
    check_token(large, large_pem, A0_ALG_RS256, "RS256");

    unit_case("sign: ES256, short R and S included");

    for (i = 0; i < 600; i++) {
        check_token(ec, ec_pem, A0_ALG_ES256, "ES256");
    }
}


static a0_err_t
sign(const a0_assertion_t *c, const char *pem, unsigned alg, size_t cap)
{
    size_t                len;
    static unsigned char  out[A0_ASSERTION_SIZE];

    return a0_assertion_sign(c, str(pem), alg, out, cap, &len);
}


static void
test_refusals(void)
{
    size_t              i;
    a0_assertion_t      c;
    static const char  *bad[] = { "", "a b", "a\nb", "\xc3\xbc" };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_case("sign refused: client id or audience %d", (int) i);
        c = claims();
        c.client_id = str(bad[i]);
        CHECK_EQ_INT(sign(&c, ec_pem, A0_ALG_ES256, A0_ASSERTION_SIZE),
                     A0_ERR_INVALID_CLAIM);
        c = claims();
        c.audience = str(bad[i]);
        CHECK_EQ_INT(sign(&c, ec_pem, A0_ALG_ES256, A0_ASSERTION_SIZE),
                     A0_ERR_INVALID_CLAIM);
    }

    unit_case("sign refused: lifetime");
    c = claims();
    c.lifetime = 301;
    CHECK_EQ_INT(sign(&c, ec_pem, A0_ALG_ES256, A0_ASSERTION_SIZE),
                 A0_ERR_INVALID_CLAIM);
    c.lifetime = 0;
    CHECK_EQ_INT(sign(&c, ec_pem, A0_ALG_ES256, A0_ASSERTION_SIZE),
                 A0_ERR_INVALID_CLAIM);

    unit_case("sign refused: no room, wrong key, no key, no algorithm");
    c = claims();
    CHECK_EQ_INT(sign(&c, ec_pem, A0_ALG_ES256, 100), A0_ERR_NO_SPACE);
    CHECK_EQ_INT(sign(&c, rsa_pem, A0_ALG_ES256, A0_ASSERTION_SIZE),
                 A0_ERR_INTERNAL);
    CHECK_EQ_INT(sign(&c, "", A0_ALG_ES256, A0_ASSERTION_SIZE),
                 A0_ERR_INTERNAL);
    CHECK_EQ_INT(sign(&c, ec_pem, 0, A0_ASSERTION_SIZE), A0_ERR_INTERNAL);
}


int
main(void)
{
    rsa = EVP_RSA_gen(2048);
    large = EVP_RSA_gen(4096);
    ec = EVP_EC_gen("P-256");
    to_pem(rsa, rsa_pem, sizeof(rsa_pem), NULL);
    to_pem(large, large_pem, sizeof(large_pem), NULL);
    to_pem(ec, ec_pem, sizeof(ec_pem), NULL);
    test_keys();
    test_sign();
    test_refusals();
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(large);
    EVP_PKEY_free(ec);
    return unit_done();
}
