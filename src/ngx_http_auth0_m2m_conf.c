
#include "ngx_http_auth0_m2m_conf.h"


static char *ngx_http_auth0_m2m_conf_parameter(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *value);
static char *ngx_http_auth0_m2m_conf_realm(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_str_t *value, ngx_str_t *realm);
static ngx_int_t ngx_http_auth0_m2m_conf_words(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_str_t *value);
static ngx_msec_t *ngx_http_auth0_m2m_conf_time_field(
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *value, ngx_str_t *time);


char *
ngx_http_auth0_m2m_conf_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    char        *rv;
    ngx_int_t    mode;
    ngx_str_t   *value;
    ngx_uint_t   i;

    static ngx_conf_enum_t  modes[] = {
        { ngx_string("off"), NGX_HTTP_AUTH0_M2M_OFF },
        { ngx_string("on"), NGX_HTTP_AUTH0_M2M_ON },
        { ngx_string("optional"), NGX_HTTP_AUTH0_M2M_OPTIONAL },
        { ngx_null_string, 0 }
    };

    if (lcf->enable != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    mode = ngx_http_auth0_m2m_conf_choice(cf, cmd, modes,
                                          "on, off or optional");
    if (mode == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    lcf->enable = mode;
    value = cf->args->elts;

    ngx_http_auth0_m2m_conf_place(cf, &lcf->place);

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_auth0_m2m_conf_parameter(cf, cmd, lcf, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_auth0_m2m_conf_choice(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_conf_enum_t *choices, const char *remedy)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 0; choices[i].name.len; i++) {
        if (choices[i].name.len == value[1].len
            && ngx_strcmp(choices[i].name.data, value[1].data) == 0)
        {
            return choices[i].value;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive, "
                       "it must be %s", &value[1], &cmd->name, remedy);

    return NGX_ERROR;
}


static char *
ngx_http_auth0_m2m_conf_parameter(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *value)
{
    ngx_str_t  name;

    if (ngx_strncmp(value->data, "realm=", 6) == 0 && lcf->realm.data == NULL)
    {
        name.len = value->len - 6;
        name.data = value->data + 6;

        return ngx_http_auth0_m2m_conf_realm(cf, cmd, &name, &lcf->realm);
    }

    if (ngx_strncmp(value->data, "token=$", 7) == 0
        && lcf->token_index == NGX_CONF_UNSET
        && value->len > 7
        && strspn((char *) value->data + 7, NGX_HTTP_AUTH0_M2M_WORD "_")
           == value->len - 7)
    {
        name.len = value->len - 7;
        name.data = value->data + 7;

        lcf->token_index = ngx_http_get_variable_index(cf, &name);

        return (lcf->token_index == NGX_ERROR) ? NGX_CONF_ERROR : NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid or duplicate parameter \"%V\" in \"%V\" "
                       "directive, only realm=string and token=$variable "
                       "are known", value, &cmd->name);

    return NGX_CONF_ERROR;
}


/* A quoted-string of RFC 9110 section 5.6.4, without its quotes. */

static char *
ngx_http_auth0_m2m_conf_realm(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, ngx_str_t *realm)
{
    u_char  *p;
    size_t   i;

    p = ngx_pnalloc(cf->pool, 2 * value->len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    realm->data = p;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] < 0x20 || value->data[i] >= 0x7f
            || value->data[i] == '$')
        {
            break;
        }

        if (value->data[i] == '"' || value->data[i] == '\\') {
            *p++ = '\\';
        }

        *p++ = value->data[i];
    }

    if (i == 0 || i < value->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid realm in \"%V\" directive, use printable "
                           "ASCII without variables", &cmd->name);
        return NGX_CONF_ERROR;
    }

    realm->len = p - realm->data;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_auth0_m2m_conf_is_domain(ngx_str_t *name)
{
    size_t   len;
    u_char  *p, *last;

    p = name->data;
    last = p + name->len;

    if (name->len > 253) {
        return 0;
    }

    for ( ;; ) {
        len = strspn((char *) p, NGX_HTTP_AUTH0_M2M_WORD "-");

        if (len == 0 || len > 63 || p[0] == '-' || p[len - 1] == '-') {
            return 0;
        }

        p += len;

        if (p == last) {
            return 1;
        }

        if (*p++ != '.') {
            return 0;
        }
    }
}


char *
ngx_http_auth0_m2m_conf_domain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t     *value, *s;
    ngx_uint_t     i, j;
    ngx_array_t  **field;

    field = ngx_http_auth0_m2m_conf_field(cmd, conf);

    if (*field != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *field = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    if (*field == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_http_auth0_m2m_conf_is_domain(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid domain \"%V\" in \"%V\" directive, "
                               "write the host name alone, such as "
                               "acme.us.auth0.com", &value[i], &cmd->name);
            return NGX_CONF_ERROR;
        }

        ngx_strlow(value[i].data, value[i].data, value[i].len);

        for (j = 1; j < i; j++) {
            if (value[j].len == value[i].len
                && ngx_strcmp(value[j].data, value[i].data) == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate domain \"%V\" in \"%V\" "
                                   "directive", &value[i], &cmd->name);
                return NGX_CONF_ERROR;
            }
        }

        s = ngx_array_push(*field);
        if (s == NULL) {
            return NGX_CONF_ERROR;
        }

        *s = value[i];
    }

    return NGX_CONF_OK;
}


