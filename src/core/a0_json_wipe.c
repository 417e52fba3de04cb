
#include <malloc.h>
#include <stdlib.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "a0_json.h"


static void
a0_json_wiping_free(void *p)
{
    if (p == NULL) {
        return;
    }

    OPENSSL_cleanse(p, malloc_usable_size(p));
    free(p);
}


void
a0_json_wipe_freed(void)
{
    json_set_alloc_funcs(malloc, a0_json_wiping_free);
}
