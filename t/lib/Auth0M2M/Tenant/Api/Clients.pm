package Auth0M2M::Tenant::Api::Clients;

# Applications.

use v5.36;

use Mojo::JSON qw(true false);

use Auth0M2M::Tenant::Api::Lists qw(list_answer pick_fields PAGING CHECKPOINT
    FIELDS);
use Auth0M2M::Tenant::Api::Organizations ();
use Auth0M2M::Tenant::Api::Users         ();
use Auth0M2M::Tenant::Problem            qw(not_found problem
    require_scope);
use Auth0M2M::Tenant::Schema             qw(array bool enum object string);
use Auth0M2M::Tenant::Store              ();
use Auth0M2M::Tenant::Wire               qw(json_answer);

my %DEFAULT_ORGANIZATION = (
    organization_id => string('The default Organization ID to be used',
        format => 'organization-id'),
    flows => array('The default Organization usage',
        enum('', 'client_credentials')),
);

# Members that are checked.
my %CHECKED = (
    name => string('Name of this client (min length: 1 character, does not '
            . 'allow `<` or `>`).', pattern => '^[^<>]+$'),
    description => string('Free text description of this client (max length: '
            . '140 characters).', maxLength => 140),
    app_type => enum('The type of application this client represents',
        qw(native spa regular_web non_interactive resource_server
            express_configuration)),
    grant_types => array('List of grant types supported for this application.',
        string('', minLength => 1)),
    token_endpoint_auth_method => enum('Defines the requested authentication '
            . 'method for the token endpoint.',
        qw(none client_secret_post client_secret_basic)),
    is_first_party  => bool('Whether this client a first party client or not'),
    oidc_conformant => bool('Whether this client conforms to strict OIDC '
            . 'specifications'),
    jwt_configuration => object('Configuration related to JWTs for the '
            . 'client.', {}),
    client_metadata => object('Metadata associated with the client, in the '
            . 'form of an object with string values (max 255 chars). Maximum '
            . 'of 10 metadata properties allowed.', {}, maxProperties => 10,
        additional => { type => [qw(string null)], maxLength => 255 }),
    default_organization => {
        %{ object('Defines the default Organization ID and flows',
            \%DEFAULT_ORGANIZATION,
            required => [qw(organization_id flows)], additional => 0) },
        type => [qw(object null)],
    },
    organization_usage => enum('Defines how to proceed during an '
            . 'authentication transaction with regards an organization.',
        qw(deny allow require)),
    organization_require_behavior => enum('Defines how to proceed during an '
            . 'authentication transaction when organization_usage is '
            . 'require.', qw(no_prompt pre_login_prompt post_login_prompt)),
    client_authentication_methods => {
        %{ object('Defines client authentication methods.', {},
            minProperties => 1, maxProperties => 1) },
        type => [qw(object null)],
    },
);

# Members that are taken as they come.
my %TAKEN = map { $_ => {} } qw(
    logo_uri callbacks oidc_logout oidc_backchannel_logout session_transfer
    allowed_origins web_origins client_aliases allowed_clients
    allowed_logout_urls is_token_endpoint_ip_header_trusted encryption_key sso
    cross_origin_authentication cross_origin_loc sso_disabled
    custom_login_page_on custom_login_page custom_login_page_preview
    form_template addons mobile initiate_login_uri native_social_login
    fedcm_login refresh_token organization_discovery_methods
    require_pushed_authorization_requests require_proof_of_possession
    signed_request_object token_vault_privileged_access compliance_level
    token_exchange par_request_expiry token_quota
    third_party_security_mode redirection_policy
);

my $CREATE = object('', { %CHECKED, %TAKEN, resource_server_identifier => {} },
    required => ['name'], additional => 0);

# In a PATCH null unsets.
my $UPDATE = object('', {
    %TAKEN,
    (map { $_ => { %{ $CHECKED{$_} }, type => [
            @{ $CHECKED{$_}{type} }, 'null' ] } }
        grep { $_ ne 'name' } keys %CHECKED),
    name => $CHECKED{name},
    client_secret => string('The secret used to sign tokens for the client',
        minLength => 1),
}, minProperties => 1, additional => 0);

