package Auth0M2M::Tenant::Wire;

# HTTP/1.1 on the wire: bytes to a request, an answer to bytes.  Written out
# by hand because tests look at, and spoil, every byte of it.

use v5.36;

use Exporter 'import';
use Mojo::JSON ();
use Mojo::Util qw(gzip);
use POSIX      ();

our @EXPORT_OK = qw(parse_request frame head_bytes body_bytes chunk header
    json_bytes json_answer url_decode parse_form reason);

my %REASON = (
    100 => 'Continue',
    103 => 'Early Hints',
    200 => 'OK',
    201 => 'Created',
    204 => 'No Content',
    301 => 'Moved Permanently',
    302 => 'Found',
    304 => 'Not Modified',
    307 => 'Temporary Redirect',
    308 => 'Permanent Redirect',
    400 => 'Bad Request',
    401 => 'Unauthorized',
    403 => 'Forbidden',
    404 => 'Not Found',
    405 => 'Method Not Allowed',
    408 => 'Request Timeout',
    409 => 'Conflict',
    413 => 'Payload Too Large',
    415 => 'Unsupported Media Type',
    429 => 'Too Many Requests',
    500 => 'Internal Server Error',
    502 => 'Bad Gateway',
    503 => 'Service Unavailable',
    504 => 'Gateway Timeout',
);

use constant CHUNK_FROM => 1024;    # framing auto: chunked from this size on

