package Auth0M2M::Test::Requests;

use strict;
use warnings;

use List::Util qw(pairkeys);

use Auth0M2M::Test::Client;
use Auth0M2M::Test::Curl;
use Auth0M2M::Test::Response;

=head1 NAME

Auth0M2M::Test::Requests - the requests of Auth0M2M::Test, documented there

=cut

sub port {
    my ($self, $name) = @_;
    return $self->{ports}->port($name // $self->{port} // '');
}

# An unblessed copy of the references: it owns nothing.

sub at {
    my ($self, $name) = @_;
    return bless { %$self, port => $name, owner => 0, of => $self },
        ref $self;
}

sub get {
    my ($self, $path, @headers) = @_;
    return $self->request('GET', $path, \@headers);
}

sub request {
    my ($self, @request) = @_;
    return $self->async([@request])->wait($self->bound(10));
}

sub async {
    my ($self, $request) = @_;
    return $self->_client([$request])->flush($self->bound(5));
}

sub raw {
    my ($self, $bytes, %o) = @_;
    my $client = Auth0M2M::Test::Client->new(
        port    => $self->port,
        bytes   => $bytes,
        methods => [],
    );

    $client->wait($self->bound($o{timeout} // 5));
    return $client->received;
}

sub pipeline {
    my ($self, @requests) = @_;
    my $client = $self->_client(\@requests, keep => 1);

    $client->wait($self->bound(10));
    return map { $_ // Auth0M2M::Test::Response->none }
        ($client->responses)[0 .. $#requests];
}

sub parallel {
    my ($self, $requests, %o) = @_;
    my @left   = @$requests;
    my $batch  = $o{concurrency} || @left;
    my @answers;

    while (my @now = splice @left, 0, $batch) {
        my @clients = map { $self->_client([$_]) } @now;
        Auth0M2M::Test::Client->run(\@clients,
            $self->bound($o{timeout} // 30));
        push @answers, map { $_->wait(0) } @clients;
        $_->close for @clients;
    }

    return @answers;
}

# keep: only the last request asks for the connection to be closed.

sub _client {
    my ($self, $requests, %o) = @_;
    my (@methods, $bytes);

    for my $i (0 .. $#$requests) {
        my $text = _text($requests->[$i], $o{keep} && $i < $#$requests);
        push @methods, $text =~ /^(\S+)/ ? $1 : 'GET';
        $bytes .= $text;
    }

    return Auth0M2M::Test::Client->new(
        port    => $self->port,
        bytes   => $bytes,
        methods => \@methods,
    );
}

sub _text {
    my ($request, $keep) = @_;
    return $request if !ref $request;

    my ($method, $path, $headers, $body) = @$request;
    my @headers = @{ $headers || [] };
    my %given   = map { lc $_ => 1 } pairkeys @headers;

    unshift @headers, 'Host', 'localhost' if !$given{host};
    push @headers, 'Content-Length', length $body
        if defined $body
        && !$given{'content-length'}
        && !$given{'transfer-encoding'};
    push @headers, 'Connection', 'close' if !$given{connection} && !$keep;

    my $text = "$method $path HTTP/1.1\r\n";

    while (my ($k, $v) = splice @headers, 0, 2) {
        $text .= "$k: $v\r\n";
    }

    return "$text\r\n" . ($body // '');
}

sub _h2 {
    my ($self) = @_;
    return Auth0M2M::Test::Curl->new(
        port  => $self->port($self->{port} // 'H2'),
        bound => $self->bound(10),
    );
}

sub h2       { my ($self, @r) = @_; return $self->_h2->request(@r) }
sub h2_start { my ($self, @r) = @_; return $self->_h2->start(@r) }
sub h2_many  { my ($self, @r) = @_; return $self->_h2->many(@r) }

1;
