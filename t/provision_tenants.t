# A location that provisions may name several domains: the first provisions, the
# others have to be names of the same tenant.  A person of another tenant is
# somebody else, whatever the token says.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;
use Auth0M2M::Tenant;

my $other = Auth0M2M::Tenant->start(seed => 'demo',
    domain => 'globex.test.auth0.com');
my $t     = Auth0M2M::Tenant->start(seed => 'demo');
my $spa   = $t->demo->{spa};
my $rules = <<"END";
    auth0_m2m              on;
    auth0_m2m_domain       %%TENANT_DOMAIN%% login.acme.example %%OTHER_DOMAIN%%;
    auth0_m2m_upstream     %%TENANT_HTTPS%%;
    auth0_m2m_upstream     %%TENANT_HTTP%% login.acme.example;
    auth0_m2m_upstream     %%OTHER_HTTP%% %%OTHER_DOMAIN%%;
END
my $p = Auth0M2M::Portal->new(
    tenant => $t,
    macros => { OTHER_DOMAIN => $other->domain, OTHER_HTTP => $other->http_url },
    server => <<"END",
location /all/keys {
    $rules
    auth0_m2m_audience     $spa;
    auth0_m2m_provision    keys;
}
location = /all/user {
    $rules
    auth0_m2m_audience     https://gateway.example/;
    auth0_m2m_scope        provision:users;
    auth0_m2m_provision    user;
}
location = /all/api {
    $rules
    auth0_m2m_audience     $spa;
    return 200;
}
END
);
my $n = $p->nginx;
my $user = $p->user;
my ($key) = $p->apikey($p->new_key($user));

# The same person for all that a token can say.

my %id_token = (
    'its own'      => $t->id_token(user => $user),
    'another name' => $t->id_token(user => $user,
        claims => { iss => 'https://login.acme.example/' }),
);
$other->add_user(user_id => $user, email => 'user1@acme.example',
    email_verified => 1, orgs => []);
my $foreign = $other->id_token(user => $user);

sub ask {
    my ($token, $method, $path, $body) = @_;
    return $n->async([ $method, $path, [ Authorization => "Bearer $token",
        'Content-Type' => 'application/json' ], $body ])->wait(20);
}

is(ask($foreign, 'GET', '/all/api')->status, 200, 'its token is good');

for my $name (sort keys %id_token) {
    my $r = ask($id_token{$name}, 'GET', '/all/keys');
    is($r->status, 200, "$name: list");
    like($r->body, qr/"client_id":"\Q$key\E"/, 'with the key');
}

for my $call ([ 'GET', '/all/keys' ], [ 'POST', '/all/keys', '{}' ],
    [ 'POST', "/all/keys/$key/rotate", '{}' ], [ 'DELETE', "/all/keys/$key" ])
{
    my ($method, $path) = @$call;

    for my $time ('', ', remembered') {
        my $r = ask($foreign, @$call);
        is($r->status, 403, "another tenant: $method $path$time");
        is($p->problem($r)->{type}, 'forbidden', 'problem');
        unlike($r->body, qr/\Q$key\E/, 'nothing of the key');
    }
}

ok($n->wait_for_log(qr/names of one tenant/), 'the log says why');
is($p->keys($user)->status, 200, 'the owner');
like($p->keys($user)->body, qr/\Q$key\E/, 'still has it');

# A server of the other tenant is not ours either.

my $body = '{"customerId":"cus_x","email":"x@acme.example","sub":"auth0|x"}';
my %server = (claims => {}, audience => 'https://gateway.example/',
    scope => 'provision:users', client_id => $t->demo->{customer_id});
is(ask($other->token(%server), 'POST', '/all/user', $body)->status, 403,
    'a server of another tenant');
isnt(ask($t->token(%server), 'POST', '/all/user', $body)->status, 403,
    'one of ours');

# While the keys of the first are unknown nobody can tell.

$t->outage('refuse');
$n->stop;
$n->start;
my $r = ask($foreign, 'GET', '/all/keys');
is($r->status, 503, 'without the keys of the first domain');
ok($r->header('Retry-After'), 'Retry-After');
$t->outage(0);

$p->stop;
$t->stop;
$other->stop;
done_testing;
