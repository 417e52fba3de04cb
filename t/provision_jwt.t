# The Management client authenticates with a signed assertion.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use MIME::Base64 qw(decode_base64url);
use Test::More;

use Auth0M2M::Mint;
use Auth0M2M::Portal;
use Auth0M2M::Tenant;

my $t = Auth0M2M::Tenant->start(seed => 'demo');
my $m = Auth0M2M::Mint->new;

sub portal {
    my ($key, %o) = @_;
    my $client = $t->add_management_client(
        name => "by-key-$key->{kid}", public_key => $key->{public_pem},
        $o{registered} ? (public_key => $o{registered}{public_pem}) : ());

    return Auth0M2M::Portal->new(
        tenant  => $t,
        files   => { key => $key->{pem} },
        manager => "auth0_m2m_client_id $client->{client_id};"
            . 'auth0_m2m_client_assertion_key file:%%DIR%%/key;',
    );
}

my %alg = ('rsa-1' => 'RS256', 'rsa3072-1' => 'RS256', 'p256-1' => 'ES256');

for my $name (sort keys %alg) {
    subtest "$name: $alg{$name}" => sub {
        my $p = portal($m->key($name));
        $p->calls;
        my $user = $p->user(user_id => "auth0|jwt-$name",
            email => "$name\@jwt.example");
        my $r = $p->create_key($user);
        is($r->status, 200, 'accepted');
        ok($p->usable($p->apikey($r)), 'a key that works');

        my ($call) = $t->journal(step => 'token');
        my %form = map { s/%([0-9A-F]{2})/chr hex $1/ger }
            map { split /=/, $_, 2 } split /&/, $call->{body};
        ok(!exists $form{client_secret}, 'no secret');
        is($form{client_assertion_type},
            'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'type');
        my ($header, $claims) = map { decode_json(decode_base64url($_)) }
            (split /\./, $form{client_assertion})[0, 1];
        is($header->{alg}, $alg{$name}, 'algorithm');
        is($claims->{iss}, $form{client_id}, 'iss');
        is($claims->{sub}, $form{client_id}, 'sub');
        is($claims->{aud}, $t->issuer, 'aud');
        ok(length $claims->{jti} >= 16, 'jti');
        cmp_ok($claims->{exp} - $claims->{iat}, '<=', 300, 'a short life');
        $p->nginx->stop;
    };
}

subtest 'a key that the tenant does not know' => sub {
    my $p = portal($m->key('rsa-2'), registered => $m->key('rsa-3'));
    my $user = $p->user(user_id => 'auth0|jwt-bad', email => 'b@jwt.example');
    my $r = $p->create_key($user);
    is($r->status, 502, 'refused');
    is($p->problem($r)->{type}, 'idp-rejected', 'told so');
    $p->nginx->stop;
};

subtest 'keys that cannot be used' => sub {
    my $demo = $t->demo;
    my %bad  = (
        'RSA 1024'   => $m->key('rsa1024-1')->{pem},
        'P-521'      => $m->key('p521-1')->{pem},
        'secp256k1'  => $m->key('k256-1')->{pem},
        'a public key' => $m->key('rsa-1')->{public_pem},
        'no PEM'     => "secret\n",
        'half a PEM' => substr($m->key('rsa-1')->{pem}, 0, 300),
    );

    for my $name (sort keys %bad) {
        my ($exit, $output) = Auth0M2M::Test->conf_test(
            tenant => $t,
            files  => { key => $bad{$name} },
            server => <<"END",
                resolver 127.0.0.1;
                auth0_m2m_domain  acme.test.auth0.com;
                auth0_m2m_client_id $demo->{client_id};
                auth0_m2m_client_assertion_key file:%%DIR%%/key;
                auth0_m2m_api_audience $demo->{audience};
                auth0_m2m_api_scope read:orders;
                location = /create-key {
                    auth0_m2m on;
                    auth0_m2m_audience $demo->{spa};
                    auth0_m2m_provision create_key;
                }
END
        );
        isnt($exit, 0, "$name is refused");
        like($output, qr/\[emerg\].*client_assertion_key/, 'by name');
        unlike($output, qr/BEGIN|MII/, 'without a word of it');
    }
};

$t->stop;
done_testing;
