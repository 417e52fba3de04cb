package Auth0M2M::Test::Folder;

use strict;
use warnings;
use feature 'state';

use List::Util qw(max);
use Time::HiRes qw(sleep time);

=head1 NAME

Auth0M2M::Test::Folder - logs, files and waiting of Auth0M2M::Test,
documented there

=cut

sub dir  { return "$_[0]{dir}" }
sub path { return "$_[0]{dir}/$_[1]" }

sub write_file {
    my ($self, $name, $text, $mode) = @_;
    my $path = $self->path($name);

    unlink $path;
    open my $fh, '>', $path or die "$path: $!\n";
    chmod $mode // 0600, $path;
    print {$fh} $text;
    close $fh or die "$path: $!\n";
    return $path;
}

sub _all_lines {
    my ($self, $name, $from) = @_;
    open my $fh, '<', $self->path($name) or return;
    seek $fh, $from // 0, 0;
    chomp(my @lines = <$fh>);
    return @lines;
}

sub access_log { return $_[0]->_all_lines('access.log') }
sub error_log  { return $_[0]->_all_lines('error.log', $_[0]{mark}) }

sub log_mark {
    my ($self) = @_;
    $self->{mark} = -s $self->path('error.log') // 0;
    return;
}

sub wait_for_log {
    my ($self, $pattern, $bound) = @_;
    return $self->wait_for(
        sub { scalar grep {/$pattern/} $self->error_log }, $bound);
}

sub wait_for {
    my ($self, $condition, $bound) = @_;
    my $end = time + $self->bound($bound // 5);

    while (1) {
        my $result = $condition->();
        return $result if $result || time > $end;
        sleep 0.01;
    }
}

sub expect_log {
    my ($self, @patterns) = @_;
    push @{ $self->{expect} }, @patterns;
    return;
}

sub bound {
    my ($class, $seconds) = @_;
    my $slow = $ENV{TEST_NGINX_SLOW} || ($ENV{TEST_NGINX_VALGRIND} ? 10 : 1);
    return $seconds * $slow * _crowd();
}

# How many processes wait for each processor, of late or at this moment.

sub _crowd {
    state $processors = do { local $?; `nproc` } || 1;
    open my $fh, '<', '/proc/loadavg' or return 1;
    my ($late, $now) = (<$fh> // '') =~ m{^(\S+) \S+ \S+ (\d+)/} or return 1;
    return max(1, $late / $processors, $now / $processors);
}

1;
