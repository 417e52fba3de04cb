
/*
 * From what the caller sent to what the saga is to do.
 */

#include <string.h>

#include "a0_base64url.h"
#include "a0_provision_int.h"


#define A0_METADATA_MAX   255
#define A0_REQUEST_ID_MAX 128

/* Satisfies every class of a strict password policy. */

#define A0_PASSWORD_TAIL  "aA1!"


typedef a0_problem_e (*a0_ask_pt)(a0_provision_t *p, const a0_json_t *body);


/* 1 when absent, null or a string of 1..max bytes without controls. */

static int
a0_ask_text(a0_provision_t *p, const a0_json_t *body, const char *name,
    size_t max, a0_str_t *value)
{
    size_t            i;
    a0_str_t          text;
    const a0_json_t  *json;

    json = a0_json_get(body, name);

    if (a0_json_type(json) <= A0_JSON_NULL) {
        return 1;
    }

    if (!a0_json_string(json, &text) || text.len == 0 || text.len > max) {
        return 0;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return 0;
        }
    }

    *value = a0_save(p, text);

    return 1;
}


/* 1 when absent, null or an integer in min..max. */

static int
a0_ask_int(const a0_json_t *body, const char *name, int64_t min, int64_t max,
    int64_t *value)
{
    double            number;
    const a0_json_t  *json;

    json = a0_json_get(body, name);

    if (a0_json_type(json) <= A0_JSON_NULL) {
        return 1;
    }

    if (!a0_json_number(json, &number)
        || !(number >= (double) min && number <= (double) max)
        || (double) (int64_t) number != number)
    {
        return 0;
    }

    *value = (int64_t) number;

    return 1;
}


/* "a b" or ["a","b"]; all that the configuration allows when absent. */

