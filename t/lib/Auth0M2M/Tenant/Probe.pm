package Auth0M2M::Tenant::Probe;

# What tests of the stand-in itself share: a client, other verifiers.

use v5.36;

use Exporter     'import';
use File::Temp   ();
use IO::Select   ();
use IO::Socket::INET;
use IPC::Open3   qw(open3);
use MIME::Base64 qw(decode_base64url);
use Mojo::JSON   qw(decode_json encode_json);
use Test::More   ();
use Time::HiRes  qw(sleep time);

use Auth0M2M::Test::Folder ();

our @EXPORT_OK = qw(call claims command eventually header parse raw verified);

# Sends bytes to a port of 127.0.0.1 and reads until the peer ends it.
# Returns (bytes, how): eof, reset or timeout.
sub raw ($port, $bytes, $timeout = Auth0M2M::Test::Folder->bound(5)) {
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

# True once the code is, within so many seconds.
sub eventually ($code, $bound = 10) {
    my $until = time + Auth0M2M::Test::Folder->bound($bound);
    while (time < $until) {
        return 1 if $code->();
        sleep 0.02;
    }
    return 0;
}

# Runs a command with input; (exit code, output).
sub command ($input, @command) {
    local ($?, $!);
    local $SIG{PIPE} = 'IGNORE';
    my $pid = open3(my $in, my $out, undef, @command);
    print {$in} $input;
    close $in;
    my $text = do { local $/; <$out> };
    waitpid $pid, 0;
    return ($? >> 8, $text);
}

# ---- tokens -----------------------------------------------------------------

sub claims ($jwt) { decode_json(decode_base64url((split /\./, $jwt)[1])) }
sub header ($jwt) { decode_json(decode_base64url((split /\./, $jwt)[0])) }

my $JWCRYPTO = <<'END';
import json, sys
from jwcrypto import jwk, jwt
keys = jwk.JWKSet.from_json(sys.stdin.readline())
for line in sys.stdin:
    token = jwt.JWT(jwt=line.strip(), key=keys,
                    algs=["RS256", "PS256", "ES256", "ES384"])
    print(json.loads(token.claims)["iss"])
END

# The first interpreter that has jwcrypto.
sub _python () {
    state $python = (grep {
        (command('', $_, '-c', 'import jwcrypto'))[0] == 0
    } grep {-x} map {"$_/python3"} split /:/, $ENV{PATH})[0];
    return $python;
}

# Tests that other implementations accept these tokens of the issuer with
# this key set.
sub verified ($issuer, $set, @tokens) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $python = _python()
        // return Test::More::fail('python3-jwcrypto is not installed');
    my (undef, $out) = command(
        join("\n", encode_json($set), @tokens) . "\n",
        $python, '-c', $JWCRYPTO);
    Test::More::is($out, "$issuer\n" x @tokens,
        'jwcrypto verifies the tokens');
    my %key  = map { $_->{kid} => $_ } @{ $set->{keys} };
    my $good = grep { _jose($key{ header($_)->{kid} }, $_) eq $issuer }
        @tokens;
    Test::More::is($good, @tokens, 'jose verifies the tokens');
    return;
}

sub _jose ($key, $token) {
    my $file = File::Temp->new;
    print {$file} encode_json($key);
    close $file;
    my ($code, $out) = command($token, qw(jose jws ver -i - -O - -k),
        $file->filename);
    return $code == 0 ? decode_json($out)->{iss} : '';
}

1;
