#!/usr/bin/perl

# Each configuration of conf-examples/ does what the comment on its top says:
# it runs in a real nginx, with stand-ins of the tenants it names and a
# backend.  What is changed for that: Auth0M2M::Example.  conf-examples/moesif/
# is run by t/moesif_*.t, conf-examples/docker/ by t/containers.t.

use v5.36;

use FindBin;
use File::Temp;
use JSON::PP qw(decode_json);
use Test::More;

use lib "$FindBin::Bin/lib";
use Auth0M2M::Example;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Backend;

my $acme = Auth0M2M::Tenant->start(seed => 'demo',
    domain => 'acme.us.auth0.com');
my $demo = $acme->demo;
my $api  = 'https://api.acme.example/';

my %tested = (
    'minimal.conf'           => \&minimal,
    'organizations.conf'     => \&organizations,
    'multi-tenant.conf'      => \&multi_tenant,
    'optional.conf'          => \&optional,
    'portal.conf'            => \&portal,
    'authorizer.conf'        => \&authorizer,
    'authorizer-client.conf' => \&authorizer,
    'status.conf'            => \&status,
    'rate-limit.conf'        => \&rate_limit,
    'upstream-headers.conf'  => \&upstream_headers,
    'docker/nginx.conf'      => undef,
    'moesif/nginx.conf'      => undef,
);

sub start ($name, %o) {
    return Auth0M2M::Test->new(
        Auth0M2M::Example::options($name, tenants => [$acme], %o));
}

# A token of acme's for its API.

sub token (%o) {
    return $acme->token(audience => $api, scope => 'read:orders',
        org => $demo->{org}, %o);
}

sub bearer (@token) {
    return (Authorization => 'Bearer ' . (@token == 1 ? $token[0]
        : token(@token)));
}

sub code ($n, $path, @headers) { return $n->get($path, @headers)->status }


sub minimal {
    my $n = start('minimal.conf');

    is(code($n, '/v1/orders', bearer()), 200, 'a token of the tenant');
    is($n->backend->last->header('X-Org-Id'), $demo->{org}, 'its organization');
    is(code($n, '/v1/orders'), 401, 'no token');
    is(code($n, '/v1/orders', bearer(scope => 'write:orders')), 403,
        'another scope');
    is(code($n, '/v1/orders', Authorization => 'Bearer'), 400, 'malformed');
    is($n->backend->count, 1, 'the backend saw one of the four');
    $n->stop;
}


sub organizations {
    my $n;
    my $folder = File::Temp->newdir;
    my $globex = Auth0M2M::Test::Backend->new(dir => "$folder",
        answer => sub { [ 200, [], 'globex' ] });
    $n = start('organizations.conf',
        addresses => { 8081 => '127.0.0.1:' . $globex->port });

    my @orgs = ('org_GlobexCorp000001', 'org_Initech000000001', 'org_other1');
    is_deeply([ map { $n->get('/v1/', bearer(org => $_))->body } @orgs ],
        [ 'globex', "backend\n", "backend\n" ], 'each to its own backend');
    is($globex->last->header('X-Org-Id'), $orgs[0], 'which learns who calls');
    is(code($n, '/v1/', bearer(org => undef)), 403, 'no organization');
    is_deeply([ map { code($n, '/beta/', bearer(org => $_)) } @orgs ],
        [ 200, 200, 403 ], '/beta/ is for two of them');

    my %report = (client_id => 'nightlyReport0000000000000000001');
    is(code($n, '/internal/', bearer(%report, org => undef),
        'X-Org-Id' => 'org_x'), 200, '/internal/ is for one program');
    is($n->backend->last->header('X-Org-Id'), undef, 'without organization');
    is(code($n, '/internal/', bearer()), 403, 'and no other');

    my $log = sub { Auth0M2M::Example::read_file($n->path('callers.log')) };
    ok($n->wait_for(sub { $log->() =~ /"GET \/v1\/" 200 \Q$orgs[0]\E \S+ ok$/m
        && $log->() =~ /client_not_allowed$/m }), 'the log names who called');
    $n->stop;
    $globex->stop;
}


