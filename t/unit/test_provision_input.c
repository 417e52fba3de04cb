/*
 * Input checks, routes, idempotency keys, answers, configuration.
 */

#include "unit.h"
#include "a0_provision.h"
#include "a0_provision_input.h"


static a0_str_t
str(const char *text)
{
    a0_str_t  s;

    s.data = (const unsigned char *) text;
    s.len = strlen(text);
    return s;
}


typedef struct {
    int        (*check)(a0_str_t text);
    const char  *name, *text;
    int          want;
} check_t;

#define X64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const check_t  checks[] = {
    { a0_email_check, "plain", "a@b.example", 1 },
    { a0_email_check, "plus and dots", "a.b+c@b.example", 1 },
    { a0_email_check, "IDN kept as given", "a@b\xc3\xbc.example", 1 },
    { a0_email_check, "local part of 64", X64 "@b.example", 1 },
    { a0_email_check, "local part of 65", "a" X64 "@b.example", 0 },
    { a0_email_check, "255 bytes", "a@" X64 X64 X64 X64, 0 },
    { a0_email_check, "no @", "ab.example", 0 },
    { a0_email_check, "two @", "a@b@c.example", 0 },
    { a0_email_check, "no local part", "@b.example", 0 },
    { a0_email_check, "no domain", "a@", 0 },
    { a0_email_check, "space", "a b@c.example", 0 },
    { a0_email_check, "line break", "a@b.example\n", 0 },
    { a0_email_check, "angle bracket", "<a@b.example", 0 },
    { a0_email_check, "DEL", "a\x7f@b.example", 0 },
    { a0_email_check, "empty", "", 0 },
    { a0_sub_check, "database", "auth0|507f1f77bcf86cd799439020", 1 },
    { a0_sub_check, "social", "google-oauth2|1234", 1 },
    { a0_sub_check, "two bars", "samlp|conn|user@x", 1 },
    { a0_sub_check, "application", "abc@clients", 0 },
    { a0_sub_check, "no provider", "|x", 0 },
    { a0_sub_check, "no id", "auth0|", 0 },
    { a0_sub_check, "slash in provider", "a/b|x", 0 },
    { a0_sub_check, "space in id", "auth0|a b", 0 },
    { a0_sub_check, "id of 256", "auth0|" X64 X64 X64 X64, 0 },
    { a0_sub_check, "empty", "", 0 },
    { a0_client_id_check, "32", "abcdefghijklmnopqrstuvwxyz012345", 1 },
    { a0_client_id_check, "20", "abcdefghijklmnopqrst", 1 },
    { a0_client_id_check, "19", "abcdefghijklmnopqrs", 0 },
    { a0_client_id_check, "64", X64, 1 },
    { a0_client_id_check, "65", "a" X64, 0 },
    { a0_client_id_check, "dot", "abcdefghijklmnopqrst.", 0 },
    { a0_client_id_check, "percent", "abcdefghijklmnopqrst%2f", 0 },
    { a0_org_id_check, "plain", "org_abc123", 1 },
    { a0_org_id_check, "nothing behind", "org_", 0 },
    { a0_org_id_check, "upper prefix", "ORG_abc", 0 },
    { a0_org_id_check, "dash", "org_a-b", 0 },
    { a0_org_id_check, "65 behind", "org_a" X64, 0 },
    { a0_key_name_check, "plain", "My key", 1 },
    { a0_key_name_check, "UTF-8", "Schl\xc3\xbcssel", 1 },
    { a0_key_name_check, "64", X64, 1 },
    { a0_key_name_check, "65", "a" X64, 0 },
    { a0_key_name_check, "empty", "", 0 },
    { a0_key_name_check, "leading space", " a", 0 },
    { a0_key_name_check, "trailing space", "a ", 0 },
    { a0_key_name_check, "tag", "<a>", 0 },
    { a0_key_name_check, "tab", "a\tb", 0 },
    { a0_key_name_check, "C1 control", "a\xc2\x85" "b", 0 }
};


