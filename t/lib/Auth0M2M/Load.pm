package Auth0M2M::Load;

use v5.36;

use Exporter qw(import);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP   qw(decode_json encode_json);
use POSIX      ();
use Test::More;
use Time::HiRes qw(sleep stat time);

our @EXPORT_OK = qw(right);

=head1 NAME

Auth0M2M::Load - callers in processes of their own that know each verdict

=head1 SYNOPSIS

    my $load = Auth0M2M::Load->start(port => $n->port, clients => 4,
        mix => [[200, '/v1/', $good], [401, '/v1/', $forged]]);
    ...
    my $sum = $load->stop;      # { requests, accepts, refusals,
                                #   false_accepts, false_refusals, other,
                                #   transport, slowest }

=head1 start(%options)

    port      where nginx listens on 127.0.0.1
    clients   number of processes, default 2
    mix       list of [status, path, token (undef: none)]; clients take
              entries at random
    close     true (default): a connection for each request; false: kept
              alive
    limit     each client stops by itself after so many requests
    seconds   or after so long; default 120
    seed      of the choice, default 1

A status of 200 that was to be another is a false accept; a 401 or 403 that was
to be 200 a false refusal; any other unexpected status is counted by number in
`other`.  Connections that fail, or end before an answer, are transport errors.
A kept-alive connection that the server closes before the first byte of an
answer is tried once more, as clients do; counted in `retried`.

=head1 Methods

    mix([...])   replaces the mix while running; returns when all clients
                 use it
    wait         until the clients have stopped by themselves; the sum
    stop         ends them; the sum
    right($sum, $name)
                 (function) tests that there were accepts and refusals, all
                 of them as expected

=cut

sub right ($sum, $name) {
    is($sum->{false_accepts},  0, "$name: no false accept");
    is($sum->{false_refusals}, 0, "$name: no false refusal");
    is_deeply($sum->{other}, {}, "$name: no other answer");
    cmp_ok($sum->{accepts},  '>', 0, "$name: $sum->{accepts} accepted");
    cmp_ok($sum->{refusals}, '>', 0, "$name: $sum->{refusals} refused");
    return;
}

sub start ($class, %o) {
    my $self = bless { clients => 2, close => 1, seconds => 120, seed => 1,
        limit => 0, version => 0, %o,
        file => File::Temp->new(TEMPLATE => 'load-XXXXXX', TMPDIR => 1),
    }, $class;

    $self->_publish;
    $self->_fork($_) for 1 .. $self->{clients};
    $self->_wait_taken;

    return $self;
}

sub mix ($self, $mix) {
    $self->{mix} = $mix;
    $self->_publish;
    $self->_wait_taken;
    return;
}

# A client that has ended by itself leaves no file, and needs no mix.

sub _wait_taken ($self) {
    my $until = time + 30;

    for my $pid (@{ $self->{pids} }) {
        while ($self->_version($pid) < $self->{version} && !ended($pid)) {
            die "load: a client did not take the mix\n" if time > $until;
            sleep 0.005;
        }
    }

    return;
}

