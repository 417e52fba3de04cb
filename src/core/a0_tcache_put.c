
/* The token table: who may write a set, what is replaced. */

#include "a0_tcache_set.h"


/* Into an entry, from a multiple of the word size on. */

static void
a0_tcache_copy_in(a0_tcache_entry_t *entry, size_t to, const void *src,
    size_t size)
{
    size_t                n;
    uintptr_t             word;
    const unsigned char  *p;

    p = src;
    to /= sizeof(word);

    for (n = size / sizeof(word); n != 0; n--) {
        memcpy(&word, p, sizeof(word));
        a0_tcache_store(&entry->words[to++], word);
        p += sizeof(word);
    }

    n = size % sizeof(word);

    if (n != 0) {
        word = 0;
        memcpy(&word, p, n);
        a0_tcache_store(&entry->words[to], word);
    }
}


/*
 * Takes the set's lock; *dead when it was taken from a dead process.  Our own
 * process id in the lock is that of a dead process as well, because we never
 * wait for ourselves.
 */

static int
a0_tcache_lock(a0_tcache_set_t *set, uint32_t pid,
    int (*alive)(uint32_t pid), int *dead)
{
    uint32_t  owner;

    owner = 0;
    *dead = 0;

    if (atomic_compare_exchange_strong_explicit(&set->lock, &owner, pid,
            memory_order_acquire, memory_order_relaxed))
    {
        return 1;
    }

    if (owner != pid && alive(owner)) {
        return 0;
    }

    *dead = 1;

    return atomic_compare_exchange_strong_explicit(&set->lock, &owner, pid,
               memory_order_acquire, memory_order_relaxed);
}


/* Makes the sequence odd before anything else is seen to change.  What a dead
 * owner left may be half written: it is forgotten. */

static void
a0_tcache_begin(a0_tcache_set_t *set, int dead)
{
    a0_tcache_store(&set->seq, a0_tcache_load(&set->seq) | 1);
    atomic_thread_fence(memory_order_release);

    if (dead) {
        a0_tcache_clear(set);
    }
}


static void
a0_tcache_end(a0_tcache_set_t *set)
{
    atomic_store_explicit(&set->seq, a0_tcache_load(&set->seq) + 1,
                          memory_order_release);
    atomic_store_explicit(&set->lock, 0, memory_order_release);
}


/* Whether nobody can have a hit on that entry any more. */

static int
a0_tcache_useless(const a0_tcache_set_t *set, size_t i,
    const a0_tcache_head_t *new, int64_t now)
{
    a0_tcache_head_t  head;

    if (a0_tcache_load(&set->tags[i]) == 0) {
        return 1;
    }

    a0_tcache_head(&set->entries[i], &head);

    return a0_tcache_expired(head.exp, now)
           || (head.origin.key_set == new->origin.key_set
               && head.origin.generation < new->origin.generation);
}


/* The entry to give up, and what that means. */

static size_t
a0_tcache_victim(const a0_tcache_set_t *set, const a0_tcache_head_t *new,
    int64_t now, a0_tcache_put_e *what)
{
    size_t    i, victim;
    uint16_t  age, oldest, tick;

    tick = a0_tcache_load(&set->tick);
    victim = 0;
    oldest = 0;

    for (i = 0; i < A0_TCACHE_WAYS; i++) {

        if (a0_tcache_useless(set, i, new, now)) {
            *what = A0_TCACHE_STORED;
            return i;
        }

        age = (uint16_t) (tick - a0_tcache_load(&set->used[i]));

        if (age > oldest) {
            oldest = age;
            victim = i;
        }
    }

    *what = A0_TCACHE_EVICTED;

    return victim;
}


static a0_tcache_put_e
a0_tcache_write(a0_tcache_set_t *set, uint32_t tag,
    const a0_tcache_head_t *head, const a0_claims_t *claims, int64_t now)
{
    size_t            i;
    uint16_t          tick;
    a0_tcache_put_e   what;
    a0_tcache_head_t  old;

    what = A0_TCACHE_STORED;
    i = a0_tcache_find(set, tag, head->digest, &old);

    if (i == A0_TCACHE_WAYS) {
        i = a0_tcache_victim(set, head, now, &what);
    }

    tick = (uint16_t) (a0_tcache_load(&set->tick) + 1);

    a0_tcache_copy_in(&set->entries[i], 0, head, sizeof(*head));
    a0_tcache_copy_in(&set->entries[i], sizeof(*head), claims,
                      (size_t) head->size);
    a0_tcache_store(&set->tags[i], tag);
    a0_tcache_store(&set->tick, tick);
    a0_tcache_store(&set->used[i], tick);

    return what;
}


a0_tcache_put_e
a0_tcache_put(a0_tcache_t *cache, const unsigned char *digest, int64_t now,
    const a0_claims_t *claims, const a0_tcache_origin_t *origin, uint32_t pid,
    int (*alive)(uint32_t pid))
{
    int               dead;
    uint32_t          tag;
    a0_tcache_put_e   what;
    a0_tcache_set_t  *set;
    a0_tcache_head_t  head;

    set = a0_tcache_set(cache, digest, &tag);

    if (set == NULL
        || claims->size > A0_TCACHE_CLAIMS
        || a0_tcache_expired(claims->exp, now)
        || !a0_tcache_lock(set, pid, alive, &dead))
    {
        return A0_TCACHE_SKIPPED;
    }

    memcpy(head.digest, digest, A0_TCACHE_DIGEST);
    head.origin = *origin;
    head.exp = claims->exp;
    head.size = claims->size;

    a0_tcache_begin(set, dead);
    what = a0_tcache_write(set, tag, &head, claims, now);
    a0_tcache_end(set);

    return what;
}
