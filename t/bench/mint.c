
/*
 * mint KEY COUNT HEADER PAYLOAD : prints COUNT RS256 tokens, one a line, with
 * nothing but OpenSSL.  HEADER and PAYLOAD are JSON; every '#' in the payload
 * is replaced with ten digits that are the token's own.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>


#define SIZE  8192


static void
fail(const char *what)
{
    fprintf(stderr, "mint: %s\n", what);
    exit(1);
}


/* Appends base64url without padding. */

static char *
append(char *out, const unsigned char *bytes, size_t len)
{
    int    n;
    char  *p, *end;

    n = EVP_EncodeBlock((unsigned char *) out, bytes, (int) len);
    end = out + n;

    for (p = out; p < end; p++) {
        if (*p == '+') {
            *p = '-';

        } else if (*p == '/') {
            *p = '_';

        } else if (*p == '=') {
            break;
        }
    }

    return p;
}


static size_t
number(char *out, const char *payload, unsigned long i)
{
    char  *p;

    p = out;

    for ( /* void */ ; *payload != '\0'; payload++) {
        if (*payload == '#') {
            p += sprintf(p, "%010lu", i * 2654435761UL % 10000000000UL);

        } else {
            *p++ = *payload;
        }
    }

    return (size_t) (p - out);
}


static void
token(EVP_MD_CTX *ctx, EVP_PKEY *key, const char *header, const char *payload,
    unsigned long i)
{
    char           json[SIZE], out[2 * SIZE], *p;
    size_t         len;
    unsigned char  signature[1024];

    len = number(json, payload, i);

    p = append(out, (const unsigned char *) header, strlen(header));
    *p++ = '.';
    p = append(p, (unsigned char *) json, len);

    len = sizeof(signature);

    if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1
        || EVP_DigestSign(ctx, signature, &len, (unsigned char *) out,
                          (size_t) (p - out)) != 1
        || EVP_MD_CTX_reset(ctx) != 1)
    {
        fail("cannot sign");
    }

    *p++ = '.';
    p = append(p, signature, len);
    *p++ = '\n';

    if (fwrite(out, 1, (size_t) (p - out), stdout) != (size_t) (p - out)) {
        fail("cannot write");
    }
}


int
main(int argc, char **argv)
{
    FILE           *file;
    EVP_PKEY       *key;
    EVP_MD_CTX     *ctx;
    unsigned long   i, n;

    if (argc != 5 || strlen(argv[3]) > SIZE / 10
        || strlen(argv[4]) > SIZE / 10)
    {
        fail("usage: mint KEY COUNT HEADER PAYLOAD");
    }

    file = fopen(argv[1], "r");
    key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    ctx = EVP_MD_CTX_new();

    if (key == NULL || ctx == NULL) {
        fail("cannot read the key");
    }

    n = strtoul(argv[2], NULL, 10);

    for (i = 0; i < n; i++) {
        token(ctx, key, argv[3], argv[4], i);
    }

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    (void) fclose(file);

    return fflush(stdout) == 0 ? 0 : 1;
}
