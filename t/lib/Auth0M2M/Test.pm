package Auth0M2M::Test;

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Spec;
use File::Temp;
use Scalar::Util qw(weaken);
use Test::Builder;

use Auth0M2M::Test::Backend;
use Auth0M2M::Test::Conf;
use Auth0M2M::Test::Curl;
use Auth0M2M::Test::Findings;
use Auth0M2M::Test::Folder;
use Auth0M2M::Test::Ports;
use Auth0M2M::Test::Process;
use Auth0M2M::Test::Requests;

=head1 NAME

Auth0M2M::Test - runs one nginx with a given configuration, and asks it things

=head1 SYNOPSIS

    use Test::More;
    use Auth0M2M::Test;

    my $n = Auth0M2M::Test->new(server => <<'CONF');
        location /v1/ {
            auth0_m2m           on;
            auth0_m2m_domain    acme.us.auth0.com;
            auth0_m2m_upstream  %%TENANT_HTTP%%;
            auth0_m2m_audience  https://api.acme.example/;
            proxy_set_header    X-Org-Id $jwt_org_id;
            proxy_pass          http://%%BACKEND%%;
        }
    CONF

    is($n->get('/v1/', Authorization => "Bearer $jwt")->status, 200);
    is($n->backend->last->header('X-Org-Id'), 'org_abc');

    $n->stop;           # also checks the error log
    done_testing;

=head1 new(%options)

Writes the configuration into a temporary folder, starts nginx in the
foreground under a child of this process and returns once it accepts
connections.  Dies with the error log when it does not.

    server     text inside one server {}.  That server listens on
               127.0.0.1:%%PORT%% (HTTP/1) and 127.0.0.1:%%PORT_H2%%
               (HTTP/2 without TLS)
    http       text inside http {}, before that server; without `server`
               it must have a server listening on 127.0.0.1:%%PORT%%
    main       text at the top level, after load_module
    events     text inside events {}
    workers    worker_processes, default 1; 0 means `master_process off`
    tenant     an Auth0M2M::Tenant; not stopped by this module
    backend    true: start a recording backend.  A code reference: its
               answers (see Auth0M2M::Test::Backend).  Implied when the
               text has %%BACKEND%%
    macros     { NAME => value }, used as %%NAME%%
    files      { 'name' => content }, written into the folder first.
               [ content, mode ] sets the mode; default 0600
    env        { NAME => value } of nginx's environment; undef removes.
               PLUGIN_AUTH0_M2M_* and AUTH0_M2M_* of the caller are always
               removed
    module     false: do not load the module
    user       `user` directive as root, default root
    log_level  of error.log, default info
    expect_log qr/../ or array of them: lines of the error log that match
               are not held against the test
    start      false: only write the files

=head2 Macros in the texts

    %%PORT%%          the server's port        %%PORT_H2%%   the HTTP/2 one
    %%PORT_ANY%%      any other upper-case name: a free port of its own,
                      reserved for this object; nothing listens there
                      unless the configuration does
    %%DIR%%           the temporary folder
    %%BACKEND%%       host:port of the backend
    %%TENANT_HTTP%%   http://127.0.0.1:port of the tenant
    %%TENANT_HTTPS%%  https://127.0.0.1:port of the tenant
    %%TENANT_DOMAIN%% the tenant's domain
    %%CA%%            the tenant's CA, a PEM file

A port stays reserved until the object is gone, also while nginx is
stopped: connections to it are refused then.

=head1 Life of the process

    start             starts it (again)
    stop              QUIT, then (a failure of the test) TERM and KILL;
                      waits for all workers; checks the error log
    reload(%o)        HUP; returns when new workers are up and, unless
                      old => 1, the old ones are gone
    reconfigure(%o)   new texts (http, server, main, macros), then reload
    kill_worker($sig) the first worker, default KILL; returns when another
                      has taken its place.  kill_worker($sig, $pid) picks
    kill_all          KILL to the master and its workers; start starts again
    signal($sig)      to the master
    pid, workers      of the master; list of the workers' (sorted)
    alive             true while the master runs
    conf_test(%o)     (class or object method) `nginx -t` on a configuration
                      of the same options as new: returns (exit, output)
    conf_dump(%o)     the same with -T

=head1 Requests

All return an L<Auth0M2M::Test::Response>: status, reason, header($name)
(list context: all of them), headers (pairs), body, raw, complete.
Status 0 stands for no answer.  @headers are pairs and may repeat; Host and
Connection: close are added unless given.

    get($path, @headers)
    request($method, $path, \@headers, $body)
    h2($method, $path, \@headers, $body)     one HTTP/2 request, by curl
    h2_many(\@headers, @paths)               streams of one HTTP/2
                                             connection, by nghttp; its
                                             verbose output as text
    h2_start($method, $path, \@headers)      an HTTP/2 caller of its own
                                             process; ->leave ends it
    raw($bytes, %o)          sends exactly these bytes, returns all bytes
                             until the peer closes or `timeout` (default 5)
    pipeline(@requests)      strings or [method, path, \@headers, $body];
                             one connection, all sent at once; responses
    parallel(\@requests, %o) the same kinds, each on a connection of its
                             own, all at once (or `concurrency` at a time);
                             responses in the order given
    async($request)          sends it and returns an
                             L<Auth0M2M::Test::Client>: ->wait($bound)
                             gives the response, ->done polls, ->close
                             hangs up
    macro($name)             what %%name%% stands for
    port($name)              number of %%PORT_name%%; no name: %%PORT%%
    at($name)                an object like this one whose requests go to
                             %%PORT_name%%

