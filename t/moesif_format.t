#!/usr/bin/perl

# What docs/moesif.md says of log formats people write themselves is true of
# this nginx.

use v5.36;

use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Auth0M2M::Collector::JSON qw(decode_strict);
use Auth0M2M::Tenant;
use Auth0M2M::Test;

my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
my $n      = Auth0M2M::Test->new(
    tenant => $tenant,
    http   => <<'CONF',
    log_format own escape=json '{"path":"$uri","request_uri":"$request_uri",'
        '"company":"$jwt_org_id","set":"$set_company","map":"$map_company",'
        '"agent":"$http_user_agent","attempts":"$upstream_response_time",'
        '"id":"$request_id","status":"$status"}';
    log_format plain '$http_nothing';

    map $jwt_org_id $map_company {
        volatile;
        default $jwt_org_id;
    }

    upstream twice {
        server 127.0.0.1:%%PORT_NOBODY%%;
        server %%BACKEND%% backup;
    }

    server {
        listen      127.0.0.1:%%PORT%%;
        root        %%DIR%%;
        access_log  %%DIR%%/own.log own;
        access_log  %%DIR%%/plain.log plain;

        auth0_m2m_domain    %%TENANT_DOMAIN%%;
        auth0_m2m_upstream  %%TENANT_HTTP%%;
        auth0_m2m_audience  https://api.acme.example/;

        location /v1/ {
            set         $set_company $jwt_org_id;

            # a use before the token is known
            if ($map_company) { return 500; }

            auth0_m2m   on;
            proxy_pass  http://twice;
        }

        location /no-root/ {
            root        %%DIR%%/does-not-exist;
            access_log  %%DIR%%/by-$server_port.log own;
            return      204;
        }
    }
CONF
);

sub line (@request) {
    my @before = lines();
    my $status = $n->get(@request)->status;
    my @now;

    $n->wait_for(sub { @now = lines(); @now > @before });
    return ($status, $now[-1]);
}

sub lines () {
    open my $fh, '<', $n->path('own.log') or return;
    return <$fh>;
}

my $token = $tenant->token(audience => 'https://api.acme.example/',
    org => 'org_demoAcme00000001');
my ($status, $line) = line('/v1/a%20b?key=secret',
    Authorization => "Bearer $token");
my $got = decode_strict($line =~ s/\n\z//r);

is($status, 200, 'a request with a token');
is($got->{company}, 'org_demoAcme00000001', '$jwt_org_id in a log format');
is($got->{map}, 'org_demoAcme00000001', 'a volatile map, used too early too');
is($got->{set}, '', 'set is too early');
like($got->{attempts}, qr/^[\d.]+, [\d.]+$/, 'two attempts, two times');
is($got->{path}, '/v1/a b', '$uri is decoded and has no query');
is($got->{request_uri}, '/v1/a%20b?key=secret', '$request_uri has the query');
like($got->{id}, qr/^[0-9a-f]{32}$/, '$request_id is no UUID of 36');

($status, $line) = line('/v1/b');
is(decode_strict($line =~ s/\n\z//r)->{company}, '',
    'without a token an empty string');
open my $plain, '<', $n->path('plain.log') or die "plain.log: $!\n";
is(scalar <$plain>, "-\n", 'or a dash');

($status, $line) = line('/v1/c', 'User-Agent' => "caf\xe9");
ok(!eval { decode_strict($line =~ s/\n\z//r) }, 'escape=json: no JSON');
like($@, qr/not UTF-8/, 'because a byte of the User-Agent is no UTF-8');

is($n->get('/no-root/')->status, 204, 'a location with a log of its own');
is($n->get('/v1/d')->status, 401, 'and a request after it');
ok(!glob($n->path('by-*.log')), 'whose name has a variable: not written');
ok(!(grep {/by-\d+\.log/} $n->error_log), 'and not a word about it');

$n->stop;
undef $n;
done_testing;
