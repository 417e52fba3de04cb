package Auth0M2M::Tenant::Api::Users;

# Users and the organizations they are in.

use v5.36;

use Digest::MD5 qw(md5_hex);
use Mojo::JSON  qw(true false);

use Auth0M2M::Tenant::Api::Lists         qw(list_answer pick_fields PAGING
    FIELDS);
use Auth0M2M::Tenant::Api::Organizations ();
use Auth0M2M::Tenant::Problem            qw(not_found problem
    require_scope);
use Auth0M2M::Tenant::Schema             qw(bool object string);
use Auth0M2M::Tenant::Store              ();
use Auth0M2M::Tenant::Wire               qw(header json_answer);

my $PICTURE = 'https://s.gravatar.com/avatar/%s?s=480&r=pg';

my %ID = (id => string('The user_id of the user to retrieve',
    pattern => '^.+\|.+$'));

my %ATTRIBUTES = (
    email => string('The user\'s email.', format => 'email'),
    phone_number => string('The user\'s phone number (following the E.164 '
            . 'recommendation).', pattern => '^\+[0-9]{1,15}$'),
    user_metadata => object('Data related to the user that does not affect '
            . 'the application\'s core functionality.', {}),
    app_metadata => object('Data related to the user that does affect the '
            . 'application\'s core functionality.', {}),
    blocked => bool('Whether this user was blocked by an administrator '
            . '(true) or not (false).'),
    email_verified => bool('Whether this email address is verified (true) or '
            . 'unverified (false).'),
    phone_verified => bool('Whether this phone number has been verified '
            . '(true) or not (false).'),
    given_name  => string('The user\'s given name(s).',
        minLength => 1, maxLength => 150),
    family_name => string('The user\'s family name(s).',
        minLength => 1, maxLength => 150),
    name     => string('The user\'s full name.',
        minLength => 1, maxLength => 300),
    nickname => string('The user\'s nickname.',
        minLength => 1, maxLength => 300),
    picture  => string('A URI pointing to the user\'s picture.',
        format => 'strict-uri'),
    username => string('The user\'s username. Only valid if the connection '
            . 'requires a username.', minLength => 1, maxLength => 128),
    password => string('Initial password for this user. Only valid for auth0 '
            . 'connection strategy.', minLength => 1),
    verify_email => bool('Whether the user will receive a verification email '
            . 'after creation (true) or no email (false).'),
    connection => string('Name of the connection this user should be created '
            . 'in.', minLength => 1),
);

my $CREATE = object('', {
    %ATTRIBUTES,
    user_id => string('The external user\'s id provided by the identity '
            . 'provider.', maxLength => 255, pattern => '^\S*$'),
}, required => ['connection'], additional => 0);

# In a PATCH null removes an attribute.
my %REMOVABLE = map { $_ => 1 } qw(email phone_number given_name family_name
    name nickname picture username password);
my $UPDATE = object('', { map {
    my %schema = %{ $ATTRIBUTES{$_} };
    $schema{type} = [ @{ $schema{type} }, 'null' ] if $REMOVABLE{$_};
    $_ => \%schema
} keys %ATTRIBUTES });

sub rows () {
    my $user = '/users/{id}';
    return (
        { name => 'users_by_email', method => 'GET',
            path => '/users-by-email', scopes => ['read:users'],
            query => { FIELDS, email => string(
                'Email address to search for (case-sensitive).',
                required_here => 1) },
            code => \&_by_email },
        { name => 'user_create', method => 'POST', path => '/users',
            scopes => ['create:users'], body => $CREATE, code => \&_create },
        { name => 'user_get', method => 'GET', path => $user,
            scopes => ['read:users'], params => \%ID, query => {FIELDS},
            code => \&_get },
        { name => 'user_update', method => 'PATCH', path => $user,
            scopes => [qw(update:users update:users_app_metadata)],
            params => \%ID, body => $UPDATE, code => \&_update },
        { name => 'user_organizations', method => 'GET',
            path   => "$user/organizations",
            scopes => [qw(read:users read:organizations)],
            params => \%ID, query => {PAGING}, code => \&_organizations },
    );
}

