#!/usr/bin/perl

# What a tenant may answer instead of keys: none of it displaces good keys or
# lets anybody in, and each costs one line of the log.

use strict;
use warnings;

use IO::Compress::Gzip qw(gzip);
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $mint = Auth0M2M::Mint->new;
my $jwk  = $mint->jwk($mint->key);
my $jwks = Auth0M2M::Mint->jwks($mint->key);
my $json = 'Content-Type: application/json';

sub head  { return join "\r\n", @_, '', '' }
sub sized { return "Content-Length: $_[0]" }

sub answer {
    my ($status, $body, @headers) = @_;
    return head("HTTP/1.1 $status X", @headers, sized(length $body)) . $body;
}

sub ok_json { return answer(200, $_[0], $json) }

sub chunked {
    my ($body, $end) = @_;
    return head('HTTP/1.1 200 OK', $json, 'Transfer-Encoding: chunked')
        . sprintf("%x\r\n%s\r\n", length $body, $body) . $end;
}

sub keys_of {
    my ($n, %more) = @_;
    my @keys = map { { %$jwk, %more, kid => "k$_" } } 1 .. $n - 1;
    return Auth0M2M::Mint->jwks($mint->key, @keys);
}

sub zipped {
    my ($text) = @_;
    gzip(\$text => \my $bytes);
    return $bytes;
}

my $one  = $jwks =~ s/^\{"keys":\[(.*)\]\}\z/$1/sr;
my $html = '<!DOCTYPE html><html><body>Sign in</body></html>';
my $ec   = $mint->jwk($mint->key('p256-1'));
my $bomb = zipped($jwks . ' ' x 64e6);

# Each holds the right keys, where it can.

my %bad = (
    '10-mb'         => answer(200, $jwks . ' ' x 10_000_000, $json),
    '10-mb-chunked' => chunked($jwks . ' ' x 10_000_000, "0\r\n\r\n"),
    'gzip'          => answer(200, zipped($jwks), $json,
        'Content-Encoding: gzip'),
    'gzip-unsaid'   => answer(200, zipped($jwks), $json),
    'gzip-64-mb'    => answer(200, $bomb, $json,
        'Content-Encoding: gzip'),
    'gzip-64-mb-unsaid' => answer(200, $bomb, $json),
    'redirect'      => answer(302, $jwks, $json,
        'Location: /.well-known/jwks.json'),
    (map { ("status-$_" => answer($_, $jwks, $json)) }
        201, 203, 206, 300, 400, 401, 403, 404, 500, 502, 503),
    'status-429'    => answer(429, $jwks, $json, 'Retry-After: 1'),
    'status-204'    => head('HTTP/1.1 204 No Content', $json),
    'status-304'    => head('HTTP/1.1 304 Not Modified', $json),
    'html'          => answer(200, $html, 'Content-Type: text/html'),
    'html-as-json'  => answer(200, $html, $json),
    'type-text'     => answer(200, $jwks, 'Content-Type: text/plain'),
    'type-none'     => answer(200, $jwks),
    'type-like'     => answer(200, $jwks, 'Content-Type: application/jsonp'),
    'cut'           => substr(ok_json($jwks), 0, -1),
    'cut-chunked'   => chunked($jwks, ''),
    'cut-head'      => substr(ok_json($jwks), 0, 30),
    'cut-json'      => ok_json(substr $jwks, 0, -1),
    'nothing'       => '',
    'empty'         => ok_json(''),
    'space'         => ok_json('   '),
    'trailing'      => ok_json($jwks . ' {}'),
    'bom'           => ok_json("\xEF\xBB\xBF$jwks"),
    'array'         => ok_json("[$one]"),
    'keys-object'   => ok_json(qq({"keys":$one})),
    'keys-missing'  => ok_json(qq({"key":[$one]})),
    'twice-keys'    => ok_json(qq({"keys":[$one],"keys":[$one]})),
    'twice-in-key'  => ok_json($jwks =~ s/("kty":"RSA")/$1,$1/r),
    'no-keys'       => ok_json('{"keys":[]}'),
    'no-usable-key' => ok_json(Auth0M2M::Mint->jwks(
            { kty => 'oct', kid => 'a', k => 'c2VjcmV0' },
            { %$ec, crv => 'P-999' }, { %$jwk, use => 'enc' })),
    '65-keys'       => ok_json(keys_of(65)),
    '1000-keys'     => ok_json(Auth0M2M::Mint->jwks($mint->key,
            map { { %$ec, kid => "k$_" } } 1 .. 999)),
    'deep'          => ok_json('{"keys":' . '[' x 50_000 . ']' x 50_000 . '}'),
    'garbage'       => join('', map { chr 7 * $_ % 256 } 1 .. 3000),
    'http-0.9'      => $jwks,
    'many-1xx'      => "HTTP/1.1 103 Early Hints\r\n\r\n" x 100
        . ok_json($jwks),
    'head-17k'      => answer(200, $jwks, $json, 'X-A: ' . 'a' x 17_000),
    'heads-17k'     => answer(200, $jwks, $json,
        map {"X-$_: " . 'a' x 100} 1 .. 200),
);

