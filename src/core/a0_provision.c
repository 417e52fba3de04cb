
/*
 * The engine: what to do next, and taking note of how it went.
 */

#include "a0_provision.h"

#include <string.h>

#include <openssl/crypto.h>

#include "a0_provision_int.h"


#define A0_CALL_TIMEOUT  4000
#define A0_CALL_MIN      50      /* ms below which no call is begun */
#define A0_ALIGN         (sizeof(void *) * 2)


/* Memory: saved bytes from below, scratch of one request or answer above. */

static void
a0_high(a0_provision_t *p, size_t n)
{
    if (n > p->high) {
        p->high = n;
    }
}


void *
a0_save_room(a0_provision_t *p, size_t size)
{
    void  *room;

    size = (size + A0_ALIGN - 1) / A0_ALIGN * A0_ALIGN;

    if (size > p->size - p->used) {
        p->full = 1;
        return NULL;
    }

    room = p->mem + p->used;
    p->used += size;
    a0_high(p, p->used);

    return room;
}


a0_str_t
a0_save(a0_provision_t *p, a0_str_t text)
{
    void      *room;
    a0_str_t   saved = { 0, NULL };

    if (text.len == 0) {
        return saved;
    }

    room = a0_save_room(p, text.len);
    if (room == NULL) {
        return saved;
    }

    memcpy(room, text.data, text.len);
    saved.data = room;
    saved.len = text.len;

    return saved;
}


void
a0_scratch(a0_provision_t *p, a0_json_out_t *out)
{
    a0_json_out_init(out, p->mem + p->used, p->size - p->used);
}


void
a0_scratch_used(a0_provision_t *p, const a0_json_out_t *out)
{
    a0_high(p, (size_t) (out->pos - p->mem));
}


a0_provision_t *
a0_provision_init(void *mem, size_t size, const a0_provision_conf_t *conf,
    const a0_provision_input_t *input, const a0_provision_now_t *now)
{
    size_t           header;
    a0_provision_t  *p;

    if (size < A0_PROVISION_MEMORY
        || (input->op == A0_OP_KEY_LIST && size < A0_PROVISION_MEMORY_LIST))
    {
        return NULL;
    }

    header = (sizeof(a0_provision_t) + A0_ALIGN - 1) / A0_ALIGN * A0_ALIGN;

    p = mem;
    memset(p, 0, sizeof(a0_provision_t));
    p->mem = (unsigned char *) mem + header;
    p->size = size - header;
    p->conf = conf;
    p->op = input->op;
    p->now = now->seconds;
    p->blame = A0_PROBLEM_IDP_TIMEOUT;
    p->saga = a0_saga(p);
    p->problem = a0_ask(p, input);
    p->saga = a0_saga(p);
    p->deadline = now->msec + (p->saga->clean ? A0_CLEAN_TIME
                                              : conf->deadline);

    if (p->full) {
        p->problem = A0_PROBLEM_INTERNAL;
    }

    if (p->problem != A0_PROBLEM_NONE) {
        p->at = A0_AT_ANSWER;
        p->after = A0_AT_DONE;
        return p;
    }

    a0_begin(p);

    return p;
}


/* The time for the answer is over before the work is. */

static void
a0_expire(a0_provision_t *p, const a0_provision_now_t *now, uint32_t pause)
{
    if (p->mode == A0_MODE_UNDO) {
        p->after = p->at;
        p->at = A0_AT_ANSWER;
        return;
    }

    if (p->held || (pause && p->throttled)) {
        p->retry_after = (pause + 999) / 1000;
        a0_fail(p, now, A0_PROBLEM_IDP_THROTTLED);
        return;
    }

    a0_fail(p, now, p->blame);
}


static uint32_t
a0_pause(const a0_provision_t *p, const a0_provision_now_t *now)
{
    uint64_t  pause;

    pause = p->resume > now->msec ? p->resume - now->msec : 0;
    pause = pause > now->hold ? pause : now->hold;

    return (uint32_t) pause;
}


static uint32_t
a0_timeout(const a0_provision_t *p, uint32_t left)
{
    uint32_t  timeout;

    timeout = p->conf->call_timeout ? p->conf->call_timeout : A0_CALL_TIMEOUT;

    return left < timeout ? left : timeout;
}


static void
a0_send(a0_provision_t *p, uint32_t left, a0_todo_t *todo)
{
    a0_json_out_t          out;
    const a0_step_t       *step;
    static const a0_str_t  json = a0_string("application/json");

    step = p->step;
    a0_scratch(p, &out);

    todo->act = A0_ACT_SEND;
    todo->send.method = (a0_method_e) step->method;
    todo->send.timeout = a0_timeout(p, left);
    todo->send.token = 1;
    todo->send.secret = (step->flags & A0_CALL_SECRET) != 0;
    todo->send.creates = (step->flags & A0_CALL_CREATES) != 0;

    step->uri(p, &out);
    todo->send.uri = a0_json_out_text(&out);

    if (step->body != NULL) {
        step->body(p, &out);
        todo->send.content_type = json;
        todo->send.body.data = todo->send.uri.data + todo->send.uri.len;
        todo->send.body.len = (size_t) (out.pos - todo->send.body.data);
    }

    if (out.overflow) {
        p->full = 1;
    }

    a0_scratch_used(p, &out);
}


