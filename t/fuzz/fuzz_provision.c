/*
 * Provisioning sagas against a tenant that may answer anything.  Bytes:
 * operation, two of options, then the request's body and key id as lines, then
 * for each call one byte that says how it ends (0 as a good tenant ends it),
 * with what that kind takes.
 *
 * Whatever the replies are: a saga ends, answers at most once and in time, and
 * after a POST of unknown outcome looks before it posts again.  As long as the
 * tenant tells no lies, no credential is lost: each belongs to the caller or
 * is on the janitor's list.
 */

#include "saga.h"

#define CALLS  600

static const a0_str_t  scopes[] = {
    a0_string("read:orders"), a0_string("write:orders")
};


static void
uri(const a0_todo_t *todo)
{
    a0_json_t  *json;

    FUZZ_ASSERT(todo->send.uri.len > 8
                && memcmp(todo->send.uri.data, "/api/v2/", 8) == 0);
    FUZZ_ASSERT(fuzz_within(todo->send.uri, 0x21, 0x7e));
    FUZZ_ASSERT(memchr(todo->send.uri.data, '#', todo->send.uri.len) == NULL);
    FUZZ_ASSERT(todo->send.token);

    if (todo->send.content_type.len) {
        FUZZ_ASSERT(a0_json_parse(todo->send.body, 65536, &json) == A0_OK);
        FUZZ_ASSERT(a0_json_type(json) == A0_JSON_OBJECT);
        a0_json_free(json);

    } else {
        FUZZ_ASSERT(todo->send.body.len == 0);
    }
}


static void
send_call(run_t *r, const a0_todo_t *todo)
{
    size_t              len;
    a0_str_t            line, req;
    a0_reply_t          reply;
    a0_provision_log_t  log;

    uri(todo);
    FUZZ_ASSERT(todo->send.timeout > 0 && todo->send.timeout <= 60000);

    if (todo->send.method == A0_METHOD_POST) {
        may_post(r, todo->step);
    }

    if (todo->send.creates) {
        req = a0_provision_req(r->p);
        FUZZ_ASSERT(req.len && req.len <= 64 && fuzz_within(req, '-', 'z'));
    }

    memset(&reply, 0, sizeof(reply));
    reply.ratelimit_limit = -1;
    reply.ratelimit_remaining = -1;
    reply.ratelimit_reset = -1;
    reply.retry_after = -1;
    len = fuzz_byte(r->in);
    memset(&line, 0, sizeof(line));
    reply_of(r, todo, &reply, &line);
    tick(r, reply.result == A0_REPLY_TIMEOUT ? todo->send.timeout
            : len * todo->send.timeout / 255);
    a0_provision_feed(r->p, &r->now, &reply, &log);

    FUZZ_ASSERT(strcmp(log.step, todo->step) == 0);
    FUZZ_ASSERT(log.message.len <= 200 && fuzz_within(log.message, 0x20, 0x7e));
    ended(r, log.step, log.outcome);
    fuzz_free(line);
}


static void
token(run_t *r, const a0_todo_t *todo)
{
    a0_reply_t  reply;

    memset(&reply, 0, sizeof(reply));
    reply.ratelimit_limit = -1;
    reply.ratelimit_remaining = -1;
    reply.ratelimit_reset = -1;
    reply.retry_after = -1;

    switch (fuzz_byte(r->in) % 8) {
    case 5:
        reply.result = A0_REPLY_TIMEOUT;
        tick(r, todo->token.timeout);
        break;
    case 6:
        reply.status = 400 + fuzz_byte(r->in);
        break;
    case 7:
        reply.status = 429;
        reply.retry_after = fuzz_byte(r->in);
        break;
    default:
        a0_provision_feed(r->p, &r->now, NULL, NULL);
        return;
    }

    a0_provision_feed(r->p, &r->now, &reply, NULL);
}


static void
answer(run_t *r, const a0_todo_t *todo)
{
    int         given;
    size_t      i;
    a0_str_t    s;
    a0_json_t  *json;

    FUZZ_ASSERT(++r->answers == 1 && !r->left);
    FUZZ_ASSERT(r->now.msec <= r->end);
    FUZZ_ASSERT(todo->answer.status >= 200 && todo->answer.status < 600);
    FUZZ_ASSERT((todo->answer.problem == A0_PROBLEM_NONE)
                == (todo->answer.status < 300));
    FUZZ_ASSERT((todo->answer.status == 204) == (todo->answer.body.len == 0));

    if (todo->answer.body.len) {
        FUZZ_ASSERT(a0_json_parse(todo->answer.body, todo->answer.body.len,
                                  &json) == A0_OK);
        FUZZ_ASSERT(a0_json_type(json) == A0_JSON_OBJECT);
        a0_json_free(json);
    }

    for (i = 0; i < todo->answer.nheaders; i++) {
        s = todo->answer.headers[i].value;
        FUZZ_ASSERT(s.len && fuzz_within(s, 0x20, 0x7e));
    }

    given = !todo->answer.confirm || !(r->options & 1);

    if (todo->answer.confirm) {
        a0_provision_delivered(r->p, given);
    }

    s = todo->answer.client_id;

    if (given && todo->answer.problem == A0_PROBLEM_NONE && s.len < 65) {
        snprintf(r->given, sizeof(r->given), "%.*s", (int) s.len,
                 (const char *) s.data);
        fuzz_deep++;
    }
}


