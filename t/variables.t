#!/usr/bin/perl

# The variables: which text, in which phase, and nothing unless verified.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(
    http => <<'CONF',
    log_format main '$uri|$jwt_org_id|$auth0_m2m_client_id|$jwt_claim_tier|'
                    '$auth0_m2m_status|$auth0_m2m_cache_status';

    map $jwt_org_id $in_map {
        ""      nobody;
        default "<$jwt_org_id>";
    }

    map $jwt_org_id $volatile_map {
        volatile;
        ""      nobody;
        default "<$jwt_org_id>";
    }

    limit_req_zone $jwt_org_id zone=org:1m rate=1r/m;
CONF
    server => <<'CONF');
        auth0_m2m on;

        location /text {
            proxy_set_header X-Claim     $jwt_claim_c;
            proxy_set_header X-Camel     $jwt_claim_customerId;
            proxy_set_header X-Lower     $jwt_claim_customerid;
            proxy_set_header X-Iss       $jwt_claim_iss;
            proxy_set_header X-Exp       $jwt_claim_exp;
            proxy_set_header X-None      $jwt_claim_none;
            proxy_set_header X-Client    $auth0_m2m_client_id;
            proxy_set_header X-Status    $auth0_m2m_status;
            proxy_set_header X-Cache     $auth0_m2m_cache_status;
            %%PASS%%
        }

        # asked too early: empty, and not remembered as empty

        location /early {
            set $was $jwt_org_id;
            if ($jwt_org_id) { return 418; }
            if ($auth0_m2m_status) { return 418; }
            proxy_set_header X-Was   "[$was]";
            proxy_set_header X-Map   $volatile_map;
            %%PASS%%
        }

        location /map {
            proxy_set_header X-Map $in_map;
            %%PASS%%
        }

        location /header {
            add_header X-Org "$jwt_org_id" always;
            add_header X-Tier "$jwt_claim_tier" always;
            %%PASS%%
        }

        location /upstream {
            set $where 127.0.0.1;
            proxy_set_header X-Org-Id $jwt_org_id;
            proxy_pass http://%%BACKEND%%/of/$jwt_org_id;
        }

        location /limit {
            limit_req zone=org;
            %%PASS%%
        }

        location /limit-each { try_files /none @limited; }

        location @limited {
            auth0_m2m off;
            limit_req zone=org;
            %%PASS%%
        }

        location = /text/log/page { empty_gif; }

        location /nocache {
            auth0_m2m_token_cache off;
            proxy_set_header X-Cache $auth0_m2m_cache_status;
            %%PASS%%
        }

        location /off {
            auth0_m2m off;
            proxy_set_header X-Status "[$auth0_m2m_status]";
            proxy_set_header X-Claim  "[$jwt_claim_sub]";
            %%PASS%%
        }
CONF

# claims as text.  The payload is written by hand: spelling matters.

sub seen {
    my ($payload) = @_;
    my $claims = $n->mint->claims(org_id => 'org_a', azp => 'app1');
    my $json   = JSON::PP->new->canonical->utf8->encode($claims)
        =~ s/\}\z/,$payload}/r;

    $n->backend->clear;
    my $r = $n->ask('/text', $n->mint->sign($json));
    is($r->status, 200, "$payload: accepted");
    return $n->backend->last;
}

my @texts = (
    ['"x"',               'x'],
    ['"a b"',             'a b'],
    ['""',                undef],
    ['"quote\\"d"',       'quote"d'],
    ['"back\\\\slash"',   'back\\slash'],
    ['"\\u0041\\/"',      'A/'],
    ['"\\u00e4"',         "\xc3\xa4"],
    ["\"\xc3\xa4\"",      "\xc3\xa4"],
    ['"\\ud83d\\ude00"',  "\xf0\x9f\x98\x80"],
    ['1',                 '1'],
    ['-0',                '-0'],
    ['1.50',              '1.50'],
    ['1e3',               '1e3'],
    ['12345678901234567890123', '12345678901234567890123'],
    ['true',              'true'],
    ['false',             'false'],
    ['null',              undef],
    ['[]',                undef],
    ['["a"]',             'a'],
    ['["a","b c"]',       'a b c'],
    ['[1, 2.50 ,true]',   '1 2.50 true'],
    ['{}',                '{}'],
    ['{ "a" : 1 , "b":[ 2 ] }', '{"a":1,"b":[2]}'],
    ['[[1]]',             '[[1]]'],
    ['[{"a": null}, 1]',  '[{"a":null},1]'],
    ['{"a":"x y"}',       '{"a":"x y"}'],

    # nothing that could end a header line

    ['"a\\r\\nX-Evil: 1"', undef],
    ['"a\\nb"',           undef],
    ['"\\t"',             undef],
    ['"\\u0001"',         undef],
    ['"\\u007f"',         undef],
    ['"\\u0085"',         undef],
    ['["a","b\\r\\n"]',   undef],
    ['{"a":"\\n"}',       '{"a":"\\n"}'],
);

is(seen(qq("c":$_->[0]))->header('X-Claim'), $_->[1], "$_->[0] as text")
    for @texts;

