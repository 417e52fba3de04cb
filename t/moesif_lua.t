#!/usr/bin/perl

# What Moesif's Lua plugin would read in its log phase: two variables, fed as
# docs/moesif.md says.  A few lines of Lua stand for the plugin.

use v5.36;

use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Auth0M2M::Tenant;
use Auth0M2M::Test;

my $modules = '/usr/lib/nginx/modules';
my $binary  = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';

plan skip_all => 'libnginx-mod-http-lua is missing'
    if !-e "$modules/ngx_http_lua_module.so";
plan skip_all => "Debian's Lua module fits Debian's nginx only"
    if $binary ne '/usr/sbin/nginx';

# Both ways come from the document itself.

my $document = slurp("$FindBin::Bin/../docs/moesif.md");
my ($maps) = $document
    =~ /```nginx\n(map \$jwt_org_id \$moesif_company_id .*?)```/s
    or die "docs/moesif.md: no maps\n";
my ($lua) = $document =~ /```lua\n.*?(header_filter_by_lua_block .*?)```/s
    or die "docs/moesif.md: no Lua\n";

my $plugin = <<'CONF';
    log_by_lua_block {
        local function show(v) return v == nil and "nil" or "<" .. v .. ">" end
        ngx.log(ngx.NOTICE, "plugin ", ngx.var.uri,
                " company=", show(ngx.var.moesif_company_id),
                " user=", show(ngx.var.moesif_user_id), ";")
    }
CONF

my $location = <<'CONF';
    auth0_m2m           on;
    auth0_m2m_domain    %%TENANT_DOMAIN%%;
    auth0_m2m_upstream  %%TENANT_HTTP%%;
    auth0_m2m_audience  https://api.acme.example/;
CONF

my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
my $n      = Auth0M2M::Test->new(
    main => <<"CONF",
        load_module $modules/ndk_http_module.so;
        load_module $modules/ngx_http_lua_module.so;
CONF
    http => <<"CONF",
        $maps

        server {
            listen 127.0.0.1:%%PORT%%;
            root   %%DIR%%;
            $plugin
            location /v1/ {
                $location
                proxy_pass http://%%BACKEND%%;
            }
        }
CONF
    tenant => $tenant,
);

my $with = Auth0M2M::Test->new(
    main => <<"CONF",
        load_module $modules/ndk_http_module.so;
        load_module $modules/ngx_http_lua_module.so;
CONF
    server => <<"CONF",
        root  %%DIR%%;
        set   \$moesif_company_id "";
        set   \$moesif_user_id    "";
        $lua
        $plugin
        location /v1/ {
            $location
            proxy_pass http://%%BACKEND%%;
        }
CONF
    tenant => $tenant,
);

my %options = (audience => 'https://api.acme.example/',
    org => 'org_demoAcme00000001', client_id => 'someClient');
my $good    = $tenant->token(%options);
my $expired = $tenant->token(%options, expires_in => -60);

for (
    [ 'maps', $n,    '<>' ],
    [ 'Lua',  $with, 'nil' ],
    )
{
    my ($name, $gateway, $nothing) = @$_;
    my $nobody = "company=$nothing user=$nothing;";

    is(seen($gateway, '/v1/a', Authorization => "Bearer $good"),
        'company=<org_demoAcme00000001> user=<someClient>;',
        "$name: organization and client of a valid token");
    is(seen($gateway, '/v1/b'), $nobody, "$name: nobody without a token");
    is(seen($gateway, '/v1/c', Authorization => "Bearer $expired"), $nobody,
        "$name: nobody with an expired one");
    is(seen($gateway, '/v1/d', 'X-Company-Id' => 'org_mallory',
            'X-User-Id' => 'mallory'), $nobody,
        "$name: nobody by headers");
}

sub seen ($gateway, $path, @headers) {
    $gateway->get($path, @headers);
    my $seen;

    $gateway->wait_for(sub {
        ($seen) = map {/plugin \Q$path\E (.*?;)/} $gateway->error_log;
    });
    return $seen;
}

sub slurp ($file) {
    open my $fh, '<', $file or die "$file: $!\n";
    local $/;
    return <$fh>;
}

$_->stop for $n, $with;
undef $_ for $n, $with;
done_testing;
