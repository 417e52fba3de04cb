package Auth0M2M::Tenant::Admin;

# The commands of tests: POST /_admin/NAME with a JSON object.

use v5.36;

use Mojo::JSON qw(decode_json false true);

use Auth0M2M::Tenant::Api::Clients       ();
use Auth0M2M::Tenant::Api::Grants        ();
use Auth0M2M::Tenant::Api::Organizations ();
use Auth0M2M::Tenant::Api::Users         ();
use Auth0M2M::Tenant::Demo               ();
use Auth0M2M::Tenant::Keys               ();
use Auth0M2M::Tenant::Store              ();
use Auth0M2M::Tenant::Token              ();
use Auth0M2M::Tenant::Wire               qw(json_answer);

my %COMMAND = (
    add_user              => \&_add_user,
    add_org               => \&_add_org,
    add_member            => \&_add_member,
    add_api               => \&_add_api,
    add_client            => \&_add_client,
    add_management_client => \&_add_management_client,
    add_grant             => \&_add_grant,
    add_credential        => \&_add_credential,
    remove                => \&_remove,
    leftovers => sub ($app, $) { $app->store->leftovers },
    dump      => sub ($app, $) { $app->store->dump },
    reset     => sub ($app, $) { $app->reset; true },
    set       => sub ($app, $o) { $app->set(%$o); true },
    demo      => sub { Auth0M2M::Tenant::Demo::DEMO() },

    token    => \&_token,
    id_token => \&_id_token,
    mint     => \&_mint,
    keys     => sub ($app, $) { [ $app->key_set->list ] },
    rotate   => sub ($app, $o) { $app->key_set->rotate($o->{how}) },
    jwks     => sub ($app, $) { $app->jwks_document },
    jwks_override => \&_jwks_override,
    revoke_tokens => sub ($app, $) { $app->revoke_tokens; true },

    fault        => sub ($app, $o) { $app->faults->add($o->{rule} // $o) },
    faults       => sub ($app, $) { $app->faults->list },
    clear_faults => sub ($app, $) { $app->faults->clear; true },

    journal => sub ($app, $o) { [ $app->journal->find($o) ] },
    count   => sub ($app, $o) { scalar(my @all = $app->journal->find($o)) },
    journal_reset => sub ($app, $) { $app->journal->reset; true },
    stats         => \&_stats,

    outage     => \&_outage,
    tls        => sub ($app, $o) { $app->use_tls($o->{variant}); true },
    close_idle => \&_close_idle,
);

# Runs one; dies when it cannot.
sub call ($app, $name, $arguments) {
    my $code = $COMMAND{$name} or die "no command $name\n";
    return $code->($app, $arguments);
}

# A request to the administration port.
sub request ($app, $connection, $req) {
    my ($name) = $req->{path} =~ m{\A/_admin/(\w+)\z};
    my $options = $req->{body} eq '' ? {} : eval { decode_json($req->{body}) };
    return $connection->send(json_answer(404, { ok => false,
        error => 'POST /_admin/NAME with a JSON object' }))
        if !$name || $req->{method} ne 'POST' || ref $options ne 'HASH';
    return _wait($app, $connection, $options) if $name eq 'wait_journal';
    my $store = $app->store;
    $store->seeding(1);
    my $result = eval { [ call($app, $name, $options) ] };
    my $error  = $@;
    $store->seeding(0);
    return $connection->send($result
        ? json_answer(200, { ok => true, result => $result->[0] })
        : json_answer(400, { ok => false, error => _plain($error) }));
}

sub _plain ($error) {
    return $error->{json}{message} // 'refused' if ref $error;
    return $error =~ s/\s+\z//r;
}

sub _wait ($app, $connection, $options) {
    my %filter = %$options;
    my ($n, $timeout) = delete @filter{qw(n timeout)};
    $app->journal->wait(\%filter, $n // 1, $timeout // 5, sub ($reached) {
        $connection->send(json_answer(200,
            { ok => true, result => $reached ? true : false }));
    });
    return;
}

# ---- contents ---------------------------------------------------------------

sub _booleans ($o, @names) {
    $o->{$_} = $o->{$_} ? true : false for grep { defined $o->{$_} } @names;
    return;
}

sub _add_user ($app, $o) {
    my %new  = %$o;
    my $orgs = delete $new{orgs} // [];
    _booleans(\%new, qw(email_verified blocked phone_verified));
    $new{email_verified} //= true;
    my $user = Auth0M2M::Tenant::Api::Users::record(%new);
    $app->store->put(users => $user->{user_id}, $user);
    _add_member($app, { org => $_, user => $user->{user_id} }) for @$orgs;
    return $user;
}

sub _add_org ($app, $o) {
    my $org = Auth0M2M::Tenant::Api::Organizations::record(
        name => 'org-' . lc Auth0M2M::Tenant::Store::alnum(8), %$o);
    return $app->store->put(orgs => $org->{id}, $org);
}

sub _add_member ($app, $o) {
    return $app->store->put(members => "$o->{org}/$o->{user}",
        { user_id => $o->{user} });
}

sub _add_api ($app, $o) {
    return $app->store->put(apis => $o->{identifier},
        { dialect => 'access_token', scopes => [], %$o });
}

sub _add_client ($app, $o) {
    my %new = (name => 'client', %$o);
    my $key = delete $new{public_key};
    _booleans(\%new, qw(is_first_party oidc_conformant));
    my $client = Auth0M2M::Tenant::Api::Clients::record($app, %new);
    $client->{'-public_key'} = $key if $key;
    return $app->store->put(clients => $client->{client_id}, $client);
}

sub _add_management_client ($app, $o) {
    my %new    = (name => 'management', app_type => 'non_interactive', %$o);
    my $scopes = delete $new{scopes}
        // [@Auth0M2M::Tenant::Store::LEAST_SCOPES];
    my $client = _add_client($app, { %new,
        grant_types => ['client_credentials'] });
    _add_grant($app, { client_id => $client->{client_id},
        audience => $app->audience, scope => $scopes });
    return $client;
}

sub _add_grant ($app, $o) {
    my %new  = %$o;
    my $orgs = delete $new{orgs} // [];
    _booleans(\%new, qw(allow_any_organization allow_all_scopes));
    my $grant = Auth0M2M::Tenant::Api::Grants::record(%new);
    $app->store->put(grants => $grant->{id}, $grant);
    $app->store->put(org_grants => "$_/$grant->{id}",
        { grant_id => $grant->{id} })
        for @$orgs;
    return $grant;
}

# The API named, else the first that is not the Management API.
sub _audience ($app, $o) {
    return $o->{audience} if defined $o->{audience};
    my ($api) = grep { $_->{identifier} ne $app->audience }
        $app->store->all('apis');
    return $api ? $api->{identifier} : 'https://api.acme.example/';
}

sub _add_credential ($app, $o) {
    my %new = (app_type => 'non_interactive', %$o);
    my ($org, $audience, $scope) = delete @new{qw(org audience scope)};
    $audience //= _audience($app, {});
    my $api = $app->store->get(apis => $audience)
        // die "add_credential: no API $audience\n";
    my $client = _add_client($app, { %new,
        grant_types => ['client_credentials'],
        token_endpoint_auth_method => 'client_secret_post',
        (defined $org ? (default_organization => {
            organization_id => $org, flows => ['client_credentials'] }) : ()),
    });
    _add_grant($app, { client_id => $client->{client_id},
        audience => $audience, scope => $scope // $api->{scopes},
        (defined $org ? (organization_usage => 'require',
            allow_any_organization => 0, orgs => [$org]) : ()) });
    return $client;
}

sub _remove ($app, $o) {
    my $store = $app->store;
    my %how = (
        user   => sub ($id) { $store->drop_user($id) },
        org    => sub ($id) { $store->drop_org($id) },
        grant  => sub ($id) { $store->drop_grant($id) },
        client => sub ($id) { $store->drop_client($id, 1) },
    );
    my $code = $how{ $o->{kind} // '' } or die "remove: which kind?\n";
    return $code->($o->{id}) ? true : false;
}

# ---- tokens -----------------------------------------------------------------

sub _overlay ($o) { map { $_ => $o->{$_} } qw(claims header kid) }

sub _token ($app, $o) {
    my $scope = $o->{scope} // [];
    my $audience = _audience($app, $o);
    my $api      = $app->store->get(apis => $audience) // {};
    my $dialect  = $o->{dialect} // $api->{dialect};
    my $claims   = Auth0M2M::Tenant::Token::claims($app,
        client_id => $o->{client_id}
            // Auth0M2M::Tenant::Demo::DEMO()->{customer_id},
        audience => $audience,
        scope    => ref $scope ? $scope : [ split / /, $scope ],
        dialect  => $dialect,
        map { $_ => $o->{$_} } qw(org permissions expires_in));
    return Auth0M2M::Tenant::Token::sign($app, $claims,
        dialect => $dialect, _overlay($o));
}

sub _id_token ($app, $o) {
    my ($user) = grep {
        $_->{user_id} eq ($o->{user} // '')
            || ($_->{email} // '') eq ($o->{user} // '')
    } $app->store->all('users');
    die "id_token: no user $o->{user}\n" if !$user;
    my $now = time;
    my %claims = (
        (map { $_ => $user->{$_} } grep { exists $user->{$_} }
            qw(nickname name picture updated_at email email_verified)),
        iss => $app->issuer,
        aud => $o->{client_id} // Auth0M2M::Tenant::Demo::DEMO()->{spa},
        sub => $user->{user_id},
        iat => $now,
        exp => $now + ($o->{expires_in} // 36000),
        (defined $o->{org} ? (org_id => $o->{org}) : ()),
    );
    return Auth0M2M::Tenant::Token::sign($app, \%claims, _overlay($o));
}

sub _mint ($app, $o) {
    my $own = defined $o->{key} ? undef
        : defined $o->{kid} ? $app->key_set->by_kid($o->{kid})
        // die "mint: no key $o->{kid}\n"
        : $app->key_set->current;
    my $alg = $o->{alg} // $o->{header}{alg} // ($own ? $own->{alg} : 'RS256');
    my $header = Auth0M2M::Tenant::Token::lay(
        { alg => $alg, typ => 'JWT', ($own ? (kid => $own->{kid}) : ()) },
        $o->{header});
    return Auth0M2M::Tenant::Keys::sign_jws($header,
        $o->{payload} // $o->{claims} // {},
        $own ? $own->{pk} : $o->{key}, $alg);
}

sub _jwks_override ($app, $o) {
    $app->{jwks_override} = %$o ? $o : undef;
    return true;
}

# ---- network ----------------------------------------------------------------

sub _stats ($app, $) {
    my $open = 0;
    $open += $_->open_count for $app->servers;
    my %count = %{ $app->{counters} };
    delete $count{opened};
    return { %count, open => $open };
}

sub _outage ($app, $o) {
    my $how = $o->{how} // 'refuse';
    $_->outage($how) for $app->servers;
    return true;
}

sub _close_idle ($app, $) {
    my $n = 0;
    $n += $_->close_idle for $app->servers;
    return $n;
}

1;
