package Bench::Tokens;

use strict;
use warnings;

=head1 NAME

Bench::Tokens - files of tokens for the load, signed without the module's code

=head1 SYNOPSIS

    my $t = Bench::Tokens->new(dir => $dir, mint => $program);

    $t->jwks_file        # keys for auth0_m2m_jwks_file
    $t->key_pem          # public key
    $t->file(100)        # of that many distinct tokens; made once
    $t->forged(100)      # the same with one bit of each signature changed

Tokens are of some 980 bytes, as Auth0's with a few claims are: RS256 with 2048
bits, organization, scope of three names; they live for an hour.  Their long jti
stands in their middle, of which LuaJIT hashes strings: wrk would need minutes
for tokens that differ at their end only.

=cut

use JSON::PP ();

use Auth0M2M::Mint;

my $json = JSON::PP->new->canonical;

sub new {
    my ($class, %o) = @_;
    my $mint = Auth0M2M::Mint->new;
    my $key  = $mint->key('rsa-1', kid => 'Q0M4RkE5QjE0NzM2OTYyREE5NkRFOA');
    my $self = bless { %o, mint_key => $key, key => $mint, made => {} },
        $class;

    $self->_write('key.pem',        $key->{pem});
    $self->_write('key-public.pem', $key->{public_pem});
    $self->_write('jwks.json',      $mint->jwks($key));
    return $self;
}

sub _path { return "$_[0]{dir}/$_[1]" }

sub _write {
    my ($self, $name, @text) = @_;
    my $path = $self->_path($name);

    open my $out, '>', $path or die "$path: $!\n";
    print {$out} @text;
    close $out or die "$path: $!\n";
    return $path;
}

sub jwks_file { return $_[0]->_path('jwks.json') }
sub key_pem   { return $_[0]->_path('key-public.pem') }

sub file {
    my ($self, $n) = @_;
    return $self->{made}{$n} ||= $self->_mint($n);
}

sub _mint {
    my ($self, $n) = @_;
    my $header = { alg => 'RS256', typ => 'JWT',
        kid => $self->{mint_key}{kid} };
    my $payload = $self->{key}->claims(
        azp    => 'Yw9yXk3RkUuZ1dZ8mFh1b0nQ2v4s6t8u',
        sub    => 'Yw9yXk3RkUuZ1dZ8mFh1b0nQ2v4s6t8u@clients',
        org_id => 'org_1a2b3c4d5e6f7g8h',
        scope  => 'read:orders write:orders read:customers',
        jti    => '#' x 10,
    );
    my $path = $self->_path("tokens-$n");

    open my $out, '>', $path or die "$path: $!\n";
    open my $in, '-|', $self->{mint}, $self->_path('key.pem'), $n,
        map { $json->encode($_) } $header, $payload
        or die "$self->{mint}: $!\n";
    print {$out} <$in>;
    close $in  or die "$self->{mint} failed\n";
    close $out or die "$path: $!\n";
    return $path;
}

sub forged {
    my ($self, $n) = @_;
    my $name = "forged-$n";

    return $self->{made}{$name} ||= do {
        open my $in, '<', $self->file($n) or die "tokens: $!\n";
        my @tokens = <$in>;
        close $in;
        $self->_write($name, map { _forge($_) } @tokens);
    };
}

# Not the last character, whose padding bits must stay as they are.

sub _forge {
    my ($token) = @_;
    my $char = substr $token, -5, 1;

    substr($token, -5, 1) = $char eq 'A' ? 'B' : 'A';
    return $token;
}

1;
