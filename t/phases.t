#!/usr/bin/perl

# The access handler among nginx's other features: methods, bodies,
# connections, HTTP/2, subrequests.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(
    files => {
        'ssi.html'  => [q{[<!--# include virtual="/part/x" -->]}, 0644],
        'own.html'  => [q{[<!--# echo var="jwt_org_id" -->]}, 0644],
    },
    server => <<'CONF',
        client_max_body_size 20m;

        location / {
            auth0_m2m on;
            %%PASS%%
        }

        location /limit-except {
            auth0_m2m       off;
            auth0_m2m_scope outer;
            limit_except GET {
                auth0_m2m on;
            }
            %%PASS%%
        }

        location /limit-except-off {
            auth0_m2m on;
            limit_except POST {
                auth0_m2m off;
            }
            %%PASS%%
        }

        # auth_request: the caller of another authorizer is judged here too

        location /asks {
            auth0_m2m    on;
            auth_request /ask;
            %%PASS%%
        }
        location = /ask {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-Org-Id $jwt_org_id;
            proxy_pass http://127.0.0.1:%%PORT_ASK%%;
        }

        # a subrequest has no access phase: its caller was judged

        location /ssi/ {
            auth0_m2m on;
            ssi       on;
            ssi_types *;
            alias     %%DIR%%/;
        }
        location /part/ {
            auth0_m2m       on;
            auth0_m2m_scope never;
            proxy_pass      http://127.0.0.1:%%PORT_ASK%%;
            proxy_set_header X-Org-Id $jwt_org_id;
        }

        location /mirrored {
            auth0_m2m on;
            mirror    /mirror;
            %%PASS%%
        }
        location = /mirror {
            internal;
            auth0_m2m        on;
            proxy_set_header X-Org-Id  $jwt_org_id;
            proxy_set_header X-Mirror  1;
            proxy_pass http://%%BACKEND%%;
        }

        # a location that answers in the rewrite phase asks nobody

        location /return {
            auth0_m2m on;
            return 200 open;
        }

        location /if {
            auth0_m2m on;
            if ($arg_off) {
                set $x 1;
            }
            if ($arg_deny) {
                return 403;
            }
            %%PASS%%
        }

        location /static/ {
            auth0_m2m on;
            alias     %%DIR%%/;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_ASK%%;
        location = /ask  {
            if ($http_x_org_id = org_b) { return 403; }
            return 204;
        }
        location /part { return 200 "part for $http_x_org_id"; }
CONF
);

my %a     = (org_id => 'org_a');
my $good  = $n->mint->token(%a);
my @good  = $n->bearer($good);
my $big   = 'x' x (10 * 1024 * 1024);

# limit_except

$n->accepts('limit_except GET: GET', '/limit-except', []);
$n->refuses('limit_except GET: POST', '/limit-except', [], 'missing',
    method => 'POST');
$n->refuses('limit_except GET: the location\'s other rules hold',
    '/limit-except', $good, 'insufficient_scope', method => 'POST',
    scope => 'outer');
$n->accepts('limit_except GET: POST with a token', '/limit-except',
    { %a, scope => 'outer' }, method => 'POST');
$n->refuses('limit_except POST: POST', '/limit-except-off', [], 'missing',
    method => 'POST');
$n->accepts('limit_except POST: GET', '/limit-except-off', []);

# bodies

for my $size (0, 1, 16_384, length $big) {
    my $body = substr $big, 0, $size;

    $n->backend->clear;
    my $r = $n->request('POST', '/body', [], $body);
    is($r->status, 401, "no token, $size bytes of body");
    is($n->backend->count, 0, "no token, $size bytes: nobody asked");

    $r = $n->request('POST', '/body', \@good, $body);
    is($r->status, 200, "a token, $size bytes of body");
    is(length $n->backend->last->body, $size, "a token, $size bytes arrive");
}

my $r = $n->request('POST', '/body', ['Transfer-Encoding' => 'chunked'],
    "5\r\nhello\r\n0\r\n\r\n");
is($r->status, 401, 'no token, a chunked body');

$r = $n->raw("POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    . "Content-Length: 5\r\nConnection: close\r\n\r\n", timeout => 1);
unlike($r, qr/100 Continue/, 'Expect: nothing is asked for before a 401');
like($r, qr{^HTTP/1\.1 401 }, 'Expect: 401');

# connections

sub statuses { return join ' ', map { $_->status } @_ }

my @refused = ['GET', '/', []];
my @fine    = ['GET', '/', \@good];
my @posted  = ['POST', '/', [], 'x' x 1000];

is(statuses($n->pipeline(@refused, @fine, @refused, @fine)),
    '401 200 401 200', 'A16 pipelining: refusals in between');
is(statuses($n->pipeline(@posted, @fine, @posted, @fine)),
    '401 200 401 200', 'A16 keep-alive after refused bodies');
is(statuses($n->pipeline(['HEAD', '/', []], ['HEAD', '/', \@good], @fine)),
    '401 200 200', 'A16 HEAD in between');
is(statuses($n->pipeline(map { ['GET', '/', $_ % 2 ? \@good : []] } 1 .. 50)),
    join(' ', map { $_ % 2 ? 200 : 401 } 1 .. 50), 'A16 fifty in a row');

$r = $n->ask('/', [], 'HEAD');
is($r->body, '', 'HEAD refused: no body');
is($r->header('WWW-Authenticate'), 'Bearer realm="auth0-m2m"',
    'HEAD refused: the challenge');

my @all = $n->parallel([map { ['GET', '/', $_ % 3 ? [$n->bearer(
    { org_id => "org_$_" })] : []] } 1 .. 60]);
is(statuses(@all), join(' ', map { $_ % 3 ? 200 : 401 } 1 .. 60),
    'sixty at once');

# HTTP/1.0 and no Host

like($n->raw("GET / HTTP/1.0\r\n\r\n"), qr{^HTTP/1\.1 401 }, 'HTTP/1.0');
like($n->raw("GET / HTTP/1.0\r\nAuthorization: Bearer $good\r\n\r\n"),
    qr{^HTTP/1\.1 200 }, 'HTTP/1.0 with a token');

# HTTP/2

$r = $n->h2('GET', '/', []);
is($r->status, 401, 'HTTP/2: 401');
is($r->header('WWW-Authenticate'), 'Bearer realm="auth0-m2m"',
    'HTTP/2: the challenge');

$n->backend->clear;
$r = $n->h2('GET', '/', \@good);
is($r->status, 200, 'HTTP/2: 200');
is($n->backend->last->header('X-Org-Id'), 'org_a', 'HTTP/2: organization');

# curl takes nginx's RST_STREAM after such an answer for an error: nghttp

$n->write_file('body', 'x' x 60_000);
open my $nghttp, '-|', 'nghttp', '-nv', '-d', $n->path('body'),
    'http://127.0.0.1:' . $n->port('H2') . '/' or die "nghttp: $!\n";
like(join('', <$nghttp>), qr/:status: 401/, 'HTTP/2: a body');
close $nghttp;
is($n->h2('POST', '/', \@good, 'x' x 200_000)->status, 200,
    'HTTP/2: a body and a token');
is($n->h2('GET', '/', [Authorization => "Bearer  $good"])->status, 400,
    'HTTP/2: malformed header');

my $text = $n->h2_many(\@good, map {"/many/$_"} 1 .. 20);
is(scalar(() = $text =~ /:status: 200/g), 20, 'HTTP/2: twenty streams');
$text = $n->h2_many([], map {"/many/$_"} 1 .. 20);
is(scalar(() = $text =~ /:status: 401/g), 20, 'HTTP/2: twenty refusals');

# auth_request

$n->accepts('auth_request: both agree', '/asks', \%a);
$n->refuses('auth_request: no token, nobody is asked', '/asks', [],
    'missing');
$n->backend->clear;
is($n->ask('/asks', { org_id => 'org_b' })->status, 403,
    'auth_request: it sees the organization and refuses');
is($n->backend->count, 0, 'auth_request: refused, backend not asked');

# SSI

is($n->ask('/ssi/ssi.html', \%a)->body, '[part for org_a]',
    'SSI: the included part is fetched for the same caller');
is($n->ask('/ssi/own.html', \%a)->body, '[org_a]', 'SSI: echo');
is($n->ask('/ssi/ssi.html', [])->status, 401, 'SSI: refused as a whole');
is($n->ask('/part/x', \%a)->status, 403, 'SSI: the part by itself');

# mirror

$n->backend->clear;
is($n->ask('/mirrored', \%a)->status, 200, 'mirror: accepted');
ok($n->wait_for(sub { $n->backend->count == 2 }), 'mirror: two requests');
is_deeply([map { $_->header('X-Org-Id') } $n->backend->requests],
    [qw(org_a org_a)], 'mirror: both of the organization');
$n->refuses('mirror: refused, not mirrored', '/mirrored', [], 'missing');

# other phases

is($n->ask('/return', [])->body, 'open',
    '"return" answers before anybody is asked');
$n->refuses('if: refused', '/if?off=1', [], 'missing');
is($n->ask('/if?off=1', \%a)->status, 200, 'if: accepted');
is($n->ask('/if?deny=1', \%a)->status, 403, 'if: denied by the rewrite phase');
is($n->ask('/static/own.html', [])->status, 401, 'a file: refused');
is($n->ask('/static/own.html', \%a)->status, 200, 'a file');

# a conditional or partial request is no way around

is($n->get('/static/own.html', Range => 'bytes=0-1')->status, 401, 'Range');
is($n->get('/static/own.html', 'If-None-Match' => '*')->status, 401,
    'If-None-Match');
is($n->get($_)->status, 401, "a path: $_")
    for '//', '/./', '/a/%2e%2e/', '/a/../', '/static/../', "/\xff", '/?',
    '/limit-except-x/../x', '/static//own.html', '/STATIC/';

# the caller leaves early

for my $path ('/', '/asks') {
    $n->async(['GET', $path, \@good])->close for 1 .. 5;
}

$n->accepts('all is well afterwards', '/', \%a);

$n->stop;
Auth0M2M::Guard->figured('R19-phases',
    'methods, bodies, connections, HTTP/2, subrequests');
done_testing;
