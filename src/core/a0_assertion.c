
#include "a0_assertion.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "a0_assertion_int.h"
#include "a0_jws.h"


#define A0_CLAIM_MAX  512
#define A0_PEM_MAX    65536


/* Never asks at a terminal: an encrypted key is refused. */

static int
a0_no_password(char *buf, int size, int writing, void *data)
{
    (void) buf;
    (void) size;
    (void) writing;
    (void) data;

    return -1;
}


static a0_err_t
a0_pkey_alg(EVP_PKEY *pkey, unsigned *fits, unsigned *preferred)
{
    int   bits;
    char  group[32];

    bits = EVP_PKEY_get_bits(pkey);

    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
        *fits = A0_ASSERTION_RSA_ALGS;
        *preferred = A0_ALG_RS256;

        return bits >= A0_RSA_BITS_MIN && bits <= A0_RSA_BITS_MAX
               ? A0_OK : A0_ERR_BAD_KEY_SET;
    }

    *fits = A0_ALG_ES256;
    *preferred = A0_ALG_ES256;

    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC
        || !EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME,
                                           group, sizeof(group), NULL)
        || strcmp(group, "prime256v1") != 0)
    {
        return A0_ERR_BAD_KEY_SET;
    }

    return A0_OK;
}


/* By name, as the set of algorithms depends on the library's version. */

static jwt_alg_t
a0_libjwt_alg(unsigned alg)
{
    char                 name[8];
    const a0_jws_alg_t  *row;

    row = a0_jws_alg_by_bit(alg);

    if (row == NULL || row->name.len >= sizeof(name)) {
        return JWT_ALG_INVAL;
    }

    memcpy(name, row->name.data, row->name.len);
    name[row->name.len] = '\0';

    return jwt_str_alg(name);
}


EVP_PKEY *
a0_assertion_key(a0_str_t pem)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, a0_no_password, NULL);
    BIO_free(bio);

    return pkey;
}


a0_err_t
a0_assertion_key_check(a0_str_t pem, unsigned wanted, unsigned *alg)
{
    a0_err_t   err;
    EVP_PKEY  *pkey;
    unsigned   fits, preferred;

    if (pem.len == 0 || pem.len > A0_PEM_MAX) {
        return A0_ERR_MALFORMED;
    }

    pkey = a0_assertion_key(pem);

    if (pkey == NULL) {
        ERR_clear_error();
        return A0_ERR_MALFORMED;
    }

    err = a0_pkey_alg(pkey, &fits, &preferred);
    EVP_PKEY_free(pkey);
    ERR_clear_error();

    if (err != A0_OK) {
        return err;
    }

    wanted = wanted ? wanted : preferred;

    if (!(wanted & fits) || a0_libjwt_alg(wanted) == JWT_ALG_INVAL) {
        return A0_ERR_UNSUPPORTED_ALGORITHM;
    }

    *alg = wanted;

    return A0_OK;
}


/* A claim as libjwt wants it: NUL-terminated.  1 when it may be one. */

static int
a0_claim(a0_str_t text, char *out)
{
    size_t  i;

    if (text.len == 0 || text.len > A0_CLAIM_MAX) {
        return 0;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) {
            return 0;
        }
    }

    memcpy(out, text.data, text.len);
    out[text.len] = '\0';

    return 1;
}


static void
a0_jti_text(const unsigned char *jti, char *out)
{
    size_t  i;

    for (i = 0; i < A0_ASSERTION_JTI; i++) {
        *out++ = "0123456789abcdef"[jti[i] >> 4];
        *out++ = "0123456789abcdef"[jti[i] & 15];
    }

    *out = '\0';
}


/* The text is a credential until exp: libjwt's copy is wiped. */

static a0_err_t
a0_take(char *text, unsigned char *out, size_t cap, size_t *len)
{
    size_t  n;

    n = strlen(text);

    if (n <= cap) {
        memcpy(out, text, n);
        *len = n;
    }

    OPENSSL_cleanse(text, n);
    free(text);

    return n <= cap ? A0_OK : A0_ERR_NO_SPACE;
}


a0_err_t
a0_assertion_sign(const a0_assertion_t *claims, a0_str_t pem, unsigned alg,
    unsigned char *out, size_t cap, size_t *len)
{
    char                   *text;
    jwt_alg_t               id;
    char                    client[A0_CLAIM_MAX + 1];
    char                    audience[A0_CLAIM_MAX + 1];
    char                    jti[2 * A0_ASSERTION_JTI + 1];
    a0_assertion_claims_t   set;

    if (!a0_claim(claims->client_id, client)
        || !a0_claim(claims->audience, audience)
        || claims->lifetime < 1
        || claims->lifetime > A0_ASSERTION_LIFETIME_MAX)
    {
        return A0_ERR_INVALID_CLAIM;
    }

    id = a0_libjwt_alg(alg);

    if (id == JWT_ALG_INVAL || pem.len == 0 || pem.len > A0_PEM_MAX) {
        return A0_ERR_INTERNAL;
    }

    a0_jti_text(claims->jti, jti);

    set.client = client;
    set.audience = audience;
    set.jti = jti;
    set.iat = claims->now;
    set.exp = claims->now + claims->lifetime;

    text = a0_assertion_encode(&set, pem, id);

    if (text == NULL) {
        ERR_clear_error();
        return A0_ERR_INTERNAL;
    }

    return a0_take(text, out, cap, len);
}
