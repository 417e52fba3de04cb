# Another nginx takes over without a request lost, as packages do it: USR2, a
# second master, QUIT for the first.  And one that is given up again.

use v5.36;

use Test::More;

use lib 't/lib';
use Auth0M2M::Load qw(right);
use Auth0M2M::Mint qw(flip);
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

plan skip_all => 'nginx goes into the background, without valgrind'
    if $ENV{TEST_NGINX_VALGRIND};

my $tenant = Auth0M2M::Tenant->start;
my $token  = $tenant->token;
my $n = Auth0M2M::Test->new(start => 0, tenant => $tenant, workers => 2,
    server => protected('/v1'));
my $owner = $$;
my %masters;

sub slurp ($name) {
    open my $fh, '<', $n->path($name) or return '';
    local $/;
    return <$fh> // '';
}

sub master ($name = 'nginx.pid') {
    my ($pid) = slurp($name) =~ /\A(\d+)\n/ or return 0;
    $masters{$pid} = 1;
    return $pid;
}

# Gone, or dead and nobody there to be told.

sub gone ($pid) {
    open my $fh, '<', "/proc/$pid/stat" or return 1;
    return (<$fh> // '') =~ /\) [ZX] /;
}

sub workers_of ($pid) {
    return $n->{process}->workers($pid);
}

END {
    if ($$ == $owner) {
        my $status = $?;
        kill 'TERM', grep { !gone($_) } keys %masters;
        $? = $status;
    }
}

# In the foreground nginx does not heed USR2.

sub begin {
    my $conf = slurp('nginx.conf') =~ s/^daemon off;$//mr;
    my $pid;

    $n->write_file('nginx.conf', $conf);
    is($n->{process}->run, 0, 'in the background');
    ok($n->wait_for(sub { ($pid = master()) && workers_of($pid) == 2 }),
        'with its workers');
    return $pid;
}

sub second ($first) {
    my $second;

    kill 'USR2', $first;
    ok($n->wait_for(sub {
        $second = master();
        return $second && $second != $first && workers_of($second) == 2;
    }, 10), 'a second master, with its workers');
    is(master('nginx.pid.oldbin'), $first, 'beside the first');
    return $second;
}

sub ends ($pid, $name) {
    kill 'QUIT', $pid;
    return ok($n->wait_for(sub { gone($pid) }, 10), $name);
}

my @mix = (
    (map { [200, '/v1', $_] } $token, map { $tenant->token } 1 .. 10),
    (map { [401, '/v1', flip($token, 2, $_)] } 1 .. 10),
    [401, '/v1', undef],
);

my $first = begin();
ok($n->wait_for(sub { status($n, '/v1', $token) == 200 }), 'keys');
is(fetches($tenant), 1, 'one fetch');

my $load = Auth0M2M::Load->start(port => $n->port, clients => 4, close => 1,
    mix => \@mix, seconds => 120);

# A way back: the first one's workers stay until it is told to go.

my $second = second($first);
ends($second, 'it is given up');
ok($n->wait_for(sub { master() == $first }), 'the first is alone again');
is(scalar workers_of($first), 2, 'with its workers');

$second = second($first);
ends($first, 'the first goes');
ok($n->wait_for(sub { !-e $n->path('nginx.pid.oldbin') }), 'for good');
is(status($n, '/v1', $token), 200, 'the second serves');
is(scalar workers_of($second), 2, 'with its workers');

my $sum = $load->stop;
note explain $sum;
right($sum, 'meanwhile');
is($sum->{transport}, 0, 'no request lost');
is(fetches($tenant), 3, 'a fetch by each of three');

ends($second, 'the end');
$n->stop;
$tenant->stop;
done_testing;
