
#include <openssl/rand.h>

#include "ngx_http_auth0_m2m_access.h"
#include "ngx_http_auth0_m2m_provision.h"
#include "ngx_http_auth0_m2m_provision_answer.h"
#include "ngx_http_auth0_m2m_token.h"

#include "a0_identity.h"


#define NGX_HTTP_AUTH0_M2M_LEASE_POLL     50       /* ms */
#define NGX_HTTP_AUTH0_M2M_LEASE_WAIT     3000     /* ms, then 409 */
#define NGX_HTTP_AUTH0_M2M_LEASE_SPARE    2000     /* ms beyond the deadline */
#define NGX_HTTP_AUTH0_M2M_RECORD_TTL     86400    /* seconds */


static ngx_http_auth0_m2m_provision_t *ngx_http_auth0_m2m_provision_create(
    ngx_http_request_t *r);
static void ngx_http_auth0_m2m_provision_cleanup(void *data);
static ngx_int_t ngx_http_auth0_m2m_provision_refuse(
    ngx_http_auth0_m2m_provision_t *pc, ngx_http_auth0_m2m_ctx_t *ctx);
static a0_problem_e ngx_http_auth0_m2m_provision_route(
    ngx_http_auth0_m2m_provision_t *pc, a0_str_t *allow);
static ngx_uint_t ngx_http_auth0_m2m_provision_is_json(ngx_http_request_t *r);
static void ngx_http_auth0_m2m_provision_body(ngx_http_request_t *r);
static a0_problem_e ngx_http_auth0_m2m_provision_read(
    ngx_http_auth0_m2m_provision_t *pc);
static a0_problem_e ngx_http_auth0_m2m_provision_identify(
    ngx_http_auth0_m2m_provision_t *pc);
static a0_problem_e ngx_http_auth0_m2m_provision_admit(
    ngx_http_auth0_m2m_provision_t *pc, ngx_uint_t *retry_after);
static a0_problem_e ngx_http_auth0_m2m_provision_record(
    ngx_http_auth0_m2m_provision_t *pc);
static a0_problem_e ngx_http_auth0_m2m_provision_remember(
    ngx_http_auth0_m2m_provision_t *pc, const a0_str_t *parts, ngx_uint_t n);
static void ngx_http_auth0_m2m_provision_lease(ngx_event_t *ev);
static void ngx_http_auth0_m2m_provision_start(
    ngx_http_auth0_m2m_provision_t *pc);
static void ngx_http_auth0_m2m_provision_answer(void *data,
    const a0_todo_t *answer);
static void ngx_http_auth0_m2m_provision_end(
    ngx_http_auth0_m2m_provision_t *pc, a0_problem_e problem,
    ngx_uint_t retry_after);


static uint64_t  ngx_http_auth0_m2m_provision_serial;


ngx_int_t
ngx_http_auth0_m2m_provision_handler(ngx_http_request_t *r)
{
    a0_str_t                         allow;
    ngx_int_t                        rc;
    a0_problem_e                     problem;
    ngx_http_auth0_m2m_ctx_t        *ctx;
    ngx_http_auth0_m2m_provision_t  *pc;

    /* nobody but a client asks for credentials */

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    pc = ngx_http_auth0_m2m_provision_create(r);
    if (pc == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_auth0_m2m_provision_origin(pc) != NGX_OK) {
        problem = A0_PROBLEM_ORIGIN_NOT_ALLOWED;
        goto refused;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        rc = ngx_http_discard_request_body(r);

        return (rc == NGX_OK) ? ngx_http_auth0_m2m_provision_preflight(pc)
                              : rc;
    }

    allow.len = 0;
    problem = ngx_http_auth0_m2m_provision_route(pc, &allow);

    ctx = ngx_http_get_module_ctx(r, ngx_http_auth0_m2m_module);

    if (ctx == NULL || ctx->conf != pc->conf || !ctx->verified) {
        return ngx_http_auth0_m2m_provision_refuse(pc, ctx);
    }

    if (problem != A0_PROBLEM_NONE) {
        goto refused;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_auth0_m2m_provision_body);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;

refused:

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_auth0_m2m_provision_problem(pc, problem, 0,
                                                allow.len ? &allow : NULL);
}


