
/*
 * Answers, and what remains to be recorded when a saga is over.
 */

#include "a0_provision_int.h"


#define A0_LIMIT_RETRY  3600   /* s, when an entity limit is reached */


static a0_cleanup_e
a0_cleanup(const a0_provision_t *p)
{
    if (p->doubt || p->revoking || (p->mode == A0_MODE_UNDO && !p->undone)) {
        return A0_CLEANUP_PENDING;
    }

    return p->undone ? A0_CLEANUP_COMPLETE : A0_CLEANUP_NONE;
}


static void
a0_header(a0_todo_t *todo, const char *name, a0_str_t value)
{
    a0_answer_hdr_t  *h;

    h = &todo->answer.headers[todo->answer.nheaders++];
    h->name.data = (const unsigned char *) name;
    h->name.len = 0;

    while (name[h->name.len] != '\0') {
        h->name.len++;
    }

    h->value = value;
}


/* Numbers and paths of headers are written behind the body. */

static a0_str_t
a0_since(const a0_json_out_t *out, const unsigned char *start)
{
    a0_str_t  text;

    text.data = start;
    text.len = (size_t) (out->pos - start);

    return text;
}


static void
a0_problem_headers(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    int64_t                seconds;
    const unsigned char   *start;
    static const a0_str_t  challenge =
        a0_string("Bearer error=\"invalid_token\"");

    seconds = 0;

    if (p->problem == A0_PROBLEM_INVALID_TOKEN) {
        a0_header(todo, "WWW-Authenticate", challenge);
    }

    if (p->problem == A0_PROBLEM_IDP_THROTTLED) {
        seconds = p->retry_after ? p->retry_after : 1;
    }

    if (p->problem == A0_PROBLEM_IDP_LIMIT_REACHED) {
        seconds = A0_LIMIT_RETRY;
    }

    if (seconds) {
        start = out->pos;
        a0_json_out_int(out, seconds);
        a0_header(todo, "Retry-After", a0_since(out, start));
    }
}


static void
a0_answer_problem(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    a0_problem_t           problem = { 0 };
    static const a0_str_t  type = a0_string(A0_PROBLEM_TYPE);

    problem.problem = p->problem;
    problem.cleanup = a0_cleanup(p);
    problem.step = p->failed_step;
    problem.request_id = p->request_id;
    problem.create = p->op == A0_OP_CREATE_KEY || p->op == A0_OP_KEY_CREATE;

    a0_problem_write(out, &problem);

    todo->answer.status = a0_problem_info(p->problem)->status;
    todo->answer.problem = p->problem;
    todo->answer.content_type = type;
    todo->answer.body = a0_json_out_text(out);
    a0_problem_headers(p, todo, out);
}


static void
a0_answer_success(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    static const a0_str_t  type = a0_string(A0_ANSWER_TYPE);

    todo->answer.status = 200;
    todo->answer.content_type = type;
    p->saga->answer(p, todo, out);

    if (p->replay) {
        static const a0_str_t  yes = a0_string("true");

        a0_header(todo, "Idempotency-Replayed", yes);
    }
}


void
a0_answer(a0_provision_t *p, a0_todo_t *todo)
{
    a0_json_out_t  out;

    todo->act = A0_ACT_ANSWER;
    todo->step = p->failed_step;
    a0_scratch(p, &out);

    if (p->problem == A0_PROBLEM_NONE) {
        a0_answer_success(p, todo, &out);
    }

    if (out.overflow) {
        p->problem = A0_PROBLEM_INTERNAL;
    }

    if (p->problem != A0_PROBLEM_NONE) {
        todo->answer.nheaders = 0;
        a0_scratch(p, &out);
        a0_answer_problem(p, todo, &out);
    }

    if (p->revoking) {
        todo->answer.deny = p->target;
    }

    a0_scratch_used(p, &out);
}


/* The key that the answer is about: made here, or there before. */

static a0_str_t
a0_answer_id(const a0_provision_t *p)
{
    return p->client_id.len ? p->client_id : p->target;
}


static void
a0_answer_secret(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out,
    a0_str_t extra)
{
    const unsigned char  *start;

    start = out->pos;
    a0_answer_apikey(out, a0_answer_id(p), p->secret, extra);

    todo->answer.body = a0_since(out, start);
    todo->answer.client_id = a0_answer_id(p);
    todo->answer.secret = 1;
    todo->answer.confirm = p->saga->creates;
}


void
a0_answer_key(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    static const a0_str_t  none = { 0, NULL };

    a0_answer_secret(p, todo, out, none);
}


static void
a0_extra_id(const a0_provision_t *p, a0_json_out_t *out)
{
    a0_json_out_lit(out, ",\"client_id\":");
    a0_json_out_string(out, a0_answer_id(p));

    if (p->client_id.len == 0) {
        a0_json_out_lit(out, ",\"propagation_seconds\":");
        a0_json_out_int(out, A0_PROPAGATION);
    }
}


