package Auth0M2M::Test::Process;

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

=head1 NAME

Auth0M2M::Test::Process - an nginx master and its workers

=head1 METHODS

    new(dir => .., binary => .., workers => n, bound => sub, env => {..},
        valgrind => bool)
    start            forks and executes
    stop             ends all; returns texts of what went wrong
    reload(%o)       true when new workers have replaced the old ones
    kill_worker($sig, $pid)
    kill_all         KILL to all of them at once; true when none is left
    command(@args)   the command line with the fixed arguments
    run              start, for a configuration with `daemon on`: the wait
                     status of what was started
    workers($master) pids of the workers, by default of its own master's
    pid, alive, signal($sig)

Only processes it started are ever signalled: the master, which leads a
process group of its own, and its children.  Should this process die, the
master gets a TERM.

=cut

sub new {
    my ($class, %o) = @_;
    return bless {%o}, $class;
}

sub pid { return $_[0]{pid} }

sub command {
    my ($self, @args) = @_;
    my $dir = $self->{dir};
    return ($self->{binary}, '-p', "$dir/", '-e', "$dir/error.log",
        '-c', "$dir/nginx.conf", @args);
}

sub start {
    my ($self) = @_;
    my @command = $self->command;

    unshift @command, $self->_valgrind if $self->{valgrind};
    unshift @command, qw(setpriv --pdeathsig TERM --);

    $self->{pid} = fork // die "fork: $!\n";
    $self->_exec(@command) if $self->{pid} == 0;
    return;
}

# To its end, which is soon for one that goes into the background.

sub run {
    my ($self) = @_;
    my $pid = fork // die "fork: $!\n";

    $self->_exec($self->command) if $pid == 0;
    waitpid $pid, 0;
    return $?;
}

sub _exec {
    my ($self, @command) = @_;
    my $out = "$self->{dir}/output.log";

    setpgrp 0, 0;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM PIPE HUP CHLD);
    open STDIN,  '<',  '/dev/null' or POSIX::_exit(127);
    open STDOUT, '>>', $out        or POSIX::_exit(127);
    open STDERR, '>>', $out        or POSIX::_exit(127);
    $self->set_env;

    { no warnings 'exec'; exec {$command[0]} @command }
    print STDERR "[emerg] cannot run $command[0]: $!\n";
    POSIX::_exit(127);
}

sub set_env {
    my ($self) = @_;
    my $env = $self->{env} || {};

    delete @ENV{ grep {/^(?:PLUGIN_)?AUTH0_M2M_/} keys %ENV };
    $ENV{ASAN_OPTIONS}
        = join ':', grep {defined} $ENV{ASAN_OPTIONS},
        'detect_stack_use_after_return=1:strict_string_checks=1';
    $ENV{UBSAN_OPTIONS} = join ':', grep {defined} $ENV{UBSAN_OPTIONS},
        'print_stacktrace=1';

    my $leaks = ($self->{suppressions} // '') =~ s/valgrind/lsan/r;
    $ENV{LSAN_OPTIONS} = "suppressions=$leaks:print_suppressions=0"
        if -e $leaks;

    for my $name (keys %$env) {
        if (defined $env->{$name}) {
            $ENV{$name} = $env->{$name};

        } else {
            delete $ENV{$name};
        }
    }

    return;
}

sub _valgrind {
    my ($self) = @_;
    my $supp = $self->{suppressions};

    return ('valgrind', '--trace-children=yes', '--leak-check=full',
        '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite',
        '--error-exitcode=0', "--log-file=$self->{dir}/valgrind.%p",
        $supp && -e $supp ? "--suppressions=$supp" : ());
}

# Reaps the master when it has ended.

sub alive {
    my ($self) = @_;
    my $pid = $self->{pid} or return 0;
    local $?;

    if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
        $self->{status} = $?;
        $self->{group}  = $pid;
        delete $self->{pid};
        return 0;
    }

    return 1;
}

sub signal {
    my ($self, $sig) = @_;
    return $self->{pid} && kill $sig, $self->{pid};
}

sub _title {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/cmdline" or return '';
    local $/;
    return <$fh> // '';
}

