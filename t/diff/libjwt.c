/*
 * libjwt's verdicts, for diff.py; lines as core.c reads them.  libjwt 1 knows
 * no JWK and no rules for claims: keys become PEM here, and dates, issuer and
 * audience are compared, in the plainest way.  Answers "ok", "refused", or
 * "abstains" where libjwt cannot be asked: see known(), and key sets or headers
 * that give no key.
 */

#define _GNU_SOURCE

#include <jansson.h>
#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>

#include "hex.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define ISSUER    "https://acme.us.auth0.com/"
#define AUDIENCE  "https://api.acme.example/"


/* Lenient: stops where it is no base64url. */

static int
decode(const char *text, size_t len, unsigned char *out)
{
    int           n;
    size_t        i;
    unsigned      bits, word;
    const char   *at;
    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (i = 0, n = 0, bits = 0, word = 0; i < len; i++) {
        at = text[i] ? strchr(alphabet, text[i]) : NULL;

        if (at == NULL) {
            break;
        }

        word = word << 6 | (unsigned) (at - alphabet);
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            out[n++] = (unsigned char) (word >> bits);
            word &= (1u << bits) - 1;
        }
    }

    return n;
}


static BIGNUM *
number(json_t *jwk, const char *name)
{
    int            n;
    const char    *text;
    unsigned char  buf[4096];

    text = json_string_value(json_object_get(jwk, name));

    if (text == NULL || strlen(text) > sizeof(buf)) {
        return NULL;
    }

    n = decode(text, strlen(text), buf);

    return BN_bin2bn(buf, n, NULL);
}


static int
ec_key(json_t *jwk, EVP_PKEY *pkey)
{
    int          nid, ok;
    BIGNUM      *x, *y;
    EC_KEY      *ec;
    const char  *crv;

    crv = json_string_value(json_object_get(jwk, "crv"));
    nid = crv ? EC_curve_nist2nid(crv) : 0;
    ec = nid ? EC_KEY_new_by_curve_name(nid) : NULL;
    x = number(jwk, "x");
    y = number(jwk, "y");
    ok = ec && x && y
         && EC_KEY_set_public_key_affine_coordinates(ec, x, y) == 1
         && EVP_PKEY_set1_EC_KEY(pkey, ec) == 1;
    BN_free(x);
    BN_free(y);
    EC_KEY_free(ec);

    return ok;
}


static int
rsa_key(json_t *jwk, EVP_PKEY *pkey)
{
    RSA     *rsa;
    BIGNUM  *n, *e;

    n = number(jwk, "n");
    e = number(jwk, "e");
    rsa = RSA_new();

    if (n == NULL || e == NULL) {
        BN_free(n);
        BN_free(e);
        RSA_free(rsa);
        return 0;
    }

    RSA_set0_key(rsa, n, e, NULL);

    return EVP_PKEY_assign_RSA(pkey, rsa) == 1;
}


/* Length of the PEM, 0: none. */

static int
pem_of(json_t *jwk, char *out, int cap)
{
    int          n, ok;
    BIO         *bio;
    EVP_PKEY    *pkey;
    const char  *kty;

    kty = json_string_value(json_object_get(jwk, "kty"));
    pkey = EVP_PKEY_new();
    bio = BIO_new(BIO_s_mem());
    ok = kty && (strcmp(kty, "RSA") == 0 ? rsa_key(jwk, pkey)
                 : strcmp(kty, "EC") == 0 && ec_key(jwk, pkey));
    n = ok && PEM_write_bio_PUBKEY(bio, pkey) == 1 ? BIO_read(bio, out, cap)
                                                   : 0;
    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return n > 0 ? n : 0;
}


static json_t *
header_of(const char *token)
{
    int             n;
    size_t          len;
    json_t         *header;
    unsigned char  *buf;

    len = strcspn(token, ".");
    buf = malloc(len + 1);
    n = decode(token, len, buf);
    header = json_loadb((char *) buf, (size_t) n, 0, NULL);
    free(buf);

    return header;
}


static json_t *
grant(jwt_t *jwt, const char *name)
{
    char    *text;
    json_t  *json;

    text = jwt_get_grants_json(jwt, name);
    json = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    free(text);

    return json;
}


/* 0 when it is absent or no number. */

static double
date(jwt_t *jwt, const char *name)
{
    double   seconds;
    json_t  *json;

    json = grant(jwt, name);
    seconds = json_number_value(json);
    json_decref(json);

    return seconds;
}


static int
meant(jwt_t *jwt)
{
    int      found;
    size_t   i;
    json_t  *aud, *item;

    aud = grant(jwt, "aud");
    found = json_is_string(aud) && !strcmp(json_string_value(aud), AUDIENCE);

    json_array_foreach(aud, i, item) {
        found |= json_is_string(item)
                 && strcmp(json_string_value(item), AUDIENCE) == 0;
    }

    json_decref(aud);

    return found;
}


/* libjwt 1 knows neither PS* nor other types than "JWT". */

static int
known(json_t *header)
{
    json_t      *typ;
    const char  *alg;

    alg = json_string_value(json_object_get(header, "alg"));
    typ = json_object_get(header, "typ");

    return alg && strncmp(alg, "PS", 2)
           && (!json_is_string(typ)
               || strcasestr(json_string_value(typ), "at+jwt") == NULL);
}


/* 1: good, 0: not, -1: no key to ask with. */

static int
holds(json_t *jwk, const char *token, time_t now)
{
    int          n, good;
    char         pem[8192];
    jwt_t       *jwt;
    const char  *iss;

    n = pem_of(jwk, pem, sizeof(pem));

    if (n == 0) {
        return -1;
    }

    jwt = NULL;
    good = jwt_decode(&jwt, token, (unsigned char *) pem, n) == 0;

    if (good) {
        iss = jwt_get_grant(jwt, "iss");
        good = iss && strcmp(iss, ISSUER) == 0
               && date(jwt, "exp") > (double) now
               && date(jwt, "nbf") <= (double) now
               && meant(jwt);
    }

    jwt_free(jwt);

    return good;
}


/* Any key of the token's kid, or any at all when it has none. */

static const char *
judge(json_t *set, const char *token, time_t now)
{
    int      one, good;
    size_t   i;
    json_t  *header, *jwk, *kid;

    header = header_of(token);
    kid = json_object_get(header, "kid");
    good = -1;

    json_array_foreach(json_object_get(set, "keys"), i, jwk) {
        if (known(header)
            && (kid == NULL || json_equal(json_object_get(jwk, "kid"), kid)))
        {
            one = holds(jwk, token, now);
            good = one > good ? one : good;
        }
    }

    json_decref(header);

    return good < 0 ? "abstains" : good ? "ok" : "refused";
}


int
main(void)
{
    char           *line, *text;
    size_t          cap, len;
    time_t          now;
    json_t         *set;
    unsigned char  *bytes;

    line = NULL;
    set = NULL;
    cap = 0;
    now = 0;

    while (getline(&line, &cap, stdin) > 0) {

        if (line[0] == 'N') {
            now = (time_t) atoll(line + 2);
            continue;
        }

        bytes = hex_decode(line + 2, &len);

        if (line[0] == 'K') {
            json_decref(set);
            set = json_loadb((char *) bytes, len, 0, NULL);

        } else {
            text = strndup((char *) bytes, len);
            printf("%s\n", judge(set, text, now));
            fflush(stdout);
            free(text);
        }

        free(bytes);
    }

    json_decref(set);
    free(line);

    return 0;
}
