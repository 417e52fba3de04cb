
/*
 * Bodies of requests to the Management API.
 */

#include "a0_provision_int.h"


static void
a0_pair(a0_json_out_t *out, const char *before, a0_str_t value)
{
    a0_json_out_lit(out, before);
    a0_json_out_string(out, value);
}


/* A number as a string: metadata holds strings only. */

static void
a0_pair_int(a0_json_out_t *out, const char *before, int64_t value)
{
    a0_json_out_lit(out, before);
    a0_json_out_lit(out, "\"");
    a0_json_out_int(out, value);
    a0_json_out_lit(out, "\"");
}


static void
a0_metadata_pairs(a0_provision_t *p, a0_json_out_t *out)
{
    a0_pair(out, "\"customerId\":", p->customer);

    if (p->subscription.len) {
        a0_pair(out, ",\"subscriptionId\":", p->subscription);
    }
}


void
a0_body_user_create(a0_provision_t *p, a0_json_out_t *out)
{
    a0_pair(out, "{\"connection\":", p->conf->connection);
    a0_pair(out, ",\"email\":", p->email);

    if (p->password.len) {
        a0_pair(out, ",\"password\":", p->password);
    }

    a0_json_out_lit(out, ",\"email_verified\":false,\"verify_email\":true"
                    ",\"app_metadata\":{");
    a0_metadata_pairs(p, out);
    a0_json_out_lit(out, "}}");
}


/* Never an empty object: that would wipe all of app_metadata. */

void
a0_body_user_update(a0_provision_t *p, a0_json_out_t *out)
{
    a0_json_out_lit(out, "{\"app_metadata\":{");
    a0_metadata_pairs(p, out);
    a0_json_out_lit(out, "}}");
}


void
a0_body_org(a0_provision_t *p, a0_json_out_t *out)
{
    a0_pair(out, "{\"name\":", p->org_name);
    a0_pair(out, ",\"display_name\":",
            p->email.len ? p->email : p->org_name);
    a0_json_out_lit(out, ",\"metadata\":{");
    a0_metadata_pairs(p, out);
    a0_json_out_lit(out, ",\"managed_by\":\"" A0_PROVISION_MANAGED_BY
                    "\"}}");
}


void
a0_body_members(a0_provision_t *p, a0_json_out_t *out)
{
    a0_pair(out, "{\"members\":[", p->user_id);
    a0_json_out_lit(out, "]}");
}


static int
a0_ascii(a0_str_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] > 0x7e) {
            return 0;
        }
    }

    return 1;
}


/* At most ten members, ASCII only, none above 255 bytes. */

static void
a0_client_metadata(a0_provision_t *p, a0_json_out_t *out)
{
    a0_json_out_lit(out, ",\"client_metadata\":{\"managed_by\":\""
                    A0_PROVISION_MANAGED_BY "\"");
    a0_pair(out, ",\"owner\":", p->owner);
    a0_pair(out, ",\"org\":", p->org_id);
    a0_pair(out, ",\"req\":", p->marks[p->mark]);

    if (a0_ascii(p->name)) {
        a0_pair(out, ",\"label\":", p->name);
    }

    a0_pair_int(out, ",\"created_at\":", p->now);

    if (p->expires) {
        a0_pair_int(out, ",\"expires_at\":", p->expires);
    }

    if (p->op == A0_OP_KEY_ROTATE) {
        a0_pair(out, ",\"replaces\":", p->target);
        a0_pair_int(out, ",\"retires_at\":", p->now + p->grace);
    }

    a0_json_out_lit(out, "}");
}


/*
 * What the portal's plugin sends, and everything whose default would give the
 * application interactive grants.
 */
void
a0_body_client(a0_provision_t *p, a0_json_out_t *out)
{
    a0_pair(out, "{\"name\":", p->name);
    a0_json_out_lit(out, ",\"description\":\"Made at the API gateway\""
                    ",\"app_type\":\"non_interactive\""
                    ",\"is_first_party\":true,\"oidc_conformant\":true"
                    ",\"grant_types\":[\"client_credentials\"]"
                    ",\"token_endpoint_auth_method\":\"client_secret_post\""
                    ",\"jwt_configuration\":{\"alg\":\"RS256\"}");
    a0_pair(out, ",\"default_organization\":{\"organization_id\":",
            p->org_id);
    a0_json_out_lit(out, ",\"flows\":[\"client_credentials\"]}"
                    ",\"organization_usage\":\"require\"");
    a0_client_metadata(p, out);
    a0_json_out_lit(out, "}");
}


static void
a0_scope_array(a0_json_out_t *out, a0_str_t scope)
{
    size_t    i, start;
    a0_str_t  name;

    a0_json_out_lit(out, "[");

    for (i = 0, start = 0; i <= scope.len; i++) {
        if (i < scope.len && scope.data[i] != ' ') {
            continue;
        }

        if (i > start) {
            name.data = scope.data + start;
            name.len = i - start;
            a0_pair(out, start ? "," : "", name);
        }

        start = i + 1;
    }

    a0_json_out_lit(out, "]");
}


void
a0_body_grant(a0_provision_t *p, a0_json_out_t *out)
{
    a0_pair(out, "{\"client_id\":", p->client_id);
    a0_pair(out, ",\"audience\":", p->conf->api_audience);
    a0_json_out_lit(out, ",\"scope\":");
    a0_scope_array(out, p->scope);
    a0_json_out_lit(out, ",\"organization_usage\":\"require\""
                    ",\"allow_any_organization\":false}");
}


void
a0_body_org_grant(a0_provision_t *p, a0_json_out_t *out)
{
    a0_pair(out, "{\"grant_id\":", p->grant_id);
    a0_json_out_lit(out, "}");
}
