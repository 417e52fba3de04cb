
#include "a0_provision_route.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "a0_json.h"
#include "a0_provision.h"


#define A0_IDEMPOTENCY_MAX  128
#define A0_SEGMENT_MAX      1024


/* Shapes of what follows the location's name. */

typedef enum {
    A0_TAIL_NONE = 0,    /* "" */
    A0_TAIL_ID,          /* "/{id}" */
    A0_TAIL_ROTATE,      /* "/{id}/rotate" */
    A0_TAIL_OTHER
} a0_tail_e;


typedef struct {
    a0_handler_e   handler;
    a0_tail_e      tail;
    const char    *method;
    a0_op_e        op;
} a0_route_t;


static const a0_route_t  a0_routes[] = {
    { A0_HANDLER_CREATE_KEY, A0_TAIL_NONE, "POST", A0_OP_CREATE_KEY },
    { A0_HANDLER_KEYS, A0_TAIL_NONE, "GET", A0_OP_KEY_LIST },
    { A0_HANDLER_KEYS, A0_TAIL_NONE, "POST", A0_OP_KEY_CREATE },
    { A0_HANDLER_KEYS, A0_TAIL_ID, "DELETE", A0_OP_KEY_REVOKE },
    { A0_HANDLER_KEYS, A0_TAIL_ROTATE, "POST", A0_OP_KEY_ROTATE },
    { A0_HANDLER_USER, A0_TAIL_NONE, "POST", A0_OP_USER }
};

#define A0_NROUTES  (sizeof(a0_routes) / sizeof(a0_routes[0]))


typedef struct {
    a0_handler_e  handler;
    a0_tail_e     tail;
    a0_str_t      allow;
} a0_allow_t;

static const a0_allow_t  a0_allows[] = {
    { A0_HANDLER_CREATE_KEY, A0_TAIL_NONE, a0_string("POST, OPTIONS") },
    { A0_HANDLER_KEYS, A0_TAIL_NONE, a0_string("GET, POST, OPTIONS") },
    { A0_HANDLER_KEYS, A0_TAIL_ID, a0_string("DELETE, OPTIONS") },
    { A0_HANDLER_KEYS, A0_TAIL_ROTATE, a0_string("POST, OPTIONS") },
    { A0_HANDLER_USER, A0_TAIL_NONE, a0_string("POST, OPTIONS") }
};

#define A0_NALLOWS  (sizeof(a0_allows) / sizeof(a0_allows[0]))


static const char *const  a0_op_texts[] = {
    "none", "create_key", "key_list", "key_create", "key_rotate",
    "key_revoke", "user", "clean_client", "clean_req"
};


const char *
a0_op_text(a0_op_e op)
{
    return (unsigned) op < A0_OP_N ? a0_op_texts[op] : a0_op_texts[0];
}


static a0_tail_e
a0_tail(a0_str_t tail, a0_str_t *id)
{
    const unsigned char  *slash;

    id->len = 0;
    id->data = NULL;

    if (tail.len && tail.data[tail.len - 1] == '/') {
        tail.len--;
    }

    if (tail.len == 0) {
        return A0_TAIL_NONE;
    }

    if (tail.data[0] != '/' || tail.len == 1) {
        return A0_TAIL_OTHER;
    }

    tail.data++;
    tail.len--;

    *id = tail;
    slash = memchr(tail.data, '/', tail.len);

    if (slash == NULL) {
        return A0_TAIL_ID;
    }

    id->len = (size_t) (slash - tail.data);

    if (id->len && tail.len - id->len == 7
        && memcmp(slash, "/rotate", 7) == 0)
    {
        return A0_TAIL_ROTATE;
    }

    return A0_TAIL_OTHER;
}


a0_op_e
a0_provision_route(a0_handler_e handler, a0_str_t method, a0_str_t tail,
    a0_str_t *key_id, a0_str_t *allow)
{
    size_t             i;
    a0_tail_e          shape;
    const a0_route_t  *route;

    shape = a0_tail(tail, key_id);
    allow->len = 0;
    allow->data = NULL;

    for (i = 0; i < A0_NROUTES; i++) {
        route = &a0_routes[i];

        if (route->handler == handler && route->tail == shape
            && strlen(route->method) == method.len
            && memcmp(route->method, method.data, method.len) == 0)
        {
            return route->op;
        }
    }

    for (i = 0; i < A0_NALLOWS; i++) {
        if (a0_allows[i].handler == handler && a0_allows[i].tail == shape) {
            *allow = a0_allows[i].allow;
        }
    }

    return A0_OP_NONE;
}


a0_err_t
a0_idempotency_key(a0_str_t header, a0_str_t *key)
{
    size_t         i, n;
    unsigned char  c;

    if (header.len < 3 || header.data[0] != '"'
        || header.data[header.len - 1] != '"')
    {
        return A0_ERR_INVALID_REQUEST;
    }

    for (i = 1, n = 0; i < header.len - 1; i++, n++) {
        c = header.data[i];

        if (c < 0x20 || c > 0x7e || c == '"') {
            return A0_ERR_INVALID_REQUEST;
        }

        if (c != '\\') {
            continue;
        }

        /* only the quote and the backslash can be escaped */

        c = header.data[++i];

        if (i == header.len - 1 || (c != '"' && c != '\\')) {
            return A0_ERR_INVALID_REQUEST;
        }
    }

    if (n > A0_IDEMPOTENCY_MAX) {
        return A0_ERR_INVALID_REQUEST;
    }

    key->data = header.data + 1;
    key->len = header.len - 2;

    return A0_OK;
}


a0_err_t
a0_provision_fingerprint(a0_op_e op, a0_str_t key_id, a0_str_t body,
    unsigned char *digest)
{
    size_t         n;
    const char    *name;
    unsigned char  text[A0_PROVISION_BODY_MAX + A0_SEGMENT_MAX + 64];

    if (body.len > A0_PROVISION_BODY_MAX || key_id.len > A0_SEGMENT_MAX) {
        return A0_ERR_MALFORMED;
    }

    /* each part but the last ends with a byte that it cannot hold */

    name = a0_op_text(op);
    n = strlen(name) + 1;
    memcpy(text, name, n);

    if (key_id.len) {
        memcpy(text + n, key_id.data, key_id.len);
        n += key_id.len;
    }

    text[n++] = '/';

    if (body.len) {
        n += a0_json_compact(body, text + n);
    }

    SHA256(text, n, digest);
    OPENSSL_cleanse(text, sizeof(text));

    return A0_OK;
}
