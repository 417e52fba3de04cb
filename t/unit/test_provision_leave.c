/*
 * The caller leaves, the worker dies, the answer does not arrive, lists lag
 * behind, time runs out: what is left of a creation.
 */

#include "unit.h"
#include "unit_saga.h"

static run_t  run;

static const char *const  steps[] = {
    "token", "user_get", "user_organizations", "org_grant_list",
    "client_create", "grant_create", "org_grant_add"
};

#define NSTEPS  (sizeof(steps) / sizeof(steps[0]))


static a0_provision_input_t
create_input(void)
{
    return saga_input(A0_OP_KEY_CREATE, "auth0|alice", "alice@acme.example");
}


static void
check_empty(void)
{
    CHECK_EQ_INT(T_COUNT(T.clients), 0);
    CHECK_EQ_INT(T_COUNT(T.grants), 0);
    CHECK_EQ_INT(T_COUNT(T.org_grants), 0);
}


/* nothing remains, and nothing was called that need not be */
static void
test_leave(void)
{
    size_t                i;
    a0_provision_input_t  in;

    for (i = 0; i < NSTEPS; i++) {
        unit_case("the caller leaves during %s", steps[i]);
        t_reset();
        saga_fault(steps[i], F_LEAVE, 1, 0);
        in = create_input();
        saga_run(&in, &run);
        CHECK_EQ_INT(run.answers, 0);
        CHECK_EQ_INT(run.done.done.problem, A0_PROBLEM_CALLER_LEFT);
        CHECK_EQ_INT(run.done.done.nring, 0);
        CHECK_EQ_INT(run.done.done.client_id.len, 0);
        CHECK_EQ_INT(run.calls, i < 4 ? i : i + 1);
        check_empty();

        unit_case("the same with an Idempotency-Key: %s", steps[i]);
        t_reset();
        saga_fault(steps[i], F_LEAVE, 1, 0);
        in = create_input();
        in.keep = 1;
        saga_run(&in, &run);
        CHECK_EQ_INT(run.answers, 0);
        CHECK_EQ_INT(run.done.done.problem, A0_PROBLEM_NONE);
        CHECK_EQ_STR(run.done.done.client_id, T.clients[0].id);
        CHECK(t_usable(T.clients[0].id, T.clients[0].secret, "org_acme"));
    }
}


/* a time-out of the creation in hand, the caller gone meanwhile */
static void
test_leave_in_doubt(void)
{
    int                   after;
    unsigned char         mem[A0_PROVISION_MEMORY];
    unsigned char         random[A0_PROVISION_RANDOM] = { 0 };
    size_t                len;
    a0_todo_t             todo;
    a0_reply_t            reply;
    a0_provision_t       *p;
    a0_provision_input_t  in;

    for (after = 0; after < 2; after++) {
        unit_case("the caller leaves while a creation is in doubt, %s",
                  after ? "it happened" : "it did not");
        t_reset();
        saga_calm();
        memset(&run, 0, sizeof(run));
        in = create_input();
        in.random = random;
        p = a0_provision_init(mem, sizeof(mem), &saga_conf, &in, &S.now);
        a0_provision_next(p, &S.now, &todo);
        CHECK_EQ_INT(todo.act, A0_ACT_TOKEN);
        a0_provision_feed(p, &S.now, NULL, NULL);
        a0_provision_next(p, &S.now, &todo);

        while (!todo.send.creates) {
            CHECK(saga_call(p, &todo, &run));
            a0_provision_next(p, &S.now, &todo);
        }

        if (after) {
            CHECK_EQ_INT(t_serve(&todo, &len), 201);
        }

        a0_provision_leave(p);
        memset(&reply, 0, sizeof(reply));
        reply.result = A0_REPLY_RESET;
        reply.sent = 1;
        a0_provision_feed(p, &S.now, &reply, NULL);

        for (a0_provision_next(p, &S.now, &todo); todo.act == A0_ACT_SEND;
             a0_provision_next(p, &S.now, &todo))
        {
            CHECK(strcmp(todo.step, "client_create") != 0);
            CHECK(saga_call(p, &todo, &run));
        }

        CHECK_EQ_INT(todo.act, A0_ACT_DONE);
        CHECK_EQ_INT(todo.done.nring, !after);
        CHECK(after || todo.done.ring[0].kind == A0_RING_REQ);
        check_empty();
        a0_provision_cleanse(p);
    }
}


