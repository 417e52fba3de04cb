/*
 * Taking back what was made, while the tenant throttles.
 */

#include "unit.h"
#include "unit_saga.h"

static run_t  run;


/* taking back is no reason to live for an hour: the janitor has time */

static void
test_undo_wait(void)
{
    int                   i;
    uint64_t              began;
    a0_todo_t             todo;
    a0_provision_t       *p;
    unsigned char         mem[A0_PROVISION_MEMORY];
    unsigned char         random[A0_PROVISION_RANDOM] = { 0 };
    a0_provision_input_t  in;

    for (i = 0; i < 2; i++) {
        unit_case("taking back is throttled for an hour: %s",
                  i ? "a reply to it says so" : "known before");
        t_reset();
        saga_calm();
        memset(&run, 0, sizeof(run));
        in = saga_input(A0_OP_KEY_CREATE, "auth0|alice",
                        "alice@acme.example");
        in.random = random;
        p = a0_provision_init(mem, sizeof(mem), &saga_conf, &in, &S.now);
        a0_provision_next(p, &S.now, &todo);
        a0_provision_feed(p, &S.now, NULL, NULL);
        a0_provision_next(p, &S.now, &todo);

        while (strcmp(todo.step, "grant_create") != 0) {
            CHECK(saga_call(p, &todo, &run));
            a0_provision_next(p, &S.now, &todo);
        }

        a0_provision_leave(p);
        CHECK(saga_call(p, &todo, &run));
        began = S.now.msec;

        if (i == 0) {
            S.now.hold = 3600000;

        } else {
            saga_fault("client_delete", F_429, 0, 0);
            S.retry_after = 3600;
            a0_provision_next(p, &S.now, &todo);
            CHECK(saga_call(p, &todo, &run));
            S.retry_after = 0;
        }

        a0_provision_next(p, &S.now, &todo);
        CHECK_EQ_INT(todo.act, A0_ACT_DONE);
        CHECK(S.now.msec - began < 1000);
        CHECK_EQ_INT(todo.done.nring, 1);
        CHECK_EQ_STR(todo.done.ring[0].id, T.clients[0].id);
        S.now.hold = 0;
        a0_provision_cleanse(p);
    }
}


/* what is short is waited for */

static void
test_undo_short(void)
{
    a0_provision_input_t  in;

    unit_case("taking back waits for a throttle of 15 s");
    t_reset();
    saga_fault("client_delete", F_429, 1, 0);
    S.retry_after = 15;
    S.undelivered = 1;
    in = saga_input(A0_OP_KEY_CREATE, "auth0|alice", "alice@acme.example");
    saga_run(&in, &run);
    S.undelivered = 0;
    S.retry_after = 0;
    CHECK_EQ_INT(run.done.done.nring, 0);
    CHECK_EQ_INT(T_COUNT(T.clients), 0);
    CHECK(run.done_at - run.answered_at >= 15000);
}


int
main(void)
{
    saga_tick(1000);
    test_undo_wait();
    test_undo_short();
    return unit_done();
}
