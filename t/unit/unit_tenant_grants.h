/*
 * Grants of the tenant of unit_tenant.h, and the table of all endpoints.
 */

#ifndef UNIT_TENANT_GRANTS_H
#define UNIT_TENANT_GRANTS_H

static void
t_grant_write(const t_grant_t *g, const char *id)
{
    t_pair(id, g->id);
    t_pair(",\"client_id\":", g->client);
    t_pair(",\"audience\":", g->audience);
    t_lit(",\"scope\":");
    t_lit(g->scope);
    t_lit(",\"subject_type\":\"client\"}");
}


static unsigned
t_grant_create(const t_call_t *call)
{
    size_t            i, n;
    a0_str_t          s;
    t_grant_t        *g, *other;
    const a0_json_t  *scope;

    T_NEW(T.grants, g);
    g->live = 0;
    t_get(g->client, sizeof(g->client), call->body, "client_id");
    t_get(g->audience, sizeof(g->audience), call->body, "audience");

    if (T.no_grants) {
        return t_error(403, "Insufficient scope, expected any of: x");
    }

    if (t_client_find(g->client) == NULL) {
        return t_error(404, "Client not found");
    }

    T_EACH(T.grants, other) {
        if (strcmp(other->client, g->client) == 0) {
            return t_error(409, "A client grant already exists between");
        }
    }

    scope = a0_json_get(call->body, "scope");
    n = (size_t) snprintf(g->scope, sizeof(g->scope), "[");

    for (i = 0; i < a0_json_size(scope); i++) {
        a0_json_string(a0_json_at(scope, i), &s);
        n += (size_t) snprintf(g->scope + n, sizeof(g->scope) - n,
                               "%s\"%.*s\"", i ? "," : "", (int) s.len,
                               (char *) s.data);
    }

    snprintf(g->scope + n, sizeof(g->scope) - n,
             T.widen ? ",\"write:orders\"]" : "]");
    snprintf(g->id, sizeof(g->id), "cgr_made%u", ++T.serial);
    g->live = 1;
    t_grant_write(g, "{\"id\":");
    return 201;
}


static unsigned
t_grant_list(const t_call_t *call)
{
    int          n;
    char         client[65];
    t_grant_t   *g;

    T_SET(client, t_arg(call, "client_id"));
    n = 0;
    t_list_begin("client_grants");

    T_EACH(T.grants, g) {
        if (strcmp(g->client, client) == 0
            && strcmp(g->audience, t_arg(call, "audience")) == 0)
        {
            t_lit(n++ ? "," : "");
            t_grant_write(g, "{\"id\":");
        }
    }

    return t_list_end();
}


static t_grant_t *
t_grant_find(const char *id)
{
    t_grant_t  *g;

    T_EACH(T.grants, g) {
        if (strcmp(g->id, id) == 0) {
            return g;
        }
    }

    return NULL;
}


static unsigned
t_org_grant_add(const t_call_t *call)
{
    int             known;
    char            id[32];
    t_org_t        *o;
    t_grant_t      *g;
    t_org_grant_t  *og;

    t_get(id, sizeof(id), call->body, "grant_id");
    g = t_grant_find(id);
    known = 0;

    T_EACH(T.orgs, o) {
        known |= strcmp(o->id, call->id) == 0;
    }

    if (g == NULL || !known) {
        return t_error(404, known ? "The grant does not exist."
                                  : "No organization found by that id");
    }

    T_EACH(T.org_grants, og) {
        if (strcmp(og->grant, id) == 0) {
            return t_error(409, "The client grant has already been added to "
                                "this organization.");
        }
    }

    T_NEW(T.org_grants, og);
    T_SET(og->org, call->id);
    T_SET(og->grant, id);
    t_grant_write(g, "{\"grant_id\":");
    return 201;
}


static unsigned
t_org_grant_list(const t_call_t *call)
{
    int             n, page, per_page;
    const char     *client;
    t_grant_t      *g;
    t_org_grant_t  *og;

    n = 0;
    page = t_int_arg(call, "page");
    per_page = t_int_arg(call, "per_page");
    per_page = per_page ? per_page : 50;
    t_list_begin("client_grants");

    T_EACH(T.org_grants, og) {
        g = t_grant_find(og->grant);
        client = t_arg(call, "client_id");

        if (strcmp(og->org, call->id) || g == NULL
            || (client && strcmp(client, g->client)))
        {
            continue;
        }

        if (n++ / per_page == page) {
            t_lit((n - 1) % per_page ? "," : "");
            t_grant_write(g, "{\"id\":");
        }
    }

    return t_list_end();
}


