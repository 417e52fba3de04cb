#!/usr/bin/perl

# The n-th allocation fails, for each n of a canonical request: no crash, no
# hang, no leak, nothing accepted that is not to be, and the next request is
# fine.  TORTURE_MOST=0 leaves out no n of the long ones.

use v5.36;

use File::Temp ();
use List::Util qw(max);
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint qw(flip);
use Auth0M2M::Portal;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

plan skip_all => 'a sanitizer or valgrind has its own malloc'
    if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';

my $most    = $ENV{TORTURE_MOST} // 50;   # of each kind of long requests
my $answers = $most ? 12 : 60;            # allocations that follow an answer
my $dir     = File::Temp->newdir;
my $shim    = "$dir/alloc.so";

if (system(qw(cc -O2 -Wall -Wextra -shared -fPIC -o), $shim,
    't/torture/alloc.c', '-ldl') != 0)
{
    plan skip_all => 'the preloaded library cannot be built';
}

# The shared counters; see t/torture/alloc.c for their names.

my @names = qw(countdown lasting calls failed live);

package Control {

    sub new ($class) {
        my $self = bless { file => "$dir/control" }, $class;
        open $self->{fh}, '+>', $self->{file} or die "$self->{file}: $!\n";
        syswrite $self->{fh}, pack 'q*', (0) x @names;
        return $self;
    }

    sub get ($self, $name) {
        sysseek $self->{fh}, 0, 0;
        sysread $self->{fh}, my $bytes, 8 * @names;
        my %all;
        @all{@names} = unpack 'q*', $bytes;
        return $all{$name};
    }

    sub set ($self, %o) {
        for my $i (grep { exists $o{ $names[$_] } } 0 .. $#names) {
            sysseek $self->{fh}, 8 * $i, 0;
            syswrite $self->{fh}, pack 'q', $o{ $names[$i] };
        }
        return;
    }
}

my $control = Control->new;

# what nginx says of memory itself

