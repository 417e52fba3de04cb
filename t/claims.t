#!/usr/bin/perl

# Claims of tokens that are otherwise good: RFC 7519, RFC 9068.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $json = JSON::PP->new->canonical->utf8;
my $mint = Auth0M2M::Guard->mint;

my $n = Auth0M2M::Guard->new(
    server => <<'CONF',
        location / {
            auth0_m2m on;
            %%PASS%%
        }

        location /strict {
            auth0_m2m            on;
            auth0_m2m_token_type at+jwt;
            %%PASS%%
        }

        location /two {
            auth0_m2m          on;
            auth0_m2m_audience https://one/ https://two/;
            %%PASS%%
        }

        location /lenient {
            auth0_m2m        on;
            auth0_m2m_leeway 5m;
            %%PASS%%
        }
CONF
);

my $now = time;
my $aud = 'https://api.acme.example/';

# Payloads.  Bytes replace or add members of a good one: the claims of Mint as
# text, without those named.

sub payload {
    my ($text, @without) = @_;
    my $claims = $mint->claims(org_id => 'org_a');
    delete @$claims{@without};
    my $good = $json->encode($claims);
    return $good =~ s/\}\z/,$text}/r;
}

sub signed { return $mint->sign($_[0]) }

my @payloads = (
    ['E1 array',              '[]',              'malformed'],
    ['E1 string',             '"x"',             'malformed'],
    ['E1 null',               'null',            'malformed'],
    ['E1 number',             '1',               'malformed'],
    ['E1 not JSON',           'hello',           'malformed'],
    ['E1 empty object',       '{}',              'invalid_claim'],
    ['E1 invalid UTF-8',      payload(qq("x":"\xff")),       'malformed'],
    ['E1 overlong UTF-8',     payload(qq("x":"\xc0\xaf")),   'malformed'],
    ['E1 lone surrogate',     payload('"x":"\\ud800"'),      'malformed'],
    ['E1 duplicate member',   payload('"iss":"https://acme.us.auth0.com/"'),
        'malformed'],
    ['E1 duplicate, nested',  payload('"x":{"a":1,"a":2}'),  'malformed'],
    ['E1 duplicate, escaped', payload('"\\u0069ss":"x"'),    'malformed'],
    ['E1 trailing garbage',   payload('"x":1') . 'x',        'malformed'],
    ['E1 two documents',      payload('"x":1') . '{}',       'malformed'],
    ['E1 BOM',                "\xef\xbb\xbf" . payload('"x":1'), 'malformed'],
    ['E1 NaN',                payload('"x":NaN'),            'malformed'],
    ['E1 Infinity',           payload('"x":Infinity'),       'malformed'],
    ['E1 comment',            payload('"x":1/**/'),          'malformed'],
    ['E1 trailing comma',     payload('"x":1,'),             'malformed'],
    ['E28 NUL in a string',   payload('"x":"a\\u0000"'),     'malformed'],
    ['E28 NUL in a name',     payload('"a\\u0000":1'),       'malformed'],
    ['E26 deep nesting',      payload('"x":' . '[' x 900 . ']' x 900),
        'malformed'],
    ['E8 exp true',           payload('"exp":true', 'exp'),  'invalid_claim'],
    ['E8 exp null',           payload('"exp":null', 'exp'),  'invalid_claim'],
    ['E8 exp string (CVE-2026-25537)',
        payload('"exp":"2000000000"', 'exp'),                'invalid_claim'],
    ['E8 exp array',          payload('"exp":[]', 'exp'),    'invalid_claim'],
    ['E8 exp object',         payload('"exp":{}', 'exp'),    'invalid_claim'],
    ['E9 exp negative',       payload('"exp":-1', 'exp'),    'invalid_claim'],
    ['E9 exp 0',              payload('"exp":0', 'exp'),     'expired'],
    ['E9 exp -0',             payload('"exp":-0', 'exp'),    'expired'],
    ['E9 exp -1e308',         payload('"exp":-1e308', 'exp'),
        'invalid_claim'],
    ['E10 exp 1e308',         payload('"exp":1e308', 'exp'), 'invalid_claim'],
    ['E10 exp 1e999',         payload('"exp":1e999', 'exp'), 'malformed'],
    ['E10 exp 2^63-1',
        payload('"exp":9223372036854775807', 'exp'),         'invalid_claim'],
    ['E10 exp 2^63',
        payload('"exp":9223372036854775808', 'exp'),         'invalid_claim'],
    ['E10 exp 2^64',
        payload('"exp":18446744073709551616', 'exp'),        'invalid_claim'],
    ['E10 exp 1e19',          payload('"exp":1e19', 'exp'),  'invalid_claim'],
    ['E10 exp after the year 9999',
        payload('"exp":253402300800', 'exp'),                'invalid_claim'],
    ['E11 nbf string',        payload('"nbf":"1"'),          'invalid_claim'],
    ['E11 nbf null',          payload('"nbf":null'),         'invalid_claim'],
    ['E11 nbf 1e308',         payload('"nbf":1e308'),        'invalid_claim'],
    ['E12 iat string',        payload('"iat":"1"', 'iat'),   'invalid_claim'],
);

