package Auth0M2M::Collector;

use v5.36;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL ();
use File::Temp;
use MIME::Base64 qw(decode_base64 encode_base64);
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM);
use Time::HiRes qw(sleep time);

use Auth0M2M::Collector::JSON qw(decode_array);
use Auth0M2M::Collector::Schema qw(complaint);
use Auth0M2M::Tenant::Certs;
use Auth0M2M::Test::Response;

=head1 NAME

Auth0M2M::Collector - a strict stand-in of the Moesif collector, in a process
of its own

=head1 SYNOPSIS

    my $c = Auth0M2M::Collector->start(tls => 1);
    # ... let a shipper POST to $c->url, trusting $c->ca_dir ...
    $c->outage('refuse');
    $c->outage('');
    is($c->wait_for(5000, 30), 5000);
    is_deeply([$c->refused], []);

=head1 start(%options)

    tls             true: https
    application_id  default 'test-application-id'
    dir             folder for the certificate and the journal; default a
                    temporary one, removed by stop

The child serves until C<stop>, until the object is gone or until the parent
dies.

=head1 METHODS

    url             .../v1/events/batch, on 127.0.0.1
    ca_dir          folder of the CA, named as OpenSSL looks for it
    application_id, pid
    outage($mode)   ''         none
                    'refuse'   nothing listens, connections are closed
                    'hang'     requests are read and never answered
                    'lost'     batches are taken, the answer is lost: the
                               connection is closed
                    '503' ...  this status, whatever is sent
    delay($seconds) before each answer
    events          decoded events, duplicates included, in order
    lines           the same as the bytes that were sent
    accepted        number of different transaction_ids
    wait_for($n, $bound)
                    polls until that many are accepted or the bound is over;
                    their number
    refused         [status, reason, body] of each request not answered 201;
                    status 0 stands for no answer
    batches         number of those answered 201
    stop

=head1 What it answers

    201  every event of the batch fits Auth0M2M::Collector::Schema
    400  the body is no JSON array of valid events; none of it is taken.
         Also a Content-Type other than application/json
    401  X-Moesif-Application-Id is missing or another one
    404  another path     405  another method
    413  a body above 50 MB, or an event above 1 MB

=cut

use constant MAX_BATCH => 50_000_000;

sub start ($class, %o) {
    my $temp = $o{dir} ? undef : File::Temp->newdir('collector-XXXXXXXX',
        TMPDIR => 1);
    my $dir  = $o{dir} // "$temp";
    my $self = bless {
        application_id => 'test-application-id',
        %o, dir => $dir, temp => $temp, owner => $$,
        journal => "$dir/collector.journal", at => 0, seen => {}, events => [],
    }, $class;
    $self->_certificate if $o{tls};
    $self->_bind;
    socketpair my $here, my $there, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!\n";
    $self->{pid} = fork // die "fork: $!\n";
    $self->_child($there, close $here) if $self->{pid} == 0;
    close $there;
    close delete $self->{listen};    # the port is the child's alone
    $self->{control} = $here;
    $self->_tell('outage');
    return $self;
}

sub pid ($self)            { $self->{pid} }
sub application_id ($self) { $self->{application_id} }
sub ca_dir ($self)         { "$self->{dir}/ca" }

sub url ($self) {
    return sprintf '%s://127.0.0.1:%d/v1/events/batch',
        $self->{tls} ? 'https' : 'http', $self->{port};
}

sub outage ($self, $mode)   { return $self->_tell("outage $mode") }
sub delay ($self, $seconds) { return $self->_tell("delay $seconds") }

sub _tell ($self, $line) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite $self->{control}, "$line\n";
    sysread($self->{control}, my $done, 1) or die "collector: gone\n";
    return;
}

sub stop ($self) {
    my $pid = delete $self->{pid};
    return if !$pid || $self->{owner} != $$;
    kill 'TERM', $pid;
    local $?;
    waitpid $pid, 0;
    return;
}

