package Auth0M2M::Figures;

use v5.36;

use Exporter qw(import);
use Fcntl qw(:flock);
use JSON::PP ();

our @EXPORT_OK = qw(figure seconds);

=head1 NAME

Auth0M2M::Figures - measured figures of the tests, for docs/RELIABILITY.md

=head1 FUNCTIONS

    figure($id, %o)   notes a figure: what (one sentence), bar, result,
                      count (of requests or cases), ok (false: the bar was
                      missed), seed, command (default: this test).  Printed as
                      a TAP note; appended as one line of JSON to the file
                      that RELIABILITY_OUT names, when it is set
    seconds($short)   how long a load is to run: $short, or SOAK_SECONDS when
                      that is set and longer

=cut

my $json = JSON::PP->new->canonical->utf8;

sub figure ($id, %o) {
    my $line = { id => $id, command => "prove -It/lib $0", ok => 1, %o };
    $line->{command} =~ s{-It/lib \S*?(t/[\w/]+\.t)$}{-It/lib $1};
    $line->{ok} = $line->{ok} ? JSON::PP::true : JSON::PP::false;

    print "# figure $id: ", $o{what} // '', ': ', $o{result} // '', "\n";

    my $out = $ENV{RELIABILITY_OUT} // return;
    open my $fh, '>>', $out or die "$out: $!\n";
    flock $fh, LOCK_EX or die "$out: $!\n";
    print $fh $json->encode($line), "\n";
    close $fh or die "$out: $!\n";

    return;
}

sub seconds ($short) {
    my $long = $ENV{SOAK_SECONDS} // 0;
    return $long > $short ? $long : $short;
}

1;