static void
test_delivery(void)
{
    a0_provision_input_t  in;

    unit_case("the answer does not arrive: taken back");
    t_reset();
    saga_calm();
    S.undelivered = 1;
    in = create_input();
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 201);
    CHECK_EQ_INT(run.done.done.client_id.len, 0);
    CHECK_EQ_INT(run.done.done.nring, 0);
    check_empty();

    unit_case("the answer does not arrive, Idempotency-Key: kept");
    t_reset();
    in = create_input();
    in.keep = 1;
    saga_run(&in, &run);
    CHECK_EQ_STR(run.done.done.client_id, T.clients[0].id);
    CHECK_EQ_INT(T_COUNT(T.org_grants), 1);

    unit_case("the answer does not arrive, and taking back is refused");
    t_reset();
    saga_fault("client_delete", F_403, 0, 0);
    in = create_input();
    saga_run(&in, &run);
    CHECK_EQ_INT(run.done.done.nring, 1);
    CHECK_EQ_STR(run.done.done.ring[0].id, T.clients[0].id);
    S.undelivered = 0;
    saga_calm();
    saga_janitor(&run);
    check_empty();
}


/* the worker dies right after a call; the ring holds the mark */
static void
test_crash(void)
{
    size_t                i;
    char                  req[65];
    a0_provision_input_t  in;

    for (i = 1; i < NSTEPS; i++) {
        unit_case("the worker dies after %s", steps[i]);
        t_reset();
        saga_fault(steps[i], F_CRASH, 1, 0);
        in = create_input();
        saga_run(&in, &run);
        memcpy(req, run.pending_req, sizeof(req));
        CHECK_EQ_INT(req[0] != '\0', i >= 4);
        saga_calm();

        if (req[0]) {
            CHECK(saga_clean(A0_RING_REQ, req));
        }

        check_empty();
        in = create_input();
        saga_run(&in, &run);
        CHECK_EQ_INT(run.status, 201);
        CHECK_EQ_INT(T_COUNT(T.clients), 1);
    }
}


static void
test_stale(void)
{
    a0_provision_input_t  in;

    unit_case("created, reply lost, list lags behind: one usable key, the "
              "other cleaned up");
    t_reset();
    T.stale = 1;
    saga_fault("client_create", F_RESET, 1, 1);
    in = create_input();
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 201);
    CHECK_EQ_INT(T_COUNT(T.clients), 2);
    CHECK_EQ_INT(run.done.done.nring, 1);
    CHECK_EQ_INT(run.done.done.ring[0].kind, A0_RING_REQ);
    saga_calm();
    saga_janitor(&run);
    CHECK_EQ_INT(T_COUNT(T.clients), 1);
    CHECK(t_usable(run.client_id, run.secret, "org_acme"));

    unit_case("created twice, both replies lost, list lags behind");
    t_reset();
    T.stale = 2;
    saga_fault("client_create", F_RESET, 0, 1);
    in = create_input();
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 502);
    CHECK(strstr(run.body, "\"cleanup\":\"pending\"") != NULL);
    CHECK_EQ_INT(T_COUNT(T.clients), 2);
    CHECK_EQ_INT(run.done.done.nring, 2);
    saga_calm();
    saga_janitor(&run);
    check_empty();
}


/* the mark is found on a later page of a list of 250 applications */
static void
test_search(void)
{
    int                   i;
    a0_provision_input_t  in;

    unit_case("found among 250 newer applications");
    t_reset();
    saga_fault("client_create", F_RESET, 1, 1);
    T.bury = 250;
    saga_conf.max_keys = 0;
    in = create_input();
    saga_run(&in, &run);
    saga_conf.max_keys = 10;
    CHECK_EQ_INT(run.status, 201);
    CHECK(t_usable(run.client_id, run.secret, "org_acme"));

    for (i = 0; i < 3; i++) {
        unit_case("a client that is not ours is not cleaned up (%d)", i);
        t_reset();
        saga_calm();
        T_SET(t_key("org_acme", "auth0|alice", "")->metadata,
              i == 0 ? "{}" : i == 1 ? "{\"managed_by\":\"me\"}"
                                     : "{\"req\":\"x-1\"}");
        CHECK(saga_clean(A0_RING_CLIENT, T.clients[0].id));
        CHECK(saga_clean(A0_RING_REQ, "x-1"));
        CHECK_EQ_INT(T_COUNT(T.clients), 1);
    }
}


/* Throttling: waits that fit, waits that do not, a hold by others. */

static void
test_throttle(void)
{
    uint64_t              began;
    a0_provision_input_t  in;

    unit_case("429 with a reset that fits is waited for");
    t_reset();
    saga_fault("grant_create", F_429, 1, 0);
    in = create_input();
    began = S.now.msec;
    saga_run(&in, &run);
    CHECK_EQ_INT(run.status, 201);
    CHECK(run.answered_at - began >= 1000);
}


