
/*
 * The memory of verified tokens: a set-associative table on memory that the
 * caller owns and shares between processes.  It remembers "these bytes were
 * authentic under key set K, generation G, and said these claims", nothing
 * else; every verdict is made anew from the claims.
 *
 * Readers take no lock: each set carries a sequence number that is odd while
 * somebody writes, and a reader that saw it odd or moving has a miss.  Writers
 * try the set's lock word (their process id) and give up when it is taken: a
 * token that was not remembered costs one more verification, nothing else.  A
 * lock whose owner died is taken over, and the set emptied first.
 *
 * No pointers inside, no allocation, no out-of-memory path.
 */

#ifndef A0_TCACHE_H_INCLUDED
#define A0_TCACHE_H_INCLUDED


#include "a0.h"
#include "a0_jwt.h"


#define A0_TCACHE_DIGEST    32      /* SHA-256 of the token, compared whole */
#define A0_TCACHE_WAYS      8       /* entries in a set */
#define A0_TCACHE_ENTRY     704     /* bytes of one entry, claims included */
#define A0_TCACHE_CLAIMS    640     /* most bytes of claims */


typedef struct a0_tcache_s  a0_tcache_t;


/* Which keys vouched for a token. */

typedef struct {
    uint64_t  generation;   /* of the key set */
    uint32_t  key_set;      /* which one */
    uint32_t  pad;
} a0_tcache_origin_t;


/* Counters are the caller's business; what happened is the return value. */

typedef enum {
    A0_TCACHE_STORED = 0,
    A0_TCACHE_EVICTED,      /* stored in place of a live token */
    A0_TCACHE_SKIPPED       /* set busy, claims above A0_TCACHE_CLAIMS, or
                               expired as a look-up sees it */
} a0_tcache_put_e;


/*
 * Largest table of whole sets within size bytes, all empty; mem is aligned to
 * 64 bytes and is where the table begins.  Too little room for one set is
 * allowed (NULL or a table without sets): everything below accepts it, and all
 * look-ups miss.  A set takes 64 bytes and 8 entries, the table 64 more.
 */

a0_tcache_t *a0_tcache_init(void *mem, size_t size);

/* Number of entries there is room for, and of those in use (a scan). */

size_t a0_tcache_capacity(const a0_tcache_t *cache);
size_t a0_tcache_entries(const a0_tcache_t *cache, int64_t now);

/*
 * 1 on a hit: copies the claims to out (A0_TCACHE_ENTRY bytes are enough) and
 * says who vouched; 0 leaves anything in out.  About 30 ns when the set is in
 * the first-level cache.  The caller compares origin with the keys now in
 * force: another generation is a miss.  Entries past exp (at now, seconds
 * since the epoch, with leeway 300 s, the most that policy allows) are misses.
 */
int a0_tcache_get(a0_tcache_t *cache, const unsigned char *digest,
    int64_t now, a0_claims_t *out, a0_tcache_origin_t *origin);

/*
 * Remembers a verified token.  Replaces, in this order: the same digest; an
 * entry that is free, expired or of an older generation of the same key set;
 * the entry least recently used (to about one write of its set).  pid is the
 * caller's process id, not 0, of one writer at a time; alive(pid) tells
 * whether another owner still lives (called only when a lock is found taken):
 * a living one, however slow, is never robbed.
 */
a0_tcache_put_e a0_tcache_put(a0_tcache_t *cache, const unsigned char *digest,
    int64_t now, const a0_claims_t *claims, const a0_tcache_origin_t *origin,
    uint32_t pid, int (*alive)(uint32_t pid));


#endif /* A0_TCACHE_H_INCLUDED */
