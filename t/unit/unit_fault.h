/*
 * A clock that only moves when told to, and faults at chosen steps.
 */

#ifndef UNIT_FAULT_H
#define UNIT_FAULT_H

typedef enum {
    F_NONE = 0,
    F_401, F_403, F_404, F_409, F_429, F_500,
    F_TIMEOUT, F_RESET, F_GARBAGE, F_OVERSIZED, F_REFUSED,
    F_LEAVE,        /* the caller leaves while the call is under way */
    F_CRASH,        /* the worker dies after the call */
    F_LIMIT,        /* 403, entity limit */
    F_CANNED,       /* S.status, S.type, S.body */
    F_MEMORY,       /* none for the answer */
    F_N
} fault_e;

static const char *const  fault_names[F_N] = {
    "none", "401", "403", "404", "409", "429", "500", "timeout", "reset",
    "garbage", "oversized", "refused", "leave", "crash", "limit",
    "canned", "memory"
};

typedef struct {
    const char  *step;
    fault_e      kind;
    int          times;      /* 0: for good */
    int          after;      /* the call has its effect all the same */
    int          skip;       /* calls of this step that pass before */
} fault_t;

static struct {
    a0_provision_now_t  now;
    fault_t             fault;
    int                 seen, fired;
    unsigned char       mem[A0_PROVISION_MEMORY_LIST];
    unsigned            random;
    int                 undelivered;    /* the answer does not arrive */
    const char         *slow_from;      /* 3 s for each call from here on */
    int                 slow;
    unsigned            chaos;          /* permille of calls that fail */
    uint32_t            dice;
    int64_t             retry_after;    /* of a 429; 0: none */
    unsigned            status;
    const char         *type, *body;
} S;


static void
saga_fault(const char *step, fault_e kind, int times, int after)
{
    memset(&S.fault, 0, sizeof(S.fault));
    S.fault.step = step;
    S.fault.kind = kind;
    S.fault.times = times;
    S.fault.after = after;
    S.seen = S.fired = 0;
}


__attribute__((unused)) static void
saga_calm(void)
{
    saga_fault("", F_NONE, 0, 0);
}


static uint32_t
saga_roll(uint32_t below)
{
    S.dice = S.dice * 1664525u + 1013904223u;
    return (S.dice >> 8) % below;
}


static fault_e
saga_fires(const char *step)
{
    fault_e  kind;

    if (S.chaos) {
        kind = saga_roll(1000) < S.chaos
               ? (fault_e) (F_401 + (int) saga_roll(F_REFUSED)) : F_NONE;

        /* a tenant's definite answers are true */

        S.fault.after = kind >= F_500 && kind < F_REFUSED && saga_roll(2);
        S.fault.after |= strcmp(step, "client_delete") == 0
                         && (kind == F_404 || kind == F_GARBAGE);
        return kind;
    }

    if (strcmp(step, S.fault.step) || S.seen++ < S.fault.skip
        || (S.fault.times && S.fired >= S.fault.times))
    {
        return F_NONE;
    }

    S.fired++;
    return S.fault.kind;
}


static void
saga_headers(a0_reply_t *reply)
{
    reply->ratelimit_limit = 10;
    reply->ratelimit_remaining = 9;
    reply->ratelimit_reset = S.now.seconds + 1;
    reply->retry_after = -1;
}


static void
saga_tick(uint64_t ms)
{
    S.now.msec += ms;
    S.now.seconds = 1800000000 + (int64_t) (S.now.msec / 1000);
}


static void
saga_spoil(fault_e kind, const a0_todo_t *todo, a0_reply_t *reply)
{
    static const unsigned  statuses[] = { 0, 401, 403, 404, 409, 429, 500 };

    switch (kind) {

    case F_401: case F_403: case F_404: case F_409: case F_429: case F_500:
        reply->status = statuses[kind];
        reply->body = t_str("{\"message\":\"injected\"}");
        reply->retry_after = kind == F_429 && S.retry_after ? S.retry_after
                                                            : -1;
        return;

    case F_LIMIT:
        reply->status = 403;
        reply->body = t_str("{\"message\":\"You reached the limit of entities"
                            " of this type for this tenant.\"}");
        return;

    case F_CANNED:
        reply->status = S.status;
        reply->content_type = t_str(S.type);
        reply->body = t_str(S.body);
        return;

    case F_TIMEOUT:
        reply->result = A0_REPLY_TIMEOUT;
        saga_tick(todo->act == A0_ACT_SEND ? todo->send.timeout
                                           : todo->token.timeout);
        break;

    case F_RESET:
        reply->result = A0_REPLY_RESET;
        break;

    case F_MEMORY:
        reply->result = A0_REPLY_INTERNAL;
        break;

    case F_OVERSIZED:
        reply->result = A0_REPLY_TOO_LARGE;
        break;

    case F_REFUSED:
        reply->result = A0_REPLY_UNREACHED;
        reply->sent = 0;
        break;

    default:
        reply->status = 200;
        reply->body = t_str("<html>");
        return;
    }

    reply->status = 0;
    reply->body.len = 0;
}

#endif /* UNIT_FAULT_H */
