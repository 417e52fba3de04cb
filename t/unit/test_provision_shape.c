/*
 * Replies of the right status and the wrong shape, and replies that mean
 * something of their own.  Whatever comes, the saga ends once, leaves nothing
 * behind and never hands out a key that does not work.
 */

#include <jansson.h>

#include "unit.h"
#include "unit_saga.h"

static run_t  run;

static const char *const  bodies[] = {
    "{}", "[]", "[{}]", "null", "7", "\"x\"", "true", "[[]]", "[7]", " ",
    "{\"client_id\":7,\"client_secret\":null}",
    "{\"client_id\":\"../../users\",\"client_secret\":\"x\"}",
    "{\"client_id\":\"abc\",\"client_secret\":\"line\\nbreak\"}",
    "{\"id\":\"../x\"}", "{\"id\":\"\"}", "{\"user_id\":\"auth0|mallory\"}",
    "{\"organizations\":{}}", "{\"organizations\":[{\"id\":\"beta\"}]}",
    "{\"organizations\":[7]}", "{\"clients\":[7,{}],\"next\":\"x\"}",
    "{\"client_grants\":[{\"client_id\":\"x\"}]}",
    "{\"client_grants\":7}", "{\"a\":1,\"a\":2}", "{} {}", "{",
    "{\"id\":\"\\ud800\"}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]"
};

typedef struct {
    const char  *name;
    a0_op_e      op;
    const char  *body;
    const char  *steps[9];
} saga_t;

static const saga_t  sagas[] = {
    { "create", A0_OP_KEY_CREATE, "",
      { "user_get", "user_organizations", "org_grant_list", "client_create",
        "grant_create", "org_grant_add" } },
    { "list", A0_OP_KEY_LIST, "",
      { "user_get", "user_organizations", "org_grant_list", "client_list" } },
    { "rotate", A0_OP_KEY_ROTATE, "",
      { "user_get", "client_get", "user_organizations", "org_grant_list",
        "grant_list", "client_create", "grant_create", "org_grant_add" } },
    { "rotate in place", A0_OP_KEY_ROTATE, "{\"mode\":\"in_place\"}",
      { "user_get", "client_get", "user_organizations", "client_rotate" } },
    { "revoke", A0_OP_KEY_REVOKE, "",
      { "user_get", "client_get", "user_organizations" } },
    { "provision", A0_OP_USER,
      "{\"customerId\":\"c\",\"email\":\"carol@new.example\"}",
      { "users_by_email", "user_organizations", "organization_create" } }
};


static void
check_shape(const saga_t *saga, const char *step, const char *body,
    int times)
{
    int                   clients;
    t_client_t           *old;
    a0_provision_input_t  in;

    t_reset();
    old = t_key("org_acme", "auth0|alice", "");
    saga_fault(step, F_CANNED, times, 0);
    S.status = 200;
    S.type = "application/json";
    S.body = body;

    in = saga_input(saga->op, "auth0|alice", "alice@acme.example");
    in.key_id = t_str(old->id);
    in.body = t_str(saga->body);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.answers, 1);
    CHECK(S.fired > 0);
    saga_calm();
    saga_janitor(&run);

    clients = 1 + (run.secret[0] && strstr(saga->name, "place") == NULL);
    clients = saga->op == A0_OP_KEY_REVOKE && run.status == 204 ? 0
                                                                : clients;
    CHECK_EQ_INT(T_COUNT(T.clients), clients);
    CHECK(run.secret[0] == '\0'
          || t_usable(run.client_id, run.secret, "org_acme"));
    CHECK(run.status < 300 || run.secret[0] == '\0');
}


static void
test_shapes(void)
{
    size_t  i, j, k;

    for (i = 0; i < sizeof(sagas) / sizeof(sagas[0]); i++) {
        for (j = 0; sagas[i].steps[j] != NULL; j++) {
            unit_case("%s: replies of %s that have another shape",
                      sagas[i].name, sagas[i].steps[j]);

            for (k = 0; k < sizeof(bodies) / sizeof(bodies[0]); k++) {
                check_shape(&sagas[i], sagas[i].steps[j], bodies[k], 0);
                check_shape(&sagas[i], sagas[i].steps[j], bodies[k], 1);
            }
        }
    }
}


/* One reply at one step, for good, and what comes of it. */

typedef struct {
    const char    *name, *step;
    unsigned       status;
    const char    *type, *body;
    a0_problem_e   problem;
} reply_t;

#define JSON  "application/json"

static const reply_t  replies[] = {
    { "a redirect", "user_get", 302, "text/html", "",
      A0_PROBLEM_IDP_ERROR },
    { "206", "user_get", 206, JSON, "{}", A0_PROBLEM_IDP_ERROR },
    { "204 where a body must be", "user_get", 204, "", "",
      A0_PROBLEM_IDP_ERROR },
    { "408", "user_get", 408, JSON, "{}", A0_PROBLEM_IDP_ERROR },
    { "HTML", "user_get", 200, "text/html", "{}", A0_PROBLEM_IDP_ERROR },
    { "another JSON type", "user_get", 200, "application/jsonp", "{}",
      A0_PROBLEM_IDP_ERROR },
    { "400", "user_get", 400, JSON, "{\"message\":\"a\\nb\"}",
      A0_PROBLEM_IDP_REJECTED },
    { "503", "user_get", 503, "text/html", "", A0_PROBLEM_IDP_ERROR },
    { "entity limit", "client_create", 403, JSON,
      "{\"message\":\"You reached the limit of entities of this type for "
      "this tenant.\"}", A0_PROBLEM_IDP_LIMIT_REACHED },
    { "feature not enabled", "client_create", 403, JSON,
      "{\"message\":\"Please upgrade your subscription to use it\"}",
      A0_PROBLEM_IDP_REJECTED },
    { "grants of the organization used up", "org_grant_add", 409, JSON,
      "{\"message\":\"Quota exceeded; cannot add more than 100 client "
      "grants to a single organization\"}", A0_PROBLEM_IDP_LIMIT_REACHED },
    { "scope not of the API", "grant_create", 400, JSON,
      "{\"message\":\"Payload validation error: scope must be a subset of "
      "resource server scopes\"}", A0_PROBLEM_IDP_REJECTED },
    { "grant id of another length", "grant_create", 201, JSON,
      "{\"id\":\"cgr_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaa\"}", A0_PROBLEM_IDP_ERROR }
};


