
/* The token table: birth, statistics, look-up. */

#include "a0_tcache_set.h"


a0_tcache_t *
a0_tcache_init(void *mem, size_t size)
{
    uint64_t      i;
    a0_tcache_t  *cache;

    if (size < sizeof(a0_tcache_t)) {
        return NULL;
    }

    cache = mem;
    cache->nsets = (size - sizeof(a0_tcache_t)) / sizeof(a0_tcache_set_t);

    if (cache->nsets > UINT32_MAX) {
        cache->nsets = UINT32_MAX;
    }

    for (i = 0; i < cache->nsets; i++) {
        atomic_init(&cache->sets[i].seq, 0);
        atomic_init(&cache->sets[i].lock, 0);
        atomic_init(&cache->sets[i].tick, 0);
        a0_tcache_clear(&cache->sets[i]);
    }

    return cache;
}


size_t
a0_tcache_capacity(const a0_tcache_t *cache)
{
    return (cache == NULL) ? 0 : (size_t) cache->nsets * A0_TCACHE_WAYS;
}


/* A statistic: an entry caught while it changes is counted either way. */

size_t
a0_tcache_entries(const a0_tcache_t *cache, int64_t now)
{
    size_t                  i, n;
    a0_tcache_head_t        head;
    const a0_tcache_set_t  *set;

    n = 0;

    for (i = 0; i < a0_tcache_capacity(cache); i++) {
        set = &cache->sets[i / A0_TCACHE_WAYS];

        if (a0_tcache_load(&set->tags[i % A0_TCACHE_WAYS]) != 0) {
            a0_tcache_head(&set->entries[i % A0_TCACHE_WAYS], &head);
            n += !a0_tcache_expired(head.exp, now);
        }
    }

    return n;
}


int
a0_tcache_get(a0_tcache_t *cache, const unsigned char *digest, int64_t now,
    a0_claims_t *out, a0_tcache_origin_t *origin)
{
    size_t            i;
    uint32_t          seq, tag;
    uint16_t          tick;
    a0_tcache_set_t  *set;
    a0_tcache_head_t  head;

    set = a0_tcache_set(cache, digest, &tag);
    if (set == NULL) {
        return 0;
    }

    seq = atomic_load_explicit(&set->seq, memory_order_acquire);
    if (seq & 1) {
        return 0;
    }

    i = a0_tcache_find(set, tag, digest, &head);

    if (i == A0_TCACHE_WAYS
        || head.size > A0_TCACHE_CLAIMS    /* torn */
        || a0_tcache_expired(head.exp, now))
    {
        return 0;
    }

    a0_tcache_copy_out(out, &set->entries[i], sizeof(head),
                       (size_t) head.size);

    /* the copies above happen before the sequence is read again */

    atomic_thread_fence(memory_order_acquire);

    if (a0_tcache_load(&set->seq) != seq) {
        return 0;
    }

    *origin = head.origin;
    tick = a0_tcache_load(&set->tick);

    if (a0_tcache_load(&set->used[i]) != tick) {
        a0_tcache_store(&set->used[i], tick);
    }

    return 1;
}
