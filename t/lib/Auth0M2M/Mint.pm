package Auth0M2M::Mint;

use strict;
use warnings;

=head1 NAME

Auth0M2M::Mint - keys, key sets and tokens, good and hostile

=head1 SYNOPSIS

    use Auth0M2M::Mint;

    my $m   = Auth0M2M::Mint->new(issuer => 'https://acme.us.auth0.com/');
    my $key = $m->key;                      # RSA 2048, kid "key-rsa-1"
    my $jwt = $m->token(org_id => 'org_abc');
    my $set = Auth0M2M::Mint->jwks($key);   # JSON for auth0_m2m_jwks_file

Nothing here uses the module's own code.  Three independent signers: cryptx
(Crypt::JWT and CryptX, in this process, the default), jwcrypto
(python3-jwcrypto) and jose (latchset), the latter two by command.

=head1 Keys

A key is a hash reference {kid, kty, alg, pem (private), public_pem, jwk
(public members as a hash reference)}.  Generated once and cached in
$ENV{TEST_KEY_DIR}, else in this process.  Keys of an Auth0M2M::Tenant serve
as well.

    key($name, %o)   name `rsa-N`, `rsa3072-N`, `rsa4096-N`, `rsa1024-N`,
                     `p256-N`, `p384-N`, `p521-N`, `k256-N`; the same name
                     gives the same key.  Default rsa-1.  kid => text
                     (default "key-NAME"; undef: none), alg => text for the
                     JWK's alg (default RS256, ES256, ES384 by type; undef:
                     none)
    jwks(@keys)      JSON text {"keys":[...]}, members kty use alg kid and
                     the key's own.  A hash reference without `pem` is put
                     in as it is
    jwk($key, %o)    the public JWK as a hash reference, with members
                     replaced or (undef) removed

