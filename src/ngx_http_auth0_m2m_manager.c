
#include "ngx_http_auth0_m2m_manager.h"
#include "ngx_http_auth0_m2m_pages.h"
#include "ngx_http_auth0_m2m_saga.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "a0_assertion.h"
#include "a0_json.h"


#define NGX_HTTP_AUTH0_M2M_TOKEN_TIMEOUT   4000    /* ms, one token call */
#define NGX_HTTP_AUTH0_M2M_ASSERTION_LIFE  60      /* seconds */
#define NGX_HTTP_AUTH0_M2M_FORM_SIZE       16384

#define NGX_HTTP_AUTH0_M2M_JANITOR_TICK    1000    /* ms */


/* One token call under way; owner of its memory. */

typedef struct {
    ngx_http_auth0_m2m_manager_t   *manager;
    ngx_http_auth0_m2m_manager_pt   done;       /* NULL: a refresh */
    void                           *data;
} ngx_http_auth0_m2m_token_call_t;


static ngx_int_t ngx_http_auth0_m2m_manager_fetch(
    ngx_http_auth0_m2m_manager_t *manager,
    ngx_http_auth0_m2m_manager_pt done, void *data);
static ngx_int_t ngx_http_auth0_m2m_manager_form(
    ngx_http_auth0_m2m_manager_t *manager, u_char *buf, ngx_str_t *form);
static void ngx_http_auth0_m2m_manager_done(void *data,
    const ngx_http_auth0_m2m_reply_t *reply);
static ngx_int_t ngx_http_auth0_m2m_manager_keep(
    ngx_http_auth0_m2m_manager_t *manager,
    const ngx_http_auth0_m2m_reply_t *reply);
static void ngx_http_auth0_m2m_manager_failed(
    ngx_http_auth0_m2m_manager_t *manager);
static void ngx_http_auth0_m2m_manager_tick(ngx_event_t *ev);
static void ngx_http_auth0_m2m_manager_clean(
    ngx_http_auth0_m2m_manager_t *manager);


