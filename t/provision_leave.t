# Callers that leave before their answer: nothing stays behind, unless an
# Idempotency-Key says that they will come again.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET;
use Test::More;

use Auth0M2M::Figures qw(figure);
use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new;
my $n = $p->nginx;
my $t = $p->tenant;

my @steps = qw(user_get user_organizations org_grant_list client_create
    grant_create org_grant_add);

sub quiet {
    my $last = -1;

    return $n->wait_for(sub {
        my $now = $t->count;
        my $same = $now == $last && !grep { !$_->{done} } $t->journal;
        $last = $now;
        select undef, undef, undef, 0.2 if !$same;
        return $same;
    }, 10);
}

# The caller is gone while that call is under way.

my $leavers = 0;

sub leaves_at {
    my ($step, $call) = @_;

    $leavers++;

    $t->journal_reset;
    $t->fault({ step => $step, kind => 'delay', ms => 300 });
    my $caller = $call->();
    ok($t->wait_journal(step => $step), "$step is under way");
    $caller->can('leave') ? $caller->leave : $caller->close(reset => 1);
    ok(quiet(), 'all calls have ended');
    return;
}

for my $step (@steps) {
    subtest "HTTP/1: $step" => sub {
        my $user = $p->user;
        leaves_at($step, sub { $n->async($p->request_of($user, 'POST',
            '/create-key', body => '{}')) });
        is($p->wait_left('0/0/0'), '0/0/0', 'nothing is left');
        is($p->keys($user)->status, 200, 'and nothing is held');
    };

    subtest "HTTP/2: $step" => sub {
        my $user = $p->user;
        leaves_at($step, sub { $n->h2_start(@{ $p->request_of($user, 'POST',
            '/create-key', body => '{}') }) });
        is($p->wait_left('0/0/0'), '0/0/0', 'nothing is left');
    };
}

subtest 'before the token' => sub {
    $n->stop;
    $n->start;
    my $user = $p->user;
    leaves_at(token => sub { $n->async($p->request_of($user, 'POST',
        '/create-key', body => '{}')) });
    is_deeply([ $p->calls ], ['POST /oauth/token'], 'no call after it');
    is($p->keys($user)->status, 200, 'the next one');
    is($p->tokens, 0, 'has the token');
};

subtest 'with an Idempotency-Key' => sub {
    for my $step (qw(user_get client_create org_grant_add)) {
        my $user   = $p->user;
        my @key    = ('Idempotency-Key' => qq("$step"));
        my $before = $p->left;
        my $after  = $before =~ s/(\d+)/$1 + 1/ger;

        leaves_at($step, sub { $n->async($p->request_of($user, 'POST',
            '/create-key', body => '{}', headers => \@key)) });
        is($p->wait_left($after), $after, 'the key is made');
        my $r = $p->create_key($user, headers => \@key);
        is($r->status, 200, 'the caller comes again');
        is($r->header('Idempotency-Replayed'), 'true', 'a replay');
        ok($p->usable($p->apikey($r)), 'with a key that works');
        is($p->left, $after, 'the same one');
    }
};

subtest 'while another of the same person runs' => sub {
    my $user = $p->user;
    my @key  = ('Idempotency-Key' => '"turn"');

    $t->journal_reset;
    $t->fault({ step => 'client_create', kind => 'delay', ms => 1500 });
    my ($first, $second) = map { $n->async($p->request_of($user, 'POST',
        '/create-key', body => '{}', headers => $_)) } [], \@key;
    ok($t->wait_journal(step => 'client_create'), 'one is under way');
    $n->get('/');    # by then the worker has read the other
    ok(!$second->done, 'which waits for its turn');
    $second->close(reset => 1);
    is($first->wait(20)->status, 200, 'the first is answered');
    ok(quiet(), 'all calls have ended');
    is($t->count(step => 'client_create'), 1, 'the other made none');

    my $r;
    ok($n->wait_for(sub {
        $r = $p->create_key($user, headers => \@key);
        return $r->status == 200;
    }), 'its Idempotency-Key is free');
    is($r->header('Idempotency-Replayed'), undef, 'and new');
    $leavers++;
};

subtest 'revocation goes on' => sub {
    my $user   = $p->user;
    my $before = $p->left;
    my ($id)   = $p->apikey($p->create_key($user));

    leaves_at(client_get => sub { $n->async($p->request_of($user, 'DELETE',
        "/keys/$id")) });
    is($p->wait_left($before), $before, 'the key is gone');
};

# HTTP/2 by hand: a window of 0 keeps the answer's body here.

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

sub hpack_string {
    my ($text) = @_;
    my $n = length $text;
    return chr($n) . $text if $n < 127;

    my $coded = chr 127;
    for ($n -= 127; $n >= 128; $n >>= 7) {
        $coded .= chr($n % 128 + 128);
    }
    return $coded . chr($n) . $text;
}

sub h2_request {
    my ($method, $path, $headers, $body) = @{ $_[0] };
    my @all = (':method' => $method, ':scheme' => 'http', ':path' => $path,
        ':authority' => 'localhost', @$headers);
    my $block = '';

    while (my ($k, $v) = splice @all, 0, 2) {
        $block .= "\0" . hpack_string(lc $k) . hpack_string($v);
    }

    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        . frame(4, 0, 0, pack 'nN', 4, 0)
        . frame(1, 4, 1, $block)
        . frame(0, 1, 1, $body);
}

# Reads until a frame of this type came on stream 1.

sub await {
    my ($socket, $want) = @_;
    local $SIG{ALRM} = sub { die "no such frame\n" };
    alarm $n->bound(10);

    while ((read $socket, my $head, 9) == 9) {
        my $length = unpack 'N', "\0" . substr $head, 0, 3;
        my ($type, undef, $stream) = unpack 'x3CCN', $head;
        read $socket, my ($payload), $length if $length;
        last if $type == $want && $stream == 1;
    }

    alarm 0;
    return 1;
}

sub slow_reader {
    my ($user, @more) = @_;
    my $socket = IO::Socket::INET->new('127.0.0.1:' . $n->port('H2'))
        or die "connect: $!\n";

    syswrite $socket, h2_request($p->request_of($user, 'POST', '/create-key',
        body => '{}', headers => \@more));
    ok(await($socket, 1), 'the head of the answer is here');
    return $socket;
}

subtest 'an answer that is not taken' => sub {
    my $user   = $p->user;
    my $before = $p->left;
    my $after  = $before =~ s/(\d+)/$1 + 1/ger;

    my $socket = slow_reader($user);
    is($p->left, $after, 'the key is there');
    close $socket;
    is($p->wait_left($before), $before, 'and gone with its caller');

    $socket = slow_reader($user);
    syswrite $socket, frame(8, 0, 1, pack 'N', 65_535);
    ok(await($socket, 0), 'the body is taken late');
    close $socket;
    ok(quiet(), 'all calls have ended');
    is($p->left, $after, 'the key stays');

    $socket = slow_reader($user, 'Idempotency-Key' => '"slow"');
    close $socket;
    ok(quiet(), 'all calls have ended');
    is($p->left, $after =~ s/(\d+)/$1 + 1/ger, 'one for a replay stays');
};

figure('R12-sagas',
    what   => 'callers of HTTP/1 and HTTP/2 that leave during each call',
    bar    => 'nothing is left but what an Idempotency-Key will ask for',
    result => "$leavers left, nothing remained that was not to",
    count  => $leavers,
    ok     => Test::More->builder->is_passing,
);

$p->stop;
done_testing;
