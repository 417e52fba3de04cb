/*
 * Keys that exist: rotating, revoking, replays, and who may.
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


static void
test_rotate(void)
{
    char                  want[512];
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

    unit_case("rotate: the old key ends no later than it would have");
    {
        char  more[64];

        t_reset();
        snprintf(more, sizeof(more), ",\"expires_at\":\"%lld\"",
                 (long long) S.now.seconds + 3600);
        in = as_alice(A0_OP_KEY_ROTATE,
                      t_key("org_acme", "auth0|alice", more)->id);
        saga_run(&in, &run);
        CHECK_EQ_INT(run.done.done.nring, 2);
        CHECK_EQ_STR(run.done.done.ring[1].id, T.clients[0].id);
        CHECK(run.done.done.ring[1].due <= S.now.seconds + 3600);
    }
}


static void
test_rotate_refused(void)
{
    t_client_t           *old;
    a0_provision_input_t  in;

    unit_case("rotate: unknown mode, grace out of range");
    t_reset();
    saga_calm();
    in = as_alice(A0_OP_KEY_ROTATE, t_key("org_acme", "auth0|alice", "")->id);
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


static void
test_rotate_ways(void)
{
    char                  old_secret[65];
    t_client_t           *old;
    a0_provision_input_t  in;

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
}


static void
test_who(void)
{
    a0_provision_input_t  in;

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
    test_rotate();
    test_rotate_refused();
    test_rotate_ways();
    test_rotate_faults();
    test_revoke();
    test_idor();
    test_who();
    test_replay();
    return unit_done();
}