$n->refuses("$_->[0]: refused", '/', signed($_->[1]), $_->[2]) for @payloads;

my @fine = (
    ['E7 exp with a fraction', payload('"exp":' . ($now + 60) . '.5', 'exp')],
    ['E7 exp with an exponent', payload('"exp":2e9', 'exp')],
    ['E10 exp in the year 9999', payload('"exp":253402300799', 'exp')],
    ['E26 10 levels of nesting',
        payload('"x":' . '[' x 10 . ']' x 10)],
    ['E26 400 members',
        payload(join ',', map {qq("m$_":$_)} 1 .. 400)],
    ['E27 a float',            payload('"https://a/f":1.7976931348623157e308')],
    ['E27 an integer of 30 digits', payload('"https://a/i":' . '9' x 30)],
    ['E27 a negative one',     payload('"https://a/i":-' . '9' x 30)],
    ['white space around',     "\n\t " . payload('"x" : 1 ') . " \r\n"],
    ['any Unicode',            payload(qq("x":"\xf0\x9f\x92\xa9\xc3\xa4"))],
    ['escapes',                payload('"x":"\\ud83d\\ude00\\n\\/"')],
);

$n->accepts("$_->[0]: accepted", '/', signed($_->[1]), org => 'org_a')
    for @fine;

# Claims by value.

