package Auth0M2M::Tenant::Problem;

# Error answers as Auth0 words them.  Handlers die with one.

use v5.36;

use Exporter 'import';

use Auth0M2M::Tenant::Wire qw(json_answer reason);

our @EXPORT_OK = qw(problem token_problem usual_problem not_found
    require_scope);

# The Management API's shape; errorCode is absent from several.
sub problem ($status, $message, $code = undef, %more) {
    return json_answer($status, {
        statusCode => $status,
        error      => reason($status),
        message    => $message,
        (defined $code ? (errorCode => $code) : ()),
        %more,
    }, $status == 401
        ? ([ 'www-authenticate', "Bearer error=\"$message\"" ])
        : ());
}

sub unauthorized ($message) {
    return problem(401, $message, undef,
        attributes => { error => $message });
}

# The shape of /oauth/token.
sub token_problem ($status, $error, $description, $uri = undef) {
    return json_answer($status, {
        error             => $error,
        error_description => $description,
        (defined $uri ? (error_uri => $uri) : ()),
    });
}

my %NOT_FOUND = (
    orgs    => ['No organization found by that id or name'],
    clients => [ 'The client does not exist', 'inexistent_client' ],
    users   => [ 'The user does not exist.', 'inexistent_user' ],
    grants  => [ 'The grant does not exist.', 'inexistent_client_grant' ],
);

sub not_found ($kind) { problem(404, @{ $NOT_FOUND{$kind} }) }

# The call must have been made with any one of these.
sub require_scope ($call, @any) {
    return if grep { $call->{scopes}{$_} } @any;
    die insufficient_scope(@any);
}

sub insufficient_scope (@any) {
    return problem(403, 'Insufficient scope, expected any of: '
            . join(',', @any), 'insufficient_scope');
}

my %USUAL = (
    400 => sub (@) { problem(400, 'Bad Request', 'invalid_body') },
    401 => sub (@) { unauthorized('Invalid token') },
    403 => sub ($scopes) { insufficient_scope(@$scopes) },
    404 => sub (@) { problem(404, 'Not Found') },
    409 => sub (@) { problem(409, 'Conflict') },
    429 => sub (@) {
        problem(429, 'Global limit has been reached', 'too_many_requests');
    },
    500 => sub (@) { problem(500, 'An internal server error occurred') },
);

my %USUAL_TOKEN = (
    400 => [ 'invalid_request',   'Bad Request' ],
    401 => [ 'access_denied',     'Unauthorized' ],
    403 => [ 'access_denied',     'Forbidden' ],
    429 => [ 'too_many_requests', 'Client quota exceeded' ],
);

# What Auth0 itself would most likely say with this status.
sub usual_problem ($status, $step, $scopes) {
    if ($step eq 'token') {
        my $texts = $USUAL_TOKEN{$status} // [ 'server_error', 'error' ];
        return token_problem($status, @$texts);
    }
    return $USUAL{$status}->($scopes) if $USUAL{$status};
    return problem($status, reason($status));
}

1;
