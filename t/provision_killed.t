# Workers that are killed: their locks are free at once, and what they left
# behind is found.

use strict;
use warnings;

use lib 't/lib';

use File::Find qw(find);
use Test::More;

use Auth0M2M::Figures qw(figure);
use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new;
my $n = $p->nginx;
my $t = $p->tenant;

my @steps = qw(user_get user_organizations org_grant_list client_create
    grant_create org_grant_add);

sub more {
    my ($left) = @_;
    return $left =~ s/(\d+)/$1 + 1/ger;
}

# A request during whose call at that step something happens.

sub during {
    my ($step, %o) = @_;

    $o{headers} = [ 'Idempotency-Key' => delete $o{key} ] if $o{key};
    $o{fault}   = { kind => 'hang', for => 1 } if delete $o{before};
    ok(my $caller = $p->during($step, %o), "$step is under way");
    return $caller;
}

subtest 'locks of a worker that was killed' => sub {
    my $user   = $p->user;
    my $before = $p->left;
    my $caller = during(user_get => user => $user, key => '"killed"',
        ms => 4000);

    $n->kill_worker('KILL');
    is($caller->wait->status, 0, 'no answer');
    my $r = $p->create_key($user,
        headers => [ 'Idempotency-Key' => '"killed"' ]);
    is($r->status, 200, 'user and key are free at once');
    ok(!$r->header('Idempotency-Replayed'), 'which is no replay');
    is($p->left, more($before), 'one key');
};

# All of them first: the janitor waits 20 s for what is on its way.

subtest 'killed at each step' => sub {
    my $before = $p->left;
    my $made   = 0;

    for my $case (map { ([$_], [ $_, before => 1 ]) } @steps) {
        my $caller = during(@$case);
        $n->kill_worker('KILL');
        is($caller->wait->status, 0, 'no answer');
    }

    # the token survives: a caller's request needs no new one
    $p->calls;
    is($p->keys($p->user)->status, 200, 'the next worker serves');
    is($p->tokens, 0, 'with the same token');

    my $left = $p->left;
    isnt($left, $before, 'there are leftovers');
    my $clean = $p->wait_left($before, 60);
    is($clean, $before, 'the janitor finds them');

    figure('R7-worker', what => 'a worker killed during each of ' . @steps
            . ' calls, before and after it is executed',
        bar    => 'what is left is found and removed within a minute',
        result => 2 * @steps . " kills; clients/grants/organization grants"
            . " before $before, then $left, after the janitor $clean",
        count => 2 * @steps, ok => Test::More->builder->is_passing);
};

# All processes at once: shared memory is gone, and the ring with it.  What is
# left is found by what the gateway wrote at the tenant.

my %secret = ('Management secret' => $p->demo->{client_secret});

sub learn {
    my ($call)  = reverse $t->journal(step => 'user_get');
    my ($token) = $t->entry_header($call, 'Authorization');
    $secret{"Management token $1"} = $1 if $token =~ /^Bearer (\S+)/;
    $secret{"secret of $_->{client_id}"} = $_->{client_secret}
        for grep { $_->{client_secret} } @{ $t->dump->{clients} };
    return;
}

sub on_disk {
    my %seen;

    find({ no_chdir => 1, wanted => sub {
        return if !-f $_ || m{/secret$} || !open my $fh, '<:raw', $_;
        local $/;
        my $text = <$fh> // '';
        $seen{$_}++ for grep { index($text, $secret{$_}) >= 0 } keys %secret;
    } }, $n->dir);
    return sort keys %seen;
}

sub ids { return map { $_->{client_id} } @{ $t->dump->{clients} } }

# As an operator runs it, some day; what is young may be under way.

sub leftovers {
    my (@args) = @_;
    my @later = @args && $args[0] =~ /^\+/ ? ('faketime', shift @args) : ();
    my (undef, $body) = $t->request_token(
        client_id     => $p->demo->{client_id},
        client_secret => $p->demo->{client_secret},
        audience      => $t->issuer . 'api/v2/');

    local $ENV{AUTH0_TOKEN} = $body->{access_token};
    my @said = qx(@later conf-examples/leftovers @args @{[ $t->http_url ]} 2>&1);
    is($?, 0, "leftovers @args") or diag @said;
    return map { (split)[0] } @said;
}

subtest 'all processes killed at each step' => sub {
    my %before = map { $_ => 1 } ids();
    my ($killed, @found) = 0;

    for my $step (@steps) {
        my $caller = during($step);
        $killed += $n->kill_all;
        is($caller->wait->status, 0, 'no answer');
        learn();
        push @found, on_disk();
        $n->start;
    }

    is($killed, @steps, 'killed each time');
    is_deeply(\@found, [], keys(%secret) . ' secrets, none on disk');
    is($p->keys($p->user)->status, 200, 'what is started again serves');

    my @made  = grep { !$before{$_} } ids();
    my %inert = map { $_ => 1 } grep { !$p->usable($_,
        $secret{"secret of $_"}) } @made;
    cmp_ok(scalar keys %inert, '>=', 2, keys(%inert) . ' leftovers');
    is_deeply([ leftovers() ], [], 'the young are left alone');
    is_deeply([ sort(leftovers('--older 0')) ], [ sort keys %inert ],
        'they are found');
    is_deeply([ sort(leftovers('--older 0 --delete')) ],
        [ sort keys %inert ], 'and deleted');
    my %now = map { $_ => 1 } ids();
    is((grep { $now{$_} } keys %inert), 0, 'they are gone');
    is((grep { !$now{$_} } keys %before, grep { !$inert{$_} } @made), 0,
        'and nothing else is');

    figure('R7-all', what => 'master and worker killed during each of '
            . @steps . ' calls',
        bar    => 'no secret on disk; what is left cannot be used, is found'
            . ' by its metadata and removed',
        result => "$killed kills; " . keys(%secret) . ' secrets, '
            . @found . ' hits on disk; of ' . @made . ' clients made '
            . keys(%inert) . ' inert, found and deleted',
        count => $killed, ok => Test::More->builder->is_passing);
};

# The zone knew when keys end, and so does the tenant.

subtest 'what was to end after all were killed' => sub {
    my ($user, $other) = ($p->user, $p->user);
    my ($stays) = $p->apikey($p->new_key($user));
    my ($short) = $p->apikey($p->new_key($user, body => { expires_in => 3600 }));
    my ($old)   = $p->apikey($p->new_key($other));
    my ($new)   = $p->apikey($p->rotate($other, $old, body => { grace => 3600 }));

    ok($n->kill_all, 'all are killed');
    $n->start;
    is_deeply([ leftovers('+30min') ], [], 'before their end');
    is_deeply([ sort(leftovers('+2hours')) ], [ sort $short, $old ],
        'after it');
    is_deeply([ sort(leftovers('+2hours', '--delete')) ], [ sort $short, $old ],
        'they are deleted');
    my %now = map { $_ => 1 } ids();
    is_deeply([ map { $now{$_} // 0 } $stays, $short, $old, $new ],
        [ 1, 0, 0, 1 ], 'and nothing else is');
};

$p->stop;
done_testing;
