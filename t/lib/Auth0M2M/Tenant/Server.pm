package Auth0M2M::Tenant::Server;

# A listening port and its connections.  Parses requests, hands each to
# `on_request` and sends what it is told, byte by byte.

use v5.36;

use IO::Socket::INET;
use Mojo::IOLoop;
use Mojo::IOLoop::TLS;
use Scalar::Util qw(weaken);
use Socket       qw(IPPROTO_TCP SOL_SOCKET SO_LINGER SOMAXCONN TCP_NODELAY);

use Auth0M2M::Tenant::Connection;

# Options: scheme, port (0: any), config (hash, read at each use), counters,
# on_request->($connection, $request), on_leave->($connection), tls_context->()
# for https, closed => true: begin refusing.
sub new ($class, %o) {
    my $self = bless { %o, open => {}, mode => '0' }, $class;
    $self->{port} = $self->_bind($o{port} // 0)->sockport;
    $self->_listen if !$o{closed};
    $self->{mode} = 'refuse' if $o{closed};
    return $self;
}

sub _bind ($self, $port) {
    return $self->{socket} = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp',
        ReuseAddr => 1, Blocking => 0)
        // die "cannot bind 127.0.0.1:$port: $@\n";
}

# IO::Socket::INET binds without listening unless asked, which keeps the
# port ours and refuses connections: an outage that can end.
sub _listen ($self) {
    my $socket = $self->{socket};
    listen $socket, SOMAXCONN or die "listen: $!\n";
    weaken $self;
    $self->reactor->io($socket => sub { $self->_accept_some })
        ->watch($socket, 1, 0);
    return;
}

sub reactor ($self) { Mojo::IOLoop->singleton->reactor }

# Stops listening without losing the port.
sub _refuse ($self) {
    $self->reactor->remove($self->{socket});
    close delete $self->{socket};
    $self->_bind($self->{port});
    return;
}

sub outage ($self, $mode) {
    die "outage: no mode $mode\n"
        if !grep { $mode eq $_ } qw(0 refuse reset hang);
    my $listening = $self->{mode} ne 'refuse';
    $self->close_all if $mode;
    $self->_refuse if $mode eq 'refuse' && $listening;
    $self->_listen if $mode ne 'refuse' && !$listening;
    $self->{mode} = $mode;
    $self->{silent} = [] if $mode ne 'hang';
    return;
}

sub close_all ($self) {
    $_->close for values %{ $self->{open} };
    return;
}

sub close_idle ($self) {
    my @idle = grep { !$_->busy } values %{ $self->{open} };
    $_->close for @idle;
    return scalar @idle;
}

sub open_count ($self) { scalar keys %{ $self->{open} } }

sub _accept_some ($self) {
    for (1 .. 64) {
        my $handle = $self->{socket}->accept or return;
        $handle->blocking(0);
        setsockopt $handle, IPPROTO_TCP, TCP_NODELAY, 1;
        $self->_arrived($handle);
    }
    return;
}

sub _arrived ($self, $handle) {
    $self->{counters}{connections}++;
    if ($self->{mode} eq 'reset') {
        reset_handle($handle);
        return;
    }
    if ($self->{mode} eq 'hang') {
        push @{ $self->{silent} }, $handle;
        return;
    }
    return $self->_open($handle) if $self->{scheme} eq 'http';
    return $self->_handshake($handle);
}

sub _handshake ($self, $handle) {
    my $tls = Mojo::IOLoop::TLS->new($handle);
    my $id  = "$tls";
    $self->{handshaking}{$id} = $tls;
    weaken $self;
    $tls->on(upgrade => sub ($tls, $handle) {
        delete $self->{handshaking}{$id};
        $self->{counters}{handshakes}++;
        $self->_open($handle, scalar $handle->get_servername);
    });
    $tls->on(error => sub {
        delete $self->{handshaking}{$id};
        $self->{counters}{handshake_errors}++;
    });
    $tls->negotiate(server => 1,
        tls_options => { SSL_reuse_ctx => $self->{tls_context}->() });
    return;
}

sub _open ($self, $handle, $sni = undef) {
    my $connection = Auth0M2M::Tenant::Connection->new($self, $handle, $sni,
        $self->{counters}{opened}++);
    $self->{open}{ $connection->id } = $connection;
    $connection->start;
    return;
}

sub forget ($self, $connection) {
    delete $self->{open}{ $connection->id };
    return;
}

# Closing with a zero linger time sends RST.  Not a word to a TLS peer.
sub reset_handle ($handle) {
    setsockopt $handle, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $handle->isa('IO::Socket::SSL')
        ? $handle->close(SSL_no_shutdown => 1)
        : close $handle;
    return;
}

1;
