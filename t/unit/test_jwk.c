
/*
 * Key sets as documents (data/jwk: what is written of a valid one is compared
 * with what another JSON library made of it), their bounds, and the choice of
 * the key.  Single keys: see test_jwk_members.
 */

#include "unit_keys.h"
#include "unit_scarce.h"


#define DOC_MAX  (A0_JWKS_MAX + 4096)

static char  doc[DOC_MAX];


static a0_err_t
parse(const void *text, size_t len, a0_jwk_set_t **set)
{
    a0_err_t        err;
    unsigned char  *copy;

    copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    err = a0_jwk_set_parse(unit_bytes(copy, len), set);
    free(copy);

    CHECK(ERR_peek_error() == 0);

    return err;
}


/* What is written, in a block of exactly that size. */

static a0_str_t
written(const a0_jwk_set_t *set)
{
    size_t                 len, n;
    unsigned char         *copy;
    static unsigned char   buf[DOC_MAX];

    len = 0;
    CHECK_EQ_INT(a0_jwk_set_write(set, buf, sizeof(buf), &len), A0_OK);

    copy = malloc(len);
    CHECK_EQ_INT(a0_jwk_set_write(set, copy, len - 1, &n), A0_ERR_NO_SPACE);
    CHECK_EQ_INT(a0_jwk_set_write(set, copy, 0, &n), A0_ERR_NO_SPACE);
    CHECK_EQ_INT(a0_jwk_set_write(set, copy, len, &n), A0_OK);
    CHECK_EQ_INT(n, len);

    return unit_bytes(copy, len);
}


static void
valid_file(const unsigned char *input, size_t len, const char *expect)
{
    a0_str_t       text, again;
    a0_jwk_set_t  *set;

    set = NULL;
    CHECK_EQ_INT(parse(input, len, &set), A0_OK);

    if (set == NULL) {
        return;
    }

    text = written(set);
    CHECK_EQ_STR(text, expect);
    a0_jwk_set_free(set);

    CHECK_EQ_INT(parse(text.data, text.len, &set), A0_OK);
    again = written(set);
    CHECK_EQ_MEM(again.data, again.len, text.data, text.len);
    a0_jwk_set_free(set);

    free((void *) text.data);
    free((void *) again.data);
}


static void
invalid_file(const unsigned char *input, size_t len, const char *expect)
{
    a0_err_t       err;
    a0_jwk_set_t  *set;

    set = NULL;
    err = parse(input, len, &set);
    CHECK_EQ_STR(a0_err_info(err)->token, expect);
    CHECK(set == NULL);
}


/* A set of n P-256 keys with kids k0, k1 ..., padded to len bytes. */

static size_t
build_many(EVP_PKEY *pkey, int n, size_t len)
{
    int     i;
    size_t  at;
    char    x[UNIT_SIG_MAX], y[UNIT_SIG_MAX];

    unit_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32, x);
    unit_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32, y);
    at = (size_t) sprintf(doc, "{\"keys\":[");

    for (i = 0; i < n; i++) {
        at += (size_t) sprintf(doc + at, "%s{\"kty\":\"EC\",\"crv\":\"P-256\","
                               "\"x\":\"%s\",\"y\":\"%s\",\"kid\":\"k%d\"}",
                               i ? "," : "", x, y, i);
    }

    at += (size_t) sprintf(doc + at, "]}");

    while (at < len) {
        doc[at++] = ' ';
    }

    return at;
}


static void
test_bounds(void)
{
    size_t         len;
    EVP_PKEY      *pkey;
    a0_jwk_set_t  *set;

    pkey = unit_ec("P-256");

    unit_case("64 keys");
    len = build_many(pkey, 64, 0);
    CHECK_EQ_INT(parse(doc, len, &set), A0_OK);
    CHECK_EQ_INT(a0_jwk_set_size(set), 64);
    a0_jwk_set_free(set);

    unit_case("65 keys");
    len = build_many(pkey, 65, 0);
    CHECK_EQ_INT(parse(doc, len, &set), A0_ERR_BAD_KEY_SET);

    unit_case("256 KiB");
    len = build_many(pkey, 1, A0_JWKS_MAX);
    CHECK_EQ_INT(parse(doc, len, &set), A0_OK);
    a0_jwk_set_free(set);

    unit_case("256 KiB and a byte");
    len = build_many(pkey, 1, A0_JWKS_MAX + 1);
    CHECK_EQ_INT(parse(doc, len, &set), A0_ERR_BAD_KEY_SET);

    unit_case("no set is freed as well");
    a0_jwk_set_free(NULL);

    EVP_PKEY_free(pkey);
}


/* The largest keys that can be made still fit what is read again. */

