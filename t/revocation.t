# A key that was revoked: tokens issued to it before are refused at once, by
# all workers, also after a reload, and the list of such keys is bounded.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new(
    workers => 4,
    http    => 'auth0_m2m_zone zone=auth0_m2m:512k;',
    options => 'rate=off max_keys=100',
    server  => "location = /status { auth0_m2m_status; }\n",
);
my $n = $p->nginx;
my $t = $p->tenant;

sub key {
    my ($user) = @_;
    my ($id, $secret) = $p->apikey($p->create_key($user));
    return ($id, $p->access_token($id, $secret));
}

sub statuses {
    my ($token, $many) = @_;
    my %seen;
    my @ask = ([ 'GET', '/v1/', [ Authorization => "Bearer $token" ] ])
        x ($many // 60);
    $seen{ $_->status }++ for $n->parallel(\@ask);
    return \%seen;
}

my $user = $p->user;
my ($id, $token) = key($user);
my ($other, $other_token) = key($user);

subtest 'at once, everywhere' => sub {
    is_deeply(statuses($token), { 200 => 60 }, 'good, and remembered');
    is($p->revoke($user, $id)->status, 204, 'revoked');
    is_deeply(statuses($token), { 401 => 60 }, 'refused by all workers');
    is_deeply(statuses($other_token), { 200 => 60 }, 'others are not');

    my $r = $n->get('/v1/', Authorization => "Bearer $token");
    like($r->header('WWW-Authenticate'), qr/error="invalid_token"/,
        'by its challenge');
};

subtest 'afterwards' => sub {
    ok($n->reload, 'a reload');
    is_deeply(statuses($token), { 401 => 60 }, 'still refused');
    is_deeply(statuses($other_token), { 200 => 60 }, 'others are not');
    $n->kill_worker('KILL');
    is_deeply(statuses($token), { 401 => 60 }, 'by a new worker too');
    is($n->get('/v1/', Authorization => 'Bearer ' . $t->token(
        org => $p->org_of($user), client_id => $id))->status, 401,
        'a token that was issued later as well');
};

subtest 'although the tenant refuses to delete it' => sub {
    my ($stuck, $stuck_token) = key($user);

    is_deeply(statuses($stuck_token, 8), { 200 => 8 }, 'good');
    $t->fault({ step => 'client_delete', kind => 'status', status => 403,
        count => 'always' });
    is($p->revoke($user, $stuck)->status, 502, 'the tenant refuses');
    is_deeply(statuses($stuck_token, 8), { 401 => 8 }, 'refused here');
    $t->clear_faults;
};

subtest 'a caller that leaves' => sub {
    my ($gone, $gone_token) = key($user);

    $t->journal_reset;
    $t->fault({ step => 'client_delete', kind => 'delay', ms => 500 });
    my $caller = $n->async($p->request_of($user, 'DELETE', "/keys/$gone"));
    ok($t->wait_journal(step => 'client_delete'), 'under way');
    $caller->close;
    ok($t->wait_journal(step => 'client_delete', done => 1), 'done');
    ok($n->wait_for(sub { statuses($gone_token, 4)->{401} }), 'refused');
};

subtest 'only for its owner' => sub {
    my $bob = $p->user;
    is($p->revoke($bob, $other)->status, 404, "another's key");
    is_deeply(statuses($other_token, 8), { 200 => 8 }, 'goes on');
};

subtest 'bounded' => sub {
    my $revoked = sub {
        my ($n) = $_[0]->body =~ /"revoked[^"]*":\s*(\d+)/;
        return $n;
    };
    my (@ids, @counts);

    for (1 .. 8) {
        my @new = map { ($p->apikey($_))[0] } $n->parallel([ map {
            $p->request_of($_, 'POST', '/create-key', body => '{}')
        } map { $p->user } 1 .. 32 ]);
        push @ids, @new;
        my @owners = map { "auth0|user$_" }
            $p->{users} - 31 .. $p->{users};
        $n->parallel([ map { $p->request_of($owners[$_], 'DELETE',
            "/keys/$new[$_]") } 0 .. 31 ]);
        push @counts, $revoked->($n->get('/status'));
    }

    cmp_ok($counts[3], '>=', 128, 'it grows');
    is($counts[7], $counts[6], 'but not for ever') or diag "@counts";
    ok((grep {/list of revoked clients is full/} $n->error_log),
        'an overflow is told') or diag scalar @ids;

    my %seen;
    my @late = map { [ 'GET', '/v1/', [ Authorization => 'Bearer '
            . $t->token(client_id => $_, org => $p->org_of($user)) ] ]
    } @ids[-100 .. -1];
    $seen{ $_->status }++ for $n->parallel(\@late);
    is_deeply(\%seen, { 401 => 100 }, 'the latest are refused, each of them');
    is_deeply(statuses($other_token, 8), { 200 => 8 }, 'others are not');
};

$p->stop;
done_testing;
