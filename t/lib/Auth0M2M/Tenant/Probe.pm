package Auth0M2M::Tenant::Probe;

# A client for tests that look at the stand-in itself.

use v5.36;

use Exporter    'import';
use IO::Select  ();
use IO::Socket::INET;
use Mojo::JSON  qw(decode_json encode_json);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(call raw parse);

# Sends bytes to a port of 127.0.0.1 and reads until the peer ends it.
# Returns (bytes, how): eof, reset or timeout.
sub raw ($port, $bytes, $timeout = 5) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port)
        // return ('', $!{ECONNREFUSED} ? 'refused' : "$!");
    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, $bytes;
    my ($got, $until) = ('', time + $timeout);
    while ((my $left = $until - time) > 0) {
        IO::Select->new($socket)->can_read($left) or last;
        my $n = sysread $socket, $got, 65536, length $got;
        return ($got, $!{ECONNRESET} ? 'reset' : "$!") if !defined $n;
        return ($got, 'eof') if $n == 0;
    }
    return ($got, 'timeout');
}

# Bytes to { status, headers => [[name, value]], header => {name => value},
# body, json }.
sub parse ($bytes) {
    my ($head, $body) = split /\r\n\r\n/, $bytes, 2;
    my ($line, @lines) = split /\r\n/, $head // '';
    my @headers = map { [ split /: /, $_, 2 ] } @lines;
    my %header = map { lc $_->[0] => $_->[1] } @headers;
    $body = _unchunk($body // '')
        if ($header{'transfer-encoding'} // '') eq 'chunked';
    return {
        status  => ($line // '') =~ /\AHTTP\/1\.1 (\d+) / ? $1 : 0,
        headers => \@headers,
        header  => \%header,
        body    => $body // '',
        json    => scalar eval { decode_json($body) },
    };
}

sub _unchunk ($text) {
    my $body = '';
    while ($text =~ /\G([0-9a-f]+)\r\n/gc) {
        my $size = hex $1;
        last if !$size;
        $body .= substr $text, pos $text, $size;
        pos($text) += $size + 2;
    }
    return $body;
}

# One request on a connection of its own; $body may be a structure.
sub call ($port, $method, $path, $body = undef, @headers) {
    $body = encode_json($body) if ref $body;
    my @lines = ('Host: tenant', 'Connection: close');
    while (my ($name, $value) = splice @headers, 0, 2) {
        push @lines, "$name: $value";
    }
    push @lines, 'Content-Length: ' . length $body if defined $body;
    push @lines, 'Content-Type: application/json'
        if defined $body && !grep { /^content-type:/i } @lines;
    my ($bytes) = raw($port, join "\r\n", "$method $path HTTP/1.1", @lines,
        '', $body // '');
    return parse($bytes);
}

1;