sub multi_tenant {
    my $custom = Auth0M2M::Tenant->start(domain => 'login.acme.example');
    my $globex = Auth0M2M::Tenant->start(domain => 'globex.eu.auth0.com');
    my $n = start('multi-tenant.conf', tenants => [ $acme, $custom, $globex ]);
    my %host = map { $_ => "api.$_.example" } qw(acme globex);
    my $ask  = sub ($host, $path, $tenant, $audience, %o) {
        my $t = $tenant->token(audience => $audience, org => 'org_same1', %o);
        return code($n, $path, Host => $host{$host}, bearer($t));
    };
    my $company = sub { $n->backend->last->header('X-Company') };

    is($ask->('acme', '/v1/', $acme, $api), 200, 'the canonical domain');
    is($ask->('acme', '/v1/', $custom, $api), 200, 'the custom domain');
    is($company->(), 'acme', 'both are Acme');
    is($ask->('acme', '/v1/', $globex, $api), 401, "not the other's");

    my $other = 'https://api.globex.example/';
    is($ask->('globex', '/v1/', $globex, $other), 200, 'the other tenant');
    is($company->(), 'globex', 'is Globex');
    is($ask->('globex', '/v1/', $acme, $other), 401, "not Acme's");
    is($globex->count(step => 'jwks'), 1, 'reached through auth0_m2m_upstream');

    my $both = 'https://partners.example/';
    for my $case ([ $globex, 'globex' ], [ $acme, 'acme' ], [ $custom, 'acme' ]) {
        my ($tenant, $name) = @$case;
        is($ask->('globex', '/partners/', $tenant, $both), 200,
            'partners: ' . $tenant->domain);
        is($company->(), $name, 'told apart by issuer');
    }

    my ($key) = grep { $_->{state} eq 'current' } $globex->keys;
    my $forged = $acme->mint(key => $key->{pem}, alg => $key->{alg},
        header => { kid => $key->{kid} },
        claims => { iss => $acme->issuer, aud => $both, sub => 'x',
            exp => time + 600 });
    is(code($n, '/partners/', Host => $host{globex}, bearer($forged)), 401,
        "a token of one tenant with another tenant's key");

    $n->stop;
    $_->stop for $custom, $globex;
}


sub optional {
    my $n     = start('optional.conf');
    my %spoof = ('X-Org-Id' => 'org_spoofed1');

    is(code($n, '/v1/', bearer(), %spoof), 200, 'a good token');
    is($n->backend->last->header('X-Org-Id'), $demo->{org}, 'its organization');

    for my $bad ([], [ bearer('rubbish') ], [ bearer(expires_in => -60) ],
        [ bearer(scope => 'none') ])
    {
        is(code($n, '/v1/', @$bad, %spoof), 200, 'not refused');
        is($n->backend->last->header('X-Org-Id'), undef, 'no organization');
    }

    my @log;
    ok($n->wait_for(sub {
        @log = map { decode_json($_) } split /^/,
            Auth0M2M::Example::read_file($n->path('verdicts.log'));
        @log == 5;
    }), 'each request has its line of JSON');
    is_deeply([ map { $_->{verdict} } @log ],
        [qw(ok missing malformed expired insufficient_scope)], 'with verdicts');
    is_deeply([ map { $_->{org} } @log ], [ $demo->{org}, ('') x 4 ],
        'and organizations');
    $n->stop;
}


# The portal's .env is the environment; its client id stands in the file.

sub portal {
    my $n = start('portal.conf',
        changes => { 'YOUR_SPA_CLIENT_ID' => $demo->{spa} },
        env => {
            PLUGIN_AUTH0_M2M_DOMAIN        => $acme->domain,
            PLUGIN_AUTH0_M2M_CLIENT_ID     => $demo->{client_id},
            PLUGIN_AUTH0_M2M_CLIENT_SECRET => $demo->{client_secret},
            PLUGIN_AUTH0_M2M_API_AUDIENCE  => $demo->{audience},
            PLUGIN_AUTH0_M2M_API_SCOPE     => 'read:orders write:orders',
        });
    portal_page($n);
    portal_calls($n);
    $n->stop;
}

