/*
 * Keys that exist: listing, rotating, revoking, replays, and who may.
 */

#include "unit.h"
#include "unit_saga.h"

static run_t  run;


static a0_provision_input_t
as_alice(a0_op_e op, const char *id)
{
    a0_provision_input_t  in;

    in = saga_input(op, "auth0|alice", "alice@acme.example");
    in.key_id = t_str(id);
    return in;
}


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

    in = as_alice(A0_OP_KEY_LIST, "");
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


static void
test_rotate(void)
{
    char                  want[512], old_secret[65];
    t_client_t           *old;
    a0_provision_input_t  in;

    unit_case("rotate: a successor with the same name and scope");
    t_reset();
    saga_calm();
    old = t_key("org_acme", "auth0|alice", "");
    in = as_alice(A0_OP_KEY_ROTATE, old->id);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.steps), "user_get client_get user_organizations "
                 "org_grant_list grant_list client_create grant_create "
                 "org_grant_add");
    snprintf(want, sizeof(want), "}\",\"client_id\":\"%s\",\"replaced\":"
             "{\"client_id\":\"%s\",\"expires_at\":%lld}}", T.clients[1].id,
             old->id, (long long) S.now.seconds + 604800);
    CHECK(strstr(run.body, want) != NULL);
    CHECK_EQ_STR(t_str(T.clients[1].name), old->name);
    CHECK_EQ_STR(t_str(T.grants[1].scope), "[\"read:orders\"]");
    CHECK(strstr(T.clients[1].metadata, old->id) != NULL);
    CHECK(t_usable(T.clients[1].id, run.secret, "org_acme"));
    CHECK(t_usable(old->id, old->secret, "org_acme"));
    CHECK_EQ_INT(run.done.done.nring, 1);
    CHECK_EQ_STR(run.done.done.ring[0].id, old->id);
    CHECK_EQ_INT(run.done.done.ring[0].due, S.now.seconds + 604800);
    CHECK(run.done.done.ring[0].deny);

    unit_case("rotate in place: the same client, another secret");
    t_reset();
    old = t_key("org_acme", "auth0|alice", "");
    T_SET(old_secret, old->secret);
    in = as_alice(A0_OP_KEY_ROTATE, old->id);
    in.body = t_str("{\"mode\":\"in_place\"}");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 200);
    CHECK(strstr(run.body, "\"propagation_seconds\":30}") != NULL);
    CHECK_EQ_INT(T_COUNT(T.clients), 1);
    CHECK(strcmp(old->secret, old_secret) != 0);
    CHECK(t_usable(old->id, run.secret, "org_acme"));
    CHECK_EQ_INT(run.done.done.nring, 0);

    unit_case("rotate with grace 0");
    in.body = t_str("{\"mode\":\"overlap\",\"grace\":0}");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.done.done.ring[0].due, S.now.seconds);

    unit_case("rotate: unknown mode, grace out of range");
    in.body = t_str("{\"mode\":\"sideways\"}");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_MALFORMED_REQUEST);
    in.body = t_str("{\"grace\":2592001}");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_MALFORMED_REQUEST);

    unit_case("rotate: an expired key is gone, a limited one stays limited");
    t_reset();
    old = t_key("org_acme", "auth0|alice", ",\"expires_at\":\"4000000000\"");
    in = as_alice(A0_OP_KEY_ROTATE, old->id);
    saga_run(&in, &run);
    CHECK(strstr(T.clients[1].metadata, "\"expires_at\":\"4000000000\"")
          != NULL);
    old = t_key("org_acme", "auth0|alice", ",\"expires_at\":\"1700000000\"");
    in = as_alice(A0_OP_KEY_ROTATE, old->id);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_KEY_NOT_FOUND);
}


/* rolls back its own key only, and leaves the old one as it was */
static void
test_rotate_faults(void)
{
    size_t                i;
    fault_e               kind;
    t_client_t           *old;
    a0_provision_input_t  in;
    static const char    *steps[] = {
        "user_get", "client_get", "user_organizations", "org_grant_list",
        "grant_list", "client_create", "grant_create", "org_grant_add"
    };

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (kind = F_401; kind <= F_LEAVE; kind++) {
            unit_case("rotate: %s %s for good", steps[i], fault_names[kind]);
            t_reset();
            old = t_key("org_acme", "auth0|alice", "");
            saga_fault(steps[i], kind, 0, 0);
            in = as_alice(A0_OP_KEY_ROTATE, old->id);
            saga_run(&in, &run);
            CHECK(run.status != 200);
            CHECK_EQ_INT(run.answers, kind != F_LEAVE);
            saga_calm();
            saga_janitor(&run);
            CHECK_EQ_INT(T_COUNT(T.clients), 1);
            CHECK(t_usable(old->id, old->secret, "org_acme"));
        }
    }
}