static void
test_checks(void)
{
    size_t          i;
    const check_t  *c;

    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        c = &checks[i];
        unit_case("%s: %s",
                  c->check == a0_email_check ? "e-mail"
                  : c->check == a0_sub_check ? "sub"
                  : c->check == a0_client_id_check ? "client id"
                  : c->check == a0_org_id_check ? "organization id"
                  : "key name", c->name);
        CHECK_EQ_INT(c->check(str(c->text)), c->want);
    }

    unit_case("e-mails are equal but for case");
    CHECK(a0_email_equal(str("A.b@C.example"), str("a.B@c.EXAMPLE")));
    CHECK(!a0_email_equal(str("a.b@c.example"), str("ab@c.example")));
    CHECK(!a0_email_equal(str("ab@c.example"), str("a-b@c.example")));
    CHECK(!a0_email_equal(str("a@c.example"), str("a@c.exampl")));
    CHECK(!a0_email_equal(str("[@c.example"), str("{@c.example")));
}


static void
test_org_name(void)
{
    size_t           i, j;
    a0_str_t         name;
    unsigned char    a[A0_ORG_NAME_MAX], b[A0_ORG_NAME_MAX];
    static const struct {
        const char  *email, *slug;
    } slugs[] = {
        { "alice@x.example", "alice-" },
        { "Al.ice+tag@x.example", "al-ice-tag-" },
        { "..a..b..@x.example", "a-b-" },
        { "abcdefghijklmnopqrstuvwxyz@x.example",
          "abcdefghijklmnopqrstuvwx-" },
        { "abcdefghijklmnopqrstuvw.xyz@x.example",
          "abcdefghijklmnopqrstuvw-" },
        { "\xc3\xbc@x.example", "" },
        { "", "" }
    };

    for (i = 0; i < sizeof(slugs) / sizeof(slugs[0]); i++) {
        unit_case("organization name of \"%s\"", slugs[i].email);
        name = a0_org_name(str(slugs[i].email), str("cus_1"), a);
        CHECK_EQ_INT(name.len, strlen(slugs[i].slug) + 16);
        CHECK_EQ_MEM(name.data, strlen(slugs[i].slug), slugs[i].slug,
                     strlen(slugs[i].slug));

        for (j = 0; j < name.len; j++) {
            CHECK(strchr("abcdefghijklmnopqrstuvwxyz0123456789-",
                         name.data[j]) != NULL);
        }

        CHECK(name.data[0] != '-');
    }

    unit_case("the digest is base32 of SHA-256, RFC 4648 alphabet");
    name = a0_org_name(str(""), str("abc"), a);
    CHECK_EQ_STR(name, "xj4bnp4pahh6uqkb");

    unit_case("e-mails of one slug do not meet");
    name = a0_org_name(str("a.b@x.example"), str("cus_1"), a);
    CHECK(a0_org_name(str("a-b@x.example"), str("cus_2"), b).len == name.len);
    CHECK(memcmp(a, b, name.len) != 0);
}


static void
test_owner(void)
{
    a0_str_t       owner;
    unsigned char  out[A0_OWNER_MAX];

    unit_case("an owner is the sub as it is");
    owner = a0_owner_text(str("auth0|alice"), out);
    CHECK_EQ_STR(owner, "auth0|alice");

    unit_case("or its digest when metadata cannot hold it");
    owner = a0_owner_text(str("auth0|\xc3\xbc"), out);
    CHECK_EQ_INT(owner.len, 7 + 64);
    CHECK(memcmp(owner.data, "sha256:", 7) == 0);
    owner = a0_owner_text(str("auth0|" X64 X64 X64 X64), out);
    CHECK_EQ_INT(owner.len, 7 + 64);
}


