/* JSON as the RFC has it, U+0000 in strings included: what we write is not
 * only read by ourselves. */

#ifndef LENIENT_H
#define LENIENT_H

#include <jansson.h>

#include "a0_json.h"


static a0_json_t *
lenient_json(a0_str_t text)
{
    size_t  flags;

    flags = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;

    return (a0_json_t *) json_loadb((const char *) text.data, text.len, flags,
                                    NULL);
}

#endif /* LENIENT_H */
