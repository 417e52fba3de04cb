
/*
 * Taking replies about organizations.
 */

#include "a0_provision_int.h"


static a0_str_t
a0_org_customer(const a0_json_t *org)
{
    return a0_text(a0_json_get(org, "metadata"), "customerId");
}


static void
a0_org_save(a0_provision_t *p, const a0_json_t *org)
{
    p->org_id = a0_save(p, a0_text(org, "id"));
    p->org_name = a0_save(p, a0_text(org, "name"));
}


/*
 * The organization of a portal user: the one the token names, provided that
 * the user still is a member; else the only one; else the only one that
 * belongs to the user's customer id.  count: organizations seen, fits: those
 * of the customer id.
 */
a0_take_e
a0_take_orgs_select(a0_provision_t *p, const a0_json_t *json)
{
    int               mine;
    size_t            i;
    a0_str_t          id;
    const a0_json_t  *orgs, *org;

    orgs = a0_list_items(json, "organizations");
    if (orgs == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(orgs); i++) {
        org = a0_json_at(orgs, i);
        id = a0_text(org, "id");

        if (!a0_org_id_check(id)) {
            return A0_TAKE_GARBAGE;
        }

        if (a0_str_equal(id, p->org_claim)) {
            a0_org_save(p, org);
            return A0_TAKE_NEXT;
        }

        mine = p->user_customer.len
               && a0_str_equal(a0_org_customer(org), p->user_customer);

        if (mine) {
            p->fits = p->fits ? 2 : 1;
        }

        if (mine || p->count == 0) {
            a0_org_save(p, org);
        }

        p->count++;
    }

    if (a0_list_more(p, orgs, A0_PAGES) == A0_TAKE_AGAIN) {
        return A0_TAKE_AGAIN;
    }

    if (p->count == 0 || p->org_claim.len) {
        return a0_take_problem(p, A0_PROBLEM_NOT_PROVISIONED);
    }

    if (p->count > 1 && p->fits != 1) {
        return a0_take_problem(p, A0_PROBLEM_AMBIGUOUS_ORGANIZATION);
    }

    return A0_TAKE_NEXT;
}


/*
 * Whether the user is a member of the target's organization.  Asked for
 * unknown and foreign targets too, so that they look the same.
 */
a0_take_e
a0_take_orgs_member(a0_provision_t *p, const a0_json_t *json)
{
    size_t            i;
    const a0_json_t  *orgs;

    orgs = a0_list_items(json, "organizations");
    if (orgs == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(orgs); i++) {
        if (p->org_id.len
            && a0_str_equal(a0_text(a0_json_at(orgs, i), "id"), p->org_id))
        {
            p->member = 1;
        }
    }

    if (!p->member && a0_list_more(p, orgs, A0_PAGES) == A0_TAKE_AGAIN) {
        return A0_TAKE_AGAIN;
    }

    if (p->owned && p->member) {
        return A0_TAKE_NEXT;
    }

    if (p->op == A0_OP_KEY_REVOKE && p->revoked && p->target_gone) {
        return A0_TAKE_FINISH;
    }

    return a0_take_problem(p, A0_PROBLEM_KEY_NOT_FOUND);
}


/* Nothing to adopt: the name of the one to create. */

static void
a0_org_new(a0_provision_t *p)
{
    a0_str_t       seed;
    unsigned char  name[A0_ORG_NAME_MAX];

    seed = p->customer.len ? p->customer : p->user_id;

    p->org_id.len = 0;
    p->org_name = a0_save(p, a0_org_name(p->email, seed, name));
}


/*
 * The organization to provision into, among those the user is a member of:
 * the one that carries the customer id.  The portal's former plugin left no
 * metadata; what it made is recognized as the only organization of a user who
 * has no other customer id, if no customer id is on it.
 */
a0_take_e
a0_take_orgs_adopt(a0_provision_t *p, const a0_json_t *json)
{
    size_t            i;
    a0_str_t          customer;
    const a0_json_t  *orgs, *org;

    orgs = a0_list_items(json, "organizations");
    if (orgs == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(orgs); i++) {
        org = a0_json_at(orgs, i);
        customer = a0_org_customer(org);

        if (!a0_org_id_check(a0_text(org, "id"))) {
            return A0_TAKE_GARBAGE;
        }

        if (a0_str_equal(customer, p->customer)) {
            if (p->fits == 1) {
                return a0_take_problem(p, A0_PROBLEM_AMBIGUOUS_ORGANIZATION);
            }

            p->fits = 1;
            p->member = 1;
            a0_org_save(p, org);

        } else if (p->count == 0 && customer.len == 0) {
            a0_org_save(p, org);
        }

        p->count++;
    }

    if (a0_list_more(p, orgs, A0_PAGES) == A0_TAKE_AGAIN) {
        return A0_TAKE_AGAIN;
    }

    if (p->fits == 0 && p->org_id.len && p->count == 1
        && (p->user_customer.len == 0
            || a0_str_equal(p->user_customer, p->customer)))
    {
        p->member = 1;
    }

    if (!p->member) {
        a0_org_new(p);
    }

    return A0_TAKE_NEXT;
}


static int
a0_org_answer(a0_provision_t *p, const a0_json_t *org)
{
    if (!a0_org_id_check(a0_text(org, "id"))
        || !a0_str_equal(a0_text(org, "name"), p->org_name))
    {
        return 0;
    }

    p->org_id = a0_save(p, a0_text(org, "id"));

    return 1;
}


a0_take_e
a0_take_org_made(a0_provision_t *p, const a0_json_t *json)
{
    if (!a0_org_answer(p, json)) {
        return A0_TAKE_GARBAGE;
    }

    p->org_made = 1;

    return A0_TAKE_NEXT;
}


/* The name is taken, or may be: ours only if the customer id says so. */

a0_take_e
a0_take_org_there(a0_provision_t *p, const a0_json_t *json)
{
    if (json == NULL) {
        return A0_TAKE_ABSENT;
    }

    if (!a0_str_equal(a0_org_customer(json), p->customer)) {
        return a0_take_problem(p, A0_PROBLEM_ORGANIZATION_CONFLICT);
    }

    return a0_org_answer(p, json) ? A0_TAKE_NEXT : A0_TAKE_GARBAGE;
}
