/*
 * Drives a saga against the tenant of unit_tenant.h: a clock of its own,
 * faults at chosen steps, and the janitor afterwards.
 */

#ifndef UNIT_SAGA_H
#define UNIT_SAGA_H

#include "unit_tenant.h"
#include "unit_fault.h"

typedef struct {
    a0_problem_e      problem;
    unsigned          status, answers, calls, tokens;
    char              body[262144];
    char              client_id[65], secret[65], deny[65];
    char              headers[512];
    char              steps[4096];      /* names in order, spaces between */
    char              first_body[8192]; /* of the last POST to /clients */
    a0_todo_t         done;
    char              ids[A0_PROVISION_RING][65];
    char              pending_req[65];  /* creation under way at the crash */
    uint64_t          answered_at, done_at;
} run_t;

static const a0_str_t  saga_scopes[] = {
    a0_string("read:orders"), a0_string("write:orders")
};

static a0_provision_conf_t  saga_conf = {
    .api_audience = a0_string(T_AUDIENCE),
    .api_scope = { saga_scopes, 2 },
    .max_keys = 10,
    .deadline = 10000
};


__attribute__((unused)) static a0_provision_input_t
saga_input(a0_op_e op, const char *sub, const char *email)
{
    a0_provision_input_t  in;

    memset(&in, 0, sizeof(in));
    in.op = op;
    in.user.sub = t_str(sub);
    in.user.email = t_str(email);
    in.user.email_verified = 1;
    in.request_id = t_str("req-1");
    in.location = t_str("/keys");
    return in;
}


/* makes the call and feeds its end; 0 when the worker dies */
static int
saga_call(a0_provision_t *p, const a0_todo_t *todo, run_t *run)
{
    int                 late;
    size_t              len;
    fault_e             kind;
    a0_reply_t          reply;
    a0_provision_log_t  log;
    static const char   type[] = "application/json";

    memset(&reply, 0, sizeof(reply));
    saga_headers(&reply);
    reply.sent = 1;
    reply.content_type = t_str(type);
    kind = saga_fires(todo->step);
    S.slow = S.slow_from && (S.slow || !strcmp(todo->step, S.slow_from));
    late = S.slow && todo->send.timeout < 3000;
    saga_tick(!S.slow ? 5 : late ? 0 : 3000);
    run->calls++;

    if (strlen(run->steps) + 40 < sizeof(run->steps)) {
        strcat(run->steps, run->steps[0] ? " " : "");
        strcat(run->steps, todo->step);
    }

    if (todo->send.creates) {
        a0_str_t  req = a0_provision_req(p);

        CHECK(req.len > 32);
        snprintf(run->pending_req, sizeof(run->pending_req), "%.*s",
                 (int) req.len, (char *) req.data);
        snprintf(run->first_body, sizeof(run->first_body), "%.*s",
                 (int) todo->send.body.len, (char *) todo->send.body.data);
    }

    if (kind == F_NONE || S.fault.after || late || kind == F_LEAVE
        || kind == F_CRASH)
    {
        reply.status = t_serve(todo, &len);
        reply.body.data = (unsigned char *) T.body;
        reply.body.len = len;
    }

    kind = late ? F_TIMEOUT : kind;

    if (kind == F_CRASH) {
        return 0;
    }

    if (kind == F_LEAVE) {
        a0_provision_leave(p);

    } else if (kind != F_NONE) {
        saga_spoil(kind, todo, &reply);
    }

    a0_provision_feed(p, &S.now, &reply, &log);
    CHECK(strcmp(log.step, todo->step) == 0);
    CHECK(log.message.len == 0 || memchr(log.message.data, '\n',
                                         log.message.len) == NULL);
    return 1;
}


static void
saga_token(a0_provision_t *p, const a0_todo_t *todo, run_t *run)
{
    fault_e     kind;
    a0_reply_t  reply;

    run->tokens++;
    kind = saga_fires("token");

    if (kind == F_LEAVE) {
        a0_provision_leave(p);
        kind = F_NONE;
    }

    if (kind == F_NONE) {
        a0_provision_feed(p, &S.now, NULL, NULL);
        return;
    }

    memset(&reply, 0, sizeof(reply));
    saga_headers(&reply);
    reply.sent = 1;
    saga_spoil(kind, todo, &reply);
    a0_provision_feed(p, &S.now, &reply, NULL);
}