sub rows () {
    my $one  = '/clients/{id}';
    my @keys = ('update:client_keys');
    return (
        { name => 'client_create', method => 'POST', path => '/clients',
            scopes => ['create:clients'], body => $CREATE,
            code => \&_create },
        { name => 'client_list', method => 'GET', path => '/clients',
            scopes => [qw(read:clients read:client_keys)],
            query => { PAGING, CHECKPOINT, FIELDS,
                app_type => string('Optional filter by a comma-separated '
                        . 'list of application types.'),
                is_first_party => bool('Optional filter on whether or not a '
                        . 'client is a first-party client.'),
                is_global => bool('Optional filter on the global client '
                        . 'parameter.'),
                q => string('Advanced Query') },
            code => \&_list },
        { name => 'client_get', method => 'GET', path => $one,
            scopes => [qw(read:clients read:client_keys
                read:client_credentials)],
            query => {FIELDS}, code => \&_get },
        { name => 'client_update', method => 'PATCH', path => $one,
            scopes => ['update:clients'], body => $UPDATE,
            code => \&_update },
        { name => 'client_rotate', method => 'POST',
            path => "$one/rotate-secret", scopes => \@keys,
            code => \&_rotate },
        { name => 'client_delete', method => 'DELETE', path => $one,
            scopes => ['delete:clients'], code => \&_delete },
    );
}

sub _stored ($app, $call) {
    return $app->store->get(clients => $call->{params}{id})
        // die not_found('clients');
}

# Members whose name begins with - are the tenant's own.
sub _public ($client) {
    return { map { $_ => $client->{$_} } grep { !/\A-/ } keys %$client };
}

my %SUMMARY = map { $_ => 1 } qw(client_id name app_type description
    client_secret);

# As these scopes may see it.
sub view ($call, $client) {
    my $may  = $call->{scopes};
    my $seen = _public($client);
    delete $seen->{client_secret}
        if !$may->{'read:client_keys'} && !$may->{'read:client_credentials'};
    return $seen if $may->{'read:clients'} || $may->{'read:client_keys'};
    delete @$seen{ grep { !$SUMMARY{$_} } keys %$seen };
    return $seen;
}

# An application as stored, from the fields of POST /clients.  The grant
# types are all four whatever the type of the application.
sub record ($app, %new) {
    my $key = _public_key(delete $new{client_authentication_methods});
    return {
        tenant          => ($app->domain =~ /\A([^.]+)/)[0],
        global          => false,
        is_first_party  => true,
        oidc_conformant => false,
        sso_disabled    => false,
        callback_url_template => false,
        cross_origin_auth     => false,
        custom_login_page_on  => true,
        encrypted             => true,
        is_token_endpoint_ip_header_trusted => false,
        grant_types => [qw(authorization_code implicit refresh_token
            client_credentials)],
        jwt_configuration => { secret_encoded => false,
            lifetime_in_seconds => 36000 },
        refresh_token => { rotation_type => 'non-rotating',
            expiration_type => 'non-expiring', leeway => 0,
            token_lifetime  => 2592000, infinite_token_lifetime => true,
            idle_token_lifetime => 1296000,
            infinite_idle_token_lifetime => true },
        signing_keys => [ { cert => $app->key_set->certificate,
            subject => '/CN=' . $app->domain } ],
        client_id     => Auth0M2M::Tenant::Store::alnum(32),
        $key ? ('-public_key' => $key)
        : (client_secret => Auth0M2M::Tenant::Store::new_secret()),
        ($app->config->{unknown_fields} ? (length => 0, next => undef) : ()),
        %new,
    };
}

sub _public_key ($methods) {
    my $credentials = $methods && $methods->{private_key_jwt}{credentials};
    return ref $credentials eq 'ARRAY' ? $credentials->[0]{pem} : undef;
}

