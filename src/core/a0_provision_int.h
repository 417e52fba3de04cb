
/*
 * Inside of the saga engine.  Included by a0_provision*.c only.
 *
 * A saga is a list of stages; a stage names a step (one kind of call) and when
 * to skip it.  A step is a row: how the request is built, how the reply is
 * taken, what each class of failure means.  Beside its stage a saga may be
 * reconciling it (looking whether a POST of unknown outcome happened),
 * recovering it (a lost secret is replaced) or undoing.
 */

#ifndef A0_PROVISION_INT_H_INCLUDED
#define A0_PROVISION_INT_H_INCLUDED


#include "a0.h"
#include "a0_json.h"
#include "a0_provision.h"
#include "a0_provision_input.h"


#define A0_RETRIES        2       /* of a call that may be repeated */
#define A0_UNDO_RETRIES   5       /* after 1, 2, 4, 8, 16 s */
#define A0_PAGE           100     /* entries of a list's page */
#define A0_PAGES          10      /* of a list within a caller's deadline */
#define A0_CLEAN_PAGES    1000    /* of the janitor's search */
#define A0_CLEAN_TIME     60000   /* ms for one run of the janitor */
#define A0_UNDO_WAIT      20000   /* ms; what has to wait longer is left to
                                     the janitor */
#define A0_UNDO_INLINE    300     /* ms that make an undo before the answer
                                     worth trying */
#define A0_KEYS_MAX       1000
#define A0_LOOKUPS_MAX    32      /* keys looked up one by one in a list */
#define A0_CURSOR_MAX     512
#define A0_SECRET_MAX     512
#define A0_ID_MAX         64
#define A0_SETTLE         20      /* s after which a call of unknown outcome
                                     has happened or never will */
#define A0_PROPAGATION    30      /* s until a rotated secret is in force */


typedef enum {
    A0_STEP_NONE = 0,
    A0_STEP_USER_GET,
    A0_STEP_USER_FIND,
    A0_STEP_USERS_BY_EMAIL,
    A0_STEP_USER_CREATE,
    A0_STEP_USER_CREATED,
    A0_STEP_ORGS_SELECT,
    A0_STEP_ORGS_MEMBER,
    A0_STEP_ORGS_ADOPT,
    A0_STEP_ORG_CREATE,
    A0_STEP_ORG_BY_NAME,
    A0_STEP_MEMBER_ADD,
    A0_STEP_USER_UPDATE,
    A0_STEP_QUOTA,
    A0_STEP_CLIENT_GET,
    A0_STEP_CLIENT_SCOPE,
    A0_STEP_CLIENT_CREATE,
    A0_STEP_CLIENT_FIND,
    A0_STEP_CLIENT_RECOVER,
    A0_STEP_GRANT_CREATE,
    A0_STEP_GRANT_FIND,
    A0_STEP_ORG_GRANT_ADD,
    A0_STEP_ORG_GRANT_FIND,
    A0_STEP_CLIENT_ROTATE,
    A0_STEP_CLIENT_DELETE,
    A0_STEP_CLIENT_UNDO,
    A0_STEP_LIST_GRANTS,
    A0_STEP_LIST_CLIENTS,
    A0_STEP_LIST_ONE,
    A0_STEP_CLEAN_GET,
    A0_STEP_CLEAN_FIND,
    A0_STEP_CLEAN_DELETE,
    A0_STEP_N
} a0_step_e;


/* What a reply meant. */

typedef enum {
    A0_TAKE_NEXT = 0,   /* step done; of a reconciling step: it happened */
    A0_TAKE_AGAIN,      /* the same step once more: next page, next item */
    A0_TAKE_FINISH,     /* the whole saga is done */
    A0_TAKE_ABSENT,     /* of a reconciling step: it did not happen */
    A0_TAKE_GARBAGE,    /* not what it must be: outcome unknown */
    A0_TAKE_PROBLEM     /* p->verdict says which */
} a0_take_e;


