#!/usr/bin/perl

# Three gateways of one tenant: what they ask it for, and what one of them
# does not know of the others.  The figures are those of docs/operations.md,
# "Many gateways"; no number here depends on the speed of this machine.

use v5.36;

use FindBin;
use JSON::PP    qw(decode_json);
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use lib "$FindBin::Bin/lib";
use Auth0M2M::Metrics qw(json);
use Auth0M2M::Portal;
use Auth0M2M::Tenant;
use Auth0M2M::Test;

my $status = 'location = /status { auth0_m2m_status; }';

# Each with two workers and a zone of its own.

sub gateways ($tenant, %o) {
    my $server = delete $o{server} // '';
    my @all = map {
        Auth0M2M::Portal->new(tenant => $tenant, workers => 2,
            server => "$server\n$status\n", %o);
    } 1 .. 3;
    Auth0M2M::Test->wait_for(sub { !grep { !fetches($_) } @all }, 10);
    return @all;
}

sub fetches ($gateway) {
    my $seen = json($gateway->nginx->get('/status')->body);
    return $seen->{'key_set_fetches_total{result="ok"}'};
}

sub told (@responses) {
    my %count;
    $count{ $_->status }++ for @responses;
    return \%count;
}

# Requests to each gateway, all at the same time; responses by gateway.

sub at_once ($gateways, $code) {
    my @running = map { [ map { $_->{gateway}->nginx->async($_->{ask}) } @$_ ] }
        map { my $g = $_; [ map { { gateway => $g, ask => $_ } } $code->($g) ] }
        @$gateways;
    return map { [ map { $_->wait(30) } @$_ ] } @running;
}

sub api ($gateway, $token) {
    return $gateway->nginx->get('/v1/', Authorization => "Bearer $token");
}

# Calls of each kind since the last asking, without those for keys.

sub calls ($tenant) {
    my %count;
    $count{$_}++ for grep { $_ ne 'jwks' } map { $_->{step} } $tenant->journal;
    $tenant->journal_reset;
    return \%count;
}


subtest 'a deployment of all at once' => sub {
    my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
    my @all    = gateways($tenant);

    is($tenant->count(step => 'jwks'), 3, 'start: one fetch each');
    $tenant->journal_reset;
    ok($_->nginx->reload, 'reload') for @all;
    my @token = map { $tenant->token(audience => $_->demo->{audience}) } @all;
    my @seen = at_once(\@all, sub ($) {
        map { [ GET => '/v1/', [ Authorization => "Bearer $_" ] ] }
            (@token) x 10;
    });
    is_deeply(told(map { @$_ } @seen), { 200 => 90 }, 'traffic');
    is($tenant->count, 0, 'asks for nothing, nor does a reload');

    for (@all) {
        $_->nginx->stop;
        $_->nginx->start;
    }
    is_deeply([ map { api($all[$_], $token[$_])->status } 0 .. 2 ],
        [ 200, 200, 200 ], 'a restart, and the first request at once');
    is($tenant->count(step => 'jwks'), 3, 'one fetch each');
    $_->stop for @all;
    $tenant->stop;
};


# An hour is six times `valid`, of ten minutes by default.

subtest 'keys, at rest and under load' => sub {
    my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
    my $valid  = 1.5;
    my $begin  = clock_gettime(CLOCK_MONOTONIC);
    my @all    = gateways($tenant,
        server => 'auth0_m2m_jwks_cache valid=1500ms cooldown=1h;');
    my $token  = $tenant->token(audience => $all[0]->demo->{audience});
    my (%answer, @n);

    ok(Auth0M2M::Test->wait_for(sub {
        $answer{ api($all[0], $token)->status }++ for 1 .. 20;
        @n = map { fetches($_) } @all;
        return !grep { $_ < 4 } @n;
    }, 30), 'they fetch again and again');
    my $hours = (clock_gettime(CLOCK_MONOTONIC) - $begin) / (6 * $valid);

    is_deeply([ keys %answer ], [200], 'the first one has traffic');
    cmp_ok(($_ - 1) / $hours, '<=', 7.5, 'at most 7.5 an hour') for @n;
    $_->stop for @all;
    $tenant->stop;
};

