
#include <string.h>

#include "a0_provision.h"


static const char  a0_mgmt_path[] = "/api/v2/";


static const char *
a0_conf_audience(a0_str_t audience)
{
    size_t  n;

    n = sizeof(a0_mgmt_path) - 1;

    if (audience.len == 0 || audience.len > 600) {
        return "the API audience must have 1 to 600 bytes";
    }

    /* with or without its last slash */

    if ((audience.len >= n
         && memcmp(audience.data + audience.len - n, a0_mgmt_path, n) == 0)
        || (audience.len >= n - 1
            && memcmp(audience.data + audience.len - n + 1, a0_mgmt_path,
                      n - 1) == 0))
    {
        return "credentials must not reach the Management API";
    }

    return NULL;
}


static const char *
a0_conf_scope(const a0_list_t *scope)
{
    size_t    i, j, total;
    a0_str_t  name;

    for (i = 0, total = 0; i < scope->nelts; i++) {
        name = scope->elts[i];
        total += name.len + 1;

        if (name.len == 0 || name.len > 280) {
            return "a scope must have 1 to 280 bytes";
        }

        for (j = 0; j < name.len; j++) {
            if (name.data[j] <= 0x20 || name.data[j] >= 0x7f) {
                return "a scope must be printable ASCII without spaces";
            }
        }
    }

    return total > A0_PROVISION_SCOPE_MAX ? "too many scopes" : NULL;
}


a0_err_t
a0_provision_conf_check(const a0_provision_conf_t *conf, const char **why)
{
    const char  *reason;

    reason = a0_conf_audience(conf->api_audience);

    if (reason == NULL) {
        reason = a0_conf_scope(&conf->api_scope);
    }

    if (reason == NULL && conf->max_keys > 100) {
        reason = "max_keys must be at most 100";
    }

    if (reason == NULL
        && (conf->deadline < 1000 || conf->deadline > 60000))
    {
        reason = "the deadline must be 1s to 60s";
    }

    if (reason != NULL) {
        *why = reason;
        return A0_ERR_INVALID_CLAIM;
    }

    return A0_OK;
}
