/*
 * A token and a key set together.  What the core accepts, an independent
 * verification (oracle.h) accepts as well.  First line: options; second: the
 * key set; then the token.  Options:
 *
 *     t     the rest is a token
 *     sXY   two lines of JSON are header and payload, signed here with key X
 *           (r, s: RSA; e: P-256; f: P-384) under algorithm Y of the table
 *           (0..7)
 *
 * In the key set, @NAME@ is replaced by a number of those keys: @rn@, @sn@,
 * @ex@, @ey@, @fx@, @fy@.
 */

#include <openssl/err.h>

#include "a0_jwt.h"
#include "fuzz.h"
#include "fuzz_keys.h"
#include "oracle.h"


static size_t
encode(a0_str_t bytes, unsigned char *out)
{
    size_t  len;

    FUZZ_ASSERT(a0_base64url_encode(bytes, out,
                                    a0_base64url_encoded_size(bytes.len),
                                    &len) == A0_OK);
    return len;
}


static a0_str_t
make(fuzz_t *in, const char *options)
{
    size_t               n, len;
    a0_str_t             header, payload, signature, token;
    unsigned char       *buf, sig[1024];
    const a0_jws_alg_t  *alg;

    alg = a0_jws_alg_by_bit(1u << (options[1] ? options[2] & 7 : 0));
    header = fuzz_line(in);
    payload = fuzz_rest(in);
    buf = fuzz_alloc(2 * (header.len + payload.len) + 1024);
    n = encode(header, buf);
    buf[n++] = '.';
    n += encode(payload, buf + n);
    len = fuzz_sign(options[1], alg, buf, n, sig);
    signature.data = sig;
    signature.len = len;
    buf[n++] = '.';
    n += encode(signature, buf + n);
    token = fuzz_copy(buf, n);
    free(buf);
    fuzz_free(payload);
    fuzz_free(header);

    return token;
}


static int
accepts(a0_str_t token, a0_str_t jwks)
{
    int             good;
    a0_jwt_t        jwt;
    a0_jwk_t       *key;
    a0_jwk_set_t   *set;
    unsigned char  *work;

    if (a0_jwk_set_parse(jwks, &set) != A0_OK) {
        return 0;
    }

    work = fuzz_alloc(a0_jwt_work_size(token.len));
    good = a0_jwt_parse(token, work, &jwt) == A0_OK
           && a0_jwk_set_find(set, jwt.kid, jwt.alg, &key) == A0_OK
           && a0_jws_verify(jwt.alg, key, jwt.input, jwt.signature) == A0_OK;

    /* the contexts that the first call made serve the second one as well */

    FUZZ_ASSERT(!good || a0_jws_verify(jwt.alg, key, jwt.input, jwt.signature)
                         == A0_OK);
    free(work);
    a0_jwk_set_free(set);

    return good;
}


void
fuzz_one(fuzz_t *in)
{
    int       good;
    char      options[4];
    a0_str_t  line, template, jwks, token;

    line = fuzz_line(in);
    memset(options, 0, sizeof(options));
    memcpy(options, line.data, line.len < 3 ? line.len : 3);
    fuzz_free(line);
    template = fuzz_line(in);
    jwks = fuzz_fill(template);
    token = options[0] == 's' ? make(in, options) : fuzz_rest(in);

    good = accepts(token, jwks);
    FUZZ_ASSERT(ERR_peek_error() == 0);
    FUZZ_ASSERT(!good || oracle_accepts(token, jwks));
    ERR_clear_error();
    fuzz_deep += (unsigned long) good;

    fuzz_free(token);
    fuzz_free(jwks);
    fuzz_free(template);
}
