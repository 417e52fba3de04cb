# The ring of what is to be cleaned up is finite: nobody's keys crowd out
# another's orphans.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new(
    http    => 'auth0_m2m_zone zone=auth0_m2m:256k;',   # a ring of 128
    options => 'rate=off max_keys=100',
);
my $n = $p->nginx;
my $t = $p->tenant;

sub ends_some_day {
    return $p->request_of($_[0], 'POST', '/keys',
        body => { expires_in => 100_000 });
}

sub full {
    return grep {/ring of orphans is full/} $n->error_log;
}

subtest 'keys that were revoked take no place' => sub {
    my @users = map { $p->user } 1 .. 28;

    for my $round (1 .. 5) {
        my @r = $n->parallel([ map { ends_some_day($_) } @users ]);
        is((grep { $_->status == 201 } @r), 28, 'made');
        @r = $n->parallel([ map { $p->request_of($users[$_], 'DELETE',
            '/keys/' . ($p->apikey($r[$_]))[0]) } 0 .. 27 ]);
        is((grep { $_->status == 204 } @r), 28, 'and revoked');
    }

    is(scalar full(), 0, 'the ring is not full');
};

subtest 'living ones leave room for orphans' => sub {
    my @users = map { $p->user } 1 .. 28;

    for (1 .. 20) {
        last if full();
        $n->parallel([ map { ends_some_day($_) } @users ]);
    }

    ok(full(), 'the ring is full of keys that end some day');

    my $before = $p->left;
    ok(my $caller = $p->during('client_create', ms => 1000),
        'a creation is under way');
    $n->kill_worker('KILL');
    is($caller->wait->status, 0, 'its worker dies');
    ok($n->wait_for(sub { $p->left ne $before }, 5), 'a client is left');
    is($p->wait_left($before, 60), $before, 'the janitor finds it');
};

$p->stop;
done_testing;