#define A0_CALL_CREATES   0x01   /* leaves a mark in client_metadata.req */
#define A0_CALL_SECRET    0x02   /* request or reply holds a secret */
#define A0_CALL_NO_BODY   0x04   /* the reply's body is not read */
#define A0_CALL_OPTIONAL  0x08   /* refused: go on without */
#define A0_CALL_REPOST    0x10   /* 409 and then absent: post once more */
#define A0_CALL_QUIET     0x20   /* Auth0's error text may quote a secret */

#define A0_MISSING_TAKE   A0_PROBLEM_N   /* 404: take(p, NULL) decides */


typedef struct {
    const char    *name;        /* for logs and answers */
    uint8_t        method;
    uint8_t        flags;
    uint8_t        missing;     /* problem upon 404, or A0_MISSING_TAKE */
    uint8_t        invalid;     /* problem upon 400 */
    uint8_t        reconcile;   /* step that looks whether it happened, after
                                   409 or an unknown outcome; NONE: 409 is a
                                   refusal and the call may be repeated */
    uint8_t        recover;     /* step upon "it did happen" */
    void         (*uri)(a0_provision_t *p, a0_json_out_t *out);
    void         (*body)(a0_provision_t *p, a0_json_out_t *out);
    a0_take_e    (*take)(a0_provision_t *p, const a0_json_t *json);
} a0_step_t;


typedef struct {
    uint8_t        step;
    int          (*skip)(const a0_provision_t *p);
} a0_stage_t;


typedef struct {
    const a0_stage_t  *stages;   /* ends with A0_STEP_NONE */
    void             (*answer)(a0_provision_t *p, a0_todo_t *todo,
                               a0_json_out_t *out);
    unsigned           creates:1;   /* makes a credential; rolls back */
    unsigned           goes_on:1;   /* without its caller */
    unsigned           clean:1;     /* the janitor's: no caller */
} a0_saga_t;


/* One credential while they are being listed. */

typedef struct a0_key_s  a0_key_t;

struct a0_key_s {
    a0_key_t    *next;
    a0_str_t     client_id;
    a0_str_t     scope;
    a0_str_t     name;
    a0_str_t     replaces;
    int64_t      created;     /* seconds since the epoch, 0: not known */
    int64_t      expires;     /* 0: never */
    int64_t      retires;     /* when `replaces` ends */
    unsigned     known:1;     /* its client was seen */
    unsigned     ours:1;      /* managed here, and the caller's to see */
};


typedef enum {
    A0_MODE_RUN = 0,
    A0_MODE_RECONCILE,
    A0_MODE_RECOVER,
    A0_MODE_UNDO
} a0_mode_e;

typedef enum {
    A0_AT_TOKEN = 0,
    A0_AT_CALL,
    A0_AT_ANSWER,
    A0_AT_DONE
} a0_at_e;


struct a0_provision_s {
    const a0_provision_conf_t  *conf;
    const a0_saga_t            *saga;
    const a0_stage_t           *stage;
    const a0_step_t            *step;

    /* memory behind this struct: saved up to used, scratch above */
    unsigned char              *mem;
    size_t                      size;
    size_t                      used;
    size_t                      high;

    /* where it stands */
    a0_op_e                     op;
    a0_mode_e                   mode;
    a0_at_e                     at;
    a0_at_e                     after;        /* the answer */
    uint64_t                    deadline;     /* ms, for the answer */
    uint64_t                    resume;       /* ms, no call before */
    int64_t                     now;          /* s, when the saga began */
    uint64_t                    seed;         /* of the jitter */
    unsigned                    tries;        /* of this step that failed */
    unsigned                    token_tries;
    unsigned                    page;
    unsigned                    count;        /* of what a list counts */
    unsigned                    lookups;
    uint32_t                    retry_after;  /* s, for the answer */
    a0_problem_e                problem;      /* the saga's */
    a0_problem_e                verdict;      /* of the take in hand */
    a0_problem_e                blame;        /* of the last unknown outcome */
    const char                 *failed_step;

