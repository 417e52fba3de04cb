
/*
 * Bounded reading of untrusted JSON and an escaping writer (RFC 8259).
 *
 * The only place that knows the JSON library.  A text is refused with
 * MALFORMED when it is not one JSON value in UTF-8 (no BOM, no trailing bytes,
 * no lone surrogate, no U+0000 in a string), is longer or deeper than allowed,
 * names a member of an object twice, or holds a number beyond the range of a
 * double (1e999).  Numbers are read as reals, so that integers above 64 bits
 * in a foreign claim do not spoil a token.
 */

#ifndef A0_JSON_H_INCLUDED
#define A0_JSON_H_INCLUDED


#include "a0.h"


/* Opaque; children are borrowed from the root and die with it. */

typedef struct a0_json_s  a0_json_t;


typedef enum {
    A0_JSON_ABSENT = 0,    /* the type of NULL: no such member */
    A0_JSON_NULL,
    A0_JSON_BOOL,
    A0_JSON_NUMBER,
    A0_JSON_STRING,
    A0_JSON_ARRAY,
    A0_JSON_OBJECT
} a0_json_type_e;


/* Parses text of at most max bytes and A0_JSON_DEPTH_MAX levels.  The caller
 * owns *json and frees it with a0_json_free().  INTERNAL: out of memory. */

a0_err_t a0_json_parse(a0_str_t text, size_t max, a0_json_t **json);

/* Frees a root; NULL is allowed. */

void a0_json_free(a0_json_t *json);


/* From now on the JSON library of this process wipes what it frees: for
 * processes that read secrets.  Call before the first parse. */

void a0_json_wipe_freed(void);


/* All getters accept NULL and values of any type. */

a0_json_type_e a0_json_type(const a0_json_t *json);

/* Member of an object by its name (a C string), else NULL. */

const a0_json_t *a0_json_get(const a0_json_t *object, const char *name);

/* Number of elements or members; 0 for everything else. */

size_t a0_json_size(const a0_json_t *json);

/* Element of an array, else NULL. */

const a0_json_t *a0_json_at(const a0_json_t *array, size_t i);

/* 1 and *value when json is of that type, else 0 and *value untouched. */

int a0_json_string(const a0_json_t *json, a0_str_t *value);
int a0_json_number(const a0_json_t *json, double *value);
int a0_json_bool(const a0_json_t *json, int *value);

/* 1 when json is exactly this string. */

int a0_json_is(const a0_json_t *json, const char *value);


/*
 * The text of a top-level member's value exactly as written in an object that
 * a0_json_parse() has accepted (leading and trailing white space cut).  For
 * values whose spelling must survive, such as numbers.  A member of exactly
 * this name, else the only one that differs from it in the case of ASCII
 * letters alone: nginx has the names of variables in lower case.  1 when found.
 */
int a0_json_member_text(a0_str_t object, a0_str_t name, a0_str_t *value);

/* 1 when any bytes, taken for JSON, open more than that many brackets. */

int a0_json_text_deeper(a0_str_t text, size_t levels);

/*
 * Walks the values inside an array or object that a0_json_parse() has
 * accepted, each as written (of an object: name, value, name, value ...).
 * *rest begins as a0_json_text_inside() of the whole text; 0 at the end.
 */
a0_str_t a0_json_text_inside(a0_str_t text);
int a0_json_text_next(a0_str_t *rest, a0_str_t *value);

/* Copies JSON text without the white space between tokens; out has room for
 * text.len bytes and may be or precede text itself.  Returns the number of
 * bytes written. */

size_t a0_json_compact(a0_str_t text, unsigned char *out);


/*
 * Writer.  Appends to a buffer of the caller's; once something did not fit,
 * `overflow` is set and nothing more is written, so that one check at the end
 * is enough.  Commas are the caller's.
 */

typedef struct {
    unsigned char  *start;
    unsigned char  *pos;
    unsigned char  *end;
    unsigned        overflow;
} a0_json_out_t;


void a0_json_out_init(a0_json_out_t *out, unsigned char *buf, size_t cap);

/* Bytes as they are: punctuation, literals, JSON made elsewhere. */

void a0_json_out_raw(a0_json_out_t *out, a0_str_t text);
void a0_json_out_lit(a0_json_out_t *out, const char *text);

/*
 * A quoted JSON string.  Escapes the quote, the backslash, C0 controls, DEL,
 * U+0080..U+009F, U+2028 and U+2029; each byte that is not part of well-formed
 * UTF-8 becomes U+FFFD.
 */
void a0_json_out_string(a0_json_out_t *out, a0_str_t text);
void a0_json_out_int(a0_json_out_t *out, int64_t value);

/* The written bytes. */

a0_str_t a0_json_out_text(const a0_json_out_t *out);


#endif /* A0_JSON_H_INCLUDED */
