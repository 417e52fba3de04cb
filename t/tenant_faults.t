#!/usr/bin/perl

# The stand-in of an Auth0 tenant: faults and the journal.

use v5.36;

use FindBin     qw($Bin);
use IO::Socket::INET;
use Mojo::JSON  qw(encode_json);
use Mojo::Util  qw(gunzip);
use POSIX       ();
use Time::HiRes qw(sleep time);

use Test::More;

use lib "$Bin/lib";
use Auth0M2M::Tenant;
use Auth0M2M::Tenant::Probe qw(call eventually parse raw);

my $t    = Auth0M2M::Tenant->start(seed => 'demo');
my $demo = $t->demo;
my $port = $t->http_port;
my $aud  = $demo->{audience};
my $jwks_path = '/.well-known/jwks.json';

my %customer = (client_id => $demo->{customer_id},
    client_secret => $demo->{customer_secret}, audience => $aud);

# ---- faults -----------------------------------------------------------------

my $KEEP = "GET $jwks_path HTTP/1.1\r\nHost: tenant\r\n\r\n";
my $GET  = $KEEP =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/r;

# What a raw client sees: (bytes, how it ended), and the journal's entry.
sub spoiled ($fault, $timeout = 2, $bytes = $GET) {
    $t->clear_faults;
    $t->journal_reset;
    $t->fault({ path => '.', %$fault });
    my ($got, $how) = raw($port, $bytes, $timeout);
    $t->wait_journal(done => 1);
    return ($got, $how, ($t->journal)[0]);
}

