
/*
 * Listing an organization's keys.
 *
 * Its grants for the audience say which keys there are and what they may do,
 * without delay; one query by organization says what the applications are
 * called.  That index lags behind by seconds, so the few that it does not
 * know yet are looked up one by one.  100 keys are two calls.
 *
 * An application cannot be changed with the rights that the module asks for,
 * so the end of a replaced key is written on the key that replaced it.
 */

#include <string.h>

#include "a0_provision_int.h"


static a0_key_t *
a0_key_find(const a0_provision_t *p, a0_str_t client_id)
{
    a0_key_t  *key;

    for (key = p->keys; key != NULL; key = key->next) {
        if (a0_str_equal(key->client_id, client_id)) {
            return key;
        }
    }

    return NULL;
}


static int
a0_key_add(a0_provision_t *p, const a0_json_t *grant)
{
    a0_key_t  *key;

    if (p->nkeys == A0_KEYS_MAX) {
        return 0;
    }

    key = a0_save_room(p, sizeof(a0_key_t));
    if (key == NULL) {
        return 0;
    }

    memset(key, 0, sizeof(a0_key_t));
    key->client_id = a0_save(p, a0_text(grant, "client_id"));
    key->scope = a0_save_scope(p, a0_json_get(grant, "scope"), NULL);

    if (p->key_last != NULL) {
        p->key_last->next = key;
    } else {
        p->keys = key;
    }

    p->key_last = key;
    p->nkeys++;

    return 1;
}


a0_take_e
a0_take_list_grants(a0_provision_t *p, const a0_json_t *json)
{
    size_t            i;
    const a0_json_t  *grants, *grant;

    grants = a0_list_items(json, "client_grants");
    if (grants == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(grants); i++) {
        grant = a0_json_at(grants, i);

        if (a0_text(grant, "client_id").len == 0
            || a0_key_find(p, a0_text(grant, "client_id")) != NULL)
        {
            continue;
        }

        if (!a0_key_add(p, grant)) {
            return a0_take_problem(p, A0_PROBLEM_INTERNAL);
        }
    }

    return a0_list_more(p, grants, A0_PAGES);
}


static void
a0_key_fill(a0_provision_t *p, a0_key_t *key, const a0_json_t *client)
{
    const a0_json_t  *metadata;

    metadata = a0_json_get(client, "client_metadata");
    key->known = 1;

    if (!a0_managed_for(p, metadata)
        || !a0_str_equal(a0_text(metadata, "org"), p->org_id))
    {
        return;
    }

    key->ours = 1;
    key->name = a0_save(p, a0_text(client, "name"));
    key->created = a0_metadata_date(metadata, "created_at");
    key->expires = a0_metadata_date(metadata, "expires_at");
    key->replaces = a0_save(p, a0_text(metadata, "replaces"));
    key->retires = a0_metadata_date(metadata, "retires_at");
}


a0_take_e
a0_take_list_clients(a0_provision_t *p, const a0_json_t *json)
{
    size_t            i;
    a0_key_t         *key;
    const a0_json_t  *clients, *client;

    clients = a0_list_items(json, "clients");
    if (clients == NULL) {
        return A0_TAKE_GARBAGE;
    }

    for (i = 0; i < a0_json_size(clients); i++) {
        client = a0_json_at(clients, i);
        key = a0_key_find(p, a0_text(client, "client_id"));

        if (key != NULL && !key->known) {
            a0_key_fill(p, key, client);
        }
    }

    return a0_cursor_more(p, json, clients, A0_PAGES);
}


a0_key_t *
a0_list_unknown(const a0_provision_t *p)
{
    a0_key_t  *key;

    if (p->lookups >= A0_LOOKUPS_MAX) {
        return NULL;
    }

    for (key = p->keys; key != NULL; key = key->next) {
        if (!key->known) {
            return key;
        }
    }

    return NULL;
}


a0_take_e
a0_take_list_one(a0_provision_t *p, const a0_json_t *json)
{
    a0_key_t  *key;

    key = a0_list_unknown(p);
    if (key == NULL) {
        return A0_TAKE_NEXT;
    }

    key->known = 1;
    p->lookups++;

    if (json != NULL) {
        a0_key_fill(p, key, json);
    }

    return a0_list_unknown(p) != NULL ? A0_TAKE_AGAIN : A0_TAKE_NEXT;
}


/* When a key ends: seconds since the epoch, 0: never.  Only keys that are
 * the caller's have `replaces` and `retires` filled in. */

int64_t
a0_key_end(const a0_provision_t *p, const a0_key_t *key)
{
    int64_t          end;
    const a0_key_t  *other;

    end = key->expires;

    for (other = p->keys; other != NULL; other = other->next) {
        if (other->retires
            && a0_str_equal(other->replaces, key->client_id)
            && (end == 0 || other->retires < end))
        {
            end = other->retires;
        }
    }

    return end;
}


static void
a0_date_write(a0_json_out_t *out, const char *before, int64_t date)
{
    a0_json_out_lit(out, before);

    if (date) {
        a0_json_out_int(out, date);
        return;
    }

    a0_json_out_lit(out, "null");
}


static void
a0_key_write(a0_provision_t *p, const a0_key_t *key, a0_json_out_t *out)
{
    int64_t  end;

    end = a0_key_end(p, key);

    a0_json_out_lit(out, "{\"client_id\":");
    a0_json_out_string(out, key->client_id);
    a0_json_out_lit(out, ",\"name\":");
    a0_json_out_string(out, key->name);
    a0_json_out_lit(out, ",\"scope\":");
    a0_json_out_string(out, key->scope);
    a0_json_out_lit(out, ",\"org_id\":");
    a0_json_out_string(out, p->org_id);
    a0_date_write(out, ",\"created_at\":", key->created);
    a0_json_out_lit(out, ",\"last_used_at\":null");
    a0_date_write(out, ",\"expires_at\":", end);
    a0_json_out_lit(out, ",\"status\":\"");
    a0_json_out_lit(out, end == 0 ? "active"
                         : (end > p->now ? "expiring" : "expired"));
    a0_json_out_lit(out, "\"}");
}


void
a0_list_write(a0_provision_t *p, a0_json_out_t *out)
{
    unsigned         n;
    const a0_key_t  *key;

    a0_json_out_lit(out, "{\"keys\":[");

    for (key = p->keys, n = 0; key != NULL; key = key->next) {
        if (key->ours) {
            a0_json_out_lit(out, n++ ? "," : "");
            a0_key_write(p, key, out);
        }
    }

    a0_date_write(out, "],\"quota\":{\"max\":", p->conf->max_keys);
    a0_json_out_lit(out, ",\"used\":");
    a0_json_out_int(out, (int64_t) p->nkeys);
    a0_json_out_lit(out, "}}");
}
