package Auth0M2M::Tenant::Api::Grants;

# Client grants and their association with organizations.

use v5.36;

use Mojo::JSON qw(false);

use Auth0M2M::Tenant::Api::Lists qw(list_answer PAGING CHECKPOINT);
use Auth0M2M::Tenant::Api::Organizations ();
use Auth0M2M::Tenant::Problem            qw(not_found problem);
use Auth0M2M::Tenant::Schema             qw(array bool enum object string);
use Auth0M2M::Tenant::Store              ();
use Auth0M2M::Tenant::Wire               qw(json_answer);

my %SCOPE = (minLength => 1, maxLength => 280);

my %SETTINGS = (
    scope => array('Scopes allowed for this client grant.',
        string('', %SCOPE)),
    organization_usage => enum('Defines whether organizations can be used '
            . 'with client credentials exchanges for this grant.',
        qw(deny allow require)),
    allow_any_organization => bool('If enabled, any organization can be used '
            . 'with this grant. If disabled (default), the grant must be '
            . 'explicitly assigned to the desired organizations.'),
    allow_all_scopes => bool('If enabled, all scopes configured on the '
            . 'resource server are allowed for this grant.'),
    authorization_details_types => array('Types of authorization_details '
            . 'allowed for this client grant.', string('', minLength => 1)),
);

my $CREATE = object('', {
    %SETTINGS,
    client_id => string('ID of the client.'),
    audience  => string('The audience (API identifier) of this client grant',
        minLength => 1),
    subject_type => enum('The type of application access the client grant '
            . 'allows.', qw(client user)),
    default_for => enum('Applies this client grant as the default for all '
            . 'clients in the specified group.', 'third_party_clients'),
}, required => ['audience'], additional => 0);

my $UPDATE = object('', {
    map { $_ => { %{ $SETTINGS{$_} },
            type => [ @{ $SETTINGS{$_}{type} }, 'null' ] } } keys %SETTINGS
}, minProperties => 1, additional => 0);

my $ASSOCIATE = object('', {
    grant_id => string('A Client Grant ID to add to the organization.',
        format => 'client-grant-id'),
}, required => ['grant_id'], additional => 0);

my %ID = (id => string('The ID of the client grant',
    format => 'client-grant-id'));

my %FILTERS = (
    audience     => string('Optional filter on audience.'),
    client_id    => string('Optional filter on client_id.'),
    subject_type => enum('The type of application access the client grant '
            . 'allows.', qw(client user)),
    allow_any_organization => bool('Optional filter on '
            . 'allow_any_organization.'),
);

sub rows () {
    return (_grant_rows(), _association_rows());
}

sub _grant_rows () {
    my ($all, $one) = ('/client-grants', '/client-grants/{id}');
    return (
        { name => 'grant_create', method => 'POST', path => $all,
            scopes => ['create:client_grants'], body => $CREATE,
            code => \&_create },
        { name => 'grant_list', method => 'GET', path => $all,
            scopes => ['read:client_grants'],
            query  => { PAGING, CHECKPOINT, %FILTERS }, code => \&_list },
        { name => 'grant_get', method => 'GET', path => $one,
            scopes => ['read:client_grants'], code => \&_get },
        { name => 'grant_update', method => 'PATCH', path => $one,
            scopes => ['update:client_grants'], body => $UPDATE,
            code => \&_update },
        { name => 'grant_delete', method => 'DELETE', path => $one,
            scopes => ['delete:client_grants'], params => \%ID,
            code => \&_delete },
    );
}

sub _association_rows () {
    my @read = ('read:organization_client_grants');
    my $all  = '/organizations/{id}/client-grants';
    my $org  = \%Auth0M2M::Tenant::Api::Organizations::ID;
    return (
        { name => 'grant_organizations', method => 'GET',
            path => '/client-grants/{id}/organizations', scopes => \@read,
            query => { PAGING, CHECKPOINT }, code => \&_organizations },
        { name => 'org_grant_list', method => 'GET', path => $all,
            scopes => \@read, params => $org,
            query => { PAGING, %FILTERS, grant_ids => string(
                'A comma-delimited list of grant IDs.') },
            code => \&_associated },
        { name => 'org_grant_add', method => 'POST', path => $all,
            scopes => ['create:organization_client_grants'], params => $org,
            body => $ASSOCIATE, code => \&_associate },
        { name => 'org_grant_remove', method => 'DELETE',
            path => "$all/{grant_id}",
            scopes => ['delete:organization_client_grants'],
            params => $org, code => \&_dissociate },
    );
}

sub _stored ($app, $id) {
    return $app->store->get(grants => $id) // die not_found('grants');
}

# ---- grants -----------------------------------------------------------------

sub record (%new) {
    my %grant = (id => 'cgr_' . Auth0M2M::Tenant::Store::alnum(16),
        subject_type => 'client', scope => [], %new);
    delete $grant{scope} if $grant{allow_all_scopes};
    $grant{allow_any_organization} //= false
        if defined $grant{organization_usage};
    return \%grant;
}

