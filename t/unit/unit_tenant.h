/*
 * A small Auth0 tenant in memory: what the provisioning engine's requests do
 * and what they are answered, with the quirks of the real one (grant_id
 * instead of id, total 0, unknown members, arrays or objects).
 */

#ifndef UNIT_TENANT_H
#define UNIT_TENANT_H

#include <stddef.h>

#include "a0_json.h"
#include "a0_provision.h"

#define T_MAX       400
#define T_AUDIENCE  "https://api.acme.example/"

typedef struct {
    int   live;
    char  id[65], secret[65], name[256], metadata[2048];
    char  owner[256], org[80], req[64];
} t_client_t;

typedef struct {
    int   live;
    char  id[32], client[65], audience[128], scope[512];
} t_grant_t;

typedef struct {
    int   live;
    char  org[80], grant[32];
} t_org_grant_t;

typedef struct {
    int   live, verified, blocked, password;
    char  id[320], email[260], customer[260], subscription[260];
} t_user_t;

typedef struct {
    int   live;
    char  id[80], name[64], customer[260];
} t_org_t;

typedef struct {
    int   live;
    char  org[80], user[320];
} t_member_t;

static struct {
    t_client_t     clients[T_MAX];
    t_grant_t      grants[T_MAX];
    t_org_grant_t  org_grants[T_MAX];
    t_user_t       users[8];
    t_org_t        orgs[200];
    t_member_t     members[200];
    unsigned       serial;
    int            arrays;      /* lists as bare arrays */
    int            stale;       /* lists of clients lag behind for so many */
    int            no_query;    /* refuses `q` */
    int            no_grants;   /* refuses POST /client-grants */
    int            widen;       /* grants get all scopes */
    int            bury;        /* so many clients appear after one is made */
    char           body[262144];
    a0_json_out_t  out;
} T;


static a0_str_t
t_str(const char *text)
{
    a0_str_t  s;

    s.data = (const unsigned char *) text;
    s.len = strlen(text);
    return s;
}


static void
t_copy(char *to, size_t cap, const char *text)
{
    size_t  n;

    n = strlen(text);
    n = n < cap ? n : cap - 1;
    memmove(to, text, n);
    to[n] = '\0';
}

#define T_SET(array, text)  t_copy((array), sizeof(array), (text))


static void
t_get(char *to, size_t cap, const a0_json_t *json, const char *name)
{
    a0_str_t  s = { 0, NULL };

    a0_json_string(a0_json_get(json, name), &s);
    snprintf(to, cap, "%.*s", (int) s.len, s.len ? (char *) s.data : "");
}


/* the first free entry of a table; the tables are larger than any test */
#define T_NEW(table, item)                                                    \
    do {                                                                      \
        size_t  i_ = 0;                                                       \
        while ((table)[i_].live) {                                            \
            i_++;                                                             \
        }                                                                     \
        (item) = &(table)[i_];                                                \
        memset((item), 0, sizeof(*(item)));                                   \
        (item)->live = 1;                                                     \
    } while (0)

#define T_EACH(table, item)                                                   \
    for ((item) = (table);                                                    \
         (item) < (table) + sizeof(table) / sizeof((table)[0]); (item)++)     \
        if ((item)->live)

#define T_COUNT(table)  t_count((table), sizeof((table)[0]),                  \
                                sizeof(table) / sizeof((table)[0]))


static int
t_count(const void *table, size_t size, size_t n)
{
    int     live, count;
    size_t  i;

    for (i = 0, count = 0; i < n; i++) {
        memcpy(&live, (const char *) table + i * size, sizeof(int));
        count += live;
    }

    return count;
}


static t_user_t *
t_user(const char *id, const char *email)
{
    t_user_t  *u;

    T_NEW(T.users, u);
    T_SET(u->id, id);
    T_SET(u->email, email);
    u->verified = 1;
    return u;
}


static t_org_t *
t_org(const char *id, const char *name, const char *customer)
{
    t_org_t  *o;

    T_NEW(T.orgs, o);
    T_SET(o->id, id);
    T_SET(o->name, name);
    T_SET(o->customer, customer);
    return o;
}


static void
t_member(const char *org, const char *user)
{
    t_member_t  *m;

    T_EACH(T.members, m) {
        if (strcmp(m->org, org) == 0 && strcmp(m->user, user) == 0) {
            return;
        }
    }

    T_NEW(T.members, m);
    T_SET(m->org, org);
    T_SET(m->user, user);
}