my @claims = (
    ['E2 iss missing',        { iss => undef },           'invalid_claim'],
    ['E2 iss number',         { iss => 1 },               'invalid_claim'],
    ['E2 iss array',          { iss => ['https://acme.us.auth0.com/'] },
        'invalid_claim'],
    ['E2 iss null',           { iss => \undef },          'invalid_claim'],
    ['E2 iss empty',          { iss => '' },              'wrong_issuer'],
    ['E2 iss without slash',  { iss => 'https://acme.us.auth0.com' },
        'wrong_issuer'],
    ['E2 iss upper case',     { iss => 'https://ACME.us.auth0.com/' },
        'wrong_issuer'],
    ['E2 iss prefix',         { iss => 'https://acme.us.auth0.c' },
        'wrong_issuer'],
    ['E2 iss suffix',         { iss => 'https://acme.us.auth0.com/x' },
        'wrong_issuer'],
    ['E2 iss subdomain',      { iss => 'https://x.acme.us.auth0.com/' },
        'wrong_issuer'],
    ['E2 iss http',           { iss => 'http://acme.us.auth0.com/' },
        'wrong_issuer'],
    ['E2 iss with a port',    { iss => 'https://acme.us.auth0.com:443/' },
        'wrong_issuer'],
    ['E2 iss with user info',
        { iss => 'https://acme.us.auth0.com@evil.example/' },
        'wrong_issuer'],
    ['E2 iss punycode',       { iss => 'https://xn--cme-0ra.us.auth0.com/' },
        'wrong_issuer'],
    ['E3 aud missing',        { aud => undef },           'invalid_claim'],
    ['E3 aud null',           { aud => \undef },          'invalid_claim'],
    ['E3 aud number',         { aud => 1 },               'invalid_claim'],
    ['E3 aud object',         { aud => { $aud => 1 } },   'invalid_claim'],
    ['E3 aud empty',          { aud => '' },              'invalid_claim'],
    ['E3 aud []',             { aud => [] },              'invalid_claim'],
    ['E3 aud array with a number', { aud => [$aud, 1] },  'invalid_claim'],
    ['E3 aud array with null', { aud => [\undef, $aud] }, 'invalid_claim'],
    ['E3 aud array in an array', { aud => [[$aud]] },     'invalid_claim'],
    ['E4 aud another',        { aud => 'https://x/' },    'wrong_audience'],
    ['E4 aud prefix',         { aud => 'https://api.acme.exampl' },
        'wrong_audience'],
    ['E4 aud suffix',         { aud => "${aud}v1" },      'wrong_audience'],
    ['E4 aud without slash',  { aud => 'https://api.acme.example' },
        'wrong_audience'],
    ['E4 aud upper case',     { aud => uc $aud },         'wrong_audience'],
    ['E4 aud list in a string', { aud => "x $aud" },      'wrong_audience'],
    ['E4 aud array of others', { aud => [qw(a b c)] },    'wrong_audience'],
    ['E5 exp missing',        { exp => undef },           'invalid_claim'],
    ['E6 exp past',           { exp => $now - 3600 },     'expired'],
    ['E11 nbf in an hour',    { nbf => $now + 3600 },     'not_yet_valid'],
    ['E12 iat in an hour',    { iat => $now + 3600, exp => $now + 7200 },
        'not_yet_valid'],
    ['E14 sub number',        { sub => 1 },               'invalid_claim'],
    ['E14 sub null',          { sub => \undef },          'invalid_claim'],
    ['E15 scope number',      { scope => 1 },             'invalid_claim'],
    ['E15 scope array',       { scope => ['read:orders'] }, 'invalid_claim'],
    ['azp object',            { azp => {} },              'invalid_claim'],
    ['client_id number',      { client_id => 7 },         'invalid_claim'],
    ['jti number',            { jti => 7 },               'invalid_claim'],
    ['permissions string',    { permissions => 'a' },     'invalid_claim'],
    ['permissions with a number', { permissions => ['a', 1] },
        'invalid_claim'],
    ['E18 org_id number',     { org_id => 1 },      'invalid_organization'],
    ['E18 org_id null',       { org_id => \undef }, 'invalid_organization'],
    ['E18 org_id array',      { org_id => ['org_a'] },
        'invalid_organization'],
    ['E18 org_id empty',      { org_id => '' },     'invalid_organization'],
    ['E18 org_id prefix only', { org_id => 'org_' }, 'invalid_organization'],
    ['E18 org_id without prefix', { org_id => 'acme' },
        'invalid_organization'],
    ['E18 org_id upper case prefix', { org_id => 'ORG_a' },
        'invalid_organization'],
    ['E18 org_id of 65',      { org_id => 'org_' . 'a' x 65 },
        'invalid_organization'],
    (map { ['E18 org_id with ' . sprintf('0x%02x', ord),
            { org_id => "org_a${_}b" }, 'invalid_organization'] }
        "\r", "\n", "\x01", "\x1f", "\x7f", "\xe9", ' ', '"', '\\', ',',
        ';', ':', '-', '_', '/', '.'),
    ['E18 org_id CR LF header', { org_id => "org_a\r\nX-Evil: 1" },
        'invalid_organization'],
    ['E22 cnf jkt (DPoP)',    { cnf => { jkt => 'x' } },
        'sender_constrained'],
    ['E22 cnf x5t#S256 (mTLS)', { cnf => { 'x5t#S256' => 'x' } },
        'sender_constrained'],
    ['E22 cnf null',          { cnf => \undef },    'sender_constrained'],
    ['E23 an ID token',       { aud => 'spa1', nonce => 'n', sub => 'u' },
        'wrong_audience'],
);

