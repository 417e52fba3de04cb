#!/usr/bin/perl

# A token that was verified is not verified again, and nothing else changes:
# every verdict is made anew.  With TEST_TOKEN_CACHE=off the same verdicts
# are expected of nginx without the cache.

use strict;
use warnings;

use Mojo::Date;
use Test::More;

use lib 't/lib';
use Auth0M2M::Mint qw(parts join_parts);
use Auth0M2M::Portal;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $off    = Auth0M2M::Test->cached('HIT') ne 'HIT';
my $tell   = 'add_header X-Cache $auth0_m2m_cache_status always;
    add_header X-Why $auth0_m2m_status always;
    add_header X-Org $jwt_org_id always;
    add_header X-Claim $jwt_claim_jti always;
    add_header X-Pid $pid always;';
my $issuer = 'acme.us.auth0.com';
my $mint   = Auth0M2M::Mint->new;
my $key    = $mint->key('p256-1');
my $other  = $mint->key('p256-2', kid => $key->{kid});

sub location {
    my ($path, %o) = @_;
    my $with = $tell . (delete $o{with} // '');

    return protected($path, with => $with, upstream => undef,
        domain => $issuer, jwks_file => '%%DIR%%/jwks.json',
        algorithms => 'ES256', %o);
}

sub nginx {
    my ($server, %o) = @_;
    my $large = 'large_client_header_buffers 4 32k;';

    return Auth0M2M::Test->new(
        server => "$large$server",
        files  => { 'jwks.json' => $mint->jwks($key),
            'other.json' => $mint->jwks($other) },
        %o,
    );
}

sub token { return $mint->token(-key => $key, jti => 'id' . rand, @_) }

# One request: its status, and where its token was found.

sub is_answer {
    my ($n, $path, $token, $status, $cache, $name) = @_;
    my $got = get($n, $path, $token);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(join(' ', $got->status, $got->header('X-Cache')),
        "$status " . $n->cached($cache), $name);
    return $got;
}

subtest 'each of several domains' => sub {
    my @tenants = map { Auth0M2M::Tenant->start(domain => "$_.test") }
        qw(a b);
    my $n = Auth0M2M::Test->new(tenant => $tenants[0], server => protected('/',
        with   => $tell,
        domain => 'a.test b.test', upstream => [
            map { $_->http_url . ' ' . $_->domain } @tenants ]));

    for my $tenant (@tenants) {
        my $domain = $tenant->domain;
        my ($warm, $token) = map { $tenant->token(org => $_) }
            qw(org_warm org_cold);
        ok($n->wait_for(sub { status($n, '/', $warm) == 200 }),
            "$domain: keys");
        is_answer($n, '/', $token, 200, $_, "$domain: $_") for qw(MISS HIT);
    }

    $n->stop;
    $_->stop for @tenants;
};

subtest 'each location by its own rules' => sub {
    my $n = nginx(
        location('/read', scope => 'read:orders', organization => 'any')
        . location('/write', scope        => 'write:orders')
        . location('/else',  audience     => 'https://else.example/')
        . location('/org',   organization => 'org_other')
        . location('/alg',   algorithms   => 'RS256')
        . location('/client', client      => 'client2')
        . location('/require', require    => '$arg_good error=403')
    );
    my $token = token(org_id => 'org_abc', jti => 'first');
    my $got = is_answer($n, '/read', $token, 200, 'MISS', 'the first time');
    $got = is_answer($n, '/read', $token, 200, 'HIT', 'the second time');

    is($got->header('X-Org'), 'org_abc', 'with its organization');
    is($got->header('X-Claim'), 'first', 'and any other claim');

    my %refused = (
        '/write'   => [403, 'insufficient_scope'],
        '/else'    => [401, 'wrong_audience'],
        '/org'     => [403, 'organization_not_allowed'],
        '/alg'     => [401, 'unsupported_algorithm'],
        '/client'  => [403, 'client_not_allowed'],
        '/require' => [403, 'requirement_not_met'],
    );

    for my $path (sort keys %refused) {
        my ($status, $why) = @{ $refused{$path} };
        $got = is_answer($n, $path, $token, $status, 'HIT', $path);
        is($got->header('X-Why'), $why, 'why');
        is($got->header('X-Org'), undef, 'nothing of the token is told');
    }

    is_answer($n, '/require?good=1', $token, 200, 'HIT', 'let in elsewhere');

    my $refused = token(scope => 'write:orders', org_id => 'org_abc');
    is_answer($n, '/read', $refused, 403, 'MISS', 'refused at first');
    is_answer($n, '/read', $refused, 403, 'HIT', 'refused again');
    is_answer($n, '/write', $refused, 200, 'HIT', 'but let in elsewhere');
    $n->stop;
};

# The answer's date is the second in which nginx judged.

subtest 'until the second of its end' => sub {
    my $n = nginx(location('/', leeway => 0));
    my $exp = time + 2;
    my $token = token(exp => $exp);
    my (%seen, $wrong);

    is(status($n, '/', $token), 200, 'not yet');

    my $over = $n->wait_for(sub {
        my $got = get($n, '/', $token);
        my $date = Mojo::Date->new($got->header('Date'))->epoch;

        $seen{ $got->header('X-Cache') . ' ' . $got->status }++;
        $wrong ||= $got->status . ' ' . ($date - $exp)
            if ($got->status == 200) != ($date < $exp);
        return $date > $exp;
    }, 10);

    ok($over, 'the end has passed');
    is($wrong, undef, 'let in before, refused from then on');
    ok($seen{ $n->cached('HIT') . ' 200' }, 'remembered before');
    is(get($n, '/', $token)->header('X-Why'), 'expired', 'why');
    $n->stop;
};

subtest 'keys that leave' => sub {
    my $tenant = Auth0M2M::Tenant->start;
    my $n = nginx(
        location('/', domain => $tenant->domain, jwks_file => undef,
            upstream => $tenant->http_url, algorithms => undef,
            jwks_cache => 'valid=1s cooldown=1s'),
        tenant => $tenant,
    );
    my $first = $tenant->token;
    ok($n->wait_for(sub { status($n, '/', $first) == 200 }), 'verified');

    $tenant->rotate;
    my $second = $tenant->token;
    is(status($n, '/', $_), 200, 'both keys') for $first, $second;
    is_answer($n, '/', $_, 200, 'HIT', 'remembered') for $first, $second;

    $tenant->rotate('revoke');
    ok($n->wait_for(sub { status($n, '/', $first) == 401 }),
        'refused when its key has left');
    is(get($n, '/', $first)->header('X-Why'), 'unknown_key', 'why');
    is(status($n, '/', $second), 200, 'the other one stays');
    is_answer($n, '/', $second, 200, 'HIT', 'and is remembered again');

    $tenant->rotate('same_kid');
    ok($n->wait_for(sub { status($n, '/', $second) == 401 }),
        'refused when its kid is another key');
    is(get($n, '/', $second)->header('X-Why'), 'bad_signature', 'why');
    $n->stop;
};

subtest 'clients that are revoked' => sub {
    my $p = Auth0M2M::Portal->new(server => <<"END", others => {});
    location = /api {
        auth0_m2m           on;
        auth0_m2m_audience  https://api.acme.example/;
        $tell
        empty_gif;
    }
END
    my $n     = $p->nginx;
    my $user  = $p->user;
    my ($id, $secret) = $p->apikey($p->create_key($user));
    my $token = $p->access_token($id, $secret);
    my $else  = $p->tenant->token(org => $p->org_of($user));

    ok($n->wait_for(sub { status($n, '/api', $token) == 200 }), 'let in');
    is(status($n, '/api', $else), 200, 'and another client');
    is_answer($n, '/api', $_, 200, 'HIT', 'remembered') for $token, $else;
    is($p->revoke($user, $id)->status, 204, 'revoked');
    my $got = is_answer($n, '/api', $token, 401, 'HIT', 'refused at once');
    is($got->header('X-Why'), 'revoked', 'why');
    is_answer($n, '/api', $else, 200, 'HIT', 'the other one stays');
    $p->stop;
};

subtest 'keys of another location' => sub {
    my $n = nginx(location('/a')
        . location('/b', jwks_file => '%%DIR%%/other.json'));
    my %token = (a => token(), b => $mint->token(-key => $other));

    is_answer($n, '/a', $token{a}, 200, 'MISS', 'a where its key is');
    is_answer($n, '/b', $token{b}, 200, 'MISS', 'b where its key is');

    for (1, 2) {
        is_answer($n, '/b', $token{a}, 401, 'MISS', 'a where it is not');
        is_answer($n, '/a', $token{b}, 401, 'MISS', 'b where it is not');
        is_answer($n, "/$_", $token{$_}, 200, 'HIT', "$_ is remembered")
            for qw(a b);
    }

    $n->stop;
};

# All that the memories look up is the same; the rest must tell them apart.

subtest 'forged after a remembered one' => sub {
    my $n = nginx(location('/'));
    my $token = token(org_id => 'org_abc');
    my ($header, $payload, $signature) = parts($token);

    is_answer($n, '/', $token, 200, 'MISS', 'verified');
    is_answer($n, '/', $token, 200, 'HIT', 'remembered');

    my %forged = (
        'another organization' => join_parts($header,
            $payload =~ s/org_abc/org_xyz/r, $signature),
        'another payload, longer' => join_parts($header,
            $payload =~ s/org_abc/org_abcabc/r, $signature),
        'one character of the header' => ($token =~ s/^eyJ/eyK/r),
        'one more character'   => "a$token",
        'its end twice'        => $token . substr($token, -32),
        'a character less'     => substr($token, 1),
        'the signature alone'  => '..' . substr($token, rindex($token, '.')),
        'the last 32 bytes'    => substr($token, -32),
        'in the signature, far from its end' =>
            substr($token, 0, -40) . _other(substr $token, -40, 1)
            . substr($token, -39),
    );

    for my $what (sort keys %forged) {
        is_answer($n, '/', $forged{$what}, 401, 'MISS', "$what, $_")
            for 1, 2;
    }

    my $got = is_answer($n, '/', $token, 200, 'HIT', 'still remembered');
    is($got->header('X-Org'), 'org_abc', 'and as it was');
    $n->stop;
};

sub _other { return $_[0] eq 'A' ? 'B' : 'A' }

# Which memory holds what: see docs/PERFORMANCE.md.

subtest 'large ones' => sub {
    my $n = nginx(location('/', scope => 'read:orders'));
    my $many = join ' ', 'read:orders', map {"scope:number$_"} 1 .. 100;
    my $pad  = 'x' x 6000;
    my %token = (
        'claims'           => token(scope => $many),
        'other claims'     => token(pad => $pad),
        'claims and other' => token(scope => $many, pad => $pad),
    );
    my %then = (
        'claims'           => ['HIT', 'MISS'],
        'other claims'     => ['HIT', 'HIT'],
        'claims and other' => ['MISS', 'MISS'],
    );

    for my $what (sort keys %token) {
        is_answer($n, '/', $token{$what}, 200, 'MISS', "many $what");
        is_answer($n, '/', $token{$what}, 200, $then{$what}[0], 'again');
    }

    $n->reload;

    is_answer($n, '/', $token{$_}, 200, $then{$_}[1],
        "many $_, another worker") for sort keys %token;
    $n->stop;
};

subtest 'through a reload' => sub {
    my $n = nginx(location('/'));
    my $token = token();

    is_answer($n, '/', $token, 200, 'MISS', 'verified');
    my $pid = get($n, '/', $token)->header('X-Pid');
    $n->reload;
    my $got = is_answer($n, '/', $token, 200, 'HIT', 'remembered');
    isnt($got->header('X-Pid'), $pid, 'by another worker');

    $n->reconfigure(server => location('/', scope => 'write:orders'));
    is_answer($n, '/', $token, 403, 'HIT', 'by the new rules');

    $n->write_file('jwks.json', $mint->jwks($mint->key('p256-3')));
    $n->reload;
    $got = is_answer($n, '/', $token, 401, 'MISS', 'not by the new keys');
    is($got->header('X-Why'), 'unknown_key', 'why');
    $n->stop;
};

subtest 'shared by workers' => sub {
    my $n = nginx('', workers => 2, server => undef,
        http => 'server { listen 127.0.0.1:%%PORT%% reuseport; '
            . location('/') . '}');
    my $token = token();
    my %first;

    my $both = $n->wait_for(sub {
        my $got = get($n, '/', $token);
        $first{ $got->header('X-Pid') } //= $got->header('X-Cache');
        return keys %first == 2;
    }, 10);

    ok($both, 'both workers answered');
    is_deeply([sort values %first],
        [map { $n->cached($_) } qw(HIT MISS)],
        'one verified, the other had it from there');
    $n->stop;
};

# 4096 sets of four places: some tokens take the place of others, time and
# again, and nobody gets the claims of another.

subtest 'tokens that take turns in a worker' => sub {
    my $n = nginx(location('/'));
    my @tokens = map { [ "turn$_" . 'x' x ($_ % 7) ] } 1 .. 5000;
    $_->[1] = token(jti => $_->[0]) for @tokens;
    my (%status, @wrong);

    for my $round (1 .. 3) {
        for (my $i = 0; $i < @tokens; $i += 100) {
            my @some = @tokens[ $i .. $i + 99 ];
            my @got = $n->pipeline(map { [ 'GET', '/',
                [ Authorization => "Bearer $_->[1]" ] ] } @some);
            $status{ $_->status }++ for @got;
            push @wrong, grep { $got[$_]->header('X-Claim') ne $some[$_][0] }
                0 .. $#some;
        }
    }

    is_deeply(\%status, { 200 => 15000 }, 'all are let in');
    is(scalar @wrong, 0, 'each with claims of its own');
    $n->stop;
};

subtest 'more tokens than there is room for' => sub {
    my $n = nginx(
        location('/') . 'location = /status { auth0_m2m_status json; }',
        http => 'auth0_m2m_zone zone=small:256k;',
    );
    my @tokens = map { token() } 1 .. 200;
    my $statuses = sub {
        my %status;
        $status{ status($n, '/', $_) }++ for @tokens;
        return \%status;
    };

    is_deeply($statuses->(), { 200 => 200 }, 'all are let in');
    my ($capacity) = $n->get('/status')->body
        =~ /"token_cache_capacity":\s*(\d+)/;
    cmp_ok($capacity, '<', 200, 'more than there is room for');
    cmp_ok($capacity, '>', 0, 'which there is');

    if (!$off) {
        my ($evictions) = $n->get('/status')->body
            =~ /"token_cache_evictions":\s*(\d+)/;
        cmp_ok($evictions, '>=', 200 - $capacity, 'some gave way');
    }

    my $warning = qr/zone "small" remembers $capacity tokens, too few/;
    $n->reload;
    my $told = grep {/$warning/} $n->error_log;
    is($told, $off ? 0 : 1, 'which the next start tells');
    is_deeply($statuses->(), { 200 => 200 }, 'and by another worker');
    $n->stop;
};

subtest 'switched off' => sub {
    my $n = nginx(location('/on') . location('/off', token_cache => 'off'));
    my $token = token();

    is_answer($n, '/off', $token, 200, 'BYPASS', "off, $_") for 1, 2;
    is_answer($n, '/on', $token, 200, 'MISS', 'which stored nothing');
    is_answer($n, '/on', $token, 200, 'HIT', 'as on does');
    is_answer($n, '/off', $token, 200, 'BYPASS', 'nor looks');
    $n->stop;
};

done_testing;