/* a credential of ours, complete */
__attribute__((unused)) static t_client_t *
t_key(const char *org, const char *owner, const char *more)
{
    t_grant_t      *g;
    t_client_t     *c;
    t_org_grant_t  *og;

    T_NEW(T.clients, c);
    snprintf(c->id, sizeof(c->id), "seeded%026u", ++T.serial);
    snprintf(c->secret, sizeof(c->secret), "secret%u", T.serial);
    snprintf(c->name, sizeof(c->name), "key %u", T.serial);
    T_SET(c->owner, owner);
    T_SET(c->org, org);
    snprintf(c->metadata, sizeof(c->metadata),
             "{\"managed_by\":\"ngx-auth0-m2m\",\"owner\":\"%s\","
             "\"org\":\"%s\",\"created_at\":\"1700000000\"%s}", owner, org,
             more);

    T_NEW(T.grants, g);
    snprintf(g->id, sizeof(g->id), "cgr_seeded%u", T.serial);
    T_SET(g->client, c->id);
    T_SET(g->audience, T_AUDIENCE);
    snprintf(g->scope, sizeof(g->scope), "[\"read:orders\"]");

    T_NEW(T.org_grants, og);
    T_SET(og->org, org);
    T_SET(og->grant, g->id);
    return c;
}


/* alice is in acme, bob is in beta, carol in none */
static void
t_reset(void)
{
    memset(&T, 0, offsetof(__typeof__(T), body));
    t_user("auth0|alice", "alice@acme.example");
    t_user("auth0|bob", "bob@beta.example");
    t_user("auth0|carol", "carol@new.example");
    t_org("org_acme", "acme", "");
    t_org("org_beta", "beta", "");
    t_member("org_acme", "auth0|alice");
    t_member("org_beta", "auth0|bob");
}


/* 1 when a token for org can be had with this credential */
__attribute__((unused)) static int
t_usable(const char *id, const char *secret, const char *org)
{
    t_grant_t      *g;
    t_client_t     *c;
    t_org_grant_t  *og;

    T_EACH(T.clients, c) {
        if (strcmp(c->id, id) || strcmp(c->secret, secret)) {
            continue;
        }

        T_EACH(T.grants, g) {
            T_EACH(T.org_grants, og) {
                if (strcmp(g->client, id) == 0 && strcmp(og->org, org) == 0
                    && strcmp(og->grant, g->id) == 0)
                {
                    return 1;
                }
            }
        }
    }

    return 0;
}


/* keeps the metadata members that the engine may send */
static void
t_metadata(t_client_t *c, const a0_json_t *metadata)
{
    size_t              i;
    char                value[256];
    a0_json_out_t       out;
    static const char  *names[] = {
        "managed_by", "owner", "org", "req", "label", "created_at",
        "expires_at", "replaces", "retires_at"
    };

    a0_json_out_init(&out, (unsigned char *) c->metadata,
                     sizeof(c->metadata) - 1);
    a0_json_out_lit(&out, "{");

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (a0_json_get(metadata, names[i]) != NULL) {
            t_get(value, sizeof(value), metadata, names[i]);
            a0_json_out_lit(&out, i ? "," : "");
            a0_json_out_string(&out, t_str(names[i]));
            a0_json_out_lit(&out, ":");
            a0_json_out_string(&out, t_str(value));
        }
    }

    a0_json_out_lit(&out, "}");
    *out.pos = '\0';
}


#define t_lit(text)  a0_json_out_lit(&T.out, (text))

static void
t_pair(const char *before, const char *value)
{
    t_lit(before);
    a0_json_out_string(&T.out, t_str(value));
}


static unsigned
t_error(unsigned status, const char *message)
{
    t_lit("{\"statusCode\":");
    a0_json_out_int(&T.out, status);
    t_pair(",\"message\":", message);
    t_lit("}");
    return status;
}


static t_client_t *
t_client_find(const char *id)
{
    t_client_t  *c;

    T_EACH(T.clients, c) {
        if (strcmp(c->id, id) == 0) {
            return c;
        }
    }

    return NULL;
}


static void
t_client_write(const t_client_t *c, int secret)
{
    t_pair("{\"client_id\":", c->id);
    t_pair(",\"name\":", c->name);
    t_pair(",\"third_party\":", "unknown member");

    if (secret) {
        t_pair(",\"client_secret\":", c->secret);
    }

    t_lit(",\"client_metadata\":");
    t_lit(c->metadata[0] ? c->metadata : "{}");
    t_lit("}");
}


static void
t_client_remove(t_client_t *c)
{
    t_grant_t      *g;
    t_org_grant_t  *og;

    T_EACH(T.grants, g) {
        if (strcmp(g->client, c->id)) {
            continue;
        }

        T_EACH(T.org_grants, og) {
            if (strcmp(og->grant, g->id) == 0) {
                og->live = 0;
            }
        }

        g->live = 0;
    }

    c->live = 0;
}


/* list answers: begin with the array's name, end with totals of no worth */

static void
t_list_begin(const char *name)
{
    t_lit(T.arrays ? "[" : "{\"");
    t_lit(T.arrays ? "" : name);
    t_lit(T.arrays ? "" : "\":[");
}


static unsigned
t_list_end(void)
{
    t_lit(T.arrays ? "]" : "],\"start\":0,\"limit\":100,\"total\":0}");
    return 200;
}

#include "unit_tenant_api.h"

#endif /* UNIT_TENANT_H */