ngx_int_t
ngx_http_auth0_m2m_manager_init_worker(ngx_cycle_t *cycle,
    ngx_http_auth0_m2m_main_conf_t *mcf)
{
    ngx_uint_t                      i;
    ngx_event_t                    *ev;
    ngx_connection_t               *dummy;
    ngx_http_auth0_m2m_manager_t  **managers;

    managers = mcf->managers.elts;

    if (mcf->managers.nelts) {
        a0_json_wipe_freed();
    }

    for (i = 0; i < mcf->managers.nelts; i++) {
        ev = ngx_pcalloc(cycle->pool, sizeof(ngx_event_t));
        dummy = ngx_pcalloc(cycle->pool, sizeof(ngx_connection_t));

        if (ev == NULL || dummy == NULL) {
            return NGX_ERROR;
        }

        dummy->fd = (ngx_socket_t) -1;
        dummy->data = managers[i];

        ev->handler = ngx_http_auth0_m2m_manager_tick;
        ev->data = dummy;
        ev->log = cycle->log;
        ev->cancelable = 1;

        managers[i]->timer = ev;

        ngx_add_timer(ev, NGX_HTTP_AUTH0_M2M_JANITOR_TICK);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_auth0_m2m_manager_token(ngx_http_auth0_m2m_manager_t *manager,
    ngx_http_auth0_m2m_held_token_t *token,
    ngx_http_auth0_m2m_manager_pt done, void *data)
{
    ngx_int_t  rc;

    rc = ngx_http_auth0_m2m_mgmt_get(manager->tables, manager->slot,
                                     manager->id, ngx_current_msec, ngx_time(),
                                     NGX_HTTP_AUTH0_M2M_TOKEN_TIMEOUT + 1000,
                                     token->data, &token->len,
                                     &token->generation);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc != NGX_DECLINED) {
        return NGX_AGAIN;
    }

    if (ngx_http_auth0_m2m_manager_fetch(manager, done, data) == NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_http_auth0_m2m_manager_failed(manager);

    return NGX_AGAIN;
}


void
ngx_http_auth0_m2m_manager_refused(ngx_http_auth0_m2m_manager_t *manager,
    uint64_t generation, ngx_http_auth0_m2m_drop_e why)
{
    ngx_http_auth0_m2m_mgmt_drop(manager->tables, manager->slot, manager->id,
                                 ngx_current_msec, generation, why);
}


static ngx_int_t
ngx_http_auth0_m2m_manager_fetch(ngx_http_auth0_m2m_manager_t *manager,
    ngx_http_auth0_m2m_manager_pt done, void *data)
{
    u_char                           *buf;
    ngx_int_t                         rc;
    ngx_http_auth0_m2m_call_t         call;
    ngx_http_auth0_m2m_token_call_t  *tc;

    rc = NGX_ERROR;

    tc = ngx_alloc(sizeof(ngx_http_auth0_m2m_token_call_t), ngx_cycle->log);
    buf = ngx_http_auth0_m2m_pages_alloc(NGX_HTTP_AUTH0_M2M_FORM_SIZE,
                                         ngx_cycle->log);

    if (tc == NULL || buf == NULL) {
        goto done;
    }

    tc->manager = manager;
    tc->done = done;
    tc->data = data;

    ngx_memzero(&call, sizeof(ngx_http_auth0_m2m_call_t));

    call.method = NGX_HTTP_POST;
    ngx_str_set(&call.uri, A0_MGMT_TOKEN_URI);
    ngx_str_set(&call.content_type, A0_MGMT_TOKEN_TYPE);
    call.timeout = NGX_HTTP_AUTH0_M2M_TOKEN_TIMEOUT;
    call.what = "asking for a Management token";
    call.secret = 1;

    if (ngx_http_auth0_m2m_manager_form(manager, buf, &call.body) == NGX_OK) {
        rc = ngx_http_auth0_m2m_client_send(manager->tenant, &call,
                                            ngx_http_auth0_m2m_manager_done,
                                            tc);
    }

done:

    if (buf) {
        ngx_http_auth0_m2m_pages_free(buf, NGX_HTTP_AUTH0_M2M_FORM_SIZE,
                                      NGX_HTTP_AUTH0_M2M_FORM_SIZE);
    }

    if (rc != NGX_OK && tc) {
        ngx_free(tc);
    }

    return rc;
}


static ngx_int_t
ngx_http_auth0_m2m_manager_form(ngx_http_auth0_m2m_manager_t *manager,
    u_char *buf, ngx_str_t *form)
{
    u_char             jti[A0_ASSERTION_JTI], assertion[A0_ASSERTION_SIZE];
    size_t             len;
    a0_err_t           err;
    a0_assertion_t     claims;
    a0_mgmt_request_t  request;

    ngx_memzero(&request, sizeof(a0_mgmt_request_t));

    request.domain = ngx_http_auth0_m2m_a0(&manager->tenant->domain);
    request.client_id = ngx_http_auth0_m2m_a0(&manager->client_id);
    request.secret = ngx_http_auth0_m2m_a0(&manager->secret);

    if (manager->key.len) {

        if (RAND_bytes(jti, sizeof(jti)) != 1) {
            return NGX_ERROR;
        }

        claims.client_id = request.client_id;
        claims.audience = ngx_http_auth0_m2m_a0(&manager->tenant->issuer);
        claims.now = ngx_time();
        claims.lifetime = NGX_HTTP_AUTH0_M2M_ASSERTION_LIFE;
        claims.jti = jti;

        err = a0_assertion_sign(&claims, ngx_http_auth0_m2m_a0(&manager->key),
                                manager->alg, assertion, sizeof(assertion),
                                &len);
        if (err != A0_OK) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "auth0_m2m: cannot sign the client assertion of "
                          "\"%V\"", &manager->client_id);
            return NGX_ERROR;
        }

        request.assertion.len = len;
        request.assertion.data = assertion;
    }

    err = a0_mgmt_token_form(&request, buf, NGX_HTTP_AUTH0_M2M_FORM_SIZE,
                             &len);

    OPENSSL_cleanse(assertion, sizeof(assertion));

    form->len = len;
    form->data = buf;

    return (err == A0_OK) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_auth0_m2m_manager_done(void *data,
    const ngx_http_auth0_m2m_reply_t *reply)
{
    ngx_http_auth0_m2m_token_call_t *tc = data;

    ngx_int_t                       rc;
    a0_reply_t                      r;
    ngx_http_auth0_m2m_token_call_t  call;

    call = *tc;
    ngx_free(tc);

    rc = ngx_http_auth0_m2m_manager_keep(call.manager, reply);

    ngx_http_auth0_m2m_shm_count(call.manager->shared,
                                 a0_metric_mgmt(rc == NGX_OK));

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "auth0_m2m: no Management token of \"%V\": %s, "
                      "status %ui, check auth0_m2m_client_id and its secret",
                      &call.manager->tenant->domain,
                      ngx_http_auth0_m2m_result_text(reply->result),
                      reply->status);
    }

    if (call.done == NULL) {
        return;
    }

    if (rc == NGX_OK) {
        call.done(call.data, NULL);
        return;
    }

    ngx_http_auth0_m2m_manager_reply(reply, &r);
    call.done(call.data, &r);
}