sub _by_email ($app, $call) {
    my $email = $call->{query}{email};
    return json_answer(200, [ map { pick_fields($call, $_) }
        grep { ($_->{email} // '') eq $email } $app->store->all('users') ]);
}

sub _stored ($app, $call) {
    return $app->store->get(users => $call->{params}{id})
        // die not_found('users');
}

sub _get ($app, $call) {
    return json_answer(200, pick_fields($call, _stored($app, $call)));
}

sub _create ($app, $call) {
    my %new = %{ $call->{body} };
    die problem(409, 'The tenant has multiple verified custom domains.',
        'custom_domain_conflict')
        if $app->config->{custom_domains}
        && !header($call->{req}, 'auth0-custom-domain');
    my $user = record(%new);
    die problem(409, 'The user already exists.', 'auth0_idp_error')
        if $app->store->get(users => $user->{user_id})
        || grep { _same_account($_, $user) } $app->store->all('users');
    return json_answer(201, $app->store->put(
        users => $user->{user_id}, $user));
}

sub _same_account ($one, $two) {
    return defined $one->{email} && defined $two->{email}
        && $one->{email} eq $two->{email}
        && $one->{identities}[0]{connection}
        eq $two->{identities}[0]{connection};
}

# A user as stored, from the fields of POST /users.  A whole user_id
# ("provider|id") is taken as it is.
sub record (%new) {
    my $connection = delete $new{connection}
        // 'Username-Password-Authentication';
    delete @new{qw(password verify_email)};
    my $given = delete $new{user_id};
    my ($provider, $id) = defined $given && $given =~ /\|/
        ? split /\|/, $given, 2
        : ('auth0', length($given // '') ? $given
            : Auth0M2M::Tenant::Store::new_user_id());
    $new{email} = lc $new{email} if defined $new{email};
    my $now = Auth0M2M::Tenant::Store::timestamp();
    return {
        created_at     => $now,
        updated_at     => $now,
        email_verified => false,
        identities     => [ {
            connection => $connection,
            provider   => $provider,
            user_id    => $id,
            isSocial   => $provider eq 'auth0' ? false : true,
        } ],
        user_id => "$provider|$id",
        _names_of($new{email}),
        %new,
    };
}

sub _names_of ($email) {
    return if !defined $email;
    my $bytes = $email;
    utf8::encode($bytes);
    return (name => $email, nickname => $email =~ s/@.*//r,
        picture => sprintf $PICTURE, md5_hex($bytes));
}

sub _update ($app, $call) {
    my $user = _stored($app, $call);
    my %new  = %{ $call->{body} };
    require_scope($call, 'update:users')
        if grep { $_ ne 'app_metadata' } keys %new;
    delete @new{qw(password connection verify_email)};
    for my $name (grep { exists $new{$_} } qw(app_metadata user_metadata)) {
        my $merged = merge($user->{$name}, delete $new{$name});
        $user = { %$user, $name => $merged };
    }
    $new{email} = lc $new{email} if defined $new{email};
    $user = { %$user, %new,
        updated_at => Auth0M2M::Tenant::Store::timestamp() };
    delete @$user{ grep { !defined $user->{$_} } keys %$user };
    $app->store->put(users => $user->{user_id}, $user);
    return json_answer(200, $user);
}

# First level only: null deletes a key, {} wipes the lot.
sub merge ($old, $new) {
    return {} if !%$new;
    my %merged = (%{ $old // {} }, %$new);
    delete @merged{ grep { !defined $merged{$_} } keys %merged };
    return \%merged;
}

sub _organizations ($app, $call) {
    my $user = _stored($app, $call);
    my %mine = map { (split m{/}, $_->{key}, 2)[0] => 1 }
        $app->store->pairs_of('members', id => $user->{user_id});
    my @records = grep { $mine{ $_->{key} } }
        $app->store->visible('orgs', $call->{row}{name});
    return list_answer($app, $call, \@records, name => 'organizations',
        view => sub ($record) {
            Auth0M2M::Tenant::Api::Organizations::view($app,
                $record->{data});
        },
        ($app->config->{total_zero} ? (total => 0) : ()));
}

1;