static void
test_revoke(void)
{
    t_client_t           *c;
    fault_e               kind;
    a0_provision_input_t  in;

    unit_case("revoke");
    t_reset();
    saga_calm();
    c = t_key("org_acme", "auth0|alice", "");
    in = as_alice(A0_OP_KEY_REVOKE, c->id);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 204);
    CHECK_EQ_INT(strlen(run.body), 0);
    CHECK_EQ_STR(t_str(run.deny), c->id);
    CHECK_EQ_INT(T_COUNT(T.clients) + T_COUNT(T.grants)
                 + T_COUNT(T.org_grants), 0);
    CHECK_EQ_INT(run.done.done.nring, 0);

    unit_case("revoke again: 404; known to be this user's: 204");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 404);
    in.revoked = 1;
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 204);

    for (kind = F_401; kind <= F_REFUSED; kind++) {
        unit_case("revoke: client_delete %s for good", fault_names[kind]);
        t_reset();
        saga_fault("client_delete", kind, 0, kind == F_GARBAGE
                                             || kind == F_404);
        c = t_key("org_acme", "auth0|alice", "");
        in = as_alice(A0_OP_KEY_REVOKE, c->id);
        saga_run(&in, &run);
        CHECK_EQ_STR(t_str(run.deny), c->id);

        if (kind == F_GARBAGE || kind == F_404) {
            CHECK_EQ_INT(run.status, 204);
            continue;
        }

        CHECK(run.status >= 502);
        CHECK(strstr(run.body, "\"cleanup\":\"pending\"") != NULL);
        CHECK_EQ_INT(run.done.done.nring, 1);
        saga_calm();
        saga_janitor(&run);
        CHECK_EQ_INT(T_COUNT(T.clients), 0);
    }

    unit_case("revoke goes on without its caller");
    t_reset();
    saga_fault("user_get", F_LEAVE, 1, 0);
    c = t_key("org_acme", "auth0|alice", "");
    in = as_alice(A0_OP_KEY_REVOKE, c->id);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.answers, 0);
    CHECK_EQ_INT(run.done.done.deny.len, strlen(c->id));
    CHECK_EQ_INT(T_COUNT(T.clients), 0);
}


/* Whose key, and what may be done with it: nothing, and all look alike. */

static const char *const  foreign[] = {
    "unknown", "a colleague's", "another organization's", "unmanaged",
    "of an organization left", "unmanaged, named like ours"
};


static const char *
foreign_key(size_t i)
{
    t_client_t  *c;

    switch (i) {
    case 0:
        return "unknownunknownunknown01";
    case 1:
        return t_key("org_acme", "auth0|mate", "")->id;
    case 2:
        return t_key("org_beta", "auth0|bob", "")->id;
    case 4:
        return t_key("org_beta", "auth0|alice", "")->id;
    }

    c = t_key("org_acme", "auth0|alice", "");
    T_SET(c->metadata, i == 3 ? "{}" : "{\"managed_by\":\"ngx-auth0-m2m2\","
          "\"owner\":\"auth0|alice\",\"org\":\"org_acme\"}");
    return c->id;
}


static void
test_idor(void)
{
    size_t                i, j;
    char                  first[8192];
    const char           *id;
    a0_provision_input_t  in;
    static const char    *names[] = {
        "rotate", "rotate in place", "revoke", "replay"
    };

    for (j = 0; j < 4; j++) {
        for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
            unit_case("%s a key that is %s", names[j], foreign[i]);
            t_reset();
            saga_calm();
            id = foreign_key(i);
            in = as_alice(j == 2 ? A0_OP_KEY_REVOKE : j == 3
                          ? A0_OP_KEY_CREATE : A0_OP_KEY_ROTATE, id);

            if (j == 1) {
                in.body = t_str("{\"mode\":\"in_place\"}");
            }

            if (j == 3) {
                in.replay = in.key_id;
            }

            saga_run(&in, &run);

            if (i == 0) {
                T_SET(first, run.body);
            }

            CHECK_EQ_INT(run.status, 404);
            CHECK_EQ_INT(run.calls, 3);
            CHECK_EQ_STR(t_str(run.body), first);
            CHECK_EQ_INT(run.deny[0], 0);
            CHECK_EQ_INT(T_COUNT(T.clients), i != 0);
            CHECK(i == 0 || strncmp(T.clients[0].secret, "secret", 6) == 0);
        }
    }

    unit_case("ids that cannot be");
    in = as_alice(A0_OP_KEY_REVOKE, "../users/auth0|alice1");
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 404);
    CHECK_EQ_INT(run.calls, 0);

    unit_case("shared: a colleague's key may be revoked, another "
              "organization's not");
    t_reset();
    saga_conf.shared = 1;
    in = as_alice(A0_OP_KEY_REVOKE, foreign_key(1));
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 204);
    in = as_alice(A0_OP_KEY_REVOKE, foreign_key(2));
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 404);
    saga_conf.shared = 0;

    unit_case("a blocked user may not revoke");
    t_reset();
    T.users[0].blocked = 1;
    in = as_alice(A0_OP_KEY_REVOKE, t_key("org_acme", "auth0|alice", "")->id);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.problem, A0_PROBLEM_USER_BLOCKED);
    CHECK_EQ_INT(T_COUNT(T.clients), 1);
}


static void
test_replay(void)
{
    char                  first[65];
    fault_e               kind;
    a0_provision_input_t  in;

    unit_case("replay: the same client, a fresh secret");
    t_reset();
    saga_calm();
    in = as_alice(A0_OP_CREATE_KEY, "");
    in.keep = 1;
    saga_run(&in, &run);
    T_SET(first, run.secret);
    in.replay = t_str(T.clients[0].id);
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 200);
    CHECK_EQ_STR(t_str(run.headers), "Idempotency-Replayed: true\n");
    CHECK(strcmp(first, run.secret) != 0);
    CHECK_EQ_INT(T_COUNT(T.clients), 1);
    CHECK(t_usable(T.clients[0].id, run.secret, "org_acme"));
    CHECK(strstr(run.body, "propagation") == NULL);

    for (kind = F_500; kind <= F_OVERSIZED; kind++) {
        unit_case("replay: client_rotate %s once", fault_names[kind]);
        saga_fault("client_rotate", kind, 1, 1);
        saga_run(&in, &run);
        CHECK_EQ_INT(run.status, 200);
        CHECK(t_usable(T.clients[0].id, run.secret, "org_acme"));
    }
}


int
main(void)
{
    saga_tick(1000);
    test_list();
    test_list_pages();
    test_list_expiry();
    test_rotate();
    test_rotate_faults();
    test_revoke();
    test_idor();
    test_replay();
    return unit_done();
}