=head1 Tokens

    new(%o)          issuer, audience (default https://api.acme.example/),
                     key, alg, signer, client_id (default "client1")
    token(%claims)   an Auth0-like token: iss sub aud iat exp azp gty and
                     scope "read:orders", then %claims over them; undef
                     removes a claim.  exp is 3600 s from now.  Names starting with - are options:
                     -header => {..} (undef removes), -key, -alg, -signer,
                     -typ
    claims(%claims)  the hash reference that token would sign
    sign($payload, %o)
                     payload is JSON bytes or a hash reference; header => {}
                     laid over alg, typ and kid; key, alg, signer

=head2 Hostile ones (functions, also as methods)

    raw($header, $payload, %o)
                     exactly these bytes (no JSON needed) signed properly.
                     key, alg (RS256..PS512, ES256, ES384, ES512; the
                     signature's own algorithm, whatever the header says),
                     salt => n for PS*, hash => name for a digest of its own
    hmac($header, $payload, $secret, $alg)
                     HS256/384/512 with this secret, e.g. $key->{public_pem}
    unsigned($header, $payload)
                     empty signature
    parts($jwt)      list of the three parts, decoded
    join_parts($h, $p, $s)
                     encodes three byte strings; for altered copies
    flip($jwt, $part, $bit)
                     one bit of a decoded part inverted
    es_der($jwt)     the same with an ECDSA signature in DER
    b64u($bytes), unb64u($text)
                     base64url without padding

=head1 Signers

    signers          names of those present on this machine
    python           path of the interpreter that has jwcrypto

=cut

use Digest::SHA qw(hmac_sha256 hmac_sha384 hmac_sha512);
use Exporter qw(import);
use File::Path qw(make_path);
use File::Temp;
use IPC::Open2 qw(open2);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);
use Scalar::Util qw(blessed);

use Crypt::JWT qw(encode_jwt);
use Crypt::PK::ECC;
use Crypt::PK::RSA;

our @EXPORT_OK = qw(raw hmac unsigned parts join_parts flip es_der b64u
    unb64u);

my $json = JSON::PP->new->canonical->utf8;

# alg => key type, digest, padding

my %algs = (
    RS256 => ['RSA', 'SHA256', 'v1.5'],
    RS384 => ['RSA', 'SHA384', 'v1.5'],
    RS512 => ['RSA', 'SHA512', 'v1.5'],
    PS256 => ['RSA', 'SHA256', 'pss', 32],
    PS384 => ['RSA', 'SHA384', 'pss', 48],
    PS512 => ['RSA', 'SHA512', 'pss', 64],
    ES256 => ['EC',  'SHA256'],
    ES384 => ['EC',  'SHA384'],
    ES512 => ['EC',  'SHA512'],
);

# name => curve, usual alg

my %curves = (
    p256 => ['secp256r1', 'ES256'],
    p384 => ['secp384r1', 'ES384'],
    p521 => ['secp521r1', 'ES512'],
    k256 => ['secp256k1', 'ES256'],
);

my %pems;

sub new {
    my ($class, %o) = @_;

    return bless {
        issuer    => 'https://acme.us.auth0.com/',
        audience  => 'https://api.acme.example/',
        client_id => 'client1',
        signer    => 'cryptx',
        %o,
    }, $class;
}

# Keys.

sub key {
    my ($self, $name, %o) = @_;

    if (!defined $name) {
        return $self->{key} if ref $self && $self->{key};
        $name = 'rsa-1';
    }

    my ($type) = $name =~ /^(\w+)-/ or die "bad key name $name\n";
    my $alg = $curves{$type} ? $curves{$type}[1] : 'RS256';
    my $key = {
        kid => exists $o{kid} ? $o{kid} : "key-$name",
        alg => exists $o{alg} ? $o{alg} : $alg,
        pem => $pems{$name} ||= _cached_pem($name, $type),
    };
    my $pk = _pk($key);

    $key->{public_pem} = $pk->export_key_pem(
        $curves{$type} ? 'public' : 'public_x509');
    $key->{kty} = $curves{$type} ? 'EC' : 'RSA';
    $key->{jwk} = jwk($self, $key);
    return $key;
}

# The file appears whole or not at all, and the first one stays, so that
# programs that run at the same time have the same keys.

sub _cached_pem {
    my ($name, $type) = @_;
    my $dir = $ENV{TEST_KEY_DIR} or return _generate($type);
    my $path = "$dir/mint-$name.pem";

    if (!-e $path) {
        make_path($dir);
        my $new = File::Temp->new(DIR => $dir);
        print {$new} _generate($type);
        $new->close;
        link "$new", $path;
    }

    open my $fh, '<', $path or die "$path: $!\n";
    local $/;
    return <$fh>;
}

sub _generate {
    my ($type) = @_;

    if (my $curve = $curves{$type}) {
        my $pk = Crypt::PK::ECC->new;
        $pk->generate_key($curve->[0]);
        return $pk->export_key_pem('private');
    }

    my ($bits) = $type =~ /^rsa(\d*)$/ or die "bad key type $type\n";
    $bits ||= 2048;
    return _run('', 'openssl', 'genpkey', '-quiet', '-algorithm', 'RSA',
        '-pkeyopt', "rsa_keygen_bits:$bits");
}

sub _pk {
    my ($key) = @_;
    my $pk = eval { Crypt::PK::RSA->new(\$key->{pem}) };
    return $pk || Crypt::PK::ECC->new(\$key->{pem});
}

sub jwk {
    my ($self, $key, %o) = @_;
    my %jwk = (%{ _pk($key)->export_key_jwk('public', 1) }, use => 'sig');

    for my $name (qw(kid alg)) {
        $jwk{$name} = $key->{$name} if defined $key->{$name};
    }

    return _laid_over(\%jwk, \%o);
}

sub jwks {
    my ($self, @keys) = @_;
    my @jwks = map { $_->{pem} ? $_->{jwk} || $self->jwk($_) : $_ } @keys;
    return $json->encode({ keys => \@jwks });
}

sub _laid_over {
    my ($base, $over) = @_;
    my %all = (%$base, %$over);
    return { map { $_ => $all{$_} } grep { defined $all{$_} } keys %all };
}

# Tokens.

sub claims {
    my ($self, %claims) = @_;
    my $now  = time;
    my %base = (
        iss   => $self->{issuer},
        sub   => "$self->{client_id}\@clients",
        aud   => $self->{audience},
        iat   => $now,
        exp   => $now + 3600,
        scope => 'read:orders',
        gty   => 'client-credentials',
        azp   => $self->{client_id},
    );

    return _laid_over(\%base, \%claims);
}

sub token {
    my ($self, %claims) = @_;
    my %o = map { /^-(.*)/ ? ($1 => delete $claims{$_}) : () } keys %claims;

    $o{header} = { typ => delete $o{typ}, %{ $o{header} || {} } }
        if exists $o{typ};
    return $self->sign($self->claims(%claims), %o);
}

sub sign {
    my ($self, $payload, %o) = @_;
    my $key    = $o{key} || $self->key;
    my $alg    = $o{alg} || $self->{alg} || $key->{alg} || 'RS256';
    my $signer = $o{signer} || $self->{signer};
    my $header = _laid_over(
        { alg => $alg, typ => 'JWT', kid => $key->{kid} },
        $o{header} || {},
    );
    my $code = __PACKAGE__->can("_by_$signer")
        or die "no signer $signer\n";

    $payload = $json->encode($payload) if ref $payload;

    # a header that lies about alg is more than any of them would sign
    return raw($json->encode($header), $payload, key => $key, alg => $alg)
        if ($header->{alg} // '') ne $alg;
    return $code->($header, $payload, $key, $alg);
}

sub signers {
    my @found = ('cryptx');

    push @found, 'jwcrypto'
        if system(python(), '-c', 'import jwcrypto') == 0;
    push @found, 'jose' if -x '/usr/bin/jose';
    return @found;
}

# The system's: Debian's modules belong to it.

sub python { return '/usr/bin/python3' }

sub _by_cryptx {
    my ($header, $payload, $key, $alg) = @_;
    my %extra = %$header;

    delete $extra{alg};
    return encode_jwt(
        payload       => $payload,
        alg           => $alg,
        key           => _pk($key),
        extra_headers => \%extra,
    );
}

my $jwcrypto_program = <<'END';
import json, sys
from jwcrypto import jwk, jws
q = json.load(sys.stdin)
token = jws.JWS(q["payload"].encode("latin-1"))
token.allowed_algs = [q["alg"]]
token.add_signature(jwk.JWK(**q["key"]), q["alg"], json.dumps(q["header"]))
sys.stdout.write(token.serialize(compact=True))
END

sub _by_jwcrypto {
    my ($header, $payload, $key, $alg) = @_;
    my $question = $json->encode({
        header  => $header,
        payload => $payload,
        alg     => $alg,
        key     => _pk($key)->export_key_jwk('private', 1),
    });

    return _run($question, python(), '-c', $jwcrypto_program);
}

sub _by_jose {
    my ($header, $payload, $key, $alg) = @_;
    my $private = File::Temp->new;

    print {$private} _pk($key)->export_key_jwk('private');
    $private->flush;
    return _run($payload, qw(jose jws sig -c -I - -k), "$private",
        '-s', $json->encode({ protected => $header }));
}

sub _run {
    my ($input, @command) = @_;
    local ($?, $/);
    local $SIG{PIPE} = 'IGNORE';
    my $pid = open2(my $out, my $in, @command);

    print {$in} $input;
    close $in;
    my $answer = <$out> // '';
    waitpid $pid, 0;
    die "$command[0] failed\n" if $? || !length $answer;
    return $answer;
}

# Hostile ones.

sub raw {
    my $self = _self(\@_);
    my ($header, $payload, %o) = @_;
    my $key = $o{key} || ($self || __PACKAGE__)->key;
    my $alg = $o{alg} || $key->{alg} || 'RS256';
    my $input = b64u($header) . '.' . b64u($payload);

    return "$input." . b64u(_signature($input, $key, $alg, %o));
}

sub _signature {
    my ($input, $key, $alg, %o) = @_;
    my ($type, $hash, $padding, $salt)
        = @{ $algs{$alg} || die "no alg $alg\n" };
    my $pk = _pk($key);

    $hash = $o{hash} || $hash;
    return $pk->sign_message_rfc7518($input, $hash) if $type eq 'EC';
    return $pk->sign_message($input, $hash, $padding)
        if $padding ne 'pss';
    return $pk->sign_message($input, $hash, 'pss', $o{salt} // $salt);
}

sub hmac {
    _self(\@_);
    my ($header, $payload, $secret, $alg) = @_;
    my %by = (
        HS256 => \&hmac_sha256,
        HS384 => \&hmac_sha384,
        HS512 => \&hmac_sha512,
    );
    my $input = b64u($header) . '.' . b64u($payload);

    return "$input." . b64u($by{ $alg // 'HS256' }->($input, $secret));
}

sub unsigned {
    _self(\@_);
    my ($header, $payload) = @_;
    return join_parts($header, $payload, '');
}

sub parts {
    _self(\@_);
    return map { unb64u($_) } split /\./, $_[0], -1;
}

sub join_parts {
    _self(\@_);
    return join '.', map { b64u($_) } @_;
}

sub flip {
    _self(\@_);
    my ($jwt, $part, $bit) = @_;
    my @parts = parts($jwt);

    vec($parts[$part], $bit, 1) ^= 1;
    return join_parts(@parts);
}

sub es_der {
    _self(\@_);
    my ($header, $payload, $rs) = parts($_[0]);
    my $half = length($rs) / 2;
    my $body = join '', map { _der_integer($_) }
        substr($rs, 0, $half), substr($rs, $half);

    return join_parts($header, $payload, _der(0x30, $body));
}

sub _der_integer {
    my ($bytes) = @_;
    $bytes =~ s/\A\0+(?=.)//s;
    $bytes = "\0$bytes" if ord($bytes) & 0x80;
    return _der(0x02, $bytes);
}

sub _der {
    my ($tag, $body) = @_;
    my $length = length $body;
    return pack('CC', $tag, $length) . $body if $length < 0x80;
    return pack('CCC', $tag, 0x81, $length) . $body;
}

sub b64u   { _self(\@_); return encode_base64url($_[0]) }
sub unb64u { _self(\@_); return decode_base64url($_[0]) }

# Takes the invocant off the arguments of a function called as a method.

sub _self {
    my ($args) = @_;
    my $first = $args->[0];
    my $is_method = blessed $first || ($first // '') eq __PACKAGE__;

    return $is_method ? shift @$args : undef;
}

1;
