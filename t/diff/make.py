"""Tokens and key sets for diff.py, good ones and such that were made wrong in
one way or two.  Signed with the cryptography package."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

ISSUER = 'https://acme.us.auth0.com/'
AUDIENCE = 'https://api.acme.example/'
HASHES = {'256': hashes.SHA256(), '384': hashes.SHA384(),
          '512': hashes.SHA512()}
DAY = 86400     # more than all of it takes
ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256',
              'ES384']


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')


def unb64(text):
    if isinstance(text, str):
        text = text.encode()
    return base64.urlsafe_b64decode(text + b'=' * (-len(text) % 4))


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, 'big')).decode()


def dumps(obj):
    return json.dumps(obj, separators=(',', ':')).encode()


class Key:
    def __init__(self, kid, private, alg):
        self.kid, self.private, self.alg = kid, private, alg
        public = private.public_key()
        self.pem = public.public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo)
        n = public.public_numbers()
        if isinstance(private, rsa.RSAPrivateKey):
            self.jwk = {'kty': 'RSA', 'n': number(n.n), 'e': number(n.e)}
            self.size = 0
        else:
            self.size = (private.curve.key_size + 7) // 8
            self.jwk = {'kty': 'EC', 'crv': f'P-{private.curve.key_size}',
                        'x': number(n.x, self.size),
                        'y': number(n.y, self.size)}
        self.jwk.update(kid=kid, use='sig')

    def sign(self, data, alg, salt=None, der=False):
        h = HASHES[alg[2:]]
        if self.size:
            sig = self.private.sign(data, ec.ECDSA(h))
            if der:
                return sig
            r, s = utils.decode_dss_signature(sig)
            return r.to_bytes(self.size, 'big') + s.to_bytes(self.size, 'big')
        pad = padding.PKCS1v15()
        if alg[0] == 'P':
            pad = padding.PSS(padding.MGF1(h), h.digest_size if salt is None
                              else salt)
        return self.private.sign(data, pad, h)


# What may stand in place of a member's value.

VALUES = [None, True, False, 0, 1, -1, 1.5, '', 'x', [], {}, ['x'], [1], [''],
          {'a': 1}, [[]], 2 ** 53 + 1, -2 ** 63, 10 ** 18, 1e300]
TEXTS = [b'1e999', b'NaN', b'-Infinity', b'"\\u0000"', b'"\\ud800"',
         b'"\xff"', b'01', b'1.', b'"a', b'{"a":1,"a":2}', b'[' * 40,
         b'\xef\xbb\xbf1', b'"\t"', b'1 1', b'99999999999999999999',
         b'"\xed\xa0\x80"', b"'x'", b'TRUE']


class Maker:
    def __init__(self, rnd, now):
        self.r, self.now = rnd, now
        self.keys = [
            Key('k-rsa', rsa.generate_private_key(65537, 2048), 'RS256'),
            Key('k-rsa2', rsa.generate_private_key(65537, 2048), 'PS256'),
            Key('k-ec', ec.generate_private_key(ec.SECP256R1()), 'ES256'),
            Key('k-ec2', ec.generate_private_key(ec.SECP384R1()), 'ES384')]
        self.small = Key('k-small', rsa.generate_private_key(65537, 1024),
                         'RS256')

    def batch(self, n):
        """A key set and n tokens for it, each with what was done."""
        what, jwks = self.key_set()
        cases = []
        for _ in range(n):
            done, token = self.token()
            cases.append((f'{what}, {done}' if what != 'keys as they are'
                          else done, token))
        return jwks, cases

    # Key sets.

    def key_set(self):
        jwks = {'keys': [dict(k.jwk) for k in self.keys]}
        if self.r.random() < 0.5:
            return 'keys as they are', dumps(jwks)
        ways = [w for w in dir(self) if w.startswith('keys_')]
        way = self.r.choice(ways)
        text = getattr(self, way)(jwks, self.r.choice(jwks['keys']))
        return way.replace('_', ' '), text or dumps(jwks)

    def keys_member(self, jwks, jwk):
        jwk[self.r.choice(list(jwk))] = self.r.choice(VALUES)

    def keys_less(self, jwks, jwk):
        del jwk[self.r.choice(list(jwk))]

    def keys_more(self, jwks, jwk):
        name, value = self.r.choice([
            ('alg', 'RS256'), ('alg', 'HS256'), ('alg', 'none'),
            ('alg', 'ES256'), ('use', 'enc'), ('key_ops', ['verify']),
            ('key_ops', ['encrypt']), ('x5c', ['AAAA']), ('d', 'AQAB'),
            ('x5u', 'https://x.example/'), ('other', {'a': []})])
        jwk[name] = value

    def keys_oct(self, jwks, jwk):
        jwk.clear()
        jwk.update(kty='oct', kid='k-rsa', k=b64(self.keys[0].pem).decode())

    def keys_small(self, jwks, jwk):
        jwks['keys'].append(self.small.jwk)

    def keys_same_kid(self, jwks, jwk):
        jwk['kid'] = self.r.choice(jwks['keys'])['kid']

    def keys_order(self, jwks, jwk):
        self.r.shuffle(jwks['keys'])

    def keys_one(self, jwks, jwk):
        jwks['keys'] = [jwk]

    def keys_number(self, jwks, jwk):
        name = self.r.choice([m for m in ('n', 'e', 'x', 'y') if m in jwk])
        jwk[name] = self.r.choice([
            jwk[name] + '=', 'AA' + jwk[name], jwk[name][:-1], jwk[name] * 2,
            'AQ', 'Aw', 'AQAA', jwk[name][:-1] + '+', ' ' + jwk[name],
            jwk[name][::-1]])

    def keys_shape(self, jwks, jwk):
        return self.r.choice([
            dumps(jwks['keys']), dumps(jwk), b'{"keys":{}}', b'{"keys":[]}',
            dumps({'keys': [jwks['keys']]}), dumps({'Keys': jwks['keys']}),
            dumps(jwks) + b'}', b'\xef\xbb\xbf' + dumps(jwks), b'<html>',
            dumps(jwks)[:-1], b' ' + dumps(jwks) + b'\n', b'null', b''])

    def keys_bytes(self, jwks, jwk):
        return self.flip(dumps(jwks))

    # Tokens.

    def token(self):
        key = self.r.choice(self.keys)
        claims = {'iss': ISSUER, 'aud': AUDIENCE, 'sub': 'c1@clients',
                  'iat': self.now - 10, 'exp': self.now + 2 * DAY,
                  'scope': 'read:orders', 'org_id': 'org_abc'}
        alg = key.alg
        if not key.size and self.r.random() < 0.2:
            alg = self.r.choice(ALGORITHMS[:6])
        header = {'alg': alg, 'typ': 'JWT', 'kid': key.kid}
        job = Job(key, alg, header, claims)
        ways = [w for w in dir(self) if w.startswith('token_')]
        way = self.r.choice(ways)
        text = getattr(self, way)(job)
        return way.replace('_', ' '), text if text is not None else job.make()

    def token_good(self, job):
        pass

    def token_claim(self, job):
        job.claims[self.r.choice(list(job.claims) + ['nbf', 'azp'])] = (
            self.r.choice(VALUES))

    def token_claim_less(self, job):
        del job.claims[self.r.choice(list(job.claims))]

    def token_claim_more(self, job):
        job.claims[self.r.choice(['nbf', 'jti', 'https://x.example/y', 'a',
                                  'permissions', 'client_id'])] = (
            self.r.choice(VALUES))

    def token_date(self, job):
        job.claims[self.r.choice(['exp', 'nbf', 'iat'])] = self.r.choice([
            self.now - DAY, self.now + DAY, self.now + 0.5 + DAY,
            str(self.now + DAY), -self.now, 1e18, 2 ** 63, 2 ** 64, 1e308,
            253402300799, 253402300800, float(self.now + DAY), 0])

    def token_audience(self, job):
        job.claims['aud'] = self.r.choice([
            [AUDIENCE], [AUDIENCE, 'x'], ['x'], AUDIENCE[:-1], AUDIENCE + 'x',
            AUDIENCE.upper(), [AUDIENCE, 1], [[AUDIENCE]], {AUDIENCE: 1}])

    def token_issuer(self, job):
        job.claims['iss'] = self.r.choice([
            ISSUER[:-1], ISSUER + 'x', ISSUER.upper(), [ISSUER], ' ' + ISSUER,
            ISSUER.replace('https', 'http')])

    def token_claim_text(self, job):
        name = self.r.choice(list(job.claims))
        job.payload = self.splice(job.claims, name)

    def token_payload(self, job):
        text = dumps(job.claims)
        job.payload = self.r.choice([
            b'', b'{}', b'[]', b'null', b'"x"', text + b'x', text[:-1],
            b'\xef\xbb\xbf' + text, b' ' + text + b' ', text + b'\0',
            text.replace(b'{', b'{"exp":1,', 1),
            text.replace(b'{', b'{"iss":"x",', 1), text.decode().encode(
                'utf-16-le')])

    def token_payload_bytes(self, job):
        job.payload = self.flip(dumps(job.claims))

    def token_header(self, job):
        job.header[self.r.choice(list(job.header))] = self.r.choice(VALUES)

    def token_header_less(self, job):
        del job.header[self.r.choice(list(job.header))]

    def token_header_crit(self, job):
        job.header['crit'] = self.r.choice([[], ['b64'], ['exp'], ['x'], 'x',
                                            None])
        if self.r.random() < 0.3:
            job.header['b64'] = self.r.choice([True, False])

    def token_header_more(self, job):
        name, value = self.r.choice([
            ('jku', 'https://evil.example/'), ('jwk', self.keys[0].jwk),
            ('x5c', ['AAAA']), ('b64', True), ('b64', False), ('zip', 'DEF'),
            ('enc', 'A128GCM'), ('cty', 'JWT'), ('other', 1)])
        job.header[name] = value

    def token_typ(self, job):
        job.header['typ'] = self.r.choice([
            'at+jwt', 'AT+JWT', 'application/at+jwt', 'jwt', 'JWS', 'dpop+jwt',
            'id+jwt', ''])

    def token_kid(self, job):
        job.header['kid'] = self.r.choice([
            self.r.choice(self.keys).kid, job.header['kid'].upper(),
            job.header['kid'] + '\0', job.header['kid'] + ' ', '../../x',
            "' OR 1=1", 'x' * 200])

    def token_header_text(self, job):
        job.head = self.splice(job.header, self.r.choice(list(job.header)))

    def token_header_bytes(self, job):
        job.head = self.flip(dumps(job.header))

    def token_alg(self, job):
        job.header['alg'] = self.r.choice(ALGORITHMS + [
            'none', 'None', 'nOnE', 'HS256', 'rs256', 'RS256 ', 'RS256\0', '',
            'EdDSA', 'ES256K', 'ES512', 'HS512'])

    def token_other_alg(self, job):
        alg = self.r.choice(ALGORITHMS[6:] if job.key.size
                            else ALGORITHMS[:6])
        job.alg = job.header['alg'] = alg

    def token_hmac(self, job):
        job.header['alg'] = self.r.choice(['HS256', 'HS384', 'HS512'])
        secret = self.r.choice([job.key.pem, b'', dumps(job.key.jwk)])
        data = job.data()
        sig = hmac.new(secret, data, getattr(
            hashlib, 'sha' + job.header['alg'][2:])).digest()
        return data + b'.' + b64(sig)

    def token_unsigned(self, job):
        job.header['alg'] = self.r.choice(['none', 'None', job.alg])
        return job.data() + b'.'

    def token_salt(self, job):
        if not job.key.size:
            job.alg = job.header['alg'] = 'PS' + job.alg[2:]
            job.salt = self.r.choice([0, 20, 31, 33, 64])

    def token_signature(self, job):
        data, sig = job.data(), job.sign()
        half = len(sig) // 2
        sig = self.r.choice([
            sig[:-1], sig + b'\0', b'\0' + sig, bytes(len(sig)), sig[::-1],
            sig[:half], sig[half:] + sig[:half], b'', b'\xff' * len(sig),
            job.key.sign(data, job.alg, der=True), b'\0' * half + sig[half:],
            self.flip(sig)])
        return data + b'.' + b64(sig)

    def token_encoding(self, job):
        text = job.make()
        parts = text.split(b'.')
        i = self.r.randrange(3)
        last = parts[i][-1:]
        alphabet = (b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
                    b'0123456789-_')
        k = alphabet.index(last)
        parts[i] = self.r.choice([
            parts[i] + b'=', parts[i] + b'==', parts[i] + b'A',
            parts[i][:-1] + alphabet[k ^ 1:][:1],
            parts[i].replace(b'-', b'+').replace(b'_', b'/'),
            parts[i] + b'\n', b' ' + parts[i], parts[i] + b'!',
            parts[i][:-1]])
        return b'.'.join(parts)

    def token_dots(self, job):
        text = job.make()
        h, p, s = text.split(b'.')
        return self.r.choice([
            text + b'.', b'.' + text, h + b'..' + s, h + b'.' + p,
            text + b'.' + s, h + b'.' + p + b'.' + s + b'..', text + text,
            h + b'.' + p + b'.', h + p + s, text + b' ' + text,
            dumps({'protected': h.decode(), 'payload': p.decode(),
                   'signature': s.decode()})])

    def token_bytes(self, job):
        return self.flip(job.make())

    def token_cut(self, job):
        text = job.make()
        return text[:self.r.randrange(len(text))]

    # Helpers.

    def splice(self, obj, name):
        """obj's text with another text as name's value, or name twice."""
        text = dumps(obj)
        value = dumps(obj[name])
        at = text.index(dumps(name) + b':') + len(dumps(name)) + 1
        if self.r.random() < 0.3:
            other = self.r.choice([value, b'"x"', b'1'])
            member = dumps(name) + b':' + other
            return self.r.choice([b'{' + member + b',' + text[1:],
                                  text[:-1] + b',' + member + b'}'])
        return text[:at] + self.r.choice(TEXTS) + text[at + len(value):]

    def flip(self, data):
        data = bytearray(data)
        for _ in range(self.r.choice([1, 1, 1, 2, 5])):
            i = self.r.randrange(len(data))
            if self.r.random() < 0.7:
                data[i] ^= 1 << self.r.randrange(8)
            elif self.r.random() < 0.5:
                data[i] = self.r.randrange(256)
            else:
                del data[i]
        return bytes(data)


class Job:
    """A token in the making."""

    def __init__(self, key, alg, header, claims):
        self.key, self.alg = key, alg
        self.header, self.claims = header, claims
        self.head = self.payload = self.salt = None

    def data(self):
        head = dumps(self.header) if self.head is None else self.head
        payload = dumps(self.claims) if self.payload is None else self.payload
        return b64(head) + b'.' + b64(payload)

    def sign(self):
        return self.key.sign(self.data(), self.alg, self.salt)

    def make(self):
        data = self.data()
        return data + b'.' + b64(self.key.sign(data, self.alg, self.salt))
