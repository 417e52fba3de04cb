
#include <string.h>

#include "a0_claims.h"


_Static_assert(A0_CLAIMS_SIZE_MAX <= UINT16_MAX, "spans are 16 bits wide");


/* Single strings.  Those without a span are only required to be strings; the
 * first of those that share a span has it. */

typedef struct {
    const char  *name;
    unsigned     flag;
    size_t       span;    /* offset in a0_claims_t or 0 */
} a0_claims_string_t;


static const a0_claims_string_t  a0_claims_strings[] = {
    { "iss", 0, offsetof(a0_claims_t, iss) },
    { "sub", A0_CLAIMS_SUB, offsetof(a0_claims_t, sub) },
    { "scope", A0_CLAIMS_SCOPE, offsetof(a0_claims_t, scope) },
    { "azp", 0, offsetof(a0_claims_t, client_id) },
    { "client_id", A0_CLAIMS_CLIENT_ID, offsetof(a0_claims_t, client_id) },
    { "jti", A0_CLAIMS_JTI, 0 }
};


static const struct {
    const char  *name;
    unsigned     flag;
    size_t       date;    /* offset in a0_claims_t */
} a0_claims_dates[] = {
    { "exp", 0, offsetof(a0_claims_t, exp) },
    { "nbf", A0_CLAIMS_NBF, offsetof(a0_claims_t, nbf) },
    { "iat", A0_CLAIMS_IAT, offsetof(a0_claims_t, iat) }
};


#define a0_nelts(array)  (sizeof(array) / sizeof((array)[0]))


a0_str_t
a0_claims_str(const a0_claims_t *claims, a0_span_t span)
{
    a0_str_t  s;

    s.len = span.len;
    s.data = (const unsigned char *) claims + span.off;

    return s;
}


a0_claims_t *
a0_claims_init(unsigned char *mem)
{
    size_t        past;
    a0_claims_t  *claims;

    past = (uintptr_t) mem % _Alignof(a0_claims_t);

    if (past != 0) {
        mem += _Alignof(a0_claims_t) - past;
    }

    claims = (a0_claims_t *) (void *) mem;

    memset(claims, 0, sizeof(a0_claims_t));
    claims->size = sizeof(a0_claims_t);

    return claims;
}


a0_span_t
a0_claims_put(a0_claims_t *claims, a0_str_t s)
{
    a0_span_t  span;

    span.off = claims->size;
    span.len = (uint16_t) s.len;

    memcpy((unsigned char *) claims + claims->size, s.data, s.len);
    claims->size = (uint16_t) (claims->size + s.len);

    return span;
}


static void
a0_claims_flag(a0_claims_t *claims, unsigned flag)
{
    claims->flags = (uint16_t) (claims->flags | flag);
}


static a0_err_t
a0_claims_read_string(const a0_json_t *payload,
    const a0_claims_string_t *row, a0_claims_t *claims)
{
    a0_str_t          s;
    a0_span_t        *span;
    const a0_json_t  *json;

    json = a0_json_get(payload, row->name);
    if (json == NULL) {
        return A0_OK;
    }

    if (!a0_json_string(json, &s)) {
        return A0_ERR_INVALID_CLAIM;
    }

    a0_claims_flag(claims, row->flag);

    if (row->span == 0) {
        return A0_OK;
    }

    span = (a0_span_t *) (void *) ((char *) claims + row->span);

    if (span->off == 0) {
        *span = a0_claims_put(claims, s);
    }

    return A0_OK;
}


/* A client's own tokens name it in sub, and need not name it elsewhere. */

static void
a0_claims_client_of_sub(a0_claims_t *claims)
{
    a0_str_t               sub;
    static const a0_str_t  suffix = a0_string("@clients");

    sub = a0_claims_str(claims, claims->sub);

    if (claims->client_id.off != 0 || sub.len < suffix.len) {
        return;
    }

    sub.len -= suffix.len;

    if (memcmp(sub.data + sub.len, suffix.data, suffix.len) == 0) {
        claims->client_id.off = claims->sub.off;
        claims->client_id.len = (uint16_t) sub.len;
    }
}


static a0_err_t
a0_claims_read_strings(const a0_json_t *payload, a0_claims_t *claims)
{
    size_t    i;
    a0_err_t  err;

    for (i = 0; i < a0_nelts(a0_claims_strings); i++) {
        err = a0_claims_read_string(payload, &a0_claims_strings[i], claims);
        if (err != A0_OK) {
            return err;
        }
    }

    if (claims->iss.off == 0) {
        return A0_ERR_INVALID_CLAIM;
    }

    a0_claims_client_of_sub(claims);

    return A0_OK;
}


/* A NumericDate; the comparison is false for what is not a number, too. */

static int
a0_claims_date(const a0_json_t *json, int64_t *date)
{
    double  seconds;

    if (!a0_json_number(json, &seconds)
        || !(seconds >= 0 && seconds <= (double) A0_DATE_MAX))
    {
        return 0;
    }

    *date = (int64_t) seconds;
    *date += (double) *date < seconds;

    return 1;
}


