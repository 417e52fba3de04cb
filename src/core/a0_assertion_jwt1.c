
/* Signing with libjwt 1.x and 2.x, which take a PEM. */

#include "a0_assertion_int.h"

#if !A0_ASSERTION_JWT3


static int
a0_claims_add(jwt_t *jwt, const a0_assertion_claims_t *claims)
{
    return jwt_add_grant(jwt, "iss", claims->client) == 0
           && jwt_add_grant(jwt, "sub", claims->client) == 0
           && jwt_add_grant(jwt, "aud", claims->audience) == 0
           && jwt_add_grant(jwt, "jti", claims->jti) == 0
           && jwt_add_grant_int(jwt, "iat", (long) claims->iat) == 0
           && jwt_add_grant_int(jwt, "exp", (long) claims->exp) == 0;
}


char *
a0_assertion_encode(const a0_assertion_claims_t *claims, a0_str_t pem,
    jwt_alg_t alg)
{
    char   *text;
    jwt_t  *jwt;

    if (jwt_new(&jwt) != 0) {
        return NULL;
    }

    text = NULL;

    if (a0_claims_add(jwt, claims)
        && jwt_set_alg(jwt, alg, pem.data, (int) pem.len) == 0)
    {
        text = jwt_encode_str(jwt);
    }

    jwt_free(jwt);

    return text;
}


#endif /* !A0_ASSERTION_JWT3 */
