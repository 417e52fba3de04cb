#!/usr/bin/perl

# HUP each half second under load, half of them with another configuration:
# nobody notices, beside what stock nginx does to connections kept alive.

use v5.36;

use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Auth0M2M::Figures qw(figure seconds);
use Auth0M2M::Load qw(right);
use Auth0M2M::Mint qw(flip);
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $seconds = seconds(4);
my $tenant  = Auth0M2M::Tenant->start;
my $token   = $tenant->token;

sub server ($organization) {
    return protected('/v1')
        . protected('/scoped', scope => 'no:such')
        . protected('/org', organization => $organization);
}

# Nothing but a reload could ask for keys, however long this takes.

my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 2,
    http   => "auth0_m2m_jwks_cache valid=1d;\n",
    server => server('any'));
my $stock = Auth0M2M::Test->new(module => 0, workers => 2,
    server => "location = /v1 { empty_gif; }\n");

ok($n->wait_for(sub { status($n, '/v1', $token) == 200 }), 'keys');
$tenant->journal_reset;

my @mix = (
    (map { [200, '/v1', $_] } $token, map { $tenant->token } 1 .. 20),
    [200, '/org',    $tenant->token(org => 'org_abc')],
    [403, '/org',    $token],
    [403, '/scoped', $token],
    [401, '/v1',     flip($token, 2, 77)],
    [401, '/v1',     $tenant->token(expires_in => -600)],
    [401, '/v1',     undef],
);

# Reloads until the time is over; their number.

sub reloads ($nginx, $change) {
    my $begin = time;
    my $count = 0;

    while (time < $begin + $seconds) {
        my $due = time + 0.5;
        my $ok = $change && $count % 2
            ? $nginx->reconfigure(old => 1,
                server => server($count % 4 == 1 ? 'org_abc' : 'any'))
            : $nginx->reload(old => 1);
        $count += $ok ? 1 : die "reload failed\n";
        sleep $due - time if $due > time;
    }

    return $count;
}

sub run ($nginx, $close, $change, $mix) {
    my $load = Auth0M2M::Load->start(port => $nginx->port, clients => 4,
        close => $close, mix => $mix, seconds => $seconds + 60);
    my $count = reloads($nginx, $change);
    my $sum = $load->stop;

    note explain $sum;
    $sum->{reloads} = $count;
    return $sum;
}

my @stock_mix = ([200, '/v1', undef]);
my $closed       = run($n, 1, 1, \@mix);
my $stock_closed = run($stock, 1, 0, \@stock_mix);

right($closed, 'Connection: close');
is($closed->{transport}, 0, 'Connection: close: no request failed');
is($stock_closed->{transport}, 0, 'nor did one of stock nginx');

my $kept       = run($n, 0, 0, \@mix);
my $stock_kept = run($stock, 0, 0, \@stock_mix);

right($kept, 'keep-alive');
is($kept->{transport}, 0, 'keep-alive: no request lost');
is($stock_kept->{transport}, 0, 'nor was one of stock nginx');

# each reload closes each idle connection once at most

cmp_ok($kept->{retried}, '<=', 4 * ($kept->{reloads} + 1),
    "keep-alive: $kept->{retried} asked again on a new connection"
    . " (stock: $stock_kept->{retried})");

my @fetches = fetches($tenant);
is(scalar @fetches, 0, 'no fetch of keys');

figure('R4',
    what   => 'reload each half second under load',
    bar    => '0 failed, FA = FR = 0, no fetch of keys',
    result => sprintf('%d reloads, %d requests: FA %d, FR %d, failed %d'
        . ' (stock %d); keep-alive: lost %d (stock %d), asked again %d'
        . ' (stock %d); fetches %d',
        $closed->{reloads} + $kept->{reloads},
        $closed->{requests} + $kept->{requests},
        $closed->{false_accepts} + $kept->{false_accepts},
        $closed->{false_refusals} + $kept->{false_refusals},
        $closed->{transport}, $stock_closed->{transport},
        $kept->{transport}, $stock_kept->{transport},
        $kept->{retried}, $stock_kept->{retried}, scalar @fetches),
    count  => $closed->{requests} + $kept->{requests},
    seed   => 1,
    ok     => Test::More->builder->is_passing);

$n->stop;
$stock->stop;
$tenant->stop;
done_testing;
