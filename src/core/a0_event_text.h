
/* Texts that events are made of. */

#ifndef A0_EVENT_TEXT_H_INCLUDED
#define A0_EVENT_TEXT_H_INCLUDED


#include "a0_event.h"
#include "a0_json.h"


/* 1 for a token (RFC 9110 section 5.6.2) of at most max bytes. */

int a0_event_is_token(a0_str_t text, size_t max);

/* 1 for text of 1 to max bytes without C0 controls and DEL. */

int a0_event_is_clean(a0_str_t text, size_t max);

/* 1 for what nothing but an IPv4 or IPv6 address looks like. */

int a0_event_is_address(a0_str_t text);

/* The same letters, whatever their case. */

int a0_event_same_name(a0_str_t a, a0_str_t b);

/* The first max bytes, less what of a UTF-8 sequence would be left over. */

a0_str_t a0_event_cut(a0_str_t text, size_t max);

/* Percent-coded (RFC 3986): a host, with brackets when it is an IPv6 one, and
 * a request target with its path and query cut to max bytes each. */

void a0_event_out_host(a0_json_out_t *out, a0_str_t host);
void a0_event_out_target(a0_json_out_t *out, a0_str_t target, int query,
    size_t max);


#endif /* A0_EVENT_TEXT_H_INCLUDED */
