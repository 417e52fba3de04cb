
/*
 * core TOKEN JWKS [PART [COUNT]] : CPU time of the core's parts, one a line:
 * name, nanoseconds a call.  With PART only that one.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "a0_jwk.h"
#include "a0_jwt.h"
#include "a0_policy.h"
#include "a0_tcache.h"


#define ROUNDS    7
#define ENTRIES   10000
#define CAPACITY  100000


/* What every part works on, and the digests of many tokens. */

typedef struct {
    a0_str_t             token;
    a0_jwt_t             jwt;
    a0_jwk_set_t        *set;
    a0_jwk_t            *key;
    EVP_MD              *md;
    EVP_MD_CTX          *ctx;
    EVP_PKEY_CTX        *rsa;
    a0_tcache_t         *cache;
    a0_tcache_origin_t   origin;
    a0_policy_t          policy;
    a0_policy_group_t    scope;
    a0_str_t             issuer;
    a0_str_t             audience;
    a0_str_t             names[2];
    int64_t              now;
    unsigned char       *work;
    unsigned char       *copy;      /* of the token */
    unsigned char        digest[A0_TCACHE_DIGEST];    /* of jwt.input */
    unsigned char        digests[ENTRIES][A0_TCACHE_DIGEST];
    unsigned             entries;
} bench_t;


static bench_t  bench;


static void
fail(const char *what)
{
    fprintf(stderr, "core: %s\n", what);
    exit(1);
}


static int
alive(uint32_t pid)
{
    return pid != 0;
}


static int
do_compare(unsigned long i)
{
    bench.copy[i % bench.token.len] ^= 1;    /* nothing is known beforehand */
    bench.copy[i % bench.token.len] ^= 1;

    return memcmp(bench.copy, bench.token.data, bench.token.len) == 0;
}


static int
do_digest(unsigned long i)
{
    unsigned char  digest[A0_TCACHE_DIGEST];

    (void) i;

    return EVP_DigestInit_ex(bench.ctx, bench.md, NULL) == 1
           && EVP_DigestUpdate(bench.ctx, bench.token.data, bench.token.len)
              == 1
           && EVP_DigestFinal_ex(bench.ctx, digest, NULL) == 1;
}


static int
do_parse(unsigned long i)
{
    a0_jwt_t  jwt;

    (void) i;

    return a0_jwt_parse(bench.token, bench.work, &jwt) == A0_OK;
}


static int
do_verify(unsigned long i)
{
    (void) i;

    return a0_jws_verify(bench.jwt.alg, bench.key, bench.jwt.input,
                         bench.jwt.signature)
           == A0_OK;
}


/* The library alone, its context ready and the digest made: the floor. */

static int
do_rsa(unsigned long i)
{
    (void) i;

    return EVP_PKEY_verify(bench.rsa, bench.jwt.signature.data,
                           bench.jwt.signature.len, bench.digest,
                           sizeof(bench.digest))
           == 1;
}


static int
do_get(unsigned long i)
{
    uint64_t            claims[A0_TCACHE_ENTRY / sizeof(uint64_t)];
    a0_tcache_origin_t  origin;

    return a0_tcache_get(bench.cache, bench.digests[i % bench.entries],
                         bench.now, (a0_claims_t *) claims, &origin);
}


static int
do_put(unsigned long i)
{
    return a0_tcache_put(bench.cache, bench.digests[i % bench.entries],
                         bench.now, bench.jwt.claims, &bench.origin, 1, alive)
           != A0_TCACHE_SKIPPED;
}


static int
do_policy(unsigned long i)
{
    size_t  issuer;

    (void) i;

    return a0_policy_select(&bench.policy, bench.jwt.claims, &issuer) == A0_OK
           && a0_policy_check(&bench.policy, bench.jwt.claims, bench.now)
              == A0_OK;
}


static const struct {
    const char     *name;
    int           (*run)(unsigned long i);
    unsigned long   count;
    unsigned        entries;
} parts[] = {
    { "compare", do_compare, 1000000, 1 },
    { "sha256", do_digest, 100000, 1 },
    { "rsa", do_rsa, 3000, 1 },
    { "parse", do_parse, 10000, 1 },
    { "verify", do_verify, 3000, 1 },
    { "put", do_put, 100000, ENTRIES },
    { "get-1", do_get, 1000000, 1 },
    { "get-10000", do_get, 100000, ENTRIES },
    { "policy", do_policy, 1000000, 1 }
};


static double
cpu_time(void)
{
    struct timespec  t;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}


