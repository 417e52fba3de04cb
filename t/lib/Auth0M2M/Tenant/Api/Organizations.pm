package Auth0M2M::Tenant::Api::Organizations;

# Organizations and their members.

use v5.36;

use Mojo::JSON qw(false);

use Auth0M2M::Tenant::Api::Lists qw(list_answer PAGING CHECKPOINT FIELDS);
use Auth0M2M::Tenant::Problem    qw(not_found problem
    require_scope);
use Auth0M2M::Tenant::Schema     qw(array bool object string);
use Auth0M2M::Tenant::Store      ();
use Auth0M2M::Tenant::Wire       qw(json_answer);

our %ID = (id => string('Organization identifier.', maxLength => 50));

my %FIELDS_OF = (
    name => string('The name of this organization.', minLength => 1,
        maxLength => 50, format => 'organization-name'),
    display_name => string('Friendly name of this organization.',
        minLength => 1, maxLength => 255),
    branding => object('Theme defines how to style the login pages.', {
        logo_url => string('URL of logo to display on login page.',
            format => 'strict-uri'),
        colors => object('Color scheme used to customize the login pages.',
            {}),
    }, additional => 0),
    metadata => object('Metadata associated with the organization, in the '
            . 'form of an object with string values (max 255 chars). Maximum '
            . 'of 25 metadata properties allowed.', {}, maxProperties => 25,
        additional => { type => [qw(string null)], maxLength => 255 }),
    token_quota => { type => [qw(object null)] },
    third_party_client_access => string('', enum => [qw(allow block)]),
    is_app_entitlement_active => bool(''),
);

my $CREATE = object('', {
    %FIELDS_OF,
    enabled_connections => array('Connections that will be enabled for this '
            . 'organization.',
        object('Connection to be added to the organization.', {
            connection_id => string('ID of the connection.'),
            assign_membership_on_login => bool(''),
            show_as_button             => bool(''),
            is_signup_enabled          => bool(''),
        }, required => ['connection_id'], additional => 0),
        maxItems => 10),
}, required => ['name'], additional => 0);

my $UPDATE = object('', { %FIELDS_OF,
    metadata => { %{ $FIELDS_OF{metadata} }, type => [qw(object null)] },
}, additional => 0);

my $MEMBERS = object('', {
    members => array('List of user IDs to add to the organization as members.',
        { type => ['string'], format => 'user-id-with-max-length' },
        minItems => 1),
}, required => ['members']);

sub rows () {
    my @read    = ('read:organizations');
    my $one     = '/organizations/{id}';
    my $members = "$one/members";
    return (
        { name => 'organization_create', method => 'POST',
            path => '/organizations', scopes => ['create:organizations'],
            body => $CREATE, code => \&_create },
        { name => 'organization_by_name', method => 'GET',
            path => '/organizations/name/{name}', scopes => \@read,
            params => { name => string(
                'name of the organization to retrieve.',
                minLength => 1, maxLength => 50) },
            code => \&_by_name },
        { name => 'organization_list', method => 'GET',
            path => '/organizations', scopes => \@read,
            query => { PAGING, CHECKPOINT,
                sort => string('Field to sort by.') },
            code => \&_list },
        { name => 'organization_get', method => 'GET', path => $one,
            scopes => \@read, params => \%ID, code => \&_get },
        { name => 'organization_update', method => 'PATCH', path => $one,
            scopes => ['update:organizations'], params => \%ID,
            body => $UPDATE, code => \&_update },
        { name => 'organization_delete', method => 'DELETE', path => $one,
            scopes => ['delete:organizations'], params => \%ID,
            code => \&_delete },
        { name => 'member_add', method => 'POST', path => $members,
            scopes => ['create:organization_members'], params => \%ID,
            body => $MEMBERS, code => \&_add_members },
        { name => 'member_list', method => 'GET', path => $members,
            scopes => ['read:organization_members'], params => \%ID,
            query => { PAGING, CHECKPOINT, FIELDS },
            code => \&_list_members },
        { name => 'member_remove', method => 'DELETE', path => $members,
            scopes => ['delete:organization_members'], params => \%ID,
            body => $MEMBERS, code => \&_remove_members },
    );
}