sub portal_page ($n) {
    mkdir $n->path('auth0-m2m-portal') or die "mkdir: $!\n";
    my $portal = "$Auth0M2M::Example::folder/portal";
    $n->write_file("auth0-m2m-portal/$_", Auth0M2M::Example::read_file(
        "$portal/$_")) for qw(index.html portal.js icon.svg);

    my $r = $n->get('/portal/');
    is($r->status, 200, 'the page');
    my %demanded = Auth0M2M::Example::read_file("$portal/README.md")
        =~ /add_header (\S+) ("[^"]+"|\S+) always;/g;
    cmp_ok(scalar keys %demanded, '>=', 6, 'headers that its README demands');
    is($r->header($_), $demanded{$_} =~ tr/"//dr, $_) for sort keys %demanded;
    is($n->get('/portal/portal.js')->header('Content-Type'),
        'application/javascript', 'type of scripts');
    is($n->get('/portal/icon.svg')->header('Content-Type'), 'image/svg+xml',
        'type of the icon');
    return;
}

sub portal_calls ($n) {
    my @json   = ('Content-Type' => 'application/json');
    my @server = (bearer(scope => 'provision:users', org => undef), @json);
    my @person = (@json,
        bearer($acme->id_token(user => $demo->{newcomer})));
    my $user = '{"customerId":"cus_1","email":"new@acme.example"}';

    is($n->request('POST', '/create-key', \@person, '{}')->status, 409,
        '/create-key: not a customer yet');
    is($n->request('POST', '/provision-user', \@person, $user)->status, 401,
        '/provision-user is not for people');
    my $r = $n->request('POST', '/provision-user', \@server, $user);
    is($r->status, 200, "/provision-user, by the portal's server");
    my $org = decode_json($r->body)->{org_id};

    $r = $n->request('POST', '/create-key',
        [ @person, Origin => 'https://portal.acme.example' ], '{}');
    is($r->status, 200, '/create-key, from the portal');
    my $key = decode_json(decode_json($r->body)->{apikey});
    my (undef, $got) = $acme->request_token(%$key, audience => $api,
        grant_type => 'client_credentials');
    is(code($n, '/v1/', bearer($got->{access_token})), 200,
        'the credential opens the API');
    is($n->backend->last->header('X-Org-Id'), $org, 'for its organization');

    is($n->request('POST', '/create-key',
            [ @person, Origin => 'https://evil.example' ], '{}')->status, 403,
        'another origin');
    $r = $n->get('/keys', @person);
    is_deeply([ map { $_->{client_id} } @{ decode_json($r->body)->{keys} } ],
        [ $key->{client_id} ], '/keys lists it');
    is($n->request('DELETE', "/keys/$key->{client_id}",
            [ @person, Origin => 'https://api.acme.example' ])->status, 204,
        '/keys revokes it, from the page');
    is(code($n, '/v1/', bearer($got->{access_token})), 401, 'it is shut out');
    return;
}


# As the gateways call it: another nginx, and the requests that Envoy, Traefik
# and the Lambda make.

sub authorizer {
    my $n     = start('authorizer.conf');
    my $other = start('authorizer-client.conf', tenants => [], module => 0,
        addresses => { 8090 => '127.0.0.1:' . $n->port });
    my @spoof = ('X-Org-Id' => 'org_spoofed1', 'X-Client-Id' => 'x');
    my ($good, $bad) = (token(client_id => 'app1'), token(org => undef));

    is(code($other, '/v1/orders', bearer($good), @spoof), 200,
        'another nginx: a good token');
    is($other->backend->last->header('X-Org-Id'), $demo->{org},
        'its organization, not the one that was sent');
    is($other->backend->last->header('X-Client-Id'), 'app1', 'its client');
    my $r = $other->get('/v1/orders');
    is($r->status, 401, 'no token');
    like(scalar $r->header('WWW-Authenticate'), qr/^Bearer realm=/, 'challenge');
    is(code($other, '/v1/orders', bearer($bad)), 403, 'no organization');
    is(code($other, '/v1/orders', Authorization => 'Bearer'), 500,
        'a malformed header');
    is(code($other, '/auth', bearer($good)), 404, '/auth is internal');
    is($other->backend->count, 1, 'the backend saw one of these');

    $r = $n->request('POST', '/authorizer/v1/orders?q=1',
        [ bearer($good), 'Content-Length' => 0 ]);
    is($r->header('X-Auth0-Org-Id'), $demo->{org}, "Envoy's request");
    $r = $n->get('/authorizer', bearer($good), 'X-Forwarded-Method' => 'POST',
        'X-Forwarded-Uri' => '/v1/orders');
    is($r->header('X-Auth0-Client-Id'), 'app1', "Traefik's request");
    $r = $n->get('/authorizer?methodArn='
        . 'arn%3Aaws%3Aexecute-api%3Aus-east-2%3A123456789012%3Aa1b2c3%2Fprod%2FGET%2Forders',
        bearer($good));
    is(decode_json($r->body)->{principalId}, $demo->{org}, "the Lambda's");

    $n->stop;
    is(code($other, '/v1/orders', bearer($good)), 500,
        'no authorizer: nobody is let in');
    $other->stop;
}


sub status {
    my $n     = start('status.conf');
    my $inner = $n->at('9145');

    is(code($n, '/v1/', bearer()), 200, 'the API');
    like($inner->get('/metrics')->body, qr/^auth0_m2m_tokens_total\{result="ok"\} 1$/m,
        '/metrics');
    is(decode_json($inner->get('/status')->body)->{tokens}{ok}, 1, '/status');
    is(code($n, $_), 404, "$_ is not in the API's server")
        for qw(/metrics /status);
    $n->stop;
}


# The rates are made small, so that the bursts are all there is.

sub rate_limit {
    my $n = start('rate-limit.conf',
        changes => { '10r/s' => '1r/m', '100r/s' => '1r/m' });
    my $ask = sub ($times, @token) {
        my $request = [ GET => '/v1/', [ bearer(token(@token)) ] ];
        my %count;
        $count{ $_->status }++
            for $n->parallel([ ($request) x $times ], concurrency => 20);
        return \%count;
    };

    is_deeply($ask->(25, org => 'org_small1'), { 200 => 21, 429 => 4 },
        'an organization: the burst and one');
    is_deeply($ask->(20, org => 'org_small2'), { 200 => 20 },
        "another's budget is untouched");
    is_deeply($ask->(205, org => 'org_GlobexCorp000001'),
        { 200 => 201, 429 => 4 }, 'a larger budget');
    is_deeply($ask->(25, org => undef, client_id => 'app1'),
        { 200 => 21, 429 => 4 }, 'a program without an organization');
    is_deeply($ask->(1, org => undef, client_id => 'app2'), { 200 => 1 },
        'and another one');
    is($n->backend->last->header('X-Org-Id'), undef,
        'the backend learns the same as elsewhere');

    my @spent = map { code($n, '/v1/', bearer(org => 'org_small1', @$_)) }
        [], [ expires_in => -60 ], [ audience => 'x' ];
    is_deeply(\@spent, [ 429, 401, 401 ], 'a refused token spends nothing');
    my $seen = $n->backend->count;
    is(code($n, '/v1/'), 401, 'no token');
    is($n->backend->count, $seen, 'and no way around');
    $n->stop;
}


sub upstream_headers {
    my $n    = start('upstream-headers.conf');
    my @mine = qw(X-Org-Id X-Client-Id X-Scope X-Plan);
    my $seen = sub { [ map { scalar $n->backend->last->header($_) } @mine ] };
    my @spoof = ((map { $_ => 'spoofed' } @mine, map { lc } @mine),
        (map { tr/-/_/r => 'spoofed' } @mine));

    is(code($n, '/v1/', bearer(client_id => 'app1',
        claims => { plan => 'gold' }), @spoof), 200, 'all claims');
    is_deeply($seen->(), [ $demo->{org}, 'app1', 'read:orders', 'gold' ],
        'each as the token has it');
    is(code($n, '/v1/', bearer(org => undef, client_id => 'app1',
        claims => { scope => undef }), @spoof), 200, 'no claims');
    is_deeply($seen->(), [ undef, 'app1', undef, undef ],
        'what the token has not is not there');
    unlike($n->backend->last->raw, qr/spoofed/i, 'under no name');
    unlike($n->backend->last->raw, qr/^Authorization/mi, 'and no token');
    $n->stop;
}


# The table: every configuration is named in the README, says who needs it, and
# is run, by this test or by its own.

is_deeply([ Auth0M2M::Example::files() ], [ sort keys %tested ],
    'every configuration has a test');

my $readme = Auth0M2M::Example::text('README.md');

for my $file (sort keys %tested) {
    my ($comment) = Auth0M2M::Example::text($file) =~ /\A((?:#.*\n)+)/;
    like($comment // '', qr/^# Who needs this: /, "$file: says who needs it");
    like($readme, qr/\(\Q$file\E\)/, "$file: is in the table");
}

my %done;
for my $file (grep { $tested{$_} } sort keys %tested) {
    next if $done{ $tested{$file} }++;
    subtest $file => $tested{$file};
}

$acme->stop;
done_testing;
