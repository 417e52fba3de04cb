package Auth0M2M::Test::Conf;

use strict;
use warnings;
use feature 'state';

=head1 NAME

Auth0M2M::Test::Conf - the text of an nginx.conf that stays in one folder

=head1 FUNCTIONS

    build(\%o, \%env, $macro)
                 the whole configuration, with macros replaced.  %o: http,
                 server, main, events, workers, user, module, log_level;
                 %env: dir, module_path; $macro->($name) gives a macro's
                 value or dies
    expand($text, $macro)

HTTP/2 is written as C<listen ... http2>; an nginx that has the directive
C<http2>, 1.25.1 and later, gets that instead, on the same line.

=cut

my @temp_paths = qw(client_body proxy fastcgi uwsgi scgi);

sub build {
    my ($o, $env, $macro) = @_;
    my $text = join '', _main($o, $env), _events($o), _http($o, $env);

    $text = expand($text, $macro);
    $text =~ s/(\blisten\s[^;]*?)\s+http2\s*;/$1; http2 on;/g
        if _has_http2_directive();

    return $text;
}

sub _has_http2_directive {
    my $binary = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
    state $version = `$binary -v 2>&1`;
    my ($minor, $patch) = $version =~ m{nginx/1\.(\d+)\.(\d+)}
        or die "$binary shows no version: $version\n";

    return $minor * 1000 + $patch >= 25001;
}

sub expand {
    my ($text, $macro) = @_;
    $text =~ s/%%([A-Z][A-Z0-9_]*)%%/$macro->($1)/ge;
    return $text;
}

sub _main {
    my ($o, $env) = @_;
    my $load = $env->{module_path} // 'static';
    my $user = $> == 0 ? 'user ' . ($o->{user} // 'root') . ';' : '';
    my $workers = $o->{workers} // 1;
    my $main    = $o->{main} // '';
    my $master  = $workers ? 'on' : 'off';

    $load = $load eq 'static' || !($o->{module} // 1)
        ? ''
        : "load_module $load;";
    $workers ||= 1;

    return <<"END";
$load
$user
daemon off;
master_process $master;
worker_processes $workers;
pid $env->{dir}/nginx.pid;
lock_file $env->{dir}/nginx.lock;
error_log $env->{dir}/error.log @{[ $o->{log_level} // 'info' ]};
$main
END
}

sub _events {
    my ($o) = @_;
    my $events = $o->{events} // '';

    $events .= "\nworker_connections 4096;"
        if $events !~ /worker_connections/;
    return "events {\n$events\n}\n";
}

sub _http {
    my ($o, $env) = @_;
    my $dir   = $env->{dir};
    my $http  = $o->{http} // '';
    my $paths = join "\n", map {"${_}_temp_path $dir/$_;"} @temp_paths;
    my $server = defined $o->{server} ? _server($o->{server}) : '';
    my $cache  = _cache($o);
    my $format = $http =~ /\blog_format\s+main\b/ ? ' main' : '';
    my $outer  = $http =~ s/(\{(?:[^{}]++|(?1))*\})//gr;
    my $log    = $outer =~ /\baccess_log\b/
        ? ''
        : "access_log $dir/access.log$format;";

    return <<"END";
http {
$paths
default_type text/plain;
$http
$log
$server
$cache
}
END
}

# At the end, so that line numbers stay what they are.

sub _cache {
    my ($o) = @_;
    my $off = ($ENV{TEST_TOKEN_CACHE} // 'on') eq 'off';

    return '' if !$off || !($o->{module} // 1);
    return '' if ($o->{http} // '') =~ /\bauth0_m2m_token_cache\b/;
    return 'auth0_m2m_token_cache off;';
}

sub _server {
    my ($server) = @_;

    return <<"END";
server {
    listen 127.0.0.1:%%PORT%%;
    listen 127.0.0.1:%%PORT_H2%% http2;
    server_name localhost;
$server
}
END
}

1;
