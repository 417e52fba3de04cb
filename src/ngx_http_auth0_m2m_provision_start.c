
#include "ngx_http_auth0_m2m_provision_answer.h"
#include "ngx_http_auth0_m2m_token.h"

#include "a0_identity.h"


#define NGX_HTTP_AUTH0_M2M_LEASE_POLL     50       /* ms */
#define NGX_HTTP_AUTH0_M2M_LEASE_WAIT     3000     /* ms, then 409 */
#define NGX_HTTP_AUTH0_M2M_LEASE_SPARE    2000     /* ms beyond the deadline */
#define NGX_HTTP_AUTH0_M2M_RECORD_TTL     86400    /* seconds */


static ngx_int_t ngx_http_auth0_m2m_provision_name(
    ngx_http_auth0_m2m_provision_t *pc, a0_str_t *parts, ngx_uint_t n,
    u_char *name);
static a0_problem_e ngx_http_auth0_m2m_provision_record(
    ngx_http_auth0_m2m_provision_t *pc);
static a0_problem_e ngx_http_auth0_m2m_provision_revoked(
    ngx_http_auth0_m2m_provision_t *pc);
static a0_problem_e ngx_http_auth0_m2m_provision_remember(
    ngx_http_auth0_m2m_provision_t *pc, a0_str_t *parts, ngx_uint_t n);
static void ngx_http_auth0_m2m_provision_turn(ngx_event_t *ev);
static ngx_int_t ngx_http_auth0_m2m_provision_lease(
    ngx_http_auth0_m2m_provision_t *pc);
static void ngx_http_auth0_m2m_provision_start(
    ngx_http_auth0_m2m_provision_t *pc);
static void ngx_http_auth0_m2m_provision_answer(void *data,
    const a0_todo_t *answer);


static uint64_t  ngx_http_auth0_m2m_provision_serial;


a0_problem_e
ngx_http_auth0_m2m_provision_identify(ngx_http_auth0_m2m_provision_t *pc)
{
    u_char                    *work;
    a0_err_t                   err;
    a0_str_t                   payload;
    a0_problem_e               problem;
    a0_identity_t              id;
    a0_provision_input_t      *input;
    ngx_http_request_t        *r;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    r = pc->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_auth0_m2m_module);

    problem = ngx_http_auth0_m2m_provision_tenant(pc, ctx);
    if (problem != A0_PROBLEM_NONE) {
        return problem;
    }

    payload = ngx_http_auth0_m2m_token_payload(ctx->token);

    work = ngx_palloc(r->pool, a0_identity_work_size(payload.len));
    input = ngx_pcalloc(r->pool, sizeof(a0_provision_input_t));

    if (work == NULL || input == NULL) {
        return A0_PROBLEM_INTERNAL;
    }

    err = a0_identity_read(payload, &pc->conf->policy.audiences, work, &id);

    if (err != A0_OK) {
        return (err == A0_ERR_INTERNAL) ? A0_PROBLEM_INTERNAL
                                        : A0_PROBLEM_INVALID_TOKEN;
    }

    /* a server for `user`, a person for the rest */

    if ((pc->op == A0_OP_USER) != (id.m2m != 0)) {
        return A0_PROBLEM_FORBIDDEN;
    }

    input->op = pc->op;
    input->user.sub = id.sub;
    input->user.email = id.email;
    input->user.org_id = id.org_id;
    input->user.email_verified = id.email_verified ? 1 : 0;
    input->body = pc->body;
    input->key_id = pc->key_id;
    input->location = pc->path;
    input->request_id.len = sizeof(pc->id);
    input->request_id.data = pc->id;
    input->random = pc->random;

    pc->sub = id.sub;
    pc->input = input;

    return A0_PROBLEM_NONE;
}


/* Our own limits, then whether this has been done before. */

a0_problem_e
ngx_http_auth0_m2m_provision_admit(ngx_http_auth0_m2m_provision_t *pc,
    ngx_uint_t *retry_after)
{
    u_char                        name[NGX_HTTP_AUTH0_M2M_ID];
    a0_str_t                      parts[3];
    ngx_msec_t                    wait;
    ngx_http_auth0_m2m_tables_t  *tables;

    static const a0_str_t  limit = a0_string("limit");
    static const a0_str_t  lease = a0_string("lease");

    tables = pc->conf->manager->tables;

    if (ngx_http_auth0_m2m_sagas() >= NGX_HTTP_AUTH0_M2M_SAGAS_MAX) {
        *retry_after = 1;
        return A0_PROBLEM_BUSY;
    }

    parts[2] = pc->sub;

    if (pc->conf->rate && pc->op != A0_OP_KEY_LIST && pc->op != A0_OP_USER) {
        parts[0] = limit;

        if (ngx_http_auth0_m2m_provision_name(pc, parts, 3, name) != NGX_OK) {
            return A0_PROBLEM_INTERNAL;
        }

        wait = ngx_http_auth0_m2m_limit(tables, name, ngx_current_msec,
                                        pc->conf->rate, pc->conf->burst);
        if (wait) {
            *retry_after = (wait + 999) / 1000;
            return A0_PROBLEM_TOO_MANY_REQUESTS;
        }
    }

    /* a server provisions many users at once, each of them once */

    parts[0] = lease;

    if (pc->op == A0_OP_USER) {
        parts[2] = pc->body;
    }

    if (ngx_http_auth0_m2m_provision_name(pc, parts, 3, pc->lease) != NGX_OK) {
        return A0_PROBLEM_INTERNAL;
    }

    /* revocations of one key wait for each other */

    return (pc->op == A0_OP_KEY_REVOKE)
           ? A0_PROBLEM_NONE : ngx_http_auth0_m2m_provision_record(pc);
}


