#!/usr/bin/perl

# Callers and the way out: nothing of theirs travels along, their leaving
# ends nothing, and hundreds of fetches leave nothing behind.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $tenant = Auth0M2M::Tenant->start;
my $golden = join "\r\n",
    'GET /.well-known/jwks.json HTTP/1.1',
    'Host: ' . $tenant->domain,
    'Connection: close',
    'Accept: application/json',
    'Accept-Encoding: identity',
    'User-Agent: auth0-m2m-nginx',
    '', '';

# What a caller may hope to see sent on.

my @nasty = (
    'Cookie', 'a=b; c=d',
    'Expect', '100-continue',
    'Range', 'bytes=0-1',
    'If-None-Match', '*',
    'If-Modified-Since', 'Thu, 01 Jan 1970 00:00:00 GMT',
    'Accept', 'text/html',
    'Accept-Encoding', 'gzip, br',
    'User-Agent', 'caller',
    'Referer', 'http://evil.example/',
    'Forwarded', 'for=1.2.3.4',
    'Via', '1.0 evil',
    'TE', 'trailers',
    'Pragma', 'no-cache',
    'Cache-Control', 'no-cache',
    'Proxy-Authorization', 'Basic YTpi',
    'Content-Type', 'application/x-www-form-urlencoded',
    'Content-Encoding', 'gzip',
    'X-Original-URL', '/admin',
    'X-HTTP-Method-Override', 'DELETE',
    'X-Accel-Redirect', '/other',
    'X-Empty', '',
    (map { ("X-Forwarded-$_", 'evil.example') } qw(For Host Proto Port Server)),
    (map { ("X-Nasty-$_", 'x' x $_) } 1 .. 14),
);

sub nginx {
    my (%o) = @_;
    $tenant->journal_reset;
    return Auth0M2M::Test->new(
        tenant => $tenant,
        server => "client_max_body_size 4m;\n" . protected('/',
            jwks_cache => 'valid=1m cooldown=1s',
            with       => 'proxy_pass http://%%BACKEND%%;') =~ s/empty_gif;//r,
        %o,
    );
}

sub raw_fetches {
    return map { $_->{raw} } $tenant->journal(step => 'jwks');
}

# A body of 2 MB arrives while the first fetch runs; the next fetch is caused
# by the caller's own request.

sub nothing_travels {
    my $body = 'name=value&' x 190_000;
    my @headers = ('Authorization', 'Bearer ' . $tenant->token);

    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 1000 });
    my $n = nginx();
    ok($tenant->wait_journal(step => 'jwks'), 'cold: fetch begun');

    my $got = $n->request('POST', '/', [@headers, @nasty], $body);
    is($got->status, 200, 'cold: POST');
    my $seen = $n->backend->last;
    ok($seen->body eq $body, 'cold: the backend has the body');
    is(scalar $seen->header('X-Nasty-7'), 'x' x 7, 'and the headers');

    $tenant->rotate for 1, 2;
    @headers = ('Authorization', 'Bearer ' . $tenant->token);
    ok($n->wait_for(sub {
                $n->request('POST', '/', [@headers, @nasty], $body)->status
                    == 200;
            }), 'unknown kid: POST');

    $tenant->rotate for 1, 2;
    @headers = ('authorization', 'Bearer ' . $tenant->token);
    my @no_h1 = ('cookie', 'a=b', 'x-nasty', 'x', 'range', 'bytes=0-1');
    ok($n->wait_for(sub {
                $n->h2('POST', '/', [@headers, @no_h1], $body)->status == 200;
            }), 'unknown kid: POST by HTTP/2');

    my @seen = raw_fetches();
    is_deeply(\@seen, [($golden) x 3], 'what the tenant has seen');
    figure('R22-headers', what => 'requests to the tenant while callers, of'
            . ' HTTP/1 and HTTP/2, send ' . @nasty / 2 . ' headers and '
            . length($body) . ' bytes',
        bar    => 'byte by byte the request that the module makes by itself',
        result => grep({ $_ eq $golden } @seen) . ' of ' . @seen
            . ' as without callers', count => scalar @seen,
        ok => Test::More->builder->is_passing);
    $n->stop;
    return;
}