static a0_problem_e
a0_ask_scope(a0_provision_t *p, const a0_json_t *json)
{
    size_t    i;
    a0_str_t  name;

    if (a0_json_type(json) <= A0_JSON_NULL) {
        return A0_PROBLEM_NONE;
    }

    if (a0_json_type(json) == A0_JSON_ARRAY && a0_json_size(json)) {
        for (i = 0; i < a0_json_size(json); i++) {
            if (!a0_json_string(a0_json_at(json, i), &name)) {
                return A0_PROBLEM_MALFORMED_REQUEST;
            }
        }

        p->scope = a0_save_scope(p, json, NULL);

    } else if (a0_json_string(json, &name)) {
        p->scope = a0_save(p, name);

    } else {
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    return a0_scope_narrow(p->scope, &p->conf->api_scope)
           ? A0_PROBLEM_NONE : A0_PROBLEM_SCOPE_NOT_ALLOWED;
}


static void
a0_all_scope(a0_provision_t *p)
{
    size_t          i, n;
    unsigned char  *room;

    for (i = 0, n = 0; i < p->conf->api_scope.nelts; i++) {
        n += p->conf->api_scope.elts[i].len + 1;
    }

    room = n ? a0_save_room(p, n) : NULL;
    if (room == NULL) {
        return;
    }

    for (i = 0, n = 0; i < p->conf->api_scope.nelts; i++) {
        if (n) {
            room[n++] = ' ';
        }

        memcpy(room + n, p->conf->api_scope.elts[i].data,
               p->conf->api_scope.elts[i].len);
        n += p->conf->api_scope.elts[i].len;
    }

    p->scope.data = room;
    p->scope.len = n;
}


/* Keys without a name are told apart by their mark. */

static void
a0_default_name(a0_provision_t *p)
{
    a0_str_t       name;
    unsigned char  buf[12];

    memcpy(buf, "key-", 4);
    memcpy(buf + 4, p->marks[0].data, 8);
    name.data = buf;
    name.len = sizeof(buf);
    p->name = a0_save(p, name);
}


static a0_problem_e
a0_ask_create(a0_provision_t *p, const a0_json_t *body)
{
    int64_t  expires_in;

    expires_in = 0;
    a0_all_scope(p);
    a0_default_name(p);

    if (!a0_ask_text(p, body, "name", A0_NAME_MAX, &p->name)
        || !a0_key_name_check(p->name)
        || !a0_ask_int(body, "expires_in", A0_EXPIRES_MIN, A0_EXPIRES_MAX,
                       &expires_in))
    {
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    if (expires_in) {
        p->expires = p->now + expires_in;
    }

    return a0_ask_scope(p, a0_json_get(body, "scope"));
}


static a0_problem_e
a0_ask_rotate(a0_provision_t *p, const a0_json_t *body)
{
    const a0_json_t  *mode;

    mode = a0_json_get(body, "mode");
    p->grace = A0_GRACE_DEFAULT;
    p->in_place = a0_json_is(mode, "in_place") ? 1 : 0;
    a0_default_name(p);

    if (!p->in_place && !a0_json_is(mode, "overlap")
        && a0_json_type(mode) > A0_JSON_NULL)
    {
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    if (!a0_ask_int(body, "grace", 0, A0_GRACE_MAX, &p->grace)) {
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    return A0_PROBLEM_NONE;
}


static a0_problem_e
a0_ask_user(a0_provision_t *p, const a0_json_t *body)
{
    if (!a0_ask_text(p, body, "customerId", A0_METADATA_MAX, &p->customer)
        || !a0_ask_text(p, body, "subscriptionId", A0_METADATA_MAX,
                        &p->subscription)
        || !a0_ask_text(p, body, "email", A0_EMAIL_MAX, &p->email)
        || !a0_ask_text(p, body, "sub", A0_SUB_MAX, &p->sub))
    {
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    if (p->customer.len == 0
        || (p->email.len == 0 && p->sub.len == 0)
        || (p->email.len && !a0_email_check(p->email))
        || (p->sub.len && !a0_sub_check(p->sub)))
    {
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    return A0_PROBLEM_NONE;
}


static const a0_ask_pt  a0_asks[A0_OP_N] = {
    [A0_OP_CREATE_KEY] = a0_ask_create,
    [A0_OP_KEY_CREATE] = a0_ask_create,
    [A0_OP_KEY_ROTATE] = a0_ask_rotate,
    [A0_OP_USER] = a0_ask_user
};


/* The body: absent, or one small JSON object. */

static a0_problem_e
a0_ask_body(a0_provision_t *p, a0_str_t text)
{
    a0_err_t       err;
    a0_json_t     *json;
    a0_problem_e   problem;

    if (a0_asks[p->op] == NULL) {
        return A0_PROBLEM_NONE;
    }

    if (text.len > A0_PROVISION_BODY_MAX) {
        return A0_PROBLEM_TOO_LARGE;
    }

    err = A0_OK;
    json = NULL;

    if (text.len) {
        err = a0_json_text_deeper(text, A0_PROVISION_DEPTH_MAX)
              ? A0_ERR_MALFORMED
              : a0_json_parse(text, A0_PROVISION_BODY_MAX, &json);
    }

    if (err != A0_OK) {
        return (err == A0_ERR_INTERNAL) ? A0_PROBLEM_INTERNAL
                                        : A0_PROBLEM_MALFORMED_REQUEST;
    }

    if (json != NULL && a0_json_type(json) != A0_JSON_OBJECT) {
        a0_json_free(json);
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    problem = a0_asks[p->op](p, json);
    a0_json_free(json);

    return problem;
}


/* Connections of these names take no password. */

static int
a0_passwordless(a0_str_t connection)
{
    return connection.len == 0
           || a0_str_equal(connection, (a0_str_t) a0_string("email"))
           || a0_str_equal(connection, (a0_str_t) a0_string("sms"));
}


/* Marks are public, the password is not: they share no random byte. */

static void
a0_ask_random(a0_provision_t *p, const unsigned char *random)
{
    size_t         i, n;
    a0_str_t       text;
    unsigned char  buf[64];

    for (i = 0; i < 16; i++) {
        buf[2 * i] = (unsigned char) "0123456789abcdef"[random[i] >> 4];
        buf[2 * i + 1] = (unsigned char) "0123456789abcdef"[random[i] & 15];
    }

    text.data = buf;
    text.len = 34;

    for (i = 0; i < 2; i++) {
        buf[32] = '-';
        buf[33] = (unsigned char) ('1' + i);
        p->marks[i] = a0_save(p, text);
    }

    memcpy(&p->seed, random + 16, sizeof(p->seed));

    if (p->op != A0_OP_USER || a0_passwordless(p->conf->connection)) {
        return;
    }

    text.data = random + 24;
    text.len = 24;

    if (a0_base64url_encode(text, buf, sizeof(buf), &n) == A0_OK) {
        memcpy(buf + n, A0_PASSWORD_TAIL, sizeof(A0_PASSWORD_TAIL) - 1);
        text.data = buf;
        text.len = n + sizeof(A0_PASSWORD_TAIL) - 1;
        p->password = a0_save(p, text);
    }
}


static a0_problem_e
a0_ask_identity(a0_provision_t *p, const a0_provision_input_t *input)
{
    unsigned char  owner[A0_OWNER_MAX];
    a0_str_t       text;

    if (!a0_sub_check(input->user.sub)) {
        return A0_PROBLEM_INVALID_TOKEN;
    }

    if (!input->user.email_verified || !a0_email_check(input->user.email)) {
        return A0_PROBLEM_EMAIL_UNVERIFIED;
    }

    p->sub = a0_save(p, input->user.sub);
    p->email = a0_save(p, input->user.email);
    p->user_id = p->sub;

    text = a0_owner_text(p->sub, owner);
    p->owner = a0_save(p, text);

    if (a0_org_id_check(input->user.org_id)) {
        p->org_claim = a0_save(p, input->user.org_id);
    }

    return A0_PROBLEM_NONE;
}


a0_problem_e
a0_ask(a0_provision_t *p, const a0_provision_input_t *input)
{
    a0_str_t      id;
    a0_problem_e  problem;

    id = input->request_id;
    id.len = id.len < A0_REQUEST_ID_MAX ? id.len : A0_REQUEST_ID_MAX;
    p->request_id = a0_save(p, id);
    p->keep = input->keep;
    p->revoked = input->revoked;

    a0_ask_random(p, input->random);

    if (p->op == A0_OP_CLEAN_CLIENT || p->op == A0_OP_CLEAN_REQ) {
        p->target = a0_save(p, input->key_id);
        p->search = a0_save(p, input->req);
        return A0_PROBLEM_NONE;
    }

    if (p->op != A0_OP_USER) {
        problem = a0_ask_identity(p, input);
        if (problem != A0_PROBLEM_NONE) {
            return problem;
        }
    }

    problem = a0_ask_body(p, input->body);
    if (problem != A0_PROBLEM_NONE) {
        return problem;
    }

    if ((p->op == A0_OP_KEY_ROTATE || p->op == A0_OP_KEY_REVOKE)
        && !a0_client_id_check(input->key_id))
    {
        return A0_PROBLEM_KEY_NOT_FOUND;
    }

    p->replay = input->replay.len != 0;
    p->target = a0_save(p, p->replay ? input->replay : input->key_id);
    p->location = a0_save(p, input->location);

    return A0_PROBLEM_NONE;
}
