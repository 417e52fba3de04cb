
/*
 * The body of a request to the endpoints: read as it comes, into memory, and
 * no further than what is too much.  nginx's own way would write a longer one
 * to a file, and answer for us where its limit is passed.
 */

#include "ngx_http_auth0_m2m_provision_answer.h"


static void ngx_http_auth0_m2m_provision_body(ngx_http_request_t *r);
static void ngx_http_auth0_m2m_provision_reading(ngx_http_request_t *r);
static a0_problem_e ngx_http_auth0_m2m_provision_collect(
    ngx_http_auth0_m2m_provision_t *pc);


ngx_int_t
ngx_http_auth0_m2m_provision_read(ngx_http_auth0_m2m_provision_t *pc)
{
    ngx_int_t  rc;

    pc->request->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(pc->request,
                                           ngx_http_auth0_m2m_provision_body);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_auth0_m2m_provision_body(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_auth0_m2m_provision_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_auth0_m2m_provision_reading(r);
}


static void
ngx_http_auth0_m2m_provision_reading(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    a0_problem_e                     problem;
    ngx_http_auth0_m2m_provision_t  *pc;

    pc = ngx_http_auth0_m2m_provision_of(r);

    if (pc == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    for ( ;; ) {
        problem = ngx_http_auth0_m2m_provision_collect(pc);

        if (problem != A0_PROBLEM_NONE) {
            r->keepalive = 0;
            ngx_http_auth0_m2m_provision_end(pc, problem, 0);
            return;
        }

        if (!r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;
        }
    }

    ngx_http_auth0_m2m_provision_ready(pc);
}


/* Takes what nginx has read, and gives its buffers back. */

static a0_problem_e
ngx_http_auth0_m2m_provision_collect(ngx_http_auth0_m2m_provision_t *pc)
{
    size_t                    n;
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = pc->request->request_body;

    if (rb == NULL || rb->bufs == NULL) {
        return A0_PROBLEM_NONE;
    }

    if (pc->room == NULL) {
        pc->room = ngx_pnalloc(pc->request->pool, A0_PROVISION_BODY_MAX);
        if (pc->room == NULL) {
            return A0_PROBLEM_INTERNAL;
        }
    }

    for (cl = rb->bufs; cl; cl = cl->next) {
        b = cl->buf;
        n = b->last - b->pos;

        if (n > A0_PROVISION_BODY_MAX - pc->body.len) {
            return A0_PROBLEM_TOO_LARGE;
        }

        /* the last one may hold nothing */

        if (n) {
            ngx_memcpy(pc->room + pc->body.len, b->pos, n);
            b->pos = b->last;
        }

        pc->body.len += n;
    }

    pc->body.data = pc->room;
    rb->bufs = NULL;

    return A0_PROBLEM_NONE;
}
