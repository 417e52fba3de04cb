/*
 * Policies and claims of a few letters against the rules of a0_policy.h,
 * written once more in their plainest form.
 */

#include "a0_policy.h"
#include "fuzz.h"

#define NOW  1000

static const a0_str_t  names[] = {
    a0_string(""), a0_string("a"), a0_string("b"), a0_string("ab"),
    a0_string("A"), a0_string("a "), a0_string("b a"), a0_string("a:b"),
    a0_string("aa"), a0_string("ba"), a0_string("c"), a0_string("aab")
};

#define NAMES  (sizeof(names) / sizeof(names[0]))


typedef struct {
    a0_policy_t        policy;
    a0_str_t           strs[64];
    size_t             nstrs;
    a0_policy_group_t  groups[8];
} rules_t;


static a0_list_t
list(fuzz_t *in, rules_t *r)
{
    a0_list_t  l;

    l.elts = r->strs + r->nstrs;

    for (l.nelts = fuzz_byte(in) % 4; r->strs + r->nstrs < l.elts + l.nelts; ) {
        r->strs[r->nstrs++] = names[1 + fuzz_byte(in) % (NAMES - 1)];
    }

    return l;
}


static size_t
groups(fuzz_t *in, rules_t *r, a0_policy_group_t *g)
{
    size_t  i, n;

    n = fuzz_byte(in) % 3;

    for (i = 0; i < n; i++) {
        g[i].any = fuzz_byte(in) & 1;
        g[i].names = list(in, r);
    }

    return n;
}


static void
rules(fuzz_t *in, rules_t *r)
{
    a0_policy_t  *p;

    memset(r, 0, sizeof(*r));
    p = &r->policy;
    p->issuers = list(in, r);
    p->audiences = list(in, r);
    p->scopes = r->groups;
    p->nscopes = groups(in, r, r->groups);
    p->permissions = r->groups + 4;
    p->npermissions = groups(in, r, r->groups + 4);
    p->org = (a0_policy_org_e) (fuzz_byte(in) % 3);
    p->orgs = list(in, r);
    p->clients = list(in, r);
    p->algorithms = fuzz_byte(in);
    p->at_jwt = fuzz_byte(in) & 1;
    p->leeway = fuzz_byte(in) % 4;
}


static a0_span_t
put(a0_claims_t *c, a0_str_t s, const char *end)
{
    a0_span_t  span;

    span.off = c->size;
    span.len = (uint16_t) (s.len + (end ? 1 : 0));
    memcpy((char *) c + c->size, s.data, s.len);
    memcpy((char *) c + c->size + s.len, "", end ? 1 : 0);
    c->size = (uint16_t) (c->size + span.len);

    return span;
}


static a0_span_t
items(fuzz_t *in, a0_claims_t *c)
{
    unsigned   n;
    a0_span_t  span;

    span.off = c->size;

    for (n = fuzz_byte(in) % 4; n; n--) {
        put(c, names[1 + fuzz_byte(in) % (NAMES - 1)], "");
    }

    span.len = (uint16_t) (c->size - span.off);

    return span;
}


static void
claims(fuzz_t *in, a0_claims_t *c)
{
    memset(c, 0, sizeof(*c));
    c->size = sizeof(*c);
    c->flags = (uint16_t) fuzz_int(in, 2);
    c->alg = (uint16_t) (1u << fuzz_byte(in) % A0_ALG_N);
    c->exp = NOW - 8 + fuzz_byte(in) % 16;
    c->nbf = fuzz_byte(in) % 2 ? NOW - 8 + fuzz_byte(in) % 16 : 0;
    c->iat = fuzz_byte(in) % 2 ? NOW - 8 + fuzz_byte(in) % 16 : 0;
    c->iss = put(c, names[fuzz_byte(in) % NAMES], NULL);
    c->aud = items(in, c);
    c->scope = put(c, names[fuzz_byte(in) % NAMES], NULL);
    c->permissions = items(in, c);
    c->org_id = put(c, names[fuzz_byte(in) % NAMES], NULL);
    c->client_id = put(c, names[fuzz_byte(in) % NAMES], NULL);
}


/* The same once more.  A list is as text in which each name, and the whole,
 * stands between separators. */