sub leaves {
    my ($how) = @_;
    my $n = nginx();

    is(status($n, '/', $tenant->token), 200, "$how: keys");
    $tenant->rotate for 1, 2;
    my $new = $tenant->token;
    my $caller;
    $tenant->fault({ step => 'jwks', kind => 'delay', ms => 1000 });

    ok($n->wait_for(sub {
                $caller = call($n, $how, $new);
                return $n->wait_for(sub { fetches($tenant) == 2 }, 0.2);
            }), "$how: causes a fetch");
    $how =~ /2/ ? $caller->leave : $caller->close(reset => $how eq 'RST');
    is($tenant->count(step => 'jwks', done => 1), 1, "$how: and leaves");

    ok(fetched($tenant, 2), "$how: the fetch goes on");
    ok($n->wait_for(sub { status($n, '/', $new) == 200 }),
        "$how: its keys are taken");
    is(fetches($tenant), 2, "$how: no other was needed");

    $n->stop;
    return;
}

sub call {
    my ($n, $how, $token) = @_;
    my @request = ('GET', '/', ['Authorization', "Bearer $token"]);
    return $how =~ /2/ ? $n->h2_start(@request) : $n->async([@request]);
}

# More fetches than a worker has connections, each with an end of its own.

sub leaves_nothing {
    my @ends = (
        {}, { kind => 'reset' }, { kind => 'reset', bytes => 40 },
        { kind => 'close' }, { kind => 'truncated' }, { kind => 'gzip' },
        { kind => 'garbage' }, { kind => 'oversized', size => 1e6 },
        { kind => 'many_1xx' }, { kind => 'status', status => 500 },
        { kind => 'hang', for => 0.2 }, { kind => 'stall' },
    );
    my @sets = map {"k$_"} 1 .. 40;
    my $n = nginx(
        events => 'worker_connections 100;',
        http   => <<'END',
auth0_m2m_zone zone=auth0_m2m:17m;
auth0_m2m_ssl_trusted_certificate %%CA%%;
END
        server => "location = /stub { stub_status; }\n" . join '', map {
            protected("/$sets[$_]",
                upstream   => $_ % 2 ? '%%TENANT_HTTP%%' : '%%TENANT_HTTPS%%',
                jwks_cache => 'valid=500ms timeout=' . (500 + $_) . 'ms')
        } 0 .. $#sets,
    );
    my ($pid) = $n->workers;
    my $fds = sub { my @fds = glob "/proc/$pid/fd/*"; return scalar @fds };
    my $quiet = sub { $tenant->stats->{open} == 0 };

    ok(fetched($tenant, 40), 'first fetches');
    my $least;
    ok($n->wait_for($quiet), 'quiet');
    $least = $fds->();

    $tenant->fault({ step => 'jwks', count => 12, %$_ })
        for grep {%$_} @ends;
    ok($n->wait_for(sub { fetches($tenant) >= 240 }, 20), '200 more');
    ok($n->wait_for(sub { $fds->() <= $least }), 'descriptors as before')
        or diag $fds->() . " descriptors, $least before";

    like($n->get('/stub')->body,
        qr/^Active connections: 1 \n.*Writing: 1 Waiting: 0/s,
        'connections as before');
    is(($n->workers)[0], $pid, 'by one worker');
    ok(!grep({/worker_connections are not enough/} $n->error_log),
        'with few connections');

    $tenant->clear_faults;
    $n->stop;
    return;
}

nothing_travels();
leaves($_) for 'FIN', 'RST', 'HTTP/2';
leaves_nothing();

done_testing;