static ngx_http_auth0_m2m_provision_t *
ngx_http_auth0_m2m_provision_create(ngx_http_request_t *r)
{
    ngx_http_cleanup_t              *cln;
    ngx_http_auth0_m2m_provision_t  *pc;

    pc = ngx_pcalloc(r->pool, sizeof(ngx_http_auth0_m2m_provision_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (pc == NULL || cln == NULL
        || RAND_bytes(pc->random, sizeof(pc->random)) != 1)
    {
        return NULL;
    }

    pc->request = r;
    pc->conf = ngx_http_get_module_loc_conf(r, ngx_http_auth0_m2m_module);

    ngx_hex_dump(pc->id, pc->random, sizeof(pc->id) / 2);

    /* the identifier is public, the rest is not to be told from it */

    if (RAND_bytes(pc->random, sizeof(pc->random)) != 1) {
        return NULL;
    }

    cln->handler = ngx_http_auth0_m2m_provision_cleanup;
    cln->data = pc;

    return pc;
}


/* The request ends, answered or not; the saga goes on without it. */

static void
ngx_http_auth0_m2m_provision_cleanup(void *data)
{
    ngx_http_auth0_m2m_provision_t *pc = data;

    ngx_connection_t             *c;
    ngx_http_auth0_m2m_tables_t  *tables;

    if (pc->timer.timer_set) {
        ngx_del_timer(&pc->timer);
    }

    if (pc->saga && !pc->answered) {
        ngx_http_auth0_m2m_saga_leave(pc->saga);

    } else if (pc->saga && pc->confirm) {
        c = pc->request->connection;
        ngx_http_auth0_m2m_saga_delivered(pc->saga,
                                          !c->error && !c->timedout
                                          && !c->buffered
                                          && pc->request->out == NULL);
    }

    pc->saga = NULL;

    if (pc->has_record) {
        tables = pc->conf->manager->tables;
        ngx_http_auth0_m2m_idempotent_end(tables, pc->record, ngx_time(),
                                          pc->ttl, NULL, 0);
    }
}


static ngx_int_t
ngx_http_auth0_m2m_provision_refuse(ngx_http_auth0_m2m_provision_t *pc,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    ngx_int_t     rc;
    a0_problem_e  problem;

    rc = ngx_http_discard_request_body(pc->request);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx == NULL || ctx->conf != pc->conf) {
        return NGX_HTTP_FORBIDDEN;
    }

    switch (ngx_http_auth0_m2m_access_deny(pc->request, ctx)) {

    case NGX_HTTP_BAD_REQUEST:
    case NGX_HTTP_UNAUTHORIZED:
        problem = (ctx->err == A0_ERR_MISSING) ? A0_PROBLEM_TOKEN_REQUIRED
                                               : A0_PROBLEM_INVALID_TOKEN;
        break;

    case NGX_HTTP_FORBIDDEN:
        problem = A0_PROBLEM_FORBIDDEN;
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        problem = A0_PROBLEM_KEYS_UNAVAILABLE;
        break;

    default:
        problem = A0_PROBLEM_INTERNAL;
        break;
    }

    return ngx_http_auth0_m2m_provision_problem(pc, problem, 0, NULL);
}


static a0_problem_e
ngx_http_auth0_m2m_provision_route(ngx_http_auth0_m2m_provision_t *pc,
    a0_str_t *allow)
{
    a0_str_t                   method, tail;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = pc->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    method = ngx_http_auth0_m2m_a0(&r->method_name);
    tail = ngx_http_auth0_m2m_a0(&r->uri);

    if (tail.len < clcf->name.len) {
        return A0_PROBLEM_NOT_FOUND;
    }

    tail.len -= clcf->name.len;
    tail.data += clcf->name.len;

    pc->op = a0_provision_route(pc->conf->handler, method, tail, &pc->key_id,
                                allow);

    if (pc->op == A0_OP_NONE) {
        return allow->len ? A0_PROBLEM_METHOD_NOT_ALLOWED
                          : A0_PROBLEM_NOT_FOUND;
    }

    if (r->headers_in.content_length_n > A0_PROVISION_BODY_MAX) {
        return A0_PROBLEM_TOO_LARGE;
    }

    if ((r->headers_in.content_length_n > 0 || r->headers_in.chunked)
        && !ngx_http_auth0_m2m_provision_is_json(r))
    {
        return A0_PROBLEM_UNSUPPORTED_TYPE;
    }

    return A0_PROBLEM_NONE;
}


static ngx_uint_t
ngx_http_auth0_m2m_provision_is_json(ngx_http_request_t *r)
{
    ngx_str_t  *type;

    static const size_t  n = sizeof("application/json") - 1;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;

    return type->len >= n
           && ngx_strncasecmp(type->data, (u_char *) "application/json", n)
              == 0
           && (type->len == n || type->data[n] == ';' || type->data[n] == ' ');
}


static void
ngx_http_auth0_m2m_provision_body(ngx_http_request_t *r)
{
    ngx_uint_t                       retry_after;
    a0_problem_e                     problem;
    ngx_http_cleanup_t              *cln;
    ngx_http_auth0_m2m_provision_t  *pc;

    pc = NULL;

    for (cln = r->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_auth0_m2m_provision_cleanup) {
            pc = cln->data;
        }
    }

    if (pc == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    retry_after = 0;
    problem = ngx_http_auth0_m2m_provision_read(pc);

    if (problem == A0_PROBLEM_NONE) {
        problem = ngx_http_auth0_m2m_provision_identify(pc);
    }

    if (problem == A0_PROBLEM_NONE) {
        problem = ngx_http_auth0_m2m_provision_admit(pc, &retry_after);
    }

    if (problem != A0_PROBLEM_NONE) {
        ngx_http_auth0_m2m_provision_end(pc, problem, retry_after);
        return;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    pc->wait_until = ngx_current_msec + NGX_HTTP_AUTH0_M2M_LEASE_WAIT;
    pc->timer.handler = ngx_http_auth0_m2m_provision_lease;
    pc->timer.data = pc;
    pc->timer.log = r->connection->log;

    ngx_http_auth0_m2m_provision_lease(&pc->timer);
}


static a0_problem_e
ngx_http_auth0_m2m_provision_read(ngx_http_auth0_m2m_provision_t *pc)
{
    size_t                    len;
    u_char                   *p;
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = pc->request->request_body;

    if (rb == NULL || rb->bufs == NULL) {
        return A0_PROBLEM_NONE;
    }

    if (rb->temp_file) {
        return A0_PROBLEM_TOO_LARGE;
    }

    len = 0;

    for (cl = rb->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    if (len > A0_PROVISION_BODY_MAX) {
        return A0_PROBLEM_TOO_LARGE;
    }

    p = ngx_pnalloc(pc->request->pool, len + 1);
    if (p == NULL) {
        return A0_PROBLEM_INTERNAL;
    }

    pc->body.data = p;
    pc->body.len = len;

    for (cl = rb->bufs; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, ngx_buf_size(cl->buf));
    }

    return A0_PROBLEM_NONE;
}


static a0_problem_e
ngx_http_auth0_m2m_provision_identify(ngx_http_auth0_m2m_provision_t *pc)
{
    u_char                     *work;
    a0_str_t                    payload;
    a0_identity_t               id;
    a0_provision_input_t       *input;
    ngx_http_request_t         *r;
    ngx_http_auth0_m2m_ctx_t   *ctx;
    ngx_http_core_loc_conf_t   *clcf;

    r = pc->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_auth0_m2m_module);
    payload = ngx_http_auth0_m2m_token_payload(ctx->token);

    work = ngx_palloc(r->pool, a0_identity_work_size(payload.len));
    input = ngx_pcalloc(r->pool, sizeof(a0_provision_input_t));

    if (work == NULL || input == NULL) {
        return A0_PROBLEM_INTERNAL;
    }

    if (a0_identity_read(payload, &pc->conf->policy.audiences, work, &id)
        != A0_OK)
    {
        return A0_PROBLEM_INVALID_TOKEN;
    }

    /* a server for `user`, a person for the rest */

    if ((pc->op == A0_OP_USER) != (id.m2m != 0)) {
        return A0_PROBLEM_FORBIDDEN;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    input->op = pc->op;
    input->user.sub = id.sub;
    input->user.email = id.email;
    input->user.org_id = id.org_id;
    input->user.email_verified = id.email_verified ? 1 : 0;
    input->body = pc->body;
    input->key_id = pc->key_id;
    input->location = ngx_http_auth0_m2m_a0(&clcf->name);
    input->request_id.len = sizeof(pc->id);
    input->request_id.data = pc->id;
    input->random = pc->random;

    pc->sub = id.sub;
    pc->input = input;

    return A0_PROBLEM_NONE;
}


/* Our own limits, then whether this has been done before. */

static a0_problem_e
ngx_http_auth0_m2m_provision_admit(ngx_http_auth0_m2m_provision_t *pc,
    ngx_uint_t *retry_after)
{
    u_char                        name[NGX_HTTP_AUTH0_M2M_ID];
    a0_str_t                      parts[2];
    ngx_msec_t                    wait;
    ngx_http_auth0_m2m_tables_t  *tables;

    static const a0_str_t  limit = a0_string("limit");
    static const a0_str_t  lease = a0_string("lease");

    tables = pc->conf->manager->tables;

    if (ngx_http_auth0_m2m_sagas() >= NGX_HTTP_AUTH0_M2M_SAGAS_MAX) {
        *retry_after = 1;
        return A0_PROBLEM_BUSY;
    }

    parts[1] = pc->sub;

    if (pc->conf->rate && pc->op != A0_OP_KEY_LIST && pc->op != A0_OP_USER) {
        parts[0] = limit;
        ngx_http_auth0_m2m_tables_name(tables, parts, 2, name);

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
        parts[1] = pc->body;
    }

    ngx_http_auth0_m2m_tables_name(tables, parts, 2, pc->lease);

    return ngx_http_auth0_m2m_provision_record(pc);
}


static a0_problem_e
ngx_http_auth0_m2m_provision_record(ngx_http_auth0_m2m_provision_t *pc)
{
    a0_str_t    header, key, parts[4];
    ngx_str_t  *value;

    static const a0_str_t  revoked = a0_string("revoked");
    static const a0_str_t  idempotent = a0_string("idempotent");

    parts[1] = pc->sub;

    switch (pc->op) {

    case A0_OP_KEY_REVOKE:
        parts[0] = revoked;
        parts[2] = pc->key_id;

        return ngx_http_auth0_m2m_provision_remember(pc, parts, 3);

    case A0_OP_CREATE_KEY:
    case A0_OP_KEY_CREATE:
    case A0_OP_KEY_ROTATE:
        break;

    default:
        return A0_PROBLEM_NONE;
    }

    value = ngx_http_auth0_m2m_provision_header(pc->request,
                                                "idempotency-key");
    if (value == NULL) {
        return A0_PROBLEM_NONE;
    }

    header = ngx_http_auth0_m2m_a0(value);

    if (a0_idempotency_key(header, &key) != A0_OK) {
        return A0_PROBLEM_BAD_IDEMPOTENCY_KEY;
    }

    parts[0] = idempotent;
    parts[2] = ngx_http_auth0_m2m_a0(&pc->request->uri);
    parts[3] = key;

    pc->input->keep = 1;

    return ngx_http_auth0_m2m_provision_remember(pc, parts, 4);
}


static a0_problem_e
ngx_http_auth0_m2m_provision_remember(ngx_http_auth0_m2m_provision_t *pc,
    const a0_str_t *parts, ngx_uint_t n)
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

    ngx_http_auth0_m2m_tables_name(tables, parts, n, pc->record);
    pc->ttl = NGX_HTTP_AUTH0_M2M_RECORD_TTL;

    switch (ngx_http_auth0_m2m_idempotent_begin(tables, pc->record,
                                                fingerprint, ngx_time(),
                                                pc->ttl, pc->replay, &len))
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

static void
ngx_http_auth0_m2m_provision_lease(ngx_event_t *ev)
{
    ngx_int_t                        rc;
    ngx_connection_t                *c;
    ngx_http_auth0_m2m_provision_t  *pc;

    pc = ev->data;
    c = pc->request->connection;
    rc = NGX_OK;

    if (pc->op != A0_OP_KEY_LIST) {
        pc->serial = ++ngx_http_auth0_m2m_provision_serial;

        rc = ngx_http_auth0_m2m_lease_take(pc->conf->manager->tables,
                                           pc->lease, pc->serial,
                                           ngx_current_msec,
                                           pc->conf->deadline
                                           + NGX_HTTP_AUTH0_M2M_LEASE_SPARE);
        pc->has_lease = (rc == NGX_OK);
    }

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
                                         : A0_PROBLEM_BUSY, 1);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_auth0_m2m_provision_start(ngx_http_auth0_m2m_provision_t *pc)
{
    ngx_http_auth0_m2m_saga_args_t  args;

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
        if (pc->has_lease) {
            ngx_http_auth0_m2m_lease_release(args.manager->tables, pc->lease,
                                             pc->serial);
        }

        ngx_http_auth0_m2m_provision_end(pc, A0_PROBLEM_INTERNAL, 1);
        return;
    }

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

    ngx_http_finalize_request(pc->request, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_auth0_m2m_provision_end(ngx_http_auth0_m2m_provision_t *pc,
    a0_problem_e problem, ngx_uint_t retry_after)
{
    ngx_http_finalize_request(pc->request,
                              ngx_http_auth0_m2m_provision_problem(pc, problem,
                                                     retry_after, NULL));
}
