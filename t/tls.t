#!/usr/bin/perl

# TLS towards the tenant: which certificates are taken, which never, whatever
# other locations do with the same server; what is sent in the clear is not
# listened to.

use strict;
use warnings;

use File::Temp;
use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;
use Auth0M2M::Test;
use Auth0M2M::Test::Certs;
use Auth0M2M::Test::Keys;
use Auth0M2M::Test::Peer;

my $domain = 'acme.eu.test';
my $dir    = File::Temp->newdir;
my $certs  = Auth0M2M::Test::Certs->new(dir => "$dir", domain => $domain);
my $mint   = Auth0M2M::Mint->new(issuer => "https://$domain/");
my $jwks   = Auth0M2M::Mint->jwks($mint->key);
my $token  = $mint->token;

# Servers, by the certificate they show or the protocol they speak.

my %protocol = (
    tls_12 => 'TLSv1.2',
    tls_13 => 'TLSv1.3',
    tls_10 => 'TLSv1',
    tls_11 => 'TLSv1.1',
);
my @good = ($certs->good, 'tls_12', 'tls_13');
my @bad  = ($certs->bad,  'tls_10', 'tls_11');

sub listening {
    my ($kind) = @_;
    my $cert = $protocol{$kind} ? 'plain' : $kind;
    my $protocols = $protocol{$kind} // 'TLSv1.2 TLSv1.3';

    return "server {\n    listen 127.0.0.1:%%PORT_" . uc($kind) . "%% ssl;\n"
        . "    ssl_certificate $dir/$cert.pem;\n"
        . "    ssl_certificate_key $dir/$cert.key;\n"
        . "    ssl_protocols $protocols;\n"
        . "    ssl_session_cache shared:s:1m;\n"
        . "    location / { return 404; }\n"
        . "    location /.well-known/ { root %%DIR%%; }\n}\n";
}

# Servers may show what no client should accept: OpenSSL must let them.

sub servers {
    my $conf = "$dir/openssl.cnf";
    open my $out, '>', $conf or die "$conf: $!\n";
    print {$out} <<'END';
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lax
[lax]
MinProtocol = TLSv1
CipherString = DEFAULT:@SECLEVEL=0
END
    close $out or die "$conf: $!\n";

    my $s = Auth0M2M::Test->new(
        module => 0,
        start  => 0,
        env    => { OPENSSL_CONF => $conf },
        http   => <<'END' . join('', map { listening($_) } @good, @bad),
types { application/json json; }
log_format tls '$server_port "$ssl_server_name" "$host" $ssl_protocol '
               '$ssl_session_reused "$http_user_agent"';
access_log %%DIR%%/tls.log tls;
END
        server => '',
    );
    mkdir $s->path('.well-known');
    $s->write_file('.well-known/jwks.json', $jwks);
    return $s;
}

sub client {
    my ($s, @kinds) = @_;
    my %url = map { $_ => 'https://127.0.0.1:' . $s->port(uc $_) } @kinds;

    return Auth0M2M::Test->new(
        http   => join('', "auth0_m2m_zone zone=auth0_m2m:17m;\n",
            map { block($s, $_) } @kinds),
        server => "auth0_m2m_ssl_trusted_certificate $dir/ca.pem;\n"
            . join('', map { <<"END" . key_location($_, $url{$_}) } @kinds),
location = /proxy/$_ {
    proxy_pass              https://proxy_$_/.well-known/jwks.json;
    proxy_http_version      1.0;    # else nginx 1.30 keeps the connection
    proxy_ssl_verify        off;
    proxy_ssl_server_name   on;
    proxy_ssl_name          $domain;
    proxy_ssl_session_reuse on;
    proxy_ssl_protocols     TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    proxy_ssl_ciphers       DEFAULT:\@SECLEVEL=0;
}
END
    );
}

# With a zone nginx keeps the sessions in it, and frees them.

sub block {
    my ($s, $kind) = @_;
    my $address = '127.0.0.1:' . $s->port(uc $kind);
    return "upstream proxy_$kind { zone proxies 4m; server $address; }\n";
}

sub key_location {
    my ($kind, $url) = @_;
    return protected("/$kind", domain => $domain, upstream => $url);
}

# What nginx says of a server, which names it by its port.

my %why = (
    (map { $_ => qr/does not match "\Q$domain\E"/ }
        qw(wrong_host longer_host parent_host wide_wildcard address_only)),
    (map { $_ => qr/protocol version/ } qw(tls_10 tls_11)),
);

sub said_why {
    my ($n, $s, $kind) = @_;
    my $port = $s->port(uc $kind);
    my $why  = $why{$kind} // qr/certificate verify failed/;
    return scalar grep {/$why.*upstream: "127\.0\.0\.1:$port"/} $n->error_log;
}

# Proxy locations that verify nothing use the same servers first, before any
# key set was fetched, and between one attempt and the next.

my %count = map { $_ => 0 } qw(taken refused reached);

