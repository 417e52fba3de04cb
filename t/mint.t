#!/usr/bin/perl

# The tokens that other tests use are what they are said to be: good ones
# verify with an implementation that did not make them, hostile ones are wrong
# in the one way that is meant.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Crypt::PK::ECC;
use Crypt::PK::RSA;
use Digest::SHA qw(hmac_sha256);

use lib 't/lib';
use Auth0M2M::Mint qw(raw hmac unsigned parts join_parts flip es_der b64u);
use Auth0M2M::Test;

my $m    = Auth0M2M::Mint->new;
my $json = JSON::PP->new;

my %algs = (
    'rsa-1'  => [qw(RS256 RS384 RS512 PS256 PS384 PS512)],
    'p256-1' => [qw(ES256)],
    'p384-1' => [qw(ES384)],
);

my $verify = <<'END';
import json, sys
from jwcrypto import jwk, jws
for line in sys.stdin:
    q = json.loads(line)
    t = jws.JWS()
    t.allowed_algs = [q["alg"]]
    t.deserialize(q["token"])
    try:
        t.verify(jwk.JWK(**q["key"]))
        print(json.loads(t.payload)["org_id"])
    except jws.InvalidJWSSignature:
        print("invalid")
END

# One process for all: [token, alg, key] each; org_id or "invalid".

sub jwcrypto_says {
    my $file = File::Temp->new;

    for my $q (@_) {
        print {$file} $json->encode({
            token => $q->[0], alg => $q->[1], key => $q->[2]{jwk},
        }), "\n";
    }

    $file->flush;
    my ($exit, $text) = Auth0M2M::Test::Curl::run([
        'sh', '-c', 'exec "$0" -c "$1" < "$2"',
        Auth0M2M::Mint->python, $verify, "$file",
    ]);
    return split /\n/, $text;
}

subtest('signers' => sub {
    my (@questions, @names, @want);

    is_deeply([$m->signers], [qw(cryptx jwcrypto jose)], 'all are here');

    for my $name (sort keys %algs) {
        my $key = $m->key($name);

        for my $alg (@{ $algs{$name} }) {
            for my $signer ($m->signers) {
                my $t = $m->token(org_id => "org_$signer", -alg => $alg,
                    -key => $key, -signer => $signer);
                push @questions, [$t, $alg, $key], [flip($t, 2, 5), $alg, $key];
                push @names, "$alg by $signer", "$alg by $signer, altered";
                push @want,  "org_$signer", 'invalid';
            }

            push @questions,
                [raw(qq({"alg":"$alg"}), '{"org_id":"r"}', alg => $alg,
                    key => $key), $alg, $key];
            push @names, "$alg raw";
            push @want, 'r';
        }
    }

    my @says = jwcrypto_says(@questions);
    is($says[$_], $want[$_], $names[$_]) for 0 .. $#want;
});

subtest('claims and header' => sub {
    my $now = time;
    my ($h, $p) = map { $json->decode($_) }
        (parts($m->token(org_id => 'org_a', scope => undef)))[0, 1];

    is_deeply($h, { alg => 'RS256', typ => 'JWT', kid => 'key-rsa-1' },
        'header');
    is($p->{org_id}, 'org_a', 'added');
    ok(!exists $p->{scope}, 'removed');
    is($p->{iss}, 'https://acme.us.auth0.com/', 'issuer');
    cmp_ok(abs($p->{exp} - $now - 3600), '<=', 2, 'expires in an hour');

    ($h) = map { $json->decode($_) }
        (parts($m->token(-typ => 'at+jwt', -header => { kid => undef })))[0];
    is_deeply($h, { alg => 'RS256', typ => 'at+jwt' }, 'altered header');

    ($h) = map { $json->decode($_) }
        (parts($m->token(-header => { alg => 'none' })))[0];
    is($h->{alg}, 'none', 'a header that lies');
});

subtest('hostile ones' => sub {
    my $key = $m->key;
    my ($bytes, $claims) = ("{\"alg\":\"\xff\"", 'no json');
    my ($h, $p) = parts(raw($bytes, $claims));
    is($h, $bytes,  'header as given');
    is($p, $claims, 'payload as given');

    my $rsa   = Crypt::PK::RSA->new(\$key->{public_pem});
    my $input = b64u('h') . '.' . b64u('p');
    my $s = (parts(raw('h', 'p', alg => 'PS256', salt => 20)))[2];
    ok($rsa->verify_message($s, $input, 'SHA256', 'pss', 20), 'salt of 20');
    $s = (parts(raw('h', 'p', alg => 'RS256', hash => 'SHA1')))[2];
    ok($rsa->verify_message($s, $input, 'SHA1', 'v1.5'), 'another digest');

    my $secret = $key->{public_pem};
    is((parts(hmac('h', 'p', $secret)))[2], hmac_sha256($input, $secret),
        'HS256 with the public key');
    is(unsigned('h', 'p'), "$input.", 'no signature');

    my $ec = $m->key('p256-1');
    my $t = raw('h', 'p', key => $ec);
    is(length((parts($t))[2]), 64, 'ES256 raw');
    my $der = (parts(es_der($t)))[2];
    ok(Crypt::PK::ECC->new(\$ec->{public_pem})
        ->verify_message($der, $input, 'SHA256'), 'ES256 DER');

    my @a = parts($t);
    my @b = parts(flip($t, 1, 3));
    is(unpack('%32b*', $a[1] ^ $b[1]), 1, 'one bit');
    is(join_parts(@a), $t, 'taken apart and joined');
});

subtest('keys' => sub {
    my %bits = (
        'rsa1024-1' => 128, 'rsa-2' => 256, 'rsa3072-1' => 384,
        'p256-2' => 32, 'p521-1' => 66,
    );

    for my $name (sort keys %bits) {
        my $jwk = $m->key($name)->{jwk};
        is(length Auth0M2M::Mint::unb64u($jwk->{n} // $jwk->{x}),
            $bits{$name}, "$name: size");
    }

    is($m->key('rsa-2')->{pem}, $m->key('rsa-2')->{pem}, 'the same name');
    isnt($m->key('rsa-2')->{pem}, $m->key->{pem}, 'another name');

    my $set = $json->decode($m->jwks($m->key, $m->key('p256-1', kid => undef),
        $m->jwk($m->key('rsa-2'), use => 'enc', alg => undef), { kty => 'x' }));
    is_deeply([map { $_->{kid} } @{ $set->{keys} }],
        ['key-rsa-1', undef, 'key-rsa-2', undef], 'key ids');
    is($set->{keys}[2]{use}, 'enc', 'member replaced');
    ok(!exists $set->{keys}[2]{alg}, 'member removed');
    is_deeply([grep { exists $_->{d} } @{ $set->{keys} }], [], 'all public');
});

done_testing;
