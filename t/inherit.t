#!/usr/bin/perl

# Inheritance of every directive: http, server, location, nested location,
# limit_except, if.  A directive replaces those of its name above as a whole,
# and leaves all others alone.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Guard;

my $mint = Auth0M2M::Guard->mint;
my $rsa  = $mint->key('rsa-1', alg => undef);
my $two  = $mint->key('rsa-2', alg => undef);

# directive => two settings: [text, a token that only it accepts]

my %base = (scope => 'none', org_id => 'org_x');
my %rows = (
    auth0_m2m_audience => [
        ['https://a/', { aud => 'https://a/' }],
        ['https://b/', { aud => 'https://b/' }],
    ],
    auth0_m2m_domain => [
        ['a.example', { iss => 'https://a.example/' }],
        ['b.example', { iss => 'https://b.example/' }],
    ],
    auth0_m2m_scope => [['a', { scope => 'a' }], ['b', { scope => 'b' }]],
    auth0_m2m_permission => [
        ['a', { permissions => ['a'] }], ['b', { permissions => ['b'] }],
    ],
    auth0_m2m_organization => [
        ['org_a', { org_id => 'org_a' }], ['org_b', { org_id => 'org_b' }],
    ],
    auth0_m2m_client => [['a', { azp => 'a' }], ['b', { azp => 'b' }]],
    auth0_m2m_require => [
        ['$jwt_claim_a', { a => 1 }], ['$jwt_claim_b', { b => 1 }],
    ],
    auth0_m2m_algorithms => [
        ['RS384', { -alg => 'RS384' }], ['PS384', { -alg => 'PS384' }],
    ],
    auth0_m2m_jwks_file => [
        ['jwks.json', {}], ['two.json', { -key => $two }],
    ],
);

# The second of these accepts what the first one does.

my %wider = (
    auth0_m2m_token_type => [
        ['at+jwt', { -header => { typ => 'at+jwt' }, jti => 'j',
            client_id => 'c' }],
        ['any', {}],
    ],
    auth0_m2m_leeway => [['0', {}], ['5m', { exp => sub { time - 100 } }]],
    auth0_m2m => [['on', {}], ['off', undef]],
);

my @common = (
    auth0_m2m_domain    => 'acme.us.auth0.com',
    auth0_m2m_upstream  => 'http://127.0.0.1:%%PORT_NOBODY%%',
    auth0_m2m_jwks_file => 'jwks.json',
    auth0_m2m_audience  => 'https://api.acme.example/',
    auth0_m2m           => 'on',
);

# Where settings 0 and 1 stand, and which of them holds in the places asked:
# o server's own location, l location, n nested in it, e its limit_except
# (POST), f an if in it, s another server

my %levels = (
    http     => 'http 0',
    server   => 'http 0, server 1',
    location => 'http 0, server 0, location 1',
    nested   => 'http 0, location 0, nested 1',
    except   => 'http 0, except 1',
    'if'     => 'http 0, location 1',
);

my %holds = (
    #            o  l  n  e  f  s
    http     => [0, 0, 0, 0, 0, 0],
    server   => [1, 1, 1, 1, 1, 0],
    location => [0, 1, 1, 1, 1, 0],
    nested   => [0, 0, 1, 0, 0, 0],
);

sub lines {
    my ($directive, $values, @which) = @_;
    return join '', map {"$directive $values->[$_][0];\n"} @which;
}

# The text of a configuration that has the directive at the levels given.

