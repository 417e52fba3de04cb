/*
 * An allocator for OpenSSL that runs out of memory on demand.
 */

#ifndef UNIT_SCARCE_H
#define UNIT_SCARCE_H

#include <openssl/crypto.h>

#include "unit_keys.h"


static long  unit_allocs = -1;    /* how many more succeed; -1: all */


static int
unit_denied(void)
{
    if (unit_allocs < 0) {
        return 0;
    }

    return unit_allocs == 0 || unit_allocs-- == 0;
}


static void *
unit_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;
    return unit_denied() ? NULL : malloc(size);
}


static void *
unit_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;
    return unit_denied() ? NULL : realloc(p, size);
}


static void
unit_free(void *p, const char *file, int line)
{
    (void) file;
    (void) line;
    free(p);
}


/* Before anything else that has to do with OpenSSL. */

static void
unit_scarce(void)
{
    unit_need(CRYPTO_set_mem_functions(unit_malloc, unit_realloc, unit_free)
              == 1, "replacing the allocator");
}


#endif /* UNIT_SCARCE_H */