=head1 Logs and files

    dir, path($name)             the folder, a file in it
    write_file($name, $text)     into the folder, mode 0600
    error_log, access_log        lines (list).  access.log has the format
                                 `log_format` named main if `http` sets one,
                                 else combined
    log_mark                     later error_log/wait_for_log calls see only
                                 what comes after
    wait_for_log(qr/../, $bound) polls error.log; true when it matched
    wait_for(sub {..}, $bound)   polls any condition (class or object
                                 method), default bound 5 s
    expect_log(qr/../, ...)      as the option
    cached($word)                HIT or MISS of $auth0_m2m_cache_status, but
                                 BYPASS with TEST_TOKEN_CACHE=off (class or
                                 object method)
    bound($seconds)              a time bound stretched for slow modes and
                                 for the load of the machine (class or
                                 object method)

=head1 What fails a test by itself

When nginx is stopped, or the object goes away, one test point is emitted if
something is wrong: [alert] or [emerg] in error.log, "AddressSanitizer",
"runtime error:", "LeakSanitizer" in any output, valgrind errors, an exit by
signal, a process left.  Nothing is printed when all is well.

=head1 Environment

    TEST_NGINX_BINARY    default /usr/sbin/nginx
    TEST_NGINX_MODULE    the .so, default build/ of this project; `static`:
                         it is linked in
    TEST_NGINX_VALGRIND  1: under valgrind
    TEST_NGINX_SLOW      factor for all time bounds, default 1
    TEST_NGINX_LEAVE     1: keep the folders
    TEST_TOKEN_CACHE     off: `auth0_m2m_token_cache off` in http {}, unless
                         `http` has that directive

=cut

use parent -norequire,
    qw(Auth0M2M::Test::Requests Auth0M2M::Test::Folder);

our $root = File::Spec->rel2abs(dirname(__FILE__) . '/../../..');

my %live;    # by address, for the end of the program

my %defaults = (
    binary => $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx',
    module => $ENV{TEST_NGINX_MODULE}
        || "$root/build/ngx_http_auth0_m2m_module.so",
);

sub new {
    my ($class, %o) = @_;
    my $self = $class->_prepare(%o);

    weaken($live{ 0 + $self } = $self);
    $self->{backend} = $self->_backend;
    $self->_write_conf;
    $self->start if $o{start} // 1;
    return $self;
}

sub _prepare {
    my ($class, %o) = @_;
    my $dir = File::Temp->newdir(
        'auth0m2m-XXXXXXXX',
        TMPDIR  => 1,
        CLEANUP => !$ENV{TEST_NGINX_LEAVE},
    );

    my $self = bless {
        o      => \%o,
        dir    => $dir,
        ports  => Auth0M2M::Test::Ports->new,
        expect => [],
        mark   => 0,
        owner  => $$,
    }, $class;

    # another user's workers write logs and temporary files here
    chmod $o{user} ? 0777 : 0755, "$dir";

    $self->{process} = Auth0M2M::Test::Process->new(
        dir          => "$dir",
        binary       => $defaults{binary},
        workers      => $o{workers} // 1,
        env          => $o{env},
        bound        => sub { $class->bound($_[0]) },
        valgrind     => $ENV{TEST_NGINX_VALGRIND},
        suppressions => "$root/t/valgrind.supp",
    );

    $self->expect_log(ref $o{expect_log} eq 'ARRAY'
        ? @{ $o{expect_log} }
        : grep {defined} $o{expect_log});

    for my $name (sort keys %{ $o{files} || {} }) {
        my $content = $o{files}{$name};
        $self->write_file($name, ref $content ? @$content : $content);
    }

    return $self;
}

