package Auth0M2M::Test::Keys;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(protected get status fetches fetched sockets);

=head1 NAME

Auth0M2M::Test::Keys - what the tests of keys and of the way out share

=head1 FUNCTIONS, all exported

    protected($path, %directives)
                 text of a location that wants a token.  Directives are
                 named without auth0_m2m_; a value may be a list of values,
                 undef leaves one out.  Given unless named: domain
                 %%TENANT_DOMAIN%%, upstream %%TENANT_HTTP%%, audience.
                 `with` is further text
    get($nginx, $path, $token)      the answer to a GET with it
    status($nginx, $path, $token)   its status
    fetches($tenant)      times of the fetches of keys so far (list)
    fetched($tenant, $n, $bound)
                 true when the tenant has answered n of them
    sockets($tenant)      inodes of the sockets connected to it by HTTP (list)

=cut

sub protected {
    my ($path, %o) = @_;
    my %all = (
        domain   => '%%TENANT_DOMAIN%%',
        upstream => '%%TENANT_HTTP%%',
        audience => 'https://api.acme.example/',
        %o,
    );
    my $with = delete $all{with} // '';
    my $text = '';

    for my $name (sort keys %all) {
        my $value = $all{$name};
        $text .= "    auth0_m2m_$name $_;\n"
            for ref $value ? @$value : grep {defined} $value;
    }

    return "location = $path {\n    auth0_m2m on;\n$text"
        . "    $with\n    empty_gif;\n}\n";
}

sub get {
    my ($n, $path, $token) = @_;
    return $n->get($path, Authorization => "Bearer $token");
}

sub status { return get(@_)->status }

sub fetches {
    my ($tenant) = @_;
    return map { $_->{time} } $tenant->journal(step => 'jwks');
}

sub fetched {
    my ($tenant, $n, $bound) = @_;
    return $tenant->wait_journal(
        step    => 'jwks',
        n       => $n,
        done    => 1,
        timeout => Auth0M2M::Test->bound($bound // 5),
    );
}

# The kernel picks them: /proc/net/tcp lists every closed connection of the
# last minute too, which after a load test takes seconds to read.

sub sockets {
    my ($tenant) = @_;
    my @ss = (qw(ss -H -t -n -e state established), 'dport', '=',
        ':' . $tenant->http_port);
    open my $out, '-|', @ss or die "ss: $!\n";
    my @inodes = map { /\bino:(\d+)/ ? $1 : () } <$out>;
    close $out or die "ss failed\n";
    return @inodes;
}

1;
