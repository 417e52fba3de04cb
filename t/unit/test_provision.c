/*
 * Creating a key: the golden wire, and every cell of the fault matrix.
 */

#include "unit.h"
#include "unit_saga.h"


/*
 * Status by fault: 401 403 404 409 429 500 timeout reset garbage oversized
 * refused, of a fault that persists, and of one that happens once.
 */
typedef struct {
    const char  *step;
    unsigned     persist[11];
    unsigned     once[11];
} row_t;

static const row_t  rows[] = {
    { "token",
      { 502, 502, 502, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 502, 502, 502, 502, 503, 200, 200, 200, 200, 200, 200 } },
    { "user_get",
      { 502, 502, 403, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 403, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "user_organizations",
      { 502, 502, 403, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 403, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "org_grant_list",
      { 502, 502, 409, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 409, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "client_create",
      { 502, 502, 502, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 502, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "grant_create",
      { 502, 502, 502, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 502, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "org_grant_add",
      { 502, 502, 409, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 409, 502, 200, 200, 200, 200, 200, 200, 200 } }
};

#define NROWS  (sizeof(rows) / sizeof(rows[0]))

static run_t  run;


static a0_provision_input_t
create_input(void)
{
    return saga_input(A0_OP_CREATE_KEY, "auth0|alice", "Alice@acme.example");
}


/* success: exactly one credential, and it works; else nothing at all */
static void
check_leftovers(void)
{
    int  want;

    want = run.status == 200 || run.status == 201;
    CHECK_EQ_INT(T_COUNT(T.clients), want);
    CHECK_EQ_INT(T_COUNT(T.grants), want);
    CHECK_EQ_INT(T_COUNT(T.org_grants), want);

    if (want) {
        CHECK(t_usable(run.client_id, run.secret, "org_acme"));
    }
}


static void
check_cell(const char *step, fault_e kind, int times, int after,
    unsigned status)
{
    uint64_t              began;
    a0_provision_input_t  in;

    unit_case("create_key: %s %s %s%s", step, fault_names[kind],
              times ? "once" : "for good", after ? ", after its effect" : "");
    t_reset();
    saga_fault(step, kind, times, after);
    in = create_input();
    began = S.now.msec;
    saga_run(&in, &run);

    CHECK_EQ_INT(run.status, status);
    CHECK_EQ_INT(run.answers, 1);
    CHECK(run.answered_at - began <= 10500);
    CHECK(run.done_at - began <= 70000);
    CHECK(S.fired > 0);
    CHECK(status != 503 || strstr(run.headers, "Retry-After: ") != NULL);
    CHECK(status == 200 || run.secret[0] == '\0');

    saga_calm();
    saga_janitor(&run);
    check_leftovers();
}


static void
test_matrix(void)
{
    size_t   i;
    fault_e  kind;

    for (i = 0; i < NROWS; i++) {
        for (kind = F_401; kind <= F_REFUSED; kind++) {
            check_cell(rows[i].step, kind, 0, 0, rows[i].persist[kind - 1]);
            check_cell(rows[i].step, kind, 1, 0, rows[i].once[kind - 1]);
        }
    }
}


/* the POST happened, its answer did not arrive: found and gone on with */
static void
test_after_effect(void)
{
    size_t              i, j;
    static const char  *steps[] = {
        "client_create", "grant_create", "org_grant_add"
    };
    static const fault_e  kinds[] = {
        F_500, F_TIMEOUT, F_RESET, F_GARBAGE, F_OVERSIZED, F_MEMORY
    };

    for (i = 0; i < 3; i++) {
        for (j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
            check_cell(steps[i], kinds[j], 0, 1, 200);
            check_cell(steps[i], kinds[j], 1, 1, 200);
        }
    }

    check_cell("grant_create", F_409, 0, 1, 200);
    check_cell("org_grant_add", F_409, 0, 1, 200);
    check_cell("client_create", F_LIMIT, 0, 0, 503);
    check_cell("grant_create", F_LIMIT, 0, 0, 503);
}


/*
 * The grant is refused for good; meanwhile taking the client back meets a
 * fault of its own.  Only a tenant that refuses the DELETE keeps the client,
 * without any grant.
 */
static void
check_compensation(fault_e kind, int times)
{
    int                   done, refused;
    a0_provision_input_t  in;

    unit_case("create_key: taking back meets %s %s", fault_names[kind],
              times ? "once" : "for good");
    t_reset();
    T.no_grants = 1;
    saga_fault("client_delete", kind, times,
               kind == F_404 || kind == F_GARBAGE);
    in = create_input();
    saga_run(&in, &run);

    done = kind == F_404 || kind == F_GARBAGE || (kind == F_401 && times);
    refused = kind == F_403 || kind == F_409 || (kind == F_401 && !times);

    CHECK_EQ_INT(run.status, 502);
    CHECK_EQ_INT(run.answers, 1);
    CHECK((strstr(run.body, "\"cleanup\":\"complete\"") != NULL) == done);
    CHECK((strstr(run.body, "\"cleanup\":\"pending\"") != NULL) == !done);
    CHECK(run.done_at - run.answered_at <= 60000);
    CHECK_EQ_INT(T_COUNT(T.clients), refused && kind != F_409
                 ? 1 : run.done.done.nring);

    if (refused && !times) {
        CHECK_EQ_INT(run.done.done.nring, 1);
        CHECK(!saga_clean(A0_RING_CLIENT, run.ids[0]));
        CHECK_EQ_INT(T_COUNT(T.clients), 1);
        CHECK_EQ_INT(T_COUNT(T.grants), 0);
    }

    saga_calm();
    saga_janitor(&run);
    CHECK_EQ_INT(T_COUNT(T.clients), 0);
}


static void
test_compensation(void)
{
    fault_e  kind;

    for (kind = F_401; kind <= F_REFUSED; kind++) {
        check_compensation(kind, 0);
        check_compensation(kind, 1);
    }
}


static void
test_golden(void)
{
    char                  want[512];
    a0_provision_input_t  in;

    unit_case("create_key: the portal's wire, byte for byte");
    t_reset();
    saga_calm();
    in = create_input();
    in.body = t_str("{\"email\":\"mallory@evil.example\"}");
    saga_run(&in, &run);

    snprintf(want, sizeof(want),
             "{\"apikey\":\"{\\\"client_id\\\":\\\"%s\\\","
             "\\\"client_secret\\\":\\\"%s\\\"}\"}",
             T.clients[0].id, T.clients[0].secret);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.body), want);
    CHECK_EQ_STR(t_str(run.steps),
                 "user_get user_organizations org_grant_list client_create "
                 "grant_create org_grant_add");
    CHECK_EQ_INT(run.tokens, 1);
    check_leftovers();
    CHECK_EQ_STR(t_str(T.grants[0].scope), "[\"read:orders\","
                 "\"write:orders\"]");
    CHECK(strstr(run.first_body, "\"app_type\":\"non_interactive\","
                 "\"is_first_party\":true") != NULL);
    CHECK(strstr(run.first_body, "\"default_organization\":"
                 "{\"organization_id\":\"org_acme\","
                 "\"flows\":[\"client_credentials\"]},"
                 "\"organization_usage\":\"require\"") != NULL);
    CHECK(strstr(run.first_body, "\"owner\":\"auth0|alice\"") != NULL);

    unit_case("POST /keys: 201, Location, name, scope, expiry");
    t_reset();
    in = create_input();
    in.op = A0_OP_KEY_CREATE;
    in.body = t_str("{\"name\":\"My key\",\"scope\":[\"read:orders\"],"
                    "\"expires_in\":3600}");
    saga_run(&in, &run);
    snprintf(want, sizeof(want), "Location: /keys/%s\n", T.clients[0].id);
    CHECK_EQ_INT(run.status, 201);
    CHECK_EQ_STR(t_str(run.headers), want);
    CHECK(strstr(run.body, "}\",\"client_id\":\"made") != NULL);
    CHECK_EQ_STR(t_str(T.clients[0].name), "My key");
    CHECK_EQ_STR(t_str(T.grants[0].scope), "[\"read:orders\"]");
    CHECK_EQ_INT(run.done.done.nring, 1);
    CHECK_EQ_INT(run.done.done.ring[0].due, S.now.seconds + 3600);
    CHECK(run.done.done.ring[0].deny);
    check_leftovers();
}


/* What is refused, and by how many calls. */

typedef struct {
    const char    *name, *sub, *email, *body, *org;
    int            verified;
    a0_problem_e   problem;
    unsigned       calls;
} refusal_t;

static const refusal_t  refusals[] = {
    { "e-mail of the token not verified", "auth0|alice",
      "alice@acme.example", "", "", 0, A0_PROBLEM_EMAIL_UNVERIFIED, 0 },
    { "no e-mail in the token", "auth0|alice", "", "", "", 1,
      A0_PROBLEM_EMAIL_UNVERIFIED, 0 },
    { "another person's e-mail", "auth0|alice", "bob@beta.example", "", "",
      1, A0_PROBLEM_EMAIL_MISMATCH, 1 },
    { "dots in an e-mail count", "auth0|alice", "ali.ce@acme.example", "",
      "", 1, A0_PROBLEM_EMAIL_MISMATCH, 1 },
    { "an application's token", "abc@clients", "alice@acme.example", "", "",
      1, A0_PROBLEM_INVALID_TOKEN, 0 },
    { "path traversal in sub", "auth0|../clients", "alice@acme.example", "",
      "", 1, A0_PROBLEM_USER_UNKNOWN, 1 },
    { "unknown user", "auth0|nobody", "n@acme.example", "", "", 1,
      A0_PROBLEM_USER_UNKNOWN, 1 },
    { "blocked user", "auth0|blocked", "blocked@acme.example", "", "", 1,
      A0_PROBLEM_USER_BLOCKED, 1 },
    { "record not verified", "auth0|unverified", "unv@acme.example", "", "",
      1, A0_PROBLEM_EMAIL_UNVERIFIED, 1 },
    { "no organization", "auth0|carol", "carol@new.example", "", "", 1,
      A0_PROBLEM_NOT_PROVISIONED, 2 },
    { "organization of the token no longer the user's", "auth0|alice",
      "alice@acme.example", "", "org_beta", 1, A0_PROBLEM_NOT_PROVISIONED,
      2 },
    { "two organizations", "auth0|two", "two@acme.example", "", "", 1,
      A0_PROBLEM_AMBIGUOUS_ORGANIZATION, 2 },
    { "scope that cannot be granted", "auth0|alice", "alice@acme.example",
      "{\"scope\":\"read:orders admin\"}", "", 1,
      A0_PROBLEM_SCOPE_NOT_ALLOWED, 0 },
    { "scope: prefix", "auth0|alice", "alice@acme.example",
      "{\"scope\":\"read:order\"}", "", 1, A0_PROBLEM_SCOPE_NOT_ALLOWED, 0 },
    { "scope: empty name", "auth0|alice", "alice@acme.example",
      "{\"scope\":\"read:orders \"}", "", 1, A0_PROBLEM_SCOPE_NOT_ALLOWED,
      0 },
    { "scope of another type", "auth0|alice", "alice@acme.example",
      "{\"scope\":7}", "", 1, A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "not JSON", "auth0|alice", "alice@acme.example", "{\"name\":", "", 1,
      A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "not an object", "auth0|alice", "alice@acme.example", "[]", "", 1,
      A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "a member twice", "auth0|alice", "alice@acme.example",
      "{\"name\":\"a\",\"name\":\"b\"}", "", 1,
      A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "nine levels", "auth0|alice", "alice@acme.example",
      "{\"a\":[[[[[[[[1]]]]]]]]}", "", 1, A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "name with <", "auth0|alice", "alice@acme.example",
      "{\"name\":\"<b>\"}", "", 1, A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "empty name", "auth0|alice", "alice@acme.example", "{\"name\":\"\"}",
      "", 1, A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "expires_in too short", "auth0|alice", "alice@acme.example",
      "{\"expires_in\":59}", "", 1, A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "expires_in not whole", "auth0|alice", "alice@acme.example",
      "{\"expires_in\":60.5}", "", 1, A0_PROBLEM_MALFORMED_REQUEST, 0 },
    { "expires_in huge", "auth0|alice", "alice@acme.example",
      "{\"expires_in\":1e300}", "", 1, A0_PROBLEM_MALFORMED_REQUEST, 0 }
};


static void
test_refusals(void)
{
    size_t                i;
    const refusal_t      *r;
    a0_provision_input_t  in;

    for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        r = &refusals[i];
        unit_case("create_key refused: %s", r->name);
        t_reset();
        saga_calm();
        t_user("auth0|blocked", "blocked@acme.example")->blocked = 1;
        t_user("auth0|unverified", "unv@acme.example")->verified = 0;
        t_user("auth0|two", "two@acme.example");
        t_member("org_acme", "auth0|two");
        t_member("org_beta", "auth0|two");

        in = saga_input(A0_OP_KEY_CREATE, r->sub, r->email);
        in.user.email_verified = (unsigned) r->verified;
        in.user.org_id = t_str(r->org);
        in.body = t_str(r->body);
        saga_run(&in, &run);
        CHECK_EQ_INT(run.problem, r->problem);
        CHECK_EQ_INT(run.calls, r->calls);
        CHECK_EQ_INT(T_COUNT(T.clients), 0);
        CHECK(strstr(run.body, "\"request_id\":\"req-1\"") != NULL);
    }
}


static void
test_organization(void)
{
    int                   i;
    a0_provision_input_t  in;

    unit_case("several organizations: the token's");
    t_reset();
    saga_calm();
    t_member("org_beta", "auth0|alice");
    in = create_input();
    in.user.org_id = t_str("org_acme");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(T.clients[0].org), "org_acme");

    unit_case("several organizations: that of the user's customer id");
    t_reset();
    t_member("org_beta", "auth0|alice");
    T_SET(T.users[0].customer, "cus_1");
    T_SET(T.orgs[1].customer, "cus_1");
    in = create_input();
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(T.clients[0].org), "org_beta");

    for (i = 0; i < 2; i++) {
        unit_case("the token's organization is on the second page (%s)",
                  i ? "arrays" : "objects with total 0");
        t_reset();
        T.arrays = i;
        T.members[0].live = 0;

        for (int n = 0; n < 120; n++) {
            char  id[32];

            snprintf(id, sizeof(id), "org_page%d", n);
            t_org(id, id, "");
            t_member(id, "auth0|alice");
        }

        t_member("org_acme", "auth0|alice");
        in = create_input();
        in.user.org_id = t_str("org_page115");
        saga_run(&in, &run);
        CHECK_EQ_INT(run.status, 200);
        CHECK_EQ_STR(t_str(T.clients[0].org), "org_page115");
    }

    for (i = 9; i < 11; i++) {
        unit_case("quota of 10, %d in use", i);
        t_reset();

        for (int n = 0; n < i; n++) {
            t_key("org_acme", "auth0|alice", "");
        }

        in = create_input();
        saga_run(&in, &run);
        CHECK_EQ_INT(run.problem, i == 10 ? A0_PROBLEM_QUOTA_EXCEEDED
                                          : A0_PROBLEM_NONE);
        CHECK_EQ_INT(T_COUNT(T.clients), 10);
    }
}


int
main(void)
{
    saga_tick(1000);
    test_golden();
    test_matrix();
    test_after_effect();
    test_compensation();
    test_refusals();
    test_organization();
    return unit_done();
}
