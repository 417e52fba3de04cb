
/* Dates and URIs of events. */

#include "unit_event.h"


static const struct {
    int64_t      ms;
    const char  *date;
} dates[] = {
    { 0, "1970-01-01T00:00:00.000Z" },
    { 1, "1970-01-01T00:00:00.001Z" },
    { 86399999, "1970-01-01T23:59:59.999Z" },
    { 86400000, "1970-01-02T00:00:00.000Z" },
    { INT64_C(951782399999), "2000-02-28T23:59:59.999Z" },
    { INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
    { INT64_C(951868800000), "2000-03-01T00:00:00.000Z" },
    { INT64_C(1709164800000), "2024-02-29T00:00:00.000Z" },
    { INT64_C(1709251200000), "2024-03-01T00:00:00.000Z" },
    { INT64_C(1740787199000), "2025-02-28T23:59:59.000Z" },
    { INT64_C(1740787200000), "2025-03-01T00:00:00.000Z" },
    { INT64_C(1767225599999), "2025-12-31T23:59:59.999Z" },
    { INT64_C(1767225600000), "2026-01-01T00:00:00.000Z" },
    { INT64_C(2147483647999), "2038-01-19T03:14:07.999Z" },
    { INT64_C(2147483648000), "2038-01-19T03:14:08.000Z" },
    { INT64_C(4102444800000), "2100-01-01T00:00:00.000Z" },
    { INT64_C(4107542400000), "2100-03-01T00:00:00.000Z" },
    { INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
    { INT64_C(253402300800000), "9999-12-31T23:59:59.999Z" },
    { INT64_MAX, "9999-12-31T23:59:59.999Z" },
    { -1, "1970-01-01T00:00:00.000Z" },
    { INT64_MIN, "1970-01-01T00:00:00.000Z" }
};


static void
test_dates(void)
{
    size_t         i;
    a0_event_t     e;
    unsigned char  date[A0_EVENT_DATE], slot[A0_EVENT_SLOT];

    for (i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        unit_case("%lld ms is %s", (long long) dates[i].ms, dates[i].date);
        a0_event_date(dates[i].ms, date);
        CHECK_EQ_MEM(date, A0_EVENT_DATE, dates[i].date,
                     strlen(dates[i].date));
        a0_event_slot(dates[i].ms / 1000, slot);
        CHECK_EQ_MEM(slot, A0_EVENT_SLOT, dates[i].date, 13);
    }

    unit_case("slots beyond any date");
    a0_event_slot(INT64_MAX, slot);
    CHECK_EQ_MEM(slot, A0_EVENT_SLOT, "9999-12-31T23", 13);
    a0_event_slot(INT64_MIN, slot);
    CHECK_EQ_MEM(slot, A0_EVENT_SLOT, "1970-01-01T00", 13);

    unit_case("an end before the start is the start");
    e = plain;
    e.end = START - 5000;
    event_in(&e, A0_EVENT_MIN);
    same(at("response", "time", NULL), "2026-01-31T13:00:00.123Z");
    CHECK(strstr((char *) event, "\"request_time\":0.000,") != NULL);

    unit_case("clocks at both ends of what there is");
    e.start = INT64_MIN;
    e.end = INT64_MAX;
    event_in(&e, A0_EVENT_MIN);
    same(at("request", "time", NULL), "1970-01-01T00:00:00.000Z");
    same(at("response", "time", NULL), "9999-12-31T23:59:59.000Z");
    e.start = INT64_MAX;
    e.end = INT64_MIN;
    event_in(&e, A0_EVENT_MIN);
    same(at("request", "time", NULL), "9999-12-31T23:59:59.000Z");
}


static const struct {
    const char  *name;
    unsigned     https, port, query;
    a0_str_t     host, uri;
    const char  *want;
} uris[] = {
    { "plain", 1, 0, 0, S("h"), S("/a/b"), "https://h/a/b" },
    { "query left out", 1, 0, 0, S("h"), S("/a?k=secret"), "https://h/a" },
    { "query kept", 1, 0, 1, S("h"), S("/a?k=1&b=?/@:"),
      "https://h/a?k=1&b=?/@:" },
    { "query only", 0, 0, 1, S("h"), S("?x"), "http://h?x" },
    { "empty query", 0, 0, 1, S("h"), S("/?"), "http://h/?" },
    { "port of the scheme", 1, 443, 0, S("h"), S("/"), "https://h/" },
    { "port of the other scheme", 0, 443, 0, S("h"), S("/"),
      "http://h:443/" },
    { "port", 0, 8080, 0, S("h"), S("/"), "http://h:8080/" },
    { "port 80", 0, 80, 0, S("h"), S("/"), "http://h/" },
    { "no host: the gateway", 0, 0, 0, S(""), S("/"), "http://gw1/" },
    { "IPv6", 0, 81, 0, S("[2001:db8::1]"), S("/"),
      "http://[2001:db8::1]:81/" },
    { "brackets around something else", 0, 0, 0, S("[x]"), S("/"),
      "http://%5Bx%5D/" },
    { "brackets around nothing", 0, 0, 0, S("[]"), S("/"),
      "http://%5B%5D/" },
    { "one bracket", 0, 0, 0, S("["), S("/"), "http://%5B/" },
    { "host with user and port", 0, 0, 0, S("u@h:1"), S("/"),
      "http://u%40h%3A1/" },
    { "host with bytes", 0, 0, 0, S("a\"b\\\xff\x01\x7f"), S("/"),
      "http://a%22b%5C%FF%01%7F/" },
    { "empty target", 0, 0, 0, S("h"), S(""), "http://h" },
    { "target without slash", 0, 0, 0, S("h"), S("*"), "http://h/*" },
    { "percent-coded stays", 0, 0, 0, S("h"), S("/%41%zz%4/%2f%"),
      "http://h/%41%25zz%254/%2f%25" },
    { "quotes, blanks, controls", 0, 0, 0, S("h"),
      S("/a\"b\\c d\t\x01\x00\x7f<>{}|^`[]#"),
      "http://h/a%22b%5Cc%20d%09%01%00%7F%3C%3E%7B%7D%7C%5E%60%5B%5D%23" },
    { "UTF-8 and not", 0, 0, 1, S("h"), S("/\xc3\xa9\xff?\xe2\x82\xac'"),
      "http://h/%C3%A9%FF?%E2%82%AC'" }
};


static void
test_uris(void)
{
    size_t      i;
    a0_event_t  e;

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        unit_case("uri: %s", uris[i].name);
        e = plain;
        e.https = uris[i].https;
        e.port = uris[i].port;
        e.query = uris[i].query;
        e.host = uris[i].host;
        e.uri = uris[i].uri;
        event_in(&e, A0_EVENT_MIN);
        same(at("request", "uri", NULL), uris[i].want);
    }
}


int
main(void)
{
    test_dates();
    test_uris();
    a0_json_free(json);

    return unit_done();
}
