
/* The texts of values, and the writer. */

#include "a0_json.h"
#include "unit.h"


static a0_str_t
str(const char *text)
{
    a0_str_t  s;

    s.len = strlen(text);
    s.data = (const unsigned char *) text;

    return s;
}


static void
test_member(void)
{
    size_t           i;
    a0_str_t         value;
    static const char  object[] =
        "{ \"a\" : 1.50 ,\"b\":\"x}\\\"{\\\\\",\"c\" :\n{ \"a\": [ \"]\" ] } ,"
        " \"\\u0064\": [1, {\"a\":2}] , \"\":null,\"e\\\"\":true , "
        "\"nested\":{\"x\":1},\"last\":-1e5\t}";

    static const struct {
        const char  *name, *value;    /* NULL: no such member */
    } rows[] = {
        { "a", "1.50" },
        { "b", "\"x}\\\"{\\\\\"" },
        { "c", "{ \"a\": [ \"]\" ] }" },
        { "d", "[1, {\"a\":2}]" },
        { "", "null" },
        { "e\"", "true" },
        { "last", "-1e5" },
        { "x", NULL },
        { "A", "1.50" },
        { "las", NULL },
        { "lastt", NULL },
        { "\\u0064", NULL },
        { "x}\"{\\", NULL }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("member \"%s\"", rows[i].name);
        value = str("untouched");

        CHECK_EQ_INT(a0_json_member_text(str(object), str(rows[i].name),
                                         &value), rows[i].value != NULL);
        CHECK_EQ_STR(value, rows[i].value ? rows[i].value : "untouched");
    }

    unit_case("member of an empty object");
    CHECK(!a0_json_member_text(str("{}"), str("a"), &value));
    CHECK(!a0_json_member_text(str(" { } \n"), str(""), &value));
    CHECK(!a0_json_member_text(str(""), str(""), &value));
}


/* The exact name wins; letter case is forgiven where it leaves no choice. */

static void
test_member_case(void)
{
    size_t           i;
    a0_str_t         value;
    static const char  object[] =
        "{\"customerId\":1,\"tier\":2,\"Tier\":3,\"PLAN\":4,\"Plan\":5,"
        "\"\\u0052egion\":6,\"\xc3\x84\":7,\"at@\":8,\"a[\":9}";

    static const struct {
        const char  *name, *value;    /* NULL: no such member */
    } rows[] = {
        { "customerId", "1" },
        { "customerid", "1" },
        { "CUSTOMERID", "1" },
        { "customeri", NULL },
        { "customerid_", NULL },
        { "tier", "2" },
        { "Tier", "3" },
        { "TIER", NULL },
        { "plan", NULL },
        { "PLAN", "4" },
        { "region", "6" },
        { "\xc3\xa4", NULL },
        { "at`", NULL },
        { "a{", NULL }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("member in another case \"%s\"", rows[i].name);

        value = str("");
        CHECK_EQ_INT(a0_json_member_text(str(object), str(rows[i].name),
                                         &value),
                     rows[i].value != NULL);
        CHECK_EQ_STR(value, rows[i].value ? rows[i].value : "");
    }
}


static void
test_walk(void)
{
    size_t       i;
    a0_str_t     rest, value;
    static const char *const  want[] = {
        "1", "\"a,b\"", "[ 2,[3] ]", "{\"k\":\"]\"}", "true", "-0.5e+7"
    };

    unit_case("walking an array");
    rest = a0_json_text_inside(str(" [1 ,\"a,b\", [ 2,[3] ],{\"k\":\"]\"},"
                                   "true\n,-0.5e+7 ] "));

    for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        CHECK(a0_json_text_next(&rest, &value));
        CHECK_EQ_STR(value, want[i]);
    }

    CHECK(!a0_json_text_next(&rest, &value));
    CHECK(!a0_json_text_next(&rest, &value));
}


/* Not accepted by the parser, so the answers do not matter, the bounds do. */

static void
test_nonsense(void)
{
    size_t            i, n, k;
    a0_str_t          text, rest, value;
    unsigned char    *copy, *out;
    static const char *const  texts[] = {
        "", "{", "}", "\"", "{\"", "{\"}", "{\"a\":\"}", "{\"a\":\"\\}", "[[[",
        "]]]", "{\"a\\", "{\\\"", "[\"\\\"]", "{\"a\":[\"}", ",,,:::",
        "{\"a\"}", "[]]]]]", "\\\\\\", "{\"\\u00\":1}"
    };

    unit_case("texts that are no JSON are left within their bounds");

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        n = strlen(texts[i]);
        copy = malloc(n ? n : 1);
        out = malloc(n ? n : 1);
        memcpy(copy, texts[i], n);
        text.data = copy;
        text.len = n;

        CHECK(a0_json_compact(text, out) <= n);
        CHECK(a0_json_text_deeper(text, 100) == 0);
        CHECK(a0_json_member_text(text, str("a"), &value) <= 1);

        rest = a0_json_text_inside(text);

        for (k = 0; a0_json_text_next(&rest, &value); k++) {
            CHECK(value.len > 0 && value.len <= n);
        }

        CHECK(k <= n);
        free(copy);
        free(out);
    }
}


