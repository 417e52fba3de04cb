package Auth0M2M::Test::Response;

use strict;
use warnings;

=head1 NAME

Auth0M2M::Test::Response - one HTTP message, as received

=head1 METHODS

    status       number; 0 when nothing came
    reason, version
    header($name)   first value or undef; list context: all values
    headers      list of pairs, names as sent
    body         with chunks joined
    raw          the bytes it was read from
    complete     false when the connection ended inside
    method, path    of a request (the backend's records are of this class)

=head2 parse(\$buffer, %o)

Takes one message off the front of the buffer; undef while more bytes are
needed.  `method` is the request's (a HEAD answer has no body), `eof` says
that no more will come, `plain` that the body is everything after the head.

=cut

sub status   { return $_[0]{status}  // 0 }
sub reason   { return $_[0]{reason}  // '' }
sub version  { return $_[0]{version} // '' }
sub method   { return $_[0]{method} }
sub path     { return $_[0]{path} }
sub headers  { return @{ $_[0]{headers} || [] } }
sub body     { return $_[0]{body} // '' }
sub raw      { return $_[0]{raw}  // '' }
sub complete { return $_[0]{complete} ? 1 : 0 }

sub header {
    my ($self, $name) = @_;
    my @headers = $self->headers;
    my @values;

    while (my ($k, $v) = splice @headers, 0, 2) {
        push @values, $v if lc $k eq lc $name;
    }

    return wantarray ? @values : $values[0];
}

sub none {
    my ($class, $raw) = @_;
    return bless { status => 0, raw => $raw // '' }, $class;
}

sub parse {
    my ($class, $buffer, %o) = @_;
    my $start = 0;

    while (1) {
        my $self = $class->_head($buffer, $start);

        if (!$self) {
            return _unfinished($class, $buffer, %o);
        }

        # interim answers precede the real one

        if ($self->status >= 100 && $self->status < 200
            && $self->status != 101)
        {
            $start = $self->{end};
            next;
        }

        return $self->_body($buffer, %o);
    }
}

sub _unfinished {
    my ($class, $buffer, %o) = @_;

    return if !$o{eof} || !length $$buffer;
    my $self = $class->none($$buffer);
    $$buffer = '';
    return $self;
}

sub _head {
    my ($class, $buffer, $start) = @_;

    my $end = index $$buffer, "\r\n\r\n", $start;
    return if $end < 0;

    my ($first, @lines)
        = split /\r\n/, substr($$buffer, $start, $end - $start);
    my $self = bless { end => $end + 4, headers => [] }, $class;

    if ($first =~ m{^HTTP/([\d.]+) (\d+) ?(.*)}) {
        @$self{qw(version status reason)} = ($1, $2, $3);

    } else {
        @$self{qw(method path version)} = split / /, $first;
    }

    for my $line (@lines) {
        my ($name, $value) = split /:[ \t]*/, $line, 2;
        push @{ $self->{headers} }, $name, $value // '';
    }

    return $self;
}

# The body's extent, RFC 9112 section 6.3.

sub _body {
    my ($self, $buffer, %o) = @_;
    my $rest = substr $$buffer, $self->{end};
    my $length = $self->header('Content-Length');
    my $chunked = lc($self->header('Transfer-Encoding') // '') eq 'chunked';
    my $request = defined $self->{method};
    my ($body, $taken);

    if ($o{plain}) {
        return if !$o{eof};
        ($body, $taken) = ($rest, length $rest);

    } elsif (!$request && _bodiless($self->status, $o{method})) {
        ($body, $taken) = ('', 0);

    } elsif ($chunked) {
        ($body, $taken) = _dechunk($rest);

    } elsif (defined $length) {
        ($body, $taken) = (substr($rest, 0, $length), $length)
            if length $rest >= $length;

    } elsif ($request) {
        ($body, $taken) = ('', 0);

    } elsif ($o{eof}) {
        ($body, $taken) = ($rest, length $rest);
    }

    if (!defined $taken) {
        return if !$o{eof};
        ($body, $taken, $self->{cut}) = ($rest, length $rest, 1);
    }

    $self->{complete} = !$self->{cut};
    $self->{body}     = $body;
    $self->{raw}      = substr $$buffer, 0, $self->{end} + $taken, '';
    return $self;
}

sub _bodiless {
    my ($status, $method) = @_;
    return $status == 204 || $status == 304 || ($method // '') eq 'HEAD';
}

sub _dechunk {
    my ($bytes) = @_;
    my $body = '';
    my $at   = 0;

    while (substr($bytes, $at) =~ /\A([0-9A-Fa-f]+)[^\r\n]*\r\n/) {
        my $size = hex $1;
        $at += $+[0];

        if ($size == 0) {
            my $end = index $bytes, "\r\n", $at;
            return if $end < 0;
            return ($body, $end + 2);
        }

        return if length $bytes < $at + $size + 2;
        $body .= substr $bytes, $at, $size;
        $at += $size + 2;
    }

    return;
}

1;
