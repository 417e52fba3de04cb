#!/usr/bin/perl

# Tokens with key ids that nobody knows: they cost the tenant one fetch in a
# cooldown, and good tokens nothing.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $tenant = Auth0M2M::Tenant->start;
my $mint   = Auth0M2M::Mint->new(issuer => $tenant->issuer);
my $good   = $tenant->token;
my $n;

# One signature for all of them: nothing is verified without its key.

sub unknown {
    my ($header, @rest) = Auth0M2M::Mint::parts($good);
    my $kid = join '', map { ('a' .. 'z')[rand 26] } 1 .. 21;

    return Auth0M2M::Mint::join_parts(
        $header =~ s/"kid":"[^"]*"/"kid":"$kid"/r, @rest);
}

sub requests {
    return map { ['GET', '/', ['Authorization', "Bearer $_"]] } @_;
}

sub nginx {
    my ($times) = @_;

    $tenant->journal_reset;
    $n = Auth0M2M::Test->new(
        tenant  => $tenant,
        workers => 2,
        server  => protected('/', jwks_cache => $times),
    );
    ok($n->wait_for_log(qr/in force/), 'keys fetched');
    return;
}

sub flood {
    nginx('cooldown=30s');

    my @got = $n->parallel([requests(map { unknown() } 1 .. 1000)],
        concurrency => 250);
    my $refused = grep { $_->status == 401 } @got;
    is($refused, 1000, 'unknown keys: refused');
    is(fetches($tenant), 1, 'the first fetch counts for the cooldown');

    my @mixed = map { ($_ % 2) ? unknown() : $tenant->token } 1 .. 500;
    @got = $n->parallel([requests(@mixed)]);
    my $right = grep { $got[$_]->status == ($_ % 2 ? 200 : 401) } 0 .. $#got;
    is($right, 500, 'good tokens among them');
    is(fetches($tenant), 1, 'no fetch');
    ok($n->wait_for_log(qr/refused: unknown_key/), 'why');
    figure('R11-unknown', what => 'unknown kids within a cooldown',
        bar    => 'no fetch, known kids do not notice',
        result => "$refused of 1000 refused, then $right of 500 verdicts"
            . ' with good tokens among them right; '
            . (fetches($tenant) - 1) . ' fetches', count => 1500,
        ok => Test::More->builder->is_passing);
    $n->stop;
    return;
}

# One fetch for all that come while it runs, in all workers; good tokens do
# not wait for it.

sub shared {
    nginx('cooldown=3s');
    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 3000,
            count => 'always' });

    my ($first, @more);
    ok($n->wait_for(sub {
                $first = $n->async(requests(unknown()));
                return $n->wait_for(sub { fetches($tenant) == 2 }, 0.1);
            }), 'after the cooldown, a fetch');

    @more = map { $n->async($_) } requests(map { unknown() } 1 .. 200);
    is(status($n, '/', $good), 200, 'a good token');
    is($tenant->count(step => 'jwks', done => 1), 1, 'did not wait for it');

    is(scalar(grep { $_->wait($n->bound(5))->status == 401 } $first, @more),
        201, 'the others did, in vain');
    is(fetches($tenant), 2, 'one fetch');

    $tenant->clear_faults;
    $n->stop;
    return;
}

# A flood that lasts: one fetch per cooldown, failed ones included.

sub lasting {
    my (%fault) = @_;

    my $begin = clock_gettime(CLOCK_MONOTONIC);

    nginx('cooldown=1s timeout=1s');
    $tenant->fault({ step => 'jwks', count => 'always', %fault }) if %fault;
    my $bad = 0;

    $n->wait_for(sub {
        my @got = $n->parallel([requests((map { unknown() } 1 .. 20), $good)]);
        $bad += grep { $_->status != 401 } @got[0 .. 19];
        $bad += $got[20]->status != 200;
        return fetches($tenant) >= 4;
    }, 10);

    my @times = fetches($tenant);
    my $name = $fault{kind} // 'answered';
    cmp_ok(@times, '>=', 4, "$name: fetches");
    cmp_ok(@times - 1, '<=', clock_gettime(CLOCK_MONOTONIC) - $begin,
        "$name: a cooldown apart");
    is($bad, 0, "$name: verdicts");
    my ($least) = sort { $a <=> $b }
        map { $times[$_] - $times[ $_ - 1 ] } 1 .. $#times;
    figure("R11-$name", what => 'a flood of unknown kids that lasts, fetches '
            . ($fault{kind} ? 'fail' : 'succeed'),
        bar    => 'a fetch in a cooldown of 1 s',
        result => sprintf('%d fetches, %.2f s apart at least; %d verdicts'
            . ' wrong', scalar @times, $least, $bad), count => scalar @times,
        ok => Test::More->builder->is_passing);

    $tenant->clear_faults;
    $n->stop;
    return;
}

# A key that appears is found, the flood notwithstanding.

sub rotation {
    nginx('cooldown=1s');
    $tenant->rotate for 1, 2;
    my $new = $tenant->token;

    ok($n->wait_for(sub {
                my @got = $n->parallel(
                    [requests((map { unknown() } 1 .. 20), $new)]);
                return $got[20]->status == 200;
            }), 'a new key is found in the flood');

    $n->stop;
    return;
}

flood();
shared();
lasting();
lasting(kind => 'status', status => 500);
rotation();

done_testing;
