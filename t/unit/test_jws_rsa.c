
/*
 * Attacks on the padding of RSA signatures.  Encoded messages are built by
 * hand and signed with the bare private operation; the first case of each
 * kind is the right message, which shows that the others fail for their fault
 * alone.  The module takes a signature of 2048 bits: SIZE bytes.
 */

#include "unit_keys.h"


#define SIZE    256
#define HASH    32


static const char           input_text[] = "header.payload";
static EVP_PKEY            *rsa;
static a0_jwk_t             key;
static const a0_jws_alg_t  *rs256, *ps256;


/* DER of DigestInfo up to the digest itself (RFC 8017 section 9.2, note 1). */

static const unsigned char  sha256_info[] = {
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
    0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20
};

static const unsigned char  no_null_info[] = {
    0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
    0x04, 0x02, 0x01, 0x04, 0x20
};

static const unsigned char  long_length_info[] = {
    0x30, 0x81, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20
};

static const unsigned char  indefinite_info[] = {
    0x30, 0x80, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
    0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20
};

/* the OID of SHA-512/256, whose digest is as long */

static const unsigned char  other_oid_info[] = {
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
    0x04, 0x02, 0x06, 0x05, 0x00, 0x04, 0x20
};

/* parameters that hold garbage instead of NULL */

static const unsigned char  parameters_info[] = {
    0x30, 0x33, 0x30, 0x0f, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
    0x04, 0x02, 0x01, 0x04, 0x02, 0xaa, 0xbb, 0x04, 0x20
};


typedef struct {
    const char           *name;
    const unsigned char  *info;
    size_t                info_len;
    unsigned char         first, type, pad, separator;
    size_t                garbage;    /* bytes behind the digest */
    unsigned              accepted;
} message_t;


#define info(i)  i, sizeof(i)

static const message_t  messages[] = {
    { "as it should be", info(sha256_info), 0, 1, 0xff, 0, 0, 1 },
    { "DigestInfo without NULL", info(no_null_info), 0, 1, 0xff, 0, 0, 0 },
    { "length in the long form", info(long_length_info), 0, 1, 0xff, 0, 0, 0 },
    { "indefinite length", info(indefinite_info), 0, 1, 0xff, 0, 0, 0 },
    { "OID of SHA-512/256", info(other_oid_info), 0, 1, 0xff, 0, 0, 0 },
    { "garbage as parameters", info(parameters_info), 0, 1, 0xff, 0, 0, 0 },
    { "bare digest", NULL, 0, 0, 1, 0xff, 0, 0, 0 },
    { "garbage behind the digest", info(sha256_info), 0, 1, 0xff, 0, 8, 0 },
    { "8 bytes of padding, the rest garbage", info(sha256_info), 0, 1, 0xff,
      0, SIZE - 3 - 8 - sizeof(sha256_info) - HASH, 0 },
    { "7 bytes of padding", info(sha256_info), 0, 1, 0xff,
      0, SIZE - 3 - 7 - sizeof(sha256_info) - HASH, 0 },
    { "no padding", info(sha256_info), 0, 1, 0xff,
      0, SIZE - 3 - sizeof(sha256_info) - HASH, 0 },
    { "block type 0", info(sha256_info), 0, 0, 0, 0, 0, 0 },
    { "block type 2", info(sha256_info), 0, 2, 0xff, 0, 0, 0 },
    { "first byte 1", info(sha256_info), 1, 1, 0xff, 0, 0, 0 },
    { "padding of zeros", info(sha256_info), 0, 1, 0x00, 0, 0, 0 },
    { "padding of FE", info(sha256_info), 0, 1, 0xfe, 0, 0, 0 },
    { "no zero behind the padding", info(sha256_info), 0, 1, 0xff, 0xff, 0, 0 }
};


static a0_err_t
verify(const a0_jws_alg_t *alg, const unsigned char *sig, size_t len)
{
    a0_err_t        err;
    unsigned char  *copy;

    copy = malloc(len ? len : 1);
    memcpy(copy, sig, len);
    err = a0_jws_verify(alg, &key, unit_str(input_text),
                        unit_bytes(copy, len));
    free(copy);

    CHECK(ERR_peek_error() == 0);

    return err;
}


static void
hash(unsigned char *digest)
{
    unit_need(EVP_Q_digest(NULL, "SHA256", NULL, input_text,
                           sizeof(input_text) - 1, digest, NULL) == 1,
              "hashing");
}


/* The bare operation, private or public. */

