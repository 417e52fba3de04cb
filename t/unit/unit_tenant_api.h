/*
 * The endpoints of the tenant of unit_tenant.h.
 */

#ifndef UNIT_TENANT_API_H
#define UNIT_TENANT_API_H

typedef struct {
    a0_method_e       method;
    char              path[2048];    /* decoded, less /api/v2/ */
    char              query[2048];   /* as sent */
    const a0_json_t  *body;
    char              id[512];       /* what * of the route matched */
} t_call_t;


/* value of a query argument, decoded */
static const char *
t_arg(const t_call_t *call, const char *name)
{
    size_t         n;
    char          *to;
    const char    *p;
    static char    value[1024];
    unsigned       byte;

    n = strlen(name);

    for (p = call->query; p != NULL; p = strchr(p, '&')) {
        p += *p == '&';

        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            for (to = value, p += n + 1; *p && *p != '&'; p++) {
                byte = (unsigned char) *p;

                if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
                    p += 2;
                }

                *to++ = (char) byte;
            }

            *to = '\0';
            return value;
        }
    }

    return NULL;
}


static int
t_int_arg(const t_call_t *call, const char *name)
{
    const char  *value;

    value = t_arg(call, name);
    return value ? atoi(value) : 0;
}


static void
t_user_write(const t_user_t *u)
{
    t_pair("{\"user_id\":", u->id);
    t_pair(",\"email\":", u->email);
    t_lit(u->verified ? ",\"email_verified\":true"
                      : ",\"email_verified\":false");
    t_lit(u->blocked ? ",\"blocked\":true" : "");
    t_lit(",\"app_metadata\":{\"theme\":\"dark\"");

    if (u->customer[0]) {
        t_pair(",\"customerId\":", u->customer);
    }

    if (u->subscription[0]) {
        t_pair(",\"subscriptionId\":", u->subscription);
    }

    t_lit("}}");
}


static t_user_t *
t_user_find(const char *id)
{
    t_user_t  *u;

    T_EACH(T.users, u) {
        if (strcmp(u->id, id) == 0) {
            return u;
        }
    }

    return NULL;
}


static unsigned
t_user_get(const t_call_t *call)
{
    t_user_t  *u;

    u = t_user_find(call->id);

    if (u == NULL) {
        return t_error(404, "The user does not exist.");
    }

    t_user_write(u);
    return 200;
}


static unsigned
t_users_by_email(const t_call_t *call)
{
    int        n;
    t_user_t  *u;

    n = 0;
    t_lit("[");

    T_EACH(T.users, u) {
        if (strcmp(u->email, t_arg(call, "email")) == 0) {
            t_lit(n++ ? "," : "");
            t_user_write(u);
        }
    }

    t_lit("]");
    return 200;
}


static unsigned
t_user_create(const t_call_t *call)
{
    char       email[260];
    t_user_t  *u;

    t_get(email, sizeof(email), call->body, "email");

    T_EACH(T.users, u) {
        if (strcmp(u->email, email) == 0) {
            return t_error(409, "The user already exists.");
        }
    }

    u = t_user("", email);
    snprintf(u->id, sizeof(u->id), "auth0|made%u", ++T.serial);
    u->verified = 0;
    u->password = a0_json_get(call->body, "password") != NULL;
    t_get(u->customer, sizeof(u->customer),
          a0_json_get(call->body, "app_metadata"), "customerId");
    t_get(u->subscription, sizeof(u->subscription),
          a0_json_get(call->body, "app_metadata"), "subscriptionId");
    t_user_write(u);
    return 201;
}


static unsigned
t_user_update(const t_call_t *call)
{
    t_user_t         *u;
    const a0_json_t  *metadata;

    u = t_user_find(call->id);
    metadata = a0_json_get(call->body, "app_metadata");

    if (u == NULL) {
        return t_error(404, "The user does not exist.");
    }

    t_get(u->customer, sizeof(u->customer), metadata, "customerId");

    if (a0_json_get(metadata, "subscriptionId") != NULL) {
        t_get(u->subscription, sizeof(u->subscription), metadata,
              "subscriptionId");
    }

    t_user_write(u);
    return 200;
}


static void
t_org_write(const t_org_t *o)
{
    t_pair("{\"id\":", o->id);
    t_pair(",\"name\":", o->name);

    if (o->customer[0]) {
        t_pair(",\"metadata\":{\"customerId\":", o->customer);
        t_lit("}");
    }

    t_lit(",\"is_app_entitlement_active\":false}");
}


static unsigned
t_user_organizations(const t_call_t *call)
{
    int          n, page, per_page;
    t_org_t     *o;
    t_member_t  *m;

    if (t_user_find(call->id) == NULL) {
        return t_error(404, "The user does not exist.");
    }

    n = 0;
    page = t_int_arg(call, "page");
    per_page = t_int_arg(call, "per_page");
    t_list_begin("organizations");

    T_EACH(T.members, m) {
        if (strcmp(m->user, call->id)) {
            continue;
        }

        T_EACH(T.orgs, o) {
            if (strcmp(m->org, o->id) == 0 && n++ / per_page == page) {
                t_lit((n - 1) % per_page ? "," : "");
                t_org_write(o);
            }
        }
    }

    return t_list_end();
}


