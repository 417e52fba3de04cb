
#include <stdio.h>
#include <string.h>

#include "a0_json.h"


#define A0_JSON_REPLACEMENT  "\xef\xbf\xbd"


void
a0_json_out_init(a0_json_out_t *out, unsigned char *buf, size_t cap)
{
    out->start = buf;
    out->pos = buf;
    out->end = buf + cap;
    out->overflow = 0;
}


static void
a0_json_out_bytes(a0_json_out_t *out, const void *data, size_t len)
{
    if (len > (size_t) (out->end - out->pos)) {
        out->overflow = 1;
    }

    if (out->overflow || len == 0) {
        return;
    }

    memcpy(out->pos, data, len);
    out->pos += len;
}


void
a0_json_out_raw(a0_json_out_t *out, a0_str_t text)
{
    a0_json_out_bytes(out, text.data, text.len);
}


void
a0_json_out_lit(a0_json_out_t *out, const char *text)
{
    a0_json_out_bytes(out, text, strlen(text));
}


/* Bytes that a sequence with this first byte has, 0 for none. */

static size_t
a0_json_utf8_size(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }

    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }

    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}


/*
 * Bytes of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), or 0.
 * *code is its code point.
 */

static size_t
a0_json_utf8(const unsigned char *p, const unsigned char *end, uint32_t *code)
{
    size_t                 i, n;
    uint32_t               c;
    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    n = a0_json_utf8_size(*p);

    if (n == 0 || n > (size_t) (end - p)) {
        return 0;
    }

    c = n == 1 ? *p : *p & 0x7fu >> n;

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    *code = c;
    return n;
}


/* Besides what RFC 8259 demands, what terminals and JavaScript act upon. */

static int
a0_json_must_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029;
}


static void
a0_json_out_char(a0_json_out_t *out, const unsigned char *p, size_t n,
    uint32_t c)
{
    char  escape[sizeof("\\u0000")];

    if (c == '"' || c == '\\') {
        a0_json_out_lit(out, "\\");
    }

    if (!a0_json_must_escape(c)) {
        a0_json_out_bytes(out, p, n);
        return;
    }

    snprintf(escape, sizeof(escape), "\\u%04x", (unsigned) c & 0xffff);
    a0_json_out_lit(out, escape);
}


static int
a0_json_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}


void
a0_json_out_string(a0_json_out_t *out, a0_str_t text)
{
    size_t                n;
    uint32_t              c;
    const unsigned char  *p, *run, *end;

    p = text.data;
    end = text.len ? p + text.len : p;   /* no arithmetic on NULL */

    a0_json_out_lit(out, "\"");

    while (p < end) {
        for (run = p; p < end && a0_json_is_plain(*p); p++) { /* void */ }

        a0_json_out_bytes(out, run, (size_t) (p - run));

        if (p == end) {
            break;
        }

        n = a0_json_utf8(p, end, &c);

        if (n == 0) {
            a0_json_out_lit(out, A0_JSON_REPLACEMENT);
            p++;
            continue;
        }

        a0_json_out_char(out, p, n, c);
        p += n;
    }

    a0_json_out_lit(out, "\"");
}


void
a0_json_out_int(a0_json_out_t *out, int64_t value)
{
    char  digits[sizeof("-9223372036854775808")];

    snprintf(digits, sizeof(digits), "%lld", (long long) value);
    a0_json_out_lit(out, digits);
}


a0_str_t
a0_json_out_text(const a0_json_out_t *out)
{
    a0_str_t  text;

    text.len = (size_t) (out->pos - out->start);
    text.data = out->start;

    return text;
}
