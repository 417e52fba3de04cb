#!/usr/bin/perl

# Many tokens in random order over two workers: no verdict depends on what came
# before, no bad signature disturbs TLS in the same worker, hostile claims stay
# text, and a forged token costs no more than twice a good one.

use v5.36;

use JSON::PP ();
use POSIX ();
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure seconds);
use Auth0M2M::Load qw(right);
use Auth0M2M::Mint qw(flip hmac unsigned);
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

my $seconds = seconds(4);
my $tenant  = Auth0M2M::Tenant->start(extra_keys => ['ES256']);
my $issuer  = 'https://' . $tenant->domain . '/';
my ($ec)    = grep { $_->{kty} eq 'EC' } @{ $tenant->keys };
my $mint    = Auth0M2M::Mint->new(key => $tenant->keys->[0],
    issuer => $issuer);
my $ec_mint = Auth0M2M::Mint->new(key => $ec, alg => 'ES256',
    issuer => $issuer);
my $json = JSON::PP->new->canonical;

sub paths (%o) {
    return join '', map {
        my ($path, $cache) = @$_;
        protected($path, token_cache => $cache,
            algorithms => 'RS256 ES256', %o)
    } ['/v1', 'on'], ['/uncached', 'off'];
}

# Good and bad, by both kinds of key, remembered or not.

sub tokens {
    my @all;

    for my $m ($mint, $ec_mint) {
        my @good = map { $m->token(sub => "c$_\@clients") } 1 .. 100;
        push @all, (map { [200, $_] } @good),
            (map { [401, flip($_, 2, 8 * int(rand 60) + 3)] } @good),
            (map { [401, flip($_, 1, 8 * int(rand 60) + 3)] } @good),
            (map { [401, $m->token(exp => time - 600 - $_)] } 1 .. 20),
            (map { [401, $m->token(aud => "https://x$_/")] } 1 .. 20),
            [401, unsigned('{"alg":"none"}', $json->encode($m->claims))],
            [401, hmac('{"alg":"HS256"}', $json->encode($m->claims),
                $m->key->{public_pem})];
    }

    return @all;
}

# Each alone first: that is the verdict.

sub history {
    my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 2,
        server => paths());
    my @all = tokens();
    ok($n->wait_for(sub { status($n, '/v1', $all[0][1]) == 200 }), 'keys');

    my @off = grep { status($n, '/uncached', $_->[1]) != $_->[0] } @all;
    is(scalar @off, 0, scalar(@all) . ' tokens alone');

    my $sum = Auth0M2M::Load->start(port => $n->port, clients => 4, seed => 18,
        close => 0, seconds => $seconds, mix => [
            map { my $t = $_; map { [$t->[0], $_, $t->[1]] }
                '/v1', '/uncached' } @all ])->wait;
    right($sum, 'mixed');
    is($sum->{transport}, 0, 'mixed: none lost');

    figure('R18', what => 'good and bad tokens in random order, two workers',
        bar    => 'each verdict as that of the token alone',
        result => "$sum->{requests} verdicts, all as alone: FA"
            . " $sum->{false_accepts}, FR $sum->{false_refusals}",
        count => $sum->{requests}, seed => 18,
        ok    => Test::More->builder->is_passing);
    $n->stop;
    return;
}

# OpenSSL has one queue of errors for all that a process does.

