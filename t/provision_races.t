# Many at once: the quota holds, an Idempotency-Key makes one key, and one
# token serves all.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use Test::More;

use Auth0M2M::Figures qw(figure);
use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new(
    options => 'rate=off max_keys=5',
    workers => 2,
);
my $n = $p->nginx;
my $t = $p->tenant;

sub statuses {
    my %count;
    $count{ $_->status }++ for @_;
    return \%count;
}

sub more {
    my ($left, $n) = @_;
    return $left =~ s/(\d+)/$1 + $n/ger;
}

# All at once; those that were told to wait come again.

sub insist {
    my (@ask) = @_;
    my (@all, $rounds);

    while (@ask && $rounds++ < 20) {
        my @r = $n->parallel(\@ask, timeout => 60);
        push @all, grep { $_->status != 409 } @r;
        @ask = @ask[ grep { $r[$_]->status == 409 } 0 .. $#ask ];
    }

    return @all;
}

sub add { my $n = 0; $n += $_ // 0 for @_; return $n }

subtest 'workers without a token' => sub {
    my @users = map { $p->user } 1 .. 16;
    $p->calls;
    my $s = statuses($n->parallel([ map {
        my $user = $_;
        map { $p->request_of($user, 'GET', '/keys') } 1 .. 2
    } @users ]));
    is($s->{200}, 32, 'all are served') or diag explain $s;
    is($p->tokens, 1, 'by one token');
};

subtest '100 keys of one user' => sub {
    my $user = $p->user;
    my @r    = insist(map { $p->request_of($user, 'POST', '/create-key',
        body => '{}') } 1 .. 100);
    my $s = statuses(@r);

    is_deeply($s, { 200 => 5, 403 => 95 }, 'five are made')
        or diag explain $s;
    my $left  = $p->left;
    my $works = grep { $p->usable($p->apikey($_)) }
        grep { $_->status == 200 } @r;
    is($left, '5/5/5', 'five are there');
    is($works, 5, 'and work');

    figure('R35-quota', what => '100 keys asked for by one user at once,'
            . ' quota 5', bar => 'exactly 5 made, 95 told so',
        result => join(', ', map {"$s->{$_} x $_"} sort keys %$s)
            . "; clients/grants/organization grants there: $left; $works work",
        count => 100, ok => Test::More->builder->is_passing);
};

subtest '100 with one Idempotency-Key' => sub {
    my $user = $p->user;
    my @key  = ('Idempotency-Key' => '"once-only"');
    my $ask  = $p->request_of($user, 'POST', '/keys', headers => \@key,
        body => '{"name":"one"}');
    my $before = $p->left;
    my @r = $n->parallel([ ($ask) x 100 ], timeout => 60);
    my $s = statuses(@r);

    ok($s->{201}, 'made');
    is((grep { $_->status == 409 && !$_->header('Retry-After') } @r), 0,
        'when to come again');
    is(add(@$s{qw(201 409)}), 100, 'or in progress') or diag explain $s;
    my $left = $p->left;
    is($left, more($before, 1), 'one is there');
    figure('R35-idempotency', what => '100 at once with one Idempotency-Key',
        bar    => 'exactly one client',
        result => join(', ', map {"$s->{$_} x $_"} sort keys %$s)
            . '; clients more: '
            . ((split m{/}, $left)[0] - (split m{/}, $before)[0]),
        count => 100, ok => Test::More->builder->is_passing);

    my ($id, $secret) = $p->apikey($p->new_key($user, headers => \@key,
        body => '{"name":"one"}'));
    my $replay = $p->new_key($user, headers => \@key,
        body => '{ "name" : "one" }');
    my ($same, $fresh) = $p->apikey($replay);
    is($replay->status, 201, 'a replay');
    is($replay->header('Idempotency-Replayed'), 'true', 'is told to be one');
    is($same, $id, 'the same client');
    isnt($fresh, $secret, 'a fresh secret');
    ok($p->usable($same, $fresh), 'which works');
    ok(!$p->usable($id, $secret), 'the former one does not');
    is($p->left, more($before, 1), 'still one');

    my $other = $p->new_key($user, headers => \@key,
        body => '{"name":"two"}');
    is($other->status, 422, 'the same key for something else');
    is($p->problem($other)->{type}, 'idempotency-key-reused', 'told so');

    is($p->new_key($p->user, headers => \@key, body => '{"name":"two"}')
        ->status, 201, "another user's key is another");
    is($p->create_key($user, headers => \@key)->status, 200,
        'and so is that of another path');
};

subtest 'Idempotency-Key after a failure' => sub {
    my $user = $p->user;
    my @key  = ('Idempotency-Key' => '"again"');
    my $before = $p->left;

    $t->fault({ step => 'grant_create', kind => 'status', status => 403 });
    is($p->create_key($user, headers => \@key)->status, 502, 'failed');
    is($p->left, $before, 'nothing was left');
    my $r = $p->create_key($user, headers => \@key);
    is($r->status, 200, 'runs again');
    ok(!$r->header('Idempotency-Replayed'), 'which is no replay');
};

subtest 'a replay of a key that was revoked' => sub {
    my $user = $p->user;
    my @key  = ('Idempotency-Key' => '"gone"');
    my ($id) = $p->apikey($p->create_key($user, headers => \@key));

    $p->revoke($user, $id);
    is($p->create_key($user, headers => \@key)->status, 404,
        'makes no other');
};

subtest 'a storm of 401' => sub {
    my @users = map { $p->user } 1 .. 8;
    $p->keys($_) for @users;
    $p->calls;
    $t->revoke_tokens;
    my $s = statuses($n->parallel([ map { $p->request_of($_, 'GET', '/keys') }
        (@users) x 4 ]));

    is($s->{200}, 32, 'nobody notices') or diag explain $s;
    is($p->tokens, 1, 'one new token');
};

subtest 'two instances, one customer' => sub {
    my $two = Auth0M2M::Portal->new(tenant => $t);

    for my $round (1 .. 5) {
        my $user = $p->user(orgs => [], app_metadata => {});
        my $body = encode_json({ customerId => "cus_race_$round",
            sub => $user });
        my @headers = (Authorization => 'Bearer ' . $p->server_token,
            'Content-Type' => 'application/json');
        my @clients = map { $_->nginx->async([ 'POST', '/provision-user',
            \@headers, $body ]) } $p, $two;
        my @r = map { $_->wait(20) } @clients;

        is_deeply(statuses(@r), { 200 => 2 }, 'both are answered');
        is(decode_json($r[0]->body)->{org_id},
            decode_json($r[1]->body)->{org_id}, 'alike');
        my @orgs = grep { ($_->{metadata}{customerId} // '')
            eq "cus_race_$round" } @{ $t->dump->{orgs} };
        is(scalar @orgs, 1, 'one organization');
    }

    $two->nginx->stop;
};

# Google's number of a person is the same at every tenant.

subtest 'the same key of the same person at two tenants' => sub {
    my $there = Auth0M2M::Tenant->start(domain => 'there.test.auth0.com',
        seed => 'demo');
    my $demo = $there->demo;
    my $both = Auth0M2M::Portal->new(tenant => $t,
        files => { there => $demo->{client_secret} }, http => <<"END");
    server {
        listen       127.0.0.1:%%PORT%%;
        server_name  there.example;

        location = /create-key {
            auth0_m2m                on;
            auth0_m2m_domain         @{[ $there->domain ]};
            auth0_m2m_upstream       @{[ $there->https_url ]};
            auth0_m2m_ssl_trusted_certificate @{[ $there->ca_file ]};
            auth0_m2m_audience       $demo->{spa};
            auth0_m2m_client_id      $demo->{client_id};
            auth0_m2m_client_secret  file:%%DIR%%/there;
            auth0_m2m_api_audience   $demo->{audience};
            auth0_m2m_api_scope      read:orders;
            auth0_m2m_provision      create_key;
        }
    }
END
    my $user = 'google-oauth2|1';
    my %token;

    for my $tenant ($t, $there) {
        my $org = $tenant->add_org(name => 'same-name');
        $tenant->add_user(user_id => $user, email => 'same@acme.example',
            email_verified => 1, orgs => [ $org->{id} ]);
        $token{ $tenant->domain } = $tenant->id_token(user => $user);
    }

    for my $case ([ localhost => $t ], [ 'there.example' => $there ]) {
        my ($host, $tenant) = @$case;
        my $r = $both->nginx->request('POST', '/create-key', [
            Host              => $host,
            Authorization     => 'Bearer ' . $token{ $tenant->domain },
            'Content-Type'    => 'application/json',
            'Idempotency-Key' => '"one"',
        ], '{}');
        is($r->status, 200, "a key at $host") or diag $r->body;
        ok(!$r->header('Idempotency-Replayed'), 'which is no replay');
    }

    $both->nginx->stop;
    $there->stop;
};

subtest 'more than a worker may run' => sub {
    my $one   = Auth0M2M::Portal->new(tenant => $t);
    my @users = map { $p->user } 1 .. 40;

    $one->keys($users[0]);
    $t->fault({ step => 'user_get', kind => 'delay', ms => 1000,
        count => 'always' });
    my @r = $one->nginx->parallel([ map { $p->request_of($_, 'GET', '/keys') }
        @users ]);
    $t->clear_faults;
    my $s = statuses(@r);
    is($s->{200}, 32, '32 at a time') or diag explain $s;
    is($s->{503}, 8, 'the others are told to wait');
    is(scalar(grep { $_->status == 503 && $_->header('Retry-After') } @r), 8,
        'for how long');
    $one->nginx->stop;
};

subtest 'the limiter' => sub {
    my $slow = Auth0M2M::Portal->new(tenant => $t, options => 'rate=3r/m');
    my $user = $p->user;
    my @r    = map { $slow->create_key($user) } 1 .. 4;

    is_deeply([ map { $_->status } @r ], [ 200, 200, 200, 429 ],
        'three, and no more');
    is($p->problem($r[3])->{type}, 'too-many-requests', 'told so');
    cmp_ok($r[3]->header('Retry-After'), '<=', 20, 'when');
    cmp_ok($r[3]->header('Retry-After'), '>=', 15, 'not before');
    is($slow->keys($user)->status, 200, 'lists are not counted');
    is($slow->create_key($p->user)->status, 200, 'nor are other users');
    $slow->nginx->stop;
};

$p->stop;
done_testing;