static void
test_out_string(void)
{
    size_t         i;
    unsigned char  buf[256];
    a0_json_out_t  out;

    static const struct {
        const char  *name, *in, *want;
    } rows[] = {
        { "plain", "plain text", "\"plain text\"" },
        { "empty", "", "\"\"" },
        { "quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "slash stays", "</script>", "\"</script>\"" },
        { "controls", "\x01\t\r\n\x1f",
          "\"\\u0001\\u0009\\u000d\\u000a\\u001f\"" },
        { "ESC", "\x1b[31m", "\"\\u001b[31m\"" },
        { "DEL", "a\x7f", "\"a\\u007f\"" },
        { "C1", "\xc2\x80\xc2\x85\xc2\x9f", "\"\\u0080\\u0085\\u009f\"" },
        { "behind C1", "\xc2\xa0", "\"\xc2\xa0\"" },
        { "line separators", "\xe2\x80\xa8\xe2\x80\xa9",
          "\"\\u2028\\u2029\"" },
        { "two, three, four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { "limits", "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf",
          "\"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\"" },
        { "bad byte", "a\xff" "b", "\"a\xef\xbf\xbd" "b\"" },
        { "lone continuation", "\x80", "\"\xef\xbf\xbd\"" },
        { "truncated", "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "cut by ASCII", "\xe2\x82x",
          "\"\xef\xbf\xbd\xef\xbf\xbdx\"" },
        { "overlong", "\xc0\xaf\xe0\x80\xaf",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "surrogate", "\xed\xa0\x80",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "above Unicode", "\xf4\x90\x80\x80",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unit_case("string: %s", rows[i].name);
        a0_json_out_init(&out, buf, sizeof(buf));
        a0_json_out_string(&out, str(rows[i].in));
        CHECK_EQ_STR(a0_json_out_text(&out), rows[i].want);
        CHECK(!out.overflow);
    }
}


/* Whatever the bytes, what is written can be read, and says the same where
 * they were UTF-8. */

static void
test_out_any(void)
{
    int             a, b;
    a0_str_t        in, back;
    a0_json_t      *json;
    unsigned char   bytes[2], buf[64];
    a0_json_out_t   out;

    unit_case("every pair of bytes gives a string that can be read");
    in.data = bytes;
    in.len = 2;

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            bytes[0] = (unsigned char) a;
            bytes[1] = (unsigned char) b;
            a0_json_out_init(&out, buf, sizeof(buf));
            a0_json_out_string(&out, in);

            if (a == 0 || b == 0) {
                CHECK(a0_json_out_text(&out).len >= 9);
                continue;
            }

            json = NULL;
            CHECK_EQ_INT(a0_json_parse(a0_json_out_text(&out), 64, &json),
                         A0_OK);
            CHECK(a0_json_string(json, &back));

            if (a < 0x80 && b < 0x80) {
                CHECK_EQ_MEM(back.data, back.len, bytes, 2);
            }

            a0_json_free(json);
        }
    }
}


static void
write_all(a0_json_out_t *out)
{
    a0_json_out_lit(out, "{\"a\":");
    a0_json_out_string(out, str("x\"\x01\xff\xc3\xa9"));
    a0_json_out_lit(out, ",\"b\":");
    a0_json_out_int(out, INT64_MIN);
    a0_json_out_lit(out, ",\"c\":[");
    a0_json_out_int(out, INT64_MAX);
    a0_json_out_lit(out, ",");
    a0_json_out_int(out, 0);
    a0_json_out_lit(out, "]");
    a0_json_out_raw(out, str("}"));
}


static void
test_out_overflow(void)
{
    size_t          cap, len;
    a0_str_t        text;
    unsigned char  *buf, whole[256];
    a0_json_out_t   out;
    static const char  want[] =
        "{\"a\":\"x\\\"\\u0001\xef\xbf\xbd\xc3\xa9\","
        "\"b\":-9223372036854775808,\"c\":[9223372036854775807,0]}";

    unit_case("a whole document");
    a0_json_out_init(&out, whole, sizeof(whole));
    write_all(&out);
    CHECK(!out.overflow);
    CHECK_EQ_STR(a0_json_out_text(&out), want);

    unit_case("every buffer that is too short: no byte more, overflow told");
    len = sizeof(want) - 1;

    for (cap = 0; cap <= len; cap++) {
        buf = malloc(cap ? cap : 1);
        a0_json_out_init(&out, buf, cap);
        write_all(&out);
        text = a0_json_out_text(&out);

        CHECK_EQ_INT(out.overflow, cap < len);
        CHECK(text.len <= cap);
        CHECK_EQ_MEM(text.data, text.len, want, text.len);
        free(buf);
    }

    unit_case("after an overflow nothing short is written either");
    a0_json_out_init(&out, whole, 4);
    a0_json_out_lit(&out, "12345");
    a0_json_out_lit(&out, "6");
    CHECK(out.overflow);
    CHECK_EQ_INT(a0_json_out_text(&out).len, 0);
}


int
main(void)
{
    test_member();
    test_member_case();
    test_walk();
    test_nonsense();
    test_out_string();
    test_out_any();
    test_out_overflow();

    return unit_done();
}
