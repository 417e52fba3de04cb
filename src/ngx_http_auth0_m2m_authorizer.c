
#include "ngx_http_auth0_m2m_authorizer.h"
#include "ngx_http_auth0_m2m_verdict.h"

#include "a0_json.h"


#define NGX_HTTP_AUTH0_M2M_ARN_MAX   1600

#define NGX_HTTP_AUTH0_M2M_LOWER     "abcdefghijklmnopqrstuvwxyz"
#define NGX_HTTP_AUTH0_M2M_DIGITS    "0123456789"


typedef struct {
    a0_str_t       org_id;
    a0_str_t       client_id;
    a0_str_t       scope;
} ngx_http_auth0_m2m_caller_t;


static void ngx_http_auth0_m2m_authorizer_wake(ngx_http_request_t *r);
static ngx_int_t ngx_http_auth0_m2m_authorizer_answer(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx);
static ngx_int_t ngx_http_auth0_m2m_authorizer_arn(ngx_http_request_t *r,
    a0_str_t *arn);
static ngx_uint_t ngx_http_auth0_m2m_authorizer_is_arn(a0_str_t *arn);
static ngx_uint_t ngx_http_auth0_m2m_authorizer_cut(a0_str_t *rest,
    a0_str_t *field);
static ngx_uint_t ngx_http_auth0_m2m_authorizer_field(a0_str_t *field,
    const char *prefix, const char *chars);
static void ngx_http_auth0_m2m_authorizer_context(a0_json_out_t *out,
    ngx_http_auth0_m2m_caller_t *caller);
static void ngx_http_auth0_m2m_authorizer_policy(a0_json_out_t *out,
    ngx_http_auth0_m2m_caller_t *caller, a0_str_t *arn);
static ngx_int_t ngx_http_auth0_m2m_authorizer_headers(ngx_http_request_t *r,
    ngx_http_auth0_m2m_caller_t *caller);
static ngx_int_t ngx_http_auth0_m2m_authorizer_send(ngx_http_request_t *r,
    a0_str_t body);


ngx_int_t
ngx_http_auth0_m2m_authorizer_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_auth0_m2m_module);

    if (ctx && ctx->done) {
        return ngx_http_auth0_m2m_authorizer_answer(r, ctx);
    }

    rc = ngx_http_auth0_m2m_verdict_judge(r, &ctx,
                                         ngx_http_auth0_m2m_authorizer_wake);

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_auth0_m2m_authorizer_answer(r, ctx);
}


static void
ngx_http_auth0_m2m_authorizer_wake(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_http_auth0_m2m_ctx_t  *ctx;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_auth0_m2m_module);

    /* it has waited once and does not wait again */

    rc = ngx_http_auth0_m2m_verdict_judge(r, &ctx,
                                         ngx_http_auth0_m2m_authorizer_wake);

    rc = (rc == NGX_OK) ? ngx_http_auth0_m2m_authorizer_answer(r, ctx)
                        : NGX_HTTP_INTERNAL_SERVER_ERROR;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_auth0_m2m_authorizer_answer(ngx_http_request_t *r,
    ngx_http_auth0_m2m_ctx_t *ctx)
{
    u_char                       *buf;
    size_t                        size;
    a0_str_t                      arn;
    a0_json_out_t                 out;
    ngx_http_auth0_m2m_caller_t   caller;

    if (!ctx->verified) {
        return ngx_http_auth0_m2m_verdict_deny(r, ctx);
    }

    if (ngx_http_auth0_m2m_authorizer_arn(r, &arn) != NGX_OK) {
        return NGX_HTTP_BAD_REQUEST;
    }

    caller.org_id = a0_claims_str(ctx->claims, ctx->claims->org_id);
    caller.client_id = a0_claims_str(ctx->claims, ctx->claims->client_id);
    caller.scope = a0_claims_str(ctx->claims, ctx->claims->scope);

    /* an escaped byte takes six */

    size = 512 + arn.len + 6 * (caller.org_id.len + caller.client_id.len
                                + caller.scope.len);

    buf = ngx_palloc(r->pool, size);
    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a0_json_out_init(&out, buf, size);

    if (arn.len) {
        ngx_http_auth0_m2m_authorizer_policy(&out, &caller, &arn);

    } else {
        ngx_http_auth0_m2m_authorizer_context(&out, &caller);
    }

    if (out.overflow
        || ngx_http_auth0_m2m_authorizer_headers(r, &caller) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_auth0_m2m_authorizer_send(r, a0_json_out_text(&out));
}


/* The argument methodArn, decoded; empty when there is none. */

static ngx_int_t
ngx_http_auth0_m2m_authorizer_arn(ngx_http_request_t *r, a0_str_t *arn)
{
    u_char     *src, *dst;
    ngx_str_t   value;

    arn->len = 0;
    arn->data = NULL;

    if (ngx_http_arg(r, (u_char *) "methodArn", 9, &value) != NGX_OK) {
        return NGX_OK;
    }

    if (value.len == 0 || value.len > NGX_HTTP_AUTH0_M2M_ARN_MAX) {
        return NGX_ERROR;
    }

    dst = ngx_pnalloc(r->pool, value.len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    arn->data = dst;
    src = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);

    arn->len = dst - arn->data;

    return ngx_http_auth0_m2m_authorizer_is_arn(arn) ? NGX_OK : NGX_ERROR;
}


/*
 * arn:partition:execute-api:region:account:api/stage/verb/path, of printable
 * ASCII without quotes and backslashes.  The answer allows what it names: no
 * wildcards.
 */

static ngx_uint_t
ngx_http_auth0_m2m_authorizer_is_arn(a0_str_t *arn)
{
    a0_str_t     rest, field;
    ngx_uint_t   i;

    /* what a field begins with, and what may follow */

    static const struct {
        const char  *prefix;
        const char  *chars;
    } fields[] = {
        { "arn", "" },
        { "aws", NGX_HTTP_AUTH0_M2M_LOWER "-" },
        { "execute-api", "" },
        { "", NGX_HTTP_AUTH0_M2M_LOWER NGX_HTTP_AUTH0_M2M_DIGITS "-" },
        { "", NGX_HTTP_AUTH0_M2M_DIGITS }
    };

    rest = *arn;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!ngx_http_auth0_m2m_authorizer_cut(&rest, &field)
            || !ngx_http_auth0_m2m_authorizer_field(&field, fields[i].prefix,
                                                    fields[i].chars))
        {
            return 0;
        }
    }

    for (i = 0; i < rest.len; i++) {
        if (rest.data[i] <= 0x20 || rest.data[i] >= 0x7f
            || strchr("\"\\*?", rest.data[i]) != NULL)
        {
            return 0;
        }
    }

    return rest.len != 0;
}


