
/*
 * The token table's layout, for its two halves: a0_tcache.c reads,
 * a0_tcache_put.c writes.
 *
 * One line of head, then sets.  A set is one line of head (sequence, lock,
 * tags and use marks of its entries: a look-up that misses touches no other
 * line) and its entries.
 *
 * Memory that is read while somebody may write it is made of atomic words
 * only, read and written relaxed: a torn entry is possible, a data race in the
 * sense of C11 is not, and the sequence number tells the torn ones.  On the
 * usual processors these are plain loads and stores.
 */

#ifndef A0_TCACHE_SET_H_INCLUDED
#define A0_TCACHE_SET_H_INCLUDED


#include <stdatomic.h>
#include <string.h>

#include "a0_tcache.h"


#define A0_TCACHE_LINE    64
#define A0_TCACHE_LEEWAY  300    /* seconds, the most that policy allows */

#define A0_TCACHE_WORDS   (A0_TCACHE_ENTRY / sizeof(uintptr_t))


/* First bytes of an entry; the claims follow. */

typedef struct {
    unsigned char       digest[A0_TCACHE_DIGEST];
    a0_tcache_origin_t  origin;
    int64_t             exp;
    uint64_t            size;    /* of the claims */
} a0_tcache_head_t;


typedef struct {
    _Atomic uintptr_t   words[A0_TCACHE_WORDS];
} a0_tcache_entry_t;


/*
 * seq is odd while somebody writes; a reader would have to sleep through
 * exactly 2^31 writes of one set to be deceived.  tags are bits of the digest,
 * 0 for a free entry.  tick counts the writes; used holds its value at the
 * entry's last hit, so that a hit writes shared memory only when the set
 * changed since that entry's last one.
 */

typedef struct {
    _Alignas(A0_TCACHE_LINE)
    _Atomic uint32_t    seq;
    _Atomic uint32_t    lock;    /* process id, 0: free */
    _Atomic uint16_t    tick;
    _Atomic uint16_t    used[A0_TCACHE_WAYS];
    _Atomic uint32_t    tags[A0_TCACHE_WAYS];
    a0_tcache_entry_t   entries[A0_TCACHE_WAYS];
} a0_tcache_set_t;


struct a0_tcache_s {
    _Alignas(A0_TCACHE_LINE)
    uint64_t            nsets;
    a0_tcache_set_t     sets[];
};


_Static_assert(sizeof(a0_tcache_entry_t) == A0_TCACHE_ENTRY, "entry");
_Static_assert(sizeof(a0_tcache_head_t) + A0_TCACHE_CLAIMS == A0_TCACHE_ENTRY,
               "entry head");
_Static_assert(offsetof(a0_tcache_set_t, entries) == A0_TCACHE_LINE, "set");
_Static_assert(sizeof(a0_tcache_t) == A0_TCACHE_LINE, "table");


#define a0_tcache_load(p)        atomic_load_explicit(p, memory_order_relaxed)
#define a0_tcache_store(p, v)                                                 \
    atomic_store_explicit(p, v, memory_order_relaxed)


/* Out of an entry, from a multiple of the word size on. */

static inline void
a0_tcache_copy_out(void *dst, const a0_tcache_entry_t *entry, size_t from,
    size_t size)
{
    size_t          n;
    uintptr_t       word;
    unsigned char  *p;

    p = dst;
    from /= sizeof(word);

    for (n = size / sizeof(word); n != 0; n--) {
        word = a0_tcache_load(&entry->words[from++]);
        memcpy(p, &word, sizeof(word));
        p += sizeof(word);
    }

    n = size % sizeof(word);

    if (n != 0) {
        word = a0_tcache_load(&entry->words[from]);
        memcpy(p, &word, n);
    }
}


static inline void
a0_tcache_head(const a0_tcache_entry_t *entry, a0_tcache_head_t *head)
{
    a0_tcache_copy_out(head, entry, 0, sizeof(a0_tcache_head_t));
}


static inline int
a0_tcache_expired(int64_t exp, int64_t now)
{
    return exp <= now - A0_TCACHE_LEEWAY;
}


/* The digest is uniform: any of its bits may choose the set and be the tag. */

static inline a0_tcache_set_t *
a0_tcache_set(a0_tcache_t *cache, const unsigned char *digest, uint32_t *tag)
{
    uint32_t  hash;

    if (cache == NULL || cache->nsets == 0) {
        return NULL;
    }

    memcpy(&hash, digest, sizeof(hash));
    memcpy(tag, digest + sizeof(hash), sizeof(*tag));
    *tag |= 1;

    return &cache->sets[(uint64_t) hash * cache->nsets >> 32];
}


static inline void
a0_tcache_clear(a0_tcache_set_t *set)
{
    size_t  i;

    for (i = 0; i < A0_TCACHE_WAYS; i++) {
        a0_tcache_store(&set->tags[i], 0);
        a0_tcache_store(&set->used[i], 0);
    }
}


/* The entry of that digest or A0_TCACHE_WAYS. */

static inline size_t
a0_tcache_find(const a0_tcache_set_t *set, uint32_t tag,
    const unsigned char *digest, a0_tcache_head_t *head)
{
    size_t  i;

    for (i = 0; i < A0_TCACHE_WAYS; i++) {
        if (a0_tcache_load(&set->tags[i]) != tag) {
            continue;
        }

        a0_tcache_head(&set->entries[i], head);

        /* digests are no secrets of ours: an early end tells nothing */

        if (memcmp(head->digest, digest, A0_TCACHE_DIGEST) == 0) {
            break;
        }
    }

    return i;
}


#endif /* A0_TCACHE_SET_H_INCLUDED */