    unsigned                    refused:1;    /* the token got a 401 */
    unsigned                    refreshed:1;  /* once per step */
    unsigned                    throttled:1;  /* once per step */
    unsigned                    held:1;       /* kept waiting by the pace */
    unsigned                    reposted:1;   /* once per stage */
    unsigned                    conflicted:1; /* 409, not unknown */
    unsigned                    limited:1;    /* Auth0 named a limit */
    unsigned                    full:1;       /* mem is too small */
    unsigned                    finished:1;   /* before the last stage */
    unsigned                    quit:1;       /* the caller's leaving is
                                                 taken note of */
    unsigned                    answered:1;
    unsigned                    left:1;
    unsigned                    undone:1;
    unsigned                    undo_lost:1;
    unsigned                    revoking:1;   /* the owner's DELETE began */
    unsigned                    mark:1;       /* which of the two marks */
    unsigned                    doubt:2;      /* marks of unknown outcome */

    /* what was asked */
    unsigned                    email_verified:1;
    unsigned                    keep:1;
    unsigned                    revoked:1;
    unsigned                    in_place:1;
    unsigned                    replay:1;
    int64_t                     grace;
    int64_t                     expires;      /* of the key to make, or 0 */
    a0_str_t                    sub;
    a0_str_t                    email;
    a0_str_t                    owner;
    a0_str_t                    org_claim;
    a0_str_t                    target;       /* client id worked on */
    a0_str_t                    search;       /* CLEAN_REQ */
    a0_str_t                    location;
    a0_str_t                    request_id;
    a0_str_t                    name;
    a0_str_t                    scope;        /* separated by spaces */
    a0_str_t                    customer;
    a0_str_t                    subscription;
    a0_str_t                    password;     /* of a user to create */
    a0_str_t                    marks[2];

    /* what was learnt */
    unsigned                    owned:1;      /* target is ours and theirs */
    unsigned                    target_gone:1;
    unsigned                    member:1;
    unsigned                    org_made:1;
    unsigned                    user_done:1;  /* app_metadata is as wanted */
    unsigned                    fits:2;       /* organizations that fit */
    a0_str_t                    user_id;
    a0_str_t                    user_customer;
    a0_str_t                    org_id;
    a0_str_t                    org_name;
    a0_str_t                    client_id;    /* made by this saga */
    a0_str_t                    secret;
    a0_str_t                    grant_id;
    a0_key_t                   *keys;
    a0_key_t                   *key_last;
    size_t                      nkeys;

    char                        cursor[A0_CURSOR_MAX];   /* of a list */
    size_t                      cursor_len;
    unsigned char               message[200];
};


/* a0_provision_steps.c */

const a0_step_t *a0_step(unsigned step);
const a0_saga_t *a0_saga(const a0_provision_t *p);

/* a0_provision.c */

a0_str_t a0_save(a0_provision_t *p, a0_str_t text);
void *a0_save_room(a0_provision_t *p, size_t size);
void a0_scratch(a0_provision_t *p, a0_json_out_t *out);
void a0_scratch_used(a0_provision_t *p, const a0_json_out_t *out);

/* a0_provision_flow.c: moves between stages */

void a0_begin(a0_provision_t *p);
void a0_advance(a0_provision_t *p);
void a0_fail(a0_provision_t *p, const a0_provision_now_t *now,
    a0_problem_e problem);
void a0_undo(a0_provision_t *p, const a0_provision_now_t *now);
void a0_undo_done(a0_provision_t *p);
void a0_undo_failed(a0_provision_t *p, const a0_provision_now_t *now,
    uint32_t wait, int final);
void a0_repeat(a0_provision_t *p, const a0_provision_now_t *now);
void a0_reconcile(a0_provision_t *p);
void a0_taken(a0_provision_t *p, const a0_provision_now_t *now,
    a0_take_e take);
uint32_t a0_left(const a0_provision_t *p, const a0_provision_now_t *now);
uint32_t a0_jitter(a0_provision_t *p, uint32_t below);
int a0_detached(const a0_provision_t *p);

/* a0_provision_outcome.c: classes of replies */

void a0_outcome(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply, a0_provision_log_t *log);
void a0_token_outcome(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply, a0_provision_log_t *log);

/* a0_provision_reply.c: GARBAGE for a body that is not one JSON value */

a0_take_e a0_take(a0_provision_t *p, const a0_reply_t *reply);
void a0_read_error(a0_provision_t *p, const a0_reply_t *reply,
    a0_provision_log_t *log);

