#!/usr/bin/perl

# auth0_m2m_organization, auth0_m2m_client and auth0_m2m_require.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(
    http => <<'CONF',
    map $jwt_claim_tier $paid {
        default 0;
        gold    1;
        silver  00;
    }
CONF
    server => <<'CONF');
        auth0_m2m on;

        location /off/ { auth0_m2m_organization off; %%PASS%% }
        location /default/ { %%PASS%% }
        location /any/ { auth0_m2m_organization any; %%PASS%% }
        location /one/ { auth0_m2m_organization org_a; %%PASS%% }
        location /two/ { auth0_m2m_organization org_a org_B2; %%PASS%% }

        location /client/ { auth0_m2m_client app1; %%PASS%% }
        location /clients/ { auth0_m2m_client app1 app2; %%PASS%% }

        location /require/ { auth0_m2m_require $jwt_claim_tier; %%PASS%% }
        location /require-401/ {
            auth0_m2m_require $paid error=401;
            %%PASS%%
        }
        location /require-403/ {
            auth0_m2m_require $paid error=403;
            %%PASS%%
        }
        location /require-two/ {
            auth0_m2m_require $jwt_claim_tier $arg_x error=403;
            %%PASS%%
        }
        location /require-groups/ {
            auth0_m2m_require $jwt_claim_tier;
            auth0_m2m_require $arg_x error=403;
            %%PASS%%
        }
        location /require-text/ {
            auth0_m2m_require "$arg_x$arg_y" error=403;
            %%PASS%%
        }
        location /require-org/ {
            auth0_m2m_require $jwt_org_id error=403;
            %%PASS%%
        }
        location /require-ok/ {
            if ($arg_never) { return 418; }
            auth0_m2m_require $auth0_m2m_client_id $jwt_claim_iat;
            %%PASS%%
        }
CONF

my %none = (org_id => undef);

# organizations

$n->accepts("$_: no organization", "/$_/", {%none}) for qw(off default);
$n->accepts("$_: an organization", "/$_/", { org_id => 'org_x' })
    for qw(off default any);

$n->refuses("E17 $_: no organization", "/$_/", {%none},
    'organization_not_allowed') for qw(any one two);
$n->accepts('one: the one', '/one/', { org_id => 'org_a' });
$n->accepts("two: $_", '/two/', { org_id => $_ }) for qw(org_a org_B2);
$n->refuses("two: $_", '/two/', { org_id => $_ }, 'organization_not_allowed')
    for qw(org_b2 org_A org_aa org_B org_aorg org_B22);
$n->refuses("$_: a malformed one", "/$_/", { org_id => 'x' },
    'invalid_organization') for qw(off default any one);
$n->refuses('a name is no id', '/one/', { org_name => 'org_a' },
    'organization_not_allowed');

# clients: azp, else client_id, else sub

my @clients = (
    [1, { azp => 'app1' }],
    [1, { azp => undef, client_id => 'app1' }],
    [1, { azp => undef, sub => 'app1@clients' }],
    [1, { azp => 'app1', client_id => 'app9' }],
    [0, { azp => 'app9', client_id => 'app1' }],
    [0, { azp => undef, client_id => 'app9', sub => 'app1@clients' }],
    [0, { azp => undef, sub => 'app1' }],
    [0, { azp => undef, sub => 'app1@clients2' }],
    [0, { azp => undef, sub => undef }],
    [0, { azp => '', client_id => 'app1' }],
    [0, { azp => 'APP1' }], [0, { azp => 'app11' }], [0, { azp => 'app' }],
    [0, { azp => 'app1 app2' }],
);

for (@clients) {
    my ($allowed, $claims) = @$_;
    my $name = join ' ', map { "$_=" . ($claims->{$_} // 'none') }
        sort keys %$claims;

    $n->accepts("client: $name", '/client/', $claims) if $allowed;
    $n->refuses("client: $name", '/client/', $claims, 'client_not_allowed')
        if !$allowed;
}

$n->accepts('clients: the second', '/clients/', { azp => 'app2' });
$n->refuses('clients: no third', '/clients/', { azp => 'app3' },
    'client_not_allowed');

# requirements

$n->accepts('require: there', '/require/', { tier => 'x' });
$n->accepts('require: 00 is not 0', '/require-401/', { tier => 'silver' });
$n->accepts('require: mapped', '/require-401/', { tier => 'gold' });
$n->accepts('require: number', '/require/', { tier => 7 });
$n->accepts('require: false is a text', '/require/', { tier => \0 });
$n->refuses("require: $_->[0]", '/require/', { tier => $_->[1] },
    'requirement_not_met')
    for ['absent', undef], ['empty', ''], ['0', 0], ['"0"', '0'], ['[]', []];
$n->refuses('require: 401', '/require-401/', { tier => 'tin' },
    'requirement_not_met');
$n->refuses('require: 403', '/require-403/', { tier => 'tin' },
    'requirement_403');

$n->accepts('two values: both', '/require-two/?x=1', { tier => 'a' });
$n->refuses('two values: the first only', '/require-two/', { tier => 'a' },
    'requirement_403');
$n->refuses('two values: the second only', '/require-two/?x=1', {},
    'requirement_403');

$n->accepts('two directives: both', '/require-groups/?x=1', { tier => 'a' });
$n->refuses('two directives: the second', '/require-groups/', { tier => 'a' },
    'requirement_403');
$n->refuses('two directives: the first', '/require-groups/?x=1', {},
    'requirement_not_met');
$n->refuses('two directives: neither', '/require-groups/', {},
    'requirement_not_met');

$n->accepts('a text of variables', '/require-text/?y=1', {});
$n->refuses('a text of variables: empty', '/require-text/', {},
    'requirement_403');
$n->refuses('a text of variables: 0', '/require-text/?x=0', {},
    'requirement_403');
$n->accepts('a text of variables: 00', '/require-text/?x=0&y=0', {});

$n->accepts('an organization', '/require-org/', { org_id => 'org_a' });
$n->refuses('no organization', '/require-org/', {}, 'requirement_403');
$n->accepts("the module's own variables", '/require-ok/', {});

# a token that is not valid meets no requirement, and is told so

$n->refuses('require: an expired token', '/require/',
    { tier => 'x', exp => time - 60 }, 'expired');

$n->stop;
done_testing;
