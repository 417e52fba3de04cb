/*
 * base64url: what is accepted comes back as it was, has only letters of the
 * alphabet, and no other text gives the same bytes.
 */

#include "a0_base64url.h"
#include "fuzz.h"


static int
alphabet(unsigned c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_';
}


static void
decode(a0_str_t text)
{
    size_t          cap, i, len, n;
    a0_str_t        bytes;
    unsigned char  *out, *again;

    cap = a0_base64url_decoded_size(text.len);
    out = fuzz_alloc(cap);
    again = fuzz_alloc(text.len);

    if (a0_base64url_decode(text, out, cap, &len) == A0_OK) {
        fuzz_deep++;
        FUZZ_ASSERT(len == text.len * 3 / 4);

        for (i = 0; i < text.len; i++) {
            FUZZ_ASSERT(alphabet(text.data[i]));
        }

        bytes.data = out;
        bytes.len = len;
        FUZZ_ASSERT(a0_base64url_encode(bytes, again, text.len, &n) == A0_OK);
        FUZZ_ASSERT(n == text.len && memcmp(again, text.data, n) == 0);
        FUZZ_ASSERT(len == 0
                    || a0_base64url_decode(text, again, len - 1, &n)
                       == A0_ERR_NO_SPACE);
    }

    free(again);
    free(out);
}


static void
encode(a0_str_t bytes)
{
    size_t          cap, len, n;
    a0_str_t        text;
    unsigned char  *out, *again;

    cap = a0_base64url_encoded_size(bytes.len);
    out = fuzz_alloc(cap);
    FUZZ_ASSERT(a0_base64url_encode(bytes, out, cap, &len) == A0_OK);
    FUZZ_ASSERT(len <= cap);

    text.data = out;
    text.len = len;
    n = a0_base64url_decoded_size(len);
    again = fuzz_alloc(n);
    FUZZ_ASSERT(a0_base64url_decode(text, again, n, &n) == A0_OK);
    FUZZ_ASSERT(n == bytes.len && (n == 0 || !memcmp(again, bytes.data, n)));

    free(again);
    free(out);
}


void
fuzz_one(fuzz_t *in)
{
    a0_str_t  text;

    text = fuzz_rest(in);
    decode(text);
    encode(text);
    fuzz_free(text);
}
