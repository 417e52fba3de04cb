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

    $n->stop;
    return;
}

# Who lengthens `stale` while the tenant is away must not lose the keys.

sub other_times {
    my $n = nginx(workers => 2, server => protected('/'));

    is(status($n, '/', $token), 200, 'times: before');
    $tenant->outage;
    ok($n->reconfigure(
            server => protected('/', jwks_cache => 'stale=7d')),
        'times: longer');
    is(status($n, '/', $tenant->token), 200, "times: keys, $_") for 1 .. 4;
    ok(!grep({/could not refresh/} $n->error_log), 'times: no fetch');

    ok($n->reconfigure(
            server => protected('/', jwks_cache => 'valid=1s stale=2s')),
        'times: shorter');
    ok($n->wait_for_log(qr/could not refresh/), 'times: due earlier');
    ok($n->wait_for(sub { status($n, '/', $token) == 503 }),
        'times: stale earlier');

    # the key set of before has older keys than this one by now

    $tenant->outage(0);
    $tenant->rotate for 1, 2;
    my $new = $tenant->token;
    ok($n->wait_for(sub { status($n, '/', $new) == 200 }, 15),
        'times: other keys');
    $tenant->outage;
    ok($n->reconfigure(server => protected('/')), 'times: as before');
    is(status($n, '/', $new), 200, "times: other keys stay, $_") for 1 .. 4;
    $token = $new;
    $auth  = ['Authorization', "Bearer $token"];

    $tenant->outage(0);
    $n->stop;
    return;
}

# Two slots for keys and both in use: each set keeps its own.

sub other_times_crowded {
    my %t = map { $_ => Auth0M2M::Tenant->start(domain => "$_.test") }
        qw(a b);
    my $server = sub {
        return join '', map {
            protected("/$_", domain => "$_.test",
                upstream   => $t{$_}->http_url,
                jwks_cache => $_[0])
        } qw(a b);
    };
    my $n = nginx(http => zone('a:256k'), server => $server->('stale=1d'));

    is(status($n, "/$_", $t{$_}->token), 200, "crowded: $_") for qw(b a);
    $t{$_}->outage for qw(a b);
    ok($n->reconfigure(server => $server->('stale=2d')), 'crowded: reload');
    is(status($n, "/$_", $t{$_}->token), 200, "crowded: keys of $_")
        for qw(a b);
    is(status($n, "/$_->[0]",
            Auth0M2M::Mint->new(issuer => "https://$_->[0].test/")
                ->token(-key => $t{ $_->[1] }->keys->[0])), 401,
        "crowded: no other key at $_->[0]") for ['a', 'b'], ['b', 'a'];

    $n->stop;
    $_->stop for values %t;
    return;
}

# A reload that comes to nothing leaves the keys of files alone.

sub in_vain {
    my $mint = Auth0M2M::Mint->new(issuer => 'https://acme.invalid/');
    my $new  = $mint->key('rsa-2');
    my $file = protected('/', domain => 'acme.invalid', upstream => undef,
        jwks_file => '%%DIR%%/keys.json');
    my $n = nginx(
        files  => { 'keys.json' => Auth0M2M::Mint->jwks($mint->key) },
        server => $file,
    );
    my ($old) = $n->workers;

    is(status($n, '/', $mint->token), 200, 'in vain: before');
    $n->expect_log(qr/192\.0\.2\.1|still could not bind/);
    $n->write_file('keys.json', Auth0M2M::Mint->jwks($new));
    $n->reconfigure(
        server => "listen 192.0.2.1:%%PORT%%;\n$file",
        old    => 1,
    );
    ok($n->wait_for_log(qr/\[emerg\].*bind\(\) to 192\.0\.2\.1/),
        'in vain: a reload that cannot listen');
    is(($n->workers)[0], $old, 'in vain: the old worker stays');
    is(status($n, '/', $mint->token), 200, 'in vain: with its keys');
    is(status($n, '/', $mint->token(-key => $new)), 401, 'in vain: no others');

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
        'other times');
    is(status($n, '/', $token), 200, 'the same keys');
    ok($n->reconfigure(server => protected('/')), 'and back');
    is(status($n, '/', $token), 200, 'there');
    is(fetches($tenant), 1, 'fetched once');

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
other_times();
other_times_crowded();
in_vain();
fetch_in_flight();
other_domains();
there_and_back();
under_load();

done_testing;
