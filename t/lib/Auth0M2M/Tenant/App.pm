package Auth0M2M::Tenant::App;

# The tenant in one process: its parts, its routes and the way of a request
# through them: journal, fault, effect, answer.

use v5.36;

use Mojo::IOLoop;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use Auth0M2M::Tenant::Admin      ();
use Auth0M2M::Tenant::Certs      ();
use Auth0M2M::Tenant::Demo       ();
use Auth0M2M::Tenant::Faults     ();
use Auth0M2M::Tenant::Journal    ();
use Auth0M2M::Tenant::Keys       ();
use Auth0M2M::Tenant::Limits     ();
use Auth0M2M::Tenant::Management ();
use Auth0M2M::Tenant::Problem    qw(problem token_problem);
use Auth0M2M::Tenant::Server     ();
use Auth0M2M::Tenant::Store      ();
use Auth0M2M::Tenant::Token      ();
use Auth0M2M::Tenant::Wire       qw(json_answer url_decode);

my %DEFAULT = (
    expires_in         => 86400,
    framing            => 'auto',
    gzip               => 1,
    json_style         => 'plain',
    cascade            => 1,
    unknown_fields     => 1,
    org_grant_quirk    => 1,
    total_zero         => 1,
    status_quirk       => 0,
    next_quirk         => 0,
    client_order       => 'oldest',
    client_limit       => 0,
    grant_limit        => 0,
    org_limit          => 0,
    org_grant_limit    => 100,
    organizations      => 1,
    organization_names => 0,
    custom_domains     => 0,
    unknown_member     => 400,
    rotation_window    => 0,
    rotation_mode      => 'both',
    stale              => undef,
    rate               => undef,
    keepalive_requests => 0,
    keepalive_timeout  => 75,
);

my @ROWS = (
    { name => 'token', method => 'POST', path => '/oauth/token',
        group => 'token', run => \&Auth0M2M::Tenant::Token::handle,
        headers => [
            [ 'cache-control', 'private, no-store, no-cache, '
                    . 'must-revalidate, post-check=0, pre-check=0, '
                    . 'no-transform' ],
            [ 'vary', 'Accept-Encoding, Origin' ],
        ] },
    { name => 'jwks', method => 'GET', path => '/.well-known/jwks.json',
        group => 'jwks', run => \&_jwks },
    { name => 'openid', method => 'GET',
        path  => '/.well-known/openid-configuration',
        group => 'jwks', run => \&_openid },
    @Auth0M2M::Tenant::Management::ROWS,
);

my @MANAGEMENT_HEADERS = (
    [ 'cache-control', 'no-cache' ],
    [ 'vary',          'origin,accept-encoding' ],
);

my @ALWAYS = (
    [ 'strict-transport-security', 'max-age=31536000' ],
    [ 'x-content-type-options',    'nosniff' ],
);

sub new ($class, %o) {
    my $self = bless {
        %o{qw(domain dir seed)},
        config   => {},
        counters => { connections => 0, handshakes => 0,
            handshake_errors => 0, opened => 0, requests => 0 },
        tls    => $o{tls} || 'good',
        initial_config => $o{config} // {},
    }, $class;
    $self->{certs} = Auth0M2M::Tenant::Certs->new(%o{qw(dir domain)});
    $self->{certs}->context($self->{tls});
    $self->{keys} = Auth0M2M::Tenant::Keys->new(domain => $o{domain},
        type => $o{key_type}, count => $o{keys}, extra => $o{extra_keys},
        base => $o{key_base});
    $self->{store}   = Auth0M2M::Tenant::Store->new(%$self{config});
    $self->{limits}  = Auth0M2M::Tenant::Limits->new(%$self{config});
    $self->{journal} = Auth0M2M::Tenant::Journal->new;
    $self->{faults}  = Auth0M2M::Tenant::Faults->new(%$self{journal});
    $self->{routes}  = [ map { _route($_) } @ROWS ];
    $self->reset;
    $self->_open(%o);
    return $self;
}

