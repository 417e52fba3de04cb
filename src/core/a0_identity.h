
/*
 * Who a verified token speaks for, as provisioning wants to know it (OpenID
 * Connect Core section 2 and 5.1).
 */

#ifndef A0_IDENTITY_H_INCLUDED
#define A0_IDENTITY_H_INCLUDED


#include "a0.h"
#include "a0_policy.h"


typedef struct {
    a0_str_t  sub;
    a0_str_t  email;            /* empty when absent */
    a0_str_t  org_id;           /* empty when absent */
    unsigned  email_verified;   /* JSON true, nothing else */
    unsigned  m2m;              /* issued to a program: gty is
                                   client-credentials, or sub ends in
                                   "@clients" */
} a0_identity_t;


/* Room for the decoded payload and copies of its strings. */

#define a0_identity_work_size(n)  (2 * (n) + 16)


/*
 * Reads the encoded payload of a token that was verified.  The strings lie in
 * work.  INVALID_CLAIM: no sub, a member of the wrong type, or several
 * audiences and an azp that is none of ours (OpenID Connect Core section
 * 3.1.3.7); MALFORMED, INTERNAL as a0_json_parse().
 */
a0_err_t a0_identity_read(a0_str_t payload, const a0_list_t *audiences,
    unsigned char *work, a0_identity_t *identity);


#endif /* A0_IDENTITY_H_INCLUDED */
