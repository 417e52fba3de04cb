package Auth0M2M::Test::Curl;

use strict;
use warnings;

use File::Temp;
use POSIX ();

use Auth0M2M::Test::Response;

=head1 NAME

Auth0M2M::Test::Curl - HTTP/2 requests by curl and nghttp

=head1 METHODS

    new(port => n, bound => seconds)
    request($method, $path, \@headers, $body)   an Auth0M2M::Test::Response
    start($method, $path, \@headers, $body)     the same in the background;
                                                ->leave ends it, as its
                                                going out of scope does
    many(\@headers, @paths)                     nghttp's verbose output

=head1 FUNCTIONS

    run(\@command, %o)   (exit code, standard output and error together);
                         before => code to run in the child

=cut

sub new {
    my ($class, %o) = @_;
    return bless {%o}, $class;
}

sub request {
    my ($self, @request) = @_;
    my ($command, $body) = $self->_curl(@request);
    my ($exit, $output)  = run($command);

    return Auth0M2M::Test::Response->none if $exit && $output !~ m{^HTTP/};
    my $response = Auth0M2M::Test::Response->parse(\$output,
        method => $request[0], plain => 1, eof => 1);
    $response->{complete} = 0 if $exit;
    return $response;
}

sub start {
    my ($self, @request) = @_;
    my ($command, $body) = $self->_curl(@request);
    my $pid = fork // die "fork: $!\n";

    _exec($command, to => '/dev/null') if $pid == 0;
    return bless { %$self, pid => $pid, owner => $$, body => $body },
        ref $self;
}

sub leave {
    my ($self) = @_;
    my $pid = delete $self->{pid};

    return if !$pid || $self->{owner} != $$;
    local $?;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY { $_[0]->leave; return }

sub many {
    my ($self, $headers, @paths) = @_;
    my @headers = @$headers;
    my @args;

    while (my ($k, $v) = splice @headers, 0, 2) {
        push @args, '-H', lc($k) . ": $v";
    }

    my ($exit, $output) = run(['nghttp', '-v', '--no-dep', @args,
        '-t', int $self->{bound},
        map {"http://127.0.0.1:$self->{port}$_"} @paths]);
    return $output;
}

# The body goes through a file, which lives as long as the second value.

sub _curl {
    my ($self, $method, $path, $headers, $body) = @_;
    my @headers = @{ $headers || [] };
    my @args    = $method eq 'HEAD' ? '--head' : ('-X', $method);
    my $file;

    while (my ($k, $v) = splice @headers, 0, 2) {
        push @args, '-H', length $v ? "$k: $v" : "$k;";
    }

    if (defined $body) {
        $file = File::Temp->new;
        print {$file} $body;
        $file->flush;
        push @args, '--data-binary', "\@$file";
        push @args, '-H', 'Expect:', '-H', 'Content-Type:';
    }

    my @command = ('curl', '-q', '-s', '-i', '--http2-prior-knowledge',
        '--path-as-is', '--noproxy', '*', '-m', $self->{bound}, @args,
        "http://127.0.0.1:$self->{port}$path");
    return (\@command, $file);
}

sub run {
    my ($command, %o) = @_;
    my $pid = open(my $pipe, '-|') // die "fork: $!\n";

    _exec($command, %o) if $pid == 0;

    local ($/, $?);
    my $output = <$pipe> // '';
    close $pipe;
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $output);
}

sub _exec {
    my ($command, %o) = @_;

    $SIG{$_} = 'DEFAULT' for qw(INT TERM PIPE);
    $o{before}->() if $o{before};
    open STDIN, '<', '/dev/null' or POSIX::_exit(127);

    if ($o{to}) {
        open STDOUT, '>', $o{to} or POSIX::_exit(127);
    }

    open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
    { no warnings 'exec'; exec {$command->[0]} @$command }
    POSIX::_exit(127);
}

1;
