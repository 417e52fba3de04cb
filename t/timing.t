#!/usr/bin/perl

# What the time of a refusal tells.  Two kinds of requests in random order over
# one connection, and Welch's t of their times; for what is a caller's secret,
# the bytes of a token that the gateway remembers, it has to stay below 4.5.
# The verdicts are tested here; t is a figure, since it takes a machine that
# does little else.  TIMING_N requests of each test.

use v5.36;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Guard;
use Auth0M2M::Mint qw(b64u join_parts parts unb64u);

plan skip_all => 'a sanitizer or valgrind takes most of the time'
    if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';

my $count = $ENV{TIMING_N} // 20_000;
my $seed  = 23;
my $bar   = 4.5;
my $tail  = 24;     # bytes that the last 32 characters stand for
my $mint  = Auth0M2M::Guard->mint;

srand $seed;

my $n = Auth0M2M::Guard->new(
    log_level => 'crit',
    http      => "keepalive_requests 100000000;\naccess_log off;\n",
    server    => 'location / { auth0_m2m on; empty_gif; }',
);

sub bytes ($n) { return join '', map { chr rand 256 } 1 .. $n }

# 4000 signatures that begin with so many bytes of $like and end with so many:
# the token's own signature, or one that is nobody's, so that both kinds differ
# among themselves as much.  The first four bytes are always right: a number
# above the modulus would be told at once.

sub forged ($token, $like, $first, $last) {
    my ($header, $payload, $right) = parts($token);
    my $size = length $right;

    return map {
        my $s = bytes($size);
        substr($s, 0, $first) = substr $like, 0, $first;
        substr($s, $size - $last) = substr $like, $size - $last if $last;
        substr($s, 0, 4) = substr $right, 0, 4;
        join_parts($header, $payload, $s);
    } 1 .. 4000;
}

sub ask ($socket, $token, $length) {
    my ($answer, $begin) = ('', clock_gettime(CLOCK_MONOTONIC));

    syswrite $socket, "GET / HTTP/1.1\r\nHost: a\r\n"
        . "Authorization: Bearer $token\r\n\r\n";

    while (!length $answer || length $answer < $length) {
        sysread $socket, $answer, 65536, length $answer or last;
    }

    return ($answer, clock_gettime(CLOCK_MONOTONIC) - $begin);
}

sub moments (@all) {
    my ($sum, $squares) = (0, 0);
    $sum += $_ for @all;
    my $mean = $sum / @all;
    $squares += ($_ - $mean)**2 for @all;
    return ($mean, $squares / (@all - 1) / @all);
}

# The slower half of all is what else the machine does: it is left out.

sub welch (@times) {
    my @all = sort { $a <=> $b } map {@$_} @times;
    my $most = $all[ $#all / 2 ];
    my @m = map { [ moments(grep { $_ <= $most } @$_) ] } @times;
    my $d = $m[0][0] - $m[1][0];
    return (abs($d) / sqrt($m[0][1] + $m[1][1]), 1e9 * $d);
}

sub compare ($name, @kinds) {
    my $socket = IO::Socket::INET->new('127.0.0.1:' . $n->port)
        or die "no connection: $!\n";
    my @length = map { length((ask($socket, $_->[0], 0))[0]) } @kinds;
    my @times  = ([], []);
    my $wrong  = 0;

    for (1 .. $count) {
        my $kind  = int rand 2;
        my $token = $kinds[$kind][ rand @{ $kinds[$kind] } ];
        my ($answer, $took) = ask($socket, $token, $length[$kind]);
        $wrong++ if $answer !~ m{\AHTTP/1\.1 401 };
        push @{ $times[$kind] }, $took;
    }

    is($wrong, 0, "$name: all of $count are refused");
    my ($t, $ns) = welch(@times);
    note sprintf '%s: t = %.2f, %.0f ns', $name, $t, $ns;
    return ($t, sprintf '|t| = %.2f (%+.0f ns)', $t, $ns);
}

my $token = $mint->token(org_id => 'org_a');
$n->accepts("remembered, $_", '/', $token, org => 'org_a') for 1 .. 3;
my $right = unb64u((split /\./, $token)[2]);
my $size  = length $right;
my $other = bytes($size);

my ($prefix, $prefix_said) = compare('its beginning',
    map { [ forged($token, $_, $size - $tail, 0) ] } $right, $other);
my ($suffix, $suffix_said) = compare('its end',
    map { [ forged($token, $_, 0, $tail - 1) ] } $right, $other);

# What is known to take another time has to be seen: no key, no signature.

my ($control, $control_said) = compare('control: an unknown kid',
    [ map { $mint->token(-header => { kid => "k$_" }) } 1 .. 50 ],
    [ forged($token, $other, 0, 0) ]);

is($n->ask('/', $token)->status, 200, 'still remembered');
$n->stop;

figure('R23',
    what   => 'time of a refusal: signatures that share the beginning or the'
        . ' end with that of a remembered token, and those that do not',
    bar    => "|t| < $bar; control above",
    result => "beginning: $prefix_said; end: $suffix_said; control, known and"
        . " unknown kid, no secret: $control_said",
    count => 3 * $count,
    seed  => $seed,
    ok    => Test::More->builder->is_passing && $prefix < $bar
        && $suffix < $bar && $control > $bar,
);

done_testing;
