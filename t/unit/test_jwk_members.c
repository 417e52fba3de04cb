
/*
 * Which single keys are taken (RFC 7517 section 4, RFC 7518 section 6).  A key
 * that is not must not spoil its neighbour.  $NAME in a key stands for a number
 * below; the numbers that only look like keys have no factors to be found, but
 * nothing here looks for them.
 */

#include "unit_keys.h"


typedef struct {
    char  name[16];
    char  text[UNIT_SIG_MAX * 2];
} number_t;


static number_t  numbers[64];
static size_t    nnumbers;
static char      doc[65536];


typedef struct {
    const char  *name, *key;
    unsigned     taken;
} row_t;


#define RSA_N   "\"kty\":\"RSA\",\"n\":\"$2048\""
#define RSA     RSA_N ",\"e\":\"AQAB\""
#define EC_X    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"$x\""
#define EC      EC_X ",\"y\":\"$y\""
#define KEY(m)  "{" m "}"


static const row_t  rsa_rows[] = {
    { "modulus of 512 bits", KEY("\"kty\":\"RSA\",\"n\":\"$512\","
      "\"e\":\"AQAB\""), 0 },
    { "modulus of 1024 bits", KEY("\"kty\":\"RSA\",\"n\":\"$1024\","
      "\"e\":\"AQAB\""), 0 },
    { "modulus of 2047 bits", KEY("\"kty\":\"RSA\",\"n\":\"$2047\","
      "\"e\":\"AQAB\""), 0 },
    { "modulus of 2048 bits", KEY(RSA), 1 },
    { "modulus of 2049 bits", KEY("\"kty\":\"RSA\",\"n\":\"$2049\","
      "\"e\":\"AQAB\""), 1 },
    { "modulus of 4096 bits", KEY("\"kty\":\"RSA\",\"n\":\"$4096\","
      "\"e\":\"AQAB\""), 1 },
    { "modulus of 8192 bits", KEY("\"kty\":\"RSA\",\"n\":\"$8192\","
      "\"e\":\"AQAB\""), 1 },
    { "modulus of 8193 bits", KEY("\"kty\":\"RSA\",\"n\":\"$8193\","
      "\"e\":\"AQAB\""), 0 },
    { "modulus of 16384 bits", KEY("\"kty\":\"RSA\",\"n\":\"$16384\","
      "\"e\":\"AQAB\""), 0 },
    { "modulus even", KEY("\"kty\":\"RSA\",\"n\":\"$even\",\"e\":\"AQAB\""),
      0 },
    { "modulus zero", KEY("\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\""),
      0 },
    { "modulus of zero bytes and 1024 bits", KEY("\"kty\":\"RSA\","
      "\"n\":\"$wide\",\"e\":\"AQAB\""), 0 },
    { "modulus empty", KEY("\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\""), 0 },
    { "modulus missing", KEY("\"kty\":\"RSA\",\"e\":\"AQAB\""), 0 },
    { "modulus a number", KEY("\"kty\":\"RSA\",\"n\":3233,\"e\":\"AQAB\""),
      0 },
    { "modulus null", KEY("\"kty\":\"RSA\",\"n\":null,\"e\":\"AQAB\""), 0 },
    { "modulus with padding", KEY("\"kty\":\"RSA\",\"n\":\"$2048==\","
      "\"e\":\"AQAB\""), 0 },
    { "modulus in plain base64", KEY("\"kty\":\"RSA\",\"n\":\"+/$2048\","
      "\"e\":\"AQAB\""), 0 },
    { "modulus with a line break", KEY("\"kty\":\"RSA\",\"n\":\"$2048\\n\","
      "\"e\":\"AQAB\""), 0 },
    { "exponent 0", KEY(RSA_N ",\"e\":\"AA\""), 0 },
    { "exponent 1", KEY(RSA_N ",\"e\":\"AQ\""), 0 },
    { "exponent 2", KEY(RSA_N ",\"e\":\"Ag\""), 0 },
    { "exponent 3", KEY(RSA_N ",\"e\":\"Aw\""), 1 },
    { "exponent 17", KEY(RSA_N ",\"e\":\"EQ\""), 1 },
    { "exponent 65536", KEY(RSA_N ",\"e\":\"AQAA\""), 0 },
    { "exponent of 32 bits", KEY(RSA_N ",\"e\":\"_____w\""), 1 },
    { "exponent of 32 bits, even", KEY(RSA_N ",\"e\":\"_____g\""), 0 },
    { "exponent of 33 bits", KEY(RSA_N ",\"e\":\"AQAAAAE\""), 0 },
    { "exponent as long as the modulus", KEY(RSA_N ",\"e\":\"$2048\""), 0 },
    { "exponent empty", KEY(RSA_N ",\"e\":\"\""), 0 },
    { "exponent missing", KEY(RSA_N), 0 },
    { "exponent a number", KEY(RSA_N ",\"e\":65537"), 0 },
    { "exponent with padding", KEY(RSA_N ",\"e\":\"AQ==\""), 0 },
    { "type in small letters", KEY("\"kty\":\"rsa\",\"n\":\"$2048\","
      "\"e\":\"AQAB\""), 0 },
    { "type missing", KEY("\"n\":\"$2048\",\"e\":\"AQAB\""), 0 },
    { "type an array", KEY("\"kty\":[\"RSA\"],\"n\":\"$2048\","
      "\"e\":\"AQAB\""), 0 },
    { "type of symmetric keys", KEY("\"kty\":\"oct\",\"k\":\"$2048\","
      "\"n\":\"$2048\",\"e\":\"AQAB\""), 0 }
};