static void
test_largest(void)
{
    int             i;
    size_t          at, len;
    a0_str_t        text;
    char            n[UNIT_SIG_MAX * 2];
    unsigned char   bytes[1024];
    a0_jwk_set_t   *set;

    unit_case("64 keys of 8192 bits with the longest kids are written");
    memset(bytes, 0xa5, sizeof(bytes));
    unit_need(a0_base64url_encode(unit_bytes(bytes, sizeof(bytes)),
                                  (unsigned char *) n, sizeof(n), &len)
              == A0_OK, "coding");
    at = (size_t) sprintf(doc, "{\"keys\":[");

    for (i = 0; i < 64; i++) {
        at += (size_t) sprintf(doc + at, "%s{\"kty\":\"RSA\",\"n\":\"%.*s\","
                               "\"e\":\"AQAB\",\"alg\":\"RS256\","
                               "\"kid\":\"%0126d", i ? "," : "", (int) len, n,
                               i);
        memset(doc + at - 126, 0x7f, 124);
        at += (size_t) sprintf(doc + at, "\"}");
    }

    at += (size_t) sprintf(doc + at, "]}");

    CHECK_EQ_INT(parse(doc, at, &set), A0_OK);
    CHECK_EQ_INT(a0_jwk_set_size(set), 64);
    text = written(set);
    CHECK(text.len <= A0_JWKS_MAX);
    a0_jwk_set_free(set);

    CHECK_EQ_INT(parse(text.data, text.len, &set), A0_OK);
    CHECK_EQ_INT(a0_jwk_set_size(set), 64);
    a0_jwk_set_free(set);
    free((void *) text.data);
}


/*
 * Which key is chosen.  Keys are named by letters: A, B two RSA keys, E one of
 * P-256, F one of P-384; a set is a list of KEY:kid:alg with empty parts where
 * a member is missing.
 */

static char  material[128][UNIT_SIG_MAX * 5];


static void
make_material(void)
{
    int          i;
    EVP_PKEY    *pkey;
    char         one[UNIT_SIG_MAX * 2], two[UNIT_SIG_MAX * 2];

    for (i = 'A'; i <= 'B'; i++) {
        pkey = unit_rsa(2048);
        unit_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, one);
        snprintf(material[i], sizeof(material[i]),
                 "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"", one);
        EVP_PKEY_free(pkey);
    }

    for (i = 'E'; i <= 'F'; i++) {
        pkey = unit_ec(i == 'E' ? "P-256" : "P-384");
        unit_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, i == 'E' ? 32 : 48, one);
        unit_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, i == 'E' ? 32 : 48, two);
        snprintf(material[i], sizeof(material[i]),
                 "\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"",
                 i == 'E' ? "P-256" : "P-384", one, two);
        EVP_PKEY_free(pkey);
    }
}


static size_t
build_set(const char *keys)
{
    int     n, used;
    char    letter, kid[64], alg[64];
    size_t  at;

    at = (size_t) sprintf(doc, "{\"keys\":[");

    for (n = 0; *keys != '\0'; keys += used, n++) {
        kid[0] = '\0';
        alg[0] = '\0';
        used = 0;
        sscanf(keys, "%c:%n", &letter, &used);
        sscanf(keys + used, "%63[^: ]", kid);
        used += (int) strlen(kid) + 1;
        sscanf(keys + used, "%63[^ ]", alg);
        used += (int) strlen(alg);
        used += keys[used] == ' ';

        at += (size_t) sprintf(doc + at, "%s{%s", n ? "," : "",
                               material[(unsigned char) letter]);
        at += kid[0] ? (size_t) sprintf(doc + at, ",\"kid\":\"%s\"", kid) : 0;
        at += alg[0] ? (size_t) sprintf(doc + at, ",\"alg\":\"%s\"", alg) : 0;
        at += (size_t) sprintf(doc + at, "}");
    }

    return at + (size_t) sprintf(doc + at, "]}");
}


