
/*
 * What the end of a call means for the saga: a definite no, throttled, or
 * unknown.
 */

#include "a0_provision_int.h"
#include "a0_provision_pace.h"


typedef enum {
    A0_CLASS_DONE = 0,
    A0_CLASS_UNAUTHORIZED,
    A0_CLASS_THROTTLED,
    A0_CLASS_MISSING,
    A0_CLASS_CONFLICT,
    A0_CLASS_REFUSED,
    A0_CLASS_UNREACHED,
    A0_CLASS_UNKNOWN,
    A0_CLASS_N
} a0_class_e;


static const char *const  a0_outcome_texts[] = {
    "done", "definite", "throttled", "unknown"
};

static const a0_outcome_e  a0_outcome_of[A0_CLASS_N] = {
    [A0_CLASS_DONE] = A0_OUTCOME_DONE,
    [A0_CLASS_UNAUTHORIZED] = A0_OUTCOME_DEFINITE,
    [A0_CLASS_THROTTLED] = A0_OUTCOME_THROTTLED,
    [A0_CLASS_MISSING] = A0_OUTCOME_DEFINITE,
    [A0_CLASS_CONFLICT] = A0_OUTCOME_DEFINITE,
    [A0_CLASS_REFUSED] = A0_OUTCOME_DEFINITE,
    [A0_CLASS_UNREACHED] = A0_OUTCOME_DEFINITE,
    [A0_CLASS_UNKNOWN] = A0_OUTCOME_UNKNOWN
};


const char *
a0_outcome_text(a0_outcome_e outcome)
{
    return (unsigned) outcome <= A0_OUTCOME_UNKNOWN
           ? a0_outcome_texts[outcome] : "unknown";
}


/* What was not sent was not done.  What was sent may have been, also when it is
 * we who failed: there may have been no memory for the answer.  A redirect, an
 * interim answer or 408 says nothing about what was done. */

static a0_class_e
a0_classify(const a0_reply_t *reply)
{
    if (reply->result != A0_REPLY_OK) {
        return reply->sent ? A0_CLASS_UNKNOWN : A0_CLASS_UNREACHED;
    }

    switch (reply->status) {

    case 200:
    case 201:
    case 204:
        return A0_CLASS_DONE;

    case 401:
        return A0_CLASS_UNAUTHORIZED;

    case 404:
        return A0_CLASS_MISSING;

    case 408:
        return A0_CLASS_UNKNOWN;

    case 409:
        return A0_CLASS_CONFLICT;

    case 429:
        return A0_CLASS_THROTTLED;
    }

    return reply->status / 100 == 4 ? A0_CLASS_REFUSED : A0_CLASS_UNKNOWN;
}


static a0_problem_e
a0_blame(const a0_reply_t *reply)
{
    if (reply->result == A0_REPLY_TIMEOUT) {
        return A0_PROBLEM_IDP_TIMEOUT;
    }

    return reply->result == A0_REPLY_INTERNAL ? A0_PROBLEM_INTERNAL
                                              : A0_PROBLEM_IDP_ERROR;
}


typedef void (*a0_on_pt)(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply);


static void
a0_on_unknown(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    p->blame = a0_blame(reply);

    if (p->step->flags & A0_CALL_CREATES) {
        p->doubt |= (1u << p->mark) & 3;
    }

    if (p->step->reconcile != A0_STEP_NONE) {
        a0_reconcile(p);
        return;
    }

    if (p->tries < A0_RETRIES) {
        a0_repeat(p, now);
        return;
    }

    a0_fail(p, now, p->blame);
}


/* A DELETE is done whatever its answer looks like. */

static void
a0_on_done(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    a0_take_e  take;

    take = a0_take(p, reply);

    if (take == A0_TAKE_GARBAGE && !p->full) {
        a0_on_unknown(p, now, reply);
        return;
    }

    a0_taken(p, now, take);
}


static void
a0_on_unauthorized(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    (void) reply;

    if (p->refreshed) {
        a0_fail(p, now, A0_PROBLEM_IDP_REJECTED);
        return;
    }

    p->refreshed = 1;
    p->refused = 1;
    p->at = A0_AT_TOKEN;
}


static void
a0_on_throttled(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    uint32_t  wait;

    wait = a0_pace_wait(now, reply);
    p->retry_after = (wait + 999) / 1000;

    if (p->throttled || wait >= a0_left(p, now)) {
        a0_fail(p, now, A0_PROBLEM_IDP_THROTTLED);
        return;
    }

    p->throttled = 1;
    p->resume = now->msec + wait + a0_jitter(p, 200);
    p->at = A0_AT_CALL;
}


