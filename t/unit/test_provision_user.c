/*
 * provision-user: rolls forward, whatever happens in between.
 */

#include "unit.h"
#include "unit_saga.h"

static run_t  run;

#define BODY  "{\"customerId\":\"cus_1\",\"email\":\"Carol@new.example\","     \
              "\"subscriptionId\":\"sub_1\"}"
#define NAME  "carol-"


static void
provision(const char *body)
{
    a0_provision_input_t  in;

    memset(&in, 0, sizeof(in));
    in.op = A0_OP_USER;
    in.body = t_str(body);
    saga_run(&in, &run);
}


/* exactly one organization for the customer, carol in it, metadata set */
static void
check_whole(void)
{
    int          orgs, members;
    t_org_t     *o;
    t_user_t    *u;
    t_member_t  *m;

    orgs = members = 0;

    T_EACH(T.orgs, o) {
        orgs += strcmp(o->customer, "cus_1") == 0;
    }

    T_EACH(T.members, m) {
        members += strcmp(m->user, "auth0|carol") == 0;
    }

    u = t_user_find("auth0|carol");
    CHECK_EQ_INT(orgs, 1);
    CHECK_EQ_INT(members, 1);
    CHECK_EQ_STR(t_str(u->customer), "cus_1");
    CHECK_EQ_STR(t_str(u->subscription), "sub_1");
    CHECK_EQ_INT(T_COUNT(T.clients), 0);
}


static void
test_golden(void)
{
    char  first[64], want[512];

    unit_case("a new customer");
    t_reset();
    saga_calm();
    provision(BODY);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.steps), "users_by_email user_organizations "
                 "organization_create member_add user_update");
    snprintf(want, sizeof(want), "{\"user_id\":\"auth0|carol\",\"org_id\":"
             "\"%s\",\"org_name\":\"%s\",\"created\":true}", T.orgs[2].id,
             T.orgs[2].name);
    CHECK_EQ_STR(t_str(run.body), want);
    CHECK(strncmp(T.orgs[2].name, NAME, strlen(NAME)) == 0);
    CHECK_EQ_INT(strlen(T.orgs[2].name), strlen(NAME) + 16);
    check_whole();

    unit_case("the same again: the same organization, two reads");
    T_SET(first, T.orgs[2].id);
    provision(BODY);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.steps), "users_by_email user_organizations");
    CHECK(strstr(run.body, first) != NULL);
    CHECK(strstr(run.body, "\"created\":false}") != NULL);
    check_whole();

    unit_case("another subscription: only metadata changes");
    provision("{\"customerId\":\"cus_1\",\"email\":\"carol@new.example\","
              "\"subscriptionId\":\"sub_2\"}");
    CHECK_EQ_STR(t_str(run.steps), "users_by_email user_organizations "
                 "user_update");
    CHECK_EQ_STR(t_str(t_user_find("auth0|carol")->subscription), "sub_2");

    unit_case("by sub, without subscription");
    t_reset();
    provision("{\"customerId\":\"cus_1\",\"sub\":\"auth0|carol\"}");
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.steps), "user_get user_organizations "
                 "organization_create member_add user_update");
    CHECK_EQ_STR(t_str(T.orgs[2].customer), "cus_1");
}


typedef struct {
    const char  *step;
    unsigned     persist[11];   /* as in test_provision.c */
    unsigned     once[11];
} row_t;

