
/* The members of an event, and what is given up when it is too long. */

#include <string.h>

#include "a0_event_text.h"


/* How much of header values and of the URI is kept; headers 0: no headers. */

typedef struct {
    size_t    max;
    unsigned  headers;
} a0_event_limit_t;


static const a0_event_limit_t  a0_event_limits[] = {
    { A0_EVENT_MAX, 1 },
    { 2048, 1 },
    { 256, 1 },
    { 32, 1 },
    { 32, 0 }
};


static const a0_str_t  a0_event_secrets[] = {
    a0_string("authorization"),
    a0_string("cookie"),
    a0_string("proxy-authorization"),
    a0_string("set-cookie")
};


int
a0_event_header_secret(a0_str_t name)
{
    size_t  i, n;

    n = sizeof(a0_event_secrets) / sizeof(a0_event_secrets[0]);

    for (i = 0; i < n; i++) {
        if (a0_event_same_name(a0_event_secrets[i], name)) {
            return 1;
        }
    }

    return 0;
}


/* ,"name":"text"  or nothing for empty text */

static void
a0_event_member(a0_json_out_t *out, const char *name, a0_str_t text)
{
    if (text.len != 0) {
        a0_json_out_lit(out, name);
        a0_json_out_string(out, text);
    }
}


static void
a0_event_number(a0_json_out_t *out, const char *name, int64_t value)
{
    if (value >= 0) {
        a0_json_out_lit(out, name);
        a0_json_out_int(out, value);
    }
}


/* Milliseconds as seconds. */

static void
a0_event_seconds(a0_json_out_t *out, const char *name, int64_t ms)
{
    char  fraction[sizeof(".000")] = ".000";

    if (ms < 0) {
        return;
    }

    fraction[1] = (char) ('0' + ms / 100 % 10);
    fraction[2] = (char) ('0' + ms / 10 % 10);
    fraction[3] = (char) ('0' + ms % 10);

    a0_event_number(out, name, ms / 1000);
    a0_json_out_lit(out, fraction);
}


static int64_t
a0_event_start(const a0_event_t *e)
{
    if (e->start < 0) {
        return 0;
    }

    return e->start < A0_DATE_MAX * 1000 ? e->start : A0_DATE_MAX * 1000;
}


/* A clock that was set back must not make the answer precede the request. */

static int64_t
a0_event_end(const a0_event_t *e)
{
    int64_t  start;

    start = a0_event_start(e);

    if (e->end < start) {
        return start;
    }

    return e->end < A0_DATE_MAX * 1000 ? e->end : A0_DATE_MAX * 1000;
}


static void
a0_event_time(a0_json_out_t *out, int64_t ms)
{
    a0_str_t       text;
    unsigned char  date[A0_EVENT_DATE];

    a0_event_date(ms, date);
    text.data = date;
    text.len = A0_EVENT_DATE;
    a0_json_out_lit(out, "\"time\":");
    a0_json_out_string(out, text);
}


static int
a0_event_header_wanted(const a0_event_header_t *headers, size_t i)
{
    size_t  j;

    if (headers[i].value.data == NULL
        || !a0_event_is_token(headers[i].name, A0_EVENT_NAME_MAX)
        || a0_event_header_secret(headers[i].name))
    {
        return 0;
    }

    for (j = 0; j < i; j++) {
        if (headers[j].value.data != NULL
            && a0_event_same_name(headers[i].name, headers[j].name))
        {
            return 0;
        }
    }

    return 1;
}


static void
a0_event_headers(a0_json_out_t *out, const a0_event_header_t *headers,
    size_t n, const a0_event_limit_t *limit)
{
    size_t       i;
    const char  *comma;

    a0_json_out_lit(out, ",\"headers\":{");
    comma = "";

    for (i = 0; limit->headers && i < n; i++) {
        if (!a0_event_header_wanted(headers, i)) {
            continue;
        }

        a0_json_out_lit(out, comma);
        a0_json_out_string(out, headers[i].name);
        a0_json_out_lit(out, ":");
        a0_json_out_string(out, a0_event_cut(headers[i].value, limit->max));
        comma = ",";
    }

    a0_json_out_lit(out, "}");
}


static void
a0_event_uri(a0_json_out_t *out, const a0_event_t *e, size_t max)
{
    a0_str_t  host;

    host = e->host.len ? e->host : e->gateway;

    a0_json_out_lit(out, e->https ? ",\"uri\":\"https://"
                                  : ",\"uri\":\"http://");

    if (host.len == 0) {
        a0_json_out_lit(out, "localhost");

    } else {
        a0_event_out_host(out, a0_event_cut(host, A0_EVENT_NAME_MAX));
    }

    if (e->port != 0 && e->port != (e->https ? 443 : 80)) {
        a0_event_number(out, ":", e->port);
    }

    a0_event_out_target(out, e->uri, e->query, max);
    a0_json_out_lit(out, "\"");
}


