/*
 * What callers of the provisioning endpoints send: method and path,
 * Idempotency-Key, body; and what an answer of the token endpoint may be.
 * Lines: method, tail, Idempotency-Key; the rest is the body.
 */

#include "a0_json.h"
#include "a0_provision.h"
#include "a0_provision_input.h"
#include "a0_provision_token.h"
#include "fuzz.h"


static a0_op_e
route(a0_handler_e handler, a0_str_t method, a0_str_t tail, a0_str_t *id)
{
    a0_op_e   op;
    a0_str_t  allow;

    op = a0_provision_route(handler, method, tail, id, &allow);
    FUZZ_ASSERT(op <= A0_OP_USER);

    if (op == A0_OP_KEY_ROTATE || op == A0_OP_KEY_REVOKE) {
        FUZZ_ASSERT(id->len && fuzz_inside(*id, tail.data, tail.len));
        FUZZ_ASSERT(memchr(id->data, '/', id->len) == NULL);
    }

    if (op == A0_OP_NONE && allow.len) {
        FUZZ_ASSERT(fuzz_within(allow, 0x20, 0x7e));
    }

    return op;
}


static void
idempotency(a0_str_t header)
{
    a0_str_t  key;

    if (a0_idempotency_key(header, &key) == A0_OK) {
        fuzz_deep++;
        FUZZ_ASSERT(fuzz_inside(key, header.data, header.len));
        FUZZ_ASSERT(key.len >= 1 && key.len <= 256);
        FUZZ_ASSERT(fuzz_within(key, 0x20, 0x7e));
    }
}


/* White space between the tokens of a body changes nothing, else the digest
 * tells one body from another. */

static void
fingerprint(a0_op_e op, a0_str_t id, a0_str_t body)
{
    a0_err_t        err;
    a0_str_t        less;
    a0_json_t      *json;
    unsigned char   one[A0_FINGERPRINT], two[A0_FINGERPRINT], *buf;

    err = a0_provision_fingerprint(op, id, body, one);
    FUZZ_ASSERT((err == A0_OK) == (body.len <= A0_PROVISION_BODY_MAX
                                   && id.len <= 1024));

    if (err != A0_OK || a0_json_parse(body, body.len, &json) != A0_OK) {
        return;
    }

    buf = fuzz_alloc(body.len);
    less.data = buf;
    less.len = a0_json_compact(body, buf);
    FUZZ_ASSERT(a0_provision_fingerprint(op, id, less, two) == A0_OK);
    FUZZ_ASSERT(memcmp(one, two, sizeof(one)) == 0);
    a0_json_free(json);
    free(buf);
}


static void
values(a0_str_t s)
{
    a0_str_t       name;
    unsigned char  owner[A0_OWNER_MAX], org[A0_ORG_NAME_MAX];

    FUZZ_ASSERT(!a0_client_id_check(s)
                || (s.len >= 20 && s.len <= 64 && fuzz_within(s, '0', 'z')));
    FUZZ_ASSERT(!a0_org_id_check(s) || (s.len > 4 && s.len <= A0_ORG_ID_MAX));
    FUZZ_ASSERT(!a0_email_check(s)
                || (s.len <= A0_EMAIL_MAX && memchr(s.data, '@', s.len)
                    && fuzz_within(s, 0x21, 0xff)));
    FUZZ_ASSERT(!a0_sub_check(s) || memchr(s.data, '|', s.len));
    FUZZ_ASSERT(!a0_key_name_check(s)
                || (s.len <= A0_NAME_MAX && fuzz_within(s, 0x20, 0xff)));
    FUZZ_ASSERT(a0_email_equal(s, s));

    name = a0_owner_text(s, owner);
    FUZZ_ASSERT(name.len <= A0_OWNER_MAX);
    FUZZ_ASSERT(s.len == 0 || fuzz_within(name, 0x20, 0x7e));

    name = a0_org_name(s, s, org);
    FUZZ_ASSERT(name.len && name.len <= A0_ORG_NAME_MAX);
    FUZZ_ASSERT(fuzz_within(name, '-', 'z'));
}


static void
token(a0_str_t body)
{
    int64_t           refresh, usable;
    a0_str_t          s;
    a0_mgmt_token_t  *t;

    t = fuzz_alloc(sizeof(*t));

    if (a0_mgmt_token_parse(body, t) == A0_OK) {
        fuzz_deep++;
        FUZZ_ASSERT(t->len && t->len <= A0_MGMT_TOKEN_MAX);
        s.data = t->token;
        s.len = t->len;
        FUZZ_ASSERT(fuzz_within(s, 0x21, 0x7e));
        FUZZ_ASSERT(t->expires_in >= 1 && t->expires_in <= 2592000);
        a0_mgmt_token_times(t->expires_in, (uint32_t) body.len << 16,
                            &refresh, &usable);
        FUZZ_ASSERT(refresh >= 0 && refresh <= t->expires_in);
        FUZZ_ASSERT(usable >= 1 && usable <= t->expires_in);
    }

    free(t);
}


/* Nothing but what was asked for goes into the form. */

static void
form(a0_str_t id, a0_str_t secret)
{
    size_t             cap, i, len, ands;
    unsigned char     *out;
    a0_mgmt_request_t  r;

    memset(&r, 0, sizeof(r));
    r.domain = fuzz_str("acme.us.auth0.com");
    r.client_id = id;
    r.secret = secret;
    cap = 3 * (id.len + secret.len) + 512;
    out = fuzz_alloc(cap);
    FUZZ_ASSERT(a0_mgmt_token_form(&r, out, cap, &len) == A0_OK);

    for (i = 0, ands = 0; i < len; i++) {
        FUZZ_ASSERT(out[i] > 0x20 && out[i] < 0x7f);
        ands += out[i] == '&';
    }

    FUZZ_ASSERT(ands == 3);
    free(out);
}


void
fuzz_one(fuzz_t *in)
{
    int       handler;
    a0_op_e   op;
    a0_str_t  body, header, id, method, tail;

    method = fuzz_line(in);
    tail = fuzz_line(in);
    header = fuzz_line(in);
    body = fuzz_rest(in);

    for (handler = A0_HANDLER_CREATE_KEY; handler <= A0_HANDLER_USER;
         handler++)
    {
        id = fuzz_str("");
        op = route((a0_handler_e) handler, method, tail, &id);
        fingerprint(op, id, body);
    }

    idempotency(header);
    values(tail);
    values(header);
    values(body);
    token(body);
    form(tail, header);

    fuzz_free(body);
    fuzz_free(header);
    fuzz_free(tail);
    fuzz_free(method);
}