subtest 'faults: no whole answer' => sub {
    my @cases = (
        [ { kind => 'hang' }, 0.3, 'timeout', qr/\A\z/, undef, 0 ],
        [ { kind => 'hang', effect => 'after' }, 0.3, 'timeout', qr/\A\z/,
            undef, 1 ],
        [ { kind => 'hang', for => 0.1 }, 5, 'eof', qr/\A\z/, undef, 0 ],
        [ { kind => 'reset' }, 5, 'reset', qr/\A\z/, undef, 0 ],
        [ { kind => 'reset', effect => 'after' }, 5, 'reset', qr/\A\z/,
            undef, 1 ],
        [ { kind => 'reset', effect => 'after', bytes => 30 }, 5, 'reset',
            qr{\AHTTP/1\.1 200 OK\r\n.{13}\z}, 200, 1 ],
        [ { kind => 'close' }, 5, 'eof', qr/\A\z/, undef, 0 ],
        [ { kind => 'close', bytes => 8 }, 5, 'eof', qr{\AHTTP/1\.1\z}, undef,
            0 ],
        [ { kind => 'raw', body => "SSH-2.0-x\r\n" }, 5, 'eof',
            qr/\ASSH-2.0-x\r\n\z/, undef, 0 ],
        [ { kind => 'stall' }, 0.3, 'timeout', qr/\r\n\r\n\{"keys"/, 200, 1 ],
    );
    for my $case (@cases) {
        my ($fault, $timeout, $how, $bytes, $status, $effect) = @$case;
        my $name = encode_json($fault);
        my @seen = spoiled($fault, $timeout);
        is($seen[1], $how, "$name: ends by $how");
        like($seen[0], $bytes, "$name: bytes");
        is_deeply([ $seen[2]{fault}, $seen[2]{status}, 0 + $seen[2]{effect} ],
            [ $fault->{kind}, $status, $effect ], "$name: journal");
    }
};

subtest 'faults: spoiled bodies' => sub {
    my ($got, $how, $entry) = spoiled({ kind => 'truncated' });
    my $answer = parse($got);
    is($how, 'eof', 'truncated: closed');
    cmp_ok(length $answer->{body}, '<', $answer->{header}{'content-length'},
        'truncated: less than announced');
    is($entry->{status}, 200, 'truncated: status in the journal');

    ($got, $how) = spoiled({ kind => 'chunked_truncated' });
    is($how, 'eof', 'chunked_truncated: closed');
    my ($size, $rest) = $got =~ /\r\n\r\n([0-9a-f]+)\r\n(.*)\z/s;
    cmp_ok(length $rest, '<', hex $size, 'chunked_truncated: inside a chunk');

    ($got) = spoiled({ kind => 'garbage' });
    $answer = parse($got);
    is($answer->{status}, 200, 'garbage: status');
    like($answer->{header}{'content-type'}, qr/json/, 'garbage: type');
    is($answer->{json}, undef, 'garbage: no JSON');
    ok(length $answer->{body}, 'garbage: not empty');

    $answer = parse((spoiled({ kind => 'empty' }))[0]);
    is("@$answer{qw(status body)}", '200 ', 'empty');

    $answer = parse((spoiled({ kind => 'oversized', size => 3e6 }))[0]);
    cmp_ok(length $answer->{body}, '>', 3e6, 'oversized: length');
    is(length $answer->{json}{padding}, 3e6, 'oversized: JSON');

    $answer = parse((spoiled({ kind => 'content_type' }))[0]);
    is($answer->{header}{'content-type'}, 'text/plain', 'content_type');
    ok($answer->{json}{keys}, 'content_type: the right body');

    $answer = parse((spoiled({ kind => 'gzip' }))[0]);
    is($answer->{header}{'content-encoding'}, 'gzip', 'gzip: header');
    like(gunzip($answer->{body}), qr/"keys"/, 'gzip: body');

    $answer = parse((spoiled({ kind => 'html' }))[0]);
    is($answer->{status}, 200, 'html: status');
    like($answer->{header}{'content-type'} . $answer->{body},
        qr{text/html.*<html>}s, 'html: body');

    $answer = parse((spoiled({ kind => 'redirect' }))[0]);
    is("$answer->{status} $answer->{header}{location}",
        '302 https://elsewhere.test/', 'redirect');

    ($got) = spoiled({ kind => 'many_1xx', n => 7 });
    is(scalar(() = $got =~ m{HTTP/1\.1 103 }g), 7, 'many_1xx: interim ones');
    like($got, qr{\r\n\r\nHTTP/1\.1 200 OK\r\n}, 'many_1xx: the real one');

    ($got, $how) = spoiled({ kind => 'endless', rate => 1e6 }, 0.3);
    is($how, 'timeout', 'endless: goes on');
    cmp_ok(length $got, '>', 20000, 'endless: bytes');
};

subtest 'faults: slow' => sub {
    my ($got, undef, $entry) = spoiled({ kind => 'delay', ms => 100 });
    is(parse($got)->{status}, 200, 'delay: answer');
    ok($entry->{done}, 'delay: journal is told at the end');
    $t->clear_faults;
    $t->fault({ step => 'jwks', kind => 'delay', ms => 300 });
    my $before = time;
    call($port, GET => $jwks_path);
    cmp_ok(time - $before, '>=', 0.29, 'delay: not before its time');
    ($got) = spoiled({ kind => 'drip', rate => 30 }, 0.5);
    cmp_ok(length $got, '<', 60, 'drip: slow');
    like($got, qr{\AHTTP/1}, 'drip: but coming');
    ($got) = spoiled({ kind => 'drip', rate => 50000 });
    ok(parse($got)->{json}{keys}, 'drip: whole in the end');
};

subtest 'faults: statuses in Auth0\'s words' => sub {
    my $customer = encode_json({ %customer,
        grant_type => 'client_credentials' });
    my %text = (
        401 => 'Invalid token',
        403 => 'Insufficient scope, expected any of: create:clients',
        404 => 'Not Found',
        409 => 'Conflict',
        429 => 'Global limit has been reached',
        500 => 'An internal server error occurred',
    );
    for my $status (sort keys %text) {
        $t->fault({ step => 'client_create', kind => 'status',
            status => $status });
        my $answer = call($port, POST => '/api/v2/clients', {});
        is("$answer->{status} $answer->{json}{statusCode} "
            . $answer->{json}{message}, "$status $status $text{$status}",
            "status $status");
        is($answer->{header}{'x-ratelimit-remaining'}, 0, 'nothing remains')
            if $status == 429;
    }
    $t->fault({ step => 'token', kind => 'status', status => 429,
        headers => { 'retry-after' => 7 } });
    my $answer = call($port, POST => '/oauth/token', $customer);
    is_deeply([ $answer->{json}{error}, $answer->{header}{'retry-after'} ],
        [ 'too_many_requests', 7 ], 'token endpoint, own header');
    $t->fault({ step => 'token', kind => 'status', status => 503,
        body => 'down' });
    is(call($port, POST => '/oauth/token', $customer)->{body}, 'down',
        'own body');
};

subtest 'faults: which requests' => sub {
    $t->clear_faults;
    $t->journal_reset;
    my $id = $t->fault({ method => 'GET', path => qr/jwks/, skip => 1,
        count => 2, kind => 'status', status => 500 });
    my $get = sub { call($port, GET => $jwks_path)->{status} };
    is(join(' ', map { $get->() } 1 .. 4), '200 500 500 200',
        'skip and count');
    is_deeply([ map { $_->{rule} } $t->journal ], [ undef, $id, $id, undef ],
        'the rule is in the journal');
    is_deeply([ map { $_->{hits} } $t->faults ], [2], 'hits');
    $t->fault({ step => 'jwks', count => 'always', kind => 'status',
        status => 503 });
    is(join(' ', map { $get->() } 1 .. 3), '503 503 503', 'always');
    is(call($port, GET => '/.well-known/openid-configuration')->{status}, 200,
        'other steps are spared');
    $t->clear_faults;
    is($get->(), 200, 'cleared');
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port) // die "connect: $!";
    $t->fault({ step => 'openid', kind => 'hang' });
    print {$socket} "GET /.well-known/openid-configuration HTTP/1.1\r\n\r\n";
    $socket->flush;
    $t->wait_journal(fault => 'hang');
    $t->clear_faults;
    is(sysread($socket, my $nothing, 1), 0,
        'clearing ends a connection that hangs');
    eval { $t->fault({ kind => 'meteor' }) };
    like($@, qr/fault: no kind meteor/, 'an unknown kind is refused');
};

