package Bench::Report;

use strict;
use warnings;

=head1 NAME

Bench::Report - figures as tables of docs/PERFORMANCE.md

=head1 FUNCTIONS

    table(\@head, @rows)      Markdown; rows are array references
    machine(%o)               table of the machine and of versions
    put($path, $text)         replaces what stands between the two marks
                              of the file

=cut

my ($begin, $end) = ('<!-- figures -->', '<!-- end of figures -->');

sub table {
    my ($head, @rows) = @_;
    my $rule = [map { $_ ? '---:' : '---' } 0 .. $#$head];

    return join '', map { '| ' . join(' | ', @$_) . " |\n" }
        $head, $rule, @rows;
}

sub machine {
    my (%o) = @_;
    my ($cpu) = _lines('/proc/cpuinfo', qr/^model name\s*:\s*(.*)/);
    my ($os) = _lines('/etc/os-release', qr/^PRETTY_NAME="(.*)"/);
    my ($kernel) = _lines('/proc/version', qr/^Linux version (\S+)/);
    my $n = () = _lines('/proc/cpuinfo', qr/^(processor)/);
    my @versions = map { _version($_) } qw(nginx libssl3 libjansson4 wrk
        libnginx-mod-http-lua lua-luaossl libnginx-mod-http-js);

    return table(['what', 'which'],
        ['processors', "$n x $cpu"],
        ['system', "$os, Linux $kernel"],
        ['packages', join ', ', @versions],
        ['load', "$o{rounds} rounds of $o{seconds} s a case, "
            . "$o{connections} connections kept alive, wrk on processor 1, "
            . 'a single worker on 0'],
        ['others on the machine', "load $o{load_before} before, "
            . "$o{load_after} after (2 to 3 are the benchmark's own)"],
    );
}

sub _lines {
    my ($path, $pattern) = @_;
    open my $in, '<', $path or return;
    my @lines = <$in>;
    close $in;
    return map { $_ =~ $pattern ? $1 : () } @lines;
}

sub _version {
    my ($package) = @_;
    my $version = qx(dpkg-query -W -f='\${Version}' $package 2>/dev/null);

    return length $version ? "$package $version" : ();
}

sub put {
    my ($path, $figures) = @_;

    open my $in, '<', $path or die "$path: $!\n";
    my $text = join '', <$in>;
    close $in;

    $text =~ s/\Q$begin\E.*\Q$end\E/$begin\n\n$figures\n$end/s
        or die "$path: no place for the figures\n";

    open my $out, '>', $path or die "$path: $!\n";
    print {$out} $text;
    close $out or die "$path: $!\n";
    return;
}

1;
