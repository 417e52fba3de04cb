# Where secrets are not: logs, files, the dumped configuration, the process's
# environment and command line, and memory that a core file would show.

use strict;
use warnings;
no warnings 'portable';    # addresses have 64 bits

use lib 't/lib';

use File::Find qw(find);
use Test::More;

use Auth0M2M::Figures qw(figure);
use Auth0M2M::Portal;

my $p = Auth0M2M::Portal->new(
    workers => 1,
    http    => "client_body_in_file_only off;\n",
);
my $n = $p->nginx;
my $t = $p->tenant;
my %secret;    # name => text

# Everything that handles one: creation, rotation, replay, failures.

sub use_all {
    my ($p) = @_;
    my $user = $p->user;
    my @key  = (headers => [ 'Idempotency-Key' => '"canary"' ]);
    my ($id, $one)   = $p->apikey($p->create_key($user, @key));
    my (undef, $two) = $p->apikey($p->create_key($user, @key));
    my ($new, $three) = $p->apikey($p->rotate($user, $id));
    my (undef, $four) = $p->apikey($p->rotate($user, $new,
        body => { mode => 'in_place' }));

    for my $kind (qw(garbage truncated reset)) {
        $p->tenant->fault({ step => 'client_create', kind => $kind,
            effect => 'after' });
        my (undef, $found) = $p->apikey($p->create_key($user));
        $secret{"client secret after $kind"} = $found;
    }

    $p->tenant->fault({ step => 'grant_create', kind => 'status',
        status => 403 });
    $p->create_key($user);
    $p->revoke($user, $new);

    my ($call)  = reverse $p->tenant->journal(step => 'user_get');
    my ($token) = $p->tenant->entry_header($call, 'Authorization');
    %secret = (
        %secret,
        'Management secret'  => $p->demo->{client_secret},
        'Management token'   => $token =~ s/^Bearer //r,
        'a client secret'    => $one,
        'a replayed one'     => $two,
        'a rotated one'      => $three,
        'one in place'       => $four,
    );
    $secret{'ID token'} = ($p->headers($user))[1] =~ s/^Bearer //r;
    return;
}

# Parts of them count as well.

my $scanned = 0;    # bytes

sub found_in {
    my ($text, @names) = @_;
    $scanned += length $text;
    return sort grep { index($text, substr $secret{$_}, -24) >= 0 }
        @names ? @names : keys %secret;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return '';
    local $/;
    return <$fh> // '';
}

use_all($p);
is(keys %secret, 10, 'ten secrets are known');

subtest 'logs and files' => sub {
    my $seen = 0;

    is_deeply([ found_in(join "\n", $n->error_log) ], [], 'error.log');
    ok(length slurp($n->path('access.log')), 'access.log');
    find({ no_chdir => 1, wanted => sub {
        return if !-f $_ || m{/secret$};
        $seen++;
        is_deeply([ found_in(slurp($_)) ], [], s{.*/}{}r);
    } }, $n->dir);
    cmp_ok($seen, '>=', 3, 'files were looked at');

    my ($exit, $dump) = $n->conf_dump;
    is($exit, 0, 'nginx -T');
    like($dump, qr/auth0_m2m_client_secret/, 'shows the directive');
    is_deeply([ found_in($dump) ], [], 'but no secret');
};

subtest 'environment and command line' => sub {
    for my $pid ($n->pid, $n->workers) {
        is_deeply([ found_in(slurp("/proc/$pid/$_")) ], [], "$_ of $pid")
            for qw(environ cmdline);
    }
};

# Readable mappings: [bytes, does a core file leave them out?]