subtest 'tokens with key ids that nobody knows' => sub {
    my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
    my $begin  = clock_gettime(CLOCK_MONOTONIC);
    my @all    = gateways($tenant,
        server => 'auth0_m2m_jwks_cache cooldown=1s;');
    my ($bogus, %answer, @n);

    ok(Auth0M2M::Test->wait_for(sub {
        my @seen = at_once(\@all, sub ($) {
            map { [ GET => '/v1/', [ Authorization => 'Bearer '
                . $tenant->token(header => { kid => 'k' . ++$bogus }) ] ] }
                1 .. 10;
        });
        $answer{ $_->status }++ for map { @$_ } @seen;
        @n = map { fetches($_) } @all;
        return !grep { $_ < 3 } @n;
    }, 30), 'they make each gateway ask');
    my $spans = (clock_gettime(CLOCK_MONOTONIC) - $begin) / 1;

    is_deeply([ keys %answer ], [401], 'none is let in');
    cmp_ok($_ - 1, '<=', $spans, 'once per cooldown') for @n;
    $_->stop for @all;
    $tenant->stop;
};


subtest 'what provisioning asks for' => sub {
    my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
    my @all    = gateways($tenant);
    my @user   = map { $all[0]->user } @all;
    my @step   = qw(user_get user_organizations org_grant_list client_create
        grant_create org_grant_add);

    calls($tenant);
    $all[$_]->create_key($user[$_]) for 0 .. 2;
    is_deeply(calls($tenant), { token => 3, map { $_ => 3 } @step },
        'a Management token for each gateway, 6 calls for a credential');
    my ($id, $rotated) = map { ($all[0]->apikey($_))[0] }
        map { $all[0]->create_key($user[0]) } 1 .. 2;
    is_deeply(calls($tenant), { map { $_ => 2 } @step }, 'then without token');

    my %asks = (
        list   => [ 4, sub { $all[0]->keys($user[0]) } ],
        revoke => [ 4, sub { $all[0]->revoke($user[0], $id) } ],
        rotate => [ 8, sub { $all[0]->rotate($user[0], $rotated) } ],
        register => [ 5, sub { $all[0]->provision({ customerId => 'cus_7',
            email => 'new@acme.example' }) } ],
    );

    for my $name (sort keys %asks) {
        my ($want, $code) = @{ $asks{$name} };
        calls($tenant);
        cmp_ok($code->()->status, '<', 300, $name);
        my $n = 0;
        $n += $_ for values %{ calls($tenant) };
        is($n, $want, "$want calls");
    }

    $_->stop for @all;
    $tenant->stop;
};


# One bucket of the tenant's for all: 10 calls, 20 of which come back in a
# second.  Nobody shares it out; each gateway learns by the answers it gets.

