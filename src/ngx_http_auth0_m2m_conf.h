
/*
 * Reading the configuration.  Nothing here runs after nginx has started.
 */

#ifndef NGX_HTTP_AUTH0_M2M_CONF_H_INCLUDED
#define NGX_HTTP_AUTH0_M2M_CONF_H_INCLUDED


#include "ngx_http_auth0_m2m_module.h"


#pragma GCC visibility push(hidden)


/* The array that a directive fills, by cmd->offset. */

#define ngx_http_auth0_m2m_conf_field(cmd, conf)                              \
    ((ngx_array_t **) ((char *) (conf) + (cmd)->offset))


/* Letters and digits, for strspn(). */

#define NGX_HTTP_AUTH0_M2M_WORD                                               \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


/* The directives, in conf_commands.c. */

extern ngx_command_t  ngx_http_auth0_m2m_commands[];


/* Setters, named after their directives. */

char *ngx_http_auth0_m2m_conf_enable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_domain(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_upstream(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_group(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_organization(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_algorithms(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_token_type(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_leeway(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_authorizer(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_jwks_cache(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_path(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_secret(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_provision(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_provision_options(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_auth0_m2m_conf_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_moesif(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_auth0_m2m_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* Inheritance, defaults, and what locations need made from what was read. */

void *ngx_http_auth0_m2m_conf_create_main(ngx_conf_t *cf);
void *ngx_http_auth0_m2m_conf_create_loc(ngx_conf_t *cf);
char *ngx_http_auth0_m2m_conf_merge_loc(ngx_conf_t *cf, void *parent,
    void *child);


/* The policy of a location and the texts of its challenges. */

ngx_int_t ngx_http_auth0_m2m_conf_policy(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);

/* The same for provisioning; make() needs the policy and key sets made. */

void ngx_http_auth0_m2m_conf_provision_merge(
    ngx_http_auth0_m2m_loc_conf_t *prev, ngx_http_auth0_m2m_loc_conf_t *conf);
ngx_int_t ngx_http_auth0_m2m_conf_provision_make(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);

/* Keeps a secret in pages of its own; an error text or NGX_CONF_OK. */

/* The same from the environment; workers wipe it there. */

char *ngx_http_auth0_m2m_conf_secret_env(ngx_conf_t *cf, char *env,
    ngx_str_t *secret);

char *ngx_http_auth0_m2m_conf_secret_set(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret);


/*
 * Value of the environment for a directive that was not given: variables
 * PLUGIN_AUTH0_M2M_<name>, else AUTH0_M2M_<name>; NULL when neither is set or
 * both are empty.
 */
char *ngx_http_auth0_m2m_conf_env(const char *name);


/*
 * Finds or makes the key set of a domain as lcf describes it: the way to the
 * tenant, TLS, times, file.  NULL: failed, an [emerg] was logged.
 */
ngx_http_auth0_m2m_keyset_t *ngx_http_auth0_m2m_conf_keyset(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_str_t *domain);

/* Its parts: the peers, and TLS. */

ngx_int_t ngx_http_auth0_m2m_conf_reach(ngx_conf_t *cf,
    ngx_http_auth0_m2m_keyset_t *ks, ngx_str_t *url);
ngx_int_t ngx_http_auth0_m2m_conf_tls(ngx_conf_t *cf,
    ngx_http_auth0_m2m_tenant_t *tenant, ngx_str_t *ca_file);

/* 1 when the location has a `resolver`. */

ngx_uint_t ngx_http_auth0_m2m_conf_resolver(ngx_conf_t *cf);

/*
 * The value of the choice that the directive's first word names; choices end
 * with a null string.  NGX_ERROR: none, an [emerg] with the remedy was logged.
 */
ngx_int_t ngx_http_auth0_m2m_conf_choice(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_conf_enum_t *choices, const char *remedy);

/* Makes the location answer by handler alone; an error text otherwise. */

char *ngx_http_auth0_m2m_conf_answer(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_auth0_m2m_loc_conf_t *lcf, ngx_http_handler_pt handler);

/* While merging: nothing else took its place. */

ngx_int_t ngx_http_auth0_m2m_conf_answers(ngx_conf_t *cf,
    ngx_http_auth0_m2m_loc_conf_t *lcf);

/* Where the directive that is being read stands. */

void ngx_http_auth0_m2m_conf_place(ngx_conf_t *cf,
    ngx_http_auth0_m2m_place_t *place);

/* Of NUL-terminated words.  Domain: a host name of letters, digits, dots and
 * hyphens.  Name: printable ASCII that can stand in a challenge (RFC 6750
 * section 3) and looks like no variable. */

ngx_uint_t ngx_http_auth0_m2m_conf_is_domain(ngx_str_t *domain);
ngx_uint_t ngx_http_auth0_m2m_conf_is_name(ngx_str_t *name);

/* Bytes of http:// or https:// that url begins with; 0: no URL of ours. */

size_t ngx_http_auth0_m2m_conf_url(ngx_str_t *url);


#pragma GCC visibility pop


#endif /* NGX_HTTP_AUTH0_M2M_CONF_H_INCLUDED */
