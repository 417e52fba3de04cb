
/*
 * The compact form (RFC 7515 section 7.1) and its sizes.  Header and payload:
 * see test_claims.
 */

#include "unit_jwt.h"


#define H  "eyJhbGciOiJSUzI1NiJ9"    /* {"alg":"RS256"} */
#define P  "eyJpc3MiOiJpIiwiYXVkIjoiYSIsImV4cCI6OX0"
                                     /* {"iss":"i","aud":"a","exp":9} */
#define S  "AQIDBA"


static const struct {
    const char  *name, *token;
    a0_err_t     want;
} forms[] = {
    { "three parts", H "." P "." S, A0_OK },
    { "empty", "", A0_ERR_MALFORMED },
    { "one dot", ".", A0_ERR_MALFORMED },
    { "two dots", "..", A0_ERR_MALFORMED },
    { "three dots", "...", A0_ERR_MALFORMED },
    { "one part", H, A0_ERR_MALFORMED },
    { "two parts", H "." P, A0_ERR_MALFORMED },
    { "four parts", H "." P "." S "." S, A0_ERR_MALFORMED },
    { "five parts, as an encrypted one has", H "." S "." S "." S "." S,
      A0_ERR_MALFORMED },
    { "no header", "." P "." S, A0_ERR_MALFORMED },
    { "no payload", H ".." S, A0_ERR_MALFORMED },
    { "no signature", H "." P ".", A0_ERR_MALFORMED },
    { "alg none without signature", "eyJhbGciOiJub25lIn0." P ".",
      A0_ERR_MALFORMED },
    { "alg none with a signature", "eyJhbGciOiJub25lIn0." P "." S,
      A0_ERR_UNSUPPORTED_ALGORITHM },
    { "dot in front", "." H "." P "." S, A0_ERR_MALFORMED },
    { "dot behind", H "." P "." S ".", A0_ERR_MALFORMED },
    { "two dots between", H ".." P "." S, A0_ERR_MALFORMED },
    { "space in front", " " H "." P "." S, A0_ERR_MALFORMED },
    { "space behind", H "." P "." S " ", A0_ERR_MALFORMED },
    { "space inside", H ". " P "." S, A0_ERR_MALFORMED },
    { "line feed behind", H "." P "." S "\n", A0_ERR_MALFORMED },
    { "padding in the header", H "==." P "." S, A0_ERR_MALFORMED },
    { "padding in the signature", H "." P "." S "==", A0_ERR_MALFORMED },
    { "plus", H "." P ".AQI+BA", A0_ERR_MALFORMED },
    { "slash", H "." P ".AQI/BA", A0_ERR_MALFORMED },
    { "quote", H "." P ".AQI\"BA", A0_ERR_MALFORMED },
    { "brace", H "." P ".AQI{BA", A0_ERR_MALFORMED },
    { "percent", H "." P ".AQI%BA", A0_ERR_MALFORMED },
    { "byte above ASCII", H "." P ".AQI\x80" "BA", A0_ERR_MALFORMED },
    { "junk behind the signature", H "." P "." S "!junk", A0_ERR_MALFORMED },
    { "header of 4k + 1 characters", H "A." P "." S, A0_ERR_MALFORMED },
    { "payload with bits behind its last byte", H "."
      "eyJpc3MiOiJpIiwiYXVkIjoiYSIsImV4cCI6OX1." S, A0_ERR_MALFORMED },
    { "signature with bits behind its last byte", H "." P ".AQIDBB",
      A0_ERR_MALFORMED },
    { "JSON serialisation",
      "{\"protected\":\"" H "\",\"payload\":\"" P "\",\"signature\":\"" S
      "\"}", A0_ERR_MALFORMED },
    { "header not coded", "{\"alg\":\"RS256\"}." P "." S, A0_ERR_MALFORMED },
    { "opaque", "mF_9.B5f-4.1JqM", A0_ERR_MALFORMED }
};


static void
test_forms(void)
{
    size_t     i;
    char      *copy;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        unit_case("form: %s", forms[i].name);
        CHECK_EQ_INT(outcome(forms[i].token, strlen(forms[i].token)),
                     forms[i].want);
    }

    unit_case("form: no byte but of the alphabet anywhere");
    copy = strdup(H "." P "." S);

    for (i = 0; i < strlen(H "." P "." S); i++) {
        copy[i] = '\x01';
        CHECK_EQ_INT(outcome(copy, strlen(copy)), A0_ERR_MALFORMED);
        copy[i] = '\0';
        CHECK_EQ_INT(outcome(copy, strlen(H "." P "." S)),
                     A0_ERR_MALFORMED);
        copy[i] = (H "." P "." S)[i];
    }

    free(copy);
}


