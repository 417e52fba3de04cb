
/*
 * Answers of the provisioning endpoints, and who may read them (CORS).
 */

#ifndef NGX_HTTP_AUTH0_M2M_PROVISION_ANSWER_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_PROVISION_ANSWER_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"
#include "ngx_http_auth0_m2m_saga.h"


/* A request to the endpoints, in its own pool. */

typedef struct {
    ngx_http_request_t               *request;
    ngx_http_auth0_m2m_loc_conf_t    *conf;
    ngx_http_auth0_m2m_saga_t        *saga;
    a0_op_e                           op;
    a0_str_t                          path;       /* of the location, less
                                                     a slash at its end */
    a0_str_t                          key_id;
    a0_str_t                          body;
    u_char                           *room;       /* of the body */
    a0_str_t                          sub;
    a0_provision_input_t             *input;
    ngx_str_t                         origin;     /* allowed, or empty */
    ngx_event_t                       timer;      /* waits for the lease */
    ngx_msec_t                        wait_until;
    uint64_t                          serial;
    ngx_int_t                         ttl;
    u_char                            id[NGX_HTTP_AUTH0_M2M_REQUEST_ID];
    u_char                            lease[NGX_HTTP_AUTH0_M2M_ID];
    u_char                            record[NGX_HTTP_AUTH0_M2M_ID];
    u_char                            random[A0_PROVISION_RANDOM];
    u_char                            replay[NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX];
    unsigned                          has_lease:1;
    unsigned                          has_record:1;
    unsigned                          answered:1;
    unsigned                          confirm:1;
    unsigned                          lost:1;     /* could not be sent */
} ngx_http_auth0_m2m_provision_t;


#pragma GCC visibility push(hidden)


/* The one that belongs to a request, or NULL. */

ngx_http_auth0_m2m_provision_t *ngx_http_auth0_m2m_provision_of(
    ngx_http_request_t *r);

/*
 * Reads the body into pc->body and calls ready(), or answers.  Returns what
 * the content handler is to return.
 */
ngx_int_t ngx_http_auth0_m2m_provision_read(
    ngx_http_auth0_m2m_provision_t *pc);
void ngx_http_auth0_m2m_provision_ready(ngx_http_auth0_m2m_provision_t *pc);


/*
 * Sets pc->origin for an Origin that is listed, or that is this server's own.
 * NGX_DECLINED: another one, or a cross-site request without Origin.
 */
ngx_int_t ngx_http_auth0_m2m_provision_origin(
    ngx_http_auth0_m2m_provision_t *pc);

/* Each sends a whole answer and returns what to finalize the request with.
 * retry_after in seconds, 0: no such header. */

ngx_int_t ngx_http_auth0_m2m_provision_problem(
    ngx_http_auth0_m2m_provision_t *pc, a0_problem_e problem,
    ngx_uint_t retry_after, a0_str_t *allow);
ngx_int_t ngx_http_auth0_m2m_provision_preflight(
    ngx_http_auth0_m2m_provision_t *pc);
ngx_int_t ngx_http_auth0_m2m_provision_result(
    ngx_http_auth0_m2m_provision_t *pc, const a0_todo_t *todo);

/* How many headers of that lower-case name the request has; *value is set to
 * the first one's. */

ngx_uint_t ngx_http_auth0_m2m_provision_headers(ngx_http_request_t *r,
    const char *name, ngx_str_t **value);


/* NONE when the token is of the tenant that provisions: who asks is known by
 * what that tenant calls them. */

a0_problem_e ngx_http_auth0_m2m_provision_tenant(
    ngx_http_auth0_m2m_provision_t *pc, ngx_http_auth0_m2m_ctx_t *ctx);


/*
 * The way to a saga, each NONE or what to answer: who asks; whether our own
 * limits let it pass (*retry_after in seconds may be set) and whether it has
 * been done before.  begin() takes over: it answers sooner or later.
 */
a0_problem_e ngx_http_auth0_m2m_provision_identify(
    ngx_http_auth0_m2m_provision_t *pc);
a0_problem_e ngx_http_auth0_m2m_provision_admit(
    ngx_http_auth0_m2m_provision_t *pc, ngx_uint_t *retry_after);
void ngx_http_auth0_m2m_provision_begin(ngx_http_auth0_m2m_provision_t *pc);

/* Answers with a problem, and the request is over. */

void ngx_http_auth0_m2m_provision_end(ngx_http_auth0_m2m_provision_t *pc,
    a0_problem_e problem, ngx_uint_t retry_after);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_PROVISION_ANSWER_H_INCLUDED */
