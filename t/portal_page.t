#!/usr/bin/perl

# conf-examples/portal/: the credentials page, in Chromium: against a fake
# that can sign people in and does as it is told, then against nginx

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/node";

use File::Copy qw(copy);
use File::Temp;
use JSON::PP;
use Test::More;

use Auth0M2M::Portal;
use NodeTest;

my $FROM = "$FindBin::Bin/../conf-examples/portal";

my %browser = (
    BROWSER_MODULES => modules('t/browser'),
    CHROMIUM        => chromium(),
);

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$in>;
}

# The location for the page, as its README has it.
sub documented {
    my ($folder, $tenant) = @_;
    my ($location) = slurp("$FROM/README.md")
        =~ m/^(location \/portal\/ \{\n.*?^\}\n)/ms
        or die "README.md has no location for the page\n";

    $location =~ s/^(\s+alias\s+)\S+;/$1$folder\/;/m;
    $location =~ s/https:\/\/acme\.us\.auth0\.com/$tenant/;
    return $location;
}

sub install {
    my ($folder, %config) = @_;

    for my $file (glob "$FROM/*") {
        copy($file, $folder) or die "$file: $!\n";
    }

    my $config = decode_json(slurp("$FROM/config.json"));
    open my $out, '>:raw', "$folder/config.json" or die "config.json: $!\n";
    print {$out} encode_json({ %$config, %config });
    close $out or die "config.json: $!\n";
    return;
}

my $TYPES = <<'END';
    types {
        text/html               html;
        text/css                css;
        application/javascript  js;
        application/json        json;
        image/svg+xml           svg;
    }
END

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

node_ok('t/browser/portal.test.mjs', %browser);

my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
my $folder = File::Temp->newdir;
my $p = Auth0M2M::Portal->new(
    tenant  => $tenant,
    options => 'max_keys=50 rate=100r/m',
    http    => $TYPES,
    server  => documented($folder, $tenant->http_url) . $API,
    backend => \&orders,
);
my $host = 'http://127.0.0.1:' . $p->nginx->port;
my $user = $p->user;
my $org  = $p->org_of($user);

install($folder,
    tenant   => $tenant->http_url,
    clientId => $p->demo->{spa},
    audience => $p->demo->{audience},
    example  => "$host/v1/orders",
);

node_ok('t/browser/portal.test.mjs', %browser,
    PORTAL_URL      => "$host/portal/",
    PORTAL_ID_TOKEN => $p->id_token($user),
    PORTAL_EXPECT   => "orders of $org",
);

my $listed = decode_json($p->keys($user)->body);
my $used   = $listed->{quota}{used};
my %name   = map { $_->{name} => 1 } @{ $listed->{keys} };

is($listed->{quota}{max}, 50, 'it was this gateway');
cmp_ok($used, '>=', 8, 'and these are the credentials of the page');
is($p->left, "$used/$used/$used", 'all complete in the tenant');
ok($name{"O'Brien"},       'among them that of the curl command');
ok(!$name{'Old server'}, 'but not the revoked one');
is_deeply([ grep { $_->{org_id} ne $org } @{ $listed->{keys} } ], [],
    'for the organization of the user');

$p->stop;
$tenant->stop;
done_testing;