static const struct {
    a0_handler_e  handler;
    const char   *method, *tail;
    a0_op_e       op;
    const char   *id, *allow;
} routes[] = {
    { A0_HANDLER_CREATE_KEY, "POST", "", A0_OP_CREATE_KEY, "", "" },
    { A0_HANDLER_CREATE_KEY, "POST", "/", A0_OP_CREATE_KEY, "", "" },
    { A0_HANDLER_CREATE_KEY, "GET", "", A0_OP_NONE, "", "POST, OPTIONS" },
    { A0_HANDLER_CREATE_KEY, "POST", "/x", A0_OP_NONE, "x", "" },
    { A0_HANDLER_KEYS, "GET", "", A0_OP_KEY_LIST, "", "" },
    { A0_HANDLER_KEYS, "POST", "", A0_OP_KEY_CREATE, "", "" },
    { A0_HANDLER_KEYS, "DELETE", "/abc", A0_OP_KEY_REVOKE, "abc", "" },
    { A0_HANDLER_KEYS, "DELETE", "/abc/", A0_OP_KEY_REVOKE, "abc", "" },
    { A0_HANDLER_KEYS, "POST", "/abc/rotate", A0_OP_KEY_ROTATE, "abc", "" },
    { A0_HANDLER_KEYS, "GET", "/abc/rotate", A0_OP_NONE, "abc",
      "POST, OPTIONS" },
    { A0_HANDLER_KEYS, "PUT", "", A0_OP_NONE, "", "GET, POST, OPTIONS" },
    { A0_HANDLER_KEYS, "GET", "/abc", A0_OP_NONE, "abc",
      "DELETE, OPTIONS" },
    { A0_HANDLER_KEYS, "POST", "//rotate", A0_OP_NONE, "", "" },
    { A0_HANDLER_KEYS, "POST", "/a/b/rotate", A0_OP_NONE, "a", "" },
    { A0_HANDLER_KEYS, "POST", "/a/rotate2", A0_OP_NONE, "a", "" },
    { A0_HANDLER_KEYS, "GET", "x", A0_OP_NONE, "", "" },
    { A0_HANDLER_USER, "POST", "", A0_OP_USER, "", "" },
    { A0_HANDLER_USER, "post", "", A0_OP_NONE, "", "POST, OPTIONS" }
};


static void
test_routes(void)
{
    size_t    i;
    a0_str_t  id, allow;

    for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        unit_case("route %s \"%s\" of handler %d", routes[i].method,
                  routes[i].tail, (int) routes[i].handler);
        CHECK_EQ_INT(a0_provision_route(routes[i].handler,
                                        str(routes[i].method),
                                        str(routes[i].tail), &id, &allow),
                     routes[i].op);
        CHECK_EQ_STR(id, routes[i].id);
        CHECK_EQ_STR(allow, routes[i].allow);
    }

    unit_case("texts of operations");
    CHECK(strcmp(a0_op_text(A0_OP_CLEAN_REQ), "clean_req") == 0);
    CHECK(strcmp(a0_op_text(A0_OP_N), "none") == 0);
}


static const struct {
    const char  *header, *key;
} keys[] = {
    { "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"",
      "8e03978e-40d5-43e8-bc93-6894a57f9324" },
    { "\"a b\"", "a b" },
    { "\"a\\\"b\\\\c\"", "a\\\"b\\\\c" },
    { "\"" X64 X64 "\"", X64 X64 },
    { "\"" X64 X64 "a\"", NULL },
    { "8e03978e", NULL },
    { "\"\"", NULL },
    { "\"", NULL },
    { "\"a", NULL },
    { "a\"", NULL },
    { "\"a\"b\"", NULL },
    { "\"a\\\"", NULL },
    { "\"a\\b\"", NULL },
    { "\"a\tb\"", NULL },
    { "\"\xc3\xbc\"", NULL },
    { "", NULL }
};


static void
test_idempotency(void)
{
    size_t         i;
    a0_str_t       key;
    unsigned char  a[A0_FINGERPRINT], b[A0_FINGERPRINT];
    static char    big[A0_PROVISION_BODY_MAX + 2];

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        unit_case("Idempotency-Key: %s", keys[i].header);

        if (keys[i].key == NULL) {
            CHECK_EQ_INT(a0_idempotency_key(str(keys[i].header), &key),
                         A0_ERR_INVALID_REQUEST);
            continue;
        }

        CHECK_EQ_INT(a0_idempotency_key(str(keys[i].header), &key), A0_OK);
        CHECK_EQ_STR(key, keys[i].key);
    }

    unit_case("fingerprint: white space does not count, all else does");
    a0_provision_fingerprint(A0_OP_KEY_CREATE, str(""), str("{\"a\": 1 }"),
                             a);
    a0_provision_fingerprint(A0_OP_KEY_CREATE, str(""), str("{\"a\":1}"), b);
    CHECK(memcmp(a, b, sizeof(a)) == 0);
    a0_provision_fingerprint(A0_OP_KEY_CREATE, str(""), str("{\"a\":2}"), b);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    a0_provision_fingerprint(A0_OP_CREATE_KEY, str(""), str("{\"a\":1}"), b);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    a0_provision_fingerprint(A0_OP_KEY_CREATE, str("x"), str("{\"a\":1}"),
                             b);
    CHECK(memcmp(a, b, sizeof(a)) != 0);

    unit_case("fingerprint: body above the limit");
    memset(big, ' ', sizeof(big) - 1);
    CHECK_EQ_INT(a0_provision_fingerprint(A0_OP_KEY_CREATE, str(""),
                                          str(big), b), A0_ERR_MALFORMED);
}


