
#include "a0_provision_token.h"

#include <string.h>

#include "a0_json.h"
#include "a0_provision_int.h"


#define A0_TOKEN_REPLY_MAX  65536
#define A0_TOKEN_LIFE_MAX   2592000   /* 30 days */
#define A0_TOKEN_MARGIN     30

#define A0_ASSERTION_TYPE                                                     \
    "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"


a0_err_t
a0_mgmt_token_form(const a0_mgmt_request_t *request, unsigned char *out,
    size_t cap, size_t *len)
{
    a0_json_out_t  form;

    a0_json_out_init(&form, out, cap);
    a0_json_out_lit(&form, "grant_type=client_credentials&client_id=");
    a0_uri_part(&form, request->client_id);

    if (request->assertion.len) {
        a0_json_out_lit(&form, "&client_assertion_type=" A0_ASSERTION_TYPE
                        "&client_assertion=");
        a0_uri_part(&form, request->assertion);

    } else {
        a0_json_out_lit(&form, "&client_secret=");
        a0_uri_part(&form, request->secret);
    }

    a0_json_out_lit(&form, "&audience=https%3A%2F%2F");
    a0_uri_part(&form, request->domain);
    a0_json_out_lit(&form, "%2Fapi%2Fv2%2F");

    if (form.overflow) {
        return A0_ERR_NO_SPACE;
    }

    *len = a0_json_out_text(&form).len;

    return A0_OK;
}


static a0_err_t
a0_token_read(const a0_json_t *json, a0_mgmt_token_t *token)
{
    size_t    i;
    double    life;
    a0_str_t  text, type;

    if (!a0_json_string(a0_json_get(json, "access_token"), &text)
        || text.len == 0
        || !a0_json_number(a0_json_get(json, "expires_in"), &life)
        || !(life >= 1))
    {
        return A0_ERR_MALFORMED;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) {
            return A0_ERR_MALFORMED;
        }
    }

    type = a0_text(json, "token_type");

    /* RFC 6749 section 5.1: case-insensitive */

    if (!a0_email_equal(type, (a0_str_t) a0_string("Bearer"))) {
        return A0_ERR_MALFORMED;
    }

    if (text.len > A0_MGMT_TOKEN_MAX) {
        return A0_ERR_NO_SPACE;
    }

    memcpy(token->token, text.data, text.len);
    token->len = text.len;
    token->expires_in = life > A0_TOKEN_LIFE_MAX ? A0_TOKEN_LIFE_MAX
                                                 : (int64_t) life;
    return A0_OK;
}


a0_err_t
a0_mgmt_token_parse(a0_str_t body, a0_mgmt_token_t *token)
{
    a0_err_t    err;
    a0_json_t  *json;

    err = a0_json_parse(body, A0_TOKEN_REPLY_MAX, &json);
    if (err != A0_OK) {
        return err;
    }

    err = a0_token_read(json, token);
    a0_json_free(json);

    return err;
}


void
a0_mgmt_token_times(int64_t expires_in, uint32_t random,
    int64_t *refresh_after, int64_t *usable_for)
{
    int64_t  span;

    *usable_for = expires_in / 2 > A0_TOKEN_MARGIN
                  ? expires_in - A0_TOKEN_MARGIN
                  : expires_in - expires_in / 2;

    span = expires_in / 10;

    *refresh_after = expires_in - expires_in / 5;
    *refresh_after += span > 0 ? (int64_t) (random % (uint64_t) span) : 0;
}
