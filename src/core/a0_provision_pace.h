
/*
 * Keeping to the tenant's rate limit: one record shared by all workers, fed
 * with the x-ratelimit headers of every reply.  Plain data under the caller's
 * lock, all zero at birth; times in ms of one monotonic clock.
 */

#ifndef A0_PROVISION_PACE_H_INCLUDED
#define A0_PROVISION_PACE_H_INCLUDED


#include "a0.h"
#include "a0_provision.h"


typedef struct {
    uint64_t  hold_until;   /* no call before */
    uint64_t  updated;      /* when `left` was learnt */
    int64_t   left;         /* calls the bucket still holds */
    int64_t   limit;        /* its size, 0: not known yet */
    uint64_t  gap;          /* ms in which one call is refilled */
    uint64_t  under_way;    /* calls taken and not yet fed */
    uint64_t  taken;        /* when the last of those was taken */
    uint64_t  count;        /* calls ever taken */
    uint64_t  ended;        /* and fed */
} a0_pace_t;


/*
 * ms until one more call may be made; 0: now, and the call is counted as
 * taken under the number *call, so make it and feed() its reply.  The value
 * is what a0_provision_now_t.hold wants when it is not 0.  Before the first
 * reply, which tells the limit, no more than two calls are under way.
 */
uint32_t a0_pace_take(a0_pace_t *pace, uint64_t now, uint64_t *call);

/* The call of that number has ended.  Replies may come in any order. */

void a0_pace_feed(a0_pace_t *pace, uint64_t call,
    const a0_provision_now_t *now, const a0_reply_t *reply);

/* ms until the tenant may be called again as the reply says, 0: at once. A
 * 429 gives at least 1000, and never above an hour. */

uint32_t a0_pace_wait(const a0_provision_now_t *now, const a0_reply_t *reply);


#endif /* A0_PROVISION_PACE_H_INCLUDED */