static void
test_hold(void)
{
    a0_todo_t             todo;
    a0_provision_t       *p;
    unsigned char         mem[A0_PROVISION_MEMORY];
    unsigned char         random[A0_PROVISION_RANDOM] = { 0 };
    a0_provision_input_t  in;

    unit_case("a hold beyond the deadline: 503 at once");
    t_reset();
    in = create_input();
    in.random = random;
    S.now.hold = 30000;
    p = a0_provision_init(mem, sizeof(mem), &saga_conf, &in, &S.now);
    a0_provision_next(p, &S.now, &todo);
    CHECK_EQ_INT(todo.act, A0_ACT_ANSWER);
    CHECK_EQ_INT(todo.answer.status, 503);
    CHECK_EQ_STR(todo.answer.headers[0].name, "Retry-After");
    CHECK_EQ_STR(todo.answer.headers[0].value, "30");
    a0_provision_cleanse(p);

    unit_case("a hold that fits is a wait");
    S.now.hold = 700;
    p = a0_provision_init(mem, sizeof(mem), &saga_conf, &in, &S.now);
    a0_provision_next(p, &S.now, &todo);
    CHECK_EQ_INT(todo.act, A0_ACT_WAIT);
    CHECK_EQ_INT(todo.wait.ms, 700);
    CHECK(strcmp(todo.wait.why, "throttled") == 0);
    a0_provision_cleanse(p);
    S.now.hold = 0;

    unit_case("a hold that lasts to the end was the reason");
    S.now.hold = 700;
    p = a0_provision_init(mem, sizeof(mem), &saga_conf, &in, &S.now);
    a0_provision_next(p, &S.now, &todo);
    CHECK_EQ_INT(todo.act, A0_ACT_WAIT);
    S.now.hold = 0;
    saga_tick(saga_conf.deadline);
    a0_provision_next(p, &S.now, &todo);
    CHECK_EQ_INT(todo.act, A0_ACT_ANSWER);
    CHECK_EQ_INT(todo.answer.status, 503);
    CHECK_EQ_STR(todo.answer.headers[0].name, "Retry-After");
    CHECK_EQ_STR(todo.answer.headers[0].value, "1");
    a0_provision_cleanse(p);

    unit_case("no call is begun in the last 50 ms");
    p = a0_provision_init(mem, sizeof(mem), &saga_conf, &in, &S.now);
    a0_provision_next(p, &S.now, &todo);
    a0_provision_feed(p, &S.now, NULL, NULL);
    saga_tick(saga_conf.deadline - 100);
    a0_provision_next(p, &S.now, &todo);
    CHECK_EQ_INT(todo.act, A0_ACT_SEND);
    CHECK_EQ_INT(todo.send.timeout, 100);
    saga_tick(60);
    a0_provision_next(p, &S.now, &todo);
    CHECK_EQ_INT(todo.act, A0_ACT_ANSWER);
    CHECK_EQ_INT(todo.answer.status, 504);
    a0_provision_cleanse(p);
}


static void
test_slow(void)
{
    size_t                i;
    uint64_t              began;
    a0_provision_input_t  in;

    for (i = 1; i < NSTEPS; i++) {
        unit_case("every call takes 3 s from %s on", steps[i]);
        t_reset();
        saga_calm();
        S.slow_from = steps[i];
        in = create_input();
        began = S.now.msec;
        saga_run(&in, &run);
        S.slow_from = NULL;
        CHECK_EQ_INT(run.answers, 1);
        CHECK(run.answered_at - began <= 10500);
        CHECK_EQ_INT(run.status, i < 4 ? 504 : 201);

        if (run.status != 201) {
            saga_janitor(&run);
            check_empty();
        }
    }
}


/*
 * Faults of every kind at random, while it runs and while it is cleaned up:
 * in the end there is one working key or none at all.
 */
static void
test_chaos(void)
{
    int                   i, j, ok;
    unsigned              good;
    a0_provision_input_t  in;

    for (i = 1, good = 0; i <= 40; i++) {
        unit_case("chaos %d", i);

        for (j = 0; j < 25; j++) {
            t_reset();
            S.dice = (uint32_t) (i * 1000 + j);
            S.chaos = (unsigned) i * 10;
            in = create_input();
            saga_run(&in, &run);
            S.chaos = 0;
            CHECK_EQ_INT(run.answers, 1);

            ok = run.status == 201;
            good += (unsigned) ok;
            saga_calm();
            saga_janitor(&run);

            CHECK_EQ_INT(T_COUNT(T.clients), ok);
            CHECK_EQ_INT(T_COUNT(T.org_grants), ok);
            CHECK(!ok || t_usable(run.client_id, run.secret, "org_acme"));
        }
    }

    unit_case("chaos ends in keys and in refusals");
    CHECK(good > 100 && good < 900);
}


int
main(void)
{
    saga_tick(1000);
    test_leave();
    test_leave_in_doubt();
    test_delivery();
    test_crash();
    test_stale();
    test_search();
    test_throttle();
    test_hold();
    test_slow();
    test_chaos();
    return unit_done();
}
