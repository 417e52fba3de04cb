
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/mman.h>

#include "ngx_http_auth0_m2m_saga.h"


#define NGX_HTTP_AUTH0_M2M_TOKEN_POLL     20    /* ms */
#define NGX_HTTP_AUTH0_M2M_REQ_DUE        120   /* seconds */


struct ngx_http_auth0_m2m_saga_s {
    a0_provision_t                   *engine;
    void                             *mem;       /* pages of its own */
    size_t                            size;
    ngx_http_auth0_m2m_manager_t     *manager;
    ngx_http_auth0_m2m_answer_pt      answer;    /* NULL: no caller */
    void                             *data;
    ngx_event_t                       timer;
    ngx_connection_t                  dummy;
    ngx_msec_t                        token_end; /* waiting for a token */
    a0_todo_t                         todo;
    ngx_http_auth0_m2m_held_token_t   token;

    u_char                            lease[NGX_HTTP_AUTH0_M2M_ID];
    uint64_t                          serial;
    u_char                            record[NGX_HTTP_AUTH0_M2M_ID];
    ngx_int_t                         ttl;
    u_char                            req[NGX_HTTP_AUTH0_M2M_CLIENT_ID_MAX];
    size_t                            req_len;   /* written to the ring */
    ngx_uint_t                        slot;      /* of the ring's entry */

    unsigned                          has_lease:1;
    unsigned                          has_record:1;
    unsigned                          clean:1;   /* the janitor's */
    unsigned                          confirm:1; /* waits for delivered() */
};


static ngx_http_auth0_m2m_saga_t *ngx_http_auth0_m2m_saga_create(
    const ngx_http_auth0_m2m_saga_args_t *args);
