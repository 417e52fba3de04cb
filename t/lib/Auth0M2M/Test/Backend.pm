package Auth0M2M::Test::Backend;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use List::Util qw(pairkeys);
use MIME::Base64 qw(encode_base64 decode_base64);
use POSIX ();

use Auth0M2M::Test::Response;

=head1 NAME

Auth0M2M::Test::Backend - an HTTP/1 server that records what it is sent

=head1 METHODS

    new(dir => folder, answer => sub { my ($request) = @_; ... })
                 starts it in a process of its own.  The answer is bytes sent
                 as they are, or [status, [headers], body]; default 200 with
                 the text "backend\n"
    port
    requests     all so far, each an Auth0M2M::Test::Response with method,
                 path, headers, header, body, raw
    last         the latest, undef if there was none
    count
    clear        forgets them
    stop

A request is recorded before it is answered.

=cut

sub new {
    my ($class, %o) = @_;
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        Listen    => 512,
        ReuseAddr => 1,
        Proto     => 'tcp',
    ) || die "backend: $@\n";

    my $self = bless {
        port    => $listen->sockport,
        journal => "$o{dir}/backend.journal",
        owner   => $$,
        seen    => 0,
    }, $class;

    open my $fh, '>', $self->{journal} or die "$self->{journal}: $!\n";
    $self->{pid} = fork // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        eval { _serve($listen, $fh, $o{answer}, $self->{owner}); 1 }
            or warn "backend: $@";
        POSIX::_exit(0);
    }

    return $self;
}

sub port  { return $_[0]{port} }
sub count { return scalar $_[0]->requests }
sub last  { return ($_[0]->requests)[-1] }

sub requests {
    my ($self) = @_;
    my @lines = $self->_lines;
    splice @lines, 0, $self->{seen};

    return map {
        my $bytes = decode_base64($_);
        Auth0M2M::Test::Response->parse(\$bytes);
    } @lines;
}

sub clear {
    my ($self) = @_;
    $self->{seen} = $self->_lines;
    return;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid};

    return if !$pid || $self->{owner} != $$;
    kill 'TERM', $pid;
    local $?;
    waitpid $pid, 0;
    return;
}

sub DESTROY { $_[0]->stop; return }

sub _lines {
    my ($self) = @_;
    open my $fh, '<', $self->{journal} or return;
    return grep {/\n\z/} <$fh>;
}

sub _serve {
    my ($listen, $journal, $answer, $parent) = @_;
    my $select = IO::Select->new($listen);
    my %buffer;

    $journal->autoflush(1);

    while (getppid == $parent) {
        for my $s ($select->can_read(1)) {
            if ($s == $listen) {
                my $c = $listen->accept or next;
                $select->add($c);
                $buffer{$c} = '';
                next;
            }

            if (sysread $s, $buffer{$s}, 65_536, length $buffer{$s}) {
                next if _answer_all($s, \$buffer{$s}, $journal, $answer);
            }

            delete $buffer{$s};
            $select->remove($s);
            $s->close;
        }
    }

    return;
}

# false when the connection is to be closed

sub _answer_all {
    my ($s, $buffer, $journal, $answer) = @_;

    while (my $r = Auth0M2M::Test::Response->parse($buffer)) {
        print {$journal} encode_base64($r->raw, ''), "\n";

        my $reply = $answer ? $answer->($r) : [200, [], "backend\n"];
        $reply = _format($r, @$reply) if ref $reply;
        $s->blocking(1);
        print {$s} $reply;
        $s->flush;

        return 0 if lc($r->header('Connection') // '') eq 'close';
        return 0 if ($r->version // '') eq 'HTTP/1.0';
    }

    return 1;
}

sub _format {
    my ($r, $status, $headers, $body) = @_;
    my @headers = @{ $headers || [] };
    my $reason  = $status == 200 ? 'OK' : 'Status';
    my $text    = "HTTP/1.1 $status $reason\r\n";
    my %given   = map { lc $_ => 1 } pairkeys @headers;

    $body //= '';
    push @headers, 'Content-Type', 'text/plain' if !$given{'content-type'};
    push @headers, 'Content-Length', length $body
        if !$given{'content-length'} && !$given{'transfer-encoding'};

    while (my ($k, $v) = splice @headers, 0, 2) {
        $text .= "$k: $v\r\n";
    }

    return "$text\r\n" . ($r->method eq 'HEAD' ? '' : $body);
}

1;
