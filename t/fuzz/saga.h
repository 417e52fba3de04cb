/*
 * A saga under way, and how its calls end, for fuzz_provision.c.
 */

#ifndef SAGA_H
#define SAGA_H

#include "unit.h"
#include "unit_tenant.h"
#include "fuzz.h"

typedef struct {
    fuzz_t               *in;
    a0_provision_t       *p;
    a0_provision_now_t    now;
    a0_provision_conf_t   conf;
    a0_provision_input_t  input;
    a0_str_t              body, id;
    uint64_t              end;         /* deadline of the answer */
    unsigned              options;
    unsigned              answers, left, lied, calls;
    const char           *unsure;      /* POST of unknown outcome */
    unsigned              first;       /* clients before */
    char                  given[65];   /* client id that was answered */
} run_t;

/* A POST, and the look that must come before the next one. */

static const struct {
    const char  *post, *look;
} pairs[] = {
    { "user_create", "users_by_email" },
    { "organization_create", "organization_by_name" },
    { "client_create", "client_list" },
    { "grant_create", "grant_list" },
    { "org_grant_add", "org_grant_list" }
};

#define PAIRS  (sizeof(pairs) / sizeof(pairs[0]))


static void
tick(run_t *r, uint64_t ms)
{
    r->now.msec += ms;
    r->now.seconds = 1800000000 + (int64_t) (r->now.msec / 1000);
}


static void
may_post(run_t *r, const char *step)
{
    FUZZ_ASSERT(r->unsure == NULL || strcmp(step, r->unsure) != 0);
}


static void
ended(run_t *r, const char *step, a0_outcome_e outcome)
{
    size_t  i;

    for (i = 0; i < PAIRS; i++) {
        if (strcmp(step, pairs[i].post) == 0) {
            r->unsure = outcome == A0_OUTCOME_UNKNOWN ? pairs[i].post : NULL;
        }

        if (r->unsure == pairs[i].post && strcmp(step, pairs[i].look) == 0
            && outcome == A0_OUTCOME_DONE)
        {
            r->unsure = NULL;
        }
    }
}


/* Some bytes of a good reply changed. */

static void
spoil(fuzz_t *in, char *body, size_t len)
{
    unsigned  n;

    for (n = 1 + fuzz_byte(in) % 8; n && len; n--) {
        body[fuzz_int(in, 2) % len] = (char) fuzz_byte(in);
    }
}


static void
status_only(run_t *r, a0_reply_t *reply)
{
    static const unsigned  statuses[] = {
        200, 201, 202, 204, 301, 304, 400, 401, 402, 403, 404, 409, 410, 413,
        422, 429, 500, 501, 502, 503, 504, 599, 100, 0, 999
    };

    reply->status = statuses[fuzz_byte(r->in)
                             % (sizeof(statuses) / sizeof(statuses[0]))];
    r->lied |= reply->status < 500 && reply->status != 429
               && reply->status != 401;
}


static void
good(const a0_todo_t *todo, a0_reply_t *reply)
{
    size_t  len;

    len = 0;
    reply->status = t_serve(todo, &len);
    reply->body.data = (unsigned char *) T.body;
    reply->body.len = len;
}


/* The kinds of an ending; *line is what the reply borrows. */

static void
reply_of(run_t *r, const a0_todo_t *todo, a0_reply_t *reply, a0_str_t *line)
{
    unsigned  kind;

    kind = fuzz_byte(r->in) % 16;
    reply->sent = 1;
    reply->content_type = fuzz_str("application/json");

    switch (kind) {
    case 8:
        good(todo, reply);
        spoil(r->in, T.body, reply->body.len);
        r->lied = 1;
        break;
    case 9:
        status_only(r, reply);
        *line = fuzz_line(r->in);
        reply->body = *line;
        break;
    case 10:
        reply->result = (a0_reply_e) (A0_REPLY_UNREACHED
                                      + fuzz_byte(r->in) % 6);
        reply->sent = reply->result != A0_REPLY_UNREACHED
                      && reply->result != A0_REPLY_INTERNAL;
        break;
    case 11: case 12:
        good(todo, reply);
        reply->status = 0;
        reply->body.len = 0;
        reply->result = kind == 11 ? A0_REPLY_TIMEOUT : A0_REPLY_RESET;
        break;
    case 13:
        good(todo, reply);
        a0_provision_leave(r->p);
        r->left |= !r->answers;
        break;
    case 14:
        reply->status = 429;
        reply->retry_after = (int64_t) (int16_t) fuzz_int(r->in, 2);
        reply->ratelimit_reset = r->now.seconds + (int8_t) fuzz_byte(r->in);
        break;
    case 15:
        good(todo, reply);
        reply->status = 503;
        break;
    default:
        good(todo, reply);
    }
}

#endif /* SAGA_H */
