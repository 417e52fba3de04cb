package Auth0M2M::Test::Peer;

use strict;
use warnings;

use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_STREAM);

=head1 NAME

Auth0M2M::Test::Peer - a server that does what it is told with each connection

=head1 METHODS

    new(serve => sub { my ($socket) = @_; ... }, %where)
             in a process of its own, one connection after the other, each
             closed when the code returns.  Where: host (default 127.0.0.1)
             and port (default: a free one), or path of a unix socket
    port
    stop

=head1 FUNCTIONS

    request($socket)         the bytes of one request without a body
    relay($socket, $other)   copies between the two until one closes

=cut

sub new {
    my ($class, %o) = @_;
    my $listen = $o{path}
        ? IO::Socket::UNIX->new(Local => $o{path}, Listen => 64)
        : IO::Socket::IP->new(
            LocalHost => $o{host} // '127.0.0.1',
            LocalPort => $o{port} // 0,
            Type      => SOCK_STREAM,
            Listen    => 64,
            ReuseAddr => 1,
        );
    die "peer: $@ $!\n" if !$listen;

    my $self = bless {
        port  => $o{path} ? undef : $listen->sockport,
        owner => $$,
    }, $class;
    $self->{pid} = fork // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        eval { _serve($listen, $o{serve}, $self->{owner}); 1 }
            or warn "peer: $@";
        POSIX::_exit(0);
    }

    return $self;
}

sub port { return $_[0]{port} }

sub _serve {
    my ($listen, $code, $parent) = @_;
    my $select = IO::Select->new($listen);

    while (getppid == $parent) {
        next if !$select->can_read(1);
        my $c = $listen->accept or next;
        $c->autoflush(1);
        $code->($c);
        $c->close;
    }

    return;
}

sub request {
    my ($socket) = @_;
    my $bytes = '';

    while ($bytes !~ /\r\n\r\n/) {
        sysread $socket, $bytes, 4096, length $bytes or last;
    }

    return $bytes;
}

sub relay {
    my ($one, $other) = @_;
    my %to = ($one => $other, $other => $one);
    my $select = IO::Select->new($one, $other);

    while (1) {
        for my $s ($select->can_read(5)) {
            sysread($s, my $bytes, 65_536) || return;
            syswrite $to{$s}, $bytes or return;
        }
    }
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid};

    return if !$pid || $self->{owner} != $$;
    local $?;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY { $_[0]->stop; return }

1;
