#!/usr/bin/perl

# The tenant is away far beyond `valid`, then beyond `stale`, under load; and
# one that speaks a byte at a time holds nobody up.

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

my $seconds = seconds(7);
my $tenant  = Auth0M2M::Tenant->start;
my $token   = $tenant->token;

sub mix ($good, $bad) {
    return [
        (map { [$good, '/v1', $_] } $token, map { $tenant->token } 1 .. 10),
        (map { [$bad, '/v1', flip($token, 2, $_)] } 1 .. 10),
        [401, '/v1', undef],
    ];
}

sub load ($n, $mix) {
    return Auth0M2M::Load->start(port => $n->port, clients => 3,
        mix => $mix, seconds => $seconds + 120);
}

# stale goes on for the whole outage, and two seconds more

sub away {
    my $stale = $seconds + 2;
    my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 2,
        server => protected('/v1',
            jwks_cache => "valid=1s stale=${stale}s timeout=1s"));
    my $mix = mix(200, 401);

    ok($n->wait_for(sub { status($n, '/v1', $token) == 200 }), 'keys');
    $tenant->outage('hang');
    my $load = load($n, $mix);
    sleep $seconds;
    my $during = $load->stop;
    right($during, 'outage');
    is($during->{transport}, 0, 'outage: none lost');

    ok($n->wait_for(sub { status($n, '/v1', $token) == 503 }, 30),
        'beyond stale: 503');
    $load = load($n, mix(503, 503));
    sleep 1;
    my $beyond = $load->stop;
    note explain [$during, $beyond];
    is($beyond->{false_accepts}, 0, 'beyond stale: no false accept');
    is_deeply($beyond->{other}, {}, 'beyond stale: no other answer');

    # wrong ones, and right ones once it is back

    my @tries = fetches($tenant);
    my $since = time;
    $tenant->outage(0);
    ok($n->wait_for(sub { status($n, '/v1', $token) == 200 }, 60),
        'it comes back');
    my $healed = time - $since;
    $load = load($n, $mix);
    sleep 0.5;
    my $after = $load->stop;
    right($after, 'afterwards');

    my $all = $during->{requests} + $beyond->{requests} + $after->{requests};
    figure('R10', what => 'tenant away beyond valid and beyond stale',
        bar    => 'FR = 0 until stale ends, then 503; recovery <= 60 s',
        result => sprintf('away for %d x valid: %d requests, FA %d, FR %d;'
            . ' then %d requests, all 503; recovered after %.1f s',
            $seconds, $during->{requests}, $during->{false_accepts}
            + $beyond->{false_accepts} + $after->{false_accepts},
            $during->{false_refusals}, $beyond->{requests}, $healed),
        count => $all, seed => 1, ok => Test::More->builder->is_passing);
    $n->stop;
    return;
}

# Every way of being slow, one after the other: each fetch ends by its
# deadline, and other requests do not wait.

sub slow {
    my %ways = (
        drip     => { kind => 'drip', rate => 1 },
        stall    => { kind => 'stall' },
        silence  => { kind => 'hang' },
        many_1xx => { kind => 'many_1xx', n => 100_000 },
        endless  => { kind => 'endless', rate => 100 },
    );
    my ($requests, $longest, $most) = (0, 0, 0);

    for my $way (sort keys %ways) {
        my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 1,
            server => protected('/v1',
                jwks_cache => 'valid=1s stale=1h timeout=1s'));
        ok($n->wait_for(sub { status($n, '/v1', $token) == 200 }, 10),
            "$way: keys");
        $tenant->fault({ step => 'jwks', count => 'always',
            %{ $ways{$way} } });
        my $load = load($n, mix(200, 401));
        ok($n->wait_for(sub {
            my $open = sockets($tenant);
            $most = $open if $open > $most;
            return grep {/could not refresh the keys/} $n->error_log;
        }, 10), "$way: given up");
        my $sum = $load->stop;
        right($sum, $way);
        $requests += $sum->{requests};
        $longest = $sum->{slowest} if $sum->{slowest} > $longest;
        $tenant->clear_faults;
        $n->stop;
    }

    is($most, 1, 'one connection held at most');
    figure('R27', what => 'slow tenant: five ways',
        bar    => 'fetch ends by its deadline; others do not notice; at most'
            . ' one connection',
        result => sprintf('%d requests right meanwhile, slowest %.0f ms;'
            . ' %d connections at most', $requests, 1000 * $longest, $most),
        count => $requests, seed => 1,
        ok    => Test::More->builder->is_passing);
    return;
}

away();
slow();
$tenant->stop;
done_testing;
