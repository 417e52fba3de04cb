#!/usr/bin/perl

# The wall clock jumps; the monotonic one does not.  Tokens follow the one,
# keys the other.

use v5.36;

use File::Temp ();
use JSON::PP ();
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;
use Auth0M2M::Portal;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my ($faketime) = grep {-e} glob '/usr/lib/*/faketime/libfaketime.so.1';

plan skip_all => 'a sanitizer or valgrind is loaded first'
    if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';
plan skip_all => 'no libfaketime' if !$faketime;

my $tenant = Auth0M2M::Tenant->start;
my $mint   = Auth0M2M::Mint->new(key => $tenant->keys->[0],
    issuer => 'https://' . $tenant->domain . '/');
my $file = File::Temp->new;

sub clock ($offset) {
    open my $fh, '>', "$file.new" or die "$file.new: $!\n";
    print {$fh} sprintf("%+d\n", $offset);
    close $fh;
    rename "$file.new", "$file" or die "$file: $!\n";
    return;
}

clock(0);
my %env = (
    FAKETIME_TIMESTAMP_FILE      => "$file",
    FAKETIME_DONT_FAKE_MONOTONIC => 1,
    FAKETIME_NO_CACHE            => 1,
);
my @faked = (
    main => join('', map {"env $_;\n"} keys %env),
    env  => { %env, LD_PRELOAD => $faketime },
);
my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 2, @faked,
    server => protected('/v1', jwks_cache => 'valid=10m stale=1h')
        . protected('/other', token_cache => 'off',
            jwks_cache => 'valid=10m stale=1h')
        . "location = /clock { return 200 \$msec; }\n");

# nginx reads the clock when something happens: requests make it look.

sub reaches ($offset) {
    return $n->wait_for(sub {
        return abs($n->get('/clock')->body - time - $offset) < 30;
    });
}

my ($hour, $year) = (3600, 365.25 * 86400);
my @jumps = (0, $hour, -$hour, 10 * $year, -10 * $year,
    2_147_483_700 - time, 0);
my $now = time;
my $cases = 0;

ok($n->wait_for(sub {
    return status($n, '/v1', $mint->token) == 200;
}), 'keys');
is(scalar(fetches($tenant)), 1, 'one fetch');

# A token of each age is right exactly when the wall clock says so, be it
# remembered or not.

my %tokens;
for my $jump (@jumps) {
    my $at = int $now + $jump;
    $tokens{$jump} //= $mint->token(iat => $at - 600, exp => $at + 1200);
}

for my $jump (@jumps) {
    clock($jump);
    ok(reaches($jump), "jump to $jump s");

    for my $other (sort { $a <=> $b } keys %tokens) {
        my $off = abs $jump - $other;
        my $want = $off < 60 ? 200 : 401;
        for my $path ('/v1', '/v1', '/other') {
            is(status($n, $path, $tokens{$other}), $want,
                "$path at $jump: token of $other");
            $cases++;
        }
    }
}

is(scalar(fetches($tenant)), 1, 'and no fetch for any jump');

# numbers at the edges of what fits

clock(0);
reaches(0);
my %edge = (
    '9223372036854775807' => 200,
    '1e18'                => 200,
    '9223372036854775808' => 401,
    '1e300'               => 401,
    '-1'                  => 401,
    '0'                   => 401,
    '1.5e9'               => 401,
);
for my $exp (sort keys %edge) {
    my $payload = JSON::PP->new->canonical->encode($mint->claims(
        exp => 'EXP')) =~ s/"EXP"/$exp/r;
    my $got = status($n, '/v1', $mint->sign($payload));
    isnt($got, 200, "exp $exp: $got") if $edge{$exp} != 200;
    like($got, qr/^(?:200|401)$/, "exp $exp: a verdict");
    $cases += 1;
}

# A Management token is renewed before it ends, with nobody asking: at 80 to
# 90 % of its life.

clock(0);
my $p = Auth0M2M::Portal->new(config => { expires_in => 3600 }, @faked);
my $user = $p->user;
my $oauth = sub { return $p->tenant->count(step => 'token') };

is($p->keys($user)->status, 200, 'a Management token');
is($oauth->(), 1, 'was asked for');
clock(2700);
is($p->keys($user)->status, 200, 'at 75 % of its life');
is($oauth->(), 1, 'it serves');
clock(3300);
ok($p->nginx->wait_for(sub { $oauth->() == 2 }), 'then it is renewed');
is($p->keys($user)->status, 200, 'the new one');
is($oauth->(), 2, 'serves');
$p->stop;
clock(0);

figure('R26', what => 'wall clock jumps: +-1 h, +-10 y, 2038',
    bar    => 'exp follows the wall clock, key lifetimes do not; no fetch'
        . ' storm',
    result => "$cases verdicts right, " . scalar(fetches($tenant))
        . ' fetch in all',
    count => $cases, ok => Test::More->builder->is_passing);

$n->stop;
$tenant->stop;
done_testing;
