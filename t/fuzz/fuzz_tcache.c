/*
 * The token table against a list of what was put last: a hit is what was put,
 * from whom it came and not too old; what nobody put is never found; a put is
 * found right after it.  Writers die and others hold locks, too.
 */

#include "a0_tcache_set.h"
#include "fuzz.h"

#define SETS     2
#define DIGESTS  24
#define SIZE     (sizeof(a0_tcache_t) + SETS * sizeof(a0_tcache_set_t))


typedef struct {
    int                 put;
    unsigned char       claims[A0_TCACHE_CLAIMS];
    size_t              size;
    int64_t             exp;
    a0_tcache_origin_t  origin;
} model_t;

static model_t        model[DIGESTS];
static unsigned       living;
static a0_tcache_t   *cache;


static int
alive(uint32_t pid)
{
    (void) pid;
    return (int) living;
}


/* A few digests share set and tag. */

static void
digest_of(unsigned n, unsigned char *digest)
{
    memset(digest, 0, A0_TCACHE_DIGEST);
    digest[3] = n & 1 ? 0xff : 0;
    digest[4] = (unsigned char) (n / 4 * 2);
    digest[31] = (unsigned char) n;
}


static void
get(unsigned n, int64_t now)
{
    int                 hit;
    a0_tcache_origin_t  origin;
    unsigned char       digest[A0_TCACHE_DIGEST];
    union {
        a0_claims_t    claims;
        unsigned char  bytes[A0_TCACHE_ENTRY];
    } u;

    digest_of(n, digest);
    hit = a0_tcache_get(cache, digest, now, &u.claims, &origin);

    if (!hit) {
        return;
    }

    fuzz_deep++;
    FUZZ_ASSERT(model[n].put);
    FUZZ_ASSERT(model[n].exp > now - A0_TCACHE_LEEWAY);
    FUZZ_ASSERT(memcmp(u.bytes, model[n].claims, model[n].size) == 0);
    FUZZ_ASSERT(memcmp(&origin, &model[n].origin, sizeof(origin)) == 0);
}


static a0_claims_t *
claims_of(fuzz_t *in, int64_t now)
{
    size_t        size;
    a0_claims_t  *c;

    size = sizeof(a0_claims_t) + (fuzz_int(in, 2) % A0_TCACHE_CLAIMS);
    c = fuzz_alloc(size);
    memset(c, (int) fuzz_byte(in), size);
    c->size = (uint16_t) size;
    c->exp = now - 310 + (int64_t) (fuzz_int(in, 2) % 1000);

    return c;
}


static a0_tcache_set_t *
set_of(unsigned n)
{
    uint32_t       tag;
    unsigned char  digest[A0_TCACHE_DIGEST];

    digest_of(n, digest);
    return a0_tcache_set(cache, digest, &tag);
}


static void
put(fuzz_t *in, unsigned n, int64_t now)
{
    size_t              before, after;
    uint32_t            owner;
    a0_claims_t        *c;
    unsigned char       digest[A0_TCACHE_DIGEST];
    a0_tcache_put_e     what;
    a0_tcache_origin_t  origin;

    c = claims_of(in, now);
    memset(&origin, 0, sizeof(origin));
    origin.generation = fuzz_byte(in) % 3;
    origin.key_set = fuzz_byte(in) % 2;
    digest_of(n, digest);
    owner = a0_tcache_load(&set_of(n)->lock);
    before = a0_tcache_entries(cache, now);
    what = a0_tcache_put(cache, digest, now, c, &origin, 7, alive);
    after = a0_tcache_entries(cache, now);

    FUZZ_ASSERT((what == A0_TCACHE_SKIPPED)
                == (c->size > A0_TCACHE_CLAIMS
                    || c->exp <= now - A0_TCACHE_LEEWAY
                    || (owner && owner != 7 && living)));
    FUZZ_ASSERT(what != A0_TCACHE_EVICTED
                || (before == after && before >= A0_TCACHE_WAYS));

    if (what != A0_TCACHE_SKIPPED) {
        model[n].put = 1;
        model[n].size = c->size;
        model[n].exp = c->exp;
        model[n].origin = origin;
        memcpy(model[n].claims, c, c->size);
        before = fuzz_deep;
        get(n, now);
        FUZZ_ASSERT(fuzz_deep == before + 1);
        FUZZ_ASSERT(a0_tcache_load(&set_of(n)->lock) == 0);
        FUZZ_ASSERT(!(a0_tcache_load(&set_of(n)->seq) & 1));
    }

    free(c);
}


/* A writer that stops half way: the entry in hand is nobody's. */

static void
die(unsigned n, unsigned fill)
{
    a0_tcache_set_t  *set;

    set = set_of(n);

    if (a0_tcache_load(&set->lock) == 0) {
        a0_tcache_store(&set->lock, 99);
        a0_tcache_store(&set->seq, a0_tcache_load(&set->seq) | 1);
        memset((void *) &set->entries[n % A0_TCACHE_WAYS], (int) fill,
               sizeof(set->entries[0]));
    }
}


void
fuzz_one(fuzz_t *in)
{
    void      *mem;
    int64_t    now;
    unsigned   i, op;

    mem = aligned_alloc(A0_TCACHE_LINE, SIZE);
    memset(mem, (int) fuzz_byte(in), SIZE);
    memset(model, 0, sizeof(model));
    cache = a0_tcache_init(mem, SIZE);
    FUZZ_ASSERT(a0_tcache_capacity(cache) == SETS * A0_TCACHE_WAYS);
    now = 1000;

    while (fuzz_left(in)) {
        op = fuzz_byte(in);
        i = fuzz_byte(in) % DIGESTS;
        living = op & 0x80;

        switch (op % 8) {
        case 0:
            now += fuzz_byte(in);
            break;
        case 1:
            die(i, fuzz_byte(in));
            break;
        case 2: case 3: case 4:
            get(i, now);
            break;
        default:
            put(in, i, now);
        }

        FUZZ_ASSERT(a0_tcache_entries(cache, now)
                    <= a0_tcache_capacity(cache));
    }

    for (i = 0; i < DIGESTS; i++) {
        get(i, now);
    }

    free(mem);
}