my @names = sort keys %bad;

sub nginx {
    my ($times, $answer) = @_;
    return Auth0M2M::Test->new(
        http   => 'auth0_m2m_zone zone=auth0_m2m:17m;',
        server => join('', map {
                protected("/$_",
                    domain     => "$_.test",
                    upstream   => 'http://%%BACKEND%%',
                    jwks_cache => $times)
            } @names),
        backend => sub {
            my ($name) = $_[0]->header('Host') =~ /^(\S+)\.test$/;
            return $answer->($name);
        },
    );
}

# Tokens never seen before: nothing is remembered of them.

sub statuses {
    my ($n) = @_;
    my @got = $n->parallel([
        map {
            my $token = $mint->token(iss => "https://$_.test/");
            ['GET', "/$_", ['Authorization', "Bearer $token"]]
        } @names
    ]);
    return map { $names[$_] => $got[$_]->status } 0 .. $#names;
}

sub asked {
    my ($n) = @_;
    my %asked = map { $_ => 0 } @names;
    $asked{ $_->header('Host') =~ s/\.test$//r }++ for $n->backend->requests;
    return %asked;
}

sub lines {
    my ($n, $effect) = @_;
    my %lines = map { $_ => 0 } @names;

    for ($n->error_log) {
        $lines{$1}++ if /could not refresh the keys of "(\S+)\.test".*$effect/;
    }

    return %lines;
}

# As many lines as attempts, at a moment when none is under way.

sub all_logged {
    my ($n, $effect, $good) = @_;
    my (%asked, %lines);

    my $same = sub {
        %asked = asked($n);
        %lines = lines($n, $effect);
        return !grep { $asked{$_} - $good != $lines{$_} } @names;
    };

    ok($n->wait_for($same), "$effect: a line for each attempt")
        or diag join ', ', map {"$_: $asked{$_} asked, $lines{$_} lines"}
        grep { $asked{$_} - $good != $lines{$_} } @names;
    return;
}

my %count = (requests => 0, false => 0, wrong => 0);

sub all_are {
    my ($name, $wanted, %got) = @_;

    for (@names) {
        is($got{$_}, $wanted, "$_: $name");
        $count{requests}++;
        $count{ $got{$_} =~ /^(?:200|401)$/ ? 'false' : 'wrong' }++
            if $got{$_} != $wanted;
    }

    return;
}

# The most that the workers have ever held, in KiB.

sub peak {
    my ($n) = @_;
    my $sum = 0;

    for my $pid ($n->workers) {
        open my $in, '<', "/proc/$pid/status" or next;
        $sum += /^VmHWM:\s+(\d+)/ ? $1 : 0 while <$in>;
    }

    return $sum;
}

sub cold {
    my $n = nginx('timeout=5s', sub { $bad{ $_[0] } });

    all_are('cold', 503, statuses($n));
    all_logged($n, 'none are in force', 0);

    my @others = grep { /\[error\]/ && !/could not refresh/ } $n->error_log;
    is_deeply(\@others, [], 'nothing else');

    $n->stop;
    return;
}

# 1 s fresh: after the second failure all keys are stale.

sub warm_and_stale {
    my %good;
    my $n = nginx('valid=1s', sub {
        return $good{ $_[0] }++ ? $bad{ $_[0] } : ok_json($jwks);
    });
    my $failed = sub {
        my ($times) = @_;
        my %lines = lines($n, 'stay');
        return !grep { $lines{$_} < $times } @names;
    };

    all_are('before', 200, statuses($n));
    my $before = peak($n);
    ok($n->wait_for(sub { $failed->(1) }), 'each was answered badly');
    all_are('warm', 200, statuses($n));
    ok($n->wait_for(sub { $failed->(2) }), 'and again');
    all_are('stale', 200, statuses($n));
    all_logged($n, 'the keys in force stay', 1);

    my $more = peak($n) - $before;
    my @large = grep {/10-mb|keys\z|deep|17k/} @names;
    my @coded = grep {/gzip/} @names;
    my %o = (bar => 'cut at the limit or refused, old keys stay');
    my $said = "replies spoiled, among @{[scalar @names]} kinds at the same"
        . " time: refused cold, warm and stale; $more KiB more in the worker"
        . ' at most for all of them';

    figure('R29', %o, what => 'large, endless and deep key sets',
        result => @large + 1 . " $said", count => 3 * @large + 1,
        ok => Test::More->builder->is_passing);
    figure('R30', %o, what => 'compressed key sets, said to be so or not,'
        . ' one of them 64 MB', result => @coded . " $said",
        count => 3 * @coded, ok => Test::More->builder->is_passing);
    $n->stop;
    return;
}

# A body without end is cut off long before the deadline.

sub endless {
    my $tenant = Auth0M2M::Tenant->start;
    my $n = Auth0M2M::Test->new(
        tenant => $tenant,
        server => protected('/', jwks_cache => 'valid=1s timeout=1m'),
    );
    my $token = $tenant->token;

    is(status($n, '/', $token), 200, 'endless: before');
    $tenant->fault({ step => 'jwks', kind => 'endless', rate => 1e7 });
    ok($n->wait_for_log(qr/sent too large an answer/), 'endless: cut off');
    is(status($n, '/', $tenant->token), 200, 'endless: old keys');

    $n->stop;
    $tenant->stop;
    return;
}

# Sets as Auth0 serves them, x5c and all, of any size.

sub sets {
    for my $size (1, 3, 20) {
        my $tenant = Auth0M2M::Tenant->start(keys => $size);
        my $n = Auth0M2M::Test->new(
            tenant => $tenant,
            server => protected('/'),
        );
        my @keys = @{ $tenant->jwks->{keys} };
        my @x5c  = grep { @{ $_->{x5c} } } @keys;

        is(@x5c, $size, "$size keys with x5c");
        is(status($n, '/', $tenant->token(kid => $_->{kid})), 200,
            "$size keys: $_->{kid}") for @keys;

        $n->stop;
        $tenant->stop;
    }

    return;
}

cold();
endless();
warm_and_stale();
sets();

figure('R2-replies',
    what   => @names . ' kinds of answers, cold, warm and stale',
    bar    => 'FA = FR = 0; 503 without keys; old keys stay',
    result => "$count{requests} verdicts: FA and FR $count{false}, others not"
        . " as expected $count{wrong}",
    count => $count{requests},
    ok    => Test::More->builder->is_passing,
);

done_testing;
