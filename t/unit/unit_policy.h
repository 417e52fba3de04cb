
/*
 * For the tests of the policy: claims and policies written as short texts,
 * lists with '|', groups with ';' ("any a b" for one of them).  What a token
 * or a policy does not name has the value that passes.
 */

#ifndef UNIT_POLICY_H
#define UNIT_POLICY_H

#include "a0_policy.h"
#include "unit.h"


#define EXP  1003600    /* of a token that names none */


typedef struct {
    unsigned     flags;
    unsigned     alg;
    int64_t      exp, nbf, iat;
    const char  *iss, *aud, *scope, *permissions, *org_id, *client_id;
} token_t;


typedef struct {
    const char      *issuers, *audiences, *scopes, *permissions, *clients;
    a0_policy_org_e  org;
    const char      *orgs;
    unsigned         algorithms, at_jwt;
    int64_t          leeway;
} rules_t;


/* A policy with its storage. */

typedef struct {
    a0_policy_t        policy;
    a0_str_t           strs[64];
    size_t             nstrs;
    a0_policy_group_t  groups[16];
    size_t             ngroups;
} built_t;


/* A flat block in a heap block of exactly its size: ASan sees the end. */

typedef struct {
    union {
        a0_claims_t    head;
        unsigned char  bytes[4096];
    } u;
    size_t             len;
} block_t;


static a0_span_t
put_text(block_t *b, const char *text, char from)
{
    size_t     i, n;
    a0_span_t  span;

    n = strlen(text);
    span.off = (uint16_t) b->len;
    memcpy(b->u.bytes + b->len, text, n);

    for (i = 0; from && i < n; i++) {
        if (b->u.bytes[b->len + i] == (unsigned char) from) {
            b->u.bytes[b->len + i] = '\0';
        }
    }

    if (from && n) {
        b->u.bytes[b->len + n++] = '\0';
    }

    span.len = (uint16_t) n;
    b->len += n;

    return span;
}


static const char *
or_else(const char *text, const char *fallback)
{
    return text ? text : fallback;
}


__attribute__((unused)) static a0_claims_t *
claims_of(const token_t *t)
{
    block_t       b;
    a0_claims_t  *claims;

    memset(&b, 0, sizeof(b));
    b.len = sizeof(a0_claims_t);
    b.u.head.flags = (uint16_t) t->flags;
    b.u.head.alg = (uint16_t) (t->alg ? t->alg : A0_ALG_RS256);
    b.u.head.exp = t->exp ? t->exp : EXP;
    b.u.head.nbf = t->nbf;
    b.u.head.iat = t->iat;
    b.u.head.iss = put_text(&b, or_else(t->iss, "https://a.example/"), 0);
    b.u.head.aud = put_text(&b, or_else(t->aud, "https://api/"), '|');
    b.u.head.scope = put_text(&b, or_else(t->scope, ""), 0);
    b.u.head.permissions = put_text(&b, or_else(t->permissions, ""), '|');
    b.u.head.org_id = put_text(&b, or_else(t->org_id, ""), 0);
    b.u.head.client_id = put_text(&b, or_else(t->client_id, "app1"), 0);
    b.u.head.size = (uint16_t) b.len;

    claims = malloc(b.len);
    if (claims == NULL) {
        abort();
    }

    return memcpy(claims, b.u.bytes, b.len);
}


static a0_list_t
list_of(built_t *b, const char *text, const char *end, char separator)
{
    a0_list_t    list;
    const char  *p;

    list.elts = &b->strs[b->nstrs];
    list.nelts = 0;

    for (p = text; p < end; p++) {
        if (p == text || p[-1] == separator) {
            b->strs[b->nstrs].data = (const unsigned char *) p;
            b->strs[b->nstrs].len = 0;
            b->nstrs++;
            list.nelts++;
        }

        if (*p != separator) {
            b->strs[b->nstrs - 1].len++;
        }
    }

    return list;
}


static size_t
groups_of(built_t *b, const char *text, const a0_policy_group_t **groups)
{
    size_t       n;
    const char  *end;

    *groups = &b->groups[b->ngroups];

    for (n = 0; text && *text; n++, b->ngroups++) {
        end = text + strcspn(text, ";");
        b->groups[b->ngroups].any = (strncmp(text, "any ", 4) == 0);
        text += b->groups[b->ngroups].any ? 4 : 0;
        b->groups[b->ngroups].names = list_of(b, text, end, ' ');
        text = end + (*end == ';');
    }

    return n;
}


static a0_list_t
items_of(built_t *b, const char *text, const char *fallback)
{
    text = or_else(text, fallback);
    return list_of(b, text, text + strlen(text), '|');
}


__attribute__((unused)) static void
build(built_t *b, const rules_t *r)
{
    a0_policy_t  *p;

    memset(b, 0, sizeof(*b));
    p = &b->policy;
    p->issuers = items_of(b, r->issuers,
                          "https://z.example/|https://a.example/");
    p->audiences = items_of(b, r->audiences, "https://other/|https://api/");
    p->clients = items_of(b, r->clients, "");
    p->orgs = items_of(b, r->orgs, "");
    p->nscopes = groups_of(b, r->scopes, &p->scopes);
    p->npermissions = groups_of(b, r->permissions, &p->permissions);
    p->org = r->org;
    p->algorithms = r->algorithms ? r->algorithms : A0_ALG_DEFAULT;
    p->at_jwt = r->at_jwt;
    p->leeway = r->leeway;
}

#endif /* UNIT_POLICY_H */