/* The best of several rounds: what others do on the machine only adds. */

static double
measure(int (*run)(unsigned long i), unsigned long count)
{
    double         start, spent, best;
    unsigned       round;
    unsigned long  i;

    best = 0;

    for (round = 0; round < ROUNDS; round++) {
        start = cpu_time();

        for (i = 0; i < count; i++) {
            if (!run(i)) {
                fail("a part failed");
            }
        }

        spent = (cpu_time() - start) / (double) count;

        if (round == 0 || spent < best) {
            best = spent;
        }
    }

    return best;
}


static a0_str_t
str(const char *s)
{
    a0_str_t  a;

    a.len = strlen(s);
    a.data = (const unsigned char *) s;

    return a;
}


static void
prepare_key(const char *jwks)
{
    if (a0_jwk_set_parse(str(jwks), &bench.set) != A0_OK
        || a0_jwk_set_find(bench.set, bench.jwt.kid, bench.jwt.alg,
                           &bench.key) != A0_OK)
    {
        fail("no key");
    }

    bench.md = EVP_MD_fetch(NULL, "SHA256", NULL);
    bench.ctx = EVP_MD_CTX_new();
    bench.rsa = EVP_PKEY_CTX_new(bench.key->pkey, NULL);

    if (bench.md == NULL || bench.ctx == NULL || bench.rsa == NULL
        || EVP_PKEY_verify_init(bench.rsa) != 1
        || EVP_PKEY_CTX_set_signature_md(bench.rsa, bench.md) != 1
        || EVP_Digest(bench.jwt.input.data, bench.jwt.input.len, bench.digest,
                      NULL, bench.md, NULL) != 1)
    {
        fail("OpenSSL");
    }
}


static void
prepare_cache(void)
{
    void      *mem;
    size_t     size;
    unsigned   i;

    size = CAPACITY * A0_TCACHE_ENTRY;
    mem = aligned_alloc(64, size);

    if (mem == NULL) {
        fail("no memory");
    }

    bench.cache = a0_tcache_init(mem, size);

    for (i = 0; i < ENTRIES; i++) {
        if (EVP_Digest(&i, sizeof(i), bench.digests[i], NULL, bench.md, NULL)
            != 1)
        {
            fail("OpenSSL");
        }
    }
}


/* As a location has it: issuer, audience, organization, two scopes. */

static void
prepare_policy(void)
{
    bench.issuer = a0_claims_str(bench.jwt.claims, bench.jwt.claims->iss);
    bench.audience = a0_claims_str(bench.jwt.claims, bench.jwt.claims->aud);
    bench.audience.len--;    /* the NUL after it */
    bench.names[0] = str("read:orders");
    bench.names[1] = str("write:orders");

    bench.scope.names.elts = bench.names;
    bench.scope.names.nelts = 2;

    bench.policy.issuers.elts = &bench.issuer;
    bench.policy.issuers.nelts = 1;
    bench.policy.audiences.elts = &bench.audience;
    bench.policy.audiences.nelts = 1;
    bench.policy.scopes = &bench.scope;
    bench.policy.nscopes = 1;
    bench.policy.org = A0_ORG_ANY;
    bench.policy.algorithms = A0_ALG_DEFAULT;
    bench.now = bench.jwt.claims->iat;
}


int
main(int argc, char **argv)
{
    double         ns;
    size_t         i;
    unsigned long  count;

    if (argc < 3) {
        fail("usage: core TOKEN JWKS [PART [COUNT]]");
    }

    bench.token = str(argv[1]);
    bench.work = malloc(a0_jwt_work_size(bench.token.len));

    if (bench.work == NULL
        || a0_jwt_parse(bench.token, bench.work, &bench.jwt) != A0_OK)
    {
        fail("no token");
    }

    bench.work = malloc(a0_jwt_work_size(bench.token.len));
    bench.copy = malloc(bench.token.len);

    if (bench.work == NULL || bench.copy == NULL) {
        fail("no memory");
    }

    memcpy(bench.copy, bench.token.data, bench.token.len);

    prepare_key(argv[2]);
    prepare_cache();
    prepare_policy();

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {

        if (argc > 3 && strcmp(argv[3], parts[i].name) != 0) {
            continue;
        }

        count = argc > 4 ? strtoul(argv[4], NULL, 10) : parts[i].count;
        bench.entries = parts[i].entries;

        ns = measure(parts[i].run, count);
        printf("%s %.1f\n", parts[i].name, ns);
    }

    return 0;
}
