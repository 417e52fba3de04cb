
/*
 * What the provisioning endpoints answer: problem details (RFC 9457) with the
 * members message (what the portal shows), request_id, step, retryable and
 * cleanup.
 */

#ifndef A0_PROVISION_ANSWER_H_INCLUDED
#define A0_PROVISION_ANSWER_H_INCLUDED


#include "a0.h"
#include "a0_json.h"


/* X(NAME, type after "urn:auth0-m2m:", status, retryable, title, detail) */

#define A0_PROBLEM_MAP(X)                                                     \
    X(NONE, "", 200, 0, "", "")                                               \
    X(MALFORMED_REQUEST, "malformed-request", 400, 0,                         \
      "Malformed request", "The request body is not acceptable.")             \
    X(BAD_IDEMPOTENCY_KEY, "bad-idempotency-key", 400, 0,                     \
      "Bad Idempotency-Key",                                                  \
      "Idempotency-Key must be a quoted string of 1 to 128 characters.")      \
    X(TOKEN_REQUIRED, "invalid-token", 401, 0,                                \
      "Token required", "Authorization token is required")                    \
    X(INVALID_TOKEN, "invalid-token", 401, 0,                                 \
      "Invalid token", "Invalid token")                                       \
    X(FORBIDDEN, "forbidden", 403, 0,                                         \
      "Forbidden", "The token does not allow this.")                          \
    X(EMAIL_UNVERIFIED, "email-unverified", 403, 0,                           \
      "E-mail not verified", "Verify your e-mail address first.")             \
    X(EMAIL_MISMATCH, "email-mismatch", 403, 0,                               \
      "E-mail does not match",                                                \
      "The token's e-mail address is not the account's. Sign in again.")      \
    X(USER_BLOCKED, "user-blocked", 403, 0,                                   \
      "User blocked", "This account is blocked.")                             \
    X(USER_UNKNOWN, "user-unknown", 403, 0,                                   \
      "User unknown", "This account no longer exists.")                       \
    X(QUOTA_EXCEEDED, "quota-exceeded", 403, 0,                               \
      "Too many keys", "Revoke a key before creating another.")               \
    X(SCOPE_NOT_ALLOWED, "scope-not-allowed", 403, 0,                         \
      "Scope not allowed", "A requested scope cannot be granted.")            \
    X(ORIGIN_NOT_ALLOWED, "origin-not-allowed", 403, 0,                       \
      "Origin not allowed", "This origin may not use the API.")               \
    X(NOT_FOUND, "not-found", 404, 0,                                         \
      "Not found", "There is nothing at this path.")                          \
    X(KEY_NOT_FOUND, "key-not-found", 404, 0,                                 \
      "Key not found", "There is no such key.")                               \
    X(USER_NOT_FOUND, "user-not-found", 404, 0,                               \
      "User not found", "There is no verified account of this user.")         \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 405, 0,                       \
      "Method not allowed", "This method is not supported here.")             \
    X(NOT_PROVISIONED, "not-provisioned", 409, 0,                             \
      "Not provisioned",                                                      \
      "Customer Id unknown. Ensure you're subscribed to a plan. "             \
      "If you just subscribed, try again.")                                   \
    X(AMBIGUOUS_ORGANIZATION, "ambiguous-organization", 409, 0,               \
      "Several organizations",                                                \
      "The account belongs to several organizations. Sign in to one.")        \
    X(AMBIGUOUS_USER, "ambiguous-user", 409, 0,                               \
      "Several users", "Several accounts fit. Name one by sub.")              \
    X(ORGANIZATION_CONFLICT, "organization-conflict", 409, 0,                 \
      "Organization conflict",                                                \
      "An organization of this name belongs to another customer.")            \
    X(ORGANIZATION_GONE, "organization-gone", 409, 0,                         \
      "Organization gone", "The organization no longer exists.")              \
    X(ALREADY_CREATED, "already-created", 409, 0,                             \
      "Already created", "This Idempotency-Key has already made a key.")      \
    X(IN_PROGRESS, "in-progress", 409, 1,                                     \
      "In progress", "Another request of this user is still running.")        \
    X(TOO_LARGE, "payload-too-large", 413, 0,                                 \
      "Payload too large", "The request body is too large.")                  \
    X(UNSUPPORTED_TYPE, "unsupported-media-type", 415, 0,                     \
      "Unsupported media type", "Content-Type must be application/json.")     \
    X(IDEMPOTENCY_KEY_REUSED, "idempotency-key-reused", 422, 0,               \
      "Idempotency-Key reused",                                               \
      "This Idempotency-Key came with another request before.")               \
    X(TOO_MANY_REQUESTS, "too-many-requests", 429, 1,                         \
      "Too many requests", "Slow down.")                                      \
    X(CALLER_LEFT, "caller-left", 499, 1,                                     \
      "Caller left", "The caller closed its connection.")                     \
    X(INTERNAL, "internal-error", 500, 1,                                     \
      "Internal error", "The request could not be handled.")                  \
    X(IDP_REJECTED, "idp-rejected", 502, 0,                                   \
      "Identity provider refused",                                            \
      "The identity provider refused the operation.")                         \
    X(IDP_ERROR, "idp-error", 502, 1,                                         \
      "Identity provider failed", "The identity provider failed.")            \
    X(BUSY, "busy", 503, 1,                                                   \
      "Busy", "Too many requests are running.")                               \
    X(KEYS_UNAVAILABLE, "keys-unavailable", 503, 1,                           \
      "Keys unavailable", "The token cannot be verified now.")                \
    X(IDP_THROTTLED, "idp-throttled", 503, 1,                                 \
      "Identity provider busy", "The identity provider asks to wait.")        \
    X(IDP_LIMIT_REACHED, "idp-limit-reached", 503, 0,                         \
      "Identity provider limit reached",                                      \
      "The identity provider's limit for such entities is reached.")          \
    X(IDP_TIMEOUT, "idp-timeout", 504, 1,                                     \
      "Identity provider too slow",                                           \
      "The identity provider did not answer in time.")


