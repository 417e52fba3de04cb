
/*
 * Taking replies about users, and what all takers share.
 */

#include <string.h>

#include "a0_provision_int.h"


a0_take_e
a0_take_problem(a0_provision_t *p, a0_problem_e problem)
{
    p->verdict = problem;
    return A0_TAKE_PROBLEM;
}


/* A string member, empty when absent or of another type. */

a0_str_t
a0_text(const a0_json_t *object, const char *name)
{
    a0_str_t  text = { 0, NULL };

    (void) a0_json_string(a0_json_get(object, name), &text);

    return text;
}


int
a0_str_equal(a0_str_t a, a0_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


/*
 * Lists are bare arrays, or arrays inside an object with or without totals
 * (which have been seen to be wrong: they are not looked at).
 */
const a0_json_t *
a0_list_items(const a0_json_t *json, const char *name)
{
    if (a0_json_type(json) == A0_JSON_OBJECT) {
        json = a0_json_get(json, name);
    }

    return a0_json_type(json) == A0_JSON_ARRAY ? json : NULL;
}


/* After a page by number: another one while pages are full. */

a0_take_e
a0_list_more(a0_provision_t *p, const a0_json_t *items, unsigned pages)
{
    if (a0_json_size(items) < A0_PAGE || ++p->page >= pages) {
        return A0_TAKE_NEXT;
    }

    return A0_TAKE_AGAIN;
}


static int
a0_flag(const a0_json_t *object, const char *name)
{
    int  value;

    value = 0;
    (void) a0_json_bool(a0_json_get(object, name), &value);

    return value;
}


/* The portal's user, by the token's sub: the record decides. */

a0_take_e
a0_take_user(a0_provision_t *p, const a0_json_t *json)
{
    if (a0_json_type(json) != A0_JSON_OBJECT) {
        return A0_TAKE_GARBAGE;
    }

    if (!a0_str_equal(a0_text(json, "user_id"), p->sub)) {
        return A0_TAKE_GARBAGE;
    }

    if (a0_flag(json, "blocked")) {
        return a0_take_problem(p, A0_PROBLEM_USER_BLOCKED);
    }

    if (!a0_flag(json, "email_verified")) {
        return a0_take_problem(p, A0_PROBLEM_EMAIL_UNVERIFIED);
    }

    if (!a0_email_equal(a0_text(json, "email"), p->email)) {
        return a0_take_problem(p, A0_PROBLEM_EMAIL_MISMATCH);
    }

    p->user_id = p->sub;
    p->user_customer = a0_save(p, a0_text(a0_json_get(json, "app_metadata"),
                                          "customerId"));
    return A0_TAKE_NEXT;
}


/*
 * A user to provision.  app_metadata is written by servers only, so a record
 * that already carries this customer's id is the customer's, verified or not:
 * it is one that an earlier call made.
 */
static int
a0_user_fits(const a0_provision_t *p, const a0_json_t *user)
{
    a0_str_t  customer;

    if (a0_text(user, "user_id").len == 0 || a0_flag(user, "blocked")) {
        return 0;
    }

    customer = a0_text(a0_json_get(user, "app_metadata"), "customerId");

    return a0_flag(user, "email_verified")
           || a0_str_equal(customer, p->customer);
}


static void
a0_user_save(a0_provision_t *p, const a0_json_t *user)
{
    a0_str_t          customer, subscription;
    const a0_json_t  *metadata;

    metadata = a0_json_get(user, "app_metadata");
    customer = a0_text(metadata, "customerId");
    subscription = a0_text(metadata, "subscriptionId");

    p->user_id = a0_save(p, a0_text(user, "user_id"));
    p->user_customer = a0_save(p, customer);
    p->user_done = a0_str_equal(customer, p->customer)
                   && (p->subscription.len == 0
                       || a0_str_equal(subscription, p->subscription));
}


/* By sub. */

a0_take_e
a0_take_user_found(a0_provision_t *p, const a0_json_t *json)
{
    if (!a0_str_equal(a0_text(json, "user_id"), p->sub)) {
        return A0_TAKE_GARBAGE;
    }

    if (a0_flag(json, "blocked")) {
        return a0_take_problem(p, A0_PROBLEM_USER_BLOCKED);
    }

    if (!a0_user_fits(p, json)) {
        return a0_take_problem(p, A0_PROBLEM_USER_NOT_FOUND);
    }

    if (p->email.len && !a0_email_equal(a0_text(json, "email"), p->email)) {
        return a0_take_problem(p, A0_PROBLEM_USER_NOT_FOUND);
    }

    if (p->email.len == 0) {
        p->email = a0_save(p, a0_text(json, "email"));
    }

    a0_user_save(p, json);

    return A0_TAKE_NEXT;
}


/* The only user of that e-mail who fits; how many have the e-mail at all. */

static const a0_json_t *
a0_users_pick(a0_provision_t *p, const a0_json_t *users, unsigned *fit,
    unsigned *all)
{
    size_t            i;
    const a0_json_t  *user, *found;

    found = NULL;
    *fit = 0;
    *all = 0;

    for (i = 0; i < a0_json_size(users); i++) {
        user = a0_json_at(users, i);

        if (!a0_email_equal(a0_text(user, "email"), p->email)) {
            continue;
        }

        (*all)++;

        if (a0_user_fits(p, user)) {
            (*fit)++;
            found = user;
        }
    }

    return found;
}


a0_take_e
a0_take_users(a0_provision_t *p, const a0_json_t *json)
{
    unsigned          fit, all;
    const a0_json_t  *user;

    if (a0_json_type(json) != A0_JSON_ARRAY) {
        return A0_TAKE_GARBAGE;
    }

    user = a0_users_pick(p, json, &fit, &all);

    if (fit > 1) {
        return a0_take_problem(p, A0_PROBLEM_AMBIGUOUS_USER);
    }

    if (fit == 1) {
        a0_user_save(p, user);
        return A0_TAKE_NEXT;
    }

    if (all == 0 && p->conf->connection.len) {
        return A0_TAKE_NEXT;
    }

    return a0_take_problem(p, A0_PROBLEM_USER_NOT_FOUND);
}


a0_take_e
a0_take_user_made(a0_provision_t *p, const a0_json_t *json)
{
    a0_str_t  id;

    id = a0_text(json, "user_id");

    if (!a0_sub_check(id)) {
        return A0_TAKE_GARBAGE;
    }

    p->user_id = a0_save(p, id);
    p->user_done = 1;

    return A0_TAKE_NEXT;
}


/* Whether the creation of unknown outcome happened. */

a0_take_e
a0_take_user_there(a0_provision_t *p, const a0_json_t *json)
{
    unsigned          fit, all;
    const a0_json_t  *user;

    if (a0_json_type(json) != A0_JSON_ARRAY) {
        return A0_TAKE_GARBAGE;
    }

    user = a0_users_pick(p, json, &fit, &all);

    if (fit == 1) {
        a0_user_save(p, user);
        return A0_TAKE_NEXT;
    }

    if (all == 0) {
        return A0_TAKE_ABSENT;
    }

    return a0_take_problem(p, fit ? A0_PROBLEM_AMBIGUOUS_USER
                                  : A0_PROBLEM_USER_NOT_FOUND);
}


a0_take_e
a0_take_done(a0_provision_t *p, const a0_json_t *json)
{
    (void) p;
    (void) json;

    return A0_TAKE_NEXT;
}
