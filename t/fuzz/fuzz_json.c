/*
 * JSON: what is read can be written and read again and is the same; each
 * value's own text is found; compacting changes nothing but white space.  The
 * first line is a name to look for, or bytes to be written as a string.
 */

#include "a0_json.h"
#include "fuzz.h"


#define ROOM(n)  ((n) * 8 + 64)


static void
write_value(a0_json_out_t *out, const a0_json_t *json)
{
    int       truth;
    size_t    i;
    char      number[64];
    double    d;
    a0_str_t  s;

    switch (a0_json_type(json)) {
    case A0_JSON_STRING:
        FUZZ_ASSERT(a0_json_string(json, &s));
        FUZZ_ASSERT(s.len == 0 || memchr(s.data, '\0', s.len) == NULL);
        a0_json_out_string(out, s);
        return;
    case A0_JSON_NUMBER:
        FUZZ_ASSERT(a0_json_number(json, &d) && d - d == 0);
        snprintf(number, sizeof(number), "%.17g", d);
        a0_json_out_lit(out, number);
        return;
    case A0_JSON_BOOL:
        FUZZ_ASSERT(a0_json_bool(json, &truth));
        a0_json_out_lit(out, truth ? "true" : "false");
        return;
    case A0_JSON_ARRAY:
        a0_json_out_lit(out, "[");

        for (i = 0; i < a0_json_size(json); i++) {
            a0_json_out_lit(out, i ? "," : "");
            write_value(out, a0_json_at(json, i));
        }

        a0_json_out_lit(out, "]");
        return;
    case A0_JSON_OBJECT:
        a0_json_out_lit(out, "{}");
        return;
    default:
        a0_json_out_lit(out, "null");
    }
}


static void
same_value(const a0_json_t *a, const a0_json_t *b)
{
    size_t    i;
    double    x, y;
    a0_str_t  s, t;

    FUZZ_ASSERT(a0_json_type(a) == a0_json_type(b));

    switch (a0_json_type(a)) {
    case A0_JSON_STRING:
        a0_json_string(a, &s);
        a0_json_string(b, &t);
        FUZZ_ASSERT(fuzz_same(s, t));
        return;
    case A0_JSON_NUMBER:
        a0_json_number(a, &x);
        a0_json_number(b, &y);
        FUZZ_ASSERT(x >= y && x <= y);
        return;
    case A0_JSON_ARRAY:
        FUZZ_ASSERT(a0_json_size(a) == a0_json_size(b));

        for (i = 0; i < a0_json_size(a); i++) {
            same_value(a0_json_at(a, i), a0_json_at(b, i));
        }

        return;
    default:
        return;
    }
}


static void
round_trip(const a0_json_t *json, size_t len)
{
    a0_str_t        text;
    a0_json_t      *again;
    a0_json_out_t   out;
    unsigned char  *buf;

    buf = fuzz_alloc(ROOM(len));
    a0_json_out_init(&out, buf, ROOM(len));
    write_value(&out, json);
    FUZZ_ASSERT(!out.overflow);
    text = a0_json_out_text(&out);
    FUZZ_ASSERT(a0_json_parse(text, text.len, &again) == A0_OK);
    same_value(json, again);
    a0_json_free(again);
    free(buf);
}


/* Each value of an object or array as written is JSON of its own. */

static void
walk(a0_str_t text, const a0_json_t *json)
{
    size_t      n;
    a0_str_t    rest, value;
    a0_json_t  *part;

    rest = a0_json_text_inside(text);

    for (n = 0; a0_json_text_next(&rest, &value); n++) {
        FUZZ_ASSERT(fuzz_inside(value, text.data, text.len) && value.len);
        FUZZ_ASSERT(a0_json_parse(value, value.len, &part) == A0_OK);

        if (a0_json_type(json) == A0_JSON_ARRAY) {
            same_value(a0_json_at(json, n), part);
        }

        a0_json_free(part);
    }

    FUZZ_ASSERT(n == a0_json_size(json)
                     * (a0_json_type(json) == A0_JSON_OBJECT ? 2 : 1));
}


static void
member(a0_str_t text, const a0_json_t *json, a0_str_t name)
{
    int         found;
    char       *z;
    a0_str_t    value;
    a0_json_t  *part;

    found = a0_json_member_text(text, name, &value);
    z = fuzz_alloc(name.len + 1);
    memcpy(z, name.data, name.len);
    z[name.len] = '\0';

    if (a0_json_type(json) == A0_JSON_OBJECT && strlen(z) == name.len
        && a0_json_get(json, z) != NULL)
    {
        FUZZ_ASSERT(found);
        FUZZ_ASSERT(a0_json_parse(value, value.len, &part) == A0_OK);
        same_value(a0_json_get(json, z), part);
        a0_json_free(part);
    }

    FUZZ_ASSERT(!found || fuzz_inside(value, text.data, text.len));
    free(z);
}


static void
compact(a0_str_t text, const a0_json_t *json)
{
    size_t          n;
    a0_str_t        less;
    a0_json_t      *again;
    unsigned char  *out;

    out = fuzz_alloc(text.len);
    n = a0_json_compact(text, out);
    FUZZ_ASSERT(n <= text.len);
    less.data = out;
    less.len = n;
    FUZZ_ASSERT(a0_json_parse(less, n, &again) == A0_OK);
    same_value(json, again);
    FUZZ_ASSERT(a0_json_compact(less, out) == n);
    a0_json_free(again);
    free(out);
}


/* Any bytes make a string that can be read, in ASCII's printable part but for
 * UTF-8. */

static void
string(a0_str_t bytes)
{
    size_t          cap;
    a0_str_t        text;
    a0_json_t      *json;
    a0_json_out_t   out;
    unsigned char  *buf;

    cap = bytes.len * 6 + 2;
    buf = fuzz_alloc(cap);
    a0_json_out_init(&out, buf, cap);
    a0_json_out_string(&out, bytes);
    FUZZ_ASSERT(!out.overflow);
    text = a0_json_out_text(&out);
    FUZZ_ASSERT(fuzz_within(text, 0x20, 0xff));
    FUZZ_ASSERT(text.len == 0 || memchr(text.data, 0x7f, text.len) == NULL);

    if (bytes.len == 0 || memchr(bytes.data, '\0', bytes.len) == NULL) {
        FUZZ_ASSERT(a0_json_parse(text, text.len, &json) == A0_OK);
        FUZZ_ASSERT(a0_json_type(json) == A0_JSON_STRING);
        a0_json_free(json);
    }

    a0_json_out_init(&out, buf, text.len - 1);
    a0_json_out_string(&out, bytes);
    FUZZ_ASSERT(out.overflow);
    free(buf);
}


void
fuzz_one(fuzz_t *in)
{
    a0_str_t    name, text;
    a0_json_t  *json;

    name = fuzz_line(in);
    text = fuzz_rest(in);
    string(name);

    if (a0_json_parse(text, text.len, &json) == A0_OK) {
        fuzz_deep++;
        FUZZ_ASSERT(!a0_json_text_deeper(text, A0_JSON_DEPTH_MAX));
        round_trip(json, text.len);
        compact(text, json);

        if (a0_json_type(json) == A0_JSON_OBJECT) {
            member(text, json, name);
        }

        if (a0_json_type(json) >= A0_JSON_ARRAY) {
            walk(text, json);
        }

        a0_json_free(json);
    }

    (void) a0_json_text_deeper(text, 1);
    fuzz_free(text);
    fuzz_free(name);
}