sub _check_organization ($app, $body) {
    my $default = $body->{default_organization} or return;
    die problem(400, 'Payload validation error: default organization does '
            . 'not exist', 'invalid_body')
        if !$app->store->get(orgs => $default->{organization_id});
    return;
}

sub _create ($app, $call) {
    _check_organization($app, $call->{body});
    Auth0M2M::Tenant::Api::Organizations::require_room($app, 'client_limit',
        'clients');
    my $client = record($app, %{ $call->{body} });
    $app->store->put(clients => $client->{client_id}, $client);
    return json_answer(201, _public($client));
}

sub _get ($app, $call) {
    return json_answer(200,
        pick_fields($call, view($call, _stored($app, $call))));
}

# ---- the list ---------------------------------------------------------------

sub _list ($app, $call) {
    my $wanted  = _wanted($app, $call->{query});
    my @records = grep { $wanted->($_->{data}) }
        $app->store->visible('clients', $call->{row}{name});
    my $down = $app->config->{client_order} eq 'newest';
    @records = reverse @records if $down;
    return list_answer($app, $call, \@records, name => 'clients',
        checkpoint => 1, descending => $down,
        view => sub ($record) { view($call, $record->{data}) });
}

sub _wanted ($app, $query) {
    my %types = map { $_ => 1 } split /,/, $query->{app_type} // '';
    my $found = defined $query->{q} ? _search($app, $query->{q}) : undef;
    my %flag  = (is_first_party => 'is_first_party', is_global => 'global');
    return sub ($client) {
        return 0 if %types && !$types{ $client->{app_type} // '' };
        return 0 if $found && !$found->{ $client->{client_id} };
        return !grep {
            defined $query->{$_} && !!$query->{$_} ne !!$client->{ $flag{$_} }
        } keys %flag;
    };
}

# The two queries there are; ids of the clients that fit.
sub _search ($app, $q) {
    my @grants = $app->store->all('grants');
    if ($q =~ /\Aclient_grant\.organization_id:"?(org_\w+)"?\z/) {
        my $org = $1;
        @grants = grep { $app->store->get(org_grants => "$org/$_->{id}") }
            @grants;
    }
    elsif ($q eq 'client_grant.allow_any_organization:true') {
        @grants = grep { $_->{allow_any_organization} } @grants;
    }
    else {
        die problem(400, "Query validation error: 'Invalid query'.",
            'invalid_query_string');
    }
    return { map { $_->{client_id} // '' => 1 } @grants };
}

# ---- changes ----------------------------------------------------------------

sub _update ($app, $call) {
    my $client = _stored($app, $call);
    my %new    = %{ $call->{body} };
    require_scope($call, 'update:client_keys')
        if exists $new{client_secret};
    _check_organization($app, \%new);
    $new{client_metadata} = Auth0M2M::Tenant::Api::Users::merge(
        $client->{client_metadata}, $new{client_metadata})
        if $new{client_metadata};
    my $key = _public_key(delete $new{client_authentication_methods});
    my %changed = (%$client, %new, $key ? ('-public_key' => $key) : ());
    delete @changed{ grep { !defined $changed{$_} && exists $new{$_} }
            keys %changed };
    $app->store->put(clients => $client->{client_id}, \%changed);
    return json_answer(200, view($call, \%changed));
}

sub _rotate ($app, $call) {
    my $client = _stored($app, $call);
    my $config = $app->config;
    my %new    = (%$client,
        client_secret => Auth0M2M::Tenant::Store::new_secret());
    $new{-rotation} = { old => $client->{client_secret},
        until => $app->now + $config->{rotation_window},
        mode  => $config->{rotation_mode} };
    $app->store->put(clients => $client->{client_id}, \%new);
    return json_answer(200, _public(\%new));
}

# Nothing to delete is no error.
sub _delete ($app, $call) {
    $app->store->drop_client($call->{params}{id}, $app->config->{cascade});
    return { status => 204, headers => [] };
}

1;
