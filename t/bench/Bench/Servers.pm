package Bench::Servers;

use strict;
use warnings;

=head1 NAME

Bench::Servers - the nginx instances that are measured

=head1 SYNOPSIS

    my $s = Bench::Servers->new(tokens => $tokens, lua => $folder);

    $s->url('one', '/hit')      # http://127.0.0.1:port/hit
    $s->workers('one')          # process ids
    $s->stop

    one    one worker, room for 30,000 tokens
    cold   one worker, the smallest zone: of 20,000 tokens in turn none is
           still known when it comes again
    two    as one with two workers
    lua, js   peers, one worker; absent when their module is not installed

Workers run on processor 0 (two: on 0 and 1), the backend on 1.  All have the
locations /bare and /proxy-bare, without a check, and /hit and /proxy.

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
    cold => { zone => "256k" },
    two  => { zone => '32m', workers => 2 },
);

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, instances => {} }, $class;

    $self->{backend} = _start('10', {}, http => <<'END',
access_log          off;
keepalive_requests  100000000;
END
        server => 'location / { empty_gif; }', module => 0);

    for my $name (sort keys %instances) {
        my $i = $instances{$name};
        $self->_add($name, $i, $own, "auth0_m2m_zone zone=bench:$i->{zone};\n");
    }

    $self->_add_peers;
    return $self;
}

sub _add {
    my ($self, $name, $i, $server, $http, %o) = @_;
    my $workers = $i->{workers} // 1;

    $self->{instances}{$name} = _start(
        $workers == 1 ? '01' : '01 10',
        {
            JWKS         => $self->{tokens}->jwks_file,
            KEY          => $self->{tokens}->key_pem,
            LUA          => $self->{scripts},
            BACKEND_PORT => $self->{backend}->port,
        },
        workers => $workers,
        http    => "$common$http",
        server  => $server,
        %o,
    );
    return;
}

sub _start {
    my ($affinity, $macros, %o) = @_;
    my $main = delete $o{main} // '';

    return Auth0M2M::Test->new(
        main      => "worker_cpu_affinity $affinity;\n$main",
        macros    => $macros,
        log_level => 'error',
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

sub _add_peers { return }

1;
