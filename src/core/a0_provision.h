
/*
 * Provisioning sagas without I/O: the engine says what to do next, the caller
 * does it and tells how it went.
 *
 *     p = a0_provision_init(mem, size, conf, input, &now);
 *
 *     for ( ;; ) {
 *         a0_provision_next(p, &now, &todo);
 *
 *         switch (todo.act) {
 *         SEND    make the HTTP call; when it has ended:
 *                     a0_provision_feed(p, &now, &reply)
 *                 or, when a0_pace_take() says that it must wait: set
 *                 now.hold and ask next() again
 *         TOKEN   get a Management token, a new one if todo.token.refused;
 *                     feed(p, &now, NULL) when there is one, else
 *                     feed(p, &now, &reply) with how the token call ended
 *         WAIT    let todo.wait.ms pass
 *         ANSWER  send it to the caller; if todo.answer.confirm, call
 *                     a0_provision_delivered(p, ok) when that has ended
 *         DONE    record what todo.done says, a0_provision_cleanse(p), stop
 *         }
 *     }
 *
 * One call is under way at a time.  Everything after ANSWER is detached from
 * the caller: it takes up to about a minute and ends in DONE.
 *
 * A saga that creates a credential makes it usable with its last call only
 * and rolls back; A0_OP_USER rolls forward.  After an unknown outcome of a
 * POST (time-out, reset, 5xx, unreadable reply) the engine looks before it
 * acts again.
 *
 * Secrets (client secret, and the bodies of SEND and ANSWER marked `secret`)
 * lie inside mem only; cleanse() wipes every byte that was used.
 */

#ifndef A0_PROVISION_H_INCLUDED
#define A0_PROVISION_H_INCLUDED


#include "a0.h"
#include "a0_policy.h"
#include "a0_provision_answer.h"
#include "a0_provision_route.h"


/* Memory for init(): untouched pages cost nothing. */

#define A0_PROVISION_MEMORY       131072   /* every operation but the list */
#define A0_PROVISION_MEMORY_LIST  1572864  /* A0_OP_KEY_LIST: 1,000 keys */

#define A0_PROVISION_RANDOM       48       /* bytes of randomness per saga */
#define A0_PROVISION_BODY_MAX     8192     /* body of a request to us */
#define A0_PROVISION_DEPTH_MAX    8        /* its nesting */
#define A0_PROVISION_REPLY_MAX    262144   /* body of a reply to us */
#define A0_PROVISION_SCOPE_MAX    16384    /* all of api_scope, as text */
#define A0_PROVISION_RING         8        /* entries that DONE may hand out */

#define A0_PROVISION_MANAGED_BY   "ngx-auth0-m2m"


typedef struct a0_provision_s  a0_provision_t;


/* From the configuration; constant, outlives every saga. */

typedef struct {
    a0_str_t    api_audience;      /* what issued credentials may reach */
    a0_list_t   api_scope;         /* all of it; a request may narrow */
    a0_str_t    connection;        /* create_user=; empty: never create */
    uint32_t    max_keys;          /* per organization; 0: no limit */
    uint32_t    deadline;          /* ms, from init() to ANSWER */
    uint32_t    call_timeout;      /* ms, one call; 0: 4000 */
    unsigned    shared:1;          /* members of an organization see and
                                      manage each other's keys */
} a0_provision_conf_t;

/*
 * INVALID_CLAIM when conf cannot work, with *why a fixed text: audience empty,
 * above 600 bytes or a Management API audience (ends in "/api/v2/"), a scope
 * empty, above 280 bytes or with a space, control or non-ASCII byte, all
 * scopes above A0_PROVISION_SCOPE_MAX, max_keys above 100, deadline outside
 * 1000..60000.
 */
a0_err_t a0_provision_conf_check(const a0_provision_conf_t *conf,
    const char **why);


/* Two clocks: dates for Auth0, and one that never jumps for waiting. */

typedef struct {
    int64_t   seconds;   /* since the epoch */
    uint64_t  msec;      /* monotonic */
    uint32_t  hold;      /* ms in which the tenant must not be called because
                            it throttles (a0_provision_pace); 0: go */
} a0_provision_now_t;


