
#include "ngx_http_auth0_m2m_provision.h"
#include "ngx_http_auth0_m2m_provision_answer.h"
#include "ngx_http_auth0_m2m_verdict.h"

#include <openssl/rand.h>


static ngx_http_auth0_m2m_provision_t *ngx_http_auth0_m2m_provision_create(
    ngx_http_request_t *r);
static void ngx_http_auth0_m2m_provision_cleanup(void *data);
static ngx_int_t ngx_http_auth0_m2m_provision_refuse(
    ngx_http_auth0_m2m_provision_t *pc, ngx_http_auth0_m2m_ctx_t *ctx);
static a0_problem_e ngx_http_auth0_m2m_provision_route(
    ngx_http_auth0_m2m_provision_t *pc, a0_str_t *allow);
static ngx_uint_t ngx_http_auth0_m2m_provision_is_json(ngx_http_request_t *r);


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

    allow.len = 0;

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

    problem = ngx_http_auth0_m2m_provision_route(pc, &allow);

    ctx = ngx_http_get_module_ctx(r, ngx_http_auth0_m2m_module);

    if (ctx == NULL || ctx->conf != pc->conf || !ctx->verified) {
        return ngx_http_auth0_m2m_provision_refuse(pc, ctx);
    }

    if (problem != A0_PROBLEM_NONE) {
        goto refused;
    }

    return ngx_http_auth0_m2m_provision_read(pc);

refused:

    rc = ngx_http_discard_request_body(r);

    return (rc == NGX_OK)
           ? ngx_http_auth0_m2m_provision_problem(pc, problem, 0,
                                                  allow.len ? &allow : NULL)
           : rc;
}


static ngx_http_auth0_m2m_provision_t *
ngx_http_auth0_m2m_provision_create(ngx_http_request_t *r)
{
    ngx_http_cleanup_t              *cln;
    ngx_http_core_loc_conf_t        *clcf;
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

    /* "/keys/" and "/keys" mean the same */

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    pc->path = ngx_http_auth0_m2m_a0(&clcf->name);

    if (pc->path.len && pc->path.data[pc->path.len - 1] == '/') {
        pc->path.len--;
    }

    ngx_hex_dump(pc->id, pc->random, sizeof(pc->id) / 2);

    /* the identifier is public, the rest is not to be told from it */

    if (RAND_bytes(pc->random, sizeof(pc->random)) != 1) {
        return NULL;
    }

    cln->handler = ngx_http_auth0_m2m_provision_cleanup;
    cln->data = pc;

    return pc;
}


/* A module's context would not outlive an internal redirect. */

ngx_http_auth0_m2m_provision_t *
ngx_http_auth0_m2m_provision_of(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_auth0_m2m_provision_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


/* The request ends, answered or not; the saga goes on without it. */

static void
ngx_http_auth0_m2m_provision_cleanup(void *data)
{
    ngx_http_auth0_m2m_provision_t *pc = data;

    ngx_connection_t             *c;
    ngx_http_auth0_m2m_tables_t  *tables;

    tables = pc->conf->manager->tables;

    if (pc->timer.timer_set) {
        ngx_del_timer(&pc->timer);
    }

    if (pc->saga && !pc->answered) {
        ngx_http_auth0_m2m_saga_leave(pc->saga);

    } else if (pc->saga && pc->confirm) {
        c = pc->request->connection;
        ngx_http_auth0_m2m_saga_delivered(pc->saga,
                                          !pc->lost && !c->error
                                          && !c->timedout
                                          && !c->buffered
                                          && pc->request->out == NULL);
    }

    pc->saga = NULL;

    /* what no saga has taken over */

    if (pc->has_lease) {
        ngx_http_auth0_m2m_lease_release(tables, pc->lease, pc->serial);
    }

    if (pc->has_record) {
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

    switch (ngx_http_auth0_m2m_verdict_deny(pc->request, ctx)) {

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
    a0_str_t             method, tail;
    ngx_http_request_t  *r;

    r = pc->request;

    method = ngx_http_auth0_m2m_a0(&r->method_name);
    tail = ngx_http_auth0_m2m_a0(&r->uri);

    /* "rewrite ... break" may have changed what found the location */

    if (tail.len < pc->path.len
        || ngx_memcmp(tail.data, pc->path.data, pc->path.len) != 0)
    {
        return A0_PROBLEM_NOT_FOUND;
    }

    tail.len -= pc->path.len;
    tail.data += pc->path.len;

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


/* The whole body is here. */

void
ngx_http_auth0_m2m_provision_ready(ngx_http_auth0_m2m_provision_t *pc)
{
    ngx_uint_t           retry_after;
    a0_problem_e         problem;
    ngx_http_request_t  *r;

    r = pc->request;
    retry_after = 0;

    problem = ngx_http_auth0_m2m_provision_identify(pc);

    if (problem == A0_PROBLEM_KEYS_UNAVAILABLE) {
        retry_after = 1;

    } else if (problem == A0_PROBLEM_NONE) {
        problem = ngx_http_auth0_m2m_provision_admit(pc, &retry_after);
    }

    if (problem != A0_PROBLEM_NONE) {
        ngx_http_auth0_m2m_provision_end(pc, problem, retry_after);
        return;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_auth0_m2m_provision_begin(pc);
}
