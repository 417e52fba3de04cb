
/*
 * Taking replies about the application and the grants that this saga makes,
 * and about those that the janitor takes away.
 */

#include <string.h>

#include "a0_provision_int.h"


static int
a0_id_check(a0_str_t id)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
              || (c >= 'a' && c <= 'z') || c == '_' || c == '-'))
        {
            return 0;
        }
    }

    return id.len >= 1 && id.len <= A0_ID_MAX;
}


static int
a0_secret_check(a0_str_t secret)
{
    size_t  i;

    for (i = 0; i < secret.len; i++) {
        if (secret.data[i] <= 0x20 || secret.data[i] >= 0x7f) {
            return 0;
        }
    }

    return secret.len >= 1 && secret.len <= A0_SECRET_MAX;
}


a0_take_e
a0_take_client_made(a0_provision_t *p, const a0_json_t *json)
{
    a0_str_t  id, secret;

    id = a0_text(json, "client_id");
    secret = a0_text(json, "client_secret");

    if (!a0_id_check(id) || !a0_secret_check(secret)) {
        return A0_TAKE_GARBAGE;
    }

    p->client_id = a0_save(p, id);
    p->secret = a0_save(p, secret);

    return A0_TAKE_NEXT;
}


/* The client that carries this mark, or NULL. */

static const a0_json_t *
a0_find_mark(const a0_json_t *clients, a0_str_t mark)
{
    size_t            i;
    const a0_json_t  *client, *metadata;

    for (i = 0; i < a0_json_size(clients); i++) {
        client = a0_json_at(clients, i);
        metadata = a0_json_get(client, "client_metadata");

        if (a0_managed(metadata)
            && a0_str_equal(a0_text(metadata, "req"), mark)
            && a0_id_check(a0_text(client, "client_id")))
        {
            return client;
        }
    }

    return NULL;
}


/* Whether the creation of unknown outcome happened. */

a0_take_e
a0_take_client_there(a0_provision_t *p, const a0_json_t *json)
{
    a0_take_e         more;
    const a0_json_t  *clients, *client;

    clients = a0_list_items(json, "clients");
    if (clients == NULL) {
        return A0_TAKE_GARBAGE;
    }

    client = a0_find_mark(clients, p->marks[p->mark]);

    if (client != NULL) {
        p->client_id = a0_save(p, a0_text(client, "client_id"));
        p->doubt &= ~(1u << p->mark) & 3;
        return A0_TAKE_NEXT;
    }

    more = a0_cursor_more(p, json, clients, A0_PAGES);

    return more == A0_TAKE_NEXT ? A0_TAKE_ABSENT : more;
}


/* A new secret: of the client made here, else of the one that was there. */

a0_take_e
a0_take_secret(a0_provision_t *p, const a0_json_t *json)
{
    a0_str_t  id, secret;

    id = p->client_id.len ? p->client_id : p->target;
    secret = a0_text(json, "client_secret");

    if (!a0_str_equal(a0_text(json, "client_id"), id)
        || !a0_secret_check(secret))
    {
        return A0_TAKE_GARBAGE;
    }

    p->secret = a0_save(p, secret);

    return A0_TAKE_NEXT;
}


a0_take_e
a0_take_grant_made(a0_provision_t *p, const a0_json_t *json)
{
    a0_str_t  id;

    id = a0_text(json, "id");

    if (!a0_id_check(id)) {
        return A0_TAKE_GARBAGE;
    }

    p->grant_id = a0_save(p, id);

    return A0_TAKE_NEXT;
}


/* name is one of the names in text, which are separated by spaces. */

static int
a0_scope_has(a0_str_t text, a0_str_t name)
{
    size_t    i, start;
    a0_str_t  word;

    for (i = 0, start = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != ' ') {
            continue;
        }

        word.data = text.data + start;
        word.len = i - start;

        if (word.len && a0_str_equal(word, name)) {
            return 1;
        }

        start = i + 1;
    }

    return 0;
}


/* Both hold the same names; neither repeats one. */

static int
a0_scope_same(const a0_json_t *scope, a0_str_t wanted)
{
    size_t    i, start, n;
    a0_str_t  name;

    n = 0;

    for (i = 0, start = 0; i <= wanted.len; i++) {
        if (i < wanted.len && wanted.data[i] != ' ') {
            continue;
        }

        n += (i > start);
        start = i + 1;
    }

    if (a0_json_size(scope) != n) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (!a0_json_string(a0_json_at(scope, i), &name)
            || !a0_scope_has(wanted, name))
        {
            return 0;
        }
    }

    return 1;
}


a0_take_e
a0_take_grant_there(a0_provision_t *p, const a0_json_t *json)
{
    size_t            i;
    const a0_json_t  *grants, *grant;

    grants = a0_list_items(json, "client_grants");
    if (grants == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(grants); i++) {
        grant = a0_json_at(grants, i);

        if (!a0_str_equal(a0_text(grant, "client_id"), p->client_id)
            || !a0_str_equal(a0_text(grant, "audience"),
                             p->conf->api_audience))
        {
            continue;
        }

        if (!a0_scope_same(a0_json_get(grant, "scope"), p->scope)) {
            return a0_take_problem(p, A0_PROBLEM_IDP_REJECTED);
        }

        return a0_take_grant_made(p, grant);
    }

    return A0_TAKE_ABSENT;
}


/* The reply names the grant by grant_id, not by id as the documents say. */

a0_take_e
a0_take_org_grant_added(a0_provision_t *p, const a0_json_t *json)
{
    if (a0_str_equal(a0_text(json, "grant_id"), p->grant_id)
        || a0_str_equal(a0_text(json, "id"), p->grant_id))
    {
        return A0_TAKE_NEXT;
    }

    return A0_TAKE_GARBAGE;
}


/* Any grant of this client in the organization is the one just added. */

a0_take_e
a0_take_org_grant_there(a0_provision_t *p, const a0_json_t *json)
{
    size_t            i;
    const a0_json_t  *grants;

    grants = a0_list_items(json, "client_grants");
    if (grants == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(grants); i++) {
        if (a0_str_equal(a0_text(a0_json_at(grants, i), "client_id"),
                         p->client_id))
        {
            return A0_TAKE_NEXT;
        }
    }

    return A0_TAKE_ABSENT;
}


/* The janitor deletes nothing that this module did not make. */

a0_take_e
a0_take_clean_get(a0_provision_t *p, const a0_json_t *json)
{
    if (json == NULL) {
        return A0_TAKE_FINISH;
    }

    if (!a0_str_equal(a0_text(json, "client_id"), p->target)) {
        return A0_TAKE_GARBAGE;
    }

    return a0_managed(a0_json_get(json, "client_metadata"))
           ? A0_TAKE_NEXT : A0_TAKE_FINISH;
}


a0_take_e
a0_take_clean_find(a0_provision_t *p, const a0_json_t *json)
{
    a0_take_e         more;
    const a0_json_t  *clients, *client;

    clients = a0_list_items(json, "clients");
    if (clients == NULL) {
        return A0_TAKE_GARBAGE;
    }

    client = a0_find_mark(clients, p->search);

    if (client != NULL) {
        p->target = a0_save(p, a0_text(client, "client_id"));
        return A0_TAKE_NEXT;
    }

    more = a0_cursor_more(p, json, clients, A0_CLEAN_PAGES);

    return more == A0_TAKE_NEXT ? A0_TAKE_FINISH : more;
}