/* The part of rest before a colon, which goes with it. */

static ngx_uint_t
ngx_http_auth0_m2m_authorizer_cut(a0_str_t *rest, a0_str_t *field)
{
    const u_char  *colon;

    colon = memchr(rest->data, ':', rest->len);
    if (colon == NULL) {
        return 0;
    }

    field->data = rest->data;
    field->len = colon - rest->data;

    rest->data = colon + 1;
    rest->len -= field->len + 1;

    return 1;
}


static ngx_uint_t
ngx_http_auth0_m2m_authorizer_field(a0_str_t *field, const char *prefix,
    const char *chars)
{
    size_t  i, n;

    n = ngx_strlen(prefix);

    if (field->len == 0 || field->len < n
        || ngx_memcmp(field->data, prefix, n) != 0)
    {
        return 0;
    }

    for (i = n; i < field->len; i++) {
        if (field->data[i] == '\0' || strchr(chars, field->data[i]) == NULL) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_auth0_m2m_authorizer_context(a0_json_out_t *out,
    ngx_http_auth0_m2m_caller_t *caller)
{
    a0_json_out_lit(out, "{\"isAuthorized\":true,\"context\":{\"org_id\":");
    a0_json_out_string(out, caller->org_id);
    a0_json_out_lit(out, ",\"client_id\":");
    a0_json_out_string(out, caller->client_id);
    a0_json_out_lit(out, ",\"scope\":");
    a0_json_out_string(out, caller->scope);
    a0_json_out_lit(out, "}}");
}


static void
ngx_http_auth0_m2m_authorizer_policy(a0_json_out_t *out,
    ngx_http_auth0_m2m_caller_t *caller, a0_str_t *arn)
{
    a0_json_out_lit(out, "{\"principalId\":");
    a0_json_out_string(out, caller->org_id.len ? caller->org_id
                                               : caller->client_id);
    a0_json_out_lit(out, ",\"policyDocument\":{\"Version\":\"2012-10-17\","
                         "\"Statement\":[{\"Action\":\"execute-api:Invoke\","
                         "\"Effect\":\"Allow\",\"Resource\":");
    a0_json_out_string(out, *arn);
    a0_json_out_lit(out, "}]}}");
}


/* Values that could not stand in a header are left out. */

static ngx_int_t
ngx_http_auth0_m2m_authorizer_headers(ngx_http_request_t *r,
    ngx_http_auth0_m2m_caller_t *caller)
{
    size_t            j;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    const struct {
        ngx_str_t    name;
        a0_str_t    *value;
    } headers[] = {
        { ngx_string("X-Auth0-Org-Id"), &caller->org_id },
        { ngx_string("X-Auth0-Client-Id"), &caller->client_id },
        { ngx_string("X-Auth0-Scope"), &caller->scope }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {

        for (j = 0; j < headers[i].value->len; j++) {
            if (headers[i].value->data[j] < 0x20
                || headers[i].value->data[j] >= 0x7f)
            {
                break;
            }
        }

        if (j == 0 || j < headers[i].value->len) {
            continue;
        }

        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->hash = 1;
        h->key = headers[i].name;
        h->value.len = headers[i].value->len;
        h->value.data = (u_char *) headers[i].value->data;

#if (nginx_version >= 1023000)
        h->next = NULL;
#endif
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_authorizer_send(ngx_http_request_t *r, a0_str_t body)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = body.len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = (u_char *) body.data;
    b->last = b->pos + body.len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
