#!/usr/bin/perl

# auth0_m2m_status: what was done, and nothing else, moves its numbers; both
# forms say the same.

use v5.36;

use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Auth0M2M::Metrics qw(prometheus json moved lint);
use Auth0M2M::Portal;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Keys qw(protected);

my $places = <<'CONF';
    location = /metrics { auth0_m2m_status prometheus; }
    location = /status  { auth0_m2m_status json; }
    location = /plain   { auth0_m2m_status; }
CONF
my $entry = 704;    # bytes of the zone that a remembered token takes

# One snapshot; both forms are asked for and compared.

sub seen ($n) {
    my ($seen, $also);

    for (1 .. 5) {    # unless something happens between the two
        $seen = prometheus($n->get('/metrics')->body);
        $also = json($n->get('/status')->body);
        last if !keys %{ moved($seen, $also) };
    }

    is_deeply([ sort keys %$also ], [ sort keys %$seen ], 'the same numbers')
        if join(' ', sort keys %$also) ne join ' ', sort keys %$seen;
    is_deeply(moved($seen, $also), {}, 'of the same value')
        if keys %{ moved($seen, $also) };
    return $seen;
}

# What a piece of code moves.

sub moves ($n, $code, $want, $name) {
    my $before = seen($n);
    $code->();
    my $after = seen($n);
    is_deeply(moved($before, $after), $want, $name)
        or diag explain moved($before, $after);
    return $after;
}

sub result ($name, $by = 1) { return (qq(tokens_total{result="$name"}) => $by) }

sub step ($name, $result = 'done', $by = 1) {
    return (qq(provision_steps_total{step="$name",result="$result"}) => $by);
}

sub locations (%o) {
    my %all = (token_cache => 'on', %o);
    return protected('/', %all)
        . protected('/write', %all, scope => 'write:orders')
        . protected('/acme',  %all, organization => 'org_acme1')
        . protected('/never', %all, require => '$jwt_claim_none error=403')
        . protected('/off',   %all, token_cache => 'off')
        . "location /open { empty_gif; }\n$places";
}

my $tenant = Auth0M2M::Tenant->start;
my $domain = $tenant->domain;

sub gateway (%o) {
    my $n = Auth0M2M::Test->new(tenant => $tenant,
        server => locations(), %o);
    $n->wait_for(sub { json($n->get('/status')->body)
        ->{qq(key_set_usable{domain="$domain"})} });
    return $n;
}

sub key_set ($seen, $name, $more = '') {
    return $seen->{qq(key_set_$name\{domain="$domain"$more})};
}


subtest 'tokens' => sub {
    my $n   = gateway();
    my $new = sub (%o) { return $tenant->token(scope => 'read:orders', %o) };
    my $ask = sub ($path, @token) {
        return sub {
            $n->get($path, map({ (Authorization => "Bearer $_") } @token));
        };
    };
    my %verified = (verifications_total => 1, token_cache_misses_total => 1);
    my %kept     = (token_cache_entries => 1, zone_used_bytes => $entry);
    my %hit      = (token_cache_hits_total => 1);
    my $good     = $new->();

    moves($n, $ask->('/', $good), { result('ok'), %verified, %kept },
        'a new token');
    moves($n, $ask->('/', $good), { result('ok'), %hit }, 'once more');
    moves($n, $ask->('/off', $good), { result('ok'),
        verifications_total => 1 }, 'without the cache');
    moves($n, $ask->('/open'), {}, 'a location without the module');
    moves($n, $ask->('/'), { result('missing') }, 'no token');
    moves($n, sub { $n->get('/', Authorization => 'Bearer a b') },
        { result('invalid_request'), token_cache_misses_total => 1 },
        'malformed header');
    moves($n, $ask->('/write', $good), { result('insufficient_scope'), %hit },
        'a scope is missing');
    moves($n, $ask->('/acme', $good),
        { result('organization_not_allowed'), %hit }, 'the organization');
    moves($n, $ask->('/never', $good), { result('requirement_not_met'), %hit },
        'a requirement');
    moves($n, $ask->('/', $new->(expires_in => -60)),
        { result('expired'), %verified, %kept },
        'expired, but not for every leeway');
    moves($n, $ask->('/', $new->(audience => 'x')),
        { result('wrong_audience'), %verified, %kept }, 'another audience');
    moves($n, $ask->('/', $good =~ s/\.[^.]{4}([^.]*)\z/.AAAA$1/r),
        { result('bad_signature'), %verified }, 'a bad signature');
    moves($n, $ask->('/', 'x'),
        { result('malformed'), token_cache_misses_total => 1 }, 'no token');
    moves($n, sub { $n->parallel([ map { [ GET => '/',
            [ Authorization => "Bearer $good" ] ] } 1 .. 50 ]) },
        { result('ok', 50), token_cache_hits_total => 50 }, '50 at once');
    $n->stop;
};