static int
on_ring(const a0_todo_t *todo, const char *id)
{
    size_t                  i;
    const a0_ring_entry_t  *e;

    for (i = 0; i < todo->done.nring; i++) {
        e = &todo->done.ring[i];

        if (e->kind == A0_RING_REQ || fuzz_same(e->id, t_str(id))) {
            return 1;
        }
    }

    return fuzz_same(todo->done.client_id, t_str(id));
}


static void
done(run_t *r, const a0_todo_t *todo)
{
    size_t       i;
    unsigned     n;
    t_client_t  *c;

    FUZZ_ASSERT(todo->done.nring <= A0_PROVISION_RING);

    for (i = 0; i < todo->done.nring; i++) {
        FUZZ_ASSERT(todo->done.ring[i].id.len <= 64
                    && todo->done.ring[i].id.len
                    && fuzz_within(todo->done.ring[i].id, '-', 'z'));
    }

    n = 0;
    FUZZ_ASSERT(T_COUNT(T.clients) < T_MAX / 2);

    T_EACH(T.clients, c) {
        if (++n > r->first && !r->lied) {
            FUZZ_ASSERT(strcmp(c->id, r->given) == 0 || on_ring(todo, c->id));
        }
    }
}


static void
loop(run_t *r)
{
    a0_todo_t  todo;

    for (r->calls = 0; r->calls < CALLS; r->calls++) {
        a0_provision_next(r->p, &r->now, &todo);

        switch (todo.act) {
        case A0_ACT_SEND:
            send_call(r, &todo);
            break;
        case A0_ACT_TOKEN:
            token(r, &todo);
            break;
        case A0_ACT_WAIT:
            FUZZ_ASSERT(todo.wait.ms > 0);
            tick(r, todo.wait.ms);
            break;
        case A0_ACT_ANSWER:
            answer(r, &todo);
            break;
        case A0_ACT_DONE:
            done(r, &todo);
            return;
        }
    }

    FUZZ_ASSERT(!"it never ends");
}


static int
replays(a0_op_e op)
{
    return op == A0_OP_CREATE_KEY || op == A0_OP_KEY_CREATE
           || op == A0_OP_KEY_ROTATE;
}


static void
ask(fuzz_t *in, run_t *r, const unsigned char *random)
{
    unsigned      more;
    const char   *sub[] = { "auth0|alice", "auth0|bob", "auth0|carol", "x" };
    const char   *mail[] = { "alice@acme.example", "bob@beta.example",
                             "carol@new.example", "" };

    r->input.op = (a0_op_e) (1 + fuzz_byte(in) % (A0_OP_N - 1));
    r->options = fuzz_byte(in);
    more = fuzz_byte(in);
    r->body = fuzz_line(in);
    r->id = fuzz_line(in);
    r->input.user.sub = t_str(sub[more & 3]);
    r->input.user.email = t_str(mail[more & 3]);
    r->input.user.org_id = t_str(r->options & 2 ? "org_acme" : "");
    r->input.user.email_verified = !(more & 4);
    r->input.body = r->body;
    r->input.key_id = more & 8 ? r->id : t_str(T.clients[0].id);
    r->input.req = r->input.key_id;
    r->input.replay = t_str(more & 16 && replays(r->input.op)
                            ? T.clients[0].id : "");
    r->input.keep = !!(more & 32);
    r->input.revoked = !!(more & 64);
    r->input.location = t_str("/keys");
    r->input.request_id = t_str("req-1");
    r->input.random = random;
    T.arrays = !!(r->options & 4);
    T.no_query = !!(r->options & 8);
    T.stale = (r->options >> 4) & 3;
    r->conf.shared = !!(more & 128);
    r->conf.connection = t_str(r->options & 64 ? "Users" : "");
    r->conf.max_keys = r->options & 128 ? 1 : 10;
}


void
fuzz_one(fuzz_t *in)
{
    size_t          size;
    run_t           r;
    unsigned char  *mem, random[A0_PROVISION_RANDOM];

    t_reset();
    t_key("org_acme", "auth0|alice", "");
    memset(random, 0x5a, sizeof(random));
    memset(&r, 0, sizeof(r));
    r.in = in;
    r.conf.api_audience = t_str(T_AUDIENCE);
    r.conf.api_scope.elts = scopes;
    r.conf.api_scope.nelts = 2;
    r.conf.deadline = 10000;
    ask(in, &r, random);
    r.first = 1;

    size = r.input.op == A0_OP_KEY_LIST ? A0_PROVISION_MEMORY_LIST
                                        : A0_PROVISION_MEMORY;
    mem = fuzz_alloc(size);
    memset(mem, 0, size);
    tick(&r, 1000);
    r.end = r.now.msec + r.conf.deadline;
    r.p = a0_provision_init(mem, size, &r.conf, &r.input, &r.now);
    FUZZ_ASSERT(r.p != NULL);
    loop(&r);
    a0_provision_cleanse(r.p);
    FUZZ_ASSERT(mem[0] == 0 && memcmp(mem, mem + 1, size - 1) == 0);
    FUZZ_ASSERT(unit.bad == 0 || r.lied);
    unit.bad = 0;

    free(mem);
    fuzz_free(r.id);
    fuzz_free(r.body);
}
