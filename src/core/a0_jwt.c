
#include <string.h>

#include "a0_base64url.h"
#include "a0_claims.h"
#include "a0_json.h"
#include "a0_jwt.h"


/* As sent, then decoded. */

typedef struct {
    a0_str_t  header;
    a0_str_t  payload;
    a0_str_t  signature;
} a0_jwt_parts_t;


/*
 * The work area in order: the claims, whose strings are never more than the
 * decoded header and payload, then what is decoded, which is never more than
 * 3/4 of the token.
 */

#define a0_jwt_claims_size(n)  (sizeof(a0_claims_t) + (n))


/* A fourth part is refused later: a dot is no base64url. */

static a0_err_t
a0_jwt_split(a0_str_t token, a0_jwt_parts_t *parts)
{
    const unsigned char  *first, *second, *end;

    end = token.data + token.len;

    first = memchr(token.data, '.', token.len);
    if (first == NULL) {
        return A0_ERR_MALFORMED;
    }

    second = memchr(first + 1, '.', (size_t) (end - first - 1));
    if (second == NULL) {
        return A0_ERR_MALFORMED;
    }

    parts->header.data = token.data;
    parts->header.len = (size_t) (first - token.data);
    parts->payload.data = first + 1;
    parts->payload.len = (size_t) (second - first - 1);
    parts->signature.data = second + 1;
    parts->signature.len = (size_t) (end - second - 1);

    if (parts->header.len == 0 || parts->payload.len == 0
        || parts->signature.len == 0)
    {
        return A0_ERR_MALFORMED;
    }

    return A0_OK;
}


/* Decodes part to *pos, which moves on. */

static a0_err_t
a0_jwt_decode(a0_str_t *part, unsigned char **pos)
{
    size_t    len;
    a0_err_t  err;

    err = a0_base64url_decode(*part, *pos,
                              a0_base64url_decoded_size(part->len), &len);
    if (err != A0_OK) {
        return err;
    }

    part->data = *pos;
    part->len = len;
    *pos += len;

    return A0_OK;
}


static unsigned char
a0_jwt_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char) (c | 0x20) : c;
}


/* RFC 7515 section 4.1.9: media types have no case. */

static int
a0_jwt_typ_is(a0_str_t typ, const char *name)
{
    size_t  i;

    if (typ.len != strlen(name)) {
        return 0;
    }

    for (i = 0; i < typ.len; i++) {
        if (a0_jwt_lower(typ.data[i]) != (unsigned char) name[i]) {
            return 0;
        }
    }

    return 1;
}


static a0_err_t
a0_jwt_read_typ(const a0_json_t *header, uint16_t *flags)
{
    a0_str_t          typ;
    const a0_json_t  *json;

    if (a0_json_get(header, "cty") != NULL) {
        return A0_ERR_WRONG_TYPE;
    }

    json = a0_json_get(header, "typ");
    if (json == NULL) {
        return A0_OK;
    }

    if (!a0_json_string(json, &typ)) {
        return A0_ERR_WRONG_TYPE;
    }

    if (a0_jwt_typ_is(typ, "at+jwt")
        || a0_jwt_typ_is(typ, "application/at+jwt"))
    {
        *flags |= A0_CLAIMS_AT_JWT;
        return A0_OK;
    }

    return a0_jwt_typ_is(typ, "jwt") ? A0_OK : A0_ERR_WRONG_TYPE;
}


/* What passes can be written to a log as it is. */

static int
a0_jwt_kid_ok(a0_str_t kid)
{
    size_t  i;

    if (kid.len == 0 || kid.len > A0_KID_MAX) {
        return 0;
    }

    for (i = 0; i < kid.len; i++) {
        if (kid.data[i] < 0x21 || kid.data[i] > 0x7e) {
            return 0;
        }
    }

    return 1;
}


static a0_err_t
a0_jwt_read_kid(const a0_json_t *header, a0_jwt_t *jwt)
{
    a0_str_t          kid;
    const a0_json_t  *json;

    json = a0_json_get(header, "kid");
    if (json == NULL) {
        return A0_OK;
    }

    if (!a0_json_string(json, &kid) || !a0_jwt_kid_ok(kid)) {
        return A0_ERR_MALFORMED;
    }

    jwt->claims->kid = a0_claims_put(jwt->claims, kid);
    jwt->kid = a0_claims_str(jwt->claims, jwt->claims->kid);

    return A0_OK;
}


static a0_err_t
a0_jwt_read_members(const a0_json_t *header, a0_jwt_t *jwt)
{
    a0_err_t  err;
    a0_str_t  alg;

    if (a0_json_type(header) != A0_JSON_OBJECT
        || a0_json_get(header, "zip") != NULL
        || a0_json_get(header, "enc") != NULL
        || !a0_json_string(a0_json_get(header, "alg"), &alg)
        || a0_jwt_read_kid(header, jwt) != A0_OK)
    {
        return A0_ERR_MALFORMED;
    }

    if (a0_json_get(header, "crit") != NULL
        || a0_json_get(header, "b64") != NULL)
    {
        return A0_ERR_UNSUPPORTED_CRITICAL;
    }

    err = a0_jwt_read_typ(header, &jwt->claims->flags);
    if (err != A0_OK) {
        return err;
    }

    jwt->alg = a0_jws_alg_find(alg);
    if (jwt->alg == NULL) {
        return A0_ERR_UNSUPPORTED_ALGORITHM;
    }

    jwt->claims->alg = (uint16_t) jwt->alg->bit;

    return A0_OK;
}


static a0_err_t
a0_jwt_read_header(a0_str_t text, a0_jwt_t *jwt)
{
    a0_err_t    err;
    a0_json_t  *json;

    err = a0_json_parse(text, A0_TOKEN_MAX, &json);
    if (err != A0_OK) {
        return err;
    }

    err = a0_jwt_read_members(json, jwt);
    a0_json_free(json);

    return err;
}


static a0_err_t
a0_jwt_read_payload(a0_str_t text, a0_jwt_t *jwt)
{
    a0_err_t    err;
    a0_json_t  *json;

    err = a0_json_parse(text, A0_TOKEN_MAX, &json);
    if (err != A0_OK) {
        return err;
    }

    err = a0_claims_read(json, jwt->claims);
    a0_json_free(json);

    return err;
}


a0_err_t
a0_jwt_parse(a0_str_t token, unsigned char *work, a0_jwt_t *jwt)
{
    a0_err_t         err;
    a0_jwt_t         j;
    a0_jwt_parts_t   parts;
    unsigned char   *pos;

    if (token.len > A0_TOKEN_MAX) {
        return A0_ERR_TOO_LARGE;
    }

    err = a0_jwt_split(token, &parts);
    if (err != A0_OK) {
        return err;
    }

    memset(&j, 0, sizeof(a0_jwt_t));
    j.payload = parts.payload;
    j.input.data = token.data;
    j.input.len = token.len - parts.signature.len - 1;
    j.claims = a0_claims_init(work);

    pos = (unsigned char *) j.claims + a0_jwt_claims_size(token.len);

    if (a0_jwt_decode(&parts.header, &pos) != A0_OK
        || a0_jwt_decode(&parts.payload, &pos) != A0_OK
        || a0_jwt_decode(&parts.signature, &pos) != A0_OK)
    {
        return A0_ERR_MALFORMED;
    }

    j.signature = parts.signature;

    err = a0_jwt_read_header(parts.header, &j);
    if (err != A0_OK) {
        return err;
    }

    err = a0_jwt_read_payload(parts.payload, &j);
    if (err != A0_OK) {
        return err;
    }

    *jwt = j;
    return A0_OK;
}
