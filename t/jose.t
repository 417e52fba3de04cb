#!/usr/bin/perl

# The compact form, header members and signatures: RFC 7515, RFC 7518.

use strict;
use warnings;

use JSON::PP ();
use Math::BigInt;
use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $json = JSON::PP->new->canonical->utf8;
my $mint = Auth0M2M::Guard->mint;
my %key  = (
    rsa  => $mint->key('rsa-1'),
    ps   => $mint->key('rsa-2', alg => 'PS256'),
    any  => $mint->key('rsa-3', alg => undef),
    p256 => $mint->key('p256-1'),
    p384 => $mint->key('p384-1'),
);

my $n = Auth0M2M::Guard->new(
    keys   => [ @key{qw(rsa ps any p256 p384)} ],
    server => <<'CONF',
        location / {
            auth0_m2m on;
            %%PASS%%
        }

        location /all {
            auth0_m2m            on;
            auth0_m2m_algorithms RS256 RS384 RS512 PS256 PS384 PS512
                                 ES256 ES384;
            %%PASS%%
        }
CONF
);

# A payload as text, with one member more.

sub payload {
    my ($text) = @_;
    my $good = $json->encode($mint->claims(org_id => 'org_a'));
    return $good =~ s/\}\z/,$text}/r;
}

# Header members.

my @headers = (
    ['B7 crit []',            { crit => [] },        'unsupported_critical'],
    ['B7 crit ["b64"]',       { crit => ['b64'], b64 => \1 },
        'unsupported_critical'],
    ['B7 crit ["exp"]',       { crit => ['exp'] },   'unsupported_critical'],
    ['B7 crit ["x"] (CVE-2025-59420, CVE-2026-35042)',
        { crit => ['x'], x => 1 },                   'unsupported_critical'],
    ['B7 crit "x"',           { crit => 'x' },       'unsupported_critical'],
    ['B8 b64 false',          { b64 => JSON::PP::false },
        'unsupported_critical'],
    ['B8 b64 true',           { b64 => JSON::PP::true },
        'unsupported_critical'],
    ['B14 typ dpop+jwt',      { typ => 'dpop+jwt' },   'wrong_type'],
    ['B14 typ logout+jwt',    { typ => 'logout+jwt' }, 'wrong_type'],
    ['B14 typ secevent+jwt',  { typ => 'secevent+jwt' }, 'wrong_type'],
    ['B14 typ id+jwt',        { typ => 'id+jwt' },     'wrong_type'],
    ['B14 typ JWTs',          { typ => 'JWTs' },       'wrong_type'],
    ['B14 typ empty',         { typ => '' },           'wrong_type'],
    ['B14 typ number',        { typ => 1 },            'wrong_type'],
    ['B16 cty',               { cty => 'JWT' },        'wrong_type'],
    ['B16 zip',               { zip => 'DEF' },        'malformed'],
    ['B16 enc (CVE-2023-51774)', { enc => 'A256GCM' }, 'malformed'],
    ['B17 kid number',        { kid => 1 },            'malformed'],
    ['B17 kid array',         { kid => ['key-rsa-1'] }, 'malformed'],
    ['B17 kid object',        { kid => {} },           'malformed'],
    ['B17 kid empty',         { kid => '' },           'malformed'],
    ['B17 kid of 129',        { kid => 'k' x 129 },    'malformed'],
    ['B17 kid CR LF',         { kid => "a\r\nb" },     'malformed'],
    ['B17 kid NUL',           { kid => "key-rsa-1\0" }, 'malformed'],
    ['B17 kid blank',         { kid => 'a b' },        'malformed'],
    ['B17 kid not ASCII',     { kid => "\xe9" },       'malformed'],
    ['B17 kid a path',        { kid => '../../dev/null' }, 'unknown_key'],
    ['B17 kid SQL',           { kid => q{'OR'1'='1} },  'unknown_key'],
    ['B17 kid of 128',        { kid => 'k' x 128 },     'unknown_key'],
    ['D12 kid in another case', { kid => 'KEY-RSA-1' }, 'unknown_key'],
    ['D12 kid shorter',       { kid => 'key-rsa-' },    'unknown_key'],
    ['D12 kid longer',        { kid => 'key-rsa-11' },  'unknown_key'],
    ['D10 no kid, several keys', { kid => undef },      'ambiguous_key'],
);

