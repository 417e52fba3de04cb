#!/usr/bin/perl

# auth0_m2m_authorizer: the answer for other gateways.

use strict;
use warnings;

use JSON::PP qw(decode_json encode_json);
use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;
use Auth0M2M::Tenant;
use Auth0M2M::Test;

my $n = Auth0M2M::Guard->new(
    http   => <<'CONF',
    # another nginx, as far as HTTP can tell
    server {
        listen 127.0.0.1:%%PORT_OTHER%%;

        location / {
            auth_request     /check;
            auth_request_set $org $upstream_http_x_auth0_org_id;
            auth_request_set $client $upstream_http_x_auth0_client_id;
            auth_request_set $scope $upstream_http_x_auth0_scope;
            proxy_set_header X-Org-Id $org;
            proxy_set_header X-Client $client;
            proxy_set_header X-Scope $scope;
            proxy_pass       http://%%BACKEND%%;
        }

        location = /check {
            internal;
            proxy_pass              http://127.0.0.1:%%PORT%%/authorize;
            proxy_pass_request_body off;
            proxy_set_header        Content-Length "";
        }
    }
CONF
    server => <<'CONF',
        location /authorize {
            auth0_m2m on;
            auth0_m2m_authorizer;

            location /authorize/write {
                auth0_m2m_scope write:orders;
                auth0_m2m_authorizer;
            }

            location /authorize/nested {
                return 200 nested;
            }
        }

        # inside the same nginx: a subrequest, which skips the access phase

        location /inside {
            auth_request     /authorize;
            auth_request_set $org $jwt_org_id;
            proxy_set_header X-Org-Id $org;
            proxy_set_header X-Direct "[$jwt_org_id]";
            proxy_pass       http://%%BACKEND%%;
        }

        location /inside-write {
            auth_request /authorize/write;
            %%PASS%%
        }

        # a redirect after the subrequest: its verdict stays its own

        location /inside-redirect {
            auth_request /authorize;
            error_page   404 = /seen;
        }
        location /seen { %%PASS%% }

        # both locations judge, each by its own rules

        location /both {
            auth0_m2m    on;
            auth_request /authorize/write;
            %%PASS%%
        }

        location /redirected {
            error_page 404 = /authorize;
        }
CONF
);

my $mint = $n->mint;
my $arn  = 'arn:aws:execute-api:us-east-2:123456789012:a1b2c3/prod/GET/orders';

my %acme  = (org_id => 'org_acme', azp => 'app1', scope => 'read:a read:b');
my $token = $mint->token(%acme);

# the answer

my $r = $n->ask('/authorize', \%acme);

is($r->status, 200, 'a valid token');
is($r->header('Content-Type'), 'application/json', 'type of the answer');
is($r->body, '{"isAuthorized":true,"context":{"org_id":"org_acme",'
        . '"client_id":"app1","scope":"read:a read:b"}}', 'body');
is($r->header('Content-Length'), length $r->body, 'length');
is($r->header('X-Auth0-Org-Id'),    'org_acme',      'X-Auth0-Org-Id');
is($r->header('X-Auth0-Client-Id'), 'app1',          'X-Auth0-Client-Id');
is($r->header('X-Auth0-Scope'),     'read:a read:b', 'X-Auth0-Scope');
is($r->header('WWW-Authenticate'),  undef,           'no challenge');

$r = $n->ask('/authorize', \%acme, 'HEAD');
is($r->status, 200, 'HEAD');
is($r->body,   '',  'HEAD has no body');
is($r->header('X-Auth0-Org-Id'), 'org_acme', 'HEAD has the headers');

$r = $n->request('POST', '/authorize', [$n->bearer(\%acme)], 'x' x 100_000);
is($r->status, 200, 'POST with a body that nobody reads');

$r = $n->ask('/authorize', { scope => undef, azp => undef, sub => 'u1' });
is_deeply(decode_json($r->body), { isAuthorized => JSON::PP::true,
    context => { org_id => '', client_id => '', scope => '' } },
    'a token that names nobody');
is($r->header($_), undef, "no $_ then")
    for qw(X-Auth0-Org-Id X-Auth0-Client-Id X-Auth0-Scope);

$r = $n->ask('/authorize', { scope => qq{a"b\\c\x{e9}}, azp => qq{a"\\\t} });
is_deeply(decode_json($r->body)->{context}, { org_id => '',
    client_id => qq{a"\\\t}, scope => qq{a"b\\c\x{e9}} },
    'values that JSON must escape');
