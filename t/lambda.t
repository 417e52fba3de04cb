#!/usr/bin/perl

# conf-examples/aws-lambda-authorizer/: the Lambda, under Node.js, against a
# fake gateway and against nginx

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/node";

use JSON::PP;
use NodeTest;
use Test::More;

use Auth0M2M::Tenant;
use Auth0M2M::Test;

my $ORG = 'org_demoAcme00000001';
my $ARN = 'arn:aws:execute-api:us-east-2:123456789012:a1b2c3/$default/GET/o';

# What the Lambda returns, or what it throws.
my $ASK = <<'JS';
    const { handler } = await import(process.env.LAMBDA);
    const answer = await handler(JSON.parse(process.env.EVENT))
        .catch((error) => ({ thrown: error.message }));
    console.log(JSON.stringify(answer));
JS

node_ok('conf-examples/aws-lambda-authorizer/index.test.mjs');

my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
my $nginx = Auth0M2M::Test->new(tenant => $tenant, server => <<'CONF');
    location = /authorizer {
        auth0_m2m           on;
        auth0_m2m_domain    %%TENANT_DOMAIN%%;
        auth0_m2m_upstream  %%TENANT_HTTP%%;
        auth0_m2m_audience  https://api.acme.example/;
        auth0_m2m_scope     read:orders;
        auth0_m2m_authorizer;
    }
CONF

sub lambda {
    my ($event, %env) = @_;

    return decode_json(node_says(
        $ASK,
        LAMBDA => "$FindBin::Bin/../conf-examples/aws-lambda-authorizer/"
            . 'index.mjs',
        EVENT          => encode_json($event),
        AUTHORIZER_URL => 'http://127.0.0.1:' . $nginx->port . '/authorizer',
        %env
    ));
}

sub events {
    my ($token) = @_;

    my %request = (type => 'REQUEST',
        headers => { authorization => "Bearer $token" });
    return (
        { type => 'TOKEN', methodArn => $ARN,
            authorizationToken => "Bearer $token" },
        { %request, methodArn => $ARN },
        { %request, version => '2.0', routeArn => $ARN },
    );
}

sub policy {
    my ($statement) = lambda(@_)->{policyDocument}{Statement}->@*;
    return "$statement->{Effect} $statement->{Resource}";
}

my $good = $tenant->token(org => $ORG, scope => 'read:orders');

is(policy($_), "Allow $ARN", 'nginx allows') for events($good);
is(lambda((events($good))[0])->{principalId}, $ORG, 'principal');

is(policy($_), "Deny $ARN", 'scope is missing')
    for events($tenant->token(org => $ORG, scope => 'write:orders'));

is(lambda($_)->{thrown}, 'Unauthorized', 'wrong audience')
    for events($tenant->token(org => $ORG, scope => 'read:orders',
        claims => { aud => 'https://other.example/' }));

my $simple = lambda((events($good))[2], SIMPLE_RESPONSES => 'true');
ok($simple->{isAuthorized}, 'simple response');
is($simple->{context}{org_id}, $ORG, 'its context');

$nginx->stop;
$tenant->stop;
undef $_ for $nginx, $tenant;
done_testing;
