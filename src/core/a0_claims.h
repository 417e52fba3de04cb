
/*
 * Making the flat block of a0_jwt.h.  The block grows at its end; the caller
 * has room behind it for every string in header and payload.
 */

#ifndef A0_CLAIMS_H_INCLUDED
#define A0_CLAIMS_H_INCLUDED


#include "a0.h"
#include "a0_json.h"
#include "a0_jwt.h"


/* An empty block at the first aligned place in mem. */

a0_claims_t *a0_claims_init(unsigned char *mem);

/* Appends a string. */

a0_span_t a0_claims_put(a0_claims_t *claims, a0_str_t s);

/* Appends what policy needs of a payload.  MALFORMED when it is no object,
 * else INVALID_CLAIM, as a0_jwt_parse() says. */

a0_err_t a0_claims_read(const a0_json_t *payload, a0_claims_t *claims);


#endif /* A0_CLAIMS_H_INCLUDED */