sub verdicts {
    my ($s, @kinds) = @_;
    my %bad = map { $_ => 1 } @bad;
    my $n = client($s, @kinds);

    ok($n->wait_for(sub {
                grep({/could not refresh/} $n->error_log) >= @kinds
            }), 'nobody is there');
    $s->start;

    for my $kind (@kinds) {
        is($n->get("/proxy/$kind")->status, 200, "$kind: proxied, $_")
            for 1, 2;
    }

    for my $kind (grep { !$bad{$_} } @kinds) {
        ok($n->wait_for(sub { status($n, "/$kind", $token) == 200 }, 10),
            "$kind: taken") and $count{taken}++;
    }

    for my $kind (grep { $bad{$_} } @kinds) {
        ok($n->wait_for(sub { said_why($n, $s, $kind) }), "$kind: why");
        is($n->get("/proxy/$kind")->status, 200, "$kind: proxied again");
        is(status($n, "/$kind", $token), 503, "$kind: refused")
            and $count{refused}++;
    }

    $n->stop;
    $s->stop;
    said($s, @kinds);
    return;
}

# What reached the servers of the module's requests: name, Host, and never a
# resumed session.

sub said {
    my ($s, @kinds) = @_;
    my %port = map { $s->port(uc $_) => $_ } @kinds;
    my (%asked, $resumed);

    open my $in, '<', $s->path('tls.log') or die "tls.log: $!\n";
    while (<$in>) {
        $resumed++ if / r "/;
        my ($port, $rest) = /^(\d+) (.*) "auth0-m2m-nginx"$/ or next;
        $asked{ $port{$port} }{ $rest }++ if $port{$port};
    }
    close $in;
    unlink $s->path('tls.log');

    ok($resumed, 'the proxy locations resume sessions');
    is($asked{$_}, undef, "$_: nothing was sent") or $count{reached}++
        for @bad;

    for my $kind (sort @good) {
        my @said = keys %{ $asked{$kind} || {} };
        is(@said, 1, "$kind: asked");
        like($said[0] // '', qr/^"\Q$domain\E" "\Q$domain\E" TLSv1\.[23] \.$/,
            "$kind: server name, Host, full handshake");
    }

    return;
}

# The system's trust store holds no CA of ours.

sub system_store {
    my ($s) = @_;
    $s->start;
    my $n = Auth0M2M::Test->new(server => key_location('plain',
            'https://127.0.0.1:' . $s->port('PLAIN')));

    ok($n->wait_for_log(qr/certificate verify failed/), 'system store');
    is(status($n, '/plain', $token), 503, 'system store: refused');

    $n->stop;
    $s->stop;
    return;
}

# Whoever sits between may speak before TLS does.

sub plaintext {
    my ($s) = @_;
    my $answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($jwks) . "\r\n\r\n$jwks";
    my $real = $s->port('PLAIN');
    my $held = 0;
    $s->start;

    my %way = (
        first => sub { print { $_[0] } $answer; sysread $_[0], my $b, 4096 },
        instead => sub { sysread $_[0], my $b, 4096; print { $_[0] } $answer },
        'and relays' => sub {
            print { $_[0] } $answer;
            Auth0M2M::Test::Peer::relay($_[0],
                IO::Socket::INET->new("127.0.0.1:$real"));
        },
        'hello, then' => sub {
            my $server = IO::Socket::INET->new("127.0.0.1:$real");
            sysread $_[0], my $hello, 4096;
            syswrite $server, $hello;
            sysread $server, my $reply, 65_536;
            syswrite $_[0], substr($reply, 0, 40) . $answer;
            sysread $_[0], my $b, 4096;
        },
    );

    for my $way (sort keys %way) {
        my $peer = Auth0M2M::Test::Peer->new(serve => $way{$way});
        my @names = map {"k$_"} 1 .. 20;
        my $n = Auth0M2M::Test->new(
            http   => 'auth0_m2m_zone zone=auth0_m2m:17m;',
            server => "auth0_m2m_ssl_trusted_certificate $dir/ca.pem;\n"
                . join('', map {
                    protected("/$_", domain => "$_.test",
                        upstream => 'https://127.0.0.1:' . $peer->port)
                } @names),
        );

        ok($n->wait_for(sub {
                    grep({/could not refresh.*none are/} $n->error_log)
                        >= @names
                }), "plaintext $way: no keys");
        my @got = $n->parallel([
            map {
                my $t = $mint->token(iss => "https://$_.test/");
                ['GET', "/$_", ['Authorization', "Bearer $t"]]
            } @names
        ]);
        my $refused = grep { $_->status == 503 } @got;
        is($refused, 20, "plaintext $way: 503");
        $held += $refused;
        ok(!grep({/in force$/ && /new keys/} $n->error_log),
            "plaintext $way: nothing taken");
        $n->stop;
        $peer->stop;
    }

    $s->stop;
    return (scalar keys %way, $held);
}

my $s = servers();
verdicts($s, @good, @bad);
verdicts($s, reverse @good, @bad);
system_store($s);
figure('R31',
    what   => @bad . ' wrong and ' . @good . ' right certificates and'
        . ' protocols, in two orders, beside proxies that verify nothing',
    bar    => 'each wrong one refused, each right one taken, in any order',
    result => "$count{refused} of @{[2 * @bad]} refused, $count{reached} of"
        . " them were sent anything; $count{taken} of @{[2 * @good]} taken",
    count  => 2 * (@bad + @good),
    ok     => Test::More->builder->is_passing,
);
my ($ways, $held) = plaintext($s);
figure('R32',
    what   => 'plain text before, instead of, or within the handshake',
    bar    => 'refused',
    result => "$held of @{[20 * $ways]} key sets stay without keys, in $ways"
        . ' ways',
    count => 20 * $ways,
    ok    => Test::More->builder->is_passing,
);

done_testing;
