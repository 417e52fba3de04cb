/*
 * Keys that sign in fuzz_pair.c: fixed, so that an input means the same
 * everywhere.  They protect nothing.
 */

#ifndef FUZZ_KEYS_H
#define FUZZ_KEYS_H

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "a0_base64url.h"
#include "a0_jwk.h"
#include "a0_jws.h"
#include "fuzz.h"


static const struct {
    char         name;
    const char  *pem;
} fuzz_pems[] = {
    { 'r',
      "-----BEGIN PRIVATE KEY-----\n"
      "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCgqdZJaQt6sSqi\n"
      "Zs16II6/T+Xqi4Wgc/hN4dxH7hbEJ6nwG9GKL8ZjUs9QvRSmsjz55F0DkiuSko0f\n"
      "unR+7gpA5WFSUYfSSUKi6pZTpmFAtMQTTk2GH725jdmvTDNqt9Ce1ig4+Xrcm341\n"
      "qFCBLKMJuUcbKr1Jwg08Nn+sQggggkl8S4ErFKSWD0/WOoyZvBjAZ25X2cUWjGJe\n"
      "428n9eY4g0u7SUaay3I/gUGobZkkmdIm+meeQhwC4OjhXpbtT4VDdXQdQSYc6hyx\n"
      "2zlfcwnb/2LFjfmjaWPD9WYm8wSJUJRMDA5Kkafs/aFSPnAArdi5n2aYZL9gsDkB\n"
      "cQRStdM9AgMBAAECggEAFbfaWZ0Yv1KmDphdVruCSxacCrsmlVHn8xtA4aZWhINP\n"
      "bmpMRo+pE/HJ8uzvFuOe6Nw3vferP9/jXN0hygDCo71+N5hW3GnT1126dCoDGTH2\n"
      "aXJbJMeIqEXRHehr8Oqn3w4twhnow7FEpoXksA7ee+jZqwX5hY10/Y/pGATrFVMK\n"
      "/Zuqzus73sxwMfSjrMN2BewqOYPV6sYOWRgYI0VD0tBZbKyAO6W+vmkTZ5bjCxxL\n"
      "rj+FI/eCPhNPV5Jx18GeqIIWWf8+xf6hk9AN3/7Hq5A69LnQr9hof/s5aOgx4/FQ\n"
      "jOVEJJiakcMZ9nOdj4jR3SuUZgttKhdgGjEHiAsVHwKBgQDfJJUCbcuQ5XJWX3uJ\n"
      "kmYcpx7nUooazLXvqfVLwachtoxyt7irgTpelv75oL72mq82CHq7aVm+EiXztLVp\n"
      "iZ5IJDnjGtyZpUeDFuZLZeVB9idCdXH8Kh9xiTnIYVxYVW7kwZ/gcKOJWAlYS8G2\n"
      "PnII4NDZ5ShJiVii+BYSThwLbwKBgQC4UhQKad6LxNT3d95GMmSKVgwnP1CJ8y/n\n"
      "V/ixe8GxCyQi4zFztGU774XTmI59B+84VnwlTGCHCxoN11SZbtLMwjPZrBrKuRV9\n"
      "rGvELx5uvKybezIs9fNxnloxyUKeRUCNs5YXsQoDrZuV3CRKvkJNWGCeu5yS9rGe\n"
      "F4opLLmmEwKBgAFwtAGDAehagsVp8lst9bjDn2Bw2PFZVudIGow1oMWH7xoic2+v\n"
      "8td/c//aeMEQuIbJwTkKcgjXByWuiek3eS0QBsufdcMMHQ0Mjcn4y2UEmLZGGck9\n"
      "4FwUPao8bqMnUgLp+QUy1OtjBRRr0MFDX+sMwGxXnU30M/1BSqstk+LDAoGBAJjQ\n"
      "u/rSQYdB3ot5nxg16XNj2dmkPaLRs7KrFe4YO8MMCJ7AHBzgwFnLwPlobyIsNOJR\n"
      "mcXWp+TuiGBXWbWH00+d5x0d+mx+vNmf3Q0fP6zx0m1p23S5SWe2sPK7+PZ9VgLl\n"
      "lJf52OKpyeeaR6CMUy4LCrgvtaWG0EXRIGP4x8ZvAoGBAJm7NBVXRJzXDMtnNace\n"
      "fREtpb4//W1ui8O5ZM609xIGlxGE1jsFfzNXID12/ueNcHlfxEJkCcW5iz0oaJw0\n"
      "QDrTN5P3b1+5DJmVKsnphzDBsSHFmg1HRbqHqsWnfx5RrGrrSRH3q6snJypm4nn2\n"
      "htEKQBIH5v4Bn3IjuWdT2GZy\n"
      "-----END PRIVATE KEY-----\n"
    },
    { 's',
      "-----BEGIN PRIVATE KEY-----\n"
      "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDCVxPRiuaH2GPC\n"
      "U/Vm4xEjJ36VAopGImSvvF3hhr87fXSjmVsW8YrS/C8DA+MkSPkRkUEetRWKsPgb\n"
      "k7UdBPere7kwu539+msVPCQrHBAXAJoL6cV+uHiiY+0+X0AKsrhWZcpT621qfA9z\n"
      "nKe8pVTSTfDQxo60TLTytvR9wLAOBiyqG7orSobeH/oEMpbbnwZ2c9aD6cjJB3FP\n"
      "r5ZnkjPf3kIWGFdnLRUBnHE4TULzp1l2Q56D6BCU4Rb3Sj8tDtpCIycOuJ26y/40\n"
      "pE93KMOSiUKqiYkhuBtlBx+4KRZ9NXkd7H0uUHOKkADWVmQ5HSQZ8gGuy2iEhPAp\n"
      "9Bzuj9xzAgMBAAECggEABqX39Zks3cTXVNSOdqCZ+3vkZrCZjmCq1SA6jfaQIDbg\n"
      "gKBEb3p/50vdR9sgMCOW8bToZ2aGgCIhur/I2F9NIb6vzSz98KxacXWHPzpMipzo\n"
      "qDOtH/KrndKRUSrtA/CtQbdlvo01RwlLdgcL7fYx+qfT7zB7vUtKfWso3gxzeWdJ\n"
      "TDvODduKTD00JuBETUBpPBYSQgMumvTLDtGTAvzyTtgWudl52RTbhyNAsukE0hc+\n"
      "AXvh2V4dxQGJF5lVu3g08jV2cxnInBy9Ome+9eOs0Y/6ZZHR/yI+uvA0iONqTC27\n"
      "HkAm9VYB4ttTiCdSlImrB2Xs2FvlcL9KkuWQE8gjwQKBgQD70o3sRVbAc+icG/zy\n"
      "+L+PZ6nH21SM4TOlclH4FX3qlo7xg1EXZ78REtjjrYqPzebKioZxMXadDX1SWdLu\n"
      "948jjR0HhpJIHGXdLyNbpBfTRQKBcNV0gZZ3JZd1AHy4AsFOiYJxeLvw6lWcPE1N\n"
      "fKSY+mCxaqgMSBbcbWkPMdOD8QKBgQDFkGfcx9qjCws/S/VVnHROH4oTN2BpG0dZ\n"
      "RL53NJ/mMuJuuZPm3uvGuxBNlJzSTp9vGEiOsTg6w/yI4bL+XI6Cl4SQR/Orfy/a\n"
      "U0QM/I51wayrIBn7ZWnSPjADMv9cAz4fnsYrDdkb/X3yBUVLRtVPZcu/ct5qjLtX\n"
      "xL+yAiJ6owKBgQCbaGS3xE72dFHATbF8TTEDEkmAEoaKbszNtNCLVtAffwz2VUEt\n"
      "PZR3t/bsA4R4nOxqYLT5lDoMUG/f65k2ascGfKbGpzENmaDvsJCUlJ8zfeo+8eB5\n"
      "hyPRofxnc4aElQaxLkG3P3hVBHkS81ANmveFhTc5JoZRFggtvsPQYcKUMQKBgQCu\n"
      "rwdWzJNCFHLGbcgoAWVI6lQwt4cUiF0mzkTGrA4yAY36rzXaLgM1PZOltSCQR5pr\n"
      "JYKKQKJiO4ZgFYgppfcP+x7oX+ZRHe1W0sbZ4Lmp3yxoRsMSaNIPZpMXURE+71MP\n"
      "rFi2GtF8EUA6LXTeoWvcfzqPNeb5OSQw77M7lu2blwKBgHJZMRV4NdZWwYjrp9h5\n"
      "9je2F+OX1DP/Pp5r9nOH+jphNRCUj+CU9T0+L1HdznsdGNqc12K2D+9Uw7Hs3Jpf\n"
      "l6CpGrz8aW7rVJEf+YqokqIQWX6o77G3xjMYQhWKOKtLo/tUPhllZzb5ZmHZk3ty\n"
      "Me+mwuq2KWtyI9QobRWKVeLi\n"
      "-----END PRIVATE KEY-----\n"
    },
    { 'e',
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMvfr3wdRDnG5kfPA\n"
      "jzf8LxVyPd+U2oYi0oYjVGu7LbKhRANCAAR0sqz+dtQoTofSimV9NjLiZaQrSSyp\n"
      "g6xIffg6Pm846/+tg8ltLTsiWTL0lKV9OooFAgSJkul7BVcK5DrRPZIF\n"
      "-----END PRIVATE KEY-----\n"
    },
    { 'f',
      "-----BEGIN PRIVATE KEY-----\n"
      "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDC10opsdwxON6SaLa90\n"
      "KAXR0xJ5IEhxvVpVgdmhvoWYiX4y8I7FjriOAK01wG5gv/mhZANiAAR1FQoXsnaw\n"
      "PMbBWR2sLaj2BlcqY2pByYZelATri2SMTgA9Eu51SUmtwkis0fM8aWEYRx3cRrU8\n"
      "W4yD1tyWad1o4oyRomd/Bvi6uRjYjGwAYayycTePkdD/+iY6PQJlOGY=\n"
      "-----END PRIVATE KEY-----\n"
    },
};

