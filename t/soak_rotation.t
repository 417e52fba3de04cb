#!/usr/bin/perl

# Each second a new key, signed with at once, while others send tokens of keys
# that nobody has.

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

my $rounds = seconds(8);
my $tenant = Auth0M2M::Tenant->start(key_type => 'ES256', keys => 1);
my $issuer = 'https://' . $tenant->domain . '/';
my $foreign = Auth0M2M::Mint->new(issuer => $issuer, alg => 'ES256',
    key => Auth0M2M::Mint->key('p256-9', kid => 'foreign'));

sub mint {
    my ($key) = grep { $_->{state} eq 'current' } @{ $tenant->keys };
    return Auth0M2M::Mint->new(issuer => $issuer, key => $key,
        alg => 'ES256');
}

sub nginx ($cache) {
    return Auth0M2M::Test->new(tenant => $tenant, workers => 2,
        server => protected('/v1', algorithms => 'ES256',
            jwks_cache => $cache));
}

# Tokens of the key in force, right and spoiled, and of the one before it
# while it is published.

sub mix_of ($mint, @before) {
    my @good = map { $mint->token(sub => "c$_\@clients") } 1 .. 20;
    return (
        (map { [200, '/v1', $_] } @good, @before),
        (map { [401, '/v1', flip($_, 2, 300)] } @good[0 .. 9]),
    );
}

# A key appears and signs at once; a token of the unknown kid makes the gateway
# look, for which cooldown is short here.  Keys in force serve meanwhile.

sub overlapping {
    my $n = nginx('valid=10m cooldown=1ms');
    my $mint = mint();
    my @good = map { $mint->token } 1 .. 5;
    ok($n->wait_for(sub { status($n, '/v1', $good[0]) == 200 }), 'keys');

    my $load = Auth0M2M::Load->start(port => $n->port, clients => 3,
        mix => [mix_of($mint)], seconds => 20 * $rounds + 60);

    for my $round (1 .. $rounds) {
        my $due = time + 1;
        $tenant->rotate('next');
        $mint = mint();
        $load->mix([mix_of($mint, @good)]);
        @good = map { $mint->token } 1 .. 5;

        # nobody uses the old ones when they leave the set

        if ($round % 4 == 0) {
            $load->mix([mix_of($mint)]);
            $tenant->rotate('revoke');
        }

        sleep $due - time if $due > time;
    }

    my $sum = $load->stop;
    note explain $sum;
    right($sum, 'rotation');
    is($sum->{transport}, 0, 'rotation: none lost');

    figure('R8', what => 'a new key each second under load, signed with at'
            . ' once',
        bar    => 'FA = FR = 0',
        result => sprintf('%d rotations, %d requests: FA %d, FR %d, longest'
            . ' wait %.2f s', $rounds, @$sum{qw(requests false_accepts
            false_refusals slowest)}),
        count => $sum->{requests}, seed => 1,
        ok    => Test::More->builder->is_passing);
    $n->stop;
    return;
}

# Unknown kids all the time: fetches stay a cooldown apart, and known keys do
# not notice.  A new key may be refused for a cooldown, as unknown.

sub flooded {
    my $n = nginx('valid=10m cooldown=2s');
    my $mint = mint();
    my @good = map { $mint->token(sub => "c$_\@clients") } 1 .. 20;
    ok($n->wait_for(sub { status($n, '/v1', $good[0]) == 200 }), 'keys');
    $tenant->journal_reset;

    my $begin = time;
    my @known = map { [200, '/v1', $_] } @good;
    my $bound = 20 * $rounds + 60;
    my $flood = Auth0M2M::Load->start(port => $n->port, clients => 2,
        seconds => $bound, mix => [ map { [401, '/v1', $foreign->token(
            -header => { kid => "bogus$_" })] } 1 .. 500 ]);
    my $load = Auth0M2M::Load->start(port => $n->port, clients => 2,
        seconds => $bound, mix => [@known, mix_of($mint)]);
    my @healed;

    for (1 .. int $rounds / 3) {
        $tenant->rotate('next');
        my $token = mint()->token;
        my $since = time;
        ok($n->wait_for(sub { status($n, '/v1', $token) == 200 }, 10),
            'flood: a new key is found');
        push @healed, time - $since;
        $load->mix([@known, mix_of(mint())]);
    }

    my $sum = $load->stop;
    my $bogus = $flood->stop;
    my $took = time - $begin;
    my @fetches = fetches($tenant);
    note explain [$sum, $bogus];

    right($sum, 'flood');
    is($bogus->{false_accepts}, 0, 'flood: no false accept');
    is_deeply($bogus->{other}, {}, 'flood: no other answer');
    cmp_ok(scalar @fetches, '<=', $took / 2 + 1,
        @fetches . ' fetches, none nearer than a cooldown');

    # half of one: a tenant that noted the first late sees them nearer

    my @near = grep { $fetches[$_] - $fetches[$_ - 1] < 1 } 1 .. $#fetches;
    is(scalar @near, 0, 'flood: a cooldown apart');

    my ($longest) = sort { $b <=> $a } @healed;
    figure('R9', what => 'rotation during a flood of unknown kids, cooldown'
            . ' 2 s',
        bar    => 'known kids FR = 0; new keys within a cooldown; fetches a'
            . ' cooldown apart',
        result => sprintf('%d unknown kids, %d others: FA %d, FR %d; new key'
            . ' found after %.1f s at most; %d fetches in %.0f s',
            $bogus->{requests}, $sum->{requests},
            $sum->{false_accepts} + $bogus->{false_accepts},
            $sum->{false_refusals}, $longest, scalar @fetches, $took),
        count => $sum->{requests} + $bogus->{requests}, seed => 1,
        ok    => Test::More->builder->is_passing);
    $n->stop;
    return;
}

overlapping();
flooded();
$tenant->stop;
done_testing;
