package Auth0M2M::Tenant::Connection;

# One accepted connection: at most one request is worked on at a time, later
# ones wait in the buffer.

use v5.36;

use Mojo::IOLoop;
use Mojo::IOLoop::Stream;
use Scalar::Util qw(weaken);

use Auth0M2M::Tenant::Wire qw(parse_request frame head_bytes body_bytes);

sub new ($class, $server, $handle, $sni, $number) {
    my $self = bless {
        server   => $server,
        stream   => Mojo::IOLoop::Stream->new($handle),
        sni      => $sni,
        number   => $number,
        buffer   => '',
        requests => 0,
        timers   => {},
    }, $class;
    weaken $self->{server};
    return $self;
}

sub id ($self)      { $self->{number} }
sub sni ($self)     { $self->{sni} }
sub busy ($self)    { defined $self->{request} }
sub request ($self) { $self->{request} }
sub server ($self)  { $self->{server} }
sub gone ($self)    { !$self->{stream} }

# Whatever arrived of a request that is not whole.
sub rest ($self) { $self->{last} ? '' : $self->{buffer} }

sub start ($self) {
    my $stream = $self->{stream};
    weaken $self;
    $stream->on(read => sub ($stream, $bytes) {
        $self->{buffer} .= $bytes;
        $self->_next;
    });
    $stream->on(close => sub { $self && $self->_closed });
    $stream->on(error => sub { });    # close follows
    $stream->timeout($self->{server}{config}{keepalive_timeout});
    $stream->start;
    return;
}

sub _next ($self) {
    return if $self->busy || $self->gone || $self->{last};
    my $request = parse_request(\$self->{buffer}) or return;
    return $self->_malformed($request) if $request->{error};
    $self->{request} = $request;
    $request->{number} = ++$self->{requests};
    $self->{stream}->timeout(0);
    $self->{server}{on_request}->($self, $request);
    return;
}

sub _malformed ($self, $request) {
    $self->{last} = 1;
    $self->write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n"
            . "connection: close\r\n\r\n");
    $self->{stream}->close_gracefully if $self->{stream};
    return;
}

sub _closed ($self) {
    delete $self->{stream};
    $self->stop_timers;
    my $server = $self->{server} or return;
    $server->{on_leave}->($self) if $server->{on_leave} && !$self->{ours};
    $server->forget($self);
    return;
}

# ---- sending ----------------------------------------------------------------

sub frame_for ($self, $answer) {
    my $config = $self->{server}{config};
    my $framed = frame($self->{request}, $answer, $config);
    my $most   = $config->{keepalive_requests};
    $framed->{close} = 1 if $most && $self->{requests} >= $most;
    return $framed;
}

sub send ($self, $answer) {
    my $framed = $self->frame_for($answer);
    return $self->send_bytes(head_bytes($framed) . body_bytes($framed),
        $framed->{close});
}

# Sends the last bytes of an answer and goes on to the next request.
sub send_bytes ($self, $bytes, $close) {
    return if $self->gone;
    weaken $self;
    $self->write($bytes, sub { $self && $self->finish($close) });
    return;
}

sub finish ($self, $close) {
    delete $self->{request};
    return if $self->gone;
    if ($close) {
        $self->{last} = 1;
        $self->{stream}->close_gracefully;
        return;
    }
    $self->{stream}->timeout($self->{server}{config}{keepalive_timeout});
    # Not from inside the writer's callback.
    weaken $self;
    Mojo::IOLoop->next_tick(sub { $self && $self->_next });
    return;
}

sub write ($self, $bytes, $then = undef) {
    return if $self->gone;
    $self->{stream}->write($bytes, $then);
    return;
}

sub close ($self) {
    $self->{ours} = 1;
    $self->{stream}->close if $self->{stream};
    return;
}

# Sends what is given, then RST.
sub reset ($self, $bytes = '') {
    return if $self->gone;
    weaken $self;
    return $self->_reset_now if $bytes eq '';
    $self->write($bytes, sub { $self && $self->_reset_now });
    return;
}

sub _reset_now ($self) {
    my $stream = $self->{stream} or return;
    $stream->timeout(0);
    my $handle = $stream->steal_handle;
    $self->{ours} = 1;
    $self->_closed;
    Auth0M2M::Tenant::Server::reset_handle($handle);
    return;
}

# ---- timers that die with the connection ------------------------------------

sub after ($self, $seconds, $code) {
    weaken $self;
    my $id;
    $id = Mojo::IOLoop->timer($seconds => sub {
        return if !$self;
        delete $self->{timers}{$id};
        $code->();
    });
    $self->{timers}{$id} = 1;
    return;
}

sub every ($self, $seconds, $code) {
    my $id = Mojo::IOLoop->recurring($seconds => sub { $code->() });
    $self->{timers}{$id} = 1;
    return;
}

sub stop_timers ($self) {
    Mojo::IOLoop->remove($_) for keys %{ $self->{timers} };
    $self->{timers} = {};
    return;
}

1;