# null where Mint would remove the claim

sub token_of {
    my ($claims, @o) = @_;
    my $c = $mint->claims(%{ _nulls($claims, undef) });
    $c = { %$c, %{ _nulls({ map { $_ => $claims->{$_} }
        grep { ref $claims->{$_} } keys %$claims }, JSON::PP::null) } };
    return $mint->sign($json->encode($c), @o);
}

sub _nulls {
    my ($v, $null) = @_;
    return $null if ref $v eq 'SCALAR';
    return [ map { _nulls($_, $null) } @$v ] if ref $v eq 'ARRAY';
    return { map { $_ => _nulls($v->{$_}, $null) } keys %$v }
        if ref $v eq 'HASH';
    return $v;
}

$n->refuses("$_->[0]: refused", '/', token_of($_->[1]), $_->[2]) for @claims;

my @good = (
    ['E4 aud array',          { aud => [$aud] }],
    ['E4 aud array, last',    { aud => ['https://x/', $aud] }],
    ['E4 aud with userinfo',
        { aud => [$aud, 'https://acme.us.auth0.com/userinfo'] }],
    ['E11 nbf now',           { nbf => $now }],
    ['E11 nbf past',          { nbf => 1 }],
    ['E12 no iat',            { iat => undef }],
    ['E13 100 days',          { exp => $now + 8_640_000 }],
    ['E14 no sub',            { sub => undef }],
    ['E14 an agent as sub',   { sub => 'agt_0123' }],
    ['E16 permissions alone', { scope => undef, permissions => ['a'] }],
    ['E17 no organization',   { org_id => undef }],
    ['E18 the longest org_id', { org_id => 'org_' . 'aZ09' x 16 }],
    ['E29 the same jti again', { jti => 'one' }],
    ['E29 and again',         { jti => 'one' }],
    ['unknown claims',        { act => { sub => 'x' }, sub_profile => 'y' }],
);

$n->accepts("$_->[0]: accepted", '/', { org_id => 'org_a', %{ $_->[1] } })
    for @good;

$n->accepts('E12 iat after exp, both within the leeway', '/lenient',
    { org_id => 'org_a', iat => $now, exp => $now - 2 });

$n->accepts("E4 $_ is one of two", '/two', { aud => $_ })
    for 'https://one/', 'https://two/';
$n->refuses('E4 neither of two', '/two', { aud => $aud }, 'wrong_audience');

# RFC 9068.

my %profile = (client_id => 'app1', jti => 'j', azp => undef,
    org_id => 'org_a');
my @at = (-header => { typ => 'at+jwt' });

$n->accepts('B15 the profile, complete', '/strict',
    $mint->token(%profile, @at), org => 'org_a');
$n->accepts('B15 application/at+jwt', '/strict', $mint->token(%profile,
    -header => { typ => 'application/at+jwt' }), org => 'org_a');
$n->refuses("B15 typ $_->[0]", '/strict', $mint->token(%profile,
    -header => { typ => $_->[1] }), 'wrong_type')
    for ['JWT', 'JWT'], ['absent', undef];
$n->refuses("E25 no $_", '/strict', $mint->token(%profile, $_ => undef, @at),
    'invalid_claim') for qw(sub client_id iat jti exp iss aud);

$n->stop;
Auth0M2M::Guard->figured('R16-claims',
    'spoiled claims of tokens that are otherwise good');
done_testing;
