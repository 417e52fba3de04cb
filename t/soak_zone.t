#!/usr/bin/perl

# A zone of the least size, asked to hold far more than it can: valid tokens
# are accepted, keyed requests are told to wait, and the log does not grow by
# the request; callers that never finish a request hold nothing.

use v5.36;

use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint qw(flip);
use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new(
    workers => 2,
    http    => "auth0_m2m_zone zone=a:256k;\nclient_body_timeout 2s;\n"
        . "client_header_timeout 2s;\n",
    server  => "location = /status { auth0_m2m_status; }\n",
);
my ($n, $tenant) = ($p->nginx, $p->tenant);
my $mint = Auth0M2M::Mint->new(key => $tenant->keys->[0],
    issuer => 'https://' . $tenant->domain . '/');

sub statuses (@responses) {
    my %by;
    $by{ $_->status }++ for @responses;
    return \%by;
}

sub get_v1 ($token) { return ['GET', '/v1/', [Authorization =>
    "Bearer $token"]] }

my $user = $p->user;
my ($count, $seen) = (0, 0);
ok($n->wait_for(sub { $p->keys($user)->status == 200 }), 'keys');

# More tokens than there is room for, then kids, all at once and again.

my @tokens = map { $mint->token(sub => "c$_\@clients") } 1 .. 2000;

for my $round (1, 2) {
    my $by = statuses($n->parallel([ map { get_v1($_) } @tokens ],
        concurrency => 16));
    is_deeply($by, { 200 => 2000 }, "tokens, round $round");
    $count += 2000;
}

my @unknown = map { $mint->token(-header => { kid => "kid$_" }) } 1 .. 1000;
is_deeply(statuses($n->parallel([ map { get_v1($_) } @unknown ],
    concurrency => 16)), { 401 => 1000 }, 'unknown kids');
is_deeply(statuses($n->parallel([ map { get_v1(flip($_, 2, 5)) }
    @tokens[0 .. 499] ], concurrency => 16)), { 401 => 500 }, 'forged ones');
$count += 1500;

# Each request names an Idempotency-Key of its own: as many as fit are run.
# What is in one key's way is never run twice.

my @users = map { $p->user } 1 .. 40;
my @r;

for my $round (1 .. 4) {
    push @r, $n->parallel([ map { my $u = $_;
        $p->request_of($u, 'POST', '/create-key', body => '{}',
            headers => [ 'Idempotency-Key' => qq("k$round-$u") ]) } @users ],
        concurrency => 8);
}

my $by = statuses(@r);
note explain $by;
cmp_ok($by->{200}, '>', 0, "$by->{200} of @{[scalar @r]} keyed requests run");
cmp_ok($by->{503} // 0, '>', 0, 'the others are told to wait');
is($by->{200} + ($by->{503} // 0), scalar @r, 'nothing else happens');
is(scalar(grep { $_->status == 503 && !$_->header('Retry-After') } @r), 0,
    'for how long');
is($p->left, join('/', ($by->{200}) x 3), 'as many keys as were given');
is($p->create_key($p->user)->status, 200, 'a request without a key runs');
is_deeply(statuses($n->parallel([ map { get_v1($_) } @tokens[0 .. 99] ],
    concurrency => 8)), { 200 => 100 }, 'and tokens are accepted');
$count += @r + 101;

# One line for each refusal, and few beside.

my @lines = grep { !/auth0_m2m: refused|provisioning|epoll|client .* closed/ }
    grep {/\[(?:warn|error|crit)\]/} $n->error_log;
cmp_ok(scalar @lines, '<=', 20, @lines . ' further lines in the log')
    or diag join "\n", @lines[0 .. 9];

figure('R25', what => 'a zone of 256k asked to hold thousands of tokens, kids,'
        . ' users and idempotency keys',
    bar    => 'valid tokens accepted; keyed requests 503 when full, never run'
        . ' twice; log bounded',
    result => sprintf('%d requests; of %d keyed ones %d run and %d told to'
        . ' wait; %d log lines', $count, scalar @r, $by->{200},
        $by->{503} // 0, scalar @lines),
    count  => $count, ok => Test::More->builder->is_passing);

# Half-sent requests for one user: nothing is taken for them.

my %headers = $p->headers($user);
my $head = "POST /create-key HTTP/1.1\r\nHost: a\r\n"
    . join('', map {"$_: $headers{$_}\r\n"} sort keys %headers);
my @slow;

for my $i (1 .. 200) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $n->port) or die "connect: $!\n";
    print {$socket} $i % 2 ? "${head}Content-Length: 100\r\n\r\n{" : $head;
    push @slow, $socket;
}

$tenant->journal_reset;
is($p->create_key($user)->status, 200, 'slow callers: others are served');
is(scalar(grep { ($_->{step} // '') eq 'client_create' } $tenant->journal), 1,
    'slow callers: and nothing was begun for them');
ok($n->wait_for(sub {
    return 0 == grep { my $s = $_; my $in = '';
        vec($in, fileno $s, 1) = 1;
        !select $in, undef, undef, 0 } @slow;
}, 10), 'slow callers: all are sent away');
is($p->create_key($user)->status, 200, 'slow callers: afterwards');

figure('R28', what => 'half-sent requests to provisioning',
    bar    => 'no lease before the body is complete; client_body_timeout'
        . ' applies',
    result => '200 of them for one user: his own request is served, all are'
        . ' sent away',
    count  => 200, ok => Test::More->builder->is_passing);

$p->stop;
done_testing;
