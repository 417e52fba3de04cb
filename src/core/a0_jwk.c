
#include <string.h>

#include "a0_jwk.h"


#define A0_JWK_OPS_MAX  16


/* RFC 7517 section 4.3: distinct strings; here with "verify" among them. */

static int
a0_jwk_ops_ok(const a0_json_t *ops)
{
    int       verify;
    size_t    i, k, n;
    a0_str_t  a, b;

    n = a0_json_size(ops);
    verify = 0;

    if (a0_json_type(ops) != A0_JSON_ARRAY || n > A0_JWK_OPS_MAX) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (!a0_json_string(a0_json_at(ops, i), &a)) {
            return 0;
        }

        for (k = 0; k < i; k++) {
            if (a0_json_string(a0_json_at(ops, k), &b)
                && a.len == b.len
                && memcmp(a.data, b.data, a.len) == 0)
            {
                return 0;
            }
        }

        verify |= a0_json_is(a0_json_at(ops, i), "verify");
    }

    return verify;
}


/* Whether the key is meant to verify signatures. */

static int
a0_jwk_use_ok(const a0_json_t *jwk)
{
    const a0_json_t  *use, *ops;

    use = a0_json_get(jwk, "use");
    ops = a0_json_get(jwk, "key_ops");

    if (use != NULL && !a0_json_is(use, "sig")) {
        return 0;
    }

    return ops == NULL || a0_jwk_ops_ok(ops);
}


static a0_err_t
a0_jwk_read_kid(const a0_json_t *jwk, a0_jwk_t *key, a0_json_out_t *out)
{
    const a0_json_t  *kid;

    kid = a0_json_get(jwk, "kid");
    if (kid == NULL) {
        return A0_OK;
    }

    if (!a0_json_string(kid, &key->kid)
        || key->kid.len == 0
        || key->kid.len > A0_KID_MAX)
    {
        return A0_ERR_MALFORMED;
    }

    a0_json_out_lit(out, ",\"kid\":");
    a0_json_out_string(out, key->kid);

    return A0_OK;
}


static a0_err_t
a0_jwk_read_alg(const a0_json_t *jwk, a0_jwk_t *key, a0_json_out_t *out)
{
    a0_str_t          name;
    const a0_json_t  *alg;

    alg = a0_json_get(jwk, "alg");
    if (alg == NULL) {
        return A0_OK;
    }

    if (!a0_json_string(alg, &name)) {
        return A0_ERR_MALFORMED;
    }

    key->alg = a0_jws_alg_find(name);

    if (key->alg == NULL || key->alg->kty != key->kty) {
        return A0_ERR_MALFORMED;
    }

    a0_json_out_lit(out, ",\"alg\":");
    a0_json_out_string(out, name);

    return A0_OK;
}


a0_err_t
a0_jwk_parse(const a0_json_t *jwk, a0_jwk_t *key, a0_json_out_t *out)
{
    a0_err_t  err;

    memset(key, 0, sizeof(a0_jwk_t));

    if (!a0_jwk_use_ok(jwk)) {
        return A0_ERR_MALFORMED;
    }

    err = a0_jwk_material(jwk, key, out);
    if (err != A0_OK) {
        return err;
    }

    if (a0_jwk_read_kid(jwk, key, out) != A0_OK
        || a0_jwk_read_alg(jwk, key, out) != A0_OK)
    {
        a0_jwk_clear(key);
        return A0_ERR_MALFORMED;
    }

    a0_json_out_lit(out, "}");

    return A0_OK;
}


void
a0_jwk_clear(a0_jwk_t *key)
{
    size_t  i;

    for (i = 0; i < A0_ALG_N; i++) {
        EVP_PKEY_CTX_free(key->ctx[i].pkey);
        EVP_MD_free(key->ctx[i].md);
    }

    EVP_PKEY_free(key->pkey);
}
