package Auth0M2M::Guard;

use strict;
use warnings;

use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;
use Test::Builder;

use parent 'Auth0M2M::Test';

=head1 NAME

Auth0M2M::Guard - an nginx whose key set is a file, and verdicts in one line

=head1 SYNOPSIS

    my $n = Auth0M2M::Guard->new(server => <<'CONF');
        location / {
            auth0_m2m on;
            %%PASS%%
        }
    CONF

    $n->accepts('plain', '/', { org_id => 'org_a' });
    $n->refuses('old', '/', { exp => time - 9 }, 'expired');
    $n->refuses('none', '/', [], 'missing');

What most tests of the request side need.  No tenant is there: its address
refuses connections.

=head1 new(%options)

Those of Auth0M2M::Test.  Before `http` come auth0_m2m_domain
acme.us.auth0.com, an upstream where nobody listens, auth0_m2m_jwks_file and
auth0_m2m_audience https://api.acme.example/.

    keys      keys of Auth0M2M::Mint in the file; default its rsa-1
    common    text instead of those four directives

%%PASS%% passes the request to the recording backend, with X-Org-Id.

=head1 Verdicts

One test point each.  $how is what is sent: a token's text, a hash reference
of claims for Mint's token(), or an array reference of header pairs.

    accepts($name, $path, $how, %o)
        200 by the backend, with the organization `org` (default that of the
        claims), no challenge
    refuses($name, $path, $how, $reason, %o)
        the answer of that reason (see %answers); nobody asked; one log line
        with the reason; nothing of the token in the answer or the log.
        scope => what the challenge must name; realm => of the challenge

    ask($path, $how, $method)    the response
    bearer($how)                 the header pairs
    mint                         the Auth0M2M::Mint
    figured($id, $what)          (class or object method) notes how many
                                 requests this test made, and their statuses

=cut

# reason => [status, error, description]; the interface, not the code

my %answers = (
    missing               => [401],
    invalid_request       => [400, 'invalid_request',
        'The Authorization header is malformed'],
    multiple_tokens       => [400, 'invalid_request',
        'More than one way of sending a token was used'],
    malformed             => [401, 'invalid_token',
        'The access token is malformed'],
    too_large             => [401, 'invalid_token',
        'The access token is too large'],
    unsupported_critical  => [401, 'invalid_token',
        'The access token requires an extension that is not supported'],
    unsupported_algorithm => [401, 'invalid_token',
        'The signature algorithm is not accepted'],
    wrong_type            => [401, 'invalid_token',
        'The token is not an access token'],
    wrong_issuer          => [401, 'invalid_token',
        'The access token comes from another issuer'],
    unknown_key           => [401, 'invalid_token',
        'The access token is signed with an unknown key'],
    ambiguous_key         => [401, 'invalid_token',
        'The access token does not name its key'],
    bad_signature         => [401, 'invalid_token',
        'The signature of the access token is not valid'],
    invalid_claim         => [401, 'invalid_token',
        'The access token lacks a claim or holds one of the wrong type'],
    expired               => [401, 'invalid_token',
        'The access token expired'],
    not_yet_valid         => [401, 'invalid_token',
        'The access token is not valid yet'],
    wrong_audience        => [401, 'invalid_token',
        'The access token is meant for another audience'],
    sender_constrained    => [401, 'invalid_token',
        'The access token is bound to a key and cannot be sent as Bearer'],
    invalid_organization  => [401, 'invalid_token',
        'The organization in the access token is malformed'],
    requirement_not_met   => [401, 'invalid_token',
        'The access token does not meet a requirement of this resource'],
    requirement_403       => [403],
    insufficient_scope    => [403, 'insufficient_scope',
        'The access token lacks a required scope'],
    insufficient_permission => [403, 'insufficient_scope',
        'The access token lacks a required permission'],
    organization_not_allowed => [403],
    client_not_allowed    => [403],
    keys_unavailable      => [503],
);

my $common = <<'CONF';
    auth0_m2m_domain    acme.us.auth0.com;
    auth0_m2m_upstream  http://127.0.0.1:%%PORT_NOBODY%%;
    auth0_m2m_jwks_file %%DIR%%/jwks.json;
    auth0_m2m_audience  https://api.acme.example/;
CONF

my $mint = Auth0M2M::Mint->new;

sub mint { return $mint }