sub error_queue {
    my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 1,
        http => "ssl_session_cache off;\n",
        server => paths(
            upstream => '%%TENANT_HTTPS%%',
            ssl_trusted_certificate => '%%CA%%',
            jwks_cache => 'valid=1s cooldown=1ms'));
    my $good = $mint->token;
    my $bad  = flip($good, 2, 99);
    my $ec_bad = flip($ec_mint->token, 2, 99);
    ok($n->wait_for(sub { status($n, '/v1', $good) == 200 }), 'keys');
    my $shook = $tenant->stats->{handshakes};

    # a kid that nobody has: a handshake with the tenant each time
    my @unknown = map { $mint->token(-header => { kid => "none$_" }) } 1 .. 9;
    my $sum = Auth0M2M::Load->start(port => $n->port, clients => 3, seed => 20,
        close => 0, seconds => $seconds, mix => [
            (map { [401, '/uncached', $_] } ($bad, $ec_bad) x 9, @unknown),
            (map { [200, '/uncached', $good] } 1 .. 9) ])->wait;
    $shook = $tenant->stats->{handshakes} - $shook;

    right($sum, 'error queue');
    is($sum->{transport}, 0, 'error queue: no connection lost');
    is(scalar(grep {/SSL|could not refresh/} $n->error_log), 0,
        'error queue: no TLS error');
    cmp_ok($shook, '>', 10, "error queue: $shook handshakes");

    figure('R20', what => 'bad signatures between TLS handshakes in one'
            . ' worker', bar => '0 TLS errors',
        result => "$sum->{refusals} refusals and $shook handshakes, 0 errors",
        count => $sum->{refusals}, seed => 20,
        ok    => Test::More->builder->is_passing);
    $n->stop;
    return;
}

# Claims that want to be a header, a line, JSON or markup.

sub hostile {
    my @seeds = ("a\r\nX-Evil: 1", "a\nb", "\0", "\e[31mred", "\x{85}next",
        '"', '\\', '"}],"x":"', '$jwt_org_id', '${host}', '%s%n%x', '%0d%0a',
        "\x{2028}", "\x{202e}rtl", "\x{feff}", '<script>', "' or 1=1 --",
        '../../etc/passwd', "\t", "\x7f", "\x{1f600}", 'x' x 3000);
    srand 21;
    return map {
        my $value = join '', map { $seeds[rand @seeds] } 1 .. 1 + rand 3;
        ($value, $seeds[ $_ % @seeds ]);
    } 1 .. 400;
}

my $variables = '$jwt_org_id $jwt_claim_note $jwt_claim_list $jwt_claim_o'
    . ' $auth0_m2m_client_id $auth0_m2m_status';