$n->refuses("$_->[0]: refused", '/',
    $mint->token(-header => $_->[1]), $_->[2]) for @headers;

my @header_fine = (
    ['B14 typ jwt',           { typ => 'jwt' }],
    ['B14 typ at+jwt',        { typ => 'at+jwt' }],
    ['B14 typ AT+JWT',        { typ => 'AT+JWT' }],
    ['B14 typ application/at+jwt', { typ => 'application/at+jwt' }],
    ['B14 no typ',            { typ => undef }],
    ['B13 jwk, jku, x5u, x5c, x5t are not used', {
        jwk => $mint->jwk($mint->key('rsa-9')), jku => 'http://127.0.0.1:1/',
        x5u => 'http://127.0.0.1:1/', x5c => ['AAAA'], x5t => 'AAAA' }],
    ['unknown members',       { foo => 'bar', nonce => 1 }],
);

$n->accepts("$_->[0]: accepted", '/',
    $mint->token(org_id => 'org_a', -header => $_->[1]), org => 'org_a')
    for @header_fine;

# Headers as bytes; the signature is right.

sub raw_header {
    my ($header) = @_;
    return $mint->raw($header, payload('"x":1'), key => $key{rsa},
        alg => 'RS256');
}

my $kid = '"kid":"key-rsa-1"';
my @raw = (
    (map { ["B4 header $_", $_, 'malformed'] }
        '[]', '""', 'null', '1', 'x', '{}', '{', '{"alg":"RS256",}'),
    ['B5 invalid UTF-8', qq({"alg":"RS256",$kid,"x":"\xff"}), 'malformed'],
    ['B5 BOM', qq(\xef\xbb\xbf{"alg":"RS256",$kid}), 'malformed'],
    ['B5 UTF-16', join('', map {"\0$_"} split //, qq({"alg":"RS256",$kid})),
        'malformed'],
    ['B6 alg twice', qq({"alg":"RS256","alg":"RS256",$kid}), 'malformed'],
    ['B6 kid twice', qq({"alg":"RS256",$kid,$kid}), 'malformed'],
    ['B6 alg twice, escaped', qq({"alg":"RS256","\\u0061lg":"none",$kid}),
        'malformed'],
    ['B9 no alg', "{$kid}", 'malformed'],
    (map { ["B9 alg $_", qq({"alg":$_,$kid}), 'malformed'] }
        'null', '1', '["RS256"]', '{}', 'true', '"RS256\\u0000"'),
    (map { ["B9 alg $_", qq({"alg":$_,$kid}), 'unsupported_algorithm'] }
        '""', '"RS256 "', '" RS256"', '"rs256"', '"RS2560"', '"RS25"',
        '"EdDSA"', '"ES512"', '"ES256K"', '"RSA-OAEP"', '"dir"'),
    (map { ["B10 alg $_ with a signature", qq({"alg":"$_",$kid}),
            'unsupported_algorithm'] } qw(none None NONE nOnE noNE)),
    (map { ["B12 alg $_ not configured", qq({"alg":"$_",$kid}),
            'unsupported_algorithm'] }
        qw(RS384 RS512 PS384 PS512 ES256 ES384)),
    ['B21 7 KB of [', '[' x 5000, 'malformed'],
    ['B21 7 KB of {"a":', '{"a":' x 900, 'malformed'],
);

$n->refuses("$_->[0]: refused", '/', raw_header($_->[1]), $_->[2]) for @raw;

$n->refuses("B10 alg $_, empty signature: refused", '/',
    $mint->unsigned(qq({"alg":"$_",$kid}), payload('"x":1')), 'malformed')
    for qw(none None NONE nOnE noNE RS256 HS256);

# Signatures.

my $good   = $mint->token(org_id => 'org_a');
my $size   = length(($mint->parts($good))[2]);
my ($h, $p, $s) = $mint->parts($good);

sub with_signature { return $mint->join_parts($h, $p, $_[0]) }

$n->refuses("C7 one bit of part $_ inverted", '/', $mint->flip($good, $_, 11),
    $_ == 2 ? 'bad_signature' : 'malformed') for 0, 2;
$n->refuses('C7 another payload under the same signature', '/',
    $mint->join_parts($h, payload('"x":1'), $s), 'bad_signature');
$n->refuses('C7 another header under the same signature', '/',
    $mint->join_parts(qq({"alg":"RS256",$kid}), $p, $s), 'bad_signature');

my @signatures = (
    ['C1 one byte short',     substr($s, 1)],
    ['C1 one byte cut',       substr($s, 0, -1)],
    ['C1 a zero before',      "\0$s"],
    ['C1 a zero behind',      "$s\0"],
    ['C1 of zeros',           "\0" x $size],
    ['C1 of ones',            "\xff" x $size],
    ['C1 of one byte',        "\1"],
    ['C1 twice',              $s . $s],
);

$n->refuses("$_->[0]", '/', with_signature($_->[1]), 'bad_signature')
    for @signatures;

$n->refuses('C1 an RS256 signature with the digest of RS384', '/',
    $mint->raw($h, $p, key => $key{rsa}, alg => 'RS256', hash => 'SHA384'),
    'bad_signature');

my $ps_head = sub { return qq({"alg":"$_[0]","kid":"key-rsa-2"}) };

$n->refuses("C2 PS256 with a salt of $_", '/all',
    $mint->raw($ps_head->('PS256'), $p, key => $key{ps}, alg => 'PS256',
        salt => $_), 'bad_signature') for 0, 20, 31, 33, 222;
$n->accepts('C2 PS256 with a salt of 32', '/all',
    $mint->raw($ps_head->('PS256'), $p, key => $key{ps}, alg => 'PS256',
        salt => 32), org => 'org_a');
$n->refuses('C3 RS256 by a key for PS256', '/all',
    $mint->raw($ps_head->('RS256'), $p, key => $key{ps}, alg => 'RS256'),
    'bad_signature');
$n->refuses('C3 PS256 signature as RS256', '/all',
    $mint->raw($h, $p, key => $key{rsa}, alg => 'PS256'), 'bad_signature');
$n->refuses('C3 RS256 signature as PS256', '/all',
    $mint->raw($ps_head->('PS256'), $p, key => $key{ps}, alg => 'RS256'),
    'bad_signature');

$n->accepts("D4 $_ by a key without alg", '/all',
    $mint->token(org_id => 'org_a', -key => $key{any}, -alg => $_),
    org => 'org_a') for qw(RS256 RS384 RS512 PS256 PS384 PS512);

my $es    = $mint->token(org_id => 'org_a', -key => $key{p256});
my ($eh, $ep, $e) = $mint->parts($es);

$n->accepts('ES256', '/all', $es, org => 'org_a');
$n->accepts('ES384', '/all', $mint->token(org_id => 'org_a',
    -key => $key{p384}), org => 'org_a');

my ($zero, $ones) = ("\0" x 32, "\xff" x 32);
my $order = pack 'H*',
    'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
my @ecdsa = (
    ['C4 63 bytes',           substr $e, 1],
    ['C4 65 bytes',           "$e\0"],
    ['C4 padded by a zero',   "\0$e"],
    ['C4 128 bytes',          $e . $e],
    ['C4 psychic (CVE-2022-21449): r = s = 0', $zero . $zero],
    ['C4 r = 0',              $zero . substr($e, 32)],
    ['C4 s = 0',              substr($e, 0, 32) . $zero],
    ['C4 r = n',              $order . substr($e, 32)],
    ['C4 s = n',              substr($e, 0, 32) . $order],
    ['C4 above n',            $ones . $ones],
);

$n->refuses($_->[0], '/all', $mint->join_parts($eh, $ep, $_->[1]),
    'bad_signature') for @ecdsa;
$n->refuses('C4 DER', '/all', $mint->es_der($es), 'bad_signature');

# s and n - s are both signatures

my $high = Math::BigInt->from_bytes($order)
    - Math::BigInt->from_bytes(substr $e, 32);
my $other = substr($e, 0, 32)
    . substr("\0" x 32 . $high->to_bytes, -32);
$n->accepts('C6 the other s', '/all', $mint->join_parts($eh, $ep, $other),
    org => 'org_a');

$n->refuses('C5 ES256 by a P-384 key', '/all', $mint->raw(
    '{"alg":"ES256","kid":"key-p384-1"}', $p, key => $key{p384},
    alg => 'ES256'), 'bad_signature');
$n->refuses('D5 ES256 naming an RSA key', '/all', $mint->raw(
    '{"alg":"ES256","kid":"key-rsa-3"}', $p, key => $key{p256},
    alg => 'ES256'), 'bad_signature');
$n->refuses('D5 RS256 naming an EC key', '/all', $mint->raw(
    '{"alg":"RS256","kid":"key-p256-1"}', $p, key => $key{rsa},
    alg => 'RS256'), 'bad_signature');

# Shapes of the compact form.

my ($th, $tp, $ts) = split /\./, $good;
my @shapes = (
    ['B1 one part',           $th],
    ['B1 two parts',          "$th.$tp"],
    ['B1 four parts',         "$good.$ts"],
    ['B1 five parts (JWE)',   "$th.$tp.$ts.$th.$tp"],
    ['B1 empty header',       ".$tp.$ts"],
    ['B1 empty payload',      "$th..$ts"],
    ['B1 empty signature',    "$th.$tp."],
    ['B1 leading dot',        ".$good"],
    ['B1 trailing dot',       "$good."],
    ['B1 double dot',         "$th..$tp.$ts"],
    ['B1 dots',               '..'],
    ['B1 a dot',              '.'],
    (map { [sprintf('B2 byte 0x%02x inside', ord), "$th.$tp$_.$ts"] }
        '=', '+', '/', '{', '"', '~', '*', '%'),
    ['B2 padding',            "$good=="],
    ['B3 length 1 mod 4',     "$th.${tp}AAAAA"
        . 'A' x ((1 - length "${tp}AAAAA") % 4) . ".$ts"],
    ['B3 trailing bits',      "$th.$tp." . substr($ts, 0, -1)
        . ($ts =~ /A\z/ ? 'B' : chr(1 + ord substr $ts, -1))],
    ['B19 flattened JSON',
        qq({"protected":"$th","payload":"$tp","signature":"$ts"}) =~ s/,/;/gr],
    ['B19 detached payload',  "$th..$ts"],
);

$n->refuses($_->[0], '/', $_->[1], 'malformed') for @shapes;
$n->refuses('B19 JSON with commas', '/',
    qq({"protected":"$th","payload":"$tp","signature":"$ts"}),
    'invalid_request');

# Sizes.

my $r = $n->ask('/', 'x' x 9000);
is($r->status, 400, 'B20 a header above 8 KB: nginx itself');
$n->refuses('B20 7.9 KB of nothing', '/', 'A' x 7900, 'malformed');
$n->refuses('B20 7.9 KB with dots', '/',
    'A' x 2600 . '.' . 'A' x 2600 . '.' . 'A' x 2600, 'malformed');
$n->accepts('B20 a good token of 7 KB', '/',
    { org_id => 'org_a', pad => 'x' x 4500 });

$n->accepts('and a plain one still', '/', $good, org => 'org_a');
$n->stop;
Auth0M2M::Guard->figured('R16-signatures',
    'spoiled compact forms, headers and signatures');
done_testing;
