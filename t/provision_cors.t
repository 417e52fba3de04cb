# Who may read the answers: CORS by exact origin, and no other way around it.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;

my $p    = Auth0M2M::Portal->new;
my $n    = $p->nginx;
my $user = $p->user;
my $good = 'https://portal.example';

sub preflight {
    my ($path, @headers) = @_;
    return $n->request('OPTIONS', $path, [ @headers,
        'Access-Control-Request-Method' => 'POST' ]);
}

sub cors {
    my ($r) = @_;
    my @headers = $r->headers;
    my %cors;

    while (my ($k, $v) = splice @headers, 0, 2) {
        $cors{lc $k} = $v if $k =~ /^Access-Control-(?!Expose)/i;
    }

    return \%cors;
}

subtest 'preflight' => sub {
    my $r = preflight('/create-key', Origin => $good);
    is($r->status, 204, 'no content');
    ok(!defined $r->header('Content-Length'), 'nor its length');
    is_deeply(cors($r), {
        'access-control-allow-origin'  => $good,
        'access-control-allow-methods' => 'POST',
        'access-control-allow-headers' =>
            'authorization,content-type,idempotency-key',
        'access-control-max-age' => 600,
    }, 'create_key');
    is(preflight('/keys/x', Origin => $good)
        ->header('Access-Control-Allow-Methods'), 'GET,POST,DELETE', 'keys');
    is(preflight('/create-key', Origin => 'https://other.example')
        ->header('Access-Control-Allow-Origin'), 'https://other.example',
        'the second origin');

    my $none = preflight('/create-key');
    is($none->status, 204, 'without Origin');
    is_deeply(cors($none), {}, 'nothing is allowed');
};

subtest 'origins that are not listed' => sub {
    for my $origin ('https://evil.example', 'http://portal.example',
        'https://portal.example.evil.example', 'https://portal.exampl',
        'https://portal.example:444', 'HTTPS://PORTAL.EXAMPLE',
        'https://portal.example/', 'null', '', '*', 'http://localhost.evil',
        'https://localhost')
    {
        for my $method ('OPTIONS', 'POST') {
            my $r = $n->request($method, '/create-key',
                [ $p->headers($user), Origin => $origin ], '{}');
            is($r->status, 403, "$method of '$origin'");
            is_deeply(cors($r), {}, 'no leave to read it');
            is($p->problem($r)->{type}, 'origin-not-allowed', 'told so');
        }
    }

    is($p->create_key($user, headers => [ Origin => $good,
        Origin => 'https://evil.example' ])->status, 403, 'two origins');
    is($p->left, '0/0/0', 'nothing was made');
};

subtest 'origins that are' => sub {
    my $r = $p->create_key($user, headers => [ Origin => $good ]);
    is($r->status, 200, 'created');
    is($r->header('Access-Control-Allow-Origin'), $good, 'exact origin');
    is(scalar(my @all = $r->header('Access-Control-Allow-Origin')), 1, 'once');
    ok(!$r->header('Access-Control-Allow-Credentials'), 'no credentials');
    like($r->header('Access-Control-Expose-Headers'), qr/Retry-After/,
        'headers to read');

    my $refused = $n->request('POST', '/create-key', [ Origin => $good ]);
    is($refused->status, 401, 'without a token');
    is($refused->header('Access-Control-Allow-Origin'), $good,
        'the page may read why');

    my $same = $p->create_key($user,
        headers => [ Origin => 'http://localhost' ]);
    is($same->status, 200, "this server's own pages");
    is_deeply(cors($same), {}, 'need no leave');
};

subtest 'Sec-Fetch-Site' => sub {
    my %want = ('cross-site' => 403, 'Cross-Site' => 403,
        'same-origin' => 200, 'same-site' => 200, 'none' => 200);

    for my $site (sort keys %want) {
        is($p->create_key($user, headers => [ 'Sec-Fetch-Site' => $site ])
            ->status, $want{$site}, "$site without Origin");
    }

    is($p->create_key($user, headers => [ 'Sec-Fetch-Site' => 'cross-site',
        Origin => $good ])->status, 200, 'cross-site of a listed origin');
};

subtest 'HTTP/2' => sub {
    my $r = $n->h2('OPTIONS', '/keys', [ Origin => $good ]);
    is($r->status, 204, 'preflight');
    is($r->header('Access-Control-Allow-Origin'), $good, 'allowed');
    is($n->h2('OPTIONS', '/keys', [ Origin => 'https://evil.example' ])
        ->status, 403, 'not allowed');
};

$p->stop;
done_testing;