sub injection {
    my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 1,
        http => "log_format main escape=none '$variables';\n"
            . "large_client_header_buffers 4 32k;\n",
        server => protected('/v1', algorithms => 'ES256',
            with => "add_header X-All \"$variables\" always;\n"
                . "proxy_set_header X-All \"$variables\";\n"
                . 'proxy_set_header X-Org $jwt_org_id;'
                . 'proxy_pass http://%%BACKEND%%;') =~ s/empty_gif;//r
            . 'location = /authorizer { auth0_m2m on; auth0_m2m_domain'
            . ' %%TENANT_DOMAIN%%; auth0_m2m_upstream %%TENANT_HTTP%%;'
            . ' auth0_m2m_audience https://api.acme.example/;'
            . ' auth0_m2m_algorithms ES256; auth0_m2m_authorizer; }');
    my ($count, @wrong) = (0);
    ok($n->wait_for(sub { status($n, '/v1', $ec_mint->token) == 200 }),
        'keys');
    my $lines = () = $n->access_log;

    for my $value (hostile()) {
        my $as = $count++ % 4;
        my $token = $ec_mint->token($as == 0 ? (org_id => $value)
            : $as == 1 ? (note => $value, list => [ $value, 'b' ])
            : $as == 2 ? (o => { $value => $value }, scope => $value)
            :            (azp => $value, note => 'a'));
        my $path = $count % 3 ? '/v1' : '/authorizer';
        my $raw = $n->raw("GET $path HTTP/1.1\r\nHost: a\r\n"
            . "Connection: close\r\nAuthorization: Bearer $token\r\n\r\n");
        my ($head, $body) = split /\r\n\r\n/, $raw, 2;
        my ($status) = $head =~ m{^HTTP/1.1 (\d+)};

        push @wrong, "$count: status $status" if $status !~ /^(?:200|401|400)$/;
        push @wrong, "$count: org_id $value"
            if $as == 0 && $status == 200 && $value !~ /^org_[A-Za-z0-9]+$/;
        push @wrong, "$count: a header" if $head =~ /^X-Evil/mi;
        push @wrong, "$count: control characters in the head"
            if $head =~ s/\r\n/ /gr =~ /[\x00-\x1f\x7f]/;
        push @wrong, "$count: not JSON"
            if $path eq '/authorizer' && $status == 200
            && !eval { JSON::PP->new->utf8->decode($body); 1 };
    }

    my $lines_now = () = $n->access_log;
    is(scalar @wrong, 0, "$count hostile claims downstream")
        or diag join "\n", @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)];
    is($lines_now - $lines, $count, 'one line of the log each');
    my @logged = (join('', map {"$_\n"} $n->access_log, $n->error_log))
        =~ /([^\n\x20-\x7e\x80-\xff])/g;
    is(scalar @logged, 0, 'no control character in any log');

    my @upstream = grep { join('', map { ref ? @$_ : $_ // '' }
        map { $_->header('X-All'), $_->header('X-Org'),
            $_->header('X-Evil') // '' } $_) =~ /[\x00-\x1f\x7f]/
            || $_->header('X-Evil') } $n->backend->requests;
    is(scalar @upstream, 0, 'nothing of it upstream');

    figure('R21', what => 'hostile claim values through variables, headers,'
            . ' logs and the authorizer',
        bar    => 'no raw control byte, no header, no log line, valid JSON',
        result => "$count values, 0 came through", count => $count,
        seed   => 21, ok => Test::More->builder->is_passing);
    $n->stop;
    return;
}

# What a worker spends on each kind.

sub ticks ($pid) {
    open my $fh, '<', "/proc/$pid/stat" or die "stat: $!\n";
    my @f = split ' ', (<$fh> =~ s/.*\) //r);
    return ($f[11] + $f[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

sub price {
    my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 1,
        log_level => 'error',
        http => "access_log off;\nkeepalive_requests 1000000;\n",
        server => paths());
    my %of;

    for my $kind ([RS256 => $mint], [ES256 => $ec_mint]) {
        my ($name, $m) = @$kind;
        my @good = map { $m->token(sub => "c$_\@clients") } 1 .. 50;
        ok($n->wait_for(sub { status($n, '/uncached', $good[0]) == 200 }),
            "$name: keys");
        my %mix = (
            valid  => [ map { [200, '/uncached', $_] } @good ],
            forged => [ map { [401, '/uncached', flip($_, 2, 77)] } @good ],
        );

        for my $what (sort keys %mix) {
            my ($worker) = $n->workers;
            my $before = ticks($worker);
            my $sum = Auth0M2M::Load->start(port => $n->port, clients => 2,
                close => 0, limit => 8_000, mix => $mix{$what})->wait;
            is($sum->{accepts} + $sum->{refusals}, 16_000,
                "$name: $what, as expected");
            $of{$name}{$what} = 1e6 * (ticks($worker) - $before) / 16_000;
        }
    }

    my @said;

    for my $name (sort keys %of) {
        my ($valid, $forged) = @{ $of{$name} }{qw(valid forged)};
        my $ratio = $forged / $valid;
        cmp_ok($ratio, '<=', 2, sprintf "$name: forged/valid %.2f", $ratio);
        push @said, sprintf '%s: forged %.0f us, valid %.0f us, ratio %.2f',
            $name, $forged, $valid, $ratio;
    }

    figure('R34', what => "a worker's processor time for a request with a"
            . ' forged token, and with a valid one that is not remembered',
        bar    => 'ratio <= 2', result => join('; ', @said),
        count => 64_000, seed => 1, ok => Test::More->builder->is_passing);
    $n->stop;
    return;
}

history();
error_queue();
injection();
SKIP: {
    skip 'processor time: a sanitizer or valgrind takes most of it', 1
        if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';
    price();
}
$tenant->stop;
done_testing;