static void
saga_answer(a0_provision_t *p, const a0_todo_t *todo, run_t *run)
{
    size_t    i, n;
    a0_str_t  s;

    run->answers++;
    run->answered_at = S.now.msec;
    run->status = todo->answer.status;
    run->problem = todo->answer.problem;
    snprintf(run->body, sizeof(run->body), "%.*s",
             (int) todo->answer.body.len, (char *) todo->answer.body.data);
    s = todo->answer.client_id;
    snprintf(run->client_id, sizeof(run->client_id), "%.*s", (int) s.len,
             (char *) s.data);
    s = todo->answer.deny;
    snprintf(run->deny, sizeof(run->deny), "%.*s", (int) s.len,
             (char *) s.data);

    for (i = 0, n = 0; i < todo->answer.nheaders; i++) {
        n += (size_t) snprintf(run->headers + n, sizeof(run->headers) - n,
                               "%.*s: %.*s\n",
                               (int) todo->answer.headers[i].name.len,
                               (char *) todo->answer.headers[i].name.data,
                               (int) todo->answer.headers[i].value.len,
                               (char *) todo->answer.headers[i].value.data);
    }

    CHECK((todo->answer.problem == A0_PROBLEM_NONE)
          == (todo->answer.status < 300));

    if (todo->answer.confirm) {
        a0_provision_delivered(p, !S.undelivered);
    }
}


/* ids live in mem only until it is wiped */
static void
saga_keep_done(run_t *run, const a0_todo_t *todo)
{
    size_t    i;
    a0_str_t  id;

    run->done = *todo;
    run->done_at = S.now.msec;
    run->done.done.deny.data = NULL;

    for (i = 0; i < todo->done.nring; i++) {
        id = todo->done.ring[i].id;
        CHECK(id.len <= 64);
        snprintf(run->ids[i], sizeof(run->ids[i]), "%.*s", (int) id.len,
                 (char *) id.data);
        run->done.done.ring[i].id = t_str(run->ids[i]);
    }

    if (todo->done.client_id.len) {
        snprintf(run->client_id, sizeof(run->client_id), "%.*s",
                 (int) todo->done.client_id.len,
                 (char *) todo->done.client_id.data);
        run->done.done.client_id = t_str(run->client_id);
    }
}


/* the secret of an answer's apikey */
static void
saga_secret(run_t *run)
{
    char  *at;

    at = strstr(run->body, "client_secret\\\":\\\"");
    run->secret[0] = '\0';

    if (at != NULL) {
        sscanf(at + strlen("client_secret\\\":\\\""), "%64[A-Za-z0-9]",
               run->secret);
    }
}


static int
saga_zero(const unsigned char *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}


static void
saga_run(const a0_provision_input_t *in, run_t *run)
{
    int              going;
    size_t           i;
    a0_todo_t        todo;
    unsigned char    random[A0_PROVISION_RANDOM];
    a0_provision_t  *p;

    S.slow = 0;
    memset(run, 0, sizeof(*run));
    memset(S.mem, 0, sizeof(S.mem));

    for (i = 0; i < sizeof(random); i++) {
        random[i] = (unsigned char) (S.random * 31 + i * 7 + (S.random >> 8));
    }

    S.random++;
    ((a0_provision_input_t *) in)->random = random;
    saga_tick(1);
    p = a0_provision_init(S.mem, sizeof(S.mem), &saga_conf, in, &S.now);
    CHECK(p != NULL);

    for (going = 1, i = 0; going; i++) {
        if (i > 5000) {
            unit_fail(__FILE__, __LINE__, "no end: %s", run->steps);
            break;
        }

        a0_provision_next(p, &S.now, &todo);

        switch (todo.act) {
        case A0_ACT_SEND:
            going = saga_call(p, &todo, run);
            break;
        case A0_ACT_TOKEN:
            saga_token(p, &todo, run);
            break;
        case A0_ACT_WAIT:
            CHECK(todo.wait.ms > 0);
            saga_tick(todo.wait.ms);
            break;
        case A0_ACT_ANSWER:
            saga_answer(p, &todo, run);
            break;
        case A0_ACT_DONE:
            saga_keep_done(run, &todo);
            going = 0;
            break;
        }
    }

    saga_secret(run);
    a0_provision_cleanse(p);
    CHECK(saga_zero(S.mem, sizeof(S.mem)));
}


/* the janitor for one entry of the ring, until it is clean; 0: never */
__attribute__((unused)) static int
saga_clean(a0_ring_e kind, const char *id)
{
    int                   i;
    static run_t          run;
    a0_provision_input_t  in;

    for (i = 0; i < 4; i++) {
        memset(&in, 0, sizeof(in));
        in.op = kind == A0_RING_CLIENT ? A0_OP_CLEAN_CLIENT
                                       : A0_OP_CLEAN_REQ;
        in.key_id = t_str(id);
        in.req = t_str(id);
        saga_run(&in, &run);
        CHECK_EQ_INT(run.answers, 0);

        if (run.done.done.clean) {
            return 1;
        }

        saga_tick(60000);
    }

    return 0;
}


/* the janitor for what is due within a minute */
__attribute__((unused)) static void
saga_janitor(const run_t *run)
{
    size_t                  i;
    const a0_ring_entry_t  *e;

    saga_tick(60000);

    for (i = 0; i < run->done.done.nring; i++) {
        e = &run->done.done.ring[i];

        if (e->due <= S.now.seconds) {
            CHECK(saga_clean(e->kind, e->id.data ? (char *) e->id.data : ""));
        }
    }
}

#endif /* UNIT_SAGA_H */
