#!/usr/bin/python3
"""diff.py N SEED CORE LIBJWT: N tokens and key sets, made wrong in many ways,
judged by the module's core, PyJWT, jwcrypto and libjwt.

Prints one JSON object: how many there were, how many each accepted, and each
kind of disagreement with its count and one example.  A kind says why it may be
(rules.py), else it is a finding and says how token and key set were made.
"""

import datetime
import json
import random
import subprocess
import sys
import time
import warnings

import jwcrypto.jwk
import jwcrypto.jwt
import jwt

import make
import rules

warnings.simplefilter('ignore')

NOW = int(time.time())
PRIVATE = {'d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'}
OTHERS = ('pyjwt', 'jwcrypto', 'libjwt')
BATCH = 10


class Frozen(datetime.datetime):
    """Everybody has the same time, however long it takes."""

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, tz)


jwt.api_jwt.datetime = Frozen
time.time = lambda: float(NOW)


class Program:
    """One of the C programs, asked by lines."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.tell('N', str(NOW))

    def tell(self, kind, text):
        self.process.stdin.write(f'{kind} {text}\n'.encode())

    def keys(self, jwks):
        self.tell('K', jwks.hex())

    def ask(self, tokens):
        for token in tokens:
            self.tell('T', token.hex())
        self.process.stdin.flush()

    def judge(self, tokens):
        return [self.process.stdout.readline().decode().strip()
                for _ in tokens]


class Library:
    """One in this process.  It is asked in the most lenient way: with each key
    of the token's kid in turn, all keys when it has none, and without private
    members and those that the library cannot read."""

    def keys(self, jwks):
        self.set = []
        try:
            keys = json.loads(jwks)['keys']
            assert isinstance(keys, list)
        except Exception:
            return
        for key in keys:
            try:
                public = {k: v for k, v in key.items() if k not in PRIVATE}
                self.set.append((key.get('kid'), self.read(public)))
            except Exception:
                pass

    def ask(self, tokens):
        pass

    def one(self, token):
        try:
            header = json.loads(make.unb64(token.split(b'.')[0]))
            kid = header.get('kid')
        except Exception:
            return 'refused'
        for name, key in self.set:
            try:
                if 'kid' not in header or (name is not None and name == kid):
                    self.verify(token, key)
                    return 'ok'
            except Exception:
                pass
        return 'refused'

    def judge(self, tokens):
        return [self.one(t) for t in tokens]


class PyJWT(Library):
    def read(self, key):
        return jwt.PyJWK(key).key

    def verify(self, token, key):
        jwt.decode(token, key, make.ALGORITHMS, audience=make.AUDIENCE,
                   issuer=make.ISSUER,
                   options={'require': ['exp', 'iss', 'aud']})


class JWCrypto(Library):
    def read(self, key):
        return jwcrypto.jwk.JWK(**key)

    def verify(self, token, key):
        t = jwcrypto.jwt.JWT(algs=make.ALGORITHMS, check_claims={
            'iss': make.ISSUER, 'aud': make.AUDIENCE, 'exp': None})
        t.leeway = 0
        t.deserialize(token.decode(), key)


class Result:
    def __init__(self):
        self.accepted = dict.fromkeys(('core',) + OTHERS, 0)
        self.kinds = {}
        self.count = 0
        self.worst = 0

    def note(self, what, jwks, token, core, others):
        self.count += 1
        self.accepted['core'] += core == 'ok'
        for name, verdict in others.items():
            self.accepted[name] += verdict == 'ok'
        against = [n for n, v in others.items()
                   if v != 'abstains' and (v == 'ok') != (core == 'ok')]
        if not against:
            return
        self.worst += core == 'ok' and len(against) > 1
        why = rules.allowed(what, core, against, token, jwks)
        kind = f'core {core}, not {" ".join(against)}: ' + (why or what)
        found = self.kinds.setdefault(kind, {
            'count': 0, 'allowed': why is not None,
            'token': token.decode('latin-1')[:3000],
            'jwks': jwks.decode('latin-1')[:3000]})
        found['count'] += 1


def main(n, seed, core, libjwt):
    judges = {'pyjwt': PyJWT(), 'jwcrypto': JWCrypto(), 'core': Program(core),
              'libjwt': Program(libjwt)}
    maker = make.Maker(random.Random(seed), NOW)
    result = Result()
    while result.count < n:
        jwks, cases = maker.batch(BATCH)
        tokens = [token for _, token in cases]
        for judge in judges.values():
            judge.keys(jwks)
            judge.ask(tokens)
        verdicts = {name: judge.judge(tokens)
                    for name, judge in judges.items()}
        for i, (what, token) in enumerate(cases):
            result.note(what, jwks, token, verdicts['core'][i],
                        {name: verdicts[name][i] for name in OTHERS})
    print(json.dumps({'count': result.count, 'seed': seed,
                      'accepted': result.accepted, 'worst': result.worst,
                      'kinds': result.kinds}, indent=1))


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