sub configuration {
    my ($directive, $values, $where) = @_;
    my %at = map { $_ => '' } qw(http server location nested except);

    $at{$1} .= lines($directive, $values, $2)
        while $where =~ /(\w+) (\d)/g;

    my @others;
    for (my $i = 0; $i < @common; $i += 2) {
        push @others, "$common[$i] $common[$i + 1];"
            if $common[$i] ne $directive || $at{http} eq '';
    }

    my $pass = 'proxy_set_header X-Org-Id $jwt_org_id;'
        . ' proxy_pass http://%%BACKEND%%;';

    return "@others\n$at{http}" . <<"CONF";
server {
    listen 127.0.0.1:%%PORT%%;
    $at{server}

    location /own { $pass }

    location /l {
        $at{location}
        if (\$arg_if) { proxy_pass http://%%BACKEND%%; }
        $pass

        location /l/n {
            $at{nested}
            $pass
        }

        location /l/e {
            limit_except GET { $at{except} }
            $pass
        }
    }
}
server {
    listen 127.0.0.1:%%PORT_S%%;
    location / { $pass }
}
CONF
}

# One nginx, reconfigured for each row.

my $n;

sub run {
    my ($http) = @_;
    $n = Auth0M2M::Test->new(
        files => {
            'jwks.json' => $mint->jwks($rsa),
            'two.json'  => $mint->jwks($two),
        },
        http => $http,
    );
    return $n;
}

sub token {
    my ($claims) = @_;
    return [] if !$claims;
    my %all = (%base, %$claims);
    $_ = $_->() for grep { ref eq 'CODE' } values %all;
    $all{-key} ||= $rsa;
    return [Authorization => 'Bearer ' . $mint->token(%all)];
}

my @places = (
    ['own location' => 'GET',  '/own'],
    ['location'     => 'GET',  '/l'],
    ['nested'       => 'GET',  '/l/n'],
    ['except'       => 'POST', '/l/e'],
    ['if'           => 'GET',  '/l?if=1'],
    ['other server' => 'GET',  '/', 'S'],
);

my %count = (0 => 0, 1 => 0);

sub verdict {
    my ($place, $headers) = @_;
    my (undef, $method, $path, $port) = @$place;
    my $node = $port ? $n->at($port) : $n;
    my $in = $node->request($method, $path, $headers)->status == 200 ? 1 : 0;
    $count{$in}++;
    return $in;
}

sub expect {
    my ($directive, $values, $level, $holds) = @_;

    for my $p (0 .. $#places) {
        my $holding = $values->[ $holds->[$p] ];
        my $other   = $values->[ 1 - $holds->[$p] ];
        my $name    = "$directive: $level: $places[$p][0]";

        ok(verdict($places[$p], token($holding->[1])),
            "$name: $holding->[0] holds");
        ok(!verdict($places[$p], token($other->[1])),
            "$name: $other->[0] does not")
            if $rows{$directive} || $holds->[$p] == 0;
    }

    return;
}

# An `if` has its own configuration, made like a location's.  limit_except
# takes only auth0_m2m itself; other directives there are refused.

for my $directive (sort(keys %rows), sort keys %wider) {
    my $values = $rows{$directive} || $wider{$directive};

    for my $level (sort keys %holds) {
        run(configuration($directive, $values, $levels{$level}));
        expect($directive, $values, $level, $holds{$level});
        $n->stop;
    }
}

run(configuration('auth0_m2m', $wider{auth0_m2m}, 'http 0, except 1'));
expect('auth0_m2m', $wider{auth0_m2m}, 'except', [0, 0, 0, 1, 0, 0]);
is($n->get('/l/e')->status, 401, 'auth0_m2m: except: the other methods');
$n->stop;

for my $directive (sort keys %rows) {
    my ($exit, $output) = Auth0M2M::Test->conf_test(
        files => { 'jwks.json' => $mint->jwks($rsa), 'two.json' => 'x' },
        http  => configuration($directive, $rows{$directive},
            'http 0, except 1'));
    like($output, qr/"$directive" directive is not allowed here/,
        "$directive: not in limit_except");
}

# Rules do not add up over levels, nor get lost: 11 of the peers' mistakes.

run(configuration('auth0_m2m_scope', $rows{auth0_m2m_scope},
    'http 0, location 0, location 1, nested 1'));

my ($a, $b, $ab) = map { token({ scope => $_ }) } 'a', 'b', 'a b';

is_deeply([map { verdict($places[0], $_) } $a, $b, $ab], [1, 0, 1],
    'one rule above');
is_deeply([map { verdict($places[1], $_) } $a, $b, $ab], [0, 0, 1],
    'two rules below replace it: both hold');
is_deeply([map { verdict($places[2], $_) } $a, $b, $ab], [0, 1, 1],
    'one rule below that replaces both');
ok(!verdict($places[$_], token({ scope => 'a b', aud => 'https://x/' })),
    "the audience holds nevertheless: $places[$_][0]") for 0 .. $#places;
$n->stop;

# realm and token= belong to auth0_m2m, and go with it

run(<<'CONF' . join "\n", map {"$common[2 * $_] $common[2 * $_ + 1];"} 0 .. 3);
server {
    listen 127.0.0.1:%%PORT%%;
    auth0_m2m on realm=outer token=$http_x_token;
    location / { proxy_pass http://%%BACKEND%%; }
    location /l {
        auth0_m2m on;
        location /l/n { auth0_m2m_scope a; proxy_pass http://%%BACKEND%%; }
    }
}
CONF

sub challenge { return scalar $n->get($_[0])->header('WWW-Authenticate') }

is(challenge('/'),    'Bearer realm="outer"',     'realm: inherited');
is(challenge('/l'),   'Bearer realm="auth0-m2m"', 'realm: replaced');
is(challenge('/l/n'), 'Bearer realm="auth0-m2m"', 'realm: of the location');
is($n->get('/', 'X-Token' => $mint->token(-key => $rsa))->status, 200,
    'token=: inherited');
is($n->get('/l/n', Authorization => 'Bearer '
    . $mint->token(scope => 'a', -key => $rsa))->status, 200,
    'token=: replaced');
is($n->get('/l/n', 'X-Token' => $mint->token(scope => 'a', -key => $rsa))
    ->status, 401, 'token=: not both');
$n->stop;

# organization: a list above, `any` and `off` below

run(join("\n", map {"$common[2 * $_] $common[2 * $_ + 1];"} 0 .. 4) . <<'CONF');
auth0_m2m_organization org_a;
server {
    listen 127.0.0.1:%%PORT%%;
    location /l { proxy_pass http://%%BACKEND%%; }
    location /any { auth0_m2m_organization any; proxy_pass http://%%BACKEND%%; }
    location /off { auth0_m2m_organization off; proxy_pass http://%%BACKEND%%; }
    location /b   { auth0_m2m_organization org_b; proxy_pass http://%%BACKEND%%; }
}
CONF

for (['/l', 1, 0, 0], ['/any', 1, 1, 0], ['/off', 1, 1, 1], ['/b', 0, 1, 0]) {
    my ($path, @want) = @$_;
    is_deeply([map { verdict(['', 'GET', $path], token({ org_id => $_ })) }
            'org_a', 'org_b', undef], \@want, "organization: $path");
}

$n->stop;

# token_cache decides no verdict: asked by its variable

run(join("\n", map {"$common[2 * $_] $common[2 * $_ + 1];"} 0 .. 4) . <<'CONF');
auth0_m2m_token_cache off;
server {
    listen 127.0.0.1:%%PORT%%;
    add_header X-Cache $auth0_m2m_cache_status;
    location /off { proxy_pass http://%%BACKEND%%; }
    location /on {
        auth0_m2m_token_cache on;
        location /on/off { auth0_m2m_token_cache off; proxy_pass http://%%BACKEND%%; }
        location /on/on  { proxy_pass http://%%BACKEND%%; }
    }
}
CONF

my $token = token({});
is_deeply([map { scalar $n->get($_, @$token)->header('X-Cache') }
        qw(/off /on/on /on/on /on/off /off)],
    [qw(BYPASS MISS HIT BYPASS BYPASS)], 'token_cache');
$n->stop;
figure('R19-inherit', what => 'settings from outer blocks', bar => 'FA = FR = 0',
    result => "$count{1} let in, $count{0} refused"
        . (Test::More->builder->is_passing ? ': FA 0, FR 0'
        : ': not each as expected'),
    count => $count{0} + $count{1}, ok => Test::More->builder->is_passing);
done_testing;