static void
raw(int private, const unsigned char *in, unsigned char *out)
{
    int            ok;
    size_t         len;
    EVP_PKEY_CTX  *ctx;

    len = SIZE;
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, rsa, NULL);

    if (private) {
        ok = EVP_PKEY_sign_init(ctx) == 1
             && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1
             && EVP_PKEY_sign(ctx, out, &len, in, SIZE) == 1;

    } else {
        ok = EVP_PKEY_encrypt_init(ctx) == 1
             && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1
             && EVP_PKEY_encrypt(ctx, out, &len, in, SIZE) == 1;
    }

    unit_need(ok && len == SIZE, "the bare operation");
    EVP_PKEY_CTX_free(ctx);
}


static void
build(const message_t *m, unsigned char *em)
{
    size_t  pad;

    pad = SIZE - 3 - m->info_len - HASH - m->garbage;

    em[0] = m->first;
    em[1] = m->type;
    memset(em + 2, m->pad, pad);
    em[2 + pad] = m->separator;

    if (m->info_len) {
        memcpy(em + 3 + pad, m->info, m->info_len);
    }

    hash(em + 3 + pad + m->info_len);
    memset(em + SIZE - m->garbage, 0x5a, m->garbage);
}


static void
test_pkcs1(void)
{
    size_t         i, k, n;
    unsigned char  em[SIZE], sig[SIZE];

    n = sizeof(messages) / sizeof(messages[0]);

    for (i = 0; i < n; i++) {
        unit_case("PKCS#1: %s", messages[i].name);
        build(&messages[i], em);
        raw(1, em, sig);
        CHECK_EQ_INT(verify(rs256, sig, SIZE), messages[i].accepted
                                               ? A0_OK
                                               : A0_ERR_BAD_SIGNATURE);
        CHECK_EQ_INT(verify(ps256, sig, SIZE), A0_ERR_BAD_SIGNATURE);
    }

    unit_case("PKCS#1: each byte of the message counts");
    build(&messages[0], em);

    for (i = 0, k = 0; i < SIZE; i++) {
        em[i] ^= 0x01;
        raw(1, em, sig);
        k += verify(rs256, sig, SIZE) == A0_ERR_BAD_SIGNATURE;
        em[i] ^= 0x01;
    }

    CHECK_EQ_INT(k, SIZE);
}


static void
test_pss_salts(void)
{
    size_t         i, len;
    unsigned char  sig[UNIT_SIG_MAX];

    static const struct {
        const char   *name;
        unit_sign_t   how;
        unsigned      accepted;
    } rows[] = {
        { "salt of 32", { "SHA256", 1, 32, NULL }, 1 },
        { "salt of 0", { "SHA256", 1, 0, NULL }, 0 },
        { "salt of 20", { "SHA256", 1, 20, NULL }, 0 },
        { "salt of 31", { "SHA256", 1, 31, NULL }, 0 },
        { "salt of 33", { "SHA256", 1, 33, NULL }, 0 },
        { "salt of 48", { "SHA256", 1, 48, NULL }, 0 },
        { "salt of 64", { "SHA256", 1, 64, NULL }, 0 },
        { "longest salt", { "SHA256", 1, RSA_PSS_SALTLEN_MAX, NULL }, 0 },
        { "MGF1 with SHA-256 named", { "SHA256", 1, 32, "SHA256" }, 1 },
        { "MGF1 with SHA-1", { "SHA256", 1, 32, "SHA1" }, 0 },
        { "MGF1 with SHA-512", { "SHA256", 1, 32, "SHA512" }, 0 },
        { "SHA-1 and MGF1 with SHA-1", { "SHA1", 1, 20, NULL }, 0 },
        { "SHA-512 with a salt of 32", { "SHA512", 1, 32, NULL }, 0 },
        { "SHA3-256", { "SHA3-256", 1, 32, NULL }, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("PSS: %s", rows[i].name);
        len = unit_sign(rsa, &rows[i].how, unit_str(input_text), sig);
        CHECK_EQ_INT(len, SIZE);
        CHECK_EQ_INT(verify(ps256, sig, len), rows[i].accepted
                                              ? A0_OK : A0_ERR_BAD_SIGNATURE);
        CHECK_EQ_INT(verify(rs256, sig, len), A0_ERR_BAD_SIGNATURE);
    }
}


static void
test_pss_message(void)
{
    size_t         i, k, len;
    unsigned char  em[SIZE], sig[UNIT_SIG_MAX];

    len = unit_sign_jws(rsa, ps256, unit_str(input_text), sig);
    raw(0, sig, em);

    unit_case("PSS: the message taken apart and put together again");
    raw(1, em, sig);
    CHECK_EQ_INT(verify(ps256, sig, len), A0_OK);

    unit_case("PSS: another trailer");
    CHECK_EQ_INT(em[SIZE - 1], 0xbc);
    em[SIZE - 1] = 0xcc;
    raw(1, em, sig);
    CHECK_EQ_INT(verify(ps256, sig, len), A0_ERR_BAD_SIGNATURE);
    em[SIZE - 1] = 0xbc;

    unit_case("PSS: each byte of padding, salt and digest counts");

    for (i = 0, k = 0; i < SIZE; i++) {
        em[i] ^= 0x01;
        raw(1, em, sig);
        k += verify(ps256, sig, SIZE) == A0_ERR_BAD_SIGNATURE;
        em[i] ^= 0x01;
    }

    CHECK_EQ_INT(k, SIZE);
}


/* The signature as a number plus the modulus: the same to a careless judge. */

static void
test_above_modulus(void)
{
    int             i, found;
    size_t          len;
    BIGNUM         *n, *s;
    unsigned char   sig[UNIT_SIG_MAX];
    a0_str_t        input;

    unit_case("a signature above the modulus");
    n = NULL;
    found = 0;
    unit_need(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n) == 1,
              "reading the modulus");

    for (i = 1; i < 1000 && !found; i++) {
        input = unit_bytes(input_text, (size_t) i % sizeof(input_text));
        len = unit_sign_jws(rsa, ps256, input, sig);
        s = BN_bin2bn(sig, (int) len, NULL);
        BN_add(s, s, n);

        if (BN_num_bits(s) <= SIZE * 8) {
            found = 1;
            CHECK_EQ_INT(a0_jws_verify(ps256, &key, input,
                                       unit_bytes(sig, len)), A0_OK);
            BN_bn2binpad(s, sig, SIZE);
            CHECK_EQ_INT(a0_jws_verify(ps256, &key, input,
                                       unit_bytes(sig, len)),
                         A0_ERR_BAD_SIGNATURE);
        }

        BN_free(s);
    }

    CHECK(found);
    BN_free(n);
}


