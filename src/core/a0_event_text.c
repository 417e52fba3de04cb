
/* Dates, identifiers and URIs without the C library's locale or time zone. */

#include <string.h>

#include "a0_event_text.h"


#define A0_EVENT_DATE_MAX  (A0_DATE_MAX * 1000 + 999)


static int
a0_event_is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}


static int
a0_event_is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}


static int
a0_event_is_one_of(unsigned char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}


int
a0_event_is_token(a0_str_t text, size_t max)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (!a0_event_is_alnum(text.data[i])
            && !a0_event_is_one_of(text.data[i], "!#$%&'*+-.^_`|~"))
        {
            return 0;
        }
    }

    return text.len != 0 && text.len <= max;
}


int
a0_event_is_clean(a0_str_t text, size_t max)
{
    size_t  i;

    if (text.len > max) {
        return 0;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return 0;
        }
    }

    return text.len != 0;
}


int
a0_event_is_address(a0_str_t text)
{
    size_t  i, points;

    if (text.len < 2 || text.len > sizeof("ffff:ffff:ffff:ffff:ffff:ffff:"
                                          "255.255.255.255") - 1)
    {
        return 0;
    }

    for (i = 0, points = 0; i < text.len; i++) {
        if (a0_event_is_one_of(text.data[i], ".:")) {
            points++;

        } else if (!a0_event_is_hex(text.data[i])) {
            return 0;
        }
    }

    return points > 1;
}


int
a0_event_same_name(a0_str_t a, a0_str_t b)
{
    size_t         i;
    unsigned char  differ;

    if (a.len != b.len) {
        return 0;
    }

    for (i = 0; i < a.len; i++) {
        differ = a.data[i] ^ b.data[i];

        if (differ != 0 && (differ != 0x20 || !a0_event_is_alnum(a.data[i])))
        {
            return 0;
        }
    }

    return 1;
}


a0_str_t
a0_event_cut(a0_str_t text, size_t max)
{
    if (text.len <= max) {
        return text;
    }

    text.len = max;

    while (text.len != 0 && max - text.len < 3
           && (text.data[text.len] & 0xc0) == 0x80)
    {
        text.len--;
    }

    return text;
}


static void
a0_event_digits(unsigned char *p, size_t width, uint64_t value)
{
    while (width-- != 0) {
        p[width] = (unsigned char) ('0' + value % 10);
        value /= 10;
    }
}


/*
 * Year, month and day of a day since the epoch, in the calendar that counts
 * years from March on: leap days come last, and 400 years have 146097 days.
 * 719468 days lie between 0000-03-01 and the epoch.
 */

static void
a0_event_day(unsigned char *p, uint64_t days)
{
    unsigned  era, of_era, year, of_year, month, day;

    days += 719468;
    era = (unsigned) (days / 146097);
    of_era = (unsigned) (days % 146097);
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;
    day = of_year - (153 * month + 2) / 5 + 1;
    month = (month + 2) % 12 + 1;
    year += era * 400 + (month <= 2);

    a0_event_digits(p, 4, year);
    p[4] = '-';
    a0_event_digits(p + 5, 2, month);
    p[7] = '-';
    a0_event_digits(p + 8, 2, day);
}


void
a0_event_date(int64_t ms, unsigned char date[A0_EVENT_DATE])
{
    uint64_t  t;

    t = (ms < 0) ? 0 : (uint64_t) ms;

    if (t > A0_EVENT_DATE_MAX) {
        t = A0_EVENT_DATE_MAX;
    }

    memcpy(date, "0000-00-00T00:00:00.000Z", A0_EVENT_DATE);
    a0_event_day(date, t / 86400000);
    a0_event_digits(date + 11, 2, t / 3600000 % 24);
    a0_event_digits(date + 14, 2, t / 60000 % 60);
    a0_event_digits(date + 17, 2, t / 1000 % 60);
    a0_event_digits(date + 20, 3, t % 1000);
}


void
a0_event_slot(int64_t seconds, unsigned char slot[A0_EVENT_SLOT])
{
    unsigned char  date[A0_EVENT_DATE];

    if (seconds > A0_DATE_MAX) {
        seconds = A0_DATE_MAX;
    }

    a0_event_date(seconds < 0 ? 0 : seconds * 1000, date);
    memcpy(slot, date, A0_EVENT_SLOT);
}


void
a0_event_uuid(const unsigned char random[16],
    unsigned char uuid[A0_EVENT_UUID])
{
    size_t             i;
    unsigned char      b;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < 16; i++) {
        b = random[i];

        if (i == 6) {
            b = (b & 0x0f) | 0x40;    /* version */
        }

        if (i == 8) {
            b = (b & 0x3f) | 0x80;    /* variant */
        }

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *uuid++ = '-';
        }

        *uuid++ = (unsigned char) hex[b >> 4];
        *uuid++ = (unsigned char) hex[b & 0x0f];
    }
}


/* ---- URIs ---- */

/* Bytes that may stand as they are: unreserved, sub-delims, and also. */

static size_t
a0_event_plain(const unsigned char *p, const unsigned char *end,
    const char *also)
{
    const unsigned char  *start;

    start = p;

    while (p < end
           && (a0_event_is_alnum(*p)
               || a0_event_is_one_of(*p, "-._~!$&'()*+,;=")
               || a0_event_is_one_of(*p, also)))
    {
        p++;
    }

    return (size_t) (p - start);
}


static void
a0_event_out_coded(a0_json_out_t *out, a0_str_t text, const char *also)
{
    char                  escape[4] = "%00";
    a0_str_t              run;
    const unsigned char  *p, *end;
    static const char     hex[] = "0123456789ABCDEF";

    p = text.data;
    end = p + text.len;

    for ( ;; ) {
        run.data = p;
        run.len = a0_event_plain(p, end, also);
        a0_json_out_raw(out, run);
        p += run.len;

        if (p == end) {
            return;
        }

        run.data = p;

        if (*p == '%' && end - p > 2 && a0_event_is_hex(p[1])
            && a0_event_is_hex(p[2]))
        {
            run.len = 3;
            a0_json_out_raw(out, run);
            p += 3;
            continue;
        }

        escape[1] = hex[*p >> 4];
        escape[2] = hex[*p & 0x0f];
        a0_json_out_lit(out, escape);
        p++;
    }
}


void
a0_event_out_host(a0_json_out_t *out, a0_str_t host)
{
    a0_str_t  inside;

    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
    {
        inside.data = host.data + 1;
        inside.len = host.len - 2;

        if (a0_event_is_address(inside)) {
            a0_json_out_raw(out, host);
            return;
        }
    }

    a0_event_out_coded(out, host, "");
}


void
a0_event_out_target(a0_json_out_t *out, a0_str_t target, int query,
    size_t max)
{
    a0_str_t              args;
    const unsigned char  *mark;

    mark = target.len ? memchr(target.data, '?', target.len) : NULL;
    args.data = mark;
    args.len = 0;

    if (mark != NULL) {
        args.len = target.len - (size_t) (mark - target.data);
        target.len -= args.len;
    }

    if (target.len != 0 && target.data[0] != '/') {
        a0_json_out_lit(out, "/");
    }

    if (target.len != 0) {
        a0_event_out_coded(out, a0_event_cut(target, max), ":@/");
    }

    if (query && args.len != 0) {
        a0_event_out_coded(out, a0_event_cut(args, max), ":@/?");
    }
}
