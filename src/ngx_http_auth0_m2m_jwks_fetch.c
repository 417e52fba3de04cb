
/*
 * One fetch of a key set: asking, judging the answer, and the record of it in
 * the zone.
 */

#include "ngx_http_auth0_m2m_jwks_state.h"


#define NGX_HTTP_AUTH0_M2M_JWKS_URI   "/.well-known/jwks.json"


static void ngx_http_auth0_m2m_jwks_done(void *data,
    const ngx_http_auth0_m2m_reply_t *reply);
static void ngx_http_auth0_m2m_jwks_record(
    ngx_http_auth0_m2m_jwks_state_t *st,
    const ngx_http_auth0_m2m_reply_t *reply);
static void ngx_http_auth0_m2m_jwks_failed(ngx_http_auth0_m2m_keyset_t *ks,
    const ngx_http_auth0_m2m_reply_t *reply, const char *why);
static const char *ngx_http_auth0_m2m_jwks_accept(
    const ngx_http_auth0_m2m_reply_t *reply, u_char *buf, a0_str_t *keys);


/* What the tenant did, for results that nginx itself has logged. */

static const char *const  ngx_http_auth0_m2m_jwks_results[] = {
    "answered",
    "could not be reached",
    "did not answer in time",
    "did not end its answer",
    "sent too large an answer",
    "sent no valid answer",
    "was not asked, for want of memory"
};


void
ngx_http_auth0_m2m_jwks_fetch(ngx_http_auth0_m2m_jwks_state_t *st)
{
    ngx_http_auth0_m2m_call_t   call;
    ngx_http_auth0_m2m_reply_t  reply;

    ngx_memzero(&call, sizeof(ngx_http_auth0_m2m_call_t));

    call.method = NGX_HTTP_GET;
    ngx_str_set(&call.uri, NGX_HTTP_AUTH0_M2M_JWKS_URI);
    call.timeout = (ngx_msec_t) st->keyset->times.timeout;
    call.what = "fetching keys";
    call.quiet = 1;

    if (ngx_http_auth0_m2m_client_send(st->keyset->tenant, &call,
                                       ngx_http_auth0_m2m_jwks_done, st)
        == NGX_OK)
    {
        return;
    }

    ngx_memzero(&reply, sizeof(ngx_http_auth0_m2m_reply_t));
    reply.result = NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL;

    /* not from here: the poll wakes who waits */

    ngx_http_auth0_m2m_jwks_record(st, &reply);
}


static void
ngx_http_auth0_m2m_jwks_done(void *data,
    const ngx_http_auth0_m2m_reply_t *reply)
{
    ngx_http_auth0_m2m_jwks_state_t *st = data;

    ngx_http_auth0_m2m_jwks_record(st, reply);
    ngx_http_auth0_m2m_jwks_ended(st);
}


static void
ngx_http_auth0_m2m_jwks_record(ngx_http_auth0_m2m_jwks_state_t *st,
    const ngx_http_auth0_m2m_reply_t *reply)
{
    u_char                       *buf;
    a0_str_t                      keys;
    ngx_int_t                     rc;
    const char                   *why;
    ngx_http_auth0_m2m_keyset_t  *ks;

    ks = st->keyset;
    keys.len = 0;
    keys.data = NULL;

    buf = ngx_alloc(NGX_HTTP_AUTH0_M2M_KEYS_MAX, ngx_cycle->log);
    why = buf ? ngx_http_auth0_m2m_jwks_accept(reply, buf, &keys)
              : ngx_http_auth0_m2m_jwks_results
                    [NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL];

    rc = ngx_http_auth0_m2m_shm_keys_publish(st->shared, ks->slot, ks->id,
                                             &ks->times, ngx_current_msec,
                                             (uint32_t) ngx_random(), keys);

    if (rc == NGX_OK) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "auth0_m2m: new keys of \"%V\" are in force",
                      &ks->tenant->domain);

    } else if (rc == NGX_ERROR) {
        ngx_http_auth0_m2m_jwks_failed(ks, reply, why);
    }

    ngx_http_auth0_m2m_shm_count(st->shared, a0_metric_fetch(rc != NGX_ERROR));

    if (buf) {
        ngx_free(buf);
    }
}


/* The one line that says so; nginx may have given reasons before. */

static void
ngx_http_auth0_m2m_jwks_failed(ngx_http_auth0_m2m_keyset_t *ks,
    const ngx_http_auth0_m2m_reply_t *reply, const char *why)
{
    ngx_uint_t   level;
    const char  *effect;

    level = NGX_LOG_ERR;
    effect = "none are in force";

    if (ngx_http_auth0_m2m_jwks_generation(ks)) {
        level = NGX_LOG_WARN;
        effect = "the keys in force stay";
    }

    ngx_log_error(level, ngx_cycle->log, 0,
                  "auth0_m2m: could not refresh the keys of \"%V\": tenant %s "
                  "(status %ui), %s",
                  &ks->tenant->domain, why, reply->status, effect);
}


/* NULL and the normalised keys, or what is wrong with the reply. */

static const char *
ngx_http_auth0_m2m_jwks_accept(const ngx_http_auth0_m2m_reply_t *reply,
    u_char *buf, a0_str_t *keys)
{
    size_t         len;
    a0_err_t       err;
    a0_str_t       text;
    a0_jwk_set_t  *set;

    static ngx_str_t  types[] = {
        ngx_string("application/json"),
        ngx_string("application/jwk-set+json")
    };

    if (reply->result != NGX_HTTP_AUTH0_M2M_REPLY_OK) {
        return reply->text ? reply->text
                           : ngx_http_auth0_m2m_jwks_results[reply->result];
    }

    if (reply->status != NGX_HTTP_OK) {
        return "answered with another status than 200";
    }

    if ((reply->content_type.len != types[0].len
         || ngx_memcmp(reply->content_type.data, types[0].data, types[0].len))
        && (reply->content_type.len != types[1].len
            || ngx_memcmp(reply->content_type.data, types[1].data,
                          types[1].len)))
    {
        return "answered with another content type than application/json";
    }

    text.len = reply->body.len;
    text.data = reply->body.data;

    err = a0_jwk_set_parse(text, &set);
    if (err != A0_OK) {
        return (err == A0_ERR_BAD_KEY_SET)
               ? "sent no usable key set"
               : ngx_http_auth0_m2m_jwks_results
                     [NGX_HTTP_AUTH0_M2M_REPLY_INTERNAL];
    }

    err = a0_jwk_set_write(set, buf, NGX_HTTP_AUTH0_M2M_KEYS_MAX, &len);

    a0_jwk_set_free(set);

    if (err != A0_OK) {
        return "sent too large a key set";
    }

    keys->len = len;
    keys->data = buf;

    return NULL;
}