#define FUZZ_KEYS  (sizeof(fuzz_pems) / sizeof(fuzz_pems[0]))

static EVP_PKEY  *fuzz_pkeys[FUZZ_KEYS];


/* Another letter is the first one. */

static EVP_PKEY *
fuzz_key(char name)
{
    BIO     *bio;
    size_t   i, k;

    for (i = 0, k = 0; i < FUZZ_KEYS; i++) {
        k = fuzz_pems[i].name == name ? i : k;
    }

    if (fuzz_pkeys[k] == NULL) {
        bio = BIO_new_mem_buf(fuzz_pems[k].pem, -1);
        fuzz_pkeys[k] = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        BIO_free(bio);
        FUZZ_ASSERT(fuzz_pkeys[k] != NULL);
    }

    return fuzz_pkeys[k];
}


/* DER to R || S, each as long as the curve's numbers. */

static size_t
fuzz_raw(EVP_PKEY *pkey, unsigned char *sig, size_t len)
{
    int                   size;
    ECDSA_SIG            *rs;
    const unsigned char  *p;

    p = sig;
    size = (EVP_PKEY_get_bits(pkey) + 7) / 8;
    rs = d2i_ECDSA_SIG(NULL, &p, (long) len);
    FUZZ_ASSERT(rs != NULL);
    BN_bn2binpad(ECDSA_SIG_get0_r(rs), sig, size);
    BN_bn2binpad(ECDSA_SIG_get0_s(rs), sig + size, size);
    ECDSA_SIG_free(rs);

    return 2 * (size_t) size;
}


