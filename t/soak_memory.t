#!/usr/bin/perl

# Memory and descriptors of workers stay as they are over many good and many
# bad tokens, those of the master over many reloads.  SOAK_TOKENS and
# SOAK_RELOADS say how many.

use v5.36;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint qw(flip hmac unsigned);
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys;

plan skip_all => 'sanitizers and valgrind keep memory of their own'
    if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';

my $tokens  = $ENV{SOAK_TOKENS}  // 100_000;
my $reloads = $ENV{SOAK_RELOADS} // 40;
my $tenant  = Auth0M2M::Tenant->start;
my $mint    = Auth0M2M::Mint->new(key => $tenant->keys->[0],
    issuer => 'https://' . $tenant->domain . '/');
my $n = Auth0M2M::Test->new(tenant => $tenant, workers => 2,
    log_level => 'error',
    http   => "keepalive_requests 100000000;\naccess_log off;\n",
    server => protected('/v1', with => 'add_header X-All "$jwt_org_id'
        . ' $jwt_claim_scope $auth0_m2m_client_id";'));

sub kilobytes ($pid) {
    open my $fh, '<', "/proc/$pid/status" or return 0;
    my ($rss) = map {/^RssAnon:\s+(\d+)/} <$fh>;
    return $rss;
}

sub descriptors ($pid) { return scalar(() = glob "/proc/$pid/fd/*") }

sub of_all ($nginx, $of) {
    my $sum = 0;
    $sum += $of->($_) for $nginx->workers;
    return $sum;
}

# Every class of wrong.

sub bad_tokens {
    my $claims = $mint->claims;
    my $json   = JSON::PP->new->canonical->encode($claims);
    my $good   = $mint->token;
    my @bad = (
        (map { flip($good, 2, $_) } 1 .. 40),
        (map { flip($good, 1, 8 * $_ + 1) } 3 .. 40),
        unsigned('{"alg":"none"}', $json),
        hmac('{"alg":"HS256"}', $json, $mint->key->{public_pem}),
        'a', 'a.b', 'a.b.c', 'a.b.c.d', 'e30.e30.e30', 'x' x 5000,
        (map { $mint->token(-header => { kid => "kid$_" }) } 1 .. 20),
        $mint->token(exp => time - 600), $mint->token(nbf => time + 600),
        $mint->token(exp => undef), $mint->token(aud => 'https://other/'),
        $mint->token(aud => undef), $mint->token(iss => 'https://evil/'),
        $mint->token(org_id => "org_a\nb"), $mint->token(org_id => 7),
        $mint->token(cnf => { jkt => 'x' }),
        $mint->token(-header => { crit => ['b64'], b64 => \0 }),
        $mint->sign('{"iss":"a","iss":"b"}'), $mint->sign('[]'),
        $mint->sign('{' x 100), $mint->sign("\xff\xfe"),
    );
    return @bad;
}

my $lua = <<'END';
local tokens, i, threads = {}, 0, {}

function setup(thread) table.insert(threads, thread) end