/* A token of exactly n characters, its length made up by the signature. */

static size_t
build_size(size_t n)
{
    size_t  at;

    at = (size_t) sprintf(token, "%s", H "." P ".");
    memset(token + at, 'A', n - at);

    return n;
}


static void
test_sizes(void)
{
    unit_case("size: the largest");
    CHECK_EQ_INT((A0_TOKEN_MAX - sizeof(H "." P)) % 4, 3);
    CHECK_EQ_INT(outcome(token, build_size(A0_TOKEN_MAX)), A0_OK);

    unit_case("size: one more");
    CHECK_EQ_INT(outcome(token, build_size(A0_TOKEN_MAX + 1)),
                 A0_ERR_TOO_LARGE);

    unit_case("size: twice the largest");
    CHECK_EQ_INT(outcome(token, build_size(A0_TOKEN_MAX * 2)),
                 A0_ERR_TOO_LARGE);

    unit_case("size: ES256 signature of 21,830 characters");
    CHECK_EQ_INT(outcome(token, build_size(21830 + sizeof(H "." P))),
                 A0_ERR_TOO_LARGE);
}


/* A claim that fills the token: all of it ends in the block, or is refused. */

static size_t
build_full(const char *before, const char *unit, const char *after)
{
    size_t       n, step;
    static char  payload[A0_TOKEN_MAX];

    n = (size_t) sprintf(payload, "%s", before);
    step = strlen(unit);

    while (n + step + strlen(after) < (A0_TOKEN_MAX - 64) * 3 / 4) {
        memcpy(payload + n, unit, step);
        n += step;
    }

    n += (size_t) sprintf(payload + n, "%s", after);

    return build("{\"alg\":\"RS256\"}", 15, payload, n);
}


static void
test_full(void)
{
    size_t    i, n, shift;
    parsed_t  p;

    static const struct {
        const char  *name, *before, *unit, *after;
    } rows[] = {
        { "one long string", "{\"iss\":\"i\",\"exp\":9,\"aud\":\"", "a",
          "\"}" },
        { "shortest elements of aud", "{\"iss\":\"i\",\"exp\":9,\"aud\":[",
          "\"a\",", "\"a\"]}" },
        { "shortest permissions", "{\"iss\":\"i\",\"exp\":9,\"aud\":\"a\","
          "\"permissions\":[", "\"a\",", "\"a\"]}" },
        { "sub that is client_id too", "{\"iss\":\"i\",\"exp\":9,"
          "\"aud\":\"a\",\"sub\":\"", "s", "@clients\"}" },
        { "scope", "{\"iss\":\"i\",\"exp\":9,\"aud\":\"a\",\"scope\":\"",
          "s ", "\"}" }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("full token: %s", rows[i].name);
        n = build_full(rows[i].before, rows[i].unit, rows[i].after);
        CHECK(n > A0_TOKEN_MAX - 64 && n <= A0_TOKEN_MAX);

        for (shift = 0; shift < 8; shift++) {
            CHECK_EQ_INT(parse(&p, token, n, shift), A0_OK);
            CHECK(p.jwt.claims->size <= A0_CLAIMS_SIZE_MAX);
            CHECK(p.jwt.claims->size > A0_TOKEN_MAX / 3);
            CHECK_EQ_STR(p.jwt.signature, "signature");
            release(&p);
        }
    }

    unit_case("full token: thousands of members");
    n = build_full("{\"iss\":\"i\",\"aud\":\"a\",\"exp\":9,\"x\":[0",
                   ",{\"a\":[]}", "]}");
    CHECK_EQ_INT(outcome(token, n), A0_OK);

    unit_case("full token: open brackets");
    n = build_full("", "[", "");
    CHECK_EQ_INT(outcome(token, n), A0_ERR_MALFORMED);

    unit_case("header of open brackets");

    for (i = 0; i < 9000; i += 4) {
        memcpy(token + i, "W1tb", 4);    /* "[[[" */
    }

    strcpy(token + 9000, "." P "." S);
    CHECK_EQ_INT(outcome(token, strlen(token)), A0_ERR_MALFORMED);
}


int
main(void)
{
    test_forms();
    test_sizes();
    test_full();

    return unit_done();
}
