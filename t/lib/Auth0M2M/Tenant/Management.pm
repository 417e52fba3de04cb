package Auth0M2M::Tenant::Management;

# The Management API: who may call, what a call must look like, and the table
# of its rows.  A row is
#   { name, method, path, scopes => [any of], params => {name => schema},
#     query => {name => schema}, body => schema, code => sub ($app, $call) }
# and lives with its kind in Api/*.pm.

use v5.36;

use Mojo::JSON qw(decode_json);

use Auth0M2M::Tenant::Api::Clients       ();
use Auth0M2M::Tenant::Api::Grants        ();
use Auth0M2M::Tenant::Api::Organizations ();
use Auth0M2M::Tenant::Api::Users         ();
use Auth0M2M::Tenant::Keys               ();
use Auth0M2M::Tenant::Problem            qw(problem require_scope);
use Auth0M2M::Tenant::Schema             qw(check errors_text);
use Auth0M2M::Tenant::Wire               qw(header url_decode);

our @ROWS = map { { %$_, path => "/api/v2$_->{path}",
    group => 'management', run => \&run } } (
    Auth0M2M::Tenant::Api::Users::rows(),
    Auth0M2M::Tenant::Api::Organizations::rows(),
    Auth0M2M::Tenant::Api::Clients::rows(),
    Auth0M2M::Tenant::Api::Grants::rows(),
);

sub run ($app, $call) {
    my $row = $call->{row};
    $call->{scopes} = _scopes_of($app, $call->{req});
    require_scope($call, @{ $row->{scopes} });
    _check_params($call);
    _check_query($call);
    $call->{body} = _body($call) if $row->{body};
    my $answer = $row->{code}->($app, $call);
    $answer->{status} = $row->{method} eq 'POST' ? 200 : 201
        if $app->config->{status_quirk}
        && ($answer->{status} == 201 || $row->{method} eq 'PATCH');
    return $answer;
}

# ---- who --------------------------------------------------------------------

sub _unauthorized ($message) {
    die Auth0M2M::Tenant::Problem::unauthorized($message);
}

sub _scopes_of ($app, $req) {
    my ($header) = header($req, 'authorization');
    die problem(401, 'Missing authentication') if !defined $header;
    my ($token) = $header =~ /\ABearer +(\S+)\z/i;
    my $jws = defined $token
        ? Auth0M2M::Tenant::Keys::split_jws($token)
        : undef;
    die problem(400, 'Bad HTTP authentication header format') if !$jws;
    _unauthorized('Invalid signature received for JSON Web Token validation.')
        if !_verified($app, $token, $jws);
    my $claims = $jws->{payload};
    _unauthorized('Expired token received for JSON Web Token validation')
        if ($claims->{exp} // 0) <= time;
    _unauthorized('Invalid token')
        if ($claims->{iss} // '') ne $app->issuer
        || ($claims->{aud} // '') ne $app->audience
        || ($claims->{iat} // 0) <= $app->revoked_until;
    return { map { $_ => 1 } split / /, $claims->{scope} // '' };
}

# Verifying costs more than all else; a token is verified once.
sub _verified ($app, $token, $jws) {
    my $seen = $app->{verified_tokens} //= {};
    return 1 if ($seen->{$token} // '') eq ($jws->{header}{kid} // '');
    return 0 if !$app->key_set->verify($jws);
    %$seen = () if keys %$seen > 1000;
    $seen->{$token} = $jws->{header}{kid};
    return 1;
}

# ---- what -------------------------------------------------------------------

sub _refuse ($what, $code, @errors) {
    die problem(400, errors_text($what, @errors), $code) if @errors;
    return;
}

sub _check_params ($call) {
    my $schemas = $call->{row}{params} // {};
    _refuse('Path', 'invalid_uri', map {
        check($schemas->{$_}, $call->{params}{$_}, $_)
    } sort keys %$schemas);
    return;
}

my %LITERAL = (true => Mojo::JSON->true, false => Mojo::JSON->false);

# Query values become what their schema says, where they look like it.
sub _check_query ($call) {
    my $schemas = $call->{row}{query} // {};
    my %typed;
    for my $name (grep { $schemas->{$_} } keys %{ $call->{req}{query} }) {
        my $value = $call->{req}{query}{$name};
        utf8::decode($value);
        my $type = $schemas->{$name}{type}[0];
        $value = $LITERAL{$value} // $value if $type eq 'boolean';
        $value += 0 if $type eq 'integer' && $value =~ /\A-?\d{1,9}\z/;
        $typed{$name} = $value;
    }
    _refuse('Query', 'invalid_query_string',
        (map { [ "Missing required property: $_", '' ] }
            grep { $schemas->{$_}{required_here} && !defined $typed{$_} }
            sort keys %$schemas),
        map { check($schemas->{$_}, $typed{$_}, $_) } sort keys %typed);
    $call->{query} = \%typed;
    return;
}

sub _body ($call) {
    my $req = $call->{req};
    my ($type) = header($req, 'content-type');
    my $body = length $req->{body} ? eval { decode_json($req->{body}) } : {};
    die problem(400, 'Invalid request payload JSON format')
        if $@ && length $req->{body};
    die problem(415, 'Unsupported Media Type')
        if length $req->{body}
        && ($type // '') !~ m{\Aapplication/(?:[\w.-]+\+)?json\b}i;
    _refuse('Payload', 'invalid_body', check($call->{row}{body}, $body));
    return $body;
}

1;
