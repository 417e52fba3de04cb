
/*
 * Reading.  The library's allocator is replaced for the cases in which memory
 * runs out, hence its header.
 */

#include <float.h>

#include <jansson.h>

#include "a0_json.h"
#include "unit.h"


#define MAX  262144

static long  allocs_left = -1;    /* -1: never runs out */


static void *
scarce_malloc(size_t size)
{
    if (allocs_left == 0) {
        return NULL;
    }

    if (allocs_left > 0) {
        allocs_left--;
    }

    return malloc(size);
}


static a0_str_t
str(const char *text)
{
    a0_str_t  s;

    s.len = strlen(text);
    s.data = (const unsigned char *) text;

    return s;
}


static a0_json_t *
parsed(const char *text)
{
    a0_json_t  *json;

    json = NULL;
    CHECK_EQ_INT(a0_json_parse(str(text), MAX, &json), A0_OK);

    return json;
}


static void
valid_file(const unsigned char *input, size_t len, const char *expect)
{
    size_t          n;
    a0_str_t        text;
    a0_json_t      *json;
    unsigned char  *out;

    text.data = input;
    text.len = len;
    json = NULL;

    CHECK_EQ_INT(a0_json_parse(text, MAX, &json), A0_OK);
    CHECK(a0_json_type(json) != A0_JSON_ABSENT);
    a0_json_free(json);

    out = malloc(len);
    n = a0_json_compact(text, out);
    CHECK_EQ_MEM(out, n, expect, strlen(expect));
    free(out);

    /* in place */

    out = malloc(len);
    memcpy(out, input, len);
    text.data = out;
    n = a0_json_compact(text, out);
    CHECK_EQ_MEM(out, n, expect, strlen(expect));
    free(out);
}


static void
invalid_file(const unsigned char *input, size_t len, const char *expect)
{
    a0_str_t    text;
    a0_err_t    err;
    a0_json_t  *json;

    text.data = input;
    text.len = len;
    json = (a0_json_t *) expect;

    err = a0_json_parse(text, MAX, &json);
    CHECK_EQ_STR(a0_err_info(err)->token, expect);
    CHECK(json == (a0_json_t *) expect);
}


static void
test_bounds(void)
{
    size_t      i;
    char       *big;
    a0_str_t    text;
    a0_json_t  *json;

    unit_case("longer than allowed");
    CHECK_EQ_INT(a0_json_parse(str("[1,2]"), 4, &json), A0_ERR_MALFORMED);
    CHECK_EQ_INT(a0_json_parse(str("[1,2]"), 5, &json), A0_OK);
    a0_json_free(json);

    big = malloc(100000);
    text.data = (unsigned char *) big;
    text.len = 100000;

    unit_case("100,000 opening brackets");
    memset(big, '[', 100000);
    CHECK_EQ_INT(a0_json_parse(text, MAX, &json), A0_ERR_MALFORMED);

    unit_case("100,000 opening braces with names");

    for (i = 0; i < 100000; i += 5) {
        memcpy(big + i, "{\"a\":", 5);
    }

    CHECK_EQ_INT(a0_json_parse(text, MAX, &json), A0_ERR_MALFORMED);

    unit_case("100,000 brackets in a string are no nesting");
    memset(big, '[', 100000);
    big[0] = '"';
    big[99999] = '"';
    CHECK_EQ_INT(a0_json_parse(text, MAX, &json), A0_OK);
    CHECK_EQ_INT(a0_json_type(json), A0_JSON_STRING);
    a0_json_free(json);

    unit_case("a backslash as the last byte");
    big[99999] = '\\';
    CHECK_EQ_INT(a0_json_parse(text, MAX, &json), A0_ERR_MALFORMED);

    unit_case("an escaped quote does not end a string for the depth");
    CHECK_EQ_INT(a0_json_text_deeper(str("\"\\\"[[[\""), 2), 0);
    CHECK_EQ_INT(a0_json_text_deeper(str("\"\\\\\"[[["), 2), 1);
    CHECK_EQ_INT(a0_json_text_deeper(str("]]][["), 2), 0);
    CHECK_EQ_INT(a0_json_text_deeper(str("]]][[["), 2), 1);
    CHECK_EQ_INT(a0_json_text_deeper(str(""), 0), 0);

    free(big);
}


