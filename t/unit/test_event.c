
/* Every event parses, whatever the request was made of. */

#include "unit_event.h"


static const char  plain_text[] =
    "{\"request\":{\"time\":\"2026-01-31T13:00:00.123Z\","
    "\"uri\":\"https://api.acme.example/v1/orders\",\"verb\":\"GET\","
    "\"ip_address\":\"192.0.2.7\",\"headers\":{"
    "\"Host\":\"api.acme.example\",\"User-Agent\":\"curl/8.5.0\"}},"
    "\"response\":{\"time\":\"2026-01-31T13:00:00.168Z\",\"status\":200,"
    "\"headers\":{\"Content-Type\":\"application/json\","
    "\"Content-Length\":\"17\"}},"
    "\"company_id\":\"org_vIK75NKFvaozQsFy\",\"user_id\":\"app1\","
    "\"direction\":\"Incoming\","
    "\"transaction_id\":\"00112233-4455-4677-8899-aabbccddeeff\","
    "\"metadata\":{\"request_time\":0.045,\"upstream_time\":0.040,"
    "\"bytes_sent\":317,\"bytes_received\":1000000,"
    "\"cache_status\":\"MISS\",\"gateway\":\"gw1\"}}";


static void
test_plain(void)
{
    size_t      len;
    a0_event_t  e;

    unit_case("a typical event, byte by byte");
    len = event_in(&plain, A0_EVENT_MAX);
    CHECK_EQ_MEM(event, len, plain_text, sizeof(plain_text) - 1);

    unit_case("the same in a buffer of its size");
    len = event_in(&plain, sizeof(plain_text) - 1);
    CHECK_EQ_MEM(event, len, plain_text, sizeof(plain_text) - 1);

    unit_case("nothing but zeros");
    memset(&e, 0, sizeof(e));
    event_in(&e, A0_EVENT_MIN);
    same(at("request", "time", NULL), "1970-01-01T00:00:00.000Z");
    same(at("request", "uri", NULL), "http://localhost");
    same(at("request", "verb", NULL), "UNKNOWN");
    same(at("request", "ip_address", NULL), "-");
    same(at("company_id", NULL, NULL), "-");
    same(at("user_id", NULL, NULL), "-");
    same(at("transaction_id", NULL, NULL), "-");
    same(at("metadata", "cache_status", NULL), "-");
    same(at("metadata", "gateway", NULL), "-");
    CHECK(a0_json_type(a0_json_get(a0_json_get(json, "request"), "headers"))
          == A0_JSON_OBJECT);

    unit_case("outgoing, and numbers that are not known");
    e = plain;
    e.outgoing = 1;
    e.upstream = e.sent = e.received = -1;
    event_in(&e, A0_EVENT_MIN);
    same(at("direction", NULL, NULL), "Outgoing");
    same(at("metadata", "upstream_time", NULL), "-");
    same(at("metadata", "bytes_sent", NULL), "-");
    same(at("metadata", "bytes_received", NULL), "-");
}


/* One field of an event, and what becomes of it. */

