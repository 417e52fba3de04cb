package Auth0M2M::Test::Ports;

use strict;
use warnings;

use IO::Socket::INET;

=head1 NAME

Auth0M2M::Test::Ports - free ports of 127.0.0.1 that stay ours

=head1 DESCRIPTION

    my $ports = Auth0M2M::Test::Ports->new;
    my $port  = $ports->port('ANY_NAME');    # the same name, the same port

Each port is held by a socket that is bound with SO_REUSEADDR and does not
listen.  A server that sets SO_REUSEADDR as well, as nginx does, can listen
there; the kernel gives the port to no one else, neither to a bind to port 0
nor to an outgoing connection, so tests that run at the same time cannot
collide, not even across a restart of the server.

=cut

sub new {
    my ($class) = @_;
    return bless {}, $class;
}

sub port {
    my ($self, $name) = @_;
    return ($self->{$name} ||= _reserve())->sockport;
}

sub _reserve {
    return IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => 0,
        ReuseAddr => 1,
        Proto     => 'tcp',
    ) || die "no free port: $@\n";
}

1;
