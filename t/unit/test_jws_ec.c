
/*
 * Attacks on ECDSA signatures: RFC 7518 section 3.4 wants R || S of fixed
 * length, and neither may be 0 or reach the order of the curve.
 */

#include "unit_keys.h"


static const char  input_text[] = "header.payload";


typedef struct {
    a0_jwk_t             key;
    const a0_jws_alg_t  *alg;
    size_t               size;             /* of R and of S */
    unsigned char        good[96];
    unsigned char        order[48];
} curve_t;


static a0_err_t
verify(curve_t *c, const unsigned char *sig, size_t len)
{
    a0_err_t        err;
    unsigned char  *copy;

    copy = malloc(len ? len : 1);
    memcpy(copy, sig, len);
    err = a0_jws_verify(c->alg, &c->key, unit_str(input_text),
                        unit_bytes(copy, len));
    free(copy);

    CHECK(ERR_peek_error() == 0);

    return err;
}


/* What stands in place of R or of S. */

typedef enum {
    GOOD, ZERO, ONE, ORDER, ORDER_LESS_1, ORDER_MORE_1, PLUS_ORDER, ONES,
    OTHER
} value_e;


static void
put(const curve_t *c, unsigned char *at, int is_s, value_e value)
{
    int                   i, carry;
    const unsigned char  *mine, *other;

    mine = c->good + (is_s ? c->size : 0);
    other = c->good + (is_s ? 0 : c->size);

    switch (value) {

    case GOOD:
        memcpy(at, mine, c->size);
        return;

    case OTHER:
        memcpy(at, other, c->size);
        return;

    case ZERO:
    case ONE:
    case ONES:
        memset(at, value == ONES ? 0xff : 0, c->size);
        at[c->size - 1] |= value == ONE;
        return;

    case PLUS_ORDER:
        for (i = (int) c->size - 1, carry = 0; i >= 0; i--) {
            carry += mine[i] + c->order[i];
            at[i] = (unsigned char) carry;
            carry >>= 8;
        }

        return;

    default:
        memcpy(at, c->order, c->size);
        at[c->size - 1] = (unsigned char) (at[c->size - 1]
                                           - (value == ORDER_LESS_1)
                                           + (value == ORDER_MORE_1));
    }
}


static void
test_values(curve_t *c)
{
    size_t         i;
    unsigned char  sig[96];

    static const struct {
        const char  *name;
        value_e      r, s;
        unsigned     accepted;
    } rows[] = {
        { "as signed", GOOD, GOOD, 1 },
        { "R = S = 0", ZERO, ZERO, 0 },
        { "R = 0", ZERO, GOOD, 0 },
        { "S = 0", GOOD, ZERO, 0 },
        { "R = 0, S = 1", ZERO, ONE, 0 },
        { "R = 1, S = 0", ONE, ZERO, 0 },
        { "R = S = 1", ONE, ONE, 0 },
        { "R = n", ORDER, GOOD, 0 },
        { "S = n", GOOD, ORDER, 0 },
        { "R = S = n", ORDER, ORDER, 0 },
        { "R = n, S = 0", ORDER, ZERO, 0 },
        { "R = n - 1", ORDER_LESS_1, GOOD, 0 },
        { "R = S = n - 1", ORDER_LESS_1, ORDER_LESS_1, 0 },
        { "R = S = n + 1", ORDER_MORE_1, ORDER_MORE_1, 0 },
        { "R + n", PLUS_ORDER, GOOD, 0 },
        { "S + n", GOOD, PLUS_ORDER, 0 },
        { "all ones", ONES, ONES, 0 },
        { "R and S changed over", OTHER, OTHER, 0 },
        { "R twice", GOOD, OTHER, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("%s: %s", c->alg->name.data, rows[i].name);
        put(c, sig, 0, rows[i].r);
        put(c, sig + c->size, 1, rows[i].s);
        CHECK_EQ_INT(verify(c, sig, 2 * c->size),
                     rows[i].accepted ? A0_OK : A0_ERR_BAD_SIGNATURE);
    }
}


/* RFC 7518 is silent about it, so a signature has a twin. */

static void
test_high_s(curve_t *c)
{
    BIGNUM         *n, *s;
    unsigned char   sig[96];

    unit_case("%s: n - S is as good as S", c->alg->name.data);
    n = BN_bin2bn(c->order, (int) c->size, NULL);
    s = BN_bin2bn(c->good + c->size, (int) c->size, NULL);
    BN_sub(s, n, s);
    memcpy(sig, c->good, c->size);
    BN_bn2binpad(s, sig + c->size, (int) c->size);
    CHECK_EQ_INT(verify(c, sig, 2 * c->size), A0_OK);
    BN_free(n);
    BN_free(s);
}


static void
test_lengths(curve_t *c)
{
    size_t          i, n;
    unsigned char  *sig;

    /* 16372 bytes are the 21830 characters that overflowed a peer's heap */

    static const size_t  lengths[] = {
        0, 1, 2, 32, 48, 63, 65, 66, 70, 72, 95, 97, 128, 132, 16372
    };

    sig = calloc(1, 16384);

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        unit_case("%s: signature of %d bytes", c->alg->name.data,
                  (int) lengths[i]);
        memcpy(sig, c->good, 2 * c->size);
        CHECK_EQ_INT(verify(c, sig, lengths[i]), A0_ERR_BAD_SIGNATURE);
    }

    unit_case("%s: zero bytes in front of R and S", c->alg->name.data);
    n = c->size;
    memset(sig, 0, 2 * n + 2);
    memcpy(sig + 1, c->good, n);
    memcpy(sig + n + 2, c->good + n, n);
    CHECK_EQ_INT(verify(c, sig, 2 * n + 2), A0_ERR_BAD_SIGNATURE);

    unit_case("%s: the other curve's length", c->alg->name.data);
    CHECK_EQ_INT(verify(c, sig, n == 32 ? 96 : 64), A0_ERR_BAD_SIGNATURE);

    free(sig);
}


