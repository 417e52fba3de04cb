/*
 * Events of any bytes: one line of JSON in UTF-8, never too long for a buffer
 * of A0_EVENT_MIN, without credentials.
 */

#include "a0_event.h"
#include "a0_json.h"
#include "fuzz.h"
#include "lenient.h"

#define HEADERS  6
#define TEXTS    (9 + 4 * HEADERS)


typedef struct {
    a0_str_t           texts[TEXTS];
    size_t             n;
    a0_event_header_t  headers[2 * HEADERS];
    a0_event_t         event;
} made_t;


static a0_str_t
text(fuzz_t *in, made_t *m)
{
    size_t           n;
    a0_str_t         s;
    unsigned char   *p;

    n = fuzz_byte(in);

    /* a long one: what follows, again and again */

    if (n >= 0xf0) {
        n = (n & 15) * 8192 / 15;
        p = fuzz_alloc(n);
        memset(p, (int) fuzz_byte(in), n);
        s.data = p;
        s.len = n;

    } else {
        s = fuzz_line(in);
    }

    m->texts[m->n++] = s;

    return s;
}


static size_t
headers(fuzz_t *in, made_t *m, a0_event_header_t *h)
{
    size_t  i, n;

    n = fuzz_byte(in) % (HEADERS + 1);

    for (i = 0; i < n; i++) {
        h[i].name = text(in, m);
        h[i].value = text(in, m);

        if (fuzz_byte(in) % 8 == 7) {
            h[i].value.data = NULL;
            h[i].value.len = 0;
        }
    }

    return n;
}


static void
make(fuzz_t *in, made_t *m)
{
    unsigned     bits;
    a0_event_t  *e;

    memset(m, 0, sizeof(*m));
    e = &m->event;
    bits = fuzz_byte(in);
    e->https = bits & 1;
    e->query = bits >> 1 & 1;
    e->outgoing = bits >> 2 & 1;
    e->start = (int64_t) fuzz_int(in, 1 + (bits >> 3) % 8);
    e->end = e->start + (int8_t) fuzz_byte(in);
    e->port = (unsigned) fuzz_int(in, 2);
    e->status = (unsigned) fuzz_int(in, 2);
    e->upstream = (int16_t) fuzz_int(in, 2);
    e->sent = (int64_t) fuzz_int(in, 4);
    e->received = (int64_t) fuzz_int(in, 4);
    e->method = text(in, m);
    e->host = text(in, m);
    e->uri = text(in, m);
    e->address = text(in, m);
    e->company = text(in, m);
    e->user = text(in, m);
    e->transaction = text(in, m);
    e->cache = text(in, m);
    e->gateway = text(in, m);
    e->request_headers = m->headers;
    e->nrequest = headers(in, m, m->headers);
    e->response_headers = m->headers + HEADERS;
    e->nresponse = headers(in, m, m->headers + HEADERS);
}


static void
no_secret(const a0_json_t *side)
{
    size_t              i;
    const a0_json_t    *h;
    static const char  *names[] = {
        "authorization", "Authorization", "cookie", "Cookie", "set-cookie",
        "Set-Cookie", "proxy-authorization", "Proxy-Authorization"
    };

    h = a0_json_get(side, "headers");
    FUZZ_ASSERT(a0_json_type(h) == A0_JSON_OBJECT);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        FUZZ_ASSERT(a0_json_get(h, names[i]) == NULL);
    }
}


static void
look(a0_str_t line)
{
    double            status;
    a0_str_t          s;
    a0_json_t        *json;
    const a0_json_t  *asked, *answered;

    json = lenient_json(line);
    FUZZ_ASSERT(json != NULL);
    asked = a0_json_get(json, "request");
    answered = a0_json_get(json, "response");
    FUZZ_ASSERT(a0_json_string(a0_json_get(asked, "time"), &s)
                && s.len == A0_EVENT_DATE);
    FUZZ_ASSERT(a0_json_string(a0_json_get(asked, "uri"), &s)
                && fuzz_within(s, 0x21, 0x7e));
    FUZZ_ASSERT(memchr(s.data, '#', s.len) == NULL);
    FUZZ_ASSERT(a0_json_string(a0_json_get(asked, "verb"), &s)
                && s.len && s.len <= A0_EVENT_WORD_MAX
                && fuzz_within(s, 0x21, 0x7e));
    FUZZ_ASSERT(a0_json_number(a0_json_get(answered, "status"), &status)
                && status >= 100);
    no_secret(asked);
    no_secret(answered);
    a0_json_free(json);
}


static void
write_in(const a0_event_t *e, size_t cap)
{
    size_t          i, len;
    a0_err_t        err;
    a0_str_t        line;
    unsigned char  *buf;

    buf = fuzz_alloc(cap);
    err = a0_event_write(e, buf, cap, &len);
    FUZZ_ASSERT(err == A0_OK || (err == A0_ERR_NO_SPACE
                                 && cap < A0_EVENT_MIN));

    if (err == A0_OK) {
        fuzz_deep++;
        FUZZ_ASSERT(len <= cap && len <= A0_EVENT_MAX);

        for (i = 0; i < len; i++) {
            FUZZ_ASSERT(buf[i] >= 0x20 && buf[i] != 0x7f);
        }

        line.data = buf;
        line.len = len;
        look(line);
    }

    free(buf);
}


void
fuzz_one(fuzz_t *in)
{
    size_t  i, small;
    made_t  m;

    small = fuzz_int(in, 2) % A0_EVENT_MIN;
    make(in, &m);
    write_in(&m.event, A0_EVENT_MAX);
    write_in(&m.event, A0_EVENT_MIN);
    write_in(&m.event, small);

    for (i = 0; i < m.n; i++) {
        fuzz_free(m.texts[i]);
    }
}