static const row_t  rows[] = {
    { "token",
      { 502, 502, 502, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 502, 502, 502, 502, 503, 200, 200, 200, 200, 200, 200 } },
    { "users_by_email",
      { 502, 502, 404, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 404, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "user_organizations",
      { 502, 502, 404, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 404, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "organization_create",
      { 502, 502, 502, 502, 503, 502, 504, 502, 502, 502, 502 },
      { 200, 502, 502, 200, 200, 200, 200, 200, 200, 200, 200 } },
    { "member_add",
      { 502, 502, 404, 502, 503, 502, 504, 502, 200, 502, 502 },
      { 200, 502, 404, 502, 200, 200, 200, 200, 200, 200, 200 } },
    { "user_update",
      { 502, 502, 404, 502, 503, 502, 504, 502, 200, 502, 502 },
      { 200, 502, 404, 502, 200, 200, 200, 200, 200, 200, 200 } }
};


static void
check_cell(const row_t *row, fault_e kind, int times, int after)
{
    unsigned  want;
    uint64_t  began;

    want = 0;

    if (!after) {
        want = times ? row->once[kind - 1] : row->persist[kind - 1];
    }

    unit_case("provision-user: %s %s %s%s", row->step, fault_names[kind],
              times ? "once" : "for good", after ? ", after its effect" : "");
    t_reset();
    saga_fault(row->step, kind, times, after);
    began = S.now.msec;
    provision(BODY);
    CHECK(want == 0 || run.status == want);
    CHECK_EQ_INT(run.answers, 1);
    CHECK(run.answered_at - began <= 10500);
    CHECK(S.fired > 0);

    /* a garbled 200 without its effect is not seen; the next call sees it */

    saga_calm();
    provision(BODY);
    CHECK_EQ_INT(run.status, 200);
    provision(BODY);
    CHECK_EQ_INT(run.status, 200);

    if (kind != F_GARBAGE || strcmp(row->step, "user_update") == 0) {
        check_whole();
    }
}


static void
test_matrix(void)
{
    size_t   i;
    fault_e  kind;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (kind = F_401; kind <= F_REFUSED; kind++) {
            check_cell(&rows[i], kind, 0, 0);
            check_cell(&rows[i], kind, 1, 0);

            if (i > 2 && kind >= F_409 && kind < F_REFUSED) {
                check_cell(&rows[i], kind, 0, 1);
                check_cell(&rows[i], kind, 1, 1);
            }
        }

        check_cell(&rows[i], F_MEMORY, 0, 1);
        check_cell(&rows[i], F_MEMORY, 1, 1);
    }
}


/* for every prefix of the saga: die or lose the caller there, call again */
static void
test_prefixes(void)
{
    size_t   i;
    fault_e  kind;

    for (i = 1; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (kind = F_LEAVE; kind <= F_CRASH; kind++) {
            unit_case("provision-user: %s after %s, then again",
                      kind == F_CRASH ? "the worker dies"
                                      : "the caller leaves", rows[i].step);
            t_reset();
            saga_fault(rows[i].step, kind, 1, 0);
            provision(BODY);
            CHECK_EQ_INT(run.answers, 0);

            if (kind == F_LEAVE) {
                CHECK_EQ_INT(run.done.done.problem, A0_PROBLEM_NONE);
                check_whole();
            }

            saga_calm();
            provision(BODY);
            CHECK_EQ_INT(run.status, 200);
            check_whole();
        }
    }
}


static void
test_adoption(void)
{
    char  name[64];

    unit_case("the former plugin's organization is adopted by membership");
    t_reset();
    saga_calm();
    t_org("org_old", "carolnewexample", "");
    t_member("org_old", "auth0|carol");
    T_SET(t_user_find("auth0|carol")->customer, "cus_1");
    provision(BODY);
    CHECK_EQ_INT(run.status, 200);
    CHECK(strstr(run.body, "\"org_id\":\"org_old\"") != NULL);
    CHECK_EQ_INT(T_COUNT(T.orgs), 3);

    unit_case("an organization of another customer is not");
    T_SET(T.orgs[2].customer, "cus_9");
    provision(BODY);
    CHECK_EQ_INT(run.status, 200);
    CHECK(strstr(run.body, "\"created\":true") != NULL);

    unit_case("nor one of a user with another customer id");
    t_reset();
    t_org("org_old", "carolnewexample", "");
    t_member("org_old", "auth0|carol");
    T_SET(t_user_find("auth0|carol")->customer, "cus_9");
    provision(BODY);
    CHECK(strstr(run.body, "\"created\":true") != NULL);

    unit_case("nor one by its name alone");
    t_reset();
    provision(BODY);
    T_SET(name, T.orgs[2].name);
    t_reset();
    t_org("org_foreign", name, "cus_9");
    provision(BODY);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_ORGANIZATION_CONFLICT);
    CHECK_EQ_INT(T_COUNT(T.members), 2);

    unit_case("the name taken, of this customer: adopted");
    T_SET(T.orgs[2].customer, "cus_1");
    provision(BODY);
    CHECK_EQ_INT(run.status, 200);
    CHECK(strstr(run.body, "\"org_id\":\"org_foreign\"") != NULL);
    check_whole();

    unit_case("two organizations of the customer");
    t_reset();
    t_org("org_one", "one", "cus_1");
    t_org("org_two", "two", "cus_1");
    t_member("org_one", "auth0|carol");
    t_member("org_two", "auth0|carol");
    provision(BODY);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_AMBIGUOUS_ORGANIZATION);
}


typedef struct {
    const char    *name, *body;
    a0_problem_e   problem;
} refusal_t;

