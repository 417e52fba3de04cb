#!/usr/bin/perl

# HUP: keys stay, old workers go, and nobody notices.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Mint;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $tenant = Auth0M2M::Tenant->start;
my $token  = $tenant->token;
my $auth   = ['Authorization', "Bearer $token"];

sub nginx {
    my (%o) = @_;
    $tenant->journal_reset;
    return Auth0M2M::Test->new(tenant => $tenant, %o);
}

sub zone { return "auth0_m2m_zone zone=$_[0];\n" }

# The zone outlives a reload, and a fetch is a matter of its times alone.

sub keys_stay {
    my $n = nginx(workers => 2, http => zone('a:1m'),
        server => protected('/'));

    is(status($n, '/', $token), 200, 'before');
    ok($n->reload, "reload $_") for 1 .. 5;
    is(status($n, '/', $token), 200, 'after');
    is(fetches($tenant), 1, 'no fetch again');

    ok($n->reconfigure(http => zone('a:2m')), 'another size');
    ok($n->wait_for(sub { status($n, '/', $token) == 200 }), 'keys');
    is(fetches($tenant), 2, 'fetched afresh');

    ok($n->reconfigure(http => zone('b:2m')), 'another name');
    ok($n->wait_for(sub { status($n, '/', $token) == 200 }), 'keys');
    is(fetches($tenant), 3, 'fetched afresh');

    ok($n->reconfigure(
            server => protected('/', jwks_cache => 'valid=5m')),
        'other times');
    ok($n->wait_for(sub { status($n, '/', $token) == 200 }), 'keys');
    is(fetches($tenant), 4, 'a key set of its own');

    $n->stop;
    return;
}

# Requests and a fetch under way keep the old worker until they are done.

sub fetch_in_flight {
    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 1500 });
    my $n = nginx(server => protected('/'));
    my ($old) = $n->workers;

    ok($tenant->wait_journal(step => 'jwks'), 'fetch begun');
    my $waits = $n->async(['GET', '/', $auth]);
    ok($n->reload(old => 1), 'reload');
    my $new = $n->async(['GET', '/', $auth]);

    is($waits->wait($n->bound(5))->status, 200, 'who waits in the old worker');
    is($new->wait($n->bound(5))->status,   200, 'who waits in the new one');
    ok($n->wait_for(sub { !grep { $_ == $old } $n->workers }),
        'the old worker ends');
    is(fetches($tenant), 1, 'one fetch');

    # a refused fetch does not keep it either

    $tenant->outage;
    ok($n->reconfigure(server => protected('/x')), 'reload in an outage');
    ok($n->reload, 'and again');
    $tenant->outage(0);

    $n->stop;
    return;
}

# Two slots for keys, and all of them change owners while a fetch runs.

sub other_domains {
    my %t = map { $_ => Auth0M2M::Tenant->start(domain => "$_.test") }
        qw(a b c d);
    my $server = sub {
        return join '', map {
            protected("/$_", domain => "$_.test",
                upstream   => $t{$_}->http_url,
                jwks_cache => 'valid=1s')
        } @_;
    };
    my $n = nginx(http => zone('a:256k'), server => $server->('a', 'b'));

    is(status($n, "/$_", $t{$_}->token), 200, "domain $_") for qw(a b);

    $t{$_}->fault({ step => 'jwks', kind => 'delay', ms => 2500 })
        for qw(a b);
    ok($n->wait_for(sub { $t{$_}->count(fault => 'delay') }), "$_ is asked")
        for qw(a b);

    my $old_done = sub { !grep { !$t{$_}->count(fault => 'delay', done => 1) }
            qw(a b) };

    ok($n->reconfigure(server => $server->('c', 'd'), old => 1), 'reload');
    ok($n->wait_for(sub { status($n, "/$_", $t{$_}->token) == 200 }),
        "domain $_") for qw(c d);
    ok(!$old_done->(), 'meanwhile, the old fetches run');

    $t{$_}->outage for qw(c d);
    ok($n->wait_for(sub { $n->workers == 1 }), 'the old worker ends');
    ok($old_done->(), 'its fetches too');

    for my $domain (qw(c d)) {
        my $mint = Auth0M2M::Mint->new(issuer => "https://$domain.test/");
        is(status($n, "/$domain", $t{$domain}->token), 200,
            "$domain: own key");
        is(status($n, "/$domain", $mint->token(
                    -key => $t{$_}->keys->[0])), 401,
            "$domain: key of $_") for qw(a b);
    }

    $n->stop;
    $_->stop for values %t;
    return;
}

# A key set that leaves the configuration and comes back in time is not
# fetched again.

sub there_and_back {
    my $n = nginx(server => protected('/'));

    is(status($n, '/', $token), 200, 'there');
    ok($n->reconfigure(
            server => protected('/', jwks_cache => 'cooldown=5s')),
        'another key set');
    is(status($n, '/', $token), 200, 'fetched');
    ok($n->reconfigure(server => protected('/')), 'and back');
    is(status($n, '/', $token), 200, 'there');
    is(fetches($tenant), 2, 'each was fetched once');

    $n->stop;
    return;
}

sub under_load {
    my $n = nginx(workers => 2,
        server => protected('/', jwks_cache => 'valid=1s'));
    my @got;

    ok($n->wait_for(sub { status($n, '/', $token) == 200 }), 'load');

    for my $round (1 .. 6) {
        my %old = map { $_ => 1 } $n->workers;
        $n->signal('HUP');
        my $changed = sub { !grep { $old{$_} } $n->workers };

        while (!$changed->()) {
            push @got, $n->parallel([map { ['GET', '/', $auth] } 1 .. 5]);
            last if @got > 5000;
        }
    }

    is(scalar(grep { $_->status != 200 } @got), 0,
        'no request failed of ' . @got);

    $n->stop;
    return;
}

keys_stay();
fetch_in_flight();
other_domains();
there_and_back();
under_load();

done_testing;