static void
test_lengths(void)
{
    size_t          i, len;
    unsigned char   good[UNIT_SIG_MAX], *sig;

    static const size_t  lengths[] = {
        0, 1, 32, 64, 128, 254, 255, 257, 258, 384, 512, 12288
    };

    sig = calloc(1, 16384);
    len = unit_sign_jws(rsa, rs256, unit_str(input_text), good);

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        unit_case("RS256: signature of %d bytes", (int) lengths[i]);
        memcpy(sig, good, len);
        CHECK_EQ_INT(verify(rs256, sig, lengths[i]), A0_ERR_BAD_SIGNATURE);
        CHECK_EQ_INT(verify(ps256, sig, lengths[i]), A0_ERR_BAD_SIGNATURE);
    }

    unit_case("RS256: a zero byte in front of the signature");
    sig[0] = 0;
    memcpy(sig + 1, good, len);
    CHECK_EQ_INT(verify(rs256, sig, len + 1), A0_ERR_BAD_SIGNATURE);

    unit_case("RS256: the signature is 0, 1, all ones");
    memset(sig, 0, SIZE);
    CHECK_EQ_INT(verify(rs256, sig, SIZE), A0_ERR_BAD_SIGNATURE);
    CHECK_EQ_INT(verify(ps256, sig, SIZE), A0_ERR_BAD_SIGNATURE);
    sig[SIZE - 1] = 1;
    CHECK_EQ_INT(verify(rs256, sig, SIZE), A0_ERR_BAD_SIGNATURE);
    CHECK_EQ_INT(verify(ps256, sig, SIZE), A0_ERR_BAD_SIGNATURE);
    memset(sig, 0xff, SIZE);
    CHECK_EQ_INT(verify(rs256, sig, SIZE), A0_ERR_BAD_SIGNATURE);
    CHECK_EQ_INT(verify(ps256, sig, SIZE), A0_ERR_BAD_SIGNATURE);

    free(sig);
}


static void
test_other_key(void)
{
    size_t         len;
    EVP_PKEY      *other;
    unsigned char  sig[UNIT_SIG_MAX];

    unit_case("signed with another key");
    other = unit_rsa(2048);
    len = unit_sign_jws(other, rs256, unit_str(input_text), sig);
    CHECK_EQ_INT(verify(rs256, sig, len), A0_ERR_BAD_SIGNATURE);
    len = unit_sign_jws(other, ps256, unit_str(input_text), sig);
    CHECK_EQ_INT(verify(ps256, sig, len), A0_ERR_BAD_SIGNATURE);
    EVP_PKEY_free(other);
}


int
main(void)
{
    rsa = unit_rsa(SIZE * 8);
    key = unit_jwk(A0_KTY_RSA, rsa);
    rs256 = a0_jws_alg_by_bit(A0_ALG_RS256);
    ps256 = a0_jws_alg_by_bit(A0_ALG_PS256);

    test_pkcs1();
    test_pss_salts();
    test_pss_message();
    test_above_modulus();
    test_lengths();
    test_other_key();

    a0_jwk_clear(&key);

    return unit_done();
}
