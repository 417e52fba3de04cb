/*
 * Making and parsing tokens whose signature nobody looks at.
 */

#ifndef UNIT_JWT_H
#define UNIT_JWT_H

#include "a0_base64url.h"
#include "a0_jwt.h"
#include "unit.h"


static char  token[A0_TOKEN_MAX * 2];    /* what build() made */


static a0_str_t
str(const void *data, size_t len)
{
    a0_str_t  s;

    s.len = len;
    s.data = data;

    return s;
}


/* The token and its work area in blocks of exactly their size, the work area
 * at any alignment; the caller frees both. */

typedef struct {
    unsigned char  *token, *block;
    a0_jwt_t        jwt;
} parsed_t;


static a0_err_t
parse(parsed_t *p, const char *text, size_t len, size_t shift)
{
    size_t          size;
    unsigned char  *work;

    size = a0_jwt_work_size(len);
    p->token = malloc(len ? len : 1);
    memcpy(p->token, text, len);
    p->block = malloc(shift + size);
    work = p->block + shift;
    memset(work, 0xa5, size);
    memset(&p->jwt, 0xa5, sizeof(a0_jwt_t));

    return a0_jwt_parse(str(p->token, len), work, &p->jwt);
}


static void
release(parsed_t *p)
{
    free(p->token);
    free(p->block);
}


__attribute__((unused)) static a0_err_t
outcome(const char *text, size_t len)
{
    a0_err_t  err;
    a0_jwt_t  untouched;
    parsed_t  p;

    err = parse(&p, text, len, 0);

    if (err != A0_OK) {
        memset(&untouched, 0xa5, sizeof(a0_jwt_t));
        CHECK(memcmp(&p.jwt, &untouched, sizeof(a0_jwt_t)) == 0);
    }

    release(&p);

    return err;
}


static size_t
append(size_t at, const void *data, size_t len)
{
    size_t  n;

    if (a0_base64url_encode(str(data, len), (unsigned char *) token + at,
                            sizeof(token) - at, &n) != A0_OK)
    {
        printf("Bail out! token too long\n");
        exit(2);
    }

    return at + n;
}


/* Codes both; returns the length. */

static size_t
build(const void *header, size_t header_len, const void *payload,
    size_t payload_len)
{
    size_t  at;

    at = append(0, header, header_len);
    token[at++] = '.';
    at = append(at, payload, payload_len);
    token[at++] = '.';

    return append(at, "signature", 9);
}


#endif /* UNIT_JWT_H */
