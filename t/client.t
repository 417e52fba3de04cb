#!/usr/bin/perl

# The way out to the tenant, seen through the fetch of a key set: what is
# asked, byte by byte, and which answers are taken.

use strict;
use warnings;

use File::Temp;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;

use lib 't/lib';
use Auth0M2M::Mint;
use Auth0M2M::Tenant;
use Auth0M2M::Test;

my $mint = Auth0M2M::Mint->new;
my $jwks = Auth0M2M::Mint->jwks($mint->key);
my $json = 'Content-Type: application/json';
my $max  = 262_144;

sub head { return join "\r\n", @_, '', '' }

sub sized {
    my ($body, @headers) = @_;
    return head('HTTP/1.1 200 OK', $json, @headers,
        'Content-Length: ' . length $body) . $body;
}

sub chunked {
    my ($size, @last) = @_;
    my @chunks = unpack "(a$size)*", $jwks;
    return head('HTTP/1.1 200 OK', $json, 'Transfer-Encoding: chunked')
        . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } @chunks)
        . join '', @last;
}

sub padded { return $jwks . ' ' x ($_[0] - length $jwks) }

my $end  = "0\r\n\r\n";
my $cont = head('HTTP/1.1 100 Continue', 'Content-Length: 7');
my $te   = 'Transfer-Encoding';

# name => [answer]: its keys are taken
# name => [answer, qr/log line/]: they are not

