#!/usr/bin/perl

# A key-set reply and the requests that wait for it, both spoiled, through the
# real handlers: nginx with many tenants, each with a key set of its own, all
# answered by one server that says anything; then tokens, most of them spoiled.
# It starts again and again: FUZZ_ROUNDS times (default 4), or for TIME seconds.

use v5.36;

use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;
use Auth0M2M::Test;

my $seed    = $ENV{FUZZ_SEED}   // 1;
my $rounds  = $ENV{FUZZ_ROUNDS} // 4;
my $until   = $ENV{TIME} ? time + $ENV{TIME} : 0;
my $tenants = 60;
my $each    = 12;

my $mint = Auth0M2M::Mint->new;
my @keys = map { $mint->key($_) } qw(rsa-1 p256-1);
my $set  = $mint->jwks(@keys);
my @good = map {
    my $i = $_;
    my $m = Auth0M2M::Mint->new(issuer => "https://t$i.example/");
    [map { $m->token(-key => $_) } @keys]
} 0 .. $tenants - 1;

# Both processes make the same reply of the same numbers.

sub dice ($round, $i) { return srand $seed * 1_000_003 + $round * 1_009 + $i }

sub any (@list) { return $list[rand @list] }

sub flip ($text) {
    for (1 .. 1 + int rand 4) {
        my $at = int rand length $text;
        substr($text, $at, 1) ^.= chr(1 << int rand 8);
    }
    return $text;
}

my @values = ('null', '1', '"x"', '[]', '{}', 'true', '""', '"AQAB"', '1e999',
    '"\u0000"', '[' x 30, '"' . 'A' x 5000 . '"');

my @bodies = (
    (sub {$set}) x 4,
    sub { flip($set) },
    sub { substr $set, 0, rand length $set },
    sub { $set . any(' ', "\n", '}', "\0", $set) },
    sub { $set =~ s/"(\w+)":"[^"]*"/'"' . $1 . '":' . any(@values)/er },
    sub {
        my @m = $set =~ /"\w+":"[^"]*",?/g;
        my $m = quotemeta any(@m);
        return $set =~ s/$m//r;
    },
    sub { $set =~ s/"kid"/"kid":"x","kid"/r },
    sub { any('', '{}', '[]', '{"keys":[]}', '<html>', 'null') },
    sub { '{"keys":[' . join(',', ('{"kty":"RSA"}') x 70) . ']}' },
    sub { 'x' x 300_000 },
);

my @frames = (
    (sub ($b) { head($b) . $b }) x 8,
    sub ($b) { chunked($b) },
    sub ($b) { flip(head($b)) . $b },
    sub ($b) { head($b . 'more') . $b },
    sub ($b) { head(substr $b, 0, length($b) / 2) . $b },
    sub ($b) { flip(chunked($b)) },
    sub ($b) { head($b, "Content-Encoding: gzip\r\n") . $b },
    sub ($b) { head($b) =~ s/200/any(204, 206, 301, 304, 404, 429, 503)/er . $b },
    sub ($b) { head($b, 'X-Pad: ' . 'y' x any(100, 9000, 70_000) . "\r\n") . $b },
    sub ($b) { "HTTP/1.1 100 Continue\r\n\r\n" . head($b) . $b },
    sub ($b) { any('', "\0" x 100, "HTTP/1.1\r\n\r\n", 'HTTP/1.1 200') },
    sub ($b) { head($b) =~ s{application/json}{text/html}r . $b },
);

sub head ($body, $more = '') {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${more}"
        . 'Content-Length: ' . length($body) . "\r\nConnection: close\r\n\r\n";
}

sub chunked ($body) {
    my $text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    while (length $body) {
        my $part = substr $body, 0, 1 + rand 500, '';
        $text .= sprintf "%x\r\n%s\r\n", length $part, $part;
    }
    return "${text}0\r\n\r\n";
}

sub reply ($round, $i) {
    dice($round, $i);
    return any(@frames)->(any(@bodies)->());
}

# The key's own bytes have to be in it.