# The organization of the path; dies with a 404.
sub stored ($app, $call) {
    return $app->store->get(orgs => $call->{params}{id})
        // die not_found('orgs');
}

# As shown: recent tenants add fields that no specification knows.
sub view ($app, $org) {
    return $org if !$app->config->{unknown_fields};
    return { third_party_client_access => 'block',
        is_app_entitlement_active => false, %$org };
}

sub require_feature ($app) {
    die problem(403, 'Please upgrade your subscription to use organizations',
        'feature_not_enabled')
        if !$app->config->{organizations};
    return;
}

# Dies when one more would exceed a limit of the tenant.
sub require_room ($app, $limit, $kind) {
    my $most = $app->config->{$limit};
    die problem(403, 'You reached the limit of entities of this type for '
            . 'this tenant.', 'too_many_entities')
        if $most && $app->store->count($kind) >= $most;
    return;
}

sub record (%new) {
    return { id => 'org_' . Auth0M2M::Tenant::Store::alnum(16),
        display_name => $new{name}, %new };
}

sub _require_new_name ($app, $name, $id = '') {
    my $other = $app->store->org_named($name) // return;
    die problem(409, 'An organization with this name already exists.',
        'organization_conflict')
        if $other->{id} ne $id;
    return;
}

sub _create ($app, $call) {
    my %new = %{ $call->{body} };
    require_scope($call,
        'create:organization_connections')
        if delete $new{enabled_connections};
    require_feature($app);
    _require_new_name($app, $new{name});
    require_room($app, 'org_limit', 'orgs');
    my $org = record(%new);
    $app->store->put(orgs => $org->{id}, $org);
    return json_answer(201, view($app, $org));
}

sub _by_name ($app, $call) {
    my $org = $app->store->org_named($call->{params}{name})
        // die not_found('orgs');
    return json_answer(200, view($app, $org));
}

sub _get ($app, $call) {
    return json_answer(200, view($app, stored($app, $call)));
}

sub _list ($app, $call) {
    my @records = $app->store->visible('orgs', $call->{row}{name});
    return list_answer($app, $call, \@records, name => 'organizations',
        checkpoint => 1,
        view => sub ($record) { view($app, $record->{data}) });
}

sub _update ($app, $call) {
    my $org = stored($app, $call);
    my $new = $call->{body};
    _require_new_name($app, $new->{name}, $org->{id})
        if defined $new->{name};
    my %changed = (%$org, %$new);
    delete @changed{ grep { !defined $changed{$_} } keys %changed };
    $app->store->put(orgs => $org->{id}, \%changed);
    return json_answer(200, view($app, \%changed));
}

sub _delete ($app, $call) {
    $app->store->drop_org(stored($app, $call)->{id});
    return { status => 204, headers => [] };
}

sub _add_members ($app, $call) {
    my $org     = stored($app, $call);
    my @members = @{ $call->{body}{members} };
    my @unknown = grep { !$app->store->get(users => $_) } @members;
    die problem($app->config->{unknown_member},
        'One or more of the specified users do not exist.', 'invalid_body')
        if @unknown && $app->config->{unknown_member} != 204;
    for my $id (grep { $app->store->get(users => $_) } @members) {
        my $key = "$org->{id}/$id";
        $app->store->put(members => $key, { user_id => $id })
            if !$app->store->get(members => $key);
    }
    return { status => 204, headers => [] };
}

sub _list_members ($app, $call) {
    my $prefix  = stored($app, $call)->{id} . '/';
    my @records = grep { index($_->{key}, $prefix) == 0 }
        $app->store->visible('members', $call->{row}{name});
    @records = grep { $app->store->get(users => $_->{data}{user_id}) }
        @records;
    return list_answer($app, $call, \@records, name => 'members',
        checkpoint => 1,
        view => sub ($record) {
            my $user = $app->store->get(users => $record->{data}{user_id});
            return { map { $_ => $user->{$_} } grep { defined $user->{$_} }
                    qw(user_id email picture name) };
        });
}

sub _remove_members ($app, $call) {
    my $org = stored($app, $call);
    $app->store->drop(members => "$org->{id}/$_")
        for @{ $call->{body}{members} };
    return { status => 204, headers => [] };
}

1;
