#!/usr/bin/perl

# Malformed tokens in volume: altered, cut, random, 1 byte to 64 KiB, pipelined
# on several connections.  None is let in, none makes nginx stumble.
# MALFORMED_N of them, default 50,000.

use v5.36;

use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Guard;
use Auth0M2M::Mint;

my $slow  = $ENV{TEST_NGINX_SLOW} // 1;
my $count = $ENV{MALFORMED_N}     // int 50_000 / $slow;
my $seed  = $ENV{FUZZ_SEED}       // 1;
my $batch = 25;

srand $seed;

my $n = Auth0M2M::Guard->new(
    log_level => 'warn',
    http      => <<'CONF',
    keepalive_requests           1000000;
    lingering_close              always;
    large_client_header_buffers  4 72k;
    auth0_m2m_token_cache        off;
CONF
    server => <<'CONF',
        location / {
            auth0_m2m on;
            empty_gif;
        }
CONF
);

my @good = map { $n->mint->token(jti => "t$_", org_id => 'org_a') } 1 .. 20;
my @text = map { chr } grep { !/^(?:0|10|13)$/ } 0 .. 255;
my @b64u = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');

sub any (@list) { return $list[rand @list] }

# 1 byte to 64 KiB, each order of magnitude as often

sub length_of { return int 2**rand 16 }

# part of a long text

my %long;

sub junk ($length, @letters) {
    my $text = $long{"@letters"} //=
        join '', map { $letters[rand @letters] } 1 .. 100_000;
    return substr $text, rand 100_000 - $length, $length;
}

my @parts = map { [Auth0M2M::Mint::parts($_)] } @good;

my %kinds = (
    'a bit of a part' => sub {
        my @p = @{ any(@parts) };
        my $i = int rand 3;
        my $at = int rand length $p[$i];
        substr($p[$i], $at, 1) ^.= chr(1 << int rand 8);
        return Auth0M2M::Mint::join_parts(@p);
    },
    'a bit of the text' => sub {
        my $token = any(@good);
        my $at    = int rand length $token;
        my $c     = substr($token, $at, 1) ^. chr(1 << int rand 8);
        substr($token, $at, 1) = $c =~ /[\r\n\0]/ ? '!' : $c;
        return $token;
    },
    cut      => sub { substr any(@good), 0, rand length $good[0] },
    letters  => sub { junk(length_of(), @b64u) },
    'dots too' => sub { junk(length_of(), @b64u[0 .. 9], '.') },
    bytes    => sub { junk(length_of() / 8 + 1, @text) },
    longer   => sub { any(@good) . junk(length_of() / 4 + 1, @b64u) },
    'zero'   => sub { any(@good) =~ s/[^.]+$/'A' x length $&/er },
    'many parts' => sub { join '.', any(@good), any(@good) },
);
my @names = sort keys %kinds;

my @sockets = map { connected() } 1 .. 4;
my (%status, $lost);

sub connected {
    my $socket = IO::Socket::INET->new('127.0.0.1:' . $n->port)
        or die "no connection: $!\n";
    $socket->autoflush;
    return $socket;
}

# Sends all at once; how many were answered before the connection ended, and
# the last status.

sub some ($socket, @tokens) {
    my $request = join '', map {
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer $_\r\n\r\n"
    } @tokens;
    my ($n, $last, $buffer) = (0, 0, '');

    print {$socket} $request;

    while ($n < @tokens) {
        sysread($socket, $buffer, 65536, length $buffer) or last;
        while ($buffer =~ s/\A.*?HTTP\/1\.1 (\d{3}) .*?\r\n\r\n//s) {
            $last = $1;
            $status{$last}++;
            $n++;
        }
    }

    return ($n, $last);
}

# nginx closes the connection after a 400, and after nothing else.

sub ask ($i, @tokens) {
    while (@tokens) {
        my ($n, $last) = some($sockets[$i], @tokens);
        splice @tokens, 0, $n;

        if (@tokens || $last eq '400') {
            $lost++ if $last ne '400';
            $sockets[$i] = connected();
        }

        return if $lost;
    }

    return;
}

# CPU of the worker in clock ticks

sub ticks {
    my ($pid) = $n->workers;
    open my $fh, '<', "/proc/$pid/stat" or return 0;
    my @f = split ' ', <$fh> =~ s/.*\)//sr;
    return $f[11] + $f[12];
}

sub spend ($n, $token) {
    my ($before, $done) = (ticks(), 0);
    local $SIG{PIPE} = 'IGNORE';
    %status = ();
    $lost   = 0;

    while ($done < $n && !$lost) {
        for my $i (0 .. $#sockets) {
            ask($i, map { $token->() } 1 .. $batch);
            $done += $batch;
        }
    }

    is($lost, 0, 'no connection is lost');
    return ($done, (ticks() - $before) * 10_000 / $done);
}

my ($valid, $cost) = spend(int 4000 / $slow, sub { any(@good) });
is($status{200}, $valid, "control: $valid good tokens are let in");

my $worker = ($n->workers)[0];
my ($done, $each) = spend($count, sub { $kinds{ any(@names) }->() });

is($status{200} // 0, 0, "none of $done is let in");
is(scalar(grep {/^5/} keys %status), 0, 'no 5xx');
is(join(' ', grep { !/^40[01]$/ } sort keys %status), '', 'only 400 and 401');
cmp_ok($status{401} // 0, '>', $done / 2, 'most are 401');
is(($n->workers)[0], $worker, 'the worker lives');
is($n->get('/', Authorization => "Bearer $good[0]")->status, 200,
    'and lets a good token in');
is(scalar(grep {/\[(?:crit|alert|emerg)\]/} $n->error_log), 0, 'no alert');

# nginx takes a connection without a first byte for no idle one, and waits

close $_ for @sockets;
$n->stop;

figure('R17',
    what   => 'malformed tokens, 1 B to 64 KiB, through nginx',
    bar    => '0 let in, 0 5xx, 0 alerts, worker alive; CPU at most twice a '
        . 'valid one\'s',
    result => sprintf('%s; %.0f us of CPU each, a valid one %.0f us',
        join(', ', map {"$status{$_} x $_"} sort keys %status), $each, $cost),
    ok    => Test::More->builder->is_passing && $each <= 2 * $cost,
    count => $done,
    seed  => $seed,
);

done_testing;