# All workers, those shutting down included.  Under valgrind a process keeps
# the title it began with.

sub workers {
    my ($self, $master) = @_;
    $master //= $self->{pid} or return;

    my @workers = sort { $a <=> $b }
        grep { $self->{valgrind} || _title($_) =~ /worker process/ }
        map  { $_->{pid} }
        grep { $_->{parent} == $master } _processes();

    return @workers;
}

sub _wait {
    my ($self, $seconds, $condition) = @_;
    my $end = time + $self->{bound}->($seconds);

    while (1) {
        my $result = $condition->();
        return $result if $result || time > $end;
        sleep 0.01;
    }
}

sub wait_workers {
    my ($self) = @_;
    return 1 if !$self->{workers};
    return $self->_wait(10, sub { $self->workers >= $self->{workers} });
}

# A refused configuration is seen in the log: no new worker will come.

sub reload {
    my ($self, %o) = @_;
    my %old  = map { $_ => 1 } $self->workers;
    my $log  = "$self->{dir}/error.log";
    my $mark = -s $log // 0;

    $self->signal('HUP') or return 0;

    my $up = sub {
        my @all = $self->workers;
        my @new = grep { !$old{$_} } @all;
        return @new >= $self->{workers} && ($o{old} || @new == @all);
    };

    my $refused = sub {
        open my $fh, '<', $log or return 0;
        seek $fh, $mark, 0;
        return grep {/\[emerg\]/} <$fh>;
    };

    return ($self->_wait(15, sub { $up->() || $refused->() || !$self->alive })
            && $up->()) ? 1 : 0;
}

sub kill_worker {
    my ($self, $sig, $pid) = @_;
    $sig //= 'KILL';
    $pid //= ($self->workers)[0] // return 0;

    return 0 if !grep { $_ == $pid } $self->workers;
    kill $sig, $pid;

    return $self->_wait(10, sub {
        my @now = $self->workers;
        return !(grep { $_ == $pid } @now) && @now >= $self->{workers};
    }) ? $pid : 0;
}

sub kill_all {
    my ($self) = @_;
    my $group = $self->{pid} or return 0;

    kill 'KILL', $group, $self->workers;
    my $gone = $self->_ended(5)
        && $self->_wait(5, sub { !_members($group) });
    delete @$self{qw(status group)};
    return $gone;
}

sub stop {
    my ($self) = @_;
    my @wrong;

    if ($self->alive) {
        $self->signal('QUIT');
        $self->_ended(10) || $self->_force(\@wrong);

    } elsif ($self->{group}) {
        push @wrong, 'nginx had ended by itself';
    }

    my $status = delete $self->{status} // 0;
    push @wrong, sprintf 'nginx ended by signal %d', $status & 127
        if $status & 127;
    push @wrong, sprintf 'nginx ended with exit code %d', $status >> 8
        if $status >> 8;
    push @wrong, $self->_leftovers(@wrong ? 0 : 5);
    return @wrong;
}

sub _ended {
    my ($self, $seconds) = @_;
    return $self->_wait($seconds, sub { !$self->alive });
}

sub _force {
    my ($self, $wrong) = @_;
    push @$wrong, 'nginx did not stop on QUIT';

    for my $sig (qw(TERM KILL)) {
        $self->signal($sig);
        return if $self->_ended(5);
    }

    return;
}

# The master leads its group; nobody may be left in it.

sub _leftovers {
    my ($self, $seconds) = @_;
    my $group = delete $self->{group} or return;

    return if $self->_wait($seconds, sub { !_members($group) });
    kill 'KILL', _members($group);
    return 'processes were left';
}

sub _members {
    my ($group) = @_;
    return map { $_->{pid} } grep { $_->{group} == $group } _processes();
}

# All but the dead that nobody has asked for.

sub _processes {
    my @all;

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $stat or next;
        my ($pid, $state, $parent, $group)
            = (<$fh> // '') =~ /^(\d+) \(.*\) (\S) (\d+) (\d+)/
            or next;
        push @all, { pid => $pid, parent => $parent, group => $group }
            if $state ne 'Z';
    }

    return @all;
}

1;