/*
 * What is asked.  Everything is copied by init().  The caller has verified the
 * token and, for A0_OP_USER, that it belongs to a trusted server; `user` is
 * not looked at then.
 */
typedef struct {
    a0_op_e               op;

    struct {                              /* claims of the verified token */
        a0_str_t          sub;
        a0_str_t          email;
        a0_str_t          org_id;         /* empty when absent */
        unsigned          email_verified; /* JSON true, nothing else */
    } user;

    a0_str_t              body;           /* JSON, or empty */
    a0_str_t              key_id;         /* {id} of the path; CLEAN_CLIENT:
                                             the client id */
    a0_str_t              req;            /* CLEAN_REQ: what the ring holds */
    a0_str_t              replay;         /* KEY_CREATE, CREATE_KEY and
                                             KEY_ROTATE: client id of the
                                             earlier success under this
                                             Idempotency-Key */
    a0_str_t              location;       /* KEY_CREATE: path of the keys,
                                             such as "/keys"; for Location */
    a0_str_t              request_id;     /* for problem bodies */
    const unsigned char  *random;         /* A0_PROVISION_RANDOM bytes */
    unsigned              keep:1;         /* an Idempotency-Key came along: a
                                             credential whose answer was not
                                             delivered is kept for a replay */
    unsigned              revoked:1;      /* KEY_REVOKE: this user's earlier
                                             DELETE of key_id succeeded */
} a0_provision_input_t;


/*
 * NULL when size is below the two constants above, else never: input that
 * is not acceptable makes the first act an ANSWER.  mem is aligned as malloc()
 * aligns; the engine lives in it.
 */
a0_provision_t *a0_provision_init(void *mem, size_t size,
    const a0_provision_conf_t *conf, const a0_provision_input_t *input,
    const a0_provision_now_t *now);


typedef enum {
    A0_ACT_SEND = 0,
    A0_ACT_TOKEN,
    A0_ACT_WAIT,
    A0_ACT_ANSWER,
    A0_ACT_DONE
} a0_act_e;


typedef enum {
    A0_METHOD_GET = 0,
    A0_METHOD_POST,
    A0_METHOD_PATCH,
    A0_METHOD_DELETE
} a0_method_e;


/* Something to clean up later: entry of the janitor's ring. */

typedef enum {
    A0_RING_CLIENT = 0,   /* id: client id; run A0_OP_CLEAN_CLIENT */
    A0_RING_REQ           /* id: creation that may or may not have happened;
                             run A0_OP_CLEAN_REQ */
} a0_ring_e;

typedef struct {
    a0_ring_e    kind;
    a0_str_t     id;      /* at most 64 bytes of [A-Za-z0-9_-] */
    int64_t      due;     /* seconds since the epoch; not before */
    unsigned     deny:1;  /* put id on the list of revoked clients as well,
                             when due */
    const char  *why;     /* "orphan", "expired", "rotated", "revoked" */
} a0_ring_entry_t;


/* Strings live in mem until the next call of next() or feed(). */

typedef struct {
    a0_act_e                act;
    const char             *step;   /* static, such as "client_create" */

    union {
        struct {
            a0_method_e     method;
            a0_str_t        uri;          /* path and query, percent-coded */
            a0_str_t        content_type; /* empty: no body */
            a0_str_t        body;
            uint32_t        timeout;      /* ms, everything included */
            unsigned        token:1;      /* attach the Management token */
            unsigned        secret:1;     /* request or reply holds one */
            unsigned        creates:1;    /* see a0_provision_req() */
        } send;

        struct {
            unsigned        refused:1;    /* the token given last got a 401:
                                             drop that generation */
            uint32_t        timeout;      /* ms left for it */
        } token;

        struct {
            uint32_t        ms;
            const char     *why;          /* "backoff", "throttled" */
        } wait;

        struct {
            unsigned         status;
            a0_str_t         content_type;
            a0_answer_hdr_t  headers[3];  /* beside a0_answer_common */
            size_t           nheaders;
            a0_str_t         body;        /* empty under 204 */
            a0_problem_e     problem;     /* A0_PROBLEM_NONE: success */
            a0_str_t         client_id;   /* made, rotated or revoked one:
                                             for the idempotency record */
            a0_str_t         deny;        /* client id to put on the list of
                                             revoked clients before sending */
            unsigned         confirm:1;
            unsigned         secret:1;
        } answer;

        struct {
            a0_ring_entry_t  ring[A0_PROVISION_RING];
            size_t           nring;
            a0_str_t         client_id;   /* credential that exists now and
                                             belongs to the caller, or empty */
            a0_str_t         deny;        /* as in the answer, for callers
                                             that have left */
            a0_problem_e     problem;     /* how the saga ended */
            unsigned         clean:1;     /* CLEAN_*: drop the ring's entry;
                                             0: try again later */
        } done;
    };
} a0_todo_t;


