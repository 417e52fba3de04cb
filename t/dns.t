#!/usr/bin/perl

# Where a tenant is reached: names by the resolver while nginx runs, or once
# at its start; upstream blocks; unix sockets; plain text on loopback only.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Dns;
use Auth0M2M::Test::Keys;
use Auth0M2M::Test::Peer;

my $tenant = Auth0M2M::Tenant->start;
my $https  = $tenant->https_port;
my $failed = qr/could not refresh the keys/;

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return <$in>;
}

# A name for the tenant, and a location that uses it.

sub host { return "$_[0].acme.test" }

# nginx and its name server, with what this says of the names at first.

sub nginx {
    my (%o) = @_;
    my $ca = join '', map { slurp($_->ca_file) } $tenant,
        @{ delete $o{tenants} || [] };
    my $first = delete $o{first} || { a => { A => ['127.0.0.1'] } };
    my $n = Auth0M2M::Test->new(
        tenant => $tenant,
        files  => { 'cas.pem' => $ca },
        http   => "auth0_m2m_ssl_trusted_certificate %%DIR%%/cas.pem;\n"
            . "resolver 127.0.0.1:%%PORT_DNS%%;\nresolver_timeout 1s;\n",
        server => join('', "location = /free { empty_gif; }\n",
            map {
                protected("/$_",
                    upstream   => 'https://' . host($_) . ":$https",
                    jwks_cache => $o{times} // 'valid=1s timeout=2s')
            } sort keys %$first),
        start => 0,
    );
    my $dns = Auth0M2M::Test::Dns->new(
        dir     => $n->dir,
        port    => $n->port('DNS'),
        records => { map { host($_) => $first->{$_} } keys %$first },
    );

    $tenant->journal_reset;
    $n->start;
    return ($n, $dns);
}

sub works {
    my ($n, $t, $name) = @_;
    my $path = '/' . ($name // 'a');
    return $n->wait_for(sub { status($n, $path, $t->token) == 200 }, 10);
}

sub looked_up {
    my ($n, $dns) = nginx(times => 'valid=10m');

    ok(works($n, $tenant), 'resolver: keys');
    is(scalar($dns->queries(qr/ A a\./)), 1, 'resolver: asked');
    my ($entry) = $tenant->journal(step => 'jwks');
    is($entry->{sni}, $tenant->domain, 'the domain is the server name');
    is(($tenant->entry_header($entry, 'Host'))[0], $tenant->domain,
        'and Host');

    $n->stop;
    $dns->stop;
    return;
}

# Another tenant under the name: its keys show that it was reached.

sub switched {
    my $other = Auth0M2M::Tenant->start;
    my $peer  = Auth0M2M::Test::Peer->new(
        host  => '127.0.0.2',
        port  => $https,
        serve => sub {
            my $to = IO::Socket::INET->new(
                '127.0.0.1:' . $other->https_port) or return;
            Auth0M2M::Test::Peer::relay($_[0], $to);
        },
    );
    my ($n, $dns) = nginx(tenants => [$other]);

    ok(works($n, $tenant), 'switch: first address');
    my $begin = time;
    $dns->set(host('a'), A => ['127.0.0.2']);
    ok(works($n, $other), 'switch: second address');
    my $took = time - $begin;
    is(status($n, '/a', $tenant->token), 401, 'switch: first keys are gone');

    $n->stop;
    $dns->stop;
    $peer->stop;
    $other->stop;
    figure('R33-switch', what => 'the name gets another address; valid=1s,'
            . ' TTL 1 s', bar => 'used within TTL + valid',
        result => sprintf('after %.1f s', $took), count => 1,
        ok => Test::More->builder->is_passing);
    return;
}

# Keys in force outlive their name, and a name that comes back is enough.

sub failing {
    my $good = { A => ['127.0.0.1'] };
    my %bad = (
        nxdomain => { rcode => 'NXDOMAIN' },
        servfail => { rcode => 'SERVFAIL' },
        refused  => { rcode => 'REFUSED' },
        slow     => { %$good, delay => 2.5 },
        nowhere  => { A => [] },
    );
    my %why = (nxdomain => 3, servfail => 2, refused => 5, slow => 110,
        nowhere => 3);
    my ($n, $dns) = nginx(first => { map { $_ => $good } keys %bad });
    my $served = 0;

    ok(works($n, $tenant, $_), "$_: keys") for sort keys %bad;
    $dns->set(host($_), %{ $bad{$_} }) for keys %bad;

    for my $what (sort keys %bad) {
        my $line = host($what) . " could not be resolved ($why{$what}:";
        ok($n->wait_for_log(qr/\Q$line\E/, 8), "$what: why");
        is(status($n, "/$what", $tenant->token), 200, "$what: old keys serve")
            and $served++;
    }

    is(scalar(grep {/$failed.*none are/} $n->error_log), 0, 'keys stay');
    is($n->get('/free')->status, 200, 'the worker works');

    $tenant->rotate for 1, 2;
    $dns->set(host($_), %$good) for keys %bad;
    ok(works($n, $tenant, $_), "$_: over, new keys") for sort keys %bad;
    figure('R33-failures', what => 'the name cannot be looked up',
        bar    => 'old keys stay, new ones come when it is over',
        result => keys(%bad) . " ways of failing: $served of them served by"
            . ' old keys', count => scalar keys %bad,
        ok => Test::More->builder->is_passing);

    $n->stop;
    $dns->stop;
    return;
}

sub cold {
    my ($n, $dns) = nginx(first => { a => { rcode => 'SERVFAIL' } });

    ok($n->wait_for_log($failed), 'cold: no address');
    $dns->set(host('a'), A => ['127.0.0.1']);
    ok(works($n, $tenant), 'cold: recovered');

    $n->stop;
    $dns->stop;
    return;
}

# nginx may leave while it waits for a name.

sub silent {
    my ($n, $dns) = nginx(first => { a => { silent => 1 } });
    my $auth = ['Authorization', 'Bearer ' . $tenant->token];

    ok($n->wait_for(sub { $dns->queries }), 'silent: asked');
    my @waits = map { $n->async(['GET', '/a', $auth]) } 1 .. 5;
    is($n->get('/free')->status, 200, 'silent: the worker works');
    $_->close for @waits[0 .. 3];
    ok($n->reload(old => 1), 'silent: reload');
    is($waits[4]->wait($n->bound(5))->status, 503, 'silent: 503 in the end');
    ok($n->wait_for(sub { $n->workers == 1 }), 'silent: the old worker ends');

    $n->stop;
    $dns->stop;
    return;
}

sub ttl_0 {
    my ($n, $dns) = nginx(
        first => { a => { A => ['127.0.0.1'], ttl => 0 } });

    ok($n->wait_for(sub { fetches($tenant) >= 3 }, 8), 'TTL 0: fetches');
    cmp_ok(scalar($dns->queries(qr/ A a\./)), '>=', 2,
        'TTL 0: asked again');
    is(status($n, '/a', $tenant->token), 200, 'TTL 0: keys');

    $n->stop;
    $dns->stop;
    return;
}

# Several addresses: one that is alive is enough.

sub addresses {
    my %of = (
        'aaaa-dead'  => { AAAA => ['::1'], A => ['127.0.0.1'] },
        'two-dead'   => { A => ['127.0.0.3', '127.0.0.1', '127.0.0.4'] },
        'only-tcp'   => { A => ['127.0.0.1'], truncated => 1 },
    );
    my ($n, $dns) = nginx(first => \%of);

    ok(works($n, $tenant, $_), "$_: keys") for sort keys %of;
    ok($dns->queries(qr/^tcp A only-tcp/) > 0, 'asked by TCP');

    $n->stop;
    $dns->stop;
    return;
}

# Without a resolver: names known at the start, blocks, sockets.

sub at_start {
    my $path = $tenant->dir . '/tenant.sock';
    my $peer = Auth0M2M::Test::Peer->new(
        path  => $path,
        serve => sub {
            my $to = IO::Socket::INET->new(
                '127.0.0.1:' . $tenant->http_port) or return;
            Auth0M2M::Test::Peer::relay($_[0], $to);
        },
    );
    my %url = (
        name    => "https://localhost:$https",
        plain   => 'http://localhost:' . $tenant->http_port,
        block   => 'https://several',
        'unix'  => "http://unix:$path",
        'block-unix' => 'http://sockets',
        address => "https://127.0.0.1:$https/",
    );
    my $n = Auth0M2M::Test->new(
        tenant => $tenant,
        http   => <<"END",
auth0_m2m_ssl_trusted_certificate %%CA%%;
upstream several {
    server 127.0.0.1:%%PORT_DEAD%%;
    server 127.0.0.1:$https;
}
upstream sockets {
    server unix:$path;
}
END
        server => join('',
            map { protected("/$_", upstream => $url{$_}) } sort keys %url),
    );

    for my $what (sort keys %url) {
        ok($n->wait_for(
                sub { status($n, "/$what", $tenant->token) == 200 }, 8),
            "$what: keys");
    }

    my @hosts = map { $tenant->entry_header($_, 'Host') }
        $tenant->journal(step => 'jwks');
    is_deeply([grep { $_ ne $tenant->domain } @hosts], [], 'Host');

    $n->stop;
    $peer->stop;
    return;
}

# nginx -t knows what would go out in the clear, and what leads nowhere.

sub refused {
    my $clear = qr/http:\/\/ is for loopback addresses and unix sockets only/;
    my %url = (
        'http://192.0.2.1'          => $clear,
        'http://10.0.0.1:8080'      => $clear,
        'http://0.0.0.0'            => $clear,
        'http://[2001:db8::1]'      => $clear,
        'http://[::ffff:192.0.2.1]' => $clear,
        'HTTP://192.0.2.1'          => $clear,
        'http://mixed'              => $clear,
        'http://backup'             => $clear,
        'https://nowhere.invalid'   => qr/host not found.*resolver/,
        'ftp://127.0.0.1'           => qr/must be https/,
        '127.0.0.1'                 => qr/must be https/,
        'https://127.0.0.1/path'    => qr/path in/,
        'https://'                  => qr/no host/,
        'https://127.0.0.1:0'       => qr/invalid port/,
        'http://127.9.9.9'          => undef,
        'http://[::1]:8080'         => undef,
        'https://192.0.2.1'         => undef,
        'https://mixed'             => undef,
    );
    my $http = <<'END';
upstream mixed  { server 127.0.0.1; server 192.0.2.1; }
upstream backup { server 127.0.0.1; server 192.0.2.1 backup; }
END

    for my $url (sort keys %url) {
        my ($exit, $out) = Auth0M2M::Test->conf_test(
            http   => $http,
            server => protected('/', domain => 'acme.test',
                upstream => $url),
        );
        is($exit ? 'refused' : 'taken', $url{$url} ? 'refused' : 'taken', $url);
        like($out, $url{$url}, "$url: why") if $url{$url};
    }

    return;
}

looked_up();
switched();
failing();
cold();
silent();
ttl_0();
addresses();
at_start();
refused();

done_testing;