sub DESTROY ($self) { $self->stop; return }

sub _certificate ($self) {
    my $certs = Auth0M2M::Tenant::Certs->new(dir => $self->{dir},
        domain => 'api.moesif.test');
    $self->{certs} = $certs;
    mkdir $self->ca_dir;
    my $file = $certs->ca_file;
    my $hash = qx(openssl x509 -noout -hash -in '$file') =~ s/\s+//r;
    symlink $file, $self->ca_dir . "/$hash.0";
    return;
}

# The journal: one line a request, status, reason and body.

sub _read ($self) {
    open my $fh, '<', $self->{journal} or return $self;
    seek $fh, $self->{at}, 0;
    while (my $line = <$fh>) {
        last if $line !~ /\n\z/;
        $self->{at} += length $line;
        my ($status, $reason, $body) = split /\t/, $line;
        $self->_take($status, $reason, decode_base64($body));
    }
    return $self;
}

sub _take ($self, $status, $reason, $body) {
    if ($status != 201) {
        push @{ $self->{refused} }, [ $status, $reason, $body ];
        return;
    }
    $self->{batches}++;
    for my $element (decode_array($body)) {
        push @{ $self->{events} }, $element;
        $self->{seen}{ $element->[0]{transaction_id} }++;
    }
    return;
}