static a0_err_t
a0_claims_read_dates(const a0_json_t *payload, a0_claims_t *claims)
{
    size_t            i;
    int64_t          *date;
    const a0_json_t  *json;

    for (i = 0; i < a0_nelts(a0_claims_dates); i++) {
        json = a0_json_get(payload, a0_claims_dates[i].name);

        if (json == NULL && a0_claims_dates[i].flag != 0) {
            continue;
        }

        date = (int64_t *) (void *) ((char *) claims
                                     + a0_claims_dates[i].date);

        if (!a0_claims_date(json, date)) {
            return A0_ERR_INVALID_CLAIM;
        }

        a0_claims_flag(claims, a0_claims_dates[i].flag);
    }

    return A0_OK;
}


/* NUL is in no JSON string here, so it can end each element. */

static int
a0_claims_put_item(a0_claims_t *claims, const a0_json_t *json,
    a0_span_t *list)
{
    a0_str_t               s;
    static const a0_str_t  nul = { 1, (const unsigned char *) "" };

    if (!a0_json_string(json, &s) || s.len == 0) {
        return 0;
    }

    a0_claims_put(claims, s);
    a0_claims_put(claims, nul);

    list->len = (uint16_t) (claims->size - list->off);

    return 1;
}


static a0_err_t
a0_claims_read_list(const a0_json_t *json, a0_claims_t *claims,
    a0_span_t *list)
{
    size_t  i;

    if (a0_json_type(json) != A0_JSON_ARRAY) {
        return A0_ERR_INVALID_CLAIM;
    }

    list->off = claims->size;

    for (i = 0; i < a0_json_size(json); i++) {
        if (!a0_claims_put_item(claims, a0_json_at(json, i), list)) {
            return A0_ERR_INVALID_CLAIM;
        }
    }

    return A0_OK;
}


/* RFC 7519 section 4.1.3: one string, or an array of strings. */

static a0_err_t
a0_claims_read_aud(const a0_json_t *payload, a0_claims_t *claims)
{
    const a0_json_t  *aud;

    aud = a0_json_get(payload, "aud");

    if (a0_json_type(aud) != A0_JSON_STRING) {
        return a0_json_size(aud) != 0
               ? a0_claims_read_list(aud, claims, &claims->aud)
               : A0_ERR_INVALID_CLAIM;
    }

    claims->aud.off = claims->size;

    return a0_claims_put_item(claims, aud, &claims->aud)
           ? A0_OK : A0_ERR_INVALID_CLAIM;
}


static a0_err_t
a0_claims_read_permissions(const a0_json_t *payload, a0_claims_t *claims)
{
    const a0_json_t  *permissions;

    permissions = a0_json_get(payload, "permissions");
    if (permissions == NULL) {
        return A0_OK;
    }

    a0_claims_flag(claims, A0_CLAIMS_PERMISSIONS);

    return a0_claims_read_list(permissions, claims, &claims->permissions);
}


static int
a0_claims_is_org_id(a0_str_t s)
{
    size_t         i;
    unsigned char  c, lower;

    if (s.len <= 4 || s.len > A0_ORG_ID_MAX
        || memcmp(s.data, "org_", 4) != 0)
    {
        return 0;
    }

    for (i = 4; i < s.len; i++) {
        c = s.data[i];
        lower = c | 0x20;

        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z')) {
            return 0;
        }
    }

    return 1;
}


static a0_err_t
a0_claims_read_org_id(const a0_json_t *payload, a0_claims_t *claims)
{
    a0_str_t          s;
    const a0_json_t  *org_id;

    org_id = a0_json_get(payload, "org_id");
    if (org_id == NULL) {
        return A0_OK;
    }

    if (!a0_json_string(org_id, &s) || !a0_claims_is_org_id(s)) {
        a0_claims_flag(claims, A0_CLAIMS_BAD_ORG_ID);
        return A0_OK;
    }

    a0_claims_flag(claims, A0_CLAIMS_ORG_ID);
    claims->org_id = a0_claims_put(claims, s);

    return A0_OK;
}


/* Whatever it holds: a token that claims to be bound is not a bearer's. */

static a0_err_t
a0_claims_read_cnf(const a0_json_t *payload, a0_claims_t *claims)
{
    if (a0_json_get(payload, "cnf") != NULL) {
        a0_claims_flag(claims, A0_CLAIMS_CNF);
    }

    return A0_OK;
}


a0_err_t
a0_claims_read(const a0_json_t *payload, a0_claims_t *claims)
{
    size_t    i;
    a0_err_t  err;

    static a0_err_t (*const readers[])(const a0_json_t *payload,
                                       a0_claims_t *claims) = {
        a0_claims_read_strings,
        a0_claims_read_dates,
        a0_claims_read_aud,
        a0_claims_read_permissions,
        a0_claims_read_org_id,
        a0_claims_read_cnf
    };

    if (a0_json_type(payload) != A0_JSON_OBJECT) {
        return A0_ERR_MALFORMED;
    }

    for (i = 0; i < a0_nelts(readers); i++) {
        err = readers[i](payload, claims);
        if (err != A0_OK) {
            return err;
        }
    }

    return A0_OK;
}
