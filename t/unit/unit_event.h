
/* For the tests of events: a typical one, written, read again, looked into. */

#ifndef UNIT_EVENT_H
#define UNIT_EVENT_H

#include "a0_event.h"
#include "a0_json.h"
#include "unit.h"


#define S(text)  { sizeof(text) - 1, (const unsigned char *) (text) }
#define H(name, value)  { S(name), S(value) }

#define START  INT64_C(1769864400123)    /* 2026-01-31T13:00:00.123Z */


static const a0_event_header_t  asked[] = {
    H("Host", "api.acme.example"), H("User-Agent", "curl/8.5.0")
};

static const a0_event_header_t  answered[] = {
    H("Content-Type", "application/json"), H("Content-Length", "17")
};

static const a0_event_t  plain = {
    .start = START, .end = START + 45, .method = S("GET"), .https = 1,
    .host = S("api.acme.example"), .uri = S("/v1/orders?page=2"),
    .address = S("192.0.2.7"), .status = 200,
    .request_headers = asked, .nrequest = 2,
    .response_headers = answered, .nresponse = 2,
    .company = S("org_vIK75NKFvaozQsFy"), .user = S("app1"),
    .transaction = S("\x00\x11\x22\x33\x44\x55\x66\x77"
                     "\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
    .upstream = 40, .sent = 317, .received = 1000000, .cache = S("MISS"),
    .gateway = S("gw1")
};

static unsigned char  event[A0_EVENT_MAX];
static a0_json_t     *json;


/* Writes into a block of exactly cap bytes, parses; the length. */

__attribute__((unused)) static size_t
event_in(const a0_event_t *e, size_t cap)
{
    size_t          len;
    a0_str_t        text;
    unsigned char  *buf;

    a0_json_free(json);
    json = NULL;
    buf = malloc(cap);
    len = 0;
    CHECK_EQ_INT(a0_event_write(e, buf, cap, &len), A0_OK);
    CHECK(len <= cap && len <= A0_EVENT_MAX);
    CHECK(memchr(buf, '\n', len) == NULL);
    memcpy(event, buf, len);
    free(buf);
    text.data = event;
    text.len = len;
    CHECK_EQ_INT(a0_json_parse(text, len, &json), A0_OK);

    return len;
}


/* The member a.b.c as text; "-" when absent. */

__attribute__((unused)) static const char *
at(const char *a, const char *b, const char *c)
{
    a0_str_t          value;
    static char       text[4096];
    const a0_json_t  *node;

    node = a0_json_get(json, a);
    node = b ? a0_json_get(node, b) : node;
    node = c ? a0_json_get(node, c) : node;

    if (!a0_json_string(node, &value)) {
        return a0_json_type(node) == A0_JSON_ABSENT ? "-" : "?";
    }

    snprintf(text, sizeof(text), "%.*s", (int) value.len,
             (const char *) value.data);

    return text;
}


__attribute__((unused)) static void
same(const char *got, const char *want)
{
    CHECK_EQ_MEM(got, strlen(got), want, strlen(want));
}

#endif /* UNIT_EVENT_H */
