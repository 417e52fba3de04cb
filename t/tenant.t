#!/usr/bin/perl

# The stand-in of an Auth0 tenant: keys, network, TLS, process.

use v5.36;

use File::Temp ();
use FindBin qw($Bin);
use IO::Socket::INET;
use IO::Socket::SSL ();
use IPC::Open3      qw(open3);
use MIME::Base64    qw(decode_base64url);
use Mojo::JSON      qw(decode_json);
use POSIX           ();
use Time::HiRes     qw(sleep time);

use Test::More;

use lib "$Bin/lib";
use Auth0M2M::Tenant;
use Auth0M2M::Tenant::Probe qw(call claims command eventually header parse raw
    verified);

my $t    = Auth0M2M::Tenant->start(seed => 'demo');
my $demo = $t->demo;
my $port = $t->http_port;
my $jwks_path = '/.well-known/jwks.json';
my $KEEP = "GET $jwks_path HTTP/1.1\r\nHost: tenant\r\n\r\n";
my $GET  = $KEEP =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/r;


my %customer = (client_id => $demo->{customer_id},
    client_secret => $demo->{customer_secret}, audience => $demo->{audience});

subtest 'JWKS' => sub {
    my $answer = call($port, GET => $jwks_path);
    is($answer->{status}, 200, 'status');
    like($answer->{header}{'content-type'}, qr{\Aapplication/json\b}, 'type');
    is($answer->{header}{'cache-control'},
        'public, max-age=15, stale-while-revalidate=15, stale-if-error=86400',
        'cache control');
    my @keys = @{ $answer->{json}{keys} };
    is(@keys, 2, 'current and next key');
    for my $key (@keys) {
        is(join(' ', sort keys %$key), 'alg e kid kty n use x5c x5t',
            'members');
        is("@$key{qw(alg kty use e)}", 'RS256 RSA sig AQAB', 'values');
        is(length decode_base64url($key->{n}), 256, '2048 bits');
        is(length decode_base64url($key->{x5t}), 20, 'SHA-1 thumbprint');
        my ($code, $out) = command(
            "-----BEGIN CERTIFICATE-----\n"
            . $key->{x5c}[0] =~ s/(.{64})/$1\n/gr
            . "\n-----END CERTIFICATE-----\n",
            qw(openssl x509 -noout -modulus));
        is(lc $out, 'modulus=' . unpack('H*', decode_base64url($key->{n}))
            . "\n", 'x5c holds the same key');
    }
    isnt($keys[0]{n}, $keys[1]{n}, 'two keys');
    verified($t->issuer, $answer->{json}, $t->token,
        $t->id_token(user => 'auth0|alice'),
        $t->mint(claims => { iss => $t->issuer }, kid => $keys[1]{kid}));
    my $openid = call($port, GET => '/.well-known/openid-configuration');
    is($openid->{json}{issuer}, $t->issuer, 'discovery: issuer');
    is($openid->{json}{jwks_uri}, $t->issuer . '.well-known/jwks.json',
        'discovery: jwks_uri');
};

subtest 'rotation of keys' => sub {
    my ($current, $next) = map { $_->{kid} } $t->keys;
    my $old = $t->token;
    is_deeply([ map {"$_->{state} $_->{kid}"} ($t->rotate)[ 0, 1 ] ],
        [ "previous $current", "current $next" ], 'next');
    is(scalar @{ $t->jwks->{keys} }, 3, 'previous, current, next served');
    is(header($t->token)->{kid}, $next, 'signs with the new key');
    verified($t->issuer, $t->jwks, $old, $t->token);
    $t->rotate('revoke');
    ok(!(grep { $_->{kid} eq $current } @{ $t->jwks->{keys} }), 'revoke');
    my ($before) = @{ $t->jwks->{keys} };
    $t->rotate('same_kid');
    my ($after) = @{ $t->jwks->{keys} };
    is($after->{kid}, $before->{kid}, 'same_kid: the same kid');
    isnt($after->{n}, $before->{n}, 'same_kid: another key');
    $t->rotate('replace');
    ok(!(grep { $_->{kid} eq $after->{kid} } $t->keys), 'replace');
    verified($t->issuer, $t->jwks, $t->token);
    eval { $t->rotate('sideways') };
    like($@, qr/rotate: no way sideways/, 'an unknown way is refused');
};

