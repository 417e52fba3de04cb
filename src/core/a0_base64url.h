
/*
 * base64url without padding, canonical forms only (RFC 4648 section 5,
 * RFC 7515 section 2).
 */

#ifndef A0_BASE64URL_H_INCLUDED
#define A0_BASE64URL_H_INCLUDED


#include "a0.h"


/* Upper bounds of the output for n bytes of input. */

#define a0_base64url_decoded_size(n)  ((n) / 4 * 3 + 2)
#define a0_base64url_encoded_size(n)  (((n) + 2) / 3 * 4)


/*
 * Decodes text into out, which has room for cap bytes; *len is the number
 * written.  Refuses with MALFORMED: any byte outside A-Z a-z 0-9 - _, a length
 * of 4k+1, and trailing bits that are not zero; with NO_SPACE a short buffer.
 * Empty text decodes to nothing.
 */
a0_err_t a0_base64url_decode(a0_str_t text, unsigned char *out, size_t cap,
    size_t *len);

/* Encodes without padding.  Refuses a short buffer with NO_SPACE. */

a0_err_t a0_base64url_encode(a0_str_t bytes, unsigned char *out, size_t cap,
    size_t *len);


#endif /* A0_BASE64URL_H_INCLUDED */
