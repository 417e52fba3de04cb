
/*
 * The Management token: the request for it and its reply (OAuth 2.0 client
 * credentials, RFC 6749 section 4.4, RFC 7523 section 2.2).
 */

#ifndef A0_PROVISION_TOKEN_H_INCLUDED
#define A0_PROVISION_TOKEN_H_INCLUDED


#include "a0.h"


#define A0_MGMT_TOKEN_URI   "/oauth/token"
#define A0_MGMT_TOKEN_TYPE  "application/x-www-form-urlencoded"
#define A0_MGMT_TOKEN_MAX   8192    /* bytes of a token */


typedef struct {
    a0_str_t  domain;       /* audience is https://<domain>/api/v2/ */
    a0_str_t  client_id;
    a0_str_t  secret;       /* used unless there is an assertion */
    a0_str_t  assertion;    /* from a0_assertion_sign(), or empty */
} a0_mgmt_request_t;

/* Writes the form.  NO_SPACE. */

a0_err_t a0_mgmt_token_form(const a0_mgmt_request_t *request,
    unsigned char *out, size_t cap, size_t *len);


typedef struct {
    unsigned char  token[A0_MGMT_TOKEN_MAX];
    size_t         len;
    int64_t        expires_in;     /* seconds, 1..30 days */
} a0_mgmt_token_t;

/*
 * Reads a 200's body.  BAD_KEY_SET never; MALFORMED: not JSON, no access_token
 * of %x21-7E, or no expires_in above 0, or a token_type other than Bearer;
 * NO_SPACE: token above A0_MGMT_TOKEN_MAX.
 */
a0_err_t a0_mgmt_token_parse(a0_str_t body, a0_mgmt_token_t *token);

/*
 * Until when it serves: 30 s before its end, but for half of expires_in at
 * least.  When to fetch the next one: at 80 to 90 % of expires_in by random,
 * which of a life of minutes is too late to be ahead: such a one is fetched on
 * demand.  Seconds after receipt.
 */
void a0_mgmt_token_times(int64_t expires_in, uint32_t random,
    int64_t *refresh_after, int64_t *usable_for);


#endif /* A0_PROVISION_TOKEN_H_INCLUDED */
