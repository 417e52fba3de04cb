# Workers that are killed: their locks are free at once, and what they left
# behind is found.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new;
my $n = $p->nginx;
my $t = $p->tenant;

my @steps = qw(user_get user_organizations org_grant_list client_create
    grant_create org_grant_add);

sub more {
    my ($left) = @_;
    return $left =~ s/(\d+)/$1 + 1/ger;
}

# A request during whose call at that step something happens.

sub during {
    my ($step, %o) = @_;
    my $user = $o{user} || $p->user;
    my @key  = $o{key} ? (headers => [ 'Idempotency-Key' => $o{key} ]) : ();

    $t->journal_reset;
    $t->fault({ step => $step, kind => 'delay', ms => $o{ms} // 400,
        $o{before} ? (kind => 'hang', for => 1) : () });
    my $caller = $n->async($p->request_of($user, 'POST', '/create-key',
        body => '{}', @key));
    ok($t->wait_journal(step => $step), "$step is under way");
    return $caller;
}

subtest 'locks of a worker that was killed' => sub {
    my $user   = $p->user;
    my $before = $p->left;
    my $caller = during(user_get => user => $user, key => '"killed"',
        ms => 4000);

    $n->kill_worker('KILL');
    is($caller->wait->status, 0, 'no answer');
    my $r = $p->create_key($user,
        headers => [ 'Idempotency-Key' => '"killed"' ]);
    is($r->status, 200, 'user and key are free at once');
    ok(!$r->header('Idempotency-Replayed'), 'which is no replay');
    is($p->left, more($before), 'one key');
};

# All of them first: the janitor waits 20 s for what is on its way.

subtest 'killed at each step' => sub {
    my $before = $p->left;
    my $made   = 0;

    for my $case (map { ([$_], [ $_, before => 1 ]) } @steps) {
        my $caller = during(@$case);
        $n->kill_worker('KILL');
        is($caller->wait->status, 0, 'no answer');
    }

    # the token survives: a caller's request needs no new one
    $p->calls;
    is($p->keys($p->user)->status, 200, 'the next worker serves');
    is(scalar(grep {/oauth/} $p->calls), 0, 'with the same token');

    isnt($p->left, $before, 'there are leftovers');
    is($p->wait_left($before, 60), $before, 'the janitor finds them');
};

$p->stop;
done_testing;
