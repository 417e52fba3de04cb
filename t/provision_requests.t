# Requests as they should not be: methods, paths, types, sizes, bodies.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;

my $p    = Auth0M2M::Portal->new(options => 'rate=off max_keys=100');
my $n    = $p->nginx;
my $user = $p->user;
my $id   = 'A' x 32;

sub is_problem {
    my ($r, $status, $type, $name) = @_;
    is($r->status, $status, "$name: $status");
    is($p->problem($r)->{type}, $type, "$name: $type");
    return $r;
}

# [method, path, Allow]; no Allow: no such path

subtest 'methods and paths' => sub {
    my @all = (
        [ GET    => '/create-key',      'POST, OPTIONS' ],
        [ PUT    => '/create-key',      'POST, OPTIONS' ],
        [ DELETE => '/create-key',      'POST, OPTIONS' ],
        [ PATCH  => '/keys',            'GET, POST, OPTIONS' ],
        [ PUT    => '/keys/',           'GET, POST, OPTIONS' ],
        [ GET    => "/keys/$id",        'DELETE, OPTIONS' ],
        [ POST   => "/keys/$id",        'DELETE, OPTIONS' ],
        [ GET    => "/keys/$id/rotate", 'POST, OPTIONS' ],
        [ GET    => "/keys/$id/other" ],
        [ POST   => "/keys/$id/rotate/x" ],
        [ GET    => '/keysandmore' ],
        [ POST   => '/keys//rotate', 'DELETE, OPTIONS' ],
    );

    for my $case (@all) {
        my ($method, $path, $allow) = @$case;
        my $r = $n->request($method, $path, [ $p->headers($user) ]);
        is_problem($r, $allow ? 405 : 404,
            $allow ? 'method-not-allowed' : 'not-found', "$method $path");
        is($r->header('Allow'), $allow, 'Allow');
    }

    my $head = $n->request('HEAD', '/keys', [ $p->headers($user) ]);
    is($head->status, 405, 'HEAD');
    is($head->body, '', 'which has no body');
    is($head->header('Allow'), 'GET, POST, OPTIONS', 'Allow');
    is($n->request('TRACE', '/keys', [ $p->headers($user) ])->status, 405,
        'TRACE');
};