is($r->header($_), undef, "$_ could not hold it: left out")
    for qw(X-Auth0-Client-Id X-Auth0-Scope);

# the policy document

sub policy {
    my ($principal, $resource) = @_;
    return qq({"principalId":"$principal","policyDocument":)
        . '{"Version":"2012-10-17","Statement":['
        . '{"Action":"execute-api:Invoke","Effect":"Allow",'
        . qq("Resource":"$resource"}]}});
}

my @arns = (
    ['as it is'      => $arn, $arn],
    ['escaped'       => $arn =~ s/([:\/])/sprintf '%%%02X', ord $1/ger, $arn],
    ['$default'      => $arn =~ s/prod/\$default/r, $arn =~ s/prod/\$default/r],
    ['China'         => $arn =~ s/aws:/aws-cn:/r, $arn =~ s/aws:/aws-cn:/r],
    ['GovCloud'      => $arn =~ s/aws:/aws-us-gov:/r,
        $arn =~ s/aws:/aws-us-gov:/r],
    ['colon in path' => "$arn/a:b", "$arn/a:b"],
    ['long path'     => $arn . '/' . 'a' x 1400, $arn . '/' . 'a' x 1400],
);

for (@arns) {
    my ($name, $sent, $resource) = @$_;
    $r = $n->ask("/authorize?methodArn=$sent", \%acme);
    is($r->status, 200, "methodArn $name");
    is($r->body, policy('org_acme', $resource), "methodArn $name: policy");
    is($r->header('X-Auth0-Org-Id'), 'org_acme', "methodArn $name: header");
}

$r = $n->ask("/authorize?methodArn=$arn", { azp => 'app1' });
is($r->body, policy('app1', $arn), 'no organization: the client');