my $b = seen('"customerId":"c1"');
is($b->header('X-Camel'), 'c1', 'a claim with capitals');
is($b->header('X-Lower'), 'c1', 'the same by another spelling');
is($b->header('X-Iss'), 'https://acme.us.auth0.com/', 'iss');
like($b->header('X-Exp'), qr/^\d{10}$/, 'exp');
is($b->header('X-None'), undef, 'no such claim');
is($b->header('X-Client'), 'app1', 'client');
is($b->header('X-Status'), 'ok', 'status');
is($b->header('X-Cache'), $n->cached('MISS'), 'cache: MISS');
is(seen('"customerId":"c1","CustomerId":"c2"')->header('X-Camel'), undef,
    'two claims of which neither is the one');
is(seen('"customerid":"c3","CustomerId":"c4"')->header('X-Camel'), 'c3',
    'two claims, one of them exactly');

my $twice = $n->mint->token(jti => 'twice');
is_deeply([map { $n->ask('/text', $twice);
        $n->backend->last->header('X-Cache') } 1 .. 3],
    [map { $n->cached($_) } qw(MISS HIT HIT)], 'cache: MISS, then HIT');

# a claim is read from a token that comes from the cache as from one that
# does not

is(seen('"c":"cached"')->header('X-Claim'), 'cached', "claim, pass $_")
    for 1 .. 2;

# clients

sub client {
    my (%claims) = @_;
    $n->backend->clear;
    $n->ask('/text', \%claims);
    return $n->backend->last->header('X-Client');
}

is(client(azp => 'a', client_id => 'b', sub => 'c@clients'), 'a', 'azp');
is(client(azp => undef, client_id => 'b', sub => 'c@clients'), 'b',
    'client_id');
is(client(azp => undef, sub => 'c@clients'), 'c', 'sub of a client');
is(client(azp => undef, sub => 'auth0|c'), undef, 'sub of a user');

# phases

my %a = (org_id => 'org_a', azp => 'app1', tier => 'gold');

$n->accepts('E20 rewrite phase', '/early', \%a);
$b = $n->backend->last;
is($b->header('X-Was'), '[]',      'E20 set: empty');
is($b->header('X-Map'), '<org_a>', 'E20 not remembered as empty');

$n->accepts('a map', '/map', \%a);
is($n->backend->last->header('X-Map'), '<org_a>', 'a map');

my $r = $n->ask('/header', \%a);
is($r->header('X-Org'),  'org_a', 'add_header');
is($r->header('X-Tier'), 'gold',  'add_header: another claim');

$n->backend->clear;
$n->ask('/upstream', \%a);
is($n->backend->last->path, '/of/org_a', 'proxy_pass');

$n->accepts('token_cache off', '/nocache', \%a);
is($n->backend->last->header('X-Cache'), 'BYPASS', 'cache: BYPASS');

# nothing of a token that is refused

my %refused = (
    expired   => { %a, exp => time - 60 },
    altered   => $n->mint->flip($n->mint->token(%a), 2, 5),
    audience  => { %a, aud => 'https://x/' },
    malformed => $n->mint->token(%a) . 'x.y',
    none      => [],
);

for my $name (sort keys %refused) {
    $r = $n->ask('/header', $refused{$name});
    is($r->status, 401, "E20 refused: $name");
    is($r->header('X-Org'),  undef, "E20 refused, no organization: $name");
    is($r->header('X-Tier'), undef, "E20 refused, no claim: $name");
}

# off: not even of a good token

$n->accepts('off', '/off', $n->mint->token(%a));
is($n->backend->last->header('X-Status'), '[]', 'off: no status');
is($n->backend->last->header('X-Claim'),  '[]', 'off: no claim');

# the log phase

$n->get('/text/log', $n->bearer({ %a, jti => 'log' }));
$n->get('/text/log');
$n->get('/text/log', $n->bearer({ %a, jti => 'log', exp => time - 60 }));
is($n->get('/text/log/page', $n->bearer({ %a, jti => 'page' }),
    'If-Match' => '"x"')->status, 412, 'a filter refuses the answer');

# nginx writes the line after it has answered

my @log;
$n->wait_for(sub {
    @log = grep {m{^/text/log}} $n->access_log;
    return @log == 4;
});

is_deeply(\@log, [
    '/text/log|org_a|app1|gold|ok|' . $n->cached('MISS'),
    '/text/log|-|-|-|missing|-',
    '/text/log|-|-|-|expired|' . $n->cached('MISS'),
    '/text/log/page|org_a|app1|gold|ok|' . $n->cached('MISS'),
], 'the access log');

# limit_req runs before the access phase: it sees the organization only after
# an internal redirect

is_deeply([map { $n->ask('/limit', \%a)->status } 1 .. 3], [200, 200, 200],
    'limit_req in the same location knows no organization');
is_deeply([map { $n->ask('/limit-each', { org_id => $_ })->status }
        qw(org_a org_a org_b org_b)], [200, 503, 200, 503],
    'limit_req behind try_files limits each organization');
$n->refuses('limit_req behind try_files: refused', '/limit-each', [],
    'missing');

# keep-alive: what one request had the next one has not

my @r = $n->pipeline(
    ['GET', '/header', [$n->bearer(\%a)]],
    ['GET', '/header', []],
    ['GET', '/header', [$n->bearer({ org_id => 'org_b' })]],
    ['GET', '/header', [$n->bearer('x')]],
);
is_deeply([map { $_->header('X-Org') // '' } @r], ['org_a', '', 'org_b', ''],
    'four requests of one connection');
is_deeply([map { $_->status } @r], [200, 401, 200, 401],
    'and their statuses');

$n->stop;
done_testing;