/* A URL, and perhaps a domain. */

static ngx_int_t
ngx_http_auth0_m2m_conf_words(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value)
{
    if (ngx_http_auth0_m2m_conf_url(&value[1]) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL \"%V\" in \"%V\" directive, it must "
                           "be https://host[:port], or http:// for loopback "
                           "addresses and unix sockets", &value[1],
                           &cmd->name);
        return NGX_ERROR;
    }

    if (cf->args->nelts == 3
        && !ngx_http_auth0_m2m_conf_is_domain(&value[2]))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid domain \"%V\" in \"%V\" directive, write "
                           "the host name alone, such as acme.us.auth0.com",
                           &value[2], &cmd->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_auth0_m2m_conf_upstream(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                    *value, domain;
    ngx_uint_t                    i;
    ngx_array_t                 **field;
    ngx_http_auth0_m2m_route_t   *route, *routes;

    value = cf->args->elts;
    field = ngx_http_auth0_m2m_conf_field(cmd, conf);

    if (*field == NGX_CONF_UNSET_PTR) {
        *field = ngx_array_create(cf->pool, 2,
                                  sizeof(ngx_http_auth0_m2m_route_t));
        if (*field == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_auth0_m2m_conf_words(cf, cmd, value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&domain);

    if (cf->args->nelts == 3) {
        domain = value[2];
        ngx_strlow(domain.data, domain.data, domain.len);
    }

    routes = (*field)->elts;

    for (i = 0; i < (*field)->nelts; i++) {
        if (routes[i].domain.len == domain.len
            && (domain.len == 0
                || ngx_strncmp(routes[i].domain.data, domain.data, domain.len)
                   == 0))
        {
            return "is duplicate for this domain";
        }
    }

    route = ngx_array_push(*field);
    if (route == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(route, sizeof(ngx_http_auth0_m2m_route_t));
    ngx_http_auth0_m2m_conf_place(cf, &route->place);
    route->url = value[1];
    route->domain = domain;

    return NGX_CONF_OK;
}


char *
ngx_http_auth0_m2m_conf_jwks_cache(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    ngx_str_t   *value, time;
    ngx_int_t    ms;
    ngx_uint_t   i;
    ngx_msec_t  *field;

    if (lcf->jwks_cache_line) {
        return "is duplicate";
    }

    lcf->jwks_cache_line = cf->conf_file->line;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        field = ngx_http_auth0_m2m_conf_time_field(lcf, &value[i], &time);
        ms = field ? ngx_parse_time(&time, 0) : NGX_ERROR;

        if (ms == NGX_ERROR || *field != NGX_CONF_UNSET_MSEC
            || (ms < NGX_HTTP_AUTH0_M2M_FETCH_MIN && field != &lcf->stale
                && field != &lcf->cooldown))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid or duplicate parameter \"%V\" in "
                               "\"%V\" directive, known are valid=time, "
                               "stale=time, cooldown=time, timeout=time; "
                               "valid and timeout are at least 100ms",
                               &value[i], &cmd->name);
            return NGX_CONF_ERROR;
        }

        *field = (ngx_msec_t) ms;
    }

    return NGX_CONF_OK;
}


static ngx_msec_t *
ngx_http_auth0_m2m_conf_time_field(ngx_http_auth0_m2m_loc_conf_t *lcf,
    ngx_str_t *value, ngx_str_t *time)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t  name;
        size_t     offset;
    } fields[] = {
        { ngx_string("valid="),
          offsetof(ngx_http_auth0_m2m_loc_conf_t, valid) },
        { ngx_string("stale="),
          offsetof(ngx_http_auth0_m2m_loc_conf_t, stale) },
        { ngx_string("cooldown="),
          offsetof(ngx_http_auth0_m2m_loc_conf_t, cooldown) },
        { ngx_string("timeout="),
          offsetof(ngx_http_auth0_m2m_loc_conf_t, timeout) }
    };

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (value->len > fields[i].name.len
            && ngx_strncmp(value->data, fields[i].name.data,
                           fields[i].name.len)
               == 0)
        {
            time->len = value->len - fields[i].name.len;
            time->data = value->data + fields[i].name.len;

            return (ngx_msec_t *) ((char *) lcf + fields[i].offset);
        }
    }

    return NULL;
}


void
ngx_http_auth0_m2m_conf_place(ngx_conf_t *cf,
    ngx_http_auth0_m2m_place_t *place)
{
    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;
}


/* A file's name, relative to the configuration's folder. */

char *
ngx_http_auth0_m2m_conf_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth0_m2m_loc_conf_t *lcf = conf;

    char       *rv;
    ngx_str_t  *path;

    rv = ngx_conf_set_str_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_http_auth0_m2m_conf_place(cf, (cmd->offset
                   == offsetof(ngx_http_auth0_m2m_loc_conf_t, ca_file))
                   ? &lcf->ca_place : &lcf->jwks_place);

    path = (ngx_str_t *) ((char *) conf + cmd->offset);

    return (ngx_conf_full_name(cf->cycle, path, 1) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}
