#!/usr/bin/perl

# conf-examples/portal-plugin/: the developer portal's plugin, under Node.js:
# against a fake that does as it is told, then against nginx

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/node";

use Test::More;

use Auth0M2M::Portal;
use NodeTest;

my $GATEWAY = 'https://gateway.example/';
my $ASTRAY  = 'https://astray.example/';

my $API = <<'END';
    location = /v1/orders {
        auth0_m2m               on;
        auth0_m2m_audience      https://api.acme.example/;
        auth0_m2m_organization  any;
        proxy_set_header        X-Org-Id $jwt_org_id;
        proxy_pass              http://%%BACKEND%%;
    }
END

sub orders {
    my ($request) = @_;
    return [ 200, [], 'orders of ' . $request->header('X-Org-Id') . "\n" ];
}

# A client of the tenant that may ask for these scopes.
sub client {
    my ($tenant, $name, %scopes) = @_;
    my $client = $tenant->add_client(name => $name,
        app_type => 'non_interactive', grant_types => ['client_credentials']);

    for my $audience (sort keys %scopes) {
        $tenant->add_grant(client_id => $client->{client_id},
            audience => $audience, scope => $scopes{$audience});
    }
    return @$client{qw(client_id client_secret)};
}

node_ok('conf-examples/portal-plugin/plugin.test.js');

my $p = Auth0M2M::Portal->new(
    server  => $API,
    backend => \&orders,
    main    => '# %%PORT_DOWN%%',
);
my $n      = $p->nginx;
my $tenant = $p->tenant;
my $host   = 'http://127.0.0.1:' . $n->port;

for my $api ($GATEWAY, $ASTRAY) {
    $tenant->add_api(identifier => $api,
        scopes => [ 'provision:users', 'read:nothing' ]);
}
my ($id, $secret) = client($tenant, 'portal',
    $GATEWAY => ['provision:users'], $ASTRAY => ['provision:users']);
my ($narrow, $unscoped) = client($tenant, 'narrow',
    $GATEWAY => ['read:nothing']);

node_ok('t/node/plugin.test.js',
    PLUGIN_AUTH0_M2M_DOMAIN             => $tenant->http_url,
    PLUGIN_AUTH0_M2M_CLIENT_ID          => $id,
    PLUGIN_AUTH0_M2M_CLIENT_SECRET      => $secret,
    PLUGIN_AUTH0_M2M_API_AUDIENCE       => $p->demo->{audience},
    PLUGIN_AUTH0_M2M_PROVISION_AUDIENCE => $GATEWAY,
    PLUGIN_AUTH0_M2M_GATEWAY_URL        => $host,
    ADMIN         => 'http://127.0.0.1:' . $tenant->admin_port,
    API           => "$host/v1/orders",
    ASTRAY        => $ASTRAY,
    DOWN          => 'http://127.0.0.1:' . $n->port('DOWN'),
    LOGS          => join(':', map { $n->path($_) } qw(error.log access.log)),
    NARROW_ID     => $narrow,
    NARROW_SECRET => $unscoped,
);

$p->stop;
done_testing;
