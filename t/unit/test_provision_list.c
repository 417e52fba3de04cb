/*
 * Listing keys: whose, how many calls, pages, expiry.
 */

#include "unit.h"
#include "unit_saga.h"

static run_t  run;


static int
count_text(const char *text, const char *what)
{
    int  n;

    for (n = 0; (text = strstr(text, what)) != NULL; n++) {
        text++;
    }

    return n;
}


static void
list(void)
{
    a0_provision_input_t  in;

    in = saga_input(A0_OP_KEY_LIST, "auth0|alice", "alice@acme.example");
    saga_run(&in, &run);
}


static void
test_list(void)
{
    char         want[1024];
    t_client_t  *c;

    unit_case("no keys");
    t_reset();
    saga_calm();
    list();
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.body),
                 "{\"keys\":[],\"quota\":{\"max\":10,\"used\":0}}");
    CHECK_EQ_STR(t_str(run.steps), "user_get user_organizations "
                 "org_grant_list");

    unit_case("one key, whole answer");
    t_reset();
    c = t_key("org_acme", "auth0|alice", "");
    list();
    snprintf(want, sizeof(want), "{\"keys\":[{\"client_id\":\"%s\","
             "\"name\":\"key 1\",\"scope\":\"read:orders\","
             "\"org_id\":\"org_acme\",\"created_at\":1700000000,"
             "\"last_used_at\":null,\"expires_at\":null,"
             "\"status\":\"active\"}],\"quota\":{\"max\":10,\"used\":1}}",
             c->id);
    CHECK_EQ_STR(t_str(run.body), want);
    CHECK_EQ_STR(t_str(run.steps), "user_get user_organizations "
                 "org_grant_list client_list");
    CHECK(strstr(run.body, "secret") == NULL);

    unit_case("others' and unmanaged clients are counted, not shown");
    t_key("org_acme", "auth0|mate", "");
    t_key("org_beta", "auth0|bob", "");
    T_SET(t_key("org_acme", "auth0|alice", "")->metadata,
          "{\"managed_by\":\"somebody\",\"owner\":\"auth0|alice\"}");
    list();
    CHECK_EQ_INT(count_text(run.body, "client_id"), 1);
    CHECK(strstr(run.body, "\"used\":3}") != NULL);

    unit_case("nor a key that says it is another organization's");
    t_key("org_beta", "auth0|alice", "");
    T_SET(T.org_grants[4].org, "org_acme");
    T.arrays = 1;
    T.no_query = 1;
    list();
    CHECK_EQ_INT(count_text(run.body, "client_id"), 1);
    T.org_grants[4].live = 0;

    unit_case("organization-shared: colleagues' keys are shown");
    saga_conf.shared = 1;
    list();
    CHECK_EQ_INT(count_text(run.body, "client_id"), 2);
    saga_conf.shared = 0;

    unit_case("a member of nothing");
    {
        a0_provision_input_t  in;

        in = saga_input(A0_OP_KEY_LIST, "auth0|carol", "carol@new.example");
        saga_run(&in, &run);
        CHECK_EQ_INT(run.problem, A0_PROBLEM_NOT_PROVISIONED);
    }
}


static void
test_list_pages(void)
{
    int  i, arrays;

    for (arrays = 0; arrays < 2; arrays++) {
        unit_case("250 keys, %s", arrays ? "arrays" : "objects");
        t_reset();
        T.arrays = arrays;

        for (i = 0; i < 250; i++) {
            t_key("org_acme", i % 2 ? "auth0|alice" : "auth0|mate", "");
        }

        list();
        CHECK_EQ_INT(run.status, 200);
        CHECK_EQ_INT(count_text(run.body, "client_id"), 125);
        CHECK(strstr(run.body, "\"used\":250}") != NULL);
        CHECK_EQ_INT(run.calls, 2 + 3 + 3);
    }

    unit_case("exactly 100 keys: the empty page ends it");
    t_reset();

    for (i = 0; i < 100; i++) {
        t_key("org_acme", "auth0|alice", "");
    }

    list();
    CHECK_EQ_INT(count_text(run.body, "client_id"), 100);

    unit_case("keys that the index does not know yet are looked up");
    t_reset();
    t_key("org_acme", "auth0|alice", "");
    t_key("org_acme", "auth0|alice", "");
    T.stale = 1;
    list();
    CHECK_EQ_INT(count_text(run.body, "client_id"), 2);
    CHECK_EQ_STR(t_str(run.steps), "user_get user_organizations "
                 "org_grant_list client_list client_get client_get");

    unit_case("a tenant that refuses the query");
    t_reset();
    t_key("org_acme", "auth0|alice", "");
    T.no_query = 1;
    list();
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_INT(count_text(run.body, "client_id"), 1);
}


static void
test_list_expiry(void)
{
    char         more[160];
    t_client_t  *old;

    unit_case("expiry: active, expiring, expired, retired by a successor");
    t_reset();
    t_key("org_acme", "auth0|alice", ",\"expires_at\":\"1700000001\"");
    t_key("org_acme", "auth0|alice", ",\"expires_at\":\"4000000000\"");
    old = t_key("org_acme", "auth0|alice", "");
    snprintf(more, sizeof(more), ",\"replaces\":\"%s\","
             "\"retires_at\":\"1700000002\"", old->id);
    t_key("org_acme", "auth0|alice", more);
    list();
    CHECK_EQ_INT(count_text(run.body, "\"status\":\"active\""), 1);
    CHECK_EQ_INT(count_text(run.body, "\"status\":\"expiring\""), 1);
    CHECK_EQ_INT(count_text(run.body, "\"status\":\"expired\""), 2);
    CHECK_EQ_INT(run.done.done.nring, 2);
    CHECK_EQ_STR(run.done.done.ring[0].id, T.clients[0].id);
    CHECK_EQ_STR(run.done.done.ring[1].id, old->id);
    CHECK(run.done.done.ring[1].deny);
    saga_janitor(&run);
    CHECK_EQ_INT(T_COUNT(T.clients), 2);

    unit_case("a stranger's key retires nothing");
    t_reset();
    old = t_key("org_acme", "auth0|alice", "");
    snprintf(more, sizeof(more), ",\"replaces\":\"%s\","
             "\"retires_at\":\"1700000002\"", old->id);
    t_key("org_acme", "auth0|mate", more);
    list();
    CHECK_EQ_INT(count_text(run.body, "\"status\":\"active\""), 1);
    CHECK_EQ_INT(run.done.done.nring, 0);
}


int
main(void)
{
    saga_tick(1000);
    test_list();
    test_list_pages();
    test_list_expiry();
    return unit_done();
}
