/*
 * The core's verdicts, for diff.py.  Reads lines, bytes in hex:
 *
 *     N seconds    the time
 *     K bytes      a key-set document
 *     T bytes      a token: answers with the reason token, "ok" if accepted
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>

#include "a0_jwk.h"
#include "a0_jwt.h"
#include "a0_policy.h"
#include "hex.h"


static const a0_str_t  issuer = a0_string("https://acme.us.auth0.com/");
static const a0_str_t  audience = a0_string("https://api.acme.example/");

static const a0_policy_t  policy = {
    .issuers = { &issuer, 1 },
    .audiences = { &audience, 1 },
    .algorithms = 0xff
};


static a0_err_t
verify(a0_jwk_set_t *set, const a0_jwt_t *jwt)
{
    a0_err_t   err;
    a0_jwk_t  *key;

    err = a0_jwk_set_find(set, jwt->kid, jwt->alg, &key);

    return err != A0_OK ? err
                        : a0_jws_verify(jwt->alg, key, jwt->input,
                                        jwt->signature);
}


static a0_err_t
judge(a0_jwk_set_t *set, a0_str_t token, int64_t now)
{
    size_t          i;
    a0_err_t        err;
    a0_jwt_t        jwt;
    unsigned char  *work;

    work = malloc(a0_jwt_work_size(token.len));
    err = a0_jwt_parse(token, work, &jwt);

    if (err == A0_OK) {
        err = a0_policy_select(&policy, jwt.claims, &i);
    }

    if (err == A0_OK) {
        err = set ? verify(set, &jwt) : A0_ERR_BAD_KEY_SET;
    }

    if (err == A0_OK) {
        err = a0_policy_check(&policy, jwt.claims, now);
    }

    free(work);

    return err;
}


int
main(void)
{
    char          *line;
    size_t         cap;
    int64_t        now;
    a0_err_t       err;
    a0_str_t       bytes;
    a0_jwk_set_t  *set;

    line = NULL;
    cap = 0;
    now = 0;
    set = NULL;

    while (getline(&line, &cap, stdin) > 0) {

        if (line[0] == 'N') {
            now = atoll(line + 2);
            continue;
        }

        bytes.data = hex_decode(line + 2, &bytes.len);

        if (line[0] == 'K') {
            a0_jwk_set_free(set);
            set = NULL;
            err = a0_jwk_set_parse(bytes, &set);

        } else {
            err = judge(set, bytes, now);
            printf("%s\n", (const char *) a0_err_info(err)->token.data);
            fflush(stdout);
        }

        free((void *) (uintptr_t) bytes.data);
    }

    a0_jwk_set_free(set);
    free(line);

    return 0;
}
