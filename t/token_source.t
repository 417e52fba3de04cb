#!/usr/bin/perl

# auth0_m2m ... token=$variable.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(
    http => <<'CONF',
    map $http_authorization $stripped {
        "~*^ApiKey (?<key>.+)$" $key;
    }
CONF
    server => <<'CONF');
        location /header { auth0_m2m on token=$http_x_token; %%PASS%% }
        location /cookie { auth0_m2m on token=$cookie_token; %%PASS%% }
        location /arg    { auth0_m2m on token=$arg_access_token; %%PASS%% }
        location /map    { auth0_m2m on token=$stripped; %%PASS%% }
        location /realm  { auth0_m2m on token=$cookie_token realm=r; %%PASS%% }
        location /mixed  { auth0_m2m on realm=r token=$cookie_token; %%PASS%% }
        location /opt    { auth0_m2m optional token=$cookie_token; %%PASS%% }
        location /set {
            set $mine $http_x_one$http_x_two$http_x_three;
            auth0_m2m on token=$mine;
            %%PASS%%
        }
        location /outer {
            auth0_m2m on token=$cookie_token;
            location /outer/same  { %%PASS%% }
            location /outer/other { auth0_m2m on; %%PASS%% }
        }
        location /claim { auth0_m2m on token=$jwt_claim_inner; %%PASS%% }
CONF

my $jwt   = $n->mint->token(org_id => 'org_a');
my $other = $n->mint->token(org_id => 'org_b');
my @org   = (org => 'org_a');

my %ways = (
    '/header' => ['X-Token' => $jwt],
    '/cookie' => [Cookie => "a=b; token=$jwt; c=d"],
    '/map'    => [Authorization => "ApiKey $jwt"],
    '/set'    => ['X-One' => substr($jwt, 0, 99), 'X-Two' => substr $jwt, 99],
    '/realm'  => [Cookie => "token=$jwt"],
    '/mixed'  => [Cookie => "token=$jwt"],
    '/outer/same' => [Cookie => "token=$jwt"],
);

for my $path (sort keys %ways) {
    my @realm = $path =~ /realm|mixed/ ? (realm => 'r') : ();

    $n->accepts("$path: accepted", $path, $ways{$path}, @org);
    $n->accepts("$path: the Authorization header is not looked at", $path,
        [@{ $ways{$path} }, $n->bearer($other)], @org)
        if $path ne '/map';
    $n->refuses("$path: nothing there", $path, [], 'missing', @realm);
    $n->refuses("$path: only an Authorization header", $path, $jwt, 'missing',
        @realm);
}

$n->accepts('argument: accepted', "/arg?access_token=$jwt", [], @org);
$n->refuses('argument: none', '/arg?x=1', [], 'missing');
$n->refuses('argument: empty', '/arg?access_token=', [], 'missing');

# no scheme and no header syntax here: what is not a token is malformed

my @bad = (
    ['a scheme'      => "Bearer $jwt"], ['a word more' => "$jwt x"],
    ['a list'        => "$jwt,$other"], ['text'        => 'hello'],
    ['a byte 0x80'   => "$jwt\x80"],    ['a tab'       => "$jwt\tx"],
);

$n->refuses("header: $_->[0]", '/header', ['X-Token' => $_->[1]],
    'malformed') for @bad;
$n->refuses('header: expired', '/header',
    ['X-Token' => $n->mint->token(exp => time - 60)], 'expired');

# inheritance: the directive replaces its parameters too

$n->accepts('a location of its own: the header again', '/outer/other', $jwt,
    @org);
$n->refuses('a location of its own: not the cookie', '/outer/other',
    [Cookie => "token=$jwt"], 'missing');

$n->accepts('optional: the cookie', '/opt', [Cookie => "token=$jwt"], @org);
$n->accepts('optional: none', '/opt', []);

# a variable of a token that is not verified yet is empty

my $nested = $n->mint->token(inner => $jwt);
$n->refuses('a token inside a token', '/claim', $nested, 'missing');

# a token that has no header to limit it

sub in_three {
    my @parts = unpack '(a7000)*', $_[0];
    return ['X-One' => $parts[0], 'X-Two' => $parts[1], 'X-Three' => $parts[2]];
}

# four characters for three bytes; the limit is 16,384

my $base = length $n->mint->token(pad => '');
my $most = int((16_384 - $base) * 3 / 4) - 3;

$n->accepts('B20 16 KB in three headers', '/set',
    in_three($n->mint->token(org_id => 'org_a', pad => 'x' x ($most - 24))),
    @org);
$n->refuses('B20 above 16 KB', '/set',
    in_three($n->mint->token(pad => 'x' x ($most + 8))), 'too_large');
$n->refuses('B20 20 KB of dots', '/set', in_three('.' x 20_000),
    'too_large');

$n->stop;
Auth0M2M::Guard->figured('R19-sources',
    'tokens in variables, headers, cookies, arguments');
done_testing;
