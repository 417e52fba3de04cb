#!/usr/bin/perl

# The tenant is away: old keys serve for a while, then 503; it comes back and
# nobody has to reload.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $tenant = Auth0M2M::Tenant->start;
my $token  = $tenant->token;
my $failed = qr/could not refresh the keys/;

sub nginx {
    my (%o) = @_;
    return Auth0M2M::Test->new(
        tenant => $tenant,
        %o,
        server => "location = /free { empty_gif; }\n" . $o{server},
    );
}

sub unavailable {
    my ($got, $name) = @_;
    is($got->status, 503, "$name: 503");
    like(scalar $got->header('Retry-After'), qr/^(?:[1-9]|[1-5]\d|60)\z/,
        "$name: when to come again");
    is($got->header('WWW-Authenticate'), undef, "$name: no token is blamed");
    return;
}

# 1 s fresh, 2 s stale, and the keys are gone.

sub stale {
    my $n = nginx(server => protected('/',
        jwks_cache => 'valid=1s stale=2s timeout=1s'));

    ok($n->wait_for_log(qr/in force/), 'keys fetched');
    my ($fetched) = fetches($tenant);
    is(status($n, '/', $token), 200, 'fresh');

    $tenant->outage;
    ok($n->wait_for_log(qr/$failed.*stay/), 'outage');
    is(status($n, '/', $token), 200, 'stale keys serve');
    is(status($n, '/', $tenant->token), 200, 'other tokens too');

    ok($n->wait_for(sub { status($n, '/', $token) == 503 }), 'not for ever');
    unavailable(get($n, '/', $token), 'remembered token');
    unavailable(get($n, '/', $tenant->token), 'another token');
    ok($n->wait_for_log(qr/refused: keys_unavailable/), 'logged');
    is($n->get('/')->status, 401, 'no token is no token');

    $tenant->outage(0);
    ok($n->wait_for(sub { status($n, '/', $token) == 200 }, 15),
        'over: back to work');

    $n->stop;
    return;
}

sub cold {
    $tenant->outage;
    my $n = nginx(workers => 2, server => protected('/'));

    ok($n->wait_for_log($failed), 'cold: no keys');
    unavailable(get($n, '/', $token), 'cold');
    is($n->get('/')->status, 401, 'cold: no token is no token');

    $tenant->outage(0);
    ok($n->wait_for(sub { status($n, '/', $token) == 200 }, 10),
        'cold: recovered');

    $n->stop;
    return;
}

# When to come again is a matter of the tenant that is away, not of the first.

sub second {
    my $other = Auth0M2M::Tenant->start(domain => 'b.test');
    my $theirs = $other->token;

    $other->outage;
    my $n = nginx(server => protected('/', domain => '%%TENANT_DOMAIN%% b.test',
        upstream => ['%%TENANT_HTTP%%', $other->http_url . ' b.test']));

    ok($n->wait_for(sub { status($n, '/', $token) == 200 }), 'first: keys');
    ok($n->wait_for_log($failed), 'second: no keys');
    my $got = get($n, '/', $theirs);
    unavailable($got, 'second');
    cmp_ok($got->header('Retry-After'), '<', 60, 'second: soon');
    is(status($n, '/', $token), 200, 'first: does not notice');

    $n->stop;
    $other->stop;
    return;
}

# Who comes just before the tenant is asked again waits for the answer.

sub crowd {
    my ($workers) = @_;
    my $auth = ['Authorization', "Bearer $token"];

    $tenant->outage;
    my $n = nginx(workers => $workers, server => protected('/'));
    ok($n->wait_for_log($failed), "crowd, $workers workers: no keys");

    # after several failures the next attempt may be too far off to wait for

    my ($in, $fetches);
    $tenant->journal_reset;
    $tenant->outage(0);
    $n->wait_for(sub {
        my @got = $n->parallel([map { ['GET', '/', $auth] } 1 .. 200]);
        $in = grep { $_->status == 200 } @got;
        return $fetches = fetches($tenant);
    }, 20);

    is($in, 200, 'crowd: all are let in');
    is($fetches, 1, 'crowd: one fetch');

    $n->stop;
    return "$workers workers: $in of 200 let in by $fetches fetch";
}

# The tenant takes its time; everybody else must not notice.

sub slow {
    my ($name, %fault) = @_;

    $tenant->fault({ step => 'jwks', count => 'always', %fault });
    $tenant->journal_reset;
    my $n = nginx(server => protected('/', jwks_cache => 'timeout=1s'));
    ok($tenant->wait_journal(step => 'jwks'), "$name: fetch begun");

    my $auth = ['Authorization', "Bearer $token"];
    my $waits = $n->async(['GET', '/', $auth]);
    is($n->get('/free')->status, 200, "$name: the worker works");
    ok(!$waits->done, "$name: meanwhile a request waits");

    unavailable($waits->wait($n->bound(10)), $name);
    ok($n->wait_for_log(qr/tenant did not answer in time/), "$name: why");
    is(scalar(grep {/$failed/} $n->error_log), 1, "$name: once");

    $tenant->clear_faults;
    ok($n->wait_for(sub { status($n, '/', $token) == 200 }, 10),
        "$name: recovered");
    $n->stop;
    return;
}

# Callers that leave take nothing with them.  On a machine that does much else
# the answer may be there before they have left: once more then.

sub leave_once {
    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 3000 });
    $tenant->journal_reset;
    my $n    = nginx(server => protected('/'));
    my $auth = ['Authorization', "Bearer $token"];
    ok($tenant->wait_journal(step => 'jwks'), 'leavers: fetch begun');

    my @h1 = map { $n->async(['GET', '/', $auth]) } 1 .. 10;
    my @h2 = map { $n->h2_start('GET', '/', $auth) } 1 .. 3;
    my $stays = $n->async(['GET', '/', $auth]);

    is($n->get('/free')->status, 200, 'leavers: the worker has seen them');
    $h1[$_]->close(reset => $_ % 2) for 0 .. $#h1;
    $_->leave for @h2;

    my $status = $stays->wait($n->bound(20))->status;
    my $gone   = sub { return scalar grep {/ 499 /} $n->access_log };
    $n->wait_for(sub { $gone->() >= @h1 }, 2);
    my %got = (stayed => $status, left => @h1 + @h2, gone => $gone->(),
        fetches => scalar(fetches($tenant)));

    $n->stop;
    return %got;
}

sub leavers {
    my %got;

    for (1 .. 5) {
        %got = leave_once();
        last if $got{gone} >= 10;
    }

    is($got{stayed}, 200, 'leavers: one who stayed');
    cmp_ok($got{gone}, '>=', 10, 'leavers: gone before their answers');
    is($got{fetches}, 1, 'leavers: one fetch');

    figure('R12-keys', what => 'callers of HTTP/1 and HTTP/2 that leave'
            . ' during the first fetch',
        bar    => 'who stays is served, by one fetch',
        result => "$got{left} left, one stayed: $got{stayed}; $got{fetches}"
            . ' fetch', count => $got{left} + 1,
        ok => Test::More->builder->is_passing);
    return;
}

stale();
cold();
second();
my @crowds = map { crowd($_) } 1, 2, 8;
slow('hang', kind => 'hang');
slow('stall', kind => 'stall');
slow('drip', kind => 'drip', rate => 20);
leavers();

figure('R11-cold', what => 'callers at once at a cold start', bar => '1 fetch',
    result => join('; ', @crowds), count => 200 * @crowds,
    ok     => Test::More->builder->is_passing);
done_testing;
