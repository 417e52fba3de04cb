#!/usr/bin/perl

# auth0_m2m optional: nobody is refused for the token's sake, and the
# variables tell good tokens from the rest.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(
    common => '',
    http   => <<'CONF',
    log_format main '$uri $status "$jwt_org_id" "$auth0_m2m_client_id" '
                    '$auth0_m2m_status $auth0_m2m_cache_status';

    auth0_m2m_domain    acme.us.auth0.com;
    auth0_m2m_upstream  http://127.0.0.1:%%PORT_NOBODY%%;
    auth0_m2m_audience  https://api.acme.example/;

    server {
        listen 127.0.0.1:%%PORT_DOWN%%;

        location / {
            auth0_m2m optional;
            %%PASS%%
        }
    }
CONF
    server => <<'CONF',
        auth0_m2m_jwks_file %%DIR%%/jwks.json;
        auth0_m2m           optional;

        location /plain {
            proxy_set_header X-Status $auth0_m2m_status;
            proxy_set_header X-Client $auth0_m2m_client_id;
            proxy_set_header X-Scope  $jwt_claim_scope;
            %%PASS%%
        }

        location /rules {
            auth0_m2m_scope        read:orders;
            auth0_m2m_permission   p;
            auth0_m2m_organization org_a;
            auth0_m2m_client       app1;
            auth0_m2m_require      $arg_x error=403;
            proxy_set_header X-Status $auth0_m2m_status;
            %%PASS%%
        }

        # what a site makes of it

        location /own-answer {
            error_page 418 = @guests;
            auth0_m2m  optional;
            set $guest 1;
            proxy_set_header X-Status $auth0_m2m_status;
            %%PASS%%
        }

        location /options {
            limit_except OPTIONS { auth0_m2m on; }
            %%PASS%%
        }
CONF
);

my $good = $n->mint->token(org_id => 'org_a', azp => 'app1');

my @cases = (
    ['a valid token'     => $good,                      'ok'],
    ['no token'          => [],                         'missing'],
    ['Basic'             => [Authorization => 'Basic eDp5'], 'missing'],
    ['malformed header'  => [Authorization => 'Bearer'], 'invalid_request'],
    ['not a token'       => 'x',                        'malformed'],
    ['expired'           => { exp => time - 60 },       'expired'],
    ['early'             => { nbf => time + 60 },       'not_yet_valid'],
    ['wrong issuer'      => { iss => 'https://x/' },    'wrong_issuer'],
    ['wrong audience'    => { aud => 'https://x/' },    'wrong_audience'],
    ['altered'           => $n->mint->flip($good, 2, 1), 'bad_signature'],
    ['unknown key'       => $n->mint->token(-key => $n->mint->key('rsa-5')),
        'unknown_key'],
    ['malformed organization' => { org_id => 'x' }, 'invalid_organization'],
);

sub check {
    my ($name, $node, $path, $how, $status) = @_;
    my $ok = $status eq 'ok';

    $n->backend->clear;
    $n->log_mark;
    my $r = $node->get($path, $n->bearer($how));
    my $b = $n->backend->last;

    is($r->status, 200, "$name: 200");
    is_deeply([$r->header('WWW-Authenticate')], [], "$name: no challenge");
    is($r->header('Retry-After'), undef, "$name: no Retry-After");
    is($b->header('X-Org-Id'), $ok ? 'org_a' : undef, "$name: organization");
    is($b->header('X-Status'), $status, "$name: status")
        if $path =~ m{^/(?:plain|rules|own)};
    is_deeply([grep {/auth0_m2m: refused/} $n->error_log], [],
        "$name: no refusal logged");
    return $b;
}

check("optional, $_->[0]", $n, '/plain', @$_[1, 2]) for @cases;

my $b = check('optional', $n, '/plain', $good, 'ok');
is($b->header('X-Client'), 'app1',        'client');
is($b->header('X-Scope'),  'read:orders', 'another claim');

# each rule of the location may be what is not met

my %all = (org_id => 'org_a', azp => 'app1', permissions => ['p'],
    scope => 'read:orders');
my @rules = (
    ['all met'         => {%all}, 'ok', '/rules?x=1'],
    ['no scope'        => { %all, scope => 'x' }, 'insufficient_scope'],
    ['no permission'   => { %all, permissions => [] },
        'insufficient_permission'],
    ['organization'    => { %all, org_id => 'org_b' },
        'organization_not_allowed'],
    ['client'          => { %all, azp => 'app2' }, 'client_not_allowed'],
    ['requirement'     => {%all}, 'requirement_not_met'],
);

check("rules, $_->[0]", $n, $_->[3] // '/rules', @$_[1, 2]) for @rules;

check('own answer', $n, '/own-answer', [], 'missing');

# no keys

check('no keys, a token', $n->at('DOWN'), '/', $good, 'keys_unavailable');
check('no keys, none', $n->at('DOWN'), '/', [], 'missing');

# limit_except turns it on

is($n->ask('/options', [], 'OPTIONS')->status, 200, 'limit_except: OPTIONS');
$n->refuses('limit_except: GET', '/options', [], 'missing');
$n->accepts('limit_except: GET, a token', '/options', { org_id => 'org_a' });

# usage logging without enforcement

$n->get('/plain/log', $n->bearer($good)) for 1 .. 2;
$n->get('/plain/log');
$n->get('/plain/log', $n->bearer('x.y.z'));

# nginx writes the line after it has answered

my @log;
$n->wait_for(sub {
    @log = grep {m{^/plain/log}} $n->access_log;
    return @log == 4;
});
is_deeply(\@log, [
    '/plain/log 200 "org_a" "app1" ok ' . $n->cached('HIT'),
    '/plain/log 200 "org_a" "app1" ok ' . $n->cached('HIT'),
    '/plain/log 200 "-" "-" missing -',
    '/plain/log 200 "-" "-" malformed ' . $n->cached('MISS'),
], 'the access log');

$n->stop;
done_testing;