subtest 'the rate limit of the tenant' => sub {
    my $tenant = Auth0M2M::Tenant->start(seed => 'demo', config => { rate => {
        management => { burst => 10, refill => 20 } } });
    my @all  = gateways($tenant);
    my %wait = map {
        my $g = $_;
        "$g" => [ map { $all[0]->user } 1 .. 6 ];
    } @all;
    my @got;

    ok(Auth0M2M::Test->wait_for(sub {
        my @seen = at_once(\@all, sub ($g) {
            map { $all[0]->request_of($_, POST => '/create-key', body => '{}') }
                @{ $wait{"$g"} };
        });

        for my $i (0 .. 2) {
            my $ask = $wait{"$all[$i]"};
            push @got, @{ $seen[$i] };
            @$ask = @$ask[ grep { $seen[$i][$_]->status != 200 } 0 .. $#$ask ];
        }

        $all[0]->heed(map {@$_} @seen);
        return !grep { @$_ } values %wait;
    }, 60), 'all are served in the end');

    my $told = told(@got);
    is($told->{200}, 18, '18 credentials');
    is($told->{200} + ($told->{503} // 0), @got, 'or they are told to wait')
        or diag explain $told;
    is((grep { $_->status == 503 && !$_->header('Retry-After') } @got), 0,
        'and for how long');
    is($all[0]->left, '18/18/18', 'nothing is left of those');

    my @calls   = grep { $_->{step} !~ /^(?:jwks|token)$/ } $tenant->journal;
    my $refused = grep { $_->{status} == 429 } @calls;
    cmp_ok($refused, '<=', @calls / 4, sprintf '%d of %d calls are refused',
        $refused, scalar @calls);
    $_->stop for @all;
    $tenant->stop;
};


subtest 'what one gateway does not know of the others' => sub {
    my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
    my @all    = gateways($tenant, options => 'rate=off max_keys=2');
    my $key    = sub ($user, $name) {
        return $all[0]->request_of($user, POST => '/keys', body => '{}',
            headers => [ 'Idempotency-Key' => qq("$name") ]);
    };
    my $made = sub (@r) { return map { decode_json($_->body)->{client_id} } @r };

    my $user = $all[0]->user;
    my @r = map { $all[0]->nginx->request(@{ $key->($user, 'x') }) } 1 .. 2;
    my @id = $made->(@r);
    is($id[0], $id[1], 'an Idempotency-Key, twice to one gateway: one client');
    push @r, $all[1]->nginx->request(@{ $key->($user, 'x') });
    isnt(($made->($r[2]))[0], $id[0], 'and to another one: another client');
    is($all[0]->left, '2/2/2', 'two');

    is_deeply([ map { $_->create_key($user)->status } @all ], [ 403, 403, 403 ],
        'the quota holds everywhere: Auth0 has the count');
    my $other = $all[0]->user;
    $all[0]->create_key($other);
    my $told = told(map { @$_ } at_once(\@all, sub ($) {
        ($all[0]->request_of($other, POST => '/create-key', body => '{}'));
    }));
    cmp_ok($told->{200}, '>=', 1, 'one is left, all three ask at once: one');
    cmp_ok($told->{200}, '<=', 3, 'or, at worst, each has one');
    is($told->{200} + ($told->{403} // 0), 3, 'or is refused');
    is_deeply([ map { $_->create_key($other)->status } @all ], [ 403, 403, 403 ],
        'and no more');

    my $register = [ POST => '/provision-user',
        [ Authorization => 'Bearer ' . $all[0]->server_token,
            'Content-Type' => 'application/json' ],
        '{"customerId":"cus_8","email":"new@acme.example"}' ];
    my @seen = map { @$_ } at_once(\@all, sub ($) { ($register) });
    my @org  = map { decode_json($_->body)->{org_id} }
        grep { $_->status == 200 } @seen;
    cmp_ok(@org, '>=', 1, 'a first registration, at all three');
    my @orgs = grep { ($_->{metadata}{customerId} // '') eq 'cus_8' }
        @{ $tenant->dump->{orgs} };
    is(@orgs, 1, 'makes one organization');
    is_deeply([ grep { $_ ne $orgs[0]{id} } @org ], [], 'for all');
    $_->stop for @all;
    $tenant->stop;
};


subtest 'a revoked client' => sub {
    my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
    my @all    = gateways($tenant);
    my $user   = $all[0]->user;
    my ($id, $secret) = $all[0]->apikey($all[0]->create_key($user));
    my $token  = $all[0]->access_token($id, $secret);
    my $let_in = sub { [ map { api($_, $token)->status } @all ] };

    is_deeply($let_in->(), [ 200, 200, 200 ], 'its token');
    is($all[0]->revoke($user, $id)->status, 204, 'revoked at one gateway');
    ok(!$all[0]->usable($id, $secret), 'it gets no new token');
    is_deeply($let_in->(), [ 401, 200, 200 ],
        'the one it has is refused there, good elsewhere');
    is($_->revoke($user, $id)->status, 404, 'which do not know it any more')
        for @all[ 1, 2 ];
    is($all[0]->revoke($user, $id)->status, 204, 'as the first one does');
    $_->stop for @all;
    $tenant->stop;
};

done_testing;