static const row_t  ec_rows[] = {
    { "P-256", KEY(EC), 1 },
    { "P-384", KEY("\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"$x384\","
      "\"y\":\"$y384\""), 1 },
    { "P-256 numbers as P-384", KEY("\"kty\":\"EC\",\"crv\":\"P-384\","
      "\"x\":\"$x\",\"y\":\"$y\""), 0 },
    { "P-384 numbers as P-256", KEY("\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"$x384\",\"y\":\"$y384\""), 0 },
    { "secp256k1", KEY("\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"$xk1\","
      "\"y\":\"$yk1\""), 0 },
    { "secp256k1 numbers as P-256", KEY("\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"$xk1\",\"y\":\"$yk1\""), 0 },
    { "P-521", KEY("\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"$x\","
      "\"y\":\"$y\""), 0 },
    { "curve by OpenSSL's name", KEY("\"kty\":\"EC\",\"crv\":\"prime256v1\","
      "\"x\":\"$x\",\"y\":\"$y\""), 0 },
    { "curve in small letters", KEY("\"kty\":\"EC\",\"crv\":\"p-256\","
      "\"x\":\"$x\",\"y\":\"$y\""), 0 },
    { "curve missing", KEY("\"kty\":\"EC\",\"x\":\"$x\",\"y\":\"$y\""), 0 },
    { "y missing", KEY(EC_X), 0 },
    { "x missing", KEY("\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"$y\""), 0 },
    { "x empty", KEY("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\","
      "\"y\":\"$y\""), 0 },
    { "y a number", KEY(EC_X ",\"y\":7"), 0 },
    { "off the curve", KEY(EC_X ",\"y\":\"$yoff\""), 0 },
    { "x and y changed over", KEY("\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"$y\",\"y\":\"$x\""), 0 },
    { "x = y = 0", KEY("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"$zero32\","
      "\"y\":\"$zero32\""), 0 },
    { "x above the field", KEY("\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"$ones32\",\"y\":\"$y\""), 0 },
    { "x of 31 bytes", KEY("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"$x31\","
      "\"y\":\"$y\""), 0 },
    { "x of 33 bytes", KEY("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"$x33\","
      "\"y\":\"$y\""), 0 },
    { "y of 31 bytes", KEY(EC_X ",\"y\":\"$y31\""), 0 },
    { "y of 33 bytes", KEY(EC_X ",\"y\":\"$y33\""), 0 },
    { "type of an octet pair", KEY("\"kty\":\"OKP\",\"crv\":\"P-256\","
      "\"x\":\"$x\",\"y\":\"$y\""), 0 }
};