static const struct {
    const char  *name;
    size_t       field;
    a0_str_t     value;
    const char  *member, *sub, *want;
} fields[] = {
#define F(x)  offsetof(a0_event_t, x)
    { "verb", F(method), S("PATCH"), "request", "verb", "PATCH" },
    { "verb of token bytes", F(method), S("A!#$%&'*+-.^_`|~9z"), "request",
      "verb", "A!#$%&'*+-.^_`|~9z" },
    { "verb with a blank", F(method), S("G T"), "request", "verb",
      "UNKNOWN" },
    { "verb with bytes", F(method), S("G\xff"), "request", "verb",
      "UNKNOWN" },
    { "verb of 32 bytes", F(method), S("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF"),
      "request", "verb", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF" },
    { "verb of 33 bytes", F(method), S("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"),
      "request", "verb", "UNKNOWN" },
    { "IPv6", F(address), S("2001:db8::7"), "request", "ip_address",
      "2001:db8::7" },
    { "IPv4 in IPv6", F(address), S("::ffff:192.0.2.1"), "request",
      "ip_address", "::ffff:192.0.2.1" },
    { "unix socket", F(address), S("unix:"), "request", "ip_address", "-" },
    { "no address", F(address), S(""), "request", "ip_address", "-" },
    { "address too long", F(address),
      S("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2551"), "request",
      "ip_address", "-" },
    { "company of any language", F(company), S("\xc3\xa9 \"1\" \\"),
      "company_id", NULL, "\xc3\xa9 \"1\" \\" },
    { "company with bytes that are none", F(company), S("a\xff" "b\xed\xa0"),
      "company_id", NULL, "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd" },
    { "company with a line break", F(company), S("a\nb"), "company_id",
      NULL, "-" },
    { "company with NUL", F(company), S("a\0b"), "company_id", NULL, "-" },
    { "company with DEL", F(company), S("a\x7f"), "company_id", NULL, "-" },
    { "user with ESC", F(user), S("\x1b[0m"), "user_id", NULL, "-" },
    { "user", F(user), S("auth0|1"), "user_id", NULL, "auth0|1" },
    { "transaction as UUID", F(transaction),
      S("01234567-89ab-cdef-0123-456789abcdef"), "transaction_id", NULL,
      "01234567-89ab-cdef-0123-456789abcdef" },
    { "transaction in upper case", F(transaction),
      S("01234567-89AB-cdef-0123-456789abcdef"), "transaction_id", NULL,
      "-" },
    { "transaction without dashes", F(transaction),
      S("0123456789abcdef0123456789abcdef0123"), "transaction_id", NULL,
      "-" },
    { "transaction with NUL", F(transaction),
      S("0123456\0-89ab-cdef-0123-456789abcdef"), "transaction_id", NULL,
      "-" },
    { "transaction of another length", F(transaction), S("abc"),
      "transaction_id", NULL, "-" },
    { "transaction of 16 bytes", F(transaction), S("\xff\xff\xff\xff\xff\xff"
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "transaction_id", NULL,
      "ffffffff-ffff-4fff-bfff-ffffffffffff" },
    { "cache status with bytes", F(cache), S("\x01\xff\""), "metadata",
      "cache_status", "\x01\xef\xbf\xbd\"" },
    { "gateway", F(gateway), S("gw\xff"), "metadata", "gateway",
      "gw\xef\xbf\xbd" }
};


static void
test_fields(void)
{
    size_t      i;
    a0_event_t  e;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        unit_case("%s", fields[i].name);
        e = plain;
        *(a0_str_t *) (void *) ((char *) &e + fields[i].field)
            = fields[i].value;
        event_in(&e, A0_EVENT_MIN);
        same(at(fields[i].member, fields[i].sub, NULL), fields[i].want);
    }
}


static void
test_status(void)
{
    size_t      i;
    double      got;
    a0_event_t  e;

    static const unsigned  status[][2] = {
        { 0, 499 }, { 9, 499 }, { 99, 499 }, { 100, 100 }, { 200, 200 },
        { 499, 499 }, { 503, 503 }, { 599, 599 }
    };

    for (i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
        unit_case("status %u", status[i][0]);
        e = plain;
        e.status = status[i][0];
        event_in(&e, A0_EVENT_MIN);
        got = 0;
        CHECK(a0_json_number(a0_json_get(a0_json_get(json, "response"),
                                         "status"), &got));
        CHECK_EQ_INT(got, status[i][1]);
    }
}


static void
test_headers(void)
{
    a0_event_t               e;
    const a0_json_t         *headers;
    const a0_event_header_t  list[] = {
        H("X-Empty", ""), { S("X-Absent"), { 0, NULL } },
        { S("X-Twice"), { 0, NULL } }, H("X-Twice", "1"), H("x-tWICE", "2"),
        H("Authorization", "Bearer x"), H("COOKIE", "a=b"),
        H("set-cookie", "a=b"), H("Proxy-Authorization", "Basic x"),
        H("", "no name"), H("a b", "x"), H("a:", "x"), H("a\xff", "x"),
        H("X-Bytes", "\"\\\x01\t\x7f\xff\xc0\x80\xf5/\xe2\x82")
    };

    unit_case("headers: absent, empty, twice, secret, no names");
    e = plain;
    e.request_headers = list;
    e.nrequest = sizeof(list) / sizeof(list[0]);
    e.nresponse = 0;
    event_in(&e, A0_EVENT_MIN);
    headers = a0_json_get(a0_json_get(json, "request"), "headers");
    CHECK_EQ_INT(a0_json_size(headers), 3);
    same(at("request", "headers", "X-Empty"), "");
    same(at("request", "headers", "X-Twice"), "1");

    unit_case("headers: bytes of all kinds");
    same(at("request", "headers", "X-Bytes"),
         "\"\\\x01\t\x7f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd/"
         "\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_EQ_INT(a0_json_size(a0_json_get(a0_json_get(json, "response"),
                                          "headers")), 0);

    unit_case("headers that hold credentials");
    CHECK(a0_event_header_secret((a0_str_t) S("AuthorizatioN")));
    CHECK(!a0_event_header_secret((a0_str_t) S("Authorization2")));
    CHECK(!a0_event_header_secret((a0_str_t) S("")));
}


/* What does not fit is cut, and the event still parses. */

