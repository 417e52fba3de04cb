
/*
 * Claims as text.
 */

#include "a0_base64url.h"
#include "a0_jwt.h"
#include "unit.h"


#define NOTHING  ""

static const char  long_text[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789";


static a0_str_t
str(const char *text)
{
    a0_str_t  s;

    s.len = strlen(text);
    s.data = (const unsigned char *) text;

    return s;
}


/* Into a block of exactly the promised size. */

static void
check_text(const char *json, const char *name, const char *want)
{
    size_t          len;
    a0_str_t        payload;
    unsigned char  *coded, *out;

    coded = malloc(strlen(json) * 2);
    CHECK_EQ_INT(a0_base64url_encode(str(json), coded, strlen(json) * 2,
                                     &payload.len), A0_OK);
    payload.data = coded;
    out = malloc(payload.len);
    memset(out, 0xa5, payload.len);
    len = 77777;

    CHECK_EQ_INT(a0_jwt_claim_text(payload, str(name), out, &len), A0_OK);
    CHECK(len <= payload.len);
    CHECK_EQ_MEM(out, len <= payload.len ? len : 0, want, strlen(want));

    free(out);
    free(coded);
}


static const struct {
    const char  *name, *value, *want;
} values[] = {
    { "string", "\"client-credentials\"", "client-credentials" },
    { "string, empty", "\"\"", "" },
    { "string of one byte", "\"a\"", "a" },
    { "string with escapes", "\"a\\\"b\\\\c\\/d\\u0065\"", "a\"b\\c/de" },
    { "string with spaces", "\" a  b \"", " a  b " },
    { "string not ASCII", "\"\xc3\xa9\\u20ac\\ud83d\\ude00\"",
      "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "string of JSON", "\"{\\\"a\\\": 1}\"", "{\"a\": 1}" },
    { "string of brackets", "\"}]\"", "}]" },
    { "no-break space", "\"\xc2\xa0\"", "\xc2\xa0" },
    { "integer", "7", "7" },
    { "integer, negative", "-7", "-7" },
    { "integer beyond 64 bits", "123456789012345678901234567890",
      "123456789012345678901234567890" },
    { "number as written", "1.50e+03", "1.50e+03" },
    { "minus zero", "-0", "-0" },
    { "true", "true", "true" },
    { "false", "false", "false" },
    { "null", "null", NOTHING },
    { "array of strings", "[\"read:a\", \"read:b\"]", "read:a read:b" },
    { "array of one", "[\"a\"]", "a" },
    { "array of scalars", "[ \"a\" ,1.0,\ttrue , false,-0 ]",
      "a 1.0 true false -0" },
    { "array with an empty string", "[\"\",\"a\",\"\"]", " a " },
    { "array with escapes", "[\"\\u0061\\u0061\",\"\\\"\",\"z\"]",
      "aa \" z" },
    { "array, empty", "[ ]", NOTHING },
    { "array with null", "[\"a\", null]", "[\"a\",null]" },
    { "array with an object", "[ 1, { \"a\" : \"x y\" } ]",
      "[1,{\"a\":\"x y\"}]" },
    { "array in an array", "[ [ \"a\" , \"b\" ] ]", "[[\"a\",\"b\"]]" },
    { "array with an empty array", "[ \"a\", [ ] ]", "[\"a\",[]]" },
    { "object", "{ \"a\" : [ 1 , 2 ],\n \"b\" : null }",
      "{\"a\":[1,2],\"b\":null}" },
    { "object, empty", "{ }", "{}" },
    { "object with escapes", "{ \"\\u0061\": \"\\n \\\" }\" }",
      "{\"\\u0061\":\"\\n \\\" }\"}" },
    { "object numbers as written", "{\"n\": 1.50e+03}", "{\"n\":1.50e+03}" },

    /* nothing that acts on a header, a log or a terminal is given out */

    { "line feed", "\"a\\nb\"", NOTHING },
    { "CR LF and a header", "\"a\\r\\nX-Evil: 1\"", NOTHING },
    { "tab", "\"a\\tb\"", NOTHING },
    { "backspace", "\"\\b\"", NOTHING },
    { "escape", "\"\\u001b[31m\"", NOTHING },
    { "U+0001", "\"\\u0001\"", NOTHING },
    { "U+001F", "\"\\u001F\"", NOTHING },
    { "DEL", "\"a\x7f\"", NOTHING },
    { "DEL escaped", "\"a\\u007f\"", NOTHING },
    { "U+0080", "\"\\u0080\"", NOTHING },
    { "U+0085 as it is", "\"a\xc2\x85" "b\"", NOTHING },
    { "U+009F", "\"\\u009f\"", NOTHING },
    { "control in an array", "[\"a\",\"b\\n\"]", NOTHING },
    { "DEL in an object", "{\"a\":\"\x7f\"}", NOTHING },
    { "U+0085 in a name", "{\"\xc2\x85\":1}", NOTHING }
};


static void
test_values(void)
{
    size_t  i;
    char    json[1024];

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        unit_case("%s", values[i].name);

        snprintf(json, sizeof(json), "{\"c\":%s}", values[i].value);
        check_text(json, "c", values[i].want);

        snprintf(json, sizeof(json), "{\"a\":\"%s\", \"c\" : %s ,\"z\":[1]}",
                 long_text, values[i].value);
        check_text(json, "c", values[i].want);

        snprintf(json, sizeof(json), "{\"c\":%s,\"z\":\"%s\"}",
                 values[i].value, long_text);
        check_text(json, "c", values[i].want);
    }
}