static const row_t  member_rows[] = {
    { "use sig", KEY(RSA ",\"use\":\"sig\""), 1 },
    { "use enc", KEY(RSA ",\"use\":\"enc\""), 0 },
    { "use in capitals", KEY(RSA ",\"use\":\"SIG\""), 0 },
    { "use unknown", KEY(RSA ",\"use\":\"signature\""), 0 },
    { "use empty", KEY(RSA ",\"use\":\"\""), 0 },
    { "use null", KEY(RSA ",\"use\":null"), 0 },
    { "use an array", KEY(RSA ",\"use\":[\"sig\"]"), 0 },
    { "key_ops verify", KEY(RSA ",\"key_ops\":[\"verify\"]"), 1 },
    { "key_ops sign, verify", KEY(RSA ",\"key_ops\":[\"sign\",\"verify\"]"),
      1 },
    { "key_ops verify, unknown", KEY(RSA ",\"key_ops\":[\"verify\",\"x\"]"),
      1 },
    { "key_ops sign", KEY(RSA ",\"key_ops\":[\"sign\"]"), 0 },
    { "key_ops encrypt", KEY(RSA ",\"key_ops\":[\"encrypt\"]"), 0 },
    { "key_ops in capitals", KEY(RSA ",\"key_ops\":[\"VERIFY\"]"), 0 },
    { "key_ops empty", KEY(RSA ",\"key_ops\":[]"), 0 },
    { "key_ops a string", KEY(RSA ",\"key_ops\":\"verify\""), 0 },
    { "key_ops null", KEY(RSA ",\"key_ops\":null"), 0 },
    { "key_ops an object", KEY(RSA ",\"key_ops\":{\"verify\":1}"), 0 },
    { "key_ops verify twice",
      KEY(RSA ",\"key_ops\":[\"verify\",\"verify\"]"), 0 },
    { "key_ops other twice",
      KEY(RSA ",\"key_ops\":[\"sign\",\"verify\",\"sign\"]"), 0 },
    { "key_ops with a number", KEY(RSA ",\"key_ops\":[\"verify\",1]"), 0 },
    { "key_ops of 17", KEY(RSA ",\"key_ops\":[\"verify\",\"1\",\"2\",\"3\","
      "\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\","
      "\"f\",\"g\"]"), 0 },
    { "use and key_ops", KEY(RSA ",\"use\":\"sig\",\"key_ops\":[\"verify\"]"),
      1 },
    { "use sig, key_ops sign",
      KEY(RSA ",\"use\":\"sig\",\"key_ops\":[\"sign\"]"), 0 },
    { "alg RS256", KEY(RSA ",\"alg\":\"RS256\""), 1 },
    { "alg PS512", KEY(RSA ",\"alg\":\"PS512\""), 1 },
    { "alg ES256 for EC", KEY(EC ",\"alg\":\"ES256\""), 1 },
    { "alg ES384 for P-256", KEY(EC ",\"alg\":\"ES384\""), 0 },
    { "alg RS256 for EC", KEY(EC ",\"alg\":\"RS256\""), 0 },
    { "alg ES256 for RSA", KEY(RSA ",\"alg\":\"ES256\""), 0 },
    { "alg HS256 for RSA", KEY(RSA ",\"alg\":\"HS256\""), 0 },
    { "alg none", KEY(RSA ",\"alg\":\"none\""), 0 },
    { "alg of encryption", KEY(RSA ",\"alg\":\"RSA-OAEP\""), 0 },
    { "alg in small letters", KEY(RSA ",\"alg\":\"rs256\""), 0 },
    { "alg empty", KEY(RSA ",\"alg\":\"\""), 0 },
    { "alg null", KEY(RSA ",\"alg\":null"), 0 },
    { "alg a number", KEY(RSA ",\"alg\":256"), 0 },
    { "kid", KEY(RSA ",\"kid\":\"one\""), 1 },
    { "kid of 128 bytes", KEY(RSA ",\"kid\":\"$kid128\""), 1 },
    { "kid of 129 bytes", KEY(RSA ",\"kid\":\"$kid128.\""), 0 },
    { "kid empty", KEY(RSA ",\"kid\":\"\""), 0 },
    { "kid null", KEY(RSA ",\"kid\":null"), 0 },
    { "kid a number", KEY(RSA ",\"kid\":1"), 0 },
    { "kid with U+0000 escaped as text", KEY(RSA ",\"kid\":\"\\\\u0000\""),
      1 },
    { "x5c of another key", KEY(RSA ",\"x5c\":[\"MIIB\"],\"x5t\":\"x\","
      "\"x5t#S256\":\"y\""), 1 },
    { "x5c of the wrong type", KEY(RSA ",\"x5c\":17"), 1 },
    { "x5u, jku", KEY(RSA ",\"x5u\":\"http://evil.example/\","
      "\"jku\":\"http://evil.example/\""), 1 },
    { "private members", KEY(RSA ",\"d\":\"AQAB\",\"p\":\"!\",\"q\":7"), 1 },
    { "unknown members", KEY(RSA ",\"x\":{\"kty\":\"oct\"},\"ext\":true"), 1 }
};


