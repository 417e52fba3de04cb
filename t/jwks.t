#!/usr/bin/perl

# Keys in force: fetched ahead of the first request, refreshed behind the
# clients' backs, rotated, kept apart by domain, taken from a file.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Mint;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $tenant = Auth0M2M::Tenant->start;

sub nginx {
    my (%o) = @_;
    return Auth0M2M::Test->new(tenant => $tenant, %o);
}

sub ahead_of_requests {
    my $n = nginx(workers => 2, server => protected('/'));

    ok(fetched($tenant, 1), 'fetched without any request');
    ok($n->wait_for_log(qr/new keys of .* are in force/), 'and taken');

    my $auth = ['Authorization', 'Bearer ' . $tenant->token];
    my @got = $n->parallel([map { ['GET', '/', $auth] } 1 .. 50]);
    is(scalar(grep { $_->status == 200 } @got), 50, 'requests are let in');
    is(fetches($tenant), 1, 'and cause no fetch');

    $n->stop;
    return;
}

# The next fetch is due after 80 to 90 % of valid.

sub refreshed {
    $tenant->journal_reset;
    my $n = nginx(server => protected('/', jwks_cache => 'valid=1s'));

    ok(fetched($tenant, 4, 10), 'refreshed without requests');
    my @times = fetches($tenant);

    for my $i (1 .. 3) {
        cmp_ok($times[$i] - $times[ $i - 1 ], '>', 0.7, "not too early, $i");
    }

    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 4000 });
    ok($n->wait_for(sub { $tenant->count(fault => 'delay') }),
        'a slow refresh');
    is(status($n, '/', $tenant->token), 200, 'no client waits for it');
    is($tenant->count(fault => 'delay', done => 1), 0, 'it still runs');

    $tenant->clear_faults;
    $n->stop;
    return;
}

sub rotated {
    my $n = nginx(server => protected('/',
        jwks_cache => 'valid=1m cooldown=1s'));
    my %token;

    ok($n->wait_for_log(qr/in force/), 'keys fetched');
    $tenant->journal_reset;
    $token{first} = $tenant->token;
    is(status($n, '/', $token{first}), 200, 'current key');

    $tenant->rotate;
    $token{second} = $tenant->token;
    is(status($n, '/', $token{second}), 200, 'the next key is known');
    is(fetches($tenant), 0, 'without a fetch');

    $tenant->rotate;
    $token{third} = $tenant->token;
    ok($n->wait_for(sub { status($n, '/', $token{third}) == 200 }),
        'an unknown one is fetched once the cooldown is over');
    is(fetches($tenant), 1, 'in one fetch');
    is(status($n, '/', $token{$_}), 200, "$_ key") for qw(first second);

    return ($n, %token);
}

# What left the set is refused after the next fetch, remembered tokens too.

sub revoked {
    my ($n, %token) = @_;

    $tenant->rotate('revoke');
    is(status($n, '/', $token{second}), 200, 'not known to be revoked yet');

    $tenant->rotate;
    $tenant->rotate;
    my $new = $tenant->token;
    ok($n->wait_for(sub { status($n, '/', $new) == 200 }), 'newest key');

    my $got = get($n, '/', $token{second});
    is($got->status, 401, 'revoked key');
    like(scalar $got->header('WWW-Authenticate'), qr/error="invalid_token"/,
        'the token is to blame');
    is(status($n, '/', $token{third}), 200, 'the previous key stays');

    $n->stop;
    return;
}

sub same_kid {
    my $n = nginx(server => protected('/', jwks_cache => 'valid=1s'));
    my $old = $tenant->token;

    ok($n->wait_for(sub { status($n, '/', $old) == 200 }), 'old key');
    $tenant->rotate('same_kid');
    my $new = $tenant->token;

    ok($n->wait_for(sub { status($n, '/', $new) == 200 }),
        'another key under its kid');
    is(status($n, '/', $old), 401, 'the old one is gone');
    ok($n->wait_for_log(qr/refused: bad_signature/), 'said to be forged');

    $n->stop;
    return;
}

# Each domain's tokens only with its own keys.

