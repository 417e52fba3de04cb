
/*
 * From an HTTP request to an operation: paths, Idempotency-Key, fingerprint.
 */

#ifndef A0_PROVISION_ROUTE_H_INCLUDED
#define A0_PROVISION_ROUTE_H_INCLUDED


#include "a0.h"


typedef enum {
    A0_OP_NONE = 0,
    A0_OP_CREATE_KEY,     /* POST /create-key, the portal's wire */
    A0_OP_KEY_LIST,       /* GET /keys */
    A0_OP_KEY_CREATE,     /* POST /keys */
    A0_OP_KEY_ROTATE,     /* POST /keys/{id}/rotate */
    A0_OP_KEY_REVOKE,     /* DELETE /keys/{id} */
    A0_OP_USER,           /* POST /provision-user */
    A0_OP_CLEAN_CLIENT,   /* janitor: delete one client of ours */
    A0_OP_CLEAN_REQ,      /* janitor: find by mark, then delete */
    A0_OP_N
} a0_op_e;


/* The handlers of auth0_m2m_provision. */

typedef enum {
    A0_HANDLER_CREATE_KEY = 0,
    A0_HANDLER_KEYS,
    A0_HANDLER_USER
} a0_handler_e;


/*
 * method: "GET", "POST", ...; tail: the decoded path after the location's
 * name, without query, such as "" or "/abc/rotate" (a trailing slash counts as
 * nothing).  A0_OP_NONE: with *allow empty there is no such path (404), else
 * it is the value of Allow for a 405.  key_id is
 * one path segment, not checked yet: the engine answers for those that cannot
 * exist as for those that do not.
 */
a0_op_e a0_provision_route(a0_handler_e handler, a0_str_t method,
    a0_str_t tail, a0_str_t *key_id, a0_str_t *allow);


/* Text of an operation for logs and metrics: "create_key", "key_list". */

const char *a0_op_text(a0_op_e op);


/*
 * An Idempotency-Key header: a quoted string of RFC 8941 section 3.3.3 holding
 * 1 to 128 characters.  *key is what the quotes enclose, escapes kept.
 * INVALID_REQUEST for everything else.
 */
a0_err_t a0_idempotency_key(a0_str_t header, a0_str_t *key);

#define A0_FINGERPRINT  32

/*
 * SHA-256 of operation, key id and the body less its white space.  MALFORMED
 * for a body above A0_PROVISION_BODY_MAX or a key id above 1024 bytes.
 */
a0_err_t a0_provision_fingerprint(a0_op_e op, a0_str_t key_id, a0_str_t body,
    unsigned char *digest);


#endif /* A0_PROVISION_ROUTE_H_INCLUDED */