static unsigned
t_organization_create(const t_call_t *call)
{
    t_org_t  *o;
    char      name[64], customer[260], id[80];

    t_get(name, sizeof(name), call->body, "name");
    t_get(customer, sizeof(customer), a0_json_get(call->body, "metadata"),
          "customerId");

    T_EACH(T.orgs, o) {
        if (strcmp(o->name, name) == 0) {
            return t_error(409, "An organization with this name already "
                                "exists.");
        }
    }

    snprintf(id, sizeof(id), "org_made%u", ++T.serial);
    t_org_write(t_org(id, name, customer));
    return 201;
}


static unsigned
t_organization_by_name(const t_call_t *call)
{
    t_org_t  *o;

    T_EACH(T.orgs, o) {
        if (strcmp(o->name, call->id) == 0) {
            t_org_write(o);
            return 200;
        }
    }

    return t_error(404, "No organization found by that id or name");
}


static unsigned
t_member_add(const t_call_t *call)
{
    a0_str_t          s;
    char              user[320];
    const a0_json_t  *list;

    list = a0_json_get(call->body, "members");

    if (!a0_json_string(a0_json_at(list, 0), &s)) {
        return t_error(400, "Payload validation error");
    }

    snprintf(user, sizeof(user), "%.*s", (int) s.len, (char *) s.data);

    if (t_user_find(user) == NULL) {
        return t_error(400, "no such user");
    }

    t_member(call->id, user);
    return 204;
}


static unsigned
t_client_create(const t_call_t *call)
{
    a0_str_t          s;
    t_client_t       *c;
    const a0_json_t  *metadata;

    metadata = a0_json_get(call->body, "client_metadata");

    if (!a0_json_string(a0_json_get(call->body, "name"), &s)
        || a0_json_size(metadata) > 10)
    {
        return t_error(400, "Payload validation error");
    }

    T_NEW(T.clients, c);
    snprintf(c->id, sizeof(c->id), "made%028u", ++T.serial);
    snprintf(c->secret, sizeof(c->secret), "secret%u", T.serial);
    t_get(c->name, sizeof(c->name), call->body, "name");
    t_get(c->owner, sizeof(c->owner), metadata, "owner");
    t_get(c->org, sizeof(c->org), metadata, "org");
    t_get(c->req, sizeof(c->req), metadata, "req");
    t_metadata(c, metadata);
    t_client_write(c, 1);

    for ( ; T.bury > 0; T.bury--) {
        T_NEW(T.clients, c);
        snprintf(c->id, sizeof(c->id), "other%027u", ++T.serial);
    }

    return 201;
}


static unsigned
t_client_get(const t_call_t *call)
{
    t_client_t  *c;

    c = t_client_find(call->id);

    if (c == NULL) {
        return t_error(404, "The client does not exist");
    }

    t_client_write(c, 0);
    return 200;
}


static unsigned
t_client_rotate(const t_call_t *call)
{
    t_client_t  *c;

    c = t_client_find(call->id);

    if (c == NULL) {
        return t_error(404, "The client does not exist");
    }

    snprintf(c->secret, sizeof(c->secret), "rotated%u", ++T.serial);
    t_client_write(c, 1);
    return 200;
}


static unsigned
t_client_delete(const t_call_t *call)
{
    t_client_t  *c;

    c = t_client_find(call->id);

    if (c != NULL) {
        t_client_remove(c);
    }

    return 204;
}


/* 1 when the query asks for this client's organization, or for none */
static int
t_client_in(const t_client_t *c, const char *q)
{
    return q == NULL || strcmp(c->org, q + strlen("client_grant."
                                                  "organization_id:")) == 0;
}


static unsigned
t_client_list(const t_call_t *call)
{
    int          i, n, from;
    const char  *value;
    char         q[256];

    value = t_arg(call, "q");
    T_SET(q, value ? value : "");

    if (value && T.no_query) {
        return t_error(400, "Query validation error");
    }

    value = t_arg(call, "from");
    from = value ? atoi(value + 4) : T_MAX - 1;
    t_lit("{\"clients\":[");

    if (T.stale > 0) {
        T.stale--;
        from = -1;
    }

    for (i = from, n = 0; i >= 0 && n < t_int_arg(call, "take"); i--) {
        if (T.clients[i].live && t_client_in(&T.clients[i], q[0] ? q : NULL)) {
            t_lit(n++ ? "," : "");
            t_client_write(&T.clients[i], 0);
        }
    }

    t_lit("]");

    if (i >= 0) {
        t_lit(",\"next\":\"cur_");
        a0_json_out_int(&T.out, i);
        t_lit("\"");
    }

    t_lit("}");
    return 200;
}

#include "unit_tenant_grants.h"

#endif /* UNIT_TENANT_API_H */
