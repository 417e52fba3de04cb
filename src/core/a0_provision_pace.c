
#include "a0_provision_pace.h"


#define A0_WAIT_MAX    3600000   /* ms */
#define A0_WAIT_MIN    1000      /* after a 429 that says nothing */
#define A0_POLL        50        /* while others' replies are awaited */
#define A0_CALL_LIFE   15000     /* a call taken longer ago has no owner */
#define A0_GAP_MAX     60000
#define A0_FIRST       2         /* calls at once while the limit is unknown */


static int64_t
a0_until_reset(const a0_provision_now_t *now, const a0_reply_t *reply)
{
    int64_t  ms;

    if (reply->ratelimit_reset < 0) {
        return 0;
    }

    if (reply->ratelimit_reset <= now->seconds) {
        return 0;
    }

    ms = reply->ratelimit_reset - now->seconds;

    return ms > A0_WAIT_MAX / 1000 ? A0_WAIT_MAX : ms * 1000;
}


uint32_t
a0_pace_wait(const a0_provision_now_t *now, const a0_reply_t *reply)
{
    int64_t  ms;

    if (reply->result != A0_REPLY_OK || reply->status != 429) {
        return 0;
    }

    ms = a0_until_reset(now, reply);

    if (reply->retry_after > 0) {
        ms = reply->retry_after > A0_WAIT_MAX / 1000
             ? A0_WAIT_MAX : reply->retry_after * 1000;
    }

    return (uint32_t) (ms < A0_WAIT_MIN ? A0_WAIT_MIN : ms);
}


/* Workers read the clock at different times: another one's record may be of
 * the future. */

static uint64_t
a0_elapsed(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}


/* What has been refilled since the record was made. */

static void
a0_refill(a0_pace_t *pace, uint64_t now)
{
    uint64_t  n;

    if (pace->gap == 0 || pace->left >= pace->limit) {
        return;
    }

    n = a0_elapsed(now, pace->updated) / pace->gap;
    pace->updated += n * pace->gap;
    pace->left += (int64_t) n;

    if (pace->left > pace->limit) {
        pace->left = pace->limit;
    }
}


uint32_t
a0_pace_take(a0_pace_t *pace, uint64_t now, uint64_t *call)
{
    uint64_t  due;

    if (now < pace->hold_until) {
        due = pace->hold_until - now;
        return due > A0_WAIT_MAX ? A0_WAIT_MAX : (uint32_t) due;
    }

    if (pace->under_way && a0_elapsed(now, pace->taken) > A0_CALL_LIFE) {
        pace->under_way = 0;
    }

    if (pace->ended == 0 && pace->under_way >= A0_FIRST) {
        return A0_POLL;
    }

    if (pace->limit) {
        a0_refill(pace, now);

        if (pace->left < 1) {
            if (pace->under_way) {
                return A0_POLL;
            }

            due = pace->updated + pace->gap;
            return due > now ? (uint32_t) (due - now) : A0_POLL;
        }

        pace->left--;
    }

    pace->under_way++;
    pace->taken = now;
    *call = ++pace->count;

    return 0;
}


void
a0_pace_feed(a0_pace_t *pace, uint64_t call, const a0_provision_now_t *now,
    const a0_reply_t *reply)
{
    int64_t   left;
    uint64_t  hold, gap, later;

    if (pace->under_way) {
        pace->under_way--;
    }

    pace->ended++;
    hold = a0_pace_wait(now, reply);

    if (hold && now->msec + hold > pace->hold_until) {
        pace->hold_until = now->msec + hold;
    }

    if (reply->ratelimit_limit <= 0 || reply->ratelimit_remaining < 0) {
        return;
    }

    /*
     * Not in `remaining` are calls under way and those begun after this one,
     * even if their replies were here before.  Calls that are both count
     * twice, and a tenth is left to the tenant's other programs: too few
     * calls are better than one too many.
     */

    later = pace->count - call + pace->under_way
            + (uint64_t) reply->ratelimit_limit / 10;
    left = reply->ratelimit_remaining - (int64_t) later;
    gap = (uint64_t) a0_until_reset(now, reply);

    pace->limit = reply->ratelimit_limit;
    pace->left = left > 0 ? left : 0;
    pace->gap = gap < 1 ? 1000 : (gap > A0_GAP_MAX ? A0_GAP_MAX : gap);
    pace->updated = now->msec;
}