static int
has(const char *text, size_t len, char sep, a0_str_t name)
{
    size_t  i;

    for (i = 0; name.len && i + name.len <= len; i++) {
        if (memcmp(text + i, name.data, name.len) == 0
            && (i == 0 || text[i - 1] == sep)
            && (i + name.len == len || text[i + name.len] == sep)
            && memchr(name.data, sep, name.len) == NULL)
        {
            return 1;
        }
    }

    return 0;
}


static const char *
at(const a0_claims_t *c, a0_span_t span)
{
    return (const char *) c + span.off;
}


static int
in_list(a0_list_t l, const a0_claims_t *c, a0_span_t span)
{
    size_t  i, n;

    for (i = 0, n = 0; i < l.nelts; i++) {
        n += l.elts[i].len == span.len && span.len
             && memcmp(l.elts[i].data, at(c, span), span.len) == 0;
    }

    return n != 0;
}


static int
granted(const a0_policy_group_t *g, size_t n, const a0_claims_t *c,
    a0_span_t span, char sep)
{
    size_t  i, k, found;

    for (i = 0; i < n; i++) {
        for (k = 0, found = 0; k < g[i].names.nelts; k++) {
            found += (size_t) has(at(c, span), span.len, sep,
                                  g[i].names.elts[k]);
        }

        if (g[i].any ? found == 0 : found < g[i].names.nelts) {
            return 0;
        }
    }

    return 1;
}


static int
meant(const a0_policy_t *p, const a0_claims_t *c)
{
    size_t  i, n;

    for (i = 0, n = 0; i < p->audiences.nelts; i++) {
        n += (size_t) has(at(c, c->aud), c->aud.len, '\0',
                          p->audiences.elts[i]);
    }

    return n != 0;
}


static a0_err_t
verdict(const a0_policy_t *p, const a0_claims_t *c)
{
    unsigned  all = A0_CLAIMS_SUB | A0_CLAIMS_CLIENT_ID | A0_CLAIMS_IAT
                    | A0_CLAIMS_JTI;

    return NOW - p->leeway >= c->exp ? A0_ERR_EXPIRED
           : c->nbf > NOW + p->leeway || c->iat > NOW + p->leeway
             ? A0_ERR_NOT_YET_VALID
           : !meant(p, c) ? A0_ERR_WRONG_AUDIENCE
           : c->flags & A0_CLAIMS_CNF ? A0_ERR_SENDER_CONSTRAINED
           : c->flags & A0_CLAIMS_BAD_ORG_ID ? A0_ERR_INVALID_ORGANIZATION
           : p->at_jwt && ~c->flags & all ? A0_ERR_INVALID_CLAIM
           : p->org != A0_ORG_OFF && c->org_id.len == 0
             ? A0_ERR_ORGANIZATION_NOT_ALLOWED
           : p->org == A0_ORG_LIST && !in_list(p->orgs, c, c->org_id)
             ? A0_ERR_ORGANIZATION_NOT_ALLOWED
           : p->clients.nelts && !in_list(p->clients, c, c->client_id)
             ? A0_ERR_CLIENT_NOT_ALLOWED
           : !granted(p->scopes, p->nscopes, c, c->scope, ' ')
             ? A0_ERR_INSUFFICIENT_SCOPE
           : !granted(p->permissions, p->npermissions, c, c->permissions, 0)
             ? A0_ERR_INSUFFICIENT_PERMISSION : A0_OK;
}


void
fuzz_one(fuzz_t *in)
{
    size_t       issuer;
    rules_t      r;
    a0_err_t     err;
    union {
        a0_claims_t    claims;
        unsigned char  bytes[512];
    } u;

    rules(in, &r);
    claims(in, &u.claims);

    err = a0_policy_check(&r.policy, &u.claims, NOW);
    FUZZ_ASSERT(err == verdict(&r.policy, &u.claims));
    fuzz_deep += (err == A0_OK);

    err = a0_policy_select(&r.policy, &u.claims, &issuer);
    FUZZ_ASSERT(err == (~r.policy.algorithms & u.claims.alg
                        ? A0_ERR_UNSUPPORTED_ALGORITHM
                        : r.policy.at_jwt
                          && !(u.claims.flags & A0_CLAIMS_AT_JWT)
                          ? A0_ERR_WRONG_TYPE
                          : !in_list(r.policy.issuers, &u.claims, u.claims.iss)
                            ? A0_ERR_WRONG_ISSUER : A0_OK));
    FUZZ_ASSERT(err != A0_OK
                || fuzz_same(r.policy.issuers.elts[issuer],
                             a0_claims_str(&u.claims, u.claims.iss)));
}