static void
test_many_members(void)
{
    int         i, n;
    char       *big;
    a0_json_t  *json;

    unit_case("10,000 members");
    big = malloc(200000);
    n = sprintf(big, "{");

    for (i = 0; i < 10000; i++) {
        n += sprintf(big + n, "%s\"m%d\":%d", i ? "," : "", i, i);
    }

    sprintf(big + n, "}");

    json = parsed(big);
    CHECK_EQ_INT(a0_json_size(json), 10000);
    CHECK_EQ_INT(a0_json_type(a0_json_get(json, "m9999")), A0_JSON_NUMBER);
    CHECK(a0_json_get(json, "m10000") == NULL);
    a0_json_free(json);
    free(big);
}


typedef struct {
    const char      *name;
    a0_json_type_e   type;
    size_t           size;
} member_t;


static void
check_member(const a0_json_t *json, const member_t *row)
{
    int       flag;
    double    number;
    a0_str_t  s;

    number = 99;
    flag = 99;
    s = str("untouched");

    CHECK_EQ_INT(a0_json_type(json), row->type);
    CHECK_EQ_INT(a0_json_size(json), row->size);
    CHECK_EQ_INT(a0_json_string(json, &s), row->type == A0_JSON_STRING);
    CHECK_EQ_INT(a0_json_number(json, &number), row->type == A0_JSON_NUMBER);
    CHECK_EQ_INT(a0_json_bool(json, &flag), row->type == A0_JSON_BOOL);

    CHECK_EQ_STR(s, row->type == A0_JSON_STRING ? "s\xc3\xa9" : "untouched");
    CHECK((number == 99) == (row->type != A0_JSON_NUMBER));
    CHECK((flag == 99) == (row->type != A0_JSON_BOOL));
    CHECK(a0_json_get(json, "b") == NULL);
    CHECK((a0_json_at(json, 1) != NULL) == (row->type == A0_JSON_ARRAY));
    CHECK(a0_json_at(json, 2) == NULL);
}


static void
check_values(const a0_json_t *json)
{
    int               flag;
    double            number;
    const a0_json_t  *string;

    unit_case("values");
    CHECK(a0_json_number(a0_json_get(json, "real"), &number));
    CHECK(number == -2.5);
    CHECK(a0_json_bool(a0_json_get(json, "true"), &flag) && flag == 1);
    CHECK(a0_json_bool(a0_json_get(json, "false"), &flag) && flag == 0);
    CHECK_EQ_INT(a0_json_size(json), 8);

    unit_case("is exactly this string");
    string = a0_json_get(json, "string");
    CHECK(a0_json_is(string, "s\xc3\xa9"));
    CHECK(!a0_json_is(string, "s"));
    CHECK(!a0_json_is(string, "S\xc3\xa9"));
    CHECK(!a0_json_is(string, ""));
    CHECK(!a0_json_is(a0_json_get(json, "integer"), "7"));
    CHECK(!a0_json_is(NULL, ""));
}


static void
test_types(void)
{
    size_t      i;
    a0_json_t  *json;

    static const member_t  rows[] = {
        { "null", A0_JSON_NULL, 0 },
        { "true", A0_JSON_BOOL, 0 },
        { "false", A0_JSON_BOOL, 0 },
        { "integer", A0_JSON_NUMBER, 0 },
        { "real", A0_JSON_NUMBER, 0 },
        { "string", A0_JSON_STRING, 0 },
        { "array", A0_JSON_ARRAY, 2 },
        { "object", A0_JSON_OBJECT, 1 },
        { "absent", A0_JSON_ABSENT, 0 }
    };

    json = parsed("{\"null\":null,\"true\":true,\"false\":false,\"integer\":7,"
                  "\"real\":-2.5,\"string\":\"s\\u00e9\",\"array\":[1,\"x\"],"
                  "\"object\":{\"a\":1}}");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("getters on %s", rows[i].name);
        check_member(a0_json_get(json, rows[i].name), &rows[i]);
    }

    check_values(json);

    a0_json_free(json);
    a0_json_free(NULL);
}