subtest 'faults: before and after the effect' => sub {
    my $bearer = 'Bearer ' . ($t->request_token(audience => $t->audience,
        client_id => $demo->{client_id},
        client_secret => $demo->{client_secret}))[1]{access_token};
    my $body  = encode_json({ name => 'x' });
    my $bytes = join "\r\n", 'POST /api/v2/clients HTTP/1.1', 'Host: tenant',
        'Connection: close', "Authorization: $bearer",
        'Content-Type: application/json',
        'Content-Length: ' . length $body, '', $body;
    for my $kind (qw(hang status reset close truncated chunked_truncated stall
        garbage empty oversized html redirect raw))
    {
        for my $effect (qw(before after)) {
            my $had = $t->count(step => 'client_create');
            my $n   = @{ $t->leftovers->{clients} };
            $t->clear_faults;
            $t->fault({ step => 'client_create', kind => $kind,
                effect => $effect, status => 500 });
            raw($port, $bytes, $kind =~ /hang|stall/ ? 0.05 : 5);
            $t->wait_journal(step => 'client_create', n => $had + 1,
                done => 1);
            is(@{ $t->leftovers->{clients} } - $n, $effect eq 'after' ? 1 : 0,
                "$kind $effect");
        }
    }
    $t->clear_faults;
};

# ---- the journal ------------------------------------------------------------

subtest 'journal' => sub {
    $t->journal_reset;
    my $bytes = "POST /oauth/token?a=b%20c HTTP/1.1\r\nHost: x.test\r\n"
        . "X-Twice: 1\r\nx-twice: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        . "3\r\nab\xff\r\n2\r\ncd\r\n0\r\n\r\n";
    $t->fault({ step => 'token', kind => 'reset' });
    is((raw($port, $bytes))[1], 'reset', 'reset');
    my ($e) = $t->journal;
    is($e->{raw}, $bytes, 'raw bytes of a request that was reset');
    is_deeply([ @$e{qw(method target path step scheme port body)} ],
        [ 'POST', '/oauth/token?a=b%20c', '/oauth/token', 'token', 'http',
            $port, "ab\xffcd" ], 'request');
    is_deeply($e->{query}, { a => 'b c' }, 'query');
    is_deeply($e->{headers}, [ [ Host => 'x.test' ], [ 'X-Twice' => 1 ],
        [ 'x-twice' => 2 ], [ 'Transfer-Encoding' => 'chunked' ] ],
        'headers in order');
    is_deeply([ $t->entry_header($e, 'X-TWICE') ], [ 1, 2 ], 'entry_header');
    is_deeply([ @$e{qw(status fault)}, map { 0 + $_ } @$e{qw(effect done)} ],
        [ undef, 'reset', 0, 1 ], 'outcome');

    raw($port, "GET /half HTTP/1.1\r\nHo", 0.1);
    ok($t->wait_journal(n => 2), 'an incomplete request is noted');
    my ($half) = grep { !$_->{complete} } $t->journal;
    is($half->{raw}, "GET /half HTTP/1.1\r\nHo", 'with its bytes');

    $t->fault({ step => 'jwks', kind => 'hang' });
    raw($port, $GET, 0.1);
    ok(eventually(sub {
        my ($e) = $t->journal(step => 'jwks');
        return $e && $e->{gone};
    }), 'the time at which the peer left');
    is($t->count(path => qr/jwks/), 1, 'count by path');
    is($t->count(fault => 'reset'), 1, 'count by fault');
    is($t->count(status => 404), 0, 'count by status');
    call($port, GET => '/nowhere');
    is($t->count(status => 404, step => 'unknown'), 1, 'unknown step');

    $t->journal_reset;
    my $pipelined = $KEEP x 2 . $GET;
    my ($got) = raw($port, $pipelined);
    is(scalar(() = $got =~ m{^HTTP/1\.1 200 OK\r}mg), 3, 'pipelined answers');
    is_deeply([ map { $_->{request} } $t->journal ], [ 1, 2, 3 ],
        'numbers on the connection');
    ok(!$t->wait_journal(n => 4, timeout => 0.1), 'waiting has a bound');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        sleep 0.2;
        raw($port, $GET, 0.2);
        POSIX::_exit(0);
    }
    ok($t->wait_journal(n => 4, timeout => 10), 'waits for later ones');
    waitpid $pid, 0;
};

$t->stop;
done_testing;