static const refusal_t  refusals[] = {
    { "no body", "", A0_PROBLEM_MALFORMED_REQUEST },
    { "no customer", "{\"email\":\"carol@new.example\"}",
      A0_PROBLEM_MALFORMED_REQUEST },
    { "neither e-mail nor sub", "{\"customerId\":\"c\"}",
      A0_PROBLEM_MALFORMED_REQUEST },
    { "e-mail without @", "{\"customerId\":\"c\",\"email\":\"carol\"}",
      A0_PROBLEM_MALFORMED_REQUEST },
    { "sub without |", "{\"customerId\":\"c\",\"sub\":\"carol\"}",
      A0_PROBLEM_MALFORMED_REQUEST },
    { "customer with a line break",
      "{\"customerId\":\"c\\n\",\"sub\":\"auth0|carol\"}",
      A0_PROBLEM_MALFORMED_REQUEST },
    { "customer of another type",
      "{\"customerId\":7,\"sub\":\"auth0|carol\"}",
      A0_PROBLEM_MALFORMED_REQUEST },
    { "unknown e-mail", "{\"customerId\":\"c\",\"email\":\"x@y.example\"}",
      A0_PROBLEM_USER_NOT_FOUND },
    { "unknown sub", "{\"customerId\":\"c\",\"sub\":\"auth0|x\"}",
      A0_PROBLEM_USER_NOT_FOUND },
    { "sub and e-mail of two people",
      "{\"customerId\":\"c\",\"sub\":\"auth0|carol\","
      "\"email\":\"bob@beta.example\"}", A0_PROBLEM_USER_NOT_FOUND },
    { "unverified", "{\"customerId\":\"c\",\"email\":\"u@new.example\"}",
      A0_PROBLEM_USER_NOT_FOUND },
    { "unverified, by sub",
      "{\"customerId\":\"c\",\"sub\":\"auth0|unverified\"}",
      A0_PROBLEM_USER_NOT_FOUND },
    { "blocked", "{\"customerId\":\"c\",\"email\":\"b@new.example\"}",
      A0_PROBLEM_USER_NOT_FOUND },
    { "blocked, by sub", "{\"customerId\":\"c\",\"sub\":\"auth0|blocked\"}",
      A0_PROBLEM_USER_BLOCKED },
    { "two accounts", "{\"customerId\":\"c\",\"email\":\"t@new.example\"}",
      A0_PROBLEM_AMBIGUOUS_USER }
};


static void
test_refusals(void)
{
    size_t            i;
    const refusal_t  *r;

    for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        r = &refusals[i];
        unit_case("provision-user refused: %s", r->name);
        t_reset();
        saga_calm();
        t_user("auth0|unverified", "u@new.example")->verified = 0;
        t_user("auth0|blocked", "b@new.example")->blocked = 1;
        t_user("auth0|two", "t@new.example");
        t_user("google|two", "t@new.example");
        provision(r->body);
        CHECK_EQ_INT(run.problem, r->problem);
        CHECK_EQ_INT(T_COUNT(T.orgs), 2);
        CHECK_EQ_INT(T_COUNT(T.members), 2);
        CHECK(strstr(run.body, "\"cleanup\":\"none\"") != NULL);
    }
}


static void
test_create_user(void)
{
    int                after;
    fault_e            kind;
    static const char  body[] = "{\"customerId\":\"cus_1\","
                                "\"email\":\"dave@new.example\"}";

    unit_case("create_user: an unknown e-mail becomes a user");
    t_reset();
    saga_calm();
    saga_conf.connection = t_str("Username-Password-Authentication");
    provision(body);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.steps), "users_by_email user_create "
                 "user_organizations organization_create member_add");
    CHECK_EQ_INT(T.users[3].password, 1);
    CHECK_EQ_INT(T.users[3].verified, 0);
    CHECK_EQ_STR(t_str(T.users[3].customer), "cus_1");

    unit_case("create_user: again, though the user is not verified yet");
    provision(body);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_INT(T_COUNT(T.users), 4);
    CHECK_EQ_INT(T_COUNT(T.orgs), 3);

    unit_case("create_user: no password where the connection takes none");
    t_reset();
    saga_conf.connection = t_str("email");
    provision(body);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_INT(T.users[3].password, 0);

    unit_case("create_user: an unverified stranger's account is not taken");
    t_reset();
    t_user("auth0|stranger", "dave@new.example")->verified = 0;
    provision(body);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_USER_NOT_FOUND);
    CHECK_EQ_INT(T_COUNT(T.users), 4);

    for (kind = F_500; kind <= F_OVERSIZED; kind++) {
        for (after = 0; after < 2; after++) {
            unit_case("create_user: %s%s, once", fault_names[kind],
                      after ? " after its effect" : "");
            t_reset();
            saga_fault("user_create", kind, 1, after);
            provision(body);
            CHECK_EQ_INT(run.status, 200);
            CHECK_EQ_INT(T_COUNT(T.users), 4);
            CHECK_EQ_INT(T_COUNT(T.orgs), 3);
        }
    }

    saga_conf.connection.len = 0;
}


int
main(void)
{
    saga_tick(1000);
    test_golden();
    test_matrix();
    test_prefixes();
    test_adoption();
    test_refusals();
    test_create_user();
    return unit_done();
}
