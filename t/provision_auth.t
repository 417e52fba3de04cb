# Taking over another's account: every way is refused, and what does not
# exist looks like what belongs to somebody else.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;
use Auth0M2M::Portal;

my $p     = Auth0M2M::Portal->new(server => <<'END');
    location = /tried {
        auth0_m2m           on;
        auth0_m2m_audience  demoPortalSpa0000000000000000001;
        auth0_m2m_provision create_key;
        try_files           /none @open;
    }
    location @open { proxy_pass http://%%BACKEND%%; }
END
my $n     = $p->nginx;
my $t     = $p->tenant;
my $alice = $p->user;
my $m     = Auth0M2M::Mint->new;
my $spa   = $p->demo->{spa};

sub create {
    my ($token) = @_;
    return $n->request('POST', '/create-key', [
        Authorization  => "Bearer $token",
        'Content-Type' => 'application/json'
    ], '{}');
}

my %confused = (count => 0, made => 0);

sub is_refused {
    my ($token, $status, $type, $name) = @_;
    my $before = $p->left;
    my $r      = create($token);

    is($r->status, $status, "$name: $status");
    is($p->problem($r)->{type}, $type, $type);
    is($p->left, $before, 'nothing was made');
    $confused{count}++;
    $confused{made}++ if $r->status == 200 || $p->left ne $before;
    return $r;
}

sub id_token { return $t->id_token(user => $alice, @_) }

subtest 'tokens that say too little' => sub {
    my $r = $n->request('POST', '/create-key');
    is($r->status, 401, 'none');
    is($p->problem($r)->{message}, 'Authorization token is required',
        "the portal's text");

    for my $value ('Bearer', 'Bearer ', 'Bearer abc', 'Bearer a.b.c',
        'Bearer null', 'Basic YTpi')
    {
        $r = $n->request('POST', '/create-key', [ Authorization => $value ]);
        is($r->status, 401, $value);
        like($r->header('WWW-Authenticate'), qr/^Bearer /, 'a challenge');
        unlike($r->body, qr/error/, "nothing of the parser's");
    }
};

subtest 'what comes between the phases is not for the refused' => sub {
    for my $method (qw(POST GET OPTIONS)) {
        my $r = $n->request($method, '/tried');
        is($r->status, $method eq 'OPTIONS' ? 204 : 401, $method);
        is($n->backend->count, 0, "$method: nobody else was asked");
    }

    my $r = $n->request('POST', '/tried',
        [ Authorization => 'Bearer ' . id_token() ]);
    is($r->status, 200, 'with a token');
    is($n->backend->count, 1, 'with a token: it was');
};

subtest 'tokens for others' => sub {
    my @bad = (
        'another application' =>
            id_token(client_id => $p->demo->{customer_id}),
        'an access token' => $t->token(org => $p->org_of($alice)),
        'an access token of the user' => $t->mint(claims => {
            iss => $t->issuer, sub => $alice, aud => $p->demo->{audience},
            azp => $spa, iat => time, exp => time + 60 }),
        'several audiences, of another party' =>
            id_token(claims => { aud => [ $spa, 'https://x.example/' ],
                azp => 'other' }),
        'another issuer' =>
            id_token(claims => { iss => 'https://evil.example/' }),
        'ended' => id_token(claims => { iat => time - 7200,
            exp => time - 3600 }),
        'signed by somebody else' => $m->sign({ iss => $t->issuer,
            sub => $alice, aud => $spa, exp => time + 60,
            email => 'user1@acme.example',
            email_verified => JSON::PP::true }),
        'not signed' => $m->unsigned('{"alg":"none"}',
            qq({"iss":"@{[ $t->issuer ]}","aud":"$spa","sub":"$alice"})),
    );

    while (my ($name, $token) = splice @bad, 0, 2) {
        is_refused($token, 401, 'invalid-token', $name);
    }
};

subtest 'e-mails' => sub {
    my %claims = (
        'not verified'       => { email_verified => JSON::PP::false },
        'verified "true"'    => { email_verified => 'true' },
        'verified 1'         => { email_verified => 1 },
        'verified by nobody' => { email_verified => undef },
        'none'               => { email => undef },
        'no e-mail'          => { email => 'user1' },
    );

    for my $name (sort keys %claims) {
        is_refused(id_token(claims => $claims{$name}), 403,
            'email-unverified', $name);
    }

    is_refused(id_token(claims => { email => 'user2@acme.example' }), 403,
        'email-mismatch', "somebody else's");
    is_refused(id_token(claims => { email => 'user.1@acme.example' }), 403,
        'email-mismatch', 'a dot more');
    is(create(id_token(claims => { email => 'User1@ACME.example' }))->status,
        200, 'case does not count');
};

subtest 'mallory' => sub {
    $p->user(user_id => 'auth0|mallory', email => 'user1@acme.example',
        email_verified => 0, orgs => []);
    is_refused($t->id_token(user => 'auth0|mallory', claims => {
        email_verified => JSON::PP::true }), 403, 'email-unverified',
        "alice's e-mail, not verified");

    is_refused(id_token(claims => { sub => 'auth0|nobody' }), 403,
        'user-unknown', 'no such user');
    is_refused(id_token(claims => { sub => "$alice/../x" }), 403,
        'user-unknown', 'a path in the sub');
    is_refused(id_token(claims => { sub => 'nobar' }), 401, 'invalid-token',
        'a sub that is none');

    my $blocked = $p->user(blocked => 1);
    is_refused($t->id_token(user => $blocked), 403, 'user-blocked',
        'blocked');
};

subtest 'organizations' => sub {
    my $none = $p->user(orgs => []);
    is_refused($t->id_token(user => $none), 409, 'not-provisioned', 'none');

    my @orgs = map { $t->add_org(name => "many-$_")->{id} } 1, 2;
    my $many = $p->user(orgs => \@orgs);
    is_refused($t->id_token(user => $many), 409, 'ambiguous-organization',
        'two');
    is(create($t->id_token(user => $many, org => $orgs[1]))->status, 200,
        'one of them');
    is_refused($t->id_token(user => $many, org => $p->org_of($alice)), 409,
        'not-provisioned', "another's");
};

# The same answer, and as many calls, whatever the reason.

sub strip {
    my ($r) = @_;
    my $body = $r->body;
    $body =~ s/"request_id":"[0-9a-f]+"/"request_id":""/;
    return $r->status . " $body";
}

subtest "other people's keys" => sub {
    my ($mine) = $p->apikey($p->create_key($alice));
    my $bob    = $p->user;
    my $mate   = $p->user(orgs => [ $p->org_of($alice) ]);
    my $gone   = $p->user;
    my ($ex)   = $p->apikey($p->create_key($gone));

    # the account again, without its membership
    my ($record) = grep { $_->{user_id} eq $gone } @{ $t->dump->{users} };
    $t->remove(user => $gone);
    $t->add_user(user_id => $gone, email => $record->{email},
        email_verified => 1);

    my %targets = (
        'unknown'               => [ $bob, 'A' x 32 ],
        "another customer's"    => [ $bob, $mine ],
        "an organization-mate's" => [ $mate, $mine ],
        'an unmanaged client'   => [ $bob, $p->demo->{customer_id} ],
        'the Management client' => [ $bob, $p->demo->{client_id} ],
        'the portal itself'     => [ $bob, $p->demo->{spa} ],
        'an ex-member'          => [ $gone, $ex ],
    );
    my $before = $p->left;
    my (%status, @calls);

    for my $act (qw(revoke rotate in_place)) {
        my (%seen, %calls);

        for my $name (sort keys %targets) {
            my ($user, $id) = @{ $targets{$name} };
            $p->calls;
            my $r = $act eq 'revoke' ? $p->revoke($user, $id)
                : $p->rotate($user, $id, body => {
                    mode => $act eq 'rotate' ? 'overlap' : $act });
            is($r->status, 404, "$act of $name");
            $status{ $r->status }++;
            $seen{ strip($r) }++;
            $calls{ scalar $p->calls }++;
        }

        is(keys %seen, 1, "$act: one answer") or diag explain \%seen;
        is(keys %calls, 1, 'as many calls') or diag explain \%calls;
        push @calls, "$act " . join ' or ', sort keys %calls;
    }

    my $cases = 3 * keys %targets;
    my $left  = $p->left;
    is($left, $before, 'all of them are still there');

    figure('R36', what => 'revoke, rotate and rotate in place of ' . join(', ',
            sort keys %targets),
        bar    => '404, nothing changed',
        result => join(', ', map {"$status{$_} x $_"} sort keys %status)
            . "; clients/grants/organization grants $before, then $left",
        count => $cases, ok => Test::More->builder->is_passing);
    figure('R23-404', what => 'calls of the tenant for what does not exist'
            . ' and for what is not the caller\'s',
        bar    => 'one number of calls, one answer',
        result => 'calls for each of ' . keys(%targets) . ' targets: '
            . join(', ', @calls), count => $cases,
        ok => Test::More->builder->is_passing);
    ok((grep { $_->{client_id} eq $p->demo->{client_id} }
        @{ $t->dump->{clients} }), 'so is the Management client');
    unlike($p->keys($mate)->body, qr/$mine/, 'nor are they listed');

    for my $id ('..', '%2e%2e', 'x' x 19, 'x' x 65, "$mine%00",
        "$mine%2f..", 'a' x 30 . '-_')
    {
        isnt($p->revoke($bob, $id)->status, 204, "an id such as $id");
    }

    is($p->left, $before, 'none of that did anything');
};

subtest 'provision-user is for servers' => sub {
    my %ask = (customerId => 'cus_x', email => 'new@acme.example');
    my %bad = (
        'a portal user'     => [ id_token(), 401 ],
        'a user, addressed' => [ id_token(client_id =>
            'https://gateway.example/', claims => { scope =>
            'provision:users' }), 403 ],
        'no scope'  => [ $p->server_token(scope => ''), 403 ],
        'another'   => [ $p->server_token(scope => 'read:orders'), 403 ],
        'the API'   => [ $p->server_token(audience =>
            $p->demo->{audience}), 401 ],
        'none'      => [ '', 401 ],
    );

    for my $name (sort keys %bad) {
        my ($token, $status) = @{ $bad{$name} };
        is($p->provision(\%ask, token => $token)->status, $status, $name);
    }

    is_refused($p->server_token(audience => $spa), 403, 'forbidden',
        'and keys are for people');
};

subtest 'keys that cannot be had' => sub {
    my $dark = Auth0M2M::Tenant->start(seed => 'demo', outage => 1);
    my $q = Auth0M2M::Portal->new(tenant => $dark);
    my $r = $q->nginx->request('POST', '/create-key', [
        Authorization => 'Bearer ' . id_token() ]);
    is($r->status, 503, 'come again');
    is($p->problem($r)->{type}, 'keys-unavailable', 'told so');
    is(scalar(my @all = $r->header('Retry-After')), 1, 'when');
    ok(!$r->header('WWW-Authenticate'), 'the token may be good');
    $q->nginx->stop;
    $dark->stop;
};

# Nobody but a client asks: a subrequest, which skips the access phase, gets
# nothing, with a good token neither.

subtest 'in a subrequest' => sub {
    my $q = Auth0M2M::Portal->new(tenant => $p->tenant,
        server => 'location = /through { auth_request /keys; empty_gif; }');
    my $user = $q->user;

    $q->calls;
    is($q->nginx->async($q->request_of($user, 'GET', '/through'))->wait(20)
        ->status, 403, 'forbidden');
    is_deeply([ $q->calls ], [], 'without a call');
    $q->nginx->stop;
};

figure('R37', what => 'ID tokens of other applications, access tokens,'
        . ' unverified and others\' e-mails, blocked and unknown users',
    bar    => '0 accepted',
    result => "$confused{count} sent, $confused{made} let anything be made",
    count  => $confused{count}, ok => Test::More->builder->is_passing);

$p->stop;
done_testing;