static void
test_problem(void)
{
    int             i;
    char            buf[A0_PROBLEM_SIZE];
    a0_json_t      *json;
    a0_problem_t    problem;
    a0_json_out_t   out;

    for (i = 0; i < A0_PROBLEM_N; i++) {
        unit_case("problem %s",
                  (char *) a0_problem_info((a0_problem_e) i)->type.data);
        memset(&problem, 0, sizeof(problem));
        problem.problem = (a0_problem_e) i;
        problem.request_id = str("0123456789abcdef\"\n");
        problem.step = "grant_create";
        problem.cleanup = A0_CLEANUP_PENDING;
        a0_json_out_init(&out, (unsigned char *) buf, sizeof(buf));
        a0_problem_write(&out, &problem);
        CHECK(!out.overflow);
        CHECK_EQ_INT(a0_json_parse(a0_json_out_text(&out), sizeof(buf),
                                   &json), A0_OK);
        CHECK(a0_json_is(a0_json_get(json, "cleanup"), "pending"));
        CHECK(a0_json_is(a0_json_get(json, "step"), "grant_create"));
        CHECK_EQ_INT(a0_json_type(a0_json_get(json, "message")),
                     A0_JSON_STRING);
        a0_json_free(json);
    }

    unit_case("problem, whole, of a create operation");
    memset(&problem, 0, sizeof(problem));
    problem.problem = A0_PROBLEM_IDP_TIMEOUT;
    problem.request_id = str("r1");
    problem.step = "client_create";
    problem.create = 1;
    a0_json_out_init(&out, (unsigned char *) buf, sizeof(buf));
    a0_problem_write(&out, &problem);
    CHECK_EQ_STR(a0_json_out_text(&out),
                 "{\"type\":\"urn:auth0-m2m:idp-timeout\",\"title\":"
                 "\"Identity provider too slow\",\"status\":504,\"detail\":"
                 "\"The identity provider did not answer in time.\","
                 "\"message\":\"Failed to create key\",\"request_id\":\"r1\","
                 "\"step\":\"client_create\",\"retryable\":true,"
                 "\"cleanup\":\"none\"}");

    unit_case("problem outside the list");
    CHECK_EQ_INT(a0_problem_info(A0_PROBLEM_N)->status, 500);
}


static void
test_conf(void)
{
    size_t               i;
    const char          *why;
    a0_str_t             scope;
    a0_provision_conf_t  conf;
    static const struct {
        const char  *audience, *scope;
        uint32_t     keys, deadline;
        int          ok;
    } cases[] = {
        { "https://api.example/", "a", 10, 10000, 1 },
        { "https://api.example/", "a", 0, 1000, 1 },
        { "", "a", 10, 10000, 0 },
        { "https://x.auth0.com/api/v2/", "a", 10, 10000, 0 },
        { "https://x.auth0.com/api/v2", "a", 10, 10000, 0 },
        { "https://api.example/", "", 10, 10000, 0 },
        { "https://api.example/", "a b", 10, 10000, 0 },
        { "https://api.example/", "\xc3\xbc", 10, 10000, 0 },
        { "https://api.example/", X64 X64 X64 X64 X64, 10, 10000, 0 },
        { "https://api.example/", "a", 101, 10000, 0 },
        { "https://api.example/", "a", 10, 999, 0 },
        { "https://api.example/", "a", 10, 60001, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("configuration %d", (int) i);
        memset(&conf, 0, sizeof(conf));
        scope = str(cases[i].scope);
        conf.api_audience = str(cases[i].audience);
        conf.api_scope.elts = &scope;
        conf.api_scope.nelts = 1;
        conf.max_keys = cases[i].keys;
        conf.deadline = cases[i].deadline;
        why = NULL;
        CHECK_EQ_INT(a0_provision_conf_check(&conf, &why) == A0_OK,
                     cases[i].ok);
        CHECK((why == NULL) == cases[i].ok);
    }
}


int
main(void)
{
    test_checks();
    test_org_name();
    test_owner();
    test_routes();
    test_idempotency();
    test_problem();
    test_conf();
    return unit_done();
}
