
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "a0_json.h"


/*
 * The library's lexer goes on when memory for a string runs out, with bytes
 * missing: another audience or organization might come of it.  So failures are
 * noted below it, where it asks for memory.  It asks us while it parses only:
 * others in the process use it too, and may outlive this code.
 */

static void *a0_json_malloc(size_t size);
static json_t *a0_json_load(a0_str_t text, json_error_t *error);


static _Thread_local int            a0_json_starved;
static _Thread_local json_malloc_t  a0_json_lower;


static void *
a0_json_malloc(size_t size)
{
    void  *p;

    p = a0_json_lower(size);

    if (p == NULL) {
        a0_json_starved = 1;
    }

    return p;
}


static json_t *
a0_json_load(a0_str_t text, json_error_t *error)
{
    size_t       flags;
    json_t      *root;
    json_free_t  release;

    flags = JSON_REJECT_DUPLICATES|JSON_DECODE_ANY|JSON_DECODE_INT_AS_REAL;

    a0_json_starved = 0;

    json_get_alloc_funcs(&a0_json_lower, &release);
    json_set_alloc_funcs(a0_json_malloc, release);

    root = json_loadb((const char *) text.data, text.len, flags, error);

    json_set_alloc_funcs(a0_json_lower, release);

    return root;
}


a0_err_t
a0_json_parse(a0_str_t text, size_t max, a0_json_t **json)
{
    json_t        *root;
    json_error_t   error;

    if (text.len == 0 || text.len > max) {
        return A0_ERR_MALFORMED;
    }

    /* the library recurses by nesting, up to 2048 levels */

    if (a0_json_text_deeper(text, A0_JSON_DEPTH_MAX)) {
        return A0_ERR_MALFORMED;
    }

    /* the library leaves the error untouched when memory ran out early */

    memset(&error, 0, sizeof(json_error_t));

    root = a0_json_load(text, &error);

    if (a0_json_starved) {
        json_decref(root);
        return A0_ERR_INTERNAL;
    }

    if (root != NULL) {
        *json = (a0_json_t *) root;
        return A0_OK;
    }

    switch (json_error_code(&error)) {

    case json_error_unknown:
    case json_error_out_of_memory:
        return A0_ERR_INTERNAL;

    default:
        return A0_ERR_MALFORMED;
    }
}


void
a0_json_free(a0_json_t *json)
{
    json_decref((json_t *) json);
}


a0_json_type_e
a0_json_type(const a0_json_t *json)
{
    if (json == NULL) {
        return A0_JSON_ABSENT;
    }

    switch (json_typeof((const json_t *) json)) {

    case JSON_OBJECT:
        return A0_JSON_OBJECT;

    case JSON_ARRAY:
        return A0_JSON_ARRAY;

    case JSON_STRING:
        return A0_JSON_STRING;

    case JSON_INTEGER:
    case JSON_REAL:
        return A0_JSON_NUMBER;

    case JSON_TRUE:
    case JSON_FALSE:
        return A0_JSON_BOOL;

    default:
        return A0_JSON_NULL;
    }
}


const a0_json_t *
a0_json_get(const a0_json_t *object, const char *name)
{
    return (const a0_json_t *) json_object_get((const json_t *) object, name);
}


size_t
a0_json_size(const a0_json_t *json)
{
    if (a0_json_type(json) == A0_JSON_ARRAY) {
        return json_array_size((const json_t *) json);
    }

    return json_object_size((const json_t *) json);
}


const a0_json_t *
a0_json_at(const a0_json_t *array, size_t i)
{
    return (const a0_json_t *) json_array_get((const json_t *) array, i);
}


int
a0_json_string(const a0_json_t *json, a0_str_t *value)
{
    const json_t  *j;

    j = (const json_t *) json;

    if (!json_is_string(j)) {
        return 0;
    }

    value->len = json_string_length(j);
    value->data = (const unsigned char *) json_string_value(j);

    return 1;
}


int
a0_json_number(const a0_json_t *json, double *value)
{
    const json_t  *j;

    j = (const json_t *) json;

    if (!json_is_number(j)) {
        return 0;
    }

    *value = json_number_value(j);

    return 1;
}


int
a0_json_bool(const a0_json_t *json, int *value)
{
    const json_t  *j;

    j = (const json_t *) json;

    if (!json_is_boolean(j)) {
        return 0;
    }

    *value = json_is_true(j);

    return 1;
}


int
a0_json_is(const a0_json_t *json, const char *value)
{
    size_t    len;
    a0_str_t  s;

    len = strlen(value);

    return a0_json_string(json, &s)
           && s.len == len
           && memcmp(s.data, value, len) == 0;
}
