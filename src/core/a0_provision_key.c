
/*
 * Taking replies about applications and grants that exist.
 */

#include <string.h>

#include "a0_provision_int.h"


/* After a page by cursor. */

a0_take_e
a0_cursor_more(a0_provision_t *p, const a0_json_t *json,
    const a0_json_t *items, unsigned pages)
{
    a0_str_t  next;

    next = a0_text(json, "next");

    if (next.len == 0 || a0_json_size(items) == 0) {
        return A0_TAKE_NEXT;
    }

    if (next.len > A0_CURSOR_MAX) {
        return A0_TAKE_GARBAGE;
    }

    memcpy(p->cursor, next.data, next.len);
    p->cursor_len = next.len;

    /* a list that was not seen to its end proves nothing */

    return ++p->page < pages ? A0_TAKE_AGAIN : A0_TAKE_GARBAGE;
}


int
a0_managed(const a0_json_t *metadata)
{
    return a0_json_is(a0_json_get(metadata, "managed_by"),
                      A0_PROVISION_MANAGED_BY);
}


int
a0_managed_for(const a0_provision_t *p, const a0_json_t *metadata)
{
    return a0_managed(metadata)
           && (p->conf->shared
               || a0_str_equal(a0_text(metadata, "owner"), p->owner));
}


/* A date in client_metadata: decimal digits, 0 when absent or odd. */

int64_t
a0_metadata_date(const a0_json_t *metadata, const char *name)
{
    size_t    i;
    int64_t   date;
    a0_str_t  text;

    text = a0_text(metadata, name);

    if (text.len > 12) {
        return 0;
    }

    for (i = 0, date = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }

        date = date * 10 + (text.data[i] - '0');
    }

    return date;
}


/* Credentials that the organization has for the audience. */

a0_take_e
a0_take_quota(a0_provision_t *p, const a0_json_t *json)
{
    unsigned          max;
    const a0_json_t  *grants;

    grants = a0_list_items(json, "client_grants");
    if (grants == NULL) {
        return A0_TAKE_GARBAGE;
    }

    p->count += (unsigned) a0_json_size(grants);

    /* while one key replaces another, both exist */

    max = p->conf->max_keys;
    max = p->op == A0_OP_KEY_ROTATE ? 2 * max : max;

    if (p->count >= max) {
        return a0_take_problem(p, A0_PROBLEM_QUOTA_EXCEEDED);
    }

    return a0_list_more(p, grants, A0_PAGES);
}


/*
 * The application named by the caller.  Unknown, foreign and unmanaged ones
 * are all "not owned"; the verdict falls at the next step.
 */
a0_take_e
a0_take_target(a0_provision_t *p, const a0_json_t *json)
{
    a0_str_t          org;
    const a0_json_t  *metadata;

    if (json == NULL) {
        p->target_gone = 1;
        return A0_TAKE_NEXT;
    }

    if (!a0_str_equal(a0_text(json, "client_id"), p->target)) {
        return A0_TAKE_GARBAGE;
    }

    metadata = a0_json_get(json, "client_metadata");
    org = a0_text(metadata, "org");

    if (!a0_managed_for(p, metadata) || !a0_org_id_check(org)) {
        return A0_TAKE_NEXT;
    }

    p->owned = 1;
    p->org_id = a0_save(p, org);
    p->expires = a0_metadata_date(metadata, "expires_at");

    if (p->saga->creates && p->expires && p->expires <= p->now) {
        p->owned = 0;
    }

    if (p->saga->creates && a0_key_name_check(a0_text(json, "name"))) {
        p->name = a0_save(p, a0_text(json, "name"));
    }

    return A0_TAKE_NEXT;
}


/* Names of a scope array that are allowed, separated by spaces. */

a0_str_t
a0_save_scope(a0_provision_t *p, const a0_json_t *scope,
    const a0_list_t *within)
{
    size_t          i, n;
    a0_str_t        name, text = { 0, NULL };
    unsigned char  *room;

    for (i = 0, n = 0; i < a0_json_size(scope); i++) {
        if (a0_json_string(a0_json_at(scope, i), &name)) {
            n += name.len + 1;
        }
    }

    room = n ? a0_save_room(p, n) : NULL;
    if (room == NULL) {
        return text;
    }

    text.data = room;

    for (i = 0; i < a0_json_size(scope); i++) {
        if (!a0_json_string(a0_json_at(scope, i), &name)
            || name.len == 0
            || (within != NULL && !a0_scope_narrow(name, within)))
        {
            continue;
        }

        if (text.len) {
            room[text.len++] = ' ';
        }

        memcpy(room + text.len, name.data, name.len);
        text.len += name.len;
    }

    return text;
}


/* The key that is replaced: the new one may do the same, no more. */

a0_take_e
a0_take_target_scope(a0_provision_t *p, const a0_json_t *json)
{
    size_t            i;
    const a0_json_t  *grants, *grant;

    grants = a0_list_items(json, "client_grants");
    if (grants == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(grants); i++) {
        grant = a0_json_at(grants, i);

        if (a0_str_equal(a0_text(grant, "client_id"), p->target)
            && a0_str_equal(a0_text(grant, "audience"),
                            p->conf->api_audience))
        {
            p->scope = a0_save_scope(p, a0_json_get(grant, "scope"),
                                     &p->conf->api_scope);
            return A0_TAKE_NEXT;
        }
    }

    return a0_take_problem(p, A0_PROBLEM_KEY_NOT_FOUND);
}
