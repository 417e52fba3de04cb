package Auth0M2M::Tenant::Journal;

# What was received, in order, and what was answered.

use v5.36;

use Exporter 'import';
use Mojo::IOLoop;
use Scalar::Util qw(weaken);
use Time::HiRes  qw(clock_gettime CLOCK_MONOTONIC);

our @EXPORT_OK = qw(filter);

sub new ($class) { bless { entries => [], waiting => [] }, $class }

sub reset ($self) { $self->{entries} = []; return }

sub add ($self, $connection, $step, $req) {
    my %given = map { $_ => $req->{$_} }
        qw(method target path query headers body raw);
    return $self->_append($connection, {
        %given,
        step     => $step,
        request  => $req->{number},
        complete => \1,
    });
}

# A request that ended with its connection.
sub add_incomplete ($self, $connection, $bytes) {
    return $self->_append($connection, {
        method => undef, target => undef, path => '', query => {},
        headers => [], body => '', raw => $bytes, step => undef,
        request => undef, complete => \0, done => \1,
    });
}

sub _append ($self, $connection, $entry) {
    my $server = $connection->server;
    %$entry = (
        status => undef, fault => undef, rule => undef, effect => \0,
        done => \0, gone => undef,
        %$entry,
        n          => $self->{total}++,
        time       => clock_gettime(CLOCK_MONOTONIC),
        scheme     => $server->{scheme},
        port       => $server->{port},
        connection => $connection->id,
        sni        => $connection->sni,
    );
    push @{ $self->{entries} }, $entry;
    $self->notify;
    return $entry;
}

sub done ($self, $entry, $status = undef) {
    $entry->{status} = $status;
    $entry->{done}   = \1;
    $self->notify;
    return;
}

sub left ($self, $entry) {
    $entry->{gone} = clock_gettime(CLOCK_MONOTONIC);
    $entry->{done} = \1;
    $self->notify;
    return;
}

# A code reference that says whether an entry fits.  Also used for faults.
sub filter ($f) {
    my $path = defined $f->{path} ? qr/$f->{path}/ : undef;
    my @same = grep { defined $f->{$_} }
        qw(step method scheme status fault);
    return sub ($entry) {
        return 0 if defined $path && $entry->{path} !~ $path;
        return 0 if $f->{done} && !${ $entry->{done} };
        return !grep { ($entry->{$_} // '') ne $f->{$_} } @same;
    };
}

sub find ($self, $f) {
    my $fits = filter($f);
    return grep { $fits->($_) } @{ $self->{entries} };
}

# Calls back with true once n entries fit, or false after the timeout.
sub wait ($self, $f, $n, $timeout, $then) {
    my $waiter = { filter => $f, n => $n, then => $then };
    push @{ $self->{waiting} }, $waiter;
    weaken $self;
    $waiter->{timer} = Mojo::IOLoop->timer($timeout => sub {
        @{ $self->{waiting} } = grep { $_ != $waiter } @{ $self->{waiting} };
        $then->(0);
    });
    $self->notify;
    return;
}

sub notify ($self) {
    my @due = grep { $self->find($_->{filter}) >= $_->{n} }
        @{ $self->{waiting} } or return;
    for my $waiter (@due) {
        Mojo::IOLoop->remove($waiter->{timer});
        @{ $self->{waiting} } = grep { $_ != $waiter } @{ $self->{waiting} };
        $waiter->{then}->(1);
    }
    return;
}

1;
