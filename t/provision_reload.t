# Workers that go, by a reload or by quitting, complete what was begun, or
# take it back.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Figures qw(figure);
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

my %done = map { $_ => 0 } qw(answered reloaded quit undone wrong);

# What was there before, and so many keys more: a wrong count is an orphan.

sub is_left {
    my ($want, $name) = @_;
    my $left = $p->left;

    $done{wrong}++ if $left ne $want;
    return is($left, $want, $name);
}

# A request during whose call at that step something happens.

sub during {
    my ($step) = @_;

    ok(my $caller = $p->during($step), "$step is under way");
    return $caller;
}

subtest 'reload at each step' => sub {
    for my $step ('token', @steps) {
        if ($step eq 'token') {
            $n->stop;
            $n->start;
        }

        my $before = $p->left;
        my ($old)  = $n->workers;
        my $caller = during($step);
        ok($n->reload(old => 1), 'reloaded');
        my $r = $caller->wait;
        is($r->status, 200, 'the answer came');
        $caller->close;
        ok($n->wait_for(sub { !kill 0, $old }), 'the old worker has left');
        ok($p->usable($p->apikey($r)), 'with a key that works');
        is_left(more($before), 'one key');
        $done{reloaded}++;
        $done{answered} += $r->status == 200;
    }
};

subtest 'reload while taking back' => sub {
    my $before = $p->left;

    $t->fault({ step => 'client_delete', kind => 'status', status => 500,
        count => 2 });
    $t->fault({ step => 'grant_create', kind => 'status', status => 403 });
    is($p->create_key($p->user)->status, 502, 'failed');
    is($p->left, $before =~ s/^(\d+)/$1 + 1/er, 'an application is left');
    ok($n->reload, 'reloaded, and the old worker has left');
    is_left($before, 'nothing is left');
    $done{undone}++;
};

subtest 'quit' => sub {
    for my $step (qw(client_create org_grant_add)) {
        my $before = $p->left;
        my $caller = during($step);

        $n->signal('QUIT');
        my $status = $caller->wait->status;
        is($status, 200, 'the answer came');
        $caller->close;
        ok($n->wait_for(sub { !$n->alive }, 10), 'nginx has ended');
        is_left(more($before), 'one key');
        $done{quit}++;
        $done{answered} += $status == 200;
        $n->start;
    }

    my $before = $p->left;
    $t->fault({ step => 'client_delete', kind => 'status', status => 500 });
    $t->fault({ step => 'grant_create', kind => 'status', status => 403 });
    is($p->create_key($p->user)->status, 502, 'failed');
    ok($n->stop, 'nginx has ended');
    is_left($before, 'it took back the application first');
    $done{undone}++;
};

subtest 'worker_shutdown_timeout' => sub {
    my $q = Auth0M2M::Portal->new(tenant => $t,
        main => 'worker_shutdown_timeout 1s;');
    my $before = $p->left;

    ok(my $caller = $q->during('grant_create', ms => 3000, user => $p->user),
        'grant_create is under way');
    ok($q->nginx->stop, 'nginx has ended');
    $caller->wait;
    my $left = $p->wait_left($before, 5);
    ok($left eq $before || $left eq more($before), "whole or not at all")
        or diag "$before, then $left";
};

figure('R5',
    what   => 'reload or quit during each call of a saga, and while it takes'
        . ' back what it made',
    bar    => 'it ends as it would have; nothing is left',
    result => "$done{reloaded} reloads and $done{quit} quits, $done{answered}"
        . " requests answered by then; $done{undone} undone; $done{wrong}"
        . ' left an orphan',
    count => $done{reloaded} + $done{quit} + $done{undone},
    ok    => Test::More->builder->is_passing,
);

$t->stop;
done_testing;