sub ended ($pid) {
    open my $fh, '<', "/proc/$pid/stat" or return 1;
    return (<$fh> // '') !~ /\) [^Z]/;
}

sub stop ($self) {
    kill TERM => @{ $self->{pids} } if @{ $self->{pids} };
    return $self->wait;
}

sub wait ($self) {
    my %sum = map { $_ => 0 } qw(requests accepts refusals false_accepts
        false_refusals transport retried slowest);
    $sum{other} = {};

    for my $i (keys @{ $self->{pipes} }) {
        my $text = do { local $/; readline $self->{pipes}[$i] } // '';
        waitpid $self->{pids}[$i], 0;
        my $one = $text ? decode_json($text) : die "load: a client died\n";
        $sum{$_} += $one->{$_} // 0 for grep { !/other|slowest/ } keys %sum;
        $sum{other}{$_} += $one->{other}{$_} for keys %{ $one->{other} };
        $sum{slowest} = $one->{slowest} if $one->{slowest} > $sum{slowest};
    }

    $self->{pids} = $self->{pipes} = [];
    return \%sum;
}

sub DESTROY ($self) {
    local ($., $@, $!, $?);
    return if !@{ $self->{pids} // [] } || $self->{owner} != $$;
    kill KILL => @{ $self->{pids} };
    waitpid $_, 0 for @{ $self->{pids} };
    return;
}

sub _publish ($self) {
    $self->{version}++;
    my $name = $self->{file}->filename;
    open my $fh, '>', "$name.new" or die "$name.new: $!\n";
    print $fh "$self->{version}\n",
        map { join(' ', @$_[0, 1], $_->[2] // ()) . "\n" } @{ $self->{mix} };
    close $fh or die "$name.new: $!\n";
    rename "$name.new", $name or die "$name: $!\n";
    return;
}

# A client says in a file of its own which mix it uses.

sub _version ($self, $pid) {
    open my $fh, '<', $self->{file}->filename . ".$pid" or return 0;
    return <$fh> || 0;
}

sub _fork ($self, $number) {
    pipe my $in, my $out or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid) {
        close $out;
        $self->{owner} = $$;
        push @{ $self->{pids} }, $pid;
        push @{ $self->{pipes} }, $in;
        return;
    }

    close $in;
    my $sum = eval { $self->_client($number) };
    print STDERR "load: $@" if !$sum;
    print $out encode_json($sum) if $sum;
    close $out;
    unlink $self->{file}->filename . ".$$";
    POSIX::_exit(0);
}

sub _client ($self, $number) {
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    local $SIG{PIPE} = 'IGNORE';
    srand $self->{seed} * 1000 + $number;

    my %sum = map { $_ => 0 } qw(requests accepts refusals false_accepts
        false_refusals transport retried slowest);
    $sum{other} = {};
    my $until = time + $self->{seconds};
    my ($socket, @mix);
    my $seen = '';

    while (!$stop && time < $until
        && (!$self->{limit} || $sum{requests} < $self->{limit}))
    {
        my $now = join ' ', (stat $self->{file}->filename)[1, 10];

        if ($now ne $seen) {
            $seen = $now;
            @mix = $self->_take;
        }

        my $entry = $mix[rand @mix];
        my $begin = time;
        my $status = $self->_ask(\$socket, $entry, \%sum);
        my $took = time - $begin;

        last if $stop && !$status;
        $sum{slowest} = $took if $took > $sum{slowest};
        $sum{requests}++;
        judge(\%sum, $entry->[0], $status);
    }

    return \%sum;
}

sub _take ($self) {
    open my $fh, '<', $self->{file}->filename or die "mix: $!\n";
    chomp(my ($version, @lines) = <$fh>);
    open my $out, '>', $self->{file}->filename . ".$$" or die "mix: $!\n";
    print $out $version;
    close $out;
    return map { [split] } @lines;
}

sub judge ($sum, $expected, $status) {
    if (!$status) {
        $sum->{transport}++;
    }
    elsif ($status == $expected) {
        $sum->{ $status == 200 ? 'accepts' : 'refusals' }++;
    }
    elsif ($status == 200) {
        $sum->{false_accepts}++;
    }
    elsif ($expected == 200 && ($status == 401 || $status == 403)) {
        $sum->{false_refusals}++;
    }
    else {
        $sum->{other}{$status}++;
    }
    return;
}

# The status, 0 for none.

sub _ask ($self, $socket, $entry, $sum) {
    my (undef, $path, $token) = @$entry;
    my $request = "GET $path HTTP/1.1\r\nHost: localhost\r\n"
        . ($self->{close} ? "Connection: close\r\n" : '')
        . (defined $token ? "Authorization: Bearer $token\r\n" : '') . "\r\n";

    for my $attempt (1, 2) {
        my $kept = $$socket ? 1 : 0;
        $$socket //= IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $self->{port}, Timeout => 10);
        return 0 if !$$socket;

        my $answer = '';
        if (print { $$socket } $request and $$socket->flush) {
            $answer = $self->_read($$socket);
        }
        undef $$socket
            if $self->{close} || !$answer || $answer =~ /^Connection: close/mi;

        return $1 if $answer =~ m{\AHTTP/1\.1 (\d{3})};
        return 0 if !$kept || length $answer;
        $sum->{retried}++;
    }

    return 0;
}

sub _read ($self, $socket) {
    my ($answer, $select) = ('', IO::Select->new($socket));

    while (length $answer < 1_000_000) {
        return $answer if !$select->can_read(15);
        my $n = sysread $socket, $answer, 65536, length $answer;
        return $answer if !$n;
        next if $self->{close};
        my ($head, $body) = split /\r\n\r\n/, $answer, 2;
        return $answer
            if defined $body && $head =~ /^Content-Length: (\d+)/mi
            && length $body >= $1;
    }

    return $answer;
}

1;
