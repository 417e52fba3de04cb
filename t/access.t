#!/usr/bin/perl

# How a token is sent and what is answered: RFC 6750, RFC 9110 section 11.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(server => <<'CONF');
        location / {
            auth0_m2m on;
            %%PASS%%
        }

        location /off {
            auth0_m2m off;
            %%PASS%%
        }

        location /realm {
            auth0_m2m on 'realm=a "b" \\c';
            %%PASS%%
        }

        location /leeway0 {
            auth0_m2m on;
            auth0_m2m_leeway 0;
            %%PASS%%
        }
CONF

my $good = $n->mint->token(org_id => 'org_a');

sub header { return [map { (Authorization => $_) } @_] }

# accepted

my @accepted = (
    ['a token'                     => "Bearer $good"],
    ['A3 bearer'                   => "bearer $good"],
    ['A3 BEARER'                   => "BEARER $good"],
    ['A3 BeArEr'                   => "BeArEr $good"],
    ['A4 trailing blanks'          => "Bearer $good   "],
);

$n->accepts("$_->[0]: accepted", '/', header($_->[1]), org => 'org_a')
    for @accepted;

# refused

my @refused = (
    ['A2 Basic'             => 'Basic dXNlcjpwYXNz',       'missing'],
    ['A2 Digest'            => 'Digest username="Mufasa"', 'missing'],
    ['A2 DPoP'              => "DPoP $good",               'missing'],
    ['empty header'         => '',                         'missing'],
    ['A4 Bearer alone'      => 'Bearer',           'invalid_request'],
    ['A4 Bearer, a blank'   => 'Bearer ',          'invalid_request'],
    ['A5 two blanks'        => "Bearer  $good",    'invalid_request'],
    ['A5 tab'               => "Bearer\t$good",    'invalid_request'],
    ['A5 blank and tab'     => "Bearer \t$good",   'invalid_request'],
    ['A5 another word'      => "Bearer $good x",   'invalid_request'],
    ['A5 tab and a word'    => "Bearer $good\tx",  'invalid_request'],
    ['A5 comma'             => "Bearer $good,",    'invalid_request'],
    ['A5 two in a list'     => "Bearer $good, Bearer $good",
        'invalid_request'],
    ['A5 byte 0x80'         => "Bearer $good\x80", 'invalid_request'],
    ['A5 DEL'               => "Bearer $good\x7f", 'invalid_request'],
    ['A6 Bearertok'         => "Bearer$good",              'missing'],
    ['A6 Bearer:tok'        => "Bearer:$good",             'missing'],
    ['A6 BearerX tok'       => "BearerX $good",            'missing'],
    ['A6 Bear tok'          => "Bear $good",               'missing'],
    ['A6 X Bearer tok'      => "X Bearer $good",           'missing'],
    ['A6 the token alone'   => $good,                      'missing'],
    ['A7 not base64url'     => 'Bearer a.b.c+/=',        'malformed'],
    ['A7 an opaque token'   => 'Bearer 7Fjfp0ZBr1KtDRbnfVdmIw',
        'malformed'],
);

$n->refuses('A1 no Authorization', '/', [], 'missing');
$n->refuses($_->[0], '/', header($_->[1]), $_->[2]) for @refused;

# two headers, two ways

my $r = $n->get('/', @{ header("Bearer $good", "Bearer $good") });
is($r->status, 400, 'A8 two headers: the core or the module refuses');
$r = $n->get('/', @{ header("Bearer $good", 'Basic eDp5') });
is($r->status, 400, 'A8 two headers of two schemes');

$n->refuses('A9 a token in the query alone is not seen',
    "/?access_token=$good", [], 'missing');
$n->refuses('A9 header and query', '/?access_token=x', $good,
    'multiple_tokens');
$n->refuses('A9 header and query, second argument', '/?a=b&access_token=x',
    $good, 'multiple_tokens');
$n->refuses('A9 header and query, no value', '/?access_token=', $good,
    'multiple_tokens');
$n->accepts("A9 $_ is another argument", "/?$_", $good, org => 'org_a')
    for 'access_token_type=x', 'my_access_token=x', 'a=access_token', 'a';

# the challenge

is($n->challenge('missing'), 'Bearer realm="auth0-m2m"',
    'A1 the challenge without a token has no error');
$n->refuses('A11 a realm with quotes is escaped', '/realm', [], 'missing',
    realm => 'a \\"b\\" \\\\c');
$n->accepts('A10 no challenge on a 200', '/', $good, org => 'org_a');

# methods

for my $method (qw(OPTIONS HEAD PUT DELETE PATCH TRACE PROPFIND)) {
    $r = $n->ask('/', [], $method);
    is($r->status, $method eq 'TRACE' ? 405 : 401, "A15 $method, no token");
}

for my $method (qw(OPTIONS HEAD PUT DELETE PATCH)) {
    $n->accepts("A15 $method with a token", '/', $good, org => 'org_a',
        method => $method);
}

$r = $n->request('OPTIONS', '/', [Origin => 'https://a.example',
    'Access-Control-Request-Method' => 'GET']);
is($r->status, 401, 'A15 a CORS preflight is no exception');

# what the backend gets

$n->accepts('A18 accepted', '/', $good, org => 'org_a');
is($n->backend->last->header('Authorization'), "Bearer $good",
    'A18 the token goes on to the backend');
$n->accepts('off: no token asked for', '/off', []);
$n->accepts('off: a token is not looked at', '/off', 'x.y.z');

# E19: only the token names the organization

for my $spoof (
    ['X-Org-Id'       => 'org_evil'], ['Jwt-Org-Id' => 'org_evil'],
    ['jwt_org_id'     => 'org_evil'], ['Cookie' => 'jwt_org_id=org_evil'],
    ['X-Jwt-Claim-Org-Id' => 'org_evil'],
) {
    $n->accepts("E19 $spoof->[0] sent by the client", '/?jwt_org_id=org_evil',
        ['Authorization' => "Bearer $good", @$spoof], org => 'org_a');
}

# leeway, on the module's own clock: no second may be at stake

$n->accepts('E6 exp 2 s ago, leeway 5 s', '/', { exp => time - 2 });
$n->refuses('E6 exp 7 s ago, leeway 5 s', '/', { exp => time - 7 },
    'expired');
$n->refuses('E6 exp 2 s ago, no leeway', '/leeway0', { exp => time - 2 },
    'expired');
$n->refuses('E11 nbf in 60 s', '/', { nbf => time + 60 }, 'not_yet_valid');

$n->stop;
done_testing;