static const row_t  other_rows[] = {
    { "null", "null", 0 },
    { "string", "\"RSA\"", 0 },
    { "number", "1e5", 0 },
    { "array", "[]", 0 },
    { "array of a key", "[" KEY(RSA) "]", 0 },
    { "empty object", "{}", 0 },
    { "unknown type", KEY("\"kty\":\"quantum\""), 0 }
};


static void
add(const char *name, const void *bytes, size_t len)
{
    number_t  *n;
    size_t     text_len;

    n = &numbers[nnumbers++];
    snprintf(n->name, sizeof(n->name), "%s", name);
    unit_need(a0_base64url_encode(unit_bytes(bytes, len),
                                  (unsigned char *) n->text, sizeof(n->text),
                                  &text_len) == A0_OK, "coding");
    n->text[text_len] = '\0';
}


static void
add_bits(const char *name, unsigned bits, unsigned last)
{
    size_t         len;
    unsigned char  bytes[UNIT_SIG_MAX + 1];

    len = (bits + 7) / 8;
    memset(bytes, 0x5a, len);
    bytes[0] = (unsigned char) (1u << (bits - 1) % 8);
    bytes[len - 1] = (unsigned char) last;
    add(name, bytes, len);
}


/* Coordinates and what can be wrong with them. */

static void
add_point(EVP_PKEY *pkey, int size, const char *x, const char *y)
{
    int             i;
    size_t          n;
    char            name[16];
    BIGNUM         *bn;
    unsigned char   bytes[64];

    n = (size_t) size;

    for (i = 0; i < 2; i++) {
        bn = NULL;
        bytes[0] = 0;
        unit_need(EVP_PKEY_get_bn_param(pkey, i ? OSSL_PKEY_PARAM_EC_PUB_Y
                                                : OSSL_PKEY_PARAM_EC_PUB_X,
                                        &bn) == 1
                  && BN_bn2binpad(bn, bytes + 1, size) == size,
                  "reading a point");
        BN_free(bn);
        add(i ? y : x, bytes + 1, n);

        if (strlen(x) == 1) {
            snprintf(name, sizeof(name), "%s31", i ? y : x);
            add(name, bytes + 2, n - 1);
            snprintf(name, sizeof(name), "%s33", i ? y : x);
            add(name, bytes, n + 1);
            snprintf(name, sizeof(name), "%soff", i ? y : x);
            bytes[n] ^= 1;
            add(name, bytes + 1, n);
        }
    }

    EVP_PKEY_free(pkey);
}


static void
make_numbers(void)
{
    size_t           i;
    unsigned char    bytes[256];
    static const unsigned  bits[] = {
        512, 1024, 2047, 2048, 2049, 4096, 8192, 8193, 16384
    };

    for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        snprintf((char *) bytes, sizeof(bytes), "%u", bits[i]);
        add_bits((char *) bytes, bits[i], 0x5b);
    }

    add_bits("even", 2048, 0x5a);
    memset(bytes, 0, sizeof(bytes));
    memset(bytes + 128, 0xa5, 128);
    add("wide", bytes, sizeof(bytes));
    add("zero32", bytes, 32);
    memset(bytes, 0xff, 32);
    add("ones32", bytes, 32);
    memset(bytes, 'k', 96);
    add("kid128", bytes, 96);

    add_point(unit_ec("P-256"), 32, "x", "y");
    add_point(unit_ec("P-384"), 48, "x384", "y384");
    add_point(unit_ec("secp256k1"), 32, "xk1", "yk1");
}


