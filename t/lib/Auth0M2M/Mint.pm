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
$ENV{TEST_KEY_DIR}, else in a temporary folder of the process.

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
    token(%claims)   an Auth0-like token: iss sub aud iat exp scope gty azp,
                     then %claims over them; undef removes a claim.  Exp is
                     3600 s from now.  Names starting with - are options:
                     -header => {..} (undef removes), -key, -alg, -signer,
                     -typ
    claims(%claims)  the hash reference that token would sign
    sign($payload, %o)
                     payload is JSON bytes or a hash reference; header => {}
                     or JSON bytes, key, alg, signer

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
    b64u, unb64u     base64url without padding

=head1 Signers

    signers          names of those present on this machine
    python           path of the interpreter that has jwcrypto

=cut

1;