void
a0_answer_created(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    a0_str_t              extra;
    const unsigned char  *start;

    start = out->pos;
    a0_extra_id(p, out);
    extra = a0_since(out, start);

    a0_answer_secret(p, todo, out, extra);
    todo->answer.status = 201;

    if (p->location.len) {
        start = out->pos;
        a0_json_out_raw(out, p->location);
        a0_json_out_lit(out, "/");
        a0_uri_part(out, a0_answer_id(p));
        a0_header(todo, "Location", a0_since(out, start));
    }
}


/* When the key that was replaced ends. */

static int64_t
a0_retires(const a0_provision_t *p)
{
    int64_t  end;

    end = p->now + p->grace;

    return p->expires && p->expires < end ? p->expires : end;
}


void
a0_answer_rotated(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    a0_str_t              extra;
    const unsigned char  *start;

    start = out->pos;
    a0_extra_id(p, out);

    if (p->client_id.len) {
        a0_json_out_lit(out, ",\"replaced\":{\"client_id\":");
        a0_json_out_string(out, p->target);
        a0_json_out_lit(out, ",\"expires_at\":");
        a0_json_out_int(out, a0_retires(p));
        a0_json_out_lit(out, "}");
    }

    extra = a0_since(out, start);
    a0_answer_secret(p, todo, out, extra);
}


void
a0_answer_list(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    a0_list_write(p, out);
    todo->answer.body = a0_json_out_text(out);
}


void
a0_answer_revoked(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    (void) out;

    todo->answer.status = 204;
    todo->answer.content_type.len = 0;
    todo->answer.client_id = p->target;
}


void
a0_answer_user(a0_provision_t *p, a0_todo_t *todo, a0_json_out_t *out)
{
    a0_json_out_lit(out, "{\"user_id\":");
    a0_json_out_string(out, p->user_id);
    a0_json_out_lit(out, ",\"org_id\":");
    a0_json_out_string(out, p->org_id);
    a0_json_out_lit(out, ",\"org_name\":");
    a0_json_out_string(out, p->org_name);
    a0_json_out_lit(out, p->org_made ? ",\"created\":true}"
                                     : ",\"created\":false}");
    todo->answer.body = a0_json_out_text(out);
}


static void
a0_ring(a0_todo_t *todo, a0_ring_e kind, a0_str_t id, int64_t due,
    const char *why)
{
    a0_ring_entry_t  *entry;

    if (todo->done.nring == A0_PROVISION_RING || id.len > A0_ID_MAX) {
        return;
    }

    entry = &todo->done.ring[todo->done.nring++];
    entry->kind = kind;
    entry->id = id;
    entry->due = due;
    entry->why = why;
    entry->deny = kind == A0_RING_CLIENT;
}


static void
a0_ring_expired(const a0_provision_t *p, a0_todo_t *todo)
{
    int64_t          end;
    const a0_key_t  *key;

    for (key = p->keys; key != NULL; key = key->next) {
        end = key->ours ? a0_key_end(p, key) : 0;

        if (end && end <= p->now) {
            a0_ring(todo, A0_RING_CLIENT, key->client_id, end, "expired");
        }
    }
}


static void
a0_ring_made(const a0_provision_t *p, a0_todo_t *todo)
{
    if (p->expires) {
        a0_ring(todo, A0_RING_CLIENT, p->client_id, p->expires, "expired");
    }

    if (p->op == A0_OP_KEY_ROTATE) {
        a0_ring(todo, A0_RING_CLIENT, p->target, a0_retires(p), "rotated");
    }

    todo->done.client_id = p->client_id;
}


void
a0_done(a0_provision_t *p, const a0_provision_now_t *now, a0_todo_t *todo)
{
    unsigned  i;

    todo->act = A0_ACT_DONE;
    todo->step = p->failed_step;
    todo->done.problem = p->problem;

    for (i = 0; i < 2; i++) {
        if (p->doubt & (1u << i)) {
            a0_ring(todo, A0_RING_REQ, p->marks[i],
                    now->seconds + A0_SETTLE, "orphan");
        }
    }

    if (p->undo_lost) {
        a0_ring(todo, A0_RING_CLIENT, p->client_id,
                now->seconds + A0_SETTLE, "orphan");
    }

    if (p->revoking) {
        todo->done.deny = p->target;

        if (p->problem != A0_PROBLEM_NONE) {
            a0_ring(todo, A0_RING_CLIENT, p->target,
                    now->seconds + A0_SETTLE, "revoked");
        }
    }

    if (p->problem != A0_PROBLEM_NONE || p->undone) {
        return;
    }

    todo->done.clean = p->saga->clean
                       && (p->finished || p->op == A0_OP_CLEAN_CLIENT);

    a0_ring_expired(p, todo);

    if (p->saga->creates) {
        a0_ring_made(p, todo);

    } else if (p->in_place || p->replay) {
        todo->done.client_id = p->target;
    }
}
