# A scope that the Management client lacked and is given at the tenant: its
# next token has it, and is asked for as soon as the lack was seen.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;
use Auth0M2M::Tenant;

my $t = Auth0M2M::Tenant->start(seed => 'demo');
my $m = $t->add_management_client;
my ($grant) = grep { $_->{client_id} eq $m->{client_id} }
    @{ $t->dump->{grants} };
my @scopes = @{ $grant->{scope} };

# What the tenant's administrator does.

sub grant {
    my @given = @_;

    $t->remove('grant', $grant->{id});
    $grant = $t->add_grant(client_id => $m->{client_id},
        audience => $t->audience, scope => \@given);
    return;
}

my $p = Auth0M2M::Portal->new(
    tenant  => $t,
    manager => "auth0_m2m_client_id $m->{client_id};"
        . 'auth0_m2m_client_secret file:%%DIR%%/own;',
    files   => { own => $m->{client_secret} },
);
my $n = $p->nginx;

sub refused {
    my ($name) = @_;
    my $r = $p->create_key($p->user);

    is($r->status, 502, $name);
    is($p->problem($r)->{type}, 'idp-rejected', 'problem');
    return;
}

grant(grep { $_ ne 'create:client_grants' } @scopes);
my $before = $p->left;

refused('lacking');
is($p->tokens, 1, 'one token');
ok($n->wait_for_log(qr/grant_create: definite, status 403.*create:client_grants/),
    'the log says which');

grant(@scopes);
is($p->create_key($p->user)->status, 200, 'given');
is($p->tokens, 1, 'with a token that has it');

# One given up just now for this reason keeps nobody from giving up the next
# for another.

$t->revoke_tokens;
is($p->create_key($p->user)->status, 200, 'all tokens are revoked');
is($p->tokens, 1, 'another one');

# Others lack it all the time: not a token for each.

grant(grep { $_ ne 'create:client_grants' } @scopes);
$t->revoke_tokens;
refused('lacking again') for 1 .. 5;
cmp_ok($p->tokens, '<=', 2, 'a few tokens');

# What else has that status is no reason for another token.

grant(@scopes);
$n->stop;
$n->start;
is($p->create_key($p->user)->status, 200, 'a key');
$p->calls;
$t->fault({ step => 'grant_create', kind => 'status', status => 403,
    body => '{"statusCode":403,"error":"Forbidden","message":"Please upgrade '
        . 'your subscription","errorCode":"feature_not_enabled"}' });
is($p->create_key($p->user)->status, 502, 'refused for another reason');
is($p->create_key($p->user)->status, 200, 'a key');
is($p->tokens, 0, 'by the token of before');
is($p->left, $before =~ s/(\d+)/$1 + 4/ger, 'four keys, and nothing else');

$p->stop;
$t->stop;
done_testing;