subtest 'the answer' => sub {
    my $n = gateway(workers => 2);
    my $r = $n->get('/metrics');

    is($r->status, 200, '/metrics');
    is($r->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8',
        'type that Prometheus wants');
    is(lint($r->body), '', 'promtool finds nothing wrong');
    like(lint($r->body . "auth0_m2m_x{ 1\n"), qr/parsing error/,
        'and would');
    is($n->get('/status')->header('Content-Type'), 'application/json', 'JSON');
    is_deeply([ sort keys %{ json($n->get('/plain')->body) } ],
        [ sort keys %{ seen($n) } ], 'JSON is the default');

    for my $path (qw(/metrics /status)) {
        my $head = $n->request('HEAD', $path);
        is($head->status, 200, "HEAD $path");
        is($head->body, '', 'without a body');
        cmp_ok($head->header('Content-Length'), '>', 1000, 'with its length');
        is($n->request($_, $path, [], 'x')->status, 405, "$_ $path")
            for qw(POST PUT DELETE);
    }

    my @headers = (Authorization => 'Bearer ' . $tenant->token);
    $n->parallel([ map { [ GET => '/', \@headers ] } 1 .. 40 ]);
    my $before = seen($n);
    is($before->{'tokens_total{result="ok"}'}, 40, 'workers count together');
    is($before->{token_cache_hits_total} + $before->{token_cache_misses_total},
        40, 'hit or miss');
    is($before->{verifications_total}, $before->{token_cache_misses_total},
        'and a verification for each miss');
    $n->reload;
    is_deeply(moved($before, seen($n)), {}, 'a reload changes nothing');
    ok($n->kill_worker, 'nor does the end of a worker');
    is_deeply(moved($before, seen($n)), {}, 'killed');
    $n->stop;
};


# Ages and the time to the next fetch are between what they must be, whatever
# the speed of this machine.

subtest 'keys' => sub {
    my $n = gateway(server => locations(
        jwks_cache => 'valid=2s stale=4s timeout=1s'));
    my $seen = seen($n);
    my $first = key_set($seen, 'generation');

    is(key_set($seen, 'keys'), 2, 'keys');
    is(key_set($seen, 'failures'), 0, 'failures');
    is(key_set($seen, 'usable'), 1, 'usable');
    cmp_ok(key_set($seen, 'age_seconds'), '<=', 2, 'age');
    cmp_ok(key_set($seen, 'next_refresh_seconds'), '<=', 1.8, 'next refresh');
    my $fetches = sub { seen($n)->{'key_set_fetches_total{result="ok"}'} };
    ok($n->wait_for(sub { $fetches->() >= 2 }), 'fetched again');
    is(key_set(seen($n), 'generation'), $first, 'the same keys');

    $tenant->rotate;
    ok($n->wait_for(sub { key_set(seen($n), 'keys') == 3 }), 'a new key');
    isnt(key_set(seen($n), 'generation'), $first, 'another generation');

    $tenant->outage;
    ok($n->wait_for(sub { key_set(seen($n), 'failures') >= 1 }), 'an outage');
    ok($n->wait_for(sub { key_set(seen($n), 'age_seconds') > 2 }), 'age grows');
    $seen = seen($n);
    is($seen->{'key_set_fetches_total{result="failed"}'},
        key_set($seen, 'failures'), 'failed fetches');
    ok($n->wait_for(sub { !key_set(seen($n), 'usable') }, 10), 'no more usable');
    is($n->get('/', Authorization => 'Bearer ' . $tenant->token)->status, 503,
        'a token meanwhile');
    is(seen($n)->{'tokens_total{result="keys_unavailable"}'}, 1, 'counted');

    $tenant->outage(0);
    ok($n->wait_for(sub { key_set(seen($n), 'usable') }, 15), 'over');
    is(key_set(seen($n), 'failures'), 0, 'failures are forgotten');
    $n->stop;
};


subtest 'several key sets' => sub {
    my $set = JSON::PP->new->encode($tenant->jwks);
    my $n   = gateway(
        files  => { 'keys.json' => $set },
        server => locations()
            . protected('/other', jwks_cache => 'valid=5m')
            . protected('/file', jwks_file => '%%DIR%%/keys.json',
            domain => 'nowhere.test.auth0.com',
            upstream => 'http://127.0.0.1:%%PORT_NOBODY%%'));

    ok($n->wait_for(sub { key_set(seen($n), 'usable', ',set="2"') }),
        'of one domain, told apart');
    my $seen = seen($n);
    is(key_set($seen, 'keys', ',set="2"'), scalar @{ $tenant->jwks->{keys} },
        'keys');
    my %file = map { $_ => $seen->{"key_set_$_\{domain=\"nowhere.test.auth0.com\"}"} }
        qw(usable keys age_seconds);
    is(lint($n->get('/metrics')->body), '', 'promtool finds nothing wrong');
    is_deeply(\%file, { usable => 1, keys => scalar @{ $tenant->jwks->{keys} },
        age_seconds => undef }, 'a file: usable, without age');
    $n->stop;
};


