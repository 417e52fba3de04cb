# The tenant's rate limits: the module learns them from the answers and keeps
# to them, in all workers.

use strict;
use warnings;

use lib 't/lib';

use Test::More;
use Time::HiRes qw(time);

use Auth0M2M::Figures qw(figure);
use Auth0M2M::Portal;

sub statuses {
    my %count;
    $count{ $_->status }++ for @_;
    return \%count;
}

# A bucket of 10, 20 of which come back in a second; 18 users at once.

subtest 'a storm' => sub {
    my $p = Auth0M2M::Portal->new(workers => 2, config => { rate => {
        management => { burst => 10, refill => 20 } } });
    my @users = map { $p->user } 1 .. 18;
    my @got;

    $p->tenant->journal_reset;

    # those that are told to wait do, and come again

    my @ask = @users;
    my $end = time + $p->nginx->bound(60);

    while (@ask && time < $end) {
        my @r = $p->nginx->parallel([ map { $p->request_of($_, 'POST',
            '/create-key', body => '{}') } @ask ]);
        push @got, @r;
        my @again = grep { $r[$_]->status != 200 } 0 .. $#ask;
        @ask = @ask[@again];
        $p->heed(@r[@again]);
    }

    my $s = statuses(@got);
    is($s->{200}, 18, 'all are served in the end') or diag explain $s;
    is(($s->{200} // 0) + ($s->{503} // 0), @got, 'or told to wait')
        or diag explain $s;
    is((grep { $_->status == 503 && !$_->header('Retry-After') } @got), 0,
        'and for how long');
    is($p->left, '18/18/18', 'each has one key');

    my @calls = grep { ($_->{step} // '') !~ /^(?:token|jwks|openid)$/ }
        $p->tenant->journal;
    my @refused = grep { ($_->{status} // 0) == 429 } @calls;

    # not those that were under way when the first refusal came
    my $known = @refused ? $refused[0]{time} + 0.1 : 0;
    my @after = grep { $_->{time} > $known } @calls;
    my $late    = grep { ($_->{status} // 0) == 429 } @after;
    my $share   = @after ? 100 * $late / @after : 0;

    cmp_ok($share, '<=', 1,
        sprintf '%d of %d calls after the first refusal are refused',
        $late, scalar @after)
        or diag scalar(@refused) . ' in all of ' . @calls;
    figure('R38', what => '18 users at once at a bucket of 10',
        bar    => 'at most 1 % of the calls after the first 429 get one',
        result => sprintf('%d of %d calls after the first 429 got one'
            . ' (%.2f %%); 18 users served, %d times told to wait', $late,
            scalar @after, $share, $s->{503} // 0),
        count => scalar @calls, ok => $share <= 1);
    $p->stop;
};

subtest 'a hold is shared by the workers' => sub {
    my $p = Auth0M2M::Portal->new(workers => 4);
    my $t = $p->tenant;
    my @users = map { $p->user } 1 .. 24;

    $p->keys($users[0]);
    $t->fault({ step => 'user_get', kind => 'status', status => 429,
        headers => { 'retry-after' => 30,
            'x-ratelimit-reset' => int(time) + 30 } });
    my $r = $p->create_key($users[0]);
    is($r->status, 503, 'the tenant throttles');
    is($p->problem($r)->{type}, 'idp-throttled', 'told so');
    cmp_ok($r->header('Retry-After'), '>=', 28, 'for how long');
    cmp_ok($r->header('Retry-After'), '<=', 31, 'and no longer');

    $p->calls;
    my @r = $p->nginx->parallel([ map { $p->request_of($_, 'POST',
        '/create-key', body => '{}') } @users ]);
    is_deeply(statuses(@r), { 503 => 24 }, 'all of them are told at once');
    is(scalar $p->calls, 0, 'without a call');
    my @wait = map { $_->header('Retry-After') } @r;
    is((grep { $_ < 20 || $_ > 31 } @wait), 0, 'by the time that is left');
    $p->stop;
};

subtest 'a short one is waited for' => sub {
    my $p = Auth0M2M::Portal->new;
    my $user = $p->user;

    $p->tenant->fault({ step => 'grant_create', kind => 'status',
        status => 429, headers => { 'retry-after' => 1,
            'x-ratelimit-reset' => undef } });
    is($p->create_key($user)->status, 200, 'within the deadline');
    is($p->tenant->count(step => 'grant_create'), 2, 'once more');
    $p->stop;
};

# One drop of the token in 5 s: more often than that a new one is no help.

subtest 'a tenant that refuses each token' => sub {
    my $p = Auth0M2M::Portal->new;
    my @users = map { $p->user } 1 .. 5;
    my $begin = time;

    $p->tenant->fault({ step => 'user_get', kind => 'status', status => 401,
        count => 'always' });
    my @r = map { $p->create_key($_) } @users;
    is_deeply(statuses(@r), { 502 => 5 }, 'all are told');
    cmp_ok($p->tokens, '<=', 2 + (time - $begin) / 5,
        'and few tokens are asked for');
    $p->stop;
};

# Each is used for half its life at least: none is asked for while one is there.

subtest 'tokens that live for seconds' => sub {
    for my $life (1, 20, 40) {
        my $p = Auth0M2M::Portal->new(config => { expires_in => $life });
        my $user = $p->user;
        my $begin = time;
        my $r = $p->create_key($user);

        like($r->status, $life > 1 ? qr/^200$/ : qr/^(?:200|50[24])$/,
            "$life: an answer");
        cmp_ok($p->tokens, '<=', 2 + time - $begin,
            "$life: few tokens");
        $p->stop;
    }
};

subtest 'a token that does not come' => sub {
    my $p = Auth0M2M::Portal->new;

    $p->tenant->fault({ step => 'token', kind => 'hang', count => 'always' });
    my @r = $p->nginx->parallel([ map { $p->request_of($p->user, 'POST',
        '/create-key', body => '{}') } 1 .. 3 ]);
    is_deeply(statuses(@r), { 504 => 3 }, 'who asks and who waits are told');
    is($p->problem($_)->{type}, 'idp-timeout', 'why') for @r;
    is_deeply([ grep {!/oauth/} $p->calls ], [], 'no call without it');
    $p->stop;
};

subtest 'limits of entities' => sub {
    my $p = Auth0M2M::Portal->new(config => { client_limit => 5 });
    my @r = map { $p->create_key($p->user) } 1 .. 4;
    my ($full) = grep { $_->status != 200 } @r;

    is($full->status, 503, 'no more applications');
    is($p->problem($full)->{type}, 'idp-limit-reached', 'told so');
    ok($full->header('Retry-After'), 'not at once');
    $p->stop;

    $p = Auth0M2M::Portal->new(config => { org_grant_limit => 2 });
    my $user = $p->user;
    @r = map { $p->create_key($user) } 1 .. 3;
    is_deeply([ map { $_->status } @r ], [ 200, 200, 503 ],
        'no more keys of an organization');
    is($p->problem($r[2])->{type}, 'idp-limit-reached', 'told so');
    is($p->left, '2/2/2', 'the application was taken back');
    $p->stop;
};

done_testing;
