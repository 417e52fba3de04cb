
#include "a0_base64url.h"
#include "unit.h"


static a0_str_t
str(const void *data, size_t len)
{
    a0_str_t  s;

    s.len = len;
    s.data = data;

    return s;
}


/* Into a block of exactly the decoded size, so that ASan sees a byte more. */

static a0_err_t
decode(const char *text, size_t n, unsigned char *copy, size_t *len)
{
    a0_err_t        err;
    size_t          cap;
    unsigned char  *in, *out;

    cap = n * 3 / 4;
    in = malloc(n ? n : 1);
    out = malloc(cap ? cap : 1);
    memcpy(in, text, n);

    err = a0_base64url_decode(str(in, n), out, cap, len);

    if (err == A0_OK) {
        memcpy(copy, out, *len);
    }

    free(in);
    free(out);

    return err;
}


static void
test_vectors(void)
{
    size_t         i, len;
    unsigned char  buf[16];

    static const struct {
        const char  *bytes, *text;
    } vectors[] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg" },
        { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xbf", "-_-_" }
    };

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        unit_case("RFC 4648 \"%s\"", vectors[i].text);

        CHECK_EQ_INT(decode(vectors[i].text, strlen(vectors[i].text), buf,
                            &len), A0_OK);
        CHECK_EQ_MEM(buf, len, vectors[i].bytes, strlen(vectors[i].bytes));

        CHECK_EQ_INT(a0_base64url_encode(str(vectors[i].bytes,
                                             strlen(vectors[i].bytes)),
                                         buf, sizeof(buf), &len), A0_OK);
        CHECK_EQ_MEM(buf, len, vectors[i].text, strlen(vectors[i].text));
    }
}


static void
test_round_trip(void)
{
    size_t         i, n, len, back;
    unsigned char  bytes[300], text[400], again[300];

    unit_case("every length up to 300 there and back");

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char) (i * 167 + 13);
    }

    for (n = 0; n <= sizeof(bytes); n++) {
        CHECK_EQ_INT(a0_base64url_encode(str(bytes, n), text, sizeof(text),
                                         &len), A0_OK);
        CHECK(len <= a0_base64url_encoded_size(n));
        CHECK(n <= a0_base64url_decoded_size(len));
        CHECK_EQ_INT(decode((char *) text, len, again, &back), A0_OK);
        CHECK_EQ_MEM(again, back, bytes, n);
    }
}


static void
test_alphabet(void)
{
    int            c, want;
    size_t         at, n, len;
    char           text[9];
    unsigned char  buf[16];

    for (n = 4; n <= 7; n++) {
        if (n == 5) {
            continue;
        }

        unit_case("every byte at every place of %d characters", (int) n);

        for (c = 0; c < 256; c++) {
            for (at = 0; at < n; at++) {
                memcpy(text, "AAAAAAA", n);
                text[at] = (char) c;

                /* in the last place only those without trailing bits */

                want = c != 0
                       && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
                                 "nopqrstuvwxyz0123456789-_", c) != NULL;

                if (at == n - 1 && n == 6) {
                    want = c != 0 && strchr("AQgw", c) != NULL;
                }

                if (at == n - 1 && n == 7) {
                    want = c != 0 && strchr("AEIMQUYcgkosw048", c) != NULL;
                }

                CHECK_EQ_INT(decode(text, n, buf, &len),
                             want ? A0_OK : A0_ERR_MALFORMED);
            }
        }
    }
}


static void
test_forms(void)
{
    size_t         i, n, len;
    unsigned char  buf[16];

    static const char *const  bad[] = {
        "A", "AAAAA", "AAAAAAAAA", "Zg==", "Zg=", "Zm8=", "Z g", "Zg ",
        " Zg", "Zg\n", "Zm+v", "Zm/v", "Zh", "Zm9", "Zm9vYh", "Z.g", "\xc3\xa9"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_case("refused \"%s\"", bad[i][0] == '\xc3' ? "(not ASCII)"
                                       : strchr(bad[i], '\n') ? "Zg(LF)"
                                       : bad[i]);
        len = 77;
        CHECK_EQ_INT(decode(bad[i], strlen(bad[i]), buf, &len),
                     A0_ERR_MALFORMED);
        CHECK_EQ_INT(len, 77);
    }

    unit_case("embedded NUL");
    CHECK_EQ_INT(decode("Zm\0v", 4, buf, &len), A0_ERR_MALFORMED);

    unit_case("room: exact, one less, none");

    for (n = 1; n <= 6; n++) {
        CHECK_EQ_INT(a0_base64url_encode(str("foobar", n), buf, sizeof(buf),
                                         &len), A0_OK);
        CHECK_EQ_INT(a0_base64url_encode(str("foobar", n), buf, len, &len),
                     A0_OK);
        CHECK_EQ_INT(a0_base64url_encode(str("foobar", n), buf, len - 1,
                                         &len), A0_ERR_NO_SPACE);
    }

    CHECK_EQ_INT(a0_base64url_decode(str("Zm9v", 4), buf, 3, &len), A0_OK);
    CHECK_EQ_INT(a0_base64url_decode(str("Zm9v", 4), buf, 2, &len),
                 A0_ERR_NO_SPACE);

    unit_case("nothing from nowhere");
    CHECK_EQ_INT(a0_base64url_decode(str(NULL, 0), NULL, 0, &len), A0_OK);
    CHECK_EQ_INT(len, 0);
    CHECK_EQ_INT(a0_base64url_encode(str(NULL, 0), NULL, 0, &len), A0_OK);
    CHECK_EQ_INT(len, 0);
}


int
main(void)
{
    test_vectors();
    test_round_trip();
    test_alphabet();
    test_forms();

    return unit_done();
}
