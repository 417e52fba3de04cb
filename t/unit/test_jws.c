
/*
 * Signatures (RFC 7518 section 3).  Attacks on the padding of RSA: see
 * test_jws_rsa; on R and S: see test_jws_ec.
 */

#include "unit_keys.h"
#include "unit_scarce.h"


static const char  input_text[] = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0";


static a0_err_t
verify(const a0_jws_alg_t *alg, a0_jwk_t *key, a0_str_t input,
    const unsigned char *sig, size_t len)
{
    a0_err_t        err;
    unsigned char  *copy;

    copy = malloc(len ? len : 1);
    memcpy(copy, sig, len);
    err = a0_jws_verify(alg, key, input, unit_bytes(copy, len));
    free(copy);

    CHECK(ERR_peek_error() == 0);

    return err;
}


static void
test_names(void)
{
    size_t               i;
    const a0_jws_alg_t  *alg;

    static const char *const  good[] = {
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"
    };

    static const char *const  bad[] = {
        "", "none", "None", "NONE", "nOnE", "noNE", "HS256", "HS384", "HS512",
        "rs256", "Rs256", "RS256 ", " RS256", "RS25", "RS2566", "RS", "RSA",
        "EdDSA", "ES512", "ES256K", "RSA-OAEP", "A128GCM", "RS256\n", "SHA256"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        unit_case("alg \"%s\" is known", good[i]);
        alg = a0_jws_alg_find(unit_str(good[i]));
        CHECK(alg != NULL);
        CHECK_EQ_STR(alg->name, good[i]);
        CHECK_EQ_INT(alg->bit, 1u << i);
        CHECK(a0_jws_alg_by_bit(1u << i) == alg);
        CHECK_EQ_INT(alg->ec_size != 0, alg->kty != A0_KTY_RSA);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_case("alg \"%s\" is not", strchr(bad[i], '\n') ? "RS256(LF)"
                                                            : bad[i]);
        CHECK(a0_jws_alg_find(unit_str(bad[i])) == NULL);
    }

    unit_case("alg with a NUL behind it is not");
    CHECK(a0_jws_alg_find(unit_bytes("RS256", 6)) == NULL);
    CHECK(a0_jws_alg_find(unit_bytes(NULL, 0)) == NULL);

    unit_case("no bit, two bits, a bit above all");
    CHECK(a0_jws_alg_by_bit(0) == NULL);
    CHECK(a0_jws_alg_by_bit(A0_ALG_DEFAULT) == NULL);
    CHECK(a0_jws_alg_by_bit(0x100) == NULL);
}


/* Each signature under each algorithm: only its own accepts it. */

static void
test_matrix(a0_jwk_t keys[])
{
    size_t               i, k, len;
    a0_jwk_t            *key;
    a0_err_t             want;
    unsigned char        sig[UNIT_SIG_MAX];
    const a0_jws_alg_t  *signer, *judge;

    for (i = 0; i < A0_ALG_N; i++) {
        signer = a0_jws_alg_by_bit(1u << i);
        key = &keys[signer->kty];
        len = unit_sign_jws(key->pkey, signer, unit_str(input_text), sig);

        for (k = 0; k < A0_ALG_N; k++) {
            judge = a0_jws_alg_by_bit(1u << k);
            want = i == k ? A0_OK : A0_ERR_BAD_SIGNATURE;

            unit_case("signed with %s, taken for %s", signer->name.data,
                      judge->name.data);
            CHECK_EQ_INT(verify(judge, key, unit_str(input_text), sig, len),
                         want);
        }
    }
}


static void
test_binding(a0_jwk_t keys[])
{
    size_t               len;
    a0_jwk_t            *key;
    unsigned char        sig[UNIT_SIG_MAX];
    const a0_jws_alg_t  *rs256, *ps256;

    rs256 = a0_jws_alg_by_bit(A0_ALG_RS256);
    ps256 = a0_jws_alg_by_bit(A0_ALG_PS256);
    key = &keys[A0_KTY_RSA];

    unit_case("a key bound to an algorithm serves that one only");
    len = unit_sign_jws(key->pkey, ps256, unit_str(input_text), sig);
    key->alg = rs256;
    CHECK_EQ_INT(verify(ps256, key, unit_str(input_text), sig, len),
                 A0_ERR_BAD_SIGNATURE);
    key->alg = ps256;
    CHECK_EQ_INT(verify(ps256, key, unit_str(input_text), sig, len), A0_OK);
    key->alg = NULL;

    unit_case("a key of another type is refused before its bytes are used");
    CHECK_EQ_INT(verify(a0_jws_alg_by_bit(A0_ALG_ES256),
                        &keys[A0_KTY_EC_P384], unit_str(input_text), sig, 64),
                 A0_ERR_BAD_SIGNATURE);
}