sub reason ($status) { $REASON{$status} // 'Unknown' }

sub url_decode ($text) {
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $text;
}

# Values as bytes.  The last of several equal names wins.
sub parse_form ($text) {
    my %form;
    for my $pair (split /&/, $text // '') {
        next if $pair eq '';
        my ($name, $value) =
            map { tr/+/ /r } split(/=/, $pair, 2), '';
        $form{ url_decode($name) } = url_decode($value // '');
    }
    return \%form;
}

# Takes one whole request off the buffer.  Returns nothing while it is
# incomplete; { error => text } when it is not HTTP.
sub parse_request ($buffer) {
    my $end = index $$buffer, "\r\n\r\n";
    return if $end < 0;
    my ($line, @lines) = split /\r\n/, substr($$buffer, 0, $end);
    my ($method, $target, $version) =
        ($line // '') =~ m{\A([!-~]+) ([!-~]+) HTTP/(1\.[01])\z}
        or return { error => 'request line' };
    my @headers = map { [ split /:[ \t]*/, $_, 2 ] } @lines;
    return { error => 'header' } if grep { @$_ != 2 } @headers;

    my $req = { method => $method, target => $target,
        version => $version, headers => \@headers };
    my ($body, $size) = _body($req, $buffer, $end + 4) or return;
    return { error => 'body' } if !defined $size;
    $req->{body} = $body;
    $req->{raw}  = substr $$buffer, 0, $size, '';
    ($req->{path}, my $query) = split /\?/, $target, 2;
    $req->{query_string} = $query // '';
    $req->{query}        = parse_form($query);
    return $req;
}

# (body, bytes from the buffer's start to the request's end); an empty list
# while incomplete; (undef, undef) when malformed.
sub _body ($req, $buffer, $from) {
    my ($coding) = header($req, 'transfer-encoding');
    return _chunked_body($buffer, $from) if $coding;
    my ($length) = header($req, 'content-length');
    $length //= 0;
    return (undef, undef) if $length !~ /\A\d{1,9}\z/;
    return if length $$buffer < $from + $length;
    return (substr($$buffer, $from, $length), $from + $length);
}

sub _chunked_body ($buffer, $from) {
    my $body = '';
    pos($$buffer) = $from;
    while (1) {
        return if index($$buffer, "\r\n", pos $$buffer) < 0;
        $$buffer =~ /\G([0-9A-Fa-f]{1,7})[^\r\n]*\r\n/gc
            or return (undef, undef);
        my $size = hex $1;
        last if !$size;
        return if length $$buffer < pos($$buffer) + $size + 2;
        $body .= substr $$buffer, pos $$buffer, $size;
        pos($$buffer) += $size + 2;
    }
    my $end = index $$buffer, "\r\n", pos $$buffer;
    return if $end < 0;
    return ($body, $end + 2);
}

# All values of a header, of a request, an answer or a journal entry.
sub header ($message, $name) {
    my $wanted = lc $name;
    return map { $_->[1] }
        grep { lc $_->[0] eq $wanted } @{ $message->{headers} };
}

# JSON as Node prints it (slashes bare, UTF-8) or as other encoders do.
sub json_bytes ($data, $style = 'plain') {
    my $bytes = Mojo::JSON::encode_json($data);
    if ($style eq 'escaped') {
        utf8::decode($bytes);
        $bytes =~ s/([^\x00-\x7f])/_utf16_escape(ord $1)/ge;
        return $bytes;
    }
    $bytes =~ s{(\\.)}{$1 eq '\\/' ? '/' : $1}ge;
    return $bytes;
}

sub _utf16_escape ($code) {
    return sprintf '\\u%04x', $code if $code < 0x10000;
    $code -= 0x10000;
    return sprintf '\\u%04x\\u%04x', 0xd800 + ($code >> 10),
        0xdc00 + ($code & 0x3ff);
}

# `json` is encoded when the answer is framed, in the style then in force.
sub json_answer ($status, $data, @headers) {
    return { status => $status,
        headers => [ [ 'content-type', 'application/json; charset=utf-8' ],
            @headers ],
        json => $data };
}

# Completes an answer for this request: { status, headers, body, chunked,
# close }, the body coded but not yet cut into chunks.
sub frame ($req, $answer, $config) {
    my $body = $answer->{body}
        // (exists $answer->{json}
        ? json_bytes($answer->{json}, $config->{json_style})
        : '');
    my @headers = @{ $answer->{headers} // [] };
    my $bare    = $answer->{status} == 204 || $answer->{status} == 304;
    if (!$bare && length $body && _wants_gzip($req, $answer, $config)) {
        $body = gzip $body;
        push @headers, [ 'content-encoding', 'gzip' ];
    }
    my $old     = $req->{version} eq '1.0';
    my $chunked = !$bare && !$old && _wants_chunks(
        $answer->{framing} // $config->{framing}, length $body);
    push @headers, $chunked ? [ 'transfer-encoding', 'chunked' ]
        : $bare ? ()
        : [ 'content-length', length $body ];
    my $close = $old || grep { /\bclose\b/i } header($req, 'connection');
    $body = '' if $bare || $req->{method} eq 'HEAD';
    return { status => $answer->{status}, headers => \@headers,
        body => $body, chunked => $chunked && $req->{method} ne 'HEAD',
        close => $close };
}

sub _wants_gzip ($req, $answer, $config) {
    return 1 if $answer->{force_gzip};
    return $config->{gzip}
        && grep { /\bgzip\b/i } header($req, 'accept-encoding');
}

sub _wants_chunks ($framing, $size) {
    return $framing eq 'chunked'
        || $framing eq 'auto' && $size >= CHUNK_FROM;
}

sub head_bytes ($framed) {
    my $date = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime);
    my @lines = (
        "HTTP/1.1 $framed->{status} " . reason($framed->{status}),
        "date: $date",
        map {"$_->[0]: $_->[1]"} @{ $framed->{headers} },
    );
    push @lines, 'connection: ' . ($framed->{close} ? 'close' : 'keep-alive');
    return join("\r\n", @lines) . "\r\n\r\n";
}

sub chunk ($bytes) { sprintf("%x\r\n", length $bytes) . "$bytes\r\n" }

# The whole body as it goes out; in two chunks, for a client must join them.
sub body_bytes ($framed) {
    my $body = $framed->{body};
    return $body if !$framed->{chunked};
    my $half = int(length($body) / 2);
    my @parts = grep {length} substr($body, 0, $half), substr($body, $half);
    return join '', (map { chunk($_) } @parts), "0\r\n\r\n";
}

1;
