
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "a0_json.h"
#include "a0_jwk.h"


/* The text is what the key is: keys are ordered and compared by it, and the
 * set is written from it. */

typedef struct {
    a0_jwk_t        key;
    size_t          len;
    unsigned char   text[A0_JWK_TEXT_MAX];
    unsigned char   kid[A0_KID_MAX];
} a0_jwk_entry_t;


struct a0_jwk_set_s {
    size_t          n;
    a0_jwk_entry_t  entries[];
};


void
a0_jwk_set_free(a0_jwk_set_t *set)
{
    size_t  i;

    if (set == NULL) {
        return;
    }

    for (i = 0; i < set->n; i++) {
        a0_jwk_clear(&set->entries[i].key);
    }

    free(set);
}


size_t
a0_jwk_set_size(const a0_jwk_set_t *set)
{
    return set->n;
}


static a0_err_t
a0_jwk_set_add(a0_jwk_set_t *set, const a0_json_t *jwk)
{
    a0_err_t         err;
    a0_json_out_t    out;
    a0_jwk_entry_t  *entry;

    entry = &set->entries[set->n];
    a0_json_out_init(&out, entry->text, sizeof(entry->text));

    err = a0_jwk_parse(jwk, &entry->key, &out);
    if (err != A0_OK) {
        return err;
    }

    if (out.overflow) {
        a0_jwk_clear(&entry->key);
        return A0_ERR_INTERNAL;
    }

    if (entry->key.kid.data != NULL) {
        memcpy(entry->kid, entry->key.kid.data, entry->key.kid.len);
    }

    entry->len = a0_json_out_text(&out).len;
    set->n++;

    return A0_OK;
}


static int
a0_jwk_entry_compare(const void *one, const void *two)
{
    int                    rc;
    const a0_jwk_entry_t  *a, *b;

    a = one;
    b = two;

    rc = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    if (rc != 0) {
        return rc;
    }

    return (a->len > b->len) - (a->len < b->len);
}


/* Sorts and drops repetitions; after that entries stay where they are. */

static void
a0_jwk_set_sort(a0_jwk_set_t *set)
{
    size_t           i, n;
    a0_jwk_entry_t  *e;

    e = set->entries;
    qsort(e, set->n, sizeof(a0_jwk_entry_t), a0_jwk_entry_compare);

    for (i = 0, n = 0; i < set->n; i++) {
        if (n != 0 && a0_jwk_entry_compare(&e[i], &e[n - 1]) == 0) {
            a0_jwk_clear(&e[i].key);
            continue;
        }

        if (i != n) {
            e[n] = e[i];
        }

        n++;
    }

    set->n = n;

    for (i = 0; i < n; i++) {
        if (e[i].key.kid.data != NULL) {
            e[i].key.kid.data = e[i].kid;
        }
    }
}


static a0_err_t
a0_jwk_set_fill(a0_jwk_set_t *set, const a0_json_t *keys)
{
    size_t    i;
    a0_err_t  err;

    ERR_clear_error();    /* of others */

    for (i = 0; i < a0_json_size(keys); i++) {
        err = a0_jwk_set_add(set, a0_json_at(keys, i));
        if (err == A0_ERR_INTERNAL) {
            return err;
        }
    }

    if (set->n == 0) {
        return A0_ERR_BAD_KEY_SET;
    }

    a0_jwk_set_sort(set);

    return A0_OK;
}


static a0_err_t
a0_jwk_set_make(const a0_json_t *keys, a0_jwk_set_t **set)
{
    size_t         n;
    a0_err_t       err;
    a0_jwk_set_t  *s;

    n = a0_json_size(keys);

    if (a0_json_type(keys) != A0_JSON_ARRAY || n > A0_JWKS_KEYS_MAX) {
        return A0_ERR_BAD_KEY_SET;
    }

    s = calloc(1, sizeof(a0_jwk_set_t) + n * sizeof(a0_jwk_entry_t));
    if (s == NULL) {
        return A0_ERR_INTERNAL;
    }

    err = a0_jwk_set_fill(s, keys);
    if (err != A0_OK) {
        a0_jwk_set_free(s);
        return err;
    }

    *set = s;
    return A0_OK;
}


a0_err_t
a0_jwk_set_parse(a0_str_t text, a0_jwk_set_t **set)
{
    a0_err_t    err;
    a0_json_t  *json;

    err = a0_json_parse(text, A0_JWKS_MAX, &json);

    if (err == A0_ERR_MALFORMED) {
        return A0_ERR_BAD_KEY_SET;
    }

    if (err != A0_OK) {
        return err;
    }

    err = a0_jwk_set_make(a0_json_get(json, "keys"), set);
    a0_json_free(json);

    return err;
}


static int
a0_jwk_fits(const a0_jwk_t *key, const a0_jws_alg_t *alg)
{
    return key->kty == alg->kty && (key->alg == NULL || key->alg == alg);
}


static int
a0_jwk_is_named(const a0_jwk_t *key, a0_str_t kid)
{
    if (kid.data == NULL) {
        return 1;
    }

    return key->kid.data != NULL
           && key->kid.len == kid.len
           && memcmp(key->kid.data, kid.data, kid.len) == 0;
}


a0_err_t
a0_jwk_set_find(a0_jwk_set_t *set, a0_str_t kid, const a0_jws_alg_t *alg,
    a0_jwk_t **key)
{
    size_t     i;
    a0_err_t   none;
    a0_jwk_t  *k, *found;

    found = NULL;
    none = A0_ERR_UNKNOWN_KEY;

    for (i = 0; i < set->n; i++) {
        k = &set->entries[i].key;

        if (!a0_jwk_is_named(k, kid)) {
            continue;
        }

        if (!a0_jwk_fits(k, alg)) {
            none = kid.data != NULL ? A0_ERR_BAD_SIGNATURE : none;
            continue;
        }

        if (found != NULL && EVP_PKEY_eq(found->pkey, k->pkey) != 1) {
            return A0_ERR_AMBIGUOUS_KEY;
        }

        found = k;
    }

    if (found == NULL) {
        return none;
    }

    *key = found;
    return A0_OK;
}


a0_err_t
a0_jwk_set_write(const a0_jwk_set_t *set, unsigned char *buf, size_t cap,
    size_t *len)
{
    size_t         i;
    a0_str_t       text;
    a0_json_out_t  out;

    a0_json_out_init(&out, buf, cap);
    a0_json_out_lit(&out, "{\"keys\":[");

    for (i = 0; i < set->n; i++) {
        a0_json_out_lit(&out, i == 0 ? "" : ",");

        text.data = set->entries[i].text;
        text.len = set->entries[i].len;
        a0_json_out_raw(&out, text);
    }

    a0_json_out_lit(&out, "]}");

    if (out.overflow) {
        return A0_ERR_NO_SPACE;
    }

    *len = a0_json_out_text(&out).len;
    return A0_OK;
}
