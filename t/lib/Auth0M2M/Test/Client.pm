package Auth0M2M::Test::Client;

use strict;
use warnings;

use Errno qw(EAGAIN EINPROGRESS EINTR EWOULDBLOCK);
use IO::Poll qw(POLLIN POLLOUT POLLERR POLLHUP);
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_ERROR SO_LINGER);
use Time::HiRes qw(time);

use Auth0M2M::Test::Response;

=head1 NAME

Auth0M2M::Test::Client - one TCP connection that sends bytes and collects
answers without blocking

=head1 METHODS

    new(port => n, bytes => text, methods => [..])
                     connects; one answer is expected per method (default one
                     GET); methods => [] reads until the peer closes
    step             does the I/O that is possible now
    done             step, then: all answers are here, or the peer closed
    wait($bound)     until done or the bound (default 5 s) is over; the first
                     answer (status 0: none)
    responses        those complete so far
    received         all bytes
    closed           true when the peer closed or reset
    send($bytes)     more to be sent
    flush($bound)    waits until all is sent, or the bound is over; itself
    close            hangs up; reset => 1 with a RST
    run(\@clients, $bound)   class method: all of them until done or the
                     bound is over

=cut

sub new {
    my ($class, %o) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => $o{host} // '127.0.0.1',
        PeerPort => $o{port},
        Proto    => 'tcp',
        Blocking => 0,
    );

    return bless {
        socket    => $socket,
        closed    => !$socket,
        out       => $o{bytes} // '',
        methods   => $o{methods} // ['GET'],
        buffer    => '',
        received  => '',
        responses => [],
    }, $class;
}

sub send {
    my ($self, $bytes) = @_;
    $self->{out} .= $bytes;
    return $self->step;
}

sub received  { return $_[0]{received} }
sub responses { return @{ $_[0]{responses} } }
sub closed    { return $_[0]{closed} ? 1 : 0 }

sub close {
    my ($self, %o) = @_;
    my $socket = delete $self->{socket} or return;

    if ($o{reset}) {
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    }

    $socket->close;
    $self->{closed} = 1;
    return;
}

sub done {
    my ($self) = @_;
    $self->step;
    return $self->_finished;
}

sub wait {
    my ($self, $bound) = @_;
    __PACKAGE__->run([$self], $bound);
    return $self->{responses}[0]
        // Auth0M2M::Test::Response->none($self->{received});
}

sub flush {
    my ($self, $bound) = @_;
    _poll([$self], $bound, sub { $_[0]{closed} || !length $_[0]{out} });
    return $self;
}

sub run {
    my ($class, $clients, $bound) = @_;
    return _poll($clients, $bound, sub { $_[0]->_finished });
}

sub _poll {
    my ($clients, $bound, $finished) = @_;
    my $end = time + ($bound // 5);

    while (1) {
        my @open = grep { !$finished->($_) } @$clients;
        my $left = $end - time;
        return !@open if !@open || $left <= 0;

        my $poll = IO::Poll->new;
        $poll->mask($_->{socket} => $_->_events) for @open;
        $poll->poll($left < 1 ? $left : 1);
        $_->step for grep { $poll->events($_->{socket}) } @open;
    }
}

sub step {
    my ($self) = @_;
    return $self if !$self->{socket};

    $self->_write if length $self->{out};
    $self->_read;
    $self->_take;
    return $self;
}

sub _finished {
    my ($self) = @_;
    my $want = @{ $self->{methods} };

    return 1 if $self->{closed};
    return $want && @{ $self->{responses} } >= $want;
}

sub _events {
    my ($self) = @_;
    return POLLIN | (length $self->{out} ? POLLOUT : 0);
}

sub _write {
    my ($self) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $n = syswrite $self->{socket}, $self->{out};

    if (defined $n) {
        substr $self->{out}, 0, $n, '';

    } elsif (!_again()) {

        # the peer may have answered before it closed: reading goes on
        $self->{out} = '';
    }

    return;
}

sub _read {
    my ($self) = @_;

    while ($self->{socket}) {
        my $n = sysread $self->{socket}, my $bytes, 65_536;

        if ($n) {
            $self->{received} .= $bytes;
            $self->{buffer}   .= $bytes;
            next;
        }

        return if !defined $n && _again();
        $self->close;
    }

    return;
}

# ENOTCONN: the connection is still being made

sub _again {
    return $!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR} || $!{ENOTCONN}
        || $!{EINPROGRESS};
}

sub _take {
    my ($self) = @_;
    my $list = $self->{responses};

    while (@$list < @{ $self->{methods} }) {
        my $response = Auth0M2M::Test::Response->parse(
            \$self->{buffer},
            method => $self->{methods}[@$list],
            eof    => $self->{closed},
        ) or last;
        push @$list, $response;
    }

    return;
}

1;
