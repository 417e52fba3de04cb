
#include "ngx_http_auth0_m2m_conf.h"
#include "ngx_http_auth0_m2m_pages.h"

#include <openssl/crypto.h>


#define NGX_HTTP_AUTH0_M2M_SECRET_MAX  16384


/* Pages of a secret, which core files leave out. */

typedef struct {
    void    *addr;
    size_t   size;
} ngx_http_auth0_m2m_pages_t;


static char *ngx_http_auth0_m2m_secret_env(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *name, ngx_str_t *secret);
static char *ngx_http_auth0_m2m_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *name, ngx_str_t *secret);
static ngx_fd_t ngx_http_auth0_m2m_secret_open(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_str_t *name);
static u_char *ngx_http_auth0_m2m_secret_pages(ngx_conf_t *cf, size_t size);
static void ngx_http_auth0_m2m_secret_wipe(void *data);


char *
ngx_http_auth0_m2m_conf_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value, *field, rest;

    field = (ngx_str_t *) ((char *) conf + cmd->offset);

    if (field->data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "env:", 4) == 0) {
        rest.len = value[1].len - 4;
        rest.data = value[1].data + 4;

        return ngx_http_auth0_m2m_secret_env(cf, cmd, &rest, field);
    }

    if (ngx_strncmp(value[1].data, "file:", 5) == 0) {
        rest.len = value[1].len - 5;
        rest.data = value[1].data + 5;

        return ngx_http_auth0_m2m_secret_file(cf, cmd, &rest, field);
    }

    /* client_id is no secret, a PEM key cannot be written as a word */

    if (cmd->post) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" holds a secret that \"nginx -T\" prints, "
                           "use env:NAME or file:/path", &cmd->name);
    }

    return ngx_http_auth0_m2m_conf_secret_set(cf, &value[1], field);
}


char *
ngx_http_auth0_m2m_conf_secret_set(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret)
{
    u_char  *p;

    if (value->len == 0) {
        return "is empty";
    }

    p = ngx_http_auth0_m2m_secret_pages(cf, value->len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(p, value->data, value->len);

    secret->data = p;
    secret->len = value->len;

    return NGX_CONF_OK;
}


static char *
ngx_http_auth0_m2m_secret_env(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *name, ngx_str_t *secret)
{
    char  *env;

    env = getenv((char *) name->data);

    if (env == NULL || *env == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "environment variable \"%V\" of \"%V\" directive is "
                           "not set or empty", name, &cmd->name);
        return NGX_CONF_ERROR;
    }

    return ngx_http_auth0_m2m_conf_secret_env(cf, env, secret);
}


char *
ngx_http_auth0_m2m_conf_secret_env(ngx_conf_t *cf, char *env,
    ngx_str_t *secret)
{
    ngx_str_t                       *value;
    ngx_http_auth0_m2m_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth0_m2m_module);

    value = ngx_array_push(&mcf->env);
    if (value == NULL) {
        return NGX_CONF_ERROR;
    }

    value->len = ngx_strlen(env);
    value->data = (u_char *) env;

    return ngx_http_auth0_m2m_conf_secret_set(cf, value, secret);
}


static char *
ngx_http_auth0_m2m_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *name, ngx_str_t *secret)
{
    char       *rv;
    u_char      buf[NGX_HTTP_AUTH0_M2M_SECRET_MAX + 1];
    ssize_t     n;
    ngx_fd_t    fd;
    ngx_str_t   value;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_http_auth0_m2m_secret_open(cf, cmd, name);
    if (fd == NGX_INVALID_FILE) {
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    if (n == NGX_FILE_ERROR || n > NGX_HTTP_AUTH0_M2M_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, (n < 0) ? ngx_errno : 0,
                           "cannot read secret file \"%V\" of \"%V\" "
                           "directive, or it is above 16k", name, &cmd->name);
        rv = NGX_CONF_ERROR;
        goto done;
    }

    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r')) {
        n--;
    }

    value.len = n;
    value.data = buf;

    rv = ngx_http_auth0_m2m_conf_secret_set(cf, &value, secret);

done:

    OPENSSL_cleanse(buf, sizeof(buf));
    (void) ngx_close_file(fd);

    return rv;
}


/* A file that others cannot read; a pipe must not make nginx wait. */

static ngx_fd_t
ngx_http_auth0_m2m_secret_open(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *name)
{
    ngx_fd_t          fd;
    ngx_err_t         err;
    const char       *why;
    ngx_file_info_t   fi;

    err = 0;
    fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        why = "cannot be opened";

    } else if (!ngx_is_file(&fi)) {
        why = "is not a file";

    } else if (fi.st_mode & (S_IRWXO|S_IWGRP)) {
        why = "is open to others: chmod 600";

    } else {
        return fd;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                       "secret file \"%V\" of \"%V\" directive %s", name,
                       &cmd->name, why);

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }

    return NGX_INVALID_FILE;
}


static u_char *
ngx_http_auth0_m2m_secret_pages(ngx_conf_t *cf, size_t size)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_auth0_m2m_pages_t  *pages;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_auth0_m2m_pages_t));
    if (cln == NULL) {
        return NULL;
    }

    pages = cln->data;
    pages->size = ngx_align(size, ngx_pagesize);
    pages->addr = ngx_http_auth0_m2m_pages_alloc(pages->size, cf->log);

    if (pages->addr == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_auth0_m2m_secret_wipe;

    return pages->addr;
}


static void
ngx_http_auth0_m2m_secret_wipe(void *data)
{
    ngx_http_auth0_m2m_pages_t *pages = data;

    ngx_http_auth0_m2m_pages_free(pages->addr, pages->size, pages->size);
}
