
#include "ngx_http_auth0_m2m_conf.h"


static ngx_int_t ngx_http_auth0_m2m_conf_required(ngx_conf_t *cf,
    ngx_http_auth0_m2m_require_t *req, ngx_str_t *value);
static ngx_int_t ngx_http_auth0_m2m_conf_push(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_array_t *a, ngx_str_t *value);


/* Lists of printable ASCII: audiences, clients. */

char *
ngx_http_auth0_m2m_conf_names(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t  **field;

    field = ngx_http_auth0_m2m_conf_field(cmd, conf);

    if (*field != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *field = ngx_array_create(cf->pool, 2, sizeof(a0_str_t));
    if (*field == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_auth0_m2m_conf_push(cf, cmd, *field, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* One group of scopes or permissions; each directive adds one. */

char *
ngx_http_auth0_m2m_conf_group(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_array_t        **field, *names;
    a0_policy_group_t   *group;

    field = ngx_http_auth0_m2m_conf_field(cmd, conf);

    if (*field == NGX_CONF_UNSET_PTR) {
        *field = ngx_array_create(cf->pool, 2, sizeof(a0_policy_group_t));
        if (*field == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    group = ngx_array_push(*field);
    names = ngx_array_create(cf->pool, 2, sizeof(a0_str_t));

    if (group == NULL || names == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    i = 1;

    group->any = (ngx_strcmp(value[1].data, "any") == 0);

    if (group->any && cf->args->nelts == 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no names after \"any\" in \"%V\" directive",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    for (i += group->any; i < cf->args->nelts; i++) {
        if (ngx_http_auth0_m2m_conf_push(cf, cmd, names, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    group->names.elts = names->elts;
    group->names.nelts = names->nelts;

    return NGX_CONF_OK;
}


char *
ngx_http_auth0_m2m_conf_organization(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    char       *rv;
    size_t      n;
    a0_str_t   *org;
    ngx_str_t  *value;
    ngx_uint_t  i;

    if (lcf->org != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->org = A0_ORG_OFF;
        return NGX_CONF_OK;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "any") == 0) {
        lcf->org = A0_ORG_ANY;
        return NGX_CONF_OK;
    }

    lcf->org = A0_ORG_LIST;

    rv = ngx_http_auth0_m2m_conf_names(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    org = lcf->orgs->elts;

    for (i = 0; i < lcf->orgs->nelts; i++) {
        n = 0;

        if (ngx_strncmp(org[i].data, "org_", 4) == 0) {
            n = strspn((const char *) org[i].data + 4,
                       NGX_HTTP_AUTH0_M2M_WORD);
        }

        if (n == 0 || n + 4 != org[i].len || org[i].len > A0_ORG_ID_MAX) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in \"%V\" directive, it "
                               "must be off, any, or organization ids such as "
                               "org_vIK75NKFvaozQsFy", &value[i + 1],
                               &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_auth0_m2m_conf_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                      *value;
    ngx_uint_t                      i, last;
    ngx_array_t                   **field;
    ngx_http_auth0_m2m_require_t   *req;

    field = ngx_http_auth0_m2m_conf_field(cmd, conf);

    if (*field == NGX_CONF_UNSET_PTR) {
        *field = ngx_array_create(cf->pool, 1,
                                  sizeof(ngx_http_auth0_m2m_require_t));
        if (*field == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    req = ngx_array_push(*field);
    if (req == NULL
        || ngx_array_init(&req->values, cf->pool, 2,
                          sizeof(ngx_http_complex_value_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    req->error = A0_ERR_REQUIREMENT_401;

    value = cf->args->elts;
    last = cf->args->nelts - 1;

    if (ngx_strncmp(value[last].data, "error=", 6) == 0) {

        if (ngx_strcmp(value[last].data + 6, "403") == 0) {
            req->error = A0_ERR_REQUIREMENT_403;

        } else if (ngx_strcmp(value[last].data + 6, "401") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"%V\" directive, "
                               "it must be error=401 or error=403",
                               &value[last], &cmd->name);
            return NGX_CONF_ERROR;
        }

        last--;
    }

    if (last == 0) {
        return "has no values to check";
    }

    for (i = 1; i <= last; i++) {
        if (ngx_http_auth0_m2m_conf_required(cf, req, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_auth0_m2m_conf_required(ngx_conf_t *cf,
    ngx_http_auth0_m2m_require_t *req, ngx_str_t *value)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = ngx_array_push(&req->values);
    if (cv == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_ERROR;
    }

    if (cv->lengths == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in \"auth0_m2m_require\" directive holds "
                           "no variable", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_auth0_m2m_conf_algorithms(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_str_t           *value;
    ngx_uint_t           i;
    const a0_jws_alg_t  *alg;

    if (lcf->algorithms != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    lcf->algorithms = 0;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        alg = a0_jws_alg_find(ngx_http_auth0_m2m_a0(&value[i]));

        if (alg == NULL || (lcf->algorithms & alg->bit)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown or duplicate algorithm \"%V\" in "
                               "\"%V\" directive, known are RS256, RS384, "
                               "RS512, PS256, PS384, PS512, ES256, ES384",
                               &value[i], &cmd->name);
            return NGX_CONF_ERROR;
        }

        lcf->algorithms |= alg->bit;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_auth0_m2m_conf_token_type(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_int_t  type;

    static ngx_conf_enum_t  types[] = {
        { ngx_string("any"), 0 },
        { ngx_string("at+jwt"), 1 },
        { ngx_null_string, 0 }
    };

    if (lcf->at_jwt != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    type = ngx_http_auth0_m2m_conf_choice(cf, cmd, types, "any or at+jwt");
    if (type == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    lcf->at_jwt = type;

    return NGX_CONF_OK;
}


char *
ngx_http_auth0_m2m_conf_leeway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->leeway != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lcf->leeway = ngx_parse_time(&value[1], 1);

    if (lcf->leeway == (time_t) NGX_ERROR
        || lcf->leeway > NGX_HTTP_AUTH0_M2M_LEEWAY_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\" directive, "
                           "it must be a time of at most 5m",
                           &value[1], &cmd->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* A name that the list does not hold yet. */

static ngx_int_t
ngx_http_auth0_m2m_conf_push(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_array_t *a, ngx_str_t *value)
{
    a0_str_t    *s;
    ngx_uint_t   i;

    if (!ngx_http_auth0_m2m_conf_is_name(value)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" in \"%V\" directive, use "
                           "printable ASCII without spaces, quotes, "
                           "backslashes and variables", value, &cmd->name);
        return NGX_ERROR;
    }

    s = a->elts;

    for (i = 0; i < a->nelts; i++) {
        if (s[i].len == value->len
            && ngx_strncmp(s[i].data, value->data, value->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate name \"%V\" in \"%V\" directive, "
                               "write it once", value, &cmd->name);
            return NGX_ERROR;
        }
    }

    s = ngx_array_push(a);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = ngx_http_auth0_m2m_a0(value);

    return NGX_OK;
}


ngx_uint_t
ngx_http_auth0_m2m_conf_is_name(ngx_str_t *name)
{
    size_t  i;

    if (name->len == 0 || name->data[0] == '$') {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        if (name->data[i] <= 0x20 || name->data[i] >= 0x7f
            || name->data[i] == '"' || name->data[i] == '\\')
        {
            return 0;
        }
    }

    return 1;
}
