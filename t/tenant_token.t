#!/usr/bin/perl

# The stand-in of an Auth0 tenant: /oauth/token.

use v5.36;

use Crypt::JWT      qw(encode_jwt);
use Crypt::PK::ECC  ();
use Crypt::PK::RSA  ();
use FindBin         qw($Bin);
use MIME::Base64    qw(encode_base64);
use Time::HiRes     qw(time);

use Test::More;

use lib "$Bin/lib";
use Auth0M2M::Tenant;
use Auth0M2M::Tenant::Probe qw(call claims header verified);

my $t    = Auth0M2M::Tenant->start(seed => 'demo');
my $demo = $t->demo;
my $port = $t->http_port;
my $aud  = $demo->{audience};

my %customer = (client_id => $demo->{customer_id},
    client_secret => $demo->{customer_secret}, audience => $aud);

subtest 'client_credentials' => sub {
    my ($status, $body) = $t->request_token(%customer);
    is($status, 200, 'status');
    is_deeply([ sort keys %$body ],
        [qw(access_token expires_in scope token_type)], 'members');
    is_deeply([ @$body{qw(expires_in scope token_type)} ],
        [ 86400, 'read:orders write:orders', 'Bearer' ], 'values');
    my $claims = claims($body->{access_token});
    is($claims->{exp} - $claims->{iat}, 86400, 'lifetime');
    cmp_ok(abs($claims->{iat} - time), '<', 30, 'iat is now');
    delete @$claims{qw(iat exp)};
    is_deeply($claims, {
        iss => 'https://acme.test.auth0.com/',
        sub => "$customer{client_id}\@clients",
        aud => $aud, azp => $customer{client_id},
        gty => 'client-credentials', scope => 'read:orders write:orders',
        org_id => $demo->{org},
    }, 'claims');
    verified($t->issuer, $t->jwks, $body->{access_token});
    is(($t->request_token(%customer, scope => 'read:orders'))[1]{scope},
        'read:orders', 'narrower scope');
};

subtest 'ways to name the client' => sub {
    my $form = 'grant_type=client_credentials&audience='
        . 'https%3A%2F%2Fapi.acme.example%2F';
    my $secret = $customer{client_secret};
    my $type   = 'application/x-www-form-urlencoded';
    my $post = call($port, POST => '/oauth/token',
        "$form&client_id=$customer{client_id}&client_secret=$secret",
        'Content-Type' => $type);
    is($post->{status}, 200, 'form');
    like($post->{header}{'cache-control'}, qr/\bno-store\b/, 'no-store');
    my $basic = encode_base64("$customer{client_id}:$secret", '');
    is(call($port, POST => '/oauth/token', $form, 'Content-Type' => $type,
            Authorization => "Basic $basic")->{status}, 200, 'Basic');
    my $both = call($port, POST => '/oauth/token',
        "$form&client_secret=$secret", 'Content-Type' => $type,
        Authorization => "Basic $basic");
    is_deeply([ @$both{qw(status)}, $both->{json}{error} ],
        [ 400, 'invalid_request' ], 'two ways at once');
};

my $NO_GRANT = 'Client is not authorized to access "https://b.example/". '
    . 'You need to create a "client-grant" associated to this API. See: '
    . 'https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants';
$t->add_api(identifier => 'https://b.example/', scopes => ['x']);
my $web = $t->add_client(grant_types => ['authorization_code']);
my @REFUSALS = (
    [ 'wrong secret', { client_secret => 'x' }, 401, 'access_denied',
        'Unauthorized' ],
    [ 'no secret', { client_secret => undef }, 401, 'access_denied',
        'Unauthorized' ],
    [ 'unknown client', { client_id => 'nobody' }, 401, 'access_denied',
        'Unauthorized' ],
    [ 'public client', { client_id => $demo->{spa}, client_secret => 'x' },
        401, 'access_denied', 'Unauthorized' ],
    [ 'no grant', { audience => 'https://b.example/' }, 403, 'access_denied',
        $NO_GRANT ],
    [ 'unknown API', { audience => 'https://c.example/' }, 403,
        'access_denied', 'Service not found: https://c.example/' ],
    [ 'no audience', { audience => undef }, 403, 'access_denied',
        'Non-global clients are not allowed access to APIv1' ],
    [ 'foreign scope', { scope => 'read:orders y z' }, 403, 'access_denied',
        'Client has not been granted scopes: y, z' ],
    [ 'grant type', { grant_type => 'password' }, 400,
        'unsupported_grant_type', 'Unsupported grant type: password' ],
    [ 'no grant type', { grant_type => undef }, 400, 'invalid_request',
        'Missing required parameter: grant_type' ],
    [ 'client without the grant type', { client_id => $web->{client_id},
            client_secret => $web->{client_secret} }, 403,
        'unauthorized_client',
        q{Grant type 'client_credentials' not allowed for the client.} ],
);