static void
a0_on_missing(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    (void) reply;

    if (p->step->missing == A0_MISSING_TAKE) {
        a0_taken(p, now, p->step->take(p, NULL));
        return;
    }

    if (p->step->flags & A0_CALL_OPTIONAL) {
        a0_advance(p);
        return;
    }

    a0_fail(p, now, (a0_problem_e) p->step->missing);
}


static void
a0_on_conflict(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    (void) reply;

    if (p->step->reconcile == A0_STEP_NONE
        || (p->step->flags & A0_CALL_CREATES))
    {
        a0_fail(p, now, p->limited ? A0_PROBLEM_IDP_LIMIT_REACHED
                                   : A0_PROBLEM_IDP_REJECTED);
        return;
    }

    p->conflicted = 1;
    a0_reconcile(p);
}


static void
a0_on_refused(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    a0_problem_e  problem;

    if (p->step->flags & A0_CALL_OPTIONAL) {
        a0_advance(p);
        return;
    }

    problem = A0_PROBLEM_IDP_REJECTED;

    if (reply->status == 400) {
        problem = (a0_problem_e) p->step->invalid;
    }

    if (p->limited) {
        problem = A0_PROBLEM_IDP_LIMIT_REACHED;
    }

    a0_fail(p, now, problem);
}


static void
a0_on_unreached(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    p->blame = a0_blame(reply);

    if (p->tries < A0_RETRIES) {
        a0_repeat(p, now);
        return;
    }

    a0_fail(p, now, p->blame);
}


static const a0_on_pt  a0_on[A0_CLASS_N] = {
    [A0_CLASS_DONE] = a0_on_done,
    [A0_CLASS_UNAUTHORIZED] = a0_on_unauthorized,
    [A0_CLASS_THROTTLED] = a0_on_throttled,
    [A0_CLASS_MISSING] = a0_on_missing,
    [A0_CLASS_CONFLICT] = a0_on_conflict,
    [A0_CLASS_REFUSED] = a0_on_refused,
    [A0_CLASS_UNREACHED] = a0_on_unreached,
    [A0_CLASS_UNKNOWN] = a0_on_unknown
};


/* Taking back: gone is gone, a refusal is final, all else is tried again. */

static void
a0_undo_outcome(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply, a0_class_e class)
{
    switch (class) {

    case A0_CLASS_DONE:
    case A0_CLASS_MISSING:
        a0_undo_done(p);
        return;

    case A0_CLASS_UNAUTHORIZED:
        if (!p->refreshed) {
            a0_on_unauthorized(p, now, reply);
            return;
        }

        a0_undo_failed(p, now, 0, 1);
        return;

    case A0_CLASS_THROTTLED:
        a0_undo_failed(p, now, a0_pace_wait(now, reply), 0);
        return;

    default:
        a0_undo_failed(p, now, 0, class == A0_CLASS_REFUSED);
    }
}


void
a0_outcome(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply, a0_provision_log_t *log)
{
    a0_class_e  class;

    class = a0_classify(reply);

    log->step = p->step->name;
    log->status = reply->status;
    log->attempt = p->tries + 1;
    log->outcome = a0_outcome_of[class];
    a0_read_error(p, reply, log);

    if (p->mode == A0_MODE_UNDO) {
        a0_undo_outcome(p, now, reply, class);
        return;
    }

    a0_on[class](p, now, reply);
}


/* No token: nothing of the step was executed. */

void
a0_token_outcome(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply, a0_provision_log_t *log)
{
    a0_class_e  class;

    class = a0_classify(reply);

    log->step = "token";
    log->status = reply->status;
    log->attempt = p->token_tries + 1;
    log->outcome = a0_outcome_of[class];

    if (p->mode == A0_MODE_UNDO) {
        a0_undo_failed(p, now, 0, 0);
        return;
    }

    switch (class) {

    case A0_CLASS_THROTTLED:
        p->retry_after = (a0_pace_wait(now, reply) + 999) / 1000;
        a0_fail(p, now, A0_PROBLEM_IDP_THROTTLED);
        break;

    case A0_CLASS_DONE:
    case A0_CLASS_UNREACHED:
    case A0_CLASS_UNKNOWN:
        p->blame = a0_blame(reply);

        if (p->token_tries++ == 0) {
            p->resume = now->msec + 100 + a0_jitter(p, 300);
            return;
        }

        a0_fail(p, now, p->blame);
        break;

    default:
        a0_fail(p, now, A0_PROBLEM_IDP_REJECTED);
    }

    /* the step that could not begin is not to blame */

    if (p->step != NULL) {
        p->failed_step = "token";
    }
}