typedef struct {
    a0_method_e   method;
    const char   *path;       /* one * stands for an id */
    const char   *step;
    unsigned    (*answer)(const t_call_t *call);
} t_route_t;

static const t_route_t  t_routes[] = {
    { A0_METHOD_GET, "users-by-email", "users_by_email", t_users_by_email },
    { A0_METHOD_POST, "users", "user_create", t_user_create },
    { A0_METHOD_GET, "users/*", "user_get", t_user_get },
    { A0_METHOD_PATCH, "users/*", "user_update", t_user_update },
    { A0_METHOD_GET, "users/*/organizations", "user_organizations",
      t_user_organizations },
    { A0_METHOD_POST, "organizations", "organization_create",
      t_organization_create },
    { A0_METHOD_GET, "organizations/name/*", "organization_by_name",
      t_organization_by_name },
    { A0_METHOD_POST, "organizations/*/members", "member_add", t_member_add },
    { A0_METHOD_POST, "clients", "client_create", t_client_create },
    { A0_METHOD_GET, "clients", "client_list", t_client_list },
    { A0_METHOD_GET, "clients/*", "client_get", t_client_get },
    { A0_METHOD_POST, "clients/*/rotate-secret", "client_rotate",
      t_client_rotate },
    { A0_METHOD_DELETE, "clients/*", "client_delete", t_client_delete },
    { A0_METHOD_POST, "client-grants", "grant_create", t_grant_create },
    { A0_METHOD_GET, "client-grants", "grant_list", t_grant_list },
    { A0_METHOD_GET, "organizations/*/client-grants", "org_grant_list",
      t_org_grant_list },
    { A0_METHOD_POST, "organizations/*/client-grants", "org_grant_add",
      t_org_grant_add }
};


/* 1 when path fits; id is what the star matched, decoded (no slash) */
static int
t_match(const char *pattern, const char *path, char *id)
{
    unsigned  byte;

    while (*pattern) {
        if (*pattern != '*') {
            if (*pattern++ != *path++) {
                return 0;
            }

            continue;
        }

        for (pattern++; *path && *path != '/'; path++) {
            byte = (unsigned char) *path;

            if (*path == '%' && sscanf(path + 1, "%2x", &byte) == 1) {
                path += 2;
            }

            *id++ = (char) byte;
        }

        *id = '\0';
    }

    return *path == '\0';
}


/*
 * Executes a request; the answer is in T.body, *len bytes.  The engine's name
 * of the step must be that of the endpoint, and every id be in one segment.
 */
static unsigned
t_serve(const a0_todo_t *todo, size_t *len)
{
    size_t             i;
    char               uri[4096], *query;
    t_call_t           call;
    unsigned           status;
    a0_json_t         *body;
    const t_route_t   *r;

    memset(&call, 0, sizeof(call));
    body = NULL;
    status = 0;
    a0_json_out_init(&T.out, (unsigned char *) T.body, sizeof(T.body));

    snprintf(uri, sizeof(uri), "%.*s", (int) todo->send.uri.len,
             (char *) todo->send.uri.data);
    CHECK(strncmp(uri, "/api/v2/", 8) == 0);
    query = strchr(uri, '?');

    if (query != NULL) {
        *query = '\0';
        T_SET(call.query, query + 1);
    }

    if (todo->send.body.len) {
        CHECK_EQ_STR(todo->send.content_type, "application/json");
        CHECK(a0_json_parse(todo->send.body, 65536, &body) == A0_OK);
        call.body = body;
    }

    for (i = 0; i < sizeof(t_routes) / sizeof(t_routes[0]); i++) {
        r = &t_routes[i];

        if (r->method == todo->send.method
            && t_match(r->path, uri + 8, call.id))
        {
            CHECK(strcmp(r->step, todo->step) == 0);
            status = r->answer(&call);
            break;
        }
    }

    CHECK(status != 0);
    CHECK(!T.out.overflow);
    a0_json_free(body);
    *len = a0_json_out_text(&T.out).len;
    return status;
}

#endif /* UNIT_TENANT_GRANTS_H */
