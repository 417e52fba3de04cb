
#include <string.h>

#include "a0_base64url.h"
#include "a0_identity.h"
#include "a0_json.h"


static int a0_identity_string(const a0_json_t *root, const char *name,
    unsigned char **pos, a0_str_t *value);
static int a0_identity_party(const a0_json_t *root,
    const a0_list_t *audiences);
static int a0_identity_m2m(const a0_json_t *root, a0_str_t sub);
static a0_err_t a0_identity_fill(const a0_json_t *root,
    const a0_list_t *audiences, unsigned char *pos, a0_identity_t *identity);


a0_err_t
a0_identity_read(a0_str_t payload, const a0_list_t *audiences,
    unsigned char *work, a0_identity_t *identity)
{
    a0_err_t    err;
    a0_str_t    text;
    a0_json_t  *root;

    err = a0_base64url_decode(payload, work,
                              a0_base64url_decoded_size(payload.len),
                              &text.len);
    if (err != A0_OK) {
        return err;
    }

    text.data = work;

    err = a0_json_parse(text, A0_TOKEN_MAX, &root);
    if (err != A0_OK) {
        return err;
    }

    err = a0_identity_fill(root, audiences, work + text.len, identity);

    a0_json_free(root);

    return err;
}


static a0_err_t
a0_identity_fill(const a0_json_t *root, const a0_list_t *audiences,
    unsigned char *pos, a0_identity_t *identity)
{
    int            verified;
    a0_identity_t  id;

    memset(&id, 0, sizeof(a0_identity_t));

    if (!a0_identity_string(root, "sub", &pos, &id.sub)
        || !a0_identity_string(root, "email", &pos, &id.email)
        || !a0_identity_string(root, "org_id", &pos, &id.org_id)
        || id.sub.len == 0
        || !a0_identity_party(root, audiences))
    {
        return A0_ERR_INVALID_CLAIM;
    }

    id.email_verified = a0_json_bool(a0_json_get(root, "email_verified"),
                                     &verified)
                        && verified;
    id.m2m = a0_identity_m2m(root, id.sub) ? 1 : 0;

    *identity = id;

    return A0_OK;
}


/* Copies a member; an absent one is empty.  0: it is no string. */

static int
a0_identity_string(const a0_json_t *root, const char *name,
    unsigned char **pos, a0_str_t *value)
{
    a0_str_t          text;
    const a0_json_t  *member;

    member = a0_json_get(root, name);

    if (a0_json_type(member) == A0_JSON_ABSENT) {
        return 1;
    }

    if (!a0_json_string(member, &text)) {
        return 0;
    }

    memcpy(*pos, text.data, text.len);

    value->data = *pos;
    value->len = text.len;
    *pos += text.len;

    return 1;
}


static int
a0_identity_party(const a0_json_t *root, const a0_list_t *audiences)
{
    size_t            i;
    a0_str_t          azp;
    const a0_json_t  *aud;

    aud = a0_json_get(root, "aud");

    if (a0_json_type(aud) != A0_JSON_ARRAY || a0_json_size(aud) < 2) {
        return 1;
    }

    if (!a0_json_string(a0_json_get(root, "azp"), &azp)) {
        return 0;
    }

    for (i = 0; i < audiences->nelts; i++) {
        if (audiences->elts[i].len == azp.len
            && memcmp(audiences->elts[i].data, azp.data, azp.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
a0_identity_m2m(const a0_json_t *root, a0_str_t sub)
{
    static const char    suffix[] = "@clients";
    static const size_t  n = sizeof(suffix) - 1;

    if (a0_json_is(a0_json_get(root, "gty"), "client-credentials")) {
        return 1;
    }

    return sub.len > n && memcmp(sub.data + sub.len - n, suffix, n) == 0;
}