sub memory {
    my ($pid) = @_;
    my (@all, $range);
    open my $mem, '<:raw', "/proc/$pid/mem" or die "mem: $!\n";

    for my $line (split /\n/, slurp("/proc/$pid/smaps")) {
        if ($line =~ /^([0-9a-f]+)-([0-9a-f]+) r\S+ .*?(\S*)$/) {
            $range = [ hex $1, hex($2) - hex $1, $3 ];

        } elsif ($line =~ /^[0-9a-f]+-[0-9a-f]+ /) {
            undef $range;

        } elsif ($range && $line =~ /^VmFlags:(.*)/) {
            my $left_out = $1 =~ /\bdd\b/ ? 1 : 0;
            next if $range->[2] =~ /^\[v/;
            sysseek $mem, $range->[0], 0;
            my ($bytes, $part) = ('');
            $bytes .= $part while length $bytes < $range->[1]
                && sysread $mem, $part, $range->[1] - length $bytes;
            push @all, [ $bytes, $left_out ];
        }
    }

    return @all;
}

sub in_core {
    my ($pid, @names) = @_;
    my %seen;
    $seen{$_}++ for map { found_in($_->[0], @names) }
        grep { !$_->[1] } memory($pid);
    return sort keys %seen;
}

SKIP: {
    skip 'sanitizers keep what was freed', 2
        if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';
    my ($worker) = $n->workers;
    my @names = grep { $_ ne 'ID token' } keys %secret;

    subtest 'memory that a core file shows' => sub {
        my @left;
        $n->wait_for(sub { !(@left = in_core($worker, @names)) }, 2);
        is_deeply(\@left, [], 'of the worker');
        is_deeply([ in_core($n->pid, @names) ], [], 'of the master');
        my @hidden = map { found_in($_->[0], @names) }
            grep { $_->[1] } memory($worker);
        my %hidden = map { $_ => 1 } @hidden;
        is_deeply([ sort keys %hidden ],
            [ 'Management secret', 'Management token' ],
            'what is still needed lies elsewhere');
    };

    subtest 'memory that it does not show' => sub {
        my @left = grep { !/^Management/ } map { found_in($_->[0], @names) }
            memory($worker);
        is_deeply(\@left, [], 'client secrets are nowhere');
    };
}

# Given by the environment, which the master keeps: it reads it again on
# reload.

my $users = 1000;

sub by_environment {
    my ($env, $manager) = @_;
    my $q = Auth0M2M::Portal->new(tenant => $t, workers => 1, env => $env,
        manager => "auth0_m2m_client_id $p->{demo}{client_id};\n$manager");
    my @name = 'Management secret';
    my ($worker) = $q->nginx->workers;

    $q->{users} = $users += 1000;
    is($q->create_key($q->user)->status, 200, 'it is the right one');
    is_deeply([ in_core($worker, @name) ], [], 'not in a core of the worker');
    ok($q->nginx->reload, 'a reload');
    is($q->create_key($q->user)->status, 200, 'has it again');
    ($worker) = $q->nginx->workers;
    is_deeply([ in_core($worker, @name) ], [], 'nor of the new worker');
    $q->nginx->stop;
    return;
}

SKIP: {
    skip 'sanitizers keep what was freed', 2
        if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';

    subtest 'env:NAME' => sub {
        by_environment({ CANARY => $secret{'Management secret'} },
            'auth0_m2m_client_secret env:CANARY;');
    };

    subtest 'the variable that is read by default' => sub {
        by_environment({ PLUGIN_AUTH0_M2M_CLIENT_SECRET
                => $secret{'Management secret'} }, '');
    };
}

subtest 'our own lines at level debug' => sub {
    my $q = Auth0M2M::Portal->new(tenant => $t, log_level => 'debug');
    $q->{users} = 1000;
    use_all($q);
    my @lines = grep {/auth0_m2m/} $q->nginx->error_log;
    cmp_ok(scalar @lines, '>', 20, scalar(@lines) . ' lines');
    is_deeply([ found_in(join "\n", @lines) ], [], 'no secret in them');
    $q->nginx->stop;
};

subtest 'values that the answers do not show' => sub {
    my $user = $p->user;
    my @r = ($p->keys($user), $p->create_key($user, body => '['),
        $p->revoke($user, 'A' x 32));
    is_deeply([ map { found_in($_->raw) } @r ], [], 'other answers');
};

figure('R24', what => 'secrets in logs, files, nginx -T, environment, command'
        . ' lines, other answers, and memory that a core file shows',
    bar    => '0 hits',
    result => sprintf('%d secrets, %.0f MB looked through, %s', scalar
        keys %secret, $scanned / 1e6,
        Test::More->builder->is_passing ? '0 hits' : 'hits'),
    count => scalar keys %secret, ok => Test::More->builder->is_passing);

$p->stop;
done_testing;