function init(args)
    for line in io.lines(args[1]) do tokens[#tokens + 1] = line end
    accepted, refused, other = 0, 0, 0
end

function request()
    i = i % #tokens + 1
    return wrk.format("GET", "/v1",
        { ["Authorization"] = "Bearer " .. tokens[i] })
end

function response(status)
    if status == 200 then accepted = accepted + 1
    elseif status == 401 then refused = refused + 1
    else other = other + 1 end
end

function done()
    for _, t in ipairs(threads) do
        print("verdicts", t:get("accepted"), t:get("refused"),
            t:get("other"))
    end
end
END

# wrk ends by time: again until there were so many.

sub ask ($nginx, $name, $count, @all) {
    $nginx->write_file('ask.lua', $lua);
    $nginx->write_file($name, join '', map {"$_\n"} @all);
    my ($accepted, $refused, $other) = (0, 0, 0);

    while ($accepted + $refused + $other < $count) {
        my $said = join ' ', `wrk -t1 -c16 -d1s -s @{[$nginx->path('ask.lua')]} \\
            http://127.0.0.1:@{[$nginx->port]}/v1 @{[$nginx->path($name)]} 2>&1`;
        $said =~ /verdicts\s+(\d+)\s+(\d+)\s+(\d+)/ or die "wrk: $said\n";
        $accepted += $1;
        $refused  += $2;
        $other    += $3;
    }

    return ($accepted, $refused, $other);
}

sub flat ($name, $want, @all) {
    ask($n, "$name.tokens", $tokens / 10, @all);      # to begin with
    my ($before, $fds) = (of_all($n, \&kilobytes), of_all($n, \&descriptors));
    my @got = ask($n, "$name.tokens", $tokens, @all);
    $n->wait_for(sub { of_all($n, \&descriptors) <= $fds });
    my ($after, $fds_after) = (of_all($n, \&kilobytes), of_all($n, \&descriptors));
    my $count = $got[0] + $got[1] + $got[2];

    is($got[$want], $count, "$name: all $count verdicts right");
    cmp_ok($after - $before, '<=', 1024,
        "$name: @{[$after - $before]} KiB more in two workers");
    cmp_ok($fds_after, '<=', $fds, "$name: no descriptors more");
    return ($count, $after - $before);
}

my @good = map { $mint->token(sub => "c$_\@clients", org_id => 'org_abc') }
    1 .. 300;
ok($n->wait_for(sub { status($n, '/v1', $good[0]) == 200 }), 'keys');

# not one of the bad is known to be good by other means

my @bad = bad_tokens();
my @wrong = grep { status($n, '/v1', $_) != 401 } @bad;
is(scalar @wrong, 0, 'bad ones are refused') or diag $_ for @wrong;

my ($goods, $more)      = flat('good', 0, @good);
my ($bads, $more_bad)   = flat('bad',  1, @bad);

figure('R13', what => 'memory over good and bad tokens',
    bar    => 'at most 1 MiB more',
    result => "$goods good: $more KiB more, $bads bad of " . @bad
        . " kinds: $more_bad KiB more, descriptors constant, every verdict"
        . ' right',
    count => $goods + $bads, ok => Test::More->builder->is_passing);

# Large tokens, of which a worker's own memory has room for half: 16 MiB, and
# what malloc needs.

my $one = Auth0M2M::Test->new(tenant => $tenant, workers => 1,
    log_level => 'error',
    http   => "keepalive_requests 100000000;\naccess_log off;\n",
    server => protected('/v1'));
my @large = map { $mint->token(sub => "c$_\@clients", note => 'x' x 4400) }
    1 .. 6000;
ok($one->wait_for(sub { status($one, '/v1', $large[0]) == 200 }), 'keys');

my $small = of_all($one, \&kilobytes);
my @got   = ask($one, 'large.tokens', 4 * @large, @large);
my $large = of_all($one, \&kilobytes) - $small;

is($got[1] + $got[2], 0, 'large: all verdicts right');
cmp_ok($large, '>', 12 * 1024, "large: $large KiB more");
cmp_ok($large, '<', 22 * 1024, 'and not without end');
$one->stop;

# The master; the first ones still fill what malloc keeps.

$n->reload for 1 .. $reloads / 2;
my ($before, $fds) = (kilobytes($n->pid), descriptors($n->pid));
$n->reload for 1 .. $reloads;

# it closes the channel to a worker that has ended when it is told so

$n->wait_for(sub { descriptors($n->pid) <= $fds });
my ($after, $fds_after) = (kilobytes($n->pid), descriptors($n->pid));

cmp_ok($after - $before, '<=', 256,
    "$reloads reloads: @{[$after - $before]} KiB more in the master");
cmp_ok($fds_after, '<=', $fds, 'its descriptors');
is(status($n, '/v1', $good[0]), 200, 'and it works');

figure('R13-reloads', what => 'memory of the master over reloads',
    bar    => 'at most 256 KiB more',
    result => "$reloads reloads: @{[$after - $before]} KiB more",
    count  => $reloads, ok => Test::More->builder->is_passing);

$n->stop;
$tenant->stop;
done_testing;