sub new {
    my ($class, %o) = @_;
    my @keys = @{ delete $o{keys} || [$mint->key] };

    $o{http}  = (delete $o{common} // $common) . ($o{http} // '');
    $o{files} = { 'jwks.json' => $mint->jwks(@keys), %{ $o{files} || {} } };
    s/%%PASS%%/proxy_set_header X-Org-Id \$jwt_org_id;
        proxy_pass http:\/\/%%BACKEND%%;/g
        for grep {defined} @o{qw(http server)};

    return $class->SUPER::new(%o);
}

sub bearer {
    my ($self, $how) = @_;

    return @$how if ref $how eq 'ARRAY';
    return (Authorization => 'Bearer '
            . (ref $how ? $mint->token(%$how) : $how));
}

sub ask {
    my ($self, $path, $how, $method) = @_;
    return $self->request($method // 'GET', $path, [$self->bearer($how)]);
}

my %seen;    # status => requests of all objects

sub _counted {
    my (@responses) = @_;

    $seen{ $_->status }++ for @responses;
    return wantarray ? @responses : $responses[0];
}

sub request  { return _counted(scalar shift->SUPER::request(@_)) }
sub pipeline { return _counted(shift->SUPER::pipeline(@_)) }
sub parallel { return _counted(shift->SUPER::parallel(@_)) }

sub figured {
    my (undef, $id, $what) = @_;
    my $good  = Test::Builder->new->is_passing;
    my $count = 0;

    $count += $_ for values %seen;
    figure($id, what => $what, bar => 'FA = FR = 0',
        result => join(', ', map {"$seen{$_} x $_"} sort keys %seen)
            . ($good ? ': FA 0, FR 0' : ': not each as expected'),
        count => $count, ok => $good);
    return;
}

sub accepts {
    my ($self, $name, $path, $how, %o) = @_;
    my $org = $o{org} // (ref $how eq 'HASH' && $how->{org_id}) || '';
    my @wrong;

    $self->backend->clear if $self->backend;
    my $r = $self->ask($path, $how, $o{method});

    _same(\@wrong, 'status', $r->status, 200);
    _same(\@wrong, 'challenge', join('|', $r->header('WWW-Authenticate')), '');

    if ($self->backend) {
        my @got = $self->backend->requests;
        _same(\@wrong, 'requests at the backend', scalar @got, 1);
        _same(\@wrong, 'organization',
            join('|', map { $_->header('X-Org-Id') // '' } @got), $org);
    }

    return _verdict($name, @wrong);
}

sub challenge {
    my ($class, $reason, %o) = @_;
    my (undef, $error, $text) = @{ $answers{$reason} };
    my $challenge = sprintf 'Bearer realm="%s"', $o{realm} // 'auth0-m2m';

    return '' if $reason eq 'keys_unavailable';
    $challenge .= qq{, error="$error", error_description="$text"} if $error;
    $challenge .= qq{, scope="$o{scope}"} if defined $o{scope};
    return $challenge;
}

sub refuses {
    my ($self, $name, $path, $how, $reason, %o) = @_;
    my @headers = $self->bearer($how);
    my @wrong;

    $self->backend->clear if $self->backend;
    $self->log_mark;
    my $r   = $self->request($o{method} // 'GET', $path, \@headers);
    my @log = $self->error_log;

    _same(\@wrong, 'status', $r->status, $answers{$reason}[0]);
    _same(\@wrong, 'challenge', join('|', $r->header('WWW-Authenticate')),
        $self->challenge($reason, %o));
    _same(\@wrong, 'Retry-After',
        ($r->header('Retry-After') // '') =~ /^[1-9]\d*$/ ? 1 : 0,
        $reason eq 'keys_unavailable' ? 1 : 0);
    _same(\@wrong, 'requests at the backend', $self->backend->count, 0)
        if $self->backend;

    my $logged = $reason =~ s/^requirement_403$/requirement_not_met/r;
    my @lines  = grep {/auth0_m2m: refused/} @log;
    _same(\@wrong, 'log lines of the refusal', scalar @lines, 1);
    _same(\@wrong, 'reason in the log',
        join('|', map {/refused: (\w+), kid "/} @lines), $logged);
    push @wrong, _echoed("@headers", $r->raw, 'answer'),
        _echoed("@headers", "@log", 'log');

    return _verdict($name, @wrong);
}

# Long parts of what was sent that are in a text.  kid is in the log.

sub _echoed {
    my ($sent, $text, $where) = @_;
    my @parts = grep { length > 15 } split /[. ,]/, $sent;

    return map {"part of the token in the $where: $_"}
        grep { index($text, $_) >= 0 } @parts;
}

sub _same {
    my ($wrong, $what, $got, $want) = @_;
    push @$wrong, "$what: got '$got', expected '$want'" if $got ne $want;
    return;
}

sub _verdict {
    my ($name, @wrong) = @_;
    my $builder = Test::Builder->new;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $builder->ok(!@wrong, $name);
    $builder->diag($_) for @wrong;
    return !@wrong;
}

1;
