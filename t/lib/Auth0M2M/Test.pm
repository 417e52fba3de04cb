package Auth0M2M::Test;

use strict;
use warnings;

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
                                             output as text
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
    bound($seconds)              a time bound stretched for slow modes
                                 (class or object method)

=head1 What fails a test by itself

When nginx is stopped, or the object goes away, one test point is emitted if
something is wrong: [alert], [emerg] or [crit] in error.log, "AddressSanitizer",
"runtime error:", "LeakSanitizer" in any output, valgrind errors, an exit by
signal, a process left.  Nothing is printed when all is well.

=head1 Environment

    TEST_NGINX_BINARY    default /usr/sbin/nginx
    TEST_NGINX_MODULE    the .so, default build/ of this project; `static`:
                         it is linked in
    TEST_NGINX_VALGRIND  1: under valgrind
    TEST_NGINX_SLOW      factor for all time bounds, default 1
    TEST_NGINX_LEAVE     1: keep the folders

=cut

1;
