
/*
 * Claims as text.  The decoded payload lies at the end of the caller's buffer
 * and the text grows at its front: a value's text is never longer than the
 * JSON it was read from, so writing never overtakes reading.
 */

#include <string.h>

#include "a0_base64url.h"
#include "a0_json.h"
#include "a0_jwt.h"


/* From a quoted string to its characters at *pos, which moves on. */

static a0_err_t
a0_jwt_text_string(a0_str_t quoted, unsigned char **pos)
{
    a0_err_t    err;
    a0_str_t    s;
    a0_json_t  *json;

    if (memchr(quoted.data, '\\', quoted.len) == NULL) {
        memmove(*pos, quoted.data + 1, quoted.len - 2);
        *pos += quoted.len - 2;
        return A0_OK;
    }

    err = a0_json_parse(quoted, quoted.len, &json);
    if (err != A0_OK) {
        return err;
    }

    if (a0_json_string(json, &s)) {
        memcpy(*pos, s.data, s.len);
        *pos += s.len;
    }

    a0_json_free(json);

    return A0_OK;
}


static a0_err_t
a0_jwt_text_scalar(a0_str_t value, unsigned char **pos)
{
    if (value.data[0] == '"') {
        return a0_jwt_text_string(value, pos);
    }

    memmove(*pos, value.data, value.len);
    *pos += value.len;

    return A0_OK;
}


/* Strings, numbers and booleans. */

static int
a0_jwt_text_is_scalar(a0_str_t value)
{
    return memchr("[{n", value.data[0], 3) == NULL;
}


static int
a0_jwt_text_is_flat(a0_str_t value)
{
    a0_str_t  rest, item;

    if (value.data[0] != '[') {
        return 0;
    }

    rest = a0_json_text_inside(value);

    while (a0_json_text_next(&rest, &item)) {
        if (!a0_jwt_text_is_scalar(item)) {
            return 0;
        }
    }

    return 1;
}


static a0_err_t
a0_jwt_text_joined(a0_str_t array, unsigned char **pos)
{
    int       first;
    a0_err_t  err;
    a0_str_t  rest, item;

    rest = a0_json_text_inside(array);

    for (first = 1; a0_json_text_next(&rest, &item); first = 0) {
        if (!first) {
            *(*pos)++ = ' ';
        }

        err = a0_jwt_text_scalar(item, pos);
        if (err != A0_OK) {
            return err;
        }
    }

    return A0_OK;
}


static a0_err_t
a0_jwt_text_value(a0_str_t value, unsigned char **pos)
{
    if (a0_jwt_text_is_scalar(value)) {
        return a0_jwt_text_scalar(value, pos);
    }

    if (a0_jwt_text_is_flat(value)) {
        return a0_jwt_text_joined(value, pos);
    }

    if (value.data[0] != 'n') {
        *pos += a0_json_compact(value, *pos);
    }

    return A0_OK;
}


/* U+0080..U+009F are C2 80..C2 9F. */

int
a0_jwt_text_has_controls(a0_str_t text)
{
    const unsigned char  *p, *end;

    end = text.data + text.len;

    for (p = text.data; p < end; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            return 1;
        }

        if (*p == 0xc2 && end - p > 1 && p[1] < 0xa0) {
            return 1;
        }
    }

    return 0;
}


a0_err_t
a0_jwt_claim_text(a0_str_t payload, a0_str_t name, unsigned char *out,
    size_t *len)
{
    size_t          size;
    a0_err_t        err;
    a0_str_t        json, value;
    unsigned char  *decoded, *pos;

    size = payload.len * 3 / 4;
    decoded = out + (payload.len - size);

    err = a0_base64url_decode(payload, decoded, size, &json.len);
    if (err != A0_OK) {
        return err;
    }

    json.data = decoded;
    pos = out;

    if (a0_json_member_text(json, name, &value)) {
        err = a0_jwt_text_value(value, &pos);
        if (err != A0_OK) {
            return err;
        }
    }

    value.data = out;
    value.len = (size_t) (pos - out);

    *len = a0_jwt_text_has_controls(value) ? 0 : value.len;

    return A0_OK;
}