static void
test_numbers(void)
{
    size_t      i;
    double      number;
    a0_json_t  *json;

    static const struct {
        const char  *text;
        double       value;
    } rows[] = {
        { "0", 0 },
        { "-0", 0 },
        { "2e9", 2e9 },
        { "1000000000.5", 1000000000.5 },
        { "9007199254740992", 9007199254740992.0 },
        { "9223372036854775807", 9223372036854775808.0 },
        { "9223372036854775808", 9223372036854775808.0 },
        { "18446744073709551616", 18446744073709551616.0 },
        { "-1e308", -1e308 },
        { "1.7976931348623157e308", DBL_MAX },
        { "1e-400", 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("number %s", rows[i].text);
        json = parsed(rows[i].text);
        number = 99;
        CHECK(a0_json_number(json, &number));
        CHECK(number == rows[i].value);
        a0_json_free(json);
    }
}


/*
 * Fails the first allocation, the second ... until parsing goes through.  The
 * library's lexer takes a failure for bad syntax.
 */

static void
test_memory(void)
{
    long        n;
    int         told;
    a0_err_t    err;
    a0_json_t  *json;

    unit_case("memory runs out at every allocation in turn");
    err = A0_ERR_INTERNAL;
    told = 0;

    for (n = 0; err != A0_OK && n < 1000; n++) {
        allocs_left = n;
        err = a0_json_parse(str("{\"name\":\"\\u00e9\",\"a\":[1,2.5,\"x\",true,"
                                "{\"b\":null}],\"c\":[1,2,3,4,5,6,7,8,9,10],"
                                "\"long\":\"0123456789abcdefghijklmnopqrstuv"
                                "wxyz0123456789abcdefghijklmnopqrstuvwxyz\"}"),
                            MAX, &json);
        CHECK(err == A0_OK || err == A0_ERR_INTERNAL);
        told += err == A0_ERR_INTERNAL;
    }

    allocs_left = -1;
    CHECK(err == A0_OK);
    CHECK(n > 10);
    CHECK(told == n - 1);
    CHECK(a0_json_is(a0_json_get(json, "long"),
                     "0123456789abcdefghijklmnopqrstuv"
                     "wxyz0123456789abcdefghijklmnopqrstuvwxyz"));
    a0_json_free(json);
}


/* Whatever else in the process uses the library keeps its allocator. */

static void
test_hooks(void)
{
    size_t         i;
    a0_json_t     *json;
    json_free_t    release;
    json_malloc_t  ask;

    static const struct {
        const char  *text;
        a0_err_t     err;
    } rows[] = {
        { "{\"a\":1}", A0_OK },
        { "{\"a\":", A0_ERR_MALFORMED }
    };

    for (i = 0; i < 2; i++) {
        unit_case("%s", rows[i].text);
        json = NULL;
        CHECK_EQ_INT(a0_json_parse(str(rows[i].text), MAX, &json),
                     rows[i].err);
        a0_json_free(json);

        json_get_alloc_funcs(&ask, &release);
        CHECK(ask == scarce_malloc);
        CHECK(release == free);
    }
}


int
main(void)
{
    json_set_alloc_funcs(scarce_malloc, free);

    unit_dir("json/valid", valid_file);
    unit_dir("json/invalid", invalid_file);
    test_bounds();
    test_many_members();
    test_types();
    test_numbers();
    test_memory();
    test_hooks();

    return unit_done();
}
