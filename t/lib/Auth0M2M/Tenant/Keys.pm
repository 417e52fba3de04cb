package Auth0M2M::Tenant::Keys;

# Signing keys and the JWKS.  Also signs and verifies compact JWS with CryptX.

use v5.36;

use Crypt::Digest::SHA1 qw(sha1);
use Crypt::Mac::HMAC    ();
use Crypt::PK::ECC      ();
use Crypt::PK::RSA      ();
use Crypt::PRNG         qw(random_string);
use IO::Socket::SSL::Utils ();
use Math::BigInt try => 'LTM';
use MIME::Base64 qw(decode_base64 encode_base64url decode_base64url);
use Mojo::JSON   qw(decode_json);

use Auth0M2M::Tenant::Wire qw(json_bytes);

use constant FRESH_RSA => 4;    # further RSA keys reuse the primes of these

my %CURVE = (ES256 => 'secp256r1', ES384 => 'secp384r1');
my %CRV   = (ES256 => 'P-256', ES384 => 'P-384');

# Options: domain, type, count, extra => [types], base (first number of the
# kept key files).
sub new ($class, %o) {
    my $self = bless {
        domain => $o{domain},
        type   => $o{type} || 'RSA',
        next_number => $o{base} // 0,
        seen   => 0,
        keys   => [],
    }, $class;
    my @states = ('current', 'next', ('extra') x 20);
    for my $i (0 .. ($o{count} || 2) - 1) {
        $self->_add($self->{type}, $states[$i]);
    }
    $self->_add($_, 'extra') for @{ $o{extra} // [] };
    return $self;
}

sub _add ($self, $type, $state, $kid = undef) {
    my $key = $self->_generate($type, $kid);
    $key->{state} = $state;
    push @{ $self->{keys} }, $key;
    return $key;
}

sub _generate ($self, $type, $kid) {
    my $alg = $type eq 'RSA' ? 'RS256' : $type;
    my $pem = $CURVE{$alg} ? _ec_pem($alg) : $self->_rsa_pem;
    my $pk  = _load($pem);
    my $jwk = decode_json($pk->export_key_jwk('public'));
    $kid //= random_string(21);
    my $der = _certificate_der($pem, $self->{domain});
    my %public = (%$jwk, alg => $alg, use => 'sig', kid => $kid,
        x5t => encode_base64url(sha1($der)),
        x5c => [ MIME::Base64::encode_base64($der, '') ]);
    return { kid => $kid, kty => $jwk->{kty}, alg => $alg, pem => $pem,
        public_pem => $pk->export_key_pem(
            $jwk->{kty} eq 'RSA' ? 'public_x509' : 'public'),
        jwk => \%public, pk => $pk };
}

sub _ec_pem ($alg) {
    my $pk = Crypt::PK::ECC->new;
    $pk->generate_key($CURVE{$alg});
    return $pk->export_key_pem('private_short');
}

# A self-signed certificate of the key, as in x5c.
sub _certificate_der ($pem, $domain) {
    my $key = IO::Socket::SSL::Utils::PEM_string2key($pem);
    my ($cert) = IO::Socket::SSL::Utils::CERT_create(
        subject => { commonName => $domain }, key => $key, CA => 1,
        not_after => time + 13 * 365 * 86400);
    my $text = IO::Socket::SSL::Utils::PEM_cert2string($cert);
    IO::Socket::SSL::Utils::CERT_free($cert);
    IO::Socket::SSL::Utils::KEY_free($key);
    return decode_base64($text =~ s/-----[^-]+-----//gr);
}

# RSA keys take 0.1 to 0.5 s each, so that they are kept between runs where
# the caller names a place, and large sets share primes.  Fit for tests only.
sub _rsa_pem ($self) {
    my $number = $self->{next_number}++;
    my $seen   = $self->{seen}++;
    my $file   = $ENV{TEST_KEY_DIR}
        && "$ENV{TEST_KEY_DIR}/tenant-$self->{domain}-$number.pem";
    if ($file && open my $in, '<', $file) {
        local $/;
        my $pem = <$in>;
        return $self->_remember($pem);
    }
    my $pem = $seen < FRESH_RSA ? _fresh_rsa() : $self->_derived_rsa($seen);
    _keep($file, $pem) if $file;
    return $self->_remember($pem);
}

sub _remember ($self, $pem) {
    return $pem if @{ $self->{primes} // [] } >= 2 * FRESH_RSA;
    my $hex = Crypt::PK::RSA->new(\$pem)->key2hash;
    push @{ $self->{primes} }, @$hex{qw(p q)};
    return $pem;
}

sub _keep ($file, $pem) {
    my $part = "$file.$$";
    open my $out, '>', $part or return;
    chmod 0600, $part;
    print {$out} $pem;
    close $out or return;
    rename $part, $file;
    return;
}

sub _fresh_rsa () {
    my $key = IO::Socket::SSL::Utils::KEY_create_rsa(2048);
    my $pem = IO::Socket::SSL::Utils::PEM_key2string($key);
    IO::Socket::SSL::Utils::KEY_free($key);
    return Crypt::PK::RSA->new(\$pem)->export_key_pem('private');
}

# The i-th pair of different primes that did not make a fresh key.
sub _derived_rsa ($self, $seen) {
    my @primes = @{ $self->{primes} };
    my @pairs;
    for my $i (0 .. $#primes) {
        push @pairs, map { [ $i, $_ ] }
            grep { $i % 2 || $_ != $i + 1 } $i + 1 .. $#primes;
    }
    my $pair = $pairs[ $seen - FRESH_RSA ] // return _fresh_rsa();
    return _rsa_of(map { Math::BigInt->from_hex($_) } @primes[@$pair]);
}

sub _rsa_of ($p, $q) {
    my ($p1, $q1) = ($p - 1, $q - 1);
    my $e = Math::BigInt->new(65537);
    my $d = $e->copy->bmodinv($p1 * $q1);
    my %hex = (N => $p * $q, e => $e, d => $d, p => $p, q => $q,
        dP => $d % $p1, dQ => $d % $q1, qP => $q->copy->bmodinv($p));
    $_ = $_->to_hex for values %hex;
    length($_) % 2 and $_ = "0$_" for values %hex;
    return Crypt::PK::RSA->new(\%hex)->export_key_pem('private');
}

sub list ($self) {
    return map { my %k = %$_; delete @k{qw(pk jwk)}; \%k } @{ $self->{keys} };
}

sub jwks ($self) {
    return { keys => [ map { $_->{jwk} } @{ $self->{keys} } ] };
}

sub current ($self) { return $self->_in_state('current')->[0] }

# The current key's certificate as PEM.
sub certificate ($self) {
    my $base64 = $self->current->{jwk}{x5c}[0] =~ s/(.{64})(?=.)/$1\n/gr;
    return "-----BEGIN CERTIFICATE-----\n$base64\n"
        . "-----END CERTIFICATE-----\n";
}

sub by_kid ($self, $kid) {
    my ($key) = grep { $_->{kid} eq $kid } @{ $self->{keys} };
    return $key;
}

sub _in_state ($self, $state) {
    return [ grep { $_->{state} eq $state } @{ $self->{keys} } ];
}

my %ROTATE = (
    next     => \&_rotate_next,
    revoke   => \&_rotate_revoke,
    same_kid => \&_rotate_same_kid,
    replace  => \&_rotate_replace,
);

sub rotate ($self, $how = 'next') {
    my $code = $ROTATE{ $how // 'next' } or die "rotate: no way $how\n";
    $self->$code;
    return [ $self->list ];
}

sub _rotate_next ($self) {
    my $next = $self->_in_state('next')->[0];
    $self->current->{state} = 'previous';
    if (!$next) {
        $self->_add($self->{type}, 'current');
        return;
    }
    $next->{state} = 'current';
    $self->_add($self->{type}, 'next');
    return;
}

sub _rotate_revoke ($self) {
    @{ $self->{keys} } =
        grep { $_->{state} ne 'previous' } @{ $self->{keys} };
    return;
}

sub _rotate_same_kid ($self) {
    my $old = $self->current;
    my $new = $self->_generate($self->{type}, $old->{kid});
    %$old = (%$new, state => 'current');
    return;
}

sub _rotate_replace ($self) {
    for my $key (@{ $self->{keys} }) {
        my $type = $CURVE{ $key->{alg} } ? $key->{alg} : $self->{type};
        %$key = (%{ $self->_generate($type, undef) },
            state => $key->{state});
    }
    return;
}

# ---- compact JWS ------------------------------------------------------------

sub _load ($pem) {
    my $pk = eval { Crypt::PK::RSA->new(\$pem) };
    return $pk // Crypt::PK::ECC->new(\$pem);
}

# header and payload: hash or bytes; key: PEM text, a key object of CryptX
# or the secret of HS*.
sub sign_jws ($header, $payload, $key, $alg) {
    my $input = join '.', map { encode_base64url($_) }
        map { ref $_ ? json_bytes($_) : $_ } $header, $payload;
    return "$input." . encode_base64url(_signature($alg, $input, $key));
}

sub _signature ($alg, $input, $key) {
    return '' if lc $alg eq 'none';
    my ($family, $bits) = $alg =~ /\A(RS|PS|ES|HS)(256|384|512)\z/
        or die "mint: no algorithm $alg\n";
    my $hash = "SHA$bits";
    return Crypt::Mac::HMAC::hmac($hash, $key, $input) if $family eq 'HS';
    my $pk = ref $key ? $key : _load($key);
    return $pk->sign_message_rfc7518($input, $hash) if $family eq 'ES';
    return $family eq 'RS'
        ? $pk->sign_message($input, $hash, 'v1.5')
        : $pk->sign_message($input, $hash, 'pss', $bits / 8);
}

# Compact text to { header, payload, input, signature }, undef when it is
# none.
sub split_jws ($text) {
    my @parts = ($text // '') =~ /\A([\w-]+)\.([\w-]+)\.([\w-]*)\z/
        or return;
    my $header  = eval { decode_json(decode_base64url($parts[0])) };
    my $payload = eval { decode_json(decode_base64url($parts[1])) };
    return if ref $header ne 'HASH' || ref $payload ne 'HASH';
    return { header => $header, payload => $payload,
        input => "$parts[0].$parts[1]",
        signature => decode_base64url($parts[2]) };
}

# Whether one of the set's keys signed it, under its kid.
sub verify ($self, $jws) {
    my $key = $self->by_kid($jws->{header}{kid} // '') or return 0;
    my $alg = $jws->{header}{alg} // '';
    return 0 if $alg ne $key->{alg};
    my @args = ($jws->{signature}, $jws->{input}, 'SHA' . substr $alg, 2);
    return $key->{pk}->verify_message_rfc7518(@args) if $CURVE{$alg};
    return $alg =~ /^PS/
        ? $key->{pk}->verify_message(@args, 'pss', substr($alg, 2) / 8)
        : $key->{pk}->verify_message(@args, 'v1.5');
}

1;