/* a0_provision_ask.c: input to saga */

a0_problem_e a0_ask(a0_provision_t *p, const a0_provision_input_t *input);

/* a0_provision_request.c, a0_provision_body.c */

void a0_uri_part(a0_json_out_t *out, a0_str_t text);

void a0_uri_user(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_users_by_email(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_users(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_user_update(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_user_orgs(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_orgs(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_org_by_name(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_members(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_org_grants(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_org_grant_list(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_org_grant_find(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_clients(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_client_search(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_client_query(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_target(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_target_rotate(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_target_delete(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_made_rotate(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_made_delete(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_list_one(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_grants(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_grant_find(a0_provision_t *p, a0_json_out_t *out);
void a0_uri_grant_target(a0_provision_t *p, a0_json_out_t *out);

void a0_body_user_create(a0_provision_t *p, a0_json_out_t *out);
void a0_body_user_update(a0_provision_t *p, a0_json_out_t *out);
void a0_body_org(a0_provision_t *p, a0_json_out_t *out);
void a0_body_members(a0_provision_t *p, a0_json_out_t *out);
void a0_body_client(a0_provision_t *p, a0_json_out_t *out);
void a0_body_grant(a0_provision_t *p, a0_json_out_t *out);
void a0_body_org_grant(a0_provision_t *p, a0_json_out_t *out);

/* a0_provision_{user,org,key,client}.c: taking replies.  json is NULL where
 * the row says so.  Strings of the reply die with it: a0_save() them. */

int a0_str_equal(a0_str_t a, a0_str_t b);
int a0_managed(const a0_json_t *metadata);
int a0_managed_for(const a0_provision_t *p, const a0_json_t *metadata);
int64_t a0_metadata_date(const a0_json_t *metadata, const char *name);

a0_take_e a0_take_problem(a0_provision_t *p, a0_problem_e problem);
const a0_json_t *a0_list_items(const a0_json_t *json, const char *name);
a0_take_e a0_list_more(a0_provision_t *p, const a0_json_t *items,
    unsigned pages);
a0_take_e a0_cursor_more(a0_provision_t *p, const a0_json_t *json,
    const a0_json_t *items, unsigned pages);
a0_str_t a0_text(const a0_json_t *object, const char *name);
a0_str_t a0_save_scope(a0_provision_t *p, const a0_json_t *scope,
    const a0_list_t *within);

a0_take_e a0_take_user(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_user_found(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_users(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_user_made(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_user_there(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_orgs_select(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_orgs_member(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_orgs_adopt(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_org_made(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_org_there(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_done(a0_provision_t *p, const a0_json_t *json);

a0_take_e a0_take_quota(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_target(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_target_scope(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_client_made(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_client_there(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_secret(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_grant_made(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_grant_there(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_org_grant_added(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_org_grant_there(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_clean_get(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_clean_find(a0_provision_t *p, const a0_json_t *json);

/* a0_provision_list.c */

a0_take_e a0_take_list_grants(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_list_clients(a0_provision_t *p, const a0_json_t *json);
a0_take_e a0_take_list_one(a0_provision_t *p, const a0_json_t *json);
a0_key_t *a0_list_unknown(const a0_provision_t *p);
int64_t a0_key_end(const a0_provision_t *p, const a0_key_t *key);
void a0_list_write(a0_provision_t *p, a0_json_out_t *out);

/* a0_provision_finish.c: answers and what DONE hands out */

void a0_answer(a0_provision_t *p, a0_todo_t *todo);
void a0_done(a0_provision_t *p, const a0_provision_now_t *now,
    a0_todo_t *todo);

void a0_answer_key(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out);
void a0_answer_created(a0_provision_t *p, a0_todo_t *todo,
    a0_json_out_t *out);
void a0_answer_rotated(a0_provision_t *p, a0_todo_t *todo,
    a0_json_out_t *out);
void a0_answer_list(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out);
void a0_answer_revoked(a0_provision_t *p, a0_todo_t *todo,
    a0_json_out_t *out);
void a0_answer_user(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out);


#endif /* A0_PROVISION_INT_H_INCLUDED */