sub domains {
    my $other = Auth0M2M::Tenant->start(domain => 'b.test');
    my ($a, $b) = ($tenant->domain, $other->domain);
    my $routes = ["%%TENANT_HTTP%% $a", $other->http_url . " $b"];
    my %key = map { $_->domain => $_->keys->[0] } $tenant, $other;

    my $n = nginx(
        workers => 2,
        server  => protected('/both', domain => "$a $b", upstream => $routes)
            . protected('/a', domain => $a, upstream => $routes)
            . protected('/b', domain => $b, upstream => $routes),
    );

    ok($n->wait_for_log(qr/keys of "\Q$_\E" are in force/), "keys of $_")
        for $a, $b;

    my %token = (
        a           => $tenant->token,
        b           => $other->token,
        'a by b'    => forged($tenant, $key{$b}, $key{$b}{kid}),
        'b by a'    => forged($other,  $key{$a}, $key{$a}{kid}),
        "a by b as a's" => forged($tenant, $key{$b}, $key{$a}{kid}),
        "b by a as b's" => forged($other,  $key{$a}, $key{$b}{kid}),
    );
    my %good = map { $_ => 1 } '/both a', '/both b', '/a a', '/b b';

    # twice: what was remembered of a token holds for its domain only

    for my $round (1, 2) {
        for my $name (sort keys %token) {
            is(status($n, $_, $token{$name}), $good{"$_ $name"} ? 200 : 401,
                "$_, $name, $round")
                for '/both', '/a', '/b';
        }
    }

    $n->stop;
    $other->stop;
    return;
}

sub forged {
    my ($issuer, $key, $kid) = @_;
    my $mint = Auth0M2M::Mint->new(issuer => $issuer->issuer);
    return $mint->token(-key => $key, -header => { kid => $kid });
}

sub file {
    my $mint = Auth0M2M::Mint->new(issuer => $tenant->issuer);
    my $file = Auth0M2M::Mint->jwks($mint->key);

    $tenant->outage;
    my $n = nginx(
        files  => { 'keys.json' => $file },
        server => protected('/', jwks_file => '%%DIR%%/keys.json'),
    );

    is(status($n, '/', $mint->token), 200, 'file: good while nothing else is');
    ok($n->wait_for_log(qr/could not refresh the keys/), 'fetch failed');
    is(status($n, '/', $mint->token), 200, 'file: still good');
    ok($n->reload, 'reload');
    is(status($n, '/', $mint->token), 200, 'file: after a reload');

    $tenant->outage(0);
    ok($n->wait_for(sub { status($n, '/', $tenant->token) == 200 }, 10),
        'fetched keys');
    is(status($n, '/', $mint->token), 401, 'take the place of the file');
    ok($n->reload, 'reload');
    is(status($n, '/', $mint->token), 401, 'for good');
    is(status($n, '/', $tenant->token), 200, 'fetched keys serve');

    $n->stop;
    return;
}

# A domain that nobody can look up: the file is all there is.

sub air_gapped {
    my $mint = Auth0M2M::Mint->new(issuer => 'https://acme.invalid/');
    my $new  = $mint->key('rsa-2');
    my $n    = nginx(
        files  => { 'keys.json' => Auth0M2M::Mint->jwks($mint->key) },
        server => protected('/',
            domain    => 'acme.invalid',
            upstream  => undef,
            jwks_file => '%%DIR%%/keys.json'),
    );

    is(status($n, '/', $mint->token), 200, 'air-gapped: key of the file');
    is(status($n, '/', $mint->token(-key => $new)), 401, 'another key');
    ok(!grep({/could not refresh/} $n->error_log), 'nothing was tried');

    $n->write_file('keys.json', Auth0M2M::Mint->jwks($new));
    ok($n->reload, 'reload');
    is(status($n, '/', $mint->token(-key => $new)), 200, 'new file');
    is(status($n, '/', $mint->token), 401, 'the old one is gone');

    $n->stop;
    return;
}

ahead_of_requests();
refreshed();
revoked(rotated());
same_kid();
domains();
file();
air_gapped();

done_testing;