static void
test_flips(a0_jwk_t keys[], unsigned bit)
{
    size_t               i, len, accepted;
    a0_jwk_t            *key;
    unsigned char        sig[UNIT_SIG_MAX], text[sizeof(input_text)];
    const a0_jws_alg_t  *alg;

    alg = a0_jws_alg_by_bit(bit);
    key = &keys[alg->kty];
    len = unit_sign_jws(key->pkey, alg, unit_str(input_text), sig);

    unit_case("%s: no bit of the signature can change", alg->name.data);
    accepted = 0;

    for (i = 0; i < len * 8; i += (i % 64 == 7) ? 57 : 1) {
        sig[i / 8] ^= (unsigned char) (1u << i % 8);
        accepted += verify(alg, key, unit_str(input_text), sig, len)
                    != A0_ERR_BAD_SIGNATURE;
        sig[i / 8] ^= (unsigned char) (1u << i % 8);
    }

    CHECK_EQ_INT(accepted, 0);

    unit_case("%s: no byte of header or payload can change", alg->name.data);
    memcpy(text, input_text, sizeof(input_text));

    for (i = 0; i < sizeof(input_text) - 1; i++) {
        text[i] ^= 1;
        accepted += verify(alg, key, unit_bytes(text, sizeof(text) - 1), sig,
                           len) != A0_ERR_BAD_SIGNATURE;
        text[i] ^= 1;
    }

    CHECK_EQ_INT(accepted, 0);
    CHECK_EQ_INT(verify(alg, key, unit_bytes(text, sizeof(text) - 2), sig,
                        len), A0_ERR_BAD_SIGNATURE);

    unit_case("%s: good after all these bad ones", alg->name.data);
    CHECK_EQ_INT(verify(alg, key, unit_str(input_text), sig, len), A0_OK);
}


static void
test_contexts(a0_jwk_t keys[])
{
    size_t               len;
    EVP_PKEY_CTX        *made;
    a0_jwk_t            *key;
    unsigned char        sig[UNIT_SIG_MAX];
    const a0_jws_alg_t  *alg;

    unit_case("a context is made once and kept");
    alg = a0_jws_alg_by_bit(A0_ALG_PS256);
    key = &keys[A0_KTY_RSA];
    a0_jwk_clear(key);
    *key = unit_jwk(A0_KTY_RSA, unit_rsa(2048));

    len = unit_sign_jws(key->pkey, alg, unit_str(input_text), sig);
    CHECK(key->ctx[3].pkey == NULL);
    CHECK_EQ_INT(verify(alg, key, unit_str(input_text), sig, len), A0_OK);
    made = key->ctx[3].pkey;
    CHECK(made != NULL && key->ctx[3].md != NULL);
    CHECK_EQ_INT(verify(alg, key, unit_str(input_text), sig, len), A0_OK);
    CHECK(key->ctx[3].pkey == made);
    CHECK(key->ctx[0].pkey == NULL);

    unit_case("errors that others left do not make a refusal a failure");
    ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
    sig[0] ^= 1;
    CHECK_EQ_INT(verify(alg, key, unit_str(input_text), sig, len),
                 A0_ERR_BAD_SIGNATURE);

    unit_case("a failure of the library is no refusal");
    ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
    CHECK_EQ_INT(a0_jws_failed(A0_ERR_BAD_SIGNATURE), A0_ERR_INTERNAL);
    CHECK(ERR_peek_error() == 0);
    CHECK_EQ_INT(a0_jws_failed(A0_ERR_BAD_SIGNATURE), A0_ERR_BAD_SIGNATURE);
}


/* Fails the first allocation, the second ... of a verification. */

static void
test_memory(a0_jwk_t keys[], unsigned bit)
{
    int                  good, told;
    long                 n, calm;
    size_t               len;
    a0_err_t             err;
    a0_jwk_t             key;
    unsigned char        sig[UNIT_SIG_MAX];
    const a0_jws_alg_t  *alg;

    alg = a0_jws_alg_by_bit(bit);
    key = keys[alg->kty];
    memset(key.ctx, 0, sizeof(key.ctx));
    EVP_PKEY_up_ref(key.pkey);
    len = unit_sign_jws(key.pkey, alg, unit_str(input_text), sig);

    for (good = 0; good < 2; good++) {
        unit_case("%s: memory runs out under a %s signature", alg->name.data,
                  good ? "good" : "bad");
        sig[len - 1] ^= good ? 0 : 1;
        told = 0;

        for (n = 0, calm = 0; n < 2000 && calm < 3; n++) {
            a0_jwk_clear(&key);
            memset(key.ctx, 0, sizeof(key.ctx));
            EVP_PKEY_up_ref(key.pkey);

            unit_allocs = n;
            err = a0_jws_verify(alg, &key, unit_str(input_text),
                                unit_bytes(sig, len));
            calm = unit_allocs > 0 ? calm + 1 : 0;
            unit_allocs = -1;

            CHECK(err == A0_ERR_INTERNAL
                  || err == (good ? A0_OK : A0_ERR_BAD_SIGNATURE));
            CHECK(ERR_peek_error() == 0);
            told += err == A0_ERR_INTERNAL;
        }

        sig[len - 1] ^= good ? 0 : 1;
        CHECK(told > 0);
        CHECK(calm == 3);
        CHECK_EQ_INT(err, good ? A0_OK : A0_ERR_BAD_SIGNATURE);
    }

    a0_jwk_clear(&key);
}


int
main(void)
{
    int       i;
    a0_jwk_t  keys[A0_KTY_EC_P384 + 1];

    unit_scarce();

    keys[A0_KTY_RSA] = unit_jwk(A0_KTY_RSA, unit_rsa(2048));
    keys[A0_KTY_EC_P256] = unit_jwk(A0_KTY_EC_P256, unit_ec("P-256"));
    keys[A0_KTY_EC_P384] = unit_jwk(A0_KTY_EC_P384, unit_ec("P-384"));

    test_names();
    test_matrix(keys);
    test_binding(keys);
    test_flips(keys, A0_ALG_RS256);
    test_flips(keys, A0_ALG_PS256);
    test_flips(keys, A0_ALG_ES256);
    test_contexts(keys);
    test_memory(keys, A0_ALG_RS256);
    test_memory(keys, A0_ALG_PS256);
    test_memory(keys, A0_ALG_ES256);

    for (i = A0_KTY_RSA; i <= A0_KTY_EC_P384; i++) {
        a0_jwk_clear(&keys[i]);
    }

    return unit_done();
}
