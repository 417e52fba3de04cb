
#include "ngx_http_auth0_m2m_provision_answer.h"

#include <openssl/crypto.h>


/* Bytes that are wiped when the request ends. */

typedef struct {
    void    *data;
    size_t   len;
} ngx_http_auth0_m2m_wipe_t;


static ngx_int_t ngx_http_auth0_m2m_provision_add(ngx_http_request_t *r,
    a0_str_t name, a0_str_t value);
static ngx_int_t ngx_http_auth0_m2m_provision_add_text(ngx_http_request_t *r,
    const char *name, const char *value);
static ngx_int_t ngx_http_auth0_m2m_provision_common(
    ngx_http_auth0_m2m_provision_t *pc);
static ngx_int_t ngx_http_auth0_m2m_provision_send(ngx_http_request_t *r,
    ngx_uint_t status, a0_str_t type, a0_str_t body, ngx_uint_t secret);
static ngx_buf_t *ngx_http_auth0_m2m_provision_buf(ngx_http_request_t *r,
    a0_str_t body, ngx_uint_t secret);
static u_char *ngx_http_auth0_m2m_provision_copy(ngx_http_request_t *r,
    a0_str_t s, ngx_uint_t secret);
static void ngx_http_auth0_m2m_provision_wipe(void *data);


