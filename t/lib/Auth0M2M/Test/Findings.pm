package Auth0M2M::Test::Findings;

use strict;
use warnings;

=head1 NAME

Auth0M2M::Test::Findings - what in nginx's logs fails a test

=head1 FUNCTIONS

    in_folder($dir, @expected)
                 the lines of $dir/error.log, output.log and valgrind.* that
                 must not be there, but for those one of the expected
                 patterns matches
    in_text($text, @expected)
                 the same of a text

UBSan's reports on nginx's own files (named by a relative path; this
project's are absolute) are not held against the module: nginx is not free of
them.

=cut

my $bad = qr{
      \[ (?: alert | emerg ) \]
    | AddressSanitizer
    | LeakSanitizer
    | ThreadSanitizer
    | runtime[ ]error:
    | ERROR[ ]SUMMARY:[ ][1-9]
    | Assertion .* failed
}x;

my $nginx_own = qr{^src/(?:core|event|http|os|stream|mail)/
                   (?:\w+/)*ngx_\S+:\s+runtime\ error:}x;

sub in_text {
    my ($text, @expected) = @_;
    my @found;

    for my $line (split /\n/, $text) {
        next if $line !~ $bad || $line =~ $nginx_own;
        next if grep { $line =~ $_ } @expected;
        push @found, $line;
    }

    return @found;
}

sub in_folder {
    my ($dir, @expected) = @_;
    my @found;

    for my $file ("$dir/error.log", "$dir/output.log",
        glob("$dir/valgrind.*"))
    {
        open my $fh, '<', $file or next;
        local $/;
        my $text = <$fh> // '';
        my @here = in_text($text, @expected);
        push @found, @here;

        # the report around a one-line summary
        push @found, _report($text) if grep {/Sanitizer|SUMMARY/} @here;
    }

    return @found;
}

sub _report {
    my ($text) = @_;
    my @lines = grep {/^(?:==\d+==|\s+#\d+ |SUMMARY)/} split /\n/, $text;

    splice @lines, 80;
    return @lines;
}

1;
