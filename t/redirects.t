#!/usr/bin/perl

# Internal redirects: each location judges by its own rules, and what the
# last one verified is what the variables say.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(
    files  => { 'index.html' => ["index\n", 0644], 'file' => ["file\n", 0644] },
    http   => <<'CONF',
    log_format main '$uri $status "$jwt_org_id" $auth0_m2m_status';

    server {
        listen 127.0.0.1:%%PORT_APP%%;

        location /to-b {
            add_header X-Accel-Redirect /b/x;
            return 200;
        }
        location /to-open {
            add_header X-Accel-Redirect /open/x;
            return 200;
        }
        location /to-named {
            add_header X-Accel-Redirect @named;
            return 200;
        }
        location /to-files {
            add_header X-Accel-Redirect /files/file;
            return 200;
        }
    }
CONF
    server => <<'CONF',
        add_header X-Org    "$jwt_org_id"           always;
        add_header X-Status "$auth0_m2m_status"     always;
        add_header X-Path   "$uri"                  always;

        location /a/ {
            auth0_m2m       on;
            auth0_m2m_scope a;

            # from a to b
            location /a/error-page { error_page 404 = /b/x; }
            location /a/error-page-status { error_page 404 /b/x; }
            location /a/try { try_files /none /b/x; }
            location /a/rewrite { rewrite ^ /b/x last; }
            location /a/accel { proxy_pass http://127.0.0.1:%%PORT_APP%%/to-b; }
            location /a/named { error_page 404 = @named; }
            location /a/try-named { try_files /none @named; }
            location /a/accel-named {
                proxy_pass http://127.0.0.1:%%PORT_APP%%/to-named;
            }

            # from a to where nothing is asked for
            location /a/open { error_page 404 = /open/x; }
            location /a/accel-open {
                proxy_pass http://127.0.0.1:%%PORT_APP%%/to-open;
            }
            location /a/accel-files {
                proxy_pass http://127.0.0.1:%%PORT_APP%%/to-files;
            }
            location /a/index/ { alias %%DIR%%/; index index.html; }
            location /a/optional { error_page 404 = /optional/x; }
            location /a/twice { recursive_error_pages on; error_page 404 = /a/twice-2; }
            location /a/twice-2 { recursive_error_pages on; error_page 404 = /open/x; }

            # refusals
            location /a/denied-b { error_page 401 403 /b/x; }
            location /a/denied-open { error_page 401 403 /open/x; }
            location /a/denied-named { error_page 401 403 @denied; }
            location /a/denied-optional { error_page 401 403 /optional/x; }
            location /a/denied-other { error_page 401 403 = /open/x; }
            location /a/denied-other-named { error_page 401 403 = @denied; }
            location /a/denied-200 { error_page 401 403 =200 /open/x; }
        }

        location /b/ {
            auth0_m2m       on realm=b;
            auth0_m2m_scope b;
            proxy_pass      http://%%BACKEND%%;
        }

        location @named {
            auth0_m2m       on realm=b;
            auth0_m2m_scope b;
            proxy_pass      http://%%BACKEND%%;
        }

        location @denied {
            auth0_m2m       off;
            proxy_pass      http://%%BACKEND%%;
        }

        location /open/ { proxy_pass http://%%BACKEND%%; }
        location /files/ { internal; alias %%DIR%%/; }

        location /optional/ {
            auth0_m2m          optional;
            auth0_m2m_audience https://other/;
            proxy_pass         http://%%BACKEND%%;
        }

        location /start/open { error_page 404 = /a/index/; }
        location /start/open-b { error_page 404 = /b/x; }
        location /start/optional {
            auth0_m2m  optional;
            error_page 404 = /b/x;
        }
CONF
);

my %a  = (org_id => 'org_a', scope => 'a');
my %b  = (org_id => 'org_b', scope => 'b');
my %ab = (org_id => 'org_ab', scope => 'a b');

# check(name, path, what is sent, status, backend?, organization, status text)

sub check {
    my ($path, $how, $status, $asked, $org, $text) = @_;
    my $name = $path . ' ' . (ref $how eq 'HASH' ? $how->{org_id} : 'none');

    $n->backend->clear;
    my $r = $n->ask($path, $how);
    is($r->status,              $status, "$name: status");
    is($n->backend->count,      $asked,  "$name: requests at the backend");
    is($r->header('X-Org')    // '', $org,  "$name: organization");
    is($r->header('X-Status') // '', $text, "$name: verdict");

    my @bearer = grep {/^Bearer/} $r->header('WWW-Authenticate');
    is(scalar @bearer, $status =~ /40[13]/ ? 1 : 0, "$name: challenges");
    return $r;
}

# Both judge: what the second one says counts, when the first one agreed.

my @to_b = map {"/a/$_"}
    qw(error-page try rewrite accel named try-named accel-named);

for my $path (@to_b) {
    check($path, \%ab, 200, 1, 'org_ab', 'ok');
    my $r = check($path, \%a, 403, 0, '', 'insufficient_scope');
    is($r->header('WWW-Authenticate'),
        $n->challenge('insufficient_scope', realm => 'b', scope => 'b'),
        "$path: the second location's challenge");

    # rewrite is before the access phase: the first location is not asked

    if ($path eq '/a/rewrite') {
        check($path, \%b, 200, 1, 'org_b', 'ok');
        next;
    }

    $r = check($path, \%b, 403, 0, '', 'insufficient_scope');
    is($r->header('WWW-Authenticate'),
        $n->challenge('insufficient_scope', scope => 'a'),
        "$path: the first location's challenge");
    check($path, [], 401, 0, '', 'missing');
}

check('/a/error-page-status', \%ab, 404, 1, 'org_ab', 'ok');

# What the first one verified lasts where nothing is asked for.

check("/a/$_", \%a, 200, 1, 'org_a', 'ok') for qw(open accel-open twice);
check("/a/$_", \%b, 403, 0, '', 'insufficient_scope')
    for qw(open accel-open twice);

is(check('/a/accel-files', \%a, 200, 0, 'org_a', 'ok')->body, "file\n",
    'X-Accel-Redirect to a file');
is(check('/a/index/', \%a, 200, 0, 'org_a', 'ok')->body, "index\n",
    'index: the file');
is(check('/a/index/', \%a, 200, 0, 'org_a', 'ok')->header('X-Path'),
    '/a/index/index.html', 'index: another location');

# Another verdict replaces it, also one that refuses nothing.

check('/a/optional', \%a, 200, 1, '', 'wrong_audience');

# From where nothing, or nothing strict, was asked.

check('/start/open', \%a, 200, 0, 'org_a', 'ok');
check('/start/open', [],  401, 0, '',      'missing');
check('/start/open-b', \%b, 200, 1, 'org_b', 'ok');
check('/start/optional', \%b, 200, 1, 'org_b', 'ok');
check('/start/optional', \%a, 403, 0, '', 'insufficient_scope');
check('/start/optional', [],  401, 0, '', 'missing');

# Pages for refusals.

check('/a/denied-open', [], 401, 1, '', 'missing');
check('/a/denied-open', \%b, 403, 1, '', 'insufficient_scope');
check('/a/denied-named', [], 401, 1, '', 'missing');
check('/a/denied-b', [], 401, 0, '', 'missing');

my $r = check('/a/denied-b', \%a, 404, 0, 'org_a', 'ok');

# The page is protected too, by rules that this token meets.

$n->backend->clear;
$r = $n->ask('/a/denied-b', \%b);
is($r->status, 403, 'a protected page for a refusal: the status stays');
is($n->backend->count, 1, 'a protected page for a refusal: is shown');
is_deeply([$r->header('WWW-Authenticate')],
    [$n->challenge('insufficient_scope', scope => 'a')],
    'a protected page for a refusal: its challenge stays');

$n->backend->clear;
$r = $n->ask('/a/denied-optional', []);
is($r->status, 401, 'a page that is optional: the status stays');
is_deeply([$r->header('WWW-Authenticate')], ['Bearer realm="auth0-m2m"'],
    'a page that is optional: so does the challenge');

$n->backend->clear;
$r = $n->ask('/a/denied-200', []);
is($r->status, 200, 'error_page =200: 200');
is($n->backend->last->header('X-Org-Id'), undef, 'error_page =200: nobody');
is($r->header('WWW-Authenticate'), undef, 'error_page =200: no challenge');

for my $path (qw(/a/denied-other /a/denied-other-named)) {
    $r = $n->ask($path, []);
    is($r->status, 200, "$path: another answer");
    is($r->header('WWW-Authenticate'), undef, "$path: has no challenge");
}

# The log phase sees the last verdict.

# The last of the requests above is in the log, and so are all before it.

my @log;
$n->wait_for(sub {
    @log = $n->access_log;
    return grep {m{^/open/x 200 "-" missing}} @log;
});
ok((grep { $_ eq '/b/x 200 "org_ab" ok' } @log), 'log: accepted');
ok((grep { $_ eq '/b/x 403 "-" insufficient_scope' } @log), 'log: refused');
ok((grep { $_ eq '/open/x 200 "org_a" ok' } @log), 'log: carried on');

$n->stop;
Auth0M2M::Guard->figured('R19-redirects',
    'internal redirects of every kind');
done_testing;
