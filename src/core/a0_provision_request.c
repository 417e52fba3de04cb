
/*
 * Requests to the Management API.  The writer of a0_json serves for paths too:
 * it appends bytes to a bounded buffer.
 */

#include "a0_provision_int.h"


#define A0_API      "/api/v2/"
#define A0_FIELDS   "fields=client_id,name,client_metadata&include_fields=true"


/* Everything but the unreserved characters of RFC 3986 section 2.3. */

void
a0_uri_part(a0_json_out_t *out, a0_str_t text)
{
    size_t         i;
    a0_str_t       one;
    unsigned char  c, coded[3];

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
            || (c >= 'a' && c <= 'z')
            || c == '-' || c == '.' || c == '_' || c == '~')
        {
            one.data = &text.data[i];
            one.len = 1;

        } else {
            coded[0] = '%';
            coded[1] = (unsigned char) "0123456789ABCDEF"[c >> 4];
            coded[2] = (unsigned char) "0123456789ABCDEF"[c & 15];
            one.data = coded;
            one.len = 3;
        }

        a0_json_out_raw(out, one);
    }
}


static void
a0_uri_path(a0_json_out_t *out, const char *before, a0_str_t id,
    const char *behind)
{
    a0_json_out_lit(out, A0_API);
    a0_json_out_lit(out, before);
    a0_uri_part(out, id);
    a0_json_out_lit(out, behind);
}


static void
a0_uri_arg(a0_json_out_t *out, const char *name, a0_str_t value)
{
    a0_json_out_lit(out, name);
    a0_uri_part(out, value);
}


static void
a0_uri_page(a0_provision_t *p, a0_json_out_t *out)
{
    a0_json_out_lit(out, "per_page=100&page=");
    a0_json_out_int(out, p->page);
}


/* Paging by cursor (quirk: no totals, `next` only while there is more). */

static void
a0_uri_cursor(a0_provision_t *p, a0_json_out_t *out)
{
    a0_str_t  cursor;

    a0_json_out_lit(out, "&take=100");

    if (p->cursor_len) {
        cursor.data = (unsigned char *) p->cursor;
        cursor.len = p->cursor_len;
        a0_uri_arg(out, "&from=", cursor);
    }
}


void
a0_uri_user(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "users/", p->sub, "?fields=user_id,email,"
                "email_verified,blocked,app_metadata&include_fields=true");
}


void
a0_uri_users_by_email(a0_provision_t *p, a0_json_out_t *out)
{
    size_t         i;
    a0_str_t       email;
    unsigned char  lower[A0_EMAIL_MAX];

    /* the store holds lower case, and the search is case-sensitive */

    for (i = 0; i < p->email.len && i < sizeof(lower); i++) {
        lower[i] = p->email.data[i];

        if (lower[i] >= 'A' && lower[i] <= 'Z') {
            lower[i] |= 0x20;
        }
    }

    email.data = lower;
    email.len = i;

    a0_uri_path(out, "users-by-email?email=", email, "");
}


void
a0_uri_users(a0_provision_t *p, a0_json_out_t *out)
{
    (void) p;
    a0_json_out_lit(out, A0_API "users");
}


void
a0_uri_user_update(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "users/", p->user_id, "");
}


void
a0_uri_user_orgs(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "users/", p->user_id, "/organizations?");
    a0_uri_page(p, out);
}


void
a0_uri_orgs(a0_provision_t *p, a0_json_out_t *out)
{
    (void) p;
    a0_json_out_lit(out, A0_API "organizations");
}


void
a0_uri_org_by_name(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "organizations/name/", p->org_name, "");
}


void
a0_uri_members(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "organizations/", p->org_id, "/members");
}


void
a0_uri_org_grants(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "organizations/", p->org_id, "/client-grants");
}


void
a0_uri_org_grant_list(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "organizations/", p->org_id, "/client-grants?");
    a0_uri_arg(out, "audience=", p->conf->api_audience);
    a0_json_out_lit(out, "&");
    a0_uri_page(p, out);
}


void
a0_uri_org_grant_find(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "organizations/", p->org_id, "/client-grants?");
    a0_uri_arg(out, "client_id=", p->client_id);
    a0_uri_arg(out, "&audience=", p->conf->api_audience);
}


void
a0_uri_clients(a0_provision_t *p, a0_json_out_t *out)
{
    (void) p;
    a0_json_out_lit(out, A0_API "clients");
}


void
a0_uri_client_search(a0_provision_t *p, a0_json_out_t *out)
{
    a0_json_out_lit(out, A0_API "clients?" A0_FIELDS
                    "&app_type=non_interactive");
    a0_uri_cursor(p, out);
}


/* `q` allows no other filter beside it. */

void
a0_uri_client_query(a0_provision_t *p, a0_json_out_t *out)
{
    a0_json_out_lit(out, A0_API "clients?" A0_FIELDS
                    "&q=client_grant.organization_id%3A");
    a0_uri_part(out, p->org_id);
    a0_uri_cursor(p, out);
}


void
a0_uri_target(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "clients/", p->target, "?" A0_FIELDS);
}


void
a0_uri_target_rotate(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "clients/", p->target, "/rotate-secret");
}


void
a0_uri_target_delete(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "clients/", p->target, "");
}


void
a0_uri_made_rotate(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "clients/", p->client_id, "/rotate-secret");
}


void
a0_uri_made_delete(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "clients/", p->client_id, "");
}


void
a0_uri_list_one(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_path(out, "clients/", a0_list_unknown(p)->client_id,
                "?" A0_FIELDS);
}


void
a0_uri_grants(a0_provision_t *p, a0_json_out_t *out)
{
    (void) p;
    a0_json_out_lit(out, A0_API "client-grants");
}


static void
a0_uri_grants_of(a0_provision_t *p, a0_json_out_t *out, a0_str_t client_id)
{
    a0_uri_path(out, "client-grants?client_id=", client_id, "");
    a0_uri_arg(out, "&audience=", p->conf->api_audience);
}


void
a0_uri_grant_find(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_grants_of(p, out, p->client_id);
}


void
a0_uri_grant_target(a0_provision_t *p, a0_json_out_t *out)
{
    a0_uri_grants_of(p, out, p->target);
}