/* parts[1] is for the tenant: the same sub at another one is somebody else. */

static ngx_int_t
ngx_http_auth0_m2m_provision_name(ngx_http_auth0_m2m_provision_t *pc,
    a0_str_t *parts, ngx_uint_t n, u_char *name)
{
    parts[1] = ngx_http_auth0_m2m_a0(&pc->conf->keysets[0]->tenant->domain);

    return ngx_http_auth0_m2m_tables_name(pc->conf->manager->tables, parts, n,
                                          name);
}


/* Whether this key was revoked by its owner before: then it is so again. */

static a0_problem_e
ngx_http_auth0_m2m_provision_revoked(ngx_http_auth0_m2m_provision_t *pc)
{
    a0_str_t      parts[4];
    a0_problem_e  problem;

    static const a0_str_t  revoked = a0_string("revoked");

    parts[0] = revoked;
    parts[2] = pc->sub;
    parts[3] = pc->key_id;

    pc->body.len = 0;

    problem = ngx_http_auth0_m2m_provision_remember(pc, parts, 4);

    /* without room to remember, a key can still be revoked */

    return (problem == A0_PROBLEM_BUSY) ? A0_PROBLEM_NONE : problem;
}


static a0_problem_e
ngx_http_auth0_m2m_provision_record(ngx_http_auth0_m2m_provision_t *pc)
{
    a0_str_t    header, key, parts[5];
    ngx_str_t  *value;

    static const a0_str_t  idempotent = a0_string("idempotent");

    if (pc->op != A0_OP_CREATE_KEY && pc->op != A0_OP_KEY_CREATE
        && pc->op != A0_OP_KEY_ROTATE)
    {
        return A0_PROBLEM_NONE;
    }

    switch (ngx_http_auth0_m2m_provision_headers(pc->request,
                                                 "idempotency-key", &value))
    {
    case 0:
        return A0_PROBLEM_NONE;

    case 1:
        break;

    default:
        return A0_PROBLEM_BAD_IDEMPOTENCY_KEY;
    }

    header = ngx_http_auth0_m2m_a0(value);

    if (a0_idempotency_key(header, &key) != A0_OK) {
        return A0_PROBLEM_BAD_IDEMPOTENCY_KEY;
    }

    parts[0] = idempotent;
    parts[2] = pc->sub;
    parts[3] = ngx_http_auth0_m2m_a0(&pc->request->uri);
    parts[4] = key;

    pc->input->keep = 1;

    return ngx_http_auth0_m2m_provision_remember(pc, parts, 5);
}


static a0_problem_e
ngx_http_auth0_m2m_provision_remember(ngx_http_auth0_m2m_provision_t *pc,
    a0_str_t *parts, ngx_uint_t n)
{
    u_char                        fingerprint[A0_FINGERPRINT];
    size_t                        len;
    ngx_http_auth0_m2m_tables_t  *tables;

    tables = pc->conf->manager->tables;

    if (a0_provision_fingerprint(pc->op, pc->key_id, pc->body, fingerprint)
        != A0_OK)
    {
        return A0_PROBLEM_MALFORMED_REQUEST;
    }

    if (ngx_http_auth0_m2m_provision_name(pc, parts, n, pc->record) != NGX_OK) {
        return A0_PROBLEM_INTERNAL;
    }

    pc->ttl = NGX_HTTP_AUTH0_M2M_RECORD_TTL;

    switch (ngx_http_auth0_m2m_idempotent_begin(tables, pc->record,
                                                fingerprint, ngx_time(),
                                                pc->replay, &len))
    {
    case NGX_HTTP_AUTH0_M2M_IDEMPOTENT_NEW:
        pc->has_record = 1;
        return A0_PROBLEM_NONE;

    case NGX_HTTP_AUTH0_M2M_IDEMPOTENT_DONE:

        if (pc->op == A0_OP_KEY_REVOKE) {
            pc->input->revoked = 1;
            return A0_PROBLEM_NONE;
        }

        pc->input->replay.len = len;
        pc->input->replay.data = pc->replay;
        return A0_PROBLEM_NONE;

    case NGX_HTTP_AUTH0_M2M_IDEMPOTENT_OTHER:
        return A0_PROBLEM_IDEMPOTENCY_KEY_REUSED;

    case NGX_HTTP_AUTH0_M2M_IDEMPOTENT_RUNNING:
        return A0_PROBLEM_IN_PROGRESS;

    default: /* FULL: better no credential than two */
        return A0_PROBLEM_BUSY;
    }
}


