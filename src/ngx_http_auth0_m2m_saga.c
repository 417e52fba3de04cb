
#include "ngx_http_auth0_m2m_pages.h"
#include "ngx_http_auth0_m2m_saga_int.h"

#include <openssl/rand.h>


#define NGX_HTTP_AUTH0_M2M_SAGA_ALIGN     64


static ngx_http_auth0_m2m_saga_t *ngx_http_auth0_m2m_saga_create(
    const ngx_http_auth0_m2m_saga_args_t *args);
static void ngx_http_auth0_m2m_saga_free(ngx_http_auth0_m2m_saga_t *s);
static void ngx_http_auth0_m2m_saga_timer(ngx_event_t *ev);


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

    s->counts = &ngx_http_auth0_m2m_saga_count;
    (*s->counts)++;

    /* from the event loop: the caller first gets its pointer */

    ngx_add_timer(&s->timer, 0);

    return s;
}


/* Untouched pages cost nothing, so that all sagas get what the largest of
 * their kind needs. */

static ngx_http_auth0_m2m_saga_t *
ngx_http_auth0_m2m_saga_create(const ngx_http_auth0_m2m_saga_args_t *args)
{
    size_t                      size, engine;
    a0_provision_now_t          now;
    ngx_http_auth0_m2m_saga_t  *s;

    engine = (args->input->op == A0_OP_KEY_LIST) ? A0_PROVISION_MEMORY_LIST
                                                 : A0_PROVISION_MEMORY;

    size = ngx_align(sizeof(ngx_http_auth0_m2m_saga_t),
                     NGX_HTTP_AUTH0_M2M_SAGA_ALIGN);

    s = ngx_http_auth0_m2m_pages_alloc(size + engine, ngx_cycle->log);
    if (s == NULL) {
        return NULL;
    }

    ngx_http_auth0_m2m_manager_now(&now);

    s->size = size + engine;
    s->engine = a0_provision_init((u_char *) s + size, engine, args->conf,
                                  args->input, &now);
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
    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    a0_provision_cleanse(s->engine);
    ngx_http_auth0_m2m_pages_free(s, s->size,
                                  sizeof(ngx_http_auth0_m2m_saga_t));
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
        ngx_http_auth0_m2m_orphan_done(manager->tables, slot, orphan->serial,
                                       0, ngx_time(),
                                       NGX_HTTP_AUTH0_M2M_CLEAN_RETRY);
        return;
    }

    s->clean = 1;
    s->slot = slot;
    s->put = orphan->serial;

    if (orphan->deny) {
        ngx_http_auth0_m2m_saga_deny(s, id);
    }

    ngx_http_auth0_m2m_saga_run(s);
}


/* Steps follow each other here until one has to wait. */

void
ngx_http_auth0_m2m_saga_run(ngx_http_auth0_m2m_saga_t *s)
{
    a0_provision_now_t  now;

    do {
        ngx_http_auth0_m2m_manager_now(&now);
        a0_provision_next(s->engine, &now, &s->todo);

    } while (ngx_http_auth0_m2m_saga_step(s));
}


/* 1: go on at once.  After DONE s is no more. */

ngx_uint_t
ngx_http_auth0_m2m_saga_step(ngx_http_auth0_m2m_saga_t *s)
{
    switch (s->todo.act) {

    case A0_ACT_SEND:
        return ngx_http_auth0_m2m_saga_send(s);

    case A0_ACT_TOKEN:

        if (s->todo.token.refused) {
            ngx_http_auth0_m2m_manager_refused(s->manager,
                                            s->token.generation,
                                            NGX_HTTP_AUTH0_M2M_DROP_REFUSED);
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
        ngx_http_auth0_m2m_saga_free(s);
        return 0;
    }
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