static void
test_names(void)
{
    static const char  json[] =
        "{\"iss\":\"i\",\"https://x.example/org\":\"ns\",\"\\u0061zp\":\"c\","
        "\"o\":{\"iss\":\"inner\",\"in\":1},\"\":\"empty\",\"ISS\":\"upper\"}";

    unit_case("a namespaced name");
    check_text(json, "https://x.example/org", "ns");

    unit_case("a name in escapes");
    check_text(json, "azp", "c");
    check_text(json, "\\u0061zp", NOTHING);

    unit_case("case counts where two names differ in it alone");
    check_text(json, "iss", "i");
    check_text(json, "ISS", "upper");
    check_text(json, "Iss", NOTHING);

    unit_case("top level only");
    check_text(json, "in", NOTHING);
    check_text(json, "o", "{\"iss\":\"inner\",\"in\":1}");

    unit_case("no such claim");
    check_text(json, "aud", NOTHING);
    check_text(json, "i", NOTHING);
    check_text(json, "issu", NOTHING);
    check_text("{}", "iss", NOTHING);

    unit_case("the empty name");
    check_text(json, "", "empty");
    check_text("{}", "", NOTHING);
}


/* The text grows over the bytes it is read from.  An empty name brings them
 * nearest. */

static void
test_overlap(void)
{
    int   i, k;
    char  json[2048], want[2048];

    unit_case("items of every length, copied and decoded");

    for (i = 0; i < 70; i++) {
        snprintf(json, sizeof(json), "{\"\":[\"%.*s\",\"\\u0041%.*s\"]}",
                 i, long_text, 69 - i, long_text);
        snprintf(want, sizeof(want), "%.*s A%.*s", i, long_text, 69 - i,
                 long_text);
        check_text(json, "", want);
    }

    unit_case("many short items");

    for (i = 1; i < 200; i++) {
        strcpy(json, "{\"\":[");
        want[0] = '\0';

        for (k = 0; k < i; k++) {
            strcat(json, k ? "," : "");
            strcat(json, k % 2 ? "\"\\\"\"" : "\"\\\\\"");
            strcat(want, k ? " " : "");
            strcat(want, k % 2 ? "\"" : "\\");
        }

        strcat(json, "]}");
        check_text(json, "", want);
    }
}


static void
test_bad_payload(void)
{
    size_t         len;
    unsigned char  out[64];

    unit_case("payload that is no base64url");
    CHECK_EQ_INT(a0_jwt_claim_text(str("e30="), str("a"), out, &len),
                 A0_ERR_MALFORMED);
    CHECK_EQ_INT(a0_jwt_claim_text(str("e"), str("a"), out, &len),
                 A0_ERR_MALFORMED);

    /* {"c":"\x"} and {"c":["\x"]}; no verified token holds them */

    unit_case("payload that no parser has accepted");
    len = 77;
    CHECK_EQ_INT(a0_jwt_claim_text(str("eyJjIjoiXHgifQ"), str("c"), out, &len),
                 A0_ERR_MALFORMED);
    CHECK_EQ_INT(a0_jwt_claim_text(str("eyJjIjpbIlx4Il19"), str("c"), out,
                                   &len), A0_ERR_MALFORMED);
    CHECK_EQ_INT(len, 77);

    unit_case("payload that is empty");
    CHECK_EQ_INT(a0_jwt_claim_text(str(""), str("a"), out, &len), A0_OK);
    CHECK_EQ_INT(len, 0);
}


int
main(void)
{
    test_values();
    test_names();
    test_overlap();
    test_bad_payload();

    return unit_done();
}