void a0_provision_next(a0_provision_t *p, const a0_provision_now_t *now,
    a0_todo_t *todo);


/* Same order as the client's results. */

typedef enum {
    A0_REPLY_OK = 0,     /* complete answer of any status */
    A0_REPLY_UNREACHED,  /* refused, DNS, TLS: not sent */
    A0_REPLY_TIMEOUT,
    A0_REPLY_RESET,      /* truncated bodies included */
    A0_REPLY_TOO_LARGE,
    A0_REPLY_INVALID,    /* not HTTP, or coded content */
    A0_REPLY_INTERNAL    /* no memory to ask with, or for the answer */
} a0_reply_e;

typedef struct {
    a0_reply_e   result;
    unsigned     status;               /* 0 without an answer */
    a0_str_t     content_type;         /* lower case, no parameters */
    a0_str_t     body;
    int64_t      ratelimit_limit;      /* -1 when absent, as are these: */
    int64_t      ratelimit_remaining;
    int64_t      ratelimit_reset;      /* seconds since the epoch */
    int64_t      retry_after;          /* seconds */
    unsigned     sent:1;               /* the peer may have seen some of it */
} a0_reply_t;


/* What happened to a call, for one log line; holds no secret. */

typedef enum {
    A0_OUTCOME_DONE = 0,
    A0_OUTCOME_DEFINITE,    /* not executed, and will not be */
    A0_OUTCOME_THROTTLED,
    A0_OUTCOME_UNKNOWN
} a0_outcome_e;

typedef struct {
    const char    *step;
    a0_outcome_e   outcome;
    unsigned       status;
    unsigned       attempt;      /* of this step, from 1 */
    a0_str_t       message;      /* Auth0's own error text, cut to 200 bytes
                                    of printable ASCII; often empty */
    unsigned       narrow:1;     /* the token lacks a scope; the client may have
                                    been given it meanwhile */
} a0_provision_log_t;

/* "done", "definite", "throttled", "unknown" */

const char *a0_outcome_text(a0_outcome_e outcome);

/*
 * How the SEND or TOKEN given last ended; nothing in reply is needed
 * afterwards.  *log (may be NULL) is filled; its text lives until the next
 * call.
 */
void a0_provision_feed(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply, a0_provision_log_t *log);


/*
 * The caller has gone before its answer.  May be called at any time before
 * ANSWER, also while a call is under way (which then ends as usual: feed() it
 * and go on with next()).  There will be no ANSWER; credentials are taken back
 * unless `keep` was set, revocation and A0_OP_USER run to their end.
 */
void a0_provision_leave(a0_provision_t *p);

/* After an ANSWER with `confirm`: whether all of it reached the caller. */

void a0_provision_delivered(a0_provision_t *p, int ok);


/*
 * The mark that a creation of this saga leaves in client_metadata.req, for a
 * caller that wants to write it to the ring (A0_RING_REQ) ahead of a SEND with
 * `creates`, against its own sudden death.  Empty at other times.
 */
a0_str_t a0_provision_req(const a0_provision_t *p);

/* Wipes all of mem that was used; p is dead then. */

void a0_provision_cleanse(a0_provision_t *p);


#endif /* A0_PROVISION_H_INCLUDED */