static void
test_huge(void)
{
    size_t             cap, i, len, best;
    a0_event_t         e;
    unsigned char     *bytes;
    a0_event_header_t  list[8];
    static const struct {
        const char  *name, *unit;
    } fills[] = {
        { "letters", "a" }, { "quotes", "\"" }, { "controls", "\x01" },
        { "UTF-8", "\xe2\x82\xac" }, { "bytes", "\xff" }
    };

    bytes = malloc(32768);
    e = plain;
    e.query = 1;
    e.request_headers = e.response_headers = list;
    e.nrequest = e.nresponse = 8;

    for (i = 0; i < 8; i++) {
        list[i].name = (a0_str_t) S("X-1");
        list[i].value.data = bytes;
        list[i].value.len = 32768;
    }

    for (i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        unit_case("huge headers and URI of %s", fills[i].name);
        for (len = 0; len < 32768; len++) {
            bytes[len] = (unsigned char)
                         fills[i].unit[len % strlen(fills[i].unit)];
        }

        e.uri.data = bytes;
        e.uri.len = 32768;
        best = 0;

        for (cap = A0_EVENT_MIN; cap <= A0_EVENT_MAX * 2; cap += 4099) {
            len = event_in(&e, cap);
            CHECK(len >= best / 2);
            CHECK(strstr(at("request", "uri", NULL), "https://") != NULL);
            best = len > best ? len : best;
        }

        CHECK(best > A0_EVENT_MIN);
    }

    unit_case("cut between characters");
    for (len = 0; len < 32768; len++) {
        bytes[len] = (unsigned char) "\xe2\x82\xac"[len % 3];
    }

    e.nrequest = 1;
    e.nresponse = 0;
    e.uri.len = 0;
    list[0].name = (a0_str_t) S("X-1");
    event_in(&e, 4096);
    CHECK_EQ_INT(strlen(at("request", "headers", "X-1")), 2046);
    CHECK(strstr(at("request", "headers", "X-1"), "\xef\xbf\xbd") == NULL);
    free(bytes);
}


/* The longest of everything that is never cut. */

static void
test_least(void)
{
    size_t             cap, len;
    a0_event_t         e;
    unsigned char     *buf, high[1024], quotes[1024], letters[1024];
    a0_event_header_t  header = H("X", "1");

    unit_case("no event is too long for A0_EVENT_MIN");
    memset(high, 0xff, sizeof(high));
    memset(quotes, '"', sizeof(quotes));
    memset(letters, 'A', sizeof(letters));
    memset(&e, 0, sizeof(e));
    e.start = 0;
    e.end = INT64_MAX;
    e.method = (a0_str_t) { A0_EVENT_WORD_MAX, letters };
    e.https = e.query = e.outgoing = 1;
    e.port = UINT32_MAX;
    e.status = UINT32_MAX;
    e.upstream = e.sent = e.received = INT64_MAX;
    e.address = (a0_str_t)
                S("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
    e.transaction = plain.transaction;
    e.host = e.uri = e.gateway = e.cache = (a0_str_t) { 1024, high };
    e.company = e.user = (a0_str_t) { A0_EVENT_ID_MAX, high };
    e.request_headers = e.response_headers = &header;
    e.nrequest = e.nresponse = 1;
    len = event_in(&e, A0_EVENT_MIN);
    CHECK(a0_json_size(a0_json_get(json, "metadata")) == 6);

    unit_case("an id that is too long is left out, not cut");
    e.company = (a0_str_t) { A0_EVENT_ID_MAX + 1, quotes };
    event_in(&e, A0_EVENT_MIN);
    same(at("company_id", NULL, NULL), "-");

    unit_case("buffers that are too short for anything are refused");
    e = plain;
    e.nrequest = e.nresponse = 0;
    len = event_in(&e, A0_EVENT_MIN);

    for (cap = 0; cap < len; cap++) {
        buf = malloc(cap ? cap : 1);
        CHECK_EQ_INT(a0_event_write(&e, buf, cap, &(size_t) { 0 }),
                     A0_ERR_NO_SPACE);
        free(buf);
    }
}


/* All fields from one random stream, biased to bytes that hurt; without NUL,
 * which the strict reader here refuses although JSON can say it. */

static void
test_random(void)
{
    size_t             i, k, n;
    uint32_t           x;
    a0_event_t         e;
    unsigned char      bytes[512];
    a0_event_header_t  list[4];

    unit_case("20,000 events of random bytes");
    x = 2463534242u;

    for (i = 0; i < 20000; i++) {
        for (k = 0; k < sizeof(bytes); k++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            bytes[k] = (x & 0x300) ? (unsigned char) "\"\\\n%?/\xc3\xa9\xff"
                                     "\xed\xa0\x80\x7f{a\x01"[x % 16]
                                   : (unsigned char) (x >> 24 | 1);
        }

        n = bytes[0] % 64;
        e = plain;
        e.query = i & 1;
        e.method = e.host = e.uri = e.address = e.company = e.user
                 = e.transaction = e.cache = e.gateway
                 = (a0_str_t) { n, bytes + n };

        for (k = 0; k < 4; k++) {
            list[k].name = (a0_str_t) { 2 + k, bytes + 128 + k * 8 };
            list[k].value = (a0_str_t) { n, bytes + 192 + k * 64 };
        }

        e.request_headers = e.response_headers = list;
        e.nrequest = e.nresponse = 4;
        event_in(&e, A0_EVENT_MIN);
    }
}


int
main(void)
{
    test_plain();
    test_fields();
    test_status();
    test_headers();
    test_huge();
    test_least();
    test_random();
    a0_json_free(json);

    return unit_done();
}