/* With that key under the digest and padding of alg, as far as the key can. */

static size_t
fuzz_sign(char name, const a0_jws_alg_t *alg, const unsigned char *data,
    size_t n, unsigned char *sig)
{
    size_t         len;
    EVP_PKEY      *pkey;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;

    len = 1024;
    pkey = fuzz_key(name);
    ctx = EVP_MD_CTX_new();
    FUZZ_ASSERT(EVP_DigestSignInit_ex(ctx, &pctx, alg->digest, NULL, NULL,
                                      pkey, NULL) == 1);

    if (alg->pss && EVP_PKEY_is_a(pkey, "RSA")) {
        EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
    }

    FUZZ_ASSERT(EVP_DigestSign(ctx, sig, &len, data, n) == 1);
    EVP_MD_CTX_free(ctx);

    return EVP_PKEY_is_a(pkey, "EC") ? fuzz_raw(pkey, sig, len) : len;
}


static size_t
fuzz_number(char key, char name, unsigned char *out)
{
    int             size;
    size_t          len;
    BIGNUM         *bn;
    EVP_PKEY       *pkey;
    a0_str_t        bytes;
    unsigned char   buf[1024];

    bn = NULL;
    pkey = fuzz_key(key);
    size = (EVP_PKEY_get_bits(pkey) + 7) / 8;

    if (EVP_PKEY_get_bn_param(pkey, name == 'n' ? OSSL_PKEY_PARAM_RSA_N
                              : name == 'x' ? OSSL_PKEY_PARAM_EC_PUB_X
                                            : OSSL_PKEY_PARAM_EC_PUB_Y, &bn)
        != 1)
    {
        ERR_clear_error();
        return 0;
    }

    BN_bn2binpad(bn, buf, size);
    BN_free(bn);
    bytes.data = buf;
    bytes.len = (size_t) size;
    FUZZ_ASSERT(a0_base64url_encode(bytes, out, 1024, &len) == A0_OK);

    return len;
}


/* Replaces @NAME@, see fuzz_pair.c. */

static a0_str_t
fuzz_fill(a0_str_t text)
{
    size_t          i, n;
    a0_str_t        filled;
    unsigned char  *buf;

    buf = fuzz_alloc(text.len + text.len / 4 * 1024 + 1);

    for (i = 0, n = 0; i < text.len; i++) {
        if (text.data[i] == '@' && text.len - i >= 4
            && text.data[i + 3] == '@')
        {
            n += fuzz_number((char) text.data[i + 1],
                             (char) text.data[i + 2], buf + n);
            i += 3;
            continue;
        }

        buf[n++] = text.data[i];
    }

    filled = fuzz_copy(buf, n);
    free(buf);

    return filled;
}

#endif /* FUZZ_KEYS_H */