sub _check_scope ($api, $new) {
    my %known = map { $_ => 1 } @{ $api->{scopes} };
    die problem(400, 'Payload validation error: scope must be a subset of '
            . 'resource server scopes', 'invalid_body')
        if grep { !$known{$_} } @{ $new->{scope} // [] };
    return;
}

sub _check_parties ($app, $new) {
    die problem(400, 'Payload validation error: exactly one of client_id and '
            . 'default_for is required', 'invalid_body')
        if defined $new->{client_id} == defined $new->{default_for};
    die problem(404, 'Client not found')
        if defined $new->{client_id}
        && !$app->store->get(clients => $new->{client_id});
    return $app->store->get(apis => $new->{audience})
        // die problem(404, 'Resource server not found');
}

sub _check_new ($app, $grant) {
    my @same = grep {
        ($_->{client_id} // '') eq ($grant->{client_id} // '')
            && $_->{audience} eq $grant->{audience}
            && $_->{subject_type} eq $grant->{subject_type}
    } $app->store->all('grants');
    die problem(409, 'A client grant already exists between '
            . ($grant->{client_id} // $grant->{default_for})
            . " and $grant->{audience}")
        if @same;
    return;
}

sub _create ($app, $call) {
    my $new = $call->{body};
    my $api = _check_parties($app, $new);
    _check_scope($api, $new);
    Auth0M2M::Tenant::Api::Organizations::require_feature($app)
        if defined $new->{organization_usage};
    my $grant = record(%$new);
    _check_new($app, $grant);
    Auth0M2M::Tenant::Api::Organizations::require_room($app, 'grant_limit',
        'grants');
    return json_answer(201, $app->store->put(grants => $grant->{id}, $grant));
}

sub _filtered ($query, @records) {
    my @texts = grep { defined $query->{$_} }
        qw(audience client_id subject_type);
    my $any = $query->{allow_any_organization};
    return grep {
        my $grant = $_->{data};
        !(grep { ($grant->{$_} // '') ne $query->{$_} } @texts)
            && (!defined $any || !!$any eq !!$grant->{allow_any_organization})
    } @records;
}

sub _data ($record) { $record->{data} }

sub _list ($app, $call) {
    my @records = _filtered($call->{query},
        $app->store->visible('grants', $call->{row}{name}));
    return list_answer($app, $call, \@records, name => 'client_grants',
        limit => 100, checkpoint => 1, view => \&_data);
}

sub _get ($app, $call) {
    return json_answer(200, _stored($app, $call->{params}{id}));
}

sub _update ($app, $call) {
    my $grant = _stored($app, $call->{params}{id});
    my $new   = $call->{body};
    _check_scope($app->store->get(apis => $grant->{audience}), $new);
    my %changed = (%$grant, %$new);
    delete @changed{ grep { !defined $changed{$_} } keys %changed };
    delete $changed{scope} if $changed{allow_all_scopes};
    $app->store->put(grants => $grant->{id}, \%changed);
    return json_answer(200, \%changed);
}

# Nothing to delete is no error; a malformed id is.
sub _delete ($app, $call) {
    $app->store->drop_grant($call->{params}{id});
    return { status => 204, headers => [] };
}

# ---- associations -----------------------------------------------------------

sub _organizations ($app, $call) {
    my $grant = _stored($app, $call->{params}{id});
    my @records = grep {
        $app->store->get(org_grants => "$_->{key}/$grant->{id}")
    } $app->store->records('orgs');
    return list_answer($app, $call, \@records, name => 'organizations',
        checkpoint => 1, view => sub ($record) {
            Auth0M2M::Tenant::Api::Organizations::view($app,
                $record->{data});
        });
}

sub _associated ($app, $call) {
    my $org  = Auth0M2M::Tenant::Api::Organizations::stored($app, $call);
    my $pick = $call->{query}{grant_ids};
    my %picked  = map { $_ => 1 } split /,/, $pick // '';
    my $prefix  = "$org->{id}/";
    my @records = map {
        my $grant = $app->store->get(grants => $_->{data}{grant_id});
        $grant ? { %$_, data => $grant } : ()
        }
        grep { index($_->{key}, $prefix) == 0 }
        $app->store->visible('org_grants', $call->{row}{name});
    @records = grep { !defined $pick || $picked{ $_->{data}{id} } }
        _filtered($call->{query}, @records);
    return list_answer($app, $call, \@records, name => 'client_grants',
        view => \&_data);
}

sub _associate ($app, $call) {
    my $org = $app->store->get(orgs => $call->{params}{id})
        // die problem(404, 'No organization found by that id');
    my $grant = _stored($app, $call->{body}{grant_id});
    my $key   = "$org->{id}/$grant->{id}";
    die problem(409,
        'The client grant has already been added to this organization.')
        if $app->store->get(org_grants => $key);
    my $most = $app->config->{org_grant_limit};
    die problem(409, "Quota exceeded; cannot add more than $most client "
            . 'grants to a single organization')
        if $app->store->pairs_of('org_grants', org => $org->{id}) >= $most;
    $app->store->put(org_grants => $key, { grant_id => $grant->{id} });
    return json_answer(201, _association($app, $grant));
}

# What is seen on the wire has grant_id and lacks id and subject_type.
sub _association ($app, $grant) {
    return $grant if !$app->config->{org_grant_quirk};
    my %seen = (%$grant, grant_id => $grant->{id});
    delete @seen{qw(id subject_type)};
    return \%seen;
}

sub _dissociate ($app, $call) {
    my $org = $app->store->get(orgs => $call->{params}{id})
        // die problem(404, 'No organization found by that id.');
    $app->store->drop(org_grants => "$org->{id}/$call->{params}{grant_id}");
    return { status => 204, headers => [] };
}

1;