/* A call, or the wait before it; 0 when there is no time for it. */

static int
a0_call(a0_provision_t *p, const a0_provision_now_t *now, a0_todo_t *todo)
{
    uint32_t  left, pause;

    left = a0_left(p, now);
    pause = a0_pause(p, now);
    p->held |= now->hold != 0;

    /* nobody waits for it, but the worker may be asked to go */

    if (left == UINT32_MAX && pause > A0_UNDO_WAIT) {
        a0_undo_failed(p, now, pause, 1);
        return 0;
    }

    if (left < A0_CALL_MIN || pause >= left) {
        a0_expire(p, now, pause);
        return 0;
    }

    todo->step = p->at == A0_AT_TOKEN ? "token" : p->step->name;

    if (pause) {
        todo->act = A0_ACT_WAIT;
        todo->wait.ms = pause;
        todo->wait.why = (now->hold || p->throttled) ? "throttled"
                                                     : "backoff";
        return 1;
    }

    if (p->at == A0_AT_TOKEN) {
        todo->act = A0_ACT_TOKEN;
        todo->token.refused = p->refused;
        todo->token.timeout = a0_timeout(p, left);
        return 1;
    }

    a0_send(p, left, todo);

    if (p->full) {
        a0_fail(p, now, A0_PROBLEM_INTERNAL);
        return 0;
    }

    return 1;
}


/*
 * Without its caller a saga stops, unless it is one that goes on; what is in
 * doubt is looked for first.
 */
static void
a0_quit(a0_provision_t *p, const a0_provision_now_t *now)
{
    if (!p->left || p->quit || p->saga->goes_on
        || (p->saga->creates && p->keep)
        || p->problem != A0_PROBLEM_NONE
        || p->mode == A0_MODE_RECONCILE)
    {
        return;
    }

    p->quit = 1;
    a0_fail(p, now, A0_PROBLEM_CALLER_LEFT);
}


void
a0_provision_next(a0_provision_t *p, const a0_provision_now_t *now,
    a0_todo_t *todo)
{
    for ( ;; ) {
        memset(todo, 0, sizeof(a0_todo_t));
        a0_quit(p, now);

        switch (p->at) {

        case A0_AT_TOKEN:
        case A0_AT_CALL:
            if (a0_call(p, now, todo)) {
                return;
            }

            break;

        case A0_AT_ANSWER:
            p->at = p->after;

            if (a0_detached(p)) {
                break;
            }

            a0_answer(p, todo);
            p->answered = 1;
            return;

        case A0_AT_DONE:
            a0_done(p, now, todo);
            return;
        }
    }
}


void
a0_provision_feed(a0_provision_t *p, const a0_provision_now_t *now,
    const a0_reply_t *reply, a0_provision_log_t *log)
{
    a0_provision_log_t  unused;

    if (log == NULL) {
        log = &unused;
    }

    memset(log, 0, sizeof(a0_provision_log_t));

    if (p->at != A0_AT_TOKEN && p->at != A0_AT_CALL) {
        return;
    }

    if (reply == NULL) {
        log->step = "token";
        p->refused = 0;
        p->at = A0_AT_CALL;
        return;
    }

    if (p->at == A0_AT_TOKEN) {
        a0_token_outcome(p, now, reply, log);
        return;
    }

    a0_outcome(p, now, reply, log);
}


void
a0_provision_leave(a0_provision_t *p)
{
    if (!p->answered) {
        p->left = 1;
    }
}


void
a0_provision_delivered(a0_provision_t *p, int ok)
{
    if (ok || p->keep || !p->answered || p->undone
        || p->problem != A0_PROBLEM_NONE || !p->saga->creates)
    {
        return;
    }

    p->problem = A0_PROBLEM_CALLER_LEFT;
    a0_undo(p, NULL);
}


a0_str_t
a0_provision_req(const a0_provision_t *p)
{
    static const a0_str_t  none = { 0, NULL };

    if (p->at == A0_AT_CALL && p->step != NULL
        && (p->step->flags & A0_CALL_CREATES))
    {
        return p->marks[p->mark];
    }

    return none;
}


void
a0_provision_cleanse(a0_provision_t *p)
{
    OPENSSL_cleanse(p->mem, p->high);
    OPENSSL_cleanse(p, sizeof(a0_provision_t));
}