sub _backend {
    my ($self) = @_;
    my $o = $self->{o};
    my $wanted = grep {/%%BACKEND%%/}
        map { $_ // '' } @$o{qw(http server main)};

    return if !$o->{backend} && !$wanted;
    return Auth0M2M::Test::Backend->new(
        dir    => $self->dir,
        answer => ref $o->{backend} ? $o->{backend} : undef,
    );
}

sub macro {
    my ($self, $name) = @_;
    my ($o, $tenant) = ($self->{o}, $self->{o}{tenant});

    return $o->{macros}{$name}         if exists $o->{macros}{$name};
    return $self->dir                  if $name eq 'DIR';
    return $self->port($1)             if $name =~ /^PORT(?:_(.+))?$/;
    return $self->_backend_address     if $name eq 'BACKEND';
    die "macro %%$name%% needs tenant\n" if !$tenant;
    return $tenant->http_url           if $name eq 'TENANT_HTTP';
    return $tenant->https_url          if $name eq 'TENANT_HTTPS';
    return $tenant->domain             if $name eq 'TENANT_DOMAIN';
    return $tenant->ca_file            if $name eq 'CA';
    die "unknown macro %%$name%%\n";
}

sub _backend_address {
    my ($self) = @_;
    $self->{backend} ||= Auth0M2M::Test::Backend->new(dir => $self->dir);
    return '127.0.0.1:' . $self->{backend}->port;
}

sub _write_conf {
    my ($self) = @_;
    my $text = Auth0M2M::Test::Conf::build(
        $self->{o},
        { dir => $self->dir, module_path => $defaults{module} },
        sub { $self->macro($_[0]) },
    );

    $self->write_file('nginx.conf', $text);
    return;
}

# Life of the process.

sub start {
    my ($self) = @_;
    my $process = $self->{process};

    $process->start;
    my $up = $self->wait_for(
        sub { !$process->alive || $self->_accepts }, 10);

    if (!$up || !$process->alive || !$process->wait_workers) {
        my $log = join '', map {"$_\n"} $self->_all_lines('error.log'),
            $self->_all_lines('output.log');
        $process->stop;
        $self->_forget_logs;
        die "nginx did not start:\n$log";
    }

    return $self;
}

sub _accepts {
    my ($self) = @_;
    return IO::Socket::INET->new("127.0.0.1:" . $self->port) ? 1 : 0;
}

sub stop {
    my ($self) = @_;
    return 1 if $self->{owner} != $$;

    my @wrong = $self->{process}->stop;
    push @wrong, Auth0M2M::Test::Findings::in_folder($self->dir,
        @{ $self->{expect} });
    $self->_forget_logs;
    return _complain('nginx', @wrong);
}

# What has been reported once is not reported again after another start.

sub _forget_logs {
    my ($self) = @_;
    my @all = ($self->path('error.log'), $self->path('output.log'));

    for my $file (@all) {
        next if !-s $file;
        open my $in,  '<',  $file        or next;
        open my $out, '>>', "$file.past" or next;
        print {$out} <$in>;
        close $out;
        unlink $file;
    }

    unlink glob $self->path('valgrind.*');
    return;
}

sub _complain {
    my ($name, @wrong) = @_;
    return 1 if !@wrong;

    my $builder = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    $builder->ok(0, "$name: nothing wrong in its logs and its end");
    $builder->diag($_) for @wrong;
    return 0;
}

sub reload {
    my ($self, %o) = @_;
    return $self->{process}->reload(%o);
}

sub reconfigure {
    my ($self, %o) = @_;
    my $reload = { map { $_ => delete $o{$_} } grep { exists $o{$_} } 'old' };

    $self->{o} = { %{ $self->{o} }, %o };
    $self->{process}{workers} = $o{workers} if defined $o{workers};
    $self->_write_conf;
    return $self->reload(%$reload);
}

sub kill_worker {
    my ($self, $sig, $pid) = @_;
    $pid //= ($self->workers)[0];
    $self->expect_log(qr/worker process $pid exited on signal/);
    return $self->{process}->kill_worker($sig, $pid);
}

sub kill_all { return $_[0]{process}->kill_all }

sub pid     { return $_[0]{process}->pid }
sub workers { return $_[0]{process}->workers }
sub backend { return $_[0]{backend} }
sub alive   { return $_[0]{process}->alive }
sub signal  { return $_[0]{process}->signal($_[1]) }

sub cached {
    my ($self, $word) = @_;
    return ($ENV{TEST_TOKEN_CACHE} // 'on') eq 'off' ? 'BYPASS' : $word;
}

sub conf_test { my ($self, @o) = @_; return $self->_nginx(['-t'], @o) }
sub conf_dump { my ($self, @o) = @_; return $self->_nginx(['-T'], @o) }

sub _nginx {
    my ($self, $args, %o) = @_;

    # a refusal is an answer here: the folder of a test's own configuration
    # is a new one, whose log is not looked at

    if (!ref $self || %o) {
        my %all = ref $self ? (%{ $self->{o} }, %o) : %o;
        $self = (ref $self || $self)->new(%all, start => 0,
            expect_log => qr/\[emerg\]/);
    }

    # what nginx holds when it leaves after -t it holds on purpose
    local $ENV{ASAN_OPTIONS} = 'detect_leaks=0';

    my ($exit, $output) = Auth0M2M::Test::Curl::run(
        [$self->{process}->command('-e', $self->path('conf_test.log'), @$args)],
        before => sub { $self->{process}->set_env },
    );
    my @wrong = grep { !/\[(?:emerg|alert)\]/ }
        Auth0M2M::Test::Findings::in_text($output);

    _complain('nginx -t', @wrong);
    return ($exit, $output);
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || $self->{gone}++;

    local ($?, $@, $!);
    delete $live{ 0 + $self };
    $self->stop;
    $self->{backend}->stop if $self->{backend};
    return;
}

# Before the interpreter takes objects apart in any order; a signal ends the
# program by exit, so that this runs.

END { $_ && $_->DESTROY for values %live }

for my $sig (qw(INT TERM HUP)) {
    $SIG{$sig} ||= sub { exit 130 };
}

1;