static const struct {
    const char  *name, *set, *kid, *alg;
    a0_err_t     want;
} choices[] = {
    { "by kid", "A:a:RS256 B:b:RS256", "b", "RS256", A0_OK },
    { "by kid, no alg in the key", "A:a: B:b:", "a", "PS256", A0_OK },
    { "kid of no key", "A:a:RS256", "c", "RS256", A0_ERR_UNKNOWN_KEY },
    { "kid in other case", "A:a:RS256", "A", "RS256",
      A0_ERR_UNKNOWN_KEY },
    { "kid is a prefix", "A:ab:RS256", "a", "RS256",
      A0_ERR_UNKNOWN_KEY },
    { "kid is longer", "A:a:RS256", "ab", "RS256", A0_ERR_UNKNOWN_KEY },
    { "kid is a path", "A:a:RS256", "../../dev/null", "RS256",
      A0_ERR_UNKNOWN_KEY },
    { "kid empty", "A::RS256", "", "RS256", A0_ERR_UNKNOWN_KEY },
    { "kid in the token, none in the key", "A::RS256", "a", "RS256",
      A0_ERR_UNKNOWN_KEY },
    { "key of another algorithm", "A:a:RS256", "a", "PS256",
      A0_ERR_BAD_SIGNATURE },
    { "EC key under RS256", "E:a:", "a", "RS256", A0_ERR_BAD_SIGNATURE },
    { "RSA key under ES256", "A:a:", "a", "ES256", A0_ERR_BAD_SIGNATURE },
    { "P-384 key under ES256", "F:a:", "a", "ES256",
      A0_ERR_BAD_SIGNATURE },
    { "P-256 key under ES384", "E:a:", "a", "ES384",
      A0_ERR_BAD_SIGNATURE },
    { "one kid, two types: RSA", "A:a: E:a:", "a", "RS256", A0_OK },
    { "one kid, two types: EC", "A:a: E:a:", "a", "ES256", A0_OK },
    { "one kid, two algorithms", "A:a:RS256 B:a:PS256", "a", "PS256",
      A0_OK },
    { "one kid, two keys", "A:a:RS256 B:a:RS256", "a", "RS256",
      A0_ERR_AMBIGUOUS_KEY },
    { "one kid, two keys, no algorithms", "A:a: B:a:", "a", "RS256",
      A0_ERR_AMBIGUOUS_KEY },
    { "one kid, two keys, one with algorithm", "A:a:RS256 B:a:", "a",
      "RS256", A0_ERR_AMBIGUOUS_KEY },
    { "one kid, one key twice", "A:a:RS256 A:a:RS256", "a", "RS256",
      A0_OK },
    { "one kid, one key with and without algorithm", "A:a:RS256 A:a:",
      "a", "RS256", A0_OK },
    { "no kid, one key", "A:a:RS256", NULL, "RS256", A0_OK },
    { "no kid, one fits", "A:a:RS256 E:b:ES256", NULL, "ES256", A0_OK },
    { "no kid, one fits by algorithm", "A:a:RS256 B:b:PS256", NULL,
      "PS256", A0_OK },
    { "no kid, two fit", "A:a:RS256 B:b:RS256", NULL, "RS256",
      A0_ERR_AMBIGUOUS_KEY },
    { "no kid, two fit without algorithms", "A:: B:b:", NULL, "RS256",
      A0_ERR_AMBIGUOUS_KEY },
    { "no kid, none fits", "A:a:RS256", NULL, "ES256",
      A0_ERR_UNKNOWN_KEY }
};


static void
test_choice(void)
{
    size_t         i;
    a0_str_t       kid;
    a0_err_t       err;
    a0_jwk_t      *key;
    a0_jwk_set_t  *set;

    for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        unit_case("choice: %s", choices[i].name);
        CHECK_EQ_INT(parse(doc, build_set(choices[i].set), &set), A0_OK);

        kid = choices[i].kid ? unit_str(choices[i].kid) : unit_bytes(NULL, 0);
        key = NULL;
        err = a0_jwk_set_find(set, kid,
                              a0_jws_alg_find(unit_str(choices[i].alg)), &key);
        CHECK_EQ_INT(err, choices[i].want);
        CHECK_EQ_INT(key != NULL, err == A0_OK);
        a0_jwk_set_free(set);
    }

    unit_case("choice: a NUL does not end a kid");
    CHECK_EQ_INT(parse(doc, build_set("A:a:RS256"), &set), A0_OK);
    CHECK_EQ_INT(a0_jwk_set_find(set, unit_bytes("a", 2),
                                 a0_jws_alg_by_bit(A0_ALG_RS256), &key),
                 A0_ERR_UNKNOWN_KEY);
    a0_jwk_set_free(set);
}


/* A short memory gives no shorter set. */

static void
test_memory(void)
{
    long           n, calm;
    size_t         len;
    a0_err_t       err;
    a0_jwk_set_t  *set;

    unit_case("memory runs out at every allocation in turn");
    len = build_set("A:a:RS256 E:e:ES256 F:f:ES384");

    for (n = 0, calm = 0; n < 5000 && calm < 3; n++) {
        unit_allocs = n;
        err = a0_jwk_set_parse(unit_bytes(doc, len), &set);
        calm = unit_allocs > 0 ? calm + 1 : 0;
        unit_allocs = -1;

        CHECK(err == A0_OK || err == A0_ERR_INTERNAL);
        CHECK(ERR_peek_error() == 0);

        if (err == A0_OK) {
            CHECK_EQ_INT(a0_jwk_set_size(set), 3);
            a0_jwk_set_free(set);
        }
    }

    CHECK(n > 20);
    CHECK(calm == 3);
    CHECK_EQ_INT(err, A0_OK);
}


int
main(void)
{
    unit_scarce();
    make_material();

    unit_dir("jwk/valid", valid_file);
    unit_dir("jwk/invalid", invalid_file);
    test_bounds();
    test_largest();
    test_choice();
    test_memory();

    return unit_done();
}
