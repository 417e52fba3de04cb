#!/usr/bin/perl

# The stand-in of an Auth0 tenant: keys, tokens, faults, TLS, journal.

use v5.36;

use Crypt::PK::ECC  ();
use Crypt::PK::RSA  ();
use Crypt::JWT      qw(encode_jwt);
use File::Temp      ();
use FindBin         qw($Bin);
use IO::Socket::INET;
use IO::Socket::SSL ();
use IPC::Open3      qw(open3);
use MIME::Base64    qw(decode_base64url encode_base64);
use Mojo::JSON      qw(decode_json encode_json);
use Time::HiRes     qw(sleep time);

use Test::More;

use lib "$Bin/lib";
use Auth0M2M::Tenant;
use Auth0M2M::Tenant::Probe qw(call parse raw);

my $tmp  = File::Temp->newdir;
my $t    = Auth0M2M::Tenant->start(seed => 'demo');
my $demo = $t->demo;
my $port = $t->http_port;
my $aud  = $demo->{audience};
my $jwks_path = '/.well-known/jwks.json';

# Runs a command with input; (exit code, output).
sub command ($input, @command) {
    my $pid = open3(my $in, my $out, undef, @command);
    print {$in} $input;
    close $in;
    local $/;
    my $text = <$out>;
    waitpid $pid, 0;
    return ($? >> 8, $text);
}

sub file ($name, $text) {
    open my $out, '>', "$tmp/$name" or die "$name: $!";
    print {$out} $text;
    close $out or die "$name: $!";
    return "$tmp/$name";
}

sub claims ($jwt) { decode_json(decode_base64url((split /\./, $jwt)[1])) }
sub header ($jwt) { decode_json(decode_base64url((split /\./, $jwt)[0])) }

sub eventually ($code, $bound = 10) {
    my $until = time + $bound;
    while (time < $until) {
        return 1 if $code->();
        sleep 0.02;
    }
    return 0;
}

# ---- independent verifiers --------------------------------------------------

my ($python) = grep {
    (command('', $_, '-c', 'import jwcrypto'))[0] == 0
} grep {-x} map {"$_/python3"} split /:/, $ENV{PATH};

my $VERIFY = <<'END';
import json, sys
from jwcrypto import jwk, jwt
keys = jwk.JWKSet.from_json(sys.stdin.readline())
for line in sys.stdin:
    token = jwt.JWT(jwt=line.strip(), key=keys,
                    algs=["RS256", "PS256", "ES256", "ES384"])
    print(json.loads(token.claims)["iss"])
END

sub verified ($set, @tokens) {
    my $issuer = $t->issuer;
    if ($python) {
        my ($code, $out) = command(
            join("\n", encode_json($set), @tokens) . "\n",
            $python, '-c', $VERIFY);
        is($out, "$issuer\n" x @tokens, 'jwcrypto verifies the tokens');
    }
    my %key  = map { $_->{kid} => $_ } @{ $set->{keys} };
    my $good = grep {
        my $file = file('key.jwk', encode_json($key{ header($_)->{kid} }));
        my ($code, $out) = command($_, qw(jose jws ver -i - -O - -k), $file);
        $code == 0 && decode_json($out)->{iss} eq $issuer
    } @tokens;
    is($good, @tokens, 'jose verifies the tokens');
    return;
}

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
    verified($answer->{json}, $t->token, $t->id_token(user => 'auth0|alice'),
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
    verified($t->jwks, $old, $t->token);
    $t->rotate('revoke');
    ok(!(grep { $_->{kid} eq $current } @{ $t->jwks->{keys} }), 'revoke');
    my ($before) = @{ $t->jwks->{keys} };
    $t->rotate('same_kid');
    my ($after) = @{ $t->jwks->{keys} };
    is($after->{kid}, $before->{kid}, 'same_kid: the same kid');
    isnt($after->{n}, $before->{n}, 'same_kid: another key');
    $t->rotate('replace');
    ok(!(grep { $_->{kid} eq $after->{kid} } $t->keys), 'replace');
    verified($t->jwks, $t->token);
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
    verified($many->jwks, @tokens[ 0, 10, 19 .. 22 ]);
    is_deeply([ map { header($_)->{alg} } @tokens[ 19 .. 22 ] ],
        [qw(RS256 ES256 ES384 PS256)], 'algorithms');
    my $one = Auth0M2M::Tenant->start(keys => 1, key_type => 'ES256');
    is(scalar @{ $one->jwks->{keys} }, 1, 'one key');
    verified($one->jwks, $one->mint(claims => { iss => $t->issuer }));
    is(scalar(($one->rotate)[0]{state}), 'previous', 'rotates without next');
};