sub holds ($reply, $key) {
    my $plain = $reply =~ s/\r\n[0-9a-f]+\r\n//gr;
    return index($plain, $key->{jwk}{n} // $key->{jwk}{x}) >= 0;
}

sub serve ($listener, $round) {
    local $SIG{PIPE} = 'IGNORE';

    while (my $peer = $listener->accept) {
        my $head = '';
        while ($head !~ /\r\n\r\n/) {
            sysread($peer, $head, 4096, length $head) or last;
        }
        my ($i) = $head =~ /^Host: t(\d+)\./mi;
        print {$peer} reply($round, $i // 0);
        close $peer;
    }

    return;
}

my @text = map { chr } grep { $_ != 10 && $_ != 13 && $_ != 0 } 0 .. 255;

sub spoil ($token) {
    my @p = Auth0M2M::Mint::parts($token);
    my $k = int rand 6;

    return substr $token, 0, rand length $token if $k == 0;
    return join '', map { any(@text) } 1 .. 1 + rand 300 if $k == 1;
    return $token . any('.', 'A', '=', '.AAAA') if $k == 2;
    return any(@{ any(@good) }) if $k == 3;
    my $i = int rand 3;
    $p[$i] = flip($p[$i]);
    return Auth0M2M::Mint::join_parts(@p);
}

my ($requests, $let_in, $server, $round) = (0, 0, 0, 0);
my (%status, @wrong);

sub judge ($round, $i, $token, $answer) {
    my $status = $answer->status;
    my ($key) = grep { $token eq $good[$i][$_] } 0 .. $#keys;

    $status{$status}++;
    $requests++;
    push @wrong, "round $round, tenant $i: status $status"
        if $status !~ /^(?:200|400|401|503)$/;
    return if $status != 200;
    $let_in++;
    push @wrong, "round $round, tenant $i: let in, $token"
        if !defined $key || !holds(reply($round, $i), $keys[$key]);
    return;
}

sub locations {
    return join '', map {<<"CONF"} 0 .. $tenants - 1;
        location = /$_ {
            auth0_m2m           on;
            auth0_m2m_domain    t$_.example;
            auth0_m2m_upstream  http://127.0.0.1:%%KEYS%%;
            auth0_m2m_audience  https://api.acme.example/;
            empty_gif;
        }
CONF
}

sub round ($round) {
    my $listener = IO::Socket::INET->new(Listen => 200,
        LocalAddr => '127.0.0.1') or die "no port: $!\n";
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        $server = 0;
        alarm 600;    # never without its parent for long
        serve($listener, $round);
        require POSIX;
        POSIX::_exit(0);
    }

    $server = $pid;
    my $n = Auth0M2M::Test->new(server => locations(), log_level => 'warn',
        http   => "    auth0_m2m_zone zone=auth0_m2m:64m;\n",
        macros => { KEYS => $listener->sockport });
    my $worker = ($n->workers)[0];

    for my $i (0 .. $tenants - 1) {
        dice($round, $i + 500);
        my @tokens = map { rand() < 0.4 ? any(@{ $good[$i] })
            : spoil(any(@{ $good[$i] })) } 1 .. $each;
        my @got = $n->parallel([map { ['GET', "/$i",
            [Authorization => "Bearer $_"]] } @tokens]);
        judge($round, $i, $tokens[$_], $got[$_]) for 0 .. $#tokens;
    }

    push @wrong, "round $round: the worker died" if ($n->workers)[0] != $worker;
    $n->stop;
    end_server();
    return;
}

sub end_server {
    my $pid = $server or return;
    local $?;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    $server = 0;
    return;
}

END { end_server() }

round($round++) while $until ? time < $until : $round < $rounds;

is(scalar @wrong, 0, "$requests requests, seed $seed") or diag(join "\n", @wrong);
cmp_ok($let_in, '>', $requests / 100, "$let_in are let in");
cmp_ok($status{401} // 0, '>', $requests / 10, 'many are refused');
cmp_ok($status{503} // 0, '>', 0, 'some have no keys to be judged by');

figure('R14',
    what   => 'requests and key-set replies through nginx',
    bar    => '0 findings',
    result => @wrong . ' findings; '
        . join(', ', map {"$status{$_} x $_"} sort keys %status),
    ok    => !@wrong,
    count => $requests + $round * $tenants,
    seed  => $seed,
);

done_testing;