/* One saga of a user at a time: wait for its turn. */

void
ngx_http_auth0_m2m_provision_begin(ngx_http_auth0_m2m_provision_t *pc)
{
    pc->wait_until = ngx_current_msec + NGX_HTTP_AUTH0_M2M_LEASE_WAIT;

    pc->timer.handler = ngx_http_auth0_m2m_provision_turn;
    pc->timer.data = pc;
    pc->timer.log = pc->request->connection->log;

    ngx_http_auth0_m2m_provision_turn(&pc->timer);
}


static void
ngx_http_auth0_m2m_provision_turn(ngx_event_t *ev)
{
    ngx_int_t                        rc;
    ngx_connection_t                *c;
    ngx_http_auth0_m2m_provision_t  *pc;

    pc = ev->data;
    c = pc->request->connection;
    rc = ngx_http_auth0_m2m_provision_lease(pc);

    if (rc == NGX_OK) {
        ngx_http_auth0_m2m_provision_start(pc);

    } else if (rc == NGX_BUSY
               && (ngx_msec_int_t) (pc->wait_until - ngx_current_msec) > 0)
    {
        ngx_add_timer(ev, NGX_HTTP_AUTH0_M2M_LEASE_POLL);

    } else {
        ngx_http_auth0_m2m_provision_end(pc,
                                         (rc == NGX_BUSY)
                                         ? A0_PROBLEM_IN_PROGRESS
                                         : A0_PROBLEM_BUSY, 0);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_auth0_m2m_provision_lease(ngx_http_auth0_m2m_provision_t *pc)
{
    ngx_int_t  rc;

    if (pc->op == A0_OP_KEY_LIST) {
        return NGX_OK;
    }

    pc->serial = ++ngx_http_auth0_m2m_provision_serial;

    rc = ngx_http_auth0_m2m_lease_take(pc->conf->manager->tables, pc->lease,
                                       pc->serial, ngx_current_msec,
                                       pc->conf->deadline
                                       + NGX_HTTP_AUTH0_M2M_LEASE_SPARE);
    pc->has_lease = (rc == NGX_OK);

    return rc;
}


static void
ngx_http_auth0_m2m_provision_start(ngx_http_auth0_m2m_provision_t *pc)
{
    a0_problem_e                    problem;
    ngx_http_auth0_m2m_saga_args_t  args;

    problem = (pc->op == A0_OP_KEY_REVOKE)
              ? ngx_http_auth0_m2m_provision_revoked(pc) : A0_PROBLEM_NONE;

    if (problem != A0_PROBLEM_NONE) {
        ngx_http_auth0_m2m_provision_end(pc, problem, 0);
        return;
    }

    ngx_memzero(&args, sizeof(ngx_http_auth0_m2m_saga_args_t));

    args.manager = pc->conf->manager;
    args.conf = pc->conf->engine;
    args.input = pc->input;
    args.answer = ngx_http_auth0_m2m_provision_answer;
    args.data = pc;
    args.lease = pc->has_lease ? pc->lease : NULL;
    args.serial = pc->serial;
    args.record = pc->has_record ? pc->record : NULL;
    args.ttl = pc->ttl;

    pc->saga = ngx_http_auth0_m2m_saga_start(&args);

    if (pc->saga == NULL) {
        ngx_http_auth0_m2m_provision_end(pc, A0_PROBLEM_INTERNAL, 1);
        return;
    }

    pc->has_lease = 0;
    pc->has_record = 0;

    ngx_log_error(NGX_LOG_INFO, pc->request->connection->log, 0,
                  "auth0_m2m: provisioning %s, request id %*s",
                  a0_op_text(pc->op), sizeof(pc->id), pc->id);
}


static void
ngx_http_auth0_m2m_provision_answer(void *data, const a0_todo_t *answer)
{
    ngx_http_auth0_m2m_provision_t *pc = data;

    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = pc->request->connection;

    pc->answered = 1;
    pc->confirm = answer->answer.confirm;

    if (!pc->confirm) {
        pc->saga = NULL;
    }

    rc = ngx_http_auth0_m2m_provision_result(pc, answer);
    pc->lost = (rc == NGX_ERROR || rc > NGX_OK);

    ngx_http_finalize_request(pc->request, rc);
    ngx_http_run_posted_requests(c);
}


void
ngx_http_auth0_m2m_provision_end(ngx_http_auth0_m2m_provision_t *pc,
    a0_problem_e problem, ngx_uint_t retry_after)
{
    ngx_http_finalize_request(pc->request,
                              ngx_http_auth0_m2m_provision_problem(pc, problem,
                                                     retry_after, NULL));
}