static void
test_replies(void)
{
    size_t                i;
    const reply_t        *r;
    a0_provision_input_t  in;

    for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        r = &replies[i];
        unit_case("create: %s at %s", r->name, r->step);
        t_reset();
        saga_fault(r->step, F_CANNED, 0, 0);
        S.status = r->status;
        S.type = r->type;
        S.body = r->body;
        in = saga_input(A0_OP_CREATE_KEY, "auth0|alice",
                        "alice@acme.example");
        saga_run(&in, &run);
        CHECK_EQ_INT(run.problem, r->problem);
        CHECK(strstr(run.body, "Failed to create key") != NULL);
        CHECK(r->problem != A0_PROBLEM_IDP_LIMIT_REACHED
              || strstr(run.headers, "Retry-After: 3600\n") != NULL);
        saga_calm();
        saga_janitor(&run);
        CHECK_EQ_INT(T_COUNT(T.clients), 0);
    }

    unit_case("member_add 400: the user is gone");
    t_reset();
    saga_fault("member_add", F_CANNED, 0, 0);
    S.status = 400;
    S.type = JSON;
    S.body = "{\"message\":\"x\"}";
    in = saga_input(A0_OP_USER, "", "");
    in.body = t_str(sagas[5].body);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_USER_NOT_FOUND);
}


/* a grant is there already, for other scopes: never somebody else's rights */
static void
test_other_grant(void)
{
    a0_provision_input_t  in;

    unit_case("create: the client has a grant of other scopes");
    t_reset();
    saga_calm();
    T.widen = 1;
    saga_fault("grant_create", F_RESET, 1, 1);
    in = saga_input(A0_OP_CREATE_KEY, "auth0|alice", "alice@acme.example");
    in.body = t_str("{\"scope\":\"read:orders\"}");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_IDP_REJECTED);
    CHECK_EQ_INT(T_COUNT(T.clients) + T_COUNT(T.grants), 0);

    unit_case("rotate: a key without a grant is no key");
    t_reset();
    saga_calm();
    in = saga_input(A0_OP_KEY_ROTATE, "auth0|alice", "alice@acme.example");
    in.key_id = t_str(t_key("org_acme", "auth0|alice", "")->id);
    T.grants[0].live = 0;
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_KEY_NOT_FOUND);
    CHECK_EQ_INT(T_COUNT(T.clients), 1);

    unit_case("rotate: scopes no longer allowed are dropped");
    t_reset();
    in.key_id = t_str(t_key("org_acme", "auth0|alice", "")->id);
    T_SET(T.grants[0].scope, "[\"admin\",\"write:orders\",\"read:orders\"]");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(T.grants[1].scope),
                 "[\"write:orders\",\"read:orders\"]");
}


static void
test_sizes(void)
{
    static char           big[A0_PROVISION_BODY_MAX + 2];
    unsigned char         random[A0_PROVISION_RANDOM] = { 0 };
    a0_provision_input_t  in;

    unit_case("a body above the limit");
    t_reset();
    saga_calm();
    memset(big, ' ', sizeof(big) - 1);
    in = saga_input(A0_OP_KEY_CREATE, "auth0|alice", "alice@acme.example");
    in.body = t_str(big);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_TOO_LARGE);

    unit_case("scope as an array that holds a number");
    in.body = t_str("{\"scope\":[\"read:orders\",7]}");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_MALFORMED_REQUEST);

    unit_case("memory below what an operation needs");
    in.random = random;
    CHECK(a0_provision_init(S.mem, A0_PROVISION_MEMORY - 1, &saga_conf, &in,
                            &S.now) == NULL);
    in.op = A0_OP_KEY_LIST;
    CHECK(a0_provision_init(S.mem, A0_PROVISION_MEMORY_LIST - 1, &saga_conf,
                            &in, &S.now) == NULL);

    unit_case("texts of outcomes");
    CHECK(strcmp(a0_outcome_text(A0_OUTCOME_UNKNOWN), "unknown") == 0);
    CHECK(strcmp(a0_outcome_text(A0_OUTCOME_DONE), "done") == 0);
    CHECK(strcmp(a0_outcome_text((a0_outcome_e) 9), "unknown") == 0);
}


static void *
no_memory(size_t size)
{
    (void) size;

    return NULL;
}


static void
test_memory(void)
{
    a0_provision_input_t  in;

    unit_case("create_key without memory: not the caller's fault");
    t_reset();
    saga_calm();
    in = saga_input(A0_OP_CREATE_KEY, "auth0|alice", "alice@acme.example");
    in.body = t_str("{\"name\":\"x\"}");
    json_set_alloc_funcs(no_memory, free);
    saga_run(&in, &run);
    json_set_alloc_funcs(malloc, free);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_INTERNAL);
    CHECK_EQ_INT(run.calls, 0);
}


int
main(void)
{
    saga_tick(1000);
    test_shapes();
    test_replies();
    test_other_grant();
    test_sizes();
    test_memory();
    return unit_done();
}