my @bad = (
    ['empty'           => ''],
    ['no ARN'          => 'x'],
    ['too few fields'  => 'arn:aws:execute-api:us-east-2:123456789012'],
    ['empty resource'  => 'arn:aws:execute-api:us-east-2:123456789012:'],
    ['no account'      => $arn =~ s/123456789012//r],
    ['account'         => $arn =~ s/123456789012/12345678901a/r],
    ['no region'       => $arn =~ s/us-east-2//r],
    ['region'          => $arn =~ s/us-east-2/us_east/r],
    ['service'         => $arn =~ s/execute-api/lambda/r],
    ['service, longer' => $arn =~ s/execute-api/execute-apis/r],
    ['service, case'   => $arn =~ s/execute-api/Execute-API/r],
    ['service elsewhere' => 'arn:aws:s3:execute-api:123456789012:x'],
    ['partition'       => $arn =~ s/aws/gcp/r],
    ['partition, case' => $arn =~ s/aws/AWS/r],
    ['not an ARN'      => $arn =~ s/arn/urn/r],
    ['longer ARN'      => $arn =~ s/arn/arns/r],
    ['quote'           => "$arn%22"],
    ['backslash'       => "$arn%5C"],
    ['blank'           => "$arn%20"],
    ['line feed'       => "$arn%0A"],
    ['NUL'             => "$arn%00"],
    ['NUL inside'      => $arn =~ s/aws/aw%00s/r],
    ['DEL'             => "$arn%7F"],
    ['not ASCII'       => "$arn%C3%A9"],
    ['wildcard *'      => "$arn*"],
    ['wildcard ?'      => "$arn%3F"],
    ['too long'        => $arn . '/' . 'a' x 1600],
);

for (@bad) {
    my ($name, $sent) = @$_;
    $r = $n->ask("/authorize?methodArn=$sent", \%acme);
    is($r->status, 400, "methodArn refused: $name");
    unlike($r->body, qr/Allow|isAuthorized/, "methodArn refused: $name: body");
}

# a bad ARN does not hide a bad token

$n->refuses('bad ARN, no token', '/authorize?methodArn=x', [], 'missing');

# refusals

my $rsa = $mint->key;
my $now = time;
my %head = (alg => 'HS256', typ => 'JWT', kid => $rsa->{kid});

my %refused = (
    'no token'        => [[], 'missing'],
    'wrong audience'  => [{ aud => 'https://other/' }, 'wrong_audience'],
    'wrong issuer'    => [{ iss => 'https://evil.auth0.com/' },
        'wrong_issuer'],
    'expired'         => [{ exp => $now - 60 }, 'expired'],
    'not yet valid'   => [{ nbf => $now + 60 }, 'not_yet_valid'],
    'HS256 with the public key' => [
        $mint->hmac(encode_json(\%head), encode_json($mint->claims(%acme)),
            $rsa->{public_pem}, 'HS256'), 'unsupported_algorithm'],
    'alg none'        => [$mint->unsigned(encode_json({ %head, alg => 'none' }),
        encode_json($mint->claims(%acme))), 'malformed'],
    'altered'         => [$mint->flip($token, 2, 3), 'bad_signature'],
    'a foreign key'   => [$mint->token(%acme, -key => $mint->key('rsa-2',
        kid => $rsa->{kid})), 'bad_signature'],
);

$n->refuses("refused: $_", '/authorize', @{ $refused{$_} })
    for sort keys %refused;
$n->refuses('refused: a scope is missing', '/authorize/write', \%acme,
    'insufficient_scope', scope => 'write:orders');
is($n->ask('/authorize/write', { scope => 'write:orders' })->status, 200,
    'the scope is there');
is($n->ask('/authorize/nested', \%acme)->body, 'nested',
    'a nested location does not inherit the handler');

# behind another nginx

my $other = $n->at('OTHER');

$n->backend->clear;
is($other->get('/v1', $n->bearer(\%acme))->status, 200, 'another nginx: 200');
my $seen = $n->backend->last;
is($seen->header('X-Org-Id'), 'org_acme', 'another nginx: organization');
is($seen->header('X-Client'), 'app1', 'another nginx: client');
is($seen->header('X-Scope'), 'read:a read:b', 'another nginx: scope');

$n->backend->clear;
$r = $other->get('/v1');
is($r->status, 401, 'another nginx: 401');
is($r->header('WWW-Authenticate'), 'Bearer realm="auth0-m2m"',
    'another nginx: the challenge comes through');
is($other->get('/v1', $n->bearer({ exp => $now - 60 }))->status, 401,
    'another nginx: expired');
is($n->backend->count, 0, 'another nginx: nobody asked');

# inside the same nginx

$n->accepts('inside: accepted', '/inside', \%acme);
is($n->backend->last->header('X-Direct'), '[]',
    "inside: the subrequest's verdict is not the request's own");

$n->accepts("inside: nor after an internal redirect", '/inside-redirect',
    \%acme, org => '');

for my $name (sort keys %refused) {
    $n->backend->clear;
    $r = $n->ask('/inside', $refused{$name}[0]);
    is($r->status, 401, "inside: refused: $name");
    is($r->header('WWW-Authenticate'), $n->challenge($refused{$name}[1]),
        "inside: challenge: $name");
    is($n->backend->count, 0, "inside: nobody asked: $name");
}

$n->refuses('inside: no token', '/inside', [], 'missing');
is($n->ask('/inside-write', \%acme)->status, 403, 'inside: scope missing');
is($n->ask('/inside-write', { scope => 'write:orders' })->status, 200,
    'inside: scope there');
is($n->ask('/both', \%acme)->status, 403, 'both: the inner one refuses');
is($n->ask('/both', [])->status, 401, 'both: the outer one refuses');
$n->accepts('both: accepted', '/both',
    { org_id => 'org_b', scope => 'write:orders' });

# after an internal redirect

is($n->ask('/redirected', \%acme)->status, 200, 'error_page to it: 200');
$n->refuses('error_page to it: refused', '/redirected', [], 'missing');

# Inside the same nginx, while keys are on their way: the subrequest waits.

sub cold {
    my $tenant = Auth0M2M::Tenant->start;
    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 1500 });
    my $cold = Auth0M2M::Test->new(tenant => $tenant, server => <<'CONF');
        location = /authorize {
            auth0_m2m on;
            auth0_m2m_domain   %%TENANT_DOMAIN%%;
            auth0_m2m_upstream %%TENANT_HTTP%%;
            auth0_m2m_audience https://api.acme.example/;
            auth0_m2m_authorizer;
        }

        location = /inside {
            auth_request /authorize;
            empty_gif;
        }
CONF
    my $token = $tenant->token;
    ok($tenant->wait_journal(step => 'jwks'), 'cold: keys are asked for');
    my @asks = map { $cold->async([ 'GET', '/inside',
        [ Authorization => "Bearer $_" ] ]) } $token, "${token}x", $token;
    $asks[2]->close;
    is($asks[0]->wait($cold->bound(10))->status, 200, 'cold: let in');
    is($asks[1]->wait($cold->bound(10))->status, 401, 'cold: refused');
    is($tenant->count(step => 'jwks'), 1, 'cold: by one fetch');
    $cold->stop;
    $tenant->stop;
    return;
}

cold();

$n->stop;
done_testing;
