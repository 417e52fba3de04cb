package Auth0M2M::Test::Dns;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use POSIX ();
use Socket qw(AF_INET AF_INET6 inet_pton);
use Time::HiRes qw(time);

=head1 NAME

Auth0M2M::Test::Dns - a name server on loopback, UDP and TCP

=head1 METHODS

    new(dir => folder, port => n, records => {..})
                 in a process of its own
    set($name, %record)
                 from the next query on:
                 A, AAAA    lists of addresses
                 ttl        default 1
                 rcode      SERVFAIL, NXDOMAIN or REFUSED
                 delay      seconds before the answer
                 truncated  true: an empty answer with TC by UDP
                 silent     true: no answer
                 A name without a record does not exist
    queries($pattern)
                 those received so far, as "udp A name"
    stop

=cut

my %type  = (1 => 'A', 28 => 'AAAA');
my %rcode = (SERVFAIL => 2, NXDOMAIN => 3, REFUSED => 5);

sub new {
    my ($class, %o) = @_;
    my @where = (
        LocalAddr => '127.0.0.1',
        LocalPort => $o{port},
        ReuseAddr => 1,
    );
    my $udp = IO::Socket::INET->new(@where, Proto => 'udp')
        || die "dns: $@\n";
    my $tcp = IO::Socket::INET->new(@where, Proto => 'tcp', Listen => 16)
        || die "dns: $@\n";
    my $self = bless {
        records => $o{records} || {},
        rules   => "$o{dir}/dns.json",
        journal => "$o{dir}/dns.journal",
        owner   => $$,
    }, $class;

    $self->_save;
    $self->{pid} = fork // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        eval { $self->_serve($udp, $tcp); 1 } or warn "dns: $@";
        POSIX::_exit(0);
    }

    return $self;
}

sub set {
    my ($self, $name, %record) = @_;
    $self->{records}{$name} = \%record;
    $self->_save;
    return;
}

# Renamed into place: the server never reads half of it.

sub _save {
    my ($self) = @_;
    open my $out, '>', "$self->{rules}.new" or die "$self->{rules}: $!\n";
    print {$out} encode_json($self->{records});
    close $out or die "$self->{rules}: $!\n";
    rename "$self->{rules}.new", $self->{rules} or die "rename: $!\n";
    return;
}

sub queries {
    my ($self, $pattern) = @_;
    open my $in, '<', $self->{journal} or return;
    chomp(my @lines = grep {/\n\z/} <$in>);
    return $pattern ? grep {/$pattern/} @lines : @lines;
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

# Late answers wait in a list of [time, code].

sub _serve {
    my ($self, $udp, $tcp) = @_;
    my $select = IO::Select->new($udp, $tcp);
    my @late;

    open my $journal, '>', $self->{journal} or die "$self->{journal}: $!\n";
    $journal->autoflush(1);
    @$self{qw(log late)} = ($journal, \@late);

    while (getppid == $self->{owner}) {
        for my $s ($select->can_read(@late ? 0.02 : 1)) {
            if ($s == $udp) {
                $self->_udp($udp);

            } elsif ($s == $tcp) {
                $select->add($tcp->accept);

            } elsif (!$self->_tcp($s)) {
                $select->remove($s);
                $s->close;
            }
        }

        my @due = grep { $_->[0] <= time } @late;
        @late = grep { $_->[0] > time } @late;
        $_->[1]->() for @due;
    }

    return;
}

sub _udp {
    my ($self, $udp) = @_;
    my $peer = $udp->recv(my $query, 4096);

    $self->_answer('udp', $query, sub { $udp->send($_[0], 0, $peer) });
    return;
}

sub _tcp {
    my ($self, $s) = @_;
    sysread($s, my $length, 2) or return 0;
    sysread($s, my $query, unpack 'n', $length) or return 0;

    $self->_answer('tcp', $query,
        sub { syswrite $s, pack 'n/a*', $_[0] });
    return 1;
}

sub _answer {
    my ($self, $way, $query, $send) = @_;
    my ($id, $rest) = unpack 'n x10 a*', $query;
    my @labels;

    while ($rest =~ s/^([^\0])//s) {
        push @labels, substr $rest, 0, ord $1, '';
    }

    my $name     = join '.', @labels;
    my $type     = $type{ unpack 'x n', $rest } // '?';
    my $question = substr $query, 12, length(join '', @labels) + @labels + 5;
    my $record   = $self->_record($name);

    print { $self->{log} } "$way $type $name\n";
    return if $record->{silent};

    my $bytes = _packet($id, $question, $record, $type, $way);
    push @{ $self->{late} },
        [time + ($record->{delay} // 0), sub { $send->($bytes) }];
    return;
}

sub _record {
    my ($self, $name) = @_;
    open my $in, '<', $self->{rules} or die "$self->{rules}: $!\n";
    local $/;
    return decode_json(<$in>)->{$name} || { rcode => 'NXDOMAIN' };
}

sub _packet {
    my ($id, $question, $record, $type, $way) = @_;
    my $cut   = $record->{truncated} && $way eq 'udp';
    my $rcode = $record->{rcode} ? $rcode{ $record->{rcode} } : 0;
    my @rdata = $cut ? () : map {
        inet_pton($type eq 'A' ? AF_INET : AF_INET6, $_)
    } @{ $record->{$type} || [] };

    return pack 'n6 a* (a*)*', $id,
        0x8180 | ($cut ? 0x0200 : 0) | $rcode, 1, scalar @rdata, 0, 0,
        $question,
        map { pack 'n n n N n/a*', 0xc00c, $type eq 'A' ? 1 : 28, 1,
            $record->{ttl} // 1, $_ } @rdata;
}

1;
