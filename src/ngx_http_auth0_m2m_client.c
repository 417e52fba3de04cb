
/*
 * The life of a call, here named an exchange.
 *
 *     send:      the exchange is made, deadline set, start posted
 *     begin:     its subrequest becomes an upstream
 *     ...        nginx resolves, connects, checks the certificate, sends, reads
 *     finished:  nginx reports the end; the last step is posted
 *     end:       the caller is told, everything is freed
 *
 * Only end() frees, and it runs from the event loop alone, when nothing of
 * nginx on the stack knows the request.  The deadline calls it directly; the
 * clean-up of the upstream then closes whatever is under way.
 */

#include "ngx_http_auth0_m2m_client_exchange.h"


static void ngx_http_auth0_m2m_exchange_start(ngx_event_t *ev);
static void ngx_http_auth0_m2m_exchange_deadline(ngx_event_t *ev);
static void ngx_http_auth0_m2m_exchange_end(ngx_event_t *ev);
static void ngx_http_auth0_m2m_exchange_close(
    ngx_http_auth0_m2m_exchange_t *x);
static ngx_uint_t ngx_http_auth0_m2m_exchange_sent(
    ngx_http_auth0_m2m_exchange_t *x);
static ngx_http_auth0_m2m_result_e ngx_http_auth0_m2m_exchange_result(
    ngx_http_auth0_m2m_exchange_t *x);


static const char *const  ngx_http_auth0_m2m_results[] = {
    "ok",
    "unreached",
    "timeout",
    "reset",
    "too large",
    "invalid",
    "internal error"
};


const char *
ngx_http_auth0_m2m_result_text(ngx_http_auth0_m2m_result_e result)
{
    return ngx_http_auth0_m2m_results[result];
}


ngx_int_t
ngx_http_auth0_m2m_client_send(ngx_http_auth0_m2m_tenant_t *tenant,
    const ngx_http_auth0_m2m_call_t *call, ngx_http_auth0_m2m_done_pt done,
    void *data)
{
    ngx_http_auth0_m2m_exchange_t  *x;

    x = ngx_http_auth0_m2m_exchange_create(tenant, call);
    if (x == NULL) {
        return NGX_ERROR;
    }

    x->done = done;
    x->data = data;

    ngx_http_auth0_m2m_exchange_event(x, &x->step,
                                      ngx_http_auth0_m2m_exchange_start);
    ngx_http_auth0_m2m_exchange_event(x, &x->deadline,
                                      ngx_http_auth0_m2m_exchange_deadline);

    /* keeps an exiting worker until the call has ended */
    ngx_add_timer(&x->deadline, call->timeout);

    /* the next queue runs at once even when posted before the event loop */
    ngx_post_event(&x->step, &ngx_posted_next_events);

    return NGX_OK;
}


static void
ngx_http_auth0_m2m_exchange_start(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_auth0_m2m_exchange_t  *x;

    c = ev->data;
    x = ngx_http_auth0_m2m_exchange(c);

    x->step.handler = ngx_http_auth0_m2m_exchange_end;

    ngx_http_run_posted_requests(c);
}


/* nginx is told that all is well, lest it looks for an error page. */

ngx_int_t
ngx_http_auth0_m2m_exchange_finished(ngx_http_request_t *r, void *data,
    ngx_int_t rc)
{
    ngx_http_auth0_m2m_exchange_t  *x = data;

    if (!x->finished) {
        x->finished = 1;
        x->rc = rc;

        if (rc == NGX_HTTP_BAD_GATEWAY) {
            ngx_http_auth0_m2m_reader_closed(&x->reader);
        }

        ngx_post_event(&x->step, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
ngx_http_auth0_m2m_exchange_deadline(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_auth0_m2m_exchange_t  *x;

    c = ev->data;
    x = ngx_http_auth0_m2m_exchange(c);

    if (!x->finished) {
        ngx_http_auth0_m2m_exchange_hush(x, 0);

        if (!x->reader.quiet) {
            ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                          "tenant did not answer within %M ms", x->timeout);
        }

        x->reader.reply.text = "did not answer in time";
        x->finished = 1;
        x->rc = NGX_HTTP_GATEWAY_TIME_OUT;
    }

    ngx_http_auth0_m2m_exchange_end(ev);
}


static void
ngx_http_auth0_m2m_exchange_end(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_auth0_m2m_reply_t     *reply;
    ngx_http_auth0_m2m_exchange_t  *x;

    c = ev->data;
    x = ngx_http_auth0_m2m_exchange(c);

    if (x->deadline.timer_set) {
        ngx_del_timer(&x->deadline);
    }

    if (x->step.posted) {
        ngx_delete_posted_event(&x->step);
    }

    ngx_http_auth0_m2m_exchange_close(x);

    reply = &x->reader.reply;
    reply->sent = ngx_http_auth0_m2m_exchange_sent(x);
    reply->result = ngx_http_auth0_m2m_exchange_result(x);

    if (reply->result != NGX_HTTP_AUTH0_M2M_REPLY_OK) {
        ngx_http_auth0_m2m_reader_clear(&x->reader);
        ngx_http_auth0_m2m_reader_drop(&x->reader);
    }

    x->done(x->data, reply);

    ngx_http_auth0_m2m_exchange_free(x);
}


/* As nginx terminates a request: the upstream's clean-up closes it. */

static void
ngx_http_auth0_m2m_exchange_close(ngx_http_auth0_m2m_exchange_t *x)
{
    ngx_http_cleanup_t  *cln;

    cln = x->main->cleanup;
    x->main->cleanup = NULL;

    for ( /* void */ ; cln; cln = cln->next) {
        if (cln->handler) {
            cln->handler(cln->data);
        }
    }
}


/* Bytes of an unfinished handshake do not count, nor those not accepted. */

static ngx_uint_t
ngx_http_auth0_m2m_exchange_sent(ngx_http_auth0_m2m_exchange_t *x)
{
    ngx_uint_t                  i;
    ngx_array_t                *states;
    ngx_http_upstream_state_t  *state;

    states = x->request->upstream_states;

    if (states == NULL) {
        return 0;
    }

    state = states->elts;

    for (i = 0; i < states->nelts; i++) {
        if (state[i].bytes_sent) {
            return 1;
        }
    }

    return 0;
}


static ngx_http_auth0_m2m_result_e
ngx_http_auth0_m2m_exchange_result(ngx_http_auth0_m2m_exchange_t *x)
{
    if (x->reader.ended) {
        return x->reader.reply.result;
    }

    switch (x->rc) {

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return NGX_HTTP_AUTH0_M2M_REPLY_TIMEOUT;

    case NGX_HTTP_BAD_GATEWAY:
        return x->reader.reply.sent ? NGX_HTTP_AUTH0_M2M_REPLY_RESET
                                    : NGX_HTTP_AUTH0_M2M_REPLY_UNREACHED;

    default:
        return NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL;
    }
}
