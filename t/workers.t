#!/usr/bin/perl

# Several workers, one set of keys; workers that are killed.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $tenant = Auth0M2M::Tenant->start;
my $token  = $tenant->token;
my @auth   = ('Authorization', "Bearer $token");

sub nginx {
    my (%o) = @_;
    $tenant->journal_reset;
    return Auth0M2M::Test->new(tenant => $tenant, %o);
}

# The workers that have a connection to the tenant, by the inodes of their
# sockets.

sub fetching {
    my ($n) = @_;
    my %inode = map { ("socket:[$_]" => 1) } sockets($tenant);

    return grep {
        grep { $inode{ readlink($_) // '' } } glob "/proc/$_/fd/*"
    } $n->workers;
}

sub one_fetch {
    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 1000 });
    my $n = nginx(workers => 4, server => protected('/'));

    ok($tenant->wait_journal(step => 'jwks'), 'four workers: fetch begun');
    is(scalar(fetching($n)), 1, 'by one of them');
    my @got = $n->parallel([map { ['GET', '/', [@auth]] } 1 .. 100]);
    is(scalar(grep { $_->status == 200 } @got), 100, 'all get its keys');
    is(fetches($tenant), 1, 'one fetch');

    $n->stop;
    return;
}

# The lease is the timeout and a second.

sub killed_fetching {
    $tenant->fault({ step => 'jwks', kind => 'hang' });
    my $n = nginx(workers => 4,
        server => protected('/', jwks_cache => 'timeout=1s'));

    ok($tenant->wait_journal(step => 'jwks'), 'killed: fetch begun');
    my ($pid) = fetching($n);
    is($n->kill_worker('KILL', $pid), $pid, 'killed: its worker is no more');
    is(fetches($tenant), 1, 'killed: nobody else has begun');

    ok($n->wait_for(sub { status($n, '/', $token) == 200 }, 10),
        'killed: taken over');
    my @times = fetches($tenant);
    is(@times, 2, 'killed: by one');
    cmp_ok($times[1] - $times[0], '>', 1.8, 'killed: when the lease was over');

    $tenant->clear_faults;
    $n->stop;
    return;
}

# Whatever a worker was doing, the zone serves the others.

sub killed_under_load {
    my $n = nginx(workers => 2,
        server => protected('/', jwks_cache => 'valid=1s cooldown=1s'));
    my %seen;

    ok($n->wait_for(sub { status($n, '/', $token) == 200 }), 'load: keys');

    for my $round (1 .. 10) {
        my $pid = ($n->workers)[ $round % 2 ];
        my @clients = map {
            $n->async(['GET', '/',
                    ['Authorization', 'Bearer ' . $tenant->token]])
        } 1 .. 40;

        is($n->kill_worker('KILL', $pid), $pid, "load: kill $round");
        $seen{ $_->wait($n->bound(5))->status }++ for @clients;
        my @got = $n->parallel([map { ['GET', '/', [@auth]] } 1 .. 20]);
        is(scalar(grep { $_->status == 200 } @got), 20, "load: after $round");
    }

    delete @seen{ 0, 200 };
    is_deeply(\%seen, {}, 'load: 200, or the connection is lost');

    $tenant->rotate for 1, 2;
    ok($n->wait_for(sub { status($n, '/', $tenant->token) == 200 }),
        'load: keys still change');
    $token = $tenant->token;
    @auth  = ('Authorization', "Bearer $token");

    $n->stop;
    return;
}

# A worker that was asked to end, and one that is alone.

sub other_ways {
    my $n = nginx(workers => 2, server => protected('/'));
    is(status($n, '/', $token), 200, 'before');
    ok($n->kill_worker('TERM'), 'a worker is terminated');
    is(status($n, '/', $token), 200, 'after');
    is(fetches($tenant), 1, 'one fetch');
    $n->stop;

    $n = nginx(workers => 0, server => protected('/'));
    is(status($n, '/', $token), 200, 'a single process');
    is(fetches($tenant), 1, 'one fetch');
    $n->stop;

    $n = nginx(
        http   => 'proxy_cache_path %%DIR%%/cache keys_zone=c:64k;',
        server => protected('/'),
    );
    is(status($n, '/', $token), 200, 'next to a cache manager');
    is(fetches($tenant), 1, 'one fetch');
    $n->stop;
    return;
}

one_fetch();
killed_fetching();
killed_under_load();
other_ways();

done_testing;
