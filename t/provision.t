# Keys over HTTP: the portal's wire, its REST twin, the calls to the tenant.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use Test::More;

use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new;
my $n = $p->nginx;

sub bodies {
    my ($step) = @_;
    return map { decode_json($_->{body}) }
        $p->tenant->journal(step => $step);
}

subtest 'the golden wire' => sub {
    my $user = $p->user;
    my $org  = $p->org_of($user);
    $p->calls;
    my $r = $p->create_key($user, body => '{"email":"else@example.org"}',
        headers => [ Origin => 'https://portal.example' ]);

    is($r->status, 200, 'status');
    is($r->header('Content-Type'), 'application/json; charset=utf-8', 'type');
    my ($id, $secret) = $p->apikey($r);
    is($r->body, qq({"apikey":"{\\"client_id\\":\\"$id\\",)
        . qq(\\"client_secret\\":\\"$secret\\"}"}), 'body, byte for byte');
    is($r->header('Content-Length'), length $r->body, 'its length');
    ok($p->usable($id, $secret), 'usable at the tenant');

    my ($client) = bodies('client_create');
    my $metadata = delete $client->{client_metadata};
    is_deeply([ sort keys %$metadata ],
        [ qw(created_at label managed_by org owner req) ], 'metadata');
    is($metadata->{owner}, $user, 'its owner');
    is($metadata->{org}, $org, 'its organization');
    is($metadata->{managed_by}, 'ngx-auth0-m2m', 'its maker');
    like($client->{name}, qr/^key-[0-9a-f]{8}$/, 'a name of its own');
    delete @$client{qw(name description)};
    is_deeply($client, {
        app_type             => 'non_interactive',
        is_first_party       => JSON::PP::true,
        oidc_conformant      => JSON::PP::true,
        grant_types          => ['client_credentials'],
        organization_usage   => 'require',
        jwt_configuration    => { alg => 'RS256' },
        default_organization => { organization_id => $org,
            flows => ['client_credentials'] },
        token_endpoint_auth_method => 'client_secret_post',
    }, 'the application');

    my ($grant) = bodies('grant_create');
    is_deeply($grant, {
        client_id              => $id,
        audience               => $p->demo->{audience},
        scope                  => [ qw(read:orders write:orders) ],
        organization_usage     => 'require',
        allow_any_organization => JSON::PP::false,
    }, 'its grant');
    my ($org_grant) = bodies('org_grant_add');
    is_deeply([ keys %$org_grant ], ['grant_id'], 'its place in the org');

    my ($token) = $p->tenant->journal(step => 'token');
    my %form = map { split /=/, $_, 2 } split /&/, $token->{body};
    is(join(' ', sort keys %form),
        'audience client_id client_secret grant_type', 'the token request');
    like($form{audience}, qr{^https%3A%2F%2F.*%2Fapi%2Fv2%2F$}, 'audience');

    my $sub = $user =~ s/\|/%7C/r;
    my $grants = "/api/v2/organizations/$org/client-grants";
    my @calls = $p->calls;
    is_deeply([ grep { !/oauth/ } @calls ], [
        "GET /api/v2/users/$sub?fields=user_id,email,email_verified,"
            . 'blocked,app_metadata&include_fields=true',
        "GET /api/v2/users/$sub/organizations?per_page=100&page=0",
        "GET $grants?audience=https%3A%2F%2Fapi.acme.example%2F"
            . '&per_page=100&page=0',
        'POST /api/v2/clients',
        'POST /api/v2/client-grants',
        "POST $grants",
    ], 'calls in order');
    is($calls[0], 'POST /oauth/token', 'after the token');
};

subtest 'headers of every answer' => sub {
    my $user = $p->user;
    my %all = (
        success   => $p->create_key($user),
        list      => $p->keys($user),
        refused   => $n->request('POST', '/create-key'),
        method    => $n->get('/create-key', $p->headers($user)),
        nothing   => $n->get('/keys/a/b/c', $p->headers($user)),
        not_found => $p->revoke($user, 'A' x 32),
        preflight => $n->request('OPTIONS', '/keys'),
        malformed => $p->create_key($user, body => '['),
        origin    => $p->create_key($user,
            headers => [ Origin => 'https://evil.example' ]),
    );

    for my $name (sort keys %all) {
        my $r    = $all{$name};
        my %want = (
            'Cache-Control'          => 'no-store',
            'Pragma'                 => 'no-cache',
            'X-Content-Type-Options' => 'nosniff',
            'Vary'                   => 'Origin',
        );
        is_deeply({ map { $_ => scalar $r->header($_) } keys %want },
            \%want, "$name: " . $r->status);
        like($r->header('X-Request-Id'), qr/^[0-9a-f]{32}$/, 'request id');
        ok(!$r->header('ETag'), 'no ETag');
        next if $r->status < 400;

        my $problem = $p->problem($r);
        is($r->header('Content-Type'), 'application/problem+json', 'type');
        is($problem->{status}, $r->status, 'status in the problem');
        is($problem->{request_id}, $r->header('X-Request-Id'), 'request id');
        is($problem->{cleanup}, 'none', 'nothing to clean up');
        ok(length $problem->{message}, 'message');
    }
};

subtest 'keys: create, list' => sub {
    my $user = $p->user;
    my $r = $p->new_key($user, body => { name => 'batch jobs',
        scope => 'read:orders', expires_in => 3600 });
    my ($id, $secret) = $p->apikey($r);

    is($r->status, 201, 'created');
    is($r->header('Location'), "/keys/$id", 'Location');
    is(decode_json($r->body)->{client_id}, $id, 'client_id');
    my $token = $p->access_token($id, $secret);
    is($n->get('/v1/', Authorization => "Bearer $token")->header('X-Org'),
        $p->org_of($user), 'its token speaks for the organization');

    my ($id2) = $p->apikey($p->create_key($user));
    my $list = $p->keys($user);
    is($list->status, 200, 'listed');
    unlike($list->body, qr/secret/, 'no secret in the list');
    my %keys = map { $_->{client_id} => $_ }
        @{ decode_json($list->body)->{keys} };
    is_deeply([ sort keys %keys ], [ sort $id, $id2 ], 'both');
    my $key = $keys{$id};
    is($key->{name}, 'batch jobs', 'name');
    is($key->{scope}, 'read:orders', 'scope');
    is($key->{org_id}, $p->org_of($user), 'organization');
    is($key->{status}, 'expiring', 'status');
    is($key->{expires_at} - $key->{created_at}, 3600, 'end');
    is_deeply(decode_json($list->body)->{quota}, { max => 10, used => 2 },
        'quota');
    is_deeply(decode_json($p->keys($p->user)->body)->{keys}, [],
        "not another user's");

    is($p->new_key($user, body => { scope => 'admin:all' })->status, 403,
        'a scope that is not allowed');
};

subtest 'rotate' => sub {
    my $user = $p->user;
    my ($id, $secret) = $p->apikey($p->create_key($user));
    my $r = $p->rotate($user, $id, body => { mode => 'overlap',
        grace => 60 });
    my ($new, $new_secret) = $p->apikey($r);
    my $all = decode_json($r->body);

    is($r->status, 200, 'overlap');
    isnt($new, $id, 'another client');
    is($all->{replaced}{client_id}, $id, 'which replaces the first');
    ok($p->usable($id, $secret), 'the old one is still good');
    ok($p->usable($new, $new_secret), 'the new one as well');
    my %keys = map { $_->{client_id} => $_ }
        @{ decode_json($p->keys($user)->body)->{keys} };
    is($keys{$id}{expires_at}, $all->{replaced}{expires_at}, 'it will end');

    $r = $p->rotate($user, $new, body => { mode => 'in_place' });
    my ($same, $other) = $p->apikey($r);
    is($r->status, 200, 'in place');
    is($same, $new, 'the same client');
    isnt($other, $new_secret, 'another secret');
    is(decode_json($r->body)->{propagation_seconds}, 30, 'which needs time');
    ok(!$p->usable($new, $new_secret), 'the old one is void');
    ok($p->usable($same, $other), 'the new one good');

    is($p->rotate($user, $new, body => { mode => 'sideways' })->status, 400,
        'an unknown mode');
};

subtest 'revoke' => sub {
    my $user = $p->user;
    my ($id, $secret) = $p->apikey($p->create_key($user));
    my $r = $p->revoke($user, $id);

    is($r->status, 204, 'revoked');
    is($r->body, '', 'no body');
    ok(!$p->usable($id, $secret), 'void');
    is($p->revoke($user, $id)->status, 204, 'once more');
    is($p->revoke($user, $id, body => '{}')->status, 204, 'with a body');
    is($p->revoke($p->user, $id)->status, 404, 'but not for others');

    my ($twice) = $p->apikey($p->create_key($user));
    my @r;
    $n->wait_for(sub {
        @r = $n->parallel([ map { $p->request_of($user, 'DELETE',
            "/keys/$twice") } 1 .. 4 ]);
        return !grep { $_->status == 409 } @r;      # come again
    });
    is_deeply([ map { $_->status } @r ], [ (204) x 4 ], 'four at once');
};

subtest 'a key that has ended is taken away' => sub {
    my $user = $p->user;
    my ($id) = $p->apikey($p->create_key($user));
    my $r = $p->rotate($user, $id, body => { grace => 0 });

    is($r->status, 200, 'rotated without grace');
    ok($n->wait_for(sub { !grep { $_ eq $id }
        @{ $p->tenant->leftovers->{clients} } }, 15), 'the old one goes');
};

subtest 'conditions of the caller keep nothing from it' => sub {
    my $user = $p->user;
    my $date = 'Mon, 01 Jan 2024 00:00:00 GMT';

    for my $header ([ 'If-Match' => '"x"' ], [ 'If-None-Match' => '*' ],
        [ 'If-Modified-Since' => $date ], [ 'If-Unmodified-Since' => $date ],
        [ Range => 'bytes=0-3' ])
    {
        my $r = $p->create_key($user, headers => $header);
        is($r->status, 200, "@$header");
        ok($p->usable($p->apikey($r)), 'the key is there');
    }

    is($n->get('/keys', $p->headers($user, 'If-None-Match' => '*'))->status,
        200, 'nor a list');
};

subtest 'replaced twice' => sub {
    my $user = $p->user;
    my ($id) = $p->apikey($p->create_key($user));

    for my $grace (2, 3600) {
        is($p->rotate($user, $id, body => { grace => $grace })->status, 200,
            "grace of $grace s");
    }

    ok($n->wait_for(sub { !grep { $_ eq $id }
        @{ $p->tenant->leftovers->{clients} } }, 15),
        'it goes when it was to go first');
};

subtest 'HTTP/2' => sub {
    my $user = $p->user;
    my $r    = $p->create_key($user, h2 => 1);
    my ($id, $secret) = $p->apikey($r);

    is($r->status, 200, 'created');
    ok($p->usable($id, $secret), 'usable');
    is($n->h2('DELETE', "/keys/$id", [ $p->headers($user) ])->status, 204,
        'revoked');
    is($n->h2('POST', '/create-key')->status, 401, 'refused');
};

$p->stop;
done_testing;