static ngx_int_t
ngx_http_auth0_m2m_provision_add(ngx_http_request_t *r, a0_str_t name,
    a0_str_t value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 0;

    h->key.len = name.len;
    h->key.data = ngx_http_auth0_m2m_provision_copy(r, name, 0);
    h->value.len = value.len;
    h->value.data = ngx_http_auth0_m2m_provision_copy(r, value, 0);

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    if (h->key.data == NULL || h->value.data == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_provision_add_text(ngx_http_request_t *r, const char *name,
    const char *value)
{
    a0_str_t  n, v;

    n.len = ngx_strlen(name);
    n.data = (const u_char *) name;
    v.len = ngx_strlen(value);
    v.data = (const u_char *) value;

    return ngx_http_auth0_m2m_provision_add(r, n, v);
}


/* What every answer carries, good or bad. */

static ngx_int_t
ngx_http_auth0_m2m_provision_common(ngx_http_auth0_m2m_provision_t *pc)
{
    a0_str_t                id, name;
    ngx_http_request_t     *r;
    const a0_answer_hdr_t  *h;

    static const a0_str_t  origin = a0_string("Access-Control-Allow-Origin");

    r = pc->request;

    for (h = a0_answer_common; h->name.len; h++) {
        if (ngx_http_auth0_m2m_provision_add(r, h->name, h->value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    name.len = sizeof("X-Request-Id") - 1;
    name.data = (const u_char *) "X-Request-Id";
    id.len = sizeof(pc->id);
    id.data = pc->id;

    if (ngx_http_auth0_m2m_provision_add(r, name, id) != NGX_OK) {
        return NGX_ERROR;
    }

    if (pc->origin.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_auth0_m2m_provision_add(r, origin,
                                         ngx_http_auth0_m2m_a0(&pc->origin))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_auth0_m2m_provision_add_text(r,
                               "Access-Control-Expose-Headers",
                               "Retry-After,Location,Idempotency-Replayed,"
                               "X-Request-Id");
}


ngx_int_t
ngx_http_auth0_m2m_provision_preflight(ngx_http_auth0_m2m_provision_t *pc)
{
    a0_str_t             none;
    ngx_http_request_t  *r;

    /* by a0_handler_e */

    static const char  *methods[] = {
        "POST", "GET,POST,DELETE", "POST"
    };

    r = pc->request;

    none.len = 0;
    none.data = NULL;

    if (ngx_http_auth0_m2m_provision_common(pc) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (pc->origin.len
        && (ngx_http_auth0_m2m_provision_add_text(r,
                                          "Access-Control-Allow-Methods",
                                          methods[pc->conf->handler])
            != NGX_OK
            || ngx_http_auth0_m2m_provision_add_text(r,
                                 "Access-Control-Allow-Headers",
                                 "authorization,content-type,idempotency-key")
               != NGX_OK
            || ngx_http_auth0_m2m_provision_add_text(r,
                                              "Access-Control-Max-Age", "600")
               != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_auth0_m2m_provision_send(r, NGX_HTTP_NO_CONTENT, none,
                                             none, 0);
}


ngx_int_t
ngx_http_auth0_m2m_provision_problem(ngx_http_auth0_m2m_provision_t *pc,
    a0_problem_e problem, ngx_uint_t retry_after, a0_str_t *allow)
{
    u_char               buf[A0_PROBLEM_SIZE];
    char                 seconds[NGX_INT64_LEN + 1];
    a0_problem_t         p;
    a0_json_out_t        out;
    ngx_http_request_t  *r;

    static const a0_str_t  type = a0_string(A0_PROBLEM_TYPE);

    r = pc->request;

    ngx_memzero(&p, sizeof(a0_problem_t));
    p.problem = problem;
    p.cleanup = A0_CLEANUP_NONE;
    p.request_id.len = sizeof(pc->id);
    p.request_id.data = pc->id;
    p.create = (pc->op == A0_OP_CREATE_KEY);

    a0_json_out_init(&out, buf, sizeof(buf));
    a0_problem_write(&out, &p);

    if (out.overflow || ngx_http_auth0_m2m_provision_common(pc) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (retry_after == 0 && a0_problem_info(problem)->retryable
        && problem != A0_PROBLEM_KEYS_UNAVAILABLE)
    {
        retry_after = 1;
    }

    if (retry_after) {
        ngx_sprintf((u_char *) seconds, "%ui%Z", retry_after);

        if (ngx_http_auth0_m2m_provision_add_text(r, "Retry-After", seconds)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (allow) {
        static const a0_str_t  name = a0_string("Allow");

        if (ngx_http_auth0_m2m_provision_add(r, name, *allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_auth0_m2m_provision_send(r,
                                             a0_problem_info(problem)->status,
                                             type, a0_json_out_text(&out), 0);
}


ngx_int_t
ngx_http_auth0_m2m_provision_result(ngx_http_auth0_m2m_provision_t *pc,
    const a0_todo_t *todo)
{
    size_t  i;

    if (ngx_http_auth0_m2m_provision_common(pc) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < todo->answer.nheaders; i++) {
        if (ngx_http_auth0_m2m_provision_add(pc->request,
                                             todo->answer.headers[i].name,
                                             todo->answer.headers[i].value)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_auth0_m2m_provision_send(pc->request, todo->answer.status,
                                             todo->answer.content_type,
                                             todo->answer.body,
                                             todo->answer.secret);
}


static ngx_int_t
ngx_http_auth0_m2m_provision_send(ngx_http_request_t *r, ngx_uint_t status,
    a0_str_t type, a0_str_t body, ngx_uint_t secret)
{
    u_char       *p;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body.len;

    /* the caller's If-* are no reason to keep a credential from it */

    r->disable_not_modified = 1;

#if (NGX_HTTP_GZIP)

    /* compressed secrets leak their length, and leave copies */

    r->gzip_tested = 1;
    r->gzip_ok = 0;

#endif

    if (body.len == 0) {
        r->header_only = 1;

        if (status == NGX_HTTP_NO_CONTENT) {
            ngx_http_clear_content_length(r);
        }

        return ngx_http_send_header(r);
    }

    p = ngx_http_auth0_m2m_provision_copy(r, type, 0);
    b = ngx_http_auth0_m2m_provision_buf(r, body, secret);

    if (p == NULL || b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.content_type.len = type.len;
    r->headers_out.content_type.data = p;
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_buf_t *
ngx_http_auth0_m2m_provision_buf(ngx_http_request_t *r, a0_str_t body,
    ngx_uint_t secret)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->pos = ngx_http_auth0_m2m_provision_copy(r, body, secret);
    if (b->pos == NULL) {
        return NULL;
    }

    b->last = b->pos + body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    return b;
}


static u_char *
ngx_http_auth0_m2m_provision_copy(ngx_http_request_t *r, a0_str_t s,
    ngx_uint_t secret)
{
    u_char                     *p;
    ngx_pool_cleanup_t         *cln;
    ngx_http_auth0_m2m_wipe_t  *wipe;

    p = ngx_pnalloc(r->pool, s.len ? s.len : 1);
    if (p == NULL) {
        return NULL;
    }

    if (secret) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_auth0_m2m_wipe_t));
        if (cln == NULL) {
            return NULL;
        }

        wipe = cln->data;
        wipe->data = p;
        wipe->len = s.len;
        cln->handler = ngx_http_auth0_m2m_provision_wipe;
    }

    ngx_memcpy(p, s.data, s.len);

    return p;
}


static void
ngx_http_auth0_m2m_provision_wipe(void *data)
{
    ngx_http_auth0_m2m_wipe_t *wipe = data;

    OPENSSL_cleanse(wipe->data, wipe->len);
}
