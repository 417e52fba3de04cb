#!/usr/bin/perl

# The harness itself, with plain nginx: what it starts it ends, what it asks
# it gets, and what is wrong in a log fails a test.

use strict;
use warnings;

use File::Path qw(remove_tree);
use Test::More;

use lib 't/lib';
use Auth0M2M::Test;

my @plain = (module => 0);

sub requests {
    my $n = Auth0M2M::Test->new(@plain, server => <<'CONF');
        location /text { return 200 "text\n"; }
        location /back { proxy_pass http://%%BACKEND%%; }
        location /204  { return 204; }
CONF

    my $r = $n->get('/text');
    is($r->status, 200, 'status');
    is($r->body, "text\n", 'body');
    is($r->header('content-type'), 'text/plain', 'header, any case');
    ok($r->complete, 'complete');
    is($n->request('HEAD', '/text')->body, '', 'HEAD has no body');
    is($n->get('/204')->status, 204, 'no content');

    $n->request('POST', '/back', ['X-A' => 1, 'X-A' => 2], 'some body');
    my $seen = $n->backend->last;
    is($seen->method, 'POST', 'backend: method');
    is($seen->path, '/back', 'backend: path');
    is_deeply([$seen->header('X-A')], [1, 2], 'backend: repeated header');
    is($seen->body, 'some body', 'backend: body');

    $n->request('PUT', '/back', ['Transfer-Encoding' => 'chunked'],
        "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
    is($n->backend->last->body, 'abcde', 'chunks');
    is($n->backend->count, 2, 'backend: count');
    $n->backend->clear;
    is($n->backend->count, 0, 'backend: clear');

    like($n->raw("GET /text HTTP/1.0\r\n\r\n"), qr{^HTTP/1.1 200 },
        'raw bytes');
    like($n->raw("BAD\r\n\r\n"), qr{^HTTP/1.1 400 }, 'raw nonsense');

    my @r = $n->pipeline(['GET', '/text'], ['HEAD', '/text'],
        "GET /204 HTTP/1.1\r\nHost: x\r\n\r\n", ['GET', '/back']);
    is_deeply([map { $_->status } @r], [200, 200, 204, 200], 'pipeline');
    is($r[3]->body, "backend\n", 'pipeline: last body');

    @r = $n->parallel([map { ['GET', $_ % 2 ? '/text' : '/back'] } 1 .. 200]);
    is(scalar(grep { $_->status == 200 } @r), 200, '200 at once');
    is($r[0]->body, "text\n", 'in the order given');
    is($r[1]->body, "backend\n", 'in the order given');
    @r = $n->parallel([map { ['GET', '/text'] } 1 .. 25], concurrency => 10);
    is(scalar(grep { $_->status == 200 } @r), 25, '10 at a time');

    is(scalar(grep {m{"GET /text HTTP/1.1" 200}} $n->access_log),
        1 + 1 + 100 + 25, 'access log');
    ok($n->stop, 'stop');
    is($n->get('/text')->status, 0, 'no answer after stop');
    return;
}

sub http2 {
    my $n = Auth0M2M::Test->new(@plain, server => <<'CONF');
        location /text { return 200 "$server_protocol $http_x_a\n"; }
        location /body { proxy_pass http://%%BACKEND%%; }
        location /slow { proxy_pass http://127.0.0.1:%%PORT_SLOW%%; }
CONF

    my $r = $n->h2('GET', '/text', ['X-A' => 'b']);
    is($r->body, "HTTP/2.0 b\n", 'h2: GET with a header');
    is($n->h2('HEAD', '/text')->status, 200, 'h2: HEAD');
    $n->h2('POST', '/body', [], "a\0b");
    is($n->backend->last->body, "a\0b", 'h2: POST');
    is($n->h2('GET', '/slow')->status, 502, 'nobody listens on PORT_x');

    my @found = $n->h2_many(['X-A' => 'c'], '/text', '/body') =~
        /:status: (\d+)/g;
    is_deeply(\@found, [200, 200], 'h2: two streams of one connection');

    is($n->at('H2')->h2('GET', '/text')->status, 200, 'at another port');
    return;
}

sub callers {
    my $n = Auth0M2M::Test->new(
        @plain,
        http => 'log_format main "$status $request_uri";',
        server  => 'location / { proxy_pass http://%%BACKEND%%; }',
        backend => sub { select undef, undef, undef, 0.3; [204] },
    );

    my $caller = $n->async(['GET', '/leaves']);
    ok($n->wait_for(sub { $n->backend->count == 1 }), 'request arrived');
    ok(!$caller->done, 'not answered yet');
    $caller->close;
    ok($n->wait_for(sub { grep {m{^499 /leaves}} $n->access_log }),
        'hung up');

    my $h2 = $n->h2_start('GET', '/leaves2');
    ok($n->wait_for(sub { grep { $_->path eq '/leaves2' }
                $n->backend->requests }), 'h2: request arrived');
    $h2->leave;
    ok($n->wait_for(sub { grep {m{^499 /leaves2}} $n->access_log }),
        'h2: hung up');

    is($n->async(['GET', '/stays'])->wait->status, 204, 'another waits');
    return;
}

sub life {
    my $n = Auth0M2M::Test->new(
        @plain,
        workers => 2,
        server  => 'location / { return 200 one; }',
        macros  => { UNUSED => 1 },
    );
    my @old = $n->workers;

    is(scalar(@old), 2, 'two workers');
    ok($n->reload, 'reload');
    my %new = map { $_ => 1 } $n->workers;
    is(scalar(grep { $new{$_} } @old), 0, 'the old ones are gone');

    ok($n->reconfigure(server => 'location / { return 200 two; }'),
        'reconfigure');
    is($n->get('/')->body, 'two', 'new configuration');

    $n->log_mark;
    $n->expect_log(qr/unknown directive "nonsense"/);
    ok(!$n->reconfigure(server => 'nonsense;'), 'refused configuration');
    ok($n->wait_for_log(qr/nonsense/), 'in the log since the mark');
    is(scalar(grep {/start worker/} $n->error_log), 0, 'nothing before it');
    is($n->get('/')->body, 'two', 'old configuration still there');

    my $killed = $n->kill_worker;
    ok($killed, 'worker killed');
    is(scalar(grep { $_ == $killed } $n->workers), 0, 'it is gone');
    is(scalar($n->workers), 2, 'another has taken its place');

    my $pid = $n->pid;
    my $dir = $n->dir;
    my $port = $n->port;
    $n->reconfigure(server => 'location / { return 200 three; }');
    ok($n->stop, 'stop');
    ok(!$n->alive && !kill(0, $pid), 'master gone');
    $n->start;
    is($n->get('/')->body, 'three', 'started again');
    is($n->port, $port, 'on the same port');
    undef $n;
    ok(!-e $dir, 'folder removed');
    return;
}

sub single_process {
    my $n = Auth0M2M::Test->new(
        @plain,
        workers => 0,
        server  => 'location / { return 200 one; }',
    );

    is($n->get('/')->body, 'one', 'master_process off');
    return;
}

sub files_and_environment {
    my $n = Auth0M2M::Test->new(
        @plain,
        env    => { TZ => 'XYZ-5', LC_ALL => undef },
        files  => { 'page.txt' => "page\n", open => ["o\n", 0644] },
        server => 'location / { root %%DIR%%; }
                   location /m { return 200 %%WORD%%; }',
        macros => { WORD => 'word' },
    );

    is($n->get('/page.txt')->body, "page\n", 'file served');
    is((stat $n->path('page.txt'))[2] & 07777, 0600, 'mode');
    is((stat $n->path('open'))[2] & 07777, 0644, 'chosen mode');
    is($n->get('/m')->body, 'word', 'macro');

    like(($n->access_log)[0], qr/ \+0500\]/, 'environment');
    return;
}

sub another_user {
    plan(skip_all => 'needs root') if $> != 0;

    my $n = Auth0M2M::Test->new(
        @plain,
        user   => 'nobody nogroup',
        server => 'client_body_in_file_only clean;
                   location / { proxy_pass http://%%BACKEND%%; }',
    );

    is($n->request('POST', '/', [], 'x')->status, 200, 'temporary file');
    is((stat '/proc/' . ($n->workers)[0])[4], scalar getpwnam('nobody'),
        'the worker is another user');
    return;
}

sub configurations {
    my ($exit, $text) = Auth0M2M::Test->conf_test(@plain,
        server => 'location / { return 200; }');
    is($exit, 0, 'nginx -t: good');
    like($text, qr/test is successful/, 'nginx -t: says so');

    ($exit, $text) = Auth0M2M::Test->conf_test(@plain, server => 'foo;');
    isnt($exit, 0, 'nginx -t: bad');
    like($text, qr/\[emerg\] unknown directive "foo"/, 'nginx -t: why');

    my $n = Auth0M2M::Test->new(@plain, server => '', start => 0);
    ($exit, $text) = $n->conf_dump;
    like($text, qr/server_name localhost/, 'nginx -T');

    eval { Auth0M2M::Test->new(@plain, server => 'foo;') };
    like($@, qr/unknown directive "foo"/, 'new dies with the log');
    eval { Auth0M2M::Test->new(@plain, server => '%%NO%%;') };
    like($@, qr/macro %%NO%%/, 'unknown macro');
    return;
}

# Each program must fail, or pass, when run by itself.

sub child {
    my ($code) = @_;
    my ($exit, $text) = Auth0M2M::Test::Curl::run([
        $^X, '-It/lib', '-MTest::More', '-MAuth0M2M::Test', '-e',
        "my \$n = Auth0M2M::Test->new(module => 0, server => '');"
            . "sub log_line { open my \$f, '>>', \$n->path('error.log');"
            . "print {\$f} \@_, qq{\\n} } pass('x'); $code",
    ]);

    return ($exit, $text);
}

sub alarms {

    # what nohup has this test ignore, its children would ignore as well
    local $SIG{HUP} = sub { exit 1 };

    my @bad = (
        '2000/01/01 00:00:00 [alert] 1#1: something',
        '2000/01/01 00:00:00 [emerg] 1#1: something',
        '==1==ERROR: AddressSanitizer: heap-use-after-free',
        '==1==ERROR: LeakSanitizer: detected memory leaks',
        '/x/src/a0.c:1:2: runtime error: signed integer overflow',
    );
    my @good = (
        '2000/01/01 00:00:00 [error] 1#1: something',
        'src/core/ngx_string.c:1:2: runtime error: null pointer',
        'src/http/v2/ngx_http_v2.c:1:2: runtime error: misaligned',
    );

    for my $line (@bad) {
        my ($exit) = child("log_line('$line'); done_testing");
        isnt($exit, 0, "object alive at the end: $line");
        ($exit) = child("log_line('$line'); \$n->stop; done_testing");
        isnt($exit, 0, "stop: $line");
        ($exit) = child("log_line('$line'); \$n->expect_log(qr/some|Sani|run/);"
                . 'done_testing');
        is($exit, 0, "expected: $line");
    }

    for my $line (@good) {
        my ($exit, $text) = child("log_line('$line'); done_testing");
        is($exit, 0, "no alarm: $line") or diag($text);
    }

    my ($exit, $text) = child('kill KILL => $n->pid; done_testing');
    isnt($exit, 0, 'master killed');
    for my $sig (qw(INT TERM HUP)) {
        ($exit, $text) = child('print "# ", $n->dir, "\n";'
                . "kill $sig => \$\$; sleep 5; done_testing");
        isnt($exit, 0, "SIG$sig ends the test");
        ok($text =~ m{^# (/\S+)}m && !-e $1, 'and its folder');
    }

    ($exit, $text) = child('print "# ", $n->pid, " ", $n->dir, "\n";'
            . 'kill KILL => $$');
    my ($pid, $dir) = $text =~ m{^# (\d+) (/\S+)}m;
    ok(Auth0M2M::Test->wait_for(sub { !_running($pid) }),
        'nginx does not outlive a killed test');
    remove_tree($dir);
    return;
}

sub _running {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/stat" or return 0;
    return (<$fh> // '') !~ /\) Z /;
}

my %parts = (
    requests => \&requests,
    http2    => \&http2,
    callers  => \&callers,
    life     => \&life,
    single   => \&single_process,
    files    => \&files_and_environment,
    user     => \&another_user,
    conf     => \&configurations,
    alarms   => \&alarms,
);

subtest($_ => $parts{$_}) for sort keys %parts;

done_testing;