#define A0_PROBLEM_ENUM(name, type, status, retry, title, detail)             \
    A0_PROBLEM_ ## name,

typedef enum {
    A0_PROBLEM_MAP(A0_PROBLEM_ENUM)
    A0_PROBLEM_N
} a0_problem_e;

#undef A0_PROBLEM_ENUM


typedef enum {
    A0_CLEANUP_NONE = 0,    /* nothing was left behind */
    A0_CLEANUP_COMPLETE,    /* what was made was taken back */
    A0_CLEANUP_PENDING      /* it will be */
} a0_cleanup_e;


typedef struct {
    a0_str_t     type;         /* whole URN */
    unsigned     status;
    unsigned     retryable;
    a0_str_t     title;
    a0_str_t     detail;
} a0_problem_info_t;

/* Never NULL; an argument outside the list gives the row of INTERNAL. */

const a0_problem_info_t *a0_problem_info(a0_problem_e problem);


typedef struct {
    a0_problem_e   problem;
    a0_cleanup_e   cleanup;
    const char    *step;         /* static; NULL or "": no such member */
    a0_str_t       request_id;
    a0_str_t       client_id;    /* ALREADY_CREATED; empty: no such member */
    unsigned       create:1;     /* of a create operation: 5xx carry the
                                    portal's "Failed to create key" */
} a0_problem_t;

/* Appends the JSON object.  Its type is A0_PROBLEM_TYPE. */

void a0_problem_write(a0_json_out_t *out, const a0_problem_t *problem);

#define A0_PROBLEM_TYPE  "application/problem+json"
#define A0_ANSWER_TYPE   "application/json; charset=utf-8"
#define A0_PROBLEM_SIZE  2048   /* enough for one, request ids to 128 bytes */


/* {"apikey":"{\"client_id\":\"..\",\"client_secret\":\"..\"}"<extra>} where
 * extra is empty or further members with their comma. */

void a0_answer_apikey(a0_json_out_t *out, a0_str_t client_id,
    a0_str_t client_secret, a0_str_t extra);


typedef struct {
    a0_str_t  name;
    a0_str_t  value;
} a0_answer_hdr_t;

/* Headers of every answer of these endpoints; ends with an empty name. */

extern const a0_answer_hdr_t  a0_answer_common[];


#endif /* A0_PROVISION_ANSWER_H_INCLUDED */