static void
a0_event_request(a0_json_out_t *out, const a0_event_t *e,
    const a0_event_limit_t *limit)
{
    static const a0_str_t  unknown = a0_string("UNKNOWN");

    a0_json_out_lit(out, "{\"request\":{");
    a0_event_time(out, a0_event_start(e));
    a0_event_uri(out, e, limit->max);
    a0_event_member(out, ",\"verb\":",
                    a0_event_is_token(e->method, A0_EVENT_WORD_MAX)
                    ? e->method : unknown);

    if (a0_event_is_address(e->address)) {
        a0_event_member(out, ",\"ip_address\":", e->address);
    }

    a0_event_headers(out, e->request_headers, e->nrequest, limit);
    a0_json_out_lit(out, "}");
}


static void
a0_event_response(a0_json_out_t *out, const a0_event_t *e,
    const a0_event_limit_t *limit)
{
    a0_json_out_lit(out, ",\"response\":{");
    a0_event_time(out, a0_event_end(e));
    a0_event_number(out, ",\"status\":", e->status < 100 ? 499 : e->status);
    a0_event_headers(out, e->response_headers, e->nresponse, limit);
    a0_json_out_lit(out, "}");
}


static void
a0_event_transaction(a0_json_out_t *out, const a0_event_t *e)
{
    size_t         i;
    a0_str_t       text;
    unsigned char  uuid[A0_EVENT_UUID];

    text = e->transaction;

    if (text.len == 16) {
        a0_event_uuid(text.data, uuid);
        text.data = uuid;
        text.len = A0_EVENT_UUID;
    }

    if (text.len != A0_EVENT_UUID) {
        return;
    }

    for (i = 0; i < A0_EVENT_UUID; i++) {
        if ((i == 8 || i == 13 || i == 18 || i == 23)
            ? text.data[i] != '-'
            : text.data[i] == '\0'
              || strchr("0123456789abcdef", text.data[i]) == NULL)
        {
            return;
        }
    }

    a0_event_member(out, ",\"transaction_id\":", text);
}


static void
a0_event_ids(a0_json_out_t *out, const a0_event_t *e)
{
    if (a0_event_is_clean(e->company, A0_EVENT_ID_MAX)) {
        a0_event_member(out, ",\"company_id\":", e->company);
    }

    if (a0_event_is_clean(e->user, A0_EVENT_ID_MAX)) {
        a0_event_member(out, ",\"user_id\":", e->user);
    }

    a0_json_out_lit(out, e->outgoing ? ",\"direction\":\"Outgoing\""
                                     : ",\"direction\":\"Incoming\"");
    a0_event_transaction(out, e);
}


static void
a0_event_metadata(a0_json_out_t *out, const a0_event_t *e)
{
    a0_event_seconds(out, ",\"metadata\":{\"request_time\":",
                     a0_event_end(e) - a0_event_start(e));
    a0_event_seconds(out, ",\"upstream_time\":", e->upstream);
    a0_event_number(out, ",\"bytes_sent\":", e->sent);
    a0_event_number(out, ",\"bytes_received\":", e->received);
    a0_event_member(out, ",\"cache_status\":",
                    a0_event_cut(e->cache, A0_EVENT_WORD_MAX));
    a0_event_member(out, ",\"gateway\":",
                    a0_event_cut(e->gateway, A0_EVENT_NAME_MAX));
    a0_json_out_lit(out, "}}");
}


a0_err_t
a0_event_write(const a0_event_t *event, unsigned char *buf, size_t cap,
    size_t *len)
{
    size_t         i, n;
    a0_json_out_t  out;

    if (cap > A0_EVENT_MAX) {
        cap = A0_EVENT_MAX;
    }

    n = sizeof(a0_event_limits) / sizeof(a0_event_limits[0]);

    for (i = 0; i < n; i++) {
        a0_json_out_init(&out, buf, cap);

        a0_event_request(&out, event, &a0_event_limits[i]);
        a0_event_response(&out, event, &a0_event_limits[i]);
        a0_event_ids(&out, event);
        a0_event_metadata(&out, event);

        if (!out.overflow) {
            *len = a0_json_out_text(&out).len;
            return A0_OK;
        }
    }

    return A0_ERR_NO_SPACE;
}
