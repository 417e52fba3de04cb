
/*
 * Reading a reply's body, good or bad.
 */

#include <string.h>

#include "a0_provision_int.h"


static int
a0_starts(a0_str_t text, const char *with)
{
    size_t  n;

    n = strlen(with);

    return text.len >= n && memcmp(text.data, with, n) == 0;
}


/* Auth0's own words, for the log, and what only they tell. */

void
a0_read_error(a0_provision_t *p, const a0_reply_t *reply,
    a0_provision_log_t *log)
{
    size_t      i;
    a0_str_t    text;
    a0_json_t  *json;

    static const a0_str_t  narrow = a0_string("insufficient_scope");

    if (reply->result != A0_REPLY_OK || reply->status < 400
        || a0_json_parse(reply->body, A0_PROVISION_REPLY_MAX, &json) != A0_OK)
    {
        return;
    }

    log->narrow = a0_str_equal(a0_text(json, "errorCode"), narrow) ? 1 : 0;

    text = a0_text(json, "message");

    if (a0_starts(text, "You reached the limit")
        || a0_starts(text, "Quota exceeded"))
    {
        p->limited = 1;
    }

    for (i = 0; i < text.len && i < sizeof(p->message); i++) {
        p->message[i] = (text.data[i] < 0x20 || text.data[i] > 0x7e)
                        ? '?' : text.data[i];
    }

    a0_json_free(json);

    if (!(p->step->flags & A0_CALL_QUIET)) {
        log->message.data = p->message;
        log->message.len = i;
    }
}


a0_take_e
a0_take(a0_provision_t *p, const a0_reply_t *reply)
{
    a0_take_e   take;
    a0_json_t  *json;

    if (p->step->flags & A0_CALL_NO_BODY) {
        return p->step->take(p, NULL);
    }

    if (reply->status == 204
        || reply->content_type.len != sizeof("application/json") - 1
        || !a0_starts(reply->content_type, "application/json")
        || a0_json_parse(reply->body, A0_PROVISION_REPLY_MAX, &json) != A0_OK)
    {
        return A0_TAKE_GARBAGE;
    }

    take = p->step->take(p, json);
    a0_json_free(json);

    return take;
}
