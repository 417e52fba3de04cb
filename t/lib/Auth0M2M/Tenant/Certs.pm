package Auth0M2M::Tenant::Certs;

# The CA and one server certificate for each TLS test.  EC keys: they cost
# nothing to make.

use v5.36;

use IO::Socket::SSL        ();
use IO::Socket::SSL::Utils ();

use constant DAY => 86400;

# What differs from the good one.  issuer: a name below CHAINS, undef for a
# certificate that signs itself.  send: issuers sent along.
my %VARIANT = (
    good                 => {},
    chain                => { issuer => 'second', send => [qw(second first)] },
    missing_intermediate => { issuer => 'second' },
    wrong_host    => { names => [ [ DNS => 'other.test.auth0.com' ] ] },
    expired       => { from => -60 * DAY, to => -1 * DAY },
    not_yet_valid => { from => 30 * DAY,  to => 60 * DAY },
    self_signed   => { issuer => undef },
    unknown_ca    => { issuer => 'stranger' },
);

sub variants () { return sort keys %VARIANT }

# Writes ca.pem and VARIANT.pem, VARIANT.key into the folder.
sub new ($class, %o) {
    my $self = bless { dir => $o{dir}, domain => $o{domain} }, $class;
    my %authority;
    $authority{root}     = _authority('stand-in root', undef);
    $authority{first}    = _authority('stand-in 1', $authority{root});
    $authority{second}   = _authority('stand-in 2', $authority{first});
    $authority{stranger} = _authority('stranger', undef);
    $self->{ca_file} = "$o{dir}/ca.pem";
    _write($self->{ca_file}, _pem($authority{root}));
    $self->_leaf($_, \%authority) for variants();
    return $self;
}

sub ca_file ($self) { $self->{ca_file} }

sub _authority ($name, $issuer) {
    my $key = IO::Socket::SSL::Utils::KEY_create_ec('prime256v1');
    my ($cert) = IO::Socket::SSL::Utils::CERT_create(
        subject => { commonName => "$name CA" }, CA => 1, key => $key,
        purpose => { cRLSign => 1 },
        ($issuer ? (issuer => $issuer) : ()),
        not_before => time - DAY, not_after => time + 365 * DAY);
    return [ $cert, $key ];
}

sub _leaf ($self, $name, $authority) {
    my $v     = $VARIANT{$name};
    my $by    = exists $v->{issuer} ? $v->{issuer} : 'root';
    my $key   = IO::Socket::SSL::Utils::KEY_create_ec('prime256v1');
    my $names = $v->{names} // [ [ DNS => $self->{domain} ],
        [ DNS => 'localhost' ], [ IP => '127.0.0.1' ] ];
    my ($cert) = IO::Socket::SSL::Utils::CERT_create(
        subject => { commonName => $names->[0][1] }, key => $key,
        purpose => 'server', subjectAltNames => $names,
        ($by ? (issuer => $authority->{$by}) : ()),
        not_before => time + ($v->{from} // -DAY),
        not_after  => time + ($v->{to} // 365 * DAY));
    my $file = "$self->{dir}/$name";
    _write("$file.pem", join '', map { _pem($_) } [$cert],
        @$authority{ @{ $v->{send} // [] } });
    _write("$file.key", IO::Socket::SSL::Utils::PEM_key2string($key));
    return;
}

sub _pem ($pair) { IO::Socket::SSL::Utils::PEM_cert2string($pair->[0]) }

sub _write ($file, $text) {
    open my $out, '>', $file or die "$file: $!\n";
    chmod 0600, $file if $file =~ /\.key\z/;
    print {$out} $text;
    close $out or die "$file: $!\n";
    return;
}

# The server context of a variant, made once: reading key files for each
# connection would be slow.
sub context ($self, $name) {
    die "tls: no variant $name\n" if !$VARIANT{$name};
    return $self->{context}{$name} //= IO::Socket::SSL::SSL_Context->new({
        SSL_server    => 1,
        SSL_cert_file => "$self->{dir}/$name.pem",
        SSL_key_file  => "$self->{dir}/$name.key",
    }) // die "tls $name: $IO::Socket::SSL::SSL_ERROR\n";
}

1;