static void ngx_http_auth0_m2m_saga_free(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_run(ngx_http_auth0_m2m_saga_t *s);
static ngx_uint_t ngx_http_auth0_m2m_saga_step(ngx_http_auth0_m2m_saga_t *s);
static ngx_uint_t ngx_http_auth0_m2m_saga_send(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_mark(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_sent(void *data,
    const ngx_http_auth0_m2m_reply_t *reply);
static ngx_uint_t ngx_http_auth0_m2m_saga_token(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_token_done(void *data,
    const a0_reply_t *reply);
static void ngx_http_auth0_m2m_saga_feed(ngx_http_auth0_m2m_saga_t *s,
    const a0_reply_t *reply);
static void ngx_http_auth0_m2m_saga_timer(ngx_event_t *ev);
static ngx_uint_t ngx_http_auth0_m2m_saga_answer(
    ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_deny(ngx_http_auth0_m2m_saga_t *s,
    a0_str_t client_id);
static void ngx_http_auth0_m2m_saga_record(ngx_http_auth0_m2m_saga_t *s,
    a0_str_t client_id);
static void ngx_http_auth0_m2m_saga_release(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_done(ngx_http_auth0_m2m_saga_t *s);


static ngx_uint_t  ngx_http_auth0_m2m_saga_count;


ngx_uint_t
ngx_http_auth0_m2m_sagas(void)
{
    return ngx_http_auth0_m2m_saga_count;
}


ngx_http_auth0_m2m_saga_t *
ngx_http_auth0_m2m_saga_start(const ngx_http_auth0_m2m_saga_args_t *args)
{
    ngx_http_auth0_m2m_saga_t  *s;

    s = ngx_http_auth0_m2m_saga_create(args);
    if (s == NULL) {
        return NULL;
    }

    if (args->lease) {
        ngx_memcpy(s->lease, args->lease, NGX_HTTP_AUTH0_M2M_ID);
        s->serial = args->serial;
        s->has_lease = 1;
    }

    if (args->record) {
        ngx_memcpy(s->record, args->record, NGX_HTTP_AUTH0_M2M_ID);
        s->ttl = args->ttl;
        s->has_record = 1;
    }

    ngx_http_auth0_m2m_saga_count++;

    /* from the event loop: the caller first gets its pointer */

    ngx_add_timer(&s->timer, 0);

    return s;
}


/* Memory that core files leave out, and that nothing else ever uses. */

static ngx_http_auth0_m2m_saga_t *
ngx_http_auth0_m2m_saga_create(const ngx_http_auth0_m2m_saga_args_t *args)
{
    a0_provision_now_t          now;
    ngx_http_auth0_m2m_saga_t  *s;

    s = ngx_calloc(sizeof(ngx_http_auth0_m2m_saga_t), ngx_cycle->log);
    if (s == NULL) {
        return NULL;
    }

    s->size = (args->input->op == A0_OP_KEY_LIST) ? A0_PROVISION_MEMORY_LIST
                                                  : A0_PROVISION_MEMORY;

    s->mem = mmap(NULL, s->size, PROT_READ|PROT_WRITE,
                  MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
    if (s->mem == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "mmap(%uz) failed", s->size);
        ngx_free(s);
        return NULL;
    }

#ifdef MADV_DONTDUMP
    (void) madvise(s->mem, s->size, MADV_DONTDUMP);
#endif

    ngx_http_auth0_m2m_manager_now(&now);

    s->engine = a0_provision_init(s->mem, s->size, args->conf, args->input,
                                  &now);
    s->manager = args->manager;
    s->answer = args->answer;
    s->data = args->data;

    s->dummy.fd = (ngx_socket_t) -1;
    s->dummy.data = s;

    s->timer.handler = ngx_http_auth0_m2m_saga_timer;
    s->timer.data = &s->dummy;
    s->timer.log = ngx_cycle->log;

    return s;
}


static void
ngx_http_auth0_m2m_saga_free(ngx_http_auth0_m2m_saga_t *s)
{
    a0_provision_cleanse(s->engine);
    OPENSSL_cleanse(&s->token, sizeof(s->token));

    (void) munmap(s->mem, s->size);

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    ngx_free(s);
}


void
ngx_http_auth0_m2m_saga_leave(ngx_http_auth0_m2m_saga_t *s)
{
    s->answer = NULL;
    a0_provision_leave(s->engine);
}


void
ngx_http_auth0_m2m_saga_delivered(ngx_http_auth0_m2m_saga_t *s, ngx_uint_t ok)
{
    if (!s->confirm) {
        return;
    }

    s->confirm = 0;
    a0_provision_delivered(s->engine, (int) ok);

    ngx_add_timer(&s->timer, 0);
}


void
ngx_http_auth0_m2m_saga_clean(ngx_http_auth0_m2m_manager_t *manager,
    ngx_uint_t slot, const ngx_http_auth0_m2m_orphan_t *orphan)
{
    u_char                           random[A0_PROVISION_RANDOM];
    a0_str_t                         id;
    a0_provision_input_t             input;
    ngx_http_auth0_m2m_saga_t       *s;
    ngx_http_auth0_m2m_saga_args_t   args;

    ngx_memzero(&input, sizeof(a0_provision_input_t));
    ngx_memzero(&args, sizeof(ngx_http_auth0_m2m_saga_args_t));

    id.len = orphan->len;
    id.data = orphan->id;

    if (orphan->kind == A0_RING_CLIENT) {
        input.op = A0_OP_CLEAN_CLIENT;
        input.key_id = id;

    } else {
        input.op = A0_OP_CLEAN_REQ;
        input.req = id;
    }

    input.random = random;

    args.manager = manager;
    args.conf = manager->conf;
    args.input = &input;

    s = (RAND_bytes(random, sizeof(random)) == 1)
        ? ngx_http_auth0_m2m_saga_create(&args) : NULL;

    if (s == NULL) {
        ngx_http_auth0_m2m_orphan_done(manager->tables, slot, 0, ngx_time(),
                                       NGX_HTTP_AUTH0_M2M_CLEAN_RETRY);
        return;
    }

    s->clean = 1;
    s->slot = slot;

    if (orphan->deny) {
        ngx_http_auth0_m2m_saga_deny(s, id);
    }

    ngx_http_auth0_m2m_saga_run(s);
}


/* Steps follow each other here until one has to wait. */

static void
ngx_http_auth0_m2m_saga_run(ngx_http_auth0_m2m_saga_t *s)
{
    a0_provision_now_t  now;

    do {
        ngx_http_auth0_m2m_manager_now(&now);
        a0_provision_next(s->engine, &now, &s->todo);

    } while (ngx_http_auth0_m2m_saga_step(s));
}


/* 1: go on at once.  After DONE s is no more. */

static ngx_uint_t
ngx_http_auth0_m2m_saga_step(ngx_http_auth0_m2m_saga_t *s)
{
    switch (s->todo.act) {

    case A0_ACT_SEND:
        return ngx_http_auth0_m2m_saga_send(s);

    case A0_ACT_TOKEN:

        if (s->todo.token.refused) {
            ngx_http_auth0_m2m_manager_refused(s->manager,
                                               s->token.generation);
        }

        s->token_end = ngx_current_msec + s->todo.token.timeout;
        return ngx_http_auth0_m2m_saga_token(s);

    case A0_ACT_WAIT:
        ngx_add_timer(&s->timer, s->todo.wait.ms);
        return 0;

    case A0_ACT_ANSWER:
        return ngx_http_auth0_m2m_saga_answer(s);

    default: /* A0_ACT_DONE */
        ngx_http_auth0_m2m_saga_done(s);
        return 0;
    }
}


static ngx_uint_t
ngx_http_auth0_m2m_saga_send(ngx_http_auth0_m2m_saga_t *s)
{
    u_char                      authorization[A0_MGMT_TOKEN_MAX + 8];
    ngx_int_t                   rc;
    a0_reply_t                  reply;
    a0_provision_now_t          now;
    ngx_http_auth0_m2m_call_t   call;

    /* by a0_method_e */

    static const ngx_uint_t  methods[] = {
        NGX_HTTP_GET, NGX_HTTP_POST, NGX_HTTP_PATCH, NGX_HTTP_DELETE
    };

    ngx_http_auth0_m2m_manager_now(&now);

    now.hold = ngx_http_auth0_m2m_mgmt_pace_take(s->manager->tables,
                                                 s->manager->slot,
                                                 ngx_current_msec);
    if (now.hold) {
        a0_provision_next(s->engine, &now, &s->todo);
        return (s->todo.act == A0_ACT_SEND)
               ? 1 : ngx_http_auth0_m2m_saga_step(s);
    }

    if (s->todo.send.creates) {
        ngx_http_auth0_m2m_saga_mark(s);
    }

    ngx_memzero(&call, sizeof(ngx_http_auth0_m2m_call_t));

    call.method = methods[s->todo.send.method];
    call.uri.len = s->todo.send.uri.len;
    call.uri.data = (u_char *) s->todo.send.uri.data;
    call.content_type.len = s->todo.send.content_type.len;
    call.content_type.data = (u_char *) s->todo.send.content_type.data;
    call.body.len = s->todo.send.body.len;
    call.body.data = (u_char *) s->todo.send.body.data;
    call.timeout = s->todo.send.timeout;
    call.what = "provisioning";
    call.secret = 1;

    if (s->todo.send.token) {
        call.authorization.data = authorization;
        call.authorization.len = ngx_sprintf(authorization, "Bearer %*s",
                                             s->token.len, s->token.data)
                                 - authorization;
    }

    rc = ngx_http_auth0_m2m_client_send(s->manager->tenant, &call,
                                        ngx_http_auth0_m2m_saga_sent, s);

    OPENSSL_cleanse(authorization, sizeof(authorization));

    if (rc == NGX_OK) {
        return 0;
    }

    ngx_memzero(&reply, sizeof(a0_reply_t));
    reply.result = A0_REPLY_INTERNAL;
    reply.ratelimit_limit = -1;
    reply.ratelimit_remaining = -1;
    reply.ratelimit_reset = -1;
    reply.retry_after = -1;

    ngx_http_auth0_m2m_saga_feed(s, &reply);

    return 1;
}


/* Should this worker die now, the janitor will look for what was made. */

static void
ngx_http_auth0_m2m_saga_mark(ngx_http_auth0_m2m_saga_t *s)
{
    a0_str_t         req;
    a0_ring_entry_t  entry;

    req = a0_provision_req(s->engine);

    if (req.len == 0 || req.len > sizeof(s->req)) {
        return;
    }

    ngx_memcpy(s->req, req.data, req.len);
    s->req_len = req.len;

    ngx_memzero(&entry, sizeof(a0_ring_entry_t));
    entry.kind = A0_RING_REQ;
    entry.id = req;
    entry.due = ngx_time() + NGX_HTTP_AUTH0_M2M_REQ_DUE;

    (void) ngx_http_auth0_m2m_orphan_put(s->manager->tables, s->manager->id,
                                         &entry);
}


static void
ngx_http_auth0_m2m_saga_sent(void *data,
    const ngx_http_auth0_m2m_reply_t *reply)
{
    ngx_http_auth0_m2m_saga_t *s = data;

    a0_reply_t  r;

    ngx_http_auth0_m2m_manager_reply(reply, &r);
    ngx_http_auth0_m2m_saga_feed(s, &r);
    ngx_http_auth0_m2m_saga_run(s);
}


static void
ngx_http_auth0_m2m_saga_feed(ngx_http_auth0_m2m_saga_t *s,
    const a0_reply_t *reply)
{
    ngx_uint_t          level;
    a0_provision_now_t  now;
    a0_provision_log_t  log;

    ngx_http_auth0_m2m_manager_now(&now);

    if (s->todo.act == A0_ACT_SEND) {
        ngx_http_auth0_m2m_mgmt_pace_feed(s->manager->tables,
                                          s->manager->slot, &now, reply);
    }

    ngx_memzero(&log, sizeof(a0_provision_log_t));
    a0_provision_feed(s->engine, &now, reply, &log);

    if (log.step == NULL) {
        return;
    }

    ngx_http_auth0_m2m_shm_count(s->manager->shared,
                                 a0_metric_step(log.step, log.outcome));

    level = (log.outcome == A0_OUTCOME_DONE) ? NGX_LOG_INFO : NGX_LOG_WARN;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "auth0_m2m: provisioning step %s: %s, status %ui, "
                  "attempt %ui \"%*s\"",
                  log.step, a0_outcome_text(log.outcome),
                  (ngx_uint_t) log.status, (ngx_uint_t) log.attempt,
                  log.message.len, log.message.data);
}


static ngx_uint_t
ngx_http_auth0_m2m_saga_token(ngx_http_auth0_m2m_saga_t *s)
{
    a0_reply_t  reply;

    switch (ngx_http_auth0_m2m_manager_token(s->manager,
                                       s->token_end - ngx_current_msec,
                                       &s->token,
                                       ngx_http_auth0_m2m_saga_token_done, s))
    {
    case NGX_OK:
        ngx_http_auth0_m2m_saga_feed(s, NULL);
        return 1;

    case NGX_DECLINED:
        return 0;

    default: /* NGX_AGAIN */
        break;
    }

    if ((ngx_msec_int_t) (s->token_end - ngx_current_msec) > 0) {
        ngx_add_timer(&s->timer, NGX_HTTP_AUTH0_M2M_TOKEN_POLL);
        return 0;
    }

    ngx_memzero(&reply, sizeof(a0_reply_t));
    reply.result = A0_REPLY_TIMEOUT;
    reply.ratelimit_limit = -1;
    reply.ratelimit_remaining = -1;
    reply.ratelimit_reset = -1;
    reply.retry_after = -1;

    ngx_http_auth0_m2m_saga_feed(s, &reply);

    return 1;
}


static void
ngx_http_auth0_m2m_saga_token_done(void *data, const a0_reply_t *reply)
{
    ngx_http_auth0_m2m_saga_t *s = data;

    if (reply) {
        ngx_http_auth0_m2m_saga_feed(s, reply);

    } else if (!ngx_http_auth0_m2m_saga_token(s)) {
        return;
    }

    ngx_http_auth0_m2m_saga_run(s);
}


static void
ngx_http_auth0_m2m_saga_timer(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_auth0_m2m_saga_t  *s;

    c = ev->data;
    s = c->data;

    if (s->todo.act == A0_ACT_TOKEN && s->token_end) {
        if (!ngx_http_auth0_m2m_saga_token(s)) {
            return;
        }

        s->token_end = 0;
    }

    ngx_http_auth0_m2m_saga_run(s);
}


static ngx_uint_t
ngx_http_auth0_m2m_saga_answer(ngx_http_auth0_m2m_saga_t *s)
{
    ngx_http_auth0_m2m_answer_pt  answer;

    ngx_http_auth0_m2m_saga_deny(s, s->todo.answer.deny);
    ngx_http_auth0_m2m_saga_record(s, s->todo.answer.client_id);

    answer = s->answer;
    s->answer = NULL;
    s->confirm = s->todo.answer.confirm;

    if (!s->confirm) {
        ngx_http_auth0_m2m_saga_release(s);
    }

    if (answer) {
        answer(s->data, &s->todo);
    }

    /* delivered() goes on */

    return !s->confirm;
}


static void
ngx_http_auth0_m2m_saga_deny(ngx_http_auth0_m2m_saga_t *s, a0_str_t client_id)
{
    if (client_id.len
        && ngx_http_auth0_m2m_revoke(s->manager->tables, client_id, ngx_time(),
                                     ngx_time()
                                     + NGX_HTTP_AUTH0_M2M_REVOKED_FOR)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "auth0_m2m: the list of revoked clients is full, the "
                      "oldest entry made room: enlarge the zone");
    }
}


static void
ngx_http_auth0_m2m_saga_record(ngx_http_auth0_m2m_saga_t *s,
    a0_str_t client_id)
{
    if (s->has_record) {
        s->has_record = 0;
        ngx_http_auth0_m2m_idempotent_end(s->manager->tables, s->record,
                                          ngx_time(), s->ttl, client_id.data,
                                          client_id.len);
    }
}


static void
ngx_http_auth0_m2m_saga_release(ngx_http_auth0_m2m_saga_t *s)
{
    if (s->has_lease) {
        s->has_lease = 0;
        ngx_http_auth0_m2m_lease_release(s->manager->tables, s->lease,
                                         s->serial);
    }
}


static void
ngx_http_auth0_m2m_saga_done(ngx_http_auth0_m2m_saga_t *s)
{
    size_t            i;
    a0_str_t          req;
    ngx_uint_t        level;
    a0_ring_entry_t  *e;

    for (i = 0; i < s->todo.done.nring; i++) {
        e = &s->todo.done.ring[i];
        level = (ngx_strcmp(e->why, "orphan") == 0) ? NGX_LOG_ERR
                                                    : NGX_LOG_NOTICE;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "auth0_m2m: %s %s=%*s, the janitor takes it", e->why,
                      e->kind == A0_RING_CLIENT ? "client_id" : "req",
                      e->id.len, e->id.data);

        if (ngx_http_auth0_m2m_orphan_put(s->manager->tables, s->manager->id,
                                          e)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "auth0_m2m: the ring of orphans is full: delete %*s "
                          "at the tenant by hand", e->id.len, e->id.data);
            ngx_http_auth0_m2m_shm_count(s->manager->shared,
                                         A0_METRIC_ORPHANS_GIVEN_UP);
        }
    }

    /* the mark of this saga's creation, unless DONE has just renewed it */

    for (i = 0; i < s->todo.done.nring; i++) {
        if (s->todo.done.ring[i].kind == A0_RING_REQ) {
            s->req_len = 0;
        }
    }

    if (s->req_len) {
        req.len = s->req_len;
        req.data = s->req;
        ngx_http_auth0_m2m_orphan_forget(s->manager->tables, A0_RING_REQ, req);
    }

    ngx_http_auth0_m2m_saga_deny(s, s->todo.done.deny);
    ngx_http_auth0_m2m_saga_record(s, s->todo.done.client_id);
    ngx_http_auth0_m2m_saga_release(s);

    if (s->clean) {
        ngx_http_auth0_m2m_orphan_done(s->manager->tables, s->slot,
                                       s->todo.done.clean, ngx_time(),
                                       NGX_HTTP_AUTH0_M2M_CLEAN_RETRY);

    } else {
        ngx_http_auth0_m2m_saga_count--;
    }

    ngx_http_auth0_m2m_saga_free(s);
}
