
/*
 * Moves of a saga: from stage to stage, aside to look or recover, and back.
 */

#include "a0_provision_int.h"


int
a0_detached(const a0_provision_t *p)
{
    return p->answered || p->left || p->saga->clean;
}


/* ms left for what is under way; taking back is not bound to the answer. */

uint32_t
a0_left(const a0_provision_t *p, const a0_provision_now_t *now)
{
    if (p->mode == A0_MODE_UNDO && a0_detached(p)) {
        return UINT32_MAX;
    }

    if (p->deadline <= now->msec) {
        return 0;
    }

    return (uint32_t) (p->deadline - now->msec);
}


/* splitmix64: spreads retries, guards nothing. */

uint32_t
a0_jitter(a0_provision_t *p, uint32_t below)
{
    uint64_t  z;

    p->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = p->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;

    return below ? (uint32_t) (z % below) : 0;
}


static void
a0_enter(a0_provision_t *p, unsigned step)
{
    p->step = a0_step(step);
    p->at = A0_AT_CALL;
    p->tries = 0;
    p->token_tries = 0;
    p->page = 0;
    p->count = 0;
    p->cursor_len = 0;
    p->resume = 0;
    p->refused = 0;
    p->refreshed = 0;
    p->throttled = 0;
}


static void
a0_end(a0_provision_t *p)
{
    p->at = A0_AT_ANSWER;
    p->after = A0_AT_DONE;
}


static void
a0_enter_stage(a0_provision_t *p)
{
    while (p->stage->skip != NULL && p->stage->skip(p)) {
        p->stage++;
    }

    p->mode = A0_MODE_RUN;
    p->reposted = 0;
    p->conflicted = 0;
    p->limited = 0;

    if (p->stage->step == A0_STEP_NONE) {
        a0_end(p);
        return;
    }

    a0_enter(p, p->stage->step);
    p->revoking |= p->stage->step == A0_STEP_CLIENT_DELETE;
}


void
a0_begin(a0_provision_t *p)
{
    p->stage = p->saga->stages;
    a0_enter_stage(p);
    p->at = A0_AT_TOKEN;
}


void
a0_advance(a0_provision_t *p)
{
    p->stage++;
    a0_enter_stage(p);
}


void
a0_undo(a0_provision_t *p, const a0_provision_now_t *now)
{
    p->mode = A0_MODE_UNDO;
    a0_enter(p, A0_STEP_CLIENT_UNDO);

    if (!a0_detached(p) && a0_left(p, now) < A0_UNDO_INLINE) {
        p->at = A0_AT_ANSWER;
        p->after = A0_AT_CALL;
    }
}


void
a0_undo_done(a0_provision_t *p)
{
    p->undone = 1;
    p->after = A0_AT_DONE;
    p->at = a0_detached(p) ? A0_AT_DONE : A0_AT_ANSWER;
}


void
a0_undo_failed(a0_provision_t *p, const a0_provision_now_t *now,
    uint32_t wait, int final)
{
    uint32_t  pause;

    if (final || p->tries == A0_UNDO_RETRIES || wait > A0_UNDO_WAIT) {
        p->undo_lost = 1;
        p->after = A0_AT_DONE;

    } else {
        pause = UINT32_C(1000) << p->tries++;
        pause = wait > pause ? wait : pause;
        p->resume = now->msec + pause + a0_jitter(p, 250);
        p->after = A0_AT_CALL;
    }

    p->at = a0_detached(p) ? p->after : A0_AT_ANSWER;
}


void
a0_fail(a0_provision_t *p, const a0_provision_now_t *now,
    a0_problem_e problem)
{
    p->problem = problem;
    p->failed_step = p->step->name;

    if (p->saga->creates && p->client_id.len) {
        a0_undo(p, now);
        return;
    }

    a0_end(p);
}


/* The same call again, a little later. */

void
a0_repeat(a0_provision_t *p, const a0_provision_now_t *now)
{
    p->tries++;
    p->resume = now->msec + 100 + a0_jitter(p, 300);
    p->at = A0_AT_CALL;
}


void
a0_reconcile(a0_provision_t *p)
{
    p->mode = A0_MODE_RECONCILE;
    a0_enter(p, p->step->reconcile);
}


/* What was looked for did not happen: once more, with a mark of its own, as
 * the first attempt may still come true. */

static void
a0_absent(a0_provision_t *p, const a0_provision_now_t *now)
{
    const a0_step_t  *row;

    row = a0_step(p->stage->step);

    if (p->limited) {
        a0_fail(p, now, A0_PROBLEM_IDP_LIMIT_REACHED);
        return;
    }

    if (p->conflicted && (p->reposted || !(row->flags & A0_CALL_REPOST))) {
        a0_fail(p, now, A0_PROBLEM_IDP_REJECTED);
        return;
    }

    if (p->reposted) {
        a0_fail(p, now, p->blame);
        return;
    }

    p->mode = A0_MODE_RUN;
    p->reposted = 1;
    p->conflicted = 0;
    p->mark |= (row->flags & A0_CALL_CREATES) != 0;
    a0_enter(p, p->stage->step);
}


static void
a0_found(a0_provision_t *p)
{
    unsigned  recover;

    recover = a0_step(p->stage->step)->recover;

    if (p->mode == A0_MODE_RECONCILE && recover != A0_STEP_NONE) {
        p->mode = A0_MODE_RECOVER;
        a0_enter(p, recover);
        return;
    }

    a0_advance(p);
}


void
a0_taken(a0_provision_t *p, const a0_provision_now_t *now, a0_take_e take)
{
    if (p->full) {
        a0_fail(p, now, A0_PROBLEM_INTERNAL);
        return;
    }

    switch (take) {

    case A0_TAKE_NEXT:
        a0_found(p);
        return;

    case A0_TAKE_AGAIN:
        p->tries = 0;
        p->at = A0_AT_CALL;
        return;

    case A0_TAKE_FINISH:
        p->finished = 1;
        a0_end(p);
        return;

    case A0_TAKE_ABSENT:
        a0_absent(p, now);
        return;

    case A0_TAKE_PROBLEM:
        a0_fail(p, now, p->verdict);
        return;

    case A0_TAKE_GARBAGE:
        /* the caller has made an unknown outcome of it */
        a0_fail(p, now, A0_PROBLEM_IDP_ERROR);
    }
}
