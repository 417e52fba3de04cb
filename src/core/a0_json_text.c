
/*
 * Telling strings from the rest is all that texts accepted by a0_json_parse()
 * need.  Other texts give nonsense, but nothing outside their bounds.
 */

#include <string.h>

#include "a0_json.h"


static int
a0_json_is_space(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}


/* From the opening quote to behind the closing one. */

static const unsigned char *
a0_json_skip_string(const unsigned char *p, const unsigned char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"') {
            return p + 1;
        }

        if (*p == '\\' && end - p > 1) {
            p++;
        }
    }

    return end;
}


static const unsigned char *
a0_json_skip_container(const unsigned char *p, const unsigned char *end)
{
    size_t  depth;

    depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = a0_json_skip_string(p, end);
            continue;
        }

        depth += *p == '[' || *p == '{';
        depth -= *p == ']' || *p == '}';
        p++;

        if (depth == 0) {
            break;
        }
    }

    return p;
}


static const unsigned char *
a0_json_skip_value(const unsigned char *p, const unsigned char *end)
{
    if (*p == '"') {
        return a0_json_skip_string(p, end);
    }

    if (*p == '[' || *p == '{') {
        return a0_json_skip_container(p, end);
    }

    do {
        p++;
    } while (p < end && *p != ',' && !a0_json_is_space(*p));

    return p;
}


static const unsigned char *
a0_json_skip_between(const unsigned char *p, const unsigned char *end)
{
    while (p < end && (a0_json_is_space(*p) || *p == ',' || *p == ':')) {
        p++;
    }

    return p;
}


/*
 * Meant for any bytes: up to the first syntax error, where a parser stops,
 * strings end where it thinks they do.
 */

int
a0_json_text_deeper(a0_str_t text, size_t levels)
{
    size_t                depth;
    const unsigned char  *p, *end;

    p = text.data;
    end = p + text.len;

    for (depth = 0; p < end; p++) {
        if (*p == '"') {
            p = a0_json_skip_string(p, end) - 1;
            continue;
        }

        if (*p == '[' || *p == '{') {
            depth++;
        }

        if (depth > levels) {
            return 1;
        }

        if ((*p == ']' || *p == '}') && depth != 0) {
            depth--;
        }
    }

    return 0;
}


a0_str_t
a0_json_text_inside(a0_str_t text)
{
    a0_str_t              inside;
    const unsigned char  *p, *end;

    p = text.data;
    end = p + text.len;

    while (p < end && a0_json_is_space(*p)) {
        p++;
    }

    while (end > p && a0_json_is_space(end[-1])) {
        end--;
    }

    if (end - p < 2) {
        inside.len = 0;
        inside.data = end;
        return inside;
    }

    inside.len = (size_t) (end - p) - 2;
    inside.data = p + 1;

    return inside;
}


static int
a0_json_is_whole(a0_str_t value)
{
    return value.data[0] != '"'
           || (value.len > 1 && value.data[value.len - 1] == '"');
}


int
a0_json_text_next(a0_str_t *rest, a0_str_t *value)
{
    const unsigned char  *p, *end;

    end = rest->data + rest->len;
    p = a0_json_skip_between(rest->data, end);

    if (p == end) {
        return 0;
    }

    value->data = p;
    p = a0_json_skip_value(p, end);
    value->len = (size_t) (p - value->data);

    rest->data = p;
    rest->len = (size_t) (end - p);

    return a0_json_is_whole(*value);
}


typedef int (*a0_json_equal_pt)(a0_str_t a, a0_str_t b);


static int
a0_json_equal(a0_str_t a, a0_str_t b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}


static unsigned char
a0_json_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char) (c | 0x20) : c;
}


static int
a0_json_equal_nocase(a0_str_t a, a0_str_t b)
{
    size_t  i;

    if (a.len != b.len) {
        return 0;
    }

    for (i = 0; i < a.len; i++) {
        if (a0_json_lower(a.data[i]) != a0_json_lower(b.data[i])) {
            return 0;
        }
    }

    return 1;
}


/* A quoted member name against the name it may stand for. */

static int
a0_json_same_name(a0_str_t quoted, a0_str_t name, a0_json_equal_pt equal)
{
    int         same;
    a0_str_t    plain;
    a0_json_t  *json;

    if (memchr(quoted.data, '\\', quoted.len) == NULL) {
        plain.data = quoted.data + 1;
        plain.len = quoted.len - 2;

        return equal(plain, name);
    }

    if (a0_json_parse(quoted, quoted.len, &json) != A0_OK) {
        return 0;
    }

    same = a0_json_string(json, &plain) && equal(plain, name);

    a0_json_free(json);

    return same;
}


/* How many members have the name; *value is the last one's. */

static size_t
a0_json_members_text(a0_str_t object, a0_str_t name, a0_json_equal_pt equal,
    a0_str_t *value)
{
    size_t    n;
    a0_str_t  rest, member, text;

    n = 0;
    rest = a0_json_text_inside(object);

    while (a0_json_text_next(&rest, &member)
           && a0_json_text_next(&rest, &text))
    {
        if (a0_json_same_name(member, name, equal)) {
            *value = text;
            n++;
        }
    }

    return n;
}


int
a0_json_member_text(a0_str_t object, a0_str_t name, a0_str_t *value)
{
    a0_str_t  text;

    if (a0_json_members_text(object, name, a0_json_equal, &text) == 0
        && a0_json_members_text(object, name, a0_json_equal_nocase, &text)
           != 1)
    {
        return 0;
    }

    *value = text;

    return 1;
}


size_t
a0_json_compact(a0_str_t text, unsigned char *out)
{
    size_t                n;
    unsigned char        *start;
    const unsigned char  *p, *end, *next;

    p = text.data;
    end = p + text.len;

    for (start = out; p < end; p = next) {
        if (a0_json_is_space(*p)) {
            next = p + 1;
            continue;
        }

        next = *p == '"' ? a0_json_skip_string(p, end) : p + 1;

        n = (size_t) (next - p);
        memmove(out, p, n);
        out += n;
    }

    return (size_t) (out - start);
}