subtest 'minting' => sub {
    my $jwt = $t->mint(payload => '{"a":1,}', header => { typ => undef,
        kid => 'x' });
    is_deeply(header($jwt), { alg => 'RS256', kid => 'x' }, 'header laid over');
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

# ---- /oauth/token ---------------------------------------------------------------

my %customer = (client_id => $demo->{customer_id},
    client_secret => $demo->{customer_secret}, audience => $aud);

subtest 'client_credentials' => sub {
    my ($status, $body) = $t->request_token(%customer);
    is($status, 200, 'status');
    is_deeply([ sort keys %$body ],
        [qw(access_token expires_in scope token_type)], 'members');
    is_deeply([ @$body{qw(expires_in scope token_type)} ],
        [ 86400, 'read:orders write:orders', 'Bearer' ], 'values');
    my $claims = claims($body->{access_token});
    is($claims->{exp} - $claims->{iat}, 86400, 'lifetime');
    cmp_ok(abs($claims->{iat} - time), '<', 30, 'iat is now');
    delete @$claims{qw(iat exp)};
    is_deeply($claims, {
        iss => 'https://acme.test.auth0.com/',
        sub => "$customer{client_id}\@clients",
        aud => $aud, azp => $customer{client_id},
        gty => 'client-credentials', scope => 'read:orders write:orders',
        org_id => $demo->{org},
    }, 'claims');
    verified($t->jwks, $body->{access_token});
    is(($t->request_token(%customer, scope => 'read:orders'))[1]{scope},
        'read:orders', 'narrower scope');
};

subtest 'ways to name the client' => sub {
    my $form = 'grant_type=client_credentials&audience='
        . 'https%3A%2F%2Fapi.acme.example%2F';
    my $secret = $customer{client_secret};
    my $type   = 'application/x-www-form-urlencoded';
    my $post = call($port, POST => '/oauth/token',
        "$form&client_id=$customer{client_id}&client_secret=$secret",
        'Content-Type' => $type);
    is($post->{status}, 200, 'form');
    like($post->{header}{'cache-control'}, qr/\bno-store\b/, 'no-store');
    my $basic = encode_base64("$customer{client_id}:$secret", '');
    is(call($port, POST => '/oauth/token', $form, 'Content-Type' => $type,
            Authorization => "Basic $basic")->{status}, 200, 'Basic');
    my $both = call($port, POST => '/oauth/token',
        "$form&client_secret=$secret", 'Content-Type' => $type,
        Authorization => "Basic $basic");
    is_deeply([ @$both{qw(status)}, $both->{json}{error} ],
        [ 400, 'invalid_request' ], 'two ways at once');
};

my $NO_GRANT = 'Client is not authorized to access "https://b.example/". '
    . 'You need to create a "client-grant" associated to this API. See: '
    . 'https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants';
$t->add_api(identifier => 'https://b.example/', scopes => ['x']);
my $web = $t->add_client(grant_types => ['authorization_code']);
my @REFUSALS = (
    [ 'wrong secret', { client_secret => 'x' }, 401, 'access_denied',
        'Unauthorized' ],
    [ 'no secret', { client_secret => undef }, 401, 'access_denied',
        'Unauthorized' ],
    [ 'unknown client', { client_id => 'nobody' }, 401, 'access_denied',
        'Unauthorized' ],
    [ 'public client', { client_id => $demo->{spa}, client_secret => 'x' },
        401, 'access_denied', 'Unauthorized' ],
    [ 'no grant', { audience => 'https://b.example/' }, 403, 'access_denied',
        $NO_GRANT ],
    [ 'unknown API', { audience => 'https://c.example/' }, 403,
        'access_denied', 'Service not found: https://c.example/' ],
    [ 'no audience', { audience => undef }, 403, 'access_denied',
        'Non-global clients are not allowed access to APIv1' ],
    [ 'foreign scope', { scope => 'read:orders y z' }, 403, 'access_denied',
        'Client has not been granted scopes: y, z' ],
    [ 'grant type', { grant_type => 'password' }, 400,
        'unsupported_grant_type', 'Unsupported grant type: password' ],
    [ 'no grant type', { grant_type => undef }, 400, 'invalid_request',
        'Missing required parameter: grant_type' ],
    [ 'client without the grant type', { client_id => $web->{client_id},
            client_secret => $web->{client_secret} }, 403,
        'unauthorized_client',
        q{Grant type 'client_credentials' not allowed for the client.} ],
);

subtest 'refusals at /oauth/token' => sub {
    for my $case (@REFUSALS) {
        my ($name, $change, @expected) = @$case;
        my ($status, $body) = $t->request_token(%customer, %$change);
        is_deeply([ $status, @$body{qw(error error_description)} ],
            \@expected, $name);
    }
    my $garbage = call($port, POST => '/oauth/token', '{');
    is($garbage->{status}, 400, 'no JSON');
};

subtest 'organizations at /oauth/token' => sub {
    my $org = $t->add_org(name => 'other');
    my $ask = sub ($client, %more) {
        my ($status, $body) = $t->request_token(audience => $aud,
            client_id => $client->{client_id},
            client_secret => $client->{client_secret}, %more);
        return $status != 200 ? "$status $body->{error}"
            : claims($body->{access_token})->{org_id} // 'none';
    };
    my $client = sub (%grant) {
        my $new = $t->add_client(%{ delete $grant{client} // {} });
        $t->add_grant(client_id => $new->{client_id}, audience => $aud,
            scope => ['read:orders'], %grant);
        return $new;
    };
    my $default = { default_organization => { organization_id => $org->{id},
        flows => ['client_credentials'] } };
    my $deny = $client->(client => $default);
    is($ask->($deny), 'none', 'deny: no organization');
    is($ask->($deny, organization => $org->{id}), '400 invalid_request',
        'deny: one asked for');
    my $allow = $client->(client => $default, organization_usage => 'allow',
        orgs => [ $org->{id} ]);
    is($ask->($allow), 'none', 'allow: the default is not applied');
    is($ask->($allow, organization => $org->{id}), $org->{id},
        'allow: asked for');
    is($ask->($allow, organization => $demo->{org}), '403 access_denied',
        'allow: not associated');
    is($ask->($allow, organization => 'org_none'), '400 invalid_request',
        'unknown organization');
    is($ask->($allow, organization => 'other'), '400 invalid_request',
        'by name, which is off');
    my $require = $client->(organization_usage => 'require');
    is($ask->($require), '400 invalid_request', 'require: none given');
    is($ask->($require, organization => $org->{id}), '403 access_denied',
        'require: no organization grant yet');
    my $inert = $client->(client => $default, organization_usage => 'require');
    is($ask->($inert), '403 access_denied', 'require, default: no grant yet');
    my $any = $client->(client => $default, organization_usage => 'require',
        allow_any_organization => 1);
    is($ask->($any), $org->{id}, 'require: default organization');
    is($ask->($any, organization => $demo->{org}), $demo->{org}, 'any');
    $t->set(organization_names => 1);
    my (undef, $body) = $t->request_token(%customer, organization => 'acme');
    is(claims($body->{access_token})->{org_name}, 'acme', 'by name');
    $t->set(organization_names => 0, organizations => 0);
    is($ask->($any, organization => $org->{id}), '403 access_denied',
        'tenant without organizations');
    $t->set(organizations => 1);
};

subtest 'token dialects' => sub {
    my %typ = (access_token => 'JWT', access_token_authz => 'JWT',
        rfc9068_profile => 'at+jwt', rfc9068_profile_authz => 'at+jwt');
    for my $dialect (sort keys %typ) {
        my $id = "https://$dialect.example/";
        $t->add_api(identifier => $id, scopes => ['a'], dialect => $dialect,
            token_lifetime => 60);
        my $client = $t->add_credential(audience => $id);
        my ($status, $body) = $t->request_token(audience => $id,
            client_id => $client->{client_id},
            client_secret => $client->{client_secret});
        is($body->{expires_in}, 60, "$dialect: lifetime of the API");
        is(header($body->{access_token})->{typ}, $typ{$dialect},
            "$dialect: typ");
        my $claims = claims($body->{access_token});
        is_deeply([ map { exists $claims->{$_} ? 1 : 0 }
                qw(gty azp client_id jti permissions) ],
            [ ($dialect =~ /^rfc/ ? (0, 0, 1, 1) : (1, 1, 0, 0)),
                $dialect =~ /authz/ ? 1 : 0 ], "$dialect: claims");
    }
};

subtest 'private_key_jwt' => sub {
    my $rsa = Crypt::PK::RSA->new;
    $rsa->generate_key(256);
    my $ec = Crypt::PK::ECC->new;
    $ec->generate_key('secp256r1');
    my $by_rsa = $t->add_management_client(
        public_key => $rsa->export_key_pem('public_x509'));
    my $by_ec = $t->add_management_client(
        public_key => $ec->export_key_pem('public'));
    my $serial = 0;
    my $ask = sub ($client, $key, $alg, %claims) {
        my $id  = $client->{client_id};
        my $jwt = encode_jwt(alg => $alg, key => $key, payload => {
            iss => $id, sub => $id, aud => $t->issuer, iat => time,
            exp => int(time + 60), jti => 'j' . $serial++, %claims });
        my ($status, $body) = $t->request_token(audience => $t->audience,
            client_assertion => $jwt, client_assertion_type =>
                'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
        return $status == 200 ? 'granted'
            : "$status $body->{error}: $body->{error_description}";
    };
    is($ask->($by_rsa, $rsa, $_), 'granted', $_) for qw(RS256 PS256);
    is($ask->($by_ec, $ec, 'ES256'), 'granted', 'ES256');
    my $bad = '401 invalid_client: Client assertion:';
    is($ask->($by_rsa, $rsa, 'RS512'), "$bad signature", 'algorithm');
    is($ask->($by_ec, $rsa, 'RS256'), "$bad signature", 'foreign key');
    is($ask->($by_rsa, $rsa, 'RS256', aud => 'https://x/'), "$bad aud", 'aud');
    is($ask->($by_rsa, $rsa, 'RS256', exp => int(time - 1)), "$bad exp",
        'exp');
    is($ask->($by_rsa, $rsa, 'RS256', iss => 'x'), "$bad iss and sub", 'iss');
    is($ask->($by_rsa, $rsa, 'RS256', jti => 'same'), 'granted', 'first use');
    is($ask->($by_rsa, $rsa, 'RS256', jti => 'same'), "$bad replay",
        'second use');
    my ($status) = $t->request_token(audience => $t->audience,
        client_id => $by_rsa->{client_id}, client_secret => 'x');
    is($status, 401, 'a secret is of no use to it');
};

subtest 'rotation window of secrets' => sub {
    my $admin = $t->add_management_client;
    my (undef, $body) = $t->request_token(audience => $t->audience,
        map { $_ => $admin->{$_} } qw(client_id client_secret));
    my $client = $t->add_credential(org => $demo->{org});
    my $works  = sub ($secret) {
        ($t->request_token(%customer, client_id => $client->{client_id},
            client_secret => $secret))[0] == 200 ? 1 : 0;
    };
    my $rotate = sub (%config) {
        $t->set(%config);
        my $old = $client->{client_secret};
        $client = call($port,
            POST => "/api/v2/clients/$client->{client_id}/rotate-secret",
            undef, Authorization => "Bearer $body->{access_token}")->{json};
        return [ $works->($old), $works->($client->{client_secret}) ];
    };
    is_deeply($rotate->(rotation_window => 0), [ 0, 1 ], 'none');
    is_deeply($rotate->(rotation_window => 60), [ 1, 1 ], 'both');
    is_deeply($rotate->(rotation_mode => 'old'), [ 1, 0 ], 'old only');
    $t->set(rotation_window => 0, rotation_mode => 'both');
};

# ---- faults -----------------------------------------------------------------------

my $KEEP = "GET $jwks_path HTTP/1.1\r\nHost: tenant\r\n\r\n";
my $GET  = $KEEP =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/r;

# What a raw client sees: (bytes, how it ended), and the journal's entry.
sub spoiled ($fault, $timeout = 2, $bytes = $GET) {
    $t->clear_faults;
    $t->journal_reset;
    $t->fault({ path => '.', %$fault });
    my ($got, $how) = raw($port, $bytes, $timeout);
    $t->wait_journal(done => 1);
    return ($got, $how, ($t->journal)[0]);
}

subtest 'faults: no whole answer' => sub {
    my @cases = (
        [ { kind => 'hang' }, 0.3, 'timeout', qr/\A\z/, undef, 0 ],
        [ { kind => 'hang', effect => 'after' }, 0.3, 'timeout', qr/\A\z/,
            undef, 1 ],
        [ { kind => 'hang', for => 0.1 }, 5, 'eof', qr/\A\z/, undef, 0 ],
        [ { kind => 'reset' }, 5, 'reset', qr/\A\z/, undef, 0 ],
        [ { kind => 'reset', effect => 'after' }, 5, 'reset', qr/\A\z/,
            undef, 1 ],
        [ { kind => 'reset', effect => 'after', bytes => 30 }, 5, 'reset',
            qr{\AHTTP/1\.1 200 OK\r\n.{13}\z}, 200, 1 ],
        [ { kind => 'close' }, 5, 'eof', qr/\A\z/, undef, 0 ],
        [ { kind => 'close', bytes => 8 }, 5, 'eof', qr{\AHTTP/1\.1\z}, undef,
            0 ],
        [ { kind => 'raw', body => "SSH-2.0-x\r\n" }, 5, 'eof',
            qr/\ASSH-2.0-x\r\n\z/, undef, 0 ],
        [ { kind => 'stall' }, 0.3, 'timeout', qr/\r\n\r\n\{"keys"/, 200, 1 ],
    );
    for my $case (@cases) {
        my ($fault, $timeout, $how, $bytes, $status, $effect) = @$case;
        my $name = encode_json($fault);
        my @seen = spoiled($fault, $timeout);
        is($seen[1], $how, "$name: ends by $how");
        like($seen[0], $bytes, "$name: bytes");
        is_deeply([ $seen[2]{fault}, $seen[2]{status}, 0 + $seen[2]{effect} ],
            [ $fault->{kind}, $status, $effect ], "$name: journal");
    }
};

subtest 'faults: spoiled bodies' => sub {
    my ($got, $how, $entry) = spoiled({ kind => 'truncated' });
    my $answer = parse($got);
    is($how, 'eof', 'truncated: closed');
    cmp_ok(length $answer->{body}, '<', $answer->{header}{'content-length'},
        'truncated: less than announced');
    is($entry->{status}, 200, 'truncated: status in the journal');

    ($got, $how) = spoiled({ kind => 'chunked_truncated' });
    is($how, 'eof', 'chunked_truncated: closed');
    my ($size, $rest) = $got =~ /\r\n\r\n([0-9a-f]+)\r\n(.*)\z/s;
    cmp_ok(length $rest, '<', hex $size, 'chunked_truncated: inside a chunk');

    ($got) = spoiled({ kind => 'garbage' });
    $answer = parse($got);
    is($answer->{status}, 200, 'garbage: status');
    like($answer->{header}{'content-type'}, qr/json/, 'garbage: type');
    is($answer->{json}, undef, 'garbage: no JSON');
    ok(length $answer->{body}, 'garbage: not empty');

    $answer = parse((spoiled({ kind => 'empty' }))[0]);
    is("@$answer{qw(status body)}", '200 ', 'empty');

    $answer = parse((spoiled({ kind => 'oversized', size => 3e6 }))[0]);
    cmp_ok(length $answer->{body}, '>', 3e6, 'oversized: length');
    is(length $answer->{json}{padding}, 3e6, 'oversized: JSON');

    $answer = parse((spoiled({ kind => 'content_type' }))[0]);
    is($answer->{header}{'content-type'}, 'text/plain', 'content_type');
    ok($answer->{json}{keys}, 'content_type: the right body');

    $answer = parse((spoiled({ kind => 'gzip' }))[0]);
    is($answer->{header}{'content-encoding'}, 'gzip', 'gzip: header');
    like(Mojo::Util::gunzip($answer->{body}), qr/"keys"/, 'gzip: body');

    $answer = parse((spoiled({ kind => 'html' }))[0]);
    is($answer->{status}, 200, 'html: status');
    like($answer->{header}{'content-type'} . $answer->{body},
        qr{text/html.*<html>}s, 'html: body');

    $answer = parse((spoiled({ kind => 'redirect' }))[0]);
    is("$answer->{status} $answer->{header}{location}",
        '302 https://elsewhere.test/', 'redirect');

    ($got) = spoiled({ kind => 'many_1xx', n => 7 });
    is(scalar(() = $got =~ m{HTTP/1\.1 103 }g), 7, 'many_1xx: interim ones');
    like($got, qr{\r\n\r\nHTTP/1\.1 200 OK\r\n}, 'many_1xx: the real one');

    ($got, $how) = spoiled({ kind => 'endless', rate => 1e6 }, 0.3);
    is($how, 'timeout', 'endless: goes on');
    cmp_ok(length $got, '>', 20000, 'endless: bytes');
};

subtest 'faults: slow' => sub {
    my ($got, undef, $entry) = spoiled({ kind => 'delay', ms => 100 });
    is(parse($got)->{status}, 200, 'delay: answer');
    ok($entry->{done}, 'delay: journal is told at the end');
    $t->clear_faults;
    $t->fault({ step => 'jwks', kind => 'delay', ms => 300 });
    my $before = time;
    call($port, GET => $jwks_path);
    cmp_ok(time - $before, '>=', 0.29, 'delay: not before its time');
    ($got) = spoiled({ kind => 'drip', rate => 30 }, 0.5);
    cmp_ok(length $got, '<', 60, 'drip: slow');
    like($got, qr{\AHTTP/1}, 'drip: but coming');
    ($got) = spoiled({ kind => 'drip', rate => 50000 });
    ok(parse($got)->{json}{keys}, 'drip: whole in the end');
};

subtest 'faults: statuses in Auth0\'s words' => sub {
    my $customer = encode_json({ %customer,
        grant_type => 'client_credentials' });
    my %text = (
        401 => 'Invalid token',
        403 => 'Insufficient scope, expected any of: create:clients',
        404 => 'Not Found',
        409 => 'Conflict',
        429 => 'Global limit has been reached',
        500 => 'An internal server error occurred',
    );
    for my $status (sort keys %text) {
        $t->fault({ step => 'client_create', kind => 'status',
            status => $status });
        my $answer = call($port, POST => '/api/v2/clients', {});
        is("$answer->{status} $answer->{json}{statusCode} "
            . $answer->{json}{message}, "$status $status $text{$status}",
            "status $status");
        is($answer->{header}{'x-ratelimit-remaining'}, 0, 'nothing remains')
            if $status == 429;
    }
    $t->fault({ step => 'token', kind => 'status', status => 429,
        headers => { 'retry-after' => 7 } });
    my $answer = call($port, POST => '/oauth/token', $customer);
    is_deeply([ $answer->{json}{error}, $answer->{header}{'retry-after'} ],
        [ 'too_many_requests', 7 ], 'token endpoint, own header');
    $t->fault({ step => 'token', kind => 'status', status => 503,
        body => 'down' });
    is(call($port, POST => '/oauth/token', $customer)->{body}, 'down',
        'own body');
};

subtest 'faults: which requests' => sub {
    $t->clear_faults;
    $t->journal_reset;
    my $id = $t->fault({ method => 'GET', path => qr/jwks/, skip => 1,
        count => 2, kind => 'status', status => 500 });
    my $get = sub { call($port, GET => $jwks_path)->{status} };
    is(join(' ', map { $get->() } 1 .. 4), '200 500 500 200',
        'skip and count');
    is_deeply([ map { $_->{rule} } $t->journal ], [ undef, $id, $id, undef ],
        'the rule is in the journal');
    is_deeply([ map { $_->{hits} } $t->faults ], [2], 'hits');
    $t->fault({ step => 'jwks', count => 'always', kind => 'status',
        status => 503 });
    is(join(' ', map { $get->() } 1 .. 3), '503 503 503', 'always');
    is(call($port, GET => '/.well-known/openid-configuration')->{status}, 200,
        'other steps are spared');
    $t->clear_faults;
    is($get->(), 200, 'cleared');
    eval { $t->fault({ kind => 'meteor' }) };
    like($@, qr/fault: no kind meteor/, 'an unknown kind is refused');
};

subtest 'faults: before and after the effect' => sub {
    my $bearer = 'Bearer ' . ($t->request_token(audience => $t->audience,
        client_id => $demo->{client_id},
        client_secret => $demo->{client_secret}))[1]{access_token};
    my $body  = encode_json({ name => 'x' });
    my $bytes = join "\r\n", 'POST /api/v2/clients HTTP/1.1', 'Host: tenant',
        'Connection: close', "Authorization: $bearer", 'Content-Type: application/json',
        'Content-Length: ' . length $body, '', $body;
    for my $kind (qw(hang status reset close truncated chunked_truncated stall
        garbage empty oversized html redirect raw))
    {
        for my $effect (qw(before after)) {
            my $had = $t->count(step => 'client_create');
            my $n   = @{ $t->leftovers->{clients} };
            $t->clear_faults;
            $t->fault({ step => 'client_create', kind => $kind,
                effect => $effect, status => 500 });
            raw($port, $bytes, $kind =~ /hang|stall/ ? 0.05 : 5);
            $t->wait_journal(step => 'client_create', n => $had + 1,
                done => 1);
            is(@{ $t->leftovers->{clients} } - $n, $effect eq 'after' ? 1 : 0,
                "$kind $effect");
        }
    }
    $t->clear_faults;
};

# ---- the journal -------------------------------------------------------------------

subtest 'journal' => sub {
    $t->journal_reset;
    my $bytes = "POST /oauth/token?a=b%20c HTTP/1.1\r\nHost: x.test\r\n"
        . "X-Twice: 1\r\nx-twice: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        . "3\r\nab\xff\r\n2\r\ncd\r\n0\r\n\r\n";
    $t->fault({ step => 'token', kind => 'reset' });
    is((raw($port, $bytes))[1], 'reset', 'reset');
    my ($e) = $t->journal;
    is($e->{raw}, $bytes, 'raw bytes of a request that was reset');
    is_deeply([ @$e{qw(method target path step scheme port body)} ],
        [ 'POST', '/oauth/token?a=b%20c', '/oauth/token', 'token', 'http',
            $port, "ab\xffcd" ], 'request');
    is_deeply($e->{query}, { a => 'b c' }, 'query');
    is_deeply($e->{headers}, [ [ Host => 'x.test' ], [ 'X-Twice' => 1 ],
        [ 'x-twice' => 2 ], [ 'Transfer-Encoding' => 'chunked' ] ],
        'headers in order');
    is_deeply([ $t->entry_header($e, 'X-TWICE') ], [ 1, 2 ], 'entry_header');
    is_deeply([ @$e{qw(status fault)}, map { 0 + $_ } @$e{qw(effect done)} ],
        [ undef, 'reset', 0, 1 ], 'outcome');

    raw($port, "GET /half HTTP/1.1\r\nHo", 0.1);
    ok($t->wait_journal(n => 2), 'an incomplete request is noted');
    my ($half) = grep { !$_->{complete} } $t->journal;
    is($half->{raw}, "GET /half HTTP/1.1\r\nHo", 'with its bytes');

    $t->fault({ step => 'jwks', kind => 'hang' });
    raw($port, $GET, 0.1);
    ok(eventually(sub { ($t->journal(step => 'jwks'))[0]{gone} }),
        'the time at which the peer left');
    is($t->count(path => qr/jwks/), 1, 'count by path');
    is($t->count(fault => 'reset'), 1, 'count by fault');
    is($t->count(status => 404), 0, 'count by status');
    call($port, GET => '/nowhere');
    is($t->count(status => 404, step => 'unknown'), 1, 'unknown step');

    $t->journal_reset;
    my $pipelined = $KEEP x 2 . $GET;
    my ($got) = raw($port, $pipelined);
    is(scalar(() = $got =~ m{^HTTP/1\.1 200 OK\r}mg), 3, 'pipelined answers');
    is_deeply([ map { $_->{request} } $t->journal ], [ 1, 2, 3 ],
        'numbers on the connection');
    ok(!$t->wait_journal(n => 4, timeout => 0.1), 'waiting has a bound');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        sleep 0.2;
        raw($port, $GET, 0.2);
        POSIX::_exit(0);
    }
    ok($t->wait_journal(n => 4, timeout => 10), 'waits for later ones');
    waitpid $pid, 0;
};

# ---- TLS -----------------------------------------------------------------------------

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
    my $n = sysread $other, my $nothing, 1;
    ok(!$n, 'reset over TLS: nothing comes');
    eval { $t->tls('sideways') };
    like($@, qr/no variant sideways/, 'an unknown variant is refused');
};

# ---- the network -----------------------------------------------------------------------

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

# ---- the process ------------------------------------------------------------------------

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

    my $script = 'use Auth0M2M::Tenant; $| = 1; my $t = '
        . 'Auth0M2M::Tenant->start(key_type => "ES256"); print $t->pid, "\n";'
        . ' <STDIN>; kill KILL => $$;';
    my $outer = open3(my $in, my $out, undef, $^X, "-I$Bin/lib", '-e',
        $script);
    chomp(my $inner = <$out>);
    ok(kill(0, $inner), 'a tenant of another process');
    close $in;
    waitpid $outer, 0;
    ok(eventually(sub { !kill 0, $inner }), 'gone when its owner is killed');
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
};

$t->stop;
done_testing;
