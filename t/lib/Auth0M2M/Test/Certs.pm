package Auth0M2M::Test::Certs;

use strict;
use warnings;

use IO::Socket::SSL        ();
use IO::Socket::SSL::Utils ();

=head1 NAME

Auth0M2M::Test::Certs - a CA and server certificates, good and bad, for one
name

=head1 METHODS

    new(dir => folder, domain => name)
                 writes ca.pem and KIND.pem, KIND.key of each kind
    good, bad    names of the kinds

=cut

my $day = 86_400;

my %authority = (
    root     => {},
    first    => { issuer => 'root' },
    second   => { issuer => 'first' },
    stranger => {},
    retired  => { issuer => 'root', to => -$day },
    no_ca    => { issuer => 'root', CA => 0 },
    client   => { issuer => 'root', CA => 0, purpose => 'client' },
);

# names: DOMAIN is the domain, PARENT what follows its first dot.  send:
# issuers sent along.

my %good = (
    plain    => {},
    chain    => { issuer => 'second', send => ['second', 'first'] },
    with_ca  => { issuer => 'second', send => ['second', 'first', 'root'] },
    wildcard => { names => ['*.PARENT'] },
    several  => { names => ['a.example', 'DOMAIN'] },
    rsa      => { rsa => 2048 },
);

my %bad = (
    missing_intermediate => { issuer => 'second' },
    missing_one          => { issuer => 'second', send => ['second'] },
    wrong_host           => { cn => 'DOMAIN', names => ['other.PARENT'] },
    longer_host          => { names => ['DOMAIN.evil.example', 'xDOMAIN'] },
    parent_host          => { names => ['PARENT'] },
    wide_wildcard        => { names => ['*.test', '*', '*.DOMAIN'] },
    address_only         => { cn => '127.0.0.1', names => ['IP:127.0.0.1'] },
    expired              => { from => -60 * $day, to => -$day },
    not_yet_valid        => { from => 30 * $day,  to => 60 * $day },
    self_signed          => { issuer => undef },
    unknown_ca           => { issuer => 'stranger' },
    unknown_ca_sent      => { issuer => 'stranger', send => ['stranger'] },
    expired_intermediate => { issuer => 'retired',  send => ['retired'] },
    leaf_as_ca           => { issuer => 'no_ca',    send => ['no_ca'] },
    client_only          => { purpose => 'client' },
    sha1                 => { digest => 'sha1' },
    rsa_1024             => { rsa => 1024 },
);

sub good { return sort keys %good }
sub bad  { return sort keys %bad }

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, made => {} }, $class;

    _write("$o{dir}/ca.pem", _pem($self->_authority('root')));
    $self->_leaf($_, $good{$_} // $bad{$_}) for keys %good, keys %bad;
    return $self;
}

sub _authority {
    my ($self, $name) = @_;
    my $a = $authority{$name};

    return $self->{made}{$name} //= _create(
        { CA => 1, purpose => { cRLSign => 1 }, %$a },
        $a->{issuer} && $self->_authority($a->{issuer}),
        subject => { commonName => "test $name" },
    );
}

sub _leaf {
    my ($self, $kind, $o) = @_;
    my $issuer = exists $o->{issuer} ? $o->{issuer} : 'root';
    my @names  = map { $self->_name($_) } @{ $o->{names} || ['DOMAIN'] };
    my $cn     = defined $o->{cn} ? $self->_name($o->{cn}) : $names[0];

    my $pair = _create(
        { purpose => 'server', %$o },
        $issuer && $self->_authority($issuer),
        subject => { commonName => $cn },
        subjectAltNames => [map { /^IP:(.*)/ ? [IP => $1] : [DNS => $_] }
                @names],
    );
    my @sent = map { $self->_authority($_) } @{ $o->{send} || [] };

    _write("$self->{dir}/$kind.pem", join '', map { _pem($_) } $pair, @sent);
    _write("$self->{dir}/$kind.key",
        IO::Socket::SSL::Utils::PEM_key2string($pair->[1]));
    return;
}

sub _name {
    my ($self, $name) = @_;
    my $domain = $self->{domain};
    my ($parent) = $domain =~ /\.(.*)/;

    return $name =~ s/DOMAIN/$domain/r =~ s/PARENT/$parent/r;
}

sub _create {
    my ($o, $issuer, %more) = @_;
    my $key = $o->{rsa}
        ? IO::Socket::SSL::Utils::KEY_create_rsa($o->{rsa})
        : IO::Socket::SSL::Utils::KEY_create_ec('prime256v1');
    my ($cert) = IO::Socket::SSL::Utils::CERT_create(
        key        => $key,
        not_before => time + ($o->{from} // -70 * $day),
        not_after  => time + ($o->{to} // 70 * $day),
        ($issuer ? (issuer => $issuer) : ()),
        (map { $_ => $o->{$_} } grep { defined $o->{$_} }
                qw(CA purpose digest)),
        %more,
    );
    return [$cert, $key];
}

sub _pem { return IO::Socket::SSL::Utils::PEM_cert2string($_[0][0]) }

sub _write {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    chmod 0600, $file;
    print {$out} $text;
    close $out or die "$file: $!\n";
    return;
}

1;