static ngx_int_t
ngx_http_auth0_m2m_manager_keep(ngx_http_auth0_m2m_manager_t *manager,
    const ngx_http_auth0_m2m_reply_t *reply)
{
    ngx_int_t         rc;
    a0_str_t          body;
    a0_mgmt_token_t   token;

    rc = NGX_ERROR;

    body.len = reply->body.len;
    body.data = reply->body.data;

    if (reply->result == NGX_HTTP_AUTH0_M2M_REPLY_OK
        && reply->status == NGX_HTTP_OK
        && a0_mgmt_token_parse(body, &token) == A0_OK)
    {
        ngx_http_auth0_m2m_mgmt_put(manager->tables, manager->slot,
                                    manager->id, ngx_time(), &token,
                                    (uint32_t) ngx_random());
        OPENSSL_cleanse(&token, sizeof(token));
        rc = NGX_OK;

    } else {
        ngx_http_auth0_m2m_manager_failed(manager);
    }

    return rc;
}


static void
ngx_http_auth0_m2m_manager_failed(ngx_http_auth0_m2m_manager_t *manager)
{
    ngx_http_auth0_m2m_mgmt_failed(manager->tables, manager->slot,
                                   manager->id, ngx_current_msec);
}


void
ngx_http_auth0_m2m_manager_reply(const ngx_http_auth0_m2m_reply_t *reply,
    a0_reply_t *out)
{
    /* by ngx_http_auth0_m2m_result_e */

    static const a0_reply_e  results[] = {
        A0_REPLY_OK, A0_REPLY_UNREACHED, A0_REPLY_TIMEOUT, A0_REPLY_RESET,
        A0_REPLY_TOO_LARGE, A0_REPLY_INVALID, A0_REPLY_INTERNAL
    };

    out->result = results[reply->result];
    out->status = (unsigned) reply->status;
    out->content_type.len = reply->content_type.len;
    out->content_type.data = reply->content_type.data;
    out->body.len = reply->body.len;
    out->body.data = reply->body.data;
    out->ratelimit_limit = reply->ratelimit_limit;
    out->ratelimit_remaining = reply->ratelimit_remaining;
    out->ratelimit_reset = reply->ratelimit_reset;
    out->retry_after = reply->retry_after;
    out->sent = reply->sent;
}


void
ngx_http_auth0_m2m_manager_now(a0_provision_now_t *now)
{
    now->seconds = ngx_time();
    now->msec = ngx_current_msec;
    now->hold = 0;
}


/* Every worker looks; leases in the zone let one of them act. */

static void
ngx_http_auth0_m2m_manager_tick(ngx_event_t *ev)
{
    ngx_connection_t              *dummy;
    ngx_http_auth0_m2m_manager_t  *manager;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    dummy = ev->data;
    manager = dummy->data;

    if (ngx_http_auth0_m2m_mgmt_refresh(manager->tables, manager->slot,
                                        manager->id, ngx_current_msec,
                                        ngx_time(),
                                        NGX_HTTP_AUTH0_M2M_TOKEN_TIMEOUT
                                        + 1000)
        == NGX_DECLINED
        && ngx_http_auth0_m2m_manager_fetch(manager, NULL, NULL) != NGX_OK)
    {
        ngx_http_auth0_m2m_manager_failed(manager);
    }

    ngx_http_auth0_m2m_manager_clean(manager);

    ngx_add_timer(ev, NGX_HTTP_AUTH0_M2M_JANITOR_TICK);
}


/* One entry of the ring at a time and worker. */

static void
ngx_http_auth0_m2m_manager_clean(ngx_http_auth0_m2m_manager_t *manager)
{
    ngx_uint_t                   slot;
    ngx_http_auth0_m2m_orphan_t  orphan;

    if (ngx_http_auth0_m2m_orphan_count(manager->tables, ngx_time()) == 0
        || ngx_http_auth0_m2m_orphan_take(manager->tables, manager->domain,
                                          ngx_time(), ngx_current_msec,
                                          NGX_HTTP_AUTH0_M2M_CLEAN_HOLD,
                                          &slot, &orphan)
           != NGX_OK)
    {
        return;
    }

    ngx_http_auth0_m2m_saga_clean(manager, slot, &orphan);
}