subtest 'refusals at /oauth/token' => sub {
    for my $case (@REFUSALS) {
        my ($name, $change, @expected) = @$case;
        my ($status, $body) = $t->request_token(%customer, %$change);
        is_deeply([ $status, @$body{qw(error error_description)} ],
            \@expected, $name);
    }
    my $garbage = call($port, POST => '/oauth/token', '{');
    is($garbage->{status}, 400, 'no JSON');
};

subtest 'organizations at /oauth/token' => sub {
    my $org = $t->add_org(name => 'other');
    my $ask = sub ($client, %more) {
        my ($status, $body) = $t->request_token(audience => $aud,
            client_id => $client->{client_id},
            client_secret => $client->{client_secret}, %more);
        return $status != 200 ? "$status $body->{error}"
            : claims($body->{access_token})->{org_id} // 'none';
    };
    my $client = sub (%grant) {
        my $new = $t->add_client(%{ delete $grant{client} // {} });
        $t->add_grant(client_id => $new->{client_id}, audience => $aud,
            scope => ['read:orders'], %grant);
        return $new;
    };
    my $default = { default_organization => { organization_id => $org->{id},
        flows => ['client_credentials'] } };
    my $deny = $client->(client => $default);
    is($ask->($deny), 'none', 'deny: no organization');
    is($ask->($deny, organization => $org->{id}), '400 invalid_request',
        'deny: one asked for');
    my $allow = $client->(client => $default, organization_usage => 'allow',
        orgs => [ $org->{id} ]);
    is($ask->($allow), 'none', 'allow: the default is not applied');
    is($ask->($allow, organization => $org->{id}), $org->{id},
        'allow: asked for');
    is($ask->($allow, organization => $demo->{org}), '403 access_denied',
        'allow: not associated');
    is($ask->($allow, organization => 'org_none'), '400 invalid_request',
        'unknown organization');
    is($ask->($allow, organization => 'other'), '400 invalid_request',
        'by name, which is off');
    my $require = $client->(organization_usage => 'require');
    is($ask->($require), '400 invalid_request', 'require: none given');
    is($ask->($require, organization => $org->{id}), '403 access_denied',
        'require: no organization grant yet');
    my $inert = $client->(client => $default, organization_usage => 'require');
    is($ask->($inert), '403 access_denied', 'require, default: no grant yet');
    my $any = $client->(client => $default, organization_usage => 'require',
        allow_any_organization => 1);
    is($ask->($any), $org->{id}, 'require: default organization');
    is($ask->($any, organization => $demo->{org}), $demo->{org}, 'any');
    $t->set(organization_names => 1);
    my (undef, $body) = $t->request_token(%customer, organization => 'acme');
    is(claims($body->{access_token})->{org_name}, 'acme', 'by name');
    $t->set(organization_names => 0, organizations => 0);
    is($ask->($any, organization => $org->{id}), '403 access_denied',
        'tenant without organizations');
    $t->set(organizations => 1);
};

subtest 'token dialects' => sub {
    my %typ = (access_token => 'JWT', access_token_authz => 'JWT',
        rfc9068_profile => 'at+jwt', rfc9068_profile_authz => 'at+jwt');
    for my $dialect (sort keys %typ) {
        my $id = "https://$dialect.example/";
        $t->add_api(identifier => $id, scopes => ['a'], dialect => $dialect,
            token_lifetime => 60);
        my $client = $t->add_credential(audience => $id);
        my ($status, $body) = $t->request_token(audience => $id,
            client_id => $client->{client_id},
            client_secret => $client->{client_secret});
        is($body->{expires_in}, 60, "$dialect: lifetime of the API");
        is(header($body->{access_token})->{typ}, $typ{$dialect},
            "$dialect: typ");
        my $claims = claims($body->{access_token});
        is_deeply([ map { exists $claims->{$_} ? 1 : 0 }
                qw(gty azp client_id jti permissions) ],
            [ ($dialect =~ /^rfc/ ? (0, 0, 1, 1) : (1, 1, 0, 0)),
                $dialect =~ /authz/ ? 1 : 0 ], "$dialect: claims");
    }
};

subtest 'private_key_jwt' => sub {
    my $rsa = Crypt::PK::RSA->new;
    $rsa->generate_key(256);
    my $ec = Crypt::PK::ECC->new;
    $ec->generate_key('secp256r1');
    my $by_rsa = $t->add_management_client(
        public_key => $rsa->export_key_pem('public_x509'));
    my $by_ec = $t->add_management_client(
        public_key => $ec->export_key_pem('public'));
    my $serial = 0;
    my $ask = sub ($client, $key, $alg, %claims) {
        my $id  = $client->{client_id};
        my $jwt = encode_jwt(alg => $alg, key => $key, payload => {
            iss => $id, sub => $id, aud => $t->issuer, iat => time,
            exp => int(time + 60), jti => 'j' . $serial++, %claims });
        my ($status, $body) = $t->request_token(audience => $t->audience,
            client_assertion => $jwt, client_assertion_type =>
                'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
        return $status == 200 ? 'granted'
            : "$status $body->{error}: $body->{error_description}";
    };
    is($ask->($by_rsa, $rsa, $_), 'granted', $_) for qw(RS256 PS256);
    is($ask->($by_ec, $ec, 'ES256'), 'granted', 'ES256');
    my $bad = '401 invalid_client: Client assertion:';
    is($ask->($by_rsa, $rsa, 'RS512'), "$bad signature", 'algorithm');
    is($ask->($by_ec, $rsa, 'RS256'), "$bad signature", 'foreign key');
    is($ask->($by_rsa, $rsa, 'RS256', aud => 'https://x/'), "$bad aud", 'aud');
    is($ask->($by_rsa, $rsa, 'RS256', exp => int(time - 1)), "$bad exp",
        'exp');
    is($ask->($by_rsa, $rsa, 'RS256', iss => 'x'), "$bad iss and sub", 'iss');
    is($ask->($by_rsa, $rsa, 'RS256', jti => 'same'), 'granted', 'first use');
    is($ask->($by_rsa, $rsa, 'RS256', jti => 'same'), "$bad replay",
        'second use');
    my ($status) = $t->request_token(audience => $t->audience,
        client_id => $by_rsa->{client_id}, client_secret => 'x');
    is($status, 401, 'a secret is of no use to it');
};

subtest 'rotation window of secrets' => sub {
    my $admin = $t->add_management_client;
    my (undef, $body) = $t->request_token(audience => $t->audience,
        map { $_ => $admin->{$_} } qw(client_id client_secret));
    my $client = $t->add_credential(org => $demo->{org});
    my $works  = sub ($secret) {
        ($t->request_token(%customer, client_id => $client->{client_id},
            client_secret => $secret))[0] == 200 ? 1 : 0;
    };
    my $rotate = sub (%config) {
        $t->set(%config);
        my $old = $client->{client_secret};
        $client = call($port,
            POST => "/api/v2/clients/$client->{client_id}/rotate-secret",
            undef, Authorization => "Bearer $body->{access_token}")->{json};
        return [ $works->($old), $works->($client->{client_secret}) ];
    };
    is_deeply($rotate->(rotation_window => 0), [ 0, 1 ], 'none');
    is_deeply($rotate->(rotation_window => 60), [ 1, 1 ], 'both');
    is_deeply($rotate->(rotation_mode => 'old'), [ 1, 0 ], 'old only');
    $t->set(rotation_window => 0, rotation_mode => 'both');
};

$t->stop;
done_testing;
