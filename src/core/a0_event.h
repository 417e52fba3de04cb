
/*
 * One API event for Moesif as one line of JSON in UTF-8, whatever bytes the
 * request was made of.
 */

#ifndef A0_EVENT_H_INCLUDED
#define A0_EVENT_H_INCLUDED


#include "a0.h"


#define A0_EVENT_MAX       65536   /* bytes of an event, at most */
#define A0_EVENT_MIN       6144    /* a buffer that no event is too long for */
#define A0_EVENT_ID_MAX    256     /* bytes of a company or user id */
#define A0_EVENT_NAME_MAX  255     /* of host, gateway, header name */
#define A0_EVENT_WORD_MAX  32      /* of method and cache status */

#define A0_EVENT_DATE      24      /* "2026-01-31T13:14:15.123Z" */
#define A0_EVENT_SLOT      13      /* "2026-01-31T13" */
#define A0_EVENT_UUID      36


/* value.data NULL: the request has no such header. */

typedef struct {
    a0_str_t  name;
    a0_str_t  value;
} a0_event_header_t;


/* Texts are what the client or the upstream sent; nothing need be valid.
 * Empty ones are absent. */

typedef struct {
    int64_t                   start;      /* ms since the epoch */
    int64_t                   end;

    a0_str_t                  method;
    unsigned                  https:1;
    unsigned                  query:1;    /* keep what follows the "?" */
    unsigned                  outgoing:1; /* direction, else Incoming */
    unsigned                  port;       /* 0: the scheme's */
    a0_str_t                  host;       /* without port */
    a0_str_t                  uri;        /* request target as sent */
    a0_str_t                  address;    /* of the client */
    unsigned                  status;

    const a0_event_header_t  *request_headers;
    size_t                    nrequest;
    const a0_event_header_t  *response_headers;
    size_t                    nresponse;

    a0_str_t                  company;
    a0_str_t                  user;
    a0_str_t                  transaction; /* 16 random bytes, or a UUID as
                                              text */

    int64_t                   upstream;   /* ms; -1: none asked, as below */
    int64_t                   sent;       /* bytes to the client */
    int64_t                   received;   /* bytes from it */
    a0_str_t                  cache;      /* such as "HIT" */
    a0_str_t                  gateway;    /* host name of this machine */
} a0_event_t;


/*
 * Writes the event, without a newline.  About 1 us for a typical one.
 *
 *  - what is not UTF-8 becomes U+FFFD, control characters are escaped; in the
 *    URI whatever must not stand there is percent-coded
 *  - company and user are left out when empty, longer than A0_EVENT_ID_MAX
 *    (part of an id would be another one's) or with control characters
 *  - an address that is none, such as "unix:", and a transaction of another
 *    form are left out; without a host the gateway's name stands in the URI
 *  - status below 100 (a client that left, or HTTP/0.9) is 499
 *  - a method that is not a token, or too long, is "UNKNOWN"
 *  - of headers of one name the first counts; names that are no tokens, and
 *    those of a0_event_header_secret(), are left out
 *
 * What does not fit, into cap or A0_EVENT_MAX, makes header values and the
 * URI's path and query be cut to 2048 bytes each, then 256, then 32, and then
 * the headers be left out.  NO_SPACE: not even that fits; never with cap of
 * A0_EVENT_MIN.
 */
a0_err_t a0_event_write(const a0_event_t *event, unsigned char *buf,
    size_t cap, size_t *len);

/* 1 for headers that hold credentials: they are never part of an event. */

int a0_event_header_secret(a0_str_t name);


/* The parts, for other texts.  Dates before 1970 and after 9999 are written as
 * the first or last one between.  The UUID is of version 4 (RFC 9562). */

void a0_event_date(int64_t ms, unsigned char date[A0_EVENT_DATE]);
void a0_event_slot(int64_t seconds, unsigned char slot[A0_EVENT_SLOT]);
void a0_event_uuid(const unsigned char random[16],
    unsigned char uuid[A0_EVENT_UUID]);


#endif /* A0_EVENT_H_INCLUDED */