sub events ($self)   { return map { $_->[0] } @{ $self->_read->{events} } }
sub lines ($self)    { return map { $_->[1] } @{ $self->_read->{events} } }
sub accepted ($self) { return scalar keys %{ $self->_read->{seen} } }
sub batches ($self)  { return $self->_read->{batches} // 0 }
sub refused ($self)  { return @{ $self->_read->{refused} // [] } }

sub wait_for ($self, $n, $bound) {
    my $end = time + $bound;
    while ($self->accepted < $n && time < $end) {
        sleep 0.05;
    }
    return $self->accepted;
}

# The child.

sub _bind ($self) {
    $self->{listen} = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port} // 0,
        Proto => 'tcp', ReuseAddr => 1) // die "collector: $@\n";
    $self->{port} = $self->{listen}->sockport;
    return;
}

sub _child ($self, $control, $) {
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{PIPE} = 'IGNORE';
    eval { $self->_serve($control); 1 } or warn "collector: $@";
    POSIX::_exit(0);
}

sub _serve ($self, $control) {
    my $select = $self->{select} = IO::Select->new($control);
    open $self->{out}, '>>', $self->{journal} or die "$self->{journal}: $!\n";
    $self->{out}->autoflush(1);
    $self->{mode} = 'refuse';
    while (getppid == $self->{owner}) {
        for my $s ($select->can_read($self->_pause)) {
            if    ($s == $control)        { $self->_command($control) }
            elsif ($s == $self->{listen}) { $self->_accept }
            else                          { $self->_receive($s) }
        }
        $self->_answer_due;
    }
    return;
}

# Seconds until the next answer is due.
sub _pause ($self) {
    my $next = $self->{due}[0] // return 0.5;
    my $left = $next->{at} - time;
    return $left < 0 ? 0 : $left < 0.5 ? $left : 0.5;
}

sub _command ($self, $control) {
    sysread $control, my $line, 200 or POSIX::_exit(0);
    my ($what, $value) = $line =~ /^(\w+) ?(.*)/;
    $what eq 'outage' ? $self->_outage($value) : ($self->{delay} = $value);
    syswrite $control, '.';
    return;
}

# Bound and not listening: the port stays ours and refuses connections.
sub _outage ($self, $mode) {
    my $was = $self->{mode};
    $self->{mode} = $mode;
    return if ($mode eq 'refuse') == ($was eq 'refuse');
    my $select = $self->{select};
    if ($mode ne 'refuse') {
        listen $self->{listen}, 128 or die "listen: $!\n";
        $select->add($self->{listen});
        return;
    }
    $select->remove($self->{listen});
    close $self->{listen};
    $self->_bind;
    $self->_drop($_) for map { $_->{socket} } values %{ $self->{open} };
    return;
}

sub _accept ($self) {
    my $s = $self->{listen}->accept or return;
    if ($self->{tls}) {
        my $context = $self->{certs}->context('good');
        $s = IO::Socket::SSL->start_SSL($s, SSL_server => 1,
            SSL_reuse_ctx => $context, Timeout => 5) or return;
    }
    $s->blocking(0);
    $self->{select}->add($s);
    $self->{open}{ fileno $s } = { socket => $s, buffer => '' };
    return;
}

sub _drop ($self, $s) {
    delete $self->{open}{ fileno $s };
    $self->{select}->remove($s);
    close $s;
    return;
}

sub _receive ($self, $s) {
    my $c = $self->{open}{ fileno $s };
    while (1) {
        my $n = sysread $s, $c->{buffer}, 65_536, length $c->{buffer};
        next if $n;
        last if !defined $n && ($!{EAGAIN} || $!{EINTR});
        return $self->_drop($s);
    }
    $self->_continue($c);
    while (my $r = Auth0M2M::Test::Response->parse(\$c->{buffer})) {
        delete $c->{told};
        push @{ $self->{due} },
            { at => time + ($self->{delay} // 0), c => $c, request => $r };
    }
    return;
}

# curl waits for this before it sends a large body.
sub _continue ($self, $c) {
    return if $c->{told} || $c->{buffer} !~ /^Expect: 100-continue\r\n/mi;
    return if $c->{buffer} !~ /\r\n\r\n\z/;
    $c->{told} = 1;
    syswrite $c->{socket}, "HTTP/1.1 100 Continue\r\n\r\n";
    return;
}

# An answer belongs to the time it is given: an outage in between applies.
sub _answer_due ($self) {
    my @due = @{ $self->{due} // [] };
    while (@due && $due[0]{at} <= time) {
        my $next = shift @due;
        my ($c, $r) = @$next{qw(c request)};
        next if !defined fileno $c->{socket};
        my ($status, $reason) = $self->_verdict($r);
        print { $self->{out} } join("\t", $status, $reason,
            encode_base64($r->body, '')), "\n";
        $self->_respond($c->{socket}, $status);
    }
    $self->{due} = \@due;
    return;
}

sub _respond ($self, $s, $status) {
    return                  if $self->{mode} eq 'hang';
    return $self->_drop($s) if $self->{mode} eq 'lost';
    my $body = $status == 201 ? '' : qq({"error":"$status"}\n);
    $s->blocking(1);
    syswrite $s, "HTTP/1.1 $status $status\r\n"
        . "Content-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    $s->blocking(0);
    return;
}

sub _verdict ($self, $r) {
    return (0, 'outage')             if $self->{mode} eq 'hang';
    return ($self->{mode}, 'outage') if $self->{mode} =~ /^\d+$/;
    return (405, $r->method) if $r->method ne 'POST';
    return (404, 'path')     if $r->path ne '/v1/events/batch';
    return (401, 'application id')
        if ($r->header('X-Moesif-Application-Id') // '')
        ne $self->{application_id};
    return (400, 'content type')
        if ($r->header('Content-Type') // '')
        !~ m{\Aapplication/json(?:;\s*charset=utf-8)?\z}i;
    return (413, 'batch') if length $r->body > MAX_BATCH;
    return _judge($r->body);
}

sub _judge ($body) {
    my @events = eval { decode_array($body) };
    return (400, $@ =~ s/\s+/ /gr) if $@;
    return (400, 'empty')          if !@events;
    return (413, 'event')
        if grep { length $_->[1] > Auth0M2M::Collector::Schema::MAX_EVENT }
        @events;
    for my $i (0 .. $#events) {
        my $wrong = complaint($events[$i][0]) // next;
        utf8::encode($wrong);
        return (400, "event $i: $wrong" =~ s/[\t\n]/ /gr);
    }
    return (201, '');
}

1;
