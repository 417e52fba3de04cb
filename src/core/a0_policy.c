
/*
 * The verdict is a list of rules in the order in which a refusal is told.
 * Nothing remembers anything: the same claims, policy and second give the
 * same answer in every process.
 */

#include <string.h>

#include "a0_policy.h"


typedef a0_err_t (*a0_policy_rule_pt)(const a0_policy_t *policy,
    const a0_claims_t *claims);


static int
a0_policy_equal(a0_str_t a, a0_str_t b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}


/* The index of value in list, or nelts.  The empty string is in no list. */

static size_t
a0_policy_find(a0_list_t list, a0_str_t value)
{
    size_t  i;

    if (value.len == 0) {
        return list.nelts;
    }

    for (i = 0; i < list.nelts; i++) {
        if (a0_policy_equal(list.elts[i], value)) {
            break;
        }
    }

    return i;
}


/*
 * Cuts the next non-empty item off text.  JSON strings with U+0000 never get
 * this far, so that NUL separates the items of a list beyond doubt.
 */

static int
a0_policy_next(a0_str_t *text, unsigned char separator, a0_str_t *item)
{
    const unsigned char  *end, *p, *sep;

    p = text->data;
    end = p + text->len;

    while (p < end && *p == separator) {
        p++;
    }

    if (p == end) {
        return 0;
    }

    sep = memchr(p, separator, (size_t) (end - p));
    if (sep == NULL) {
        sep = end;
    }

    item->data = p;
    item->len = (size_t) (sep - p);
    text->data = sep;
    text->len = (size_t) (end - sep);

    return 1;
}


static int
a0_policy_has(a0_str_t text, unsigned char separator, a0_str_t name)
{
    a0_str_t  item;

    while (a0_policy_next(&text, separator, &item)) {
        if (a0_policy_equal(item, name)) {
            return 1;
        }
    }

    return 0;
}


static int
a0_policy_group(const a0_policy_group_t *group, a0_str_t text,
    unsigned char separator)
{
    int     any;
    size_t  i;

    any = (group->any != 0);

    for (i = 0; i < group->names.nelts; i++) {
        if (a0_policy_has(text, separator, group->names.elts[i]) == any) {
            return any;
        }
    }

    return !any;
}


static int
a0_policy_groups(const a0_policy_group_t *groups, size_t n, a0_str_t text,
    unsigned char separator)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!a0_policy_group(&groups[i], text, separator)) {
            return 0;
        }
    }

    return 1;
}


/* Dates that are absent are 0: never in the future.  Dates end with the year
 * 9999 and leeway is minutes, so that the sums fit. */

static a0_err_t
a0_policy_dates(const a0_policy_t *policy, const a0_claims_t *claims,
    int64_t now)
{
    if (now >= claims->exp + policy->leeway) {
        return A0_ERR_EXPIRED;
    }

    if (claims->nbf - policy->leeway > now
        || claims->iat - policy->leeway > now)
    {
        return A0_ERR_NOT_YET_VALID;
    }

    return A0_OK;
}


static a0_err_t
a0_policy_audience(const a0_policy_t *policy, const a0_claims_t *claims)
{
    a0_str_t  aud, item;

    aud = a0_claims_str(claims, claims->aud);

    while (a0_policy_next(&aud, '\0', &item)) {
        if (a0_policy_find(policy->audiences, item)
            != policy->audiences.nelts)
        {
            return A0_OK;
        }
    }

    return A0_ERR_WRONG_AUDIENCE;
}


/* What the token itself must be, wherever it is sent. */

static a0_err_t
a0_policy_form(const a0_policy_t *policy, const a0_claims_t *claims)
{
    unsigned  demanded;

    if (claims->flags & A0_CLAIMS_CNF) {
        return A0_ERR_SENDER_CONSTRAINED;
    }

    if (claims->flags & A0_CLAIMS_BAD_ORG_ID) {
        return A0_ERR_INVALID_ORGANIZATION;
    }

    demanded = A0_CLAIMS_SUB | A0_CLAIMS_CLIENT_ID | A0_CLAIMS_IAT
               | A0_CLAIMS_JTI;

    if (policy->at_jwt && (claims->flags & demanded) != demanded) {
        return A0_ERR_INVALID_CLAIM;
    }

    return A0_OK;
}


static a0_err_t
a0_policy_organization(const a0_policy_t *policy, const a0_claims_t *claims)
{
    a0_str_t  org;

    if (policy->org == A0_ORG_OFF) {
        return A0_OK;
    }

    org = a0_claims_str(claims, claims->org_id);

    if (org.len == 0) {
        return A0_ERR_ORGANIZATION_NOT_ALLOWED;
    }

    if (policy->org == A0_ORG_ANY
        || a0_policy_find(policy->orgs, org) != policy->orgs.nelts)
    {
        return A0_OK;
    }

    return A0_ERR_ORGANIZATION_NOT_ALLOWED;
}


static a0_err_t
a0_policy_client(const a0_policy_t *policy, const a0_claims_t *claims)
{
    if (policy->clients.nelts == 0) {
        return A0_OK;
    }

    if (a0_policy_find(policy->clients,
                       a0_claims_str(claims, claims->client_id))
        == policy->clients.nelts)
    {
        return A0_ERR_CLIENT_NOT_ALLOWED;
    }

    return A0_OK;
}


static a0_err_t
a0_policy_rights(const a0_policy_t *policy, const a0_claims_t *claims)
{
    if (!a0_policy_groups(policy->scopes, policy->nscopes,
                          a0_claims_str(claims, claims->scope), ' '))
    {
        return A0_ERR_INSUFFICIENT_SCOPE;
    }

    if (!a0_policy_groups(policy->permissions, policy->npermissions,
                          a0_claims_str(claims, claims->permissions), '\0'))
    {
        return A0_ERR_INSUFFICIENT_PERMISSION;
    }

    return A0_OK;
}


static const a0_policy_rule_pt  a0_policy_rules[] = {
    a0_policy_audience,
    a0_policy_form,
    a0_policy_organization,
    a0_policy_client,
    a0_policy_rights
};


a0_err_t
a0_policy_select(const a0_policy_t *policy, const a0_claims_t *claims,
    size_t *issuer)
{
    size_t  i;

    if ((claims->alg & policy->algorithms) == 0) {
        return A0_ERR_UNSUPPORTED_ALGORITHM;
    }

    if (policy->at_jwt && !(claims->flags & A0_CLAIMS_AT_JWT)) {
        return A0_ERR_WRONG_TYPE;
    }

    i = a0_policy_find(policy->issuers, a0_claims_str(claims, claims->iss));
    if (i == policy->issuers.nelts) {
        return A0_ERR_WRONG_ISSUER;
    }

    *issuer = i;

    return A0_OK;
}


a0_err_t
a0_policy_check(const a0_policy_t *policy, const a0_claims_t *claims,
    int64_t now)
{
    size_t    i, n;
    a0_err_t  rc;

    rc = a0_policy_dates(policy, claims, now);
    n = sizeof(a0_policy_rules) / sizeof(a0_policy_rules[0]);

    for (i = 0; rc == A0_OK && i < n; i++) {
        rc = a0_policy_rules[i](policy, claims);
    }

    return rc;
}
