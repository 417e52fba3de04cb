# provision-user: from a customer of the portal's server to an organization.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use Test::More;

use Auth0M2M::Portal;
use Auth0M2M::Tenant;

my $t = Auth0M2M::Tenant->start(seed => 'demo');
my $m = $t->add_management_client(scopes => [ qw(read:users create:users
    update:users_app_metadata read:organizations create:organizations
    create:organization_members create:clients read:clients
    create:client_grants create:organization_client_grants
    read:organization_client_grants) ]);
my $p = Auth0M2M::Portal->new(
    tenant  => $t,
    options => 'rate=off create_user=Username-Password-Authentication',
    manager => "auth0_m2m_client_id $m->{client_id};"
        . 'auth0_m2m_client_secret file:%%DIR%%/own;',
    files   => { own => $m->{client_secret} },
);
my $n = $p->nginx;

sub customer {
    my ($customer) = @_;
    my $all  = $t->dump;
    my @orgs = grep { ($_->{metadata}{customerId} // '') eq $customer }
        @{ $all->{orgs} };
    my %org = map { $_->{id} => 1 } @orgs;

    return {
        orgs    => scalar @orgs,
        members => scalar(grep { $org{ $_->[0] } } @{ $all->{members} }),
        users   => scalar(grep {
            ($_->{app_metadata}{customerId} // '') eq $customer
        } @{ $all->{users} }),
    };
}

subtest 'a new customer' => sub {
    my %ask = (customerId => 'cus_new', email => 'New@acme.example',
        subscriptionId => 'sub_1');
    $p->calls;
    my $r   = $p->provision(\%ask);
    my $all = decode_json($r->body);

    is($r->status, 200, 'provisioned');
    is($all->{user_id}, $p->demo->{newcomer}, 'the user');
    like($all->{org_id}, qr/^org_\w+$/, 'the organization');
    like($all->{org_name}, qr/^new-[a-z2-7]{16}$/, 'its name');
    is($all->{created}, JSON::PP::true, 'was created');
    is($r->header('Content-Type'), 'application/json; charset=utf-8', 'type');
    is_deeply(customer('cus_new'), { orgs => 1, members => 1, users => 1 },
        'all of it is there');

    my $user = 'auth0%7Cnewcomer';
    is_deeply([ grep { !/oauth/ } $p->calls ], [
        'GET /api/v2/users-by-email?email=new%40acme.example',
        "GET /api/v2/users/$user/organizations?per_page=100&page=0",
        'POST /api/v2/organizations',
        "POST /api/v2/organizations/$all->{org_id}/members",
        "PATCH /api/v2/users/$user",
    ], 'calls in order');

    my $again = $p->provision(\%ask);
    my $same  = decode_json($again->body);
    is($same->{org_id}, $all->{org_id}, 'again: the same organization');
    is($same->{created}, JSON::PP::false, 'not created this time');
    is_deeply(customer('cus_new'), { orgs => 1, members => 1, users => 1 },
        'nothing more');

    is($p->create_key($p->demo->{newcomer})->status, 200,
        'the user can make keys now');
};

subtest 'by sub' => sub {
    my $user = $p->user(orgs => [], app_metadata => {});
    my $r = $p->provision({ customerId => 'cus_sub', sub => $user });
    is($r->status, 200, 'provisioned');
    is_deeply(customer('cus_sub'), { orgs => 1, members => 1, users => 1 },
        'all of it');
    is($p->provision({ customerId => 'cus_x', sub => 'auth0|nobody' })->status,
        404, 'unknown');
    is($p->provision({ customerId => 'cus_x', sub => $user,
        email => 'else@acme.example' })->status, 404, 'of another e-mail');
};

subtest 'adoption' => sub {
    my $user = $p->user(orgs => [], app_metadata => {});
    my $org  = $t->add_org(name => 'made-before');
    $t->add_member($org->{id}, $user);
    my $r = $p->provision({ customerId => 'cus_adopt', sub => $user });
    is(decode_json($r->body)->{org_id}, $org->{id},
        "the former plugin's, by membership");

    my $marked = $p->user(app_metadata => {}, orgs => [ map {
        $t->add_org(name => "several-$_",
            metadata => { customerId => "cus_several_$_" })->{id}
    } 1 .. 3 ]);
    my $chosen = decode_json($p->provision({ customerId => 'cus_several_2',
        sub => $marked })->body);
    is($chosen->{org_name}, 'several-2', 'the one with the customer id');

    my $bare = $p->user(orgs => [], app_metadata => {});
    my $new  = decode_json($p->provision({ customerId => 'cus_taken',
        sub => $bare })->body);
    $t->remove(org => $new->{org_id});
    $t->add_org(name => $new->{org_name},
        metadata => { customerId => 'cus_somebody' });
    my $conflict = $p->provision({ customerId => 'cus_taken', sub => $bare });
    is($conflict->status, 409, "another's of the same name");
    is($p->problem($conflict)->{type}, 'organization-conflict',
        'is not adopted');
};

subtest 'who the user is' => sub {
    my %email = (email => 'twin@acme.example', email_verified => 1);
    $t->add_user(user_id => 'auth0|twin1', %email);
    $t->add_user(user_id => 'google-oauth2|twin2', %email);
    my $r = $p->provision({ customerId => 'cus_t',
        email => 'twin@acme.example' });
    is($r->status, 409, 'two accounts of one e-mail');
    is($p->problem($r)->{type}, 'ambiguous-user', 'ambiguous');

    $t->add_user(user_id => 'auth0|unverified', email => 'un@acme.example',
        email_verified => 0);
    is($p->provision({ customerId => 'cus_t', email => 'un@acme.example' })
        ->status, 404, 'not verified');

    $t->add_user(user_id => 'auth0|blocked', email => 'bl@acme.example',
        email_verified => 1, blocked => 1);
    is($p->provision({ customerId => 'cus_t', sub => 'auth0|blocked' })
        ->status, 403, 'blocked');
    is_deeply(customer('cus_t'), { orgs => 0, members => 0, users => 0 },
        'nothing was made');
};

subtest 'create_user' => sub {
    my %ask = (customerId => 'cus_created', email => 'Unheard@acme.example');
    my $r = $p->provision(\%ask);
    is($r->status, 200, 'provisioned');
    my ($call) = $t->journal(step => 'user_create');
    my $body = decode_json($call->{body});
    is($body->{connection}, 'Username-Password-Authentication', 'connection');
    is($body->{email_verified}, JSON::PP::false, 'not verified yet');
    is($body->{verify_email}, JSON::PP::true, 'but asked to');
    ok(length $body->{password} > 20, 'a password that nobody knows');
    is_deeply(customer('cus_created'), { orgs => 1, members => 1,
        users => 1 }, 'all of it');
    is($p->provision(\%ask)->status, 200, 'again');
    is_deeply(customer('cus_created'), { orgs => 1, members => 1,
        users => 1 }, 'no second one');
};

subtest 'many at once' => sub {
    my $auth = 'Bearer ' . $p->server_token;
    my @ask  = map { [ 'POST', '/provision-user',
        [ Authorization => $auth, 'Content-Type' => 'application/json' ],
        encode_json({ customerId => 'cus_many', sub => $_ }) ] }
        ($p->user(orgs => [], app_metadata => {})) x 20;
    my @r = $n->parallel(\@ask);
    is_deeply([ grep { $_ != 200 && $_ != 409 } map { $_->status } @r ], [],
        'provisioned, or told to wait');
    is_deeply(customer('cus_many'), { orgs => 1, members => 1, users => 1 },
        'one organization');
};

subtest 'bodies' => sub {
    for my $body ('', '{}', '{"customerId":"c"}', '{"email":"a@b.example"}',
        '{"customerId":"","email":"a@b.example"}',
        '{"customerId":"c","email":"a"}', '{"customerId":"c","sub":"nobar"}',
        '{"customerId":"c","email":"a b@c.example"}',
        '{"customerId":"' . 'x' x 256 . '","email":"a@b.example"}')
    {
        my $r = $p->provision($body);
        is($r->status, 400, length $body < 60 ? "'$body'" : 'too long');
    }
};

$p->stop;
$t->stop;
done_testing;