my @declared = (qr/(?:malloc|posix_memalign|memalign)\(.*\) failed/,
    qr/could not add new SSL session|SSL_(?:new|CTX_new|set_\w+)\(\) failed/,
    qr/SSL_\w+\(\) failed|ngx_ssl_\w+\(\) failed/,
    qr/ignoring stale global SSL error \(SSL: .*malloc failure/);

sub preloaded {
    return (
        env        => { LD_PRELOAD => $shim,
            TORTURE_CONTROL => $control->{file} },
        expect_log => \@declared,
    );
}

# Numbers 1..$all, or $n of them spread evenly.

sub spread ($all, $n) {
    return 1 .. $all if !$most || $all <= 150;
    return map { 1 + int(($_ + 0.5) * $all / $n) } 0 .. $n - 1;
}

# Blocks in use: the least of a while, since what a request leaves open, such
# as a connection that its peer is about to close, goes a moment later.

sub live ($n, $least = 0) {
    my ($looks, $live) = (0);

    $n->wait_for(sub {
        my $now = $control->get('live');
        $live = $now if !defined $live || $now < $live;
        return ++$looks >= 30 && $live <= $least;
    }, 1);

    return $live;
}

sub last_refusal ($n) {
    return (grep {/refused/} $n->error_log)[-1] // '';
}

my %total = (cases => 0, blocks => 0);

# ask: makes the request, returns its status.  good: statuses that may be;
# after: something that must be true of the next request.

sub torture ($n, $name, %o) {
    my ($worker) = $n->workers;

    $o{before}->() if $o{before};
    $o{ask}->();
    $o{after}->();
    $o{before}->() if $o{before};
    $control->set(calls => 0);
    my $right = $o{ask}->();
    my $all = $control->get('calls');
    my (%seen, @wrong);
    my $begin = live($n);
    my $cases = 0;

    for my $lasting (0, 1) {
        for my $i (spread($all, $lasting ? $most / 5 : $most)) {
            $o{before}->() if $o{before};
            $control->set(lasting => $lasting, countdown => $i);
            my $status = $o{ask}->();
            $control->set(countdown => 0, lasting => 0);
            $seen{$status}++;
            $cases++;
            push @wrong, "n = $i: $status " . last_refusal($n)
                if !grep { $_ == $status } $right, 0, 500, 503,
                    @{ $o{good} || [] };
            push @wrong, "n = $i: the next is not right" if !$o{after}->();
            last if @wrong > 5;
        }
    }

    my ($now) = $n->workers;
    is(scalar @wrong, 0, "$name: $cases of $all allocations fail: "
        . join(', ', map {"$_ x $seen{$_}"} sort keys %seen))
        or diag join "\n", @wrong;
    is($now, $worker, "$name: the worker lives");

    # a few of OpenSSL's own ways to fail, when it reads a certificate, keep a
    # block each

    my $grown = live($n, $begin) - $begin;
    my $room  = $o{grows} // max(20, $cases / 25);
    cmp_ok($grown, '<', $room, "$name: $grown blocks more");
    $total{cases} += $cases;
    $total{blocks} += $grown;
    return;
}

# Verdicts.

sub access {
    my $tenant = Auth0M2M::Tenant->start;
    my $n = Auth0M2M::Test->new(preloaded(), tenant => $tenant,
        server => "request_pool_size 256;\n" . protected('/v1')
            . protected('/uncached', token_cache => 'off')
            . protected('/scoped', scope => 'no:such')
            . 'location = /claims { auth0_m2m optional; auth0_m2m_domain'
            . ' %%TENANT_DOMAIN%%; auth0_m2m_upstream %%TENANT_HTTP%%;'
            . ' auth0_m2m_audience https://api.acme.example/;'
            . ' add_header X-All "$jwt_claim_permissions $jwt_claim_scope'
            . ' $jwt_org_id $auth0_m2m_client_id"; empty_gif; }'
            . "location = /authorizer { auth0_m2m on; auth0_m2m_domain"
            . ' %%TENANT_DOMAIN%%; auth0_m2m_upstream %%TENANT_HTTP%%;'
            . ' auth0_m2m_audience https://api.acme.example/;'
            . ' auth0_m2m_authorizer; }'
            . "location = /status { auth0_m2m_status; }\n");
    my $token = $tenant->token(org => 'org_abc',
        permissions => [ qw(a b c) ]);
    my $bad = flip($token, 2, 33);
    my $after = sub { return status($n, '/v1', $token) == 200
        && status($n, '/v1', $bad) == 401 };

    ok($n->wait_for($after), 'keys');
    torture($n, $_->[0], after => $after,
        ask => sub { status($n, $_->[1], $_->[2]) })
        for (
            ['hit',         '/v1',         $token],
            ['miss',        '/uncached',   $token],
            ['forged',      '/uncached',   $bad],
            ['forged, remembered', '/v1',  $bad],
            ['no JWT',      '/v1',         'a.b.c'],
            ['no scope',    '/scoped',     $token],
            ['variables',   '/claims',     $token],
            ['authorizer',  '/authorizer', $token],
            ['status',      '/status',     $token],
        );
    $n->stop;
    $tenant->stop;
    return;
}

# A key nobody has: each request fetches, over TLS.

sub refresh {
    my $tenant = Auth0M2M::Tenant->start;
    my $n = Auth0M2M::Test->new(preloaded(), tenant => $tenant,
        server => protected('/v1', jwks_cache => 'cooldown=1ms timeout=2s',
            upstream => '%%TENANT_HTTPS%%',
            ssl_trusted_certificate => '%%CA%%'));
    my $token = $tenant->token;
    my $unknown = $tenant->token(header => { kid => 'nobody' });

    ok($n->wait_for(sub { status($n, '/v1', $token) == 200 }), 'keys');
    torture($n, 'refresh', grows => 200,
        ask   => sub { status($n, '/v1', $unknown) },
        after => sub { status($n, '/v1', $token) == 200 });
    ok($n->wait_for(sub {
        $tenant->rotate('replace');
        return status($n, '/v1', $tenant->token) == 200;
    }, 10), 'refresh: keys come as before');
    $n->stop;
    $tenant->stop;
    return;
}

# How many keys there are at least, and at most: who gets no answer does not
# know, and a revocation that has begun is ended by the janitor.

sub created ($keys, $status) {
    $keys->{least} += $status == 200;
    $keys->{most}  += $status == 200 || !$status;
    return $status;
}

sub revoked ($keys, $status) {
    $keys->{least} -= 1;
    $keys->{most}  -= $status == 204;
    return $status;
}

# What could not be cleaned up is tried again after a minute.

sub whole ($p, $name, $keys) {
    my ($least, $most) = @$keys{qw(least most)};
    my ($left, $clients, $whole, $within);

    $p->nginx->wait_for(sub {
        $left = $p->left;
        ($clients, my @others) = split m{/}, $left;
        $whole  = !grep { $_ != $clients } @others;
        $within = $clients >= $least && $clients <= $most;
        return $whole && $within;
    }, 120);

    ok($whole, "$name: whole keys only: $left");
    ok($within, "$name: $clients keys, at least $least, at most $most");
    return;
}

# Each step of the sagas; what has been made is undone.

sub sagas {
    my $p = Auth0M2M::Portal->new(preloaded(),
        server => "auth0_m2m_token_cache off;\n");
    my $n = $p->nginx;
    my ($user, $id);
    my $steady = $p->user;
    my $keys   = { least => 0, most => 0 };
    my %o = (good => [ 502, 504 ],
        after => sub { $p->keys($steady)->status == 200 });

    torture($n, 'create', %o,
        ask    => sub { created($keys, $p->create_key($user)->status) },
        before => sub { $user = $p->user });
    torture($n, 'list', %o, ask => sub { $p->keys($user)->status });
    torture($n, 'revoke', %o,
        ask    => sub { revoked($keys, $p->revoke($user, $id)->status) },
        before => sub {
            my $r = $p->create_key($user = $p->user);
            created($keys, $r->status);
            ($id) = $p->apikey($r);
        });

    whole($p, 'sagas', $keys);
    $p->stop;
    return;
}

# The tenant has done what it was asked, and the n-th allocation after that
# fails: no memory for its answer is no reason to think that nothing was done.

sub answers {
    my $p     = Auth0M2M::Portal->new(preloaded());
    my @right = (0, 200, 500, 502, 503, 504);
    my $keys  = { least => 0, most => 0 };

    for my $step (qw(client_create grant_create org_grant_add)) {
        my %seen;

        for my $i (1 .. $answers) {
            my $caller = $p->during($step, ms => 50)
                or die "no call of $step\n";
            $control->set(failed => 0, countdown => $i);
            my $status = created($keys, $caller->wait(20)->status);
            $control->set(countdown => 0);
            $total{cases} += $control->get('failed');
            $seen{$status}++;
        }

        my $said = join ', ', map {"$_ x $seen{$_}"} sort keys %seen;
        delete @seen{@right};
        is(%seen, 0, "the answer to $step: $said");
    }

    whole($p, 'answers', $keys);
    $p->stop;
    return;
}

my %part = (access => \&access, refresh => \&refresh, sagas => \&sagas,
    answers => \&answers);
$part{$_}->() for @ARGV ? @ARGV : qw(access refresh sagas answers);

figure('R3', what => 'the n-th allocation of the worker fails, once and from'
        . ' then on',
    bar    => 'no crash, hang or leak; never an accept; the next request is'
        . ' right',
    result => "$total{cases} cases right, $total{blocks} blocks more than"
        . ' before',
    count  => $total{cases}, ok => Test::More->builder->is_passing);

done_testing;
