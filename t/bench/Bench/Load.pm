package Bench::Load;

use strict;
use warnings;

=head1 NAME

Bench::Load - one run of wrk, and what it cost the server

=head1 FUNCTIONS

    run(%o)      url, tokens (file or undef), seconds, connections, script,
                 pids (of the workers), refused (true: all answers are
                 errors).  Returns { rate (a second), cpu (us a request of
                 all workers), p99 (us), requests }.  Dies when an answer
                 was not as expected
    median(@n)

=cut

sub run {
    my (%o) = @_;
    my $before = _cpu(@{ $o{pids} });
    my @command = ('taskset', '-c', $o{cpus} // '1', 'wrk', '-t', 1,
        '-c', $o{connections}, '-d', "$o{seconds}s", '--timeout', '20s',
        '-s', $o{script}, $o{url}, '--', grep {defined} $o{tokens});

    open my $in, '-|', @command or die "wrk: $!\n";
    my @output = <$in>;
    close $in;
    my $cpu = _cpu(@{ $o{pids} }) - $before;

    my ($requests, $duration, $refused, $failed, $p99)
        = map { /^result (\d+) (\d+) (\d+) (\d+) (\d+)/ } @output;
    die "wrk failed: @output\n" if !$requests;
    die "$o{url}: $failed requests failed\n" if $failed;
    die "$o{url}: $refused of $requests requests were refused\n"
        if $refused != ($o{refused} ? $requests : 0);

    return {
        requests => $requests,
        rate     => $requests * 1e6 / $duration,
        cpu      => $cpu / 1000 / $requests,
        p99      => $p99,
    };
}

# Nanoseconds on a processor, of all of them.

sub _cpu {
    my (@pids) = @_;
    my $sum = 0;

    for my $pid (@pids) {
        open my $in, '<', "/proc/$pid/schedstat" or die "schedstat: $!\n";
        $sum += (split ' ', scalar <$in>)[0];
    }

    return $sum;
}

sub median {
    my @n = sort { $a <=> $b } @_;
    return @n % 2 ? $n[ $#n / 2 ] : ($n[ @n / 2 - 1 ] + $n[ @n / 2 ]) / 2;
}

1;