subtest 'media types' => sub {
    my ($auth) = ($p->headers($user))[1];

    for my $type (undef, 'text/plain', 'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x', 'application/jsonp',
        'application/jsonx; charset=utf-8')
    {
        is_problem($n->request('POST', '/create-key', [
            Authorization => $auth, $type ? ('Content-Type' => $type) : ()
        ], '{}'), 415, 'unsupported-media-type', $type // 'none');
    }

    for my $type ('application/json', 'application/json; charset=utf-8',
        'Application/JSON;charset=utf-8')
    {
        is($n->request('POST', '/create-key', [ Authorization => $auth,
            'Content-Type' => $type ], '{}')->status, 200, $type);
    }

    is($n->request('POST', '/create-key', [ Authorization => $auth ])->status,
        200, 'no body needs no type');
    is_problem($n->request('POST', '/create-key', [ Authorization => $auth,
        'Transfer-Encoding' => 'chunked' ], "2\r\n{}\r\n0\r\n\r\n"),
        415, 'unsupported-media-type', 'chunked without a type');
};

subtest 'sizes' => sub {
    my $fits = '{"note":"' . 'x' x (8192 - 11) . '"}';
    my $long = '{"note":"' . 'x' x (8192 - 10) . '"}';
    my $huge = '{"note":"' . 'x' x 100_000 . '"}';
    my $vast = '{"note":"' . 'x' x 2_000_000 . '"}';
    my @chunked = ('Transfer-Encoding' => 'chunked');

    is(length $fits, 8192, 'a body at the limit');
    is($p->create_key($user, body => $fits)->status, 200, 'passes');
    is($p->create_key($user, headers => \@chunked, body => chunks($fits, 1000))
        ->status, 200, 'also in chunks');
    is($p->create_key($user, h2 => 1, body => $fits)->status, 200,
        'and in HTTP/2');

    for my $body ($long, $huge, $vast) {
        my $name = length($body) . ' bytes';
        is_problem($p->create_key($user, body => $body), 413,
            'payload-too-large', $name);
        my $r = is_problem($p->create_key($user, headers => \@chunked,
            body => chunks($body, 4000)), 413, 'payload-too-large',
            "$name in chunks");
        is($r->header('Cache-Control'), 'no-store', 'our own answer');
    }

    ok(!(grep {/buffered to a temporary file/} $n->error_log),
        'none of them was written to a file');

    is($p->create_key($user, headers => \@chunked, body => "zz\r\n")->status,
        400, 'broken chunks');
    is($p->create_key($user, headers => \@chunked,
        body => chunks('{"name":"by the byte"}', 1))->status, 200,
        'one byte at a time');
};

sub chunks {
    my ($text, $size) = @_;
    my $all = '';

    while (length(my $part = substr $text, 0, $size, '')) {
        $all .= sprintf "%x\r\n%s\r\n", length $part, $part;
    }

    return "${all}0\r\n\r\n";
}

subtest 'bodies' => sub {
    my %bad = (
        'not JSON'        => '{',
        'an array'        => '[]',
        'a string'        => '"x"',
        'two objects'     => '{}{}',
        'a member twice'  => '{"name":"a","name":"b"}',
        'too deep'        => '{"a":' x 9 . '1' . '}' x 9,
        'not UTF-8'       => qq({"name":"\xff"}),
        'NUL'             => '{"name":"a\u0000b"}',
        'empty name'      => '{"name":""}',
        'long name'       => '{"name":"' . 'x' x 65 . '"}',
        'name of markup'  => '{"name":"<b>"}',
        'name of a type'  => '{"name":1}',
        'no end'          => '{"expires_in":0}',
        'no number'       => '{"expires_in":"60"}',
        'scope of a type' => '{"scope":1}',
    );

    for my $name (sort keys %bad) {
        is_problem($p->create_key($user, body => $bad{$name}), 400,
            'malformed-request', $name);
    }

    for my $scope ('"admin:all"', '""', '["read:orders","admin:all"]',
        '"read:orders  write:orders"')
    {
        is_problem($p->create_key($user, body => qq({"scope":$scope})), 403,
            'scope-not-allowed', "scope $scope");
    }

    is($p->create_key($user, body => '{"name":"Schl\u00fcssel"}')->status,
        200, 'a name beyond ASCII');
};

subtest 'Idempotency-Key' => sub {
    for my $key ('abc', '""', '"' . 'x' x 129 . '"', '"a"b"', '"a', '"a";x=1',
        "\"\xff\"")
    {
        is_problem($p->create_key($user,
            headers => [ 'Idempotency-Key' => $key ]), 400,
            'bad-idempotency-key', $key);
    }

    is_problem($p->create_key($user, headers => [ 'Idempotency-Key' => '"a"',
        'Idempotency-Key' => '"b"' ]), 400, 'bad-idempotency-key', 'two');
};

subtest 'a caller that says nothing more' => sub {
    my $slow = $n->async("POST /create-key HTTP/1.1\r\nHost: localhost\r\n"
        . join('', map {"$_\r\n"} pairs($p->headers($user)))
        . "Content-Length: 100\r\n\r\n{");
    $p->calls;
    is($p->create_key($user)->status, 200, 'holds up nobody');
    is(scalar(grep {/clients$/} $p->calls), 1, 'and has started nothing');
    $slow->close;
};

sub pairs {
    my @all = @_;
    my @lines;

    while (my ($k, $v) = splice @all, 0, 2) {
        push @lines, "$k: $v";
    }

    return @lines;
}

$p->stop;
done_testing;
