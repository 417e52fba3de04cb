package Bench::Servers;

use strict;
use warnings;

=head1 NAME

Bench::Servers - the nginx instances that are measured

=head1 SYNOPSIS

    my $s = Bench::Servers->new(tokens => $tokens, scripts => $folder);

    $s->has('lua')              # is it there
    $s->url('one', '/hit')      # http://127.0.0.1:port/hit
    $s->workers('one')          # process ids
    $s->again('cold')           # ends it and starts it anew, memories empty
    $s->stop

    one    one worker, room for 30,000 tokens
    cold   one worker, the default zone
    two    as one with two workers
    lua    peers, one worker; absent when their packages are not installed
    js

Workers run on processor 0 (two: on 0 and 1), the backend on 1.  All have the
location /bare; one, cold and two have /proxy-bare too, and with a check /hit,
/proxy, and /off (auth0_m2m_token_cache off).  Lua has /hit and /cached, js
/hit.

=cut

use Auth0M2M::Test;

my $modules = '/usr/lib/nginx/modules';

my $guard = <<'END';
auth0_m2m            on;
auth0_m2m_domain     acme.us.auth0.com;
auth0_m2m_audience   https://api.acme.example/;
auth0_m2m_jwks_file  %%JWKS%%;
END

my $proxy = <<'END';
proxy_http_version   1.1;
proxy_set_header     Connection '';
proxy_pass           http://backend;
END

my $common = <<'END';
access_log          off;
keepalive_requests  100000000;
upstream backend { server 127.0.0.1:%%BACKEND_PORT%%; keepalive 128; }
END

my $bare = <<"END";
location = /bare { empty_gif; }
location = /proxy-bare {
    proxy_set_header X-Org-Id org_1a2b3c4d5e6f7g8h;
    $proxy
}
END

my $own = <<"END";
$bare
location = /hit { $guard empty_gif; }
location = /off { $guard auth0_m2m_token_cache off; empty_gif; }
location = /proxy {
    $guard
    proxy_set_header X-Org-Id \$jwt_org_id;
    $proxy
}
END

my %instances = (
    one  => { zone => '32m' },
    cold => { zone => '2m' },
    two  => { zone => '32m', workers => 2 },
);

# In a location of its own each: the server's text, what http {} needs, and
# the modules in the order in which they are loaded.

my %peers = (
    lua => {
        needs => ["$modules/ngx_http_lua_module.so",
            '/usr/lib/x86_64-linux-gnu/lua/5.1/_openssl.so',
            '/usr/lib/x86_64-linux-gnu/lua/5.1/cjson.so'],
        load  => [qw(ndk_http_module ngx_http_lua_module)],
        http  => <<'END',
lua_package_path    '%%SCRIPTS%%/?.lua;;';
lua_shared_dict     tokens 64m;
init_by_lua_block   { require('jwt').init('%%KEY%%') }
END
        server => <<'END',
location = /hit    { access_by_lua_block { require('jwt').check() }
                     empty_gif; }
location = /cached { access_by_lua_block { require('jwt').check_cached() }
                     empty_gif; }
END
    },
    js => {
        needs  => ["$modules/ngx_http_js_module.so"],
        load   => ['ngx_http_js_module'],
        http   => "js_import jwt from %%DIR%%/jwt.js;\n",
        server => <<'END',
location = /hit   { auth_request /check; empty_gif; }
location = /check { internal; js_content jwt.check; }
END
    },
);

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, instances => {} }, $class;
    my $plain = $common =~ s/^upstream.*//mr;

    $self->{backend} = $self->_start('10', http => $plain,
        server => 'location / { empty_gif; }', module => 0);

    $self->again($_) for sort keys %instances;

    for my $name (sort keys %peers) {
        $self->_add_peer($name, $peers{$name})
            if !grep { !-e } @{ $peers{$name}{needs} };
    }

    return $self;
}

sub again {
    my ($self, $name) = @_;
    my $i    = $instances{$name};
    my $old  = delete $self->{instances}{$name};
    my $size = $i->{workers} // 1;
    my $http = "${common}auth0_m2m_zone zone=bench:$i->{zone};\n";

    # without reuseport one worker might take all connections

    my $server = "server {\nlisten 127.0.0.1:%%PORT%% reuseport;\n$own}\n";

    $old->stop if $old;
    $self->{instances}{$name} = $self->_start($size == 1 ? '01' : '01 10',
        workers => $size,
        http    => "$http$server",
    );
    return;
}

sub _add_peer {
    my ($self, $name, $peer) = @_;
    my $load = join '', map {"load_module $modules/$_.so;\n"}
        @{ $peer->{load} };

    $self->{instances}{$name} = $self->_start('01',
        module => 0,
        main   => $load,
        http   => "$common$peer->{http}",
        server => "$bare$peer->{server}",
        files  => { 'jwt.js' => $self->_script },
    );
    return;
}

# It has no other way to learn where the key is.

sub _script {
    my ($self) = @_;
    my $key = $self->{tokens}->key_pem;

    open my $in, '<', "$self->{scripts}/jwt.js" or die "jwt.js: $!\n";
    my $text = join '', <$in>;
    close $in;
    return $text =~ s/'KEY'/'$key'/r;
}

sub _start {
    my ($self, $affinity, %o) = @_;
    my $main = delete $o{main} // '';
    my $backend = $self->{backend} ? $self->{backend}->port : 0;

    return Auth0M2M::Test->new(
        main      => "${main}worker_cpu_affinity $affinity;\n",
        log_level => 'error',
        macros    => {
            JWKS         => $self->{tokens}->jwks_file,
            KEY          => $self->{tokens}->key_pem,
            SCRIPTS      => $self->{scripts},
            BACKEND_PORT => $backend,
        },
        %o,
    );
}

sub url {
    my ($self, $name, $path) = @_;
    return 'http://127.0.0.1:' . $self->{instances}{$name}->port . $path;
}

sub has     { return exists $_[0]{instances}{ $_[1] } }
sub workers { return $_[0]{instances}{ $_[1] }->workers }

sub stop {
    my ($self) = @_;
    $_->stop for values %{ $self->{instances} }, $self->{backend};
    return;
}

1;