subtest 'other key sets' => sub {
    my $many = Auth0M2M::Tenant->start(keys => 20,
        extra_keys => [qw(ES256 ES384 PS256)]);
    my @keys = $many->keys;
    is(@keys, 23, '20 keys and three more');
    my %different = map { ($_->{n} // $_->{x}) => 1 }
        @{ $many->jwks->{keys} };
    is(keys %different, 23, 'all different');
    my @tokens = map {
        $many->mint(claims => { iss => $t->issuer }, kid => $_->{kid})
    } @keys;
    verified($t->issuer, $many->jwks, @tokens[ 0, 10, 19 .. 22 ]);
    is_deeply([ map { header($_)->{alg} } @tokens[ 19 .. 22 ] ],
        [qw(RS256 ES256 ES384 PS256)], 'algorithms');
    my $one = Auth0M2M::Tenant->start(keys => 1, key_type => 'ES256');
    is(scalar @{ $one->jwks->{keys} }, 1, 'one key');
    verified($t->issuer, $one->jwks,
        $one->mint(claims => { iss => $t->issuer }));
    is(scalar(($one->rotate)[0]{state}), 'previous', 'rotates without next');
};

subtest 'minting' => sub {
    my $jwt = $t->mint(payload => '{"a":1,}', header => { typ => undef,
        kid => 'x' });
    is_deeply(header($jwt), { alg => 'RS256', kid => 'x' },
        'header laid over');
    is(decode_base64url((split /\./, $jwt)[1]), '{"a":1,}', 'payload bytes');
    is((split /\./, $t->mint(alg => 'none'), -1)[2], '', 'none');
    like(header($t->mint(alg => 'HS256', key => 'secret'))->{alg}, qr/HS256/,
        'HMAC');
    my $token = claims($t->token(org => 'org_x', claims => { sub => undef,
        azp => 'me' }, scope => 'a b', permissions => ['p']));
    is_deeply([ @$token{qw(org_id azp scope)}, exists $token->{sub} ],
        [ 'org_x', 'me', 'a b', '' ], 'token() with claims laid over');
    is_deeply($token->{permissions}, ['p'], 'permissions');
    my $id = claims($t->id_token(user => 'alice@acme.example'));
    is_deeply([ @$id{qw(sub aud email)}, !!$id->{email_verified} ],
        [ 'auth0|alice', $demo->{spa}, 'alice@acme.example', !!1 ],
        'ID token by e-mail');
    eval { $t->id_token(user => 'nobody') };
    like($@, qr/no user nobody/, 'ID token of nobody');
};

# ---- TLS --------------------------------------------------------------------

sub tls ($variant, %more) {
    $t->tls($variant);
    my $socket = IO::Socket::SSL->new(
        PeerAddr            => '127.0.0.1',
        PeerPort            => $t->https_port,
        SSL_ca_file         => $t->ca_file,
        SSL_hostname        => $t->domain,
        SSL_verifycn_name   => $t->domain,
        SSL_verifycn_scheme => 'http',
        SSL_verify_mode     => IO::Socket::SSL::SSL_VERIFY_PEER(),
        %more,
    ) or return (undef, $IO::Socket::SSL::SSL_ERROR);
    return ($socket, 'ok');
}

subtest 'TLS' => sub {
    my %verdict = (
        good                 => qr/^ok$/,
        chain                => qr/^ok$/,
        missing_intermediate => qr/verify failed/,
        wrong_host           => qr/hostname verification failed/,
        expired              => qr/verify failed/,
        not_yet_valid        => qr/verify failed/,
        self_signed          => qr/verify failed/,
        unknown_ca           => qr/verify failed/,
    );
    for my $variant (sort keys %verdict) {
        my ($socket, $why) = tls($variant);
        like($why, $verdict{$variant}, $variant);
    }
    my ($chain) = tls('chain');
    is(scalar($chain->peer_certificates), 3,
        'two intermediates are sent along');
    ok(eventually(sub { $t->stats->{handshake_errors} >= 5 }),
        'refused handshakes are counted');
    my ($socket) = tls('good');
    $t->journal_reset;
    print {$socket} $GET;
    like(scalar <$socket>, qr/ 200 /, 'answer over TLS');
    my ($e) = $t->journal;
    is_deeply([ @$e{qw(scheme port sni)} ],
        [ 'https', $t->https_port, $t->domain ], 'SNI in the journal');
    $t->fault({ step => 'jwks', kind => 'reset' });
    my ($other) = tls('good');
    print {$other} $GET;
    my $n = sysread $other, my ($nothing), 1;
    ok(!$n && $!{ECONNRESET}, 'reset over TLS: no close_notify, but RST');
    eval { $t->tls('sideways') };
    like($@, qr/no variant sideways/, 'an unknown variant is refused');
};

# ---- the network ------------------------------------------------------------

subtest 'outages' => sub {
    my ($idle) = tls('good');
    $t->outage;
    is((raw($port, $GET))[1], 'refused', 'http refused');
    is((raw($t->https_port, $GET))[1], 'refused', 'https refused');
    is($idle->sysread(my $end, 1) // 0, 0, 'open connections are closed');
    $t->outage('hang');
    is((raw($port, $GET, 0.2))[1], 'timeout', 'hang');
    $t->outage('reset');
    is((raw($port, $GET))[1], 'reset', 'reset');
    $t->outage(0);
    is(call($port, GET => $jwks_path)->{status}, 200, 'over, same port');
    ok((tls('good'))[0], 'https as well');
    my $down = Auth0M2M::Tenant->start(outage => 1, key_type => 'ES256');
    is((raw($down->http_port, $GET))[1], 'refused', 'down from the start');
    $down->outage(0);
    is(call($down->http_port, GET => $jwks_path)->{status}, 200, 'then up');
};

subtest 'connections' => sub {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port);
    print {$socket} $KEEP;
    sysread $socket, my $answer, 65536;
    ok($t->close_idle >= 1, 'close_idle');
    ok(eventually(sub { !sysread $socket, $answer, 65536 }),
        'the idle connection is closed');
    $t->set(keepalive_requests => 2);
    is((raw($port, $KEEP x 2))[1], 'eof', 'keepalive_requests');
    $t->set(keepalive_requests => 0, keepalive_timeout => 0.1);
    is((raw($port, $KEEP))[1], 'eof', 'keepalive_timeout');
    $t->set(keepalive_timeout => 75);
    like((raw($port, "nonsense\r\n\r\n"))[0], qr{\AHTTP/1\.1 400 },
        'what is no HTTP gets a 400');
};

subtest '200 connections at once' => sub {
    $t->journal_reset;
    my @sockets = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port) // die $! } 1 .. 200;
    ok(eventually(sub { $t->stats->{open} == 200 }), 'open');
    print {$_} $GET for @sockets;
    $_->flush for @sockets;
    ok($t->wait_journal(n => 200, done => 1, timeout => 20), 'all received');
    is(scalar(grep { (<$_> // '') =~ / 200 / } @sockets), 200,
        'all answered');
};

subtest 'framing and coding' => sub {
    my $get = sub (@headers) { call($port, GET => $jwks_path, undef,
        @headers) };
    is($get->()->{header}{'transfer-encoding'}, 'chunked', 'large: chunked');
    ok(call($port, GET => '/nowhere')->{header}{'content-length'},
        'small: length');
    my $gzip = $get->('Accept-Encoding' => 'br, gzip');
    is($gzip->{header}{'content-encoding'}, 'gzip', 'gzip when asked for');
    ok(!$get->('Accept-Encoding' => '')->{header}{'content-encoding'},
        'not when declined');
    $t->set(framing => 'length');
    ok($get->()->{header}{'content-length'}, 'all with a length');
    $t->set(framing => 'chunked');
    is(call($port, GET => '/nowhere')->{header}{'transfer-encoding'},
        'chunked', 'all chunked');
    $t->set(framing => 'auto', json_style => 'escaped');
    like(call($port, GET => '/.well-known/openid-configuration')->{body},
        qr{https:\\/\\/}, 'escaped slashes');
    $t->set(json_style => 'plain');
    unlike(call($port, GET => '/.well-known/openid-configuration')->{body},
        qr{\\/}, 'bare slashes');
    my ($old) = raw($port, "GET $jwks_path HTTP/1.0\r\n\r\n");
    like($old, qr{\r\ncontent-length: \d+\r\n}, 'HTTP/1.0: never chunked');
    my ($head) = raw($port, "HEAD $jwks_path HTTP/1.1\r\n"
        . "Connection: close\r\n\r\n");
    like($head, qr{\r\n\r\n\z}, 'HEAD: no body');
};

subtest 'JWKS override' => sub {
    $t->jwks_override(status => 203, headers => {
        'cache-control' => 'max-age=1', 'X-New' => 'y' }, body => 'not JSON');
    my $answer = call($port, GET => $jwks_path);
    is_deeply([ @$answer{qw(status body)}, @{ $answer->{header} }{
            qw(cache-control x-new)} ],
        [ 203, 'not JSON', 'max-age=1', 'y' ], 'status, body, headers');
    $t->jwks_override(body => { keys => [] });
    is_deeply(call($port, GET => $jwks_path)->{json}, { keys => [] },
        'structure');
    $t->jwks_override;
    is(@{ call($port, GET => $jwks_path)->{json}{keys} }, 2, 'restored');
};

subtest 'rate limits' => sub {
    my $get = sub { call($port, GET => $jwks_path) };
    is_deeply([ @{ $get->()->{header} }{ qw(x-ratelimit-limit
        x-ratelimit-remaining) } ], [ 20, 19 ], 'without limits of our own');
    $t->set(rate => { jwks => { burst => 2, refill => 0.01,
        retry_after => 1 } });
    my @answers = map { $get->() } 1 .. 3;
    is_deeply([ map { [ $_->{status}, @{ $_->{header} }{ qw(
            x-ratelimit-limit x-ratelimit-remaining) } ] } @answers ],
        [ [ 200, 2, 1 ], [ 200, 2, 0 ], [ 429, 2, 0 ] ], 'bucket');
    cmp_ok($answers[2]{header}{'x-ratelimit-reset'}, '>', time + 60, 'reset');
    cmp_ok($answers[2]{header}{'retry-after'}, '>', 60, 'retry-after');
    is(($t->request_token(%customer))[0], 200, 'other buckets are unharmed');
    $t->set(rate => { token => { burst => 1, refill => 0.01 } });
    $t->request_token(%customer);
    my ($status, $body) = $t->request_token(%customer);
    is("$status $body->{error}", '429 too_many_requests', 'token bucket');
    $t->set(rate => { jwks => { burst => 1, refill => 20 } });
    $get->();
    ok(eventually(sub { $get->()->{status} == 200 }, 5), 'refills');
    $t->set(rate => undef);
    eval { $t->set(rates => 1) };
    like($@, qr/set: no configuration rates/, 'unknown names are refused');
};

# ---- the process ------------------------------------------------------------

subtest 'reset' => sub {
    $t->add_org(name => 'gone-soon');
    $t->set(expires_in => 5);
    $t->reset;
    is_deeply([ map { $_->{name} } @{ $t->dump->{orgs} } ], ['acme'],
        'contents');
    is(($t->request_token(%customer))[1]{expires_in}, 86400, 'configuration');
};

subtest 'the process ends with its owner' => sub {
    my $short = Auth0M2M::Tenant->start(key_type => 'ES256');
    my ($pid, $dir) = ($short->pid, $short->dir);
    my $fork = fork // die "fork: $!";
    if (!$fork) {
        undef $short;
        POSIX::_exit(0);
    }
    waitpid $fork, 0;
    ok(kill(0, $pid), 'a forked copy of the object does no harm');
    undef $short;
    ok(!kill(0, $pid), 'gone with the object');
    ok(!-e $dir, 'and its folder');

    my $script = 'use v5.36; use Auth0M2M::Tenant; $| = 1; my $t = '
        . 'Auth0M2M::Tenant->start(key_type => "ES256"); say $t->http_port;'
        . ' say $t->dir;'
        . ' <STDIN>; kill KILL => $$;';
    my $outer = open3(my $in, my $out, undef, $^X, "-I$Bin/lib", '-e',
        $script);
    chomp(my ($inner, $folder) = (scalar <$out>, scalar <$out>));
    is(call($inner, GET => $jwks_path)->{status}, 200,
        'a tenant of another process');
    close $in;
    waitpid $outer, 0;
    ok(eventually(sub { (raw($inner, $GET))[1] eq 'refused' }),
        'gone when its owner is killed');
    ok(eventually(sub { !-e $folder }), 'and its folder');
};

subtest 'command line' => sub {
    my $pid = open3(my $in, my $out, undef, $^X, "$Bin/bin/tenant",
        qw(--domain x.test --seed demo --key-type ES256));
    my $ready = decode_json(scalar <$out>);
    is_deeply([ @$ready{qw(domain pid)}, $ready->{demo}{spa} ],
        [ 'x.test', $pid, $demo->{spa} ], 'ready line');
    ok(-s $ready->{ca_file}, 'CA file');
    is(call($ready->{http_port}, GET => $jwks_path)->{status}, 200, 'serves');
    my $answer = call($ready->{admin_port}, POST => '/_admin/add_org',
        { name => 'new' });
    like($answer->{json}{result}{id}, qr/\Aorg_\w{16}\z/, 'administration');
    kill TERM => $pid;
    waitpid $pid, 0;
    is($?, 0, 'SIGTERM: clean exit');
    ok(!-e $ready->{dir}, 'nothing is left');

    my $above = File::Temp->newdir;
    local $ENV{TMPDIR} = "$above";
    for my $sig (qw(INT TERM HUP)) {
        $pid = open3($in, $out, undef, $^X, "$Bin/bin/tenant");
        ok(eventually(sub { glob "$above/tenant-*" }), 'its folder');
        kill $sig => $pid;
        waitpid $pid, 0;
        is_deeply([ glob "$above/*" ], [],
            "SIG$sig before it is ready: nothing is left");
    }
};

$t->stop;
done_testing;
