#!/usr/bin/perl

# A revoked credential's access token is refused by all workers at once, and
# after a reload; and two tenants that use the same kid stay apart under load.

use v5.36;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use lib 't/lib';
use Auth0M2M::Figures qw(figure seconds);
use Auth0M2M::Load qw(right);
use Auth0M2M::Mint;
use Auth0M2M::Portal;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

use constant WORKERS => 4;

my $rounds = int(seconds(6) / 2);

# Connections kept alive until each worker has some: with reuseport the kernel
# spreads them.

sub connections ($n) {
    my %by;

    for (1 .. 400) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $n->port('MANY')) or die "connect: $!\n";
        my $pid = (ask($socket, '/pid'))[1];
        $by{$pid} //= $socket;
        last if keys %by == WORKERS;
    }

    return \%by;
}

sub ask ($socket, $path, $token = undef) {
    print {$socket} "GET $path HTTP/1.1\r\nHost: a\r\n"
        . ($token ? "Authorization: Bearer $token\r\n" : '') . "\r\n";
    my $answer = '';

    while ($answer !~ /\r\n\r\n/) {
        sysread $socket, $answer, 65536, length $answer or return (0, '');
    }

    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($length) = $head =~ /^Content-Length: (\d+)/mi;

    while (length $body < $length) {
        sysread $socket, $body, 65536, length $body or last;
    }

    return ($head =~ m{^HTTP/1\.1 (\d+)}, $body);
}

sub revocation {
    my $p = Auth0M2M::Portal->new(workers => WORKERS, http => <<'END');
server {
    listen 127.0.0.1:%%PORT_MANY%% reuseport;
    auth0_m2m_domain   %%TENANT_DOMAIN%%;
    auth0_m2m_upstream %%TENANT_HTTP%%;
    keepalive_requests 1000000;
    location = /pid { return 200 $pid; }
    location = /v1 {
        auth0_m2m          on;
        auth0_m2m_audience https://api.acme.example/;
        empty_gif;
    }
}
END
    my $n = $p->nginx;
    my ($longest, $refused, $latest) = (0, 0, undef);

    for my $round (1 .. $rounds) {
        my $by = connections($n);
        is(scalar keys %$by, WORKERS, 'a connection to each worker');
        my $user = $p->user;
        my ($id, $secret) = $p->apikey($p->create_key($user));
        my $token = $p->access_token($id, $secret);

        # twice, so that each worker remembers it
        for my $socket (values %$by) {
            is((ask($socket, '/v1', $token))[0], 200, 'good, everywhere')
                for 1 .. 2;
        }

        is($p->revoke($user, $id)->status, 204, 'revoked');
        my $since = time;
        is((ask($_, '/v1', $token))[0], 401, 'refused, everywhere')
            for values %$by;
        my $took = 1000 * (time - $since);
        $longest = $took if $took > $longest;
        $refused += WORKERS;
        $latest = $token;
        close $_ for values %$by;
    }

    ok($n->reload, 'reload');
    my $by = connections($n);
    is((ask($_, '/v1', $latest))[0], 401, 'and after a reload')
        for values %$by;

    figure('R39', what => 'access token of a revoked credential, '
            . WORKERS . ' workers',
        bar    => 'refused <= 10 ms after the 204 by all; survives a reload',
        result => sprintf('%d of %d first requests after the 204 refused, all'
            . ' %d workers asked within %.1f ms; refused after a reload',
            $refused, $rounds * WORKERS, WORKERS, $longest),
        count => $refused, ok => Test::More->builder->is_passing);
    close $_ for values %$by;
    $p->stop;
    return;
}

sub two_tenants {
    my %t = map { $_ => Auth0M2M::Tenant->start(domain => "$_.test") }
        qw(a b);
    my $kid = 'shared';
    my %key = map { $_ => Auth0M2M::Mint->key("rsa-$_", kid => $kid) }
        qw(1 2);
    my %mint = (
        a => Auth0M2M::Mint->new(issuer => 'https://a.test/',
            key => $key{1}),
        b => Auth0M2M::Mint->new(issuer => 'https://b.test/',
            key => $key{2}),
    );
    $t{$_}->jwks_override(body => $mint{$_}->jwks($mint{$_}->key))
        for qw(a b);

    my $n = Auth0M2M::Test->new(tenant => $t{a}, workers => 2, server =>
        join '', (map { protected("/$_", domain => "$_.test",
            upstream => $t{$_}->http_url) } qw(a b)),
        protected('/both', domain => 'a.test b.test', upstream => [
            map { $t{$_}->http_url . " $_.test" } qw(a b) ]));

    my %good = map { my $m = $mint{$_}; $_ => [ map {
        $m->token(sub => "c$_\@clients") } 1 .. 20 ] } qw(a b);
    my %other = (a => 'b', b => 'a');
    my @mix;

    for my $t (qw(a b)) {
        ok($n->wait_for(sub { status($n, "/$t", $good{$t}[0]) == 200 }),
            "$t: keys");
        ok($n->wait_for(sub { status($n, '/both', $good{$t}[0]) == 200 }),
            "both: keys of $t");

        # signed by one, said to be of the other
        my $false = Auth0M2M::Mint->new(issuer => "https://$t.test/",
            key => $mint{ $other{$t} }->key);
        my @false = map { $false->token(sub => "c$_\@clients") } 1 .. 20;

        push @mix, map { ([200, "/$t", $_], [200, '/both', $_],
            [401, "/$other{$t}", $_]) } @{ $good{$t} };
        push @mix, map { ([401, "/$t", $_], [401, '/both', $_],
            [401, "/$other{$t}", $_]) } @false;
    }

    my $load = Auth0M2M::Load->start(port => $n->port, clients => 3,
        close => 0, mix => \@mix, seconds => seconds(4));
    my $sum = $load->wait;
    right($sum, 'two tenants');
    is($sum->{transport}, 0, 'two tenants: none lost');

    figure('R40', what => 'two tenants with the same kid and other keys'
            . ' under load', bar => 'FA = FR = 0',
        result => "$sum->{requests} requests: FA $sum->{false_accepts}, FR "
            . $sum->{false_refusals},
        count => $sum->{requests}, seed => 1,
        ok    => Test::More->builder->is_passing);
    $n->stop;
    $_->stop for values %t;
    return;
}

revocation();
two_tenants();
done_testing;
