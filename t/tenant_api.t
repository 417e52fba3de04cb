#!/usr/bin/perl

# The stand-in of an Auth0 tenant: the Management API, row by row.

use v5.36;

use FindBin    qw($Bin);
use Mojo::JSON qw(encode_json false true);

use Test::More;

use lib "$Bin/lib";
use Auth0M2M::Tenant;
use Auth0M2M::Tenant::Probe qw(call claims eventually);

my $t    = Auth0M2M::Tenant->start(seed => 'demo');
my $demo = $t->demo;
my $port = $t->http_port;
my $api  = $demo->{audience};

# ---- who asks ---------------------------------------------------------------

# A Management token with exactly these scopes.
sub bearer (@scopes) {
    return 'Bearer ' . $t->token(audience => $t->audience,
        client_id => 'tester', scope => \@scopes);
}

# One call; the scopes default to all that the API knows.
my $all = bearer(@{ (grep { $_->{identifier} eq $t->audience }
    @{ $t->dump->{apis} })[0]{scopes} });

sub ask ($method, $path, $body = undef, %o) {
    return call($port, $method, "/api/v2$path", $body,
        Authorization => $o{bearer} // $all, @{ $o{headers} // [] });
}

# ---- what answers look like -------------------------------------------------

my %TYPE = (
    text => sub { defined $_[0] && !ref $_[0] },
    bool => sub { ref $_[0] eq ref true },
    int  => sub { defined $_[0] && $_[0] =~ /\A\d+\z/ },
    list => sub { ref $_[0] eq 'ARRAY' },
    hash => sub { ref $_[0] eq 'HASH' },
    any  => sub { 1 },
    org_id    => sub { ($_[0] // '') =~ /\Aorg_[A-Za-z0-9]{16}\z/ },
    grant_id  => sub { ($_[0] // '') =~ /\Acgr_[A-Za-z0-9]{16}\z/ },
    client_id => sub { ($_[0] // '') =~ /\A[A-Za-z0-9]{32}\z/ },
    secret    => sub { ($_[0] // '') =~ /\A[A-Za-z0-9_-]{64}\z/ },
    user_id   => sub { ($_[0] // '') =~ /\Aauth0\|[0-9a-f]{24}\z/ },
    time => sub {
        ($_[0] // '') =~ /\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/;
    },
);

# "name:type ..." to a hash; a trailing ? makes a member optional.
sub shape ($text) {
    return { map { my ($name, $type) = split /:/; $name => $type }
            split ' ', $text };
}

my $USER = shape('created_at:time updated_at:time email:text '
    . 'email_verified:bool identities:list user_id:user_id name:text '
    . 'nickname:text picture:text app_metadata:hash?');
my $ORG = shape('id:org_id name:text display_name:text metadata:hash? '
    . 'third_party_client_access:text is_app_entitlement_active:bool');
my $CLIENT = shape('name:text client_id:client_id client_secret:secret '
    . 'app_type:text? description:text? client_metadata:hash? '
    . 'default_organization:hash? organization_usage:text? '
    . 'token_endpoint_auth_method:text? is_first_party:bool '
    . 'oidc_conformant:bool grant_types:list jwt_configuration:hash '
    . 'signing_keys:list refresh_token:hash tenant:text global:bool '
    . 'encrypted:bool callback_url_template:bool cross_origin_auth:bool '
    . 'custom_login_page_on:bool sso_disabled:bool '
    . 'is_token_endpoint_ip_header_trusted:bool length:int next:any');
my $GRANT = shape('id:grant_id client_id:client_id audience:text scope:list '
    . 'subject_type:text organization_usage:text? '
    . 'allow_any_organization:bool?');
my $ORG_GRANT = shape('grant_id:grant_id client_id:client_id audience:text '
    . 'scope:list organization_usage:text? allow_any_organization:bool?');
my $MEMBER = shape('user_id:user_id email:text picture:text name:text');
my $PROBLEM = shape('statusCode:int error:text message:text errorCode:text? '
    . 'attributes:hash?');

# Differences between a value and a shape.
sub misfits ($value, $shape) {
    return misfits_each($value, $shape->[0]) if ref $shape eq 'ARRAY';
    return 'no object' if ref $value ne 'HASH';
    my @bad = map {"unknown member $_"}
        grep { !$shape->{$_} } sort keys %$value;
    for my $name (sort keys %$shape) {
        my ($type, $optional) = $shape->{$name} =~ /\A(\w+)(\??)\z/;
        next if $optional && !exists $value->{$name};
        push @bad, "$name is no $type"
            if !exists $value->{$name} || !$TYPE{$type}->($value->{$name});
    }
    return @bad;
}

sub misfits_each ($value, $shape) {
    return 'no list' if ref $value ne 'ARRAY';
    return 'empty list' if !@$value;
    return map { misfits($_, $shape) } @$value;
}

# ---- the table --------------------------------------------------------------

# Things to work on, made anew for each row.
sub fixtures () {
    my $org  = $t->add_org(name => 'fix-' . int(rand 1e9));
    my $user = $t->add_user(email => 'fix' . int(rand 1e9) . '@x.example');
    $t->add_member($org->{id}, $user->{user_id});
    my $client = $t->add_client(name => 'fixture', app_type => 'spa');
    my $loose  = $t->add_client(name => 'loose');
    my $grant  = $t->add_grant(client_id => $client->{client_id},
        audience => $api, scope => ['read:orders'],
        organization_usage => 'allow', orgs => [ $org->{id} ]);
    my $free = $t->add_grant(client_id => $loose->{client_id},
        audience => $api, scope => ['read:orders']);
    return (org => $org->{id}, org_name => $org->{name},
        user => $user->{user_id} =~ s/\|/%7C/r, user_id => $user->{user_id},
        email => $user->{email}, client => $client->{client_id},
        loose => $loose->{client_id}, grant => $grant->{id},
        free  => $free->{id}, api => $api, unique => 'u' . int rand 1e9);
}

# "{name}" in texts and structures.
sub fill ($value, $f) {
    return [ map { fill($_, $f) } @$value ] if ref $value eq 'ARRAY';
    return { map { $_ => fill($value->{$_}, $f) } keys %$value }
        if ref $value eq 'HASH';
    return $value if !defined $value || ref $value;
    return $value =~ s/\{(\w+)\}/$f->{$1}/gr;
}

my $NO_ORG  = [ 404, 'No organization found by that id or name', undef ];
my $NO_USER = [ 404, 'The user does not exist.', 'inexistent_user' ];
my $NO_CLIENT = [ 404, 'The client does not exist', 'inexistent_client' ];
my $NO_GRANT  = [ 404, 'The grant does not exist.',
    'inexistent_client_grant' ];
my $ABSENT = 'org_0000000000000000';

sub payload ($text) { [ 400, "Payload validation error: $text.",
    'invalid_body' ] }
sub query ($text) { [ 400, "Query validation error: $text.",
    'invalid_query_string' ] }
sub path ($text) { [ 400, "Path validation error: $text.", 'invalid_uri' ] }

my $USER_PATTERN = path(q{'String does not match pattern ^.+\|.+$: x' on }
    . 'property id (The user_id of the user to retrieve)');
my $PAGE = q{'Value 101 is greater than maximum 100' on property per_page }
    . '(Number of results per page)';
my $CLIENT_NAME = '(Name of this client (min length: 1 character, does not '
    . 'allow `<` or `>`))';

# [ method, path, body, scopes that suffice, status, shape or undef,
#   [ [path or undef, body or undef], [status, message, errorCode] ] ... ]
my @TABLE = (
    [ GET => '/users-by-email?email={email}', undef, 'read:users', 200,
        [$USER],
        [ [ '/users-by-email' ],
            query(q{'Missing required property: email'}) ] ],
    [ POST => '/users', { connection => 'c', email => '{unique}@X.example',
            app_metadata => { a => 1 } }, 'create:users', 201, $USER,
        [ [ undef, { email => 'a@b.example' } ],
            payload(q{'Missing required property: connection'}) ],
        [ [ undef, { connection => 'c', name => '' , x => 1 } ],
            payload(q{'Additional properties not allowed: x' (also) Payload }
                . q{validation error: 'String is too short (0 chars), }
                . q{minimum 1' on property name (The user's full name)}) ],
        [ [ undef, { connection => 'Username-Password-Authentication',
                    email => '{email}' } ],
            [ 409, 'The user already exists.', 'auth0_idp_error' ] ] ],
    [ GET => '/users/{user}', undef, 'read:users', 200, $USER,
        [ ['/users/auth0%7Cnobody'], $NO_USER ], [ ['/users/x'],
            $USER_PATTERN ] ],
    [ PATCH => '/users/{user}', { app_metadata => { k => 'v' } },
        'update:users update:users_app_metadata', 200, $USER,
        [ [ '/users/auth0%7Cnobody', {} ], $NO_USER ],
        [ [ undef, { blocked => 'x' } ],
            payload(q{'Expected type boolean but found type string' on }
                . 'property blocked (Whether this user was blocked by an '
                . 'administrator (true) or not (false))') ] ],
    [ GET => '/users/{user}/organizations', undef,
        'read:users read:organizations', 200, [$ORG],
        [ ['/users/auth0%7Cnobody/organizations'], $NO_USER ],
        [ ['/users/{user}/organizations?per_page=101'], query($PAGE) ] ],
    [ POST => '/organizations', { name => '{unique}',
            metadata => { customerId => 'c' } }, 'create:organizations', 201,
        $ORG,
        [ [ undef, { name => '{org_name}' } ],
            [ 409, 'An organization with this name already exists.',
                'organization_conflict' ] ],
        [ [ undef, { name => 'x' x 51 } ],
            payload(q{'String is too long (51 chars), maximum 50' on }
                . 'property name (The name of this organization) (also) '
                . q{Payload validation error: 'Object didn't pass validation }
                . 'for format organization-name: ' . 'x' x 51
                . q{' on property name (The name of this organization)}) ],
        [ [ undef, { name => 'a', metadata => { b => 1 } } ],
            payload(q{'Expected type string,null but found type integer' on }
                . 'property metadata.b') ],
        [ [ undef, [] ],
            payload(q{'Expected type object but found type array'}) ] ],
    [ GET => '/organizations/name/{org_name}', undef, 'read:organizations',
        200, $ORG, [ ['/organizations/name/nobody'], $NO_ORG ] ],
    [ GET => '/organizations', undef, 'read:organizations', 200, [$ORG],
        [ ['/organizations?page=20&per_page=50'],
            [ 400, 'You can only page through the first 1000 records.',
                'invalid_paging' ] ] ],
    [ GET => '/organizations/{org}', undef, 'read:organizations', 200, $ORG,
        [ ["/organizations/$ABSENT"], $NO_ORG ] ],
    [ PATCH => '/organizations/{org}', { display_name => 'New' },
        'update:organizations', 200, $ORG,
        [ [ "/organizations/$ABSENT", {} ], $NO_ORG ],
        [ [ undef, { name => 'acme' } ],
            [ 409, 'An organization with this name already exists.',
                'organization_conflict' ] ] ],
    [ DELETE => '/organizations/{org}', undef, 'delete:organizations', 204,
        undef, [ ["/organizations/$ABSENT"], $NO_ORG ] ],
    [ POST => '/organizations/{org}/members', { members => ['{user_id}'] },
        'create:organization_members', 204, undef,
        [ [ undef, { members => [] } ],
            payload(q{'Array is too short (0), minimum 1' on property }
                . 'members (List of user IDs to add to the organization as '
                . 'members)') ],
        [ [ undef, { members => ['auth0|nobody'] } ],
            [ 400, 'One or more of the specified users do not exist.',
                'invalid_body' ] ] ],
    [ GET => '/organizations/{org}/members', undef,
        'read:organization_members', 200, [$MEMBER],
        [ ["/organizations/$ABSENT/members"], $NO_ORG ] ],
    [ DELETE => '/organizations/{org}/members', { members => ['{user_id}'] },
        'delete:organization_members', 204, undef,
        [ [ undef, {} ],
            payload(q{'Missing required property: members'}) ] ],
    [ POST => '/clients', { name => 'k', app_type => 'non_interactive',
            client_metadata => { owner => 'auth0|x' },
            default_organization => { organization_id => '{org}',
                flows => ['client_credentials'] },
            organization_usage => 'require' }, 'create:clients', 201, $CLIENT,
        [ [ undef, { name => '<b>' } ],
            payload(q{'String does not match pattern ^[^<>]+$: <b>' on }
                . "property name $CLIENT_NAME") ],
        [ [ undef, { name => 'a', app_type => 'toaster' } ],
            payload(q{'No enum match for: toaster' on property app_type (The }
                . 'type of application this client represents)') ],
        [ [ undef, { name => 'a', default_organization => {
                        organization_id => '{org}' } } ],
            payload(q{'Missing required property: flows' on property }
                . 'default_organization (Defines the default Organization ID '
                . 'and flows)') ],
        [ [ undef, { name => 'a', client_metadata => {
                        map { $_ => 'x' } 1 .. 11 } } ],
            payload(q{'Too many properties defined (11), maximum 10' on }
                . 'property client_metadata (Metadata associated with the '
                . 'client, in the form of an object with string values (max '
                . '255 chars). Maximum of 10 metadata properties allowed)') ],
        [ [ undef, { name => 'a', token_dialect => 'x' } ],
            payload(q{'Additional properties not allowed: token_dialect'}) ] ],
    [ GET => '/clients', undef, 'read:clients read:client_keys', 200,
        [ { %$CLIENT, client_secret => 'secret?' } ],
        [ ['/clients?q=name:x'], query(q{'Invalid query'}) ] ],
    [ GET => '/clients/{client}', undef,
        'read:clients read:client_keys read:client_credentials', 200,
        $CLIENT, [ ['/clients/nobody'], $NO_CLIENT ] ],
    [ PATCH => '/clients/{client}', { description => 'd' }, 'update:clients',
        200, $CLIENT, [ [ '/clients/nobody', { name => 'x' } ], $NO_CLIENT ],
        [ [ undef, {} ],
            payload(q{'Too few properties defined (0), minimum 1'}) ] ],
    [ POST => '/clients/{client}/rotate-secret', undef, 'update:client_keys',
        200, $CLIENT, [ ['/clients/nobody/rotate-secret'], $NO_CLIENT ] ],
    [ DELETE => '/clients/{client}', undef, 'delete:clients', 204, undef ],
    [ POST => '/client-grants', { client_id => '{loose}',
            audience => '{api}/x', scope => ['a'],
            organization_usage => 'require', allow_any_organization => false },
        'create:client_grants', 201, $GRANT,
        [ [ undef, { client_id => '{client}', audience => '{api}' } ],
            [ 409, "A client grant already exists between {client} and $api",
                undef ] ],
        [ [ undef, { client_id => '{client}', audience => 'https://no/' } ],
            [ 404, 'Resource server not found', undef ] ],
        [ [ undef, { client_id => 'nobody', audience => '{api}' } ],
            [ 404, 'Client not found', undef ] ],
        [ [ undef, { client_id => '{loose}', audience => '{api}/x',
                    scope => ['z'] } ],
            [ 400, 'Payload validation error: scope must be a subset of '
                    . 'resource server scopes', 'invalid_body' ] ],
        [ [ undef, { client_id => '{loose}' } ],
            payload(q{'Missing required property: audience'}) ] ],
    [ GET => '/client-grants', undef, 'read:client_grants', 200, [$GRANT],
        [ ['/client-grants?subject_type=x'],
            query(q{'No enum match for: x' on property subject_type (The }
                . 'type of application access the client grant allows)') ] ],
    [ GET => '/client-grants/{grant}', undef, 'read:client_grants', 200,
        $GRANT, [ ['/client-grants/cgr_none'], $NO_GRANT ] ],
    [ PATCH => '/client-grants/{grant}', { scope => ['write:orders'] },
        'update:client_grants', 200, $GRANT,
        [ [ '/client-grants/cgr_none', { scope => [] } ], $NO_GRANT ] ],
    [ DELETE => '/client-grants/{grant}', undef, 'delete:client_grants', 204,
        undef,
        [ ['/client-grants/x-y'],
            path(q{'Object didn't pass validation for format client-grant-id:}
                . q{ x-y' on property id (The ID of the client grant)}) ] ],
    [ GET => '/client-grants/{grant}/organizations', undef,
        'read:organization_client_grants', 200, [$ORG],
        [ ['/client-grants/cgr_none/organizations'], $NO_GRANT ] ],
    [ GET => '/organizations/{org}/client-grants', undef,
        'read:organization_client_grants', 200, [$GRANT],
        [ ["/organizations/$ABSENT/client-grants"], $NO_ORG ] ],
    [ POST => '/organizations/{org}/client-grants', { grant_id => '{free}' },
        'create:organization_client_grants', 201, $ORG_GRANT,
        [ [ undef, { grant_id => '{grant}' } ],
            [ 409, 'The client grant has already been added to this '
                    . 'organization.', undef ] ],
        [ [ undef, { grant_id => 'cgr_0000000000000000' } ], $NO_GRANT ],
        [ [ "/organizations/$ABSENT/client-grants", { grant_id => '{free}' } ],
            [ 404, 'No organization found by that id', undef ] ] ],
    [ DELETE => '/organizations/{org}/client-grants/{grant}', undef,
        'delete:organization_client_grants', 204, undef,
        [ ["/organizations/$ABSENT/client-grants/{grant}"],
            [ 404, 'No organization found by that id.', undef ] ] ],
);

my $FORBIDDEN = 'Insufficient scope, expected any of: ';
$t->add_api(identifier => "$api/x", scopes => ['a']);

for my $row (@TABLE) {
    my ($method, $path, $body, $scopes, $status, $shape, @refusals) = @$row;
    subtest "$method $path" => sub { check_row(@$row) };
}

sub check_row ($method, $path, $body, $scopes, $status, $shape, @refusals) {
    my %f      = fixtures();
    my @scopes = split / /, $scopes;
    my $denied = ask($method, fill($path, \%f), fill($body, \%f),
        bearer => bearer('read:nothing'));
    is_deeply($denied->{json}, { statusCode => 403, error => 'Forbidden',
        message => $FORBIDDEN . join(',', @scopes),
        errorCode => 'insufficient_scope' }, 'without scope');
    for my $case (@refusals) {
        my ($request, $expected) = @$case;
        my ($other_path, $other_body) = @$request;
        $expected = fill($expected, \%f);
        my $answer = ask($method, fill($other_path // $path, \%f),
            fill($other_body // (defined $other_path ? $body : undef), \%f));
        my $seen = $answer->{json};
        is_deeply([ $answer->{status}, @$seen{qw(message errorCode)} ],
            $expected, "refusal: $expected->[1]");
        is_deeply([ misfits($seen, $PROBLEM) ], [], 'shape of the refusal');
    }
    my $answer = ask($method, fill($path, \%f), fill($body, \%f));
    is($answer->{status}, $status, 'success: status');
    is_deeply([ misfits($answer->{json}, $shape) ], [], 'success: shape')
        if $shape;
    is($answer->{body}, '', 'success: no body') if !$shape;
    ok(exists $answer->{header}{'x-ratelimit-remaining'}, 'rate headers');
    for my $scope (@scopes) {
        my %again = fixtures();
        is(ask($method, fill($path, \%again), fill($body, \%again),
                bearer => bearer($scope))->{status}, $status,
            "suffices: $scope");
    }
    return;
}

$t->stop;
done_testing;
