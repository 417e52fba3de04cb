/*
 * Keeping to a rate limit, and the Management token's request and reply.
 */

#include "unit.h"
#include "a0_provision_pace.h"
#include "a0_provision_token.h"


static a0_provision_now_t  now;
static uint64_t            call;


static a0_reply_t
reply(unsigned status, int64_t remaining, int64_t reset, int64_t after)
{
    a0_reply_t  r;

    memset(&r, 0, sizeof(r));
    r.status = status;
    r.ratelimit_limit = remaining < 0 ? -1 : 10;
    r.ratelimit_remaining = remaining;
    r.ratelimit_reset = reset < 0 ? -1 : now.seconds + reset;
    r.retry_after = after;
    return r;
}


static const struct {
    const char  *name;
    unsigned     status;
    int64_t      reset, after;
    uint32_t     want;
} waits[] = {
    { "no 429", 200, 5, 5, 0 },
    { "reset", 429, 3, -1, 3000 },
    { "Retry-After wins", 429, 3, 7, 7000 },
    { "nothing said", 429, -1, -1, 1000 },
    { "reset in the past", 429, 0, -1, 1000 },
    { "a day", 429, -1, 86400, 3600000 },
    { "reset in years", 429, INT64_C(1) << 40, -1, 3600000 },
    { "Retry-After beyond all", 429, -1, INT64_MAX, 3600000 }
};


static void
test_wait(void)
{
    size_t      i;
    a0_reply_t  r;

    for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        unit_case("wait: %s", waits[i].name);
        r = reply(waits[i].status, 0, waits[i].reset, waits[i].after);
        CHECK_EQ_INT(a0_pace_wait(&now, &r), waits[i].want);
    }
}


static void
test_pace_first(void)
{
    a0_pace_t   pace;
    a0_reply_t  r;

    unit_case("nothing known: go, but two at a time");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK(a0_pace_take(&pace, now.msec, &call) > 0);
    CHECK(a0_pace_take(&pace, now.msec + 14000, &call) > 0);

    unit_case("the two of a worker that died hold up nobody for long");
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec + 16000, &call), 0);

    unit_case("a tenant that tells no limit has none");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, -1, -1, -1);
    r.ratelimit_limit = -1;
    a0_pace_feed(&pace, 1, &now, &r);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
}


static void
test_pace(void)
{
    a0_pace_t   pace;
    a0_reply_t  r;

    unit_case("what is under way counts");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, 3, 1, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK(a0_pace_take(&pace, now.msec, &call) > 0);

    unit_case("others have a tenth");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, 2, 1, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    a0_pace_feed(&pace, call, &now, &r);
    r = reply(200, 1, 1, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK(a0_pace_take(&pace, now.msec, &call) > 0);

    unit_case("empty: not before the next token");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, 0, 2, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 2000);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec + 1500, &call), 500);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec + 2000, &call), 0);

    unit_case("a 429 holds everybody, and for the longest");
    memset(&pace, 0, sizeof(pace));
    call = 0;
    r = reply(429, 0, 5, -1);
    a0_pace_feed(&pace, call, &now, &r);
    r = reply(429, 0, 2, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 5000);
}


/* several workers: clocks, order, death */
static void
test_pace_workers(void)
{
    a0_pace_t   pace;
    a0_reply_t  r;

    unit_case("a worker whose clock is behind gains nothing");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, 2, 2, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK(a0_pace_take(&pace, now.msec - 1, &call) > 0);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec - 1, &call), 0);
    CHECK(a0_pace_take(&pace, now.msec - 1, &call) > 0);

    unit_case("replies out of order");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, -1, -1, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, 0, 2, -1);
    a0_pace_feed(&pace, 4, &now, &r);
    r = reply(200, 1, 2, -1);
    a0_pace_feed(&pace, 3, &now, &r);
    r = reply(200, 2, 2, -1);
    a0_pace_feed(&pace, 2, &now, &r);
    CHECK(a0_pace_take(&pace, now.msec, &call) > 0);

    unit_case("calls whose worker died are forgotten");
    memset(&pace, 0, sizeof(pace));
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec, &call), 0);
    r = reply(200, 1, 1, -1);
    a0_pace_feed(&pace, call, &now, &r);
    CHECK(a0_pace_take(&pace, now.msec, &call) > 0);
    CHECK_EQ_INT(a0_pace_take(&pace, now.msec + 20000, &call), 0);
}


/* a bucket of `burst`, refilled each `gap` ms, asked by as many as want */
static void
test_storm(void)
{
    int64_t     tokens;
    uint64_t    ms, refilled;
    unsigned    calls, refused;
    a0_pace_t   pace;
    a0_reply_t  r;

    unit_case("a storm against 2 calls a second: few are refused");
    memset(&pace, 0, sizeof(pace));
    tokens = 2;
    refilled = 0;
    calls = refused = 0;

    for (ms = 0; ms < 600000; ms += 10) {
        now.msec = 1000000 + ms;
        now.seconds = 1800000000 + (int64_t) (ms / 1000);

        for ( ; refilled + 500 <= ms; refilled += 500) {
            tokens += tokens < 2;
        }

        if (a0_pace_take(&pace, now.msec, &call) != 0) {
            continue;
        }

        calls++;
        r = reply(200, tokens - 1, 1, -1);

        if (tokens == 0) {
            r = reply(429, 0, 1, -1);
            refused++;

        } else {
            tokens--;
        }

        r.ratelimit_limit = 2;
        a0_pace_feed(&pace, call, &now, &r);
    }

    CHECK(calls >= 500);
    CHECK(refused * 100 <= calls);
}