sub domain ($self)   { $self->{domain} }
sub issuer ($self)   { "https://$self->{domain}/" }
sub audience ($self) { "https://$self->{domain}/api/v2/" }
sub config ($self)   { $self->{config} }
sub store ($self)    { $self->{store} }
sub key_set ($self)  { $self->{keys} }
sub journal ($self)  { $self->{journal} }
sub faults ($self)   { $self->{faults} }
sub servers ($self)  { @$self{qw(http https)} }
sub ca_file ($self)  { $self->{certs}->ca_file }
sub now ($self)      { clock_gettime(CLOCK_MONOTONIC) }

# Management tokens with an iat up to this are void.
sub revoked_until ($self) { $self->{revoked_until} // 0 }

sub revoke_tokens ($self) {
    my $after = $self->revoked_until + 1;
    $self->{revoked_until} = $after > time ? $after : time;
    return;
}

# Contents and switches as after start.
sub reset ($self) {
    $self->{store}->clear;
    %{ $self->{config} } = (%DEFAULT);
    $self->set(%{ $self->{initial_config} });
    $self->{limits}->reset;
    $self->{journal}->reset;
    $self->{faults}->clear;
    delete @$self{qw(assertions_seen jwks_override)};
    $self->{store}->seeding(1);
    $self->{store}->put(apis => $self->audience, {
        identifier => $self->audience, dialect => 'access_token',
        scopes => [ sort keys %{ {
            map { $_ => 1 } map { @{ $_->{scopes} } }
                @Auth0M2M::Tenant::Management::ROWS } } ] });
    if (($self->{seed} // '') eq 'demo') {
        Auth0M2M::Tenant::Admin::call($self, @$_)
            for @Auth0M2M::Tenant::Demo::STEPS;
    }
    $self->{store}->seeding(0);
    return;
}

sub set ($self, %new) {
    my @unknown = grep { !exists $DEFAULT{$_} } sort keys %new;
    die "set: no configuration @unknown\n" if @unknown;
    $self->{config}{$_} = $new{$_} // $DEFAULT{$_} for keys %new;
    $self->{limits}->reset if exists $new{rate};
    return;
}

sub _open ($self, %o) {
    my %common = (config => $self->{config}, counters => $self->{counters},
        closed     => $o{outage},
        on_request => sub { $self->_request(@_) },
        on_leave   => sub { $self->_left(@_) });
    for my $scheme (qw(http https)) {
        $self->{$scheme} = Auth0M2M::Tenant::Server->new(%common,
            scheme => $scheme, port => $o{"${scheme}_port"},
            tls_context => sub { $self->{certs}->context($self->{tls}) });
    }
    $self->{admin} = Auth0M2M::Tenant::Server->new(
        scheme => 'http', port => $o{admin_port},
        config     => { %DEFAULT, framing => 'length',
            keepalive_timeout => 0 },
        counters   => { opened => 0 },
        on_request => sub { Auth0M2M::Tenant::Admin::request($self, @_) });
    return;
}

sub use_tls ($self, $variant) {
    $self->{certs}->context($variant);
    $self->{tls} = $variant;
    return;
}

# ---- the way of a request ---------------------------------------------------

sub _route ($row) {
    my @names;
    my $pattern = join '', map {
        /\A\{(\w+)\}\z/ ? do { push @names, $1; '([^/]+)' } : quotemeta
    } split /(\{\w+\})/, $row->{path};
    return { row => $row, names => \@names, pattern => qr/\A$pattern\z/ };
}

sub _find ($self, $req) {
    for my $route (@{ $self->{routes} }) {
        next if $route->{row}{method} ne $req->{method};
        my @values = $req->{path} =~ $route->{pattern} or next;
        my %params;
        @params{ @{ $route->{names} } } = map { _text(url_decode($_)) }
            @values
            if @{ $route->{names} };
        return ($route->{row}, \%params);
    }
    return;
}

sub _text ($bytes) { utf8::decode($bytes); $bytes }

sub _request ($self, $connection, $req) {
    $self->{counters}{requests}++;
    my ($row, $params) = $self->_find($req);
    my $step  = $row ? $row->{name} : 'unknown';
    my $entry = $self->{journal}->add($connection, $step, $req);
    $connection->request->{entry} = $entry;
    my $rule   = $self->{faults}->take($entry);
    my $answer = !$rule || $rule->{effect} eq 'after'
        ? $self->_execute($req, $row, $params, $entry)
        : undef;
    if ($rule) {
        @$entry{qw(fault rule)} = ($rule->{rule}{kind}, $rule->{id});
        $self->{faults}->spoil($rule, $connection, $entry, $answer, $row);
        return;
    }
    $connection->send($answer);
    $self->{journal}->done($entry, $answer->{status});
    return;
}

sub _execute ($self, $req, $row, $params, $entry) {
    return problem(404, 'Not Found') if !$row;
    $entry->{effect} = \1;
    my $limit  = $self->{limits}->take($row->{group}, $row->{name});
    my $answer = $limit->{refused}
        ? _throttled($row)
        : $self->_run({ req => $req, row => $row, params => $params });
    my %own = map { lc $_->[0] => 1 } @{ $answer->{headers} };
    push @{ $answer->{headers} }, grep { !$own{ $_->[0] } }
        @{ $row->{headers}
            // ($row->{group} eq 'management' ? \@MANAGEMENT_HEADERS : []) },
        @ALWAYS, @{ $limit->{headers} };
    return $answer;
}

sub _run ($self, $call) {
    my $answer = eval { $call->{row}{run}->($self, $call) };
    return $answer if $answer;
    return $@ if ref $@ eq 'HASH';
    warn "tenant: $call->{req}{method} $call->{req}{target}: $@";
    return problem(500, 'An internal server error occurred');
}

sub _throttled ($row) {
    return $row->{group} eq 'token'
        ? token_problem(429, 'too_many_requests', 'Client quota exceeded')
        : problem(429, 'Global limit has been reached', 'too_many_requests');
}

# The peer closed: inside a request, before its answer, or in between.
sub _left ($self, $connection) {
    if ($connection->busy) {
        $self->{journal}->left($connection->request->{entry});
        return;
    }
    my $rest = $connection->rest;
    $self->{journal}->add_incomplete($connection, $rest) if $rest ne '';
    return;
}

# ---- documents --------------------------------------------------------------

sub _jwks ($self, $call) {
    my $answer = json_answer(200, $self->{keys}->jwks,
        [ 'cache-control', 'public, max-age=15, stale-while-revalidate=15, '
                . 'stale-if-error=86400' ]);
    my $override = $self->{jwks_override} or return $answer;
    return Auth0M2M::Tenant::Faults::override($override, $answer);
}

sub _openid ($self, $call) {
    my $issuer = $self->issuer;
    return json_answer(200, {
        issuer                 => $issuer,
        authorization_endpoint => "${issuer}authorize",
        token_endpoint         => "${issuer}oauth/token",
        userinfo_endpoint      => "${issuer}userinfo",
        jwks_uri               => "${issuer}.well-known/jwks.json",
        response_types_supported              => [qw(code token id_token)],
        subject_types_supported               => ['public'],
        id_token_signing_alg_values_supported => [qw(HS256 RS256 PS256)],
        token_endpoint_auth_methods_supported =>
            [qw(client_secret_basic client_secret_post private_key_jwt)],
        token_endpoint_auth_signing_alg_values_supported =>
            [qw(RS256 RS384 PS256 PS384 ES256 ES384)],
    }, [ 'cache-control', 'public, max-age=15, stale-while-revalidate=15, '
            . 'stale-if-error=86400' ]);
}

sub jwks_document ($self) {
    my $answer = _jwks($self, {});
    return defined $answer->{body}
        ? { text => $answer->{body} }
        : $answer->{json};
}

1;
