"""Which disagreements may be, and why.

What the core accepts, all others accept.  Where it refuses what others accept,
it must be one of these: a row is the core's verdict, the ways of making tokens
and key sets for which it may be (a pattern), who may differ (None: anybody), a
function that is asked as well (or None), and the reason.
"""

import base64
import json
import re

CURVES = {'P-256': 'ES256', 'P-384': 'ES384'}


def parse(data):
    try:
        return json.loads(data)
    except ValueError:
        return None


def header(token):
    head = token.split(b'.')[0]
    try:
        found = parse(base64.urlsafe_b64decode(head + b'=' * (-len(head) % 4)))
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def keys(jwks):
    doc = parse(jwks)
    found = doc.get('keys') if isinstance(doc, dict) else None
    return [k for k in found if isinstance(k, dict)] \
        if isinstance(found, list) else []


def bound_elsewhere(token, jwks):
    """Some key of that kid is of another algorithm than the token's."""
    head = header(token)
    for key in keys(jwks):
        if 'kid' in head and key.get('kid') != head['kid']:
            continue
        other = CURVES.get(key.get('crv'), key.get('alg'))
        if other is not None and other != head.get('alg'):
            return True
    return False


def no_kid(token, jwks):
    return 'kid' not in header(token)


def one_kid(token, jwks):
    kids = [json.dumps(k.get('kid')) for k in keys(jwks)]
    return no_kid(token, jwks) or len(set(kids)) < len(kids)


RULES = [
    ('malformed', r'token (encoding|dots|bytes|cut|signature|unsigned)', None,
     None, 'RFC 7515 section 2, RFC 4648 section 3.5: base64url without '
     'padding, other bytes and stray bits, in exactly three parts'),
    ('malformed', r'token (payload|claim text|header text|\w+ bytes)', None,
     None, 'RFC 8259, RFC 8725 section 3.7: one JSON object in UTF-8 without '
     'BOM, lone surrogates, U+0000, NaN, duplicate members (RFC 7515 section '
     '4) or bytes after it'),
    ('malformed', r'token (header|header more|kid)$', None, None,
     'RFC 8725 section 3.10: kid is 1 to 128 printable characters; zip and '
     'enc belong to encryption'),
    ('unsupported_critical', r'token header', None, None,
     'RFC 7515 section 4.1.11, RFC 7797 section 7: crit must be understood, '
     'b64 is not for tokens'),
    ('wrong_type', r'token (typ|header)', None, None,
     'RFC 8725 section 3.11: a token of another type, or one nested (cty)'),
    ('invalid_claim', r'token (claim|date|audience|issuer|payload|\w+ bytes)',
     None, None, 'RFC 7519 section 4.1: claims that are there have the right '
     'type; exp, iss and aud are there; dates are 0 to the year 9999'),
    ('invalid_organization', r'token (claim|payload)', None, None,
     'an org_id is "org_" and up to 64 letters and digits'),
    ('not_yet_valid', r'token (claim|date|payload)', {'jwcrypto', 'libjwt'},
     None, 'nbf (RFC 7519 section 4.1.5) and iat in the future: the others '
     'were not asked to look at them'),
    ('unsupported_algorithm', r'token (alg|hmac|header|unsigned)', {'libjwt'},
     None, 'libjwt takes the PEM of a public key for an HMAC secret, and '
     'names of algorithms in any case (RFC 8725 section 3.1)'),
    ('bad_signature', r'.*', None, bound_elsewhere,
     'RFC 7518 section 3.4, RFC 8725 section 3.1: ES256 is P-256, ES384 '
     'P-384, and a key with alg has this one'),
    ('bad_signature', r'.*', None, no_kid,
     'without kid the one key that can be used is meant'),
    ('ambiguous_key', r'.*', None, one_kid,
     'no kid, or one that several keys have: nothing is tried'),
    ('unknown_key', r'keys ', None, None,
     'a key that cannot be used is left out: size, curve, exponent, point, '
     'padding, alg, use, key_ops (RFC 7517 section 4, RFC 7518 section 6)'),
    ('unknown_key', r'.*', None, no_kid, 'no kid, and no key that fits'),
    ('bad_key_set', r'keys ', None, None,
     'RFC 7517 section 5: one JSON object in UTF-8 with an array of keys'),
]


def allowed(what, core, against, token, jwks):
    for verdict, pattern, who, asks, why in RULES:
        if (verdict == core and re.search(pattern, what)
                and (who is None or set(against) <= who)
                and (asks is None or asks(token, jwks))):
            return why
    return None
