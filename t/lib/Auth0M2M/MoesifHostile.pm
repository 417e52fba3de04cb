package Auth0M2M::MoesifHostile;

use v5.36;

=head1 NAME

Auth0M2M::MoesifHostile - requests that are hard to describe in an event

=head1 FUNCTIONS

    requests($token, \%canary)
                 list of [name, bytes]; each is one request on a connection
                 of its own.  %canary: texts that must not appear in an
                 event, by the place they are put: query, fragment,
                 password, cookie, basic
    head($line, @fields)
                 a request with these header fields that asks for the
                 connection to be closed

=cut

sub head ($line, @fields) {
    return join "\r\n", $line, @fields, 'Connection: close', '', '';
}

sub requests ($token, $canary) {
    my $auth = "Authorization: Bearer $token";

    return (
        _paths($canary), _agents($auth), _sizes($auth), _methods(),
        _hosts(), _broken($auth), _secrets($token, $auth, $canary),
        _answers($auth),
    );
}

sub _get ($path, @fields) {
    return head("GET $path HTTP/1.1", 'Host: a', @fields);
}

sub _paths ($canary) {
    return (
        [ 'path above 0x7f',       _get("/v1/\xff\xfe\x80") ],
        [ 'path in UTF-8',         _get("/v1/\xc3\xa9\xf0\x9f\x98\x80") ],
        [ 'encoded NUL',           _get('/v1/%ff%c0%80%22%5c%0a%00x') ],
        [ 'encoded bytes',         _get('/v1/%ff%c0%80%22%5c%0a%7f%5B') ],
        [ 'half an escape',        _get('/v1/%f') ],
        [ 'quotes in the path',    _get('/v1/"\\\'<>{}|^`') ],
        [ 'controls in the path',  _get("/v1/\x01\x1f\x7f") ],
        [ 'dots and slashes',      _get('/v1//../v1/./x///;a=b') ],
        [ 'query and fragment',
            _get("/v1/x?a=$canary->{query}#$canary->{fragment}") ],
        [ 'fragment',              _get("/v1/x#$canary->{fragment}") ],
        [ 'two question marks',    _get("/v1/x??$canary->{query}?b") ],
        [ 'absolute form',
            _get("http://u:$canary->{password}\@b/v1/x?$canary->{query}") ],
        [ 'absolute form of another host',
            _get("http://b/v1/x?$canary->{query}") ],
        [ 'absolute form without path',
            _get("http://b?$canary->{query}") ],
    );
}

sub _agents ($auth) {
    my %agents = (
        'all bytes'    => join('', map {chr} 1 .. 9, 11, 12, 14 .. 255),
        'no UTF-8'     => "caf\xe9 \xc0\xaf \xf5\x80",
        'surrogates'   => "\xed\xa0\x80\xed\xbf\xbf",
        'UTF-8'        => "\xe2\x82\xac \xf0\x9f\x98\x80",
        'cut UTF-8'    => "x\xf0\x9f\x98",
        'separators'   => "\xe2\x80\xa8\xe2\x80\xae\xc2\x85",
        'JSON'         => '","company_id":"org_m","x":"',
        'backslashes'  => '\\' x 101 . '"',
        'variables'    => '$request $jwt_org_id %s %n',
        'nothing'      => '',
        '30 kB'        => "\x01" x 30_000,
        '30 kB above 0x7f' => "\xff" x 30_000,
    );

    return map {
        [ "$_ in User-Agent",
            _get('/v1/agent', "User-Agent: $agents{$_}", $auth) ]
    } sort keys %agents;
}

sub _sizes ($auth) {
    return (
        [ 'huge header in the event',
            _get('/v1/x', 'X-Thing: ' . "\x02\xfe" x 14_000, $auth) ],
        [ 'many of one header',
            _get('/v1/x', map {"X-Thing: $_\"\xff"} 1 .. 500) ],
        [ 'header above the limit', _get('/v1/x', 'X-Big: ' . 'x' x 40_000) ],
        [ 'URI above the limit',    _get('/v1/' . 'x' x 40_000) ],
        [ 'huge URI',               _get('/v1/' . "\xff" x 30_000) ],
    );
}

sub _methods () {
    my @lines = (
        'FOO_BAR-X /v1/x HTTP/1.1', 'M' x 5_000 . ' /v1/x HTTP/1.1',
        'get /v1/x HTTP/1.1', 'G"T /v1/x HTTP/1.1', 'CONNECT a:443 HTTP/1.1',
        'TRACE /v1/x HTTP/1.1', 'OPTIONS * HTTP/1.1', 'GET /v1/x HTTP/3.7',
    );

    return (
        (map { [ substr($_, 0, 40), head($_, 'Host: a') ] } @lines),
        [ 'HTTP/0.9',                     "GET /open/old\r\n" ],
        [ 'HTTP/0.9 through the gateway', "GET /v1/old\r\n" ],
        [ 'HTTP/1.0 without Host',        "GET /v1/x HTTP/1.0\r\n\r\n" ],
        [ 'HTTP/1.1 without Host',        head('GET /v1/x HTTP/1.1') ],
    );
}

sub _hosts () {
    my @hosts = (
        '', "\xff\xc3\xa9", 'a"b\'{}<>|^`', 'a b', '[::1]:8080', 'a:99999999',
        'a?q#x', 'u:p@a', 'h' x 5_000,
        "a\r\nHost: b", '[', 'a%zz', "a\x7f\x01", '..', ':80',
    );

    return map { [ 'Host: ' . s/[^\x21-\x7e]/./gr =~ s/(.{40}).*/$1/r,
            head('GET /v1/x HTTP/1.1', "Host: $_") ] } @hosts;
}

sub _broken ($auth) {
    my $post = sub (@fields) {
        return head('POST /v1/x HTTP/1.1', 'Host: a', @fields, $auth);
    };

    return (
        [ 'TLS to a plain port',
            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . "\xaa" x 100 ],
        [ 'an empty line, then rubbish', "\r\nX\r\n" ],
        [ 'NUL bytes', "GET /v1/\0x HTTP/1.1\r\nHost: a\r\n\r\n" ],
        [ 'negative length', $post->('Content-Length: -1') ],
        [ 'two lengths', $post->('Content-Length: 1', 'Content-Length: 2') ],
        [ 'huge length', $post->('Content-Length: 99999999999999') ],
        [ 'broken chunks', $post->('Transfer-Encoding: chunked') . "zz\r\n" ],
        [ 'header without name', _get('/v1/x', ': x') ],
        [ 'type above 0x7f',
            $post->("Content-Type: \xff\"", 'Content-Length: 0') ],
        [ 'a body that never comes', $post->('Content-Length: 10') ],
        [ 'headers that never end', "GET /v1/x HTTP/1.1\r\nHost: a\r\nX-" ],
    );
}

sub _secrets ($token, $auth, $canary) {
    return [ 'credentials everywhere',
        _get("/v1/x?token=$token", $auth, "Cookie: s=$canary->{cookie}",
            "Proxy-Authorization: Basic $canary->{basic}") ];
}

sub _answers ($auth) {
    return (
        (map { [ "backend: $_", _get("/$_", $auth) ] }
                qw(hostile-answer huge-answer status-999 garbage accelerated)),
        (map { [ "location /$_/", _get("/$_/x\"y") ] }
                qw(retried down silent cached named asked file)),
    );
}

1;
