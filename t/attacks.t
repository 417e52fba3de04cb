#!/usr/bin/perl

# Attacks, and mistakes that other modules have shipped: one named test each.

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;
use Auth0M2M::Tenant;

my $json  = JSON::PP->new->canonical->utf8;
my $mint  = Auth0M2M::Guard->mint;
my $rsa   = $mint->key;
my $noalg = $mint->key('rsa-2', alg => undef);
my $other = $mint->key('rsa-3', kid => $rsa->{kid});    # the same kid

my $n = Auth0M2M::Guard->new(
    keys   => [ $rsa, $noalg, $mint->key('p256-1') ],
    files  => { 'other.json' => $mint->jwks($other) },
    server => <<'CONF');
        location / { auth0_m2m on; %%PASS%% }
        location /b { auth0_m2m on; auth0_m2m_audience https://b/; %%PASS%% }
        location /scope { auth0_m2m on; auth0_m2m_scope admin; %%PASS%% }
        location /exact {
            auth0_m2m on;
            auth0_m2m_leeway 0;
            add_header X-Cache $auth0_m2m_cache_status always;
            %%PASS%%
        }
        location /joined {
            set $joined $http_x_one$http_x_two$http_x_three;
            auth0_m2m on token=$joined;
            auth0_m2m_algorithms RS256 ES256;
            %%PASS%%
        }

        location /other/ {
            auth0_m2m           on;
            auth0_m2m_domain    other.us.auth0.com;
            auth0_m2m_jwks_file %%DIR%%/other.json;
            %%PASS%%
        }
        location /new-keys/ {
            auth0_m2m           on;
            auth0_m2m_jwks_file %%DIR%%/other.json;
            %%PASS%%
        }
        location /to-other { auth0_m2m on; error_page 404 = /other/x; }
        location /to-open  { auth0_m2m on; error_page 404 = /open; }
        location = /open   { %%PASS%% }

        # claims asked for in another order, in another location

        location /tier {
            auth0_m2m on;
            proxy_set_header X-One $jwt_claim_tier;
            proxy_set_header X-Two $jwt_claim_plan;
            %%PASS%%
        }
        location /plan {
            auth0_m2m on;
            proxy_set_header X-One $jwt_claim_plan;
            proxy_set_header X-Two $jwt_claim_tier;
            %%PASS%%
        }

        location /sub { auth_request /sub-check; %%PASS%% }
        location = /sub-check { auth0_m2m on; auth0_m2m_authorizer; }
CONF

my %a      = (org_id => 'org_a');
my $good   = $mint->token(%a);
my $claims = $json->encode($mint->claims(%a));

sub header { return $json->encode({ typ => 'JWT', kid => $rsa->{kid}, @_ }) }

# 1. One request's verdict is no other request's.

my @mixed = map { ['GET', '/', $_ % 2 ? [$n->bearer({ org_id => "org_$_" })]
    : $_ % 4 ? [] : [$n->bearer({ exp => 1 })]] } 1 .. 80;

$n->backend->clear;
my @r = $n->parallel(\@mixed);
is(join(' ', map { $_->status } @r),
    join(' ', map { $_ % 2 ? 200 : 401 } 1 .. 80),
    'peers 1: eighty at once, each its own verdict');
is(join(' ', sort map { $_->header('X-Org-Id') } $n->backend->requests),
    join(' ', sort map { "org_$_" } grep { $_ % 2 } 1 .. 80),
    'peers 1: each its own organization');
@r = $n->pipeline(@mixed);
is(join(' ', map { $_->status } @r),
    join(' ', map { $_ % 2 ? 200 : 401 } 1 .. 80),
    'peers 1: the same over one connection');

# 2. The cache knows that a token is authentic, and no more.

$n->accepts("peers 2: accepted, pass $_", '/', $good, org => 'org_a')
    for 1 .. 2;
$n->refuses('peers 2: another audience, though cached', '/b', $good,
    'wrong_audience');
$n->refuses('peers 2: another scope, though cached', '/scope', $good,
    'insufficient_scope', scope => 'admin');
$n->refuses('peers 2: another tenant, though cached', '/other/', $good,
    'wrong_issuer');
$n->refuses('peers 2: other keys of the same tenant, though cached',
    '/new-keys/', $good, 'bad_signature');
$n->accepts('peers 2: still accepted', '/', $good, org => 'org_a');

my $short = $mint->token(%a, exp => time + 2);
my ($last, @seen);

ok($n->wait_for(sub {
    $last = $n->ask('/exact', $short);
    push @seen, $last->status . ' ' . $last->header('X-Cache');
    return $last->status == 401;
}, 10), 'peers 2: a cached token expires');
ok((grep { $_ eq '200 ' . $n->cached('HIT') } @seen),
    'peers 2: it was cached before');
$n->refuses('peers 2: and stays expired', '/exact', $short, 'expired');

# 3. Nothing that resembles a cached token is taken for it.

my ($h, $p, $s) = split /\./, $good;
my ($dh, $dp, $ds) = $mint->parts($good);

$n->refuses("peers 3: bit $_ of the signature of a cached token", '/',
    $mint->flip($good, 2, $_), 'bad_signature') for 0, 1, 1023, 2047;
$n->refuses('peers 3: another payload with its signature', '/',
    $mint->join_parts($dh, $dp =~ s/org_a/org_b/r, $ds), 'bad_signature');
$n->refuses('peers 3: a cached token, cut', '/', substr($good, 0, -2),
    'bad_signature');
$n->refuses('peers 3: a cached token and more', '/', "${good}AAAA",
    'bad_signature');
$n->refuses('peers 3: a cached token in another case', '/', "$h." . lc($p)
    . ".$s", 'malformed');

# 4. HMAC with whatever is public.

my $pem = $rsa->{public_pem};
my $der = decode_base64($pem =~ s/-----[^-]+-----//gr);
my %secrets = (
    PEM       => $pem,
    'PEM without the last line feed' => $pem =~ s/\n\z//r,
    DER       => $der,
    modulus   => $mint->unb64u($rsa->{jwk}{n}),
    'encoded modulus' => $rsa->{jwk}{n},
    JWK       => $json->encode($mint->jwk($rsa)),
    'key set' => $mint->jwks($rsa),
    kid       => $rsa->{kid},
    domain    => 'acme.us.auth0.com',
);

for my $alg (qw(HS256 HS384 HS512)) {
    $n->refuses("peers 4, B11, CVE-2015-9235: $alg with the $_", '/',
        $mint->hmac(header(alg => $alg), $claims, $secrets{$_}, $alg),
        'unsupported_algorithm') for sort keys %secrets;

    $n->refuses("CVE-2026-44699: $alg, empty key, a JWK without alg", '/',
        $mint->hmac(header(alg => $alg, kid => $noalg->{kid}), $claims, '',
            $alg), 'unsupported_algorithm');
}

$n->refuses('peers 4: an HMAC that says RS256', '/',
    $mint->hmac(header(alg => 'RS256'), $claims, $pem, 'HS256'),
    'bad_signature');

# 5. What shipping peers get wrong about claims.

$n->refuses('peers 5: nbf is checked', '/', { nbf => time + 900 },
    'not_yet_valid');
$n->refuses('peers 5: exp is demanded', '/', { exp => undef },
    'invalid_claim');
$n->accepts('peers 5: aud may be an array', '/',
    { %a, aud => ['x', 'https://api.acme.example/'] });
$n->accepts('peers 5: bearer in lower case', '/',
    [Authorization => "bearer $good"], org => 'org_a');

# 7. Claim variables.

$n->accepts('peers 7: no quotes', '/', $good, org => 'org_a');
$n->accepts('peers 7: there after an internal redirect', '/to-open', $good,
    org => 'org_a');
$n->accepts('peers 7: not readable without verification', '/open', $good,
    org => '');

# 8. Methods and subrequests.

$n->refuses("peers 8: $_ is no exception", '/', [], 'missing', method => $_)
    for qw(OPTIONS PUT DELETE PROPFIND X-ANY);
$n->refuses('peers 8: a subrequest verifies', '/sub',
    { exp => 1 }, 'expired');
$n->refuses('peers 8: a subrequest without a token', '/sub', [], 'missing');
is($n->ask('/sub', $good)->status, 200, 'peers 8: a subrequest, good token');

# 9. Challenges.

is($n->ask('/', [])->header('WWW-Authenticate'), 'Bearer realm="auth0-m2m"',
    'peers 9: there without a token');
is($n->ask('/', $good)->header('WWW-Authenticate'), undef,
    'peers 9: not there on a 200');

# 12. The second location's keys and policy.

my %far   = (%a, iss => 'https://other.us.auth0.com/');
my $far   = $mint->token(%far, -key => $other);
my $cross = $mint->token(%far, -key => $rsa);

$n->accepts('peers 12: the other tenant', '/other/', $far, org => 'org_a');
$n->refuses('peers 12: a redirect to the other tenant', '/to-other', $good,
    'wrong_issuer');
$n->refuses("E24: the other tenant's token, this one's key, same kid",
    '/other/', $cross, 'bad_signature');
$n->refuses("E24: this tenant's token, the other one's key, same kid", '/',
    $mint->token(%a, -key => $other), 'bad_signature');
$n->refuses("E24: the other tenant's token here", '/', $far, 'wrong_issuer');

# 14. Claims by name, not by place.

my %two = (%a, tier => 'gold', plan => 'p1');

for my $pass (1 .. 2) {
    for (['/tier', 'gold', 'p1'], ['/plan', 'p1', 'gold']) {
        my ($path, @want) = @$_;
        $n->accepts("peers 14: $path, pass $pass", $path, \%two);
        my $b = $n->backend->last;
        is_deeply([map { scalar $b->header($_) } qw(X-One X-Two)], \@want,
            "peers 14: $path: its claims");
    }
}

# 15. Headers of the client under the names that the backend reads.

$n->accepts('peers 15: X-Org-Id of the client does not win', '/',
    [Authorization => "Bearer $good", 'X-Org-Id' => 'org_evil'],
    org => 'org_a');
$n->accepts('peers 15: nor without an organization', '/',
    [Authorization => 'Bearer ' . $mint->token, 'X-Org-Id' => 'org_evil'],
    org => '');

# 18. CVEs, see also t/claims.t and t/jose.t.

sub joined {
    my @parts = unpack '(a7900)*', $_[0];
    return [map { ('X-One', 'X-Two', 'X-Three')[$_] => $parts[$_] }
        0 .. $#parts];
}

my $es = $json->encode({ alg => 'ES256', kid => 'key-p256-1' });

for my $size (64 * 100, 12_000) {
    my $long = $mint->join_parts($es, $claims, 'x' x $size);
    $n->refuses("HAProxy's overflow: an ES256 signature of $size bytes",
        '/joined', joined($long),
        length $long > 16_384 ? 'too_large' : 'bad_signature');
}

$n->refuses('HAProxy: a signature of 21,830 characters', '/joined',
    joined($mint->b64u($es) . '.' . $mint->b64u('{}') . '.' . 'A' x 21_830),
    'too_large');
$n->refuses('CVE-2023-51774: a JWE by the RSA key', '/',
    join('.', map { $mint->b64u($_) } header(alg => 'RSA-OAEP',
        enc => 'A256GCM'), 'key', 'iv', 'text', 'tag'), 'malformed');
$n->refuses('self-signed: the key in the header', '/', $mint->token(%a,
    -key => $mint->key('rsa-9'), -header => { kid => undef,
        jwk => $mint->jwk($mint->key('rsa-9')) }), 'ambiguous_key');
$n->refuses('self-signed: the key in the header, a known kid', '/',
    $mint->token(%a, -key => $mint->key('rsa-9'), -header => {
        kid => $rsa->{kid}, jwk => $mint->jwk($mint->key('rsa-9')) }),
    'bad_signature');

$n->stop;

# With a tenant: 6, 13, 16, 18.

my $tenant = Auth0M2M::Tenant->start(outage => 'refuse', keys => 20);

sub gateway {
    return Auth0M2M::Test->new(tenant => $tenant, server => <<'CONF') }
        auth0_m2m_domain      %%TENANT_DOMAIN%%;
        auth0_m2m_upstream    %%TENANT_HTTPS%%;
        auth0_m2m_ssl_trusted_certificate %%CA%%;
        auth0_m2m_audience    https://api.acme.example/;
        auth0_m2m_jwks_cache  timeout=3s cooldown=1s;

        location / {
            auth0_m2m on;
            proxy_pass http://%%BACKEND%%;
        }
        location /free { proxy_pass http://%%BACKEND%%; }
        location /tls {
            proxy_ssl_trusted_certificate %%CA%%;
            proxy_ssl_verify on;
            # nginx would not free the session at its end
            proxy_ssl_session_reuse off;
            proxy_ssl_name   %%TENANT_DOMAIN%%;
            proxy_pass       %%TENANT_HTTPS%%/.well-known/jwks.json;
        }
CONF

$n = gateway();

my @token = (Authorization => 'Bearer ' . $tenant->token);
my @evil  = (Authorization => 'Bearer '
    . $mint->flip($tenant->token, 2, 9));

my $r = $n->get('/', @token);
is($r->status, 503, 'peers 6: no keys is 503');
is($r->header('WWW-Authenticate'), undef, 'peers 6: nobody is blamed');
like($r->header('Retry-After'), qr/^[1-9]\d*$/, 'peers 6: come back then');

is($n->get('/', @token, @token)->status, 400,
    'CVE-2025-64527: two Authorization headers and no keys');
is($n->get('/free')->status, 200, 'CVE-2025-64527: nginx lives');
$n->stop;

# another start: the tenant answers, late

$tenant->fault({ step => 'jwks', kind => 'delay', ms => 700 });
$tenant->outage(0);
$n = gateway();

my @waiting = map { $n->async(['GET', '/', \@token]) } 1 .. 8;
is($n->get('/free')->status, 200, 'peers 16: others do not wait for keys');
is(join(' ', map { $_->wait($n->bound(5))->status } @waiting),
    join(' ', (200) x 8), 'peers 13: eight cold requests, eight answers');
is($tenant->count(step => 'jwks'), 1, 'peers 13: one fetch for all');

# a failed verification leaves nothing behind for the next TLS connection

for my $pass (1 .. 5) {
    is($n->get('/', @evil)->status, 401, "HAProxy: bad signature $pass");
    is($n->get('/tls')->status, 200, "HAProxy: a TLS connection after it");
}

is(scalar(grep {/SSL.*error/i} $n->error_log), 0,
    "HAProxy: no TLS error of another's making");

$n->stop;
$tenant->stop;
Auth0M2M::Guard->figured('R16-attacks',
    'named attacks and mistakes of other modules');
done_testing;
