
/*
 * Values that come from outside, checked and normalised.  Pure functions.
 */

#ifndef A0_PROVISION_INPUT_H_INCLUDED
#define A0_PROVISION_INPUT_H_INCLUDED


#include "a0.h"
#include "a0_policy.h"


#define A0_EMAIL_MAX      254
#define A0_SUB_MAX        384
#define A0_NAME_MAX       64       /* name of a key, bytes of UTF-8 */
#define A0_ORG_NAME_MAX   50
#define A0_OWNER_MAX      255
#define A0_EXPIRES_MIN    60       /* seconds */
#define A0_EXPIRES_MAX    157680000
#define A0_GRACE_MAX      2592000
#define A0_GRACE_DEFAULT  604800


/* 1 when acceptable, else 0. */

/* One "@", local part 1..64 bytes, at most A0_EMAIL_MAX; no control, space,
 * "<", ">" or NUL. */

int a0_email_check(a0_str_t email);

/* Equal but for ASCII case.  Dots and plus signs count. */

int a0_email_equal(a0_str_t a, a0_str_t b);

/* [A-Za-z0-9_.-]+ "|" 1..255 bytes above %x20, not %x7F. */

int a0_sub_check(a0_str_t sub);

/* [A-Za-z0-9]{20,64} */

int a0_client_id_check(a0_str_t id);

/* "org_" and 1..64 of [A-Za-z0-9] */

int a0_org_id_check(a0_str_t id);

/* 1..A0_NAME_MAX bytes, no control, "<" or ">" (name is well-formed UTF-8),
 * neither begins nor ends with a space. */

int a0_key_name_check(a0_str_t name);

/* Every name of text (separated by single spaces, at least one) is in
 * allowed. */

int a0_scope_narrow(a0_str_t text, const a0_list_t *allowed);


/*
 * Name of a customer's organization: slug of the e-mail's local part, at most
 * 24 of [a-z0-9-], "-", 16 characters of base32 of the seed's SHA-256 (80
 * bits).  The seed is the customer id, else the sub.  out has A0_ORG_NAME_MAX
 * bytes.
 */
a0_str_t a0_org_name(a0_str_t email, a0_str_t seed, unsigned char *out);

/*
 * Owner of a key as client_metadata can hold it: the sub itself, or where that
 * is above A0_OWNER_MAX bytes or not printable ASCII, "sha256:" and the hex of
 * its digest.  out has A0_OWNER_MAX bytes.
 */
a0_str_t a0_owner_text(a0_str_t sub, unsigned char *out);


#endif /* A0_PROVISION_INPUT_H_INCLUDED */
