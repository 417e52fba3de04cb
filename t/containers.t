#!/usr/bin/perl

# What of conf-examples/docker/ and kubernetes/ can be run without an image or
# a cluster: the configuration, the start script, the probe.  The manifests are
# read by a YAML parser, and what they name exists.

use v5.36;

use FindBin;
use File::Temp;
use JSON::PP qw(decode_json);
use Test::More;

use lib "$FindBin::Bin/lib";
use Auth0M2M::Example;
use Auth0M2M::Tenant;
use Auth0M2M::Test;

my $acme = Auth0M2M::Tenant->start(seed => 'demo',
    domain => 'acme.us.auth0.com');
my $demo = $acme->demo;

sub start ($name, %o) {
    return Auth0M2M::Test->new(
        Auth0M2M::Example::options($name, tenants => [$acme], %o));
}

my @objects = objects();
my ($pod)   = map { $_->{spec}{template}{spec} }
    grep { $_->{kind} eq 'Deployment' } @objects;
my ($box) = @{ $pod->{containers} };

subtest 'the configuration' => \&configuration;
subtest 'the probe'         => \&probe;
subtest 'the manifests'     => \&manifests;
subtest 'the start script'  => \&start_script;

$acme->stop;
done_testing;


sub configuration {
    my $n = start('docker/nginx.conf',
        changes => {
            'include                /tmp/resolver.conf;' => '',
            'access_log             /dev/stdout' => 'access_log %%DIR%%/a.log',
            map({ ("/tmp/$_;" => "%%DIR%%/$_;", "${_}_temp_path" => '#') }
                qw(client_body proxy fastcgi uwsgi scgi)),
            'listen  8080' => 'listen 80',
            'backend:8000' => '127.0.0.1:8080',
        },
        env => {
            PLUGIN_AUTH0_M2M_DOMAIN        => $acme->domain,
            PLUGIN_AUTH0_M2M_CLIENT_ID     => $demo->{client_id},
            PLUGIN_AUTH0_M2M_CLIENT_SECRET => $demo->{client_secret},
            PLUGIN_AUTH0_M2M_API_AUDIENCE  => $demo->{audience},
            PLUGIN_AUTH0_M2M_API_SCOPE     => 'read:orders write:orders',
        });
    my $token = $acme->token(audience => $demo->{audience},
        org => $demo->{org}, scope => 'provision:users');
    my @headers = (Authorization => "Bearer $token");

    is($n->get('/v1/', @headers)->status, 200, 'the API');
    is($n->backend->last->header('X-Org-Id'), $demo->{org}, 'its organization');
    is($n->request('POST', '/provision-user',
            [ @headers, 'Content-Type' => 'application/json' ],
            '{"customerId":"cus_1","email":"new@acme.example"}')->status, 200,
        'provisioning');
    is($n->at('9145')->get('/healthz')->status, 200, 'liveness, readiness');
    is($n->get('/metrics')->status, 404, 'metrics are elsewhere');
    $n->stop;
    return;
}

# As the kubelet runs it: 0 is good.

sub probe {
    my @command = @{ $box->{startupProbe}{exec}{command} };
    my $ask     = sub ($port) {
        return system 'sh', '-c', '"$@" 2>/dev/null', 'sh',
            map {s/9145/$port/r} @command;
    };

    $acme->outage;
    my $n = start('status.conf');
    isnt($ask->($n->port('9145')), 0, 'no keys yet');
    $acme->outage(0);
    ok($n->wait_for(sub { $ask->($n->port('9145')) == 0 }, 20), 'keys');
    isnt($ask->($n->port), 0, 'a server without metrics');
    isnt($ask->($n->port('NOBODY')), 0, 'nobody there');
    $n->stop;
    return;
}

sub objects {
    my $file = "$Auth0M2M::Example::folder/kubernetes/gateway.yaml";
    open my $yaml, '-|', 'python3', '-c', 'import json, sys, yaml; '
        . 'json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)',
        $file or die "python3: $!\n";
    local $/;
    return @{ decode_json(<$yaml>) };
}

sub manifests {
    my %named = map { ("$_->{kind}/$_->{metadata}{name}" => $_) } @objects;
    my @used  = map { $_->{configMapRef} ? "ConfigMap/$_->{configMapRef}{name}"
        : "Secret/$_->{secretRef}{name}" } @{ $box->{envFrom} };
    my %volume = map { $_->{name} => $_ } @{ $pod->{volumes} };
    my ($map) = map { "ConfigMap/$_->{configMap}{name}" }
        grep { $_->{configMap} } values %volume;

    is_deeply([ grep { !$named{$_} } @used, $map ], [], 'what is used exists');
    is($named{$map}{data}{'nginx.conf'},
        Auth0M2M::Example::text('docker/nginx.conf'), 'the same nginx.conf');
    is_deeply([ sort map { $_->{name} } @{ $box->{volumeMounts} } ],
        [ sort keys %volume ], 'volumes');
    my %port = map { $_->{name} => $_->{containerPort} } @{ $box->{ports} };
    is_deeply(\%port, { http => 8080, status => 9145 }, 'ports');
    is($box->{$_}{httpGet}{port}, 'status', $_)
        for qw(readinessProbe livenessProbe);

    my @settings = map { keys %{ $named{$_}{data} // $named{$_}{stringData} } }
        @used;
    is_deeply([ sort @settings ], [ map {"PLUGIN_AUTH0_M2M_$_"}
        qw(API_AUDIENCE API_SCOPE CLIENT_ID CLIENT_SECRET DOMAIN) ],
        'the environment');

    my $root = "$Auth0M2M::Example::folder/..";
    my @copied = Auth0M2M::Example::text('docker/Dockerfile')
        =~ /^COPY ([^-.]\S*) /mg;
    ok(@copied && !(grep { !-e "$root/$_" } @copied), 'the image copies files');
    return;
}

# With a name server of each family, and an nginx that says how it was called.

sub start_script {
    my $dir = File::Temp->newdir;
    my $put = sub ($name, $text) {
        open my $fh, '>', "$dir/$name" or die "$dir/$name: $!\n";
        print {$fh} $text;
        close $fh or die "$dir/$name: $!\n";
        chmod 0755, "$dir/$name";
    };
    $put->('resolv.conf', "search x\nnameserver 10.0.0.2\nnameserver fd00::2\n");
    $put->('nginx', qq(#!/bin/sh\necho "\$\@" > $dir/called\n));
    $put->('start', Auth0M2M::Example::text('docker/start')
        =~ s{/etc/resolv|/tmp/resolver}{"$dir/" . ($& =~ m{([^/]+)$})[0]}ger);

    local $ENV{PATH} = "$dir:$ENV{PATH}";
    is(system("$dir/start"), 0, 'the start script');
    is(Auth0M2M::Example::read_file("$dir/resolver.conf"),
        "resolver 10.0.0.2 [fd00::2] valid=30s;\n", 'writes the resolver');
    is(Auth0M2M::Example::read_file("$dir/called"),
        "-e stderr -g daemon off;\n", 'and starts nginx');
    return;
}