subtest 'a small zone' => sub {
    my $n = gateway(http => 'auth0_m2m_zone zone=small:256k;');
    my $before = seen($n);
    my $room   = $before->{token_cache_capacity};
    my @tokens = map { $tenant->token(claims => { jti => "$_" }) }
        1 .. 2 * $room;

    $n->parallel([ map { [ GET => '/', [ Authorization => "Bearer $_" ] ] }
        @tokens ], concurrency => 50);
    my $seen = seen($n);
    is($seen->{zone_size_bytes} % 4096, 0, 'size, in whole pages');
    cmp_ok($seen->{zone_size_bytes}, '<=', 256 * 1024, 'is no more than that');
    cmp_ok($seen->{token_cache_entries}, '<=', $room, 'no more than its room');
    is($seen->{token_cache_entries} + $seen->{token_cache_evictions_total},
        2 * $room, 'every token is there or gave way');
    is($seen->{zone_used_bytes} - $before->{zone_used_bytes},
        $entry * $seen->{token_cache_entries}, 'memory in use');
    $n->stop;
};


my $p = Auth0M2M::Portal->new(tenant => Auth0M2M::Tenant->start(seed => 'demo'),
    server => "auth0_m2m_token_cache on;\n$places");
my $n = $p->nginx;
my %key_wanted = map { $_ => 1 } qw(user_get user_organizations org_grant_list
    client_create grant_create org_grant_add);
my @made = map { step($_) } keys %key_wanted;

subtest 'provisioning' => sub {
    my @users = map { $p->user } 1 .. 4;
    my %verified = (result('ok'), verifications_total => 1,
        token_cache_misses_total => 1, token_cache_entries => 1,
        zone_used_bytes => $entry);

    moves($n, sub { $p->create_key($users[0]) },
        { %verified, @made, step('token'),
            'management_tokens_total{result="ok"}' => 1 },
        'the first credential, with a Management token');
    moves($n, sub { $p->create_key($users[1]) }, { %verified, @made, step('token') },
        'another one, with the same token');

    $p->tenant->fault({ step => 'grant_create', kind => 'status',
        status => 403 });
    moves($n, sub { $p->create_key($users[2]) },
        { %verified, step('token'), map({ step($_) } qw(user_get
            user_organizations org_grant_list client_create client_delete)),
            step('grant_create', 'definite') }, 'a refused step');

    $p->tenant->fault({ step => 'user_get', kind => 'status', status => 429,
        count => 'always' });
    my $before = seen($n);
    $p->create_key($users[3]);
    my $moved = moved($before, seen($n));
    cmp_ok($moved->{ (step('user_get', 'throttled'))[0] }, '>=', 1,
        'the rate limit');
    is((grep {/result="(?:done|definite|unknown)"/ && !/step="token"/} keys %$moved), 0,
        'and nothing else');
    $p->tenant->clear_faults;
};


subtest 'leases and orphans' => sub {
    my $user = $p->user;
    my ($id) = $p->apikey($p->create_key($user));

    is(seen($n)->{revoked_clients}, 0, 'no revoked client yet');
    $p->revoke($user, $id);
    is(seen($n)->{revoked_clients}, 1, 'a revoked client');
    ($id) = $p->apikey($p->create_key($user));

    $p->tenant->fault({ step => 'client_create', kind => 'delay', ms => 1500 });
    my $running = $n->async($p->request_of($user, POST => '/create-key',
        body => '{}'));
    ok($p->tenant->wait_journal(step => 'client_create', fault => 'delay'),
        'a creation runs');
    my $seen = seen($n);
    is($seen->{provision_leases}, 1, 'its lease');
    is($seen->{orphans_pending}, 0, 'is no orphan');
    $running->wait;
    ok($n->wait_for(sub { seen($n)->{provision_leases} == 0 }),
        'no lease once it has been delivered');

    $p->rotate($user, $id, body => { grace => 3600 });
    is(seen($n)->{orphans_pending}, 0, 'nor one that is to go in an hour');

    $p->tenant->fault({ step => 'client_delete', kind => 'status',
        status => 500, count => 'always' });
    ($id) = $p->apikey($p->create_key($user));
    $p->rotate($user, $id, body => { grace => 1 });
    ok($n->wait_for(sub { seen($n)->{orphans_pending} == 1 }, 60),
        'one that could not be deleted in time');
    is(seen($n)->{orphans_given_up_total}, 0, 'is not given up');
    is(lint($n->get('/metrics')->body), '', 'promtool finds nothing wrong');
    $p->tenant->clear_faults;
};


subtest 'a Management token that is not given' => sub {
    $p->tenant->revoke_tokens;
    $p->tenant->fault({ step => 'token', kind => 'status', status => 401,
        count => 'always' });
    my $before = seen($n);
    $p->create_key($p->user);
    cmp_ok(moved($before, seen($n))->{
        'management_tokens_total{result="failed"}'}, '>=', 1, 'failed');
    $p->tenant->clear_faults;
};

$p->stop;
$p->tenant->stop;
$tenant->stop;
done_testing;