/* Appends key to doc with the numbers in place; the longest name wins. */

static void
expand(const char *key)
{
    size_t           i, n;
    char            *at;
    const number_t  *best;

    for (at = doc + strlen(doc); *key != '\0'; /* void */ ) {
        if (*key != '$') {
            *at++ = *key++;
            continue;
        }

        for (i = 0, best = NULL; i < nnumbers; i++) {
            n = strlen(numbers[i].name);

            if (strncmp(key + 1, numbers[i].name, n) == 0
                && (best == NULL || n > strlen(best->name)))
            {
                best = &numbers[i];
            }
        }

        unit_need(best != NULL, "finding a number");
        at = stpcpy(at, best->text);
        key += 1 + strlen(best->name);
    }

    *at = '\0';
}


static a0_err_t
parse(const char *before, const char *key, const char *after,
    a0_jwk_set_t **set)
{
    a0_err_t  err;

    doc[0] = '\0';
    expand(before);
    expand(key);
    expand(after);
    err = a0_jwk_set_parse(unit_str(doc), set);
    CHECK(ERR_peek_error() == 0);

    return err;
}


static void
test_rows(const char *kind, const row_t *rows, size_t n)
{
    size_t         i;
    a0_err_t       err;
    a0_jwk_set_t  *set;

    for (i = 0; i < n; i++) {
        unit_case("%s: %s: %s", kind, rows[i].name,
                  rows[i].taken ? "taken" : "skipped");

        err = parse("{\"keys\":[", rows[i].key, "]}", &set);
        CHECK_EQ_INT(err, rows[i].taken ? A0_OK : A0_ERR_BAD_KEY_SET);

        if (err == A0_OK) {
            CHECK_EQ_INT(a0_jwk_set_size(set), 1);
            a0_jwk_set_free(set);
        }

        err = parse("{\"keys\":[", rows[i].key, ",{\"kid\":\"neighbour\","
                    "\"kty\":\"RSA\",\"n\":\"$4096\",\"e\":\"Aw\"}]}", &set);
        CHECK_EQ_INT(err, A0_OK);

        if (err == A0_OK) {
            CHECK_EQ_INT(a0_jwk_set_size(set), 1 + rows[i].taken);
            a0_jwk_set_free(set);
        }
    }
}


static void
test_leading_zeros(void)
{
    size_t          one_len, two_len;
    a0_jwk_set_t   *set;
    unsigned char   one[2048], two[2048];

    unit_case("leading zero bytes of n and e are dropped");
    CHECK_EQ_INT(parse("{\"keys\":[", KEY(RSA), "]}", &set), A0_OK);
    CHECK_EQ_INT(a0_jwk_set_write(set, one, sizeof(one), &one_len), A0_OK);
    a0_jwk_set_free(set);

    memset(two, 0x5a, 257);
    two[0] = 0;
    two[1] = 0x80;
    two[256] = 0x5b;
    add("led", two, 257);

    CHECK_EQ_INT(parse("{\"keys\":[", KEY("\"kty\":\"RSA\",\"n\":\"$led\","
                       "\"e\":\"AAEAAQ\""), "]}", &set), A0_OK);
    CHECK_EQ_INT(a0_jwk_set_write(set, two, sizeof(two), &two_len), A0_OK);
    a0_jwk_set_free(set);

    CHECK_EQ_MEM(two, two_len, one, one_len);
}


#define ROWS(rows)  rows, sizeof(rows) / sizeof(rows[0])

int
main(void)
{
    make_numbers();

    test_rows("RSA", ROWS(rsa_rows));
    test_rows("EC", ROWS(ec_rows));
    test_rows("member", ROWS(member_rows));
    test_rows("no key", ROWS(other_rows));
    test_leading_zeros();

    return unit_done();
}
