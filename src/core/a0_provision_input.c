
#include "a0_provision_input.h"

#include <string.h>

#include <openssl/sha.h>


#define A0_SLUG_MAX       24
#define A0_NAME_DIGEST    16    /* characters of base32 */
#define A0_CLIENT_ID_MIN  20
#define A0_CLIENT_ID_MAX  64


static int
a0_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


static int
a0_all_alnum(const unsigned char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!a0_alnum(p[i])) {
            return 0;
        }
    }

    return 1;
}


static unsigned char
a0_lower(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') ? (unsigned char) (c | 0x20) : c;
}


int
a0_email_check(a0_str_t email)
{
    size_t                i, local, ats;
    const unsigned char  *p;

    if (email.len == 0 || email.len > A0_EMAIL_MAX) {
        return 0;
    }

    p = email.data;

    for (i = 0, local = 0, ats = 0; i < email.len; i++) {
        if (p[i] <= 0x20 || p[i] == 0x7f || p[i] == '<' || p[i] == '>') {
            return 0;
        }

        if (p[i] == '@') {
            local = i;
            ats++;
        }
    }

    return ats == 1 && local >= 1 && local <= 64 && local + 1 < email.len;
}


int
a0_email_equal(a0_str_t a, a0_str_t b)
{
    size_t  i;

    if (a.len != b.len) {
        return 0;
    }

    for (i = 0; i < a.len; i++) {
        if (a0_lower(a.data[i]) != a0_lower(b.data[i])) {
            return 0;
        }
    }

    return 1;
}


int
a0_sub_check(a0_str_t sub)
{
    size_t                i, bar;
    const unsigned char  *p;

    p = sub.len ? memchr(sub.data, '|', sub.len) : NULL;

    if (p == NULL || p == sub.data || sub.len > A0_SUB_MAX) {
        return 0;
    }

    bar = (size_t) (p - sub.data);

    for (i = 0; i < bar; i++) {
        if (!a0_alnum(sub.data[i])
            && memchr("_.-", sub.data[i], 3) == NULL)
        {
            return 0;
        }
    }

    for (i = bar + 1; i < sub.len; i++) {
        if (sub.data[i] <= 0x20 || sub.data[i] == 0x7f) {
            return 0;
        }
    }

    return sub.len - bar - 1 >= 1 && sub.len - bar - 1 <= 255;
}


int
a0_client_id_check(a0_str_t id)
{
    return id.len >= A0_CLIENT_ID_MIN && id.len <= A0_CLIENT_ID_MAX
           && a0_all_alnum(id.data, id.len);
}


int
a0_org_id_check(a0_str_t id)
{
    return id.len > 4 && id.len <= A0_ORG_ID_MAX
           && memcmp(id.data, "org_", 4) == 0
           && a0_all_alnum(id.data + 4, id.len - 4);
}


int
a0_key_name_check(a0_str_t name)
{
    size_t         i;
    unsigned char  c;

    if (name.len == 0 || name.len > A0_NAME_MAX
        || name.data[0] == ' ' || name.data[name.len - 1] == ' ')
    {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (c < 0x20 || c == 0x7f || c == '<' || c == '>') {
            return 0;
        }

        /* U+0080..U+009F */

        if (c == 0xc2 && i + 1 < name.len && name.data[i + 1] < 0xa0) {
            return 0;
        }
    }

    return 1;
}


static int
a0_scope_in(const unsigned char *p, size_t len, const a0_list_t *allowed)
{
    size_t  i;

    for (i = 0; i < allowed->nelts; i++) {
        if (allowed->elts[i].len == len
            && memcmp(allowed->elts[i].data, p, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


int
a0_scope_narrow(a0_str_t text, const a0_list_t *allowed)
{
    size_t  i, start;

    for (i = 0, start = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != ' ') {
            continue;
        }

        if (i == start
            || !a0_scope_in(text.data + start, i - start, allowed))
        {
            return 0;
        }

        start = i + 1;
    }

    return 1;
}


/* Slug of what precedes the "@": runs of other bytes become one dash. */

static size_t
a0_slug(a0_str_t email, unsigned char *out)
{
    size_t         i, n;
    unsigned char  c;

    for (i = 0, n = 0; i < email.len && email.data[i] != '@'; i++) {
        c = a0_lower(email.data[i]);

        if (a0_alnum(c)) {
            if (n == A0_SLUG_MAX) {
                break;
            }

            out[n++] = c;

        } else if (n > 0 && n < A0_SLUG_MAX && out[n - 1] != '-') {
            out[n++] = '-';
        }
    }

    while (n > 0 && out[n - 1] == '-') {
        n--;
    }

    return n;
}


a0_str_t
a0_org_name(a0_str_t email, a0_str_t seed, unsigned char *out)
{
    size_t         i, n, bit;
    unsigned       five;
    a0_str_t       name;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    SHA256(seed.data, seed.len, digest);

    n = a0_slug(email, out);

    if (n > 0) {
        out[n++] = '-';
    }

    for (i = 0; i < A0_NAME_DIGEST; i++) {
        bit = i * 5;
        five = ((unsigned) digest[bit / 8] << 8) | digest[bit / 8 + 1];
        five = (five >> (11 - bit % 8)) & 31;
        out[n++] = (unsigned char) "abcdefghijklmnopqrstuvwxyz234567"[five];
    }

    name.data = out;
    name.len = n;

    return name;
}


a0_str_t
a0_owner_text(a0_str_t sub, unsigned char *out)
{
    size_t         i;
    a0_str_t       owner;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    owner.data = out;
    owner.len = sub.len;

    for (i = 0; i < sub.len && sub.data[i] > 0x20 && sub.data[i] < 0x7f; i++) {
        /* printable so far */
    }

    if (i == sub.len && sub.len <= A0_OWNER_MAX) {
        memcpy(out, sub.data, sub.len);
        return owner;
    }

    SHA256(sub.data, sub.len, digest);
    memcpy(out, "sha256:", 7);

    for (i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        out[7 + 2 * i] = (unsigned char) "0123456789abcdef"[digest[i] >> 4];
        out[8 + 2 * i] = (unsigned char) "0123456789abcdef"[digest[i] & 15];
    }

    owner.len = 7 + 2 * SHA256_DIGEST_LENGTH;

    return owner;
}
