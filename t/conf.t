#!/usr/bin/perl

# What nginx -t says: each directive, valid and not, and what is missing.  What
# a message must name is in conf_messages.t.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $mint = Auth0M2M::Guard->mint;
my %files = (
    'jwks.json'  => $mint->jwks($mint->key),
    'empty.json' => '{"keys":[]}',
    'weak.json'  => $mint->jwks($mint->key('rsa1024-1')),
    'text.json'  => 'hello',
    'big.json'   => '{"keys":[' . ' ' x 300_000 . ']}',
    'ca.pem'     => "no certificate\n",
);

my $base = <<'CONF';
auth0_m2m_domain   acme.us.auth0.com;
auth0_m2m_upstream http://127.0.0.1:1;
auth0_m2m_audience https://api/;
CONF

# The one line inside a location that is on, after the base.

sub tested {
    my ($http, %o) = @_;
    return Auth0M2M::Test->conf_test(
        files => {%files},
        http  => "$http\nserver { listen 127.0.0.1:%%PORT%%; }",
        %o,
    );
}

sub location {
    my ($text, $base_text) = @_;
    return ($base_text // $base)
        . "server {\nlisten 127.0.0.1:%%PORT_X%%;\nlocation / {\n"
        . "auth0_m2m on;\n$text\n}\n}\n";
}

sub good {
    my ($name, $http, %o) = @_;
    my ($exit, $output) = tested($http, %o);
    is($exit, 0, "valid: $name") or diag $output;
    return $output;
}

# bad(name, text, what the message says, %o).  The line is the one that has
# "HERE" behind it; a message without a line says so with line => 0.

sub bad {
    my ($name, $http, $says, %o) = @_;
    my ($exit, $output) = tested($http =~ s/#HERE//r, %o);
    my ($emerg) = $output =~ /\[emerg\] (?:\d+#\d+: )?(.*)/;

    isnt($exit, 0, "refused: $name");
    like($emerg // '', $says, "refused: $name: what is said");
    return if !$o{place};
    like($emerg // '', qr{ in /\S*/nginx\.conf:\d+(?: \(SSL:.*)?$},
        "refused: $name: the place");
    return;
}

sub invalid {
    my ($line, $says, %o) = @_;

    bad($line =~ s/(.{50}).*/$1.../sr, location($line), $says, place => 1, %o);
    return;
}

# valid

good('the base', $base);
good('the shortest', location(''));
good($_, location($_)) for (
    'auth0_m2m_scope a;',
    'auth0_m2m_scope any a b; auth0_m2m_scope c;',
    'auth0_m2m_permission read:a;',
    'auth0_m2m_permission any a; auth0_m2m_permission b;',
    'auth0_m2m_organization off;',
    'auth0_m2m_organization any;',
    'auth0_m2m_organization org_a org_b;',
    'auth0_m2m_client app1 app2;',
    'auth0_m2m_require $jwt_org_id;',
    'auth0_m2m_require $jwt_org_id $arg_x error=403;',
    'auth0_m2m_require "a$arg_x" error=401;',
    'auth0_m2m_algorithms RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384;',
    'auth0_m2m_token_type any;',
    'auth0_m2m_token_type at+jwt;',
    'auth0_m2m_leeway 0;',
    'auth0_m2m_leeway 5m;',
    'auth0_m2m_leeway 300;',
    'auth0_m2m_jwks_file %%DIR%%/jwks.json;',
    'auth0_m2m_jwks_file jwks.json;',
    'auth0_m2m_jwks_cache valid=10m stale=24h cooldown=30s timeout=5s;',
    'auth0_m2m_jwks_cache stale=0 cooldown=0;',
    'auth0_m2m_jwks_cache valid=100ms timeout=100ms;',
    'auth0_m2m_token_cache off;',
    'auth0_m2m_token_cache on;',
    'auth0_m2m_domain a.example b.example;',
    'auth0_m2m_upstream https://127.0.0.1:8443;',
    'auth0_m2m_upstream http://unix:%%DIR%%/s;',
    'auth0_m2m_upstream http://[::1]:8080;',
    'auth0_m2m_upstream https://127.0.0.1 a.example;'
        . ' auth0_m2m_upstream https://127.0.0.2;',
    'auth0_m2m_authorizer;',
);

good("auth0_m2m $_", $base . "auth0_m2m $_;") for (
    'on', 'off', 'optional', 'on realm=x', 'on "realm=a b"',
    'on token=$cookie_t', 'optional realm=x token=$http_x',
    'on token=$http_x realm=x', 'off realm=x',
);
good("auth0_m2m_zone $_", $base . "auth0_m2m on; auth0_m2m_zone $_;")
    for 'zone=a:256k', 'zone=auth0_m2m:2m', 'zone=b:10m';
good('an upstream block', "upstream tenant { server 127.0.0.1:1; }\n"
    . location('auth0_m2m_upstream https://tenant;'));
good('an upstream block in plain text', "upstream tenant {"
    . " server 127.0.0.1:1; server unix:/tmp/x; }\n"
    . location('auth0_m2m_upstream http://tenant;'));
good('off needs nothing', "auth0_m2m off;\nserver {"
    . " listen 127.0.0.1:%%PORT_X%%; location / { auth0_m2m off; } }");
good('no directive at all', '');
good('two ways to off', "auth0_m2m off;\n");
good('in limit_except', $base . "server { listen 127.0.0.1:%%PORT_X%%;"
    . " location / { limit_except GET { auth0_m2m on; } } }");
good('a resolver, a domain by itself', "resolver 127.0.0.1;\n"
    . location('', "auth0_m2m_domain acme.us.auth0.com;\n"
        . "auth0_m2m_audience x;\n"));

# not valid: the directives by themselves

my $name_says = qr/invalid name .* printable ASCII/;

my @invalid = (
    ['auth0_m2m_domain https://acme.auth0.com;',
        qr/"auth0_m2m_domain".*host name alone/],
    ['auth0_m2m_domain acme.auth0.com/;', qr/host name alone/],
    ['auth0_m2m_domain acme.auth0.com:443;', qr/host name alone/],
    ['auth0_m2m_domain "";', qr/host name alone/],
    ['auth0_m2m_domain a_b.example;', qr/host name alone/],
    ['auth0_m2m_domain a.example a.example;',
        qr/duplicate domain "a.example"/],
    ['auth0_m2m_domain a.example A.example;', qr/duplicate domain/],
    ['auth0_m2m_domain a.example; auth0_m2m_domain b.example;',
        qr/"auth0_m2m_domain" directive is duplicate/],
    ['auth0_m2m_domain;', qr/invalid number of arguments in "auth0_m2m_domain"/],
    ['auth0_m2m_upstream ftp://127.0.0.1;',
        qr/"ftp:.*"auth0_m2m_upstream".*https:/],
    ['auth0_m2m_upstream 127.0.0.1;', qr/"auth0_m2m_upstream".*https:/],
    ['auth0_m2m_upstream https://127.0.0.1/path;',
        qr/"https:.*"auth0_m2m_upstream"/],
    ['auth0_m2m_upstream https://127.0.0.1:99999;',
        qr/invalid port.*"auth0_m2m_upstream"/],
    ['auth0_m2m_upstream https://;', qr/"auth0_m2m_upstream"/],
    ['auth0_m2m_upstream http://192.0.2.1;',
        qr/"http:.*"auth0_m2m_upstream".*plain text.*use https/],
    ['auth0_m2m_upstream http://127.0.0.1 x/y;',
        qr{invalid domain "x/y" in "auth0_m2m_upstream"}],
    ['auth0_m2m_upstream https://127.0.0.1; auth0_m2m_upstream https://127.0.0.2;',
        qr/"auth0_m2m_upstream" directive is duplicate/],
    ['auth0_m2m_upstream https://127.0.0.1 a.b;'
        . ' auth0_m2m_upstream https://127.0.0.2 a.b;',
        qr/"auth0_m2m_upstream" directive is duplicate/],
    ['auth0_m2m_ssl_trusted_certificate none.pem;',
        qr/none\.pem.*"auth0_m2m_ssl_trusted_certificate"/,
        'auth0_m2m_upstream https://127.0.0.1;'],
    ['auth0_m2m_ssl_trusted_certificate ca.pem;',
        qr/ca\.pem.*"auth0_m2m_ssl_trusted_certificate"/,
        'auth0_m2m_upstream https://127.0.0.1;'],
    ['auth0_m2m_audience;', qr/number of arguments in "auth0_m2m_audience"/],
    ['auth0_m2m_audience "";', qr/$name_says/],
    ['auth0_m2m_audience a; auth0_m2m_audience b;',
        qr/"auth0_m2m_audience" directive is duplicate/],
    ['auth0_m2m_scope;', qr/number of arguments in "auth0_m2m_scope"/],
    ['auth0_m2m_scope any;', qr/no names after "any" in "auth0_m2m_scope"/],
    ['auth0_m2m_scope "a b";', $name_says],
    ['auth0_m2m_scope \'a"b\';', $name_says],
    ['auth0_m2m_scope a\\\\b;', $name_says],
    ["auth0_m2m_scope \xc3\xa4;", $name_says],
    ['auth0_m2m_scope "";', $name_says],
    ['auth0_m2m_permission any;',
        qr/no names after "any" in "auth0_m2m_permission"/],
    ['auth0_m2m_permission "a b";', $name_says],
    ['auth0_m2m_organization acme;',
        qr/"acme" in "auth0_m2m_organization".*org_/],
    ['auth0_m2m_organization org_;', qr/"auth0_m2m_organization"/],
    ['auth0_m2m_organization org;', qr/"auth0_m2m_organization"/],
    ['auth0_m2m_organization o;', qr/"auth0_m2m_organization"/],
    ['auth0_m2m_organization org_a any;', qr/"any" in "auth0_m2m_organiz/],
    ['auth0_m2m_organization off org_a;', qr/"off" in "auth0_m2m_organiz/],
    ['auth0_m2m_organization org_a; auth0_m2m_organization org_b;',
        qr/"auth0_m2m_organization" directive is duplicate/],
    ['auth0_m2m_organization org_' . 'a' x 65 . ';',
        qr/"auth0_m2m_organization"/],
    ['auth0_m2m_client "";', $name_says],
    ['auth0_m2m_client a; auth0_m2m_client b;',
        qr/"auth0_m2m_client" directive is duplicate/],
    ['auth0_m2m_require;', qr/number of arguments in "auth0_m2m_require"/],
    ['auth0_m2m_require error=403;',
        qr/"auth0_m2m_require" directive has no values/],
    ['auth0_m2m_require $arg_x error=404;',
        qr/"error=404" in "auth0_m2m_require".*401 or error=403/],
    ['auth0_m2m_require text;',
        qr/"text" in "auth0_m2m_require" directive holds no variable/],
    ['auth0_m2m_require $no_such_variable;',
        qr/unknown "no_such_variable" variable/, undef, place => 0],
    ['auth0_m2m_algorithms;', qr/number of arguments in "auth0_m2m_algo/],
    (map { ["auth0_m2m_algorithms $_;",
            qr/algorithm "$_" in "auth0_m2m_algorithms".*known are RS256/] }
        qw(HS256 HS384 HS512 none None rs256 EdDSA ES512 RS1 dir)),
    ['auth0_m2m_algorithms RS256 RS256;',
        qr/duplicate algorithm "RS256" in "auth0_m2m_algorithms"/],
    ['auth0_m2m_algorithms RS256; auth0_m2m_algorithms PS256;',
        qr/"auth0_m2m_algorithms" directive is duplicate/],
    ['auth0_m2m_token_type jwt;', qr/invalid value "jwt"/],
    ['auth0_m2m_leeway 301;', qr/"301" in "auth0_m2m_leeway".*at most 5m/],
    ['auth0_m2m_leeway 6m;', qr/"6m" in "auth0_m2m_leeway".*at most 5m/],
    ['auth0_m2m_leeway -1;', qr/"-1" in "auth0_m2m_leeway"/],
    ['auth0_m2m_leeway x;', qr/"x" in "auth0_m2m_leeway"/],
    ['auth0_m2m_leeway 1; auth0_m2m_leeway 2;',
        qr/"auth0_m2m_leeway" directive is duplicate/],
    ['auth0_m2m_jwks_file none.json;',
        qr/none\.json" of "auth0_m2m_jwks_file" failed/],
    (map { ["auth0_m2m_jwks_file $_.json;",
            qr/$_\.json" of "auth0_m2m_jwks_file" is not a key set/] }
        qw(empty weak text big)),
    ['auth0_m2m_jwks_file jwks.json; auth0_m2m_jwks_file jwks.json;',
        qr/"auth0_m2m_jwks_file" directive is duplicate/],
    (map { ["auth0_m2m_jwks_cache $_;",
            qr/parameter .* in "auth0_m2m_jwks_cache".*valid=time/] }
        'x', 'valid', 'valid=', 'valid=x', 'valid=0', 'valid=99ms',
        'timeout=0', 'valid=1m valid=2m', 'ttl=1m', 'stale=-1'),
    ['auth0_m2m_jwks_cache valid=1m; auth0_m2m_jwks_cache stale=1m;',
        qr/"auth0_m2m_jwks_cache" directive is duplicate/],
    ['auth0_m2m_token_cache maybe;', qr/"maybe" in "auth0_m2m_token_cache"/],
    ['auth0_m2m_authorizer x;', qr/number of arguments in "auth0_m2m_auth/],
    ['auth0_m2m_authorizer; auth0_m2m_authorizer;',
        qr/"auth0_m2m_authorizer" directive is duplicate/],
    ['auth0_m2m_zone zone=a:2m;',
        qr/"auth0_m2m_zone" directive is not allowed here/],
);

for (@invalid) {
    my ($line, $says, $more, %o) = @$_;
    invalid($line . ($more ? " $more" : ''), $says, %o);
}

# of auth0_m2m itself

my @modes = (
    ['yes', qr/"yes" in "auth0_m2m".*on, off or optional/],
    ['ON',  qr/"ON" in "auth0_m2m".*on, off or optional/],
    ['',    qr/number of arguments in "auth0_m2m"/],
    ['on x', qr/"x" in "auth0_m2m".*realm=string and token=\$variable/],
    ['on token=x', qr/"token=x" in "auth0_m2m"/],
    ['on token=$', qr/"token=\$" in "auth0_m2m"/],
    ['on realm=a realm=b', qr/duplicate parameter "realm=b"/],
    ['on token=$http_a token=$http_b', qr/duplicate parameter "token=\$http_b/],
    ['on "realm=a' . "\n" . 'b"', qr/invalid realm.*printable ASCII/],
    ["on realm=\xc3\xa4", qr/invalid realm.*printable ASCII/],
    ['on token=$no_such', qr/unknown "no_such" variable/, 0],
    ['on; auth0_m2m off', qr/"auth0_m2m" directive is duplicate/],
);

bad("auth0_m2m $_->[0]", "${base}auth0_m2m $_->[0];", $_->[1],
    place => $_->[2] // 1) for @modes;

bad("auth0_m2m_zone $_->[0]", "${base}auth0_m2m on;\nauth0_m2m_zone $_->[0];",
    $_->[1], place => $_->[2] // 1) for (
    ['x', qr/"x" in "auth0_m2m_zone".*zone=name:size/],
    ['zone=', qr/zone=name:size/], ['zone=a', qr/zone=name:size/],
    ['zone=:1m', qr/zone=name:size/], ['zone=a:x', qr/zone=name:size/],
    ['zone=a:255k', qr/zone "a" .*is too small.*256k/],
    ['zone=a:1m; auth0_m2m_zone zone=b:1m',
        qr/"auth0_m2m_zone" directive is duplicate/],
);

# what is missing, found where the location is complete: the message names
# the line of the auth0_m2m directive

sub missing {
    my ($name, $http, $says, $at) = @_;
    my @lines = split /\n/, $http;
    my ($want) = grep { $lines[$_] =~ /#HERE/ } 0 .. $#lines;

    my ($exit, $output) = tested($http);
    my ($emerg) = $output =~ /\[emerg\] (?:\d+#\d+: )?(.*)/;
    isnt($exit, 0, "refused: $name");
    like($emerg // '', $says, "refused: $name: what is said");

    # the http text begins on a line that its first marker tells
    my ($line) = ($emerg // '') =~ m{ in /\S*/nginx\.conf:(\d+)$};
    my ($first) = first_line($http);
    is(($line // 0) - $first, $want, "refused: $name: the line");
    return;
}

my $offset;

sub first_line {
    return $offset if $offset;
    my (undef, $output) = tested("bogus;\n");
    ($offset) = $output =~ m{nginx\.conf:(\d+)};
    return $offset;
}

my $upstream = 'auth0_m2m_upstream http://127.0.0.1:1;';
my $listen   = 'listen 127.0.0.1:%%PORT_X%%;';

missing('no domain', <<"CONF", qr/"auth0_m2m".*auth0_m2m_domain/);
auth0_m2m_audience x;
server {
    $listen
    location /a {
        auth0_m2m on; #HERE
    }
}
CONF

missing('no audience', <<"CONF", qr/"auth0_m2m".*auth0_m2m_audience/);
auth0_m2m_domain acme.us.auth0.com;
$upstream
server {
    $listen
    location /a {
        auth0_m2m on; #HERE
    }
}
CONF

missing('no audience, inherited', <<"CONF", qr/auth0_m2m_audience/);
auth0_m2m_domain acme.us.auth0.com;
$upstream
auth0_m2m off;
server {
    $listen
    auth0_m2m optional; #HERE
    location /a { location /a/b { } }
}
CONF

missing('no audience in limit_except', <<"CONF", qr/auth0_m2m_audience/);
auth0_m2m_domain acme.us.auth0.com;
$upstream
server {
    $listen
    location /a {
        limit_except GET {
            auth0_m2m on; #HERE
        }
    }
}
CONF

missing('authorizer without on', <<"CONF", qr/"auth0_m2m_authorizer".*"auth0_m2m on"/);
$base
server {
    $listen
    location /a {
        auth0_m2m_authorizer; #HERE
    }
}
CONF

missing('authorizer with optional', <<"CONF", qr/"auth0_m2m_authorizer".*"auth0_m2m on"/);
$base
auth0_m2m on;
server {
    $listen
    location /a {
        auth0_m2m optional;
        auth0_m2m_authorizer; #HERE
    }
}
CONF

# a directive that is wrong is named by its own line, not by that of auth0_m2m

my %own = (
    'auth0_m2m_jwks_file none.json;'   => qr/"auth0_m2m_jwks_file" failed/,
    'auth0_m2m_upstream ftp://x;'      => qr/"auth0_m2m_upstream"/,
    'auth0_m2m_upstream http://192.0.2.1;' => qr/plain text/,
);

for my $line (sort keys %own) {
    missing("$line: its own line", <<"CONF", $own{$line});
auth0_m2m_domain acme.us.auth0.com;
auth0_m2m_audience x;
$line #HERE
server {
    $listen
    location /a {
        auth0_m2m on;
    }
}
CONF
}

bad('authorizer outside of a location', "${base}auth0_m2m_authorizer;",
    qr/"auth0_m2m_authorizer" directive is not allowed here/, place => 1);

bad('a name without resolver', location('',
    "auth0_m2m_domain no-such-tenant.invalid;\nauth0_m2m_audience x;\n"),
    qr/host not found.*no-such-tenant\.invalid.*"resolver"/, place => 1);
bad('a block that is not loopback in plain text',
    "upstream t { server 127.0.0.1; server 192.0.2.1; }\n"
    . location('auth0_m2m_upstream http://t;'),
    qr/"http:.*"auth0_m2m_upstream".*plain text/, place => 1);

my $output = good('a name without resolver, keys from a file', location(
    'auth0_m2m_jwks_file jwks.json;',
    "auth0_m2m_domain no-such-tenant.invalid;\nauth0_m2m_audience x;\n"));
like($output, qr/\[warn\].*keys of "no-such-tenant.invalid" come from/,
    'a name without resolver, keys from a file: a warning');

# the environment

my %env = (DOMAIN => 'acme.us.auth0.com', API_AUDIENCE => 'https://api/');

for my $prefix (qw(PLUGIN_AUTH0_M2M AUTH0_M2M)) {
    my %set = map { +"${prefix}_$_" => $env{$_} } keys %env;
    my $conf = location('', "auth0_m2m_upstream http://127.0.0.1:1;\n");

    good("$prefix", $conf, env => \%set);
    bad("$prefix: no domain", $conf, qr/auth0_m2m_domain/, place => 1,
        env => { %set, "${prefix}_DOMAIN" => '' });
    bad("$prefix: no audience", $conf, qr/auth0_m2m_audience/, place => 1,
        env => { %set, "${prefix}_API_AUDIENCE" => '' });
    bad("$prefix: an URL as domain", $conf,
        qr/"https:.*${prefix}_DOMAIN.*host name alone/, place => 1,
        env => { %set, "${prefix}_DOMAIN" => 'https://a.example' });
}

# the module without its neighbours

my ($exit) = Auth0M2M::Test->conf_test(module => 0,
    http => "server { listen 127.0.0.1:%%PORT%%; }\n${base}");
is(!$exit, ($ENV{TEST_NGINX_MODULE} // '') eq 'static',
    'without the module its directives are unknown, if it is not linked in');

done_testing;
