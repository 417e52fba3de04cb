/* Lines of hex digits. */

#ifndef HEX_H
#define HEX_H

#include <stdlib.h>
#include <string.h>


static unsigned
hex_digit(char c)
{
    return (unsigned) (c <= '9' ? c - '0' : c - 'a' + 10);
}


/* A block of exactly as many bytes. */

static unsigned char *
hex_decode(const char *text, size_t *len)
{
    size_t          i, n;
    unsigned char  *bytes;

    n = strcspn(text, "\n") / 2;
    bytes = malloc(n ? n : 1);

    for (i = 0; i < n; i++) {
        bytes[i] = (unsigned char) (hex_digit(text[2 * i]) << 4
                                    | hex_digit(text[2 * i + 1]));
    }

    *len = n;
    return bytes;
}

#endif /* HEX_H */
