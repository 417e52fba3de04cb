
#include "ngx_http_auth0_m2m_conf.h"


static ngx_int_t ngx_http_auth0_m2m_conf_challenge(ngx_conf_t *cf,
    ngx_array_t *groups, ngx_str_t *text);
static a0_list_t ngx_http_auth0_m2m_conf_list(ngx_array_t *a);


ngx_int_t
ngx_http_auth0_m2m_conf_policy(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf)
{
    a0_policy_t  *policy;

    policy = &lcf->policy;

    policy->audiences = ngx_http_auth0_m2m_conf_list(lcf->audiences);
    policy->org = lcf->org;
    policy->orgs = ngx_http_auth0_m2m_conf_list(lcf->orgs);
    policy->clients = ngx_http_auth0_m2m_conf_list(lcf->clients);
    policy->algorithms = lcf->algorithms;
    policy->at_jwt = lcf->at_jwt;
    policy->leeway = lcf->leeway;

    if (lcf->scopes) {
        policy->scopes = lcf->scopes->elts;
        policy->nscopes = lcf->scopes->nelts;
    }

    if (lcf->permissions) {
        policy->permissions = lcf->permissions->elts;
        policy->npermissions = lcf->permissions->nelts;
    }

    if (ngx_http_auth0_m2m_conf_challenge(cf, lcf->scopes, &lcf->scope_text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_auth0_m2m_conf_challenge(cf, lcf->permissions,
                                             &lcf->permission_text);
}


/* All names that are asked for, once each as written, for scope="...". */

static ngx_int_t
ngx_http_auth0_m2m_conf_challenge(ngx_conf_t *cf, ngx_array_t *groups,
    ngx_str_t *text)
{
    u_char             *p;
    size_t              len;
    ngx_uint_t          i, j;
    a0_policy_group_t  *group;

    if (groups == NULL) {
        return NGX_OK;
    }

    len = 0;
    group = groups->elts;

    for (i = 0; i < groups->nelts; i++) {
        for (j = 0; j < group[i].names.nelts; j++) {
            len += group[i].names.elts[j].len + 1;
        }
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    text->len = len - 1;

    for (i = 0; i < groups->nelts; i++) {
        for (j = 0; j < group[i].names.nelts; j++) {
            p = ngx_cpymem(p, group[i].names.elts[j].data,
                           group[i].names.elts[j].len);
            *p++ = ' ';
        }
    }

    return NGX_OK;
}


static a0_list_t
ngx_http_auth0_m2m_conf_list(ngx_array_t *a)
{
    a0_list_t  list;

    list.elts = NULL;
    list.nelts = 0;

    if (a && a != NGX_CONF_UNSET_PTR) {
        list.elts = a->elts;
        list.nelts = a->nelts;
    }

    return list;
}
