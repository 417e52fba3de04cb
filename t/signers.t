#!/usr/bin/perl

# A token of each algorithm by each of three independent signers is accepted,
# and the same token with one bit of its signature inverted is not.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Mint;
use Auth0M2M::Test;

my %keys = (
    'rsa-1'  => [qw(RS256 RS384 RS512 PS256 PS384 PS512)],
    'p256-1' => [qw(ES256)],
    'p384-1' => [qw(ES384)],
);

my $m       = Auth0M2M::Mint->new;
my @keys    = map { $m->key($_, alg => undef) } sort keys %keys;
my @algs    = map { @{ $keys{$_} } } sort keys %keys;
my @signers = $m->signers;

is_deeply(\@signers, [qw(cryptx jwcrypto jose)], 'three signers');

my $n = Auth0M2M::Test->new(
    files  => { 'jwks.json' => $m->jwks(@keys) },
    macros => { ALGS => "@algs" },
    server => <<'CONF');
        location / {
            auth0_m2m             on;
            auth0_m2m_domain      acme.us.auth0.com;
            auth0_m2m_upstream    http://127.0.0.1:%%PORT_NOBODY%%;
            auth0_m2m_jwks_file   %%DIR%%/jwks.json;
            auth0_m2m_audience    https://api.acme.example/;
            auth0_m2m_algorithms  %%ALGS%%;

            proxy_set_header      X-Org-Id $jwt_org_id;
            proxy_pass            http://%%BACKEND%%;
        }
CONF

for my $key (@keys) {
    my ($name) = $key->{kid} =~ /^key-(.*)/;

    for my $alg (@{ $keys{$name} }) {
        for my $signer (@signers) {
            my $jwt = $m->token(org_id => "org_$signer", -key => $key,
                -alg => $alg, -signer => $signer);
            my @header = (Authorization => "Bearer $jwt");

            $n->backend->clear;
            is($n->get('/', @header)->status, 200, "$alg by $signer");
            is($n->backend->last->header('X-Org-Id'), "org_$signer",
                "$alg by $signer: organization");

            @header = (Authorization => 'Bearer ' . $m->flip($jwt, 2, 7));
            $n->backend->clear;
            is($n->get('/', @header)->status, 401,
                "$alg by $signer: altered");
            is($n->backend->count, 0, "$alg by $signer: nobody asked");
        }
    }
}

$n->stop;
done_testing;
