/*
 * One token.  First byte "t": what follows the first line is a token; else two
 * lines of JSON, header and payload, are made one.  The first line, less its
 * first byte, names a claim.
 */

#include "a0_base64url.h"
#include "a0_identity.h"
#include "a0_json.h"
#include "a0_jwt.h"
#include "fuzz.h"


static size_t
encode(a0_str_t bytes, unsigned char *out)
{
    size_t  len;

    FUZZ_ASSERT(a0_base64url_encode(bytes, out,
                                    a0_base64url_encoded_size(bytes.len),
                                    &len) == A0_OK);
    return len;
}


static a0_str_t
make(fuzz_t *in)
{
    size_t          n;
    a0_str_t        header, payload, token;
    unsigned char  *buf;

    header = fuzz_line(in);
    payload = fuzz_rest(in);
    buf = fuzz_alloc(2 * (header.len + payload.len) + 16);
    n = encode(header, buf);
    buf[n++] = '.';
    n += encode(payload, buf + n);
    memcpy(buf + n, ".c2ln", 5);
    token = fuzz_copy(buf, n + 5);
    free(buf);
    fuzz_free(payload);
    fuzz_free(header);

    return token;
}


static int
is_org(a0_str_t org)
{
    size_t    i;
    unsigned  c;

    if (org.len < 5 || org.len > A0_ORG_ID_MAX || memcmp(org.data, "org_", 4)) {
        return 0;
    }

    for (i = 4; i < org.len; i++) {
        c = org.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')))
        {
            return 0;
        }
    }

    return 1;
}


static void
list(const a0_claims_t *c, a0_span_t span)
{
    size_t    i;
    a0_str_t  s;

    s = a0_claims_str(c, span);

    for (i = 0; i < s.len; i++) {
        FUZZ_ASSERT(s.data[i] != '\0' || (i && s.data[i - 1] != '\0'));
    }

    FUZZ_ASSERT(s.len == 0 || s.data[s.len - 1] == '\0');
}


static void
claims(const a0_claims_t *c)
{
    size_t           i;
    a0_str_t         s;
    const a0_span_t  spans[] = { c->kid, c->iss, c->sub, c->aud, c->scope,
                                 c->permissions, c->org_id, c->client_id };

    FUZZ_ASSERT(c->size >= sizeof(*c) && c->size <= A0_CLAIMS_SIZE_MAX);

    for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        s = a0_claims_str(c, spans[i]);
        FUZZ_ASSERT(fuzz_inside(s, (const unsigned char *) c, c->size));
        FUZZ_ASSERT(s.len == 0 || spans[i].off >= sizeof(*c));
    }

    FUZZ_ASSERT(c->exp >= 0 && c->exp <= A0_DATE_MAX);
    FUZZ_ASSERT(c->nbf >= 0 && c->nbf <= A0_DATE_MAX);
    FUZZ_ASSERT(c->iat >= 0 && c->iat <= A0_DATE_MAX);
    FUZZ_ASSERT(c->aud.len != 0 && c->iss.off != 0);
    list(c, c->aud);
    list(c, c->permissions);
    s = a0_claims_str(c, c->org_id);
    FUZZ_ASSERT(s.len == 0 || is_org(s));
    FUZZ_ASSERT(!(c->flags & A0_CLAIMS_BAD_ORG_ID) || s.len == 0);
    FUZZ_ASSERT(!(c->flags & A0_CLAIMS_ORG_ID) == (s.len == 0));
    s = a0_claims_str(c, c->kid);
    FUZZ_ASSERT(s.len <= A0_KID_MAX && fuzz_within(s, 0x21, 0x7e));
}


static void
text(a0_str_t payload, a0_str_t name)
{
    size_t          i, len;
    unsigned char  *out;

    out = fuzz_alloc(payload.len);

    if (a0_jwt_claim_text(payload, name, out, &len) == A0_OK) {
        FUZZ_ASSERT(len <= payload.len);

        for (i = 0; i < len; i++) {
            FUZZ_ASSERT(out[i] >= 0x20 && out[i] != 0x7f);
            FUZZ_ASSERT(out[i] != 0xc2 || i + 1 == len || out[i + 1] >= 0xa0);
        }
    }

    free(out);
}


static void
identity(a0_str_t payload, a0_str_t name)
{
    size_t          size;
    a0_list_t       audiences;
    a0_identity_t   id;
    unsigned char  *work;

    audiences.elts = &name;
    audiences.nelts = 1;
    size = a0_identity_work_size(payload.len);
    work = fuzz_alloc(size);

    if (a0_identity_read(payload, &audiences, work, &id) == A0_OK) {
        FUZZ_ASSERT(id.sub.len && fuzz_inside(id.sub, work, size));
        FUZZ_ASSERT(!id.email.len || fuzz_inside(id.email, work, size));
        FUZZ_ASSERT(!id.org_id.len || fuzz_inside(id.org_id, work, size));
        FUZZ_ASSERT(id.m2m <= 1 && id.email_verified <= 1);
    }

    free(work);
}


static void
read_token(a0_str_t token, a0_str_t name)
{
    size_t          size;
    a0_jwt_t        jwt;
    unsigned char  *work;

    size = a0_jwt_work_size(token.len);
    work = fuzz_alloc(size);

    if (a0_jwt_parse(token, work, &jwt) == A0_OK) {
        fuzz_deep++;
        FUZZ_ASSERT(token.len <= A0_TOKEN_MAX);
        FUZZ_ASSERT(jwt.input.data == token.data);
        FUZZ_ASSERT(fuzz_inside(jwt.payload, jwt.input.data, jwt.input.len));
        FUZZ_ASSERT(token.data[jwt.input.len] == '.');
        FUZZ_ASSERT(jwt.signature.len
                    && fuzz_inside(jwt.signature, work, size));
        FUZZ_ASSERT((unsigned char *) jwt.claims >= work
                    && (unsigned char *) jwt.claims + jwt.claims->size
                       <= work + size);
        FUZZ_ASSERT(jwt.alg != NULL && jwt.claims->alg == jwt.alg->bit);
        claims(jwt.claims);
        text(jwt.payload, name);
        text(jwt.payload, fuzz_str("aud"));
        identity(jwt.payload, name);
    }

    free(work);
}


void
fuzz_one(fuzz_t *in)
{
    a0_str_t  name, token;
    unsigned  mode;

    mode = fuzz_byte(in);
    name = fuzz_line(in);
    token = mode == 't' ? fuzz_rest(in) : make(in);
    read_token(token, name);
    text(token, name);
    identity(token, name);
    fuzz_free(token);
    fuzz_free(name);
}