/* DER is what X.509 knows; whole, and cut to the right length. */

static void
test_der(curve_t *c)
{
    int            i;
    size_t         len;
    unit_sign_t    how;
    unsigned char  der[UNIT_SIG_MAX];

    unit_case("%s: DER", c->alg->name.data);
    memset(&how, 0, sizeof(unit_sign_t));
    how.digest = c->alg->digest;
    memset(der, 0, sizeof(der));

    for (i = 0; i < 20; i++) {
        len = unit_sign(c->key.pkey, &how, unit_str(input_text), der);
        CHECK_EQ_INT(verify(c, der, len), A0_ERR_BAD_SIGNATURE);
        CHECK_EQ_INT(verify(c, der, 2 * c->size), A0_ERR_BAD_SIGNATURE);
    }
}


/* 300 signatures meet every sign bit and a leading zero byte or two. */

static void
test_many(curve_t *c)
{
    int            i, good;
    unsigned char  sig[UNIT_SIG_MAX];

    unit_case("%s: 300 good signatures", c->alg->name.data);

    for (i = 0, good = 0; i < 300; i++) {
        unit_sign_jws(c->key.pkey, c->alg, unit_str(input_text), sig);
        good += verify(c, sig, 2 * c->size) == A0_OK;
    }

    CHECK_EQ_INT(good, 300);
}


static void
test_other_key(curve_t *c, const char *name)
{
    EVP_PKEY       *other;
    unsigned char   sig[UNIT_SIG_MAX];

    unit_case("%s: signed with another key", c->alg->name.data);
    other = unit_ec(name);
    unit_sign_jws(other, c->alg, unit_str(input_text), sig);
    CHECK_EQ_INT(verify(c, sig, 2 * c->size), A0_ERR_BAD_SIGNATURE);
    EVP_PKEY_free(other);
}


static void
test_curve(const char *name, a0_kty_e kty, unsigned bit)
{
    curve_t         c;
    BIGNUM         *order;

    memset(&c, 0, sizeof(curve_t));
    c.key = unit_jwk(kty, unit_ec(name));
    c.alg = a0_jws_alg_by_bit(bit);
    c.size = c.alg->ec_size;

    order = NULL;
    unit_need(EVP_PKEY_get_bn_param(c.key.pkey, OSSL_PKEY_PARAM_EC_ORDER,
                                    &order) == 1
              && BN_bn2binpad(order, c.order, (int) c.size) > 0,
              "reading the order");
    BN_free(order);

    unit_sign_jws(c.key.pkey, c.alg, unit_str(input_text), c.good);

    test_values(&c);
    test_high_s(&c);
    test_lengths(&c);
    test_der(&c);
    test_many(&c);
    test_other_key(&c, name);

    a0_jwk_clear(&c.key);
}


int
main(void)
{
    test_curve("P-256", A0_KTY_EC_P256, A0_ALG_ES256);
    test_curve("P-384", A0_KTY_EC_P384, A0_ALG_ES384);

    return unit_done();
}