my %answers = (
    length       => [sized($jwks)],
    parameter    => [sized($jwks) =~ s/json\r/JSON; charset=utf-8\r/r],
    largest      => [sized(padded($max))],
    http10       => [sized($jwks) =~ s{1\.1}{1.0}r],
    twice        => [sized($jwks, 'Content-Length: ' . length $jwks)],
    identity     => [sized($jwks, 'Content-Encoding: Identity')],
    more         => [sized($jwks) . 'and more'],
    accel        => [sized($jwks, 'X-Accel-Redirect: /x')],
    'long-head'  => [sized($jwks, 'X: ' . 'x' x 15_000)],
    chunks       => [chunked(100, $end)],
    'tiny-chunks' => [chunked(1, $end)],
    extension    => [chunked(50, "0;a=b\r\n\r\n")],
    trailers     => [chunked(50, "0\r\nA: b\r\nC: d\r\n\r\n")],
    interim      => [$cont x 8 . sized($jwks)],
    unframed     => [head('HTTP/1.1 200 OK', $json) . $jwks],
    'unframed10' => [head('HTTP/1.0 200 OK', $json) . $jwks],
    'unframed-largest' => [head('HTTP/1.1 200 OK', $json) . padded($max)],
    filters      => [sized($jwks =~ s/^\{/{"x":"<!--# no include -->",/r)],

    interims     => [$cont x 9 . sized($jwks), qr/unexpected 1xx/],
    upgrade      => [head('HTTP/1.1 101 No', 'Upgrade: x'), qr/unexpected 1xx/],
    garbage      => ["\0\1\2\r\n\r\n", qr/no valid HTTP/],
    http2        => [sized($jwks) =~ s{1\.1}{2.0}r, qr/no valid HTTP/],
    code         => [sized($jwks) =~ s/200/600/r, qr/no valid HTTP/],
    fold         => [sized($jwks, "X: a\r\n b"), qr/invalid header/],
    nul          => [sized($jwks, "X: a\0b"), qr/invalid header/],
    'huge-head'  => [sized($jwks, 'X: ' . 'x' x 20_000), qr/too large a head/],
    gzip         => [sized($jwks, 'Content-Encoding: gzip'), qr/coded content/],
    differing    => [sized($jwks, 'Content-Length: 3'), qr/invalid Content-L/],
    list         => [sized($jwks) =~ s/(h: )/${1}1, /r, qr/invalid Content-L/],
    negative     => [sized($jwks) =~ s/h: /h: -/r, qr/invalid Content-Length/],
    overflow     => [sized($jwks) =~ s/h: /h: 9999999999999999999/r,
        qr/invalid Content-Length/],
    both         => [sized($jwks, "$te: chunked"), qr/ambiguously/],
    coding       => [chunked(50, $end) =~ s/: chunked/: gzip, chunked/r,
        qr/unknown Transfer-Encoding/],
    'old-chunks' => [chunked(50, $end) =~ s{1\.1}{1.0}r, qr/ambiguously/],
    empty        => ['', qr/did not end its answer/],
    'cut-head'   => ["HTTP/1.1 200 OK\r\nContent-", qr/did not end its answer/],
    cut          => [substr(sized($jwks), 0, -9), qr/did not end its answer/],
    'cut-chunk'  => [substr(chunked(50), 0, -9), qr/did not end its answer/],
    'no-end'     => [chunked(50), qr/did not end its answer/],
    'bad-chunk'  => [chunked(50, "zz\r\n"), qr/invalid chunked/],
    'huge-chunk' => [chunked(50, "fffffff\r\n"), qr/too large an answer/],
    announced    => [sized(padded($max + 1)), qr/announced too large/],
    large        => [chunked(50, "40000\r\n"), qr/too large an answer/],
    'unframed-cut'   => [substr(head('HTTP/1.1 200 OK', $json) . $jwks, 0, -1),
        qr/no usable key set/],
    'unframed-empty' => [head('HTTP/1.1 200 OK', $json), qr/no usable key set/],
    'unframed-large' => [head('HTTP/1.1 200 OK', $json) . padded($max + 1),
        qr/too large an answer/],
    comment      => [chunked(50, '0;' . 'x' x (2 * $max)),
        qr/too large an answer/],
    trailing     => [chunked(50, "0\r\n" . "A: b\r\n" x ($max / 3)),
        qr/too large an answer/],
);

sub location {
    my ($name, $url) = @_;
    return <<"CONF";
        location = /$name {
            auth0_m2m           on;
            auth0_m2m_domain    $name.test;
            auth0_m2m_upstream  $url;
            auth0_m2m_audience  https://api.acme.example/;
            empty_gif;
        }
CONF
}

sub status {
    my ($n, $name) = @_;
    my $token = $mint->token(iss => "https://$name.test/");
    return $n->get("/$name", Authorization => "Bearer $token")->status;
}

# nothing of the location's own filters may touch an answer

my $filters = <<'CONF';
        ssi on;
        ssi_types *;
        sub_filter '"keys"' '"no keys"';
        sub_filter_types *;
        charset koi8-r;
CONF

sub answers {
    my $n = Auth0M2M::Test->new(
        main    => 'worker_rlimit_nofile 2048;',
        http    => 'auth0_m2m_zone zone=auth0_m2m:16m;',
        server  => join('',
            $filters,
            "location = /stub { stub_status; }\n",
            map { location($_, 'http://%%BACKEND%%') } sort keys %answers),
        backend => sub {
            my ($name) = $_[0]->header('Host') =~ /^([\w-]+)\.test$/;
            return $answers{$name}[0];
        },
    );

    for my $name (sort keys %answers) {
        my ($answer, $line) = @{ $answers{$name} };
        is(status($n, $name), $line ? 503 : 200, "$name: verdict");
        next if !$line;
        ok($n->wait_for_log(qr/"$name\.test".*$line|$line.*"$name\.test"/),
            "$name: logged");
    }

    my ($first) = grep { $_->header('Host') eq 'length.test' }
        $n->backend->requests;
    is($first->raw, head(
            'GET /.well-known/jwks.json HTTP/1.1',
            'Host: length.test',
            'Connection: close',
            'Accept: application/json',
            'Accept-Encoding: identity',
            'User-Agent: auth0-m2m-nginx',
        ), 'the request');

    my $requests = keys(%answers) + 1;
    like($n->get('/stub')->body,
        qr/ \Q$requests \E\nReading: 0 Writing: 1 Waiting: 0/,
        'only clients are counted');

    $n->stop;
    return;
}

# a connection that a proxy location has opened without verifying the peer

sub keepalive {
    my $t = Auth0M2M::Tenant->start(domain => 'ka.test', tls => 'unknown_ca');
    my $n = Auth0M2M::Test->new(
        tenant => $t,
        http   => sprintf(<<'CONF', $t->https_port),
    upstream shared {
        server 127.0.0.1:%d max_fails=0;
        keepalive 8;
    }
    auth0_m2m_ssl_trusted_certificate %%%%CA%%%%;
CONF
        server => location('ka', 'https://shared') . <<'CONF',
        location = /proxy {
            proxy_pass              https://shared/.well-known/jwks.json;
            proxy_ssl_session_reuse off;
            proxy_http_version      1.1;
            proxy_set_header        Connection "";
        }
CONF
    );

    is($n->get('/proxy')->status, 200, 'kept-alive connection') for 1, 2;
    is($t->count(step => 'jwks'), 2, 'two requests');
    is($t->stats->{requests}, 2, 'on the stand-in');

    my $failures = sub {
        return scalar grep {/certificate verify.*"ka\.test"/}
            $n->error_log;
    };
    my $before = $failures->();
    ok($n->wait_for(sub { $failures->() > $before }, 10),
        'fetched again, on a connection of its own');
    is($t->count(step => 'jwks'), 2, 'nothing sent');

    $n->stop;
    $t->stop;
    return;
}

# names: asked for at run time, even where nginx knows the same host already

sub dns_answer {
    my ($query) = @_;
    my $nx = $query =~ /\x02nx/;
    my $flags = $nx ? "\x81\x83" : "\x81\x80";
    my $question = substr $query, 12;

    return substr($query, 0, 2) . $flags . pack('n4', 1, $nx ? 0 : 1, 0, 0)
        . $question
        . ($nx ? '' : pack('n3 N n C4', 0xC00C, 1, 1, 1, 4, 127, 0, 0, 1));
}

sub dns {
    my ($journal) = @_;
    my $parent = $$;
    my $socket = IO::Socket::INET->new(
        Proto     => 'udp',
        LocalAddr => '127.0.0.1',
    ) || die "dns: $@\n";
    my $pid = fork // die "fork: $!\n";

    return ($socket->sockport, $pid) if $pid;

    $SIG{TERM} = 'DEFAULT';
    my $select = IO::Select->new($socket);

    while (getppid == $parent) {
        next if !$select->can_read(1) || !$socket->recv(my $query, 512);
        open my $fh, '>>', $journal or last;
        print {$fh} join('.', unpack 'x12 (C/a)3', $query), "\n";
        close $fh or last;
        $socket->send(dns_answer($query));
    }

    POSIX::_exit(0);
}

sub names {
    my $dir = File::Temp->newdir;
    my ($port, $pid) = dns("$dir/journal");
    my $t = Auth0M2M::Tenant->start(domain => 'here.test');
    my $url = 'https://localhost:' . $t->https_port;

    my $n = Auth0M2M::Test->new(
        tenant => $t,
        http   => <<"CONF",
    resolver 127.0.0.1:$port ipv6=off;
    auth0_m2m_ssl_trusted_certificate %%CA%%;
CONF
        server => location('here', $url)
            . location('nowhere', 'https://nx.test')
            . "location = /proxy { proxy_pass $url; }\n",
    );

    is($n->get('/here', Authorization => 'Bearer ' . $t->token)->status, 200,
        'found by the resolver');
    ok($n->wait_for_log(qr/nx\.test could not be resolved.*"nowhere\.test"/),
        'not found: logged');
    is(status($n, 'nowhere'), 503, 'not found: verdict');

    open my $fh, '<', "$dir/journal" or die "journal: $!\n";
    my @asked = <$fh>;
    ok(scalar(grep {/^localhost\b/} @asked), 'the resolver was asked');

    $n->stop;
    $t->stop;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return;
}

# What one address does not answer, the next is asked.

sub next_address {
    my @t = map { Auth0M2M::Tenant->start(domain => 'next.test') } 1, 2;
    $t[0]->fault({ step => 'jwks', kind => 'reset', count => 'always' });
    my $servers = join ' ', map { $_->http_url =~ s{http://(.*)}{server $1;}r }
        @t;
    my $next = Auth0M2M::Test->new(tenant => $t[0],
        http   => "upstream tenant { $servers }",
        server => location('next', 'http://tenant'));

    ok($next->wait_for_log(qr/in force/), 'next address: keys');
    is_deeply([ map { $_->count(step => 'jwks') } @t ], [ 1, 1 ],
        'next address: after one reset');
    is($next->get('/next', Authorization => 'Bearer ' . $t[1]->token)->status,
        200, 'next address: let in');
    $next->stop;
    $_->stop for @t;
    return;
}

answers();
keepalive();
next_address();
names();

done_testing;