static void
test_token(void)
{
    size_t             len;
    char               form[1024];
    a0_mgmt_request_t  request;

    unit_case("token request with a secret");
    memset(&request, 0, sizeof(request));
    request.domain.data = (const unsigned char *) "acme.auth0.com";
    request.domain.len = 14;
    request.client_id.data = (const unsigned char *) "id1";
    request.client_id.len = 3;
    request.secret.data = (const unsigned char *) "s&=+ ";
    request.secret.len = 5;
    CHECK_EQ_INT(a0_mgmt_token_form(&request, (unsigned char *) form,
                                    sizeof(form), &len), A0_OK);
    form[len] = '\0';
    CHECK(strcmp(form, "grant_type=client_credentials&client_id=id1"
                 "&client_secret=s%26%3D%2B%20&audience="
                 "https%3A%2F%2Facme.auth0.com%2Fapi%2Fv2%2F") == 0);
    CHECK_EQ_INT(a0_mgmt_token_form(&request, (unsigned char *) form, 64,
                                    &len), A0_ERR_NO_SPACE);

    unit_case("token request with an assertion: no secret in it");
    request.assertion.data = (const unsigned char *) "h.p.s";
    request.assertion.len = 5;
    CHECK_EQ_INT(a0_mgmt_token_form(&request, (unsigned char *) form,
                                    sizeof(form) - 1, &len), A0_OK);
    form[len] = '\0';
    CHECK(strstr(form, "client_secret") == NULL);
    CHECK(strstr(form, "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth"
                 "%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="
                 "h.p.s&") != NULL);
}


static void
test_reply(void)
{
    size_t                  i;
    int64_t                 refresh, usable;
    static a0_mgmt_token_t  token;
    static const struct {
        const char  *name, *body;
        a0_err_t     err;
    } bodies[] = {
        { "as sent", "{\"access_token\":\"a.b.c\",\"scope\":\"x\","
          "\"expires_in\":86400,\"token_type\":\"Bearer\"}", A0_OK },
        { "lower-case type", "{\"access_token\":\"a\",\"expires_in\":60,"
          "\"token_type\":\"bearer\"}", A0_OK },
        { "no token", "{\"expires_in\":60,\"token_type\":\"Bearer\"}",
          A0_ERR_MALFORMED },
        { "line break in the token", "{\"access_token\":\"a\\r\\nX: y\","
          "\"expires_in\":60,\"token_type\":\"Bearer\"}", A0_ERR_MALFORMED },
        { "no expires_in", "{\"access_token\":\"a\","
          "\"token_type\":\"Bearer\"}", A0_ERR_MALFORMED },
        { "expires_in 0", "{\"access_token\":\"a\",\"expires_in\":0,"
          "\"token_type\":\"Bearer\"}", A0_ERR_MALFORMED },
        { "other type", "{\"access_token\":\"a\",\"expires_in\":60,"
          "\"token_type\":\"DPoP\"}", A0_ERR_MALFORMED },
        { "not JSON", "<html>", A0_ERR_MALFORMED },
        { "nothing", "", A0_ERR_MALFORMED }
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        a0_str_t  body;

        unit_case("token reply: %s", bodies[i].name);
        body.data = (const unsigned char *) bodies[i].body;
        body.len = strlen(bodies[i].body);
        CHECK_EQ_INT(a0_mgmt_token_parse(body, &token), bodies[i].err);
    }

    unit_case("a token's times");

    for (i = 0; i < 1000; i++) {
        a0_mgmt_token_times(86400, (uint32_t) (i * 2654435761u), &refresh,
                            &usable);
        CHECK(refresh >= 69120 && refresh < 77760);
        CHECK_EQ_INT(usable, 86370);
    }

    for (i = 1; i < 100000; i++) {
        a0_mgmt_token_times((int64_t) i, (uint32_t) (i * 2654435761u),
                            &refresh, &usable);
        CHECK(refresh * 10 > (int64_t) i * 8 - 10
              && refresh * 10 < (int64_t) i * 9 + 10);
        CHECK(usable * 2 >= (int64_t) i && usable <= (int64_t) i);
        CHECK((int64_t) i < 60 || usable == (int64_t) i - 30);
    }

    a0_mgmt_token_times(1, 7, &refresh, &usable);
    CHECK_EQ_INT(usable, 1);
    CHECK_EQ_INT(refresh, 1);
}


int
main(void)
{
    now.seconds = 1800000000;
    now.msec = 1000000;
    test_wait();
    test_pace_first();
    test_pace();
    test_pace_workers();
    test_storm();
    test_token();
    test_reply();
    return unit_done();
}
