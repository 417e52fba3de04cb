
#include "a0_base64url.h"


/* Bits 6 and 7 are never set in a value, so one OR finds a bad byte. */

#define A0_BAD  0xff

static const unsigned char  a0_decode_table[256] = {
#define X  A0_BAD
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, 62, X, X,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,
    X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, 63,
    X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X
#undef X
};

static const char  a0_encode_table[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* The last 2 or 3 characters; what they hold beyond whole bytes must be 0. */

static a0_err_t
a0_base64url_tail(const unsigned char *p, size_t n, unsigned char *out)
{
    unsigned  a, b, c;

    a = a0_decode_table[p[0]];
    b = a0_decode_table[p[1]];
    c = n == 3 ? a0_decode_table[p[2]] : 0;

    if ((a | b | c) > 63) {
        return A0_ERR_MALFORMED;
    }

    if ((n == 2 && (b & 0x0f) != 0) || (c & 0x03) != 0) {
        return A0_ERR_MALFORMED;
    }

    out[0] = (unsigned char) (a << 2 | b >> 4);

    if (n == 3) {
        out[1] = (unsigned char) (b << 4 | c >> 2);
    }

    return A0_OK;
}


a0_err_t
a0_base64url_decode(a0_str_t text, unsigned char *out, size_t cap, size_t *len)
{
    size_t                i, quads, rest, size;
    unsigned              v[4], bad;
    const unsigned char  *p;

    quads = text.len / 4;
    rest = text.len % 4;
    size = quads * 3 + (rest ? rest - 1 : 0);

    if (rest == 1) {
        return A0_ERR_MALFORMED;
    }

    if (size > cap) {
        return A0_ERR_NO_SPACE;
    }

    bad = 0;
    p = text.data;

    for (i = 0; i < quads; i++, p += 4, out += 3) {
        v[0] = a0_decode_table[p[0]];
        v[1] = a0_decode_table[p[1]];
        v[2] = a0_decode_table[p[2]];
        v[3] = a0_decode_table[p[3]];

        bad |= v[0] | v[1] | v[2] | v[3];

        out[0] = (unsigned char) (v[0] << 2 | v[1] >> 4);
        out[1] = (unsigned char) (v[1] << 4 | v[2] >> 2);
        out[2] = (unsigned char) (v[2] << 6 | v[3]);
    }

    if (bad > 63) {
        return A0_ERR_MALFORMED;
    }

    if (rest != 0 && a0_base64url_tail(p, rest, out) != A0_OK) {
        return A0_ERR_MALFORMED;
    }

    *len = size;
    return A0_OK;
}


a0_err_t
a0_base64url_encode(a0_str_t bytes, unsigned char *out, size_t cap,
    size_t *len)
{
    size_t                n, size;
    const char           *t;
    const unsigned char  *p;

    n = bytes.len;
    size = n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);

    if (size > cap) {
        return A0_ERR_NO_SPACE;
    }

    t = a0_encode_table;

    for (p = bytes.data; n >= 3; n -= 3, p += 3) {
        *out++ = (unsigned char) t[p[0] >> 2];
        *out++ = (unsigned char) t[(p[0] & 0x03) << 4 | p[1] >> 4];
        *out++ = (unsigned char) t[(p[1] & 0x0f) << 2 | p[2] >> 6];
        *out++ = (unsigned char) t[p[2] & 0x3f];
    }

    if (n == 1) {
        *out++ = (unsigned char) t[p[0] >> 2];
        *out++ = (unsigned char) t[(p[0] & 0x03) << 4];
    }

    if (n == 2) {
        *out++ = (unsigned char) t[p[0] >> 2];
        *out++ = (unsigned char) t[(p[0] & 0x03) << 4 | p[1] >> 4];
        *out++ = (unsigned char) t[(p[1] & 0x0f) << 2];
    }

    *len = size;
    return A0_OK;
}
