# What the zone keeps for Management clients outlives changes of the
# configuration: who they are is the tenant and the client id, not the times
# and the ways to it.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new(
    http    => 'auth0_m2m_zone zone=auth0_m2m:256k;',   # of two clients
    options => 'rate=off max_keys=100',
);
my $n = $p->nginx;
my $t = $p->tenant;

sub client {
    my ($name) = @_;
    my $client = $t->add_management_client(name => $name);

    $n->write_file($name, $client->{client_secret});
    return "auth0_m2m_client_id $client->{client_id};\n"
        . "auth0_m2m_client_secret file:%%DIR%%/$name;\n";
}

my $first = client('first');

sub changed {
    my ($manager, $more, %o) = @_;
    return $n->reconfigure(
        server => $p->conf('rate=off max_keys=100', $manager) . ($more // ''),
        %o);
}

sub works {
    my ($name) = @_;
    my $r = $p->create_key($p->user);

    is($r->status, 200, $name);
    return $r;
}

# A saga whose next call comes after what the test does meanwhile.

sub under_way {
    ok(my $caller = $p->during('grant_create', ms => 3000),
        'a saga is under way');
    return $caller;
}

sub ends_with {
    my ($status, $caller, $name) = @_;

    is($caller->wait(20)->status, $status, $name);
    $caller->close;
    return;
}

# A worker that dies while it makes a client.

sub orphan {
    my $before = $p->left;

    ok(my $caller = $p->during('client_create', ms => 1000),
        'a creation is under way');
    $n->kill_worker('KILL');
    is($caller->wait->status, 0, 'its worker dies');
    ok($n->wait_for(sub { $p->left ne $before }), 'a client is left');
    return $before;
}

changed($first);

my $times = 'auth0_m2m_jwks_cache valid=2h;';

subtest 'other times' => sub {
    works('a key');
    $p->calls;
    ok(changed($first, $times), 'reloaded');
    works('another');
    is($p->tokens, 0, 'with the same token');
};

subtest 'another client' => sub {
    my $before = orphan();

    ok(changed(client('second')), 'reloaded');
    is($p->wait_left($before, 60), $before, 'cleans up behind the former');
};

subtest 'two locations that differ in times' => sub {
    $n->stop;
    $n->start;
    ok(changed($first, <<'END'), 'reloaded');
location = /other {
    auth0_m2m              on;
    auth0_m2m_audience     spa;
    auth0_m2m_jwks_cache   valid=3h;
    auth0_m2m_provision    create_key;
}
END
    $p->calls;
    works('the one');
    my $spa = $p->demo->{spa};
    my $user = $p->user;
    my $r = $n->async([ 'POST', '/other', [ Authorization => 'Bearer '
        . $p->id_token($user, claims => { aud => 'spa' }),
        'Content-Type' => 'application/json' ], '{}' ])->wait(20);
    is($r->status, 200, 'the other');
    is($p->tokens, 1, 'one token for both');
};

# The zone has room for two.

subtest 'any number of clients, one after the other' => sub {
    my $caller = under_way();

    for my $i (1 .. 5) {
        ok(changed(client("another$i"), '', old => 1), "client $i");
        works('it provisions');
    }

    ends_with(200, $caller, 'the saga ends with the token it has');
};

# Workers that are leaving use it.

subtest 'the client of before has its room' => sub {
    my $second = client('second_again');

    ok(changed($_), 'reloaded') for $first, $second, $first;
    my $caller = under_way();
    ok(changed(client('third'), '', old => 1), 'another client');
    $t->revoke_tokens;
    ends_with(200, $caller, 'the saga gets another token');
};

# Its slot is another's by then: it must not take the token in there.

subtest 'the one before that has not' => sub {
    my $three_more = $p->left =~ s/(\d+)/$1 + 3/ger;
    my $caller = under_way();

    for my $i (6, 7) {
        ok(changed(client("another$i"), '', old => 1), "client $i");
        works('it provisions');
    }

    $t->revoke_tokens;
    works('with another token');
    ends_with(504, $caller, 'the saga gets none');
    is($p->wait_left($three_more, 60), $three_more, 'and leaves nothing');
};

$p->stop;
done_testing;
