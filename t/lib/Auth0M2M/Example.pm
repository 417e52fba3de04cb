package Auth0M2M::Example;

use v5.36;

use Cwd            qw(abs_path);
use File::Basename qw(dirname);

=head1 NAME

Auth0M2M::Example - a file of conf-examples/, made to run here

=head1 SYNOPSIS

    my $n = Auth0M2M::Test->new(
        Auth0M2M::Example::options('minimal.conf', tenants => [$tenant]));

=head1 FUNCTIONS

    files         the names of all complete configurations below
                  conf-examples/, relative to it, sorted
    text($name)   a file's content
    read_file($path)  that of any file
    options($name, %o)
                  options for Auth0M2M::Test->new: the file's http block, with
                  only what follows changed

        listen [address:]80      127.0.0.1:%%PORT%%, and every other port N
                                 127.0.0.1:%%PORT_N%%
        127.0.0.1:8080           %%BACKEND%%
        127.0.0.1:N              what `addresses` has for N
        /etc/nginx/  /usr/share/nginx/  /var/log/nginx/
                                 %%DIR%%/
        mime.types               that of Debian's nginx
        the resolver             a resolver's address that is never asked:
                                 every stand-in is reached by its address
        auth0_m2m_upstream       that domain's stand-in instead of the URL;
                                 beside it, or at the head of http {}, one for
                                 each domain that the file does not route, and
                                 the CA of the stand-ins

    %o:  tenants    [Auth0M2M::Tenant, ...], each with a domain of the file
         addresses  { N => 'host:port' }
         changes    { from => to }, further literal changes, each of which
                    must be possible
         text       a configuration that is in no file, instead of the name's
         ...        everything else goes into the options as it is

=cut

our $folder = abs_path(dirname(__FILE__) . '/../../..') . '/conf-examples';

sub files () {
    my @all = grep { read_file($_) =~ /^http \{$/m }
        glob "$folder/*.conf $folder/*/*.conf";
    return map { s{^\Q$folder\E/}{}r } sort @all;
}

sub text ($name) { return read_file("$folder/$name") }

sub options ($name, %o) {
    my ($tenants, $addresses, $changes, $text)
        = delete @o{qw(tenants addresses changes text)};
    my $http = http_block($name, $text // text($name));

    for my $from (sort keys %{ $changes // {} }) {
        $http =~ s/\Q$from\E/$changes->{$from}/g
            or die "$name: no '$from'\n";
    }

    $http =~ s{\blisten\s+\K(?:[\d.]+:)?(\d+)}
        {'127.0.0.1:%%PORT' . ($1 == 80 ? '' : "_$1") . '%%'}ge;
    $http =~ s/127\.0\.0\.1:8080/%%BACKEND%%/g;
    $http =~ s{127\.0\.0\.1:(\d+)}
        {($addresses // {})->{$1} // die "$name: nobody at port $1\n"}ge;
    $http =~ s{/(?:etc|usr/share|var/log)/nginx/}{%%DIR%%/}g;
    $http =~ s{\binclude\s+\Kmime\.types;}{/etc/nginx/mime.types;};
    $http =~ s/\bresolver\s+\K[^;\s]+/127.0.0.53/;

    return (http => route($http, @{ $tenants // [] }), %o);
}

# Where each domain is reached, and whom its certificate is signed by.

sub route ($http, @tenants) {
    my %url = map { $_->domain => $_->https_url } @tenants;
    my $all = sub (@but) {
        my %but = map { $_ => 1 } @but;
        return map {"auth0_m2m_upstream $url{$_} $_;\n"}
            grep { !$but{$_} } sort keys %url;
    };

    $http =~ s{^\s*auth0_m2m_upstream\s+\S+\s+(\S+);\n}
        {"auth0_m2m_upstream $url{$1} $1;\n" . join '', $all->($1)}gme;
    my $ca = join '', map { read_file($_->ca_file) } @tenants;
    return $http if !@tenants;

    # one file with the CA of each, in the folder of the first
    my $file = $tenants[0]->dir . '/example-ca.pem';
    open my $fh, '>', $file or die "$file: $!\n";
    print {$fh} $ca;
    close $fh or die "$file: $!\n";

    return join '', "auth0_m2m_ssl_trusted_certificate $file;\n",
        $all->(), $http;
}

sub http_block ($name, $text) {
    my ($http) = $text =~ /^http \{\n(.*?)^\}\n/ms
        or die "$name: no http block\n";
    return $http;
}

sub read_file ($path) {
    open my $fh, '<', $path or die "$path: $!\n";
    local $/;
    return <$fh> // '';
}

1;
