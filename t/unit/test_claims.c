
/*
 * What header and payload may hold.  data/jwt has headers (first line) and
 * payloads (the rest), which are coded here; what a valid one says is compared
 * line by line.
 */

#include "unit_jwt.h"


/* From the bytes of a file: header, line feed, payload, line feed. */

static size_t
build_file(const unsigned char *input, size_t len)
{
    const unsigned char  *end;

    end = memchr(input, '\n', len);

    if (end == NULL || input[len - 1] != '\n') {
        printf("Bail out! no header and payload\n");
        exit(2);
    }

    return build(input, (size_t) (end - input), end + 1,
                 (size_t) (input + len - 1 - (end + 1)));
}


static size_t
put(char *at, const char *name, const a0_claims_t *claims, a0_span_t span)
{
    size_t    i, n;
    a0_str_t  s;

    if (span.off == 0) {
        CHECK_EQ_INT(span.len, 0);
        return 0;
    }

    CHECK(span.off >= sizeof(a0_claims_t));
    CHECK(span.off + span.len <= claims->size);
    s = a0_claims_str(claims, span);
    n = (size_t) sprintf(at, "%s ", name);

    for (i = 0; i < s.len; i++) {
        at[n++] = s.data[i] ? (char) s.data[i] : '|';
    }

    at[n++] = '\n';

    return n;
}


static size_t
put_flags(char *at, unsigned flags)
{
    size_t                    i, n;
    static const char *const  names[] = {
        "AT_JWT", "SUB", "NBF", "IAT", "JTI", "ORG_ID", "SCOPE",
        "PERMISSIONS", "CNF", "CLIENT_ID", "BAD_ORG_ID"
    };

    n = flags ? (size_t) sprintf(at, "flags") : 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (flags & 1u << i) {
            n += (size_t) sprintf(at + n, " %s", names[i]);
        }
    }

    CHECK_EQ_INT(flags >> i, 0);

    return n + (flags ? (size_t) sprintf(at + n, "\n") : 0);
}


/* What the claims say, as in the files `expect`. */

static const char *
render(const a0_claims_t *c)
{
    size_t                n;
    const a0_jws_alg_t   *alg;
    static char           text[A0_TOKEN_MAX * 2];

    alg = a0_jws_alg_by_bit(c->alg);
    CHECK(alg != NULL);

    n = (size_t) sprintf(text, "alg %s\n", alg->name.data);
    n += put(text + n, "kid", c, c->kid);
    n += (size_t) sprintf(text + n, "exp %lld\n", (long long) c->exp);

    if (c->flags & A0_CLAIMS_NBF) {
        n += (size_t) sprintf(text + n, "nbf %lld\n", (long long) c->nbf);
    }

    if (c->flags & A0_CLAIMS_IAT) {
        n += (size_t) sprintf(text + n, "iat %lld\n", (long long) c->iat);
    }

    n += put(text + n, "iss", c, c->iss);
    n += put(text + n, "sub", c, c->sub);
    n += put(text + n, "aud", c, c->aud);
    n += put(text + n, "scope", c, c->scope);
    n += put(text + n, "permissions", c, c->permissions);
    n += put(text + n, "org_id", c, c->org_id);
    n += put(text + n, "client_id", c, c->client_id);
    n += put_flags(text + n, c->flags);
    text[n - 1] = '\0';

    return text;
}


static void
check_jwt(const parsed_t *p, size_t len)
{
    const a0_jwt_t     *jwt;
    const a0_claims_t  *c;

    jwt = &p->jwt;
    c = jwt->claims;

    CHECK_EQ_INT((uintptr_t) c % _Alignof(a0_claims_t), 0);
    CHECK(c->size <= A0_CLAIMS_SIZE_MAX);
    CHECK_EQ_INT(c->pad, 0);
    CHECK_EQ_INT(c->alg, jwt->alg->bit);
    CHECK(jwt->input.data == p->token);
    CHECK_EQ_INT(jwt->input.len, len - 13);
    CHECK(jwt->payload.data + jwt->payload.len == p->token + len - 13);
    CHECK_EQ_STR(jwt->signature, "signature");
    CHECK((jwt->kid.data == NULL) == (c->kid.off == 0));
}


static void
valid_file(const unsigned char *input, size_t len, const char *expect)
{
    size_t    n, shift;
    parsed_t  p;

    n = build_file(input, len);

    for (shift = 0; shift < 8; shift++) {
        CHECK_EQ_INT(parse(&p, token, n, shift), A0_OK);
        check_jwt(&p, n);
        CHECK_EQ_MEM(render(p.jwt.claims), strlen(render(p.jwt.claims)),
                     expect, strlen(expect));
        release(&p);
    }
}


static void
invalid_file(const unsigned char *input, size_t len, const char *expect)
{
    size_t    n;
    a0_err_t  err;

    n = build_file(input, len);
    err = outcome(token, n);
    CHECK_EQ_STR(a0_err_info(err)->token, expect);
}


int
main(void)
{
    unit_dir("jwt/valid", valid_file);
    unit_dir("jwt/invalid", invalid_file);

    return unit_done();
}
